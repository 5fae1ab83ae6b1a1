//! What every system that speaks SOAP can be told, whether it is asked or told.

use tokio::sync::Mutex;

use super::answer::Troubles;
use super::caller::{Caller, Identity, Line, Tokens};
use super::envelope::Version;
use super::fault::{Means, Rule};
use super::fragment::Fragment;
use super::security::{self, Form, UsernameToken};
use crate::connector::address::Place;
use crate::connector::answering::Doing;
use crate::connector::calling;
use crate::connector::channel::ConnectorError;
use crate::connector::definition::Surroundings;
use crate::definition::reader::Spanned;
use crate::definition::secret::SecretReference;
use crate::definition::shape::{Key, key, word};
use crate::definition::table::Table;

/// Where a system is, what it speaks, and what its faults mean.
#[derive(Debug, Clone)]
pub struct SoapSettings {
    pub line: Line,
    pub version: Version,
    pub action: String,
    header: Option<Fragment>,
    user: Option<User>,
    token: Option<Token>,
    troubles: Troubles,
}

#[derive(Debug, Clone)]
struct User {
    name: String,
    password: Spanned<SecretReference>,
    form: Form,
}

#[derive(Debug, Clone)]
struct Token {
    /// Where it is fetched; None where that is the system itself.
    url: Option<Spanned<String>>,
    action: String,
    body: Option<Fragment>,
    at: String,
    shown: Fragment,
    lasts_ms: i64,
}

const URL: Key = key(
    "url",
    "Where the service is. `${NAME}` is taken from the environment. https, to a public address, unless \
     `allow` names the host.",
)
.example("url = \"https://crm.example.com/services/Accounts\"");
const SOAP: Key = key("soap", "Which version is spoken.");
const ACTION: Key =
    key("action", "What the call is named in its header `SOAPAction`, or in 1.2 beside its type.")
        .example("action = \"urn:accounts#GetChanges\"");
const HEADER: Key = key(
    "header",
    "Blocks of XML that go in the header of each envelope. `${NAME}` is taken from the environment.",
)
.example("header = '<a:Tenant xmlns:a=\"urn:accounts\">example</a:Tenant>'");
const SECURITY: Key = key(
    "security",
    "A name and a password by WS-Security (UsernameToken). Where tokens are fetched, they go with that call \
     alone.",
);
const USER: Key =
    key("user", "The name.").needed("write `user = \"…\"`").example("user = \"viaduct\"");
const PASSWORD: Key = key("password", "Where the password is kept.")
    .needed("write `password = \"secret:NAME\"`")
    .example("password = \"secret:ACCOUNTS_PASSWORD\"");
const FORM: Key = key("form", "How the password goes.");
const TOKEN: Key = key(
    "token",
    "A token that a call of its own gives in the header of its reply, and that goes with every other call.",
);
const TOKEN_URL: Key = key("url", "Where it is fetched, if that is another address.")
    .example("url = \"https://crm.example.com/services/Login\"");
const TOKEN_ACTION: Key = key("action", "What that call is named.");
const TOKEN_BODY: Key = key("body", "What stands in its body; nothing, where nothing is said.")
    .example("body = '<l:Verify xmlns:l=\"urn:login\"/>'");
const TOKEN_AT: Key = key("at", "Where in the reply's header it stands.");
const TOKEN_SHOWN: Key = key(
    "shown",
    "The block of the header that carries it: `{token}`. Where nothing is said, as WS-Security has it.",
)
.example("shown = '<l:Session xmlns:l=\"urn:login\">{token}</l:Session>'");
const TOKEN_LASTS: Key =
    key("lasts", "For how long one is used. One that is refused before is fetched anew, once.");
pub const FAULTS: Key = key(
    "faults",
    "What faults mean, in the order in which they are tried. One that no rule fits was refused, and a person \
     looks.",
);
const FAULT_AT: Key = key(
    "at",
    "The way from the fault to the text that decides; where nothing is said, every text of it is looked at.",
)
.example("at = \"detail/ServiceError/Code\"");
const FAULT_SAYS: Key =
    key("says", "The text is one of these, whatever its case.").example("says = [\"NOT_FOUND\"]");
const FAULT_HOLDS: Key =
    key("holds", "Or it holds one of these.").example("holds = [\"session has expired\"]");
const FAULT_MEANS: Key =
    key("means", "What it means.").needed("say what such a fault means: `means = \"unavailable\"`");
const ERROR_AT: Key = key(
    "error_at",
    "The way, from the element in the body, to one that stands in an answer only where something went wrong.",
)
.example("error_at = \"Result/Error\"");
const STATUS_AT: Key = key("status_at", "The way to a text that says whether all is well.")
    .example("status_at = \"status\"");
const STATUS_GOOD: Key = key("status_good", "What it says then, whatever its case.")
    .example("status_good = [\"success\"]");
const TIMEOUT: Key = key("timeout_ms", "For how long, in milliseconds, an answer is waited for.");
const PER_SECOND: Key = key("requests_per_second", "How often it is called in a second at most.");
const ANSWER_BYTES: Key =
    key("answer_bytes_max", "An answer that is longer, in bytes, is not read.");

impl SoapSettings {
    /// Reads what is common; faults are told to the file.
    pub fn read(settings: &Table<'_>) -> Option<SoapSettings> {
        let line = line(settings, 30_000, 16_777_216);
        let version = settings.choice_or(
            SOAP,
            word("1.1", "", Version::V11),
            &[word("1.2", "", Version::V12)],
        );
        let action = action(settings, ACTION);
        let header = match settings.text(HEADER) {
            Some(text) => Some(Some(Fragment::read(settings, &text, &[], false)?)),
            None => Some(None),
        };
        let user = settings.table(SECURITY).map(user);
        let token = settings.table(TOKEN).map(token);
        if let (Some(Some(token)), Some(line)) = (&token, &line)
            && let Some(url) = &token.url
        {
            calling::judge(settings, url, &line.allow, Place::of);
        }
        let rules = settings.tables(FAULTS).into_iter().filter_map(rule).collect();
        let error_at = settings.text(ERROR_AT).map(|way| way.value);
        let (status_at, good) = (settings.text(STATUS_AT), settings.texts(STATUS_GOOD));
        let status = match (status_at, good) {
            (Some(at), Some(good)) => {
                Some((at.value, good.into_iter().map(|one| one.value).collect()))
            }
            (Some(at), None) => {
                let help = Some("write `status_good = [\"success\"]`".to_owned());
                settings.error(at.at, "`status_good` is missing", "what does it say?", help);
                None
            }
            (None, _) => None,
        };
        Some(SoapSettings {
            line: line?,
            version,
            action: action?,
            header: header?,
            user: user.map_or(Some(None), |user| user.map(Some))?,
            token: token.map_or(Some(None), |token| token.map(Some))?,
            troubles: Troubles { rules, error_at, status },
        })
    }

    /// Opens the system, with what the environment says.
    pub fn open(&self, around: &Surroundings) -> Result<Caller, ConnectorError> {
        let user = match &self.user {
            Some(user) => Some(UsernameToken {
                user: around.expand(&user.name)?,
                password: around.secret(&user.password.value)?,
                form: user.form,
            }),
            None => None,
        };
        let blocks = match &self.header {
            Some(header) => header.opened(around)?.filled(Doing::Asking, &[])?,
            None => String::new(),
        };
        let identity = match &self.token {
            None if blocks.is_empty() && user.is_none() => Identity::Nobody,
            None => Identity::Always { blocks, user },
            Some(token) => {
                let url = token.url.as_ref().unwrap_or(&self.line.url);
                let body = match &token.body {
                    Some(body) => body.opened(around)?.filled(Doing::Asking, &[])?,
                    None => String::new(),
                };
                // What goes with every call goes beside the token.
                let shown = Fragment::parse(&blocks).before(token.shown.opened(around)?);
                Identity::Fetched(Box::new(Tokens {
                    url: around.expand(&url.value)?,
                    action: token.action.clone(),
                    body,
                    user,
                    at: token.at.clone(),
                    shown,
                    lasts_ms: token.lasts_ms,
                    kept: Mutex::default(),
                }))
            }
        };
        Caller::open(&self.line, self.version, identity, self.troubles.clone(), around)
    }
}

/// Reads where a system is and how patiently it is called; faults are told to the file.
pub fn line(settings: &Table<'_>, timeout_ms: i64, answer_bytes: i64) -> Option<Line> {
    let url = settings.need_text(URL);
    let allow = settings.texts(calling::ALLOW).unwrap_or_default();
    let (auth, tls) = (calling::auth(settings), calling::tls(settings));
    let timeout_ms = settings.whole_or(TIMEOUT, 100..=600_000, timeout_ms);
    let per_second = settings.whole_or(PER_SECOND, 1..=10_000, 5);
    let bytes = settings.whole_or(ANSWER_BYTES, 1_024..=268_435_456, answer_bytes);
    if let Some(url) = &url {
        calling::judge(settings, url, &allow, Place::of);
    }
    Some(Line {
        url: url?,
        allow,
        auth,
        tls,
        timeout_ms: u64::try_from(timeout_ms).ok()?,
        answer_bytes_max: usize::try_from(bytes).ok()?,
        requests_per_second: u32::try_from(per_second).ok()?,
    })
}

fn action(table: &Table<'_>, key: Key) -> Option<String> {
    let Some(text) = table.text(key) else { return Some(String::new()) };
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"';
    if text.value.bytes().all(plain) {
        return Some(text.value);
    }
    let what = format!("`{}` is no name of an action", text.value);
    table.error(text.at, what, "blanks and quotes have no place in it", None);
    None
}

fn user(table: Table<'_>) -> Option<User> {
    let (name, password) = (table.need_text(USER), table.secret(PASSWORD));
    let form = table.choice_or(
        FORM,
        word("text", "As it is.", Form::Text),
        &[word("digest", "As a digest of it, with a nonce and the moment.", Form::Digest)],
    );
    table.finish();
    Some(User { name: name?.value, password: password?, form })
}

fn token(table: Table<'_>) -> Option<Token> {
    let url = table.text(TOKEN_URL);
    let action = action(&table, TOKEN_ACTION);
    let fragment = |key: Key, places: &[&str]| match table.text(key) {
        Some(text) => Some(Some(Fragment::read(&table, &text, places, true)?)),
        None => Some(None),
    };
    let body = fragment(TOKEN_BODY, &[]);
    let at = table.text_or(TOKEN_AT, "Security/BinarySecurityToken");
    let shown = fragment(TOKEN_SHOWN, &["token"]);
    let lasts_ms = table.duration_or(TOKEN_LASTS, "5m");
    if let Some(Some(shown)) = &shown
        && !shown.has("token")
    {
        let help = Some("write `{token}` where it stands".to_owned());
        table.error(table.at_value("shown"), "`shown` does not show the token", "", help);
    }
    table.finish();
    let usual = || Fragment::parse(&security::binary_token());
    Some(Token {
        url,
        action: action?,
        body: body?,
        at,
        shown: shown?.unwrap_or_else(usual),
        lasts_ms,
    })
}

pub fn rule(table: Table<'_>) -> Option<Rule> {
    let at = table.text(FAULT_AT).map(|way| way.value);
    let texts = |key: Key| -> Vec<String> {
        table.texts(key).unwrap_or_default().into_iter().map(|one| one.value).collect()
    };
    let (says, holds) = (texts(FAULT_SAYS), texts(FAULT_HOLDS));
    let means = table.choice(
        FAULT_MEANS,
        &[
            word("refused", "It was looked at and refused: a person looks.", Means::Refused),
            word("unavailable", "Nothing happened: later.", Means::Unavailable),
            word(
                "unauthorised",
                "It does not let us in: a token is fetched anew once.",
                Means::Unauthorised,
            ),
            word("not_found", "There is no such thing.", Means::NotFound),
            word("done", "It happened before: all is well.", Means::Done),
            word("unknown", "It may have happened, or not: it is found out.", Means::Unknown),
        ],
    );
    if says.is_empty() && holds.is_empty() && means.is_some() {
        let help = Some("write `says = [\"…\"]` or `holds = [\"…\"]`".to_owned());
        table.error(table.at(), "this rule fits no fault", "which texts?", help);
    }
    table.finish();
    Some(Rule { at, says, holds, means: means?.value })
}
