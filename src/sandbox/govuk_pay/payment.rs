//! A payment: its states, the clock that ends it, and how it is told to its service.

use serde_json::{Map, Value, json};

use super::check::{Mode, Order};
use super::state::{day, moment};

/// From creation to the end of a payer's patience: 90 minutes.
pub const EXPIRES_MS: i64 = 5_400_000;
/// From creation to the last moment at which a delayed payment can be claimed: 120 hours.
pub const CAPTURE_MS: i64 = 432_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Created,
    Started,
    Submitted,
    Capturable,
    Success,
    Failed(Reason),
    Cancelled,
    Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Rejected { can_retry: Option<bool> },
    Expired,
    ByPayer,
}

impl Stage {
    pub fn word(self) -> &'static str {
        match self {
            Stage::Created => "created",
            Stage::Started => "started",
            Stage::Submitted => "submitted",
            Stage::Capturable => "capturable",
            Stage::Success => "success",
            Stage::Failed(_) => "failed",
            Stage::Cancelled => "cancelled",
            Stage::Error => "error",
        }
    }

    pub fn is_finished(self) -> bool {
        !matches!(self, Stage::Created | Stage::Started | Stage::Submitted | Stage::Capturable)
    }

    pub fn json(self) -> Value {
        let mut state = json!({ "status": self.word(), "finished": self.is_finished() });
        let why = match self {
            Stage::Failed(Reason::Rejected { .. }) => Some(("P0010", "Payment method rejected")),
            Stage::Failed(Reason::Expired) => Some(("P0020", "Payment expired")),
            Stage::Failed(Reason::ByPayer) => Some(("P0030", "Payment was cancelled by the user")),
            Stage::Cancelled => Some(("P0040", "Payment was cancelled by the service")),
            Stage::Error => Some(("P0050", "Payment provider returned an error")),
            _ => None,
        };
        if let Some((code, message)) = why {
            state["code"] = json!(code);
            state["message"] = json!(message);
        }
        if let Stage::Failed(Reason::Rejected { can_retry: Some(can_retry) }) = self {
            state["can_retry"] = json!(can_retry);
        }
        state
    }
}

/// Money given back.
#[derive(Clone, Debug)]
pub struct Refund {
    pub id: String,
    pub amount: i64,
    pub created_ms: i64,
}

#[derive(Clone, Debug)]
pub struct Payment {
    pub id: String,
    /// Which account of the platform it belongs to: a place in the list of them.
    pub account: usize,
    pub order: Order,
    pub created_ms: i64,
    /// Every stage and when it began, the first being `created`.
    pub stages: Vec<(Stage, i64)>,
    pub card: Option<Card>,
    pub captured_ms: Option<i64>,
    pub refunds: Vec<Refund>,
    /// Tokens of its links that were not used yet.
    pub tokens: Vec<String>,
}

/// A card as far as a service may see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Card {
    pub first: &'static str,
    pub last: &'static str,
    pub brand: &'static str,
}

/// The platform's own cards for tests: number, brand, and what becomes of a payment with it.
pub const CARDS: [(&str, &str, Fate); 13] = [
    ("4444333322221111", "Visa", Fate::Success),
    ("4242424242424242", "Visa", Fate::Success),
    ("4000056655665556", "Visa", Fate::Success),
    ("4917610000000000003", "Visa", Fate::Success),
    ("5105105105105100", "Mastercard", Fate::Success),
    ("371449635398431", "American Express", Fate::Success),
    ("3566002020360505", "Jcb", Fate::Success),
    ("6011000990139424", "Discover", Fate::Success),
    ("36148900647913", "Diners Club", Fate::Success),
    ("4000000000000002", "Visa", Fate::Declined),
    ("4000000000000069", "Visa", Fate::Declined),
    ("4000000000000127", "Visa", Fate::Declined),
    ("4000000000000119", "Visa", Fate::Broken),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Success,
    Declined,
    Broken,
}

impl Card {
    pub fn of(number: &'static str, brand: &'static str) -> Card {
        Card { first: &number[..6], last: &number[number.len() - 4..], brand }
    }
}

impl Payment {
    pub fn stage(&self) -> Stage {
        self.stages.last().map_or(Stage::Created, |(stage, _)| *stage)
    }

    /// The stage as it was then, for whoever sees old news.
    pub fn stage_at(&self, at_ms: i64) -> Stage {
        let known = self.stages.iter().rev().find(|(_, since)| *since <= at_ms);
        known.map_or(Stage::Created, |(stage, _)| *stage)
    }

    /// When time alone ends it as it stands, and how.
    pub fn ends(&self) -> Option<(i64, Stage)> {
        let expired = Stage::Failed(Reason::Expired);
        match (self.stage(), self.order.mode) {
            (Stage::Created | Stage::Started | Stage::Submitted, Mode::Web | Mode::MotoApi) => {
                Some((self.created_ms + EXPIRES_MS, expired))
            }
            (Stage::Capturable, _) => Some((self.created_ms + CAPTURE_MS, expired)),
            _ => None,
        }
    }

    pub fn refunded(&self) -> i64 {
        self.refunds.iter().map(|refund| refund.amount).sum()
    }

    pub fn refund_status(&self) -> &'static str {
        match self.stage() {
            Stage::Success if self.refunded() >= self.order.amount => "full",
            Stage::Success => "available",
            stage if stage.is_finished() => "unavailable",
            _ => "pending",
        }
    }

    /// How a service is told of it. Absent values are left out; `links` are added by whoever answers.
    pub fn json(&self, provider: &str, stage: Stage) -> Value {
        let order = &self.order;
        let mut all = json!({
            "payment_id": self.id,
            "amount": order.amount,
            "state": stage.json(),
            "description": order.description,
            "reference": order.reference,
            "language": order.language,
            "payment_provider": provider,
            "created_date": moment(self.created_ms),
            "refund_summary": {
                "status": self.refund_status(),
                "amount_available": order.amount - self.refunded(),
                "amount_submitted": self.refunded(),
            },
            "settlement_summary": {},
            "delayed_capture": order.delayed_capture,
            "moto": order.moto,
            "authorisation_mode": order.mode.word(),
        });
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                all[name] = value;
            }
        };
        set("email", order.email.as_ref().map(|email| json!(email)));
        let metadata = order.metadata.as_ref().filter(|metadata| !metadata.is_empty());
        set("metadata", metadata.map(|metadata| json!(metadata)));
        set("return_url", order.return_url.as_ref().map(|url| json!(url)));
        let agreement = order.agreement_id.as_ref().or(order.set_up_agreement.as_ref());
        set("agreement_id", agreement.map(|id| json!(id)));
        set(
            "agreement_payment_type",
            order.agreement_payment_type.as_ref().map(|kind| json!(kind)),
        );
        let provided = self.card.is_some().then(|| json!(format!("sandbox-{}", self.id)));
        set("provider_id", provided);
        set("card_details", self.card_details());
        set(
            "authorisation_summary",
            self.card.map(|_| json!({ "three_d_secure": { "required": false } })),
        );
        if let Some(captured_ms) = self.captured_ms {
            all["settlement_summary"] = json!({
                "capture_submit_time": moment(captured_ms),
                "captured_date": day(captured_ms),
            });
        }
        all
    }

    fn card_details(&self) -> Option<Value> {
        let mut details = Map::new();
        if let Some(prefilled) = self.order.prefilled.as_ref().and_then(Value::as_object) {
            for name in ["cardholder_name", "billing_address"] {
                if let Some(value) = prefilled.get(name) {
                    details.insert(name.to_owned(), value.clone());
                }
            }
        }
        if let Some(card) = self.card {
            details.insert("first_digits_card_number".to_owned(), json!(card.first));
            details.insert("last_digits_card_number".to_owned(), json!(card.last));
            details.insert("expiry_date".to_owned(), json!("12/30"));
            details.insert("card_brand".to_owned(), json!(card.brand));
            details.insert("card_type".to_owned(), json!("debit"));
            details.entry("cardholder_name").or_insert_with(|| json!("Sample Payer"));
        }
        (!details.is_empty()).then_some(Value::Object(details))
    }

    pub fn refund_json(&self, refund: &Refund, root: &str) -> Value {
        json!({
            "refund_id": refund.id,
            "created_date": moment(refund.created_ms),
            "amount": refund.amount,
            "status": "success",
            "settlement_summary": {},
            "_links": {
                "self": link(format!("{root}/v1/payments/{}/refunds/{}", self.id, refund.id), "GET"),
                "payment": link(format!("{root}/v1/payments/{}", self.id), "GET"),
            },
        })
    }
}

/// A link as the platform writes one.
pub fn link(href: String, method: &str) -> Value {
    json!({ "href": href, "method": method })
}
