//! Identifiers: read as leniently as the platform does, written one way. They carry no meaning.

use ring::rand::{SecureRandom, SystemRandom};

/// The canonical spelling, if the text is an identifier in any accepted spelling.
pub fn read(text: &str) -> Option<String> {
    let bare = text.replace("urn:", "").replace("uuid:", "");
    let digits: String =
        bare.trim_matches(['{', '}']).chars().filter(|&found| found != '-').collect();
    (digits.len() == 32 && digits.bytes().all(|found| found.is_ascii_hexdigit()))
        .then(|| spell(&digits.to_lowercase()))
}

/// A new one.
pub fn random() -> String {
    let mut bytes = [0_u8; 16];
    SystemRandom::new().fill(&mut bytes).expect("the operating system has randomness to give");
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    spell(&bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn spell(digits: &str) -> String {
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_read_leniently() {
        let canonical = Some("0a1b2c3d-0000-4000-8000-00000000000f".to_owned());
        for text in [
            "0a1b2c3d-0000-4000-8000-00000000000f",
            "0A1B2C3D00004000800000000000000F",
            "{0a1b2c3d-0000-4000-8000-00000000000f}",
            "urn:uuid:0a1b2c3d-0000-4000-8000-00000000000f",
        ] {
            assert_eq!(read(text), canonical, "{text}");
        }
        assert_eq!(read("x"), None);
        let made = random();
        assert_eq!(read(&made), Some(made));
    }
}
