//! The calls of GOV.UK Pay, each as one function. Amounts are pence. Nothing here decides what is paid,
//! or tries twice.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::answer;
use crate::connector::answering::{self, Doing};
use crate::connector::channel::ConnectorError;
use crate::connector::definition::Now;
use crate::connector::http::{HttpClient, HttpLimits, Request};
use crate::connector::pace::Pace;
use crate::definition::secret::Secret;
use crate::record::personal::unprinted;

/// The platform answers five questions in the time in which it takes one post.
const READS_FOR_A_POST: f64 = 5.0;
/// As many as a search gives on one page.
const PAGE: usize = 500;
/// A search that has more pages than this is not about one payment.
const PAGES_MAX: usize = 20;

/// The platform, open for one account.
pub struct PayClient {
    http: HttpClient,
    base_url: String,
    key: Secret,
    creating: Pace,
    capturing: Pace,
    posting: Pace,
    reading: Pace,
    clock: Now,
}

/// A payment to be created.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct NewPayment {
    pub amount_pence: i64,
    pub reference: String,
    pub description: String,
    /// Where the payer comes back to; payments by agreement have none.
    pub return_url: Option<String>,
    /// `en` or `cy`.
    pub language: String,
    pub metadata: Vec<(String, String)>,
    pub delayed_capture: bool,
    /// Saves the card to this agreement.
    pub set_up_agreement: Option<String>,
    /// Collects from the card that this agreement has, under a key that makes it safe to ask again.
    pub by_agreement: Option<(String, String)>,
}

/// A refund to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewRefund {
    pub amount_pence: i64,
    /// What the payment said could be given back when this was decided: somebody else's refund in the
    /// meantime makes the platform refuse.
    pub available_pence: i64,
}

/// What came of moving a payment on.
#[derive(Clone, PartialEq)]
pub enum Moved {
    /// It was done; what the platform said of it, if anything.
    Done(Value),
    /// It was not: somebody else moved the payment first, and this is how it stands now.
    Otherwise(Value),
}

impl PayClient {
    pub fn open(
        base_url: &str,
        key: &Secret,
        timeout: Duration,
        posts_per_second: u32,
        clock: Now,
    ) -> Result<PayClient, ConnectorError> {
        let limits = HttpLimits { timeout, ..HttpLimits::default() };
        let http = HttpClient::open(limits)
            .map_err(|fault| answering::unavailable(fault.to_string(), None))?;
        let pace_of = |per_second: f64| Pace::new(per_second, per_second);
        let pace = || pace_of(f64::from(posts_per_second));
        Ok(PayClient {
            http,
            base_url: base_url.trim_end_matches('/').to_owned(),
            key: key.clone(),
            creating: pace(),
            capturing: pace(),
            posting: pace(),
            reading: pace_of(f64::from(posts_per_second) * READS_FOR_A_POST),
            clock,
        })
    }

    /// Creates a payment. No answer may mean that there is one: the platform knows no key for payments
    /// that a person makes, so it must be looked for before it is asked for again.
    pub async fn create_payment(&self, payment: &NewPayment) -> Result<Value, ConnectorError> {
        let mut body = json!({
            "amount": payment.amount_pence,
            "reference": payment.reference,
            "description": payment.description,
        });
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body[name] = value;
            }
        };
        set("language", (!payment.language.is_empty()).then(|| json!(payment.language)));
        set("return_url", payment.return_url.as_ref().map(|url| json!(url)));
        set("delayed_capture", payment.delayed_capture.then(|| json!(true)));
        set("set_up_agreement", payment.set_up_agreement.as_ref().map(|id| json!(id)));
        let metadata: Map<String, Value> =
            payment.metadata.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        set("metadata", (!metadata.is_empty()).then_some(Value::Object(metadata)));
        if let Some((agreement, _)) = &payment.by_agreement {
            set("authorisation_mode", Some(json!("agreement")));
            set("agreement_id", Some(json!(agreement)));
        }
        let key = payment.by_agreement.as_ref().map(|(_, key)| ("Idempotency-Key", key.as_str()));
        self.creating.take().await;
        self.post("/v1/payments", key.as_slice(), &body).await
    }

    /// A payment as it stands, with a fresh link for its payer.
    pub async fn payment(&self, id: &str) -> Result<Value, ConnectorError> {
        self.get(&format!("/v1/payments/{}", part(id)?), &[]).await
    }

    pub async fn events(&self, id: &str) -> Result<Value, ConnectorError> {
        self.get(&format!("/v1/payments/{}/events", part(id)?), &[]).await
    }

    /// Cancels a payment that is not finished.
    pub async fn cancel(&self, id: &str) -> Result<Moved, ConnectorError> {
        self.posting.take().await;
        let path = format!("/v1/payments/{}/cancel", part(id)?);
        self.moved(id, self.post(&path, &[], &json!({})).await).await
    }

    /// Takes a payment that was authorised and waits for us.
    pub async fn capture(&self, id: &str) -> Result<Moved, ConnectorError> {
        self.capturing.take().await;
        let path = format!("/v1/payments/{}/capture", part(id)?);
        self.moved(id, self.post(&path, &[], &json!({})).await).await
    }

    /// Gives money back. The guard is always sent: it alone stops a second refund.
    pub async fn refund(&self, id: &str, refund: NewRefund) -> Result<Moved, ConnectorError> {
        self.posting.take().await;
        let path = format!("/v1/payments/{}/refunds", part(id)?);
        let body = json!({
            "amount": refund.amount_pence,
            "refund_amount_available": refund.available_pence,
        });
        self.moved(id, self.post(&path, &[], &body).await).await
    }

    /// Where the platform says that the payment does not stand as we thought, the payment is read again:
    /// somebody else moved it.
    async fn moved(
        &self,
        id: &str,
        answered: Result<Value, ConnectorError>,
    ) -> Result<Moved, ConnectorError> {
        match answered {
            Ok(answer) => Ok(Moved::Done(answer)),
            Err(ConnectorError::Refused { code, .. }) if answer::is_moved(&code) => {
                Ok(Moved::Otherwise(self.payment(id).await?))
            }
            Err(error) => Err(error),
        }
    }

    pub async fn refunds(&self, id: &str) -> Result<Vec<Value>, ConnectorError> {
        let listed = self.get(&format!("/v1/payments/{}/refunds", part(id)?), &[]).await?;
        Ok(listed["_embedded"]["refunds"].as_array().cloned().unwrap_or_default())
    }

    /// Every payment with that reference that was created from then on. What was created a moment ago
    /// may not be found yet.
    pub async fn search(
        &self,
        reference: &str,
        from_ms: i64,
    ) -> Result<Vec<Value>, ConnectorError> {
        let from = chrono::DateTime::from_timestamp_millis(from_ms).unwrap_or_default();
        let from = from.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let size = PAGE.to_string();
        let mut found = Vec::new();
        for page in 1..=PAGES_MAX {
            let number = page.to_string();
            let query = [
                ("reference", reference),
                ("from_date", from.as_str()),
                ("page", number.as_str()),
                ("display_size", size.as_str()),
            ];
            let listed = match self.get("/v1/payments", &query).await {
                // The list became shorter while it was read.
                Err(ConnectorError::Refused { code, .. }) if code == "pay.P0402" => break,
                listed => listed?,
            };
            let results = listed["results"].as_array().cloned().unwrap_or_default();
            found.extend(results);
            if listed["_links"].get("next_page").is_none() {
                break;
            }
            if page == PAGES_MAX {
                return Err(too_many());
            }
        }
        // A page may begin with what the one before ended with.
        let mut seen = HashSet::new();
        found.retain(|one: &Value| seen.insert(one["payment_id"].as_str().map(str::to_owned)));
        Ok(found)
    }
    pub async fn create_agreement(
        &self,
        reference: &str,
        description: &str,
        user: Option<&str>,
    ) -> Result<Value, ConnectorError> {
        let mut body = json!({ "reference": reference, "description": description });
        if let Some(user) = user {
            body["user_identifier"] = json!(user);
        }
        self.posting.take().await;
        self.post("/v1/agreements", &[], &body).await
    }

    pub async fn agreement(&self, id: &str) -> Result<Value, ConnectorError> {
        self.get(&format!("/v1/agreements/{}", part(id)?), &[]).await
    }

    pub async fn cancel_agreement(&self, id: &str) -> Result<(), ConnectorError> {
        self.posting.take().await;
        let path = format!("/v1/agreements/{}/cancel", part(id)?);
        self.post(&path, &[], &json!({})).await.map(|_| ())
    }

    /// An empty body would be stopped by the platform's firewall.
    async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<Value, ConnectorError> {
        self.call(Doing::Changing, path, &[], headers, Some(body)).await
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, ConnectorError> {
        self.reading.take().await;
        self.call(Doing::Asking, path, query, &[], None).await
    }

    async fn call(
        &self,
        doing: Doing,
        path: &str,
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
        json: Option<&Value>,
    ) -> Result<Value, ConnectorError> {
        let url = format!("{}{path}", self.base_url);
        let bearer = Some(self.key.expose());
        let request = Request { url: &url, query, headers, bearer, json, ..Request::default() };
        answer::read(doing, self.http.call(request).await, (self.clock)())
    }
}

fn too_many() -> ConnectorError {
    let cause = format!("more than {} payments have this reference", PAGE * PAGES_MAX);
    ConnectorError::Refused { code: "pay.too_many".to_owned(), cause }
}

/// An identifier as part of an address: letters and digits, and nothing that leads elsewhere.
fn part(id: &str) -> Result<&str, ConnectorError> {
    let good = (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    good.then_some(id).ok_or_else(|| ConnectorError::Refused {
        code: "pay.identifier".to_owned(),
        cause: "this is no identifier of the platform".to_owned(),
    })
}

unprinted!(Moved, NewPayment);
