//! Held deliveries made anew: with the mapping and the values of now, in the old one's place, and never
//! where the old one may have taken effect. Through the program itself, on both databases.

use serde_json::{Value, json};
use viaduct::store::database::Cell;

use crate::holds::{Council, Person, account};
use crate::support::hub::{On, on_both};

on_both! {
    a_held_one_is_made_anew_with_what_is_so_now => super::anew,
    what_may_have_taken_effect_is_not_made_anew => super::in_doubt,
    what_is_told_no_more_stays_and_says_so => super::told_no_more,
    a_payment_is_made_anew_with_its_message => super::with_its_payment,
}

const PAID: &str = "mappings/outbound/payment_received.toml";
const MENDED: &str = "first_name = \"name.given\"";
/// Nobody here has a middle name.
const BROKEN: &str = "first_name = \"name.middle\"";

const PEOPLE: [Person; 8] = [
    ("Arden", "QQ123450A", "1984-02-20"),
    ("Blake", "QQ123451A", "1984-02-21"),
    ("Casey", "QQ123452A", "1984-02-22"),
    ("Devon", "QQ123453A", "1984-02-23"),
    ("Emery", "QQ123454A", "1984-02-24"),
    ("Finley", "QQ123455A", "1984-02-25"),
    ("Gale", "QQ123456A", "1984-02-26"),
    ("Harper", "QQ123457A", "1984-02-27"),
];

fn key(number: usize) -> String {
    format!("99100{number}")
}

fn accounts(many: usize, paid: &str) -> Vec<String> {
    (0..many).map(|number| account(&key(number), &PEOPLE[number..=number], paid)).collect()
}

/// So many people who have paid, and whom nobody could thank: the numbers of the held deliveries.
async fn held(on: On, many: usize) -> (Council, Vec<i64>) {
    let council = Council::open(on).await;
    council.hub.edit(PAID, MENDED, BROKEN);
    let mut council = council;
    council.hub.reload().await;
    council.night(1, &accounts(many, "0.00")).await;
    council.night(2, &accounts(many, "10.00")).await;
    let sql = "SELECT CAST(id AS TEXT) FROM delivery WHERE mapping = 'payment_received' \
               AND state = 'held' AND cause_code = 'delivery.missing_field' ORDER BY id";
    let rows = council.hub.rows(sql).await;
    assert_eq!(rows.len(), many);
    (council, rows.iter().map(|row| row[0].parse().unwrap()).collect())
}

fn remake(council: &Council, words: &[&str]) -> Value {
    let words = [&["deliveries", "remake"], words].concat();
    let (code, json) = council.viaduct(&words);
    assert_eq!(code, 0, "{json}");
    json
}

/// What is said of the item of that delivery.
fn why(bulk: &Value, id: i64) -> String {
    let list = bulk["list"].as_array().unwrap();
    let item = list.iter().find(|item| item["delivery"] == id).expect("the item is there");
    assert_eq!(item["outcome"], "left", "{item}");
    item["why"].as_str().unwrap().to_owned()
}

async fn execute(council: &Council, sql: &str) {
    let mut transaction = council.hub.context.database.begin().await.unwrap();
    assert!(transaction.execute(sql, Vec::<Cell>::new()).await.expect(sql) > 0, "{sql}");
    transaction.commit().await.unwrap();
}

async fn anew(on: On) {
    let (mut council, ids) = held(on, 2).await;
    let code = ["--code", "delivery.missing_field"];
    let (_, left) = council
        .viaduct(&[&["deliveries", "release"], &code[..], &["--reason", "as it is"]].concat());
    assert_eq!(left["counts"], json!({ "left": 2 }), "there is nothing in it: {left}");
    // The mapping as it is cannot say it yet.
    let dry = remake(&council, &[&code[..], &["--dry-run"]].concat());
    assert_eq!((&dry["would"], &dry["of"]), (&json!({}), &json!(2)), "{dry}");
    let why = dry["left"][0]["why"].as_str().unwrap();
    assert!(why.starts_with("it still cannot be made: delivery.missing_field"), "{why}");
    // It is mended, and a balance is another one by now.
    council.hub.edit(PAID, BROKEN, MENDED);
    council.hub.reload().await;
    let now: Vec<String> =
        accounts(2, "10.00").iter().map(|text| text.replace("500.00", "481.50")).collect();
    council.night(3, &now).await;
    let dry = remake(&council, &[&code[..], &["--dry-run"]].concat());
    assert_eq!((&dry["would"], &dry["left"]), (&json!({ "remade": 2 }), &json!([])), "{dry}");
    assert_eq!(council.stand("payment_received").await, "held 2", "a dry run changes nothing");
    let (exit, _) = council.program(&[&["deliveries", "remake"], &code[..]].concat());
    assert_eq!(exit, 2, "it needs its reason");
    let done = remake(&council, &[&code[..], &["--reason", "the template is mended"]].concat());
    assert_eq!(done["counts"], json!({ "remade": 2 }), "{done}");
    assert_eq!(council.stand("payment_received").await, "replaced 2, waiting 2");
    let made: Vec<i64> = done["list"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["made"].as_i64().unwrap())
        .collect();
    assert!(made[0] < made[1] && ids[1] < made[0], "in their order, behind all others: {made:?}");
    for (old, new) in ids.iter().zip(&made) {
        let (_, story) = council.viaduct(&["deliveries", "show", &old.to_string()]);
        assert_eq!(
            (&story["state"], &story["code"]),
            (&json!("replaced"), &json!("delivery.remade"))
        );
        assert_eq!(story["again_as"], json!([new]));
        assert_eq!(story["decisions"][1]["reason"], "the template is mended");
        let (_, story) = council.viaduct(&["deliveries", "show", &new.to_string()]);
        assert_eq!(story["again_of"], json!(old));
        assert!(story["reference"].as_str().unwrap().ends_with(&format!("-{new}")), "{story}");
        assert!(story["why"]["what"].as_str().unwrap().contains("paid"), "{story}");
    }
    let sql = "SELECT message FROM delivery JOIN delivery_message ON delivery_id = id WHERE state = 'waiting' AND mapping = 'payment_received'";
    for row in council.hub.rows(sql).await {
        assert!(row[0].contains("£481.50"), "what is so now: {}", row[0]);
    }
    council.send().await;
    assert_eq!(council.stand("payment_received").await, "delivered 2, replaced 2");
    // Whoever asks once more makes nothing.
    let again = ids.iter().map(i64::to_string).collect::<Vec<_>>();
    let again: Vec<&str> = again.iter().map(String::as_str).collect();
    let done = remake(&council, &[&again[..], &["--reason", "twice"]].concat());
    assert_eq!(done["counts"], json!({ "left": 2 }), "{done}");
    assert_eq!(council.stand("payment_received").await, "delivered 2, replaced 2");
}

async fn in_doubt(on: On) {
    let (mut council, ids) = held(on, 8).await;
    council.hub.edit(PAID, BROKEN, MENDED);
    council.hub.reload().await;
    let [unknown, died, silent, decided, taken, doubt, conflict, fine] = ids[..] else {
        panic!("{ids:?}")
    };
    let attempt = |id: i64, outcome: &str, cause: &str| {
        format!(
            "INSERT INTO delivery_attempt (delivery_id, attempt, intent_ms, ended_ms, outcome, cause) \
             VALUES ({id}, 1, 1, 2, '{outcome}', '{cause}')"
        )
    };
    let silence = "no answer came, and the platform knows of no such thing";
    for sql in [
        format!(
            "UPDATE delivery SET cause_code = 'delivery.unknown' WHERE id IN ({unknown}, {decided})"
        ),
        attempt(died, "interrupted", "its sender stopped before it knew"),
        attempt(silent, "delivery.unknown", silence),
        attempt(decided, "delivery.unknown", silence),
        attempt(fine, "notify.invalid", "it does not take this"),
        format!("UPDATE delivery SET platform_id = 'p-1' WHERE id = {taken}"),
        format!("UPDATE delivery SET cause_code = 'push.409' WHERE id = {conflict}"),
        format!("UPDATE delivery SET doubt_until_ms = 9000000000000 WHERE id = {doubt}"),
    ] {
        execute(&council, &sql).await;
    }
    let all: Vec<String> = ids.iter().map(i64::to_string).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let dry = remake(&council, &[&all[..], &["--dry-run"]].concat());
    assert_eq!(dry["would"], json!({ "remade": 1 }), "{dry}");
    let done = remake(&council, &[&all[..], &["--reason", "mended"]].concat());
    assert_eq!(done["counts"], json!({ "left": 7, "remade": 1 }), "{done}");
    for (id, said) in [
        (conflict, "conflicts with what it has"),
        (unknown, "nobody knows whether it was sent"),
        (decided, "nobody knows whether it was sent"),
        (died, "never answered and may have taken effect"),
        (silent, "never answered and may have taken effect"),
        (taken, "the platform had taken it"),
        (doubt, "may still turn up"),
    ] {
        assert!(why(&done, id).contains(said), "{id}: {done}");
    }
    // A person finds out that it did not take effect; then it may be made anew.
    let decide =
        ["deliveries", "decide", &decided.to_string(), "--send-again", "--reason", "asked"]
            .map(str::to_owned);
    let decide: Vec<&str> = decide.iter().map(String::as_str).collect();
    assert_eq!(council.viaduct(&decide).0, 1, "it has no message: {}", council.viaduct(&decide).1);
    let message =
        "{\"channel\":\"email\",\"template\":\"t\",\"to\":\"a@example.com\",\"fields\":[]}";
    let sql =
        format!("UPDATE delivery_message SET message = '{message}' WHERE delivery_id = {decided}");
    execute(&council, &sql).await;
    assert_eq!(council.viaduct(&decide).0, 0);
    let sql = "UPDATE delivery SET state = 'held', cause_code = 'notify.invalid' WHERE id =";
    execute(&council, &format!("{sql} {decided}")).await;
    let done = remake(&council, &[&decided.to_string(), "--reason", "mended"]);
    assert_eq!(done["counts"], json!({ "remade": 1 }), "{done}");
}

async fn told_no_more(on: On) {
    let (mut council, ids) = held(on, 6).await;
    let [newer, other, gone, left_out, unheard, fine] = ids[..] else { panic!("{ids:?}") };
    // One pays again; an account is somebody else's by now; a balance is small.
    let mut now = accounts(6, "10.00");
    now[0] = account(&key(0), &PEOPLE[0..1], "20.00");
    now[1] = account(&key(1), &PEOPLE[7..8], "10.00");
    now[3] = now[3].replace("500.00", "1.00");
    council.night(3, &now).await;
    council.hub.edit(PAID, BROKEN, MENDED);
    council.hub.edit(PAID, "roles ", "when = 'account.balance > 1000'\nroles ");
    council.hub.reload().await;
    execute(&council, &format!("UPDATE delivery SET mapping = 'no_such' WHERE id = {gone}")).await;
    let event = "UPDATE change_event SET changes = '{\"arrears\":{\"was\":1}}' WHERE id =";
    let sql = format!("{event} (SELECT change_event_id FROM delivery WHERE id = {unheard})");
    execute(&council, &sql).await;
    let all: Vec<String> = ids.iter().map(i64::to_string).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let done = remake(&council, &[&all[..], &["--reason", "mended"]].concat());
    assert_eq!(done["counts"], json!({ "left": 5, "remade": 1 }), "{done}");
    assert!(done["list"].as_array().unwrap().iter().any(|item| item["delivery"] == fine));
    for (id, said) in [
        (newer, "is newer and says what is so now"),
        (other, "nobody whom its mapping tells of this account is that resident any more"),
        (gone, "there is no mapping `no_such` any more"),
        (left_out, "leaves this change out now"),
        (unheard, "does not hear of such a change any more"),
    ] {
        assert!(why(&done, id).contains(said), "{id}: {done}");
    }
    let (_, text) = council.program(&["bulk", "show", &done["bulk"].to_string()]);
    assert!(text.starts_with("1 of 6 made anew"), "{text}");
}

async fn with_its_payment(on: On) {
    let mut council = Council::open(on).await;
    council.night(1, &accounts(3, "0.00")).await;
    council.night(2, &accounts(3, "10.00")).await;
    let held = "UPDATE delivery SET state = 'held', cause_code = 'notify.invalid', cause = 'no' \
                WHERE mapping = 'arrears_reminder' AND destination = 'notify' \
                AND settled_ms IS NULL";
    execute(&council, held).await;
    let of = |to: &str| {
        format!(
            "SELECT CAST(id AS TEXT) FROM delivery WHERE mapping = 'arrears_reminder' \
             AND destination = '{to}' AND settled_ms IS NULL ORDER BY id"
        )
    };
    let messages = council.hub.rows(&of("notify")).await;
    let payments = council.hub.rows(&of("pay")).await;
    assert_eq!((messages.len(), payments.len()), (3, 3));
    // Somebody is at one of the payments.
    let sql = format!("UPDATE delivery SET state = 'accepted' WHERE id = {}", payments[2][0]);
    execute(&council, &sql).await;
    let lone = remake(&council, &["--dry-run", &payments[0][0]]);
    assert_eq!(lone["would"], json!({}), "an offered payment is not held: {lone}");
    let all: Vec<&str> = messages.iter().map(|row| row[0].as_str()).collect();
    let done = remake(&council, &[&all[..2], &["--reason", "mended"]].concat());
    assert_eq!(done["counts"], json!({ "remade": 2 }), "{done}");
    let left = remake(&council, &[all[2], "--reason", "mended"]);
    assert!(
        why(&left, all[2].parse().unwrap()).contains("the payment that goes with it was begun")
    );
    // Each message has one payment, which is the one that its link leads to.
    let sql = "SELECT state, message, CAST(id AS TEXT), COALESCE(cause_code, '-') FROM delivery JOIN delivery_message ON delivery_id = id \
               WHERE mapping = 'arrears_reminder' AND destination = 'pay' ORDER BY id";
    let rows = council.hub.rows(sql).await;
    let states: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(states, ["replaced", "replaced", "accepted", "offered", "offered"]);
    assert_eq!(rows[0][3], "delivery.remade");
    let sql = "SELECT message FROM delivery JOIN delivery_message ON delivery_id = id WHERE mapping = 'arrears_reminder' \
               AND state = 'waiting' ORDER BY id";
    let made = council.hub.rows(sql).await;
    for (message, payment) in made.iter().zip(&rows[3..]) {
        let payment: Value = serde_json::from_str(&payment[1]).unwrap();
        assert!(message[0].contains(payment["link"].as_str().unwrap()), "{}", message[0]);
    }
    // A mapping that asks for no payment any more: the old one is over, and somebody is told.
    execute(&council, held).await;
    let text = std::fs::read_to_string(
        council.hub.definitions.join("mappings/outbound/arrears_reminder.toml"),
    );
    let text = text.unwrap();
    let from = text.find("[payment]").unwrap();
    let to = text.find("[[message]]").unwrap();
    let without = format!("{}{}", &text[..from], &text[to..])
        .replace("\"payment.amount\"", "\"account.arrears\"")
        .replace("link = \"payment.link\"", "link = \"account.reference\"");
    std::fs::write(
        council.hub.definitions.join("mappings/outbound/arrears_reminder.toml"),
        without,
    )
    .unwrap();
    council.hub.reload().await;
    let done = remake(&council, &["--code", "notify.invalid", "--reason", "no links any more"]);
    assert_eq!(done["counts"], json!({ "left": 1, "remade": 2 }), "{done}");
    let noted = "its mapping asks for no payment any more";
    assert!(done["list"].to_string().contains(noted), "{done}");
    let (_, text) = council.program(&["bulk", "show", &done["bulk"].to_string()]);
    assert!(text.contains(noted), "{text}");
    let open = council.hub.rows(&of("pay")).await;
    assert_eq!(open.len(), 1, "only the one that somebody is at: {open:?}");
}
