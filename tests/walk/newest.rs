//! Two changes of one account before anybody was told: what is so now is said, once.

use viaduct::sandbox::council::Council;

use crate::support::hub::{On, TestHub};

/// The same accounts with other amounts paid on each night.
fn night(xml: &str, night: u32) -> String {
    match night {
        1 => xml.to_owned(),
        2 => xml.replace("0</Paid>", "1</Paid>"),
        _ => xml.replace("0</Paid>", "1</Paid>").replace("1</Paid>", "2</Paid>"),
    }
}

pub async fn once(on: On) {
    let mut hub = TestHub::open(on).await;
    // What happened is said of each, where the mapping says so.
    let file = "mappings/outbound/arrears_reminder.toml";
    hub.edit(file, "collection  = true", "collection  = true\nnewest_only = false");
    hub.reload().await;
    let mut xml = Vec::new();
    Council::new(7, 120).revenues_xml(1, &mut xml).unwrap();
    let xml = String::from_utf8(xml).unwrap();
    for number in 1..=3 {
        let name = format!("ctax-{number}.xml");
        hub.drop_file("revenues", &name, night(&xml, number).as_bytes());
        hub.run("ingest-revenues").await;
    }
    let states = |mapping: &str| {
        format!(
            "SELECT state, CAST(COUNT(*) AS TEXT), CAST(MIN(older) AS TEXT) FROM (SELECT state, \
             (SELECT COUNT(*) FROM delivery o WHERE o.id < d.id AND o.mapping = d.mapping \
             AND o.resident_id = d.resident_id AND o.subject_id = d.subject_id) AS older \
             FROM delivery d WHERE mapping = '{mapping}' AND destination = 'notify' \
             AND state <> 'held') AS told GROUP BY state ORDER BY state"
        )
    };
    let told = hub.rows(&states("payment_received")).await;
    let [replaced, waiting] = &told[..] else { panic!("{told:?}") };
    assert_eq!((replaced[0].as_str(), waiting[0].as_str()), ("replaced", "waiting"), "{told:?}");
    // Each that was replaced has one that took its place, and of each pair one is left.
    let unpaired = "SELECT CAST(o.id AS TEXT) FROM delivery o WHERE o.state = 'replaced' \
                    AND NOT EXISTS (SELECT 1 FROM delivery n WHERE n.state = 'waiting' \
                    AND n.resident_id = o.resident_id AND n.subject_id = o.subject_id \
                    AND n.mapping = o.mapping AND n.id > o.id \
                    AND o.cause = 'delivery ' || CAST(n.id AS TEXT) || ' says what is so now')";
    assert_eq!(hub.rows(unpaired).await, Vec::<Vec<String>>::new());
    let twice = "SELECT mapping FROM delivery WHERE state = 'waiting' AND mapping = 'payment_received' \
                 GROUP BY mapping, resident_id, subject_id HAVING COUNT(*) > 1";
    assert_eq!(hub.rows(twice).await, Vec::<Vec<String>>::new());
    let reminders = hub.rows(&states("arrears_reminder")).await;
    assert!(reminders.iter().all(|row| row[0] != "replaced"), "{reminders:?}");
}
