//! P10: runs that fall on a bank holiday are marked, and it is said where the table of them ends.

use viaduct::access::right::Role;
use viaduct::record::moment::Moment;

use super::Served;
use crate::support::hub::On;

/// A hub at that moment, in UTC.
async fn at(when: &str) -> Served {
    let served = Served::open(On::Sqlite).await;
    served.later(Moment::parse(when).unwrap().0 - served.now_ms());
    served
}

#[tokio::test]
async fn runs_on_a_bank_holiday_are_marked_until_the_table_ends() {
    let served = at("2026-12-20T12:00:00Z").await;
    let kim = served.person("kim", &[Role::Viewer]).await;
    let page = served.get("/jobs", &kim).await;
    for says in
        ["Fri 25 Dec 2026", "<strong>Christmas Day.</strong>", "Boxing Day (substitute day)"]
    {
        assert!(page.has(says), "{says}: {}", page.text);
    }
    assert!(!page.has("are known here to the end"), "{}", page.text);
    let json: serde_json::Value =
        serde_json::from_str(&served.call("GET", "/jobs", None).await.text).unwrap();
    let all = json.as_array().unwrap();
    let job = all.iter().find(|job| job["job"] == "ingest-revenues").unwrap();
    let days: Vec<&str> = (job["bank_holidays"].as_array().unwrap().iter())
        .map(|one| one["at"].as_str().unwrap())
        .collect();
    assert_eq!(days, ["2026-12-25T02:30:00.000Z", "2026-12-28T02:30:00.000Z"]);
    let served = at("2028-12-28T12:00:00Z").await;
    let kim = served.person("kim", &[Role::Viewer]).await;
    let page = served.get("/jobs", &kim).await;
    assert!(page.has("Bank holidays are known here to the end of 2028 alone"), "{}", page.text);
}
