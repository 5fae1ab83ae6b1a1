//! What a text costs by where it goes, as a multiple of a UK text, and whether carriers there
//! report back. Only a handful of destinations are known here; a service's definition adds those
//! that matter to it.

use crate::sandbox::govuk_notify::phone::PhoneNumber;
use crate::sandbox::govuk_notify::service::{InternationalRate, Service};

/// For a destination nobody described.
const UNKNOWN: InternationalRate = InternationalRate { multiplier: 1.0, receipts: true };

/// Where a council's residents most often have a foreign phone, by calling code.
const KNOWN: [(&str, f64, bool); 16] = [
    ("1", 1.0, false),
    ("27", 3.0, true),
    ("33", 2.0, true),
    ("34", 2.0, true),
    ("39", 2.0, true),
    ("40", 2.0, true),
    ("44", 2.0, true),
    ("48", 1.0, true),
    ("49", 5.0, true),
    ("61", 2.0, true),
    ("91", 2.0, true),
    ("92", 12.0, true),
    ("234", 8.0, true),
    ("351", 2.0, true),
    ("353", 2.0, true),
    ("880", 9.0, true),
];

/// The rate of a number. The UK's is one; the Channel Islands and the Isle of Man are billed as
/// abroad.
pub fn of(service: &Service, number: &PhoneNumber) -> InternationalRate {
    if !number.is_international() {
        return InternationalRate { multiplier: 1.0, receipts: true };
    }
    let (code, area) = number.prefixes();
    let rates = &service.international_rates;
    area.and_then(|area| rates.get(&area))
        .or_else(|| rates.get(&code))
        .copied()
        .or_else(|| {
            let (_, multiplier, receipts) = KNOWN.iter().find(|(known, ..)| *known == code)?;
            Some(InternationalRate { multiplier: *multiplier, receipts: *receipts })
        })
        .unwrap_or(UNKNOWN)
}
