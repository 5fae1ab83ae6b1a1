//! A system that is asked by SOAP for its records. The pages are followed as any are: what differs is that
//! a page is asked for by a body with values in it, and that an answer is an envelope or none.

use std::sync::Arc;

use async_trait::async_trait;

use super::caller::{Call, Caller};
use super::fragment::Fragment;
use super::settings::SoapSettings;
use crate::connector::answering::Doing;
use crate::connector::channel::{ConnectorError, Extract, Source};
use crate::connector::definition::{Kind, Limits, Settings, Surroundings};
use crate::connector::format::layout::Layout;
use crate::connector::format::version::Version;
use crate::connector::http_poll::pages::{Given, Pages, Pagewise, Polled};
use crate::connector::http_poll::paging::{Paging, Size, Turn};
use crate::connector::http_poll::settings::{LAST, LOOK_BACK, OVERLAP, PAGES_MAX, Since};
use crate::definition::shape::{Key, key, word};
use crate::definition::table::{Table, Variant};

pub const KIND: Kind = Kind {
    name: "soap_poll",
    doc: "A system that is asked by SOAP for its records: all of them, or those that changed since it was asked \
          last, page by page.",
    read: |settings, limits| Some(Arc::new(SoapPollSettings::read(settings, limits)?)),
};

/// The settings of a system that is asked.
#[derive(Debug, Clone)]
pub struct SoapPollSettings {
    soap: SoapSettings,
    body: Fragment,
    reply: String,
    how: Pagewise,
    /// Added to how many records are passed over: some count from 1.
    start_at: i64,
    /// The key behind which the first page begins.
    after_start: String,
}

/// The values that may have a place in a question.
const PLACES: [&str; 5] = ["since", "page", "start", "after", "count"];

const BODY: Key = key(
    "body",
    "What is asked, as XML: one element, with its namespaces. `{since}` stands for how far it came, `{page}`, \
     `{start}` or `{after}` for where a page begins, and `{count}` for how many records it is to have.",
)
.needed("write the element that asks: `body = \"\"\"<m:Get xmlns:m=\"urn:…\">…</m:Get>\"\"\"`")
.example("body = '<m:GetChanges xmlns:m=\"urn:accounts\"><Since>{since}</Since></m:GetChanges>'");
const REPLY: Key = key(
    "reply",
    "The element that an answer has in its body. One that has another is none: \"nothing\" is said by that \
     element, with no records in it.",
)
.needed("write `reply = \"GetChangesResponse\"`")
.example("reply = \"GetChangesResponse\"");
const EXTRACT: Key = key("extract", "Whether its answer holds everything, or only what changed.")
    .needed("write `extract = \"full\"` if a record that is absent is gone, or `\"delta\"`");
const START: Key = key("since_start", "What `{since}` is the first time, as `version` is written.")
    .example("since_start = \"2026-04-01T00:00:00Z\"");
const PAGING: Key = key("paging", "How an answer goes on that does not come whole.").needed(
    "write `paging = \"none\"` if it comes whole, else how it goes on: what lies behind the first page would \
     be missed",
);
const FIRST: Key = key("first_page", "The number of the first page, for `{page}`.");
const START_AT: Key = key("start_at", "What `{start}` is for the first record.");
const AFTER: Key = key("after_start", "What `{after}` is for the first page.");
const SIZE: Key = key("page_size", "How many records a page is to have: `{count}`.");

impl SoapPollSettings {
    /// Reads `[settings]`; faults are told to the file.
    pub fn read(settings: &Table<'_>, limits: &Limits) -> Option<SoapPollSettings> {
        let soap = SoapSettings::read(settings);
        let text = settings.need_text(BODY);
        let body = text.as_ref().and_then(|text| Fragment::read(settings, text, &PLACES, true));
        let reply = settings.need_text(REPLY);
        let extracts = [
            word("full", "A record that is absent is gone at its source.", Extract::Full),
            word("delta", "A record that is absent says nothing.", Extract::Delta),
        ];
        let extract = settings.choice(EXTRACT, &extracts);
        let version = Version::read(settings);
        let since = since(settings, version.as_ref(), body.as_ref());
        let paging = paging(settings);
        let pages_max = settings.whole_or(PAGES_MAX, 1..=1_000_000, 10_000);
        let layout = Layout::read(settings, limits.record_bytes_max as usize);
        if let Some(layout) = &layout
            && layout.format.encoding_code() != "xml.encoding"
        {
            let help = Some("write `format = \"xml\"`".to_owned());
            let what = "an answer by SOAP is XML";
            settings.error(settings.at_value("format"), what, "it cannot be read as this", help);
        }
        let is_full = extract.as_ref().is_some_and(|said| said.value == Extract::Full);
        if is_full && version.is_some() {
            let what = "a full extract says what is so now, whatever its records' versions";
            let help = Some("take `version` out, or write `extract = \"delta\"`".to_owned());
            settings.error(settings.at_value("version"), what, "not looked at", help);
        }
        let (paging, start_at, after_start) = paging?;
        let asked = match &paging {
            Paging::Number { parameter, .. }
            | Paging::Offset { parameter, .. }
            | Paging::Keyset { parameter, .. } => Some(parameter.as_str()),
            _ => None,
        };
        if let (Some(asked), Some(body), Some(text)) = (asked, &body, &text)
            && !body.has(asked)
        {
            let what = format!("`body` does not say where a page begins: `{{{asked}}}`");
            let help = Some(format!("write `<Start>{{{asked}}}</Start>`, as the system has it"));
            settings.error(text.at, what, "it would ask for the first page for ever", help);
        }
        Some(SoapPollSettings {
            soap: soap?,
            body: body?,
            reply: reply?.value,
            how: Pagewise {
                extract: extract?.value,
                version,
                since: since?,
                paging,
                pages_max: usize::try_from(pages_max).ok()?,
                layout: layout?,
            },
            start_at,
            after_start,
        })
    }
}

/// What is asked for is what changed where the body says `{since}`.
fn since(
    settings: &Table<'_>,
    version: Option<&Version>,
    body: Option<&Fragment>,
) -> Option<Option<Since>> {
    let start = settings.text(START);
    let overlap_ms = settings.duration_or(OVERLAP, "1m");
    if !body.is_some_and(|body| body.has("since")) {
        return Some(None);
    }
    let Some(version) = version else {
        let what = "nobody can know how far it came where no record says its `version`";
        let help = Some("say where it stands: `version = \"ChangedAt\"`".to_owned());
        settings.error(settings.at_value("body"), what, "`version` is missing", help);
        return None;
    };
    let Some(start) = start else {
        settings.missing("since_start", "write what it is asked for the first time, long ago");
        return None;
    };
    if version.read_text(&start.value).is_none() {
        let what = format!("`{}` is not written as `version_as` says", start.value);
        settings.error(start.at, what, "not understood", None);
        return None;
    }
    let (parameter, start) = ("since".to_owned(), Some(start.value));
    Some(Some(Since { parameter, start, overlap_ms }))
}

/// How it goes on, what `{start}` is for the first record, and `{after}` for the first page.
fn paging(settings: &Table<'_>) -> Option<(Paging, i64, String)> {
    let size = |table: &Table<'_>| {
        let records = table.whole_or(SIZE, 1..=100_000, 100);
        let short_is_last = table.choice_or(
            LAST,
            word("empty", "One without records.", false),
            &[word("short", "One with fewer records than `page_size`.", true)],
        );
        let parameter = Some("count".to_owned());
        Size { parameter, records: usize::try_from(records).unwrap_or(100), short_is_last }
    };
    settings.variant(
        PAGING,
        &[
            Variant {
                word: "none",
                doc: "It comes whole.",
                read: &|_| Some((Paging::Whole, 0, String::new())),
            },
            Variant {
                word: "page",
                doc: "By the number of a page.",
                read: &|table| {
                    let (parameter, first) = ("page".to_owned(), table.whole_or(FIRST, 0..=1, 1));
                    let (size, looks_back) = (size(table), table.is_set(LOOK_BACK));
                    let paging = Paging::Number { parameter, first, size, looks_back };
                    Some((paging, 0, String::new()))
                },
            },
            Variant {
                word: "offset",
                doc: "By how many records are passed over.",
                read: &|table| {
                    let (parameter, start) =
                        ("start".to_owned(), table.whole_or(START_AT, 0..=1, 0));
                    Some((Paging::Offset { parameter, size: size(table) }, start, String::new()))
                },
            },
            Variant {
                word: "keyset",
                doc: "By the key of the last record that came.",
                read: &|table| {
                    let (parameter, start) = ("after".to_owned(), table.text_or(AFTER, ""));
                    Some((Paging::Keyset { parameter, size: size(table) }, 0, start))
                },
            },
        ],
    )
}

impl Settings for SoapPollSettings {
    fn layout(&self) -> Option<&Layout> {
        Some(&self.how.layout)
    }

    fn source(&self, around: &Surroundings) -> Option<Result<Arc<dyn Source>, ConnectorError>> {
        let opened = SoapPoll::open(self.clone(), around);
        let polled = |pages| Arc::new(Polled::new(pages, self.how.clone())) as Arc<dyn Source>;
        Some(opened.map(polled))
    }

    fn extract(&self) -> Option<Extract> {
        Some(self.how.extract)
    }
}

/// A system that is asked, open.
pub struct SoapPoll {
    caller: Caller,
    body: Fragment,
    settings: SoapPollSettings,
}

impl SoapPoll {
    /// Opens the system that the settings name.
    pub fn open(
        settings: SoapPollSettings,
        around: &Surroundings,
    ) -> Result<SoapPoll, ConnectorError> {
        let (caller, body) = (settings.soap.open(around)?, settings.body.opened(around)?);
        Ok(SoapPoll { caller, body, settings })
    }
}

#[async_trait]
impl Pages for SoapPoll {
    async fn page(&self, turn: &Turn, since: Option<&str>) -> Result<Given, ConnectorError> {
        let settings = &self.settings;
        let Turn::With(said) = turn else {
            let cause = "a page by SOAP has no address of its own".to_owned();
            return Err(ConnectorError::Refused { code: "soap.question".to_owned(), cause });
        };
        let said =
            |name: &str| said.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        let passed = said("start").and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
        let start = passed.saturating_add(settings.start_at).to_string();
        let (page, count) = (said("page").cloned(), said("count").cloned());
        let after = said("after").unwrap_or(&settings.after_start);
        let values = [
            ("since", since.unwrap_or_default()),
            ("page", page.as_deref().unwrap_or("1")),
            ("start", start.as_str()),
            ("after", after.as_str()),
            ("count", count.as_deref().unwrap_or("0")),
        ];
        let body = self.body.filled(Doing::Asking, &values)?;
        let call = Call {
            doing: Doing::Asking,
            action: &settings.soap.action,
            body: &body,
            reply: Some(&settings.reply),
            torn: true,
        };
        let reply = self.caller.call(call).await?.reply()?;
        let url = settings.soap.line.url.value.clone();
        Ok(Given { url, body: Some(reply.bytes), link: None })
    }

    fn now_ms(&self) -> i64 {
        self.caller.now_ms()
    }
}
