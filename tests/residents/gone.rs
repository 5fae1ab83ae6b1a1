//! An account that is gone is told to whom it is of at that moment, and not to whom it was of when somebody looked.

use std::pin::pin;

use viaduct::store::database::Cell;
use viaduct::store::matching;

use super::identity::{account, extract};
use crate::support::hub::{On, TestHub};

const TOLD: &str = r#"language    = 1
destination = "notify"
on          = "account.gone"
purpose     = "council_tax_service"

[[message]]
channel  = "letter"
template = "moved_home_letter"
fields   = { first_name = "name.given" }
"#;

#[tokio::test]
async fn whoever_became_another_while_a_batch_was_closed_is_told_under_the_number_that_stayed() {
    let mut hub = TestHub::open(On::Postgres).await;
    std::fs::write(hub.definitions.join("mappings/outbound/gone.toml"), TOLD).unwrap();
    hub.reload().await;
    let all: Vec<String> = (0..20)
        .map(|at| {
            let (born, home) =
                (format!("19{}-01-0{}", 50 + at, 1 + at % 9), format!("{at} Street"));
            account(&format!("99{at:04}"), "Robin", "Bramble", &born, &home)
        })
        .collect();
    hub.drop_file("revenues", "ctax-1.xml", &extract(&all));
    hub.run("ingest-revenues").await;
    let residents = hub
        .rows(
            "SELECT CAST(p.resident_id AS TEXT) FROM party p JOIN source_key k \
             ON k.id = p.source_key_id WHERE k.key IN ('990000', '990019') ORDER BY k.key",
        )
        .await;
    let [keep, gone]: [i64; 2] = [0, 1].map(|at| residents[at][0].parse::<i64>().unwrap());
    assert_ne!(keep, gone);
    // Somebody has just said that two are one, and has not committed yet.
    let mut merging = hub.context.database.begin().await.unwrap();
    matching::turn(&mut merging).await.unwrap();
    let moved = "UPDATE party SET resident_id = $1 WHERE resident_id = $2";
    merging.execute(moved, vec![Cell::Int(keep), Cell::Int(gone)]).await.unwrap();
    matching::redirect(&mut merging, &[(gone, keep)], 1).await.unwrap();
    hub.drop_file("revenues", "ctax-2.xml", &extract(&all[..19]));
    let mut running = pin!(hub.run("ingest-revenues"));
    let waits = "SELECT CAST(COUNT(*) AS TEXT) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let report = loop {
        tokio::select! {
            report = &mut running => break Some(report),
            waits = hub.text(waits) => if waits != "0" { break None },
        }
    };
    merging.commit().await.unwrap();
    let report = match report {
        Some(report) => report,
        None => running.await,
    };
    assert_eq!(report["total"]["records"]["gone"], 1);
    let told = "SELECT CAST(resident_id AS TEXT) FROM delivery WHERE mapping = 'gone'";
    assert_eq!(hub.text(told).await, keep.to_string());
}
