//! Text that staff write by themselves: notes, and names that they give. They are told to write nothing about a
//! resident; what looks like it all the same is masked before it is kept. A name of a person is not known by its look.

/// What stands for the part that is hidden.
const HIDDEN: &str = "•••";
/// As many digits in one go are a telephone or an account, and no number of ours.
const DIGITS_MAX: usize = 8;
/// As many digits in groups are a telephone, a sort code or a National Insurance number.
const GROUPED_DIGITS_MAX: usize = 5;

/// Without electronic addresses, telephones, National Insurance numbers, accounts and postcodes.
pub fn masked(text: &str) -> String {
    let text = without_control(text);
    let words: Vec<String> = text.split(' ').map(word).collect();
    let words = without_postcodes(words);
    digits(&words.join(" "))
}

/// On one line: blanks for whatever else stands between words.
fn without_control(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn word(word: &str) -> String {
    let is_mail = word.split_once('@').is_some_and(|(name, domain)| {
        !name.is_empty() && domain.contains('.') && !domain.starts_with('.')
    });
    let letters: String = word.chars().filter(char::is_ascii_alphanumeric).collect();
    if is_mail || is_national_insurance(&letters) { HIDDEN.to_owned() } else { word.to_owned() }
}

/// `QQ123456C`
fn is_national_insurance(letters: &str) -> bool {
    let bytes = letters.as_bytes();
    bytes.len() == 9
        && bytes[..2].iter().all(u8::is_ascii_alphabetic)
        && bytes[2..8].iter().all(u8::is_ascii_digit)
        && bytes[8].is_ascii_alphabetic()
}

fn without_postcodes(mut words: Vec<String>) -> Vec<String> {
    let bare =
        |word: &str| -> String { word.chars().filter(char::is_ascii_alphanumeric).collect() };
    for place in 0..words.len() {
        let (one, next) = (bare(&words[place]), words.get(place + 1).map(|next| bare(next)));
        if is_outward(&one) && next.as_deref().is_some_and(is_inward) {
            words[place + 1] = HIDDEN.to_owned();
        } else if one.len() > 4 && one.is_char_boundary(one.len() - 3) {
            let (out, inward) = one.split_at(one.len() - 3);
            if is_outward(out) && is_inward(inward) {
                words[place] = HIDDEN.to_owned();
            }
        }
    }
    words
}

/// `SW1A` of `SW1A 1AA`
fn is_outward(text: &str) -> bool {
    let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let rest = &text.as_bytes()[letters..];
    (1..=2).contains(&letters)
        && (1..=2).contains(&rest.len())
        && rest[0].is_ascii_digit()
        && rest.iter().all(u8::is_ascii_alphanumeric)
}

/// `1AA` of `SW1A 1AA`
fn is_inward(text: &str) -> bool {
    matches!(text.as_bytes(), [digit, one, other]
        if digit.is_ascii_digit() && one.is_ascii_alphabetic() && other.is_ascii_alphabetic())
}

/// Long numbers, and numbers in groups, without the days that are written with hyphens.
fn digits(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let (mut said, mut at) = (String::new(), 0);
    while at < letters.len() {
        let begins = letters[at].is_ascii_digit()
            || (letters[at] == '+' && letters.get(at + 1).is_some_and(char::is_ascii_digit));
        if !begins {
            said.push(letters[at]);
            at += 1;
            continue;
        }
        let mut end = at + 1;
        while letters.get(end).is_some_and(char::is_ascii_digit)
            || (letters.get(end).is_some_and(|c| " -./()".contains(*c))
                && letters.get(end + 1).is_some_and(char::is_ascii_digit))
        {
            end += 1;
        }
        let run: String = letters[at..end].iter().collect();
        let many = run.chars().filter(char::is_ascii_digit).count();
        let is_grouped = !run.trim_start_matches('+').chars().all(|c| c.is_ascii_digit());
        let most = if is_grouped { GROUPED_DIGITS_MAX } else { DIGITS_MAX };
        let is_day = run.len() == 10 && run.parse::<chrono::NaiveDate>().is_ok();
        said.push_str(if many > most && !is_day { HIDDEN } else { &run });
        at = end;
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_resident_is_masked() {
        for (text, wanted) in [
            ("rang 07700 900123 today", "rang ••• today"),
            ("rang +447700900123", "rang •••"),
            ("wrote to pat.testberry@example.com, no answer", "wrote to ••• no answer"),
            ("QQ123456C is wrong", "••• is wrong"),
            ("QQ 12 34 56 C is wrong", "QQ ••• C is wrong"),
            ("lives at SW1A 1AA now", "lives at SW1A ••• now"),
            ("lives at sw1a1aa", "lives at •••"),
            ("sort code 12-34-56", "sort code •••"),
            ("account 123456789", "account •••"),
        ] {
            assert_eq!(masked(text), wanted);
        }
        for plain in [
            "work order 10007 of batch 60500000: revenues mend it by 2026-11-30",
            "code LIMBO @ revenues is to be added, 3 of 12 rows",
            "asked twice",
        ] {
            assert_eq!(masked(plain), plain);
        }
        assert_eq!(masked(" two\nlines\t"), "two lines");
    }
}
