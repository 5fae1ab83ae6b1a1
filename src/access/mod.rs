//! Who may do what: keys of the API and what they allow, the people who sign in and their roles, and whom a
//! change is put down to. Pure: where they are kept is the store's business, and where they are shown the
//! door's.

pub mod actor;
pub mod code;
pub mod grant;
pub mod key;
pub mod password;
pub mod right;
pub mod scope;
pub mod token;
