//! Civica Pay: card payments by the people who owe them, each a basket with one thing in it.
//!
//! A basket can be paid only by whoever was given its token, and the token comes with the answer that makes
//! it: one whose answer was lost is nobody's. What was paid is asked of a service of its own, by our
//! reference, over every basket that was ever made under it. The page that a payer comes back to says what
//! anybody may write into an address, and is never listened to.
//!
//! Nothing takes a basket back. One that nobody paid lapses by our own count.

pub mod answer;
pub mod client;
pub mod query;
pub mod settings;

use async_trait::async_trait;

use self::answer::Paid;
use self::client::{Basket, Client, Order};
use crate::connector::channel::{
    ConnectorError, Destination, Inquiry, PayerPage, Question, Receipt, Standing, Status,
};
use crate::connector::sending;
use crate::record::delivery::{Content, Delivery, Payment};
use crate::suppression::gate::Cleared;

/// Between a basket's reference and ours, in the name that a payment is known by.
const BETWEEN: char = '/';

/// An account on the platform, open.
pub struct CivicaPay {
    client: Client,
    /// How long a basket may be paid, by our count (milliseconds).
    lives_ms: i64,
}

impl CivicaPay {
    pub fn new(client: Client, lives_ms: i64) -> CivicaPay {
        CivicaPay { client, lives_ms }
    }

    async fn create(&self, delivery: &Delivery) -> Result<Receipt, ConnectorError> {
        let Content::Payment(payment) = &delivery.content else {
            return Err(ConnectorError::Refused {
                code: "civica_pay.no_payment".to_owned(),
                cause: "only a payment can be asked for as one".to_owned(),
            });
        };
        // An earlier basket of this request may have been paid late.
        if delivery.intent > 1
            && let Some(receipt) = self.paid_already(&delivery.reference, payment).await?
        {
            return Ok(receipt);
        }
        let order = Order {
            transaction: &delivery.reference,
            amount_pence: payment.amount_pence,
            reference: &payment.reference,
            description: &payment.description,
            return_url: &payment.link,
        };
        let Basket { reference, .. } = self.client.create(&order).await?;
        let platform_id = format!("{reference}{BETWEEN}{}", delivery.reference);
        Ok(Receipt { platform_id, status: pending("created") })
    }

    /// What was paid of a request, or is being paid, whichever basket it was; none where nothing is.
    async fn paid_already(
        &self,
        transaction: &str,
        payment: &Payment,
    ) -> Result<Option<Receipt>, ConnectorError> {
        let paid =
            answer::judge(&self.client.query(transaction).await?, Some(payment.amount_pence));
        let basket = match &paid {
            Paid::Nothing | Paid::Refused(_) => return Ok(None),
            Paid::Once { basket, .. } => basket.clone(),
            _ => None,
        };
        let platform_id = format!("{}{BETWEEN}{transaction}", basket.unwrap_or_default());
        Ok(Some(Receipt { platform_id, status: paid.status() }))
    }
}

fn pending(word: &str) -> Status {
    Status { word: word.to_owned(), stands: Standing::Pending }
}

/// A payment's name, taken apart: the basket's reference, and ours.
fn parts(platform_id: &str) -> (&str, &str) {
    platform_id.split_once(BETWEEN).unwrap_or((platform_id, ""))
}

#[async_trait]
impl Destination for CivicaPay {
    async fn deliver(
        &self,
        deliveries: &[Cleared<Delivery>],
    ) -> Vec<Result<Receipt, ConnectorError>> {
        sending::each(deliveries, sending::AT_ONCE, |delivery| self.create(delivery)).await
    }

    /// A basket whose answer was lost cannot be paid by anybody, and is as good as none.
    async fn inquire(&self, question: &Question) -> Result<Inquiry, ConnectorError> {
        let Some(payment) = question.content.as_ref().and_then(Content::payment) else {
            return Ok(Inquiry::CannotTell);
        };
        let paid = self.paid_already(&question.reference, payment).await?;
        Ok(paid.map_or(Inquiry::NotFound, Inquiry::Happened))
    }

    async fn status(&self, question: &Question) -> Result<Receipt, ConnectorError> {
        let platform_id = question.platform_id.clone().unwrap_or_default();
        let (_, transaction) = parts(&platform_id);
        let amount = question.content.as_ref().and_then(Content::payment).map(|it| it.amount_pence);
        let paid = answer::judge(&self.client.query(transaction).await?, amount);
        // What nobody paid in its time may be had again; until then its payer may still be at it. Each basket has a
        // time of its own.
        let is_over = self.client.now_ms() > question.intent_ms.saturating_add(self.lives_ms);
        let status = match paid {
            Paid::Nothing | Paid::Refused(_) if is_over && question.intent_ms > 0 => {
                Status { stands: Standing::Lapsed, ..paid.status() }
            }
            paid => paid.status(),
        };
        Ok(Receipt { platform_id, status })
    }

    async fn payer_page(&self, platform_id: &str) -> Result<PayerPage, ConnectorError> {
        let (basket, transaction) = parts(platform_id);
        let paid = answer::judge(&self.client.query(transaction).await?, None);
        let status = paid.status();
        // While one attempt is being decided nobody is sent to make another.
        let url = match paid {
            Paid::Nothing | Paid::Refused(_) => {
                let token = self.client.token(basket).await?;
                Some(self.client.payer_url(basket, &token, transaction))
            }
            _ => None,
        };
        Ok(PayerPage { status, url })
    }
}
