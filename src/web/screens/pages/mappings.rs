//! P14: the inbound mappings, and one tried on the sample of its connector: left the record as it stands there,
//! right what becomes of it, field by field with where it came from and why.

use askama::Template;
use serde::Deserialize;

use super::query;
use crate::web::api::routes::Verb;
use crate::web::screens::labels;
use crate::web::screens::visit::{Answer, Frame, Visit, page};
use crate::web::screens::words;

/// Longer records are cut here, characters.
const TEXT_MAX: usize = 20_000;

#[derive(Deserialize)]
struct List {
    mappings: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    mapping: String,
    source: String,
    jobs: Vec<String>,
    version: i64,
}

#[derive(Template)]
#[template(path = "pages/mappings.html")]
struct ListPage {
    frame: Frame,
    list: List,
}

pub async fn list(visit: &Visit) -> Answer {
    let list: List = visit.ask(Verb::Mappings, "", "").await?;
    page(&ListPage { frame: Frame { help: "mappings", ..visit.frame("Mappings") }, list })
}

#[derive(Deserialize)]
struct Tried {
    mapping: String,
    sample: String,
    held_whole: Option<String>,
    records_in_file: usize,
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    number: usize,
    key: String,
    outcome: String,
    because: Option<String>,
    #[serde(default)]
    text: String,
    /// A line each; what is not cut by lines is broken at its marks.
    #[serde(skip)]
    lines: Vec<String>,
    #[serde(default)]
    issues: Vec<Issue>,
    #[serde(default)]
    fields: Vec<Field>,
    #[serde(default)]
    read_by_no_field: Vec<String>,
}

#[derive(Deserialize)]
struct Issue {
    field: String,
    code: String,
    #[serde(default, alias = "cause")]
    is: String,
    #[serde(default)]
    remedy: String,
}

#[derive(Deserialize)]
struct Field {
    place: String,
    field: String,
    value: String,
    why: String,
}

#[derive(Template)]
#[template(path = "pages/mapping.html")]
struct OnePage {
    frame: Frame,
    tried: Tried,
    next: Option<usize>,
}

pub async fn show(visit: &Visit) -> Answer {
    let record = visit.query.some("record").and_then(|text| text.parse::<usize>().ok());
    let asked = record.map(|number| query(&[("record", &number.to_string())])).unwrap_or_default();
    let mut tried: Tried = visit.ask(Verb::TryMapping, &visit.id, &asked).await?;
    for record in &mut tried.records {
        record.lines = broken(&record.text);
    }
    let last = tried.records.last().map_or(0, |record| record.number);
    page(&OnePage {
        frame: Frame { help: "mappings", ..visit.frame(&format!("Mapping {}", tried.mapping)) },
        next: (last < tried.records_in_file).then_some(last + 1),
        tried,
    })
}

/// As a person can read it: an element or a value on each line.
fn broken(text: &str) -> Vec<String> {
    let cut: String = text.chars().take(TEXT_MAX).collect();
    let cut = match cut.lines().count() {
        0 | 1 => cut.replace("><", ">\n<").replace(",\"", ",\n\""),
        _ => cut,
    };
    cut.lines().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}
