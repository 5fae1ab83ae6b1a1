//! P22: a resident's record. They are found by a form, which stands in no address; the record is opened for a
//! purpose, which is written down.

use askama::Template;
use serde::Deserialize;
use serde_json::{Value, json};

use super::number;
use super::work_orders::{hidden, shown};
use crate::access::right::Right;
use crate::store::audit::{self, Entry};
use crate::store::sessions;
use crate::web::api::routes::Verb;
use crate::web::screens::labels;
use crate::web::screens::session::fresh_token;
use crate::web::screens::visit::{Answer, Frame, Reply, Trouble, Visit, page};
use crate::web::screens::words::{self, At};

/// A record that was opened for a purpose stays open so long.
const OPEN_MS: i64 = 60 * 60_000;
/// How many of those that were found are shown.
const FOUND_MAX: usize = 20;
/// What somebody may know of a resident, each a field of the form.
const KNOWN: [(&str, &str, &str); 6] = [
    ("name", "Name", "Given and family name, in any order"),
    ("postcode", "Postcode", "Of the home, or of the address for letters"),
    ("reference", "Account or claim number", "As its system writes it, with its zeros"),
    ("email", "Email address", ""),
    ("phone", "Telephone number", ""),
    ("nino", "National Insurance number", ""),
];
/// What a record may be opened for: its word, what the form says, what is written down.
const PURPOSES: [(&str, &str); 5] = [
    ("why", "The resident asks why we wrote to them"),
    ("asks", "The resident asks about something else"),
    ("who", "To find out who is the same person"),
    ("wrong", "Something in the record seems to be wrong"),
    ("rights", "A data protection request"),
];

/// Kinds of holds that every council has, and what they are called; what it has besides goes by command.
const HOLDS: [(&str, &str); 6] = [
    ("dispute", "They dispute the debt"),
    ("breathing_space", "Breathing space"),
    ("mental_health_crisis", "Breathing space in a mental health crisis"),
    ("bereavement", "Bereavement"),
    ("insolvency", "Insolvency"),
    ("manual", "Another reason"),
];

#[derive(Template)]
#[template(path = "pages/residents.html")]
struct StartPage {
    frame: Frame,
    known: [(&'static str, &'static str, &'static str); 6],
}

pub fn start(visit: &Visit) -> Answer {
    let frame = Frame { help: "residents", ..visit.frame("Find a resident") };
    page(&StartPage { frame, known: KNOWN })
}

#[derive(Deserialize)]
struct Found {
    residents: Vec<Candidate>,
    stopped: bool,
}

#[derive(Deserialize)]
struct Candidate {
    resident: i64,
}

/// What was typed is not repeated anywhere: what it led to has an address of its own.
pub async fn find(visit: &Visit) -> Answer {
    let mut known = json!({});
    for (name, _, _) in KNOWN {
        if let Some(value) = visit.form.some(name) {
            known[name] = json!(value);
        }
    }
    if known.as_object().is_none_or(serde_json::Map::is_empty) {
        return Err(Trouble::Words("Enter something that is known of the resident".to_owned()));
    }
    let found: Found = visit.act(Verb::Search, "", known).await?;
    let ids: Vec<i64> = found.residents.iter().map(|one| one.resident).collect();
    let token = fresh_token().map_err(|_| Trouble::Broken)?;
    let session = &visit.who()?.session.digest;
    let what = if found.stopped { "residents, in part" } else { "residents" };
    let database = visit.screens.hub.database();
    sessions::keep_search(database, (&token, session, what), &ids, visit.now_ms).await?;
    Ok(Reply::GoTo(format!("/residents/found/{token}")))
}

#[derive(Template)]
#[template(path = "pages/residents_found.html")]
struct FoundPage {
    frame: Frame,
    lines: Vec<Record>,
    more: bool,
    stopped: bool,
}

pub async fn found(visit: &Visit) -> Answer {
    let session = &visit.who()?.session.digest;
    let database = visit.screens.hub.database();
    let mut kept = None;
    for (what, stopped) in [("residents", false), ("residents, in part", true)] {
        let ids = sessions::search(database, (&visit.id, session, what)).await?;
        kept = kept.or(ids.map(|ids| (ids, stopped)));
    }
    let (ids, stopped) = kept.ok_or_else(|| {
        Trouble::NotThere("This search is not one of your session’s. Search again.".to_owned())
    })?;
    let mut lines = Vec::new();
    for id in ids.iter().take(FOUND_MAX) {
        lines.push(visit.ask(Verb::Resident, &id.to_string(), "").await?);
    }
    let frame = Frame { help: "residents", ..visit.frame("Who was found") };
    page(&FoundPage { frame, lines, more: ids.len() > FOUND_MAX, stopped })
}

#[derive(Deserialize)]
struct Record {
    resident: i64,
    version: i64,
    known_since: At,
    last_changed: At,
    fields: Vec<Field>,
    accounts: Vec<Account>,
    holds: Vec<InForce>,
    deliveries: Vec<Sent>,
}

#[derive(Deserialize)]
struct Field {
    field: String,
    value: String,
    from: Option<Origin>,
    because: String,
    others: Vec<Other>,
}

#[derive(Deserialize)]
struct Origin {
    source: String,
    reference: String,
    record: i64,
    file: Option<String>,
    at: At,
}

#[derive(Deserialize)]
struct Other {
    value: String,
    from: Origin,
    ended: bool,
}

#[derive(Deserialize)]
struct Account {
    kind: Option<String>,
    role: String,
    from: Origin,
    ended: Option<At>,
    gone: Option<At>,
    facts: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct InForce {
    hold: i64,
    kind: String,
    reason: String,
    from: At,
    until: Option<At>,
}

#[derive(Deserialize)]
struct Sent {
    delivery: i64,
    state: String,
    since: At,
    what: String,
    to: Option<String>,
    destination: String,
    cause: Option<String>,
}

impl Record {
    fn of(&self, name: &str) -> &str {
        self.fields.iter().find(|field| field.field == name).map_or("", |field| &field.value)
    }

    /// As far as it has one.
    fn name(&self) -> String {
        let name = format!("{} {}", self.of("name.given"), self.of("name.family"));
        if name.trim().is_empty() { "No name".to_owned() } else { name.trim().to_owned() }
    }
}

#[derive(Deserialize)]
pub(super) struct Explained {
    pub(super) resident: i64,
    pairs: Vec<Pair>,
}

#[derive(Deserialize)]
struct Pair {
    parties: [i64; 2],
    stands: String,
    probability: f64,
    verdict: Option<String>,
    said: Vec<Says>,
}

#[derive(Deserialize)]
struct Says {
    says: String,
}

#[derive(Deserialize)]
struct History {
    entries: Vec<Entered>,
    earlier: bool,
}

#[derive(Deserialize)]
struct Entered {
    at: At,
    what: String,
    from: String,
    sent: Vec<Sent>,
    nothing_sent: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/resident.html")]
struct RecordPage {
    frame: Frame,
    record: Record,
    explained: Explained,
    history: History,
    purpose: String,
    may_look: bool,
    may_match: bool,
    may_act: bool,
    kinds: [(&'static str, &'static str); 6],
    shown_until: Option<At>,
}

#[derive(Template)]
#[template(path = "pages/resident_open.html")]
struct OpenPage {
    frame: Frame,
    id: i64,
    purposes: [(&'static str, &'static str); 5],
    /// The record is opened on the way to why they were written to.
    is_why: bool,
}

pub(super) fn target(id: i64) -> String {
    format!("resident {id}")
}

fn opened(id: i64) -> String {
    format!("opened resident {id}")
}

/// The resident that a number leads to now, and what the record was opened for, if it was.
pub(super) async fn purpose(
    visit: &Visit,
    id: i64,
) -> Result<(Explained, Option<String>), Trouble> {
    let explained: Explained = visit.ask(Verb::Explain, &id.to_string(), "").await?;
    let session = &visit.who()?.session.digest;
    let database = visit.screens.hub.database();
    let target = opened(explained.resident);
    let purpose = sessions::shown(database, session, &target, visit.now_ms).await?;
    let purpose = purpose.map(|(purpose, _)| purpose);
    Ok((explained, purpose))
}

pub(super) fn ask_purpose(visit: &Visit, id: i64, is_why: bool) -> Answer {
    let frame = Frame { help: "residents", ..visit.frame(&format!("Open resident {id}")) };
    page(&OpenPage { frame, id, purposes: PURPOSES, is_why })
}

pub async fn show(visit: &Visit) -> Answer {
    let id = number(visit)?;
    let (explained, purpose) = purpose(visit, id).await?;
    if explained.resident != id {
        return Ok(Reply::GoTo(format!("/residents/{}?done=moved-on", explained.resident)));
    }
    let Some(purpose) = purpose else { return ask_purpose(visit, id, false) };
    let (number, target) = (id.to_string(), target(id));
    let (record, until): (Record, _) = visit.look(Verb::Resident, (&number, ""), &target).await?;
    let (history, _): (History, _) =
        visit.look(Verb::History, (&number, "most=50"), &target).await?;
    page(&RecordPage {
        frame: Frame { help: "residents", ..visit.frame(&format!("Resident {id}")) },
        record,
        explained,
        history,
        purpose,
        may_look: visit.may(Right::Look),
        may_match: visit.may(Right::Match),
        may_act: visit.may(Right::Act),
        kinds: HOLDS,
        shown_until: until.map(At),
    })
}

/// What it is opened for is written down before it is seen.
pub async fn open(visit: &Visit) -> Answer {
    let id = number(visit)?;
    let word = visit.form.one("purpose");
    let Some((_, says)) = PURPOSES.iter().find(|(known, _)| *known == word) else {
        return Err(Trouble::Words("Choose what you open the record for".to_owned()));
    };
    let more = visit.form.one("more");
    if more.chars().count() > 300 {
        return Err(Trouble::Words("What you add has at most 300 characters".to_owned()));
    }
    let (explained, _) = purpose(visit, id).await?;
    let id = explained.resident;
    let reason = if more.is_empty() { (*says).to_owned() } else { format!("{says}: {more}") };
    let who = visit.who()?;
    let (actor, database) = (who.actor().to_string(), visit.screens.hub.database());
    let entry = Entry {
        actor: &actor,
        action: "opened",
        target: target(id),
        reason: Some(&reason),
        details: None,
    };
    audit::write_alone(database, &entry, visit.now_ms).await?;
    let until_ms = visit.now_ms + OPEN_MS;
    sessions::show(database, &who.session.digest, &opened(id), (&reason, until_ms)).await?;
    let end = if word == "why" { "/why" } else { "" };
    Ok(Reply::GoTo(format!("/residents/{id}{end}")))
}

pub async fn unmask(visit: &Visit) -> Answer {
    let (id, way) = way_back(visit)?;
    shown(visit, &target(id), &way).await
}

pub async fn mask(visit: &Visit) -> Answer {
    let (id, way) = way_back(visit)?;
    hidden(visit, &target(id), &way).await
}

/// To the page of which the form was.
fn way_back(visit: &Visit) -> Result<(i64, String), Trouble> {
    let id = number(visit)?;
    let end = if visit.form.one("page") == "why" { "/why" } else { "" };
    Ok((id, format!("/residents/{id}{end}")))
}

#[derive(Deserialize)]
struct PutDown {
    on_their_way: i64,
}

/// A hold on everything that is collected of them.
pub async fn hold(visit: &Visit) -> Answer {
    let id = number(visit)?;
    let (_, purpose) = purpose(visit, id).await?;
    if purpose.is_none() {
        return Err(Trouble::Words("Open the record first, and say what for".to_owned()));
    }
    let mut words = json!({
        "kind": visit.form.one("kind"), "resident": id.to_string(), "reason": visit.reason()?,
    });
    if let Some(until) = visit.form.some("until") {
        words["until"] = json!(until);
    }
    let down: PutDown = visit.act(Verb::AddHold, "", words).await?;
    let done = if down.on_their_way > 0 { "held-too-late" } else { "held" };
    Ok(Reply::GoTo(format!("/residents/{id}?done={done}")))
}

/// With another resident, by its number: their first records stand side by side.
pub async fn compare(visit: &Visit) -> Answer {
    let one = number(visit)?;
    let other: i64 = visit.form.one("other").parse().map_err(|_| {
        Trouble::Words("Enter the number of the other resident, digits alone".to_owned())
    })?;
    let mut parties = Vec::new();
    for id in [one, other] {
        let told: Value = visit.ask(Verb::Explain, &id.to_string(), "").await?;
        let first = told["parties"].as_array().and_then(|all| all.first()).and_then(Value::as_i64);
        let none = || Trouble::NotThere("One of the two has no records.".to_owned());
        parties.push(first.ok_or_else(none)?);
    }
    if parties[0] == parties[1] {
        return Err(Trouble::Words("That is the same resident".to_owned()));
    }
    parties.sort_unstable();
    Ok(Reply::GoTo(format!("/matches/{}-{}", parties[0], parties[1])))
}
