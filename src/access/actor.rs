//! Who acts. The door through which somebody came says it, once, and it is carried from there to the
//! audit log.

use std::fmt;

/// `user:kim` at the command line, `key:NAME` by a key of the API, `local` on this machine without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor(String);

impl Actor {
    /// A user of the machine.
    pub fn user(name: &str) -> Actor {
        Actor(format!("user:{name}"))
    }

    /// Whoever has that key.
    pub fn key(name: &str) -> Actor {
        Actor(format!("key:{name}"))
    }

    /// Whoever calls from the machine itself while there are no keys.
    pub fn local() -> Actor {
        Actor("local".to_owned())
    }

    /// As it stands in the audit log.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
