//! F3: killed while it starts, brings its tables up to date, stops, or works a bulk action. It starts again
//! alone; and a migration is there whole or not at all. Backups and the renewal of keys, which the sheet
//! names too, are not built yet.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection, SqliteConnection};
use viaduct::store::database::Database;

use super::stage::{Dice, Stage};
use super::{report, scaled};
use crate::support::hub::{On, on_both, rows_of};
use crate::support::postgres::{hub_database, hub_file};

on_both! {
    f3_killed_while_it_starts_it_starts_again_alone => super::starting,
    f3_killed_while_it_migrates_a_migration_is_whole_or_not_there => super::migrating,
    f3_killed_while_it_stops_nothing_is_lost_or_doubled => super::stopping,
    f3_killed_in_a_bulk_action_each_item_has_its_turn_once => super::acting,
}

/// As many kills as the sheet asks for, or as a change can wait for.
fn kills() -> u32 {
    scaled(4, 20)
}

async fn starting(on: On) {
    let mut stage = Stage::open(on, 60).await;
    stage.next_night();
    let mut dice = Dice::new(3);
    // Some of them may have begun to send.
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let usual = until_killed(&stage, &["jobs"], Duration::from_secs(60)).await;
    for _ in 0..kills() {
        let most = Duration::from_millis(dice.below(2 * usual.as_millis() as u64 + 50));
        until_killed(&stage, &serve, most).await;
    }
    stage.settle().await;
    let outcome = stage.compare().await;
    report(&format!("F3 {on:?}, start: 20 kills asked, {} run: {outcome:?}", kills()));
    outcome.must_be_whole("F3");
}

/// Runs the program, and kills it after that time if it has not ended. Gives how long it ran.
async fn until_killed(stage: &Stage, words: &[&str], most: Duration) -> Duration {
    let began = Instant::now();
    let mut child = stage.program(words).spawn().unwrap();
    if tokio::time::timeout(most, child.wait()).await.is_err() {
        child.start_kill().unwrap();
        child.wait().await.unwrap();
    }
    began.elapsed()
}

async fn stopping(on: On) {
    let mut stage = Stage::open(on, scaled(150, 3_000)).await;
    let mut dice = Dice::new(33);
    for _ in 0..kills() {
        stage.next_night();
        stage.run("ingest-people").await;
        let mut serving = stage.program(&["serve", "--listen", "127.0.0.1:0"]).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(200 + dice.below(500))).await;
        Stage::terminate(&serving);
        tokio::time::sleep(Duration::from_millis(dice.below(120))).await;
        // It may have come to its end by then.
        let _ = serving.start_kill();
        serving.wait().await.unwrap();
    }
    stage.settle().await;
    let outcome = stage.compare().await;
    report(&format!("F3 {on:?}, stop: 20 kills asked, {} run: {outcome:?}", kills()));
    outcome.must_be_whole("F3");
}

async fn acting(on: On) {
    let stage = Stage::open(on, 1).await;
    let database = Database::open(&stage.database).await.unwrap();
    let many = i64::from(scaled(20_000, 200_000));
    crate::bulk::hold(&database, many, many / 5).await;
    let (mut dice, mut killed) = (Dice::new(39), 0);
    let newest = "SELECT COALESCE(MAX(id), 0) FROM bulk";
    let open = "SELECT COUNT(*) FROM bulk_item WHERE outcome IS NULL";
    let asked = "SELECT COUNT(*) FROM bulk WHERE state = 'asked'";
    while killed < kills() {
        let id = stage.number(newest).await;
        if id > 0 && stage.number(open).await == 0 {
            break;
        }
        let release = ["deliveries", "release", "--code", "notify", "--reason", "mended"];
        let number = id.to_string();
        let approve = ["bulk", "approve", &number, "--reason", "so it was agreed"];
        // Killed before the set was fixed, it was never begun; before somebody else agreed, neither.
        let words: &[&str] = match (id, stage.number(asked).await) {
            (0, _) => &release,
            (_, 0) => &["bulk", "resume", &number],
            _ => {
                crate::bulk::agreeable(&database).await;
                &approve
            }
        };
        let mut child = stage.program(words).spawn().unwrap();
        // The first may be killed before the set is fixed; the others come as far as that.
        while killed > 0 && stage.number(newest).await == 0 && child.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let most = Duration::from_millis(100 + dice.below(400));
        match tokio::time::timeout(most, child.wait()).await {
            Ok(ended) => assert!(ended.unwrap().success(), "{words:?}: it failed by itself"),
            Err(_) => {
                child.start_kill().unwrap();
                child.wait().await.unwrap();
                killed += 1;
            }
        }
    }
    assert!(stage.number(newest).await > 0, "the set was never fixed");
    if stage.number(asked).await > 0 {
        let number = crate::bulk::agreeable(&database).await.to_string();
        stage.must(&["bulk", "approve", &number, "--reason", "so it was agreed"]).await;
    }
    match scaled(0, 1) {
        0 => stage.resume_bulk().await,
        _ => ended_by_whoever_serves(&stage).await,
    }
    let turns = "SELECT CAST(fence AS TEXT), state, CAST(COUNT(*) AS TEXT) FROM delivery \
                 GROUP BY fence, state";
    assert_eq!(rows_of(&database, turns).await, [["4", "waiting", &many.to_string()]]);
    let ended = "SELECT COUNT(*) FROM audit WHERE action = 'ended'";
    assert_eq!(stage.number(ended).await, 1, "it ended once");
    assert_eq!(stage.number("SELECT COUNT(*) FROM bulk").await, 1, "and was begun once");
    database.close().await;
    report(&format!(
        "F3 {on:?}, bulk action: 20 kills asked, {killed} run in {many} items: each had one turn"
    ));
}

/// A bulk action whose worker is gone is taken up by a program that serves, when it stood still for half a
/// minute.
async fn ended_by_whoever_serves(stage: &Stage) {
    let going = "SELECT COUNT(*) FROM bulk WHERE state <> 'done'";
    if stage.number(going).await == 0 {
        return;
    }
    let mut serving = stage.program(&["serve", "--listen", "127.0.0.1:0"]).spawn().unwrap();
    let began = Instant::now();
    while stage.number(going).await > 0 {
        assert!(began.elapsed() < Duration::from_secs(120), "nobody took it up");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Stage::terminate(&serving);
    assert!(serving.wait().await.unwrap().success());
}

async fn migrating(on: On) {
    let stage = Stage::without_tables(on).await;
    let stands = Stands::of_each_version(on).await;
    let newest = stands.0.len() - 1;
    let usual = until_killed(&stage, &["held"], Duration::from_secs(60)).await;
    let (mut dice, mut halfway) = (Dice::new(30), 0);
    for _ in 0..kills() {
        // A hub of some version before, or a new one, is brought up to date.
        let mut older = Stage::without_tables(on).await;
        let version = dice.below(newest as u64) as usize;
        brought_to(&older.database, version).await;
        // What is there already costs no time: the kill is to come where something is made.
        let most = usual.as_millis() as u64;
        until_killed(&older, &["held"], Duration::from_millis(dice.below(most))).await;
        let reached = stands.must_have(&older.database).await;
        assert!(reached >= version, "a version that was there is gone");
        halfway += usize::from(reached > version && reached < newest);
        older.must(&["held"]).await;
        assert_eq!(stands.must_have(&older.database).await, newest);
        older.next_night();
        older.settle().await;
        older.compare().await.must_be_whole("F3");
    }
    report(&format!(
        "F3 {on:?}, migration: 20 kills asked, {} run, {halfway} of them between two versions: each was there \
         whole or not at all",
        kills()
    ));
}

/// How the tables stand at each version of the program's own.
struct Stands(Vec<Vec<String>>);

impl Stands {
    async fn of_each_version(on: On) -> Stands {
        let stage = Stage::without_tables(on).await;
        let mut stands = Vec::new();
        for version in 0..=migrator(&stage.database).migrations.len() {
            brought_to(&stage.database, version).await;
            stands.push(tables(&stage.database).await);
        }
        Stands(stands)
    }

    /// The version that the tables are of: exactly one, and the one that the ledger says.
    async fn must_have(&self, url: &str) -> usize {
        let found = tables(url).await;
        let version = self.0.iter().rposition(|stand| *stand == found);
        version.expect("the tables are those of no version: a migration is there by half")
    }
}

fn migrator(url: &str) -> Migrator {
    match is_postgres(url) {
        true => sqlx::migrate!("migrations/postgres"),
        false => sqlx::migrate!("migrations/sqlite"),
    }
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://")
}

/// Brings the tables to the version of so many migrations.
async fn brought_to(url: &str, version: usize) {
    let mut some = migrator(url);
    some.migrations = Cow::Owned(some.migrations[..version].to_vec());
    if is_postgres(url) {
        let mut connection = PgConnection::connect(url).await.unwrap();
        some.run(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    } else {
        let mut connection = SqliteConnection::connect(&format!("{url}?mode=rwc")).await.unwrap();
        some.run(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

/// Every table, column and index of ours, and the migrations that are said to be done.
async fn tables(url: &str) -> Vec<String> {
    let there = match is_postgres(url) {
        true => {
            "SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable \
             FROM information_schema.columns WHERE table_schema = 'public' \
             UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"
        }
        false => "SELECT name || ' ' || COALESCE(sql, '') FROM sqlite_master",
    };
    let done = "SELECT version || ' ' || success FROM _sqlx_migrations";
    let mut found = asked(url, there).await.unwrap();
    found.retain(|line| !line.contains("_sqlx_migrations"));
    // Before the first migration there is no ledger.
    found.extend(asked(url, done).await.unwrap_or_default());
    found.sort_unstable();
    found
}

/// The texts that a question gives, without the program's own way in: that would migrate.
async fn asked(url: &str, sql: &'static str) -> Result<Vec<String>, sqlx::Error> {
    if is_postgres(url) {
        let mut connection = PgConnection::connect(url).await?;
        return sqlx::query_scalar(sql).fetch_all(&mut connection).await;
    }
    let mut connection = SqliteConnection::connect(&format!("{url}?mode=rwc")).await?;
    sqlx::query_scalar(sql).fetch_all(&mut connection).await
}

#[tokio::test]
async fn a_database_whose_migrations_are_not_ours_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    for (number, change) in [
        "UPDATE _sqlx_migrations SET version = 9999 WHERE version = 5",
        "UPDATE _sqlx_migrations SET checksum = \
         (SELECT checksum FROM _sqlx_migrations WHERE version = 6) WHERE version = 5",
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         SELECT 9999, description, success, checksum, 0 FROM _sqlx_migrations WHERE version = 5",
    ]
    .into_iter()
    .enumerate()
    {
        let file = dir.path().join(number.to_string());
        std::fs::create_dir(&file).unwrap();
        for url in [hub_file(&file).await, hub_database().await] {
            Database::open(&url).await.unwrap().close().await;
            asked(&url, change).await.unwrap();
            let told = Database::open(&url).await.map(|_| ()).unwrap_err().to_string();
            assert!(told.contains("migrating the database"), "{change}: {told}");
        }
    }
}

/// Fills each column of a table with values of its own, in three rows.
const FILL: &str = "DO $$ DECLARE columns text; cells text; BEGIN \
    SELECT string_agg(column_name, ',' ORDER BY ordinal_position), string_agg(CASE data_type \
    WHEN 'bigint' THEN ordinal_position * 100 || ' + n' WHEN 'boolean' THEN '(n + ' || ordinal_position || ') % 2 = 0' \
    ELSE quote_literal(column_name) || ' || n' END, ',' ORDER BY ordinal_position) INTO columns, cells \
    FROM information_schema.columns WHERE table_name = 'delivery'; \
    EXECUTE format('INSERT INTO delivery (%s) SELECT %s FROM generate_series(1, 3) n', columns, cells); END $$";

#[tokio::test]
async fn a_table_that_is_made_anew_in_another_order_has_its_rows_as_they_were() {
    let stage = Stage::without_tables(On::Postgres).await;
    let url = &stage.database;
    let all = migrator(url).migrations;
    let before = all.iter().position(|one| one.version == 69).expect("it is there");
    brought_to(url, before).await;
    let in_hand = "INSERT INTO delivery_intent (destination, fence, number, intent_ms, ids) \
                   VALUES ('notify', 1, 1, 1, '[101,103]') RETURNING ids";
    let whole = "SELECT CAST(to_jsonb(d) AS TEXT) FROM delivery d ORDER BY d.id";
    asked(url, FILL).await.unwrap();
    asked(url, in_hand).await.unwrap();
    let rows = asked(url, whole).await.unwrap();
    assert_eq!(rows.len(), 3);
    brought_to(url, before + 1).await;
    assert_eq!(asked(url, whole).await.unwrap(), rows);
    let kept = "SELECT CAST(one AS TEXT) FROM delivery_intent i, unnest(i.ids) one";
    assert_eq!(asked(url, kept).await.unwrap(), ["101", "103"]);
}

/// A control: what is there by half is seen.
#[tokio::test]
#[should_panic(expected = "a migration is there by half")]
async fn f3_control_a_migration_that_is_there_by_half_is_seen() {
    let stands = Stands::of_each_version(On::Sqlite).await;
    let stage = Stage::without_tables(On::Sqlite).await;
    brought_to(&stage.database, 2).await;
    let third = migrator(&stage.database).migrations[2].sql.as_str().to_owned();
    let first = third.split(";\n").next().unwrap().to_owned();
    let mut connection = SqliteConnection::connect(&stage.database).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(first)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    stands.must_have(&stage.database).await;
}
