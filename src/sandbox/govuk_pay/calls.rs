//! What each call does, once it is known who calls.

use serde_json::{Map, Value, json};

use super::check::{self, Mode, Order};
use super::payment::{Payment, Reason, Refund, Stage, link};
use super::problem::Problem;
use super::state::{Agreement, Memory, Promise, Shared, identifier, moment};

/// How long a promise to answer the same is kept.
const PROMISE_MS: i64 = 86_400_000;
pub const PROVIDER: &str = "sandbox";

/// Who calls, when, and by which address they know us.
#[derive(Clone, Copy)]
pub struct Call<'c> {
    pub shared: &'c Shared,
    pub account: usize,
    pub root: &'c str,
    pub now_ms: i64,
}

impl Call<'_> {
    /// Creates a payment, or gives the one that was made under the same key. True where it is new.
    pub fn create(&self, key: Option<String>, body: &[u8]) -> Result<(bool, Value), Problem> {
        let body = check::object(body, "P0197")?;
        let order = check::payment(&body, self.shared.accounts[self.account].live)?;
        let mut memory = self.shared.memory();
        let key = key.filter(|_| order.mode == Mode::Agreement);
        if let Some(key) = &key
            && let Some(promise) = memory.promises.get(&(self.account, key.clone()))
            && self.now_ms < promise.at_ms + PROMISE_MS
        {
            if promise.body != body {
                let why = "The `Idempotency-Key` you sent in the request header has already been used to \
                           create a payment.";
                return Err(Problem::new(409, "P0191", why));
            }
            let id = promise.payment.clone();
            let payment = memory.payment_mut(self.account, &id).ok_or_else(downstream)?;
            return Ok((false, self.whole(payment)));
        }
        self.agreement_is_good(&memory, &order)?;
        let payment = self.accept(&mut memory, order)?;
        if let Some(key) = key {
            let promise = Promise { body, payment: payment.clone(), at_ms: self.now_ms };
            memory.promises.insert((self.account, key), promise);
        }
        let payment = memory.payment_mut(self.account, &payment).ok_or_else(downstream)?;
        Ok((true, self.whole(payment)))
    }

    fn agreement_is_good(&self, memory: &Memory, order: &Order) -> Result<(), Problem> {
        let find = |id: &str| {
            memory.agreements.iter().find(|one| one.id == id && one.account == self.account)
        };
        if let Some(id) = &order.set_up_agreement
            && find(id).is_none()
        {
            let why = "Agreement ID does not exist";
            return Err(Problem::invalid(400, "P0103", "set_up_agreement", why));
        }
        if let Some(id) = &order.agreement_id {
            let agreement = find(id).ok_or_else(|| {
                Problem::invalid(400, "P0103", "agreement_id", "Agreement ID does not exist")
            })?;
            if agreement.status != "active" {
                let why = "Agreement must be active";
                return Err(Problem::invalid(400, "P0102", "agreement_id", why));
            }
        }
        Ok(())
    }

    fn accept(&self, memory: &mut Memory, order: Order) -> Result<String, Problem> {
        let id = identifier();
        let saved = order.agreement_id.as_ref().and_then(|id| {
            memory.agreements.iter().find(|one| one.id == *id).and_then(|one| one.card)
        });
        let mut stages = vec![(Stage::Created, self.now_ms)];
        if order.mode == Mode::Agreement {
            stages.push((Stage::Started, self.now_ms));
        }
        let payment = Payment {
            id: id.clone(),
            account: self.account,
            order,
            created_ms: self.now_ms,
            stages,
            card: saved.map(|(card, _)| card),
            captured_ms: None,
            refunds: Vec::new(),
            tokens: Vec::new(),
        };
        memory.accept(payment).map_err(|_| downstream())?;
        Ok(id)
    }

    /// A payment with its links. Each reading makes a new link for the payer, that works once.
    fn whole(&self, payment: &mut Payment) -> Value {
        let mut all = payment.json(PROVIDER, payment.stage());
        let mut links = self.links(payment, payment.stage());
        let stage = payment.stage();
        if !stage.is_finished() && stage != Stage::Capturable {
            let token = identifier();
            match payment.order.mode {
                Mode::Web => {
                    payment.tokens.push(token.clone());
                    links["next_url"] = link(format!("{}/secure/{token}", self.root), "GET");
                    links["next_url_post"] = json!({
                        "type": "application/x-www-form-urlencoded",
                        "params": { "chargeTokenId": token },
                        "href": format!("{}/secure", self.root),
                        "method": "POST",
                    });
                }
                Mode::MotoApi => {
                    payment.tokens.push(token.clone());
                    links["auth_url_post"] = json!({
                        "type": "application/json",
                        "params": { "one_time_token": token },
                        "href": format!("{}/v1/auth", self.root),
                        "method": "POST",
                    });
                }
                Mode::Agreement => {}
            }
        }
        all["_links"] = links;
        all
    }

    /// The links that every answer has.
    pub fn links(&self, payment: &Payment, stage: Stage) -> Value {
        let own = format!("{}/v1/payments/{}", self.root, payment.id);
        let mut links = json!({
            "self": link(own.clone(), "GET"),
            "events": link(format!("{own}/events"), "GET"),
            "refunds": link(format!("{own}/refunds"), "GET"),
        });
        if !stage.is_finished() && payment.order.mode != Mode::Agreement {
            links["cancel"] = link(format!("{own}/cancel"), "POST");
        }
        if stage == Stage::Capturable {
            links["capture"] = link(format!("{own}/capture"), "POST");
        }
        links
    }

    pub fn payment(&self, id: &str) -> Result<Value, Problem> {
        let mut memory = self.shared.memory();
        let payment = memory.payment_mut(self.account, id).ok_or_else(|| not_found("P0200"))?;
        Ok(self.whole(payment))
    }

    pub fn events(&self, id: &str) -> Result<Value, Problem> {
        let memory = self.shared.memory();
        let payment = memory.payment(self.account, id).ok_or_else(|| not_found("P0300"))?;
        let own = format!("{}/v1/payments/{}", self.root, payment.id);
        let events: Vec<Value> = payment
            .stages
            .iter()
            .map(|(stage, since_ms)| {
                json!({
                    "payment_id": payment.id,
                    "state": stage.json(),
                    "updated": moment(*since_ms),
                    "_links": { "payment_url": link(own.clone(), "GET") },
                })
            })
            .collect();
        let links = json!({ "self": link(format!("{own}/events"), "GET") });
        Ok(json!({ "payment_id": payment.id, "events": events, "_links": links }))
    }

    pub fn cancel(&self, id: &str) -> Result<(), Problem> {
        let mut memory = self.shared.memory();
        let payment = memory.payment(self.account, id).ok_or_else(|| not_found("P0500"))?;
        if payment.stage().is_finished() || payment.order.mode == Mode::Agreement {
            return Err(Problem::new(400, "P0501", "Cancellation of payment failed"));
        }
        memory.enter(id, Stage::Cancelled, self.now_ms, &self.shared.accounts);
        Ok(())
    }

    pub fn capture(&self, id: &str) -> Result<(), Problem> {
        let mut memory = self.shared.memory();
        let payment = memory.payment(self.account, id).ok_or_else(|| not_found("P1000"))?;
        if payment.stage() != Stage::Capturable {
            return Err(Problem::new(409, "P1003", "Payment cannot be captured"));
        }
        memory.enter(id, Stage::Success, self.now_ms, &self.shared.accounts);
        Ok(())
    }

    pub fn refund(&self, id: &str, body: &[u8]) -> Result<Value, Problem> {
        let body = check::object(body, "P0697")?;
        let (amount, available) = check::refund(&body)?;
        let mut memory = self.shared.memory();
        let payment = memory.payment_mut(self.account, id).ok_or_else(|| not_found("P0600"))?;
        let status = payment.refund_status();
        if status != "available" {
            let why =
                format!("The payment is not available for refund. Payment refund status: {status}");
            return Err(Problem::new(400, "P0603", why));
        }
        let left = payment.order.amount - payment.refunded();
        if available.is_some_and(|available| available != left) {
            return Err(Problem::new(412, "P0604", "Refund amount available mismatch."));
        }
        if amount > left {
            let why = "Must be less than or equal to the amount available";
            return Err(Problem::invalid(422, "P0602", "amount", why));
        }
        let refund = Refund { id: identifier(), amount, created_ms: self.now_ms };
        payment.refunds.push(refund.clone());
        let payment = payment.clone();
        memory.tell(&payment, "card_payment_refunded", self.now_ms, &self.shared.accounts);
        Ok(payment.refund_json(&refund, self.root))
    }

    pub fn one_refund(&self, id: &str, refund_id: &str) -> Result<Value, Problem> {
        let memory = self.shared.memory();
        let payment = memory.payment(self.account, id).ok_or_else(|| not_found("P0700"))?;
        let refund = payment.refunds.iter().find(|refund| refund.id == refund_id);
        Ok(payment.refund_json(refund.ok_or_else(|| not_found("P0700"))?, self.root))
    }

    pub fn refunds(&self, id: &str) -> Result<Value, Problem> {
        let memory = self.shared.memory();
        let payment = memory.payment(self.account, id).ok_or_else(|| not_found("P0800"))?;
        let refunds: Vec<Value> =
            payment.refunds.iter().map(|refund| payment.refund_json(refund, self.root)).collect();
        let own = format!("{}/v1/payments/{}", self.root, payment.id);
        Ok(json!({
            "payment_id": payment.id,
            "_links": {
                "self": link(format!("{own}/refunds"), "GET"),
                "payment": link(own, "GET"),
            },
            "_embedded": { "refunds": refunds },
        }))
    }

    pub fn create_agreement(&self, body: &[u8]) -> Result<Value, Problem> {
        let body = check::object(body, "P2197")?;
        let (reference, description, user) = check::new_agreement(&body)?;
        let agreement = Agreement {
            id: identifier(),
            account: self.account,
            reference,
            description,
            user,
            status: "created",
            created_ms: self.now_ms,
            cancelled_ms: None,
            card: None,
        };
        let answer = agreement_json(&agreement);
        self.shared.memory().agreements.push(agreement);
        Ok(answer)
    }

    pub fn agreement(&self, id: &str) -> Result<Value, Problem> {
        let memory = self.shared.memory();
        let found =
            memory.agreements.iter().find(|one| one.id == id && one.account == self.account);
        found.map(agreement_json).ok_or_else(|| not_found("P2200"))
    }

    pub fn cancel_agreement(&self, id: &str) -> Result<(), Problem> {
        let mut memory = self.shared.memory();
        let account = self.account;
        let found = memory.agreements.iter_mut().find(|one| one.id == id && one.account == account);
        let agreement = found.ok_or_else(|| not_found("P2500"))?;
        if agreement.status != "active" {
            return Err(Problem::new(400, "P2501", "Cancellation of agreement failed"));
        }
        agreement.status = "cancelled";
        agreement.cancelled_ms = Some(self.now_ms);
        Ok(())
    }

    /// Card details over the telephone: the one-time token is the credential.
    pub fn authorise(shared: &Shared, body: &[u8]) -> Result<(), Problem> {
        let body: Map<String, Value> = check::object(body, "P0197")?;
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        for name in ["one_time_token", "card_number", "cvc", "expiry_date", "cardholder_name"] {
            if text(name).is_empty() {
                return Err(Problem::missing("P0101", name));
            }
        }
        let mut memory = shared.memory();
        let token = text("one_time_token");
        let found =
            memory.payments.iter_mut().find(|one| one.tokens.iter().any(|own| own == token));
        let Some(payment) = found.filter(|one| one.order.mode == Mode::MotoApi) else {
            return Err(Problem::new(
                400,
                "P1211",
                "Invalid attribute value: one_time_token. Must be a valid one-time token",
            ));
        };
        payment.tokens.clear();
        let id = payment.id.clone();
        drop(memory);
        let stage = super::payer::pay(shared, &id, text("card_number"));
        match stage {
            Some(Stage::Failed(Reason::Rejected { .. })) => {
                Err(Problem::new(402, "P0010", "The payment was rejected"))
            }
            Some(Stage::Error) => {
                Err(Problem::new(500, "P0050", "There was an error authorising the payment"))
            }
            _ => Ok(()),
        }
    }
}

pub fn agreement_json(agreement: &Agreement) -> Value {
    let mut all = json!({
        "agreement_id": agreement.id,
        "reference": agreement.reference,
        "description": agreement.description,
        "status": agreement.status,
        "created_date": moment(agreement.created_ms),
    });
    if let Some(user) = &agreement.user {
        all["user_identifier"] = json!(user);
    }
    if let Some(cancelled_ms) = agreement.cancelled_ms {
        all["cancelled_date"] = json!(moment(cancelled_ms));
    }
    if let Some((card, since_ms)) = &agreement.card {
        all["payment_instrument"] = json!({
            "type": "card",
            "created_date": moment(*since_ms),
            "card_details": {
                "cardholder_name": "Sample Payer",
                "first_digits_card_number": card.first,
                "last_digits_card_number": card.last,
                "expiry_date": "12/30",
                "card_brand": card.brand,
                "card_type": "debit",
            },
        });
    }
    all
}

pub fn not_found(code: &'static str) -> Problem {
    Problem::new(404, code, "Not found")
}

fn downstream() -> Problem {
    Problem::ordered(500)
}
