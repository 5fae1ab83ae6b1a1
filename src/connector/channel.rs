//! What a connector is: a source that we ask, a destination that we tell, and what can go wrong.

use async_trait::async_trait;

use super::format::version::Version;
use super::format::{Format, FormatError, RecordSink, Total};
use crate::record::delivery::{Content, Delivery};
use crate::suppression::gate::Cleared;

/// Why a system could not be read or told. Each variant is a decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectorError {
    /// Nothing happened there; try later.
    #[error("the system is not available: {cause}")]
    Unavailable { cause: String, retry_after_ms: Option<i64> },
    /// It was not called at all: what came before was turned away, and this would be too.
    #[error("the system was not called: {cause}")]
    Untried { cause: String, after_ms: Option<i64> },
    /// Of its kind the system takes no more until then; of other kinds it does.
    #[error("the system takes no more of these today: {cause}")]
    Full { cause: String, after_ms: i64 },
    /// An attempt of which nobody knows whether it took effect is older than the system remembers. It was not called.
    #[error("the system was not called: {cause}")]
    Forgotten { cause: String },
    /// Stop this connector and tell someone.
    #[error("{} ({code}): {cause}", no_way_in(code))]
    Unauthorised { code: &'static str, cause: String },
    /// This one never again: it was looked at and refused.
    #[error("the system refused ({code}): {cause}")]
    Refused { code: String, cause: String },
    /// What it gave cannot be read.
    #[error("what the system gave cannot be read: {0}")]
    Malformed(FormatError),
    /// It may have happened, or not: ask.
    #[error("no answer came: {cause}")]
    Unknown { cause: String },
}

/// The code of a setting or secret of our own that is not there.
pub const SETTING_MISSING: &str = "settings.missing";

/// Nobody there was asked yet where it is our own setting that is missing.
fn no_way_in(code: &str) -> &'static str {
    match code {
        SETTING_MISSING => "a setting of ours is missing",
        _ => "the system does not let us in",
    }
}

/// One thing to read: a file, the answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// What people call it: a file's name.
    pub name: String,
    /// Tells it from another of the same name: name, size, time.
    pub mark: String,
    /// Bytes to be read, for the progress bar.
    pub bytes: u64,
    /// Whether a system is asked for it, which says what is so now. Then the same content again is news,
    /// and one without records says that nothing changed.
    pub asked: Option<Asked>,
}

/// A question to a system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What came after this; from the beginning where it is None.
    pub after: Option<String>,
}

/// Things that stand where a source looks and are not read, of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// What they are, in a word or two.
    pub what: &'static str,
    pub count: u64,
}

/// What a source said when it was read to its end.
#[derive(Debug, Clone, Default)]
pub struct ReadEnd {
    pub totals: Vec<Total>,
    /// SHA-256 of the content, hexadecimal.
    pub content_digest: String,
    /// What its text was read as: `utf-8`. Empty where that says nothing.
    pub encoding: String,
    /// It was read as its definition says, and looks as if it were UTF-8.
    pub looks_utf8: bool,
    /// How far a system that is asked has told us, in its own words; None where it says nothing new.
    pub cursor: Option<String>,
}

/// Whether an extract holds everything, or only what changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extract {
    /// A record that is absent is gone at its source.
    Full,
    /// A record that is absent says nothing.
    Delta,
}

/// What became of an origin, and so where it belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Safely stored, or known already.
    Processed,
    /// Held whole for a person.
    Held,
}

/// A system that is asked for its records.
#[async_trait]
pub trait Source: Send + Sync {
    /// What there is to read now, oldest first. Nothing means "nothing new", not "nothing wrong". A
    /// system that is asked tells what came after the `cursor` of what was last taken from it.
    async fn look(&self, cursor: Option<&str>) -> Result<Vec<Origin>, ConnectorError>;

    /// What stands there and is never read, by what it is.
    async fn ignored(&self) -> Result<Vec<Ignored>, ConnectorError> {
        Ok(Vec::new())
    }

    /// Cuts one origin into records, in memory bounded by one record. The sink comes back in any case.
    async fn read(
        &self,
        origin: &Origin,
        sink: Box<dyn RecordSink>,
    ) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>);

    /// Called when what was read is safely stored: move the file, delete the message, or do nothing.
    async fn acknowledge(&self, origin: &Origin, taken: Taken) -> Result<(), ConnectorError>;

    /// How one of its records is read.
    fn format(&self) -> &dyn Format;

    /// Whether what it gives is all there is.
    fn extract(&self) -> Extract;

    /// How an older record is told from a newer; None where the last to come is the newest.
    fn version(&self) -> Option<&Version> {
        None
    }

    /// Fields whose numbers look like those of payment cards, and are not.
    fn not_cards(&self) -> &[String] {
        &[]
    }
}

/// A platform's word that it took a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The platform's own name for it.
    pub platform_id: String,
    pub status: Status,
}

/// What a platform says became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The platform's own word.
    pub word: String,
    pub stands: Standing,
}

/// What the platform's word means for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It will say more.
    Pending,
    /// It arrived, or no more will ever be said.
    Delivered,
    /// It failed for good.
    Failed,
    /// It failed and may be sent once more later.
    MayResend,
    /// It came to nothing, and may be had again: a payment that nobody made in its time.
    Lapsed,
    /// It happened more than once: a person decides. The platform's names for each.
    Doubled(Vec<String>),
}

/// A delivery that a platform is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Our name for it.
    pub reference: String,
    /// None where what was written cannot be read.
    pub content: Option<Content>,
    /// The platform's name for it, where we were told.
    pub platform_id: Option<String>,
    /// When we first meant to send it, and when last.
    pub first_intent_ms: i64,
    pub intent_ms: i64,
    /// Whether an earlier attempt may have left something there that we do not know of.
    pub in_doubt: bool,
}

/// Where a payer goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayerPage {
    pub status: Status,
    /// Works once, and is never kept. None where the payer has nothing more to do.
    pub url: Option<String>,
}

/// The answer to "did it happen?".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inquiry {
    Happened(Receipt),
    NotFound,
    /// The platform cannot say: a person decides.
    CannotTell,
}

/// A system that is told.
#[async_trait]
pub trait Destination: Send + Sync {
    /// Sends each; one outcome for each, in the same order.
    async fn deliver(
        &self,
        deliveries: &[Cleared<Delivery>],
    ) -> Vec<Result<Receipt, ConnectorError>>;

    /// Did it happen? Asked by our reference, after a silence.
    async fn inquire(&self, _question: &Question) -> Result<Inquiry, ConnectorError> {
        Ok(Inquiry::CannotTell)
    }

    /// What became of what was accepted. The receipt may name another than was asked about, where there
    /// turned out to be several.
    async fn status(&self, question: &Question) -> Result<Receipt, ConnectorError>;

    /// Takes back what nobody is to act on any more; gives how it stands afterwards, which may be that
    /// somebody has acted on it already.
    async fn withdraw(&self, question: &Question) -> Result<Receipt, ConnectorError> {
        self.status(question).await
    }

    /// Where the payer of a payment goes on, asked for each time that one comes.
    async fn payer_page(&self, _platform_id: &str) -> Result<PayerPage, ConnectorError> {
        let cause = "nobody pays here".to_owned();
        Err(ConnectorError::Refused { code: "connector.no_payments".to_owned(), cause })
    }
}
