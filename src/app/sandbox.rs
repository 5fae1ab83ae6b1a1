//! The emulators that `viaduct sandbox` begins, each on loopback, and what is said of them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::clock::MachineClock;
use super::context::AppError;
use crate::job::clock::Clock;
use crate::sandbox::civica_openrevenues::{self, CivicaSandbox};
use crate::sandbox::civica_pay::{self, CivicaPaySandbox};
use crate::sandbox::council::Council;
use crate::sandbox::council::household::Household;
use crate::sandbox::govuk_notify::NotifySandbox;
use crate::sandbox::govuk_notify::council::{LIVE_SECRET, SERVICE_ID, TEAM_SECRET, TEST_SECRET};
use crate::sandbox::govuk_notify::service::{Service, Template};
use crate::sandbox::govuk_pay::{COUNCIL_KEY, PaySandbox, WEBHOOK_SECRET};
use crate::sandbox::receiver::Receiver;
use crate::sandbox::serving::Running;
use crate::sandbox::verint::{self, VerintSandbox};

/// The services of a file; without one the invented council's.
fn known(file: Option<&Path>) -> Result<Vec<Service>, AppError> {
    let Some(path) = file else { return Ok(vec![Service::council()]) };
    let what = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| AppError::Io { what: what.clone(), error })?;
    Service::read_all(&text).map_err(|error| {
        AppError::NotThere(format!(
            "{what} cannot be read as a list of services (docs/running.md has an example): {error}"
        ))
    })
}

/// The templates that GOV.UK Notify has in the sandbox.
pub struct Templates(Vec<Service>);

/// Those of a file of services, or of the invented council's.
pub fn templates(services: Option<&Path>) -> Result<Templates, AppError> {
    known(services).map(Templates)
}

impl Templates {
    fn all(&self) -> impl Iterator<Item = &Template> {
        self.0.iter().flat_map(|service| &service.templates)
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let one = |template: &Template| {
            json!({
                "id": template.id,
                "name": template.name,
                "type": template.channel.word(),
                "placeholders": template.placeholders(),
            })
        };
        self.all().map(one).collect()
    }

    /// For people: what goes under `[settings.templates]`, and what a mapping must fill.
    pub fn text(&self) -> String {
        let mut text = String::from(
            "Templates of GOV.UK Notify (sandbox): the numbers for `[settings.templates]`\n\n",
        );
        for template in self.all() {
            let Template { id, name, channel, .. } = template;
            let placeholders: Vec<String> = template.placeholders().into_iter().collect();
            let fills = placeholders.join(", ");
            text.push_str(&format!("  {id}  {:<7}{name:<20}{fills}\n", channel.word()));
        }
        text.push_str(
            "\nYour own: viaduct sandbox --services FILE (docs/running.md, \"Rehearsing\").\n",
        );
        text
    }
}

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
        let known = known(services)?;
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
        json!({ "url": self.running.url, "api_keys": keys })
    }

    /// Address and keys, for people.
    pub fn text(&self) -> String {
        let mut text = format!("GOV.UK Notify (sandbox) on {}\n\n", self.running.url);
        text.push_str(&exports(self.variables()));
        text.push_str(&format!(
            "\n  what was accepted    {url}/sandbox/ledger\n  faults to rehearse   \
             PUT {url}/sandbox/faults\n",
            url = self.running.url
        ));
        text
    }
}

/// GOV.UK Pay, being emulated: the invented council's test account.
pub struct Pay {
    pub running: Running,
    pub sandbox: PaySandbox,
}

impl Pay {
    /// Serves it; what it is asked is also written to `requests`, and what happens is told to that address.
    pub async fn start(
        port: u16,
        requests: Option<&Path>,
        told_to: Option<&str>,
    ) -> Result<Pay, AppError> {
        let io = |what: String| move |error| AppError::Io { what, error };
        let mut sandbox = PaySandbox::council(Arc::new(|| MachineClock.now_ms()), told_to);
        if let Some(path) = requests {
            sandbox = sandbox.with_requests(path).map_err(io(path.display().to_string()))?;
        }
        let what = format!("the sandbox cannot listen on 127.0.0.1:{port}");
        let running = sandbox.serve(port).await.map_err(io(what))?;
        Ok(Pay { running, sandbox })
    }

    /// What a hub must be told to ask for payments here.
    pub fn variables(&self) -> HashMap<String, String> {
        HashMap::from([
            ("PAY_URL".to_owned(), self.running.url.clone()),
            ("PAY_API_KEY".to_owned(), COUNCIL_KEY.to_owned()),
            ("PAY_WEBHOOK".to_owned(), WEBHOOK_SECRET.to_owned()),
        ])
    }

    /// Address and key, for machines.
    pub fn json(&self) -> Value {
        json!({ "url": self.running.url, "api_key": COUNCIL_KEY })
    }

    /// Address and key, for people.
    pub fn text(&self) -> String {
        format!(
            "GOV.UK Pay (sandbox) on {url}\n\n{}  export PUBLIC_URL=http://127.0.0.1:8480   \
             # where `viaduct serve` opens the links\n\n  \
             what was made        {url}/sandbox/ledger\n  faults to rehearse   \
             PUT {url}/sandbox/faults\n",
            exports(self.variables()),
            url = self.running.url
        )
    }
}

/// Systems that are told by HTTP, being emulated.
pub struct Told {
    pub running: Running,
}

impl Told {
    /// Serves them; what they did is also written to `ledger`.
    pub async fn start(port: u16, ledger: Option<&Path>) -> Result<Told, AppError> {
        let io = |what: String| move |error| AppError::Io { what, error };
        let mut receiver = Receiver::new(Arc::new(|| MachineClock.now_ms()));
        if let Some(path) = ledger {
            receiver = receiver.with_ledger(path).map_err(io(path.display().to_string()))?;
        }
        let what = format!("the sandbox cannot listen on 127.0.0.1:{port}");
        let running = receiver.serve(port).await.map_err(io(what))?;
        Ok(Told { running })
    }

    /// Addresses, for machines.
    pub fn json(&self) -> Value {
        json!({ "url": self.running.url })
    }

    /// Addresses, and how a connector names them, for people.
    pub fn text(&self) -> String {
        let url = &self.running.url;
        let host = url.trim_start_matches("http://");
        format!(
            "Systems that are told by HTTP (sandbox) on {url}\n\n  \
             honours keys         url = \"{url}/keyed\"   idempotency = \"key\"\n  \
             can be asked         url = \"{url}/asked\"   idempotency = \"ask\"   \
             status_url = \"{url}/asked/{{reference}}\"\n  \
             neither              url = \"{url}/plain\"   idempotency = \"none\"\n  \
             each needs           allow = [\"{host}\"]\n  \
             what was done        {url}/sandbox/ledger\n  faults to rehearse   \
             PUT {url}/sandbox/faults\n"
        )
    }
}

/// Civica OpenRevenues, being emulated: the invented council's accounts and claims.
pub struct OpenRevenues {
    pub running: Running,
    pub sandbox: CivicaSandbox,
}

/// The council that it has, the same each time.
const COUNCIL_SEED: u64 = 42;

impl OpenRevenues {
    /// Serves it, with so many accounts.
    pub async fn start(port: u16, accounts: u32) -> Result<OpenRevenues, AppError> {
        OpenRevenues::of(Council::new(COUNCIL_SEED, accounts), port).await
    }

    /// Serves that council's.
    pub async fn of(council: Council, port: u16) -> Result<OpenRevenues, AppError> {
        let sandbox = CivicaSandbox::new(council, Arc::new(|| MachineClock.now_ms()));
        let what = format!("the sandbox cannot listen on 127.0.0.1:{port}");
        let running = sandbox.serve(port).await.map_err(|error| AppError::Io { what, error })?;
        Ok(OpenRevenues { running, sandbox })
    }

    /// What a hub must be told to ask it: the variables that the definitions name, but for the folder in
    /// which the list of people lies.
    pub fn variables(&self) -> HashMap<String, String> {
        let url = &self.running.url;
        HashMap::from([
            ("OPENREVENUES_URL".to_owned(), format!("{url}/openrevenues")),
            ("OPENREVENUES_HOST".to_owned(), url.trim_start_matches("http://").to_owned()),
            ("OPENREVENUES_USER".to_owned(), civica_openrevenues::USER.to_owned()),
            ("OPENREVENUES_PASSWORD".to_owned(), civica_openrevenues::PASSWORD.to_owned()),
        ])
    }

    /// Address and login, for machines.
    pub fn json(&self) -> Value {
        let (user, password) = (civica_openrevenues::USER, civica_openrevenues::PASSWORD);
        let url = format!("{}/openrevenues", self.running.url);
        json!({ "url": url, "user": user, "password": password })
    }

    /// Address and login, for people.
    pub fn text(&self) -> String {
        format!(
            "Civica OpenRevenues (sandbox) on {url}\n\n{}  export OPENREVENUES_PEOPLE=people   \
             # a folder with the list: curl -o people/people-1.csv {url}/sandbox/people.csv\n\n  \
             what was asked       {url}/sandbox/ledger\n  faults to rehearse   \
             PUT {url}/sandbox/faults, {url}/sandbox/behaviour\n",
            exports(self.variables()),
            url = self.running.url
        )
    }
}

/// Civica Pay, being emulated.
pub struct CivicaPay {
    pub running: Running,
}

impl CivicaPay {
    pub async fn start(port: u16) -> Result<CivicaPay, AppError> {
        let what = format!("the sandbox cannot listen on 127.0.0.1:{port}");
        let running = CivicaPaySandbox::new().serve(port).await;
        Ok(CivicaPay { running: running.map_err(|error| AppError::Io { what, error })? })
    }

    /// What a connector names.
    fn variables(&self) -> HashMap<String, String> {
        let url = &self.running.url;
        HashMap::from([
            ("CIVICA_PAY_URL".to_owned(), url.clone()),
            ("CIVICA_PAY_QUERY_URL".to_owned(), format!("{url}/QueryAuthRequests/Service1.asmx")),
            ("CIVICA_PAY_HOST".to_owned(), url.trim_start_matches("http://").to_owned()),
            ("CIVICA_PAY_CUSTOMER".to_owned(), civica_pay::CUSTOMER.to_owned()),
            ("CIVICA_PAY_PASSWORD".to_owned(), civica_pay::PASSWORD.to_owned()),
        ])
    }

    /// Address and login, for machines.
    pub fn json(&self) -> Value {
        let (customer, password) = (civica_pay::CUSTOMER, civica_pay::PASSWORD);
        json!({ "url": self.running.url, "customer_id": customer, "api_password": password })
    }

    /// Address and login, for people.
    pub fn text(&self) -> String {
        format!(
            "Civica Pay (sandbox) on {url}\n\n{}\n  what was made        {url}/sandbox/ledger\n  \
             what a payer does    POST {url}/sandbox/baskets/EX00000001/payer\n  \
             faults to rehearse   PUT {url}/sandbox/faults\n",
            exports(self.variables()),
            url = self.running.url
        )
    }
}

/// Verint CRM, being emulated.
pub struct Crm {
    pub running: Running,
}

impl Crm {
    /// Serves it; what is written there is also written to `ledger`.
    pub async fn start(port: u16, ledger: Option<&Path>) -> Result<Crm, AppError> {
        Crm::with_enquiries(&[], port, ledger).await
    }

    /// The same, with a case for each of these residents.
    pub async fn with_enquiries(
        homes: &[Household],
        port: u16,
        ledger: Option<&Path>,
    ) -> Result<Crm, AppError> {
        let io = |what: String| move |error| AppError::Io { what, error };
        let sandbox = VerintSandbox::new(Arc::new(|| MachineClock.now_ms()));
        let mut sandbox = sandbox.with_enquiries(homes);
        if let Some(path) = ledger {
            sandbox = sandbox.with_ledger(path).map_err(io(path.display().to_string()))?;
        }
        let what = format!("the sandbox cannot listen on 127.0.0.1:{port}");
        let running = sandbox.serve(port).await.map_err(io(what))?;
        Ok(Crm { running })
    }

    /// What a hub must be told to call here.
    pub fn variables(&self) -> HashMap<String, String> {
        let url = &self.running.url;
        HashMap::from([
            ("VERINT_URL".to_owned(), url.clone()),
            ("VERINT_HOST".to_owned(), url.trim_start_matches("http://").to_owned()),
            ("VERINT_USER".to_owned(), verint::USER.to_owned()),
            ("VERINT_PASSWORD".to_owned(), verint::PASSWORD.to_owned()),
        ])
    }

    /// Address and login, for machines.
    pub fn json(&self) -> Value {
        let variables: serde_json::Map<String, Value> =
            self.variables().into_iter().map(|(name, value)| (name, json!(value))).collect();
        json!({ "url": self.running.url, "variables": variables })
    }

    /// Address and login, for people.
    pub fn text(&self) -> String {
        format!(
            "Verint CRM (sandbox) on {url}\n\n{}\n  \
             what was written     {url}/sandbox/ledger\n  faults to rehearse   \
             PUT {url}/sandbox/faults\n  another user's work  PUT {url}/sandbox/cases/101009990001\n",
            exports(self.variables()),
            url = self.running.url
        )
    }
}

fn exports(variables: HashMap<String, String>) -> String {
    let mut variables: Vec<_> = variables.into_iter().collect();
    variables.sort();
    let lines = variables.iter().map(|(name, value)| format!("  export {name}={value}\n"));
    lines.collect()
}
