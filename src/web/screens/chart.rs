//! Small charts of the last day, a bar for each hour: made here, as SVG without script or style of its own. Each has
//! its sentence, and the same figures as a table.

use serde::Deserialize;

use super::words::{At, Now, grouped, long};

/// What the hub tells of the last day.
#[derive(Debug, Deserialize)]
pub struct Traffic {
    hours: Vec<Hour>,
    says: Says,
}

#[derive(Debug, Deserialize)]
struct Hour {
    from: At,
    to: At,
    sent: i64,
    failed: i64,
    held: i64,
    oldest_ms: i64,
    came_in: Option<i64>,
    came_in_held: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Says {
    came_in: Option<String>,
    left: String,
    stopped: String,
    waited: String,
}

/// One chart.
#[derive(Debug)]
pub struct Chart {
    /// Unique on its page.
    pub id: &'static str,
    pub title: &'static str,
    pub says: String,
    /// Whether its bars are what should not be.
    pub is_bad: bool,
    pub bars: Vec<Bar>,
    /// What the tallest bar stands for.
    pub tallest: String,
    pub heads: Vec<&'static str>,
    /// The newest first.
    pub rows: Vec<(String, Vec<String>)>,
}

/// Where one stands, in the chart's own units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    pub x: i64,
    pub y: i64,
    pub height: i64,
}

/// How high the tallest is, and how far bars are apart.
pub const HEIGHT: i64 = 60;
const STEP: i64 = 12;

impl Traffic {
    /// Its charts: what came in, where that is told; what left, what did not, and how long the oldest waited.
    pub fn charts(&self, now: Now) -> Vec<Chart> {
        let mut charts = Vec::new();
        if let Some(says) = &self.says.came_in {
            let rows = |hour: &Hour| hour.came_in.unwrap_or_default();
            charts.push(self.chart(
                now,
                ("came-in", "What came in", says.as_str(), false),
                rows,
                |hour| {
                    vec![
                        ("Rows", grouped(rows(hour))),
                        ("Held", grouped(hour.came_in_held.unwrap_or_default())),
                    ]
                },
            ));
        }
        let says = self.says.left.as_str();
        charts.push(self.chart(
            now,
            ("left", "What left", says, false),
            |hour| hour.sent,
            |hour| vec![("Left", grouped(hour.sent))],
        ));
        let says = self.says.stopped.as_str();
        let stopped = |hour: &Hour| hour.failed + hour.held;
        charts.push(self.chart(now, ("stopped", "Held, or failed", says, true), stopped, |hour| {
            vec![("Held", grouped(hour.held)), ("Tries that failed", grouped(hour.failed))]
        }));
        let about = ("waited", "How long the oldest waited", self.says.waited.as_str(), true);
        let mut waited = self.chart(
            now,
            about,
            |hour| hour.oldest_ms,
            |hour| {
                let said = if hour.oldest_ms == 0 { "-".to_owned() } else { long(hour.oldest_ms) };
                vec![("The oldest", said)]
            },
        );
        waited.tallest =
            long(self.hours.iter().map(|hour| hour.oldest_ms).max().unwrap_or_default());
        charts.push(waited);
        charts
    }

    fn chart(
        &self,
        now: Now,
        (id, title, says, is_bad): (&'static str, &'static str, &str, bool),
        of: impl Fn(&Hour) -> i64,
        cells: impl Fn(&Hour) -> Vec<(&'static str, String)>,
    ) -> Chart {
        let values: Vec<i64> = self.hours.iter().map(&of).collect();
        let row = |hour: &Hour| {
            let when = format!("{} to {}", now.clock(&hour.from), now.clock(&hour.to));
            (when, cells(hour).into_iter().map(|(_, said)| said).collect())
        };
        let heads =
            self.hours.first().map(|hour| cells(hour).iter().map(|(head, _)| *head).collect());
        Chart {
            id,
            title,
            says: says.to_owned(),
            is_bad,
            bars: bars(&values),
            tallest: grouped(values.iter().copied().max().unwrap_or_default()),
            heads: heads.unwrap_or_default(),
            rows: self.hours.iter().rev().map(row).collect(),
        }
    }
}

/// Bars for these, of which none is where there is nothing. What is little beside the rest can still be seen.
fn bars(values: &[i64]) -> Vec<Bar> {
    let most = values.iter().copied().max().unwrap_or_default();
    let bar = |(place, value): (i64, &i64)| {
        let height = (i128::from(*value) * i128::from(HEIGHT) / i128::from(most.max(1))) as i64;
        let height = height.max(2);
        Bar { x: place * STEP + 1, y: HEIGHT - height, height }
    };
    (0_i64..).zip(values).filter(|(_, value)| **value > 0).map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_what_they_stand_for() {
        assert_eq!(
            bars(&[0, 50, 100, 1, i64::MAX / 2]).iter().map(|bar| bar.height).collect::<Vec<_>>(),
            [2, 2, 2, 60]
        );
        assert_eq!(
            bars(&[0, 50, 100]),
            [Bar { x: 13, y: 30, height: 30 }, Bar { x: 25, y: 0, height: 60 }]
        );
        assert_eq!(bars(&[0, 0]), []);
        assert_eq!(bars(&[]), []);
    }
}
