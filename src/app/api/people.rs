//! Who may sign in, and what those who look after them have to know of.

use serde_json::Value;

use super::{Api, Why};
use crate::app::{alerts, users};
use crate::web::api::Hub;
use crate::web::api::call::{Call, Nothing};
use crate::web::api::problem::Problem;
use crate::web::api::routes::Verb;

pub async fn answer(api: &Api, call: &Call) -> Result<Value, Problem> {
    let (database, now_ms) = (api.database(), api.clock().now_ms());
    let (actor, name) = (&call.caller.actor, call.id.as_str());
    Ok(match call.verb {
        Verb::ReviewAlert => {
            let (alerts::Review { reason }, id) = (call.body()?, call.number()?);
            alerts::review(database, id, &reason, actor, now_ms).await?.0
        }
        Verb::InviteUser => users::invite(database, call.body()?, actor, now_ms).await?,
        Verb::ChangeUser => users::change(database, name, call.body()?, actor, now_ms).await?,
        Verb::DisableUser => {
            let Why { reason } = call.body()?;
            users::turn(database, name, (true, Some(&reason)), actor, now_ms).await?
        }
        Verb::EnableUser => {
            let Nothing {} = call.body()?;
            users::turn(database, name, (false, None), actor, now_ms).await?
        }
        Verb::SignOutUser => {
            let Nothing {} = call.body()?;
            users::sign_out(database, name, actor, now_ms).await?
        }
        _ => {
            let Nothing {} = call.query()?;
            match call.verb {
                Verb::Alerts => alerts::list(database, now_ms).await?.0,
                Verb::Alert => alerts::show(database, call.number()?, now_ms).await?.0,
                Verb::User => users::one(database, name, now_ms).await?,
                _ => users::list(database, now_ms).await?.0,
            }
        }
    })
}
