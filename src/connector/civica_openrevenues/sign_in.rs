//! Signing in, and stopping in time where it is refused: a service account that tries a wrong password all
//! night is locked in the morning.
//!
//! The password is fetched for each sign-in, so that a new one is used as soon as it is set. After two
//! refusals nobody tries that password any more for an hour, whichever run asks: the job says so, with the
//! time, and what is to be asked waits.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::calls::{Caller, Question};
use super::reply::Reply;
use super::settings::CivicaSettings;
use crate::connector::answering::unavailable;
use crate::connector::channel::ConnectorError;
use crate::connector::definition::Surroundings;
use crate::connector::format::Format;
use crate::definition::secret::{Secret, SecretReference};
use crate::record::moment::Moment;

/// What a sign-in says that was taken. No other value is.
const TAKEN: &str = "5";
/// So often a password is tried that is refused.
const REFUSALS_MAX: u32 = 2;
/// After so long it is tried once more, in case that the account was unlocked.
const PAUSE_MS: i64 = 3_600_000;

/// The refusals that this process knows of. Lives as long as the definition, longer than a run.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<Option<Refused>>);

#[derive(Debug)]
struct Refused {
    password: Secret,
    times: u32,
    /// UTC milliseconds.
    since_ms: i64,
    last_ms: i64,
}

/// A session of the system, by the word that it gave. It is moved and never copied: whoever holds it is
/// the only one who does.
pub struct Session {
    id: Secret,
}

impl Session {
    pub fn id(&self) -> &str {
        self.id.expose()
    }
}

/// Who signs in.
pub struct SignIn {
    caller: Arc<Caller>,
    format: Arc<dyn Format>,
    user: String,
    password: SecretReference,
    around: Surroundings,
    refusals: Arc<Refusals>,
}

impl SignIn {
    pub fn new(
        settings: &CivicaSettings,
        around: &Surroundings,
        caller: Arc<Caller>,
    ) -> Result<SignIn, ConnectorError> {
        Ok(SignIn {
            caller,
            format: Arc::clone(&settings.layout.format),
            user: around.expand(&settings.user.value)?,
            password: settings.password.value.clone(),
            around: around.clone(),
            refusals: Arc::clone(&settings.memory.refusals),
        })
    }

    /// A new session. One signs in at a time, so that a refusal is known before the next tries.
    pub async fn sign_in(&self) -> Result<Session, ConnectorError> {
        let mut refused = self.refusals.0.lock().await;
        loop {
            let password = self.around.secret(&self.password)?;
            let now_ms = self.caller.now_ms();
            let before = refused.as_ref().filter(|before| before.password == password);
            if let Some(before) = before
                && before.times >= REFUSALS_MAX
                && now_ms < before.last_ms.saturating_add(PAUSE_MS)
            {
                return Err(before.told());
            }
            let times = before.map_or(1, |before| before.times.saturating_add(1));
            let since_ms = before.map_or(now_ms, |before| before.since_ms);
            if let Some(session) = self.attempt(&password).await? {
                *refused = None;
                return Ok(session);
            }
            let now = Refused { password, times, since_ms, last_ms: now_ms };
            let told = (times >= REFUSALS_MAX).then(|| now.told());
            *refused = Some(now);
            if let Some(told) = told {
                return Err(told);
            }
        }
    }

    /// Tries once; none where it is refused.
    async fn attempt(&self, password: &Secret) -> Result<Option<Session>, ConnectorError> {
        let parameters = [("userid", self.user.as_str()), ("password", password.expose())];
        let question = Question::new("crmlogin", &parameters, &["Login"]);
        let body = self.caller.ask(&question, None).await?;
        let reply = Reply::read(&body, &*self.format)
            .map_err(|no_data| unavailable(format!("at sign-in {}", no_data.said()), None))?;
        let Some(login) = reply.find("Login") else {
            return Err(unavailable("its answer to a sign-in is none".to_owned(), None));
        };
        let id = reply.text_below(login, "SessionID");
        match reply.text_below(login, "ErrorCode") {
            TAKEN if !id.is_empty() => Ok(Some(Session { id: Secret::new(id) })),
            TAKEN => Err(unavailable("it took the sign-in and gave no session".to_owned(), None)),
            _ => Ok(None),
        }
    }

    /// Whether the system answers at all, asked without a name.
    pub async fn is_up(&self) -> Result<bool, ConnectorError> {
        let question = Question::new("login", &[], &["StandardInfo"]);
        let body = self.caller.ask(&question, None).await?;
        let reply = Reply::read(&body, &*self.format);
        Ok(reply.is_ok_and(|reply| reply.find("StandardInfo").is_some()))
    }
}

impl Refused {
    fn told(&self) -> ConnectorError {
        let cause = format!(
            "it refused our sign-in {} times since {}: this password is not tried again before {}, and \
             a new one as soon as it is set",
            self.times,
            Moment(self.since_ms),
            Moment(self.last_ms.saturating_add(PAUSE_MS)),
        );
        ConnectorError::Unauthorised { code: "civica.sign_in", cause }
    }
}
