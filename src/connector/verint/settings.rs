//! What `kind = "verint"` can be told, and how it is read from a definition.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::client::LOGIN_ACTION;
use super::source::Asked;
use super::telling::Telling;
use crate::connector::address::Place;
use crate::connector::calling;
use crate::connector::channel::{ConnectorError, Destination, Extract, Source};
use crate::connector::definition::{Brings, Kind, Limits, Patience, Settings, Surroundings};
use crate::connector::format::encoding::Encoding;
use crate::connector::format::gzip::Compression;
use crate::connector::format::layout::{Layout, NOT_CARDS};
use crate::connector::format::xml::XmlFormat;
use crate::connector::soap::answer::Troubles;
use crate::connector::soap::caller::{Caller, Identity, Line, Tokens};
use crate::connector::soap::envelope::{Version, way};
use crate::connector::soap::fault::{Means, Rule};
use crate::connector::soap::fragment::Fragment;
use crate::connector::soap::security::{self, Form, UsernameToken};
use crate::connector::soap::settings::{FAULTS, line, rule};
use crate::definition::reader::Spanned;
use crate::definition::secret::SecretReference;
use crate::definition::shape::{Key, key, word};
use crate::definition::table::Table;
use crate::record::document::Condition;
use crate::record::moment::Moment;

pub const KIND: Kind = Kind {
    name: "verint",
    doc: "Verint CRM (once Lagan): asked for cases that changed, or for the people of those cases; told of notes, \
          agreed addresses, new cases and their ends.",
    read: |settings, limits| Some(Arc::new(VerintSettings::read(settings, limits)?)),
};

/// The settings of a CRM.
#[derive(Debug, Clone)]
pub struct VerintSettings {
    pub line: Line,
    login_url: Spanned<String>,
    user: String,
    password: Spanned<SecretReference>,
    token_lasts_ms: i64,
    faults: Vec<Rule>,
    pub asked: Option<AskedFor>,
    notes: Notes,
}

/// What it is asked for.
#[derive(Debug, Clone)]
pub struct AskedFor {
    pub records: Records,
    /// From when on cases are asked for the first time (UTC milliseconds).
    pub start_ms: i64,
    pub overlap_ms: i64,
    pub results_limit: usize,
    pub cases_max: usize,
    pub layout: Layout,
}

/// What is one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Records {
    Cases,
    Individuals,
}

/// Where a line about a case goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notes {
    Description,
    Note,
}

const LOGIN_URL: Key = key("login_url", "Where tokens are fetched.")
    .needed("write `login_url = \"…/lagan/services/FLAuthService\"`")
    .example("login_url = \"${VERINT_URL}/lagan/services/FLAuth\"");
const USER: Key = key("user", "The name by which tokens are fetched.")
    .needed("write `user = \"…\"`")
    .example("user = \"viaduct\"");
const PASSWORD: Key = key("password", "Where its password is kept.")
    .needed("write `password = \"secret:VERINT_PASSWORD\"`")
    .example("password = \"secret:VERINT_PASSWORD\"");
const TOKEN_LASTS: Key = key(
    "token_lasts",
    "For how long a token is used. One that is refused before is fetched anew, once.",
);
const RECORDS: Key = key(
    "records",
    "What it is asked for, if it is. A mapping reads `CoreDetails/Status`, or `ContactPostals` with all that the \
     person ever had, one of them `Preferred`.",
)
.example("records = \"cases\"");
const START: Key =
    key("since_start", "From which day, or moment, on cases are asked for the first time.")
        .example("since_start = \"2026-04-01\"");
const OVERLAP: Key = key(
    "since_overlap",
    "It is asked for what changed so much before, too: its clock may be behind ours. What is known already costs \
     its questions and changes nothing.",
);
const RESULTS: Key = key(
    "results_limit",
    "How many cases one search may give. One that gives as many is taken to have more, and is asked again for \
     half the time.",
);
const CASES_MAX: Key = key(
    "cases_max",
    "After so many cases a poll ends, and the next goes on from there: each case costs a question.",
);
const NOTES: Key = key("notes", "Where a line about a case goes.");

impl VerintSettings {
    /// Reads `[settings]`; faults are told to the file.
    pub fn read(settings: &Table<'_>, limits: &Limits) -> Option<VerintSettings> {
        let line = line(settings, 60_000, 67_108_864);
        let login_url = settings.need_text(LOGIN_URL);
        let (user, password) = (settings.need_text(USER), settings.secret(PASSWORD));
        let token_lasts_ms = settings.duration_or(TOKEN_LASTS, "5m");
        let mut faults: Vec<Rule> = settings.tables(FAULTS).into_iter().filter_map(rule).collect();
        faults.extend(usual_faults());
        let asked = asked(settings, limits);
        let notes = settings.choice_or(
            NOTES,
            word(
                "description",
                "In what is written of it, behind what stands there.",
                Notes::Description,
            ),
            &[word("note", "In a note beside it: nothing takes another's place.", Notes::Note)],
        );
        if let (Some(url), Some(line)) = (&login_url, &line) {
            calling::judge(settings, url, &line.allow, Place::of);
        }
        Some(VerintSettings {
            line: line?,
            login_url: login_url?,
            user: user?.value,
            password: password?,
            token_lasts_ms,
            faults,
            asked: asked?,
            notes,
        })
    }

    /// Opens the CRM: a token is fetched with the first call.
    pub fn open(&self, around: &Surroundings) -> Result<Caller, ConnectorError> {
        let tokens = Tokens {
            url: around.expand(&self.login_url.value)?,
            action: LOGIN_ACTION.to_owned(),
            body: String::new(),
            user: Some(UsernameToken {
                user: around.expand(&self.user)?,
                password: around.secret(&self.password.value)?,
                form: Form::Text,
            }),
            at: "Security/BinarySecurityToken".to_owned(),
            shown: Fragment::parse(&security::binary_token()),
            lasts_ms: self.token_lasts_ms,
            kept: Mutex::default(),
        };
        let troubles = Troubles { rules: self.faults.clone(), ..Troubles::default() };
        let identity = Identity::Fetched(Box::new(tokens));
        Caller::open(&self.line, Version::V11, identity, troubles, around)
    }
}

/// What its faults mean, as far as is known: one that no rule fits was refused.
fn usual_faults() -> Vec<Rule> {
    let rule = |at: &str, says: &[&str], holds: &[&str], means| Rule {
        at: Some(at.to_owned()),
        says: says.iter().map(|one| (*one).to_owned()).collect(),
        holds: holds.iter().map(|one| (*one).to_owned()).collect(),
        means,
    };
    let name = "detail/FWTException/Name";
    vec![
        rule(name, &["NOT_FOUND"], &[], Means::NotFound),
        rule(
            "faultcode",
            &[],
            &["FailedAuthentication", "InvalidSecurityToken", "SecurityTokenUnavailable"],
            Means::Unauthorised,
        ),
        rule(name, &["INVALID_TOKEN", "TOKEN_EXPIRED", "NOT_LOGGED_IN"], &[], Means::Unauthorised),
    ]
}

fn asked(settings: &Table<'_>, limits: &Limits) -> Option<Option<AskedFor>> {
    let records = settings.choice(
        RECORDS,
        &[
            word("cases", "Each case that changed, whole.", Records::Cases),
            word(
                "individuals",
                "Each person whose case changed, whole. The CRM does not tell which people changed.",
                Records::Individuals,
            ),
        ],
    );
    let start = settings.text(START);
    let overlap_ms = settings.duration_or(OVERLAP, "15m");
    let results = settings.whole_or(RESULTS, 2..=10_000, 200);
    let cases_max = settings.whole_or(CASES_MAX, 1..=100_000, 2_000);
    let not_cards = settings.texts(NOT_CARDS).unwrap_or_default();
    let Some(records) = records else {
        if let Some(start) = start.filter(|_| !settings.has("records")) {
            let help = Some("write `records = \"cases\"` or `\"individuals\"`".to_owned());
            settings.error(
                start.at,
                "it is not said what is asked for",
                "`records` is missing",
                help,
            );
        }
        return Some(None);
    };
    let Some(start) = start else {
        settings.missing("since_start", "write from which day on cases are asked for");
        return None;
    };
    let Some(start_ms) = Moment::parse(&start.value).map(|moment| moment.0) else {
        let what = format!("`{}` is no day and no moment", start.value);
        let help = Some("write `2026-04-01` or `2026-04-01T00:00:00Z`".to_owned());
        settings.error(start.at, what, "not understood", help);
        return None;
    };
    let (element, key) = match records.value {
        Records::Cases => ("FWTCaseFullDetails", "CoreDetails/CaseReference"),
        Records::Individuals => ("FWTIndividual", "BriefDetails/ObjectID/ObjectReference"),
    };
    let mut key = way(key);
    // Several numbers may stand there; the first is the one that counts.
    if let Some(last) = key.steps.pop() {
        key.steps.push(last.only(Condition::First));
    }
    let format = XmlFormat {
        record: way(&format!("Envelope/Body/{element}")),
        key,
        count: None,
        sums: Vec::new(),
        namespaces: Vec::new(),
        said: Encoding::Unsaid,
        record_bytes_max: limits.record_bytes_max as usize,
    };
    let layout = Layout {
        format: Arc::new(format),
        encoding: Encoding::Unsaid,
        compression: Compression::None,
        unpacked_bytes_max: 1 << 30,
        not_cards: not_cards.into_iter().map(|name| name.value).collect(),
    };
    Some(Some(AskedFor {
        records: records.value,
        start_ms,
        overlap_ms,
        results_limit: usize::try_from(results).ok()?,
        cases_max: usize::try_from(cases_max).ok()?,
        layout,
    }))
}

impl Settings for VerintSettings {
    fn layout(&self) -> Option<&Layout> {
        self.asked.as_ref().map(|asked| &asked.layout)
    }

    fn takes(&self, what: Brings) -> bool {
        what == Brings::Push
    }

    /// It is looked for what was to be done, and the CRM forgets nothing; only a case that was made is looked
    /// for among those made since, and after a day they are too many.
    fn patience(&self) -> Patience {
        const DAY_MS: i64 = 24 * 3_600_000;
        let timeout_ms = i64::try_from(self.line.timeout_ms).unwrap_or(DAY_MS);
        Patience { not_found_ms: timeout_ms, forgets_ms: DAY_MS, ..Patience::default() }
    }

    fn source(&self, around: &Surroundings) -> Option<Result<Arc<dyn Source>, ConnectorError>> {
        let asked = self.asked.clone()?;
        let opened = self.open(around).map(|caller| Asked::new(caller, asked));
        Some(opened.map(|source| Arc::new(source) as Arc<dyn Source>))
    }

    fn extract(&self) -> Option<Extract> {
        self.asked.as_ref().map(|_| Extract::Delta)
    }

    fn destination(
        &self,
        around: &Surroundings,
    ) -> Option<Result<Arc<dyn Destination>, ConnectorError>> {
        let opened = self.open(around).map(|caller| Telling::open(caller, self.notes));
        Some(opened.map(|destination| Arc::new(destination) as Arc<dyn Destination>))
    }
}
