//! P37: signing in and out with a name, a password and a one-time code; and the link by which somebody sets both.
//! Who is unknown is told the same as who is known, after as long a time.

use askama::Template;

use super::own_way;
use crate::access::code::Seed;
use crate::access::password::{self, SALT_BYTES};
use crate::store::break_glass;
use crate::store::sessions::{self, SessionRow};
use crate::store::staff::{self, InviteRow, StaffRow};
use crate::web::screens::session::{self, digest_of, fresh_bytes, fresh_token};
use crate::web::screens::visit::{Answer, Frame, Reply, Trouble, Visit, page, page_with};

#[derive(Template)]
#[template(path = "pages/sign_in.html")]
pub(super) struct SignIn {
    pub frame: Frame,
    pub next: String,
    pub name: String,
    /// What the way to the council's provider says, where there is one.
    pub provider: Option<String>,
    /// Whether people sign in with a password here too.
    pub local: bool,
    /// Whether there are accounts for an emergency.
    pub glass: bool,
    pub errors: Vec<(&'static str, String)>,
}

#[derive(Template)]
#[template(path = "pages/invitation.html")]
struct Invitation {
    frame: Frame,
    name: String,
    seed: String,
    picture: String,
    size: i32,
    errors: Vec<(&'static str, String)>,
}

/// The form.
pub async fn show(visit: &Visit) -> Answer {
    let next = own_way(visit.query.one("next")).to_owned();
    if visit.who.is_some() {
        return Ok(Reply::GoTo(next));
    }
    let frame = visit.frame("Sign in");
    page(&SignIn::of(visit, frame, next, "", vec![]).await?)
}

/// What was filled in.
pub async fn sign_in(visit: &Visit) -> Answer {
    let screens = &visit.screens;
    if !screens.hub.local_accounts() {
        let says = "People sign in here with the council’s own account.";
        return Err(Trouble::NotAllowed(says.to_owned()));
    }
    let (name, code) = (visit.form.one("name").to_lowercase(), visit.form.one("code"));
    let password = visit.form.one("password");
    let mut errors = Vec::new();
    for (field, value, says) in [
        ("name", name.as_str(), "Enter your user name"),
        ("password", password, "Enter your password"),
        ("code", code, "Enter the code that your authenticator app shows"),
    ] {
        if value.is_empty() {
            errors.push((field, says.to_owned()));
        }
    }
    if !errors.is_empty() {
        return again(visit, 400, &name, errors).await;
    }
    slow_down(visit, &name)?;
    let found = staff::of_name(screens.hub.database(), &name).await?;
    let found =
        found.filter(|row| row.disabled_ms.is_none() && !row.is_of_provider() && !row.is_glass());
    let kept = found.as_ref().and_then(|row| row.password.clone());
    let known = is_of(visit, password, kept).await?;
    let step = found.as_ref().filter(|_| known).and_then(|row| step_of(row, code, visit.now_ms));
    let (Some(row), Some(step)) = (found, step) else {
        tracing::warn!("a sign-in was refused");
        return refused(visit, &name).await;
    };
    let token = fresh_token().map_err(|_| Trouble::Broken)?;
    let session = session_of(&row, &token, visit.now_ms)?;
    match sessions::begin(screens.hub.database(), &session, (row.version, step)).await? {
        true => {
            let cookie = session::cookie(Some(&token), visit.is_secure);
            Ok(Reply::With(vec![cookie], own_way(visit.form.one("next")).to_owned()))
        }
        // The same code was used a moment ago.
        false => refused(visit, &session.name).await,
    }
}

/// Whoever guesses at one name from many addresses is slowed as much as from one. An address that is slowed slows
/// nobody's name.
pub(super) fn slow_down(visit: &Visit, name: &str) -> Result<(), Trouble> {
    let screens = &visit.screens;
    let slowed = screens.guesses_from.take(visit.peer, visit.now_ms).and_then(|()| {
        screens.guesses_of_name.take(name.chars().take(100).collect(), visit.now_ms)
    });
    slowed.map_err(|seconds| {
        screens.alert(visit.now_ms);
        Trouble::TooOften(seconds)
    })
}

async fn refused(visit: &Visit, name: &str) -> Answer {
    let says = "The user name, the password or the code is wrong. A code is taken once: wait for the next one";
    again(visit, 401, name, vec![("name", says.to_owned())]).await
}

async fn again(
    visit: &Visit,
    status: u16,
    name: &str,
    errors: Vec<(&'static str, String)>,
) -> Answer {
    let frame = Frame { is_error: true, ..visit.frame("Sign in") };
    let next = own_way(visit.form.one("next")).to_owned();
    page_with(status, &SignIn::of(visit, frame, next, name, errors).await?)
}

impl SignIn {
    /// The page, with the ways in that there are.
    pub async fn of(
        visit: &Visit,
        frame: Frame,
        next: String,
        name: &str,
        errors: Vec<(&'static str, String)>,
    ) -> Result<SignIn, Trouble> {
        let hub = &visit.screens.hub;
        let glass = break_glass::any(hub.database()).await?;
        let (provider, local) = (called(visit), hub.local_accounts());
        Ok(SignIn { frame, next, name: name.to_owned(), provider, local, glass, errors })
    }
}

/// What the way to the council's provider says, where there is one.
pub(super) fn called(visit: &Visit) -> Option<String> {
    visit.screens.hub.provider().map(|provider| provider.called().to_owned())
}

/// A session of theirs that begins now.
pub(super) fn session_of(row: &StaffRow, token: &str, now_ms: i64) -> Result<SessionRow, Trouble> {
    Ok(SessionRow {
        digest: digest_of(token),
        token: fresh_token().map_err(|_| Trouble::Broken)?,
        begun_ms: now_ms,
        seen_ms: now_ms,
        staff_id: row.id,
        name: row.name.clone(),
        roles: row.roles.clone(),
        sources: row.sources.clone(),
        paused: row.paused,
        until_ms: None,
        alert_id: None,
    })
}

pub(super) fn step_of(row: &StaffRow, code: &str, now_ms: i64) -> Option<i64> {
    let seed = Seed::from_base32(row.seed.as_deref()?, &row.name).ok()?;
    seed.step_of(code, row.last_step, now_ms)
}

/// Looked at beside everything else, and few at once.
pub(super) async fn is_of(
    visit: &Visit,
    password: &str,
    kept: Option<String>,
) -> Result<bool, Trouble> {
    let _turn = visit.screens.hashing.acquire().await.map_err(|_| Trouble::Unavailable)?;
    let password = password.chars().take(password::CHARS_MAX + 1).collect::<String>();
    let look = move || password::is_of(&password, kept.as_deref());
    tokio::task::spawn_blocking(look).await.map_err(|_| Trouble::Broken)
}

/// Ends the session.
pub async fn sign_out(visit: &Visit) -> Answer {
    sessions::end(visit.screens.hub.database(), &visit.who()?.session, visit.now_ms).await?;
    let cookie = session::cookie(None, visit.is_secure);
    Ok(Reply::With(vec![cookie], "/sign-in?done=out".to_owned()))
}

/// The form behind a link that works once.
pub async fn invitation(visit: &Visit) -> Answer {
    let (invite, row) = invited(visit).await?;
    form(visit, 200, &invite, &row, vec![])
}

/// Keeps the password and the codes.
pub async fn accept(visit: &Visit) -> Answer {
    let (invite, row) = invited(visit).await?;
    if let Err(seconds) = visit.screens.guesses_from.take(visit.peer, visit.now_ms) {
        return Err(Trouble::TooOften(seconds));
    }
    let (password, again) = (visit.form.one("password"), visit.form.one("again"));
    let seed = Seed::from_base32(&invite.seed, &row.name).map_err(|_| Trouble::Broken)?;
    let mut errors = Vec::new();
    if let Some(fault) = password::fault(password, &row.name) {
        errors.push(("password", fault.to_owned()));
    } else if password != again {
        errors.push(("again", "Enter the same password in both fields".to_owned()));
    }
    let step = seed.step_of(visit.form.one("code"), -1, visit.now_ms);
    if step.is_none() {
        let says = "The code is not the one that your app should show now. See that the clock of your telephone is right";
        errors.push(("code", says.to_owned()));
    }
    let (Some(step), true) = (step, errors.is_empty()) else {
        return form(visit, 400, &invite, &row, errors);
    };
    let salt = fresh_bytes::<SALT_BYTES>().map_err(|_| Trouble::Broken)?;
    let (_turn, password) = (visit.screens.hashing.acquire().await, password.to_owned());
    let hash = tokio::task::spawn_blocking(move || password::hash(&password, &salt)).await;
    let hash = hash.map_err(|_| Trouble::Broken)?.map_err(|_| Trouble::Broken)?;
    let database = visit.screens.hub.database();
    match staff::accept(database, &invite, (&row.name, &hash, step), visit.now_ms).await? {
        true if row.is_glass() => Ok(Reply::GoTo("/break-glass?done=glass-ready".to_owned())),
        true => Ok(Reply::GoTo("/sign-in?done=ready".to_owned())),
        false => Err(over()),
    }
}

async fn invited(visit: &Visit) -> Result<(InviteRow, StaffRow), Trouble> {
    let database = visit.screens.hub.database();
    let found = staff::invitation(database, &digest_of(&visit.id), visit.now_ms).await?;
    let invite = found.ok_or_else(over)?;
    let row = staff::of_id(database, invite.staff_id).await?;
    let row = row.filter(|row| {
        row.disabled_ms.is_none() && !row.is_of_provider() && row.withdrawn_ms.is_none()
    });
    let row = row.ok_or_else(over)?;
    Ok((invite, row))
}

fn over() -> Trouble {
    let says = "This link was used, or its time is over. Ask an administrator for another one.";
    Trouble::NotThere(says.to_owned())
}

fn form(
    visit: &Visit,
    status: u16,
    invite: &InviteRow,
    row: &StaffRow,
    errors: Vec<(&'static str, String)>,
) -> Answer {
    let seed = Seed::from_base32(&invite.seed, &row.name).map_err(|_| Trouble::Broken)?;
    let (picture, size) = seed.picture().unwrap_or_default();
    let frame =
        Frame { is_error: !errors.is_empty(), ..visit.frame("Set your password and codes") };
    let page =
        Invitation { frame, name: row.name.clone(), seed: seed.said(), picture, size, errors };
    page_with(status, &page)
}
