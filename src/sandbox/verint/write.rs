//! What the CRM answers, as it writes it: envelopes, faults, people and cases.

use super::state::{Case, Contact, Individual, Postal, Property};
use super::xml::escaped;

pub const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
pub const TYPES: &str = "http://www.lagan.com/wsdl/FLTypes";
pub const AUTH_TYPES: &str = "http://www.lagan.com/wsdl/FLAuthTypes";
pub const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

pub fn envelope(header: &str, body: &str) -> String {
    let header = match header.is_empty() {
        true => String::new(),
        false => format!("<s:Header>{header}</s:Header>"),
    };
    format!("<s:Envelope xmlns:s=\"{SOAP}\">{header}<s:Body>{body}</s:Body></s:Envelope>")
}

/// The root of a body: it alone is in a namespace.
pub fn root(name: &str, inside: &str) -> String {
    format!("<f:{name} xmlns:f=\"{TYPES}\" xmlns:xsi=\"{XSI}\">{inside}</f:{name}>")
}

pub fn leaf(name: &str, value: &str) -> String {
    format!("<{name}>{}</{name}>", escaped(value))
}

pub fn object(kind: &str, id: &str) -> String {
    format!("{}{}", leaf("ObjectType", kind), leaf("ObjectReference", id))
}

pub fn brief(kind: &str, id: &str, description: &str) -> String {
    format!(
        "<ObjectBriefDetails><ObjectID>{}</ObjectID>{}<Category>0</Category></ObjectBriefDetails>",
        object(kind, id),
        leaf("ObjectDescription", description)
    )
}

pub fn fault(code: u32, name: &str, message: &str, more: &str) -> String {
    envelope(
        "",
        &format!(
            "<s:Fault><faultcode>s:Server</faultcode><faultstring>FWTException</faultstring><detail>\
             <f:FWTException xmlns:f=\"{TYPES}\">{}{}{}{}</f:FWTException></detail></s:Fault>",
            leaf("ErrorMessage", message),
            leaf("ErrorCode", &code.to_string()),
            leaf("Name", name),
            leaf("AdditionalInfo", more)
        ),
    )
}

pub fn token(token: &str, user: &str) -> String {
    let header = format!(
        "<wsse:Security xmlns:wsse=\"{WSSE}\"><wsse:BinarySecurityToken>{}</wsse:BinarySecurityToken>\
         </wsse:Security>",
        escaped(token)
    );
    let body = format!(
        "<a:FWTVerifyDetails xmlns:a=\"{AUTH_TYPES}\"><User>{}{}</User></a:FWTVerifyDetails>",
        leaf("UserID", "42"),
        leaf("UserName", user)
    );
    envelope(&header, &body)
}

pub fn individual(found: &Individual) -> String {
    let said = full_name(found);
    let mut out = format!(
        "<BriefDetails><ObjectID>{}</ObjectID>{}</BriefDetails>",
        object("C1", &found.id),
        leaf("ObjectDescription", &said)
    );
    let given: String = found.given.iter().map(|name| leaf("Forename", name)).collect();
    out.push_str(&format!(
        "<Name><NameID>1</NameID>{}{given}{}{}<Preferred>true</Preferred></Name>",
        leaf("Title", &found.title),
        leaf("Surname", &found.family),
        leaf("FullName", &said)
    ));
    found.postals.iter().for_each(|one| out.push_str(&postal(one)));
    let contact = |list: &str, id: &str, name: &str, more: &str, one: &Contact| {
        format!(
            "<{list}>{}{}{more}{}</{list}>",
            leaf(id, &one.id),
            leaf(name, &one.value),
            leaf("Preferred", if one.preferred { "true" } else { "false" })
        )
    };
    let device = "<DeviceType>unknown</DeviceType>";
    for one in &found.phones {
        out.push_str(&contact("ContactPhones", "PhoneID", "Number", device, one));
    }
    for one in &found.emails {
        out.push_str(&contact("ContactEmails", "EmailID", "EmailAddress", "", one));
    }
    if let Some(nino) = &found.nino {
        out.push_str(&leaf("NationalInsuranceNumber", nino));
    }
    if let Some(born) = &found.born {
        out.push_str(&leaf("DateOfBirth", born));
    }
    out.push_str(&format!(
        "<AuditDetails>{}{}</AuditDetails>",
        leaf("Created", "2019-05-01T09:00:00"),
        leaf("LastModified", &found.modified)
    ));
    root("FWTIndividual", &out)
}

pub fn full_name(found: &Individual) -> String {
    let parts =
        [found.title.as_str(), found.given.first().map_or("", String::as_str), &found.family];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn postal(one: &Postal) -> String {
    let lines: String = one
        .lines
        .iter()
        .map(|line| match line.is_empty() {
            true => "<AddressLine xsi:nil=\"true\"/>".to_owned(),
            false => leaf("AddressLine", line),
        })
        .collect();
    format!(
        "<ContactPostals>{}{}{lines}{}{}{}{}</ContactPostals>",
        leaf("AddressID", &one.id),
        leaf("AddressNumber", &one.number),
        leaf("Postcode", &one.postcode),
        leaf("UPRN", &one.uprn),
        leaf("City", &one.city),
        leaf("Preferred", if one.preferred { "true" } else { "false" })
    )
}

/// A property. Easting and northing have names that say something else.
pub fn property(id: &str, found: &Property) -> String {
    let brief = format!("<BriefDetails><ObjectID>{}</ObjectID></BriefDetails>", object("D3", id));
    let inside = [
        brief,
        leaf("UPRN", &found.uprn),
        leaf("USRN", "20099001"),
        leaf("AddressNumber", &found.number),
        leaf("AddressLine1", &found.line),
        leaf("City", &found.city),
        leaf("Postcode", &found.postcode),
        leaf("GPSItmGeoCode", "389512.00 "),
        leaf("GPSUtmGeoCode", "390123.00 "),
    ];
    root("FWTProperty", &inside.concat())
}

pub fn case(id: &str, found: &Case) -> String {
    let classifiers: String =
        found.classification.iter().map(|one| leaf("Classifier", one)).collect();
    let optional = |name: &str, value: &Option<String>| {
        value.as_deref().map_or(String::new(), |value| leaf(name, value))
    };
    let mut core = [
        leaf("CaseReference", id),
        leaf("Status", &found.status),
        leaf("Opened", &found.opened),
        optional("Closed", &found.closed),
        format!("<Classification>{classifiers}</Classification>"),
        leaf("Title", &found.title),
    ]
    .concat();
    if let Some(person) = &found.person {
        core.push_str(&format!(
            "<AssociatedObject><ObjectID>{}</ObjectID></AssociatedObject>",
            object("C1", person)
        ));
    }
    core.push_str(&leaf("Description", &found.description));
    core.push_str(&optional("Queue", &found.queue));
    let mut out = format!("<CoreDetails>{core}</CoreDetails>");
    let fields: String = (found.form.iter())
        .map(|(key, value)| {
            format!("<FormField>{}{}</FormField>", leaf("Value", value), leaf("Key", key))
        })
        .collect();
    out.push_str(&format!("<Form>{fields}</Form>"));
    for note in &found.notes {
        let documents: String = note.documents.iter().map(|one| leaf("DocumentRef", one)).collect();
        out.push_str(&format!("<Notes>{}{documents}</Notes>", leaf("Text", &note.text)));
    }
    if let Some(person) = &found.person {
        out.push_str(&format!(
            "<Interactions><InteractionID>1</InteractionID><PartyID>{}</PartyID></Interactions>",
            object("C1", person)
        ));
    }
    root("FWTCaseFullDetails", &out)
}
