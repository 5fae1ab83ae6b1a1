//! The words by which lists are cut to days, the same for each list: since a day, until a day, older than so many
//! days; and which end comes first. A day is London's, from its midnight to the next.

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::context::AppError;
use crate::record::moment::Moment;

const DAY_MS: i64 = 24 * 3_600_000;
/// Nothing here is older than that.
pub const OLDER_THAN_MAX: i64 = 36_500;

/// Which end of a list comes first.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    #[default]
    Newest,
    Oldest,
}

/// Instants that something lies between, in UTC milliseconds: the first counts, the last does not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Between {
    pub from_ms: Option<i64>,
    pub until_ms: Option<i64>,
}

/// What these words mean now.
pub fn between(
    from: Option<&str>,
    until: Option<&str>,
    older_than: Option<u32>,
    now_ms: i64,
) -> Result<Between, AppError> {
    let from_ms = time("from", from, Moment::parse)?;
    let until_ms = time("until", until, Moment::parse_end)?;
    let older_ms = older_than.map(|days| now_ms - i64::from(days) * DAY_MS);
    if older_than.is_some_and(|days| !(1..=OLDER_THAN_MAX).contains(&i64::from(days))) {
        let what = format!("`older_than` is a number of days, from 1 to {OLDER_THAN_MAX}");
        return Err(AppError::Asked(what));
    }
    // Of two ends the earlier counts.
    let until_ms = match (until_ms, older_ms) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    if let (Some(from_ms), Some(until_ms)) = (from_ms, until_ms)
        && from_ms >= until_ms
    {
        let what = "`from` is not before `until`: nothing lies between them".to_owned();
        return Err(AppError::Asked(what));
    }
    Ok(Between { from_ms, until_ms })
}

/// A day, or an instant; in UTC milliseconds.
pub fn time(
    name: &str,
    text: Option<&str>,
    read: fn(&str) -> Option<Moment>,
) -> Result<Option<i64>, AppError> {
    let Some(text) = text else { return Ok(None) };
    let wrong = || {
        AppError::Asked(format!(
            "`{name}` is a day, 2026-11-26, or an instant, 2026-11-26T06:00:00Z"
        ))
    };
    read(text.trim()).map(|at| Some(at.0)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_londons_and_whole() {
        let at = |text: &str| Moment::parse(text).map(|at| at.0);
        let now_ms = at("2026-10-27T12:00:00Z").unwrap_or_default();
        // The clocks go back on 25 October: the day has 25 hours.
        let day = between(Some("2026-10-25"), Some("2026-10-25"), None, now_ms);
        let day = day.unwrap_or_default();
        assert_eq!(day.from_ms, at("2026-10-24T23:00:00Z"));
        assert_eq!(day.until_ms, at("2026-10-26T00:00:00Z"));
        let old = between(None, Some("2026-10-26"), Some(2), now_ms).unwrap_or_default();
        assert_eq!(old.until_ms, at("2026-10-25T12:00:00Z"), "the earlier counts");
        for (from, until, older) in [
            (Some("2026-10-26"), Some("2026-10-25"), None),
            (Some("yesterday"), None, None),
            (None, Some("31/10/2026"), None),
            (None, None, Some(0)),
            (None, None, Some(36_501)),
        ] {
            assert!(between(from, until, older, now_ms).is_err(), "{from:?} {until:?} {older:?}");
        }
    }
}
