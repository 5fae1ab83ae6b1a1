//! Each operation, told apart by the root of the body and by nothing else. A person who is created and one
//! who is read have the same root: what is in it tells which.

use serde_json::json;

use super::state::{Case, Contact, Individual, Memory, Note, Postal};
use super::write::{self, brief, leaf, root};
use super::xml::Element;

/// Why an operation was not done.
pub struct Refused {
    pub code: u32,
    pub name: &'static str,
    pub message: String,
    pub about: String,
}

type Answer = Result<String, Refused>;

/// Operations that change nothing.
const QUESTIONS: [&str; 5] = [
    "FWTPartySearch",
    "FLIndividualID",
    "FLPropertyID",
    "FWTCaseSearch",
    "FWTCaseFullDetailsRequest",
];

/// Whether what is asked for changes nothing.
pub fn is_question(root: &str) -> bool {
    QUESTIONS.contains(&root)
}

/// The moment of a call, UTC milliseconds and as the CRM writes it.
#[derive(Clone, Copy)]
pub struct At<'a> {
    pub ms: i64,
    pub said: &'a str,
}

/// Does it. Documents are not among these: they take their time.
pub fn perform(memory: &mut Memory, body: &Element, at: At<'_>) -> Answer {
    match body.name.as_str() {
        "FWTPartySearch" => Ok(people(memory, body)),
        "FLIndividualID" => {
            let id = body.text_at("ObjectReference").unwrap_or_default();
            let found = memory.individuals.get(id).ok_or_else(|| not_found("C1", id))?;
            Ok(write::individual(found))
        }
        "FLPropertyID" => {
            let id = body.text_at("ObjectReference").unwrap_or_default();
            let found = memory.properties.get(id).ok_or_else(|| not_found("D3", id))?;
            Ok(write::property(id, found))
        }
        "FWTIndividual" => create_person(memory, body, at),
        "FWTIndividualUpdate" => update_person(memory, body, at),
        "FWTInteractionCreate" => interaction(memory, body, at),
        "FWTCaseSearch" => Ok(cases(memory, body)),
        "FWTCaseFullDetailsRequest" => {
            let id = case_id(memory, body)?;
            Ok(write::case(&id, &memory.cases[&id]))
        }
        "FWTCaseCreate" => create_case(memory, body, at),
        "FWTCaseUpdate" => update_case(memory, body, at),
        "FWTCaseClose" => close_case(memory, body, at),
        "FWTNoteToParentRef" => add_note(memory, body, at),
        other => Err(refused(1000, "UNKNOWN_OPERATION", "Unknown operation", other)),
    }
}

fn refused(code: u32, name: &'static str, message: &str, about: &str) -> Refused {
    Refused { code, name, message: message.to_owned(), about: about.to_owned() }
}

fn not_found(kind: &str, id: &str) -> Refused {
    refused(1201, "NOT_FOUND", "Object not found", &format!("{kind}:{id}"))
}

fn invalid(what: &str) -> Refused {
    refused(1100, "INVALID_REQUEST", &format!("Missing value for {what}"), "")
}

fn list(found: Vec<String>) -> String {
    root("FWTObjectBriefDetailsList", &found.concat())
}

/// Everything that is asked with must fit; texts whatever their case.
fn people(memory: &Memory, body: &Element) -> String {
    let said = |name: &str| body.text_at(name);
    let same = |one: &str, two: &str| one.trim().to_lowercase() == two.trim().to_lowercase();
    let bare = |text: &str| text.replace([' ', '-'], "").to_lowercase();
    let fits = |person: &&Individual| {
        said("Name").is_none_or(|name| same(name, &person.family))
            && said("Forename")
                .is_none_or(|name| person.given.first().is_some_and(|given| same(name, given)))
            && said("DateOfBirth").is_none_or(|day| person.born.as_deref() == Some(day))
            && said("Postcode").is_none_or(|code| {
                person.postals.iter().any(|one| bare(&one.postcode) == bare(code))
            })
            && said("AddressNumber")
                .is_none_or(|number| person.postals.iter().any(|one| same(&one.number, number)))
            && said("PhoneNumber").is_none_or(|number| {
                person.phones.iter().any(|one| bare(&one.value) == bare(number))
            })
            && said("EmailAddress")
                .is_none_or(|email| person.emails.iter().any(|one| same(&one.value, email)))
    };
    let found = memory.individuals.values().filter(fits);
    list(found.map(|one| brief("C1", &one.id, &write::full_name(one))).collect())
}

/// By when they changed, or were made; as many as the limit, and not a word that there are more.
fn cases(memory: &Memory, body: &Element) -> String {
    let within = |at: &str, from: &str, to: &str| {
        body.text_at(from).is_none_or(|from| at >= from)
            && body.text_at(to).is_none_or(|to| at <= to)
    };
    let fits = |case: &Case| {
        within(&case.modified, "LastModifiedDateFrom", "LastModifiedDateTo")
            && within(&case.opened, "CreatedAfter", "CreatedBefore")
    };
    let limit = body.text_at("ResultsLimit").and_then(|text| text.parse().ok()).unwrap_or(100);
    let all = memory.cases.iter().chain(&memory.gone);
    let found = all.filter(|(_, case)| fits(case)).take(limit);
    let numberless = memory.behaviour.unnumbered.as_deref();
    let shown = |id: &str| if numberless == Some(id) { String::new() } else { id.to_owned() };
    list(found.map(|(id, case)| brief("C3", &shown(id), &case.title)).collect())
}

fn create_person(memory: &mut Memory, body: &Element, at: At<'_>) -> Answer {
    if body.child("BriefDetails").is_some() {
        return Err(invalid("a new individual, which has no number"));
    }
    let family = body.text_at("Name/Surname").ok_or_else(|| invalid("Surname"))?.to_owned();
    let id = memory.number(101_000_010_000);
    let mut person = Individual {
        id: id.clone(),
        given: body
            .at("Name")
            .into_iter()
            .flat_map(|name| name.all("Forename"))
            .map(text)
            .collect(),
        family,
        born: body.text_at("DateOfBirth").map(str::to_owned),
        modified: at.said.to_owned(),
        ..Individual::default()
    };
    for details in body.all("ContactPostals") {
        put_postal(memory, &mut person, details, "Insert")?;
    }
    for (list, value) in [("ContactPhones", "Number"), ("ContactEmails", "EmailAddress")] {
        for details in body.all(list) {
            put_contact(memory, &mut person, list, details, value, "Insert")?;
        }
    }
    memory.note("individual.create", &id, at.ms, json!({}));
    memory.individuals.insert(id.clone(), person);
    Ok(root("FLNewIndividualID", &write::object("C1", &id)))
}

fn text(element: &Element) -> String {
    element.text.trim().to_owned()
}

fn update_person(memory: &mut Memory, body: &Element, at: At<'_>) -> Answer {
    let id = body.text_at("BriefDetails/ObjectID/ObjectReference").unwrap_or_default().to_owned();
    let found = memory.individuals.get(&id).cloned();
    let mut person = found.ok_or_else(|| not_found("C1", &id))?;
    let kind = |item: &Element| item.text_at("ListItemUpdateType").unwrap_or_default().to_owned();
    for item in body.all("ContactPostals") {
        let details = item.child("PostalDetails").ok_or_else(|| invalid("PostalDetails"))?;
        put_postal(memory, &mut person, details, &kind(item))?;
    }
    let lists = [
        ("ContactPhones", "PhoneDetails", "Number"),
        ("ContactEmails", "EmailDetails", "EmailAddress"),
    ];
    for (list, inner, value) in lists {
        for item in body.all(list) {
            let details = item.child(inner).ok_or_else(|| invalid(inner))?;
            put_contact(memory, &mut person, list, details, value, &kind(item))?;
        }
    }
    person.modified = at.said.to_owned();
    let what = json!({
        "postals": body.all("ContactPostals").count(),
        "phones": body.all("ContactPhones").count(),
        "emails": body.all("ContactEmails").count(),
    });
    memory.note("individual.update", &id, at.ms, what);
    memory.individuals.insert(id, person);
    Ok(root("FWTIndividualUpdateResponse", "0"))
}

fn put_postal(
    memory: &mut Memory,
    person: &mut Individual,
    details: &Element,
    kind: &str,
) -> Result<(), Refused> {
    let id = details.text_at("AddressID").map(str::to_owned);
    let preferred = details.text_at("Preferred") == Some("true");
    if preferred {
        person.postals.iter_mut().for_each(|one| one.preferred = false);
    }
    if kind == "Update" {
        let known = person.postals.iter_mut().find(|one| Some(&one.id) == id.as_ref());
        known.ok_or_else(|| invalid("AddressID"))?.preferred = preferred;
        return Ok(());
    }
    let uprn = details.text_at("UPRN").unwrap_or_default().to_owned();
    let by_uprn = details.all("Option").any(|option| text(option) == "use_uprn_for_address");
    let property = memory.properties.values().find(|one| one.uprn.trim() == uprn).cloned();
    let mut lines: Vec<String> = details.all("AddressLine").map(text).collect();
    lines.resize(4, String::new());
    let mut postal = Postal {
        id: memory.number(20),
        number: details.text_at("AddressNumber").unwrap_or_default().to_owned(),
        lines: [lines[0].clone(), lines[1].clone(), lines[2].clone(), lines[3].clone()],
        postcode: details.text_at("Postcode").unwrap_or_default().to_owned(),
        uprn,
        city: details.text_at("City").unwrap_or_default().to_owned(),
        preferred,
    };
    if let Some(property) = property.filter(|_| by_uprn) {
        postal.number = property.number;
        postal.lines[0] = property.line;
        postal.city = property.city;
        postal.postcode = property.postcode;
    }
    person.postals.push(postal);
    Ok(())
}

fn put_contact(
    memory: &mut Memory,
    person: &mut Individual,
    list: &str,
    details: &Element,
    value: &str,
    kind: &str,
) -> Result<(), Refused> {
    let (known, id_name) = match list {
        "ContactPhones" => (&mut person.phones, "PhoneID"),
        _ => (&mut person.emails, "EmailID"),
    };
    let preferred = details.text_at("Preferred") == Some("true");
    let said = details.text_at(value).ok_or_else(|| invalid(value))?.to_owned();
    if preferred {
        known.iter_mut().for_each(|one| one.preferred = false);
    }
    if kind == "Update" {
        let id = details.text_at(id_name);
        let found = known.iter_mut().find(|one| Some(one.id.as_str()) == id);
        let found = found.ok_or_else(|| invalid(id_name))?;
        (found.value, found.preferred) = (said, preferred);
        return Ok(());
    }
    if list == "ContactPhones" && details.text_at("DeviceType").is_none() {
        return Err(invalid("DeviceType"));
    }
    known.push(Contact { id: memory.number(20), value: said, preferred });
    Ok(())
}

fn interaction(memory: &mut Memory, body: &Element, at: At<'_>) -> Answer {
    let person = body.text_at("PartyID/ObjectReference").unwrap_or_default().to_owned();
    if !memory.individuals.contains_key(&person) {
        return Err(not_found("C1", &person));
    }
    let id = memory.number(555_000_000);
    memory.note("interaction.create", &id, at.ms, json!({ "person": person }));
    memory.interactions.insert(id.clone(), person);
    Ok(root("InteractionID", &id))
}

fn create_case(memory: &mut Memory, body: &Element, at: At<'_>) -> Answer {
    let interaction = body.text_at("InteractionID").unwrap_or_default();
    let person = memory.interactions.get(interaction).cloned();
    let person = person.ok_or_else(|| invalid("InteractionID"))?;
    let code = body.text_at("ClassificationEventCode").map(str::to_owned);
    let code = code.ok_or_else(|| invalid("ClassificationEventCode"))?;
    let value = |way: &str| body.text_at(way).unwrap_or_default().to_owned();
    let fields = body.child("Form").into_iter().flat_map(|form| form.all("FormField"));
    let form = fields.filter_map(|field| {
        Some((field.text_at("Key")?.to_owned(), field.text_at("Value")?.to_owned()))
    });
    let case = Case {
        person: Some(person),
        status: "Open".to_owned(),
        title: value("Title"),
        description: value("Description"),
        queue: body.text_at("Queue").map(str::to_owned),
        classification: ["Revenues", "Council Tax", "Enquiry"].map(str::to_owned),
        event_code: Some(code),
        form: form.collect(),
        opened: at.said.to_owned(),
        modified: at.said.to_owned(),
        ..Case::default()
    };
    let id = memory.number(101_009_991_000);
    memory.note("case.create", &id, at.ms, json!({ "title": case.title }));
    memory.cases.insert(id.clone(), case);
    Ok(root("CaseReference", &id))
}

/// What is written takes the place of what was; somebody else may do the same a moment later.
fn update_case(memory: &mut Memory, body: &Element, at: At<'_>) -> Answer {
    let id = case_id(memory, body)?;
    let is_written_over = memory.behaviour.written_over > 0;
    memory.behaviour.written_over -= u32::from(is_written_over);
    let description = body.text_at("Description").map(str::to_owned);
    let case = memory.cases.get_mut(&id).ok_or_else(|| not_found("C3", &id))?;
    let before = case.description.clone();
    if let Some(description) = &description {
        case.description = description.clone();
    }
    if is_written_over {
        case.description = format!("{before}\nRang again, no answer.");
    }
    case.modified = at.said.to_owned();
    memory.note("case.update", &id, at.ms, json!({ "description": description }));
    Ok(root("FWTCaseUpdateResponse", "0"))
}

fn close_case(memory: &mut Memory, body: &Element, at: At<'_>) -> Answer {
    let id = case_id(memory, body)?;
    let case = memory.cases.get_mut(&id).ok_or_else(|| not_found("C3", &id))?;
    case.status = "Closed".to_owned();
    case.closed = Some(at.said.to_owned());
    case.modified = at.said.to_owned();
    memory.note("case.close", &id, at.ms, json!({}));
    Ok(root("FWTCaseCloseResponse", "0"))
}

fn add_note(memory: &mut Memory, body: &Element, at: At<'_>) -> Answer {
    let id = body.text_at("ParentId").unwrap_or_default().to_owned();
    let text = body.text_at("NoteDetails/Text").ok_or_else(|| invalid("Text"))?.to_owned();
    let attachments = body.at("NoteDetails").into_iter().flat_map(|note| note.all("Attachment"));
    let documents: Vec<String> = attachments
        .filter_map(|attachment| attachment.text_at("DocumentRef"))
        // One that was lost is not missed by anybody.
        .filter(|reference| memory.documents.contains_key(*reference))
        .map(str::to_owned)
        .collect();
    let count = documents.len();
    let case = memory.cases.get_mut(&id).ok_or_else(|| not_found("C3", &id))?;
    case.notes.push(Note { text: text.clone(), documents });
    case.modified = at.said.to_owned();
    memory.note("case.note", &id, at.ms, json!({ "text": text, "documents": count }));
    Ok(root("FWTNote", &leaf("Text", &text)))
}

fn case_id(memory: &Memory, body: &Element) -> Result<String, Refused> {
    let id = body.text_at("CaseReference").unwrap_or_default();
    match memory.cases.contains_key(id) {
        true => Ok(id.to_owned()),
        false => Err(not_found("C3", id)),
    }
}
