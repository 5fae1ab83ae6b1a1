//! P37: who one is here, what one may, and whether pages change by themselves.

use askama::Template;

use super::own_way;
use crate::access::right::Right;
use crate::store::staff;
use crate::web::screens::session::{IDLE_MS, WHOLE_MS};
use crate::web::screens::visit::{Answer, Frame, Reply, Visit, page};
use crate::web::screens::words::{At, long};

#[derive(Template)]
#[template(path = "pages/account.html")]
struct Account {
    frame: Frame,
    name: String,
    roles: String,
    may: Vec<&'static str>,
    sources: Option<Vec<String>>,
    begun: At,
    idle: String,
    whole: String,
    paused: bool,
}

pub async fn show(visit: &Visit) -> Answer {
    let who = visit.who()?;
    let may =
        Right::ALL.into_iter().filter(|right| *right != Right::SignedIn && who.roles.may(*right));
    page(&Account {
        frame: visit.frame("Your account"),
        name: who.name().to_owned(),
        roles: who.roles.titles(),
        may: may.map(Right::says).collect(),
        sources: who.sources.clone(),
        begun: At(who.session.begun_ms),
        idle: long(IDLE_MS),
        whole: long(WHOLE_MS),
        paused: who.session.paused,
    })
}

/// Remembers whether pages stand still, and goes back to where that was asked.
pub async fn updates(visit: &Visit) -> Answer {
    let paused = visit.form.one("paused") == "yes";
    let database = visit.screens.hub.database();
    staff::set_paused(database, visit.who()?.session.staff_id, paused).await?;
    let next = own_way(visit.form.one("next"));
    Ok(Reply::GoTo(
        if next == "/" && visit.form.one("next").is_empty() {
            "/account?done=updates"
        } else {
            next
        }
        .to_owned(),
    ))
}
