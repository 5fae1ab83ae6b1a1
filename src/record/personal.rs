//! `Personal<T>`: a value about a person, which cannot be printed, logged or serialised by
//! accident.
//!
//! It protects against a slip, not against intent: `expose` is there to be called, and to be seen
//! in a review. It neither encrypts nor forgets.

use std::fmt;

/// A value that shows itself only when asked to. Debug and Display print the same mask for every
/// value, so that not even a length or an absence leaks.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Personal<T>(T);

const MASK: &str = "[personal]";

impl<T> Personal<T> {
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Every call is a place where personal data leaves its wrapper.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    pub fn into_exposed(self) -> T {
        self.0
    }

    /// Another value about the same person.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Personal<U> {
        Personal(change(self.0))
    }
}

impl<T> From<T> for Personal<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(MASK)
    }
}

impl<T> fmt::Display for Personal<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(MASK)
    }
}

/// What comes in may be wrapped by whoever reads it; it is only on its way out that a value must be asked for.
impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for Personal<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Personal)
    }
}

/// Gives types that hold values about people a Debug that tells their name and nothing more: they are
/// printed where an error or a test prints what it has.
macro_rules! unprinted {
    ($($kind:ty),* $(,)?) => {
        $(impl std::fmt::Debug for $kind {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str(concat!(stringify!($kind), " [personal]"))
            }
        })*
    };
}
pub(crate) use unprinted;

/// For a field whose value is meant to be written, into a stored record or a message:
/// `#[serde(with = "crate::record::personal::exposed")]`. There is no other way to serialise one.
pub mod exposed {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Personal;

    pub fn serialize<T: Serialize, S: Serializer>(
        value: &Personal<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.expose().serialize(serializer)
    }

    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Personal<T>, D::Error> {
        T::deserialize(deserializer).map(Personal::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    struct Row {
        key: u32,
        #[serde(with = "exposed")]
        family: Personal<String>,
    }

    #[test]
    fn a_value_is_masked_however_it_is_printed() {
        let family = Personal::new("Testberry".to_owned());
        for printed in [format!("{family}"), format!("{family:?}"), format!("{family:#?}")] {
            assert_eq!(printed, "[personal]");
        }
        let row = Row { key: 1, family };
        assert_eq!(format!("{row:?}"), "Row { key: 1, family: [personal] }");
        assert_eq!(row.family.expose(), "Testberry");
        assert_eq!(row.family.map(|name| name.len()).into_exposed(), 9);
    }

    #[test]
    fn a_value_is_written_only_where_the_field_says_so() {
        let row: Row = serde_json::from_str(r#"{"key":1,"family":"Fakeley"}"#).unwrap();
        assert_eq!(row.family.expose(), "Fakeley");
        assert_eq!(serde_json::to_string(&row).unwrap(), r#"{"key":1,"family":"Fakeley"}"#);
    }
}
