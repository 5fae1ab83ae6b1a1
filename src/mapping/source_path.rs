//! How a source path is written: `Balance/Outstanding`, `@ref`, `../../Property/UPRN`, `c:Status`,
//! `.`. A small part of XPath that also suits columns of a file; its conditions choose among several
//! elements by what stands directly in them, `Phone[Preferred=true]/Number`, or the first, `Forename[1]`, and it
//! has no functions.

use crate::definition::reader::{File, Span, Spanned};
use crate::mapping::definition::{PathStep, SourcePath};
use crate::record::document::Condition;

const STEPS_MAX: usize = 32;
const PATH_CHARS_MAX: usize = 500;

/// Reads a path; a fault is told to the file.
pub fn read(file: &File, text: &Spanned<String>) -> Option<SourcePath> {
    match parse(&text.value, text.at) {
        Ok(path) => Some(path),
        Err((label, help)) => {
            file.error(text.at, format!("`{}` is not a path", text.value), label, Some(help));
            None
        }
    }
}

/// The error is what is wrong, and the remedy.
pub fn parse(text: &str, at: Span) -> Result<SourcePath, (&'static str, String)> {
    let example = || "write names between slashes: `Balance/Outstanding`".to_owned();
    if text.trim().is_empty() {
        return Err(("nothing is named", example()));
    }
    if text.len() > PATH_CHARS_MAX {
        return Err(("too long", example()));
    }
    if let Some(rest) = text.strip_prefix('/') {
        let rest = rest.trim_start_matches('/');
        return Err(("begins at the record, not at the document", format!("write `{rest}`")));
    }
    let mut path = SourcePath { text: text.to_owned(), at, up: 0, steps: Vec::new() };
    let parts: Vec<&str> = if text == "." { Vec::new() } else { text.split('/').collect() };
    if parts.len() > STEPS_MAX {
        return Err(("too many steps", example()));
    }
    for (place, part) in parts.iter().enumerate() {
        if *part == ".." {
            if !path.steps.is_empty() {
                return Err(("`..` may only stand at the beginning", example()));
            }
            path.up += 1;
            continue;
        }
        if matches!(path.steps.last(), Some(PathStep::Attribute { .. })) {
            return Err(("an attribute has nothing below it", "end with the `@` part".to_owned()));
        }
        let step = step(part).map_err(|label| {
            let remedy =
                if *part == "." && place == 0 { "leave `./` out".into() } else { example() };
            (label, remedy)
        })?;
        path.steps.push(step);
    }
    Ok(path)
}

fn step(part: &str) -> Result<PathStep, &'static str> {
    let (attribute, name) = match part.strip_prefix('@') {
        Some(name) => (true, name),
        None => (false, part),
    };
    if name.trim().is_empty() {
        return Err("a name is missing between two slashes");
    }
    if name != name.trim() {
        return Err("a name begins or ends with a blank");
    }
    if name == "." {
        return Err("`.` may only stand alone");
    }
    let (name, only) = match name.strip_suffix(']').filter(|_| !attribute) {
        Some(rest) => {
            let (name, condition) = rest.split_once('[').ok_or(CONDITION)?;
            (name, Some(condition_of(condition).ok_or(CONDITION)?))
        }
        None => (name, None),
    };
    if name.contains(['[', ']', '@', '*']) || name.ends_with("()") {
        return Err(
            "functions are not understood here, and of conditions `[1]` and `[Preferred=true]`",
        );
    }
    let (ns, name) = match name.split_once(':') {
        Some((ns, local)) if is_prefix(ns) && !local.starts_with(' ') && !local.is_empty() => {
            (Some(ns.to_owned()), local.to_owned())
        }
        _ => (None, name.to_owned()),
    };
    Ok(match attribute {
        true => PathStep::Attribute { ns, name },
        false => PathStep::Child { ns, name, only },
    })
}

const CONDITION: &str = "a condition is `[1]`, or a name and what stands there: `[Preferred=true]`";

fn condition_of(text: &str) -> Option<Condition> {
    if text.trim() == "1" {
        return Some(Condition::First);
    }
    let (name, value) = text.split_once('=')?;
    let (attribute, name) = match name.strip_prefix('@') {
        Some(name) => (true, name),
        None => (false, name),
    };
    let plain = |text: &str| !text.trim().is_empty() && !text.contains(['[', ']', '@', '*', '=']);
    let value = value.trim_matches(['"', '\'']);
    (plain(name) && plain(value)).then(|| Condition::Holds {
        name: name.trim().to_owned(),
        attribute,
        value: value.trim().to_owned(),
    })
}

fn is_prefix(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<(usize, Vec<String>), &'static str> {
        let path = parse(text, Span::default()).map_err(|(label, _)| label)?;
        let step = |step: &PathStep| match step {
            PathStep::Child { ns, name, only } => {
                let only = only.as_ref().map(|only| match only {
                    Condition::First => "[1]".to_owned(),
                    Condition::Holds { name, value, .. } => format!("[{name}={value}]"),
                });
                format!("{}{name}{}", prefix(ns), only.unwrap_or_default())
            }
            PathStep::Attribute { ns, name } => format!("@{}{name}", prefix(ns)),
        };
        Ok((path.up, path.steps.iter().map(step).collect()))
    }

    fn prefix(ns: &Option<String>) -> String {
        ns.as_ref().map(|ns| format!("{{{ns}}}")).unwrap_or_default()
    }

    #[test]
    fn paths_are_read() {
        for (text, up, steps) in [
            ("Status", 0, vec!["Status"]),
            ("Balance/Outstanding", 0, vec!["Balance", "Outstanding"]),
            ("@ref", 0, vec!["@ref"]),
            ("../../Property/UPRN", 2, vec!["Property", "UPRN"]),
            ("../@ref", 1, vec!["@ref"]),
            ("..", 1, vec![]),
            (".", 0, vec![]),
            ("c:Account/c:Status", 0, vec!["{c}Account", "{c}Status"]),
            ("@xml:lang", 0, vec!["@{xml}lang"]),
            ("Amount (£)", 0, vec!["Amount (£)"]),
            ("Date: start", 0, vec!["Date: start"]),
            ("Phone[Preferred=true]/Number", 0, vec!["Phone[Preferred=true]", "Number"]),
            ("c:Phone[@use='home']", 0, vec!["{c}Phone[use=home]"]),
            ("Name/Forename[1]", 0, vec!["Name", "Forename[1]"]),
        ] {
            let steps: Vec<String> = steps.into_iter().map(str::to_owned).collect();
            assert_eq!(shown(text), Ok((up, steps)), "{text}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused_with_why() {
        for (text, why) in [
            ("", "nothing is named"),
            ("  ", "nothing is named"),
            ("/a", "begins at the record, not at the document"),
            ("//a", "begins at the record, not at the document"),
            ("a//b", "a name is missing between two slashes"),
            ("a/", "a name is missing between two slashes"),
            ("@", "a name is missing between two slashes"),
            ("a/../b", "`..` may only stand at the beginning"),
            ("./a", "`.` may only stand alone"),
            ("@a/b", "an attribute has nothing below it"),
            ("a[2]", CONDITION),
            ("a[b=]", CONDITION),
            ("a[b=c=d]", CONDITION),
            ("a]", CONDITION),
            (
                "a/text()",
                "functions are not understood here, and of conditions `[1]` and `[Preferred=true]`",
            ),
            ("a /b", "a name begins or ends with a blank"),
        ] {
            assert_eq!(shown(text), Err(why), "{text}");
        }
        assert_eq!(shown(&"a/".repeat(100)), Err("too many steps"));
        assert_eq!(shown(&"a".repeat(5_000)), Err("too long"));
    }
}
