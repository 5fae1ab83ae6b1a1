//! The two databases behind one set of functions: pools, transactions, and statements over many
//! rows.
//!
//! SQLite has one writer and separate readers; a second writer connection makes the commits that
//! are a promise to somebody outside. PostgreSQL has one pool. Statements are one text for both.

use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgRow};
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteRow, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Connection, FromRow, Postgres, Sqlite};

use super::columns::{self, Column};
use super::reach::{self, answered, awaited};
use super::statement::{
    bind, bind_as, bind_cell, bind_column, bind_columns, few_sizes, piece, places, values,
};
use super::turn::{Line, Turn};
use crate::record::personal::unprinted;

/// What the store could not do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or is too busy: try later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// Somebody else changed it first: read again and try again.
    #[error("the row was changed by somebody else: {0}")]
    Conflict(String),
    /// A row that cannot be understood: stop and tell someone.
    #[error("{table}.{column} of row {id} cannot be understood")]
    Corrupt { table: &'static str, column: &'static str, id: i64 },
    /// The address of the database is wrong.
    #[error("{0}")]
    Address(String),
    /// A statement that should have worked did not.
    #[error("the database refused a statement: {0}")]
    Refused(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let said = said(&error);
        match &error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
                StoreError::Unavailable(said)
            }
            sqlx::Error::Database(fault) if fault.is_unique_violation() => {
                StoreError::Conflict(said)
            }
            sqlx::Error::Database(fault) if is_busy(fault.code().as_deref()) => {
                StoreError::Unavailable(said)
            }
            _ => StoreError::Refused(said),
        }
    }
}

/// An error in words that hold nothing of a row. What PostgreSQL says of data quotes it (`invalid
/// input syntax for type bigint: "Testberry"`), and its details do (`Key (name)=(…)`); SQLite's sentences
/// name tables and columns alone.
fn said(error: &sqlx::Error) -> String {
    use sqlx::Error;
    use sqlx::postgres::PgDatabaseError;
    match error {
        Error::Database(fault) => match fault.try_downcast_ref::<PgDatabaseError>() {
            Some(fault) if QUOTES_NOTHING.iter().any(|class| fault.code().starts_with(class)) => {
                format!("{} ({})", fault.message(), fault.code())
            }
            Some(fault) => {
                let named = [("table", fault.table()), ("constraint", fault.constraint())];
                let named =
                    named.iter().filter_map(|(what, name)| Some(format!(" {what} {}", (*name)?)));
                format!("error {}{}", fault.code(), named.collect::<String>())
            }
            None => match fault.code() {
                Some(code) => format!("{} ({code})", fault.message()),
                None => fault.message().to_owned(),
            },
        },
        Error::ColumnDecode { index, .. } => format!("column {index} cannot be read"),
        Error::Decode(_) => "a value cannot be read".to_owned(),
        Error::Encode(_) => "a value cannot be written".to_owned(),
        Error::Migrate(fault) => match &**fault {
            MigrateError::Execute(inner) => said(inner),
            MigrateError::ExecuteMigration(inner, number) => {
                format!("migration {number}: {}", said(inner))
            }
            other => other.to_string(),
        },
        other => other.to_string(),
    }
}

/// Classes of PostgreSQL's errors whose sentences name roles, databases, tables and limits, and never
/// what a row says: connections, sign-in, databases, retries, names, resources, states, stops.
const QUOTES_NOTHING: [&str; 12] =
    ["08", "0A", "25", "26", "28", "3D", "40", "42", "53", "55", "57", "58"];

/// SQLite busy and full; PostgreSQL shutting down, out of connections, deadlock, serialisation, and its
/// patience at an end: with a statement, a lock, or a transaction that stood still.
const BUSY: [&str; 15] = [
    "5", "6", "13", "261", "517", "57P01", "57P02", "57P03", "53300", "40001", "40P01", "57014",
    "55P03", "25P03", "25P04",
];

fn is_busy(code: Option<&str>) -> bool {
    code.is_some_and(|code| BUSY.contains(&code))
}

/// The hub's database.
#[derive(Debug, Clone)]
pub enum Database {
    Sqlite { writer: SqlitePool, durable: SqlitePool, readers: SqlitePool, line: Line },
    Postgres(PgPool),
}

impl Database {
    /// Opens `sqlite:PATH`, a bare path, or `postgres://…`, and brings its tables up to date.
    pub async fn open(url: &str) -> Result<Database, StoreError> {
        let database = if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let options = PgConnectOptions::from_str(url)
                .map_err(|_| {
                    // Its own words may quote the address, and a password stands in it.
                    let shape = "write `postgres://USER@HOST/NAME`";
                    StoreError::Address(format!("the database address cannot be read: {shape}"))
                })?
                .statement_cache_capacity(500)
                // Every question here goes from a few values to their keys. Of a table just filled
                // the planner knows nothing, and a plan made while it was small stays: either would
                // read it whole for each chunk. A question without an index still may.
                .options([
                    ("enable_seqscan", "off"),
                    ("enable_hashjoin", "off"),
                    ("enable_mergejoin", "off"),
                    ("jit", "off"),
                    ("plan_cache_mode", "force_generic_plan"),
                ]);
            Database::Postgres(reach::pool(options).await?)
        } else if let Some((scheme, _)) = url.split_once("://").filter(|(s, _)| *s != "sqlite") {
            let known = "`sqlite:PATH` or `postgres://USER@HOST/NAME`";
            return Err(StoreError::Address(format!(
                "`{scheme}` is not a database Viaduct knows: give {known}"
            )));
        } else {
            open_sqlite(sqlite_path(url)).await?
        };
        database.migrate().await?;
        Ok(database)
    }

    /// Opens one that is there already: whoever only wants to look is not given an empty one.
    pub async fn open_existing(url: &str) -> Result<Database, StoreError> {
        let elsewhere = url.contains("://") && !url.starts_with("sqlite:");
        if !elsewhere && !sqlite_path(url).exists() {
            return Err(StoreError::Address(format!(
                "there is no database at {}: name it with `--database` or VIADUCT_DATABASE",
                sqlite_path(url).display()
            )));
        }
        Database::open(url).await
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        let done = match self {
            Database::Sqlite { durable, .. } => {
                sqlx::migrate!("migrations/sqlite").run(durable).await
            }
            Database::Postgres(pool) => {
                let migrator = sqlx::migrate!("migrations/postgres");
                if is_up_to_date(pool, &migrator).await {
                    return Ok(());
                }
                let patient = reach::patient(pool).await?;
                let done = migrator.run(&patient).await;
                patient.close().await;
                done
            }
        };
        done.map_err(|error| {
            let said = said(&sqlx::Error::from(error));
            StoreError::Refused(format!("migrating the database: {said}"))
        })
    }

    /// How many records are best dealt with in one transaction. Measured: PostgreSQL pays for each
    /// statement, SQLite gains nothing beyond this and needs the memory.
    pub fn usual_chunk(&self) -> usize {
        match self {
            Database::Sqlite { .. } => 500,
            Database::Postgres(_) => 1_000,
        }
    }

    /// Whether it is PostgreSQL: few statements differ.
    pub fn is_postgres(&self) -> bool {
        matches!(self, Database::Postgres(_))
    }

    /// Begins to write. What is lost in a power cut here can be done again from what is kept.
    pub async fn begin(&self) -> Result<Transaction, StoreError> {
        match self {
            Database::Sqlite { writer, line, .. } => {
                let (begun, turn) = line.begin(writer).await?;
                Ok(Transaction::Sqlite(begun, turn))
            }
            Database::Postgres(pool) => {
                let hurried = "BEGIN; SET LOCAL synchronous_commit TO off";
                Ok(Transaction::Postgres(reach::begun(pool, hurried).await?))
            }
        }
    }

    /// Begins to write what is a promise to somebody outside: its commit is on disk before it
    /// returns.
    pub async fn begin_durable(&self) -> Result<Transaction, StoreError> {
        match self {
            Database::Sqlite { durable, line, .. } => {
                let (begun, turn) = line.begin(durable).await?;
                Ok(Transaction::Sqlite(begun, turn))
            }
            Database::Postgres(pool) => {
                Ok(Transaction::Postgres(reach::begun(pool, "BEGIN").await?))
            }
        }
    }

    /// Reads rows outside any transaction.
    pub async fn fetch<T: Row>(&self, sql: &str, cells: Vec<Cell>) -> Result<Vec<T>, StoreError> {
        match self {
            Database::Sqlite { readers, .. } => {
                awaited(bind_as::<T, Sqlite>(sql, cells).fetch_all(readers)).await
            }
            Database::Postgres(pool) => {
                reach::one_given_back(pool).await;
                answered(bind_as::<T, Postgres>(sql, cells).fetch_all(pool)).await
            }
        }
    }

    /// Reads rows for many values, outside any transaction: `before (…values…) after`, each value once;
    /// `before` ends in `IN`, and `first` fills its places.
    pub async fn fetch_for<T: Row>(
        &self,
        before: &str,
        values: &[i64],
        after: &str,
        first: Vec<Cell>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        match self {
            // One array is one short text, and one plan, however many values there are.
            Database::Postgres(pool) if !values.is_empty() => {
                let before = before.strip_suffix("IN").unwrap_or(before);
                let sql = format!("{before} = ANY(${}) {after}", first.len() + 1);
                let query = bind_as::<T, Postgres>(&sql, first).bind(values);
                reach::one_given_back(pool).await;
                found = answered(query.fetch_all(pool)).await?;
            }
            Database::Postgres(_) => {}
            Database::Sqlite { .. } => {
                for some in values.chunks(512) {
                    // Filled up with the last value to a power of two, so that few texts are ever
                    // prepared.
                    let size = some.len().next_power_of_two();
                    let sql = format!("{before} ({}) {after}", places(1 + first.len(), size));
                    let last = some.last().copied().into_iter().cycle();
                    let values = some.iter().copied().chain(last).take(size).map(Cell::Int);
                    let cells = first.iter().cloned().chain(values).collect();
                    found.extend(self.fetch::<T>(&sql, cells).await?);
                }
            }
        }
        Ok(found)
    }

    /// Inserts many rows into a table that numbers them, which stand in the statement as `{rows}`: a transaction of its
    /// own, on disk before this returns. Rows of nulls may stand among the others: the statement passes them over. Gives
    /// their numbers, in the order of the rows; none where some were passed over because they are there already.
    pub async fn insert_numbered(
        &self,
        sql: &str,
        width: usize,
        mut rows: Vec<Cell>,
    ) -> Result<Option<Vec<i64>>, StoreError> {
        let many = rows.len() / width;
        match self {
            Database::Sqlite { durable, line, .. } => {
                let some = few_sizes(many);
                rows.resize(some * width, Cell::OptInt(None));
                let sql = sql.replace("{rows}", &values(some, width));
                // Told how many and which was the last: each row that is told would wake whoever waits.
                let _turn = (line.turn().await, line.next().await);
                let done = awaited(bind::<Sqlite>(&sql, rows).execute(durable)).await?;
                let last = done.last_insert_rowid();
                let is_all = done.rows_affected() == many as u64;
                Ok(is_all.then(|| (last - many as i64 + 1..=last).collect()))
            }
            Database::Postgres(pool) => {
                let sql = format!("{sql} RETURNING id");
                let query = bind_columns::<(i64,)>(&sql, width, rows, false)?;
                reach::one_given_back(pool).await;
                let found = answered(query.fetch_all(pool)).await?;
                let mut numbers: Vec<i64> = found.into_iter().map(|(id,)| id).collect();
                numbers.sort_unstable();
                Ok((numbers.len() == many).then_some(numbers))
            }
        }
    }

    /// The same, for one who does one thing after another and writes beside it what became of the last: where it is
    /// PostgreSQL, by two connections of its own. A pool gives out each of its connections in turn, and all of them
    /// would have to learn the same. SQLite's are shared.
    pub fn apart(&self) -> Database {
        match self {
            Database::Sqlite { .. } => self.clone(),
            Database::Postgres(pool) => Database::Postgres(reach::beside(pool, 2)),
        }
    }

    /// Closes what `apart` gave, in bounded time.
    pub async fn close_apart(&self) {
        if let Database::Postgres(pool) = self {
            reach::close(pool, reach::SIGN_OF_LIFE).await;
        }
    }

    /// Closes every connection, in bounded time; SQLite's log is folded into the file.
    pub async fn close(&self) {
        match self {
            Database::Sqlite { writer, durable, readers, .. } => {
                for pool in [readers, durable, writer] {
                    reach::close(pool, reach::FOLDED).await;
                }
            }
            Database::Postgres(pool) => reach::close(pool, reach::SIGN_OF_LIFE).await,
        }
    }
}

/// Whether every migration was made, and no other: the library would lock, write and connect to find the same.
async fn is_up_to_date(pool: &PgPool, migrator: &Migrator) -> bool {
    let sql = "SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version";
    let made = sqlx::query_as::<_, (i64, Vec<u8>, bool)>(sql).fetch_all(pool).await;
    let wanted = migrator.iter().filter(|one| !one.migration_type.is_down_migration());
    made.is_ok_and(|made| {
        let wanted = wanted.map(|one| (one.version, one.checksum.to_vec(), true));
        wanted.eq(made)
    })
}

fn sqlite_path(url: &str) -> &Path {
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    Path::new(path.strip_prefix("//").unwrap_or(path))
}

async fn open_sqlite(path: &Path) -> Result<Database, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        // Measured: 8 KB pages cost 15 % less than 4 KB; 16 KB gain nothing more.
        .page_size(8192)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        // Whoever writes may wait for a disk that stands still for a while; then so do the others.
        .busy_timeout(Duration::from_secs(30))
        .foreign_keys(true)
        .row_buffer_size(1024)
        .statement_cache_capacity(500)
        .pragma("temp_store", "memory");
    let pool = |synchronous, cache_kib: u32, most: u32| {
        let options =
            options.clone().synchronous(synchronous).pragma("cache_size", format!("-{cache_kib}"));
        reach::unattended(SqlitePoolOptions::new())
            .max_connections(most)
            .acquire_timeout(Duration::from_secs(60))
            // A file answers: to ask it before each use costs a way to its thread and back.
            .test_before_acquire(false)
            // Where the disk is full, SQLite rolls back by itself and the library goes on counting a
            // transaction: such a connection begins no other one.
            .after_release(|connection, _| {
                Box::pin(async move {
                    // What was dropped is rolled back before the answer comes.
                    if connection.is_in_transaction() {
                        connection.ping().await?;
                    }
                    Ok(!connection.is_in_transaction())
                })
            })
            .connect_lazy_with(options)
    };
    // A NORMAL commit is whole after a crash of the program, and may be lost in a power cut; a FULL
    // one not.
    let durable = pool(SqliteSynchronous::Full, 2_000, 1);
    durable.acquire().await.map_err(|error| {
        StoreError::Address(format!(
            "the database file {} cannot be opened: {}",
            path.display(),
            said(&error)
        ))
    })?;
    let writer = pool(SqliteSynchronous::Normal, 16_000, 1);
    let readers = pool(SqliteSynchronous::Normal, 4_000, 4);
    Ok(Database::Sqlite { writer, durable, readers, line: Line::of(path) })
}

/// What belongs together commits together. Dropped without commit, it is as if it never was.
pub enum Transaction {
    /// What is dropped begins to be rolled back before the next has its turn.
    Sqlite(sqlx::Transaction<'static, Sqlite>, Turn),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Transaction {
    /// Whether it is PostgreSQL's, where others write at the same time.
    pub fn is_postgres(&self) -> bool {
        matches!(self, Transaction::Postgres(_))
    }

    /// Runs a statement; gives how many rows it touched.
    pub async fn execute(&mut self, sql: &str, cells: Vec<Cell>) -> Result<u64, StoreError> {
        match self {
            Transaction::Sqlite(transaction, _) => {
                let done = bind::<Sqlite>(sql, cells).execute(&mut **transaction).await?;
                Ok(done.rows_affected())
            }
            Transaction::Postgres(transaction) => {
                let statement = bind::<Postgres>(sql, cells);
                let done = answered(statement.execute(&mut **transaction)).await?;
                Ok(done.rows_affected())
            }
        }
    }

    /// Reads rows.
    pub async fn fetch<T: Row>(
        &mut self,
        sql: &str,
        cells: Vec<Cell>,
    ) -> Result<Vec<T>, StoreError> {
        match self {
            Transaction::Sqlite(transaction, _) => {
                Ok(bind_as::<T, Sqlite>(sql, cells).fetch_all(&mut **transaction).await?)
            }
            Transaction::Postgres(transaction) => {
                answered(bind_as::<T, Postgres>(sql, cells).fetch_all(&mut **transaction)).await
            }
        }
    }

    /// Writes many rows with few statements; gives how many were written.
    pub async fn insert(&mut self, into: Insert, rows: Vec<Cell>) -> Result<u64, StoreError> {
        let width = into.width();
        debug_assert!(rows.len().is_multiple_of(width));
        if rows.is_empty() {
            return Ok(0);
        }
        let mut written = 0;
        match self {
            Transaction::Sqlite(transaction, _) => {
                let mut cells = rows.into_iter();
                while cells.len() > 0 {
                    let some = piece(cells.len() / width, width);
                    let mut query = sqlx::query::<Sqlite>(AssertSqlSafe(into.text(some)));
                    for cell in cells.by_ref().take(some * width) {
                        query = bind_cell!(query, cell);
                    }
                    written += query.execute(&mut **transaction).await?.rows_affected();
                }
            }
            Transaction::Postgres(transaction) => {
                written = answered(insert_columns(transaction, into, rows)).await?;
            }
        }
        Ok(written)
    }

    /// Runs a statement for many rows at once, which stand in it as `{rows}`: a table of so many
    /// columns. Gives what it returns.
    pub async fn fetch_with<T: Row>(
        &mut self,
        sql: &str,
        width: usize,
        rows: Vec<Cell>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        match self {
            Transaction::Sqlite(transaction, _) => {
                let mut cells = rows.into_iter();
                while cells.len() > 0 {
                    let some = piece(cells.len() / width, width);
                    let sql = sql.replace("{rows}", &values(some, width));
                    let cells = cells.by_ref().take(some * width).collect();
                    let query = bind_as::<T, Sqlite>(&sql, cells);
                    found.extend(query.fetch_all(&mut **transaction).await?);
                }
            }
            Transaction::Postgres(transaction) if !rows.is_empty() => {
                let query = bind_columns::<T>(sql, width, rows, false)?;
                found = answered(query.fetch_all(&mut **transaction)).await?;
            }
            Transaction::Postgres(_) => {}
        }
        Ok(found)
    }

    /// The same, where the rows are alike in most but their first column, as what left together is: PostgreSQL is told
    /// once what they have in common.
    pub async fn fetch_alike<T: Row>(
        &mut self,
        sql: &str,
        width: usize,
        rows: Vec<Cell>,
    ) -> Result<Vec<T>, StoreError> {
        match self {
            Transaction::Postgres(transaction) if !rows.is_empty() => {
                let query = bind_columns::<T>(sql, width, rows, true)?;
                answered(query.fetch_all(&mut **transaction)).await
            }
            _ => self.fetch_with(sql, width, rows).await,
        }
    }

    /// Reads rows for many values: `before (…values…) after`, each value once; `before` ends in
    /// `IN`.
    pub async fn fetch_for<T: Row>(
        &mut self,
        before: &str,
        values: &[i64],
        after: &str,
    ) -> Result<Vec<T>, StoreError> {
        if let Transaction::Postgres(transaction) = self {
            // One array is one statement, however many values there are.
            let before = before.strip_suffix("IN").unwrap_or(before);
            let sql = AssertSqlSafe(format!("{before} = ANY($1) {after}"));
            let query = sqlx::query_as::<Postgres, T>(sql).bind(values);
            return match values {
                [] => Ok(Vec::new()),
                _ => answered(query.fetch_all(&mut **transaction)).await,
            };
        }
        let mut found = Vec::new();
        for some in values.chunks(1024) {
            // Filled up with the last value to a power of two, so that few texts are ever prepared.
            let size = some.len().next_power_of_two();
            let sql = format!("{before} ({}) {after}", places(1, size));
            let last = some.last().copied().into_iter().cycle();
            let cells = some.iter().copied().chain(last).take(size).map(Cell::Int).collect();
            found.extend(self.fetch(&sql, cells).await?);
        }
        Ok(found)
    }

    /// Makes it so.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Transaction::Sqlite(transaction, _turn) => awaited(transaction.commit()).await,
            Transaction::Postgres(transaction) => answered(transaction.commit()).await,
        }
    }
}

/// A row type that both databases can give.
pub trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static
{
}

impl<T> Row for T where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static
{
}

/// One value on its way into a statement. Nulls carry their type, which PostgreSQL asks for.
#[derive(Clone, PartialEq, Eq)]
pub enum Cell {
    Int(i64),
    OptInt(Option<i64>),
    Text(String),
    Word(&'static str),
    OptText(Option<String>),
    Bytes(Vec<u8>),
    OptBytes(Option<Vec<u8>>),
    Flag(bool),
}

macro_rules! cell_from {
    ($($from:ty => $arm:ident),*) => {
        $(impl From<$from> for Cell { fn from(value: $from) -> Cell { Cell::$arm(value) } })*
    };
}
cell_from!(i64 => Int, Option<i64> => OptInt, String => Text, &'static str => Word,
    Option<String> => OptText, Vec<u8> => Bytes, Option<Vec<u8>> => OptBytes, bool => Flag);

/// A list of cells from values of any of their types.
macro_rules! cells {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::database::Cell::from($value)),*] };
}
pub(crate) use cells;

/// Where a multi-row insert writes, and what follows its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Insert {
    pub table: &'static str,
    /// Separated by commas.
    pub columns: &'static str,
    /// `ON CONFLICT …`, or nothing.
    pub after: &'static str,
}

impl Insert {
    fn width(&self) -> usize {
        self.columns.split(',').count()
    }

    /// SQLite's statement for so many rows; each is made once.
    fn text(&self, rows: usize) -> Arc<str> {
        type Made = Mutex<HashMap<(Insert, usize), Arc<str>>>;
        static MADE: LazyLock<Made> = LazyLock::new(Made::default);
        let mut made = MADE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        Arc::clone(made.entry((*self, rows)).or_insert_with(|| {
            let width = self.width();
            let mut sql = format!("INSERT INTO {} ({}) VALUES ", self.table, self.columns);
            for row in 0..rows {
                sql.push_str(if row == 0 { "(" } else { ",(" });
                // SQLite looks numbered places up by name, one by one; bare ones cost nothing.
                sql.push_str(&["?"].repeat(width).join(","));
                sql.push(')');
            }
            sql.push(' ');
            sql.push_str(self.after);
            sql.into()
        }))
    }
}

/// Fewer rows than this go without COPY: each costs a wait of some 40 ms for an answer that the server puts off (seen on
/// PostgreSQL 15, over loopback), where a statement takes less than one.
const COPY_ROWS_MIN: usize = 64;

/// PostgreSQL plans a statement with a place for each value at great length. It takes plain rows as
/// a COPY instead, and one array for each column where a row may be there already.
///
/// While the server waits for the rows of a COPY no limit of the session counts, and what the transaction holds is held
/// as long as the other side is silent: not for rows that others wait for (`fetch_with` inserts them).
async fn insert_columns(
    transaction: &mut PgConnection,
    into: Insert,
    rows: Vec<Cell>,
) -> Result<u64, StoreError> {
    let Insert { table, columns, after } = into;
    if after.is_empty() && rows.len() / into.width() >= COPY_ROWS_MIN {
        let sql = format!("COPY {table} ({columns}) FROM STDIN (FORMAT binary)");
        let mut copy = transaction.copy_in_raw(&sql).await?;
        copy.send(columns::copy_bytes(&rows, into.width())).await?;
        return Ok(copy.finish().await?);
    }
    let places = places(1, into.width());
    let sql = format!("INSERT INTO {table} ({columns}) SELECT * FROM UNNEST({places}) {after}");
    let mut query = sqlx::query::<Postgres>(AssertSqlSafe(sql));
    for column in columns::columns(rows, into.width())? {
        query = bind_column!(query, column);
    }
    Ok(query.execute(transaction).await?.rows_affected())
}

unprinted!(Cell);
