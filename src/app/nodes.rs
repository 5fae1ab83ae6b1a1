//! `viaduct nodes`: who works here and since when, what each has in hand until when, and when the work of one that
//! died comes back. A node is a running `viaduct serve`; it says that it is there with every beat. What is run by
//! hand has leases and no beat, and is told of for as long as it holds one.

use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Value, json};

use super::context::{AppError, Context};
use super::{destinations, holder};
use crate::access::actor::Actor;
use crate::job::bulk;
use crate::record::moment::{Moment, span};
use crate::store::database::StoreError;
use crate::store::nodes::{self, Beat, LeaseRow, NodeRow, UnderWay, Working};
use crate::store::{outbox, traffic};

const BEAT_MS: i64 = 6_000;
/// With each so many beats it is looked how long the oldest waits: once a minute.
const WAITS_EACH: u64 = 10;
/// Five beats, and longer than a lease lasts.
const DEAD_MS: i64 = 30_000;
/// For so long a dead one is told of.
const TOLD_MS: i64 = 24 * 3_600_000;
/// A clock that is further off than this has leases end too early or too late.
const OFF_MS: i64 = 5_000;
/// What the lease of whoever reads and resolves is called, and what those of senders begin with.
const INGEST: &str = "ingest";
const DELIVER: &str = "deliver:";

/// One of them, and what it has in hand.
#[derive(Debug, Serialize)]
struct Node {
    node: String,
    machine: String,
    process: String,
    /// running, draining, drained, dead, by hand
    state: &'static str,
    /// What follows from that, as a sentence.
    says: String,
    /// What is said with a beat; nothing of what is run by hand.
    version: Option<String>,
    address: Option<String>,
    since: Option<Moment>,
    heard: Option<Moment>,
    /// How far its clock is before the database's, where that matters.
    clock_off_ms: Option<i64>,
    drain: Option<Drain>,
    destinations: Vec<Sends>,
    reads: Option<Reads>,
    bulk: Vec<Acts>,
    schedules: Vec<Fires>,
    /// When what it has in hand is free at the latest, unless it holds on to it.
    free: Option<Moment>,
}

/// That it takes nothing new.
#[derive(Debug, Serialize)]
struct Drain {
    by: String,
    why: String,
    since: Moment,
}

/// A destination that it sends to.
#[derive(Debug, Serialize)]
struct Sends {
    destination: String,
    fence: i64,
    until: Moment,
}

/// That it reads, and the batches that are under way.
#[derive(Debug, Serialize)]
struct Reads {
    fence: i64,
    until: Moment,
    batches: Vec<Batch>,
}

#[derive(Debug, Clone, Serialize)]
struct Batch {
    batch: i64,
    job: String,
    origin: String,
}

/// A bulk action that it works on.
#[derive(Debug, Serialize)]
struct Acts {
    bulk: i64,
    action: String,
    items: i64,
    until: Moment,
}

/// A schedule that it was the last to fire.
#[derive(Debug, Serialize)]
struct Fires {
    job: String,
    slot: Moment,
}

/// Everything that is asked of the database.
struct Found {
    rows: Vec<NodeRow>,
    leases: Vec<LeaseRow>,
    batches: Vec<UnderWay>,
    bulk: Vec<Working>,
    fired: Vec<(String, i64, String)>,
    now_ms: i64,
}

/// All of them.
pub async fn stand(context: &Context) -> Result<(Value, String), AppError> {
    let (database, now_ms) = (&context.database, context.clock.now_ms());
    let mut fired = Vec::new();
    for job in context.catalogue.jobs.values().filter(|job| job.schedule.is_some()) {
        let last = nodes::fired(database, &job.name).await?;
        if let Some((slot_ms, by)) = last.and_then(|last| Some((last.slot_ms, last.fired_by?))) {
            fired.push((job.name.clone(), slot_ms, by));
        }
    }
    let found = Found {
        rows: nodes::all(database).await?,
        leases: nodes::leases(database).await?,
        batches: nodes::batches(database).await?,
        bulk: nodes::bulk(database).await?,
        fired,
        now_ms,
    };
    let all: Vec<Node> = found.names().iter().map(|name| found.node(name)).collect();
    let text = match all.is_empty() {
        true => "Nothing runs here: `viaduct serve` works the queue.\n".to_owned(),
        false => all.iter().map(|node| node.text(now_ms)).collect(),
    };
    Ok((json!({ "at": Moment(now_ms), "nodes": all }), text))
}

impl Found {
    /// Nodes in their order, and behind them whoever has something in hand and is none.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.rows.iter().map(|row| row.name.clone()).collect();
        let leases = self.leases.iter().filter(|lease| lease.until_ms > self.now_ms);
        let working = self.bulk.iter().filter(|one| until_ms(one) > self.now_ms);
        let others = leases
            .map(|lease| lease.holder.clone())
            .chain(working.filter_map(|one| one.worked_by.clone()));
        for name in others {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn node(&self, name: &str) -> Node {
        let row = self.rows.iter().find(|row| row.name == name);
        let silent_ms = row.map(|row| (row.now_ms - row.heard_ms).max(0));
        let is_gone = holder::is_gone(name);
        let state = match silent_ms {
            _ if is_gone => "dead",
            Some(silent_ms) if silent_ms > DEAD_MS => "dead",
            Some(_) => "running",
            None => "by hand",
        };
        let (machine, process) = parts(name);
        let off_ms = row.map(|row| row.beat_ms - row.heard_ms);
        let mut node = Node {
            node: name.to_owned(),
            machine,
            process,
            state,
            says: String::new(),
            version: row.map(|row| row.version.clone()),
            address: row.map(|row| row.address.clone()),
            since: row.map(|row| Moment(row.began_ms)),
            heard: silent_ms.map(|silent_ms| Moment(self.now_ms - silent_ms)),
            clock_off_ms: off_ms.filter(|ms| ms.abs() > OFF_MS),
            drain: row.and_then(|row| {
                let (by, why) = (row.drain_by.clone()?, row.drain_why.clone()?);
                Some(Drain { by, why, since: Moment(row.drain_ms?) })
            }),
            destinations: Vec::new(),
            reads: None,
            bulk: Vec::new(),
            schedules: Vec::new(),
            free: None,
        };
        for lease in self.leases.iter().filter(|lease| lease.holder == name) {
            let (fence, until) = (lease.fence, Moment(lease.until_ms));
            if let Some(destination) = lease.name.strip_prefix(DELIVER) {
                let destination = destination.to_owned();
                node.destinations.push(Sends { destination, fence, until });
            } else if lease.name == INGEST {
                node.reads = Some(Reads { fence, until, batches: self.batches() });
            }
        }
        for one in self.bulk.iter().filter(|one| one.worked_by.as_deref() == Some(name)) {
            let (action, until) = (one.action.clone(), Moment(until_ms(one)));
            node.bulk.push(Acts { bulk: one.id, action, items: one.items, until });
        }
        for (job, slot_ms, _) in self.fired.iter().filter(|(_, _, by)| by == name) {
            node.schedules.push(Fires { job: job.clone(), slot: Moment(*slot_ms) });
        }
        let sends = node.destinations.iter().map(|one| one.until);
        let reads = node.reads.iter().map(|one| one.until);
        node.free = sends.chain(reads).chain(node.bulk.iter().map(|one| one.until)).max();
        if node.state == "running" && node.drain.is_some() {
            node.state = if node.free.is_none() { "drained" } else { "draining" };
        }
        node.says = self.says(&node, is_gone);
        node
    }

    fn batches(&self) -> Vec<Batch> {
        let batch = |one: &UnderWay| Batch {
            batch: one.id,
            job: one.job.clone(),
            origin: one.origin.clone(),
        };
        self.batches.iter().map(batch).collect()
    }

    /// What somebody who looks has to know.
    fn says(&self, node: &Node, is_gone: bool) -> String {
        let off = node.clock_off_ms.map(|ms| {
            let side = if ms > 0 { "before" } else { "behind" };
            format!(
                "Its clock is {} {side} the database’s: set it right, since leases go by it.",
                span(ms.abs())
            )
        });
        match (node.state, node.free) {
            ("running", _) => off.unwrap_or_default(),
            ("drained", _) => "It takes nothing new and has nothing in hand: it can be stopped, or resumed.".to_owned(),
            ("draining", _) => "It takes nothing new, and ends what it has in hand; other nodes take over.".to_owned(),
            ("by hand", _) => "It was begun by a command and says nothing of itself: it is told of while it holds something.".to_owned(),
            (_, None) => "It is dead, and has nothing in hand: nothing waits for it.".to_owned(),
            _ if is_gone => "It is dead, as this machine can see: whoever wants its work takes it at once.".to_owned(),
            (_, Some(free)) if free.0 > self.now_ms => {
                let seconds = (free.0 - self.now_ms + 999) / 1_000;
                format!("It is dead. Its work comes back in {seconds} s at the latest, when its time is over; nothing has to be done.")
            }
            _ => "It is dead, and its time is over: its work is free, and goes to the next node that wants it.".to_owned(),
        }
    }
}

/// Until when nobody else takes a bulk action up.
fn until_ms(one: &Working) -> i64 {
    one.moved_ms + bulk::STANDS_STILL_MS
}

/// Machine and process, of a name that `holder` made.
fn parts(name: &str) -> (String, String) {
    let mut parts = name.rsplitn(3, ':').skip(1);
    let process = parts.next().unwrap_or_default().to_owned();
    (parts.next().unwrap_or(name).to_owned(), process)
}

impl Node {
    fn text(&self, now_ms: i64) -> String {
        let mut text = format!("{} process {}: {}", self.machine, self.process, self.state);
        if let Some(version) = &self.version {
            text.push_str(&format!(", version {version}"));
        }
        if let Some(since) = self.since {
            text.push_str(&format!(", since {since}"));
        }
        if let Some(heard) = self.heard {
            text.push_str(&format!(", last heard of {} ago", span(now_ms - heard.0)));
        }
        text.push('\n');
        if let Some(Drain { by, why, since }) = &self.drain {
            text.push_str(&format!("    drained by {by} since {since}: {why}\n"));
        }
        if !self.says.is_empty() {
            text.push_str(&format!("    {}\n", self.says));
        }
        let left = |until: Moment| match until.0 > now_ms {
            true => format!("for {} unless it is renewed", span(until.0 - now_ms)),
            false => "its time is over".to_owned(),
        };
        for Sends { destination, fence, until } in &self.destinations {
            text.push_str(&format!(
                "    sends to {destination}: lease {fence}, {}\n",
                left(*until)
            ));
        }
        if let Some(Reads { fence, until, batches }) = &self.reads {
            text.push_str(&format!("    reads: lease {fence}, {}\n", left(*until)));
            for Batch { batch, job, origin } in batches {
                text.push_str(&format!("        batch {batch} of {job}, {origin}\n"));
            }
        }
        for Acts { bulk, action, items, until } in &self.bulk {
            text.push_str(&format!(
                "    works on bulk action {bulk}: {action}, {items} items, {}\n",
                left(*until)
            ));
        }
        for Fires { job, slot } in &self.schedules {
            text.push_str(&format!("    fired {job} last, for {slot}\n"));
        }
        text
    }
}

/// What may be done with a node.
#[derive(Debug, Clone, Subcommand)]
pub enum One {
    /// Have one take nothing new: it ends what it has in hand, and others take over. It answers calls meanwhile
    Drain(Named),
    /// Have it take something again
    Resume(Named),
}

/// Which node, and why.
#[derive(Debug, Clone, Args)]
pub struct Named {
    /// Its name as `--json` has it; or machine:process, or the machine alone, where only one is called so
    pub node: String,
    /// Why: it stands with the node and in the audit log, with your name
    #[arg(long)]
    pub reason: String,
}

/// Does it.
pub async fn answer(
    context: &Context,
    one: &One,
    actor: &Actor,
) -> Result<(Value, String), AppError> {
    let (One::Drain(named) | One::Resume(named)) = one;
    let reason = named.reason.trim();
    if reason.is_empty() {
        return Err(AppError::Asked("a decision needs its reason: --reason WHY".to_owned()));
    }
    let (database, now_ms) = (&context.database, context.clock.now_ms());
    let rows = nodes::all(database).await?;
    let is_meant = |row: &&NodeRow| {
        let (machine, process) = parts(&row.name);
        [row.name.as_str(), &machine, &format!("{machine}:{process}")].contains(&&*named.node)
    };
    let meant: Vec<&NodeRow> = rows.iter().filter(is_meant).collect();
    let name = match meant[..] {
        [one] => one.name.as_str(),
        [] => {
            return Err(AppError::NotThere(
                "no node of that name works here: see `viaduct nodes`".to_owned(),
            ));
        }
        _ => {
            let names: Vec<&str> = meant.iter().map(|row| row.name.as_str()).collect();
            return Err(AppError::Stands(format!(
                "several nodes are called so: say which of {}",
                names.join(", ")
            )));
        }
    };
    let drained = matches!(one, One::Drain(_));
    let done = nodes::turn(database, name, (drained, actor.as_str(), reason), now_ms).await?;
    let text = match (drained, done) {
        (true, true) => "takes nothing new, from its next beat on: within seconds",
        (true, false) => "took nothing new before",
        (false, true) => "takes something again, from its next beat on",
        (false, false) => "was not drained",
    };
    Ok((
        json!({ "node": name, "drained": drained, "by": actor.as_str() }),
        format!("{name} {text}.\n"),
    ))
}

/// Says that this process is there, until it is dropped; and puts down now and then how long the oldest has waited. A
/// database that is away is told of once.
pub async fn beat_always(context: Arc<Context>, address: String) {
    let (name, began_ms) = (holder::name(), context.clock.now_ms());
    let mut is_away = false;
    for number in 0_u64.. {
        let mut done = beat(&context, &name, &address, began_ms).await;
        if done.is_ok() {
            done = heed(&context, &name).await;
        }
        if done.is_ok() && number % WAITS_EACH == 0 {
            done = put_down_waits(&context).await;
        }
        match done {
            Ok(()) => is_away = false,
            Err(error) if !is_away => {
                is_away = true;
                tracing::warn!(%error, "this node cannot say that it is there");
            }
            Err(_) => {}
        }
        context.clock.pause(BEAT_MS).await;
    }
}

/// How long the oldest that is due has waited at each destination.
pub async fn put_down_waits(context: &Context) -> Result<(), StoreError> {
    let (database, now_ms) = (&context.database, context.clock.now_ms());
    let mut waits = Vec::new();
    for name in destinations::names(context) {
        if let Some(since_ms) = outbox::oldest_waiting(database, name, now_ms).await? {
            waits.push((name.to_owned(), (now_ms - since_ms).max(0)));
        }
    }
    traffic::waited(database, &waits, now_ms).await
}

/// One beat.
pub async fn beat(
    context: &Context,
    name: &str,
    address: &str,
    began_ms: i64,
) -> Result<(), StoreError> {
    let (database, now_ms) = (&context.database, context.clock.now_ms());
    let version = env!("CARGO_PKG_VERSION");
    let beat = Beat { name, version, address, began_ms, now_ms };
    nodes::beat(database, beat, TOLD_MS).await
}

/// Takes nothing new where somebody said so, and something again where nobody does.
pub async fn heed(context: &Context, name: &str) -> Result<(), StoreError> {
    let drained = nodes::is_drained(&context.database, name).await?;
    if drained != context.bell.is_resting() {
        match drained {
            true => tracing::info!("this node takes nothing new: somebody drained it"),
            false => tracing::info!("this node takes work again"),
        }
        context.bell.rest(drained);
    }
    Ok(())
}

/// This process ends as it should.
pub async fn leave(context: &Context) {
    if let Err(error) = nodes::leave(&context.database, &holder::name()).await {
        tracing::warn!(%error, "that this node has ended could not be written: it will be said to be dead");
    }
}
