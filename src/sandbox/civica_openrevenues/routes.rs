//! The one address, and what each operation does to the session that asks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;

use super::benefits;
use super::control;
use super::pages::{furniture, signed_out};
use super::state::{Cursor, Memory, Shared, find, person_reference};
use super::tax::Page;
use crate::sandbox::faults::Strike;
use crate::sandbox::serving::Line;

pub fn router(shared: Arc<Shared>) -> Router {
    Router::new().route("/openrevenues", any(asked)).merge(control::router()).with_state(shared)
}

type Query = HashMap<String, String>;

async fn asked(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Line>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response {
    let query = uri.query().unwrap_or_default();
    let query: Query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let docid = query.get("docid").cloned().unwrap_or_default();
    let strike = {
        let mut memory = shared.memory();
        *memory.counts.calls.entry(docid.clone()).or_default() += 1;
        memory.faults.strike(&method, &docid)
    };
    match strike {
        Some(Strike::Status(status, _)) => {
            return StatusCode::from_u16(status).unwrap_or_default().into_response();
        }
        Some(Strike::Slow { ms }) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Some(Strike::LoseAnswer | Strike::LoseRequest) => line.cut(),
        None => {}
    }
    let answer = answer(&shared, &docid, &query, method == Method::POST, &body);
    match answer {
        Answer::Page(page) => ([("content-type", "text/xml; charset=utf-8")], page).into_response(),
        Answer::Bytes(bytes) => ([("content-type", "application/pdf")], bytes).into_response(),
    }
}

enum Answer {
    Page(String),
    Bytes(Vec<u8>),
}

fn answer(shared: &Shared, docid: &str, query: &Query, posted: bool, body: &Bytes) -> Answer {
    let now_ms = shared.now_ms();
    let mut memory = shared.memory();
    let page = match docid {
        "crmlogin" => sign_in(&mut memory, query, now_ms),
        "login" => format!("<Root>{}</Root>", furniture("login", "EX0ANONYMOUS", false, now_ms)),
        _ => {
            // Its name is written in two ways.
            let session = query.get("sessionId").or_else(|| query.get("SessionId"));
            let session = session.cloned().unwrap_or_default();
            if !is_alive(&mut memory, &session, now_ms) {
                return Answer::Page(signed_out(memory.behaviour.signed_out, docid, now_ms));
            }
            let call = Call { shared, docid, query, session: &session, now_ms };
            match call.answer(&mut memory, posted, body) {
                Answer::Page(page) => page,
                bytes => return bytes,
            }
        }
    };
    Answer::Page(match &memory.behaviour.wrapper {
        Some(wrapper) => format!("<{wrapper}>{page}</{wrapper}>"),
        None => page,
    })
}

fn sign_in(memory: &mut Memory, query: &Query, now_ms: i64) -> String {
    let said = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let behaviour = &memory.behaviour;
    let is_right = said("userid") == behaviour.user && said("password") == behaviour.password;
    let is_locked = memory.refused_in_a_row >= behaviour.locks_after;
    let result = |session: &str, code: u32, words: &str| {
        format!(
            "<Root><Login><Result><SessionID>{session}</SessionID><ErrorCode Description=\"{words}\">{code}\
             </ErrorCode></Result></Login></Root>"
        )
    };
    if !is_right || is_locked {
        memory.refused_in_a_row += 1;
        memory.counts.refused += 1;
        let (code, words) = if is_locked { (8, "User locked") } else { (6, "Invalid login") };
        return result("", code, words);
    }
    memory.refused_in_a_row = 0;
    memory.counts.sign_ins += 1;
    let session = match memory.behaviour.mixes_sessions {
        true => "EX0SESSION0000".to_owned(),
        false => {
            memory.made += 1;
            format!("EX0SESSION{:04}", memory.made)
        }
    };
    let cursor = Cursor { last_ms: now_ms, ..Cursor::default() };
    memory.sessions.entry(session.clone()).or_insert(cursor);
    result(&session, 5, "Login Successful")
}

/// Whether a session is one, and not over. Asking keeps it alive.
fn is_alive(memory: &mut Memory, session: &str, now_ms: i64) -> bool {
    let (idle_ms, calls_max) = (memory.behaviour.idle_ms, memory.behaviour.calls_max);
    let Some(cursor) = memory.sessions.get_mut(session) else { return false };
    let over =
        now_ms - cursor.last_ms > idle_ms || calls_max.is_some_and(|max| cursor.calls >= max);
    if over {
        memory.sessions.remove(session);
        return false;
    }
    cursor.calls += 1;
    cursor.last_ms = now_ms;
    true
}

/// One call of a session that is alive.
struct Call<'c> {
    shared: &'c Shared,
    docid: &'c str,
    query: &'c Query,
    session: &'c str,
    now_ms: i64,
}

impl Call<'_> {
    fn said(&self, name: &str) -> &str {
        self.query.get(name).map(String::as_str).unwrap_or_default()
    }

    fn answer(&self, memory: &mut Memory, posted: bool, body: &Bytes) -> Answer {
        let night = memory.behaviour.night;
        let errs_at = memory.behaviour.errs_at.clone();
        let errs = |reference: &str| errs_at.as_deref() == Some(reference);
        let Some(cursor) = memory.sessions.get_mut(self.session) else { return self.wrong() };
        if self.docid == "cocrmper" {
            return self.set_person(cursor, night);
        }
        let found = cursor.person.as_deref().and_then(|one| find(&self.shared.council, one, night));
        let Some((home, slot)) = found else { return self.wrong() };
        let page = Page::new(&home, slot, self.session, self.now_ms);
        let year = self.said("recyear").parse().unwrap_or(0);
        let own = home.adult(slot).map(|adult| person_reference(adult.id)).unwrap_or_default();
        match self.docid {
            "ctxsel" if errs(&own) => self.error(),
            "ctxsel" => Answer::Page(page.accounts()),
            "ctxdet" if self.said("actref") != home.reference || slot >= home.liable.len() => {
                self.error()
            }
            "ctxdet" if errs(&home.reference) => self.error(),
            // Looking at an account makes it the session's.
            "ctxdet" => {
                cursor.account = Some(home.reference.clone());
                Answer::Page(page.account(self.said("year").parse().ok()))
            }
            "viewdoc" => Answer::Page(page.documents()),
            "docdl" => Answer::Bytes(self.document()),
            "hbsel" if posted && body.as_ref() == b"claimsts=All" => Answer::Page(page.claims()),
            "hbdet" => {
                let claim =
                    benefits::claim_of(&home).filter(|claim| claim == self.said("claimref"));
                match claim {
                    Some(claim) => Answer::Page(page.claim(&claim, errs(&claim))),
                    None => self.error(),
                }
            }
            "hbpaydet" => Answer::Page(page.payments(self.said("type"))),
            "ctxtrn" | "irins" | "ctxprop" => {
                // These take no account: they answer for whichever was looked at last, whoever's it is.
                let index = cursor.account.as_deref().and_then(|one| one.get(2..)?.parse().ok());
                let looked = index.and_then(|index| self.shared.council.household(index, night));
                let Some(looked) = looked else { return self.wrong() };
                let page = Page { home: &looked, slot: 0, ..page };
                Answer::Page(match self.docid {
                    "ctxtrn" => page.transactions(year),
                    "irins" => page.instalments(year),
                    _ => page.properties(),
                })
            }
            _ => self.wrong(),
        }
    }

    fn set_person(&self, cursor: &mut Cursor, night: u32) -> Answer {
        let person = self.said("personref");
        let words = match find(&self.shared.council, person, night) {
            // Two wordings for one thing.
            Some((home, _)) if home.index.is_multiple_of(2) => "Person Reference Set",
            Some(_) => "Person CouncilTaxReference Set",
            None => "Person Reference Not Found",
        };
        if words.ends_with("Set") {
            cursor.person = Some(person.to_owned());
            // The account stays the session's until another is looked at.
        }
        Answer::Page(format!(
            "<Root><SetPerson><ErrorCode Description=\"{words}\">0</ErrorCode></SetPerson></Root>"
        ))
    }

    /// A PDF; one in ten is empty.
    fn document(&self) -> Vec<u8> {
        match self.said("document").as_bytes() {
            [.., b'0', b'1'] => Vec::new(),
            id => [b"%PDF-1.4\n% ", id, b"\n%%EOF\n"].concat(),
        }
    }

    /// The page's furniture and an error.
    fn error(&self) -> Answer {
        let end = furniture(self.docid, self.session, true, self.now_ms);
        Answer::Page(format!("<Root><Error>An error occurred</Error>{end}</Root>"))
    }

    /// A page that answers nothing.
    fn wrong(&self) -> Answer {
        let end = furniture("home", self.session, true, self.now_ms);
        Answer::Page(format!("<Root><Home/>{end}</Root>"))
    }
}
