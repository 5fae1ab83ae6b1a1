//! The CRM as a system that is told. Whatever was to be done is looked for first: what is there already was
//! done, by us or by somebody else, and is not done again. So an answer that was lost is found out by looking,
//! and nothing here needs a key that the CRM does not have.
//!
//! One thing at a time: its changes are made of reading and writing, and two at once would undo each other.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::client::{Case, CasesBy, Questions, Stretch};
use super::order::{Agreed, NewCase, NewPerson, Order};
use super::party::date;
use super::search::{Wanted, lives_at, search};
use super::settings::Notes;
use super::writing::{Changes, difference};
use crate::connector::channel::{
    ConnectorError, Destination, Inquiry, Question, Receipt, Standing, Status,
};
use crate::connector::sending;
use crate::connector::soap::caller::Caller;
use crate::connector::verint::client::Body;
use crate::record::delivery::{Delivery, Push};
use crate::record::moment::Moment;
use crate::record::value::uprn::Uprn;
use crate::suppression::gate::Cleared;

/// How many cases are looked through for one that we made and heard nothing of.
const LOOKED_THROUGH_MAX: usize = 200;
/// The CRM's clock may be as much behind or before ours.
const SKEW_MS: i64 = 15 * 60_000;

/// The CRM, open to be told.
pub struct Telling {
    questions: Questions,
    changes: Changes,
    notes: Notes,
    one: Mutex<()>,
}

impl Telling {
    pub fn open(caller: Caller, notes: Notes) -> Telling {
        let caller = Arc::new(caller);
        Telling {
            questions: Questions::new(Arc::clone(&caller)),
            changes: Changes::new(caller),
            notes,
            one: Mutex::new(()),
        }
    }

    async fn send(&self, delivery: &Delivery) -> Result<Receipt, ConnectorError> {
        let Some(push) = delivery.content.push() else {
            let cause = "only a push can be sent as one".to_owned();
            return Err(ConnectorError::Refused { code: "push.no_push".to_owned(), cause });
        };
        let order = Order::read(push)?;
        let _alone = self.one.lock().await;
        let reference = &delivery.reference;
        match &order {
            Order::Note { case, text } => self.note(case, text, reference).await,
            Order::Update(agreed) => self.update(agreed).await,
            Order::Close { case } => self.close(case).await,
            Order::Person(new) => self.person(new).await,
            Order::Create(new) => {
                // An earlier attempt may have come half the way. One that was given back did nothing.
                let known = match delivery.unanswered_since_ms.is_some() {
                    true => self.made(push, reference).await?,
                    false => Made::No,
                };
                self.create(new, known, reference).await
            }
        }
    }

    /// Adds a line to what is written of a case. What stands there is read last of all before it is written
    /// anew, and read once more after: the CRM has no way to add without that.
    async fn note(
        &self,
        case: &str,
        text: &str,
        reference: &str,
    ) -> Result<Receipt, ConnectorError> {
        let before = self.case(case).await?;
        if before.mentions(reference) {
            return Ok(done(case));
        }
        if self.notes == Notes::Note {
            self.changes.note(case, text, reference, &[]).await?;
            return Ok(done(case));
        }
        let line = format!("{} {}", super::client::mark(reference), text.trim());
        let description = match before.description() {
            "" => line,
            known => format!("{known}\n{line}"),
        };
        self.changes.describe(case, &description).await?;
        let after = self.case(case).await.map_err(as_unknown)?;
        match after.mentions(reference) {
            true => Ok(done(case)),
            false => Err(ConnectorError::Unknown {
                cause: "somebody wrote over it at the same moment".to_owned(),
            }),
        }
    }

    async fn update(&self, agreed: &Agreed) -> Result<Receipt, ConnectorError> {
        match self.differs(agreed).await? {
            Some(parts) => {
                self.changes.update(&agreed.person, parts).await?;
                Ok(done(&agreed.person))
            }
            None => Ok(done(&agreed.person)),
        }
    }

    /// What of a person is not as agreed; None where all is.
    async fn differs(&self, agreed: &Agreed) -> Result<Option<Body>, ConnectorError> {
        let Some((individual, _)) = self.questions.individual(&agreed.person).await? else {
            return Err(no_such("person"));
        };
        let uprn = match agreed.uprn.as_deref().map(Uprn::parse) {
            Some(Ok(uprn)) => Some(uprn),
            Some(Err(_)) => {
                return Err(ConnectorError::Refused {
                    code: "verint.value".to_owned(),
                    cause: "`uprn` is none".to_owned(),
                });
            }
            None => None,
        };
        let lives = match (uprn, &agreed.postcode) {
            (Some(uprn), _) => lives_at(&self.questions, &individual.postals, uprn).await?,
            (None, Some(postcode)) => {
                let house = agreed.house.as_ref().or(agreed.line1.as_ref());
                let house = house.map(String::as_str).unwrap_or_default();
                individual.postals.iter().find(|one| one.is_at(house, postcode))
            }
            (None, None) => None,
        };
        difference(&individual, agreed, lives)
    }

    /// Somebody who may be known already is not made known again, and is not written to either: a person
    /// confirms who it is.
    async fn person(&self, new: &NewPerson) -> Result<Receipt, ConnectorError> {
        let wanted = Wanted {
            given: new.given.clone(),
            family: new.family.clone(),
            born: new.born.as_deref().and_then(date),
            email: new.email.clone(),
            phone: new.phone.clone(),
            other_phone: None,
            uprn: new.uprn.as_deref().and_then(|text| Uprn::parse(text).ok()),
            house: new.house.clone().or_else(|| new.line1.clone()),
            postcode: new.postcode.clone(),
        };
        let found = search(&self.questions, &wanted).await?;
        let likely = found.iter().filter(|one| one.score() > 0).count();
        if likely > 0 {
            return Err(ConnectorError::Refused {
                code: "verint.likely".to_owned(),
                cause: format!("the CRM knows {likely} who may be this one"),
            });
        }
        self.changes.person(new).await.map(|id| done(&id))
    }

    async fn close(&self, case: &str) -> Result<Receipt, ConnectorError> {
        if !self.case(case).await?.is_closed() {
            self.changes.close(case).await?;
        }
        Ok(done(case))
    }

    async fn create(
        &self,
        new: &NewCase,
        known: Made,
        reference: &str,
    ) -> Result<Receipt, ConnectorError> {
        let case = match known {
            Made::Whole(case) => return Ok(done(&case)),
            Made::Part(case) => case,
            Made::CannotTell => return Err(too_many()),
            Made::No => {
                let interaction = self.changes.interaction(&new.person).await?;
                self.changes.create(new, &interaction, reference).await?
            }
        };
        if !new.attachments.is_empty() {
            let attached = self.attach(&case, new, reference).await;
            // The case is there: what is missing is found out before anything is made again.
            attached.map_err(as_unknown)?;
        }
        Ok(done(&case))
    }

    async fn attach(
        &self,
        case: &str,
        new: &NewCase,
        reference: &str,
    ) -> Result<(), ConnectorError> {
        let documents = self.changes.documents(&new.attachments).await?;
        self.changes.note(case, "Documents", reference, &documents).await
    }

    /// Whether a case was made under our reference, by what was made since.
    async fn made(&self, push: &Push, reference: &str) -> Result<Made, ConnectorError> {
        let Ok(Order::Create(new)) = Order::read(push) else { return Ok(Made::No) };
        let (from, to) = (push.composed_ms - SKEW_MS, self.questions.now_ms() + SKEW_MS);
        let stretch = stretch(from, to);
        let most = LOOKED_THROUGH_MAX + 1;
        let found = self.questions.cases(CasesBy::Created, &stretch, most).await?;
        for brief in found.iter().take(LOOKED_THROUGH_MAX).filter(|one| !one.id.is_empty()) {
            let Some(case) = self.questions.case(&brief.id).await? else { continue };
            if case.mentions(reference) {
                let whole = new.attachments.is_empty() || case.is_noted(reference);
                let reference = case.reference;
                return Ok(if whole { Made::Whole(reference) } else { Made::Part(reference) });
            }
        }
        Ok(if found.len() > LOOKED_THROUGH_MAX { Made::CannotTell } else { Made::No })
    }

    async fn case(&self, reference: &str) -> Result<Case, ConnectorError> {
        self.questions.case(reference).await?.ok_or_else(|| no_such("case"))
    }
}

/// How far a case came that was to be made.
enum Made {
    No,
    /// Without its documents.
    Part(String),
    Whole(String),
    /// There are too many to look through.
    CannotTell,
}

#[async_trait]
impl Destination for Telling {
    async fn deliver(
        &self,
        deliveries: &[Cleared<Delivery>],
    ) -> Vec<Result<Receipt, ConnectorError>> {
        sending::each(deliveries, 1, |delivery| self.send(delivery)).await
    }

    async fn inquire(&self, question: &Question) -> Result<Inquiry, ConnectorError> {
        let push = question.content.as_ref().and_then(|content| content.push());
        let Some(push) = push else { return Ok(Inquiry::CannotTell) };
        let (order, reference) = (Order::read(push)?, &question.reference);
        let happened = match &order {
            Order::Note { case, .. } => {
                let found = self.questions.case(case).await?;
                found.filter(|found| found.mentions(reference)).map(|found| found.reference)
            }
            Order::Close { case } => {
                let found = self.questions.case(case).await?;
                found.filter(Case::is_closed).map(|found| found.reference)
            }
            Order::Update(agreed) => {
                let differs = self.differs(agreed).await?;
                differs.is_none().then(|| agreed.person.clone())
            }
            // It knows nobody by our reference, and a likeness is no proof.
            Order::Person(_) => return Ok(Inquiry::CannotTell),
            Order::Create(_) => match self.made(push, reference).await? {
                Made::Whole(case) => Some(case),
                // Sent again, it goes on where it stopped.
                Made::Part(_) | Made::No => None,
                Made::CannotTell => return Ok(Inquiry::CannotTell),
            },
        };
        Ok(happened.map_or(Inquiry::NotFound, |id| Inquiry::Happened(done(&id))))
    }

    /// It was done, and no more will be said.
    async fn status(&self, question: &Question) -> Result<Receipt, ConnectorError> {
        let named = question.platform_id.clone();
        Ok(done(&named.unwrap_or_else(|| question.reference.clone())))
    }
}

/// A stretch of time as the CRM writes it: by London's clock, without saying so. Where the clock was put
/// forward or back in it, an hour more at each end.
pub fn stretch(from_ms: i64, to_ms: i64) -> Stretch {
    const HOUR_MS: i64 = 3_600_000;
    let more_ms = match Moment(from_ms).is_summer() == Moment(to_ms).is_summer() {
        true => 0,
        false => HOUR_MS,
    };
    Stretch { from: Moment(from_ms - more_ms).wall_said(), to: Moment(to_ms + more_ms).wall_said() }
}

fn done(id: &str) -> Receipt {
    let status = Status { word: "done".to_owned(), stands: Standing::Delivered };
    Receipt { platform_id: id.to_owned(), status }
}

fn no_such(what: &str) -> ConnectorError {
    ConnectorError::Refused {
        code: "verint.not_found".to_owned(),
        cause: format!("the CRM has no {what} of that number"),
    }
}

fn too_many() -> ConnectorError {
    let cause = format!("more than {LOOKED_THROUGH_MAX} cases were made since");
    ConnectorError::Unknown { cause }
}

/// Something was changed before this went wrong.
fn as_unknown(error: ConnectorError) -> ConnectorError {
    match error {
        ConnectorError::Unauthorised { .. } | ConnectorError::Unknown { .. } => error,
        other => ConnectorError::Unknown { cause: other.to_string() },
    }
}
