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
}

impl Scope {
    pub const ALL: [Scope; 5] = [Scope::Read, Scope::Show, Scope::Act, Scope::Decide, Scope::Audit];

    pub fn word(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Show => "show",
            Scope::Act => "act",
            Scope::Decide => "decide",
            Scope::Audit => "audit",
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

/// What one caller is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    pub fn new(mut scopes: Vec<Scope>) -> Scopes {
        scopes.sort_unstable();
        scopes.dedup();
        Scopes(scopes)
    }

    pub fn all() -> Scopes {
        Scopes(Scope::ALL.to_vec())
    }

    pub fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// `read,act`, as they are kept.
    pub fn words(&self) -> String {
        self.0.iter().map(|scope| scope.word()).collect::<Vec<_>>().join(",")
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
        let scopes = Scopes::new(vec![Scope::Act, Scope::Read, Scope::Act]);
        assert_eq!(scopes.words(), "read,act");
        assert_eq!(Scopes::from_words("read,act"), scopes);
        assert!(scopes.has(Scope::Read) && !scopes.has(Scope::Show));
        assert_eq!(Scopes::from_words("everything,,read").words(), "read");
        assert_eq!(Scopes::from_words("").words(), "");
        let wrong = "admin".parse::<Scope>().unwrap_err();
        assert!(wrong.contains("read, show, act, decide, audit"), "{wrong}");
    }
}
