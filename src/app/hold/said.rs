//! A hold in words: whom it names and by what, its debts, its days, who put it there. Values are masked
//! unless they are asked for.

use serde_json::{Value, json};

use crate::app::context::{AppError, Context};
use crate::app::held::words;
use crate::app::sight::Sight;
use crate::job::holds as verbs;
use crate::record::hold::Who;
use crate::record::moment::Moment;
use crate::store::holds::{self, HoldRow};

/// One hold, and whom it finds.
pub struct Hold {
    row: HoldRow,
    residents: Vec<i64>,
    debts: Vec<(String, i64)>,
    sight: Sight,
    now_ms: i64,
}

impl Hold {
    /// The hold of that number.
    pub async fn of(context: &Context, id: i64, sight: Sight) -> Result<Hold, AppError> {
        let row = verbs::known(&context.database, id).await?;
        Hold::of_row(context, row, sight).await
    }

    /// With whom it finds.
    pub async fn of_row(context: &Context, row: HoldRow, sight: Sight) -> Result<Hold, AppError> {
        let residents = holds::residents(&context.database, row.id).await?;
        let debts = holds::debts_of(&context.database, row.id).await?;
        Ok(Hold { row, residents, debts, sight, now_ms: context.clock.now_ms() })
    }

    /// What must be looked at, if anything must.
    fn code(&self) -> Option<&'static str> {
        if self.row.is_over(self.now_ms) {
            return None;
        }
        if self.residents.is_empty() {
            return Some("hold.no_match");
        }
        self.debts.iter().any(|(_, account)| *account == 0).then_some("hold.no_debt")
    }

    /// Whether somebody who must not be chased may be.
    pub fn is_urgent(&self) -> bool {
        self.code().is_some()
    }

    fn state(&self) -> &'static str {
        let HoldRow { from_ms, lifted_ms, .. } = self.row;
        match (lifted_ms.is_some_and(|at_ms| at_ms <= self.now_ms), self.row.is_over(self.now_ms)) {
            (true, _) => "lifted",
            (_, true) => "over",
            _ if from_ms > self.now_ms => "to come",
            _ => "in force",
        }
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let debt = |(reference, account): &(String, i64)| json!({ "reference": self.sight.key(reference), "known": *account != 0 });
        let row = &self.row;
        let (until_ms, lifted_ms) = row.told(self.now_ms);
        json!({
            "hold": row.id,
            "kind": row.kind,
            "state": self.state(),
            "code": self.code(),
            "named_by": self.who().0,
            "name": self.who().1,
            "residents": self.residents,
            "debts": self.debts.iter().map(debt).collect::<Vec<_>>(),
            "from": Moment(row.from_ms),
            "until": until_ms.map(Moment),
            "reference": row.reference.as_deref().map(|text| self.sight.key(text)),
            "reason": self.sight.text(&row.reason),
            "door": row.door,
            "added_by": row.added_by,
            "added": row.added_ms.map(Moment),
            "lifted": lifted_ms.map(Moment),
            "lifted_by": row.lifted_by,
            "lift_reason": row.lift_reason.as_deref().map(|text| self.sight.text(text)),
        })
    }

    /// By what the person is named, and the value as far as it may be seen.
    fn who(&self) -> (&'static str, String) {
        let Some(who) = self.row.who.as_deref().and_then(Who::from_json) else {
            return (Who::Resident(0).by(), self.row.resident_id.to_string());
        };
        let value = match &who {
            Who::Resident(id) => id.to_string(),
            Who::Nino { nino, .. } => self.sight.key(nino),
            Who::Record { source, key, party } => {
                let party = party.as_ref().map(|party| format!(" {}", self.sight.key(party)));
                format!("{source} {}{}", self.sight.key(key), party.unwrap_or_default())
            }
            Who::Account(reference) => self.sight.key(reference),
        };
        (who.by(), value)
    }

    /// One line, for a list.
    pub fn line(&self) -> String {
        let HoldRow { id, kind, .. } = &self.row;
        let code = self.code().map(|code| format!(" · {code}")).unwrap_or_default();
        format!("  {id}  {kind} · {} · {}{code}\n", self.found(), self.days())
    }

    fn found(&self) -> String {
        match self.residents.as_slice() {
            [] => "nobody we know".to_owned(),
            [one] => format!("resident {one}"),
            several => {
                let several: Vec<String> = several.iter().map(i64::to_string).collect();
                format!("residents {}", several.join(", "))
            }
        }
    }

    fn days(&self) -> String {
        let from_ms = self.row.from_ms;
        let until =
            self.row.told(self.now_ms).0.map(|until_ms| format!(" until {}", Moment(until_ms)));
        let until = until.unwrap_or_else(|| " until it is lifted".to_owned());
        format!("{}, from {}{until}", self.state(), Moment(from_ms))
    }

    /// For people.
    pub fn text(&self) -> String {
        let row = &self.row;
        let (by, value) = self.who();
        let mut text = format!(
            "Hold {} · {}\n  stands   {}\n  names    {}, by {by} {value}\n",
            row.id,
            row.kind,
            self.days(),
            self.found()
        );
        let debt = |(reference, account): &(String, i64)| {
            let known = if *account == 0 { " (no account of theirs)" } else { "" };
            format!("{}{known}", self.sight.key(reference))
        };
        let debts: Vec<String> = self.debts.iter().map(debt).collect();
        let debts = if debts.is_empty() { "all".to_owned() } else { debts.join(", ") };
        text.push_str(&format!(
            "  debts    {debts}\n  because  {}\n",
            self.sight.text(&row.reason)
        ));
        if let Some(reference) = &row.reference {
            text.push_str(&format!("  known as {}\n", self.sight.key(reference)));
        }
        if let (Some(by), Some(at_ms)) = (&row.added_by, row.added_ms) {
            let door = row.door.as_deref().unwrap_or("unknown");
            text.push_str(&format!("  put down by {by} ({door}) on {}\n", Moment(at_ms)));
        }
        if let (Some(by), Some(reason)) = (&row.lifted_by, &row.lift_reason) {
            text.push_str(&format!("  lifted   by {by}: {}\n", self.sight.text(reason)));
        }
        if let Some(code) = self.code() {
            let (means, remedy) = words(code);
            text.push_str(&format!(
                "\n  URGENT   {code}\n  means    {means}\n  do       {remedy}\n"
            ));
        }
        text.push_str(&format!("\n{}\n", self.sight.note()));
        text
    }
}
