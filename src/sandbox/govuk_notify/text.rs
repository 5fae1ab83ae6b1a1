//! Filling a template: placeholders `((name))`, conditional text `((flag??shown when yes))`, and
//! what each channel does with the result. Sending rules (limits, recipients, costs) are elsewhere.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Map, Value};

use crate::sandbox::govuk_notify::charset::{self, Alphabet};
use crate::sandbox::govuk_notify::{pytext, typography, whitespace};

/// The values given for a template's placeholders. Names match whatever their case, spaces, hyphens
/// and underscores.
#[derive(Clone, Debug, Default)]
pub struct Values(HashMap<String, Value>);

/// How a list is written into a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    Bullets,
    Sentence,
}

impl Values {
    pub fn of(personalisation: &Map<String, Value>) -> Self {
        Self(personalisation.iter().map(|(name, value)| (key(name), value.clone())).collect())
    }

    /// A missing value and a null are the same.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(&key(name)).filter(|value| !value.is_null())
    }

    /// The placeholders that have no value, as the template spells them.
    pub fn missing(&self, placeholders: &[String]) -> Vec<String> {
        placeholders.iter().filter(|name| self.get(name).is_none()).cloned().collect()
    }
}

/// The name under which placeholders and values meet.
pub fn key(name: &str) -> String {
    name.chars().filter(|character| !" _-".contains(*character)).collect::<String>().to_lowercase()
}

/// The placeholders of several parts of a template, each once, in order.
pub fn placeholders<'part>(parts: impl IntoIterator<Item = &'part str>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for part in parts {
        for found in PLACEHOLDER.captures_iter(part) {
            let name = name_of(&found[1]);
            if !names.iter().any(|known| key(known) == key(name)) {
                names.push(name.to_owned());
            }
        }
    }
    names
}

/// The content with its placeholders filled in. `escape` also makes it safe as HTML.
pub fn fill(content: &str, values: &Values, lists: Lists, escape: bool) -> String {
    let content = if escape { escape_html(content) } else { content.to_owned() };
    let filled = PLACEHOLDER.replace_all(&content, |found: &Captures<'_>| {
        let body = &found[1];
        let Some(value) = values.get(name_of(body)) else {
            return found[0].to_owned();
        };
        let printed = match value {
            Value::Array(items) => list_text(items, lists),
            other => pytext::text(other),
        };
        match body.split_once("??") {
            Some((_, shown)) if is_yes(&printed) => shown.to_owned(),
            Some(_) => String::new(),
            None if escape => escape_html(&printed),
            None => printed,
        }
    });
    filled.into_owned()
}

/// The body of an e-mail or letter.
pub fn body(content: &str, values: &Values) -> String {
    fill(content, values, Lists::Bullets, false).trim().to_owned()
}

/// A subject line. A letter's is made safe as HTML, an e-mail's is not.
pub fn subject(content: &str, values: &Values, escape: bool) -> String {
    let filled = fill(content, values, Lists::Sentence, escape);
    whitespace::normalise_line(&typography::improve(&filled))
}

/// A text message, before and after the characters that phones cannot show were brought down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextMessage {
    plain: String,
    pub sent: String,
    prefix_units: usize,
}

impl TextMessage {
    pub fn write(content: &str, values: &Values, prefix: Option<&str>) -> Self {
        static BLANK_LINES: LazyLock<Regex> =
            LazyLock::new(|| Regex::new("\n{3,}").expect("a constant pattern"));
        let filled = fill(content, values, Lists::Sentence, false);
        let prefixed = match prefix {
            Some(prefix) => format!("{}: {filled}", prefix.trim()),
            None => filled,
        };
        let closed = whitespace::close_up_punctuation(&prefixed);
        let lines: Vec<String> =
            whitespace::lines(&closed).into_iter().map(whitespace::normalise_line).collect();
        let plain = BLANK_LINES.replace_all(&lines.join("\n"), "\n\n").trim().to_owned();
        let prefix_units =
            prefix.map_or(0, |prefix| units(&Alphabet::Sms.encode(prefix)) + ": ".len());
        Self { sent: Alphabet::Sms.encode(&plain), plain, prefix_units }
    }

    /// Characters that count towards the limit: those of the council, not those of the prefix.
    pub fn length(&self) -> usize {
        units(&self.sent).saturating_sub(self.prefix_units)
    }

    /// How many messages the networks make of it, and bill.
    pub fn fragments(&self) -> u32 {
        let (single, part, length) = if self.plain.chars().any(charset::forces_ucs2) {
            (70, 67, units(&self.sent))
        } else {
            let doubled = self.plain.chars().filter(|&found| charset::is_extension(found)).count();
            (160, 153, units(&self.sent) + doubled)
        };
        let fragments = if length <= single { 1 } else { length.div_ceil(part) };
        u32::try_from(fragments).unwrap_or(u32::MAX)
    }
}

/// `((` a name, with or without conditional text `))`.
static PLACEHOLDER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\(\(([^()]+)\)\)").expect("a constant pattern"));

fn name_of(body: &str) -> &str {
    body.split_once("??").map_or(body, |(name, _)| name)
}

fn is_yes(text: &str) -> bool {
    matches!(text.to_lowercase().as_str(), "yes" | "y" | "true" | "t" | "1" | "include" | "show")
}

fn list_text(items: &[Value], lists: Lists) -> String {
    let items: Vec<String> = items
        .iter()
        .filter(|item| !item.is_null())
        .map(|item| whitespace::strip(&pytext::text(item)))
        .filter(|item| !item.is_empty())
        .collect();
    match (lists, items.as_slice()) {
        (_, []) => String::new(),
        (Lists::Bullets, items) => {
            let bullets: Vec<String> = items.iter().map(|item| format!("* {item}")).collect();
            format!("\n\n{}", bullets.join("\n"))
        }
        (Lists::Sentence, [only]) => only.clone(),
        (Lists::Sentence, [first @ .., last]) => format!("{} and {last}", first.join(", ")),
    }
}

/// Angle brackets and lone ampersands become entities; the two entities people write on purpose
/// stay.
fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => {
                let kept = ["&amp;", "&nbsp;", "&lt;", "&gt;"];
                let is_entity = kept.iter().any(|entity| text[at..].starts_with(entity));
                escaped.push_str(if is_entity { "&" } else { "&amp;" });
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

/// Length as phones count it.
fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values(value: Value) -> Values {
        Values::of(value.as_object().expect("an object"))
    }

    #[test]
    fn placeholders_are_found_once_and_in_order() {
        let found =
            placeholders(["((B))", "Hi ((a_name)) ((A Name)) (((c??x y))) ((b)) ((", "(())"]);
        assert_eq!(found, ["B", "a_name", "c"]);
    }

    #[test]
    fn values_are_filled_in() {
        let given =
            values(json!({"Na-ME": "Ann", "n": 12.5, "yes": "Yes", "no": false, "l": ["a", " \
                ", null, "b"]}));
        for (content, lists, filled) in [
            ("Dear ((name))", Lists::Bullets, "Dear Ann"),
            ("(((name)))", Lists::Bullets, "(Ann)"),
            ("((n)) ((yes??shown))((no??hidden))", Lists::Bullets, "12.5 shown"),
            ("x ((l)).", Lists::Bullets, "x \n\n* a\n* b."),
            ("x ((l)).", Lists::Sentence, "x a and b."),
            ("((other))", Lists::Sentence, "((other))"),
        ] {
            assert_eq!(fill(content, &given, lists, false), filled);
        }
        assert_eq!(given.missing(&["NAME".into(), "other".into()]), ["other"]);
    }

    #[test]
    fn a_text_message_is_tidied_counted_and_prefixed() {
        let given = values(json!({"name": "a  b , c\n\n\n\nd ."}));
        let message = TextMessage::write("Hi ((name)) ", &given, Some(" Testberry Council "));
        assert_eq!(message.sent, "Testberry Council: Hi a b, c\n\nd.");
        // Counted as the platform does: the prefix with its spaces, a colon and a space.
        assert_eq!(message.length(), "Hi a b, c\n\nd.".len() - 2);

        for (body, fragments) in [
            ("x".repeat(160), 1),
            ("x".repeat(161), 2),
            ("x".repeat(306), 2),
            ("x".repeat(307), 3),
            ("€".repeat(80), 1),
            ("€".repeat(81), 2),
            ("ŵ".repeat(70), 1),
            ("ŵ".repeat(71), 2),
            ("à".repeat(160), 1),
        ] {
            assert_eq!(TextMessage::write(&body, &Values::default(), None).fragments(), fragments);
        }
    }

    #[test]
    fn a_letters_subject_is_made_safe() {
        let given = values(json!({"x": "<b> & \"quotes\" - it's"}));
        assert_eq!(subject("A ((x))", &given, true), "A &lt;b&gt; &amp; “quotes” – it’s");
        assert_eq!(subject("A ((x))", &given, false), "A <b> & “quotes” – it’s");
    }
}
