//! A piece of XML with places for values, as a definition writes it: `<From>{since}</From>`, and `${NAME}`
//! for what the environment says. Whatever stands in a place is a value, whole, and never markup.

use crate::connector::answering::Doing;
use crate::connector::channel::ConnectorError;
use crate::connector::definition::Surroundings;
use crate::connector::format::xml::{parse, write};
use crate::definition::reader::Spanned;
use crate::definition::table::Table;
use crate::record::document::Document;

/// It, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// `{name}`
    Place(String),
    /// `${NAME}`
    Variable(String),
}

impl Fragment {
    /// Reads it from a definition; these places may stand in it. `is_document` wants one element.
    pub fn read(
        settings: &Table<'_>,
        text: &Spanned<String>,
        places: &[&str],
        is_document: bool,
    ) -> Option<Fragment> {
        let fragment = Fragment::parse(&text.value);
        for part in &fragment.parts {
            if let Part::Place(name) = part
                && !places.contains(&name.as_str())
            {
                let what = format!("`{{{name}}}` stands for nothing here");
                let known: Vec<String> = places.iter().map(|one| format!("`{{{one}}}`")).collect();
                let help = match known.is_empty() {
                    true => "no value has a place here".to_owned(),
                    false => format!("known here: {}", known.join(", ")),
                };
                settings.error(text.at, what, "not known", Some(help));
                return None;
            }
        }
        let tried = fragment.with(&|_| Some("7".to_owned()), &|_| Some("7".to_owned()));
        let tried = tried.unwrap_or_default();
        let tried = if is_document { tried } else { format!("<x>{tried}</x>") };
        if let Err(fault) = parse::parse(tried.trim(), &mut Document::default()) {
            let what = format!("this is no XML: {}, {}", fault.cause, fault.place);
            let help =
                "an element with its namespaces declared: `<m:Get xmlns:m=\"urn:…\">…</m:Get>`";
            settings.error(text.at, what, "cannot be sent", Some(help.to_owned()));
            return None;
        }
        Some(fragment)
    }

    /// Takes a text apart. A brace that encloses no name is itself.
    pub fn parse(text: &str) -> Fragment {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            let (before, behind) = rest.split_at(at);
            let name = behind[1..].split_once('}').map(|(name, _)| name);
            let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            let Some(name) = name.filter(|name| !name.is_empty() && name.bytes().all(word)) else {
                plain.push_str(&rest[..=at]);
                rest = &rest[at + 1..];
                continue;
            };
            let is_variable = before.ends_with('$');
            plain.push_str(before.strip_suffix('$').filter(|_| is_variable).unwrap_or(before));
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            let name = name.to_owned();
            rest = &behind[name.len() + 2..];
            parts.push(if is_variable { Part::Variable(name) } else { Part::Place(name) });
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Fragment { parts }
    }

    /// This one, and behind it another.
    pub fn before(mut self, other: Fragment) -> Fragment {
        self.parts.extend(other.parts);
        self
    }

    /// Whether such a value has a place in it.
    pub fn has(&self, name: &str) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Place(known) if known == name))
    }

    /// With what the environment says in its places.
    pub fn opened(&self, around: &Surroundings) -> Result<Fragment, ConnectorError> {
        let mut parts = Vec::new();
        for part in &self.parts {
            parts.push(match part {
                Part::Variable(name) => {
                    let value = around.expand(&format!("${{{name}}}"))?;
                    Part::Text(write::escaped(&value).unwrap_or_default())
                }
                other => other.clone(),
            });
        }
        Ok(Fragment { parts })
    }

    /// With values in its places; an error where XML cannot say one.
    pub fn filled(&self, doing: Doing, values: &[(&str, &str)]) -> Result<String, ConnectorError> {
        let value = |name: &str| {
            let found = values.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        self.with(&value, &|_| None).ok_or_else(|| ConnectorError::Refused {
            code: match doing {
                Doing::Asking => "soap.question".to_owned(),
                Doing::Changing => "push.body".to_owned(),
            },
            cause: "a value is missing, or has a character that XML cannot say".to_owned(),
        })
    }

    fn with(
        &self,
        value: &dyn Fn(&str) -> Option<String>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Option<String> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Place(name) => out.push_str(&write::escaped(&value(name)?)?),
                Part::Variable(name) => out.push_str(&write::escaped(&variable(name)?)?),
            }
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, value: &str) -> Option<String> {
        Fragment::parse(text).filled(Doing::Asking, &[("since", value)]).ok()
    }

    #[test]
    fn a_value_is_never_markup() {
        let said = |text: &str, value: &str| filled(text, value).expect("it can be said");
        assert_eq!(said("<a b=\"{since}\">{since}</a>", "x\"<y>&"), {
            let value = "x&quot;&lt;y&gt;&amp;";
            format!("<a b=\"{value}\">{value}</a>")
        });
        // What comes in is not looked at again.
        assert_eq!(said("<a>{since}</a>", "{since}${HOME}"), "<a>{since}${HOME}</a>");
        assert_eq!(said("<a>{ } {} {\"x\": 1} {since}</a>", "7"), "<a>{ } {} {\"x\": 1} 7</a>");
        assert_eq!(filled("<a>{since}</a>", "\0"), None);
        assert_eq!(filled("<a>{other}</a>", "7"), None);
        let fragment = Fragment::parse("<a>{since}-${NAME}</a>");
        assert!(fragment.has("since") && !fragment.has("NAME"));
    }
}
