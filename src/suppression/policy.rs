//! The council's rules of suppression, as the gate applies them: what each kind of hold stops and for
//! how long, whom a hold of one debtor protects, the hours at which nobody is written to, and how
//! often somebody is. Where the law is read in two ways, the usual value protects more people.

use chrono::{Days, NaiveDate};

use crate::record::delivery::{Channel, Contact};
use crate::record::facts::{Facts, Value};
use crate::record::moment::Moment;
use crate::record::schema;

/// What may leave, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub kinds: Vec<HoldKind>,
    pub joint: Joint,
    pub quiet: Vec<Quiet>,
    pub caps: Vec<Cap>,
}

/// One kind of hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldKind {
    pub name: String,
    pub stops: Stops,
    /// It ends by itself so many days after it began; none where it lasts until it is lifted.
    pub longest_days: Option<u32>,
    /// When it is lifted it goes on for so many days: a crisis moratorium outlasts the treatment.
    pub runs_on_days: u32,
    pub current_year: CurrentYear,
}

/// What a hold stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stops {
    Collection,
    AllContact,
}

/// Whether this year's council tax is among the debts that a hold covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CurrentYear {
    Covered,
    /// Only once a reminder was served, or the year's last instalment has passed unpaid.
    CoveredAfterDefault,
}

/// Whom the hold of one of several debtors protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joint {
    /// Everybody who is liable for the debt.
    HoldForAll,
    /// The person that it names.
    NamedOnly,
}

/// Hours at which nothing is sent. They may go past midnight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    /// Every channel where none is named.
    pub channels: Vec<Channel>,
    /// Minutes since midnight, in London.
    pub from_minute: u32,
    pub until_minute: u32,
    /// Purposes that cannot wait.
    pub except: Vec<String>,
}

/// How often somebody is contacted at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cap {
    /// Taken together; every channel where none is named.
    pub channels: Vec<Channel>,
    pub most: usize,
    pub days: u32,
    /// Whether only collection is counted, and stopped.
    pub collection_only: bool,
    pub except: Vec<String>,
}

/// A day of a cap, whatever the clocks do.
pub const DAY_MS: i64 = 86_400_000;

impl Default for Policy {
    /// What holds where nothing is said: the kinds that the law and every council know.
    fn default() -> Policy {
        let kind = |name: &str| HoldKind::named(name);
        Policy {
            kinds: vec![
                HoldKind { longest_days: Some(60), ..kind("breathing_space") },
                HoldKind { runs_on_days: 30, ..kind("mental_health_crisis") },
                kind("dispute"),
                kind("bereavement"),
                kind("insolvency"),
                kind("manual"),
            ],
            joint: Joint::HoldForAll,
            quiet: Vec::new(),
            caps: Vec::new(),
        }
    }
}

impl Policy {
    /// The kind of that name.
    pub fn kind(&self, name: &str) -> Option<&HoldKind> {
        self.kinds.iter().find(|kind| kind.name == name)
    }

    /// The names of the kinds there are.
    pub fn kind_names(&self) -> Vec<&str> {
        self.kinds.iter().map(|kind| kind.name.as_str()).collect()
    }

    /// The longest time that a cap looks back; none where nothing is counted.
    pub fn counted_days(&self) -> Option<u32> {
        self.caps.iter().map(|cap| cap.days).max()
    }

    /// Whether an account's facts may decide what a hold covers.
    pub fn asks_of_accounts(&self) -> bool {
        self.kinds.iter().any(|kind| kind.current_year == CurrentYear::CoveredAfterDefault)
    }
}

impl HoldKind {
    /// One that stops collection until it is lifted.
    pub fn named(name: &str) -> HoldKind {
        HoldKind {
            name: name.to_owned(),
            stops: Stops::Collection,
            longest_days: None,
            runs_on_days: 0,
            current_year: CurrentYear::Covered,
        }
    }

    /// When a hold of this kind that begins on that day has to be over.
    pub fn ends_by(&self, from: NaiveDate) -> Option<Moment> {
        let end = from.checked_add_days(Days::new(u64::from(self.longest_days?)))?;
        Some(Moment::at(end, 0))
    }

    /// Whether an account's debt is among those that this kind covers.
    pub fn covers(&self, account: Option<(&str, &Facts)>, today: NaiveDate) -> bool {
        match (self.current_year, account) {
            (CurrentYear::CoveredAfterDefault, Some(("council_tax", facts))) => {
                is_in_default(facts, today)
            }
            _ => true,
        }
    }
}

/// Whether more than the current year's bill, not yet in default, is owed: earlier years' arrears, a
/// reminder or anything after it, or a last instalment that passed unpaid. What cannot be told is in
/// default: then the hold covers it.
fn is_in_default(facts: &Facts, today: NaiveDate) -> bool {
    let get = |name: &str| facts.get(schema::account_id(name)?);
    let whole = |name: &str| match get(name) {
        Some(Value::Whole(pence)) => Some(*pence),
        _ => None,
    };
    let stage = schema::account_id("stage").and_then(|id| facts.text(id));
    if whole("arrears").is_some_and(|pence| pence > 0) || stage.is_some_and(|at| at != "billed") {
        return true;
    }
    let list = schema::LISTS.iter().position(|list| list.name == "instalments");
    let Some(list) = list else { return true };
    let part = |item: &[(u16, Value)], name: &str| {
        let id = schema::LISTS[list].fields.iter().position(|field| field.name == name)?;
        let found = item.iter().find(|(field, _)| usize::from(*field) == id);
        found.map(|(_, value)| value.clone())
    };
    let due = |item: &[(u16, Value)]| match part(item, "due") {
        Some(Value::Text(day)) => day.parse::<NaiveDate>().ok(),
        _ => None,
    };
    let last = facts.list(list as u16).iter().filter_map(|item| Some((due(item)?, item)));
    let Some((day, last)) = last.max_by_key(|(day, _)| *day) else { return true };
    let pence = |name: &str| match part(last, name) {
        Some(Value::Whole(pence)) => pence,
        _ => 0,
    };
    day < today && pence("paid") < pence("amount")
}

impl Quiet {
    /// When these hours end, where they are now and mean this message.
    pub fn ends(&self, channel: Channel, purpose: &str, now_ms: i64) -> Option<Moment> {
        let meant = self.channels.is_empty() || self.channels.contains(&channel);
        if !meant || self.except.iter().any(|one| one == purpose) {
            return None;
        }
        let (now, from, until) = (Moment(now_ms).minute(), self.from_minute, self.until_minute);
        let (quiet, tomorrow) = match from <= until {
            true => (from <= now && now < until, false),
            false => (now >= from || now < until, now >= from),
        };
        let today = Moment(now_ms).day();
        let day = if tomorrow { today.checked_add_days(Days::new(1))? } else { today };
        quiet.then(|| Moment::at(day, until))
    }
}

impl Cap {
    /// When one more may be sent, where it may not be now: when the oldest of those that fill the cap
    /// is so many days back.
    pub fn frees(&self, message: Contact, purpose: &str, contacts: &[Contact]) -> Option<i64> {
        let meant = |contact: &Contact| {
            (self.channels.is_empty() || self.channels.contains(&contact.channel))
                && (contact.collection || !self.collection_only)
        };
        if !meant(&message) || self.except.iter().any(|one| one == purpose) {
            return None;
        }
        let window_ms = i64::from(self.days) * DAY_MS;
        let mut counted: Vec<i64> = contacts
            .iter()
            .filter(|one| meant(one) && one.at_ms + window_ms > message.at_ms)
            .map(|one| one.at_ms)
            .collect();
        counted.sort_unstable();
        let full = counted.len().checked_sub(self.most)?;
        counted.get(full).map(|oldest| oldest + window_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn sixty_days_are_counted_with_the_first() {
        let policy = Policy::default();
        let kind = policy.kind("breathing_space").unwrap();
        let ends = kind.ends_by(day("2026-11-01")).unwrap();
        assert_eq!(ends.to_string(), "Thu 31 Dec 2026, 00:00 GMT");
        assert_eq!(policy.kind("dispute").unwrap().ends_by(day("2026-11-01")), None);
    }

    #[test]
    fn quiet_hours_go_past_midnight_and_end_by_londons_clock() {
        let quiet = |from: u32, until: u32| Quiet {
            channels: vec![Channel::Sms],
            from_minute: from * 60,
            until_minute: until * 60,
            except: vec!["urgent".to_owned()],
        };
        for (from, until, now, ends) in [
            (20, 8, "2026-07-01T19:00:00Z", Some("2026-07-02T07:00:00.000Z")),
            (20, 8, "2026-07-01T18:59:00Z", None),
            (20, 8, "2026-07-02T06:59:00Z", Some("2026-07-02T07:00:00.000Z")),
            (20, 8, "2026-07-02T07:00:00Z", None),
            (12, 14, "2026-12-01T12:00:00Z", Some("2026-12-01T14:00:00.000Z")),
            (12, 14, "2026-12-01T14:00:00Z", None),
            // The night on which the clocks go back.
            (20, 8, "2026-10-24T19:30:00Z", Some("2026-10-25T08:00:00.000Z")),
        ] {
            let found = quiet(from, until).ends(Channel::Sms, "service", at(now));
            assert_eq!(found.map(Moment::utc_said).as_deref(), ends, "{now}");
        }
        let now = at("2026-12-01T22:00:00Z");
        assert_eq!(quiet(20, 8).ends(Channel::Letter, "service", now), None);
        assert_eq!(quiet(20, 8).ends(Channel::Sms, "urgent", now), None);
    }

    #[test]
    fn a_cap_frees_when_the_oldest_that_fills_it_is_over() {
        let cap = |collection_only| Cap {
            channels: vec![Channel::Sms],
            most: 2,
            days: 7,
            collection_only,
            except: vec![],
        };
        let contact =
            |days: i64, channel, collection| Contact { channel, collection, at_ms: days * DAY_MS };
        let sms = |days| contact(days, Channel::Sms, true);
        let now = sms(20);
        for (contacts, frees) in [
            (vec![sms(14)], None),
            (vec![sms(14), sms(19)], Some(21)),
            (vec![sms(13), sms(19)], None),
            (vec![sms(19), sms(15), sms(16)], Some(23)),
            (vec![sms(14), contact(19, Channel::Email, true)], None),
            (vec![sms(14), contact(19, Channel::Sms, false)], None),
        ] {
            let found = cap(true).frees(now, "collection", &contacts);
            assert_eq!(found, frees.map(|days: i64| days * DAY_MS), "{contacts:?}");
        }
        let others = [sms(14), contact(19, Channel::Sms, false)];
        assert_eq!(cap(false).frees(now, "collection", &others), Some(21 * DAY_MS));
        let service = contact(20, Channel::Sms, false);
        assert_eq!(cap(true).frees(service, "service", &[sms(18), sms(19)]), None);
    }

    #[test]
    fn this_years_bill_is_covered_after_a_reminder_or_an_unpaid_last_instalment() {
        let kind = HoldKind {
            current_year: CurrentYear::CoveredAfterDefault,
            ..HoldKind::named("breathing_space")
        };
        let instalments = |paid: i64| {
            let due = |day: &str, paid| {
                let text = Value::Text(day.to_owned());
                vec![(1, text), (2, Value::Whole(100)), (3, Value::Whole(paid))]
            };
            let mut facts = Facts::default();
            facts.set_list(0, vec![due("2026-04-01", 0), due("2027-01-01", paid)]);
            facts
        };
        let with = |name: &str, value| {
            let mut facts = instalments(0);
            facts.set(schema::account_id(name).unwrap(), value);
            facts
        };
        let text = |text: &str| Value::Text(text.to_owned());
        for (facts, today, covered) in [
            (instalments(0), "2026-11-01", false),
            (instalments(0), "2027-01-02", true),
            (instalments(100), "2027-01-02", false),
            (with("stage", text("billed")), "2026-11-01", false),
            (with("stage", text("reminder")), "2026-11-01", true),
            (with("arrears", Value::Whole(1)), "2026-11-01", true),
            (Facts::default(), "2026-11-01", true),
        ] {
            let found = kind.covers(Some(("council_tax", &facts)), day(today));
            assert_eq!(found, covered, "{today} {facts:?}");
            assert!(kind.covers(Some(("rent", &facts)), day(today)));
            assert!(HoldKind::named("x").covers(Some(("council_tax", &facts)), day(today)));
        }
        assert!(kind.covers(None, day("2026-11-01")));
    }
}
