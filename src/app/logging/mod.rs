//! Logs: which fields a line may carry, and the layer that lets nothing else out.
//!
//! The list is of names that are allowed, not of names that are not: a field that nobody thought of is
//! left out, whichever library it comes from. Our own sentences are fixed texts and pass; those of
//! other crates may quote what they work on, and do not: of theirs the level, the target and allowed
//! numbers are written. How a line is spelt is in `line`.

pub mod line;

use std::io::Write;

use serde_json::Value;
use tracing::field::{Field as Recorded, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use self::line::{Bounded, Format, Line};
use super::clock::MachineClock;
use crate::job::clock::Clock;

/// A field that a line may carry.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    /// Whether it is also taken from other crates, as a number and nothing else.
    pub from_others: bool,
    /// One sentence for `docs/logging.md`.
    pub doc: &'static str,
}

const fn ours(name: &'static str, doc: &'static str) -> Field {
    Field { name, from_others: false, doc }
}

const fn number(name: &'static str, doc: &'static str) -> Field {
    Field { name, from_others: true, doc }
}

/// Every field there is. None of them may hold a value of a record.
pub static FIELDS: &[Field] = &[
    ours("actor", "Who did it: `user:NAME`, `staff:NAME`, `key:NAME` or `local`."),
    ours("alert.id", "The alert, as in the table `staff_alert`."),
    ours("batch.id", "The batch, as in the table `batch`."),
    ours("bulk.id", "The bulk action, as in the table `bulk`."),
    ours("call.id", "The number of a call that a system pushed to us."),
    ours("cause", "Why, in a sentence that names places and never values."),
    ours("circuit", "How a destination stands: `closed`, `open` or `halted`."),
    ours("code", "The cause as a word that runbooks use: `file.total`."),
    ours("connector", "The connector's name, as its file is called."),
    ours("counts", "What a job did: numbers alone, as JSON."),
    ours("delivery.id", "The delivery, as in the table `delivery`."),
    ours("door", "By which way it came: `command`, `import`, `api`, or a source."),
    ours("duration_ms", "How long it took."),
    ours("error", "An error of ours, whose text holds no value of a record."),
    ours("hold.id", "The hold, as in the table `hold`."),
    ours("hold.kind", "What kind of hold: a word of the council's."),
    ours("http.method", "Of a call to the API or the screens: `GET`, `POST`."),
    ours(
        "http.route",
        "Of a call to the API or the screens: the route as it is written in the docs, without its numbers.",
    ),
    ours("http.status", "Of a call to the API or the screens: what was answered."),
    ours("job", "The job's name, as its file is called."),
    ours("key.id", "The number of a key of the API, which is no secret."),
    ours("lease", "What one process at a time may work on."),
    ours("panic.at", "The line of the program that broke off."),
    ours("panic.reference", "What a person quotes to find that line again."),
    ours("request.id", "What a caller of the API quotes to find their call."),
    ours("resident.id", "The resident's number, which says nothing to anybody else."),
    number("elapsed_secs", "How long a statement of the database took."),
    number("rows_affected", "How many rows a statement changed."),
    number("rows_returned", "How many rows a statement gave."),
];

/// The table of `docs/logging.md`.
pub fn page_table() -> String {
    let mut table = "| field | from | |\n|---|---|---|\n".to_owned();
    for field in FIELDS {
        let from = if field.from_others { "any crate, a number" } else { "Viaduct" };
        table.push_str(&format!("| `{}` | {from} | {} |\n", field.name, field.doc));
    }
    table
}

/// What is written where nothing is said. That a statement took long is for whoever asks for it: to
/// everybody else it looks like something gone wrong.
pub const USUAL: &str = "warn,sqlx=error";

/// Begins to log, to standard error. `levels` and `format` are what `VIADUCT_LOG` and
/// `VIADUCT_LOG_FORMAT` say; the error says what they should.
pub fn begin(levels: Option<&str>, format: Option<&str>) -> Result<(), String> {
    let levels = levels.filter(|levels| !levels.trim().is_empty()).unwrap_or(USUAL);
    let filter = EnvFilter::builder().parse(levels).map_err(|_| {
        "VIADUCT_LOG is not understood: write a level, such as `info`, or levels by target, such \
         as `warn,viaduct=debug`"
            .to_owned()
    })?;
    let lines = Lines::new(Format::from_word(format.unwrap_or("text"))?, |line: &[u8]| {
        // Whoever reads the log may have gone; the work goes on.
        let _ = std::io::stderr().lock().write_all(line);
    });
    let subscriber = tracing_subscriber::registry().with(filter).with(lines);
    // A program that embeds us may log already: then it is theirs.
    let _ = subscriber.try_init();
    Ok(())
}

/// The layer that writes lines.
pub struct Lines<W> {
    format: Format,
    write: W,
}

impl<W: Fn(&[u8])> Lines<W> {
    pub fn new(format: Format, write: W) -> Lines<W> {
        Lines { format, write }
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    W: Fn(&[u8]) + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut kept = Kept::of(attributes.metadata().target());
        attributes.record(&mut kept);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(kept);
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(kept) = span.extensions_mut().get_mut::<Kept>()
        {
            record.record(kept);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let about = event.metadata();
        let mut kept = Kept::of(about.target());
        event.record(&mut kept);
        let mut line = Line::new(self.format, MachineClock.now_ms(), about.level(), about.target());
        if let Some(message) = kept.message.take() {
            line.message(&message);
        }
        // The nearest word about a field is the one that counts.
        let mut said: Vec<(&'static str, Value)> = kept.fields;
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(kept) = span.extensions().get::<Kept>() {
                let unsaid = |name| !said.iter().any(|(known, _)| *known == name);
                let outer: Vec<_> =
                    kept.fields.iter().filter(|(name, _)| unsaid(*name)).cloned().collect();
                said.extend(outer);
            }
        }
        for (name, value) in &said {
            line.field(name, value);
        }
        (self.write)(line.end().as_bytes());
    }
}

/// What may be written of one span or event.
struct Kept {
    ours: bool,
    message: Option<String>,
    fields: Vec<(&'static str, Value)>,
}

impl Kept {
    fn of(target: &str) -> Kept {
        let ours = target == "viaduct" || target.starts_with("viaduct::");
        Kept { ours, message: None, fields: Vec::new() }
    }

    fn keep(&mut self, field: &Recorded, value: Value) {
        if let Some(known) = FIELDS.iter().find(|known| known.name == field.name())
            && (self.ours || known.from_others)
        {
            self.fields.retain(|(name, _)| *name != known.name);
            self.fields.push((known.name, value));
        }
    }

    fn text(&mut self, field: &Recorded, value: std::fmt::Arguments<'_>) {
        if !self.ours {
            return;
        }
        if field.name() == "message" {
            self.message = Some(Bounded::text(value));
        } else if FIELDS.iter().any(|known| known.name == field.name()) {
            self.keep(field, Value::String(Bounded::text(value)));
        }
    }
}

impl Visit for Kept {
    fn record_debug(&mut self, field: &Recorded, value: &dyn std::fmt::Debug) {
        self.text(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Recorded, value: &str) {
        self.text(field, format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Recorded, value: i64) {
        self.keep(field, Value::from(value));
    }

    fn record_u64(&mut self, field: &Recorded, value: u64) {
        self.keep(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Recorded, value: f64) {
        self.keep(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Recorded, value: bool) {
        self.keep(field, Value::from(value));
    }
}

#[cfg(test)]
mod tests;
