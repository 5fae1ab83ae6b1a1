//! What the platform posts to whoever a basket names: that something happened to it. It tells once, by a call that
//! anybody could make.

use std::time::Duration;

use super::state::Memory;
use crate::sandbox::posting;

const TIMEOUT: Duration = Duration::from_secs(5);
const SPACE: &str = "http://schemas.datacontract.org/2004/07/epPaymentNotification";

/// Where it goes, and what it says of the last attempt; none where nobody is to be told.
pub fn of(memory: &Memory, basket: &str) -> Option<(String, String)> {
    let basket = memory.baskets.iter().find(|one| one.reference == basket)?;
    let attempt = memory.attempts.iter().rfind(|one| one.basket == basket.reference)?;
    let url = Some(basket.notify.clone()).filter(|url| !url.is_empty())?;
    let body = format!(
        "<NotificationMessage xmlns=\"{SPACE}\"><BasketReference>{}</BasketReference>\
         <CallingApplicationTransReference>{}</CallingApplicationTransReference><ListItems><ListItem>\
         <Amount>{}</Amount><FundCode>CT</FundCode><Reference>{}</Reference></ListItem></ListItems>\
         <NotificationUrl>{url}</NotificationUrl><RequestStatus>{}</RequestStatus></NotificationMessage>",
        basket.reference, basket.transaction, attempt.amount, basket.account, attempt.status
    );
    Some((url, body))
}

/// Posts it.
pub async fn post(url: &str, body: &str) -> Option<u16> {
    posting::post_as(url, "text/xml; charset=utf-8", &[], body, TIMEOUT).await
}
