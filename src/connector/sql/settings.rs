//! What `kind = "sql"` can be told, and how it is read from a definition.

use std::sync::Arc;

use super::Sql;
use super::form::{self, FormFault};
use crate::connector::calling;
use crate::connector::channel::{ConnectorError, Extract, Source};
use crate::connector::definition::{Kind, Limits, Settings, Surroundings};
use crate::connector::format::layout::Layout;
use crate::connector::format::version::Version;
use crate::definition::reader::Spanned;
use crate::definition::secret::SecretReference;
use crate::definition::shape::{Key, key, word};
use crate::definition::table::Table;

pub const KIND: Kind = Kind {
    name: "sql",
    doc: "A database that is asked for its records by one query, which only reads: PostgreSQL, MySQL, MariaDB or \
          SQLite.",
    read: |settings, limits| Some(Arc::new(SqlSettings::read(settings, limits)?)),
};

/// The settings of a database that is asked.
#[derive(Debug, Clone)]
pub struct SqlSettings {
    pub url: Spanned<SecretReference>,
    /// Hosts and ports that may be called, private ones among them.
    pub allow: Vec<Spanned<String>>,
    pub authority: Option<Spanned<SecretReference>>,
    pub query: String,
    /// The file beside the definition that the query is kept in, where it is.
    pub query_file: Option<String>,
    pub extract: Extract,
    pub version: Option<Version>,
    pub since_start: Option<String>,
    pub since_overlap_ms: i64,
    pub cell_bytes_max: usize,
    pub timeout_ms: u64,
    pub lock_timeout_ms: u64,
    pub layout: Layout,
}

const URL: Key = key(
    "url",
    "Where the address of the database is kept, with our name and password in it: \
     `postgres://reader:PASSWORD@academy.internal:5432/academy`, `mysql://…`, or `sqlite:/srv/academy.db`. The \
     connection is encrypted and the server's name is looked at; `?sslmode=disable` or `require` does with less, where `allow` \
     names the host.",
)
.needed("keep the address as a secret, and write `url = \"secret:ACADEMY_URL\"`")
.example("url = \"secret:ACADEMY_URL\"");
const QUERY: Key = key(
    "query",
    "One SELECT, or WITH … SELECT, that only reads. Each row is a record, and each column a property of it by its name.",
)
.example("query = \"SELECT account_ref, lead_liab_name FROM ctaccount\"");
const QUERY_FILE: Key =
    key("query_file", "A file beside this one that has the query, in place of `query`.")
        .example("query_file = \"academy.sql\"");
const EXTRACT: Key = key("extract", "Whether the query gives everything, or only what changed.")
    .needed("write `extract = \"full\"` if a record that is absent is gone, or `\"delta\"`");
const START: Key = key(
    "since_start",
    "From which version on it is asked the first time, as `version` is written. Where nothing is said, for everything.",
)
.example("since_start = \"2026-04-01T00:00:00Z\"");
const OVERLAP: Key = key(
    "since_overlap",
    "With a `version`, it is asked for what has the newest one that came, or a later one; and for what changed so much \
     before, too: a change may be stored a while after its time. What is known already costs nothing. Only for \
     `version_as = \"time\"`.",
);
const CELL: Key = key(
    "cell_bytes_max",
    "A row with a longer value, in bytes, is held by itself, without that value: it does not leave the database. Of what is no text, \
     each byte counts twice.",
);
const TIMEOUT: Key =
    key("timeout", "How long the whole of it may take, from connecting to the last row.");
const LOCK: Key = key(
    "lock_timeout",
    "How long it waits for somebody else's lock. Then it is asked another time.",
);

impl SqlSettings {
    /// Reads `[settings]`; faults are told to the file.
    pub fn read(settings: &Table<'_>, limits: &Limits) -> Option<SqlSettings> {
        let url = match settings.secret(URL) {
            None if !settings.has(URL.name) => {
                settings.missing(URL.name, URL.remedy.unwrap_or_default());
                None
            }
            found => found,
        };
        let allow = settings.texts(calling::ALLOW).unwrap_or_default();
        let authority = settings.secret(calling::AUTHORITY);
        let query = query(settings);
        let layout = Layout::of_rows(settings, limits.record_bytes_max as usize);
        let extracts = [
            word("full", "A record that is absent is gone at its source.", Extract::Full),
            word("delta", "A record that is absent says nothing.", Extract::Delta),
        ];
        let extract = settings.choice(EXTRACT, &extracts);
        let version = Version::read(settings);
        let start = settings.text(START);
        let since_overlap_ms = settings.duration_or(OVERLAP, "1m");
        let cell = settings.whole_or(CELL, 1_024..=16_777_216, 65_536);
        let timeout_ms = settings.duration_or(TIMEOUT, "30m");
        let lock_timeout_ms = settings.duration_or(LOCK, "5s");
        let is_full = extract.as_ref().is_some_and(|said| said.value == Extract::Full);
        if is_full && version.is_some() {
            let what = "a full extract says what is so now, whatever its records' versions";
            let help = Some("take `version` out, or write `extract = \"delta\"`".to_owned());
            settings.error(settings.at_value("version"), what, "not looked at", help);
        }
        if let Some(start) = &start
            && version.as_ref().is_none_or(|version| version.read_text(&start.value).is_none())
        {
            let what = format!("`{}` is not written as `version_as` says", start.value);
            settings.error(start.at, what, "not understood", None);
        }
        let (query_file, query) = query?;
        Some(SqlSettings {
            url: url?,
            allow,
            authority,
            query,
            query_file,
            extract: extract?.value,
            version,
            since_start: start.map(|start| start.value),
            since_overlap_ms,
            cell_bytes_max: usize::try_from(cell).ok()?,
            timeout_ms: u64::try_from(timeout_ms.max(1)).ok()?,
            lock_timeout_ms: u64::try_from(lock_timeout_ms.max(1)).ok()?,
            layout: layout?,
        })
    }
}

/// The query, and the file that it is kept in. It is judged by its form here.
fn query(settings: &Table<'_>) -> Option<(Option<String>, String)> {
    let (inline, named) = (settings.text(QUERY), settings.text(QUERY_FILE));
    match (inline, named) {
        (Some(query), None) => match form::judge(&query.value) {
            Ok(()) => Some((None, query.value)),
            Err(FormFault { at, what, help }) => {
                let line = query.value[..at.start].matches('\n').count() + 1;
                let label = format!("in line {line} of the query");
                settings.error(query.at, what, label, Some(help.to_owned()));
                None
            }
        },
        (None, Some(name)) => {
            let file = settings.file();
            if !name.value.ends_with(".sql") || name.value.contains(['/', '\\']) {
                let what =
                    format!("`{}` is not the name of a file of SQL beside this one", name.value);
                let help = Some("write it like `query_file = \"academy.sql\"`".to_owned());
                file.error(name.at, what, "not read", help);
                return None;
            }
            let (path, text) = match file.beside(&name.value) {
                Ok(found) => found,
                Err(fault) => {
                    file.error_of_beside(fault);
                    return None;
                }
            };
            match form::judge(&text) {
                Ok(()) => Some((Some(name.value), text)),
                Err(FormFault { at, what, help }) => {
                    let help = Some(help.to_owned());
                    file.error_beside((&path, &text), at, what, "not asked", help);
                    None
                }
            }
        }
        (None, None) => {
            settings.missing(
                QUERY.name,
                "write the query, or name its file: `query_file = \"academy.sql\"`",
            );
            None
        }
        (Some(_), Some(file)) => {
            let help = Some("take one of them out".to_owned());
            settings.error(file.at, "there are two queries", "`query` is another", help);
            None
        }
    }
}

impl Settings for SqlSettings {
    fn layout(&self) -> Option<&Layout> {
        Some(&self.layout)
    }

    fn files(&self) -> Vec<&str> {
        self.query_file.iter().map(String::as_str).collect()
    }

    fn source(&self, around: &Surroundings) -> Option<Result<Arc<dyn Source>, ConnectorError>> {
        let opened = Sql::open(self.clone(), around);
        Some(opened.map(|source| Arc::new(source) as Arc<dyn Source>))
    }

    fn extract(&self) -> Option<Extract> {
        Some(self.extract)
    }
}
