//! Polls by a hub: everybody in turn, a change by its digest, an account once whoever is liable for it.

use std::collections::BTreeSet;

use super::{NOON_MS, Stage};
use crate::support::hub::{On, on_both};

on_both! {
    a_poll_brings_accounts_and_the_next_only_what_changed => super::changes,
    an_account_is_one_whoever_is_liable_for_it => super::joint,
    everybody_has_their_turn_and_the_year_its_budget => super::turns,
    who_is_not_there_is_counted_and_left_out => super::strangers,
    claims_come_from_their_claimants => super::claims,
    one_that_cannot_be_told_is_held_alone => super::alone,
}

async fn changes(on: On) {
    let stage = Stage::open(on, 40).await;
    stage.list_everybody();
    let report = stage.poll("ingest-openrevenues").await;
    assert_eq!(report["batches"][0]["held"], 0, "{report}");
    let known = stage.accounts().await;
    assert_eq!(known.len(), 40);
    // Statuses, days and amounts in all their spellings were understood.
    let facts = known.iter().map(|row| row[1].as_str()).collect::<Vec<_>>().join("\n");
    for part in ["direct_debit", "\"instalments\"", "2026-"] {
        assert!(facts.contains(part), "{part}: {facts}");
    }
    let report = stage.poll("ingest-openrevenues").await;
    assert_eq!(report["batches"][0]["unchanged"], 40, "{report}");
    // Another night's data: what the council changed, and no more.
    stage.bench.sandbox.behave(|behaviour| behaviour.night = 2);
    let report = stage.poll("ingest-openrevenues").await;
    let changed = 40 - report["batches"][0]["unchanged"].as_i64().unwrap();
    assert!((1..=8).contains(&changed), "{report}");
}

async fn joint(on: On) {
    let stage = Stage::open(on, 40).await;
    let people = stage.bench.sandbox.people();
    let account = people
        .iter()
        .find(|(_, account)| people.iter().filter(|(_, other)| other == account).count() == 2);
    let (_, account) = account.unwrap().clone();
    let both: Vec<(String, String)> =
        people.into_iter().filter(|(_, other)| *other == account).collect();
    // Two more are on the list, of whom one is not on the account and one is not there at all.
    let others = [stage.bench.sandbox.accountless(), "990099999".to_owned()];
    let others = others.map(|person| (person, account.clone()));
    stage.list(&[&both[..], &others].concat());
    stage.poll("ingest-openrevenues").await;
    let known = stage.accounts().await;
    assert_eq!(known.len(), 1, "its balance is owed once");
    assert_eq!(known[0][0], account);
    let parties = "SELECT facts FROM party ORDER BY id";
    let parties = stage.hub.rows(parties).await.concat().join("\n");
    assert!(both.iter().all(|(person, _)| parties.contains(person)), "{parties}");
    assert!(others.iter().all(|(person, _)| !parties.contains(person)), "{parties}");
}

async fn turns(on: On) {
    let mut stage = Stage::open(on, 10).await;
    let few = "people_per_poll = 500";
    stage.hub.edit("connectors/openrevenues.toml", few, "people_per_poll = 4");
    stage.hub.edit("connectors/openrevenues.toml", "people_per_poll = 100", "people_per_poll = 2");
    stage.reload().await;
    stage.list_everybody();
    let mut known = Vec::new();
    for _ in 0..4 {
        stage.poll("ingest-openrevenues").await;
        known.push(stage.accounts().await.len());
    }
    assert_eq!(known, [4, 8, 10, 10]);
    let rows: Vec<String> =
        stage.batches().await.into_iter().map(|mut row| row.remove(1)).collect();
    assert_eq!(rows, ["4"; 4]);
    // Quirk 16: in March two are asked about, and those whole of whom something changed.
    let asked = |stage: &Stage, docid: &str| {
        stage.bench.sandbox.counts().calls.get(docid).copied().unwrap_or_default()
    };
    let march_ms = 1_805_587_200_000;
    stage.bench.later(march_ms - NOON_MS);
    let (lists, ledgers) = (asked(&stage, "ctxsel"), asked(&stage, "ctxtrn"));
    let summaries = asked(&stage, "ctxdet");
    for _ in 0..5 {
        stage.poll("ingest-openrevenues").await;
    }
    assert_eq!(asked(&stage, "ctxdet") - summaries, 10, "each account's summary");
    assert!(asked(&stage, "ctxsel") - lists >= 10);
    assert_eq!(asked(&stage, "ctxtrn"), ledgers, "and nothing more, where nothing changed");
    assert_eq!(stage.accounts().await.len(), 10, "what was not asked about is not gone");
    // Round the list, however little came of it.
    let cursors: BTreeSet<String> =
        stage.batches().await.into_iter().skip(4).map(|mut row| row.remove(2)).collect();
    assert_eq!(cursors.len(), 5, "{cursors:?}");
    let unchanged = stage.accounts().await;
    stage.bench.sandbox.behave(|behaviour| behaviour.night = 3);
    for _ in 0..5 {
        stage.poll("ingest-openrevenues").await;
    }
    assert!(asked(&stage, "ctxtrn") > ledgers, "what changed is asked about whole");
    assert_ne!(stage.accounts().await, unchanged);
}

async fn strangers(on: On) {
    let stage = Stage::open(on, 5).await;
    let mut people = stage.bench.sandbox.people();
    people.push(("990099999".to_owned(), "990099999".to_owned()));
    people.push((stage.bench.sandbox.accountless(), "990088888".to_owned()));
    stage.list(&people);
    let report = stage.poll("ingest-openrevenues").await;
    assert_eq!(report["batches"][0]["filtered"], 2, "{report}");
    assert_eq!(stage.accounts().await.len(), 5);
    let report = stage.poll("ingest-openrevenues").await;
    assert_eq!(report["batches"][0]["unchanged"], 7, "{report}");
}

async fn claims(on: On) {
    let stage = Stage::open(on, 30).await;
    stage.list_everybody();
    let report = stage.poll("ingest-openrevenues-benefits").await;
    assert_eq!(report["batches"][0]["held"], 0, "{report}");
    let known = stage.accounts().await;
    assert_eq!(known.len(), 10, "one household in three claims");
    assert!(
        known.iter().all(|row| row[1].contains("2135") && row[1].contains("9000")),
        "{known:?}"
    );
    let statuses: Vec<&str> = ["open", "closed", "suspended"]
        .into_iter()
        .filter(|word| known.iter().any(|row| row[1].contains(word)))
        .collect();
    assert_eq!(statuses.len(), 3, "{known:?}");
}

async fn alone(on: On) {
    let stage = Stage::open(on, 6).await;
    stage.list_everybody();
    stage.bench.sandbox.behave(|behaviour| behaviour.errs_at = Some("990000004".to_owned()));
    let report = stage.poll("ingest-openrevenues").await;
    assert_eq!(report["batches"][0]["held"], 1, "{report}");
    assert_eq!(stage.accounts().await.len(), 5);
    let sql = "SELECT code, cause FROM dead_letter";
    let held = stage.hub.rows(sql).await;
    assert_eq!(held[0][0], "civica.error", "{held:?}");
    stage.bench.sandbox.behave(|behaviour| behaviour.errs_at = None);
    stage.poll("ingest-openrevenues").await;
    assert_eq!(stage.accounts().await.len(), 6);
}
