//! What it means that a database said no. Its own words are shown only where they speak of the query and
//! never of a value: an error over data names the data.

use crate::connector::answering::unavailable;
use crate::connector::channel::ConnectorError;

/// Over the time that `timeout` gives it.
pub const TOO_SLOW: &str =
    "it took longer than `timeout`: give it more time, or an index for what it looks up";
const LOCKED: &str = "somebody else locks what is to be read";

/// What kind of no it is, whichever database says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum No {
    TooSlow,
    Locked,
    Login,
    Rights,
    Writes,
    Nowhere,
    Query,
    Data,
    Later,
}

/// The decision that an error of a database is.
pub fn of(error: sqlx::Error) -> ConnectorError {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default().into_owned();
            let number = error
                .try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()
                .map(sqlx::mysql::MySqlDatabaseError::number);
            let is_sqlite = error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some();
            let (no, code) = match number {
                Some(number) => (of_mysql(number), number.to_string()),
                None if is_sqlite => (of_sqlite(code.parse().unwrap_or(0)), code),
                None => (of_postgres(&code), code),
            };
            said(no, &code, error.message())
        }
        // So says whoever looks at certificates.
        sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            let cause = format!("the connection cannot be encrypted as it must be: {error}");
            ConnectorError::Unauthorised { code: "sql.certificate", cause }
        }
        // The text of these is of the system, or of the library: nothing of an address or an answer.
        sqlx::Error::Io(error) => {
            unavailable(format!("the connection broke: {}", error.kind()), None)
        }
        sqlx::Error::Tls(error) => {
            let cause = format!("the connection cannot be encrypted as it must be: {error}");
            ConnectorError::Unauthorised { code: "sql.certificate", cause }
        }
        sqlx::Error::Configuration(_) => {
            let cause = "the address cannot be read".to_owned();
            ConnectorError::Unauthorised { code: "url.form", cause }
        }
        sqlx::Error::ColumnDecode { index, .. } => ConnectorError::Refused {
            code: "sql.column".to_owned(),
            cause: format!("a value of column {index} cannot be read: cast it to text"),
        },
        _ => unavailable("the connection broke in the middle of an answer".to_owned(), None),
    }
}

fn said(no: No, code: &str, message: &str) -> ConnectorError {
    let refused =
        |name: &str, cause: String| ConnectorError::Refused { code: name.to_owned(), cause };
    match no {
        No::TooSlow => unavailable(TOO_SLOW.to_owned(), None),
        No::Locked => unavailable(LOCKED.to_owned(), None),
        No::Later => unavailable(format!("the database says that it cannot now ({code})"), None),
        No::Login => {
            let cause = format!("it does not know our name or password ({code})");
            ConnectorError::Unauthorised { code: "sql.login", cause }
        }
        No::Rights => {
            let cause = format!("our account may not read this: {message}");
            ConnectorError::Unauthorised { code: "sql.rights", cause }
        }
        No::Nowhere => ConnectorError::Unauthorised {
            code: "sql.database",
            cause: format!("there is no such database ({code})"),
        },
        No::Writes => {
            refused("sql.writes", format!("the query tries to change something ({code})"))
        }
        No::Query => {
            refused("sql.query", format!("the database does not understand it: {message}"))
        }
        No::Data => refused("sql.data", format!("it cannot compute a value of a row ({code})")),
    }
}

/// By SQLSTATE.
fn of_postgres(code: &str) -> No {
    match code {
        "57014" => No::TooSlow,
        "55P03" => No::Locked,
        "42501" => No::Rights,
        "25006" => No::Writes,
        "3D000" => No::Nowhere,
        _ if code.starts_with("28") => No::Login,
        _ if code.starts_with("42") || code.starts_with("0A") => No::Query,
        _ if code.starts_with("22") || code.starts_with("21") => No::Data,
        _ => No::Later,
    }
}

/// By MySQL's and MariaDB's own numbers.
fn of_mysql(number: u16) -> No {
    match number {
        1969 | 3024 => No::TooSlow,
        1205 | 3572 => No::Locked,
        1044 | 1142 | 1143 | 1370 => No::Rights,
        1045 | 1698 | 1251 | 4151 => No::Login,
        1049 => No::Nowhere,
        1290 | 1792 => No::Writes,
        1054 | 1060 | 1064 | 1052 | 1055 | 1103 | 1109 | 1146 | 1222 | 1305 | 1582 => No::Query,
        1264 | 1365 | 1690 | 1242 => No::Data,
        _ => No::Later,
    }
}

/// By the first byte of SQLite's extended codes.
fn of_sqlite(code: u32) -> No {
    match code & 0xff {
        1 => No::Query,
        5 | 6 => No::Locked,
        8 => No::Writes,
        9 => No::TooSlow,
        14 => No::Nowhere,
        18 | 20 | 25 => No::Data,
        _ => No::Later,
    }
}
