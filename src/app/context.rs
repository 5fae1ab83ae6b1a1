//! What commands work with: the definitions, the database, the clock, and jobs made ready from
//! them.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::clock::MachineClock;
use super::inbox::StoredInbox;
use super::sign_ins::{Fetched, SignIns};
use super::{codes, holder, links};
use crate::catalogue::load::{Catalogue, load};
use crate::connector::channel::{ConnectorError, Destination, Source};
use crate::connector::definition::{ConnectorDefinition, Surroundings};
use crate::connector::kinds::KINDS;
use crate::connector::open_id::Provider;
use crate::connector::stand_in::Stored;
use crate::definition::reader::Spanned;
use crate::job::bell::Bell;
use crate::job::bulk::remake::{Anew, Listener};
use crate::job::clock::Clock;
use crate::job::definition::{Action, FirstLoad, JobDefinition};
use crate::job::deliver::Deliver;
use crate::job::error::JobError;
use crate::job::holds::HoldError;
use crate::job::ingest::{Bench, Ingest, Watch};
use crate::job::resolve::Rules;
use crate::mapping::definition::OutboundMapping;
use crate::mapping::inbound::Inbound;
use crate::mapping::outbound::Outbound;
use crate::record::payment_link::{LinkKey, Links};
use crate::resolution::definition::{FieldRule, ResidentRules};
use crate::resolution::policy::Policy;
use crate::store::batches;
use crate::store::database::{Database, StoreError};
use crate::store::ids::Ids;
use crate::store::outbox;

/// What a command cannot go on without.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The definitions have errors; the text is the whole report.
    #[error("{0}")]
    Definitions(String),
    /// What was asked for is not there; the text says what there is.
    #[error("{0}")]
    NotThere(String),
    /// It was not asked for as it must be; the text says how it is.
    #[error("{0}")]
    Asked(String),
    /// It stands otherwise than it would have to; the text says how it stands.
    #[error("{0}")]
    Stands(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    #[error(transparent)]
    Job(#[from] JobError),
    #[error(transparent)]
    Hold(#[from] HoldError),
    #[error("{what}: {error}")]
    Io { what: String, error: std::io::Error },
}

/// The definitions and the database of one hub.
pub struct Context {
    pub definitions: PathBuf,
    pub catalogue: Arc<Catalogue>,
    pub database: Database,
    pub clock: Arc<dyn Clock>,
    pub around: Surroundings,
    /// What links to payments are sealed with.
    pub link_key: LinkKey,
    /// Wakes those who send, and ends them.
    pub bell: Arc<Bell>,
    /// Wakes those who read what systems push to us.
    pub arrived: Notify,
    /// Sources that do not let us in.
    pub sign_ins: SignIns,
    /// Those that were opened. One door for each: it keeps the pace.
    destinations: Mutex<HashMap<String, Arc<dyn Destination>>>,
}

impl Context {
    /// Loads the definitions, which must be without error, and opens the database.
    pub async fn open(definitions: &Path, url: &str) -> Result<Context, AppError> {
        let catalogue = checked(definitions)?;
        let database = Database::open(url).await?;
        let mark = format!("{:08x}", RandomState::new().hash_one(url) as u32);
        outbox::make_hub_mark(&database, &mark).await?;
        let secret = outbox::link_secret(&database, &links::fresh_secret()?).await?;
        Ok(Context {
            definitions: definitions.to_path_buf(),
            catalogue: Arc::new(catalogue),
            database,
            clock: Arc::new(MachineClock),
            around: surroundings(HashMap::new()),
            link_key: LinkKey::new(&secret),
            bell: Arc::default(),
            arrived: Notify::new(),
            sign_ins: SignIns::default(),
            destinations: Mutex::default(),
        })
    }

    /// The same hub on another database: a copy of its own.
    pub fn on(&self, database: Database) -> Context {
        Context {
            definitions: self.definitions.clone(),
            catalogue: Arc::clone(&self.catalogue),
            database,
            clock: Arc::clone(&self.clock),
            around: self.around.clone(),
            link_key: self.link_key.clone(),
            bell: Arc::default(),
            arrived: Notify::new(),
            sign_ins: SignIns::default(),
            destinations: Mutex::default(),
        }
    }

    /// The job of that name.
    pub fn job(&self, name: &str) -> Result<&JobDefinition, AppError> {
        self.catalogue.jobs.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.catalogue.jobs.keys().map(String::as_str).collect();
            let place = self.definitions.join("jobs");
            AppError::NotThere(format!(
                "there is no job `{name}` in {}: there is {}",
                place.display(),
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            ))
        })
    }

    /// Why a connector cannot be opened now, if it cannot.
    pub fn unopened(&self, connector: &ConnectorDefinition) -> Option<String> {
        let source = connector.settings.source(&self.around(&connector.name)).and_then(Result::err);
        let destination = connector.settings.destination(&self.around).and_then(Result::err);
        source.or(destination).map(|error| error.to_string())
    }

    /// The council's own sign-in, where `sign_in.toml` names one.
    pub fn provider(&self) -> Option<Result<Provider, ConnectorError>> {
        let rules = self.catalogue.sign_in.provider.as_ref()?;
        Some(Provider::open(rules, &self.around))
    }

    /// What a job works with.
    pub fn bench(&self) -> Bench {
        Bench {
            database: self.database.clone(),
            clock: Arc::clone(&self.clock),
            ids: Ids::new(),
            watch: Arc::new(Watch::default()),
        }
    }

    /// An ingest job, with its source open and its rules ready; an error where what it is opened with was refused
    /// too often.
    pub async fn ingest(&self, job: &JobDefinition) -> Result<Ingest, AppError> {
        let settings = &self.connector(job)?.settings;
        let (connector, fetched) = (&job.connector.value, Fetched::default());
        let around = fetched.noted(self.around(connector));
        let source = settings.source(&around).ok_or_else(|| gives_nothing(job))??;
        self.sign_ins.opened(connector, &fetched, self.clock.now_ms())?;
        self.ingest_from(job, source).await
    }

    /// What is found where the hub runs, with the inbox of that connector.
    pub fn around(&self, connector: &str) -> Surroundings {
        let inbox = StoredInbox {
            database: self.database.clone(),
            clock: Arc::clone(&self.clock),
            source: connector.to_owned(),
        };
        Surroundings { inbox: Some(Arc::new(inbox)), ..self.around.clone() }
    }

    /// An ingest job that reads one file in place of its source.
    pub async fn ingest_file(&self, job: &JobDefinition, file: &Path) -> Result<Ingest, AppError> {
        let settings = &self.connector(job)?.settings;
        let source = settings.file(file).ok_or_else(|| gives_nothing(job))??;
        self.ingest_from(job, source).await
    }

    /// An ingest job for what its source gave before. The source itself need not be there.
    pub async fn ingest_stored(&self, job: &JobDefinition) -> Result<Ingest, AppError> {
        let layout = self.connector(job)?.settings.layout().ok_or_else(|| gives_nothing(job))?;
        self.ingest_from(job, Arc::new(Stored(layout.clone()))).await
    }

    fn connector(&self, job: &JobDefinition) -> Result<&ConnectorDefinition, AppError> {
        let found = self.catalogue.connectors.get(&job.connector.value);
        found.ok_or_else(|| AppError::NotThere(format!("job `{}`: no connector", job.name)))
    }

    async fn ingest_from(
        &self,
        job: &JobDefinition,
        source: Arc<dyn Source>,
    ) -> Result<Ingest, AppError> {
        let connector = &job.connector.value;
        let broken = |what: &str| AppError::NotThere(format!("job `{}`: {what}", job.name));
        let definition = self.connector(job)?;
        let mapping = job.mapping.as_ref().and_then(|name| self.catalogue.inbound.get(&name.value));
        let mapping = mapping.ok_or_else(|| broken("no mapping"))?;
        let mapping = &codes::with_additions(&self.database, mapping).await?;
        let format = source.format();
        let inbound = Inbound::new(mapping, &|prefix| format.namespace(prefix).map(str::to_owned));
        let listening = self.catalogue.outbound.values();
        let listening = listening.filter(|one| one.listens_to(&job.connector.value));
        let outbound = listening.filter_map(Outbound::new).collect();
        let written = definition.limits.chunk_records.map(|chunk| chunk as usize);
        let chunk = written.unwrap_or(self.database.usual_chunk());
        let policy = self.policy().await?;
        let rules = Rules {
            inbound,
            outbound,
            policy,
            suppression: Arc::new(self.catalogue.suppression.policy.clone()),
            source_name: connector.clone(),
            links: self.links()?,
            chunk,
        };
        Ok(Ingest {
            job: job.name.clone(),
            source_name: connector.clone(),
            rules: Arc::new(rules),
            source,
            first_load_sends: job.first_load == FirstLoad::Send,
            keep_percent: i64::from(definition.limits.keep_percent),
            records_max: i64::from(definition.limits.records_max),
            chunk,
        })
    }

    /// A deliver job, with its destination open.
    pub fn deliver(&self, job: &JobDefinition) -> Result<Deliver, AppError> {
        let connector = &job.connector.value;
        let definition = self.connector(job)?;
        let destination = self.destination(definition)?;
        Ok(Deliver {
            job: job.name.clone(),
            holder: holder::name(),
            production: !definition.settings.allows_test_ranges(),
            policy: Arc::new(self.catalogue.suppression.policy.clone()),
            retry: job.retry,
            patience: definition.settings.patience(),
            conduct: definition.conduct.clone(),
            bell: Arc::clone(&self.bell),
            is_gone: holder::is_gone,
            ..Deliver::new(connector, &definition.system.value, destination)
        })
    }

    /// A system that is told, open.
    pub fn destination(
        &self,
        definition: &ConnectorDefinition,
    ) -> Result<Arc<dyn Destination>, AppError> {
        let name = &definition.name;
        let mut open = self.destinations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(destination) = open.get(name) {
            return Ok(Arc::clone(destination));
        }
        let opened = definition.settings.destination(&self.around).ok_or_else(|| {
            AppError::NotThere(format!("`{name}` is not a system that is told"))
        })??;
        open.insert(name.clone(), Arc::clone(&opened));
        Ok(opened)
    }

    /// How links to payments are written, for every system that an outbound mapping asks payments of.
    fn links(&self) -> Result<Links, AppError> {
        let mut addresses = HashMap::new();
        for payment in self.catalogue.outbound.values().filter_map(|one| one.payment.as_ref()) {
            let name = &payment.destination.value;
            let definition = self.catalogue.connectors.get(name);
            if let Some(links) = definition.and_then(|known| known.settings.payment_links()) {
                addresses.insert(name.clone(), self.around.expand(&links.value)?);
            }
        }
        Ok(Links { key: self.link_key.clone(), addresses })
    }

    /// What held deliveries are made anew with.
    pub fn anew(&self) -> Result<Anew, AppError> {
        let listener = |mapping: &OutboundMapping| {
            let sources = mapping.sources.iter().map(|source| source.value.clone()).collect();
            Some((mapping.name.clone(), Listener { outbound: Outbound::new(mapping)?, sources }))
        };
        let mappings = self.catalogue.outbound.values().filter_map(listener).collect();
        Ok(Anew { mappings, links: self.links()? })
    }

    /// The rules of `resident.toml`, with sources by their numbers in this database.
    async fn policy(&self) -> Result<Policy, AppError> {
        let mut numbers: HashMap<&str, i64> = HashMap::new();
        let mut ids = Ids::new();
        for name in self.catalogue.connectors.keys() {
            ids.reserve(&self.database, 1).await?;
            let id = batches::source_id(&self.database, name, ids.take()).await?;
            numbers.insert(name, id);
        }
        Ok(policy_of(&self.catalogue.resident, &|name| numbers.get(name).copied()))
    }

    /// Every job with a schedule, or all of one action.
    pub fn jobs(&self, action: Action) -> impl Iterator<Item = &JobDefinition> {
        self.catalogue.jobs.values().filter(move |job| job.action == action)
    }
}

fn gives_nothing(job: &JobDefinition) -> AppError {
    let (name, connector) = (&job.name, &job.connector.value);
    AppError::NotThere(format!("job `{name}`: `{connector}` is not a system that is asked"))
}

/// The rules with sources by their numbers; one that has none was never read from.
pub fn policy_of(rules: &ResidentRules, number: &dyn Fn(&str) -> Option<i64>) -> Policy {
    let known = |sources: &[Spanned<String>]| -> Vec<i64> {
        sources.iter().filter_map(|source| number(source.value.as_str())).collect()
    };
    let of = |sources: fn(&FieldRule) -> &Vec<Spanned<String>>| -> Vec<(String, Vec<i64>)> {
        let named = rules.fields.iter().filter(|rule| !sources(rule).is_empty());
        named.map(|rule| (rule.group.clone(), known(sources(rule)))).collect()
    };
    let then = rules.fields.iter().filter_map(|rule| Some((rule.group.clone(), rule.then?)));
    Policy {
        weights: rules.weights.clone(),
        exact: rules.exact.clone(),
        prefer: of(|rule| &rule.prefer),
        verified: of(|rule| &rule.verified),
        usual: rules.usual,
        then: then.collect(),
    }
}

/// The definitions in a folder, which must be without error.
pub fn checked(definitions: &Path) -> Result<Catalogue, AppError> {
    let catalogue = load(definitions, KINDS);
    if catalogue.has_errors() {
        return Err(AppError::Definitions(catalogue.report()));
    }
    Ok(catalogue)
}

/// The environment, with values of our own before it.
pub fn surroundings(own: HashMap<String, String>) -> Surroundings {
    Surroundings {
        variable: Arc::new(move |name| own.get(name).cloned().or_else(|| std::env::var(name).ok())),
        now: Arc::new(|| MachineClock.now_ms()),
        lookup: Arc::new(|name| {
            Box::pin(async move {
                let found = tokio::net::lookup_host((name, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        }),
        listening: Vec::new(),
        inbox: None,
    }
}
