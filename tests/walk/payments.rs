//! From an extract to a request for payment: the message and its payment are made together, and each
//! link leads to its own.

use serde_json::Value;
use viaduct::sandbox::council::Council;

use crate::support::hub::{On, TestHub};

pub async fn message_and_payment(on: On) {
    let mut hub = TestHub::open(on).await;
    // Few owe for earlier years; most still owe for this one.
    hub.edit("mappings/outbound/arrears_reminder.toml", "account.arrears", "account.balance");
    hub.reload().await;
    let council = Council::new(7, 600);
    hub.drop_night(&council, 1);
    hub.run("ingest-revenues").await;
    hub.drop_night(&council, 2);
    hub.run("ingest-revenues").await;
    let rows = |to: &str| {
        format!(
            "SELECT message, state, CAST(id AS TEXT), CAST(change_event_id AS TEXT), \
             CAST(next_ms AS TEXT) FROM delivery JOIN delivery_message ON delivery_id = id \
             WHERE mapping = 'arrears_reminder' AND destination = '{to}' AND state <> 'held' \
             ORDER BY change_event_id, delivery.resident_id"
        )
    };
    let (messages, payments) = (hub.rows(&rows("notify")).await, hub.rows(&rows("pay")).await);
    assert!(!payments.is_empty() && messages.len() == payments.len(), "{}", payments.len());
    for (message, payment) in messages.iter().zip(&payments) {
        assert_eq!((message[1].as_str(), payment[1].as_str()), ("waiting", "offered"));
        assert_eq!(message[3], payment[3], "both tell of one change");
        assert_eq!(payment[4], i64::MAX.to_string(), "it is never sent by itself");
        let said: Value = serde_json::from_str(&message[0]).unwrap();
        let asked: Value = serde_json::from_str(&payment[0]).unwrap();
        let field = |name: &str| {
            let fields = said["fields"].as_array().unwrap();
            fields.iter().find(|field| field[0] == name).unwrap()[1].as_str().unwrap().to_owned()
        };
        assert_eq!(field("link"), asked["link"].as_str().unwrap());
        let token = field("link").strip_prefix("https://pay.example.com/pay/").unwrap().to_owned();
        let id = hub.context.link_key.read(&token).unwrap();
        assert_eq!(id.to_string(), payment[2]);
        let pence = asked["amount_pence"].as_i64().unwrap();
        assert!(pence > 0);
        let said = field("amount").replace(['£', ',', '.'], "");
        assert_eq!(said.trim_start_matches('0'), pence.to_string());
        let reference = asked["reference"].as_str().unwrap();
        assert!(reference.len() > 8 && reference.bytes().all(|byte| byte.is_ascii_digit()));
    }
}

/// Without the address of its links no request is written that could not be paid.
pub async fn no_address(on: On) {
    let mut hub = TestHub::open(on).await;
    let mut variables = hub.variables();
    variables.remove("PUBLIC_URL");
    let surroundings = viaduct::app::context::surroundings(variables);
    hub.context.around = surroundings;
    hub.drop_night(&Council::new(7, 60), 1);
    let refused = hub.try_run("ingest-revenues").await;
    assert!(refused.is_err_and(|cause| cause.contains("PUBLIC_URL")));
    assert_eq!(hub.files("revenues", "").len(), 1, "the file waits");
}
