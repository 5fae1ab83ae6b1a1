//! What the CRM posts to whoever listens: that a case was closed. It tells once, and does not look at the
//! answer.

use std::sync::Arc;
use std::time::Duration;

use super::state::{Case, Shared};
use super::xml::escaped;
use crate::sandbox::posting;

const TIMEOUT: Duration = Duration::from_secs(5);

/// The event of a case's end, as it is posted.
pub fn closed(id: &str, case: &Case) -> String {
    let part = |name: &str, value: &str| format!("<case:{name}>{}</case:{name}>", escaped(value));
    let [subject, reason, kind] = &case.classification;
    let person = case.person.as_deref().map_or(String::new(), |person| {
        format!(
            "<case:associated-with><core:ref xmlns:core=\"http://www.kana.com/lagan/schemas/core\">{}\
             </core:ref></case:associated-with>",
            escaped(person)
        )
    });
    format!(
        "<case:PopulatedCloseCaseEvent xmlns:case=\"http://www.kana.com/lagan/schemas/casemanagement\">\
         <case:case category=\"Enquiry\" id=\"{id}\"><case:classification>{}{}{}</case:classification>{}{}{}{}\
         {person}</case:case></case:PopulatedCloseCaseEvent>",
        part("subject", subject),
        part("reason", reason),
        part("type", kind),
        part("title", &case.title),
        part("description", &case.description),
        part("status", &case.status),
        part("closedDateTime", case.closed.as_deref().unwrap_or_default()),
    )
}

/// Posts it, where somebody listens.
pub fn tell_of_close(shared: &Arc<Shared>, id: &str) {
    let (url, body) = {
        let memory = shared.memory();
        let Some(url) = memory.behaviour.events_to.clone() else { return };
        let Some(case) = memory.cases.get(id) else { return };
        (url, closed(id, case))
    };
    tokio::spawn(async move { post(&url, &body).await });
}

/// Posts an event; the status that answered, if any did.
pub async fn post(url: &str, body: &str) -> Option<u16> {
    posting::post_as(url, "text/xml; charset=utf-8", &[], body, TIMEOUT).await
}
