//! B77 for files: all the markers that the secrecy walk plants come in by three systems, go to a platform that quotes
//! what it was sent, and are searched for and shown; then every kind of file is made that anybody may make, and read.

use serde_json::json;
use viaduct::access::right::{Right, Role, Roles};
use viaduct::app::context::surroundings;
use viaduct::app::run;
use viaduct::app::sandbox::Notify;

use super::downloads::made;
use super::{Person, Served};
use crate::secrecy::markers::{self, MARKERS};
use crate::secrecy::walk::{INGESTS, hostile_platform};
use crate::support::hub::{On, TestHub};

/// A hub into which all of them came, with rows, files and messages that are held.
async fn planted(on: On) -> TestHub {
    let mut hub = TestHub::open(on).await;
    for job in INGESTS {
        let overlap = "overlap   = \"skip\"";
        let sends = format!("{overlap}\nfirst_load = \"send\"");
        hub.edit(&format!("jobs/{job}.toml"), overlap, &sends);
    }
    let file = "mappings/outbound/payment_received.toml";
    hub.edit(file, "account.paid_changed", "account.created");
    hub.more.push(("NOTIFY_URL".to_owned(), hostile_platform().await));
    let key = Notify::start(0, None, None).await.unwrap().variables().remove("NOTIFY_API_KEY");
    hub.more.push(("NOTIFY_API_KEY".to_owned(), key.unwrap()));
    hub.context.around = surroundings(hub.variables());
    hub.reload().await;
    let night = |night: &str| {
        hub.drop_file("revenues", &format!("ctax-{night}.xml"), &markers::revenues(night));
        hub.drop_file("benefits", &format!("claims-{night}.csv"), &markers::benefits());
        hub.drop_file("crm", &format!("contacts-{night}.json"), &markers::crm());
    };
    night("1");
    for job in INGESTS {
        hub.try_run(job).await.unwrap();
    }
    let deliver = hub.context.job("deliver-notify").unwrap();
    run::run_deliver(&hub.context, deliver).await.unwrap();
    night("2");
    for (system, name, contents) in [
        ("revenues", "ctax-bad-#.xml", markers::bad_revenues()),
        ("benefits", "claims-bad-#.csv", markers::bad_benefits()),
        ("crm", "contacts-bad-#.json", markers::bad_crm()),
    ] {
        for (number, content) in contents.iter().enumerate() {
            hub.drop_file(system, &name.replace('#', &number.to_string()), content);
        }
    }
    for job in INGESTS {
        hub.try_run(job).await.unwrap();
    }
    hub
}

/// What leaves its traces in the audit log: searches, values that were shown, a purpose.
async fn looked(served: &Served, kim: &Person) {
    for (field, value) in [
        ("name", "Zqfamily"),
        ("nino", "QQ731964C"),
        ("email", "zqmail11@example.com"),
        ("phone", "07700 900731"),
        ("postcode", "SK99 7ZQ"),
        ("reference", "9973100401"),
    ] {
        let found = served.post("/residents/find", kim, &[(field, value)]).await;
        assert!(found.header("location").starts_with("/residents/"), "{field}: {}", found.text);
        let by_api = json!({ field: value });
        served.call("POST", "/residents/search", Some(&by_api)).await;
    }
    for key in ["9973100401", "99731004C1", "9973100460"] {
        assert_eq!(served.post("/find", kim, &[("key", key)]).await.status, 303);
    }
    let reason = [("reason", "a resident telephones")];
    for (table, path) in [("source_record", "work-orders"), ("delivery", "deliveries")] {
        let sql = format!("SELECT CAST(MIN(id) AS TEXT) FROM {table}");
        let id = served.hub.text(&sql).await;
        let shown = served.post(&format!("/{path}/{id}/show"), kim, &reason).await;
        assert_eq!(shown.status, 303, "{}", shown.text);
        assert_eq!(served.get(&format!("/{path}/{id}"), kim).await.status, 200);
    }
}

#[tokio::test]
async fn b77_no_file_that_anybody_makes_holds_a_marker() {
    for on in [On::Sqlite, On::Postgres] {
        let hub = planted(on).await;
        let served = Served::of(hub).await;
        let kim = served.person("kim", &[Role::Support]).await;
        looked(&served, &kim).await;
        let viewer = served.person("viewer", &[Role::Viewer]).await;
        let mut text = String::new();
        let kinds = ["work-orders", "messages", "causes", "audit"];
        let mut made_of = 0;
        for role in Role::ALL {
            let person = served.person(&format!("x-{}", role.word()), &[role]).await;
            for kind in kinds {
                let states: &[&str] = match kind {
                    "work-orders" => &["", "held", "waiting"],
                    "messages" => &["", "held", "waiting", "unknown"],
                    _ => &[""],
                };
                let right = if kind == "audit" { Right::Audit } else { Right::Look };
                let roles = Roles::new(vec![role]);
                for state in states {
                    let fields = [("what", kind), ("state", *state)];
                    if roles.may(Right::Export) && roles.may(right) {
                        text.push_str(&made(&served, &person, &fields).await.1);
                        made_of += 1;
                    } else {
                        let refused = served.post("/downloads", &person, &fields).await;
                        assert_eq!(refused.status, 403, "{kind} {role:?}: {}", refused.text);
                    }
                }
            }
        }
        assert!(made_of > 10, "{made_of}");
        assert_eq!(served.post("/downloads", &viewer, &[("what", "causes")]).await.status, 403);
        // There was something to be seen: masked keys, causes, what the platform said, who looked for whom.
        for part in ["•", "code_unknown", "notify.", "required", "shown", "searched", "file"] {
            assert!(text.contains(part), "`{part}` stands in no file");
        }
        let read = markers::without_digests(&text.to_lowercase());
        let mut found = Vec::new();
        for (kind, spellings) in MARKERS {
            for spelling in *spellings {
                if let Some(line) = read.lines().find(|line| line.contains(spelling)) {
                    found.push(format!("{kind}: {:.400}", line));
                }
            }
        }
        assert!(found.is_empty(), "{} bytes were read\n{}", read.len(), found.join("\n"));
    }
}
