//! P35: who may sign in, as what, and their sessions. Nobody changes their own roles, nor disables themselves; of
//! whoever has a password nobody makes another link here.

use askama::Template;
use serde::Deserialize;
use serde_json::{Value, json};

use super::in_path;
use crate::access::right::{Role, Roles};
use crate::web::api::routes::Verb;
use crate::web::screens::visit::{Answer, Frame, Reply, Trouble, Visit, page, page_with};
use crate::web::screens::words::{self, At};

#[derive(Deserialize)]
struct Line {
    name: String,
    roles: String,
    titles: String,
    sources: String,
    state: String,
    sessions: i64,
    version: i64,
    signed_in: Option<At>,
    made: At,
    by: String,
    owner: Option<String>,
    /// What they are the council's provider says.
    of_provider: bool,
    break_glass: bool,
    has_password: bool,
}

impl Line {
    fn sources_said(&self) -> String {
        match self.sources.is_empty() {
            true => "all".to_owned(),
            false => self.sources.replace(',', ", "),
        }
    }
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
    has: Roles,
    roles: [Role; 9],
    is_me: bool,
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

pub async fn list(visit: &Visit) -> Answer {
    listed(visit, 200, vec![], "").await
}

async fn listed(
    visit: &Visit,
    status: u16,
    errors: Vec<(&'static str, String)>,
    name: &str,
) -> Answer {
    let lines = visit.ask(Verb::Users, "", "").await?;
    let frame =
        Frame { help: "users", is_error: !errors.is_empty(), ..visit.frame("Users and sessions") };
    page_with(status, &ListPage { frame, lines, roles: Role::ALL, errors, name: name.to_owned() })
}

pub async fn show(visit: &Visit) -> Answer {
    let line: Line = visit.ask(Verb::User, &visit.id, "").await?;
    page(&OnePage {
        frame: Frame { help: "users", ..visit.frame(&line.name) },
        has: Roles::from_words(&line.roles),
        roles: Role::ALL,
        is_me: line.name == visit.who()?.name(),
        line,
    })
}

/// Whoever is changed is somebody else.
fn other(visit: &Visit) -> Result<(), Trouble> {
    match visit.id == visit.who()?.name() {
        true => Err(Trouble::NotAllowed(
            "Nobody changes what they themselves may. Ask another administrator.".to_owned(),
        )),
        false => Ok(()),
    }
}

fn sources_of(visit: &Visit) -> Vec<&str> {
    visit.form.one("sources").split([',', ' ']).filter(|one| !one.is_empty()).collect()
}

/// Makes somebody, or another link for somebody who has used none; the link is shown once, on the page that answers.
pub async fn invite(visit: &Visit) -> Answer {
    let (name, roles) = (visit.form.one("name").to_lowercase(), visit.form.all("role"));
    let mut errors = Vec::new();
    if let Err(fault) = crate::access::actor::staff_name(&name) {
        errors.push(("name", fault));
    }
    let there: Vec<Line> = visit.ask(Verb::Users, "", "").await?;
    match there.into_iter().find(|line| line.name == name) {
        None if roles.is_empty() => {
            errors.push(("role-viewer", "Choose at least one role".to_owned()));
        }
        Some(line) if line.of_provider => {
            let says = "This person signs in with the council's own account, and needs no link";
            errors.push(("name", says.to_owned()));
        }
        Some(line) if line.has_password => {
            let says = "This name is there already, and whoever had another link would be that person. Take another name if it is \
                        somebody else. If they lost their password or their telephone, whoever looks after the machine makes the link";
            errors.push(("name", says.to_owned()));
        }
        Some(_) if !roles.is_empty() => {
            let says = "This person is invited already: choose no roles to make another link, or change the roles on their page";
            errors.push(("role-viewer", says.to_owned()));
        }
        _ => {}
    }
    if !errors.is_empty() {
        return listed(visit, 400, errors, &name).await;
    }
    #[derive(Deserialize)]
    struct Invited {
        link: String,
    }
    let asked = json!({ "name": name, "roles": roles, "sources": sources_of(visit) });
    let Invited { link } = visit.act(Verb::InviteUser, "", asked).await?;
    let frame = Frame { help: "users", ..visit.frame("A link for one person") };
    page(&InvitedPage { frame, name, link })
}

pub async fn roles(visit: &Visit) -> Answer {
    other(visit)?;
    // The form says which version of the person it was filled in for.
    let version: Option<i64> = visit.form.one("version").parse().ok();
    let line: Line = visit.ask(Verb::User, &visit.id, "").await?;
    // Theirs are the provider's to say, at each sign-in; of which sources they see rows is ours.
    let roles = if line.of_provider { vec![] } else { visit.form.all("role") };
    let asked = json!({
        "roles": roles, "sources": sources_of(visit), "owner": visit.form.some_or_empty("owner"),
        "reason": visit.reason()?, "version": version.unwrap_or_default(),
    });
    let _: Value = visit.act(Verb::ChangeUser, &visit.id, asked).await?;
    Ok(done(visit, "roles"))
}

pub async fn disable(visit: &Visit) -> Answer {
    other(visit)?;
    let why = json!({ "reason": visit.reason()? });
    let _: Value = visit.act(Verb::DisableUser, &visit.id, why).await?;
    Ok(done(visit, "disabled"))
}

pub async fn enable(visit: &Visit) -> Answer {
    other(visit)?;
    let _: Value = visit.act(Verb::EnableUser, &visit.id, json!({})).await?;
    Ok(done(visit, "enabled"))
}

pub async fn sign_out(visit: &Visit) -> Answer {
    let _: Value = visit.act(Verb::SignOutUser, &visit.id, json!({})).await?;
    Ok(done(visit, "signed-out"))
}

fn done(visit: &Visit, word: &str) -> Reply {
    Reply::GoTo(format!("/users/{}?done={word}", in_path(&visit.id)))
}
