//! `viaduct held show NUMBER`: one thing that waits, explained. For a row: what its record says at
//! the place that is the matter, the story so far, and how it is released.
//!
//! Numbers are never given twice: one is enough to find a row, a whole file or a message.

use std::path::Path;

use serde_json::{Value, json};

use super::bulk;
use super::content::Content;
use super::context::{AppError, Context};
use super::held::{at_source, words};
use super::hold::said::Hold;
use super::reading::Again;
use super::sight::Sight;
use crate::catalogue::trial::text::cut;
use crate::connector::definition::HeldAt;
use crate::mapping::definition::{CodeList, InboundMapping, PartyMap, RoleMap};
use crate::mapping::inbound::Translation;
use crate::mapping::inbound::story::{Event, Told};
use crate::record::moment::Moment;
use crate::record::schema::{self, Class};
use crate::store::held::{self, BatchHeld, DeliveryHeld, LetterRow};
use crate::store::{deliveries, holds};

/// One thing that waits.
pub enum Shown {
    Row(Box<Row>),
    Batch { batch: BatchHeld, lies: String, back: Option<String> },
    Hold(Box<Hold>),
    Message { message: DeliveryHeld, release: Option<String>, sight: Sight },
}

/// A held row, explained.
pub struct Row {
    letter: LetterRow,
    sight: Sight,
    faults: Vec<Fault>,
    reading: Reading,
    story: Vec<LetterRow>,
    /// Whether an older good record of its key still stands.
    known: bool,
}

/// How the row would be read now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Published,
    Filtered,
    Held,
    /// It cannot be said: no record can be read in it, or its job is not there any more.
    Unknown,
}

/// One thing that is the matter with the row, as the definitions are now.
struct Fault {
    field: String,
    code: String,
    path: Option<String>,
    found: Option<String>,
    computed: Option<Computed>,
    masked: bool,
    /// The code list without the code: its file, and what it may mean.
    list: Option<(String, Vec<String>)>,
}

/// What an expression was computed from, and what came of it.
struct Computed {
    /// Cut where it is long.
    expression: String,
    /// Paths, and what stands there.
    reads: Vec<(String, String)>,
    failed: Option<&'static str>,
}

/// The thing of that number.
pub async fn show(context: &Context, id: i64, sight: Sight) -> Result<Shown, AppError> {
    let database = &context.database;
    if let Some(letter) = held::letter(database, id).await? {
        return Ok(Shown::Row(Box::new(row(context, letter, sight).await?)));
    }
    if let Some(batch) = held::batch(database, id).await? {
        let (lies, back) = where_it_lies(context, &batch);
        return Ok(Shown::Batch { batch, lies, back });
    }
    if let Some(message) = held::delivery(database, id).await? {
        let row = deliveries::of_id(database, id).await?;
        let release = row.and_then(|row| bulk::release_command(&row, context.clock.now_ms()));
        return Ok(Shown::Message { message, release, sight });
    }
    if holds::of_id(database, id).await?.is_some() {
        return Ok(Shown::Hold(Box::new(Hold::of(context, id, sight).await?)));
    }
    Err(AppError::NotThere(format!("nothing that is held has the number {id}: see `viaduct held`")))
}

/// Where a file that was held whole lies, and the command that puts it back under its own name.
fn where_it_lies(context: &Context, batch: &BatchHeld) -> (String, Option<String>) {
    let connector = context.catalogue.connectors.get(&batch.source);
    let at = connector
        .and_then(|connector| connector.settings.held_at(&context.around, &batch.origin_mark));
    let Some(HeldAt { folder, held, name }) = at else {
        return ("in the source's folder for held files".to_owned(), None);
    };
    let Some(name) = name else {
        let gone = format!(
            "nowhere that we know: it is not in {} any more; if it is still wanted, ask for it again",
            held.display()
        );
        return (gone, None);
    };
    let (lies, to) = (held.join(name), folder.join(&batch.origin));
    let back = format!("mv -n {} {} && viaduct run {}", quoted(&lies), quoted(&to), batch.job);
    (lies.display().to_string(), Some(back))
}

/// As a shell takes it for one word, whatever whoever named the file put into it.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

async fn row(context: &Context, letter: LetterRow, sight: Sight) -> Result<Row, AppError> {
    let database = &context.database;
    let (mut story, mut known) = (Vec::new(), false);
    if letter.source_key_id != 0 {
        story = held::story(database, letter.source_key_id).await?;
        known = held::known_from(database, letter.source_key_id).await?.is_some();
    }
    let (reading, faults) = read(context, &letter, sight).await?;
    Ok(Row { letter, sight, faults, reading, story, known })
}

/// Reads the row as it would be read now.
async fn read(
    context: &Context,
    letter: &LetterRow,
    sight: Sight,
) -> Result<(Reading, Vec<Fault>), AppError> {
    const NOTHING: (Reading, Vec<Fault>) = (Reading::Unknown, Vec::new());
    // What was cut out was no sound record: that it can be read by itself says nothing.
    if letter.stage == "receive" {
        return Ok(NOTHING);
    }
    let Some(again) = Again::of(context, &letter.job, letter.record_id).await? else {
        return Ok(NOTHING);
    };
    let Again { mapping, translation, story, .. } = again;
    let mapping = &mapping;
    Ok(match translation {
        Translation::Published(_) => (Reading::Published, Vec::new()),
        Translation::Filtered(_) => (Reading::Filtered, Vec::new()),
        Translation::Failed(issue) => {
            (Reading::Held, vec![fault(mapping, &story.told, issue.field, issue.code, sight)])
        }
        Translation::Held(issues) => {
            let faults = issues.into_iter();
            let faults = faults
                .map(|issue| fault(mapping, &story.told, issue.field, issue.code, sight))
                .collect();
            (Reading::Held, faults)
        }
    })
}

fn fault(
    mapping: &InboundMapping,
    told: &[Told],
    field: String,
    code: String,
    sight: Sight,
) -> Fault {
    let (place, name) = place_of(&field);
    let one = told.iter().find(|one| one.issue == field);
    let looked = one.and_then(looked);
    let class = match place {
        "account" => schema::account_field(name).map(|field| field.class),
        "hold" => schema::hold_id(name).map(|id| schema::HOLD[id as usize].class),
        _ => schema::party_field(name).map(|field| field.class),
    };
    // A role and a field that says nothing about a person are shown to everybody.
    let plain = name == "role" || class == Some(Class::Plain);
    let computed = one.and_then(|one| computed(one, sight));
    // What an expression reads may be of another class than what it gives.
    let plain_reads = computed.as_ref().is_none_or(|computed| computed.reads.is_empty());
    let masked = sight == Sight::Masked && !(plain && plain_reads);
    let found = looked.and_then(|(_, found)| found);
    let found = found.map(|text| if plain { text.to_owned() } else { sight.text(text) });
    let (path, list) = written(mapping, place, name);
    let list = list.filter(|_| code == "code_unknown").map(|list| {
        let mut values: Vec<String> = list.rows.iter().map(|row| row.value.clone()).collect();
        values.sort();
        values.dedup();
        (format!("mappings/{}", list.name), values)
    });
    let path = looked.map(|(path, _)| path.to_owned()).or(path);
    Fault { field, code, path, found, computed, masked, list }
}

/// The path that gave the text, and what stands there; else the first that was looked at.
fn looked(told: &Told) -> Option<(&str, Option<&str>)> {
    let mut looked = told.steps.iter().filter_map(|step| match step {
        Event::Looked { path, text, .. } => {
            let text = text.as_deref().map(str::trim).filter(|text| !text.is_empty());
            Some((path.as_str(), text))
        }
        _ => None,
    });
    let first = looked.clone().next();
    looked.find(|(_, text)| text.is_some()).or(first)
}

/// The expression that the field was computed by, if it was.
fn computed(told: &Told, sight: Sight) -> Option<Computed> {
    told.steps.iter().find_map(|step| match step {
        Event::Computed { expression, reads, failed, .. } => Some(Computed {
            expression: cut(expression),
            reads: reads.iter().map(|(path, text)| (path.clone(), seen(text, sight))).collect(),
            failed: *failed,
        }),
        _ => None,
    })
}

/// What stands where an expression reads: a text is in quotation marks, a list in brackets.
fn seen(text: &str, sight: Sight) -> String {
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some("") => "nothing".to_owned(),
        Some(inside) => format!("`{}`", cut(&sight.text(inside))),
        None if text.starts_with('[') => cut(&sight.text(text)),
        None => text.to_owned(),
    }
}

/// `party 2 name.family` is the field `name.family` of `party 2`.
fn place_of(field: &str) -> (&str, &str) {
    field.rsplit_once(' ').unwrap_or(("record", field))
}

/// The first path that the field is read from, and its code list, as the mapping says them.
fn written<'m>(
    mapping: &'m InboundMapping,
    place: &str,
    name: &str,
) -> (Option<String>, Option<&'m CodeList>) {
    if name == "role" {
        let role = |party: &'m PartyMap| match &party.role {
            RoleMap::From { path, codes, .. } => Some((Some(path.text.clone()), codes.as_ref())),
            RoleMap::Fixed(_) => None,
        };
        return mapping.parties.iter().find_map(role).unwrap_or_default();
    }
    let of_account = mapping.account.iter().flat_map(|account| {
        account.fields.iter().chain(account.lists.iter().flat_map(|list| &list.fields))
    });
    let of_parties = mapping.parties.iter().flat_map(|party| &party.fields);
    let of_hold = mapping.hold.iter().flat_map(|hold| &hold.fields);
    let fields: Vec<_> = match place {
        "account" => of_account.collect(),
        "hold" => of_hold.collect(),
        _ => of_parties.collect(),
    };
    let found = fields.into_iter().find(|field| field.target.value == name);
    found.map_or((None, None), |field| {
        (field.from.first().map(|path| path.text.clone()), field.codes.as_ref())
    })
}

impl Shown {
    /// For machines.
    pub fn json(&self) -> Value {
        match self {
            Shown::Row(row) => row.json(),
            Shown::Batch { batch, lies, back } => {
                let (means, remedy) = words(&batch.code);
                json!({
                    "batch": batch.id, "job": batch.job, "source": batch.source,
                    "origin": batch.origin, "code": batch.code, "cause": batch.cause,
                    "rows": batch.rows_in, "since": Moment(batch.held_ms), "lies": lies,
                    "put_back": back, "means": means, "remedy": remedy,
                })
            }
            Shown::Hold(hold) => hold.json(),
            Shown::Message { message, release, sight } => {
                let (means, remedy) = words(message.code.as_deref().unwrap_or("delivery.held"));
                let content = Content::of(&message.message, *sight);
                json!({
                    "delivery": message.id, "state": message.state, "what": content.what,
                    "to": content.to, "destination": message.destination,
                    "mapping": message.mapping, "resident": message.resident_id,
                    "batch": message.batch_id, "reference": message.reference,
                    "platform_id": message.platform_id, "attempts": message.sent,
                    "code": message.code, "cause": message.cause, "since": Moment(message.since_ms),
                    "means": means, "remedy": remedy,
                    "release": release,
                })
            }
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        match self {
            Shown::Row(row) => row.text(),
            Shown::Batch { batch, lies, back } => batch_text(batch, lies, back.as_deref()),
            Shown::Hold(hold) => hold.text(),
            Shown::Message { message, release, sight } => {
                message_text(message, release.as_deref(), *sight)
            }
        }
    }
}

fn batch_text(batch: &BatchHeld, lies: &str, back: Option<&str>) -> String {
    let BatchHeld { id, origin, job, source, code, cause, rows_in, held_ms, .. } = batch;
    let (means, remedy) = words(code);
    let since = Moment(*held_ms);
    let mut text = format!(
        "File {origin} · batch {id} · {job} ({source})\n  held whole since {since}, with {rows_in} \
         rows; nothing of it was published\n\n  {code}\n  means    {means}\n  here     {cause}\n  \
         do       {remedy}\n\n  it lies  {lies}\n"
    );
    if let Some(back) = back {
        text.push_str(&format!("  if it is right after all, put it back:\n           {back}\n"));
    }
    text
}

fn message_text(message: &DeliveryHeld, release: Option<&str>, sight: Sight) -> String {
    let DeliveryHeld { id, mapping, destination, resident_id, batch_id, .. } = message;
    let what = Content::of(&message.message, sight).said();
    let code = message.code.as_deref().unwrap_or("delivery.held");
    let (means, remedy) = words(code);
    let times = match message.sent {
        0 => "never sent".to_owned(),
        1 => "once".to_owned(),
        many => format!("{many} times"),
    };
    let named = match (message.sent, &message.platform_id) {
        (_, Some(id)) => format!("; the platform knows it as {id}"),
        (0, None) => String::new(),
        (_, None) => "; the platform gave it no name".to_owned(),
    };
    let again = release.map(|command| format!("  again    once that is mended: {command}\n"));
    format!(
        "Message {id} · {what} · {destination}\n  {} since {} · because of {mapping}, \
         batch {batch_id} · resident {resident_id}\n\n  {code}\n  means    {means}\n  \
         here     {}\n  do       {remedy}\n\n  sent     {times}{named}; our reference is {}\n{}",
        message.state,
        Moment(message.since_ms),
        message.cause.as_deref().unwrap_or("nothing more was said"),
        message.reference,
        again.unwrap_or_default(),
    )
}

impl Row {
    fn key(&self) -> String {
        match self.letter.key.as_str() {
            "" => "without a key".to_owned(),
            key => self.sight.key(key),
        }
    }

    /// What is to be typed when it is mended; nothing where only its source can mend it.
    fn command(&self) -> Option<String> {
        let here = match self.reading {
            Reading::Published | Reading::Filtered => true,
            Reading::Held => self.faults.iter().any(|fault| !at_source(&fault.code)),
            Reading::Unknown => !at_source(&self.letter.code),
        };
        let open = self.letter.settled_ms.is_none();
        (open && here).then(|| format!("viaduct replay --id {}", self.letter.id))
    }

    fn json(&self) -> Value {
        let letter = &self.letter;
        let (means, remedy) = words(&letter.code);
        let fault = |fault: &Fault| {
            json!({
                "field": fault.field, "code": fault.code, "path": fault.path, "found": fault.found,
                "computed": fault.computed.as_ref().map(Computed::json),
                "masked": fault.masked, "means": words(&fault.code).0,
                "code_list": fault.list.as_ref().map(|(file, _)| file),
                "code_list_values": fault.list.as_ref().map(|(_, values)| values),
            })
        };
        let told = |letter: &LetterRow| {
            json!({
                "row": letter.id, "batch": letter.batch_id, "origin": letter.origin,
                "cause": letter.cause, "since": Moment(letter.created_ms),
                "settled": letter.settled_ms.map(Moment), "settled_as": letter.settled_as,
            })
        };
        json!({
            "row": letter.id, "job": letter.job, "source": letter.source, "key": self.key(),
            "batch": letter.batch_id, "origin": letter.origin, "stage": letter.stage,
            "code": letter.code, "field": letter.field, "cause": letter.cause,
            "since": Moment(letter.created_ms), "settled": letter.settled_ms.map(Moment),
            "settled_as": letter.settled_as, "means": means, "remedy": remedy,
            "would_now_be": self.reading.word(),
            "faults": self.faults.iter().map(fault).collect::<Vec<_>>(),
            "older_record_stands": self.known,
            "story": self.story.iter().map(told).collect::<Vec<_>>(),
            "replay": self.command(),
        })
    }

    fn text(&self) -> String {
        let LetterRow { id, source, origin, batch_id, job, code, cause, .. } = &self.letter;
        let (means, remedy) = words(code);
        let mut text =
            format!("Row {id} · {source} {} · from {origin}, batch {batch_id}\n", self.key());
        match (self.letter.settled_ms, &self.letter.settled_as) {
            (Some(at_ms), how) => {
                let how = how.as_deref().unwrap_or("settled");
                text.push_str(&format!("  waits no more: {how} on {}\n", Moment(at_ms)));
            }
            (None, _) => {
                let since = Moment(self.letter.created_ms);
                text.push_str(&format!("  waits since {since} · came by {job}\n"));
            }
        }
        text.push_str(&format!(
            "\n  {code}\n  means    {means}\n  here     {cause}\n  do       {remedy}\n"
        ));
        if self.letter.settled_ms.is_none() {
            let stands = match self.known {
                true => "what an older record said of it still stands",
                false => "nothing of it is published yet",
            };
            text.push_str(&format!("  so far   {stands}\n"));
            text.push_str(&self.reading_text());
        }
        if self.story.len() > 1 {
            text.push_str("\n  What was held under this key\n");
        }
        for told in self.story.iter().filter(|_| self.story.len() > 1) {
            let ended = match told.settled_ms {
                Some(at_ms) => {
                    let how = told.settled_as.as_deref().unwrap_or("settled");
                    format!("{how} {}", Moment(at_ms))
                }
                None => "waits".to_owned(),
            };
            let LetterRow { id, origin, cause, .. } = told;
            text.push_str(&format!("    row {id} · {origin} · {cause} · {ended}\n"));
        }
        text
    }

    /// What the record says where something is the matter, and what to type.
    fn reading_text(&self) -> String {
        let mut text = String::new();
        for fault in &self.faults {
            let Fault { field, code, path, found, computed, masked, list } = fault;
            text.push_str(&format!("\n  {field}: {}\n", words(code).0));
            let hidden = if *masked { " (masked: --show shows it)" } else { "" };
            let path = path.as_deref().unwrap_or("(computed)");
            match (found, computed) {
                (Some(found), _) => {
                    text.push_str(&format!("    the record says `{found}` at `{path}`{hidden}\n"));
                }
                (None, Some(computed)) => text.push_str(&computed.text(hidden)),
                (None, None) => {
                    text.push_str(&format!("    the record says nothing at `{path}`\n"));
                }
            }
            if let (Some((file, values)), Some(found)) = (list, found) {
                // What is to be pasted is never a masked code: it would be added as it stands.
                let code = if *masked { "CODE" } else { found };
                text.push_str(&format!(
                    "    add to {file} what it means, one of: {}\n        {code},MEANING,,\n",
                    values.join(", "),
                ));
            }
        }
        let Some(command) = self.command() else {
            if self.letter.settled_ms.is_none() {
                text.push_str("\n  Once it is mended at its source, the next extract brings it.\n");
            }
            return text;
        };
        text.push_str(&match self.reading {
            Reading::Published => format!("\n  It would be published now: {command}\n"),
            Reading::Filtered => format!("\n  The mapping leaves it out now: {command}\n"),
            Reading::Held => format!("\n  When that is mended: {command}\n"),
            Reading::Unknown => {
                format!(
                    "\n  It is no record that can be read yet. When that is mended: {command}\n"
                )
            }
        });
        text
    }
}

impl Computed {
    fn json(&self) -> Value {
        let reads: Vec<Value> =
            self.reads.iter().map(|(path, text)| json!({ "path": path, "says": text })).collect();
        json!({ "expression": self.expression, "reads": reads, "failed": self.failed })
    }

    fn text(&self, hidden: &str) -> String {
        let Computed { expression, reads, failed } = self;
        let why = failed.map(|why| format!("\n    it fails: {why}")).unwrap_or_default();
        let mut text = format!("    it is computed by `{expression}`{why}\n");
        for (path, says) in reads {
            text.push_str(&format!("    with {says} at `{path}`{hidden}\n"));
        }
        text
    }
}

impl Reading {
    fn word(self) -> &'static str {
        match self {
            Reading::Published => "published",
            Reading::Filtered => "filtered",
            Reading::Held => "held",
            Reading::Unknown => "unreadable",
        }
    }
}
