//! What is changed in the CRM, each as one function. None of them decides whether it should be, or tries
//! twice.

use std::sync::Arc;

use super::client::{ACTION, Body, INDIVIDUAL, mark, object};
use super::order::{Agreed, Attachment, NewCase, NewPerson};
use super::party::{Individual, Postal, same_email, same_phone};
use crate::connector::answering::{Doing, unanswered};
use crate::connector::channel::ConnectorError;
use crate::connector::soap::answer::Outcome;
use crate::connector::soap::caller::{Call, Caller};
use crate::connector::soap::envelope::Reply;

/// Changes the CRM.
pub struct Changes {
    caller: Arc<Caller>,
}

/// Where a document is kept that was taken.
pub struct DocumentRef(String);

impl Changes {
    pub fn new(caller: Arc<Caller>) -> Changes {
        Changes { caller }
    }

    /// What is written of a case, in the place of what was.
    pub async fn describe(&self, case: &str, description: &str) -> Result<(), ConnectorError> {
        let body = Body::default()
            .leaf("CaseReference", Some(case))?
            .leaf("Description", Some(description))?
            .root("FWTCaseUpdate");
        self.tell(&body, "FWTCaseUpdateResponse").await.map(|_| ())
    }

    pub async fn close(&self, case: &str) -> Result<(), ConnectorError> {
        let body = Body::default().leaf("CaseReference", Some(case))?.root("FWTCaseClose");
        self.tell(&body, "FWTCaseCloseResponse").await.map(|_| ())
    }

    /// That a person called: without it no case can be made.
    pub async fn interaction(&self, person: &str) -> Result<String, ConnectorError> {
        let body = Body::default()
            .leaf("Channel", Some("Web"))?
            .leaf("Verified", Some("false"))?
            .group("PartyID", object(INDIVIDUAL, person)?)
            .root("FWTInteractionCreate");
        own_text(&self.tell(&body, "InteractionID").await?)
    }

    /// A case, with our reference in what is written of it.
    pub async fn create(
        &self,
        new: &NewCase,
        interaction: &str,
        reference: &str,
    ) -> Result<String, ConnectorError> {
        let description = format!("{}\n{}", new.description.trim_end(), mark(reference));
        let about = Body::default().group("ObjectID", object(INDIVIDUAL, &new.person)?);
        let mut body = Body::default()
            .leaf("ClassificationEventCode", Some(&new.classification.to_string()))?
            .leaf("Title", Some(&new.title))?
            .leaf("Description", Some(&description))?
            .leaf("Queue", new.queue.as_deref())?
            .group("AssociatedObject", about);
        if let Some(form) = &new.form {
            let mut inside = Body::default();
            for (name, value) in &form.fields {
                let value = match value {
                    serde_json::Value::String(text) => text.clone(),
                    serde_json::Value::Null => continue,
                    other => other.to_string(),
                };
                let field = Body::default().leaf("Value", Some(&value))?.leaf("Key", Some(name))?;
                inside = inside.group("FormField", field);
            }
            body = body.group("Form", inside.leaf("FormName", Some(&form.name))?);
        }
        let body = body.leaf("InteractionID", Some(interaction))?.root("FWTCaseCreate");
        own_text(&self.tell(&body, "CaseReference").await?)
    }

    /// Keeps documents, one after another: those that were sent beside each other were lost.
    pub async fn documents(
        &self,
        attachments: &[Attachment],
    ) -> Result<Vec<DocumentRef>, ConnectorError> {
        let mut kept = Vec::with_capacity(attachments.len());
        for attachment in attachments {
            let body = Body::default()
                .leaf("Document", Some(&attachment.base64))?
                .leaf("DocumentName", Some(&attachment.name))?
                .leaf("DocumentType", Some("1"))?
                .root("FWTDocument");
            kept.push(DocumentRef(own_text(&self.tell(&body, "FWTDocumentRef").await?)?));
        }
        Ok(kept)
    }

    /// A note beside a case, with our reference; it takes nothing's place.
    pub async fn note(
        &self,
        case: &str,
        text: &str,
        reference: &str,
        documents: &[DocumentRef],
    ) -> Result<(), ConnectorError> {
        let text = format!("{} {}", mark(reference), text.trim());
        let mut note = Body::default().leaf("Text", Some(&text))?;
        for DocumentRef(reference) in documents {
            note = note.group("Attachment", Body::default().leaf("DocumentRef", Some(reference))?);
        }
        let body = Body::default()
            .leaf("ParentId", Some(case))?
            .group("NoteDetails", note)
            .root("FWTNoteToParentRef");
        self.tell(&body, "FWTNote").await.map(|_| ())
    }

    /// A person; gives the CRM's number of them. The root is that of a person who is read, without a number.
    pub async fn person(&self, new: &NewPerson) -> Result<String, ConnectorError> {
        let name = Body::default()
            .leaf("Forename", Some(new.given.trim()))?
            .leaf("Surname", Some(new.family.trim()))?
            .leaf("Preferred", Some("true"))?;
        let mut body = Body::default().group("Name", name);
        let agreed = Agreed {
            uprn: new.uprn.clone(),
            house: new.house.clone(),
            line1: new.line1.clone(),
            town: new.town.clone(),
            postcode: new.postcode.clone(),
            ..Agreed::default()
        };
        if let Some(details) = address(&agreed)? {
            body = body.group("ContactPostals", details);
        }
        if let Some(number) = &new.phone {
            let phone = Body::default()
                .leaf("Number", Some(number))?
                .leaf("DeviceType", Some("unknown"))?
                .leaf("Preferred", Some("true"))?;
            body = body.group("ContactPhones", phone);
        }
        if let Some(email) = &new.email {
            let email = Body::default()
                .leaf("EmailAddress", Some(email))?
                .leaf("Preferred", Some("true"))?;
            body = body.group("ContactEmails", email);
        }
        let body = body.leaf("DateOfBirth", new.born.as_deref())?.root("FWTIndividual");
        let reply = self.tell(&body, "FLNewIndividualID").await?;
        let id = reply.text("ObjectReference").map(str::to_owned);
        id.ok_or_else(|| unanswered(Doing::Changing, "its answer says no number".to_owned()))
    }

    /// The parts of a person that differ from what was agreed.
    pub async fn update(&self, person: &str, parts: Body) -> Result<(), ConnectorError> {
        let who = Body::default().group("ObjectID", object(INDIVIDUAL, person)?);
        let body =
            Body::default().group("BriefDetails", who).and(parts).root("FWTIndividualUpdate");
        self.tell(&body, "FWTIndividualUpdateResponse").await.map(|_| ())
    }

    async fn tell(&self, body: &str, reply: &str) -> Result<Reply, ConnectorError> {
        let call =
            Call { doing: Doing::Changing, action: ACTION, body, reply: Some(reply), torn: false };
        self.caller.call(call).await.and_then(Outcome::reply)
    }
}

/// What stands in the root of a reply itself.
fn own_text(reply: &Reply) -> Result<String, ConnectorError> {
    let text = reply.text("").map(str::to_owned);
    text.ok_or_else(|| unanswered(Doing::Changing, "its answer says no number".to_owned()))
}

/// What must be changed of a person so that it is as agreed; None where it is so. `lives` is the address of
/// the property that was agreed, if there is one already.
pub fn difference(
    individual: &Individual,
    agreed: &Agreed,
    lives: Option<&Postal>,
) -> Result<Option<Body>, ConnectorError> {
    let mut body = Body::default();
    let mut differs = false;
    if let Some(details) = postal_details(agreed, lives)? {
        body = body.group("ContactPostals", details);
        differs = true;
    }
    let lists = [
        ("ContactPhones", &agreed.phone, &individual.phones, PHONE),
        ("ContactEmails", &agreed.email, &individual.emails, EMAIL),
    ];
    for (list, wanted, known, form) in lists {
        let Some(wanted) = wanted else { continue };
        let found = known.iter().find(|one| (form.same)(&one.value, wanted));
        if found.is_some_and(|found| found.preferred) {
            continue;
        }
        let mut details = Body::default()
            .leaf(form.id, found.map(|found| found.id.as_str()))?
            .leaf(form.value, Some(found.map_or(wanted.as_str(), |found| &found.value)))?;
        // A new telephone must say what it is, and nobody knows.
        if form.is_phone && found.is_none() {
            details = details.leaf("DeviceType", Some("unknown"))?;
        }
        let details = details.leaf("Preferred", Some("true"))?;
        body = body.group(list, item(form.details, details, found.is_some())?);
        differs = true;
    }
    Ok(differs.then_some(body))
}

/// How a list of telephones or e-mails is written.
struct ListForm {
    details: &'static str,
    id: &'static str,
    value: &'static str,
    is_phone: bool,
    same: fn(&str, &str) -> bool,
}

const PHONE: ListForm = ListForm {
    details: "PhoneDetails",
    id: "PhoneID",
    value: "Number",
    is_phone: true,
    same: same_phone,
};
const EMAIL: ListForm = ListForm {
    details: "EmailDetails",
    id: "EmailID",
    value: "EmailAddress",
    is_phone: false,
    same: same_email,
};

fn item(name: &str, details: Body, is_there: bool) -> Result<Body, ConnectorError> {
    let kind = if is_there { "Update" } else { "Insert" };
    Body::default().group(name, details).leaf("ListItemUpdateType", Some(kind))
}

/// What is to be written of an address; None where nothing was agreed, or it is so already.
fn postal_details(agreed: &Agreed, lives: Option<&Postal>) -> Result<Option<Body>, ConnectorError> {
    let details = match lives {
        Some(postal) if postal.preferred => return Ok(None),
        Some(postal) => {
            Body::default().leaf("AddressID", Some(&postal.id))?.leaf("Preferred", Some("true"))?
        }
        None => match address(agreed)? {
            Some(details) => details,
            None => return Ok(None),
        },
    };
    item("PostalDetails", details, lives.is_some()).map(Some)
}

/// Where a UPRN is known it goes alone, and the CRM takes the address from its gazetteer; else number, three
/// lines and the town once more as the fourth. None where neither is known.
fn address(agreed: &Agreed) -> Result<Option<Body>, ConnectorError> {
    if let Some(uprn) = &agreed.uprn {
        let details = Body::default()
            .leaf("UPRN", Some(uprn))?
            .leaf("Preferred", Some("true"))?
            .leaf("Option", Some("use_uprn_for_address"))?
            .leaf("Option", Some("ignore_invalid_uprn"))?;
        return Ok(Some(details));
    }
    let Some(postcode) = &agreed.postcode else { return Ok(None) };
    let mut details = Body::default().leaf("AddressNumber", agreed.house.as_deref())?;
    for line in [&agreed.line1, &agreed.line2, &agreed.line3, &agreed.town] {
        // By their places: one that is empty keeps its own.
        details = details.leaf("AddressLine", Some(line.as_deref().unwrap_or("")))?;
    }
    let details = details
        .leaf("Postcode", Some(postcode))?
        .leaf("City", agreed.town.as_deref())?
        .leaf("Preferred", Some("true"))?;
    Ok(Some(details))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::verint::party::Contact;

    fn written(individual: &Individual, agreed: &Agreed, lives: Option<&Postal>) -> String {
        let body = difference(individual, agreed, lives).expect("it can be said");
        body.map_or(String::new(), |body| body.root("X"))
    }

    fn text(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    #[test]
    fn where_a_uprn_is_known_it_goes_alone() {
        let individual = Individual::default();
        let agreed = Agreed {
            uprn: text("100099900001"),
            line1: text("12 Fiction Road"),
            postcode: text("SK99 1AA"),
            ..Agreed::default()
        };
        let found = written(&individual, &agreed, None);
        assert!(found.contains(
            "<PostalDetails><UPRN>100099900001</UPRN><Preferred>true</Preferred>\
             <Option>use_uprn_for_address</Option><Option>ignore_invalid_uprn</Option></PostalDetails>\
             <ListItemUpdateType>Insert</ListItemUpdateType>"
        ));
        assert!(!found.contains("Fiction"), "{found}");
        let without = Agreed { uprn: None, town: text("Sampleham"), house: text("12"), ..agreed };
        let found = written(&individual, &without, None);
        assert!(found.contains(
            "<AddressNumber>12</AddressNumber><AddressLine>12 Fiction Road</AddressLine><AddressLine>\
             </AddressLine><AddressLine></AddressLine><AddressLine>Sampleham</AddressLine>\
             <Postcode>SK99 1AA</Postcode><City>Sampleham</City>"
        ), "{found}");
    }

    #[test]
    fn quirk_22_what_is_there_in_another_case_is_preferred_and_not_added() {
        let contact = |id: &str, value: &str, preferred| Contact {
            id: id.to_owned(),
            value: value.to_owned(),
            preferred,
        };
        let individual = Individual {
            emails: vec![
                contact("9", "Arden@Example.com", false),
                contact("10", "old@example.com", true),
            ],
            phones: vec![contact("8", "0161 496-0123", true)],
            ..Individual::default()
        };
        let agreed = Agreed {
            email: text("arden@example.com"),
            phone: text("+441614960123"),
            ..Agreed::default()
        };
        let found = written(&individual, &agreed, None);
        assert!(found.contains("<EmailID>9</EmailID>") && found.contains(">Update<"), "{found}");
        assert!(!found.contains("ContactPhones"), "it is so already: {found}");
        let other = Agreed { email: text("new@example.com"), ..Agreed::default() };
        let found = written(&individual, &other, None);
        assert!(found.contains(">Insert<") && !found.contains("EmailID"), "{found}");
        assert!(written(&individual, &Agreed::default(), None).is_empty());
    }

    #[test]
    fn an_address_that_is_there_is_preferred_and_one_that_is_so_stays() {
        let postal = |preferred| Postal { id: "7".to_owned(), preferred, ..Postal::default() };
        let agreed = Agreed { uprn: text("100099900001"), ..Agreed::default() };
        let found = written(&Individual::default(), &agreed, Some(&postal(false)));
        assert!(found.contains("<AddressID>7</AddressID><Preferred>true</Preferred>"), "{found}");
        assert!(found.contains(">Update<"), "{found}");
        assert!(written(&Individual::default(), &agreed, Some(&postal(true))).is_empty());
    }
}
