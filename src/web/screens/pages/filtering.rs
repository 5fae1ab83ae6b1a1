//! What the lists of work orders and of messages have in common: the words that they are cut by, which stand in the
//! address, and the ways to the pages on either side.

use super::query;
use crate::web::screens::visit::Visit;

/// Days and order, as they were asked for.
pub struct Days {
    pub from: String,
    pub until: String,
    pub older_than: String,
    pub order: String,
}

impl Days {
    pub fn of(visit: &Visit) -> Days {
        let word = |name| visit.query.one(name).to_owned();
        let (from, until, older_than) = (word("from"), word("until"), word("older_than"));
        // The newest come first where nothing is said.
        let order = Some(word("order")).filter(|order| order != "newest").unwrap_or_default();
        Days { from, until, older_than, order }
    }

    pub fn pairs(&self) -> [(&str, &str); 4] {
        [
            ("from", &self.from),
            ("until", &self.until),
            ("older_than", &self.older_than),
            ("order", &self.order),
        ]
    }

    /// What a list of work orders is called.
    pub fn label(&self) -> &'static str {
        match self.is_oldest_first() {
            true => "Work orders, the oldest first",
            false => "Work orders, the newest first",
        }
    }

    pub fn is_oldest_first(&self) -> bool {
        self.order == "oldest"
    }
}

/// The ways from a page of a list.
pub struct Ways {
    pub first: Option<String>,
    pub previous: Option<String>,
    pub next: Option<String>,
    pub oldest_first: bool,
}

impl Ways {
    /// From the places that a page ends at; `pairs` are the list's own words.
    pub fn of(
        visit: &Visit,
        pairs: &[(&str, &str)],
        (after, before): (Option<String>, Option<String>),
        days: &Days,
    ) -> Ways {
        let to = |more: &[(&str, &str)]| way(&visit.path, &[pairs, more].concat());
        let is_first = visit.query.one("after").is_empty() && before.is_none();
        Ways {
            first: (!is_first).then(|| to(&[])),
            previous: before.map(|place| to(&[("before", &place)])),
            next: after.map(|place| to(&[("after", &place)])),
            oldest_first: days.is_oldest_first(),
        }
    }
}

/// An address with these words.
pub fn way(path: &str, pairs: &[(&str, &str)]) -> String {
    format!("{path}?{}", query(pairs)).trim_end_matches('?').to_owned()
}

/// Those that say something, as a form takes them along.
pub fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let said = pairs.iter().filter(|(_, value)| !value.is_empty());
    said.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
