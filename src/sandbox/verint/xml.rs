//! What a caller sent, as a tree: names with their namespaces, and texts. The sandbox reads with its own
//! reader, so that it finds what the hub's does not.

use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;

/// One element.
#[derive(Clone, Debug, Default)]
pub struct Element {
    pub name: String,
    /// Empty where it is in none.
    pub space: String,
    pub text: String,
    pub children: Vec<Element>,
}

impl Element {
    /// Reads a document; None where it is none.
    pub fn read(text: &str) -> Option<Element> {
        let mut reader = NsReader::from_str(text);
        let mut open: Vec<Element> = Vec::new();
        loop {
            match reader.read_event().ok()? {
                Event::Start(tag) => open.push(element(&reader, &tag)),
                Event::Empty(tag) => {
                    let found = element(&reader, &tag);
                    match open.last_mut() {
                        Some(parent) => parent.children.push(found),
                        None => return Some(found),
                    }
                }
                Event::End(_) => {
                    let found = open.pop()?;
                    match open.last_mut() {
                        Some(parent) => parent.children.push(found),
                        None => return Some(found),
                    }
                }
                Event::Text(part) => add(&mut open, &part.xml10_content()),
                Event::CData(part) => add(&mut open, &part.xml10_content()),
                Event::GeneralRef(reference) => {
                    let letter = reference.resolve_char_ref().ok()?;
                    match letter {
                        Some(letter) => add(&mut open, letter.encode_utf8(&mut [0; 4])),
                        None => {
                            let known = quick_xml::escape::resolve_predefined_entity(&reference)?;
                            add(&mut open, known);
                        }
                    }
                }
                Event::DocType(_) | Event::Eof => return None,
                _ => {}
            }
        }
    }

    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    pub fn all(&self, name: &str) -> impl Iterator<Item = &Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The element at a way of names.
    pub fn at(&self, way: &str) -> Option<&Element> {
        way.split('/').try_fold(self, |element, name| element.child(name))
    }

    /// The text at a way of names, without blanks around it; nothing where it is empty.
    pub fn text_at(&self, way: &str) -> Option<&str> {
        self.at(way).map(|element| element.text.trim()).filter(|text| !text.is_empty())
    }

    /// Whether anything below it is in a namespace.
    pub fn is_qualified_below(&self) -> bool {
        self.children.iter().any(|child| !child.space.is_empty() || child.is_qualified_below())
    }
}

fn element(reader: &NsReader<&[u8]>, tag: &BytesStart<'_>) -> Element {
    let (space, local) = reader.resolver().resolve_element(tag.name());
    let space = match space {
        ResolveResult::Bound(space) => space.as_ref().to_owned(),
        _ => Default::default(),
    };
    let name = local.as_ref().to_owned();
    Element { name, space, ..Element::default() }
}

fn add(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

/// A value as it stands in XML.
pub fn escaped(value: &str) -> String {
    quick_xml::escape::escape(value).into_owned()
}
