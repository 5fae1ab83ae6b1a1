//! Quirks that every system has a share of, by their numbers, from what a source gives to what leaves.

use serde_json::{Value, json};
use viaduct::app::run;

use super::arrivals::extract;
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    quirk_50_bytes_of_another_encoding_hold_their_row_and_no_other => super::encodings,
    quirk_51_what_two_people_owe_together_is_owed_once => super::owed_once,
    quirk_52_what_is_in_credit_is_no_arrears_and_no_payment => super::in_credit,
    quirk_53_a_hold_or_a_death_that_comes_late_keeps_what_was_to_be_sent => super::late,
    quirk_55_two_numbers_for_one_person_are_both_kept_and_one_is_used => super::two_numbers,
}

/// A file that claims to be UTF-8 and has a byte of Windows-1252, lines that end in two ways, and a last one that
/// does not end.
async fn encodings(on: On) {
    let hub = TestHub::open(on).await;
    let mut file = b"\xef\xbb\xbf".to_vec();
    file.extend_from_slice(
        b"claim_ref,claim_status,start_date,p1_ref,p1_role,p1_forename,p1_surname,p1_dob,p1_nino\r\n",
    );
    file.extend_from_slice(
        "1,Live,01/04/2026,B1,CLAIMANT,Zo\u{eb},Testberry,29/02/1984,QQ123456A\n".as_bytes(),
    );
    file.extend_from_slice(
        b"2,Live,01/04/2026,B2,CLAIMANT,Ren\xe9,Fakeley,01/02/1980,QQ123457A\r\n",
    );
    file.extend_from_slice(b"3,Live,01/04/2026,B3,CLAIMANT,Pat,Bramble,01/02/1981,QQ123458A\n");
    file.extend_from_slice(b"TRAILER,3,,,,,,,");
    hub.drop_file("benefits", "claims-1.csv", &file);
    let report = hub.run("ingest-benefits").await;
    assert_eq!(
        (&report["total"]["published"], &report["total"]["held"]),
        (&json!(2), &json!(1)),
        "{report}"
    );
    assert_eq!(hub.text("SELECT code FROM dead_letter").await, "csv.encoding");
    let names = hub.rows("SELECT facts FROM resident ORDER BY id").await;
    assert!(names.len() == 2 && names[0][0].contains("Zo\u{eb}"), "{names:?}");
}

fn account(key: &str, people: &str, paid: &str, owes: &str, arrears: &str) -> String {
    format!(
        "<Account ref=\"{key}\"><Status>OPEN</Status><LiablePersons>{people}</LiablePersons><Balance>\
         <Paid>{paid}</Paid><Outstanding>{owes}</Outstanding><Arrears>{arrears}</Arrears></Balance></Account>"
    )
}

fn person(seq: u32, given: &str) -> String {
    format!(
        "<Person seq=\"{seq}\" role=\"PRIMARY\"><Forename>{given}</Forename><Surname>Testberry</Surname>\
         <Email>{given}@example.com</Email></Person>"
    )
}

async fn nights(hub: &TestHub, nights: &[&[String]]) {
    for (number, accounts) in nights.iter().enumerate() {
        hub.drop_file("revenues", &format!("ctax-{number}.xml"), &extract(accounts));
        hub.run("ingest-revenues").await;
    }
}

async fn owed_once(on: On) {
    let hub = TestHub::open(on).await;
    let both = person(1, "Arden") + &person(2, "Blake");
    nights(&hub, &[&[account("9900001", &both, "1.00", "855.00", "0.00")]]).await;
    let accounts = hub.rows("SELECT facts FROM account").await;
    assert!(accounts.len() == 1 && accounts[0][0].contains("85500"), "{accounts:?}");
    let residents = hub.rows("SELECT facts FROM resident").await;
    assert_eq!(residents.len(), 2);
    assert!(residents.iter().all(|row| !row[0].contains("85500")), "{residents:?}");
    // Whoever adds up what is owed finds it once, and either of the two is led to it.
    let led = "SELECT CAST(COUNT(*) AS TEXT), CAST(COUNT(DISTINCT source_key_id) AS TEXT) FROM party WHERE ended_ms IS NULL";
    assert_eq!(hub.rows(led).await, [["2", "1"]]);
}

async fn in_credit(on: On) {
    let hub = TestHub::open(on).await;
    let one = |key: &str, given: &str, paid: &str, owes: &str, arrears: &str| {
        account(key, &person(1, given), paid, owes, arrears)
    };
    let first = [
        one("9900001", "Arden", "1.00", "100.00", "50.00"),
        one("9900002", "Blake", "1.00", "100.00", "50.00"),
    ];
    let second = [
        one("9900001", "Arden", "200.00", "-99.00", "-49.00"),
        one("9900002", "Blake", "2.00", "99.00", "49.00"),
    ];
    nights(&hub, &[&first, &second]).await;
    assert!(
        hub.text("SELECT facts FROM account WHERE facts LIKE '%-9900%'").await.contains("-4900")
    );
    let sql = "SELECT mapping, destination, message FROM delivery JOIN delivery_message ON delivery_id = id \
               WHERE mapping = 'arrears_reminder' ORDER BY id";
    let made = hub.rows(sql).await;
    // The control: whoever is in arrears is reminded, with a payment of what they owe.
    assert!(!made.is_empty() && made.iter().all(|row| !row[2].contains("Arden")), "{made:?}");
    let payment = made.iter().find(|row| row[1] == "pay").expect("a payment is offered");
    let payment: Value = serde_json::from_str(&payment[2]).unwrap();
    assert_eq!(payment["amount_pence"], 4_900);
}

/// What the gate knows when it is sent counts, and not what was known when it was made.
async fn late(on: On) {
    let mut hub = TestHub::open(on).await;
    let sandbox = viaduct::app::sandbox::Notify::start(0, None, None).await.unwrap();
    hub.more = sandbox.variables().into_iter().collect();
    hub.context.around = viaduct::app::context::surroundings(hub.variables());
    let all = |paid: &str| -> Vec<String> {
        ["Arden", "Blake", "Casey"]
            .into_iter()
            .zip(1..)
            .map(|(given, number)| {
                account(&format!("990000{number}"), &person(1, given), paid, "100.00", "50.00")
            })
            .collect()
    };
    nights(&hub, &[&all("1.00"), &all("2.00")]).await;
    let waits = "SELECT CAST(COUNT(*) AS TEXT) FROM delivery WHERE mapping = 'arrears_reminder' \
                 AND destination = 'notify' AND state = 'waiting'";
    assert_eq!(hub.text(waits).await, "3");
    // They are made, and wait; then one dies, and for another comes a hold.
    let whose = |given: &str| {
        format!("SELECT CAST(id AS TEXT) FROM resident WHERE facts LIKE '%\"{given}\"%'")
    };
    let (arden, blake) = (hub.text(&whose("Arden")).await, hub.text(&whose("Blake")).await);
    let mut transaction = hub.context.database.begin().await.unwrap();
    let dead = format!(
        "UPDATE resident SET facts = '{{\"death_date\":\"2026-01-01\"}}' WHERE id = {arden}"
    );
    transaction.execute(&dead, vec![]).await.unwrap();
    transaction.commit().await.unwrap();
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_viaduct"))
        .args(["--database", &hub.url, "--definitions"])
        .arg(&hub.definitions)
        .args(["hold", "add", "breathing_space", "--resident", &blake, "--reason", "a test"])
        .envs(hub.variables())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let job = hub.context.job("deliver-notify").unwrap();
    run::run_deliver(&hub.context, job).await.unwrap();
    let stand = |resident: &str| {
        format!(
            "SELECT state, COALESCE(cause_code, '-') FROM delivery WHERE resident_id = {resident} \
             AND mapping = 'arrears_reminder' AND destination = 'notify'"
        )
    };
    assert_eq!(hub.rows(&stand(&arden)).await, [["held", "suppressed.deceased"]]);
    let held = hub.rows(&stand(&blake)).await;
    assert_eq!(held[0][1], "suppressed.hold", "{held:?}");
    let casey = hub.text(&whose("Casey")).await;
    assert_eq!(hub.rows(&stand(&casey)).await, [["delivered", "-"]]);
}

async fn two_numbers(on: On) {
    let hub = TestHub::open(on).await;
    let claim = "claim_ref,claim_status,start_date,p1_ref,p1_role,p1_forename,p1_surname,p1_dob,p1_nino,p1_mobile\n\
                 1,Live,01/04/2026,B1,CLAIMANT,Arden,Testberry,29/02/1984,QQ123456A,07700 900123\nTRAILER,1,,,,,,,,\n";
    hub.drop_file("benefits", "claims-1.csv", claim.as_bytes());
    hub.run("ingest-benefits").await;
    let contact = json!({ "export": { "count": 1, "contacts": [{
        "contactId": "C1", "name": { "forename": "Arden", "surname": "Testberry" },
        "dateOfBirth": "1984-02-29", "nino": "QQ123456A", "mobile": "07700 900456",
    }] } });
    hub.drop_file("crm", "contacts-1.json", contact.to_string().as_bytes());
    hub.run("ingest-crm").await;
    assert_eq!(hub.rows("SELECT facts FROM resident").await.len(), 1, "they are one");
    let kept = "SELECT s.name, p.facts FROM party p JOIN source_key k ON k.id = p.source_key_id \
                JOIN source s ON s.id = k.source_id ORDER BY s.name";
    let kept = hub.rows(kept).await;
    let said: Vec<(&str, bool, bool)> = kept
        .iter()
        .map(|row| (row[0].as_str(), row[1].contains("900123"), row[1].contains("900456")))
        .collect();
    assert_eq!(
        said,
        [("benefits", true, false), ("crm", false, true)],
        "each with where it is from"
    );
    let used = hub.text("SELECT facts FROM resident").await;
    assert!(used.contains("900123") != used.contains("900456"), "one is used: {used}");
    // The first load of a source tells nobody.
    assert_eq!(hub.text("SELECT CAST(COUNT(*) AS TEXT) FROM delivery").await, "0");
}
