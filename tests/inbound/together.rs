//! Calls that come together are kept by one statement, and each is told what became of it.

use viaduct::store::inbox::{self, Kept, NewPost};
use viaduct::store::keys;

use super::Called;
use crate::support::hub::On;

mod sqlite {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn each_of_many_is_told_its_own() {
        super::each_of_many_is_told_its_own(On::Sqlite).await;
    }
}

mod postgres {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn each_of_many_is_told_its_own() {
        super::each_of_many_is_told_its_own(On::Postgres).await;
    }
}

fn post(name: &str, said: &str, key: Option<i64>) -> NewPost {
    NewPost {
        source: "housing".to_owned(),
        sender: "key 1".to_owned(),
        key,
        name: name.to_owned(),
        digest: said.as_bytes().to_vec(),
        body: Some(said.as_bytes().to_vec()),
        key_digests: vec![1; 16],
        told: "[]".to_owned(),
        hint: None,
    }
}

async fn each_of_many_is_told_its_own(on: On) {
    let called = Called::open(on).await;
    let database = &called.context.database;
    called.key("live", &["source:housing:write"]).await;
    called.key("gone", &["source:housing:write"]).await;
    let all = keys::all(database).await.unwrap();
    let number = |name: &str| all.iter().find(|key| key.name == name).unwrap().id;
    let (live, gone) = (number("live"), number("gone"));
    keys::revoke(database, &[gone], "kim", 5).await.unwrap();
    let name_of = async |kept: &Kept| match kept {
        Kept::New(id) => inbox::find(database, *id).await.unwrap().unwrap().name,
        other => panic!("{}", outcome(other)),
    };

    // As many as never stand in one round number, in an order of their own.
    let names: Vec<String> = (0..77).map(|number| format!("n{}", number * 31 % 77)).collect();
    let posts = names.iter().map(|name| post(name, "first", Some(live))).collect();
    let kept = inbox::keep(database, posts, 10).await.unwrap();
    for (kept, name) in kept.iter().zip(&names) {
        assert_eq!(name_of(kept).await, *name);
    }
    let row = inbox::find(database, 1).await.unwrap().unwrap();
    assert_eq!((row.records, row.received_ms, row.taken_ms), (2, 10, None));

    // New ones, one that came before, one that took another's name, two with one name, a key that is gone.
    let posts = vec![
        post("new 1", "x", Some(live)),
        post("n5", "first", Some(live)),
        post("new 2", "x", None),
        post("n6", "another", Some(live)),
        post("new 3", "x", Some(live)),
        post("new 3", "x", Some(live)),
        post("new 3", "y", Some(live)),
        post("new 4", "x", Some(gone)),
        post("n7", "first", Some(gone)),
        post("new 5", "x", Some(live)),
    ];
    let kept = inbox::keep(database, posts, 20).await.unwrap();
    let outcomes: Vec<&str> = kept.iter().map(outcome).collect();
    assert_eq!(
        outcomes,
        ["new", "again", "new", "taken", "new", "again", "taken", "revoked", "revoked", "new"]
    );
    for (place, name) in [(0, "new 1"), (2, "new 2"), (4, "new 3"), (9, "new 5")] {
        assert_eq!(name_of(&kept[place]).await, name);
    }
    let Kept::Again(row) = &kept[1] else { panic!("{}", outcome(&kept[1])) };
    assert_eq!((row.name.as_str(), row.received_ms), ("n5", 10));
    assert_eq!(inbox::count(database, "housing").await.unwrap(), 81);
}

fn outcome(kept: &Kept) -> &'static str {
    match kept {
        Kept::New(_) => "new",
        Kept::Again(_) => "again",
        Kept::NameTaken(_) => "taken",
        Kept::Revoked => "revoked",
    }
}
