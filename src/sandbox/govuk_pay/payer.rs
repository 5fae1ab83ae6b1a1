//! The payer's side: a plain page where a person, or a test, chooses what becomes of a payment.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::payment::{CARDS, Card, Fate, Payment, Reason, Stage};
use super::state::Shared;

type App = State<Arc<Shared>>;

pub fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/secure/{token}", get(open))
        .route("/secure", post(open_posted))
        .route("/card_details/{id}", get(show).post(choose))
}

/// What a payer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    /// Opens the page and types nothing.
    Start,
    /// Has typed a card that is good, and has yet to confirm.
    Submit,
    Success,
    Decline,
    Error,
    Cancel,
    /// Goes away.
    Abandon,
}

#[derive(Deserialize)]
struct Posted {
    #[serde(rename = "chargeTokenId")]
    token: String,
}

#[derive(Deserialize)]
struct Choice {
    does: Does,
}

async fn open(State(shared): App, Path(token): Path<String>) -> Response {
    redeem(&shared, &token)
}

async fn open_posted(State(shared): App, Form(posted): Form<Posted>) -> Response {
    redeem(&shared, &posted.token)
}

/// A link works once. What it leads to is the payment's page.
fn redeem(shared: &Shared, token: &str) -> Response {
    let mut memory = shared.memory();
    let found = memory.payments.iter_mut().find(|one| one.tokens.iter().any(|own| own == token));
    let Some(payment) = found else {
        let page = page("This link has been used or has expired", "<p>Go back to the service.</p>");
        return (StatusCode::BAD_REQUEST, page).into_response();
    };
    payment.tokens.retain(|own| own != token);
    let id = payment.id.clone();
    if payment.stage() == Stage::Created {
        memory.enter(&id, Stage::Started, shared.now_ms(), &shared.accounts);
    }
    drop(memory);
    (StatusCode::SEE_OTHER, [(header::LOCATION, format!("/card_details/{id}"))]).into_response()
}

async fn show(State(shared): App, Path(id): Path<String>) -> Response {
    let memory = shared.memory();
    let Some(payment) = memory.any_payment(&id) else {
        return (StatusCode::NOT_FOUND, page("There is no such payment", "")).into_response();
    };
    if payment.stage().is_finished() {
        return page("This payment is finished", &way_back(payment)).into_response();
    }
    let order = &payment.order;
    let pounds = format!("£{}.{:02}", order.amount / 100, order.amount % 100);
    let buttons: String = [
        ("success", "Pay"),
        ("decline", "Pay with a card that is declined"),
        ("error", "Pay while the card network is broken"),
        ("cancel", "Cancel the payment"),
        ("abandon", "Go away"),
    ]
    .iter()
    .map(|(does, says)| format!("<p><button name=\"does\" value=\"{does}\">{says}</button></p>"))
    .collect();
    let body = format!(
        "<p>{}</p><p>{pounds}</p><form method=\"post\">{buttons}</form>",
        escaped(&order.description)
    );
    page("Enter card details (sandbox)", &body).into_response()
}

async fn choose(
    State(shared): App,
    Path(id): Path<String>,
    Form(choice): Form<Choice>,
) -> Response {
    if act(&shared, &id, choice.does).is_none() {
        return (StatusCode::NOT_FOUND, page("There is no such payment", "")).into_response();
    }
    let memory = shared.memory();
    let back = memory.any_payment(&id).and_then(|payment| payment.order.return_url.clone());
    match back.filter(|_| choice.does != Does::Abandon) {
        Some(url) => (StatusCode::SEE_OTHER, [(header::LOCATION, url)]).into_response(),
        None => page("You went away", "<p>The payment stays as it is until it expires.</p>")
            .into_response(),
    }
}

/// Does what a payer does. The stage that the payment is then in; nothing where there is none.
pub fn act(shared: &Shared, id: &str, does: Does) -> Option<Stage> {
    match does {
        Does::Success => return pay(shared, id, CARDS[0].0),
        Does::Decline => return pay(shared, id, "4000000000000002"),
        Does::Error => return pay(shared, id, "4000000000000119"),
        Does::Start | Does::Submit | Does::Cancel | Does::Abandon => {}
    }
    let now_ms = shared.now_ms();
    let mut memory = shared.memory();
    let stage = memory.any_payment(id)?.stage();
    let next = match (does, stage) {
        (_, stage) if stage.is_finished() || stage == Stage::Capturable => None,
        (Does::Start, Stage::Created) => Some(Stage::Started),
        (Does::Submit, _) => Some(Stage::Submitted),
        (Does::Cancel, _) => Some(Stage::Failed(Reason::ByPayer)),
        _ => None,
    };
    if let Some(next) = next {
        memory.enter(id, next, now_ms, &shared.accounts);
    }
    Some(memory.any_payment(id)?.stage())
}

/// Pays with a card of the platform's list; any other is declined.
pub fn pay(shared: &Shared, id: &str, number: &str) -> Option<Stage> {
    let now_ms = shared.now_ms();
    let mut memory = shared.memory();
    let payment = memory.any_payment(id)?;
    let (stage, account, delayed) =
        (payment.stage(), payment.account, payment.order.delayed_capture);
    if stage.is_finished() || stage == Stage::Capturable {
        return Some(stage);
    }
    let known = CARDS.iter().find(|(known, ..)| *known == number);
    let fate = known.map_or(Fate::Declined, |(_, _, fate)| *fate);
    if stage == Stage::Created {
        memory.enter(id, Stage::Started, now_ms, &shared.accounts);
    }
    if let (Some((number, brand, _)), Some(payment)) = (known, memory.payment_mut(account, id)) {
        payment.card = Some(Card::of(number, brand));
    }
    let ends = match fate {
        Fate::Declined => Stage::Failed(Reason::Rejected { can_retry: None }),
        Fate::Broken => Stage::Error,
        Fate::Success => {
            memory.enter(id, Stage::Submitted, now_ms, &shared.accounts);
            if delayed { Stage::Capturable } else { Stage::Success }
        }
    };
    memory.enter(id, ends, now_ms, &shared.accounts);
    Some(ends)
}

fn way_back(payment: &Payment) -> String {
    let url = payment.order.return_url.as_deref().unwrap_or_default();
    format!("<p><a href=\"{}\">Go back to the service</a></p>", escaped(url))
}

fn page(title: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\
         <body><h1>{title}</h1>{body}</body></html>"
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
