//! Files sent by e-mail: a value that holds a file becomes a link. The sandbox checks and links,
//! and keeps no file.

use serde_json::{Map, Value};

use crate::sandbox::govuk_notify::answer::Refusal;
use crate::sandbox::govuk_notify::send::Call;
use crate::sandbox::govuk_notify::{schema, uuid};

/// Texts and letters carry no files.
pub fn only_by_email(given: &Map<String, Value>) -> Result<(), Refusal> {
    if given.values().any(is_file) {
        return Err(Refusal::bad_request("Can only send a file by email"));
    }
    Ok(())
}

/// Puts a link in the place of each file.
pub fn replace_with_links(call: &Call<'_>, given: &mut Map<String, Value>) -> Result<(), Refusal> {
    if !given.values().any(is_file) {
        return Ok(());
    }
    for value in given.values().filter(|value| is_file(value)) {
        let file = schema::FILE.check(value, call.now())?;
        if file.contains_key("is_csv") && file.contains_key("filename") {
            return Err(Refusal::invalid("Do not set a value for `is_csv` if `filename` is set."));
        }
    }
    let service = &call.service.id;
    if call.service.contact_link.is_none() {
        return Err(Refusal::bad_request(format!(
            "Send files by email has not been set up - add contact details for your service at \
             https://www.notifications.service.gov.uk/services/{service}/\
             service-settings/send-files-by-email"
        )));
    }
    for value in given.values_mut().filter(|value| is_file(value)) {
        let link = format!("https://documents.service.gov.uk/d/{service}/{}", uuid::random());
        *value = Value::String(link);
    }
    Ok(())
}

fn is_file(value: &Value) -> bool {
    value.as_object().is_some_and(|fields| fields.contains_key("file"))
}
