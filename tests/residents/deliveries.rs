//! Deliveries listed, counted, paged and told one by one, on both databases.

use clap::Parser;
use serde_json::json;
use viaduct::app::deliveries::{self, Listing};
use viaduct::record::delivery::{Channel, Content, Message};
use viaduct::store::outbox;

use super::{MASKED, SHOWN, Story};
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    deliveries_are_counted_filtered_and_paged => super::listed,
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
        let row = outbox::row(outbox::New {
            id,
            event_id: 0,
            batch_id: 100 + id % 2,
            resident_id: 7 + id % 3,
            destination: if id % 2 == 0 { "notify" } else { "pay" },
            mapping: "moved_home",
            mapping_version: 1,
            purpose: "council_tax_service",
            needs_consent: false,
            reference: format!("mark-{id}"),
            composed,
            now_ms: 0,
        });
        transaction.insert(outbox::DELIVERIES, row).await.unwrap();
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
