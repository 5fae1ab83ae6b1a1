//! The audit log shows whatever was done to it.

use viaduct::store::audit::{self, Entry, Verdict};
use viaduct::store::database::Database;

use crate::support::hub::{On, TestHub, on_both};

on_both! {
    a_line_that_is_altered_removed_or_moved_shows => super::chained,
}

async fn lines(database: &Database, many: i64) {
    for number in 1..=many {
        let entry = Entry {
            actor: "user:kim",
            action: "accepted",
            target: format!("batch {number}"),
            reason: (number % 2 == 0).then_some("it is whole"),
            details: None,
        };
        audit::write_alone(database, &entry, number).await.unwrap();
    }
}

async fn chained(on: On) {
    for (harm, line) in [
        ("UPDATE audit SET reason = 'another' WHERE id = 4", 4),
        ("UPDATE audit SET reason = '' WHERE id = 3", 3),
        ("UPDATE audit SET actor = 'user:ki', action = 'maccepted' WHERE id = 2", 2),
        ("UPDATE audit SET at_ms = 9 WHERE id = 1", 1),
        ("DELETE FROM audit WHERE id = 3", 3),
        ("DELETE FROM audit WHERE id = 1", 1),
        ("DELETE FROM audit WHERE id = 6", 6),
        ("DELETE FROM audit", 1),
        ("UPDATE audit SET id = 10 - id WHERE id IN (4, 6)", 4),
        ("UPDATE audit SET id = 7 WHERE id = 2", 2),
    ] {
        let hub = TestHub::open(on).await;
        let database = &hub.context.database;
        assert_eq!(audit::verify(database).await.unwrap(), Verdict::Whole(0));
        lines(database, 6).await;
        assert_eq!(audit::verify(database).await.unwrap(), Verdict::Whole(6));
        let mut transaction = database.begin().await.unwrap();
        // Numbers are swapped by way of others, where the database looks at each row by itself.
        for part in match harm.contains("10 - id") {
            true => vec![
                "UPDATE audit SET id = -4 WHERE id = 4",
                "UPDATE audit SET id = 4 WHERE id = 6",
                "UPDATE audit SET id = 6 WHERE id = -4",
            ],
            false => vec![harm],
        } {
            transaction.execute(part, vec![]).await.unwrap();
        }
        transaction.commit().await.unwrap();
        match audit::verify(database).await.unwrap() {
            Verdict::Broken { line: found, .. } => assert_eq!(found, line, "{harm}"),
            whole => panic!("{harm}: {whole:?}"),
        }
    }
}
