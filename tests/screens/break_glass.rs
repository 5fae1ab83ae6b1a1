//! R11: accounts for an emergency. An hour and no longer, whatever is done in it; everybody who has to know does; each
//! thing done is marked; and nobody reviews what they did themselves.

use axum::http::StatusCode;
use viaduct::access::actor::Actor;
use viaduct::access::right::{Role, Roles};
use viaduct::app::break_glass::{self, New, What};
use viaduct::app::context::AppError;
use viaduct::app::users;
use viaduct::web::screens::routes::{self, ROUTES};

use super::provider;
use super::{PASSWORD, Person, Seen, Served, worked};
use crate::support::hub::On;

const NOBODY: Person = Person { cookie: String::new(), token: String::new() };
const MINUTE: i64 = 60_000;

async fn command(served: &Served, what: What) -> Result<String, AppError> {
    let me = Actor::user("root");
    break_glass::answer(served.database(), what, &me, served.now_ms()).await.map(|said| said.1)
}

/// Makes one, and sets its password.
pub async fn made(served: &Served, name: &str, owner: Option<&str>, network: &[&str]) {
    let new = New {
        name: name.to_owned(),
        owner: owner.map(str::to_owned),
        network: network.iter().map(|one| one.parse().unwrap()).collect(),
        hours: 24,
        address: served.url.clone(),
    };
    let said = command(served, What::Add(new)).await.unwrap();
    assert!(said.contains("/invitation/") && said.contains("/break-glass"), "{said}");
    served.set_password(name).await;
}

async fn tries(served: &Served, name: &str, password: &str, code: &str) -> Seen {
    let fields = [
        ("name", name),
        ("password", password),
        ("code", code),
        ("person", "iris.bramble"),
        ("reason", "the council's sign-in is away"),
    ];
    served.post("/break-glass", &NOBODY, &fields).await
}

/// Opens it with what is right.
async fn right(served: &Served, name: &str) -> Seen {
    tries(served, name, PASSWORD, &served.code()).await
}

/// Whoever opened it.
pub async fn opened(served: &Served, name: &str) -> Person {
    let seen = right(served, name).await;
    assert_eq!((seen.status, seen.header("location")), (303, "/"), "{}", seen.text);
    let cookie = seen.header("set-cookie").split(';').next().unwrap().to_owned();
    let mut person = Person { cookie, token: String::new() };
    let page = served.get("/", &person).await.text;
    let token = page.split("name=\"token\" value=\"").nth(1).expect("a form");
    person.token = token.split('"').next().unwrap().to_owned();
    person
}

#[tokio::test]
async fn an_account_is_open_for_an_hour_and_everything_done_in_it_is_marked() {
    for on in [On::Sqlite, On::Postgres] {
        let served = Served::open(on).await;
        let boss = served.person("boss", &[Role::Administrator]).await;
        let iris = served.person("iris.bramble", &[Role::Governance]).await;
        let gov = served.person("gov", &[Role::Governance]).await;
        let lead = served.person("lead", &[Role::SupportLead]).await;
        served.hire("kim", &[Role::Viewer], "").await;
        // There are none until somebody makes one.
        assert_eq!(served.get("/break-glass", &NOBODY).await.status, 404);
        assert!(!served.get("/sign-in", &NOBODY).await.has("/break-glass"));
        made(&served, "glass.one", None, &[]).await;
        assert!(served.get("/sign-in", &NOBODY).await.has("href=\"/break-glass\""));
        assert!(served.get("/break-glass", &NOBODY).await.has("60 minutes, and no longer"));
        // It has no other way in, and is opened for a reason, by somebody who says who they are.
        let code = served.code();
        let fields = [("name", "glass.one"), ("password", PASSWORD), ("code", code.as_str())];
        assert_eq!(served.post("/sign-in", &NOBODY, &fields).await.status, 401);
        let bare = served.post("/break-glass", &NOBODY, &fields).await;
        assert!(bare.status == 400 && bare.has("Enter why") && bare.has("your own user name"));
        assert!(!served.get("/", &boss).await.has("glass.one was opened"));

        let glass = opened(&served, "glass.one").await;
        let page = served.get("/users", &glass).await;
        assert!(page.status == 200 && page.has("(break-glass, until "), "{}", page.text);
        assert_eq!(served.get("/work-orders", &glass).await.status, 403);
        // All who have to know see it at once, and nobody else.
        for (who, sees) in [(&boss, true), (&gov, true), (&iris, true), (&lead, false)] {
            let first = served.get("/", who).await;
            assert_eq!(first.has("glass.one was opened on"), sees, "{}", first.text);
            assert_eq!(first.has("It is open now."), sees);
        }
        let id = served.hub.text("SELECT CAST(MAX(id) AS TEXT) FROM staff_alert").await;
        let (alert, review) = (format!("/alerts/{id}"), format!("/alerts/{id}/review"));
        let words = [("reason", "the provider was away, as we heard")];
        let early = served.post(&review, &gov, &words).await;
        assert!(early.status == 409 && early.has("still open"), "{}", early.text);
        // What is done is done by them, and marked.
        let reason = [("reason", "locked out")];
        assert_eq!(served.post("/users/kim/disable", &glass, &reason).await.status, 303);
        let invited = [("name", "new.one"), ("role", "governance")];
        assert_eq!(served.post("/users", &glass, &invited).await.status, 200);
        // Whoever said that they are somebody changes nothing of what that somebody may; nor is anybody's link made.
        let more = [("role", "administrator"), ("reason", "x"), ("version", "0")];
        let own = served.post("/users/iris.bramble/roles", &glass, &more).await;
        assert!(own.status == 409 && own.has("what they themselves may"), "{}", own.text);
        let two = New {
            name: "glass.two".to_owned(),
            owner: None,
            network: vec![],
            hours: 1,
            address: String::new(),
        };
        command(&served, What::Add(two)).await.unwrap();
        let taken = served.post("/users", &boss, &[("name", "glass.two")]).await;
        assert!(taken.status == 409 && taken.has("break-glass account"), "{}", taken.text);
        let marked = "SELECT action || ' ' || target FROM audit WHERE actor = 'break-glass:glass.one' ORDER BY id";
        let lines = served.hub.rows(marked).await;
        let lines: Vec<&str> = lines.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(
            lines,
            [
                "opened staff glass.one",
                "disabled staff kim",
                "added staff new.one",
                "invited staff new.one"
            ]
        );
        // Whoever does something all the time stays for an hour, and not a moment longer.
        for _ in 0..2 {
            served.later(20 * MINUTE);
            assert_eq!(served.get("/users", &glass).await.status, 200);
        }
        served.later(20 * MINUTE - 1);
        assert_eq!(served.get("/users", &glass).await.status, 200);
        served.later(1);
        assert_eq!(served.get("/users", &glass).await.status, 303);
        assert_eq!(served.post("/users/kim/enable", &glass, &[]).await.status, 401);

        // It stays an alert until somebody else has written what they think of it.
        let (boss, iris, gov) = (again("boss"), again("iris.bramble"), again("gov"));
        let (boss, iris, gov) = (
            boss.signed_in(&served).await,
            iris.signed_in(&served).await,
            gov.signed_in(&served).await,
        );
        let first = served.get("/", &boss).await;
        assert!(first.has("glass.one was opened on") && !first.has("It is open now."));
        let page = served.get(&alert, &gov).await;
        assert!(
            page.has("disabled · staff kim · “locked out”")
                && page.has("iris.bramble, as they said")
        );
        assert_eq!(served.post(&review, &boss, &words).await.status, 403);
        let own = served.post(&review, &iris, &words).await;
        assert!(own.status == 409 && own.has("is about you"), "{}", own.text);
        served.set_password("new.one").await;
        let let_in = again("new.one").signed_in(&served).await;
        let seen = served.post(&review, &let_in, &words).await;
        assert!(
            seen.status == 409 && seen.has("was changed while glass.one was open"),
            "{}",
            seen.text
        );
        assert_eq!(served.post(&review, &gov, &[("reason", " ")]).await.status, 400);
        assert!(served.get("/", &gov).await.has("glass.one was opened on"));
        assert_eq!(served.post(&review, &gov, &words).await.status, 303);
        for who in [&boss, &gov] {
            assert!(!served.get("/", who).await.has("glass.one was opened on"));
        }
        let page = served.get(&alert, &boss).await;
        assert!(
            page.has("the provider was away, as we heard") && page.has("Reviewed"),
            "{}",
            page.text
        );
        assert_eq!(served.post(&review, &gov, &words).await.status, 409);
        let line = served
            .hub
            .text("SELECT actor || ' ' || reason FROM audit WHERE action = 'reviewed'")
            .await;
        assert_eq!(line, "staff:gov the provider was away, as we heard");
        assert!(served.get("/audit/verify", &gov).await.has("Yes."));
    }
}

/// Somebody whose session ended meanwhile.
struct Again(&'static str);

fn again(name: &'static str) -> Again {
    Again(name)
}

impl Again {
    async fn signed_in(&self, served: &Served) -> Person {
        served.later(30_000);
        let code = served.code();
        let fields = [("name", self.0), ("password", PASSWORD), ("code", code.as_str())];
        let seen = served.post("/sign-in", &NOBODY, &fields).await;
        assert_eq!(seen.status, 303, "{}", seen.text);
        let cookie = seen.header("set-cookie").split(';').next().unwrap().to_owned();
        let page = served.get("/account", &Person { cookie: cookie.clone(), ..NOBODY }).await.text;
        let token = page.split("name=\"token\" value=\"").nth(1).unwrap();
        Person { cookie, token: token.split('"').next().unwrap().to_owned() }
    }
}

#[tokio::test]
async fn one_that_may_not_be_opened_says_why_to_whoever_has_its_keys_alone() {
    for on in [On::Sqlite, On::Postgres] {
        let served = Served::open(on).await;
        made(&served, "glass.one", None, &[]).await;
        made(&served, "glass.two", None, &["10.1.0.0/16"]).await;
        let third = New {
            name: "glass.three".to_owned(),
            owner: None,
            network: vec![],
            hours: 1,
            address: String::new(),
        };
        let full = command(&served, What::Add(third.clone())).await.unwrap_err().to_string();
        assert!(full.contains("2 break-glass accounts already"), "{full}");

        // Not from here.
        let far = right(&served, "glass.two").await;
        assert!(far.status == 403 && far.has("is not opened from 127.0.0.1"), "{}", far.text);
        // Nor is it locked from here.
        for _ in 0..11 {
            served.later(30_000);
            assert_eq!(tries(&served, "glass.two", PASSWORD, "000000").await.status, 401);
        }
        served.later(30_000);
        assert!(right(&served, "glass.two").await.has("is not opened from 127.0.0.1"));
        // Open: nobody opens it again, nor makes it longer.
        opened(&served, "glass.one").await;
        served.later(MINUTE);
        let second = right(&served, "glass.one").await;
        assert!(second.status == 409 && second.has("is open already, since"), "{}", second.text);
        assert_eq!(served.hub.text("SELECT CAST(COUNT(*) AS TEXT) FROM staff_alert").await, "1");
        // Its hour is over: that is another use, and another alert.
        served.later(60 * MINUTE);
        let glass = opened(&served, "glass.one").await;
        assert_eq!(served.hub.text("SELECT CAST(COUNT(*) AS TEXT) FROM staff_alert").await, "2");
        // An administrator ends it before that.
        served.later(MINUTE);
        let boss = served.person("boss", &[Role::Administrator]).await;
        assert_eq!(served.post("/users/glass.one/sign-out", &boss, &[]).await.status, 303);
        assert_eq!(served.get("/users", &glass).await.status, 303);
        // It has no roles to be given.
        let roles = [("role", "viewer"), ("reason", "x"), ("version", "0")];
        assert_eq!(served.post("/users/glass.one/roles", &boss, &roles).await.status, 409);

        // Locked by an administrator.
        let why = [("reason", "until the spring")];
        assert_eq!(served.post("/users/glass.one/disable", &boss, &why).await.status, 303);
        let locked = right(&served, "glass.one").await;
        assert!(locked.status == 403 && locked.has("glass.one is locked since"), "{}", locked.text);
        // Whoever knows the name alone is told what everybody is told.
        let guess = tries(&served, "glass.one", "not the password at all", "000000").await;
        let none = tries(&served, "no.such", "not the password at all", "000000").await;
        assert_eq!((guess.status, none.status), (401, 401));
        assert_eq!(guess.text.replace("glass.one", "no.such"), none.text);
        assert_eq!(served.post("/users/glass.one/enable", &boss, &[]).await.status, 303);

        // Ten wrong tries one after another lock it, and that is an alert too.
        for _ in 0..9 {
            served.later(30_000);
            assert_eq!(tries(&served, "glass.one", PASSWORD, "000000").await.status, 401);
        }
        served.later(30_000);
        let page = served.get("/users/glass.one", &boss).await;
        assert!(page.has(">Ready</strong>"), "{}", page.text);
        assert_eq!(tries(&served, "glass.one", PASSWORD, "000000").await.status, 401);
        assert!(served.get("/users/glass.one", &boss).await.has(">Locked</strong>"));
        assert!(served.get("/", &boss).await.has("was locked on"));
        served.later(30_000);
        assert!(right(&served, "glass.one").await.has("glass.one is locked since"));

        // Withdrawn, for good; and there is room for another.
        let withdraw =
            What::Withdraw { name: "glass.one".to_owned(), reason: "kept badly".to_owned() };
        command(&served, withdraw).await.unwrap();
        served.later(30_000);
        let gone = right(&served, "glass.one").await;
        assert!(gone.status == 403 && gone.has("was withdrawn on"), "{}", gone.text);
        let enable = users::What::Enable { name: "glass.one".to_owned() };
        let me = Actor::user("root");
        let refused = users::answer(served.database(), enable, &me, served.now_ms()).await;
        assert!(refused.unwrap_err().to_string().contains("withdrawn, for good"));
        command(&served, What::Add(third)).await.unwrap();
        let list = command(&served, What::List).await.unwrap();
        assert!(
            list.contains("glass.one · withdrawn") && list.contains("glass.three · invited"),
            "{list}"
        );
    }
}

#[tokio::test]
async fn an_open_account_is_an_administrator_at_each_route_and_nothing_else() {
    let (hub, _) = worked(On::Sqlite).await;
    let served = Served::of(hub).await;
    made(&served, "glass.one", None, &[]).await;
    let glass = opened(&served, "glass.one").await;
    for route in ROUTES {
        if ["/sign-out", "/sign-in", "/invitation/{token}"].contains(&route.path) {
            continue;
        }
        let path = route.path.replace("{id}", "999999").replace("{token}", "none");
        let seen = match route.method {
            "GET" => served.get(&path, &glass).await,
            _ => served.post(&path, &glass, &[]).await,
        };
        let refused = seen.status == 403 && seen.has("which your role does not have");
        let may = routes::may(route, &Roles::of_break_glass());
        assert_eq!(refused, !may, "{} {path}: {} {}", route.method, seen.status, seen.text);
    }
}

#[tokio::test]
async fn it_opens_where_the_provider_is_away_and_nobody_else_has_a_password_here() {
    for on in [On::Sqlite, On::Postgres] {
        let (served, stand_in) = provider::served(on, "local_accounts = false\n").await;
        served.hire("kim", &[Role::Administrator], "").await;
        made(&served, "glass.one", None, &[]).await;
        let code = served.code();
        let fields = [("name", "kim"), ("password", PASSWORD), ("code", code.as_str())];
        let refused = served.post("/sign-in", &NOBODY, &fields).await;
        assert!(refused.status == 403 && refused.has("own account"), "{}", refused.text);
        let page = served.get("/sign-in", &NOBODY).await;
        assert!(page.has("/sign-in/provider") && !page.has("name=\"password\""), "{}", page.text);
        stand_in.is_down(Some(StatusCode::BAD_GATEWAY));
        let away = served.get("/sign-in/provider", &NOBODY).await;
        assert!(away.status == 503 && away.has("href=\"/break-glass\""), "{}", away.text);
        let glass = opened(&served, "glass.one").await;
        assert_eq!(served.get("/users", &glass).await.status, 200);
    }
}
