//! What nobody should send, and is answered all the same.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Called, seen};
use crate::support::hub::On;

const PERSON: &str =
    r#"{"ref": "990000017", "owes": "12.50", "forename": "Arden", "surname": "Testberry"}"#;

/// Sends these very bytes; gives the first line of the answer.
async fn raw(called: &Called, bytes: &[u8]) -> String {
    let address = called.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut answer = Vec::new();
    // It may answer before it has read everything, and close.
    let _ = stream.write_all(bytes).await;
    let _ = tokio::time::timeout(Duration::from_secs(40), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

fn head(called: &Called, key: &str, more: &str) -> String {
    let host = called.url.trim_start_matches("http://");
    format!(
        "POST /in/housing HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nIdempotency-Key: x\r\n\
         Connection: close\r\n{more}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn b60_bodies_that_are_not_what_they_say() {
    let called = Called::open(On::Sqlite).await;
    let key = called.key("housing", &["source:housing:write"]).await;
    let long = format!("[{}]", vec![PERSON; 1_000].join(","));
    let over = called.push("housing", &key, "a", &long).await;
    assert_eq!(over.status, 413, "{}", over.json);
    let rows = format!(
        "[{}]",
        (0..101).map(|n| format!("{{\"ref\": \"{n}\"}}")).collect::<Vec<_>>().join(",")
    );
    let many = called.push("housing", &key, "a", &rows).await;
    assert_eq!(many.status, 413, "{}", many.json);
    for (body, place) in
        [("", "empty"), ("[{\"ref\": 1", "json"), ("\u{0}\u{1}", "json"), ("\"text\"", "json")]
    {
        let seen = called.push("housing", &key, "a", body).await;
        assert_eq!(seen.status, 400, "{body}: {}", seen.json);
        assert!(seen.detail().contains(place), "{}", seen.json);
    }
    for kind in ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let request =
            called.request("POST", "housing").header("idempotency-key", "a").bearer_auth(&key);
        let request = if kind.is_empty() { request } else { request.header("content-type", kind) };
        assert_eq!(seen(request.body(PERSON)).await.status, 415, "{kind}");
    }
    let request =
        called.request("POST", "housing").header("idempotency-key", "a").bearer_auth(&key);
    let request =
        request.header("content-type", "application/json").header("content-encoding", "gzip");
    assert_eq!(seen(request.body(PERSON)).await.status, 415);
    // A gzip that unpacks to far more than it is.
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packed, &vec![b' '; 64 << 20]).unwrap();
    let request =
        called.request("POST", "housing").header("idempotency-key", "a").bearer_auth(&key);
    let request = request.header("content-type", "application/json").body(packed.finish().unwrap());
    let bomb = seen(request).await;
    assert!([400, 413].contains(&bomb.status), "{}", bomb.json);
    // Longer than it says, both lengths at once, and chunks beyond the limit.
    let json = "Content-Type: application/json\r\n";
    let lying = format!("{}Content-Length: 10\r\n\r\n{PERSON}", head(&called, &key, json));
    let answer = raw(&called, lying.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let both = format!(
        "{}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        head(&called, &key, json)
    );
    let answer = raw(&called, both.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let mut endless =
        format!("{}Transfer-Encoding: chunked\r\n\r\n", head(&called, &key, json)).into_bytes();
    for _ in 0..200 {
        endless.extend_from_slice(b"400\r\n");
        endless.extend_from_slice(&[b' '; 1_024]);
        endless.extend_from_slice(b"\r\n");
    }
    let answer = raw(&called, &endless).await;
    assert!(answer.starts_with("HTTP/1.1 413") || answer.is_empty(), "{answer}");
    assert_eq!(called.count("SELECT CAST(COUNT(*) AS TEXT) FROM inbox_post").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn b61_headers_and_paths_without_measure() {
    let called = Called::open(On::Sqlite).await;
    let key = called.key("housing", &["source:housing:write"]).await;
    let json = "Content-Type: application/json\r\n";
    let long = format!("{}X-Long: {}\r\n\r\n", head(&called, &key, json), "a".repeat(1 << 20));
    let answer = raw(&called, long.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431") || answer.is_empty(), "{answer}");
    let many: String = (0..10_000).map(|n| format!("X-{n}: a\r\n")).collect();
    let many = format!("{}{many}\r\n", head(&called, &key, json));
    let answer = raw(&called, many.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431") || answer.is_empty(), "{answer}");
    let host = called.url.trim_start_matches("http://");
    let path = format!("POST /in/{} HTTP/1.1\r\nHost: {host}\r\n\r\n", "a".repeat(64 << 10));
    let answer = raw(&called, path.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 414"), "{answer}");
    let bad = format!("POST /in/%zz%ff HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let answer = raw(&called, bad.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    // What something in front may claim changes nobody's network.
    let request = called.request("POST", "housing").header("x-forwarded-for", "10.0.0.1");
    let request = request.header("content-type", "application/json").header("idempotency-key", "x");
    assert_eq!(seen(request.bearer_auth(&key).body(PERSON)).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn b63_what_is_anothers_is_not_there_and_the_log_has_it() {
    for on in [On::Sqlite, On::Postgres] {
        let called = Called::open(on).await;
        let mine = called.key("housing", &["source:housing:write"]).await;
        let other = called.key("other", &["source:housing:write", "source:lines:write"]).await;
        let id = called.push("housing", &mine, "a", PERSON).await.json["id"].to_string();
        for path in [format!("housing/{id}"), format!("lines/{id}")] {
            let seen = seen(called.request("GET", &path).bearer_auth(&other)).await;
            assert_eq!(seen.status, 404, "{path}: {}", seen.json);
        }
        assert_eq!(
            seen(called.request("GET", &format!("housing/{id}")).bearer_auth(&mine)).await.status,
            200
        );
        let refused: Vec<_> =
            called.audit().await.into_iter().filter(|line| line.1 == "refused").collect();
        assert_eq!(refused.len(), 2, "{refused:?}");
        assert_eq!(
            (refused[0].0.as_str(), refused[0].2.clone()),
            ("key:other", format!("call {id} of lines"))
        );
        // A key that may not push here, no key, and a door that there is not.
        let reader = called.key("reader", &["read"]).await;
        assert_eq!(called.push("housing", &reader, "b", PERSON).await.status, 403);
        assert_eq!(called.push("housing", "", "b", PERSON).await.status, 401);
        assert_eq!(called.push("nothing", "", "b", PERSON).await.status, 401);
        let everywhere = called.key("nothing", &["source:nothing:write"]).await;
        assert_eq!(called.push("nothing", &everywhere, "b", PERSON).await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b64_fields_that_nobody_asked_for_do_nothing() {
    let called = Called::open(On::Sqlite).await;
    let key = called.key("housing", &["source:housing:write"]).await;
    let more = PERSON.replace(
        "{\"ref\"",
        r#"{"role": "admin", "id": 1, "created_by": "kim", "state": "done", "batch_id": 7, "ref""#,
    );
    assert_eq!(called.push("housing", &key, "a", &more).await.status, 202);
    called.until_read().await;
    let facts =
        called.hub.rows("SELECT facts FROM account UNION ALL SELECT facts FROM party").await;
    let said = format!("{facts:?}");
    assert!(!said.contains("admin") && !said.contains("done") && !said.contains("kim"), "{said}");
    assert_eq!(called.count("SELECT CAST(COUNT(*) AS TEXT) FROM account").await, 1);
}
