//! `viaduct demo --serve`: after both nights the screens stay up, so that a newcomer's next step is to look.
//! Nobody has an account in it: a link is printed, once, by which whoever reads it sets a password of their own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;

use super::Demo;
use crate::access::right::Role;
use crate::app::actor;
use crate::app::clock::MachineClock;
use crate::app::context::{AppError, Context, surroundings};
use crate::app::serve;
use crate::app::users::{Invite, What, answer};
use crate::job::clock::Clock;
use crate::web::api::door::InFront;

/// The name that the link is for.
const NAME: &str = "demo";
const HOURS: u32 = 24;

/// Serves what was played, until it is told to stop.
pub async fn serve(definitions: &Path, played: &Demo, listen: SocketAddr) -> Result<(), AppError> {
    let url = format!("sqlite:{}", played.folder.join("viaduct.db").display());
    let mut context = Context::open(definitions, &url).await?;
    let mut own: HashMap<String, String> = played.stage.variables();
    own.insert("PUBLIC_URL".to_owned(), format!("http://{listen}"));
    context.around = surroundings(own);
    let invite = Invite {
        name: NAME.to_owned(),
        role: vec![Role::SupportLead, Role::Governance, Role::Administrator],
        source: vec![],
        owner: None,
        hours: HOURS,
        address: format!("http://{listen}"),
    };
    let (me, now_ms) = (actor::of_this_process(), MachineClock.now_ms());
    let (_, text) = answer(&context.database, What::Invite(invite), &me, now_ms).await?;
    eprintln!("\nTo sign in, once the screens are up, open\n{text}");
    serve::serve(context, listen, InFront::default()).await
}
