//! What is wrong with a record, in words, and what a person can do about it.

use crate::mapping::inbound::Translation;
use crate::mapping::inbound::story::{Event, Found, Story, Told};
use crate::record::cause;
use crate::record::fragment::FieldIssue;

/// One reason why a record is not published.
pub struct Issue {
    /// `party 1 birth_date`
    pub field: String,
    pub code: String,
    pub sentence: String,
    pub remedy: String,
}

/// Why the record is held, or stops the batch.
pub fn issues(translation: &Translation, story: &Story) -> Vec<Issue> {
    let found: Vec<&FieldIssue> = match translation {
        Translation::Held(issues) => issues.iter().collect(),
        Translation::Failed(issue) => vec![issue],
        Translation::Published(_) | Translation::Filtered(_) => Vec::new(),
    };
    found.into_iter().map(|issue| words(issue, story)).collect()
}

fn words(issue: &FieldIssue, story: &Story) -> Issue {
    let is_it = |told: &&Told| {
        let refused =
            |event: &Event| matches!(event, Event::Refused { code, .. } if *code == issue.code);
        told.issue == issue.field && told.steps.iter().any(refused)
    };
    let told = story.told.iter().find(is_it);
    Issue {
        field: issue.field.clone(),
        code: issue.code.clone(),
        sentence: sentence(&issue.code),
        remedy: told
            .map_or_else(|| remedy(&issue.code, &[]), |told| remedy(&issue.code, &told.steps)),
    }
}

/// What a code means, as a sentence of its own.
fn sentence(code: &str) -> String {
    let means = means(code);
    let mut letters = means.chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => String::new(),
    }
}

/// What a code means, within a line.
pub fn means(code: &str) -> &'static str {
    cause::find(code).map_or("", |cause| cause.means)
}

/// What can be done about it, knowing how it came about.
fn remedy(code: &str, steps: &[Event]) -> String {
    for event in steps {
        match event {
            Event::Unlisted { list, code, on_other_days: true } => {
                return format!(
                    "`mappings/{list}` has `{code}`, but not for today: mend its dates, or write \
                     `on_error = \"null\"` to leave the field empty"
                );
            }
            Event::Unlisted { list, code, .. } => {
                return format!(
                    "add a line `{},…` to `mappings/{list}`, or write `on_error = \"null\"` to leave \
                     the field empty",
                    cell(code)
                );
            }
            Event::Looked { path, found: Found::Several, .. } => {
                return format!(
                    "`{path}` is there more than once: read one with a longer path, or make a list or \
                     parties of them with `each`"
                );
            }
            _ => {}
        }
    }
    let words = match code {
        "required" => {
            "take `required` out if it may be absent, give a `default`, or ask for it at the source"
        }
        "expression.failed" | "expression.limit" => {
            "let the expression ask first, such as `text(\"Path\") == \"\" ? \"…\" : …`"
        }
        "record_empty" => "ask for the extract again",
        "date_wrong_shape" => {
            "write in `as` how this source writes dates (several formats may stand in a list; `%-d` is \
             a day of one digit or two), or `on_error = \"null\"` to leave the field empty"
        }
        "pence_wrong_shape" => {
            "choose the format in `as` that this source writes (docs/definitions.md lists them), or \
             drop words that mean nothing with `none_if` in `via`"
        }
        "flag_unknown" => "say the words: `as = { flag = { yes = [\"…\"], no = [\"…\"] } }`",
        _ => {
            "mend it at the source, drop it with `none_if` in `via`, or write `on_error = \"null\"` to \
             leave the field empty and note it"
        }
    };
    words.to_owned()
}

/// A cell of a code list.
fn cell(code: &str) -> String {
    match code.contains([',', '"', '#']) {
        true => format!("\"{}\"", code.replace('"', "\"\"")),
        false => code.to_owned(),
    }
}
