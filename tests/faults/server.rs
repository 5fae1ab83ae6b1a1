//! A PostgreSQL of a test's own, to be stopped in every way there is.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::Command;

use super::proxy::host_of;

/// A server that nobody else uses. It is gone with the test.
pub struct Server {
    folder: TempDir,
    /// Where it is by now.
    pub url: String,
}

impl Server {
    pub async fn start() -> Server {
        // The user that it runs as must be able to come here.
        let folder = tempfile::Builder::new().prefix("viaduct-faults-").tempdir_in("/var/tmp");
        let folder = folder.unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).unwrap();
        let url = script(folder.path(), &["start"]).await;
        Server { folder, url }
    }

    /// Stops it: `fast`, `immediate`, or `kill` as `kill -9` does.
    pub async fn halt(&self, how: &str) {
        script(self.folder.path(), &["halt", how]).await;
    }

    /// Starts it again on what it had; it may be elsewhere.
    pub async fn again(&mut self) -> SocketAddr {
        self.url = script(self.folder.path(), &["again"]).await;
        self.address()
    }

    pub fn address(&self) -> SocketAddr {
        host_of(&self.url).parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres");
        let mut stopping = std::process::Command::new(path);
        stopping.arg("stop").env("VIADUCT_PG_DIR", self.folder.path());
        let _ = stopping.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

async fn script(folder: &Path, words: &[&str]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres");
    let mut script = Command::new(path);
    let done = script.args(words).env("VIADUCT_PG_DIR", folder).output().await.unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "scripts/postgres {words:?}: {said}");
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}
