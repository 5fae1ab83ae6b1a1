//! The payers of the demonstration: invented residents who open the links in their messages, each in a way
//! of their own.

use serde_json::{Value, json};

use crate::app::context::{AppError, Context};
use crate::record::delivery::Content;
use crate::sandbox::browser;
use crate::store::offers;

/// What each does: says it, which buttons are pressed on the platform's page, visit by visit, and whether they
/// come back from there.
const PAYERS: [(&str, &[&str], bool); 5] = [
    ("pays, and shuts the window there", &["success"], false),
    ("who is liable with them comes later", &["success"], true),
    ("changes their mind", &["cancel"], true),
    ("liable too, is declined, tries again and pays", &["decline", "success"], true),
    ("goes away", &["abandon"], true),
];
const DESTINATION: &str = "pay";

/// What one of them saw.
pub struct Payer {
    does: &'static str,
    saw: Vec<String>,
}

impl Payer {
    pub fn json(&self) -> Value {
        json!({ "does": self.does, "saw": self.saw })
    }

    pub fn text(&self) -> String {
        format!("  one {:<46} {}\n", self.does, self.saw.join(" · "))
    }
}

/// Has each open a link that some message brought, as long as there are any.
pub async fn play(context: &Context) -> Result<Vec<Payer>, AppError> {
    let most = PAYERS.len() as i64;
    let offered = offers::some(&context.database, DESTINATION, most).await?;
    let links = offered.iter().filter_map(|row| match Content::from_json(&row.message)? {
        Content::Payment(payment) => Some(payment.link),
        Content::Message(_) | Content::Push(_) => None,
    });
    let mut payers = Vec::new();
    for (link, (does, visits, comes_back)) in links.zip(PAYERS) {
        let mut saw = Vec::new();
        for presses in visits {
            let what = "an invented payer could not open a link".to_owned();
            let io = |error| AppError::Io { what, error };
            // The last page is where they end up; the one before is the platform's.
            saw.extend(browser::visit(&link, presses, comes_back).await.map_err(io)?.pop());
        }
        payers.push(Payer { does, saw });
    }
    Ok(payers)
}
