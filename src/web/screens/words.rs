//! How things are said on pages: instants with how long ago they were, counts that stop, states with a colour
//! beside their word.

use std::fmt;

use chrono::Datelike;
use serde::{Deserialize, Deserializer};

use crate::record::moment::Moment;

/// An instant as the hub's JSON has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At(pub i64);

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<At, D::Error> {
        let text = String::deserialize(deserializer)?;
        let at = Moment::parse(&text);
        at.map(|at| At(at.0)).ok_or_else(|| serde::de::Error::custom("an instant cannot be read"))
    }
}

/// The moment at which a page is made: instants are said as seen from it.
#[derive(Debug, Clone, Copy)]
pub struct Now(pub i64);

impl Now {
    /// `12 minutes ago (Tue 3 Nov 2026, 14:05 GMT)`, with UTC for whoever asks the machine.
    pub fn when(&self, at: &At) -> Said {
        Said(format!(
            "<time datetime=\"{utc}\" title=\"{utc}\">{}<br><span class=\"v-quiet\">{}</span></time>",
            self.ago(at.0),
            Moment(at.0),
            utc = Moment(at.0).utc_said(),
        ))
    }

    /// The same on one line.
    pub fn whole(&self, at: &At) -> Said {
        Said(format!(
            "<time datetime=\"{utc}\" title=\"{utc}\">{} ({})</time>",
            self.ago(at.0),
            Moment(at.0),
            utc = Moment(at.0).utc_said(),
        ))
    }

    /// `21:15 GMT`
    pub fn clock(&self, at: &At) -> String {
        Moment(at.0).time_said(self.0)
    }

    /// How long it has lasted; never less than nothing.
    pub fn age(&self, at: &At) -> String {
        long((self.0 - at.0).max(0))
    }

    /// `for 14 seconds more`, of what ends then unless it is renewed.
    pub fn left(&self, until: &At) -> String {
        match until.0 - self.0 {
            ms if ms > 0 => format!("for {} more", long(ms)),
            _ => "its time is over".to_owned(),
        }
    }

    fn ago(&self, at_ms: i64) -> String {
        match self.0 - at_ms {
            ms if ms < -30_000 => format!("in {}", long(-ms)),
            ms if ms < 30_000 => "just now".to_owned(),
            ms => format!("{} ago", long(ms)),
        }
    }
}

/// `12 minutes`
pub fn long(ms: i64) -> String {
    let said = |many: i64, one: &str| match many {
        1 => format!("1 {one}"),
        many => format!("{many} {one}s"),
    };
    match ms {
        ms if ms < 60_000 => said((ms / 1_000).max(1), "second"),
        ms if ms < 2 * 3_600_000 => said(ms / 60_000, "minute"),
        ms if ms < 48 * 3_600_000 => said(ms / 3_600_000, "hour"),
        ms => said(ms / 86_400_000, "day"),
    }
}

/// Markup of ours: made of numbers and of what is escaped already.
#[derive(Debug, Clone)]
pub struct Said(String);

impl fmt::Display for Said {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Said {}

/// What is the matter, or what to do, as a sentence: the tables of words have it small and without a stop. What
/// they say to do by a command is done by a button here.
pub fn sentence(text: &str) -> String {
    const BUTTONS: [(&str, &str); 4] = [
        ("viaduct batches accept", "accept it"),
        ("viaduct batches refuse", "refuse it"),
        ("viaduct replay", "have it read again"),
        ("viaduct hold lift", "lift the hold by command"),
    ];
    let mut said = String::new();
    for (place, part) in text.split('`').enumerate() {
        let button =
            BUTTONS.iter().find(|(command, _)| place % 2 == 1 && part.starts_with(command));
        said.push_str(button.map_or(part, |(_, words)| words));
    }
    let mut letters = said.trim().chars();
    let first: String =
        letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let stop = if said.trim().is_empty() || said.ends_with(['.', '?']) { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}

/// Who did it, as people say it.
pub fn who(actor: &str) -> String {
    match actor.split_once(':') {
        Some(("staff", name)) => name.to_owned(),
        Some(("break-glass", name)) => format!("{name} (break-glass)"),
        Some(("user", name)) => format!("{name} (by command)"),
        Some(("key", name)) => format!("the program {name}"),
        _ if actor == "local" => "a program of this machine".to_owned(),
        _ => actor.to_owned(),
    }
}

/// How a set was chosen, which is kept as the options of a command.
pub fn chosen(words: &str) -> String {
    let mut said = format!(" {words}");
    for (option, means) in [
        (" --code ", " held under "),
        (" --destination ", " for "),
        (" --mapping ", " made by the mapping "),
        (" --resident ", " to resident "),
        (" --batch ", " of batch "),
        (" --account ", " of account "),
        (" --from ", " since "),
        (" --until ", " until "),
    ] {
        said = said.replace(option, means);
    }
    said.trim().to_owned()
}

/// What becomes of one in a bulk action.
pub fn outcome(word: &str) -> &str {
    match word {
        "waiting" => "sent again",
        "offered" => "offered for payment again",
        "dismissed" => "never sent",
        "remade" => "made anew and sent",
        "repeated" => "told once more",
        "left" => "left as they are",
        "open" => "to come",
        other => other,
    }
}

/// A mapping's version, which is a digest of what it says.
pub fn version(number: impl Number) -> String {
    format!("{:08x}", number.number() as u64 >> 32)
}

/// Whether the clocks change on the day of that run.
pub fn clocks_change(at: &At) -> bool {
    let day = Moment(at.0).day();
    let next = day.succ_opt().unwrap_or(day);
    Moment::at(day, 0).is_summer() != Moment::at(next, 0).is_summer()
}

/// The year of that run, by London's calendar.
pub fn year(at: &At) -> i32 {
    Moment(at.0).day().year()
}

/// A number, however often a template points at it.
pub trait Number {
    fn number(&self) -> i64;
}

impl Number for i64 {
    fn number(&self) -> i64 {
        *self
    }
}

impl<T: Number> Number for &T {
    fn number(&self) -> i64 {
        (**self).number()
    }
}

/// `1,234`, and `10,000+` where nobody counted further.
pub fn many(many: impl Number, most: impl Number) -> String {
    let (many, most) = (many.number(), most.number());
    match many > most {
        true => format!("{}+", grouped(most)),
        false => grouped(many),
    }
}

/// `12,345`
pub fn grouped(many: impl Number) -> String {
    let many = many.number();
    let digits = many.unsigned_abs().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if many < 0 { format!("-{text}") } else { text }
}

/// `12 today, 30 yesterday, 57 in the seven days before today`
pub fn trend(days: &[i64]) -> String {
    let day = |place: usize| days.get(place).copied().unwrap_or_default();
    let before: i64 = days.iter().skip(1).sum();
    format!(
        "{} today, {} yesterday, {} in the seven days before today",
        grouped(day(0)),
        grouped(day(1)),
        grouped(before)
    )
}

/// A state as people read it, and the colour of its tag. The word says it; the colour only helps.
pub fn state(word: &str) -> (String, &'static str) {
    let (said, colour) = match word {
        "well" | "done" | "delivered" | "closed" | "active" => (word, "green"),
        "waiting" | "offered" | "invited" => (word, "turquoise"),
        "ready" => (word, "green"),
        "making" | "running" | "sending" | "accepted" | "reading" | "released" => (word, "teal"),
        "held" | "held whole" | "rows held" | "late" | "stopped" | "failed" | "dead" | "locked" => {
            (word, "red")
        }
        "unknown" => ("outcome unknown", "purple"),
        "paused" | "draining" | "drained" | "left alone" | "proposed" | "asked" | "open"
        | "halted" => (word, "yellow"),
        other => (other, "grey"),
    };
    let mut letters = said.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    (format!("{first}{}", letters.as_str()), colour)
}

/// A state's tag.
pub fn tag(word: &str) -> Said {
    let (said, colour) = state(word);
    let safe: String = said.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect();
    Said(format!("<strong class=\"govuk-tag govuk-tag--{colour}\">{safe}</strong>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_said_as_seen_from_now() {
        let now = Now(1_793_714_700_000);
        for (before_ms, said) in [
            (0, "just now"),
            (-20_000, "just now"),
            (45_000, "45 seconds ago"),
            (60_000, "1 minute ago"),
            (12 * 60_000, "12 minutes ago"),
            (26 * 3_600_000, "26 hours ago"),
            (3 * 86_400_000, "3 days ago"),
            (-3_600_000, "in 60 minutes"),
        ] {
            let text = now.whole(&At(now.0 - before_ms)).to_string();
            assert!(text.contains(&format!(">{said} (")), "{text}");
            assert!(text.contains("Z\" title=\""), "{text}");
        }
        assert_eq!(now.age(&At(now.0 + 5_000)), "1 second", "no wait is less than nothing");
    }

    #[test]
    fn counts_stop_and_states_have_a_word() {
        assert_eq!(many(9_999_i64, 10_000_i64), "9,999");
        assert_eq!(many(10_001_i64, 10_000_i64), "10,000+");
        assert_eq!(
            (grouped(0_i64), grouped(1_234_567_i64)),
            ("0".to_owned(), "1,234,567".to_owned())
        );
        assert_eq!(state("unknown"), ("Outcome unknown".to_owned(), "purple"));
        assert_eq!(
            sentence(
                "ask whether it is whole. If it is: `viaduct batches accept NUMBER --reason WHY`; then look"
            ),
            "Ask whether it is whole. If it is: accept it; then look."
        );
        assert_eq!(chosen("--code notify --batch 7"), "held under notify of batch 7");
        assert_eq!(who("staff:kim.bramble"), "kim.bramble");
        assert_eq!(version(-4_211_956_598_021_606_486_i64).len(), 8);
        assert!(!tag("<b>").to_string().contains("<b>"));
    }
}
