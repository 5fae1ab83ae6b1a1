//! `viaduct break-glass`: accounts for an emergency, when nobody who may can sign in otherwise. There are none until
//! somebody makes one, and two at most. Each is opened at the screens for an hour, and raises an alert.

use clap::{Args, Subcommand, value_parser};
use ipnet::IpNet;
use serde_json::{Value, json};

use super::context::AppError;
use super::users;
use crate::access::actor::{Actor, staff_name};
use crate::access::grant;
use crate::record::moment::Moment;
use crate::store::break_glass::{self, Added};
use crate::store::database::Database;
use crate::store::ids::Ids;
use crate::store::sessions;
use crate::store::staff::{self, By, StaffRow};
use crate::web::screens::session::Window;

/// So many may be there.
const MOST: i64 = 2;
const HOUR_MS: i64 = 3_600_000;

/// What may be done with break-glass accounts.
#[derive(Debug, Clone, Subcommand)]
pub enum What {
    /// Make one, two at most: prints a link that works once, by which its password and one-time codes are set
    Add(New),
    /// List them, and how each stands
    List,
    /// Take one away for good, which ends what it has open. To lock one, and to unlock it: `viaduct users disable`
    /// and `enable`; to end its session: `viaduct users sign-out`
    Withdraw {
        name: String,
        /// Why: it stands in the audit log, with your name
        #[arg(long)]
        reason: String,
    },
}

/// One to be made.
#[derive(Debug, Clone, Args)]
pub struct New {
    /// The name by which it is opened: glass.one
    #[arg(value_parser = staff_name)]
    pub name: String,
    /// Who keeps it, by the name that they sign in with otherwise: they do not review its use
    #[arg(long, value_name = "NAME", value_parser = staff_name)]
    pub owner: Option<String>,
    /// From where it may be opened, such as 10.1.0.0/16; several times for several. From anywhere, where none is named
    #[arg(long, value_name = "CIDR", value_parser = grant::network)]
    pub network: Vec<IpNet>,
    /// For how many hours the link is good
    #[arg(long, default_value_t = 24, value_parser = value_parser!(u32).range(1..=168))]
    pub hours: u32,
    /// The address under which the screens are reached
    #[arg(long, default_value = "http://127.0.0.1:8480", value_name = "URL")]
    pub address: String,
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
        What::Add(new) => add(database, &new, by).await,
        What::List => list(database, now_ms).await,
        What::Withdraw { name, reason } => {
            let row = known(database, &name).await?;
            let by = By { reason: Some(&reason), ..by };
            let done = break_glass::withdraw(database, &row, by).await?;
            let text =
                if done { "is withdrawn, and opens nothing" } else { "was withdrawn before" };
            Ok((json!({ "name": name, "state": "withdrawn" }), format!("{name} {text}.\n")))
        }
    }
}

async fn add(database: &Database, new: &New, by: By<'_>) -> Result<(Value, String), AppError> {
    let mut numbers = Ids::new();
    numbers.reserve(database, 1).await?;
    let networks = grant::networks_words(&new.network);
    let of = (new.name.as_str(), new.owner.as_deref().unwrap_or_default(), networks.as_str());
    match break_glass::add(database, numbers.take(), of, by, MOST).await? {
        Added::Kept => {}
        Added::NameTaken => {
            return Err(AppError::Stands(format!(
                "{} is there already: a break-glass account has a name of its own",
                new.name
            )));
        }
        Added::Full => {
            return Err(AppError::Stands(format!(
                "there are {MOST} break-glass accounts already: withdraw one first with `viaduct break-glass \
                 withdraw NAME --reason WHY`"
            )));
        }
    }
    let row = known(database, &new.name).await?;
    let until_ms = by.now_ms + i64::from(new.hours) * HOUR_MS;
    let link = users::link(database, &row, until_ms, by).await?;
    let address = new.address.trim_end_matches('/');
    let url = format!("{address}/invitation/{link}");
    let text = format!(
        "{url}\n\nThis link sets the password and the one-time codes of the break-glass account {}. It works once, \
         for {} hours, and is not shown again. Keep both where they are found in an emergency, and opened by nobody \
         unseen.\nThe account is opened at {address}/break-glass, for an hour each time; every use raises an alert.\n",
        row.name, new.hours
    );
    Ok((json!({ "name": row.name, "link": url, "until": Moment(until_ms) }), text))
}

async fn list(database: &Database, now_ms: i64) -> Result<(Value, String), AppError> {
    let live = sessions::live(database, Window::at(now_ms).after()).await?;
    let rows = staff::all(database).await?;
    let rows: Vec<&StaffRow> = rows.iter().filter(|row| row.is_glass()).collect();
    let state = |row: &StaffRow| match live.iter().any(|(id, _)| *id == row.id) {
        true => "open",
        false => row.state(),
    };
    let json: Vec<Value> = (rows.iter())
        .map(|row| {
            json!({
                "name": row.name, "state": state(row), "owner": row.owner,
                "networks": row.glass_networks, "opened": row.signed_in_ms.map(Moment),
                "made": Moment(row.created_ms), "by": row.created_by,
                "withdrawn": row.withdrawn_ms.map(Moment), "withdrawn_by": row.withdrawn_by,
            })
        })
        .collect();
    let line = |row: &&StaffRow| {
        let from = row.glass_networks.as_deref().filter(|from| !from.is_empty());
        let last = row
            .signed_in_ms
            .map_or("never opened".to_owned(), |at| format!("opened last on {}", Moment(at)));
        format!("{} · {} · from {} · {last}\n", row.name, state(row), from.unwrap_or("anywhere"))
    };
    let text = match rows.is_empty() {
        true => "There are no break-glass accounts: viaduct break-glass add NAME\n".to_owned(),
        false => rows.iter().map(line).collect(),
    };
    Ok((json!(json), text))
}

async fn known(database: &Database, name: &str) -> Result<StaffRow, AppError> {
    let found = staff::of_name(database, name).await?.filter(StaffRow::is_glass);
    found.ok_or_else(|| {
        AppError::NotThere(
            "there is no break-glass account of that name: see `viaduct break-glass list`"
                .to_owned(),
        )
    })
}
