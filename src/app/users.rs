//! `viaduct users`: the people who sign in at the screens. Somebody is invited by a link that works once; with it
//! they set their password and their one-time codes themselves. Nobody else ever knows either. By command, by the API
//! and at the screens it is the same; but whoever has the machine may do what there takes somebody else.

use std::sync::Arc;

use clap::{Args, Subcommand, value_parser};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::context::{AppError, Context};
use super::persons;
use crate::access::actor::{Actor, staff_name};
use crate::access::code::{SECRET_BYTES, Seed};
use crate::access::right::{Role, Roles};
use crate::record::moment::Moment;
use crate::store::alerts::AlertRow;
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
    /// Say whose account it is, where a person has several: their word counts once, by whichever they come
    Owner {
        /// The name by which they sign in
        name: String,
        /// The name that the person goes by; leave it out, and nobody says so any more
        #[arg(long, value_parser = staff_name)]
        owner: Option<String>,
        /// Why: it stands in the audit log, with your name
        #[arg(long)]
        reason: Option<String>,
    },
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
    /// Whose account it is, by the name that the person goes by otherwise, where they have several
    #[arg(long, value_name = "NAME", value_parser = staff_name)]
    pub owner: Option<String>,
    /// For how many hours the link is good
    #[arg(long, default_value_t = HOURS, value_parser = value_parser!(u32).range(1..=i64::from(HOURS_MAX)))]
    pub hours: u32,
    /// The address under which the screens are reached
    #[arg(long, default_value = "http://127.0.0.1:8480", value_name = "URL")]
    pub address: String,
}

/// Somebody to be invited, by the API.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Invited {
    /// The name by which they sign in: kim.bramble
    name: String,
    /// What they are, of somebody new: viewer, support …
    #[serde(default)]
    roles: Vec<String>,
    /// Only rows of these sources
    #[serde(default)]
    sources: Vec<String>,
    /// The name that the person goes by otherwise, where they have several accounts
    owner: Option<String>,
    /// For how many hours the link is good
    #[serde(default = "hours")]
    hours: u32,
}

/// What somebody is to be, by the API.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Changed {
    roles: Vec<String>,
    /// Only rows of these sources; of all where none is named
    #[serde(default)]
    sources: Vec<String>,
    /// Whose account it is: left as it is where nothing is said, taken away where it is empty
    owner: Option<String>,
    reason: String,
    /// The version that was looked at: nothing is changed if there is another by now
    version: Option<i64>,
}

fn hours() -> u32 {
    HOURS
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
        What::Owner { name, owner, reason } => {
            let by = By { reason: reason.as_deref(), ..by };
            let row = known(database, &name).await?;
            staff::set_owner(database, &row, owner.as_deref(), by).await?;
            let text = match &owner {
                Some(owner) => format!("{name} and {owner} are one person.\n"),
                None => format!("Nobody says any more whose account {name} is.\n"),
            };
            Ok((json!({ "name": name, "owner": owner }), text))
        }
        What::Roles { name, given, reason } => {
            let by = By { reason: reason.as_deref(), ..by };
            let row = known(database, &name).await?;
            changed(database, &row, (Roles::new(given.role), given.source.join(",")), by).await
        }
        What::Disable { name, reason } => {
            turned(database, &name, true, By { reason: reason.as_deref(), ..by }).await
        }
        What::Enable { name } => turned(database, &name, false, by).await,
        What::SignOut { name } => signed_out(database, &name, by).await,
    }
}

/// One of them, by the API.
pub async fn one(database: &Database, name: &str, now_ms: i64) -> Result<Value, AppError> {
    let live = sessions::live(database, Window::at(now_ms).after()).await?;
    Ok(of(&known(database, name).await?, &live))
}

/// By the API or at the screens: somebody new; or another link for somebody who has used none yet. Of whoever has a
/// password a link would make another person them: that takes the machine.
pub async fn invite(
    database: &Database,
    asked: Invited,
    actor: &Actor,
    now_ms: i64,
) -> Result<Value, AppError> {
    must_be_somebody(actor)?;
    let Invited { name, roles, sources, owner, hours } = asked;
    let name = staff_name(&name).map_err(AppError::Asked)?;
    let owner = owner.map(|owner| staff_name(&owner)).transpose().map_err(AppError::Asked)?;
    if hours == 0 || hours > HOURS_MAX {
        return Err(AppError::Asked(format!("`hours` is from 1 to {HOURS_MAX}")));
    }
    let found = staff::of_name(database, &name).await?;
    if found.is_some_and(|row| row.password.is_some()) {
        return Err(AppError::Stands(format!(
            "{name} is there already, and whoever had another link would be them. Take another name if it is somebody \
             else. If they lost their password or their telephone, whoever looks after the machine makes the link there"
        )));
    }
    let invite = Invite {
        name,
        role: roles_of(&roles)?,
        source: sources,
        owner,
        hours,
        address: String::new(),
    };
    let by = By { actor: actor.as_str(), reason: None, now_ms };
    let (row, link) = invited(database, &invite, by).await?;
    let until = Moment(now_ms + i64::from(hours) * HOUR_MS);
    let link = format!("/invitation/{link}");
    Ok(json!({ "name": row.name, "roles": row.roles, "link": link, "until": until }))
}

/// By the API or at the screens: other roles, sources or owner.
pub async fn change(
    database: &Database,
    name: &str,
    asked: Changed,
    actor: &Actor,
    now_ms: i64,
) -> Result<Value, AppError> {
    let row = other(database, name, actor).await?;
    let Changed { roles, sources, owner, reason, version } = asked;
    let by = By { actor: actor.as_str(), reason: Some(said(&reason)?), now_ms };
    if version.is_some_and(|version| version != row.version) {
        return Err(meanwhile(name));
    }
    // What somebody of the provider is, it says: of which sources they see rows is ours to say.
    let roles = match row.is_of_provider() && roles.is_empty() {
        true => Roles::from_words(&row.roles),
        false => Roles::new(roles_of(&roles)?),
    };
    if roles.words().is_empty() && !row.is_of_provider() {
        return Err(AppError::Asked("say what they are, or disable them: `roles`".to_owned()));
    }
    let owner = match owner.as_deref().map(str::trim) {
        Some("") => Some(None),
        Some(owner) => Some(Some(staff_name(owner).map_err(AppError::Asked)?)),
        None => None,
    };
    let (json, _) = changed(database, &row, (roles, sources.join(",")), by).await?;
    if let Some(owner) = owner {
        staff::set_owner(database, &row, owner.as_deref(), by).await?;
    }
    Ok(json)
}

/// By the API or at the screens: lets somebody in no more, or again.
pub async fn turn(
    database: &Database,
    name: &str,
    (disabled, reason): (bool, Option<&str>),
    actor: &Actor,
    now_ms: i64,
) -> Result<Value, AppError> {
    other(database, name, actor).await?;
    let reason = reason.map(said).transpose()?;
    let by = By { actor: actor.as_str(), reason, now_ms };
    Ok(turned(database, name, disabled, by).await?.0)
}

/// By the API or at the screens: ends every session of somebody, and be it oneself.
pub async fn sign_out(
    database: &Database,
    name: &str,
    actor: &Actor,
    now_ms: i64,
) -> Result<Value, AppError> {
    must_be_somebody(actor)?;
    let by = By { actor: actor.as_str(), reason: None, now_ms };
    Ok(signed_out(database, name, by).await?.0)
}

fn roles_of(words: &[String]) -> Result<Vec<Role>, AppError> {
    words.iter().map(|word| word.parse().map_err(AppError::Asked)).collect()
}

fn said(reason: &str) -> Result<&str, AppError> {
    match reason.trim() {
        "" => Err(AppError::Asked("it needs its reason".to_owned())),
        reason => Ok(reason),
    }
}

/// Whoever looks after people is somebody: of a call from the machine without a key nobody knows.
fn must_be_somebody(actor: &Actor) -> Result<(), AppError> {
    match *actor == Actor::local() {
        true => Err(AppError::Stands(
            "nobody knows who calls from the machine without a key: make one with the scope `people`".to_owned(),
        )),
        false => Ok(()),
    }
}

/// Whoever is changed is somebody else.
async fn other(database: &Database, name: &str, actor: &Actor) -> Result<StaffRow, AppError> {
    must_be_somebody(actor)?;
    let row = known(database, name).await?;
    match persons::are_one(database, actor.as_str(), &row.name).await? {
        true => Err(AppError::Stands(
            "nobody changes what they themselves may: ask another administrator".to_owned(),
        )),
        false => Ok(row),
    }
}

fn meanwhile(name: &str) -> AppError {
    AppError::Stands(format!("{name} was changed meanwhile: look again"))
}

async fn changed(
    database: &Database,
    row: &StaffRow,
    (roles, sources): (Roles, String),
    by: By<'_>,
) -> Result<(Value, String), AppError> {
    let (name, words) = (&row.name, roles.words());
    if row.is_of_provider() && words != row.roles {
        return Err(of_provider(name, "give them another app role there"));
    }
    if row.is_glass() {
        return Err(AppError::Stands(format!(
            "{name} is a break-glass account: it has no roles, and is an administrator for an hour when it is opened"
        )));
    }
    if !staff::set_roles(database, row, (&words, &sources), by).await? {
        return Err(meanwhile(name));
    }
    let text = format!("{name} is {}, and is signed out.\n", roles.titles());
    Ok((json!({ "name": name, "roles": words, "sources": sources }), text))
}

async fn turned(
    database: &Database,
    name: &str,
    disabled: bool,
    by: By<'_>,
) -> Result<(Value, String), AppError> {
    let row = known(database, name).await?;
    if row.withdrawn_ms.is_some() {
        return Err(AppError::Stands(format!("{name} was withdrawn, for good")));
    }
    let done = staff::set_disabled(database, &row, disabled, by).await?;
    let text = match (disabled, done) {
        (true, true) => "is let in no more, and is signed out",
        (true, false) => "was disabled before",
        (false, true) => "may sign in again",
        (false, false) => "was not disabled",
    };
    Ok((json!({ "name": name, "disabled": disabled }), format!("{name} {text}.\n")))
}

async fn signed_out(
    database: &Database,
    name: &str,
    by: By<'_>,
) -> Result<(Value, String), AppError> {
    let row = known(database, name).await?;
    staff::end_sessions(database, &row, by).await?;
    let text = format!("{name} is signed out everywhere.\n");
    Ok((json!({ "name": name, "signed_out": true }), text))
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
        let new = (invite.name.as_str(), roles.words(), sources);
        staff::add(database, numbers.take(), (new.0, &new.1, &new.2), by).await?;
        let row = known(database, &invite.name).await?;
        staff::set_owner(database, &row, invite.owner.as_deref(), by).await?;
    } else if !roles.words().is_empty() {
        let what = format!(
            "{} is there already: `viaduct users roles {} --role …` changes what they are; leave `--role` \
             out to send them another link",
            invite.name, invite.name
        );
        return Err(AppError::Stands(what));
    }
    let row = known(database, &invite.name).await?;
    if row.is_glass() && !by.actor.starts_with("user:") {
        return Err(AppError::Stands(format!(
            "{} is a break-glass account: whoever looks after the machine makes its link",
            invite.name
        )));
    }
    if row.is_of_provider() {
        return Err(of_provider(&invite.name, "they need no password here"));
    }
    let until_ms = by.now_ms + i64::from(invite.hours) * HOUR_MS;
    let link = link(database, &row, until_ms, by).await?;
    Ok((row, link))
}

/// A link that works once. Where it sets anew what somebody has, that raises an alert: whoever has it is them.
pub(super) async fn link(
    database: &Database,
    row: &StaffRow,
    until_ms: i64,
    by: By<'_>,
) -> Result<String, AppError> {
    if row.withdrawn_ms.is_some() {
        return Err(AppError::Stands(format!("{} was withdrawn, for good", row.name)));
    }
    let link = fresh_token().map_err(AppError::NotThere)?;
    let secret = fresh_bytes::<SECRET_BYTES>().map_err(AppError::NotThere)?;
    let seed = Seed::new(secret, &row.name).map_err(AppError::NotThere)?;
    let invitation =
        InviteRow { digest: digest_of(&link), staff_id: row.id, seed: seed.base32(), until_ms };
    let mut alert = None;
    if row.password.is_some() {
        let mut numbers = Ids::new();
        numbers.reserve(database, 1).await?;
        alert = Some(AlertRow {
            id: numbers.take(),
            kind: "invited".to_owned(),
            name: row.name.clone(),
            person: by.actor.to_owned(),
            reason: String::new(),
            place: String::new(),
            at_ms: by.now_ms,
            until_ms: None,
            reviewed_ms: None,
            reviewed_by: None,
            review: None,
        });
    }
    staff::invite_with(database, &invitation, &row.name, by, alert.as_ref()).await?;
    Ok(link)
}

fn of_provider(name: &str, todo: &str) -> AppError {
    AppError::Stands(format!("{name} signs in with the council's own account: {todo}"))
}

fn of(row: &StaffRow, live: &[(i64, i64)]) -> Value {
    let sessions = live.iter().find(|(id, _)| *id == row.id).map_or(0, |(_, many)| *many);
    let state = if row.is_glass() && sessions > 0 { "open" } else { row.state() };
    let titles = match row.is_glass() {
        true => "Break-glass".to_owned(),
        false => Roles::from_words(&row.roles).titles(),
    };
    json!({
        "name": row.name, "roles": row.roles, "titles": titles,
        "sources": row.sources, "state": state, "sessions": sessions, "version": row.version,
        "signed_in": row.signed_in_ms.map(Moment), "made": Moment(row.created_ms),
        "by": row.created_by, "owner": row.owner, "of_provider": row.is_of_provider(),
        "break_glass": row.is_glass(), "has_password": row.password.is_some(),
    })
}

/// Everybody there ever was.
pub async fn list(database: &Database, now_ms: i64) -> Result<(Value, String), AppError> {
    let live = sessions::live(database, Window::at(now_ms).after()).await?;
    let rows = staff::all(database).await?;
    let json: Vec<Value> = rows.iter().map(|row| of(row, &live)).collect();
    let line = |row: &StaffRow| {
        let sources = if row.sources.is_empty() { "all sources" } else { &row.sources };
        let roles = if row.is_glass() { "break-glass" } else { &row.roles };
        let owner = row.owner.as_ref().map(|owner| format!(" · {owner}'s")).unwrap_or_default();
        format!("{} · {roles} · {sources} · {}{owner}\n", row.name, row.state())
    };
    let text = match rows.is_empty() {
        true => {
            "Nobody may sign in yet: viaduct users invite NAME --role administrator\n".to_owned()
        }
        false => rows.iter().map(line).collect(),
    };
    Ok((json!(json), text))
}
