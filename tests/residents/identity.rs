//! Who is who through a whole hub: the order in which systems come does not matter, what people decide lasts and can
//! be taken back to the byte, and the list of who is who can be scored by anybody.

use serde_json::json;
use viaduct::app::resident::{self, Asked, identity};
use viaduct::record::personal::Personal;
use viaduct::store::desk;

use crate::support::hub::{On, TestHub, on_both};

on_both! {
    who_was_told_apart_is_asked_of_no_more_whichever_source_is_looked_at => super::apart,
    whoever_comes_first_the_residents_are_the_same => super::any_order,
    a_key_that_somebody_has_no_more_leads_to_them_no_more => super::keys_left,
    two_whose_home_became_crowded_are_parted_with_a_word => super::crowded,
    of_a_name_that_many_bear_name_and_home_are_not_enough => super::common_name,
    a_merge_that_is_taken_back_leaves_no_trace_in_either => super::merge_and_unmerge,
    what_a_person_said_outlasts_the_next_night => super::it_lasts,
    a_split_gives_a_new_number_and_the_old_stays => super::split,
    the_list_names_each_party_with_its_resident => super::list,
}

/// One person on an account, with the home.
pub(super) fn account(key: &str, given: &str, family: &str, born: &str, line: &str) -> String {
    format!(
        "<Account ref=\"{key}\"><Status>OPEN</Status><LiablePersons><Person seq=\"1\" role=\"PRIMARY\">\
         <Forename>{given}</Forename><Surname>{family}</Surname><DateOfBirth>{born}</DateOfBirth>\
         </Person></LiablePersons><Property><Address><Line1>{line}</Line1><Postcode>SK99 1AA</Postcode>\
         </Address></Property><Balance><Outstanding>10.00</Outstanding></Balance></Account>"
    )
}

pub fn extract(accounts: &[String]) -> Vec<u8> {
    let (all, count) = (accounts.join(""), accounts.len());
    let head = "<CouncilTaxExtract xmlns=\"urn:example:ctax:extract:1\">";
    format!("{head}{all}<Trailer accounts=\"{count}\"/></CouncilTaxExtract>").into_bytes()
}

const BORN: &str = "1955-02-03";

pub fn street() -> Vec<String> {
    vec![
        account("990001", "John", "Bramble", BORN, "1 Old Road"),
        account("990002", "John", "Bramble", "1985-07-08", "1 Old Road"),
        account("990003", "Jack", "Bramble", "", "1 Old Road"),
        account("990004", "Johnny", "Bramble", BORN, "1 Old Rd"),
        account("990005", "Joan", "Bramble", "1957-09-10", "1 Old Road"),
        account("990006", "J", "Fakeley", "", "2 Old Road"),
        account("990007", "Julia", "Fakeley", "1990-10-11", "2 Old Road"),
    ]
}

/// Of each pair is noted what is so: whether it waits for a person.
async fn noted(hub: &TestHub) {
    let sql = "SELECT CAST(COUNT(*) AS TEXT) FROM match_pair m JOIN party p ON p.id = m.one \
               JOIN party q ON q.id = m.other WHERE m.waits <> CASE WHEN m.one < m.other \
               AND m.verdict = 0 AND p.resident_id <> q.resident_id THEN 1 ELSE 0 END";
    assert_eq!(hub.text(sql).await, "0");
}

/// Which accounts are one resident, in the order of their keys.
async fn partition(hub: &TestHub) -> Vec<Vec<String>> {
    noted(hub).await;
    let sql = "SELECT k.key, CAST(p.resident_id AS TEXT) FROM party p \
               JOIN source_key k ON k.id = p.source_key_id ORDER BY k.key";
    let rows = hub.rows(sql).await;
    let mut all: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            rows.iter().filter(|other| other[1] == row[1]).map(|one| one[0].clone()).collect()
        })
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

async fn any_order(on: On) {
    let mut found = Vec::new();
    for order in [[0, 1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1, 0], [2, 6, 3, 0, 5, 1, 4]] {
        let mut hub = TestHub::open(on).await;
        hub.edit("connectors/revenues.toml", "extract    = \"full\"", "extract    = \"delta\"");
        hub.reload().await;
        let street = street();
        // One at a time: each is decided with what is there.
        for (night, at) in order.into_iter().enumerate() {
            hub.drop_file("revenues", &format!("ctax-{night}.xml"), &extract(&street[at..=at]));
            hub.run("ingest-revenues").await;
            noted(&hub).await;
        }
        found.push(partition(&hub).await);
    }
    let hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&street()));
    hub.run("ingest-revenues").await;
    found.push(partition(&hub).await);
    let both = found[0].iter().find(|one| one.contains(&"990001".to_owned())).unwrap();
    assert_eq!(both, &["990001", "990004"], "{found:?}");
    assert!(found.iter().all(|one| *one == found[0]), "{found:#?}");
}

/// What somebody was compared by before neither leads to them nor counts among those who share it.
async fn keys_left(on: On) {
    let mut hub = TestHub::open(on).await;
    hub.edit("connectors/revenues.toml", "extract    = \"full\"", "extract    = \"delta\"");
    hub.reload().await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&street()));
    hub.run("ingest-revenues").await;
    let moved = [
        account("990006", "James", "Fakely", "1990-10-12", "7 New Street"),
        account("990007", "Julia", "Bramble", "1990-10-11", "1 Old Road"),
    ];
    hub.drop_file("revenues", "ctax-2.xml", &extract(&moved));
    hub.run("ingest-revenues").await;
    let sql = "SELECT CAST(LENGTH(p.match_keys) / 8 AS TEXT), CAST((SELECT COUNT(*) FROM match_key k \
               WHERE k.party_id = p.id) AS TEXT) FROM party p ORDER BY p.id";
    for row in hub.rows(sql).await {
        assert_eq!(row[0], row[1], "its keys, and those that lead to it");
    }
}

/// In a house where too many live a home leads to nobody, and two who were one by it alone are asked about.
async fn crowded(on: On) {
    let mut hub = TestHub::open(on).await;
    hub.edit("connectors/revenues.toml", "extract    = \"full\"", "extract    = \"delta\"");
    hub.reload().await;
    let here = |key: usize, given: &str| {
        account(&format!("99{key:04}"), given, "Placeholder", "", "1 Old Road")
    };
    let mut house = vec![here(1, "Robin"), here(2, "Robin")];
    let letters = || "abcdefgh".chars();
    let names = letters().flat_map(|one| letters().map(move |other| (one, other)));
    let names = names.map(|(one, other)| format!("{one}{other}").repeat(3));
    house.extend(names.enumerate().map(|(at, name)| here(100 + at, &name)).take(59));
    let apart = "SELECT CAST(COUNT(DISTINCT p.resident_id) AS TEXT) FROM party p \
                 JOIN source_key k ON k.id = p.source_key_id WHERE k.key IN ('990001', '990002')";
    let waits = "SELECT CAST(COUNT(*) AS TEXT) FROM match_pair m JOIN party p ON p.id = m.one \
                 JOIN source_key k ON k.id = p.source_key_id JOIN party q ON q.id = m.other \
                 JOIN source_key l ON l.id = q.source_key_id WHERE m.waits = 1 \
                 AND k.key IN ('990001', '990002') AND l.key IN ('990001', '990002')";
    for (night, (new, wanted)) in
        [(&house[..60], ("1", "0")), (&house[60..], ("2", "1"))].into_iter().enumerate()
    {
        hub.drop_file("revenues", &format!("ctax-{night}.xml"), &extract(new));
        hub.run("ingest-revenues").await;
        let found = (hub.text(apart).await, hub.text(waits).await);
        assert_eq!((&*found.0, &*found.1), wanted, "night {night}");
    }
}

/// Two of one name in one home are one, until more people than a few bear it: then a person is asked.
async fn common_name(on: On) {
    let here = |key: &str| account(key, "Robin", "Placeholder", "", "9 Far Street");
    let pair = [here("990101"), here("990102")];
    let far = (0..24_u8).map(|at| {
        let home = format!("{} Lane", at + 1);
        account(&format!("9902{at:02}"), "Robin", "Placeholder", "", &home)
            .replace("SK99 1AA", &format!("SK{} 1AA", 40 + at))
    });
    let far: Vec<String> = far.collect();
    let mut found = Vec::new();
    for nights in [[&pair[..], &far[..23], &far[23..]], [&far[..], &pair[..1], &pair[1..]]] {
        let mut hub = TestHub::open(on).await;
        hub.edit("connectors/revenues.toml", "extract    = \"full\"", "extract    = \"delta\"");
        hub.reload().await;
        for (at, night) in nights.into_iter().enumerate() {
            hub.drop_file("revenues", &format!("ctax-{at}.xml"), &extract(night));
            hub.run("ingest-revenues").await;
            let is_one = partition(&hub).await.iter().any(|one| one.len() == 2);
            // Twenty-five have it after the second night of the first order, twenty-six at last.
            assert_eq!(is_one, nights[0].len() == 2 && at < 2, "night {at}");
        }
        let waits = "SELECT CAST(COUNT(*) AS TEXT) FROM match_pair m JOIN party p ON p.id = m.one \
                     JOIN source_key k ON k.id = p.source_key_id JOIN party q ON q.id = m.other \
                     JOIN source_key l ON l.id = q.source_key_id WHERE m.waits = 1 \
                     AND k.key IN ('990101', '990102') AND l.key IN ('990101', '990102')";
        assert_eq!(hub.text(waits).await, "1", "somebody is asked");
        found.push(partition(&hub).await);
    }
    assert_eq!(found[0], found[1]);
}

/// A hub with two residents that nobody takes for one; their numbers.
async fn two(on: On) -> (TestHub, i64, i64) {
    let hub = TestHub::open(on).await;
    let night = [
        street()[0].clone(),
        account("990009", "Robin", "Placeholder", "1970-01-02", "9 Far Street"),
    ];
    hub.drop_file("revenues", "ctax-1.xml", &extract(&night));
    hub.run("ingest-revenues").await;
    let ids = hub.rows("SELECT CAST(id AS TEXT) FROM resident ORDER BY id").await;
    let ids: Vec<i64> = ids.iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(ids.len(), 2);
    (hub, ids[0], ids[1])
}

pub(super) async fn act(hub: &TestHub, asked: Asked) -> serde_json::Value {
    let done = resident::decide(&hub.context.database, &hub.definitions, asked, "user:kim").await;
    noted(hub).await;
    done.unwrap().0
}

pub(super) fn why() -> Personal<String> {
    Personal::new("both came to the desk".to_owned())
}

const RESIDENTS: &str = "SELECT CAST(id AS TEXT), CAST(version AS TEXT), CAST(created_ms AS TEXT), \
    CAST(updated_ms AS TEXT), facts, provenance, CAST(merged_into AS TEXT) FROM resident ORDER BY id";
const PARTIES: &str =
    "SELECT CAST(id AS TEXT), CAST(resident_id AS TEXT), facts FROM party ORDER BY id";

async fn merge_and_unmerge(on: On) {
    let (hub, keep, other) = two(on).await;
    let before = (hub.rows(RESIDENTS).await, hub.rows(PARTIES).await);
    // What was sent to the other counts for whom they are.
    let sent = format!(
        "INSERT INTO delivery (id, change_event_id, batch_id, resident_id, destination, mapping, \
         mapping_version, purpose, needs_consent, reference, state, since_ms, next_ms, created_ms, \
         settled_ms) VALUES (77, 1, 1, {other}, 'notify', 'moved_home', 1, 'service', FALSE, 'r-77', \
         'delivered', 1, 1, 1, 1)"
    );
    let mut transaction = hub.context.database.begin().await.unwrap();
    transaction.execute(&sent, vec![]).await.unwrap();
    let message = "INSERT INTO delivery_message (delivery_id, batch_id, resident_id, message) \
                   SELECT id, batch_id, resident_id, 'null' FROM delivery WHERE id = 77";
    transaction.execute(message, vec![]).await.unwrap();
    transaction.commit().await.unwrap();
    let whose = "SELECT CAST(resident_id AS TEXT) FROM delivery WHERE id = 77";
    let merged = act(&hub, Asked::Merge { id: keep, other, why: why() }).await;
    assert_eq!(merged["resident"], json!(keep));
    let parties = "SELECT CAST(COUNT(DISTINCT resident_id) AS TEXT) FROM party";
    assert_eq!(hub.text(parties).await, "1");
    // The old number leads to the one that stayed.
    let explained = act(&hub, Asked::Explain { id: other }).await;
    assert_eq!(explained["resident"], json!(keep));
    assert_eq!(hub.text(whose).await, keep.to_string());
    let act_id = merged["act"].as_i64().unwrap();
    act(&hub, Asked::Unmerge { act: act_id, why: why() }).await;
    assert_eq!(hub.text(whose).await, other.to_string());
    assert_eq!((hub.rows(RESIDENTS).await, hub.rows(PARTIES).await), before);
    let again = Asked::Unmerge { act: act_id, why: why() };
    let again = resident::decide(&hub.context.database, &hub.definitions, again, "user:kim").await;
    assert!(again.unwrap_err().to_string().contains("no merge"), "it was taken back already");
    let log = hub.rows("SELECT action FROM audit WHERE actor = 'user:kim' ORDER BY id").await;
    assert_eq!(log, [["merged"], ["unmerged"]]);
}

async fn it_lasts(on: On) {
    let (hub, keep, other) = two(on).await;
    act(&hub, Asked::Merge { id: keep, other, why: why() }).await;
    // The next night says something else of one of them: they stay one.
    let night = [
        account("990001", "John", "Bramble", BORN, "3 New Road"),
        account("990009", "Robin", "Placeholder", "1970-01-02", "9 Far Street"),
    ];
    hub.drop_file("revenues", "ctax-2.xml", &extract(&night));
    hub.run("ingest-revenues").await;
    assert_eq!(partition(&hub).await, [["990001", "990009"]]);
    let waiting = act(&hub, Asked::Review { most: 20 }).await;
    assert_eq!(waiting["waiting"], json!([]), "nobody is asked twice");
}

async fn split(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&[street()[0].clone(), street()[3].clone()]));
    hub.run("ingest-revenues").await;
    let parties = hub.rows(PARTIES).await;
    assert_eq!((parties.len(), &parties[0][1]), (2, &parties[1][1]));
    let id = parties[0][1].parse().unwrap();
    let party = vec![parties[1][0].parse().unwrap()];
    let done = act(&hub, Asked::Split { id, party, why: why() }).await;
    assert_ne!(done["other"], json!(id));
    assert_eq!(partition(&hub).await, [["990001"], ["990004"]]);
    // The same names again tomorrow, and with another home: it stays as it was said.
    let night = [street()[0].clone(), account("990004", "Johnny", "Bramble", BORN, "1 Old Road")];
    hub.drop_file("revenues", "ctax-2.xml", &extract(&night));
    hub.run("ingest-revenues").await;
    assert_eq!(partition(&hub).await, [["990001"], ["990004"]]);
}

async fn list(on: On) {
    let (hub, keep, other) = two(on).await;
    let mut out = Vec::new();
    assert_eq!(identity::export(&hub.context.database, &mut out).await.unwrap(), 2);
    let wanted = format!(
        "source_system,source_key,party,resident_id\nrevenues,990001,1,{keep}\nrevenues,990009,1,{other}\n"
    );
    assert_eq!(String::from_utf8(out).unwrap(), wanted);
}

/// Two were told apart by what one source says; what another says of them came later.
async fn apart(on: On) {
    let hub = TestHub::open(on).await;
    let database = &hub.context.database;
    let mut transaction = database.begin().await.unwrap();
    for sql in [
        "INSERT INTO source (id, name) VALUES (901, 'first'), (902, 'later')",
        "INSERT INTO source_key (id, source_id, key, key_digest, digest, record_id) \
         VALUES (1, 901, 'a', 0, 0, 0), (2, 901, 'b', 1, 0, 0), (3, 902, 'c', 2, 0, 0)",
        "INSERT INTO party (id, source_key_id, resident_id, key, role, record_id, mapping_version, at_ms, facts) \
         VALUES (1, 1, 11, 'p', 'r', 0, 1, 0, '{}'), (2, 2, 12, 'p', 'r', 0, 1, 0, '{}'), \
         (3, 3, 11, 'p', 'r', 0, 1, 0, '{}')",
        "INSERT INTO match_pair (one, other, bits, levels, weights, verdict, waits) \
         VALUES (1, 2, 9, 0, 1, 0, 1), (2, 1, 9, 0, 1, 0, 0), (2, 3, 8, 0, 1, 0, 1), (3, 2, 8, 0, 1, 0, 0)",
    ] {
        transaction.execute(sql, vec![]).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let asked = async |source: &str| -> Vec<(i64, i64)> {
        let wanted = desk::Wanted { source: source.to_owned(), ..desk::Wanted::default() };
        let rows = desk::waiting(database, &wanted, 10).await.unwrap();
        rows.iter().map(|row| (row.pair.one, row.pair.other)).collect()
    };
    // The surest of those that are asked for stands for the two.
    assert_eq!((asked("").await, asked("later").await), (vec![(1, 2)], vec![(2, 3)]));
    let mut transaction = database.begin().await.unwrap();
    let sql = "UPDATE match_pair SET verdict = 2, waits = 0 WHERE one < 3 AND other < 3";
    transaction.execute(sql, vec![]).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!((asked("").await, asked("later").await), (vec![], vec![]));
}
