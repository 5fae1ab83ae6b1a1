//! A copy of the database, for a run that is to leave no trace: whole, of one moment, beside the
//! original.
//!
//! On SQLite it is a file in a folder beside the database's, on PostgreSQL a schema of its own.
//! Whoever makes one holds a lock for as long as they need it; a copy whose lock is free belongs to
//! nobody any more, and the next one who makes a copy removes it. Neither readers nor the writer of
//! the original wait.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

use sqlx::postgres::{PgConnection, PgPool};
use sqlx::sqlite::SqlitePool;
use sqlx::{AssertSqlSafe, Connection, Postgres};

use super::database::{Database, StoreError};
use super::reach;

/// What is left free beside the copy, bytes: the run itself writes too.
const SPARE: u64 = 64 << 20;
/// What a copy on PostgreSQL begins its name with.
const SCHEMA: &str = "preview_";

/// A copy and what keeps it ours.
pub struct Copy {
    pub database: Database,
    place: Place,
}

enum Place {
    Folder { folder: PathBuf, _lock: File },
    Schema { name: String, pool: PgPool, lock: PgConnection },
}

impl Copy {
    /// Makes a copy, and removes those that nobody needs any more.
    pub async fn make(database: &Database) -> Result<Copy, StoreError> {
        match database {
            Database::Sqlite { readers, .. } => copy_file(readers).await,
            Database::Postgres(pool) => copy_schema(pool).await,
        }
    }

    /// Removes it. What has been read of it stays read.
    pub async fn remove(self) -> Result<(), StoreError> {
        self.database.close().await;
        match self.place {
            Place::Folder { folder, .. } => {
                fs::remove_dir_all(&folder).map_err(|error| unremoved(&folder, &error))
            }
            Place::Schema { name, pool, lock } => {
                drop_schema(&pool, &name).await?;
                Ok(lock.close().await?)
            }
        }
    }
}

fn unremoved(place: &Path, error: &std::io::Error) -> StoreError {
    let place = place.display();
    StoreError::Refused(format!("the copy {place} cannot be removed: {error}; remove it by hand"))
}

/// A number that no other copy has.
fn fresh() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

async fn copy_file(readers: &SqlitePool) -> Result<Copy, StoreError> {
    let original = readers.connect_options().get_filename().to_path_buf();
    let refused = |error: std::io::Error| {
        let place = original.display();
        StoreError::Refused(format!("a copy cannot be made beside {place}: {error}"))
    };
    let prefix = prefix_of(&original);
    let beside = match original.parent() {
        Some(parent) if parent != Path::new("") => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    sweep_folders(&beside, &prefix).map_err(refused)?;
    let size = size_of(&original) + size_of(&with_end(&original, "-wal"));
    let free = rustix::fs::statvfs(&beside).map_err(|error| refused(error.into()))?;
    enough_room(size, free.f_bavail.saturating_mul(free.f_frsize), &beside)?;

    let folder = beside.join(format!("{prefix}{:016x}", fresh()));
    fs::create_dir(&folder).map_err(refused)?;
    let lock = File::create(folder.join("lock")).map_err(refused)?;
    lock.try_lock().map_err(|error| refused(error.into()))?;
    let file = folder.join("copy.db");
    let target = file.to_string_lossy().into_owned();
    let copied = sqlx::query("VACUUM INTO ?").bind(target).execute(readers).await;
    let opened = match copied {
        Ok(_) => Database::open(&format!("sqlite:{}", file.display())).await,
        Err(error) => Err(StoreError::from(error)),
    };
    match opened {
        Ok(database) => Ok(Copy { database, place: Place::Folder { folder, _lock: lock } }),
        Err(error) => {
            fs::remove_dir_all(&folder).map_err(|error| unremoved(&folder, &error))?;
            Err(error)
        }
    }
}

/// What the folders of copies begin with: `viaduct.db.preview-`.
fn prefix_of(original: &Path) -> String {
    let name = original.file_name().unwrap_or_default().to_string_lossy().into_owned();
    format!("{name}.preview-")
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut whole = path.as_os_str().to_owned();
    whole.push(end);
    PathBuf::from(whole)
}

fn size_of(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |about| about.len())
}

fn enough_room(size: u64, free: u64, place: &Path) -> Result<(), StoreError> {
    let wanted = size + size / 4 + SPARE;
    if free >= wanted {
        return Ok(());
    }
    let mb = |bytes: u64| bytes.div_ceil(1 << 20);
    Err(StoreError::Refused(format!(
        "there is no room for a copy of the database in {}: it takes {} MB and {} MB are free",
        place.display(),
        mb(wanted),
        mb(free)
    )))
}

/// Removes copies whose makers are gone. One whose lock is held, or not there yet, is somebody's.
fn sweep_folders(beside: &Path, prefix: &str) -> std::io::Result<()> {
    for entry in fs::read_dir(beside)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with(prefix) {
            continue;
        }
        let Ok(lock) = File::open(entry.path().join("lock")) else { continue };
        if lock.try_lock().is_ok() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

async fn copy_schema(pool: &PgPool) -> Result<Copy, StoreError> {
    let number = fresh();
    let name = format!("{SCHEMA}{number:016x}");
    let mut lock = PgConnection::connect_with(&pool.connect_options()).await?;
    sweep_schemas(pool, &mut lock).await?;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(number as i64).execute(&mut lock).await?;
    let of_one_moment = reach::begun(pool, "BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
    fill_schema(of_one_moment, &name).await.map_err(|error| match &error {
        sqlx::Error::Database(fault) if fault.code().as_deref() == Some("42501") => {
            StoreError::Refused(format!(
                "a copy cannot be made: {fault}. The role must be allowed to make a schema: \
                 GRANT CREATE ON DATABASE … TO …"
            ))
        }
        _ => error.into(),
    })?;
    let options = (*pool.connect_options()).clone().options([("search_path", name.as_str())]);
    let made = reach::pool(options).await;
    match made {
        Ok(copy) => {
            let place = Place::Schema { name, pool: pool.clone(), lock };
            Ok(Copy { database: Database::Postgres(copy), place })
        }
        Err(error) => {
            drop_schema(pool, &name).await?;
            Err(error)
        }
    }
}

/// Every table with its rows, in one transaction that sees one moment. A copy that is not whole is
/// never there.
async fn fill_schema(
    mut transaction: sqlx::Transaction<'static, Postgres>,
    name: &str,
) -> Result<(), sqlx::Error> {
    // The largest table takes as long as it takes.
    sqlx::query("SET LOCAL statement_timeout TO 0").execute(&mut *transaction).await?;
    let tables: Vec<(String, String)> = sqlx::query_as(
        "SELECT schemaname::text, tablename::text FROM pg_tables \
         WHERE schemaname = current_schema() ORDER BY tablename",
    )
    .fetch_all(&mut *transaction)
    .await?;
    let mut texts = vec![format!("CREATE SCHEMA {name}")];
    for (schema, table) in tables {
        // Nobody needs it after a crash of the server.
        texts.push(format!(
            "CREATE UNLOGGED TABLE {name}.\"{table}\" (LIKE \"{schema}\".\"{table}\" INCLUDING ALL)"
        ));
        texts
            .push(format!("INSERT INTO {name}.\"{table}\" SELECT * FROM \"{schema}\".\"{table}\""));
    }
    for text in texts {
        sqlx::query(AssertSqlSafe(text)).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

async fn drop_schema(pool: &PgPool, name: &str) -> Result<(), StoreError> {
    let text = format!("DROP SCHEMA IF EXISTS {name} CASCADE");
    sqlx::query(AssertSqlSafe(text)).execute(pool).await?;
    Ok(())
}

/// Removes copies whose makers are gone: the server lets their locks go with them.
async fn sweep_schemas(pool: &PgPool, lock: &mut PgConnection) -> Result<(), StoreError> {
    let sql = "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'preview\\_%'";
    let found: Vec<(String,)> = sqlx::query_as(sql).fetch_all(&mut *lock).await?;
    for (name,) in found {
        let number = name.strip_prefix(SCHEMA).filter(|number| number.len() == 16);
        let Some(number) = number.and_then(|number| u64::from_str_radix(number, 16).ok()) else {
            continue;
        };
        let number = number as i64;
        let sql = "SELECT pg_try_advisory_lock($1)";
        let (free,): (bool,) = sqlx::query_as(sql).bind(number).fetch_one(&mut *lock).await?;
        if free {
            drop_schema(pool, &name).await?;
            let sql = "SELECT pg_advisory_unlock($1)";
            sqlx::query(sql).bind(number).execute(&mut *lock).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_would_fill_the_disk_is_not_begun() {
        let place = Path::new("/data");
        assert!(enough_room(1 << 30, 2 << 30, place).is_ok());
        let refused = enough_room(1 << 30, 1 << 30, place).map_err(|error| error.to_string());
        let said = "it takes 1344 MB and 1024 MB are free";
        assert!(refused.is_err_and(|text| text.contains(said)));
    }
}
