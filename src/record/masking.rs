//! Values as people see them: masked unless somebody asked to be shown them.
//!
//! A mask leaves enough to recognise what one knows already, and too little to learn it: a first
//! letter, the last characters, the year, how large a sum is. Nothing tells how long the rest is.

use super::facts::Value;
use super::schema::{Class, Field, Kind};
use super::value::pence::Pence;

/// What stands for the part that is hidden, however long that is.
const HIDDEN: &str = "•••";

/// A field's value, masked as its class asks. One that says nothing about a person is as it is.
pub fn mask(field: &Field, value: &Value) -> String {
    match (field.class, field.kind, value) {
        // Yes or no, of somebody who is not named.
        (Class::Plain, ..) | (_, _, Value::Flag(_)) => show(field, value),
        (Class::Bank, _, value) => ends(&value.to_text(), 0, 4),
        (_, Kind::Pence, Value::Whole(pence)) => mask_pence(*pence),
        (_, Kind::Date, value) => mask_date(&value.to_text()),
        (_, Kind::Email, value) => mask_email(&value.to_text()),
        (_, Kind::Phone | Kind::Uprn | Kind::Nino, value) => ends(&value.to_text(), 0, 3),
        (_, Kind::Postcode, value) => mask_postcode(&value.to_text()),
        (_, _, Value::Text(text)) => mask_text(text),
        (_, _, Value::Whole(_)) => HIDDEN.to_owned(),
    }
}

/// A field's value as people read it. Bank details are shown to nobody beyond their last four.
pub fn show(field: &Field, value: &Value) -> String {
    match (field.class, field.kind, value) {
        (Class::Bank, ..) => ends(&value.to_text(), 0, 4),
        (_, Kind::Pence, Value::Whole(pence)) => Pence::new(*pence).said(),
        (_, _, Value::Flag(flag)) => if *flag { "yes" } else { "no" }.to_owned(),
        _ => value.to_text(),
    }
}

/// Text of which no more is known than that it may be about a person: a name, a line of an address,
/// whatever stands at a path.
pub fn mask_text(text: &str) -> String {
    ends(text, 1, 1)
}

/// The key of a record: its last four characters, as people read a reference out.
pub fn mask_key(key: &str) -> String {
    ends(key, 0, 4)
}

/// Where a message goes: an e-mail address, a telephone number, or a line of an address.
pub fn mask_address(text: &str) -> String {
    match text {
        text if text.contains('@') => mask_email(text),
        text if text.starts_with('+') => ends(text, 0, 3),
        text => mask_text(text),
    }
}

/// The first and the last characters, if at least as many again stay hidden, and two more.
fn ends(text: &str, first: usize, last: usize) -> String {
    let letters: Vec<char> = text.trim().chars().collect();
    if letters.is_empty() {
        return String::new();
    }
    if letters.len() < first + last + 2 {
        // Of a short word the first letter at most.
        let shown = if letters.len() > 2 { first } else { 0 };
        return format!("{}{HIDDEN}", letters[..shown].iter().collect::<String>());
    }
    let begin: String = letters[..first].iter().collect();
    let end: String = letters[letters.len() - last..].iter().collect();
    format!("{begin}{HIDDEN}{end}")
}

/// `t•••@e•••.com`: a domain of one's own is as good as a name.
fn mask_email(text: &str) -> String {
    let Some((name, domain)) = text.rsplit_once('@') else { return mask_text(text) };
    let ending = domain.rsplit_once('.').map_or("", |(_, ending)| ending);
    format!("{}@{}.{ending}", ends(name, 1, 0), ends(domain, 1, 0))
}

/// The year.
fn mask_date(text: &str) -> String {
    match text.split_once('-') {
        Some((year, _)) if year.len() == 4 => format!("{year}-••-••"),
        _ => HIDDEN.to_owned(),
    }
}

/// The district: `HS1 •••`.
fn mask_postcode(text: &str) -> String {
    match text.split_once(' ') {
        Some((district, _)) => format!("{district} {HIDDEN}"),
        None => HIDDEN.to_owned(),
    }
}

/// How large it is: `£1,234.50` is `£1•••.••`, so that pounds taken for pence are seen. Less than
/// ten pounds is nothing but a sum.
pub fn mask_pence(pence: i64) -> String {
    let sign = if pence < 0 { "-" } else { "" };
    let whole = (pence.unsigned_abs() / 100).to_string();
    let hidden = |digits: usize| "•".repeat(digits);
    match whole.split_at(1) {
        (_, "") => format!("{sign}£•.••"),
        (first, rest) => format!("{sign}£{first}{}.••", hidden(rest.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::schema::{ACCOUNT, LISTS, PARTY, account_field, party_field};

    fn text(value: &str) -> Value {
        Value::Text(value.to_owned())
    }

    #[test]
    fn a_mask_leaves_enough_to_recognise_and_no_more() {
        for (field, value, masked, shown) in [
            ("name.family", text("Testberry"), "T•••y", "Testberry"),
            ("name.family", text("Oe"), "•••", "Oe"),
            ("name.given", text("Ann"), "A•••", "Ann"),
            ("name.given", text("J"), "•••", "J"),
            ("name.given", text("Zoë"), "Z•••", "Zoë"),
            ("birth_date", text("1984-02-29"), "1984-••-••", "1984-02-29"),
            ("nino", text("QQ123456A"), "•••56A", "QQ123456A"),
            (
                "contact.email",
                text("jo@fakeley.example.com"),
                "•••@f•••.com",
                "jo@fakeley.example.com",
            ),
            ("contact.email", text("bramble@example.com"), "b•••@e•••.com", "bramble@example.com"),
            ("contact.mobile", text("+447700900123"), "•••123", "+447700900123"),
            ("address.postcode", text("HS1 9ZZ"), "HS1 •••", "HS1 9ZZ"),
            ("address.uprn", text("100099900001"), "•••001", "100099900001"),
            ("address.line1", text("12 High Street"), "1•••t", "12 High Street"),
            ("deceased", Value::Flag(true), "yes", "yes"),
            ("kind", text("person"), "person", "person"),
        ] {
            let field = party_field(field).unwrap();
            assert_eq!(mask(field, &value), masked, "{}", field.name);
            assert_eq!(show(field, &value), shown, "{}", field.name);
        }
        for (field, value, masked, shown) in [
            ("balance", Value::Whole(123_450), "£1•••.••", "£1,234.50"),
            ("balance", Value::Whole(-1_250), "-£1•.••", "-£12.50"),
            ("balance", Value::Whole(0), "£•.••", "£0.00"),
            ("balance", Value::Whole(999), "£•.••", "£9.99"),
            ("balance", Value::Whole(-123_456_700), "-£1••••••.••", "-£1,234,567.00"),
            ("payment.sort_code", text("309950"), "•••9950", "•••9950"),
            ("payment.account_number", text("1234"), "•••", "•••"),
            ("status", text("open"), "open", "open"),
            ("payment.day", Value::Whole(15), "15", "15"),
        ] {
            let field = account_field(field).unwrap();
            assert_eq!(mask(field, &value), masked, "{}", field.name);
            assert_eq!(show(field, &value), shown, "{}", field.name);
        }
    }

    #[test]
    fn no_field_about_a_person_shows_its_value() {
        let lists = LISTS.iter().flat_map(|list| list.fields);
        for field in PARTY.iter().chain(ACCOUNT).chain(lists) {
            let secret = match field.kind {
                Kind::Pence | Kind::Whole => Value::Whole(7_654_321),
                Kind::Flag => continue,
                Kind::Date => text("1984-02-29"),
                Kind::Email => text("testberry@example.com"),
                Kind::Postcode => text("HS1 9ZZ"),
                _ => text("QX987654321Z"),
            };
            let hidden = !mask(field, &secret).contains(&secret.to_text());
            let plain = field.class == Class::Plain;
            assert!(hidden != plain, "{}: {}", field.name, mask(field, &secret));
        }
    }

    #[test]
    fn text_of_any_kind_is_masked() {
        for (value, masked) in
            [("9900003", "9•••3"), ("99", "•••"), ("  ", ""), ("", ""), ("é漢字🎉é", "é•••é")]
        {
            assert_eq!(mask_text(value), masked, "{value}");
        }
        assert_eq!(mask_address("bramble@example.com"), "b•••@e•••.com");
        assert_eq!(mask_address("+447700900123"), "•••123");
        assert_eq!(mask_key("9900000042"), "•••0042");
        assert_eq!(mask_key("B1"), "•••");
        assert_eq!(mask_address("12 High Street"), "1•••t");
    }
}
