//! What is wrong with a definition file, where, and what to do about it: for a person, and as JSON.
//! It does not find faults; it only tells them.

use std::fmt::{self, Display, Write};

use serde::Serialize;

/// Longer lines are shown from a little before the fault, and cut.
const SNIPPET_CHARS_MAX: usize = 160;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// One fault of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    /// As a person would name it from the root of the definitions.
    pub file: String,
    /// Absent when the fault is the file as a whole.
    #[serde(flatten)]
    pub place: Option<Box<Place>>,
    /// The sentence: what is wrong.
    pub what: String,
    /// A few words under the carets: what follows from it.
    pub label: String,
    /// The remedy.
    pub help: Option<String>,
}

/// Where in the file: line and column count from 1, in characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    pub line: usize,
    pub column: usize,
    /// How many characters the carets mark; at least one.
    pub length: usize,
    /// The line itself, harmless to print.
    pub snippet: String,
    /// Where in the snippet the carets begin: the column, unless the line was cut.
    #[serde(skip)]
    caret: usize,
}

impl Diagnostic {
    /// A fault of the file as a whole: it is missing, too large, or not text.
    pub fn of_file(
        severity: Severity,
        file: impl Into<String>,
        what: impl Into<String>,
        help: Option<String>,
    ) -> Diagnostic {
        let (file, what) = (file.into(), what.into());
        Diagnostic { severity, file, place: None, what, label: String::new(), help }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl Place {
    /// The place of the bytes `start..end` of `text`; carets stay on the first line.
    pub fn locate(text: &str, start: usize, end: usize) -> Place {
        let start = floor_char(text, start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = floor_char(text, end).clamp(start, line_end);
        let whole = text[line_start..line_end].trim_end();
        let column = text[line_start..start].chars().count() + 1;
        let (snippet, caret) = cut(whole, column);
        Place {
            line: text[..line_start].matches('\n').count() + 1,
            column,
            length: text[start..end].trim_end().chars().count().max(1),
            snippet,
            caret,
        }
    }
}

impl Display for Diagnostic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(out, "{severity}: {}", self.what)?;
        let Some(place) = &self.place else {
            writeln!(out, "  ┌ {}", self.file)?;
            return self.write_help(out, "");
        };
        let number = place.line.to_string();
        let margin = " ".repeat(number.len());
        writeln!(out, "{margin} ┌ {}:{}:{}", self.file, place.line, place.column)?;
        writeln!(out, "{number} │ {}", place.snippet)?;
        let room = place.snippet.chars().count().saturating_sub(place.caret - 1).max(1);
        let carets = "^".repeat(place.length.min(room));
        let line = format!("{margin} │ {}{carets} {}", " ".repeat(place.caret - 1), self.label);
        writeln!(out, "{}", line.trim_end())?;
        self.write_help(out, &margin)
    }
}

impl Diagnostic {
    fn write_help(&self, out: &mut fmt::Formatter<'_>, margin: &str) -> fmt::Result {
        let margin = if margin.is_empty() { " " } else { margin };
        match &self.help {
            Some(help) => writeln!(out, "{margin} = help: {help}"),
            None => Ok(()),
        }
    }
}

/// Everything at once, in the order of the files, with a last line that counts. `files` is how many
/// were read.
pub fn render_all(diagnostics: &[Diagnostic], files: usize) -> String {
    let mut text = String::new();
    for diagnostic in sorted(diagnostics) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{diagnostic}");
    }
    let errors = diagnostics.iter().filter(|one| one.is_error()).count();
    let warnings = diagnostics.len() - errors;
    let counts = match (errors, warnings) {
        (0, 0) => "No errors".to_owned(),
        (0, _) => count(warnings, "warning"),
        (_, 0) => count(errors, "error"),
        _ => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
    };
    let _ = writeln!(text, "{counts} in {}. Nothing was changed.", count(files, "file"));
    text
}

/// The same as JSON: counts, and every diagnostic with its place.
pub fn json_all(diagnostics: &[Diagnostic], files: usize) -> serde_json::Value {
    let errors = diagnostics.iter().filter(|one| one.is_error()).count();
    serde_json::json!({
        "errors": errors,
        "warnings": diagnostics.len() - errors,
        "files": files,
        "diagnostics": sorted(diagnostics),
    })
}

/// In the order of files and lines, whatever found them first.
pub fn sorted(diagnostics: &[Diagnostic]) -> Vec<&Diagnostic> {
    let mut ordered: Vec<&Diagnostic> = diagnostics.iter().collect();
    ordered.sort_by_key(|one| {
        let place = one.place.as_ref().map_or((0, 0), |place| (place.line, place.column));
        (one.file.clone(), place, one.severity)
    });
    ordered
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Tabs and control characters become one blank each, so that carets stand where they should and a
/// file cannot drive the terminal.
fn cut(line: &str, column: usize) -> (String, usize) {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let skipped = if column > SNIPPET_CHARS_MAX - 40 { column - 40 } else { 0 };
    let mut snippet: String = if skipped > 0 { "…".into() } else { String::new() };
    let caret = column - skipped + usize::from(skipped > 0);
    snippet.extend(line.chars().skip(skipped).take(SNIPPET_CHARS_MAX).map(printable));
    if line.chars().count() > skipped + SNIPPET_CHARS_MAX {
        snippet.push('…');
    }
    (snippet, caret)
}

fn floor_char(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostic(text: &str, marked: &str, severity: Severity) -> Diagnostic {
        let start = text.find(marked).expect("the test marks a part of its text");
        Diagnostic {
            severity,
            file: "mappings/inbound/ctax_account.toml".into(),
            place: Some(Box::new(Place::locate(text, start, start + marked.len()))),
            what: "`Surnme` is not in the source schema of `revenues`".into(),
            label: "nothing is ever read from here".into(),
            help: Some("did you mean `LiableParty/Surname`?".into()),
        }
    }

    #[test]
    fn a_fault_is_shown_with_its_line_carets_and_remedy() {
        let text = "\n\n\n\n\nfrom     = \"LiableParty/Surnme\"\n";
        let shown = diagnostic(text, "\"LiableParty/Surnme\"", Severity::Error).to_string();
        assert_eq!(
            shown,
            "error: `Surnme` is not in the source schema of `revenues`\n\
             \x20 ┌ mappings/inbound/ctax_account.toml:6:12\n\
             6 │ from     = \"LiableParty/Surnme\"\n\
             \x20 │            ^^^^^^^^^^^^^^^^^^^^ nothing is ever read from here\n\
             \x20 = help: did you mean `LiableParty/Surname`?\n"
        );
    }

    #[test]
    fn columns_count_characters_and_tabs_count_one() {
        for (text, marked, line, column) in
            [("é = ü", "ü", 1, 5), ("a\n\tb = 1\n", "1", 2, 6), ("a\r\nb", "b", 2, 1)]
        {
            let start = text.find(marked).expect("the test marks a part of its text");
            let place = Place::locate(text, start, start + marked.len());
            assert_eq!((place.line, place.column, place.length), (line, column, 1), "{text:?}");
        }
    }

    #[test]
    fn a_fault_past_the_end_of_the_text_is_still_shown() {
        let place = Place::locate("a = \"\n", 400, 500);
        assert_eq!((place.line, place.column, place.length), (2, 1, 1));
    }

    #[test]
    fn a_very_long_line_is_cut_around_the_fault() {
        let text = format!("{}X{}", "a".repeat(5_000), "b".repeat(5_000));
        let shown = diagnostic(&text, "X", Severity::Error).to_string();
        assert!(shown.lines().all(|line| line.chars().count() < 210), "{shown}");
        let lines: Vec<&str> = shown.lines().collect();
        let caret = lines[3].chars().position(|c| c == '^').expect("there is a caret");
        assert_eq!(lines[2].chars().nth(caret), Some('X'), "{shown}");
    }

    #[test]
    fn the_last_line_counts() {
        let error = diagnostic("a", "a", Severity::Error);
        let warning = diagnostic("a", "a", Severity::Warning);
        for (given, files, last) in [
            (vec![], 1, "No errors in 1 file. Nothing was changed."),
            (vec![error.clone()], 2, "1 error in 2 files. Nothing was changed."),
            (
                vec![error.clone(), error, warning],
                3,
                "2 errors, 1 warning in 3 files. Nothing was changed.",
            ),
        ] {
            assert_eq!(render_all(&given, files).lines().last(), Some(last));
        }
    }

    #[test]
    fn json_has_line_and_column_beside_the_words() {
        let json =
            serde_json::to_value(diagnostic("ab", "b", Severity::Warning)).expect("plain data");
        assert_eq!((&json["severity"], &json["column"]), (&"warning".into(), &2.into()));
        let all = json_all(&[diagnostic("ab", "b", Severity::Error)], 3);
        assert_eq!((&all["errors"], &all["files"]), (&1.into(), &3.into()));
        assert_eq!(all["diagnostics"][0]["snippet"], "ab");
        let whole = Diagnostic::of_file(Severity::Error, "x.toml", "missing", None);
        assert!(serde_json::to_value(whole).expect("plain data").get("line").is_none());
    }
}
