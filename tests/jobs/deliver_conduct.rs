//! How a destination is treated: left alone when it is away, kept to its pace and its day's number, and
//! not called while somebody works on it or a person paused it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use viaduct::connector::channel::{
    ConnectorError, Destination, Inquiry, Question, Receipt, Standing, Status,
};
use viaduct::connector::conduct::{Conduct, PerDay};
use viaduct::connector::sending::{AT_ONCE, each};
use viaduct::connector::window::Window;
use viaduct::job::clock::Clock;
use viaduct::record::delivery::Delivery;
use viaduct::record::moment::Moment;
use viaduct::store::destinations;
use viaduct::store::outbox::Place;
use viaduct::suppression::gate::Cleared;

use super::hub::{DAY_MS, Hub, MINUTE_MS, NEIGHBOURS, RESIDENT};

/// A system that is away for a while, and notes when it was called for what.
struct Away {
    clock: Arc<dyn Clock>,
    until_ms: i64,
    retry_after_ms: Option<i64>,
    calls: Mutex<Vec<(i64, String)>>,
}

impl Away {
    fn at(hub: &mut Hub, for_ms: i64, retry_after_ms: Option<i64>) -> Arc<Away> {
        let clock = Arc::clone(&hub.bench.clock);
        let until_ms = hub.now_ms() + for_ms;
        let away = Arc::new(Away { clock, until_ms, retry_after_ms, calls: Mutex::default() });
        hub.job.destination = Arc::clone(&away) as Arc<dyn Destination>;
        away
    }

    fn calls(&self) -> Vec<(i64, String)> {
        self.calls.lock().expect("nobody broke off").clone()
    }
}

#[async_trait]
impl Destination for Away {
    async fn deliver(&self, all: &[Cleared<Delivery>]) -> Vec<Result<Receipt, ConnectorError>> {
        each(all, AT_ONCE, |delivery| async move {
            let now_ms = self.clock.now_ms();
            let call = (now_ms, delivery.reference.clone());
            self.calls.lock().expect("nobody broke off").push(call);
            if now_ms < self.until_ms {
                let (cause, retry_after_ms) = ("503".to_owned(), self.retry_after_ms);
                return Err(ConnectorError::Unavailable { cause, retry_after_ms });
            }
            let status = Status { word: "done".to_owned(), stands: Standing::Delivered };
            Ok(Receipt { platform_id: delivery.reference.clone(), status })
        })
        .await
    }

    async fn inquire(&self, _question: &Question) -> Result<Inquiry, ConnectorError> {
        Ok(Inquiry::NotFound)
    }

    async fn status(&self, _question: &Question) -> Result<Receipt, ConnectorError> {
        Err(ConnectorError::Unknown { cause: "nobody asks".to_owned() })
    }
}

/// F27: away for two hours.
#[tokio::test]
async fn f27_a_system_that_is_away_is_tried_by_one_at_a_time_and_drained_in_order() {
    for mut hub in Hub::both().await {
        let two_hours_ms = 120 * MINUTE_MS;
        let away = Away::at(&mut hub, two_hours_ms, None);
        hub.wait_for(100).await;
        hub.wait_for_to(101..=110, "pat@example.com", false).await;
        let report = hub.run(DAY_MS).await;
        assert_eq!((report.delivered, report.held), (110, 0), "{report:?}");
        let calls = away.calls();
        let mut at: BTreeMap<i64, usize> = BTreeMap::new();
        for (ms, _) in calls.iter().filter(|(ms, _)| *ms < away.until_ms) {
            *at.entry(*ms).or_default() += 1;
        }
        let mut bursts = at.into_values();
        assert!(bursts.next().is_some_and(|first| first <= 10), "it opens within ten failures");
        let probes: Vec<usize> = bursts.collect();
        assert!(probes.len() >= 24 && probes.iter().all(|many| *many == 1), "{probes:?}");
        let back: Vec<&String> =
            calls.iter().filter(|(ms, _)| *ms >= away.until_ms).map(|(_, which)| which).collect();
        assert_eq!(back.len(), 110, "each once");
        let of_one = |which: &&&String| {
            let id: i64 = which[2..].parse().expect("a number");
            id == 1 || id > 100
        };
        let of_one: Vec<&&String> = back.iter().filter(of_one).collect();
        let wanted: Vec<String> =
            std::iter::once(1).chain(101..=110).map(|id| format!("r-{id}")).collect();
        assert!(of_one.iter().zip(&wanted).all(|(one, wanted)| **one == wanted), "{of_one:?}");
        let row = destinations::get(&hub.bench.database, "notify").await.unwrap().expect("a row");
        assert_eq!((row.circuit.as_str(), row.failures), ("closed", 0));
    }
}

/// F26: told when to come back.
#[tokio::test]
async fn f26_told_to_wait_it_comes_back_then_and_with_one() {
    for mut hub in Hub::both().await {
        let away = Away::at(&mut hub, 10 * MINUTE_MS, Some(MINUTE_MS));
        hub.wait_for(40).await;
        let report = hub.run(DAY_MS).await;
        assert_eq!((report.delivered, report.held), (40, 0), "{report:?}");
        let calls = away.calls();
        let began_ms = calls[0].0;
        let early: Vec<_> = calls.iter().filter(|(ms, _)| *ms < away.until_ms).collect();
        let first = early.iter().filter(|(ms, _)| *ms == began_ms).count();
        assert!(first <= 8, "{first} at first");
        // Then one a minute, and never sooner.
        assert_eq!(early.len() - first, 9, "{early:?}");
        // Another process learns of it from the row.
        let mut back = calls[early.len()..].iter().map(|(ms, _)| *ms);
        assert!(back.next().is_some_and(|ms| ms >= away.until_ms));
    }
}

#[tokio::test]
async fn a_circuit_that_one_holder_opened_is_open_for_the_next() {
    for mut hub in Hub::both().await {
        let away = Away::at(&mut hub, DAY_MS, None);
        hub.wait_for(20).await;
        hub.run(0).await;
        let before = away.calls().len();
        assert!(before <= 10, "{before} calls");
        // A run that knows nothing but what is written.
        let report = hub.run(0).await;
        assert_eq!((report.claimed, away.calls().len()), (0, before));
    }
}

#[tokio::test]
async fn a_pace_is_kept_whoever_sends() {
    for mut hub in Hub::both().await {
        let away = Away::at(&mut hub, 0, None);
        hub.job.conduct = Conduct { per_minute: Some(120), ..Conduct::default() };
        hub.wait_for(200).await;
        // Two holders, one after another.
        hub.run(30_000).await;
        let report = hub.run(DAY_MS).await;
        assert_eq!(report.next_ms, None);
        let calls = away.calls();
        assert_eq!(calls.len(), 200);
        for (ms, _) in &calls {
            let within = calls.iter().filter(|(at, _)| (*ms..ms + MINUTE_MS).contains(at)).count();
            assert!(within <= 122, "{within} in a minute");
        }
        let took_ms = calls[199].0 - calls[0].0;
        assert!((99_000..110_000).contains(&took_ms), "{took_ms}");
    }
}

#[tokio::test]
async fn a_part_of_the_pace_is_kept_for_what_is_urgent() {
    for mut hub in Hub::both().await {
        let away = Away::at(&mut hub, 0, None);
        hub.job.conduct =
            Conduct { per_minute: Some(240), urgent_percent: 50, ..Conduct::default() };
        hub.wait_for(6).await;
        // Two of four are kept: and there is room for what comes now, without a wait.
        hub.run(0).await;
        let urgent = Place { urgent: true, ..Place::default() };
        let ids = [(7, RESIDENT), (8, NEIGHBOURS + 2)];
        hub.waiting(ids.into_iter(), "pat@example.com", false, urgent).await;
        hub.run(0).await;
        let sent: Vec<String> = away.calls().into_iter().map(|(_, which)| which).collect();
        assert_eq!(sent.len(), 4, "{sent:?}");
        assert!(sent[2..].iter().all(|one| ["r-7", "r-8"].contains(&one.as_str())), "{sent:?}");
    }
}

#[tokio::test]
async fn what_is_too_many_for_a_day_waits_for_midnight_utc() {
    for mut hub in Hub::both().await {
        let per_day = PerDay { email: Some(3), ..PerDay::default() };
        hub.job.conduct = Conduct { per_day, ..Conduct::default() };
        hub.wait_for(5).await;
        let midnight_ms = (hub.now_ms().div_euclid(DAY_MS) + 1) * DAY_MS;
        let report = hub.run(0).await;
        assert_eq!((report.accepted, report.waiting), (3, 2));
        let capped = Some("delivery.daily_cap".to_owned());
        assert_eq!(hub.row(4).await, ("waiting".to_owned(), capped, 0, 1));
        hub.run(midnight_ms - 1 - hub.now_ms()).await;
        assert_eq!(hub.sent().await.len(), 3);
        hub.run(DAY_MS).await;
        hub.sent_once(5).await;
    }
}

#[tokio::test]
async fn while_somebody_works_on_it_nothing_is_sent_and_nothing_asked() {
    for mut hub in Hub::both().await {
        hub.wait_for(2).await;
        hub.run(0).await;
        hub.wait_for_to(3..=3, "pat@example.com", false).await;
        let hour = Moment(hub.now_ms()).minute() / 60;
        let next = (hour + 1) % 24;
        let window = Window::parse(&format!("{hour:02}:00-{next:02}:00")).expect("a window");
        let ends_ms = window.ends_ms(hub.now_ms()).expect("we are in it");
        hub.job.conduct = Conduct { maintenance: vec![window], ..Conduct::default() };
        let report = hub.run(0).await;
        assert_eq!((report.claimed, report.delivered), (0, 0));
        assert_eq!(report.next_ms, Some(ends_ms));
        let report = hub.run(DAY_MS).await;
        assert_eq!((report.claimed, report.delivered), (1, 3));
        hub.sent_once(3).await;
    }
}

#[tokio::test]
async fn what_a_person_paused_goes_on_when_they_say_so() {
    for hub in Hub::both().await {
        let database = &hub.bench.database;
        hub.wait_for(2).await;
        let now_ms = hub.now_ms();
        destinations::pause(database, "notify", "user:pat", "a wrong template", now_ms)
            .await
            .unwrap();
        let report = hub.run(DAY_MS).await;
        assert_eq!((report.claimed, report.next_ms), (0, None));
        let resume = destinations::resume(database, "notify", "user:pat", "mended", now_ms);
        assert!(resume.await.unwrap());
        let resume = destinations::resume(database, "notify", "user:pat", "mended", now_ms);
        assert!(!resume.await.unwrap(), "there is nothing left");
        hub.run(MINUTE_MS).await;
        hub.sent_once(2).await;
        let row = destinations::all(database).await.unwrap().pop().expect("a row");
        assert_eq!((row.name.as_str(), row.paused_by), ("notify", None));
        let sql = "SELECT action, actor, target, reason FROM audit ORDER BY id";
        let lines: Vec<(String, String, String, String)> =
            database.fetch(sql, vec![]).await.unwrap();
        let actions: Vec<&str> = lines.iter().map(|line| line.0.as_str()).collect();
        assert_eq!(actions, ["paused", "resumed"], "{lines:?}");
    }
}

#[tokio::test]
async fn a_person_has_one_tried_before_its_time_and_the_rest_goes_on() {
    for mut hub in Hub::both().await {
        let away = Away::at(&mut hub, MINUTE_MS, Some(60 * MINUTE_MS));
        hub.wait_for(20).await;
        hub.run(0).await;
        hub.later(2 * MINUTE_MS).await;
        let before = away.calls().len();
        assert_eq!((hub.run(0).await.claimed, away.calls().len()), (0, before), "it is left alone");
        let (database, now_ms) = (&hub.bench.database, hub.now_ms());
        let probe = || destinations::probe(database, "notify", "user:pat", "they are back", now_ms);
        assert!(probe().await.unwrap());
        let report = hub.run(DAY_MS).await;
        assert_eq!(report.delivered, 20, "{report:?}");
        let next_ms = away.calls()[before].0;
        assert!(next_ms < now_ms + MINUTE_MS, "an hour before its time, {next_ms}");
        assert!(!probe().await.unwrap(), "it is not left alone any more");
        destinations::pause(database, "notify", "user:pat", "wait", now_ms).await.unwrap();
        assert!(!probe().await.unwrap(), "a pause is a person's word");
        let lines: Vec<(String,)> =
            database.fetch("SELECT action FROM audit ORDER BY id", vec![]).await.unwrap();
        let actions: Vec<&str> = lines.iter().map(|(action,)| action.as_str()).collect();
        assert_eq!(actions, ["probed", "paused"]);
        // What failed and what left is counted, each once.
        let sql = "SELECT CAST(SUM(sent) AS BIGINT), CAST(SUM(failed) AS BIGINT) FROM traffic";
        let counted: Vec<(i64, i64)> = database.fetch(sql, vec![]).await.unwrap();
        assert_eq!(counted, [(20, before as i64)]);
    }
}
