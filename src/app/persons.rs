//! Who is the same person: somebody may have an account here, one at the council's provider, and keys for their
//! programs. They are one person where they have one name, or one owner was named for them.

use super::context::AppError;
use crate::access::actor::Actor;
use crate::store::database::Database;
use crate::store::persons;

/// Owners of owners are looked at so far: nobody names more than one or two.
const NAMES_MAX: usize = 16;

/// Every name that somebody goes by, in small letters: their own, and those of whoever owns it; of a break-glass
/// account also of whoever they said that they are.
pub async fn names(database: &Database, actor: &str) -> Result<Vec<String>, AppError> {
    let mut names = vec![Actor::bare(actor).to_lowercase()];
    if let Some(account) = actor.strip_prefix("break-glass:") {
        names.extend(persons::opener(database, account).await?.map(|name| name.to_lowercase()));
    }
    let mut looked = 0;
    while let Some(name) = names.get(looked).cloned() {
        looked += 1;
        for owner in persons::owners(database, &name).await? {
            let owner = owner.to_lowercase();
            if !names.contains(&owner) && names.len() < NAMES_MAX {
                names.push(owner);
            }
        }
    }
    Ok(names)
}

/// Whether two are one person, by whichever door each came.
pub async fn are_one(database: &Database, one: &str, other: &str) -> Result<bool, AppError> {
    let others = names(database, other).await?;
    Ok(names(database, one).await?.iter().any(|name| others.contains(name)))
}

/// Whether somebody's word counts beside that of whoever asked. Nobody knows who calls from the machine without a key.
pub async fn is_second_to(
    database: &Database,
    actor: &Actor,
    asked: &str,
) -> Result<bool, AppError> {
    Ok(*actor != Actor::local() && !are_one(database, actor.as_str(), asked).await?)
}
