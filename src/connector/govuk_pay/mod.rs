//! GOV.UK Pay: card payments by the people who owe them.
//!
//! The platform keeps no idempotency keys for payments that a person makes, and its search knows of
//! nothing for a while. So a create that went unanswered is `Unknown`, each payment carries our reference
//! and the number of the attempt, and where an attempt was repeated in doubt the others are looked for:
//! at most one stays open. Whether a payment may be asked for at all was decided before it came here.

pub mod answer;
pub mod client;
pub mod settings;
mod siblings;

use async_trait::async_trait;
use serde_json::Value;

use crate::connector::answering;
use crate::connector::channel::{
    ConnectorError, Destination, Inquiry, PayerPage, Question, Receipt, Standing,
};
use crate::connector::govuk_pay::client::{Moved, NewPayment, PayClient};
use crate::connector::sending;
use crate::record::delivery::{Content, Delivery};
use crate::suppression::gate::Cleared;

/// What a payment carries beside what its payer sees.
pub const DELIVERY: &str = "delivery";
pub const ATTEMPT: &str = "attempt";

/// An account on the platform, open.
pub struct GovukPay {
    client: PayClient,
}

impl GovukPay {
    pub fn new(client: PayClient) -> GovukPay {
        GovukPay { client }
    }

    async fn create(&self, delivery: &Delivery) -> Result<Receipt, ConnectorError> {
        let Content::Payment(payment) = &delivery.content else {
            return Err(ConnectorError::Refused {
                code: "pay.no_payment".to_owned(),
                cause: "only a payment can be asked for as one".to_owned(),
            });
        };
        let metadata = [
            (DELIVERY.to_owned(), delivery.reference.clone()),
            (ATTEMPT.to_owned(), delivery.intent.to_string()),
        ];
        let payment = NewPayment {
            amount_pence: payment.amount_pence,
            reference: payment.reference.clone(),
            description: payment.description.clone(),
            return_url: Some(payment.link.clone()),
            metadata: metadata.to_vec(),
            ..NewPayment::default()
        };
        let created = self.client.create_payment(&payment).await?;
        receipt(&created).ok_or_else(|| ConnectorError::Unknown {
            cause: "the answer names no payment".to_owned(),
        })
    }
}

#[async_trait]
impl Destination for GovukPay {
    async fn deliver(
        &self,
        deliveries: &[Cleared<Delivery>],
    ) -> Vec<Result<Receipt, ConnectorError>> {
        sending::each(deliveries, sending::AT_ONCE, |delivery| self.create(delivery)).await
    }

    async fn inquire(&self, question: &Question) -> Result<Inquiry, ConnectorError> {
        let Some(payment) = question.content.as_ref().and_then(Content::payment) else {
            return Ok(Inquiry::CannotTell);
        };
        let found = siblings::find(&self.client, question, &payment.reference).await?;
        let found = siblings::leave_one_open(&self.client, question, found).await?;
        Ok(found.map_or(Inquiry::NotFound, Inquiry::Happened))
    }

    async fn status(&self, question: &Question) -> Result<Receipt, ConnectorError> {
        if question.in_doubt
            && let Inquiry::Happened(receipt) = self.inquire(question).await?
        {
            return Ok(receipt);
        }
        let platform_id = question.platform_id.as_deref().unwrap_or_default();
        receipt(&self.client.payment(platform_id).await?).ok_or_else(no_status)
    }

    async fn withdraw(&self, question: &Question) -> Result<Receipt, ConnectorError> {
        let platform_id = question.platform_id.as_deref().unwrap_or_default();
        let after = match self.client.cancel(platform_id).await? {
            Moved::Otherwise(after) => after,
            Moved::Done(_) => self.client.payment(platform_id).await?,
        };
        receipt(&after).ok_or_else(no_status)
    }

    async fn payer_page(&self, platform_id: &str) -> Result<PayerPage, ConnectorError> {
        let payment = self.client.payment(platform_id).await?;
        let status = answer::status(&payment).ok_or_else(no_status)?;
        let next = payment["_links"]["next_url"]["href"].as_str().map(str::to_owned);
        let url = next.filter(|_| status.stands == Standing::Pending);
        Ok(PayerPage { status, url })
    }
}

fn receipt(payment: &Value) -> Option<Receipt> {
    let platform_id = payment["payment_id"].as_str()?.to_owned();
    Some(Receipt { platform_id, status: answer::status(payment)? })
}

fn no_status() -> ConnectorError {
    answering::unavailable("the answer names no payment and no state".to_owned(), None)
}
