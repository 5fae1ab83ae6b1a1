//! What stands on the pages: real data, masked; actions that are the API's own; and nothing of anybody where it
//! should not be.

use serde_json::json;
use viaduct::access::right::Role;

use super::{Served, hold, worked};
use crate::support::hub::On;

/// Values of the invented people in these extracts.
const PLANTED: [&str; 4] = ["Testberry", "pat.testberry@example.com", "SK99", "Fakeley"];

async fn rows(served: &Served, sql: &str) -> Vec<String> {
    served.hub.rows(sql).await.into_iter().map(|row| row[0].clone()).collect()
}

#[tokio::test]
async fn an_empty_hub_says_what_would_stand_there() {
    for on in [On::Sqlite, On::Postgres] {
        let served = Served::open(on).await;
        let all = [Role::SupportLead, Role::Governance, Role::Administrator];
        let kim = served.person("kim", &all).await;
        for (path, says) in [
            ("/", "Nothing needs a person now"),
            ("/work-orders", "Nothing has come in yet"),
            ("/work-orders?state=held", "There are none like that"),
            ("/deliveries", "Nothing was made to be sent yet"),
            ("/causes", "Nothing is held"),
            ("/causes/code_unknown", "Nothing is held because of it now"),
            ("/bulk", "Nothing was done to many things at once yet"),
            ("/batches", "Nothing was read yet"),
            ("/unknown", "There are none"),
            ("/destinations", "notify"),
            ("/destinations/notify", "What is due is sent"),
            ("/jobs", "ingest-revenues"),
            ("/connectors", "file_drop"),
            ("/connectors/notify", "NOTIFY_API_KEY"),
            ("/audit", "kim"),
            ("/audit/verify", "Yes."),
            ("/users", "kim"),
            ("/account", "Support lead, Information governance, Administrator"),
            ("/accessibility", "2.2"),
            ("/privacy", "One cookie"),
            ("/help", "Work orders"),
        ] {
            let seen = served.get(path, &kim).await;
            assert_eq!(seen.status, 200, "{path}: {}", seen.text);
            assert!(seen.has(says), "{path}: {}", seen.text);
            assert_eq!(seen.text.matches("<h1").count(), 1, "{path}");
        }
        for path in [
            "/work-orders/7",
            "/deliveries/7",
            "/bulk/7",
            "/batches/7",
            "/unknown/7",
            "/users/nobody",
            "/destinations/none",
            "/causes/no.such",
            "/connectors/none",
            "/found/none",
            "/none",
        ] {
            let seen = served.get(path, &kim).await;
            assert_eq!(seen.status, 404, "{path}: {}", seen.text);
            assert!(seen.has("Page not found"), "{path}");
        }
    }
}

#[tokio::test]
async fn a_held_row_is_found_explained_and_read_again() {
    for on in [On::Sqlite, On::Postgres] {
        let (hub, short) = worked(on).await;
        let served = Served::of(hub).await;
        let kim = served.person("kim", &[Role::Support]).await;
        let health = served.get("/", &kim).await;
        assert!(health.has("ctax-2.xml was held whole"), "{}", health.text);
        assert!(health.has(&format!("/batches/{short}")), "{}", health.text);
        let list = served.get("/work-orders?state=held", &kim).await;
        assert!(list.has("Held (2)") && list.has("All (30)"), "{}", list.text);
        let held = rows(
            &served,
            "SELECT CAST(record_id AS TEXT) FROM dead_letter WHERE settled_ms IS NULL ORDER BY id",
        )
        .await;
        assert!(held.iter().all(|id| list.has(&format!("/work-orders/{id}"))), "{}", list.text);
        let one = served.get(&format!("/work-orders/{}", held[0]), &kim).await;
        assert!(one.has("Why it is held") && one.has("codes/account_status.csv"), "{}", one.text);
        assert!(one.has("What to do:"), "{}", one.text);
        let causes = served.get("/causes", &kim).await;
        assert!(causes.has("code_unknown") && causes.has("/causes/"), "{}", causes.text);
        // Found by what its system calls it, which stands in no address.
        let key =
            rows(&served, &format!("SELECT key FROM source_record WHERE id = {}", held[0])).await;
        let found = served.post("/find", &kim, &[("key", &key[0])]).await;
        let to = found.header("location").to_owned();
        assert!(to == format!("/work-orders/{}", held[0]) || to.starts_with("/found/"), "{to}");
        assert!(!to.contains(&key[0]));
        for key in [held[0].clone(), short.to_string()] {
            let found = served.post("/find", &kim, &[("key", &key)]).await;
            assert_eq!(served.get(found.header("location"), &kim).await.status, 200, "{key}");
        }
        let nothing = served.post("/find", &kim, &[("key", "no such thing")]).await;
        assert!(served.get(nothing.header("location"), &kim).await.has("Nothing has that number"));
        // A search is its session's own.
        let sam = served.person("sam", &[Role::Support]).await;
        assert_eq!(served.get(nothing.header("location"), &sam).await.status, 404);
        let letter =
            rows(&served, "SELECT CAST(MIN(id) AS TEXT) FROM dead_letter WHERE settled_ms IS NULL")
                .await;
        let again = served
            .post(&format!("/held/{}/read-again", letter[0]), &kim, &[("work_order", &held[0])])
            .await;
        assert_eq!(again.status, 303, "{}", again.text);
        let lines = rows(
            &served,
            "SELECT actor || ' ' || action FROM audit WHERE actor = 'staff:kim' ORDER BY id",
        )
        .await;
        assert!(lines.iter().any(|line| line.starts_with("staff:kim repl")), "{lines:?}");
    }
}

#[tokio::test]
async fn a_file_that_came_short_is_accepted_by_a_lead_and_by_nobody_else() {
    for on in [On::Sqlite, On::Postgres] {
        let (hub, short) = worked(on).await;
        let served = Served::of(hub).await;
        let kim = served.person("kim", &[Role::Support]).await;
        let lead = served.person("lead", &[Role::SupportLead]).await;
        let page = format!("/batches/{short}");
        let decide = format!("{page}/decide");
        let seen = served.get(&page, &kim).await;
        assert!(seen.has("Nothing of it was published") && !seen.has(&decide), "{}", seen.text);
        let fields = [("decision", "accept"), ("reason", "revenues say so")];
        assert_eq!(served.post(&decide, &kim, &fields).await.status, 403);
        assert!(served.get(&page, &lead).await.has(&decide));
        assert!(served.get(&decide, &lead).await.has("Accept it as it is"));
        assert_eq!(served.post(&decide, &lead, &[("reason", "x")]).await.status, 400);
        assert_eq!(served.post(&decide, &lead, &[("decision", "accept")]).await.status, 400);
        assert_eq!(
            served.post(&decide, &lead, &fields).await.header("location"),
            format!("{page}?done=accepted")
        );
        let seen = served.get(&page, &lead).await;
        assert!(seen.has("accepted by lead") && seen.has("revenues say so"), "{}", seen.text);
        assert_eq!(served.get(&decide, &lead).await.status, 409);
    }
}

#[tokio::test]
async fn values_are_masked_until_they_are_shown_for_a_reason() {
    for on in [On::Sqlite, On::Postgres] {
        let (hub, _) = worked(on).await;
        let served = Served::of(hub).await;
        hold(served.database(), 500_001, 3).await;
        let kim = served.person("kim", &[Role::Support]).await;
        let viewer = served.person("vic", &[Role::Viewer]).await;
        let order = rows(&served, "SELECT CAST(MAX(id) AS TEXT) FROM source_record").await;
        let key =
            rows(&served, &format!("SELECT key FROM source_record WHERE id = {}", order[0])).await;
        let pages = [
            "/".to_owned(),
            "/work-orders".to_owned(),
            format!("/work-orders/{}", order[0]),
            "/deliveries".to_owned(),
            "/deliveries/500001".to_owned(),
            "/causes".to_owned(),
            "/causes/notify.refused".to_owned(),
            "/unknown".to_owned(),
            "/batches".to_owned(),
        ];
        for path in &pages {
            for person in [&kim, &viewer] {
                let seen = served.get(path, person).await;
                assert_eq!(seen.status, 200, "{path}");
                let headers = format!("{:?}", seen.headers);
                for planted in PLANTED.iter().chain([&key[0].as_str()]) {
                    assert!(
                        !seen.has(planted) && !headers.contains(planted),
                        "{path} shows {planted}"
                    );
                }
            }
        }
        let one = "/deliveries/500001";
        assert_eq!(
            served.post(&format!("{one}/show"), &viewer, &[("reason", "curious")]).await.status,
            403
        );
        assert_eq!(served.post(&format!("{one}/show"), &kim, &[("reason", " ")]).await.status, 400);
        let shown =
            served.post(&format!("{one}/show"), &kim, &[("reason", "a resident phones")]).await;
        assert_eq!(shown.header("location"), "/deliveries/500001?done=shown");
        assert!(served.get(one, &kim).await.has("pat.testberry@example.com"));
        assert!(
            !served.get("/deliveries/500002", &kim).await.has("pat.testberry"),
            "one record alone"
        );
        assert!(!served.get("/deliveries", &kim).await.has("pat.testberry"), "no list");
        let lines = rows(&served, "SELECT actor || ' ' || action || ' ' || target || ': ' || reason FROM audit WHERE action = 'shown'").await;
        assert_eq!(lines, ["staff:kim shown delivery 500001: a resident phones"]);
        served.later(15 * 60_000);
        assert!(!served.get(one, &kim).await.has("pat.testberry"), "it is over");
        served.post(&format!("{one}/show"), &kim, &[("reason", "again")]).await;
        assert!(served.get(one, &kim).await.has("pat.testberry"));
        served.post(&format!("{one}/hide"), &kim, &[]).await;
        assert!(!served.get(one, &kim).await.has("pat.testberry"));
        served
            .post(
                &format!("/work-orders/{}/show", order[0]),
                &kim,
                &[("reason", "a resident phones")],
            )
            .await;
        assert!(served.get(&pages[2], &kim).await.has(&key[0]));
    }
}

#[tokio::test]
async fn a_bulk_action_is_looked_at_confirmed_and_watched() {
    for on in [On::Sqlite, On::Postgres] {
        let served = Served::open(on).await;
        hold(served.database(), 500_001, 3).await;
        let kim = served.person("kim", &[Role::Support]).await;
        let list = served.get("/deliveries?state=held", &kim).await;
        assert!(list.has("value=\"500002\"") && list.has("Held (3)"), "{}", list.text);
        let chosen = [("id", "500001"), ("id", "500003"), ("action", "dismiss")];
        let to = served.post("/bulk", &kim, &chosen).await.header("location").to_owned();
        let page = served.get(&to, &kim).await;
        assert!(
            page.has("Never send 2 messages?") && page.has("Nothing was done yet"),
            "{}",
            page.text
        );
        let drop = served.post(&format!("{to}/drop"), &kim, &[]).await;
        assert_eq!(drop.status, 303);
        assert!(served.get(&to, &kim).await.has("Dropped"));
        let to = served.post("/bulk", &kim, &chosen).await.header("location").to_owned();
        assert_eq!(
            served.post(&format!("{to}/confirm"), &kim, &[]).await.status,
            400,
            "a reason is needed"
        );
        let done = served.post(&format!("{to}/confirm"), &kim, &[("reason", "sent by hand")]).await;
        assert_eq!(done.status, 303, "{}", done.text);
        let began = std::time::Instant::now();
        loop {
            let page = served.get(&to, &kim).await;
            if page.has("Done</strong>") {
                assert!(
                    page.has("2 of 2 had their turn") && page.has("sent by hand"),
                    "{}",
                    page.text
                );
                break;
            }
            assert!(began.elapsed().as_secs() < 60, "it never ends: {}", page.text);
        }
        let states = rows(&served, "SELECT state FROM delivery ORDER BY id").await;
        assert_eq!(states, ["dismissed", "held", "dismissed"]);
        assert_eq!(served.post("/bulk", &kim, &[("action", "release")]).await.status, 400);
        assert_eq!(
            served.post("/bulk", &kim, &[("action", "burn"), ("id", "500002")]).await.status,
            400
        );
    }
}

#[tokio::test]
async fn a_schedule_stands_still_and_a_run_is_left_out() {
    let served = Served::open(On::Sqlite).await;
    let kim = served.person("kim", &[Role::Support]).await;
    let path = |what: &str| format!("/jobs/ingest-revenues/{what}");
    assert_eq!(served.post(&path("pause"), &kim, &[]).await.status, 400, "a reason is needed");
    let why = [("reason", "the supplier mends their extract")];
    assert_eq!(served.post(&path("pause"), &kim, &why).await.status, 303);
    let page = served.get("/jobs", &kim).await;
    assert!(page.has("kim had it stand still") && page.has("mends their extract"), "{}", page.text);
    assert_eq!(served.post(&path("resume"), &kim, &why).await.status, 303);
    assert!(!served.get("/jobs", &kim).await.has("had it stand still"));
    assert_eq!(
        served.post(&path("skip"), &kim, &why).await.header("location"),
        "/jobs?done=skipped"
    );
    assert!(served.get("/jobs?done=skipped", &kim).await.has("<strong>Passed over.</strong>"));
    let lone = served.post("/jobs/ingest-openrevenues/pause", &kim, &why).await;
    assert_eq!(lone.status, 409, "{}", lone.text);
    assert_eq!(served.post("/jobs/none/pause", &kim, &why).await.status, 404);
}

#[tokio::test]
async fn what_sends_to_many_takes_a_second_person() {
    for on in [On::Sqlite, On::Postgres] {
        let served = Served::open(on).await;
        hold(served.database(), 500_001, 1_001).await;
        let kim = served.person("kim", &[Role::Support]).await;
        let chosen = [("code", "notify"), ("action", "release")];
        let to = served.post("/bulk", &kim, &chosen).await.header("location").to_owned();
        let why = [("reason", "the key was renewed")];
        assert_eq!(served.post(&format!("{to}/confirm"), &kim, &why).await.status, 303);
        let mine = served.get(&to, &kim).await;
        assert!(
            mine.has("Somebody else has to agree") && mine.has("Take it back"),
            "{}",
            mine.text
        );
        // Whoever may not decide is refused; and whoever asked, though they may.
        assert_eq!(served.post(&format!("{to}/approve"), &kim, &why).await.status, 403);
        let lead = served.person("lead", &[Role::SupportLead]).await;
        let start = served.get("/", &lead).await;
        assert!(
            start.has("asks for somebody else") && start.has(&format!("href=\"{to}\"")),
            "{}",
            start.text
        );
        let page = served.get(&to, &lead).await;
        assert!(page.has("kim asks for it") && page.has("the key was renewed"), "{}", page.text);
        assert!(page.has("I agree, do it") && page.has("Refuse it"), "{}", page.text);
        assert_eq!(served.post(&format!("{to}/drop"), &lead, &[]).await.status, 409, "not theirs");
        let no = [("reason", "not before Monday")];
        assert_eq!(served.post(&format!("{to}/refuse"), &lead, &no).await.status, 303);
        assert!(served.get(&to, &kim).await.has("lead refused it, because “not before Monday”"));
        let to = served.post("/bulk", &lead, &chosen).await.header("location").to_owned();
        assert_eq!(served.post(&format!("{to}/confirm"), &lead, &why).await.status, 303);
        let own = served.post(&format!("{to}/approve"), &lead, &why).await;
        assert!(own.status == 409 && own.has("somebody else has to agree"), "{}", own.text);
        let held = "SELECT CAST(COUNT(*) AS TEXT) FROM delivery WHERE state = 'held'";
        assert_eq!(served.hub.text(held).await, "1001", "nothing was sent");
        served.later(24 * 3_600_000);
        let other = served.person("other", &[Role::SupportLead]).await;
        assert_eq!(
            served.post(&format!("{to}/approve"), &other, &why).await.status,
            409,
            "too late"
        );
        let third = served.person("third", &[Role::Support]).await;
        let to = served.post("/bulk", &third, &chosen).await.header("location").to_owned();
        served.post(&format!("{to}/confirm"), &third, &why).await;
        let agreed = served.post(&format!("{to}/approve"), &other, &why).await;
        assert_eq!(agreed.header("location"), format!("{to}?done=begun"), "{}", agreed.text);
        let lines = "SELECT actor || ' ' || action FROM audit WHERE target LIKE 'bulk %' AND action <> 'ended' ORDER BY id";
        assert_eq!(
            rows(&served, lines).await,
            [
                "staff:kim proposed",
                "staff:kim asked for approval",
                "staff:lead refused",
                "staff:lead proposed",
                "staff:lead asked for approval",
                "staff:third proposed",
                "staff:third asked for approval",
                "staff:other approved",
            ]
        );
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_decided_by_a_lead() {
    for on in [On::Sqlite, On::Postgres] {
        let served = Served::open(on).await;
        hold(served.database(), 500_001, 2).await;
        let mut transaction = served.database().begin().await.unwrap();
        let sql = "UPDATE delivery SET cause_code = 'delivery.unknown'";
        transaction.execute(sql, vec![]).await.unwrap();
        transaction.commit().await.unwrap();
        let kim = served.person("kim", &[Role::Support]).await;
        let lead = served.person("lead", &[Role::SupportLead]).await;
        let list = served.get("/unknown", &lead).await;
        assert!(list.has("r-500001") && list.has("/unknown/500001"), "{}", list.text);
        assert!(!served.get("/unknown", &kim).await.has("href=\"/unknown/500001\""));
        let happened = [
            ("decision", "happened"),
            ("reason", "it is in the platform"),
            ("platform_id", "pi-7"),
        ];
        assert_eq!(served.post("/unknown/500001", &kim, &happened).await.status, 403);
        assert!(served.get("/unknown/500001", &lead).await.has("Did it happen?"));
        assert_eq!(served.post("/unknown/500001", &lead, &happened).await.status, 303);
        let again = [("decision", "again"), ("reason", "it is not there")];
        assert_eq!(served.post("/unknown/500002", &lead, &again).await.status, 303);
        assert_eq!(served.post("/unknown/500002", &lead, &again).await.status, 409, "once");
        let states = rows(&served, "SELECT state FROM delivery ORDER BY id").await;
        assert_eq!(states, ["delivered", "waiting"]);
        assert!(served.get("/unknown", &lead).await.has("There are none"));
    }
}

#[tokio::test]
async fn what_the_api_does_the_screens_do_and_the_other_way() {
    let served = Served::open(On::Sqlite).await;
    let kim = served.person("kim", &[Role::Support]).await;
    let reason = [("reason", "they asked us to")];
    assert_eq!(served.post("/destinations/notify/pause", &kim, &reason).await.status, 303);
    let page = served.get("/destinations/notify", &kim).await;
    assert!(page.has("kim paused it") && page.has("they asked us to"), "{}", page.text);
    let api = served.call("GET", "/destinations", None).await;
    let json: serde_json::Value = serde_json::from_str(&api.text).unwrap();
    let notify = json["destinations"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["destination"] == json!("notify"))
        .unwrap();
    assert_eq!((&notify["circuit"], &notify["by"]), (&json!("paused"), &json!("staff:kim")));
    let done = json!({ "reason": "done" });
    let resumed = served.call("POST", "/destinations/notify/resume", Some(&done)).await;
    assert_eq!(resumed.status, 200, "{}", resumed.text);
    assert!(served.get("/destinations/notify", &kim).await.has("What is due is sent"));
    assert!(served.get("/", &kim).await.has("· resumed · destination notify"));
    // The API takes no cookie, and the screens no key.
    let cookie = served.request("GET", "/api/v1/audit", &kim).header("Via", "1.1 proxy");
    assert_eq!(super::seen(cookie).await.status, 401);
}

#[tokio::test]
async fn long_and_wicked_words_stay_words() {
    let served = Served::open(On::Sqlite).await;
    hold(served.database(), 500_001, 1).await;
    let mut transaction = served.database().begin().await.unwrap();
    let wicked = format!(
        "<script>alert(1)</script>\"><img src=x onerror=alert(1)> {{{{7*7}}}} {}",
        "x".repeat(3_000)
    );
    let sql = "UPDATE delivery SET cause = $1, platform_id = $1, mapping = $1";
    transaction.execute(sql, vec![wicked.into()]).await.unwrap();
    transaction.commit().await.unwrap();
    let kim = served.person("kim", &[Role::Support]).await;
    for path in [
        "/deliveries",
        "/deliveries/500001",
        "/causes",
        "/causes/notify.refused",
        "/work-orders?source=%3Cscript%3E",
        "/deliveries?destination=%22%3E%3Cscript%3E",
        "/sign-in?next=%22%3E%3Cscript%3E",
        "/work-orders?done=%3Cscript%3E",
    ] {
        let seen = served.get(path, &kim).await;
        assert!(seen.status < 400, "{path}: {}", seen.status);
        assert!(!seen.has("<script>") && !seen.has("<img"), "{path}: {}", seen.text);
    }
}
