//! The word of a second person. What sends to many at once, or asks anybody for money, is meant by one and agreed to by
//! another: never by whoever asked for it, whichever door they come by.

use crate::access::actor::Actor;
use crate::app::context::{AppError, Context};
use crate::app::persons;
use crate::job::bulk::Action;
use crate::store::bulk::{self, ASKED, Bulk, Said};

/// For so long somebody's word is waited for.
pub const GOOD_MS: i64 = 24 * 3_600_000;

/// Whether somebody else has to agree to that one.
pub fn takes_two(bulk: &Bulk) -> bool {
    Action::from_word(&bulk.action).is_some_and(|action| action.takes_two(bulk))
}

/// Agrees to it, and leaves the work to the caller; or refuses it.
pub async fn answer(
    context: &Context,
    id: i64,
    (said, reason): (Said, &str),
    actor: &Actor,
) -> Result<(), AppError> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(AppError::Asked("it needs its reason".to_owned()));
    }
    let (database, now_ms) = (&context.database, context.clock.now_ms());
    let found = bulk::get(database, id).await?.ok_or_else(|| {
        AppError::NotThere(format!("there is no bulk action {id}: see `viaduct bulk`"))
    })?;
    let settled = || AppError::Stands(format!("nobody asks for approval of bulk action {id} now"));
    if found.state != ASKED {
        return Err(settled());
    }
    if !persons::is_second_to(database, actor, &found.actor).await? {
        return Err(AppError::Stands(format!(
            "bulk action {id} takes the word of two people, and you asked for it or did not say who you are: somebody else \
             has to agree, at the screens or with a key of their own"
        )));
    }
    if found.moved_ms + GOOD_MS <= now_ms {
        return Err(AppError::Stands(format!(
            "bulk action {id} was asked for more than a day ago: look again at what is held now"
        )));
    }
    match bulk::answer(database, id, (said, Some(reason)), actor.as_str(), now_ms).await? {
        true => Ok(()),
        false => Err(settled()),
    }
}
