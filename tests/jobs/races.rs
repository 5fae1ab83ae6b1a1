//! A hold against a send, ten thousand times on each database: many senders claim and judge while holds
//! are put down on the very same people, each with commits of its own. Whoever was held before the gate
//! was asked is not sent to.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use viaduct::job::deliver::judgement;
use viaduct::job::holds::{self, Doing};
use viaduct::job::ingest::{Bench, Watch};
use viaduct::record::delivery::{Channel, Content, Delivery, Message, State};
use viaduct::record::hold::Asked;
use viaduct::store::database::Cell;
use viaduct::store::ids::Ids;
use viaduct::store::leases::{self, Taking, Wanted};
use viaduct::store::outbox;
use viaduct::store::residents;
use viaduct::store::sending::{self, Claim, Claimed, FRONT, Settled};
use viaduct::suppression::policy::Policy;

use super::hub::{DAY_MS, Hub};

const RACES: i64 = 10_000;
const LANES: i64 = 8;
/// Deliveries of a lane that are claimed at once, and residents that one commit holds.
const AT_ONCE: usize = 10;

/// One lane: a destination and its residents.
struct Lane {
    hub: Arc<Hub>,
    ticket: Arc<AtomicU64>,
    number: i64,
}

/// What came of a lane: tickets by resident, of when the gate was asked and let through, and of when a
/// hold was stored; and how many were kept back.
#[derive(Default)]
struct Came {
    sent: HashMap<i64, u64>,
    held: HashMap<i64, u64>,
    kept: usize,
}

impl Lane {
    fn name(&self) -> String {
        format!("lane-{}", self.number)
    }

    fn residents(&self) -> std::ops::Range<i64> {
        let each = RACES / LANES;
        let first = 1_000_000 + self.number * each;
        first..first + each
    }

    async fn fill(&self) {
        let message = Message {
            channel: Channel::Email,
            template: "t".to_owned(),
            to: Some("pat@example.com".to_owned()),
            fields: vec![],
        };
        let mut deliveries = outbox::Rows::default();
        for id in self.residents() {
            let new = outbox::New {
                id,
                event_id: 1,
                batch_id: 1,
                resident_id: id,
                destination: &self.name(),
                mapping: "m",
                mapping_version: 1,
                purpose: "council_tax_collection",
                needs_consent: false,
                collection: true,
                account_id: None,
                reference: format!("r-{id}"),
                composed: Ok(Content::Message(message.clone())),
                now_ms: 0,
            };
            deliveries.add(new, outbox::Place::default());
        }
        let resident = |id: i64| {
            let numbers = [id, 1, 0, 0].map(Cell::Int);
            numbers.into_iter().chain([Cell::Word("{}"), Cell::OptText(None)])
        };
        let mut transaction = self.hub.bench.database.begin().await.expect("a transaction");
        let people = self.residents().flat_map(resident).collect();
        transaction.insert(residents::RESIDENTS, people).await.expect("residents");
        deliveries.write(&mut transaction).await.expect("deliveries");
        transaction.commit().await.expect("a commit");
    }

    /// Sends as the job does, but to nobody: intent, gate, outcome. For each few, somebody puts holds
    /// down: before it, between its steps, or at the same time.
    async fn race(self: Arc<Self>) -> Came {
        let (database, now_ms) = (&self.hub.bench.database, self.hub.now_ms());
        let bench = Bench {
            database: database.clone(),
            clock: Arc::clone(&self.hub.bench.clock),
            ids: Ids::new(),
            watch: Arc::new(Watch::default()),
        };
        let (name, until_ms) = (self.name(), now_ms + DAY_MS);
        let lease_name = format!("deliver:{name}");
        let wanted = Wanted { name: &lease_name, holder: &name, now_ms, until_ms, from: None };
        let Taking::Ours(lease) = leases::take(database, wanted).await.expect("a lease") else {
            panic!("a lane is nobody else's")
        };
        let (residents, mut came) = (self.residents().collect::<Vec<_>>(), Came::default());
        for (turn, some) in residents.chunks(AT_ONCE).enumerate() {
            let hold = || tokio::spawn(Arc::clone(&self).hold(some.to_vec()));
            let (mut holding, mut stored) = (None, None);
            match turn % 4 {
                // Together; or stored between scheduling and sending.
                0 => holding = Some(hold()),
                1 => stored = Some(hold().await.expect("a hold")),
                _ => {}
            }
            let most = AT_ONCE as i64;
            let number = turn as i64;
            let claim =
                Claim { number, now_ms, until_ms, urgent: 0, most, suspects: false, after: FRONT };
            let claimed = sending::claim(database, &lease, &name, claim).await;
            let Claimed { rows: claimed, intent, .. } = claimed.expect("a claim");
            assert!(claimed.iter().map(|row| row.resident_id).eq(some.iter().copied()));
            match turn % 4 {
                // Stored when the intent is on disk; or beside the gate.
                2 => stored = Some(hold().await.expect("a hold")),
                3 => holding = Some(hold()),
                _ => {}
            }
            let asked = self.ticket.fetch_add(1, Ordering::SeqCst);
            let (cleared, mut settled) =
                judgement::judge(&self.hub.job, &bench, claimed).await.expect("a judgement");
            assert!(settled.iter().all(|one| one.code.as_deref() == Some("suppressed.hold")));
            came.kept += settled.len();
            for one in cleared {
                came.sent.insert(one.get().resident_id, asked);
                settled.push(sent(one.get()));
            }
            let intent = intent.into_iter().collect::<Vec<_>>();
            let said = sending::settle(database, "notify", (&settled, &intent), now_ms).await;
            said.expect("an outcome");
            if let Some(holding) = holding {
                stored = Some(holding.await.expect("a hold"));
            }
            let stored = stored.expect("somebody held them");
            came.held.extend(some.iter().map(|resident| (*resident, stored)));
        }
        came
    }

    /// Holds these residents, in one commit; gives the ticket that was drawn after it.
    async fn hold(self: Arc<Self>, residents: Vec<i64>) -> u64 {
        let policy = Policy::default();
        let doing =
            Doing { policy: &policy, actor: "user:test", door: "api", now_ms: self.hub.now_ms() };
        let asked = |resident: &i64| Asked {
            kind: "dispute".to_owned(),
            resident: Some(resident.to_string()),
            reason: Some("a race".to_owned()),
            ..Asked::default()
        };
        let asked: Vec<Asked> = residents.iter().map(asked).collect();
        holds::add(&self.hub.bench.database, doing, &asked).await.expect("a hold");
        self.ticket.fetch_add(1, Ordering::SeqCst)
    }
}

fn sent(delivery: &Delivery) -> Settled {
    Settled {
        id: delivery.id,
        intents: delivery.intent,
        intent_ms: 0,
        fence: delivery.fence,
        was_claimed: true,
        state: State::Delivered,
        next_ms: 0,
        give_back: false,
        platform_id: None,
        platform_status: None,
        code: None,
        cause: None,
        doubt_until_ms: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hold_that_is_stored_before_the_gate_is_asked_wins_ten_thousand_races() {
    for hub in Hub::both().await {
        let (hub, ticket) = (Arc::new(hub), Arc::new(AtomicU64::new(0)));
        let mut lanes = Vec::new();
        for number in 0..LANES {
            let lane = Lane { hub: Arc::clone(&hub), ticket: Arc::clone(&ticket), number };
            lane.fill().await;
            lanes.push(tokio::spawn(Arc::new(lane).race()));
        }
        let (mut races, mut first, mut kept) = (0, 0, 0);
        for lane in lanes {
            let came = lane.await.expect("a lane");
            let lost = came.sent.iter().filter(|(resident, asked)| came.held[*resident] < **asked);
            assert_eq!(lost.count(), 0, "a hold was stored first, and somebody was sent to");
            races += came.held.len();
            first += came.sent.len();
            kept += came.kept;
        }
        assert_eq!((races, first + kept), (RACES as usize, RACES as usize));
        // It was a race: each side came first many times.
        let least = RACES as usize / 50;
        assert!(kept > least && first > least, "{kept} kept back, {first} sent");
    }
}
