//! A stored record, read again with the definitions as they are now; and of each place in it by what right its value
//! may be shown. Nothing is kept of it.

use super::codes;
use super::context::{AppError, Context};
use crate::job::packing::Unpacker;
use crate::mapping::definition::InboundMapping;
use crate::mapping::inbound::story::{Event, Story, Told};
use crate::mapping::inbound::{Inbound, Translation};
use crate::record::document::{Document, NodeId};
use crate::record::schema::{self, Class};
use crate::store::{replays, source_records};

/// It, and what it means now.
pub struct Again {
    pub mapping: InboundMapping,
    pub document: Document,
    pub translation: Translation,
    pub story: Story,
}

impl Again {
    /// None where its job or mapping is not there any more, or it is no record that can be read.
    pub async fn of(
        context: &Context,
        job: &str,
        record_id: i64,
    ) -> Result<Option<Again>, AppError> {
        let catalogue = &context.catalogue;
        let job = catalogue.jobs.get(job);
        let mapping = job.and_then(|job| catalogue.inbound.get(&job.mapping.as_ref()?.value));
        let connector = job.and_then(|job| catalogue.connectors.get(&job.connector.value));
        let layout = connector.and_then(|connector| connector.settings.layout());
        let (Some(mapping), Some(layout)) = (mapping, layout) else { return Ok(None) };
        let mapping = codes::with_additions(&context.database, mapping).await?;
        let database = &context.database;
        let Some((dictionary, payload)) = replays::payload(database, record_id).await? else {
            return Ok(None);
        };
        let all = source_records::dictionary(database, dictionary).await?;
        let Some(text) = Unpacker::new(&all)?.unpack(dictionary, &payload)? else {
            return Ok(None);
        };
        let mut document = Document::default();
        if layout.format.read(&text, &mut document).is_err() {
            return Ok(None);
        }
        let namespace = |prefix: &str| layout.format.namespace(prefix).map(str::to_owned);
        let inbound = Inbound::new(&mapping, &namespace);
        let (translation, story) = inbound.explain(&document, context.clock.today());
        Ok(Some(Again { mapping, document, translation, story }))
    }

    /// The most careful class of the fields that read a place directly. None where no field does: then nobody knows
    /// what stands there.
    pub fn class(&self, node: NodeId) -> Option<Class> {
        let classes = self.story.readers(node).filter_map(class_of);
        classes.max_by_key(|class| match class {
            Class::Plain => 0,
            Class::Identity | Class::Contact | Class::Money => 1,
            Class::Bank => 2,
        })
    }
}

/// What a question of the mapping makes of what it reads, where it takes it as it is.
fn class_of(told: &Told) -> Option<Class> {
    // What an expression reads may be anything.
    if told.steps.iter().any(|step| matches!(step, Event::Computed { .. })) {
        return None;
    }
    let field = told.field.as_str();
    let mut place = told.place.split(' ');
    match (place.next()?, place.next()) {
        ("account", None) => Some(schema::account_field(field)?.class),
        ("account", Some(list)) => {
            let fields = schema::list(list)?.fields;
            Some(fields.iter().find(|one| one.name == field)?.class)
        }
        ("party", _) => match field {
            "role" => Some(Class::Plain),
            "names" | "key" => Some(Class::Identity),
            field => Some(schema::party_field(field)?.class),
        },
        ("hold", _) => Some(schema::HOLD[schema::hold_id(field)? as usize].class),
        _ => None,
    }
}
