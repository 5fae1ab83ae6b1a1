//! Whom holds name, and which of their debts. A hold is matched when it is put down, against every
//! party there is; and every party that is written later is matched against the holds there are. On
//! PostgreSQL a lock keeps the two apart, so that neither misses the other.
//!
//! What was matched once stays matched: a hold too many is looked at by a person, a hold too few by
//! nobody.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;

use super::database::{Insert, StoreError, Transaction, cells};
use super::holds::{self, OPEN};
use super::residents::read_facts;
use crate::record::hold::Who;
use crate::record::personal::unprinted;
use crate::record::schema;
use crate::record::value::nino::Nino;

/// A hold to be matched.
pub struct Wanted {
    pub id: i64,
    pub who: Who,
}

/// A party as far as a hold may name it.
#[derive(sqlx::FromRow)]
struct Seen {
    id: i64,
    source: String,
    record: String,
    party: String,
    role: String,
    ended_ms: Option<i64>,
    facts: String,
    account_facts: Option<String>,
}

unprinted!(Wanted, Seen);

const SEEN: &str = "SELECT p.id, s.name AS source, k.key AS record, p.key AS party, p.role, p.ended_ms, \
    p.facts, a.facts AS account_facts FROM source s JOIN source_key k ON k.source_id = s.id \
    JOIN party p ON p.source_key_id = k.id LEFT JOIN account a ON a.id = k.id";
/// Parties looked through at a time.
const PAGE: i64 = 2_000;
/// Who owes what an account says.
pub(super) const OWES: [&str; 3] = ["liable", "claimant", "partner"];

/// Matches holds that were put down in this transaction, against everybody.
pub async fn everywhere(
    transaction: &mut Transaction,
    wanted: &[Wanted],
    now_ms: i64,
) -> Result<(), StoreError> {
    let index = Index::of(wanted);
    let mut found = Vec::new();
    for one in wanted {
        if let Who::Resident(resident) = &one.who {
            let whom = holds::whom(transaction, *resident).await?;
            let sql = "SELECT id FROM party WHERE resident_id = $1";
            let parties: Vec<(i64,)> = transaction.fetch(sql, cells![whom]).await?;
            found.extend(parties.into_iter().map(|(party,)| (one.id, party)));
        }
    }
    for key in index.keys() {
        let sql = format!("{SEEN} WHERE k.key = $1");
        let rows: Vec<Seen> = transaction.fetch(&sql, cells![key.to_owned()]).await?;
        index.add(&rows, &mut found)?;
    }
    let ninos = index.ninos.keys().copied();
    if let Some(pattern) = pattern("nino", ninos, "") {
        look_through(transaction, "p.facts", &pattern, &index, &mut found).await?;
    }
    if let Some(pattern) = pattern("reference", index.accounts.keys().copied(), "\"") {
        look_through(transaction, "a.facts", &pattern, &index, &mut found).await?;
    }
    write(transaction, found).await?;
    let ids: Vec<i64> = wanted.iter().map(|one| one.id).collect();
    debts(transaction, &ids, now_ms).await
}

/// Matches the parties of records that were written in this transaction against the holds there are.
pub async fn of_records(
    transaction: &mut Transaction,
    keys: &[i64],
    now_ms: i64,
) -> Result<(), StoreError> {
    if matches!(transaction, Transaction::Postgres(_)) {
        // Whoever puts a hold down has committed, or waits until we have: it then sees what we wrote.
        transaction.execute("LOCK TABLE hold IN SHARE MODE", vec![]).await?;
    }
    let sql = format!("SELECT h.id, h.who FROM hold h WHERE {OPEN} AND h.who IS NOT NULL");
    let rows: Vec<(i64, String)> = transaction.fetch(&sql, cells![now_ms]).await?;
    if rows.is_empty() {
        return Ok(());
    }
    let read = |(id, json): (i64, String)| {
        let who = Who::from_json(&json);
        let corrupt = StoreError::Corrupt { table: "hold", column: "who", id };
        who.map(|who| Wanted { id, who }).ok_or(corrupt)
    };
    let wanted: Vec<Wanted> = rows.into_iter().map(read).collect::<Result<_, _>>()?;
    let (index, mut found) = (Index::of(&wanted), Vec::new());
    let before = format!("{SEEN} WHERE k.id IN");
    let rows: Vec<Seen> = transaction.fetch_for(&before, keys, "").await?;
    index.add(&rows, &mut found)?;
    write(transaction, found).await?;
    let open: HashSet<i64> = wanted.iter().map(|one| one.id).collect();
    let before = "SELECT DISTINCT d.hold_id FROM party q JOIN party p ON p.resident_id = q.resident_id \
                  JOIN hold_party m ON m.party_id = p.id JOIN hold_debt d ON d.hold_id = m.hold_id \
                  WHERE q.source_key_id IN";
    let ids: Vec<(i64,)> = transaction.fetch_for(before, keys, "").await?;
    let mut ids: Vec<i64> = ids.into_iter().map(|(id,)| id).collect();
    ids.retain(|id| open.contains(id));
    ids.sort_unstable();
    ids.dedup();
    debts(transaction, &ids, now_ms).await
}

/// Finds what debts that holds on this resident name are of by now: others' accounts may have become theirs.
pub async fn of_resident(
    transaction: &mut Transaction,
    resident_id: i64,
    now_ms: i64,
) -> Result<(), StoreError> {
    let sql = "SELECT DISTINCT d.hold_id FROM party p JOIN hold_party m ON m.party_id = p.id \
               JOIN hold_debt d ON d.hold_id = m.hold_id WHERE p.resident_id = $1 ORDER BY d.hold_id";
    let ids: Vec<(i64,)> = transaction.fetch(sql, cells![resident_id]).await?;
    let ids: Vec<i64> = ids.into_iter().map(|(id,)| id).collect();
    debts(transaction, &ids, now_ms).await
}

/// A hold, and the party of a record that it names; everybody on it where it names none.
type Named<'w> = (i64, Option<&'w str>);

/// What holds ask for, by what they name people by.
#[derive(Default)]
struct Index<'w> {
    ninos: HashMap<&'w str, Vec<(i64, NaiveDate)>>,
    records: HashMap<(&'w str, &'w str), Vec<Named<'w>>>,
    accounts: HashMap<&'w str, Vec<i64>>,
}

impl<'w> Index<'w> {
    fn of(wanted: &'w [Wanted]) -> Index<'w> {
        let mut index = Index::default();
        for Wanted { id, who } in wanted {
            match who {
                Who::Resident(_) => {}
                Who::Nino { nino, birth_date } => {
                    index.ninos.entry(nino).or_default().push((*id, *birth_date));
                }
                Who::Record { source, key, party } => {
                    let record = index.records.entry((source, key)).or_default();
                    record.push((*id, party.as_deref()));
                }
                Who::Account(reference) => {
                    index.accounts.entry(reference).or_default().push(*id);
                }
            }
        }
        index
    }

    /// Keys of records that may be meant, each once.
    fn keys(&self) -> Vec<&'w str> {
        let records = self.records.keys().map(|(_, key)| *key);
        let mut keys: Vec<&str> = records.chain(self.accounts.keys().copied()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The holds that name each of these parties: hold, party.
    fn add(&self, rows: &[Seen], found: &mut Vec<(i64, i64)>) -> Result<(), StoreError> {
        for seen in rows {
            if !self.ninos.is_empty() {
                self.by_nino(seen, found)?;
            }
            let record = self.records.get(&(seen.source.as_str(), seen.record.as_str()));
            for (hold, party) in record.into_iter().flatten() {
                let named = match party {
                    Some(party) => *party == seen.party,
                    None => seen.ended_ms.is_none(),
                };
                found.extend(named.then_some((*hold, seen.id)));
            }
            if !self.accounts.is_empty()
                && seen.ended_ms.is_none()
                && OWES.contains(&seen.role.as_str())
            {
                for reference in references(&seen.record, seen.account_facts.as_deref(), seen.id)? {
                    let holds = self.accounts.get(reference.as_str()).into_iter().flatten();
                    found.extend(holds.map(|hold| (*hold, seen.id)));
                }
            }
        }
        Ok(())
    }

    fn by_nino(&self, seen: &Seen, found: &mut Vec<(i64, i64)>) -> Result<(), StoreError> {
        let facts = read_facts(&seen.facts, schema::PARTY, "party", seen.id)?;
        let text = |name: &str| facts.text(schema::party_id(name)?);
        let Some(nino) = text("nino").and_then(|nino| Nino::parse(nino).ok()) else {
            return Ok(());
        };
        let born = text("birth_date").and_then(|day| day.parse::<NaiveDate>().ok());
        for (hold, wanted) in self.ninos.get(nino.stem()).into_iter().flatten() {
            // A birth date that is not known speaks for nobody else.
            if born.is_none_or(|born| born == *wanted) {
                found.push((*hold, seen.id));
            }
        }
        Ok(())
    }
}

/// By what an account is known: the key of its record, and the reference it states.
fn references(key: &str, facts: Option<&str>, id: i64) -> Result<Vec<String>, StoreError> {
    let mut found = vec![key.to_owned()];
    if let Some(json) = facts {
        let facts = read_facts(json, schema::ACCOUNT, "account", id)?;
        let stated = schema::account_id("reference").and_then(|field| facts.text(field));
        found.extend(stated.filter(|stated| *stated != key).map(str::to_owned));
    }
    Ok(found)
}

/// What facts with such a value look like, as written; narrow where there is one value to look for.
fn pattern<'v>(
    field: &str,
    mut values: impl ExactSizeIterator<Item = &'v str>,
    end: &str,
) -> Option<String> {
    let several = values.len() > 1;
    let value = values.next()?;
    let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || " -/.".contains(c));
    Some(match plain && !several {
        true => format!("%\"{field}\":\"{value}{end}%"),
        false => format!("%\"{field}\":\"%"),
    })
}

/// Looks through every party whose facts, or account's, look like that.
async fn look_through(
    transaction: &mut Transaction,
    facts: &str,
    pattern: &str,
    index: &Index<'_>,
    found: &mut Vec<(i64, i64)>,
) -> Result<(), StoreError> {
    let sql = format!("{SEEN} WHERE {facts} LIKE $1 AND p.id > $2 ORDER BY p.id LIMIT $3");
    let mut after = 0;
    loop {
        let rows: Vec<Seen> =
            transaction.fetch(&sql, cells![pattern.to_owned(), after, PAGE]).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id;
        index.add(&rows, found)?;
    }
}

async fn write(
    transaction: &mut Transaction,
    mut found: Vec<(i64, i64)>,
) -> Result<(), StoreError> {
    const PARTIES: Insert = Insert {
        table: "hold_party",
        columns: "hold_id,party_id",
        after: "ON CONFLICT DO NOTHING",
    };
    found.sort_unstable();
    found.dedup();
    let cells = found.into_iter().flat_map(|(hold, party)| cells![hold, party]);
    transaction.insert(PARTIES, cells.collect()).await?;
    Ok(())
}

/// Finds the accounts of debts that holds name: among the accounts of the person, and no others. A debt may be known to
/// several systems, and to one of them later. Until one was found such a hold covered every debt: what it kept back is
/// judged again.
async fn debts(transaction: &mut Transaction, ids: &[i64], now_ms: i64) -> Result<(), StoreError> {
    let sql = "SELECT hold_id, reference, account_id FROM hold_debt WHERE hold_id IN";
    let rows: Vec<(i64, String, i64)> = transaction.fetch_for(sql, ids, "").await?;
    let mut known: BTreeMap<(i64, String), BTreeSet<i64>> = BTreeMap::new();
    for (hold, reference, account) in rows {
        known.entry((hold, reference)).or_default().insert(account);
    }
    let mut accounts: HashMap<i64, Vec<(i64, Vec<String>)>> = HashMap::new();
    for ((hold, reference), known) in known {
        if let std::collections::hash_map::Entry::Vacant(empty) = accounts.entry(hold) {
            empty.insert(accounts_of(transaction, hold).await?);
        }
        let theirs = accounts.get(&hold).into_iter().flatten();
        let meant = theirs.filter(|(_, known_by)| known_by.contains(&reference));
        let meant = meant.map(|(account, _)| *account).filter(|account| !known.contains(account));
        let meant: Vec<i64> = meant.collect();
        if meant.is_empty() {
            continue;
        }
        if known.contains(&0) {
            let sql =
                "DELETE FROM hold_debt WHERE hold_id = $1 AND reference = $2 AND account_id = 0";
            transaction.execute(sql, cells![hold, reference.clone()]).await?;
            holds::judge_again(transaction, hold, now_ms).await?;
        }
        for account in meant {
            let sql = "INSERT INTO hold_debt (hold_id, reference, account_id) VALUES ($1, $2, $3) \
                       ON CONFLICT DO NOTHING";
            transaction.execute(sql, cells![hold, reference.clone(), account]).await?;
        }
    }
    Ok(())
}

/// The accounts of those that a hold names, each with what it is known by.
async fn accounts_of(
    transaction: &mut Transaction,
    hold: i64,
) -> Result<Vec<(i64, Vec<String>)>, StoreError> {
    let sql = "SELECT DISTINCT q.source_key_id, k.key, a.facts FROM hold_party m \
               JOIN party p ON p.id = m.party_id JOIN party q ON q.resident_id = p.resident_id \
               JOIN source_key k ON k.id = q.source_key_id JOIN account a ON a.id = q.source_key_id \
               WHERE m.hold_id = $1";
    let rows: Vec<(i64, String, String)> = transaction.fetch(sql, cells![hold]).await?;
    let known_by =
        |(id, key, facts): (i64, String, String)| Ok((id, references(&key, Some(&facts), id)?));
    rows.into_iter().map(known_by).collect()
}
