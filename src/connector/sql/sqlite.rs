//! How SQLite is asked. Its values have types of their own, whatever their column's is.

use sqlx::sqlite::SqliteRow;
use sqlx::{
    AssertSqlSafe, Column as _, Executor, Row, SqliteConnection, Statement, TypeInfo, ValueRef,
};
use tokio::time::Instant;

use super::column::{self, Column, Form};
use super::pouring::{Cell, Pouring};
use super::{Question, fault};
use crate::connector::channel::ConnectorError;

/// After so many steps of its machine it is asked whether there is still time.
const STEPS: i32 = 20_000;

/// Asks, and pours the answer. The transaction ends with the connection.
pub async fn read(
    connection: &mut SqliteConnection,
    question: &Question<'_>,
    pouring: &mut Pouring,
) -> Result<(), ConnectorError> {
    let until = question.until;
    let mut handle = question.within(connection.lock_handle()).await?.map_err(fault::of)?;
    handle.set_progress_handler(STEPS, move || Instant::now() < until);
    drop(handle);
    let begun = sqlx::raw_sql("BEGIN").execute(&mut *connection);
    question.within(begun).await?.map_err(fault::of)?;
    let columns = columns(connection, question).await?;
    let mut query = sqlx::query(AssertSqlSafe(sql(question, &columns))).persistent(false);
    if let Some((since, _)) = &question.since {
        query = query.bind(since);
    }
    let rows = query.fetch(&mut *connection);
    let most = question.settings.cell_bytes_max;
    let cell = |row: &SqliteRow, place: usize, out: &mut Vec<u8>| put(row, place, most, out);
    pouring.all(question, &columns, rows, cell).await
}

/// Writes a value by its own type. Behind each stands its length, since one that is too long stays there.
fn put(row: &SqliteRow, place: usize, most: usize, out: &mut Vec<u8>) -> Result<Cell, sqlx::Error> {
    let length: Option<i64> = row.try_get_unchecked(2 * place + 1)?;
    if length.is_some_and(|length| usize::try_from(length).unwrap_or(usize::MAX) > most) {
        return Ok(Cell::TooLong);
    }
    let value = row.try_get_raw(2 * place)?;
    let kind = value.type_info().name().to_owned();
    match kind.as_str() {
        _ if value.is_null() => out.extend_from_slice(b"null"),
        "INTEGER" => {
            let number: i64 = row.try_get_unchecked(2 * place)?;
            column::write(Form::Number, number.to_string().as_bytes(), out);
        }
        "REAL" => {
            let number: f64 = row.try_get_unchecked(2 * place)?;
            column::write(Form::Number, format!("{number:?}").as_bytes(), out);
        }
        "BLOB" => {
            let bytes: &[u8] = row.try_get_unchecked(2 * place)?;
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            column::write(Form::Bytes, digits.as_bytes(), out);
        }
        _ => column::write(Form::Text, row.try_get_unchecked(2 * place)?, out),
    }
    Ok(Cell::Written)
}

async fn columns(
    connection: &mut SqliteConnection,
    question: &Question<'_>,
) -> Result<Vec<Column>, ConnectorError> {
    let query = AssertSqlSafe(question.settings.query.clone());
    let prepared = connection.prepare(sqlx::SqlSafeStr::into_sql_str(query));
    let statement = question.within(prepared).await?.map_err(fault::of)?;
    let columns: Vec<Column> = (statement.columns().iter())
        .map(|column| Column { name: column.name().to_owned(), form: Form::ByValue })
        .collect();
    question.judged(columns)
}

fn quoted(name: &str) -> String {
    format!("q.\"{}\"", name.replace('"', "\"\""))
}

/// The query, with the length of each value beside it, and none longer than may leave.
fn sql(question: &Question<'_>, columns: &[Column]) -> String {
    let most = question.settings.cell_bytes_max;
    let value = |column: &Column| {
        let name = quoted(&column.name);
        // Each byte of what is no text is two digits.
        let length = format!("octet_length({name}) * (1 + (typeof({name}) = 'blob'))");
        format!("CASE WHEN {length} <= {most} THEN {name} END, {length}")
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    let mut sql = question.around(&values);
    if let Some((_, version)) = &question.since {
        let name = quoted(version.column());
        // What says no version is asked for each time.
        let read = |value: &str| match version.is_time() {
            true => format!("datetime({value})"),
            false => format!("CAST({value} AS INTEGER)"),
        };
        let (own, since) = (read(&name), read("?1"));
        sql.push_str(&format!(" WHERE {own} >= {since} OR {own} IS NULL"));
    }
    sql
}
