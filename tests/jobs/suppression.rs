//! The council's rules of suppression, in a real run with the platform: what is not about collection
//! passes, quiet hours and caps make a message wait, and a lifted hold lets go what it kept back.

use std::sync::Arc;

use viaduct::job::holds::{self, Doing};
use viaduct::record::delivery::Channel;
use viaduct::record::hold::Asked;
use viaduct::record::moment::Moment;
use viaduct::store::database::Cell;
use viaduct::store::intents::{self, Intent};
use viaduct::store::outbox::Place;
use viaduct::suppression::policy::{Cap, Policy, Quiet};

use super::hub::{DAY_MS, Hub, MINUTE_MS, RESIDENT};

const HELD: &str = "suppressed.hold";
/// The judgement began before the hold was lifted, and is written after it.
const LATE: &str =
    "UPDATE delivery SET state = 'held', cause_code = 'suppressed.hold' WHERE id = $1";

impl Hub {
    fn doing(&self) -> Doing<'_> {
        let now_ms = self.now_ms();
        Doing { policy: &self.job.policy, actor: "user:test", door: "api", now_ms }
    }

    async fn hold(&self, kind: &str, reference: &str) -> i64 {
        self.hold_until(kind, reference, None).await
    }

    async fn hold_until(&self, kind: &str, reference: &str, until: Option<String>) -> i64 {
        let asked = Asked {
            kind: kind.to_owned(),
            resident: Some(RESIDENT.to_string()),
            reference: Some(reference.to_owned()),
            reason: Some("a test".to_owned()),
            until,
            ..Asked::default()
        };
        let stored = holds::add(&self.bench.database, self.doing(), &[asked]).await;
        stored.expect("a hold")[0].id
    }

    async fn lift(&self, id: i64, at_once: bool) -> holds::Lifted {
        let lifted = holds::lift(&self.bench.database, self.doing(), id, "over", at_once).await;
        lifted.expect("it is lifted")
    }

    async fn count(&self, sql: &str) -> i64 {
        let rows: Vec<(i64,)> = self.bench.database.fetch(sql, vec![]).await.expect(sql);
        rows[0].0
    }
}

/// A batch is claimed while another is on its way: by the time that it is judged, whom it is for may have become
/// somebody on hold.
#[tokio::test]
async fn whoever_became_another_after_the_claim_is_judged_as_that_other() {
    for hub in Hub::both().await {
        let older = RESIDENT + 1;
        hub.waiting([(1, older)].into_iter(), "pat@example.com", false, Place::default()).await;
        hub.hold("dispute", "d-1").await;
        let sql = "INSERT INTO resident (id, version, created_ms, updated_ms, facts, merged_into) \
                   VALUES ($1, 1, 0, 0, $2, $3)";
        let facts = Cell::Word("{\"kind\":\"person\"}");
        hub.execute(sql, vec![Cell::Int(older), facts, Cell::Int(RESIDENT)]).await;
        hub.run(DAY_MS).await;
        assert_eq!(hub.state(1).await, ("held".into(), Some(HELD.into())));
        assert!(hub.sent().await.is_empty());
    }
}

#[tokio::test]
async fn what_is_not_about_collection_passes_a_hold() {
    for hub in Hub::both().await {
        hub.wait_for_to(1..=2, "pat@example.com", false).await;
        let service = "UPDATE delivery SET collection = FALSE WHERE id = $1";
        hub.execute(service, vec![Cell::Int(2)]).await;
        hub.hold("dispute", "d-1").await;
        hub.run(MINUTE_MS).await;
        assert_eq!(hub.state(1).await, ("held".to_owned(), Some(HELD.to_owned())));
        assert_eq!(hub.state(2).await.0, "delivered");
    }
}

#[tokio::test]
async fn lifting_one_hold_lifts_no_other_and_what_was_kept_back_goes() {
    for hub in Hub::both().await {
        hub.wait_for_to(1..=3, "pat@example.com", false).await;
        let (dispute, space) =
            (hub.hold("dispute", "d-1").await, hub.hold("breathing_space", "b-1").await);
        hub.run(0).await;
        let waits = "SELECT COUNT(*) FROM delivery WHERE cause_code = 'suppressed.hold'";
        assert_eq!(hub.count(waits).await, 3);
        // The dispute is over; breathing space is not, and has an end: they wait for it.
        assert_eq!(hub.lift(dispute, false).await.judged_again, 3);
        assert_eq!(hub.run(0).await.waiting, 3);
        let sql = "SELECT COUNT(*) FROM hold WHERE lifted_ms IS NULL";
        assert_eq!((hub.count(sql).await, hub.sent().await.len()), (1, 0));
        let again = holds::lift(&hub.bench.database, hub.doing(), dispute, "again", false).await;
        assert!(again.is_err_and(|error| error.to_string().contains("over already")));
        let lifted = hub.lift(space, false).await;
        assert_eq!((lifted.ends_ms, lifted.judged_again), (hub.now_ms(), 3));
        hub.run(MINUTE_MS).await;
        hub.sent_once(3).await;
        assert_eq!(hub.row(1).await.2, 1, "only the attempt that was made counts");
    }
}

#[tokio::test]
async fn a_crisis_moratorium_outlasts_the_treatment_by_thirty_days() {
    for hub in Hub::both().await {
        hub.wait_for(1).await;
        let crisis = hub.hold("mental_health_crisis", "c-1").await;
        assert_eq!(hub.run(0).await.held, 1);
        let ends_ms = hub.now_ms() + 30 * DAY_MS;
        assert_eq!(hub.lift(crisis, false).await.ends_ms, ends_ms);
        let report = hub.run(0).await;
        assert_eq!((report.waiting, report.next_ms), (1, Some(ends_ms)));
        hub.later(30 * DAY_MS).await;
        hub.run(MINUTE_MS).await;
        hub.sent_once(1).await;
    }
    for hub in Hub::both().await {
        hub.wait_for(1).await;
        let slip = hub.hold("mental_health_crisis", "c-1").await;
        assert_eq!(hub.lift(slip, true).await.ends_ms, hub.now_ms());
        hub.run(MINUTE_MS).await;
        hub.sent_once(1).await;
    }
}

#[tokio::test]
async fn a_message_that_was_judged_while_its_hold_was_lifted_is_judged_again() {
    for hub in Hub::both().await {
        hub.wait_for(1).await;
        let dispute = hub.hold("dispute", "d-1").await;
        hub.lift(dispute, false).await;
        hub.execute(LATE, vec![Cell::Int(1)]).await;
        // The next run looks for such before it sends.
        assert_eq!(hub.run(MINUTE_MS).await.claimed, 1);
        hub.sent_once(1).await;
    }
}

#[tokio::test]
async fn a_message_that_was_judged_while_its_hold_got_an_end_waits_for_it() {
    for hub in Hub::both().await {
        hub.wait_for(1).await;
        let crisis = hub.hold("mental_health_crisis", "c-1").await;
        let ends_ms = hub.lift(crisis, false).await.ends_ms;
        hub.execute(LATE, vec![Cell::Int(1)]).await;
        let report = hub.run(0).await;
        assert_eq!((report.waiting, report.next_ms), (1, Some(ends_ms)), "it goes on");
        // Clocks may differ by a minute: once more, and then it was judged by what is so now.
        for claimed in [1, 0] {
            hub.later(2 * MINUTE_MS).await;
            assert_eq!(hub.run(0).await.claimed, claimed);
        }
    }
    for hub in Hub::both().await {
        hub.wait_for(1).await;
        hub.hold("dispute", "d-1").await;
        let last = Moment(hub.now_ms()).day() + chrono::Days::new(10);
        hub.hold_until("dispute", "d-1", Some(last.to_string())).await;
        hub.execute(LATE, vec![Cell::Int(1)]).await;
        let ends_ms = Moment::at(last + chrono::Days::new(1), 0).0;
        let report = hub.run(0).await;
        assert_eq!((report.waiting, report.next_ms), (1, Some(ends_ms)), "it was shortened");
    }
}

#[tokio::test]
async fn a_message_that_was_judged_while_its_account_was_let_go_is_judged_again() {
    for hub in Hub::both().await {
        hub.wait_for(2).await;
        for id in 1..=2 {
            hub.execute(LATE, vec![Cell::Int(id)]).await;
        }
        let now = || vec![Cell::Int(hub.now_ms())];
        let account = "INSERT INTO account (id, kind, record_id, mapping_version, at_ms, facts) \
                       VALUES (5, 'council_tax', 1, 1, $1, '{}')";
        hub.execute(account, now()).await;
        let party = "INSERT INTO party (id, source_key_id, resident_id, key, role, record_id, \
                     mapping_version, at_ms, facts) VALUES (6, 5, 7, '1', 'liable', 1, 1, $1, '{}')";
        hub.execute(party, now()).await;
        // The first resident's account has been written, and is not on hold; the other has none.
        let late =
            "UPDATE delivery SET since_ms = $1, cause = 'an account is on hold in its own system'";
        hub.execute(late, now()).await;
        hub.run(MINUTE_MS).await;
        hub.sent_once(1).await;
        assert_eq!(hub.state(2).await, ("held".to_owned(), Some(HELD.to_owned())));
    }
}

#[tokio::test]
async fn one_that_was_lifted_and_goes_on_is_not_put_down_again_by_the_same_words() {
    for hub in Hub::both().await {
        hub.wait_for(1).await;
        let crisis = hub.hold("mental_health_crisis", "c-1").await;
        let ends_ms = hub.lift(crisis, false).await.ends_ms;
        // The nightly file has it still, as it was.
        hub.later(DAY_MS).await;
        assert_eq!(hub.hold("mental_health_crisis", "c-1").await, crisis);
        let report = hub.run(0).await;
        assert_eq!((report.waiting, report.next_ms), (1, Some(ends_ms)));
        // Lifted once more it ends no later, and at once where it should not have been there.
        assert_eq!(hub.lift(crisis, false).await.ends_ms, ends_ms);
        assert_eq!(hub.lift(crisis, true).await.ends_ms, hub.now_ms());
        hub.run(MINUTE_MS).await;
        hub.sent_once(1).await;
    }
}

#[tokio::test]
async fn breathing_space_ends_by_itself_after_sixty_days() {
    for hub in Hub::both().await {
        hub.wait_for(1).await;
        hub.hold("breathing_space", "b-1").await;
        let first = Moment(hub.now_ms()).day();
        let over = Moment::at(first + chrono::Days::new(60), 0).0;
        let report = hub.run(0).await;
        assert_eq!((report.waiting, report.next_ms), (1, Some(over)));
        hub.later(over - 1 - hub.now_ms()).await;
        assert_eq!(hub.run(0).await.claimed, 0);
        hub.later(1).await;
        hub.run(MINUTE_MS).await;
        hub.sent_once(1).await;
    }
}

#[tokio::test]
async fn quiet_hours_make_a_message_wait_until_they_end() {
    for mut hub in Hub::both().await {
        hub.wait_for(1).await;
        let now = Moment(hub.now_ms()).minute();
        let quiet = Quiet {
            channels: vec![Channel::Email],
            from_minute: now,
            until_minute: (now + 90) % 1_440,
            except: vec![],
        };
        hub.job.policy = Arc::new(Policy { quiet: vec![quiet], ..Policy::default() });
        assert_eq!(hub.run(0).await.waiting, 1);
        let quiet = ("waiting".to_owned(), Some("suppressed.quiet_hours".to_owned()), 0, 1);
        assert_eq!(hub.row(1).await, quiet);
        hub.later(90 * MINUTE_MS).await;
        hub.run(MINUTE_MS).await;
        hub.sent_once(1).await;
    }
}

/// So many messages that ask for money, within a week.
fn capped(most: usize) -> Arc<Policy> {
    let channels = vec![Channel::Email];
    let cap = Cap { channels, most, days: 7, collection_only: true, except: vec![] };
    Arc::new(Policy { caps: vec![cap], ..Policy::default() })
}

#[tokio::test]
async fn nobody_is_contacted_more_often_than_the_cap_says() {
    for mut hub in Hub::both().await {
        hub.job.policy = capped(2);
        hub.wait_for_to(1..=3, "pat@example.com", false).await;
        let begun_ms = hub.now_ms();
        // Three in one run: those before count for those behind.
        let report = hub.run(MINUTE_MS).await;
        assert_eq!((report.delivered, report.waiting), (2, 1));
        assert_eq!(hub.state(3).await.1.as_deref(), Some("suppressed.cap"));
        let next = "SELECT next_ms FROM delivery WHERE id = 3";
        let next_ms = hub.count(next).await;
        assert!(next_ms >= begun_ms + 7 * DAY_MS && next_ms < begun_ms + 8 * DAY_MS);
        // What is no collection is not counted and not kept.
        hub.wait_for_to(4..=4, "pat@example.com", false).await;
        let service = "UPDATE delivery SET collection = FALSE WHERE id = $1";
        hub.execute(service, vec![Cell::Int(4)]).await;
        assert_eq!(hub.run(MINUTE_MS).await.delivered, 1);
        hub.later(next_ms - hub.now_ms()).await;
        hub.run(MINUTE_MS).await;
        hub.sent_once(4).await;
    }
}

#[tokio::test]
async fn what_another_has_in_hand_counts_for_a_cap_until_it_is_known() {
    for mut hub in Hub::both().await {
        hub.job.policy = capped(1);
        hub.wait_for_to(1..=2, "pat@example.com", false).await;
        let other = "UPDATE delivery SET destination = 'other' WHERE id = $1";
        hub.execute(other, vec![Cell::Int(2)]).await;
        let intent = Intent { destination: "other".to_owned(), fence: 1, number: 1 };
        let mut transaction = hub.bench.database.begin().await.expect("a transaction");
        intents::put(&mut transaction, &intent, &[2], hub.now_ms()).await.expect("an intent");
        transaction.commit().await.expect("a commit");
        hub.run(0).await;
        assert_eq!(hub.state(1).await, ("waiting".to_owned(), Some("suppressed.cap".to_owned())));
        let next_ms = hub.count("SELECT next_ms FROM delivery WHERE id = 1").await;
        assert!(next_ms <= hub.now_ms() + 2 * MINUTE_MS, "it is known soon");
        // It did not leave after all.
        hub.execute("DELETE FROM delivery_intent", vec![]).await;
        hub.later(2 * MINUTE_MS).await;
        hub.run(MINUTE_MS).await;
        hub.sent_once(1).await;
    }
}

#[tokio::test]
async fn the_batch_before_counts_for_a_cap_though_its_outcome_is_not_written() {
    for mut hub in Hub::both().await {
        (hub.job.policy, hub.job.batch) = (capped(2), 1);
        // The first goes alone. The outcome of the third, which is urgent, is not written when the fourth is
        // judged.
        hub.wait_for(2).await;
        hub.wait_for_to(3..=4, "pat@example.com", false).await;
        hub.execute("UPDATE delivery SET urgent = TRUE WHERE id <= 3", vec![]).await;
        hub.run(MINUTE_MS).await;
        hub.sent_once(3).await;
        assert_eq!(hub.state(4).await.1.as_deref(), Some("suppressed.cap"));
        // Now it is: the fourth waits for the week's end.
        hub.later(2 * MINUTE_MS).await;
        hub.run(0).await;
        let next_ms = hub.count("SELECT next_ms FROM delivery WHERE id = 4").await;
        assert!(next_ms > hub.now_ms() + 6 * DAY_MS);
        hub.sent_once(3).await;
    }
}

#[tokio::test]
async fn what_was_delivered_at_once_counts_for_a_cap() {
    for mut hub in Hub::both().await {
        hub.job.policy = capped(1);
        hub.wait_for_to(1..=1, "pat@example.com", false).await;
        let begun_ms = hub.now_ms();
        hub.run(MINUTE_MS).await;
        // As a platform would have left it that says no more than that it took it.
        let at_once = "UPDATE delivery SET intent_ms = (SELECT intent_ms FROM delivery_attempt)";
        hub.execute(at_once, vec![]).await;
        hub.execute("DELETE FROM delivery_attempt", vec![]).await;
        hub.wait_for_to(2..=2, "pat@example.com", false).await;
        hub.run(0).await;
        assert_eq!(hub.state(2).await.1.as_deref(), Some("suppressed.cap"));
        let next_ms = hub.count("SELECT next_ms FROM delivery WHERE id = 2").await;
        assert!((begun_ms + 7 * DAY_MS..=hub.now_ms() + 7 * DAY_MS).contains(&next_ms));
    }
}

#[tokio::test]
async fn what_may_have_gone_counts_for_a_cap() {
    for mut hub in Hub::both().await {
        hub.job.policy = capped(1);
        hub.wait_for_to(1..=2, "pat@example.com", false).await;
        let unknown = "UPDATE delivery SET state = 'held', cause_code = 'delivery.unknown', \
                       intents = 1 WHERE id = $1";
        hub.execute(unknown, vec![Cell::Int(2)]).await;
        let attempt = "INSERT INTO delivery_attempt (delivery_id, attempt, intent_ms, outcome) \
                       VALUES (2, 1, $1, 'delivery.unknown')";
        let begun_ms = hub.now_ms();
        hub.execute(attempt, vec![Cell::Int(begun_ms)]).await;
        hub.run(0).await;
        assert_eq!(hub.state(1).await.1.as_deref(), Some("suppressed.cap"));
        let next_ms = hub.count("SELECT next_ms FROM delivery WHERE id = 1").await;
        assert_eq!(next_ms, begun_ms + 7 * DAY_MS);
    }
}
