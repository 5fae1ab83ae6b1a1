//! A hold is put down at a resident's record while a message waits, and what became of the message is told.

use serde_json::json;
use viaduct::access::right::Role;

use super::browser::look;
use super::{PASSWORD, Served};
use crate::holds::{ARDEN, Council, account};
use crate::support::hub::On;

/// A reminder waits for Arden.
async fn reminded(on: On) -> Council {
    let council = Council::open(on).await;
    council.night(1, &[account("990001", &[ARDEN], "0.00")]).await;
    council.night(2, &[account("990001", &[ARDEN], "10.00")]).await;
    assert_eq!(council.stand("arrears_reminder").await, "waiting 1");
    council
}

#[tokio::test]
async fn a_hold_is_put_down_for_a_reason_by_those_who_may() {
    for on in [On::Sqlite, On::Postgres] {
        let Council { hub, notify: _notify } = reminded(on).await;
        let id = hub.text("SELECT CAST(MIN(id) AS TEXT) FROM resident").await;
        let served = Served::of(hub).await;
        let kim = served.person("kim", &[Role::Support]).await;
        let steward = served.person("steward", &[Role::DataSteward]).await;
        let path = format!("/residents/{id}/hold");
        let down = [("kind", "dispute"), ("reason", "they dispute it")];
        assert_eq!(served.post(&path, &kim, &down).await.status, 400, "it is not open");
        let open = format!("/residents/{id}/open");
        served.post(&open, &kim, &[("purpose", "asks")]).await;
        assert_eq!(served.post(&path, &steward, &down).await.status, 403);
        assert_eq!(served.post(&path, &kim, &[("kind", "dispute")]).await.status, 400);
        let court = [("kind", "court"), ("reason", "x")];
        assert_eq!(served.post(&path, &kim, &court).await.status, 400);
        let never = [("kind", "dispute"), ("reason", "x"), ("until", "31/12/2026")];
        assert_eq!(served.post(&path, &kim, &never).await.status, 400);
        let done = served.post(&path, &kim, &down).await;
        assert_eq!(done.header("location"), format!("/residents/{id}?done=held"), "{}", done.text);
        let page = served.get(&format!("/residents/{id}"), &kim).await;
        assert!(page.has("A hold is in force: dispute"), "{}", page.text);
        assert!(!page.has("they dispute it"), "a reason may say something of them: it is masked");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_placed_while_a_message_waits() {
    for script in [true, false] {
        let Council { hub, notify } = reminded(On::Sqlite).await;
        let served = Served::of(hub).await;
        served.hire("desk", &[Role::Support], "").await;
        served.hire("desk2", &[Role::Support], "").await;
        let walk = async |person: &str, steps: serde_json::Value| {
            let journeys = json!([{ "name": "a hold placed while a message waits", "person": person, "script": script, "steps": steps }]);
            let plan = json!({ "url": served.url, "password": PASSWORD, "code": served.code(), "journeys": journeys });
            assert_eq!(look("journeys.mjs", &plan).await.as_array().unwrap().len(), 1);
        };
        walk(
            "desk",
            json!([
                ["press", "Residents"],
                ["type", "name", "arden testberry"],
                ["press", "Find"],
                ["press", "Resident "],
                ["choose", "purpose-asks"],
                ["press", "Open the record"],
                ["says", "arrears_reminder"],
                ["says", "Waiting"],
                ["open", "Put a hold down"],
                ["type", "kind", "They"],
                ["type", "hold-reason", "they dispute the debt"],
                ["press", "Put it down"],
                ["says", "The hold is down"],
                ["says", "A hold is in force: dispute"]
            ]),
        )
        .await;
        let job = served.hub.context.job("deliver-notify").unwrap();
        viaduct::app::run::run_deliver(&served.hub.context, job).await.unwrap();
        walk(
            "desk2",
            json!([
                ["press", "Residents"],
                ["type", "name", "arden testberry"],
                ["press", "Find"],
                ["press", "Resident "],
                ["choose", "purpose-why"],
                ["press", "Open the record"],
                ["says", "arrears_reminder"],
                ["says", "Held"],
                ["says", "It never left"],
                ["says", "dispute, from"],
                ["says", "Nothing yet"]
            ]),
        )
        .await;
        drop(notify);
    }
}
