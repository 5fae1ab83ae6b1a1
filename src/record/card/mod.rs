//! Payment card numbers where none should be: found in a record, and masked before it is kept.
//!
//! A number is what a scheme can have issued ([`scheme`]), written in one value with blanks, dashes or
//! dots between its digits, or broken over values that stand directly behind one another. What follows
//! from a find is not decided here, and neither is which fields are let off.

mod scheme;

use self::scheme::{LONGEST, SHORTEST, is_card, may_begin};
use super::document::{Document, NodeId};

/// So many blanks or marks may stand between the digits of one number.
const MARKS_MAX: usize = 3;
/// A number that is broken over several values has so many digits in each; and so few values. What is
/// less stands beside any other number by chance.
const SHARE_MIN: usize = 4;
const VALUES_MAX: usize = 4;
/// A word that ends with so few digits is a name with a number, such as `Note2`.
const NAME_DIGITS_MAX: usize = 3;
const MASK: u8 = b'X';

/// Where a number stands: in these values, each with the bytes from its first digit to its last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub parts: Vec<(NodeId, std::ops::Range<usize>)>,
}

/// Looks through records, one after the other, keeping its memory.
#[derive(Debug, Default)]
pub struct Scanner {
    groups: Vec<Group>,
    /// All digits that were met.
    digits: Vec<u8>,
}

/// Digits that stand together.
#[derive(Debug, Clone, Copy)]
struct Group {
    /// Where its digits begin among all.
    from: usize,
    len: usize,
    /// Where it begins in its value, bytes.
    at: usize,
    /// The number of its value.
    value: usize,
    before: Before,
    /// A letter stands directly before it.
    lettered: bool,
    /// Whether nothing but blanks stands behind it in its value.
    ends: bool,
}

/// What stands between a group and the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// A few blanks or dashes.
    Marks,
    Dots,
    /// The end of a value and the beginning of the next.
    Value,
    /// Words, or nothing at all.
    Words,
}

impl Scanner {
    /// Whether a record's own bytes are worth a closer look: true wherever [`Scanner::find`] would find
    /// something in what is read from them, and seldom otherwise. Not for formats whose values touch.
    pub fn may_hold(&mut self, bytes: &[u8]) -> bool {
        if hides_characters(bytes) {
            return true;
        }
        self.begin();
        self.read(bytes, 0, Gaps::Values);
        self.next(0).is_some()
    }

    /// The numbers in a record, values that are let off left out.
    pub fn find(&mut self, document: &Document, is_let_off: &dyn Fn(NodeId) -> bool) -> Vec<Found> {
        self.begin();
        let mut values = Vec::new();
        let mut open: Vec<NodeId> = document.root().into_iter().collect();
        while let Some(node) = open.pop() {
            let inside = open.len();
            open.extend(document.children(node));
            open[inside..].reverse();
            let text = document.text(node);
            if text.is_empty() && open.len() > inside {
                continue;
            }
            // One that is blank or let off still stands between its neighbours.
            if !is_let_off(node) {
                self.read(text.as_bytes(), values.len(), Gaps::Words);
            }
            values.push(node);
        }
        let mut found = Vec::new();
        let mut place = 0;
        while let Some((from, to)) = self.next(place) {
            let parts = self.parts(from, to).into_iter().map(|(value, at)| (values[value], at));
            found.push(Found { parts: parts.collect() });
            place = to + 1;
        }
        found
    }

    /// Masks every number in bytes that could not be read as a record, and whatever has more digits
    /// than a number of a card: columns may have run together. True where a number stands in one piece.
    pub fn mask(&mut self, bytes: &mut [u8]) -> bool {
        self.begin();
        self.read(bytes, 0, Gaps::Values);
        let mut masked = Vec::new();
        let (mut place, mut found) = (0, false);
        while let Some((from, to)) = self.next(place) {
            let groups = &self.groups[from..=to];
            masked.extend(groups.iter().map(|group| (group.at, group.len)));
            found |= groups[0].value == groups[groups.len() - 1].value;
            place = to + 1;
        }
        let long = self.groups.iter().filter(|group| group.len > LONGEST);
        masked.extend(long.map(|group| (group.at, group.len)));
        for (at, len) in masked {
            bytes[at..at + len].fill(MASK);
        }
        found
    }

    fn begin(&mut self) {
        self.groups.clear();
        self.digits.clear();
    }

    /// Notes the groups of digits in a text.
    fn read(&mut self, bytes: &[u8], mut value: usize, gaps: Gaps) {
        let first = self.groups.len();
        let mut at = 0;
        let mut between = Between { marks: 0, dots: 0, other: false };
        while at < bytes.len() {
            match CLASSES[usize::from(bytes[at])] {
                Class::Digit => {}
                Class::Other => {
                    between.other = true;
                    at += 1;
                    continue;
                }
                class => {
                    at += between.add(class, &bytes[at..]);
                    continue;
                }
            }
            let start = at;
            at += bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            let len = at - start;
            let lettered = start > 0 && is_letter(bytes[start - 1]);
            if lettered && len <= NAME_DIGITS_MAX {
                between.other = true;
                continue;
            }
            let from = self.digits.len();
            self.digits.extend_from_slice(&bytes[start..at]);
            let is_first = self.groups.len() == first;
            let mut before = between.before();
            if gaps == Gaps::Values && before == Before::Words && !is_first {
                value += 1;
                before = Before::Value;
            }
            if is_first {
                let last = self.groups.last();
                let behind = last.is_some_and(|last| last.ends && last.value + 1 == value);
                let begins = behind && !between.other;
                before = if begins { Before::Value } else { Before::Words };
            }
            let group = Group { from, len, at: start, value, before, lettered, ends: false };
            self.groups.push(group);
            between = Between { marks: 0, dots: 0, other: false };
        }
        if !between.other
            && let Some(last) = self.groups[first..].last_mut()
        {
            last.ends = true;
        }
    }

    /// The next number from that group on: its first and last group.
    fn next(&self, place: usize) -> Option<(usize, usize)> {
        (place..self.groups.len()).find_map(|from| {
            let (mut total, mut longest) = (0, None);
            if !may_begin(&self.digits[self.groups[from].from..]) {
                return None;
            }
            for to in from..self.groups.len() {
                let group = &self.groups[to];
                total += group.len;
                if total > LONGEST || (to > from && group.before == Before::Words) {
                    break;
                }
                if total >= SHORTEST && self.is_number(from, to) {
                    longest = Some((from, to));
                }
            }
            longest
        })
    }

    fn is_number(&self, from: usize, to: usize) -> bool {
        let groups = &self.groups[from..=to];
        let digits = &self.digits[groups[0].from..groups[0].from + total(groups)];
        is_card(digits) && is_written_as_one(groups) && self.may_be_broken(groups)
    }

    /// Whether a number that is broken over values is one by more than chance: two plain numbers side
    /// by side, two days, two amounts are none.
    fn may_be_broken(&self, groups: &[Group]) -> bool {
        let shares: Vec<&[Group]> = groups.chunk_by(|one, next| one.value == next.value).collect();
        if shares.len() == 1 {
            return true;
        }
        let digits = |share: &[Group]| &self.digits[share[0].from..share[0].from + total(share)];
        let all = total(groups);
        let are_plain = shares.iter().all(|share| share.len() == 1);
        shares.len() <= VALUES_MAX
            && matches!(all, 15 | 16)
            && groups
                .iter()
                .all(|group| group.before != Before::Dots || group.from == groups[0].from)
            && shares.iter().all(|share| total(share) >= SHARE_MIN && !is_a_day(digits(share)))
            && (!are_plain
                || all == 15
                || shares.iter().all(|share| total(share).is_multiple_of(4)))
    }

    /// The values that groups stand in, each from its first digit to its last.
    fn parts(&self, from: usize, to: usize) -> Vec<(usize, std::ops::Range<usize>)> {
        let shares = self.groups[from..=to].chunk_by(|one, next| one.value == next.value);
        let part = |share: &[Group]| {
            let (first, last) = (share[0], share[share.len() - 1]);
            (first.value, first.at..last.at + last.len)
        };
        shares.map(part).collect()
    }
}

/// What is between digits of one text: only words, or the bounds of values too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gaps {
    Words,
    Values,
}

/// What was met since the last digit.
struct Between {
    marks: usize,
    dots: usize,
    other: bool,
}

/// What a byte may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Digit,
    Blank,
    Dot,
    /// The first byte of a character that may be a blank or a dash.
    Wide,
    Other,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'0'..=b'9' => Class::Digit,
            b' ' | b'\t' | b'\r' | b'\n' | b'-' | b'_' => Class::Blank,
            b'.' => Class::Dot,
            0xC2 | 0xE2 => Class::Wide,
            _ => Class::Other,
        };
        byte += 1;
    }
    classes
};

impl Between {
    /// Notes what stands there; gives how many bytes it has.
    fn add(&mut self, class: Class, bytes: &[u8]) -> usize {
        match (class, bytes) {
            (Class::Blank, _) => self.marks += 1,
            (Class::Dot, _) => self.dots += 1,
            // A hard space; thin spaces, dashes and what has no width; a minus.
            (_, [0xC2, 0xA0, ..]) => {
                self.marks += 1;
                return 2;
            }
            (_, [0xE2, 0x80, 0x80..=0x95 | 0xAF, ..] | [0xE2, 0x88, 0x92, ..]) => {
                self.marks += 1;
                return 3;
            }
            _ => self.other = true,
        }
        1
    }

    fn before(&self) -> Before {
        match (self.other || self.marks + self.dots > MARKS_MAX, self.dots) {
            (true, _) => Before::Words,
            (_, 0) => Before::Marks,
            _ => Before::Dots,
        }
    }
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn total(groups: &[Group]) -> usize {
    groups.iter().map(|group| group.len).sum()
}

/// Amounts beside each other have dots and blanks; and where only fourteen digits are asked for, a sort
/// code with an account number and the end of an IBAN are as many.
fn is_written_as_one(groups: &[Group]) -> bool {
    let dots = groups[1..].iter().filter(|group| group.before == Before::Dots).count();
    if dots > 0 && dots < groups.len() - 1 {
        return false;
    }
    let lengths: Vec<usize> = groups.iter().map(|group| group.len).collect();
    total(groups) != 14 || (!groups[0].lettered && matches!(lengths.as_slice(), [14] | [4, 6, 4]))
}

/// `01042026` or `20260401`.
fn is_a_day(digits: &[u8]) -> bool {
    let number = |part: &[u8]| part.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    let is = |year: u32, month: u32, day: u32| {
        (1800..=2999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)
    };
    let [a, b, c, d] = match digits {
        [a, b, c, d, ..] if digits.len() == 8 => [*a, *b, *c, *d],
        _ => return false,
    };
    let rest = number(&digits[4..]);
    is(number(&[a, b, c, d]), rest / 100, rest % 100) || is(rest, number(&[c, d]), number(&[a, b]))
}

/// Whether characters may be written as something else: as a reference, behind a backslash, or in parts
/// that a comment divides.
fn hides_characters(bytes: &[u8]) -> bool {
    let has = |sign: &[u8]| memchr::memmem::find(bytes, sign).is_some();
    memchr::memchr(b'\\', bytes).is_some() || has(b"&#") || has(b"<!") || has(b"<?")
}

/// Puts other letters in place of the digits of a text wherever it stands in a record.
pub fn mask_everywhere(bytes: &mut [u8], text: &[u8]) {
    let places: Vec<usize> = memchr::memmem::find_iter(bytes, text).collect();
    for at in places {
        mask_digits(&mut bytes[at..at + text.len()]);
    }
}

/// Puts other letters in place of all digits.
pub fn mask_digits(bytes: &mut [u8]) {
    bytes.iter_mut().filter(|byte| byte.is_ascii_digit()).for_each(|byte| *byte = MASK);
}

#[cfg(test)]
mod tests;
