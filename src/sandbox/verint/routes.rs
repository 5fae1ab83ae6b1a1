//! The two services, as a caller meets them: the action, who calls, and then the root of the body.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

use super::calls::{self, At, Refused};
use super::state::Shared;
use super::xml::Element;
use super::{PASSWORD, USER, control, events, write};
use crate::sandbox::faults::Strike;
use crate::sandbox::serving::Line;

const ACTION: &str = "http://www.lagan.com/wsdl/FLService";
const LOGIN_ACTION: &str = "http://www.lagan.com/wsdl/FLAuthService";

type App = State<Arc<Shared>>;

pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/lagan/services/FL", post(service))
        .route("/lagan/services/FLAuth", post(login))
        .merge(control::router())
        .with_state(shared)
}

/// Gives a token to whoever knows the name and password, in the header of the reply.
async fn login(State(shared): App, headers: HeaderMap, body: Bytes) -> Response {
    let now_ms = shared.now_ms();
    let mut memory = shared.memory();
    let as_200 = memory.behaviour.faults_as_200;
    let Some(asked) = asked(&headers, LOGIN_ACTION, &body) else {
        return refuse(as_200, &strange());
    };
    let user = asked.header.text_at("Security/UsernameToken/Username");
    let password = asked.header.text_at("Security/UsernameToken/Password");
    if asked.body.is_some() || user != Some(USER) || password != Some(PASSWORD) {
        memory.refused += 1;
        return refuse(as_200, &shut_out("Authentication failed"));
    }
    let token = memory.new_token(now_ms);
    xml(StatusCode::OK, write::token(&token, USER))
}

async fn service(
    State(shared): App,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let now_ms = shared.now_ms();
    let asked = asked(&headers, ACTION, &body);
    let root = asked.as_ref().and_then(|asked| asked.body.as_ref());
    let is_question = root.is_some_and(|body| calls::is_question(&body.name));
    let name = root.map_or(String::new(), |body| format!("/{}", body.name));
    let (strike, as_200) = {
        let mut memory = shared.memory();
        memory.calls += 1;
        let method = if is_question { Method::GET } else { Method::POST };
        (memory.faults.strike(&method, &name), memory.behaviour.faults_as_200)
    };
    match &strike {
        Some(Strike::Status(status, error)) => return struck(as_200, *status, error.as_deref()),
        Some(Strike::Slow { ms }) => tokio::time::sleep(Duration::from_millis(*ms)).await,
        Some(Strike::LoseRequest) => {
            line.cut();
            return StatusCode::NO_CONTENT.into_response();
        }
        Some(Strike::LoseAnswer) | None => {}
    }
    let answer = match done(&shared, asked, now_ms).await {
        Ok(body) => xml(StatusCode::OK, write::envelope("", &body)),
        Err(refused) => refuse(as_200, &refused),
    };
    if strike == Some(Strike::LoseAnswer) {
        line.cut();
    }
    answer
}

async fn done(shared: &Arc<Shared>, asked: Option<Asked>, now_ms: i64) -> Result<String, Refused> {
    let asked = asked.ok_or_else(strange)?;
    let token = asked.header.text_at("Security/BinarySecurityToken").unwrap_or_default();
    if !shared.memory().lets_in(token, now_ms) {
        return Err(shut_out("Token is invalid"));
    }
    let body = asked.body.ok_or_else(strange)?;
    // The root is in the namespace, and nothing below it is in any.
    if body.space != write::TYPES || body.is_qualified_below() {
        return Err(strange());
    }
    if body.name == "FWTDocument" {
        return Ok(keep_document(shared, &body, now_ms).await);
    }
    let said = shared.now();
    let answer = {
        let mut memory = shared.memory();
        calls::perform(&mut memory, &body, At { ms: now_ms, said: &said })
    };
    if body.name == "FWTCaseClose" && answer.is_ok() {
        let case = body.text_at("CaseReference").unwrap_or_default();
        events::tell_of_close(shared, case);
    }
    answer
}

/// Keeps a document. One that comes while another is kept is lost, and its sender hears nothing of it.
async fn keep_document(shared: &Arc<Shared>, body: &Element, now_ms: i64) -> String {
    let others = shared.documents_under_way.fetch_add(1, Ordering::AcqRel);
    let takes_ms = shared.memory().behaviour.document_ms;
    tokio::time::sleep(Duration::from_millis(takes_ms)).await;
    let mut memory = shared.memory();
    let id = memory.number(700_000);
    let name = body.text_at("DocumentName").unwrap_or_default();
    let lost = others > 0;
    if !lost {
        let content = body.text_at("Document").unwrap_or_default().to_owned();
        memory.documents.insert(id.clone(), content);
    }
    memory.note("document", &id, now_ms, serde_json::json!({ "name": name, "lost": lost }));
    shared.documents_under_way.fetch_sub(1, Ordering::AcqRel);
    write::root("FWTDocumentRef", &id)
}

/// What was asked: the parts of the envelope.
struct Asked {
    header: Element,
    body: Option<Element>,
}

/// None where it is no call of this service.
fn asked(headers: &HeaderMap, action: &str, body: &[u8]) -> Option<Asked> {
    let said = headers.get("soapaction")?.to_str().ok()?;
    let envelope = Element::read(std::str::from_utf8(body).ok()?)?;
    let is_soap = envelope.space == write::SOAP && envelope.name == "Envelope";
    if said.trim_matches('"') != action || !is_soap {
        return None;
    }
    let header = envelope.child("Header").cloned().unwrap_or_default();
    let body = envelope.child("Body")?.children.first().cloned();
    Some(Asked { header, body })
}

fn strange() -> Refused {
    Refused {
        code: 1000,
        name: "INVALID_REQUEST",
        message: "Request could not be read".to_owned(),
        about: String::new(),
    }
}

fn shut_out(message: &str) -> Refused {
    Refused { code: 1500, name: "INVALID_TOKEN", message: message.to_owned(), about: String::new() }
}

fn refuse(as_200: bool, refused: &Refused) -> Response {
    let status = if as_200 { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    let Refused { code, name, message, about } = refused;
    xml(status, write::fault(*code, name, message, about))
}

/// A fault that was ordered: a fault of the CRM's where it has a name, else what a proxy answers.
fn struck(as_200: bool, status: u16, error: Option<&str>) -> Response {
    match error {
        Some(error) => {
            let status = if as_200 { 200 } else { status };
            let body = write::fault(9000, error, "Request failed", "");
            xml(StatusCode::from_u16(status).unwrap_or_default(), body)
        }
        None => {
            let page = "<!DOCTYPE html><html><title>Service unavailable</title></html>";
            let kind = [(header::CONTENT_TYPE, "text/html")];
            (StatusCode::from_u16(status).unwrap_or_default(), kind, page).into_response()
        }
    }
}

fn xml(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/xml; charset=utf-8")], body).into_response()
}
