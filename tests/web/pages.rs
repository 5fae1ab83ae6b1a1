//! What a payer is shown, and where they are sent on to.

use std::sync::Arc;

use axum::http::HeaderMap;
use serde_json::json;
use viaduct::record::payment_link::LinkKey;
use viaduct::store::database::Cell;
use viaduct::web::server::Listening;

use crate::jobs::pay_hub::{MINUTE_MS, PayHub, RESIDENT, pay_client};
use crate::sandbox::bench::client;

/// A hub that serves its links.
struct Served {
    hub: Arc<PayHub>,
    url: String,
    browser: reqwest::Client,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

struct Seen {
    status: u16,
    to: String,
    page: String,
    headers: HeaderMap,
}

impl Served {
    async fn open(hub: PayHub) -> Served {
        let hub = Arc::new(hub);
        let any = "127.0.0.1:0".parse().expect("an address");
        let listening = Listening::on(any).await.expect("a free port");
        let url = listening.url();
        let serving = listening.serve(Arc::clone(&hub) as _);
        Served { hub, url, browser: client(), serving }
    }

    async fn both() -> Vec<Served> {
        let mut served = Vec::new();
        for hub in PayHub::both().await {
            served.push(Served::open(hub).await);
        }
        served
    }

    fn link(&self, id: i64) -> String {
        format!("{}/pay/{}", self.url, self.hub.key.token(id))
    }

    async fn get(&self, url: &str) -> Seen {
        self.hub.later(100).await;
        let answer = self.browser.get(url).send().await.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let to = headers.get("location").and_then(|to| to.to_str().ok()).unwrap_or("").to_owned();
        Seen { status, to, headers, page: answer.text().await.expect("a page") }
    }

    async fn see(&self, id: i64) -> Seen {
        let seen = self.get(&self.link(id)).await;
        // Nobody is named, whatever happens.
        assert!(!seen.page.contains("Testberry"), "{}", seen.page);
        seen
    }
}

#[tokio::test]
async fn a_link_leads_to_the_same_payment_each_time_by_a_fresh_address() {
    for served in Served::both().await {
        let hub = &served.hub;
        hub.offer(1, 1).await;
        let (first, second) = (served.see(1).await, served.see(1).await);
        assert_eq!((first.status, second.status), (303, 303));
        assert!(first.to.starts_with(&hub.platform.url("/secure/")), "{}", first.to);
        assert_ne!(first.to, second.to);
        assert_eq!(hub.states(1).await, ["created"]);
        // The payer's page is the payment's, and leads back to the same link.
        let page = served.get(&second.to).await;
        assert_eq!(page.status, 303);
        assert_eq!(hub.states(1).await, ["started"]);
        let (id, _) = hub.payments(1).await.remove(0);
        let (_, payment) = hub.platform.get(&format!("/v1/payments/{id}")).await;
        let back = payment["return_url"].as_str().expect("a way back");
        assert_eq!(back, format!("https://pay.example.com/pay/{}", hub.key.token(1)));
        assert_eq!(payment["metadata"], json!({"delivery": "r-1", "attempt": "1"}));
        assert_eq!(payment["reference"], "9900000001");
    }
}

#[tokio::test]
async fn who_paid_is_told_so_and_nothing_more_is_made() {
    for served in Served::both().await {
        let hub = &served.hub;
        hub.offer(1, 1).await;
        served.see(1).await;
        let (id, _) = hub.payments(1).await.remove(0);
        // To come back proves nothing.
        assert_eq!(served.see(1).await.status, 303);
        hub.payer(&id, "success").await;
        for _ in 0..2 {
            let seen = served.see(1).await;
            assert_eq!(seen.status, 200);
            assert!(seen.page.contains("Payment received"), "{}", seen.page);
            assert!(seen.page.contains("£145.00") && seen.page.contains("9900000001"));
        }
        assert_eq!(hub.state(1).await, "delivered");
        assert_eq!(hub.states(1).await, ["success"]);
    }
}

#[tokio::test]
async fn who_was_declined_or_gave_up_may_try_again() {
    for served in Served::both().await {
        let hub = &served.hub;
        for (id, does, end) in
            [(1, "decline", "failed"), (2, "cancel", "failed"), (3, "error", "error")]
        {
            hub.offer(id, id).await;
            served.see(id).await;
            let (payment, _) = hub.payments(id).await.remove(0);
            hub.payer(&payment, does).await;
            let seen = served.see(id).await;
            assert_eq!(seen.status, 200, "{does}");
            assert!(seen.page.contains("Your payment was not made"), "{}", seen.page);
            assert!(seen.page.contains("No money was taken"), "{}", seen.page);
            assert_eq!(hub.state(id).await, "offered");
            assert_eq!(served.see(id).await.status, 303);
            assert_eq!(hub.states(id).await, [end, "created"], "{does}");
        }
    }
}

#[tokio::test]
async fn a_payment_that_is_being_processed_is_not_to_be_made_again() {
    for served in Served::both().await {
        let hub = &served.hub;
        hub.offer(1, 1).await;
        served.see(1).await;
        let (payment, _) = hub.payments(1).await.remove(0);
        hub.payer(&payment, "start").await;
        // Two tabs: both lead to the one payment.
        assert_eq!((served.see(1).await.status, served.see(1).await.status), (303, 303));
        assert_eq!(hub.states(1).await.len(), 1);
    }
}

#[tokio::test]
async fn wrong_links_lead_nowhere_and_a_look_makes_nothing() {
    for served in Served::both().await {
        let hub = &served.hub;
        hub.offer(1, 1).await;
        let other = LinkKey::new("another hub").token(1);
        let nobodys = hub.key.token(77);
        for path in
            [format!("/pay/{other}"), format!("/pay/{nobodys}"), "/pay/x".into(), "/".into()]
        {
            let seen = served.get(&format!("{}{path}", served.url)).await;
            assert_eq!(seen.status, 404, "{path}");
            assert!(seen.page.contains("Page not found"));
        }
        let looked = served.browser.head(served.link(1)).send().await.expect("an answer");
        assert_eq!(looked.status(), 200);
        let looked = served.browser.head(format!("{}/pay/{other}", served.url)).send().await;
        assert_eq!(looked.expect("an answer").status(), 404);
        assert_eq!(hub.state(1).await, "offered");
        assert!(hub.ledger().await.is_empty());
    }
}

#[tokio::test]
async fn a_browser_has_nothing_to_run_and_nothing_to_keep() {
    let served = Served::both().await.remove(0);
    served.hub.offer(1, 1).await;
    let style = format!("{}/pay/style.css", served.url);
    for url in [served.link(1), style, format!("{}/nowhere", served.url)] {
        let headers = served.get(&url).await.headers;
        let text = |name: &str| headers[name].to_str().expect("text").to_owned();
        assert!(
            text("content-security-policy").starts_with("default-src 'none'; style-src 'self'")
        );
        assert_eq!(text("cache-control"), "no-store");
        assert_eq!(text("x-content-type-options"), "nosniff");
        assert_eq!(text("referrer-policy"), "no-referrer");
    }
}

#[tokio::test]
async fn what_is_withheld_held_or_refused_is_said_in_plain_words() {
    for served in Served::both().await {
        let hub = &served.hub;
        hub.offer(1, 1).await;
        let is = "UPDATE resident SET facts = $2 WHERE id = $1";
        let facts = |facts| vec![Cell::Int(RESIDENT), Cell::Word(facts)];
        hub.execute(is, facts("{\"death_date\":\"2026-01-01\"}")).await;
        let seen = served.see(1).await;
        assert_eq!(seen.status, 403);
        assert!(seen.page.contains("You cannot pay by this link"), "{}", seen.page);
        assert!(!seen.page.contains("died") && !seen.page.contains("2026-01"), "{}", seen.page);
        hub.execute(is, facts("{\"kind\":\"person\"}")).await;
        hub.arm(json!([{"kind": "status", "status": 422}])).await;
        assert_eq!(served.see(1).await.status, 403);
        assert_eq!(hub.state(1).await, "held");
        assert!(hub.ledger().await.is_empty());
    }
}

#[tokio::test]
async fn a_platform_that_is_down_slow_or_shut_leaves_the_payment_offered() {
    for mut hub in PayHub::both().await {
        hub.job.destination = pay_client(&hub.platform, "api_test_of_nobody");
        let served = Served::open(hub).await;
        served.hub.offer(1, 1).await;
        let seen = served.see(1).await;
        assert_eq!(seen.status, 503);
        assert!(seen.page.contains("Online payment is not available now"), "{}", seen.page);
        assert_eq!(served.hub.state(1).await, "offered");
    }
    for served in Served::both().await {
        let hub = &served.hub;
        hub.offer(1, 1).await;
        hub.arm(json!([{"kind": "status", "status": 429}])).await;
        let seen = served.see(1).await;
        assert_eq!((seen.status, hub.state(1).await.as_str()), (503, "offered"));
        assert!(seen.headers.contains_key("retry-after"));
        // No answer: it is asked after, and nothing is made again meanwhile.
        hub.lag(10 * MINUTE_MS).await;
        hub.arm(json!([{"kind": "lost_answer"}])).await;
        let seen = served.see(1).await;
        assert_eq!((seen.status, hub.state(1).await.as_str()), (503, "unknown"));
        assert!(seen.page.contains("still being set up"), "{}", seen.page);
        assert_eq!(served.see(1).await.status, 503);
        assert_eq!(hub.states(1).await.len(), 1);
    }
}
