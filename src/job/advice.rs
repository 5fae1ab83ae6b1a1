//! What a person can do about a delivery: its code in plain words, and the remedy. For screens, commands
//! and runbooks; what the hub itself does about it is in `disposition`.

use crate::record::delivery::State;

/// A code's meaning, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advice {
    /// A code, or the beginning of several up to a dot.
    pub code: &'static str,
    pub means: &'static str,
    pub remedy: &'static str,
}

const fn advice(code: &'static str, means: &'static str, remedy: &'static str) -> Advice {
    Advice { code, means, remedy }
}

/// Every code a delivery can be stopped under. The longer stand before what they begin with.
pub static ADVICE: &[Advice] = &[
    advice(
        "suppressed.deceased",
        "The resident is known to have died.",
        "Send nothing. If they are alive, have it corrected in the system that says otherwise.",
    ),
    advice(
        "suppressed.hold",
        "A hold is in force, or an account is on hold in its own system.",
        "Wait until it ends or is lifted, and do not tell the resident another way before then.",
    ),
    advice(
        "suppressed.consent",
        "The resident has not agreed to be contacted about this.",
        "Ask them the next time they call, and record the answer where their contacts are kept.",
    ),
    advice(
        "suppressed.not_a_person",
        "The party is an estate, an organisation or a placeholder.",
        "Write by hand to whoever acts for it, if anybody must be told.",
    ),
    advice(
        "suppressed.test_range",
        "The address is of a range for tests, which no resident has.",
        "Have it corrected at its source; `test_ranges = \"allow\"` is for rehearsals alone.",
    ),
    advice(
        "suppressed.unknown",
        "The resident is not known any more.",
        "Nothing: there is nobody to tell.",
    ),
    advice(
        "suppressed",
        "The suppression gate kept it here.",
        "Read the cause; the gate judges by what the source systems say.",
    ),
    advice(
        "delivery.no_address",
        "There is nowhere it could be sent to.",
        "Ask the resident for an e-mail address or a mobile number, and record it at its source.",
    ),
    advice(
        "delivery.missing_field",
        "A value that the template needs is not known.",
        "Have it recorded at its source, or the template changed to do without.",
    ),
    advice(
        "delivery.unknown",
        "It was sent, no answer came, and the platform cannot say whether it has it.",
        "Look for the reference in the platform's own pages. If it is not there, a person decides; never \
         send it again blindly.",
    ),
    advice(
        "delivery.attempts",
        "The platform could not be reached, as often as it was tried. It was not sent.",
        "Find out whether the platform is up; then tell the resident by hand if it cannot wait.",
    ),
    advice(
        "delivery.unreadable",
        "The message was written by a later version of the program.",
        "Run the version that wrote it.",
    ),
    advice(
        "expression",
        "Whether the resident is to be told could not be computed.",
        "Tell whoever keeps the outbound mapping: its `when` does not suit this record.",
    ),
    advice(
        "notify.permanent-failure",
        "The platform says that the address does not exist.",
        "Ask the resident for another, and have it corrected at its source.",
    ),
    advice(
        "notify.temporary-failure",
        "The platform tried for days: the inbox is full, or the telephone was off.",
        "Reach the resident another way.",
    ),
    advice(
        "notify.technical-failure",
        "The platform could not send it, by a fault of its own or a provider's.",
        "Look at the platform's status page. A letter may be in the post all the same.",
    ),
    advice(
        "notify.invalid",
        "The platform does not accept a value of the message.",
        "The cause names which: have it corrected at its source, or in the template.",
    ),
    advice(
        "notify.key",
        "The platform does not let us in: the API key is not accepted.",
        "Whoever looks after the service renews the key; what waits is sent then.",
    ),
    advice(
        "notify.clock",
        "The platform does not let us in: this machine's clock is wrong.",
        "Whoever looks after the machine sets its clock; what waits is sent then.",
    ),
    advice(
        "notify",
        "The platform refused it, or says that it failed.",
        "The cause says why. It is not sent again by itself.",
    ),
    advice(
        "payment",
        "What the mapping asks for cannot be paid: nothing, too much, or what the platform refuses.",
        "The cause says which part: mend the mapping, or give it a `when`.",
    ),
    advice(
        "pay.paid_twice",
        "Two payments of one request were paid. The cause names both.",
        "Give one of them back in GOV.UK Pay's admin tool, and tell the payer.",
    ),
    advice(
        "pay.key",
        "The platform does not let us in: the API key is not accepted.",
        "Whoever looks after the account renews the key; payers can pay from then on.",
    ),
    advice(
        "pay",
        "The platform refused the payment.",
        "The cause says why: have it corrected in the mapping or at its source.",
    ),
];

/// What is known about a code.
pub fn of_code(code: &str) -> Option<&'static Advice> {
    ADVICE.iter().find(|advice| {
        let rest = code.strip_prefix(advice.code);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// What a person can do about a delivery that stands so.
pub fn remedy(state: State, code: Option<&str>) -> &'static str {
    match (state, code.and_then(of_code)) {
        (State::Delivered, _) => "Nothing: it is done.",
        (_, Some(advice)) => advice.remedy,
        (State::Held, None) => "Read the cause. It is not sent by itself; a person decides.",
        (State::Offered, None) => "Nothing: it is made when its payer opens the link.",
        (State::Unknown, None) => {
            "Wait: the platform is asked first, and it is never sent again before."
        }
        (State::Waiting | State::Sending | State::Accepted, None) => {
            "Nothing: it goes on by itself."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_explained_by_itself_or_by_its_beginning() {
        for (code, found) in [
            ("suppressed.hold", Some("suppressed.hold")),
            ("suppressed.quiet_hours", Some("suppressed")),
            ("notify.invalid.phone_number", Some("notify.invalid")),
            ("notify.400", Some("notify")),
            ("notifying", None),
            ("", None),
        ] {
            assert_eq!(of_code(code).map(|advice| advice.code), found, "{code}");
        }
        for (place, advice) in ADVICE.iter().enumerate() {
            assert_eq!(of_code(advice.code).map(|found| found.code), Some(advice.code), "{place}");
        }
    }
}
