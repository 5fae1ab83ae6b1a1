//! Rights: each role at each route, and the page that says so.

use viaduct::access::right::{Right, Role, Roles};
use viaduct::web::screens::routes::{self, ROUTES};

use super::{Person, Served, worked};
use crate::support::hub::{On, TestHub};
use crate::walk::arrivals::{extract, some};

#[test]
fn the_page_of_rights_is_fresh() {
    let kept =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rights.md")).unwrap();
    assert!(
        kept == routes::page(),
        "docs/rights.md is stale: run `cargo run -- schema --write docs`"
    );
}

/// As the operations sheet has it, by hand: what each role may, and may not.
#[test]
fn roles_may_what_the_sheet_says() {
    let may = |role, right| Roles::new(vec![role]).may(right);
    for (role, yes, no) in [
        (Role::Viewer, "look", "show export act decide audit people"),
        (Role::Support, "look show export act", "decide audit people"),
        (Role::SupportLead, "look show export act decide", "audit people"),
        (Role::Integrator, "look", "show export act decide audit people"),
        (Role::Approver, "", "look show act decide audit people"),
        (Role::DataSteward, "", "look act decide audit people"),
        (Role::Manager, "", "look show act decide audit people"),
        (Role::Governance, "audit export", "look show act decide people"),
        (Role::Administrator, "people", "look show export act decide audit"),
    ] {
        let right = |word: &str| match word {
            "look" => Right::Look,
            "show" => Right::Show,
            "export" => Right::Export,
            "act" => Right::Act,
            "decide" => Right::Decide,
            "audit" => Right::Audit,
            _ => Right::People,
        };
        for word in yes.split_whitespace() {
            assert!(may(role, right(word)), "{role:?} may {word}");
        }
        for word in no.split_whitespace() {
            assert!(!may(role, right(word)), "{role:?} may not {word}");
        }
    }
}

#[tokio::test]
async fn each_role_opens_what_it_may_and_nothing_else() {
    let (hub, _) = worked(On::Sqlite).await;
    let served = Served::of(hub).await;
    for role in Role::ALL {
        let person = served.person(role.word(), &[role]).await;
        let roles = Roles::new(vec![role]);
        for route in ROUTES {
            // Those would end the session, or are somebody else's.
            if ["/sign-out", "/sign-in", "/invitation/{token}"].contains(&route.path) {
                continue;
            }
            let path = route.path.replace("{id}", "999999").replace("{token}", "none");
            let seen = match route.method {
                "GET" => served.get(&path, &person).await,
                _ => served.post(&path, &person, &[]).await,
            };
            let refused = seen.status == 403 && seen.has("which your role does not have");
            assert_eq!(
                refused,
                !routes::may(route, &roles),
                "{role:?} {} {path}: {} {}",
                route.method,
                seen.status,
                seen.text
            );
            assert_ne!(seen.status, 500, "{role:?} {} {path}", route.method);
        }
        // What is not allowed is not offered either.
        let start = served.get("/", &person).await;
        assert_eq!(start.has("href=\"/audit\""), roles.may(Right::Audit), "{role:?}");
        assert_eq!(start.has("href=\"/users\""), roles.may(Right::People), "{role:?}");
        assert_eq!(start.has("href=\"/work-orders\""), roles.may(Right::Look), "{role:?}");
    }
    let nobody = Person::default();
    for route in ROUTES.iter().filter(|route| route.right.is_some()) {
        let path = route.path.replace("{id}", "999999").replace("{token}", "none");
        let seen = match route.method {
            "GET" => served.get(&path, &nobody).await,
            _ => served.post(&path, &nobody, &[]).await,
        };
        let wanted = if route.method == "GET" { 303 } else { 401 };
        assert_eq!(seen.status, wanted, "{} {path}", route.method);
    }
}

#[tokio::test]
async fn a_role_for_some_sources_sees_their_rows_and_no_other() {
    for on in [On::Sqlite, On::Postgres] {
        let (hub, _) = worked(on).await;
        let rows = hub.rows("SELECT CAST(MAX(id) AS TEXT) FROM source_record").await;
        let order = rows[0][0].clone();
        let served = Served::of(hub).await;
        let theirs = served.person_of("theirs", &[Role::Support], "revenues").await;
        let other = served.person_of("other", &[Role::Support], "crm,benefits").await;
        let path = format!("/work-orders/{order}");
        assert_eq!(served.get(&path, &theirs).await.status, 200);
        assert_eq!(served.get(&path, &other).await.status, 404);
        assert!(served.get("/work-orders", &theirs).await.has(&path));
        let list = served.get("/work-orders", &other).await;
        assert!(list.status == 200 && !list.has(&path), "{}", list.text);
        let asked = served.get("/work-orders?source=revenues", &other).await;
        assert!(asked.status == 200 && !asked.has(&path), "{}", asked.text);
        let found = served.post("/find", &other, &[("key", &order)]).await;
        assert!(found.header("location").starts_with("/found/"), "nothing is found: {found:?}");
        // Pages that cannot tell rows apart are closed to both.
        for path in ["/deliveries", "/causes", "/batches", "/unknown"] {
            assert_eq!(served.get(path, &theirs).await.status, 403, "{path}");
        }
    }
}

#[tokio::test]
async fn rows_are_read_again_within_what_a_role_does_at_once() {
    let hub = TestHub::open(On::Sqlite).await;
    let accounts: Vec<String> =
        some(1_001).into_iter().map(|account| account.replace("OPEN", "LIMBO")).collect();
    hub.drop_file("revenues", "ctax-1.xml", &extract(&accounts));
    hub.run("ingest-revenues").await;
    let code = hub.text("SELECT DISTINCT code FROM dead_letter").await;
    let served = Served::of(hub).await;
    let kim = served.person("kim", &[Role::Support]).await;
    let path = format!("/causes/{code}/read-again");
    let refused = served.post(&path, &kim, &[]).await;
    assert!(refused.status == 409 && refused.has("at most 1000 at once"), "{}", refused.text);
    let replayed = "SELECT CAST(COUNT(*) AS TEXT) FROM audit WHERE action = 'replayed'";
    assert_eq!(served.hub.text(replayed).await, "0");
    let lead = served.person("lead", &[Role::SupportLead]).await;
    assert_eq!(served.post(&path, &lead, &[]).await.status, 303);
    assert_eq!(served.hub.text(replayed).await, "1");
}

#[tokio::test]
async fn nobody_changes_what_they_themselves_may() {
    let served = Served::open(On::Sqlite).await;
    let boss = served.person("boss", &[Role::Administrator]).await;
    let roles = [("role", "support-lead"), ("reason", "me"), ("version", "2")];
    assert_eq!(served.post("/users/boss/roles", &boss, &roles).await.status, 403);
    assert_eq!(served.post("/users/boss/disable", &boss, &[("reason", "me")]).await.status, 403);
    let twice = served.post("/users", &boss, &[("name", "boss")]).await;
    assert_eq!(twice.status, 400);
    served.hire("kim", &[Role::Viewer], "").await;
    // A form that was filled in for how somebody was is refused.
    let stale = [("role", "support"), ("reason", "cover"), ("version", "1")];
    assert_eq!(served.post("/users/kim/roles", &boss, &stale).await.status, 409);
    let fresh = [("role", "support"), ("reason", "cover"), ("version", "2")];
    assert_eq!(served.post("/users/kim/roles", &boss, &fresh).await.status, 303);
    assert!(served.get("/users/kim", &boss).await.has("Support"));
    let made = served
        .post("/users", &boss, &[("name", "sam.fakeley"), ("role", "viewer"), ("role", "support")])
        .await;
    assert!(made.status == 200 && made.has("/invitation/"), "{}", made.text);
    // What would make somebody more than they are by the back door is not read.
    let sneaky = [
        ("role", "viewer"),
        ("reason", "x"),
        ("version", "3"),
        ("id", "1"),
        ("password", "x"),
        ("name", "boss"),
    ];
    assert_eq!(served.post("/users/kim/roles", &boss, &sneaky).await.status, 303);
}
