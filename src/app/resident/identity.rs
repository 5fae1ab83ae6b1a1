//! Who is who, as a person asks and decides: why parties are one, whom nobody could decide on, and what people say.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::app::context::AppError;
use crate::job::identity::{By, Outcome};
use crate::record::personal::Personal;
use crate::resolution::compare::Levels;
use crate::resolution::explain::{Band, Explained, band, explain};
use crate::resolution::weigh::Weights;
use crate::store::database::Database;
use crate::store::desk;
use crate::store::identity;
use crate::store::matching::PairRow;
use crate::store::parting::CORRECTION;
use crate::store::people;

/// Rows of the list that are read at a time.
const AT_ONCE: i64 = 10_000;
/// How many pairs are shown at most.
pub const WAITING: u16 = 20;

/// A pair with its explanation, nothing where it cannot be read.
fn told(pair: &PairRow, weights: &Weights) -> Option<(Levels, Explained)> {
    let levels = Levels::unpacked(pair.levels)?;
    Some((levels, explain(&levels, weights)))
}

fn verdict(pair: &PairRow) -> Option<&'static str> {
    match pair.verdict {
        1 => Some("a person said: the same"),
        2 => Some("a person said: not the same"),
        _ => None,
    }
}

fn pair_json(pair: &PairRow, explained: &Explained, stands: &str) -> Value {
    let said: Vec<Value> = explained
        .said
        .iter()
        .map(|said| json!({ "field": said.field, "says": said.words, "bits": said.bits }))
        .collect();
    json!({
        "parties": [pair.one, pair.other], "stands": stands, "bits": pair.bits as f64 / 1_000.0,
        "probability": explained.probability, "weights": pair.weights, "never": explained.clash,
        "verdict": verdict(pair), "said": said,
    })
}

/// Why the parties of a resident are one, and with whom they might have been.
pub async fn explained(
    database: &Database,
    weights: &Weights,
    id: i64,
) -> Result<(Value, String), AppError> {
    let id = identity::leads_to(database, id).await?.ok_or_else(|| super::nobody(id))?;
    let parties = people::parties(database, id).await?;
    let ids: Vec<i64> = parties.iter().map(|party| party.id).collect();
    let (mut pairs, mut text) = (Vec::new(), format!("Resident {id}\n"));
    for party in &parties {
        let _ = writeln!(text, "  party {}: {} of {}", party.id, party.role, party.source);
    }
    for pair in identity::pairs(database, &ids).await? {
        let inside = ids.contains(&pair.other);
        if inside && pair.one > pair.other {
            continue;
        }
        let Some((_, explained)) = told(&pair, weights) else { continue };
        let stands = match (inside, pair.verdict) {
            (true, _) => Band::Linked.word(),
            (false, 2) => Band::Separate.word(),
            (false, _) => Band::Review.word(),
        };
        let _ = writeln!(
            text,
            "\n  parties {} and {}: {stands}, {:.1} bits, {:.1} % by weights {}",
            pair.one,
            pair.other,
            pair.bits as f64 / 1_000.0,
            explained.probability * 100.0,
            pair.weights
        );
        for line in explained.lines() {
            let _ = writeln!(text, "    {line}");
        }
        if let Some(verdict) = verdict(&pair) {
            let _ = writeln!(text, "    {verdict}");
        }
        pairs.push(pair_json(&pair, &explained, stands));
    }
    Ok((json!({ "resident": id, "parties": ids, "pairs": pairs }), text))
}

/// Pairs that wait for a person, and what would follow if they were one.
pub async fn waiting(
    database: &Database,
    weights: &Weights,
    most: u16,
) -> Result<(Value, String), AppError> {
    let (mut all, mut text) = (Vec::new(), String::new());
    for row in desk::waiting(database, &desk::Wanted::default(), i64::from(most)).await? {
        let desk::Waiting { pair, resident, other_resident: other, .. } = row;
        let Some((levels, explained)) = told(&pair, weights) else { continue };
        let (ones, others) =
            (people::parties(database, resident).await?, people::parties(database, other).await?);
        let _ = writeln!(
            text,
            "residents {resident} and {other} (parties {} and {}), {:.1} %; as one they would have {} parties\n    \
             viaduct resident merge {resident} {other} --why …",
            pair.one,
            pair.other,
            explained.probability * 100.0,
            ones.len() + others.len()
        );
        for line in explained.lines() {
            let _ = writeln!(text, "    {line}");
        }
        let mut one = pair_json(&pair, &explained, Band::Review.word());
        one["residents"] = json!([resident, other]);
        one["effect"] =
            json!({ "parties": ones.len() + others.len(), "merged": other, "into": resident });
        one["alone"] = json!(band(&levels, weights).word());
        all.push(one);
    }
    if text.is_empty() {
        "Nobody waits for a person.\n".clone_into(&mut text);
    }
    Ok((json!({ "waiting": all }), text))
}

/// What came of an act, in words.
pub fn done(outcome: Outcome, verb: &str) -> Result<(Value, String), AppError> {
    match outcome {
        Outcome::Not(why) => Err(AppError::NotThere(why)),
        Outcome::Done { act, resident, other, sent, queued } => {
            let mut text = format!("{verb}: residents {resident} and {other}, as act {act}\n");
            if !sent.is_empty() {
                let _ = writeln!(text, "Sent on the view that was wrong; look at each:");
            }
            for (delivery, whom, destination, state) in &sent {
                let _ = writeln!(text, "  delivery {delivery} of {whom} to {destination}: {state}");
            }
            if !queued.is_empty() {
                let _ = writeln!(
                    text,
                    "To be told anew when a person approves: `viaduct deliveries remake --code {CORRECTION}`, or \
                     `dismiss`"
                );
            }
            for delivery in &queued {
                let _ = writeln!(text, "  delivery {delivery}");
            }
            let sent: Vec<Value> = sent
                .into_iter()
                .map(|(delivery, resident, destination, state)| {
                    json!({ "delivery": delivery, "resident": resident, "destination": destination, "state": state })
                })
                .collect();
            Ok((
                json!({ "act": act, "resident": resident, "other": other, "sent": sent, "queued": queued }),
                text,
            ))
        }
    }
}

/// Who acts, now.
pub fn by<'a>(actor: &'a str, why: &'a Personal<String>, now_ms: i64) -> By<'a> {
    By { actor, why: why.expose(), now_ms }
}

/// Writes the list of who is who as it is read: one line for each party.
pub async fn export(
    database: &Database,
    out: &mut (dyn std::io::Write + Send),
) -> Result<i64, AppError> {
    let cell = |text: &str| match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    };
    let (mut after, mut many) = (0, 0);
    let mut lines = "source_system,source_key,party,resident_id\n".to_owned();
    loop {
        out.write_all(lines.as_bytes()).map_err(unwritten)?;
        let rows = identity::listed(database, after, AT_ONCE).await?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        many += rows.len() as i64;
        lines.clear();
        for row in rows {
            let (source, key, party) = (cell(&row.source), cell(&row.source_key), cell(&row.party));
            let _ = writeln!(lines, "{source},{key},{party},{}", row.resident_id);
        }
    }
    out.flush().map_err(unwritten)?;
    Ok(many)
}

fn unwritten(error: std::io::Error) -> AppError {
    AppError::Io { what: "the list of residents".to_owned(), error }
}
