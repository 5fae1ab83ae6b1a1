//! x
pub mod address;
pub mod charset;
pub mod country;
pub mod email;
pub mod numbering;
pub mod phone;
pub mod pytext;
pub mod sanitise;
pub mod text;
pub mod typography;
pub mod whitespace;
