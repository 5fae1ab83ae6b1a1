//! Systems that are not asked by HTTP: files here and elsewhere, a database, and those who call us. Each has its own
//! way of going wrong.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use viaduct::access::actor::Actor;
use viaduct::access::scope::Allowed;
use viaduct::app::api::Api;
use viaduct::app::inbox::FrontDesk;
use viaduct::app::keys::{self, New};
use viaduct::app::worker::Doorbell;
use viaduct::store::queue::QueuePool;
use viaduct::web::server::Listening;

use super::Case;
use super::asked::{Asked, define_list, told};
use super::lists::{OLDER, USUAL, json_of};
use crate::connectors::sftp_drop::Server;
use crate::connectors::sql::old::{Kind, Old};
use crate::faults::proxy::{Direction, Flow, Proxy, host_of};
use crate::sandbox::bench::client;
use crate::support::hub::TestHub;

const LIST: &str = "extract = \"delta\"\nformat = \"json\"\nrecord = \"/items\"\nkey = \"ref\"\n\
                    version = \"changed_at\"\nversion_as = \"time\"\n";
const HTML: &str = "<html><body>Please sign in</body></html>";
const MUTE: &str = "a folder says nothing of the kind";

/// What a file or a call has, on that bad day; None where its content is as usual.
fn content(case: Case) -> Option<Vec<u8>> {
    let usual = json_of(&USUAL).into_bytes();
    match case {
        Case::OutOfOrder => Some(json_of(&OLDER).into_bytes()),
        Case::Half => Some(usual[..usual.len() / 2].to_vec()),
        Case::Oversized => {
            let long = "x".repeat(2 << 20);
            let row = format!("{{\"ref\":\"T004\",\"surname\":\"{long}\"}}");
            Some(format!("{{\"items\":[{row}]}}").into_bytes())
        }
        Case::WrongEncoding => {
            let mut torn = usual;
            let at = torn.windows(4).position(|part| part == b"Test").unwrap();
            torn[at] = 0xe9;
            Some(torn)
        }
        Case::Drift => Some(HTML.as_bytes().to_vec()),
        _ => None,
    }
}

/// The usual list, each time in other words: the same file once more, after others, would be an old one that came
/// again.
fn usual(time: u32) -> Vec<u8> {
    let blanks = " ".repeat(time as usize);
    format!("{}{blanks}", json_of(&USUAL)).into_bytes()
}

/// A folder on this machine.
pub struct Dropped {
    files: u32,
}

impl Dropped {
    pub fn open() -> Dropped {
        Dropped { files: 0 }
    }

    fn drop_file(&mut self, hub: &TestHub, content: &[u8]) -> String {
        self.files += 1;
        let name = format!("list-{}.json", self.files);
        hub.drop_file("dropped", &name, content);
        name
    }
}

#[async_trait]
impl Asked for Dropped {
    fn job(&self) -> &'static str {
        "ingest-dropped"
    }

    fn define(&self, hub: &mut TestHub) {
        let drop = hub.drop_folder("dropped");
        fs::create_dir_all(&drop).unwrap();
        let text = format!(
            "kind = \"file_drop\"\nsystem = \"dropped\"\n[settings]\ndirectory = \"{}\"\n\
             pattern = \"*.json\"\nsettle_ms = 0\n{LIST}",
            drop.display()
        );
        define_list(hub, "dropped", &text);
    }

    async fn behave(&mut self, hub: &TestHub) {
        let (drop, away) = (hub.drop_folder("dropped"), hub.drop_folder("away"));
        if away.exists() {
            fs::rename(away, drop).unwrap();
        }
        self.drop_file(hub, &usual(self.files));
    }

    async fn misbehave(&mut self, hub: &TestHub, case: Case) -> Result<(), &'static str> {
        match case {
            Case::Refused => {
                fs::rename(hub.drop_folder("dropped"), hub.drop_folder("away")).unwrap();
            }
            Case::TooMany | Case::Silent => return Err(MUTE),
            Case::ClockSkew => {
                let name = self.drop_file(hub, &usual(self.files));
                let path = hub.drop_folder("dropped").join(name);
                let ahead = SystemTime::now() + Duration::from_secs(86_400);
                fs::File::options().write(true).open(path).unwrap().set_modified(ahead).unwrap();
            }
            _ => {
                let content = content(case).unwrap_or_else(|| usual(self.files - 1));
                self.drop_file(hub, &content);
            }
        }
        Ok(())
    }
}

/// A folder on another machine, and what stands between.
pub struct Fetched {
    server: Server,
    proxy: Proxy,
    files: u32,
}

impl Fetched {
    pub async fn open() -> Fetched {
        let server = Server::open();
        let proxy = Proxy::to(([127, 0, 0, 1], server.port).into()).await;
        Fetched { server, proxy, files: 0 }
    }

    fn drop_file(&mut self, content: &[u8]) {
        self.files += 1;
        self.server.drop_file(&format!("list-{}.json", self.files), content);
    }

    fn lets_in(&self, key: &str) {
        fs::copy(self.server.at(key), self.server.at("allowed")).unwrap();
    }
}

#[async_trait]
impl Asked for Fetched {
    fn job(&self) -> &'static str {
        "ingest-fetched"
    }

    fn define(&self, hub: &mut TestHub) {
        let at = self.proxy.address;
        let text = format!(
            "kind = \"sftp_drop\"\nsystem = \"fetched\"\n[settings]\nhost = \"127.0.0.1\"\nport = {}\n\
             allow = [\"{at}\"]\nuser = \"${{BANK_USER}}\"\nprivate_key = \"secret:BANK_KEY\"\n\
             host_key = \"${{BANK_HOST_KEY}}\"\ndirectory = \"${{BANK_DROP}}\"\npattern = \"*.json\"\n\
             settle_ms = 0\ntimeout = \"5s\"\n{LIST}",
            at.port()
        );
        define_list(hub, "fetched", &text);
        hub.more = self.server.variables().into_iter().collect();
    }

    async fn behave(&mut self, _: &TestHub) {
        self.lets_in("own.pub");
        self.proxy.both(Flow::Open);
        self.proxy.cut();
        self.drop_file(&usual(self.files));
    }

    async fn misbehave(&mut self, _: &TestHub, case: Case) -> Result<(), &'static str> {
        match case {
            Case::Refused => self.lets_in("other.pub"),
            Case::TooMany => return Err(MUTE),
            Case::Silent => self.proxy.set(Direction::ToClient, Flow::Silent),
            Case::ClockSkew => {
                self.drop_file(&usual(self.files));
                let path = self.server.at("drop").join(format!("list-{}.json", self.files));
                let ahead = SystemTime::now() + Duration::from_secs(86_400);
                fs::File::options().write(true).open(path).unwrap().set_modified(ahead).unwrap();
            }
            _ => {
                let content = content(case).unwrap_or_else(|| usual(self.files - 1));
                self.drop_file(&content);
            }
        }
        Ok(())
    }
}

/// Somebody else's database, and what stands between.
pub struct Queried {
    old: Old,
    proxy: Proxy,
    reader: String,
}

impl Queried {
    pub async fn open() -> Queried {
        let old = Old::open(Kind::MariaDb).await;
        old.run(
            "CREATE TABLE list (ref varchar(9), owes decimal(9,2), changed int, surname mediumtext)",
        )
        .await;
        let proxy = Proxy::to(host_of(&old.url).parse().unwrap()).await;
        let (_, database) = old.url.rsplit_once('/').unwrap();
        let database = database.split('?').next().unwrap();
        let reader = format!("r_{}", database.trim_start_matches("viaduct_test_"));
        old.run(&format!("CREATE USER '{reader}'@'%' IDENTIFIED BY 'right'")).await;
        old.run(&format!("GRANT SELECT ON {database}.* TO '{reader}'@'%'")).await;
        Queried { old, proxy, reader }
    }

    async fn lets_in(&self, password: &str) {
        let sql = format!("ALTER USER '{}'@'%' IDENTIFIED BY '{password}'", self.reader);
        self.old.run(&sql).await;
    }

    async fn say(&self, records: &[super::lists::Record]) {
        self.old.run("DELETE FROM list").await;
        for (key, owes, second) in records {
            let sql = format!("INSERT INTO list VALUES ('{key}', {owes}, {second}, 'Testberry')");
            self.old.run(&sql).await;
        }
    }
}

#[async_trait]
impl Asked for Queried {
    fn job(&self) -> &'static str {
        "ingest-queried"
    }

    fn define(&self, hub: &mut TestHub) {
        let at = self.proxy.address;
        let text = format!(
            "kind = \"sql\"\nsystem = \"queried\"\n[settings]\nurl = \"secret:OLD_URL\"\nallow = [\"{at}\"]\n\
             query = \"SELECT ref, CAST(owes AS CHAR) AS owes, changed, surname FROM list\"\n\
             key = \"ref\"\nextract = \"delta\"\nversion = \"changed\"\ntimeout = \"5s\"\n"
        );
        define_list(hub, "queried", &text);
        let (_, rest) = self.old.url.split_once('@').unwrap();
        let (_, database) = rest.split_once('/').unwrap();
        let url = format!("mysql://{}:right@{at}/{database}", self.reader);
        hub.more = vec![("OLD_URL".to_owned(), url)];
    }

    async fn behave(&mut self, _: &TestHub) {
        self.proxy.both(Flow::Open);
        self.proxy.cut();
        self.lets_in("right").await;
        self.old.run("ALTER TABLE list CHANGE COLUMN IF EXISTS family surname mediumtext").await;
        self.say(&USUAL).await;
    }

    async fn misbehave(&mut self, _: &TestHub, case: Case) -> Result<(), &'static str> {
        match case {
            Case::Duplicate => {}
            Case::OutOfOrder => self.say(&OLDER).await,
            Case::Half => self.proxy.set(Direction::ToClient, Flow::ResetAfter(150)),
            Case::Refused => self.lets_in("another").await,
            Case::TooMany => return Err("a database says nothing of the kind"),
            Case::Silent => self.proxy.set(Direction::ToClient, Flow::Silent),
            Case::Oversized => {
                let sql = "INSERT INTO list VALUES ('T004', 1, 9, REPEAT('x', 200000))";
                self.old.run(sql).await;
            }
            Case::WrongEncoding => {
                return Err("its server hands text over in UTF-8, whatever it keeps it in");
            }
            Case::ClockSkew => {
                return Err("its clock is not asked: versions are numbers of its own");
            }
            Case::Drift => self.old.run("ALTER TABLE list CHANGE surname family mediumtext").await,
        }
        Ok(())
    }
}

/// Those who call us.
pub struct Called {
    serving: Option<Serving>,
    key: String,
    next: Next,
    calls: u32,
}

struct Serving {
    url: String,
    _desk: Arc<FrontDesk>,
    pages: JoinHandle<()>,
}

/// The next call.
struct Next {
    name: String,
    body: Vec<u8>,
    with_key: bool,
    breaks_off: bool,
}

impl Called {
    pub fn open() -> Called {
        let next = Next { name: String::new(), body: vec![], with_key: true, breaks_off: false };
        Called { serving: None, key: String::new(), next, calls: 0 }
    }

    async fn serve(&mut self, hub: &TestHub) {
        let context = Arc::new(hub.context.on(hub.context.database.clone()));
        let doorbell = Doorbell::open(QueuePool::open(&context.database).await.unwrap()).await;
        let listening = Listening::on("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = listening.url();
        let api = Arc::new(Api::new(Arc::clone(&context), doorbell.unwrap()));
        let desk = Arc::new(FrontDesk::open(&context, &Handle::current()));
        let reception = Arc::clone(&desk);
        let pages = listening.serve_with_api(Arc::clone(&context) as _, api, reception, vec![]);
        let new = New {
            name: "caller".to_owned(),
            scope: vec!["source:called:write".parse::<Allowed>().unwrap()],
            network: Vec::new(),
            expires: 30,
            owner: None,
            environment: "test".to_owned(),
        };
        let (me, now_ms) = (Actor::user("kim"), context.clock.now_ms());
        let made = keys::add(&context.database, &new, &me, now_ms).await.unwrap();
        self.key = made.0["secret"].as_str().unwrap().to_owned();
        self.serving = Some(Serving { url, _desk: desk, pages });
    }

    /// What was answered: none, where the call broke off.
    async fn call(&self) -> Option<(u16, String)> {
        let serving = self.serving.as_ref().unwrap();
        let Next { name, body, with_key, breaks_off } = &self.next;
        if *breaks_off {
            let host = serving.url.trim_start_matches("http://");
            let mut stream = TcpStream::connect(host).await.unwrap();
            let head = format!(
                "POST /in/called HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\n\
                 Idempotency-Key: {name}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                self.key,
                body.len()
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&body[..body.len() / 2]).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut said = String::new();
            let _ = stream.read_to_string(&mut said).await;
            let status = said.split(' ').nth(1).and_then(|status| status.parse().ok());
            return status.map(|status| (status, said));
        }
        let mut call = client()
            .post(format!("{}/in/called", serving.url))
            .header("idempotency-key", name)
            .header("content-type", "application/json")
            .body(body.clone());
        if *with_key {
            call = call.bearer_auth(&self.key);
        }
        let answer = call.send().await.unwrap();
        Some((answer.status().as_u16(), answer.text().await.unwrap()))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.pages.abort();
    }
}

#[async_trait]
impl Asked for Called {
    fn job(&self) -> &'static str {
        "ingest-called"
    }

    fn define(&self, hub: &mut TestHub) {
        let text = format!(
            "kind = \"http_receive\"\nsystem = \"called\"\n[settings]\nproof = \"key\"\n{LIST}"
        );
        define_list(hub, "called", &text.replace("extract = \"delta\"\n", ""));
        // By its schedule, so that it is read here and nowhere else.
        let path = hub.definitions.join("jobs/ingest-called.toml");
        let job = fs::read_to_string(&path).unwrap();
        let schedule = "schedule = \"0 3 1 1 *\"\ntimezone = \"Europe/London\"\n";
        fs::write(path, format!("{job}{schedule}")).unwrap();
    }

    async fn behave(&mut self, hub: &TestHub) {
        if self.serving.is_none() {
            self.serve(hub).await;
        }
        self.calls += 1;
        let (name, body) = (format!("call-{}", self.calls), json_of(&USUAL).into_bytes());
        self.next = Next { name, body, with_key: true, breaks_off: false };
    }

    async fn misbehave(&mut self, hub: &TestHub, case: Case) -> Result<(), &'static str> {
        if case != Case::Duplicate {
            self.behave(hub).await;
        }
        match case {
            Case::TooMany | Case::Silent => {
                return Err(
                    "they call us: it is we who say so, and who wait no longer than we should",
                );
            }
            Case::ClockSkew => return Err("a key knows no time; signed calls do"),
            Case::Refused => self.next.with_key = false,
            Case::Half => self.next.breaks_off = true,
            _ => {
                if let Some(content) = content(case) {
                    self.next.body = content;
                }
            }
        }
        Ok(())
    }

    async fn ask(&mut self, hub: &TestHub) -> Option<String> {
        let said = match self.call().await {
            Some((200 | 202, said)) if !said.contains("\"held\"") => None,
            Some((status, said)) => Some(format!("{status} {said}")),
            None => Some("no answer".to_owned()),
        };
        let read = told(hub, self.job()).await;
        said.or(read)
    }
}
