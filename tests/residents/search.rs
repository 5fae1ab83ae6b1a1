//! Residents found by what is known of them, on both databases.

use viaduct::app::resident::search::Candidates;
use viaduct::record::personal::Personal;
use viaduct::record::search::{Given, Search};
use viaduct::store::people::{self, FOUND_MAX, Found};

use super::{MASKED, SHOWN, Story, extract};
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    a_resident_is_found_by_anything_that_is_known => super::by_anything,
    more_than_can_be_shown_is_said_and_a_search_has_an_end => super::many,
}

fn given(words: &[(&str, &str)]) -> Given {
    let mut given = Given::default();
    for (option, value) in words {
        let value = Some(Personal::new((*value).to_owned()));
        match *option {
            "reference" => given.reference = value,
            "nino" => given.nino = value,
            "email" => given.email = value,
            "phone" => given.phone = value,
            "name" => given.name = value,
            _ => given.postcode = value,
        }
    }
    given
}

async fn by_anything(on: On) {
    let story = Story::told(on).await;
    let database = &story.hub.context.database;
    for (words, found) in [
        (&[("reference", "990001")][..], true),
        (&[("reference", " 9901 2346 ")], true),
        (&[("reference", "990002")], false),
        (&[("nino", "qq 12 34 56 a")], true),
        (&[("email", "ARDEN@example.com")], true),
        (&[("phone", "+44 7700 900123")], true),
        (&[("name", "testberry, arden")], true),
        (&[("name", "a testberry"), ("postcode", "sk991aa")], true),
        // Two records say it between them.
        (&[("phone", "07700900123"), ("email", "arden@example.com")], true),
        (&[("reference", "990001"), ("phone", "07700900123")], true),
        (&[("reference", "990001"), ("phone", "07700900124")], false),
        (&[("name", "testberry"), ("postcode", "SK99 9ZZ")], false),
    ] {
        let candidates = Candidates::of(database, &given(words), MASKED).await.unwrap();
        let json = candidates.json();
        let ids: Vec<i64> = (json["residents"].as_array().unwrap().iter())
            .map(|candidate| candidate["resident"].as_i64().unwrap())
            .collect();
        assert_eq!(ids == [story.arden], found, "{words:?}: {json}");
        assert!(found || ids.is_empty(), "{words:?}: {json}");
        let shown = Candidates::of(database, &given(words), SHOWN).await.unwrap();
        for open in ["Arden Testberry", "990001"] {
            assert_eq!(shown.text().contains(open), found, "{}", shown.text());
        }
        let text = candidates.text();
        for hidden in ["Arden", "Testberry", "990001", "1AA"] {
            assert!(!text.contains(hidden) && !json.to_string().contains(hidden), "{text}");
        }
    }
    // An account that its source has no more is said to be gone.
    let gone = "UPDATE source_key SET gone_ms = 1 WHERE key = '990001' RETURNING key";
    assert_eq!(story.hub.rows(gone).await, [["990001"]]);
    let found = Candidates::of(database, &given(&[("reference", "990001")]), MASKED).await.unwrap();
    assert_eq!(found.text().matches("gone at its source").count(), 1, "{}", found.text());
}

async fn many(on: On) {
    let hub = TestHub::open(on).await;
    let account = |number: usize| {
        // Of one name, and no two born in one year or month.
        let born = format!("{}-{:02}-{:02}", 1930 + number, number % 12 + 1, number % 27 + 2);
        format!(
            "<Account ref=\"77{number:04}\"><Status>OPEN</Status><LiablePersons>\
             <Person seq=\"1\" role=\"PRIMARY\"><Forename>Kit</Forename><Surname>Bramble</Surname>\
             <DateOfBirth>{born}</DateOfBirth></Person></LiablePersons><Property><Address><Postcode>SK99 1AA</Postcode></Address></Property>\
             <Balance><Outstanding>1.00</Outstanding></Balance></Account>"
        )
    };
    let accounts: Vec<String> = (0..FOUND_MAX + 5).map(account).collect();
    hub.drop_file("revenues", "ctax-1.xml", &extract(&accounts));
    hub.run("ingest-revenues").await;
    let database = &hub.context.database;
    let found = Candidates::of(database, &given(&[("name", "Bramble")]), MASKED).await.unwrap();
    assert_eq!(found.json()["residents"].as_array().unwrap().len(), FOUND_MAX);
    assert!(found.text().contains("more than 50"), "{}", found.text());

    let search = Search::new(&given(&[("name", "Fakeley")])).unwrap();
    let all = people::find(database, &search, people::SEARCHED_MAX).await.unwrap();
    assert_eq!(all, Found::default());
    let some = people::find(database, &search, 10).await.unwrap();
    assert!(some.stopped && some.residents.is_empty(), "{some:?}");
}
