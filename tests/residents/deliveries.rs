//! Deliveries listed, counted, paged and told one by one, on both databases.

use clap::Parser;
use serde_json::json;
use viaduct::app::actor::of_this_process as me;
use viaduct::app::bulk::chosen::Chosen;
use viaduct::app::bulk::{Action, ask};
use viaduct::app::deliveries::decide::{self, Decide};
use viaduct::app::deliveries::{self, Listing};
use viaduct::job::clock::Clock;
use viaduct::record::delivery::{Channel, Content, Message};
use viaduct::store::audit;
use viaduct::store::database::{Cell, Database};
use viaduct::store::outbox;

use super::{MASKED, SHOWN, Story};
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    deliveries_are_counted_filtered_and_paged => super::listed,
    held_ones_whose_outcome_is_known_are_sent_again => super::released,
    one_delivery_tells_its_story => super::told,
}

#[derive(Debug, Parser)]
struct Words {
    #[command(flatten)]
    listing: Listing,
}

fn listing(words: &str) -> Listing {
    Words::try_parse_from(std::iter::once("deliveries").chain(words.split_whitespace()))
        .unwrap()
        .listing
}

async fn listed(on: On) {
    let hub = TestHub::open(on).await;
    let database = &hub.context.database;
    let mut transaction = database.begin().await.unwrap();
    for id in 1..=25 {
        let composed = match id % 5 {
            0 => Err(("delivery.no_address", "there is none".to_owned())),
            _ => Ok(Content::Message(Message {
                channel: Channel::Email,
                template: "moved_home".to_owned(),
                to: Some("arden@example.com".to_owned()),
                fields: vec![("first_name".to_owned(), "Arden".to_owned())],
            })),
        };
        let new = outbox::New {
            id,
            event_id: 0,
            batch_id: 100 + id % 2,
            resident_id: 7 + id % 3,
            destination: if id % 2 == 0 { "notify" } else { "pay" },
            mapping: "moved_home",
            mapping_version: 1,
            purpose: "council_tax_service",
            needs_consent: false,
            collection: true,
            account_id: None,
            reference: format!("mark-{id}"),
            composed,
            now_ms: 0,
        };
        outbox::Rows::of(new, outbox::Place::default()).write(&mut transaction).await.unwrap();
    }
    transaction.commit().await.unwrap();
    for (words, count, counts) in [
        ("", 25, json!({ "held": 5, "waiting": 20 })),
        ("--state held", 5, json!({ "held": 5 })),
        ("--destination notify", 12, json!({ "held": 2, "waiting": 10 })),
        ("--resident 8 --batch 101", 5, json!({ "held": 1, "waiting": 4 })),
        ("--code delivery.no_address", 5, json!({ "held": 5 })),
        ("--code delivery", 5, json!({ "held": 5 })),
        ("--code deliver", 0, json!({})),
        ("--code delivery.no", 0, json!({})),
    ] {
        let (json, text) = deliveries::list(database, &listing(words), 0).await.unwrap();
        assert_eq!(json["deliveries"].as_array().unwrap().len(), count, "{words}");
        assert_eq!(json["counts"], counts, "{words}");
        assert!(!text.contains("arden@"), "{text}");
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let words = format!("--most 10 {after}");
        let (json, _) = deliveries::list(database, &listing(&words), 0).await.unwrap();
        assert_eq!(json["counts"], json!({ "held": 5, "waiting": 20 }));
        let page = json["deliveries"].as_array().unwrap().iter();
        seen.extend(page.map(|line| line["delivery"].as_i64().unwrap()));
        let Some(last) = json["after"].as_i64() else { break };
        after = format!("--after {last}");
    }
    assert_eq!(seen, (1..=25).rev().collect::<Vec<_>>());
    let error = deliveries::list(database, &listing("--state done"), 0).await.unwrap_err();
    assert!(error.to_string().contains("one of offered, waiting, sending, accepted"), "{error}");
}

async fn told(on: On) {
    let story = Story::told(on).await;
    let database = &story.hub.context.database;
    let id = story.hub.text("SELECT CAST(id AS TEXT) FROM delivery").await;
    let reference = story.hub.text("SELECT reference FROM delivery").await;
    let (json, text) = deliveries::show(database, &id, SHOWN, 0).await.unwrap();
    let (by_reference, _) = deliveries::show(database, &reference, SHOWN, 0).await.unwrap();
    assert_eq!(json, by_reference);
    assert_eq!(json["to"], "arden@example.com");
    assert_eq!(json["says"][0], json!(["first_name", "Arden"]));
    assert_eq!(
        json["why"]["changes"],
        json!(["name.given Ardenne → Arden", "address.line1 1 Old Road → 2 New Road"])
    );
    assert_eq!(json["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(json["attempts"][0]["outcome"], "delivered");
    assert_eq!(json["platform_says"], "delivered");
    assert!(json["platform_id"].as_str().is_some_and(|id| id.len() == 36), "{json}");
    assert_eq!(json["next_at"], json!(null));
    for part in ["because    the resident's record changed", "you can    nothing: it is done"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (json, text) = deliveries::show(database, &id, MASKED, 0).await.unwrap();
    for hidden in ["Arden", "arden@", "Road", "990001", "1AA"] {
        assert!(!text.contains(hidden) && !json.to_string().contains(hidden), "{hidden}: {text}");
    }
}

#[derive(Debug, Parser)]
struct Which {
    #[command(flatten)]
    chosen: Chosen,
}

async fn released(on: On) {
    let hub = TestHub::open(on).await;
    let database = &hub.context.database;
    let message = || {
        Content::Message(Message {
            channel: Channel::Email,
            template: "moved_home".to_owned(),
            to: Some("arden@example.com".to_owned()),
            fields: vec![],
        })
    };
    let mut transaction = database.begin().await.unwrap();
    let refused = "state = 'held', attempts = 3, fence = 3, cause = 'no', cause_code";
    for (id, set) in [
        (1, format!("{refused} = 'notify.not_found'")),
        (2, format!("{refused} = 'notify.permanent-failure', platform_id = 'p'")),
        (3, format!("{refused} = 'delivery.unknown'")),
        (4, format!("{refused} = 'suppressed.hold'")),
        (5, format!("{refused} = 'notify.invalid', doubt_until_ms = 500")),
        (6, format!("{refused} = 'pay.paid_twice'")),
        (7, "cause = NULL".to_owned()),
        (8, "cause_code = NULL".to_owned()),
        (9, format!("{refused} = 'notify.not_found', destination = 'other'")),
    ] {
        let new = outbox::New {
            id,
            event_id: 0,
            batch_id: 100,
            resident_id: 7,
            destination: "notify",
            mapping: "moved_home",
            mapping_version: 1,
            purpose: "council_tax_service",
            needs_consent: false,
            collection: true,
            account_id: None,
            reference: format!("mark-{id}"),
            composed: match id {
                7 => Err(("delivery.no_address", "there is none".to_owned())),
                _ => Ok(message()),
            },
            now_ms: 0,
        };
        outbox::Rows::of(new, outbox::Place::default()).write(&mut transaction).await.unwrap();
        let sql = format!("UPDATE delivery SET {set} WHERE id = $1");
        transaction.execute(&sql, vec![Cell::Int(id)]).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let release = async |words: &str| {
        let words = ["release", "--reason", "mended"].into_iter().chain(words.split_whitespace());
        let chosen = Which::try_parse_from(words).unwrap().chosen;
        let wish = chosen.wish(Action::Release).unwrap();
        ask(database, &StillClock(400), &wish, None, &me()).await
    };
    let row = async |id: i64| {
        let sql = format!(
            "SELECT state || ' ' || CAST(attempts AS TEXT) || ' ' || CAST(fence AS TEXT) || ' ' || \
             CAST(next_ms AS TEXT) || ' ' || COALESCE(cause_code, '-') FROM delivery WHERE id = {id}"
        );
        hub.text(&sql).await
    };
    let (json, text) = release("--code notify --destination notify").await.unwrap();
    assert_eq!((&json["counts"]["waiting"], &json["items"]), (&json!(1), &json!(3)), "{json}");
    assert!(
        text.contains("1 of 3 released") && text.contains("2 stays: the platform had"),
        "{text}"
    );
    assert_eq!(row(1).await, "waiting 0 4 400 -");
    assert_eq!(row(9).await, "held 3 3 0 notify.not_found");
    let nobody = release("4 99").await.unwrap_err().to_string();
    assert!(nobody.contains("there is no delivery 99: nothing was done"), "{nobody}");
    let (json, text) = release("--dry-run 1 2 3 4 5 6 7 8").await.unwrap();
    assert_eq!((&json["would"], &json["of"]), (&json!({ "waiting": 1 }), &json!(8)), "{json}");
    assert!(text.contains("1 would stay: nobody knows"), "{text}");
    let (json, text) = release("1 2 3 4 4 5 6 7 8").await.unwrap();
    assert_eq!((&json["counts"]["waiting"], &json["items"]), (&json!(1), &json!(8)), "{json}");
    for said in ["3 stays: nobody knows", "7 stays: there is nothing", "8 stays: it is not held"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert_eq!(row(4).await, "waiting 0 4 400 -");
    for id in [2, 3, 5, 6, 7, 8] {
        assert!(!row(id).await.starts_with("waiting 0 4"), "{id}");
    }
    let (json, text) = deliveries::show(database, "4", MASKED, 400).await.unwrap();
    assert_eq!(json["decisions"][0]["reason"], json!("mended"));
    assert!(text.contains("release in bulk action"), "{text}");
    assert!(Which::try_parse_from(["release", "1"]).is_err(), "no reason");
    let dismiss = ["dismiss", "--code", "delivery.no_address", "--reason", "moved abroad"];
    let wish = Which::try_parse_from(dismiss).unwrap().chosen.wish(Action::Dismiss).unwrap();
    ask(database, &StillClock(500), &wish, None, &me()).await.unwrap();
    assert!(row(7).await.starts_with("dismissed "));
    assert!(Which::try_parse_from(["release"]).is_err());
    let both = ["release", "1", "--code", "notify", "--reason", "x"];
    assert!(Which::try_parse_from(both).is_err());
    decided(database, &row).await;
    let lines = audit::newest(database, i64::MAX, 100).await.unwrap();
    let actions: Vec<&str> = lines.iter().rev().map(|line| line.action.as_str()).collect();
    let bulk = ["begun", "ended"];
    assert_eq!(actions, [&bulk[..], &bulk, &bulk, &["send again", "happened"]].concat());
    assert!(lines.iter().all(|line| line.actor.starts_with("user:")));
}

/// Of what nobody answered, a person's word stands, once.
async fn decided(database: &Database, row: &impl AsyncFn(i64) -> String) {
    let word = |happened: bool, reason: &str| Decide {
        delivery: 3,
        happened,
        platform_id: happened.then(|| "p-3".to_owned()),
        send_again: !happened,
        reason: reason.to_owned(),
    };
    let none =
        decide::decide(database, &word(true, " "), &me(), 600).await.unwrap_err().to_string();
    assert!(none.contains("--reason"), "{none}");
    decide::decide(database, &word(false, "the platform has none"), &me(), 600).await.unwrap();
    assert_eq!(row(3).await, "waiting 0 4 600 -");
    let late = decide::decide(database, &word(true, "it is there"), &me(), 601).await.unwrap_err();
    assert!(late.to_string().contains("delivery 3 is waiting"), "{late}");
    let mut transaction = database.begin().await.unwrap();
    let sql = "UPDATE delivery SET state = 'unknown' WHERE id = $1";
    transaction.execute(sql, vec![Cell::Int(3)]).await.unwrap();
    transaction.commit().await.unwrap();
    decide::decide(database, &word(true, "it is there"), &me(), 700).await.unwrap();
    assert!(row(3).await.starts_with("delivered "));
    let (json, _) = deliveries::show(database, "3", MASKED, 700).await.unwrap();
    assert_eq!(json["platform_id"], json!("p-3"));
    assert_eq!(json["decisions"].as_array().unwrap().len(), 3, "left once, decided twice: {json}");
}

/// A clock that stands still.
struct StillClock(i64);

impl Clock for StillClock {
    fn now_ms(&self) -> i64 {
        self.0
    }
}
