//! The audit log's chain: a line that is altered, removed, added or put elsewhere is found, on both databases.

use sqlx::AssertSqlSafe;
use viaduct::store::audit::{self, Entry, Verdict};
use viaduct::store::database::Database;

use crate::support::hub::{On, TestHub};

async fn lines(database: &Database, many: usize) {
    for place in 0..many {
        let entry = Entry {
            actor: "staff:kim",
            action: if place % 2 == 0 { "shown" } else { "released" },
            target: format!("delivery {place}"),
            reason: Some("a resident asked"),
            details: None,
        };
        audit::write_alone(database, &entry, 1_000 + place as i64).await.unwrap();
    }
}

async fn tamper(database: &Database, statements: &[&str]) {
    for sql in statements {
        let sql = AssertSqlSafe((*sql).to_owned());
        match database {
            Database::Sqlite { writer, .. } => {
                sqlx::query(sql).execute(writer).await.unwrap();
            }
            Database::Postgres(pool) => {
                sqlx::query(sql).execute(pool).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn whatever_is_done_to_the_log_shows() {
    let cases: [(&str, &[&str], i64); 9] = [
        ("altered", &["UPDATE audit SET reason = 'none' WHERE id = 4"], 4),
        ("another person", &["UPDATE audit SET actor = 'staff:sam' WHERE id = 7"], 7),
        ("another time", &["UPDATE audit SET at_ms = at_ms + 1 WHERE id = 1"], 1),
        ("removed", &["DELETE FROM audit WHERE id = 5"], 5),
        ("the first removed", &["DELETE FROM audit WHERE id = 1"], 1),
        ("the last removed", &["DELETE FROM audit WHERE id = 9"], 9),
        (
            "removed and closed up",
            &["DELETE FROM audit WHERE id = 5", "UPDATE audit SET id = 5 WHERE id = 6"],
            5,
        ),
        (
            "put elsewhere",
            &[
                "UPDATE audit SET id = 100 WHERE id = 3",
                "UPDATE audit SET id = 3 WHERE id = 4",
                "UPDATE audit SET id = 4 WHERE id = 100",
            ],
            3,
        ),
        (
            "added",
            &["INSERT INTO audit (id, at_ms, actor, action, target, digest) \
               VALUES (10, 1, 'staff:kim', 'shown', 'x', 'ab')"],
            10,
        ),
    ];
    for on in [On::Sqlite, On::Postgres] {
        for (what, statements, first) in &cases {
            let hub = TestHub::open(on).await;
            let database = &hub.context.database;
            lines(database, 9).await;
            assert_eq!(audit::verify(database).await.unwrap(), Verdict::Whole(9));
            tamper(database, statements).await;
            match audit::verify(database).await.unwrap() {
                Verdict::Broken { line, .. } => assert_eq!(line, *first, "{what}"),
                whole => panic!("{what} was not seen: {whole:?}"),
            }
        }
    }
}
