//! An event as the CRM posts it to us: that a case was closed, or classified anew. What cannot be read is
//! told as such: whoever took it in keeps it for a person, and says that it was not understood. An answer
//! of success to what nobody understood is how events are lost.

use crate::connector::format::xml::parse;
use crate::connector::soap::envelope::text_at;
use crate::record::document::{Document, NodeId};
use crate::record::personal::{Personal, unprinted};

/// An event that is longer is none.
pub const BYTES_MAX: usize = 1 << 20;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    Closed,
    Reclassified,
    /// Something of that name, which nobody here knows. It is kept, and nothing follows from it.
    Other(String),
}

/// One event.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    pub happened: Happened,
    /// What the event calls the case, as it stands there.
    pub id: String,
    /// The case's reference: digits.
    pub case: String,
    pub category: Option<String>,
    /// Subject, reason and type.
    pub classification: [Option<String>; 3],
    pub status: Option<String>,
    pub title: Option<Personal<String>>,
    pub description: Option<Personal<String>>,
    pub queue: Option<String>,
    /// As it was written: without a zone, by the CRM's clock.
    pub closed: Option<String>,
    pub last_event: Option<String>,
    /// Whom or what it is about: the CRM's number.
    pub about: Option<String>,
}

/// Why an event could not be read, without a word of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {cause}")]
pub struct Fault {
    pub code: &'static str,
    pub cause: String,
}

/// An event without the mark of its encoding, and without blanks around it.
pub fn bare(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes).trim_ascii()
}

/// Reads what was posted.
pub fn read(bytes: &[u8]) -> Result<Event, Fault> {
    let fault = |code, cause: &str| Fault { code, cause: cause.to_owned() };
    if bytes.len() > BYTES_MAX {
        return Err(fault("event.size", "it is longer than an event may be"));
    }
    let text = std::str::from_utf8(bare(bytes));
    let text = text.map_err(|_| fault("event.encoding", "it is not written in UTF-8"))?;
    if text.is_empty() {
        return Err(fault("event.empty", "nothing is in it"));
    }
    let mut document = Document::default();
    parse::parse(text, &mut document).map_err(|found| Fault {
        code: "event.malformed",
        cause: format!("it is no XML: {}, {}", found.cause, found.place),
    })?;
    let root = document.root().ok_or_else(|| fault("event.empty", "nothing is in it"))?;
    let happened = match document.name(root) {
        "PopulatedCloseCaseEvent" => Happened::Closed,
        "ReclassifyCaseEvent" => Happened::Reclassified,
        name if name.ends_with("Event") => Happened::Other(name.to_owned()),
        _ => return Err(fault("event.unknown", "its root is no event's")),
    };
    let case = document
        .children(root)
        .find(|node| !document.is_attribute(*node) && document.name(*node) == "case");
    let case = case.ok_or_else(|| fault("event.no_case", "it names no case"))?;
    let event = event(&document, case, happened)
        .ok_or_else(|| fault("event.no_case", "its case has no number"))?;
    Ok(event)
}

fn event(document: &Document, case: NodeId, happened: Happened) -> Option<Event> {
    let text = |way: &str| text_at(document, case, way).map(str::to_owned);
    Some(Event {
        happened,
        id: text("@id")?,
        case: case_reference(&text("@id")?)?,
        category: text("@category"),
        classification: ["subject", "reason", "type"]
            .map(|part| text(&format!("classification/{part}"))),
        status: text("status"),
        title: text("title").map(Personal::new),
        description: text("description").map(Personal::new),
        queue: text("queueId"),
        closed: text("closedDateTime"),
        last_event: text("lastEventDate"),
        about: text("associated-with/ref"),
    })
}

/// A case's reference: digits, before which something may stand that ends in `-`.
pub fn case_reference(text: &str) -> Option<String> {
    let digits = text.trim().rsplit('-').next().unwrap_or_default();
    let good = (1..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    good.then(|| digits.to_owned())
}

unprinted!(Event);

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSED: &str = "<case:PopulatedCloseCaseEvent \
        xmlns:case=\"http://www.kana.com/lagan/schemas/casemanagement\"><case:case category=\"Enquiry\" \
        id=\"101009990001\"><case:classification><case:subject>Revenues</case:subject><case:reason>Council \
        Tax</case:reason><case:type>Payment arrangement</case:type></case:classification><case:title>Arden's \
        &amp; Bryn's</case:title><case:status>Closed</case:status><case:closedDateTime>2026-04-02T10:15:00\
        </case:closedDateTime><case:associated-with><core:ref \
        xmlns:core=\"http://www.kana.com/lagan/schemas/core\">101000009001</core:ref></case:associated-with>\
        </case:case></case:PopulatedCloseCaseEvent>";

    #[test]
    fn an_event_says_which_case_and_what_happened() {
        let event = read(CLOSED.as_bytes()).expect("an event");
        assert_eq!((&event.happened, event.case.as_str()), (&Happened::Closed, "101009990001"));
        let classification = ["Revenues", "Council Tax", "Payment arrangement"];
        assert_eq!(event.classification, classification.map(|text| Some(text.to_owned())));
        assert_eq!(event.status.as_deref(), Some("Closed"));
        assert_eq!(event.closed.as_deref(), Some("2026-04-02T10:15:00"));
        assert_eq!(event.about.as_deref(), Some("101000009001"));
        assert_eq!(
            event.title.as_ref().map(|title| title.expose().as_str()),
            Some("Arden's & Bryn's")
        );
        assert!(!format!("{event:?}").contains("Arden"));
        let other = CLOSED.replace("PopulatedCloseCaseEvent", "CaseAllocatedEvent");
        let happened = read(other.as_bytes()).expect("an event").happened;
        assert_eq!(happened, Happened::Other("CaseAllocatedEvent".to_owned()));
    }

    #[test]
    fn quirk_25_what_cannot_be_read_is_told_and_never_taken_for_an_event() {
        for (text, code) in [
            ("", "event.empty"),
            ("\u{feff} \n", "event.empty"),
            ("{}", "event.malformed"),
            (&CLOSED[..CLOSED.len() - 4], "event.malformed"),
            ("<!DOCTYPE x><PopulatedCloseCaseEvent/>", "event.malformed"),
            ("<html/>", "event.unknown"),
            ("<PopulatedCloseCaseEvent/>", "event.no_case"),
            (
                "<PopulatedCloseCaseEvent><other id=\"7\"/></PopulatedCloseCaseEvent>",
                "event.no_case",
            ),
            ("<PopulatedCloseCaseEvent><case/></PopulatedCloseCaseEvent>", "event.no_case"),
            (
                "<PopulatedCloseCaseEvent><case id=\"7;x\"/></PopulatedCloseCaseEvent>",
                "event.no_case",
            ),
        ] {
            let told = read(text.as_bytes()).expect_err(text);
            assert_eq!(told.code, code, "{text}");
            assert!(!told.to_string().contains("Arden"), "{told}");
        }
        assert_eq!(read(b"<a>\xff</a>").expect_err("no UTF-8").code, "event.encoding");
        let long = vec![b' '; BYTES_MAX + 1];
        assert_eq!(read(&long).expect_err("too long").code, "event.size");
    }

    #[test]
    fn a_case_may_have_a_prefix() {
        for (text, expected) in [
            ("101009990001", Some("101009990001")),
            ("prefix-123", Some("123")),
            (" 7 ", Some("7")),
            ("-", None),
            ("x7", None),
            ("", None),
        ] {
            assert_eq!(case_reference(text).as_deref(), expected, "{text}");
        }
    }
}
