//! What a system has had is told to it once more, by a person's decision: the same bodies under new keys,
//! in their order, through the gate; and never what reaches a resident.

use std::fs;

use serde_json::{Value, json};
use viaduct::app::context::surroundings;
use viaduct::app::run;
use viaduct::record::moment::Moment;
use viaduct::sandbox::receiver::Receiver;
use viaduct::sandbox::serving::Running;

use super::program;
use crate::holds::{ARDEN, BLAKE, account};
use crate::sandbox::bench::client;
use crate::support::hub::{On, TestHub, on_both};
use crate::walk::arrivals::extract;

on_both! {
    what_a_system_had_is_told_once_more => super::repeated,
    nothing_that_reaches_residents_is_repeated => super::not_to_residents,
}

const CONNECTOR: &str = "kind = \"http_push\"\nsystem = \"orders\"\n[settings]\n\
    url = \"${ORDERS_URL}/keyed\"\nallow = [\"${ORDERS_HOST}\"]\nidempotency = \"key\"\n\
    requests_per_second = 10_000\n";
const PAID: &str = "destination = \"orders\"\non = \"account.paid_changed\"\n\
    purpose = \"council_tax_service\"\n[push.fields]\nid = \"push.id\"\npaid = \"account.paid\"\n\
    resident = \"push.resident\"\n";

struct Told {
    hub: TestHub,
    receiver: Running,
}

impl Told {
    async fn open(on: On) -> Told {
        let receiver = Receiver::new(std::sync::Arc::new(|| 0)).serve(0).await.unwrap();
        let mut hub = TestHub::open(on).await;
        for (file, text) in [
            ("connectors/orders.toml", CONNECTOR),
            ("jobs/deliver-orders.toml", "action = \"deliver\"\nconnector = \"orders\"\n"),
            ("mappings/outbound/orders_paid.toml", PAID),
        ] {
            fs::write(hub.definitions.join(file), text).unwrap();
        }
        let host = receiver.url.trim_start_matches("http://").to_owned();
        hub.more.push(("ORDERS_URL".to_owned(), receiver.url.clone()));
        hub.more.push(("ORDERS_HOST".to_owned(), host));
        hub.context.around = surroundings(hub.variables());
        hub.reload().await;
        Told { hub, receiver }
    }

    /// Two accounts, of which so much was paid; and the system is told.
    async fn night(&self, number: u32, paid: [&str; 2]) {
        let accounts = [account("991000", &[ARDEN], paid[0]), account("991001", &[BLAKE], paid[1])];
        let name = format!("ctax-{number}.xml");
        self.hub.drop_file("revenues", &name, &extract(&accounts));
        self.hub.run("ingest-revenues").await;
        self.send().await;
    }

    async fn send(&self) {
        let job = self.hub.context.job("deliver-orders").unwrap();
        run::run_deliver(&self.hub.context, job).await.unwrap();
    }

    /// What the system did, the first first: key and body.
    async fn done(&self) -> Vec<(String, String)> {
        let url = format!("{}/sandbox/ledger", self.receiver.url);
        let text = client().get(url).send().await.unwrap().text().await.unwrap();
        let said: Value = serde_json::from_str(&text).unwrap();
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
        let done = said["done"].as_array().unwrap().iter();
        done.map(|entry| (text(entry, "key"), text(entry, "body"))).collect()
    }

    async fn repeat(&self, words: &[&str]) -> (bool, Value) {
        let words = [&["deliveries", "repeat"], words].concat();
        let done = program(&self.hub, &words).output().await.unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        let json = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{words:?}: {done:?}"));
        (done.status.success(), json)
    }
}

async fn repeated(on: On) {
    let told = Told::open(on).await;
    told.night(1, ["0.00", "0.00"]).await;
    told.night(2, ["10.00", "10.00"]).await;
    told.night(3, ["20.00", "10.00"]).await;
    let before = told.done().await;
    assert_eq!(before.len(), 3, "{before:?}");
    let to = ["--destination", "orders"];
    let from = ["--from", "2026-01-01"];
    let (done, dry) = told.repeat(&[&to[..], &from, &["--dry-run"]].concat()).await;
    assert!(done && dry["would"] == json!({ "repeated": 3 }), "{dry}");
    for (words, many) in [
        (&["--from", "2026-01-01", "--until", "2026-01-02"][..], 0),
        (&["--account", "991000"], 2),
        (&["--mapping", "orders_paid"], 3),
        (&["--mapping", "moved_home"], 0),
        (&["--resident", "4711"], 0),
    ] {
        let (_, dry) = told.repeat(&[&to[..], words, &["--dry-run"]].concat()).await;
        assert_eq!(dry["of"], json!(many), "{words:?}: {dry}");
        assert!(!dry.to_string().contains("991000"), "an account is named by our number: {dry}");
    }
    for (words, said) in [
        (&["--dry-run"][..], "say what of all that it has had"),
        (&["--from", "yesterday", "--dry-run"], "`from` is a day"),
        (&["--account", "4711", "--dry-run"], "no source knows an account"),
        (&["--from", "2026-01-01", "--reason", " "], "it needs its reason"),
    ] {
        let (done, refused) = told.repeat(&[&to[..], words].concat()).await;
        assert!(!done && refused["error"].as_str().unwrap().contains(said), "{refused}");
    }
    // Who has died meanwhile is told of to nobody, once more or not.
    let mut transaction = told.hub.context.database.begin().await.unwrap();
    let sql = "UPDATE resident SET facts = '{\"deceased\":true}' WHERE facts LIKE '%Blake%'";
    assert_eq!(transaction.execute(sql, vec![]).await.unwrap(), 1);
    transaction.commit().await.unwrap();
    let (_, done) =
        told.repeat(&[&to[..], &from, &["--reason", "they restored an old backup"]].concat()).await;
    assert_eq!(done["counts"], json!({ "repeated": 3 }), "{done}");
    let items = done["list"].as_array().unwrap();
    assert!(items.is_sorted_by_key(|item| item["made"].as_i64().unwrap()), "{done}");
    let again = "SELECT CAST(COUNT(*) AS TEXT) FROM delivery d JOIN delivery o ON o.id = d.again_of \
                 WHERE o.state = 'delivered' AND d.state = 'waiting' AND d.reference <> o.reference \
                 AND d.batch_id = o.batch_id AND d.account_id = o.account_id";
    assert_eq!(told.hub.text(again).await, "3", "the first ones stay as they are");
    told.send().await;
    let after = told.done().await;
    let (keys, bodies): (Vec<_>, Vec<_>) = after[3..].iter().cloned().unzip();
    assert_eq!(keys.len(), 2, "{after:?}");
    assert!(keys.iter().all(|key| !before.iter().any(|(known, _)| known == key)), "new keys");
    // Arden's two, in the order they had, and byte for byte what they were.
    let first: Vec<&String> =
        before.iter().map(|(_, body)| body).filter(|body| bodies.contains(body)).collect();
    assert_eq!(bodies.iter().collect::<Vec<_>>(), first);
    let held = "SELECT cause_code FROM delivery WHERE state = 'held' AND destination = 'orders'";
    assert_eq!(told.hub.rows(held).await, [["suppressed.deceased"]]);
    // A newer change after it goes as ever: what was repeated makes nothing stale.
    told.night(4, ["30.00", "10.00"]).await;
    assert!(told.done().await.last().unwrap().1.contains("3000"));
    let id = items[0]["delivery"].to_string();
    let shown = program(&told.hub, &["deliveries", "show", &id]).output().await.unwrap();
    let story: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(story["again_as"], json!([items[0]["made"]]));
    assert_eq!(story["decisions"][0]["reason"], "they restored an old backup");
}

async fn not_to_residents(on: On) {
    let told = Told::open(on).await;
    told.night(1, ["0.00", "0.00"]).await;
    told.night(2, ["10.00", "10.00"]).await;
    let count = async || told.hub.text("SELECT CAST(COUNT(*) AS TEXT) FROM delivery").await;
    let before = count().await;
    for (to, said) in [
        ("notify", "nobody is written to twice"),
        ("pay", "nobody is written to twice"),
        ("orderz", "there is no connector `orderz`"),
    ] {
        let words = ["--destination", to, "--from", "2026-01-01", "--reason", "x"];
        let (done, refused) = told.repeat(&words).await;
        assert!(!done && refused["error"].as_str().unwrap().contains(said), "{refused}");
    }
    // A rehearsal takes all that there is: what is a message stays one.
    let null = "kind = \"null\"\nsystem = \"notify\"\n";
    fs::write(told.hub.definitions.join("connectors/notify.toml"), null).unwrap();
    let mut transaction = told.hub.context.database.begin().await.unwrap();
    let sql =
        "UPDATE delivery SET state = 'delivered', settled_ms = 1 WHERE destination = 'notify'";
    assert!(transaction.execute(sql, vec![]).await.unwrap() > 0);
    transaction.commit().await.unwrap();
    let words = ["--destination", "notify", "--from", "1970-01-01", "--reason", "x"];
    let (_, done) = told.repeat(&words).await;
    let counts = done["counts"].as_object().unwrap();
    assert_eq!(counts.keys().collect::<Vec<_>>(), ["left"], "{done}");
    assert!(done.to_string().contains("it is a message: nobody is written to twice"), "{done}");
    assert_eq!(count().await, before);
    let moment = Moment::parse("2026-03-29").unwrap();
    assert_eq!(Moment::parse_end("2026-03-29").unwrap().0 - moment.0, 23 * 3_600_000);
    assert_eq!(
        Moment::parse("2026-11-26T06:00:00Z").unwrap().utc_said(),
        "2026-11-26T06:00:00.000Z"
    );
    assert_eq!(Moment::parse("26/11/2026"), None);
}
