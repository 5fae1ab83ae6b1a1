//! F28: the receiver does what it is told, and its answer is lost. What can be asked is asked, what honours a
//! key is told again, and of the rest a person finds out.

use std::time::Instant;

use serde_json::json;

use super::stage::{Dice, KINDS, Stage};
use super::{report, scaled};
use crate::support::hub::{On, on_both};

on_both! {
    f28_answers_lost_after_the_effect_double_nothing_and_are_settled => super::answers_lost,
}

async fn answers_lost(on: On) {
    let (records, wanted) = (scaled(300, 25_000), scaled(100, 10_000));
    let mut stage = Stage::open(on, records).await;
    hurry(&mut stage);
    stage.next_night();
    stage.run("ingest-people").await;
    let seed = Dice::new(28).below(u64::MAX);
    let faults = json!({ "rate": { "lost_answer": 0.38, "seed": seed } });
    stage.control("faults", &faults).await;
    let began = Instant::now();
    stage.settle().await;
    let lost = stage.receivers_say("answers_lost").await;
    let outcome = stage.compare().await;
    report(&format!(
        "F28 {on:?}: 10000 lost answers asked, {lost} run in {records} deliveries, {:.0} s: {outcome:?}",
        began.elapsed().as_secs_f64()
    ));
    outcome.must_be_whole("F28");
    assert!(lost >= i64::from(wanted), "only {lost} answers were lost");
    assert!(outcome.asked_of_a_person > 0, "of those that nobody knows, a person is asked");
    for kind in KINDS {
        assert_eq!(stage.open_deliveries(kind).await, 0, "{kind}");
    }
}

/// Has what failed go again within seconds: of some answers in a row that are lost, the circuit opens, and
/// a delivery that lost several waits ever longer.
pub fn hurry(stage: &mut Stage) {
    for kind in KINDS {
        let file = format!("connectors/{kind}.toml");
        let sending =
            "[sending]\nfailures = 10\npause = \"1s\"\npause_longest = \"1s\"\n\n[settings]";
        stage.edit(&file, "[settings]", sending);
        let (file, connector) =
            (format!("jobs/deliver-{kind}.toml"), format!("connector = \"{kind}\""));
        let backoff = "backoff = { first = \"1s\", factor = 1, longest = \"1s\" }";
        let patient = format!("{connector}\n\n[retry]\nattempts = 50\n{backoff}");
        stage.edit(&file, &connector, &patient);
    }
}
