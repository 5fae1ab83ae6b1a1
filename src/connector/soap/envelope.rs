//! The envelope: written around a body, and taken off an answer. Elements are known by their local names,
//! since the prefixes and, between 1.1 and 1.2, the namespaces differ.

use std::io::Read;

use super::fault::Fault;
use crate::connector::format::FormatError;
use crate::connector::format::encoding::{Decoded, Encoding};
use crate::connector::format::xml::{XmlFormat, parse};
use crate::record::document::{Document, NodeId, Path, Step};
use crate::record::personal::unprinted;

/// Which of the two is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V11,
    V12,
}

const SPACE_11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SPACE_12: &str = "http://www.w3.org/2003/05/soap-envelope";

impl Version {
    fn space(self) -> &'static str {
        match self {
            Version::V11 => SPACE_11,
            Version::V12 => SPACE_12,
        }
    }

    /// What the body of a request is called; 1.2 says its action there.
    pub fn content_type(self, action: &str) -> String {
        match self {
            Version::V11 => "text/xml; charset=utf-8".to_owned(),
            Version::V12 if action.is_empty() => "application/soap+xml; charset=utf-8".to_owned(),
            Version::V12 => format!("application/soap+xml; charset=utf-8; action=\"{action}\""),
        }
    }

    /// The envelope around parts that are XML already.
    pub fn wrap(self, header: &str, body: &str) -> String {
        let (space, body) = (self.space(), bare(body));
        let header = match header.is_empty() {
            true => String::new(),
            false => format!("<soap:Header>{header}</soap:Header>"),
        };
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<soap:Envelope xmlns:soap=\"{space}\">{header}\
             <soap:Body>{body}</soap:Body></soap:Envelope>"
        )
    }
}

/// A document without the declaration that stands at its beginning, and could not stand in a body.
fn bare(body: &str) -> &str {
    let body = body.trim_start_matches('\u{feff}').trim();
    match body.starts_with("<?xml") {
        true => body.split_once("?>").map_or(body, |(_, rest)| rest.trim_start()),
        false => body,
    }
}

/// An answer that is an envelope and no fault.
pub struct Reply {
    /// As it came.
    pub bytes: Vec<u8>,
    pub document: Document,
    /// What stands in its body; None where nothing does.
    pub content: Option<NodeId>,
    header: Option<NodeId>,
}

/// What an envelope brings.
#[derive(Debug)]
pub enum Brought {
    Reply(Reply),
    Fault(Fault),
}

impl Reply {
    /// The name of the element in its body.
    pub fn name(&self) -> &str {
        self.content.map_or("", |content| self.document.name(content))
    }

    /// The text at a way from the element in its body; None where nothing stands there.
    pub fn text(&self, way: &str) -> Option<&str> {
        text_at(&self.document, self.content?, way)
    }

    /// The text at a way from its header.
    pub fn header_text(&self, way: &str) -> Option<&str> {
        text_at(&self.document, self.header?, way)
    }
}

/// A way by local names from an element: `ObjectID/ObjectReference`.
pub fn way(names: &str) -> Path {
    let step = |name: &str| match name.strip_prefix('@') {
        Some(name) => Step::new(None, name.to_owned(), true),
        None => Step::new(None, name.to_owned(), false),
    };
    Path { up: 0, steps: names.split('/').filter(|name| !name.is_empty()).map(step).collect() }
}

/// The text that stands at it, without blanks around it; None where there is none.
pub fn text_at<'d>(document: &'d Document, from: NodeId, names: &str) -> Option<&'d str> {
    let found = document.find(from, &way(names))?;
    Some(document.text(found).trim()).filter(|text| !text.is_empty())
}

/// Takes an answer apart. What is no envelope is told as a fault of its form. Where it is `torn`, bytes that
/// its encoding does not have are left to whoever cuts it into records, so that one row is held and not all.
pub fn read(bytes: Vec<u8>, torn: bool) -> Result<Brought, FormatError> {
    let no_envelope = |cause: &str| FormatError {
        code: "soap.envelope",
        cause: cause.to_owned(),
        place: "at its beginning".to_owned(),
    };
    let text = decoded(&bytes, torn).ok_or_else(|| no_envelope("the answer is no text"))?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err(no_envelope("the answer is empty"));
    }
    if is_page(text) {
        return Err(no_envelope("the answer is a page for people: is it a sign-in page?"));
    }
    let mut document = Document::default();
    parse::parse(text, &mut document)?;
    let root = document.root().ok_or_else(|| no_envelope("the answer has no root"))?;
    let is_soap = [SPACE_11, SPACE_12].contains(&document.space(root));
    if document.name(root) != "Envelope" || !is_soap {
        return Err(no_envelope("the answer is no SOAP envelope"));
    }
    let Some(body) = document.find(root, &way("Body")) else {
        return Err(no_envelope("the envelope has no body"));
    };
    if let Some(fault) = document.find(body, &way("Fault")) {
        return Ok(Brought::Fault(Fault::read(&document, fault)));
    }
    let content = document.children(body).find(|node| !document.is_attribute(*node));
    let header = document.find(root, &way("Header"));
    Ok(Brought::Reply(Reply { bytes, content, header, document }))
}

/// Its text, in whatever it says that it is written in.
fn decoded(bytes: &[u8], torn: bool) -> Option<String> {
    let format = XmlFormat {
        record: Path::default(),
        key: Path::default(),
        count: None,
        sums: Vec::new(),
        namespaces: Vec::new(),
        said: Encoding::Unsaid,
        record_bytes_max: usize::MAX,
    };
    let mut text = Vec::new();
    let read = Decoded::new(bytes, Encoding::Unsaid, &format).read_to_end(&mut text);
    let text = read.ok().and_then(|_| String::from_utf8(text).ok());
    text.or_else(|| torn.then(|| String::from_utf8_lossy(bytes).into_owned()))
}

/// A page of a proxy, a firewall or a sign-in.
fn is_page(text: &str) -> bool {
    let start: String = text.chars().take(512).collect::<String>().to_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

unprinted!(Reply);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_is_written_and_taken_off() {
        for version in [Version::V11, Version::V12] {
            let body = "<?xml version=\"1.0\"?>\n<m:Get xmlns:m=\"urn:x\"><a>7</a></m:Get>";
            let text = version.wrap("<h:Token xmlns:h=\"urn:h\"><v>t1</v></h:Token>", body);
            let Ok(Brought::Reply(reply)) = read(text.into_bytes(), false) else {
                panic!("it is an envelope")
            };
            assert_eq!((reply.name(), reply.text("a"), reply.text("b")), ("Get", Some("7"), None));
            assert_eq!(reply.header_text("Token/v"), Some("t1"));
        }
        assert!(Version::V12.content_type("urn:go").ends_with("; action=\"urn:go\""));
    }

    #[test]
    fn b13_what_is_no_envelope_is_no_answer() {
        for (text, expected) in [
            ("", "is empty"),
            ("  \n", "is empty"),
            ("<!DOCTYPE html><html><title>Sign in</title></html>", "a page for people"),
            ("\u{feff}<HTML>", "a page for people"),
            ("<Error>no</Error>", "no SOAP envelope"),
            ("<Envelope><Body/></Envelope>", "no SOAP envelope"),
            ("<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"/>", "has no body"),
            ("{\"error\": 1}", ""),
            ("<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>", ""),
            ("<!DOCTYPE x [<!ENTITY a \"b\">]><x/>", ""),
        ] {
            let told = read(text.as_bytes().to_vec(), true).expect_err(text);
            assert!(told.cause.contains(expected), "{text}: {told}");
        }
        assert!(read(vec![0x1f, 0x8b, 8, 0, 0], true).is_err());
        let latin = Version::V11.wrap("", "<Get>caf\u{e9}</Get>").replace('\u{e9}', "\u{1}");
        let latin: Vec<u8> =
            latin.bytes().map(|byte| if byte == 1 { 0xe9 } else { byte }).collect();
        assert!(read(latin.clone(), false).is_err() && read(latin, true).is_ok());
    }
}
