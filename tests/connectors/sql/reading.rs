//! What rows become, and that none is missed or doubled.

use std::sync::mpsc;

use super::old::{Catch, Kind, Old, ask, on_each};

on_each! {
    values_become_json_as_the_database_writes_them => super::values,
    a_type_that_is_not_read_is_told_by_its_column => super::types,
    a_column_needs_a_name_of_its_own => super::names,
    text_of_another_charset_is_utf8_here => super::charset,
    quirk_35_an_apostrophe_is_a_letter => super::apostrophe,
    quirk_36_chunks_of_a_note_are_ordered_as_numbers => super::notes,
    quirk_39_blanks_that_fill_a_column_are_no_part_of_it => super::blanks,
    f33_rows_that_change_while_they_are_read_are_read_as_they_were => super::changing,
    f33_rows_of_one_version_are_neither_missed_nor_doubled => super::ties,
    f33_a_change_that_is_stored_late_is_asked_for_all_the_same => super::late,
    the_same_rows_have_the_same_digest_in_any_order => super::digest,
    no_row_is_no_full_extract_and_no_news => super::nothing,
}

async fn values(kind: Kind) {
    let old = Old::open(kind).await;
    old.run(old.of(
        "CREATE TABLE t (ref int, owed numeric(14,2), part double precision, live boolean, code char(6), \
         name varchar(40), born date, seen timestamp, changed timestamptz, mark bytea, gone text)",
        "CREATE TABLE t (ref int, owed numeric(14,2), part double, live boolean, code char(6), \
         name varchar(40), born date, seen datetime, changed timestamp(2), mark blob, gone text)",
        "CREATE TABLE t (ref int, owed, part real, live int, code text, name text, born text, seen text, \
         changed text, mark blob, gone text)",
    ))
    .await;
    let insert = "INSERT INTO t VALUES (1, 12345678901.10, 0.1, true, 'AB', 'Zoë \"O''BRIEN\"', '1984-02-29', \
                  '2026-11-26 07:30:00', ";
    old.run(&format!(
        "{insert}{}",
        old.of(
            "'2026-11-26 08:30:00.25+01', '\\x00ff', NULL)",
            "'2026-11-26 07:30:00.25', x'00ff', NULL)",
            "'2026-11-26T07:30:00.25Z', x'00ff', NULL)",
        )
    ))
    .await;
    // SQLite keeps what it is given: an amount in whole pence is exact there, one in pounds is not.
    let query = old.of(
        "SELECT * FROM t",
        "SELECT * FROM t",
        "SELECT ref, CAST(1234567890110 AS INTEGER) AS owed, \
        part, live, code, name, born, seen, changed, mark, gone FROM t",
    );
    let answer = old.ask(query).await.unwrap();
    let (owed, live, seen) = match kind {
        Kind::Postgres => ("12345678901.10", "true", "2026-11-26T07:30:00"),
        Kind::MariaDb => ("12345678901.10", "1", "2026-11-26T07:30:00"),
        Kind::Sqlite => ("1234567890110", "1", "2026-11-26 07:30:00"),
    };
    let expected = format!(
        "{{\"ref\":1,\"owed\":{owed},\"part\":0.1,\"live\":{live},\"code\":\"AB\",\
         \"name\":\"Zoë \\\"O'BRIEN\\\"\",\"born\":\"1984-02-29\",\"seen\":\"{seen}\",\
         \"changed\":\"2026-11-26T07:30:00.25Z\",\"mark\":\"00ff\",\"gone\":null}}"
    );
    assert_eq!(answer.texts(), [expected]);
    assert_eq!(answer.keys(), ["1"]);
}

async fn types(kind: Kind) {
    let old = Old::open(kind).await;
    let query = match kind {
        Kind::Postgres => "SELECT 1 AS ref, '{}'::jsonb AS notes",
        Kind::MariaDb => {
            "SELECT 1 AS ref, CAST(ST_GeomFromText('POINT(1 1)') AS BINARY) AS mark, \
                          ST_GeomFromText('POINT(1 1)') AS notes"
        }
        // Its values have types of their own, and all of them are read.
        Kind::Sqlite => {
            assert_eq!(
                old.ask("SELECT 1 AS ref, 2.50 AS a, 'x' AS b, NULL AS c, x'0a' AS d")
                    .await
                    .unwrap()
                    .texts(),
                ["{\"ref\":1,\"a\":2.5,\"b\":\"x\",\"c\":null,\"d\":\"0a\"}"]
            );
            return;
        }
    };
    let error = old.ask(query).await.unwrap_err().to_string();
    assert!(error.contains("sql.column") && error.contains("`notes`"), "{error}");
    assert!(error.contains("CAST(notes AS"), "{error}");
}

async fn names(kind: Kind) {
    let old = Old::open(kind).await;
    let told = async |query: &str| old.ask(query).await.unwrap_err().to_string();
    let twice = told("SELECT 1 AS ref, 2 AS name, 3 AS name").await;
    assert!(twice.contains("two columns of the query are called `name`"), "{twice}");
    let missing = told("SELECT 1 AS reference").await;
    assert!(missing.contains("the query has no column `ref`, which `key` names"), "{missing}");
    let unknown = told("SELECT ref FROM nowhere").await;
    assert!(unknown.contains("sql.query") && unknown.contains("nowhere"), "{unknown}");
}

async fn charset(kind: Kind) {
    let mut old = Old::open(kind).await;
    match kind {
        Kind::Postgres => {
            let name =
                format!("{}_latin", old.url.rsplit('/').next().unwrap().split('?').next().unwrap());
            old.run(&format!(
                "CREATE DATABASE {name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
            ))
            .await;
            let server = old.url.rsplit_once('/').unwrap().0.to_owned();
            old.url = format!("{server}/{name}?sslmode=disable");
            old.run("CREATE TABLE t (ref int, name text); INSERT INTO t VALUES (1, 'Zoë')").await;
        }
        Kind::MariaDb => {
            old.run("CREATE TABLE t (ref int, name varchar(20) CHARACTER SET latin1 COLLATE latin1_bin)").await;
            old.run("INSERT INTO t VALUES (1, 'Zoë')").await;
        }
        // A file may hold bytes that are no text at all: that row is held, and the others are read.
        Kind::Sqlite => {
            old.run(
                "CREATE TABLE t (ref int, name text); INSERT INTO t VALUES (1, 'Zoë'); \
                     INSERT INTO t VALUES (2, CAST(x'5a6feb' AS text))",
            )
            .await;
        }
    }
    let answer = old.ask("SELECT ref, name FROM t").await.unwrap();
    assert_eq!(answer.rows[0].text, "{\"ref\":1,\"name\":\"Zoë\"}");
    if kind == Kind::Sqlite {
        assert!(answer.rows[1].text.contains("\"ref\":2"), "{answer:?}");
        assert_eq!(answer.rows.len(), 2);
    }
}

async fn apostrophe(kind: Kind) {
    let old = Old::open(kind).await;
    old.run("CREATE TABLE t (ref varchar(20), name varchar(40), changed int)").await;
    old.run("INSERT INTO t VALUES ('O''B''; --', 'O''BRIEN,MR D''ARCY', 7)").await;
    let answer = old.ask("SELECT ref, name FROM t WHERE name LIKE 'O''BRIEN%'").await.unwrap();
    assert_eq!(answer.keys(), ["O'B'; --"]);
    assert!(answer.rows[0].text.contains("O'BRIEN,MR D'ARCY"), "{answer:?}");
    // How far it came is a value, and no part of the query.
    let delta = "extract = \"delta\"\nversion = \"changed\"";
    for cursor in ["7 OR 1=1", "7'; DROP TABLE t; --"] {
        let answer = old.ask_with("SELECT * FROM t", delta, Some(cursor)).await.unwrap();
        assert_eq!(answer.rows.len(), 1, "{cursor}");
    }
    assert_eq!(old.ask_with("SELECT * FROM t", delta, Some("8")).await.unwrap().rows.len(), 0);
}

async fn notes(kind: Kind) {
    let old = Old::open(kind).await;
    // The number of a chunk is a text, as in some copies: 10 comes before 2 in it.
    old.run("CREATE TABLE ctnotes_so (string_id int, row_sequence varchar(4), text_value varchar(1786))").await;
    for number in [10, 2, 12, 1, 11, 3, 4, 5, 6, 7, 8, 9] {
        old.run(&format!("INSERT INTO ctnotes_so VALUES (77001, '{number}', '<{number}>')")).await;
    }
    let query = old.of(
        "SELECT string_id AS ref, string_agg(text_value, '' ORDER BY CAST(row_sequence AS int)) AS note \
         FROM ctnotes_so GROUP BY string_id",
        "SELECT string_id AS ref, GROUP_CONCAT(text_value ORDER BY CAST(row_sequence AS int) SEPARATOR '') \
         AS note FROM ctnotes_so GROUP BY string_id",
        "SELECT string_id AS ref, group_concat(text_value, '' ORDER BY CAST(row_sequence AS int)) AS note \
         FROM ctnotes_so GROUP BY string_id",
    );
    let answer = old.ask(query).await.unwrap();
    let note: String = (1..=12).map(|number| format!("<{number}>")).collect();
    assert_eq!(answer.texts(), [format!("{{\"ref\":77001,\"note\":\"{note}\"}}")]);
}

async fn blanks(kind: Kind) {
    let old = Old::open(kind).await;
    old.run(
        "CREATE TABLE a (ref int, cd char(8)); CREATE TABLE b (ref varchar(12), n varchar(12))",
    )
    .await;
    old.run("INSERT INTO a VALUES (99000001, '7  '); INSERT INTO b VALUES ('99000001   ', 'X  ')")
        .await;
    let answer = old
        .ask("SELECT CONCAT(a.ref, TRIM(a.cd)) AS ref, a.cd AS cd, b.n AS n FROM a JOIN b ON TRIM(b.ref) = CONCAT(a.ref, '')")
        .await
        .unwrap();
    let cd = if kind == Kind::Sqlite { "7  " } else { "7" };
    // What a column of changing length holds is its owner's: a mapping trims it.
    assert_eq!(
        answer.texts(),
        [format!("{{\"ref\":\"990000017\",\"cd\":\"{cd}\",\"n\":\"X  \"}}")]
    );
}

async fn changing(kind: Kind) {
    let old = Old::open(kind).await;
    if kind == Kind::Sqlite {
        old.run("PRAGMA journal_mode = WAL").await;
    }
    old.run("CREATE TABLE t (ref int PRIMARY KEY, filler varchar(4000))").await;
    let numbers: Vec<String> =
        (1..=2_000).map(|number| format!("({number}, '{}')", "x".repeat(2_000))).collect();
    for some in numbers.chunks(500) {
        old.run(&format!("INSERT INTO t VALUES {}", some.join(", "))).await;
    }
    let (began, has_begun) = mpsc::channel();
    let (go_on, told) = mpsc::channel();
    let catch = Catch { pause: Some((began, told)), ..Catch::default() };
    let (settings, around) = (old.settings("SELECT ref, filler FROM t", ""), old.around());
    let reading = tokio::spawn(async move { ask(settings, &around, None, catch).await });
    tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
    // Behind the reader's back: one moves to the front, one goes, one comes, one becomes another.
    old.run(
        "UPDATE t SET ref = 0 WHERE ref = 2000; DELETE FROM t WHERE ref = 1999; \
             INSERT INTO t VALUES (3000, 'new'); UPDATE t SET filler = 'other' WHERE ref = 1998",
    )
    .await;
    go_on.send(()).unwrap();
    let answer = reading.await.unwrap().unwrap();
    let mut keys: Vec<u32> = answer.keys().iter().map(|key| key.parse().unwrap()).collect();
    keys.sort_unstable();
    assert_eq!(keys, (1..=2_000).collect::<Vec<u32>>());
    assert!(!answer.rows.iter().any(|row| row.text.contains("other")));
}

async fn ties(kind: Kind) {
    let old = Old::open(kind).await;
    old.run("CREATE TABLE t (ref int, name varchar(20), last_upd int)").await;
    old.run("INSERT INTO t VALUES (1, 'a', 5), (2, 'b', 7), (3, 'c', 7), (4, 'd', NULL)").await;
    let delta = "extract = \"delta\"\nversion = \"last_upd\"";
    let ask = async |cursor: Option<&str>| {
        let answer = old.ask_with("SELECT * FROM t", delta, cursor).await.unwrap();
        let mut keys: Vec<String> = answer.keys().iter().map(|key| (*key).to_owned()).collect();
        keys.sort();
        (keys.join(" "), answer.end.cursor)
    };
    assert_eq!(ask(None).await, ("1 2 3 4".to_owned(), Some("7".to_owned())));
    // One more of the newest version: it is not passed over. What says no version is asked for each time.
    old.run("INSERT INTO t VALUES (5, 'e', 7)").await;
    assert_eq!(ask(Some("7")).await, ("2 3 4 5".to_owned(), None));
    old.run("INSERT INTO t VALUES (6, 'f', 8)").await;
    assert_eq!(ask(Some("7")).await.1, Some("8".to_owned()));
    assert_eq!(ask(Some("8")).await.0, "4 6");
}

async fn late(kind: Kind) {
    let old = Old::open(kind).await;
    old.run(old.of(
        "CREATE TABLE t (ref int, changed timestamptz)",
        "CREATE TABLE t (ref int, changed timestamp(3) NULL)",
        "CREATE TABLE t (ref int, changed text)",
    ))
    .await;
    let at = |minute: u32, second: u32| match kind {
        Kind::Postgres => format!("'2026-04-01 09:{minute:02}:{second:02}.5+00'"),
        Kind::MariaDb => format!("'2026-04-01 09:{minute:02}:{second:02}.5'"),
        Kind::Sqlite => format!("'2026-04-01T09:{minute:02}:{second:02}.5Z'"),
    };
    let put = async |number: u32, moment: String| {
        let zone = old.of("", "SET time_zone = '+00:00'; ", "");
        old.run(&format!("{zone}INSERT INTO t VALUES ({number}, {moment})")).await;
    };
    put(1, at(10, 0)).await;
    put(2, at(30, 0)).await;
    let delta = "extract = \"delta\"\nversion = \"changed\"\nversion_as = \"time\"\nsince_overlap = \"10m\"";
    let ask = async |cursor: Option<&str>| {
        let answer = old.ask_with("SELECT * FROM t", delta, cursor).await.unwrap();
        (answer.keys().join(" "), answer.end.cursor.unwrap_or_default())
    };
    let (all, reached) = ask(None).await;
    assert_eq!(all, "1 2");
    assert!(reached.starts_with("2026-04-01T09:30:00.5"), "{reached}");
    // Stored after that, with an earlier time: its clock is behind, or it took long to be stored.
    put(3, at(24, 0)).await;
    assert_eq!(ask(Some(&reached)).await, ("2 3".to_owned(), String::new()));
}

async fn digest(kind: Kind) {
    let old = Old::open(kind).await;
    old.run("CREATE TABLE t (ref int, name varchar(20))").await;
    old.run("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')").await;
    let digest = async |query: &str| old.ask(query).await.unwrap().end.content_digest;
    let up = digest("SELECT * FROM t ORDER BY ref LIMIT 9").await;
    assert_eq!(up, digest("SELECT * FROM t ORDER BY ref DESC LIMIT 9").await);
    assert_ne!(up, digest("SELECT * FROM t WHERE ref < 3").await);
}

async fn nothing(kind: Kind) {
    let old = Old::open(kind).await;
    old.run("CREATE TABLE t (ref int, changed int)").await;
    let error = old.ask("SELECT * FROM t").await.unwrap_err().to_string();
    assert!(error.contains("file.empty") && error.contains("the query gave no row"), "{error}");
    let delta = "extract = \"delta\"\nversion = \"changed\"";
    let answer = old.ask_with("SELECT * FROM t", delta, Some("3")).await.unwrap();
    assert!(answer.rows.is_empty() && answer.end.cursor.is_none());
}
