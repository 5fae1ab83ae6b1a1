//! P12: the connectors there are, and one of them: what it is, who uses it, whether it can be opened, and what must
//! be set for it.

use askama::Template;
use serde::Deserialize;

use crate::web::api::routes::Verb;
use crate::web::screens::visit::{Answer, Frame, Trouble, Visit, page};
use crate::web::screens::words::{self, At};

#[derive(Deserialize)]
struct All {
    connectors: Vec<Connector>,
}

#[derive(Deserialize)]
struct Connector {
    connector: String,
    kind: String,
    is: Option<String>,
    system: String,
    owner: Option<String>,
    jobs: Vec<String>,
    fault: Option<String>,
    settings: Vec<Setting>,
    last: Option<Last>,
}

impl Connector {
    fn state(&self) -> &'static str {
        if self.fault.is_some() { "stopped" } else { "well" }
    }
}

#[derive(Deserialize)]
struct Setting {
    name: String,
    set: bool,
    secret: bool,
}

#[derive(Deserialize)]
struct Last {
    at: At,
    batch: i64,
    state: String,
}

#[derive(Template)]
#[template(path = "pages/connectors.html")]
struct ListPage {
    frame: Frame,
    all: All,
}

#[derive(Template)]
#[template(path = "pages/connector.html")]
struct OnePage {
    frame: Frame,
    one: Connector,
}

pub async fn list(visit: &Visit) -> Answer {
    let all = visit.ask(Verb::Connectors, "", "").await?;
    page(&ListPage { frame: Frame { help: "connectors", ..visit.frame("Connectors") }, all })
}

pub async fn show(visit: &Visit) -> Answer {
    let all: All = visit.ask(Verb::Connectors, "", "").await?;
    let one = all.connectors.into_iter().find(|one| one.connector == visit.id);
    let one =
        one.ok_or_else(|| Trouble::NotThere("There is no connector of that name.".to_owned()))?;
    page(&OnePage { frame: Frame { help: "connectors", ..visit.frame(&one.connector) }, one })
}
