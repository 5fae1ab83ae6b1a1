//! "Why did you write to me?": what was made for a resident, each with the change it was made of, the mappings, what
//! held it and what let it go. What was sent under a number that became theirs belongs to it.

use serde::Serialize;
use serde_json::Value;

use super::nobody;
use crate::app::context::AppError;
use crate::app::deliveries::story::Story;
use crate::app::sight::Sight;
use crate::record::moment::Moment;
use crate::store::database::Database;
use crate::store::deliveries::{self, Delivery, Filter};
use crate::store::desk;
use crate::store::holds::{self, HoldRow};
use crate::store::people;

/// How many are told of where nothing else is asked.
pub const MOST: u16 = 10;
/// And at most.
pub const MOST_MAX: i64 = 100;

/// What was made for somebody, the newest first.
#[derive(Debug, Serialize)]
pub struct Why {
    resident: i64,
    letters: Vec<Letter>,
    holds: Vec<Held>,
    /// Whether there is more, before the last.
    earlier: bool,
}

#[derive(Debug, Serialize)]
struct Letter {
    #[serde(flatten)]
    story: Story,
    /// When it first was let out: whatever held it then, would have kept it.
    let_out: Option<Moment>,
    /// Holds that were in force at some time while it waited.
    holds: Vec<i64>,
}

/// A hold, in force or over.
#[derive(Debug, Serialize)]
struct Held {
    hold: i64,
    kind: String,
    reason: String,
    from: Moment,
    until: Option<Moment>,
    lifted: Option<Moment>,
    lift_reason: Option<String>,
    over: bool,
}

impl Why {
    pub async fn of(
        database: &Database,
        id: i64,
        most: u16,
        sight: Sight,
        now_ms: i64,
    ) -> Result<Why, AppError> {
        people::resident(database, id).await?.ok_or_else(|| nobody(id))?;
        let mut numbers = vec![id];
        numbers.extend(desk::became(database, id).await?);
        let most = i64::from(most).clamp(1, MOST_MAX);
        let mut rows: Vec<Delivery> = Vec::new();
        for number in numbers {
            let filter = Filter { resident_id: Some(number), ..Filter::default() };
            rows.extend(deliveries::list(database, &filter, i64::MAX, most + 1).await?);
        }
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.id));
        let earlier = rows.len() as i64 > most;
        rows.truncate(most as usize);
        let holds = holds::of_resident(database, id).await?;
        let mut letters = Vec::with_capacity(rows.len());
        for row in &rows {
            let story = Story::of(database, row, sight, now_ms).await?;
            let let_out = story.let_out();
            let until_ms = let_out.map_or_else(|| row.settled_ms.unwrap_or(now_ms), |at| at.0);
            let in_force = |hold: &&HoldRow| {
                let over_ms = hold.lifted_ms.into_iter().chain(hold.until_ms).min();
                hold.from_ms <= until_ms && over_ms.is_none_or(|end_ms| end_ms > row.created_ms)
            };
            let during = holds.iter().filter(in_force).map(|hold| hold.id).collect();
            letters.push(Letter { story, let_out, holds: during });
        }
        let holds = holds.iter().rev().map(|hold| Held::of(hold, sight, now_ms)).collect();
        Ok(Why { resident: id, letters, holds, earlier })
    }

    /// For machines.
    pub fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl Held {
    fn of(hold: &HoldRow, sight: Sight, now_ms: i64) -> Held {
        let (until_ms, lifted_ms) = hold.told(now_ms);
        Held {
            hold: hold.id,
            kind: hold.kind.clone(),
            reason: sight.text(&hold.reason),
            from: Moment(hold.from_ms),
            until: until_ms.map(Moment),
            lifted: lifted_ms.map(Moment),
            lift_reason: hold.lift_reason.as_deref().map(|text| sight.text(text)),
            over: hold.is_over(now_ms),
        }
    }
}
