//! The doors through which systems call us: `POST /in/CONNECTOR` with a key of ours or a signature of theirs.
//! What a call brings is kept, on disk, before it is answered; a job reads it later. Of a call the log has its
//! connector, its status and its number, and nothing of what it brings.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::api::Hub;
use super::api::call::Caller;
use super::api::door::{self, Door};
use super::api::keyring::Keys;
use super::api::limits::{Limits, Rate};
use super::api::problem::{Kind, Problem};
use super::api::service::FAILURES;
use super::body;
use super::request::Numbered;
use super::server::guard;
use crate::connector::http_receive::proof::Proof;
use crate::connector::receiving::{Call, Receiver, Refusal, Row};
use crate::record::personal::unprinted;
use crate::store::database::StoreError;
use crate::store::inbox::{Kept, PostRow};

/// What all addresses begin with.
pub const ROOT: &str = "/in";
/// Bodies that are being read and kept at once have so many KiB together.
const BODIES_KIB: usize = 128 << 10;
/// A refused signature is told to the log so often, for each connector.
const ALERTS: Rate = Rate { at_once: 1, each_ms: 60_000 };
/// A body is cut where it may block, from so many bytes on.
const LONG_BYTES: usize = 64 << 10;

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What the doors need of the hub; `app` has it.
#[async_trait]
pub trait Reception: Send + Sync {
    /// The open door of that connector. What is wrong with it was told by whoever opened it.
    fn receiver(&self, connector: &str) -> Option<Arc<Receiver>>;

    /// Keeps a call.
    async fn keep(&self, arrived: Arrived) -> Result<Kept, StoreError>;

    /// How a call stands, for whoever made it.
    async fn stands(
        &self,
        connector: &str,
        id: i64,
    ) -> Result<Option<(PostRow, Value)>, StoreError>;

    /// Somebody asked for what is another's.
    async fn was_refused(&self, caller: &Caller, connector: &str, id: i64);
}

/// A call that was let in.
pub struct Arrived {
    pub connector: String,
    pub receiver: Arc<Receiver>,
    /// Whose names it is known by.
    pub sender: String,
    /// The key that it came with.
    pub key: Option<i64>,
    pub name: String,
    /// As it came, for telling it from another.
    pub body: Vec<u8>,
    /// As it is kept.
    pub kept: Vec<u8>,
    pub rows: Vec<Row>,
    /// What its caller is told of each record: JSON.
    pub told: String,
    /// The room in memory that it takes, until it is kept.
    pub room: OwnedSemaphorePermit,
}

unprinted!(Arrived);

struct Doors {
    reception: Arc<dyn Reception>,
    hub: Arc<dyn Hub>,
    door: Door,
    bodies: Arc<Semaphore>,
    failures: Limits<IpAddr>,
    alerts: Limits<String>,
}

/// Every door there is.
pub fn router(reception: Arc<dyn Reception>, hub: Arc<dyn Hub>, door: Door) -> Router {
    let doors = Doors {
        reception,
        hub,
        door,
        bodies: Arc::new(Semaphore::new(BODIES_KIB)),
        failures: Limits::new(FAILURES),
        alerts: Limits::new(ALERTS),
    };
    Router::new()
        .route(&format!("{ROOT}/{{connector}}"), any(take))
        .route(&format!("{ROOT}/{{connector}}/{{id}}"), any(look))
        .with_state(Arc::new(doors))
}

async fn take(
    State(doors): State<Arc<Doors>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(connector): Path<String>,
    request: Request,
) -> Response {
    let numbered = Numbered::begin();
    let peer = doors.door.caller_address(peer.ip(), request.headers());
    let taken = match request.method().as_str() {
        "POST" => doors.take(&connector, peer, request).await,
        _ => Err(by_method("POST")),
    };
    let (response, id) = match taken {
        Ok(Taken { status, told, again, id }) => {
            let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let mut response = (status, [kind], told).into_response();
            if again {
                response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            }
            (response, Some(id))
        }
        Err(problem) => (problem.response(&numbered.id), None),
    };
    tracing::info!(
        request.id = numbered.id,
        connector = %named(&connector),
        call.id = id,
        http.status = response.status().as_u16(),
        duration_ms = numbered.took_ms(),
        "a call came in"
    );
    answered(numbered, response)
}

async fn look(
    State(doors): State<Arc<Doors>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path((connector, id)): Path<(String, String)>,
    request: Request,
) -> Response {
    let numbered = Numbered::begin();
    let peer = doors.door.caller_address(peer.ip(), request.headers());
    let stands = match request.method().as_str() {
        "GET" => doors.look(&connector, &id, peer, request.headers()).await,
        _ => Err(by_method("GET")),
    };
    let response = match stands {
        Ok(json) => axum::Json(json).into_response(),
        Err(problem) => problem.response(&numbered.id),
    };
    answered(numbered, response)
}

/// With its number, and for no browser to run or keep.
fn answered(numbered: Numbered, response: Response) -> Response {
    let mut response = numbered.on(response);
    guard(response.headers_mut());
    response
}

/// A name as it may stand in the log.
fn named(connector: &str) -> String {
    let is_of_it = |c: &char| c.is_ascii_alphanumeric() || "_-".contains(*c);
    connector.chars().filter(is_of_it).take(60).collect()
}

fn by_method(method: &str) -> Problem {
    let what = format!("this address is taken by {method}");
    Problem { allow: Some(method.to_owned()), ..Problem::new(Kind::NotSo, what) }
}

fn no_door() -> Problem {
    Problem::new(Kind::NotThere, "no system calls us by that name, or what it needs is not set")
}

struct Taken {
    status: StatusCode,
    told: String,
    again: bool,
    id: i64,
}

impl Doors {
    async fn take(
        &self,
        connector: &str,
        peer: IpAddr,
        request: Request,
    ) -> Result<Taken, Problem> {
        let (parts, body) = request.into_parts();
        self.door.must_be_ours(&parts.headers)?;
        let receiver = self.reception.receiver(connector);
        let by_key = receiver.as_ref().is_none_or(|open| matches!(open.proof, Proof::Key));
        let caller = match by_key {
            true => Some(self.caller(connector, &parts.headers, peer, Keys::AsRemembered).await?),
            false => None,
        };
        let receiver = receiver.ok_or_else(no_door)?;
        let said = body::said(&parts.headers).unwrap_or(receiver.body_bytes_max);
        let mut room = self.room(said.min(receiver.body_bytes_max))?;
        let body = read(&parts.headers, body, &receiver).await?;
        let now_ms = self.hub.clock().now_ms();
        let header = |name: &str| {
            let mut found = parts.headers.get_all(name).iter();
            let value = found.next()?.to_str().ok().map(str::to_owned);
            // Of two with one name nobody knows which is meant.
            value.filter(|_| found.next().is_none())
        };
        let call = Call { header: &header, peer, body: &body, now_ms };
        let proved =
            receiver.prove(&call).map_err(|refusal| self.alarm(connector, peer, refusal))?;
        let name = receiver.name_of(&call, proved).map_err(problem)?;
        let kept = receiver.kept(&call);
        let rows = match kept.len() < LONG_BYTES {
            true => receiver.rows(&kept),
            false => tokio::task::block_in_place(|| receiver.rows(&kept)),
        };
        let rows = rows.map_err(problem)?;
        let key = caller.as_ref().and_then(|caller| caller.key);
        let sender = match (&caller, key) {
            (_, Some(key)) => format!("key {key}"),
            (Some(_), None) => "local".to_owned(),
            (None, None) => "signed".to_owned(),
        };
        let (connector, receiver) = (connector.to_owned(), Arc::clone(&receiver));
        let told = told(&rows);
        // What is told of many short records is much longer than they are.
        room.merge(self.room(told.len())?);
        let arrived =
            Arrived { connector, receiver, sender, key, name, body, kept, rows, told, room };
        self.keep(arrived, by_key, peer).await
    }

    async fn keep(&self, arrived: Arrived, by_key: bool, peer: IpAddr) -> Result<Taken, Problem> {
        let (records, connector) = (arrived.rows.len() as i64, arrived.connector.clone());
        let told = arrived.told.clone();
        let status = if by_key { StatusCode::ACCEPTED } else { StatusCode::OK };
        match self.reception.keep(arrived).await {
            Ok(Kept::New(id)) => {
                Ok(Taken { status, told: answer(id, records, &told), again: false, id })
            }
            Ok(Kept::Again(row)) => {
                let told = answer(row.id, row.records, &row.told);
                Ok(Taken { status, told, again: true, id: row.id })
            }
            Ok(Kept::Revoked) => Err(self.failed(peer, door::revoked())),
            Ok(Kept::NameTaken(row)) if by_key => Err(Problem::new(
                Kind::Words,
                format!(
                    "call {} had this `Idempotency-Key` and another body: take a new key for what is new",
                    row.id
                ),
            )),
            Ok(Kept::NameTaken(row)) => {
                tracing::error!(
                    connector,
                    call.id = row.id,
                    "a signed call came with the name of another: somebody may be playing with what they heard"
                );
                let what = format!("call {} had this name and another body", row.id);
                Err(Problem::new(Kind::Stands, what))
            }
            Err(error) => {
                tracing::error!(%error, connector, "a call could not be kept");
                let what = "it may not have been kept: send it again in a moment, by the same name";
                Err(Problem::new(Kind::Unavailable, what).again(5))
            }
        }
    }

    /// Who calls with a key, if they may push here.
    async fn caller(
        &self,
        connector: &str,
        headers: &HeaderMap,
        peer: IpAddr,
        keys: Keys,
    ) -> Result<Caller, Problem> {
        let caller = match self.door.caller(&*self.hub, headers, peer, keys).await {
            Ok(caller) => caller,
            Err(problem) if problem.kind == Kind::Unavailable => return Err(problem),
            Err(problem) => return Err(self.failed(peer, problem)),
        };
        match caller.scopes.push_to(connector) {
            true => Ok(caller),
            false => Err(Problem::new(
                Kind::NotAllowed,
                "the key may not push here: have one made with `viaduct keys add NAME --scope \
                 source:CONNECTOR:write`",
            )),
        }
    }

    /// An address that gets much wrong is told to come back later.
    fn failed(&self, peer: IpAddr, problem: Problem) -> Problem {
        match self.failures.take(peer, self.hub.clock().now_ms()) {
            Ok(()) => problem,
            Err(again_s) => {
                let what = "too many calls were refused: come back after `Retry-After` seconds";
                Problem::new(Kind::TooOften, what).again(again_s)
            }
        }
    }

    /// A signature that is not right: told once a minute, and to the caller always alike.
    fn alarm(&self, connector: &str, peer: IpAddr, refusal: Refusal) -> Problem {
        let Refusal::NotProved(why) = refusal else { return problem(refusal) };
        if self.alerts.take(connector.to_owned(), self.hub.clock().now_ms()).is_ok() {
            let cause = why.word();
            tracing::error!(
                connector,
                cause,
                "calls are refused: is the secret the one they sign with?"
            );
        }
        let what = "the call does not show that it is from the system that it should be from";
        self.failed(peer, Problem::new(Kind::NoKey, what))
    }

    /// Room in memory for so many bytes.
    fn room(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let kib = u32::try_from(bytes / 1_024 + 1).unwrap_or(u32::MAX);
        Arc::clone(&self.bodies).try_acquire_many_owned(kib).map_err(|_| {
            let what = "too much comes in at once: send it again in a moment";
            Problem::new(Kind::Unavailable, what).again(1)
        })
    }

    async fn look(
        &self,
        connector: &str,
        id: &str,
        peer: IpAddr,
        headers: &HeaderMap,
    ) -> Result<Value, Problem> {
        self.door.must_be_ours(headers)?;
        let caller = self.caller(connector, headers, peer, Keys::AsTheyStand).await?;
        let none = || Problem::new(Kind::NotThere, "there is no such call of yours");
        let id: i64 = id.parse().map_err(|_| none())?;
        let found = self.reception.stands(connector, id).await.map_err(|error| {
            tracing::error!(%error, "a call could not be looked at");
            Problem::new(Kind::Unavailable, "it cannot be looked at now: try again in a moment")
                .again(5)
        })?;
        let (row, stands) = found.ok_or_else(none)?;
        let is_theirs = caller.key.is_none_or(|key| row.sender == format!("key {key}"));
        if row.source != connector || !is_theirs {
            self.reception.was_refused(&caller, connector, id).await;
            return Err(none());
        }
        let mut answer: Value =
            serde_json::from_str(&answer(row.id, row.records, &row.told)).unwrap_or_default();
        answer["stands"] = stands;
        Ok(answer)
    }
}

/// What its caller is told of a record.
#[derive(Serialize)]
struct Told<'r> {
    /// From 1.
    row: usize,
    result: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    key: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'r str>,
}

/// What its caller is told of each record, as it is kept.
fn told(rows: &[Row]) -> String {
    let told = rows.iter().zip(1..).map(|(Row { key, fault }, row)| Told {
        row,
        result: if fault.is_some() { "held" } else { "accepted" },
        key,
        code: fault.as_ref().map(|(code, _)| *code),
        cause: fault.as_ref().map(|(_, cause)| cause.as_str()),
    });
    // Texts and numbers are always writable.
    serde_json::to_string(&told.collect::<Vec<_>>()).unwrap_or_default()
}

fn answer(id: i64, records: i64, rows: &str) -> String {
    format!("{{\"id\":{id},\"records\":{records},\"rows\":{rows}}}")
}

fn problem(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::NotProved(_) => Problem::new(Kind::NoKey, "the call does not show who it is from"),
        Refusal::NoName(what) => {
            Problem::new(Kind::Unreadable, format!("nothing says which call this is: {what}"))
        }
        Refusal::Unreadable(fault) => Problem::new(
            Kind::Unreadable,
            format!("nothing of it was kept: {} ({}, {})", fault.cause, fault.code, fault.place),
        ),
        Refusal::TooManyRecords(most) => {
            let what = format!("nothing of it was kept: a call has at most {most} records");
            Problem::new(Kind::TooLarge, what)
        }
    }
}

/// The body, which must be of the kind that the connector reads, and not packed.
async fn read(headers: &HeaderMap, body: Body, receiver: &Receiver) -> Result<Vec<u8>, Problem> {
    let kind = body::kind(headers).to_ascii_lowercase();
    let words = receiver.layout.format.content_types();
    if !words.iter().any(|word| kind.contains(word)) {
        let words = words.join(" or ");
        let what = format!("say what the body is in `Content-Type`; here it is {words}");
        return Err(Problem::new(Kind::NotSuch, what));
    }
    if headers.get(header::CONTENT_ENCODING).is_some_and(|how| how != "identity") {
        let what = "send the body as it is, without `Content-Encoding`";
        return Err(Problem::new(Kind::NotSuch, what));
    }
    let most = receiver.body_bytes_max;
    body::whole(headers, body, most, &format!("a body has at most {most} bytes here")).await
}
