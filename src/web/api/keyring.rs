//! Finds keys. What a key allows never changes, so it is remembered; only that it was revoked is news. A call
//! whose work looks at that itself, in the transaction that does it, goes by what is remembered; any other call has the
//! key looked up anew, and so a revoked key opens nothing from that moment on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::access::grant::{self, Grant};
use crate::access::scope::Scopes;
use crate::store::database::{Database, StoreError};
use crate::store::keys::{self, KeyRow};

/// So many keys are remembered. Then all are forgotten, since hardly any hub has as many.
const REMEMBERED: usize = 1_024;

/// Which keys are good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// Looked up for this call.
    AsTheyStand,
    /// Whether one was revoked meanwhile is looked at later.
    AsRemembered,
}

/// A key as it is kept, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub id: i64,
    /// SHA-256 of the whole key, hexadecimal.
    pub digest: String,
    /// None where its networks cannot be read: it opens nothing.
    pub grant: Option<Grant>,
}

impl From<KeyRow> for Known {
    fn from(row: KeyRow) -> Known {
        let grant = grant::networks_from_words(&row.networks).map(|networks| Grant {
            name: row.name,
            scopes: Scopes::from_words(&row.scopes),
            networks,
            expires_ms: row.expires_ms,
            revoked_ms: row.revoked_ms,
        });
        Known { id: row.id, digest: row.digest, grant: grant.ok() }
    }
}

/// The keys that were found.
#[derive(Debug, Clone, Default)]
pub struct Keyring(Arc<Mutex<HashMap<i64, Arc<Known>>>>);

impl Keyring {
    /// The key of that number.
    pub async fn find(
        &self,
        database: &Database,
        id: i64,
        keys: Keys,
    ) -> Result<Option<Arc<Known>>, StoreError> {
        if keys == Keys::AsRemembered
            && let Some(found) = self.remembered().get(&id)
        {
            return Ok(Some(Arc::clone(found)));
        }
        let found = keys::find(database, id).await?.map(Known::from).map(Arc::new);
        if let Some(found) = &found {
            let mut remembered = self.remembered();
            if remembered.len() >= REMEMBERED {
                remembered.clear();
            }
            remembered.insert(id, Arc::clone(found));
        }
        Ok(found)
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, HashMap<i64, Arc<Known>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
