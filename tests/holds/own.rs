//! Accounts that their own system has on hold: what that keeps back goes when the extract says that it is over.

use super::{ARDEN, BLAKE, Council, Person, account};
use crate::support::hub::{On, on_both};

on_both! {
    what_an_accounts_own_hold_kept_back_goes_when_it_is_over => super::let_go,
    whoever_leaves_an_account_on_hold_is_held_by_it_no_more => super::left,
}

async fn let_go(on: On) {
    let mut council = Council::open(on).await;
    // A system that says why an account is on hold, where others have a mandate.
    let mandate = "\"payment.mandate\"        =";
    council.hub.edit("mappings/inbound/ctax_account.toml", mandate, "\"hold\" =");
    let file = "mappings/outbound/arrears_reminder.toml";
    council.hub.edit(file, "collection  = true", "collection  = true\nnewest_only = false");
    council.hub.reload().await;
    let night = async |number: u32, paid: &str, why: [&str; 2]| {
        let accounts = [("990001", why[0]), ("990002", why[1])].map(|(key, why)| {
            let on_hold = match why {
                "" => String::new(),
                why => format!("<PaymentMethod><MandateRef>{why}</MandateRef></PaymentMethod>"),
            };
            account(key, &[ARDEN], paid).replace("<Property>", &format!("{on_hold}<Property>"))
        });
        council.night(number, &accounts).await;
        council.send().await;
        council.stand("arrears_reminder").await
    };
    night(1, "0.00", ["", ""]).await;
    assert_eq!(night(2, "10.00", ["DISPUTE", "DISPUTE"]).await, "held 2");
    assert_eq!(night(3, "10.00", ["COURT", "DISPUTE"]).await, "held 2", "for another reason");
    assert_eq!(night(4, "10.00", ["", "DISPUTE"]).await, "delivered 1, held 1");
    // What is about no account waits for all of theirs.
    council.execute("UPDATE delivery SET account_id = NULL WHERE state = 'held'").await;
    assert_eq!(night(5, "10.00", ["", ""]).await, "delivered 2");
}

async fn left(on: On) {
    let mut council = Council::open(on).await;
    let mandate = "\"payment.mandate\"        =";
    council.hub.edit("mappings/inbound/ctax_account.toml", mandate, "\"hold\" =");
    council.hub.reload().await;
    let night = async |number: u32, paid: &str, on_hold: &[Person]| {
        let why = "<PaymentMethod><MandateRef>DISPUTE</MandateRef></PaymentMethod><Property>";
        let other = account("990002", on_hold, "0.00").replace("<Property>", why);
        council.night(number, &[account("990001", &[ARDEN], paid), other]).await;
    };
    night(1, "0.00", &[ARDEN, BLAKE]).await;
    night(2, "10.00", &[ARDEN, BLAKE]).await;
    // As a mapping makes them that listens to residents: about no account, it waits for all of theirs.
    council.execute("UPDATE delivery SET account_id = NULL").await;
    council.send().await;
    assert_eq!(council.stand("arrears_reminder").await, "held 1");
    night(3, "10.00", &[BLAKE]).await;
    council.send().await;
    assert_eq!(council.stand("arrears_reminder").await, "delivered 1");
}
