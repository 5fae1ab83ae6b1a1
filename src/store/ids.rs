//! Hands out identifiers in blocks: ascending, never twice, gaps allowed.

use super::database::{Database, StoreError, Transaction, cells};

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
        let mut transaction = database.begin().await?;
        self.reserve_in(&mut transaction, count).await?;
        transaction.commit().await
    }

    /// The same, by a transaction that has begun.
    pub async fn reserve_in(
        &mut self,
        transaction: &mut Transaction,
        count: usize,
    ) -> Result<(), StoreError> {
        let wanted = count as i64;
        if self.end - self.next >= wanted {
            return Ok(());
        }
        let block = BLOCK.max(wanted);
        let end = end_of(transaction, block).await?;
        // A block that follows on from the last is one run; what is left of another is passed over.
        if end - block != self.end {
            self.next = end - block;
        }
        self.end = end;
        Ok(())
    }

    /// A supply of so many above all that were ever given, ours among them: it goes on with what is left where nobody
    /// was given others since. Nobody is given others before the transaction ends; ours once it is committed.
    pub async fn newest(
        &self,
        transaction: &mut Transaction,
        count: usize,
    ) -> Result<Ids, StoreError> {
        let end = end_of(transaction, 0).await?;
        let left = if end == self.end { self.next } else { end };
        let mut newest = Ids { next: left, end };
        newest.reserve_in(transaction, count).await?;
        Ok(newest)
    }

    /// A supply of so many, which this transaction takes: above all that were ever given, and nobody is
    /// given others before it ends.
    pub async fn within(transaction: &mut Transaction, count: usize) -> Result<Ids, StoreError> {
        let end = end_of(transaction, count as i64).await?;
        Ok(Ids { next: end - count as i64, end })
    }

    /// Goes on above that number, where it has not come so far; for so many.
    pub async fn pass(
        &mut self,
        transaction: &mut Transaction,
        number: i64,
        count: usize,
    ) -> Result<(), StoreError> {
        if self.next <= number {
            *self = Ids::new();
        }
        self.reserve_in(transaction, count).await
    }

    /// The end of the supply: the number behind the last.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// The next identifier. [`Ids::reserve`] comes first.
    pub fn take(&mut self) -> i64 {
        assert!(self.next < self.end, "more identifiers were taken than reserved");
        self.next += 1;
        self.next - 1
    }
}

/// Takes a block; gives the number behind its last.
async fn end_of(transaction: &mut Transaction, block: i64) -> Result<i64, StoreError> {
    let sql = "INSERT INTO id_block (name, next) VALUES ('all', 1 + $1) \
               ON CONFLICT (name) DO UPDATE SET next = id_block.next + $1 RETURNING next";
    let rows: Vec<(i64,)> = transaction.fetch(sql, cells![block]).await?;
    let end = rows.into_iter().next().map(|(end,)| end);
    end.ok_or_else(|| StoreError::Refused("id_block gave no number".to_owned()))
}

impl Default for Ids {
    fn default() -> Self {
        Ids::new()
    }
}
