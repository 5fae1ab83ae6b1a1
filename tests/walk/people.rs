//! Who is who across records: linked by what agrees, never two of one account, never overwritten.

use serde_json::json;

use crate::support::hub::{On, TestHub, on_both};

on_both! {
    one_person_in_two_systems_is_one_resident => super::two_systems,
    two_parties_of_one_account_are_two_residents => super::one_account,
    a_place_on_an_account_that_passes_on_overwrites_nobody => super::passed_on,
    one_of_a_couple_leaves_and_nobody_becomes_the_other => super::one_leaves,
    one_who_left_and_comes_back_is_who_they_were => super::one_comes_back,
    two_who_change_places_stay_who_they_are => super::changed_places,
    a_number_that_two_have_leads_to_the_one_of_that_name => super::ambiguous,
    the_order_of_arrival_does_not_matter => super::any_order,
    a_party_no_longer_named_ends => super::no_longer_named,
}

#[derive(Clone, Copy)]
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

const BEN: Person =
    Person { seq: 1, given: "Ben", family: "Fakeley", born: "1960-01-02", nino: "" };
const CARA: Person =
    Person { seq: 2, given: "Cara", family: "Fakeley", born: "1962-03-04", nino: "" };

/// Who is who after some nights: given names of the residents in their order, and how many have ended.
async fn who(hub: &TestHub, nights: &[&[Person]]) -> (Vec<String>, String) {
    for (night, people) in nights.iter().enumerate() {
        let name = format!("ctax-{night}.xml");
        hub.drop_file("revenues", &name, &extract(&[account("990001", people)]));
        hub.run("ingest-revenues").await;
    }
    let facts = hub.rows("SELECT facts FROM resident ORDER BY id").await;
    let given = |facts: &String| {
        ["Ben", "Cara"].into_iter().find(|name| facts.contains(name)).unwrap_or("?").to_owned()
    };
    let ended = "SELECT CAST(COUNT(*) AS TEXT) FROM party WHERE ended_ms IS NOT NULL";
    (facts.iter().map(|row| given(&row[0])).collect(), hub.text(ended).await)
}

async fn one_leaves(on: On) {
    let hub = TestHub::open(on).await;
    let alone = Person { seq: 1, ..CARA };
    let (given, ended) = who(&hub, &[&[BEN, CARA], &[alone]]).await;
    assert_eq!((given, ended.as_str()), (vec!["Ben".to_owned(), "Cara".to_owned()], "1"));
    let open = hub.text("SELECT facts FROM party WHERE ended_ms IS NULL").await;
    assert!(open.contains("Cara") && !open.contains("1960"), "{open}");
}

async fn one_comes_back(on: On) {
    let hub = TestHub::open(on).await;
    let alone = Person { seq: 1, ..CARA };
    let (first, second) = (Person { seq: 1, ..CARA }, Person { seq: 2, ..BEN });
    let nights: [&[Person]; 3] = [&[BEN, CARA], &[alone], &[first, second]];
    let (given, ended) = who(&hub, &nights).await;
    assert_eq!((given, ended.as_str()), (vec!["Ben".to_owned(), "Cara".to_owned()], "0"));
    // Another of his family name is somebody else.
    let hub = TestHub::open(on).await;
    let brother = Person { given: "Bertram", born: "1961-02-03", ..BEN };
    let with_brother = [alone, Person { seq: 2, ..brother }];
    let (given, ended) = who(&hub, &[&[BEN, CARA], &[alone], &with_brother]).await;
    assert_eq!((given.len(), ended.as_str()), (3, "1"));
}

async fn changed_places(on: On) {
    let hub = TestHub::open(on).await;
    let (first, second) = (Person { seq: 1, ..CARA }, Person { seq: 2, ..BEN });
    let (given, ended) = who(&hub, &[&[BEN, CARA], &[first, second], &[BEN, CARA]]).await;
    assert_eq!((given, ended.as_str()), (vec!["Ben".to_owned(), "Cara".to_owned()], "0"));
}

async fn ambiguous(on: On) {
    let hub = TestHub::open(on).await;
    let both = [account("990001", &[ARDEN, BLAKE]), account("990002", &[ARDEN])];
    hub.drop_file("revenues", "ctax-1.xml", &extract(&both));
    let report = hub.run("ingest-revenues").await;
    assert_eq!(
        residents(&hub).await,
        "2",
        "one number on two people of one account: the names say which"
    );
    assert_eq!(report["total"]["residents_created"], json!(2));
    let names = "SELECT r.facts FROM party p JOIN resident r ON r.id = p.resident_id ORDER BY p.id";
    let names = hub.rows(names).await;
    let blake: Vec<bool> = names.iter().map(|row| row[0].contains("Blake")).collect();
    assert_eq!(blake, [false, true, false]);
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
