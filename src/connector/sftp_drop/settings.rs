//! What `kind = "sftp_drop"` can be told, and how it is read from a definition.

use std::path::Path as FilePath;
use std::sync::Arc;

use super::session::fingerprint;
use crate::connector::address::{Allowed, Place};
use crate::connector::answering::forbidden;
use crate::connector::calling;
use crate::connector::channel::{ConnectorError, Extract, Source};
use crate::connector::definition::{Kind, Limits, Settings, Surroundings};
use crate::connector::file_drop::one_file::OneFile;
use crate::connector::file_drop::settings::Rules;
use crate::connector::format::layout::Layout;
use crate::connector::reaching::Way;
use crate::definition::reader::Spanned;
use crate::definition::secret::SecretReference;
use crate::definition::shape::{Key, key};
use crate::definition::table::Table;

pub const KIND: Kind = Kind {
    name: "sftp_drop",
    doc: "A folder on another machine, reached by SFTP, into which a system drops its extracts: each file is \
          read once, when it has stopped growing, and moved when it is safely stored.",
    read: |settings, limits| Some(Arc::new(SftpDropSettings::read(settings, limits)?)),
};

/// The settings of a folder on another machine.
#[derive(Debug, Clone)]
pub struct SftpDropSettings {
    pub host: Spanned<String>,
    pub port: u16,
    pub allow: Vec<Spanned<String>>,
    pub user: Spanned<String>,
    pub proof: Proof,
    /// The server's keys, whole or as fingerprints.
    pub host_keys: Vec<Spanned<String>>,
    pub directory: Spanned<String>,
    pub timeout_ms: u64,
    pub rules: Rules,
}

/// How we show who we are.
#[derive(Debug, Clone)]
pub enum Proof {
    Password(Spanned<SecretReference>),
    Key { key: Spanned<SecretReference>, passphrase: Option<Spanned<SecretReference>> },
}

const HOST: Key = key("host", "The machine, by its name. `${NAME}` is taken from the environment.")
    .example("host = \"sftp.example.com\"");
const PORT: Key = key("port", "The port that it listens on.");
const USER: Key = key("user", "Our name there. `${NAME}` is taken from the environment.")
    .example("user = \"council\"");
const PASSWORD: Key =
    key("password", "Where our password is kept.").example("password = \"secret:BANK_PASSWORD\"");
const PRIVATE_KEY: Key = key(
    "private_key",
    "Where our private key is kept, as OpenSSH writes it, in place of a password.",
)
.example("private_key = \"secret:BANK_KEY\"");
const PASSPHRASE: Key =
    key("passphrase", "Where the passphrase of that key is kept, if it has one.")
        .example("passphrase = \"secret:BANK_PASSPHRASE\"");
const HOST_KEY: Key = key(
    "host_key",
    "The server's key, which its owner tells us by another way: `SHA256:…`, or the whole of it. Another one is \
     never believed. A list, where it is about to be changed.",
)
.needed("ask its owner for the fingerprint of its key, and write `host_key = \"SHA256:…\"`")
.example("host_key = \"SHA256:n7Vy6yXzT1bJv2vI4S0a1bq3ZL1hQm2c3N0Q5m8Qx2A\"");
const DIRECTORY: Key = key(
    "directory",
    "The folder that files are dropped into, from the root or from where we are put. `${NAME}` is taken from \
     the environment.",
)
.example("directory = \"/outgoing\"");
const TIMEOUT: Key = key("timeout", "How long one file may take to be fetched.");

impl SftpDropSettings {
    /// Reads `[settings]`; faults are told to the file.
    pub fn read(settings: &Table<'_>, limits: &Limits) -> Option<SftpDropSettings> {
        let host = settings.need_text(HOST);
        let port = settings.whole_or(PORT, 1..=65_535, 22);
        let allow = settings.texts(calling::ALLOW).unwrap_or_default();
        let user = settings.need_text(USER);
        let proof = proof(settings);
        let host_keys = host_keys(settings);
        let directory = settings.need_text(DIRECTORY);
        let timeout_ms = settings.duration_or(TIMEOUT, "30m");
        let rules = Rules::read(settings, limits, 5_000);
        for line in allow.iter().filter(|line| !line.value.contains("${")) {
            if Allowed::parse(&line.value).is_none() {
                let what = format!("`{}` is no host and port", line.value);
                let help = Some("write it like `sftp.internal:22` or `10.1.2.3:22`".to_owned());
                settings.error(line.at, what, "not understood", help);
            }
        }
        Some(SftpDropSettings {
            host: host?,
            port: u16::try_from(port).ok()?,
            allow,
            user: user?,
            proof: proof?,
            host_keys: host_keys?,
            directory: directory?,
            timeout_ms: u64::try_from(timeout_ms.max(1)).ok()?,
            rules: rules?,
        })
    }

    /// The way to the machine, judged.
    pub fn way(&self, around: &Surroundings) -> Result<Way, ConnectorError> {
        let host = around.expand(&self.host.value)?;
        let place = Place::of_host(&host, self.port).map_err(|fault| forbidden(&fault))?;
        Way::open(place, &self.allow, around)
    }
}

fn proof(settings: &Table<'_>) -> Option<Proof> {
    let (password, key) = (settings.secret(PASSWORD), settings.secret(PRIVATE_KEY));
    let passphrase = settings.secret(PASSPHRASE);
    match (password, key) {
        (Some(password), None) => Some(Proof::Password(password)),
        (None, Some(key)) => Some(Proof::Key { key, passphrase }),
        // A secret in clear was refused already.
        (None, None) if settings.has(PASSWORD.name) || settings.has(PRIVATE_KEY.name) => None,
        (None, None) => {
            settings.missing(PASSWORD.name, "write `password` or `private_key`, each as a secret");
            None
        }
        (Some(_), Some(key)) => {
            let help = Some("take one of them out".to_owned());
            settings.error(key.at, "there are a password and a key", "one is enough", help);
            None
        }
    }
}

fn host_keys(settings: &Table<'_>) -> Option<Vec<Spanned<String>>> {
    let keys = settings.texts(HOST_KEY)?;
    for key in keys.iter().filter(|key| !key.value.contains("${")) {
        if fingerprint(&key.value).is_none() {
            let what = "this is no key of a server, and no fingerprint of one";
            let help = "`ssh-keygen -l -f KEY.pub` prints it: `SHA256:` and 43 letters".to_owned();
            settings.error(key.at, what, "not believed", Some(help));
            return None;
        }
    }
    Some(keys)
}

impl Settings for SftpDropSettings {
    fn layout(&self) -> Option<&Layout> {
        Some(&self.rules.layout)
    }

    fn source(&self, around: &Surroundings) -> Option<Result<Arc<dyn Source>, ConnectorError>> {
        let opened = super::open(self, around);
        Some(opened.map(|source| Arc::new(source) as Arc<dyn Source>))
    }

    fn file(&self, path: &FilePath) -> Option<Result<Arc<dyn Source>, ConnectorError>> {
        let opened = OneFile::open(&self.rules, path);
        Some(opened.map(|source| Arc::new(source) as Arc<dyn Source>))
    }

    fn extract(&self) -> Option<Extract> {
        Some(self.rules.extract)
    }
}
