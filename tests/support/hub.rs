//! A hub of its own for each test: the repository's definitions, drop folders, a database.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use sqlx::{AssertSqlSafe, Row};
use tempfile::TempDir;
use viaduct::app::context::{Context, surroundings};
use viaduct::app::report::RunReport;
use viaduct::app::run;
use viaduct::sandbox::council::Council;
use viaduct::store::database::Database;

use super::postgres;

/// Which database a test is run on. Every test of the walk is run on both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    Sqlite,
    Postgres,
}

/// A hub and everything around it.
pub struct TestHub {
    pub folder: TempDir,
    pub definitions: PathBuf,
    pub url: String,
    pub context: Context,
    /// Variables that a test adds.
    pub more: Vec<(String, String)>,
}

impl TestHub {
    /// With the repository's own definitions.
    pub async fn open(on: On) -> TestHub {
        Self::open_with(on, Path::new("")).await
    }

    /// With the definitions in a folder of the repository, copied so that a test may change them.
    pub async fn open_with(on: On, below: &Path) -> TestHub {
        let folder = tempfile::tempdir().unwrap();
        let definitions = folder.path().join("definitions");
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(below);
        for part in ["connectors", "mappings", "jobs"] {
            copy(&from.join(part), &definitions.join(part));
        }
        // A test that waits for a file to settle waits for nothing.
        for entry in fs::read_dir(definitions.join("connectors")).unwrap().flatten() {
            let text = fs::read(entry.path()).unwrap();
            if entry.path().extension().is_some_and(|end| end == "toml") {
                let text = String::from_utf8(text).unwrap();
                if text.contains("\"file_drop\"") {
                    let text = text.replace("[settings]\n", "[settings]\nsettle_ms = 0\n");
                    fs::write(entry.path(), text).unwrap();
                }
            }
        }
        let url = match on {
            On::Sqlite => postgres::hub_file(folder.path()).await,
            On::Postgres => postgres::hub_database().await,
        };
        let context = Context::open(&definitions, &url).await.unwrap();
        let mut hub = TestHub { folder, definitions, url, context, more: Vec::new() };
        for drop in ["revenues", "benefits", "crm"] {
            fs::create_dir_all(hub.drop_folder(drop)).unwrap();
        }
        hub.context.around = surroundings(hub.variables());
        hub
    }

    /// What the definitions' `${NAME}`s are.
    pub fn variables(&self) -> HashMap<String, String> {
        let place = |drop: &str| self.drop_folder(drop).display().to_string();
        let mut variables = HashMap::from([
            ("REVENUES_DROP".to_owned(), place("revenues")),
            ("BENEFITS_DROP".to_owned(), place("benefits")),
            ("CRM_DROP".to_owned(), place("crm")),
            ("PUBLIC_URL".to_owned(), "https://pay.example.com".to_owned()),
        ]);
        variables.extend(self.more.iter().cloned());
        variables
    }

    /// Reads the definitions again, after a test changed them.
    pub async fn reload(&mut self) {
        let around = self.context.around.clone();
        self.context.database.close().await;
        self.context = Context::open(&self.definitions, &self.url).await.unwrap();
        self.context.around = around;
    }

    /// Changes a definition.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.definitions.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} does not hold {from}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    pub fn drop_folder(&self, system: &str) -> PathBuf {
        self.folder.path().join(system)
    }

    /// Drops a file as a system does.
    pub fn drop_file(&self, system: &str, name: &str, content: &[u8]) {
        fs::write(self.drop_folder(system).join(name), content).unwrap();
    }

    /// Names of the files in a subfolder of a drop.
    pub fn files(&self, system: &str, subfolder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.drop_folder(system).join(subfolder)) else {
            return Vec::new();
        };
        let files = entries.flatten().filter(|entry| entry.path().is_file());
        let mut names: Vec<String> =
            files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Runs a job and gives its counts, which must add up in every batch.
    pub async fn run(&self, job: &str) -> serde_json::Value {
        let report = self.try_run(job).await.unwrap();
        let json = report.json();
        for batch in json["batches"].as_array().unwrap() {
            let count = |name: &str| batch[name].as_i64().unwrap();
            let sum = count("published") + count("unchanged") + count("held") + count("filtered");
            assert_eq!(count("rows_in"), sum, "{batch}");
        }
        json
    }

    pub async fn try_run(&self, job: &str) -> Result<RunReport, String> {
        let job = self.context.job(job).unwrap();
        run::run_ingest(&self.context, job).await.map_err(|error| error.to_string())
    }

    /// Every system's files of one night.
    pub fn drop_night(&self, council: &Council, night: u32) {
        let (mut xml, mut csv, mut json) = (Vec::new(), Vec::new(), Vec::new());
        council.revenues_xml(night, &mut xml).unwrap();
        council.benefits_csv(night, &mut csv).unwrap();
        council.crm_json(night, &mut json).unwrap();
        self.drop_file("crm", &format!("contacts-{night}.json"), &json);
        self.drop_file("revenues", &format!("ctax-{night}.xml"), &xml);
        self.drop_file("benefits", &format!("claims-{night}.csv"), &csv);
    }

    /// Rows of a question, as text. Columns must be text or null.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        rows_of(&self.context.database, sql).await
    }

    /// The single text that a question gives.
    pub async fn text(&self, sql: &str) -> String {
        let rows = self.rows(sql).await;
        assert_eq!(rows.len(), 1, "{sql}: {rows:?}");
        rows[0][0].clone()
    }
}

/// Rows of a question to a database, as text. Columns must be text or null.
pub async fn rows_of(database: &Database, sql: &str) -> Vec<Vec<String>> {
    let text = |found: Option<String>| found.unwrap_or_else(|| "null".to_owned());
    let sql = AssertSqlSafe(sql.to_owned());
    match database {
        Database::Sqlite { readers, .. } => {
            let rows = sqlx::query(sql).fetch_all(readers).await.unwrap();
            let row = |row: &sqlx::sqlite::SqliteRow| {
                (0..row.len()).map(|at| text(row.get(at))).collect()
            };
            rows.iter().map(row).collect()
        }
        Database::Postgres(pool) => {
            let rows = sqlx::query(sql).fetch_all(pool).await.unwrap();
            let row =
                |row: &sqlx::postgres::PgRow| (0..row.len()).map(|at| text(row.get(at))).collect();
            rows.iter().map(row).collect()
        }
    }
}

/// Every row of every table but the migrations' own, in order, each by its columns: what a database
/// holds. Columns that `left_out` names are not looked at.
pub async fn everything(
    database: &Database,
    left_out: fn(&str) -> bool,
) -> Vec<(String, Vec<String>)> {
    let sqlite = matches!(database, Database::Sqlite { .. });
    let tables = match sqlite {
        true => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        false => "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()",
    };
    let mut found = Vec::new();
    for table in rows_of(database, tables).await.into_iter().map(|row| row[0].clone()) {
        let columns = match sqlite {
            true => format!("SELECT name FROM pragma_table_info('{table}')"),
            false => format!(
                "SELECT column_name::text FROM information_schema.columns \
                 WHERE table_schema = current_schema() AND table_name = '{table}'"
            ),
        };
        let mut columns: Vec<String> =
            rows_of(database, &columns).await.into_iter().map(|row| row[0].clone()).collect();
        columns.retain(|column| !left_out(column));
        columns.sort();
        let quoted: Vec<String> = (columns.iter())
            .map(|column| match sqlite {
                true => format!("'{column}=' || quote(\"{column}\")"),
                false => format!("'{column}=' || COALESCE(\"{column}\"::text, 'NULL')"),
            })
            .collect();
        let sql = format!("SELECT {} FROM {table}", quoted.join(" || ' ' || "));
        let mut rows: Vec<String> =
            rows_of(database, &sql).await.into_iter().map(|row| row[0].clone()).collect();
        rows.sort();
        if table != "_sqlx_migrations" {
            found.push((table, rows));
        }
    }
    found.sort();
    found
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Makes two tests of one: on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($($(#[$where:meta])* $name:ident => $body:path),* $(,)?) => {
        mod sqlite {
            $($(#[$where])* #[tokio::test(flavor = "multi_thread")]
            async fn $name() { $body($crate::support::hub::On::Sqlite).await; })*
        }
        mod postgres {
            $($(#[$where])* #[tokio::test(flavor = "multi_thread")]
            async fn $name() { $body($crate::support::hub::On::Postgres).await; })*
        }
    };
}
pub(crate) use on_both;
