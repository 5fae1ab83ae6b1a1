//! Secrets stay out of definition files: a setting names where the secret is kept, and what was
//! fetched never shows itself. The environment is handed in; this file reads nothing.

use std::fmt::{self, Debug, Display};

/// A secret that was fetched. It never prints; `expose` is for the one line that sends it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

impl Display for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("…")
    }
}

/// How a setting may speak of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretReference {
    /// `secret:NAME`: kept in the secret store.
    Stored(String),
    /// `${NAME}`: in the environment of the process.
    Environment(String),
}

impl SecretReference {
    /// None when the text is anything else, so most likely the secret itself.
    pub fn parse(text: &str) -> Option<SecretReference> {
        if let Some(name) = text.strip_prefix("secret:") {
            return is_name(name).then(|| SecretReference::Stored(name.to_owned()));
        }
        let name = text.strip_prefix("${")?.strip_suffix('}')?;
        is_name(name).then(|| SecretReference::Environment(name.to_owned()))
    }

    pub fn name(&self) -> &str {
        match self {
            SecretReference::Stored(name) | SecretReference::Environment(name) => name,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MissingVariable {
    #[error("the variable {0} is not set")]
    Unset(String),
    #[error("`${{` is never closed with `}}`")]
    Unclosed,
    #[error("`{0}` is not the name of a variable")]
    BadName(String),
}

/// Fills every `${NAME}` in. What comes in is not looked at again: a value cannot name another
/// variable.
pub fn expand(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<String, MissingVariable> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or(MissingVariable::Unclosed)?;
        if !is_name(name) {
            return Err(MissingVariable::BadName(name.to_owned()));
        }
        expanded.push_str(before);
        expanded
            .push_str(&environment(name).ok_or_else(|| MissingVariable::Unset(name.to_owned()))?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// The variables a text asks for, so that a check can name those that are not set.
pub fn variables(text: &str) -> Vec<String> {
    let parts = text.split("${").skip(1).filter_map(|part| part.split_once('}'));
    parts.map(|(name, _)| name.to_owned()).filter(|name| is_name(name)).collect()
}

/// Whether a setting of this name holds a secret.
pub fn is_secret_name(key: &str) -> bool {
    const WORDS: [&str; 8] = [
        "password",
        "passphrase",
        "secret",
        "token",
        "api_key",
        "apikey",
        "private_key",
        "credential",
    ];
    // A path or an address of a secret is no secret.
    const HARMLESS_ENDS: [&str; 5] = ["_url", "_path", "_header", "_name", "_seconds"];
    let key = key.to_ascii_lowercase().replace('-', "_");
    WORDS.iter().any(|word| key.contains(word))
        && !HARMLESS_ENDS.iter().any(|end| key.ends_with(end))
}

/// Whether a text carries a password in an address: `https://user:pass@host`.
pub fn has_password_in_address(text: &str) -> bool {
    let Some((_, after)) = text.split_once("://") else {
        return false;
    };
    let authority = after.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@') else {
        return false;
    };
    user.split_once(':').is_some_and(|(_, password)| {
        !password.is_empty() && SecretReference::parse(password).is_none()
    })
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        match name {
            "DROP" => Some("/srv/drop".to_owned()),
            "LOOP" => Some("${DROP}".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_filled_in_once() {
        for (text, expected) in [
            ("plain", Ok("plain")),
            ("${DROP}/in", Ok("/srv/drop/in")),
            ("${DROP}:${DROP}", Ok("/srv/drop:/srv/drop")),
            ("$DROP costs £5", Ok("$DROP costs £5")),
            ("${LOOP}", Ok("${DROP}")),
            ("${NOPE}", Err(MissingVariable::Unset("NOPE".into()))),
            ("${DROP", Err(MissingVariable::Unclosed)),
            ("${a b}", Err(MissingVariable::BadName("a b".into()))),
        ] {
            assert_eq!(expand(text, &environment), expected.map(str::to_owned), "{text}");
        }
        assert_eq!(variables("${A}/${B}${"), ["A", "B"]);
    }

    #[test]
    fn a_secret_never_prints() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "… Secret(…)");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn a_reference_is_told_from_a_secret_in_clear() {
        for (text, name) in [
            ("secret:notify_key", Some("notify_key")),
            ("${NOTIFY_KEY}", Some("NOTIFY_KEY")),
            ("hunter2", None),
            ("secret:", None),
            ("secret:a b", None),
            ("x${NOTIFY_KEY}", None),
        ] {
            let parsed = SecretReference::parse(text);
            assert_eq!(parsed.as_ref().map(SecretReference::name), name, "{text}");
        }
    }

    #[test]
    fn secrets_are_known_by_name() {
        for (key, secret) in [
            ("password", true),
            ("API-Key", true),
            ("client_secret", true),
            ("bearer_token", true),
            ("key", false),
            ("record_key", false),
            ("token_url", false),
            ("directory", false),
        ] {
            assert_eq!(is_secret_name(key), secret, "{key}");
        }
        for (text, secret) in [
            ("https://a:b@example.com/", true),
            ("https://a@example.com/", false),
            ("https://a:${PASS}@example.com/", false),
            ("https://example.com/?q=a:b@c", false),
        ] {
            assert_eq!(has_password_in_address(text), secret, "{text}");
        }
    }
}
