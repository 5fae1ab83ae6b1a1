//! Who is asked about. The system can be asked about a person whose reference is known, and cannot be asked
//! who there is: that stands in a list, which another extract drops in a folder.
//!
//! A list may say which account each person is on. Then an account is one record with everybody who is on
//! it; else each person's accounts are theirs alone.

use std::collections::BTreeMap;
use std::path::Path as FilePath;

use globset::Glob;

use super::settings::PeopleSettings;
use crate::connector::answering::unavailable;
use crate::connector::channel::ConnectorError;
use crate::connector::file_drop::folder::{Entry, Folder, Seen};
use crate::connector::file_drop::reading;
use crate::connector::format::layout::Layout;
use crate::connector::format::{FormatError, Raw, RecordSink, Stopped};
use crate::record::document::{Document, Path};
use crate::record::personal::unprinted;

/// A list with more people than this is not believed.
const PEOPLE_MAX: usize = 2_000_000;

/// More people than this are on no account: the column is another than is thought.
const ON_ACCOUNT_MAX: usize = 100;

/// What is looked up together: a person, or an account with everybody on it.
#[derive(Clone, PartialEq, Eq)]
pub struct Unit {
    /// The account, where the list says it.
    pub account: Option<String>,
    /// In the list's order.
    pub people: Vec<String>,
}

impl Unit {
    /// By what it is found again: the account, or the person.
    pub fn name(&self) -> &str {
        match (&self.account, self.people.first()) {
            (Some(account), _) => account,
            (None, Some(person)) => person,
            (None, None) => "",
        }
    }
}

/// Everybody on the newest list.
#[derive(Default)]
pub struct People {
    /// In the order of their names, each once.
    pub units: Vec<Unit>,
    /// Rows from which nobody can be asked about.
    pub unreadable: u64,
}

/// Reads the newest list of a folder. It may block.
pub fn read(settings: &PeopleSettings, directory: &FilePath) -> Result<People, ConnectorError> {
    let place = directory.display();
    let unread =
        |what: &str, error: std::io::Error| unavailable(format!("{place} {what}: {error}"), None);
    let folder = Folder::open(directory)
        .map_err(|error| unread("is not a folder: make it, or mend `people`", error))?;
    let glob = Glob::new(&settings.pattern);
    let pattern =
        glob.map_err(|error| unavailable(format!("`pattern` cannot be read: {error}"), None))?;
    let pattern = pattern.compile_matcher();
    let entries = folder.entries().map_err(|error| unread("cannot be read", error))?;
    let files = entries.into_iter().filter_map(|entry| match entry {
        Entry::File(file) if pattern.is_match(&file.name) => Some(file),
        _ => None,
    });
    let newest = files
        .max_by(|one, other| (one.modified_ns, &one.name).cmp(&(other.modified_ns, &other.name)));
    let Some(newest) = newest else {
        let pattern = &settings.pattern;
        let cause =
            format!("there is no list of people in {place}: nothing there is called {pattern}");
        return Err(unavailable(cause, None));
    };
    read_list(settings, &folder, &newest)
}

fn read_list(
    settings: &PeopleSettings,
    folder: &Folder,
    list: &Seen,
) -> Result<People, ConnectorError> {
    let name = &list.name;
    let (file, opened) = folder
        .read(name)
        .map_err(|error| unavailable(format!("{name} cannot be opened: {error}"), None))?;
    let mut listing = Listing::new(&settings.layout, settings.account.as_ref());
    let end = reading::read(file, name, &settings.layout, &mut listing)?;
    if !folder.file(name).is_ok_and(|now| now.is_some_and(|now| now == opened)) {
        return Err(unavailable(format!("{name} was changed while it was read"), None));
    }
    let wrong = |code, cause: String| {
        let place = format!("the list of people {name}");
        Err(ConnectorError::Malformed(FormatError { code, cause, place }))
    };
    if let Some(total) = end.totals.iter().find(|total| !total.agrees()) {
        return wrong("file.total", format!("it declares another number of {}", total.name));
    }
    if listing.units.is_empty() {
        return wrong("file.empty", "nobody is on it who could be asked about".to_owned());
    }
    Ok(listing.finish())
}

/// Takes the rows of a list.
struct Listing<'l> {
    layout: &'l Layout,
    account: Option<&'l Path>,
    /// By name.
    units: BTreeMap<String, Unit>,
    people: usize,
    unreadable: u64,
    alone: Vec<u8>,
    document: Document,
}

impl<'l> Listing<'l> {
    fn new(layout: &'l Layout, account: Option<&'l Path>) -> Listing<'l> {
        Listing {
            layout,
            account,
            units: BTreeMap::new(),
            people: 0,
            unreadable: 0,
            alone: Vec::new(),
            document: Document::default(),
        }
    }

    /// The account that a row names; an error where it should name one and does not.
    fn account_of(&mut self, raw: Raw<'_>) -> Result<Option<String>, ()> {
        let Some(path) = self.account else { return Ok(None) };
        self.alone.clear();
        raw.write_alone(&mut self.alone);
        let text = std::str::from_utf8(&self.alone).map_err(|_| ())?;
        self.layout.format.read(text, &mut self.document).map_err(|_| ())?;
        let found = self.document.root().and_then(|root| self.document.find(root, path));
        let account = found.map(|node| self.document.text(node).trim()).unwrap_or_default();
        if account.is_empty() { Err(()) } else { Ok(Some(account.to_owned())) }
    }

    fn finish(self) -> People {
        People { units: self.units.into_values().collect(), unreadable: self.unreadable }
    }
}

impl RecordSink for Listing<'_> {
    fn record(&mut self, key: &str, raw: Raw<'_>) -> Result<(), Stopped> {
        let person = key.trim();
        let account = self.account_of(raw);
        let (Ok(account), false) = (account, person.is_empty()) else {
            self.unreadable += 1;
            return Ok(());
        };
        if self.people == PEOPLE_MAX {
            return Err(Stopped);
        }
        let name = account.clone().unwrap_or_else(|| person.to_owned());
        let unit = self.units.entry(name).or_insert_with(|| Unit { account, people: Vec::new() });
        if unit.people.iter().any(|known| known == person) {
            return Ok(());
        }
        if unit.people.len() == ON_ACCOUNT_MAX {
            self.unreadable += 1;
        } else {
            unit.people.push(person.to_owned());
            self.people += 1;
        }
        Ok(())
    }

    fn unreadable(&mut self, _: &'static str, _: String, _: Raw<'_>) -> Result<(), Stopped> {
        self.unreadable += 1;
        Ok(())
    }
}

unprinted!(Unit, People);
