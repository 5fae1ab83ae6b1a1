//! The common record of one resident: each value, where it is from, why it won and who says otherwise;
//! the accounts, the holds in force, the latest deliveries.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;

use super::nobody;
use super::relations::Related;
use crate::app::context::AppError;
use crate::app::deliveries::line::Line;
use crate::app::sight::Sight;
use crate::record::facts::Facts;
use crate::record::moment::Moment;
use crate::record::schema::{self, Class, FieldId};
use crate::resolution::policy::Policy;
use crate::resolution::survivorship::{Because, Word, explain, unit_of};
use crate::store::database::{Database, StoreError};
use crate::store::deliveries::{self, Filter};
use crate::store::holds::{self, HoldRow};
use crate::store::identity;
use crate::store::people::{self, Party, Resident};
use crate::store::residents::read_facts;

/// How many deliveries are shown: the list has all of them.
const LATEST: i64 = 5;

/// A resident as a person sees one.
#[derive(Debug, Serialize)]
pub struct Shown {
    resident: i64,
    version: i64,
    known_since: Moment,
    last_changed: Moment,
    fields: Vec<Field>,
    accounts: Vec<Account>,
    related: Vec<Related>,
    holds: Vec<InForce>,
    deliveries: Vec<Line>,
}

/// One value of the record.
#[derive(Debug, Serialize)]
struct Field {
    field: &'static str,
    value: String,
    /// What is chosen together with it.
    unit: &'static str,
    from: Option<Origin>,
    because: String,
    others: Vec<Other>,
}

/// Where a value is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Origin {
    party: i64,
    source: String,
    reference: String,
    record: i64,
    file: Option<String>,
    batch: Option<i64>,
    at: Moment,
}

/// Another party's word about the same.
#[derive(Debug, Serialize)]
struct Other {
    value: String,
    from: Origin,
    /// Whether its record no longer names the person.
    ended: bool,
}

/// A record that names the resident, with the account it is about.
#[derive(Debug, Serialize)]
struct Account {
    kind: Option<String>,
    role: String,
    from: Origin,
    ended: Option<Moment>,
    gone: Option<Moment>,
    as_of: Option<Moment>,
    facts: Vec<(&'static str, String)>,
}

#[derive(Debug, Serialize)]
struct InForce {
    hold: i64,
    kind: String,
    reason: String,
    from: Moment,
    until: Option<Moment>,
}

impl Shown {
    pub async fn of(
        database: &Database,
        id: i64,
        policy: Option<&Policy>,
        sight: Sight,
        now_ms: i64,
    ) -> Result<Shown, AppError> {
        // A number that was merged leads to the one that stayed.
        let id = identity::leads_to(database, id).await?.ok_or_else(|| nobody(id))?;
        let row = people::resident(database, id).await?.ok_or_else(|| nobody(id))?;
        let parties = people::parties(database, id).await?;
        let facts = read_facts(&row.facts, schema::PARTY, "resident", id)?;
        let words: Vec<(&Party, Facts)> = parties
            .iter()
            .map(|party| Ok((party, read_facts(&party.facts, schema::PARTY, "party", party.id)?)))
            .collect::<Result<_, StoreError>>()?;
        let filter = Filter { resident_id: Some(id), ..Filter::default() };
        let latest = deliveries::list(database, &filter, i64::MAX, LATEST).await?;
        let holds = holds::of_resident(database, id).await?;
        let record = Record { row: &row, words: &words, policy, sight };
        Ok(Shown {
            resident: id,
            version: row.version,
            known_since: Moment(row.created_ms),
            last_changed: Moment(row.updated_ms),
            fields: facts
                .fields()
                .iter()
                .map(|(field, value)| record.field(*field, value))
                .collect(),
            accounts: parties
                .iter()
                .map(|party| account(party, sight))
                .collect::<Result<_, _>>()?,
            related: Related::of(database, id).await?,
            holds: holds.iter().filter_map(|hold| in_force(hold, sight, now_ms)).collect(),
            deliveries: latest.iter().map(|row| Line::of(row, sight, now_ms)).collect(),
        })
    }

    /// For machines.
    pub fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// For people.
    pub fn text(&self, sight: Sight) -> String {
        let mut text = format!(
            "Resident {} · version {} · known since {} · last changed {}\n{}\n",
            self.resident,
            self.version,
            self.known_since,
            self.last_changed,
            sight.note()
        );
        let mut above = None;
        for field in &self.fields {
            let origin = Some((&field.from, &field.because));
            if above != origin {
                let from = field.from.as_ref().map_or("unknown".to_owned(), Origin::text);
                text.push_str(&format!("\nFrom {from}: {}\n", field.because));
                above = origin;
            }
            text.push_str(&format!("  {:<26} {}\n", field.field, field.value));
            for other in &field.others {
                let ended = if other.ended { ", which no longer names them" } else { "" };
                let from = other.from.text();
                text.push_str(&format!("  {:<26} ≠ {} says {from}{ended}\n", "", other.value));
            }
        }
        text.push_str("\nAccounts and records\n");
        self.accounts.iter().for_each(|account| text.push_str(&account.text()));
        text.push_str("\nRelated\n");
        if self.related.is_empty() {
            text.push_str("  nobody is known\n");
        }
        self.related.iter().for_each(|one| text.push_str(&one.text()));
        text.push_str("\nHolds in force\n");
        if self.holds.is_empty() {
            text.push_str("  none\n");
        }
        for hold in &self.holds {
            let until = hold.until.map(|until| format!(" until {until}")).unwrap_or_default();
            let InForce { hold, kind, reason, from, .. } = hold;
            text.push_str(&format!("  {hold}  {kind} since {from}{until}: {reason}\n"));
        }
        text.push_str("\nLatest messages\n");
        if self.deliveries.is_empty() {
            text.push_str("  none\n");
        }
        for line in &self.deliveries {
            let (what, became) = (line.content.said(), line.became());
            text.push_str(&format!("  {}  {what}: {became}\n", line.delivery));
        }
        text.push_str(&format!(
            "\nWhy each was sent: `viaduct resident history {}`.\n",
            self.resident
        ));
        text
    }
}

/// A resident's row and the words it was made from.
struct Record<'a> {
    row: &'a Resident,
    words: &'a [(&'a Party, Facts)],
    policy: Option<&'a Policy>,
    sight: Sight,
}

impl Record<'_> {
    fn field(&self, id: FieldId, value: &crate::record::facts::Value) -> Field {
        let field = &schema::PARTY[id as usize];
        let unit = unit_of(field);
        let words: Vec<Word<'_>> =
            self.words.iter().map(|(party, facts)| word(party, facts)).collect();
        let today = self.policy.and_then(|policy| explain(&words, policy, unit));
        let says = |party: i64| {
            let said = self.words.iter().find(|(known, _)| known.id == party);
            said.is_some_and(|(_, facts)| facts.get(id) == Some(value))
        };
        let winner = (self.recorded(unit))
            .or(today.map(|(party, _)| party).filter(|party| says(*party)))
            .or(self.words.iter().map(|(party, _)| party.id).find(|party| says(*party)));
        let others = self.words.iter().filter(|(party, _)| Some(party.id) != winner);
        let other = |(party, facts): &(&Party, Facts)| {
            let theirs = facts.get(id).filter(|theirs| *theirs != value)?;
            let (value, from) = (self.sight.value(field, theirs), Origin::of(party, self.sight));
            Some(Other { value, from, ended: party.ended_ms.is_some() })
        };
        Field {
            field: field.name,
            value: self.sight.value(field, value),
            unit,
            from: winner.and_then(|id| self.party(id)).map(|party| Origin::of(party, self.sight)),
            because: self.because(unit, winner, today),
            others: others.filter_map(other).collect(),
        }
    }

    fn party(&self, id: i64) -> Option<&Party> {
        self.words.iter().map(|(party, _)| *party).find(|party| party.id == id)
    }

    /// The party that the row names for a unit, where it names any.
    fn recorded(&self, unit: &str) -> Option<i64> {
        if let ([(only, _)], None) = (self.words, &self.row.provenance) {
            return Some(only.id);
        }
        let json = self.row.provenance.as_deref()?;
        let from: HashMap<String, i64> = serde_json::from_str(json).ok()?;
        from.get(unit).copied()
    }

    fn because(&self, unit: &str, winner: Option<i64>, today: Option<(i64, Because)>) -> String {
        if self.words.len() == 1 {
            return "nobody else names this resident".to_owned();
        }
        let Some((party, because)) = today else {
            return "the definitions cannot be read, so the rule is not known".to_owned();
        };
        if Some(party) != winner {
            let other = self.party(party).map_or("another", |party| party.source.as_str());
            return format!("it won when the record was last settled; {other} would win now");
        }
        let source = self.party(party).map_or("", |party| party.source.as_str());
        match because {
            Because::Alone => "nobody else says anything of it".to_owned(),
            Because::StillNamed => "the other records no longer name the resident".to_owned(),
            Because::Fuller => "the others know a part of it alone".to_owned(),
            Because::Preferred => format!("{source} is preferred for `{unit}`"),
            Because::Verified => format!("{source} has seen evidence for it"),
            Because::MostAgreed => "the most systems say so".to_owned(),
            Because::MostRecent => "it is the most recent word".to_owned(),
        }
    }
}

fn word<'a>(party: &Party, facts: &'a Facts) -> Word<'a> {
    Word {
        party_id: party.id,
        source_id: party.source_id,
        record_id: party.record_id,
        ended: party.ended_ms.is_some(),
        facts,
    }
}

impl Origin {
    fn of(party: &Party, sight: Sight) -> Origin {
        Origin {
            party: party.id,
            source: party.source.clone(),
            reference: sight.key(&party.reference),
            record: party.record_id,
            file: party.origin.clone(),
            batch: party.batch_id,
            at: Moment(party.at_ms),
        }
    }

    /// `revenues 9•••3, Mon 23 Nov 2026, 02:30 GMT (ctax-1.xml)`
    fn text(&self) -> String {
        let file = self.file.as_ref().map(|file| format!(" ({file})")).unwrap_or_default();
        format!("{} {}, {}{file}", self.source, self.reference, self.at)
    }
}

impl Account {
    fn text(&self) -> String {
        let kind = self.kind.as_deref().unwrap_or("record");
        let mut text =
            format!("  {kind} {} of {} · {}", self.from.reference, self.from.source, self.role);
        if let Some(ended) = self.ended {
            text.push_str(&format!(" · no longer named on it since {ended}"));
        }
        if let Some(gone) = self.gone {
            text.push_str(&format!(" · gone at its source since {gone}"));
        }
        text.push('\n');
        let facts: Vec<String> =
            self.facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
        if !facts.is_empty() {
            text.push_str(&format!("      {}\n", facts.join(" · ")));
        }
        if let Some(as_of) = self.as_of {
            text.push_str(&format!("      as of {as_of}\n"));
        }
        text
    }
}

fn account(party: &Party, sight: Sight) -> Result<Account, StoreError> {
    let facts = match &party.account_facts {
        Some(facts) => read_facts(facts, schema::ACCOUNT, "account", party.account_id)?,
        None => Facts::default(),
    };
    // Where it is and how it is paid say nothing more of the person than the record above.
    let wanted = |id: FieldId| {
        let field = &schema::ACCOUNT[id as usize];
        field.class != Class::Bank && field.group() != "property"
    };
    let facts = facts.fields().iter().filter(|(id, _)| wanted(*id)).map(|(id, value)| {
        let field = &schema::ACCOUNT[*id as usize];
        (field.name, sight.value(field, value))
    });
    Ok(Account {
        kind: party.account_kind.clone(),
        role: party.role.clone(),
        from: Origin::of(party, sight),
        ended: party.ended_ms.map(Moment),
        gone: party.gone_ms.map(Moment),
        as_of: party.account_ms.map(Moment),
        facts: facts.collect(),
    })
}

fn in_force(hold: &HoldRow, sight: Sight, now_ms: i64) -> Option<InForce> {
    let over = |end: Option<i64>| end.is_some_and(|end| end <= now_ms);
    if hold.from_ms > now_ms || over(hold.until_ms) || over(hold.lifted_ms) {
        return None;
    }
    Some(InForce {
        hold: hold.id,
        kind: hold.kind.clone(),
        reason: sight.text(&hold.reason),
        from: Moment(hold.from_ms),
        until: hold.told(now_ms).0.map(Moment),
    })
}
