//! A hold: collection, or all contact, stops for one person and some or all of their debts, from one
//! day to another. What is asked for in words is read here, the same for every door; whom it finds is
//! asked of the store, and what it stops is the gate's business.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::personal::unprinted;
use super::value::nino::Nino;

/// What text a hold may bring, in bytes: references, reasons.
const TEXT_BYTES_MAX: usize = 1_000;
/// How many debts one hold may name.
const DEBTS_MAX: usize = 100;

/// Whom a hold names.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The resident of that number.
    Resident(i64),
    /// Whoever has this National Insurance number, the suffix left out, and was born then.
    Nino { nino: String, birth_date: NaiveDate },
    /// The people on a system's record; the one with that key, where it is said.
    Record { source: String, key: String, party: Option<String> },
    /// Everybody who is liable for the account of this reference, in whichever system.
    Account(String),
}

impl Who {
    /// As it is written in the table `hold`.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// As it was written.
    pub fn from_json(json: &str) -> Option<Who> {
        serde_json::from_str(json).ok()
    }

    /// By what the person is named, in words without the value.
    pub fn by(&self) -> &'static str {
        match self {
            Who::Resident(_) => "the resident's number",
            Who::Nino { .. } => "National Insurance number and birth date",
            Who::Record { .. } => "a system's key",
            Who::Account(_) => "an account's reference",
        }
    }
}

/// A hold as somebody asks for it: words, as they stand on a command line, in a row of a file or in a
/// call. Exactly one of the ways to name the person is used.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Asked {
    pub kind: String,
    pub resident: Option<String>,
    pub nino: Option<String>,
    pub birth_date: Option<String>,
    pub source: Option<String>,
    pub key: Option<String>,
    pub party: Option<String>,
    pub account: Option<String>,
    /// References of accounts; all debts where there is none.
    pub debts: Vec<String>,
    /// The first day and the last, `2026-04-01`.
    pub from: Option<String>,
    pub until: Option<String>,
    pub reference: Option<String>,
    pub reason: Option<String>,
}

/// A hold that was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Wanted {
    pub kind: String,
    pub who: Who,
    pub debts: Vec<String>,
    pub from: Option<NaiveDate>,
    pub until: Option<NaiveDate>,
    pub reference: Option<String>,
    pub reason: String,
}

/// A hold in force, as the gate sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    pub id: i64,
    pub kind: String,
    /// When it ends, if that is known (UTC milliseconds).
    pub until_ms: Option<i64>,
    /// The accounts it covers: all where there is none; 0 is one that is not known yet.
    pub debts: Vec<i64>,
}

impl InForce {
    /// Whether it covers a debt. A hold that names one which is not known covers all of them, until it
    /// is; and what is of no known debt may be of any.
    pub fn covers(&self, account_id: Option<i64>) -> bool {
        self.debts.is_empty()
            || self.debts.contains(&0)
            || account_id.is_none_or(|account| self.debts.contains(&account))
    }
}

/// What cannot be understood, with the field and what to write. It never quotes a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub field: &'static str,
    pub what: &'static str,
}

impl Asked {
    /// Reads the words. Whether the kind is one of the council's is asked of its policy.
    pub fn read(&self) -> Result<Wanted, Fault> {
        let kind = said(&self.kind).ok_or(fault("kind", "say which kind of hold it is"))?;
        let from = self.day("from", self.from.as_deref())?;
        let until = self.day("until", self.until.as_deref())?;
        if from.zip(until).is_some_and(|(from, until)| until < from) {
            return Err(fault("until", "the last day comes before the first"));
        }
        let mut debts: Vec<String> =
            self.debts.iter().filter_map(|debt| said(debt)).map(str::to_owned).collect();
        debts.sort();
        debts.dedup();
        if debts.len() > DEBTS_MAX {
            return Err(fault("debts", "at most 100 are named; name none to hold all of them"));
        }
        let reason = self.reason.as_deref().and_then(said);
        let reason = reason.ok_or(fault("reason", "say why, for whoever reads it later"))?;
        let reference = self.reference.as_deref().and_then(said);
        let texts = [Some(reason), reference].into_iter().flatten();
        if texts.chain(debts.iter().map(String::as_str)).any(|one| one.len() > TEXT_BYTES_MAX) {
            return Err(fault("reason", "a text is longer than 1,000 bytes"));
        }
        Ok(Wanted {
            kind: kind.to_owned(),
            who: self.who()?,
            debts,
            from,
            until,
            reference: reference.map(str::to_owned),
            reason: reason.to_owned(),
        })
    }

    fn who(&self) -> Result<Who, Fault> {
        let part = |part: &Option<String>| part.as_deref().and_then(said).map(str::to_owned);
        let (nino, born) = (part(&self.nino), part(&self.birth_date));
        let (source, key, party) = (part(&self.source), part(&self.key), part(&self.party));
        match (part(&self.resident), nino, (source, key), part(&self.account)) {
            (Some(id), None, (None, None), None) => {
                let id = id.parse().ok().filter(|id| *id > 0);
                id.map(Who::Resident).ok_or(fault("resident", "it is a number, such as 60117"))
            }
            (None, Some(nino), (None, None), None) => {
                let nino = Nino::parse(&nino)
                    .map_err(|_| fault("nino", "it is not a National Insurance number"))?;
                let born = self.day("birth_date", born.as_deref())?.ok_or(fault(
                    "birth_date",
                    "a National Insurance number comes with the birth date, so that a slip names nobody else",
                ))?;
                Ok(Who::Nino { nino: nino.stem().to_owned(), birth_date: born })
            }
            (None, None, (Some(source), Some(key)), None) => Ok(Who::Record { source, key, party }),
            (None, None, (None, None), Some(account)) => Ok(Who::Account(account)),
            (None, None, (Some(_), None) | (None, Some(_)), None) => {
                Err(fault("source", "a system and its key go together"))
            }
            (None, None, (None, None), None) => Err(fault(
                "resident",
                "say who: by `resident`, by `nino` and `birth_date`, by `source` and `key`, or by `account`",
            )),
            _ => Err(fault("resident", "the person is named in several ways: keep the surest")),
        }
    }

    fn day(&self, field: &'static str, text: Option<&str>) -> Result<Option<NaiveDate>, Fault> {
        let Some(text) = text.and_then(said) else { return Ok(None) };
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        let sensible = day.filter(|day| (1900..=2200).contains(&chrono::Datelike::year(day)));
        sensible.map(Some).ok_or(fault(field, "a day is written as 2026-04-01"))
    }
}

fn said(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

fn fault(field: &'static str, what: &'static str) -> Fault {
    Fault { field, what }
}

unprinted!(Who, Asked, Wanted);

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(change: impl FnOnce(&mut Asked)) -> Result<Wanted, Fault> {
        let text = |text: &str| Some(text.to_owned());
        let mut asked = Asked {
            kind: "breathing_space".to_owned(),
            nino: text("qq 12 34 56 a"),
            birth_date: text("1984-02-29"),
            reason: text("the Insolvency Service says so"),
            ..Asked::default()
        };
        change(&mut asked);
        asked.read()
    }

    #[test]
    fn words_are_read_and_a_suffix_names_nobody_else() {
        let born = NaiveDate::from_ymd_opt(1984, 2, 29).unwrap();
        let who = Who::Nino { nino: "QQ123456".to_owned(), birth_date: born };
        let wanted = asked(|_| {}).unwrap();
        assert!(wanted.who == who);
        assert!(Who::from_json(&who.json()) == Some(who));
        let debts = ["9900000042", " 17 ", "", "17"].map(str::to_owned).to_vec();
        assert_eq!(asked(|asked| asked.debts = debts).unwrap().debts, ["17", "9900000042"]);
    }

    #[test]
    fn what_is_missing_doubtful_or_impossible_is_told_with_its_field() {
        let text = |text: &str| Some(text.to_owned());
        type Change = fn(&mut Asked);
        let cases: [(Change, &str); 10] = [
            (|asked| asked.kind = " ".to_owned(), "kind"),
            (|asked| asked.reason = None, "reason"),
            (|asked| asked.birth_date = None, "birth_date"),
            (|asked| asked.nino = Some("1234".to_owned()), "nino"),
            (|asked| asked.nino = None, "resident"),
            (|asked| asked.account = Some("9900000042".to_owned()), "resident"),
            (|asked| (asked.nino, asked.key) = (None, Some("1".to_owned())), "source"),
            (|asked| (asked.nino, asked.resident) = (None, Some("-1".to_owned())), "resident"),
            (|asked| asked.from = Some("01/04/2026".to_owned()), "from"),
            (|asked| asked.until = Some("2026-02-30".to_owned()), "until"),
        ];
        for (change, field) in cases {
            assert_eq!(asked(change).err().map(|fault| fault.field), Some(field));
        }
        let turned = asked(|asked| {
            (asked.from, asked.until) = (text("2026-04-02"), text("2026-04-01"));
        });
        assert_eq!(turned.err().map(|fault| fault.field), Some("until"));
    }

    #[test]
    fn a_debt_that_is_not_known_is_not_left_out() {
        let hold = |debts: &[i64]| InForce {
            id: 1,
            kind: "dispute".to_owned(),
            until_ms: None,
            debts: debts.to_vec(),
        };
        for (debts, account, covered) in [
            (&[][..], Some(7), true),
            (&[7], Some(7), true),
            (&[7], Some(8), false),
            (&[7, 0], Some(8), true),
            (&[7], None, true),
        ] {
            assert_eq!(hold(debts).covers(account), covered, "{debts:?} {account:?}");
        }
    }
}
