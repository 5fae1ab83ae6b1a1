//! `viaduct users`: the people who sign in at the screens. Somebody is invited by a link that works once; with it
//! they set their password and their one-time codes themselves. Nobody else ever knows either.

use std::sync::Arc;

use clap::{Args, Subcommand, value_parser};
use serde_json::{Value, json};

use super::context::{AppError, Context};
use crate::access::actor::{Actor, staff_name};
use crate::access::code::{SECRET_BYTES, Seed};
use crate::access::right::{Role, Roles};
use crate::record::moment::Moment;
use crate::store::database::Database;
use crate::store::downloads;
use crate::store::ids::Ids;
use crate::store::sessions;
use crate::store::staff::{self, By, InviteRow, StaffRow};
use crate::web::screens::pages::downloads::KEPT_MS;
use crate::web::screens::session::{WHOLE_MS, Window, digest_of, fresh_bytes, fresh_token};

const HOUR_MS: i64 = 3_600_000;
/// For how many hours a link is good.
const HOURS: u32 = 24;
const HOURS_MAX: u32 = 168;

/// What may be done with people.
#[derive(Debug, Clone, Subcommand)]
pub enum What {
    /// Invite somebody: prints a link that works once, by which they set their password and one-time codes
    Invite(Invite),
    /// List who may sign in, with their roles
    List,
    /// Give somebody other roles; it signs them out
    Roles {
        /// The name by which they sign in
        name: String,
        #[command(flatten)]
        given: Given,
        /// Why: it stands in the audit log, with your name
        #[arg(long)]
        reason: Option<String>,
    },
    /// Let somebody in no more; it signs them out
    Disable {
        name: String,
        /// Why: it stands in the audit log, with your name
        #[arg(long)]
        reason: Option<String>,
    },
    /// Let somebody in again
    Enable { name: String },
    /// End every session of somebody
    SignOut { name: String },
}

/// What somebody is.
#[derive(Debug, Clone, Args)]
pub struct Given {
    /// What they are: viewer, support, support-lead, integrator, approver, data-steward, manager, governance,
    /// administrator
    #[arg(long, required = true, value_delimiter = ',', value_name = "ROLE")]
    pub role: Vec<Role>,
    /// Only rows of this source; several times for several. Pages that show rows of all are closed to them
    #[arg(long, value_name = "CONNECTOR")]
    pub source: Vec<String>,
}

/// Whom to invite.
#[derive(Debug, Clone, Args)]
pub struct Invite {
    /// The name by which they sign in, and by which the audit log names them: kim.bramble
    #[arg(value_parser = staff_name)]
    pub name: String,
    /// What they are, of somebody new: viewer, support, support-lead, integrator, approver, data-steward,
    /// manager, governance, administrator
    #[arg(long, value_delimiter = ',', value_name = "ROLE")]
    pub role: Vec<Role>,
    /// Only rows of this source; several times for several
    #[arg(long, value_name = "CONNECTOR")]
    pub source: Vec<String>,
    /// For how many hours the link is good
    #[arg(long, default_value_t = HOURS, value_parser = value_parser!(u32).range(1..=i64::from(HOURS_MAX)))]
    pub hours: u32,
    /// The address under which the screens are reached
    #[arg(long, default_value = "http://127.0.0.1:8480", value_name = "URL")]
    pub address: String,
}

/// Forgets sessions that have been over for a day, what hung on them, and downloads whose day is over: once an hour.
pub async fn forget_always(context: Arc<Context>) {
    loop {
        let before_ms = context.clock.now_ms() - WHOLE_MS - 24 * HOUR_MS;
        if let Err(error) = sessions::forget(&context.database, before_ms).await {
            tracing::warn!(%error, "old sessions could not be forgotten");
        }
        let before_ms = context.clock.now_ms() - KEPT_MS;
        if let Err(error) = downloads::forget(&context.database, before_ms).await {
            tracing::warn!(%error, "old downloads could not be forgotten");
        }
        context.clock.pause(HOUR_MS).await;
    }
}

/// Does it.
pub async fn answer(
    database: &Database,
    what: What,
    actor: &Actor,
    now_ms: i64,
) -> Result<(Value, String), AppError> {
    let by = By { actor: actor.as_str(), reason: None, now_ms };
    match what {
        What::Invite(invite) => {
            let (row, link) = invited(database, &invite, by).await?;
            let url = format!("{}/invitation/{link}", invite.address.trim_end_matches('/'));
            let text = format!(
                "{url}\n\nThis link sets the password and the one-time codes of {} ({}). It works once, for {} \
                 hours, and is not shown again: whoever has it is them.\n",
                row.name,
                Roles::from_words(&row.roles).titles(),
                invite.hours
            );
            let until = Moment(now_ms + i64::from(invite.hours) * HOUR_MS);
            Ok((json!({ "name": row.name, "roles": row.roles, "link": url, "until": until }), text))
        }
        What::List => list(database, now_ms).await,
        What::Roles { name, given, reason } => {
            let row = known(database, &name).await?;
            let (roles, sources) = (Roles::new(given.role), given.source.join(","));
            if row.is_of_provider() && roles.words() != row.roles {
                return Err(of_provider(&name, "give them another app role there"));
            }
            let by = By { reason: reason.as_deref(), ..by };
            let words = roles.words();
            if !staff::set_roles(database, &row, (&words, &sources), by).await? {
                return Err(AppError::Stands(format!("{name} was changed meanwhile: look again")));
            }
            let text = format!("{name} is {}, and is signed out.\n", roles.titles());
            Ok((json!({ "name": name, "roles": words, "sources": sources }), text))
        }
        What::Disable { name, reason } => {
            let row = known(database, &name).await?;
            let by = By { reason: reason.as_deref(), ..by };
            let done = staff::set_disabled(database, &row, true, by).await?;
            let text =
                if done { "is let in no more, and is signed out" } else { "was disabled before" };
            Ok((json!({ "name": name, "disabled": true }), format!("{name} {text}.\n")))
        }
        What::Enable { name } => {
            let row = known(database, &name).await?;
            let done = staff::set_disabled(database, &row, false, by).await?;
            let text = if done { "may sign in again" } else { "was not disabled" };
            Ok((json!({ "name": name, "disabled": false }), format!("{name} {text}.\n")))
        }
        What::SignOut { name } => {
            let row = known(database, &name).await?;
            staff::end_sessions(database, &row, by).await?;
            Ok((
                json!({ "name": name, "signed_out": true }),
                format!("{name} is signed out everywhere.\n"),
            ))
        }
    }
}

async fn known(database: &Database, name: &str) -> Result<StaffRow, AppError> {
    staff::of_name(database, name).await?.ok_or_else(|| {
        AppError::NotThere("nobody of that name may sign in: see `viaduct users list`".to_owned())
    })
}

/// Makes somebody who is new, and a link. Gives them, and what stands behind `/invitation/`.
pub async fn invited(
    database: &Database,
    invite: &Invite,
    by: By<'_>,
) -> Result<(StaffRow, String), AppError> {
    let roles = Roles::new(invite.role.clone());
    let found = staff::of_name(database, &invite.name).await?;
    if found.is_none() {
        if roles.words().is_empty() {
            let what = "say what they are: --role viewer, or another; `--help` lists them";
            return Err(AppError::Asked(what.to_owned()));
        }
        let mut numbers = Ids::new();
        numbers.reserve(database, 1).await?;
        let sources = invite.source.join(",");
        staff::add(database, numbers.take(), (&invite.name, &roles.words(), &sources), by).await?;
    } else if !roles.words().is_empty() {
        let what = format!(
            "{} is there already: `viaduct users roles {} --role …` changes what they are; leave `--role` \
             out to send them another link",
            invite.name, invite.name
        );
        return Err(AppError::Stands(what));
    }
    let row = known(database, &invite.name).await?;
    if row.is_of_provider() {
        return Err(of_provider(&invite.name, "they need no password here"));
    }
    let link = fresh_token().map_err(AppError::NotThere)?;
    let secret = fresh_bytes::<SECRET_BYTES>().map_err(AppError::NotThere)?;
    let seed = Seed::new(secret, &row.name).map_err(AppError::NotThere)?;
    let invitation = InviteRow {
        digest: digest_of(&link),
        staff_id: row.id,
        seed: seed.base32(),
        until_ms: by.now_ms + i64::from(invite.hours) * HOUR_MS,
    };
    staff::invite(database, &invitation, &row.name, by).await?;
    Ok((row, link))
}

fn of_provider(name: &str, todo: &str) -> AppError {
    AppError::Stands(format!("{name} signs in with the council's own account: {todo}"))
}

async fn list(database: &Database, now_ms: i64) -> Result<(Value, String), AppError> {
    let live = sessions::live(database, Window::at(now_ms).after()).await?;
    let rows = staff::all(database).await?;
    let of = |row: &StaffRow| {
        let sessions = live.iter().find(|(id, _)| *id == row.id).map_or(0, |(_, many)| *many);
        json!({
            "name": row.name, "roles": row.roles, "titles": Roles::from_words(&row.roles).titles(),
            "sources": row.sources, "state": row.state(), "sessions": sessions, "version": row.version,
            "signed_in": row.signed_in_ms.map(Moment), "made": Moment(row.created_ms),
            "by": row.created_by,
        })
    };
    let json: Vec<Value> = rows.iter().map(of).collect();
    let line = |row: &StaffRow| {
        let sources = if row.sources.is_empty() { "all sources" } else { &row.sources };
        format!("{} · {} · {sources} · {}\n", row.name, row.roles, row.state())
    };
    let text = match rows.is_empty() {
        true => {
            "Nobody may sign in yet: viaduct users invite NAME --role administrator\n".to_owned()
        }
        false => rows.iter().map(line).collect(),
    };
    Ok((json!(json), text))
}
