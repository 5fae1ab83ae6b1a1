//! Signing in: by a link that works once, with a password and a code; sessions that end; guesses that are slowed.

use viaduct::access::actor::Actor;
use viaduct::access::code::Seed;
use viaduct::access::right::Role;
use viaduct::app::users::{self, What};
use viaduct::store::staff::{self, By};

use super::{PASSWORD, Person, Served};
use crate::support::hub::On;

const NOBODY: Person = Person { cookie: String::new(), token: String::new() };

#[tokio::test]
async fn the_first_administrator_comes_by_a_link_that_works_once() {
    for on in [On::Sqlite, On::Postgres] {
        let served = Served::open(on).await;
        let invite = users::Invite {
            name: "kim.bramble".to_owned(),
            role: vec![Role::Administrator],
            source: vec![],
            owner: None,
            hours: 24,
            address: served.url.clone(),
        };
        let me = Actor::user("root");
        let said =
            users::answer(served.database(), What::Invite(invite), &me, served.now_ms()).await;
        let (json, text) = said.unwrap();
        let link = json["link"].as_str().unwrap();
        assert!(text.starts_with(link) && link.starts_with(&served.url), "{text}");
        let path = link.strip_prefix(&served.url).unwrap();
        let page = served.get(path, &NOBODY).await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(page.has("kim.bramble") && page.has("<svg class=\"v-qr\""), "{}", page.text);
        let row = staff::of_name(served.database(), "kim.bramble").await.unwrap().unwrap();
        assert!(row.password.is_none());
        // The key stands on the page, in groups of four.
        let key =
            page.text.split("type this key into the app: <span class=\"v-code\">").nth(1).unwrap();
        let key: String = key.split('<').next().unwrap().replace(' ', "");
        let seed = Seed::from_base32(&key, "kim.bramble").unwrap();
        let code = || seed.code(served.now_ms());
        for (password, again, code, says) in [
            ("short", "short", code(), "15 characters"),
            (PASSWORD, "another", code(), "same password"),
            (PASSWORD, PASSWORD, "000000".to_owned(), "code is not the one"),
        ] {
            let fields = [("password", password), ("again", again), ("code", code.as_str())];
            let seen = served.post(path, &NOBODY, &fields).await;
            assert_eq!(seen.status, 400);
            assert!(seen.has(says) && seen.has("<title>Error: "), "{}", seen.text);
            assert!(!seen.has(PASSWORD), "a password is never on a page");
        }
        let fields = [("password", PASSWORD), ("again", PASSWORD), ("code", &code())];
        let seen = served.post(path, &NOBODY, &fields).await;
        assert_eq!(
            (seen.status, seen.header("location")),
            (303, "/sign-in?done=ready"),
            "{}",
            seen.text
        );
        assert_eq!(served.get(path, &NOBODY).await.status, 404, "it worked once");
        // The code that set it up is used up.
        let fields = [("name", "kim.bramble"), ("password", PASSWORD), ("code", &code())];
        assert_eq!(served.post("/sign-in", &NOBODY, &fields).await.status, 401);
        served.later(30_000);
        let fields = [
            ("name", " Kim.Bramble "),
            ("password", PASSWORD),
            ("code", &code()),
            ("next", "/users"),
        ];
        let seen = served.post("/sign-in", &NOBODY, &fields).await;
        assert_eq!((seen.status, seen.header("location")), (303, "/users"), "{}", seen.text);
        let cookie = seen.header("set-cookie").to_owned();
        assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let kim = Person { cookie, ..NOBODY };
        let users = served.get("/users", &kim).await;
        assert!(
            users.status == 200 && users.has("kim.bramble (Administrator)")
                || users.has("kim.bramble</a> (Administrator)"),
            "{}",
            users.text
        );
        assert_eq!(served.get("/work-orders", &kim).await.status, 403);
        let lines = served.hub.rows("SELECT actor || ' ' || action FROM audit ORDER BY id").await;
        let lines: Vec<&str> = lines.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(
            lines,
            [
                "user:root added",
                "user:root invited",
                "staff:kim.bramble set a password",
                "staff:kim.bramble signed in"
            ]
        );
    }
}

async fn tries(served: &Served, name: &str, password: &str, code: &str) -> super::Seen {
    served
        .post("/sign-in", &NOBODY, &[("name", name), ("password", password), ("code", code)])
        .await
}

#[tokio::test]
async fn behind_https_the_cookie_is_the_hosts_own() {
    let served = Served::open(On::Sqlite).await;
    served.hire("kim", &[Role::Viewer], "").await;
    let body = super::form(&[("name", "kim"), ("password", PASSWORD), ("code", &served.code())]);
    let request = served.request("POST", "/sign-in", &NOBODY);
    let request = request
        .header("Host", "hub.example.gov.uk")
        .header("Origin", "https://hub.example.gov.uk")
        .header("Content-Type", "application/x-www-form-urlencoded");
    let seen = super::seen(request.body(body)).await;
    let cookie = seen.header("set-cookie");
    assert!(cookie.starts_with("__Host-viaduct=") && cookie.contains("; Secure"), "{cookie}");
    assert!(cookie.contains("; Path=/;") && !cookie.contains("Domain"), "{cookie}");
    assert_eq!(seen.header("strict-transport-security"), "max-age=31536000; includeSubDomains");
    // The plain name opens nothing there.
    let plain = cookie.split(';').next().unwrap().replace("__Host-", "");
    let request = served.request("GET", "/account", &NOBODY);
    let request = request.header("Host", "hub.example.gov.uk").header("Cookie", plain);
    assert_eq!(super::seen(request).await.status, 303);
}

#[tokio::test]
async fn b68_guesses_are_slowed_and_tell_nothing() {
    let served = Served::open(On::Sqlite).await;
    served.hire("kim", &[Role::Viewer], "").await;
    let known = tries(&served, "kim", "not the password at all", "000000").await;
    let unknown = tries(&served, "nobody", "not the password at all", "000000").await;
    assert_eq!((known.status, unknown.status), (401, 401));
    let words =
        |seen: &super::Seen, name: &str| seen.text.replace(&format!("value=\"{name}\""), "");
    assert_eq!(words(&known, "kim"), words(&unknown, "nobody"), "the same words");
    // A right password with a wrong code is told the same, and so is a right code.
    let half = tries(&served, "kim", PASSWORD, "000000").await;
    assert_eq!(words(&half, "kim"), words(&known, "kim"));
    for _ in 0..3 {
        tries(&served, "kim", "not the password at all", "000000").await;
        tries(&served, "nobody", "not the password at all", "000000").await;
    }
    for name in ["kim", "nobody"] {
        for _ in 0..2 {
            tries(&served, name, "not the password at all", "000000").await;
        }
        let slowed = tries(&served, name, PASSWORD, &served.code()).await;
        assert_eq!(slowed.status, 429, "{name}");
        assert!(!slowed.header("retry-after").is_empty());
    }
    served.later(10 * 60_000);
    assert_eq!(tries(&served, "kim", PASSWORD, &served.code()).await.status, 303);
}

#[tokio::test]
async fn b69_a_session_ends_within_one_request() {
    for on in [On::Sqlite, On::Postgres] {
        let served = Served::open(on).await;
        let by = By { actor: "user:test", reason: None, now_ms: served.now_ms() };
        let row =
            async |name: &str| staff::of_name(served.database(), name).await.unwrap().unwrap();

        let out = served.person("out", &[Role::Support]).await;
        assert_eq!(served.get("/causes", &out).await.status, 200);
        assert_eq!(served.post("/sign-out", &out, &[]).await.status, 303);
        assert_eq!(served.get("/causes", &out).await.header("location"), "/sign-in?next=%2Fcauses");
        // A page that keeps itself up to date is told so by a status.
        let live = served.request("GET", "/causes", &out).header("X-Live", "1");
        assert_eq!(super::seen(live).await.status, 401);

        let disabled = served.person("disabled", &[Role::Support]).await;
        staff::set_disabled(served.database(), &row("disabled").await, true, by).await.unwrap();
        assert_eq!(served.get("/causes", &disabled).await.status, 303);
        assert_eq!(tries(&served, "disabled", PASSWORD, &served.code()).await.status, 401);

        let lesser = served.person("lesser", &[Role::Support, Role::Governance]).await;
        staff::set_roles(served.database(), &row("lesser").await, ("support", ""), by)
            .await
            .unwrap();
        assert_eq!(served.get("/audit", &lesser).await.status, 303);

        let ended = served.person("ended", &[Role::Viewer]).await;
        staff::end_sessions(served.database(), &row("ended").await, by).await.unwrap();
        assert_eq!(served.get("/account", &ended).await.status, 303);

        // Whoever does something stays, for twelve hours and no longer, wherever the cookie is.
        let busy = served.person("busy", &[Role::Viewer]).await;
        for _ in 0..30 {
            served.later(29 * 60_000 - 60_000);
            let status = served.get("/account", &busy).await.status;
            if status != 200 {
                break;
            }
        }
        assert_eq!(served.get("/account", &busy).await.status, 303, "it was twelve hours");
        let idle = served.person("idle", &[Role::Viewer]).await;
        served.later(20 * 60_000);
        let live = served.request("GET", "/", &idle).header("X-Live", "1");
        assert_eq!(super::seen(live).await.status, 200);
        served.later(11 * 60_000);
        // A page that looks by itself keeps nobody signed in.
        assert_eq!(served.get("/account", &idle).await.status, 303);
    }
}
