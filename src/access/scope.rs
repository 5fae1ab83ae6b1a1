//! What a key allows. Each route of the API asks for one of these, and to see values in place of their
//! masks for one more.

use std::str::FromStr;

/// One thing that may be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    Read,
    Show,
    Act,
    Decide,
    Audit,
    /// Who may sign in.
    People,
    /// To write what one thinks of an alert.
    Review,
}

impl Scope {
    pub const ALL: [Scope; 7] = [
        Scope::Read,
        Scope::Show,
        Scope::Act,
        Scope::Decide,
        Scope::Audit,
        Scope::People,
        Scope::Review,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Show => "show",
            Scope::Act => "act",
            Scope::Decide => "decide",
            Scope::Audit => "audit",
            Scope::People => "people",
            Scope::Review => "review",
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(word: &str) -> Result<Scope, String> {
        let found = Scope::ALL.into_iter().find(|scope| scope.word() == word.trim());
        found.ok_or_else(|| {
            let known = Scope::ALL.map(Scope::word).join(", ");
            format!("there is no such scope: it is one or more of {known}")
        })
    }
}

/// One word of what a key allows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Allowed {
    Scope(Scope),
    /// To push to the connector of that name: `source:crm:write`.
    Push(String),
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(word: &str) -> Result<Allowed, String> {
        let word = word.trim();
        let source = word.strip_prefix("source:").and_then(|rest| rest.strip_suffix(":write"));
        match source {
            Some(name) if is_name(name) => Ok(Allowed::Push(name.to_owned())),
            Some(_) => Err("write it as `source:CONNECTOR:write`".to_owned()),
            None => word.parse().map(Allowed::Scope).map_err(|error: String| {
                format!("{error}, or `source:CONNECTOR:write`, to push records to that connector")
            }),
        }
    }
}

/// As connectors are named.
fn is_name(name: &str) -> bool {
    let is_of_it = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    !name.is_empty() && name.bytes().all(is_of_it)
}

/// What one caller is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes {
    allowed: Vec<Allowed>,
    pushes_anywhere: bool,
}

impl Scopes {
    pub fn new(mut allowed: Vec<Allowed>) -> Scopes {
        allowed.sort_unstable();
        allowed.dedup();
        Scopes { allowed, pushes_anywhere: false }
    }

    pub fn all() -> Scopes {
        let allowed = Scope::ALL.into_iter().map(Allowed::Scope).collect();
        Scopes { allowed, pushes_anywhere: true }
    }

    pub fn has(&self, scope: Scope) -> bool {
        self.allowed.contains(&Allowed::Scope(scope))
    }

    /// Whether its holder may push to that connector.
    pub fn push_to(&self, connector: &str) -> bool {
        let is_it =
            |one: &Allowed| matches!(one, Allowed::Push(name) if name.as_str() == connector);
        self.pushes_anywhere || self.allowed.iter().any(is_it)
    }

    /// `read,act,source:crm:write`, as they are kept.
    pub fn words(&self) -> String {
        let word = |one: &Allowed| match one {
            Allowed::Scope(scope) => scope.word().to_owned(),
            Allowed::Push(name) => format!("source:{name}:write"),
        };
        self.allowed.iter().map(word).collect::<Vec<_>>().join(",")
    }

    /// As they are kept. A word that this program does not know allows nothing.
    pub fn from_words(words: &str) -> Scopes {
        Scopes::new(words.split(',').filter_map(|word| word.parse().ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_kept_as_words_and_read_back() {
        let push = Allowed::Push("crm".to_owned());
        let act = Allowed::Scope(Scope::Act);
        let scopes = Scopes::new(vec![act.clone(), push, Allowed::Scope(Scope::Read), act]);
        assert_eq!(scopes.words(), "read,act,source:crm:write");
        assert_eq!(Scopes::from_words("read,act,source:crm:write"), scopes);
        assert!(scopes.has(Scope::Read) && !scopes.has(Scope::Show));
        assert!(scopes.push_to("crm") && !scopes.push_to("cr") && !scopes.push_to("housing"));
        for word in ["source:crm", "source::write", "source:a/b:write", "source:crm:read"] {
            assert!(word.parse::<Allowed>().is_err(), "{word}");
        }
        assert_eq!(Scopes::from_words("everything,,read").words(), "read");
        assert_eq!(Scopes::from_words("").words(), "");
        let wrong = "admin".parse::<Scope>().unwrap_err();
        assert!(wrong.contains("read, show, act, decide, audit, people, review"), "{wrong}");
    }
}
