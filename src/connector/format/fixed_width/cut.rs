//! Lines gathered into records: where each begins and ends, its key, and what the extract declares.
//!
//! Nothing is parsed here but the types of lines, the key, and the fields that must agree or add up. A
//! fault inside a record holds that record; a fault of the extract's frame refuses the extract.

use std::io::Read;
use std::mem;

use super::lines::{Cut, Field, LineType, Place, Role};
use super::{Declared, FixedWidthFormat, Typed, refuse};
use crate::connector::format::encoding::not_text;
use crate::connector::format::lines::{Line, Lines};
use crate::connector::format::sum::{Sum, amount};
use crate::connector::format::{CutError, FormatError, Raw, RecordSink, Total};
use crate::record::value::pence::Pence;

/// Why something is no record: a code and a sentence.
type Fault = (&'static str, String);

const HALVED: &str =
    "a field's columns cut a character in two: is `columns = \"characters\"` meant?";

/// What DOS wrote behind the end of a text, and some systems write still.
const DOS_END: u8 = 0x1A;

/// Gathers lines into records.
pub struct Cutter<'f> {
    format: &'f FixedWidthFormat,
    open: Option<Open>,
    met_header: bool,
    met_trailer: bool,
    records: i64,
    lines: i64,
    /// The number of the last line that says anything.
    last_line: u64,
    declared_count: Option<i64>,
    sums: Vec<Sum>,
    declared_sums: Vec<Option<Pence>>,
    /// Fields of the record's own line that details repeat.
    repeated: Vec<(&'f str, Place)>,
    /// What the open record's own line says, and what the line says that was just looked at.
    own: Own,
    next: Own,
}

/// What a record's own line says: its key, and the fields that its details repeat.
#[derive(Default)]
struct Own {
    key: String,
    repeated: Vec<String>,
}

/// A record whose end was not seen yet.
struct Open {
    from: u64,
    to: u64,
    number: u64,
    /// The first fault in it.
    fault: Option<Fault>,
    /// Its own line is as it should be, and with it its key.
    has_key: bool,
    /// Its bytes are too many, and were let go.
    gone: bool,
}

impl<'f> Cutter<'f> {
    pub fn new(format: &'f FixedWidthFormat) -> Self {
        let mut repeated: Vec<(&str, Place)> = Vec::new();
        if let Some(own) = format.record_line() {
            for field in format.lines.iter().flat_map(|line| &line.same) {
                if let Some(field) = own.field(&field.name)
                    && !repeated.iter().any(|(known, _)| *known == field.name)
                {
                    repeated.push((&field.name, field.place));
                }
            }
        }
        Cutter {
            format,
            open: None,
            met_header: false,
            met_trailer: false,
            records: 0,
            lines: 0,
            last_line: 0,
            declared_count: None,
            sums: vec![Sum::default(); format.sums.len()],
            declared_sums: vec![None; format.sums.len()],
            repeated,
            own: Own::default(),
            next: Own::default(),
        }
    }

    /// Cuts the stream, and gives what it declares beside what was counted.
    pub fn cut(
        mut self,
        input: &mut dyn Read,
        sink: &mut dyn RecordSink,
    ) -> Result<Vec<Total>, CutError> {
        let mut lines = Lines::new(input, self.format.record_bytes_max);
        while let Some(line) = lines.next()? {
            if line.overlong {
                self.lines += 1;
                let most = self.format.record_bytes_max;
                let fault = ("fixed.size", format!("the line is longer than {most} bytes"));
                self.place(line, None, Some(fault), &mut lines, sink)?;
                continue;
            }
            let bytes = lines.bytes(line.from, line.to);
            let ends_here = self.met_trailer && bytes.trim_ascii() == [DOS_END];
            if ends_here || bytes.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            self.lines += 1;
            self.last_line = line.number;
            let (kind, fault) = self.look(bytes, line.number);
            self.place(line, kind.map(|kind| kind.role), fault, &mut lines, sink)?;
        }
        self.shut(&mut lines, sink)?;
        if self.format.has(Role::Header) && !self.met_header {
            let cause = "the extract has no header line".to_owned();
            return Err(refuse("fixed.header", cause, 1).into());
        }
        if self.format.has(Role::Trailer) && !self.met_trailer {
            let cause = "the extract has no trailer line: it may be cut off".to_owned();
            return Err(refuse("fixed.trailer", cause, self.last_line.max(1)).into());
        }
        Ok(self.totals()?)
    }

    /// Whether lines that were kept as one record make one, and nothing is wrong with any of them.
    pub fn sound(mut self, record: &str) -> Result<(), FormatError> {
        let mut met_own = false;
        for (number, line) in (1..).zip(record.split(['\n', '\r'])) {
            if line.trim().is_empty() {
                continue;
            }
            let (kind, fault) = self.look(line.as_bytes(), number);
            if let Some((code, cause)) = fault {
                return Err(refuse(code, cause, number));
            }
            match kind.map(|kind| kind.role) {
                Some(Role::Record) if !met_own => {
                    met_own = true;
                    mem::swap(&mut self.own, &mut self.next);
                }
                Some(Role::Detail) if met_own => {}
                _ => {
                    let cause = "the line belongs to no record".to_owned();
                    return Err(refuse("fixed.orphan", cause, number));
                }
            }
        }
        Ok(())
    }

    /// What a line is, and what is wrong with it. What it says is noted.
    fn look(&mut self, bytes: &[u8], number: u64) -> (Option<&'f LineType>, Option<Fault>) {
        let format = self.format;
        if memchr::memchr(0, bytes).is_some() {
            let cause = "the line holds a zero byte, which is no text".to_owned();
            return (format.kind_of_bytes(bytes), Some(("fixed.char", cause)));
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return (
                format.kind_of_bytes(bytes),
                Some(("fixed.encoding", not_text(format.said, bytes))),
            );
        };
        match format.line(text, number) {
            Ok(typed) => (Some(typed.kind), self.note(&typed, number)),
            Err(fault) => {
                let kind = format.kind_of(&Cut::new(text, format.columns));
                (kind, Some((fault.code, fault.cause)))
            }
        }
    }

    /// Notes what a sound line says that is needed here.
    fn note(&mut self, typed: &Typed<'_, 'f>, number: u64) -> Option<Fault> {
        let halved = || Some(("fixed.width", HALVED.to_owned()));
        let line = &typed.line;
        match typed.kind.role {
            Role::Header | Role::Trailer => {
                let on_it = |declared: &Declared| {
                    (declared.line == typed.kind.mark).then(|| line.get(declared.place)).flatten()
                };
                if let Some(text) =
                    self.format.count.as_ref().and_then(|count| on_it(&count.declared))
                {
                    self.declared_count = whole(text);
                }
                for (sum, declared) in self.format.sums.iter().zip(&mut self.declared_sums) {
                    if let Some(text) = on_it(&sum.declared) {
                        *declared = Pence::parse(text, sum.declared_format).ok();
                    }
                }
            }
            Role::Record => {
                self.next.key.clear();
                for (at, place) in self.format.key.iter().enumerate() {
                    if at > 0 {
                        self.next.key.push('/');
                    }
                    let place = typed.kind.field(place).map(|field| field.place);
                    match place.map(|place| line.get(place)) {
                        Some(Some(text)) => self.next.key.push_str(text),
                        _ => return halved(),
                    }
                }
                self.next.repeated.resize(self.repeated.len(), String::new());
                for ((_, place), text) in self.repeated.iter().zip(&mut self.next.repeated) {
                    text.clear();
                    match line.get(*place) {
                        Some(found) => text.push_str(found),
                        None => return halved(),
                    }
                }
                for (of, sum) in self.format.sums.iter().zip(&mut self.sums) {
                    let amount = line.get(of.place).and_then(|text| amount(text, of.format));
                    sum.add(&of.of, amount, number);
                }
            }
            Role::Detail => {
                for Field { name, place } in &typed.kind.same {
                    let mine = line.get(*place);
                    let known = self.repeated.iter().position(|(known, _)| known == name);
                    let theirs = known.and_then(|at| self.own.repeated.get(at));
                    if mine != theirs.map(String::as_str) {
                        let cause = format!(
                            "a line of type `{}` has another `{name}` than the record before it",
                            typed.kind.mark
                        );
                        return Some(("fixed.orphan", cause));
                    }
                }
            }
        }
        None
    }

    /// Puts a line where it belongs: it begins a record, goes on with one, or stands around them.
    fn place(
        &mut self,
        line: Line,
        role: Option<Role>,
        fault: Option<Fault>,
        lines: &mut Lines<'_>,
        sink: &mut dyn RecordSink,
    ) -> Result<(), CutError> {
        if self.met_trailer {
            let cause = "a line stands after the trailer".to_owned();
            return Err(refuse("fixed.trailer", cause, line.number).into());
        }
        match role {
            Some(role @ (Role::Header | Role::Trailer)) => {
                if let Some((code, cause)) = fault {
                    return Err(refuse(code, cause, line.number).into());
                }
                self.shut(lines, sink)?;
                Ok(self.frame(role, line.number)?)
            }
            Some(Role::Record) => {
                self.shut(lines, sink)?;
                mem::swap(&mut self.own, &mut self.next);
                if let Some((_, cause)) = &fault {
                    self.miss(line.number, cause);
                }
                self.begin(line, fault, lines);
                // Where no line can follow that is part of it, it is whole. If the next is too long to be
                // kept, this one's bytes would be let go with it.
                match self.format.has(Role::Detail) {
                    true => Ok(()),
                    false => self.shut(lines, sink),
                }
            }
            Some(Role::Detail) if self.open.is_none() => {
                let cause = "a line of details stands before any record".to_owned();
                self.alone(line, ("fixed.orphan", cause), lines, sink)
            }
            // What belongs to a record and cannot be read may be anything that was said of it.
            None if self.open.is_none() || !self.format.has(Role::Detail) => {
                self.shut(lines, sink)?;
                self.records += 1;
                let strange = ("fixed.type", "the line cannot be read".to_owned());
                let fault = fault.unwrap_or(strange);
                self.miss(line.number, &fault.1);
                self.alone(line, fault, lines, sink)
            }
            Some(Role::Detail) | None => {
                self.go_on(line, fault, lines);
                Ok(())
            }
        }
    }

    /// What a bad line adds to the sums cannot be known.
    fn miss(&mut self, number: u64, cause: &str) {
        self.sums.iter_mut().for_each(|sum| sum.miss(number, cause));
    }

    fn begin(&mut self, line: Line, fault: Option<Fault>, lines: &mut Lines<'_>) {
        self.records += 1;
        let (from, to, number) = (line.from, line.to, line.number);
        let has_key = fault.is_none();
        self.open = Some(Open { from, to, number, fault, has_key, gone: line.overlong });
        lines.keep(Some(from).filter(|_| !line.overlong));
    }

    fn go_on(&mut self, line: Line, fault: Option<Fault>, lines: &mut Lines<'_>) {
        let most = self.format.record_bytes_max;
        let Some(open) = &mut self.open else { return };
        open.to = line.to;
        if line.overlong || open.to - open.from > most as u64 {
            open.gone = true;
            lines.keep(None);
        }
        if open.fault.is_none() {
            let number = line.number;
            open.fault = fault.map(|(code, cause)| (code, format!("line {number}: {cause}")));
        }
    }

    /// Gives the record that is open.
    fn shut(&mut self, lines: &mut Lines<'_>, sink: &mut dyn RecordSink) -> Result<(), CutError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let key = if open.has_key { self.own.key.trim_matches('/') } else { "" };
        if open.gone {
            let most = self.format.record_bytes_max;
            let raw = Raw { bytes: b"", context: b"", context_at: 0 };
            let cause = format!(
                "the record that begins on line {} is longer than {most} bytes",
                open.number
            );
            return Ok(sink.unsound(key, "fixed.size", cause, raw)?);
        }
        let bytes = lines.bytes(open.from, open.to);
        let raw = Raw { bytes, context: b"", context_at: 0 };
        match open.fault {
            Some((code, cause)) => sink.unsound(key, code, cause, raw)?,
            None => sink.record(key, raw)?,
        }
        lines.keep(None);
        Ok(())
    }

    /// A line that is no record's is held by itself.
    fn alone(
        &mut self,
        line: Line,
        (code, cause): Fault,
        lines: &Lines<'_>,
        sink: &mut dyn RecordSink,
    ) -> Result<(), CutError> {
        let bytes = if line.overlong { b"" } else { lines.bytes(line.from, line.to) };
        let raw = Raw { bytes, context: b"", context_at: 0 };
        Ok(sink.unreadable(code, cause, raw)?)
    }

    fn frame(&mut self, role: Role, number: u64) -> Result<(), FormatError> {
        if role == Role::Trailer {
            self.met_trailer = true;
            return Ok(());
        }
        if self.met_header || self.records > 0 {
            let cause =
                "a header stands where records are expected: are these two extracts in one file?";
            return Err(refuse("fixed.header", cause.to_owned(), number));
        }
        self.met_header = true;
        Ok(())
    }

    fn totals(&self) -> Result<Vec<Total>, FormatError> {
        let mut totals = Vec::new();
        if let Some(count) = &self.format.count {
            totals.push(Total {
                name: if count.lines { "lines" } else { "records" }.to_owned(),
                declared: self.declared_count,
                counted: if count.lines { self.lines } else { self.records },
            });
        }
        let sums = self.format.sums.iter().zip(&self.sums).zip(&self.declared_sums);
        for ((of, sum), declared) in sums {
            totals.push(sum.total(&of.of, "line", *declared)?);
        }
        Ok(totals)
    }
}

/// A number: digits and nothing else.
fn whole(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
