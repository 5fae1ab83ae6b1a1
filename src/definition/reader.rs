//! Reads a definition file: text in, a tree whose every part remembers where it stood, and every
//! fault collected. The only place that knows TOML, and the only one on its floor that opens files.
//! It knows nothing of what keys mean.

use std::cell::RefCell;
use std::fs;
use std::path::{Component, Path, PathBuf};

use toml::de::{DeTable, DeValue};

use crate::definition::diagnostic::{Diagnostic, Place, Severity};
use crate::definition::secret::{self, SecretReference};
use crate::definition::syntax::{self, Fault, Mending};
use crate::definition::table::{Entry, Node, Table};

/// A definition is written by people: a larger file is something else that got in by mistake.
pub const FILE_BYTES_MAX: u64 = 1_048_576;
/// After so many syntax faults the file is more likely not TOML at all.
const SYNTAX_FAULTS_MAX: usize = 20;
/// Nobody reads further than this before mending.
const DIAGNOSTICS_MAX: usize = 200;
const FOLDER_FILES_MAX: usize = 5_000;

/// A stretch of a file, in bytes from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// A value and where it was written. Owned, so that definitions outlive the file they came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    pub value: T,
    pub at: Span,
}

/// One definition file and what was found wrong with it so far.
#[derive(Debug)]
pub struct File {
    /// As a person would name it from the root of the definitions.
    pub path: String,
    pub text: String,
    /// The root of the definitions, where it was read from there.
    below: Option<PathBuf>,
    root: Vec<Entry>,
    /// Secrets written in clear: never shown in a snippet.
    hidden: RefCell<Vec<Span>>,
    lost_keys: Vec<String>,
    /// Too many syntax faults: nothing of it was understood, and nothing is missing from it.
    hopeless: bool,
    diagnostics: RefCell<Vec<Diagnostic>>,
}

impl File {
    /// Never fails: a file full of faults is a file with diagnostics and whatever could be
    /// understood.
    pub fn parse(path: impl Into<String>, text: String) -> File {
        let path = path.into();
        let mut mending = Mending::new(&text);
        let mut faults = Vec::new();
        let mut rounds = 0;
        let mut root = Vec::new();
        loop {
            let (tree, problems) = DeTable::parse_recoverable(mending.text());
            let mut problems: Vec<(usize, usize, String)> = problems
                .iter()
                .map(|one| {
                    let span = one.span().unwrap_or(0..0);
                    (span.start, span.end, one.message().to_owned())
                })
                .collect();
            problems.sort();
            let derailed = problems.iter().find(|(_, _, message)| !syntax::is_harmless(message));
            let Some((start, _, message)) = derailed.filter(|_| rounds < 2 * SYNTAX_FAULTS_MAX)
            else {
                faults.extend(problems.iter().map(|(start, end, message)| {
                    let marked = mending.text().get(*start..*end).unwrap_or_default();
                    let (what, label, help) = syntax::plain_words(message, marked);
                    let at = Span { start: mending.original(*start), end: mending.original(*end) };
                    Fault { at, what, label, help }
                }));
                let original = |span: std::ops::Range<usize>| Span {
                    start: mending.original(span.start),
                    end: mending.original(span.end),
                };
                root.extend(entries(tree.into_inner(), &original));
                break;
            };
            let (start, message) = (*start, message.clone());
            faults.extend(mending.mend(&message, start));
            rounds += 1;
        }
        faults.sort_by_key(|fault| fault.at.start);
        faults.dedup_by_key(|fault| fault.at.start);
        let hopeless = faults.len() > SYNTAX_FAULTS_MAX;
        if hopeless {
            faults.truncate(SYNTAX_FAULTS_MAX);
            root.clear();
        }
        let mut hidden = Vec::new();
        find_secrets(&root, &mut hidden);
        let hidden = RefCell::new(hidden);
        let lost_keys = mending.lost_keys;
        let diagnostics = RefCell::default();
        let below = None;
        let file = File { path, text, below, root, hidden, lost_keys, hopeless, diagnostics };
        for fault in faults {
            file.error(fault.at, fault.what, fault.label, fault.help);
        }
        file
    }

    /// Opens `relative` below `root`; what is wrong with the file as a whole comes back as a
    /// diagnostic.
    pub fn load(root: &Path, relative: &str) -> Result<File, Diagnostic> {
        let file = File::parse(relative, load_text(root, relative)?);
        Ok(File { below: Some(root.to_path_buf()), ..file })
    }

    /// The path and text of a file that lies beside this one; what is wrong with it as a whole comes back
    /// as a diagnostic of its own.
    pub fn beside(&self, name: &str) -> Result<(String, String), Diagnostic> {
        let path = match self.path.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{name}"),
            None => name.to_owned(),
        };
        let Some(root) = &self.below else {
            let help = "write it into this file, which stands alone".to_owned();
            let what = "nothing lies beside this file";
            return Err(Diagnostic::of_file(Severity::Error, path, what, Some(help)));
        };
        load_text(root, &path).map(|text| (path, text))
    }

    /// A fault at a place of a file beside this one.
    pub fn error_beside(
        &self,
        (path, text): (&str, &str),
        at: Span,
        what: impl Into<String>,
        label: impl Into<String>,
        help: Option<String>,
    ) {
        let place = Some(Box::new(Place::locate(text, at.start, at.end)));
        let (file, what, label) = (path.to_owned(), what.into(), label.into());
        self.push(Diagnostic { severity: Severity::Error, file, place, what, label, help });
    }

    /// A fault of a file beside this one as a whole.
    pub fn error_of_beside(&self, fault: Diagnostic) {
        self.push(fault);
    }

    pub fn root(&self) -> Table<'_> {
        Table::new(self, &self.root, Span::default())
    }

    pub fn error(
        &self,
        at: Span,
        what: impl Into<String>,
        label: impl Into<String>,
        help: Option<String>,
    ) {
        self.tell(Severity::Error, at, what.into(), label.into(), help);
    }

    /// A fault of the file as a whole, such as a key that its top level lacks.
    pub fn error_of_file(&self, what: impl Into<String>, help: Option<String>) {
        self.push(Diagnostic::of_file(Severity::Error, self.path.clone(), what, help));
    }

    pub fn warn(
        &self,
        at: Span,
        what: impl Into<String>,
        label: impl Into<String>,
        help: Option<String>,
    ) {
        self.tell(Severity::Warning, at, what.into(), label.into(), help);
    }

    /// A part of this file's text, such as a value as it was written.
    pub fn written(&self, at: Span) -> &str {
        self.text.get(at.start..at.end).unwrap_or_default()
    }

    /// True when a line that could not be read may have held this key: that it is absent is no
    /// second fault.
    pub fn may_have_lost(&self, key: &str) -> bool {
        self.hopeless || self.lost_keys.iter().any(|lost| lost == key)
    }

    /// Too many syntax faults: nothing of it was understood.
    pub fn is_hopeless(&self) -> bool {
        self.hopeless
    }

    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// How many errors were told so far.
    pub fn errors(&self) -> usize {
        self.diagnostics.borrow().iter().filter(|one| one.is_error()).count()
    }

    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics.into_inner()
    }

    /// Refuses every secret written in clear, by name. For files of settings: elsewhere a `token`
    /// may be a field.
    pub fn refuse_clear_secrets(&self) {
        let hidden = self.hidden.borrow().clone();
        for at in hidden {
            self.refuse_secret(at);
        }
    }

    /// Refuses one secret written in clear. It is shown neither here nor by any later fault.
    pub fn refuse_secret(&self, at: Span) {
        if !self.hidden.borrow().contains(&at) {
            self.hidden.borrow_mut().push(at);
        }
        let help = "keep it in the secret store and write `\"secret:NAME\"`, or `\"${NAME}\"`";
        let what = "a secret is written in clear";
        self.error(at, what, "change it: it has been seen", Some(help.to_owned()));
    }

    fn tell(
        &self,
        severity: Severity,
        at: Span,
        what: String,
        label: String,
        help: Option<String>,
    ) {
        // What is not told need not be looked up: the lines before it are counted for each.
        if self.diagnostics.borrow().len() >= DIAGNOSTICS_MAX {
            return;
        }
        let hidden = self.hidden.borrow();
        let place = if hidden.is_empty() {
            Place::locate(&self.text, at.start, at.end)
        } else {
            Place::locate(&masked(&self.text, &hidden), at.start, at.end)
        };
        let file = self.path.clone();
        let diagnostic =
            Diagnostic { severity, file, place: Some(Box::new(place)), what, label, help };
        self.push(diagnostic);
    }

    fn push(&self, diagnostic: Diagnostic) {
        let mut told = self.diagnostics.borrow_mut();
        if told.len() < DIAGNOSTICS_MAX && !told.contains(&diagnostic) {
            told.push(diagnostic);
        }
    }
}

/// The bytes of a file below `root`: for what is not TOML, such as a sample.
pub fn load_bytes(root: &Path, relative: &str) -> Result<Vec<u8>, Diagnostic> {
    let refuse = |what: String, help: &str| {
        Diagnostic::of_file(Severity::Error, relative, what, Some(help.to_owned()))
    };
    if !stays_below(relative) {
        let help = "definitions name files below their own directory";
        return Err(refuse("this path leads out of the definitions".into(), help));
    }
    let path = root.join(relative);
    let length = match fs::metadata(&path) {
        Ok(found) if found.is_file() => found.len(),
        Ok(_) => return Err(refuse("this is not a file".into(), "remove the folder")),
        Err(cause) => return Err(refuse(cannot_open(&cause), "check its name and rights")),
    };
    if length > FILE_BYTES_MAX {
        let megabytes = length.div_ceil(100_000) as f64 / 10.0;
        let what = format!("this file has {megabytes} MB; a definition has at most 1 MB");
        return Err(refuse(what, "is it an extract that was put here by mistake?"));
    }
    fs::read(&path).map_err(|cause| refuse(cannot_open(&cause), "check its name and rights"))
}

/// The text of a file below `root`, such as a code list.
pub fn load_text(root: &Path, relative: &str) -> Result<String, Diagnostic> {
    String::from_utf8(load_bytes(root, relative)?).map_err(|cause| {
        let valid = cause.utf8_error().valid_up_to();
        let line = cause.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
        let what = format!("line {line} is not UTF-8 text");
        let help = Some("save the file as UTF-8".to_owned());
        Diagnostic::of_file(Severity::Error, relative, what, help)
    })
}

/// Whether there is such a file below `root`.
pub fn exists(root: &Path, relative: &str) -> bool {
    stays_below(relative) && root.join(relative).is_file()
}

/// The files of a folder (not of folders in it) whose names end with `.extension`, sorted; "" lists
/// every file. A folder that is not there has none.
pub fn list_files(root: &Path, folder: &str, extension: &str) -> Vec<String> {
    list(root, folder, &|path| path.is_file())
        .into_iter()
        .filter(|name| extension.is_empty() || name.ends_with(&format!(".{extension}")))
        .collect()
}

/// The folders in a folder, sorted.
pub fn list_folders(root: &Path, folder: &str) -> Vec<String> {
    list(root, folder, &|path| path.is_dir())
}

fn list(root: &Path, folder: &str, wanted: &dyn Fn(&Path) -> bool) -> Vec<String> {
    let Ok(found) = fs::read_dir(root.join(folder)) else {
        return Vec::new();
    };
    let mut names: Vec<String> = found
        .flatten()
        .take(FOLDER_FILES_MAX)
        .filter(|entry| wanted(&entry.path()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .map(|name| if folder.is_empty() { name } else { format!("{folder}/{name}") })
        .collect();
    names.sort();
    names
}

fn stays_below(relative: &str) -> bool {
    let mut parts = Path::new(relative).components();
    parts.all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

fn cannot_open(cause: &std::io::Error) -> String {
    match cause.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "this file may not be read".to_owned(),
        _ => format!("this file cannot be read: {cause}"),
    }
}

/// TOML's tables are sorted by name; people read them in the order they wrote them.
fn entries(table: DeTable<'_>, original: &dyn Fn(std::ops::Range<usize>) -> Span) -> Vec<Entry> {
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(key, value)| {
            let (key_at, at) = (original(key.span()), original(value.span()));
            let value = node(value.into_inner(), original);
            Entry { key: key.into_inner().into_owned(), key_at, value, at }
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_at.start);
    entries
}

fn node(value: DeValue<'_>, original: &dyn Fn(std::ops::Range<usize>) -> Span) -> Node {
    match value {
        DeValue::String(text) => Node::Text(text.into_owned()),
        DeValue::Integer(digits) => {
            i64::from_str_radix(&digits.as_str().replace('_', ""), digits.radix())
                .map_or(Node::Other("a number out of range"), Node::Whole)
        }
        DeValue::Float(digits) => digits
            .as_str()
            .replace('_', "")
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
            .map_or(Node::Other("a number out of range"), Node::Decimal),
        DeValue::Boolean(flag) => Node::Flag(flag),
        DeValue::Datetime(_) => Node::Other("a date without quotes"),
        DeValue::Array(items) => Node::List(
            items
                .into_iter()
                .map(|item| {
                    let at = original(item.span());
                    (node(item.into_inner(), original), at)
                })
                .collect(),
        ),
        DeValue::Table(table) => Node::Table(entries(table, original)),
    }
}

fn find_secrets(entries: &[Entry], hidden: &mut Vec<Span>) {
    for entry in entries {
        match &entry.value {
            Node::Text(text) if is_clear_secret(&entry.key, text) => hidden.push(entry.at),
            Node::Table(inner) => find_secrets(inner, hidden),
            Node::List(items) => {
                for (item, at) in items {
                    match item {
                        Node::Text(text) if is_clear_secret(&entry.key, text) => hidden.push(*at),
                        Node::Table(inner) => find_secrets(inner, hidden),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

fn is_clear_secret(key: &str, text: &str) -> bool {
    let named = secret::is_secret_name(key) && !text.is_empty();
    (named && SecretReference::parse(text).is_none()) || secret::has_password_in_address(text)
}

/// The same text, as long as before, with secrets dotted out. A multi-byte character leaves one dot
/// and blanks.
fn masked(text: &str, hidden: &[Span]) -> String {
    let mut shown = text.as_bytes().to_vec();
    for span in hidden {
        let end = span.end.min(shown.len());
        for byte in shown[span.start.min(end)..end].iter_mut().filter(|byte| **byte != b'\n') {
            *byte = b'*';
        }
    }
    // Spans end between characters, so what is left is still UTF-8; were it not, nothing is shown.
    String::from_utf8(shown).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        File::parse("x.toml", text.to_owned())
            .into_diagnostics()
            .into_iter()
            .map(|one| {
                let place = one.place.expect("syntax faults have a place");
                format!("{}:{} {}", place.line, place.column, one.what)
            })
            .collect()
    }

    #[test]
    fn every_syntax_fault_is_told_once_and_the_rest_is_still_read() {
        for (text, expected) in [
            ("a = \"x\nlast = 1", vec!["1:7 a closing quote is missing"]),
            ("a \"x\"\nlast = 1", vec!["1:1 `=` is missing after `a`"]),
            ("a: 1\nlast = 1", vec!["1:1 `=` is missing after `a`"]),
            ("a = [\"x\", \"y\"\nlast = 1", vec!["1:5 `[` is never closed"]),
            ("a = { b = 1\nlast = 1", vec!["1:5 `{` is never closed"]),
            ("a = { b = [1, { c = 2\nlast = 1", vec!["1:5 `{` is never closed"]),
            ("last = 1\n[t\nb = 2\n[u]\nc = 3", vec!["2:1 `[` is never closed"]),
            ("last = 1\n[[t]\nb = 2", vec!["2:1 `[` is never closed"]),
            ("a = hello\nlast = 1", vec!["1:5 text must stand in quotes"]),
            ("a = yes\nlast = 1", vec!["1:5 this is neither text nor a flag"]),
            ("a = “x”\nlast = 1", vec!["1:5 curly quotes are not quotes"]),
            ("a = True\nlast = 1", vec!["1:5 this is not a flag"]),
            ("a =\nlast = 1", vec!["1:4 a value is missing after `=`"]),
            ("a\nlast = 1", vec!["1:1 `a` has no value"]),
            ("a = 1\na = 2\nlast = 1", vec!["2:1 the same name is given twice"]),
            ("a = 01\nlast = 1", vec!["1:5 a number cannot begin with 0"]),
            ("a = 1,000\nlast = 1", vec!["1:6 more than one value stands on this line"]),
            ("a = [1 \"x\"]\nlast = 1", vec!["1:1 a comma is missing"]),
            ("a = { b = [1, 2 }\nlast = 1", vec!["1:11 `[` is never closed"]),
            ("a = { b = [1, c = 2 }\nlast = 1", vec!["1:11 `[` is never closed"]),
            ("a\u{a0}1\nlast = 1", vec!["1:1 `=` is missing after `a`"]),
            ("a : 1\nlast = 1", vec!["1:1 `=` is missing after `a`"]),
            ("a = { b = \"@r, c = \"x\" }\nlast = 1", vec!["1:1 a quote is opened and not closed"]),
            (
                "a = \"C:\\drop\"\nlast = 1",
                vec!["1:9 `\\` begins a special character in double quotes"],
            ),
            (
                "a \"x\"\nb = [1\nc = \"y\nd = { e = 1\nlast = 1",
                vec![
                    "1:1 `=` is missing after `a`",
                    "2:5 `[` is never closed",
                    "3:7 a closing quote is missing",
                    "4:5 `{` is never closed",
                ],
            ),
        ] {
            assert_eq!(told(text), expected, "{text}");
            let file = File::parse("x.toml", text.to_owned());
            let last = file.root().whole("last", 0..=9);
            assert_eq!(last.map(|last| last.value), Some(1), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_reader(
            text in "([a-c\\[\\]{}=:,.\"'# \n\u{a0}é]|\"\"\"|a = |\\[\\[){0,60}"
        ) {
            let told = File::parse("x.toml", text).into_diagnostics();
            proptest::prop_assert!(told.iter().all(|one| !one.to_string().is_empty()));
        }
    }

    #[test]
    fn after_a_mend_places_are_still_those_of_the_original() {
        let text = "a = [1\nb = \"x\"\n";
        let file = File::parse("x.toml", text.to_owned());
        let b = file.root().text("b").expect("b was read");
        assert_eq!(file.written(b.at), "\"x\"");
    }

    #[test]
    fn nonsense_does_not_loop_or_fail() {
        for text in [
            "",
            "\u{feff}a = 1",
            "]]]]",
            "= = =",
            "<xml><a/></xml>",
            "\0\0",
            "a = \"\"\"\nb = 1",
            "\"\n\"\n'",
            "a.b.c",
            "{\"a\": 1,\n\"b\": [2]}",
            "[a]\n[a.b\n[[a]]\nx",
        ] {
            let file = File::parse("x.toml", text.to_owned());
            assert!(file.into_diagnostics().len() < 40, "{text}");
        }
        File::parse("x.toml", "a = ".to_owned() + &"[".repeat(50_000)).into_diagnostics();
        File::parse("x.toml", "x y\n".repeat(20_000)).into_diagnostics();
        // More faults than are told cost no more: each would be looked up in a megabyte.
        let file = File::parse("x.toml", format!("a = 1\n#{}", "\n#".repeat(400_000)));
        for start in 700_000..750_000 {
            file.error(Span { start, end: start }, "wrong", "", None);
        }
        assert_eq!(file.into_diagnostics().len(), 200);
    }

    #[test]
    fn a_secret_in_clear_is_refused_and_not_shown() {
        let text =
            "api_key = \"hunter2\" # note\n[a]\npassword = \"${OK}\"\nurl = \"https://u:pw@x\"\n";
        let file = File::parse("x.toml", text.to_owned());
        file.error(Span { start: 0, end: 7 }, "unknown", "", None);
        file.refuse_clear_secrets();
        let told = file.into_diagnostics();
        assert_eq!(told.len(), 3);
        assert!(told.iter().all(|one| !one.to_string().contains("hunter2")));
        assert!(told.iter().all(|one| !one.to_string().contains("pw@")));
        assert!(told[0].to_string().contains("# note"));
    }

    #[test]
    fn files_are_found_in_order_and_large_or_foreign_ones_refused() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let write = |name: &str, bytes: &[u8]| {
            fs::write(root.path().join(name), bytes).expect("a file in the temporary directory");
        };
        write("b.toml", b"x = 1");
        write("a.toml", b"caf\xe9");
        write("c.csv", b"");
        write("big.toml", &vec![b'#'; 10_000_000]);
        assert_eq!(list_files(root.path(), "", "toml"), ["a.toml", "b.toml", "big.toml"]);
        assert_eq!(list_files(root.path(), "nowhere", "toml"), Vec::<String>::new());
        assert!(File::load(root.path(), "b.toml").is_ok());
        for (name, what) in [
            ("a.toml", "line 1 is not UTF-8 text"),
            ("big.toml", "this file has 10 MB; a definition has at most 1 MB"),
            ("none.toml", "there is no such file"),
            ("../x.toml", "this path leads out of the definitions"),
            ("/etc/hosts", "this path leads out of the definitions"),
        ] {
            let refused = File::load(root.path(), name).expect_err(name);
            assert_eq!(refused.what, what);
        }
    }
}
