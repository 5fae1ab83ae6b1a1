//! Every change by the API: what it does, whom it is put down to, and what goes on in the background.

use serde_json::{Value, json};
use viaduct::access::scope::Scope;
use viaduct::store::audit::{self, Verdict};
use viaduct::store::database::Cell;

use super::{Served, worked};
use crate::support::hub::{On, on_both};

on_both! {
    every_change_is_put_down_to_its_actor => super::put_down,
    what_stands_otherwise_is_a_conflict_and_changes_nothing => super::conflicts,
    held_ones_are_released_in_the_background_each_once => super::released,
    rows_are_read_again_in_the_background => super::replayed,
    a_hold_is_put_down_seen_and_lifted => super::held_back,
}

/// Held deliveries 1, 2, 3 …: the last is one that nobody answered.
async fn hold(served: &Served, many: i64) {
    let mut transaction = served.database().begin().await.unwrap();
    for id in 1..=many {
        let code = if id == many { "delivery.unknown" } else { "notify.refused" };
        let sql = "INSERT INTO delivery (id, change_event_id, batch_id, resident_id, destination, \
                   mapping, mapping_version, purpose, needs_consent, reference, state, \
                   since_ms, next_ms, attempts, fence, cause_code, cause, created_ms) VALUES ($1, 0, 1, 7, \
                   'notify', 'm', 1, 'p', FALSE, $2, 'held', 0, 0, 8, 3, $3, 'no', 0)";
        let cells = vec![Cell::Int(id), Cell::Text(format!("r-{id}")), Cell::Text(code.to_owned())];
        transaction.execute(sql, cells).await.unwrap();
    }
    let sql = "INSERT INTO delivery_message (delivery_id, batch_id, resident_id, message) SELECT id, batch_id, resident_id, '{\"channel\":\"email\",\
               \"template\":\"t\",\"to\":\"a@example.com\",\"fields\":[]}' FROM delivery";
    transaction.execute(sql, vec![]).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn put_down(on: On) {
    let (hub, batch) = worked(on).await;
    let served = Served::of(hub).await;
    hold(&served, 4).await;
    let refused =
        served.post(&format!("/batches/{batch}/refuse"), "", json!({"reason": "no"})).await;
    assert_eq!((refused.status, &refused.json["by"]), (200, &json!("local")), "{refused:?}");
    let key = served.key("crm", &[Scope::Read, Scope::Act, Scope::Decide]).await;
    let asked = [
        ("/deliveries/release", json!({"ids": [1], "reason": "mended"}), 202),
        ("/deliveries/dismiss", json!({"ids": [2], "reason": "too late"}), 202),
        ("/deliveries/remake", json!({"ids": [3], "reason": "the mapping is mended"}), 202),
        (
            "/deliveries/4/decide",
            json!({"happened": true, "platform_id": "p-4", "reason": "seen"}),
            200,
        ),
        ("/replay", json!({"code": "code_unknown", "quiet": true}), 202),
        ("/destinations/notify/pause", json!({"reason": "they asked for it"}), 200),
        ("/destinations/notify/resume", json!({"reason": "they are done"}), 200),
        ("/jobs/ingest-crm/run", json!({}), 202),
    ];
    for (path, body, status) in asked {
        let seen = served.post(path, &key, body).await;
        assert_eq!(seen.status, status, "{path}: {seen:?}");
    }
    let all_done = |bulk: &Value| {
        bulk.as_array().unwrap().iter().filter(|one| one["state"] == "done").count() == 3
    };
    served.until("/bulk", &key, all_done).await;
    let line = |actor: &str, action: &str, target: &str| {
        (actor.to_owned(), action.to_owned(), target.to_owned())
    };
    let lines = served.audit().await;
    let key_id = lines[1].2.clone();
    let bulk = |place: usize| {
        let mut begun = lines.iter().filter(|(_, action, _)| action == "begun");
        begun.nth(place).unwrap().2.clone()
    };
    for wanted in [
        line("local", "refused", &format!("batch {batch}")),
        line("user:kim", "added", &key_id),
        line("key:crm", "begun", &bulk(0)),
        line("key:crm", "ended", &bulk(0)),
        line("key:crm", "begun", &bulk(1)),
        line("key:crm", "ended", &bulk(1)),
        line("key:crm", "begun", &bulk(2)),
        line("key:crm", "ended", &bulk(2)),
        line("key:crm", "happened", "delivery 4"),
        line("key:crm", "replayed", "code code_unknown"),
        line("key:crm", "paused", "destination notify"),
        line("key:crm", "resumed", "destination notify"),
        line("key:crm", "run", "job ingest-crm"),
    ] {
        assert_eq!(
            lines.iter().filter(|line| **line == wanted).count(),
            1,
            "{wanted:?}: {lines:?}"
        );
    }
    assert_eq!(lines.len(), 13, "and nothing else: {lines:?}");
    assert!(matches!(audit::verify(served.database()).await.unwrap(), Verdict::Whole(13)));
    // Nobody knows such a mapping: it stays, and says so.
    let left = served.get(&format!("/{}", bulk(2).replace(' ', "/")), &key).await.json;
    assert_eq!(left["counts"], json!({"left": 1}), "{left}");
    let why = left["list"][0]["why"].as_str().unwrap();
    assert!(why.contains("there is no mapping `m` any more"), "{why}");
    let rung = match on {
        On::Postgres => served.hub.text("SELECT CAST(COUNT(*) AS TEXT) FROM apalis.jobs").await,
        // The queue of SQLite is a file of its own: that the ring was answered says it.
        On::Sqlite => "1".to_owned(),
    };
    assert_eq!(rung, "1");
}

async fn conflicts(on: On) {
    let (hub, batch) = worked(on).await;
    let served = Served::of(hub).await;
    hold(&served, 2).await;
    let why = json!({"reason": "a ward moved away"});
    let accepted = served.post(&format!("/batches/{batch}/accept"), "", why.clone()).await;
    assert_eq!((accepted.status, &accepted.json["put_back"]), (200, &json!(true)), "{accepted:?}");
    let closed: i64 = served
        .hub
        .text("SELECT CAST(id AS TEXT) FROM batch WHERE state = 'closed'")
        .await
        .parse()
        .unwrap();
    let sent = json!({"send_again": true, "reason": "they have none"});
    let dismissed =
        served.post("/deliveries/dismiss", "", json!({"ids": [1], "reason": "x"})).await;
    let bulk = dismissed.json["bulk"].as_i64().unwrap();
    served.until(&format!("/bulk/{bulk}"), "", |bulk| bulk["state"] == "done").await;
    let before = served.audit().await.len();
    for (path, body, said) in [
        (format!("/batches/{batch}/refuse"), why.clone(), "was accepted by local"),
        (format!("/batches/{closed}/accept"), why.clone(), "only one that is held"),
        ("/deliveries/1/decide".to_owned(), sent, "delivery 1 is dismissed"),
        (
            "/deliveries/repeat".to_owned(),
            json!({"destination": "notify", "ids": [1], "reason": "again"}),
            "reaches residents",
        ),
        (format!("/bulk/{bulk}/pause"), json!({}), "is done"),
        (format!("/bulk/{bulk}/resume"), json!({}), "is done"),
    ] {
        let seen = served.post(&path, "", body).await;
        assert_eq!(seen.status, 409, "{path}: {seen:?}");
        assert!(seen.detail().contains(said), "{path}: {seen:?}");
    }
    assert_eq!(served.audit().await.len(), before, "what was refused changed nothing");
}

async fn released(on: On) {
    let served = Served::open(on).await;
    hold(&served, 1_300).await;
    let key = served.key("crm", &[Scope::Read, Scope::Act]).await;
    let chosen = json!({"code": "notify", "destination": "notify", "dry_run": true});
    let dry = served.post("/deliveries/release", &key, chosen).await;
    assert_eq!((dry.status, &dry.json["would"]), (200, &json!({"waiting": 1_299})), "{dry:?}");
    assert_eq!(served.audit().await.len(), 1, "a dry run changes nothing");
    let chosen = json!({"code": "notify", "reason": "the key was renewed"});
    let begun = served.post("/deliveries/release", &key, chosen).await;
    assert_eq!((begun.status, &begun.json["items"]), (202, &json!(1_299)), "{begun:?}");
    let path = format!("/bulk/{}", begun.json["bulk"]);
    // More than a thousand are sent when somebody else has agreed, who may decide.
    assert_eq!(begun.json["state"], json!("asked"), "{begun:?}");
    let (approve, yes) = (format!("{path}/approve"), json!({"reason": "seen"}));
    assert_eq!(served.post(&approve, &key, yes.clone()).await.status, 403);
    let lead = served.key("lead", &[Scope::Read, Scope::Decide]).await;
    let unsaid = served.post(&approve, &lead, json!({"reason": " "})).await;
    assert_eq!(unsaid.status, 422, "{unsaid:?}");
    let agreed = served.post(&approve, &lead, yes.clone()).await;
    assert_eq!(agreed.status, 202, "{agreed:?}");
    assert_eq!(served.post(&approve, &lead, yes).await.status, 409, "once");
    let done = served.until(&path, &key, |bulk| bulk["state"] == "done").await;
    assert_eq!(done["approved_by"], json!("key:lead"));
    assert_eq!(done["counts"], json!({"waiting": 1_299}));
    let (mut seen, mut after) = (Vec::new(), json!(0));
    while let Some(place) = after.as_i64() {
        let page = served.get(&format!("{path}?most=500&after={place}"), &key).await.json;
        let items = page["list"].as_array().unwrap();
        seen.extend(items.iter().map(|item| item["delivery"].as_i64().unwrap()));
        after = page["after"].clone();
    }
    assert_eq!(seen, (1..=1_299).collect::<Vec<_>>());
    let left = served.get(&format!("{path}?outcome=left"), &key).await.json;
    assert_eq!(left["list"], json!([]));
    // Stopped, and gone on with: items that have not had their turn wait for it.
    let chosen = json!({"ids": [1_300], "reason": "x"});
    let other = served.post("/deliveries/dismiss", &key, chosen).await.json["bulk"].to_string();
    let other = format!("/bulk/{other}");
    served.until(&other, &key, |bulk| bulk["state"] == "done").await;
    let mut transaction = served.database().begin().await.unwrap();
    let sql = "UPDATE bulk SET state = 'running' WHERE action = 'release'";
    transaction.execute(sql, vec![]).await.unwrap();
    let sql = "UPDATE bulk_item SET outcome = NULL, done_ms = NULL WHERE place = 1299";
    transaction.execute(sql, vec![]).await.unwrap();
    transaction.commit().await.unwrap();
    let paused = served.post(&format!("{path}/pause"), &key, json!({})).await;
    assert_eq!((paused.status, &paused.json["state"]), (200, &json!("paused")), "{paused:?}");
    let resumed = served.post(&format!("{path}/resume"), &key, json!({})).await;
    assert_eq!(resumed.status, 202, "{resumed:?}");
    served.until(&path, &key, |bulk| bulk["state"] == "done").await;
    let actions: Vec<String> = served.audit().await.into_iter().map(|line| line.1).collect();
    assert!(actions.contains(&"paused".to_owned()) && actions.contains(&"resumed".to_owned()));
}

async fn replayed(on: On) {
    let (hub, _) = worked(on).await;
    let served = Served::of(hub).await;
    let nothing = served.post("/replay", "", json!({"code": "pence_wrong_shape"})).await;
    assert_eq!((nothing.status, &nothing.json), (202, &json!({"jobs": []})), "{nothing:?}");
    assert_eq!(served.post("/replay", "", json!({"code": "no_such"})).await.status, 404);
    assert_eq!(served.post("/replay", "", json!({"ids": [1]})).await.status, 404);
    assert_eq!(served.post("/replay", "", json!({"job": "deliver-notify"})).await.status, 422);
    let foretold = served.post("/replay/preview", "", json!({"code": "code_unknown"})).await;
    assert_eq!(foretold.status, 200, "{foretold:?}");
    assert_eq!(served.audit().await, [], "a preview changes nothing");
    let begun = served.post("/replay", "", json!({"code": "code_unknown"})).await;
    let jobs = json!({"jobs": [{"job": "ingest-revenues", "held": 1}]});
    assert_eq!((begun.status, &begun.json), (202, &jobs), "{begun:?}");
    let closed = |batches: &Value| {
        batches[0]["origin"].as_str().is_some_and(|origin| origin.starts_with("replay of"))
            && batches[0]["state"] == "closed"
    };
    let batches = served.until("/batches?most=1", "", closed).await;
    assert_eq!(batches[0]["held"], json!(1), "the code is as unknown as it was: {batches}");
}

async fn held_back(on: On) {
    let (hub, _) = worked(on).await;
    let served = Served::of(hub).await;
    let key = served.key("crm", &[Scope::Read, Scope::Act]).await;
    let boss = served.key("boss", &[Scope::Read, Scope::Show, Scope::Decide]).await;
    let asked = json!({"kind": "dispute", "account": "9900005", "reason": "they say it is paid",
        "reference": "c-1"});
    let put = served.post("/holds", &key, asked.clone()).await;
    assert_eq!((put.status, &put.json["door"]), (200, &json!("api")), "{put:?}");
    assert_eq!(
        (&put.json["added_by"], &put.json["code"]),
        (&json!("key:crm"), &json!(null)),
        "{put:?}"
    );
    assert!(!put.json.to_string().contains("9900005"), "{put:?}");
    let again = served.post("/holds", &key, asked).await;
    assert_eq!((again.status, &again.json["hold"]), (200, &put.json["hold"]), "{again:?}");
    let path = format!("/holds/{}", put.json["hold"]);
    let one = served.get(&path, &key).await;
    assert_eq!((one.status, &one.json["state"]), (200, &json!("in force")), "{one:?}");
    assert_eq!(
        served.get("/holds?kind=dispute", &key).await.json["holds"].as_array().unwrap().len(),
        1
    );
    let wrong = json!({"kind": "no_such_kind", "account": "9900005", "reason": "x"});
    assert_eq!(served.post("/holds", &key, wrong).await.status, 422);
    assert_eq!(served.get("/holds/1", &key).await.status, 404);
    let lift = json!({"reason": "it was a mistake", "at_once": true});
    assert_eq!(served.post(&format!("{path}/lift"), &key, lift.clone()).await.status, 403);
    let lifted = served.post(&format!("{path}/lift"), &boss, lift.clone()).await;
    assert_eq!((lifted.status, &lifted.json["hold"]), (200, &put.json["hold"]), "{lifted:?}");
    let again = served.post(&format!("{path}/lift"), &boss, lift.clone()).await;
    assert_eq!((again.status, &again.json["type"]), (409, &json!("urn:viaduct:problem:stands")));
    assert!(again.detail().contains("is over already"), "{again:?}");
    assert_eq!(served.post("/holds/4711/lift", &boss, lift).await.status, 404);
    let shown =
        served.request("GET", &format!("{path}?show=true"), &boss).header("Reason", "asked");
    let shown = super::seen(shown).await;
    assert!(shown.json.to_string().contains("9900005"), "{shown:?}");
    assert_eq!(shown.json["state"], json!("lifted"));
    let target = format!("hold {}", put.json["hold"]);
    let lines: Vec<(String, String)> = (served.audit().await.into_iter())
        .filter(|(_, _, about)| *about == target)
        .map(|(actor, action, _)| (actor, action))
        .collect();
    let wanted = [("key:crm", "added"), ("key:boss", "lifted"), ("key:boss", "shown")];
    for (actor, action) in wanted {
        let line = (actor.to_owned(), action.to_owned());
        assert!(lines.contains(&line), "{line:?}: {lines:?}");
    }
}
