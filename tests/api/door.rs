//! Who is let in: no web page, nobody without a key once there are keys, and nobody too often.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use viaduct::access::scope::Scope;
use viaduct::web::api::service::{CALLS, FAILURES};

use super::{DAY_MS, Served, seen};
use crate::support::hub::{On, on_both};

on_both! {
    without_keys_this_machine_is_answered_and_with_one_nobody_without => super::keyless,
    a_key_that_is_over_revoked_changed_or_elsewhere_opens_nothing => super::shut,
    another_host_or_another_page_is_refused => super::not_ours,
    what_is_not_asked_as_it_must_be_is_refused_by_its_status => super::refused,
    whoever_calls_too_often_is_told_when_to_come_back => super::too_often,
}

async fn keyless(on: On) {
    let served = Served::open(on).await;
    assert_eq!(served.get("/jobs", "").await.status, 200);
    // Through something in front of us it is not this machine that calls.
    for name in ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"] {
        let seen = seen(served.request("GET", "/jobs", "").header(name, "192.0.2.1")).await;
        assert_eq!(seen.status, 401, "{name}");
    }
    // By the name of what stands in front.
    let behind = Served::behind(on, &["hub.example.gov.uk"]).await;
    // What stands there need not say that somebody asks through it.
    for host in ["hub.example.gov.uk", behind.url.trim_start_matches("http://")] {
        let seen = seen(behind.request("GET", "/jobs", "").header("Host", host)).await;
        assert_eq!(
            (seen.status, seen.detail().contains("--host")),
            (401, true),
            "{host}: {seen:?}"
        );
    }
    let key = behind.key("crm", &[Scope::Read]).await;
    let named = behind.request("GET", "/jobs", &key).header("Host", "hub.example.gov.uk");
    assert_eq!(seen(named).await.status, 200);
    let key = served.key("crm", &[Scope::Read]).await;
    let without = served.get("/jobs", "").await;
    assert_eq!(without.status, 401);
    assert_eq!(without.header("www-authenticate"), "Bearer");
    assert!(without.detail().contains("Authorization: Bearer"), "{without:?}");
    assert_eq!(served.get("/jobs", &key).await.status, 200);
    // That the last key is over does not open the door to everybody.
    served.later(31 * DAY_MS);
    assert_eq!(served.get("/jobs", "").await.status, 401);
}

async fn shut(on: On) {
    let served = Served::open(on).await;
    let key = served.key("crm", &[Scope::Read]).await;
    let elsewhere = served.key_from("far", &[Scope::Read], &["10.1.0.0/16"]).await;
    let here = served.key_from("near", &[Scope::Read], &["10.1.0.0/16", "127.0.0.0/8"]).await;
    assert_eq!(served.get("/jobs", &here).await.status, 200);
    let far = served.get("/jobs", &elsewhere).await;
    assert_eq!((far.status, far.detail().contains("network")), (403, true), "{far:?}");
    let mut slip = key.clone().into_bytes();
    slip[20] = if slip[20] == b'A' { b'B' } else { b'A' };
    let slip = served.get("/jobs", std::str::from_utf8(&slip).unwrap()).await;
    assert_eq!((slip.status, slip.detail().contains("a character")), (401, true), "{slip:?}");
    let made_up = viaduct::access::key::Key::make("test", 7, &[7; 32]);
    let id = viaduct::access::key::Key::read(&key).unwrap().id();
    let guessed = viaduct::access::key::Key::make("test", id, &[7; 32]);
    for other in [made_up, guessed] {
        let seen = served.get("/jobs", other.expose()).await;
        assert_eq!((seen.status, seen.detail().contains("not known")), (401, true), "{seen:?}");
    }
    let basic = served.request("GET", "/jobs", "").header("Authorization", format!("Basic {key}"));
    assert_eq!(seen(basic).await.status, 401);
    let me = viaduct::access::actor::Actor::user("kim");
    viaduct::app::keys::revoke(served.database(), "crm", &me, 1).await.unwrap();
    let revoked = served.get("/jobs", &key).await;
    assert_eq!((revoked.status, revoked.detail().contains("revoked")), (401, true), "{revoked:?}");
    served.later(29 * DAY_MS);
    assert_eq!(served.get("/jobs", &here).await.status, 200);
    served.later(DAY_MS);
    let over = served.get("/jobs", &here).await;
    assert_eq!((over.status, over.detail().contains("over")), (401, true), "{over:?}");
    // Nothing that was shown is repeated.
    for seen in [&far, &slip, &revoked, &over] {
        assert!(!seen.json.to_string().contains("hub_test_"), "{seen:?}");
    }
}

async fn not_ours(on: On) {
    let served = Served::open(on).await;
    let port = served.url.rsplit(':').next().unwrap().to_owned();
    let with = async |name: &str, value: &str| {
        let request = served.request("POST", "/bulk/1/pause", "").header(name, value);
        seen(request.json(&json!({}))).await.status
    };
    // By a name that somebody makes lead here.
    for host in ["evil.example", &format!("evil.example:{port}"), "127.0.0.1", ""] {
        assert_eq!(with("Host", host).await, 403, "{host}");
    }
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
        assert_eq!(
            with("Host", &host).await,
            404,
            "{host}: it is let in, and there is no such bulk"
        );
    }
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1", "file://"] {
        assert_eq!(with("Origin", origin).await, 403, "{origin}");
    }
    assert_eq!(with("Origin", &served.url).await, 404);
    for (site, status) in [("cross-site", 403), ("same-site", 403), ("none", 404)] {
        assert_eq!(with("Sec-Fetch-Site", site).await, status, "{site}");
    }
    // What a form of a page can send without asking.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let request =
            served.request("POST", "/deliveries/release", "").header("Content-Type", kind);
        let body = r#"{"code": "notify", "reason": "x"}"#;
        assert_eq!(seen(request.body(body)).await.status, 415, "{kind}");
    }
    assert_eq!(served.audit().await, [], "nothing was changed");
    let key = served.key("crm", &[Scope::Read]).await;
    let request = served.request("GET", "/jobs", &key).header("Origin", "https://evil.example");
    assert_eq!(seen(request).await.status, 403, "a key does not make a page ours");
}

async fn refused(on: On) {
    let served = Served::open(on).await;
    let json = "application/json";
    let body = |path: &str, body: Vec<u8>| {
        served.request("POST", path, "").header("Content-Type", json).body(body)
    };
    for (status, word, request) in [
        (404, "docs/api.md", served.request("GET", "/nothing", "")),
        (404, "docs/api.md", served.request("GET", "/batches/1/nothing", "")),
        (404, "there is no batch 1", served.request("GET", "/batches/1", "")),
        (404, "not a number", served.request("GET", "/batches/one", "")),
        (404, "not a number", served.request("GET", "/batches/%FF%00", "")),
        (404, "there is no job", body("/jobs/nothing/run", vec![])),
        (404, "there is no bulk action 7", body("/bulk/7/resume", b"{}".to_vec())),
        (405, "GET", body("/batches", b"{}".to_vec())),
        (405, "POST", served.request("GET", "/replay", "")),
        (405, "GET", served.request("DELETE", "/batches/1", "")),
        (400, "line 1", body("/replay", b"{".to_vec())),
        (400, "one JSON object", body("/replay", b"[1]".to_vec())),
        (413, "one megabyte", body("/replay", vec![b' '; (1 << 20) + 1])),
        (415, "application/json", served.request("POST", "/replay", "").body("{}")),
        (422, "unknown parameter `mots`", served.request("GET", "/batches?mots=1", "")),
        (422, "from 1 to 10000", served.request("GET", "/batches?most=0", "")),
        (422, "`most`", served.request("GET", "/batches?most=-1", "")),
        (422, "`show`", served.request("GET", "/jobs?show=true", "")),
        (422, "no such state", served.request("GET", "/deliveries?state=gone", "")),
        (422, "unknown field `cod`", body("/replay", br#"{"cod": "x"}"#.to_vec())),
        (422, "`ids[0]`", body("/replay", br#"{"ids": ["Testberry"]}"#.to_vec())),
        (
            422,
            "everything_of",
            body("/replay", br#"{"everything_of":"ingest-crm","ids":[1]}"#.into()),
        ),
        (422, "which deliveries", body("/deliveries/release", br#"{"reason": "x"}"#.to_vec())),
        (422, "reason", body("/deliveries/release", br#"{"code": "notify"}"#.to_vec())),
        (422, "missing field `reason`", body("/batches/1/accept", b"{}".to_vec())),
        (422, "unknown field `batch`", body("/batches/1/accept", br#"{"batch": 2}"#.to_vec())),
        (422, "one of both", body("/deliveries/1/decide", br#"{"reason": "x"}"#.to_vec())),
        (422, "Reason", served.request("GET", "/residents/1?show=true", "")),
    ] {
        let what = format!("{request:?}");
        let seen = seen(request).await;
        assert_eq!(seen.status, status, "{what}: {seen:?}");
        assert_eq!(seen.json["status"], json!(status));
        assert!(seen.detail().contains(word), "{what}: {seen:?}");
        assert!(!seen.detail().contains("Testberry"), "{seen:?}");
        assert_eq!(seen.header("content-type"), "application/problem+json");
        assert_eq!(seen.header("cache-control"), "no-store");
        assert_eq!(seen.json["request"], json!(seen.header("x-request-id")));
        assert!(seen.json["type"].as_str().unwrap().starts_with("urn:viaduct:problem:"));
        if status == 405 {
            assert_eq!(seen.header("allow"), word);
        }
    }
    assert_eq!(endless(&served).await, "HTTP/1.1 413");
    assert_eq!(served.audit().await, [], "nothing was changed");
}

/// A body without an end: what is answered before 16 MB of it were sent.
async fn endless(served: &Served) -> String {
    let address = served.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/v1/replay HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x10000], b"\r\n".to_vec()].concat();
    for _ in 0..256 {
        // It may be shut while we still send.
        if stream.write_all(&chunk).await.is_err() {
            break;
        }
    }
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    String::from_utf8_lossy(&status).into_owned()
}

async fn too_often(on: On) {
    let served = Served::open(on).await;
    let (one, other) =
        (served.key("one", &[Scope::Read]).await, served.key("other", &[Scope::Read]).await);
    for _ in 0..CALLS.at_once {
        assert_eq!(served.get("/nothing", &one).await.status, 404);
    }
    let full = served.get("/nothing", &one).await;
    assert_eq!((full.status, full.header("retry-after")), (429, "1"), "{full:?}");
    assert_eq!(served.get("/jobs", &other).await.status, 200, "each key has its own");
    served.later(CALLS.each_ms);
    assert_eq!(served.get("/jobs", &one).await.status, 200);
    assert_eq!(served.get("/jobs", &one).await.status, 429);
    for _ in 0..FAILURES.at_once {
        assert_eq!(served.get("/jobs", "hub_of_nobody").await.status, 401);
    }
    assert_eq!(served.get("/jobs", "hub_of_nobody").await.status, 429);
    assert_eq!(served.get("/jobs", &other).await.status, 200, "who has a key is not kept out");
}
