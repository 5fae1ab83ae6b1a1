//! What came in and what left in the last day, hour by hour, with a sentence for each: what the screens draw and
//! `viaduct status` says.

use serde::Serialize;
use serde_json::{Value, json};

use super::context::{AppError, Context};
use crate::record::moment::Moment;
use crate::store::batches;
use crate::store::traffic::{self, HOUR_MS, HOURS, Hour, SLOT_MS};
use crate::web::screens::words::{grouped, long};

/// Files and calls that are looked at for what came in.
const BATCHES_MAX: i64 = 5_000;

/// An hour as it is told.
#[derive(Debug, Serialize)]
struct Told {
    from: Moment,
    to: Moment,
    sent: i64,
    failed: i64,
    held: i64,
    /// The longest that one which was due had waited.
    oldest_ms: i64,
    /// Rows of files and calls that were closed in it, and how many of them were held; not told of one destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    came_in: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    came_in_held: Option<i64>,
}

/// What left for one destination.
pub async fn of(context: &Context, destination: &str) -> Result<Value, AppError> {
    let now_ms = context.clock.now_ms();
    let day = traffic::day(&context.database, Some(destination), now_ms).await?;
    Ok(said(&hours(&day, None, now_ms)))
}

/// What came in, and what left for all of them.
pub async fn of_all(context: &Context) -> Result<Value, AppError> {
    let (database, now_ms) = (&context.database, context.clock.now_ms());
    let day = traffic::day(database, None, now_ms).await?;
    let closed = batches::closed(database, ended_ms(now_ms) - HOURS * HOUR_MS, BATCHES_MAX).await?;
    Ok(said(&hours(&day, Some(&closed), now_ms)))
}

/// When the last hour ends: with the stretch that goes on.
fn ended_ms(now_ms: i64) -> i64 {
    now_ms.div_euclid(SLOT_MS) * SLOT_MS + SLOT_MS
}

/// The oldest first; each hour is there.
fn hours(day: &[Hour], closed: Option<&[(i64, i64, i64)]>, now_ms: i64) -> Vec<Told> {
    let ended_ms = ended_ms(now_ms);
    let told = |ago: i64| {
        let found = day.iter().find(|hour| hour.ago == ago).copied().unwrap_or_default();
        let (from_ms, to_ms) = (ended_ms - (ago + 1) * HOUR_MS, ended_ms - ago * HOUR_MS);
        let within = closed.map(|closed| {
            let of_it = closed.iter().filter(|(at_ms, ..)| (from_ms..to_ms).contains(at_ms));
            of_it.fold((0, 0), |(rows, held), one| (rows + one.1, held + one.2))
        });
        Told {
            from: Moment(from_ms),
            to: Moment(to_ms.min(now_ms)),
            sent: found.sent,
            failed: found.failed,
            held: found.held,
            oldest_ms: found.oldest_ms,
            came_in: within.map(|(rows, _)| rows),
            came_in_held: within.map(|(_, held)| held),
        }
    };
    (0..HOURS).rev().map(told).collect()
}

fn said(hours: &[Told]) -> Value {
    let sum = |of: fn(&Told) -> i64| hours.iter().map(of).sum::<i64>();
    let mut says = json!({ "left": "", "stopped": "", "waited": "" });
    let Some(last) = hours.last() else { return json!({ "hours": [], "says": says }) };
    let were = |many: i64| if many == 1 { "was" } else { "were" };
    says["left"] = json!(format!(
        "In the last hour {} left; {} in 24 hours.",
        grouped(last.sent),
        grouped(sum(|hour| hour.sent))
    ));
    says["stopped"] = json!(format!(
        "In the last hour {} {} held and {} {} failed; in 24 hours {} held, {} failed.",
        grouped(last.held),
        were(last.held),
        grouped(last.failed),
        if last.failed == 1 { "try" } else { "tries" },
        grouped(sum(|hour| hour.held)),
        grouped(sum(|hour| hour.failed))
    ));
    says["waited"] = json!(match last.oldest_ms {
        0 => "In the last hour nothing that was due waited for long.".to_owned(),
        ms => format!("In the last hour the oldest that was due had waited {} at most.", long(ms)),
    });
    if let (Some(rows), Some(held)) = (last.came_in, last.came_in_held) {
        says["came_in"] = json!(format!(
            "In the last hour {} {} came in, of which {} {} held; {} in 24 hours.",
            grouped(rows),
            if rows == 1 { "row" } else { "rows" },
            grouped(held),
            were(held),
            grouped(sum(|hour| hour.came_in.unwrap_or_default()))
        ));
    }
    json!({ "hours": hours, "says": says })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_ends_with_the_stretch_that_goes_on_and_each_is_said() {
        let now_ms = 1_790_000_000_000;
        let last = Hour { ago: 0, sent: 1_204, failed: 1, held: 3, oldest_ms: 720_000 };
        let first = Hour { ago: 23, sent: 6, ..Hour::default() };
        let closed = [(now_ms, 300, 2), (now_ms - HOUR_MS, 40, 0), (now_ms - 25 * HOUR_MS, 7, 7)];
        let told = hours(&[last, first], Some(&closed), now_ms);
        assert_eq!(told.len(), 24);
        assert_eq!((told[23].sent, told[0].sent, told[22].sent), (1_204, 6, 0));
        assert_eq!((told[23].came_in, told[22].came_in), (Some(300), Some(40)));
        assert!(told[23].to.0 == now_ms && told[22].to == told[23].from);
        let says = said(&told)["says"].clone();
        assert_eq!(says["left"], "In the last hour 1,204 left; 1,210 in 24 hours.");
        assert_eq!(
            says["stopped"],
            "In the last hour 3 were held and 1 try failed; in 24 hours 3 held, 1 failed."
        );
        assert_eq!(
            says["waited"],
            "In the last hour the oldest that was due had waited 12 minutes at most."
        );
        assert_eq!(
            says["came_in"],
            "In the last hour 300 rows came in, of which 2 were held; 340 in 24 hours."
        );
    }
}
