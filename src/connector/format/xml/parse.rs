//! One XML record into a `Document`, by quick-xml's events. Namespaces are resolved here.

use memchr::memmem;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::connector::format::FormatError;
use crate::record::document::{DEPTH_MAX, Document, SpaceId};

/// Namespace declarations in scope: prefix, namespace and the depth at which it was declared.
#[derive(Default)]
struct Scope {
    declared: Vec<(String, SpaceId, usize)>,
    depth: usize,
}

impl Scope {
    fn space_of(&self, prefix: &str) -> Option<SpaceId> {
        let found = self.declared.iter().rev().find(|(known, ..)| known == prefix);
        found.map(|(_, space, _)| *space)
    }

    fn leave(&mut self) {
        self.depth -= 1;
        while self.declared.last().is_some_and(|(.., depth)| *depth > self.depth) {
            self.declared.pop();
        }
    }
}

/// Reads `text` as one document. Anything after its root but blanks and comments is refused.
pub fn parse(text: &str, document: &mut Document) -> Result<(), FormatError> {
    document.begin(text);
    let mut reader = Reader::from_str(text);
    let mut scope = Scope::default();
    let mut ended = false;
    loop {
        let at = reader.buffer_position();
        let event =
            reader.read_event().map_err(|error| refuse("xml.malformed", error.to_string(), at))?;
        match event {
            Event::Start(tag) if !ended => open(document, &mut scope, &tag, at)?,
            Event::Empty(tag) if !ended => {
                open(document, &mut scope, &tag, at)?;
                document.close();
                scope.leave();
                ended = scope.depth == 0;
            }
            Event::Start(_) | Event::Empty(_) => {
                return Err(refuse("xml.trailing", "a second root element", at));
            }
            Event::End(_) => {
                document.close();
                scope.leave();
                ended = scope.depth == 0;
            }
            Event::Text(part) if scope.depth > 0 => document.add_text(&part.xml10_content()),
            Event::CData(part) if scope.depth > 0 => document.add_text(&part.xml10_content()),
            Event::Text(part) if part.trim().is_empty() => {}
            Event::Text(_) | Event::CData(_) => {
                return Err(refuse("xml.trailing", "text outside the root element", at));
            }
            Event::GeneralRef(reference) => {
                if let Some(letter) = character(&reference, at)? {
                    document.add_text(letter.encode_utf8(&mut [0; 4]));
                } else {
                    let known = resolve_predefined_entity(&reference).ok_or_else(|| {
                        refuse("xml.entity", "a reference to an entity nobody declared", at)
                    })?;
                    document.add_text(known);
                }
            }
            Event::DocType(_) => return Err(refuse("xml.doctype", DOCTYPE, at)),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof if ended => return Ok(()),
            Event::Eof => return Err(refuse("xml.malformed", "it ends before its root does", at)),
        }
    }
}

/// What is said of a DOCTYPE, here and in the cut.
pub const DOCTYPE: &str = "a DOCTYPE is never accepted: remove it from the extract";

fn open(
    document: &mut Document,
    scope: &mut Scope,
    tag: &BytesStart<'_>,
    at: u64,
) -> Result<(), FormatError> {
    scope.depth += 1;
    let attributes = tag.attributes_raw();
    let has_attributes = !attributes.trim_ascii().is_empty();
    if has_attributes && memmem::find(attributes.as_bytes(), b"xmlns").is_some() {
        declare(document, scope, tag, at)?;
    }
    let (prefix, name) = split(tag.name().into_inner());
    let own_space = space(document, scope, prefix, at)?;
    if !document.open(name, own_space) {
        let cause = format!("elements are nested more than {DEPTH_MAX} deep");
        return Err(refuse("xml.depth", cause, at));
    }
    if has_attributes {
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| attribute_fault(&error, at))?;
            let (prefix, name) = split(attribute.key.into_inner());
            if prefix == "xmlns" || (prefix.is_empty() && name == "xmlns") {
                continue;
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| refuse("xml.char", error.to_string(), at))?;
            // An attribute without a prefix is in no namespace, whatever the default.
            let space = match prefix {
                "" => SpaceId::NONE,
                prefix => space(document, scope, prefix, at)?,
            };
            document.attribute(name, space, &value);
        }
    }
    Ok(())
}

fn declare(
    document: &mut Document,
    scope: &mut Scope,
    tag: &BytesStart<'_>,
    at: u64,
) -> Result<(), FormatError> {
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| attribute_fault(&error, at))?;
        let prefix = match split(attribute.key.into_inner()) {
            ("xmlns", prefix) => prefix,
            ("", "xmlns") => "",
            _ => continue,
        };
        let uri = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| refuse("xml.char", error.to_string(), at))?;
        let space = document.space_id(&uri);
        scope.declared.push((prefix.to_owned(), space, scope.depth));
    }
    Ok(())
}

fn space(
    document: &mut Document,
    scope: &Scope,
    prefix: &str,
    at: u64,
) -> Result<SpaceId, FormatError> {
    match scope.space_of(prefix) {
        Some(space) => Ok(space),
        None if prefix.is_empty() => Ok(SpaceId::NONE),
        None if prefix == "xml" => Ok(document.space_id("http://www.w3.org/XML/1998/namespace")),
        None => Err(refuse("xml.malformed", "a prefix that no namespace is declared for", at)),
    }
}

fn split(name: &str) -> (&str, &str) {
    // Names are short: a plain loop finds the colon before a search has been set up.
    match name.bytes().position(|byte| byte == b':') {
        Some(at) => (&name[..at], &name[at + 1..]),
        None => ("", name),
    }
}

fn character(
    reference: &quick_xml::events::BytesRef<'_>,
    at: u64,
) -> Result<Option<char>, FormatError> {
    let found =
        reference.resolve_char_ref().map_err(|error| refuse("xml.char", error.to_string(), at))?;
    match found {
        Some(letter) if !allowed(letter) => {
            Err(refuse("xml.char", "a reference to a character XML does not allow", at))
        }
        found => Ok(found),
    }
}

/// The characters that XML 1.0 allows (section 2.2 of the recommendation).
fn allowed(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

fn attribute_fault(error: &quick_xml::events::attributes::AttrError, at: u64) -> FormatError {
    use quick_xml::events::attributes::AttrError;
    match error {
        AttrError::Duplicated(..) => refuse("xml.duplicate", "an attribute stands twice", at),
        other => refuse("xml.malformed", other.to_string(), at),
    }
}

fn refuse(code: &'static str, cause: impl Into<String>, at: u64) -> FormatError {
    FormatError { code, cause: cause.into(), place: format!("at byte {at} of the record") }
}
