//! A stream seen through a window that holds what its reader keeps, and no more.
//!
//! A place is a distance from the beginning of the stream, so that it stays right when what lies before
//! it is let go. A byte order mark is passed over.

use std::io::{self, Read};

/// How much is read at a time, bytes.
const BUFFER: usize = 1 << 18;
/// And as long as that much has not come: most of what is pushed is shorter.
const FIRST: usize = 1 << 11;
const MARK: &[u8] = b"\xEF\xBB\xBF";

pub struct Stream<'r> {
    input: &'r mut dyn Read,
    buffer: Vec<u8>,
    /// Where in the stream the buffer begins.
    base: u64,
    /// How many bytes of the buffer hold something.
    filled: usize,
    /// Where in the buffer we are.
    at: usize,
    finished: bool,
}

impl<'r> Stream<'r> {
    pub fn new(input: &'r mut dyn Read) -> Self {
        Stream { input, buffer: vec![0; FIRST], base: 0, filled: 0, at: 0, finished: false }
    }

    /// Where we are.
    pub fn place(&self) -> u64 {
        self.base + self.at as u64
    }

    /// What was read and lies ahead.
    pub fn rest(&self) -> &[u8] {
        &self.buffer[self.at..self.filled]
    }

    /// Whether nothing lies behind that.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Goes so many bytes on.
    pub fn pass(&mut self, bytes: usize) {
        self.at += bytes;
        debug_assert!(self.at <= self.filled, "nobody passes what was not read");
    }

    /// What lies between two places that are kept.
    pub fn bytes(&self, from: u64, to: u64) -> &[u8] {
        &self.buffer[(from - self.base) as usize..(to - self.base) as usize]
    }

    /// Reads on. What lies before us is dropped, but for what lies behind `kept`. At least as much is
    /// read as stays, so that what is long is looked through a few times and not once for every small
    /// read.
    pub fn fill(&mut self, kept: Option<u64>) -> io::Result<()> {
        let begins = self.place() == 0;
        let was_full = self.filled == self.buffer.len();
        let keep = kept.map_or(self.at, |kept| (kept - self.base) as usize).min(self.at);
        self.buffer.copy_within(keep..self.filled, 0);
        self.filled -= keep;
        self.at -= keep;
        self.base += keep as u64;
        if was_full && self.buffer.len() < BUFFER {
            self.buffer.resize(BUFFER, 0);
        } else if self.filled == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let wanted = (self.filled * 2).max(if begins { MARK.len() } else { 1 });
        while !self.finished && self.filled < self.buffer.len() && self.filled < wanted {
            match self.input.read(&mut self.buffer[self.filled..]) {
                Ok(0) => self.finished = true,
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if begins && self.buffer[..self.filled].starts_with(MARK) {
            self.at = MARK.len();
        }
        Ok(())
    }
}
