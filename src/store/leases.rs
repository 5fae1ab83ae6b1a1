//! Leases: who may work on what, until when. One holder at a time, and a number that only grows, by
//! which the holder before is told apart. A lease does not stop anybody by itself: what must not be
//! done twice renews its lease in the transaction that writes the intent.

use super::database::{Database, StoreError, Transaction, cells};

/// A lease that is ours, until it is over or taken from us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub name: String,
    pub fence: i64,
}

/// What came of asking for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taking {
    Ours(Lease),
    /// Somebody else's, for so long if they do not renew it.
    Theirs {
        holder: String,
        until_ms: i64,
    },
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub name: &'a str,
    pub holder: &'a str,
    pub now_ms: i64,
    pub until_ms: i64,
    /// A holder from whom it is taken although it is not over: the caller knows that it is dead.
    pub from: Option<&'a str>,
}

/// Takes a lease that nobody has, whose time is over, or whose holder is known to be dead.
pub async fn take(database: &Database, wanted: Wanted<'_>) -> Result<Taking, StoreError> {
    let sql = "INSERT INTO lease (name, holder, fence, until_ms) VALUES ($1, $2, 1, $3) \
               ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, \
               fence = lease.fence + 1, until_ms = excluded.until_ms \
               WHERE lease.until_ms <= $4 OR lease.holder = $5 RETURNING fence";
    let (name, holder) = (wanted.name.to_owned(), wanted.holder.to_owned());
    let from = wanted.from.map(str::to_owned);
    let cells = cells![name.clone(), holder, wanted.until_ms, wanted.now_ms, from];
    let mut transaction = database.begin_durable().await?;
    let taken: Vec<(i64,)> = transaction.fetch(sql, cells).await?;
    if let Some((fence,)) = taken.into_iter().next() {
        transaction.commit().await?;
        return Ok(Taking::Ours(Lease { name, fence }));
    }
    let sql = "SELECT holder, until_ms FROM lease WHERE name = $1";
    let found: Vec<(String, i64)> = transaction.fetch(sql, cells![name.clone()]).await?;
    let (holder, until_ms) = found.into_iter().next().ok_or(StoreError::Conflict(name))?;
    Ok(Taking::Theirs { holder, until_ms })
}

/// Who has a lease, or had it last without giving it back.
pub async fn holder(database: &Database, name: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT holder FROM lease WHERE name = $1";
    let rows: Vec<(String,)> = database.fetch(sql, cells![name.to_owned()]).await?;
    Ok(rows.into_iter().next().map(|(holder,)| holder))
}

/// Holds on to a lease; a conflict where somebody else has it by now. Nobody can take it before the
/// transaction ends.
pub async fn renew(
    transaction: &mut Transaction,
    lease: &Lease,
    until_ms: i64,
) -> Result<(), StoreError> {
    let sql = "UPDATE lease SET until_ms = $3 WHERE name = $1 AND fence = $2";
    let cells = cells![lease.name.clone(), lease.fence, until_ms];
    match transaction.execute(sql, cells).await? {
        0 => Err(StoreError::Conflict(format!("the lease {} was taken by another", lease.name))),
        _ => Ok(()),
    }
}

/// Holds on to a lease for longer.
pub async fn keep(database: &Database, lease: &Lease, until_ms: i64) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    renew(&mut transaction, lease, until_ms).await?;
    transaction.commit().await
}

/// Gives a lease back, if it is still ours.
pub async fn release(database: &Database, lease: &Lease) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    let sql = "UPDATE lease SET until_ms = 0 WHERE name = $1 AND fence = $2";
    transaction.execute(sql, cells![lease.name.clone(), lease.fence]).await?;
    transaction.commit().await
}

/// Gives back every lease of a holder, who does nothing any more.
pub async fn release_all(database: &Database, holder: &str) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    let sql = "UPDATE lease SET until_ms = 0 WHERE holder = $1";
    transaction.execute(sql, cells![holder.to_owned()]).await?;
    transaction.commit().await
}
