//! Why a row of a sheet is held for one of its cells, and how that is kept with the row: in place of the value that
//! there is not, so that the row is never taken for a good one, however often it is read again.

/// Begins what stands for a value: SUBSTITUTE, "used in the place of a character that has been found to be invalid"
/// (ECMA-48). No text of a sheet has it, since XML has no place for it.
const MARK: char = '\u{1A}';

/// What is wrong with a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A formula whose value was never worked out.
    Formula,
    /// A formula that ends in an error: `#REF!`.
    Error,
    /// A number of more digits than a spreadsheet keeps.
    Digits,
    /// A number that is shown as a day, and is none.
    Date,
}

impl Fault {
    const ALL: [Fault; 4] = [Fault::Formula, Fault::Error, Fault::Digits, Fault::Date];

    const fn word(self) -> &'static str {
        match self {
            Fault::Formula => "formula",
            Fault::Error => "error",
            Fault::Digits => "digits",
            Fault::Date => "date",
        }
    }

    pub const fn code(self) -> &'static str {
        match self {
            Fault::Formula => "sheet.formula",
            Fault::Error => "sheet.error",
            Fault::Digits => "sheet.digits",
            Fault::Date => "sheet.date",
        }
    }

    /// What is wrong, and what to do, in a sentence that names the cell.
    pub fn cause(self, cell: &str, value: &str) -> String {
        match self {
            Fault::Formula => format!(
                "cell {cell} has a formula that was never worked out: open the workbook, let it calculate, and save it"
            ),
            Fault::Error => {
                format!("the formula in cell {cell} ends in {value}: mend it in the workbook")
            }
            Fault::Digits => format!(
                "cell {cell} is a number of more than 15 digits, of which a spreadsheet does not keep the last: \
                 format the column as text, and enter it again"
            ),
            Fault::Date => format!(
                "cell {cell} is shown as a date or a time and is none: enter it again, or format it as what it is"
            ),
        }
    }

    /// What is kept in place of the value. `value` is what the cell has, as far as it says anything.
    pub fn stands_for(self, cell: &str, value: &str) -> String {
        format!("{MARK}{} {cell} {value}", self.word())
    }
}

/// Whether a text is one that stands for a value that there is not.
pub fn is_held(text: &str) -> bool {
    text.contains(MARK)
}

/// Why a row is held that was kept so: its code, and the cause. None for a sound one.
pub fn fault_of(row: &str) -> Option<(&'static str, String)> {
    let (_, rest) = row.split_once(MARK)?;
    let mut words = rest.split([' ', ',', '"', '\n', '\r', MARK]);
    let (word, cell, value) = (words.next()?, words.next()?, words.next().unwrap_or_default());
    let fault = Fault::ALL.into_iter().find(|fault| fault.word() == word)?;
    Some((fault.code(), fault.cause(cell, value)))
}
