//! A payment link is opened: the payment is made then, by the ordinary deliver job, and its payer is sent
//! on to the platform; or is told how it stands.
//!
//! It decides nothing about money. Whether a payment may be made is the gate's business, whether it was
//! made the platform's. Whoever opens a link waits a few seconds at most.

use std::sync::Arc;

use async_trait::async_trait;

use super::page::Page;
use crate::connector::channel::{Destination, PayerPage, Question, Standing};
use crate::job::clock::Clock;
use crate::record::delivery::{Content, Payment, State};
use crate::record::payment_link::LinkKey;
use crate::store::database::{Database, StoreError};
use crate::store::offers::{self, OfferRow};

/// For how long a payer waits for a payment to be made.
const WAIT_MS: i64 = 10_000;
const LOOK_AGAIN_MS: i64 = 250;
const WITHHELD: &str = "suppressed.";

/// What the pages need of the hub; `app` has it.
#[async_trait]
pub trait Desk: Send + Sync {
    fn database(&self) -> &Database;

    fn clock(&self) -> &dyn Clock;

    fn key(&self) -> &LinkKey;

    /// The system of that name, open. What is wrong with it was told by whoever opened it.
    fn destination(&self, name: &str) -> Option<Arc<dyn Destination>>;

    /// Does what its deliver job does, once and now. Nothing where another process is at it already:
    /// that one sees what we set going. What failed was told.
    async fn deliver(&self, destination: &str);
}

/// What whoever opened a link is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The platform's page, which works once.
    GoTo(String),
    /// The link of a newer request, as its token.
    Newer(String),
    Show(Page),
}

/// Whether there is such a link. Nothing is set going.
pub async fn is_there(desk: &dyn Desk, token: &str) -> Result<bool, StoreError> {
    Ok(find(desk, token).await?.is_some())
}

/// Opens a link.
pub async fn open(desk: &dyn Desk, token: &str) -> Result<Answer, StoreError> {
    let Some((row, payment)) = find(desk, token).await? else {
        return Ok(Answer::Show(Page::NotFound));
    };
    let deadline_ms = desk.clock().now_ms() + WAIT_MS;
    let mut visit = Visit { desk, payment, deadline_ms, opened: false, looked: false };
    let mut row = row;
    loop {
        if let Some(answer) = visit.step(&row).await? {
            return Ok(answer);
        }
        match offers::find(desk.database(), row.id).await? {
            Some(again) => row = again,
            None => return Ok(Answer::Show(Page::NotFound)),
        }
    }
}

async fn find(desk: &dyn Desk, token: &str) -> Result<Option<(OfferRow, Payment)>, StoreError> {
    let Some(id) = desk.key().read(token) else { return Ok(None) };
    let row = offers::find(desk.database(), id).await?;
    Ok(row.and_then(|row| payment_of(&row).map(|payment| (row, payment))))
}

fn payment_of(row: &OfferRow) -> Option<Payment> {
    match Content::from_json(&row.message)? {
        Content::Payment(payment) => Some(payment),
        Content::Message(_) | Content::Push(_) => None,
    }
}

struct Visit<'d> {
    desk: &'d dyn Desk,
    payment: Payment,
    deadline_ms: i64,
    /// It was set going for this payer: once is enough.
    opened: bool,
    /// The platform was asked whether another attempt left something.
    looked: bool,
}

impl Visit<'_> {
    /// Answers, or does the next thing that may lead to an answer.
    async fn step(&mut self, row: &OfferRow) -> Result<Option<Answer>, StoreError> {
        let show = |page: Page| Ok(Some(Answer::Show(page)));
        let now_ms = self.desk.clock().now_ms();
        let state = State::from_word(&row.state);
        if matches!(state, Some(State::Offered | State::Held | State::Unknown))
            && let Some(newer) = self.newer(row).await?
        {
            return Ok(Some(newer));
        }
        match state {
            Some(State::Delivered) => return show(Page::Paid(self.payment.clone())),
            Some(State::Accepted) => return self.accepted(row, now_ms).await,
            Some(State::Offered) if !self.opened => {
                if let Some(page) = self.of_others(row, now_ms).await? {
                    return show(page);
                }
                self.opened = offers::open(self.desk.database(), row.id, now_ms).await?;
                self.desk.deliver(&row.destination).await;
                return Ok(None);
            }
            Some(State::Offered) => {
                let withheld =
                    row.cause_code.as_ref().is_some_and(|code| code.starts_with(WITHHELD));
                return show(if withheld { Page::NotOnline } else { Page::Unavailable });
            }
            Some(State::Held | State::Dismissed | State::Replaced) | None => {
                return show(Page::NotOnline);
            }
            // It is asked about when it is time, and that is not soon.
            Some(State::Unknown) if row.next_ms > self.deadline_ms => {
                return show(Page::BeingSetUp);
            }
            Some(State::Unknown) if row.next_ms > now_ms => {}
            Some(State::Waiting | State::Unknown) => self.desk.deliver(&row.destination).await,
            Some(State::Sending) => {}
        }
        if self.desk.clock().now_ms() >= self.deadline_ms {
            return show(Page::BeingSetUp);
        }
        self.desk.clock().pause(LOOK_AGAIN_MS).await;
        Ok(None)
    }

    /// The platform has it: it alone knows how the payment stands, and where its payer goes on.
    async fn accepted(
        &mut self,
        row: &OfferRow,
        now_ms: i64,
    ) -> Result<Option<Answer>, StoreError> {
        let show = |page: Page| Ok(Some(Answer::Show(page)));
        let Some(destination) = self.desk.destination(&row.destination) else {
            return show(Page::Unavailable);
        };
        // Another may have turned up, and may even have been paid.
        if !self.looked && row.doubt_until_ms.is_some_and(|until_ms| until_ms > now_ms) {
            self.look(row, now_ms).await?;
            return Ok(None);
        }
        let page = match destination.payer_page(row.platform_id.as_deref().unwrap_or("")).await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!("delivery.id" = row.id, %error, "it cannot be seen how a payment stands");
                return show(Page::Unavailable);
            }
        };
        let newer = self.newer(row).await?;
        let stands = match (&newer, page.status.stands.clone()) {
            // Nobody is to pay the same twice.
            (Some(_), Standing::Pending) => self.withdraw(&*destination, row).await,
            (_, stands) => stands,
        };
        if stands != Standing::Pending {
            self.look(row, now_ms).await?;
        }
        match (stands, newer, page) {
            (Standing::Delivered, ..) => show(Page::Paid(self.payment.clone())),
            (_, Some(newer), _) => Ok(Some(newer)),
            (Standing::Pending, _, PayerPage { url: Some(url), .. }) => Ok(Some(Answer::GoTo(url))),
            (Standing::Pending, ..) => show(Page::BeingTaken),
            (Standing::Lapsed, ..) => show(Page::NotMade(self.payment.clone())),
            _ => show(Page::NotOnline),
        }
    }

    /// What another of whom the same is asked has done about it: a debt that two owe is paid once.
    async fn of_others(&mut self, row: &OfferRow, now_ms: i64) -> Result<Option<Page>, StoreError> {
        let same = |other: &OfferRow| {
            payment_of(other).is_some_and(|one| one.account_id == self.payment.account_id)
        };
        let others = offers::to_others(self.desk.database(), row.id).await?;
        let others: Vec<OfferRow> = others.into_iter().filter(same).collect();
        let state = |other: &OfferRow| State::from_word(&other.state);
        if others.iter().any(|other| state(other) == Some(State::Delivered)) {
            return Ok(Some(Page::PaidByAnother(self.payment.clone())));
        }
        let begun = others.into_iter().find(|other| {
            matches!(
                state(other),
                Some(State::Waiting | State::Sending | State::Unknown | State::Accepted)
            )
        });
        let Some(begun) = begun else { return Ok(None) };
        if !self.looked {
            // They may have given up, or paid, since the platform was asked.
            self.look(&begun, now_ms).await?;
            return Box::pin(self.of_others(row, now_ms)).await;
        }
        Ok(Some(Page::BegunByAnother))
    }

    /// Has the deliver job take in now what the platform says.
    async fn look(&mut self, row: &OfferRow, now_ms: i64) -> Result<(), StoreError> {
        self.looked = true;
        offers::look_now(self.desk.database(), row.id, now_ms).await?;
        self.desk.deliver(&row.destination).await;
        Ok(())
    }

    async fn withdraw(&self, destination: &dyn Destination, row: &OfferRow) -> Standing {
        let question = Question {
            reference: String::new(),
            content: None,
            platform_id: row.platform_id.clone(),
            first_intent_ms: 0,
            intent_ms: 0,
            in_doubt: false,
        };
        match destination.withdraw(&question).await {
            Ok(receipt) => receipt.status.stands,
            Err(error) => {
                tracing::warn!("delivery.id" = row.id, %error, "a payment could not be taken back");
                Standing::Pending
            }
        }
    }

    /// The newest request of the same mapping, to the same resident for the same account.
    async fn newer(&self, row: &OfferRow) -> Result<Option<Answer>, StoreError> {
        let same = |newer: &OfferRow| {
            payment_of(newer).is_some_and(|one| one.account_id == self.payment.account_id)
        };
        let newer = offers::newer(self.desk.database(), row).await?.into_iter().find(same);
        Ok(newer.map(|newer| Answer::Newer(self.desk.key().token(newer.id))))
    }
}
