//! Syntax faults in plain words, and small mends of the text so that the rest of the file is still
//! checked. The mended text is only ever read, never written back.

use std::ops::Range;

use crate::definition::reader::Span;

/// More open brackets than this are not a slip of the pen.
const BRACKETS_MENDED_MAX: usize = 8;

/// A syntax fault as a person is told of it.
#[derive(Debug)]
pub struct Fault {
    pub at: Span,
    pub what: String,
    pub label: String,
    pub help: Option<String>,
}

/// A text under repair. Mends insert single characters or blank a statement out, so that every
/// place in the mended text leads back to its place in the original.
pub struct Mending {
    text: String,
    /// Where characters were inserted, in bytes of the mended text, rising.
    inserted: Vec<usize>,
    /// Statements already mended once, by the start of their line in the original: the second time
    /// they are blanked.
    touched: Vec<usize>,
    /// Keys whose statement had to be blanked: that they are absent is then no news.
    pub lost_keys: Vec<String>,
}

impl Mending {
    pub fn new(text: &str) -> Mending {
        let text = text.to_owned();
        Mending { text, inserted: Vec::new(), touched: Vec::new(), lost_keys: Vec::new() }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The place in the original text.
    pub fn original(&self, at: usize) -> usize {
        at - self.inserted.iter().filter(|inserted| **inserted < at).count()
    }

    /// Mends the statement in which the parser lost its way at byte `at`, and says what was wrong
    /// with it. One that was mended before is blanked, and nothing more is said: what follows from
    /// a fault is no second one.
    pub fn mend(&mut self, message: &str, at: usize) -> Option<Fault> {
        let statements = statements(&self.text);
        let Some(here) = statements.iter().rposition(|one| one.start <= at) else {
            let end = statements.first().map_or(self.text.len(), |first| first.start);
            let at = self.span(0..0);
            self.blank(0..end);
            return Some(Fault::new(at, "this is not TOML", "write `name = \"text\"`"));
        };
        let range = self.culprit(&statements, here, at);
        let line = self.original(range.start);
        if self.touched.contains(&line) {
            self.blank(range);
            return None;
        }
        self.touched.push(line);
        let shape = Shape::of(&self.text[range.clone()]);
        Some(if shape.quote_open {
            let help = "every text begins and ends with `\"`";
            self.skip(range, "a quote is opened and not closed", help)
        } else if !shape.open.is_empty() && shape.open.len() <= BRACKETS_MENDED_MAX {
            self.close(range, &shape)
        } else if message.starts_with("key with no value")
            || lacks_equals(&self.text[range.clone()])
        {
            self.missing_equals(range)
        } else if message.starts_with("missing comma") {
            self.skip(range, "a comma is missing", "separate the parts with `,`")
        } else if message.starts_with("extra comma") {
            self.skip(range, "one comma too many", "take the second `,` out")
        } else if message.contains("unquoted key") {
            let help = "names have letters, digits, `-` and `_`; quote any other";
            self.skip(range, "this name needs quotes", help)
        } else {
            let help = "write `name = \"text\"`, `name = 1` or `[table]`";
            self.skip(range, &format!("this line cannot be read: {message}"), help)
        })
    }

    /// The statement at fault: the one at `at`, or one above it that left a bracket open and
    /// swallowed what follows.
    fn culprit(&self, statements: &[Range<usize>], here: usize, at: usize) -> Range<usize> {
        let range = &statements[here];
        let at_start = at <= range.start;
        let shape = |range: &Range<usize>| Shape::of(&self.text[range.clone()]);
        if shape(range).quote_open && !at_start {
            return range.clone();
        }
        let above = if at_start { &statements[..here] } else { &statements[..=here] };
        let opens = |range: &&Range<usize>| {
            let shape = shape(range);
            !shape.open.is_empty() && !shape.quote_open
        };
        above.iter().rev().find(opens).unwrap_or(range).clone()
    }

    /// Leaves the statement out.
    fn skip(&mut self, range: Range<usize>, what: &str, help: &str) -> Fault {
        let fault = Fault::new(self.span(range.clone()), what, help);
        self.blank(range);
        Fault { label: "skipped".to_owned(), ..fault }
    }

    fn close(&mut self, range: Range<usize>, shape: &Shape) -> Fault {
        let (first, bracket) = shape.open[0];
        let at = self.span(range.start + first..range.start + first + 1);
        let closers: String = shape.open.iter().rev().map(|(_, open)| closer(*open)).collect();
        let (place, help) = match shape.crossed {
            Some((crossed, outer)) => (crossed, format!("add `{closers}` before the `{outer}`")),
            None => (shape.content_end, format!("add `{closers}` at the end of the line")),
        };
        for (count, closer) in closers.chars().enumerate() {
            self.insert(range.start + place + count, closer);
        }
        let fault = Fault::new(at, &format!("`{bracket}` is never closed"), &help);
        Fault { label: "opened here".to_owned(), ..fault }
    }

    fn missing_equals(&mut self, range: Range<usize>) -> Fault {
        let line = &self.text[range.clone()];
        let name_length = name_length(line);
        let name = line[..name_length].to_owned();
        let rest = &line[name_length..];
        let at = range.start..range.start + name_length;
        if rest.trim_matches(ends_name).is_empty() {
            let help = format!("write `{name} = \"…\"`");
            return self.skip(range, &format!("`{name}` has no value"), &help);
        }
        // Whatever stands between name and value makes room for the sign, byte for byte.
        let value = rest.find(|c: char| !ends_name(c)).unwrap_or(rest.len());
        let sign = format!("={}", " ".repeat(value.saturating_sub(1)));
        self.text.replace_range(at.end..at.end + value, &sign);
        let what = format!("`=` is missing after `{name}`");
        Fault::new(self.span(at), &what, &format!("write `{name} = …`"))
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span { start: self.original(range.start), end: self.original(range.end) }
    }

    fn insert(&mut self, at: usize, character: char) {
        self.text.insert(at, character);
        for inserted in self.inserted.iter_mut().filter(|inserted| **inserted >= at) {
            *inserted += 1;
        }
        self.inserted.push(at);
        self.inserted.sort_unstable();
    }

    fn blank(&mut self, range: Range<usize>) {
        let line = &self.text[range.clone()];
        let name = line.split(['=', ' ', ':', '\t']).next().unwrap_or_default();
        self.lost_keys.push(name.trim_matches('"').to_owned());
        let blanks: String = line.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }).collect();
        self.text.replace_range(range, &blanks);
    }
}

impl Fault {
    fn new(at: Span, what: &str, help: &str) -> Fault {
        let (what, help) = (what.to_owned(), Some(help.to_owned()));
        Fault { at, what, label: String::new(), help }
    }
}

fn ends_name(c: char) -> bool {
    c.is_whitespace() || c == ':'
}

/// `name value`, or `name: value` as in other languages.
fn lacks_equals(line: &str) -> bool {
    line.starts_with(|c: char| c.is_alphanumeric() || c == '"')
        && !line[name_length(line)..].trim_start_matches(ends_name).starts_with('=')
}

/// How long the name is that a statement begins with; a quoted one may hold anything.
fn name_length(line: &str) -> usize {
    let mut quoted = false;
    let end = line.find(|c: char| {
        quoted ^= c == '"';
        !quoted && (ends_name(c) || c == '=')
    });
    end.unwrap_or(line.len())
}

/// Whether the parser went on as if nothing had happened, so that the tree can be used as it is.
pub fn is_harmless(message: &str) -> bool {
    const DERAILING: [&str; 15] = [
        "key with no value",
        "missing comma",
        "unexpected `=`",
        "missing key",
        "missing assignment",
        "extra assignment",
        "missing array opening",
        "missing inline table opening",
        "missing table open",
        "invalid inline table element",
        "invalid key-value pair",
        "invalid unquoted key",
        "unclosed",
        "extra",
        "unexpected content",
    ];
    !DERAILING.iter().any(|start| message.starts_with(start))
}

/// What a harmless fault means; `marked` is the text that the parser pointed at. Returns what,
/// label and help.
pub fn plain_words(message: &str, marked: &str) -> (String, String, Option<String>) {
    let quoted = format!("write `\"{marked}\"`");
    let (what, label, help): (&str, &str, &str) = match message {
        m if m.starts_with("string values must be quoted") => match marked {
            "" => (
                "a value is missing after `=`",
                "nothing stands here",
                "write a value or take the line out",
            ),
            "yes" | "no" | "on" | "off" | "Yes" | "No" => {
                ("this is neither text nor a flag", "not quoted", "write `true` or `false`")
            }
            m if m.starts_with(['“', '”', '‘', '’', '„']) => (
                "curly quotes are not quotes",
                "typed by a word processor",
                "type straight quotes: `\"`",
            ),
            _ => ("text must stand in quotes", "not quoted", quoted.as_str()),
        },
        m if m.starts_with("duplicate key") => {
            ("the same name is given twice", "the second one", "keep one of them")
        }
        m if m.starts_with("invalid boolean") => {
            ("this is not a flag", "misspelt", "write `true` or `false`, in small letters")
        }
        m if m.contains("multi-line") && m.contains("string, expected `\"`") => (
            "a text of several lines is never closed",
            "the file ends inside it",
            "close it with `\"\"\"`",
        ),
        m if m.contains("string, expected `\"`") || m.contains("string, expected `'`") => (
            "a closing quote is missing",
            "expected here",
            "end the text with the quote it began with",
        ),
        m if m.contains("visible characters") => {
            ("an invisible control character stands in the text", "here", "retype this text")
        }
        m if m.starts_with("missing escaped value") || m.contains("unicode") => (
            "`\\` begins a special character in double quotes",
            "no such special character",
            "write paths with `/`, or put the text in single quotes",
        ),
        m if m.starts_with("unexpected leading zero") => {
            ("a number cannot begin with 0", "here", "a reference is text: put it in quotes")
        }
        m if m.starts_with("unexpected key or value") => (
            "more than one value stands on this line",
            "not expected",
            "begin a new line, or a comment with `#`; numbers have no commas (1_000)",
        ),
        m if m.starts_with("cannot extend value") => (
            "this name already has a plain value",
            "cannot have parts too",
            "take one of the two out",
        ),
        m if m.starts_with("cannot recurse") => {
            ("brackets are nested too deeply", "here", "definitions need no more than a few levels")
        }
        _ => {
            let short = message.split(", expected").next().unwrap_or(message);
            return (format!("this cannot be read: {short}"), String::new(), None);
        }
    };
    (what.to_owned(), label.to_owned(), Some(help.to_owned()))
}

/// What brackets and quotes a statement leaves open.
struct Shape {
    /// Byte within the statement, and the bracket.
    open: Vec<(usize, char)>,
    quote_open: bool,
    /// Where a bracket of the other sort closes around one that is open.
    crossed: Option<(usize, char)>,
    /// Where its last character that is neither blank nor comment ends.
    content_end: usize,
}

impl Shape {
    fn of(statement: &str) -> Shape {
        let mut shape =
            Shape { open: Vec::new(), quote_open: false, crossed: None, content_end: 0 };
        let mut quote: Option<char> = None;
        let mut chars = statement.char_indices();
        while let Some((at, c)) = chars.next() {
            match (quote, c) {
                (Some('"'), '\\') => {
                    chars.next();
                }
                (Some(open), _) if open == c => quote = None,
                (Some(_), '\n') => {
                    shape.quote_open = true;
                    quote = None;
                }
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(c),
                (None, '#') => {
                    for (_, c) in chars.by_ref() {
                        if c == '\n' {
                            break;
                        }
                    }
                    continue;
                }
                (None, '[' | '{') => shape.open.push((at, c)),
                (None, ']' | '}') => {
                    if shape.open.last().is_some_and(|(_, open)| closer(*open) != c) {
                        shape.crossed = Some((at, c));
                        shape.open = shape.open.split_off(shape.open.len() - 1);
                        return shape;
                    }
                    shape.open.pop();
                }
                (None, _) => {}
            }
            if !c.is_whitespace() {
                shape.content_end = at + c.len_utf8();
            }
        }
        shape.quote_open |= quote.is_some();
        shape
    }
}

fn closer(open: char) -> char {
    if open == '[' { ']' } else { '}' }
}

/// The statements of a text by how their lines begin: `name =`, `name` at the margin, `[table]`. A
/// continued value belongs to the statement above it. Lines inside a text of several lines begin
/// nothing.
fn statements(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut inside_long_text = false;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_start();
        let from = start + (line.len() - content.len());
        let end = start + line.trim_end().len();
        start += line.len();
        if !inside_long_text && begins_statement(content) {
            found.push(from..end.max(from));
        } else if let Some(last) = found.last_mut()
            && !content.is_empty()
        {
            last.end = end.max(last.end);
        }
        let marks = line.matches("\"\"\"").count() + line.matches("'''").count();
        inside_long_text ^= marks % 2 == 1;
    }
    found
}

fn begins_statement(line: &str) -> bool {
    let word = line.trim_start_matches(|c: char| c.is_alphanumeric() || "_-.\"".contains(c));
    if word.len() == line.len() {
        return line.starts_with('[') && !line.trim_end().ends_with(',');
    }
    let after = word.trim_start();
    let blank_between = word.len() > after.len();
    // `"name" value` is a statement; `"text",` and `"text"` are items of a list.
    let an_item =
        line.starts_with('"') && (after.is_empty() || after.starts_with([',', ']', '}', '#']));
    after.starts_with(['=', ':']) || (blank_between && !an_item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_goes_on_until_the_next_begins() {
        let text = "a = [\n  \"x\",\n  [1, 2],\n]\n\n[t]\nb \"c\"\nd = \"\"\"\ne = 1\n\"\"\"\n";
        let found: Vec<&str> = statements(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(
            found,
            ["a = [\n  \"x\",\n  [1, 2],\n]", "[t]", "b \"c\"", "d = \"\"\"\ne = 1\n\"\"\""]
        );
    }

    #[test]
    fn places_lead_back_to_the_original_after_insertions() {
        let mut mending = Mending::new("a = [1\nb = 2\n");
        let fault = mending.mend("missing comma between array elements", 7).expect("a first fault");
        assert_eq!(mending.text(), "a = [1]\nb = 2\n");
        assert_eq!(fault.at, Span { start: 4, end: 5 });
        assert_eq!(mending.original(8), 7);
        assert_eq!(mending.original(3), 3);
    }
}
