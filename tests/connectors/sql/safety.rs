//! That a query only reads, in three layers, each with the others off; and that it ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use viaduct::app::context::surroundings;
use viaduct::catalogue::load::load;
use viaduct::connector::channel::ConnectorError;
use viaduct::connector::kinds::KINDS;

use super::old::{Catch, Kind, Old, ask, on_each};
use crate::support::mariadb::authority;

on_each! {
    b54_a_session_that_only_reads_lets_nothing_be_written => super::session,
    b54_an_account_that_may_only_read_lets_nothing_be_written => super::account,
    b54_a_query_that_sleeps_is_ended => super::sleeping,
    b55_fifty_million_rows_are_read_to_the_cap => super::rows,
    b55_a_value_that_is_too_long_stays_where_it_is => super::cell,
    b55_a_lock_of_somebody_else_is_not_waited_for => super::lock,
    an_address_is_judged_and_shown_to_nobody => super::address,
}

/// The form is not looked at here: the query calls what writes, or breaks out of its brackets.
async fn session(kind: Kind) {
    let old = Old::open(kind).await;
    old.run("CREATE TABLE t (ref int)").await;
    match kind {
        Kind::Postgres => {
            old.run("CREATE FUNCTION writes() RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES (7) RETURNING ref'")
                .await;
        }
        Kind::MariaDb => {
            old.run("CREATE FUNCTION writes() RETURNS int BEGIN INSERT INTO t VALUES (7); RETURN 1; END").await;
        }
        Kind::Sqlite => {}
    }
    let mut settings = old.settings("SELECT 1 AS ref", "");
    settings.query = old
        .of(
            "SELECT writes() AS ref",
            "SELECT writes() AS ref",
            "SELECT 1 AS ref) AS q; INSERT INTO t VALUES (7); SELECT * FROM (SELECT 1 AS ref",
        )
        .to_owned();
    let error = ask(settings, &old.around(), None, Catch::default()).await.unwrap_err();
    let writes = matches!(&error, ConnectorError::Refused { code, .. } if code == "sql.writes");
    assert!(writes || kind == Kind::Sqlite, "{error}");
    let left = old.ask("SELECT COUNT(*) AS ref FROM t").await.unwrap();
    assert_eq!(left.keys(), ["0"], "{error}");
}

/// Neither the form nor the session is asked here: somebody comes in by another program with our account, which
/// has the grants of the guide.
async fn account(kind: Kind) {
    let old = Old::open(kind).await;
    old.run("CREATE TABLE ctaccount (ref int); INSERT INTO ctaccount VALUES (1)").await;
    let database = old.url.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    let guide = std::fs::read_to_string("docs/sql.md").unwrap();
    let grants = |heading: &str| {
        let part = guide.split(heading).nth(1).unwrap().split("```sql").nth(1).unwrap();
        part.split("```")
            .next()
            .unwrap()
            .replace("academy_reader", &format!("r_{database}"))
            .replace("academy.", &format!("{database}."))
            .replace("DATABASE academy", &format!("DATABASE {database}"))
            .replace("REQUIRE SSL ", "")
    };
    let url = match kind {
        Kind::Postgres => {
            old.run(&grants("### PostgreSQL")).await;
            old.url.replace("postgres@", &format!("r_{database}:PASSWORD@"))
        }
        Kind::MariaDb => {
            // A name of an account has at most 32 letters in some versions.
            old.run(&grants("### MySQL and MariaDB")).await;
            old.url.replace("root@", &format!("r_{database}:PASSWORD@"))
        }
        // Whoever may open the file may do what its rights allow: the guide says to give it read alone.
        Kind::Sqlite => {
            assert!(guide.contains("### SQLite"));
            return;
        }
    };
    let mut hand = old.hand_at(&url).await.unwrap();
    if kind == Kind::Postgres {
        hand.run("SET default_transaction_read_only = off").await.unwrap();
    }
    hand.run("SELECT ref FROM ctaccount").await.unwrap();
    for sql in [
        "INSERT INTO ctaccount VALUES (2)",
        "UPDATE ctaccount SET ref = 2",
        "DELETE FROM ctaccount",
        "DROP TABLE ctaccount",
        "CREATE TABLE mine (ref int)",
    ] {
        let error = hand.run(sql).await.expect_err(sql).to_string();
        let told = ["denied", "owner"].iter().any(|word| error.contains(word));
        assert!(told, "{sql}: {error}");
    }
}

async fn sleeping(kind: Kind) {
    let old = Old::open(kind).await;
    let query = old.of(
        "SELECT 1 AS ref, CAST(pg_sleep(600) AS text) AS slept",
        "SELECT 1 AS ref, SLEEP(600) AS slept",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) AS ref FROM n",
    );
    let begun = Instant::now();
    let error = old.ask_with(query, "timeout = \"1s\"", None).await.unwrap_err();
    assert!(error.to_string().contains("longer than `timeout`"), "{error}");
    assert!(begun.elapsed().as_secs() < 60, "it is not waited for");
    assert!(matches!(error, ConnectorError::Unavailable { .. }));
    if kind == Kind::Postgres {
        let still = "SELECT count(*) AS ref FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' \
                     AND pid <> pg_backend_pid() AND state = 'active' AND datname = current_database()";
        assert_eq!(old.ask(still).await.unwrap().keys(), ["0"], "the server ended it, too");
    }
}

/// Whoever takes the records stops at the cap; what lies behind it is never read.
async fn rows(kind: Kind) {
    let old = Old::open(kind).await;
    let query = old.of(
        "SELECT generate_series(1, 50000000) AS ref",
        "SELECT seq AS ref FROM seq_1_to_50000000",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 50000000) SELECT i AS ref FROM n",
    );
    let catch = Catch { most: Some(1_000), ..Catch::default() };
    let seen = Arc::clone(&catch.rows);
    let begun = Instant::now();
    let error = ask(old.settings(query, ""), &old.around(), None, catch).await.unwrap_err();
    assert!(error.to_string().contains("stopped"), "{error}");
    assert_eq!(seen.lock().unwrap().len(), 1_000);
    assert!(begun.elapsed().as_secs() < 60, "it does not read what it does not keep");
}

async fn cell(kind: Kind) {
    let old = Old::open(kind).await;
    let query = old.of(
        "SELECT 1 AS ref, 'a' AS note UNION ALL SELECT 2, repeat('x', 100000000) UNION ALL SELECT 3, 'c'",
        "SELECT 1 AS ref, 'a' AS note UNION ALL SELECT 2, REPEAT('x', 10000000) UNION ALL SELECT 3, 'c'",
        "SELECT 1 AS ref, 'a' AS note UNION ALL SELECT 2, hex(zeroblob(50000000)) UNION ALL SELECT 3, 'c'",
    );
    let answer = old.ask_with(query, "cell_bytes_max = 4096", None).await.unwrap();
    let held: Vec<(&str, Option<&str>)> =
        answer.rows.iter().map(|row| (row.key.as_str(), row.held)).collect();
    assert_eq!(held, [("1", None), ("2", Some("sql.cell")), ("3", None)]);
    assert_eq!(answer.rows[1].text, "{\"ref\":2,\"note\":null}");
    // To the byte, and counted in bytes.
    for (letters, is_held) in [(4096, false), (4097, true)] {
        let query = format!("SELECT 1 AS ref, '{}' AS note", "x".repeat(letters));
        let answer = old.ask_with(&query, "cell_bytes_max = 4096", None).await.unwrap();
        assert_eq!(answer.rows[0].held.is_some(), is_held, "{letters}");
    }
    let query = format!("SELECT 1 AS ref, '{}' AS note", "ë".repeat(2_049));
    let answer = old.ask_with(&query, "cell_bytes_max = 4096", None).await.unwrap();
    assert!(answer.rows[0].held.is_some());
}

async fn lock(kind: Kind) {
    let old = Old::open(kind).await;
    old.run("CREATE TABLE t (ref int); INSERT INTO t VALUES (1)").await;
    let mut other = old.hand().await;
    other
        .run(old.of(
            "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE",
            "LOCK TABLES t WRITE",
            "BEGIN EXCLUSIVE; INSERT INTO t VALUES (2)",
        ))
        .await
        .unwrap();
    let begun = Instant::now();
    let query = "SELECT ref FROM t";
    let error = old.ask_with(query, "lock_timeout = \"300ms\"", None).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains("somebody else locks"), "{error}");
    assert!(begun.elapsed().as_secs() < 30, "it is not waited for");
    other.run(old.of("ROLLBACK", "UNLOCK TABLES", "ROLLBACK")).await.unwrap();
    assert_eq!(old.ask(query).await.unwrap().keys(), ["1"]);
}

async fn address(kind: Kind) {
    let old = Old::open(kind).await;
    let mut settings = old.settings("SELECT 1 AS ref", "");
    if kind == Kind::Sqlite {
        let around = surroundings(HashMap::from([(
            "OLD_URL".to_owned(),
            "sqlite:/nowhere/hunter2.db".to_owned(),
        )]));
        let error = ask(settings, &around, None, Catch::default()).await.unwrap_err().to_string();
        assert!(error.contains("sql.database") && !error.contains("hunter2"), "{error}");
        return;
    }
    settings.allow.clear();
    let error = ask(settings.clone(), &old.around(), None, Catch::default()).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Unauthorised { code: "url.scheme", .. }), "{error}");
    // A name that is allowed may lead inside, and not to this machine.
    let port = old.host().split_once(':').unwrap().1.to_owned();
    let named = old.url.replace("127.0.0.1", "academy.internal");
    let mut around = surroundings(HashMap::from([("OLD_URL".to_owned(), named)]));
    around.lookup = Arc::new(|_| Box::pin(async { Ok(vec!["127.0.0.1".parse().unwrap()]) }));
    let mut settings = old.settings("SELECT 1 AS ref", "");
    settings.allow[0].value = format!("academy.internal:{port}");
    let error = ask(settings.clone(), &around, None, Catch::default()).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Unauthorised { code: "url.address", .. }), "{error}");
    // A port where nobody listens, and a password: neither is shown.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    settings.allow[0].value = format!("127.0.0.1:{port}");
    let scheme = if kind == Kind::Postgres { "postgres" } else { "mysql" };
    let url = format!("{scheme}://reader:hunter2@127.0.0.1:{port}/a?sslmode=disable");
    let around = surroundings(HashMap::from([(
        "OLD_URL".to_owned(),
        url.replace("disable", if kind == Kind::Postgres { "disable" } else { "disabled" }),
    )]));
    let error = ask(settings, &around, None, Catch::default()).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Unavailable { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

/// Encrypted, and looked at by its name, at the number that was judged.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_known_by_its_certificate() {
    let old = Old::open(Kind::MariaDb).await;
    let port = old.host().split_once(':').unwrap().1.to_owned();
    for (name, expected) in [("academy.internal", "good"), ("other.internal", "sql.certificate")] {
        let url = old.url.replace("127.0.0.1", name).replace("?sslmode=disabled", "");
        let variables = [("OLD_URL", url), ("OLD_AUTHORITY", authority())];
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        let mut around = surroundings(HashMap::from(variables));
        around.lookup = Arc::new(|_| Box::pin(async { Ok(vec!["127.0.0.1".parse().unwrap()]) }));
        let mut settings = old.settings("SELECT 1 AS ref", "authority = \"secret:OLD_AUTHORITY\"");
        let mut named = settings.allow[0].clone();
        named.value = format!("{name}:{port}");
        settings.allow.push(named);
        let told = match ask(settings, &around, None, Catch::default()).await {
            Ok(_) => "good",
            Err(ConnectorError::Unauthorised { code, .. }) => code,
            Err(other) => panic!("{name}: {other}"),
        };
        assert_eq!(told, expected, "{name}");
    }
}

#[test]
fn a_fault_of_a_query_in_a_file_is_told_at_its_place() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("connectors")).unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(root.path().join("connectors").join(name), text).unwrap();
    };
    write(
        "old.toml",
        "kind = \"sql\"\nsystem = \"old\"\n[settings]\nurl = \"secret:OLD_URL\"\nquery_file = \"old.sql\"\n\
         key = \"ref\"\nextract = \"full\"\n",
    );
    write("old.sql", "SELECT ref\nFROM t\nFOR UPDATE\n");
    let report = load(root.path(), KINDS).report();
    assert!(report.contains("connectors/old.sql:3:1"), "{report}");
    assert!(report.contains("`FOR UPDATE` locks what it reads"), "{report}");
    write("old.sql", "SELECT ref FROM t\n");
    write("other.sql", "SELECT 1");
    let report = load(root.path(), KINDS).report();
    assert!(report.contains("other.sql") && !report.contains("old.sql"), "{report}");
}
