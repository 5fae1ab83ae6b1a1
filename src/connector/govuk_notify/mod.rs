//! GOV.UK Notify: e-mail, text messages and letters.
//!
//! The platform keeps no idempotency keys: two sends with one reference are two messages. So a send
//! that went unanswered is `Unknown`, and is asked after by its reference before anybody thinks of
//! sending it again. Whether a message may be sent at all was decided before it came here.

pub mod answer;
pub mod key;
pub mod pace;
pub mod settings;

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream;
use serde_json::{Map, Value, json};

use crate::connector::channel::{ConnectorError, Destination, Inquiry, Receipt, Standing, Status};
use crate::connector::definition::Now;
use crate::connector::govuk_notify::answer::Doing;
use crate::connector::govuk_notify::key::ApiKey;
use crate::connector::govuk_notify::pace::Pace;
use crate::connector::govuk_notify::settings::GovukNotifySettings;
use crate::connector::http::{HttpClient, HttpLimits, Request};
use crate::definition::secret::Secret;
use crate::record::delivery::{Channel, Delivery, Message};
use crate::suppression::gate::Cleared;

/// Sends under way at once. Enough to keep under the platform's limit busy, few enough to stop
/// soon.
const SENDS_AT_ONCE: usize = 8;

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
            pace: Pace::new(settings.requests_per_minute),
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
        let accepted = self.call(Doing::Sending, path, &[], Some(&body)).await?;
        let unknown =
            || ConnectorError::Unknown { cause: "the answer names no message".to_owned() };
        let platform_id = accepted["id"].as_str().ok_or_else(unknown)?.to_owned();
        let status = Status { word: "created".to_owned(), stands: Standing::Pending };
        Ok(Receipt { platform_id, status })
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
        let request = Request { url: &url, query, bearer: Some(&token), json };
        answer::read(doing, self.client.call(request).await, now_ms)
    }
}

#[async_trait]
impl Destination for GovukNotify {
    /// Several at once. When the platform shuts the door on one, those not yet sent are not tried:
    /// they are told the same, which is true of them too.
    async fn deliver(
        &self,
        deliveries: &[Cleared<Delivery>],
    ) -> Vec<Result<Receipt, ConnectorError>> {
        let shut: Mutex<Option<ConnectorError>> = Mutex::new(None);
        let shut = &shut;
        // Collected first: a stream that maps over borrowed items cannot be sent between threads.
        let sends: Vec<_> = deliveries
            .iter()
            .map(|cleared| async move {
                let earlier = shut.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Some(error) = earlier {
                    return Err(error);
                }
                let delivery = cleared.get();
                let sent = self.send(&delivery.message, &delivery.reference).await;
                if let Err(error) = &sent
                    && shuts_the_door(error)
                {
                    *shut.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
                }
                sent
            })
            .collect();
        stream::iter(sends).buffered(SENDS_AT_ONCE).collect().await
    }

    async fn inquire(&self, reference: &str) -> Result<Inquiry, ConnectorError> {
        let query = [("reference", reference)];
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

    async fn status(&self, platform_id: &str) -> Result<Status, ConnectorError> {
        let path = format!("/v2/notifications/{platform_id}");
        let message = self.call(Doing::Asking, &path, &[], None).await?;
        answer::status(&message).ok_or_else(|| ConnectorError::Unavailable {
            cause: "the answer names no status".to_owned(),
            retry_after_ms: None,
        })
    }
}

/// Whether the others would fare no better: the key is wrong, we are too fast, or nobody is there.
fn shuts_the_door(error: &ConnectorError) -> bool {
    matches!(error, ConnectorError::Unauthorised { .. } | ConnectorError::Unavailable { .. })
}
