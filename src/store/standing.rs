//! What is known of people at the moment of sending: their facts, the holds in force, whether an
//! account is on hold in its own system, what was sent to them lately. What follows from it is the
//! gate's business.

use std::collections::{HashMap, HashSet};

use super::database::{Database, StoreError, cells};
use super::hold_matching::OWES;
use super::intents;
use super::outbox;
use super::residents::read_facts;
use crate::record::delivery::{Contact, Content};
use crate::record::facts::Facts;
use crate::record::hold::InForce;
use crate::record::schema;

/// A delivery, as far as it says what must be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    pub delivery_id: i64,
    pub resident_id: i64,
    pub collection: bool,
    pub account_id: Option<i64>,
}

/// What the council's policy asks for beside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The holds of others who are liable for the same account.
    pub joint: bool,
    /// What accounts say, where a hold is in force.
    pub account_facts: bool,
    /// What was sent since then.
    pub contacts_since_ms: Option<i64>,
}

/// What is known of one resident.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub facts: Option<Facts>,
    pub holds: Vec<InForce>,
    /// Of others who are liable, by account.
    pub joint: Vec<(i64, InForce)>,
    pub accounts_on_hold: Vec<i64>,
    pub accounts: Vec<(i64, String, Facts)>,
    pub contacts: Vec<Contact>,
    /// What other batches have in hand: it may be leaving at this moment.
    pub in_hand: Vec<Contact>,
}

/// What is known now of those whom these deliveries are for, in a few questions however many there
/// are. Whoever became another since a delivery was read is known as that other.
pub async fn of(
    database: &Database,
    about: &[About],
    wanted: Wanted,
    now_ms: i64,
) -> Result<HashMap<i64, Known>, StoreError> {
    let mut about = about.to_vec();
    let mut became: HashMap<i64, i64> = HashMap::new();
    loop {
        let mut known = as_named(database, &about, wanted, now_ms).await?;
        // Asked last: with whoever becomes another, their holds go too.
        let (mut is_same, ids) = (true, distinct(about.iter().map(|one| one.resident_id)));
        for Resident { id, facts, merged_into } in residents(database, &ids).await? {
            match merged_into {
                None => known.entry(id).or_default().facts = Some(facts),
                Some(into) => {
                    is_same = false;
                    became.values_mut().filter(|was| **was == id).for_each(|was| *was = into);
                    became.insert(id, into);
                    let theirs = about.iter_mut().filter(|one| one.resident_id == id);
                    theirs.for_each(|one| one.resident_id = into);
                }
            }
        }
        if is_same {
            for (was, is) in became {
                known.insert(was, known.get(&is).cloned().unwrap_or_default());
            }
            return Ok(known);
        }
    }
}

async fn as_named(
    database: &Database,
    about: &[About],
    wanted: Wanted,
    now_ms: i64,
) -> Result<HashMap<i64, Known>, StoreError> {
    let residents = distinct(about.iter().map(|one| one.resident_id));
    let mut known: HashMap<i64, Known> = HashMap::new();
    let asked: Vec<(i64, i64)> = (about.iter().filter(|one| one.collection))
        .filter_map(|one| Some((one.resident_id, one.account_id?)))
        .collect();
    let accounts = distinct(asked.iter().map(|(_, account)| *account));
    let nowhere = about.iter().filter(|one| one.collection && one.account_id.is_none());
    let nowhere = distinct(nowhere.map(|one| one.resident_id));
    if is_any_in_force(database, now_ms).await? {
        for (id, hold) in in_force(database, &residents, now_ms).await? {
            known.entry(id).or_default().holds.push(hold);
        }
        if wanted.joint {
            // What is of no known account may be of any that they owe.
            let mut owed = owed_by(database, &nowhere).await?;
            owed.extend(&asked);
            owed.sort_unstable();
            owed.dedup();
            let shared = distinct(owed.iter().map(|(_, account)| *account));
            let joint = of_others(database, &shared, now_ms).await?;
            for (id, account) in &owed {
                let others =
                    joint.iter().filter(|(of, resident, _)| of == account && resident != id);
                let others = others.map(|(account, _, hold)| (*account, hold.clone()));
                known.entry(*id).or_default().joint.extend(others);
            }
        }
        if wanted.account_facts {
            for (id, kind, facts) in account_facts(database, &accounts).await? {
                for (resident, _) in asked.iter().filter(|(_, account)| *account == id) {
                    let account = (id, kind.clone(), facts.clone());
                    known.entry(*resident).or_default().accounts.push(account);
                }
            }
        }
    }
    let on_hold = on_hold(database, &accounts).await?;
    for (resident, account) in asked.iter().filter(|(_, account)| on_hold.contains(account)) {
        known.entry(*resident).or_default().accounts_on_hold.push(*account);
    }
    for (resident, account) in accounts_on_hold_of(database, &nowhere).await? {
        known.entry(resident).or_default().accounts_on_hold.push(account);
    }
    if let Some(since_ms) = wanted.contacts_since_ms {
        let mut these: HashSet<i64> = about.iter().map(|one| one.delivery_id).collect();
        // First what is in hand: what is settled between the two questions is then found by the second.
        let in_hand = in_hand(database, &residents).await?;
        for (id, resident, contact) in contacts(database, &residents, since_ms).await? {
            if these.insert(id) {
                known.entry(resident).or_default().contacts.push(contact);
            }
        }
        for (id, resident, contact) in in_hand {
            if these.insert(id) {
                known.entry(resident).or_default().in_hand.push(contact);
            }
        }
    }
    Ok(known)
}

/// The condition of a hold, `h`, that is in force at `$1`.
const IN_FORCE: &str = "h.from_ms <= $1 AND (h.until_ms IS NULL OR h.until_ms > $1) \
    AND (h.lifted_ms IS NULL OR h.lifted_ms > $1)";

/// When a hold ends that is in force: with its own end, or when lifting it takes effect.
const ENDS: &str = "CASE WHEN h.lifted_ms < h.until_ms THEN h.lifted_ms \
    ELSE COALESCE(h.until_ms, h.lifted_ms) END";

async fn is_any_in_force(database: &Database, now_ms: i64) -> Result<bool, StoreError> {
    let sql = format!("SELECT h.id FROM hold h WHERE {IN_FORCE} LIMIT 1");
    let found: Vec<(i64,)> = database.fetch(&sql, cells![now_ms]).await?;
    Ok(!found.is_empty())
}

/// The holds in force on residents, each with the resident: those that name them by number, and those
/// that name a party of theirs.
pub async fn in_force(
    database: &Database,
    residents: &[i64],
    now_ms: i64,
) -> Result<Vec<(i64, InForce)>, StoreError> {
    type Held = (i64, i64, String, Option<i64>);
    let by_number = format!(
        "SELECT h.resident_id, h.id, h.kind, {ENDS} FROM hold h \
         WHERE {IN_FORCE} AND h.resident_id IN"
    );
    let by_party = format!(
        "SELECT p.resident_id, h.id, h.kind, {ENDS} FROM party p \
         JOIN hold_party m ON m.party_id = p.id JOIN hold h ON h.id = m.hold_id \
         WHERE {IN_FORCE} AND p.resident_id IN"
    );
    let mut rows: Vec<Held> = database.fetch_for(&by_number, residents, "", cells![now_ms]).await?;
    rows.extend(database.fetch_for::<Held>(&by_party, residents, "", cells![now_ms]).await?);
    rows.sort_unstable();
    rows.dedup();
    let ids = distinct(rows.iter().map(|(_, id, ..)| *id));
    let debts = "SELECT hold_id, account_id FROM hold_debt WHERE hold_id IN";
    let debts: Vec<(i64, i64)> = database.fetch_for(debts, &ids, "", vec![]).await?;
    let hold = |(resident, id, kind, until_ms): Held| {
        let own = debts.iter().filter(|(hold, _)| *hold == id);
        let debts = distinct(own.map(|(_, account)| *account));
        (resident, InForce { id, kind, until_ms, debts })
    };
    Ok(rows.into_iter().map(hold).collect())
}

/// The accounts that residents owe today: resident, account.
async fn owed_by(database: &Database, residents: &[i64]) -> Result<Vec<(i64, i64)>, StoreError> {
    let sql = format!(
        "SELECT resident_id, source_key_id FROM party \
         WHERE ended_ms IS NULL AND role IN ('{}') AND resident_id IN",
        OWES.join("','")
    );
    database.fetch_for(&sql, residents, "", vec![]).await
}

/// The holds in force on those who owe accounts: account, resident, hold.
async fn of_others(
    database: &Database,
    accounts: &[i64],
    now_ms: i64,
) -> Result<Vec<(i64, i64, InForce)>, StoreError> {
    let sql = format!(
        "SELECT source_key_id, resident_id FROM party \
         WHERE ended_ms IS NULL AND role IN ('{}') AND source_key_id IN",
        OWES.join("','")
    );
    let owing: Vec<(i64, i64)> = database.fetch_for(&sql, accounts, "", vec![]).await?;
    let residents = distinct(owing.iter().map(|(_, resident)| *resident));
    let mut found = Vec::new();
    for (resident, hold) in in_force(database, &residents, now_ms).await? {
        for (account, _) in owing.iter().filter(|(_, owing)| *owing == resident) {
            found.push((*account, resident, hold.clone()));
        }
    }
    Ok(found)
}

struct Resident {
    id: i64,
    facts: Facts,
    merged_into: Option<i64>,
}

async fn residents(database: &Database, ids: &[i64]) -> Result<Vec<Resident>, StoreError> {
    let sql = "SELECT id, facts, merged_into FROM resident WHERE id IN";
    let rows: Vec<(i64, String, Option<i64>)> = database.fetch_for(sql, ids, "", vec![]).await?;
    let read = |(id, json, merged_into): (i64, String, Option<i64>)| {
        let facts = read_facts(&json, schema::PARTY, "resident", id)?;
        Ok(Resident { id, facts, merged_into })
    };
    rows.into_iter().map(read).collect()
}

async fn account_facts(
    database: &Database,
    ids: &[i64],
) -> Result<Vec<(i64, String, Facts)>, StoreError> {
    let sql = "SELECT id, kind, facts FROM account WHERE id IN";
    let mut rows: Vec<(i64, String, String)> = database.fetch_for(sql, ids, "", vec![]).await?;
    rows.sort_unstable();
    rows.dedup();
    let read = |(id, kind, json): (i64, String, String)| {
        Ok((id, kind, read_facts(&json, schema::ACCOUNT, "account", id)?))
    };
    rows.into_iter().map(read).collect()
}

/// Those of these accounts that their own systems have on hold.
async fn on_hold(database: &Database, accounts: &[i64]) -> Result<HashSet<i64>, StoreError> {
    let sql = "SELECT a.id, a.id, a.facts FROM account a WHERE a.facts LIKE '%\"hold\":%' \
               AND a.id IN";
    let rows = database.fetch_for(sql, accounts, "", vec![]).await?;
    Ok(with_a_hold(rows)?.into_iter().map(|(_, account)| account).collect())
}

/// Residents who are a party, today, of an account that its own system has on hold; and the account.
async fn accounts_on_hold_of(
    database: &Database,
    residents: &[i64],
) -> Result<Vec<(i64, i64)>, StoreError> {
    // Few accounts are on hold: only those that may be are read.
    let sql = "SELECT p.resident_id, a.id, a.facts FROM party p \
               JOIN account a ON a.id = p.source_key_id \
               WHERE p.ended_ms IS NULL AND a.facts LIKE '%\"hold\":%' AND p.resident_id IN";
    with_a_hold(database.fetch_for(sql, residents, "", vec![]).await?)
}

fn with_a_hold(rows: Vec<(i64, i64, String)>) -> Result<Vec<(i64, i64)>, StoreError> {
    let mut found = Vec::new();
    for (whose, account, json) in rows {
        let facts = read_facts(&json, schema::ACCOUNT, "account", account)?;
        if schema::account_id("hold").is_some_and(|hold| facts.get(hold).is_some()) {
            found.push((whose, account));
        }
    }
    Ok(found)
}

/// A delivery, its resident, and what it is as a contact.
type Counted = (i64, i64, Contact);

/// What went to residents since then, or may have.
async fn contacts(
    database: &Database,
    residents: &[i64],
    since_ms: i64,
) -> Result<Vec<Counted>, StoreError> {
    let (that, end) = outbox::by_message(database.is_postgres());
    let sql = format!(
        "SELECT d.id, d.resident_id, d.collection, COALESCE(m.message, '') AS message, \
               COALESCE(d.intent_ms, a.intent_ms) AS intent_ms FROM delivery d \
               LEFT JOIN delivery_message m ON m.delivery_id = d.id \
               LEFT JOIN delivery_attempt a ON a.delivery_id = d.id AND a.attempt = d.intents \
               WHERE (d.state IN ('accepted', 'delivered', 'unknown') \
               OR (d.state = 'held' AND d.cause_code IN ('delivery.unknown', 'delivery.crashed'))) \
               AND COALESCE(d.intent_ms, a.intent_ms) > $1 AND d.id {that} o.resident_id IN"
    );
    Ok(counted(database.fetch_for(&sql, residents, end, cells![since_ms]).await?))
}

/// What anybody has in hand for residents: whether it leaves is not written yet.
async fn in_hand(database: &Database, residents: &[i64]) -> Result<Vec<Counted>, StoreError> {
    let sql = format!(
        "SELECT d.id, d.resident_id, d.collection, COALESCE(m.message, '') AS message, one.intent_ms FROM {} one \
         JOIN delivery d ON d.id = one.id LEFT JOIN delivery_message m ON m.delivery_id = d.id \
         WHERE d.settled_ms IS NULL AND d.resident_id IN",
        intents::each_in_hand(database.is_postgres())
    );
    Ok(counted(database.fetch_for(&sql, residents, "", vec![]).await?))
}

fn counted(mut rows: Vec<(i64, i64, bool, String, i64)>) -> Vec<Counted> {
    rows.sort_unstable();
    rows.dedup_by_key(|row| row.0);
    let contact = |(id, resident, collection, json, at_ms): (i64, i64, bool, String, i64)| {
        let Some(Content::Message(message)) = Content::from_json(&json) else { return None };
        Some((id, resident, Contact { channel: message.channel, collection, at_ms }))
    };
    rows.into_iter().filter_map(contact).collect()
}

fn distinct(values: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut values: Vec<i64> = values.collect();
    values.sort_unstable();
    values.dedup();
    values
}
