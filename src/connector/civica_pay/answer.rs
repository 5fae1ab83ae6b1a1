//! What the platform's answers mean for us, by its codes; its sentences are never looked at, and never
//! repeated: they may hold what was sent.

use serde_json::Value;

use crate::connector::answering::{self, Doing, arrived, unanswered};
use crate::connector::channel::{ConnectorError, Standing, Status};
use crate::connector::http::{Answer, HttpFault};
use crate::record::value::pence::{Pence, PenceFormat};

/// All is well. Any other code is not, though the status be 200.
const GOOD: &str = "00000";
/// Something is the matter on the platform's side; nothing was made that anybody could pay.
const GENERAL: &str = "99999";

/// The answer of a call on a basket, if it did as asked; else the decision.
pub fn of_basket(
    doing: Doing,
    answered: Result<Answer, HttpFault>,
    now_ms: i64,
) -> Result<Value, ConnectorError> {
    let answer = arrived(doing, answered)?;
    match answer.status {
        200 => {}
        300..=399 => return Err(answering::redirected()),
        429 | 503 => return Err(answering::slow_down(&answer, now_ms)),
        status @ (401 | 403) => {
            let cause = format!("it answered {status}");
            return Err(ConnectorError::Unauthorised { code: "civica_pay.door", cause });
        }
        status @ 400..=499 => return Err(refused(&status.to_string(), 0)),
        status => return Err(unanswered(doing, format!("it answered {status}"))),
    }
    let said = answering::json(doing, &answer)?;
    let code = five_digits(field(&said, "ResponseCode"));
    let success = field(&said, "Success");
    match (code, success) {
        (GOOD, Value::Bool(true)) => Ok(said),
        // An operation that has no code says so by this alone.
        ("", Value::Bool(true)) if field(&said, "ResponseCode").is_null() => Ok(said),
        (GENERAL, _) => {
            Err(answering::unavailable(format!("it answered with code {GENERAL}"), None))
        }
        (GOOD | "", _) => {
            let cause = "its answer does not say whether it did as it was asked".to_owned();
            Err(unanswered(doing, cause))
        }
        (code, _) => Err(refused(code, faults(field(&said, "FieldErrors")))),
    }
}

fn refused(code: &str, fields: usize) -> ConnectorError {
    let cause = match fields {
        0 => "it does not accept the payment".to_owned(),
        1 => "it does not accept one of the payment's values".to_owned(),
        some => format!("it does not accept {some} of the payment's values"),
    };
    ConnectorError::Refused { code: format!("civica_pay.{code}"), cause }
}

/// A field of an answer, whichever way its name is written.
pub fn field<'v>(said: &'v Value, name: &str) -> &'v Value {
    let found = said.as_object().and_then(|fields| {
        fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    });
    found.unwrap_or(&Value::Null)
}

/// A code, if it is one: whatever else stands there is not repeated.
fn five_digits(code: &Value) -> &str {
    let code = code.as_str().unwrap_or_default();
    let is_code = code.len() == 5 && code.bytes().all(|byte| byte.is_ascii_digit());
    if is_code { code } else { "" }
}

/// How many fields are at fault: what says it has no shape of its own.
fn faults(said: &Value) -> usize {
    match said {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => usize::from(!text.trim().is_empty()),
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
    }
}

/// One attempt to pay, as the platform's query tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// The platform's letter: `A` is paid.
    pub status: String,
    /// As it is written; in whichever way.
    pub amount: String,
    /// The basket, where it is told.
    pub basket: Option<String>,
}

impl Attempt {
    fn is(&self, letter: &str) -> bool {
        self.status.trim().eq_ignore_ascii_case(letter)
    }
}

/// What all attempts under one reference come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paid {
    /// Nobody tried.
    Nothing,
    /// Nobody succeeded; the last word.
    Refused(String),
    /// Somebody tries just now, or it is not known yet what came of it.
    Deciding(String),
    Once {
        basket: Option<String>,
    },
    /// More than once: a person decides. The baskets, or how often where they are not told.
    Several(Vec<String>),
    /// Another amount than was asked for: a person decides.
    OtherAmount,
}

/// Judges what a query brought; `amount` in pence, where it is known.
pub fn judge(attempts: &[Attempt], amount: Option<i64>) -> Paid {
    // The same basket twice is one payment told twice.
    let mut paid: Vec<&Attempt> = Vec::new();
    for attempt in attempts.iter().filter(|attempt| attempt.is("A")) {
        let again = |known: &&Attempt| known.basket.is_some() && known.basket == attempt.basket;
        if !paid.iter().any(again) {
            paid.push(attempt);
        }
    }
    let other = |attempt: &&Attempt| {
        amount.is_some_and(|amount| pence(&attempt.amount).is_none_or(|told| told != amount))
    };
    match paid.as_slice() {
        [] => {}
        some if some.iter().any(other) => return Paid::OtherAmount,
        [one] => return Paid::Once { basket: one.basket.clone() },
        some => {
            let name = |(number, one): (usize, &&Attempt)| {
                one.basket.clone().unwrap_or_else(|| format!("payment {}", number + 1))
            };
            return Paid::Several(some.iter().enumerate().map(name).collect());
        }
    }
    // Declined, ran out of time, could not reach the bank, an expired card, a PIN or signature refused. Any
    // other letter may still become a payment.
    const OVER: [&str; 8] = ["D", "T", "C", "S", "M", "E", "N", "L"];
    let is_over = |attempt: &&Attempt| OVER.iter().any(|letter| attempt.is(letter));
    match (attempts.iter().find(|attempt| !is_over(attempt)), attempts.last()) {
        (Some(deciding), _) => Paid::Deciding(deciding.status.trim().to_owned()),
        (None, Some(last)) => Paid::Refused(last.status.trim().to_owned()),
        (None, None) => Paid::Nothing,
    }
}

/// An amount in whichever way the platform writes it today. A comma before two digits may stand for pence or
/// be a slip: it is not guessed.
pub fn pence(text: &str) -> Option<i64> {
    let text = text.trim();
    let read = |format| Pence::parse(text, format).ok().map(Pence::value);
    let read = |format: PenceFormat| read(format);
    let plain = text.trim_start_matches('£');
    let is_sound =
        !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_sound {
        return Pence::parse(plain, PenceFormat::NumberPounds).ok().map(Pence::value);
    }
    read(PenceFormat::DecimalPoundsLoose)
}

/// An amount as the platform takes it: pounds, with two decimals, as a text.
pub fn pounds(pence: i64) -> String {
    format!("{}.{:02}", pence / 100, pence % 100)
}

impl Paid {
    /// How the payment stands.
    pub fn status(&self) -> Status {
        let (word, stands) = match self {
            Paid::Nothing => ("created".to_owned(), Standing::Pending),
            Paid::Refused(letter) => (word(letter), Standing::Pending),
            Paid::Deciding(letter) => (word(letter), Standing::Pending),
            Paid::Once { .. } => ("authorised".to_owned(), Standing::Delivered),
            Paid::Several(baskets) => ("paid_twice".to_owned(), Standing::Doubled(baskets.clone())),
            Paid::OtherAmount => ("other_amount".to_owned(), Standing::Failed),
        };
        Status { word, stands }
    }
}

/// The platform's letter in a word.
fn word(letter: &str) -> String {
    let word = match letter {
        "P" => "pending",
        "D" => "declined",
        "T" => "timed_out",
        "C" | "S" => "not_reached",
        "R" => "referred",
        "M" => "bank_silent",
        "E" => "card_expired",
        "I" => "pin_in_progress",
        "N" => "pin_cancelled",
        "W" => "awaiting_signature",
        "L" => "signature_declined",
        "3DP" => "three_d_secure",
        _ => "other",
    };
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(body: Value) -> Result<Value, String> {
        let body = body.to_string().into_bytes();
        let answer = Ok(Answer { status: 200, body, ..Answer::default() });
        of_basket(Doing::Changing, answer, 0).map_err(|error| error.to_string())
    }

    #[test]
    fn quirk_26_a_200_is_good_by_its_code_alone() {
        assert!(said(json!({"ResponseCode": "00000", "Success": true})).is_ok());
        assert!(said(json!({"responseCode": "00000", "success": true})).is_ok());
        for (body, told) in [
            (
                json!({"ResponseCode": "00001", "Success": false}),
                "the system refused (civica_pay.00001): it does not accept the payment",
            ),
            (
                json!({"ResponseCode": "99999", "Success": true}),
                "the system is not available: it answered with code 99999",
            ),
            (
                json!({"ResponseCode": "00000", "Success": false}),
                "no answer came: its answer does not say whether it did as it was asked",
            ),
            (
                json!({"ResponseCode": "Pat Testberry", "Success": true}),
                "no answer came: its answer does not say whether it did as it was asked",
            ),
            (json!({}), "no answer came: its answer does not say whether it did as it was asked"),
        ] {
            assert_eq!(said(body.clone()).unwrap_err(), told, "{body}");
        }
    }

    #[test]
    fn quirk_31_what_is_said_of_fields_has_any_shape() {
        for (shape, told) in [
            (json!(null), "it does not accept the payment"),
            (json!(""), "it does not accept the payment"),
            (
                json!("AccountReference of Pat Testberry"),
                "it does not accept one of the payment's values",
            ),
            (
                json!([{"Field": "AccountReference"}, "x"]),
                "it does not accept 2 of the payment's values",
            ),
            (
                json!({"AccountReference": ["x", "y"]}),
                "it does not accept one of the payment's values",
            ),
            (json!(7), "it does not accept the payment"),
        ] {
            let body = json!({"ResponseCode": "00001", "Success": false, "FieldErrors": shape});
            let error = said(body).unwrap_err();
            assert_eq!(error, format!("the system refused (civica_pay.00001): {told}"));
        }
        let absent = said(json!({"ResponseCode": "00001"})).unwrap_err();
        assert!(absent.ends_with("it does not accept the payment"), "{absent}");
    }

    #[test]
    fn quirk_30_an_amount_is_a_text() {
        assert_eq!(
            (pounds(14_250), pounds(5), pounds(100_000)),
            ("142.50".into(), "0.05".into(), "1000.00".into())
        );
        for (text, found) in [
            ("12.50", Some(1_250)),
            ("12.5", Some(1_250)),
            ("12", Some(1_200)),
            (" £12.50 ", Some(1_250)),
            ("1,212.50", Some(121_250)),
            ("12,50", None),
            ("", None),
            ("twelve", None),
        ] {
            assert_eq!(pence(text), found, "{text}");
        }
    }

    fn attempts(letters: &[(&str, &str, Option<&str>)]) -> Vec<Attempt> {
        let one = |(status, amount, basket): &(&str, &str, Option<&str>)| Attempt {
            status: (*status).to_owned(),
            amount: (*amount).to_owned(),
            basket: basket.map(str::to_owned),
        };
        letters.iter().map(one).collect()
    }

    #[test]
    fn quirk_28_all_baskets_of_a_reference_are_judged_together() {
        let paid = |letters: &[(&str, &str, Option<&str>)]| {
            let status = judge(&attempts(letters), Some(14_250)).status();
            (status.word, status.stands)
        };
        let good = "142.50";
        assert_eq!(paid(&[]), ("created".to_owned(), Standing::Pending));
        assert_eq!(paid(&[("D", good, None)]), ("declined".to_owned(), Standing::Pending));
        // An early one succeeds late.
        let late = paid(&[("A", good, Some("B1")), ("D", good, Some("B2"))]);
        assert_eq!(late, ("authorised".to_owned(), Standing::Delivered));
        // Told twice, it was paid once; in two baskets it was paid twice.
        let told_twice = paid(&[("A", good, Some("B1")), ("A", good, Some("B1"))]);
        assert_eq!(told_twice.1, Standing::Delivered);
        let twice = paid(&[("A", good, Some("B1")), ("A", good, Some("B2"))]);
        assert_eq!(twice.1, Standing::Doubled(vec!["B1".to_owned(), "B2".to_owned()]));
        assert!(matches!(paid(&[("A", good, None), ("A", good, None)]).1, Standing::Doubled(_)));
        assert_eq!(paid(&[("A", "142,50", None)]).1, Standing::Failed);
        assert_eq!(paid(&[("A", "1.00", None)]).0, "other_amount");
        // A letter of next year is no success, and no failure.
        assert_eq!(judge(&attempts(&[("Z", good, None)]), None), Paid::Deciding("Z".to_owned()));
        assert_eq!(
            judge(&attempts(&[("3DP", good, None)]), None),
            Paid::Deciding("3DP".to_owned())
        );
    }
}
