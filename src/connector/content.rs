//! What a source gave, told from anything else that it could give.

use ring::digest::{Context, SHA256};

/// SHA-256 of a content that comes in pieces.
pub struct ContentDigest(Context);

impl ContentDigest {
    pub fn new() -> ContentDigest {
        ContentDigest(Context::new(&SHA256))
    }

    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// Hexadecimal.
    pub fn finish(self) -> String {
        self.0.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Default for ContentDigest {
    fn default() -> ContentDigest {
        ContentDigest::new()
    }
}

/// SHA-256 of a whole content, hexadecimal.
pub fn hexadecimal(content: &[u8]) -> String {
    let mut digest = ContentDigest::new();
    digest.update(content);
    digest.finish()
}
