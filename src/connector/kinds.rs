//! The only list of connectors in the house.

use super::definition::Kind;
use super::{file_drop, govuk_notify, govuk_pay};

/// The kinds there are.
pub const KINDS: &[Kind] =
    &[file_drop::settings::KIND, govuk_notify::settings::KIND, govuk_pay::settings::KIND];
