//! Types that hold values about people do not print them, alone or inside others.

use std::collections::HashMap;
use std::fmt::Debug;

use clap::Parser;
use serde_json::json;
use viaduct::app::resident::Asked;
use viaduct::connector::civica_openrevenues::lookup::{Composed, Found};
use viaduct::connector::civica_openrevenues::people::Unit;
use viaduct::connector::civica_pay::client::{Basket, Order};
use viaduct::connector::format::Raw;
use viaduct::connector::http::{Answer, Request, Text};
use viaduct::definition::secret::Secret;
use viaduct::mapping::expression;
use viaduct::mapping::inbound::Translation;
use viaduct::mapping::inbound::story::{Event, Held, Told};
use viaduct::mapping::outbound::Change;
use viaduct::record::delivery::{Channel, Content, Delivery, Form, Message, Push};
use viaduct::record::document::Document;
use viaduct::record::facts::{Difference, Facts, Value};
use viaduct::record::fragment::{AccountFragment, Fragment, HoldFragment, PartyFragment};
use viaduct::record::hold::{self, Who};
use viaduct::record::name::parse_names;
use viaduct::record::personal::Personal;
use viaduct::record::schema;
use viaduct::record::search::{Given, Search};
use viaduct::record::value::email::Email;
use viaduct::record::value::nino::Nino;
use viaduct::record::value::phone::Phone;
use viaduct::record::value::postcode::Postcode;
use viaduct::record::value::uprn::Uprn;
use viaduct::resolution::survivorship::Word;
use viaduct::store::columns::Column;
use viaduct::store::database::Cell;
use viaduct::store::holds::HoldRow;
use viaduct::store::residents::{AccountRow, PartyRow, ResidentRow};
use viaduct::store::sending::ClaimedRow;
use viaduct::store::source_records::{Change as Staging, LastRecord, Staged, StagedRow};
use viaduct::store::standing::Known;
use viaduct::store::{deliveries, history, people};
use viaduct::suppression::gate::{self, Standing};
use viaduct::suppression::policy::Policy;

const MARKER: &str = "Zqmarker";

fn text() -> String {
    MARKER.to_owned()
}

fn facts() -> Facts {
    let mut facts = Facts::default();
    facts.set(schema::party_id("name.family").unwrap(), Value::Text(text()));
    facts.set_list(0, vec![vec![(0, Value::Text(text()))]]);
    facts
}

fn message() -> Message {
    let (channel, template) = (Channel::Email, "moved_home".to_owned());
    Message { channel, template, to: Some(text()), fields: vec![(text(), text())] }
}

fn push() -> Push {
    Push {
        event: "resident.changed".to_owned(),
        key: 7,
        version: 1,
        composed_ms: 0,
        form: Form::Json,
        body: text(),
    }
}

fn delivery() -> Delivery {
    Delivery {
        id: 1,
        resident_id: 1,
        purpose: "council_tax_service".to_owned(),
        needs_consent: false,
        collection: false,
        account_id: None,
        reference: "r-1".to_owned(),
        content: Content::Message(message()),
        attempts: 0,
        intent: 1,
        fence: 0,
        doubt_until_ms: None,
        unanswered_since_ms: None,
    }
}

fn difference() -> Difference {
    let value = || Some(Value::Text(text()));
    Difference { field: "name.family", was: value(), is: value() }
}

fn party() -> PartyFragment {
    PartyFragment {
        key: text(),
        by_place: false,
        role: "liable".to_owned(),
        facts: facts(),
        issues: String::new(),
    }
}

#[test]
fn records_do_not_print() {
    let mut document = Document::default();
    document.begin(MARKER);
    let account =
        AccountFragment { kind: "claim".to_owned(), facts: facts(), issues: String::new() };
    let fragment = Fragment { account: Some(account), parties: vec![party()], hold: None };
    let known = Known { facts: Some(facts()), ..Known::default() };
    let standing = Standing { resident: Some(facts()), ..Standing::default() };
    let word = Word { party_id: 1, source_id: 1, record_id: 1, ended: false, facts: &facts() };
    let (resident, differences) = (facts(), [difference()]);
    let change = Change { resident: &resident, account: None, differences: &differences };
    silent(&[
        &Value::Text(text()),
        &facts(),
        &document,
        &message(),
        &push(),
        &Content::Push(push()),
        &delivery(),
        &difference(),
        &party(),
        &fragment,
        &Translation::Published(fragment.clone()),
        &Told {
            value: Some(Held::Text(text())),
            steps: vec![Event::Constant { text: text() }],
            ..Told::default()
        },
        &Held::Text(text()),
        &Event::Constant { text: text() },
        &expression::Given::Texts(vec![text()]),
        &expression::Outcome::Text(text()),
        &known,
        &gate::clear(delivery(), &standing, &Policy::default()),
        &standing,
        &word,
        &change,
        &Personal::new(text()),
        &HashMap::from([(1, Personal::new(text()))]),
        &parse_names(MARKER),
        &Email::parse("zqmarker@example.com").unwrap(),
    ]);
    let numbers: [(&dyn Debug, &str); 4] = [
        (&Nino::parse("QQ123456A").unwrap(), "123456"),
        (&Phone::parse("07700 900123").unwrap(), "900123"),
        (&Postcode::parse("SK99 1AA").unwrap(), "1AA"),
        (&Uprn::parse("100099900001").unwrap(), "100099900001"),
    ];
    for (value, hidden) in numbers {
        assert!(!format!("{value:?}").contains(hidden), "{value:?}");
    }
}

#[test]
fn rows_do_not_print() {
    let bytes = || MARKER.as_bytes().to_vec();
    let party = PartyRow {
        id: 1,
        source_id: 1,
        source_key_id: 1,
        resident_id: 1,
        key: text(),
        role: "liable".to_owned(),
        record_id: 1,
        ended_ms: None,
        facts: text(),
    };
    let claimed = ClaimedRow {
        id: 1,
        resident_id: 1,
        purpose: "p".to_owned(),
        needs_consent: false,
        collection: false,
        account_id: None,
        reference: "r-1".to_owned(),
        message: text(),
        attempts: 0,
        intents: 0,
        fence: 0,
        since_ms: 0,
        doubt_until_ms: None,
        unanswered_since_ms: None,
        stale: 0,
        next_ms: 0,
    };
    let staged = Staged {
        id: 1,
        source_key_id: 1,
        change: Staging::New,
        key: text(),
        key_digest: 1,
        digest: 1,
        payload: bytes(),
    };
    let last = LastRecord {
        source_key_id: 1,
        gone: false,
        same_mapping: true,
        dictionary_id: 0,
        payload: bytes(),
    };
    let resident = people::Resident {
        id: 1,
        version: 1,
        created_ms: 0,
        updated_ms: 0,
        facts: text(),
        provenance: None,
    };
    let hold = HoldRow {
        id: 1,
        resident_id: 0,
        kind: "dispute".to_owned(),
        reason: text(),
        from_ms: 0,
        until_ms: None,
        lifted_ms: None,
        who: Some(text()),
        reference: Some(text()),
        door: None,
        added_by: None,
        added_ms: None,
        lifted_by: None,
        lift_reason: Some(text()),
    };
    let asked = hold::Asked { nino: Some(text()), ..hold::Asked::default() };
    silent(&[&Who::Account(text()), &asked]);
    silent(&[
        &party,
        &ResidentRow { id: 1, version: 1, created_ms: 0, facts: text() },
        &AccountRow { id: 1, facts: text() },
        &claimed,
        &staged,
        &StagedRow { id: 1, source_key_id: 1, change: 1, dictionary_id: 0, payload: bytes() },
        &last,
        &vec![Cell::Text(text()), Cell::OptText(Some(text())), Cell::Bytes(bytes())],
        &Column::Texts(vec![Some(text())]),
        &resident,
        &hold,
    ]);
    // These come from the database alone: that they print their name and nothing else is in their type.
    fn prints<T: Debug>() {}
    prints::<people::Party>();
    prints::<history::Event>();
    prints::<deliveries::Delivery>();
}

#[derive(Debug, Parser)]
struct Words {
    #[command(subcommand)]
    asked: Asked,
}

#[derive(Debug, Parser)]
struct OfHolds {
    #[command(subcommand)]
    what: viaduct::app::hold::What,
}

#[derive(Debug, Parser)]
struct Repeated {
    #[command(flatten)]
    had: viaduct::app::bulk::chosen::Had,
}

#[test]
fn what_is_asked_of_holds_and_accounts_does_not_print() {
    let add =
        ["hold", "add", "dispute", "--nino", MARKER, "--birth-date", MARKER, "--debt", MARKER];
    let add = [&add[..], &["--reference", MARKER, "--reason", MARKER]].concat();
    let words = ["repeat", "--destination", "orders", "--account", MARKER, "--reason", "x"];
    let wanted = hold::Asked {
        kind: "dispute".to_owned(),
        account: Some(text()),
        reason: Some(text()),
        debts: vec![text()],
        ..hold::Asked::default()
    };
    let wanted = wanted.read().unwrap();
    let record = HoldFragment {
        wanted,
        lifted: false,
        facts: facts(),
        debts: vec![text()],
        issues: String::new(),
    };
    let fragment = Fragment { hold: Some(Box::new(record.clone())), ..Fragment::default() };
    silent(&[
        &OfHolds::try_parse_from(add).unwrap(),
        &Repeated::try_parse_from(words).unwrap(),
        &Translation::Published(fragment),
        &record,
    ]);
}

#[test]
fn what_goes_in_and_out_does_not_print() {
    let body = json!({ "email_address": MARKER });
    let request = Request {
        url: "https://example.com/",
        query: &[("reference", MARKER)],
        headers: &[("Idempotency-Key", MARKER)],
        bearer: Some(MARKER),
        json: Some(&body),
        text: Some(Text { content_type: "application/json", body: MARKER }),
        put: false,
    };
    let given = Given { name: Some(Personal::new(text())), ..Given::default() };
    let search = Search::new(&given).unwrap();
    let words = ["resident", "search", "--name", MARKER, "--nino", MARKER, "--reference", MARKER];
    silent(&[
        &Raw { bytes: MARKER.as_bytes(), context: MARKER.as_bytes(), context_at: 0 },
        &request,
        &Answer { status: 400, body: MARKER.as_bytes().to_vec(), ..Answer::default() },
        &Secret::new(text()),
        &given,
        &search,
        &Words::try_parse_from(words).unwrap(),
    ]);
}

/// None of them prints the marker, nor its bytes.
fn silent(values: &[&dyn Debug]) {
    let bytes = format!("{:?}", MARKER.as_bytes());
    let bytes = bytes.trim_matches(['[', ']']);
    for value in values {
        for printed in [format!("{value:?}"), format!("{value:#?}")] {
            let lower = printed.to_lowercase();
            assert!(!lower.contains("zqmarker"), "{printed}");
            assert!(!printed.contains(bytes), "{printed}");
            assert!(
                !printed.split_whitespace().collect::<String>().contains(&bytes.replace(' ', ""))
            );
        }
    }
}

#[test]
fn what_civicas_systems_are_asked_and_give_does_not_print() {
    let composed = || Composed { key: text(), text: text(), fault: None };
    silent(&[
        &composed(),
        &Found { records: vec![composed()], ..Found::default() },
        &Unit { account: Some(text()), people: vec![text()] },
        &Basket { reference: text(), token: Secret::new(text()) },
        &Order {
            transaction: MARKER,
            amount_pence: 1,
            reference: MARKER,
            description: MARKER,
            return_url: MARKER,
        },
    ]);
}
