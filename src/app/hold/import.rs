//! `viaduct hold import`: a CSV file of holds. Rows that can be understood are stored, all together;
//! the others are named with their line and what to write, and the file can be taken again: a row that
//! was stored before is the same hold.

use std::io::Read;
use std::path::Path;

use serde_json::{Value, json};

use super::{Said, URGENT};
use crate::app::context::{AppError, Context};
use crate::app::hold::urgent::Urgent;
use crate::definition::suggest;
use crate::job::holds::{self as verbs, Came, Doing};
use crate::record::hold::Asked;

const BYTES_MAX: u64 = 64 << 20;
const ROWS_MAX: usize = 100_000;
/// Faulty rows that are named, for people; `--json` names all.
const NAMED: usize = 20;

const COLUMNS: [&str; 13] = [
    "kind",
    "resident",
    "nino",
    "birth_date",
    "source",
    "key",
    "party",
    "account",
    "debts",
    "from",
    "until",
    "reference",
    "reason",
];

/// Takes a file.
pub async fn take(
    context: &Context,
    doing: Doing<'_>,
    file: &Path,
    reason: Option<String>,
) -> Result<Said, AppError> {
    let text = read(file)?;
    let (mut good, mut faults) = (Vec::new(), Vec::new());
    for (line, asked) in rows(&text, reason.as_deref())? {
        let read = asked.and_then(|asked| match verbs::read(&asked, doing.policy) {
            Ok(wanted) if wanted.reference.is_none() => {
                Err("`reference`: without one, the file taken twice would be two holds".to_owned())
            }
            Ok(_) => Ok(asked),
            Err(error) => Err(error.to_string()),
        });
        match read {
            Ok(asked) => good.push(asked),
            Err(fault) => faults.push((line, fault)),
        }
    }
    let doing = Doing { door: "import", ..doing };
    let stored = verbs::add(&context.database, doing, &good).await?;
    let many = |came: Came| stored.iter().filter(|one| one.came == came).count();
    let (added, changed, same) = (many(Came::Added), many(Came::Changed), many(Came::Same));
    let cut = stored.iter().filter(|one| one.cut).count();
    let urgent = Urgent::now(context).await?;
    let said: Vec<Value> =
        faults.iter().map(|(line, what)| json!({ "line": line, "fault": what })).collect();
    let json = json!({
        "rows": good.len() + faults.len(), "added": added, "changed": changed, "unchanged": same,
        "cut_to_the_longest": cut, "faults": said, "urgent": urgent.json(),
    });
    let mut text = urgent.text();
    text.push_str(&format!(
        "{} rows: {added} added, {changed} changed, {same} as they were, {} not understood.\n",
        good.len() + faults.len(),
        faults.len()
    ));
    if cut > 0 {
        text.push_str(&format!(
            "{cut} end sooner than the file says: their kind lasts no longer.\n"
        ));
    }
    for (line, what) in faults.iter().take(NAMED) {
        text.push_str(&format!("  line {line}: {what}\n"));
    }
    if faults.len() > NAMED {
        text.push_str(&format!("  and {} more (--json)\n", faults.len() - NAMED));
    }
    let exit = if faults.is_empty() { 0 } else { URGENT };
    Ok(Said { json, text, exit: urgent.exit(exit) })
}

fn read(file: &Path) -> Result<String, AppError> {
    let what = file.display().to_string();
    let io = |error| AppError::Io { what: what.clone(), error };
    let opened = std::fs::File::open(file).map_err(io)?;
    let mut bytes = Vec::new();
    opened.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(AppError::NotThere(format!("{what}: a file of holds has at most 64 MB")));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        AppError::NotThere(format!("{what}: it is not UTF-8; save it as `CSV UTF-8`"))
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
}

type Row = (u64, Result<Asked, String>);

/// The rows in words, each with its line.
fn rows(text: &str, reason: Option<&str>) -> Result<Vec<Row>, AppError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|_| unreadable("the first row"))?.clone();
    let columns: Vec<String> = header.iter().map(|name| name.trim().to_lowercase()).collect();
    for name in &columns {
        if !COLUMNS.contains(&name.as_str()) {
            let help = suggest::help(name, &COLUMNS).unwrap_or_default();
            let what = format!("the column `{name}` is not known; {help}");
            return Err(AppError::NotThere(what));
        }
        if columns.iter().filter(|other| *other == name).count() > 1 {
            return Err(AppError::NotThere(format!("the column `{name}` is there twice")));
        }
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        if rows.len() == ROWS_MAX {
            return Err(AppError::NotThere("a file has at most 100,000 holds".to_owned()));
        }
        let record = record.map_err(|_| unreadable("a row"))?;
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != columns.len() {
            let what = format!("it has {} fields, and the header {}", record.len(), columns.len());
            rows.push((line, Err(what)));
            continue;
        }
        let mut asked = Asked { reason: reason.map(str::to_owned), ..Asked::default() };
        for (name, value) in columns.iter().zip(record.iter()) {
            set(&mut asked, name, value.trim());
        }
        rows.push((line, Ok(asked)));
    }
    Ok(rows)
}

fn set(asked: &mut Asked, column: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    let text = Some(value.to_owned());
    match column {
        "kind" => asked.kind = value.to_owned(),
        "resident" => asked.resident = text,
        "nino" => asked.nino = text,
        "birth_date" => asked.birth_date = text,
        "source" => asked.source = text,
        "key" => asked.key = text,
        "party" => asked.party = text,
        "account" => asked.account = text,
        "debts" => asked.debts = value.split([';', '|']).map(str::to_owned).collect(),
        "from" => asked.from = text,
        "until" => asked.until = text,
        "reference" => asked.reference = text,
        _ => asked.reason = text,
    }
}

fn unreadable(what: &str) -> AppError {
    AppError::NotThere(format!("{what} cannot be read as CSV: columns are separated by commas"))
}
