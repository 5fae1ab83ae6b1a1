//! Statements of either database over many rows: their texts, and the values that are bound to them.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;
use sqlx::{AssertSqlSafe, FromRow, Postgres, Sqlite};

use super::columns::{self, Column};
use super::database::{Cell, StoreError};

macro_rules! bind_cell {
    ($query:expr, $cell:expr) => {
        match $cell {
            Cell::Int(value) => $query.bind(value),
            Cell::OptInt(value) => $query.bind(value),
            Cell::Text(value) => $query.bind(value),
            Cell::Word(value) => $query.bind(value),
            Cell::OptText(value) => $query.bind(value),
            Cell::Bytes(value) => $query.bind(value),
            Cell::OptBytes(value) => $query.bind(value),
            Cell::Flag(value) => $query.bind(value),
        }
    };
}
pub(super) use bind_cell;

macro_rules! bind_column {
    ($query:expr, $column:expr) => {
        match $column {
            Column::Ints(values) => $query.bind(values),
            Column::Texts(values) => $query.bind(values),
            Column::Blobs(values) => $query.bind(values),
            Column::Flags(values) => $query.bind(values),
        }
    };
}
pub(super) use bind_column;

/// A table of so many rows for SQLite.
pub fn values(many: usize, width: usize) -> String {
    let row = format!("({})", ["?"].repeat(width).join(","));
    format!("VALUES {}", vec![row; many].join(","))
}

/// So many rows or a few more: at most one in eight, so that few statements are ever prepared.
pub fn few_sizes(many: usize) -> usize {
    many.next_multiple_of((many.next_power_of_two() / 16).max(1))
}

/// How many rows the next statement takes: few sizes, so that few statements are ever prepared.
pub fn piece(left: usize, width: usize) -> usize {
    let most = (30_000 / width).min(left);
    1 << most.min(512).ilog2()
}

/// `$1,$2,$3`
pub fn places(first: usize, count: usize) -> String {
    (first..first + count).map(|place| format!("${place}")).collect::<Vec<_>>().join(",")
}

pub trait Bindable: sqlx::Database {}
impl Bindable for Sqlite {}
impl Bindable for Postgres {}

pub fn bind<'q, D>(sql: &str, cells: Vec<Cell>) -> sqlx::query::Query<'q, D, D::Arguments>
where
    D: Bindable,
    i64: sqlx::Encode<'q, D> + sqlx::Type<D>,
    String: sqlx::Encode<'q, D> + sqlx::Type<D>,
    &'static str: sqlx::Encode<'q, D> + sqlx::Type<D>,
    Vec<u8>: sqlx::Encode<'q, D> + sqlx::Type<D>,
    bool: sqlx::Encode<'q, D> + sqlx::Type<D>,
    Option<i64>: sqlx::Encode<'q, D>,
    Option<String>: sqlx::Encode<'q, D>,
    Option<Vec<u8>>: sqlx::Encode<'q, D>,
{
    let mut query = sqlx::query::<D>(AssertSqlSafe(sql.to_owned()));
    for cell in cells {
        query = bind_cell!(query, cell);
    }
    query
}

pub fn bind_as<'q, T, D>(sql: &str, cells: Vec<Cell>) -> QueryAs<'q, D, T, D::Arguments>
where
    D: Bindable,
    T: for<'r> FromRow<'r, D::Row>,
    i64: sqlx::Encode<'q, D> + sqlx::Type<D>,
    String: sqlx::Encode<'q, D> + sqlx::Type<D>,
    &'static str: sqlx::Encode<'q, D> + sqlx::Type<D>,
    Vec<u8>: sqlx::Encode<'q, D> + sqlx::Type<D>,
    bool: sqlx::Encode<'q, D> + sqlx::Type<D>,
    Option<i64>: sqlx::Encode<'q, D>,
    Option<String>: sqlx::Encode<'q, D>,
    Option<Vec<u8>>: sqlx::Encode<'q, D>,
{
    let mut query = sqlx::query_as::<D, T>(AssertSqlSafe(sql.to_owned()));
    for cell in cells {
        query = bind_cell!(query, cell);
    }
    query
}

/// A statement for many rows, which stand in it as `{rows}`. One array for each column is one short text,
/// whatever the number of rows. `once` tells what is the same in every row once: for rows that are alike in most but their
/// first column, and are so again and again, since each choice of columns is a statement of its own.
pub fn bind_columns<T>(
    sql: &str,
    width: usize,
    rows: Vec<Cell>,
    once: bool,
) -> Result<QueryAs<'static, Postgres, T, PgArguments>, StoreError>
where
    T: for<'r> FromRow<'r, PgRow>,
{
    let columns = columns::columns(rows, width)?;
    // There are as many rows as the first column has values.
    let alike: Vec<Option<Cell>> = (columns.iter().enumerate())
        .map(|(at, column)| if once && at > 0 { column.alike() } else { None })
        .collect();
    let (mut said, mut arrays, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (number, one) in (1..).zip(&alike) {
        let place = format!("${number}");
        if one.is_some() {
            said.push(place);
        } else {
            said.push(format!("c{number}"));
            names.push(format!("c{number}"));
            arrays.push(place);
        }
    }
    let [said, arrays, names] = [said, arrays, names].map(|words| words.join(","));
    let table = format!("SELECT {said} FROM UNNEST({arrays}) AS u ({names})");
    let mut query = sqlx::query_as::<Postgres, T>(AssertSqlSafe(sql.replace("{rows}", &table)));
    for (column, one) in columns.into_iter().zip(alike) {
        query = match one {
            Some(cell) => bind_cell!(query, cell),
            None => bind_column!(query, column),
        };
    }
    Ok(query)
}
