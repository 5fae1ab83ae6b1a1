//! Who lives with whom, read off the records: shown with the resident, and right after a merge without a word.

use serde_json::json;
use viaduct::app::resident::Asked;
use viaduct::app::resident::relations::Related;

use super::identity::{account, act, extract, why};
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    partners_children_and_households_are_shown => super::shown,
}

const CLAIMS: &str = "claim_ref,claim_status,start_date,p1_ref,p1_role,p1_forename,p1_surname,p1_dob,\
    p2_ref,p2_role,p2_forename,p2_surname,p2_dob,p3_ref,p3_role,p3_forename,p3_surname,p3_dob,addr1,postcode\n\
    99012346,Live,01/04/2026,B1,CLAIMANT,Cara,Fakeley,01/02/1960,B2,PARTNER,Robin,Bramble,03/04/1962,\
    B3,NONDEP,Drew,Fakeley,05/06/1990,1 Old Road,SK99 1AA\n\
    TRAILER,1,,,,,,,,,,,,,,,,,,\n";

async fn related(hub: &TestHub, id: i64) -> Vec<(i64, &'static str)> {
    let related = Related::of(&hub.context.database, id).await.unwrap();
    related.iter().map(|one| (one.resident, one.relation)).collect()
}

async fn shown(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_file("benefits", "claims-1.csv", CLAIMS.as_bytes());
    hub.run("ingest-benefits").await;
    let street = [
        account("990001", "Kim", "Sample", "1970-07-08", "1 Old Road"),
        account("990002", "Gray", "Mocke", "1971-08-09", "2 Old Road"),
    ];
    hub.drop_file("revenues", "ctax-1.xml", &extract(&street));
    hub.run("ingest-revenues").await;
    let whose = async |given: &str| -> i64 {
        let sql = format!("SELECT CAST(id AS TEXT) FROM resident WHERE facts LIKE '%\"{given}\"%'");
        hub.text(&sql).await.parse().unwrap()
    };
    let (cara, robin, drew) = (whose("Cara").await, whose("Robin").await, whose("Drew").await);
    let (kim, gray) = (whose("Kim").await, whose("Gray").await);
    assert_eq!(
        related(&hub, cara).await,
        [(robin, "partner"), (drew, "child"), (kim, "household")]
    );
    assert_eq!(
        related(&hub, drew).await,
        [(cara, "parent"), (robin, "household"), (kim, "household")]
    );
    assert_eq!(related(&hub, gray).await, []);
    // By show, and so by the API.
    let database = &hub.context.database;
    let shown = viaduct::app::resident::show::Shown::of(
        database,
        cara,
        None,
        viaduct::app::sight::Sight::Masked,
        0,
    );
    let shown = shown.await.unwrap();
    assert_eq!(shown.json()["related"][0]["resident"], json!(robin));
    assert_eq!(shown.json()["related"][0]["because"], "a claim names them as claimant and partner");
    let text = shown.text(viaduct::app::sight::Sight::Masked);
    assert!(text.contains(&format!("partner    resident {robin}: a claim names")), "{text}");
    // Whoever Kim turns out to be is who Cara lives with.
    act(&hub, Asked::Merge { id: gray, other: kim, why: why() }).await;
    assert_eq!(
        related(&hub, cara).await,
        [(robin, "partner"), (drew, "child"), (gray, "household")]
    );
}
