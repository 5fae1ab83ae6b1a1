//! A folder on another machine: a real OpenSSH server on loopback, as whoever runs the tests.

use std::collections::HashMap;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use russh::server;
use tempfile::TempDir;
use viaduct::app::context::surroundings;
use viaduct::connector::channel::{ConnectorError, Origin, ReadEnd, Source, Taken};
use viaduct::connector::definition;
use viaduct::connector::format::{Raw, RecordSink, Stopped};
use viaduct::connector::kinds::KINDS;
use viaduct::definition::reader::File;

use super::zipped::{archive, entry};
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    files_of_another_machine_are_taken_once => super::taken_once,
}

/// A server, and the folder that it gives out.
pub struct Server {
    folder: TempDir,
    child: Child,
    pub port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tools() -> (PathBuf, PathBuf) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/sshd");
    let done = Command::new(script).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let said = String::from_utf8(done.stdout).unwrap();
    let mut lines = said.lines().map(PathBuf::from);
    (lines.next().unwrap(), lines.next().unwrap())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Whether an SSH server answers there: that connections are taken is not enough.
fn speaks(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut begun = [0; 4];
    std::io::Read::read_exact(&mut stream, &mut begun).is_ok() && begun == *b"SSH-"
}

impl Server {
    pub fn open() -> Server {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (_, keygen) = tools();
        for name in ["host", "own", "other"] {
            let made = Command::new(&keygen)
                .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
                .arg(at(name))
                .status()
                .unwrap();
            assert!(made.success());
        }
        fs::copy(at("own.pub"), at("allowed")).unwrap();
        fs::create_dir(at("drop")).unwrap();
        // A port that was free may be another's by the time that the server listens.
        let started = (0..5).find_map(|_| {
            let port = free_port();
            Some((Server::start(folder.path(), port)?, port))
        });
        let (child, port) = started.expect("the server did not start");
        Server { folder, child, port }
    }

    /// None where it ended by itself, as it does when its port is taken.
    fn start(folder: &Path, port: u16) -> Option<Child> {
        let at = |name: &str| folder.join(name).display().to_string();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
             StrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n\
             Subsystem sftp internal-sftp\n",
            at("host"),
            at("allowed"),
        );
        fs::write(folder.join("config"), config).unwrap();
        let mut child = Command::new(tools().0)
            .args(["-D", "-e", "-f", &at("config")])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(60) {
            let answers = speaks(port);
            // Whoever answers may be the one who has its port.
            if child.try_wait().unwrap().is_some() {
                return None;
            }
            if answers {
                return Some(child);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = child.kill();
        let _ = child.wait();
        panic!("the server did not start");
    }

    fn again(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.child = Server::start(self.folder.path(), self.port).expect("it starts again");
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn drop_file(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.at("drop").join(name), content).unwrap();
    }

    fn names(&self, below: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.at("drop").join(below)) else { return Vec::new() };
        let files = entries.flatten().filter(|entry| entry.path().is_file());
        let mut names: Vec<String> =
            files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// `ssh-ed25519 AAAA…`
    fn host_key(&self) -> String {
        fs::read_to_string(self.at("host.pub")).unwrap().trim().to_owned()
    }

    pub fn variables(&self) -> HashMap<String, String> {
        let own = fs::read_to_string(self.at("own")).unwrap();
        let other = fs::read_to_string(self.at("other")).unwrap();
        let user =
            String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        HashMap::from([
            ("BANK_KEY".to_owned(), own),
            ("OTHER_KEY".to_owned(), other),
            ("BANK_PASSWORD".to_owned(), "hunter2".to_owned()),
            ("BANK_USER".to_owned(), user.trim().to_owned()),
            ("BANK_HOST".to_owned(), format!("127.0.0.1:{}", self.port)),
            ("BANK_HOST_KEY".to_owned(), self.host_key()),
            ("BANK_DROP".to_owned(), self.at("drop").display().to_string()),
        ])
    }

    fn open_with(&self, changes: &[(&str, &str)]) -> Arc<dyn Source> {
        source(self.port, &self.variables(), changes)
    }
}

fn source(
    port: u16,
    variables: &HashMap<String, String>,
    changes: &[(&str, &str)],
) -> Arc<dyn Source> {
    let mut text = format!(
        "kind = \"sftp_drop\"\nsystem = \"bank\"\n[settings]\nhost = \"127.0.0.1\"\nport = {port}\n\
         allow = [\"127.0.0.1:{port}\"]\nuser = \"${{BANK_USER}}\"\nprivate_key = \"secret:BANK_KEY\"\n\
         host_key = \"${{BANK_HOST_KEY}}\"\ndirectory = \"${{BANK_DROP}}\"\npattern = \"*.csv*\"\n\
         settle_ms = 0\nformat = \"csv\"\nkey = \"ref\"\nextract = \"full\"\n"
    );
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let file = File::parse("connectors/bank.toml", text);
    let read = definition::read(&file, "bank", KINDS);
    let faults: Vec<String> = file.into_diagnostics().into_iter().map(|fault| fault.what).collect();
    let definition = read.unwrap_or_else(|| panic!("{faults:?}"));
    definition.settings.source(&surroundings(variables.clone())).unwrap().unwrap()
}

/// Keeps keys, and does something when the first record comes.
struct Sink(Arc<Mutex<Vec<String>>>, Option<Box<dyn FnOnce() + Send>>);

impl RecordSink for Sink {
    fn record(&mut self, key: &str, _: Raw<'_>) -> Result<(), Stopped> {
        self.0.lock().unwrap().push(key.to_owned());
        if let Some(first) = self.1.take() {
            first();
        }
        Ok(())
    }

    fn unreadable(&mut self, code: &'static str, _: String, raw: Raw<'_>) -> Result<(), Stopped> {
        self.record(code, raw)
    }
}

async fn read(
    source: &Arc<dyn Source>,
    origin: &Origin,
) -> (String, Result<ReadEnd, ConnectorError>) {
    let keys = Arc::new(Mutex::new(Vec::new()));
    let (sink, end) = source.read(origin, Box::new(Sink(Arc::clone(&keys), None))).await;
    drop(sink);
    let keys = keys.lock().unwrap().join(" ");
    (keys, end)
}

const CSV: &str = "ref,name\n1,Testberry\n2,Fakeley\n";

#[tokio::test(flavor = "multi_thread")]
async fn settled_files_are_read_and_moved_and_nothing_else_is() {
    let server = Server::open();
    server.drop_file("b.csv", CSV);
    let mut packing = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packing, CSV.as_bytes()).unwrap();
    server.drop_file("a.csv.gz", packing.finish().unwrap());
    server.drop_file("c.csv.zip", archive(&[entry("c.csv", CSV.as_bytes())]));
    server.drop_file(".hidden.csv", CSV);
    server.drop_file("notes.txt", "x");
    fs::create_dir(server.at("drop/folder.csv")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", server.at("drop/link.csv")).unwrap();
    let source = server.open_with(&[]);
    let origins = source.look(None).await.unwrap();
    let mut names: Vec<&str> = origins.iter().map(|origin| origin.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["a.csv.gz", "b.csv", "c.csv.zip"]);
    let ignored: Vec<(&str, u64)> =
        source.ignored().await.unwrap().iter().map(|one| (one.what, one.count)).collect();
    assert_eq!(
        ignored,
        [("file that does not fit the pattern", 1), ("folder", 1), ("hidden file", 1), ("link", 1)]
    );
    for origin in &origins {
        let (keys, end) = read(&source, origin).await;
        assert_eq!(keys, "1 2", "{}", origin.name);
        assert_eq!(end.unwrap().content_digest.len(), 64);
        source.acknowledge(origin, Taken::Processed).await.unwrap();
    }
    assert_eq!(server.names("processed"), ["a.csv.gz", "b.csv", "c.csv.zip"]);
    // Another of that name is kept beside it; what is held goes elsewhere.
    for (taken, folder, expected) in [
        (Taken::Processed, "processed", vec!["a.csv.gz", "b.csv", "b.csv.2", "c.csv.zip"]),
        (Taken::Held, "held", vec!["b.csv"]),
    ] {
        server.drop_file("b.csv", "ref,name\n3,Bramble\n");
        let origin = source.look(None).await.unwrap().remove(0);
        source.acknowledge(&origin, taken).await.unwrap();
        assert_eq!(server.names(folder), expected);
    }
    assert!(source.look(None).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_while_it_is_fetched_is_read_another_time() {
    let server = Server::open();
    server.drop_file("a.csv", CSV);
    let source = server.open_with(&[]);
    let origin = source.look(None).await.unwrap().remove(0);
    server.drop_file("a.csv", format!("{CSV}3,Bramble\n"));
    let (keys, end) = read(&source, &origin).await;
    assert!(keys.is_empty() && matches!(end, Err(ConnectorError::Unavailable { .. })), "{end:?}");
    // And while it is read.
    let origin = source.look(None).await.unwrap().remove(0);
    let path = server.at("drop/a.csv");
    let keys = Arc::new(Mutex::new(Vec::new()));
    let first = Box::new(move || fs::write(path, "ref,name\n").unwrap());
    let (_, end) = source.read(&origin, Box::new(Sink(keys, Some(first)))).await;
    assert!(matches!(end, Err(ConnectorError::Unavailable { .. })), "{end:?}");
    // It was not read, and is not moved.
    source.acknowledge(&origin, Taken::Processed).await.unwrap();
    assert_eq!(server.names(""), ["a.csv"]);
    fs::remove_file(server.at("drop/a.csv")).unwrap();
    let (_, end) = read(&source, &origin).await;
    assert!(matches!(end, Err(ConnectorError::Unavailable { .. })), "{end:?}");
    // More than may be is held, and never kept whole.
    server.drop_file("long.csv", vec![b'x'; 1_000_001]);
    let source = server.open_with(&[("extract = ", "unpacked_bytes_max = 1_000_000\nextract = ")]);
    let origin = source.look(None).await.unwrap().remove(0);
    let (_, end) = read(&source, &origin).await;
    assert!(
        matches!(&end, Err(ConnectorError::Malformed(fault)) if fault.code == "file.size"),
        "{end:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_broke_is_made_anew() {
    let mut server = Server::open();
    server.drop_file("a.csv", CSV);
    let source = server.open_with(&[]);
    assert_eq!(source.look(None).await.unwrap().len(), 1);
    server.again();
    let mut found = source.look(None).await;
    if found.is_err() {
        found = source.look(None).await;
    }
    assert_eq!(found.unwrap().len(), 1);
    let (keys, _) = read(&source, &source.look(None).await.unwrap()[0]).await;
    assert_eq!(keys, "1 2");
}

/// A server of our own, which counts who comes, and lets in whoever knows the password.
#[derive(Clone)]
struct Counting(Arc<AtomicU32>);

impl server::Handler for Counting {
    type Error = russh::Error;

    async fn auth_none(&mut self, _: &str) -> Result<server::Auth, russh::Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(server::Auth::reject())
    }

    async fn auth_password(
        &mut self,
        _: &str,
        password: &str,
    ) -> Result<server::Auth, russh::Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(if password == "hunter2" { server::Auth::Accept } else { server::Auth::reject() })
    }
}

async fn counting(server: &Server) -> (u16, Arc<AtomicU32>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let key = russh::keys::load_secret_key(server.at("host"), None).unwrap();
    let config = Arc::new(server::Config { keys: vec![key], ..server::Config::default() });
    let tried = Arc::new(AtomicU32::new(0));
    let counted = Counting(Arc::clone(&tried));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (config, counted) = (Arc::clone(&config), counted.clone());
            tokio::spawn(async move {
                if let Ok(running) = server::run_stream(config, stream, counted).await {
                    let _ = running.await;
                }
            });
        }
    });
    (port, tried)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_is_never_believed_and_nothing_is_said_to_it() {
    let server = Server::open();
    let other = fs::read_to_string(server.at("other.pub")).unwrap();
    let (port, tried) = counting(&server).await;
    let mut variables = server.variables();
    let password = ("private_key = \"secret:BANK_KEY\"", "password = \"secret:BANK_PASSWORD\"");
    variables.insert("BANK_HOST_KEY".to_owned(), other.trim().to_owned());
    let error = source(port, &variables, &[password]).look(None).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Unauthorised { code: "sftp.host_key", .. }), "{error}");
    let said = error.to_string();
    assert_eq!(said.matches("SHA256:").count(), 2, "{said}");
    assert!(said.contains("nothing was sent") && !said.contains("hunter2"), "{said}");
    assert_eq!(tried.load(Ordering::SeqCst), 0, "neither name nor password was sent");
    // With the right key the password is said, and taken; this server has no SFTP behind it.
    variables.insert("BANK_HOST_KEY".to_owned(), server.host_key());
    let error = source(port, &variables, &[password]).look(None).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Unavailable { .. }), "{error}");
    assert!(tried.load(Ordering::SeqCst) > 0);
    variables.insert("BANK_PASSWORD".to_owned(), "wrong".to_owned());
    let error = source(port, &variables, &[password]).look(None).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Unauthorised { code: "sftp.login", .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_be_written_whole_or_short_and_with_another() {
    let server = Server::open();
    let (_, keygen) = tools();
    let said = Command::new(keygen).args(["-l", "-f"]).arg(server.at("host.pub")).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let short = said.split_whitespace().nth(1).unwrap();
    let other = fs::read_to_string(server.at("other.pub")).unwrap();
    let whole = server.host_key();
    for written in [
        format!("host_key = \"{short}\""),
        format!("host_key = \"{whole}\""),
        format!("host_key = [\"{}\", \"{short}\"]", other.trim()),
    ] {
        let source = server.open_with(&[("host_key = \"${BANK_HOST_KEY}\"", &written)]);
        assert!(source.look(None).await.unwrap().is_empty(), "{written}");
    }
    let source = server.open_with(&[("secret:BANK_KEY", "secret:OTHER_KEY")]);
    let error = source.look(None).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Unauthorised { code: "sftp.login", .. }), "{error}");
    let source = server.open_with(&[("\"${BANK_DROP}\"", "\"/nowhere\"")]);
    let error = source.look(None).await.unwrap_err();
    assert!(error.to_string().contains("/nowhere"), "{error}");
}

#[test]
fn an_address_is_judged_before_it_is_called() {
    let variables = HashMap::from([("BANK_KEY".to_owned(), "x".to_owned())]);
    let text = |host: &str, allow: &str| {
        format!(
            "kind = \"sftp_drop\"\nsystem = \"bank\"\n[settings]\nhost = \"{host}\"\nallow = [{allow}]\nuser = \"u\"\n\
             password = \"secret:BANK_KEY\"\nhost_key = \"SHA256:{}\"\ndirectory = \"/out\"\npattern = \"*\"\n\
             format = \"csv\"\nkey = \"ref\"\nextract = \"full\"\n",
            "a".repeat(43)
        )
    };
    for (host, allow, good) in [
        ("sftp.example.com", "", true),
        ("127.0.0.1", "", false),
        ("localhost", "", false),
        ("10.1.2.3", "", false),
        ("10.1.2.3", "\"10.1.2.3:22\"", true),
        ("169.254.169.254", "\"169.254.169.254:22\"", false),
        ("sftp.example.com/x", "", false),
    ] {
        let file = File::parse("connectors/bank.toml", text(host, allow));
        let definition = definition::read(&file, "bank", KINDS).unwrap();
        let opened = definition.settings.source(&surroundings(variables.clone())).unwrap();
        assert_eq!(opened.is_ok(), good, "{host} {allow}");
    }
}

async fn taken_once(on: On) {
    let server = Server::open();
    let mut hub = TestHub::open_with(on, Path::new("tests/connectors/fetched")).await;
    hub.more = server.variables().into_iter().collect();
    hub.more.push(("BANK_PORT".to_owned(), server.port.to_string()));
    hub.edit("connectors/bank.toml", "port      = 22", &format!("port      = {}", server.port));
    hub.context.around = surroundings(hub.variables());
    hub.reload().await;
    server.drop_file("claims-1.csv", CSV);
    let report = hub.run("ingest-bank").await;
    assert_eq!(report["total"]["published"], 2, "{report}");
    assert_eq!(server.names("processed"), ["claims-1.csv"]);
    // Put back as it was: its content is known.
    fs::rename(server.at("drop/processed/claims-1.csv"), server.at("drop/claims-1.csv")).unwrap();
    hub.run("ingest-bank").await;
    server.drop_file("claims-2.csv", CSV);
    let report = hub.run("ingest-bank").await;
    assert_eq!(report["batches"][0]["state"], "duplicate", "{report}");
    server.drop_file("claims-3.csv", "<html>");
    let report = hub.run("ingest-bank").await;
    assert_eq!(report["batches"][0]["state"], "held", "{report}");
    assert_eq!(server.names("held"), ["claims-3.csv"]);
}
