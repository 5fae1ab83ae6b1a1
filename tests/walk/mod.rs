//! The walk of a record, whole, on both databases: from the dropped file to residents, changes and
//! messages. Each test is named for what it promises.

pub mod arrivals;
mod expressions;
mod followed;
mod held;
mod newest;
mod payments;
mod people;
mod preview;
mod pushes;
mod quirks;
mod replay;
mod versions;

use crate::support::hub::{On, TestHub, on_both};
use serde_json::json;
use viaduct::sandbox::council::Council;

on_both! {
    two_nights_touch_what_the_truth_names => super::two_nights,
    every_changed_row_is_named_by_a_change => super::every_changed_row,
    a_first_load_sends_nothing_unless_its_job_says_so => super::first_load,
    a_message_brings_the_link_to_its_payment => super::payments::message_and_payment,
    no_link_is_written_without_its_address => super::payments::no_address,
    what_is_so_now_is_said_once => super::newest::once,
    a_change_is_told_to_another_system => super::pushes::told,
    a_rehearsal_tells_nobody_and_says_so => super::pushes::rehearsed,
}

async fn two_nights(on: On) {
    let hub = TestHub::open(on).await;
    let council = Council::new(7, 600);
    hub.drop_night(&council, 1);
    let truth = council.revenues_xml(1, &mut std::io::sink()).unwrap();
    let first = hub.run("ingest-revenues").await;
    assert_eq!(first["total"]["records"]["new"], json!(truth.rows));
    assert_eq!(first["total"]["published"], json!(truth.rows));
    let benefits = hub.run("ingest-benefits").await;
    assert!(benefits["total"]["residents_changed"].as_i64().unwrap() > 0, "nobody is in both");

    hub.drop_night(&council, 2);
    let truth = council.revenues_xml(2, &mut std::io::sink()).unwrap();
    let second = hub.run("ingest-revenues").await;
    let records = &second["total"]["records"];
    assert_eq!(records["new"], json!(truth.new));
    assert_eq!(records["changed"], json!(truth.changed + truth.closed));
    assert_eq!(records["gone"], json!(truth.dropped));
    assert_eq!(second["total"]["rows_in"], json!(truth.rows));
    assert_eq!(hub.files("revenues", "processed"), ["ctax-1.xml", "ctax-2.xml"]);
    assert!(hub.files("revenues", "").is_empty());

    let again = hub.run("ingest-revenues").await;
    assert_eq!(again["batches"], json!([]));
}

async fn every_changed_row(on: On) {
    let hub = TestHub::open(on).await;
    let council = Council::new(11, 900);
    hub.drop_night(&council, 1);
    hub.run("ingest-revenues").await;
    hub.drop_night(&council, 2);
    let second = hub.run("ingest-revenues").await;
    let batch = second["batches"][0]["batch"].as_i64().unwrap();
    let staged = hub
        .text(&format!("SELECT CAST(COUNT(*) AS TEXT) FROM source_record WHERE batch_id = {batch}"))
        .await;
    let named = hub
        .text(&format!(
            "SELECT CAST(COUNT(DISTINCT record_id) AS TEXT) FROM change_event \
             WHERE batch_id = {batch} AND kind <> 'gone'"
        ))
        .await;
    assert_eq!(staged, named);
    let gone = hub
        .text(&format!(
            "SELECT CAST(COUNT(*) AS TEXT) FROM change_event WHERE batch_id = {batch} \
             AND kind = 'gone' AND subject = 'account'"
        ))
        .await;
    assert_eq!(gone, second["total"]["records"]["gone"].to_string());
}

async fn first_load(on: On) {
    let quiet = TestHub::open(on).await;
    let council = Council::new(3, 120);
    quiet.edit(
        "mappings/outbound/payment_received.toml",
        "account.paid_changed",
        "account.created",
    );
    let mut quiet = quiet;
    quiet.reload().await;
    quiet.drop_night(&council, 1);
    let report = quiet.run("ingest-revenues").await;
    assert_eq!(report["total"]["deliveries"], json!({}));

    let mut sending = TestHub::open(on).await;
    sending.edit(
        "mappings/outbound/payment_received.toml",
        "account.paid_changed",
        "account.created",
    );
    sending.edit(
        "jobs/ingest-revenues.toml",
        "overlap   = \"skip\"",
        "overlap   = \"skip\"\nfirst_load = \"send\"",
    );
    sending.reload().await;
    sending.drop_night(&council, 1);
    let report = sending.run("ingest-revenues").await;
    assert!(report["total"]["deliveries"]["waiting"].as_i64().unwrap() > 100, "{report}");
}
