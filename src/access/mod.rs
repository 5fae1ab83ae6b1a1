//! Who may do what by the API: keys, what they allow, and whom a change is put down to. Pure: where keys
//! are kept is the store's business, and where they are shown the door's.

pub mod actor;
pub mod grant;
pub mod key;
pub mod scope;
