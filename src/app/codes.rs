//! Code lists: what each code means, which codes came that no list has, and codes that are added for now. A list is
//! a file, and the file is the truth: what is added here counts at once, and says which line the file wants.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::context::{AppError, Context};
use super::preview::{self, Listing};
use super::replay::Chosen;
use super::sight::Sight;
use super::{held, held_show, persons};
use crate::access::actor::Actor;
use crate::mapping::definition::{CodeList, CodeRow, InboundMapping};
use crate::record::moment::Moment;
use crate::store::code_additions::{self, Addition};
use crate::store::database::Database;
use crate::store::ids::Ids;

/// What rows are held by that have a code that no list has.
const UNKNOWN: &str = "code_unknown";
/// So many held rows are looked into for which code they have; the others are counted.
const LOOKED_MAX: usize = 200;
/// So many additions are listed.
const ADDITIONS_MAX: i64 = 200;
const CODE_CHARS_MAX: usize = 100;

/// A code that is to be added.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// `codes/account_status.csv`
    list: String,
    code: String,
    /// What it means: a word of the list's field, or one that the list has
    value: String,
    reason: String,
}

/// What another person says of it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    pub approve: bool,
    pub reason: String,
}

/// A mapping with the codes that were added to its lists. What is read with them has another version of it.
pub async fn with_additions(
    database: &Database,
    mapping: &InboundMapping,
) -> Result<InboundMapping, AppError> {
    let mut mapping = mapping.clone();
    for added in code_additions::taken(database).await? {
        let row = CodeRow { line: 0, code: added.code, value: added.value, from: None, to: None };
        mapping.add_code(&added.list, &row);
    }
    Ok(mapping)
}

/// What is known of a list's use.
#[derive(Default)]
struct Used {
    rows: Vec<CodeRow>,
    mappings: Vec<String>,
    /// What its codes may mean; empty where any word will do.
    words: Vec<&'static str>,
}

fn lists(context: &Context) -> BTreeMap<String, Used> {
    let mut lists: BTreeMap<String, Used> = BTreeMap::new();
    for mapping in context.catalogue.inbound.values() {
        let mut seen = |list: &CodeList, words: &[&'static str]| {
            let used = lists.entry(list.name.clone()).or_default();
            used.rows.clone_from(&list.rows);
            used.words.extend(words);
            if !used.mappings.contains(&mapping.name) {
                used.mappings.push(mapping.name.clone());
            }
        };
        mapping.code_lists().for_each(|list| seen(list, &[]));
        for (field, known) in mapping.known_fields() {
            if let Some(list) = &field.codes {
                seen(list, known.words);
            }
        }
    }
    for used in lists.values_mut() {
        used.words.sort_unstable();
        used.words.dedup();
    }
    lists
}

/// Which code of which list, and in how many of the rows that were looked into.
type Seen = BTreeMap<(String, String), i64>;

/// Looks into held rows for the codes they have. What is masked is not told.
async fn unknown(context: &Context) -> Result<(Seen, i64, i64), AppError> {
    let groups = held::list(context).await?.json();
    let groups = groups["rows"].as_array().into_iter().flatten();
    let all = groups.filter(|group| group["code"] == UNKNOWN);
    let all: i64 = all.filter_map(|group| group["count"].as_i64()).sum();
    let (mut seen, mut looked) = (Seen::new(), 0);
    if all == 0 {
        return Ok((seen, 0, 0));
    }
    let items = held::items(context, UNKNOWN, LOOKED_MAX, Sight::Masked).await?.json();
    let rows = items["rows"]["list"].as_array().cloned().unwrap_or_default();
    for id in rows.iter().filter_map(|row| row["row"].as_i64()) {
        let shown = held_show::show(context, id, Sight::Masked).await?.json();
        looked += 1;
        for fault in shown["faults"].as_array().into_iter().flatten() {
            let (list, found) = (fault["code_list"].as_str(), fault["found"].as_str());
            let is_told = fault["masked"] != json!(true);
            if let (Some(list), Some(found), true) = (list, found, is_told) {
                let list = list.trim_start_matches("mappings/").to_owned();
                *seen.entry((list, found.to_owned())).or_default() += 1;
            }
        }
    }
    Ok((seen, looked, all))
}

/// Every list, with the codes that came and that it lacks.
pub async fn list(context: &Context) -> Result<Value, AppError> {
    let (seen, looked, held) = unknown(context).await?;
    let added = code_additions::all(&context.database, ADDITIONS_MAX).await?;
    let mut told = Vec::new();
    for (name, used) in lists(context) {
        let unknown: Vec<Value> = seen
            .iter()
            .filter(|((list, _), _)| *list == name)
            .map(|((_, code), many)| json!({ "code": code, "rows": many }))
            .collect();
        let date = |day: Option<chrono::NaiveDate>| day.map(|day| day.to_string());
        let codes: Vec<Value> = used
            .rows
            .iter()
            .map(|row| json!({ "code": row.code, "value": row.value, "from": date(row.from), "to": date(row.to) }))
            .collect();
        told.push(json!({
            "list": name, "mappings": used.mappings, "means": meanings(&used), "codes": codes,
            "unknown": unknown,
        }));
    }
    // What somebody has to do something about comes first.
    told.sort_by_key(|list: &Value| list["unknown"].as_array().is_none_or(Vec::is_empty));
    Ok(json!({
        "lists": told, "held": held, "looked": looked,
        "additions": added.iter().map(|one| addition(context, one)).collect::<Vec<Value>>(),
    }))
}

/// The words of the fields that it fills; where any word will do, those that it has already.
fn meanings(used: &Used) -> Vec<String> {
    if !used.words.is_empty() {
        return used.words.iter().map(|word| (*word).to_owned()).collect();
    }
    let mut words: Vec<String> = used.rows.iter().map(|row| row.value.clone()).collect();
    words.sort();
    words.dedup();
    words
}

/// One code that was asked for.
pub async fn one(context: &Context, id: i64) -> Result<Value, AppError> {
    Ok(addition(context, &known(context, id).await?))
}

async fn known(context: &Context, id: i64) -> Result<Addition, AppError> {
    let found = code_additions::of_id(&context.database, id).await?;
    found.ok_or_else(|| AppError::NotThere(format!("no code was asked for under the number {id}")))
}

fn addition(context: &Context, one: &Addition) -> Value {
    let file = lists(context).remove(&one.list).unwrap_or_default();
    let in_file = file.rows.iter().any(|row| row.code == one.code);
    let state = match (one.taken, one.decided_ms) {
        (true, _) if in_file => "in the file",
        (true, _) => "counts",
        (false, Some(_)) => "refused",
        (false, None) => "asked for",
    };
    let quoted = match one.code.contains([',', '"']) {
        true => format!("\"{}\"", one.code.replace('"', "\"\"")),
        false => one.code.clone(),
    };
    json!({
        "id": one.id, "list": one.list, "code": one.code, "value": one.value, "state": state,
        "line": format!("{quoted},{},,", one.value), "file": format!("mappings/{}", one.list),
        "asked_by": one.asked_by, "why": one.why, "asked": Moment(one.asked_ms),
        "decided_by": one.decided_by, "decided_why": one.decided_why,
        "decided": one.decided_ms.map(Moment),
        "impact": one.impact.as_ref().and_then(|text| serde_json::from_str::<Value>(text).ok()),
    })
}

/// Somebody asks for a code. What it would do is looked at in the background.
pub async fn ask(context: &Arc<Context>, asked: Asked, actor: &Actor) -> Result<Value, AppError> {
    let Asked { list, code, value, reason } = asked;
    let wrong = |what: &str| Err(AppError::Asked(what.to_owned()));
    let code = code.trim().to_owned();
    if code.is_empty() || code.chars().count() > CODE_CHARS_MAX || code.contains(char::is_control) {
        return wrong("a code has 1 to 100 characters, on one line");
    }
    if reason.trim().is_empty() {
        return wrong("say how you know what the code means: `reason`");
    }
    let Some(used) = lists(context).remove(&list) else {
        return Err(AppError::NotThere(format!("no mapping names the code list `{list}`")));
    };
    if !meanings(&used).contains(&value) {
        let what = format!("`{value}` is not one of {}", meanings(&used).join(", "));
        return Err(AppError::Asked(what));
    }
    if used.rows.iter().any(|row| row.code == code) {
        return Err(AppError::Stands(format!("`{list}` has that code already")));
    }
    let mut ids = Ids::new();
    ids.reserve(&context.database, 1).await?;
    let new = Addition {
        id: ids.take(),
        list,
        code,
        value,
        asked_by: actor.to_string(),
        why: reason,
        asked_ms: context.clock.now_ms(),
        impact: None,
        decided_by: None,
        decided_ms: None,
        decided_why: None,
        taken: false,
    };
    if !code_additions::ask(&context.database, &new).await? {
        let what = "that code was asked for already, and waits or counts".to_owned();
        return Err(AppError::Stands(what));
    }
    let (context, id) = (Arc::clone(context), new.id);
    let told = addition(&context, &new);
    tokio::spawn(async move {
        if let Err(error) = foretell(&context, id).await {
            tracing::error!(%error, "what a code would do cannot be looked at");
            let failed = json!({ "failed": true }).to_string();
            let _ = code_additions::put_impact(&context.database, id, &failed).await;
        }
    });
    Ok(told)
}

/// What would become of what waits, on a copy of the database on which the code counts.
async fn foretell(context: &Context, id: i64) -> Result<(), AppError> {
    let chosen = Chosen { code: Some(UNKNOWN.to_owned()), ..Chosen::default() };
    let listing = Listing { most: 0, sight: Sight::Masked };
    let waiting = held::list(context).await?.json();
    let waits = waiting["rows"].as_array().into_iter().flatten().any(|one| one["code"] == UNKNOWN);
    let impact = match waits {
        false => json!({ "waited": 0 }),
        true => {
            let foretold = preview::of_addition(context, id, &chosen, listing).await?.json();
            json!({
                "released": foretold["held"]["released"], "stay": foretold["held"]["stay_held"],
                "changes": foretold["changes"]["counts"], "messages": foretold["messages"]["counts"],
            })
        }
    };
    Ok(code_additions::put_impact(&context.database, id, &impact.to_string()).await?)
}

/// Somebody else says yes or no.
pub async fn decide(
    context: &Context,
    id: i64,
    decided: Decided,
    actor: &Actor,
) -> Result<Value, AppError> {
    let Decided { approve, reason } = decided;
    if reason.trim().is_empty() {
        return Err(AppError::Asked("say why: `reason`".to_owned()));
    }
    let addition = known(context, id).await?;
    let who = actor.to_string();
    if !persons::is_second_to(&context.database, actor, &addition.asked_by).await? {
        let what = "you asked for it yourself, or did not say who you are: another person has to say yes or no".to_owned();
        return Err(AppError::Stands(what));
    }
    let (database, now_ms) = (&context.database, context.clock.now_ms());
    match code_additions::decide(database, &addition, approve, (&who, &reason), now_ms).await? {
        true => one(context, id).await,
        false => Err(AppError::Stands("somebody decided on it already".to_owned())),
    }
}
