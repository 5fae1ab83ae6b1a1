//! GOV.UK Notify: e-mail, text messages and letters.
//!
//! The platform keeps no idempotency keys: two sends with one reference are two messages. So a send
//! that went unanswered is `Unknown`, and is asked after by its reference before anybody thinks of
//! sending it again. Whether a message may be sent at all was decided before it came here.

pub mod answer;
pub mod key;
pub mod settings;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::connector::answering::Doing;
use crate::connector::channel::{
    ConnectorError, Destination, Inquiry, Question, Receipt, Standing, Status,
};
use crate::connector::definition::Now;
use crate::connector::govuk_notify::key::ApiKey;
use crate::connector::govuk_notify::settings::GovukNotifySettings;
use crate::connector::http::{HttpClient, HttpLimits, Request};
use crate::connector::pace::Pace;
use crate::connector::sending;
use crate::definition::secret::Secret;
use crate::record::delivery::{Channel, Content, Delivery, Message};
use crate::suppression::gate::Cleared;

/// Fewer than the platform's burst of a thousand: other programs may share the key.
const BURST_MAX: f64 = 900.0;

/// A service on the platform, open.
pub struct GovukNotify {
    client: HttpClient,
    base_url: String,
    key: ApiKey,
    settings: GovukNotifySettings,
    pace: Pace,
    /// A token carries the time it was made.
    clock: Now,
}

impl GovukNotify {
    /// Opens the service that the settings name; its address and key are known by now.
    pub fn open(
        settings: GovukNotifySettings,
        base_url: &str,
        api_key: &Secret,
        clock: Now,
    ) -> Result<Self, ConnectorError> {
        let key = ApiKey::parse(api_key).map_err(|error| ConnectorError::Unauthorised {
            code: "notify.not_a_key",
            cause: error.to_string(),
        })?;
        let limits = HttpLimits {
            timeout: Duration::from_millis(settings.timeout_ms),
            ..HttpLimits::default()
        };
        let client = HttpClient::open(limits).map_err(|fault| ConnectorError::Unavailable {
            cause: fault.to_string(),
            retry_after_ms: None,
        })?;
        Ok(Self {
            client,
            base_url: base_url.trim_end_matches('/').to_owned(),
            key,
            pace: Pace::new(f64::from(settings.requests_per_minute) / 60.0, BURST_MAX),
            settings,
            clock,
        })
    }

    /// Sends one message under our reference.
    pub async fn send(
        &self,
        message: &Message,
        reference: &str,
    ) -> Result<Receipt, ConnectorError> {
        let (path, body) = self.request(message, reference)?;
        self.pace.take().await;
        let accepted = self.call(Doing::Changing, path, &[], Some(&body)).await?;
        let unknown =
            || ConnectorError::Unknown { cause: "the answer names no message".to_owned() };
        let platform_id = accepted["id"].as_str().ok_or_else(unknown)?.to_owned();
        let status = Status { word: "created".to_owned(), stands: Standing::Pending };
        Ok(Receipt { platform_id, status })
    }

    async fn send_content(&self, delivery: &Delivery) -> Result<Receipt, ConnectorError> {
        match &delivery.content {
            Content::Message(message) => self.send(message, &delivery.reference).await,
            Content::Payment(_) | Content::Push(_) => Err(ConnectorError::Refused {
                code: "notify.no_message".to_owned(),
                cause: "only a message can be sent as one".to_owned(),
            }),
        }
    }

    fn request(
        &self,
        message: &Message,
        reference: &str,
    ) -> Result<(&'static str, Value), ConnectorError> {
        let refused =
            |code: &str, cause: String| ConnectorError::Refused { code: code.to_owned(), cause };
        let template = self.settings.template_id(&message.template).ok_or_else(|| {
            let name = &message.template;
            refused(
                "notify.no_template",
                format!("`{name}` is not among the connector's templates"),
            )
        })?;
        let fields: Map<String, Value> =
            message.fields.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let mut body = json!({"template_id": template, "reference": reference});
        let to = message.to.as_deref();
        let no_address =
            || refused("notify.no_recipient", "the message names no recipient".to_owned());
        let path = match message.channel {
            Channel::Email => {
                // Every value came from somebody's records: none of them may become a link.
                body["sanitise_content_for"] = fields.keys().map(String::as_str).collect();
                body["email_address"] = json!(to.ok_or_else(no_address)?);
                "/v2/notifications/email"
            }
            Channel::Sms => {
                body["phone_number"] = json!(to.ok_or_else(no_address)?);
                "/v2/notifications/sms"
            }
            Channel::Letter => "/v2/notifications/letter",
        };
        body["personalisation"] = Value::Object(fields);
        Ok((path, body))
    }

    /// Each attempt has a token of its own.
    async fn call(
        &self,
        doing: Doing,
        path: &str,
        query: &[(&str, &str)],
        json: Option<&Value>,
    ) -> Result<Value, ConnectorError> {
        let now_ms = (self.clock)();
        let token = self.key.token(now_ms.div_euclid(1_000));
        let url = format!("{}{path}", self.base_url);
        let request =
            Request { url: &url, query, bearer: Some(&token), json, ..Request::default() };
        answer::read(doing, self.client.call(request).await, now_ms)
    }
}

#[async_trait]
impl Destination for GovukNotify {
    async fn deliver(
        &self,
        deliveries: &[Cleared<Delivery>],
    ) -> Vec<Result<Receipt, ConnectorError>> {
        sending::each(deliveries, sending::AT_ONCE, |delivery| self.send_content(delivery)).await
    }

    async fn inquire(&self, question: &Question) -> Result<Inquiry, ConnectorError> {
        let query = [("reference", question.reference.as_str())];
        let listed = self.call(Doing::Asking, "/v2/notifications", &query, None).await?;
        let found = listed["notifications"].as_array();
        // The oldest: were there ever two, the first is the one we meant.
        let first = found.and_then(|found| found.last());
        let receipt = first.and_then(|message| {
            let platform_id = message["id"].as_str()?.to_owned();
            Some(Receipt { platform_id, status: answer::status(message)? })
        });
        match (found, receipt) {
            (Some(found), None) if found.is_empty() => Ok(Inquiry::NotFound),
            (_, Some(receipt)) => Ok(Inquiry::Happened(receipt)),
            (_, None) => Ok(Inquiry::CannotTell),
        }
    }

    async fn status(&self, question: &Question) -> Result<Receipt, ConnectorError> {
        let platform_id = question.platform_id.clone().unwrap_or_default();
        let path = format!("/v2/notifications/{platform_id}");
        let message = self.call(Doing::Asking, &path, &[], None).await?;
        let status = answer::status(&message).ok_or_else(|| ConnectorError::Unavailable {
            cause: "the answer names no status".to_owned(),
            retry_after_ms: None,
        })?;
        Ok(Receipt { platform_id, status })
    }
}
