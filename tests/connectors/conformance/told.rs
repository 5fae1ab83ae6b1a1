//! Systems that are told, each behind the same front. A delivery happened, or did not, or nobody knows; what nobody
//! knows is asked, and an answer is never "it did not happen" where it did.

use std::any::Any;
use std::sync::Arc;

use serde_json::json;
use viaduct::app::context::surroundings;
use viaduct::connector::channel::{ConnectorError, Destination, Inquiry, Question};
use viaduct::connector::definition;
use viaduct::connector::kinds::KINDS;
use viaduct::definition::reader::File;
use viaduct::record::delivery::{Channel, Content, Delivery, Form, Message, Payment, Push};
use viaduct::record::facts::Facts;
use viaduct::sandbox::civica_pay::{CATALOGUE, CUSTOMER, CivicaPaySandbox, PASSWORD};
use viaduct::sandbox::govuk_notify::NotifySandbox;
use viaduct::sandbox::govuk_notify::council::{EMAIL_MOVED_HOME, SERVICE_ID, TEST_SECRET};
use viaduct::sandbox::govuk_notify::service::Service;
use viaduct::sandbox::govuk_pay::{COUNCIL_KEY, PaySandbox};
use viaduct::sandbox::receiver::Receiver;
use viaduct::sandbox::serving::Running;
use viaduct::sandbox::verint::seed;
use viaduct::suppression::gate::{self, Cleared};
use viaduct::suppression::policy::Policy;

use super::front::{Front, Manner};
use super::{CASES, Case};
use crate::connectors::soap;
use crate::connectors::verint::Crm;
use crate::sandbox::bench::client;

/// The kinds that are tried here.
pub const KINDS_TOLD: [&str; 7] =
    ["civica_pay", "govuk_notify", "govuk_pay", "http_push", "null", "soap_push", "verint"];

fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

/// A system that is told.
struct Told {
    front: Front,
    system: Arc<dyn Destination>,
    content: Content,
    /// What we do there is no effect: nothing has happened before a payer pays.
    by_payer: bool,
    _serving: Box<dyn Any + Send>,
}

fn push(form: Form, body: &str) -> Content {
    let (event, body) = ("resident.changed".to_owned(), body.to_owned());
    Content::Push(Push { event, key: 7, version: 3, composed_ms: now_ms(), form, body })
}

/// A system of that kind, with these settings; `URL` and `HOST` in them are the front's.
fn open(kind: &str, front: &Front, settings: &str) -> Arc<dyn Destination> {
    let settings = settings.replace("URL", &front.running.url).replace("HOST", front.host());
    let text = format!("kind = \"{kind}\"\nsystem = \"told\"\n[settings]\n{settings}");
    let file = File::parse("connectors/told.toml", text);
    let connector = definition::read(&file, "told", KINDS).expect("a connector");
    assert!(!file.has_errors(), "{:?}", file.into_diagnostics());
    let secrets = [
        ("NOTIFY", format!("the-hub-{SERVICE_ID}-{TEST_SECRET}")),
        ("PAY", COUNCIL_KEY.to_owned()),
        ("CIVICA", PASSWORD.to_owned()),
        ("CRM", viaduct::sandbox::verint::PASSWORD.to_owned()),
    ];
    let secrets = secrets.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
    let around = surroundings(secrets);
    connector.settings.destination(&around).expect("it is told").expect("it opens")
}

impl Told {
    async fn of(kind: &str) -> Option<Told> {
        let payment = Content::Payment(Payment {
            amount_pence: 14_500,
            reference: "9900000001".to_owned(),
            description: "Council Tax arrears".to_owned(),
            link: "https://pay.example.com/pay/x".to_owned(),
            account_id: None,
        });
        let of = async |running: Running, settings: &str, content: Content| {
            let front = Front::before(&running.url).await;
            let system = open(kind, &front, settings);
            let by_payer = kind == "civica_pay";
            Told { front, system, content, by_payer, _serving: Box::new(running) }
        };
        Some(match kind {
            "govuk_notify" => {
                let sandbox = NotifySandbox::new(vec![Service::council()], Arc::new(now_ms));
                let settings = format!(
                    "base_url = \"URL\"\napi_key = \"secret:NOTIFY\"\ntest_ranges = \"allow\"\n\
                     timeout_ms = 3_000\n[settings.templates]\nmoved_home = \"{EMAIL_MOVED_HOME}\"\n"
                );
                let fields =
                    [("first_name", "Pat"), ("account", "7000000042"), ("postcode", "SW1A 1AA")];
                let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
                let message = Content::Message(Message {
                    channel: Channel::Email,
                    template: "moved_home".to_owned(),
                    to: Some("pat@example.com".to_owned()),
                    fields: fields.to_vec(),
                });
                of(sandbox.serve(0).await.unwrap(), &settings, message).await
            }
            "govuk_pay" => {
                let sandbox = PaySandbox::council(Arc::new(now_ms), None);
                let settings = "base_url = \"URL\"\napi_key = \"secret:PAY\"\ntimeout_ms = 3_000\n\
                                links = \"https://pay.example.com\"\n";
                let running = sandbox.serve(0).await.unwrap();
                // Its search knows of nothing for a second; the engine waits that long before it asks.
                let behaviour = format!("{}/sandbox/behaviour", running.url);
                let at_once =
                    client().put(behaviour).json(&json!({ "search_lag_ms": 0 })).send().await;
                assert!(at_once.unwrap().status().is_success());
                of(running, settings, payment).await
            }
            "civica_pay" => {
                let sandbox = CivicaPaySandbox::new();
                let settings = format!(
                    "base_url = \"URL\"\nquery_url = \"URL/QueryAuthRequests/Service1.asmx\"\n\
                     allow = [\"HOST\"]\ncustomer_id = \"{CUSTOMER}\"\napi_password = \"secret:CIVICA\"\n\
                     catalogue_id = \"{CATALOGUE}\"\nlinks = \"https://pay.example.com\"\n\
                     calls_per_second = 1_000\ntimeout_ms = 3_000\n"
                );
                of(sandbox.serve(0).await.unwrap(), &settings, payment).await
            }
            "http_push" => {
                let receiver = Receiver::new(Arc::new(now_ms));
                let settings = "url = \"URL/asked\"\nallow = [\"HOST\"]\nidempotency = \"ask\"\n\
                                status_url = \"URL/asked/{reference}\"\ntimeout_ms = 3_000\n";
                let running = receiver.serve(0).await.unwrap();
                of(running, settings, push(Form::Json, "{\"name\":\"Testberry\"}")).await
            }
            "soap_push" => {
                let (told, host) = soap::receiver().await;
                let front = Front::before(&format!("http://{host}")).await;
                let system = soap::open(front.host());
                let body =
                    "<m:Put xmlns:m=\"urn:m\"><Id>REFERENCE</Id><Name>Testberry</Name></m:Put>";
                let content = push(Form::Xml, body);
                Told { front, system, content, by_payer: false, _serving: Box::new(told) }
            }
            "verint" => {
                let crm = Crm::open().await;
                let front = Front::before(&crm.running.url).await;
                let settings = format!(
                    "url = \"URL/lagan/services/FL\"\nlogin_url = \"URL/lagan/services/FLAuth\"\n\
                     allow = [\"HOST\"]\nuser = \"{}\"\npassword = \"secret:CRM\"\n\
                     requests_per_second = 10_000\ntimeout_ms = 3_000\n",
                    viaduct::sandbox::verint::USER
                );
                let system = open(kind, &front, &settings);
                let note = json!({ "do": "case.note", "case": seed::CASE_ARDEN, "text": "Paid." });
                let content = push(Form::Json, &note.to_string());
                Told { front, system, content, by_payer: false, _serving: Box::new(crm) }
            }
            // It tells nobody, so nobody can misbehave.
            "null" => return None,
            other => panic!("there is no system for {other}"),
        })
    }

    /// What is sent under a reference.
    fn content_of(&self, reference: &str) -> Content {
        match &self.content {
            Content::Push(push) => {
                let body = push.body.replace("REFERENCE", reference);
                Content::Push(Push { body, ..push.clone() })
            }
            other => other.clone(),
        }
    }

    async fn tell(&self, reference: &str) -> Result<String, ConnectorError> {
        let delivery = Delivery {
            id: 1,
            resident_id: 7,
            purpose: "council_tax_service".to_owned(),
            needs_consent: false,
            collection: false,
            account_id: None,
            reference: reference.to_owned(),
            content: self.content_of(reference),
            attempts: 0,
            intent: 1,
            fence: 1,
            doubt_until_ms: None,
            unanswered_since_ms: None,
        };
        let standing = gate::Standing { resident: Some(Facts::default()), ..Default::default() };
        let cleared: Cleared<Delivery> =
            gate::clear(delivery, &standing, &Policy::default()).expect("nothing is in the way");
        let mut told = self.system.deliver(&[cleared]).await;
        assert_eq!(told.len(), 1, "one outcome for each");
        told.remove(0).map(|receipt| receipt.platform_id)
    }

    async fn asked(&self, reference: &str) -> Result<Inquiry, ConnectorError> {
        let question = Question {
            reference: reference.to_owned(),
            content: Some(self.content_of(reference)),
            platform_id: None,
            first_intent_ms: now_ms() - 60_000,
            intent_ms: now_ms() - 60_000,
            in_doubt: false,
        };
        self.system.inquire(&question).await
    }

    /// It was passed on, so it happened: whoever can say, says so.
    async fn happened(&self, reference: &str, id: Option<&str>, case: Case) {
        match self.asked(reference).await {
            Ok(Inquiry::Happened(receipt)) => {
                // Where an answer to the question says no name of theirs, it is ours.
                let found = receipt.platform_id;
                assert!(id.is_none_or(|id| id == found || found == reference), "{case:?}: {found}");
            }
            Ok(Inquiry::CannotTell) => {}
            Ok(Inquiry::NotFound) if self.by_payer => {}
            other => panic!("{case:?}: it happened, and is said to be {other:?}"),
        }
    }

    /// It did not happen, as was said: where it can be asked, it says so too.
    async fn nothing(&self, reference: &str) -> Result<(), &'static str> {
        let asked = self.asked(reference).await;
        assert!(matches!(asked, Ok(Inquiry::NotFound | Inquiry::CannotTell)), "{asked:?}");
        Ok(())
    }

    async fn conforms(&self, case: Case) -> Result<(), &'static str> {
        let reference = format!("a1b2-{}", case as u32);
        let manner = match case {
            Case::OutOfOrder => return Err("what it is told is put in order before it is told"),
            Case::Duplicate => Manner::Honest,
            Case::Half => Manner::Half,
            Case::Refused => Manner::Says(401, "<html>Who are you?</html>"),
            Case::TooMany => Manner::Says(429, "<html>Not so fast</html>"),
            Case::Silent => Manner::Swallows,
            Case::Oversized => Manner::Endless,
            Case::WrongEncoding => Manner::Torn,
            Case::ClockSkew => Manner::Skewed,
            Case::Drift => Manner::Says(200, "<html><body>We have a new look!</body></html>"),
        };
        self.front.behave(manner);
        let told = self.tell(&reference).await;
        self.front.behave(Manner::Honest);
        match case {
            Case::Duplicate | Case::ClockSkew => {
                let id = told.unwrap_or_else(|error| panic!("{case:?}: {error}"));
                self.happened(&reference, Some(&id), case).await;
                self.happened(&reference, Some(&id), case).await;
            }
            Case::Half | Case::Silent | Case::WrongEncoding => {
                match told {
                    Ok(id) => {
                        assert!(case == Case::WrongEncoding && !id.contains('\u{fffd}'), "{id}")
                    }
                    Err(ConnectorError::Unknown { .. }) => {}
                    // It broke off before anything was told: in a question that comes first.
                    Err(ConnectorError::Unavailable { .. } | ConnectorError::Malformed(_)) => {
                        return self.nothing(&reference).await;
                    }
                    Err(error) => panic!("{case:?}: {error}"),
                }
                self.happened(&reference, None, case).await;
            }
            // Nobody knows who answered, and whether anything was done.
            Case::Oversized | Case::Drift => match told {
                Err(ConnectorError::Unknown { .. }) => {}
                Err(ConnectorError::Unavailable { .. } | ConnectorError::Malformed(_)) => {
                    return self.nothing(&reference).await;
                }
                other => panic!("{case:?}: {other:?}"),
            },
            Case::Refused => {
                let halts = matches!(told, Err(ConnectorError::Unauthorised { .. }));
                assert!(halts, "{case:?}: {told:?}");
            }
            Case::TooMany => {
                let again = Some(7_000);
                let waits = matches!(&told, Err(ConnectorError::Unavailable { retry_after_ms, .. })
                    if *retry_after_ms == again);
                assert!(waits, "{case:?}: {told:?}");
            }
            Case::OutOfOrder => {}
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_system_does_an_effect_is_known_or_asked_about() {
    for kind in KINDS_TOLD {
        let Some(told) = Told::of(kind).await else { continue };
        for case in CASES {
            println!("{kind} {case:?}");
            if let Err(why) = told.conforms(case).await {
                println!("{kind} {case:?}: {why}");
            }
        }
    }
}
