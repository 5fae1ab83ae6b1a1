//! One XML record into a `Document`, by quick-xml's events. Namespaces are resolved here.

use std::borrow::Cow;

use memchr::memmem;
use quick_xml::XmlVersion;
use quick_xml::escape::{EscapeError, resolve_predefined_entity};
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::connector::format::FormatError;
use crate::record::document::{DEPTH_MAX, Document, NODES_MAX, SPACES_MAX, SpaceId};

/// How many attributes one element may have.
pub const ATTRIBUTES_MAX: usize = 1_000;

/// Namespace declarations in scope: prefix, namespace and the depth at which it was declared.
#[derive(Default)]
struct Scope {
    declared: Vec<(String, SpaceId, usize)>,
    depth: usize,
    /// Elements and attributes so far.
    nodes: usize,
}

impl Scope {
    fn space_of(&self, prefix: &str) -> Option<SpaceId> {
        // Two empty texts are told alike without looking at them: some processors are slow to read
        // nothing from nowhere, and nearly every element comes here.
        let is_it = |known: &str| match prefix {
            "" => known.is_empty(),
            prefix => known == prefix,
        };
        let found = self.declared.iter().rev().find(|(known, ..)| is_it(known));
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
    document.repeats_as("xml.duplicate");
    if let Some(at) = forbidden(text) {
        return Err(refuse("xml.char", "a character that XML does not allow", at as u64));
    }
    let mut reader = Reader::from_str(text);
    let mut scope = Scope::default();
    let mut ended = false;
    loop {
        let at = reader.buffer_position();
        let event =
            reader.read_event().map_err(|error| refuse("xml.malformed", said(&error), at))?;
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
                    let known =
                        resolve_predefined_entity(&reference).ok_or_else(|| undeclared(at))?;
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

/// Where a character stands that XML 1.0 does not allow.
fn forbidden(text: &str) -> Option<usize> {
    let control = |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r');
    // Nearly always there is none, and a plain loop over bytes is many times faster.
    let any = text.bytes().fold(false, |any, byte| any | control(byte) | (byte == 0xEF));
    any.then(|| text.char_indices().find(|(_, letter)| !allowed(*letter)).map(|(at, _)| at))
        .flatten()
}

fn open(
    document: &mut Document,
    scope: &mut Scope,
    tag: &BytesStart<'_>,
    at: u64,
) -> Result<(), FormatError> {
    scope.depth += 1;
    scope.nodes += 1;
    let raw = tag.attributes_raw();
    let has_attributes = !raw.trim_ascii().is_empty();
    if has_attributes && memmem::find(raw.as_bytes(), b"xmlns").is_some() {
        declare(document, scope, tag, at)?;
    }
    let (prefix, name) = split(named(tag.name().into_inner(), at)?);
    let own_space = space(document, scope, prefix, at)?;
    if !document.open(name, own_space) {
        let cause = format!("elements are nested more than {DEPTH_MAX} deep");
        return Err(refuse("xml.depth", cause, at));
    }
    if has_attributes {
        attributes(document, scope, tag, at)?;
    }
    if scope.nodes > NODES_MAX {
        let cause = format!("the record has more than {NODES_MAX} elements and attributes");
        return Err(refuse("xml.size", cause, at));
    }
    Ok(())
}

/// Adds an element's attributes. Every one is compared with every other, since there are a few.
fn attributes(
    document: &mut Document,
    scope: &mut Scope,
    tag: &BytesStart<'_>,
    at: u64,
) -> Result<(), FormatError> {
    let twice = || refuse("xml.duplicate", "an attribute stands twice", at);
    let mut known: Vec<&str> = Vec::new();
    let mut spaced: Vec<(SpaceId, &str)> = Vec::new();
    for attribute in tag.attributes().with_checks(false) {
        let attribute = attribute.map_err(|_| refuse("xml.malformed", ATTRIBUTE, at))?;
        let whole = named(attribute.key.into_inner(), at)?;
        if known.contains(&whole) {
            return Err(twice());
        }
        if known.len() == ATTRIBUTES_MAX {
            let cause = format!("an element has more than {ATTRIBUTES_MAX} attributes");
            return Err(refuse("xml.size", cause, at));
        }
        known.push(whole);
        let (prefix, name) = split(whole);
        if prefix == "xmlns" || (prefix.is_empty() && name == "xmlns") {
            continue;
        }
        let value = value(&attribute, at)?;
        // An attribute without a prefix is in no namespace, whatever the default.
        let space = match prefix {
            "" => SpaceId::NONE,
            prefix => space(document, scope, prefix, at)?,
        };
        // Two prefixes may stand for one namespace.
        if !prefix.is_empty() {
            if spaced.contains(&(space, name)) {
                return Err(twice());
            }
            spaced.push((space, name));
        }
        document.attribute(name, space, &value);
    }
    scope.nodes += known.len();
    Ok(())
}

/// An attribute's value with its references resolved.
fn value<'a>(attribute: &Attribute<'a>, at: u64) -> Result<Cow<'a, str>, FormatError> {
    let value =
        attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| match error {
            quick_xml::Error::Escape(EscapeError::UnrecognizedEntity(..)) => undeclared(at),
            other => refuse("xml.char", other.to_string(), at),
        })?;
    match &value {
        Cow::Owned(text) if !text.chars().all(allowed) => Err(refuse("xml.char", REFERENCE, at)),
        _ => Ok(value),
    }
}

fn undeclared(at: u64) -> FormatError {
    refuse("xml.entity", "a reference to an entity nobody declared", at)
}

const REFERENCE: &str = "a reference to a character XML does not allow";
const ATTRIBUTE: &str = "an attribute is not written as `name=\"value\"`";

/// The reader's own words only where they are fixed: others quote what it stumbled on.
fn said(error: &quick_xml::Error) -> String {
    use quick_xml::Error;
    use quick_xml::errors::IllFormedError;
    match error {
        Error::Syntax(fault) => fault.to_string(),
        Error::InvalidAttr(_) => ATTRIBUTE.to_owned(),
        Error::IllFormed(IllFormedError::UnclosedReference) => {
            "a reference is not closed: `;` is missing".to_owned()
        }
        Error::IllFormed(
            IllFormedError::MissingEndTag(_)
            | IllFormedError::UnmatchedEndTag(_)
            | IllFormedError::MismatchedEndTag { .. },
        ) => "an end tag does not match the start tag before it".to_owned(),
        _ => "it is not well-formed XML".to_owned(),
    }
}

fn declare(
    document: &mut Document,
    scope: &mut Scope,
    tag: &BytesStart<'_>,
    at: u64,
) -> Result<(), FormatError> {
    for attribute in tag.attributes().with_checks(false) {
        let attribute = attribute.map_err(|_| refuse("xml.malformed", ATTRIBUTE, at))?;
        let prefix = match split(attribute.key.into_inner()) {
            ("xmlns", prefix) => prefix,
            ("", "xmlns") => "",
            _ => continue,
        };
        let uri = value(&attribute, at)?;
        let space = numbered(document, &uri, at)?;
        // Every prefix is looked for among them.
        if scope.declared.len() == SPACES_MAX {
            return Err(too_many_spaces(at));
        }
        scope.declared.push((prefix.to_owned(), space, scope.depth));
    }
    Ok(())
}

fn numbered(document: &mut Document, uri: &str, at: u64) -> Result<SpaceId, FormatError> {
    document.space_id(uri).ok_or_else(|| too_many_spaces(at))
}

fn too_many_spaces(at: u64) -> FormatError {
    refuse("xml.size", format!("the record names more than {SPACES_MAX} namespaces"), at)
}

/// What the prefix `xml` stands for without being declared.
const XML_SPACE: &str = "http://www.w3.org/XML/1998/namespace";

fn space(
    document: &mut Document,
    scope: &Scope,
    prefix: &str,
    at: u64,
) -> Result<SpaceId, FormatError> {
    match scope.space_of(prefix) {
        Some(space) => Ok(space),
        None if prefix.is_empty() => Ok(SpaceId::NONE),
        None if prefix == "xml" => numbered(document, XML_SPACE, at),
        None => Err(refuse("xml.malformed", "a prefix that no namespace is declared for", at)),
    }
}

/// A name, which the library takes whatever is in it. Of letters beyond ASCII it may hold any.
fn named(name: &str, at: u64) -> Result<&str, FormatError> {
    let first = |byte: u8| byte.is_ascii_alphabetic() || b"_:".contains(&byte) || !byte.is_ascii();
    let other = |byte: u8| first(byte) || byte.is_ascii_digit() || b"-.".contains(&byte);
    let mut bytes = name.bytes();
    if bytes.next().is_some_and(first) && bytes.all(other) {
        return Ok(name);
    }
    Err(refuse("xml.malformed", "a tag or an attribute has no name, or none that XML knows", at))
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
    let found = reference.resolve_char_ref().map_err(|_| refuse("xml.char", REFERENCE, at))?;
    match found {
        Some(letter) if !allowed(letter) => Err(refuse("xml.char", REFERENCE, at)),
        found => Ok(found),
    }
}

/// The characters that XML 1.0 allows (section 2.2 of the recommendation).
pub fn allowed(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

fn refuse(code: &'static str, cause: impl Into<String>, at: u64) -> FormatError {
    FormatError { code, cause: cause.into(), place: format!("at byte {at} of the record") }
}
