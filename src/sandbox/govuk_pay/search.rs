//! Searching: what is found lags behind what happened, comes in pages, and a page past the end is not
//! there. Every parameter that will not do is told in one sentence.

use serde_json::{Value, json};

use chrono::{DateTime, NaiveDate};

use super::calls::{Call, PROVIDER, agreement_json};
use super::payment::link;
use super::problem::Problem;

const PAGE_MAX: usize = 500;
const STATES: [&str; 7] =
    ["created", "started", "submitted", "success", "failed", "cancelled", "error"];

/// The words of a query, in the order they came.
pub type Query = Vec<(String, String)>;

/// What a search gives under, and is refused under.
struct Codes {
    path: &'static str,
    invalid: &'static str,
    no_page: &'static str,
}

/// A query's parameters, with those that will not do.
struct Asked<'q> {
    query: &'q Query,
    faults: Vec<&'static str>,
}

impl<'q> Asked<'q> {
    fn get(&self, name: &str) -> Option<&'q str> {
        let found = self.query.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn check(&mut self, name: &'static str, good: impl FnOnce(&str) -> bool) -> Option<&'q str> {
        let value = self.get(name)?;
        if good(value) {
            return Some(value);
        }
        self.faults.push(name);
        None
    }

    fn number(&mut self, name: &'static str, most: usize, usual: usize) -> usize {
        let good =
            |text: &str| text.parse().is_ok_and(|number: usize| (1..=most).contains(&number));
        self.check(name, good).and_then(|text| text.parse().ok()).unwrap_or(usual)
    }

    /// Milliseconds of an instant such as `2026-11-01T09:30:00Z`.
    fn instant(&mut self, name: &'static str) -> Option<i64> {
        let read =
            |text: &str| DateTime::parse_from_rfc3339(text).ok().filter(|_| text.ends_with('Z'));
        let text = self.check(name, |text| read(text).is_some())?;
        read(text).map(|instant| instant.timestamp_millis())
    }

    fn date(&mut self, name: &'static str) {
        self.check(name, |text| text.parse::<NaiveDate>().is_ok());
    }

    fn digits(&mut self, name: &'static str, many: usize) -> Option<&'q str> {
        self.check(name, |text| {
            text.len() == many && text.bytes().all(|byte| byte.is_ascii_digit())
        })
    }
}

impl Call<'_> {
    pub fn search_payments(&self, query: &Query) -> Result<Value, Problem> {
        let mut asked = Asked { query, faults: Vec::new() };
        let reference = asked.get("reference").map(str::to_lowercase);
        let email = asked.get("email").map(str::to_lowercase);
        let state = asked.check("state", |word| STATES.contains(&word));
        asked.check("card_brand", |brand| brand.len() <= 20);
        let (from, to) = (asked.instant("from_date"), asked.instant("to_date"));
        asked.date("from_settled_date");
        asked.date("to_settled_date");
        let first = asked.digits("first_digits_card_number", 6);
        let last = asked.digits("last_digits_card_number", 4);
        let agreement = asked.check("agreement_id", |id| id.len() == 26);
        let memory = self.shared.memory();
        let known_ms = self.now_ms - memory.behaviour.search_lag_ms;
        let found: Vec<Value> = memory
            .payments
            .iter()
            .rev()
            .filter(|payment| payment.account == self.account && payment.created_ms <= known_ms)
            .filter(|payment| {
                let order = &payment.order;
                let stage = payment.stage_at(known_ms);
                let owns = |id: &Option<String>| id.as_deref() == agreement;
                reference.as_deref().is_none_or(|wanted| order.reference.to_lowercase() == wanted)
                    && email.as_deref().is_none_or(|part| {
                        order
                            .email
                            .as_ref()
                            .is_some_and(|email| email.to_lowercase().contains(part))
                    })
                    && state.is_none_or(|state| stage.word() == state)
                    && from.is_none_or(|from| payment.created_ms >= from)
                    && to.is_none_or(|to| payment.created_ms < to)
                    && first
                        .is_none_or(|first| payment.card.is_some_and(|card| card.first == first))
                    && last.is_none_or(|last| payment.card.is_some_and(|card| card.last == last))
                    && (agreement.is_none()
                        || owns(&order.agreement_id)
                        || owns(&order.set_up_agreement))
            })
            .map(|payment| {
                let stage = payment.stage_at(known_ms);
                let mut all = payment.json(PROVIDER, stage);
                all["_links"] = self.links(payment, stage);
                all
            })
            .collect();
        let codes = Codes { path: "/v1/payments", invalid: "P0401", no_page: "P0402" };
        self.page(asked, found, &codes)
    }

    pub fn search_refunds(&self, query: &Query) -> Result<Value, Problem> {
        let mut asked = Asked { query, faults: Vec::new() };
        let (from, to) = (asked.instant("from_date"), asked.instant("to_date"));
        asked.date("from_settled_date");
        asked.date("to_settled_date");
        let memory = self.shared.memory();
        let known_ms = self.now_ms - memory.behaviour.search_lag_ms;
        let own = memory.payments.iter().filter(|payment| payment.account == self.account);
        let mut found: Vec<(i64, Value)> = own
            .flat_map(|payment| payment.refunds.iter().map(move |refund| (payment, refund)))
            .filter(|(_, refund)| refund.created_ms <= known_ms)
            .filter(|(_, refund)| {
                from.is_none_or(|from| refund.created_ms >= from)
                    && to.is_none_or(|to| refund.created_ms < to)
            })
            .map(|(payment, refund)| {
                let mut all = payment.refund_json(refund, self.root);
                all["payment_id"] = json!(payment.id);
                (refund.created_ms, all)
            })
            .collect();
        found.sort_by_key(|(created_ms, _)| std::cmp::Reverse(*created_ms));
        let found = found.into_iter().map(|(_, refund)| refund).collect();
        let codes = Codes { path: "/v1/refunds", invalid: "P1101", no_page: "P1100" };
        self.page(asked, found, &codes)
    }

    pub fn search_agreements(&self, query: &Query) -> Result<Value, Problem> {
        const KNOWN: [&str; 4] = ["reference", "status", "page", "display_size"];
        if query.iter().any(|(name, _)| !KNOWN.contains(&name.as_str())) {
            return Err(Problem::new(
                400,
                "P2401",
                "Invalid parameters. See Public API documentation for the correct data formats",
            ));
        }
        let mut asked = Asked { query, faults: Vec::new() };
        let reference = asked.get("reference").map(str::to_lowercase);
        let words = ["created", "active", "cancelled", "inactive"];
        let status = asked.check("status", |word| words.contains(&word));
        let memory = self.shared.memory();
        let known_ms = self.now_ms - memory.behaviour.search_lag_ms;
        let found = memory
            .agreements
            .iter()
            .rev()
            .filter(|one| one.account == self.account && one.created_ms <= known_ms)
            .filter(|one| {
                reference.as_deref().is_none_or(|wanted| one.reference.to_lowercase() == wanted)
                    && status.is_none_or(|status| one.status == status)
            })
            .map(agreement_json)
            .collect();
        let codes = Codes { path: "/v1/agreements", invalid: "P2401", no_page: "P2402" };
        self.page(asked, found, &codes)
    }

    /// Nobody disputes a payment in the sandbox.
    pub fn search_disputes(&self, query: &Query) -> Result<Value, Problem> {
        let mut asked = Asked { query, faults: Vec::new() };
        asked.instant("from_date");
        asked.instant("to_date");
        asked.date("from_settled_date");
        asked.date("to_settled_date");
        asked.check("status", |word| {
            ["needs_response", "under_review", "lost", "won"].contains(&word)
        });
        let codes = Codes { path: "/v1/disputes", invalid: "P0401", no_page: "P0402" };
        self.page(asked, Vec::new(), &codes)
    }

    fn page(&self, mut asked: Asked<'_>, all: Vec<Value>, codes: &Codes) -> Result<Value, Problem> {
        let page = asked.number("page", usize::MAX, 1);
        let size = asked.number("display_size", PAGE_MAX, PAGE_MAX);
        if !asked.faults.is_empty() {
            let why = format!(
                "Invalid parameters: {}. See Public API documentation for the correct data formats",
                asked.faults.join(", ")
            );
            return Err(Problem::new(422, codes.invalid, why));
        }
        let total = all.len();
        let last = total.div_ceil(size).max(1);
        if page > last {
            return Err(Problem::new(404, codes.no_page, "Page not found"));
        }
        let results: Vec<Value> = all.into_iter().skip((page - 1) * size).take(size).collect();
        let mut words = form_urlencoded::Serializer::new(String::new());
        for (name, value) in asked.query.iter().filter(|(name, _)| name != "page") {
            words.append_pair(name, value);
        }
        let words = words.finish();
        let to = |page: usize| {
            let joint = if words.is_empty() { "" } else { "&" };
            link(format!("{}{}?{words}{joint}page={page}", self.root, codes.path), "GET")
        };
        let mut links = json!({ "self": to(page), "first_page": to(1), "last_page": to(last) });
        if page > 1 {
            links["prev_page"] = to(page - 1);
        }
        if page < last {
            links["next_page"] = to(page + 1);
        }
        Ok(json!({
            "total": total,
            "count": results.len(),
            "page": page,
            "results": results,
            "_links": links,
        }))
    }
}
