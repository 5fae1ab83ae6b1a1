//! A record of our own composition, made of parts of replies: the same facts give the same bytes, so that a
//! change is found by digest.
//!
//! What comes in every reply and says nothing of the resident is left out: the page's furniture, the session
//! and the query that it echoes. Blanks around values go. The account's reference, which the system
//! spells in three ways, is spelt in one. Of a bank account's number the last four digits are kept.

use crate::record::document::NodeId;

use super::reply::Reply;

/// Elements that are never copied.
const LEFT_OUT: [&str; 8] = [
    "StandardInfo",
    "FormFieldValues",
    "PersonName",
    "PersonalDetails",
    "SessionID",
    "sessionId",
    "QueryString",
    "CurrentQueryString",
];
/// An account's reference as the system spells it.
const SPELLINGS: [&str; 3] = ["CtaxActRef", "CtxActRef", "CTXActRef"];
/// As it is spelt in a record.
pub const REFERENCE: &str = "CtaxActRef";
const BANK_NUMBER: &str = "BankActNumber";
/// How many digits of a bank account's number are kept.
const DIGITS_KEPT: usize = 4;

/// A record that is being written.
#[derive(Default)]
pub struct Writing {
    text: String,
    open: Vec<&'static str>,
    /// A start tag that is not closed yet: attributes may follow.
    in_tag: bool,
}

impl Writing {
    pub fn open(&mut self, name: &'static str) -> &mut Self {
        self.end_tag();
        self.text.push('<');
        self.text.push_str(name);
        self.open.push(name);
        self.in_tag = true;
        self
    }

    /// An attribute of the element just opened.
    pub fn attribute(&mut self, name: &str, value: &str) -> &mut Self {
        self.text.push(' ');
        self.text.push_str(name);
        self.text.push_str("=\"");
        escape(value, &mut self.text);
        self.text.push('"');
        self
    }

    pub fn close(&mut self) -> &mut Self {
        let Some(name) = self.open.pop() else { return self };
        match std::mem::take(&mut self.in_tag) {
            true => self.text.push_str("/>"),
            false => end(name, &mut self.text),
        }
        self
    }

    /// An element with nothing but a text; nothing at all where the text is empty.
    pub fn said(&mut self, name: &'static str, text: &str) -> &mut Self {
        if text.is_empty() {
            return self;
        }
        self.open(name).end_tag();
        escape(text, &mut self.text);
        self.close()
    }

    /// What is in an element of a reply: its attributes, then its text and elements.
    pub fn content_of(&mut self, reply: &Reply, node: NodeId, without: &[&str]) -> &mut Self {
        for attribute in reply.attributes(node).filter(|one| !without.contains(&reply.name(*one))) {
            let (name, value) = spelt(reply, attribute);
            self.attribute(name, &value);
        }
        self.inside(reply, node, without)
    }

    /// The same without its attributes.
    pub fn inside(&mut self, reply: &Reply, node: NodeId, without: &[&str]) -> &mut Self {
        self.end_tag();
        copy_inside(reply, node, without, &mut self.text);
        self
    }

    /// What is written already.
    pub fn so_far(&self) -> &str {
        &self.text
    }

    /// The record, every element of it closed.
    pub fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.text
    }

    fn end_tag(&mut self) {
        if std::mem::take(&mut self.in_tag) {
            self.text.push('>');
        }
    }
}

/// A name and a value as they go into a record.
fn spelt(reply: &Reply, node: NodeId) -> (&str, String) {
    let (name, value) = (reply.name(node), reply.text(node));
    if SPELLINGS.contains(&name) {
        return (REFERENCE, value.to_owned());
    }
    match name {
        BANK_NUMBER => (name, masked(value)),
        _ => (name, value.to_owned()),
    }
}

/// `****0011`. One that is so short that its last digits are all of it is masked whole.
fn masked(number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    match digits.len() {
        0 => String::new(),
        some if some <= DIGITS_KEPT => "*".repeat(some),
        some => {
            let kept: String = digits[some - DIGITS_KEPT..].iter().collect();
            "*".repeat(some - DIGITS_KEPT) + &kept
        }
    }
}

fn copy_inside(reply: &Reply, node: NodeId, without: &[&str], text: &mut String) {
    escape(reply.text(node), text);
    for child in reply.elements(node) {
        let name = reply.name(child);
        if LEFT_OUT.contains(&name) || without.contains(&name) {
            continue;
        }
        copy(reply, child, without, text);
    }
}

fn copy(reply: &Reply, node: NodeId, without: &[&str], text: &mut String) {
    let (name, value) = spelt(reply, node);
    text.push('<');
    text.push_str(name);
    for attribute in reply.attributes(node) {
        let (name, value) = spelt(reply, attribute);
        text.push(' ');
        text.push_str(name);
        text.push_str("=\"");
        escape(&value, text);
        text.push('"');
    }
    if value.is_empty() && reply.elements(node).next().is_none() {
        return text.push_str("/>");
    }
    text.push('>');
    match name {
        BANK_NUMBER => text.push_str(&value),
        _ => copy_inside(reply, node, without, text),
    }
    end(name, text);
}

fn end(name: &str, text: &mut String) {
    text.push_str("</");
    text.push_str(name);
    text.push('>');
}

/// Text that may stand in an element and in an attribute.
fn escape(from: &str, text: &mut String) {
    for letter in from.chars() {
        match letter {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            // Line ends and tabs would be read back as blanks in an attribute.
            '\n' => text.push_str("&#10;"),
            '\r' => text.push_str("&#13;"),
            '\t' => text.push_str("&#9;"),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::civica_openrevenues::settings::record_format;

    fn reply(text: &str) -> Reply {
        let format = record_format("Account", 1 << 20);
        Reply::read(text.as_bytes(), &*format).expect("a reply")
    }

    #[test]
    fn furniture_goes_and_what_is_left_is_spelt_one_way() {
        let reply = reply(
            "<Root><X><StandardInfo><SessionID>S1</SessionID></StandardInfo><CtxActRef> 99 </CtxActRef>\
             <A CTXActRef=\"99 \" B=\"a &amp; b\"> <C/> </A><BankDetails BankActNumber=\"12345678\" \
             BankActSortNumber=\"999911\"/><BankActNumber>123</BankActNumber></X></Root>",
        );
        let mut writing = Writing::default();
        let node = reply.find("X").expect("it is there");
        writing.open("Account").attribute("key", "<1>").inside(&reply, node, &[]);
        assert_eq!(
            writing.finish(),
            "<Account key=\"&lt;1&gt;\"><CtaxActRef>99</CtaxActRef><A CtaxActRef=\"99\" \
             B=\"a &amp; b\"><C/></A><BankDetails BankActNumber=\"****5678\" \
             BankActSortNumber=\"999911\"/><BankActNumber>***</BankActNumber></Account>"
        );
    }
}
