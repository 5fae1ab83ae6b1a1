//! Signing in with the council's own account, over HTTP, with a provider of the tests' own.

pub mod stand_in;

use axum::http::StatusCode;
use serde_json::{Value, json};
use viaduct::access::actor::Actor;
use viaduct::access::right::Role;
use viaduct::app::context::surroundings;
use viaduct::app::users::{self, What};
use viaduct::job::clock::Clock as _;
use viaduct::store::staff::{self, By};

use self::stand_in::{CLIENT, SECRET, Signed, StandIn, TENANT};
use super::{PASSWORD, Person, Seen, Served, seen};
use crate::sandbox::bench::client;
use crate::support::hub::{On, TestHub};

const NOBODY: Person = Person { cookie: String::new(), token: String::new() };
const KIM: &str = "kim.bramble";

pub async fn served(on: On, more: &str) -> (Served, StandIn) {
    let stand_in = StandIn::open(viaduct::app::clock::MachineClock.now_ms()).await;
    let mut hub = TestHub::open(on).await;
    let settings = format!(
        "issuer = \"{}\"\ntenant = \"{TENANT}\"\nclient = \"{CLIENT}\"\nsecret = \"secret:SIGN_IN\"\n\
         address = \"https://hub.example.gov.uk\"\nperson = \"oid\"\nallow = [\"{}\"]\n{more}\
         [roles]\nsupport = \"Viaduct.Support\"\nsupport-lead = \"Viaduct.Lead\"\n\
         governance = [\"Viaduct.Governance\", \"Audit\"]\n",
        stand_in.issuer(),
        stand_in.host(),
    );
    std::fs::write(hub.definitions.join("sign_in.toml"), settings).unwrap();
    hub.more.push(("SIGN_IN".to_owned(), SECRET.to_owned()));
    hub.context.around = surroundings(hub.variables());
    hub.reload().await;
    (Served::of(hub).await, stand_in)
}

/// A browser that was sent to the provider and has its answer: the way back, and the cookie.
async fn away(served: &Served, next: &str) -> (String, Person) {
    let sent = served.get(&format!("/sign-in/provider?next={next}"), &NOBODY).await;
    assert_eq!(sent.status, 303, "{}", sent.text);
    let cookie = sent.header("set-cookie").split(';').next().unwrap().to_owned();
    let there = seen(client().get(sent.header("location"))).await;
    let back = there.header("location");
    let back = back.strip_prefix("https://hub.example.gov.uk").expect(back);
    (back.to_owned(), Person { cookie, ..NOBODY })
}

async fn comes_back(served: &Served) -> Seen {
    let (back, browser) = away(served, "/causes").await;
    served.get(&back, &browser).await
}

/// The session that an answer opens, if it does.
fn session_of(seen: &Seen) -> Option<Person> {
    let cookies = seen.headers.get_all("set-cookie").iter();
    let mut cookies = cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
    let cookie = cookies.find(|cookie| cookie.starts_with("viaduct=") && cookie.len() > 20)?;
    Some(Person { cookie: cookie.to_owned(), ..NOBODY })
}

fn refused(seen: &Seen) {
    assert_eq!(seen.status, 401, "{}", seen.text);
    assert!(session_of(seen).is_none());
    assert!(seen.has("You could not be signed in") && seen.has("<title>Error: "), "{}", seen.text);
}

async fn row(served: &Served, name: &str) -> Option<staff::StaffRow> {
    staff::of_name(served.database(), name).await.unwrap()
}

#[tokio::test]
async fn people_come_in_with_the_councils_own_account() {
    for on in [On::Sqlite, On::Postgres] {
        let (served, stand_in) = served(on, "").await;
        let page = served.get("/sign-in?next=/causes", &NOBODY).await;
        assert!(page.has("Sign in with your council account"), "{}", page.text);
        assert!(page.has("href=\"/sign-in/provider?next=%2Fcauses\""), "{}", page.text);

        let back = comes_back(&served).await;
        assert_eq!((back.status, back.header("location")), (303, "/causes"), "{}", back.text);
        let kim = session_of(&back).expect("a session");
        let all: Vec<_> = back.headers.get_all("set-cookie").iter().collect();
        assert!(all.iter().any(|one| one.to_str().unwrap().contains("viaduct-way=; ")), "{all:?}");
        let causes = served.get("/causes", &kim).await;
        assert!(causes.status == 200 && causes.has("kim.bramble</a> (Support)"), "{}", causes.text);
        assert_eq!(served.get("/audit", &kim).await.status, 403);

        // Another role there is another role here, from the next sign-in on; and what was open is closed.
        stand_in.says(|_, claims| claims["roles"] = json!(["Audit", "Another.Program"]));
        let again = session_of(&comes_back(&served).await).unwrap();
        assert_eq!(served.get("/audit", &again).await.status, 200);
        assert_eq!(served.get("/causes", &kim).await.status, 303, "the older one is over");
        assert_eq!(row(&served, KIM).await.unwrap().roles, "governance");

        // No role there is none here: they are out, wherever they were in.
        stand_in.says(|_, claims| claims["roles"] = json!(["Another.Program"]));
        refused(&comes_back(&served).await);
        assert_eq!(served.get("/audit", &again).await.status, 303);
        assert_eq!(row(&served, KIM).await.unwrap().roles, "");

        // The same name there is not the same person.
        stand_in.says(|_, claims| claims["oid"] = json!("o-8"));
        let other = session_of(&comes_back(&served).await).unwrap();
        assert!(served.get("/account", &other).await.has("kim.bramble-2"));

        // Whoever is disabled here comes in no more, whatever is said there.
        let by = By { actor: "user:test", reason: None, now_ms: served.now_ms() };
        let second = row(&served, "kim.bramble-2").await.unwrap();
        staff::set_disabled(served.database(), &second, true, by).await.unwrap();
        assert_eq!(served.get("/account", &other).await.status, 303);
        refused(&comes_back(&served).await);

        let lines = served.hub.rows("SELECT actor || ' ' || action FROM audit ORDER BY id").await;
        let lines: Vec<&str> = lines.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(
            lines,
            [
                "provider added",
                "staff:kim.bramble signed in",
                "provider roles",
                "staff:kim.bramble signed in",
                "provider roles",
                "provider added",
                "staff:kim.bramble-2 signed in",
                "user:test disabled"
            ]
        );
    }
}

#[tokio::test]
async fn b67_what_the_provider_did_not_say_of_them_lets_nobody_in() {
    type Twist = fn(&mut Value, &mut Value);
    let rows: [(&str, Signed, Twist); 13] = [
        ("alg none", Signed::Not, |head, _| head["alg"] = json!("none")),
        ("no signature", Signed::Not, |_, _| {}),
        ("the public key as a secret", Signed::ByPublicKey, |head, _| head["alg"] = json!("HS256")),
        ("the same, with another's name", Signed::ByPublicKey, |_, _| {}),
        ("wrong audience", Signed::Well, |_, claims| claims["aud"] = json!("another-program")),
        ("wrong issuer", Signed::Well, |_, claims| claims["iss"] = json!("https://evil.example")),
        ("other tenant", Signed::Well, |_, claims| claims["tid"] = json!("another")),
        ("expired", Signed::Well, |_, claims| {
            claims["exp"] = json!(claims["iat"].as_i64().unwrap() - 121);
        }),
        ("another's nonce", Signed::Well, |_, claims| claims["nonce"] = json!("another")),
        ("no nonce", Signed::Well, |_, claims| claims["nonce"] = Value::Null),
        ("no MFA", Signed::Well, |_, claims| claims["amr"] = json!(["pwd"])),
        ("roles missing", Signed::Well, |_, claims| claims["roles"] = Value::Null),
        ("groups and no roles", Signed::Well, |_, claims| {
            claims["groups"] = json!(["Viaduct.Support"]);
            claims["roles"] = json!(["Viaduct.Another"]);
        }),
    ];
    let (served, stand_in) = served(On::Sqlite, "").await;
    let mut pages = Vec::new();
    for (what, signed, twist) in rows {
        stand_in.signs(signed);
        stand_in.says(twist);
        let seen = comes_back(&served).await;
        assert_eq!(seen.status, 401, "{what}: {}", seen.text);
        refused(&seen);
        pages.push(seen.text);
    }
    assert_eq!(stand_in.tokens(), 13, "each was given a token, and it was looked at");
    pages.dedup();
    assert_eq!(pages.len(), 1, "every refusal is told in the same words");
    assert!(staff::all(served.database()).await.unwrap().is_empty(), "nobody was made");
    stand_in.signs(Signed::Well);
    stand_in.says(|_, _| {});
    assert!(session_of(&comes_back(&served).await).is_some(), "and as it is meant it goes");
}

#[tokio::test]
async fn b67_an_answer_is_good_once_and_in_the_browser_that_went() {
    let (served, stand_in) = served(On::Sqlite, "").await;
    let (back, browser) = away(&served, "/causes").await;
    refused(&served.get(&back, &NOBODY).await);
    let (theirs, other) = away(&served, "/causes").await;
    // Somebody else's answer in my browser, which would sign me in as them.
    refused(&served.get(&theirs, &browser).await);
    refused(&served.get(&back.replace("state=", "state=0"), &browser).await);
    refused(&served.get(&format!("{back}&iss=https%3A%2F%2Fevil.example"), &browser).await);
    assert_eq!(stand_in.tokens(), 0, "none of them was asked about");
    assert!(session_of(&served.get(&back, &browser).await).is_some());
    refused(&served.get(&back, &browser).await);
    // What another stole of it is no use: its secret is in the browser.
    let code = theirs.split("code=").nth(1).unwrap().split('&').next().unwrap();
    let (mine, thief) = away(&served, "/causes").await;
    let own = mine.split("code=").nth(1).unwrap().split('&').next().unwrap();
    refused(&served.get(&mine.replace(own, code), &thief).await);
    assert_eq!(stand_in.tokens(), 1);
    // Their own is used up by that, and they go once more.
    refused(&served.get(&theirs, &other).await);
    let (late, browser) = away(&served, "/causes").await;
    served.later(10 * 60_000 + 1);
    refused(&served.get(&late, &browser).await);
    let said_no = late.split("code=").next().unwrap().to_owned() + "error=access_denied";
    refused(&served.get(&said_no, &browser).await);
}

#[tokio::test]
async fn b66_from_there_only_our_own_ways_are_gone_to() {
    let (served, _stand_in) = served(On::Sqlite, "").await;
    for next in ["//evil.example", "https://evil.example/", "javascript:alert(1)"] {
        let (back, browser) = away(&served, next).await;
        assert_eq!(served.get(&back, &browser).await.header("location"), "/", "{next}");
    }
}

#[tokio::test]
async fn nobody_gets_at_a_local_account_by_its_name_nor_at_theirs_by_a_password() {
    let (served, _stand_in) = served(On::Sqlite, "").await;
    served.hire(KIM, &[Role::Administrator], "").await;
    let back = session_of(&comes_back(&served).await).unwrap();
    assert!(served.get("/account", &back).await.has("kim.bramble-2"), "another person");
    assert_eq!(row(&served, KIM).await.unwrap().roles, "administrator");
    let admin = served.person("ada", &[Role::Administrator]).await;
    let page = served.get("/users/kim.bramble-2", &admin).await;
    assert!(page.has("Their roles come from there") && page.has("active"), "{}", page.text);
    let link = served.post("/users", &admin, &[("name", "kim.bramble-2")]).await;
    assert!(link.status == 400 && link.has("needs no link"), "{}", link.text);
    let invite = users::Invite {
        name: "kim.bramble-2".to_owned(),
        role: vec![],
        source: vec![],
        owner: None,
        hours: 24,
        address: served.url.clone(),
    };
    let me = Actor::user("root");
    let said = users::answer(served.database(), What::Invite(invite), &me, served.now_ms()).await;
    assert!(said.unwrap_err().to_string().contains("the council's own account"));
    let version = row(&served, "kim.bramble-2").await.unwrap().version.to_string();
    let fields = [
        ("role", "administrator"),
        ("sources", "revenues"),
        ("version", &version),
        ("reason", "Only council tax"),
    ];
    assert_eq!(served.post("/users/kim.bramble-2/roles", &admin, &fields).await.status, 303);
    let changed = row(&served, "kim.bramble-2").await.unwrap();
    assert_eq!((changed.roles.as_str(), changed.sources.as_str()), ("support", "revenues"));
    // The next sign-in keeps of which sources they see rows.
    assert!(session_of(&comes_back(&served).await).is_some());
    assert_eq!(row(&served, "kim.bramble-2").await.unwrap().sources, "revenues");
    let fields = [("name", "kim.bramble-2"), ("password", PASSWORD), ("code", "000000")];
    assert_eq!(served.post("/sign-in", &NOBODY, &fields).await.status, 401);
}

#[tokio::test]
async fn a_provider_that_is_down_or_has_a_new_key_is_borne() {
    let (served, stand_in) = served(On::Sqlite, "").await;
    stand_in.is_down(Some(StatusCode::BAD_GATEWAY));
    let down = served.get("/sign-in/provider", &NOBODY).await;
    assert_eq!(down.status, 503, "{}", down.text);
    assert!(down.has("sign-in does not answer now"), "{}", down.text);
    stand_in.is_down(None);
    assert!(session_of(&comes_back(&served).await).is_some());
    // What it says of itself is kept, and asked again when a key is not known: once a minute at most.
    stand_in.names_its_key("key-2");
    refused(&comes_back(&served).await);
    served.later(60_000);
    assert!(session_of(&comes_back(&served).await).is_some());
}

#[tokio::test]
async fn a_provider_may_want_our_secret_in_a_header_and_speak_of_proof_in_its_own_way() {
    let more = "called = \"Sign in as at the town hall\"\n[multi_factor]\nclaim = \"acrs\"\nany_of = [\"c1\"]\n";
    let (served, stand_in) = served(On::Sqlite, more).await;
    stand_in.wants_the_secret_in_a_header();
    assert!(served.get("/sign-in", &NOBODY).await.has("Sign in as at the town hall"));
    let sent = served.get("/sign-in/provider", &NOBODY).await;
    assert!(sent.header("location").contains("claims=%7B%22id_token%22"), "it is asked for");
    refused(&comes_back(&served).await);
    stand_in.says(|_, claims| claims["acrs"] = json!(["c1"]));
    assert!(session_of(&comes_back(&served).await).is_some());
}
