//! A preview says what the real run then does, field by field, and leaves no trace.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use viaduct::app::foretold::Foretold;
use viaduct::app::preview::{self, Listing};
use viaduct::app::sight::Sight;
use viaduct::connector::stand_in::Untouched;
use viaduct::job::ingest::ingest;
use viaduct::sandbox::council::Council;
use viaduct::store::copy::Copy;
use viaduct::store::database::Database;
use viaduct::store::since;

use super::arrivals::{account, extract, extract_that_says, some};
use crate::support::hub::{On, TestHub, everything, on_both, rows_of};

on_both! {
    the_real_run_changes_exactly_what_the_preview_said => super::exact,
    a_preview_leaves_no_trace_even_if_it_fails => super::no_trace,
    a_preview_is_masked_unless_asked_and_no_longer_than_asked => super::masked,
    a_file_is_previewed_where_it_lies => super::one_file,
    what_a_killed_preview_left_is_removed_by_the_next => super::leftovers,
    a_preview_goes_on_beside_a_run => super::beside_a_run,
}

const ALL: Listing = Listing { most: 100_000, sight: Sight::Shown };
const MAPPING: &str = "mappings/inbound/ctax_account.toml";

/// Changed definitions: what is changed, and how.
type Change = (&'static str, fn(&TestHub));

const CHANGES: &[Change] = &[
    ("nothing", |_| {}),
    ("another meaning of a code, and one less", |hub| {
        hub.edit("mappings/codes/account_status.csv", "CLOSED,closed", "CLOSED,suspended");
        hub.edit("mappings/codes/payment_method.csv", "CASH,cash,,\n", "");
    }),
    ("other fields", |hub| {
        hub.edit(MAPPING, "\"contact.phone\"", "\"contact.mobile\"");
        hub.edit(
            MAPPING,
            "from = \"Surname\", via = [\"trim\", \"title_case\"]",
            "from = \"Surname\", via = [\"upper_case\"]",
        );
        hub.edit(MAPPING, "\"property.band\"          = { from = \"Property/Band\" }\n", "");
    }),
    ("fewer parties, fewer rows and fewer messages", |hub| {
        let each = "each = \"LiablePersons/Person\"\n";
        hub.edit(MAPPING, each, &format!("{each}when = 'text(\"@seq\") != \"2\"'\n"));
        let party = "[[party]]";
        let filter =
            "[[filter]]\npath = \"Property/Band\"\nequals = [\"C\"]\nbecause = \"tried\"\n\n";
        hub.edit(MAPPING, party, &format!("{filter}{party}"));
        let file = "mappings/outbound/payment_received.toml";
        let when = "when = 'account.balance > 50000'\n\n[[message]]\nchannel  = \"email\"";
        hub.edit(file, "[[message]]\nchannel  = \"email\"", when);
    }),
];

async fn exact(on: On) {
    for (what, change) in CHANGES {
        let mut hub = TestHub::open(on).await;
        let council = Council::new(7, 220);
        hub.drop_night(&council, 1);
        for job in ["ingest-revenues", "ingest-benefits", "ingest-crm"] {
            hub.run(job).await;
        }
        change(&hub);
        hub.reload().await;
        hub.drop_night(&council, 2);
        let before = everything(&hub.context.database, |_| false).await;

        let job = hub.context.job("ingest-revenues").unwrap();
        let foretold = preview::of_job(&hub.context, job, None, ALL).await.unwrap().json();
        assert_eq!(everything(&hub.context.database, |_| false).await, before, "{what}: a trace");
        assert_eq!(hub.files("revenues", ""), ["ctax-2.xml"], "{what}");
        assert_eq!(hub.files("revenues", "processed"), ["ctax-1.xml"], "{what}");
        must_be_swept(&hub).await;

        // The same once more by hand, to see the copy's tables.
        let copy = Copy::make(&hub.context.database).await.unwrap();
        let there = hub.context.on(copy.database.clone());
        let mut ready = there.ingest(job).await.unwrap();
        ready.source = Arc::new(Untouched(ready.source));
        ingest(&ready, &mut there.bench()).await.unwrap();
        let expected = everything(&copy.database, is_a_time).await;
        copy.remove().await.unwrap();

        let before = since::before(&hub.context.database).await.unwrap();
        let run = hub.try_run("ingest-revenues").await.unwrap();
        let real = Foretold::of(&hub.context, "ingest-revenues", run, before, ALL);
        let real = real.await.unwrap().json();
        for part in ["changes", "linked", "held", "messages", "run"] {
            assert_eq!(timeless(&foretold[part]), timeless(&real[part]), "{what}: {part}");
        }
        let found = everything(&hub.context.database, is_a_time).await;
        for ((table, expected), (_, found)) in expected.iter().zip(&found) {
            // Who has the ingest's lease is of the moment.
            assert!(expected == found || table == "lease", "{what}: {table}");
        }
        assert!(!foretold["changes"]["list"].as_array().unwrap().is_empty(), "{what}");
        assert!(!foretold["messages"]["list"].as_array().unwrap().is_empty(), "{what}");
    }
}

fn is_a_time(column: &str) -> bool {
    column.ends_with("_ms")
}

/// Without the instants at which it happened.
fn timeless(json: &Value) -> Value {
    match json {
        Value::Array(items) => items.iter().map(timeless).collect(),
        Value::Object(object) => {
            let kept =
                object.iter().filter(|(name, _)| !["oldest", "newest"].contains(&name.as_str()));
            kept.map(|(name, value)| (name.clone(), timeless(value))).collect()
        }
        other => other.clone(),
    }
}

/// No copy is left, neither a file nor a schema.
async fn must_be_swept(hub: &TestHub) {
    assert_eq!(copies(&hub.context.database, hub.folder.path()).await, Vec::<String>::new());
}

async fn copies(database: &Database, folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut found: Vec<String> = names.filter(|name| name.contains("preview")).collect();
    if let Database::Postgres(_) = database {
        let sql = "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'preview%'";
        found.extend(rows_of(database, sql).await.into_iter().map(|row| row[0].clone()));
    }
    found
}

async fn no_trace(on: On) {
    let mut hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&some(20)));
    hub.run("ingest-revenues").await;
    let status = "codes = \"codes/account_status.csv\", on_error = \"hold\"";
    hub.edit(MAPPING, status, &status.replace("hold", "fail"));
    hub.reload().await;
    let mut accounts = some(20);
    accounts[3] = accounts[3].replace("OPEN", "LIMBO");
    hub.drop_file("revenues", "ctax-2.xml", &extract(&accounts));
    let before = everything(&hub.context.database, |_| false).await;
    let job = hub.context.job("ingest-revenues").unwrap();
    let failed = preview::of_job(&hub.context, job, None, ALL).await.err().unwrap().to_string();
    assert!(failed.contains("account status"), "{failed}");
    // A whole file that would be held is no failure, and leaves no trace either.
    hub.drop_file("revenues", "ctax-2.xml", &extract_that_says(&some(20), 3));
    let held = preview::of_job(&hub.context, job, None, ALL).await.unwrap();
    assert!(held.any_held_whole());
    let short = held.text().split_once("In short").unwrap().1.to_owned();
    assert!(short.contains("ctax-2.xml would be held whole"), "{short}");
    assert!(short.contains("declares 3 records and holds 20"), "{short}");
    assert!(!short.contains("0 rows"), "{short}");
    assert_eq!(held.json()["run"]["batches"][0]["cause_code"], json!("file.total"));
    assert_eq!(everything(&hub.context.database, |_| false).await, before);
    assert_eq!(hub.files("revenues", ""), ["ctax-2.xml"]);
    must_be_swept(&hub).await;
}

async fn masked(on: On) {
    let hub = TestHub::open(on).await;
    // A family name may change where the given name stays.
    let accounts = |family: &str, paid: &str| -> Vec<String> {
        let one = |number: usize| {
            let account = account(&format!("99{number:05}"), family, paid);
            account.replace("<Surname>", "<Forename>Arden</Forename><Surname>")
        };
        (0..30).map(one).collect()
    };
    hub.drop_file("revenues", "ctax-1.xml", &extract(&accounts("Testberry", "1.00")));
    hub.run("ingest-revenues").await;
    hub.drop_file("revenues", "ctax-2.xml", &extract(&accounts("Fakeley", "2.00")));
    let job = hub.context.job("ingest-revenues").unwrap();
    let few = Listing { most: 37, sight: Sight::Masked };
    let foretold = preview::of_job(&hub.context, job, None, few).await.unwrap();
    let (json, text) = (foretold.json(), foretold.text());
    for said in [json.to_string(), text.clone()] {
        for personal in ["Fakeley", "Testberry", "9900003", "2.00"] {
            assert!(!said.contains(personal), "{personal}: {said}");
        }
        assert!(said.contains("F•••y"), "{said}");
    }
    assert!(json.to_string().contains("T•••y"), "{json}");
    assert_eq!(json["changes"]["list"].as_array().unwrap().len(), 37);
    let counts = json["changes"]["counts"].as_array().unwrap();
    let changed: i64 = counts.iter().map(|count| count["count"].as_i64().unwrap()).sum();
    assert_eq!(changed, 60, "{counts:?}");
    assert!(text.contains("and 40 more"), "{text}");
    let shown = Listing { most: 37, sight: Sight::Shown };
    let shown = preview::of_job(&hub.context, job, None, shown).await.unwrap().json().to_string();
    assert!(shown.contains("Fakeley") && shown.contains("9900003"), "{shown}");
}

async fn one_file(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&some(20)));
    hub.run("ingest-revenues").await;
    let elsewhere = hub.folder.path().join("any name.txt");
    let mut accounts = some(20);
    accounts.push(account("9900100", "Bramble", "1.00"));
    std::fs::write(&elsewhere, extract(&accounts)).unwrap();
    let job = hub.context.job("ingest-revenues").unwrap();
    for _ in 0..2 {
        let foretold = preview::of_job(&hub.context, job, Some(&elsewhere), ALL).await.unwrap();
        let run = &foretold.json()["run"];
        assert_eq!(run["batches"][0]["origin"], json!("any name.txt"));
        assert_eq!(run["total"]["records"]["new"], json!(1));
    }
    assert!(elsewhere.exists());
    // What was taken before is not read again, and what to do instead is said.
    let taken = hub.drop_folder("revenues").join("processed/ctax-1.xml");
    let foretold = preview::of_job(&hub.context, job, Some(&taken), ALL).await.unwrap();
    assert_eq!(foretold.json()["run"]["batches"][0]["state"], json!("duplicate"));
    assert!(foretold.text().contains("viaduct replay --everything-of"), "{}", foretold.text());
    let missing = hub.folder.path().join("missing.xml");
    let refused = preview::of_job(&hub.context, job, Some(&missing), ALL).await.err().unwrap();
    assert!(refused.to_string().contains("missing.xml cannot be opened"), "{refused}");
}

async fn leftovers(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&some(40)));
    let before = everything(&hub.context.database, |_| false).await;
    let preview = |fail_at: Option<u32>| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_viaduct"));
        command
            .args(["--database", &hub.url, "--json", "preview", "ingest-revenues", "--definitions"])
            .arg(&hub.definitions)
            .envs(hub.variables())
            .envs(fail_at.map(|number| ("VIADUCT_FAIL_AT", number.to_string())));
        command
    };
    let killed = preview(Some(3)).output().await.unwrap();
    assert!(!killed.status.success());
    assert_eq!(copies(&hub.context.database, hub.folder.path()).await.len(), 1);
    // One that is at work is left alone.
    let working = Copy::make(&hub.context.database).await.unwrap();
    let done = preview(None).output().await.unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{said}");
    let json: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(json["run"]["total"]["records"]["new"], json!(40));
    assert_eq!(copies(&hub.context.database, hub.folder.path()).await.len(), 1);
    working.remove().await.unwrap();
    must_be_swept(&hub).await;
    assert_eq!(everything(&hub.context.database, |_| false).await, before);
}

async fn beside_a_run(on: On) {
    let hub = TestHub::open(on).await;
    let council = Council::new(3, 300);
    hub.drop_night(&council, 1);
    let job = hub.context.job("ingest-revenues").unwrap();
    let benefits = hub.context.job("ingest-benefits").unwrap();
    let (run, foretold) = tokio::join!(
        hub.run("ingest-revenues"),
        preview::of_job(&hub.context, benefits, None, ALL)
    );
    assert!(run["total"]["published"].as_i64().unwrap() > 250);
    let foretold = foretold.unwrap().json();
    assert!(foretold["run"]["total"]["published"].as_i64().unwrap() > 50, "{}", foretold["run"]);
    // While somebody has the ingest's lease, a preview asks nobody.
    let held = viaduct::app::holder::Held::take(&hub.context, "ingest").await.unwrap();
    preview::of_job(&hub.context, job, None, ALL).await.unwrap();
    held.release().await.unwrap();
}
