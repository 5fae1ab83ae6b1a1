//! P37: signing in with the council's own account. The browser is sent to the provider and comes back with a code,
//! which is looked at there; people are known by their number there, and never by a name.

use askama::Template;
use axum::http::HeaderValue;

use super::own_way;
use super::sign_in::{SignIn, session_of};
use crate::access::actor::staff_name;
use crate::access::token::Identity;
use crate::connector::open_id::{self, NotIn};
use crate::store::ids::Ids;
use crate::store::sessions;
use crate::store::staff::{self, By, StaffRow};
use crate::web::screens::session::{self, WAY_MS, digest_of, fresh_token};
use crate::web::screens::visit::{Answer, Frame, Reply, Trouble, Visit};

/// Sends the browser to the council's provider. It takes along a secret of its own, and all that the provider is given
/// is made of that one: the code it comes back with is good in that browser alone, and once.
pub async fn away(visit: &Visit) -> Answer {
    let Some(provider) = visit.screens.hub.provider() else { return Err(no_provider()) };
    visit.screens.ways_from.take(visit.peer, visit.now_ms).map_err(Trouble::TooOften)?;
    let token = fresh_token().map_err(|_| Trouble::Broken)?;
    let marks = Marks::of(&token);
    let way = match provider.way(marks.lent(), visit.now_ms).await {
        Ok(way) => way,
        Err(error) => {
            tracing::error!(cause = %error, "the provider of sign-ins cannot be used");
            let says = "The council’s sign-in does not answer now. Try again in a minute";
            return said(visit, 503, says, vec![]).await;
        }
    };
    let next = own_way(visit.query.one("next")).to_owned();
    let database = visit.screens.hub.database();
    sessions::send_away(database, &digest_of(&token), &next, visit.now_ms).await?;
    let cookie = session::way_cookie(Some(&token), visit.is_secure);
    Ok(Reply::With(vec![cookie], way))
}

/// The browser comes back from there.
pub async fn back(visit: &Visit) -> Answer {
    let Some(provider) = visit.screens.hub.provider() else { return Err(no_provider()) };
    let Some(token) = visit.way.as_deref() else {
        return not_in(visit, "it was not sent away").await;
    };
    let marks = Marks::of(token);
    // Somebody else's answer, shown to this browser, uses nothing up: neither its way nor anybody's turn.
    if !marks.is_state(visit.query.one("state")) {
        tracing::warn!(
            cause = "it came back with another's answer",
            "a sign-in by the provider was refused"
        );
        return said(visit, 401, NOT_IN, vec![]).await;
    }
    visit.screens.ways_from.take(visit.peer, visit.now_ms).map_err(Trouble::TooOften)?;
    if visit.query.some("iss").is_some_and(|said| !provider.is_issuer(said)) {
        return not_in(visit, "another issuer answered").await;
    }
    let database = visit.screens.hub.database();
    let after_ms = visit.now_ms - WAY_MS;
    let Some(next) = sessions::came_back(database, &digest_of(token), after_ms).await? else {
        return not_in(visit, "it came back before, or too late").await;
    };
    let Some(code) = visit.query.some("code") else {
        return not_in(visit, "the provider said no").await;
    };
    let (identity, roles) = match provider.who(code, marks.lent(), visit.now_ms).await {
        Ok(known) => known,
        Err(why) => {
            if let NotIn::NoRole(who) = &why {
                lost_all(visit, who).await?;
            }
            return not_in(visit, &why.to_string()).await;
        }
    };
    let Some(row) = here(visit, &identity, &roles.words()).await? else {
        return not_in(visit, "they are let in no more").await;
    };
    let token = fresh_token().map_err(|_| Trouble::Broken)?;
    let session = session_of(&row, &token, visit.now_ms)?;
    if !sessions::begin_of_provider(database, &session, row.version).await? {
        return not_in(visit, "they were changed meanwhile").await;
    }
    let cookies = vec![
        session::cookie(Some(&token), visit.is_secure),
        session::way_cookie(None, visit.is_secure),
    ];
    Ok(Reply::With(cookies, own_way(&next).to_owned()))
}

const NOT_IN: &str = "You could not be signed in. Try once more; if it goes on, ask an administrator of this service whether your account is meant to have access";

/// Why stands in the log alone.
async fn not_in(visit: &Visit, why: &str) -> Answer {
    tracing::warn!(cause = why, "a sign-in by the provider was refused");
    said(visit, 401, NOT_IN, vec![session::way_cookie(None, visit.is_secure)]).await
}

/// The page of signing in, with what went wrong.
async fn said(visit: &Visit, status: u16, says: &str, cookies: Vec<HeaderValue>) -> Answer {
    let frame = Frame { is_error: true, ..visit.frame("Sign in") };
    let errors = vec![("provider", says.to_owned())];
    let page = SignIn::of(visit, frame, "/".to_owned(), "", errors).await?;
    let html = page.render().map_err(|_| Trouble::Broken)?;
    Ok(Reply::PageWith(cookies, status, html))
}

fn no_provider() -> Trouble {
    Trouble::NotThere("People sign in here with a name and a password.".to_owned())
}

/// The provider gives them nothing here any more: they have no roles, and are signed out wherever they are.
async fn lost_all(visit: &Visit, who: &Identity) -> Result<(), Trouble> {
    let database = visit.screens.hub.database();
    let found = staff::of_person(database, &who.tenant, &who.person).await?;
    let Some(row) = found.filter(|row| !row.roles.is_empty()) else { return Ok(()) };
    let by = By { actor: "provider", reason: None, now_ms: visit.now_ms };
    staff::set_roles(database, &row, ("", &row.sources), by).await?;
    Ok(())
}

/// Them, as they are kept: made where they are new, and with the roles that they have by now.
async fn here(visit: &Visit, who: &Identity, roles: &str) -> Result<Option<StaffRow>, Trouble> {
    let database = visit.screens.hub.database();
    let found = match staff::of_person(database, &who.tenant, &who.person).await? {
        Some(row) => row,
        None => {
            let mut numbers = Ids::new();
            numbers.reserve(database, 1).await?;
            let of = (who.tenant.as_str(), who.person.as_str(), roles);
            let names = names_for(who);
            let made = staff::add_of_provider(database, numbers.take(), of, &names, visit.now_ms);
            made.await?.ok_or(Trouble::Broken)?
        }
    };
    if found.disabled_ms.is_some() {
        return Ok(None);
    }
    if found.roles == roles {
        return Ok(Some(found));
    }
    let by = By { actor: "provider", reason: None, now_ms: visit.now_ms };
    // Where somebody else did it at the same moment, theirs is looked at.
    staff::set_roles(database, &found, (roles, &found.sources), by).await?;
    let found = staff::of_id(database, found.id).await?;
    Ok(found.filter(|row| row.disabled_ms.is_none() && row.roles == roles))
}

/// Names by which the audit log may know them: as they are called there, then with a number, then their number.
fn names_for(who: &Identity) -> Vec<String> {
    let called = who.called.split('@').next().unwrap_or_default().to_lowercase();
    let plain: String = called
        .chars()
        .map(|c| if c.is_whitespace() || c == '_' { '.' } else { c })
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(*c))
        .skip_while(|c| !c.is_ascii_lowercase())
        .take(40)
        .collect();
    let mut names = vec![plain.clone()];
    names.extend((2..10).map(|many| format!("{plain}-{many}")));
    let number = digest_of(&format!("{} {}", who.tenant, who.person));
    names.push(format!("person-{}", &number[..16]));
    names.retain(|name| staff_name(name).is_ok());
    names
}

/// What the provider is given, of the browser's own secret.
struct Marks {
    state: String,
    nonce: String,
    verifier: String,
}

impl Marks {
    fn of(token: &str) -> Marks {
        let made = |what: &str| digest_of(&format!("{what} {token}"));
        Marks { state: made("state"), nonce: made("nonce"), verifier: made("verifier") }
    }

    fn lent(&self) -> open_id::Marks<'_> {
        open_id::Marks { state: &self.state, nonce: &self.nonce, verifier: &self.verifier }
    }

    fn is_state(&self, said: &str) -> bool {
        session::is_same(&self.state, said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_of_the_provider_get_a_name_that_the_log_can_have() {
        let who = |called: &str| Identity {
            tenant: "t".to_owned(),
            person: "p".to_owned(),
            called: called.to_owned(),
            roles: vec![],
        };
        assert_eq!(
            names_for(&who("Kim.Bramble@example.gov.uk"))[..2],
            ["kim.bramble", "kim.bramble-2"]
        );
        assert_eq!(names_for(&who("Kim Bramble"))[0], "kim.bramble");
        for odd in ["", "1234", "\u{202e}", "../../etc", "ŵ"] {
            let names = names_for(&who(odd));
            assert!(names.iter().all(|name| staff_name(name).is_ok()), "{odd}");
            assert!(names.last().is_some_and(|name| name.starts_with("person-")), "{odd}");
        }
    }
}
