//! A database of its own for each test, on PostgreSQL and on SQLite. Nothing is skipped where no
//! server is named: one is started. A test's databases are dropped when it has ended, many at once.

use std::cell::RefCell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use tokio::sync::OnceCell;
use viaduct::store::database::Database;

/// Makes an empty PostgreSQL database and gives its address.
pub async fn fresh_database() -> String {
    // `template0`, because nobody is ever connected to it: a template in use cannot be copied.
    copy_for_test("template0").await
}

/// Makes a PostgreSQL database with the hub's tables and nothing in them. They are made once in a run,
/// and copied for each test.
pub async fn hub_database() -> String {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let template = TEMPLATE.get_or_init(|| async {
        let (name, url) = copy_of("template0").await;
        make_tables(&url).await;
        name
    });
    copy_for_test(template.await).await
}

/// The same on SQLite: a file in this folder.
pub async fn hub_file(dir: &Path) -> String {
    static TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();
    let template = TEMPLATE.get_or_init(|| async {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let url = sqlite_file(dir.path());
        make_tables(&url).await;
        std::fs::read(file_of(&url)).expect("what was closed is in one file")
    });
    let url = sqlite_file(dir);
    std::fs::write(file_of(&url), template.await).expect("room for a small file");
    url
}

async fn make_tables(url: &str) {
    Database::open(url).await.expect("the tables are made").close().await;
}

fn file_of(url: &str) -> &str {
    url.trim_start_matches("sqlite:")
}

/// The databases of the test that this thread runs: with the thread they have had their time.
struct OfTest(Vec<String>);

impl Drop for OfTest {
    fn drop(&mut self) {
        static DROPPER: OnceLock<Sender<String>> = OnceLock::new();
        let dropper = DROPPER.get_or_init(|| {
            let (sender, names) = channel();
            std::thread::spawn(move || drop_databases(&names));
            sender
        });
        for name in self.0.drain(..) {
            // Nobody there to drop it: it goes with the server.
            let _ = dropper.send(name);
        }
    }
}

thread_local! {
    static OF_TEST: RefCell<OfTest> = const { RefCell::new(OfTest(Vec::new())) };
}

/// The server writes all it has to disk for each database that is dropped: of many in a row the first
/// pays. Five hundred of them are 6 GB; what is left of them at a run's end goes with the server.
fn drop_databases(names: &Receiver<String>) {
    const AT_ONCE: usize = 40;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime of one thread");
    loop {
        let many: Vec<String> = names.iter().take(AT_ONCE).collect();
        if many.is_empty() {
            return;
        }
        runtime.block_on(async {
            // A server that is just being killed by a test keeps them.
            let Ok(mut connection) = PgConnection::connect(server()).await else { return };
            for name in many {
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                let _ = connection.execute(AssertSqlSafe(drop)).await;
            }
        });
    }
}

/// Copies a database for the test of this thread, and gives the copy's address.
async fn copy_for_test(template: &str) -> String {
    let (name, url) = copy_of(template).await;
    OF_TEST.with_borrow_mut(|mine| mine.0.push(name));
    url
}

/// Copies a database, and gives the copy's name and address.
async fn copy_of(template: &str) -> (String, String) {
    let server = server();
    let name = unused_name();
    let mut connection = PgConnection::connect(server).await.expect("the test server answers");
    let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
    connection.execute(AssertSqlSafe(create)).await.expect("the test server makes databases");
    connection.close().await.expect("the test server says goodbye");
    let url = with_database(server, &name);
    (name, url)
}

/// The address of a new SQLite database in this folder.
pub fn sqlite_file(dir: &Path) -> String {
    format!("sqlite:{}", dir.join(format!("{}.db", unused_name())).display())
}

/// The server that `scripts/test` named, or one that we start: once, however many tests ask.
fn server() -> &'static str {
    static SERVER: OnceLock<String> = OnceLock::new();
    SERVER.get_or_init(|| match std::env::var("VIADUCT_TEST_POSTGRES") {
        Ok(url) if !url.is_empty() => url,
        _ => start(),
    })
}

fn start() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres");
    let done = Command::new(script).arg("start").output().expect("scripts/postgres can be run");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "scripts/postgres start failed: {said}");
    String::from_utf8(done.stdout).expect("an address is text").trim().to_owned()
}

/// Random rather than counted: a server may outlive a run, and process numbers come again.
fn unused_name() -> String {
    format!("viaduct_test_{:016x}", RandomState::new().build_hasher().finish())
}

/// The server's address with another database in its path; its options stay.
fn with_database(server: &str, name: &str) -> String {
    let (address, options) = match server.split_once('?') {
        Some((address, options)) => (address, format!("?{options}")),
        None => (server, String::new()),
    };
    let host = match address.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.split_once('/').map_or(rest, |(host, _)| host);
            format!("{scheme}://{host}")
        }
        None => panic!("VIADUCT_TEST_POSTGRES is not an address such as postgres://user@host/db"),
    };
    format!("{host}/{name}{options}")
}

#[test]
fn a_database_is_named_in_the_servers_address() {
    let cases = [
        ("postgres://u@h:1/postgres", "postgres://u@h:1/t"),
        ("postgres://u@h:1", "postgres://u@h:1/t"),
        ("postgres://u:p@h/a?sslmode=require", "postgres://u:p@h/t?sslmode=require"),
    ];
    for (server, wanted) in cases {
        assert_eq!(with_database(server, "t"), wanted);
    }
}

#[tokio::test]
async fn each_test_has_a_postgres_database_of_its_own() {
    let (one, other) = tokio::join!(fresh_database(), fresh_database());
    assert_ne!(one, other);
    for url in [one, other] {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let count = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
        let tables: i64 = connection.fetch_one(count).await.unwrap().get(0);
        assert_eq!(tables, 0);
    }
}

#[test]
fn each_test_has_a_sqlite_file_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (sqlite_file(dir.path()), sqlite_file(dir.path()));
    assert_ne!(one, other);
    assert!(one.starts_with("sqlite:/") && one.ends_with(".db"));
}
