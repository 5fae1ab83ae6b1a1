//! Who acts. The door through which somebody came says it, once, and it is carried from there to the
//! audit log.

use std::fmt;

/// `user:kim` at the command line, `staff:kim` at the screens, `key:NAME` by a key of the API,
/// `break-glass:NAME` by an account for emergencies, `local` on this machine without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor(String);

impl Actor {
    /// A user of the machine.
    pub fn user(name: &str) -> Actor {
        Actor(format!("user:{name}"))
    }

    /// Somebody who signed in at the screens.
    pub fn staff(name: &str) -> Actor {
        Actor(format!("staff:{name}"))
    }

    /// Somebody who opened a break-glass account: what they do is marked so in the audit log.
    pub fn break_glass(name: &str) -> Actor {
        Actor(format!("break-glass:{name}"))
    }

    /// Whoever has that key.
    pub fn key(name: &str) -> Actor {
        Actor(format!("key:{name}"))
    }

    /// Whoever calls from the machine itself while there are no keys.
    pub fn local() -> Actor {
        Actor("local".to_owned())
    }

    /// Whether they have the same name, by whichever door they came. Who is one person under several names, `app` knows.
    pub fn is_person_of(&self, other: &str) -> bool {
        Actor::bare(&self.0).eq_ignore_ascii_case(Actor::bare(other))
    }

    /// Their name without the door: `kim`.
    pub fn bare(actor: &str) -> &str {
        actor.split_once(':').map_or(actor, |(_, name)| name)
    }

    /// As it stands in the audit log.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of somebody who signs in, as it is kept: it stands in the audit log.
pub fn staff_name(text: &str) -> Result<String, String> {
    let is_of_it = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    match begins && text.bytes().all(is_of_it) && (2..=STAFF_NAME_CHARS_MAX).contains(&text.len()) {
        true => Ok(text.to_owned()),
        false => Err("A user name is small letters, digits, `.` and `-`, and begins with a letter, such as kim.bramble".to_owned()),
    }
}

const STAFF_NAME_CHARS_MAX: usize = 60;

impl fmt::Display for Actor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
