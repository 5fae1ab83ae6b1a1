//! Paper: what a letter costs, when it should arrive, and a document that says what was printed.
//! Bank holidays are not known here, so an estimate near one is early by a day; the laid-out page
//! of the platform is not imitated.

use chrono::{
    DateTime, Datelike, Days, NaiveDate, SecondsFormat, TimeDelta, TimeZone, Utc, Weekday,
};
use chrono_tz::Europe::London;

/// Characters that fit on one side in the platform's type, roughly.
const SIDE_CHARACTERS: usize = 2_500;
const SHEETS_MAX: usize = 5;
const PENCE_TENTHS_PER_POUND: f64 = 1_000.0;

/// Sheets of paper, printed on both sides.
pub fn sheets(body: &str) -> u32 {
    let sides = body.chars().count().div_ceil(SIDE_CHARACTERS).max(1);
    u32::try_from(sides.div_ceil(2).min(SHEETS_MAX)).unwrap_or(1)
}

/// The price of a letter: of its first sheet, and of each further one.
pub fn price_pounds(sheets: u32, postage: &str) -> f64 {
    let (first, further) = match postage {
        "first" => (1_560, 50),
        "economy" => (638, 46),
        "europe" | "rest-of-world" => (1_800, 40),
        _ => (730, 45),
    };
    let tenths = if sheets == 0 { 0 } else { first + further * (sheets - 1) };
    f64::from(tenths) / PENCE_TENTHS_PER_POUND
}

/// The latest day a letter should arrive, at four in the afternoon, in UTC.
pub fn latest_delivery(created_us: i64, postage: &str) -> Option<String> {
    let created = DateTime::<Utc>::from_timestamp_micros(created_us)?.with_timezone(&London);
    // What comes in after half past five is printed as if it had come the next day.
    let processed = (created + TimeDelta::minutes(6 * 60 + 30)).date_naive();
    let printed = next_working_day(processed, false)?;
    let in_transit = match postage {
        "first" => 0,
        "economy" => 6,
        "europe" => 5,
        "rest-of-world" => 7,
        _ => 4,
    };
    let mut day = printed;
    for _ in 0..=in_transit {
        day = next_working_day(day, postage == "first")?;
    }
    let afternoon = London.from_local_datetime(&day.and_hms_opt(16, 0, 0)?).single()?;
    Some(afternoon.to_utc().to_rfc3339_opts(SecondsFormat::Micros, true))
}

/// A small, valid document of one page.
pub fn pdf(text: &str) -> Vec<u8> {
    let escaped = text.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)");
    let shown: Vec<String> = escaped
        .lines()
        .map(|line| line.chars().map(|found| if found.is_ascii() { found } else { '?' }).collect())
        .map(|line: String| format!("({line}) Tj T*"))
        .collect();
    let stream = format!("BT /F1 11 Tf 14 TL 72 740 Td {} ET", shown.join(" "));
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{stream}\nendstream", stream.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut document = "%PDF-1.4\n".to_owned();
    let mut offsets = Vec::with_capacity(objects.len());
    for (index, object) in objects.iter().enumerate() {
        offsets.push(document.len());
        document.push_str(&format!("{} 0 obj\n{object}\nendobj\n", index + 1));
    }
    let table = document.len();
    document.push_str(&format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1));
    for offset in offsets {
        document.push_str(&format!("{offset:010} 00000 n \n"));
    }
    document.push_str(&format!(
        "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n",
        objects.len() + 1
    ));
    document.into_bytes()
}

fn next_working_day(day: NaiveDate, saturdays_too: bool) -> Option<NaiveDate> {
    let mut next = day.checked_add_days(Days::new(1))?;
    while next.weekday() == Weekday::Sun || (next.weekday() == Weekday::Sat && !saturdays_too) {
        next = next.checked_add_days(Days::new(1))?;
    }
    Some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_of_a_friday_evening_is_printed_on_tuesday() {
        let friday = |hour| {
            let instant = London.with_ymd_and_hms(2026, 10, 9, hour, 0, 0).single();
            instant.map_or(0, |instant| instant.timestamp_micros())
        };
        // After half past five counts as Saturday, printed on Monday, like everything of the
        // weekend.
        let second = latest_delivery(friday(12), "second");
        assert_eq!(second.as_deref(), Some("2026-10-19T15:00:00.000000Z"));
        let first = latest_delivery(friday(12), "first");
        assert_eq!(first.as_deref(), Some("2026-10-13T15:00:00.000000Z"));
    }

    #[test]
    fn prices_rise_with_paper() {
        assert_eq!(price_pounds(1, "second"), 0.73);
        assert_eq!(price_pounds(5, "second"), 0.91);
        assert_eq!(price_pounds(0, "first"), 0.0);
    }
}
