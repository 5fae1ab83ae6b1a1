//! The story of one delivery: the message, why it was made, each attempt, the platform's word, what
//! happens next, and what a person can do.

use serde::Serialize;
use serde_json::Value;

use super::line::Line;
use crate::app::bulk;
use crate::app::context::AppError;
use crate::app::resident::history::Because;
use crate::app::sight::Sight;
use crate::record::cause;
use crate::record::delivery::State;
use crate::record::moment::{Moment, span};
use crate::store;
use crate::store::audit;
use crate::store::database::Database;
use crate::store::deliveries::{self, Attempt, Delivery};
use crate::store::history;
use crate::store::intents;

/// Everything about one delivery.
#[derive(Debug, Serialize)]
pub struct Story {
    #[serde(flatten)]
    line: Line,
    purpose: String,
    needs_consent: bool,
    made: Moment,
    mapping: String,
    mapping_version: i64,
    why: Option<Because>,
    attempts: Vec<Tried>,
    /// What people did with it.
    decisions: Vec<Decision>,
    platform_id: Option<String>,
    platform_says: Option<String>,
    next_at: Option<Moment>,
    /// What the code means.
    means: Option<&'static str>,
    remedy: &'static str,
    /// What has it sent again, once what stopped it is mended.
    release: Option<String>,
    /// The delivery in whose place it was made, or that it repeats; and those that are it once more.
    again_of: Option<i64>,
    again_as: Vec<i64>,
}

#[derive(Debug, Serialize)]
struct Tried {
    attempt: i64,
    intent: Moment,
    ended: Option<Moment>,
    took: Option<String>,
    outcome: Option<String>,
    cause: Option<String>,
}

/// What somebody did with it, and why.
#[derive(Debug, Serialize)]
struct Decision {
    at: Moment,
    by: String,
    what: String,
    reason: String,
}

impl Story {
    pub async fn of(
        database: &Database,
        row: &Delivery,
        sight: Sight,
        now_ms: i64,
    ) -> Result<Story, AppError> {
        let event = history::event(database, row.change_event_id).await?;
        let mut attempts = deliveries::attempts(database, row.id).await?;
        let state = State::from_word(&row.state);
        if state == Some(State::Sending)
            && let Some(intent_ms) = intents::since_ms(database, row.id).await?
        {
            attempts.push(Attempt {
                attempt: row.intents + 1,
                intent_ms,
                ended_ms: None,
                outcome: None,
                cause: None,
            });
        }
        let code = row.cause_code.as_deref();
        let goes_on = !matches!(
            state,
            Some(
                State::Delivered
                    | State::Held
                    | State::Offered
                    | State::Dismissed
                    | State::Replaced
            )
        );
        Ok(Story {
            line: Line::of(row, sight, now_ms),
            purpose: row.purpose.clone(),
            needs_consent: row.needs_consent,
            made: Moment(row.created_ms),
            mapping: row.mapping.clone(),
            mapping_version: row.mapping_version,
            why: event.map(|event| Because::of(&event, sight)),
            attempts: attempts.into_iter().map(Tried::of).collect(),
            decisions: decisions(database, row.id).await?,
            platform_id: row.platform_id.clone(),
            platform_says: row.platform_status.clone(),
            next_at: goes_on.then_some(Moment(row.next_ms)),
            means: code.and_then(cause::find).map(|cause| cause.means),
            remedy: remedy(state.unwrap_or(State::Waiting), code),
            release: bulk::release_command(row, now_ms),
            again_of: row.again_of,
            again_as: deliveries::again_of(database, row.id).await?,
        })
    }

    /// When it was first let out, if it ever was.
    pub fn let_out(&self) -> Option<Moment> {
        self.attempts.iter().map(|tried| tried.intent).min()
    }

    /// For machines.
    pub fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// For people.
    pub fn text(&self, sight: Sight) -> String {
        let line = &self.line;
        let mut text = format!(
            "Delivery {} · {} since {}\n{}\n\n",
            line.delivery,
            line.state,
            line.since,
            sight.note()
        );
        let mut say = |name: &str, what: &str| text.push_str(&format!("{name:<11}{what}\n"));
        say("what", &line.content.what);
        if let Some(to) = &line.content.to {
            say("to", to);
        }
        for (name, value) in &line.content.says {
            say("", &format!("{name} = {value}"));
        }
        say("for", &format!("resident {}, for the purpose {}", line.resident, self.purpose));
        say("made", &format!("{} by the mapping {}", self.made, self.mapping));
        match &self.why {
            Some(why) => {
                say("because", &why.what);
                say("", &why.from);
            }
            None => {
                say("because", &format!("an account is gone at its source (batch {})", line.batch))
            }
        }
        if let Some(of) = self.again_of {
            say("", &format!("it is delivery {of} once more"));
        }
        say("reference", &line.reference);
        if let Some(id) = &self.platform_id {
            let said = self.platform_says.as_deref().unwrap_or("nothing yet");
            say("platform", &format!("{} calls it {id} and says: {said}", line.destination));
        }
        if self.attempts.is_empty() {
            say("attempts", "none");
        }
        for tried in &self.attempts {
            say(if tried.attempt == 1 { "attempts" } else { "" }, &tried.text());
        }
        for decision in &self.decisions {
            let Decision { at, by, what, reason } = decision;
            say("decided", &format!("{what} by {by}, {at}: {reason}"));
        }
        if let Some(because) = line.because() {
            say("stopped by", &because);
        }
        if let Some(means) = self.means {
            say("", means);
        }
        for again in &self.again_as {
            say("once more", &format!("as delivery {again}"));
        }
        say("next", &line.next);
        say("you can", self.remedy);
        if let Some(command) = &self.release {
            say("", &format!("sent again, once that is mended: {command}"));
        }
        text
    }
}

/// By themselves and in bulk, in their order.
async fn decisions(database: &Database, id: i64) -> Result<Vec<Decision>, AppError> {
    let alone = audit::of_target(database, &format!("delivery {id}")).await?;
    let alone = alone.into_iter().map(|line| Decision {
        at: Moment(line.at_ms),
        by: line.actor,
        what: line.action,
        reason: line.reason.unwrap_or_default(),
    });
    let in_bulk = store::bulk::turns_of(database, id).await?;
    let in_bulk = in_bulk.into_iter().map(|turn| {
        let left = match (turn.why, turn.made_id) {
            (Some(why), None) => format!(", and left: {why}"),
            (_, Some(made)) => format!(", as delivery {made}"),
            (None, None) => String::new(),
        };
        Decision {
            at: Moment(turn.done_ms),
            by: turn.actor,
            what: format!("{} in bulk action {}{left}", turn.action, turn.bulk_id),
            reason: turn.reason,
        }
    });
    let mut all: Vec<Decision> = alone.chain(in_bulk).collect();
    all.sort_by_key(|decision| decision.at);
    Ok(all)
}

impl Tried {
    fn of(attempt: Attempt) -> Tried {
        let took = attempt.ended_ms.map(|ended_ms| span(ended_ms - attempt.intent_ms));
        Tried {
            attempt: attempt.attempt,
            intent: Moment(attempt.intent_ms),
            ended: attempt.ended_ms.map(Moment),
            took,
            outcome: attempt.outcome,
            cause: attempt.cause,
        }
    }

    fn text(&self) -> String {
        let outcome = self.outcome.as_deref().unwrap_or("no outcome yet");
        let took = self.took.as_ref().map(|took| format!(", {took} later")).unwrap_or_default();
        let cause = self.cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{}. intent on {}{took}: {outcome}{cause}", self.attempt, self.intent)
    }
}

/// What a person can do about a delivery that stands so.
fn remedy(state: State, code: Option<&str>) -> &'static str {
    match (state, code.and_then(cause::find)) {
        (State::Delivered, _) => "nothing: it is done",
        (State::Dismissed, _) => "nothing: it was decided that it is never sent",
        (State::Replaced, None) => "nothing: a newer one says what is so now",
        (_, Some(cause)) => cause.remedy,
        (State::Held, None) => "read the cause: it is not sent by itself, a person decides",
        (State::Offered, None) => "nothing: it is made when its payer opens the link",
        (State::Unknown, None) => {
            "wait: the platform is asked first, and it is never sent again before"
        }
        (State::Waiting | State::Sending | State::Accepted, None) => {
            "nothing: it goes on by itself"
        }
    }
}
