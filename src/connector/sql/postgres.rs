//! How PostgreSQL is asked.

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Column as _, Executor, PgConnection, Row, Statement, TypeInfo};

use super::column::{self, Column, ColumnFault, Form};
use super::pouring::{Cell, Pouring};
use super::{Question, fault};
use crate::connector::channel::ConnectorError;
use crate::connector::format::version::Version;

/// Asks, and pours the answer. The transaction ends with the connection.
pub async fn read(
    connection: &mut PgConnection,
    question: &Question<'_>,
    pouring: &mut Pouring,
) -> Result<(), ConnectorError> {
    // Within the transaction alone: behind a pooler, somebody else has this session next.
    let session = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {}; \
         SET LOCAL lock_timeout = {}; SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD'",
        question.left_ms(),
        question.settings.lock_timeout_ms,
    );
    let begun = sqlx::raw_sql(AssertSqlSafe(session)).execute(&mut *connection);
    question.within(begun).await?.map_err(fault::of)?;
    let columns = columns(connection, question).await?;
    let sql = sql(question, &columns)?;
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    if let Some((since, _)) = &question.since {
        query = query.bind(since);
    }
    let most = question.settings.cell_bytes_max;
    let rows = query.fetch(&mut *connection);
    let forms: Vec<Form> = columns.iter().map(|column| column.form).collect();
    let cell = |row: &PgRow, place: usize, out: &mut Vec<u8>| {
        let value: Option<&[u8]> = row.try_get_unchecked(place)?;
        Ok(put(value, forms[place], most, out))
    };
    pouring.all(question, &columns, rows, cell).await
}

/// Writes a value that came as text, with one letter more where it is too long.
pub fn put(value: Option<&[u8]>, form: Form, most: usize, out: &mut Vec<u8>) -> Cell {
    match value {
        None => out.extend_from_slice(b"null"),
        Some(value) if value.len() > most => return Cell::TooLong,
        Some(value) => column::write(form, value, out),
    }
    Cell::Written
}

async fn columns(
    connection: &mut PgConnection,
    question: &Question<'_>,
) -> Result<Vec<Column>, ConnectorError> {
    let query = AssertSqlSafe(question.settings.query.clone());
    let prepared = connection.prepare(sqlx::SqlSafeStr::into_sql_str(query));
    let statement = question.within(prepared).await?.map_err(fault::of)?;
    let mut columns = Vec::new();
    for column in statement.columns() {
        let (name, kind) = (column.name().to_owned(), column.type_info().name());
        let form = match kind {
            "INT2" | "INT4" | "INT8" | "OID" | "NUMERIC" | "FLOAT4" | "FLOAT8" => Form::Number,
            "TEXT" | "VARCHAR" | "CHAR" | "\"CHAR\"" | "NAME" | "UUID" | "UNKNOWN" | "DATE"
            | "TIME" => Form::Text,
            "BOOL" => Form::Flag,
            "TIMESTAMP" => Form::Local,
            "TIMESTAMPTZ" => Form::Moment,
            "BYTEA" => Form::Bytes,
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
    format!("q.\"{}\"", name.replace('"', "\"\""))
}

/// The query, with every value as text and none longer than may leave.
fn sql(question: &Question<'_>, columns: &[Column]) -> Result<String, ConnectorError> {
    let most = question.settings.cell_bytes_max + 1;
    // Each byte is two digits.
    let bytes = most / 2 + 1;
    let value = |column: &Column| {
        let name = quoted(&column.name);
        match column.form {
            Form::Bytes => format!("encode(substring({name} FROM 1 FOR {bytes}), 'hex')"),
            _ => format!("left({name}::text, {most})"),
        }
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    let mut sql = question.around(&values);
    if let Some((_, version)) = &question.since {
        let (name, kind) = since(columns, version)?;
        let name = quoted(&name);
        sql.push_str(&format!(" WHERE {name} >= CAST($1 AS {kind}) OR {name} IS NULL"));
    }
    Ok(sql)
}

/// The column that says the version, and what it is compared as.
pub fn since(columns: &[Column], version: &Version) -> Result<(String, &'static str), ColumnFault> {
    let name = version.column();
    let form = columns.iter().find(|column| column.name == name).map(|column| column.form);
    match (form, version.is_time()) {
        (Some(Form::Number), false) => Ok((name.to_owned(), "numeric")),
        (Some(Form::Moment), true) => Ok((name.to_owned(), "timestamptz")),
        (Some(form), _) => Err(ColumnFault::NoVersion(name.to_owned(), format!("{form:?}"))),
        (None, _) => Err(ColumnFault::Missing(name.to_owned(), "version")),
    }
}
