//! A system that is told by SOAP: the body that a mapping's template wrote, in an envelope. What a lost
//! answer means depends on the system, as with any that is told by HTTP.

use std::sync::Arc;

use async_trait::async_trait;

use super::answer::Outcome;
use super::caller::{Call, Caller};
use super::fragment::Fragment;
use super::settings::SoapSettings;
use crate::connector::answering::Doing;
use crate::connector::channel::{
    ConnectorError, Destination, Inquiry, Question, Receipt, Standing, Status,
};
use crate::connector::definition::{Brings, Kind, Patience, Settings, Surroundings};
use crate::connector::http_push::body;
use crate::connector::http_push::settings::{AT_ONCE, FOREVER_MS, KEYS_KEPT, LAG, REMEMBERS};
use crate::connector::sending;
use crate::definition::shape::{Key, key};
use crate::definition::table::{Table, Variant};
use crate::record::delivery::{Delivery, Form};
use crate::suppression::gate::Cleared;

pub const KIND: Kind = Kind {
    name: "soap_push",
    doc: "A system that is told by SOAP: a body that a mapping's template writes, in an envelope.",
    read: |settings, _| Some(Arc::new(SoapPushSettings::read(settings)?)),
};

/// The settings of a system that is told.
#[derive(Debug, Clone)]
pub struct SoapPushSettings {
    soap: SoapSettings,
    reply: String,
    /// The way to its own name for what it took.
    receipt: Option<String>,
    lost: Lost,
    at_once: usize,
}

/// What is done when no answer came.
#[derive(Debug, Clone)]
enum Lost {
    /// It does once what comes under one reference: it is sent again, as long as it remembers.
    SentAgain {
        kept_ms: i64,
    },
    Asked(Box<Ask>),
    /// A person finds out.
    Person,
}

/// How a system is asked whether it has our reference.
#[derive(Debug, Clone)]
struct Ask {
    action: Option<String>,
    body: Fragment,
    reply: String,
    /// The way to what stands in the reply only where it has it; None where a fault says that it has not.
    found_at: Option<String>,
    lag_ms: i64,
    remembers_ms: i64,
}

const REPLY: Key = key(
    "reply",
    "The element that its answer has in its body. One that has another is no success.",
)
.needed("write `reply = \"UpdateResponse\"`")
.example("reply = \"UpdateResponse\"");
const RECEIPT: Key = key("receipt", "Where, from that element, its own name for it stands.")
    .example("receipt = \"Id\"");
const IDEMPOTENCY: Key = key("idempotency", "What a lost answer means here.").needed(
    "write `idempotency = \"key\"` if it does what comes under one `push.id` once, `\"ask\"` if it can be asked by \
     it, else `\"none\"`",
);
const ASK_BODY: Key = key(
    "ask_body",
    "What is asked, as XML: whether it has our reference, for which `{reference}` stands.",
)
.needed("write the element that asks, with `{reference}` in it")
.example("ask_body = '<m:Find xmlns:m=\"urn:accounts\"><Ref>{reference}</Ref></m:Find>'");
const ASK_ACTION: Key = key("ask_action", "What that call is named, if otherwise than `action`.")
    .example("ask_action = \"urn:accounts#Find\"");
const ASK_REPLY: Key = key("ask_reply", "The element that the answer has in its body.")
    .needed("write `ask_reply = \"FindResponse\"`")
    .example("ask_reply = \"FindResponse\"");
const FOUND_AT: Key = key(
    "found_at",
    "Where, from that element, something stands only if it has it. Where nothing is said, a fault that means \
     `not_found` says that it has not.",
)
.example("found_at = \"Entry/Id\"");

impl SoapPushSettings {
    /// Reads `[settings]`; faults are told to the file.
    pub fn read(settings: &Table<'_>) -> Option<SoapPushSettings> {
        let soap = SoapSettings::read(settings);
        let reply = settings.need_text(REPLY);
        let receipt = settings.text(RECEIPT).map(|way| way.value);
        let lost = lost(settings);
        let at_once = settings.whole_or(AT_ONCE, 1..=256, 4);
        Some(SoapPushSettings {
            soap: soap?,
            reply: reply?.value,
            receipt,
            lost: lost?,
            at_once: usize::try_from(at_once).ok()?,
        })
    }
}

fn lost(settings: &Table<'_>) -> Option<Lost> {
    settings.variant(
        IDEMPOTENCY,
        &[
            Variant {
                word: "key",
                doc: "It does what comes under one `push.id` once: it is sent again, with the same.",
                read: &|table| {
                    Some(Lost::SentAgain { kept_ms: table.duration_or(KEYS_KEPT, "24h") })
                },
            },
            Variant {
                word: "ask",
                doc: "It is asked by our reference, and told again only if it does not have it.",
                read: &|table| {
                    let text = table.need_text(ASK_BODY);
                    let action = table.text(ASK_ACTION).map(|action| action.value);
                    let reply = table.need_text(ASK_REPLY);
                    let found_at = table.text(FOUND_AT).map(|way| way.value);
                    let lag_ms = table.duration_or(LAG, "1m");
                    let remembers_ms = table.duration_or(REMEMBERS, "5d");
                    let text = text?;
                    let body = Fragment::read(table, &text, &["reference"], true)?;
                    if !body.has("reference") {
                        let help = Some("write `{reference}` where it stands".to_owned());
                        let what = "`ask_body` does not say what is asked for";
                        table.error(text.at, what, "`{reference}` is missing", help);
                    }
                    let reply = reply?.value;
                    let ask = Ask { action, body, reply, found_at, lag_ms, remembers_ms };
                    Some(Lost::Asked(Box::new(ask)))
                },
            },
            Variant {
                word: "none",
                doc: "A person finds out whether it happened. It is never sent twice by itself.",
                read: &|_| Some(Lost::Person),
            },
        ],
    )
}

impl Settings for SoapPushSettings {
    fn takes(&self, what: Brings) -> bool {
        what == Brings::Push
    }

    fn patience(&self) -> Patience {
        let timeout_ms = i64::try_from(self.soap.line.timeout_ms).unwrap_or(FOREVER_MS);
        let (not_found_ms, forgets_ms) = match &self.lost {
            Lost::Asked(ask) => (timeout_ms.max(ask.lag_ms), ask.remembers_ms.max(timeout_ms)),
            Lost::SentAgain { .. } => (0, FOREVER_MS),
            Lost::Person => (FOREVER_MS, FOREVER_MS),
        };
        Patience { not_found_ms, forgets_ms, ..Patience::default() }
    }

    fn destination(
        &self,
        around: &Surroundings,
    ) -> Option<Result<Arc<dyn Destination>, ConnectorError>> {
        let opened = SoapPush::open(self.clone(), around);
        Some(opened.map(|destination| Arc::new(destination) as Arc<dyn Destination>))
    }
}

/// A system that is told, open.
pub struct SoapPush {
    caller: Caller,
    ask: Option<Fragment>,
    settings: SoapPushSettings,
}

impl SoapPush {
    /// Opens the system that the settings name.
    pub fn open(
        settings: SoapPushSettings,
        around: &Surroundings,
    ) -> Result<SoapPush, ConnectorError> {
        let ask = match &settings.lost {
            Lost::Asked(ask) => Some(ask.body.opened(around)?),
            Lost::SentAgain { .. } | Lost::Person => None,
        };
        Ok(SoapPush { caller: settings.soap.open(around)?, ask, settings })
    }

    async fn send(&self, delivery: &Delivery) -> Result<Receipt, ConnectorError> {
        let refused =
            |code: &str, cause: String| ConnectorError::Refused { code: code.to_owned(), cause };
        let Some(push) = delivery.content.push() else {
            return Err(refused("push.no_push", "only a push can be sent as one".to_owned()));
        };
        if push.form != Form::Xml {
            let cause = "a system that speaks SOAP is told by a template in XML".to_owned();
            return Err(refused("push.body", cause));
        }
        body::fits(push.form, &push.body).map_err(|why| refused("push.body", why))?;
        if let Lost::SentAgain { kept_ms } = self.settings.lost {
            sending::is_remembered(delivery, kept_ms, self.caller.now_ms())?;
        }
        let call = Call {
            doing: Doing::Changing,
            action: &self.settings.soap.action,
            body: &push.body,
            reply: Some(&self.settings.reply),
            torn: false,
        };
        let named = match self.caller.call(call).await? {
            Outcome::Done => None,
            outcome => {
                let reply = outcome.reply()?;
                let way = self.settings.receipt.as_deref();
                way.and_then(|way| reply.text(way)).filter(|name| is_name(name)).map(str::to_owned)
            }
        };
        Ok(taken(named.unwrap_or_else(|| delivery.reference.clone())))
    }

    async fn ask(&self, ask: &Ask, reference: &str) -> Result<Inquiry, ConnectorError> {
        let Some(body) = &self.ask else { return Ok(Inquiry::CannotTell) };
        let body = body.filled(Doing::Asking, &[("reference", reference)])?;
        let action = ask.action.as_deref().unwrap_or(&self.settings.soap.action);
        let call = Call {
            doing: Doing::Asking,
            action,
            body: &body,
            reply: Some(&ask.reply),
            torn: false,
        };
        let found = match self.caller.call(call).await? {
            Outcome::NotFound(_) => false,
            Outcome::Done => true,
            Outcome::Reply(reply) => {
                ask.found_at.as_deref().is_none_or(|way| reply.text(way).is_some())
            }
        };
        Ok(match found {
            true => Inquiry::Happened(taken(reference.to_owned())),
            false => Inquiry::NotFound,
        })
    }
}

#[async_trait]
impl Destination for SoapPush {
    async fn deliver(
        &self,
        deliveries: &[Cleared<Delivery>],
    ) -> Vec<Result<Receipt, ConnectorError>> {
        sending::each(deliveries, self.settings.at_once, |delivery| self.send(delivery)).await
    }

    async fn inquire(&self, question: &Question) -> Result<Inquiry, ConnectorError> {
        match &self.settings.lost {
            Lost::Asked(ask) => self.ask(ask, &question.reference).await,
            Lost::SentAgain { kept_ms }
                if self.caller.now_ms() < question.first_intent_ms.saturating_add(*kept_ms) =>
            {
                Ok(Inquiry::NotFound)
            }
            _ => Ok(Inquiry::CannotTell),
        }
    }

    /// It took it, and says no more.
    async fn status(&self, question: &Question) -> Result<Receipt, ConnectorError> {
        let named = question.platform_id.clone();
        Ok(taken(named.unwrap_or_else(|| question.reference.clone())))
    }
}

fn taken(platform_id: String) -> Receipt {
    let status = Status { word: "taken".to_owned(), stands: Standing::Delivered };
    Receipt { platform_id, status }
}

/// A short plain name; what is not may be anything, and is kept by nobody.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}
