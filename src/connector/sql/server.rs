//! Which database an address names, and how it is reached: at a number that was judged, and no other.

use std::net::SocketAddr;
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, MySqlConnection, PgConnection, SqliteConnection};

use super::fault;
use super::relay::Relay;
use super::settings::SqlSettings;
use crate::connector::address::{AddressFault, Place};
use crate::connector::answering::{forbidden, unavailable};
use crate::connector::channel::ConnectorError;
use crate::connector::definition::Surroundings;
use crate::connector::reaching::Way;

/// A database, and how it is reached. It does not print: the options have the password in them.
pub enum Server {
    Postgres(Box<PgConnectOptions>, Way),
    MySql(Box<MySqlConnectOptions>, Way),
    Sqlite(Box<SqliteConnectOptions>),
}

/// A connection, and what it goes through.
pub struct Connected<C> {
    pub connection: C,
    _relay: Option<Relay>,
}

impl Server {
    /// Takes the address apart and judges it, with the secrets fetched. Nobody is called yet.
    pub fn open(settings: &SqlSettings, around: &Surroundings) -> Result<Server, ConnectorError> {
        let secret = around.secret(&settings.url.value)?;
        let url = secret.expose();
        let unread = |_| fault::of(sqlx::Error::Configuration("".into()));
        let authority = settings.authority.as_ref();
        let authority = authority.map(|kept| around.secret(&kept.value)).transpose()?;
        let authority = authority.map(|pem| pem.expose().as_bytes().to_vec());
        let way = |port: u16| -> Result<Way, ConnectorError> {
            let place = Place::of_database(url, port).map_err(|fault| forbidden(&fault))?;
            Way::open(place, &settings.allow, around)
        };
        match url.split_once(':').map_or("", |(scheme, _)| scheme) {
            "postgres" | "postgresql" => {
                let way = way(5432)?;
                let mut options = url.parse::<PgConnectOptions>().map_err(unread)?;
                if !way.place().is_plain() {
                    options = options.ssl_mode(PgSslMode::VerifyFull);
                }
                if let Some(pem) = authority {
                    options = options.ssl_root_cert_from_pem(pem);
                }
                let options = options.application_name("viaduct").disable_statement_logging();
                Ok(Server::Postgres(Box::new(options), way))
            }
            "mysql" | "mariadb" => {
                let way = way(3306)?;
                let url = url.replacen("mariadb:", "mysql:", 1);
                let mut options = url.parse::<MySqlConnectOptions>().map_err(unread)?;
                if !way.place().is_plain() {
                    options = options.ssl_mode(MySqlSslMode::VerifyIdentity);
                }
                if let Some(pem) = authority {
                    options = options.ssl_ca_from_pem(pem);
                }
                Ok(Server::MySql(Box::new(options.disable_statement_logging()), way))
            }
            "sqlite" => {
                let path = url.trim_start_matches("sqlite:");
                let path = path.strip_prefix("//").unwrap_or(path);
                if path.is_empty() || path.contains(['?', '#']) || path.contains(":memory:") {
                    return Err(not_an_address());
                }
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .create_if_missing(false)
                    .read_only(true)
                    .busy_timeout(Duration::from_millis(settings.lock_timeout_ms))
                    .pragma("query_only", "on")
                    .disable_statement_logging();
                Ok(Server::Sqlite(Box::new(options)))
            }
            _ => Err(not_an_address()),
        }
    }
}

fn not_an_address() -> ConnectorError {
    forbidden(&AddressFault::Form {
        what: "this is not the address of a database that is known here",
        remedy: "write it like `postgres://…`, `mysql://…` or `sqlite:/srv/academy.db`",
    })
}

/// What the connection to a number goes through, where its certificate must have the server's name, so that it
/// is made by name.
fn relay(way: &Way, number: SocketAddr) -> Result<Option<Relay>, ConnectorError> {
    let fault = |error: std::io::Error| {
        unavailable(format!("no way to it could be made: {}", error.kind()), None)
    };
    let by_name = !way.place().is_plain() && way.place().name().is_some();
    by_name.then(|| Relay::open(number).map_err(fault)).transpose()
}

/// The connection, if there is one; nothing where another number may answer.
fn tried<C>(
    connected: Result<C, sqlx::Error>,
    relay: Option<Relay>,
    last: &mut ConnectorError,
) -> Result<Option<Connected<C>>, ConnectorError> {
    match connected {
        Ok(connection) => Ok(Some(Connected { connection, _relay: relay })),
        // Where its certificate is not believed there, it is so at its other numbers.
        Err(error) => match fault::of(error) {
            fault @ ConnectorError::Unavailable { .. } => {
                *last = fault;
                Ok(None)
            }
            fault => Err(fault),
        },
    }
}

pub async fn postgres(
    options: &PgConnectOptions,
    way: &Way,
) -> Result<Connected<PgConnection>, ConnectorError> {
    let mut last = unavailable("its name leads nowhere".to_owned(), None);
    for number in way.numbers().await? {
        let relay = relay(way, number)?;
        let options = match &relay {
            None => options.clone().host(&number.ip().to_string()).port(number.port()),
            Some(relay) => options.clone().port(Relay::PORT).socket(relay.folder()),
        };
        let connected = options.connect().await;
        if let Some(connected) = tried(connected, relay, &mut last)? {
            return Ok(connected);
        }
    }
    Err(last)
}

pub async fn mysql(
    options: &MySqlConnectOptions,
    way: &Way,
) -> Result<Connected<MySqlConnection>, ConnectorError> {
    let mut last = unavailable("its name leads nowhere".to_owned(), None);
    for number in way.numbers().await? {
        let relay = relay(way, number)?;
        let options = match &relay {
            None => options.clone().host(&number.ip().to_string()).port(number.port()),
            Some(relay) => options.clone().socket(Relay::socket_in(relay.folder())),
        };
        let connected = options.connect().await;
        if let Some(connected) = tried(connected, relay, &mut last)? {
            return Ok(connected);
        }
    }
    Err(last)
}

pub async fn sqlite(options: &SqliteConnectOptions) -> Result<SqliteConnection, ConnectorError> {
    options.connect().await.map_err(fault::of)
}
