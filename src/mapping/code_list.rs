//! Code lists: what a system's codes mean, and from when to when. A CSV file with the header
//! `code,value,from,to`; a line that begins with `#` is a comment. Opening files is left to others:
//! the text comes in.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::definition::diagnostic::{Diagnostic, Place, Severity};
use crate::definition::suggest;
use crate::mapping::definition::{CodeList, CodeRow};

const ROWS_MAX: usize = 20_000;
/// Nobody reads further than this before mending.
const FAULTS_MAX: usize = 200;

/// Every list there is, by its path below `mappings/`: `codes/account_status.csv`.
#[derive(Debug, Default)]
pub struct CodeLists {
    lists: BTreeMap<String, CodeList>,
    /// The files themselves, for faults that only show beside a mapping.
    texts: BTreeMap<String, (String, String)>,
}

impl CodeLists {
    /// Reads one list. `path` is as mappings name it, `file` as diagnostics do. What can be
    /// understood is kept.
    pub fn add(&mut self, path: &str, file: &str, text: &str) -> Vec<Diagnostic> {
        let mut faults = Faults { file, text, told: Vec::new() };
        let rows = rows(text, &mut faults);
        tell_overlaps(&rows, &mut faults);
        let rows = rows.into_iter().map(|(row, _)| row).collect();
        let list = CodeList { name: path.to_owned(), rows };
        self.lists.insert(path.to_owned(), list);
        self.texts.insert(path.to_owned(), (file.to_owned(), text.to_owned()));
        faults.told
    }

    /// A fault of a row that was read, at its line.
    pub fn fault(
        &self,
        list: &CodeList,
        row: &CodeRow,
        what: String,
        help: &str,
    ) -> Vec<Diagnostic> {
        let Some((file, text)) = self.texts.get(&list.name) else { return Vec::new() };
        let before = text.split_inclusive('\n').take(row.line - 1);
        let line_at = before.map(str::len).sum();
        let mut faults = Faults { file, text, told: Vec::new() };
        faults.tell(line_at, what, "not one of its words", help);
        faults.told
    }

    pub fn get(&self, path: &str) -> Option<&CodeList> {
        self.lists.get(path)
    }

    /// Where every list stands, below `mappings/`.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.lists.keys().map(String::as_str)
    }

    /// The remedy for a list that is not there.
    pub fn remedy(&self, path: &str) -> String {
        let known: Vec<&str> = self.lists.keys().map(String::as_str).collect();
        match suggest::nearest(path, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("create `mappings/{path}` with the header `code,value,from,to`"),
        }
    }
}

/// A row and where its line begins, in bytes.
type Placed = (CodeRow, usize);

struct Faults<'t> {
    file: &'t str,
    text: &'t str,
    told: Vec<Diagnostic>,
}

impl Faults<'_> {
    fn tell(&mut self, line_at: usize, what: String, label: &str, help: &str) {
        if self.told.len() == FAULTS_MAX {
            return;
        }
        let end = self.text[line_at..].find('\n').map_or(self.text.len(), |at| line_at + at);
        self.told.push(Diagnostic {
            severity: Severity::Error,
            file: self.file.to_owned(),
            place: Some(Box::new(Place::locate(self.text, line_at, end))),
            what,
            label: label.to_owned(),
            help: Some(help.to_owned()),
        });
    }
}

fn rows(text: &str, faults: &mut Faults<'_>) -> Vec<Placed> {
    let mut rows = Vec::new();
    let mut header_seen = false;
    let mut at = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let line_at = at;
        at += line.len();
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some(cells) = cells(line) else {
            let what = "a quote is opened and not closed".to_owned();
            faults.tell(line_at, what, "", "a row is one line; write a quote in quotes twice");
            continue;
        };
        if !header_seen {
            header_seen = true;
            let names: Vec<&str> = cells.iter().map(String::as_str).collect();
            if !matches!(names[..], ["code", "value"] | ["code", "value", "from", "to"]) {
                let what = "the first line must be the header".to_owned();
                faults.tell(line_at, what, "not the header", "write `code,value,from,to`");
                return rows;
            }
            continue;
        }
        if rows.len() == ROWS_MAX {
            let what = format!("a code list has at most {ROWS_MAX} rows");
            faults.tell(line_at, what, "one too many", "is it a code list?");
            return rows;
        }
        if let Some(row) = row(&cells, number + 1, line_at, faults) {
            rows.push((row, line_at));
        }
    }
    if !header_seen {
        faults.tell(0, "this code list is empty".to_owned(), "", "write `code,value,from,to`");
    }
    rows
}

/// The cells of one line. None when a quote is left open.
fn cells(line: &str) -> Option<Vec<String>> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let cell = cells.last_mut()?;
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if quoted || cell.trim().is_empty() => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            other => cell.push(other),
        }
    }
    (!quoted).then(|| cells.iter().map(|cell| cell.trim().to_owned()).collect())
}

fn row(cells: &[String], line: usize, at: usize, faults: &mut Faults<'_>) -> Option<CodeRow> {
    let columns = cells.len();
    if !(2..=4).contains(&columns) {
        let what = format!("this row has {columns} columns");
        faults.tell(at, what, "", "write `code,value,from,to`; dates may be empty; quote commas");
        return None;
    }
    let (code, value) = (cells[0].clone(), cells[1].clone());
    if value.is_empty() {
        faults.tell(at, format!("the code `{code}` has no value"), "", "say what it means");
        return None;
    }
    let mut date = |column: usize| -> Result<Option<NaiveDate>, ()> {
        let text = cells.get(column).map_or("", String::as_str);
        if text.is_empty() {
            return Ok(None);
        }
        NaiveDate::parse_from_str(text, "%Y-%m-%d").map(Some).map_err(|_| {
            faults.tell(at, format!("`{text}` is not a date"), "", "write it like 2026-04-01");
        })
    };
    let (from, to) = (date(2).ok()?, date(3).ok()?);
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        faults.tell(at, format!("the code `{code}` ends before it begins"), "", "swap the dates");
        return None;
    }
    Some(CodeRow { line, code, value, from, to })
}

fn tell_overlaps(rows: &[Placed], faults: &mut Faults<'_>) {
    let mut sorted: Vec<&Placed> = rows.iter().collect();
    sorted.sort_by(|(a, _), (b, _)| (&a.code, a.from).cmp(&(&b.code, b.from)));
    for pair in sorted.windows(2) {
        let [(first, _), (second, at)] = pair else {
            continue;
        };
        let overlap = match (first.to, second.from) {
            (Some(to), Some(from)) => from <= to,
            _ => true,
        };
        if first.code == second.code && overlap {
            let what = format!("the code `{}` means two things at once", second.code);
            faults.tell(*at, what, "overlaps another row", "give each its own `from` and `to`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (CodeLists, Vec<String>) {
        let mut lists = CodeLists::default();
        let told = lists.add("codes/x.csv", "mappings/codes/x.csv", text);
        let told = told.iter().map(|one| {
            let line = one.place.as_ref().map_or(0, |place| place.line);
            format!("{line} {}", one.what)
        });
        let told = told.collect();
        (lists, told)
    }

    #[test]
    fn a_list_is_read_with_comments_dates_and_quotes() {
        let text = "# from the supplier's manual\ncode,value,from,to\nLIVE, open ,,\n\n# old\n\
                    \"O,1\",open,2020-04-01,2021-03-31\n\"O,1\",closed,2021-04-01,\n";
        let (lists, told) = read(text);
        assert_eq!(told, Vec::<String>::new());
        let list = lists.get("codes/x.csv").expect("it was added");
        let codes: Vec<&str> = list.rows.iter().map(|row| row.code.as_str()).collect();
        assert_eq!(codes, ["LIVE", "O,1", "O,1"]);
        assert_eq!(list.rows[1].to, NaiveDate::from_ymd_opt(2021, 3, 31));
        assert_eq!(list.rows[0].value, "open");
        let lines: Vec<usize> = list.rows.iter().map(|row| row.line).collect();
        assert_eq!(lines, [3, 6, 7]);
    }

    #[test]
    fn faults_are_told_with_their_line() {
        let text = "code,value,from,to\nA,,,\n# c\nB,x,01/04/2020,\nC,x,2021-01-01,2020-01-01\n\
                    D,x,y,z,w\nE,x,,\nE,y,,\n";
        let (_, told) = read(text);
        assert_eq!(
            told,
            [
                "2 the code `A` has no value",
                "4 `01/04/2020` is not a date",
                "5 the code `C` ends before it begins",
                "6 this row has 5 columns",
                "8 the code `E` means two things at once",
            ]
        );
        assert_eq!(read("").1, ["1 this code list is empty"]);
        assert_eq!(read("# only\n").1, ["1 this code list is empty"]);
        assert_eq!(read("a;b\n").1, ["1 the first line must be the header"]);
        assert_eq!(read("code,value\n\"A,b\n").1, ["2 a quote is opened and not closed"]);
    }

    #[test]
    fn a_list_full_of_faults_tells_the_first() {
        let (_, told) = read(&format!("code,value\n{}", "a\n".repeat(300_000)));
        assert_eq!(told.len(), FAULTS_MAX);
        assert_eq!(told[0], "2 this row has 1 columns");
    }

    #[test]
    fn a_missing_list_has_a_remedy() {
        let (lists, _) = read("code,value\nA,b\n");
        assert_eq!(lists.remedy("codes/z.csv"), "did you mean `codes/x.csv`?");
        assert_eq!(
            lists.remedy("codes/liability_role.csv"),
            "create `mappings/codes/liability_role.csv` with the header `code,value,from,to`"
        );
    }
}
