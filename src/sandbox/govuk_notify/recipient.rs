//! Whom a message goes to: may this service and key write there, what does it cost, and how will it
//! fare. The shapes of addresses and numbers are read elsewhere.

use crate::sandbox::govuk_notify::answer::Refusal;
use crate::sandbox::govuk_notify::email;
use crate::sandbox::govuk_notify::message::{Course, SmsCost, Status};
use crate::sandbox::govuk_notify::phone::{PhoneFault, PhoneNumber};
use crate::sandbox::govuk_notify::rates;
use crate::sandbox::govuk_notify::send::Call;
use crate::sandbox::govuk_notify::service::{InternationalRate, KeyKind, Permission, Service};
use crate::sandbox::govuk_notify::state::Memory;
use crate::sandbox::govuk_notify::whitespace;

/// Numbers and addresses that answer as if sent to, and are forgotten.
const SIMULATED_NUMBERS: [&str; 3] = ["447700900000", "447700900111", "447700900222"];
const SIMULATED_ADDRESSES: [&str; 3] = [
    "simulate-delivered@notifications.service.gov.uk",
    "simulate-delivered-2@notifications.service.gov.uk",
    "simulate-delivered-3@notifications.service.gov.uk",
];

/// A recipient that may be written to.
pub enum Recipient {
    Email { written: String, test: bool },
    Phone { written: String, number: PhoneNumber, rate: InternationalRate, test: bool },
    Post(String),
}

/// An e-mail address that this caller may write to.
pub fn email(call: &Call<'_>, raw: &str) -> Result<Recipient, Refusal> {
    may_reach(call.service, call.key, raw)?;
    Ok(Recipient::Email { written: whitespace::strip(raw), test: call.key == KeyKind::Test })
}

/// A phone number that this caller may write to.
pub fn phone(call: &Call<'_>, memory: &Memory, raw: &str) -> Result<Recipient, Refusal> {
    may_reach(call.service, call.key, raw)?;
    let number = PhoneNumber::read(raw).map_err(Refusal::phone)?;
    let international = call.service.may(Permission::InternationalSms);
    let landline = call.service.may(Permission::SmsToUkLandlines);
    number.permitted(international, landline).map_err(|fault| {
        let foreign = number.is_international() && !number.is_crown_dependency();
        if fault == PhoneFault::NotUkMobile && foreign {
            Refusal::bad_request("Cannot send to international mobile numbers")
        } else {
            Refusal::phone(fault)
        }
    })?;
    if !number.has_uk_code() {
        let now_ms = call.now_us.div_euclid(1_000);
        memory.limits.check_abroad(call.service, call.key, now_ms)?;
    }
    let rate = rates::of(call.service, &number);
    let written = whitespace::strip(raw);
    Ok(Recipient::Phone { written, number, rate, test: call.key == KeyKind::Test })
}

impl Recipient {
    pub fn written(&self) -> String {
        match self {
            Self::Email { written, .. } | Self::Phone { written, .. } | Self::Post(written) => {
                written.clone()
            }
        }
    }

    pub fn is_simulated(&self) -> bool {
        match self {
            Self::Email { written, .. } => {
                SIMULATED_ADDRESSES.contains(&email::normalised(written).as_str())
            }
            Self::Phone { number, .. } => SIMULATED_NUMBERS.contains(&number.normalised().as_str()),
            Self::Post(_) => false,
        }
    }

    /// Counted against the limit on texts abroad.
    pub fn is_abroad(&self) -> bool {
        matches!(self, Self::Phone { number, .. } if !number.has_uk_code())
    }

    pub fn cost(&self, fragments: u32) -> SmsCost {
        let multiplier = match self {
            Self::Phone { rate, .. } => rate.multiplier,
            Self::Email { .. } | Self::Post(_) => 1.0,
        };
        SmsCost { fragments, multiplier }
    }

    /// Only a test key can make a message fail, by the recipients set aside for that.
    pub fn course(&self) -> Course {
        match self {
            Self::Email { written, test } => Course::Ordinary(match written.as_str() {
                "temp-fail@simulator.notify" if *test => Status::TemporaryFailure,
                "perm-fail@simulator.notify" if *test => Status::PermanentFailure,
                _ => Status::Delivered,
            }),
            Self::Phone { written, number, rate, test } => {
                let end = if *test && written.ends_with("7700900003") {
                    Status::TemporaryFailure
                } else if *test && written.ends_with("7700900002") {
                    Status::PermanentFailure
                } else {
                    Status::Delivered
                };
                if number.is_international() {
                    Course::Abroad(rate.receipts.then_some(end))
                } else {
                    Course::Ordinary(end)
                }
            }
            Self::Post(_) => Course::Letter,
        }
    }
}

/// A team key, and any key of a service in trial but the test key, reaches only the service's own
/// people.
fn may_reach(service: &Service, key: KeyKind, recipient: &str) -> Result<(), Refusal> {
    let anyone = key == KeyKind::Test || (key == KeyKind::Live && service.live);
    let wanted = comparable(recipient);
    let mut people = service.team.iter().chain(&service.guests);
    if anyone || people.any(|person| comparable(person) == wanted) {
        return Ok(());
    }
    Err(Refusal::bad_request(if key == KeyKind::Team {
        "Can’t send to this recipient using a team-only API key"
    } else {
        "Can’t send to this recipient when service is in trial mode – see \
         https://www.notifications.service.gov.uk/trial-mode"
    }))
}

fn comparable(recipient: &str) -> String {
    if let Ok(number) = PhoneNumber::read(recipient) {
        return number.normalised();
    }
    email::read(recipient).map_or_else(|| recipient.to_owned(), |address| address.to_lowercase())
}
