//! Each route and the scope that it asks for, what it answers, and what it hides.

use serde_json::{Value, json};
use viaduct::access::scope::Scope;
use viaduct::app::{audit, batches, held, jobs};
use viaduct::web::api::routes::{ROUTES, page_table};

use super::{Served, seen, worked};
use crate::support::hub::{On, on_both};
use crate::walk::arrivals::{extract, some};

on_both! {
    each_route_asks_for_its_scope => super::scopes,
    the_api_says_what_the_commands_say => super::same_words,
    values_are_masked_until_a_reason_is_given => super::masked,
    what_changed_is_told_in_its_order_from_where_one_left_off => super::feed,
}

/// What each route asks for, written down once more: a slip in the table of routes shows here.
const WANTED: [(&str, &str, Scope); 90] = [
    ("GET", "/service", Scope::Read),
    ("GET", "/work-orders", Scope::Read),
    ("GET", "/work-orders/7", Scope::Read),
    ("POST", "/find", Scope::Read),
    ("GET", "/connectors", Scope::Read),
    ("POST", "/bulk", Scope::Act),
    ("GET", "/bulk/7/proposed", Scope::Read),
    ("POST", "/bulk/7/confirm", Scope::Act),
    ("POST", "/bulk/7/approve", Scope::Decide),
    ("POST", "/bulk/7/refuse", Scope::Decide),
    ("POST", "/bulk/7/drop", Scope::Act),
    ("GET", "/batches", Scope::Read),
    ("GET", "/batches/7", Scope::Read),
    ("POST", "/batches/7/accept", Scope::Decide),
    ("POST", "/batches/7/refuse", Scope::Decide),
    ("GET", "/held", Scope::Read),
    ("GET", "/held/7", Scope::Read),
    ("POST", "/replay", Scope::Act),
    ("POST", "/replay/preview", Scope::Act),
    ("GET", "/deliveries", Scope::Read),
    ("GET", "/deliveries/7", Scope::Read),
    ("POST", "/deliveries/release", Scope::Act),
    ("POST", "/deliveries/dismiss", Scope::Act),
    ("POST", "/deliveries/remake", Scope::Act),
    ("POST", "/deliveries/repeat", Scope::Act),
    ("POST", "/deliveries/7/decide", Scope::Decide),
    ("GET", "/bulk", Scope::Read),
    ("GET", "/bulk/7", Scope::Read),
    ("POST", "/bulk/7/pause", Scope::Act),
    ("POST", "/bulk/7/resume", Scope::Act),
    ("GET", "/audit", Scope::Audit),
    ("GET", "/audit/verify", Scope::Audit),
    ("GET", "/alerts", Scope::Audit),
    ("GET", "/alerts/7", Scope::Audit),
    ("POST", "/alerts/7/review", Scope::Review),
    ("GET", "/users", Scope::People),
    ("GET", "/users/nobody", Scope::People),
    ("POST", "/users", Scope::People),
    ("POST", "/users/nobody/roles", Scope::People),
    ("POST", "/users/nobody/disable", Scope::People),
    ("POST", "/users/nobody/enable", Scope::People),
    ("POST", "/users/nobody/sign-out", Scope::People),
    ("GET", "/changes", Scope::Read),
    ("POST", "/residents/search", Scope::Read),
    ("GET", "/residents/7", Scope::Read),
    ("GET", "/residents/7/history", Scope::Read),
    ("GET", "/residents/7/explain", Scope::Read),
    ("POST", "/residents/7/merge", Scope::Decide),
    ("POST", "/residents/7/split", Scope::Decide),
    ("GET", "/residents/7/why", Scope::Read),
    ("POST", "/residents/7/apart", Scope::Decide),
    ("GET", "/matches", Scope::Read),
    ("POST", "/matches/take", Scope::Decide),
    ("GET", "/matches/7-8", Scope::Read),
    ("POST", "/matches/7-8/say", Scope::Decide),
    ("GET", "/acts", Scope::Read),
    ("GET", "/acts/7", Scope::Read),
    ("GET", "/review", Scope::Read),
    ("POST", "/acts/7/unmerge", Scope::Decide),
    ("GET", "/holds", Scope::Read),
    ("GET", "/holds/7", Scope::Read),
    ("POST", "/holds", Scope::Act),
    ("POST", "/holds/7/lift", Scope::Decide),
    ("GET", "/destinations", Scope::Read),
    ("POST", "/destinations/notify/pause", Scope::Act),
    ("POST", "/destinations/notify/resume", Scope::Act),
    ("POST", "/destinations/notify/probe", Scope::Act),
    ("GET", "/jobs", Scope::Read),
    ("POST", "/jobs/nothing/run", Scope::Act),
    ("POST", "/jobs/nothing/pause", Scope::Act),
    ("POST", "/jobs/nothing/resume", Scope::Act),
    ("POST", "/jobs/nothing/skip", Scope::Act),
    ("GET", "/nodes", Scope::Read),
    ("POST", "/nodes/nothing/drain", Scope::Act),
    ("POST", "/nodes/nothing/resume", Scope::Act),
    ("GET", "/mappings", Scope::Read),
    ("GET", "/mappings/nothing", Scope::Read),
    ("GET", "/codes", Scope::Read),
    ("POST", "/codes", Scope::Act),
    ("GET", "/codes/7", Scope::Read),
    ("POST", "/codes/7/decide", Scope::Decide),
    ("POST", "/causes/code_unknown/assign", Scope::Act),
    ("POST", "/causes/code_unknown/silence", Scope::Act),
    ("POST", "/causes/code_unknown/note", Scope::Act),
    ("POST", "/work-orders/7/note", Scope::Act),
    ("POST", "/service/acknowledge", Scope::Act),
    ("GET", "/views", Scope::Read),
    ("POST", "/views", Scope::Act),
    ("POST", "/views/7/remove", Scope::Act),
    ("GET", "/openapi.json", Scope::Read),
];

async fn scopes(on: On) {
    let served = Served::open(on).await;
    assert_eq!(ROUTES.len(), WANTED.len(), "each route is looked at");
    for scope in Scope::ALL {
        let key = served.key(&format!("only-{}", scope.word()), &[scope]).await;
        for (method, path, wanted) in WANTED {
            // Words that nobody knows: whoever is let in is told so, and nothing is done.
            let request = served.request(method, &format!("{path}?zzz=1"), &key);
            let request = if method == "POST" { request.json(&json!({})) } else { request };
            let seen = seen(request).await;
            match scope == wanted {
                true => assert!([404, 422].contains(&seen.status), "{path} {scope:?}: {seen:?}"),
                false => {
                    assert_eq!(seen.status, 403, "{method} {path} with {scope:?} alone");
                    let named = format!("`{}`", wanted.word());
                    assert!(seen.detail().contains(&named), "{seen:?}");
                }
            }
        }
    }
}

async fn same_words(on: On) {
    let (hub, batch) = worked(on).await;
    let served = Served::of(hub).await;
    let (context, database) = (&served.hub.context, served.database());
    let all = batches::Wanted { job: None, most: 20 };
    let (listed, _) = batches::list(database, &all).await.unwrap();
    let (one, _) = batches::show(database, batch, None).await.unwrap();
    let (log, _) = audit::list(database, &audit::Wanted { most: 50, before: None }).await.unwrap();
    let code = held::items(context, "code_unknown", 1_000, viaduct::app::sight::Sight::Masked);
    for (path, wanted) in [
        ("/batches".to_owned(), listed.clone()),
        ("/batches?job=ingest-crm&most=5".to_owned(), json!([])),
        (format!("/batches/{batch}"), one),
        ("/held".to_owned(), held::list(context).await.unwrap().json()),
        ("/held?code=code_unknown".to_owned(), code.await.unwrap().json()),
        ("/audit".to_owned(), log),
        ("/audit/verify".to_owned(), json!({ "whole": true, "lines": 0 })),
        ("/bulk".to_owned(), json!([])),
    ] {
        let seen = served.get(&path, "").await;
        assert_eq!((seen.status, &seen.json), (200, &wanted), "{path}");
        assert_eq!(seen.header("content-type"), "application/json");
        assert_eq!(seen.header("cache-control"), "no-store");
    }
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let names = |json: &Value| -> Vec<String> {
        json.as_array().unwrap().iter().map(|job| job["job"].to_string()).collect()
    };
    let told = served.get("/jobs", "").await.json;
    assert_eq!(names(&told), names(&jobs::list(context).0));
    assert!(told[0]["next"].is_string(), "{told}");
}

async fn feed(on: On) {
    let (hub, _) = worked(on).await;
    let served = Served::of(hub).await;
    let all = served.get("/changes?most=1000", "").await.json;
    let ids = |json: &Value| -> Vec<i64> {
        json["changes"].as_array().unwrap().iter().map(|one| one["id"].as_i64().unwrap()).collect()
    };
    let told = ids(&all);
    assert!(told.len() > 30 && told.is_sorted(), "{told:?}");
    assert_eq!((&all["more"], &all["after"]), (&json!(false), &json!(told[told.len() - 1])));
    // A page at a time comes to the same, and whoever asks at the end is told nothing until there is more.
    let (mut after, mut paged) = (0, Vec::new());
    loop {
        let page = served.get(&format!("/changes?after={after}&most=7"), "").await.json;
        paged.extend(ids(&page));
        after = page["after"].as_i64().unwrap();
        if page["more"] == json!(false) {
            break;
        }
    }
    assert_eq!(paged, told);
    let account =
        &all["changes"].as_array().unwrap().iter().find(|one| one["subject"] == "account");
    assert!(!account.unwrap()["residents"].as_array().unwrap().is_empty());
    served.hub.drop_file("revenues", "ctax-3.xml", &extract(&some(31)));
    let none = served.get(&format!("/changes?after={after}"), "").await.json;
    assert_eq!((ids(&none).len(), none["after"].as_i64()), (0, Some(after)));
    served.hub.run("ingest-revenues").await;
    let more = served.get(&format!("/changes?after={after}"), "").await.json;
    assert!(!ids(&more).is_empty(), "{more}");
    // What an open batch changed waits for its end.
    let open = "UPDATE batch SET state = 'released', closed_ms = NULL \
                WHERE id = (SELECT MAX(batch_id) FROM change_event)";
    let mut transaction = served.database().begin().await.unwrap();
    transaction.execute(open, vec![]).await.unwrap();
    transaction.commit().await.unwrap();
    let open = served.get(&format!("/changes?after={after}"), "").await.json;
    assert_eq!((ids(&open).len(), open["after"].as_i64()), (0, Some(after)));
    // Who it is stands in no line of it.
    assert!(!all.to_string().contains("Testberry"));
}

async fn masked(on: On) {
    let (hub, _) = worked(on).await;
    let served = Served::of(hub).await;
    let reader = served.key("reader", &[Scope::Read, Scope::Act]).await;
    let shower = served.key("shower", &[Scope::Read, Scope::Act, Scope::Show]).await;
    let text = async |sql: &str| served.hub.text(sql).await;
    let resident = text("SELECT CAST(MIN(id) AS TEXT) FROM resident").await;
    let row = text("SELECT CAST(MIN(id) AS TEXT) FROM dead_letter").await;
    let secrets = ["Testberry", "9900003", "99-00003"];
    let search = json!({ "name": "Testberry" });
    let paths = [
        ("GET", format!("/residents/{resident}"), "Testberry", format!("resident {resident}")),
        ("GET", format!("/residents/{resident}/history"), "99000", format!("resident {resident}")),
        ("GET", format!("/held/{row}"), "9900003", format!("held {row}")),
        ("GET", "/held?code=code_unknown".to_owned(), "9900003", "held code_unknown".to_owned()),
        ("POST", "/residents/search".to_owned(), "Testberry", "residents".to_owned()),
        ("POST", "/replay/preview".to_owned(), "9900003", "preview of a replay".to_owned()),
    ];
    for (method, path, secret, target) in &paths {
        let shown = match path.contains('?') {
            true => format!("{path}&show=true"),
            false => format!("{path}?show=true"),
        };
        let body = if path.contains("search") { search.clone() } else { json!({}) };
        let ask = async |path: &str, key: &str, reason: &str| {
            let mut request = served.request(method, path, key);
            if *method == "POST" {
                request = request.json(&body);
            }
            if !reason.is_empty() {
                request = request.header("Reason", reason);
            }
            seen(request).await
        };
        let masked = ask(path, &shower, "").await;
        assert_eq!(masked.status, 200, "{path}: {masked:?}");
        for secret in secrets {
            assert!(!masked.json.to_string().contains(secret), "{path}: {masked:?}");
        }
        // That somebody was looked for is written down, masked or not.
        let before = served.audit().await.len();
        let forbidden = ask(&shown, &reader, "the resident is on the telephone").await;
        assert_eq!(forbidden.status, 403, "{shown}: {forbidden:?}");
        assert!(forbidden.detail().contains("`show`"), "{forbidden:?}");
        assert_eq!(ask(&shown, &shower, "").await.status, 422, "{shown}: no reason");
        assert_eq!(served.audit().await.len(), before, "nothing was shown yet");
        let told = ask(&shown, &shower, "the resident is on the telephone").await;
        assert_eq!(told.status, 200, "{shown}: {told:?}");
        assert!(told.json.to_string().contains(secret), "{shown}: {told:?}");
        let line = served.audit().await.pop().unwrap();
        assert_eq!(line, ("key:shower".to_owned(), "shown".to_owned(), target.clone()));
    }
    let lines = served.hub.rows("SELECT reason FROM audit WHERE action = 'shown'").await;
    assert_eq!(lines.len(), paths.len());
    assert!(lines.iter().all(|line| line[0] == "the resident is on the telephone"));
    let who =
        text("SELECT details FROM audit WHERE target = 'residents' AND action = 'shown'").await;
    assert!(who.contains(&resident) && !who.contains("Testberry"), "{who}");
}

#[test]
fn the_page_of_the_api_has_its_routes() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/api.md")).unwrap();
    assert!(page.contains(&page_table()), "docs/api.md must have:\n{}", page_table());
}
