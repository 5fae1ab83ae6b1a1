//! How a destination is approached: its circuit, its pace, what it may have in a day, and when it is left
//! alone. Pure but for what it remembers, which is a row of the table `destination`.
//!
//! The circuit opens when the platform says "later", or after some failures one after another. Then
//! nothing leaves for a while, after that one delivery; what becomes of that one decides. Once it has
//! held, what leaves at once grows step by step.

use crate::connector::channel::ConnectorError;
use crate::connector::conduct::Conduct;
use crate::connector::sending::USUAL;
use crate::job::disposition::CLOCKS_MS;
use crate::record::delivery::Channel;
use crate::store::destinations::DestinationRow;
use crate::store::outbox::NEVER_MS;

const CLOSED: &str = "closed";
const OPEN: &str = "open";
const HALTED: &str = "halted";
const DAY_MS: i64 = 86_400_000;
/// More than any day has: the platform itself says that it is full.
const FULL: i64 = 1_000_000_000;
const MINUTE_MS: i64 = 60_000;
/// Permits are counted in thousandths.
const PERMIT: i64 = 1_000;
/// What leaves at once is what left in a moment of late, or the usual batch where that is more. The gate has judged all of
/// it, and so what is learnt of a resident meanwhile comes too late; and what a sender dies with is asked about. But each
/// batch has a cost of its own, which only a fast receiver lets one feel.
const MOMENT_MS: i64 = 250;
/// At first, and after a circuit held again, few leave at once; then so many times more each time.
const STEP: i64 = 8;

/// What may leave now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// So many that are urgent, and of all together so many.
    Now { urgent: i64, all: i64 },
    /// Nothing, until then.
    Shut { until_ms: i64 },
}

pub struct Door {
    conduct: Conduct,
    row: DestinationRow,
    /// The most that leaves at once, for now.
    step: i64,
    /// How many leave in a moment, as it was of late.
    moment: i64,
    is_changed: bool,
    /// Told so by an answer to a question: until then none is put.
    quiet_until_ms: i64,
}

impl Door {
    pub fn new(conduct: Conduct, row: DestinationRow) -> Door {
        Door {
            conduct,
            row,
            step: STEP,
            moment: USUAL as i64,
            is_changed: false,
            quiet_until_ms: 0,
        }
    }

    /// closed, open, halted
    pub fn circuit(&self) -> &str {
        &self.row.circuit
    }

    /// What opened it.
    pub fn cause(&self) -> Option<&str> {
        self.row.cause.as_deref()
    }

    /// As it is written by now: a person may have paused it, or let it go on.
    pub fn renew(&mut self, row: DestinationRow) {
        if !self.is_changed {
            self.row = row;
        }
    }

    /// Whether a person has paused it, by now.
    pub fn pause(&mut self, since_ms: Option<i64>) {
        self.row.paused_ms = since_ms;
    }

    /// What is to be written, if anything is.
    pub fn changed(&mut self) -> Option<&DestinationRow> {
        std::mem::take(&mut self.is_changed).then_some(&self.row)
    }

    /// Whoever runs the job by hand has mended what halted it, or wants to see whether they have.
    pub fn retry(&mut self) {
        if self.row.circuit == HALTED {
            self.row.circuit = OPEN.to_owned();
            self.row.probe_ms = 0;
            self.is_changed = true;
        }
    }

    /// What may leave now, of batches of so many. Nothing beside what is on its way, where one is to
    /// show whether the platform is there.
    pub fn opening(&mut self, now_ms: i64, batch: i64, is_busy: bool) -> Opening {
        if let Some(until_ms) = self.shut_until_ms(now_ms) {
            return Opening::Shut { until_ms };
        }
        let most = match self.row.circuit == OPEN {
            true => i64::from(!is_busy),
            false => batch.min(self.step).min(self.moment),
        };
        let Some(full) = self.fill(now_ms) else {
            return Opening::Now { urgent: most, all: most };
        };
        let urgent = self.row.permits / PERMIT;
        let all = (self.row.permits - self.kept(full)) / PERMIT;
        if urgent <= 0 {
            let wait_ms = self.fills_in_ms(PERMIT - self.row.permits);
            return Opening::Shut { until_ms: now_ms + wait_ms };
        }
        Opening::Now { urgent: urgent.min(most), all: all.min(most).max(0) }
    }

    /// Until when nothing leaves, where something shut the door; too fast a pace does not.
    pub fn shut_until_ms(&self, now_ms: i64) -> Option<i64> {
        if self.row.paused_ms.is_some() {
            return Some(NEVER_MS);
        }
        self.closed_until_ms(now_ms)
    }

    /// The same, whether or not a person has paused it.
    fn closed_until_ms(&self, now_ms: i64) -> Option<i64> {
        if self.row.circuit == HALTED {
            return Some(NEVER_MS);
        }
        let windows = self.conduct.maintenance.iter().filter_map(|window| window.ends_ms(now_ms));
        windows.chain(self.probe_ms(now_ms)).max()
    }

    /// When what is not urgent may leave, where a permit is kept from it.
    pub fn ordinary_from_ms(&self, now_ms: i64) -> Option<i64> {
        let full = self.full()?;
        let missing = self.kept(full) + PERMIT - self.row.permits;
        (missing > 0).then(|| now_ms + self.fills_in_ms(missing))
    }

    /// Until when not even questions are put: the system is being worked on, lets nobody in, or does not answer.
    pub fn questions_from_ms(&self, now_ms: i64) -> Option<i64> {
        let quiet_ms = Some(self.quiet_until_ms).filter(|ms| *ms > now_ms);
        self.closed_until_ms(now_ms).max(quiet_ms)
    }

    /// When it is tried again, where it does not answer.
    fn probe_ms(&self, now_ms: i64) -> Option<i64> {
        Some(self.row.probe_ms).filter(|ms| self.row.circuit == OPEN && *ms > now_ms)
    }

    /// It answered a question: ask again so much later. What is sent has a word of its own.
    pub fn told(&mut self, after_ms: i64, now_ms: i64) {
        self.quiet_until_ms = self.quiet_until_ms.max(now_ms.saturating_add(after_ms));
    }

    /// So many were claimed.
    pub fn took(&mut self, many: i64) {
        if many > 0 && self.conduct.per_minute.is_some() {
            self.row.permits -= many * PERMIT;
            self.is_changed = true;
        }
    }

    /// So many left in so many milliseconds. A few say nothing of how fast many would, unless they took long.
    pub fn left(&mut self, many: i64, in_ms: i64) {
        if many >= USUAL as i64 || (many > 0 && in_ms >= MOMENT_MS) {
            self.moment = (many * MOMENT_MS / in_ms.max(1)).max(USUAL as i64);
        }
    }

    /// Counts one that is to leave by that channel; or says until when it waits, since the day has had
    /// its number.
    pub fn admit(&mut self, channel: Channel, now_ms: i64) -> Option<i64> {
        let most = self.conduct.per_day.of(channel).map(i64::from);
        let (had, tomorrow_ms) = self.today(channel, now_ms);
        if *had >= FULL {
            return Some(tomorrow_ms + CLOCKS_MS);
        }
        if most.is_some_and(|most| *had >= most) {
            return Some(tomorrow_ms);
        }
        if most.is_some() {
            *had += 1;
            self.is_changed = true;
        }
        None
    }

    /// The platform says that the day which ends so much later than that has had its number by that channel.
    pub fn is_full(&mut self, channel: Channel, (at_ms, after_ms): (i64, i64), now_ms: i64) {
        if (at_ms + after_ms).div_euclid(DAY_MS) >= now_ms.div_euclid(DAY_MS) {
            *self.today(channel, now_ms).0 = FULL;
            self.is_changed = true;
        }
    }

    /// How many left today by that channel, and when the next day begins (UTC).
    fn today(&mut self, channel: Channel, now_ms: i64) -> (&mut i64, i64) {
        let day = now_ms.div_euclid(DAY_MS);
        if self.row.day != day {
            (self.row.day, self.row.emails, self.row.texts, self.row.letters) = (day, 0, 0, 0);
        }
        let had = match channel {
            Channel::Email => &mut self.row.emails,
            Channel::Sms => &mut self.row.texts,
            Channel::Letter => &mut self.row.letters,
        };
        (had, (day + 1) * DAY_MS)
    }

    /// What a batch came to, in the order it was sent in.
    pub fn learn<'e>(
        &mut self,
        results: impl Iterator<Item = Result<(), &'e ConnectorError>>,
        now_ms: i64,
    ) {
        let was_open = self.row.circuit == OPEN;
        let before = self.row.failures;
        let (mut told_ms, mut last, mut halt, mut got_through) = (None, None, None, false);
        for result in results {
            match result {
                // Of one kind alone it takes no more.
                Ok(()) | Err(ConnectorError::Refused { .. } | ConnectorError::Full { .. }) => {
                    self.row.failures = 0;
                    got_through = true;
                }
                // Nothing was asked of it.
                Err(ConnectorError::Untried { .. } | ConnectorError::Forgotten { .. }) => {}
                Err(ConnectorError::Unauthorised { code, cause }) => {
                    halt = Some((*code, cause.clone()));
                }
                Err(error) => {
                    self.row.failures += 1;
                    last = Some(error.to_string());
                    if let ConnectorError::Unavailable { retry_after_ms: Some(ms), .. } = error {
                        told_ms = told_ms.max(Some(*ms).filter(|ms| *ms > 0));
                    }
                }
            }
        }
        self.is_changed |= self.row.failures != before;
        if let Some((code, cause)) = halt {
            self.halt(code, cause, now_ms);
        } else if let Some(told_ms) = told_ms {
            self.open(now_ms + told_ms, last, now_ms);
        } else if last.is_some()
            && (was_open || self.row.failures >= i64::from(self.conduct.failures))
        {
            let times = 1_i64 << self.row.opened.clamp(0, 30);
            let wait_ms = self.conduct.probe_ms.saturating_mul(times);
            self.open(now_ms + wait_ms.min(self.conduct.probe_longest_ms), last, now_ms);
        } else if got_through {
            if was_open {
                self.close();
            }
            self.step = self.step.saturating_mul(STEP);
        }
    }

    /// It does not let us in.
    pub fn halt(&mut self, code: &str, cause: String, now_ms: i64) {
        self.row.circuit = HALTED.to_owned();
        (self.row.code, self.row.cause) = (Some(code.to_owned()), Some(cause));
        self.row.opened_ms = Some(now_ms);
        self.is_changed = true;
    }

    fn open(&mut self, probe_ms: i64, cause: Option<String>, now_ms: i64) {
        if self.row.circuit != OPEN {
            self.row.opened_ms = Some(now_ms);
        }
        self.row.circuit = OPEN.to_owned();
        (self.row.code, self.row.cause) = (None, cause);
        self.row.opened += 1;
        self.row.probe_ms = probe_ms;
        self.is_changed = true;
    }

    fn close(&mut self) {
        self.row.circuit = CLOSED.to_owned();
        (self.row.code, self.row.cause, self.row.opened_ms) = (None, None, None);
        (self.row.failures, self.row.opened) = (0, 0);
        self.step = 1;
        self.is_changed = true;
    }

    /// How much there is when it is full: what leaves in a second, and at least one.
    fn full(&self) -> Option<i64> {
        let per_minute = i64::from(self.conduct.per_minute?);
        Some((per_minute * PERMIT / 60).max(PERMIT))
    }

    /// What is kept for what is urgent. Where so little fits that nothing else would ever leave, nothing.
    fn kept(&self, full: i64) -> i64 {
        match full < 2 * PERMIT || self.conduct.urgent_percent == 0 {
            true => 0,
            false => (full * i64::from(self.conduct.urgent_percent) / 100).max(PERMIT),
        }
    }

    /// Adds the permits that time has brought; gives how many there are when it is full, where there is
    /// a pace at all.
    fn fill(&mut self, now_ms: i64) -> Option<i64> {
        let full = self.full()?;
        let per_minute = i64::from(self.conduct.per_minute?);
        let elapsed_ms = (now_ms - self.row.filled_ms).clamp(0, MINUTE_MS);
        let brought = elapsed_ms * per_minute * PERMIT / MINUTE_MS;
        // What is too little to count goes on growing.
        if brought > 0 || self.row.filled_ms > now_ms {
            self.row.permits = (self.row.permits + brought).min(full);
            self.row.filled_ms = now_ms;
        }
        Some(full)
    }

    fn fills_in_ms(&self, permits: i64) -> i64 {
        let per_minute = i64::from(self.conduct.per_minute.unwrap_or(1)).max(1);
        (permits.max(1) * MINUTE_MS / (per_minute * PERMIT)) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::conduct::PerDay;
    use crate::connector::window::Window;

    fn door(conduct: Conduct) -> Door {
        Door::new(conduct, DestinationRow::fresh("x"))
    }

    fn unavailable(retry_after_ms: Option<i64>) -> ConnectorError {
        ConnectorError::Unavailable { cause: "away".to_owned(), retry_after_ms }
    }

    #[test]
    fn failures_open_it_and_one_that_gets_through_closes_it() {
        let mut door = door(Conduct::default());
        let away = unavailable(None);
        // Nobody knows yet whether it is there.
        assert_eq!(door.opening(0, 200, false), Opening::Now { urgent: 8, all: 8 });
        door.learn((0..4).map(|_| Err(&away)).chain([Ok(())]), 0);
        assert_eq!(door.opening(0, 200, false), Opening::Now { urgent: 64, all: 64 });
        door.learn((0..5).map(|_| Err(&away)), 1_000);
        assert_eq!(door.opening(1_000, 200, false), Opening::Shut { until_ms: 16_000 });
        // One at a time, and beside nothing.
        assert_eq!(door.opening(16_000, 200, false), Opening::Now { urgent: 1, all: 1 });
        assert_eq!(door.opening(16_000, 200, true), Opening::Now { urgent: 0, all: 0 });
        door.learn([Err(&away)].into_iter(), 16_000);
        assert_eq!(door.opening(16_000, 200, false), Opening::Shut { until_ms: 46_000 });
        door.learn([Ok(())].into_iter(), 46_000);
        assert_eq!(door.opening(46_000, 200, false), Opening::Now { urgent: 8, all: 8 });
        door.learn([Ok(())].into_iter(), 46_000);
        assert_eq!(door.opening(46_000, 200, false), Opening::Now { urgent: 64, all: 64 });
    }

    #[test]
    fn what_leaves_at_once_is_what_leaves_in_a_moment() {
        let mut door = door(Conduct::default());
        for _ in 0..4 {
            door.learn([Ok(())].into_iter(), 0);
        }
        let all = |many: i64| Opening::Now { urgent: many, all: many };
        assert_eq!(door.opening(0, 1_000, false), all(200));
        door.left(200, 100);
        assert_eq!(door.opening(0, 1_000, false), all(500));
        door.left(500, 10);
        assert_eq!(door.opening(0, 1_000, false), all(1_000));
        // A few that were quick say nothing, and none that left says nothing at all.
        door.left(3, 60);
        door.left(0, 60_000);
        assert_eq!(door.opening(0, 1_000, false), all(1_000));
        door.left(3, 300);
        assert_eq!(door.opening(0, 1_000, false), all(200));
        assert_eq!(door.opening(0, 5, false), all(5));
    }

    #[test]
    fn told_to_wait_it_waits_so_long_and_no_longer() {
        let mut door = door(Conduct::default());
        let (later, at_once) = (unavailable(Some(7_000)), unavailable(Some(0)));
        door.learn([Err(&at_once), Ok(())].into_iter(), 0);
        assert!(matches!(door.opening(0, 9, false), Opening::Now { .. }));
        door.learn([Ok(()), Err(&later), Ok(())].into_iter(), 0);
        assert_eq!(door.opening(6_999, 9, false), Opening::Shut { until_ms: 7_000 });
        assert_eq!(door.opening(7_000, 9, false), Opening::Now { urgent: 1, all: 1 });
    }

    #[test]
    fn a_pace_is_kept_and_a_part_of_it_for_what_is_urgent() {
        let mut door = door(Conduct { per_minute: Some(600), ..Conduct::default() });
        // Ten a second, of which two are kept.
        assert_eq!(door.opening(60_000, 200, false), Opening::Now { urgent: 8, all: 8 });
        door.took(8);
        assert_eq!(door.opening(60_000, 200, false), Opening::Now { urgent: 2, all: 0 });
        assert_eq!(door.ordinary_from_ms(60_000), Some(60_101));
        door.took(2);
        assert_eq!(door.opening(60_000, 200, false), Opening::Shut { until_ms: 60_101 });
        let (mut left, mut now_ms) = (0, 60_000);
        while now_ms < 120_000 {
            if let Opening::Now { all, .. } = door.opening(now_ms, 200, false) {
                door.took(all);
                left += all;
            }
            now_ms += 37;
        }
        assert!((590..=600).contains(&left), "{left} in a minute");
    }

    #[test]
    fn a_day_has_its_number_and_the_next_day_another() {
        let per_day = PerDay { sms: Some(2), ..PerDay::default() };
        let mut door = door(Conduct { per_day, ..Conduct::default() });
        let noon_ms = DAY_MS / 2;
        assert_eq!(door.admit(Channel::Sms, noon_ms), None);
        assert_eq!(door.admit(Channel::Sms, noon_ms), None);
        assert_eq!(door.admit(Channel::Sms, noon_ms), Some(DAY_MS));
        assert_eq!(door.admit(Channel::Email, noon_ms), None);
        assert_eq!(door.admit(Channel::Sms, DAY_MS), None);
        // The platform's own word counts where we keep no number, and for its channel alone.
        door.is_full(Channel::Letter, (DAY_MS + 5, DAY_MS - 6), DAY_MS + 7);
        assert_eq!(door.admit(Channel::Letter, DAY_MS + 7), Some(2 * DAY_MS + CLOCKS_MS));
        assert_eq!(door.admit(Channel::Email, DAY_MS), None);
        assert_eq!(door.admit(Channel::Letter, 2 * DAY_MS), None);
        // What was said of yesterday says nothing of today.
        door.is_full(Channel::Letter, (2 * DAY_MS - 9, 5), 2 * DAY_MS + 3);
        assert_eq!(door.admit(Channel::Letter, 2 * DAY_MS + 3), None);
    }

    #[test]
    fn a_pause_a_window_and_a_locked_door_let_nothing_out() {
        let mut paused = DestinationRow::fresh("x");
        paused.paused_ms = Some(1);
        let mut door = Door::new(Conduct::default(), paused);
        assert_eq!(door.opening(0, 9, false), Opening::Shut { until_ms: NEVER_MS });
        assert_eq!(door.questions_from_ms(0), None);
        let maintenance = vec![Window::parse("00:00-06:00").expect("a window")];
        let mut door =
            Door::new(Conduct { maintenance, ..Conduct::default() }, DestinationRow::fresh("x"));
        // The first of January 1970 had an hour of summer time in London.
        let six_ms = 5 * 3_600_000;
        assert_eq!(door.opening(0, 9, false), Opening::Shut { until_ms: six_ms });
        assert_eq!(door.questions_from_ms(0), Some(six_ms));
        assert!(matches!(door.opening(six_ms, 9, false), Opening::Now { .. }));
        let locked = ConnectorError::Unauthorised { code: "x.key", cause: "wrong".to_owned() };
        door.learn([Err(&locked)].into_iter(), six_ms);
        assert_eq!(door.opening(six_ms * 9, 9, false), Opening::Shut { until_ms: NEVER_MS });
        door.retry();
        assert_eq!(door.opening(six_ms * 9, 9, false), Opening::Now { urgent: 1, all: 1 });
    }
}
