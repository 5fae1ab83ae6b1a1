//! Hands out identifiers in blocks: ascending, never twice, gaps allowed.

use super::database::{Database, StoreError, cells};

const BLOCK: i64 = 10_000;

/// A supply of identifiers. Each process has its own; blocks come from the database.
#[derive(Debug)]
pub struct Ids {
    next: i64,
    end: i64,
}

impl Ids {
    /// A supply that takes its first block when it is first asked.
    pub fn new() -> Self {
        Ids { next: 0, end: 0 }
    }

    /// Makes sure of at least `count` identifiers, so that [`Ids::take`] cannot fail so many times.
    pub async fn reserve(&mut self, database: &Database, count: usize) -> Result<(), StoreError> {
        let wanted = count as i64;
        if self.end - self.next >= wanted {
            return Ok(());
        }
        let block = BLOCK.max(wanted);
        let mut transaction = database.begin().await?;
        let sql = "INSERT INTO id_block (name, next) VALUES ('all', 1 + $1) \
                   ON CONFLICT (name) DO UPDATE SET next = id_block.next + $1 RETURNING next";
        let rows: Vec<(i64,)> = transaction.fetch(sql, cells![block]).await?;
        transaction.commit().await?;
        let (end,) = rows
            .into_iter()
            .next()
            .ok_or_else(|| StoreError::Refused("id_block gave no number".to_owned()))?;
        // A block that follows on from the last is one run; what is left of another is passed over.
        if end - block != self.end {
            self.next = end - block;
        }
        self.end = end;
        Ok(())
    }

    /// The next identifier. [`Ids::reserve`] comes first.
    pub fn take(&mut self) -> i64 {
        assert!(self.next < self.end, "more identifiers were taken than reserved");
        self.next += 1;
        self.next - 1
    }
}

impl Default for Ids {
    fn default() -> Self {
        Ids::new()
    }
}
