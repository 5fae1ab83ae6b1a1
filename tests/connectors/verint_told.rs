//! Verint CRM as a system that is told: each thing is done once, whatever is lost, and nothing that somebody
//! else wrote is written over without a word.

use std::sync::Arc;

use serde_json::{Value, json};
use viaduct::app::run;
use viaduct::connector::channel::{ConnectorError, Destination, Inquiry, Question};
use viaduct::connector::definition::Settings;
use viaduct::record::delivery::{Content, Delivery, Form, Push};
use viaduct::sandbox::verint::seed;
use viaduct::suppression::gate::Cleared;

use super::http_push::push;
use super::verint::{Crm, Stage};
use crate::support::hub::{On, on_both};

on_both! {
    a_payment_is_noted_on_the_case_and_an_address_told_once => super::walk,
}

fn open(crm: &Crm, more: &str) -> Arc<dyn Destination> {
    let settings = crm.settings(more);
    settings.destination(&crm.around()).expect("it is told").expect("it opens")
}

fn cleared(reference: &str, body: &Value) -> Cleared<Delivery> {
    push(reference, Form::Json, &body.to_string())
}

/// The decision that a send comes to.
async fn told(system: &dyn Destination, reference: &str, body: &Value) -> String {
    word(
        system
            .deliver(&[cleared(reference, body)])
            .await
            .remove(0)
            .map(|receipt| receipt.platform_id),
    )
}

fn word(found: Result<String, ConnectorError>) -> String {
    match found {
        Ok(id) => format!("done {id}"),
        Err(ConnectorError::Refused { code, .. }) => format!("refused {code}"),
        Err(ConnectorError::Unavailable { .. }) => "later".to_owned(),
        Err(ConnectorError::Unknown { .. }) => "unknown".to_owned(),
        Err(other) => other.to_string(),
    }
}

/// What is found out of one that nobody answered.
async fn asked(system: &dyn Destination, reference: &str, body: &Value) -> String {
    let push = Push {
        event: "resident.changed".to_owned(),
        key: 7,
        version: 3,
        composed_ms: chrono::Utc::now().timestamp_millis() - 1_000,
        form: Form::Json,
        body: body.to_string(),
    };
    let question = Question {
        reference: reference.to_owned(),
        content: Some(Content::Push(push)),
        platform_id: None,
        first_intent_ms: 0,
        intent_ms: 0,
        in_doubt: false,
    };
    match system.inquire(&question).await {
        Ok(Inquiry::Happened(receipt)) => format!("happened {}", receipt.platform_id),
        Ok(Inquiry::NotFound) => "not found".to_owned(),
        Ok(Inquiry::CannotTell) => "cannot tell".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn note(text: &str) -> Value {
    json!({ "do": "case.note", "case": seed::CASE_ARDEN, "text": text })
}

async fn description(crm: &Crm) -> String {
    let case = crm.get(&format!("cases/{}", seed::CASE_ARDEN)).await;
    case["description"].as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn a_note_is_added_once_behind_what_stands_there() {
    let crm = Crm::open().await;
    let system = open(&crm, "");
    let order = note("Paid <£142.50> & thanked.");
    assert_eq!(asked(&*system, "r-1", &order).await, "not found");
    assert_eq!(told(&*system, "r-1", &order).await, format!("done {}", seed::CASE_ARDEN));
    assert_eq!(
        description(&crm).await,
        "Resident asks for a payment arrangement\n[ref r-1] Paid <£142.50> & thanked."
    );
    // Told again, it is there already; a reference within another is not the other.
    assert!(told(&*system, "r-1", &order).await.starts_with("done"));
    assert!(told(&*system, "r-12", &order).await.starts_with("done"));
    assert!(asked(&*system, "r-1", &order).await.starts_with("happened"));
    assert_eq!(crm.did().await, ["case.update", "case.update"]);
    let beside = open(&crm, "notes = \"note\"\n");
    assert!(told(&*beside, "r-2", &order).await.starts_with("done"));
    assert!(asked(&*beside, "r-2", &order).await.starts_with("happened"));
    assert_eq!(crm.did().await.last().unwrap(), "case.note");
    let nowhere = json!({ "do": "case.note", "case": "7", "text": "x" });
    assert_eq!(told(&*system, "r-3", &nowhere).await, "refused verint.not_found");
}

#[tokio::test]
async fn a_note_that_somebody_wrote_over_is_not_called_done() {
    let crm = Crm::open().await;
    let system = open(&crm, "");
    crm.put("behaviour", json!({ "written_over": 1 })).await;
    assert_eq!(told(&*system, "r-1", &note("Paid.")).await, "unknown");
    assert_eq!(asked(&*system, "r-1", &note("Paid.")).await, "not found");
    assert!(told(&*system, "r-1", &note("Paid.")).await.starts_with("done"));
    let text = description(&crm).await;
    assert!(text.contains("Rang again, no answer.") && text.ends_with("[ref r-1] Paid."), "{text}");
}

#[tokio::test]
async fn f28_an_answer_that_is_lost_is_found_out_and_nothing_is_done_twice() {
    for order in [
        note("Paid."),
        json!({ "do": "case.close", "case": seed::CASE_ARDEN }),
        json!({ "do": "individual.update", "person": seed::ARDEN, "email": "new@example.com" }),
        json!({ "do": "case.create", "person": seed::ARDEN, "classification": 4009999, "title": "Arrears",
                "description": "Asks.", "attachments": [{ "name": "a.txt", "base64": "YQ==" }] }),
    ] {
        for kind in ["lost_answer", "lost_before"] {
            let crm = Crm::open().await;
            let system = open(&crm, "");
            let path = match order["do"].as_str().unwrap() {
                "case.create" => "FWTCaseCreate",
                _ => "/FWT",
            };
            crm.put("faults", json!({ "next": [{ "kind": kind, "path": path }] })).await;
            assert_eq!(told(&*system, "r-1", &order).await, "unknown", "{kind} {order}");
            let found = asked(&*system, "r-1", &order).await;
            let is_whole = kind == "lost_answer" && path == "/FWT";
            assert_eq!(found.starts_with("happened"), is_whole, "{kind} {order}: {found}");
            // A case that is there without its documents is not made again.
            let again = Delivery {
                intent: 2,
                unanswered_since_ms: Some(1),
                ..cleared("r-1", &order).get().clone()
            };
            let again = super::verint_told::clear_again(again);
            let done = word(system.deliver(&[again]).await.remove(0).map(|one| one.platform_id));
            assert!(done.starts_with("done"), "{kind} {order}: {done}");
            assert!(asked(&*system, "r-1", &order).await.starts_with("happened"), "{kind} {order}");
            let did = crm.did().await;
            for once in
                ["case.update", "case.close", "individual.update", "case.create", "case.note"]
            {
                assert!(
                    did.iter().filter(|one| *one == once).count() <= 1,
                    "{kind} {order}: {did:?}"
                );
            }
        }
    }
}

/// As the gate would let it pass once more.
pub fn clear_again(delivery: Delivery) -> Cleared<Delivery> {
    use viaduct::record::facts::Facts;
    use viaduct::suppression::gate;
    use viaduct::suppression::policy::Policy;
    let standing = gate::Standing { resident: Some(Facts::default()), ..Default::default() };
    gate::clear(delivery, &standing, &Policy::default()).expect("nothing stands in the way")
}

#[tokio::test]
async fn quirk_22_and_23_what_was_agreed_is_written_once_by_the_rule_for_addresses() {
    let crm = Crm::open().await;
    let system = open(&crm, "");
    let order = |more: Value| {
        let mut order = json!({ "do": "individual.update", "person": seed::ARDEN });
        order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        order
    };
    // As it is, however it is written: nothing is to be done.
    for same in [
        json!({ "email": "ARDEN@example.com" }),
        json!({ "phone": "+44 161 496 0123" }),
        json!({ "uprn": "100099900001", "line1": "12 Fiction Road", "postcode": "SK99 1AA" }),
        json!({ "line1": "12", "postcode": "sk991aa" }),
    ] {
        assert!(told(&*system, "r-1", &order(same)).await.starts_with("done"));
    }
    assert_eq!(crm.did().await, Vec::<String>::new());
    // An address before, which is known by the CRM's own number of the property, is preferred again.
    assert!(
        told(&*system, "r-2", &order(json!({ "uprn": "100099900002" }))).await.starts_with("done")
    );
    let her = crm.get(&format!("individuals/{}", seed::ARDEN)).await;
    assert_eq!(her["postals"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&her["postals"][0]["preferred"], &her["postals"][1]["preferred"]),
        (&true.into(), &false.into())
    );
    // A new one goes by its UPRN alone, and the CRM fills in the rest.
    let moved = order(json!({ "uprn": "100099900003", "line1": "wrong", "postcode": "SK99 9ZZ" }));
    assert!(told(&*system, "r-3", &moved).await.starts_with("done"));
    let her = crm.get(&format!("individuals/{}", seed::ARDEN)).await;
    let postal = &her["postals"][2];
    assert_eq!(
        (&postal["postcode"], &postal["preferred"]),
        (&json!("SK99 1AD"), &json!(true)),
        "{her}"
    );
    assert_eq!(told(&*system, "r-4", &order(json!({ "uprn": "x" }))).await, "refused verint.value");
    let nobody = json!({ "do": "individual.update", "person": "7", "email": "a@example.com" });
    assert_eq!(told(&*system, "r-5", &nobody).await, "refused verint.not_found");
}

#[tokio::test]
async fn quirk_24_a_case_is_made_after_its_interaction_and_its_documents_one_after_another() {
    let crm = Crm::open().await;
    let system = open(&crm, "");
    let documents: Vec<Value> =
        (0..3).map(|number| json!({ "name": format!("{number}.txt"), "base64": "YQ==" })).collect();
    let order = json!({
        "do": "case.create", "person": seed::ARDEN, "classification": 4009999, "title": "Arrears",
        "description": "Asks.", "form": { "name": "ctax", "fields": { "ctax_ref": "990000017" } },
        "attachments": documents,
    });
    let made = told(&*system, "r-1", &order).await;
    let case = crm.get(&format!("cases/{}", made.trim_start_matches("done "))).await;
    assert_eq!(case["description"], "Asks.\n[ref r-1]");
    assert_eq!(case["form"], json!([["ctax_ref", "990000017"]]));
    assert_eq!(case["notes"][0]["documents"].as_array().unwrap().len(), 3, "{case}");
    let did = crm.did().await;
    let wanted =
        ["interaction.create", "case.create", "document", "document", "document", "case.note"];
    assert_eq!(did, wanted);
    assert_eq!(crm.ledger().await["documents"], 3, "none was lost");
}

#[tokio::test]
async fn quirk_21_somebody_who_may_be_known_is_neither_made_again_nor_written_to() {
    let crm = Crm::open().await;
    let system = open(&crm, "");
    let known = json!({ "do": "individual.create", "given": "Arden", "family": "Testberry",
                        "phone": "0161 496 0123" });
    assert_eq!(told(&*system, "r-1", &known).await, "refused verint.likely");
    assert_eq!(crm.did().await, Vec::<String>::new());
    let new = json!({ "do": "individual.create", "given": "Robin", "family": "Bramble",
                      "born": "1990-01-31", "uprn": "100099900003", "email": "robin@example.com" });
    let made = told(&*system, "r-2", &new).await;
    let made = crm.get(&format!("individuals/{}", made.trim_start_matches("done "))).await;
    assert_eq!(made["emails"][0]["value"], "robin@example.com");
    // The CRM has no place for our reference: a person finds out.
    assert_eq!(asked(&*system, "r-2", &new).await, "cannot tell");
}

/// A council tax extract with one account of Arden's.
fn extract(paid: &str, uprn: &str) -> String {
    format!(
        "<c:CouncilTaxExtract xmlns:c=\"urn:example:ctax:extract:1\"><c:Account ref=\"9900000017\">\
         <c:Status>OPEN</c:Status><c:LiablePersons><c:Person seq=\"1\" role=\"PRIMARY\">\
         <c:Forename>Arden</c:Forename><c:Surname>TESTBERRY</c:Surname><c:DateOfBirth>1984-02-29</c:DateOfBirth>\
         <c:NINO>QQ123456A</c:NINO></c:Person></c:LiablePersons><c:Property><c:UPRN>{uprn}</c:UPRN>\
         <c:Address><c:Line1>3 Nowhere Lane</c:Line1><c:Town>Sampleham</c:Town><c:Postcode>SK99 1AD</c:Postcode>\
         </c:Address></c:Property><c:Balance year=\"2026\"><c:Outstanding>855.00</c:Outstanding>\
         <c:Paid>{paid}</c:Paid></c:Balance></c:Account><c:Trailer accounts=\"1\"/></c:CouncilTaxExtract>"
    )
}

async fn walk(on: On) {
    let stage = Stage::open(on).await;
    let (hub, crm) = (&stage.hub, &stage.crm);
    hub.run("ingest-verint").await;
    hub.run("ingest-verint-people").await;
    hub.drop_file("revenues", "ctax-1.xml", extract("0.00", "100099900001").as_bytes());
    hub.run("ingest-revenues").await;
    let residents = hub.rows("SELECT facts FROM resident").await;
    assert_eq!(residents.len(), 3, "she is one resident: {residents:?}");
    hub.drop_file("revenues", "ctax-2.xml", extract("142.50", "100099900003").as_bytes());
    hub.run("ingest-revenues").await;
    let sql = "SELECT mapping || ' ' || state || ' ' || COALESCE(cause, '') FROM delivery \
               WHERE destination = 'verint' ORDER BY mapping";
    let waiting: Vec<String> =
        hub.rows(sql).await.into_iter().map(|mut row| row.remove(0)).collect();
    assert!(waiting.iter().any(|one| one.starts_with("payment_on_case waiting")), "{waiting:?}");
    for _ in 0..2 {
        let job = hub.context.job("deliver-verint").unwrap();
        run::run_deliver(&hub.context, job).await.map_err(|error| error.to_string()).unwrap();
    }
    let done: Vec<String> = hub.rows(sql).await.into_iter().map(|mut row| row.remove(0)).collect();
    assert!(done.iter().all(|one| one.contains(" delivered")), "{done:?}");
    let text = description(crm).await;
    assert!(text.starts_with("Resident asks for a payment arrangement\n[ref "), "{text}");
    assert!(text.ends_with("Paid this year: £142.50."), "{text}");
    let did = crm.did().await;
    assert_eq!(did.iter().filter(|one| *one == "case.update").count(), 1, "{did:?}");
    // What the CRM says of it comes back as a change of its own, and nothing follows from it.
    hub.run("ingest-verint").await;
    hub.run("ingest-verint-people").await;
    let job = hub.context.job("deliver-verint").unwrap();
    run::run_deliver(&hub.context, job).await.map_err(|error| error.to_string()).unwrap();
    assert_eq!(crm.did().await.iter().filter(|one| *one == "case.update").count(), 1);
}

/// Many who want a token, and a password that is wrong: it is tried once, and not once by each of them.
#[tokio::test]
async fn f35_a_refused_sign_in_is_tried_once_by_all_who_wait_for_it() {
    let crm = Crm::open().await;
    let settings = crm.settings("");
    let wrong = viaduct::connector::definition::Surroundings {
        variable: Arc::new(|_| Some("wrong".to_owned())),
        ..crm.around()
    };
    let questions = viaduct::connector::verint::client::Questions::new(Arc::new(
        settings.open(&wrong).expect("it opens"),
    ));
    let asked = (0..8).map(|_| questions.case(seed::CASE_ARDEN));
    for answer in futures_util::future::join_all(asked).await {
        let Err(refused) = answer else { panic!("nobody is let in") };
        assert!(matches!(refused, ConnectorError::Unauthorised { .. }), "{refused}");
    }
    assert_eq!(crm.ledger().await["refused"], 1);
}
