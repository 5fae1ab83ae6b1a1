//! A workbook as the archive that it is: which sheets there are, and which part of the archive each of them is.
//!
//! Only parts of the archive are ever opened, each after the archive's list was held to its limits. What lies outside,
//! linked workbooks and pictures and macros, is not looked at.

use std::io::{self, Read, Seek, SeekFrom};

use super::damaged;
use super::strings::{STRINGS_BYTES_MAX, Strings};
use super::styles::{self, Shown};
use super::value::Epoch;
use super::walk::{Piece, Walk, attributes};
use crate::connector::format::gzip::{OLE, refuse};
use crate::connector::format::zip::{Archive, Inside};
use crate::connector::format::{CutError, FormatError};

/// A part that says what there is, or how it is shown, may unpack to so much, bytes.
const PART_BYTES_MAX: u64 = 20_000_000;
/// So many sheets are named where one has to be chosen, and so much of each name, characters.
const NAMED_MAX: usize = 20;
const NAME_MAX: usize = 31;

pub struct Workbook<'r, R> {
    input: &'r mut R,
    archive: Archive,
    sheets: Vec<Sheet>,
    strings: Option<String>,
    styles: Option<String>,
    pub epoch: Epoch,
}

/// A sheet of cells. Sheets that are charts are none.
struct Sheet {
    name: String,
    is_hidden: bool,
    part: String,
}

/// What one part says of another.
struct Relation {
    id: String,
    kind: String,
    part: String,
}

impl<'r, R: Read + Seek> Workbook<'r, R> {
    /// Reads what there is in a workbook. All of it may unpack to so many bytes.
    pub fn open(input: &'r mut R, bytes_max: u64) -> Result<Self, CutError> {
        refuse_old(input)?;
        let archive = Archive::open(input, bytes_max)?;
        let mut workbook = Workbook {
            input,
            archive,
            sheets: Vec::new(),
            strings: None,
            styles: None,
            epoch: Epoch::Of1900,
        };
        let of_all = workbook.relations("", "_rels/.rels")?;
        let main = of_all.into_iter().find(|relation| relation.is("officeDocument"));
        let Some(main) = main.map(|main| main.part) else {
            let cause = "it is a zip archive, and there is no workbook in it: ask for a spreadsheet that was saved as .xlsx";
            return Err(refuse("file.type", cause.to_owned(), 0).into());
        };
        let (folder, name) = main.rsplit_once('/').unwrap_or(("", &main));
        let between = if folder.is_empty() { "" } else { "/" };
        let relations =
            workbook.relations(folder, &format!("{folder}{between}_rels/{name}.rels"))?;
        let part_of = |kind| {
            let found = relations.iter().find(|relation| relation.is(kind));
            found.map(|relation| relation.part.clone())
        };
        (workbook.strings, workbook.styles) = (part_of("sharedStrings"), part_of("styles"));
        workbook.read_sheets(&main, &relations)?;
        Ok(workbook)
    }

    /// The sheet of that name; without one, the only sheet that can be seen.
    pub fn sheet(&self, wanted: Option<&str>) -> Result<String, FormatError> {
        let found: Vec<&Sheet> = match wanted {
            Some(wanted) => {
                let is_it = |sheet: &&Sheet| same_name(&sheet.name, wanted);
                self.sheets.iter().filter(is_it).collect()
            }
            None => self.sheets.iter().filter(|sheet| !sheet.is_hidden).collect(),
        };
        let cause = match (found.as_slice(), wanted) {
            ([sheet], _) => return Ok(sheet.part.clone()),
            (_, Some(wanted)) => format!("there is no sheet `{wanted}` in the workbook"),
            ([], None) => "every sheet of the workbook is hidden".to_owned(),
            (several, None) => format!("the workbook has {} sheets", several.len()),
        };
        let name = |sheet: &Sheet| {
            let name: String = sheet.name.chars().take(NAME_MAX).collect();
            format!("`{name}`{}", if sheet.is_hidden { " (hidden)" } else { "" })
        };
        let mut names: Vec<String> = self.sheets.iter().take(NAMED_MAX).map(name).collect();
        if self.sheets.len() > NAMED_MAX {
            names.push("others".to_owned());
        }
        let names = names.join(", ");
        let cause = format!("{cause}: say which is meant, `sheet = \"…\"`; there are {names}");
        Err(FormatError { code: "sheet.name", cause, place: "the workbook".to_owned() })
    }

    /// The texts that cells name by number; none in a workbook that has them in its cells.
    pub fn strings(&mut self) -> Result<Strings, CutError> {
        match self.strings.clone() {
            None => Ok(Strings::default()),
            Some(part) => Strings::read(&mut self.walk(&part, STRINGS_BYTES_MAX)?),
        }
    }

    /// What each style of cell shows a number as.
    pub fn styles(&mut self) -> Result<Vec<Shown>, CutError> {
        match self.styles.clone() {
            None => Ok(Vec::new()),
            Some(part) => styles::read(&mut self.walk(&part, PART_BYTES_MAX)?),
        }
    }

    /// Begins to walk through a part.
    pub fn walk(&mut self, part: &str, bytes_max: u64) -> Result<Walk<Inside<&mut R>>, CutError> {
        match self.archive.part(&mut *self.input, part, bytes_max)? {
            Some(inside) => Ok(Walk::new(inside, part)),
            None => Err(damaged(part, "it is named in the workbook and is not there")),
        }
    }

    /// What a part of relationships names; what lies outside the archive is left out.
    fn relations(&mut self, folder: &str, part: &str) -> Result<Vec<Relation>, CutError> {
        let Some(inside) = self.archive.part(&mut *self.input, part, PART_BYTES_MAX)? else {
            return Ok(Vec::new());
        };
        let mut walk = Walk::new(inside, part);
        let mut relations = Vec::new();
        loop {
            let tag = match walk.next()? {
                Piece::Open(tag) if tag.local_name().as_ref() == "Relationship" => tag,
                Piece::End => return Ok(relations),
                _ => continue,
            };
            let (mut id, mut kind, mut target) = (String::new(), String::new(), String::new());
            let mut is_outside = false;
            attributes(&tag, part, |name, value| match name {
                "Id" => value.clone_into(&mut id),
                "Type" => value.clone_into(&mut kind),
                "Target" => value.clone_into(&mut target),
                "TargetMode" => is_outside = value == "External",
                _ => {}
            })?;
            if !is_outside && let Some(part) = resolve(folder, &target) {
                relations.push(Relation { id, kind, part });
            }
        }
    }

    fn read_sheets(&mut self, main: &str, relations: &[Relation]) -> Result<(), CutError> {
        let (mut sheets, mut epoch, mut in_sheets) = (Vec::new(), Epoch::Of1900, false);
        if main.ends_with(".bin") {
            let cause = "it is a binary workbook (.xlsb): open it, and save it as .xlsx";
            return Err(refuse("file.type", cause.to_owned(), 0).into());
        }
        let mut walk = self.walk(main, PART_BYTES_MAX)?;
        loop {
            match walk.next()? {
                Piece::Open(tag) => match tag.local_name().as_ref() {
                    "sheets" => in_sheets = true,
                    "workbookPr" => attributes(&tag, main, |name, value| {
                        if name == "date1904" && ["1", "true"].contains(&value) {
                            epoch = Epoch::Of1904;
                        }
                    })?,
                    "sheet" if in_sheets => {
                        let (mut id, mut sheet_name) = (String::new(), String::new());
                        let mut is_hidden = false;
                        attributes(&tag, main, |name, value| match name {
                            "id" => value.clone_into(&mut id),
                            "name" => value.clone_into(&mut sheet_name),
                            "state" => is_hidden = value != "visible",
                            _ => {}
                        })?;
                        let of_cells =
                            |relation: &&Relation| relation.id == id && relation.is("worksheet");
                        if let Some(relation) = relations.iter().find(of_cells) {
                            let part = relation.part.clone();
                            sheets.push(Sheet { name: sheet_name, is_hidden, part });
                        }
                    }
                    _ => {}
                },
                Piece::Close(tag) if tag.local_name().as_ref() == "sheets" => in_sheets = false,
                Piece::End => break,
                _ => {}
            }
        }
        (self.sheets, self.epoch) = (sheets, epoch);
        Ok(())
    }
}

impl Relation {
    /// The kind is an address, of which the strict and the usual form end alike.
    fn is(&self, kind: &str) -> bool {
        self.kind.rsplit('/').next() == Some(kind)
    }
}

/// Programs tell sheets apart whatever their case.
fn same_name(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// The part that a target names from a folder of the archive; none where it leads out.
fn resolve(folder: &str, target: &str) -> Option<String> {
    let (begin, target) = match target.strip_prefix('/') {
        Some(target) => ("", target),
        None => (folder, target),
    };
    let mut steps: Vec<&str> = Vec::new();
    for step in begin.split('/').chain(target.split('/')) {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()?),
            step => steps.push(step),
        }
    }
    Some(steps.join("/"))
}

/// Workbooks of before 2007 are refused, and so are those with a password, which are kept in the same way.
fn refuse_old<R: Read + Seek>(input: &mut R) -> io::Result<()> {
    let mut head = Vec::new();
    input.seek(SeekFrom::Start(0))?;
    input.by_ref().take(OLE.len() as u64).read_to_end(&mut head)?;
    let cause = match head.as_slice() {
        head if head == OLE => {
            "it is an old workbook (.xls), or one with a password: open it, and save it as .xlsx without a password"
        }
        head if !head.is_empty() && !head.starts_with(b"PK") => {
            "it is no workbook, as it should be: ask for a spreadsheet that was saved as .xlsx"
        }
        _ => return Ok(()),
    };
    Err(refuse("file.type", cause.to_owned(), 0))
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn a_target_is_a_part_of_the_archive_or_nothing() {
        for (folder, target, wanted) in [
            ("xl", "worksheets/sheet1.xml", Some("xl/worksheets/sheet1.xml")),
            ("xl", "/xl/worksheets/sheet1.xml", Some("xl/worksheets/sheet1.xml")),
            ("xl", "../docProps/app.xml", Some("docProps/app.xml")),
            ("", "xl/workbook.xml", Some("xl/workbook.xml")),
            ("xl", "../../etc/passwd", None),
        ] {
            assert_eq!(resolve(folder, target).as_deref(), wanted, "{folder} {target}");
        }
    }
}
