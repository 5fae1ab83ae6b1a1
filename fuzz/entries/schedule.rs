//! Schedules: crontab expressions in a zone, and the instants they name.

use viaduct::definition::schedule::Schedule;
use viaduct::record::moment::Moment;

use super::input::Input;

const ZONES: [&str; 6] = [
    "Europe/London",
    "UTC",
    "Pacific/Apia",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
];
const DAY_MS: i64 = 86_400_000;
/// Until the year 2200.
const DAYS: i64 = 84_000;

pub fn schedule(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let zone = input.pick(&ZONES);
    let far = input.flag();
    let from_ms = input.number();
    let from_ms = if far { from_ms } else { from_ms.rem_euclid(DAYS * DAY_MS) };
    let text = input.text();
    let schedule = match Schedule::parse(&text, zone) {
        Ok(schedule) => schedule,
        Err(sentence) => {
            assert!(!sentence.is_empty());
            return;
        }
    };
    let ticks = schedule.next_after(from_ms, 20);
    assert!(ticks.iter().all(|tick| *tick > from_ms), "an instant before the one to count from");
    assert!(ticks.windows(2).all(|two| two[0] < two[1]), "instants do not rise");
    assert!(ticks.iter().all(|tick| !Moment(*tick).said(schedule.zone()).is_empty()));
    if far {
        return;
    }
    assert_eq!(ticks.len(), 20, "it runs no more");
    assert_eq!(ticks[1..], schedule.next_after(ticks[0], 19), "counted from another instant");
    let again = Schedule::parse(schedule.expression(), zone).expect("it was read before");
    assert_eq!(ticks, again.next_after(from_ms, 20));
}
