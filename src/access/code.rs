//! One-time codes, as RFC 6238 has them and every authenticator app makes them: six digits, a new one each 30
//! seconds. One that was used is not taken again.

use qrcodegen::{QrCode, QrCodeEcc};
use totp_rs::{Builder, Secret, Totp};

pub const SECRET_BYTES: usize = 20;
/// What apps show beside the name.
const ISSUER: &str = "Viaduct";

/// What one person's app and we know.
#[derive(Clone)]
pub struct Seed {
    totp: Totp,
}

impl Seed {
    pub fn new(secret: [u8; SECRET_BYTES], name: &str) -> Result<Seed, String> {
        Seed::of(Secret::new_stack(secret), name)
    }

    /// As it is kept.
    pub fn from_base32(text: &str, name: &str) -> Result<Seed, String> {
        let secret = Secret::try_from_base32(text);
        Seed::of(secret.map_err(|_| "a seed of one-time codes cannot be read".to_owned())?, name)
    }

    fn of(secret: Secret, name: &str) -> Result<Seed, String> {
        let built = Builder::new()
            .with_secret(secret)
            .with_account_name(name.replace(':', "-"))
            .with_issuer(Some(ISSUER))
            .build();
        let totp = built.map_err(|_| "a seed of one-time codes cannot be used".to_owned())?;
        Ok(Seed { totp })
    }

    pub fn base32(&self) -> String {
        self.totp.secret().to_base32()
    }

    /// In groups of four, as people type it.
    pub fn said(&self) -> String {
        let text: Vec<char> = self.base32().chars().collect();
        let groups: Vec<String> = text.chunks(4).map(|group| group.iter().collect()).collect();
        groups.join(" ")
    }

    /// Which step of time the code is of, if it is one of now or a step beside it, and later than the last that
    /// was used.
    pub fn step_of(&self, code: &str, last_step: i64, now_ms: i64) -> Option<i64> {
        let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        let step = self.totp.check(&digits, u64::try_from(now_ms / 1_000).ok()?)?;
        i64::try_from(step).ok().filter(|step| *step > last_step)
    }

    /// The code of that time.
    pub fn code(&self, now_ms: i64) -> String {
        self.totp.generate(u64::try_from(now_ms / 1_000).unwrap_or_default()).to_string()
    }

    /// The picture that an app reads: the modules that are dark, as the path of an SVG, and how many there are
    /// across with the quiet zone.
    pub fn picture(&self) -> Option<(String, i32)> {
        const QUIET: i32 = 4;
        let url = self.totp.to_url().ok()?;
        let code = QrCode::encode_text(&url, QrCodeEcc::Medium).ok()?;
        let mut path = String::new();
        for y in 0..code.size() {
            for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
                path.push_str(&format!("M{} {}h1v1h-1z", x + QUIET, y + QUIET));
            }
        }
        Some((path, code.size() + 2 * QUIET))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_taken_once_and_for_a_step_on_either_side() {
        // The test secret of RFC 6238, whose code at 59 seconds ends in 287082.
        let seed = Seed::new(*b"12345678901234567890", "kim").unwrap();
        assert_eq!(seed.code(59_000), "287082");
        assert_eq!(seed.step_of("287082", -1, 59_000), Some(1));
        assert_eq!(seed.step_of(" 287 082 ", 0, 59_000), Some(1));
        assert_eq!(seed.step_of("287082", 1, 59_000), None, "it was used");
        assert_eq!(seed.step_of("287082", -1, 89_000), Some(1));
        assert_eq!(seed.step_of("287082", -1, 149_000), None);
        for wrong in ["", "28708", "2870822", "abcdef", "287083"] {
            assert_eq!(seed.step_of(wrong, -1, 59_000), None, "{wrong}");
        }
        let again = Seed::from_base32(&seed.base32(), "kim").unwrap();
        assert_eq!(again.code(59_000), "287082");
        assert!(seed.said().starts_with("GEZD GNBV") && seed.picture().is_some());
        assert!(Seed::from_base32("not a seed!", "kim").is_err());
    }
}
