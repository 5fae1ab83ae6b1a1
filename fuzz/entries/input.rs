//! How an input is taken apart: a few choices from its front, and the rest as it is or stretched.

use std::io::Read;

/// The longest that a stretched input becomes, bytes: more than is read at once.
const STRETCHED_MAX: usize = 400_000;
/// Stands before a piece that is repeated: its length, how often, and the piece.
const AGAIN: u8 = 0x01;

/// What is left of an input.
pub struct Input<'i>(&'i [u8]);

impl<'i> Input<'i> {
    pub fn new(bytes: &'i [u8]) -> Self {
        Input(bytes)
    }

    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[usize::from(self.byte()) % among.len()]
    }

    pub fn number(&mut self) -> i64 {
        i64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// How much is read at a time, in turn.
    pub fn portions(&mut self) -> [usize; 3] {
        std::array::from_fn(|_| match usize::from(self.byte()) {
            few @ 0..=127 => few + 1,
            many => (many - 127) * 4_099,
        })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.0).into_owned()
    }

    /// The rest, with every piece repeated that asks for it: what is slow, or grows, shows when there is
    /// much of it, and a short input is found sooner.
    pub fn stretched(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = self.0;
        while let Some((first, behind)) = rest.split_first() {
            rest = behind;
            let (&[length, times], piece) = match behind.split_first_chunk() {
                Some(found) if *first == AGAIN => found,
                _ => {
                    out.push(*first);
                    continue;
                }
            };
            let (piece, behind) = piece.split_at(piece.len().min(usize::from(length % 32) + 1));
            let room = STRETCHED_MAX.saturating_sub(out.len()) / piece.len().max(1);
            out.extend_from_slice(&piece.repeat((usize::from(times) * 16).min(room)));
            rest = behind;
        }
        out
    }
}

/// Gives so many bytes at a time, by turns.
pub struct Drip<'t> {
    bytes: &'t [u8],
    portions: [usize; 3],
    turn: usize,
}

impl<'t> Drip<'t> {
    pub fn new(bytes: &'t [u8], portions: [usize; 3]) -> Self {
        Drip { bytes, portions, turn: 0 }
    }

    /// All at once, as far as whoever reads has room.
    pub fn whole(bytes: &'t [u8]) -> Self {
        Drip::new(bytes, [usize::MAX; 3])
    }
}

impl Read for Drip<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let some = self.bytes.len().min(self.portions[self.turn % 3]).min(into.len());
        self.turn += 1;
        into[..some].copy_from_slice(&self.bytes[..some]);
        self.bytes = &self.bytes[some..];
        Ok(some)
    }
}
