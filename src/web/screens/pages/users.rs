//! P35: who may sign in, as what, and their sessions. Nobody changes their own roles, nor disables themselves.

use askama::Template;

use super::in_path;
use crate::access::code::{SECRET_BYTES, Seed};
use crate::access::right::{Role, Roles};
use crate::store::ids::Ids;
use crate::store::sessions;
use crate::store::staff::{self, By, InviteRow, StaffRow};
use crate::web::screens::session::{Window, digest_of, fresh_bytes, fresh_token};
use crate::web::screens::visit::{Answer, Frame, Reply, Trouble, Visit, page, page_with};
use crate::web::screens::words::{self, At};

/// For so long a link is good.
pub const LINK_MS: i64 = 24 * 3_600_000;

struct Line {
    name: String,
    roles: String,
    sources: String,
    state: &'static str,
    sessions: i64,
    signed_in: Option<At>,
}

#[derive(Template)]
#[template(path = "pages/users.html")]
struct ListPage {
    frame: Frame,
    lines: Vec<Line>,
    roles: [Role; 9],
    errors: Vec<(&'static str, String)>,
    name: String,
}

#[derive(Template)]
#[template(path = "pages/user.html")]
struct OnePage {
    frame: Frame,
    line: Line,
    version: i64,
    has: Roles,
    roles: [Role; 9],
    is_me: bool,
    /// What they are the council's provider says.
    of_provider: bool,
    made: At,
    by: String,
}

#[derive(Template)]
#[template(path = "pages/invited.html")]
struct InvitedPage {
    frame: Frame,
    name: String,
    link: String,
}

fn has_role(has: &Roles, role: &Role) -> bool {
    has.is(*role)
}

fn line(row: &StaffRow, live: &[(i64, i64)]) -> Line {
    Line {
        name: row.name.clone(),
        roles: Roles::from_words(&row.roles).titles(),
        sources: if row.sources.is_empty() {
            "all".to_owned()
        } else {
            row.sources.replace(',', ", ")
        },
        state: row.state(),
        sessions: live.iter().find(|(id, _)| *id == row.id).map_or(0, |(_, many)| *many),
        signed_in: row.signed_in_ms.map(At),
    }
}

pub async fn list(visit: &Visit) -> Answer {
    listed(visit, 200, vec![], "").await
}

async fn listed(
    visit: &Visit,
    status: u16,
    errors: Vec<(&'static str, String)>,
    name: &str,
) -> Answer {
    let database = visit.screens.hub.database();
    let live = sessions::live(database, Window::at(visit.now_ms).after()).await?;
    let lines = staff::all(database).await?.iter().map(|row| line(row, &live)).collect();
    let frame =
        Frame { help: "users", is_error: !errors.is_empty(), ..visit.frame("Users and sessions") };
    page_with(status, &ListPage { frame, lines, roles: Role::ALL, errors, name: name.to_owned() })
}

pub async fn show(visit: &Visit) -> Answer {
    let row = known(visit).await?;
    let live =
        sessions::live(visit.screens.hub.database(), Window::at(visit.now_ms).after()).await?;
    page(&OnePage {
        frame: Frame { help: "users", ..visit.frame(&row.name) },
        line: line(&row, &live),
        version: row.version,
        has: Roles::from_words(&row.roles),
        roles: Role::ALL,
        is_me: row.name == visit.who()?.name(),
        of_provider: row.is_of_provider(),
        made: At(row.created_ms),
        by: row.created_by,
    })
}

async fn known(visit: &Visit) -> Result<StaffRow, Trouble> {
    let found = staff::of_name(visit.screens.hub.database(), &visit.id).await?;
    found.ok_or_else(|| Trouble::NotThere("Nobody of that name may sign in.".to_owned()))
}

/// Whoever is changed is somebody else.
async fn other(visit: &Visit) -> Result<StaffRow, Trouble> {
    let row = known(visit).await?;
    match row.name == visit.who()?.name() {
        true => Err(Trouble::NotAllowed(
            "Nobody changes what they themselves may. Ask another administrator.".to_owned(),
        )),
        false => Ok(row),
    }
}

fn roles_of(visit: &Visit) -> Result<Roles, Trouble> {
    let roles: Result<Vec<Role>, String> =
        visit.form.all("role").iter().map(|word| word.parse()).collect();
    roles.map(Roles::new).map_err(Trouble::Words)
}

fn sources_of(visit: &Visit) -> String {
    let sources = visit.form.one("sources").split([',', ' ']).filter(|one| !one.is_empty());
    sources.collect::<Vec<_>>().join(",")
}

/// Makes somebody, or another link for somebody; the link is shown once, on the page that answers.
pub async fn invite(visit: &Visit) -> Answer {
    let (name, roles) = (visit.form.one("name").to_lowercase(), roles_of(visit)?);
    let database = visit.screens.hub.database();
    let actor = visit.who()?.actor();
    let by = By { actor: actor.as_str(), reason: None, now_ms: visit.now_ms };
    let mut errors = Vec::new();
    if let Err(fault) = crate::access::actor::staff_name(&name) {
        errors.push(("name", fault));
    }
    let found = staff::of_name(database, &name).await?;
    if found.is_none() && roles.words().is_empty() {
        errors.push(("role-viewer", "Choose at least one role".to_owned()));
    }
    if found.as_ref().is_some_and(|row| row.name == visit.who().map_or("", |who| who.name())) {
        errors.push(("name", "Ask another administrator for a link of your own".to_owned()));
    }
    if found.as_ref().is_some_and(StaffRow::is_of_provider) {
        let says = "This person signs in with the council's own account, and needs no link";
        errors.push(("name", says.to_owned()));
    }
    if !errors.is_empty() {
        return listed(visit, 400, errors, &name).await;
    }
    if found.is_none() {
        let mut numbers = Ids::new();
        numbers.reserve(database, 1).await?;
        staff::add(database, numbers.take(), (&name, &roles.words(), &sources_of(visit)), by)
            .await?;
    }
    let row = staff::of_name(database, &name).await?.ok_or(Trouble::Broken)?;
    let link = fresh_token().map_err(|_| Trouble::Broken)?;
    let secret = fresh_bytes::<SECRET_BYTES>().map_err(|_| Trouble::Broken)?;
    let invitation = InviteRow {
        digest: digest_of(&link),
        staff_id: row.id,
        seed: Seed::new(secret, &row.name).map_err(|_| Trouble::Broken)?.base32(),
        until_ms: visit.now_ms + LINK_MS,
    };
    staff::invite(database, &invitation, &row.name, by).await?;
    let link = format!("/invitation/{link}");
    let frame = Frame { help: "users", ..visit.frame("A link for one person") };
    page(&InvitedPage { frame, name: row.name, link })
}

pub async fn roles(visit: &Visit) -> Answer {
    let (row, mut roles, reason) = (other(visit).await?, roles_of(visit)?, visit.reason()?);
    if row.is_of_provider() {
        // Theirs are the provider's to say, at each sign-in; of which sources they see rows is ours.
        roles = Roles::from_words(&row.roles);
    }
    if roles.words().is_empty() {
        return Err(Trouble::Words("Choose at least one role; or disable the person".to_owned()));
    }
    // The form says which version of the person it was filled in for.
    if visit.form.one("version") != row.version.to_string() {
        return Err(Trouble::Stands(
            "Somebody changed this person since you loaded the page.".to_owned(),
        ));
    }
    let actor = visit.who()?.actor();
    let by = By { actor: actor.as_str(), reason: Some(reason), now_ms: visit.now_ms };
    let set = (roles.words(), sources_of(visit));
    let done = staff::set_roles(visit.screens.hub.database(), &row, (&set.0, &set.1), by).await?;
    match done {
        true => Ok(Reply::GoTo(format!("/users/{}?done=roles", in_path(&row.name)))),
        false => Err(Trouble::Stands(
            "Somebody changed this person since you loaded the page.".to_owned(),
        )),
    }
}

pub async fn disable(visit: &Visit) -> Answer {
    let (row, reason) = (other(visit).await?, visit.reason()?);
    let actor = visit.who()?.actor();
    let by = By { actor: actor.as_str(), reason: Some(reason), now_ms: visit.now_ms };
    staff::set_disabled(visit.screens.hub.database(), &row, true, by).await?;
    Ok(Reply::GoTo(format!("/users/{}?done=disabled", in_path(&row.name))))
}

pub async fn enable(visit: &Visit) -> Answer {
    let row = other(visit).await?;
    let actor = visit.who()?.actor();
    let by = By { actor: actor.as_str(), reason: None, now_ms: visit.now_ms };
    staff::set_disabled(visit.screens.hub.database(), &row, false, by).await?;
    Ok(Reply::GoTo(format!("/users/{}?done=enabled", in_path(&row.name))))
}

pub async fn sign_out(visit: &Visit) -> Answer {
    let row = known(visit).await?;
    let actor = visit.who()?.actor();
    let by = By { actor: actor.as_str(), reason: None, now_ms: visit.now_ms };
    staff::end_sessions(visit.screens.hub.database(), &row, by).await?;
    Ok(Reply::GoTo(format!("/users/{}?done=signed-out", in_path(&row.name))))
}
