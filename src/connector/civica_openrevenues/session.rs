//! Sessions. On the other side a session is a cursor that moves: it remembers a person and an account, and
//! most operations answer for whoever that is. Two lookups on one session would be told each other's data.
//!
//! So a session is had by one lookup at a time, and the types see to it: a `Session` is moved and never
//! copied, asking about a person takes it, and asking about an account takes the person for as long as the
//! account is looked at. A reply that shows another person, account or session than was asked about ends
//! the lookup: the session is thrown away, and nothing of what it brought is used.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::calls::{Caller, Question};
use super::fault::Fault;
use super::reply::Reply;
use super::sign_in::{Session, SignIn};
use crate::connector::answering::unavailable;
use crate::connector::format::Format;
use crate::record::personal::unprinted;

/// Descriptions by which a person is known to be the session's now. The number beside them says nothing.
const PINNED: [&str; 2] = ["Person Reference Set", "Person CouncilTaxReference Set"];
/// What a refusal speaks of that is about us and not about the person.
const ABOUT_US: [&str; 4] = ["session", "log in", "login", "logged"];

/// The sessions that there may be at once.
pub struct Sessions {
    caller: Arc<Caller>,
    format: Arc<dyn Format>,
    sign_in: SignIn,
    free: Arc<Semaphore>,
    /// Those that nobody has.
    idle: Mutex<Vec<Session>>,
}

/// A session that remembers one person, and belongs to one lookup.
pub struct Pinned {
    sessions: Arc<Sessions>,
    session: Session,
    person: String,
    /// It was signed in anew in this lookup, which is done once.
    renewed: bool,
    _permit: OwnedSemaphorePermit,
}

/// A session that remembers an account of its person as well. Until it is dropped no other can be looked at.
pub struct Selected<'p> {
    pinned: &'p mut Pinned,
    account: String,
    /// What looking at the account said.
    pub detail: Reply,
}

impl Sessions {
    pub fn new(
        caller: Arc<Caller>,
        format: Arc<dyn Format>,
        sign_in: SignIn,
        most: usize,
    ) -> Arc<Sessions> {
        let free = Arc::new(Semaphore::new(most));
        Arc::new(Sessions { caller, format, sign_in, free, idle: Mutex::default() })
    }

    /// Whether the system answers at all.
    pub async fn is_up(&self) -> Result<bool, Fault> {
        Ok(self.sign_in.is_up().await?)
    }

    /// A session for one lookup, which remembers this person; none where the system does not know them.
    /// Waits for a session where all are had.
    pub async fn pin(self: &Arc<Self>, person: &str) -> Result<Option<Pinned>, Fault> {
        let closed = || unavailable("its sessions are closed".to_owned(), None);
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(|_| closed())?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let session = match idle {
            Some(session) => session,
            None => self.sign_in.sign_in().await?,
        };
        let mut pinned = Pinned {
            sessions: Arc::clone(self),
            session,
            person: person.to_owned(),
            renewed: false,
            _permit: permit,
        };
        let known = match pinned.set_person().await? {
            Some(known) => known,
            None => {
                pinned.session = self.sign_in.sign_in().await?;
                pinned.renewed = true;
                pinned.set_person().await?.ok_or_else(lost)?
            }
        };
        match known {
            true => Ok(Some(pinned)),
            false => {
                pinned.give_back();
                Ok(None)
            }
        }
    }

    fn read(&self, body: &[u8]) -> Result<Reply, &'static str> {
        Reply::read(body, &*self.format).map_err(super::reply::NoData::said)
    }
}

fn lost() -> Fault {
    let cause = "it signs us out as soon as we are signed in".to_owned();
    unavailable(cause, None).into()
}

impl Pinned {
    /// Whom it remembers.
    pub fn person(&self) -> &str {
        &self.person
    }

    /// The lookup is over and all was well: another may have the session. One that ends otherwise takes
    /// its session with it.
    pub fn give_back(self) {
        let mut idle = self.sessions.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(self.session);
    }

    /// Has the session remember the person: whether the system knows them; none where it does not know us.
    async fn set_person(&self) -> Result<Option<bool>, Fault> {
        let parameters = [("personref", self.person.as_str())];
        let question = Question::new("cocrmper", &parameters, &["SetPerson"]);
        // Here alone the parameter begins with a capital.
        let body =
            self.sessions.caller.ask(&question, Some(("SessionId", self.session.id()))).await?;
        let Ok(reply) = self.sessions.read(&body) else { return Ok(None) };
        let Some(said) = reply.find("SetPerson").filter(|_| !reply.is_signed_out()) else {
            return Ok(None);
        };
        self.check_session(&reply)?;
        let code = reply.below(said, "ErrorCode");
        let description = code.map(|code| reply.attribute(code, "Description")).unwrap_or_default();
        if PINNED.iter().any(|pinned| pinned.eq_ignore_ascii_case(description)) {
            return Ok(Some(true));
        }
        let description = description.to_ascii_lowercase();
        let about_us = ABOUT_US.iter().any(|word| description.contains(word));
        Ok((!about_us).then_some(false))
    }

    /// Asks about the person, wherever the session's account stands.
    pub async fn ask(&mut self, question: &Question<'_>) -> Result<Reply, Fault> {
        self.ask_within(question, None).await
    }

    /// Bytes that are no data: a document. None where it is empty, which happens, and is no fault.
    pub async fn fetch(&mut self, question: &Question<'_>) -> Result<Option<Vec<u8>>, Fault> {
        loop {
            let body = self.sessions.caller.ask(question, self.own()).await?;
            if body.is_empty() {
                return Ok(None);
            }
            if body.starts_with(b"%PDF") {
                return Ok(Some(body));
            }
            self.renew("no document came in place of one", None).await?;
        }
    }

    /// Looks at an account, which from then on is the session's.
    pub async fn select(&mut self, account: &str) -> Result<Selected<'_>, Fault> {
        let parameters = [("actref", account)];
        let question = Question::new("ctxdet", &parameters, &["CtaxDetails"]);
        let detail = self.ask_within(&question, None).await?;
        check_account(&detail, account)?;
        Ok(Selected { pinned: self, account: account.to_owned(), detail })
    }

    fn own(&self) -> Option<(&'static str, &str)> {
        Some(("sessionId", self.session.id()))
    }

    /// Asks, and once more after a new sign-in where the session is over: the person is set again, and the
    /// account looked at again.
    async fn ask_within(
        &mut self,
        question: &Question<'_>,
        account: Option<&str>,
    ) -> Result<Reply, Fault> {
        loop {
            let body = self.sessions.caller.ask(question, self.own()).await?;
            let over = match self.sessions.read(&body) {
                Err(no_data) => no_data,
                Ok(reply) if reply.is_signed_out() => "it says that we are signed out",
                Ok(reply) => {
                    self.check_session(&reply)?;
                    let wanted = question.wants.iter().any(|name| reply.find(name).is_some());
                    let echoed = question.may_be_empty && reply.echoed_docid() == question.docid;
                    if wanted || echoed {
                        self.check_person(&reply)?;
                        return Ok(reply);
                    }
                    if reply.error().is_some() {
                        return Err(Fault::Said);
                    }
                    "another document came than was asked for"
                }
            };
            self.renew(over, account).await?;
        }
    }

    /// A new session in place of one that is over, which is tried once in a lookup.
    async fn renew(&mut self, over: &str, account: Option<&str>) -> Result<(), Fault> {
        if self.renewed {
            let cause = format!("{over}, and did again after a new sign-in");
            return Err(unavailable(cause, None).into());
        }
        self.renewed = true;
        self.session = self.sessions.sign_in.sign_in().await?;
        if self.set_person().await? != Some(true) {
            let cause = "after a new sign-in it did not know a person whom it knew before";
            return Err(unavailable(cause.to_owned(), None).into());
        }
        let Some(account) = account else { return Ok(()) };
        let parameters = [("actref", account)];
        let question = Question::new("ctxdet", &parameters, &["CtaxDetails"]);
        let body = self.sessions.caller.ask(&question, self.own()).await?;
        let again = |said: &str| {
            Fault::from(unavailable(format!("{said}, and did again after a new sign-in"), None))
        };
        let reply = self.sessions.read(&body).map_err(again)?;
        self.check_session(&reply)?;
        check_account(&reply, account)
    }

    /// A reply to another session's question.
    fn check_session(&self, reply: &Reply) -> Result<(), Fault> {
        match reply.sessions().all(|echoed| echoed == self.session.id()) {
            true => Ok(()),
            false => Err(Fault::Mixed("a reply to another session's question")),
        }
    }

    fn check_person(&self, reply: &Reply) -> Result<(), Fault> {
        let shown = reply.find("PersonName").map(|name| reply.text_below(name, "PersonReference"));
        match shown {
            Some(shown) if !shown.is_empty() && shown != self.person => {
                Err(Fault::Mixed("another person's data"))
            }
            _ => Ok(()),
        }
    }
}

fn check_account(reply: &Reply, account: &str) -> Result<(), Fault> {
    let shown = reply.find("CtxActRef").map(|node| reply.text(node)).unwrap_or_default();
    match shown == account {
        true => Ok(()),
        false => Err(Fault::Mixed("another account's data")),
    }
}

impl Selected<'_> {
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Asks about the account that is looked at.
    pub async fn ask(&mut self, question: &Question<'_>) -> Result<Reply, Fault> {
        let reply = self.pinned.ask_within(question, Some(&self.account)).await?;
        // Not every reply names its account; those that do must name this one.
        match reply.find("CtxActRef") {
            Some(_) => check_account(&reply, &self.account).map(|()| reply),
            None => Ok(reply),
        }
    }
}

unprinted!(Session, Pinned, Sessions, Selected<'_>);
