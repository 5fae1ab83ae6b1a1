//! P37: an account for an emergency is opened, for an hour. It works where the council's own sign-in is away, and
//! where nobody else has a password here. Only whoever has shown the password and a code is told how the account
//! stands.

use askama::Template;

use super::sign_in::{is_of, session_of, slow_down, step_of};
use crate::access::actor::staff_name;
use crate::access::grant;
use crate::record::moment::Moment;
use crate::store::alerts::AlertRow;
use crate::store::break_glass::{self, Opened};
use crate::store::ids::Ids;
use crate::store::staff::{self, StaffRow};
use crate::web::screens::session::{self, GLASS_MS, Window, fresh_token};
use crate::web::screens::visit::{Answer, Frame, Reply, Trouble, Visit, page, page_with};

/// After so many wrong tries one after another an account is locked.
const TRIES_MAX: i64 = 10;
const REASON_CHARS_MAX: usize = 500;

#[derive(Template)]
#[template(path = "pages/break_glass.html")]
struct Page {
    frame: Frame,
    name: String,
    person: String,
    reason: String,
    errors: Vec<(&'static str, String)>,
}

/// The form.
pub async fn show(visit: &Visit) -> Answer {
    there(visit).await?;
    let (name, person, reason) = (String::new(), String::new(), String::new());
    page(&Page { frame: frame(visit), name, person, reason, errors: vec![] })
}

fn frame(visit: &Visit) -> Frame {
    Frame { help: "alerts", ..visit.frame("Break-glass") }
}

async fn there(visit: &Visit) -> Result<(), Trouble> {
    match break_glass::any(visit.screens.hub.database()).await? {
        true => Ok(()),
        false => Err(Trouble::NotThere(
            "There are no break-glass accounts here. Whoever looks after the machine makes one, two at most."
                .to_owned(),
        )),
    }
}

/// What was filled in.
pub async fn open(visit: &Visit) -> Answer {
    there(visit).await?;
    let form = |name: &str| visit.form.one(name);
    let (name, person) = (form("name").to_lowercase(), form("person").to_lowercase());
    let mut errors = Vec::new();
    for (field, says) in [
        ("name", "Enter the name of the account"),
        ("password", "Enter its password"),
        ("code", "Enter the code that its authenticator app shows"),
        ("person", "Enter your own user name"),
        ("reason", "Enter why it has to be opened"),
    ] {
        if form(field).is_empty() {
            errors.push((field, says.to_owned()));
        }
    }
    if !person.is_empty()
        && let Err(fault) = staff_name(&person)
    {
        errors.push(("person", fault));
    }
    if form("reason").chars().count() > REASON_CHARS_MAX {
        errors.push(("reason", "A reason has at most 500 characters".to_owned()));
    }
    if !errors.is_empty() {
        return again(visit, 400, errors);
    }
    slow_down(visit, &name)?;
    let database = visit.screens.hub.database();
    let found = staff::of_name(database, &name).await?.filter(StaffRow::is_glass);
    let kept = found.as_ref().and_then(|row| row.password.clone());
    let known = is_of(visit, form("password"), kept).await?;
    let step = found.as_ref().filter(|_| known);
    let step = step.and_then(|row| step_of(row, form("code"), visit.now_ms));
    let Some(row) = found else { return refused(visit) };
    let mut numbers = Ids::new();
    numbers.reserve(database, 1).await?;
    let alert = AlertRow {
        id: numbers.take(),
        kind: "opened".to_owned(),
        name: row.name.clone(),
        person,
        reason: form("reason").to_owned(),
        place: visit.peer.to_string(),
        at_ms: visit.now_ms,
        until_ms: Some(visit.now_ms + GLASS_MS),
        reviewed_ms: None,
        reviewed_by: None,
        review: None,
    };
    let Some(step) = step else {
        let locked = AlertRow {
            kind: "locked".to_owned(),
            person: String::new(),
            reason: format!("{TRIES_MAX} wrong tries one after another"),
            until_ms: None,
            ..alert
        };
        // Whoever may not open it from there locks it for nobody, and is told nothing else.
        let may_lock = row.password.is_some() && is_near(visit, &row);
        if may_lock && break_glass::failed(database, &row, &locked, TRIES_MAX).await? {
            tracing::error!("a break-glass account is locked after wrong tries");
        }
        return refused(visit);
    };
    if let Some(says) = closed(visit, &row) {
        tracing::error!("a break-glass account was not opened, since it may not be");
        return again(visit, 403, vec![("name", says)]);
    }
    let token = fresh_token().map_err(|_| Trouble::Broken)?;
    let mut session = session_of(&row, &token, visit.now_ms)?;
    (session.until_ms, session.alert_id) = (alert.until_ms, Some(alert.id));
    let alive = Window::at(visit.now_ms).after();
    match break_glass::open(database, &session, &alert, (row.version, step), alive).await? {
        Opened::Yes => {
            tracing::error!(alert.id = alert.id, "a break-glass account is open");
            let cookie = session::cookie(Some(&token), visit.is_secure);
            Ok(Reply::With(vec![cookie], "/".to_owned()))
        }
        Opened::Stale => refused(visit),
        Opened::Before(since_ms, until_ms) => {
            let says = format!(
                "{} is open already, since {}, until {}: opening it again makes that no longer. Go on where it was \
                 opened, or have its session ended with `viaduct users sign-out {}`",
                row.name,
                Moment(since_ms),
                Moment(until_ms),
                row.name
            );
            again(visit, 409, vec![("name", says)])
        }
    }
}

/// Why an account is not opened by somebody who knows its password and has its codes.
fn closed(visit: &Visit, row: &StaffRow) -> Option<String> {
    if let Some(since_ms) = row.withdrawn_ms {
        return Some(format!(
            "{} was withdrawn on {}, for good: take the other account, or have one made",
            row.name,
            Moment(since_ms)
        ));
    }
    if let Some(since_ms) = row.disabled_ms {
        return Some(format!(
            "{} is locked since {}: take the other account, or have an administrator unlock it, at Users or with \
             `viaduct users enable {}`",
            row.name,
            Moment(since_ms),
            row.name
        ));
    }
    match is_near(visit, row) {
        true => None,
        false => Some(format!(
            "{} is not opened from {}: go to one of the places that it is for",
            row.name, visit.peer
        )),
    }
}

/// Whether it is opened from where they are.
fn is_near(visit: &Visit, row: &StaffRow) -> bool {
    let networks = row.glass_networks.as_deref().unwrap_or_default();
    grant::is_within(networks, &visit.peer.to_string())
}

fn refused(visit: &Visit) -> Answer {
    tracing::warn!("a break-glass account was not opened");
    let says =
        "The name, the password or the code is wrong. A code is taken once: wait for the next one";
    again(visit, 401, vec![("name", says.to_owned())])
}

fn again(visit: &Visit, status: u16, errors: Vec<(&'static str, String)>) -> Answer {
    let said = |name: &str| visit.form.one(name).chars().take(REASON_CHARS_MAX).collect::<String>();
    let frame = Frame { is_error: true, ..frame(visit) };
    let (name, person, reason) = (said("name"), said("person"), said("reason"));
    page_with(status, &Page { frame, name, person, reason, errors })
}
