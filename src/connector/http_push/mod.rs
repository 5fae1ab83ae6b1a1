//! Any other system that is told by HTTP: the body that a mapping wrote, signed, under our reference as
//! its key.
//!
//! What a lost answer means depends on the receiver. One that honours keys is told again with the same
//! key, as long as it keeps them; one that can be asked is asked by our reference; of any other a person
//! finds out. Whether a resident's data may go there at all was decided before it came here.

pub mod answer;
pub mod body;
pub mod settings;

use std::time::Duration;

use self::settings::{HttpPushSettings, Lost};
use crate::connector::address::{AddressFault, Place};
use crate::connector::answering::{self, Doing};
use crate::connector::calling::{self, Login};
use crate::connector::channel::{
    ConnectorError, Destination, Inquiry, Question, Receipt, Standing, Status,
};
use crate::connector::definition::{Now, Surroundings};
use crate::connector::http::{HttpClient, HttpLimits, Request, Text};
use crate::connector::pace::Pace;
use crate::connector::sending;
use crate::connector::signature::{self, SigningKey};
use crate::record::delivery::Delivery;
use crate::suppression::gate::Cleared;
use async_trait::async_trait;

/// Stands for our reference in the address that is asked.
pub const REFERENCE: &str = "{reference}";
/// What we say became of what it took: it says no more.
const TAKEN: &str = "taken";

/// A system that is pushed to, open.
pub struct HttpPush {
    http: HttpClient,
    settings: HttpPushSettings,
    url: String,
    /// Where it is asked, where it can be.
    status_url: Option<String>,
    login: Login,
    /// Each signs: a receiver that knows one of them is content.
    keys: Vec<SigningKey>,
    pace: Pace,
    clock: Now,
}

impl HttpPush {
    /// Opens the system that the settings name; addresses are judged here, and again at each connection.
    pub fn open(
        settings: HttpPushSettings,
        around: &Surroundings,
    ) -> Result<HttpPush, ConnectorError> {
        let url = around.expand(&settings.url.value)?;
        let status_url = match &settings.lost {
            Lost::Asked { status_url, .. } => Some(around.expand(&status_url.value)?),
            Lost::SentAgain { .. } | Lost::Person => None,
        };
        let mut places = vec![Place::of(&url).map_err(|fault| answering::forbidden(&fault))?];
        if let Some(url) = &status_url {
            places.push(asked_at(url).map_err(|fault| answering::forbidden(&fault))?);
        }
        places.extend(calling::token_place(settings.auth.as_ref(), around)?);
        let limits = HttpLimits {
            timeout: Duration::from_millis(settings.timeout_ms),
            body_bytes_max: settings.answer_bytes_max,
            ..HttpLimits::default()
        };
        let http = calling::client(limits, places, &settings.allow, &settings.tls, around)?;
        let mut keys = Vec::new();
        for secret in settings.signing.iter() {
            let key = SigningKey::parse(&around.secret(&secret.value)?);
            keys.push(key.map_err(|cause| ConnectorError::Unauthorised {
                code: "push.not_a_secret",
                cause: format!("{}: {cause}", secret.value.name()),
            })?);
        }
        let login = Login::open(settings.auth.as_ref(), around, &http)?;
        let per_second = f64::from(settings.requests_per_second);
        Ok(HttpPush {
            http,
            url,
            status_url,
            login,
            keys,
            pace: Pace::new(per_second, per_second),
            clock: around.now.clone(),
            settings,
        })
    }

    /// Sends one push under our reference.
    async fn send(&self, delivery: &Delivery) -> Result<Receipt, ConnectorError> {
        let refused =
            |code: &str, cause: String| ConnectorError::Refused { code: code.to_owned(), cause };
        let Some(push) = delivery.content.push() else {
            let cause = "only a push can be sent as one".to_owned();
            return Err(refused("push.no_push", cause));
        };
        body::fits(push.form, &push.body).map_err(|why| refused("push.body", why))?;
        // It may have forgotten the key of an earlier attempt: then nobody knows what one more would do.
        if let Lost::SentAgain { kept_ms } = self.settings.lost {
            sending::is_remembered(delivery, kept_ms, (self.clock)())?;
        }
        self.pace.take().await;
        let (reference, now_ms) = (&delivery.reference, (self.clock)());
        let seconds = now_ms.div_euclid(1_000).to_string();
        // A text among structured headers stands in quotes; our references hold none.
        let key = format!("\"{reference}\"");
        let signed = signature::header(&self.keys, reference, &seconds, &push.body);
        let mut headers = vec![
            ("idempotency-key", key.as_str()),
            ("webhook-id", reference.as_str()),
            ("webhook-timestamp", seconds.as_str()),
        ];
        headers.extend(signed.as_deref().map(|signed| ("webhook-signature", signed)));
        let text = Text { content_type: push.form.content_type(), body: &push.body };
        let request = Request {
            url: &self.url,
            headers: &headers,
            text: Some(text),
            put: self.settings.put,
            ..Request::default()
        };
        let answered = self.login.call(&self.http, request).await?;
        let named = answer::of_send(&self.settings, answered, (self.clock)())?;
        Ok(taken(named.unwrap_or_else(|| reference.clone())))
    }

    async fn ask(&self, url: &str, reference: &str) -> Result<Inquiry, ConnectorError> {
        if !is_plain(reference) {
            return Ok(Inquiry::CannotTell);
        }
        self.pace.take().await;
        let url = url.replace(REFERENCE, reference);
        let request = Request { url: &url, ..Request::default() };
        let answered = self.login.call(&self.http, request).await?;
        let answered = answering::arrived(Doing::Asking, answered);
        Ok(match answer::of_question(&self.settings, answered?, (self.clock)())? {
            true => Inquiry::Happened(taken(reference.to_owned())),
            false => Inquiry::NotFound,
        })
    }
}

#[async_trait]
impl Destination for HttpPush {
    async fn deliver(
        &self,
        deliveries: &[Cleared<Delivery>],
    ) -> Vec<Result<Receipt, ConnectorError>> {
        sending::each(deliveries, self.settings.at_once, |delivery| self.send(delivery)).await
    }

    async fn inquire(&self, question: &Question) -> Result<Inquiry, ConnectorError> {
        match (&self.settings.lost, &self.status_url) {
            (Lost::Asked { .. }, Some(url)) => self.ask(url, &question.reference).await,
            // Told again, it answers what it answered, or does it now: as long as it knows the key.
            (Lost::SentAgain { kept_ms }, _)
                if (self.clock)() < question.first_intent_ms.saturating_add(*kept_ms) =>
            {
                Ok(Inquiry::NotFound)
            }
            _ => Ok(Inquiry::CannotTell),
        }
    }

    /// It took it, and says no more: nothing is ever followed. Where something is asked all the same, its
    /// answer stands.
    async fn status(&self, question: &Question) -> Result<Receipt, ConnectorError> {
        let named = question.platform_id.clone();
        Ok(taken(named.unwrap_or_else(|| question.reference.clone())))
    }
}

fn taken(platform_id: String) -> Receipt {
    let status = Status { word: TAKEN.to_owned(), stands: Standing::Delivered };
    Receipt { platform_id, status }
}

/// Where an address leads that our reference stands in: to the same host, whatever the reference.
pub fn asked_at(url: &str) -> Result<Place, AddressFault> {
    if !url.contains(REFERENCE) {
        return Err(asked_form("our reference is not in the address"));
    }
    let place = Place::of(&url.replace(REFERENCE, "a"))?;
    match Place::of(&url.replace(REFERENCE, "b")) {
        Ok(other) if other == place => Ok(place),
        _ => Err(asked_form("our reference stands in the host")),
    }
}

fn asked_form(what: &'static str) -> AddressFault {
    let remedy = "write it like `https://orders.example.com/residents/{reference}`";
    AddressFault::Form { what, remedy }
}

/// Whether it stays one part of an address as it is.
fn is_plain(reference: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !reference.is_empty() && reference.bytes().all(plain)
}
