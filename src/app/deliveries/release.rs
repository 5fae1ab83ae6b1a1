//! `viaduct deliveries release`: held deliveries whose outcome is known go back to be sent, once what
//! stopped them is mended. Each goes through the gate as ever.

use clap::Args;
use serde_json::{Value, json};

use crate::app::context::AppError;
use crate::record::delivery::{Content, State};
use crate::store::database::Database;
use crate::store::deliveries::{self, Delivery, Filter};
use crate::store::releases::{self, Release};

/// Rows that are looked at in one go.
const PAGE: i64 = 1_000;
/// How many of those that stay are named, for people; `--json` names all.
const NAMED: usize = 20;

/// Which are to be sent again.
#[derive(Debug, Args)]
pub struct Chosen {
    /// Their numbers
    #[arg(value_name = "ID", required_unless_present = "code", conflicts_with = "code")]
    ids: Vec<i64>,
    /// All held under this code, or one that begins with it: `notify`, `notify.not_found`
    #[arg(long)]
    code: Option<String>,
    /// Only those to this connector
    #[arg(long)]
    destination: Option<String>,
}

/// Releases those that may go, and says of the others why not.
pub async fn release(
    database: &Database,
    chosen: &Chosen,
    now_ms: i64,
) -> Result<(Value, String), AppError> {
    let mut done = Done::default();
    if chosen.code.is_some() {
        let mut before = i64::MAX;
        loop {
            let rows = deliveries::list(database, &chosen.filter(), before, PAGE).await?;
            let Some(last) = rows.last() else { break };
            before = last.id;
            done.let_go(database, &rows, now_ms).await?;
        }
    }
    let mut named = Vec::new();
    for id in &chosen.ids {
        match deliveries::of_id(database, *id).await? {
            Some(row) if chosen.destination.as_ref().is_none_or(|to| *to == row.destination) => {
                named.push(row);
            }
            Some(_) => done.left.push((*id, "it goes to another destination")),
            None => done.left.push((*id, "there is no such delivery")),
        }
    }
    named.sort_by_key(|row| row.id);
    named.dedup_by_key(|row| row.id);
    done.let_go(database, &named, now_ms).await?;
    Ok((done.json(), done.text()))
}

impl Chosen {
    fn filter(&self) -> Filter {
        Filter {
            state: Some(State::Held.word()),
            destination: self.destination.clone(),
            code: self.code.clone(),
            ..Filter::default()
        }
    }
}

/// The state that a held delivery goes back to, or why it stays.
fn judge(row: &Delivery, now_ms: i64) -> Result<State, &'static str> {
    if row.state != State::Held.word() {
        return Err("it is not held");
    }
    match row.cause_code.as_deref() {
        Some("delivery.unknown") => {
            return Err("nobody knows whether it was sent: look for its reference at the platform");
        }
        Some("pay.paid_twice") => return Err("it was paid twice: give one payment back"),
        _ => {}
    }
    if row.platform_id.is_some() {
        return Err("the platform had taken it, and it may have arrived all the same");
    }
    if row.doubt_until_ms.is_some_and(|until_ms| now_ms < until_ms) {
        return Err("an earlier attempt may still turn up on the platform: try again later");
    }
    match Content::from_json(&row.message) {
        Some(Content::Message(_) | Content::Push(_)) => Ok(State::Waiting),
        // Made when its payer opens the link, and not before.
        Some(Content::Payment(_)) => Ok(State::Offered),
        None => {
            Err("there is nothing in it to send: the next change at its source makes a new one")
        }
    }
}

/// What has a held delivery sent again, where that may be.
pub fn command(row: &Delivery, now_ms: i64) -> Option<String> {
    judge(row, now_ms).is_ok().then(|| format!("viaduct deliveries release {}", row.id))
}

/// What came of it.
#[derive(Debug, Default)]
struct Done {
    waiting: Vec<i64>,
    offered: Vec<i64>,
    left: Vec<(i64, &'static str)>,
}

impl Done {
    async fn let_go(
        &mut self,
        database: &Database,
        rows: &[Delivery],
        now_ms: i64,
    ) -> Result<(), AppError> {
        let mut going = Vec::new();
        for row in rows {
            match judge(row, now_ms) {
                Ok(state) => going.push(Release { id: row.id, fence: row.fence, state }),
                Err(why) => self.left.push((row.id, why)),
            }
        }
        let gone = releases::release(database, &going, now_ms).await?;
        for one in going {
            match (gone.contains(&one.id), one.state) {
                (false, _) => self.left.push((one.id, "somebody else released it just now")),
                (true, State::Offered) => self.offered.push(one.id),
                (true, _) => self.waiting.push(one.id),
            }
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let left: Vec<Value> =
            self.left.iter().map(|(id, why)| json!({ "delivery": id, "why": why })).collect();
        let released = self.waiting.len() + self.offered.len();
        json!({
            "released": released, "of": released + left.len(), "waiting": self.waiting,
            "offered": self.offered, "left": left,
        })
    }

    fn text(&self) -> String {
        let released = self.waiting.len() + self.offered.len();
        let mut text = format!("{released} of {} released.\n", released + self.left.len());
        if !self.waiting.is_empty() {
            text.push_str("They are sent when the job of their destination runs next.\n");
        }
        if !self.offered.is_empty() {
            let many = self.offered.len();
            text.push_str(&format!(
                "{many} are payments: made when their payers open the links.\n"
            ));
        }
        for (id, why) in self.left.iter().take(NAMED) {
            text.push_str(&format!("  {id} stays: {why}\n"));
        }
        if self.left.len() > NAMED {
            text.push_str(&format!("  and {} more (--json)\n", self.left.len() - NAMED));
        }
        text
    }
}
