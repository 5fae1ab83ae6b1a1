//! What `kind = "http_poll"` can be told, and how it is read from a definition.

use std::sync::Arc;

use super::HttpPoll;
use super::pages::{Pagewise, Polled};
use super::paging::{Paging, Size};
use crate::connector::address::Place;
use crate::connector::calling::{self, Auth, Tls};
use crate::connector::channel::{ConnectorError, Extract, Source};
use crate::connector::definition::{Kind, Limits, Settings, Surroundings};
use crate::connector::format::layout::Layout;
use crate::connector::format::version::Version;
use crate::definition::reader::Spanned;
use crate::definition::shape::{Key, key, word};
use crate::definition::table::{Table, Variant};

pub const KIND: Kind = Kind {
    name: "http_poll",
    doc: "A system that is asked by HTTP for its records: all of them, or those that changed since it was \
          asked last, page by page.",
    read: |settings, limits| Some(Arc::new(HttpPollSettings::read(settings, limits)?)),
};

/// The settings of a system that is asked.
#[derive(Debug, Clone)]
pub struct HttpPollSettings {
    pub url: Spanned<String>,
    /// Hosts and ports that may be called, private ones among them.
    pub allow: Vec<Spanned<String>>,
    pub auth: Option<Auth>,
    pub tls: Tls,
    /// Parameters that every question has: name and value.
    pub query: Vec<(String, Spanned<String>)>,
    pub how: Pagewise,
    pub timeout_ms: u64,
    pub requests_per_second: u32,
    pub page_bytes_max: usize,
}

/// How it is asked for what changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    pub parameter: String,
    /// What is asked for the first time; None asks for everything.
    pub start: Option<String>,
    pub overlap_ms: i64,
}

const URL: Key = key(
    "url",
    "Where it is asked. `${NAME}` is taken from the environment. https, to a public address, unless `allow` \
     names the host.",
)
.example("url = \"https://housing.example.com/api/tenancies\"");
const QUERY: Key = key("query", "Parameters that every question has, as `name=value`.")
    .example("query = [\"status=all\"]");
const EXTRACT: Key = key("extract", "Whether its answer holds everything, or only what changed.")
    .needed("write `extract = \"full\"` if a record that is absent is gone, or `\"delta\"`");
const SINCE: Key = key(
    "since_parameter",
    "The parameter that says since when it is asked: the newest `version` that it gave so far. What it gives \
     at that very moment must be among it.",
)
.example("since_parameter = \"changed_since\"");
const START: Key = key(
    "since_start",
    "What it is asked for the first time, as `version` is written. Where nothing is said, the parameter is left \
     out then.",
)
.example("since_start = \"2026-04-01T00:00:00Z\"");
pub const OVERLAP: Key = key(
    "since_overlap",
    "It is asked for what changed so much before, too: some systems show a change a while after its time. What \
     is known already costs nothing. Only for `version_as = \"time\"`.",
);
pub const PAGES_MAX: Key =
    key("pages_max", "An answer of more pages is not believed, and nothing of it is taken.");
const TIMEOUT: Key = key("timeout_ms", "For how long, in milliseconds, an answer is waited for.");
const PER_SECOND: Key = key("requests_per_second", "How often it is called in a second at most.");
const PAGE_BYTES: Key = key("page_bytes_max", "A page that is longer, in bytes, is not read.");
const PAGING: Key = key("paging", "How an answer goes on that does not come whole.").needed(
    "write `paging = \"none\"` if it comes whole, else how it goes on: what lies behind the first page would \
     be missed",
);
const PAGE: Key = key("page_parameter", "The parameter that says which page.");
const FIRST: Key = key("first_page", "The number of the first page.");
pub const LOOK_BACK: Key = key(
    "look_back",
    "Whether each page is asked for once more after the one behind it. Where a record goes from a page while they are \
     read, another moves up and is passed over: by this it is seen, and the poll ends and is made again. It doubles \
     the questions.",
);
const OFFSET: Key =
    key("offset_parameter", "The parameter that says how many records are passed over.");
const SIZE_AS: Key = key(
    "size_parameter",
    "The parameter that says how many records a page may have. Where nothing is said, it is not told.",
)
.example("size_parameter = \"limit\"");
const SIZE: Key = key("page_size", "How many records a page is to have.");
pub const LAST: Key = key(
    "last_page",
    "Which page is the last. A system may give fewer records than it is asked for: choose `short` only where it \
     says itself that it gives as many as there are.",
);
const CURSOR: Key =
    key("cursor_parameter", "The parameter that carries on where the last page ended.");
const CURSOR_AT: Key = key(
    "cursor_at",
    "Where in a JSON answer stands how it goes on; where nothing stands there, it has ended.",
)
.needed("write it like `cursor_at = \"/meta/next\"`")
.example("cursor_at = \"/meta/next\"");
const NEXT_AT: Key = key(
    "next_at",
    "Where in a JSON answer the address of the next page stands. Where nothing is said, it is taken from the \
     header `Link`.",
)
.example("next_at = \"/links/next\"");
const AFTER: Key = key("after_parameter", "The parameter that carries the key of the last record.");

impl HttpPollSettings {
    /// Reads `[settings]`; faults are told to the file.
    pub fn read(settings: &Table<'_>, limits: &Limits) -> Option<HttpPollSettings> {
        let url = settings.need_text(URL);
        let allow = settings.texts(calling::ALLOW).unwrap_or_default();
        let (auth, tls) = (calling::auth(settings), calling::tls(settings));
        let query = query(settings);
        let extracts = [
            word("full", "A record that is absent is gone at its source.", Extract::Full),
            word("delta", "A record that is absent says nothing.", Extract::Delta),
        ];
        let extract = settings.choice(EXTRACT, &extracts);
        let version = Version::read(settings);
        let since = since(settings, version.as_ref());
        let paging = paging(settings);
        let pages_max = settings.whole_or(PAGES_MAX, 1..=1_000_000, 10_000);
        let timeout_ms = settings.whole_or(TIMEOUT, 100..=600_000, 30_000);
        let per_second = settings.whole_or(PER_SECOND, 1..=10_000, 5);
        let page_bytes = settings.whole_or(PAGE_BYTES, 1_024..=268_435_456, 33_554_432);
        let layout = Layout::read(settings, limits.record_bytes_max as usize);
        let is_full = extract.as_ref().is_some_and(|said| said.value == Extract::Full);
        if is_full && version.is_some() {
            let what = "a full extract says what is so now, whatever its records' versions";
            let help = Some("take `version` out, or write `extract = \"delta\"`".to_owned());
            settings.error(settings.at_value("version"), what, "not looked at", help);
        }
        if let Some(url) = &url {
            calling::judge(settings, url, &allow, Place::of);
        }
        Some(HttpPollSettings {
            url: url?,
            allow,
            auth,
            tls,
            query: query?,
            how: Pagewise {
                extract: extract?.value,
                version,
                since: since?,
                paging: paging?,
                pages_max: usize::try_from(pages_max).ok()?,
                layout: layout?,
            },
            timeout_ms: u64::try_from(timeout_ms).ok()?,
            requests_per_second: u32::try_from(per_second).ok()?,
            page_bytes_max: usize::try_from(page_bytes).ok()?,
        })
    }
}

fn query(settings: &Table<'_>) -> Option<Vec<(String, Spanned<String>)>> {
    let mut found = Vec::new();
    for line in settings.texts(QUERY).unwrap_or_default() {
        match line.value.split_once('=') {
            Some((name, value)) if !name.is_empty() => {
                let value = Spanned { value: value.to_owned(), at: line.at };
                found.push((name.to_owned(), value));
            }
            _ => {
                let what = format!("`{}` is no name and value", line.value);
                let help = Some("write it like `status=all`".to_owned());
                settings.error(line.at, what, "not understood", help);
                return None;
            }
        }
    }
    Some(found)
}

fn since(settings: &Table<'_>, version: Option<&Version>) -> Option<Option<Since>> {
    let (parameter, start) = (settings.text(SINCE), settings.text(START));
    let overlap_ms = settings.duration_or(OVERLAP, "1m");
    let Some(parameter) = parameter else { return Some(None) };
    let Some(version) = version else {
        let what = "nobody can know how far it came where no record says its `version`";
        let help = Some("say where it stands: `version = \"changed_at\"`".to_owned());
        settings.error(parameter.at, what, "`version` is missing", help);
        return None;
    };
    if let Some(start) = &start
        && version.read_text(&start.value).is_none()
    {
        let what = format!("`{}` is not written as `version_as` says", start.value);
        settings.error(start.at, what, "not understood", None);
        return None;
    }
    let start = start.map(|start| start.value);
    Some(Some(Since { parameter: parameter.value, start, overlap_ms }))
}

fn paging(settings: &Table<'_>) -> Option<Paging> {
    let size = |table: &Table<'_>| {
        let parameter = table.text(SIZE_AS).map(|name| name.value);
        let records = table.whole_or(SIZE, 1..=100_000, 100);
        let short_is_last = table.choice_or(
            LAST,
            word("empty", "One without records.", false),
            &[word("short", "One with fewer records than `page_size`.", true)],
        );
        Size { parameter, records: usize::try_from(records).unwrap_or(100), short_is_last }
    };
    settings.variant(
        PAGING,
        &[
            Variant { word: "none", doc: "It comes whole.", read: &|_| Some(Paging::Whole) },
            Variant {
                word: "page",
                doc: "By the number of a page. One that is deleted meanwhile has another passed over, unless \
                      `look_back` is set; choose another way where there is one.",
                read: &|table| {
                    let parameter = table.text_or(PAGE, "page");
                    let first = table.whole_or(FIRST, 0..=1, 1);
                    let looks_back = table.is_set(LOOK_BACK);
                    Some(Paging::Number { parameter, first, size: size(table), looks_back })
                },
            },
            Variant {
                word: "offset",
                doc: "By how many records are passed over. A page begins with the last record of the one before, to \
                      see that nothing moved.",
                read: &|table| {
                    let parameter = table.text_or(OFFSET, "offset");
                    Some(Paging::Offset { parameter, size: size(table) })
                },
            },
            Variant {
                word: "cursor",
                doc: "By a word in each answer, which asks for the next.",
                read: &|table| {
                    let parameter = table.text_or(CURSOR, "cursor");
                    Some(Paging::Cursor { parameter, at: table.need_text(CURSOR_AT)?.value })
                },
            },
            Variant {
                word: "link",
                doc: "By the next page's address, which each answer gives.",
                read: &|table| Some(Paging::Link { at: table.text(NEXT_AT).map(|at| at.value) }),
            },
            Variant {
                word: "keyset",
                doc: "By the key of the last record that came.",
                read: &|table| {
                    let parameter = table.text_or(AFTER, "after");
                    Some(Paging::Keyset { parameter, size: size(table) })
                },
            },
        ],
    )
}

impl Settings for HttpPollSettings {
    fn layout(&self) -> Option<&Layout> {
        Some(&self.how.layout)
    }

    fn source(&self, around: &Surroundings) -> Option<Result<Arc<dyn Source>, ConnectorError>> {
        let opened = HttpPoll::open(self, around);
        let polled = |pages| Arc::new(Polled::new(pages, self.how.clone())) as Arc<dyn Source>;
        Some(opened.map(polled))
    }

    fn extract(&self) -> Option<Extract> {
        Some(self.how.extract)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::reader::File;

    #[test]
    fn what_would_miss_records_is_told() {
        let told = |more: &str| {
            let text = format!(
                "[settings]\nurl = \"https://housing.example.com/\"\nformat = \"json\"\nrecord = \"/\"\n\
                 key = \"ref\"\n{more}"
            );
            let file = File::parse("connectors/housing.toml", text);
            let table = file.root().table("settings").expect("the table is there");
            let found = HttpPollSettings::read(&table, &Limits::default());
            table.finish();
            let told: Vec<String> =
                file.into_diagnostics().into_iter().map(|one| one.what).collect();
            assert_eq!(found.is_none(), !told.is_empty(), "{more}");
            told.join("|")
        };
        assert_eq!(told("extract = \"full\"\npaging = \"none\""), "");
        assert_eq!(told("extract = \"full\""), "`paging` is missing");
        assert_eq!(
            told("extract = \"delta\"\npaging = \"none\"\nsince_parameter = \"s\""),
            "nobody can know how far it came where no record says its `version`"
        );
    }
}
