//! `viaduct hold`: puts holds down, lists and shows them, lifts one, takes a file of them. The rules are
//! in `job/holds.rs`; here they get words.

pub mod import;
pub mod said;
pub mod urgent;

use std::path::PathBuf;

use clap::{Args, Subcommand, value_parser};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use self::said::Hold;
use super::actor::of_this_process;
use super::audit;
use super::context::{AppError, Context};
use super::sight::{Sight, Unmasked};
use crate::access::actor::Actor;
use crate::job::holds::{self as verbs, Doing};
use crate::record::hold::Asked;
use crate::record::moment::Moment;
use crate::record::personal::unprinted;
use crate::store::holds;

/// What may be asked about holds.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Put a hold down: collection stops for a person, at the last step before anything is sent
    Add(Box<Add>),
    /// List the holds that are not over, the newest first
    List(List),
    /// Everything about one hold: whom it names, its debts, who put it there and why
    Show {
        /// Its number
        id: i64,
        #[command(flatten)]
        showing: Unmasked,
    },
    /// Lift one hold, and no other; what it kept back is judged again
    Lift {
        /// Its number
        id: i64,
        /// Why, for whoever reads it later
        #[arg(long)]
        reason: String,
        /// It should never have been there: end it now, though its kind goes on for some days
        #[arg(long)]
        at_once: bool,
    },
    /// Take the holds of a CSV file: one row each, its columns named as the options of `add` are
    Import {
        file: PathBuf,
        /// Why, for rows that have no reason of their own
        #[arg(long)]
        reason: Option<String>,
    },
}

/// A hold in words. It says who somebody is: it never prints.
#[derive(Args, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Add {
    /// Such as `breathing_space`: a kind that `mappings/suppression.toml` or the usual rules know
    kind: String,
    /// The resident, by number
    #[arg(long, value_name = "ID")]
    resident: Option<String>,
    /// The person by National Insurance number, with `--birth-date`
    #[arg(long, requires = "birth_date")]
    nino: Option<String>,
    /// `1984-02-29`
    #[arg(long, value_name = "DAY")]
    birth_date: Option<String>,
    /// The person by a system's record, with `--key`
    #[arg(long, requires = "key")]
    source: Option<String>,
    /// The record's key in that system
    #[arg(long, requires = "source")]
    key: Option<String>,
    /// The party's key on the record, where it names several people
    #[arg(long, requires = "key")]
    party: Option<String>,
    /// Everybody who is liable for the account of this reference
    #[arg(long, value_name = "REFERENCE")]
    account: Option<String>,
    /// A debt that it covers, by its account's reference; several times for several. Without one, all
    #[arg(long, value_name = "REFERENCE")]
    #[serde(default)]
    debt: Vec<String>,
    /// The first day; from now on where nothing is said
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// The last day
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
    /// What whoever asked for it knows it by: said again, it is the same hold
    #[arg(long)]
    reference: Option<String>,
    /// Why, for whoever reads it later
    #[arg(long)]
    reason: String,
    /// Show values in place of their masks: that stands in the audit log, with the same reason
    #[arg(long)]
    #[serde(skip)]
    show: bool,
}

unprinted!(Add);

impl What {
    /// Whether it shows values, and why.
    fn showing(&self) -> Unmasked {
        let (show, reason) = match self {
            What::Add(add) => (add.show, Some(add.reason.clone())),
            What::List(list) => (list.show, list.reason.clone()),
            What::Show { showing, .. } => return showing.clone(),
            What::Lift { .. } | What::Import { .. } => (false, None),
        };
        Unmasked { show, reason }
    }
}

/// How many are listed at most, and where nothing is said.
pub const MOST_MAX: i64 = 1_000;

fn most() -> u32 {
    50
}

/// Which holds are listed.
#[derive(Debug, Args, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Those that are over, too
    #[arg(long)]
    #[serde(default)]
    all: bool,
    /// Only those of this kind
    #[arg(long)]
    kind: Option<String>,
    /// Go on behind this hold, as the last page says
    #[arg(long, value_name = "ID")]
    after: Option<i64>,
    /// How many at most
    #[arg(long, default_value_t = most(), value_parser = value_parser!(u32).range(1..=MOST_MAX))]
    #[serde(default = "most")]
    pub most: u32,
    /// Show values in place of their masks, which takes a reason
    #[arg(long, requires = "reason")]
    #[serde(default)]
    pub show: bool,
    /// Why they are shown: it stands in the audit log, with your name
    #[arg(long, value_name = "WHY", requires = "show")]
    #[serde(skip)]
    reason: Option<String>,
}

/// What a command about holds has to say.
pub struct Said {
    pub json: Value,
    pub text: String,
    pub exit: u8,
}

/// A person is needed.
pub const URGENT: u8 = 3;

/// Does what a command asks for: that values were shown is written before they are.
pub async fn command(context: &Context, what: What) -> Result<Said, AppError> {
    let showing = what.showing();
    let said = answer(context, what, &of_this_process(), "command").await?;
    let target = match said.json["hold"].as_i64() {
        Some(id) => format!("hold {id}"),
        None => "holds".to_owned(),
    };
    audit::put_down(&context.database, &showing, (target, None)).await?;
    Ok(said)
}

/// Does what is asked, by that door: `command` or `api`.
pub async fn answer(
    context: &Context,
    what: What,
    actor: &Actor,
    door: &str,
) -> Result<Said, AppError> {
    let doing = Doing {
        policy: &context.catalogue.suppression.policy,
        actor: actor.as_str(),
        door,
        now_ms: context.clock.now_ms(),
    };
    match what {
        What::Add(add) => put_down(context, doing, *add).await,
        What::List(asked) => list(context, asked).await,
        What::Show { id, showing } => {
            verbs::known(&context.database, id).await?;
            let hold = Hold::of(context, id, showing.sight()).await?;
            Ok(Said { json: hold.json(), text: hold.text(), exit: 0 })
        }
        What::Lift { id, reason, at_once } => lift(context, doing, id, &reason, at_once).await,
        What::Import { file, reason } => import::take(context, doing, &file, reason).await,
    }
}

async fn put_down(context: &Context, doing: Doing<'_>, add: Add) -> Result<Said, AppError> {
    let sight = Sight::of(add.show);
    let asked = Asked {
        kind: add.kind,
        resident: add.resident,
        nino: add.nino,
        birth_date: add.birth_date,
        source: add.source,
        key: add.key,
        party: add.party,
        account: add.account,
        debts: add.debt,
        from: add.from,
        until: add.until,
        reference: add.reference,
        reason: Some(add.reason),
    };
    let stored = verbs::add(&context.database, doing, &[asked]).await?;
    let stored = stored.first().copied();
    let stored = stored.ok_or_else(|| AppError::NotThere("nothing was stored".to_owned()))?;
    let on_their_way = holds::on_their_way(&context.database, stored.id).await?;
    let hold = Hold::of(context, stored.id, sight).await?;
    let mut json = hold.json();
    json["came"] = json!(stored.came.word());
    json["cut_to_the_longest"] = json!(stored.cut);
    json["on_their_way"] = json!(on_their_way);
    let mut text = format!("Hold {} is {}.\n{}", stored.id, stored.came.word(), hold.text());
    if stored.cut {
        text.push_str("Its end was brought forward to the longest that its kind lasts.\n");
    }
    if on_their_way > 0 {
        text.push_str(&format!("{on_their_way} being sent at this moment: too late for them.\n"));
    }
    Ok(Said { json, text, exit: if hold.is_urgent() { URGENT } else { 0 } })
}

async fn list(context: &Context, asked: List) -> Result<Said, AppError> {
    let (sight, most) = (Sight::of(asked.show), i64::from(asked.most));
    let before = asked.after.unwrap_or(i64::MAX);
    let (database, now_ms) = (&context.database, context.clock.now_ms());
    let kind = asked.kind.as_deref();
    let mut rows = holds::list(database, asked.all, kind, before, most + 1, now_ms).await?;
    let more = rows.len() as i64 > most;
    rows.truncate(most as usize);
    let after = rows.last().filter(|_| more).map(|row| row.id);
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        found.push(Hold::of_row(context, row, sight).await?);
    }
    let list: Vec<Value> = found.iter().map(Hold::json).collect();
    let mut text: String = found.iter().map(Hold::line).collect();
    if found.is_empty() {
        text.push_str("There are no such holds.\n");
    }
    if let Some(after) = after {
        text.push_str(&format!("\nThere are more: add `--after {after}`.\n"));
    }
    Ok(Said { json: json!({ "holds": list, "after": after }), text, exit: 0 })
}

async fn lift(
    context: &Context,
    doing: Doing<'_>,
    id: i64,
    reason: &str,
    at_once: bool,
) -> Result<Said, AppError> {
    let lifted = verbs::lift(&context.database, doing, id, reason, at_once).await?;
    let (ends, again) = (Moment(lifted.ends_ms), lifted.judged_again);
    let json = json!({ "hold": id, "ends": ends, "judged_again": again });
    let when = match lifted.ends_ms <= doing.now_ms {
        true => format!("Hold {id} is lifted, and no other.\n"),
        false => format!("Hold {id} ends on {ends}: its kind goes on so long.\n"),
    };
    let text = format!("{when}{again} messages are judged again when their jobs run next.\n");
    Ok(Said { json, text, exit: 0 })
}
