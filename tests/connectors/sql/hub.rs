//! A database that is asked over SQL, through a hub: what is too much, locked, moving or nowhere to be found.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use viaduct::app::context::surroundings;
use viaduct::connector::definition::Surroundings;

use super::old::{Kind, Old, on_each};
use crate::support::hub::{On, TestHub};

on_each! {
    b55_what_is_too_much_or_locked_is_held_or_waited_for => super::too_much,
    f33_what_changes_while_it_is_read_is_neither_missed_nor_doubled => super::changing,
    f36_a_name_that_is_not_found_or_leads_elsewhere => super::names,
}

struct Stage {
    hub: TestHub,
    old: Old,
}

impl Stage {
    async fn open(kind: Kind) -> Stage {
        let old = Old::open(kind).await;
        old.run(
            "CREATE TABLE tenancies (ref int, owes varchar(20), forename varchar(20), surname varchar(20), \
             last_upd int, note text)",
        )
        .await;
        let on = if kind == Kind::MariaDb { On::Postgres } else { On::Sqlite };
        let mut hub = TestHub::open_with(on, Path::new("tests/connectors/sql_asked")).await;
        hub.more =
            vec![("OLD_URL".to_owned(), old.url.clone()), ("OLD_HOST".to_owned(), old.host())];
        hub.context.around = surroundings(hub.variables());
        Stage { hub, old }
    }

    async fn put(&self, number: u32, owes: &str, changed: u32) {
        let sql = format!(
            "INSERT INTO tenancies VALUES ({number}, '{owes}', 'Arden', 'Testberry', {changed}, 'x')"
        );
        self.old.run(&sql).await;
    }

    async fn known(&self) -> Vec<String> {
        let sql = "SELECT k.key FROM account a JOIN source_key k ON k.id = a.id ORDER BY k.key";
        self.hub.rows(sql).await.into_iter().map(|mut row| row.remove(0)).collect()
    }

    async fn outcome(&self) -> String {
        match self.hub.try_run("ingest-old").await {
            Err(error) => error,
            Ok(report) => {
                let batch = report.json()["batches"][0].take();
                format!("{} {}", batch["state"], batch["cause_code"])
            }
        }
    }
}

async fn too_much(kind: Kind) {
    let stage = Stage::open(kind).await;
    for number in 1..=3 {
        stage.put(number, "1.00", number).await;
    }
    // A value that is too long holds its row, and stays where it is.
    let long = format!("UPDATE tenancies SET note = '{}' WHERE ref = 2", "x".repeat(5_000));
    stage.old.run(&long).await;
    let report = stage.hub.run("ingest-old").await;
    assert_eq!(
        (&report["total"]["published"], &report["total"]["held"]),
        (&2.into(), &1.into()),
        "{report}"
    );
    assert_eq!(stage.hub.text("SELECT code FROM dead_letter").await, "sql.cell");
    assert_eq!(stage.known().await, ["1", "3"]);
    // More rows than are believed: nothing of them is taken, and how far it came is where it was.
    let many: Vec<String> =
        (10..2_010).map(|number| format!("({number}, '1.00', 'A', 'B', {number}, 'x')")).collect();
    stage.old.run(&format!("INSERT INTO tenancies VALUES {}", many.join(", "))).await;
    for _ in 0..2 {
        assert_eq!(stage.outcome().await, "\"held\" \"file.records\"");
    }
    let held = "SELECT CAST(COUNT(*) AS TEXT) FROM batch WHERE state = 'held'";
    assert_eq!(stage.hub.text(held).await, "1", "it is held once");
    assert_eq!(stage.known().await, ["1", "3"]);
    stage.old.run("DELETE FROM tenancies WHERE ref > 10").await;
    stage.hub.run("ingest-old").await;
    assert_eq!(stage.known().await, ["1", "10", "3"]);
    // Somebody locks it: that is told soon, and the next poll brings what came.
    stage.put(11, "1.00", 11).await;
    let mut other = stage.old.hand().await;
    let lock = stage.old.of(
        "BEGIN; LOCK TABLE tenancies IN ACCESS EXCLUSIVE MODE",
        "LOCK TABLES tenancies WRITE",
        "BEGIN EXCLUSIVE; INSERT INTO tenancies VALUES (12, '1.00', 'A', 'B', 12, 'x')",
    );
    other.run(lock).await.unwrap();
    let told = stage.outcome().await;
    assert!(told.contains("somebody else locks"), "{told}");
    other.run(stage.old.of("ROLLBACK", "UNLOCK TABLES", "ROLLBACK")).await.unwrap();
    stage.hub.run("ingest-old").await;
    assert_eq!(stage.known().await, ["1", "10", "11", "3"]);
}

/// Several of one version, and one more of it after it was read.
async fn changing(kind: Kind) {
    let stage = Stage::open(kind).await;
    for number in 1..=3 {
        stage.put(number, "1.00", 7).await;
    }
    stage.hub.run("ingest-old").await;
    stage.put(4, "1.00", 7).await;
    stage.hub.run("ingest-old").await;
    stage.old.run("UPDATE tenancies SET owes = '2.00', last_upd = 8 WHERE ref = 1").await;
    stage.hub.run("ingest-old").await;
    stage.hub.run("ingest-old").await;
    assert_eq!(stage.known().await, ["1", "2", "3", "4"]);
    let records = "SELECT key, CAST(COUNT(*) AS TEXT) FROM source_record GROUP BY key ORDER BY key";
    let records = stage.hub.rows(records).await;
    let counts: Vec<&str> = records.iter().map(|row| row[1].as_str()).collect();
    assert_eq!(counts, ["2", "1", "1", "1"], "each came once, and one changed: {records:?}");
}

async fn names(kind: Kind) {
    if kind == Kind::Sqlite {
        return;
    }
    let mut stage = Stage::open(kind).await;
    stage.put(1, "1.00", 1).await;
    let host = stage.old.host();
    let named = host.replace("127.0.0.1", "academy.internal");
    stage.hub.more = vec![
        ("OLD_URL".to_owned(), stage.old.url.replace(&host, &named)),
        ("OLD_HOST".to_owned(), named),
    ];
    stage.hub.edit(
        "connectors/old.toml",
        "[\"${OLD_HOST}\"]",
        &format!("[\"${{OLD_HOST}}\", \"{host}\"]"),
    );
    stage.hub.reload().await;
    let leads: Arc<Mutex<Option<IpAddr>>> = Arc::default();
    let now = Arc::clone(&leads);
    stage.hub.context.around = Surroundings {
        lookup: Arc::new(move |_| {
            let found = *now.lock().unwrap();
            let none = || std::io::Error::from(std::io::ErrorKind::NotFound);
            Box::pin(async move { found.map(|number| vec![number]).ok_or_else(none) })
        }),
        ..surroundings(stage.hub.variables())
    };
    let told = stage.outcome().await;
    assert!(told.contains("its name is not found"), "{told}");
    let lead = |to: &str| *leads.lock().unwrap() = Some(to.parse().unwrap());
    lead("127.0.0.1");
    stage.hub.run("ingest-old").await;
    assert_eq!(stage.known().await, ["1"]);
    // The same name leads elsewhere: it is judged anew at each poll, and nobody is called there.
    stage.put(2, "1.00", 2).await;
    lead("169.254.169.254");
    let told = stage.outcome().await;
    assert!(told.contains("url.address"), "{told}");
    lead("127.0.0.1");
    stage.hub.run("ingest-old").await;
    assert_eq!(stage.known().await, ["1", "2"]);
}
