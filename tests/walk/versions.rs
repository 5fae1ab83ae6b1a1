//! A source that says which of two records is the newer: what comes late, twice or in another order than it
//! was made in changes nothing that is newer, and no row of it vanishes.

use super::arrivals::{account, extract};
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    quirk_54_an_older_record_that_comes_late_or_again_changes_nothing => super::late,
    of_several_in_one_extract_the_newest_counts => super::several,
    what_cannot_be_told_apart_is_held => super::unsure,
    a_changed_mapping_reads_what_comes_again => super::changed_mapping,
    versions_are_for_extracts_of_what_changed => super::full,
}

async fn hub(on: On) -> TestHub {
    let mut hub = TestHub::open(on).await;
    let delta = "extract    = \"delta\"\nversion = \"@version\"";
    hub.edit("connectors/revenues.toml", "extract    = \"full\"", delta);
    hub.reload().await;
    hub
}

/// A version of an account, by which so much was paid.
fn version(key: &str, version: &str, paid: &str) -> String {
    let ours = format!("<Account version=\"{version}\" ref");
    account(key, "Testberry", paid).replace("<Account ref", &ours)
}

/// Takes an extract, and gives its counts: published, unchanged, held, filtered.
async fn take(hub: &TestHub, name: &str, accounts: &[String]) -> [i64; 4] {
    hub.drop_file("revenues", name, &extract(accounts));
    let total = hub.run("ingest-revenues").await["total"].take();
    ["published", "unchanged", "held", "filtered"].map(|count| total[count].as_i64().unwrap())
}

/// What was paid on each account.
async fn paid(hub: &TestHub) -> Vec<Vec<String>> {
    let sql = match hub.url.starts_with("postgres") {
        true => {
            "SELECT k.key, CAST(CAST(a.facts AS JSONB) -> 'paid' AS TEXT) FROM account a \
                 JOIN source_key k ON k.id = a.id ORDER BY k.key"
        }
        false => {
            "SELECT k.key, CAST(a.facts -> 'paid' AS TEXT) FROM account a \
                  JOIN source_key k ON k.id = a.id ORDER BY k.key"
        }
    };
    let number = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let rows = hub.rows(sql).await;
    rows.into_iter().map(|row| vec![row[0].clone(), number(&row[1])]).collect()
}

async fn late(on: On) {
    let hub = hub(on).await;
    let file = [version("9900001", "2", "2.00"), version("9900002", "9", "9.00")];
    assert_eq!(take(&hub, "ctax-1.xml", &file).await, [2, 0, 0, 0]);
    // Ten is more than nine.
    let file = [version("9900001", "1", "1.00"), version("9900002", "10", "10.00")];
    assert_eq!(take(&hub, "ctax-2.xml", &file).await, [1, 0, 0, 1]);
    // The same once more, and one that is late by more than one.
    let file = [version("9900001", "2", "2.00"), version("9900002", "9", "9.00")];
    assert_eq!(take(&hub, "ctax-3.xml", &file[..1]).await, [0, 1, 0, 0]);
    assert_eq!(take(&hub, "ctax-4.xml", &file[1..]).await, [0, 0, 0, 1]);
    assert_eq!(paid(&hub).await, [["9900001", "200"], ["9900002", "1000"]]);
    // What was late is kept as it was given.
    let kept = "SELECT CAST(COUNT(*) AS TEXT) FROM source_record WHERE key = '9900001'";
    assert_eq!(hub.text(kept).await, "2");
    let changed = "SELECT CAST(COUNT(*) AS TEXT) FROM change_event WHERE kind LIKE '%changed'";
    assert_eq!(hub.text(changed).await, "1");
}

async fn several(on: On) {
    let hub = hub(on).await;
    // Of a first extract nothing is known, and of a second some. Chunks are of any size.
    let all = |from: u32| -> Vec<String> {
        let one = |number: u32| {
            let (key, said) = (format!("99{:05}", number % 7), from + number % 5);
            version(&key, &said.to_string(), &format!("{said}.00"))
        };
        (0..70).map(one).collect()
    };
    let newest = |most: &str| -> Vec<Vec<String>> {
        (0..7).map(|number| vec![format!("99{number:05}"), most.to_owned()]).collect()
    };
    for (name, from, most) in [("ctax-1.xml", 1, "500"), ("ctax-2.xml", 4, "800")] {
        let [published, unchanged, held, filtered] = take(&hub, name, &all(from)).await;
        assert_eq!((published, held, unchanged + filtered), (7, 0, 63), "{name}");
        assert_eq!(paid(&hub).await, newest(most), "{name}");
    }
    let records = hub.text("SELECT CAST(SUM(records_new) AS TEXT) FROM batch").await;
    assert_eq!(records, "7");
}

async fn unsure(on: On) {
    let hub = hub(on).await;
    let file = [version("9900001", "2", "2.00"), account("9900003", "Bramble", "1.00")];
    assert_eq!(take(&hub, "ctax-1.xml", &file).await, [1, 0, 1, 0]);
    // Known and in one extract.
    let file = [
        version("9900001", "2", "3.00"),
        version("9900002", "1", "1.00"),
        version("9900002", "1", "4.00"),
        version("9900004", "one", "4.00"),
    ];
    assert_eq!(take(&hub, "ctax-2.xml", &file).await, [1, 0, 3, 0]);
    let codes = "SELECT code FROM dead_letter WHERE settled_ms IS NULL ORDER BY id";
    let (none, same) = ("record.no_version", "record.same_version");
    assert_eq!(hub.rows(codes).await, [[none], [same], [same], [none]]);
    assert_eq!(paid(&hub).await, [["9900001", "200"], ["9900002", "100"]]);
    // A newer one settles what was held of its key.
    let file = [version("9900001", "3", "5.00")];
    assert_eq!(take(&hub, "ctax-3.xml", &file).await, [1, 0, 0, 0]);
    assert_eq!(hub.rows(codes).await, [[none], [same], [none]]);
}

async fn changed_mapping(on: On) {
    let mut hub = hub(on).await;
    take(&hub, "ctax-1.xml", &[version("9900001", "2", "2.00")]).await;
    let family =
        "\"name.family\"            = { from = \"Surname\", via = [\"trim\", \"title_case\"]";
    let upper = family.replace("title_case", "upper_case");
    hub.edit("mappings/inbound/ctax_account.toml", family, &upper);
    hub.reload().await;
    let file = [version("9900001", "1", "1.00"), version("9900001", "2", "2.00")];
    assert_eq!(take(&hub, "ctax-2.xml", &file).await, [1, 0, 0, 1]);
    assert_eq!(paid(&hub).await, [["9900001", "200"]]);
}

async fn full(on: On) {
    let hub = TestHub::open(on).await;
    let full = "extract    = \"full\"";
    hub.edit("connectors/revenues.toml", full, &format!("{full}\nversion = \"@version\""));
    let refused = viaduct::app::context::checked(&hub.definitions).err().unwrap().to_string();
    assert!(refused.contains("whatever its records' versions"), "{refused}");
}
