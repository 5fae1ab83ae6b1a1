//! Letters, from a template or as a finished document: who may post, where to, and what inspection
//! will find. What a page looks like is `post.rs`.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Value, json};

use crate::sandbox::govuk_notify::address::Address;
use crate::sandbox::govuk_notify::answer::Refusal;
use crate::sandbox::govuk_notify::message::{Course, LetterParts, Message, Status};
use crate::sandbox::govuk_notify::recipient::Recipient;
use crate::sandbox::govuk_notify::send::{
    Call, accepted, blank, chosen_template, file, not_empty, permitted, personalisation, text_of,
};
use crate::sandbox::govuk_notify::service::{Channel, KeyKind, Permission, Template};
use crate::sandbox::govuk_notify::state::Memory;
use crate::sandbox::govuk_notify::text::{self, Values};
use crate::sandbox::govuk_notify::{files, post, schema};

const PRECOMPILED_TEMPLATE: &str = "11111111-1111-4111-8111-1111111111ff";

/// A letter from a template.
pub fn letter(call: &Call<'_>, memory: &mut Memory, body: &Value) -> Result<Value, Refusal> {
    let form = schema::LETTER.check(body, call.now())?;
    permitted(call.service, Channel::Letter)?;
    let given = personalisation(form);
    let values = Values::of(&given);
    let template = chosen_template(call, Channel::Letter, form, &values)?;
    not_empty(template, &values)?;
    files::only_by_email(&given)?;
    may_post(call)?;
    let address = Address::of(&given);
    if let Some(fault) = address.fault(call.service.may(Permission::InternationalLetters)) {
        return Err(Refusal::invalid(fault));
    }
    let subject = text::subject(template.subject.as_deref().unwrap_or_default(), &values, true);
    let body = text::body(&template.body, &values);
    let recipient = Recipient::Post(address.lines().join(", "));
    let names = ["address_line_1", "address_line_2", "address_line_3", "address_line_4"];
    let names = names.into_iter().chain(["address_line_5", "address_line_6", "postcode"]);
    let lines: Vec<Value> =
        names.map(|name| values.get(name).cloned().unwrap_or(Value::Null)).collect();
    let postage = address.postage().or(template.postage.as_deref()).unwrap_or("second");
    let page = format!("{}\n\n{subject}\n\n{body}", address.lines().join("\n"));
    let message = Message {
        subject: Some(subject.clone()),
        body: body.clone(),
        course: if call.key == KeyKind::Test { Course::TestLetter } else { Course::Letter },
        letter: Some(LetterParts {
            lines: lines.try_into().unwrap_or_default(),
            postage: postage.to_owned(),
            sheets: post::sheets(&body),
            pdf: post::pdf(&page),
        }),
        ..blank(call, memory, Channel::Letter, form, template, &recipient.written())
    };
    let mut answer = accepted(call, &message);
    answer.insert("content".to_owned(), json!({"subject": subject, "body": body}));
    file(call, memory, message, &body, &recipient)?;
    Ok(Value::Object(answer))
}

/// A letter that comes as a finished document.
pub fn precompiled(call: &Call<'_>, memory: &mut Memory, body: &Value) -> Result<Value, Refusal> {
    let form = schema::PRECOMPILED.check(body, call.now())?;
    permitted(call.service, Channel::Letter)?;
    may_post(call)?;
    let document = decode(text_of(form, "content")).ok_or_else(|| {
        Refusal::bad_request("Cannot decode letter content (invalid base64 encoding)")
    })?;
    let postage = form.get("postage").and_then(Value::as_str).unwrap_or("second").to_owned();
    let template = Template {
        id: PRECOMPILED_TEMPLATE.to_owned(),
        name: "Pre-compiled PDF".to_owned(),
        channel: Channel::Letter,
        version: 1,
        subject: Some("Pre-compiled PDF".to_owned()),
        body: String::new(),
        letter_contact_block: None,
        postage: None,
        archived: false,
        history: Vec::new(),
    };
    let recipient = Recipient::Post("Provided as PDF".to_owned());
    let mut lines: [Value; 7] = Default::default();
    lines[0] = json!("Provided as PDF");
    let message = Message {
        subject: template.subject.clone(),
        course: Course::Precompiled(fate_of(&document)),
        letter: Some(LetterParts { lines, postage: postage.clone(), sheets: 1, pdf: document }),
        ..blank(call, memory, Channel::Letter, form, &template, &recipient.written())
    };
    let answer = json!({"id": message.id, "reference": message.reference, "postage": postage});
    file(call, memory, message, "", &recipient)?;
    Ok(answer)
}

fn may_post(call: &Call<'_>) -> Result<(), Refusal> {
    if call.key == KeyKind::Team {
        return Err(Refusal::forbidden("Cannot send letters with a team api key"));
    }
    if !call.service.live && call.key != KeyKind::Test {
        return Err(Refusal::forbidden("Cannot send letters when service is in trial mode"));
    }
    Ok(())
}

/// What inspection will find: a scanner's test file is a virus, and what is not a PDF cannot be
/// printed.
fn fate_of(document: &[u8]) -> Status {
    let holds = |needle: &[u8]| document.windows(needle.len()).any(|window| window == needle);
    if holds(b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE") {
        Status::VirusScanFailed
    } else if document.starts_with(b"%PDF-") {
        Status::Delivered
    } else {
        Status::ValidationFailed
    }
}

/// Base64 as leniently as the platform reads it: what is not in the alphabet is skipped, but
/// padding must be right.
fn decode(text: &str) -> Option<Vec<u8>> {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
    );
    let known: String = text
        .chars()
        .filter(|found| found.is_ascii_alphanumeric() || "+/=".contains(*found))
        .collect();
    ENGINE.decode(known).ok()
}
