//! Holds that name nobody, or a debt that nobody has: said first and again wherever somebody looks,
//! until a person has dealt with them.

use serde_json::{Value, json};

use super::URGENT;
use super::said::Hold;
use crate::app::context::{AppError, Context};
use crate::app::held::words;
use crate::app::sight::Sight;
use crate::store::holds;

/// How many are listed for people; `viaduct hold list` lists all.
const LISTED: usize = 20;

/// What is urgent now.
pub struct Urgent {
    groups: [(&'static str, Vec<Hold>); 2],
}

impl Urgent {
    /// Masked: it stands among other things.
    pub async fn now(context: &Context) -> Result<Urgent, AppError> {
        let (database, now_ms) = (&context.database, context.clock.now_ms());
        let mut groups = [("hold.no_match", Vec::new()), ("hold.no_debt", Vec::new())];
        let rows =
            [holds::of_nobody(database, now_ms).await?, holds::of_no_debt(database, now_ms).await?];
        for ((_, holds), rows) in groups.iter_mut().zip(rows) {
            for row in rows {
                holds.push(Hold::of_row(context, row, Sight::Masked).await?);
            }
        }
        Ok(Urgent { groups })
    }

    /// Only those of one code.
    pub fn only(mut self, code: &str) -> Urgent {
        for (known, holds) in &mut self.groups {
            if *known != code {
                holds.clear();
            }
        }
        self
    }

    pub fn is_empty(&self) -> bool {
        self.groups.iter().all(|(_, holds)| holds.is_empty())
    }

    /// What a command ends with: a person is needed where anything is urgent.
    pub fn exit(&self, otherwise: u8) -> u8 {
        match self.is_empty() {
            true => otherwise,
            false => otherwise.max(URGENT),
        }
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let holds = self.groups.iter().flat_map(|(_, holds)| holds);
        json!(holds.map(Hold::json).collect::<Vec<_>>())
    }

    /// For people; nothing where nothing is.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (code, holds) in self.groups.iter().filter(|(_, holds)| !holds.is_empty()) {
            let (means, remedy) = words(code);
            let many = holds.len();
            text.push_str(&format!(
                "URGENT: {many} × {code}\n    means  {means}\n    do     {remedy}\n"
            ));
            holds.iter().take(LISTED).for_each(|hold| text.push_str(&hold.line()));
            if many > LISTED {
                text.push_str(&format!("  and {} more: viaduct hold list\n", many - LISTED));
            }
        }
        text
    }
}
