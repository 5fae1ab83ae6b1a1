//! The message translator: source record → fragment, change event → message.

pub mod check;
pub mod check_hold;
pub mod check_outbound;
pub mod code_list;
pub mod definition;
pub mod expression;
pub mod inbound;
pub mod outbound;
pub mod push;
pub mod read;
pub mod read_field;
pub mod read_outbound;
pub mod read_push;
pub mod source_path;
pub mod source_schema;
pub mod template;
