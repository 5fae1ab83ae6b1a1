//! How files arrive: twice, half, short, empty, restated, with rows that cannot be read.

use serde_json::json;
use viaduct::app::actor::of_this_process as me;
use viaduct::app::batches::decide::{self, Decide};
use viaduct::sandbox::council::Council;

use crate::support::hub::{On, TestHub, on_both};

on_both! {
    quirk_45_the_same_content_again_is_a_duplicate => super::duplicate,
    quirk_45_content_that_comes_back_after_another_is_for_a_person => super::as_before,
    quirk_46_a_wrong_total_holds_the_whole_file => super::wrong_total,
    quirk_45_half_a_file_releases_nothing => super::half_a_file,
    quirk_49_an_extract_far_smaller_than_usual_is_held_whole => super::short_extract,
    a_record_that_is_gone_is_marked_and_may_return => super::gone_and_back,
    a_delta_marks_nothing_gone => super::delta,
    quirk_48_a_delta_that_is_a_full_resend_changes_what_changed => super::resent,
    other_white_space_is_not_a_change => super::white_space,
    a_changed_mapping_reads_everything_again => super::changed_mapping,
    a_bad_row_is_held_alone_and_released_by_a_better_one => super::bad_row,
    a_key_that_comes_twice_is_held => super::twice,
}

pub fn account(key: &str, surname: &str, paid: &str) -> String {
    format!(
        "<Account ref=\"{key}\"><Status>OPEN</Status><LiablePersons><Person seq=\"1\" role=\"PRIMARY\">\
         <Surname>{surname}</Surname></Person></LiablePersons>\
         <Balance><Paid>{paid}</Paid><Outstanding>10.00</Outstanding></Balance></Account>"
    )
}

pub fn extract(accounts: &[String]) -> Vec<u8> {
    extract_that_says(accounts, accounts.len())
}

pub fn extract_that_says(accounts: &[String], count: usize) -> Vec<u8> {
    let head = "<CouncilTaxExtract xmlns=\"urn:example:ctax:extract:1\">";
    let all = accounts.join("\n");
    format!("{head}{all}<Trailer accounts=\"{count}\"/></CouncilTaxExtract>").into_bytes()
}

pub fn some(count: usize) -> Vec<String> {
    (0..count).map(|number| account(&format!("99{number:05}"), "Testberry", "1.00")).collect()
}

async fn duplicate(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&some(5)));
    hub.run("ingest-revenues").await;
    hub.drop_file("revenues", "ctax-renamed.xml", &extract(&some(5)));
    let again = hub.run("ingest-revenues").await;
    assert_eq!(again["batches"][0]["state"], json!("duplicate"));
    assert_eq!(again["total"]["records"]["changed"], json!(0));
    assert_eq!(again["total"]["unchanged"], json!(5));
    assert!(hub.files("revenues", "").is_empty());
}

async fn as_before(on: On) {
    let hub = TestHub::open(on).await;
    let (first, second) = (extract(&some(5)), extract(&some(6)));
    for (name, content) in [("ctax-1.xml", &first), ("ctax-2.xml", &second)] {
        hub.drop_file("revenues", name, content);
        hub.run("ingest-revenues").await;
    }
    // Under its own name the old one is known; under a new one somebody must say what it is.
    hub.drop_file("revenues", "ctax-1.xml", &first);
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["batches"][0]["state"], json!("duplicate"));
    hub.drop_file("revenues", "ctax-3.xml", &first);
    let report = hub.run("ingest-revenues").await;
    let batch = &report["batches"][0];
    assert_eq!((&batch["state"], &batch["cause_code"]), (&json!("held"), &json!("file.as_before")));
    assert_eq!(report["total"]["records"]["gone"], json!(0));
    let asked =
        Decide { batch: batch["batch"].as_i64().unwrap(), reason: "it was withdrawn".to_owned() };
    decide::accept(&hub.context, &asked, &me()).await.unwrap();
    let taken = hub.run("ingest-revenues").await;
    assert_eq!(taken["batches"][0]["cause_code"], json!("extract.accepted"));
    assert_eq!(taken["total"]["records"]["gone"], json!(1));
}

async fn wrong_total(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", &extract_that_says(&some(5), 6));
    let report = hub.run("ingest-revenues").await;
    let batch = &report["batches"][0];
    assert_eq!((&batch["state"], &batch["cause_code"]), (&json!("held"), &json!("file.total")));
    assert_eq!(batch["cause"], json!("the extract declares 6 records and holds 5"));
    assert_eq!(report["total"]["held"], json!(5));
    assert_eq!(hub.text("SELECT CAST(COUNT(*) AS TEXT) FROM resident").await, "0");
    assert_eq!(hub.files("revenues", "held"), ["ctax-1.xml"]);
    hub.drop_file("revenues", "ctax-1.xml", &extract(&some(5)));
    let mended = hub.run("ingest-revenues").await;
    assert_eq!(mended["total"]["records"]["new"], json!(5));
}

async fn half_a_file(on: On) {
    let hub = TestHub::open(on).await;
    let whole = extract(&some(40));
    hub.drop_file("revenues", "ctax-1.xml", &whole[..whole.len() / 2]);
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["batches"][0]["cause_code"], json!("xml.malformed"));
    assert_eq!(hub.text("SELECT CAST(COUNT(*) AS TEXT) FROM source_record").await, "0");
    hub.drop_file("revenues", "ctax-0.xml", b"");
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["batches"][0]["cause_code"], json!("file.empty"));
}

async fn short_extract(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&some(50)));
    hub.run("ingest-revenues").await;
    hub.drop_file("revenues", "ctax-2.xml", &extract(&some(20)));
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["batches"][0]["cause_code"], json!("extract.short"));
    assert_eq!(report["total"]["records"]["gone"], json!(0));
    let gone = "SELECT CAST(COUNT(*) AS TEXT) FROM source_key WHERE gone_ms IS NOT NULL";
    assert_eq!(hub.text(gone).await, "0");
}

async fn gone_and_back(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&some(20)));
    hub.run("ingest-revenues").await;
    hub.drop_file("revenues", "ctax-2.xml", &extract(&some(19)));
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["total"]["records"]["gone"], json!(1));
    assert_eq!(hub.text("SELECT CAST(COUNT(*) AS TEXT) FROM account").await, "20");
    let mut without_change = some(20);
    without_change[3] = account("9900003", "Testberry", "2.00");
    hub.drop_file("revenues", "ctax-3.xml", &extract(&without_change));
    let report = hub.run("ingest-revenues").await;
    let records = &report["total"]["records"];
    assert_eq!((&records["new"], &records["changed"]), (&json!(0), &json!(2)));
    let kinds = "SELECT kind FROM change_event WHERE subject = 'account' AND kind <> 'created' \
                 ORDER BY id";
    let kinds: Vec<String> = hub.rows(kinds).await.into_iter().flatten().collect();
    assert_eq!(kinds, ["gone", "changed", "returned"]);
}

async fn delta(on: On) {
    let mut hub = TestHub::open(on).await;
    hub.edit("connectors/revenues.toml", "extract    = \"full\"", "extract    = \"delta\"");
    hub.reload().await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&some(20)));
    hub.run("ingest-revenues").await;
    hub.drop_file("revenues", "ctax-2.xml", &extract(&[account("9900003", "Bramble", "1.00")]));
    let report = hub.run("ingest-revenues").await;
    let records = &report["total"]["records"];
    assert_eq!((&records["changed"], &records["gone"]), (&json!(1), &json!(0)));
}

async fn resent(on: On) {
    let mut hub = TestHub::open(on).await;
    hub.edit("connectors/revenues.toml", "extract    = \"full\"", "extract    = \"delta\"");
    hub.reload().await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&some(20)));
    hub.run("ingest-revenues").await;
    let mut all = some(20);
    all[3] = account("9900003", "Bramble", "1.00");
    hub.drop_file("revenues", "ctax-2.xml", &extract(&all));
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["total"]["unchanged"], json!(19));
    assert_eq!(report["total"]["records"]["changed"], json!(1));
}

async fn white_space(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&some(20)));
    hub.run("ingest-revenues").await;
    let spread: Vec<String> =
        some(20).iter().map(|account| account.replace("><", ">\n  <").replace('"', "'")).collect();
    hub.drop_file("revenues", "ctax-2.xml", &extract(&spread));
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["total"]["unchanged"], json!(20));
    assert_eq!(hub.text("SELECT CAST(COUNT(*) AS TEXT) FROM source_record").await, "20");
}

async fn changed_mapping(on: On) {
    let mut hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&some(20)));
    hub.run("ingest-revenues").await;
    let family =
        "\"name.family\"            = { from = \"Surname\", via = [\"trim\", \"title_case\"]";
    let upper = family.replace("title_case", "upper_case");
    hub.edit("mappings/inbound/ctax_account.toml", family, &upper);
    hub.reload().await;
    let mut files = some(20);
    files.push(account("9900100", "Bramble", "1.00"));
    hub.drop_file("revenues", "ctax-2.xml", &extract(&files));
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["total"]["residents_changed"], json!(20));
    assert_eq!(report["total"]["records"]["changed"], json!(20));
}

async fn bad_row(on: On) {
    let hub = TestHub::open(on).await;
    let mut files = some(20);
    files[4] = files[4].replace("OPEN", "LIMBO");
    hub.drop_file("revenues", "ctax-1.xml", &extract(&files));
    let report = hub.run("ingest-revenues").await;
    assert_eq!((&report["total"]["published"], &report["total"]["held"]), (&json!(19), &json!(1)));
    let held = "SELECT code, field, cause FROM dead_letter WHERE settled_ms IS NULL";
    let said = [[
        "code_unknown",
        "account status",
        "account status: code_unknown (the code is not in its code list, or not for that day)",
    ]];
    assert_eq!(hub.rows(held).await, said);
    hub.drop_file("revenues", "ctax-2.xml", &extract(&some(20)));
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["total"]["published"], json!(1));
    assert!(hub.rows(held).await.is_empty());
    assert_eq!(hub.text("SELECT CAST(COUNT(*) AS TEXT) FROM account").await, "20");
}

async fn twice(on: On) {
    let hub = TestHub::open(on).await;
    let mut files = some(3);
    files.push(account("9900001", "Fakeley", "1.00"));
    files.push(account("", "Nobody", "1.00"));
    hub.drop_file("revenues", "ctax-1.xml", &extract(&files));
    let report = hub.run("ingest-revenues").await;
    assert_eq!((&report["total"]["published"], &report["total"]["held"]), (&json!(3), &json!(2)));
    let codes = hub.rows("SELECT code FROM dead_letter ORDER BY code").await;
    assert_eq!(codes, [["record.duplicate_key"], ["record.no_key"]]);
    let council = Council::new(1, 3);
    hub.drop_night(&council, 1);
}
