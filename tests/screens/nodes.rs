//! P11: who works here, as they say it themselves; and one that died is said to be dead, and when its work comes back.

use serde_json::Value;
use viaduct::access::right::Role;
use viaduct::app::{holder, nodes};
use viaduct::store::database::Database;
use viaduct::store::leases::{self, Wanted};

use super::Served;
use crate::support::hub::On;

async fn change(database: &Database, sql: &str) {
    let mut transaction = database.begin().await.unwrap();
    transaction.execute(sql, vec![]).await.unwrap();
    transaction.commit().await.unwrap();
}

/// A lease that a holder has for so long.
pub async fn lease(served: &Served, name: &str, holder: &str, ms: i64) {
    let now_ms = served.now_ms();
    let wanted = Wanted { name, holder, now_ms, until_ms: now_ms + ms, from: None };
    leases::take(served.database(), wanted).await.unwrap();
}

/// A node that was heard of so long ago.
pub async fn node(served: &Served, name: &str, silent_ms: i64) {
    let began_ms = served.now_ms() - 3 * 3_600_000;
    nodes::beat(&served.hub.context, name, "http://10.0.0.7:8480", began_ms).await.unwrap();
    let sql = format!(
        "UPDATE node SET heard_ms = heard_ms - {silent_ms}, beat_ms = beat_ms - {silent_ms} WHERE name = '{name}'"
    );
    change(served.database(), &sql).await;
}

#[tokio::test]
async fn who_works_here_is_said_and_who_died_and_when_its_work_comes_back() {
    for on in [On::Sqlite, On::Postgres] {
        let served = Served::open(on).await;
        let kim = served.person("kim", &[Role::Viewer]).await;
        assert!(served.get("/nodes", &kim).await.has("No node has said yet that it is there"));
        let me = holder::name();
        node(&served, &me, 0).await;
        node(&served, "elsewhere:17:1", 300_000).await;
        node(&served, "empty:18:1", 300_000).await;
        lease(&served, "deliver:notify", "elsewhere:17:1", 12_000).await;
        lease(&served, "ingest", &me, 12_000).await;
        lease(&served, "deliver:pay", "shell:19:1", 12_000).await;
        change(
            served.database(),
            "INSERT INTO batch (id, source_id, job, origin, origin_mark, state, mapping, mapping_version, sends, \
             started_ms) VALUES (400001, 1, 'ingest-revenues', 'ctax-7.xml', 'm', 'released', 'm', 1, TRUE, 0)",
        )
        .await;
        let now_ms = served.now_ms();
        let sql = format!(
            "INSERT INTO bulk (id, action, chosen, actor, reason, state, items, created_ms, moved_ms, payments, \
             worked_by) VALUES (400002, 'release', '', 'staff:kim', 'r', 'running', 1, 0, {now_ms}, 0, 'elsewhere:17:1')"
        );
        change(served.database(), &sql).await;
        let page = served.get("/nodes", &kim).await;
        for says in [
            "elsewhere, process 17 <strong class=\"govuk-tag govuk-tag--red\">Dead",
            // The bulk action is taken up when it has stood still for half a minute.
            "It is dead. Its work comes back in 30 s at the latest",
            "empty, process 18",
            "has nothing in hand: nothing waits for it",
            "shell, process 19 <strong class=\"govuk-tag govuk-tag--grey\">By hand",
            "/destinations/notify",
            "/destinations/pay",
            "/batches/400001",
            "ctax-7.xml",
            "/bulk/400002",
            "lease 1, for 12 seconds more",
        ] {
            assert!(page.has(says), "{says}: {}", page.text);
        }
        let api = served.call("GET", "/nodes", None).await;
        let json: Value = serde_json::from_str(&api.text).unwrap();
        let state = |name: &str| {
            let all = json["nodes"].as_array().unwrap();
            let one = all.iter().find(|one| one["node"] == name).unwrap();
            one["state"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            [state(&me), state("elsewhere:17:1"), state("shell:19:1")],
            ["running", "dead", "by hand"]
        );
        served.later(40_000);
        let page = served.get("/nodes", &kim).await;
        assert!(page.has("its time is over: its work is free"), "{}", page.text);
        assert!(
            !page.has("shell, process 19"),
            "what was run by hand is told of while it holds something"
        );
        // One of this machine that is gone is seen to be, whatever time it had.
        let here = me.rsplit_once(':').unwrap().0;
        let gone = format!("{here}:not-when-we-began");
        node(&served, &gone, 0).await;
        lease(&served, "deliver:pay", &gone, 90_000).await;
        let page = served.get("/nodes", &kim).await;
        assert!(
            page.has("as this machine can see: whoever wants its work takes it"),
            "{}",
            page.text
        );
        let (_, text) = nodes::stand(&served.hub.context).await.unwrap();
        assert!(
            text.contains("elsewhere process 17: dead") && text.contains("sends to pay"),
            "{text}"
        );
        // One is drained, with a reason, by whoever may act.
        let lead = served.person("lead", &[Role::Support]).await;
        let path = format!("/nodes/{}/drain", me.replace(':', "%3A"));
        assert!(served.get("/nodes", &lead).await.has(&format!("action=\"{path}\"")));
        assert!(!served.get("/nodes", &kim).await.has("/drain\""));
        assert_eq!(served.post(&path, &lead, &[]).await.status, 400);
        let why = [("reason", "it is patched tonight")];
        assert_eq!(served.post(&path, &lead, &why).await.status, 303);
        let page = served.get("/nodes", &lead).await;
        assert!(page.has("lead had it take nothing new") && page.has("it is patched tonight"));
        let body = serde_json::json!({ "reason": "it is patched" });
        let path = path.replace("drain", "resume");
        let resumed = served.call("POST", &path, Some(&body)).await;
        assert_eq!(resumed.status, 200, "{}", resumed.text);
        assert!(!served.get("/nodes", &kim).await.has("it is patched tonight"));
        assert_eq!(served.call("POST", "/nodes/none/drain", Some(&body)).await.status, 404);
        // After a day nobody tells of it any more.
        change(
            served.database(),
            "UPDATE node SET heard_ms = heard_ms - 90000000 WHERE name = 'empty:18:1'",
        )
        .await;
        node(&served, &me, 0).await;
        assert!(!served.get("/nodes", &kim).await.has("empty, process 18"));
    }
}

#[tokio::test]
async fn a_clock_that_is_off_is_said_and_kills_nobody() {
    for on in [On::Sqlite, On::Postgres] {
        let served = Served::open(on).await;
        let kim = served.person("kim", &[Role::Viewer]).await;
        node(&served, "elsewhere:17:1", 0).await;
        change(served.database(), "UPDATE node SET beat_ms = beat_ms - 630000").await;
        let page = served.get("/nodes", &kim).await;
        assert!(
            page.has("Its clock is 10 min behind the database") && page.has("Running"),
            "{}",
            page.text
        );
    }
}
