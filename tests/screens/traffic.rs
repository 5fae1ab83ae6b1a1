//! The small charts of the last day: on the first page and at a system that is told, with their sentence and table;
//! and that system's pace.

use serde_json::Value;
use viaduct::access::right::Role;
use viaduct::store::traffic::{self, Tally};

use super::Served;
use crate::support::hub::{On, TestHub};
use crate::walk::arrivals::{extract, some};

const HOUR_MS: i64 = 3_600_000;

/// What became of some at that moment.
pub async fn count(
    served: &Served,
    destination: &str,
    (sent, failed, held): (i64, i64, i64),
    at_ms: i64,
) {
    let mut transaction = served.database().begin().await.unwrap();
    let tally = Tally { sent, failed, held };
    traffic::count(&mut transaction, destination, tally, at_ms).await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn the_last_day_is_drawn_said_and_listed() {
    for on in [On::Sqlite, On::Postgres] {
        let hub = TestHub::open(on).await;
        hub.drop_file("revenues", "ctax-1.xml", &extract(&some(30)));
        hub.run("ingest-revenues").await;
        let served = Served::of(hub).await;
        let kim = served.person("kim", &[Role::Support]).await;
        let quiet = served.get("/destinations/notify", &kim).await;
        assert!(quiet.has("In the last hour 0 left; 0 in 24 hours."), "{}", quiet.text);
        assert!(!quiet.has("<svg"), "nothing is drawn of nothing: {}", quiet.text);
        let now_ms = served.now_ms();
        count(&served, "notify", (1_200, 1, 3), now_ms).await;
        count(&served, "notify", (4, 0, 0), now_ms).await;
        count(&served, "notify", (600, 0, 0), now_ms - 5 * HOUR_MS).await;
        count(&served, "notify", (7_777, 0, 0), now_ms - 25 * HOUR_MS).await;
        count(&served, "pay", (11, 0, 0), now_ms).await;
        let waits = [("notify".to_owned(), 720_000), ("pay".to_owned(), 60_000)];
        traffic::waited(served.database(), &waits, now_ms).await.unwrap();
        let one = served.get("/destinations/notify", &kim).await;
        for says in [
            "In the last hour 1,204 left; 1,804 in 24 hours.",
            "In the last hour 3 were held and 1 try failed; in 24 hours 3 held, 1 failed.",
            "the oldest that was due had waited 12 minutes at most",
            "tallest: 1,204",
            "What left, as a table",
            "<td class=\"govuk-table__cell govuk-table__cell--numeric\">600</td>",
        ] {
            assert!(one.has(says), "{says}: {}", one.text);
        }
        assert_eq!(one.text.matches("<svg").count(), 3, "{}", one.text);
        assert_eq!(one.text.matches("<rect").count(), 4, "an hour without anything has no bar");
        let all = served.get("/", &kim).await;
        assert!(
            all.has("In the last hour 1,215 left") && all.has("30 rows came in"),
            "{}",
            all.text
        );
        assert_eq!(all.text.matches("<svg").count(), 4, "{}", all.text);
        for seen in [&one, &all] {
            assert!(!seen.has("style="), "no style that the policy does not know: {}", seen.text);
            // The one script is the file that each page has.
            assert_eq!(seen.text.matches("<script").count(), 1);
        }
        let api = served.call("GET", "/service?destination=notify", None).await;
        let json: Value = serde_json::from_str(&api.text).unwrap();
        assert_eq!(json["traffic"]["hours"].as_array().unwrap().len(), 24);
        assert_eq!(json["traffic"]["hours"][23]["sent"], 1_204);
        // Two days are kept.
        served.later(49 * HOUR_MS);
        traffic::waited(served.database(), &[], served.now_ms()).await.unwrap();
        assert_eq!(served.hub.text("SELECT CAST(COUNT(*) AS TEXT) FROM traffic").await, "0");
    }
}

#[tokio::test]
async fn a_pace_is_said_with_what_today_has_had() {
    for on in [On::Sqlite, On::Postgres] {
        let mut hub = TestHub::open(on).await;
        let file = hub.definitions.join("connectors/notify.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let sending = "\n[sending]\nper_minute = 600\nurgent_percent = 10\nmaintenance = [\"Sun 02:00-06:00\"]\n\
                       [sending.per_day]\nsms = 1000\n";
        std::fs::write(&file, text + sending).unwrap();
        hub.reload().await;
        let served = Served::of(hub).await;
        let kim = served.person("kim", &[Role::Support]).await;
        let today = served.now_ms().div_euclid(24 * HOUR_MS);
        let mut transaction = served.database().begin().await.unwrap();
        let sql = format!(
            "INSERT INTO destination (name, circuit, cause, failures, opened, opened_ms, probe_ms, permits, filled_ms, day, \
             emails, texts, letters) VALUES ('notify', 'open', '503', 5, 1, {now}, {probe}, 0, 0, {today}, 0, 990, 0)",
            now = served.now_ms(),
            probe = served.now_ms() + HOUR_MS,
        );
        transaction.execute(&sql, vec![]).await.unwrap();
        transaction.commit().await.unwrap();
        let page = served.get("/destinations/notify", &kim).await;
        for says in [
            "600 at most, of which 10 % are kept",
            "990 of 1,000 text messages have left today",
            "Sun 02:00-06:00, by London",
            "5 one after another; after 5",
            "One is tried",
            "in 60 minutes",
            "/destinations/notify/probe",
        ] {
            assert!(page.has(says), "{says}: {}", page.text);
        }
        let viewer = served.person("vic", &[Role::Viewer]).await;
        assert!(!served.get("/destinations/notify", &viewer).await.has("/probe"));
        let why = [("reason", "they say that they are back")];
        assert_eq!(served.post("/destinations/notify/probe", &viewer, &why).await.status, 403);
        assert_eq!(served.post("/destinations/notify/probe", &kim, &[]).await.status, 400);
        let done = served.post("/destinations/notify/probe", &kim, &why).await;
        assert_eq!(done.header("location"), "/destinations/notify?done=probed", "{}", done.text);
        let page = served.get("/destinations/notify?done=probed", &kim).await;
        assert!(
            page.has("As soon as something is due") && page.has("One message is tried"),
            "{}",
            page.text
        );
        let line = "SELECT actor || ' ' || action || ' ' || target || ': ' || reason FROM audit WHERE action = 'probed'";
        assert_eq!(
            served.hub.text(line).await,
            "staff:kim probed destination notify: they say that they are back"
        );
        assert!(served.get("/", &kim).await.has("probed"), "what people changed");
        // What is not left alone has nothing to be tried.
        assert_eq!(served.post("/destinations/pay/probe", &kim, &why).await.status, 409);
        // Another day has another number.
        served.later(24 * HOUR_MS);
        let next = served.person("next", &[Role::Support]).await;
        let page = served.get("/destinations/notify", &next).await;
        assert!(page.has(">0 of 1,000 text messages"), "{}", page.text);
    }
}
