//! The calls of Civica Pay, each as one function. Nothing here decides what is paid, or tries twice.

use std::time::Duration;

use serde_json::{Value, json};

use super::answer::{self, Attempt, field};
use super::query;
use super::settings::CivicaPaySettings;
use crate::connector::address::{Place, with_query};
use crate::connector::answering::{self, Doing};
use crate::connector::calling;
use crate::connector::channel::ConnectorError;
use crate::connector::definition::{Now, Surroundings};
use crate::connector::http::{HttpClient, HttpLimits, Request, Text};
use crate::connector::pace::Pace;
use crate::definition::secret::Secret;
use crate::record::personal::unprinted;

/// A payment to be put into a basket of its own.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// Our reference for it, which its query is asked by. Not unique there: it may own several baskets.
    pub transaction: &'a str,
    pub amount_pence: i64,
    /// What the income system knows it by.
    pub reference: &'a str,
    pub description: &'a str,
    /// Where the payer comes back to.
    pub return_url: &'a str,
}

/// A basket, and what opens it.
pub struct Basket {
    pub reference: String,
    pub token: Secret,
}

/// The platform, open for one account.
pub struct Client {
    http: HttpClient,
    base_url: String,
    query_url: String,
    settings: CivicaPaySettings,
    /// Where it tells us that something happened; empty where nobody listens.
    notify_url: String,
    customer: String,
    password: Secret,
    pace: Pace,
    clock: Now,
}

impl Client {
    /// Opens the account that the settings name; addresses are judged here, and again at each connection.
    pub fn open(
        settings: &CivicaPaySettings,
        around: &Surroundings,
    ) -> Result<Client, ConnectorError> {
        let base_url = around.expand(&settings.base_url.value)?;
        let query_url = around.expand(&settings.query_url.value)?;
        let mut places = Vec::new();
        for url in [&base_url, &query_url] {
            places.push(Place::of(url).map_err(|fault| answering::forbidden(&fault))?);
        }
        let notify_url = settings.notify_url.as_ref().map(|url| around.expand(&url.value));
        let timeout = Duration::from_millis(settings.timeout_ms);
        let limits = HttpLimits { timeout, ..HttpLimits::default() };
        let http = calling::client(limits, places, &settings.allow, &settings.tls, around)?;
        let per_second = f64::from(settings.calls_per_second);
        Ok(Client {
            http,
            base_url: base_url.trim_end_matches('/').to_owned(),
            query_url,
            notify_url: notify_url.transpose()?.unwrap_or_default(),
            customer: around.expand(&settings.customer.value)?,
            password: around.secret(&settings.password.value)?,
            pace: Pace::new(per_second, per_second),
            clock: around.now.clone(),
            settings: settings.clone(),
        })
    }

    /// UTC milliseconds.
    pub fn now_ms(&self) -> i64 {
        (self.clock)()
    }

    /// Makes a basket. Where no answer comes there may be one, which nobody can open.
    pub async fn create(&self, order: &Order<'_>) -> Result<Basket, ConnectorError> {
        let body = self.order(order);
        let made = self.post(Doing::Changing, "CreateImmediatePaymentBasket", &body).await?;
        basket(&made).ok_or_else(|| ConnectorError::Unknown {
            cause: "the answer names no basket, or nothing that opens it".to_owned(),
        })
    }

    fn order(&self, order: &Order<'_>) -> Value {
        let mut details = json!({
            "CatalogueID": self.settings.catalogue,
            "PaymentAmount": answer::pounds(order.amount_pence),
            "Quantity": "1",
            "PaymentNarrative": format!("{} (ref: {})", order.description, order.reference),
            "CallingAppTranReference": order.transaction,
        });
        // Where the fund has a cost code, that stands in the account's place.
        match &self.settings.cost_code {
            Some(code) => {
                details["AccountReference"] = json!(code);
                details["ServicePayReference"] = json!(order.reference);
            }
            None => details["AccountReference"] = json!(order.reference),
        }
        json!({
            "CallingAppIdentifier": self.settings.calling_app,
            "CustomerID": self.customer,
            "ApiPassword": self.password.expose(),
            "ReturnURL": order.return_url,
            "NotifyURL": self.notify_url,
            "CallingAppTranReference": order.transaction,
            "PaymentItems": [{ "PaymentDetails": details }],
        })
    }

    /// What opens a basket that was made before.
    pub async fn token(&self, basket_reference: &str) -> Result<Secret, ConnectorError> {
        let body = json!({
            "CustomerID": self.customer,
            "ApiPassword": self.password.expose(),
            "BasketReference": basket_reference,
        });
        let found = self.post(Doing::Asking, "RetrieveBasketSecurityDetails", &body).await?;
        let token = field(&found, "BasketToken").as_str().filter(|token| !token.is_empty());
        let token = token.map(Secret::new);
        token.ok_or_else(|| answering::unavailable("the basket has no token".to_owned(), None))
    }

    /// Where the payer goes on. It opens the basket, and is never kept.
    pub fn payer_url(&self, basket: &str, token: &Secret, transaction: &str) -> String {
        let url = format!("{}/estore/default/Remote/Fetch", self.base_url);
        let parameters = [
            ("basketreference", basket),
            ("baskettoken", token.expose()),
            ("callingapptxnreference", transaction),
            ("backsitename", self.settings.site.as_str()),
        ];
        with_query(&url, &parameters)
    }

    /// Every attempt to pay under our reference, whichever basket it was.
    pub async fn query(&self, transaction: &str) -> Result<Vec<Attempt>, ConnectorError> {
        let mut attempts = Vec::new();
        for page in 1..=query::PAGES_MAX {
            let body = query::question(transaction, page);
            let text = Text { content_type: "text/xml; charset=utf-8", body: &body };
            self.pace.take().await;
            let request = Request {
                url: &self.query_url,
                headers: &[("soapaction", query::ACTION)],
                text: Some(text),
                ..Request::default()
            };
            let answered = self.http.call(request).await;
            let found = query::read(transaction, answered, self.now_ms())?;
            let is_last = found.len() < query::PAGE;
            attempts.extend(found);
            if is_last {
                return Ok(attempts);
            }
        }
        let cause =
            format!("more than {} payments have this reference", query::PAGE * query::PAGES_MAX);
        Err(ConnectorError::Refused { code: "civica_pay.too_many".to_owned(), cause })
    }

    async fn post(
        &self,
        doing: Doing,
        operation: &str,
        body: &Value,
    ) -> Result<Value, ConnectorError> {
        let url = format!("{}/TransportableBasket/api/BasketApi/{operation}", self.base_url);
        self.pace.take().await;
        let request = Request { url: &url, json: Some(body), ..Request::default() };
        answer::of_basket(doing, self.http.call(request).await, self.now_ms())
    }
}

fn basket(made: &Value) -> Option<Basket> {
    let text = |name| field(made, name).as_str().filter(|text| !text.trim().is_empty());
    let reference = text("BasketReference")?.to_owned();
    Some(Basket { reference, token: Secret::new(text("BasketToken")?) })
}

unprinted!(Order<'_>, Basket, Client);
