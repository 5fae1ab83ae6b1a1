//! People who sign in at the screens, and their invitations, as rows. What their roles mean is `access`'s
//! business.

use serde_json::json;

use super::alerts::{self, AlertRow};
use super::audit::{self, Entry};
use super::database::{Database, StoreError, Transaction, cells};
use super::downloads;
use crate::record::personal::unprinted;

/// Somebody who signs in.
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StaffRow {
    pub id: i64,
    pub name: String,
    /// `viewer,support`
    pub roles: String,
    /// `revenues,crm`; empty: all.
    pub sources: String,
    pub password: Option<String>,
    pub seed: Option<String>,
    pub last_step: i64,
    pub created_by: String,
    pub created_ms: i64,
    pub version: i64,
    pub disabled_ms: Option<i64>,
    pub signed_in_ms: Option<i64>,
    pub paused: bool,
    /// Of somebody who signs in with the council's own account: where they are from, and who they are there.
    pub tenant: Option<String>,
    pub person: Option<String>,
    /// The name by which a person is known who has several accounts or keys.
    pub owner: Option<String>,
    /// Of a break-glass account: from which networks it is opened, from anywhere where this is empty.
    pub glass_networks: Option<String>,
    pub withdrawn_ms: Option<i64>,
    pub withdrawn_by: Option<String>,
}

unprinted!(StaffRow);

impl StaffRow {
    /// Whether the council's provider says who they are and what. Then they have no password here.
    pub fn is_of_provider(&self) -> bool {
        self.person.is_some()
    }

    /// Whether it is a break-glass account, which has no roles and is opened for an hour.
    pub fn is_glass(&self) -> bool {
        self.glass_networks.is_some()
    }

    /// Whether they may sign in, in a word.
    pub fn state(&self) -> &'static str {
        match (&self.disabled_ms, &self.password) {
            _ if self.withdrawn_ms.is_some() => "withdrawn",
            (Some(_), _) if self.is_glass() => "locked",
            (None, Some(_)) if self.is_glass() => "ready",
            (Some(_), _) => "disabled",
            (None, None) if !self.is_of_provider() => "invited",
            (None, _) => "active",
        }
    }
}

const COLUMNS: &str = "id, name, roles, sources, password, seed, last_step, created_by, created_ms, \
                       version, disabled_ms, signed_in_ms, paused, tenant, person, owner, glass_networks, \
                       withdrawn_ms, withdrawn_by";

/// An invitation that is still good.
#[derive(Clone, sqlx::FromRow)]
pub struct InviteRow {
    pub digest: String,
    pub staff_id: i64,
    pub seed: String,
    pub until_ms: i64,
}

unprinted!(InviteRow);

/// Who is changed, by whom, and when.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    pub actor: &'a str,
    pub reason: Option<&'a str>,
    pub now_ms: i64,
}

impl By<'_> {
    pub(super) async fn put_down(
        &self,
        transaction: &mut Transaction,
        action: &str,
        name: &str,
        details: Option<serde_json::Value>,
    ) -> Result<(), StoreError> {
        let entry = Entry {
            actor: self.actor,
            action,
            target: format!("staff {name}"),
            reason: self.reason,
            details: details.map(|details| details.to_string()),
        };
        audit::write(transaction, &entry, self.now_ms).await
    }
}

/// Keeps somebody new. Says whether the name was free.
pub async fn add(
    database: &Database,
    id: i64,
    (name, roles, sources): (&str, &str, &str),
    by: By<'_>,
) -> Result<bool, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "INSERT INTO staff (id, name, roles, sources, last_step, created_by, created_ms, version, paused) \
               VALUES ($1, $2, $3, $4, -1, $5, $6, 1, FALSE) ON CONFLICT (name) DO NOTHING";
    let cells = cells![
        id,
        name.to_owned(),
        roles.to_owned(),
        sources.to_owned(),
        by.actor.to_owned(),
        by.now_ms,
    ];
    if transaction.execute(sql, cells).await? == 0 {
        return Ok(false);
    }
    let details = json!({ "roles": roles, "sources": sources });
    by.put_down(&mut transaction, "added", name, Some(details)).await?;
    transaction.commit().await?;
    Ok(true)
}

/// The person of that name.
pub async fn of_name(database: &Database, name: &str) -> Result<Option<StaffRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM staff WHERE name = $1");
    Ok(database.fetch(&sql, cells![name.to_owned()]).await?.into_iter().next())
}

/// Keeps somebody whom the provider told of for the first time, under the first of these names that is free. None where
/// none is.
pub async fn add_of_provider(
    database: &Database,
    id: i64,
    (tenant, person, roles): (&str, &str, &str),
    names: &[String],
    now_ms: i64,
) -> Result<Option<StaffRow>, StoreError> {
    for name in names {
        let mut transaction = database.begin_durable().await?;
        let sql = "INSERT INTO staff (id, name, roles, sources, last_step, created_by, created_ms, version, paused, \
                   tenant, person) VALUES ($1, $2, $3, '', -1, 'provider', $4, 1, FALSE, $5, $6) \
                   ON CONFLICT DO NOTHING";
        let cells = cells![
            id,
            name.clone(),
            roles.to_owned(),
            now_ms,
            tenant.to_owned(),
            person.to_owned(),
        ];
        if transaction.execute(sql, cells).await? == 0 {
            // It may be that they came twice at the same moment.
            drop(transaction);
            if let Some(row) = of_person(database, tenant, person).await? {
                return Ok(Some(row));
            }
            continue;
        }
        let by = By { actor: "provider", reason: None, now_ms };
        by.put_down(&mut transaction, "added", name, Some(json!({ "roles": roles }))).await?;
        transaction.commit().await?;
        return of_id(database, id).await;
    }
    Ok(None)
}

/// The person of that number at the provider.
pub async fn of_person(
    database: &Database,
    tenant: &str,
    person: &str,
) -> Result<Option<StaffRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM staff WHERE tenant = $1 AND person = $2");
    let cells = cells![tenant.to_owned(), person.to_owned()];
    Ok(database.fetch(&sql, cells).await?.into_iter().next())
}

/// The person of that number.
pub async fn of_id(database: &Database, id: i64) -> Result<Option<StaffRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM staff WHERE id = $1");
    Ok(database.fetch(&sql, cells![id]).await?.into_iter().next())
}

/// Everybody there ever was, by name.
pub async fn all(database: &Database) -> Result<Vec<StaffRow>, StoreError> {
    database.fetch(&format!("SELECT {COLUMNS} FROM staff ORDER BY name"), vec![]).await
}

/// Gives other roles, unless somebody changed them since they were looked at. Ends every session, and takes away the
/// files that were made by the roles before.
pub async fn set_roles(
    database: &Database,
    row: &StaffRow,
    (roles, sources): (&str, &str),
    by: By<'_>,
) -> Result<bool, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "UPDATE staff SET roles = $3, sources = $4, version = version + 1 \
               WHERE id = $1 AND version = $2";
    let cells = cells![row.id, row.version, roles.to_owned(), sources.to_owned()];
    if transaction.execute(sql, cells).await? == 0 {
        return Ok(false);
    }
    let details = json!({
        "were": row.roles, "are": roles, "sources_were": row.sources, "sources_are": sources,
    });
    by.put_down(&mut transaction, "roles", &row.name, Some(details)).await?;
    downloads::take_away(&mut transaction, row.id).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Lets somebody in no more, or again. Ends every session. Says whether it was otherwise.
pub async fn set_disabled(
    database: &Database,
    row: &StaffRow,
    disabled: bool,
    by: By<'_>,
) -> Result<bool, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let (sql, action) = match disabled {
        true => (
            "UPDATE staff SET disabled_ms = $2, version = version + 1 \
             WHERE id = $1 AND disabled_ms IS NULL",
            "disabled",
        ),
        false => (
            "UPDATE staff SET disabled_ms = NULL, glass_failures = 0, version = version + 1 \
             WHERE id = $1 AND disabled_ms IS NOT NULL AND $2 = $2",
            "enabled",
        ),
    };
    if transaction.execute(sql, cells![row.id, by.now_ms]).await? == 0 {
        return Ok(false);
    }
    by.put_down(&mut transaction, action, &row.name, None).await?;
    downloads::take_away(&mut transaction, row.id).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Ends every session of somebody.
pub async fn end_sessions(
    database: &Database,
    row: &StaffRow,
    by: By<'_>,
) -> Result<(), StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "UPDATE staff SET version = version + 1 WHERE id = $1";
    transaction.execute(sql, cells![row.id]).await?;
    by.put_down(&mut transaction, "signed out everywhere", &row.name, None).await?;
    transaction.commit().await
}

/// Says whose account one is, by the name of a person who has several; or that nobody says so. Says whether it was
/// otherwise.
pub async fn set_owner(
    database: &Database,
    row: &StaffRow,
    owner: Option<&str>,
    by: By<'_>,
) -> Result<bool, StoreError> {
    if row.owner.as_deref() == owner {
        return Ok(false);
    }
    let mut transaction = database.begin_durable().await?;
    let sql = "UPDATE staff SET owner = $2 WHERE id = $1";
    transaction.execute(sql, cells![row.id, owner.map(str::to_owned)]).await?;
    let details = json!({ "was": row.owner, "is": owner });
    by.put_down(&mut transaction, "owner", &row.name, Some(details)).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Makes a link; older ones of the same person open nothing any more.
pub async fn invite(
    database: &Database,
    invite: &InviteRow,
    name: &str,
    by: By<'_>,
) -> Result<(), StoreError> {
    invite_with(database, invite, name, by, None).await
}

/// The same, with the alert that it raises.
pub async fn invite_with(
    database: &Database,
    invite: &InviteRow,
    name: &str,
    by: By<'_>,
    alert: Option<&AlertRow>,
) -> Result<(), StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "UPDATE staff_invite SET used_ms = $2 WHERE staff_id = $1 AND used_ms IS NULL";
    transaction.execute(sql, cells![invite.staff_id, by.now_ms]).await?;
    let sql = "INSERT INTO staff_invite (digest, staff_id, seed, made_ms, until_ms) \
               VALUES ($1, $2, $3, $4, $5)";
    let cells = cells![
        invite.digest.clone(),
        invite.staff_id,
        invite.seed.clone(),
        by.now_ms,
        invite.until_ms,
    ];
    transaction.execute(sql, cells).await?;
    by.put_down(&mut transaction, "invited", name, None).await?;
    if let Some(alert) = alert {
        alerts::raise(&mut transaction, alert).await?;
    }
    transaction.commit().await
}

/// The invitation of that digest, if it was not used.
pub async fn invitation(
    database: &Database,
    digest: &str,
    now_ms: i64,
) -> Result<Option<InviteRow>, StoreError> {
    let sql = "SELECT digest, staff_id, seed, until_ms FROM staff_invite \
               WHERE digest = $1 AND used_ms IS NULL AND until_ms > $2";
    Ok(database.fetch(sql, cells![digest.to_owned(), now_ms]).await?.into_iter().next())
}

/// Uses an invitation: keeps the password and the seed. Says whether it was still good.
pub async fn accept(
    database: &Database,
    invite: &InviteRow,
    (name, password, step): (&str, &str, i64),
    now_ms: i64,
) -> Result<bool, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "UPDATE staff_invite SET used_ms = $2 WHERE digest = $1 AND used_ms IS NULL AND until_ms > $2";
    if transaction.execute(sql, cells![invite.digest.clone(), now_ms]).await? == 0 {
        return Ok(false);
    }
    let sql = "UPDATE staff SET password = $2, seed = $3, last_step = $4, version = version + 1 WHERE id = $1";
    let cells = cells![invite.staff_id, password.to_owned(), invite.seed.clone(), step];
    transaction.execute(sql, cells).await?;
    let actor = format!("staff:{name}");
    let by = By { actor: &actor, reason: None, now_ms };
    by.put_down(&mut transaction, "set a password", name, None).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Remembers whether somebody wants pages to stand still.
pub async fn set_paused(database: &Database, id: i64, paused: bool) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    transaction.execute("UPDATE staff SET paused = $2 WHERE id = $1", cells![id, paused]).await?;
    transaction.commit().await
}
