//! Holds the floors of the house and the home of each dependency (docs/architecture.md): reads
//! every path in `src/` that leaves its room or names a crate, and says the sentence that it
//! breaks.
//!
//! It knows Rust's tokens, not its types: a path that a macro pastes together is not seen.

mod paths;
mod tokens;

use std::path::Path;

use self::paths::{Paths, To};

/// The rooms, and the floor each stands on.
const FLOORS: &[(&str, u8)] = &[
    ("main", 8),
    ("app", 7),
    ("web", 6),
    ("sandbox", 6),
    ("catalogue", 5),
    ("job", 4),
    ("connector", 3),
    ("mapping", 2),
    ("resolution", 2),
    ("suppression", 2),
    ("access", 2),
    ("store", 2),
    ("record", 1),
    ("definition", 1),
];

/// Neighbours that the floors would allow, and the house does not.
const APART: &[(&str, &str, &str)] = &[
    ("connector", "mapping", "`connector` does not know `mapping`: they meet only in `job`"),
    ("connector", "resolution", "`connector` does not know `resolution`: they meet only in `job`"),
    ("connector", "store", "`connector` does not know `store`: they meet only in `job`"),
    ("sandbox", "catalogue", SANDBOX),
    ("sandbox", "job", SANDBOX),
    ("sandbox", "connector", SANDBOX),
    ("sandbox", "mapping", SANDBOX),
    ("sandbox", "resolution", SANDBOX),
    ("sandbox", "suppression", SANDBOX),
    ("sandbox", "access", SANDBOX),
    ("sandbox", "store", SANDBOX),
    ("sandbox", "definition", SANDBOX),
];
const SANDBOX: &str = "`sandbox` knows nothing of the hub but `record`";

/// Where each dependency may be named: a path under `src/`, or what it begins with.
const HOMES: &[(&str, &[&str])] = &[
    ("apalis", &["app/worker.rs"]),
    ("apalis_postgres", &["app/worker.rs"]),
    ("apalis_sqlite", &["app/worker.rs"]),
    ("argon2", &["access/password.rs"]),
    ("askama", &["web/screens/"]),
    ("axum", &["web/", "sandbox/"]),
    // The sandbox prints and counts days as its platform does, in London.
    ("chrono_tz", &["definition/schedule", "record/moment.rs", "record/value/date.rs", "sandbox/"]),
    ("cel", &["mapping/expression/"]),
    ("clap", &["app/"]),
    ("cron", &["definition/schedule"]),
    // The sandbox's tests read back, with a reader that is not its own, what it wrote.
    // A file of holds is handed over by a person, and is no extract of a connector.
    (
        "csv",
        &[
            "app/hold/import.rs",
            "app/matching.rs",
            "connector/format/csv/",
            "mapping/code_list.rs",
            "sandbox/council/tests.rs",
        ],
    ),
    ("csv_core", &["connector/format/csv/", "mapping/code_list.rs"]),
    ("encoding_rs", &["connector/format/encoding/"]),
    ("flate2", &["connector/format/gzip.rs", "connector/format/zip.rs"]),
    (
        "form_urlencoded",
        &[
            "web/api/call.rs",
            "web/screens/",
            "connector/calling.rs",
            "connector/open_id/",
            "sandbox/",
        ],
    ),
    ("httpdate", &["connector/answering.rs"]),
    ("indicatif", &["app/"]),
    (
        "ipnet",
        &[
            "access/grant.rs",
            "app/break_glass.rs",
            "app/keys.rs",
            "connector/http_receive/",
            "web/api/door.rs",
        ],
    ),
    ("mimalloc", &["main.rs"]),
    ("minijinja", &["mapping/template.rs"]),
    ("qrcodegen", &["access/code.rs"]),
    // The sandbox reads what it is told with a reader that is not the hub's.
    ("quick_xml", &["connector/format/sheet/", "connector/format/xml/", "sandbox/verint/xml.rs"]),
    ("reqwest", &["connector/http.rs"]),
    (
        "ring",
        &[
            "access/key.rs",
            // Who signed a token.
            "access/token.rs",
            // The digest of a call, by which it is told from another.
            "app/inbox.rs",
            "app/keys.rs",
            "app/links.rs",
            "connector/govuk_notify/",
            "connector/http_receive/",
            "connector/open_id/",
            "connector/signature.rs",
            "connector/soap/security.rs",
            "connector/content.rs",
            "record/payment_link.rs",
            "store/audit.rs",
            "web/screens/session.rs",
            "sandbox/",
        ],
    ),
    ("russh", &["connector/sftp_drop/"]),
    ("russh_sftp", &["connector/sftp_drop/"]),
    // The store asks how much room there is before it copies itself.
    ("rustix", &["connector/file_drop/", "connector/format/xml/tests.rs", "store/copy.rs"]),
    ("schemars", &["app/", "web/api/call.rs"]),
    ("serde_path_to_error", &["web/api/call.rs"]),
    ("serde_urlencoded", &["web/api/call.rs"]),
    // The second reads other people's databases, and knows nothing of ours.
    // The third makes one to rehearse with.
    ("sqlx", &["store/", "connector/sql/", "sandbox/academy.rs"]),
    ("subtle", &["access/key.rs", "connector/http_receive/", "web/screens/session.rs"]),
    ("toml", &["definition/reader", "definition/syntax", "resolution/weigh"]),
    ("totp_rs", &["access/code.rs"]),
    ("url", &["connector/address.rs"]),
    ("zstd", &["job/packing.rs"]),
];

/// Paths that a pure room does not name, and the one file that may.
const IMPURE: &[(&[&str], &[&str])] =
    &[(&["tokio"], &[]), (&["std", "fs"], &["definition/reader.rs"]), (&["std", "net"], &[])];
const PURE_FLOOR: u8 = 2;
/// The one room down there that does I/O.
const IMPURE_ROOM: &str = "store";

const LINES_MAX: usize = 700;
const NOT_ROOMS: &[&str] = &["util", "utils", "common", "helper", "helpers"];

#[test]
fn the_house_stands_as_it_is_drawn() {
    let mut files = Vec::new();
    read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut files);
    assert!(files.len() > 20, "the sources were not found");
    let faults: Vec<String> = files.iter().flat_map(|(name, text)| faults_of(name, text)).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

fn read_folder(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .and_then(|entries| entries.collect::<Result<Vec<_>, _>>())
        .expect("the sources can be read");
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            read_folder(&entry.path(), &format!("{name}/"), files);
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(entry.path()).expect("a source is text");
            files.push((name, text));
        }
    }
}

/// What is wrong with one file; `name` is its path under `src/`.
fn faults_of(name: &str, text: &str) -> Vec<String> {
    let fault = |line: usize, sentence: String| format!("src/{name}:{line}: {sentence}");
    let lines = text.lines().count();
    let mut faults = Vec::new();
    if lines > LINES_MAX {
        faults.push(fault(lines, format!("no file is longer than {LINES_MAX} lines")));
    }
    let modules = modules_of(name);
    if let Some(bad) = modules.iter().find(|module| NOT_ROOMS.contains(module)) {
        faults.push(fault(1, format!("there is no `{bad}` in this house: name what it is for")));
    }
    let Some(room) = modules.first() else {
        return faults;
    };
    if floor(room).is_none() {
        faults.push(fault(1, format!("`{room}` is a room without a floor: tests/architecture.rs")));
        return faults;
    }
    let file = Paths::of(&tokens::read(text), &modules);
    for path in &file.found {
        let broken = match &path.to {
            To::Room(other) => imports(room, other),
            To::Crate(segments) => names(name, room, segments),
        };
        faults.extend(broken.map(|sentence| fault(path.line, sentence)));
    }
    // One `use` may break the same sentence twice.
    faults.dedup();
    faults
}

/// The modules a file is in: `job/ingest/admission.rs` is `job`, `ingest`, `admission`.
fn modules_of(name: &str) -> Vec<&str> {
    let name = name.trim_end_matches(".rs");
    name.split('/').filter(|part| !["mod", "lib"].contains(part)).collect()
}

fn floor(room: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

/// The sentence that is broken where `room` imports `other`.
fn imports(room: &str, other: &str) -> Option<String> {
    if room == other {
        return None;
    }
    let (Some(here), Some(there)) = (floor(room), floor(other)) else {
        return Some(format!(
            "`crate::{other}` is not a room: import from the file that defines it"
        ));
    };
    if let Some((.., sentence)) = APART.iter().find(|(from, to, _)| (*from, *to) == (room, other)) {
        return Some((*sentence).to_owned());
    }
    match there.cmp(&here) {
        std::cmp::Ordering::Less => None,
        std::cmp::Ordering::Equal => Some(format!(
            "imports run down, never sideways: `{room}` and `{other}` are both on floor {here}"
        )),
        std::cmp::Ordering::Greater => Some(format!(
            "imports run down, never up: `{room}` is on floor {here}, `{other}` on floor {there}"
        )),
    }
}

/// The sentence that is broken where a file names something of a crate.
fn names(name: &str, room: &str, segments: &[String]) -> Option<String> {
    let crate_name = segments[0].as_str();
    if let Some((_, homes)) = HOMES.iter().find(|(home, _)| *home == crate_name) {
        let at_home = homes.iter().any(|home| name.starts_with(home));
        if !at_home {
            let homes = homes.join(", ");
            return Some(format!("each dependency has one home: `{crate_name}` lives in {homes}"));
        }
    }
    let pure = floor(room).is_some_and(|floor| floor <= PURE_FLOOR) && room != IMPURE_ROOM;
    let named: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (path, _) = IMPURE
        .iter()
        .find(|(path, except)| pure && named.starts_with(path) && !except.contains(&name))?;
    Some(format!("floors 1 and 2 are pure, `store` apart: `{room}` names `{}`", path.join("::")))
}

#[test]
fn what_breaks_a_sentence_of_the_house_is_told() {
    // (file, what it says, what must be told: nothing where the house allows it)
    let cases = [
        ("job/a.rs", "use crate::store::residents::Row;", ""),
        ("store/a.rs", "use crate::job::ingest::Ingest;", "never up: `store` is on floor 2"),
        (
            "store/a.rs",
            "use crate::{record::schema, mapping::{inbound, read}};",
            "`mapping` are both",
        ),
        (
            "store/a.rs",
            "fn f() {}\nfn g() { crate::app::run() }",
            "src/store/a.rs:2: imports run down",
        ),
        ("store/a.rs", "fn f(x: &mut crate::mapping::read::X) {}", "never sideways"),
        ("store/a.rs", "macro_rules! m { () => { $crate::web::page() } }", "never up"),
        ("store/a.rs", "use super::super::job::ingest;", "never up"),
        ("store/a.rs", "mod tests { use super::super::residents; }", ""),
        ("store/a.rs", "mod tests { use super::super::super::job; }", "never up"),
        ("store/a.rs", "mod tests {} use super::super::job;", "never up"),
        ("store/a.rs", "// crate::job::x\nconst A: &str = \"crate::job::x\";", ""),
        ("store/a.rs", "/// [`crate::job::x`]\npub(crate) fn f() {}", ""),
        ("store/a.rs", "use crate::Thing;", "not a room"),
        ("connector/a.rs", "use crate::suppression::gate::Cleared;", ""),
        ("connector/a.rs", "use crate::mapping::inbound;", "meet only in `job`"),
        ("sandbox/a.rs", "use crate::record::schema;", ""),
        ("sandbox/a.rs", "use crate::definition::reader::File;", "knows nothing of the hub"),
        ("web/a.rs", "use crate::sandbox::council;", "never sideways"),
        ("main.rs", "fn main() { viaduct::app::command::run() }", ""),
        ("app/a.rs", "use crate::main::x;", "never up"),
        (
            "job/a.rs",
            "use sqlx::query;",
            "`sqlx` lives in store/, connector/sql/, sandbox/academy.rs",
        ),
        (
            "job/a.rs",
            "use {std::fmt, sqlx as s};",
            "`sqlx` lives in store/, connector/sql/, sandbox/academy.rs",
        ),
        (
            "job/a.rs",
            "fn f() -> ::sqlx::Error {}",
            "`sqlx` lives in store/, connector/sql/, sandbox/academy.rs",
        ),
        (
            "job/a.rs",
            "extern crate sqlx;",
            "`sqlx` lives in store/, connector/sql/, sandbox/academy.rs",
        ),
        (
            "job/a.rs",
            "#[derive(sqlx::FromRow)] struct A;",
            "`sqlx` lives in store/, connector/sql/, sandbox/academy.rs",
        ),
        ("store/a.rs", "use sqlx::query;", ""),
        ("connector/format/xml/cut.rs", "use quick_xml::events;", ""),
        ("connector/http.rs", "use reqwest::Client;", ""),
        (
            "connector/http_poll/mod.rs",
            "use reqwest::Client;",
            "`reqwest` lives in connector/http.rs",
        ),
        ("connector/format/mod.rs", "pub mod csv; fn f() { csv::read() }", ""),
        ("connector/a.rs", "use super::format::csv; fn f() { csv::read() }", ""),
        ("connector/a.rs", "fn f() { csv::read() }", "`csv` lives in"),
        ("job/a.rs", "fn f() { x.toml::<A>(); y::toml::z() }", ""),
        ("job/a.rs", "fn f() { tokio::spawn(x) }", ""),
        ("mapping/a.rs", "#[tokio::test]\nasync fn f() {}", "`mapping` names `tokio`"),
        ("mapping/a.rs", "use std::{fmt, fs};", "`mapping` names `std::fs`"),
        ("definition/reader.rs", "use std::fs;", ""),
        ("store/a.rs", "use tokio::sync::Mutex;", ""),
        ("attic/a.rs", "", "a room without a floor"),
        ("job/util/a.rs", "", "no `util` in this house"),
    ];
    for (name, text, wanted) in cases {
        let faults = faults_of(name, text);
        if wanted.is_empty() {
            assert!(faults.is_empty(), "{name}: {text}\n{faults:?}");
        } else {
            let told = faults.len() == 1 && faults[0].contains(wanted);
            assert!(told, "{name}: {text}\nwanted {wanted}\n{faults:?}");
        }
    }
    let long = "\n".repeat(LINES_MAX + 1);
    assert!(faults_of("job/a.rs", &long)[0].contains("no file is longer"));
}
