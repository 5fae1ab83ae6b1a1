//! From a text to a value: the steps of `via`, then the reading as a type. It knows nothing of records.

use std::borrow::Cow;

use chrono::NaiveDate;

use super::compile::{Field, Read};
use super::story::{Event, Witness};
use crate::mapping::definition::Step;
use crate::record::facts::Value;
use crate::record::value::bank::{AccountNumber, SortCode};
use crate::record::value::date::{is_open_ended, is_placeholder, parse_date};
use crate::record::value::email::Email;
use crate::record::value::nhs::NhsNumber;
use crate::record::value::nino::Nino;
use crate::record::value::pence::Pence;
use crate::record::value::phone::Phone;
use crate::record::value::postcode::Postcode;
use crate::record::value::spelling::title_case;
use crate::record::value::uprn::Uprn;

/// The text after its steps; nothing where a step says that it is none.
pub fn apply<'t, W: Witness>(
    steps: &[Step],
    mut text: Cow<'t, str>,
    witness: &mut W,
) -> Option<Cow<'t, str>> {
    for step in steps {
        let before = W::ASKED.then(|| text.to_string());
        let after = stepped(step, text);
        if let Some(before) = before
            && after.as_deref() != Some(&before)
        {
            let to = after.as_deref().map(str::to_owned);
            witness.tell(|| Event::Stepped { by: step.written(), to });
        }
        text = after?;
    }
    Some(text)
}

fn stepped<'t>(step: &Step, text: Cow<'t, str>) -> Option<Cow<'t, str>> {
    Some(match step {
        Step::Trim => match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        },
        Step::CollapseSpaces => Cow::Owned(text.split_whitespace().collect::<Vec<_>>().join(" ")),
        Step::UpperCase => Cow::Owned(text.to_uppercase()),
        Step::LowerCase => Cow::Owned(text.to_lowercase()),
        Step::TitleCase => Cow::Owned(title_case(&text)),
        Step::DigitsOnly => {
            Cow::Owned(text.chars().filter(char::is_ascii_digit).collect::<String>())
        }
        Step::StripLeadingZeros => Cow::Owned(text.trim_start_matches('0').to_owned()),
        Step::Prefix(prefix) => Cow::Owned(format!("{prefix}{text}")),
        Step::NoneIf(words) if words.iter().any(|word| *word == text.as_ref()) => return None,
        Step::NoneIf(_) | Step::DropPlaceholderDates | Step::OpenEndedDates => text,
    })
}

/// The value, and a flag where it is of a range that no real resident has.
pub fn read(
    field: &Field,
    coded: &str,
) -> Result<(Option<Value>, Option<&'static str>), &'static str> {
    let kept = |text: &str| Some(Value::Text(text.to_owned()));
    Ok(match &field.read {
        Read::Text => (kept(coded), None),
        Read::Nino => {
            let nino = match Nino::parse(coded) {
                // Blank and temporary numbers would join strangers: they are no number at all.
                Err(error) if error.code == "nino_temporary" => return Ok((None, None)),
                read => read.map_err(|error| error.code)?,
            };
            (kept(nino.as_str()), nino.is_test_range().then_some("nino_test_range"))
        }
        Read::Nhs => {
            let number = NhsNumber::parse(coded).map_err(|error| error.code)?;
            (kept(number.as_str()), number.is_test_range().then_some("nhs_test_range"))
        }
        Read::SortCode => {
            let code = SortCode::parse(coded).map_err(|error| error.code)?;
            (kept(code.as_str()), None)
        }
        Read::BankAccount => {
            let number = AccountNumber::parse(coded).map_err(|error| error.code)?;
            (kept(number.as_str()), None)
        }
        Read::Uprn => {
            let uprn = Uprn::parse(coded).map_err(|error| error.code)?;
            let value = Value::Text(uprn.value().to_string());
            (Some(value), uprn.is_test_range().then_some("uprn_test_range"))
        }
        Read::Postcode => {
            let postcode = Postcode::parse(coded).map_err(|error| error.code)?;
            let flag = postcode.is_test_range().then_some("postcode_test_range");
            (kept(postcode.as_str()), flag)
        }
        Read::Phone => {
            let phone = Phone::parse(coded).map_err(|error| error.code)?;
            (kept(phone.as_str()), phone.is_test_range().then_some("phone_test_range"))
        }
        Read::Email => {
            let email = Email::parse(coded).map_err(|error| error.code)?;
            (kept(email.as_str()), email.is_test_range().then_some("email_test_range"))
        }
        Read::Whole => {
            let number = coded.parse().map_err(|_| "whole_wrong_shape")?;
            (Some(Value::Whole(number)), None)
        }
        Read::Decimal => {
            let wrong = coded.parse::<f64>().is_err() || coded.contains(['e', 'E', 'n', 'N']);
            if wrong {
                return Err("decimal_wrong_shape");
            }
            (kept(coded), None)
        }
        Read::Flag(yes, no) => {
            let is = |words: &[String]| words.iter().any(|word| word == coded);
            match (is(yes), is(no)) {
                (true, _) => (Some(Value::Flag(true)), None),
                (_, true) => (Some(Value::Flag(false)), None),
                _ => return Err("flag_unknown"),
            }
        }
        Read::Pence(format) => {
            let pence = Pence::parse(coded, *format).map_err(|error| error.code)?;
            (Some(Value::Whole(pence.value())), None)
        }
        Read::Date(formats) => {
            let date = parse_date(coded, formats).map_err(|error| error.code)?;
            let dropped = (field.drop_placeholder && is_placeholder(date))
                || (field.drop_open_ended && is_open_ended(date));
            ((!dropped).then(|| Value::Text(iso(date))), None)
        }
    })
}

/// Why a text that can be read means that there is no value.
pub fn why_dropped(field: &Field, text: &str) -> String {
    match &field.read {
        Read::Nino => "nino_temporary".to_owned(),
        Read::Date(formats) if field.drop_placeholder => match parse_date(text, formats) {
            Ok(date) if is_placeholder(date) => "drop_placeholder_dates".to_owned(),
            _ => "open_ended_dates".to_owned(),
        },
        _ => "open_ended_dates".to_owned(),
    }
}

fn iso(date: NaiveDate) -> String {
    use chrono::Datelike;
    let (year, month, day) = (date.year(), date.month(), date.day());
    let digit = |number: u32| char::from(b'0' + (number % 10) as u8);
    let year = year.unsigned_abs();
    let mut text = String::with_capacity(10);
    for number in [year / 1000, year / 100, year / 10, year] {
        text.push(digit(number));
    }
    for number in [month, day] {
        text.push('-');
        text.push(digit(number / 10));
        text.push(digit(number));
    }
    text
}
