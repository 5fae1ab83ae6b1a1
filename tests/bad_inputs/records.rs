//! Records and files that a parser alone cannot judge: what the whole hub makes of them.

use serde_json::{Value, json};

use super::{account, contacts, count, extract, facts, held};
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    b8_what_stands_behind_the_extract_publishes_nothing => super::behind,
    b17_every_digit_of_a_number_is_kept => super::digits,
    b19_an_unknown_name_is_kept_and_no_fault => super::drift,
    b20_what_is_no_character_is_held_and_stops_nobody => super::characters,
    b22_a_file_that_is_too_large_is_held => super::too_large,
    a_key_that_no_database_takes_is_held => super::long_keys,
    a_name_that_is_copied_to_thousands_is_held => super::copied,
}

fn batch(report: &Value) -> (&str, &str) {
    let batch = &report["batches"][0];
    (batch["state"].as_str().unwrap(), batch["cause_code"].as_str().unwrap_or("-"))
}

async fn behind(on: On) {
    let hub = TestHub::open(on).await;
    let whole = extract(&[account(1, "", "")]);
    for (number, behind) in [&whole[..], b"junk", b"\0\0\0", b"<d/>"].iter().enumerate() {
        let name = format!("ctax-{number}.xml");
        hub.drop_file("revenues", &name, &[&whole[..], behind].concat());
        let report = hub.run("ingest-revenues").await;
        assert_eq!(batch(&report), ("held", "xml.trailing"));
    }
    assert_eq!((count(&hub, "resident").await, count(&hub, "source_record").await), (0, 0));
}

async fn digits(on: On) {
    let hub = TestHub::open(on).await;
    let number = "12345678901234567890123";
    let text = format!(
        "{{\"export\":{{\"contacts\":[{{\"contactId\":{number},\"name\":{{\"surname\":\"Testberry\"}}}},\
         {{\"contactId\":1e400,\"name\":{{\"surname\":\"Fakeley\"}}}},\
         {{\"contactId\":\"CRM1\",\"name\":{{\"surname\":\"Bramble\"}},\"n\":NaN}},\
         {{\"contactId\":\"CRM2\",\"name\":{{\"surname\":\"Bramble\"}},\"n\":-0}}],\"count\":4}}}}"
    );
    hub.drop_file("crm", "contacts-1.json", text.as_bytes());
    let report = hub.run("ingest-crm").await;
    assert_eq!((&report["total"]["published"], &report["total"]["held"]), (&json!(1), &json!(3)));
    assert_eq!(facts(&hub, "party", "reference").await, [number]);
    assert_eq!(hub.rows("SELECT key FROM party").await, [[number]]);
    let codes: Vec<String> = held(&hub).await.into_iter().map(|[code, _]| code).collect();
    assert_eq!(codes, ["json.number"; 3]);
}

async fn drift(on: On) {
    let hub = TestHub::open(on).await;
    let contact = |more: Value| {
        let mut contact = json!({"contactId": "CRM0000001", "name": {"surname": "Testberry"}});
        contact["favouriteColour"] = more;
        contacts(&[contact])
    };
    hub.drop_file("crm", "contacts-1.json", &contact(json!("green")));
    let report = hub.run("ingest-crm").await;
    assert_eq!(report["total"]["published"], json!(1));
    // It is part of what was kept: that it changed is seen.
    hub.drop_file("crm", "contacts-2.json", &contact(json!({"first": "blue"})));
    let report = hub.run("ingest-crm").await;
    assert_eq!(report["total"]["records"]["changed"], json!(1));
}

async fn characters(on: On) {
    let hub = TestHub::open(on).await;
    let one = |id: &str, surname: &str| {
        format!("{{\"contactId\":\"{id}\",\"name\":{{\"surname\":\"{surname}\"}}}}")
    };
    let all = [
        one("CRM1", "Testberry"),
        one("CRM2", "Test\\u0000berry"),
        one("CRM3", "Test\\ud800berry"),
        one("CRM4", "Test\u{1}berry"),
        one("CRM5\\u0000", "Bramble"),
        one("CRM6", "Test\\u0007berry"),
    ];
    let text =
        format!("{{\"export\":{{\"contacts\":[{}],\"count\":{}}}}}", all.join(","), all.len());
    hub.drop_file("crm", "contacts-1.json", text.as_bytes());
    let report = hub.run("ingest-crm").await;
    assert_eq!(report["total"]["rows_in"], json!(6));
    let codes: Vec<String> = held(&hub).await.into_iter().map(|[code, _]| code).collect();
    assert_eq!(codes, ["json.char"; 4]);
    assert_eq!(facts(&hub, "party", "name.family").await, ["Testberry", "Test\u{7}berry"]);
}

async fn too_large(on: On) {
    let mut hub = TestHub::open(on).await;
    hub.edit("connectors/crm.toml", "[settings]\n", "[settings]\nunpacked_bytes_max = 1_000_000\n");
    hub.edit("connectors/revenues.toml", "[limits]\n", "[limits]\nrecords_max = 100\n");
    hub.reload().await;
    let contact = |number: usize| json!({"contactId": format!("CRM{number:07}"), "name": {"surname": "Testberry"}});
    let many: Vec<Value> = (0..30_000).map(contact).collect();
    hub.drop_file("crm", "contacts-1.json", &contacts(&many));
    assert_eq!(batch(&hub.run("ingest-crm").await), ("held", "file.size"));
    let accounts =
        |many: usize| (0..many).map(|number| account(number, "", "")).collect::<Vec<_>>();
    hub.drop_file("revenues", "ctax-1.xml", &extract(&accounts(101)));
    assert_eq!(batch(&hub.run("ingest-revenues").await), ("held", "file.records"));
    assert_eq!((count(&hub, "resident").await, count(&hub, "source_record").await), (0, 0));
    hub.drop_file("revenues", "ctax-2.xml", &extract(&accounts(100)));
    assert_eq!(batch(&hub.run("ingest-revenues").await), ("closed", "-"));
}

async fn long_keys(on: On) {
    let hub = TestHub::open(on).await;
    let keyed = |key: &str| account(1, "", "").replace("9900000001", key);
    let random: String =
        (0..3_000_u32).map(|n| format!("{:x}", n.wrapping_mul(2_654_435_761))).collect();
    let accounts = [keyed("1"), keyed(&random), keyed(&random[..1_001]), keyed(&random[..1_000])];
    hub.drop_file("revenues", "ctax-1.xml", &extract(&accounts));
    let report = hub.run("ingest-revenues").await;
    assert_eq!((&report["total"]["published"], &report["total"]["held"]), (&json!(2), &json!(2)));
    assert!(held(&hub).await.iter().all(|[code, _]| code == "record.bad_key"));
}

async fn copied(on: On) {
    let hub = TestHub::open(on).await;
    let line =
        format!("<Property><Address><Line1>{}</Line1></Address></Property>", "x".repeat(5_000));
    let other = "</Person><Person seq=\"2\" role=\"JOINT\"><Surname>Fakeley</Surname>";
    let people = format!("<Surname>Testberry</Surname>{}", other.repeat(1_000));
    let accounts = [account(1, &people, &line), account(2, "", &line), account(3, &people, "")];
    hub.drop_file("revenues", "ctax-1.xml", &extract(&accounts));
    let report = hub.run("ingest-revenues").await;
    assert_eq!((&report["total"]["published"], &report["total"]["held"]), (&json!(1), &json!(2)));
    let waiting = held(&hub).await;
    assert!(waiting.iter().all(|[code, _]| code == "record.too_much"), "{waiting:?}");
}
