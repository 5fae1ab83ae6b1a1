//! What happened to a resident, in order of time: each change with the record that brought it, and what
//! was sent because of it. It answers "why did you write to me?".

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;

use super::nobody;
use crate::app::context::AppError;
use crate::app::deliveries::line::Line;
use crate::app::sight::{Sight, table_of};
use crate::record::facts::differences_from_json;
use crate::record::moment::Moment;
use crate::store::database::Database;
use crate::store::deliveries::{self, Filter};
use crate::store::desk;
use crate::store::history::{self, Event};
use crate::store::holds::{self, HoldRow};
use crate::store::identity;
use crate::store::people::{self, Party};

/// How many changes are told where nothing else is asked.
pub const MOST: u16 = 200;
const DELIVERIES_MAX: i64 = 1_000;
/// From where a change is that no batch brought.
const PERSON: &str = "a person said who is who: the audit log has whom, and why";

/// Everything that happened, the first first.
#[derive(Debug, Serialize)]
pub struct History {
    resident: i64,
    entries: Vec<Entry>,
    /// Whether there is more, before the first.
    earlier: bool,
}

/// One thing that happened.
#[derive(Debug, Serialize)]
struct Entry {
    at: Moment,
    #[serde(flatten)]
    because: Because,
    /// What was sent of it, or why nothing was.
    sent: Vec<Line>,
    nothing_sent: Option<&'static str>,
}

/// What changed, and because of what.
#[derive(Debug, Serialize)]
pub struct Because {
    /// `the account 9•••3 changed: balance £1•.•• → £•.••`
    pub what: String,
    /// Field by field.
    pub changes: Vec<String>,
    /// `revenues said so: record 9•••3 of ctax-1.xml (batch 12, job ingest-revenues)`
    pub from: String,
    pub event: Option<i64>,
    pub batch: Option<i64>,
    pub record: Option<i64>,
    pub job: Option<String>,
    pub source: Option<String>,
    pub file: Option<String>,
    pub mapping: Option<String>,
    pub mapping_version: Option<i64>,
}

impl Because {
    pub fn of(event: &Event, sight: Sight) -> Because {
        let table = table_of(&event.subject);
        let differences =
            event.changes.as_deref().and_then(|changes| differences_from_json(changes, table));
        let differences = differences.unwrap_or_default();
        let changes: Vec<String> =
            differences.iter().map(|difference| sight.difference(table, difference)).collect();
        let key = event.reference.as_deref().map(|key| sight.key(key)).unwrap_or_default();
        let subject = match event.subject.as_str() {
            "account" => format!("the account {key}"),
            _ => "the resident's record".to_owned(),
        };
        let verb = match event.kind.as_str() {
            "created" => "was made",
            "gone" => "is gone: its system no longer lists it",
            "returned" => "is there again",
            "merged" => "became another one's",
            _ => "changed",
        };
        let fields = match changes.is_empty() {
            true => String::new(),
            false => format!(": {}", changes.join("; ")),
        };
        let unknown = || "unknown".to_owned();
        Because {
            what: format!("{subject} {verb}{fields}"),
            changes,
            from: if event.batch_id == 0 {
                PERSON.to_owned()
            } else {
                format!(
                    "{} said so: record {key} of {} (batch {}, job {})",
                    event.source.clone().unwrap_or_else(unknown),
                    event.origin.clone().unwrap_or_else(unknown),
                    event.batch_id,
                    event.job.clone().unwrap_or_else(unknown)
                )
            },
            event: Some(event.id),
            batch: Some(event.batch_id),
            record: Some(event.record_id),
            job: event.job.clone(),
            source: event.source.clone(),
            file: event.origin.clone(),
            mapping: event.mapping.clone(),
            mapping_version: event.mapping_version,
        }
    }

    fn said(what: String, from: String) -> Because {
        Because {
            what,
            from,
            changes: Vec::new(),
            event: None,
            batch: None,
            record: None,
            job: None,
            source: None,
            file: None,
            mapping: None,
            mapping_version: None,
        }
    }
}

impl History {
    pub async fn of(
        database: &Database,
        id: i64,
        most: u16,
        sight: Sight,
        now_ms: i64,
    ) -> Result<History, AppError> {
        let id = identity::leads_to(database, id).await?.ok_or_else(|| nobody(id))?;
        let parties = people::parties(database, id).await?;
        let mut numbers = vec![id];
        numbers.extend(desk::became(database, id).await?);
        let mut subjects = numbers.clone();
        subjects.extend(parties.iter().map(|party| party.account_id));
        subjects.sort_unstable();
        subjects.dedup();
        let most = i64::from(most.max(1));
        let mut events = history::events(database, &subjects, i64::MAX, most + 1).await?;
        let earlier = events.len() as i64 > most;
        events.truncate(most as usize);
        let from_ms =
            if earlier { events.last().map_or(i64::MIN, |event| event.at_ms) } else { i64::MIN };
        events.retain(|event| event.subject == "resident" || concerns(&parties, event));

        let mut rows = Vec::new();
        for number in numbers {
            let filter = Filter { resident_id: Some(number), ..Filter::default() };
            rows.extend(deliveries::list(database, &filter, i64::MAX, DELIVERIES_MAX).await?);
        }
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.id));
        let mut sent: HashMap<i64, Vec<Line>> = HashMap::new();
        let mut entries = Vec::new();
        for row in rows.iter().rev() {
            let line = Line::of(row, sight, now_ms);
            if events.iter().any(|event| event.id == row.change_event_id) {
                sent.entry(row.change_event_id).or_default().push(line);
            } else if row.created_ms >= from_ms {
                // Only what is gone is told without a change of its own.
                let what = "an account is gone: its system no longer lists it".to_owned();
                let from = format!("batch {} did not have it any more", row.batch_id);
                let because = Because::said(what, from);
                let at = Moment(row.created_ms);
                entries.push(Entry { at, because, sent: vec![line], nothing_sent: None });
            }
        }
        for event in &events {
            let sent = sent.remove(&event.id).unwrap_or_default();
            let nothing_sent = sent.is_empty().then_some(match event.sends {
                Some(false) => "nothing was sent: a first load tells nobody",
                _ => "nothing was sent because of it",
            });
            let because = Because::of(event, sight);
            entries.push(Entry { at: Moment(event.at_ms), because, sent, nothing_sent });
        }
        for hold in holds::of_resident(database, id).await? {
            let own = of_hold(&hold, sight, now_ms).into_iter();
            entries.extend(own.filter(|entry| entry.at.0 >= from_ms));
        }
        entries.sort_by_key(|entry| (entry.at, entry.because.event));
        Ok(History { resident: id, entries, earlier })
    }

    /// For machines.
    pub fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// For people.
    pub fn text(&self, sight: Sight) -> String {
        let mut text = format!("Resident {} · what happened\n{}\n", self.resident, sight.note());
        if self.earlier {
            text.push_str("What happened earlier is not shown: `--most` shows more.\n");
        }
        for entry in &self.entries {
            let Because { what, from, .. } = &entry.because;
            text.push_str(&format!("\n{}\n  {what}\n    {from}\n", entry.at));
            for line in &entry.sent {
                text.push_str(&format!(
                    "    therefore {}: {} (delivery {})\n",
                    line.content.said(),
                    line.became(),
                    line.delivery
                ));
            }
            if let Some(nothing) = entry.nothing_sent {
                text.push_str(&format!("    {nothing}\n"));
            }
        }
        text
    }
}

/// Whether an account's change fell in the time in which the resident was named on it. What happened
/// before and after is somebody else's. Numbers are handed out in order: a party's is lower than those
/// of the changes of its account.
fn concerns(parties: &[Party], event: &Event) -> bool {
    parties.iter().any(|party| {
        party.account_id == event.subject_id
            && party.id < event.id
            && party.ended_ms.is_none_or(|ended_ms| event.at_ms <= ended_ms)
    })
}

/// A hold begins, and ends.
fn of_hold(hold: &HoldRow, sight: Sight, now_ms: i64) -> Vec<Entry> {
    let entry = |at_ms: i64, what: String| Entry {
        at: Moment(at_ms),
        because: Because::said(what, format!("reason: {}", sight.text(&hold.reason))),
        sent: Vec::new(),
        nothing_sent: None,
    };
    let (until_ms, lifted_ms) = hold.told(now_ms);
    let until = until_ms.map(|until_ms| format!(", until {}", Moment(until_ms)));
    let begun = format!("a hold begins: {}{}", hold.kind, until.unwrap_or_default());
    let mut entries = vec![entry(hold.from_ms, begun)];
    if let Some(lifted_ms) = lifted_ms {
        entries.push(entry(lifted_ms, format!("the hold is lifted: {}", hold.kind)));
    }
    entries
}
