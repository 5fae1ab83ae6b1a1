//! A short ASCII text that lives where it is, without an allocation. It checks no meaning.

/// At most `N` ASCII characters. Unused bytes are zero, so equality and order are those of the
/// text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Ascii<const N: usize> {
    bytes: [u8; N],
    length: u8,
}

impl<const N: usize> Ascii<N> {
    pub const fn empty() -> Self {
        Self { bytes: [0; N], length: 0 }
    }

    /// Adds one character; `false` when it is not ASCII or there is no room.
    #[must_use]
    pub fn push(&mut self, byte: u8) -> bool {
        let at = usize::from(self.length);
        if at == N || !byte.is_ascii() {
            return false;
        }
        self.bytes[at] = byte;
        self.length += 1;
        true
    }

    /// The digits of a text; none where it holds anything but digits, blanks and dashes, or too many.
    pub fn digits_of(text: &str) -> Option<Self> {
        let mut kept = Self::empty();
        for letter in text.chars().filter(|letter| !letter.is_whitespace() && *letter != '-') {
            let byte = u8::try_from(letter).ok().filter(u8::is_ascii_digit)?;
            kept.push(byte).then_some(())?;
        }
        Some(kept)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.bytes()).expect("push lets in ASCII only")
    }
}
