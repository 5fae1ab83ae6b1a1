//! Lists that are kept under a name: whose they are, what they keep, and what they never keep.

use serde_json::json;
use viaduct::access::actor::Actor;
use viaduct::access::right::Role;
use viaduct::app::views::{self, List};

use super::Served;
use crate::support::hub::On;

#[tokio::test]
async fn a_list_is_kept_for_oneself_or_for_everybody() {
    for on in [On::Sqlite, On::Postgres] {
        let served = Served::open(on).await;
        let kim = served.person("kim", &[Role::Support]).await;
        let vic = served.person("vic", &[Role::Viewer]).await;
        let lead = served.person("lead", &[Role::SupportLead]).await;
        let stuck = [
            ("list", "messages"),
            ("name", "Notify, held for days"),
            ("state", "held"),
            ("destination", "notify"),
            ("older_than", "3"),
            ("order", "oldest"),
        ];
        let kept = served.post("/views", &kim, &stuck).await;
        let to = kept.header("location").to_owned();
        assert!(to.starts_with("/deliveries?") && to.ends_with("done=view-kept"), "{}", kept.text);
        let page = served.get(&to, &kim).await;
        assert!(
            page.has("Notify, held for days</a>") && page.has("Remove “Notify"),
            "{}",
            page.text
        );
        assert!(page.has("value=\"3\"") && page.has("the oldest</option>"), "{}", page.text);
        let link = page.text.split("\">Notify, held for days").next().unwrap();
        let link = link.rsplit("href=\"").next().unwrap().replace("&#38;", "&");
        assert_eq!(served.get(&link, &kim).await.status, 200, "{link}");
        // It is hers: nobody else has it, and nobody else can have it removed.
        for other in [&vic, &lead] {
            assert!(!served.get("/deliveries", other).await.has("Notify, held for days"));
        }
        let id = served.hub.text("SELECT CAST(id AS TEXT) FROM saved_view").await;
        assert_eq!(served.post(&format!("/views/{id}/remove"), &lead, &[]).await.status, 404);
        // The same name once more is another's, or another list's.
        assert_eq!(served.post("/views", &kim, &stuck).await.status, 409);
        let mut shared = stuck.to_vec();
        shared.push(("shared", "yes"));
        assert_eq!(served.post("/views", &vic, &shared).await.status, 403, "a viewer shares none");
        assert_eq!(served.post("/views", &vic, &stuck).await.status, 303, "and keeps their own");
        shared[1].1 = "For the morning";
        assert_eq!(served.post("/views", &kim, &shared).await.status, 303);
        let page = served.get("/deliveries", &vic).await;
        assert!(page.has("For the morning</a>") && page.has("shared by kim"), "{}", page.text);
        assert!(!page.has("Remove “For the morning”"));
        assert!(served.get("/deliveries", &lead).await.has("Remove “For the morning”"));
        let id = "SELECT CAST(id AS TEXT) FROM saved_view WHERE shared";
        let path = format!("/views/{}/remove", served.hub.text(id).await);
        assert_eq!(served.post(&path, &vic, &[]).await.status, 409, "not theirs");
        assert_eq!(
            served.post(&path, &lead, &[]).await.header("location"),
            "/deliveries?done=view-removed"
        );
        assert!(!served.get("/deliveries", &kim).await.has("For the morning"));
        let log =
            "SELECT actor || ' ' || action FROM audit WHERE action LIKE '%a view' ORDER BY id";
        let log: Vec<String> = served.hub.rows(log).await.into_iter().flatten().collect();
        assert_eq!(
            log,
            [
                "staff:kim kept a view",
                "staff:vic kept a view",
                "staff:kim kept a view",
                "staff:lead removed a view"
            ]
        );
        // By API and by command in the same words; one person is one by whichever door.
        let body = json!({ "list": "work-orders", "name": "Revenues, held", "shared": true,
            "filter": { "state": "held", "source": "revenues", "older_than": 2 } });
        let kept = served.call("POST", "/views", Some(&body)).await;
        assert_eq!(kept.status, 200, "{}", kept.text);
        let listed = served.call("GET", "/views?list=work-orders", None).await;
        assert!(listed.has("\"older_than\":2") && listed.has("Revenues, held"), "{}", listed.text);
        let mine =
            views::list(served.database(), List::Messages, &Actor::user("kim")).await.unwrap();
        assert_eq!(
            (mine[0]["name"].as_str(), mine[0]["is_own"].as_bool()),
            (Some("Notify, held for days"), Some(true))
        );
    }
}

#[tokio::test]
async fn a_view_keeps_no_person_and_no_word_that_its_list_has_not() {
    let served = Served::open(On::Sqlite).await;
    let kim = served.person("kim", &[Role::Support]).await;
    for (fields, status) in [
        (vec![("list", "messages"), ("name", "x")], 400),
        (vec![("list", "messages"), ("name", ""), ("state", "held")], 400),
        (vec![("list", "residents"), ("name", "x"), ("state", "held")], 400),
        (vec![("list", "work-orders"), ("name", "x"), ("destination", "notify")], 400),
        (vec![("list", "work-orders"), ("name", "x"), ("state", "sideways")], 400),
        (vec![("list", "work-orders"), ("name", "x"), ("code", "Pat Testberry")], 400),
        (vec![("list", "work-orders"), ("name", "x"), ("source", "07700900123")], 400),
        (vec![("list", "work-orders"), ("name", "x"), ("code", "QQ123456C")], 400),
        (vec![("list", "work-orders"), ("name", "x"), ("from", "yesterday")], 400),
        (vec![("list", "messages"), ("name", "x"), ("older_than", "0")], 400),
    ] {
        let seen = served.post("/views", &kim, &fields).await;
        assert_eq!(seen.status, status, "{fields:?}: {}", seen.text);
    }
    for body in [
        json!({ "list": "messages", "name": "x", "filter": { "resident": 7 } }),
        json!({ "list": "messages", "name": "x", "filter": { "key": "7000000042" } }),
    ] {
        let seen = served.call("POST", "/views", Some(&body)).await;
        assert_eq!(seen.status, 422, "{}", seen.text);
    }
    let named = [("list", "messages"), ("name", "of pat@example.com"), ("state", "held")];
    assert_eq!(served.post("/views", &kim, &named).await.status, 303);
    assert_eq!(served.hub.text("SELECT name FROM saved_view").await, "of •••");
    let many = "SELECT CAST(COUNT(*) AS TEXT) FROM saved_view";
    for place in 0..35 {
        let name = format!("number {place}");
        served
            .post("/views", &kim, &[("list", "messages"), ("name", &name), ("state", "held")])
            .await;
    }
    assert_eq!(served.hub.text(many).await, "30", "one person keeps no more of a list");
}
