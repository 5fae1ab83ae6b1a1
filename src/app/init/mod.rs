//! `viaduct init`: a start for a council's own definitions, commented and sound, with one invented source.
//!
//! The files are compiled in from beside this one. Nothing that is there already is ever written over.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::{Value, json};

use super::context::AppError;
use crate::catalogue::reference;
use crate::connector::kinds::KINDS;

/// How the start's source lays its extract out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Layout {
    Csv,
    FixedWidth,
    Xml,
    Json,
}

/// How many files that are in the way are named.
const SHOWN_MAX: usize = 3;

/// Files that are the same whatever the layout.
const COMMON: [(&str, &str); 9] = [
    ("README.md", include_str!("start/README.md")),
    ("connectors/notify.toml", include_str!("start/connectors/notify.toml")),
    ("mappings/inbound/council_tax.toml", include_str!("start/mappings/inbound/council_tax.toml")),
    ("mappings/outbound/moved_home.toml", include_str!("start/mappings/outbound/moved_home.toml")),
    ("mappings/codes/account_status.csv", include_str!("start/mappings/codes/account_status.csv")),
    ("mappings/resident.toml", include_str!("start/mappings/resident.toml")),
    ("jobs/ingest-council-tax.toml", include_str!("start/jobs/ingest-council-tax.toml")),
    ("jobs/deliver-notify.toml", include_str!("start/jobs/deliver-notify.toml")),
    (".gitignore", "# The database, and what is dropped here to try.\n*.db\n*.db-*\n/drop/\n"),
];

impl Layout {
    /// The word for it in a definition.
    fn word(self) -> &'static str {
        match self {
            Layout::Csv => "csv",
            Layout::FixedWidth => "fixed_width",
            Layout::Xml => "xml",
            Layout::Json => "json",
        }
    }

    /// How a file of it is named at its end.
    fn ending(self) -> &'static str {
        match self {
            Layout::FixedWidth => "txt",
            other => other.word(),
        }
    }

    /// The connector, its sample, and the mapping's cases.
    fn files(self) -> [&'static str; 3] {
        match self {
            Layout::Csv => [
                include_str!("csv/connector.toml"),
                include_str!("csv/sample.csv"),
                include_str!("csv/cases.toml"),
            ],
            Layout::FixedWidth => [
                include_str!("fixed_width/connector.toml"),
                include_str!("fixed_width/sample.txt"),
                include_str!("fixed_width/cases.toml"),
            ],
            Layout::Xml => [
                include_str!("xml/connector.toml"),
                include_str!("xml/sample.xml"),
                include_str!("xml/cases.toml"),
            ],
            Layout::Json => [
                include_str!("json/connector.toml"),
                include_str!("json/sample.json"),
                include_str!("json/cases.toml"),
            ],
        }
    }
}

/// What was written, and where.
pub struct Start {
    folder: PathBuf,
    layout: Layout,
    files: Vec<String>,
}

/// Writes a start into a folder. If one of its files is there already, nothing is written at all.
pub fn write(folder: &Path, layout: Layout) -> Result<Start, AppError> {
    let files = files(layout);
    let there: Vec<&str> = files
        .iter()
        .map(|(path, _)| path.as_str())
        .filter(|path| folder.join(path).symlink_metadata().is_ok())
        .collect();
    if !there.is_empty() {
        let more = there.len().saturating_sub(SHOWN_MAX);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        return Err(AppError::NotThere(format!(
            "{} has {}{more} already; nothing was written: name another folder",
            folder.display(),
            there[..there.len().min(SHOWN_MAX)].join(", ")
        )));
    }
    for (path, text) in &files {
        write_new(&folder.join(path), text)?;
    }
    let files = files.into_iter().map(|(path, _)| path).collect();
    Ok(Start { folder: folder.to_path_buf(), layout, files })
}

fn files(layout: Layout) -> Vec<(String, String)> {
    let ending = layout.ending();
    let [connector, sample, cases] = layout.files();
    let own = [
        ("connectors/council_tax.toml".to_owned(), connector),
        (format!("connectors/council_tax.sample.{ending}"), sample),
        ("mappings/inbound/council_tax.test.toml".to_owned(), cases),
    ];
    let common = COMMON.iter().map(|(path, text)| ((*path).to_owned(), *text));
    let filled = |(path, text): (String, &str)| {
        let text = text.replace("{format}", layout.word()).replace("{ending}", ending);
        let text = match schema_of(&path) {
            Some(schema) => format!("#:schema {schema}\n{text}"),
            None => text,
        };
        (path, text)
    };
    let mut files: Vec<_> = common.chain(own).map(filled).collect();
    for (name, schema) in reference::schemas(KINDS) {
        files.push((format!("schema/{name}.json"), format!("{schema:#}\n")));
    }
    files
}

/// Where an editor finds what a definition may say, as the definition names it.
fn schema_of(path: &str) -> Option<String> {
    let name = match path {
        _ if !path.ends_with(".toml") => return None,
        _ if path.ends_with(".test.toml") => "cases",
        "mappings/resident.toml" => "resident_rules",
        _ if path.starts_with("mappings/inbound/") => "inbound",
        _ if path.starts_with("mappings/outbound/") => "outbound",
        _ if path.starts_with("jobs/") => "job",
        _ => "connector",
    };
    Some(format!("{}schema/{name}.json", "../".repeat(path.matches('/').count())))
}

fn write_new(path: &Path, text: &str) -> Result<(), AppError> {
    let io = |error| AppError::Io { what: path.display().to_string(), error };
    std::fs::create_dir_all(path.parent().unwrap_or(path)).map_err(io)?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(io)?;
    file.write_all(text.as_bytes()).map_err(io)
}

impl Start {
    /// What to do next, as it is typed.
    fn next(&self) -> Vec<String> {
        let ending = self.layout.ending();
        vec![
            format!("cd {}", quoted(&self.folder)),
            "viaduct check .".to_owned(),
            "viaduct test .".to_owned(),
            "viaduct try council_tax".to_owned(),
            "export COUNCIL_TAX_DROP=\"$PWD/drop\"".to_owned(),
            "mkdir -p \"$COUNCIL_TAX_DROP\"".to_owned(),
            format!(
                "cp connectors/council_tax.sample.{ending} \"$COUNCIL_TAX_DROP/council-tax-1.{ending}\""
            ),
            "viaduct run ingest-council-tax".to_owned(),
        ]
    }

    /// For machines.
    pub fn json(&self) -> Value {
        json!({ "written": self.folder, "files": self.files, "next": self.next() })
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = format!("Written to {}:\n\n", self.folder.display());
        let schemas = self.files.iter().filter(|path| path.starts_with("schema/")).count();
        for path in self.files.iter().filter(|path| !path.starts_with("schema/")) {
            text.push_str(&format!("    {path}\n"));
        }
        text.push_str(&format!("    schema/ ({schemas} files, for editors)\n\nNext:\n\n"));
        for line in self.next() {
            text.push_str(&format!("    {line}\n"));
        }
        text.push_str("\nREADME.md there says how to make it yours.\n");
        text
    }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    match !text.is_empty() && text.chars().all(plain) && !text.starts_with('-') {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}
