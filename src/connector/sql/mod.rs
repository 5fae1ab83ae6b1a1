//! A database that is asked for its records over SQL: one query, read to its end as it comes, in one
//! transaction that only reads and sees one moment.
//!
//! Nothing is paged. A page that is asked for later sees other rows; an answer that is read as it comes shows
//! what was so at its beginning, whatever is changed meanwhile, and so misses nothing and doubles nothing
//! (docs/decisions/0016). A poll is all or nothing, and how far it came is the newest version among its rows.

pub mod column;
mod fault;
pub mod form;
mod mysql;
mod postgres;
mod pouring;
mod relay;
mod server;
pub mod settings;
mod sqlite;

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use self::column::{Column, ColumnFault};
use self::pouring::Pouring;
use self::server::Server;
use self::settings::SqlSettings;
use crate::connector::channel::{Asked, ConnectorError, Extract, Origin, ReadEnd, Source, Taken};
use crate::connector::definition::{Now, Surroundings};
use crate::connector::ending;
use crate::connector::format::version::Version;
use crate::connector::format::{Format, RecordSink};
use crate::connector::taking::Taking;

/// A database that is asked, open: nobody is connected to before it is read.
pub struct Sql {
    server: Server,
    settings: SqlSettings,
    clock: Now,
}

/// What a database is asked, and how patiently.
pub struct Question<'a> {
    settings: &'a SqlSettings,
    /// What changed since this, by that column; everything where it is None.
    since: Option<(String, &'a Version)>,
    until: Instant,
}

impl Sql {
    /// Opens the database that the settings name; its address is judged here, and every number that it leads
    /// to before it is connected to.
    pub fn open(settings: SqlSettings, around: &Surroundings) -> Result<Sql, ConnectorError> {
        let server = Server::open(&settings, around)?;
        Ok(Sql { server, settings, clock: around.now.clone() })
    }

    /// What is asked for, with how far it came last.
    fn question(&self, after: Option<&str>) -> Question<'_> {
        let version = self.settings.version.as_ref();
        let since = version.and_then(|version| {
            let from = match after {
                Some(after) => version.before(after, self.settings.since_overlap_ms),
                None => self.settings.since_start.clone(),
            };
            from.map(|from| (from, version))
        });
        let until = Instant::now() + Duration::from_millis(self.settings.timeout_ms);
        Question { settings: &self.settings, since, until }
    }

    async fn ask(
        &self,
        question: &Question<'_>,
        pouring: &mut Pouring,
    ) -> Result<(), ConnectorError> {
        match &self.server {
            Server::Postgres(options, way) => {
                let mut way = question.within(server::postgres(options, way)).await??;
                postgres::read(&mut way.connection, question, pouring).await
            }
            Server::MySql(options, way) => {
                let mut way = question.within(server::mysql(options, way)).await??;
                mysql::read(&mut way.connection, question, pouring).await
            }
            Server::Sqlite(options) => {
                let mut connection = question.within(server::sqlite(options)).await??;
                sqlite::read(&mut connection, question, pouring).await
            }
        }
    }
}

impl Question<'_> {
    /// Waits no longer than there is time for the whole.
    async fn within<T>(&self, work: impl Future<Output = T>) -> Result<T, ConnectorError> {
        let late = |_| crate::connector::answering::unavailable(fault::TOO_SLOW.to_owned(), None);
        tokio::time::timeout_at(self.until, work).await.map_err(late)
    }

    /// How long a statement may take (milliseconds): all the time that is left.
    fn left_ms(&self) -> u64 {
        let left = self.until.saturating_duration_since(Instant::now());
        u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// The columns of an answer, which must have names of their own, and be all that the settings name.
    fn judged(&self, columns: Vec<Column>) -> Result<Vec<Column>, ConnectorError> {
        let named = self.named();
        let named: Vec<(&str, &'static str)> =
            named.iter().map(|(name, key)| (name.as_str(), *key)).collect();
        column::judge(&columns, &named)?;
        Ok(columns)
    }

    /// The query with these values in the place of its own: it stands in brackets, as it was written.
    fn around(&self, values: &[String]) -> String {
        format!("SELECT {} FROM (\n{}\n) AS q", values.join(", "), self.settings.query)
    }

    /// The columns that the settings name, and which of them does.
    fn named(&self) -> Vec<(String, &'static str)> {
        let last =
            |path: crate::record::document::Path| path.steps.last().map(|step| step.name.clone());
        let keys = self.settings.layout.format.key().into_iter().filter_map(last);
        let version = self.settings.version.iter().map(|version| version.column().to_owned());
        keys.map(|name| (name, "key")).chain(version.map(|name| (name, "version"))).collect()
    }
}

impl From<ColumnFault> for ConnectorError {
    fn from(fault: ColumnFault) -> ConnectorError {
        ConnectorError::Refused { code: "sql.column".to_owned(), cause: fault.to_string() }
    }
}

#[async_trait]
impl Source for Sql {
    async fn look(&self, cursor: Option<&str>) -> Result<Vec<Origin>, ConnectorError> {
        let after = cursor.filter(|_| self.settings.version.is_some()).map(str::to_owned);
        let now_ms = (self.clock)();
        let name = match &after {
            Some(after) => format!("what changed since {after}"),
            None => "everything there is".to_owned(),
        };
        let mark = format!("asked|{now_ms}|{name}");
        Ok(vec![Origin { name, mark, bytes: 0, asked: Some(Asked { after }) }])
    }

    async fn read(
        &self,
        origin: &Origin,
        sink: Box<dyn RecordSink>,
    ) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>) {
        let after = origin.asked.as_ref().and_then(|asked| asked.after.as_deref());
        let question = self.question(after);
        let layout = self.settings.layout.clone();
        let version = self.settings.version.clone();
        let taking = Taking::new(sink, layout, version, (self.clock)());
        let mut pouring = Pouring::new(taking, self.settings.cell_bytes_max);
        let asked = self.ask(&question, &mut pouring).await;
        let (taking, end) = pouring.finish(asked, self.settings.extract, after).await;
        ending::finished(taking.into_sink(), end).await
    }

    async fn acknowledge(&self, _: &Origin, _: Taken) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn format(&self) -> &dyn Format {
        &*self.settings.layout.format
    }

    fn extract(&self) -> Extract {
        self.settings.extract
    }

    fn version(&self) -> Option<&Version> {
        self.settings.version.as_ref()
    }

    fn not_cards(&self) -> &[String] {
        &self.settings.layout.not_cards
    }
}
