//! The screens over HTTP, on both databases: who is let in, who may do what, and what stands on the pages.

mod audit_chain;
mod bad_inputs;
mod break_glass;
mod browser;
mod causes;
mod codes;
mod downloads;
mod holding;
mod logs;
mod mappings;
mod markers;
mod nodes;
mod pages;
mod paging;
mod parts;
mod provider;
mod rights;
mod schedules;
mod sign_in;
mod steward_pages;
mod stewards;
mod traffic;
mod users;
mod views;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};

use axum::http::HeaderMap;
use viaduct::access::actor::Actor;
use viaduct::access::code::{SECRET_BYTES, Seed};
use viaduct::access::password;
use viaduct::access::right::{Role, Roles};
use viaduct::access::scope::{Allowed, Scope};
use viaduct::app::api::Api;
use viaduct::app::clock::MachineClock;
use viaduct::app::context::Context;
use viaduct::app::inbox::FrontDesk;
use viaduct::app::keys::{self, New};
use viaduct::app::worker::Doorbell;
use viaduct::job::clock::Clock;
use viaduct::store::database::{Cell, Database};
use viaduct::store::ids::Ids;
use viaduct::store::queue::QueuePool;
use viaduct::store::sessions::{self, SessionRow};
use viaduct::store::staff::{self, By, InviteRow};
use viaduct::web::api::door::InFront;
use viaduct::web::screens::session::{digest_of, fresh_token};
use viaduct::web::server::Listening;

use crate::sandbox::bench::client;
use crate::support::hub::{On, TestHub};
use crate::walk::arrivals::{extract, some};

/// What everybody here has for a password.
pub const PASSWORD: &str = "pylon teacup marigold";
static HASH: LazyLock<String> = LazyLock::new(|| password::hash(PASSWORD, &[7; 16]).unwrap());
const SECRET: [u8; SECRET_BYTES] = *b"12345678901234567890";

/// A clock that a test moves on.
pub struct Hands(AtomicI64);

impl Clock for Hands {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A hub with its screens.
pub struct Served {
    pub hub: TestHub,
    pub url: String,
    hands: Arc<Hands>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// An answer.
#[derive(Debug)]
pub struct Seen {
    pub status: u16,
    pub text: String,
    pub headers: HeaderMap,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn has(&self, text: &str) -> bool {
        self.text.contains(text)
    }
}

/// Somebody who is signed in.
#[derive(Clone, Default)]
pub struct Person {
    pub cookie: String,
    pub token: String,
}

impl Served {
    pub async fn open(on: On) -> Served {
        Served::of(TestHub::open(on).await).await
    }

    pub async fn of(hub: TestHub) -> Served {
        let hands = Arc::new(Hands(AtomicI64::new(MachineClock.now_ms())));
        let mut context = hub.context.on(hub.context.database.clone());
        context.clock = Arc::clone(&hands) as Arc<dyn Clock>;
        context.around = hub.context.around.clone();
        let context: Arc<Context> = Arc::new(context);
        let pool = QueuePool::open(&context.database).await.unwrap();
        let doorbell = Doorbell::open(pool).await.unwrap();
        let listening = Listening::on("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = listening.url();
        let api = Arc::new(Api::new(Arc::clone(&context), doorbell));
        let names = vec!["hub.example.gov.uk".to_owned()];
        // What stands in front is of this machine, and says who calls where it says so.
        let fronts = vec!["127.0.0.1/32".to_owned()];
        let names = InFront { names, fronts };
        let front_desk = Arc::new(FrontDesk::open(&context, &tokio::runtime::Handle::current()));
        let serving = listening.serve_with_api(context, api, front_desk, names);
        Served { hub, url, hands, serving }
    }

    pub fn database(&self) -> &Database {
        &self.hub.context.database
    }

    pub fn now_ms(&self) -> i64 {
        self.hands.now_ms()
    }

    pub fn later(&self, ms: i64) {
        self.hands.0.fetch_add(ms, Ordering::Relaxed);
    }

    pub fn code(&self) -> String {
        Seed::new(SECRET, "x").unwrap().code(self.now_ms())
    }

    /// Somebody who can sign in.
    pub async fn hire(&self, name: &str, roles: &[Role], sources: &str) {
        let mut ids = Ids::new();
        ids.reserve(self.database(), 1).await.unwrap();
        let (id, now_ms) = (ids.take(), self.now_ms());
        let by = By { actor: "user:test", reason: None, now_ms };
        let roles = Roles::new(roles.to_vec()).words();
        assert!(staff::add(self.database(), id, (name, &roles, sources), by).await.unwrap());
        self.set_password(name).await;
    }

    /// What whoever has a link does with it.
    pub async fn set_password(&self, name: &str) {
        let (id, now_ms) = {
            let row = staff::of_name(self.database(), name).await.unwrap().unwrap();
            (row.id, self.now_ms())
        };
        let by = By { actor: "user:test", reason: None, now_ms };
        let invite = InviteRow {
            digest: digest_of(name),
            staff_id: id,
            seed: Seed::new(SECRET, name).unwrap().base32(),
            until_ms: now_ms + 60_000,
        };
        staff::invite(self.database(), &invite, name, by).await.unwrap();
        let accepted = staff::accept(self.database(), &invite, (name, &HASH, -1), now_ms).await;
        assert!(accepted.unwrap());
    }

    /// Somebody of these roles, signed in without the form.
    pub async fn person(&self, name: &str, roles: &[Role]) -> Person {
        self.person_of(name, roles, "").await
    }

    pub async fn person_of(&self, name: &str, roles: &[Role], sources: &str) -> Person {
        self.hire(name, roles, sources).await;
        let row = staff::of_name(self.database(), name).await.unwrap().unwrap();
        let (token, now_ms) = (fresh_token().unwrap(), self.now_ms());
        let session = SessionRow {
            digest: digest_of(&token),
            token: fresh_token().unwrap(),
            begun_ms: now_ms,
            seen_ms: now_ms,
            staff_id: row.id,
            name: name.to_owned(),
            roles: row.roles,
            sources: row.sources,
            paused: false,
            until_ms: None,
            alert_id: None,
        };
        let begun = sessions::begin(self.database(), &session, (row.version, 1)).await.unwrap();
        assert!(begun);
        Person { cookie: format!("viaduct={token}"), token: session.token }
    }

    pub fn request(&self, method: &str, path: &str, person: &Person) -> reqwest::RequestBuilder {
        let request = client().request(method.parse().unwrap(), format!("{}{path}", self.url));
        match person.cookie.is_empty() {
            true => request,
            false => request.header("Cookie", &person.cookie),
        }
    }

    /// What a program says by the API, with a key of its own.
    pub async fn call(&self, method: &str, path: &str, body: Option<&serde_json::Value>) -> Seen {
        let name = format!("desk-{}", self.hands.0.fetch_add(1, Ordering::Relaxed));
        self.call_of((&name, None), method, path, body).await
    }

    /// The same with a key of that name, and of that owner.
    pub async fn call_of(
        &self,
        (name, owner): (&str, Option<&str>),
        method: &str,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Seen {
        let new = New {
            name: name.to_owned(),
            scope: Scope::ALL.map(Allowed::Scope).to_vec(),
            network: Vec::new(),
            expires: 30,
            owner: owner.map(str::to_owned),
            environment: "test".to_owned(),
        };
        let (me, now_ms) = (Actor::user("test"), self.now_ms());
        let (json, _) = keys::add(self.database(), &new, &me, now_ms).await.unwrap();
        let request = self.request(method, &format!("/api/v1{path}"), &Person::default());
        let request = request.bearer_auth(json["secret"].as_str().unwrap());
        seen(body.iter().fold(request, |request, body| request.json(body))).await
    }

    pub async fn get(&self, path: &str, person: &Person) -> Seen {
        seen(self.request("GET", path, person)).await
    }

    /// A form as one of our pages sends it.
    pub async fn post(&self, path: &str, person: &Person, fields: &[(&str, &str)]) -> Seen {
        let mut all = vec![("token", person.token.as_str())];
        all.extend(fields);
        let body = form(&all);
        let request = self.request("POST", path, person).header("Origin", &self.url);
        let kind = "application/x-www-form-urlencoded";
        seen(request.header("Content-Type", kind).body(body)).await
    }
}

pub fn form(fields: &[(&str, &str)]) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(fields);
    text.finish()
}

pub async fn seen(request: reqwest::RequestBuilder) -> Seen {
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.expect("a body");
    Seen { status, text, headers }
}

/// So many held deliveries, from a number on.
pub async fn hold(database: &Database, first: i64, many: i64) {
    let mut transaction = database.begin().await.unwrap();
    let sql = "INSERT INTO delivery (id, change_event_id, batch_id, resident_id, destination, mapping, \
               mapping_version, purpose, needs_consent, reference, state, since_ms, next_ms, \
               attempts, fence, cause_code, cause, created_ms) \
               WITH RECURSIVE n (i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM n \
               WHERE i < $2) \
               SELECT i, 0, 1, i % 100, 'notify', 'moved_home', 1, 'p', FALSE, 'r-' || i, \
               'held', 0, 0, 8, 3, 'notify.refused', 'no', 0 FROM n";
    let cells = vec![Cell::Int(first), Cell::Int(first + many - 1)];
    transaction.execute(sql, cells.clone()).await.unwrap();
    let sql = "INSERT INTO delivery_message (delivery_id, batch_id, resident_id, message) SELECT id, batch_id, resident_id, '{\"channel\":\"email\",\
               \"template\":\"moved_home\",\"to\":\"pat.testberry@example.com\",\
               \"fields\":[[\"first_name\",\"Pat\"]]}' FROM delivery WHERE id BETWEEN $1 AND $2";
    transaction.execute(sql, cells).await.unwrap();
    transaction.commit().await.unwrap();
}

/// With a batch taken of which rows are held, and a short extract that is held whole. Gives that one's number.
pub async fn worked(on: On) -> (TestHub, i64) {
    let hub = TestHub::open(on).await;
    let mut accounts = some(30);
    accounts[3] = accounts[3].replace("OPEN", "LIMBO");
    accounts[4] = accounts[4].replace("OPEN", "LIMBO");
    hub.drop_file("revenues", "ctax-1.xml", &extract(&accounts));
    hub.run("ingest-revenues").await;
    hub.drop_file("revenues", "ctax-2.xml", &extract(&some(3)));
    let report = hub.run("ingest-revenues").await;
    let batch = report["batches"][0]["batch"].as_i64().unwrap();
    (hub, batch)
}
