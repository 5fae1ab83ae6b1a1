//! What a connector file says: which system, by which kind of door, with which settings and limits.
//! The settings themselves are read by the kind, which alone knows what they mean; the list of
//! kinds is in `kinds`.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::address::Lookup;
use super::channel::{ConnectorError, Destination, Extract, SETTING_MISSING, Source};
use super::conduct::{self, Conduct};
use super::format::layout::Layout;
use super::receiving::{Hint, Inbox, Receiver};
use crate::definition::reader::{File, Span, Spanned};
use crate::definition::secret::{self, Secret, SecretReference};
use crate::definition::shape::{Key, key};
use crate::definition::suggest;
use crate::definition::table::Table;

/// `connectors/<name>.toml`.
#[derive(Clone, Debug)]
pub struct ConnectorDefinition {
    pub name: String,
    pub kind: Spanned<String>,
    /// The name that every record from here carries.
    pub system: Spanned<String>,
    /// Who is asked when it stops.
    pub owner: Option<String>,
    /// What it sends looks like: a file beside the definition.
    pub sample: Option<Spanned<String>>,
    pub settings: Arc<dyn Settings>,
    pub limits: Limits,
    pub conduct: Conduct,
}

/// One kind of connector: the word in `kind = "…"`, what it is, and how its settings are read.
#[derive(Clone, Copy)]
pub struct Kind {
    pub name: &'static str,
    /// A sentence for an integrator.
    pub doc: &'static str,
    /// Reads `[settings]`; faults are told to the table's file. Every key is asked for with its
    /// words, so that the same reading describes the kind.
    pub read: fn(&Table<'_>, &Limits) -> Option<Arc<dyn Settings>>,
}

/// Where an extract that was held whole lies.
#[derive(Debug, PartialEq, Eq)]
pub struct HeldAt {
    /// The folder that extracts come to.
    pub folder: PathBuf,
    /// The folder that held ones are moved to.
    pub held: PathBuf,
    /// What it is called there; none where it is not there any more.
    pub name: Option<String>,
}

/// What a delivery may bring to a system that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brings {
    Message,
    Payment,
    Push,
}

impl Brings {
    pub fn plural(self) -> &'static str {
        match self {
            Brings::Message => "messages",
            Brings::Payment => "payments",
            Brings::Push => "pushes",
        }
    }
}

/// What a kind made of its settings, and what can be opened with them.
pub trait Settings: Debug + Send + Sync {
    /// How the files are laid out that it is given; `None` where it gives no records.
    fn layout(&self) -> Option<&Layout> {
        None
    }

    /// Files beside the definition that its settings name.
    fn files(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Whether it can be told such a thing.
    fn takes(&self, _what: Brings) -> bool {
        false
    }

    /// The templates that a destination declares; `None` where any name will do.
    fn templates(&self) -> Option<Vec<String>> {
        None
    }

    /// Under which address payers open links to what is made here; `None` where nobody pays.
    fn payment_links(&self) -> Option<&Spanned<String>> {
        None
    }

    /// How long is waited for what, at this system.
    fn patience(&self) -> Patience {
        Patience::default()
    }

    /// Whether this system may be sent values that no real resident has.
    fn allows_test_ranges(&self) -> bool {
        false
    }

    /// Opens a system that is asked; `None` where this kind is not one.
    fn source(&self, _around: &Surroundings) -> Option<Result<Arc<dyn Source>, ConnectorError>> {
        None
    }

    /// One file that somebody names, to be read as what this system gives; `None` where it gives
    /// none.
    fn file(&self, _path: &Path) -> Option<Result<Arc<dyn Source>, ConnectorError>> {
        None
    }

    /// Whether an extract holds everything; `None` where this kind gives no extracts.
    fn extract(&self) -> Option<Extract> {
        None
    }

    /// Opens the door through which this system calls us; `None` where it does not.
    fn receiver(&self, _around: &Surroundings) -> Option<Result<Receiver, ConnectorError>> {
        None
    }

    /// Whose deliveries it gives hints of, where what it brings is no records.
    fn hint(&self) -> Option<&Hint> {
        None
    }

    /// Where an extract that was held whole lies, by the mark that it came with.
    fn held_at(&self, _around: &Surroundings, _mark: &str) -> Option<HeldAt> {
        None
    }

    /// Opens a system that is told; `None` where this kind is not one.
    fn destination(
        &self,
        _around: &Surroundings,
    ) -> Option<Result<Arc<dyn Destination>, ConnectorError>> {
        None
    }
}

/// How long is waited for what, at a system that is told, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// "No such thing" is believed so long after a send was given up: until then it may be on its way,
    /// or not yet be found.
    pub not_found_ms: i64,
    /// And not any more so long after the intent: a platform forgets.
    pub forgets_ms: i64,
    /// What was not found and turns up all the same does so within this time.
    pub doubt_ms: i64,
    /// When the status of an accepted delivery is read first; each wait is twice the one before.
    pub poll_ms: i64,
    pub poll_longest_ms: i64,
    /// How long a run waits for final words before it ends.
    pub run_ms: i64,
}

impl Default for Patience {
    fn default() -> Patience {
        const HOUR_MS: i64 = 3_600_000;
        Patience {
            not_found_ms: 5_000,
            // Two days less than the week for which GOV.UK Notify remembers.
            forgets_ms: 5 * 24 * HOUR_MS,
            doubt_ms: 0,
            poll_ms: 1_000,
            poll_longest_ms: HOUR_MS,
            run_ms: 45_000,
        }
    }
}

/// Finds what `${NAME}` or `secret:NAME` stands for.
pub type Variable = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Milliseconds since 1970, UTC.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What is found only where the hub runs.
#[derive(Clone)]
pub struct Surroundings {
    pub variable: Variable,
    pub now: Now,
    /// Finds the addresses of a name.
    pub lookup: Lookup,
    /// Where this hub itself listens.
    pub listening: Vec<SocketAddr>,
    /// Where the calls of the connector in hand are kept; None where there is no database.
    pub inbox: Option<Arc<dyn Inbox>>,
}

impl Surroundings {
    /// A setting with every `${NAME}` filled in.
    pub fn expand(&self, text: &str) -> Result<String, ConnectorError> {
        secret::expand(text, &|name| (self.variable)(name))
            .map_err(|missing| unset(&format!("{missing}: export it where the hub runs")))
    }

    /// A secret, fetched.
    pub fn secret(&self, reference: &SecretReference) -> Result<Secret, ConnectorError> {
        let name = reference.name();
        let held = (self.variable)(name);
        // Anybody can compute with a key of nothing.
        let held = held.filter(|text| !text.is_empty());
        held.map(Secret::new).ok_or_else(|| unset(&format!("the secret {name} is not set")))
    }
}

fn unset(cause: &str) -> ConnectorError {
    ConnectorError::Unauthorised { code: SETTING_MISSING, cause: cause.to_owned() }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Records that are dealt with in one transaction; where nothing is said, what suits the
    /// database best.
    pub chunk_records: Option<u32>,
    /// A record longer than this is held.
    pub record_bytes_max: u32,
    /// An extract with more records is held whole.
    pub records_max: u32,
    /// A full extract with a smaller part of the known records than this is held whole.
    pub keep_percent: u8,
}

/// Reads a connector file. A secret in clear is refused here, whatever the kind. None when it
/// cannot be used.
pub fn read(file: &File, name: &str, kinds: &[Kind]) -> Option<ConnectorDefinition> {
    let root = file.root();
    let head = head(&root);
    let settings = root.table(SETTINGS);
    let settings = settings.unwrap_or_else(|| Table::new(file, &[], Span::default()));
    let settings = match &head.kind {
        Some(written) => match kinds.iter().find(|kind| kind.name == written.value) {
            Some(kind) => {
                let read = (kind.read)(&settings, &head.limits);
                settings.finish();
                read
            }
            None => {
                let known: Vec<&str> = kinds.iter().map(|kind| kind.name).collect();
                let what = format!("there is no kind `{}`", written.value);
                file.error(written.at, what, "not known", suggest::help(&written.value, &known));
                None
            }
        },
        None => None,
    };
    root.finish();
    file.refuse_clear_secrets();
    Some(ConnectorDefinition {
        name: name.to_owned(),
        kind: head.kind?,
        system: head.system?,
        owner: head.owner,
        sample: head.sample,
        settings: settings?,
        limits: head.limits,
        conduct: head.conduct,
    })
}

const SETTINGS: Key =
    key("settings", "What this kind can be told: `viaduct connectors describe KIND`.");

/// What every connector file says, whatever its kind.
pub struct Head {
    pub kind: Option<Spanned<String>>,
    pub system: Option<Spanned<String>>,
    pub owner: Option<String>,
    pub sample: Option<Spanned<String>>,
    pub limits: Limits,
    pub conduct: Conduct,
}

/// Reads it; also how it is described.
pub fn head(root: &Table<'_>) -> Head {
    let kind = root.need_text(key("kind", "By which kind of door the system is reached."));
    let system = root.need_text(key("system", "The name that every record from here carries."));
    let owner = root.text(key("owner", "Who is asked when it stops."));
    let sample = root.text(key(
        "sample",
        "A file beside this one that looks like what the system sends, with invented residents. The \
         paths of mappings are checked against it.",
    ));
    let doc = "How much is taken at once, and what is too much.";
    let limits = match root.table(key("limits", doc)) {
        Some(table) => {
            let limits = limits(&table);
            table.finish();
            limits
        }
        None => Limits::default(),
    };
    let conduct = root.table(conduct::SENDING).map(|table| {
        let conduct = conduct::read(&table);
        table.finish();
        conduct
    });
    let (owner, conduct) = (owner.map(|owner| owner.value), conduct.unwrap_or_default());
    Head { kind, system, owner, sample, limits, conduct }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            chunk_records: None,
            record_bytes_max: 1_048_576,
            records_max: 5_000_000,
            keep_percent: 80,
        }
    }
}

fn limits(table: &Table<'_>) -> Limits {
    let usual = Limits::default();
    let chunk = table.whole(
        key(
            "chunk_records",
            "Records that are dealt with in one transaction. Where nothing is said, what suits the \
             database best.",
        ),
        1..=10_000,
    );
    let longest = table.whole_or(
        key("record_bytes_max", "A record that is longer, in bytes, is not read."),
        1_024..=67_108_864,
        i64::from(usual.record_bytes_max),
    );
    let most = table.whole_or(
        key(
            "records_max",
            "An extract with more records is held whole: a few bytes are kept in memory of each.",
        ),
        1..=100_000_000,
        i64::from(usual.records_max),
    );
    let keep = table.whole_or(
        key(
            "keep_percent",
            "A full extract that has fewer than this many of a hundred known records is held whole: \
             a half-empty file must not close half the accounts.",
        ),
        0..=100,
        i64::from(usual.keep_percent),
    );
    Limits {
        chunk_records: chunk.and_then(|number| u32::try_from(number.value).ok()),
        record_bytes_max: u32::try_from(longest).unwrap_or(usual.record_bytes_max),
        records_max: u32::try_from(most).unwrap_or(usual.records_max),
        keep_percent: u8::try_from(keep).unwrap_or(usual.keep_percent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Plain(#[expect(dead_code, reason = "printed by the tests")] String);

    impl Settings for Plain {}

    const KINDS: &[Kind] = &[Kind {
        name: "file_drop",
        doc: "",
        read: |settings, _| {
            let directory = settings.need_text("directory");
            let password = settings.secret("password");
            let said = format!("{} {}", directory?.value, password.is_some());
            Some(Arc::new(Plain(said)))
        },
    }];

    fn told(text: &str) -> (Option<ConnectorDefinition>, Vec<String>) {
        let file = File::parse("connectors/x.toml", text.to_owned());
        let connector = read(&file, "x", KINDS);
        (connector, file.into_diagnostics().into_iter().map(|one| one.what).collect())
    }

    #[test]
    fn a_connector_is_read_and_its_kind_reads_its_settings() {
        let (connector, told) = told(
            "kind = \"file_drop\"\nsystem = \"revenues\"\nsample = \"x.xml\"\n[settings]\n\
             directory = \"${DROP}\"\npassword = \"secret:DROP\"\n[limits]\nkeep_percent = 90\n",
        );
        assert_eq!(told, Vec::<String>::new());
        let connector = connector.expect("it has no faults");
        assert_eq!(format!("{:?}", connector.settings), "Plain(\"${DROP} true\")");
        assert_eq!(connector.limits.keep_percent, 90);
        assert_eq!(connector.limits.chunk_records, None);
    }

    #[test]
    fn faults_of_settings_and_secrets_in_clear_are_told_together() {
        let (connector, mut told) = told(
            "kind = \"file_drop\"\n[settings]\npassword = \"hunter2\"\ndirektory = \"x\"\n\
             [limits]\nchunk_records = 0\nrecords = 1\n",
        );
        assert!(connector.is_none());
        told.sort();
        assert_eq!(
            told,
            [
                "`chunk_records` is out of range",
                "`directory` is missing",
                "`direktory` is not known here",
                "`records` is not known here",
                "`system` is missing",
                "a secret is written in clear",
            ]
        );
    }

    #[test]
    fn an_unknown_kind_is_told_with_a_guess() {
        let (connector, told) = told("kind = \"file_dropp\"\nsystem = \"x\"\n");
        assert!(connector.is_none());
        assert_eq!(told, ["there is no kind `file_dropp`"]);
    }
}
