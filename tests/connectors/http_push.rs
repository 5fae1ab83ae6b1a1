//! A system that is told by HTTP: where it may be, what it is sent, and what is made of a connection that
//! breaks. What becomes of the deliveries is asked in `jobs/push.rs`.

use std::net::IpAddr;
use std::process::Command;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use viaduct::connector::channel::{ConnectorError, Destination, Receipt, Standing};
use viaduct::connector::definition::Surroundings;
use viaduct::connector::null::Null;
use viaduct::connector::sending;
use viaduct::definition::reader::File;
use viaduct::record::delivery::{Content, Delivery, Form, Push};
use viaduct::record::facts::Facts;
use viaduct::sandbox::receiver::Receiver;
use viaduct::sandbox::serving::Running;
use viaduct::suppression::gate::{self, Cleared};
use viaduct::suppression::policy::Policy;

use crate::jobs::push_hub::{around, open};
use crate::sandbox::bench::client;

pub fn push(reference: &str, form: Form, body: &str) -> Cleared<Delivery> {
    let push = Push {
        event: "resident.changed".to_owned(),
        key: 7,
        version: 3,
        composed_ms: 0,
        form,
        body: body.to_owned(),
    };
    let delivery = Delivery {
        id: 1,
        resident_id: 7,
        purpose: "council_tax_service".to_owned(),
        needs_consent: false,
        collection: false,
        account_id: None,
        reference: reference.to_owned(),
        content: Content::Push(push),
        attempts: 0,
        intent: 1,
        fence: 1,
        doubt_until_ms: None,
        unanswered_since_ms: None,
    };
    let standing = gate::Standing { resident: Some(Facts::default()), ..Default::default() };
    gate::clear(delivery, &standing, &Policy::default()).expect("nothing stands in the way")
}

fn json_push(reference: &str) -> Cleared<Delivery> {
    push(reference, Form::Json, "{\"name\":\"Testberry\"}")
}

/// More than are usually sent at once are sent to whoever is fast: one who was, and is no more, gets the rest later.
#[tokio::test]
async fn beyond_the_usual_number_nobody_waits_for_one_who_has_become_slow() {
    for (slow_ms, made) in [(0, sending::USUAL + 9), (2_100, sending::USUAL)] {
        let all: Vec<_> = (0..sending::USUAL + 9).map(|n| json_push(&format!("r-{n}"))).collect();
        let begun = AtomicUsize::new(0);
        let sent = sending::each(&all, sending::USUAL, |_| async {
            begun.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(slow_ms)).await;
            Err::<Receipt, _>(ConnectorError::Refused {
                code: "x".to_owned(),
                cause: String::new(),
            })
        });
        let untried = |told: &&Result<_, _>| matches!(told, Err(ConnectorError::Untried { .. }));
        assert_eq!(sent.await.iter().filter(untried).count(), all.len() - made, "{slow_ms}");
        assert_eq!(begun.into_inner(), made, "{slow_ms}");
    }
}

async fn told(
    system: &dyn Destination,
    push: Cleared<Delivery>,
) -> Result<Receipt, ConnectorError> {
    system.deliver(&[push]).await.remove(0)
}

fn now() -> Arc<AtomicI64> {
    Arc::new(AtomicI64::new(chrono::Utc::now().timestamp_millis()))
}

async fn receiver() -> Running {
    let receiver = Receiver::new(Arc::new(|| chrono::Utc::now().timestamp_millis()));
    receiver.serve(0).await.expect("a free port")
}

async fn ledger(running: &Running) -> Vec<Value> {
    let answer = client().get(format!("{}/sandbox/ledger", running.url)).send().await;
    let text = answer.expect("an answer").text().await.expect("a body");
    let said: Value = serde_json::from_str(&text).expect("JSON");
    said["done"].as_array().expect("a list").clone()
}

fn system(settings: &str, url: &str, around: Surroundings) -> Arc<dyn Destination> {
    open(settings, url, around).expect("a system").0
}

#[tokio::test]
async fn a_push_goes_byte_for_byte_with_our_login_under_our_reference() {
    let running = receiver().await;
    for (auth, form, body, header) in [
        ("bearer = \"secret:A\"", Form::Json, "{\"name\": \"Testberry\"}", "Bearer whsec_"),
        (
            "user = \"hub\", password = \"secret:A\"",
            Form::Xml,
            "<a>\n £ é </a>",
            "Basic aHViOndoc2VjX01mS1E5cjhHS1lxclR3alVQRDhJTFBaSW8yTGFMYVN3",
        ),
    ] {
        let settings = format!(
            "url = \"{}/keyed\"\nidempotency = \"key\"\nreceipt = \"/id\"\nauth = {{ {auth} }}\n\
             method = \"PUT\"\n",
            running.url
        );
        let system = system(&settings, &running.url, around(now()));
        let reference = format!("a1b2-{}", header.len());
        let receipt = told(&*system, push(&reference, form, body)).await.expect("it is taken");
        let entry = ledger(&running).await.pop().expect("it is there");
        assert_eq!(receipt.platform_id, ledger(&running).await.len().to_string());
        assert_eq!(receipt.status.stands, Standing::Delivered);
        assert_eq!((&entry["body"], &entry["key"]), (&json!(body), &json!(reference)));
        let sent = (&entry["method"], &entry["content_type"]);
        assert_eq!(sent, (&json!("PUT"), &json!(form.content_type())));
        let authorization = entry["authorization"].as_str().expect("a login");
        assert!(authorization.starts_with(header), "{authorization}");
        // Without a secret nothing is signed.
        assert_eq!((&entry["id"], &entry["signature"]), (&json!(reference), &Value::Null));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_is_accepted_by_the_standards_own_verifier() {
    let root = env!("CARGO_MANIFEST_DIR");
    let made = Command::new("sh").arg(format!("{root}/scripts/python.sh")).status();
    assert!(made.expect("a shell").success(), "scripts/python.sh could not make .venv");
    let secrets =
        ["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"];
    let running = receiver().await;
    let settings = format!(
        "url = \"{}/plain\"\nidempotency = \"none\"\nsigning_secret = \"secret:NEW\"\n\
         signing_secret_old = \"secret:OLD\"\n",
        running.url
    );
    let own = Surroundings {
        variable: Arc::new(move |name| Some(secrets[usize::from(name == "OLD")].to_owned())),
        ..around(now())
    };
    let system = system(&settings, &running.url, own);
    told(&*system, json_push("r-1")).await.expect("it is taken");
    told(&*system, push("r-2", Form::Xml, "<a> £ \u{1f600}</a>\n")).await.expect("it is taken");
    let said = ledger(&running).await;
    let ran = tokio::task::spawn_blocking(move || {
        Command::new(format!("{root}/.venv/bin/python"))
            .arg(format!("{root}/tests/connectors/verify_webhooks.py"))
            .arg(serde_json::to_string(&said).expect("JSON"))
            .args(secrets)
            .output()
    });
    let ran = ran.await.expect("the thread ends").expect("python runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(String::from_utf8_lossy(&ran.stdout).trim(), "4 verified, 6 refused");
}

/// Accepts connections one after another, and does with each what comes next: reads the request and
/// writes this, and closes; or nothing at all, and keeps it open.
async fn raw(answers: Vec<Option<&'static [u8]>>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    tokio::spawn(async move {
        let mut kept = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            seen.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            match answer {
                Some(bytes) => {
                    let _ = stream.write_all(bytes).await;
                    let _ = stream.shutdown().await;
                }
                None => kept.push(stream),
            }
        }
        std::future::pending::<()>().await;
    });
    (url, count)
}

#[tokio::test]
async fn f23_a_connection_that_breaks_is_an_unknown_outcome() {
    let answers: [(Option<&[u8]>, &str); 7] = [
        (None, "half open: it never answers"),
        (Some(b""), "it closes at once"),
        (Some(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n"), "it closes after the headers"),
        (Some(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{\"id\":"), "it breaks off in the body"),
        (Some(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\"\r\n"), "no last chunk"),
        (Some(b"\x00\xff\xfe garbage \r\n\r\n"), "it speaks no HTTP"),
        (Some(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"), "cut gzip"),
    ];
    let (url, count) = raw(answers.iter().map(|(answer, _)| *answer).collect()).await;
    let settings = format!("url = \"{url}/\"\nidempotency = \"none\"\ntimeout_ms = 300\n");
    let system = system(&settings, &url, around(now()));
    for (number, (_, what)) in answers.iter().enumerate() {
        let result = told(&*system, json_push("r-1")).await;
        assert!(matches!(result, Err(ConnectorError::Unknown { .. })), "{what}: {result:?}");
        // It is never tried again by the way.
        assert_eq!(count.load(Ordering::SeqCst), number + 1, "{what}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_not_read_and_nobody_there_is_nothing_sent() {
    let long: &'static [u8] = Box::leak(
        format!("HTTP/1.1 200 OK\r\n\r\n\"{}\"", "x".repeat(200_000))
            .into_bytes()
            .into_boxed_slice(),
    );
    let (url, _) = raw(vec![Some(long)]).await;
    let settings = format!("url = \"{url}/\"\nidempotency = \"none\"\n");
    let result = told(&*system(&settings, &url, around(now())), json_push("r-1")).await;
    assert!(matches!(result, Err(ConnectorError::Unknown { .. })), "{result:?}");

    let free = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let url = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    let settings = format!("url = \"{url}/\"\nidempotency = \"none\"\n");
    let result = told(&*system(&settings, &url, around(now())), json_push("r-1")).await;
    assert!(matches!(result, Err(ConnectorError::Unavailable { .. })), "{result:?}");
}

#[tokio::test]
async fn b50_every_number_of_a_name_is_judged_and_those_are_connected_to() {
    let running = receiver().await;
    let port: u16 = running.url.rsplit(':').next().expect("a port").parse().expect("a number");
    let settings = format!(
        "url = \"http://orders.internal:{port}/keyed\"\nidempotency = \"key\"\n\
         allow = [\"orders.internal:{port}\", \"127.0.0.1:{port}\"]\n"
    );
    let answers = |numbers: &'static [&'static [&'static str]]| {
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let names = Arc::clone(&asked);
        let own = Surroundings {
            lookup: Arc::new(move |name| {
                let mut names = names.lock().expect("the lock");
                let now = numbers[names.len().min(numbers.len() - 1)];
                names.push(name);
                let found: Vec<IpAddr> =
                    now.iter().map(|number| number.parse().expect("a number")).collect();
                Box::pin(async move { Ok(found) })
            }),
            ..around(now())
        };
        (own, asked)
    };
    let (own, asked) = answers(&[&["127.0.0.1"], &["169.254.169.254"]]);
    told(&*system(&settings, &running.url, own), json_push("r-1")).await.expect("it is taken");
    assert_eq!(*asked.lock().expect("the lock"), ["orders.internal"], "it is looked up once");
    for numbers in [
        &[&["169.254.169.254"][..]][..],
        &[&["127.0.0.1", "169.254.169.254"][..]][..],
        &[&["10.0.0.9", "127.0.0.1", "::"][..]][..],
    ] {
        let (own, _) = answers(Box::leak(numbers.to_vec().into_boxed_slice()));
        let refused = told(&*system(&settings, &running.url, own), json_push("r-2")).await;
        let Err(ConnectorError::Unauthorised { code, cause }) = &refused else {
            panic!("{refused:?}")
        };
        assert_eq!(*code, "url.address", "{cause}");
    }
    // A name that is allowed does not lead to this machine unless that is allowed too.
    let without = settings.replace(&format!(", \"127.0.0.1:{port}\""), "");
    let without = system(&without, &running.url, answers(&[&["127.0.0.1"]]).0);
    let refused = told(&*without, json_push("r-2")).await;
    assert!(matches!(refused, Err(ConnectorError::Unauthorised { code: "url.address", .. })));
    assert_eq!(ledger(&running).await.len(), 1);
}

#[tokio::test]
async fn b49_b53_an_address_is_judged_when_it_is_opened() {
    for (url, allow, code) in [
        ("https://127.0.0.1/", "allow = []\n", "url.address"),
        ("https://2130706433/", "allow = []\n", "url.address"),
        ("https://[::ffff:169.254.169.254]/", "allow = []\n", "url.address"),
        ("http://orders.example.com/", "allow = []\n", "url.scheme"),
        ("https://user:pass@example.com/", "allow = []\n", "url.form"),
        ("http://127.0.0.1:8480/", "allow = [\"127.0.0.1:8480\"]\n", "url.self"),
    ] {
        // As the environment has it: nobody saw it when the definitions were checked.
        let own = Surroundings {
            variable: Arc::new(move |_| Some(url.to_owned())),
            listening: vec![([127, 0, 0, 1], 8480).into()],
            ..around(now())
        };
        let settings = format!("url = \"${{ORDERS_URL}}\"\nidempotency = \"none\"\n{allow}");
        let refused = open(&settings, "http://127.0.0.1:1", own).err();
        let Some(ConnectorError::Unauthorised { code: found, .. }) = refused else {
            panic!("{url}: {refused:?}")
        };
        assert_eq!(found, code, "{url}");
    }
}

/// A redirect is not followed, wherever it leads; only its host is told. And an address of another kind is none.
#[tokio::test]
async fn b51_a_redirect_is_not_followed_and_only_its_host_is_told() {
    for (to, host) in [
        ("http://169.254.169.254/latest?token=zqsecret", "169.254.169.254"),
        ("https://other.example.com/zqsecret", "other.example.com"),
        ("file:///etc/passwd", "nowhere"),
        ("//[fd00:ec2::254]/", "[fd00:ec2::254]"),
    ] {
        let answer = format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
        let answer: &'static [u8] = Box::leak(answer.into_bytes().into_boxed_slice());
        let (url, called) = raw(vec![Some(answer), None]).await;
        let settings = format!("url = \"{url}/\"\nidempotency = \"key\"\n");
        let result = told(&*system(&settings, &url, around(now())), json_push("r-1")).await;
        let Err(ConnectorError::Unauthorised { code, cause }) = &result else {
            panic!("{to}: {result:?}")
        };
        assert_eq!(*code, "push.redirected", "{to}");
        assert!(cause.contains(host) && !cause.contains("zqsecret"), "{to}: {cause}");
        assert_eq!(called.load(Ordering::SeqCst), 1, "{to}: nobody else is called");
    }
}

#[tokio::test]
async fn b52_an_address_of_another_kind_is_none() {
    for (url, code) in [
        ("file:///etc/passwd", "url.scheme"),
        ("gopher://orders.example.com/", "url.scheme"),
        ("ftp://orders.example.com/", "url.scheme"),
        ("unix:/run/orders", "url.scheme"),
        ("jar:https://orders.example.com/!/", "url.scheme"),
        ("https://orders.example.com/a\r\nHost: x", "url.form"),
        ("https://orders.example.com@169.254.169.254/", "url.form"),
    ] {
        let own =
            Surroundings { variable: Arc::new(move |_| Some(url.to_owned())), ..around(now()) };
        let settings = "url = \"${ORDERS_URL}\"\nidempotency = \"none\"\nallow = []\n";
        let refused = open(settings, "http://127.0.0.1:1", own).err();
        let Some(ConnectorError::Unauthorised { code: found, cause }) = refused else {
            panic!("{url}: {refused:?}")
        };
        assert_eq!(found, code, "{url}: {cause}");
    }
}

#[tokio::test]
async fn what_is_no_body_of_its_form_is_not_sent() {
    let running = receiver().await;
    let settings = format!("url = \"{}/plain\"\nidempotency = \"none\"\n", running.url);
    let system = system(&settings, &running.url, around(now()));
    for (form, body) in [(Form::Json, "{\"name\": \"\"Testberry\"\"}"), (Form::Xml, "<a>Testberry")]
    {
        let refused = told(&*system, push("r-1", form, body)).await;
        let Err(ConnectorError::Refused { code, cause }) = refused else { panic!("{refused:?}") };
        assert_eq!(code, "push.body");
        assert!(!cause.contains("Testberry"), "{cause}");
    }
    assert!(ledger(&running).await.is_empty());
}

#[tokio::test]
async fn a_rehearsal_tells_nobody_and_fails_the_same_ones_each_time() {
    let null = |text: &str| {
        let file = File::parse("connectors/null.toml", format!("[settings]\n{text}"));
        let table = file.root().table("settings").expect("the table is there");
        let null = Null::read(&table);
        table.finish();
        assert!(!file.has_errors(), "{text}");
        null
    };
    let all: Vec<Cleared<Delivery>> = (0..500).map(|one| json_push(&format!("r-{one}"))).collect();
    let taken = null("takes_ms = 1").deliver(&all).await;
    assert_eq!(taken.len(), 500);
    for receipt in taken {
        let status = receipt.expect("it takes everything").status;
        assert_eq!((status.word.as_str(), status.stands), ("rehearsed", Standing::Delivered));
    }
    let failing = null("fail_percent = 20\nseed = 7");
    let failed = |results: Vec<Result<Receipt, ConnectorError>>| -> Vec<usize> {
        let numbered = results.into_iter().enumerate();
        numbered.filter(|(_, result)| result.is_err()).map(|(number, _)| number).collect()
    };
    let first = failed(failing.deliver(&all).await);
    assert!((60..140).contains(&first.len()), "{}", first.len());
    assert_eq!(first, failed(failing.deliver(&all).await));
    assert_ne!(first, failed(null("fail_percent = 20\nseed = 8").deliver(&all).await));
}
