//! A trial as lines for people.

use std::fmt::Write;

use super::{Shown, Trial, What, words};
use crate::definition::diagnostic::Diagnostic;
use crate::mapping::inbound::Translation;
use crate::mapping::inbound::story::{Event, Found, Held, Rule, Story, Told};
use crate::record::fragment::Fragment;
use crate::record::value::pence::Pence;

/// Longer texts are cut, characters.
const TEXT_MAX: usize = 80;
const NAME_WIDTH: usize = 25;
const VALUE_WIDTH: usize = 26;

/// The whole trial.
pub fn of(trial: &Trial) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail, here and below.
    for complaint in &trial.complaints {
        let _ = writeln!(text, "{complaint}");
    }
    if trial.complaints.iter().any(Diagnostic::is_error) {
        text.push_str(
            "It is tried as far as it can be understood; nothing runs before that is mended.\n\n",
        );
    }
    let _ = writeln!(text, "Tried `{}` on {}", trial.mapping, trial.sample);
    if let Some(encoding) = &trial.encoding {
        let doubt = match trial.looks_utf8 {
            true => ", AND LOOKS LIKE UTF-8: every accented letter may be read as two",
            false => "",
        };
        let _ = writeln!(text, "  read as  {encoding}{doubt}");
    }
    let _ = writeln!(text, "  records  {}", trial.records);
    for total in &trial.totals {
        let declared = total.declared.map_or("nothing".to_owned(), |sum| sum.to_string());
        let said = if total.agrees() { "agrees" } else { "DOES NOT AGREE: it would be held whole" };
        let _ = writeln!(
            text,
            "  total    {}: the file declares {declared}, counted {}: {said}",
            total.name, total.counted
        );
    }
    if let Some(cause) = &trial.held_whole {
        let _ = writeln!(text, "  HELD     the file would be held whole: {cause}");
    }
    for shown in &trial.shown {
        record(&mut text, shown, trial.records);
    }
    let shown = trial.shown.len();
    if trial.first_only && shown < trial.records {
        let _ = writeln!(text, "\n{shown} of {} records; --record N shows another", trial.records);
    }
    text
}

fn record(text: &mut String, shown: &Shown, of: usize) {
    let key = match shown.key.is_empty() {
        true => "no key".to_owned(),
        false => format!("key {}", shown.key),
    };
    let _ = write!(text, "\nRecord {} of {of} · {key} · ", shown.number);
    let (translation, story) = match &shown.what {
        What::Unreadable { code, cause } => {
            let _ = writeln!(text, "HELD before it is mapped\n  {code}: {cause}");
            return;
        }
        What::Read(translation, story) => (translation, story),
    };
    let _ = match translation {
        Translation::Published(Fragment { hold: Some(hold), .. }) => {
            let (kind, debts) = (&hold.wanted.kind, hold.debts.len());
            let covers = match debts {
                0 => "all debts".to_owned(),
                1 => "1 debt".to_owned(),
                many => format!("{many} debts"),
            };
            let lifted = if hold.lifted { ", and over at its source" } else { "" };
            writeln!(text, "published: a hold ({kind}) of {covers}{lifted}")
        }
        Translation::Published(fragment) => {
            let account = if fragment.account.is_some() { "an account and " } else { "" };
            let parties = match fragment.parties.len() {
                1 => "1 party".to_owned(),
                many => format!("{many} parties"),
            };
            writeln!(text, "published: {account}{parties}")
        }
        Translation::Held(_) => {
            writeln!(text, "HELD: the row waits for a person, the rest goes on")
        }
        Translation::Filtered(because) => writeln!(text, "filtered: {because}"),
        Translation::Failed(_) => writeln!(text, "STOPS THE BATCH"),
    };
    for issue in words::issues(translation, story) {
        let _ = writeln!(text, "  {}: {}: {}", issue.field, issue.code, issue.sentence);
        let _ = writeln!(text, "    = help: {}", issue.remedy);
    }
    fields(text, story);
    if !story.unread.is_empty() {
        let _ = writeln!(text, "\n  read by no field");
        for path in &story.unread {
            let _ = writeln!(text, "    {path}");
        }
    }
}

fn fields(text: &mut String, story: &Story) {
    let mut place = "";
    for told in &story.told {
        if told.place != place {
            place = &told.place;
            let _ = writeln!(text, "\n  {place}");
        }
        let why: Vec<String> = told.steps.iter().filter_map(|event| said(event, told)).collect();
        let line = format!(
            "    {} {} {}",
            padded(&told.field, NAME_WIDTH),
            padded(&value(told), VALUE_WIDTH),
            why.join(" → ")
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

/// Where, which field, what it holds and why.
pub fn rows(story: &Story) -> Vec<(String, String, String, String)> {
    let row = |told: &Told| {
        let why: Vec<String> = told.steps.iter().filter_map(|event| said(event, told)).collect();
        (told.place.clone(), told.field.clone(), value(told), why.join(" → "))
    };
    story.told.iter().map(row).collect()
}

fn padded(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}

/// What the field holds, as it would stand in a case; money beside it as people write it.
fn value(told: &Told) -> String {
    let is_money =
        |event: &Event| matches!(event, Event::Read { kind, .. } if kind.starts_with("pence"));
    match &told.value {
        Some(Held::Text(text)) => cut(text),
        Some(Held::Whole(pence)) if told.steps.iter().any(is_money) => {
            let sign = if *pence < 0 { "-" } else { "" };
            format!("{pence} ({sign}£{})", Pence::new(pence.saturating_abs()))
        }
        Some(Held::Whole(number)) => number.to_string(),
        Some(Held::Flag(flag)) => flag.to_string(),
        None => match told.steps.last() {
            Some(Event::Each { count, .. }) => format!("{count} there"),
            Some(Event::Named { parties }) => format!("{parties} named"),
            Some(Event::Decided { holds: true }) => "yes".to_owned(),
            Some(Event::Decided { holds: false }) => "no".to_owned(),
            _ => "–".to_owned(),
        },
    }
}

fn said(event: &Event, told: &Told) -> Option<String> {
    Some(match event {
        Event::Looked { path, found: Found::Nothing, .. } => format!("{path} is not there"),
        Event::Looked { path, found: Found::Blank, .. } => format!("{path} is blank"),
        Event::Looked { path, found: Found::Several, .. } => {
            format!("{path} is there more than once")
        }
        Event::Looked { path, text, .. } => {
            format!("{path} {}", quoted(text.as_deref().unwrap_or_default()))
        }
        Event::Each { path, .. } => format!("one for each {path}"),
        Event::Constant { text } if text == "names" => "from the name above".to_owned(),
        Event::Constant { .. } => "a constant of the mapping".to_owned(),
        Event::Computed { expression, reads, gave, failed } => {
            let gave = gave.as_deref().map_or("nothing".to_owned(), quoted);
            let outcome =
                failed.map_or_else(|| format!("gives {gave}"), |why| format!("fails: {why}"));
            computed(expression, reads, &outcome)
        }
        Event::Stepped { by, to: Some(to) } => format!("{by} {}", quoted(to)),
        Event::Stepped { by, to: None } => format!("{by} says that it is none"),
        Event::Coded { list, line, code, to, from, until } => {
            let dates = match (from, until) {
                (None, None) => String::new(),
                (Some(from), None) => format!(", from {from}"),
                (None, Some(until)) => format!(", until {until}"),
                (Some(from), Some(until)) => format!(", {from} to {until}"),
            };
            format!("{list} line {line}: {code} is {}{dates}", quoted(to))
        }
        Event::Unlisted { list, code, on_other_days: true } => {
            format!("{list} has {} for other days only", quoted(code))
        }
        Event::Unlisted { list, code, .. } => format!("{list} does not have {}", quoted(code)),
        Event::Read { kind, .. } if kind == "text" => return None,
        Event::Read { kind, .. } => format!("read as {kind}"),
        Event::Dropped { because } => match because.as_str() {
            "drop_placeholder_dates" => {
                "a placeholder: dropped by drop_placeholder_dates".to_owned()
            }
            "open_ended_dates" => "no end: dropped by open_ended_dates".to_owned(),
            _ => words::means(because).to_owned(),
        },
        Event::Named { .. } => return None,
        Event::Noted { code } => format!("noted {code}"),
        Event::Refused { code, then } => match then {
            Rule::Hold => format!("HELD {code}"),
            Rule::Fail => format!("STOPS THE BATCH {code}"),
            Rule::Null => format!("{code}: left empty, by on_error = \"null\""),
            Rule::Default => format!("{code}: the default, by on_error = \"default\""),
        },
        Event::Defaulted if told.steps.iter().any(is_refused) => return None,
        Event::Defaulted => "the default of the mapping".to_owned(),
        Event::Decided { .. } => return None,
    })
}

fn is_refused(event: &Event) -> bool {
    matches!(event, Event::Refused { .. })
}

fn computed(expression: &str, reads: &[(String, String)], outcome: &str) -> String {
    let reads: Vec<String> = reads.iter().map(|(path, text)| format!("{path} is {text}")).collect();
    let with = if reads.is_empty() { String::new() } else { format!(" with {}", reads.join(", ")) };
    format!("{}{with} {outcome}", cut(expression))
}

/// In quotation marks; blanks are made to be seen where they matter.
fn quoted(text: &str) -> String {
    let matters = text.trim() != text
        || text.contains("  ")
        || text.chars().any(|c| c.is_control() || (c.is_whitespace() && c != ' '));
    let seen = |c: char| match c {
        ' ' if matters => '·',
        '\t' => '⇥',
        '\n' | '\r' => '⏎',
        '\u{a0}' => '⍽',
        other => other,
    };
    format!("\"{}\"", cut(&text.chars().map(seen).collect::<String>()))
}

/// Harmless to print, and not endless.
pub fn cut(text: &str) -> String {
    let plain = |c: char| if c.is_control() { '␀' } else { c };
    let mut cut: String = text.chars().take(TEXT_MAX).map(plain).collect();
    if text.chars().nth(TEXT_MAX).is_some() {
        cut.push('…');
    }
    cut
}
