//! `viaduct try`: a mapping tried on a file, and of each field where its value came from and why.
//!
//! The file is cut as the connector cuts it, and each record is read by the very walk that reads it at
//! night. Nothing is kept, and nothing is sent.

pub mod text;
mod words;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::load::Catalogue;
use crate::connector::definition::ConnectorDefinition;
use crate::connector::format::layout::Layout;
use crate::connector::format::{CutError, Format, Raw, RecordSink, Stopped, Total};
use crate::definition::diagnostic::Diagnostic;
use crate::definition::suggest;
use crate::mapping::definition::InboundMapping;
use crate::mapping::inbound::story::Story;
use crate::mapping::inbound::{Inbound, Translation};
use crate::record::document::Document;

/// How many records are shown where nobody says which.
const USUAL_RECORDS: usize = 3;
/// A key may stand on so many rows at most that all of them are shown.
const RECORDS_MAX: usize = 100;

/// Which records of the file.
#[derive(Debug, Clone)]
pub enum Which {
    /// The first few.
    First,
    /// By its place, from 1.
    Number(usize),
    Key(String),
}

/// What became of it all.
#[derive(Debug)]
pub struct Trial {
    mapping: String,
    /// The file that it was tried on, as a person would name it.
    sample: String,
    /// What `check` has to say of the mapping, its connector and its code lists.
    complaints: Vec<Diagnostic>,
    encoding: Option<String>,
    /// It looks as if it were UTF-8 although it was read as something else.
    looks_utf8: bool,
    totals: Vec<Total>,
    /// Why the file would be held whole.
    held_whole: Option<String>,
    /// Nobody said which records, so that the first few are shown.
    first_only: bool,
    /// How many records the file has, those that cannot be read among them.
    records: usize,
    shown: Vec<Shown>,
}

/// One record of the file.
#[derive(Debug)]
struct Shown {
    /// Its place in the file, from 1.
    number: usize,
    key: String,
    /// The record as it stands in the file.
    text: String,
    what: What,
}

#[derive(Debug)]
enum What {
    Read(Translation, Story),
    /// It is held before any mapping sees it.
    Unreadable {
        code: String,
        cause: String,
    },
}

/// Tries the mapping of that name. Without a file it is tried on the connector's own sample. `today` is
/// the day for which codes are looked up. The error is a sentence.
pub fn run(
    root: &Path,
    catalogue: &Catalogue,
    name: &str,
    file: Option<&Path>,
    which: &Which,
    today: NaiveDate,
) -> Result<Trial, String> {
    let name = bare(name);
    let mapping = catalogue.inbound.get(name).ok_or_else(|| no_mapping(catalogue, name))?;
    let connector = connector_of(catalogue, mapping)?;
    let layout = connector.settings.layout().ok_or_else(|| {
        format!("`{}` is a system that is told: it gives no records to try", connector.name)
    })?;
    let (sample, shown_as) = match file {
        Some(file) => (file.to_path_buf(), file.display().to_string()),
        None => own_sample(root, connector)?,
    };
    let mut input = File::open(&sample).map_err(|error| format!("{shown_as}: {error}"))?;
    let mut trial = Trial {
        mapping: name.to_owned(),
        complaints: complaints(catalogue, mapping, connector),
        sample: shown_as,
        encoding: None,
        looks_utf8: false,
        totals: Vec::new(),
        held_whole: None,
        first_only: matches!(which, Which::First),
        records: 0,
        shown: Vec::new(),
    };
    let format = &*layout.format;
    let inbound = Inbound::new(mapping, &|prefix| format.namespace(prefix).map(str::to_owned));
    let reader = Trying { inbound: &inbound, format, today, which, trial: &mut trial };
    reader.read(layout, &mut input, &sample)?;
    if trial.shown.is_empty() {
        return Err(none_shown(&trial, which));
    }
    Ok(trial)
}

impl Trial {
    /// What `viaduct try` prints.
    pub fn text(&self) -> String {
        text::of(self)
    }

    /// Each record beside what became of it, with the words of each field.
    pub fn side_by_side(&self) -> Value {
        let mut json = self.json();
        let records = json["records"].as_array_mut();
        for (told, shown) in records.into_iter().flatten().zip(&self.shown) {
            told["text"] = json!(shown.text);
            if let What::Read(_, story) = &shown.what {
                let rows = text::rows(story).into_iter();
                let row = |(place, field, value, why)| json!({ "place": place, "field": field, "value": value, "why": why });
                told["fields"] = rows.map(row).collect();
            }
        }
        json
    }

    /// What `viaduct try --json` prints.
    pub fn json(&self) -> Value {
        let total = |total: &Total| {
            json!({
                "name": total.name,
                "declared": total.declared,
                "counted": total.counted,
                "agrees": total.agrees(),
            })
        };
        json!({
            "mapping": self.mapping,
            "sample": self.sample,
            "complaints": self.complaints,
            "encoding": self.encoding,
            "looks_utf8": self.looks_utf8,
            "totals": self.totals.iter().map(total).collect::<Vec<_>>(),
            "held_whole": self.held_whole,
            "records_in_file": self.records,
            "records": self.shown.iter().map(shown_json).collect::<Vec<_>>(),
        })
    }
}

fn shown_json(shown: &Shown) -> Value {
    let mut json = json!({ "number": shown.number, "key": shown.key });
    let (translation, story) = match &shown.what {
        What::Unreadable { code, cause } => {
            json["outcome"] = json!("held");
            json["issues"] = json!([{ "field": "record", "code": code, "cause": cause }]);
            return json;
        }
        What::Read(translation, story) => (translation, story),
    };
    let (outcome, because) = match translation {
        Translation::Published(_) => ("published", None),
        Translation::Held(_) => ("held", None),
        Translation::Filtered(because) => ("filtered", Some(because)),
        Translation::Failed(_) => ("stops_the_batch", None),
    };
    json["outcome"] = json!(outcome);
    if let Some(because) = because {
        json["because"] = json!(because);
    }
    let remedies = words::issues(translation, story);
    let issues = remedies.iter().map(|issue| {
        json!({
            "field": issue.field,
            "code": issue.code,
            "is": issue.sentence,
            "remedy": issue.remedy,
        })
    });
    json["issues"] = issues.collect();
    json["fields"] = json!(story.told);
    json["read_by_no_field"] = json!(story.unread);
    json
}

/// Takes records as a job does, and explains those that are wanted.
struct Trying<'t> {
    inbound: &'t Inbound,
    format: &'t dyn Format,
    today: NaiveDate,
    which: &'t Which,
    trial: &'t mut Trial,
}

impl Trying<'_> {
    fn read(mut self, layout: &Layout, input: &mut dyn Read, sample: &Path) -> Result<(), String> {
        let name = sample.file_name().map_or_else(String::new, |name| name.display().to_string());
        match layout.cut(input, &name, &mut self) {
            Ok(end) => {
                self.trial.totals = end.totals;
                self.trial.encoding = Some(end.encoding.to_owned());
                self.trial.looks_utf8 = end.looks_utf8;
            }
            Err(CutError::Format(fault)) => self.trial.held_whole = Some(fault.to_string()),
            Err(CutError::Read(error)) => return Err(format!("{}: {error}", self.trial.sample)),
            // Nobody stops here.
            Err(CutError::Stopped) => {}
        }
        Ok(())
    }

    /// Whether this record, the next of the file, is to be shown.
    fn wants(&mut self, key: &str) -> bool {
        self.trial.records += 1;
        match self.which {
            Which::First => self.trial.records <= USUAL_RECORDS,
            Which::Number(number) => self.trial.records == *number,
            Which::Key(wanted) => key == wanted && self.trial.shown.len() < RECORDS_MAX,
        }
    }

    fn show(&mut self, key: &str, text: String, what: What) {
        let number = self.trial.records;
        self.trial.shown.push(Shown { number, key: key.to_owned(), text, what });
    }
}

impl RecordSink for Trying<'_> {
    fn record(&mut self, key: &str, raw: Raw<'_>) -> Result<(), Stopped> {
        if self.wants(key) {
            let mut alone = Vec::new();
            raw.write_alone(&mut alone);
            let mut record = Document::default();
            let text = String::from_utf8_lossy(&alone).into_owned();
            let what = match self.format.read(&text, &mut record) {
                Ok(()) => {
                    let (translation, story) = self.inbound.explain(&record, self.today);
                    What::Read(translation, story)
                }
                Err(fault) => What::Unreadable {
                    code: fault.code.to_owned(),
                    cause: format!("{} ({})", fault.cause, fault.place),
                },
            };
            self.show(key, text, what);
        }
        Ok(())
    }

    fn unreadable(
        &mut self,
        code: &'static str,
        cause: String,
        raw: Raw<'_>,
    ) -> Result<(), Stopped> {
        self.unsound("", code, cause, raw)
    }

    fn unsound(
        &mut self,
        key: &str,
        code: &'static str,
        cause: String,
        _: Raw<'_>,
    ) -> Result<(), Stopped> {
        if self.wants(key) {
            let unreadable = What::Unreadable { code: code.to_owned(), cause };
            self.show(key, String::new(), unreadable);
        }
        Ok(())
    }
}

/// `ctax_account`, however much of its file's path was typed.
fn bare(name: &str) -> &str {
    let name = name.rsplit('/').next().unwrap_or(name);
    name.strip_suffix(".toml").unwrap_or(name)
}

fn no_mapping(catalogue: &Catalogue, name: &str) -> String {
    let path = format!("mappings/inbound/{name}.toml");
    let its_own = catalogue.diagnostics.iter().filter(|one| one.file == path);
    let told: String = its_own.map(|one| format!("\n\n{one}")).collect();
    if !told.is_empty() {
        return format!("`{path}` cannot be understood{told}");
    }
    if catalogue.outbound.contains_key(name) {
        return format!(
            "`{name}` is an outbound mapping: it reads changes and no file, so there is nothing to \
             try it on"
        );
    }
    let known: Vec<&str> = catalogue.inbound.keys().map(String::as_str).collect();
    let help = suggest::help(name, &known);
    let help = help.unwrap_or_else(|| {
        "there is none in `mappings/inbound/` of this folder (`--definitions DIR` names another)".to_owned()
    });
    format!("there is no inbound mapping `{name}`: {help}")
}

/// The connector that the mapping reads from.
fn connector_of<'c>(
    catalogue: &'c Catalogue,
    mapping: &InboundMapping,
) -> Result<&'c ConnectorDefinition, String> {
    let wanted = mapping.source.value.as_str();
    let of_system = || catalogue.connectors.values().find(|one| one.system.value == wanted);
    let found = catalogue.connectors.get(wanted).or_else(of_system);
    found.ok_or_else(|| {
        let path = format!("connectors/{wanted}.toml");
        let its_own = catalogue.diagnostics.iter().filter(|one| one.file == path);
        let told: String = its_own.map(|one| format!("\n\n{one}")).collect();
        match told.is_empty() {
            true => format!(
                "`{}` reads from `{wanted}`, and there is no such connector: write `{path}`",
                mapping.name
            ),
            false => format!("`{path}` cannot be used, so no file can be cut{told}"),
        }
    })
}

fn own_sample(root: &Path, connector: &ConnectorDefinition) -> Result<(PathBuf, String), String> {
    let sample = connector.sample.as_ref().ok_or_else(|| {
        format!(
            "`connectors/{}.toml` names no `sample`: name one, or give a file with `--sample FILE`",
            connector.name
        )
    })?;
    let shown = format!("connectors/{}", sample.value);
    Ok((root.join(&shown), shown))
}

/// What `check` says of the files that this trial leans on.
fn complaints(
    catalogue: &Catalogue,
    mapping: &InboundMapping,
    connector: &ConnectorDefinition,
) -> Vec<Diagnostic> {
    let mut files = vec![
        format!("mappings/inbound/{}.toml", mapping.name),
        format!("connectors/{}.toml", connector.name),
    ];
    files.extend(mapping.code_lists().map(|list| format!("mappings/{}", list.name)));
    let told = catalogue.diagnostics.iter().filter(|one| files.contains(&one.file));
    told.cloned().collect()
}

fn none_shown(trial: &Trial, which: &Which) -> String {
    let sample = &trial.sample;
    if let Some(cause) = &trial.held_whole {
        return format!("{sample} would be held whole: {cause}");
    }
    match which {
        Which::First => format!("{sample} has no records"),
        Which::Number(number) => {
            format!("there is no record {number} in {sample}: it has {}", trial.records)
        }
        Which::Key(_) => format!("none of the {} records of {sample} has that key", trial.records),
    }
}
