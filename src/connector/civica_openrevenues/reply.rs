//! What OpenRevenues answers, as a tree. It is a portal's page switched to XML: the data stand somewhere in
//! it, beside the page's furniture, under a root that nobody promises. So what is wanted is looked for
//! wherever it stands.
//!
//! Everything comes with a 200: this file tells data from a page that asks for a sign-in.

use std::io::Read;

use crate::connector::format::Format;
use crate::connector::format::encoding::{Decoded, Encoding};
use crate::record::document::{Document, NodeId};

/// A reply that was read.
#[derive(Debug, Default)]
pub struct Reply(Document);

/// Why a body is no data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoData {
    Empty,
    /// A page for people: most likely the one that asks for a sign-in.
    Page,
    /// A fault of the machinery in between, as SOAP says it.
    SoapFault,
    /// No XML at all.
    Unreadable,
}

impl NoData {
    /// In words. What came itself may quote anything.
    pub fn said(self) -> &'static str {
        match self {
            NoData::Empty => "an empty answer came",
            NoData::Page => {
                "a page for people came in place of data, most likely the one that asks for a sign-in"
            }
            NoData::SoapFault => "a SOAP fault came in place of data",
            NoData::Unreadable => "what came is not XML",
        }
    }
}

impl Reply {
    /// Reads a body, in whatever encoding it says that it is written.
    pub fn read(body: &[u8], format: &dyn Format) -> Result<Reply, NoData> {
        let mut text = String::new();
        let read = Decoded::new(body, Encoding::Unsaid, format).read_to_string(&mut text);
        if body.trim_ascii().is_empty() {
            return Err(NoData::Empty);
        }
        let mut document = Document::default();
        let parsed = read.is_ok() && format.read(text.trim_start(), &mut document).is_ok();
        let looks_like_a_page = || {
            let head = text.trim_start().get(..400).unwrap_or(text.trim_start());
            let head = head.to_ascii_lowercase();
            head.starts_with("<!doctype html") || head.contains("<html")
        };
        let root = document.root().filter(|_| parsed);
        let Some(root) = root else {
            return Err(if looks_like_a_page() { NoData::Page } else { NoData::Unreadable });
        };
        match document.name(root).to_ascii_lowercase().as_str() {
            "html" => return Err(NoData::Page),
            "envelope" | "fault" => return Err(NoData::SoapFault),
            _ => {}
        }
        Ok(Reply(document))
    }

    pub fn root(&self) -> Option<NodeId> {
        self.0.root()
    }

    pub fn name(&self, node: NodeId) -> &str {
        self.0.name(node)
    }

    /// A node's own text, without the blanks around it.
    pub fn text(&self, node: NodeId) -> &str {
        self.0.text(node).trim()
    }

    pub fn attributes(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.0.children(node).filter(|child| self.0.is_attribute(*child))
    }

    pub fn elements(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.0.children(node).filter(|child| !self.0.is_attribute(*child))
    }

    /// An attribute's value, empty where there is none.
    pub fn attribute(&self, node: NodeId, name: &str) -> &str {
        let found = self.attributes(node).find(|one| self.0.name(*one) == name);
        found.map_or("", |one| self.text(one))
    }

    /// The first element of that name, wherever it stands; the root may be it.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        let root = self.root()?;
        if self.name(root) == name { Some(root) } else { self.below(root, name) }
    }

    /// The first element of that name anywhere below another.
    pub fn below(&self, from: NodeId, name: &str) -> Option<NodeId> {
        self.elements(from).find_map(|child| match self.name(child) == name {
            true => Some(child),
            false => self.below(child, name),
        })
    }

    /// Every element of that name, wherever it stands, in order. None stands in another of its name.
    pub fn all(&self, name: &str) -> Vec<NodeId> {
        let mut found = Vec::new();
        if let Some(root) = self.root() {
            self.collect(root, name, &mut found);
        }
        found
    }

    fn collect(&self, node: NodeId, name: &str, found: &mut Vec<NodeId>) {
        match self.name(node) == name {
            true => found.push(node),
            false => self.elements(node).for_each(|child| self.collect(child, name, found)),
        }
    }

    /// The text of the first element of that name below another; empty where there is none.
    pub fn text_below(&self, from: NodeId, name: &str) -> &str {
        self.below(from, name).map_or("", |node| self.text(node))
    }

    /// Whether it says of itself that nobody is signed in. One that says nothing does not.
    pub fn is_signed_out(&self) -> bool {
        let said = self.find("LoggedIn").map(|node| self.text(node)).unwrap_or_default();
        !said.is_empty() && !is_yes(said)
    }

    /// The sessions that it echoes, which must be the one that asked.
    pub fn sessions(&self) -> impl Iterator<Item = &str> {
        ["SessionID", "sessionId"]
            .into_iter()
            .flat_map(|name| self.all(name))
            .map(|node| self.text(node))
            .filter(|text| !text.is_empty())
    }

    /// The operation that it says it answers.
    pub fn echoed_docid(&self) -> &str {
        self.find("docid").map(|node| self.text(node)).unwrap_or_default()
    }

    /// The error that it carries inside, if any: an element `Error` with something in it.
    pub fn error(&self) -> Option<NodeId> {
        let says =
            |node: &NodeId| !self.text(*node).is_empty() || self.elements(*node).next().is_some();
        self.all("Error").into_iter().find(says)
    }
}

/// Yes, however the system spells it today.
pub fn is_yes(text: &str) -> bool {
    ["y", "yes", "true", "1"].iter().any(|yes| text.trim().eq_ignore_ascii_case(yes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quirk_12_yes_is_yes_however_it_is_spelt() {
        for (text, yes) in [
            ("Y", true),
            ("Yes", true),
            ("TRUE", true),
            ("true", true),
            (" 1 ", true),
            ("", false),
            ("N", false),
            ("FALSE", false),
            ("0", false),
            ("Yesterday", false),
        ] {
            assert_eq!(is_yes(text), yes, "{text}");
        }
    }
}
