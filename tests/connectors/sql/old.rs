//! Somebody else's database, and what is asked of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use sqlx::{AssertSqlSafe, Connection, MySqlConnection, PgConnection, SqliteConnection};
use tempfile::TempDir;
use viaduct::app::context::surroundings;
use viaduct::connector::channel::{Asked, ConnectorError, Origin, ReadEnd, Source};
use viaduct::connector::definition::{Limits, Surroundings};
use viaduct::connector::format::{Raw, RecordSink, Stopped};
use viaduct::connector::sql::Sql;
use viaduct::connector::sql::settings::SqlSettings;
use viaduct::definition::reader::File;

use crate::support::{mariadb, postgres};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Postgres,
    MariaDb,
    Sqlite,
}

/// Makes three tests of one.
macro_rules! on_each {
    ($($name:ident => $body:path),* $(,)?) => {
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() { $body($crate::connectors::sql::old::Kind::Postgres).await; })*
        }
        mod mariadb {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() { $body($crate::connectors::sql::old::Kind::MariaDb).await; })*
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() { $body($crate::connectors::sql::old::Kind::Sqlite).await; })*
        }
    };
}
pub(crate) use on_each;

/// An old system's database.
pub struct Old {
    pub kind: Kind,
    pub url: String,
    /// Keeps the file for as long as the test.
    _folder: TempDir,
}

pub enum Hand {
    Postgres(PgConnection),
    MariaDb(MySqlConnection),
    Sqlite(SqliteConnection),
}

impl Hand {
    /// Does something there as its owner, or as whoever came in.
    pub async fn run(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Hand::Postgres(hand) => sql.execute(hand).await.map(|_| ()),
            Hand::MariaDb(hand) => sql.execute(hand).await.map(|_| ()),
            Hand::Sqlite(hand) => sql.execute(hand).await.map(|_| ()),
        }
    }
}

impl Old {
    pub async fn open(kind: Kind) -> Old {
        let folder = tempfile::tempdir().unwrap();
        let url = match kind {
            Kind::Postgres => format!("{}?sslmode=disable", postgres::fresh_database().await),
            Kind::MariaDb => mariadb::fresh_database().await,
            Kind::Sqlite => {
                let path = folder.path().join("old.db");
                std::fs::File::create(&path).unwrap();
                format!("sqlite:{}", path.display())
            }
        };
        Old { kind, url, _folder: folder }
    }

    /// What is written for that database, of the three.
    pub fn of<'a>(&self, postgres: &'a str, mariadb: &'a str, sqlite: &'a str) -> &'a str {
        match self.kind {
            Kind::Postgres => postgres,
            Kind::MariaDb => mariadb,
            Kind::Sqlite => sqlite,
        }
    }

    pub async fn hand(&self) -> Hand {
        self.hand_at(&self.url).await.unwrap()
    }

    pub async fn hand_at(&self, url: &str) -> Result<Hand, sqlx::Error> {
        Ok(match self.kind {
            Kind::Postgres => Hand::Postgres(PgConnection::connect(url).await?),
            Kind::MariaDb => Hand::MariaDb(MySqlConnection::connect(url).await?),
            Kind::Sqlite => Hand::Sqlite(SqliteConnection::connect(url).await?),
        })
    }

    pub async fn run(&self, sql: &str) {
        self.hand().await.run(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Its host and port, as `allow` names them.
    pub fn host(&self) -> String {
        match self.url.split_once('@') {
            Some((_, rest)) => rest.split('/').next().unwrap().to_owned(),
            None => "127.0.0.1:1".to_owned(),
        }
    }

    /// The settings of a definition: this query, and more lines.
    pub fn settings(&self, query: &str, more: &str) -> SqlSettings {
        let extract = if more.contains("extract") { "" } else { "extract = \"full\"\n" };
        let text = format!(
            "[settings]\nurl = \"secret:OLD_URL\"\nallow = [\"{}\"]\nkey = \"ref\"\n{extract}\
             query = '''{query}'''\n{more}\n",
            self.host()
        );
        let file = File::parse("connectors/old.toml", text);
        let table = file.root().table("settings").unwrap();
        let settings = SqlSettings::read(&table, &Limits::default());
        table.finish();
        let told: Vec<String> = file.into_diagnostics().into_iter().map(|one| one.what).collect();
        settings.unwrap_or_else(|| panic!("{told:?}"))
    }

    pub fn around(&self) -> Surroundings {
        surroundings(HashMap::from([("OLD_URL".to_owned(), self.url.clone())]))
    }

    /// Everything that a query gives.
    pub async fn ask(&self, query: &str) -> Result<Answer, ConnectorError> {
        self.ask_with(query, "", None).await
    }

    pub async fn ask_with(
        &self,
        query: &str,
        more: &str,
        cursor: Option<&str>,
    ) -> Result<Answer, ConnectorError> {
        ask(self.settings(query, more), &self.around(), cursor, Catch::default()).await
    }
}

/// What came: each record, its key and why it is held, if it is.
#[derive(Debug)]
pub struct Answer {
    pub rows: Vec<Row>,
    pub end: ReadEnd,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub key: String,
    pub text: String,
    pub held: Option<&'static str>,
}

impl Answer {
    pub fn keys(&self) -> Vec<&str> {
        self.rows.iter().map(|row| row.key.as_str()).collect()
    }

    pub fn texts(&self) -> Vec<&str> {
        self.rows.iter().map(|row| row.text.as_str()).collect()
    }
}

/// Asks with settings that may be other than a definition could say.
pub async fn ask(
    settings: SqlSettings,
    around: &Surroundings,
    cursor: Option<&str>,
    catch: Catch,
) -> Result<Answer, ConnectorError> {
    let source = Sql::open(settings, around)?;
    let origin = source.look(cursor).await?.remove(0);
    let after = cursor.map(str::to_owned);
    assert!(origin.asked == Some(Asked { after }) || cursor.is_some(), "{origin:?}");
    read(&source, &origin, catch).await
}

async fn read(source: &Sql, origin: &Origin, catch: Catch) -> Result<Answer, ConnectorError> {
    let rows = Arc::clone(&catch.rows);
    let (_, end) = source.read(origin, Box::new(catch)).await;
    let rows = rows.lock().unwrap().clone();
    Ok(Answer { rows, end: end? })
}

/// Takes records; at the first it may tell somebody, and wait until it is told to go on.
#[derive(Default)]
pub struct Catch {
    pub rows: Arc<Mutex<Vec<Row>>>,
    pub pause: Option<(std::sync::mpsc::Sender<()>, std::sync::mpsc::Receiver<()>)>,
    pub most: Option<usize>,
}

impl Catch {
    fn put(&mut self, key: &str, raw: Raw<'_>, held: Option<&'static str>) -> Result<(), Stopped> {
        if let Some((began, go_on)) = self.pause.take() {
            began.send(()).unwrap();
            go_on.recv().unwrap();
        }
        let text = String::from_utf8_lossy(raw.bytes).into_owned();
        let mut rows = self.rows.lock().unwrap();
        rows.push(Row { key: key.to_owned(), text, held });
        match self.most {
            Some(most) if rows.len() >= most => Err(Stopped),
            _ => Ok(()),
        }
    }
}

impl RecordSink for Catch {
    fn record(&mut self, key: &str, raw: Raw<'_>) -> Result<(), Stopped> {
        self.put(key, raw, None)
    }

    fn unreadable(&mut self, code: &'static str, _: String, raw: Raw<'_>) -> Result<(), Stopped> {
        self.put("", raw, Some(code))
    }

    fn unsound(
        &mut self,
        key: &str,
        code: &'static str,
        _: String,
        raw: Raw<'_>,
    ) -> Result<(), Stopped> {
        self.put(key, raw, Some(code))
    }
}
