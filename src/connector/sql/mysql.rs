//! How MySQL and MariaDB are asked.

use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, Column as _, Executor, MySqlConnection, Row, Statement, TypeInfo};

use super::column::{Column, ColumnFault, Form};
use super::postgres::{put, since};
use super::pouring::Pouring;
use super::{Question, fault};
use crate::connector::channel::ConnectorError;

/// Asks, and pours the answer. The transaction ends with the connection.
pub async fn read(
    connection: &mut MySqlConnection,
    question: &Question<'_>,
    pouring: &mut Pouring,
) -> Result<(), ConnectorError> {
    let said: String = question
        .within(sqlx::query_scalar("SELECT VERSION()").fetch_one(&mut *connection))
        .await?
        .map_err(fault::of)?;
    let limit = match said.contains("MariaDB") {
        true => format!("max_statement_time = {}", question.left_ms().div_ceil(1_000)),
        false => format!("max_execution_time = {}", question.left_ms()),
    };
    let lock_s = question.settings.lock_timeout_ms.div_ceil(1_000);
    for session in [
        format!(
            "SET SESSION {limit}, SESSION innodb_lock_wait_timeout = {lock_s}, \
             SESSION lock_wait_timeout = {lock_s}, SESSION time_zone = '+00:00'"
        ),
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY".to_owned(),
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY".to_owned(),
    ] {
        let set = sqlx::raw_sql(AssertSqlSafe(session)).execute(&mut *connection);
        question.within(set).await?.map_err(fault::of)?;
    }
    let columns = columns(connection, question).await?;
    let sql = sql(question, &columns)?;
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    if let Some((since, version)) = &question.since {
        // `2026-11-26T07:30:00.25Z` is `2026-11-26 07:30:00.25` in a session that is in UTC.
        query = query.bind(match version.is_time() {
            true => since.replace('T', " ").trim_end_matches('Z').to_owned(),
            false => since.clone(),
        });
    }
    let most = question.settings.cell_bytes_max;
    let rows = query.fetch(&mut *connection);
    let forms: Vec<Form> = columns.iter().map(|column| column.form).collect();
    let cell = |row: &MySqlRow, place: usize, out: &mut Vec<u8>| {
        let value: Option<&[u8]> = row.try_get_unchecked(place)?;
        Ok(put(value, forms[place], most, out))
    };
    pouring.all(question, &columns, rows, cell).await
}

async fn columns(
    connection: &mut MySqlConnection,
    question: &Question<'_>,
) -> Result<Vec<Column>, ConnectorError> {
    let query = AssertSqlSafe(question.settings.query.clone());
    let prepared = connection.prepare(sqlx::SqlSafeStr::into_sql_str(query));
    let statement = question.within(prepared).await?.map_err(fault::of)?;
    let mut columns = Vec::new();
    for column in statement.columns() {
        let (name, kind) = (column.name().to_owned(), column.type_info().name());
        let form = match kind.trim_end_matches(" UNSIGNED") {
            // This database knows no flags: they are numbers of one digit.
            "BOOLEAN" | "TINYINT" | "SMALLINT" | "INT" | "MEDIUMINT" | "BIGINT" | "DECIMAL"
            | "FLOAT" | "DOUBLE" | "YEAR" => Form::Number,
            "DATE" | "TIME" | "ENUM" | "SET" | "NULL" => Form::Text,
            "DATETIME" => Form::Local,
            "TIMESTAMP" => Form::Moment,
            // A text whose capitals count is told from bytes by its character set alone, which the query asks.
            "CHAR" | "VARCHAR" | "TINYTEXT" | "TEXT" | "MEDIUMTEXT" | "LONGTEXT" | "BINARY"
            | "VARBINARY" | "TINYBLOB" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" => Form::ByValue,
            other => {
                let kind = other.to_owned();
                return Err(ColumnFault::Unknown { name, kind }.into());
            }
        };
        columns.push(Column { name, form });
    }
    question.judged(columns)
}

fn quoted(name: &str) -> String {
    format!("q.`{}`", name.replace('`', "``"))
}

/// The query, with every value as text and none longer than may leave.
fn sql(question: &Question<'_>, columns: &[Column]) -> Result<String, ConnectorError> {
    let most = question.settings.cell_bytes_max + 1;
    // Each byte is two digits.
    let bytes = most / 2 + 1;
    let value = |column: &Column| {
        let name = quoted(&column.name);
        let text = format!("LEFT(CAST({name} AS CHAR), {most})");
        match column.form {
            Form::ByValue => {
                format!("IF(CHARSET({name}) = 'binary', LOWER(HEX(LEFT({name}, {bytes}))), {text})")
            }
            _ => text,
        }
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    let mut sql = question.around(&values);
    if let Some((_, version)) = &question.since {
        let (name, _) = since(columns, version)?;
        let name = quoted(&name);
        let kind = if version.is_time() { "DATETIME(6)" } else { "DECIMAL(40)" };
        sql.push_str(&format!(" WHERE {name} >= CAST(? AS {kind}) OR {name} IS NULL"));
    }
    Ok(sql)
}
