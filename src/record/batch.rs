//! A batch's account: every row that came in is published, unchanged, held or filtered.

/// The counts of a batch. `rows_in = published + unchanged + held + filtered`, always.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    pub rows_in: i64,
    pub published: i64,
    pub unchanged: i64,
    pub held: i64,
    pub filtered: i64,
    pub records_new: i64,
    pub records_changed: i64,
    pub records_unchanged: i64,
    pub records_gone: i64,
}

impl Counts {
    /// Whether every row is accounted for.
    pub fn agree(&self) -> bool {
        self.rows_in == self.published + self.unchanged + self.held + self.filtered
    }
}
