//! UK postcodes by shape and area. Whether a particular one is in use is not known here.

use std::fmt;

use super::ValueError;
use super::ascii::Ascii;

const WRONG_SHAPE: ValueError = ValueError::new("postcode_wrong_shape");

/// `SK99 1AB`: upper case, one space before the last three.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Postcode(Ascii<8>);

impl Postcode {
    /// Reads a postcode in any case, spaced anyhow. Look-alikes (O for 0) are refused, not guessed.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let mut squeezed = Ascii::<7>::empty();
        for letter in text.chars() {
            if letter.is_whitespace() {
                continue;
            }
            let byte = u8::try_from(letter).unwrap_or(u8::MAX);
            if !byte.is_ascii_alphanumeric() || !squeezed.push(byte.to_ascii_uppercase()) {
                return Err(WRONG_SHAPE);
            }
        }
        let bytes = squeezed.bytes();
        let Some((outward, inward)) = bytes.split_last_chunk::<3>() else {
            return Err(WRONG_SHAPE);
        };
        if !outward_is_shaped(outward) || !inward_is_shaped(*inward) {
            return Err(WRONG_SHAPE);
        }
        let mut spaced = Ascii::empty();
        let fits = outward.iter().chain(b" ").chain(inward).all(|byte| spaced.push(*byte));
        if fits { Ok(Self(spaced)) } else { Err(WRONG_SHAPE) }
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The part before the space: `SK99`.
    pub fn outward(&self) -> &str {
        let text = self.as_str();
        &text[..text.len() - 4]
    }

    /// The part after the space: `1AB`.
    pub fn inward(&self) -> &str {
        let text = self.as_str();
        &text[text.len() - 3..]
    }

    /// The letters in front: `SK`.
    pub fn area(&self) -> &str {
        let outward = self.outward();
        let letters = outward.bytes().take_while(u8::is_ascii_alphabetic).count();
        &outward[..letters]
    }

    /// An area that Royal Mail does not use, or our own invented district SK99: kept, but never
    /// pushed to a live platform.
    pub fn is_test_range(&self) -> bool {
        self.outward() == "SK99" || AREAS.binary_search(&self.area()).is_err()
    }
}

impl fmt::Debug for Postcode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The district is enough to find a fault by; the whole would point at a street.
        write!(out, "Postcode({} …)", self.outward())
    }
}

/// A9, A99, AA9, AA99, A9A or AA9A.
fn outward_is_shaped(outward: &[u8]) -> bool {
    let letters = outward.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let rest = &outward[letters..];
    (letters == 1 || letters == 2) && matches!(rest.len(), 1 | 2) && rest[0].is_ascii_digit()
}

/// A digit and two letters; C, I, K, M, O and V are never used there.
fn inward_is_shaped(inward: [u8; 3]) -> bool {
    let [digit, first, second] = inward;
    let letter = |byte: u8| byte.is_ascii_uppercase() && !b"CIKMOV".contains(&byte);
    digit.is_ascii_digit() && letter(first) && letter(second)
}

/// The areas in use, with the Crown dependencies, BFPO and the non-geographic ones, in order: the
/// list that GOV.UK Notify checks letters against.
#[rustfmt::skip]
const AREAS: [&str; 126] = [
    "AB", "AL", "B", "BA", "BB", "BD", "BF", "BH", "BL", "BN", "BR", "BS", "BT", "BX", "CA", "CB",
    "CF", "CH", "CM", "CO", "CR", "CT", "CV", "CW", "DA", "DD", "DE", "DG", "DH", "DL", "DN",
    "DT", "DY", "E", "EC", "EH", "EN", "EX", "FK", "FY", "G", "GL", "GU", "GY", "HA", "HD", "HG",
    "HP", "HR", "HS", "HU", "HX", "IG", "IM", "IP", "IV", "JE", "KA", "KT", "KW", "KY", "L", "LA",
    "LD", "LE", "LL", "LN", "LS", "LU", "M", "ME", "MK", "ML", "N", "NE", "NG", "NN", "NP", "NR",
    "NW", "OL", "OX", "PA", "PE", "PH", "PL", "PO", "PR", "RG", "RH", "RM", "S", "SA", "SE", "SG",
    "SK", "SL", "SM", "SN", "SO", "SP", "SR", "SS", "ST", "SW", "SY", "TA", "TD", "TF", "TN",
    "TQ", "TR", "TS", "TW", "UB", "W", "WA", "WC", "WD", "WF", "WN", "WR", "WS", "WV", "YO", "ZE",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b44_every_shape_is_normalised_and_others_are_refused() {
        let table = [
            ("M1 1AA", Some("M1 1AA")),
            ("m601nw", Some("M60 1NW")),
            ("CR26XH", Some("CR2 6XH")),
            ("DN551PT", Some("DN55 1PT")),
            ("W1A 1HQ", Some("W1A 1HQ")),
            ("ec1a1bb", Some("EC1A 1BB")),
            (" SK99  1AB ", Some("SK99 1AB")),
            ("SK991AB", Some("SK99 1AB")),
            ("S K 9 9 1 A B", Some("SK99 1AB")),
            ("SK99\u{a0}1AB", Some("SK99 1AB")),
            ("ZX9 9ZZ", Some("ZX9 9ZZ")),
            ("SK99 1AC", None),
            ("SK99 IAB", None),
            ("SK99 1A", None),
            ("SKK9 1AB", None),
            ("9K9 1AB", None),
            ("SK999 1AB", None),
            ("SK9AA 1AB", None),
            ("SK AB 1AB", None),
            ("S 1AB", None),
            ("1AB", None),
            ("", None),
            ("SK99-1AB", None),
            ("ＳＫ99 1AB", None),
            ("ABCDEFGHIJKL", None),
        ];
        for (text, wanted) in table {
            let found = Postcode::parse(text).ok();
            assert_eq!(found.as_ref().map(Postcode::as_str), wanted, "{text:?}");
        }
        assert_eq!(Postcode::parse("").unwrap_err().code, "postcode_wrong_shape");
    }

    #[test]
    fn parts_and_invented_areas_are_known() {
        let table = [
            ("SK99 1AB", "SK99", "1AB", "SK", true),
            ("SK9 9AB", "SK9", "9AB", "SK", false),
            ("M1 1AA", "M1", "1AA", "M", false),
            ("ZX1 1AA", "ZX1", "1AA", "ZX", true),
            ("EC1A 1BB", "EC1A", "1BB", "EC", false),
        ];
        for (text, outward, inward, area, invented) in table {
            let postcode = Postcode::parse(text).unwrap();
            assert_eq!(postcode.outward(), outward);
            assert_eq!(postcode.inward(), inward);
            assert_eq!(postcode.area(), area);
            assert_eq!(postcode.is_test_range(), invented, "{text}");
        }
        assert!(AREAS.is_sorted());
    }
}
