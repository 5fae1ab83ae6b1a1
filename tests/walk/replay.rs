//! Stored records read again: what was held is released, once, by a replay as by the next extract.

use serde_json::{Value, json};
use viaduct::app::actor::of_this_process as me;
use viaduct::app::preview::{self, Listing};
use viaduct::app::replay::{self, Chosen};
use viaduct::app::sight::Sight;
use viaduct::sandbox::council::Council;

use super::arrivals::{account, extract, some};
use crate::support::hub::{On, TestHub, everything, on_both};

on_both! {
    a_code_that_is_added_releases_rows_by_the_next_extract_and_by_a_replay_alike => super::alike,
    what_is_still_bad_stays_held_once => super::held_once,
    a_newer_record_settles_what_was_held_before => super::superseded,
    a_row_whose_source_has_it_no_more_is_settled => super::gone,
    a_row_without_a_key_is_read_again_when_it_has_one => super::nameless,
    a_replay_of_everything_makes_what_the_next_extract_would => super::everything_of,
    a_replay_with_the_mapping_unchanged_changes_nothing => super::unchanged,
    a_preview_of_a_replay_says_what_it_does => super::previewed,
    what_came_with_a_quiet_load_stays_quiet => super::quiet,
    what_is_not_held_is_not_replayed => super::not_held,
    what_stays_held_is_said_with_its_code_and_its_new_number => super::stays_held,
}

const CODES: &str = "mappings/codes/account_status.csv";
const MAPPING: &str = "mappings/inbound/ctax_account.toml";

async fn replayed(hub: &TestHub, chosen: Chosen) -> Value {
    let json = replay::run(&hub.context, &chosen, &me()).await.unwrap().json();
    for batch in json["batches"].as_array().unwrap() {
        let count = |name: &str| batch[name].as_i64().unwrap();
        let sum = count("published") + count("unchanged") + count("held") + count("filtered");
        assert_eq!(count("rows_in"), sum, "{batch}");
        assert_eq!(batch["state"], json!("closed"), "{batch}");
    }
    json
}

fn by_code(code: &str) -> Chosen {
    Chosen { code: Some(code.to_owned()), ..Chosen::default() }
}

/// What is known, without numbers and times.
async fn known(hub: &TestHub) -> Vec<Vec<String>> {
    let mut rows = hub
        .rows("SELECT k.key, a.kind, a.facts FROM account a JOIN source_key k ON k.id = a.id")
        .await;
    rows.extend(
        hub.rows(
            "SELECT k.key, p.key, p.role, p.facts, r.facts, \
             CASE WHEN p.ended_ms IS NULL THEN 'is' ELSE 'was' END \
             FROM party p JOIN source_key k ON k.id = p.source_key_id \
             JOIN resident r ON r.id = p.resident_id",
        )
        .await,
    );
    rows.sort();
    rows
}

/// What was told: changes and messages.
async fn told(hub: &TestHub, since_batch: &str) -> Vec<Vec<String>> {
    let mut rows = hub
        .rows(&format!(
            "SELECT subject, kind, changes FROM change_event WHERE batch_id >= {since_batch}"
        ))
        .await;
    rows.extend(
        hub.rows(&format!(
            "SELECT mapping, message, state FROM delivery JOIN delivery_message ON delivery_id = id WHERE delivery.batch_id >= {since_batch}"
        ))
        .await,
    );
    rows.sort();
    rows
}

async fn open(hub: &TestHub) -> Vec<Vec<String>> {
    hub.rows("SELECT code, field FROM dead_letter WHERE settled_ms IS NULL ORDER BY code").await
}

async fn last_batch(hub: &TestHub) -> String {
    hub.text("SELECT CAST(MAX(id) AS TEXT) FROM batch").await
}

/// Two nights; on the second some accounts have a code that nobody listed, an e-mail address and a
/// payment.
async fn with_limbo(on: On) -> (TestHub, Vec<String>) {
    let hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&some(20)));
    hub.run("ingest-revenues").await;
    let mut accounts = some(20);
    for account in &mut accounts[3..6] {
        let email = "<Forename>Pat</Forename><Email>pat@example.com</Email></Person>";
        *account = account.replace("OPEN", "LIMBO").replace("</Person>", email);
        *account = account.replace("<Paid>1.00", "<Paid>5.00");
    }
    hub.drop_file("revenues", "ctax-2.xml", &extract(&accounts));
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["total"]["held"], json!(3));
    (hub, accounts)
}

async fn alike(on: On) {
    let (mut by_replay, accounts) = with_limbo(on).await;
    let (mut by_extract, _) = with_limbo(on).await;
    for hub in [&mut by_replay, &mut by_extract] {
        hub.edit(CODES, "CLOSED,closed,,", "CLOSED,closed,,\nLIMBO,suspended,,");
        hub.reload().await;
    }
    let done = replayed(&by_replay, by_code("code_unknown")).await;
    assert_eq!(done["total"]["published"], json!(3), "{done}");
    assert_eq!(done["batches"][0]["origin"], json!("replay of code_unknown"));
    // The file differs by nothing but its last byte.
    let mut file = extract(&accounts);
    file.push(b'\n');
    by_extract.drop_file("revenues", "ctax-3.xml", &file);
    by_extract.run("ingest-revenues").await;

    assert_eq!(known(&by_replay).await, known(&by_extract).await);
    let both = (last_batch(&by_replay).await, last_batch(&by_extract).await);
    let (told_by_replay, told_by_extract) =
        (told(&by_replay, &both.0).await, told(&by_extract, &both.1).await);
    assert_eq!(told_by_replay, told_by_extract);
    let messages = told_by_replay.iter().filter(|row| row[2] == "waiting").count();
    assert!(messages >= 3, "{told_by_replay:?}");
    for hub in [&by_replay, &by_extract] {
        assert!(open(hub).await.is_empty());
        let settled = "SELECT DISTINCT settled_as FROM dead_letter";
        assert_eq!(hub.rows(settled).await, [["published"]]);
    }
    // What was replayed is known for what it is: the next extract that says the same changes
    // nothing.
    by_replay.drop_file("revenues", "ctax-3.xml", &file);
    let next = by_replay.run("ingest-revenues").await;
    assert_eq!(next["total"]["changes"], json!(0), "{next}");
    assert!(open(&by_replay).await.is_empty());
}

async fn held_once(on: On) {
    let (hub, accounts) = with_limbo(on).await;
    let since = "SELECT CAST(MIN(created_ms) AS TEXT), CAST(COUNT(*) AS TEXT) FROM dead_letter \
                 WHERE settled_ms IS NULL";
    let before = hub.rows(since).await;
    for _ in 0..2 {
        let done = replayed(&hub, Chosen::default()).await;
        assert_eq!((&done["total"]["held"], &done["total"]["published"]), (&json!(3), &json!(0)));
        assert_eq!(hub.rows(since).await, before, "they wait as long as they waited");
    }
    // So does an extract in which they are as bad as before, and otherwise different.
    let changed: Vec<String> =
        accounts.iter().map(|one| one.replace("<Paid>5.00", "<Paid>6.00")).collect();
    hub.drop_file("revenues", "ctax-3.xml", &extract(&changed));
    hub.run("ingest-revenues").await;
    assert_eq!(hub.rows(since).await, before);
}

async fn superseded(on: On) {
    let (mut hub, mut accounts) = with_limbo(on).await;
    // One is good again, one is left out on purpose, one is bad in another way.
    accounts[3] = accounts[3].replace("LIMBO", "OPEN");
    accounts[4] = accounts[4].replace("LIMBO", "VOID");
    accounts[5] = accounts[5].replace("LIMBO", "OPEN").replace("10.00", "ten pounds");
    let party = "[[party]]";
    let filter = "[[filter]]\npath = \"Status\"\nequals = [\"VOID\"]\nbecause = \"void\"\n\n";
    hub.edit(MAPPING, party, &format!("{filter}{party}"));
    hub.reload().await;
    hub.drop_file("revenues", "ctax-3.xml", &extract(&accounts));
    hub.run("ingest-revenues").await;
    let how = "SELECT code, settled_as FROM dead_letter ORDER BY settled_as, code";
    let mut how = hub.rows(how).await;
    how.sort();
    assert_eq!(
        how,
        [
            ["code_unknown", "filtered"],
            ["code_unknown", "published"],
            ["code_unknown", "superseded"],
            ["pence_wrong_shape", "null"],
        ]
    );
}

async fn gone(on: On) {
    let (hub, mut accounts) = with_limbo(on).await;
    accounts.remove(4);
    hub.drop_file("revenues", "ctax-3.xml", &extract(&accounts));
    hub.run("ingest-revenues").await;
    let done = replayed(&hub, Chosen::default()).await;
    assert_eq!((&done["gone"], &done["total"]["rows_in"]), (&json!(1), &json!(2)));
    assert_eq!(open(&hub).await.len(), 2);
    assert_eq!(
        hub.text("SELECT CAST(COUNT(*) AS TEXT) FROM dead_letter WHERE settled_as = 'gone'").await,
        "1"
    );
}

async fn nameless(on: On) {
    let mut hub = TestHub::open(on).await;
    let mut accounts = some(16);
    accounts[2] = accounts[2].replace("ref=\"9900002\"", "ref=\"\" other=\"7700002\"");
    accounts[4] = accounts[4].replace("ref=\"9900004\"", "ref=\"\"");
    accounts[5] = accounts[5].replace("9900005", "9900003");
    hub.drop_file("revenues", "ctax-1.xml", &extract(&accounts));
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["total"]["held"], json!(3));
    let done = replayed(&hub, Chosen::default()).await;
    assert_eq!(done["batches"], json!([]), "there is nothing in them to go by yet");
    assert_eq!(done["left"].as_array().unwrap().len(), 3, "{done}");

    hub.edit("connectors/revenues.toml", "\"@ref\" ", "\"@other\" ");
    hub.edit("connectors/revenues.sample.xml", "<Account ref=", "<Account other=\"1\" ref=");
    hub.reload().await;
    let done =
        replayed(&hub, Chosen { job: Some("ingest-revenues".to_owned()), ..Chosen::default() })
            .await;
    assert_eq!(done["total"]["published"], json!(1), "{done}");
    assert_eq!(done["left"].as_array().unwrap().len(), 2, "{done}");
    let key = "SELECT k.key FROM account a JOIN source_key k ON k.id = a.id WHERE k.key LIKE '77%'";
    assert_eq!(hub.rows(key).await, [["7700002"]]);
    let codes = [["record.duplicate_key", "null"], ["record.no_key", "null"]];
    assert_eq!(open(&hub).await, codes);
    // The next full extract says everything anew: what is not in it any more waits no more.
    hub.edit("connectors/revenues.toml", "\"@other\" ", "\"@ref\" ");
    hub.reload().await;
    accounts.remove(5);
    accounts[2] = account("9900002", "Testberry", "1.00");
    hub.drop_file("revenues", "ctax-2.xml", &extract(&accounts));
    hub.run("ingest-revenues").await;
    assert_eq!(open(&hub).await, [["record.no_key", "null"]]);
}

async fn everything_of(on: On) {
    let council = Council::new(7, 120);
    let mut hubs = Vec::new();
    for _ in 0..2 {
        let mut hub = TestHub::open(on).await;
        hub.drop_night(&council, 1);
        for job in ["ingest-revenues", "ingest-benefits"] {
            hub.run(job).await;
        }
        hub.edit(CODES, "CLOSED,closed,,", "CLOSED,suspended,,");
        let family =
            "\"name.family\"            = { from = \"Surname\", via = [\"trim\", \"title_case\"]";
        hub.edit(MAPPING, family, &family.replace("title_case", "upper_case"));
        hub.edit(MAPPING, "\"contact.phone\"", "\"contact.mobile\"");
        let each = "each = \"LiablePersons/Person\"\n";
        hub.edit(MAPPING, each, &format!("{each}when = 'text(\"@seq\") != \"2\"'\n"));
        hub.reload().await;
        hubs.push(hub);
    }
    let (by_replay, by_extract) = (&hubs[0], &hubs[1]);
    let chosen = Chosen { everything_of: Some("ingest-revenues".to_owned()), ..Chosen::default() };
    let done = replayed(by_replay, chosen).await;
    assert_eq!(done["total"]["rows_in"], done["total"]["published"], "{done}");
    assert!(done["total"]["residents_changed"].as_i64().unwrap() > 100, "{done}");
    let (mut xml, mut again) = (Vec::new(), Vec::new());
    council.revenues_xml(1, &mut xml).unwrap();
    again.extend_from_slice(&xml);
    again.push(b'\n');
    by_extract.drop_file("revenues", "ctax-again.xml", &again);
    by_extract.run("ingest-revenues").await;
    assert_eq!(known(by_replay).await, known(by_extract).await);
    let both = (last_batch(by_replay).await, last_batch(by_extract).await);
    assert_eq!(told(by_replay, &both.0).await, told(by_extract, &both.1).await);
    // It was read with this mapping by now: the same once more is no change.
    by_replay.drop_file("revenues", "ctax-again.xml", &again);
    let next = by_replay.run("ingest-revenues").await;
    assert_eq!(next["total"]["unchanged"], next["total"]["rows_in"], "{next}");
}

async fn unchanged(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_night(&Council::new(9, 150), 1);
    for job in ["ingest-revenues", "ingest-benefits", "ingest-crm"] {
        hub.run(job).await;
    }
    let before = known(&hub).await;
    for job in ["ingest-crm", "ingest-revenues", "ingest-benefits"] {
        let chosen = Chosen { everything_of: Some(job.to_owned()), ..Chosen::default() };
        let done = replayed(&hub, chosen).await;
        assert!(done["total"]["rows_in"].as_i64().unwrap() > 10, "{done}");
        assert_eq!(done["total"]["changes"], json!(0), "{done}");
        assert_eq!(done["total"]["deliveries"], json!({}), "{done}");
    }
    assert_eq!(known(&hub).await, before);
}

async fn previewed(on: On) {
    let (mut hub, _) = with_limbo(on).await;
    hub.edit(CODES, "CLOSED,closed,,", "CLOSED,closed,,\nLIMBO,suspended,,");
    hub.reload().await;
    let before = everything(&hub.context.database, |_| false).await;
    let listing = Listing { most: 1_000, sight: Sight::Shown };
    let chosen = by_code("code_unknown");
    let foretold = preview::of_replay(&hub.context, &chosen, listing).await.unwrap().json();
    assert_eq!(everything(&hub.context.database, |_| false).await, before);
    assert_eq!(foretold["held"]["released"], json!(3), "{foretold}");
    let list = foretold["changes"]["list"].as_array().unwrap();
    let status = json!({ "field": "status", "was": "open", "is": "suspended" });
    let accounts = list.iter().filter(|one| one["subject"] == "account");
    assert!(accounts.clone().all(|one| one["fields"].as_array().unwrap().contains(&status)));
    assert_eq!(accounts.count(), 3);
    let done = replayed(&hub, chosen).await;
    assert_eq!(done["total"], foretold["run"]["total"]);
}

async fn quiet(on: On) {
    // Held in a first load, which tells nobody: released later, it tells nobody either.
    let mut hub = TestHub::open(on).await;
    hub.edit("mappings/outbound/payment_received.toml", "account.paid_changed", "account.created");
    hub.reload().await;
    let mut accounts = some(20);
    let email = "<Forename>Pat</Forename><Email>pat@example.com</Email></Person>";
    accounts[3] = accounts[3].replace("OPEN", "LIMBO").replace("</Person>", email);
    hub.drop_file("revenues", "ctax-1.xml", &extract(&accounts));
    hub.run("ingest-revenues").await;
    hub.edit(CODES, "CLOSED,closed,,", "CLOSED,closed,,\nLIMBO,suspended,,");
    hub.reload().await;
    let done = replayed(&hub, Chosen::default()).await;
    assert_eq!(done["total"]["published"], json!(1));
    assert_eq!(done["total"]["deliveries"], json!({}), "{done}");
    // `--quiet` says so of any replay.
    let (mut hub, _) = with_limbo(on).await;
    hub.edit(CODES, "CLOSED,closed,,", "CLOSED,closed,,\nLIMBO,suspended,,");
    hub.reload().await;
    let done = replayed(&hub, Chosen { quiet: true, ..Chosen::default() }).await;
    assert_eq!(done["total"]["published"], json!(3));
    assert_eq!(done["total"]["deliveries"], json!({}), "{done}");
}

async fn not_held(on: On) {
    let (mut hub, _) = with_limbo(on).await;
    let refused = async |hub: &TestHub, chosen: Chosen| {
        replay::run(&hub.context, &chosen, &me()).await.err().map(|error| error.to_string())
    };
    let id = |id: i64| Chosen { ids: vec![id], ..Chosen::default() };
    let said = refused(&hub, id(1)).await.unwrap();
    assert!(said.contains("there is no held row 1"), "{said}");
    let row: i64 = hub.text("SELECT CAST(MIN(id) AS TEXT) FROM dead_letter").await.parse().unwrap();
    hub.edit(CODES, "CLOSED,closed,,", "CLOSED,closed,,\nLIMBO,suspended,,");
    hub.reload().await;
    let done = replayed(&hub, id(row)).await;
    assert_eq!(done["total"]["rows_in"], json!(1));
    assert_eq!(open(&hub).await.len(), 2);
    let said = refused(&hub, id(row)).await.unwrap();
    assert!(said.contains("waits no more: it was published on"), "{said}");
    let job = |name: &str| Chosen { job: Some(name.to_owned()), ..Chosen::default() };
    let said = refused(&hub, job("deliver-notify")).await.unwrap();
    assert!(said.contains("is not an ingest job"), "{said}");
    assert!(refused(&hub, job("ingest-nothing")).await.is_some());
    // A code that exists is no slip: what waited under it was read again before.
    assert!(refused(&hub, by_code("required")).await.is_none());
    let said = refused(&hub, by_code("requird")).await.unwrap();
    assert!(said.contains("no held row has the code `requird`"), "{said}");
}

async fn stays_held(on: On) {
    let (hub, _) = with_limbo(on).await;
    let row: i64 = hub.text("SELECT CAST(MIN(id) AS TEXT) FROM dead_letter").await.parse().unwrap();
    let chosen = Chosen { ids: vec![row], ..Chosen::default() };
    let listing = Listing { most: 1_000, sight: Sight::Masked };
    let foretold = preview::of_replay(&hub.context, &chosen, listing).await.unwrap();
    let (json, text) = (foretold.json(), foretold.text());
    assert_eq!((&json["held"]["stay_held"], &json["held"]["released"]), (&json!(1), &json!(0)));
    assert!(text.contains("\n  held      1 stays held\n"), "{text}");
    assert!(text.contains("\n  records   1 read again\n") && text.ends_with('\n'), "{text}");

    let done = replay::run(&hub.context, &chosen, &me()).await.unwrap();
    assert!(done.any_left());
    assert!(
        done.text().contains("Read again and held again\n  1 × code_unknown"),
        "{}",
        done.text()
    );
    // The number that waited names the one that waits now.
    let said = replay::run(&hub.context, &chosen, &me()).await.err().unwrap().to_string();
    let newest = "SELECT CAST(MAX(id) AS TEXT) FROM dead_letter WHERE settled_ms IS NULL";
    let newest = format!("its record waits as row {}", hub.text(newest).await);
    assert!(said.contains("it was superseded") && said.contains(&newest), "{said}");
}
