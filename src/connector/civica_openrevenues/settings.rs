//! What `kind = "civica_openrevenues"` can be told, and how it is read from a definition.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::OpenRevenues;
use super::budget::{Budget, DayOfYear, Period};
use super::sign_in::Refusals;
use crate::connector::address::Place;
use crate::connector::calling::{self, Tls};
use crate::connector::channel::{ConnectorError, Extract, Source};
use crate::connector::definition::{Kind, Limits, Settings, Surroundings};
use crate::connector::format::Format;
use crate::connector::format::encoding::Encoding;
use crate::connector::format::gzip::Compression;
use crate::connector::format::layout::Layout;
use crate::connector::format::settings::path;
use crate::connector::format::xml::XmlFormat;
use crate::definition::reader::Spanned;
use crate::definition::secret::SecretReference;
use crate::definition::shape::{Key, key, word};
use crate::definition::table::Table;
use crate::record::document::{Path, Step};

pub const KIND: Kind = Kind {
    name: "civica_openrevenues",
    doc: "Civica OpenRevenues, asked about the council tax accounts, or the benefit claims, of people whose \
          references a list names: so many in each poll, and a change is found by comparing.",
    read: |settings, limits| Some(Arc::new(CivicaSettings::read(settings, limits)?)),
};

/// Which of the system's halves is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Module {
    CouncilTax,
    Benefits,
}

impl Module {
    /// What one of its records is called.
    pub fn record(self) -> &'static str {
        match self {
            Module::CouncilTax => "Account",
            Module::Benefits => "Claim",
        }
    }
}

/// What is asked beside what must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    pub transactions: bool,
    pub instalments: bool,
    pub properties: bool,
    pub documents: bool,
    pub payments: bool,
}

/// Where the list of people lies.
#[derive(Clone, Debug)]
pub struct PeopleSettings {
    pub directory: Spanned<String>,
    pub pattern: String,
    pub layout: Layout,
    /// From a row to the account, where the list says which.
    pub account: Option<Path>,
}

/// The settings of an OpenRevenues.
#[derive(Clone, Debug)]
pub struct CivicaSettings {
    pub url: Spanned<String>,
    pub allow: Vec<Spanned<String>>,
    pub tls: Tls,
    pub user: Spanned<String>,
    pub password: Spanned<SecretReference>,
    pub module: Module,
    pub parts: Parts,
    pub people: PeopleSettings,
    pub sessions: usize,
    pub usual: Budget,
    pub periods: Vec<Period>,
    pub layout: Layout,
    pub record_bytes_max: usize,
    pub timeout_ms: u64,
    pub requests_per_second: u32,
    pub answer_bytes_max: usize,
    pub memory: Memory,
}

/// What is remembered from run to run of one process.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    pub refusals: Arc<Refusals>,
    /// By the digest of a record's key: the digest of what said whether it changed, when it was last taken.
    pub looked: Arc<Mutex<HashMap<u64, u64>>>,
}

const URL: Key = key(
    "url",
    "Where it is asked; every operation has the same address. `${NAME}` is taken from the environment. https, \
     to a public address, unless `allow` names the host.",
)
.example("url = \"${OPENREVENUES_URL}\"");
const USER: Key =
    key("user", "The service account's name. `${NAME}` is taken from the environment.")
        .example("user = \"viaduct\"");
const PASSWORD: Key = key(
    "password",
    "Where its password is kept. It is fetched at each sign-in; one that is refused is tried twice, and then \
     not before an hour has passed, so that the account is not locked.",
)
.needed("write `password = \"secret:OPENREVENUES_PASSWORD\"`");
const MODULE: Key = key("module", "Which half of the system is asked.")
    .needed("write `module = \"council_tax\"` or `\"benefits\"`");
const PARTS: Key = key(
    "parts",
    "What is asked of each beside its summary: `transactions`, `instalments`, `properties` and `documents` \
     for council tax, of which the first three are asked where nothing is said; `payments` and `documents` \
     for benefits, of which neither is.",
)
.example("parts = [\"instalments\", \"properties\"]");
const PEOPLE: Key = key(
    "people",
    "The list of people to ask about, which another extract drops: where it lies and how it is laid out. Its \
     `key` is the person's reference; the newest file that fits is read, whole, in each poll.",
)
.needed("say where the list of people lies: `[settings.people]`");
const DIRECTORY: Key =
    key("directory", "The folder it lies in. `${NAME}` is taken from the environment.")
        .example("directory = \"${OPENREVENUES_PEOPLE}\"");
const PATTERN: Key = key("pattern", "What it is called, as in a shell: `*` and `?`.")
    .example("pattern = \"people-*.csv\"");
const ACCOUNT: Key = key(
    "account",
    "Where a row says which account the person is on: a path, as `key` is one. Then an account is one record \
     with everybody who is on it; else each person's accounts are records of their own.",
)
.example("account = \"account_ref\"");
const SESSIONS: Key = key(
    "sessions",
    "How many sessions there may be at once. Each is had by one lookup at a time, whatever the number.",
);
const PER_POLL: Key = key(
    "people_per_poll",
    "How many people, or accounts where the list names them, are looked up in a poll. The next poll goes on \
     behind them, and round the end of the list to its beginning.",
);
const BUDGET: Key =
    key("budget", "Stretches of the year in which less is asked, such as annual billing.");
const FROM: Key = key("from", "The first day: month and day.").example("from = \"03-01\"");
const TO: Key = key("to", "The last day.").example("to = \"04-10\"");
const OF_PERIOD: Key =
    key("people_per_poll", "How many are looked up in a poll then; 0 asks nothing.")
        .example("people_per_poll = 50");
const REDUCED: Key = key(
    "reduced",
    "Whether only the summary is asked then, and the rest where it differs from what this process knows.",
);
const TIMEOUT: Key = key("timeout_ms", "For how long, in milliseconds, an answer is waited for.");
const PER_SECOND: Key = key("requests_per_second", "How often it is called in a second at most.");
const ANSWER_BYTES: Key =
    key("answer_bytes_max", "An answer that is longer, in bytes, is not read.");
const NOT_CARDS: Key = key(
    "not_cards",
    "Fields whose numbers may look like those of payment cards, and are not: an element or attribute by its \
     own name. A row that holds a card number in any other field is held, its digits masked.",
)
.example("not_cards = [\"PlaceRef\"]");

impl CivicaSettings {
    /// Reads `[settings]`; faults are told to the file.
    pub fn read(settings: &Table<'_>, limits: &Limits) -> Option<CivicaSettings> {
        let url = settings.need_text(URL);
        let allow = settings.texts(calling::ALLOW).unwrap_or_default();
        let tls = calling::tls(settings);
        let user = settings.need_text(USER);
        let password = settings.secret(PASSWORD);
        let modules = [
            word("council_tax", "Accounts, one record for each.", Module::CouncilTax),
            word("benefits", "Claims, one record for each.", Module::Benefits),
        ];
        let module = settings.choice(MODULE, &modules);
        let parts = parts(settings, module.as_ref().map(|module| module.value));
        let record_bytes_max = limits.record_bytes_max as usize;
        let people = settings.table(PEOPLE).map(|table| people(table, record_bytes_max));
        let sessions = settings.whole_or(SESSIONS, 1..=100, 4);
        let per_poll = settings.whole_or(PER_POLL, 1..=1_000_000, 500);
        let periods = settings.tables(BUDGET).into_iter().map(period).collect::<Vec<_>>();
        let timeout_ms = settings.whole_or(TIMEOUT, 100..=600_000, 30_000);
        let per_second = settings.whole_or(PER_SECOND, 1..=10_000, 5);
        let answer_bytes = settings.whole_or(ANSWER_BYTES, 1_024..=268_435_456, 16_777_216);
        let not_cards = settings.texts(NOT_CARDS).unwrap_or_default();
        if let Some(url) = &url {
            calling::judge(settings, url, &allow, Place::of);
        }
        let module = module?.value;
        let layout = Layout {
            format: record_format(module.record(), record_bytes_max),
            encoding: Encoding::Utf8,
            compression: Compression::None,
            unpacked_bytes_max: u64::MAX,
            not_cards: not_cards.into_iter().map(|name| name.value).collect(),
        };
        Some(CivicaSettings {
            url: url?,
            allow,
            tls,
            user: user?,
            password: password?,
            module,
            parts: parts?,
            people: people??,
            sessions: usize::try_from(sessions).ok()?,
            usual: Budget { people: usize::try_from(per_poll).ok()?, reduced: false },
            periods: periods.into_iter().collect::<Option<_>>()?,
            layout,
            record_bytes_max,
            timeout_ms: u64::try_from(timeout_ms).ok()?,
            requests_per_second: u32::try_from(per_second).ok()?,
            answer_bytes_max: usize::try_from(answer_bytes).ok()?,
            memory: Memory::default(),
        })
    }
}

/// How records of our composition are read back: `/OpenRevenues/Account`, by their `key`.
pub fn record_format(record: &str, record_bytes_max: usize) -> Arc<dyn Format> {
    let step = |name: &str, attribute| Step::new(None, name.to_owned(), attribute);
    Arc::new(XmlFormat {
        record: Path { up: 0, steps: vec![step("OpenRevenues", false), step(record, false)] },
        key: Path { up: 0, steps: vec![step("key", true)] },
        count: None,
        sums: Vec::new(),
        namespaces: Vec::new(),
        said: Encoding::Utf8,
        record_bytes_max,
    })
}

fn parts(settings: &Table<'_>, module: Option<Module>) -> Option<Parts> {
    let written = settings.texts(PARTS);
    let Some(module) = module else { return Some(Parts::default()) };
    let Some(written) = written else {
        let usual = module == Module::CouncilTax;
        let (transactions, instalments, properties) = (usual, usual, usual);
        return Some(Parts { transactions, instalments, properties, ..Parts::default() });
    };
    let (mut parts, mut all_known) = (Parts::default(), true);
    for part in &written {
        match (module, part.value.as_str()) {
            (Module::CouncilTax, "transactions") => parts.transactions = true,
            (Module::CouncilTax, "instalments") => parts.instalments = true,
            (Module::CouncilTax, "properties") => parts.properties = true,
            (Module::Benefits, "payments") => parts.payments = true,
            (_, "documents") => parts.documents = true,
            (_, other) => {
                all_known = false;
                let what = format!("`{other}` is no part of what this module can be asked");
                let help = match module {
                    Module::CouncilTax => {
                        "there is `transactions`, `instalments`, `properties` and `documents`"
                    }
                    Module::Benefits => "there is `payments` and `documents`",
                };
                settings.error(part.at, what, "not known", Some(help.to_owned()));
            }
        }
    }
    all_known.then_some(parts)
}

fn people(table: Table<'_>, record_bytes_max: usize) -> Option<PeopleSettings> {
    let (directory, pattern) = (table.need_text(DIRECTORY), table.need_text(PATTERN));
    let account = table.text(ACCOUNT);
    let layout = Layout::read(&table, record_bytes_max);
    let account = match account {
        Some(account) => Some(path(table.file(), &account, &[])?),
        None => None,
    };
    table.finish();
    Some(PeopleSettings {
        directory: directory?,
        pattern: pattern?.value,
        layout: layout?,
        account,
    })
}

fn period(table: Table<'_>) -> Option<Period> {
    let day = |key: Key| {
        let text = table.need_text(key)?;
        let day = DayOfYear::parse(&text.value);
        if day.is_none() {
            let what = format!("`{}` is no day of the year", text.value);
            let help = "write the month and the day: `03-01` is 1 March".to_owned();
            table.error(text.at, what, "not understood", Some(help));
        }
        day
    };
    let (from, to) = (day(FROM), day(TO));
    let people =
        table.whole(OF_PERIOD.needed("say how many: `people_per_poll = 50`"), 0..=1_000_000);
    let reduced = table.is_set(REDUCED);
    table.finish();
    let people = usize::try_from(people?.value).ok()?;
    Some(Period { from: from?, to: to?, budget: Budget { people, reduced } })
}

impl Settings for CivicaSettings {
    fn layout(&self) -> Option<&Layout> {
        Some(&self.layout)
    }

    fn source(&self, around: &Surroundings) -> Option<Result<Arc<dyn Source>, ConnectorError>> {
        let opened = OpenRevenues::open(self.clone(), around);
        Some(opened.map(|source| Arc::new(source) as Arc<dyn Source>))
    }

    /// Only some people are asked about in a poll: whoever is absent was not asked about.
    fn extract(&self) -> Option<Extract> {
        Some(Extract::Delta)
    }
}
