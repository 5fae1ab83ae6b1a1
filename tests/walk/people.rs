//! Who is who across records: linked by the exact rule, never two of one account, never overwritten.

use serde_json::json;

use crate::support::hub::{On, TestHub, on_both};

on_both! {
    one_person_in_two_systems_is_one_resident => super::two_systems,
    two_parties_of_one_account_are_two_residents => super::one_account,
    a_place_on_an_account_that_passes_on_overwrites_nobody => super::passed_on,
    the_order_of_arrival_does_not_matter => super::any_order,
    a_party_no_longer_named_ends => super::no_longer_named,
}

struct Person {
    seq: u32,
    given: &'static str,
    family: &'static str,
    born: &'static str,
    nino: &'static str,
}

const ARDEN: Person =
    Person { seq: 1, given: "Arden", family: "TESTBERRY", born: "1984-02-29", nino: "QQ123456A" };
const BLAKE: Person =
    Person { seq: 2, given: "Blake", family: "Testberry", born: "1984-02-29", nino: "QQ123456A" };

fn account(key: &str, people: &[Person]) -> String {
    let named: String = people
        .iter()
        .map(|person| {
            format!(
                "<Person seq=\"{}\" role=\"PRIMARY\"><Forename>{}</Forename><Surname>{}</Surname>\
                 <DateOfBirth>{}</DateOfBirth><NINO>{}</NINO></Person>",
                person.seq, person.given, person.family, person.born, person.nino
            )
        })
        .collect();
    format!(
        "<Account ref=\"{key}\"><Status>OPEN</Status><LiablePersons>{named}</LiablePersons>\
         <Balance><Outstanding>10.00</Outstanding></Balance></Account>"
    )
}

fn extract(accounts: &[String]) -> Vec<u8> {
    let (all, count) = (accounts.join(""), accounts.len());
    let head = "<CouncilTaxExtract xmlns=\"urn:example:ctax:extract:1\">";
    format!("{head}{all}<Trailer accounts=\"{count}\"/></CouncilTaxExtract>").into_bytes()
}

const CLAIM: &str = "claim_ref,claim_status,start_date,p1_ref,p1_role,p1_forename,p1_surname,p1_dob,p1_nino,p1_email\n\
    99012346,Live,01/04/2026,B1,CLAIMANT,Arden,Testberry,29/02/1984,QQ123456A,arden@example.com\nTRAILER,1,,,,,,,,\n";

async fn residents(hub: &TestHub) -> String {
    hub.text("SELECT CAST(COUNT(*) AS TEXT) FROM resident").await
}

async fn two_systems(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&[account("990001", &[ARDEN])]));
    hub.run("ingest-revenues").await;
    hub.drop_file("benefits", "claims-1.csv", CLAIM.as_bytes());
    let report = hub.run("ingest-benefits").await;
    assert_eq!(report["total"]["residents_created"], json!(0));
    assert_eq!(report["total"]["residents_changed"], json!(1));
    assert_eq!(residents(&hub).await, "1");
    let facts = hub.text("SELECT facts FROM resident").await;
    assert!(facts.contains("arden@example.com") && facts.contains("QQ123456A"), "{facts}");
    assert_ne!(hub.text("SELECT provenance FROM resident").await, "null");
}

async fn one_account(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&[account("990001", &[ARDEN, BLAKE])]));
    hub.run("ingest-revenues").await;
    assert_eq!(residents(&hub).await, "2");
}

async fn passed_on(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&[account("990001", &[ARDEN])]));
    hub.run("ingest-revenues").await;
    let other =
        Person { seq: 1, given: "Robin", family: "Bramble", born: "1970-05-05", nino: "QQ654321B" };
    hub.drop_file("revenues", "ctax-2.xml", &extract(&[account("990001", &[other])]));
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["total"]["residents_created"], json!(1));
    assert_eq!(residents(&hub).await, "2");
    let names = hub.rows("SELECT facts FROM resident ORDER BY id").await;
    assert!(names[0][0].contains("Testberry") && names[1][0].contains("Bramble"), "{names:?}");
    let ended = "SELECT CAST(COUNT(*) AS TEXT) FROM party WHERE ended_ms IS NOT NULL";
    assert_eq!(hub.text(ended).await, "1");
}

async fn any_order(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_file("benefits", "claims-1.csv", CLAIM.as_bytes());
    hub.run("ingest-benefits").await;
    let accounts = [account("990001", &[ARDEN]), account("990002", &[ARDEN])];
    hub.drop_file("revenues", "ctax-1.xml", &extract(&accounts));
    hub.run("ingest-revenues").await;
    assert_eq!(residents(&hub).await, "1");
    assert_eq!(hub.text("SELECT CAST(COUNT(*) AS TEXT) FROM party").await, "3");
}

async fn no_longer_named(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&[account("990001", &[ARDEN, BLAKE])]));
    hub.run("ingest-revenues").await;
    hub.drop_file("revenues", "ctax-2.xml", &extract(&[account("990001", &[ARDEN])]));
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["total"]["records"]["changed"], json!(1));
    let changes = "SELECT changes FROM change_event WHERE kind = 'changed' AND subject = 'account'";
    assert_eq!(hub.text(changes).await, "{\"parties\":{}}");
    assert_eq!(residents(&hub).await, "2");
}
