//! Merges taken back, whatever was merged, held and waiting: everybody, and everything that goes with them, is as it
//! was. And what came in between is nobody else's.

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;
use viaduct::app::resident::Asked;
use viaduct::job::holds::{self as job, Doing};
use viaduct::record::delivery::{Channel, Content, Form, Message, Push, State};
use viaduct::record::hold as holds;
use viaduct::store::database::Cell;
use viaduct::store::intents::{self, Intent};
use viaduct::store::outbox::{self, New, Place};
use viaduct::store::sending::{self, Settled};
use viaduct::store::standing;
use viaduct::store::unknowns::{self, Decided, Word};
use viaduct::suppression::policy::Policy;

use super::identity::{account, act, extract, why};
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    every_merge_that_is_taken_back_leaves_everything_as_it_was => super::property,
    what_left_on_the_wrong_view_is_queued_for_a_person => super::corrections,
    what_waits_on_the_wrong_view_is_held_when_two_are_parted => super::parted,
    what_comes_back_after_two_were_parted_is_held_too => super::came_back,
    what_waits_is_held_where_weights_part_two_as_well => super::by_weights,
    a_hold_on_two_who_were_one_stays_on_both => super::held_as_one,
    an_older_number_leads_back_to_whom_it_was_of => super::chains,
    the_earlier_of_two_merges_into_one_waits_for_the_later => super::siblings,
    what_was_said_since_is_not_taken_back => super::said_since,
    who_came_since_goes_with_whom_they_agree_with => super::came_since,
    of_two_that_were_told_apart_nobody_is_asked_again => super::asked_once,
}

const CASES: u32 = 12;

/// What is random of a case, as numbers to be taken modulo of what there is.
#[derive(Debug, Clone)]
struct Plan {
    deliveries: Vec<(usize, usize, u8, bool)>,
    holds: Vec<(usize, bool)>,
    merges: Vec<(usize, usize)>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let deliveries = vec((any::<usize>(), any::<usize>(), 0..6_u8, any::<bool>()), 0..12);
    let holds = vec((any::<usize>(), any::<bool>()), 0..5);
    let merges = vec((any::<usize>(), any::<usize>()), 1..6);
    (deliveries, holds, merges).prop_map(|(deliveries, holds, merges)| Plan {
        deliveries,
        holds,
        merges,
    })
}

/// Eight people on seven accounts, of which one names two.
async fn town(on: On) -> TestHub {
    let hub = TestHub::open(on).await;
    let names = ["Arden", "Blake", "Casey", "Drew", "Ellis", "Finley", "Gray"];
    let families = ["Testberry", "Fakeley", "Bramble", "Placeholder", "Dummy", "Sample", "Mocke"];
    let mut accounts: Vec<String> = names
        .iter()
        .zip(families)
        .enumerate()
        .map(|(at, (given, family))| {
            let born = format!("19{}-0{}-1{at}", 50 + 5 * at, 1 + at);
            account(&format!("99001{at}"), given, family, &born, &format!("{at} Street {at}"))
        })
        .collect();
    let both = "</Person><Person seq=\"2\" role=\"JOINT\"><Forename>Harper</Forename><Surname>Fakeley</Surname>\
                <DateOfBirth>1981-11-12</DateOfBirth></Person></LiablePersons>";
    accounts[1] = accounts[1].replace("</Person></LiablePersons>", both);
    hub.drop_file("revenues", "ctax-1.xml", &extract(&accounts));
    hub.run("ingest-revenues").await;
    hub
}

async fn numbers(hub: &TestHub, sql: &str) -> Vec<i64> {
    hub.rows(sql).await.iter().map(|row| row[0].parse().unwrap()).collect()
}

async fn execute(hub: &TestHub, sql: &str, cells: Vec<Cell>) {
    let mut transaction = hub.context.database.begin().await.unwrap();
    transaction.execute(sql, cells).await.unwrap();
    transaction.commit().await.unwrap();
}

fn push(resident: i64) -> Content {
    Content::Push(Push {
        event: "account.arrears_changed".to_owned(),
        key: resident,
        version: 1,
        composed_ms: 0,
        form: Form::Json,
        body: json!({ "resident": resident }).to_string(),
    })
}

fn message() -> Content {
    Content::Message(Message {
        channel: Channel::Email,
        template: "moved_home".to_owned(),
        to: Some("arden@example.com".to_owned()),
        fields: Vec::new(),
    })
}

/// A delivery for a resident, about an account or the record, in that state; its number.
async fn delivery(
    hub: &TestHub,
    resident: i64,
    account: Option<i64>,
    content: Content,
    state: &str,
) -> i64 {
    let mut transaction = hub.context.database.begin().await.unwrap();
    let id = viaduct::store::ids::Ids::within(&mut transaction, 1).await.unwrap().take();
    let new = New {
        id,
        event_id: 0,
        batch_id: 1,
        resident_id: resident,
        destination: "verint",
        mapping: "address_to_crm",
        mapping_version: 1,
        purpose: "council_tax_service",
        needs_consent: false,
        collection: true,
        account_id: account,
        reference: format!("test-{id}"),
        composed: Ok(content),
        now_ms: 5,
    };
    let place = Place { subject_id: account.unwrap_or(resident), ..Place::default() };
    outbox::Rows::of(new, place).write(&mut transaction).await.unwrap();
    let (sent, settled) = match state {
        "waiting" | "held" | "offered" => (0_i64, None),
        "delivered" => (1, Some(6_i64)),
        _ => (1, None),
    };
    let sql = "UPDATE delivery SET state = $2, intents = $3, settled_ms = $4 WHERE id = $1";
    let cells = vec![Cell::Int(id), state.to_owned().into(), Cell::Int(sent), settled.into()];
    transaction.execute(sql, cells).await.unwrap();
    transaction.commit().await.unwrap();
    id
}

/// Residents, parties, holds and deliveries, whole.
async fn stands(hub: &TestHub) -> Vec<Vec<Vec<String>>> {
    let mut all = Vec::new();
    for sql in [
        "SELECT CAST(id AS TEXT), CAST(version AS TEXT), CAST(created_ms AS TEXT), \
         CAST(updated_ms AS TEXT), facts, provenance, CAST(merged_into AS TEXT) FROM resident ORDER BY id",
        "SELECT CAST(id AS TEXT), CAST(resident_id AS TEXT), facts FROM party ORDER BY id",
        "SELECT CAST(id AS TEXT), CAST(resident_id AS TEXT), kind, who FROM hold ORDER BY id",
        "SELECT CAST(hold_id AS TEXT), CAST(party_id AS TEXT) FROM hold_party ORDER BY hold_id, party_id",
        "SELECT CAST(id AS TEXT), CAST(delivery.resident_id AS TEXT), CAST(delivery_message.resident_id AS TEXT), \
         state, message, CAST(settled_ms AS TEXT), CAST(fence AS TEXT), cause_code, CAST(subject_id AS TEXT), CAST(next_ms AS TEXT) \
         FROM delivery JOIN delivery_message ON delivery_id = id \
         WHERE state <> 'dismissed' ORDER BY id",
    ] {
        all.push(hub.rows(sql).await);
    }
    all
}

/// Deliveries that are not found by the resident that they are to.
const APART: &str = "SELECT CAST(d.id AS TEXT) FROM delivery d JOIN delivery_message m ON m.delivery_id = d.id \
    WHERE m.resident_id <> d.resident_id";

async fn property(on: On) {
    let hub = town(on).await;
    let mut runner = TestRunner::deterministic();
    for case in 0..CASES {
        let plan = plan().new_tree(&mut runner).unwrap().current();
        run(&hub, &plan, case).await;
    }
}

async fn run(hub: &TestHub, plan: &Plan, case: u32) {
    let residents =
        numbers(hub, "SELECT CAST(id AS TEXT) FROM resident WHERE merged_into IS NULL ORDER BY id")
            .await;
    assert_eq!(residents.len(), 8, "case {case}");
    let accounts = numbers(hub, "SELECT CAST(id AS TEXT) FROM account ORDER BY id").await;
    let of = |at: usize| residents[at % residents.len()];
    for (whose, about, state, is_push) in &plan.deliveries {
        let account = accounts.get(about % (accounts.len() + 1)).copied();
        let state =
            ["waiting", "held", "delivered", "accepted", "unknown", "offered"][*state as usize];
        let content = if *is_push { push(of(*whose)) } else { message() };
        delivery(hub, of(*whose), account, content, state).await;
    }
    for (whose, by_number) in &plan.holds {
        let mut transaction = hub.context.database.begin().await.unwrap();
        let id = viaduct::store::ids::Ids::within(&mut transaction, 1).await.unwrap().take();
        transaction.commit().await.unwrap();
        let resident = if *by_number { of(*whose) } else { 0 };
        let sql = "INSERT INTO hold (id, resident_id, kind, reason, from_ms) VALUES ($1, $2, 'dispute', 'x', 0)";
        execute(hub, sql, vec![Cell::Int(id), Cell::Int(resident)]).await;
        let sql = "INSERT INTO hold_party (hold_id, party_id) SELECT $1, id FROM party WHERE resident_id = $2";
        execute(hub, sql, vec![Cell::Int(id), Cell::Int(of(*whose))]).await;
    }
    let mut done = Vec::new();
    for (keep, gone) in &plan.merges {
        let live = "SELECT CAST(id AS TEXT) FROM resident WHERE merged_into IS NULL ORDER BY id";
        let live = numbers(hub, live).await;
        let (keep, gone) = (live[keep % live.len()], live[gone % live.len()]);
        if keep == gone {
            continue;
        }
        let before = stands(hub).await;
        let merged = act(hub, Asked::Merge { id: keep, other: gone, why: why() }).await;
        assert_ne!(stands(hub).await, before, "case {case}");
        let lost = "SELECT CAST(p.id AS TEXT) FROM party p JOIN resident r ON r.id = p.resident_id \
                    WHERE r.merged_into IS NOT NULL";
        assert_eq!(numbers(hub, lost).await, [0_i64; 0], "case {case}: a party is lost");
        assert_eq!(numbers(hub, APART).await, [0_i64; 0], "case {case}: of two residents");
        done.push((merged["act"].as_i64().unwrap(), before));
    }
    while let Some((act_id, before)) = done.pop() {
        act(hub, Asked::Unmerge { act: act_id, why: why() }).await;
        assert_eq!(stands(hub).await, before, "case {case}: {plan:?}");
    }
}

/// Two residents of the town, with their accounts.
async fn two(hub: &TestHub) -> [(i64, i64); 2] {
    let sql =
        "SELECT CAST(resident_id AS TEXT), CAST(source_key_id AS TEXT) FROM party ORDER BY id";
    let rows = hub.rows(sql).await;
    let at = |row: usize| (rows[row][0].parse().unwrap(), rows[row][1].parse().unwrap());
    [at(0), at(3)]
}

async fn corrections(on: On) {
    let hub = town(on).await;
    let [(keep, account), (gone, other)] = two(&hub).await;
    let told = delivery(&hub, gone, Some(other), push(gone), "delivered").await;
    delivery(&hub, gone, Some(other), push(gone), "delivered").await;
    let written = delivery(&hub, keep, Some(account), message(), "delivered").await;
    let merged = act(&hub, Asked::Merge { id: keep, other: gone, why: why() }).await;
    assert_eq!(merged["sent"].as_array().unwrap().len(), 3, "{merged}");
    let queued = merged["queued"].as_array().unwrap();
    assert_eq!(
        queued.len(),
        1,
        "one for the newest of a kind, and nobody is written to twice: {merged}"
    );
    let story = format!(
        "SELECT CAST(resident_id AS TEXT), state, cause_code, CAST(again_of AS TEXT) FROM delivery WHERE id = {}",
        queued[0]
    );
    let found = hub.rows(&story).await;
    assert_eq!(found[0][..3], [keep.to_string(), "held".into(), "identity.correction".into()]);
    assert_ne!(found[0][3], told.to_string(), "of the newest");
    assert_ne!(found[0][3], written.to_string());
    // Taken back: nobody has to approve it any more. What left since tells of both.
    let since = delivery(&hub, keep, None, push(keep), "delivered").await;
    let back = Asked::Unmerge { act: merged["act"].as_i64().unwrap(), why: why() };
    let back = act(&hub, back).await;
    assert_eq!(hub.rows(&story).await[0][1], "dismissed");
    let sent: Vec<i64> = back["sent"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["delivery"].as_i64().unwrap())
        .collect();
    assert_eq!(sent, [since]);
    let sql = "SELECT CAST(resident_id AS TEXT) FROM delivery WHERE cause_code = 'identity.correction' \
               AND state = 'held' ORDER BY resident_id";
    assert_eq!(numbers(&hub, sql).await, [keep.min(gone), keep.max(gone)]);
    let version = "SELECT CAST(version AS TEXT) FROM resident WHERE id = ";
    let version: i64 = hub.text(&format!("{version}{keep}")).await.parse().unwrap();
    assert_eq!(version, 3, "a version that left is not given twice");
}

async fn parted(on: On) {
    let hub = town(on).await;
    let [(keep, account), (gone, other)] = two(&hub).await;
    let early = delivery(&hub, gone, Some(other), message(), "waiting").await;
    let merged = act(&hub, Asked::Merge { id: keep, other: gone, why: why() }).await;
    let theirs = delivery(&hub, keep, Some(other), message(), "waiting").await;
    let own = delivery(&hub, keep, Some(account), message(), "waiting").await;
    // What a platform refused can be released as it is; of what nobody answered a person speaks first.
    let mut held = Vec::new();
    for code in ["notify.bad_request", "suppressed.hold", "delivery.unknown"] {
        let id = delivery(&hub, keep, Some(account), message(), "held").await;
        let sql = "UPDATE delivery SET cause_code = $2, cause = 'so it is' WHERE id = $1";
        execute(&hub, sql, vec![Cell::Int(id), code.to_owned().into()]).await;
        held.push(id);
    }
    act(&hub, Asked::Unmerge { act: merged["act"].as_i64().unwrap(), why: why() }).await;
    let sql = "SELECT CAST(id AS TEXT), CAST(resident_id AS TEXT), state, cause_code FROM delivery ORDER BY id";
    let row = |id: i64, whose: i64, state: &str, code: &str| {
        vec![id.to_string(), whose.to_string(), state.to_owned(), code.to_owned()]
    };
    let wanted = [
        row(early, gone, "waiting", "null"),
        row(theirs, gone, "held", "identity.parted"),
        row(own, keep, "held", "identity.parted"),
        row(held[0], keep, "held", "identity.parted"),
        row(held[1], keep, "held", "identity.parted"),
        row(held[2], keep, "held", "delivery.unknown"),
    ];
    assert_eq!(hub.rows(sql).await, wanted);
    let cause = hub.text(&format!("SELECT cause FROM delivery WHERE id = {}", held[0])).await;
    assert!(cause.ends_with("before that: so it is"), "{cause}");
}

/// What was on its way when two were parted tells of both: where it would wait again, it is held.
async fn came_back(on: On) {
    let hub = town(on).await;
    let database = &hub.context.database;
    let [(keep, account), (gone, other)] = two(&hub).await;
    let early = delivery(&hub, gone, Some(other), message(), "unknown").await;
    let merged = act(&hub, Asked::Merge { id: keep, other: gone, why: why() }).await;
    let mut made = Vec::new();
    for state in ["unknown", "waiting", "waiting", "unknown", "held", "accepted", "unknown"] {
        made.push(delivery(&hub, keep, Some(account), message(), state).await);
    }
    let sql = "UPDATE delivery SET cause_code = 'delivery.unknown' WHERE id = $1";
    execute(&hub, sql, vec![Cell::Int(made[4])]).await;
    let in_hand = Intent { destination: "verint".to_owned(), fence: 1, number: 1 };
    let mut transaction = database.begin().await.unwrap();
    intents::put(&mut transaction, &in_hand, &made[1..3], 7).await.unwrap();
    transaction.commit().await.unwrap();
    act(&hub, Asked::Unmerge { act: merged["act"].as_i64().unwrap(), why: why() }).await;
    let came = |id: i64, claimed: bool, state: State, code: Option<&str>| Settled {
        id,
        intents: 1,
        intent_ms: 7,
        fence: 0,
        was_claimed: claimed,
        state,
        next_ms: 9,
        give_back: false,
        platform_id: None,
        platform_status: None,
        code: code.map(str::to_owned),
        cause: Some("so it is".to_owned()),
        doubt_until_ms: None,
    };
    let settled = [
        came(early, false, State::Waiting, None),
        came(made[0], false, State::Waiting, None),
        came(made[1], true, State::Waiting, None),
        came(made[2], true, State::Held, Some("suppressed.hold")),
        came(made[3], false, State::Held, Some("delivery.unknown")),
        came(made[5], false, State::Delivered, None),
        came(made[6], false, State::Accepted, None),
    ];
    let ended = [in_hand];
    let changed = sending::settle(database, "verint", (&settled, &ended), 9).await.unwrap();
    assert_eq!(changed.len(), settled.len());
    let sql = "SELECT state || ' ' || COALESCE(cause_code, '-') FROM delivery ORDER BY id";
    let stands = async || -> Vec<String> {
        hub.rows(sql).await.into_iter().map(|row| row[0].clone()).collect()
    };
    let (parted, unknown) = ("held identity.parted", "held delivery.unknown");
    let wanted =
        ["waiting -", parted, parted, parted, unknown, unknown, "delivered -", "accepted -"];
    assert_eq!(stands().await, wanted);
    // A person says of two that they were not made after all.
    for id in [made[3], made[4]] {
        let word = Word::Again(State::Waiting);
        let decided = Decided { id, fence: 0, word, actor: "user:kim", reason: "they have none" };
        assert!(unknowns::decide(database, &decided, 10).await.unwrap());
    }
    let wanted = ["waiting -", parted, parted, parted, parted, parted, "delivered -", "accepted -"];
    assert_eq!(stands().await, wanted);
}

/// What a system says next parts two who were one: nobody decided it, and no letter may tell of both all the same.
async fn by_weights(on: On) {
    let mut hub = TestHub::open(on).await;
    hub.edit("connectors/revenues.toml", "extract    = \"full\"", "extract    = \"delta\"");
    hub.reload().await;
    let john = |key: &str, born: &str| account(key, "John", "Bramble", born, "1 Old Road");
    let night = [john("990001", "1955-02-03"), john("990004", "1955-02-03")];
    hub.drop_file("revenues", "ctax-1.xml", &extract(&night));
    hub.run("ingest-revenues").await;
    let sql =
        "SELECT CAST(resident_id AS TEXT), CAST(source_key_id AS TEXT) FROM party ORDER BY id";
    let rows = hub.rows(sql).await;
    assert_eq!(rows[0][0], rows[1][0], "they are one");
    let number = |text: &str| text.parse::<i64>().unwrap();
    let (keep, account, other) = (number(&rows[0][0]), number(&rows[0][1]), number(&rows[1][1]));
    let theirs = delivery(&hub, keep, Some(other), message(), "waiting").await;
    let own = delivery(&hub, keep, Some(account), message(), "waiting").await;
    let on_its_way = delivery(&hub, keep, Some(other), message(), "unknown").await;
    let told = delivery(&hub, keep, Some(other), push(keep), "delivered").await;
    // A son, after all.
    hub.drop_file("revenues", "ctax-2.xml", &extract(&[john("990004", "1985-07-08")]));
    hub.run("ingest-revenues").await;
    let rows = hub.rows(sql).await;
    assert_eq!(number(&rows[0][0]), keep);
    let son = number(&rows[1][0]);
    assert_ne!(son, keep);
    let stands = format!(
        "SELECT CAST(resident_id AS TEXT), state, COALESCE(cause_code, '-') FROM delivery \
         WHERE id IN ({theirs}, {own}, {on_its_way}) OR again_of = {told} ORDER BY id"
    );
    let row = |whose: i64, state: &str, code: &str| {
        vec![whose.to_string(), state.to_owned(), code.to_owned()]
    };
    let wanted = [
        row(son, "held", "identity.parted"),
        row(keep, "held", "identity.parted"),
        row(son, "unknown", "-"),
        row(son, "held", "identity.correction"),
    ];
    assert_eq!(hub.rows(&stands).await, wanted);
    let marked =
        format!("SELECT CAST(COUNT(*) AS TEXT) FROM delivery WHERE parted AND id = {on_its_way}");
    assert_eq!(hub.text(&marked).await, "1");
    // What that night tells itself is of them as they are.
    let sql = "SELECT CAST(COUNT(*) AS TEXT) FROM delivery WHERE parted AND batch_id > 1";
    assert_eq!(hub.text(sql).await, "0");
}

/// A hold that was put down on two people in one: nobody knows which of them was meant, so both are held.
async fn held_as_one(on: On) {
    let hub = town(on).await;
    let [(keep, _), (gone, _)] = two(&hub).await;
    let merged = act(&hub, Asked::Merge { id: keep, other: gone, why: why() }).await;
    let doing = Doing { policy: &Policy::default(), actor: "user:kim", door: "api", now_ms: 10 };
    let asked = holds::Asked {
        kind: "dispute".to_owned(),
        resident: Some(keep.to_string()),
        reason: Some("they dispute it".to_owned()),
        ..holds::Asked::default()
    };
    job::add(&hub.context.database, doing, &[asked]).await.unwrap();
    act(&hub, Asked::Unmerge { act: merged["act"].as_i64().unwrap(), why: why() }).await;
    let held = standing::in_force(&hub.context.database, &[keep, gone], 11).await.unwrap();
    let mut held: Vec<i64> = held.into_iter().map(|(resident, _)| resident).collect();
    held.sort_unstable();
    assert_eq!(held, [keep.min(gone), keep.max(gone)]);
}

async fn chains(on: On) {
    let hub = town(on).await;
    let all = numbers(&hub, "SELECT CAST(id AS TEXT) FROM resident ORDER BY id").await;
    let [a, b, c] = [all[0], all[1], all[2]];
    let first = act(&hub, Asked::Merge { id: b, other: a, why: why() }).await;
    let second = act(&hub, Asked::Merge { id: c, other: b, why: why() }).await;
    let leads = format!(
        "SELECT CAST(merged_into AS TEXT) FROM resident WHERE id IN ({a}, {b}) ORDER BY id"
    );
    assert_eq!(numbers(&hub, &leads).await, [c, c]);
    // The earlier one cannot be taken back while the later one stands.
    let early = Asked::Unmerge { act: first["act"].as_i64().unwrap(), why: why() };
    let (database, folder) = (&hub.context.database, &hub.definitions);
    let refused =
        viaduct::app::resident::decide(database, folder, early, "user:kim").await.unwrap_err();
    assert!(refused.to_string().contains(&format!("became {c} since")), "{refused}");
    act(&hub, Asked::Unmerge { act: second["act"].as_i64().unwrap(), why: why() }).await;
    let rows = hub.rows(&leads).await;
    assert_eq!(
        rows,
        [[b.to_string()], ["null".to_owned()]],
        "the older number leads to whom it was of"
    );
}

async fn siblings(on: On) {
    let hub = town(on).await;
    let all = numbers(&hub, "SELECT CAST(id AS TEXT) FROM resident ORDER BY id").await;
    let [a, b, c] = [all[0], all[1], all[2]];
    let first = act(&hub, Asked::Merge { id: a, other: b, why: why() }).await;
    let second = act(&hub, Asked::Merge { id: a, other: c, why: why() }).await;
    let (first, second) = (first["act"].as_i64().unwrap(), second["act"].as_i64().unwrap());
    // Whoever came by the later one belongs to neither of the earlier two.
    let early = Asked::Unmerge { act: first, why: why() };
    let (database, folder) = (&hub.context.database, &hub.definitions);
    let refused =
        viaduct::app::resident::decide(database, folder, early, "user:kim").await.unwrap_err();
    assert!(refused.to_string().contains(&format!("take {second} back first")), "{refused}");
    act(&hub, Asked::Unmerge { act: second, why: why() }).await;
    act(&hub, Asked::Unmerge { act: first, why: why() }).await;
    let open = format!(
        "SELECT CAST(COUNT(*) AS TEXT) FROM resident WHERE id IN ({a}, {b}, {c}) AND merged_into IS NULL"
    );
    assert_eq!(hub.text(&open).await, "3");
}

async fn said_since(on: On) {
    let hub = town(on).await;
    let [(keep, _), (gone, _)] = two(&hub).await;
    let merged = act(&hub, Asked::Merge { id: keep, other: gone, why: why() }).await;
    // The one that went says something that does not show while the other's word counts.
    let sql = "UPDATE party SET facts = REPLACE(facts, 'Casey', 'Cassie') WHERE resident_id = $1";
    execute(&hub, sql, vec![Cell::Int(keep)]).await;
    act(&hub, Asked::Unmerge { act: merged["act"].as_i64().unwrap(), why: why() }).await;
    let facts = hub.text(&format!("SELECT facts FROM resident WHERE id = {gone}")).await;
    assert!(facts.contains("Cassie"), "{facts}");
}

async fn came_since(on: On) {
    let mut hub = town(on).await;
    hub.edit("connectors/revenues.toml", "extract    = \"full\"", "extract    = \"delta\"");
    hub.reload().await;
    let [(keep, _), (gone, _)] = two(&hub).await;
    let merged = act(&hub, Asked::Merge { id: keep, other: gone, why: why() }).await;
    // Another account of the one that went: it is with both now, and nobody but one.
    let more = account("990099", "Casey", "Bramble", "1960-03-12", "2 Street 2");
    hub.drop_file("revenues", "ctax-2.xml", &extract(&[more]));
    hub.run("ingest-revenues").await;
    let whose = "SELECT CAST(p.resident_id AS TEXT) FROM party p JOIN source_key k ON k.id = p.source_key_id \
                 WHERE k.key = '990099'";
    assert_eq!(numbers(&hub, whose).await, [keep]);
    act(&hub, Asked::Unmerge { act: merged["act"].as_i64().unwrap(), why: why() }).await;
    assert_eq!(numbers(&hub, whose).await, [gone]);
}

async fn asked_once(on: On) {
    let mut hub = TestHub::open(on).await;
    hub.edit("connectors/revenues.toml", "extract    = \"full\"", "extract    = \"delta\"");
    hub.reload().await;
    let night = [
        account("990001", "Jack", "Bramble", "", "1 Old Road"),
        account("990002", "Jack", "Bramble", "", "1 Old Road"),
    ];
    hub.drop_file("revenues", "ctax-1.xml", &extract(&night));
    hub.run("ingest-revenues").await;
    let parties =
        hub.rows("SELECT CAST(id AS TEXT), CAST(resident_id AS TEXT) FROM party ORDER BY id").await;
    let id: i64 = parties[0][1].parse().unwrap();
    if parties[0][1] == parties[1][1] {
        let party = vec![parties[1][0].parse().unwrap()];
        act(&hub, Asked::Split { id, party, why: why() }).await;
    }
    let more = account("990003", "Jack", "Bramble", "", "1 Old Road");
    hub.drop_file("revenues", "ctax-2.xml", &extract(&[more]));
    hub.run("ingest-revenues").await;
    let waiting = act(&hub, Asked::Review { most: 20 }).await;
    let new = numbers(&hub, "SELECT CAST(resident_id AS TEXT) FROM party ORDER BY id DESC LIMIT 1")
        .await[0];
    for pair in waiting["waiting"].as_array().unwrap() {
        let both = pair["residents"].as_array().unwrap();
        assert!(both.contains(&json!(new)), "the two were told apart: {waiting}");
    }
    // The third is taken for the first: what waits between it and the second was answered.
    act(&hub, Asked::Merge { id, other: new, why: why() }).await;
    let waiting = act(&hub, Asked::Review { most: 20 }).await;
    assert_eq!(waiting["waiting"], json!([]), "nobody is asked twice");
}
