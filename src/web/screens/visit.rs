//! One request to the screens, once it is known who makes it: its words, what it may ask of the hub, and the page
//! or the way that it is answered with.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::http::HeaderValue;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::assets;
use super::routes::View;
use super::service::Screens;
use super::session::Who;
use super::words::Now;
use crate::access::right::Right;
use crate::record::personal::unprinted;
use crate::store::database::StoreError;
use crate::store::sessions;
use crate::web::api::Hub;
use crate::web::api::call::{Call, Caller};
use crate::web::api::problem::{Kind, Problem};
use crate::web::api::routes::{ROUTES, Verb};

/// Words of a query or a form. They may say who is searched for.
#[derive(Clone, Default)]
pub struct Words(HashMap<String, Vec<String>>);

unprinted!(Words);

/// As many values as a form may have.
const VALUES_MAX: usize = 1_100;

impl Words {
    /// None where there are too many.
    pub fn read(bytes: &[u8]) -> Option<Words> {
        let mut words: HashMap<String, Vec<String>> = HashMap::new();
        for (many, (name, value)) in form_urlencoded::parse(bytes).enumerate() {
            if many >= VALUES_MAX {
                return None;
            }
            words.entry(name.into_owned()).or_default().push(value.into_owned());
        }
        Some(Words(words))
    }

    /// What is said under a name, without blanks around it; empty where nothing is.
    pub fn one(&self, name: &str) -> &str {
        self.0.get(name).and_then(|values| values.first()).map_or("", |value| value.trim())
    }

    /// The same; none where nothing is.
    pub fn some(&self, name: &str) -> Option<&str> {
        Some(self.one(name)).filter(|value| !value.is_empty())
    }

    /// What is said under a name, and be it nothing; none where the form has no such field.
    pub fn some_or_empty(&self, name: &str) -> Option<&str> {
        self.0.contains_key(name).then(|| self.one(name))
    }

    /// Everything that is said under a name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.0
            .get(name)
            .map(|values| values.iter().map(|value| value.trim()).collect())
            .unwrap_or_default()
    }
}

/// One request.
pub struct Visit {
    pub screens: Arc<Screens>,
    pub view: View,
    /// Its path alone.
    pub path: String,
    /// What stands in the path for `{id}` or `{token}`.
    pub id: String,
    pub query: Words,
    pub form: Words,
    pub who: Option<Who>,
    /// What a browser shows that comes back from the provider.
    pub way: Option<String>,
    pub peer: std::net::IpAddr,
    pub is_secure: bool,
    pub now_ms: i64,
    /// What the first page says to those who look after people.
    pub alerts: Vec<Alarm>,
}

/// What is answered.
pub enum Reply {
    Page(u16, String),
    /// After something was changed, and on the way to a page.
    GoTo(String),
    /// The same, with cookies that a browser is given or loses.
    With(Vec<HeaderValue>, String),
    /// A file, by its name, that a spreadsheet opens.
    File(String, String),
    /// A page, with cookies.
    PageWith(Vec<HeaderValue>, u16, String),
}

/// Why it is not.
#[derive(Debug)]
pub enum Trouble {
    NotSignedIn,
    NotAllowed(String),
    NotThere(String),
    /// Its words are off.
    Words(String),
    Stands(String),
    TooOften(u32),
    Unavailable,
    Broken,
}

pub type Answer = Result<Reply, Trouble>;

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Trouble {
        let said = sentence(&problem.detail);
        match problem.kind {
            Kind::NotAllowed | Kind::NotOurs => Trouble::NotAllowed(said),
            Kind::NotThere | Kind::NotSo => Trouble::NotThere(said),
            Kind::NoKey => Trouble::NotSignedIn,
            Kind::Stands => Trouble::Stands(said),
            Kind::Unreadable | Kind::Words | Kind::NotJson | Kind::NotSuch | Kind::TooLarge => {
                Trouble::Words(said)
            }
            Kind::TooOften => Trouble::TooOften(problem.again_s.unwrap_or(60)),
            Kind::Late | Kind::Unavailable => Trouble::Unavailable,
            Kind::Broken => Trouble::Broken,
        }
    }
}

/// What the hub says to programs, as a sentence for people: without the command that would show more.
fn sentence(detail: &str) -> String {
    let said = detail
        .split([':', ';', '('])
        .next()
        .filter(|_| detail.contains("`viaduct "))
        .unwrap_or(detail);
    let said = said.replace('`', "").trim().to_owned();
    let mut letters = said.chars();
    let first: String =
        letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let stop = if said.is_empty() || said.ends_with('.') { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Trouble {
        Trouble::from(Problem::from(error))
    }
}

/// A way in the navigation.
pub struct Way {
    pub href: &'static str,
    pub words: &'static str,
    pub here: bool,
}

/// What stands around every page.
pub struct Frame {
    pub title: String,
    /// Something in a form is wrong: the title says so first.
    pub is_error: bool,
    pub ways: Vec<Way>,
    /// Who is signed in, and as what.
    pub who: Option<(String, String)>,
    pub token: String,
    pub style: &'static str,
    pub script: &'static str,
    pub icon: &'static str,
    /// `on`, `paused`, `done`; empty where a page does not change by itself.
    pub live: &'static str,
    pub path: String,
    pub now: Now,
    /// What was just done, said once.
    pub notice: Option<String>,
    /// Where in the help this page is explained.
    pub help: &'static str,
    /// Whether a list may be made into a file.
    pub may_export: bool,
    /// On somebody's first page: alerts that wait for a review.
    pub alerts: Vec<Alarm>,
}

/// An alert, as it stands on a first page.
#[derive(Debug, Clone, Deserialize)]
pub struct Alarm {
    pub alert: i64,
    pub says: String,
    pub state: String,
}

impl Frame {
    /// Whether the person may do that: what they may not is not offered.
    pub fn titled(mut self, title: impl Into<String>) -> Frame {
        self.title = title.into();
        self
    }
}

/// What a person needs a right of its own for: enough for it, and not to be had without it, whatever else they may.
fn own_right(verb: Verb) -> Option<Right> {
    match verb {
        Verb::Alerts | Verb::Alert => Some(Right::Alerts),
        // How the service and its nodes stand has no rows.
        Verb::Service | Verb::Nodes => Some(Right::Health),
        // What a list is cut by is anybody's who may look at it.
        Verb::Views | Verb::KeepView | Verb::RemoveView => Some(Right::Look),
        Verb::Search | Verb::Resident | Verb::Why | Verb::History | Verb::Explain => {
            Some(Right::Records)
        }
        Verb::Codes | Verb::Code | Verb::Mappings | Verb::TryMapping => Some(Right::Definitions),
        Verb::AskCode => Some(Right::Draft),
        Verb::DecideCode => Some(Right::Approve),
        Verb::Matches
        | Verb::Match
        | Verb::TakeMatch
        | Verb::SayOfMatch
        | Verb::Acts
        | Verb::Act
        | Verb::Review
        | Verb::Merge
        | Verb::Apart
        | Verb::Unmerge
        | Verb::Split => Some(Right::Match),
        _ => None,
    }
}

const WAYS: [(&str, &str, Right); 17] = [
    ("/", "Service health", Right::Health),
    ("/work-orders", "Work orders", Right::Look),
    ("/deliveries", "Messages", Right::Look),
    ("/causes", "Causes", Right::Look),
    ("/batches", "Files", Right::Look),
    ("/unknown", "Unknown outcomes", Right::Look),
    ("/jobs", "Schedules", Right::Look),
    ("/nodes", "Nodes", Right::Health),
    ("/connectors", "Connectors", Right::Look),
    ("/mappings", "Mappings", Right::Definitions),
    ("/codes", "Code lists", Right::Definitions),
    ("/residents", "Residents", Right::Records),
    ("/matches", "Possible matches", Right::Match),
    ("/merges", "Merge history", Right::Match),
    ("/audit", "Audit", Right::Audit),
    ("/alerts", "Alerts", Right::Alerts),
    ("/users", "Users", Right::People),
];

impl Visit {
    /// The frame of a page of that title.
    pub fn frame(&self, title: &str) -> Frame {
        let may = |right| self.may(right);
        let here = |href: &str| match href {
            "/" => self.path == "/",
            href => self.path == href || self.path.starts_with(&format!("{href}/")),
        };
        let ways = WAYS.iter().filter(|(_, _, right)| may(*right));
        let ways = ways.map(|(href, words, _)| Way { href, words, here: here(href) }).collect();
        let who = self.who.as_ref().map(|who| (who.name().to_owned(), who.titles(self.now_ms)));
        Frame {
            title: title.to_owned(),
            is_error: false,
            ways,
            who,
            token: self.who.as_ref().map(|who| who.session.token.clone()).unwrap_or_default(),
            style: &assets::STYLE.path,
            script: &assets::SCRIPT.path,
            icon: &assets::ICON.path,
            live: "",
            path: self.path.clone(),
            now: Now(self.now_ms),
            notice: self.query.some("done").and_then(notice).map(str::to_owned),
            help: "",
            may_export: may(Right::Export),
            alerts: self.alerts.clone(),
        }
    }

    /// The same, of a page that keeps itself up to date while something goes on.
    pub fn live_frame(&self, title: &str, goes_on: bool) -> Frame {
        let paused = self.who.as_ref().is_some_and(|who| who.session.paused);
        let live = match (goes_on, paused) {
            (false, _) => "done",
            (true, true) => "paused",
            (true, false) => "on",
        };
        Frame { live, ..self.frame(title) }
    }

    pub fn may(&self, right: Right) -> bool {
        self.who.as_ref().is_some_and(|who| who.roles.may(right))
    }

    /// Whoever is signed in.
    pub fn who(&self) -> Result<&Who, Trouble> {
        self.who.as_ref().ok_or(Trouble::NotSignedIn)
    }

    /// Asks the hub in their name, as a program would with a key.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        verb: Verb,
        id: &str,
        query: &str,
    ) -> Result<T, Trouble> {
        self.asked(verb, (id, query, None), None).await
    }

    /// The same, with values unmasked where they were shown for a reason that still holds.
    pub async fn look<T: DeserializeOwned>(
        &self,
        verb: Verb,
        (id, query): (&str, &str),
        target: &str,
    ) -> Result<(T, Option<i64>), Trouble> {
        let session = &self.who()?.session.digest;
        let database = self.screens.hub.database();
        let may_show = match own_right(verb) {
            Some(right) => self.may(right),
            None => self.may(Right::Show),
        };
        let shown = match may_show {
            true => sessions::shown(database, session, target, self.now_ms).await?,
            false => None,
        };
        let Some((reason, until_ms)) = shown else {
            return Ok((self.asked(verb, (id, query, None), None).await?, None));
        };
        let query =
            if query.is_empty() { "show=true".to_owned() } else { format!("{query}&show=true") };
        Ok((self.asked(verb, (id, &query, None), Some(reason)).await?, Some(until_ms)))
    }

    /// Has the hub do something in their name.
    pub async fn act<T: DeserializeOwned>(
        &self,
        verb: Verb,
        id: &str,
        body: Value,
    ) -> Result<T, Trouble> {
        self.asked(verb, (id, "", Some(body)), None).await
    }

    async fn asked<T: DeserializeOwned>(
        &self,
        verb: Verb,
        (id, query, body): (&str, &str, Option<Value>),
        reason: Option<String>,
    ) -> Result<T, Trouble> {
        let caller: Caller = self.who()?.caller();
        // The table of the API says what it takes: a page that forgot to ask is refused here.
        let route = ROUTES.iter().find(|route| route.verb == verb);
        match (own_right(verb), route) {
            (Some(right), _) if self.may(right) => {}
            (Some(right), _) => {
                let what = format!("This needs the right to {}.", right.says());
                return Err(Trouble::NotAllowed(what));
            }
            (None, Some(route)) => caller.must(route.scope)?,
            (None, None) => {}
        }
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let (id, query) = (id.to_owned(), query.to_owned());
        let call = Call { verb, id, caller, reason, query, body };
        let answer = self.screens.hub.answer(call).await?;
        serde_json::from_value(answer.json).map_err(|error| {
            tracing::error!(cause = %error.classify_word(), "a page cannot read what the hub answers");
            Trouble::Broken
        })
    }

    /// A reason, which a form must give.
    pub fn reason(&self) -> Result<&str, Trouble> {
        let reason = self.form.one("reason");
        match reason.chars().count() {
            0 => Err(Trouble::Words(
                "Enter a reason. It is kept in the audit log, with your name".to_owned(),
            )),
            1..=500 => Ok(reason),
            _ => Err(Trouble::Words("A reason has at most 500 characters".to_owned())),
        }
    }
}

/// Asks the hub for a list in somebody's name, after their request was answered.
pub async fn asked_of(
    hub: &dyn Hub,
    caller: Caller,
    verb: Verb,
    query: &str,
) -> Result<Value, Problem> {
    if let Some(route) = ROUTES.iter().find(|route| route.verb == verb) {
        caller.must(route.scope)?;
    }
    let (id, query) = (String::new(), query.to_owned());
    let call = Call { verb, id, caller, reason: None, query, body: Vec::new() };
    Ok(hub.answer(call).await?.json)
}

/// What went wrong with a reading, without what was read.
trait Classified {
    fn classify_word(&self) -> String;
}

impl Classified for serde_json::Error {
    fn classify_word(&self) -> String {
        let said = self.to_string();
        // Names of fields are ours; values are not told.
        let said = said.split(" at line ").next().unwrap_or_default();
        match said.starts_with("missing field") || said.starts_with("unknown field") {
            true => said.to_owned(),
            false => format!("{:?}", self.classify()),
        }
    }
}

/// A page of a template.
pub fn page(template: &impl Template) -> Answer {
    page_with(200, template)
}

pub fn page_with(status: u16, template: &impl Template) -> Answer {
    match template.render() {
        Ok(html) => Ok(Reply::Page(status, html)),
        Err(_) => {
            tracing::error!("a page could not be written");
            Err(Trouble::Broken)
        }
    }
}

/// What was just done: only these are said, whatever stands in an address.
fn notice(word: &str) -> Option<&'static str> {
    Some(match word {
        "shown" => "Values are shown for 15 minutes. That is in the audit log.",
        "masked" => "Values are masked again.",
        "reading" => "It is being read again. Look again in a moment to see what came of it.",
        "begun" => "It has begun.",
        "making" => "It is being made. It stands here as soon as it is ready.",
        "asked" => {
            "Somebody else has to agree to it, within a day. It stands under “What needs somebody” on their first page."
        }
        "turned-down" => "It is refused: nothing of it is sent.",
        "dropped" => "Nothing was done.",
        "paused" => "It is paused.",
        "drained" => "It takes nothing new, from its next beat on, and ends what it has in hand.",
        "resumed" => "It goes on.",
        "probed" => "One message is tried. What becomes of it decides whether the rest goes on.",
        "skipped" => "The next run is passed over.",
        "run" => "The job has its turn as soon as the queue comes to it.",
        "accepted" => "The file is accepted: the next run of its job reads it.",
        "refused" => "The file is refused: nobody waits for it any more.",
        "happened" => "It is written down as having happened.",
        "again" => "It is sent once more.",
        "roles" => "The roles are changed, and that person is signed out.",
        "disabled" => "That person is let in no more, and is signed out.",
        "enabled" => "That person may sign in again.",
        "signed-out" => "That person is signed out everywhere.",
        "out" => "You are signed out.",
        "same" => "They are one person now. It can be undone in the merge history.",
        "different" => "They are two people, and nobody is asked again.",
        "unsure" => "It is set aside until one of the two records says something else.",
        "undone" => "The merge is undone: they are two residents again.",
        "none-left" => "No match is left that nobody else has before them.",
        "moved-on" => "That number became this resident's.",
        "held" => {
            "The hold is down: collection stops for this resident, at the last step before anything is sent."
        }
        "held-too-late" => {
            "The hold is down. Some messages were being sent at that moment: it is too late for them."
        }
        "code-asked" => "It is asked for. Another person has to say yes.",
        "code-counts" => "The code counts: what is read from now on is read with it.",
        "code-refused" => "It is refused, and counts for nothing.",
        "ready" => "Your password and codes are set. Sign in with them now.",
        "assigned" => "It is written down who sees to it.",
        "silenced" => "It stays in the list. Nobody is reminded of it until that day.",
        "unsilenced" => "It counts again as something that needs somebody.",
        "noted" => "The note is kept.",
        "acknowledged" => "Nobody is reminded of it for a day, unless it comes anew.",
        "view-kept" => "It is kept under that name, and stands above the list.",
        "view-removed" => "It is kept no more.",
        "reviewed" => "Your review is written down, and the alert is over.",
        "glass-ready" => {
            "The password and the codes are set. Keep them where they are found in an emergency, and used by nobody unseen."
        }
        "updates" => "That is remembered for your pages.",
        _ => return None,
    })
}
