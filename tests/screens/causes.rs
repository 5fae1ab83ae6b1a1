//! Causes: who sees to one, what they wrote, until when nobody is reminded of it, and what of it the first page tells;
//! and alerts that somebody has seen.

use serde_json::json;
use viaduct::access::right::Role;
use viaduct::record::moment::Moment;

use super::{Served, hold, worked};
use crate::support::hub::{On, TestHub};

const DAY_MS: i64 = 86_400_000;

#[tokio::test]
async fn a_cause_has_somebody_who_sees_to_it() {
    for on in [On::Sqlite, On::Postgres] {
        let served = Served::open(on).await;
        hold(served.database(), 500_001, 3).await;
        let kim = served.person("kim", &[Role::Support]).await;
        let sam = served.person("sam", &[Role::Support]).await;
        let lead = served.person("lead", &[Role::SupportLead]).await;
        let vic = served.person("vic", &[Role::Viewer]).await;
        served.hire("boss", &[Role::Administrator], "").await;
        let (cause, assign) = ("/causes/notify.refused", "/causes/notify.refused/assign");
        let start = served.get("/", &kim).await;
        assert!(
            start.has("3 messages wait: ") && start.has("(nobody has it yet)"),
            "{}",
            start.text
        );
        let to = |name: &'static str| [("to", name), ("reason", "the addresses are looked up")];
        assert_eq!(served.post(assign, &vic, &to("vic")).await.status, 403);
        assert_eq!(served.post(assign, &kim, &to("sam")).await.status, 409, "a lead gives it");
        let taken = served.post(assign, &kim, &to("kim")).await;
        assert_eq!(
            taken.header("location"),
            "/causes/notify.refused?done=assigned",
            "{}",
            taken.text
        );
        assert!(served.get(cause, &kim).await.has("Give it up"));
        assert!(served.get("/", &sam).await.has("(kim has it)"));
        assert!(served.get("/causes", &sam).await.has("kim has it."));
        assert_eq!(served.post(assign, &sam, &to("sam")).await.status, 409, "kim has it");
        for nobody in ["nobody", "boss"] {
            let seen = served.post(assign, &lead, &[("to", nobody), ("reason", "x")]).await;
            assert_eq!(seen.status, 400, "{nobody}: {}", seen.text);
        }
        assert_eq!(served.post(assign, &lead, &to("sam")).await.status, 303);
        assert_eq!(served.post(assign, &sam, &[("reason", "on leave")]).await.status, 303);
        assert!(served.get(cause, &kim).await.has("nobody yet"));
        assert_eq!(served.post("/causes/no_such/assign", &kim, &to("kim")).await.status, 404);
        assert_eq!(
            served.post(assign, &kim, &[("to", "kim")]).await.status,
            400,
            "a reason is asked for"
        );
        let log = "SELECT actor || ' ' || reason FROM audit WHERE action = 'assigned' ORDER BY id";
        let log: Vec<String> = served.hub.rows(log).await.into_iter().flatten().collect();
        assert_eq!(
            log,
            [
                "staff:kim the addresses are looked up",
                "staff:lead the addresses are looked up",
                "staff:sam on leave"
            ]
        );
        // By API in the same words.
        let body = json!({ "to": "kim", "reason": "the rota" });
        let said = served.call("POST", assign, Some(&body)).await;
        assert!(said.status == 200 && said.has("\"owner\":\"kim\""), "{}", said.text);
    }
}

#[tokio::test]
async fn what_is_written_holds_nobody() {
    for on in [On::Sqlite, On::Postgres] {
        let (hub, _) = worked(on).await;
        let served = Served::of(hub).await;
        let kim = served.person("kim", &[Role::Support]).await;
        let vic = served.person("vic", &[Role::Viewer]).await;
        let text = [("text", "rang 07700 900123, revenues mend it by Friday")];
        let order = served.hub.text("SELECT CAST(MIN(record_id) AS TEXT) FROM dead_letter").await;
        for thing in ["/causes/code_unknown".to_owned(), format!("/work-orders/{order}")] {
            let note = format!("{thing}/note");
            assert_eq!(served.post(&note, &vic, &text).await.status, 403);
            assert_eq!(served.post(&note, &kim, &[("text", " ")]).await.status, 400);
            let to = served.post(&note, &kim, &text).await.header("location").to_owned();
            assert_eq!(to, format!("{thing}?done=noted"));
            let page = served.get(&thing, &vic).await;
            assert!(page.has("kim: rang •••, revenues mend it by Friday"), "{}", page.text);
            assert!(!page.has("900123") && !page.has("Keep the note"));
        }
        let kept = "SELECT CAST(COUNT(*) AS TEXT) FROM note WHERE text LIKE '%900123%'";
        assert_eq!(served.hub.text(kept).await, "0");
        let logged =
            "SELECT CAST(COUNT(*) AS TEXT) FROM audit WHERE action = 'noted' AND details IS NULL";
        assert_eq!(served.hub.text(logged).await, "2");
        // Whoever sees other sources' rows alone writes nothing to these.
        let other = served.person_of("other", &[Role::Support], "crm").await;
        let seen = served.post(&format!("/work-orders/{order}/note"), &other, &text).await;
        assert_eq!(seen.status, 404, "{}", seen.text);
    }
}

#[tokio::test]
async fn nobody_is_reminded_until_a_day_and_then_again() {
    for on in [On::Sqlite, On::Postgres] {
        let served = Served::open(on).await;
        hold(served.database(), 500_001, 3).await;
        let kim = served.person("kim", &[Role::Support]).await;
        let path = "/causes/notify.refused/silence";
        let day = |days: i64| Moment(served.now_ms() + days * DAY_MS).day().to_string();
        for wrong in [day(0), day(-3), day(120), "Friday".to_owned(), String::new()] {
            let seen = served.post(path, &kim, &[("until", &wrong), ("reason", "x")]).await;
            assert_eq!(seen.status, 400, "{wrong}: {}", seen.text);
        }
        assert!(served.get("/", &kim).await.has("3 messages wait: "));
        let until = day(3);
        let asked = [("until", until.as_str()), ("reason", "the platform mends it")];
        let done = served.post(path, &kim, &asked).await;
        assert_eq!(
            done.header("location"),
            "/causes/notify.refused?done=silenced",
            "{}",
            done.text
        );
        assert!(!served.get("/", &kim).await.has("3 messages wait: "), "it does not need somebody");
        let list = served.get("/causes", &kim).await;
        assert!(list.has("Silent</strong>") && list.has("notify.refused"), "and is in the list");
        assert!(served.get("/causes/notify.refused", &kim).await.has("kim: the platform mends it"));
        served.later(4 * DAY_MS);
        let kim = served.person("kim-later", &[Role::Support]).await;
        assert!(served.get("/", &kim).await.has("3 messages wait: "), "it counts again by itself");
        assert!(!served.get("/causes", &kim).await.has("Silent</strong>"));
        // And at once, where somebody says so.
        let until = Moment(served.now_ms() + 2 * DAY_MS).day().to_string();
        let asked = [("until", until.as_str()), ("reason", "again")];
        assert_eq!(served.post(path, &kim, &asked).await.status, 303);
        let again = [("again", "yes"), ("reason", "it is worse than thought")];
        assert_eq!(served.post(path, &kim, &again).await.status, 303);
        assert!(served.get("/", &kim).await.has("3 messages wait: "));
        let log =
            "SELECT action || ' ' || reason FROM audit WHERE action LIKE '%silenced' ORDER BY id";
        let log: Vec<String> = served.hub.rows(log).await.into_iter().flatten().collect();
        assert_eq!(
            log,
            [
                "silenced the platform mends it",
                "silenced again",
                "unsilenced it is worse than thought"
            ]
        );
    }
}

#[tokio::test]
async fn a_cause_says_how_many_came_when_and_where_it_is_mended() {
    for on in [On::Sqlite, On::Postgres] {
        let (hub, _) = worked(on).await;
        let served = Served::of(hub).await;
        hold(served.database(), 500_001, 9).await;
        let midnight = Moment::at(Moment(served.now_ms()).day(), 0).0;
        let mut transaction = served.database().begin().await.unwrap();
        for (id, since_ms) in [
            (500_001, midnight),
            (500_002, midnight - 1),
            (500_003, midnight - 2),
            (500_004, midnight - 5 * DAY_MS),
        ] {
            let sql = format!("UPDATE delivery SET since_ms = {since_ms} WHERE id = {id}");
            transaction.execute(&sql, vec![]).await.unwrap();
        }
        transaction.commit().await.unwrap();
        let kim = served.person("kim", &[Role::Support]).await;
        let page = served.get("/causes/notify.refused", &kim).await;
        let says = "1 today, 2 yesterday, 3 in the seven days before today";
        assert!(page.has(says) && page.has("href=\"/connectors/notify\""), "{}", page.text);
        let page = served.get("/causes/code_unknown", &kim).await;
        assert!(page.has("2 today, 0 yesterday") && page.has("href=\"/codes\""), "{}", page.text);
        let list = served.get("/causes", &kim).await;
        assert!(list.has(says) && list.has("the code lists</a>"), "{}", list.text);
    }
}

#[tokio::test]
async fn an_alert_that_somebody_has_seen_is_told_again_after_a_day() {
    for on in [On::Sqlite, On::Postgres] {
        let (hub, batch) = worked(on).await;
        let served = Served::of(hub).await;
        let kim = served.person("kim", &[Role::Support]).await;
        let alert = format!("batch|{batch}|{batch}");
        let start = served.get("/", &kim).await;
        assert!(start.has(&format!("value=\"{alert}\"")), "{}", start.text);
        assert!(!start.has("Somebody has seen these"));
        let why = [("alert", alert.as_str()), ("reason", "revenues were asked")];
        for (fields, status) in [
            (vec![("alert", alert.as_str())], 400),
            (vec![("alert", "batch|7|7"), ("reason", "x")], 404),
            (vec![("alert", ""), ("reason", "x")], 404),
        ] {
            assert_eq!(
                served.post("/acknowledge", &kim, &fields).await.status,
                status,
                "{fields:?}"
            );
        }
        let seen = served.post("/acknowledge", &kim, &why).await;
        assert_eq!(seen.header("location"), "/?done=acknowledged", "{}", seen.text);
        let start = served.get("/", &kim).await;
        assert!(start.has("Somebody has seen these") && start.has("kim: revenues were asked"));
        assert!(!start.has(&format!("value=\"{alert}\"")));
        let log = "SELECT target || ' ' || reason FROM audit WHERE action = 'acknowledged'";
        assert_eq!(served.hub.text(log).await, format!("alert {alert} revenues were asked"));
        served.later(DAY_MS + 1);
        let later = served.person("later", &[Role::Support]).await;
        let start = served.get("/", &later).await;
        assert!(start.has(&format!("value=\"{alert}\"")), "after a day it is told again");
        let body = json!({ "alert": alert, "reason": "asked once more" });
        let said = served.call("POST", "/service/acknowledge", Some(&body)).await;
        assert_eq!(said.status, 200, "{}", said.text);
    }
}

#[tokio::test]
async fn what_changed_is_told_however_much_is_looked_at_meanwhile() {
    for on in [On::Sqlite, On::Postgres] {
        let served = Served::of(TestHub::open(on).await).await;
        let kim = served.person("kim", &[Role::Support]).await;
        let why = [("reason", "they asked us to")];
        assert_eq!(served.post("/destinations/notify/pause", &kim, &why).await.status, 303);
        let mut transaction = served.database().begin().await.unwrap();
        let sql = "INSERT INTO audit (id, at_ms, actor, action, target, digest) \
                   WITH RECURSIVE n (i) AS (SELECT CAST(1000 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 2000) \
                   SELECT i, $1, 'staff:kim', 'shown', 'delivery 7', 'x' FROM n";
        let cells = vec![viaduct::store::database::Cell::Int(served.now_ms())];
        transaction.execute(sql, cells).await.unwrap();
        transaction.commit().await.unwrap();
        assert!(served.get("/", &kim).await.has("paused · destination notify"));
        served.later(DAY_MS + 1);
        let later = served.person("later", &[Role::Support]).await;
        assert!(
            !served.get("/", &later).await.has("paused · destination notify"),
            "it was longer ago"
        );
    }
}
