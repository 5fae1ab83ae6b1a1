//! Which deliveries a bulk action is about, in the words of its command and of the API.

use clap::Args;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Wish;
use crate::app::context::{AppError, Context};
use crate::app::days::time;
use crate::connector::definition::Brings;
use crate::job::bulk::Action;
use crate::record::delivery::State;
use crate::record::moment::Moment;
use crate::record::personal::Personal;
use crate::store::database::Database;
use crate::store::deliveries::Filter;
use crate::store::people;

/// Which held deliveries are meant, and why.
#[derive(Debug, Clone, Default, Args, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Chosen {
    /// Their numbers
    #[arg(value_name = "ID", required_unless_present = "code", conflicts_with = "code")]
    pub ids: Vec<i64>,
    /// All held under this code, or one that begins with it: `notify`, `notify.not_found`
    #[arg(long)]
    pub code: Option<String>,
    /// Only those to this connector
    #[arg(long)]
    pub destination: Option<String>,
    /// Only those that this mapping made
    #[arg(long)]
    pub mapping: Option<String>,
    /// Only those to this resident
    #[arg(long, value_name = "ID")]
    pub resident: Option<i64>,
    /// Only those that this batch made
    #[arg(long, value_name = "ID")]
    pub batch: Option<i64>,
    /// Why: it stays with what is done, with your name
    #[arg(long, required_unless_present = "dry_run")]
    pub reason: Option<String>,
    /// Only say what would become of them
    #[arg(long)]
    pub dry_run: bool,
}

impl Chosen {
    /// By their numbers or by a code: whoever says neither does not mean all there are.
    pub fn wish(&self, action: Action) -> Result<Wish, AppError> {
        if self.ids.is_empty() == self.code.is_none() {
            let what = "say which deliveries are meant: by their numbers (`ids`), or by `code`";
            return Err(AppError::Asked(what.to_owned()));
        }
        let filter = Filter {
            state: Some(State::Held.word()),
            destination: self.destination.clone(),
            mapping: self.mapping.clone(),
            resident_id: self.resident,
            batch_id: self.batch,
            code: self.code.clone(),
            ..Filter::default()
        };
        Ok(Wish {
            action,
            ids: self.ids.clone(),
            words: words(&self.ids, &filter),
            filter,
            reason: self.reason.clone(),
            dry_run: self.dry_run,
        })
    }
}

/// What of that which a system has had it is to have once more, and why.
#[derive(Debug, Clone, Default, Args, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Had {
    /// Their numbers
    #[arg(value_name = "ID")]
    pub ids: Vec<i64>,
    /// The system, by its connector: one that is told by HTTP
    #[arg(long)]
    pub destination: String,
    /// Only what it has had since then: a day, or an instant such as 2026-11-26T06:00:00Z
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Only what it had before then; a day counts to its end
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only what this mapping made
    #[arg(long)]
    pub mapping: Option<String>,
    /// Only what was about this resident
    #[arg(long, value_name = "ID")]
    pub resident: Option<i64>,
    /// Only what was about this account, by the key that its source knows it by
    #[arg(long, value_name = "REFERENCE")]
    #[schemars(with = "Option<String>")]
    pub account: Option<Personal<String>>,
    /// Only what this batch made
    #[arg(long, value_name = "ID")]
    pub batch: Option<i64>,
    /// Why: it stays with what is done, with your name
    #[arg(long, required_unless_present = "dry_run")]
    pub reason: Option<String>,
    /// Only say what would become of them
    #[arg(long)]
    pub dry_run: bool,
}

impl Had {
    /// Of one system that is told by pushes. Whoever says no more does not mean all that it ever had.
    pub async fn wish(&self, context: &Context) -> Result<Wish, AppError> {
        may_be_told_again(context, &self.destination)?;
        let filter = Filter {
            taken: true,
            destination: Some(self.destination.clone()),
            mapping: self.mapping.clone(),
            resident_id: self.resident,
            batch_id: self.batch,
            accounts: accounts(&context.database, self.account.as_ref()).await?,
            from_ms: time("from", self.from.as_deref(), Moment::parse)?,
            until_ms: time("until", self.until.as_deref(), Moment::parse_end)?,
            ..Filter::default()
        };
        let words = words(&self.ids, &filter);
        let says_which = !self.ids.is_empty()
            || filter.from_ms.is_some()
            || filter.mapping.is_some()
            || filter.resident_id.is_some()
            || filter.batch_id.is_some()
            || !filter.accounts.is_empty();
        if !says_which {
            return Err(AppError::Asked(
                "say what of all that it has had: by numbers (`ids`), or by `from`, `mapping`, \
                 `resident`, `account` or `batch`"
                    .to_owned(),
            ));
        }
        Ok(Wish {
            action: Action::Repeat,
            ids: self.ids.clone(),
            words,
            filter,
            reason: self.reason.clone(),
            dry_run: self.dry_run,
        })
    }
}

/// A system that takes pushes and nothing that a resident sees.
fn may_be_told_again(context: &Context, destination: &str) -> Result<(), AppError> {
    let Some(definition) = context.catalogue.connectors.get(destination) else {
        let what = format!(
            "there is no connector `{destination}`: see `viaduct destinations` for those there are"
        );
        return Err(AppError::NotThere(what));
    };
    match definition.settings.takes(Brings::Push) {
        true => Ok(()),
        false => Err(AppError::Stands(format!(
            "`{destination}` reaches residents: a second letter, message or payment is no replay, and \
             nobody is written to twice. Only systems that are told by HTTP are told again"
        ))),
    }
}

async fn accounts(
    database: &Database,
    reference: Option<&Personal<String>>,
) -> Result<Vec<i64>, AppError> {
    let Some(reference) = reference else { return Ok(Vec::new()) };
    match people::accounts_named(database, reference.expose().trim()).await? {
        found if found.is_empty() => {
            Err(AppError::NotThere("no source knows an account by that `account`".to_owned()))
        }
        found => Ok(found),
    }
}

/// As it was asked for: `--code notify --destination notify`. An account is named by our number: it is kept
/// where nothing of a resident may be.
fn words(ids: &[i64], filter: &Filter) -> String {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    let named = |name: &str, value: Option<String>| value.map(|value| format!("--{name} {value}"));
    let accounts: Vec<String> = filter.accounts.iter().map(|id| format!("#{id}")).collect();
    let at = |ms: Option<i64>| ms.map(|ms| Moment(ms).utc_said());
    let parts = [
        (!ids.is_empty()).then(|| ids.join(" ")),
        named("code", filter.code.clone()),
        named("destination", filter.destination.clone()),
        named("mapping", filter.mapping.clone()),
        named("from", at(filter.from_ms)),
        named("until", at(filter.until_ms)),
        named("account", Some(accounts.join(",")).filter(|text| !text.is_empty())),
        named("resident", filter.resident_id.map(|id| id.to_string())),
        named("batch", filter.batch_id.map(|id| id.to_string())),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}
