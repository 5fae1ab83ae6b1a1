//! `viaduct keys`: keys of the API are made, listed and revoked. A key is told once, when it is made; what
//! is kept of it opens nothing.

use clap::{Args, Subcommand, value_parser};
use ipnet::IpNet;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};

use super::context::AppError;
use crate::access::actor::{Actor, staff_name};
use crate::access::grant::{self, DAYS_MAX, LIVE_MAX};
use crate::access::key::{self, Key, SECRET_BYTES};
use crate::access::scope::{Allowed, Scopes};
use crate::record::moment::Moment;
use crate::store::database::Database;
use crate::store::ids::Ids;
use crate::store::keys::{self, KeyRow};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What may be done with keys.
#[derive(Debug, Clone, Subcommand)]
pub enum What {
    /// Make a key for a program, and print it: once, and never again
    Add(New),
    /// List the keys there are, with what they allow
    List,
    /// Have a key open nothing any more: from the next call on
    Revoke {
        /// Its number; or its name, for all keys of that name
        #[arg(value_name = "NAME|ID")]
        key: String,
    },
}

/// A key to be made.
#[derive(Debug, Clone, Args)]
pub struct New {
    /// The program that it is for, as the audit log names it: `crm`
    #[arg(value_parser = key::name)]
    pub name: String,
    /// What it allows: read, show (values in place of their masks), act, decide, audit, people (who may sign in),
    /// review (of alerts); and source:CONNECTOR:write, to push records to that connector
    #[arg(long, required = true, value_delimiter = ',', value_name = "SCOPE")]
    pub scope: Vec<Allowed>,
    /// From where it may be shown, such as 10.1.0.0/16; several times for several
    #[arg(long, value_name = "CIDR", value_parser = grant::network)]
    pub network: Vec<IpNet>,
    /// After how many days it ends
    #[arg(long, value_name = "DAYS", default_value_t = DAYS_MAX,
          value_parser = value_parser!(u32).range(1..=i64::from(DAYS_MAX)))]
    pub expires: u32,
    /// Whose it is, by the name that the person signs in with: where two have to agree, all keys of one person are one
    #[arg(long, value_name = "NAME", value_parser = staff_name)]
    pub owner: Option<String>,
    /// Where it is for; it stands in the key, so that one is not taken for another
    #[arg(long, default_value = "live", value_parser = key::environment)]
    pub environment: String,
}

/// Makes a key.
pub async fn add(
    database: &Database,
    new: &New,
    actor: &Actor,
    now_ms: i64,
) -> Result<(Value, String), AppError> {
    let mut secret = [0; SECRET_BYTES];
    SystemRandom::new()
        .fill(&mut secret)
        .map_err(|_| AppError::NotThere("the machine has no randomness to give".to_owned()))?;
    let mut numbers = Ids::new();
    numbers.reserve(database, 1).await?;
    let key = Key::make(&new.environment, numbers.take(), &secret);
    let row = KeyRow {
        id: key.id(),
        name: new.name.clone(),
        environment: new.environment.clone(),
        digest: key.digest(),
        scopes: Scopes::new(new.scope.clone()).words(),
        networks: grant::networks_words(&new.network),
        created_by: actor.to_string(),
        created_ms: now_ms,
        expires_ms: now_ms + i64::from(new.expires) * DAY_MS,
        revoked_ms: None,
        owner: new.owner.clone(),
    };
    if !keys::add(database, &row, LIVE_MAX).await? {
        return Err(AppError::Stands(format!(
            "`{}` has {LIVE_MAX} live keys already: revoke the one that is not in use any more \
             (viaduct keys revoke ID), or take another name",
            new.name
        )));
    }
    let mut json = of_key(&row, now_ms);
    json["secret"] = json!(key.expose());
    let text = format!(
        "{}\n\nThis is the key. It is not shown again: put it where the program reads its secrets from.\n{}",
        key.expose(),
        line(&row, now_ms)
    );
    Ok((json, text))
}

/// Every key there ever was.
pub async fn list(database: &Database, now_ms: i64) -> Result<(Value, String), AppError> {
    let rows = keys::all(database).await?;
    let json = rows.iter().map(|row| of_key(row, now_ms)).collect();
    let text = match rows.is_empty() {
        true => "There are no keys: the API answers this machine alone.\n".to_owned(),
        false => rows.iter().map(|row| line(row, now_ms)).collect(),
    };
    Ok((json, text))
}

/// Revokes a key, or all of a name.
pub async fn revoke(
    database: &Database,
    named: &str,
    actor: &Actor,
    now_ms: i64,
) -> Result<(Value, String), AppError> {
    let number: Option<i64> = named.parse().ok();
    let rows = keys::all(database).await?;
    let meant: Vec<&KeyRow> = (rows.iter())
        .filter(|row| number.map_or(row.name == named, |number| row.id == number))
        .collect();
    if meant.is_empty() {
        // What was typed may be a key itself: it is not repeated.
        let what = "there is no key of that name or number: see `viaduct keys list`";
        return Err(AppError::NotThere(what.to_owned()));
    }
    let ids: Vec<i64> = meant.iter().map(|row| row.id).collect();
    let revoked = keys::revoke(database, &ids, actor.as_str(), now_ms).await?;
    let mut text = match revoked.len() {
        0 => "It was revoked before.\n".to_owned(),
        1 => "Revoked: 1 key. It opens nothing any more.\n".to_owned(),
        many => format!("Revoked: {many} keys. They open nothing any more.\n"),
    };
    if !keys::any_in_use(database).await? {
        text.push_str("No keys are left: the API answers this machine alone, without one.\n");
    }
    Ok((json!({ "revoked": revoked }), text))
}

fn state(row: &KeyRow, now_ms: i64) -> &'static str {
    match row.revoked_ms {
        Some(_) => "revoked",
        None if row.expires_ms <= now_ms => "expired",
        None => "live",
    }
}

fn of_key(row: &KeyRow, now_ms: i64) -> Value {
    let words = |words: &str| -> Vec<String> {
        words.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    json!({
        "key": row.id,
        "name": row.name,
        "environment": row.environment,
        "state": state(row, now_ms),
        "scopes": words(&row.scopes),
        "networks": words(&row.networks),
        "by": row.created_by,
        "owner": row.owner,
        "made": Moment(row.created_ms),
        "expires": Moment(row.expires_ms),
        "revoked": row.revoked_ms.map(Moment),
    })
}

fn line(row: &KeyRow, now_ms: i64) -> String {
    let KeyRow { id, name, environment, scopes, networks, created_by, expires_ms, .. } = row;
    let networks = if networks.is_empty() { "anywhere" } else { networks };
    format!(
        "{id} · {name} · {environment} · {} · {scopes} · from {networks} · until {} · made by {created_by}\n",
        state(row, now_ms),
        Moment(*expires_ms)
    )
}
