//! `viaduct held`: what waits for a person, in groups by what is the matter, with what it means and
//! what to do about it; and the items of one group.

use serde_json::{Value, json};

use super::causes::{self, Desks};
use super::content::Content;
use super::context::{AppError, Context};
use super::hold::urgent::Urgent;
use super::sight::Sight;
use crate::connector::channel::Extract;
use crate::definition::suggest;
use crate::record::cause::{self, Cause};
use crate::record::moment::Moment;
use crate::store::held::{self, BatchHeld, DeliveryHeld, GroupRow, LetterRow};

/// Things that wait because of one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub code: String,
    pub job: String,
    pub stage: String,
    /// `party birth_date`, whichever of the record's parties it is.
    pub field: Option<String>,
    pub many: i64,
    pub oldest_ms: i64,
    pub newest_ms: i64,
    pub example: i64,
}

impl Group {
    /// Groups in which the parties of a record are not told apart.
    pub fn merged(rows: Vec<GroupRow>) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for row in rows {
            let field = row.field.as_deref().map(without_number);
            let same = |group: &&mut Group| {
                group.code == row.code
                    && group.job == row.job
                    && group.stage == row.stage
                    && group.field == field
            };
            match groups.iter_mut().find(same) {
                Some(group) => {
                    group.many += row.many;
                    group.oldest_ms = group.oldest_ms.min(row.oldest_ms);
                    group.newest_ms = group.newest_ms.max(row.newest_ms);
                    group.example = group.example.min(row.example);
                }
                None => groups.push(Group {
                    code: row.code,
                    job: row.job,
                    stage: row.stage,
                    field,
                    many: row.many,
                    oldest_ms: row.oldest_ms,
                    newest_ms: row.newest_ms,
                    example: row.example,
                }),
            }
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.many));
        groups
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let (means, remedy) = words(&self.code);
        json!({
            "code": self.code,
            "stage": self.stage,
            "job": self.job,
            "field": self.field,
            "count": self.many,
            "oldest": Moment(self.oldest_ms),
            "newest": Moment(self.newest_ms),
            "example": self.example,
            "means": means,
            "remedy": remedy,
        })
    }

    /// Three lines: which and how many, what it means, what to do.
    pub fn text(&self, indent: &str) -> String {
        let field = self.field.as_ref().map(|field| format!(" · {field}")).unwrap_or_default();
        let Group { code, job, many, .. } = self;
        let (means, remedy) = words(code);
        format!(
            "{indent}{many} × {code}{field} · {job}\n\
             {indent}    means  {means}\n{indent}    do     {remedy}\n"
        )
    }

    fn text_with_times(&self) -> String {
        let when = match self.many {
            1 => format!("since  {}", Moment(self.oldest_ms)),
            _ => {
                format!("since  {}, the newest {}", Moment(self.oldest_ms), Moment(self.newest_ms))
            }
        };
        let id = self.example;
        format!("{}      {when} · one of them: viaduct held show {id}\n", self.text("  "))
    }
}

/// `party 2 birth_date` is `party birth_date`.
fn without_number(field: &str) -> String {
    let parts = field.split(' ').filter(|part| part.parse::<u32>().is_err());
    parts.collect::<Vec<_>>().join(" ")
}

/// What a code means, and what to do.
pub fn words(code: &str) -> (&'static str, &'static str) {
    match cause::find(code) {
        Some(Cause { means, remedy, .. }) => (means, remedy),
        None => ("nothing more is known of it", "look at one of them"),
    }
}

/// Whether its source alone can mend what the code stands for: reading it again would not help.
pub fn at_source(code: &str) -> bool {
    cause::find(code).is_some_and(|cause| cause.at_source)
}

/// What waits.
pub struct HeldList {
    /// Holds that stop nothing for anybody, before all else.
    urgent: Urgent,
    rows: Vec<Group>,
    batches: Vec<BatchHeld>,
    messages: Vec<Group>,
    /// The groups with what people arranged about them.
    rows_json: Vec<Value>,
    messages_json: Vec<Value>,
}

/// What waits, in groups.
pub async fn list(context: &Context) -> Result<HeldList, AppError> {
    let rows = Group::merged(held::row_groups(&context.database, None, 0).await?);
    let messages = Group::merged(held::delivery_groups(&context.database, None).await?);
    let desks = Desks::now(context, None).await?;
    let beside = |groups: &[Group], is_rows| -> Vec<Value> {
        groups.iter().map(|group| desks.beside(context, group, is_rows)).collect()
    };
    Ok(HeldList {
        urgent: Urgent::now(context).await?,
        rows_json: beside(&rows, true),
        messages_json: beside(&messages, false),
        rows,
        batches: waiting_batches(context).await?,
        messages,
    })
}

/// Batches held whole that nobody has dealt with: nobody decided, the same file did not come again,
/// and no full extract of its source was taken since.
pub(super) async fn waiting_batches(context: &Context) -> Result<Vec<BatchHeld>, AppError> {
    let mut batches = held::batches(&context.database).await?;
    batches.retain(|batch| {
        let connector = context.catalogue.connectors.get(&batch.source);
        let extract = connector.and_then(|connector| connector.settings.extract());
        let followed = batch.followed && extract == Some(Extract::Full);
        !(batch.again || followed || batch.decided)
    });
    Ok(batches)
}

impl HeldList {
    /// For machines.
    pub fn json(&self) -> Value {
        json!({
            "urgent": self.urgent.json(),
            "rows": self.rows_json,
            "batches": self.batches.iter().map(batch_json).collect::<Vec<_>>(),
            "messages": self.messages_json,
        })
    }

    /// A person is needed at once where a hold matches nobody.
    pub fn exit(&self) -> u8 {
        self.urgent.exit(0)
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = self.urgent.text();
        let sum = |groups: &[Group]| groups.iter().map(|group| group.many).sum::<i64>();
        let (rows, messages) = (sum(&self.rows), sum(&self.messages));
        if rows + messages == 0 && self.batches.is_empty() {
            if self.urgent.is_empty() {
                text.push_str("Nothing waits for a person.\n");
            }
            return text;
        }
        if !self.urgent.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!(
            "Waiting for a person: {}, {}, {}.\n",
            counted(rows, "row", "rows"),
            counted(self.batches.len() as i64, "whole file", "whole files"),
            counted(messages, "message", "messages")
        ));
        if !self.rows.is_empty() {
            text.push_str("\nRows\n");
            text.extend(self.rows.iter().map(Group::text_with_times));
        }
        if !self.batches.is_empty() {
            text.push_str("\nWhole files: nothing of them was published\n");
            text.extend(self.batches.iter().map(batch_text));
        }
        if !self.messages.is_empty() {
            text.push_str("\nMessages\n");
            text.extend(self.messages.iter().map(Group::text_with_times));
        }
        text.push_str("\nAll of one kind: viaduct held --code CODE\n");
        if rows > 0 {
            text.push_str(
                "When a code list or mapping is mended: viaduct replay --code CODE, first with \
                 --preview\n",
            );
        }
        if messages > 0 {
            text.push_str(
                "When what stopped a message is mended: viaduct deliveries release --code CODE\n",
            );
        }
        text
    }
}

fn counted(many: i64, one: &str, more: &str) -> String {
    format!("{many} {}", if many == 1 { one } else { more })
}

fn batch_json(batch: &BatchHeld) -> Value {
    let (means, remedy) = words(&batch.code);
    json!({
        "batch": batch.id,
        "job": batch.job,
        "source": batch.source,
        "origin": batch.origin,
        "code": batch.code,
        "cause": batch.cause,
        "rows": batch.rows_in,
        "since": Moment(batch.held_ms),
        "means": means,
        "remedy": remedy,
    })
}

fn batch_text(batch: &BatchHeld) -> String {
    let BatchHeld { id, origin, code, job, cause, held_ms, .. } = batch;
    let (means, remedy) = words(code);
    format!(
        "  {origin} · {code} · {job}\n      means  {means}\n      here   {cause}\n      \
         do     {remedy}\n\
         \x20     since  {} · where it lies: viaduct held show {id}\n",
        Moment(*held_ms)
    )
}

/// The items of one code.
pub struct Items {
    code: String,
    sight: Sight,
    most: usize,
    urgent: Urgent,
    rows: Vec<LetterRow>,
    rows_many: i64,
    batches: Vec<BatchHeld>,
    messages: Vec<DeliveryHeld>,
    messages_many: i64,
    /// What people arranged about it.
    desk: Value,
}

/// What waits because of one code, item by item.
pub async fn items(
    context: &Context,
    code: &str,
    most: usize,
    sight: Sight,
) -> Result<Items, AppError> {
    let database = &context.database;
    let many = |groups: &[GroupRow]| groups.iter().map(|group| group.many).sum::<i64>();
    let row_groups = held::row_groups(database, Some(code), 0).await?;
    let message_groups = held::delivery_groups(database, Some(code)).await?;
    let (rows_many, messages_many) = (many(&row_groups), many(&message_groups));
    let desks = Desks::now(context, Some(code)).await?;
    let mut desk = causes::about(context, code).await?;
    desk["days"] = json!({ "rows": desks.days(code, true), "messages": desks.days(code, false) });
    let mended = |groups: Vec<GroupRow>, is_rows| {
        let groups = Group::merged(groups);
        groups.iter().map(|group| causes::mended_at(context, group, is_rows)).collect::<Vec<_>>()
    };
    let mut all = [mended(row_groups, true), mended(message_groups, false)].concat();
    all.retain(|one| !one.is_null());
    all.sort_by_key(Value::to_string);
    all.dedup();
    desk["mended_at"] = json!(all);
    let mut batches = waiting_batches(context).await?;
    batches.retain(|batch| batch.code == code);
    let items = Items {
        code: code.to_owned(),
        sight,
        most,
        urgent: Urgent::now(context).await?.only(code),
        rows_many,
        rows: held::letters(database, Some(code), 0, most as i64).await?,
        batches,
        messages_many,
        desk,
        messages: held::deliveries(database, Some(code), most as i64).await?,
    };
    if items.is_empty() && cause::find(code).is_none() {
        let known: Vec<&str> = cause::codes().collect();
        let help = suggest::nearest(code, &known).map(|near| format!("; did you mean `{near}`?"));
        let what = format!("there is no code `{code}`{}", help.unwrap_or_default());
        return Err(AppError::NotThere(what));
    }
    Ok(items)
}

impl Items {
    fn is_empty(&self) -> bool {
        self.urgent.is_empty()
            && self.rows.is_empty()
            && self.batches.is_empty()
            && self.messages.is_empty()
    }

    /// A person is needed at once where a hold matches nobody.
    pub fn exit(&self) -> u8 {
        self.urgent.exit(0)
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let (means, remedy) = words(&self.code);
        let row = |row: &LetterRow| {
            json!({
                "row": row.id,
                "job": row.job,
                "source": row.source,
                "key": self.sight.key(&row.key),
                "batch": row.batch_id,
                "origin": row.origin,
                "field": row.field,
                "cause": row.cause,
                "since": Moment(row.created_ms),
            })
        };
        let message = |one: &DeliveryHeld| {
            let content = Content::of(&one.message, self.sight);
            json!({
                "delivery": one.id,
                "destination": one.destination,
                "mapping": one.mapping,
                "what": content.what,
                "to": content.to,
                "resident": one.resident_id,
                "cause": one.cause,
                "since": Moment(one.since_ms),
            })
        };
        let rows: Vec<Value> = self.rows.iter().map(row).collect();
        json!({
            "code": self.code,
            "means": means,
            "remedy": remedy,
            "masked": self.sight == Sight::Masked,
            "most_of_each": self.most,
            "desk": self.desk,
            "urgent": self.urgent.json(),
            "rows": { "count": self.rows_many, "list": rows },
            "batches": self.batches.iter().map(batch_json).collect::<Vec<_>>(),
            "messages": {
                "count": self.messages_many,
                "list": self.messages.iter().map(message).collect::<Vec<_>>(),
            },
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        if self.is_empty() {
            return format!("Nothing waits because of {}.\n", self.code);
        }
        let (means, remedy) = words(&self.code);
        let mut text = format!("{}\n  means  {means}\n  do     {remedy}\n\n", self.code);
        text.push_str(&self.urgent.text());
        for row in &self.rows {
            let LetterRow { id, source, origin, created_ms, cause, .. } = row;
            let key = match row.key.as_str() {
                "" => "without a key".to_owned(),
                key => self.sight.key(key),
            };
            text.push_str(&format!(
                "  row {id} · {source} {key} · {cause} · {origin} · since {}\n",
                Moment(*created_ms)
            ));
        }
        more(&mut text, self.rows_many, self.rows.len(), "rows");
        text.extend(self.batches.iter().map(batch_text));
        for one in &self.messages {
            let DeliveryHeld { id, mapping, resident_id, since_ms, .. } = one;
            let content = Content::of(&one.message, self.sight);
            let cause = one.cause.as_deref().unwrap_or_default();
            text.push_str(&format!(
                "  message {id} · {mapping} · {} · resident {resident_id} · {cause} · since {}\n",
                content.said(),
                Moment(*since_ms)
            ));
        }
        more(&mut text, self.messages_many, self.messages.len(), "messages");
        text.push_str("\nOne of them: viaduct held show NUMBER\n");
        if !self.messages.is_empty() {
            text.push_str(&format!(
                "All messages, once it is mended: viaduct deliveries release --code {}\n",
                self.code
            ));
        }
        if !self.rows.is_empty() {
            text.push_str(&match at_source(&self.code) {
                true => "Once they are mended at their source, the next extract brings them.\n"
                    .to_owned(),
                false => {
                    format!("All rows, once it is mended: viaduct replay --code {}\n", self.code)
                }
            });
        }
        text
    }
}

fn more(text: &mut String, many: i64, listed: usize, what: &str) {
    if many > listed as i64 {
        text.push_str(&format!("  and {} more {what} (--most)\n", many - listed as i64));
    }
}
