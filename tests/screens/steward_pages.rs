//! Stewards' pages and residents' records in a browser, as `browser` has the others.

use serde_json::json;
use viaduct::access::right::Role;

use super::browser::{look, page, pictures};
use super::stewards::neighbours;
use super::{PASSWORD, Served};
use crate::residents::Story;
use crate::support::hub::{On, TestHub};

async fn merged(served: &Served, steward: &super::Person) -> String {
    let way = served.post("/matches/take", steward, &[]).await.header("location").to_owned();
    let said = [("decision", "same"), ("reason", "both came to the desk with their passports")];
    assert_eq!(served.post(&way, steward, &said).await.status, 303);
    served.hub.text("SELECT CAST(MAX(id) AS TEXT) FROM identity_act").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stewards_pages_are_accessible_narrow_and_within_their_policy() {
    let folder = tempfile::tempdir().unwrap();
    let to = pictures(folder.path());
    let empty = Served::of(TestHub::open(On::Sqlite).await).await;
    let kim = empty.person("kim.bramble", &[Role::DataSteward]).await;
    let pages = [
        page("p20-nobody-waits", "/matches", 200, &kim),
        page("p23-nothing-decided", "/merges", 200, &kim),
    ];
    look("look.mjs", &json!({ "url": empty.url, "pictures": to, "pages": pages })).await;

    let served = neighbours(On::Sqlite).await;
    let kim = served.person("kim.bramble", &[Role::DataSteward]).await;
    let first = served.post("/matches/take", &kim, &[]).await.header("location").to_owned();
    let mut pages = vec![
        page("p20-possible-matches", "/matches", 200, &kim),
        page("p21-compare", &first, 200, &kim),
    ];
    let plan = json!({ "url": served.url, "pictures": to, "pages": pages });
    look("look.mjs", &plan).await;
    let why = "Unpronounceablelongwordwithoutanyblank".repeat(12);
    let aside = [("decision", "unsure"), ("reason", why.as_str())];
    assert_eq!(served.post(&first, &kim, &aside).await.status, 303);
    let act = merged(&served, &kim).await;
    pages = vec![
        page("p20-nobody-could-tell", "/matches?aside=true", 200, &kim),
        page("p21-set-aside", &first, 200, &kim),
        page("p23-merge-history", "/merges", 200, &kim),
        page("p23-undo-a-merge", &format!("/merges/{act}"), 200, &kim),
    ];
    look("look.mjs", &json!({ "url": served.url, "pictures": to, "pages": pages })).await;

    let Story { hub, arden, _notify, .. } = Story::told(On::Sqlite).await;
    let served = Served::of(hub).await;
    let kim = served.person("kim.bramble", &[Role::Support, Role::DataSteward]).await;
    let known = [("name", "arden testberry")];
    let found = served.post("/residents/find", &kim, &known).await.header("location").to_owned();
    let record = format!("/residents/{arden}");
    let pages = [
        page("p22-find-a-resident", "/residents", 200, &kim),
        page("p22-who-was-found", &found, 200, &kim),
        page("p22-purpose", &record, 200, &kim),
    ];
    look("look.mjs", &json!({ "url": served.url, "pictures": to, "pages": pages })).await;
    served
        .post(&format!("{record}/open"), &kim, &[("purpose", "why"), ("more", &why[..200])])
        .await;
    let pages = [
        page("p22-resident", &record, 200, &kim),
        page("p22-why-we-wrote", &format!("{record}/why"), 200, &kim),
    ];
    look("look.mjs", &json!({ "url": served.url, "pictures": to, "pages": pages })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_records_to_compare_and_decide_by_keyboard_and_without_javascript() {
    for script in [true, false] {
        let served = neighbours(On::Sqlite).await;
        served.hire("steward", &[Role::DataSteward], "").await;
        served.later(60_000);
        let steps = json!([
            ["press", "Possible matches"],
            ["says", "Waiting (3)"],
            ["press", "Take the next"],
            ["says", "Are these the same person?"],
            ["says", "What each record says"],
            ["choose", "different"],
            ["type", "reason", "two birth certificates"],
            ["press", "Save and take the next"],
            ["says", "They are two people, and nobody is asked again"],
            ["says", "Are these the same person?"],
            ["choose", "same"],
            ["type", "reason", "one passport"],
            ["press", "Save and stay here"],
            ["says", "They are one person now"],
            ["press", "Merge history"],
            ["says", "one passport"],
            ["says", "Merged:"]
        ]);
        let journeys = json!([{ "name": "two records to compare and decide", "person": "steward", "script": script, "steps": steps }]);
        let plan = json!({ "url": served.url, "password": PASSWORD, "code": served.code(), "journeys": journeys });
        assert_eq!(look("journeys.mjs", &plan).await.as_array().unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resident_phones_and_asks_why_we_wrote() {
    for script in [true, false] {
        let Story { hub, _notify, .. } = Story::told(On::Sqlite).await;
        let served = Served::of(hub).await;
        served.hire("desk", &[Role::Support], "").await;
        served.later(60_000);
        let steps = json!([
            ["press", "Residents"],
            ["type", "name", "arden testberry"],
            ["press", "Find"],
            ["says", "Who was found"],
            ["press", "Resident "],
            ["says", "What do you open the record"],
            ["choose", "purpose-why"],
            ["press", "Open the record"],
            ["says", "Why we wrote to resident"],
            ["says", "moved_home by email"],
            ["says", "revenues said so in ctax-2.xml"],
            ["says", "Mapping moved_home"],
            ["says", "What held it Nothing"],
            ["says", "nothing was in its way then"],
            ["says", "Delivered"]
        ]);
        let journeys = json!([{ "name": "why did you write to me", "person": "desk", "script": script, "steps": steps }]);
        let plan = json!({ "url": served.url, "password": PASSWORD, "code": served.code(), "journeys": journeys });
        assert_eq!(look("journeys.mjs", &plan).await.as_array().unwrap().len(), 1);
    }
}
