//! Who sees to a cause, until when nobody is reminded of it, and what people wrote to it or to a work order.

use super::audit::{self, Entry};
use super::database::{Database, StoreError, cells};

/// What people arranged about a cause.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Desk {
    pub code: String,
    /// The name that they sign in by.
    pub owner: Option<String>,
    pub given_by: Option<String>,
    /// UTC milliseconds, as all instants here.
    pub owned_ms: Option<i64>,
    pub silent_until_ms: Option<i64>,
    pub silenced_by: Option<String>,
    pub silent_why: Option<String>,
}

/// What somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Note {
    pub id: i64,
    /// As the audit log names it: `work order 10007`.
    pub target: String,
    pub text: String,
    pub written_by: String,
    pub at_ms: i64,
}

/// Who does something, why, and when.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    pub actor: &'a str,
    pub reason: &'a str,
    pub now_ms: i64,
}

/// So many causes have something arranged at most.
const DESKS_MAX: i64 = 1_000;
const DESK: &str = "SELECT code, owner, given_by, owned_ms, silent_until_ms, silenced_by, silent_why FROM cause_desk";

/// Every cause about which something was arranged.
pub async fn all(database: &Database) -> Result<Vec<Desk>, StoreError> {
    database.fetch(&format!("{DESK} ORDER BY code LIMIT $1"), cells![DESKS_MAX]).await
}

/// What was arranged about one.
pub async fn of(database: &Database, code: &str) -> Result<Option<Desk>, StoreError> {
    let sql = format!("{DESK} WHERE code = $1");
    Ok(database.fetch(&sql, cells![code.to_owned()]).await?.into_iter().next())
}

/// Somebody has it, or nobody. False where another has it by now than `before`.
pub async fn assign(
    database: &Database,
    (code, owner, before): (&str, Option<&str>, Option<&str>),
    by: By<'_>,
) -> Result<bool, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "INSERT INTO cause_desk (code, owner, given_by, owned_ms) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (code) DO UPDATE SET owner = excluded.owner, given_by = excluded.given_by, \
               owned_ms = excluded.owned_ms WHERE COALESCE(cause_desk.owner, '') = $5";
    let cells = cells![
        code.to_owned(),
        owner.map(str::to_owned),
        by.actor.to_owned(),
        by.now_ms,
        before.unwrap_or_default().to_owned(),
    ];
    if transaction.execute(sql, cells).await? == 0 {
        return Ok(false);
    }
    let details = serde_json::json!({ "to": owner, "from": before }).to_string();
    by.put_down(&mut transaction, "assigned", format!("cause {code}"), Some(details)).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Nobody is reminded of it until then; or somebody is, again.
pub async fn silence(
    database: &Database,
    code: &str,
    until_ms: Option<i64>,
    by: By<'_>,
) -> Result<(), StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "INSERT INTO cause_desk (code, silent_until_ms, silenced_by, silent_why) \
               VALUES ($1, $2, $3, $4) ON CONFLICT (code) DO UPDATE SET \
               silent_until_ms = excluded.silent_until_ms, silenced_by = excluded.silenced_by, \
               silent_why = excluded.silent_why";
    let (actor, why) = (by.actor.to_owned(), by.reason.to_owned());
    transaction.execute(sql, cells![code.to_owned(), until_ms, actor, why]).await?;
    let (action, details) = match until_ms {
        Some(until_ms) => {
            ("silenced", Some(serde_json::json!({ "until_ms": until_ms }).to_string()))
        }
        None => ("unsilenced", None),
    };
    by.put_down(&mut transaction, action, format!("cause {code}"), details).await?;
    transaction.commit().await
}

/// Somebody wrote something.
pub async fn note(database: &Database, note: &Note) -> Result<(), StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "INSERT INTO note (id, target, text, written_by, at_ms) VALUES ($1, $2, $3, $4, $5)";
    let Note { id, target, text, written_by, at_ms } = note.clone();
    transaction.execute(sql, cells![id, target.clone(), text, written_by, at_ms]).await?;
    let by = By { actor: &note.written_by, reason: "", now_ms: at_ms };
    by.put_down(&mut transaction, "noted", target, None).await?;
    transaction.commit().await
}

/// What was written to one thing, the newest first.
pub async fn notes(database: &Database, target: &str, most: i64) -> Result<Vec<Note>, StoreError> {
    let sql = "SELECT id, target, text, written_by, at_ms FROM note WHERE target = $1 \
               ORDER BY id DESC LIMIT $2";
    database.fetch(sql, cells![target.to_owned(), most]).await
}

impl By<'_> {
    async fn put_down(
        &self,
        transaction: &mut super::database::Transaction,
        action: &str,
        target: String,
        details: Option<String>,
    ) -> Result<(), StoreError> {
        let reason = Some(self.reason).filter(|reason| !reason.is_empty());
        let entry = Entry { actor: self.actor, action, target, reason, details };
        audit::write(transaction, &entry, self.now_ms).await
    }
}
