//! The pages behind payment links, over HTTP, as a payer's browser sees them.

mod links;
mod pages;
