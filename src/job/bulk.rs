//! Bulk actions: what a person asks for is done to each delivery of a fixed set, in its order, once.
//! A run may be killed anywhere, paused, or taken up by another node: no item has its turn twice.

pub mod remake;
mod repeat;

use self::remake::Anew;
use super::clock::Clock;
use super::error::JobError;
use super::fail_point;
use super::resolve::telling::Made;
use crate::record::delivery::{Content, State};
use crate::store::again;
use crate::store::bulk::{self, Bulk, Judge, Step, Verdict};
use crate::store::database::{Database, StoreError, Transaction};
use crate::store::deliveries::Delivery;
use crate::store::outbox;
use crate::store::parting::PARTED;
use crate::store::sending::CRASHED_CODE;

/// Items that have their turn in one commit.
const CHUNK: i64 = 500;
/// A running one that did not move on for so long is taken up by whoever sees it.
pub const STANDS_STILL_MS: i64 = 30_000;

/// With more than so many, or with any payment, what sends takes the word of two people.
pub const ALONE_MAX: i64 = 1_000;

/// What is done to deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Held ones go back to be sent, through the gate as ever.
    Release,
    /// Held ones are never sent.
    Dismiss,
    /// Held ones are composed anew, with the mapping and the values of now.
    Remake,
    /// What a system has had is sent to it once more, as it was.
    Repeat,
}

impl Action {
    const ALL: [Action; 4] = [Action::Release, Action::Dismiss, Action::Remake, Action::Repeat];

    pub fn word(self) -> &'static str {
        match self {
            Action::Release => "release",
            Action::Dismiss => "dismiss",
            Action::Remake => "remake",
            Action::Repeat => "repeat",
        }
    }

    /// The action of that word.
    pub fn from_word(word: &str) -> Option<Action> {
        Action::ALL.into_iter().find(|action| action.word() == word)
    }

    /// What was done to an item that did not stay as it was.
    pub fn done_word(self) -> &'static str {
        match self {
            Action::Release => "released",
            Action::Dismiss => "dismissed",
            Action::Remake => "made anew",
            Action::Repeat => "repeated",
        }
    }

    /// Whether anything leaves by it.
    pub fn sends(self) -> bool {
        self != Action::Dismiss
    }

    /// How many things one person may have it do, where that is bounded.
    pub fn alone_max(self) -> Option<i64> {
        self.sends().then_some(ALONE_MAX)
    }

    /// Whether somebody else has to agree to it.
    pub fn takes_two(self, bulk: &Bulk) -> bool {
        self.alone_max().is_some_and(|most| bulk.items > most || bulk.payments > 0)
    }

    /// Whether it takes the definitions.
    pub fn composes(self) -> bool {
        self == Action::Remake
    }
}

/// Whether a held delivery is sent again as it is.
pub fn released(row: &Delivery, now_ms: i64) -> Verdict {
    if let Some(why) = undecided(row).or_else(|| in_doubt(row, now_ms)) {
        return Verdict::left(why);
    }
    if row.cause_code.as_deref() == Some(PARTED) {
        return Verdict::left(
            "it was composed while two people were taken for one: have it made anew (viaduct \
             deliveries remake), or dismiss it",
        );
    }
    match again(&row.message) {
        // Whoever had it in hand died: what became of it is asked before it is sent.
        Some(_) if row.cause_code.as_deref() == Some(CRASHED_CODE) => Verdict::To(State::Unknown),
        Some(state) => Verdict::To(state),
        None => Verdict::left(
            "there is nothing in it to send: mend its mapping and have it made anew (viaduct \
             deliveries remake), or wait for the next change at its source",
        ),
    }
}

fn dismissed(row: &Delivery) -> Verdict {
    undecided(row).map_or(Verdict::To(State::Dismissed), Verdict::left)
}

/// Why nothing is done with it, whatever is asked for.
fn undecided(row: &Delivery) -> Option<&'static str> {
    if row.state != State::Held.word() {
        return Some("it is not held");
    }
    (row.cause_code.as_deref() == Some("delivery.unknown")).then_some(
        "nobody knows whether it was sent: look for its reference at the platform, and \
         decide it by itself (viaduct deliveries decide)",
    )
}

/// Why it may have taken effect, or may yet.
fn in_doubt(row: &Delivery, now_ms: i64) -> Option<&'static str> {
    if row.cause_code.as_deref() == Some("pay.paid_twice") {
        return Some("it was paid twice: give one payment back");
    }
    if row.platform_id.is_some() {
        return Some("the platform had taken it, and it may have arrived all the same");
    }
    row.doubt_until_ms
        .is_some_and(|until_ms| now_ms < until_ms)
        .then_some("an earlier attempt may still turn up on the platform: try again later")
}

/// The state from which a delivery with that content is sent once more; none where it has none.
pub fn again(message: &str) -> Option<State> {
    match Content::from_json(message)? {
        // Made when its payer opens the link, and not before.
        Content::Payment(_) => Some(State::Offered),
        _ => Some(State::Waiting),
    }
}

/// Says what is to become of deliveries, and makes what is to be made.
pub struct Turns<'a> {
    action: Action,
    now_ms: i64,
    /// Begins every reference that is made.
    mark: String,
    anew: Option<&'a Anew>,
    making: Making,
}

/// What was decided to be made, and is not written yet.
#[derive(Debug, Default)]
struct Making {
    deliveries: Made,
    /// Payments in whose place others are made: number, fence, the other's number.
    ended: Vec<(i64, i64, i64)>,
}

impl<'a> Turns<'a> {
    /// What composes needs what it composes with.
    pub async fn of(
        database: &Database,
        action: Action,
        anew: Option<&'a Anew>,
        now_ms: i64,
    ) -> Result<Turns<'a>, JobError> {
        if action.composes() && anew.is_none() {
            return Err(JobError::Broken("there is nothing to make deliveries with".to_owned()));
        }
        let mark = match action {
            Action::Remake | Action::Repeat => outbox::hub_mark(database).await? + "-",
            Action::Release | Action::Dismiss => String::new(),
        };
        Ok(Turns { action, now_ms, mark, anew, making: Making::default() })
    }
}

impl Judge for Turns<'_> {
    async fn judge(
        &mut self,
        transaction: &mut Transaction,
        rows: &[&Delivery],
    ) -> Result<Vec<Verdict>, StoreError> {
        let (mark, now_ms) = (&*self.mark, self.now_ms);
        let (verdicts, making) = match (self.action, self.anew) {
            (Action::Release, _) => {
                return Ok(rows.iter().map(|row| released(row, now_ms)).collect());
            }
            (Action::Dismiss, _) => return Ok(rows.iter().map(|row| dismissed(row)).collect()),
            (Action::Remake, Some(anew)) => {
                remake::judge(transaction, rows, anew, mark, now_ms).await?
            }
            (Action::Remake, None) => return Ok(Vec::new()),
            (Action::Repeat, _) => repeat::judge(transaction, rows, mark, now_ms).await?,
        };
        self.making = making;
        Ok(verdicts)
    }

    async fn make(&mut self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let Making { deliveries, ended } = std::mem::take(&mut self.making);
        again::end_payments(transaction, &ended, self.now_ms).await?;
        deliveries.write(transaction).await
    }
}

/// Works a bulk action to its end, or until somebody pauses it. Gives how it stands then.
pub async fn work(
    database: &Database,
    clock: &dyn Clock,
    id: i64,
    anew: Option<&Anew>,
) -> Result<Bulk, JobError> {
    let gone = || JobError::Broken(format!("there is no bulk action {id}"));
    let bulk = bulk::get(database, id).await?.ok_or_else(gone)?;
    let unknown =
        || JobError::Broken(format!("bulk action {id} does what this program does not know"));
    let action = Action::from_word(&bulk.action).ok_or_else(unknown)?;
    loop {
        let now_ms = clock.now_ms();
        let turns = Turns::of(database, action, anew, now_ms).await?;
        fail_point::pass("bulk.before_step");
        let step = bulk::step(database, id, CHUNK, now_ms, turns).await?;
        fail_point::pass("bulk.step");
        if !matches!(step, Step::Done(_)) {
            break;
        }
    }
    bulk::get(database, id).await?.ok_or_else(gone)
}
