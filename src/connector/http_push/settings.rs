//! What `kind = "http_push"` can be told, and how it is read from a definition.

use std::sync::Arc;

use super::{HttpPush, asked_at};
use crate::connector::address::Place;
use crate::connector::calling::{self, Auth, Tls};
use crate::connector::channel::{ConnectorError, Destination};
use crate::connector::definition::{Brings, Kind, Patience, Settings, Surroundings};
use crate::definition::reader::Spanned;
use crate::definition::secret::SecretReference;
use crate::definition::shape::{Holds, Key, key, word};
use crate::definition::table::{Table, Value, Variant};

pub const KIND: Kind = Kind {
    name: "http_push",
    doc: "Any other system that is told by HTTP: a body of JSON or XML, signed, under a key of ours.",
    read: |settings, _| Some(Arc::new(HttpPushSettings::read(settings)?)),
};

const MINUTE_MS: i64 = 60_000;
/// Longer than anything is waited for, in milliseconds.
pub const FOREVER_MS: i64 = i64::MAX / 4;

/// The settings of a system that is pushed to.
#[derive(Debug, Clone)]
pub struct HttpPushSettings {
    pub url: Spanned<String>,
    pub put: bool,
    /// Hosts and ports that may be called, private ones among them.
    pub allow: Vec<Spanned<String>>,
    pub auth: Option<Auth>,
    pub tls: Tls,
    /// Newest first; while one is changed, two.
    pub signing: Vec<Spanned<SecretReference>>,
    pub lost: Lost,
    /// Statuses that say it was taken.
    pub success: Vec<u16>,
    pub on_409: Conflict,
    pub on_422: Conflict,
    pub answer: AnswerIs,
    /// Where in the answer its own name for it stands, as a JSON pointer.
    pub receipt: Option<String>,
    pub timeout_ms: u64,
    pub requests_per_second: u32,
    pub at_once: usize,
    pub answer_bytes_max: usize,
}

/// What is done when no answer came.
#[derive(Debug, Clone)]
pub enum Lost {
    /// It is sent again, with the same key, as long as the receiver keeps keys.
    SentAgain { kept_ms: i64 },
    /// The receiver is asked by our reference.
    Asked { status_url: Spanned<String>, lag_ms: i64, remembers_ms: i64 },
    /// A person finds out.
    Person,
}

/// How a conflict is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    Refused,
    /// It happened before: all is well.
    Done,
    /// It is being dealt with.
    Later,
}

/// What the receiver answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerIs {
    Json,
    Xml,
    Any,
}

const URL: Key = key(
    "url",
    "Where it is told. `${NAME}` is taken from the environment. https, to a public address, unless \
     `allow` names the host.",
)
.example("url = \"https://orders.example.com/residents\"");
const METHOD: Key = key("method", "How it is told.");
const SIGNING: Key = key(
    "signing_secret",
    "Where the secret is kept that each push is signed with, as Standard Webhooks has it: `whsec_` and \
     base64.",
)
.example("signing_secret = \"secret:ORDERS_SIGNING\"");
const SIGNING_OLD: Key = key(
    "signing_secret_old",
    "While the secret is changed: the one before, which signs too until every receiver knows the new one.",
)
.example("signing_secret_old = \"secret:ORDERS_SIGNING_OLD\"");
const IDEMPOTENCY: Key = key(
    "idempotency",
    "What a lost answer means here. `Idempotency-Key` is sent in any case.",
)
.needed(
    "write `idempotency = \"key\"` if the receiver does one key once, `\"ask\"` if it can be asked by our \
     reference, else `\"none\"`",
);
pub const KEYS_KEPT: Key =
    key("keys_kept", "For how long the receiver keeps keys. After that a person decides.");
const STATUS_URL: Key = key(
    "status_url",
    "Where it is asked whether it has our reference: 200 says yes, 404 no. `{reference}` stands for it.",
)
.needed("write `status_url = \"https://…/{reference}\"`")
.example("status_url = \"https://orders.example.com/residents/{reference}\"");
pub const LAG: Key = key(
    "lag",
    "For how long \"no such thing\" is not believed: what was sent may be on its way, or not yet be found.",
);
pub const REMEMBERS: Key =
    key("remembers", "For how long it can be asked. After that \"no such thing\" says nothing.");
const SUCCESS: Key = key(
    "success",
    "The statuses that say it was taken. Where nothing is said, 200, 201, 202 and 204.",
)
.example("success = [200, 201, 202, 204]");
const ON_409: Key = key("on_409", "What the status 409 says.");
const ON_422: Key = key("on_422", "What the status 422 says.");
const ANSWER: Key = key(
    "answer",
    "What it answers with. An answer of another kind is no success: it may be a proxy's page.",
);
const RECEIPT: Key = key("receipt", "Where in a JSON answer its own name for it stands.")
    .example("receipt = \"/id\"");
const TIMEOUT: Key = key("timeout_ms", "For how long, in milliseconds, an answer is waited for.");
const PER_SECOND: Key = key("requests_per_second", "How often it is called in a second at most.");
pub const AT_ONCE: Key = key("at_once", "How many pushes are under way at once.");
const ANSWER_BYTES: Key =
    key("answer_bytes_max", "An answer that is longer, in bytes, is not read.");

impl HttpPushSettings {
    /// Reads `[settings]`; faults are told to the file.
    pub fn read(settings: &Table<'_>) -> Option<HttpPushSettings> {
        let url = settings.need_text(URL);
        let put = settings.choice_or(
            METHOD,
            word("POST", "What is told is one more thing.", false),
            &[word("PUT", "What is told takes the place of what was.", true)],
        );
        let allow = settings.texts(calling::ALLOW).unwrap_or_default();
        let (auth, tls) = (calling::auth(settings), calling::tls(settings));
        let signing = [settings.secret(SIGNING), settings.secret(SIGNING_OLD)];
        let lost = lost(settings);
        let success = success(settings);
        let refused = word("refused", "It does not take it: a person looks.", Conflict::Refused);
        let done = word("done", "It has it already: all is well.", Conflict::Done);
        let later = word("later", "It is still dealing with it: find out.", Conflict::Later);
        let on_409 = settings.choice_or(ON_409, refused, &[done, later]);
        let on_422 = settings.choice_or(ON_422, refused, &[done]);
        let answer = settings.choice_or(
            ANSWER,
            word(
                "json",
                "With nothing, or with JSON that tells of no `error` or `errors`.",
                AnswerIs::Json,
            ),
            &[
                word("xml", "With nothing, or with XML.", AnswerIs::Xml),
                word("any", "With anything but a page for people.", AnswerIs::Any),
            ],
        );
        let receipt = settings.text(RECEIPT).map(|pointer| pointer.value);
        let timeout_ms = settings.whole_or(TIMEOUT, 100..=120_000, 15_000);
        let per_second = settings.whole_or(PER_SECOND, 1..=100_000, 50);
        let at_once = settings.whole_or(AT_ONCE, 1..=256, 8);
        let answer_bytes = settings.whole_or(ANSWER_BYTES, 1..=4_194_304, 65_536);
        if let Some(url) = &url {
            calling::judge(settings, url, &allow, Place::of);
        }
        if let Some(Lost::Asked { status_url, .. }) = &lost {
            calling::judge(settings, status_url, &allow, asked_at);
        }
        Some(HttpPushSettings {
            url: url?,
            put,
            allow,
            auth,
            tls,
            signing: signing.into_iter().flatten().collect(),
            lost: lost?,
            success,
            on_409,
            on_422,
            answer,
            receipt,
            timeout_ms: u64::try_from(timeout_ms).ok()?,
            requests_per_second: u32::try_from(per_second).ok()?,
            at_once: usize::try_from(at_once).ok()?,
            answer_bytes_max: usize::try_from(answer_bytes).ok()?,
        })
    }
}

fn lost(settings: &Table<'_>) -> Option<Lost> {
    settings.variant(
        IDEMPOTENCY,
        &[
            Variant {
                word: "key",
                doc: "The receiver does what comes under one key once: it is sent again, with the same key.",
                read: &|table| Some(Lost::SentAgain { kept_ms: table.duration_or(KEYS_KEPT, "24h") }),
            },
            Variant {
                word: "ask",
                doc: "The receiver is asked by our reference, and sent to again only if it does not have it.",
                read: &|table| {
                    let status_url = table.need_text(STATUS_URL);
                    let lag_ms = table.duration_or(LAG, "1m");
                    let remembers_ms = table.duration_or(REMEMBERS, "5d");
                    Some(Lost::Asked { status_url: status_url?, lag_ms, remembers_ms })
                },
            },
            Variant {
                word: "none",
                doc: "A person finds out whether it happened. It is never sent twice by itself.",
                read: &|_| Some(Lost::Person),
            },
        ],
    )
}

fn success(settings: &Table<'_>) -> Vec<u16> {
    let usual = vec![200, 201, 202, 204];
    let written = settings.one_or_more(SUCCESS, || vec![Holds::Whole(200, 299)]);
    if written.is_empty() {
        return usual;
    }
    let read = |value: &Value<'_>| match value {
        Value::Whole(status) if (200..=299).contains(&status.value) => {
            u16::try_from(status.value).ok()
        }
        _ => None,
    };
    let statuses: Option<Vec<u16>> = written.iter().map(read).collect();
    statuses.unwrap_or_else(|| {
        let what = "`success` is a list of statuses from 200 to 299";
        settings.error(settings.at_value("success"), what, "not such a list", None);
        usual
    })
}

impl Settings for HttpPushSettings {
    fn takes(&self, what: Brings) -> bool {
        what == Brings::Push
    }

    fn patience(&self) -> Patience {
        let timeout_ms = i64::try_from(self.timeout_ms).unwrap_or(MINUTE_MS);
        let (not_found_ms, forgets_ms) = match &self.lost {
            Lost::Asked { lag_ms, remembers_ms, .. } => {
                (timeout_ms.max(*lag_ms), (*remembers_ms).max(timeout_ms))
            }
            // Nothing is asked: with the key it may go at once.
            Lost::SentAgain { .. } => (0, FOREVER_MS),
            Lost::Person => (FOREVER_MS, FOREVER_MS),
        };
        Patience { not_found_ms, forgets_ms, ..Patience::default() }
    }

    fn destination(
        &self,
        around: &Surroundings,
    ) -> Option<Result<Arc<dyn Destination>, ConnectorError>> {
        let opened = HttpPush::open(self.clone(), around);
        Some(opened.map(|destination| Arc::new(destination) as Arc<dyn Destination>))
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::definition::reader::File;

    fn read(text: &str) -> (Option<HttpPushSettings>, Vec<String>) {
        let file = File::parse("connectors/orders.toml", format!("[settings]\n{text}"));
        let table = file.root().table("settings").expect("the table is there");
        let found = HttpPushSettings::read(&table);
        table.finish();
        (found, file.into_diagnostics().into_iter().map(|one| one.what).collect())
    }

    /// Settings of a receiver at a public address, with these beside.
    pub fn settings(more: &str) -> HttpPushSettings {
        let (settings, told) = read(&format!("url = \"https://orders.example.com/\"\n{more}"));
        assert_eq!(told, Vec::<String>::new(), "{more}");
        settings.expect("settings")
    }

    #[test]
    fn settings_are_read_and_every_fault_is_told() {
        let bare = settings("idempotency = \"none\"");
        assert_eq!((bare.put, bare.at_once, bare.success), (false, 8, vec![200, 201, 202, 204]));
        let url = "url = \"https://orders.example.com/\"\n";
        let with = |more: &str| read(&format!("{url}idempotency = \"none\"\n{more}")).1.join("|");
        for (more, expected) in [
            ("auth = { bearer = \"secret:T\" }", ""),
            ("auth = { user = \"a\", password = \"secret:P\" }", ""),
            ("auth = { header = \"X-Key\", secret = \"${K}\" }", ""),
            ("signing_secret = \"secret:S\"\nsigning_secret_old = \"secret:O\"", ""),
            ("method = \"PUT\"\nsuccess = 202\nanswer = \"any\"\nreceipt = \"/id\"", ""),
            ("auth = { bearer = \"secret:T\", user = \"a\" }", "this does not say who we are"),
            (
                "auth = { header = \"X Key\", secret = \"${K}\" }",
                "`X Key` is not the name of a header",
            ),
            ("success = [200, 404]", "`success` is a list of statuses from 200 to 299"),
            ("method = \"PATCH\"", "`method` cannot be `PATCH`"),
            ("allow = [\"orders.internal\"]", "`orders.internal` is no host and port"),
            ("keys_kept = \"24h\"", "`keys_kept` is not known here"),
        ] {
            assert_eq!(with(more), expected, "{more}");
        }
        assert_eq!(read("").1.len(), 2);
        assert_eq!(read(&format!("{url}idempotency = \"ask\"")).1, ["`status_url` is missing"]);
    }

    #[test]
    fn addresses_are_judged_as_they_are_written() {
        for (url, allow, expected) in [
            ("https://orders.example.com/", "", ""),
            ("${ORDERS_URL}", "", ""),
            ("https://10.0.0.9/", "\"10.0.0.9:443\"", ""),
            ("http://10.0.0.9/", "\"10.0.0.9:80\"", "what is said goes without encryption"),
            ("http://10.0.0.9/", "\"${ORDERS_HOST}\"", ""),
            ("https://10.0.0.9/", "", "`10.0.0.9` leads to a private network"),
            ("https://2130706433/", "", "`127.0.0.1` leads to this machine"),
            ("https://localhost/", "", "`localhost` leads to this machine"),
            (
                "http://orders.example.com/",
                "",
                "what goes there is not encrypted, and `allow` does not name it",
            ),
            ("file:///etc/hosts", "", "only https and http are called"),
        ] {
            let text = format!("url = \"{url}\"\nallow = [{allow}]\nidempotency = \"none\"");
            assert_eq!(read(&text).1.join("|"), expected, "{url} {allow}");
        }
        for (url, expected) in [
            ("https://orders.example.com/x?ref={reference}", ""),
            ("https://orders.example.com/x", "our reference is not in the address"),
            ("https://{reference}.example.com/x", "our reference stands in the host"),
        ] {
            let text = format!(
                "url = \"https://orders.example.com/\"\nidempotency = \"ask\"\nstatus_url = \"{url}\""
            );
            assert_eq!(read(&text).1.join("|"), expected, "{url}");
        }
    }

    #[test]
    fn patience_suits_what_a_lost_answer_means() {
        let keyed = settings("idempotency = \"key\"").patience();
        assert_eq!((keyed.not_found_ms, keyed.doubt_ms), (0, 0));
        let asked = "idempotency = \"ask\"\nstatus_url = \"https://orders.example.com/{reference}\"\n\
                     lag = \"10s\"\ntimeout_ms = 20_000";
        assert_eq!(settings(asked).patience().not_found_ms, 20_000);
    }
}
