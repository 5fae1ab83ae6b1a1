//! How cells are shown, as far as it changes what a number is: a day, a time of day, or how long something took.

use std::collections::HashMap;
use std::io::Read;

use super::walk::{Piece, Walk, attributes};
use crate::connector::format::CutError;

/// What a number in a cell is, by the cell's number format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shown {
    #[default]
    Number,
    /// A day, with a time of day where the format has one.
    Day {
        timed: bool,
    },
    Time,
    /// Hours that do not begin anew at 24: `[h]:mm`.
    Elapsed,
}

/// Reads what each style of cell shows a number as, in the order by which cells name them.
pub fn read<R: Read>(walk: &mut Walk<R>) -> Result<Vec<Shown>, CutError> {
    let part = walk.part().to_owned();
    let mut formats: HashMap<u32, Shown> = HashMap::new();
    let mut cells: Vec<u32> = Vec::new();
    let (mut in_formats, mut in_cells) = (false, false);
    loop {
        match walk.next()? {
            Piece::Open(tag) => match tag.local_name().as_ref() {
                "numFmts" => in_formats = true,
                "cellXfs" => in_cells = true,
                "numFmt" if in_formats => {
                    let (mut id, mut code) = (None, String::new());
                    attributes(&tag, &part, |name, value| match name {
                        "numFmtId" => id = value.parse().ok(),
                        "formatCode" => value.clone_into(&mut code),
                        _ => {}
                    })?;
                    if let Some(id) = id {
                        formats.insert(id, by_code(&code));
                    }
                }
                "xf" if in_cells => {
                    let mut format = 0;
                    attributes(&tag, &part, |name, value| {
                        if name == "numFmtId" {
                            format = value.parse().unwrap_or_default();
                        }
                    })?;
                    cells.push(format);
                }
                _ => {}
            },
            Piece::Close(tag) => match tag.local_name().as_ref() {
                "numFmts" => in_formats = false,
                "cellXfs" => in_cells = false,
                _ => {}
            },
            Piece::End => break,
            _ => {}
        }
    }
    let shown = |format| formats.get(&format).copied().unwrap_or_else(|| built_in(format));
    Ok(cells.into_iter().map(shown).collect())
}

/// The formats that every program knows by number (ECMA-376, part 1, section 18.8.30).
fn built_in(format: u32) -> Shown {
    match format {
        14..=17 | 27..=31 | 36 | 50..=54 | 57 | 58 => Shown::Day { timed: false },
        22 => Shown::Day { timed: true },
        18..=21 | 32..=35 | 45 | 47 | 55 | 56 => Shown::Time,
        46 => Shown::Elapsed,
        _ => Shown::Number,
    }
}

/// What a format says of a number above nought: its first section, without texts, colours and languages.
fn by_code(code: &str) -> Shown {
    let (mut day, mut month, mut time, mut elapsed) = (false, false, false, false);
    let mut letters = code.chars();
    while let Some(letter) = letters.next() {
        match letter.to_ascii_lowercase() {
            ';' => break,
            '"' => while letters.next().is_some_and(|letter| letter != '"') {},
            '\\' | '_' | '*' => {
                letters.next();
            }
            '[' => {
                let inside: String = letters.by_ref().take_while(|letter| *letter != ']').collect();
                let inside = inside.to_ascii_lowercase();
                let only = |one| !inside.is_empty() && inside.chars().all(|letter| letter == one);
                elapsed |= only('h') || only('m') || only('s');
            }
            'y' | 'd' => day = true,
            'm' => month = true,
            'h' | 's' => time = true,
            _ => {}
        }
    }
    match () {
        () if elapsed => Shown::Elapsed,
        // Between hours and seconds, an `m` is minutes.
        () if day || (month && !time) => Shown::Day { timed: time },
        () if time => Shown::Time,
        () => Shown::Number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_says_what_a_number_is() {
        let (day, moment) = (Shown::Day { timed: false }, Shown::Day { timed: true });
        for (code, wanted) in [
            ("General", Shown::Number),
            ("0.00E+00", Shown::Number),
            ("#,##0.00\\ \"days\"", Shown::Number),
            ("[Red]0;[Blue]-0", Shown::Number),
            ("[$\u{20ac}-809]#,##0", Shown::Number),
            ("_-* #,##0_-;d", Shown::Number),
            ("@", Shown::Number),
            (";;;", Shown::Number),
            ("dd/mm/yyyy", day),
            ("[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", day),
            ("mmm", day),
            ("YYYY", day),
            ("dd/mm/yyyy\\ hh:mm", moment),
            ("h:mm AM/PM", Shown::Time),
            ("mm:ss.0", Shown::Time),
            ("[h]:mm:ss", Shown::Elapsed),
            ("[MM]", Shown::Elapsed),
            ("\"unclosed", Shown::Number),
            ("[unclosed", Shown::Number),
        ] {
            assert_eq!(by_code(code), wanted, "{code}");
        }
        for (number, wanted) in [
            (0, Shown::Number),
            (14, day),
            (20, Shown::Time),
            (22, moment),
            (46, Shown::Elapsed),
            (49, Shown::Number),
        ] {
            assert_eq!(built_in(number), wanted, "{number}");
        }
    }
}
