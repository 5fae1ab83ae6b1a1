//! Lists are gone through to their end and back, a page at a time, and stay what they were while rows arrive.

use viaduct::access::right::Role;
use viaduct::record::moment::Moment;
use viaduct::store::database::{Cell, Database};
use viaduct::store::deliveries;
use viaduct::store::delivery_lists::{List, Turn};
use viaduct::store::intents::{self, Intent};
use viaduct::store::received::Received;
use viaduct::store::work_orders::{self, Filter};

use super::{Person, Served, hold};
use crate::support::hub::{On, TestHub};
use crate::walk::arrivals::{extract, some};

/// Where a link of a page leads, by its words.
fn leads(text: &str, words: &str) -> Option<String> {
    let (before, _) = text.split_once(&format!("\" rel=\"{words}\""))?;
    Some(before.rsplit_once("href=\"")?.1.replace("&#38;", "&"))
}

/// The numbers of a page's rows.
fn rows(text: &str, path: &str) -> Vec<i64> {
    let link = format!(
        "<th scope=\"row\" class=\"govuk-table__header\"><a class=\"govuk-link\" href=\"{path}/"
    );
    text.split(&link).skip(1).filter_map(|rest| rest.split('"').next()?.parse().ok()).collect()
}

/// Goes down a list and up again. Gives its pages from the newest on.
async fn through(served: &Served, person: &Person, path: &str) -> Vec<Vec<i64>> {
    let bare = path.split('?').next().unwrap();
    let (mut down, mut at) = (Vec::new(), path.to_owned());
    let last = loop {
        let seen = served.get(&at, person).await;
        assert_eq!(seen.status, 200, "{at}: {}", seen.text);
        assert_eq!(leads(&seen.text, "prev").is_some(), !down.is_empty(), "{at}");
        down.push(rows(&seen.text, bare));
        match leads(&seen.text, "next") {
            Some(next) => at = next,
            None => break seen.text,
        }
    };
    let (mut up, mut text) = (vec![down[down.len() - 1].clone()], last);
    while let Some(previous) = leads(&text, "prev") {
        let seen = served.get(&previous, person).await;
        assert_eq!(seen.status, 200, "{previous}: {}", seen.text);
        up.push(rows(&seen.text, bare));
        text = seen.text;
        assert!(up.len() <= down.len(), "{path}: {up:?}");
    }
    up.reverse();
    assert_eq!(up, down, "{path}");
    down
}

#[tokio::test]
async fn each_list_is_the_same_down_and_up() {
    for on in [On::Sqlite, On::Postgres] {
        let hub = TestHub::open(on).await;
        // Two files, of each of which 25 rows are held.
        let mut accounts = some(140);
        for place in (0..25).chain(70..95) {
            accounts[place] = accounts[place].replace("OPEN", "LIMBO");
        }
        for (file, many) in [("ctax-1.xml", 70), ("ctax-2.xml", 140)] {
            hub.drop_file("revenues", file, &extract(&accounts[..many]));
            hub.run("ingest-revenues").await;
        }
        let count = async |sql: &str| -> usize { hub.text(sql).await.parse().unwrap() };
        let all = count("SELECT CAST(COUNT(*) AS TEXT) FROM source_record").await;
        let held = "SELECT CAST(COUNT(DISTINCT record_id) AS TEXT) FROM dead_letter WHERE settled_ms IS NULL";
        let held = count(held).await;
        assert!(all >= 140 && held >= 50, "{all} and {held}");
        let served = Served::of(hub).await;
        hold(served.database(), 500_001, 120).await;
        let kim = served.person("kim", &[Role::SupportLead, Role::Governance]).await;
        let started = served.hub.text("SELECT CAST(MAX(started_ms) AS TEXT) FROM batch").await;
        let today = Moment(started.parse().unwrap()).day();
        let tomorrow = today.succ_opt().unwrap();
        for (path, size, all) in [
            ("/work-orders?size=20", 20, all),
            ("/work-orders?size=20&source=revenues", 20, all),
            ("/work-orders?size=20&state=held", 20, held),
            ("/work-orders?size=20&code=code_unknown", 20, held),
            ("/work-orders?size=20&state=held&source=crm", 20, 0),
            ("/deliveries", 50, 120),
            ("/deliveries?state=held", 50, 120),
            ("/deliveries?batch=1", 50, 120),
            ("/deliveries?state=held&destination=notify&code=notify", 50, 120),
            ("/deliveries?destination=notify", 50, 120),
            ("/deliveries?destination=nobody", 50, 0),
            ("/work-orders?size=20&order=oldest", 20, all),
            ("/work-orders?size=20&source=revenues&order=oldest", 20, all),
            ("/work-orders?size=20&state=held&order=oldest", 20, held),
            ("/work-orders?size=20&code=code_unknown&source=revenues&order=oldest", 20, held),
            ("/deliveries?order=oldest", 50, 120),
            ("/deliveries?state=held&destination=notify&order=oldest", 50, 120),
            (&format!("/work-orders?size=20&from={today}&until={today}"), 20, all),
            (&format!("/work-orders?size=20&until={today}&order=oldest&state=held"), 20, held),
            (&format!("/work-orders?size=20&from={tomorrow}"), 20, 0),
            ("/work-orders?size=20&older_than=1", 20, 0),
        ] {
            let seen = through(&served, &kim, path).await;
            let numbers: Vec<i64> = seen.concat();
            let pages = all.div_ceil(size).max(1);
            assert_eq!((seen.len(), numbers.len()), (pages, all), "{path}: {seen:?}");
            let fits =
                |one: &i64, two: &i64| if path.contains("oldest") { one < two } else { one > two };
            assert!(numbers.is_sorted_by(fits), "{path}: {numbers:?}");
        }
        // What arrives meanwhile moves no page that somebody looks at.
        let second = served.get("/deliveries", &kim).await;
        let second = served.get(&leads(&second.text, "next").unwrap(), &kim).await;
        let third = leads(&second.text, "next").unwrap();
        hold(served.database(), 600_001, 75).await;
        let third = served.get(&third, &kim).await;
        let back = served.get(&leads(&third.text, "prev").unwrap(), &kim).await;
        assert_eq!(rows(&back.text, "/deliveries"), rows(&second.text, "/deliveries"));
        // Both ways at once is no way.
        for path in [
            "/work-orders?after=0.7&before=0.9",
            "/deliveries?after=7&before=9",
            "/work-orders?before=x",
            "/work-orders?from=yesterday",
            "/work-orders?from=2026-11-26&until=2026-11-25",
            "/work-orders?older_than=0",
            "/work-orders?older_than=9999999999",
            "/work-orders?order=sideways",
            "/work-orders?state=waiting&code=code_unknown",
            "/deliveries?until=31/10/2026",
            "/deliveries?older_than=-1",
        ] {
            assert_eq!(served.get(path, &kim).await.status, 400, "{path}");
        }
    }
}

#[tokio::test]
async fn the_audit_log_has_a_way_back() {
    let served = Served::open(On::Sqlite).await;
    let kim = served.person("kim", &[Role::SupportLead, Role::Governance]).await;
    for _ in 0..55 {
        let why = [("reason", "they asked us to")];
        served.post("/destinations/notify/pause", &kim, &why).await;
    }
    let first = served.get("/audit", &kim).await;
    assert!(leads(&first.text, "prev").is_none() && !first.has("Back to the newest"));
    let second = served.get(&leads(&first.text, "next").unwrap(), &kim).await;
    let back = served.get(&leads(&second.text, "prev").unwrap(), &kim).await;
    assert!(second.has("Back to the newest") && leads(&back.text, "prev").is_none());
    assert_eq!(back.text.matches("<tr").count(), first.text.matches("<tr").count());
}

/// Batches of two sources, one a day from the second of January 1970 on, the sources in turn: in each a row and two
/// messages. One message in fifty is held.
async fn days(served: &Served, many: i64) {
    let mut transaction = served.database().begin().await.unwrap();
    let series = "WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $1)";
    for sql in [
        "INSERT INTO source (id, name) VALUES (901, 'even'), (902, 'odd'), (903, 'none')"
            .to_owned(),
        format!(
            "INSERT INTO batch (id, source_id, job, origin, origin_mark, state, mapping, mapping_version, sends, \
             rows_in, resolved_to, last_record, started_ms, closed_ms) {series} SELECT 1000000 + i * 10, \
             901 + i % 2, 'j', 'f', 'm', 'closed', 'm', 1, TRUE, 1, 1000001 + i * 10, 1000001 + i * 10, \
             i * 86400000, i * 86400000 FROM n"
        ),
        format!(
            "INSERT INTO source_record (id, batch_id, source_key_id, change, key, key_digest, digest, dictionary_id, \
             payload) {series} SELECT 1000001 + i * 10, 1000000 + i * 10, 0, 1, '', 0, 0, 0, \
             (SELECT payload FROM source_record LIMIT 1) FROM n"
        ),
        format!(
            "INSERT INTO delivery (id, change_event_id, batch_id, resident_id, destination, mapping, mapping_version, \
             purpose, needs_consent, reference, state, since_ms, next_ms, attempts, fence, created_ms, \
             cause_code) {series} SELECT 9000000 + i, 0, 1000000 + ((i + 1) / 2) * 10, 1, \
             CASE WHEN i % 2 = 0 THEN 'pay' ELSE 'notify' END, 'm', 1, 'p', FALSE, 'd-' || i, \
             CASE WHEN i % 50 = 0 THEN 'held' ELSE 'delivered' END, 0, 0, 1, 1, 0, \
             CASE WHEN i % 50 = 0 THEN 'pay.refused' END FROM n"
        ),
        "INSERT INTO delivery_message (delivery_id, batch_id, resident_id, message) \
         SELECT id, batch_id, resident_id, 'null' FROM delivery WHERE id > 9000000"
            .to_owned(),
    ] {
        let many = if sql.contains("INTO delivery ") { many * 2 } else { many };
        let cells = if sql.contains("$1") { vec![Cell::Int(many)] } else { vec![] };
        transaction.execute(&sql, cells).await.unwrap();
    }
    transaction.commit().await.unwrap();
}

const DAY_MS: i64 = 86_400_000;

#[tokio::test]
async fn what_is_far_away_is_found_a_stretch_at_a_time() {
    for on in [On::Sqlite, On::Postgres] {
        let hub = TestHub::open(on).await;
        hub.drop_file("revenues", "ctax-1.xml", &extract(&some(1)));
        hub.run("ingest-revenues").await;
        let served = Served::of(hub).await;
        days(&served, 5_000).await;
        let database = served.database();
        let of = |source: &str, from: Option<i64>, until: Option<i64>| Received {
            sources: Some(vec![source.to_owned()]),
            batch_id: None,
            from_ms: from.map(|day| day * DAY_MS),
            until_ms: until.map(|day| day * DAY_MS),
        };
        for (received, oldest_first, wanted) in [
            (of("odd", Some(11), Some(16)), false, vec![15, 13, 11]),
            (of("odd", Some(11), Some(16)), true, vec![11, 13, 15]),
            (of("even", Some(11), Some(16)), true, vec![12, 14]),
            (of("none", None, None), false, vec![]),
            (of("nobody", None, None), false, vec![]),
        ] {
            let filter = Filter { received: received.clone(), oldest_first, ..Filter::default() };
            let page = work_orders::list(database, &filter, work_orders::Turn::First, 50).await;
            let page = page.unwrap();
            let days: Vec<i64> = page.rows.iter().map(|row| row.started_ms / DAY_MS).collect();
            assert_eq!((days, page.after), (wanted.clone(), None), "{received:?}");
            let list = List { received: received.clone(), oldest_first, ..List::default() };
            let page = list.page(database, Turn::First, 50).await.unwrap();
            let mut days: Vec<i64> =
                page.rows.iter().map(|row| (row.batch_id - 1_000_000) / 10).collect();
            days.dedup();
            assert_eq!((days, page.after), (wanted, None), "{received:?}");
        }
        let kim = served.person("kim", &[Role::Support]).await;
        // Every one of a source, each once, a page at a time, down and up.
        for (path, all) in [
            ("/work-orders?size=100&source=odd", 2_500),
            ("/work-orders?size=100&source=odd&order=oldest", 2_500),
            ("/deliveries?source=odd&state=held", 100),
            ("/deliveries?source=even&state=held&code=pay", 100),
            ("/deliveries?source=even&state=held&code=pay&destination=notify", 0),
            ("/deliveries?source=odd&state=held&order=oldest&from=1970-01-01", 100),
        ] {
            let numbers = through(&served, &kim, path).await.concat();
            assert_eq!(numbers.len(), all, "{path}");
        }
        // What few fit is gone on with where the look ended: nothing is left out, and nothing is told twice.
        let list = List { received: of("even", None, None), ..List::default() };
        let mut filter = list.filter.clone();
        filter.state = Some("delivered");
        filter.code = Some("nothing".to_owned());
        let list = List { filter, ..list };
        let (mut turn, mut pages) = (Turn::First, 0);
        loop {
            let page = list.page(database, turn, 50).await.unwrap();
            pages += 1;
            assert!(page.rows.is_empty() && page.after.is_some() == page.looked_to_ms.is_some());
            match page.after {
                Some(place) => turn = Turn::On(place),
                None => break,
            }
        }
        assert_eq!(pages, 26, "2,500 batches, 100 for a page, with that which the last ended in");
        // Where more batches have held ones than are looked through, those of another source are found all the same.
        let mut transaction = database.begin().await.unwrap();
        for sql in [
            "UPDATE delivery SET state = 'held', cause_code = 'pay.refused' \
             WHERE batch_id IN (SELECT id FROM batch WHERE source_id = 901)",
            "INSERT INTO dead_letter (id, batch_id, record_id, source_key_id, stage, code, cause, created_ms) \
             SELECT id + 50000000, id, id + 1, 0, 'map', 'code_unknown', 'x', 0 FROM batch \
             WHERE source_id = 901 OR source_id = 902 AND id < 1000100",
        ] {
            transaction.execute(sql, vec![]).await.unwrap();
        }
        transaction.commit().await.unwrap();
        for (source, messages, held) in [("odd", 100, 5), ("even", 5_000, 2_500)] {
            for oldest_first in [false, true] {
                let received = of(source, None, None);
                let mut list = List { received: received.clone(), oldest_first, ..List::default() };
                list.filter.state = Some("held");
                let filter = Filter {
                    received,
                    oldest_first,
                    stage: Some(work_orders::Stage::Held),
                    code: Some("code_unknown".to_owned()),
                };
                let (found, rows) =
                    tokio::join!(all_messages(database, &list), all_work_orders(database, &filter));
                assert_eq!((found.len(), rows.len()), (messages, held), "{source} {oldest_first}");
                let in_order =
                    |one: &i64, two: &i64| if oldest_first { one < two } else { one > two };
                assert!(found.is_sorted_by(in_order) && rows.is_sorted_by(in_order), "{source}");
            }
        }
    }
}

/// Of a batch or to a resident, in any state, those that are meant are told once and in order, however they are asked for.
#[tokio::test]
async fn of_a_batch_or_a_resident_nothing_is_left_out_and_nothing_told_twice() {
    for on in [On::Sqlite, On::Postgres] {
        let hub = TestHub::open(on).await;
        hub.drop_file("revenues", "ctax-1.xml", &extract(&some(1)));
        hub.run("ingest-revenues").await;
        let served = Served::of(hub).await;
        days(&served, 60).await;
        let database = served.database();
        let mut transaction = database.begin().await.unwrap();
        for sql in [
            "UPDATE delivery SET batch_id = 1000010 WHERE id > 9000000 AND id % 3 > 0",
            "UPDATE delivery SET resident_id = 7 WHERE id > 9000000 AND id % 2 = 0",
            "UPDATE delivery SET state = CASE id % 5 WHEN 0 THEN 'held' WHEN 1 THEN 'waiting' \
             WHEN 2 THEN 'unknown' ELSE 'delivered' END, settled_ms = CASE WHEN id % 5 > 2 THEN 1 END \
             WHERE id > 9000000",
            "UPDATE delivery_message SET \
             batch_id = (SELECT d.batch_id FROM delivery d WHERE d.id = delivery_id), \
             resident_id = (SELECT d.resident_id FROM delivery d WHERE d.id = delivery_id)",
        ] {
            transaction.execute(sql, vec![]).await.unwrap();
        }
        let in_hand: [(&str, &[i64]); 2] =
            [("pay", &[9_000_001, 9_000_016, 9_000_026]), ("notify", &[9_000_011, 9_000_056])];
        for (destination, ids) in in_hand {
            let intent = Intent { destination: destination.to_owned(), fence: 1, number: 1 };
            intents::put(&mut transaction, &intent, ids, 0).await.unwrap();
        }
        transaction.commit().await.unwrap();
        let sql = "SELECT id, state, destination, batch_id, resident_id FROM delivery ORDER BY id";
        let all: Vec<(i64, String, String, i64, i64)> = database.fetch(sql, vec![]).await.unwrap();
        let in_hand = [9_000_001, 9_000_011, 9_000_016, 9_000_026, 9_000_056];
        let states = ["waiting", "sending", "held", "unknown", "delivered"].map(Some);
        for (batch_id, resident_id) in
            [(Some(1_000_010), None), (None, Some(7)), (Some(1_000_010), Some(7))]
        {
            for state in states.into_iter().chain([None]) {
                for destination in [None, Some("pay".to_owned())] {
                    let filter = deliveries::Filter {
                        state,
                        destination: destination.clone(),
                        resident_id,
                        batch_id,
                        ..deliveries::Filter::default()
                    };
                    let fits =
                        |(id, stands, to, batch, whose): &&(i64, String, String, i64, i64)| {
                            let stands = if in_hand.contains(id) { "sending" } else { stands };
                            state.is_none_or(|state| state == stands)
                                && destination.as_ref().is_none_or(|one| one == to)
                                && batch_id.is_none_or(|one| one == *batch)
                                && resident_id.is_none_or(|one| one == *whose)
                        };
                    let mut wanted: Vec<i64> = all.iter().filter(fits).map(|row| row.0).collect();
                    let mut list =
                        List { filter: filter.clone(), oldest_first: true, ..List::default() };
                    assert_eq!(messages(database, &list, 7).await, wanted, "{filter:?}");
                    wanted.reverse();
                    list.oldest_first = false;
                    assert_eq!(messages(database, &list, 7).await, wanted, "{filter:?}");
                    let rows = deliveries::list(database, &filter, i64::MAX, 1_000).await.unwrap();
                    let rows: Vec<i64> = rows.iter().map(|row| row.id).collect();
                    assert_eq!(rows, wanted, "{filter:?}");
                    let counts = deliveries::counts(database, &filter).await.unwrap();
                    let many: i64 = counts.iter().map(|(_, many)| many).sum();
                    assert_eq!(many as usize, wanted.len(), "{filter:?}: {counts:?}");
                }
            }
        }
    }
}

async fn all_messages(database: &Database, list: &List) -> Vec<i64> {
    messages(database, list, 200).await
}

async fn messages(database: &Database, list: &List, most: i64) -> Vec<i64> {
    let (mut turn, mut found) = (Turn::First, Vec::new());
    loop {
        let page = list.page(database, turn, most).await.unwrap();
        found.extend(page.rows.iter().map(|row| row.id));
        match page.after {
            Some(place) => turn = Turn::On(place),
            None => return found,
        }
    }
}

async fn all_work_orders(database: &Database, filter: &Filter) -> Vec<i64> {
    let (mut turn, mut found) = (work_orders::Turn::First, Vec::new());
    loop {
        let page = work_orders::list(database, filter, turn, 200).await.unwrap();
        found.extend(page.rows.iter().map(|row| row.id));
        match page.after {
            Some(place) => turn = work_orders::Turn::On(place),
            None => return found,
        }
    }
}
