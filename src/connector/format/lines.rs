//! Lines of a stream, whichever way they end, in memory bounded by what whoever reads them keeps.

use std::io::{self, Read};

use memchr::memchr2;

use super::stream::Stream;

/// One line without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub from: u64,
    pub to: u64,
    /// From 1.
    pub number: u64,
    /// Longer than it may be: its bytes were not kept.
    pub overlong: bool,
}

/// The lines of a stream.
pub struct Lines<'r> {
    stream: Stream<'r>,
    /// The longest line that is kept, bytes.
    most: usize,
    /// From here on everything is kept; `None` keeps only the line that is read.
    kept: Option<u64>,
    number: u64,
}

impl<'r> Lines<'r> {
    pub fn new(input: &'r mut dyn Read, most: usize) -> Self {
        Lines { stream: Stream::new(input), most, kept: None, number: 0 }
    }

    /// Keeps what lies from here on until something else is said.
    pub fn keep(&mut self, from: Option<u64>) {
        self.kept = from;
    }

    /// What lies between two places that are kept.
    pub fn bytes(&self, from: u64, to: u64) -> &[u8] {
        self.stream.bytes(from, to)
    }

    /// The next line; `None` behind the last.
    pub fn next(&mut self) -> io::Result<Option<Line>> {
        let mut looked = 0;
        let mut overlong = false;
        if self.stream.place() == 0 {
            self.stream.fill(None)?;
        }
        let start = self.stream.place();
        loop {
            let rest = self.stream.rest();
            let found = memchr2(b'\n', b'\r', &rest[looked..]).map(|found| looked + found);
            let finished = self.stream.is_finished();
            // What follows a carriage return at the very end is not known yet.
            let unsure =
                found.is_some_and(|at| rest[at] == b'\r' && at + 1 == rest.len()) && !finished;
            match found {
                Some(length) if !unsure => {
                    let wide = rest[length] == b'\r' && rest.get(length + 1) == Some(&b'\n');
                    let to = self.stream.place() + length as u64;
                    self.stream.pass(length + 1 + usize::from(wide));
                    return Ok(Some(self.line(start, to, overlong)));
                }
                None if finished => {
                    let left = rest.len();
                    let to = self.stream.place() + left as u64;
                    self.stream.pass(left);
                    return Ok((to > start).then(|| self.line(start, to, overlong)));
                }
                _ => looked = rest.len() - usize::from(unsure),
            }
            if looked > self.most {
                // What was looked through is let go, and the line is known to be too long.
                overlong = true;
                self.kept = None;
                self.stream.pass(looked);
                looked = 0;
            }
            self.stream.fill(self.kept)?;
        }
    }

    fn line(&mut self, from: u64, to: u64, overlong: bool) -> Line {
        self.number += 1;
        let overlong = overlong || to - from > self.most as u64;
        Line { from, to, number: self.number, overlong }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{Just, Strategy, prop_assert_eq, prop_oneof, proptest};

    /// Gives so many bytes at a time.
    struct Drip<'t>(&'t [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let most = self.1.min(into.len()).min(self.0.len());
            into[..most].copy_from_slice(&self.0[..most]);
            self.0 = &self.0[most..];
            Ok(most)
        }
    }

    fn lines(text: &[u8], portion: usize, most: usize) -> Vec<Option<Vec<u8>>> {
        let mut input = Drip(text, portion);
        let mut lines = Lines::new(&mut input, most);
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push((!line.overlong).then(|| lines.bytes(line.from, line.to).to_vec()));
        }
        all
    }

    #[test]
    fn lines_end_in_any_way_and_the_last_need_not() {
        let wanted = |parts: &[&str]| -> Vec<Option<Vec<u8>>> {
            parts.iter().map(|part| Some(part.as_bytes().to_vec())).collect()
        };
        for text in ["a\nb\n\nc", "a\r\nb\r\n\r\nc\r\n", "a\rb\r\rc\r", "\u{FEFF}a\nb\n\nc\n"] {
            for portion in [1, 2, 3, 100] {
                assert_eq!(
                    lines(text.as_bytes(), portion, 100),
                    wanted(&["a", "b", "", "c"]),
                    "{text:?}"
                );
            }
        }
        assert_eq!(lines(b"", 1, 10), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_let_go_and_the_next_is_read() {
        let text = format!("one\n{}\ntwo\n", "x".repeat(3_000_000));
        for portion in [1_000, 1 << 20] {
            assert_eq!(
                lines(text.as_bytes(), portion, 1_000),
                [Some(b"one".to_vec()), None, Some(b"two".to_vec())]
            );
        }
    }

    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("\n".to_owned()),
            Just("\r".to_owned()),
            Just("\r\n".to_owned()),
            "[a-z]{0,9}"
        ]
    }

    proptest! {
        #[test]
        fn read_in_pieces_is_read_the_same(parts in proptest::collection::vec(piece(), 0..40), portion in 1usize..9) {
            let text = parts.concat();
            prop_assert_eq!(lines(text.as_bytes(), portion, 5), lines(text.as_bytes(), 1 << 20, 5));
        }
    }
}
