//! A MariaDB that stands for somebody else's system, and a database of its own in it for each test.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection};

/// Makes an empty database and gives its address.
pub async fn fresh_database() -> String {
    let name = format!("viaduct_test_{:016x}", RandomState::new().build_hasher().finish());
    let mut connection = MySqlConnection::connect(server()).await.expect("the test server answers");
    let create = format!("CREATE DATABASE {name} CHARACTER SET utf8mb4");
    connection.execute(AssertSqlSafe(create)).await.expect("the test server makes databases");
    connection.close().await.expect("the test server says goodbye");
    server().replace("/mysql?", &format!("/{name}?"))
}

/// The certificate of whoever signed the server's, as PEM.
pub fn authority() -> String {
    server();
    std::fs::read_to_string(run("authority")).expect("the script says where it is")
}

fn server() -> &'static str {
    static SERVER: OnceLock<String> = OnceLock::new();
    SERVER.get_or_init(|| run("start"))
}

fn run(word: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/mariadb");
    let done = Command::new(script).arg(word).output().expect("scripts/mariadb can be run");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "scripts/mariadb {word} failed: {said}");
    String::from_utf8(done.stdout).expect("an address is text").trim().to_owned()
}
