//! Sources that do not let us in. A service account that tries a wrong password at each poll of the night is
//! locked in the morning: after two refusals nobody tries what was refused any more for an hour, and something
//! new is tried as soon as it is set.
//!
//! What is remembered is this process's alone: whoever runs a job by hand has mended it, or wants to see.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::connector::channel::ConnectorError;
use crate::connector::definition::Surroundings;
use crate::record::moment::Moment;

/// So often something is tried that is refused.
const REFUSALS_MAX: u32 = 2;
/// After so long it is tried once more, in case that the account was unlocked.
const PAUSE_MS: i64 = 3_600_000;
/// What is said by a system that does not know us, or not with what we show. Others speak of an address, a
/// certificate or a right, and no try makes them worse. OpenRevenues counts for itself.
const OF_SIGN_INS: [&str; 5] = ["login.token", "poll.key", "sftp.login", "soap.key", "sql.login"];

/// The refusals that this process knows of, by connector.
#[derive(Default)]
pub struct SignIns {
    by: RandomState,
    known: Mutex<HashMap<String, Known>>,
}

/// What a connector was last opened with, and how often that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    /// The digest of every value of the environment that it was opened with.
    with: u64,
    times: u32,
    /// UTC milliseconds.
    since_ms: i64,
    last_ms: i64,
    code: &'static str,
}

/// The values of the environment that a connector is opened with, as they are fetched.
#[derive(Clone, Default)]
pub struct Fetched(Arc<Mutex<Vec<Value>>>);

/// Its name, and what it stands for.
type Value = (String, Option<String>);

impl Fetched {
    /// The surroundings that note what is fetched of them.
    pub fn noted(&self, around: Surroundings) -> Surroundings {
        let (inside, noting) = (Arc::clone(&around.variable), self.clone());
        let variable = move |name: &str| {
            let value = inside(name);
            held(&noting.0).push((name.to_owned(), value.clone()));
            value
        };
        Surroundings { variable: Arc::new(variable), ..around }
    }
}

impl SignIns {
    /// It was opened with that. An error where just that was refused too often and too lately.
    pub fn opened(
        &self,
        connector: &str,
        fetched: &Fetched,
        now_ms: i64,
    ) -> Result<(), ConnectorError> {
        let with = self.by.hash_one(&*held(&fetched.0));
        let mut known = held(&self.known);
        match known.get(connector).filter(|known| known.with == with) {
            Some(known) if known.is_paused(now_ms) => Err(known.told()),
            Some(_) => Ok(()),
            None => {
                let fresh = Known { with, times: 0, since_ms: now_ms, last_ms: now_ms, code: "" };
                known.insert(connector.to_owned(), fresh);
                Ok(())
            }
        }
    }

    /// What came of it.
    pub fn ended(&self, connector: &str, error: Option<&ConnectorError>, now_ms: i64) {
        let mut known = held(&self.known);
        let Some(known) = known.get_mut(connector) else { return };
        match error {
            Some(ConnectorError::Unauthorised { code, .. }) if OF_SIGN_INS.contains(code) => {
                if known.times == 0 {
                    known.since_ms = now_ms;
                }
                (known.times, known.last_ms, known.code) =
                    (known.times.saturating_add(1), now_ms, code);
            }
            // That it did not answer says nothing of whether it knows us.
            Some(_) => {}
            None => known.times = 0,
        }
    }
}

impl Known {
    fn is_paused(&self, now_ms: i64) -> bool {
        self.times >= REFUSALS_MAX && now_ms < self.last_ms.saturating_add(PAUSE_MS)
    }

    fn told(&self) -> ConnectorError {
        let cause = format!(
            "it refused our sign-in {} times since {}: nobody tries it again before {}, or before something \
             that it is opened with is changed",
            self.times,
            Moment(self.since_ms),
            Moment(self.last_ms.saturating_add(PAUSE_MS)),
        );
        ConnectorError::Unauthorised { code: self.code, cause }
    }
}

/// What is behind a lock. Whoever held it and broke off left nothing half done.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::context::surroundings;

    #[test]
    fn f35_what_was_refused_twice_is_tried_once_an_hour_and_what_is_new_at_once() {
        let signs = SignIns::default();
        let with = |password: &str| {
            let own = HashMap::from([("P".to_owned(), password.to_owned())]);
            let fetched = Fetched::default();
            let around = fetched.noted(surroundings(own));
            assert_eq!((around.variable)("P").as_deref(), Some(password));
            fetched
        };
        let refused = ConnectorError::Unauthorised { code: "sftp.login", cause: String::new() };
        let later = ConnectorError::Unavailable { cause: String::new(), retry_after_ms: None };
        let minute_ms = 60_000;
        let mut tried = Vec::new();
        for minute in 0..200 {
            let now_ms = minute * minute_ms;
            if let Err(told) = signs.opened("files", &with("old"), now_ms) {
                assert!(told.to_string().contains("refused our sign-in"), "{told}");
                continue;
            }
            tried.push(minute);
            // That it does not answer in between changes nothing.
            signs.ended("files", Some(&later), now_ms);
            signs.ended("files", Some(&refused), now_ms);
        }
        assert_eq!(tried, [0, 1, 61, 121, 181]);
        assert!(signs.opened("others", &with("old"), 181 * minute_ms).is_ok());
        assert!(signs.opened("files", &with("new"), 181 * minute_ms).is_ok());
        signs.ended("files", None, 181 * minute_ms);
        assert!(signs.opened("files", &with("new"), 182 * minute_ms).is_ok());
    }
}
