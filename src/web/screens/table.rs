//! Lists as files that a spreadsheet opens (CSV, RFC 4180), and what such a file is called. A spreadsheet takes what
//! begins like a formula for one, and a name of a resident or a code of a system may begin like anything.

use crate::record::moment::Moment;

/// What a spreadsheet begins a formula with, plain and full-width, and what it drops before it looks.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\0', '＝', '＋', '－', '＠'];
const NAME_CHARS_MAX: usize = 100;

/// A table in the making. It begins with the mark by which spreadsheets know UTF-8.
pub struct Table {
    text: String,
    pub rows: i64,
}

impl Table {
    pub fn new(head: &[&str]) -> Table {
        let mut table = Table { text: "\u{feff}".to_owned(), rows: -1 };
        table.row(head.iter().map(|name| (*name).to_owned()));
        table
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        for (place, value) in cells.into_iter().enumerate() {
            if place > 0 {
                self.text.push(',');
            }
            self.text.push_str(&cell(&value));
        }
        self.text.push_str("\r\n");
        self.rows += 1;
    }

    pub fn text(self) -> String {
        self.text
    }
}

/// A value as it stands in the file: as text, whatever it begins with. Whole numbers of ours stay numbers.
fn cell(value: &str) -> String {
    let begins = value.trim_start_matches(' ').chars().next();
    let is_number = value.parse::<i64>().is_ok();
    let mark = match begins {
        Some(first) if FORMULA.contains(&first) && !is_number => "'",
        _ => "",
    };
    // A text of PostgreSQL's holds no NUL.
    let value = value.replace('\0', "\u{fffd}").replace('"', "\"\"");
    format!("\"{mark}{value}\"")
}

/// An instant in two cells: by UTC, and by London's clock with how far that is from it.
pub fn instant(at_ms: i64) -> [String; 2] {
    [Moment(at_ms).utc_said(), Moment(at_ms).local_said()]
}

/// The header that says what a file is called (RFC 6266): its base name alone, in letters that no header breaks on, and
/// beside it as it is.
pub fn disposition(name: &str) -> String {
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let base: String = base
        .trim_start_matches('.')
        .chars()
        .filter(|c| !c.is_control())
        .take(NAME_CHARS_MAX)
        .collect();
    let base = if base.is_empty() { "download".to_owned() } else { base };
    let plain: String = base
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' })
        .collect();
    let mut whole = String::new();
    for byte in base.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                whole.push(char::from(byte));
            }
            byte => whole.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b74_nothing_in_a_file_is_a_formula() {
        for (value, wanted) in [
            ("=1+1", "\"'=1+1\""),
            ("+44 20", "\"'+44 20\""),
            ("-2+3", "\"'-2+3\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("\0=1", "\"'\u{fffd}=1\""),
            ("＝1+1", "\"'＝1+1\""),
            ("  =1", "\"'  =1\""),
            ("-2", "\"-2\""),
            ("10007", "\"10007\""),
            ("He said \"no\", twice", "\"He said \"\"no\"\", twice\""),
            ("a\r\nb", "\"a\r\nb\""),
            ("", "\"\""),
        ] {
            assert_eq!(cell(value), wanted, "{value:?}");
        }
        let mut table = Table::new(&["name", "count"]);
        table.row(["=cmd|' /C calc'!A0".to_owned(), "7".to_owned()]);
        assert_eq!(table.rows, 1);
        assert_eq!(table.text(), "\u{feff}\"name\",\"count\"\r\n\"'=cmd|' /C calc'!A0\",\"7\"\r\n");
    }

    #[test]
    fn b75_a_file_is_called_by_its_base_name_and_breaks_no_header() {
        for (name, plain, whole) in [
            (
                "work-orders-2026-11-27.csv",
                "work-orders-2026-11-27.csv",
                "work-orders-2026-11-27.csv",
            ),
            ("../../etc/passwd", "passwd", "passwd"),
            ("..\\..\\boot.ini", "boot.ini", "boot.ini"),
            (
                "a\"; filename=\"evil.exe",
                "a___filename__evil.exe",
                "a%22%3B%20filename%3D%22evil.exe",
            ),
            ("a\r\nSet-Cookie: x=1", "aSet-Cookie__x_1", "aSet-Cookie%3A%20x%3D1"),
            ("tŷ.csv", "t_.csv", "t%C5%B7.csv"),
            ("", "download", "download"),
            ("..", "download", "download"),
        ] {
            let said = disposition(name);
            assert_eq!(
                said,
                format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}"),
                "{name:?}"
            );
            assert!(axum::http::HeaderValue::from_str(&said).is_ok());
        }
        assert!(disposition(&"x".repeat(10_000)).len() < 400);
    }

    #[test]
    fn instants_stand_twice_with_how_far_they_are_apart() {
        assert_eq!(
            instant(1_782_873_000_000),
            ["2026-07-01T02:30:00.000Z", "2026-07-01T03:30:00+01:00"]
        );
    }
}
