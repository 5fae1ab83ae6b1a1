//! What is pushed: single and many, in JSON, NDJSON and XML; each once, and in its order.

use std::path::Path;
use std::sync::Arc;

use super::{Called, one_after_another, seen};
use crate::support::hub::{On, TestHub};

const PERSON: &str =
    r#"{"ref": "990000017", "owes": "12.50", "forename": "Arden", "surname": "Testberry"}"#;

fn person(number: u32, owes: &str) -> String {
    format!(
        r#"{{"ref": "99{number:07}", "owes": "{owes}", "forename": "Arden", "surname": "Testberry"}}"#
    )
}

mod sqlite {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_pushed_is_kept_and_read() {
        super::what_is_pushed_is_kept_and_read(On::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn b62_a_name_stands_for_one_call() {
        super::b62_a_name_stands_for_one_call(On::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn ten_thousand_of_the_same_are_kept_once() {
        super::ten_thousand_of_the_same_are_kept_once(On::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_record_says_one_call_after_another_is_so_in_that_order() {
        super::what_a_record_says_one_call_after_another_is_so_in_that_order(On::Sqlite).await;
    }
}

mod postgres {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_pushed_is_kept_and_read() {
        super::what_is_pushed_is_kept_and_read(On::Postgres).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn b62_a_name_stands_for_one_call() {
        super::b62_a_name_stands_for_one_call(On::Postgres).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn ten_thousand_of_the_same_are_kept_once() {
        super::ten_thousand_of_the_same_are_kept_once(On::Postgres).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_record_says_one_call_after_another_is_so_in_that_order() {
        super::what_a_record_says_one_call_after_another_is_so_in_that_order(On::Postgres).await;
    }
}

async fn what_is_pushed_is_kept_and_read(on: On) {
    let called = Called::open(on).await;
    let key = called.key("housing", &["source:housing:write", "source:lines:write"]).await;
    // One record.
    let one = called.push("housing", &key, "a", PERSON).await;
    assert_eq!(one.status, 202, "{}", one.json);
    assert_eq!(one.json["records"], 1);
    assert_eq!(
        one.json["rows"].to_string(),
        r#"[{"row":1,"result":"accepted","key":"990000017"}]"#
    );
    // Many, one of which has no key: it is kept, and held.
    let many = format!("[{}, {{\"owes\": \"1.00\"}}, {}]", person(21, "0.00"), person(22, "3.00"));
    let many = called.push("housing", &key, "b", &many).await;
    assert_eq!(many.json["rows"][1]["result"], "held", "{}", many.json);
    assert_eq!(many.json["rows"][1]["code"], "record.no_key");
    // One a line.
    let lines = format!("{}\n{}\n", person(31, "1.00"), person(32, "2.00"));
    let request = called.request("POST", "lines").header("content-type", "application/x-ndjson");
    let lines = seen(request.header("idempotency-key", "c").bearer_auth(&key).body(lines)).await;
    assert_eq!((lines.status, &lines.json["records"]), (202, &2.into()), "{}", lines.json);
    // XML, by whoever is in the right network.
    let xml = "<tenancies><tenancy><ref>990000041</ref><owes>7.00</owes><forename>Robin</forename>\
               <surname>Fakeley</surname></tenancy></tenancies>";
    let request = called.request("POST", "xml").header("content-type", "text/xml").body(xml);
    let xml = seen(request).await;
    assert_eq!(
        (xml.status, &xml.json["rows"][0]["key"]),
        (200, &"990000041".into()),
        "{}",
        xml.json
    );
    called.until_read().await;
    let accounts =
        called.hub.rows("SELECT k.key FROM account a JOIN source_key k ON k.id = a.id").await;
    let mut accounts: Vec<_> = accounts.into_iter().map(|row| row[0].clone()).collect();
    accounts.sort();
    assert_eq!(
        accounts,
        ["990000017", "990000021", "990000022", "990000031", "990000032", "990000041"]
    );
    let held = "SELECT code FROM dead_letter WHERE settled_ms IS NULL";
    assert_eq!(called.hub.rows(held).await, [["record.no_key"]]);
    // Its caller sees what became of it, and the body is not kept twice.
    let path = format!("housing/{}", many.json["id"]);
    let stands = seen(called.request("GET", &path).bearer_auth(&key)).await;
    assert_eq!(stands.json["stands"]["state"], "read", "{}", stands.json);
    assert_eq!(stands.json["stands"]["batch"]["state"], "closed");
    assert_eq!(
        called.count("SELECT CAST(COUNT(*) AS TEXT) FROM inbox_post WHERE body IS NOT NULL").await,
        0
    );
    let unbalanced = "SELECT CAST(COUNT(*) AS TEXT) FROM batch WHERE state <> 'closed' \
                      OR rows_in <> published + unchanged + held + filtered";
    assert_eq!(called.count(unbalanced).await, 0);
}

async fn b62_a_name_stands_for_one_call(on: On) {
    let called = Arc::new(Called::open(on).await);
    let key = called.key("housing", &["source:housing:write"]).await;
    let first = called.push("housing", &key, "once", PERSON).await;
    let again = called.push("housing", &key, "once", PERSON).await;
    assert_eq!((again.status, &again.json), (202, &first.json));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert!(!first.headers.contains_key("idempotency-replayed"));
    let other = called.push("housing", &key, "once", &person(1, "0.00")).await;
    assert_eq!(other.status, 422, "{}", other.json);
    assert!(other.detail().contains("another body"), "{}", other.json);
    // A hundred at once are one.
    let hundred = (0..100).map(|_| {
        let (called, key) = (Arc::clone(&called), key.clone());
        tokio::spawn(
            async move { called.push("housing", &key, "at once", &person(2, "1.00")).await },
        )
    });
    let hundred: Vec<_> = hundred.collect();
    let mut told = std::collections::BTreeSet::new();
    let mut made = 0;
    for one in hundred {
        let seen = one.await.unwrap();
        assert_eq!(seen.status, 202, "{}", seen.json);
        made += usize::from(!seen.headers.contains_key("idempotency-replayed"));
        told.insert(seen.json.to_string());
    }
    assert_eq!((told.len(), made), (1, 1));
    // Another's name is another name.
    let other = called.key("other", &["source:housing:write"]).await;
    let theirs = called.push("housing", &other, "once", &person(3, "1.00")).await;
    assert_eq!(theirs.status, 202, "{}", theirs.json);
    // Another process tells the same, also once it was read.
    called.until_read().await;
    let called = Arc::into_inner(called).expect("nobody else has it").again().await;
    let later = called.push("housing", &key, "once", PERSON).await;
    assert_eq!((later.status, &later.json), (202, &first.json));
    // And a call without a name is told how to have one.
    let request = called.request("POST", "housing").header("content-type", "application/json");
    let nameless = seen(request.bearer_auth(&key).body(PERSON)).await;
    assert_eq!(nameless.status, 400, "{}", nameless.json);
    assert!(nameless.detail().contains("`idempotency-key`"), "{}", nameless.json);
}

async fn ten_thousand_of_the_same_are_kept_once(on: On) {
    let called = Called::open(on).await;
    let key = called.key("housing", &["source:housing:write"]).await;
    let host = called.url.trim_start_matches("http://").to_owned();
    let request = format!(
        "POST /in/housing HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n\
         Idempotency-Key: the same\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{PERSON}",
        PERSON.len()
    );
    let many = (0..40).map(|_| tokio::spawn(one_after_another(host.clone(), request.clone(), 250)));
    for one in many.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap(), 250);
    }
    called.until_read().await;
    assert_eq!(called.count("SELECT CAST(COUNT(*) AS TEXT) FROM inbox_post").await, 1);
    assert_eq!(called.count("SELECT CAST(COUNT(*) AS TEXT) FROM source_record").await, 1);
    assert_eq!(called.count("SELECT CAST(COUNT(*) AS TEXT) FROM batch").await, 1);
}

async fn what_a_record_says_one_call_after_another_is_so_in_that_order(on: On) {
    let called = Called::open(on).await;
    let key = called.key("housing", &["source:housing:write"]).await;
    // Nobody reads while these come, so that all of them wait together.
    let held = viaduct::app::holder::Held::take(&called.context, "ingest").await.unwrap();
    for (name, owes) in
        [("1", "10.00"), ("2", "20.00"), ("3", "10.00"), ("4", "30.00"), ("5", "10.00")]
    {
        let seen = called.push("housing", &key, name, &person(5, owes)).await;
        assert_eq!(seen.status, 202, "{}", seen.json);
    }
    held.release().await.unwrap();
    called.until_read().await;
    let facts = called.hub.text("SELECT facts FROM account").await;
    assert!(facts.contains("1000"), "{facts}");
    // Each was seen as a change of its own.
    let changed = "SELECT CAST(SUM(records_new + records_changed) AS TEXT) FROM batch";
    assert_eq!(called.count(changed).await, 5);
    let held = "SELECT CAST(COUNT(*) AS TEXT) FROM dead_letter";
    assert_eq!(called.count(held).await, 0);
}

/// What is held whole is read again each hour, in case that its definition was mended; it is held once all the same.
#[tokio::test(flavor = "multi_thread")]
async fn calls_that_stay_held_are_held_once() {
    for on in [On::Sqlite, On::Postgres] {
        let mut hub = TestHub::open_with(on, Path::new("tests/inbound/hub")).await;
        let most = "records_of_call_max = 100";
        hub.edit("connectors/housing.toml", most, &format!("{most}\n[limits]\nrecords_max = 1"));
        hub.reload().await;
        let called = Called::of(hub).await;
        let key = called.key("housing", &["source:housing:write"]).await;
        let two = format!("[{}, {}]", person(1, "1.00"), person(2, "2.00"));
        assert_eq!(called.push("housing", &key, "n-1", &two).await.status, 202);
        let held = "SELECT CAST(COUNT(*) AS TEXT) FROM batch WHERE state = 'held'";
        let waits = "SELECT CAST(COUNT(*) AS TEXT) FROM inbox_post WHERE again_ms > 1";
        let began = std::time::Instant::now();
        for _ in 0..3 {
            while called.count(waits).await == 0 {
                assert!(began.elapsed().as_secs() < 60, "it was never read again");
                tokio::task::yield_now().await;
            }
            assert_eq!(called.count(held).await, 1);
            // An hour later.
            let mut transaction = called.context.database.begin().await.unwrap();
            transaction.execute("UPDATE inbox_post SET again_ms = 1", vec![]).await.unwrap();
            transaction.commit().await.unwrap();
            called.context.arrived.notify_waiters();
        }
        let all = "SELECT CAST(COUNT(*) AS TEXT) FROM batch WHERE state <> 'abandoned'";
        assert_eq!(called.count(all).await, 1);
    }
}
