//! What is said when the program breaks off: where, and a reference. Not what: the text of a panic may
//! quote the value that it broke on.
//!
//! A panic in a job ends that job and not the program; the job is tried again by its next ring.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicU64, Ordering};

use super::clock::MachineClock;
use crate::job::clock::Clock;

/// From now on a panic says where it was, and no more.
pub fn install() {
    std::panic::set_hook(Box::new(say));
}

fn say(panic: &PanicHookInfo<'_>) {
    static PANICS: AtomicU64 = AtomicU64::new(1);
    let number = PANICS.fetch_add(1, Ordering::Relaxed);
    let reference = format!("{:x}-{number}", MachineClock.now_ms());
    let at = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(panic.at = at, panic.reference = reference, "the program broke off");
    // The program's own sentences hold nobody's values.
    let sentence = literal(panic.payload()).map(|text| format!(": {text}")).unwrap_or_default();
    eprintln!("error: this is a fault of Viaduct's, at {at}{sentence}\n  reference {reference}");
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        eprintln!("{trace}");
    }
}

/// The text of a panic where it is written in the program, and was not put together from values.
fn literal(payload: &dyn Any) -> Option<&'static str> {
    payload.downcast_ref::<&'static str>().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sentence_of_the_program_is_repeated() {
        let caught = |panics: fn(&str)| {
            let work = move || panics(std::hint::black_box("Testberry"));
            std::panic::catch_unwind(work).unwrap_err()
        };
        assert_eq!(literal(&*caught(|_| panic!("a sentence"))), Some("a sentence"));
        assert_eq!(literal(&*caught(|name| panic!("no {name}"))), None);
        assert_eq!(literal(&*caught(|name| std::panic::panic_any(name.to_owned()))), None);
    }
}
