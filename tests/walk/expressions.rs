//! Expressions at work, on both databases: which rows, which parties, what a field holds, and who is told.

use crate::support::hub::{On, TestHub, on_both};
use serde_json::json;

on_both! {
    expressions_choose_rows_parties_and_values => super::inbound,
    a_condition_chooses_which_changes_are_told => super::outbound,
    b72_an_expression_that_cannot_be_computed_holds_the_row => super::held,
}

fn account(key: &str, status: &str, people: &[(&str, &str)], arrears: &str, paid: &str) -> String {
    let people: String = people
        .iter()
        .map(|(role, surname)| {
            format!(
                "<Person seq=\"1\" role=\"{role}\"><Forename>Arden</Forename><Surname>{surname}</Surname>\
                 <Email>a.testberry@example.com</Email></Person>"
            )
        })
        .collect();
    format!(
        "<Account ref=\"{key}\"><Status>{status}</Status><LiablePersons>{people}</LiablePersons>\
         <Balance><Paid>{paid}</Paid><Outstanding>100.00</Outstanding><Arrears>{arrears}</Arrears>\
         </Balance></Account>"
    )
}

fn extract(accounts: &[String]) -> String {
    let (all, many) = (accounts.concat(), accounts.len());
    format!(
        "<CouncilTaxExtract xmlns=\"urn:example:ctax:extract:1\">{all}<Trailer accounts=\"{many}\"/>\
         </CouncilTaxExtract>"
    )
}

const MAPPING: &str = "mappings/inbound/ctax_account.toml";

async fn inbound(on: On) {
    let mut hub = TestHub::open(on).await;
    hub.edit(
        MAPPING,
        "[account]   ",
        "[[filter]]\nwhen = 'text(\"Status\") == \"OPEN\" && count(\"LiablePersons/Person\") == 0'\n\
         because = \"nobody is liable\"\n\n[account]   ",
    );
    hub.edit(
        MAPPING,
        "key  = \"@seq\"",
        "when = 'text(\"@role\") != \"VOID\"'\nkey  = { expr = 'text(\"../../@ref\") + \"-\" + text(\"Surname\").lower()' }",
    );
    hub.edit(
        MAPPING,
        "{ from = \"Balance/@year\" }",
        "{ expr = 'int(text(\"Balance/Arrears\").startsWith(\"0\") ? \"2026\" : \"2025\") + 1' }",
    );
    hub.reload().await;
    let accounts = [
        account(
            "9900000001",
            "OPEN",
            &[("PRIMARY", "Testberry"), ("VOID", "Fakeley")],
            "0.00",
            "1.00",
        ),
        account("9900000002", "OPEN", &[], "0.00", "1.00"),
        account("9900000003", "OPEN", &[("JOINT", "Bramble")], "5.00", "1.00"),
    ];
    hub.drop_file("revenues", "ctax-1.xml", extract(&accounts).as_bytes());
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["total"]["filtered"], json!(1));
    assert_eq!(report["total"]["published"], json!(2));
    let parties = hub.rows("SELECT key FROM party ORDER BY key").await;
    assert_eq!(parties, [["9900000001-testberry"], ["9900000003-bramble"]]);
    let facts = hub.rows("SELECT facts FROM account ORDER BY id").await;
    assert!(facts[0][0].contains("\"year\":2027"), "{facts:?}");
    assert!(facts[1][0].contains("\"year\":2026"), "{facts:?}");
}

async fn outbound(on: On) {
    let mut hub = TestHub::open(on).await;
    hub.edit(
        "mappings/outbound/payment_received.toml",
        "purpose",
        "when = \"change.paid.new - change.paid.old >= 1000 && has(resident.contact.email)\"\npurpose",
    );
    hub.edit(
        "mappings/outbound/payment_received.toml",
        "\"account.balance\"",
        "{ expr = 'pounds(change.paid.new - change.paid.old)' }",
    );
    hub.reload().await;
    let night = |first: &str, second: &str| {
        extract(&[
            account("9900000001", "OPEN", &[("PRIMARY", "Testberry")], "0.00", first),
            account("9900000002", "OPEN", &[("PRIMARY", "Fakeley")], "0.00", second),
        ])
    };
    hub.drop_file("revenues", "ctax-1.xml", night("10.00", "10.00").as_bytes());
    hub.run("ingest-revenues").await;
    hub.drop_file("revenues", "ctax-2.xml", night("25.00", "15.00").as_bytes());
    hub.run("ingest-revenues").await;
    let deliveries = hub
        .rows("SELECT mapping, message FROM delivery JOIN delivery_message ON delivery_id = id")
        .await;
    assert_eq!(deliveries.len(), 1, "{deliveries:?}");
    assert!(deliveries[0][1].contains("£15.00"), "{deliveries:?}");
}

async fn held(on: On) {
    let mut hub = TestHub::open(on).await;
    hub.edit(
        MAPPING,
        "{ from = \"Balance/@year\" }",
        "{ expr = 'int(text(\"Balance/Arrears\"))' }",
    );
    hub.reload().await;
    let accounts = [
        account("9900000001", "OPEN", &[("PRIMARY", "Testberry")], "7", "1.00"),
        account("9900000002", "OPEN", &[("PRIMARY", "Fakeley")], "none", "1.00"),
    ];
    hub.drop_file("revenues", "ctax-1.xml", extract(&accounts).as_bytes());
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["total"]["published"], json!(1));
    assert_eq!(report["total"]["held"], json!(1));
    let held = hub.rows("SELECT code, field FROM dead_letter").await;
    assert_eq!(held, [["expression.failed", "account year"]]);
}
