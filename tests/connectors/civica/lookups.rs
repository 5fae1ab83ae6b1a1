//! Many lookups at once, over a few sessions, each of which remembers whoever was asked about last: nobody is
//! ever told another resident's data. Misused, the same sessions tell it: that is the control.

use std::sync::Arc;

use proptest::test_runner::{Config, TestRunner};
use viaduct::connector::civica_openrevenues::fault::Fault;
use viaduct::connector::civica_openrevenues::session::Sessions;
use viaduct::sandbox::civica_openrevenues::{PASSWORD, USER};

use super::Bench;

const LOOKUPS: usize = 100;
const SESSIONS: usize = 10;
const ACCOUNTS: u32 = 120;

/// What one lookup was told: about whom, and which accounts and amounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    person: String,
    account: String,
    /// What its ledger charges, and what its detail says is charged.
    charged: (String, String),
    property_of: String,
}

impl Told {
    /// Whether all of it is of that person and that account.
    fn is_of(&self, person: &str, account: &str) -> bool {
        self.person == person
            && self.account == account
            && self.property_of == account
            && self.charged.0 == self.charged.1
    }
}

/// How lookups have their sessions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Had {
    /// As the client has them.
    Alone,
    /// By hand, ten lookups on each.
    Together,
}

/// How many of the lookups were told of a stranger, and how many came to nothing.
async fn run(bench: &Bench, picks: &[usize], had: Had) -> (usize, usize) {
    let people = bench.sandbox.people();
    let sessions = Arc::clone(bench.open(&format!("sessions = {SESSIONS}")).sessions());
    let shared = match had {
        Had::Together => by_hand::sessions(bench, SESSIONS).await,
        Had::Alone => Vec::new(),
    };
    let mut running = Vec::new();
    for (number, pick) in picks.iter().enumerate() {
        let (person, account) = people[pick % people.len()].clone();
        let sessions = Arc::clone(&sessions);
        let (url, session) = (bench.url(), shared.get(number % SESSIONS).cloned());
        running.push(tokio::spawn(async move {
            let told = match session {
                None => look_up(&sessions, &person).await.map_err(|_| ()),
                Some(session) => Ok(by_hand::look_up(&url, &session, &person, &account).await),
            };
            told.map(|told| told.is_of(&person, &account))
        }));
    }
    let (mut strangers, mut nothing) = (0, 0);
    for one in running {
        match one.await.unwrap() {
            Ok(true) => {}
            Ok(false) => strangers += 1,
            Err(()) => nothing += 1,
        }
    }
    (strangers, nothing)
}

/// One lookup, as the poll makes it.
async fn look_up(sessions: &Arc<Sessions>, person: &str) -> Result<Told, Fault> {
    let mut pinned = sessions.pin(person).await?.expect("they are known");
    let accounts = pinned.accounts().await?;
    let row = accounts.find("CtaxActDetails").expect("an account");
    let account = accounts.attribute(row, "CtaxActRef").to_owned();
    let mut selected = pinned.select(&account).await?;
    let text = |reply: &viaduct::connector::civica_openrevenues::reply::Reply, name: &str| {
        reply.find(name).map(|node| reply.text(node).to_owned()).unwrap_or_default()
    };
    let charge = text(&selected.detail, "TotalCharge");
    let ledger = selected.transactions(2026).await?;
    selected.instalments(2026).await?;
    let properties = selected.properties().await?;
    let told = Told {
        person: text(&accounts, "PersonReference"),
        account,
        charged: (text(&ledger, "Amount"), charge),
        property_of: text(&properties, "CtxActRef"),
    };
    pinned.give_back();
    Ok(told)
}

/// Whoever comes by, in whatever order.
fn for_any_order(check: impl Fn(Vec<usize>)) {
    let mut runner = TestRunner::new(Config {
        cases: 4,
        max_shrink_iters: 0,
        failure_persistence: None,
        ..Config::default()
    });
    let orders = proptest::collection::vec(0usize..10_000, LOOKUPS);
    let checked = runner.run(&orders, |picks| {
        check(picks);
        Ok(())
    });
    checked.unwrap();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap()
}

#[test]
fn quirk_03_a_hundred_lookups_over_ten_sessions_never_meet_another_resident() {
    for_any_order(|picks| {
        runtime().block_on(async {
            let bench = Bench::of(ACCOUNTS).await;
            let (strangers, nothing) = run(&bench, &picks, Had::Alone).await;
            assert_eq!((strangers, nothing), (0, 0));
            assert!(bench.sandbox.counts().sign_ins <= SESSIONS as u32);
        });
    });
}

/// That the test above can fail: the same lookups, on sessions that several have, are told of strangers.
#[test]
fn the_control_shared_sessions_are_told_of_strangers() {
    for_any_order(|picks| {
        runtime().block_on(async {
            let bench = Bench::of(ACCOUNTS).await;
            let (strangers, _) = run(&bench, &picks, Had::Together).await;
            assert!(strangers > 0, "nobody met anybody: the sandbox is no test of it");
        });
    });
}

/// A system that gives one session to everybody is found out: nothing that it mixed up is used.
#[test]
fn a_system_that_mixes_its_sessions_up_is_not_believed() {
    for_any_order(|picks| {
        runtime().block_on(async {
            let bench = Bench::of(ACCOUNTS).await;
            bench.sandbox.behave(|behaviour| behaviour.mixes_sessions = true);
            let (strangers, nothing) = run(&bench, &picks, Had::Alone).await;
            assert_eq!(strangers, 0);
            assert!(nothing > 0, "nothing was mixed up");
        });
    });
}

/// The system asked by hand, without a client that takes care.
mod by_hand {
    use viaduct::sandbox::posting;

    use super::{Bench, PASSWORD, Told, USER};

    async fn ask(url: &str, query: &[(&str, &str)]) -> String {
        let pairs: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let url = format!("{url}?outputtype=xml&{}", pairs.join("&"));
        posting::exchange(&url, None).await.unwrap().body
    }

    fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
        let rest = text.split_once(from).map_or("", |(_, rest)| rest);
        rest.split_once(to).map_or("", |(found, _)| found).trim()
    }

    pub async fn sessions(bench: &Bench, many: usize) -> Vec<String> {
        let mut sessions = Vec::new();
        for _ in 0..many {
            let query = [("docid", "crmlogin"), ("userid", USER), ("password", PASSWORD)];
            let page = ask(&bench.url(), &query).await;
            sessions.push(between(&page, "<SessionID>", "</SessionID>").to_owned());
        }
        sessions
    }

    pub async fn look_up(url: &str, session: &str, person: &str, account: &str) -> Told {
        ask(url, &[("docid", "cocrmper"), ("SessionId", session), ("personref", person)]).await;
        let with = |docid: &'static str| [("docid", docid), ("sessionId", session)];
        let accounts = ask(url, &with("ctxsel")).await;
        let detail = [&with("ctxdet")[..], &[("actref", account)]].concat();
        let detail = ask(url, &detail).await;
        let ledger = [&with("ctxtrn")[..], &[("recyear", "2026"), ("trantype", "All")]].concat();
        let ledger = ask(url, &ledger).await;
        let properties = ask(url, &with("ctxprop")).await;
        Told {
            person: between(&accounts, "<PersonReference>", "</PersonReference>").to_owned(),
            account: between(&detail, "<CtxActRef>", "</CtxActRef>").to_owned(),
            charged: (
                between(&ledger, "<Amount>", "</Amount>").to_owned(),
                between(&detail, "<TotalCharge>", "</TotalCharge>").to_owned(),
            ),
            property_of: between(&properties, "<CtxActRef>", "</CtxActRef>").to_owned(),
        }
    }
}
