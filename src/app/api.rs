//! What the API is answered with: each thing that may be asked for is what its command does, and the JSON
//! is the command's own. What takes long is begun, and goes on in the background.

mod desk;
mod people;
pub(in crate::app) mod records;

use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::bulk::approval;
use super::bulk::chosen::{Chosen, Had};
use super::bulk::proposed;
use super::context::{AppError, Context};
use super::hold::What;
use super::preview::Listing;
use super::replay::Chosen as Rows;
use super::sight::{Sight, Unmasked};
use super::worker::Doorbell;
use super::{
    audit, batches, bulk, changes, codes, connectors, deliveries, destinations, held, held_show,
    hold, jobs, mappings, nodes, openapi, preview, replay, service, work_order_parts, work_orders,
};
use crate::access::scope::Scope;
use crate::connector::open_id::Provider;
use crate::job::bulk::Action;
use crate::job::clock::Clock;
use crate::job::holds::HoldError;
use crate::store::bulk::Said;
use crate::store::database::{Database, StoreError};
use crate::web::api::Hub;
use crate::web::api::call::{Answer, Call, Nothing, Showing};
use crate::web::api::problem::{Kind, Problem};
use crate::web::api::routes::Verb;

/// As holds name the door by which they came.
const DOOR: &str = "api";
/// How many of each kind a list of held things has at most.
const HELD_MOST_MAX: u32 = 100_000;

/// The hub, as the API asks it.
pub struct Api {
    context: Arc<Context>,
    doorbell: Doorbell,
    /// One preview at a time: each is a copy of the database.
    previewing: Arc<Mutex<()>>,
    /// The council's own sign-in, where `sign_in.toml` names one that can be opened.
    provider: Option<Provider>,
}

/// What is listed of held things.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HeldWanted {
    code: Option<String>,
    #[serde(default = "held_most")]
    most: u32,
    #[serde(default)]
    show: bool,
}

fn held_most() -> u32 {
    1_000
}

/// What is listed of a preview.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PreviewWanted {
    #[serde(default = "held_most")]
    most: u32,
    #[serde(default)]
    show: bool,
}

/// Why something is done.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    reason: String,
}

/// Why a hold is lifted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LiftAsked {
    reason: String,
    #[serde(default)]
    at_once: bool,
}

#[async_trait]
impl Hub for Api {
    fn database(&self) -> &Database {
        &self.context.database
    }

    fn clock(&self) -> &dyn Clock {
        &*self.context.clock
    }

    fn provider(&self) -> Option<&Provider> {
        self.provider.as_ref()
    }

    fn local_accounts(&self) -> bool {
        self.context.catalogue.sign_in.provider.as_ref().is_none_or(|rules| rules.local_accounts)
    }

    async fn answer(&self, call: Call) -> Result<Answer, Problem> {
        must_tell_rows_apart(&call)?;
        match call.verb {
            Verb::Propose
            | Verb::Proposed
            | Verb::Confirm
            | Verb::Drop
            | Verb::Approve
            | Verb::Refuse => self.proposed(&call).await,
            Verb::Release | Verb::Dismiss | Verb::Remake | Verb::Repeat => self.bulk(&call).await,
            Verb::Resume => self.resume(&call).await,
            Verb::Replay => self.replay(&call).await,
            Verb::RunJob => self.run_job(&call).await,
            Verb::DrainNode | Verb::ResumeNode => Ok(Answer::done(self.node(&call).await?)),
            Verb::PauseJob | Verb::ResumeJob | Verb::SkipRun => {
                Ok(Answer::done(self.schedule(&call).await?))
            }
            Verb::AddHold | Verb::LiftHold => Ok(Answer::done(self.hold(&call).await?)),
            Verb::PauseDestination | Verb::ResumeDestination | Verb::ProbeDestination => {
                Ok(Answer::done(self.destination(&call).await?))
            }
            Verb::Explain
            | Verb::Review
            | Verb::Merge
            | Verb::Apart
            | Verb::Unmerge
            | Verb::Split => Ok(Answer::done(self.identity(&call).await?)),
            Verb::Codes | Verb::AskCode | Verb::Code | Verb::DecideCode => {
                Ok(Answer::done(self.codes(&call).await?))
            }
            Verb::Matches
            | Verb::TakeMatch
            | Verb::Match
            | Verb::SayOfMatch
            | Verb::Acts
            | Verb::Act => Ok(Answer::done(self.steward(&call).await?)),
            Verb::Views | Verb::KeepView | Verb::RemoveView => {
                Ok(Answer::done(self.views(&call).await?))
            }
            Verb::AssignCause
            | Verb::SilenceCause
            | Verb::NoteCause
            | Verb::NoteWorkOrder
            | Verb::Acknowledge => Ok(Answer::done(self.desk(&call).await?)),
            Verb::Alerts
            | Verb::Alert
            | Verb::ReviewAlert
            | Verb::Users
            | Verb::User
            | Verb::InviteUser
            | Verb::ChangeUser
            | Verb::DisableUser
            | Verb::EnableUser
            | Verb::SignOutUser => Ok(Answer::done(people::answer(self, &call).await?)),
            Verb::AcceptBatch | Verb::RefuseBatch | Verb::Decide | Verb::Pause => {
                Ok(Answer::done(self.decide(&call).await?))
            }
            Verb::Held
            | Verb::HeldOne
            | Verb::Holds
            | Verb::Hold
            | Verb::PreviewReplay
            | Verb::Delivery
            | Verb::WorkOrder
            | Verb::Search
            | Verb::Resident
            | Verb::Why
            | Verb::History => Ok(Answer::done(self.shown(&call).await?)),
            _ => Ok(Answer::done(self.look(&call).await?)),
        }
    }
}

impl Api {
    pub fn new(context: Arc<Context>, doorbell: Doorbell) -> Api {
        let provider = context.provider().and_then(|opened| match opened {
            Ok(provider) => Some(provider),
            Err(error) => {
                tracing::error!(cause = %error, "the council's own sign-in cannot be opened");
                None
            }
        });
        Api { context, doorbell, previewing: Arc::default(), provider }
    }

    /// What changes nothing and shows nobody.
    async fn look(&self, call: &Call) -> Result<Value, Problem> {
        let database = &self.context.database;
        let (json, _) = match call.verb {
            Verb::Batches => {
                let wanted: batches::Wanted = call.query()?;
                within(wanted.most, batches::MOST_MAX)?;
                batches::list(database, &wanted).await?
            }
            Verb::Batch => {
                let batches::Look { counted_to } = call.query()?;
                batches::show(database, call.number()?, counted_to).await?
            }
            Verb::Deliveries => {
                let listing: deliveries::Listing = call.query()?;
                deliveries::list(database, &listing, self.clock().now_ms()).await?
            }
            Verb::BulkActions => {
                let Nothing {} = call.query()?;
                bulk::watch::list(database).await?
            }
            Verb::BulkAction => {
                let mut wanted: bulk::watch::Wanted = call.query()?;
                within(wanted.most, bulk::watch::MOST_MAX)?;
                wanted.bulk = call.number()?;
                bulk::watch::show(database, &wanted).await?
            }
            Verb::Changes => {
                let wanted: changes::Wanted = call.query()?;
                within(wanted.most, changes::MOST_MAX)?;
                return Ok(changes::list(database, &wanted).await?);
            }
            Verb::Audit => {
                let wanted: audit::Wanted = call.query()?;
                within(wanted.most, audit::MOST_MAX)?;
                audit::list(database, &wanted).await?
            }
            Verb::VerifyAudit => {
                let Nothing {} = call.query()?;
                let (json, text, _) = audit::verify(database).await?;
                (json, text)
            }
            Verb::Destinations => {
                let Nothing {} = call.query()?;
                destinations::answer(&self.context, None, &call.caller.actor).await?
            }
            Verb::Service => {
                let wanted: service::Wanted = call.query()?;
                service::asked(&self.context, &wanted).await?
            }
            Verb::Nodes => {
                let Nothing {} = call.query()?;
                nodes::stand(&self.context).await?
            }
            Verb::Mappings => {
                let Nothing {} = call.query()?;
                return Ok(mappings::list(&self.context));
            }
            Verb::TryMapping => {
                let wanted: mappings::Wanted = call.query()?;
                return Ok(mappings::tried(&self.context, &call.id, wanted)?);
            }
            Verb::Connectors => {
                let Nothing {} = call.query()?;
                return Ok(connectors::list(&self.context).await?);
            }
            Verb::WorkOrders => {
                let wanted: work_orders::Wanted = call.query()?;
                within(wanted.most, work_orders::MOST_MAX)?;
                let (sources, now_ms) = (&call.caller.within.sources, self.clock().now_ms());
                work_orders::list(database, &wanted, sources, now_ms).await?
            }
            Verb::Find => {
                let sought: work_orders::Sought = call.body()?;
                return Ok(work_orders::find(database, &sought, &call.caller.within.sources).await?);
            }
            Verb::Openapi => {
                let Nothing {} = call.query()?;
                return Ok(openapi::document());
            }
            Verb::Jobs => {
                let Nothing {} = call.query()?;
                jobs::stand(&self.context).await?
            }
            _ => return Err(unanswered()),
        };
        Ok(json)
    }

    /// What changes nothing, and has values that are masked unless they are asked for.
    async fn shown(&self, call: &Call) -> Result<Value, Problem> {
        match call.verb {
            Verb::Held => self.held(call).await,
            Verb::HeldOne => {
                let Showing { show } = call.query()?;
                let (id, sight) = (call.number()?, sight(call, show)?);
                let shown = held_show::show(&self.context, id, sight).await?;
                self.put_down(call, sight, format!("held {id}"), None).await?;
                Ok(shown.json())
            }
            Verb::Holds => {
                let list: hold::List = call.query()?;
                within(list.most, hold::MOST_MAX)?;
                let show = list.show;
                self.holds(call, show, What::List(list)).await
            }
            Verb::Hold => {
                let Showing { show } = call.query()?;
                self.holds(
                    call,
                    show,
                    What::Show { id: call.number()?, showing: Unmasked::of(show) },
                )
                .await
            }
            Verb::PreviewReplay => self.preview(call).await,
            Verb::Delivery => {
                let Showing { show } = call.query()?;
                let (id, sight) = (call.number()?, sight(call, show)?);
                let now_ms = self.clock().now_ms();
                let (json, _) =
                    deliveries::show(self.database(), &id.to_string(), sight, now_ms).await?;
                self.put_down(call, sight, format!("delivery {id}"), None).await?;
                Ok(json)
            }
            Verb::WorkOrder => {
                let work_orders::Look { show, part } = call.query()?;
                let (id, sight) = (call.number()?, sight(call, show)?);
                let (now_ms, sources) = (self.clock().now_ms(), &call.caller.within.sources);
                let (mut json, _) =
                    work_orders::show(self.database(), id, sources, sight, now_ms).await?;
                if let Some(part) = part {
                    json["part"] = work_order_parts::of(&self.context, id, part, sight).await?;
                }
                let details = part.map(|part| json!({ "part": part.word() }));
                self.put_down(call, sight, format!("work order {id}"), details).await?;
                Ok(json)
            }
            Verb::Search => self.search(call).await,
            Verb::Resident | Verb::Why | Verb::History => self.record(call).await,
            _ => Err(unanswered()),
        }
    }

    async fn held(&self, call: &Call) -> Result<Value, Problem> {
        let HeldWanted { code, most, show } = call.query()?;
        within(most, i64::from(HELD_MOST_MAX))?;
        let Some(code) = code else {
            return Ok(held::list(&self.context).await?.json());
        };
        let sight = sight(call, show)?;
        let items = held::items(&self.context, &code, most as usize, sight).await?;
        self.put_down(call, sight, format!("held {code}"), None).await?;
        Ok(items.json())
    }

    async fn holds(&self, call: &Call, show: bool, what: What) -> Result<Value, Problem> {
        let sight = sight(call, show)?;
        let said = hold::answer(&self.context, what, &call.caller.actor, DOOR).await?;
        let target = match call.id.is_empty() {
            true => "holds".to_owned(),
            false => format!("hold {}", call.id),
        };
        self.put_down(call, sight, target, None).await?;
        Ok(said.json)
    }

    async fn preview(&self, call: &Call) -> Result<Value, Problem> {
        let (PreviewWanted { most, show }, chosen) = call.words::<_, Rows>()?;
        within(most, i64::from(HELD_MOST_MAX))?;
        let sight = sight(call, show)?;
        let listing = Listing { most: most as usize, sight };
        let Ok(_alone) = self.previewing.try_lock() else {
            let what =
                "another preview is being made, on a copy of its own: try again when it has ended";
            return Err(Problem::new(Kind::Stands, what));
        };
        let foretold = preview::of_replay(&self.context, &chosen, listing).await?;
        self.put_down(call, sight, "preview of a replay".to_owned(), None).await?;
        Ok(foretold.json())
    }

    /// What codes mean.
    async fn codes(&self, call: &Call) -> Result<Value, Problem> {
        let (context, actor) = (&self.context, &call.caller.actor);
        match call.verb {
            Verb::AskCode => Ok(codes::ask(context, call.body()?, actor).await?),
            Verb::Code => {
                let Nothing {} = call.query()?;
                Ok(codes::one(context, call.number()?).await?)
            }
            Verb::DecideCode => {
                Ok(codes::decide(context, call.number()?, call.body()?, actor).await?)
            }
            _ => {
                let Nothing {} = call.query()?;
                Ok(codes::list(context).await?)
            }
        }
    }

    /// A person's word, which is done at once.
    async fn decide(&self, call: &Call) -> Result<Value, Problem> {
        let (context, database) = (&*self.context, &self.context.database);
        let actor = &call.caller.actor;
        let (json, _) = match call.verb {
            Verb::AcceptBatch | Verb::RefuseBatch => {
                let mut asked: batches::decide::Decide = call.body()?;
                asked.batch = call.number()?;
                match call.verb {
                    Verb::AcceptBatch => batches::decide::accept(context, &asked, actor).await?,
                    _ => batches::decide::refuse(context, &asked, actor).await?,
                }
            }
            Verb::Decide => {
                let mut asked: deliveries::decide::Decide = call.body()?;
                asked.delivery = call.number()?;
                let now_ms = self.clock().now_ms();
                deliveries::decide::decide(database, &asked, actor, now_ms).await?
            }
            Verb::Pause => {
                let Nothing {} = call.body()?;
                bulk::watch::pause(database, self.clock(), call.number()?, actor).await?
            }
            _ => return Err(unanswered()),
        };
        Ok(json)
    }

    async fn hold(&self, call: &Call) -> Result<Value, Problem> {
        let what = match call.verb {
            Verb::AddHold => What::Add(Box::new(call.body()?)),
            Verb::LiftHold => {
                let LiftAsked { reason, at_once } = call.body()?;
                What::Lift { id: call.number()?, reason, at_once }
            }
            _ => return Err(unanswered()),
        };
        Ok(hold::answer(&self.context, what, &call.caller.actor, DOOR).await?.json)
    }

    async fn destination(&self, call: &Call) -> Result<Value, Problem> {
        let (destination, Why { reason }) = (call.id.clone(), call.body()?);
        let one = match call.verb {
            Verb::PauseDestination => destinations::One::Pause { destination, reason },
            Verb::ProbeDestination => destinations::One::Probe { destination, reason },
            _ => destinations::One::Resume { destination, reason },
        };
        Ok(destinations::answer(&self.context, Some(one), &call.caller.actor).await?.0)
    }

    async fn node(&self, call: &Call) -> Result<Value, Problem> {
        let (node, Why { reason }) = (call.id.clone(), call.body()?);
        let named = nodes::Named { node, reason };
        let one = match call.verb {
            Verb::DrainNode => nodes::One::Drain(named),
            _ => nodes::One::Resume(named),
        };
        Ok(nodes::answer(&self.context, &one, &call.caller.actor).await?.0)
    }

    async fn schedule(&self, call: &Call) -> Result<Value, Problem> {
        let (job, Why { reason }) = (call.id.clone(), call.body()?);
        let named = jobs::Named { job, reason };
        let one = match call.verb {
            Verb::PauseJob => jobs::One::Pause(named),
            Verb::ResumeJob => jobs::One::Resume(named),
            _ => jobs::One::Skip(named),
        };
        Ok(jobs::answer(&self.context, &one, &call.caller.actor).await?.0)
    }

    /// What is fixed first and begun when somebody has said yes.
    async fn proposed(&self, call: &Call) -> Result<Answer, Problem> {
        let (context, actor) = (&*self.context, &call.caller.actor);
        match call.verb {
            Verb::Propose => {
                let proposal: proposed::Proposal = call.body()?;
                Ok(Answer::done(proposed::propose(context, &proposal, actor).await?))
            }
            Verb::Proposed => {
                let Nothing {} = call.query()?;
                Ok(Answer::done(proposed::shown(context, call.number()?).await?))
            }
            Verb::Confirm => {
                let (Why { reason }, id) = (call.body()?, call.number()?);
                let who = (actor, call.caller.within.bulk_max);
                proposed::confirm(context, id, &reason, who).await?;
                self.work_on(id).await
            }
            Verb::Approve | Verb::Refuse => {
                let (Why { reason }, id) = (call.body()?, call.number()?);
                let said = if call.verb == Verb::Approve { Said::Approve } else { Said::Refuse };
                approval::answer(context, id, (said, &reason), actor).await?;
                self.work_on(id).await
            }
            _ => {
                let (Nothing {}, id) = (call.body()?, call.number()?);
                proposed::drop(context, id, actor).await?;
                let wanted = bulk::watch::Wanted::of(id);
                Ok(Answer::done(bulk::watch::show(self.database(), &wanted).await?.0))
            }
        }
    }

    /// The set is fixed before the answer; its items have their turns afterwards.
    async fn bulk(&self, call: &Call) -> Result<Answer, Problem> {
        let wish = match call.verb {
            Verb::Repeat => call.body::<Had>()?.wish(&self.context).await?,
            Verb::Dismiss => call.body::<Chosen>()?.wish(Action::Dismiss)?,
            Verb::Remake => call.body::<Chosen>()?.wish(Action::Remake)?,
            _ => call.body::<Chosen>()?.wish(Action::Release)?,
        };
        // Before anything is begun that could not be gone on with.
        let anew = if wish.action.composes() { Some(self.context.anew()?) } else { None };
        if wish.dry_run {
            let now_ms = self.clock().now_ms();
            let (json, _) = bulk::foretell(self.database(), &wish, anew.as_ref(), now_ms).await?;
            return Ok(Answer::done(json));
        }
        let actor = &call.caller.actor;
        let id = bulk::begin(self.database(), self.clock(), &wish, actor).await?;
        self.work_on(id).await
    }

    async fn resume(&self, call: &Call) -> Result<Answer, Problem> {
        let Nothing {} = call.body()?;
        let id = call.number()?;
        bulk::watch::go_on(self.database(), self.clock(), id, &call.caller.actor).await?;
        self.work_on(id).await
    }

    async fn work_on(&self, id: i64) -> Result<Answer, Problem> {
        let context = Arc::clone(&self.context);
        tokio::spawn(async move {
            if let Err(error) = bulk::work_on(&context, id).await {
                tracing::error!(bulk.id = id, %error, "a bulk action stands still");
            }
        });
        let (json, _) = bulk::watch::show(self.database(), &bulk::watch::Wanted::of(id)).await?;
        Ok(Answer::begun(json))
    }

    async fn replay(&self, call: &Call) -> Result<Answer, Problem> {
        let chosen: Rows = call.body()?;
        let jobs = {
            let who = (&call.caller.actor, call.caller.within.bulk_max);
            replay::ask(&self.context, &chosen, who).await?
        };
        let told: Vec<Value> =
            jobs.iter().map(|(job, held)| json!({ "job": job, "held": held })).collect();
        if !jobs.is_empty() {
            let context = Arc::clone(&self.context);
            tokio::spawn(async move {
                if let Err(error) = replay::work(&context, &chosen).await {
                    tracing::error!(%error, "rows that were to be read again were not");
                }
            });
        }
        Ok(Answer::begun(json!({ "jobs": told })))
    }

    async fn run_job(&self, call: &Call) -> Result<Answer, Problem> {
        let Nothing {} = call.body()?;
        let job = self.context.job(&call.id)?;
        jobs::asked(&self.context, &job.name, &call.caller.actor).await?;
        self.doorbell.ring(&job.name).await?;
        Ok(Answer::begun(json!({ "job": job.name })))
    }

    /// That values were shown, to whom and why. Nothing is told before that is written.
    async fn put_down(
        &self,
        call: &Call,
        sight: Sight,
        target: String,
        details: Option<Value>,
    ) -> Result<(), Problem> {
        if sight == Sight::Masked {
            return Ok(());
        }
        let (actor, reason) = (&call.caller.actor, call.reason.as_deref());
        let now_ms = self.clock().now_ms();
        Ok(audit::shown(self.database(), actor, reason, (target, details), now_ms).await?)
    }
}

/// What the caller may see: to be shown values takes a scope of its own, and a reason.
fn sight(call: &Call, show: bool) -> Result<Sight, Problem> {
    if !show {
        return Ok(Sight::Masked);
    }
    call.caller.must(Scope::Show)?;
    match call.reason {
        Some(_) => Ok(Sight::Shown),
        None => {
            let what = "to be shown values takes a reason: send it as the header `Reason`";
            Err(Problem::new(Kind::Words, what))
        }
    }
}

/// Whoever may see rows of some sources only is answered where rows can be told apart, and nowhere else.
fn must_tell_rows_apart(call: &Call) -> Result<(), Problem> {
    // How the service and its nodes stand has no rows; nor have the words that a list is cut by, nor who signs in.
    let tells = matches!(
        call.verb,
        Verb::WorkOrders
            | Verb::WorkOrder
            | Verb::Find
            | Verb::Service
            | Verb::Nodes
            | Verb::NoteWorkOrder
            | Verb::Views
            | Verb::KeepView
            | Verb::RemoveView
            | Verb::Alerts
            | Verb::Alert
            | Verb::ReviewAlert
            | Verb::Users
            | Verb::User
            | Verb::InviteUser
            | Verb::ChangeUser
            | Verb::DisableUser
            | Verb::EnableUser
            | Verb::SignOutUser
    );
    match tells || call.caller.within.sources.is_none() {
        true => Ok(()),
        false => Err(Problem::new(
            Kind::NotAllowed,
            "this shows rows of every source, and your role is for some of them: ask an administrator",
        )),
    }
}

/// A route of another kind: it cannot come here.
fn unanswered() -> Problem {
    Problem::new(Kind::Broken, "this route is not answered: it is a fault of Viaduct's")
}

/// How many may be asked for at a time.
fn within(most: u32, most_max: i64) -> Result<(), Problem> {
    match (1..=most_max).contains(&i64::from(most)) {
        true => Ok(()),
        false => {
            let what = format!("the parameter `most` is from 1 to {most_max}");
            Err(Problem::new(Kind::Words, what))
        }
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Problem {
        match error {
            AppError::NotThere(what) | AppError::Hold(HoldError::NotThere(what)) => {
                Problem::new(Kind::NotThere, what)
            }
            AppError::Asked(what) | AppError::Hold(HoldError::Asked(what)) => {
                Problem::new(Kind::Words, what)
            }
            AppError::Hold(HoldError::Store(error)) => Problem::from(AppError::Store(error)),
            AppError::Stands(what) | AppError::Hold(HoldError::Stands(what)) => {
                Problem::new(Kind::Stands, what)
            }
            AppError::Store(StoreError::Unavailable(_)) => {
                tracing::error!(%error, "a call could not be answered");
                let what = "the database is not there, or too busy: try again in a moment";
                Problem::new(Kind::Unavailable, what).again(5)
            }
            error => {
                tracing::error!(%error, "a call could not be answered");
                let what =
                    "something of ours broke: the log says what, under the number in `request`";
                Problem::new(Kind::Broken, what)
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        Problem::from(AppError::from(error))
    }
}
