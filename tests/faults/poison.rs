//! F30: first in the queue stand some that their receiver never takes. They are held with the cause, in one
//! group, and the others leave as fast as if they were not there.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::stage::Stage;
use super::{report, scaled};
use crate::support::hub::{On, on_both};

on_both! {
    f30_poison_first_in_the_queue_is_held_and_the_rest_keeps_its_pace => super::first_in_the_queue,
}

/// A night in which all go, and one in which the first in the queue are never taken.
pub struct Nights {
    pub stage: Stage,
    pub poison: u32,
    pub sound: Duration,
    pub poisoned: Duration,
}

impl Nights {
    pub async fn of(mut stage: Stage, poison: u32) -> Nights {
        stage.kinds = &["A"];
        stage.next_night();
        let sound = Nights::sent(&stage).await;
        // Accounts are numbered with seven digits: those below ten, or below a hundred.
        let digits = 7 - poison.ilog10() as usize;
        let holds = format!("\"P{}", "0".repeat(digits));
        stage.control("refusals", &json!({ "holds": holds, "status": 400 })).await;
        stage.next_night();
        let poisoned = Nights::sent(&stage).await;
        Nights { stage, poison, sound, poisoned }
    }

    async fn sent(stage: &Stage) -> Duration {
        stage.run("ingest-people").await;
        let began = Instant::now();
        stage.run("deliver-keyed").await;
        began.elapsed()
    }

    /// What waits for a person, in groups: code, destination and how many.
    pub async fn groups(&self) -> Vec<(String, String, u64)> {
        let done = self.stage.program(&["held"]).stdout(Stdio::piped()).output().await.unwrap();
        let said: Value = serde_json::from_slice(&done.stdout).unwrap();
        let text = |group: &Value, part: &str| group[part].as_str().unwrap_or_default().to_owned();
        let groups = said["messages"].as_array().unwrap().iter();
        let group = |one: &Value| {
            (text(one, "code"), text(one, "job"), one["count"].as_u64().unwrap_or_default())
        };
        groups.map(group).collect()
    }

    /// All but the poison is done, and that is one group with its cause.
    pub async fn are_as_they_should_be(&self) -> bool {
        let outcome = self.stage.compare().await;
        let groups = self.groups().await;
        let wanted = ("push.400".to_owned(), "keyed".to_owned(), u64::from(self.poison));
        let others = (outcome.lost, outcome.doubled, outcome.unsaid, outcome.disordered);
        // What never arrived is the poison.
        groups == [wanted] && outcome.missing == self.poison as usize && others == (0, 0, 0, 0)
    }
}

async fn first_in_the_queue(on: On) {
    let (records, poison) = (scaled(1_000, 10_000), scaled(10, 100));
    let nights = Nights::of(Stage::open(on, records).await, poison).await;
    let (sound, poisoned) = (nights.sound.as_millis(), nights.poisoned.as_millis());
    report(&format!(
        "F30 {on:?}: {poison} poison first of {records}: {} done in {poisoned} ms, and {records} without \
         poison in {sound} ms; held {:?}",
        records - poison,
        nights.groups().await
    ));
    assert!(nights.are_as_they_should_be().await, "{:?}", nights.groups().await);
    // A busy machine may take twice as long at another moment; a queue that waits takes its pauses.
    assert!(poisoned < 2 * sound + 5_000, "{poisoned} ms and {sound} ms");
}
