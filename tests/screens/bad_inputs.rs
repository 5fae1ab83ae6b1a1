//! Bad inputs of the operations sheet that are the screens', by their numbers.

use std::collections::HashSet;

use viaduct::access::right::Role;
use viaduct::web::screens::routes::ROUTES;

use super::{Person, Served, form, hold, seen, worked};
use crate::support::hub::{On, TestHub};

#[tokio::test]
async fn b65_a_form_that_is_not_of_the_session_does_nothing() {
    let (hub, _) = worked(On::Sqlite).await;
    let served = Served::of(hub).await;
    let kim = served.person("kim", &[Role::SupportLead]).await;
    let sam = served.person("sam", &[Role::SupportLead]).await;
    let path = "/destinations/notify/pause";
    let send = async |token: &str, headers: &[(&str, &str)]| {
        let mut request = served.request("POST", path, &kim);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let kind = "application/x-www-form-urlencoded";
        let body = form(&[("reason", "rehearsal"), ("token", token)]);
        seen(request.header("Content-Type", kind).body(body)).await.status
    };
    let ours = [("Origin", served.url.as_str())];
    assert_eq!(send("", &ours).await, 403, "without a token");
    assert_eq!(send(&sam.token, &ours).await, 403, "with another session's");
    assert_eq!(
        send(&kim.token, &[("Origin", "https://evil.example")]).await,
        403,
        "from another site"
    );
    assert_eq!(send(&kim.token, &[("Origin", "null")]).await, 403);
    assert_eq!(send(&kim.token, &[("Sec-Fetch-Site", "cross-site")]).await, 403);
    assert_eq!(send(&kim.token, &[("Sec-Fetch-Site", "same-site")]).await, 403);
    assert_eq!(send(&kim.token, &[]).await, 403, "nothing says where it is from");
    for (_, value) in ours {
        assert_eq!(
            send(&kim.token, &[("Origin", value), ("Sec-Fetch-Site", "cross-site")]).await,
            403
        );
    }
    // A stale one: the session is another one by now.
    let old = kim.token.clone();
    served.post("/sign-out", &kim, &[]).await;
    assert_eq!(send(&old, &ours).await, 401);
    for route in ROUTES.iter().filter(|route| route.method == "POST") {
        if ROUTES.iter().any(|other| other.path == route.path && other.method == "GET") {
            continue;
        }
        let path = route.path.replace("{id}", "1");
        let seen = served.get(&path, &sam).await;
        assert_eq!((seen.status, seen.header("allow")), (405, "POST"), "{path}");
    }
    let paused = "SELECT CAST(COUNT(*) AS TEXT) FROM destination WHERE paused_ms IS NOT NULL";
    assert_eq!(served.hub.text(paused).await, "0");
    assert_eq!(served.post(path, &sam, &[("reason", "rehearsal")]).await.status, 303);
    assert_eq!(served.hub.text(paused).await, "1", "the control: a good form does it");
}

#[tokio::test]
async fn b66_nobody_is_led_elsewhere() {
    let served = Served::open(On::Sqlite).await;
    let kim = served.person("kim", &[Role::Viewer]).await;
    for next in ["//evil.example", "javascript:alert(1)", "https://evil.example", "/\\evil.example"]
    {
        let next: String = form(&[("next", next)]);
        assert_eq!(served.get(&format!("/sign-in?{next}"), &kim).await.header("location"), "/");
    }
    assert_eq!(served.get("/sign-in?next=%2Faudit", &kim).await.header("location"), "/audit");
}

#[tokio::test]
async fn b70_absurd_filters_are_clamped_or_refused() {
    for on in [On::Sqlite, On::Postgres] {
        let (hub, _) = worked(on).await;
        let served = Served::of(hub).await;
        let kim = served.person("kim", &[Role::SupportLead]).await;
        for (path, wanted) in [
            ("/work-orders?page=-1", 200),
            ("/work-orders?size=1000000000", 200),
            ("/work-orders?size=-5", 200),
            ("/work-orders?sort=;DROP%20TABLE%20audit", 200),
            ("/work-orders?after=1%20OR%201=1", 400),
            ("/work-orders?after=99999999999999999999.1", 400),
            ("/work-orders?state=everything", 400),
            ("/work-orders?batch=1%27;--", 400),
            ("/work-orders?source=%27%20OR%201=1--", 200),
            ("/deliveries?state=everything", 400),
            ("/deliveries?after=x", 400),
            ("/work-orders/-1", 404),
            ("/work-orders/99999999999999999999", 404),
            ("/bulk/1?outcome=%27", 404),
            ("/audit?before=x", 403),
        ] {
            let seen = served.get(path, &kim).await;
            assert_eq!(seen.status, wanted, "{path}: {}", seen.text);
            assert!(!seen.has("DROP TABLE"), "{path}");
        }
        let ids: Vec<String> = (0..10_000).map(|id| id.to_string()).collect();
        let mut fields: Vec<(&str, &str)> = ids.iter().map(|id| ("id", id.as_str())).collect();
        fields.push(("action", "release"));
        assert_eq!(served.post("/bulk", &kim, &fields).await.status, 400);
        let many = "a=1&".repeat(5_000);
        assert_eq!(served.get(&format!("/work-orders?{many}"), &kim).await.status, 400);
    }
}

#[tokio::test]
async fn b79_what_is_confirmed_is_what_was_looked_at() {
    for on in [On::Sqlite, On::Postgres] {
        let hub = TestHub::open(on).await;
        hold(&hub.context.database, 500_001, 5).await;
        let served = Served::of(hub).await;
        let kim = served.person("kim", &[Role::Support]).await;
        let seen = served.post("/bulk", &kim, &[("code", "notify"), ("action", "release")]).await;
        assert_eq!(seen.status, 303, "{}", seen.text);
        let bulk = seen.header("location").to_owned();
        let page = served.get(&bulk, &kim).await;
        assert!(page.has("Send 5 messages again?"), "{}", page.text);
        // Meanwhile many more are held under the same code.
        hold(served.database(), 600_001, 6_000).await;
        let confirmed = served
            .post(
                &format!("{bulk}/confirm"),
                &kim,
                &[("reason", "mended"), ("items", "6005"), ("code", "")],
            )
            .await;
        assert_eq!(confirmed.status, 303, "{}", confirmed.text);
        let items = "SELECT CAST(COUNT(*) AS TEXT) FROM bulk_item";
        assert_eq!(served.hub.text(items).await, "5");
        let again = served.post(&format!("{bulk}/confirm"), &kim, &[("reason", "mended")]).await;
        assert_eq!(again.status, 409, "once");
        // More than a role may at once is for somebody else to confirm.
        let seen = served.post("/bulk", &kim, &[("code", "notify"), ("action", "release")]).await;
        let large = seen.header("location").to_owned();
        let page = served.get(&large, &kim).await;
        assert!(page.has("Ask for approval") && !page.has("Yes, do it"), "{}", page.text);
        let asked = served.post(&format!("{large}/confirm"), &kim, &[("reason", "all")]).await;
        assert_eq!(asked.header("location"), format!("{large}?done=asked"), "{}", asked.text);
        let lead = served.person("lead", &[Role::SupportLead]).await;
        let done = served.post(&format!("{large}/approve"), &lead, &[("reason", "agreed")]).await;
        assert_eq!(done.status, 303, "{}", done.text);
    }
}

#[tokio::test]
async fn b80_what_is_not_there_says_so_and_no_more() {
    let served = Served::open(On::Sqlite).await;
    let nobody = Person::default();
    for path in [
        "/debug",
        "/.git",
        "/.git/config",
        "/metrics",
        "/assets/",
        "/assets/../Cargo.toml",
        "/assets/none.css",
        "/static/",
    ] {
        assert_eq!(served.get(path, &nobody).await.status, 404, "{path}");
    }
    for method in ["TRACE", "PUT", "DELETE", "PATCH"] {
        let status = seen(served.request(method, "/", &nobody)).await.status;
        assert_eq!(status, 405, "{method}");
    }
    let wrong = served.request("GET", "/sign-in", &nobody).header("Host", "evil.example");
    assert_eq!(seen(wrong).await.status, 403);
    let health = served.get("/health", &nobody).await;
    assert_eq!(health.text, r#"{"status":"up","database":"answers"}"#);
}

#[tokio::test]
async fn every_answer_has_its_headers() {
    let served = Served::open(On::Sqlite).await;
    let kim =
        served.person("kim", &[Role::SupportLead, Role::Governance, Role::Administrator]).await;
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
                  connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    let mut weights = HashSet::new();
    for path in [
        "/",
        "/sign-in",
        "/work-orders",
        "/none",
        "/users",
        "/audit",
        "/help",
        "/work-orders/1",
        "/find",
    ] {
        let seen = served.get(path, &kim).await;
        for (name, value) in [
            ("content-security-policy", policy),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(seen.header(name), value, "{path} {name}");
        }
        assert!(!seen.has("<style") && !seen.has(" style=\"") && !seen.has("onclick"), "{path}");
        assert!(!seen.has("<script>"), "{path}");
        weights.insert(seen.text.len());
    }
    let page = served.get("/", &kim).await;
    let style =
        page.text.split("rel=\"stylesheet\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let asset = served.get(style, &Person::default()).await;
    assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable");
    assert!(
        asset.text.len() + weights.into_iter().max().unwrap() < 250_000,
        "a cold page is small"
    );
    // The same page again is not sent again.
    let tag = page.header("etag").to_owned();
    let again = served.request("GET", "/help", &kim);
    let first = seen(again).await;
    let same = served.request("GET", "/help", &kim).header("If-None-Match", first.header("etag"));
    let same = seen(same).await;
    assert_eq!((same.status, same.text.len()), (304, 0));
    assert!(!tag.is_empty());
}
