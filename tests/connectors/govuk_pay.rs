//! The client of GOV.UK Pay against the sandbox: every call, and what is made of each answer. Each test is
//! a function of a bench too, so that the same calls are held against the platform's own contract.

use serde_json::{Value, json};
use viaduct::connector::channel::{ConnectorError, Destination, Inquiry, Question, Standing};
use viaduct::connector::govuk_pay::GovukPay;
use viaduct::connector::govuk_pay::client::{Moved, NewPayment, NewRefund, PayClient};
use viaduct::record::delivery::{Content, Delivery, Payment};
use viaduct::record::facts::Facts;
use viaduct::sandbox::govuk_pay::COUNCIL_KEY;
use viaduct::suppression::gate::{self, Cleared};
use viaduct::suppression::policy::Policy;

use crate::jobs::pay_hub::client_at;
use crate::sandbox::pay_bench::{NOON_MS, PayBench};

fn client(bench: &PayBench) -> PayClient {
    client_at(bench.front(), COUNCIL_KEY)
}

fn order(reference: &str) -> NewPayment {
    NewPayment {
        amount_pence: 14_500,
        reference: reference.to_owned(),
        description: "Council Tax arrears".to_owned(),
        return_url: Some("https://pay.example.com/pay/x".to_owned()),
        metadata: vec![("delivery".to_owned(), "r-1".to_owned())],
        ..NewPayment::default()
    }
}

fn id(payment: &Value) -> &str {
    payment["payment_id"].as_str().expect("an id")
}

fn state(payment: &Value) -> &str {
    payment["state"]["status"].as_str().expect("a state")
}

async fn create(bench: &PayBench, pay: &PayClient, order: &NewPayment) -> Value {
    bench.later_ms(100);
    pay.create_payment(order).await.expect("a payment")
}

fn refused<T: std::fmt::Debug>(answer: Result<T, ConnectorError>) -> String {
    match answer {
        Err(ConnectorError::Refused { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}

pub async fn create_read_and_cancel(bench: &PayBench) {
    let pay = client(bench);
    let whole = NewPayment { language: "cy".to_owned(), ..order("9900000001") };
    let made = create(bench, &pay, &whole).await;
    assert_eq!((state(&made), &made["amount"]), ("created", &json!(14_500)));
    let read = pay.payment(id(&made)).await.expect("a payment");
    let next = |payment: &Value| payment["_links"]["next_url"]["href"].clone();
    assert_ne!(next(&made), next(&read), "each reading makes a link of its own");
    let events = pay.events(id(&made)).await.expect("events");
    assert_eq!(events["events"][0]["state"]["status"], "created");
    assert_eq!(pay.cancel(id(&made)).await, Ok(Moved::Done(Value::Null)));
    // It is finished by now: it is read again, and says how.
    match pay.cancel(id(&made)).await {
        Ok(Moved::Otherwise(now)) => assert_eq!(state(&now), "cancelled"),
        other => panic!("{other:?}"),
    }
    let nothing = "0".repeat(26);
    assert_eq!(refused(pay.payment(&nothing).await), "pay.P0200");
    assert_eq!(refused(pay.cancel(&nothing).await), "pay.P0500");
    assert_eq!(refused(pay.payment("../agreements").await), "pay.identifier");
}

pub async fn capture(bench: &PayBench) {
    let pay = client(bench);
    let delayed = NewPayment { delayed_capture: true, ..order("9900000002") };
    let made = create(bench, &pay, &delayed).await;
    match pay.capture(id(&made)).await {
        Ok(Moved::Otherwise(now)) => assert_eq!(state(&now), "created"),
        other => panic!("{other:?}"),
    }
    bench.payer(&made, "success").await;
    assert_eq!(pay.capture(id(&made)).await, Ok(Moved::Done(Value::Null)));
    assert_eq!(state(&pay.payment(id(&made)).await.expect("a payment")), "success");
}

pub async fn refunds(bench: &PayBench) {
    let pay = client(bench);
    let made = create(bench, &pay, &order("9900000003")).await;
    bench.payer(&made, "success").await;
    let refund = |amount_pence, available_pence| {
        let refund = NewRefund { amount_pence, available_pence };
        let (pay, id) = (&pay, id(&made).to_owned());
        async move { pay.refund(&id, refund).await }
    };
    match refund(4_500, 14_500).await {
        Ok(Moved::Done(refund)) => assert_eq!(refund["amount"], 4_500),
        other => panic!("{other:?}"),
    }
    // The guard: the same decision, made twice, gives money back once.
    match refund(4_500, 14_500).await {
        Ok(Moved::Otherwise(now)) => {
            assert_eq!(now["refund_summary"]["amount_available"], 10_000);
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(refund(10_000, 10_000).await, Ok(Moved::Done(_))));
    match refund(1, 1).await {
        Ok(Moved::Otherwise(now)) => assert_eq!(now["refund_summary"]["status"], "full"),
        other => panic!("{other:?}"),
    }
    assert_eq!(pay.refunds(id(&made)).await.expect("refunds").len(), 2);
}

pub async fn agreements(bench: &PayBench) {
    let pay = client(bench);
    let agreement =
        pay.create_agreement("CT-9900000004", "Council Tax by card", Some("9900000004")).await;
    let agreement = agreement.expect("an agreement");
    let name = agreement["agreement_id"].as_str().expect("an id").to_owned();
    let collect = |key: &str, amount_pence| NewPayment {
        amount_pence,
        return_url: None,
        by_agreement: Some((name.clone(), key.to_owned())),
        ..order("9900000004")
    };
    bench.later_ms(100);
    assert_eq!(refused(pay.create_payment(&collect("op-1", 100)).await), "pay.P0102");
    let first = NewPayment { set_up_agreement: Some(name.clone()), ..order("9900000004") };
    let first = create(bench, &pay, &first).await;
    bench.payer(&first, "success").await;
    assert_eq!(pay.agreement(&name).await.expect("an agreement")["status"], "active");
    let made = create(bench, &pay, &collect("op-1", 100)).await;
    let again = create(bench, &pay, &collect("op-1", 100)).await;
    assert_eq!(id(&made), id(&again), "asked again under its key, it is the same payment");
    bench.later_ms(100);
    assert_eq!(refused(pay.create_payment(&collect("op-1", 200)).await), "pay.P0191");
    pay.cancel_agreement(&name).await.expect("it is cancelled");
    assert_eq!(refused(pay.cancel_agreement(&name).await), "pay.P2501");
    assert_eq!(refused(pay.agreement(&"0".repeat(26)).await), "pay.P2200");
}

pub async fn search(bench: &PayBench) {
    let pay = client(bench);
    for _ in 0..3 {
        create(bench, &pay, &order("9900000005")).await;
    }
    bench.later_ms(2_000);
    let found = pay.search("9900000005", NOON_MS).await.expect("a search");
    assert_eq!(found.len(), 3);
    assert!(pay.search("9900000006", NOON_MS).await.expect("a search").is_empty());
    let later = pay.search("9900000005", NOON_MS + 3_600_000_000).await;
    assert!(later.expect("a search").is_empty());
}

fn delivery(content: Content) -> Cleared<Delivery> {
    let delivery = Delivery {
        id: 1,
        resident_id: 1,
        purpose: "council_tax_collection".to_owned(),
        needs_consent: false,
        collection: false,
        account_id: None,
        reference: "r-1".to_owned(),
        content,
        attempts: 1,
        intent: 2,
        fence: 1,
        doubt_until_ms: None,
        unanswered_since_ms: None,
    };
    let standing = gate::Standing { resident: Some(Facts::default()), ..Default::default() };
    gate::clear(delivery, &standing, &Policy::default()).expect("nothing stands in the way")
}

fn content(description: &str) -> Content {
    Content::Payment(Payment {
        amount_pence: 14_500,
        reference: "9900000007".to_owned(),
        description: description.to_owned(),
        link: "https://pay.example.com/pay/x".to_owned(),
        account_id: Some(1),
    })
}

pub async fn deliver_and_ask(bench: &PayBench) {
    let pay = GovukPay::new(client(bench));
    bench.later_ms(1_000);
    let question = |platform_id: Option<String>| Question {
        reference: "r-1".to_owned(),
        content: Some(content("Council Tax arrears")),
        platform_id,
        first_intent_ms: NOON_MS,
        intent_ms: NOON_MS,
        in_doubt: false,
    };
    assert_eq!(pay.inquire(&question(None)).await, Ok(Inquiry::NotFound));
    let unreadable = Question { content: None, ..question(None) };
    assert_eq!(pay.inquire(&unreadable).await, Ok(Inquiry::CannotTell));
    let sent = pay.deliver(&[delivery(content("Council Tax arrears"))]).await.remove(0);
    let sent = sent.expect("a receipt");
    assert_eq!((sent.status.word.as_str(), &sent.status.stands), ("created", &Standing::Pending));
    bench.later_ms(2_000);
    assert_eq!(pay.inquire(&question(None)).await, Ok(Inquiry::Happened(sent.clone())));
    let other = Question { reference: "r-2".to_owned(), ..question(None) };
    assert_eq!(pay.inquire(&other).await, Ok(Inquiry::NotFound), "it is another delivery's");
    let known = question(Some(sent.platform_id.clone()));
    assert_eq!(pay.status(&known).await, Ok(sent.clone()));
    assert!(pay.payer_page(&sent.platform_id).await.expect("a page").url.is_some());
    assert_eq!(pay.withdraw(&known).await.expect("a receipt").status.stands, Standing::Lapsed);
    assert!(pay.payer_page(&sent.platform_id).await.expect("a page").url.is_none());
}

#[tokio::test]
async fn a_payment_is_made_read_and_cancelled() {
    create_read_and_cancel(&PayBench::open().await).await;
}

#[tokio::test]
async fn a_delayed_payment_is_captured_once() {
    capture(&PayBench::open().await).await;
}

#[tokio::test]
async fn money_is_given_back_under_a_guard() {
    refunds(&PayBench::open().await).await;
}

#[tokio::test]
async fn an_agreement_is_made_used_under_a_key_and_cancelled() {
    agreements(&PayBench::open().await).await;
}

#[tokio::test]
async fn a_search_finds_what_has_the_reference() {
    search(&PayBench::open().await).await;
}

#[tokio::test]
async fn a_delivery_is_made_once_and_asked_after_by_its_own_reference() {
    deliver_and_ask(&PayBench::open().await).await;
}

#[tokio::test]
async fn silence_and_refusals_are_told_apart_and_quote_nobody() {
    let bench = PayBench::open().await;
    let pay = GovukPay::new(client(&bench));
    let faults = json!({"next": [
        {"kind": "lost_answer"}, {"kind": "lost_before"}, {"kind": "status", "status": 500},
        {"kind": "status", "status": 429},
    ]});
    bench.control("/sandbox/faults", &faults).await;
    let mut found = Vec::new();
    for _ in 0..4 {
        bench.later_ms(100);
        let sent = pay.deliver(&[delivery(content("Council Tax arrears"))]).await.remove(0);
        found.push(match sent {
            Err(ConnectorError::Unknown { .. }) => "unknown",
            Err(ConnectorError::Unavailable { retry_after_ms: Some(_), .. }) => "slow down",
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(found, ["unknown", "unknown", "unknown", "slow down"]);
    let sent = pay.deliver(&[delivery(content("for Pat `Testberry`"))]).await.remove(0);
    match sent {
        Err(ConnectorError::Refused { code, cause }) => {
            assert_eq!(code, "pay.P0920");
            assert!(!cause.contains("Pat"), "{cause}");
        }
        other => panic!("{other:?}"),
    }
    let stranger = GovukPay::new(client_at(bench.front(), "api_test_of_nobody"));
    let sent = stranger.deliver(&[delivery(content("Council Tax arrears"))]).await.remove(0);
    assert!(matches!(sent, Err(ConnectorError::Unauthorised { code: "pay.key", .. })), "{sent:?}");
}
