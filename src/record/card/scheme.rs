//! Which digits can be the number of a payment card: the card schemes' own beginnings and lengths
//! (ISO/IEC 7812), and the check digit. Whether a card was ever issued is not asked.

/// Cards whose first four digits are `from..=to`.
struct Scheme {
    from: usize,
    to: usize,
    lengths: &'static [usize],
}

const fn scheme(from: usize, to: usize, lengths: &'static [usize]) -> Scheme {
    Scheme { from, to, lengths }
}

/// The shortest and the longest number of any scheme, digits.
pub const SHORTEST: usize = 13;
pub const LONGEST: usize = 19;

/// Sixteen to nineteen digits, as most schemes allow and few use.
const LONG: &[usize] = &[16, 17, 18, 19];

#[rustfmt::skip]
const SCHEMES: &[Scheme] = &[
    scheme(4000, 4999, &[13, 16, 19]),      // Visa
    scheme(5100, 5599, &[16]),              // Mastercard
    scheme(2221, 2720, &[16]),
    scheme(3400, 3499, &[15]),              // American Express
    scheme(3700, 3799, &[15]),
    scheme(6011, 6011, LONG),               // Discover
    scheme(6440, 6599, LONG),
    scheme(6200, 6299, LONG),               // UnionPay
    scheme(3528, 3589, LONG),               // JCB
    scheme(3000, 3059, &[14]),              // Diners Club
    scheme(3090, 3099, &[14]),
    scheme(3600, 3699, &[14]),
    scheme(3800, 3999, &[14]),
    scheme(5018, 5020, LONG),               // Maestro, with Dankort; its shorter numbers are no longer issued
    scheme(5038, 5038, LONG),
    scheme(5893, 5893, LONG),
    scheme(6304, 6304, LONG),
    scheme(6759, 6759, LONG),
    scheme(6761, 6763, LONG),
    scheme(6767, 6767, LONG),
];

/// Whether a number may begin so: most do not, and are looked at no further.
pub fn may_begin(digits: &[u8]) -> bool {
    digits.first_chunk().is_some_and(|lead| BEGINNINGS[number(lead)])
}

/// Whether these digits can be the number of a card.
pub fn is_card(digits: &[u8]) -> bool {
    (SHORTEST..=LONGEST).contains(&digits.len()) && has_scheme(digits) && passes_check(digits)
}

fn has_scheme(digits: &[u8]) -> bool {
    let lead = digits.first_chunk().map_or(0, number);
    SCHEMES.iter().any(|scheme| {
        scheme.lengths.contains(&digits.len()) && (scheme.from..=scheme.to).contains(&lead)
    })
}

/// What four digits count.
fn number(lead: &[u8; 4]) -> usize {
    lead.iter().fold(0, |sum, digit| 10 * sum + usize::from(digit - b'0'))
}

/// Which four digits some scheme begins with.
static BEGINNINGS: [bool; 10_000] = {
    let mut known = [false; 10_000];
    let mut place = 0;
    while place < SCHEMES.len() {
        let mut lead = SCHEMES[place].from;
        while lead <= SCHEMES[place].to {
            known[lead] = true;
            lead += 1;
        }
        place += 1;
    }
    known
};

/// The check digit of ISO/IEC 7812: every second digit from the right counts double.
fn passes_check(digits: &[u8]) -> bool {
    let weighed = digits.iter().rev().enumerate().map(|(place, digit)| {
        match (place % 2, u32::from(digit - b'0')) {
            (0, digit) => digit,
            (_, digit @ 0..=4) => 2 * digit,
            (_, digit) => 2 * digit - 9,
        }
    });
    weighed.sum::<u32>() % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(text: &str) -> bool {
        is_card(text.as_bytes())
    }

    #[test]
    fn numbers_that_schemes_publish_for_tests_are_cards_and_their_neighbours_are_not() {
        for number in [
            "4111111111111111",
            "4222222222222",
            "4012888888881881",
            "5555555555554444",
            "2223003122003222",
            "378282246310005",
            "371449635398431",
            "6011111111111117",
            "3530111333300000",
            "30569309025904",
            "38520000023237",
            "6759649826438453",
            "6200000000000005",
            "6304000000000000",
            "5019717010103742",
        ] {
            assert!(card(number), "{number}");
            let last = (number.as_bytes()[number.len() - 1] - b'0' + 1) % 10;
            let wrong = format!("{}{last}", &number[..number.len() - 1]);
            assert!(!card(&wrong), "{wrong}");
            assert!(!card(&number[..12]) && !card(&format!("{number}{number}")));
        }
        // The check digit is right, and no scheme begins so.
        for number in ["0000000000000000", "1000000000000008", "9999999999999995", "79927398713000"]
        {
            assert!(!card(number), "{number}");
        }
    }
}
