//! P3's parts: what came in, what it means, and what went out because of it; masked by what each value is, and what
//! no field reads shown to nobody.

use viaduct::access::right::Role;

use super::{Served, hold};
use crate::support::hub::{On, TestHub};
use crate::walk::arrivals::{extract, some};

/// What must not show while values are masked; the last two to nobody ever: a bank account's number, and a note that
/// no field reads.
const PLANTED: [&str; 6] =
    ["Testberry", "TESTBERRY", "9900099", "855.00", "10987654", "Fakeley phoned"];

async fn change(served: &Served, sql: &str) {
    let mut transaction = served.database().begin().await.unwrap();
    transaction.execute(sql, vec![]).await.unwrap();
    transaction.commit().await.unwrap();
}

/// A hub with one record of which everything is known, and a message that went out because of it.
async fn told(on: On) -> (Served, String) {
    let hub = TestHub::open(on).await;
    let one = "<Account ref=\"9900099\"><Status>OPEN</Status><LiablePersons><Person seq=\"1\" role=\"PRIMARY\">\
               <Surname>TESTBERRY</Surname><Note>Fakeley phoned</Note></Person></LiablePersons>\
               <PaymentMethod type=\"DD\"><SortCode>309950</SortCode><AccountNumber>10987654</AccountNumber>\
               </PaymentMethod><Balance><Paid>1.00</Paid><Outstanding>855.00</Outstanding></Balance></Account>";
    let mut accounts = some(3);
    accounts.push(one.to_owned());
    hub.drop_file("revenues", "ctax-1.xml", &extract(&accounts));
    hub.run("ingest-revenues").await;
    let served = Served::of(hub).await;
    let id =
        served.hub.text("SELECT CAST(id AS TEXT) FROM source_record WHERE key = '9900099'").await;
    hold(served.database(), 500_001, 1).await;
    let sql = format!(
        "UPDATE delivery SET change_event_id = (SELECT MIN(id) FROM change_event WHERE record_id = {id}), \
         resident_id = (SELECT MIN(resident_id) FROM party WHERE record_id = {id})"
    );
    change(&served, &sql).await;
    let sql = "UPDATE delivery_message \
               SET resident_id = (SELECT d.resident_id FROM delivery d WHERE d.id = delivery_id)";
    change(&served, sql).await;
    (served, id)
}

#[tokio::test]
async fn what_came_in_and_what_it_means_are_masked_until_they_are_shown_for_a_reason() {
    for on in [On::Sqlite, On::Postgres] {
        let (served, id) = told(on).await;
        let kim = served.person("kim", &[Role::Support]).await;
        let viewer = served.person("vic", &[Role::Viewer]).await;
        let path = |part: &str| format!("/work-orders/{id}?part={part}");
        for (part, says) in [
            (
                "came-in",
                vec!["LiablePersons/Person/Surname", "T•••Y", "Balance/Outstanding", "OPEN"],
            ),
            (
                "understood",
                vec!["Family name", "T•••y", "Account: council tax", "Person 1: liable"],
            ),
            ("went-out", vec!["moved_home by email", "p•••@e•••.com", "first_name"]),
            ("nonsense", vec!["Its story", "Came in"]),
        ] {
            for person in [&viewer, &kim] {
                let seen = served.get(&path(part), person).await;
                assert_eq!(seen.status, 200, "{part}: {}", seen.text);
                for says in &says {
                    assert!(seen.has(says), "{part}: {says}: {}", seen.text);
                }
                for planted in PLANTED.iter().chain(&["pat.testberry@example.com"]) {
                    assert!(!seen.has(planted), "{part} shows {planted}: {}", seen.text);
                }
            }
        }
        let show = format!("/work-orders/{id}/show");
        let why = [("reason", "a resident phones"), ("part", "came-in")];
        assert_eq!(served.post(&show, &viewer, &why).await.status, 403);
        let shown = served.post(&show, &kim, &why).await;
        assert_eq!(shown.header("location"), format!("{}&done=shown", path("came-in")));
        let came = served.get(&path("came-in"), &kim).await;
        assert!(came.has("TESTBERRY") && came.has("855.00"), "{}", came.text);
        let understood = served.get(&path("understood"), &kim).await;
        assert!(understood.has("Testberry") && understood.has("£855.00"), "{}", understood.text);
        assert!(served.get(&path("went-out"), &kim).await.has("pat.testberry@example.com"));
        for seen in [&came, &understood] {
            assert!(seen.has("7654") && !seen.has("10987654"), "the last four: {}", seen.text);
            assert!(!seen.has("Fakeley phoned"), "nobody has said what that is: {}", seen.text);
        }
        assert!(came.has("1 more place holds something"), "{}", came.text);
        assert!(!served.get(&path("came-in"), &viewer).await.has("TESTBERRY"), "another's session");
        let lines = served
            .hub
            .rows("SELECT target || ' ' || COALESCE(details, '') FROM audit WHERE action = 'shown'")
            .await;
        let of =
            |part: &str| lines.iter().any(|line| line[0].contains(&id) && line[0].contains(part));
        assert!(of("came-in") && of("understood"), "{lines:?}");
        let hidden =
            served.post(&format!("/work-orders/{id}/hide"), &kim, &[("part", "understood")]).await;
        assert_eq!(hidden.header("location"), format!("{}&done=masked", path("understood")));
        assert!(!served.get(&path("understood"), &kim).await.has("Testberry"));
    }
}

#[tokio::test]
async fn the_api_tells_the_same_parts_and_what_cannot_be_read_is_said() {
    for on in [On::Sqlite, On::Postgres] {
        let (served, id) = told(on).await;
        let get = async |query: &str| {
            let path = format!("/work-orders/{id}?{query}");
            let seen = served.call("GET", &path, None).await;
            (seen.status, seen.text)
        };
        let (status, text) = get("part=understood").await;
        assert!(status == 200 && text.contains("\"name\":\"name.family\""), "{text}");
        assert!(text.contains("\"reads\":\"published\"") && !text.contains("estberry"), "{text}");
        assert_eq!(get("part=everything").await.0, 422);
        // Without a reason nothing is shown.
        assert_eq!(get("part=came-in&show=true").await.0, 422);
        change(&served, "UPDATE batch SET job = 'one-that-was'").await;
        let (status, text) = get("part=came-in").await;
        assert!(
            status == 200 && text.contains("its job and mapping are not there any more"),
            "{text}"
        );
        let kim = served.person("kim", &[Role::Viewer]).await;
        let page = served.get(&format!("/work-orders/{id}?part=came-in"), &kim).await;
        assert!(page.has("It cannot be shown"), "{}", page.text);
    }
}
