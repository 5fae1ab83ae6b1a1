//! P35 by the API and by command: the same words, the same rights, the same lines; and who is one person.

use serde_json::{Value, json};
use viaduct::access::actor::Actor;
use viaduct::access::right::Role;
use viaduct::app::persons;
use viaduct::app::users::{self, What};

use super::{PASSWORD, Person, Served, hold};
use crate::support::hub::On;

const NOBODY: Person = Person { cookie: String::new(), token: String::new() };

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn users_are_looked_after_by_the_api_as_at_the_screens() {
    for on in [On::Sqlite, On::Postgres] {
        let served = Served::open(on).await;
        let kim = json!({ "name": "kim.bramble", "roles": ["viewer"], "sources": ["crm"] });
        let made = served.call("POST", "/users", Some(&kim)).await;
        assert_eq!(made.status, 200, "{}", made.text);
        let link = read(&made.text)["link"].as_str().unwrap().to_owned();
        assert_eq!(served.get(&link, &NOBODY).await.status, 200);
        // Whoever has used none yet gets another one.
        let again = json!({ "name": "kim.bramble" });
        assert_eq!(served.call("POST", "/users", Some(&again)).await.status, 200);
        assert_eq!(served.get(&link, &NOBODY).await.status, 404, "the older one opens nothing");
        served.set_password("kim.bramble").await;
        let one = read(&served.call("GET", "/users/kim.bramble", None).await.text);
        assert_eq!((&one["roles"], &one["state"]), (&json!("viewer"), &json!("active")), "{one}");
        let all = read(&served.call("GET", "/users", None).await.text);
        assert_eq!(all.as_array().unwrap().len(), 1);

        let version = one["version"].as_i64().unwrap();
        let roles = json!({ "roles": ["support"], "reason": "cover", "version": version - 1 });
        let stale = served.call("POST", "/users/kim.bramble/roles", Some(&roles)).await;
        assert_eq!(stale.status, 409, "{}", stale.text);
        let roles = json!({ "roles": ["support"], "reason": "cover", "version": version });
        let given = served.call("POST", "/users/kim.bramble/roles", Some(&roles)).await;
        assert_eq!(given.status, 200, "{}", given.text);
        let emperor = json!({ "roles": ["emperor"], "reason": "cover" });
        let unknown = served.call("POST", "/users/kim.bramble/roles", Some(&emperor)).await;
        assert!(unknown.status == 422 && unknown.has("support-lead"), "{}", unknown.text);
        for (path, body, status) in [
            ("/users/kim.bramble/disable", json!({ "reason": "left" }), 200),
            ("/users/kim.bramble/disable", json!({ "reason": " " }), 422),
            ("/users/kim.bramble/enable", json!({}), 200),
            ("/users/kim.bramble/sign-out", json!({}), 200),
            ("/users/nobody/sign-out", json!({}), 404),
        ] {
            let seen = served.call("POST", path, Some(&body)).await;
            assert_eq!(seen.status, status, "{path}: {}", seen.text);
        }
        // At the screens the same is written.
        let boss = served.person("boss", &[Role::Administrator]).await;
        served.hire("sam", &[Role::Viewer], "").await;
        let form = [("role", "support"), ("reason", "cover"), ("version", "2")];
        assert_eq!(served.post("/users/sam/roles", &boss, &form).await.status, 303);
        let lines = "SELECT reason || ' ' || REPLACE(details, 'crm', '') FROM audit WHERE action = 'roles' ORDER BY id";
        let lines = served.hub.rows(lines).await;
        assert_eq!(lines[0], lines[1]);
    }
}

#[tokio::test]
async fn nobody_becomes_somebody_else_by_a_link() {
    for on in [On::Sqlite, On::Postgres] {
        let served = Served::open(on).await;
        let boss = served.person("boss", &[Role::Administrator]).await;
        let gov = served.person("gov", &[Role::Governance]).await;
        served.hire("kim", &[Role::SupportLead], "").await;
        let refused = served.post("/users", &boss, &[("name", "kim")]).await;
        assert!(
            refused.status == 400 && refused.has("whoever had another link"),
            "{}",
            refused.text
        );
        let body = json!({ "name": "kim" });
        let refused = served.call("POST", "/users", Some(&body)).await;
        assert!(
            refused.status == 409 && refused.has("whoever had another link"),
            "{}",
            refused.text
        );
        let links = "SELECT CAST(COUNT(*) AS TEXT) FROM staff_invite WHERE used_ms IS NULL";
        assert_eq!(served.hub.text(links).await, "0");
        assert!(!served.get("/", &gov).await.has("set anew"));
        // Whoever has the machine makes one, and those who have to know do.
        let invite = users::Invite {
            name: "kim".to_owned(),
            role: vec![],
            source: vec![],
            owner: None,
            hours: 24,
            address: String::new(),
        };
        let me = Actor::user("root");
        users::answer(served.database(), What::Invite(invite), &me, served.now_ms()).await.unwrap();
        for who in [&boss, &gov] {
            let first = served.get("/", who).await;
            assert!(
                first.has("root made a link on") && first.has("of kim is set anew"),
                "{}",
                first.text
            );
        }
    }
}

#[tokio::test]
async fn a_person_is_one_by_whatever_name_they_come() {
    for on in [On::Sqlite, On::Postgres] {
        let served = Served::open(on).await;
        served.hire("kim.bramble", &[Role::SupportLead], "").await;
        served.hire("kim.bramble-2", &[Role::SupportLead], "").await;
        served.hire("pat", &[Role::SupportLead], "").await;
        let owner = |name: &str, owner: Option<&str>| What::Owner {
            name: name.to_owned(),
            owner: owner.map(str::to_owned),
            reason: None,
        };
        let database = served.database();
        let me = Actor::user("root");
        let one = async |a: &str, b: &str| persons::are_one(database, a, b).await.unwrap();
        assert!(!one("staff:kim.bramble", "staff:kim.bramble-2").await);
        let named = owner("kim.bramble-2", Some("kim.bramble"));
        users::answer(database, named, &me, served.now_ms()).await.unwrap();
        assert!(one("staff:kim.bramble", "staff:kim.bramble-2").await);
        assert!(one("staff:kim.bramble-2", "user:Kim.Bramble").await);
        // Keys of one owner: each asks for what the other agrees to.
        hold(database, 700_001, 1_200).await;
        let asked = json!({ "code": "notify.refused", "action": "release" });
        let key = |name: &'static str, owner: &'static str| (name, Some(owner));
        let (crm, desk) = (key("crm", "kim.bramble-2"), key("desk", "kim.bramble"));
        let set = served.call_of(crm, "POST", "/bulk", Some(&asked)).await;
        assert_eq!(set.status, 200, "{}", set.text);
        let id = read(&set.text)["bulk"].as_i64().unwrap();
        let why = json!({ "reason": "the addresses are mended" });
        let confirm = format!("/bulk/{id}/confirm");
        let begun = served.call_of(crm, "POST", &confirm, Some(&why)).await;
        assert_eq!(read(&begun.text)["state"], "asked", "{}", begun.text);
        let approve = format!("/bulk/{id}/approve");
        let refused = served.call_of(desk, "POST", &approve, Some(&why)).await;
        assert!(refused.status == 409 && refused.has("word of two people"), "{}", refused.text);
        let kim = served.person("kim", &[Role::SupportLead]).await;
        let mine = owner("kim", Some("kim.bramble"));
        users::answer(database, mine, &me, served.now_ms()).await.unwrap();
        assert_eq!(served.post(&approve, &kim, &[("reason", "yes")]).await.status, 409);
        let other = served.call_of(key("other", "pat"), "POST", &approve, Some(&why)).await;
        assert!([200, 202].contains(&other.status), "{}", other.text);
        // Nobody changes what they themselves may, whatever they are called.
        let roles = json!({ "roles": ["administrator"], "reason": "me" });
        let own = served.call_of(desk, "POST", "/users/kim.bramble-2/roles", Some(&roles)).await;
        assert!(own.status == 409 && own.has("they themselves"), "{}", own.text);
    }
}

#[tokio::test]
async fn guesses_are_slowed_by_whoever_a_trusted_front_says_they_are() {
    let served = Served::open(On::Sqlite).await;
    let guess = async |number: usize, from: &str| {
        let name = format!("nobody-{number}");
        let fields = [("name", name.as_str()), ("password", PASSWORD), ("code", "000000")];
        let request = served.request("POST", "/sign-in", &NOBODY).header("Origin", &served.url);
        let request = request
            .header("X-Forwarded-For", format!("198.51.100.{number}, {from}"))
            .header("Content-Type", "application/x-www-form-urlencoded");
        super::seen(request.body(super::form(&fields))).await.status
    };
    for number in 0..20 {
        assert_eq!(guess(number, "192.0.2.7").await, 401);
    }
    assert_eq!(guess(20, "192.0.2.7").await, 429, "whatever stands before it");
    assert_eq!(guess(21, "192.0.2.8").await, 401, "another is not slowed");
}
