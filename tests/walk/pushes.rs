//! From an extract to another system: the body has the values of the record with their types, goes once,
//! and is the receiver's; a rehearsal goes nowhere.

use std::fs;

use serde_json::Value;
use viaduct::app::context::surroundings;
use viaduct::app::run;
use viaduct::sandbox::council::Council;
use viaduct::sandbox::receiver::Receiver;
use viaduct::sandbox::serving::Running;

use crate::sandbox::bench::client;
use crate::support::hub::{On, TestHub};

const CONNECTOR: &str = "kind = \"http_push\"\nsystem = \"orders\"\n[settings]\n\
    url = \"${ORDERS_URL}/keyed\"\nallow = [\"${ORDERS_HOST}\"]\nidempotency = \"key\"\n\
    receipt = \"/id\"\nrequests_per_second = 10_000\n";
const JOB: &str = "action = \"deliver\"\nconnector = \"orders\"\n";
const PAID: &str = "destination = \"orders\"\non = \"account.paid_changed\"\n\
    purpose = \"council_tax_service\"\nroles = [\"liable\"]\n[push.fields]\nid = \"push.id\"\n\
    resident = \"push.resident\"\nversion = \"push.version\"\nsort = { value = \"paid.v1\" }\n\
    owes = { balance = \"account.balance\", paid = \"account.paid\" }\n\
    more = { expr = 'change.paid.new - change.paid.old' }\nfamily = \"name.family\"\nborn = \"birth_date\"\n";
const CREATED: &str = "destination = \"orders\"\non = \"resident.created\"\n\
    purpose = \"council_tax_service\"\n[push]\ntemplate = \"created.xml.j2\"\n";
const TEMPLATE: &str = "<resident id=\"{{ push.resident }}\">\n  <name>{{ resident.name.family }}</name>\n\
    {%- if resident.contact.email is not none %}\n  <email>{{ resident.contact.email }}</email>{% endif %}\n\
    </resident>\n";

/// The repository's hub with one more system, and two nights of an invented council.
async fn two_nights(on: On, connector: &str, running: &Running) -> TestHub {
    let mut hub = TestHub::open(on).await;
    for (file, text) in [
        ("connectors/orders.toml", connector),
        ("jobs/deliver-orders.toml", JOB),
        ("mappings/outbound/orders_paid.toml", PAID),
        ("mappings/outbound/orders_created.toml", CREATED),
        ("mappings/outbound/created.xml.j2", TEMPLATE),
    ] {
        fs::write(hub.definitions.join(file), text).unwrap();
    }
    let host = running.url.trim_start_matches("http://");
    hub.more.push(("ORDERS_URL".to_owned(), running.url.clone()));
    hub.more.push(("ORDERS_HOST".to_owned(), host.to_owned()));
    hub.context.around = surroundings(hub.variables());
    hub.reload().await;
    let council = Council::new(7, 1500);
    for night in [1, 2] {
        hub.drop_night(&council, night);
        hub.run("ingest-revenues").await;
    }
    hub
}

async fn receiver() -> Running {
    Receiver::new(std::sync::Arc::new(|| 0)).serve(0).await.unwrap()
}

async fn done(running: &Running) -> Vec<Value> {
    let url = format!("{}/sandbox/ledger", running.url);
    let text = client().get(url).send().await.unwrap().text().await.unwrap();
    let said: Value = serde_json::from_str(&text).unwrap();
    said["done"].as_array().unwrap().clone()
}

pub async fn told(on: On) {
    let running = receiver().await;
    let hub = two_nights(on, CONNECTOR, &running).await;
    let job = hub.context.job("deliver-orders").unwrap();
    run::run_deliver(&hub.context, job).await.unwrap();
    // Nobody is told of somebody who has died, or of a party that is none.
    let sql = "SELECT reference, state, CAST(d.resident_id AS TEXT), mapping, platform_id, \
               CAST(r.version AS TEXT), r.facts FROM delivery d \
               JOIN resident r ON r.id = d.resident_id WHERE destination = 'orders'";
    let rows = hub.rows(sql).await;
    let done = done(&running).await;
    let delivered: Vec<&Vec<String>> = rows.iter().filter(|row| row[1] == "delivered").collect();
    assert!(delivered.len() > 20 && delivered.len() == done.len(), "{} {}", rows.len(), done.len());
    assert!(rows.iter().all(|row| row[1] == "delivered" || row[1] == "held"));
    let mut paid = 0;
    for row in delivered {
        let entry = done.iter().find(|entry| entry["key"] == row[0].as_str()).unwrap();
        let body = entry["body"].as_str().unwrap();
        let facts: Value = serde_json::from_str(&row[6]).unwrap();
        if row[3] == "orders_created" {
            let family = facts["name.family"].as_str().unwrap_or_default().replace('\'', "&#39;");
            assert!(body.starts_with(&format!("<resident id=\"{}\">", row[2])), "{body}");
            assert!(body.contains(&format!("<name>{family}</name>")), "{body}");
            continue;
        }
        paid += 1;
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["id"], row[0].as_str());
        assert_eq!(
            (body["resident"].to_string(), body["version"].to_string()),
            (row[2].clone(), row[5].clone())
        );
        assert_eq!((&body["family"], &body["born"]), (&facts["name.family"], &facts["birth_date"]));
        assert_eq!(body["sort"], "paid.v1");
        let pence = |value: &Value| value.as_i64().unwrap();
        assert!(pence(&body["owes"]["paid"]) >= pence(&body["more"]) && pence(&body["more"]) != 0);
        assert!(body["owes"]["balance"].is_i64());
    }
    assert!(paid > 10, "{paid}");
    let again = run::run_deliver(&hub.context, job).await.unwrap().json();
    assert_eq!(again["total"]["claimed"], 0);
}

pub async fn rehearsed(on: On) {
    let running = receiver().await;
    let null = "kind = \"null\"\nsystem = \"orders\"\n";
    let mut hub = two_nights(on, null, &running).await;
    // Messages for people are rehearsed too, at the very connector that they name.
    let notify = "kind = \"null\"\nsystem = \"notify\"\n[settings]\nfail_percent = 50\n";
    fs::write(hub.definitions.join("connectors/notify.toml"), notify).unwrap();
    hub.reload().await;
    for name in ["deliver-orders", "deliver-notify"] {
        run::run_deliver(&hub.context, hub.context.job(name).unwrap()).await.unwrap();
    }
    let sql = "SELECT destination, state, COALESCE(platform_status, ''), COALESCE(cause_code, ''), \
               CAST(COUNT(*) AS TEXT) FROM delivery WHERE destination IN ('orders', 'notify') \
               GROUP BY destination, state, platform_status, cause_code";
    let rows = hub.rows(sql).await;
    let many = |destination: &str, state: &str, word: &str, code: &str| {
        let is = |row: &&Vec<String>| row[..4] == [destination, state, word, code];
        rows.iter().find(is).map_or(0, |row| row[4].parse::<i64>().unwrap())
    };
    for destination in ["orders", "notify"] {
        assert!(many(destination, "delivered", "rehearsed", "") > 0, "{rows:?}");
        let other = |row: &&Vec<String>| row[1] == "delivered" && row[2] != "rehearsed";
        assert!(rows.iter().find(other).is_none(), "{rows:?}");
    }
    // Half of some thirty, whichever they are: references differ from hub to hub.
    assert!(many("notify", "held", "", "null.refused") > 0, "{rows:?}");
    assert!(done(&running).await.is_empty());
}
