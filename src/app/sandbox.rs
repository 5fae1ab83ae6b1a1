//! `viaduct sandbox`: the platforms' emulators on loopback, until it is stopped.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::clock::MachineClock;
use super::context::AppError;
use crate::job::clock::Clock;
use crate::sandbox::govuk_notify::NotifySandbox;
use crate::sandbox::govuk_notify::council::{LIVE_SECRET, SERVICE_ID, TEAM_SECRET, TEST_SECRET};
use crate::sandbox::govuk_notify::service::Service;
use crate::sandbox::serving::Running;

/// GOV.UK Notify, being emulated.
pub struct Notify {
    pub running: Running,
    /// Name and key of each API key of the invented council's service.
    keys: Vec<(&'static str, String)>,
}

impl Notify {
    /// Serves it. Without a file of services it is the invented council's.
    pub async fn start(
        port: u16,
        services: Option<&Path>,
        ledger: Option<&Path>,
    ) -> Result<Notify, AppError> {
        let io = |what: String| move |error| AppError::Io { what, error };
        let known = match services {
            None => vec![Service::council()],
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(io(path.display().to_string()))?;
                Service::read_all(&text).map_err(|error| {
                    AppError::NotThere(format!("{} cannot be read: {error}", path.display()))
                })?
            }
        };
        let key = |name: &str, secret: &str| format!("{name}-{SERVICE_ID}-{secret}");
        let keys = match services {
            Some(_) => Vec::new(),
            None => vec![
                ("live", key("hub-live", LIVE_SECRET)),
                ("team", key("hub-team", TEAM_SECRET)),
                ("test", key("hub-test", TEST_SECRET)),
            ],
        };
        let mut sandbox = NotifySandbox::new(known, Arc::new(|| MachineClock.now_ms()));
        if let Some(path) = ledger {
            sandbox = sandbox.with_ledger(path).map_err(io(path.display().to_string()))?;
        }
        let what = format!("the sandbox cannot listen on 127.0.0.1:{port}");
        let running = sandbox.serve(port).await.map_err(io(what))?;
        Ok(Notify { running, keys })
    }

    /// What a hub must be told to send here: the variables that the definitions name.
    pub fn variables(&self) -> HashMap<String, String> {
        let mut variables = HashMap::from([("NOTIFY_URL".to_owned(), self.running.url.clone())]);
        if let Some((_, key)) = self.keys.first() {
            variables.insert("NOTIFY_API_KEY".to_owned(), key.clone());
        }
        variables
    }

    /// Address and keys, for machines.
    pub fn json(&self) -> Value {
        let keys: serde_json::Map<String, Value> =
            self.keys.iter().map(|(name, key)| ((*name).to_owned(), json!(key))).collect();
        json!({ "govuk_notify": { "url": self.running.url, "api_keys": keys } })
    }

    /// Address and keys, for people.
    pub fn text(&self) -> String {
        let mut text = format!("GOV.UK Notify (sandbox) on {}\n\n", self.running.url);
        let mut variables: Vec<_> = self.variables().into_iter().collect();
        variables.sort();
        for (name, value) in variables {
            text.push_str(&format!("  export {name}={value}\n"));
        }
        text.push_str(&format!(
            "\n  what was accepted    {url}/sandbox/ledger\n  faults to rehearse   \
             PUT {url}/sandbox/faults\n\nNothing is sent to anybody. Stop with Ctrl-C.\n",
            url = self.running.url
        ));
        text
    }
}
