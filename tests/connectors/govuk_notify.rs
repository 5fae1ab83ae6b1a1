//! The client of GOV.UK Notify against the sandbox: what is sent, what is made of each answer, and
//! what is asked after a silence.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use tokio::net::TcpListener;
use viaduct::connector::channel::{ConnectorError, Destination, Inquiry, Question, Standing};
use viaduct::connector::govuk_notify::GovukNotify;
use viaduct::connector::govuk_notify::settings::GovukNotifySettings;
use viaduct::definition::reader::{Span, Spanned};
use viaduct::definition::secret::{Secret, SecretReference};
use viaduct::record::delivery::{Channel, Content, Delivery, Message};
use viaduct::record::facts::Facts;
use viaduct::sandbox::govuk_notify::council::{
    EMAIL_MOVED_HOME, LETTER_MOVED_HOME, LIVE_SECRET, SERVICE_ID, SMS_MOVED_HOME, TEST_SECRET,
};
use viaduct::sandbox::govuk_notify::service::Service;
use viaduct::suppression::gate::{self, Cleared};
use viaduct::suppression::policy::Policy;

use crate::sandbox::bench::Bench;

fn open(bench: &Bench, secret: &str) -> GovukNotify {
    open_at(&bench.running.url, bench.now_s(), secret, 30_000)
}

fn open_at(url: &str, now_s: i64, secret: &str, timeout_ms: u64) -> GovukNotify {
    let templates = [
        ("moved_home", EMAIL_MOVED_HOME),
        ("moved_home_sms", SMS_MOVED_HOME),
        ("moved_home_letter", LETTER_MOVED_HOME),
    ];
    let settings = GovukNotifySettings {
        allows_test_ranges: true,
        base_url: Spanned { value: url.to_owned(), at: Span::default() },
        api_key: Spanned {
            value: SecretReference::Stored("NOTIFY_API_KEY".to_owned()),
            at: Span::default(),
        },
        templates: BTreeMap::from(templates.map(|(name, id)| (name.to_owned(), id.to_owned()))),
        requests_per_minute: 3_000,
        timeout_ms,
    };
    let key = Secret::new(format!("the-hub-{SERVICE_ID}-{secret}"));
    GovukNotify::open(settings, url, &key, Arc::new(move || now_s * 1_000)).expect("a client")
}

fn message(channel: Channel, template: &str, to: Option<&str>) -> Message {
    let fields = [("first_name", "Pat"), ("account", "7000000042"), ("postcode", "SW1A 1AA")];
    let lines = [("address_line_1", "Pat Testberry"), ("address_line_2", "1 High Street")];
    let lines = lines.into_iter().chain([("address_line_3", "Bramble")]);
    let fields = fields.into_iter().chain(lines.filter(|_| channel == Channel::Letter));
    Message {
        channel,
        template: template.to_owned(),
        to: to.map(str::to_owned),
        fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    }
}

fn email(to: &str) -> Message {
    message(Channel::Email, "moved_home", Some(to))
}

fn cleared(reference: &str, message: Message) -> Cleared<Delivery> {
    let delivery = Delivery {
        id: 1,
        resident_id: 1,
        purpose: "council_tax_service".to_owned(),
        needs_consent: false,
        collection: false,
        account_id: None,
        reference: reference.to_owned(),
        content: Content::Message(message),
        attempts: 0,
        intent: 1,
        fence: 1,
        doubt_until_ms: None,
        unanswered_since_ms: None,
    };
    let standing = gate::Standing { resident: Some(Facts::default()), ..Default::default() };
    gate::clear(delivery, &standing, &Policy::default()).expect("nothing stands in the way")
}

fn about(reference: &str) -> Question {
    Question {
        reference: reference.to_owned(),
        content: None,
        platform_id: None,
        first_intent_ms: 0,
        intent_ms: 0,
        in_doubt: false,
    }
}

fn named(platform_id: &str) -> Question {
    Question { platform_id: Some(platform_id.to_owned()), ..about("") }
}

#[tokio::test]
async fn each_channel_is_sent_and_followed_to_its_end() {
    let bench = Bench::council().await;
    let notify = open(&bench, TEST_SECRET);
    for (reference, message, end, stands) in [
        ("r-1", email("pat@example.com"), "delivered", Standing::Delivered),
        (
            "r-2",
            message(Channel::Sms, "moved_home_sms", Some("07700 900123")),
            "delivered",
            Standing::Delivered,
        ),
        (
            "r-3",
            message(Channel::Letter, "moved_home_letter", None),
            "received",
            Standing::Delivered,
        ),
        ("r-4", email("perm-fail@simulator.notify"), "permanent-failure", Standing::Failed),
        ("r-5", email("temp-fail@simulator.notify"), "temporary-failure", Standing::MayResend),
    ] {
        let receipt = notify.send(&message, reference).await.expect("accepted");
        let status = notify.status(&named(&receipt.platform_id)).await.expect("a status").status;
        assert_eq!(status.stands, Standing::Pending, "{}", status.word);
        bench.later_ms(1_000);
        let status = notify.status(&named(&receipt.platform_id)).await.expect("a status").status;
        assert_eq!((status.word.as_str(), status.stands), (end, stands));
    }
    let ledger = bench.ledger().await;
    assert_eq!(ledger.len(), 5);
    assert_eq!(ledger[0]["reference"], "r-1");
    assert!(ledger[2]["recipient"].as_str().is_some_and(|to| to.ends_with("Bramble, SW1A 1AA")));
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_asking_finds_the_message() {
    let bench = Bench::council().await;
    let notify = open(&bench, LIVE_SECRET);
    let faults = json!({"next": [
        {"kind": "lost_answer"},
        {"kind": "lost_before"},
        {"kind": "status", "status": 503},
    ]});
    bench.arm(&faults).await;
    for (reference, happened) in [("lost-after", true), ("lost-before", false), ("broken", false)] {
        let sent = notify.send(&email("pat@example.com"), reference).await;
        assert!(matches!(sent, Err(ConnectorError::Unknown { .. })), "{reference}: {sent:?}");
        match notify.inquire(&about(reference)).await.expect("an answer") {
            Inquiry::Happened(receipt) => {
                assert!(happened, "{reference}");
                assert_eq!(bench.ledger().await[0]["id"], receipt.platform_id.as_str());
            }
            other => assert_eq!((other, happened), (Inquiry::NotFound, false), "{reference}"),
        }
    }
    // Another kind of key sees nothing: the question must be put with the key that sent.
    let other = open(&bench, TEST_SECRET).inquire(&about("lost-after")).await;
    assert_eq!(other, Ok(Inquiry::NotFound));
    assert_eq!(bench.ledger().await.len(), 1);
}

#[tokio::test]
async fn a_slow_answer_is_unknown_and_nobody_there_is_unavailable() {
    let bench = Bench::council().await;
    bench.arm(&json!({"next": [{"kind": "slow", "ms": 60_000}]})).await;
    let impatient = open_at(&bench.running.url, bench.now_s(), LIVE_SECRET, 100);
    let sent = impatient.send(&email("pat@example.com"), "slow").await;
    assert!(matches!(sent, Err(ConnectorError::Unknown { .. })), "{sent:?}");

    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = closed.local_addr().expect("an address");
    drop(closed);
    let alone = open_at(&format!("http://{address}"), bench.now_s(), LIVE_SECRET, 1_000);
    let sent = alone.send(&email("pat@example.com"), "r").await;
    assert!(
        matches!(sent, Err(ConnectorError::Unavailable { retry_after_ms: None, .. })),
        "{sent:?}"
    );
    assert!(matches!(alone.inquire(&about("r")).await, Err(ConnectorError::Unavailable { .. })));
}

#[tokio::test]
async fn refusals_are_told_apart_and_quote_nobody() {
    let bench = Bench::council().await;
    let notify = open(&bench, LIVE_SECRET);
    let mut incomplete = email("pat@example.com");
    incomplete.fields.remove(0);
    for (message, code) in [
        (email("pat.testberry at example.com"), "notify.invalid.email_address"),
        (message(Channel::Sms, "moved_home_sms", Some("077 PAT")), "notify.invalid.phone_number"),
        (
            message(Channel::Sms, "moved_home_sms", Some("020 7946 0000")),
            "notify.invalid.phone_number",
        ),
        (message(Channel::Sms, "moved_home", Some("07700900123")), "notify.refused"),
        (message(Channel::Email, "unheard_of", Some("pat@example.com")), "notify.no_template"),
        (message(Channel::Email, "moved_home", None), "notify.no_recipient"),
        (incomplete, "notify.refused"),
    ] {
        match notify.send(&message, "r").await {
            Err(ConnectorError::Refused { code: found, cause }) => {
                assert_eq!(found, code, "{cause}");
                let lower = cause.to_lowercase();
                assert!(!lower.contains("pat") && !lower.contains("077"), "{cause}");
            }
            other => panic!("{code}: {other:?}"),
        }
    }
    let gone = notify.status(&named("00000000-0000-4000-8000-000000000000")).await;
    assert!(
        matches!(gone, Err(ConnectorError::Refused { code, .. }) if code == "notify.not_found")
    );
}

#[tokio::test]
async fn a_wrong_clock_and_a_wrong_key_are_different_alarms() {
    let bench = Bench::council().await;
    for (now_s, secret, alarm) in [
        (bench.now_s() - 60, LIVE_SECRET, "notify.clock"),
        (bench.now_s(), SERVICE_ID, "notify.key"),
    ] {
        let notify = open_at(&bench.running.url, now_s, secret, 1_000);
        match notify.send(&email("pat@example.com"), "r").await {
            Err(ConnectorError::Unauthorised { code, .. }) => assert_eq!(code, alarm),
            other => panic!("{alarm}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn many_are_sent_with_an_outcome_each_and_in_order() {
    let bench = Bench::council().await;
    let notify = open(&bench, LIVE_SECRET);
    let mut deliveries: Vec<_> =
        (0..60).map(|number| cleared(&format!("r-{number}"), email("pat@example.com"))).collect();
    deliveries[7] = cleared("r-7", email("nobody"));
    let outcomes = notify.deliver(&deliveries).await;
    assert_eq!(outcomes.len(), 60);
    for (number, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Ok(receipt) => {
                let found = notify.inquire(&about(&format!("r-{number}"))).await;
                let Ok(Inquiry::Happened(found)) = found else { panic!("{found:?}") };
                assert_eq!(found.platform_id, receipt.platform_id);
            }
            Err(error) => {
                assert_eq!((number, matches!(error, ConnectorError::Refused { .. })), (7, true))
            }
        }
    }
    assert_eq!(bench.ledger().await.len(), 59);
}

#[tokio::test]
async fn when_the_day_is_used_up_the_rest_wait_for_midnight_untried() {
    let mut service = Service::council();
    service.rate_limit = 1_000_000;
    let bench = Bench::of(service).await;
    let notify = open(&bench, LIVE_SECRET);
    let mut used_up = json!({"kind": "status", "status": 429, "error": "TooManyRequestsError"});
    used_up["times"] = json!(9);
    bench.arm(&json!({"next": [used_up]})).await;
    let deliveries: Vec<_> =
        (0..40).map(|number| cleared(&format!("r-{number}"), email("pat@example.com"))).collect();
    let outcomes = notify.deliver(&deliveries).await;
    let noon_to_midnight_ms = 12 * 3_600_000;
    for outcome in outcomes {
        let told_ms = match outcome {
            Err(ConnectorError::Full { after_ms, .. }) => after_ms,
            other => panic!("{other:?}"),
        };
        assert_eq!(told_ms, noon_to_midnight_ms);
    }
    // Nine would be told so, and the tenth would be taken: it is not called.
    assert!(bench.ledger().await.is_empty());
}
