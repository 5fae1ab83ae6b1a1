//! A connection by SSH: to a server whose key is known beforehand, and nobody else. Before the key was looked
//! at nothing of ours is said, neither name nor password.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::client::{self, AuthResult, Handle, Handler};
use russh::keys::{
    HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate,
    decode_secret_key,
};
use russh_sftp::client::SftpSession;
use tokio::net::TcpStream;

use super::settings::{Proof, SftpDropSettings};
use crate::connector::answering::unavailable;
use crate::connector::channel::ConnectorError;
use crate::connector::definition::Surroundings;
use crate::connector::reaching::Way;
use crate::definition::secret::Secret;

/// A server that says nothing for so long is taken for gone, seconds.
const SILENT_S: u64 = 30;

/// Who we are, and which server is believed.
pub struct Login {
    user: String,
    proof: Opened,
    /// `SHA256:…` of each key that it may have.
    known: Vec<String>,
}

/// With the secrets fetched.
enum Opened {
    Password(Secret),
    Key(Arc<PrivateKey>),
}

/// A connection that is open.
pub struct Connected {
    pub sftp: SftpSession,
    handle: Handle<Pinned>,
}

impl Connected {
    pub fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }
}

/// The fingerprint of a key, which may be written whole or as that already; None where it is neither.
pub fn fingerprint(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(digits) = text.strip_prefix("SHA256:") {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "+/".contains(letter);
        let digits = digits.trim_end_matches('=');
        return (digits.len() == 43 && digits.chars().all(plain))
            .then(|| format!("SHA256:{digits}"));
    }
    let key = PublicKey::from_openssh(text).ok()?;
    Some(key.fingerprint(HashAlg::Sha256).to_string())
}

impl Login {
    pub fn open(
        settings: &SftpDropSettings,
        around: &Surroundings,
    ) -> Result<Login, ConnectorError> {
        let proof = match &settings.proof {
            Proof::Password(password) => Opened::Password(around.secret(&password.value)?),
            Proof::Key { key, passphrase } => {
                let key = around.secret(&key.value)?;
                let passphrase = passphrase.as_ref();
                let passphrase = passphrase.map(|kept| around.secret(&kept.value)).transpose()?;
                let opened = passphrase.as_ref().map(Secret::expose);
                let key = decode_secret_key(key.expose(), opened).map_err(|_| {
                    let cause = "what `private_key` names is no private key, or `passphrase` does not open it";
                    ConnectorError::Unauthorised { code: "sftp.login", cause: cause.to_owned() }
                })?;
                Opened::Key(Arc::new(key))
            }
        };
        let user = around.expand(&settings.user.value)?;
        let mut known = Vec::new();
        for key in &settings.host_keys {
            let text = around.expand(&key.value)?;
            known.push(fingerprint(&text).ok_or_else(|| {
                let cause = "what `host_key` says is no key and no fingerprint".to_owned();
                ConnectorError::Unauthorised { code: "sftp.host_key", cause }
            })?);
        }
        Ok(Login { user, proof, known })
    }

    /// Connects to the first of its numbers that answers, and signs in.
    pub async fn connect(&self, way: &Way) -> Result<Connected, ConnectorError> {
        let mut last = unavailable("its name leads nowhere".to_owned(), None);
        for number in way.numbers().await? {
            match TcpStream::connect(number).await {
                Ok(stream) => return self.sign_in(stream).await,
                Err(error) => {
                    last = unavailable(format!("it cannot be reached: {}", error.kind()), None)
                }
            }
        }
        Err(last)
    }

    async fn sign_in(&self, stream: TcpStream) -> Result<Connected, ConnectorError> {
        let config = client::Config {
            inactivity_timeout: Some(Duration::from_secs(SILENT_S)),
            nodelay: true,
            ..client::Config::default()
        };
        let shown = Arc::new(Mutex::new(None));
        let pinned = Pinned { known: self.known.clone(), shown: Arc::clone(&shown) };
        let connected = client::connect_stream(Arc::new(config), stream, pinned).await;
        let mut handle = match connected {
            Ok(handle) => handle,
            Err(error) => return Err(self.not_connected(&error, &shown)),
        };
        let broken = |_| unavailable("the connection broke while we signed in".to_owned(), None);
        let user = self.user.clone();
        let result = match &self.proof {
            Opened::Password(password) => {
                handle.authenticate_password(user, password.expose()).await.map_err(broken)?
            }
            Opened::Key(key) => {
                let hash = handle.best_supported_rsa_hash().await.map_err(broken)?.flatten();
                let key = PrivateKeyWithHashAlg::new(Arc::clone(key), hash);
                handle.authenticate_publickey(user, key).await.map_err(broken)?
            }
        };
        if let AuthResult::Failure { .. } = result {
            let cause = "it does not know our name, or not with this password or key".to_owned();
            return Err(ConnectorError::Unauthorised { code: "sftp.login", cause });
        }
        let channel = handle.channel_open_session().await.map_err(broken)?;
        channel.request_subsystem(true, "sftp").await.map_err(broken)?;
        let sftp = SftpSession::new(channel.into_stream()).await;
        let sftp = sftp.map_err(|_| unavailable("it does not speak SFTP".to_owned(), None))?;
        Ok(Connected { sftp, handle })
    }

    fn not_connected(&self, error: &russh::Error, shown: &Mutex<Option<String>>) -> ConnectorError {
        let shown = shown.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        match shown {
            Some(shown) => {
                let known = self.known.join(" or ");
                let cause = format!(
                    "its key is {shown}, and {known} was expected: nothing was sent, neither name nor \
                     password. Ask its owner whether the key was changed, by another way than this"
                );
                ConnectorError::Unauthorised { code: "sftp.host_key", cause }
            }
            None => unavailable(format!("no connection by SSH was made: {error}"), None),
        }
    }
}

/// Believes the keys that were written down.
struct Pinned {
    known: Vec<String>,
    /// The fingerprint of a key that is none of them.
    shown: Arc<Mutex<Option<String>>>,
}

impl Handler for Pinned {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        key: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        let shown = match key {
            PublicKeyOrCertificate::PublicKey { key, .. } => {
                key.fingerprint(HashAlg::Sha256).to_string()
            }
            // Never asked for.
            PublicKeyOrCertificate::Certificate(_) => "a certificate".to_owned(),
        };
        if self.known.contains(&shown) {
            return Ok(true);
        }
        *self.shown.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(shown);
        Ok(false)
    }
}
