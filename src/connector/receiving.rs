//! Systems that call us, whichever kind they are: what they must show, what is made of what they bring, and
//! where it is kept until a job reads it.

use std::net::IpAddr;

use async_trait::async_trait;

use super::channel::{ConnectorError, Taken};
use super::format::layout::{CutEnd, Layout};
use super::format::{CutError, FormatError, Raw, RecordSink, Stopped};
use super::http_receive::proof::{NotProved, Proof};
use crate::record::personal::unprinted;

/// A door through which one system calls us, open.
pub struct Receiver {
    pub proof: Proof,
    pub layout: Layout,
    pub name: NameOf,
    pub hint: Option<Hint>,
    pub body_bytes_max: usize,
    /// A call with more records is refused whole.
    pub records_max: usize,
}

/// By which a call is known when it comes once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameOf {
    /// The header of that name, which must be there.
    Header(String),
    /// What stands there in a JSON body, as a pointer (RFC 6901) has it.
    Body(Vec<String>),
    /// Source and id of a CloudEvent, from its headers or its body.
    Event,
    /// The very content.
    Content,
}

/// What comes is no record: it says that something happened to a delivery of ours, which is then asked
/// about at its destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The connector that made the delivery.
    pub destination: String,
    /// Whether the records' key is our reference, and not the platform's own name.
    pub by_reference: bool,
}

/// A call as it came in. Its body never prints.
pub struct Call<'c> {
    pub header: &'c (dyn Fn(&str) -> Option<String> + Send + Sync),
    pub peer: IpAddr,
    pub body: &'c [u8],
    /// UTC milliseconds.
    pub now_ms: i64,
}

/// A record of a call: its key, or why it can only be kept and held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub key: String,
    pub fault: Option<(&'static str, String)>,
}

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    NotProved(NotProved),
    /// It has no name to know it by; the text says where it would stand.
    NoName(String),
    /// Its body cannot be read as what it should be.
    Unreadable(FormatError),
    TooManyRecords(usize),
}

impl Receiver {
    /// Judges a call and what it shows; gives the name that the proof itself covers, where it has one.
    pub fn prove(&self, call: &Call<'_>) -> Result<Option<String>, Refusal> {
        self.proof.check(call).map_err(Refusal::NotProved)
    }

    /// By which the call is known when it comes once more.
    pub fn name_of(&self, call: &Call<'_>, proved: Option<String>) -> Result<String, Refusal> {
        if let Some(name) = proved {
            return Ok(name);
        }
        let found = match &self.name {
            NameOf::Header(header) => (call.header)(header)
                .ok_or_else(|| Refusal::NoName(format!("send a header `{header}`")))?,
            NameOf::Body(steps) => in_json(call.body, steps).ok_or_else(|| {
                Refusal::NoName(format!("a name must stand in the body at `/{}`", steps.join("/")))
            })?,
            NameOf::Event => event_name(call).ok_or_else(|| {
                let what = "a CloudEvent says its `source` and its `id`";
                Refusal::NoName(what.to_owned())
            })?,
            NameOf::Content => super::content::hexadecimal(call.body),
        };
        let is_name = !found.is_empty()
            && found.len() <= NAME_BYTES_MAX
            && !found.chars().any(char::is_control);
        match is_name {
            true => Ok(found),
            false => Err(Refusal::NoName(format!(
                "the name of a call has 1 to {NAME_BYTES_MAX} bytes, and is text"
            ))),
        }
    }

    /// Cuts a body into its records.
    pub fn rows(&self, body: &[u8]) -> Result<Vec<Row>, Refusal> {
        let mut counting = Counting { rows: Vec::new(), most: self.records_max };
        match self.layout.cut(&mut &*body, "the body", &mut counting) {
            Ok(CutEnd { totals, .. }) => match totals.iter().find(|total| !total.agrees()) {
                None => Ok(counting.rows),
                Some(total) => Err(Refusal::Unreadable(FormatError {
                    code: "file.total",
                    cause: format!(
                        "{}: declared {:?}, counted {}",
                        total.name, total.declared, total.counted
                    ),
                    place: "the body".to_owned(),
                })),
            },
            Err(CutError::Format(fault)) => Err(Refusal::Unreadable(fault)),
            Err(CutError::Stopped) => Err(Refusal::TooManyRecords(self.records_max)),
            // From memory only what unpacks it can fail.
            Err(CutError::Read(error)) => Err(Refusal::Unreadable(FormatError {
                code: "archive.damaged",
                cause: error.to_string(),
                place: "the body".to_owned(),
            })),
        }
    }

    /// The body as it is kept: one JSON object where a list of them may stand is a list of one, and an
    /// event whose attributes came in headers has them beside its data.
    pub fn kept(&self, call: &Call<'_>) -> Vec<u8> {
        let body = call.body;
        let whole = match (&self.name, binary_event(call)) {
            (NameOf::Event, Some(event)) => event,
            _ => body.to_vec(),
        };
        let alone = whole.trim_ascii_start().starts_with(b"{") && self.layout.format.is_list();
        match alone {
            true => [b"[".as_slice(), &whole, b"]"].concat(),
            false => whole,
        }
    }
}

const NAME_BYTES_MAX: usize = 255;

fn in_json(body: &[u8], steps: &[String]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let found = steps.iter().try_fold(&value, |value, step| value.get(step))?;
    match found {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn event_name(call: &Call<'_>) -> Option<String> {
    let of_headers = |name: &str| (call.header)(&format!("ce-{name}"));
    let of_body = |name: &str| in_json(call.body, &[name.to_owned()]);
    let part = |name: &str| of_headers(name).or_else(|| of_body(name));
    Some(format!("{} {}", part("source")?, part("id")?))
}

/// The attributes that a CloudEvent always has, and those that it may have.
const EVENT_ATTRIBUTES: [&str; 8] =
    ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"];

fn binary_event(call: &Call<'_>) -> Option<Vec<u8>> {
    (call.header)("ce-specversion")?;
    let data: serde_json::Value = serde_json::from_slice(call.body).ok()?;
    let mut event = serde_json::Map::new();
    for name in EVENT_ATTRIBUTES {
        if let Some(value) = (call.header)(&format!("ce-{name}")) {
            event.insert(name.to_owned(), value.into());
        }
    }
    event.insert("data".to_owned(), data);
    serde_json::to_vec(&event).ok()
}

struct Counting {
    rows: Vec<Row>,
    most: usize,
}

impl Counting {
    fn push(&mut self, key: &str, fault: Option<(&'static str, String)>) -> Result<(), Stopped> {
        if self.rows.len() == self.most {
            return Err(Stopped);
        }
        self.rows.push(Row { key: key.to_owned(), fault });
        Ok(())
    }
}

impl RecordSink for Counting {
    fn record(&mut self, key: &str, _: Raw<'_>) -> Result<(), Stopped> {
        let nameless = ("record.no_key", "the record has no key".to_owned());
        self.push(key, key.is_empty().then_some(nameless))
    }

    fn unreadable(&mut self, code: &'static str, cause: String, _: Raw<'_>) -> Result<(), Stopped> {
        self.push("", Some((code, cause)))
    }

    fn unsound(
        &mut self,
        key: &str,
        code: &'static str,
        cause: String,
        _: Raw<'_>,
    ) -> Result<(), Stopped> {
        self.push(key, Some((code, cause)))
    }
}

/// Calls that are read together, no key twice among them unless one call brings it twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intake {
    pub id: i64,
    /// The numbers of its first and its last call.
    pub first: i64,
    pub last: i64,
    pub bytes: u64,
}

/// A call that is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Post {
    pub id: i64,
    pub body: Vec<u8>,
}

unprinted!(Post);

/// Where the calls of one connector are kept until they are read. The hub's database has it.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// What waits, oldest first; the same again until it is ended. Where `versioned`, a key may come in
    /// several calls of one intake.
    async fn intakes(&self, versioned: bool) -> Result<Vec<Intake>, ConnectorError>;

    /// Some calls of an intake, beyond that number.
    async fn posts(&self, intake: i64, beyond: i64) -> Result<Vec<Post>, ConnectorError>;

    /// It was read.
    async fn end(&self, intake: i64, taken: Taken) -> Result<(), ConnectorError>;
}
