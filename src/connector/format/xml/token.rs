//! Tags, comments and sections in a stretch of XML: where each ends, and what a tag says. Bytes only;
//! what they mean is the cut's.

use memchr::{memchr, memchr3, memmem};

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Start,
    Empty,
    End,
    /// A comment or a processing instruction.
    Aside,
    CData,
    Doctype,
    /// Text up to the end of the stream.
    Tail,
}

pub enum Token {
    /// The buffer ends inside a token.
    More,
    /// Text before the token, and where the token ends; both from the start of the slice.
    Some { kind: Kind, text: usize, end: usize },
}

pub fn token(bytes: &[u8], finished: bool) -> Token {
    let Some(open) = memchr(b'<', bytes) else {
        return if finished && !bytes.is_empty() {
            Token::Some { kind: Kind::Tail, text: bytes.len(), end: bytes.len() }
        } else {
            Token::More
        };
    };
    let rest = &bytes[open + 1..];
    let found = match rest.first() {
        None => None,
        Some(b'/') => memchr(b'>', rest).map(|at| (Kind::End, at + 1)),
        Some(b'?') => memmem::find(rest, b"?>").map(|at| (Kind::Aside, at + 2)),
        Some(b'!') => bang(rest, finished),
        Some(_) => start_tag(rest),
    };
    match found {
        Some((kind, length)) => Token::Some { kind, text: open, end: open + 1 + length },
        None => Token::More,
    }
}

/// As much of a DOCTYPE as says what it is of: `!DOCTYPE html`.
const DOCTYPE_SEEN: usize = 13;

fn bang(rest: &[u8], finished: bool) -> Option<(Kind, usize)> {
    if rest.starts_with(b"!--") {
        memmem::find(&rest[3..], b"-->").map(|at| (Kind::Aside, at + 6))
    } else if rest.starts_with(b"![CDATA[") {
        memmem::find(&rest[8..], b"]]>").map(|at| (Kind::CData, at + 11))
    } else if rest.len() >= DOCTYPE_SEEN || (finished && rest.len() >= 8) {
        Some((Kind::Doctype, rest.len().min(DOCTYPE_SEEN)))
    } else {
        None
    }
}

fn start_tag(rest: &[u8]) -> Option<(Kind, usize)> {
    let mut at = 0;
    loop {
        let found = at + memchr3(b'>', b'"', b'\'', &rest[at..])?;
        match rest[found] {
            b'>' if found > 0 && rest[found - 1] == b'/' => return Some((Kind::Empty, found + 1)),
            b'>' => return Some((Kind::Start, found + 1)),
            quote => at = found + 1 + memchr(quote, &rest[found + 1..])? + 1,
        }
    }
}

pub fn name_of(tag: &[u8]) -> &[u8] {
    let end = tag.iter().position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'));
    &tag[..end.unwrap_or(tag.len())]
}

/// The record's own start tag.
pub fn start_tag_of(record: &[u8]) -> &[u8] {
    let end = start_tag(record.get(1..).unwrap_or_default()).map_or(0, |(_, end)| end + 1);
    &record[..end]
}

pub fn attribute<'t>(tag: &'t [u8], wanted: &[u8]) -> Option<&'t [u8]> {
    let mut found = None;
    each_attribute(tag, |name, value| {
        if name == wanted && found.is_none() {
            found = Some(value);
        }
    });
    found
}

pub fn each_attribute<'t>(tag: &'t [u8], mut take: impl FnMut(&'t [u8], &'t [u8])) {
    let mut at = name_of(tag).len();
    while let Some(equals) = memchr(b'=', &tag[at..]).map(|found| at + found) {
        let Some(open) = (equals + 1..tag.len()).find(|at| !tag[*at].is_ascii_whitespace()) else {
            return;
        };
        let Some(close) = memchr(tag[open], &tag[open + 1..]).map(|found| open + 1 + found) else {
            return;
        };
        take(tag[at..equals].trim_ascii(), &tag[open + 1..close]);
        at = close + 1;
    }
}
