//! What one source record attests: the facts of an account and of the parties named on it; or a hold.

use super::facts::Facts;
use super::hold::Wanted;
use super::personal::unprinted;

/// Something about a field that a person may want to know. It never carries the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldIssue {
    /// `party 2 birth_date`, `account balance`
    pub field: String,
    /// `nino_bad_prefix`, `nino_test_range`, `required` …
    pub code: String,
}

/// One person, estate or organisation as one record names them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PartyFragment {
    /// What tells this party from the others of the record, tomorrow too.
    pub key: String,
    /// The key is no more than a place in the record, which may pass on to somebody else.
    pub by_place: bool,
    pub role: String,
    pub facts: Facts,
    /// `field:code`, separated by commas: what was dropped, defaulted or flagged.
    pub issues: String,
}

/// The facts of the account that a record is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountFragment {
    pub kind: String,
    pub facts: Facts,
    pub issues: String,
}

/// A hold that a record asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct HoldFragment {
    pub wanted: Wanted,
    /// It is over at its source.
    pub lifted: bool,
    /// As they were read, and the debts.
    pub facts: Facts,
    pub debts: Vec<String>,
    pub issues: String,
}

/// What one record may say once it is read, bytes of text. A name that stands once and is copied to
/// thousands of parties would be more than any record is.
pub const FRAGMENT_BYTES_MAX: usize = 65_536;

/// What one source record means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fragment {
    pub account: Option<AccountFragment>,
    pub parties: Vec<PartyFragment>,
    /// Where records are holds: then there is nothing else.
    pub hold: Option<Box<HoldFragment>>,
}

impl Fragment {
    /// How much it says, bytes of text.
    pub fn bytes(&self) -> usize {
        let account = self.account.iter().map(|account| account.facts.bytes());
        let hold = self.hold.iter().map(|hold| hold.facts.bytes());
        account.chain(self.parties.iter().map(|party| party.facts.bytes())).chain(hold).sum()
    }
}
unprinted!(PartyFragment, HoldFragment);
