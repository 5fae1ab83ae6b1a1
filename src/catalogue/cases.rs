//! The cases beside a mapping, `<mapping>.test.toml`: a record as its system would give it, and what
//! must be understood. An integrator runs them with `viaduct test` and needs no Rust to be sure.

use std::path::Path;

use chrono::NaiveDate;
use serde_json::json;

use crate::catalogue::load::Catalogue;
use crate::connector::format::Format;
use crate::definition::diagnostic::{Diagnostic, render_all};
use crate::definition::reader::{self, File};
use crate::definition::table::{Table, Value as Given};
use crate::mapping::definition::InboundMapping;
use crate::mapping::inbound::{Inbound, Translation};
use crate::record::document::Document;
use crate::record::facts::{Facts, Value};
use crate::record::fragment::{FieldIssue, Fragment};
use crate::record::schema::{self, Field};

/// What became of every case.
#[derive(Debug, Default)]
pub struct CaseReport {
    cases: Vec<Case>,
    /// Faults of the case files themselves.
    faults: Vec<Diagnostic>,
    files: usize,
}

#[derive(Debug)]
struct Case {
    file: String,
    name: String,
    /// What was expected and not found; nothing means that it passed.
    differs: Vec<String>,
}

impl CaseReport {
    /// How many cases failed, and files that could not be read.
    pub fn failed(&self) -> usize {
        let cases = self.cases.iter().filter(|case| !case.differs.is_empty()).count();
        cases + self.faults.iter().filter(|fault| fault.is_error()).count()
    }

    /// What `viaduct test --json` prints.
    pub fn json(&self) -> serde_json::Value {
        let cases: Vec<_> = (self.cases.iter())
            .map(|case| {
                json!({
                    "file": case.file,
                    "case": case.name,
                    "passed": case.differs.is_empty(),
                    "differs": case.differs,
                })
            })
            .collect();
        json!({ "failed": self.failed(), "cases": cases, "faults": self.faults })
    }

    /// What `viaduct test` prints.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for case in &self.cases {
            let mark = if case.differs.is_empty() { "pass" } else { "FAIL" };
            text.push_str(&format!("{mark}  {}: {}\n", case.file, case.name));
            for differs in &case.differs {
                text.push_str(&format!("      {differs}\n"));
            }
        }
        if !self.faults.is_empty() {
            text.push_str(&render_all(&self.faults, self.files));
        }
        let passed = self.cases.iter().filter(|case| case.differs.is_empty()).count();
        text.push_str(&format!("{passed} of {} cases passed.\n", self.cases.len()));
        text
    }
}

/// Runs every case of the inbound mappings. `today` is the day for which codes are looked up.
pub fn run(root: &Path, catalogue: &Catalogue, today: NaiveDate) -> CaseReport {
    let mut report = CaseReport::default();
    for path in reader::list_files(root, "mappings/inbound", "toml") {
        let Some(stem) = path.strip_suffix(".test.toml") else { continue };
        let name = stem.rsplit('/').next().unwrap_or(stem);
        report.files += 1;
        let file = match File::load(root, &path) {
            Ok(file) => file,
            Err(fault) => {
                report.faults.push(fault);
                continue;
            }
        };
        let mapping = catalogue.inbound.get(name);
        let format = mapping.and_then(|mapping| {
            let connector = catalogue.connectors.get(&mapping.source.value)?;
            connector.settings.layout().map(|layout| &*layout.format)
        });
        match (mapping, format) {
            (Some(mapping), Some(format)) => {
                run_file(&file, &path, mapping, format, today, &mut report);
            }
            _ => file.error_of_file(
                format!("there is no mapping `{name}` beside these cases"),
                Some(format!(
                    "name this file after its mapping: `MAPPING.test.toml`, not `{name}`"
                )),
            ),
        }
        report.faults.extend(file.into_diagnostics());
    }
    report
}

fn run_file(
    file: &File,
    path: &str,
    mapping: &InboundMapping,
    format: &dyn Format,
    today: NaiveDate,
    report: &mut CaseReport,
) {
    let inbound = Inbound::new(mapping, &|prefix| format.namespace(prefix).map(str::to_owned));
    let root = file.root();
    for table in root.tables("case") {
        let name = table.need_text("name").map(|name| name.value);
        let Some(given) = table.need_text("in") else { continue };
        let mut document = Document::default();
        let differs = match format.read(given.value.trim_matches(['\n', '\r']), &mut document) {
            Err(fault) => vec![format!("`in` cannot be read: {fault}")],
            Ok(()) => compare(&table, inbound.translate(&document, today)),
        };
        table.finish();
        let name = name.unwrap_or_else(|| "without a name".to_owned());
        report.cases.push(Case { file: path.to_owned(), name, differs });
    }
    root.finish();
}

fn compare(table: &Table<'_>, translation: Translation) -> Vec<String> {
    let held: Option<Vec<String>> =
        table.texts("held").map(|texts| texts.into_iter().map(|text| text.value).collect());
    let filtered = table.text("filtered").map(|text| text.value);
    let account = table.table("account");
    let party = table.table("party");
    let said = |issues: &[FieldIssue]| -> Vec<String> {
        issues.iter().map(|issue| format!("{}: {}", issue.field, issue.code)).collect()
    };
    match (translation, held, filtered) {
        (Translation::Held(issues), Some(wanted), _) if said(&issues) == wanted => Vec::new(),
        (Translation::Held(issues), ..) => vec![format!("it is held: {:?}", said(&issues))],
        (Translation::Failed(issue), ..) => {
            vec![format!("it stops the batch: {:?}", said(&[issue]))]
        }
        (Translation::Filtered(because), _, Some(wanted)) if because == wanted => Vec::new(),
        (Translation::Filtered(because), ..) => vec![format!("it is left out: {because}")],
        (Translation::Published(_), Some(wanted), _) => {
            vec![format!("it is not held; expected {wanted:?}")]
        }
        (Translation::Published(_), _, Some(wanted)) => {
            vec![format!("it is not left out; expected `{wanted}`")]
        }
        (Translation::Published(fragment), None, None) => {
            compare_fragment(&fragment, account, party)
        }
    }
}

fn compare_fragment(
    fragment: &Fragment,
    account: Option<Table<'_>>,
    party: Option<Table<'_>>,
) -> Vec<String> {
    let mut differs = Vec::new();
    if let Some(wanted) = account {
        match &fragment.account {
            Some(found) => {
                let place = Place { name: "account", table: schema::ACCOUNT, role: None };
                compare_facts(&wanted, &found.facts, &found.issues, &place, &mut differs);
            }
            None => differs.push("the mapping makes no account".to_owned()),
        }
        wanted.finish();
    }
    for (number, given) in party.iter().flat_map(Table::entries) {
        let Given::Table(wanted) = given else { continue };
        let place = number.value.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        match place.and_then(|place| fragment.parties.get(place)) {
            Some(found) => {
                let name = format!("party {}", number.value);
                let place = Place { name: &name, table: schema::PARTY, role: Some(&found.role) };
                compare_facts(&wanted, &found.facts, &found.issues, &place, &mut differs);
            }
            None => differs.push(format!(
                "there is no party {}: the record names {}",
                number.value,
                fragment.parties.len()
            )),
        }
        wanted.finish();
    }
    differs
}

/// Which part of the fragment is compared.
struct Place<'a> {
    name: &'a str,
    table: &'static [Field],
    role: Option<&'a str>,
}

fn compare_facts(
    wanted: &Table<'_>,
    found: &Facts,
    issues: &str,
    place: &Place<'_>,
    differs: &mut Vec<String>,
) {
    let name = place.name;
    let fact = |field: &str| {
        let id = place.table.iter().position(|known| known.name == field)?;
        found.get(id as u16)
    };
    for field in wanted.texts("absent").unwrap_or_default() {
        if let Some(value) = fact(&field.value) {
            differs.push(format!("{name} {}: {} stands there", field.value, value.to_text()));
        }
    }
    for issue in wanted.texts("issues").unwrap_or_default() {
        if !issues.split(',').any(|found| found == issue.value) {
            differs.push(format!("{name}: `{}` is not among `{issues}`", issue.value));
        }
    }
    if let (Some(role), Some(wanted)) = (place.role, wanted.text("role"))
        && role != wanted.value
    {
        differs.push(format!("{name} role: expected `{}`, found `{role}`", wanted.value));
    }
    for field in place.table {
        if !wanted.has(field.name) {
            continue;
        }
        let expected = match wanted.value(field.name) {
            Some(Given::Text(text)) => Value::Text(text.value),
            Some(Given::Whole(number)) => Value::Whole(number.value),
            Some(Given::Flag(flag)) => Value::Flag(flag.value),
            _ => {
                differs.push(format!("{name} {}: give a text, a number or a flag", field.name));
                continue;
            }
        };
        if fact(field.name) != Some(&expected) {
            let is = fact(field.name).map_or("nothing".to_owned(), Value::to_text);
            let wanted = expected.to_text();
            differs.push(format!("{name} {}: expected `{wanted}`, found `{is}`", field.name));
        }
    }
}
