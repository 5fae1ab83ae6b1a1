//! P16: a code that no list has is asked for by one person, tried on a copy, approved by another, and what waited
//! is read again.

use serde_json::json;
use viaduct::access::actor::Actor;
use viaduct::access::right::Role;
use viaduct::app::codes::{self, Decided};

use super::browser::{look, page, pictures};
use super::{PASSWORD, Person, Served, worked};
use crate::support::hub::{On, TestHub};
use crate::walk::arrivals::{extract, some};

const LIST: &str = "codes/account_status.csv";

/// Asks until a page says it, and gives up at last.
async fn until(served: &Served, path: &str, person: &Person, says: &str) -> String {
    let began = std::time::Instant::now();
    loop {
        let seen = served.get(path, person).await;
        if seen.has(says) {
            return seen.text;
        }
        assert!(began.elapsed().as_secs() < 60, "{says}: {}", seen.text);
    }
}

#[tokio::test]
async fn a_code_is_asked_for_tried_approved_by_another_and_read_with() {
    for on in [On::Sqlite, On::Postgres] {
        let (hub, _) = worked(on).await;
        let served = Served::of(hub).await;
        let ida = served.person("ida", &[Role::Integrator, Role::Approver]).await;
        let ann = served.person("ann", &[Role::Approver]).await;
        let sue = served.person("sue", &[Role::Support]).await;
        let page = served.get("/codes", &ida).await;
        assert!(page.has("LIMBO</strong> is not in the list: 2 rows"), "{}", page.text);
        let ask = async |code: &str, value: &str, person: &Person| {
            let fields = [
                ("list", LIST),
                ("code", code),
                ("value", value),
                ("reason", "the supplier's manual, page 9"),
            ];
            served.post("/codes", person, &fields).await
        };
        assert_eq!(ask("LIMBO", "open", &sue).await.status, 403);
        assert_eq!(ask("LIMBO", "open", &ann).await.status, 403);
        assert_eq!(ask("LIMBO", "afloat", &ida).await.status, 400, "it may not mean that");
        assert_eq!(ask("OPEN", "open", &ida).await.status, 409, "the list has it");
        assert_eq!(ask("A\nB", "open", &ida).await.status, 400);
        let asked = ask("LIMBO", "open", &ida).await;
        let path = asked.header("location").split('?').next().unwrap().to_owned();
        assert!(path.starts_with("/codes/"), "{}", asked.text);
        assert_eq!(ask("LIMBO", "closed", &ida).await.status, 409, "it was asked for");
        let text = until(&served, &path, &ann, "2 rows would be published, and 0 would stay").await;
        assert!(text.contains("Does the code count?"), "{text}");
        assert!(served.get(&path, &ida).await.has("another person has to say yes"));
        // Nothing counts before: what waits is as unknown as it was.
        let held = "SELECT CAST(COUNT(*) AS TEXT) FROM dead_letter WHERE settled_ms IS NULL";
        assert_eq!(served.hub.text(held).await, "2");
        let say = |word| [("decision", word), ("reason", "I asked the supplier")];
        assert_eq!(served.post(&path, &ida, &say("approve")).await.status, 409, "not one's own");
        // Nor by another door.
        let id = path.rsplit('/').next().unwrap().parse().unwrap();
        for by in [Actor::key("ida"), Actor::user("ida"), Actor::local()] {
            let yes = Decided { approve: true, reason: "the same".to_owned() };
            let said = codes::decide(&served.hub.context, id, yes, &by).await;
            assert!(said.is_err_and(|error| error.to_string().contains("another person")), "{by}");
        }
        assert_eq!(served.post(&path, &sue, &say("approve")).await.status, 403);
        assert_eq!(served.post(&path, &ann, &[("decision", "approve")]).await.status, 400);
        let said = served.post(&path, &ann, &say("approve")).await;
        assert_eq!(said.header("location"), format!("{path}?done=code-counts"));
        assert_eq!(served.post(&path, &ann, &say("refuse")).await.status, 409, "once");
        let page = served.get(&path, &sue).await;
        assert!(page.has("mappings/codes/account_status.csv") && page.has("LIMBO,open,,"));
        let order = served.hub.text("SELECT CAST(MIN(record_id) AS TEXT) FROM dead_letter").await;
        let order = served.get(&format!("/work-orders/{order}"), &sue).await;
        assert!(order.has("As the definitions are now it would be taken"), "{}", order.text);
        let again = served.post(&format!("{path}/read-again"), &sue, &[]).await;
        assert_eq!(again.status, 303, "{}", again.text);
        until(&served, &path, &sue, "No row waits under an unknown code").await;
        // What comes next is read with it, and with a mapping of another version.
        let mut accounts = some(31);
        accounts[30] = accounts[30].replace("OPEN", "LIMBO");
        served.hub.drop_file("revenues", "ctax-3.xml", &extract(&accounts));
        let report = served.hub.run("ingest-revenues").await;
        assert_eq!(report["total"]["held"], json!(0), "{report}");
        let log = "SELECT actor || ' ' || action || ' ' || target FROM audit WHERE action LIKE '%a code' ORDER BY id";
        let log: Vec<String> =
            served.hub.rows(log).await.into_iter().map(|row| row[0].clone()).collect();
        let target = format!("code list {LIST}");
        let wanted = [
            format!("staff:ida asked for a code {target}"),
            format!("staff:ann approved a code {target}"),
        ];
        assert_eq!(log, wanted);
        // What was refused counts for nothing, and can be asked for once more.
        let asked = ask("GONE", "closed", &ida).await.header("location").to_owned();
        let other = asked.split('?').next().unwrap().to_owned();
        assert_eq!(served.post(&other, &ann, &say("refuse")).await.status, 303);
        assert!(served.get(&other, &ann).await.has("Refused</strong>"));
        assert_eq!(ask("GONE", "closed", &ida).await.status, 303);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_thousand_rows_held_by_one_unknown_code() {
    let folder = tempfile::tempdir().unwrap();
    for script in [true, false] {
        let hub = TestHub::open(On::Sqlite).await;
        let mut accounts = some(3_200);
        for account in &mut accounts[..3_000] {
            *account = account.replace("OPEN", "LIMBO");
        }
        hub.drop_file("revenues", "ctax-1.xml", &extract(&accounts));
        hub.run("ingest-revenues").await;
        let served = Served::of(hub).await;
        for (name, roles) in [
            ("ida", &[Role::Integrator][..]),
            ("ann", &[Role::Approver]),
            // So many rows at once take a lead.
            ("sue", &[Role::SupportLead]),
        ] {
            served.hire(name, roles, "").await;
        }
        let viewer = served.person("vic", &[Role::Integrator]).await;
        let codes = served.get("/codes", &viewer).await;
        let (_, rest) =
            codes.text.split_once("<select class=\"govuk-select\" id=\"value-").unwrap();
        let place = rest.split('"').next().unwrap().to_owned();
        if script {
            let pages = [page("p16-code-lists", "/codes", 200, &viewer)];
            let to = pictures(folder.path());
            look("look.mjs", &json!({ "url": served.url, "pictures": to, "pages": pages })).await;
        }
        served.later(60_000);
        let journeys = json!([
            { "name": "an unknown code is asked for", "person": "ida", "script": script, "steps": [
                ["press", "Causes"], ["press", "code_unknown"], ["says", "3,000 rows"], ["press", "Code lists"],
                ["says", "LIMBO is not in the list"], ["type", format!("value-{place}"), "open"],
                ["type", format!("reason-{place}"), "the supplier's manual, page 9"], ["press", "Ask for this code"],
                ["says", "It is asked for"], ["until", "3,000 rows would be published"] ] },
            { "name": "another person approves it", "person": "ann", "script": script, "steps": [
                ["press", "Code lists"], ["press", "LIMBO"], ["says", "3,000 rows would be published"],
                ["choose", "approve"], ["type", "reason", "I asked the supplier"], ["press", "Save the decision"],
                ["says", "The code counts"] ] },
            { "name": "what waits is read again, and watched", "person": "sue", "script": script, "steps": [
                ["press", "Code lists"], ["press", "LIMBO"], ["says", "3,000 rows wait"],
                ["press", "Read these 3,000 rows again"], ["until", "No row waits under an unknown code"] ] }
        ]);
        let plan = json!({ "url": served.url, "password": PASSWORD, "code": served.code(), "journeys": journeys });
        assert_eq!(look("journeys.mjs", &plan).await.as_array().unwrap().len(), 3);
        if script {
            let id = served.hub.text("SELECT CAST(MAX(id) AS TEXT) FROM code_addition").await;
            let pages = [page("p16-a-code-that-counts", &format!("/codes/{id}"), 200, &viewer)];
            let to = pictures(folder.path());
            look("look.mjs", &json!({ "url": served.url, "pictures": to, "pages": pages })).await;
        }
    }
}
