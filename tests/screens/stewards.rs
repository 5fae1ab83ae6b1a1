//! Stewards' pages over HTTP: pairs that wait, two records side by side, what people decided; and a resident's
//! record, which is opened for a purpose.

use std::time::Instant;

use viaduct::access::right::Role;

use super::{Person, Seen, Served};
use crate::residents::Story;
use crate::residents::identity::{extract, street};
use crate::support::hub::{On, TestHub};

/// Values of the invented people in this street.
const PLANTED: [&str; 5] = ["Bramble", "John", "Jack", "Old Road", "990001"];

/// A street where one of the neighbours may be any of two.
pub async fn neighbours(on: On) -> Served {
    let hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&street()));
    hub.run("ingest-revenues").await;
    Served::of(hub).await
}

async fn lines(served: &Served, action: &str) -> Vec<String> {
    let sql = format!(
        "SELECT actor || ' ' || target || ': ' || COALESCE(reason, '-') FROM audit \
         WHERE action = '{action}' ORDER BY id"
    );
    served.hub.rows(&sql).await.into_iter().map(|row| row[0].clone()).collect()
}

/// What a form of the page would send back of how it stood.
fn stood(page: &Seen) -> String {
    let (_, rest) = page.text.split_once("name=\"stood\" value=\"").expect("a form");
    rest.split('"').next().unwrap().to_owned()
}

async fn taken(served: &Served, person: &Person) -> String {
    let seen = served.post("/matches/take", person, &[]).await;
    assert_eq!(seen.status, 303, "{}", seen.text);
    seen.header("location").to_owned()
}

#[tokio::test]
async fn pairs_are_taken_one_after_another_and_nobody_has_anothers() {
    for on in [On::Sqlite, On::Postgres] {
        let served = neighbours(on).await;
        let kim = served.person("kim", &[Role::DataSteward]).await;
        let sam = served.person("sam", &[Role::DataSteward]).await;
        let list = served.get("/matches", &kim).await;
        assert!(list.has("Waiting (3)") && list.has("Nobody could tell (0)"), "{}", list.text);
        for planted in PLANTED {
            assert!(!list.has(planted), "{planted}: {}", list.text);
        }
        let (one, other) = (taken(&served, &kim).await, taken(&served, &sam).await);
        assert!(one.starts_with("/matches/") && other.starts_with("/matches/"), "{one} {other}");
        assert_ne!(one, other);
        assert_eq!(taken(&served, &kim).await, one, "it is still theirs");
        assert!(served.get("/matches", &kim).await.has("sam has it"));
        let third = served.person("pat", &[Role::DataSteward]).await;
        let last = taken(&served, &third).await;
        assert!(last != one && last != other, "{last}");
        let fourth = served.person("robin", &[Role::DataSteward]).await;
        assert_eq!(taken(&served, &fourth).await, "/matches?done=none-left");
        // Whoever went home has none any more.
        served.later(15 * 60_000 + 1);
        assert_eq!(taken(&served, &third).await, one);
        assert!(served.get("/matches?source=crm", &kim).await.has("None are like that"));
        assert!(served.get("/matches?band=low", &kim).await.status == 200);
        assert_eq!(served.get("/matches?band=most", &kim).await.status, 400);
        assert_eq!(served.get("/matches?after=1", &kim).await.status, 400);
    }
}

#[tokio::test]
async fn two_records_are_looked_at_side_by_side_and_decided() {
    for on in [On::Sqlite, On::Postgres] {
        let served = neighbours(on).await;
        let kim = served.person("kim", &[Role::DataSteward]).await;
        let way = taken(&served, &kim).await;
        let page = served.get(&way, &kim).await;
        for says in
            ["Given name", "Family name", "Same</strong>", "The same person", "I cannot tell"]
        {
            assert!(page.has(says), "{says}: {}", page.text);
        }
        for planted in PLANTED {
            assert!(!page.has(planted), "{planted}: {}", page.text);
        }
        let stands = stood(&page);
        let say = async |decision: &str, stands: &str, then: &str| {
            let fields = [
                ("decision", decision),
                ("reason", "both came to the desk"),
                ("stood", stands),
                ("then", then),
            ];
            served.post(&way, &kim, &fields).await
        };
        assert_eq!(say("perhaps", &stands, "").await.status, 400);
        assert_eq!(served.post(&way, &kim, &[("decision", "same")]).await.status, 400, "no reason");
        let stale = say("same", "1.1-2.2", "").await;
        assert_eq!(stale.status, 409, "it changed since it was looked at: {}", stale.text);
        // Nobody can tell: it waits no more, and is still there to be decided.
        assert_eq!(say("unsure", &stands, "").await.status, 303);
        let list = served.get("/matches", &kim).await;
        assert!(list.has("Waiting (2)") && list.has("Nobody could tell (1)"), "{}", list.text);
        let aside = served.get("/matches?aside=true", &kim).await;
        assert!(aside.has("both came to the desk") && aside.has(&way), "{}", aside.text);
        assert_eq!(lines(&served, "set aside").await.len(), 1);
        let next = say("different", &stands, "next").await;
        assert!(next.header("location").contains("done=different"), "{:?}", next.headers);
        assert_eq!(lines(&served, "told apart").await.len(), 1);
        let page = served.get(&way, &kim).await;
        assert!(page.has("Somebody said that they are two people"), "{}", page.text);
        assert!(served.get("/matches?aside=true", &kim).await.has("Nobody could tell (0)"));
        // A page from before that decides nothing any more.
        assert_eq!(say("same", &stands, "").await.status, 409, "somebody said otherwise since");
        // It was wrong: they are the same after all, and then not.
        let same = say("same", &stood(&page), "stay").await;
        assert_eq!(same.header("location"), format!("{way}?done=same"));
        assert!(served.get(&way, &kim).await.has("They are one resident"));
        assert_eq!(say("same", "", "stay").await.status, 409, "they are one already");
        let history = served.get("/merges", &kim).await;
        assert!(history.has("Merged:") && history.has("Told apart:"), "{}", history.text);
        let act = served.hub.text("SELECT CAST(MAX(id) AS TEXT) FROM identity_act").await;
        let path = format!("/merges/{act}");
        let page = served.get(&path, &kim).await;
        assert!(page.has("Undo the merge") && page.has("both came to the desk"), "{}", page.text);
        assert_eq!(served.post(&format!("{path}/undo"), &kim, &[]).await.status, 400);
        let undo = [("reason", "the sister's passport")];
        let undone = served.post(&format!("{path}/undo"), &kim, &undo).await;
        assert_eq!(undone.header("location"), format!("{path}?done=undone"));
        let page = served.get(&path, &kim).await;
        assert!(page.has("Undone</strong>") && !page.has("How do you know that they are two"));
        assert_eq!(served.post(&format!("{path}/undo"), &kim, &undo).await.status, 404, "once");
    }
}

/// A record that says nothing new changes no row of its resident; what is said of the two would be said of it, too.
#[tokio::test]
async fn what_is_said_of_two_records_is_not_said_of_one_that_joined_since() {
    for on in [On::Sqlite, On::Postgres] {
        let served = neighbours(on).await;
        let kim = served.person("kim", &[Role::DataSteward]).await;
        let way = taken(&served, &kim).await;
        let stands = stood(&served.get(&way, &kim).await);
        let versions =
            "SELECT CAST(id AS TEXT) || '.' || CAST(version AS TEXT) FROM resident ORDER BY id";
        let before = served.hub.rows(versions).await;
        let mut night = street();
        night.push(night[3].replace("990004", "990011"));
        night.push(night[1].replace("990002", "990012"));
        served.hub.drop_file("revenues", "ctax-2.xml", &extract(&night));
        served.hub.run("ingest-revenues").await;
        assert_eq!(served.hub.rows(versions).await, before, "they joined without a word");
        let said = [("decision", "different"), ("reason", "two passports"), ("stood", &stands)];
        let stale = served.post(&way, &kim, &said).await;
        assert_eq!(stale.status, 409, "somebody joined since it was looked at: {}", stale.text);
        let stands = stood(&served.get(&way, &kim).await);
        let said = [("decision", "different"), ("reason", "two passports"), ("stood", &stands)];
        assert_eq!(served.post(&way, &kim, &said).await.status, 303);
    }
}

#[tokio::test]
async fn matches_and_records_are_for_those_whose_work_they_are() {
    let served = neighbours(On::Sqlite).await;
    let id = served.hub.text("SELECT CAST(MIN(id) AS TEXT) FROM resident").await;
    for (role, matches, records) in [
        (Role::DataSteward, 200, 200),
        (Role::Support, 403, 200),
        (Role::SupportLead, 403, 200),
        (Role::Viewer, 403, 403),
        (Role::Integrator, 403, 403),
        (Role::Governance, 403, 403),
        (Role::Administrator, 403, 403),
    ] {
        let person = served.person(role.word(), &[role]).await;
        assert_eq!(served.get("/matches", &person).await.status, matches, "{role:?}");
        assert_eq!(served.get("/merges", &person).await.status, matches, "{role:?}");
        let record = served.get(&format!("/residents/{id}"), &person).await;
        assert_eq!(record.status, records, "{role:?}");
        // A steward's queue is this one, and no other.
        let orders = served.get("/work-orders", &person).await.status;
        let looks = Role::rights(role).contains(&viaduct::access::right::Right::Look);
        assert_eq!(orders, if looks { 200 } else { 403 }, "{role:?}");
    }
    let bound = served.person_of("bound", &[Role::DataSteward], "crm").await;
    assert_eq!(served.get("/matches", &bound).await.status, 403, "it shows rows of every source");
    assert_eq!(served.get(&format!("/residents/{id}"), &bound).await.status, 403);
    // A reason of yesterday's is none of today's.
    let steward = served.person("other-steward", &[Role::DataSteward]).await;
    let path = format!("/residents/{id}");
    assert_eq!(
        served.post(&format!("{path}/show"), &steward, &[("reason", "x")]).await.status,
        303
    );
    assert!(served.get(&path, &steward).await.has("What do you open the record"), "no purpose yet");
}

/// Whoever is on the telephone is found, and told why.
#[tokio::test]
async fn a_resident_asks_why_we_wrote_and_one_page_answers() {
    for on in [On::Sqlite, On::Postgres] {
        let Story { hub, arden, _notify, .. } = Story::told(on).await;
        let served = Served::of(hub).await;
        let kim = served.person("kim", &[Role::Support]).await;
        assert_eq!(served.post("/residents/find", &kim, &[("name", " ")]).await.status, 400);
        let nobody = served.post("/residents/find", &kim, &[("name", "Nobody Fakeley")]).await;
        assert!(served.get(nobody.header("location"), &kim).await.has("Nobody was found"));
        let known = [("name", "arden testberry"), ("reference", "990001")];
        let found = served.post("/residents/find", &kim, &known).await;
        let way = found.header("location").to_owned();
        assert!(way.starts_with("/residents/found/"), "{way} {}", found.text);
        assert!(!way.to_lowercase().contains("testberry") && !way.contains("990001"), "{way}");
        let page = served.get(&way, &kim).await;
        let record = format!("/residents/{arden}");
        assert!(page.has(&record) && page.has("A•••n T•••y"), "{}", page.text);
        let sam = served.person("sam", &[Role::Support]).await;
        assert_eq!(served.get(&way, &sam).await.status, 404, "a search is its session's own");
        // What it is opened for is asked, and written down.
        let asked = served.get(&record, &kim).await;
        assert!(asked.has("What do you open the record") && !asked.has("What is known"));
        let open = format!("{record}/open");
        assert_eq!(served.post(&open, &kim, &[("purpose", "curious")]).await.status, 400);
        let fields = [("purpose", "why"), ("more", "ticket 4711")];
        let opened = served.post(&open, &kim, &fields).await;
        assert_eq!(opened.header("location"), format!("{record}/why"));
        let page = served.get(&format!("{record}/why"), &kim).await;
        for says in [
            "moved_home by email",
            "revenues</strong> said so in ctax-2.xml",
            "Mapping moved_home, version",
            "council_tax_service",
            "The record was read by mapping",
            "nothing was in its way then",
            "Delivered</strong>",
        ] {
            assert!(page.has(says), "{says}: {}", page.text);
        }
        for planted in ["Arden", "arden@", "New Road", "990001"] {
            assert!(!page.has(planted), "{planted}: {}", page.text);
        }
        let page = served.get(&record, &kim).await;
        for says in
            ["What is known", "Conflict</strong>", "preferred for", "ticket 4711", "Work order"]
        {
            assert!(page.has(says), "{says}: {}", page.text);
        }
        assert!(!page.has("Arden") && !page.has("New Road"), "{}", page.text);
        assert!(served.get(&record, &sam).await.has("What do you open"), "their own purpose");
        let show = [("reason", "they ask what we know"), ("page", "why")];
        let shown = served.post(&format!("{record}/show"), &kim, &show).await;
        assert_eq!(shown.header("location"), format!("{record}/why?done=shown"));
        assert!(served.get(&record, &kim).await.has("2 New Road"));
        assert!(served.get(&format!("{record}/why"), &kim).await.has("arden@example.com"));
        served.later(15 * 60_000 + 1);
        assert!(!served.get(&record, &kim).await.has("2 New Road"), "it is over");
        served.later(60 * 60_000);
        let began = Instant::now();
        let kim = served.person("kim2", &[Role::Support]).await;
        assert!(served.get(&record, &kim).await.has("What do you open"), "{:?}", began.elapsed());
        let target = format!("staff:kim resident {arden}");
        let why = "The resident asks why we wrote to them: ticket 4711";
        assert_eq!(lines(&served, "opened").await, [format!("{target}: {why}")]);
        let shown = lines(&served, "shown").await;
        assert!(shown.contains(&format!("{target}: they ask what we know")), "{shown:?}");
        let searched =
            "SELECT details FROM audit WHERE action = 'searched' ORDER BY id DESC LIMIT 1";
        assert_eq!(served.hub.text(searched).await, format!("{{\"residents\":[{arden}]}}"));
    }
}

#[tokio::test]
async fn what_left_under_a_number_that_became_another_is_told_with_it() {
    for on in [On::Sqlite, On::Postgres] {
        let Story { hub, arden, _notify, .. } = Story::told(on).await;
        let other = crate::walk::arrivals::account("990077", "Placeholder", "1.00");
        let first = crate::walk::arrivals::extract(&[other]);
        hub.edit("connectors/revenues.toml", "extract    = \"full\"", "extract    = \"delta\"");
        let mut hub = hub;
        hub.reload().await;
        hub.drop_file("revenues", "ctax-9.xml", &first);
        hub.run("ingest-revenues").await;
        let sql = format!("SELECT CAST(MAX(id) AS TEXT) FROM resident WHERE id <> {arden}");
        let other = hub.text(&sql).await;
        let served = Served::of(hub).await;
        let lead = served.person("lead", &[Role::DataSteward, Role::Support]).await;
        let way = served
            .post(&format!("/residents/{other}/compare"), &lead, &[("other", &arden.to_string())])
            .await;
        let way = way.header("location").to_owned();
        let page = served.get(&way, &lead).await;
        assert!(
            page.has("Are these the same person?") && !page.has("I cannot tell"),
            "{}",
            page.text
        );
        // Somebody decides that the one who was written to goes into the other.
        let body = serde_json::json!({ "other": arden, "reason": "one desk" });
        let merge = format!("/residents/{other}/merge");
        let merged = served.call("POST", &merge, Some(&body)).await;
        assert_eq!(merged.status, 200, "{}", merged.text);
        let gone = served.get(&format!("/residents/{arden}"), &lead).await;
        assert_eq!(gone.header("location"), format!("/residents/{other}?done=moved-on"));
        let open = format!("/residents/{other}/open");
        served.post(&open, &lead, &[("purpose", "why")]).await;
        let page = served.get(&format!("/residents/{other}/why"), &lead).await;
        assert!(page.has("moved_home by email"), "{}", page.text);
        let page = served.get(&format!("/residents/{other}"), &lead).await;
        assert!(page.has("Therefore: moved_home"), "{}", page.text);
        // And when it is undone, what left meanwhile is listed.
        let act = served.hub.text("SELECT CAST(MAX(id) AS TEXT) FROM identity_act").await;
        let page = served.get(&format!("/merges/{act}"), &lead).await;
        assert!(page.has("Nothing left for either since then; before it, 1 had"), "{}", page.text);
    }
}
