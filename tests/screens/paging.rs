//! Lists are gone through to their end and back, a page at a time, and stay what they were while rows arrive.

use viaduct::access::right::Role;

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
        ] {
            let seen = through(&served, &kim, path).await;
            let numbers: Vec<i64> = seen.concat();
            let pages = all.div_ceil(size).max(1);
            assert_eq!((seen.len(), numbers.len()), (pages, all), "{path}: {seen:?}");
            assert!(numbers.is_sorted_by(|one, two| one > two), "{path}: {numbers:?}");
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
