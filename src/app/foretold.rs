//! What a preview says: what would become different, what would be held, and what would be sent.
//! Counts first, then so many of each, masked unless asked for.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::content::Content;
use super::context::{AppError, Context};
use super::held::Group;
use super::hold::said::Hold;
use super::preview::Listing;
use super::report::RunReport;
use super::sight::{Sight, table_of};
use crate::job::standing;
use crate::record::delivery::{self, Delivery};
use crate::record::facts::{Difference, Facts, differences_from_json};
use crate::record::schema;
use crate::store::held::{self, LetterRow};
use crate::store::holds;
use crate::store::since::{self, Before, DeliveryRow, EventRow, LinkRow};
use crate::store::standing::About;
use crate::suppression::gate::{self, Standing};

/// How many of each kind the text lists.
const LISTED: usize = 20;
/// Deliveries that are looked at together.
const PAGE: i64 = 500;

/// The outcome of a run on a copy.
pub struct Foretold {
    what: String,
    listing: Listing,
    run: RunReport,
    event_counts: Vec<(String, String, i64)>,
    events: Vec<EventRow>,
    links_count: i64,
    links: Vec<LinkRow>,
    groups: Vec<Group>,
    letters: Vec<LetterRow>,
    /// Rows that waited before and would wait still.
    stays: i64,
    /// Rows that waited before and would not any more.
    released: i64,
    /// Holds that would be added, changed and lifted; those that would be there, and how many of them
    /// would name nobody we know.
    hold_counts: Vec<(String, i64)>,
    holds: Vec<Hold>,
    nobody: usize,
    /// By destination, mapping and what would become of them.
    delivery_counts: BTreeMap<(String, String, String), i64>,
    deliveries: Vec<Message>,
}

/// A delivery that would be made.
struct Message {
    row: DeliveryRow,
    /// Why it would not leave: code and cause.
    kept: Option<(String, String)>,
}

impl Foretold {
    /// What a run added on this database since a number; also what a real one did.
    pub async fn of(
        context: &Context,
        what: &str,
        run: RunReport,
        before: Before,
        listing: Listing,
    ) -> Result<Foretold, AppError> {
        let database = &context.database;
        let since = before.number;
        let most = listing.most as i64;
        let (still_held, _) = since::letters(database, since).await?;
        let stays = since::still_waiting(database, since).await?;
        let mut foretold = Foretold {
            what: what.to_owned(),
            listing,
            run,
            event_counts: since::event_counts(database, since).await?,
            events: since::events(database, since, most).await?,
            links_count: since::links_count(database, since).await?,
            links: since::links(database, since, most).await?,
            groups: Group::merged(held::row_groups(database, None, since).await?),
            letters: held::letters(database, None, since, most).await?,
            stays,
            released: before.held - still_held - stays,
            hold_counts: since::hold_counts(database, before.audit).await?,
            holds: Vec::new(),
            nobody: 0,
            delivery_counts: BTreeMap::new(),
            deliveries: Vec::new(),
        };
        for id in since::holds(database, since, most).await? {
            foretold.holds.push(Hold::of(context, id, listing.sight).await?);
        }
        let nobody = holds::of_nobody(database, context.clock.now_ms()).await?;
        foretold.nobody = nobody.iter().filter(|hold| hold.id >= since).count();
        foretold.gather_deliveries(context, since).await?;
        Ok(foretold)
    }

    /// Whether a whole batch would wait for a person.
    pub fn any_held_whole(&self) -> bool {
        self.run.any_held_whole()
    }

    /// Each is shown to the gate with what is known now: it is shown again before it leaves.
    async fn gather_deliveries(&mut self, context: &Context, since: i64) -> Result<(), AppError> {
        let mut after = since - 1;
        loop {
            let rows = since::deliveries(&context.database, after, PAGE).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id;
            let about = |row: &DeliveryRow| About {
                delivery_id: row.id,
                resident_id: row.resident_id,
                collection: row.collection,
                account_id: row.account_id,
            };
            let about: Vec<About> = rows.iter().map(about).collect();
            let now_ms = context.clock.now_ms();
            let policy = &context.catalogue.suppression.policy;
            let mut known = standing::of(&context.database, &about, policy, true, now_ms).await?;
            for row in rows {
                let kept = kept(context, &row, &mut known);
                let outcome = kept.as_ref().map_or("sent".to_owned(), |(code, _)| code.clone());
                let key = (row.destination.clone(), row.mapping.clone(), outcome);
                *self.delivery_counts.entry(key).or_default() += 1;
                if self.deliveries.len() < self.listing.most {
                    self.deliveries.push(Message { row, kept });
                }
            }
        }
    }

    /// Everything, up to so many of each kind.
    pub fn json(&self) -> Value {
        let sight = self.listing.sight;
        let counts: Vec<Value> = (self.event_counts.iter())
            .map(|(subject, kind, many)| json!({ "subject": subject, "kind": kind, "count": many }))
            .collect();
        let messages: Vec<Value> = (self.delivery_counts.iter())
            .map(|((destination, mapping, outcome), many)| {
                json!({
                    "destination": destination,
                    "mapping": mapping,
                    "outcome": outcome,
                    "count": many,
                })
            })
            .collect();
        let changes: Vec<Value> =
            self.events.iter().map(|event| event_json(event, sight)).collect();
        json!({
            "preview": self.what,
            "masked": sight == Sight::Masked,
            "most_of_each": self.listing.most,
            "run": self.run.json(),
            "changes": {
                "counts": counts,
                "list": changes,
            },
            "linked": {
                "count": self.links_count,
                "list": self.links.iter().map(|link| link_json(link, sight)).collect::<Vec<_>>(),
            },
            "held": {
                "count": self.held_count(),
                "stay_held": self.stays,
                "released": self.released,
                "groups": self.groups.iter().map(Group::json).collect::<Vec<_>>(),
                "list": self.letters.iter().map(|row| letter_json(row, sight)).collect::<Vec<_>>(),
            },
            "holds": {
                "counts": counted(&self.hold_counts),
                "name_nobody": self.nobody,
                "list": self.holds.iter().map(Hold::json).collect::<Vec<_>>(),
            },
            "messages": {
                "counts": messages,
                "list": self.deliveries.iter().map(|one| one.json(sight)).collect::<Vec<_>>(),
            },
        })
    }

    fn added(&self) -> i64 {
        let added = self.hold_counts.iter().find(|(action, _)| action == "added");
        added.map_or(0, |(_, many)| *many)
    }

    fn held_count(&self) -> i64 {
        self.groups.iter().map(|group| group.many).sum()
    }

    /// Counts, then the first of each kind.
    pub fn text(&self) -> String {
        let sight = self.listing.sight;
        let mut text = format!(
            "Preview · {} · on a copy of the database: nothing is taken, sent or kept\n\n{}",
            self.what,
            self.run.text()
        );
        if self.run.any_duplicate() {
            text.push_str(
                "A file that was taken before is not read again. What a changed mapping makes of \
                 what is stored:\n  viaduct replay --everything-of JOB --preview\n",
            );
        }
        text.push_str(&self.counts_text());
        let kept = self.groups.iter().map(|group| group.text("  "));
        section(&mut text, "Why rows would be held", kept, self.groups.len());
        let rows = self.letters.iter().map(|row| letter_text(row, sight));
        section(&mut text, "Which rows", rows, self.held_count() as usize);
        let holds = self.holds.iter().map(Hold::line);
        section(&mut text, "Holds that would be put down", holds, self.added() as usize);
        let messages = self.deliveries.iter().map(|one| one.text(sight));
        let many: i64 = self.delivery_counts.values().sum();
        section(&mut text, "Messages that would be made", messages, many as usize);
        let links = self.links.iter().map(|link| link_text(link, sight));
        section(
            &mut text,
            "Known people who would be found again",
            links,
            self.links_count as usize,
        );
        let changes = self.events.iter().map(|event| event_text(event, sight));
        let many: i64 = self.event_counts.iter().map(|(.., many)| many).sum();
        section(&mut text, "What would change", changes, many as usize);
        text
    }

    fn counts_text(&self) -> String {
        let mut text = String::from("\nIn short\n");
        for subject in ["account", "resident"] {
            let kinds = self.event_counts.iter().filter(|(of, ..)| of == subject);
            let mut said: Vec<String> =
                kinds.map(|(_, kind, many)| format!("{many} {kind}")).collect();
            if subject == "resident" && self.links_count > 0 {
                said.push(format!("{} found to be known already", self.links_count));
            }
            let said = if said.is_empty() { "none".to_owned() } else { said.join(", ") };
            text.push_str(&format!("  {:<10}{said}\n", format!("{subject}s")));
        }
        for (origin, cause) in self.run.held_whole() {
            text.push_str(&format!(
                "  file      {origin} would be held whole, and nothing of it published: {cause}\n"
            ));
        }
        if self.held_count() + self.released > 0 || !self.any_held_whole() {
            text.push_str(&format!("  held      {}\n", self.held_text()));
        }
        if !self.hold_counts.is_empty() {
            let said = self.hold_counts.iter().map(|(action, many)| format!("{many} {action}"));
            let nobody = match self.nobody {
                0 => String::new(),
                many => format!("; {many} NAME NOBODY WE KNOW"),
            };
            let said = said.collect::<Vec<_>>().join(", ");
            text.push_str(&format!("  holds     {said}{nobody}\n"));
        }
        if self.delivery_counts.is_empty() {
            text.push_str("  messages  none\n");
        }
        for ((destination, mapping, outcome), many) in &self.delivery_counts {
            let fate = match outcome.as_str() {
                "sent" => "would be sent".to_owned(),
                code => format!("would be held: {code}"),
            };
            text.push_str(&format!("  messages  {many} {mapping} to {destination} {fate}\n"));
        }
        text
    }
}

impl Foretold {
    /// Rows that would be held anew, that stay held, and that would wait no more.
    fn held_text(&self) -> String {
        let anew = self.held_count() - self.stays;
        let mut said = Vec::new();
        if anew > 0 || self.stays == 0 {
            said.push(format!("{anew} row{} would be held", if anew == 1 { "" } else { "s" }));
        }
        match self.stays {
            0 => {}
            1 => said.push("1 stays held".to_owned()),
            many => said.push(format!("{many} stay held")),
        }
        if self.released > 0 {
            said.push(format!("{} that wait now would wait no more", self.released));
        }
        said.join(", ")
    }
}

fn counted(counts: &[(String, i64)]) -> Value {
    counts.iter().map(|(action, many)| (action.clone(), json!(many))).collect()
}

/// A heading, the first lines, and how many more there are.
fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>, many: usize) {
    if many == 0 {
        return;
    }
    text.push_str(&format!("\n{title}\n"));
    let mut listed = 0;
    for line in lines.take(LISTED) {
        text.push_str(&line);
        listed += 1;
    }
    if many > listed {
        text.push_str(&format!("  and {} more\n", many - listed));
    }
}

/// Why a delivery would not leave, if it would not.
fn kept(
    context: &Context,
    row: &DeliveryRow,
    known: &mut HashMap<i64, Standing>,
) -> Option<(String, String)> {
    if !["waiting", "offered"].contains(&row.state.as_str()) {
        let code = row.cause_code.clone().unwrap_or_else(|| row.state.clone());
        return Some((code, row.cause.clone().unwrap_or_default()));
    }
    let settings = context.catalogue.connectors.get(&row.destination).map(|found| &found.settings);
    let standing = known.entry(row.resident_id).or_default();
    standing.production = settings.is_none_or(|settings| !settings.allows_test_ranges());
    let delivery = Delivery {
        id: row.id,
        resident_id: row.resident_id,
        purpose: row.purpose.clone(),
        needs_consent: row.needs_consent,
        collection: row.collection,
        account_id: row.account_id,
        reference: row.reference.clone(),
        content: delivery::Content::from_json(&row.message)?,
        attempts: 0,
        intent: 1,
        fence: 0,
        doubt_until_ms: None,
        unanswered_since_ms: None,
    };
    let policy = &context.catalogue.suppression.policy;
    let (_, withheld) = *gate::clear(delivery, standing, policy).err()?;
    Some((withheld.code.to_owned(), withheld.reason))
}

impl Message {
    fn json(&self, sight: Sight) -> Value {
        let content = Content::of(&self.row.message, sight);
        json!({
            "destination": self.row.destination,
            "mapping": self.row.mapping,
            "what": content.what,
            "to": content.to,
            "says": content.says,
            "resident": self.row.resident_id,
            "name": name(self.row.facts.as_deref(), sight),
            "held_code": self.kept.as_ref().map(|(code, _)| code),
            "held_cause": self.kept.as_ref().map(|(_, cause)| cause),
        })
    }

    fn text(&self, sight: Sight) -> String {
        let what = Content::of(&self.row.message, sight).said();
        let name = name(self.row.facts.as_deref(), sight);
        let (id, mapping) = (self.row.resident_id, &self.row.mapping);
        match &self.kept {
            None => format!("  {mapping}: {what} · resident {id} {name}\n"),
            Some((code, cause)) => {
                format!("  {mapping}: held, {code} ({cause}) · resident {id} {name}\n")
            }
        }
    }
}

/// A resident's name, from the facts as they are kept.
fn name(facts: Option<&str>, sight: Sight) -> String {
    let facts = facts.and_then(|json| Facts::from_json(json, schema::PARTY));
    match facts.map(|facts| sight.name(&facts)) {
        None => "(not known)".to_owned(),
        Some(name) if name.is_empty() => "(no name)".to_owned(),
        Some(name) => name,
    }
}

/// One field of a change: what was and what is; neither where only that it changed is known.
type FieldChange = (&'static str, Option<String>, Option<String>);

fn fields(event: &EventRow, sight: Sight) -> Vec<FieldChange> {
    let table = table_of(&event.subject);
    let changes = event.changes.as_deref().and_then(|text| differences_from_json(text, table));
    let read = |difference: &Difference| {
        let (was, is) = sight.sides(table, difference);
        (difference.field, was, is)
    };
    changes.unwrap_or_default().iter().map(read).collect()
}

fn event_json(event: &EventRow, sight: Sight) -> Value {
    let fields: Vec<Value> = (fields(event, sight).into_iter())
        .map(|(field, was, is)| json!({ "field": field, "was": was, "is": is }))
        .collect();
    let mut json = json!({ "subject": event.subject, "id": event.subject_id, "kind": event.kind });
    match &event.key {
        Some(key) => {
            json["source"] = json!(event.source);
            json["key"] = json!(sight.key(key));
        }
        None => json["name"] = json!(name(event.facts.as_deref(), sight)),
    }
    json["fields"] = json!(fields);
    json
}

fn event_text(event: &EventRow, sight: Sight) -> String {
    let whose = match &event.key {
        Some(key) => {
            let source = event.source.as_deref().unwrap_or_default();
            format!("{} {}", source, sight.key(key))
        }
        None => format!("{} {}", event.subject_id, name(event.facts.as_deref(), sight)),
    };
    let mut text = format!("  {} {whose} · {}\n", event.subject, event.kind);
    for (field, was, is) in fields(event, sight) {
        let line = match (was, is) {
            (None, None) => format!("{field:<24} changed"),
            (was, is) => {
                let side = |value: Option<String>| value.unwrap_or_else(|| "(none)".to_owned());
                format!("{field:<24} {} → {}", side(was), side(is))
            }
        };
        text.push_str(&format!("      {line}\n"));
    }
    text
}

fn link_json(link: &LinkRow, sight: Sight) -> Value {
    json!({
        "resident": link.resident_id,
        "name": name(Some(&link.facts), sight),
        "source": link.source,
        "key": sight.key(&link.key),
        "role": link.role,
    })
}

fn link_text(link: &LinkRow, sight: Sight) -> String {
    let (key, name) = (sight.key(&link.key), name(Some(&link.facts), sight));
    format!("  {} {key} ({}) is resident {} {name}\n", link.source, link.role, link.resident_id)
}

fn letter_text(row: &LetterRow, sight: Sight) -> String {
    let LetterRow { source, cause, origin, .. } = row;
    format!("  {source} {} · {cause} · {origin}\n", sight.key(&row.key))
}

fn letter_json(row: &LetterRow, sight: Sight) -> Value {
    json!({
        "source": row.source,
        "key": sight.key(&row.key),
        "code": row.code,
        "field": row.field,
        "cause": row.cause,
    })
}
