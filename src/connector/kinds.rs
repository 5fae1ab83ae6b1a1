//! The only list of connectors in the house.

use super::definition::Kind;
use super::{
    civica_openrevenues, civica_pay, file_drop, govuk_notify, govuk_pay, http_poll, http_push,
    http_receive, null, sftp_drop, soap, sql, verint,
};

/// The kinds there are.
pub const KINDS: &[Kind] = &[
    civica_openrevenues::settings::KIND,
    civica_pay::settings::KIND,
    file_drop::settings::KIND,
    govuk_notify::settings::KIND,
    govuk_pay::settings::KIND,
    http_poll::settings::KIND,
    http_push::settings::KIND,
    http_receive::settings::KIND,
    null::KIND,
    sftp_drop::settings::KIND,
    soap::poll::KIND,
    soap::push::KIND,
    sql::settings::KIND,
    verint::settings::KIND,
];
