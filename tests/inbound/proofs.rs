//! What callers show: signatures by others' own libraries, words, networks; and hints, of which nothing is
//! believed.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use viaduct::store::database::{Cell, Database};

use super::{CLOUDS_SECRET, Called, PAY_SECRET, SECRET, SECRET_OLD, Seen, one_after_another, seen};
use crate::support::hub::On;

const EVENT: &str = r#"{"type": "tenancy.changed", "data": {"ref": "990000017", "owes": "1.00", "forename": "Arden", "surname": "Testberry"}}"#;

fn sign(secret: &str, id: &str, seconds: i64, body: &str) -> String {
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let signed = hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(signed))
}

async fn event(called: &Called, id: &str, seconds: i64, signature: &str, body: &str) -> Seen {
    let request = called.request("POST", "events").header("content-type", "application/json");
    let request = request.header("webhook-id", id).header("webhook-timestamp", seconds.to_string());
    let request = match signature {
        "" => request,
        signature => request.header("webhook-signature", signature),
    };
    seen(request.body(body.to_owned())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn b57_what_is_not_signed_right_is_refused_alike() {
    let called = Called::open(On::Sqlite).await;
    let now = called.now_ms() / 1_000;
    let right = sign(SECRET, "msg_1", now, EVENT);
    let other = "whsec_ZZZZAwQFBgcICQoLDA0ODxAREhMUFRYX";
    let mut told = std::collections::BTreeSet::new();
    for (id, signature, body) in [
        ("msg_1", String::new(), EVENT),
        ("msg_1", "v1,AAAA".to_owned(), EVENT),
        ("msg_1", right.clone(), &EVENT.replace("1.00", "0.00")),
        ("msg_2", right.clone(), EVENT),
        ("msg_1", right.to_uppercase(), EVENT),
        ("msg_1", right[..right.len() - 5].to_owned(), EVENT),
        ("msg_1", sign(other, "msg_1", now, EVENT), EVENT),
    ] {
        let seen = event(&called, id, now, &signature, body).await;
        assert_eq!(seen.status, 401, "{id} {signature}: {}", seen.json);
        told.insert(seen.detail().to_owned());
    }
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(event(&called, "msg_1", now, &right, EVENT).await.status, 200);
    // While a secret is changed the one before is believed too.
    let old = sign(SECRET_OLD, "msg_3", now, EVENT);
    assert_eq!(event(&called, "msg_3", now, &old, EVENT).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn b58_what_is_played_again_happens_once() {
    for on in [On::Sqlite, On::Postgres] {
        let called = Called::open(on).await;
        let now = called.now_ms() / 1_000;
        let right = sign(SECRET, "msg_1", now, EVENT);
        let first = event(&called, "msg_1", now, &right, EVENT).await;
        assert_eq!(first.status, 200, "{}", first.json);
        // A second later, signed anew as senders do.
        let later = sign(SECRET, "msg_1", now + 1, EVENT);
        let again = event(&called, "msg_1", now + 1, &later, EVENT).await;
        assert_eq!((again.status, &again.json), (200, &first.json));
        for seconds in [now - 360, now + 360] {
            let stale = sign(SECRET, "msg_1", seconds, EVENT);
            assert_eq!(event(&called, "msg_1", seconds, &stale, EVENT).await.status, 401);
        }
        let changed = EVENT.replace("1.00", "2.00");
        let signed = sign(SECRET, "msg_1", now, &changed);
        let seen = event(&called, "msg_1", now, &signed, &changed).await;
        assert_eq!(seen.status, 409, "{}", seen.json);
        let host = called.url.trim_start_matches("http://").to_owned();
        let request = format!(
            "POST /in/events HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             webhook-id: msg_1\r\nwebhook-timestamp: {now}\r\nwebhook-signature: {right}\r\n\
             Content-Length: {}\r\n\r\n{EVENT}",
            EVENT.len()
        );
        let copies = (0..20).map(|_| one_after_another(host.clone(), request.clone(), 50));
        assert_eq!(futures_util::future::join_all(copies).await, [50; 20]);
        called.until_read().await;
        assert_eq!(called.count("SELECT CAST(COUNT(*) AS TEXT) FROM source_record").await, 1);
    }
}

/// What a platform in another language signs, and what CloudEvents' own library writes.
#[tokio::test(flavor = "multi_thread")]
async fn what_others_libraries_sign_and_write_is_understood() {
    let called = Called::open(On::Sqlite).await;
    let root = env!("CARGO_MANIFEST_DIR");
    let made = Command::new("sh").arg(format!("{root}/scripts/python.sh")).status();
    assert!(made.expect("a shell").success(), "scripts/python.sh could not make .venv");
    let url = called.url.clone();
    let ran = tokio::task::spawn_blocking(move || {
        Command::new(format!("{root}/.venv/bin/python"))
            .arg(format!("{root}/tests/inbound/call.py"))
            .args([url.as_str(), SECRET, PAY_SECRET, CLOUDS_SECRET])
            .output()
    });
    let ran = ran.await.unwrap().expect("python runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    insta::assert_snapshot!(String::from_utf8_lossy(&ran.stdout), @"
    standard webhooks: 200
    standard webhooks, a changed body: 401
    standard webhooks, another id: 401
    standard webhooks, another time: 401
    pay: 200
    pay, the same once more: 200
    pay, a changed body: 401
    pay, upper case: 401
    cloud event, structured: 200
    cloud event, binary: 200
    cloud event, the same once more: 200
    cloud event, a wrong word: 401
    ");
    called.until_read().await;
    let keys = called.hub.rows("SELECT key FROM source_key ORDER BY key").await;
    assert_eq!(keys, [["990000017"], ["990000101"], ["990000102"]]);
}

/// A payment that was made at its platform, waiting to be asked about in an hour.
async fn accepted(database: &Database, id: i64, platform_id: &str, next_ms: i64) {
    let sql = "INSERT INTO delivery (id, change_event_id, batch_id, resident_id, destination, mapping, \
               mapping_version, purpose, needs_consent, reference, state, since_ms, next_ms, \
               platform_id, created_ms) VALUES ($1, 1, 1, 1, 'pay', 'm', 1, 'collection', FALSE, $2, \
               'accepted', 0, $3, $4, 0)";
    let mut transaction = database.begin().await.unwrap();
    let cells = vec![
        Cell::Int(id),
        Cell::Text(format!("r-{id}")),
        Cell::Int(next_ms),
        Cell::Text(platform_id.to_owned()),
    ];
    transaction.execute(sql, cells).await.unwrap();
    transaction.commit().await.unwrap();
}

/// Whatever a hint says, and in whichever order hints come: the platform is asked, and nothing else changes.
#[tokio::test(flavor = "multi_thread")]
async fn b59_a_hint_has_a_delivery_asked_about_and_is_not_believed() {
    for on in [On::Sqlite, On::Postgres] {
        let called = Called::open(on).await;
        let later_ms = called.now_ms() + 3_600_000;
        let database = &called.context.database;
        accepted(database, 1, "pay-1", later_ms).await;
        accepted(database, 2, "pay-2", later_ms).await;
        let key = hmac::Key::new(hmac::HMAC_SHA256, PAY_SECRET.as_bytes());
        for (message, kind, status) in [
            ("m1", "card_payment_captured", "success"),
            ("m2", "card_payment_started", "created"),
            ("m1", "card_payment_captured", "success"),
        ] {
            let body = format!(
                r#"{{"webhook_message_id": "{message}", "event_type": "{kind}", "resource_id": "pay-1", "resource": {{"state": {{"status": "{status}"}}}}}}"#
            );
            let signature: String = hmac::sign(&key, body.as_bytes())
                .as_ref()
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect();
            let request = called.request("POST", "pay_events");
            let request = request.header("content-type", "application/json");
            let seen = seen(request.header("pay-signature", signature).body(body)).await;
            assert_eq!(seen.status, 200, "{}", seen.json);
        }
        let rows = called
            .hub
            .rows("SELECT CAST(id AS TEXT), state, CAST(next_ms AS TEXT) FROM delivery ORDER BY id")
            .await;
        assert_eq!((rows[0][1].as_str(), rows[1][1].as_str()), ("accepted", "accepted"));
        assert!(rows[0][2].parse::<i64>().unwrap() <= called.now_ms(), "{rows:?}");
        assert_eq!(rows[1][2], later_ms.to_string());
        // Nothing of it is kept but that it came.
        let kept = "SELECT CAST(COUNT(*) AS TEXT) FROM inbox_post WHERE body IS NULL AND taken_ms IS NOT NULL";
        assert_eq!(called.count(kept).await, 2);
    }
}
