//! What the council's own systems post to us: events of the CRM, kept though nobody can read them; and notices of
//! Civica Pay, which are asked about and not believed.

use serde_json::json;
use viaduct::sandbox::civica_pay::CivicaPaySandbox;
use viaduct::sandbox::verint::{VerintSandbox, events, seed};
use viaduct::store::database::{Cell, Database};

use super::{Called, seen};
use crate::sandbox::bench::client;
use crate::support::hub::On;

async fn post(called: &Called, to: &str, kind: &str, body: &[u8]) -> super::Seen {
    seen(called.request("POST", to).header("content-type", kind).body(body.to_vec())).await
}

/// An answer that refuses it is how an event is lost: it is posted once. So it is kept, and held with why.
#[tokio::test(flavor = "multi_thread")]
async fn quirk_25_an_event_that_cannot_be_read_is_kept_and_held_and_not_refused() {
    for on in [On::Sqlite, On::Postgres] {
        let called = Called::open(on).await;
        // One that the CRM itself posts.
        let clock = std::sync::Arc::new(|| chrono::Utc::now().timestamp_millis());
        let crm = VerintSandbox::new(clock).serve(0).await.expect("a free port");
        let url = format!("{}/sandbox/cases/{}/event", crm.url, seed::CASE_CLOSED);
        let order = json!({ "url": format!("{}/in/crm_events", called.url) });
        let answer = client().post(url).json(&order).send().await.expect("an answer");
        assert_eq!(answer.text().await.expect("a body"), "{\"answered\":200}");
        let good = events::closed("101009990077", &Default::default());
        let cut = &good[..good.len() - 9];
        for (kind, body, code) in [
            ("text/xml", cut.as_bytes(), "event.malformed"),
            ("text/xml", b"".as_slice(), "event.empty"),
            ("application/json", b"{\"a\": 1}", "event.malformed"),
            ("text/html", b"<html><p>Arden Testberry</p></html>", "event.unknown"),
            ("application/octet-stream", b"<a>\xff\xfe</a>", "event.encoding"),
            (
                "text/xml",
                b"<PopulatedCloseCaseEvent><case/></PopulatedCloseCaseEvent>",
                "event.no_case",
            ),
        ] {
            let told = post(&called, "crm_events", kind, body).await;
            assert_eq!(
                (told.status, &told.json["rows"][0]["code"]),
                (200, &json!(code)),
                "{}",
                told.json
            );
            assert_eq!(told.json["rows"][0]["result"], "held");
            // The same once more is the same call.
            assert_eq!(post(&called, "crm_events", kind, body).await.json["id"], told.json["id"]);
        }
        called.until_read().await;
        let codes = called.hub.rows("SELECT code FROM dead_letter ORDER BY code").await;
        let codes: Vec<&str> = codes.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(
            codes,
            [
                "event.empty",
                "event.encoding",
                "event.malformed",
                "event.malformed",
                "event.no_case",
                "event.unknown"
            ]
        );
        let known =
            called.hub.rows("SELECT key FROM source_key WHERE key LIKE '1010%' ORDER BY key").await;
        assert!(known.iter().any(|row| row[0] == seed::CASE_CLOSED), "{known:?}");
        let linked = "SELECT CAST(COUNT(*) AS TEXT) FROM resident WHERE facts LIKE '%crm_person%'";
        assert_eq!(called.count(linked).await, 1);
        let said = "SELECT CAST(COUNT(*) AS TEXT) FROM dead_letter WHERE cause LIKE '%Testberry%'";
        assert_eq!(called.count(said).await, 0);
    }
}

async fn delivery(
    database: &Database,
    id: i64,
    state: &str,
    settled_ms: Option<i64>,
    next_ms: i64,
) {
    let sql = "INSERT INTO delivery (id, change_event_id, batch_id, resident_id, destination, mapping, \
               mapping_version, purpose, needs_consent, reference, state, since_ms, next_ms, in_line, \
               platform_id, created_ms, settled_ms) VALUES ($1, 1, 1, 1, 'baskets', 'm', 1, 'collection', FALSE, \
               $2, $3, 0, $4, 0, $5, 0, $6)";
    let mut transaction = database.begin().await.unwrap();
    let cells = vec![
        Cell::Int(id),
        Cell::Text(format!("r-{id}")),
        Cell::Text(state.to_owned()),
        Cell::Int(next_ms),
        Cell::Text(format!("EX{id:08}/r-{id}")),
        Cell::OptInt(settled_ms),
    ];
    transaction.execute(sql, cells).await.unwrap();
    let sql = "INSERT INTO delivery_message (delivery_id, batch_id, resident_id, message) \
               SELECT id, batch_id, resident_id, '{\"amount_pence\":1,\
               \"reference\":\"a\",\"description\":\"b\",\"link\":\"c\",\"account_id\":null}' \
               FROM delivery WHERE id = $1";
    transaction.execute(sql, vec![Cell::Int(id)]).await.unwrap();
    transaction.commit().await.unwrap();
}

/// The platform itself posts it, to where its basket says; nothing of what it says is believed.
#[tokio::test(flavor = "multi_thread")]
async fn quirk_29_a_notice_of_civica_pay_has_its_payment_asked_about() {
    for on in [On::Sqlite, On::Postgres] {
        let called = Called::open(on).await;
        let database = &called.context.database;
        let later_ms = called.now_ms() + 3_600_000;
        delivery(database, 1, "accepted", None, later_ms).await;
        delivery(database, 12, "accepted", None, later_ms).await;
        delivery(database, 3, "offered", None, i64::MAX / 2).await;
        delivery(database, 4, "delivered", Some(1), 0).await;
        let sandbox = CivicaPaySandbox::new();
        let running = sandbox.serve(0).await.expect("a free port");
        let notify = format!("{}/in/basket_events", called.url);
        for id in [1, 3, 4] {
            let basket = sandbox.order(&format!("r-{id}"), "1.00", "990000017", &notify);
            let url = format!("{}/sandbox/baskets/{basket}/payer", running.url);
            let answer = client().post(url).json(&json!({ "does": "success" })).send().await;
            assert_eq!(answer.expect("an answer").status().as_u16(), 204);
        }
        let rows = called
            .hub
            .rows("SELECT CAST(id AS TEXT), state, CAST(next_ms AS TEXT), CAST(recheck_ms AS TEXT) FROM delivery ORDER BY delivery.id")
            .await;
        let states: Vec<&str> = rows.iter().map(|row| row[1].as_str()).collect();
        assert_eq!(states, ["accepted", "offered", "delivered", "accepted"], "{rows:?}");
        let soon = |text: &str| text.parse::<i64>().is_ok_and(|ms| ms <= called.now_ms());
        assert!(soon(&rows[0][2]) && soon(&rows[1][2]), "{rows:?}");
        assert!(soon(&rows[2][3]), "what was made is looked at once more: {rows:?}");
        assert_eq!(rows[3][2], later_ms.to_string(), "r-12 is not r-1");
        // Anybody may post one: of what is not ours nothing comes.
        let forged = b"<NotificationMessage><CallingApplicationTransReference>r-99</CallingApplicationTransReference>\
                       <RequestStatus>A</RequestStatus></NotificationMessage>";
        assert_eq!(post(&called, "basket_events", "text/xml", forged).await.status, 200);
        let kept = "SELECT CAST(COUNT(*) AS TEXT) FROM inbox_post WHERE body IS NULL AND taken_ms IS NOT NULL";
        assert_eq!(called.count(kept).await, 4);
    }
}
