//! The cases beside a mapping, `<mapping>.test.toml`: a record as its system would give it, and what
//! must be understood. An integrator runs them with `viaduct test` and needs no Rust to be sure.

use std::path::Path;

use chrono::NaiveDate;
use serde_json::json;

use crate::catalogue::load::Catalogue;
use crate::connector::format::Format;
use crate::definition::diagnostic::{Diagnostic, render_all};
use crate::definition::reader::{self, File, Spanned};
use crate::definition::shape::{Fields, Holds, Key, key};
use crate::definition::table::{Table, Value as Given};
use crate::mapping::definition::InboundMapping;
use crate::mapping::inbound::{Inbound, Translation};
use crate::record::document::Document;
use crate::record::facts::{Facts, Value};
use crate::record::fragment::{FieldIssue, Fragment};
use crate::record::schema::{self, Field};

const CASE: Key = key("case", "A record as its system would give it, and what must be understood.");
const NAME: Key =
    key("name", "What the case shows, in a sentence.").example("name = \"an open end is no end\"");
const IN: Key = key(
    "in",
    "One record in the connector's format: an element; a header row and a row; a line, with the lines \
     that belong to it; an object.",
)
.example("in = \"\"\"…\"\"\"");
const HELD: Key = key("held", "The row must be held, for these reasons and no others.")
    .example("held = [\"account status: code_unknown\"]");
const FILTERED: Key = key("filtered", "The row must be left out, because of this.")
    .example("filtered = \"nobody is liable for a void\"");
const ACCOUNT: Key = key("account", "What must be known of the account.")
    .example("account = { status = \"open\", balance = 85500 }");
const PARTY: Key =
    key("party", "What must be known of each party, by its number in the record, from 1.")
        .example("party.1 = { \"name.family\" = \"Testberry\", role = \"liable\" }");
const HOLD: Key = key("hold", "What must be understood of the hold.").example(
    "hold = { kind = \"breathing_space\", until = \"2026-06-30\", debts = [\"9900000042\"] }",
);
const DEBTS: Key =
    key("debts", "The debts that it covers, in their order.").example("debts = [\"9900000042\"]");
const ABSENT: Key =
    key("absent", "Fields that must have no value.").example("absent = [\"closed\"]");
const ISSUES: Key = key("issues", "What must be noted, as `field:code`.")
    .example("issues = [\"nino:nino_bad_prefix\"]");
const ROLE: Key = key("role", "The party's role.").example("role = \"liable\"");
/// Ten thousand million pounds, either way: more than any field holds.
const WHOLE_MAX: i64 = 1_000_000_000_000;

/// What became of every case.
#[derive(Debug, Default)]
pub struct CaseReport {
    cases: Vec<Case>,
    /// Faults of the case files themselves.
    faults: Vec<Diagnostic>,
    /// How many of them are errors of a case, which failed by them.
    of_cases: usize,
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
    /// How many cases failed, and what else is wrong with their files.
    pub fn failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.differs.is_empty()).count() + self.of_no_case()
    }

    /// How many errors no case failed by: a file without its mapping, or one that cannot be read.
    fn of_no_case(&self) -> usize {
        let errors = self.faults.iter().filter(|fault| fault.is_error()).count();
        errors.saturating_sub(self.of_cases)
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
        if self.cases.is_empty() && self.faults.is_empty() {
            return "There are no cases: write some beside the mappings, in NAME.test.toml.\n"
                .to_owned();
        }
        let passed = self.cases.iter().filter(|case| case.differs.is_empty()).count();
        text.push_str(&format!("{passed} of {} cases passed", self.cases.len()));
        text.push_str(&match self.of_no_case() {
            0 => ".\n".to_owned(),
            1 => ", and 1 fault is of no case.\n".to_owned(),
            many => format!(", and {many} faults are of no case.\n"),
        });
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
    for case in parts(&root) {
        let mut document = Document::default();
        let given = case.given.as_deref().map(|given| given.trim_matches(['\n', '\r']));
        let mut differs = match given.map(|given| format.read(given, &mut document)) {
            // That it has none is told as a fault of the file.
            None => Vec::new(),
            Some(Err(fault)) => vec![format!("`in` cannot be read: {fault}")],
            Some(Ok(())) => compare(&case.wanted, inbound.translate(&document, today)),
        };
        if case.errors > 0 {
            differs.push("what is written in it cannot be understood: see below".to_owned());
            report.of_cases += case.errors;
        }
        let name = case.name.unwrap_or_else(|| "without a name".to_owned());
        report.cases.push(Case { file: path.to_owned(), name, differs });
    }
    root.finish();
}

/// A case as it is written.
pub struct Written {
    name: Option<String>,
    given: Option<String>,
    wanted: Wanted,
    /// How many errors were told of it.
    errors: usize,
}

/// What must be understood.
struct Wanted {
    held: Option<Vec<String>>,
    filtered: Option<String>,
    account: Option<WantedFacts>,
    hold: Option<WantedFacts>,
    /// By what is written as their number.
    parties: Vec<(String, WantedFacts)>,
}

/// What must be known of an account or a party.
struct WantedFacts {
    absent: Vec<String>,
    issues: Vec<String>,
    role: Option<String>,
    debts: Option<Vec<String>>,
    /// None where something is written that is no value.
    values: Vec<(String, Option<Value>)>,
}

/// Reads the cases of a file; also how they are described.
pub fn parts(root: &Table<'_>) -> Vec<Written> {
    let case = |table: Table<'_>| {
        let file = table.file();
        let before = file.errors();
        let name = table.need_text(NAME).map(|name| name.value);
        let given = table.need_text(IN).map(|given| given.value);
        let held = table.texts(HELD).map(plain);
        let filtered = table.text(FILTERED).map(|text| text.value);
        let account = table.table(ACCOUNT).map(|table| facts(table, schema::ACCOUNT));
        let hold = table.table(HOLD).map(|table| facts(table, schema::HOLD));
        let parties = table.named_tables(PARTY).into_iter();
        let parties =
            parties.map(|(number, table)| (number.value, facts(table, schema::PARTY))).collect();
        table.finish();
        let errors = file.errors() - before;
        Written { name, given, wanted: Wanted { held, filtered, account, hold, parties }, errors }
    };
    root.tables(CASE).into_iter().map(case).collect()
}

fn facts(table: Table<'_>, fields: &'static [Field]) -> WantedFacts {
    let is = |other: &'static [Field]| std::ptr::eq(fields, other);
    let absent = table.texts(ABSENT).map(plain).unwrap_or_default();
    let issues = table.texts(ISSUES).map(plain).unwrap_or_default();
    let role = is(schema::PARTY).then(|| table.text(ROLE)).flatten().map(|role| role.value);
    let debts = is(schema::HOLD).then(|| table.texts(DEBTS)).flatten().map(plain);
    table.has_fields(|| {
        let each = vec![Holds::Text, Holds::Whole(-WHOLE_MAX, WHOLE_MAX), Holds::Flag];
        let names = fields.iter().map(|field| (field.name, field.doc)).collect();
        Fields { what: "value", names, each: Holds::Either(each) }
    });
    let mut values = Vec::new();
    // `name.family` without quotation marks is a table in a table.
    let mut groups: Vec<(&str, Table<'_>)> = Vec::new();
    for field in fields {
        if table.has(field.name) {
            values.push((field.name.to_owned(), table.value(field.name).and_then(value)));
        }
        let Some((group, rest)) = field.name.split_once('.') else { continue };
        if !groups.iter().any(|(known, _)| *known == group)
            && let Some(Given::Table(inner)) = table.value(group)
        {
            groups.push((group, inner));
        }
        let of_group = groups.iter().find(|(known, inner)| *known == group && inner.has(rest));
        if let Some((_, inner)) = of_group {
            values.push((field.name.to_owned(), inner.value(rest).and_then(value)));
        }
    }
    groups.into_iter().for_each(|(_, inner)| inner.finish());
    table.finish();
    WantedFacts { absent, issues, role, debts, values }
}

fn value(given: Given<'_>) -> Option<Value> {
    match given {
        Given::Text(text) => Some(Value::Text(text.value)),
        Given::Whole(number) => Some(Value::Whole(number.value)),
        Given::Flag(flag) => Some(Value::Flag(flag.value)),
        _ => None,
    }
}

fn plain(texts: Vec<Spanned<String>>) -> Vec<String> {
    texts.into_iter().map(|text| text.value).collect()
}

fn compare(wanted: &Wanted, translation: Translation) -> Vec<String> {
    let said = |issues: &[FieldIssue]| -> Vec<String> {
        issues.iter().map(|issue| format!("{}: {}", issue.field, issue.code)).collect()
    };
    match (translation, &wanted.held, &wanted.filtered) {
        (Translation::Held(issues), Some(wanted), _) if said(&issues) == *wanted => Vec::new(),
        (Translation::Held(issues), ..) => vec![format!("it is held: {:?}", said(&issues))],
        (Translation::Failed(issue), ..) => {
            vec![format!("it stops the batch: {:?}", said(&[issue]))]
        }
        (Translation::Filtered(because), _, Some(wanted)) if because == *wanted => Vec::new(),
        (Translation::Filtered(because), ..) => vec![format!("it is left out: {because}")],
        (Translation::Published(_), Some(wanted), _) => {
            vec![format!("it is not held; expected {wanted:?}")]
        }
        (Translation::Published(_), _, Some(wanted)) => {
            vec![format!("it is not left out; expected `{wanted}`")]
        }
        (Translation::Published(fragment), None, None) => compare_fragment(&fragment, wanted),
    }
}

fn compare_fragment(fragment: &Fragment, wanted: &Wanted) -> Vec<String> {
    let mut differs = Vec::new();
    if let Some(wanted) = &wanted.account {
        match &fragment.account {
            Some(found) => {
                let place = Place { name: "account", table: schema::ACCOUNT, role: None };
                compare_facts(wanted, &found.facts, &found.issues, &place, &mut differs);
            }
            None => differs.push("the mapping makes no account".to_owned()),
        }
    }
    if let Some(wanted) = &wanted.hold {
        match &fragment.hold {
            Some(found) => {
                let place = Place { name: "hold", table: schema::HOLD, role: None };
                compare_facts(wanted, &found.facts, &found.issues, &place, &mut differs);
                if let Some(debts) = wanted.debts.as_ref().filter(|debts| **debts != found.debts) {
                    let is = &found.debts;
                    differs.push(format!("hold debts: expected {debts:?}, found {is:?}"));
                }
            }
            None => differs.push("the mapping makes no hold".to_owned()),
        }
    }
    for (number, wanted) in &wanted.parties {
        let place = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        match place.and_then(|place| fragment.parties.get(place)) {
            Some(found) => {
                let name = format!("party {number}");
                let place = Place { name: &name, table: schema::PARTY, role: Some(&found.role) };
                compare_facts(wanted, &found.facts, &found.issues, &place, &mut differs);
            }
            None => differs.push(format!(
                "there is no party {number}: the record names {}",
                fragment.parties.len()
            )),
        }
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
    wanted: &WantedFacts,
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
    for field in &wanted.absent {
        if let Some(value) = fact(field) {
            differs.push(format!("{name} {field}: {} stands there", value.to_text()));
        }
        if !place.table.iter().any(|known| known.name == field) {
            differs.push(format!("{name} {field}: there is no such field"));
        }
    }
    for issue in &wanted.issues {
        if !issues.split(',').any(|found| found == issue) {
            differs.push(format!("{name}: `{issue}` is not among `{issues}`"));
        }
    }
    if let (Some(role), Some(wanted)) = (place.role, &wanted.role)
        && role != wanted
    {
        differs.push(format!("{name} role: expected `{wanted}`, found `{role}`"));
    }
    for (field, expected) in &wanted.values {
        let Some(expected) = expected else {
            differs.push(format!("{name} {field}: give a text, a number or a flag"));
            continue;
        };
        if fact(field) != Some(expected) {
            let is = fact(field).map_or("nothing".to_owned(), Value::to_text);
            let wanted = expected.to_text();
            differs.push(format!("{name} {field}: expected `{wanted}`, found `{is}`"));
        }
    }
}
