//! Calls about what staff keep for themselves and for each other: lists under a name, who sees to
//! a cause, notes, and alerts that somebody has seen.

use serde_json::Value;

use super::{Api, unanswered};
use crate::access::scope::Scope;
use crate::app::{causes, service, views, work_orders};
use crate::web::api::Hub;
use crate::web::api::call::{Call, Nothing};
use crate::web::api::problem::{Kind, Problem};
use crate::web::api::routes::Verb;

impl Api {
    /// What people arrange about causes, alerts and work orders.
    pub(super) async fn desk(&self, call: &Call) -> Result<Value, Problem> {
        let (context, actor, code) = (&self.context, &call.caller.actor, call.id.as_str());
        match call.verb {
            Verb::AssignCause => {
                let who = (actor, call.caller.scopes.has(Scope::Decide));
                Ok(causes::assign(context, code, &call.body()?, who).await?)
            }
            Verb::SilenceCause => Ok(causes::silence(context, code, &call.body()?, actor).await?),
            Verb::NoteCause => Ok(causes::note(context, code, &call.body()?, actor).await?),
            Verb::NoteWorkOrder => {
                let (id, sources) = (call.number()?, &call.caller.within.sources);
                Ok(work_orders::note(context, id, sources, &call.body()?, actor).await?)
            }
            Verb::Acknowledge => Ok(service::acknowledge(context, &call.body()?, actor).await?),
            _ => Err(unanswered()),
        }
    }

    /// Lists that are kept under a name. One for everybody is kept by whoever may act.
    pub(super) async fn views(&self, call: &Call) -> Result<Value, Problem> {
        let (database, actor) = (self.database(), &call.caller.actor);
        let now_ms = self.clock().now_ms();
        match call.verb {
            Verb::Views => {
                let views::Wanted { list } = call.query()?;
                Ok(views::list(database, list, actor).await?)
            }
            Verb::KeepView => {
                let asked: views::Keep = call.body()?;
                if asked.shared && !call.caller.scopes.has(Scope::Act) {
                    let what = "a view for everybody is kept by whoever may act on what is in it: keep it for yourself";
                    return Err(Problem::new(Kind::NotAllowed, what));
                }
                Ok(views::keep(database, &asked, actor, now_ms).await?)
            }
            Verb::RemoveView => {
                let Nothing {} = call.body()?;
                let is_lead = call.caller.scopes.has(Scope::Decide);
                Ok(views::remove(database, call.number()?, (actor, is_lead), now_ms).await?)
            }
            _ => Err(unanswered()),
        }
    }
}
