//! The API as an OpenAPI 3.1 document: its routes, their words from the very structures that read them, and
//! every answer that there may be; and the doors by which systems push to us.

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::api::records::{HistoryWanted, MergeAsked, ReviewWanted, SplitAsked};
use super::api::{self, HeldWanted, LiftAsked, PreviewWanted};
use super::bulk::chosen::{Chosen, Had};
use super::bulk::proposed::Proposal;
use super::replay::Chosen as Rows;
use super::resident::Known;
use super::{
    alerts, audit, batches, bulk, causes, changes, codes, deliveries, hold, mappings, service,
    steward, users, views, work_orders,
};
use crate::web::api::call::{Nothing, Showing};
use crate::web::api::routes::{ROOT, ROUTES, Route, Verb};
use crate::web::inbound;

/// Answers that any call may have, whatever it asks for: status and what it means.
const PROBLEMS: [(&str, &str); 9] = [
    ("400", "It cannot be read"),
    ("401", "There is no key, or it opens nothing"),
    ("403", "The key does not allow it, or it did not come from a program"),
    ("404", "There is no such thing"),
    ("405", "Not by this method"),
    ("422", "A word is not understood"),
    ("429", "Too many calls"),
    ("500", "A fault of ours"),
    ("503", "Not now"),
];
/// And those that send a body.
const OF_BODIES: [(&str, &str); 4] = [
    ("408", "The body did not come in time"),
    ("409", "It stands otherwise"),
    ("413", "The body is too large"),
    ("415", "The body is of another kind"),
];

/// The document.
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let path = format!("{ROOT}{}", route.path);
        let operations = paths.entry(path).or_insert_with(|| json!({}));
        operations[route.method.to_lowercase()] = operation(route);
    }
    let door = format!("{}/{{connector}}", inbound::ROOT);
    paths.insert(format!("{door}/{{id}}"), json!({ "get": stands() }));
    paths.insert(door, json!({ "post": push() }));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Viaduct",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The hub's commands over HTTP, and the doors by which systems push to it.",
        },
        "security": [{ "key": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "key": {
                "type": "http", "scheme": "bearer",
                "description": "A key that `viaduct keys add` makes. Each route says the scope it asks for.",
            } },
            "schemas": { "Problem": problem() },
        },
    })
}

fn operation(route: &Route) -> Value {
    let (query, body) = words(route.verb);
    let mut parameters = parameters(&query);
    if route.path.contains("{id}") {
        parameters.insert(
            0,
            json!({
                "name": "id", "in": "path", "required": true, "schema": { "type": "string" },
                "description": "A number; of a job, a destination, a node or a user, its name",
            }),
        );
    }
    let mut operation = json!({
        "operationId": format!("{:?}", route.verb),
        "summary": route.does,
        "description": format!("Asks for the scope `{}`.", route.scope.word()),
        "parameters": parameters,
        "responses": responses(&[("200", "Done"), ("202", "Begun; it goes on in the background")], route.method == "POST"),
    });
    if route.method == "POST" {
        operation["requestBody"] = json!({ "content": { "application/json": { "schema": body } } });
    }
    operation
}

fn responses(good: &[(&str, &str)], has_body: bool) -> Value {
    let mut responses = Map::new();
    for (status, means) in good {
        let schema = json!({ "type": ["object", "array"] });
        let content = json!({ "application/json": { "schema": schema } });
        responses.insert((*status).to_owned(), json!({ "description": means, "content": content }));
    }
    let of_bodies = if has_body { &OF_BODIES[..] } else { &OF_BODIES[1..2] };
    for (status, means) in PROBLEMS.iter().chain(of_bodies) {
        let schema = json!({ "$ref": "#/components/schemas/Problem" });
        let content = json!({ "application/problem+json": { "schema": schema } });
        responses.insert((*status).to_owned(), json!({ "description": means, "content": content }));
    }
    Value::Object(responses)
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string" },
            "request": { "type": "string" },
        },
    })
}

/// The words of a route: those of its query, and those of its body.
fn words(verb: Verb) -> (Schema, Schema) {
    use Verb::*;
    let none = of::<Nothing>;
    match verb {
        Batches => (of::<batches::Wanted>(), none()),
        AcceptBatch | RefuseBatch => (none(), of::<batches::decide::Decide>()),
        Held => (of::<HeldWanted>(), none()),
        HeldOne | Hold | Delivery | Resident => (of::<Showing>(), none()),
        Replay => (none(), of::<Rows>()),
        PreviewReplay => (of::<PreviewWanted>(), of::<Rows>()),
        Deliveries => (of::<deliveries::Listing>(), none()),
        Release | Dismiss | Remake => (none(), of::<Chosen>()),
        Repeat => (none(), of::<Had>()),
        Decide => (none(), of::<deliveries::decide::Decide>()),
        BulkAction => (of::<bulk::watch::Wanted>(), none()),
        Audit => (of::<audit::Wanted>(), none()),
        Changes => (of::<changes::Wanted>(), none()),
        Search => (of::<Showing>(), of::<Known>()),
        History | Why => (of::<HistoryWanted>(), none()),
        Matches => (of::<steward::Wanted>(), none()),
        TakeMatch => (none(), of::<steward::Next>()),
        Match => (of::<Showing>(), none()),
        SayOfMatch => (none(), of::<steward::Said>()),
        Acts => (of::<steward::acts::Wanted>(), none()),
        Act => (none(), none()),
        Explain => (none(), none()),
        Review => (of::<ReviewWanted>(), none()),
        Merge | Apart => (none(), of::<MergeAsked>()),
        Split => (none(), of::<SplitAsked>()),
        Unmerge => (none(), of::<api::Why>()),
        Holds => (of::<hold::List>(), none()),
        AddHold => (none(), of::<hold::Add>()),
        LiftHold => (none(), of::<LiftAsked>()),
        DrainNode | ResumeNode | PauseDestination | ResumeDestination | ProbeDestination
        | PauseJob | ResumeJob | SkipRun => (none(), of::<api::Why>()),
        WorkOrders => (of::<work_orders::Wanted>(), none()),
        WorkOrder => (of::<work_orders::Look>(), none()),
        Service => (of::<service::Wanted>(), none()),
        Find => (none(), of::<work_orders::Sought>()),
        Propose => (none(), of::<Proposal>()),
        ReviewAlert => (none(), of::<alerts::Review>()),
        InviteUser => (none(), of::<users::Invited>()),
        ChangeUser => (none(), of::<users::Changed>()),
        DisableUser => (none(), of::<api::Why>()),
        AskCode => (none(), of::<codes::Asked>()),
        DecideCode => (none(), of::<codes::Decided>()),
        Confirm | Approve | Refuse => (none(), of::<api::Why>()),
        Batch => (of::<batches::Look>(), none()),
        TryMapping => (of::<mappings::Wanted>(), none()),
        AssignCause => (none(), of::<causes::Assign>()),
        SilenceCause => (none(), of::<causes::Silence>()),
        NoteCause | NoteWorkOrder => (none(), of::<causes::Write>()),
        Acknowledge => (none(), of::<service::Acknowledge>()),
        Views => (of::<views::Wanted>(), none()),
        KeepView => (none(), of::<views::Keep>()),
        Mappings | Codes | Code | BulkActions | Pause | Resume | VerifyAudit | Destinations
        | RemoveView | Jobs | Alerts | Alert | Users | User | EnableUser | SignOutUser | RunJob
        | Nodes | Openapi | Connectors | Proposed | Drop => (none(), none()),
    }
}

fn of<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    SchemaGenerator::new(settings).into_root_schema_for::<T>()
}

fn parameters(query: &Schema) -> Vec<Value> {
    let Some(properties) = query.get("properties").and_then(Value::as_object) else {
        return Vec::new();
    };
    let needed = query.get("required").and_then(Value::as_array);
    let is_needed = |name: &str| needed.is_some_and(|names| names.iter().any(|one| one == name));
    let parameter = |(name, schema): (&String, &Value)| {
        let mut schema = schema.clone();
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        // What is left out of a query is not there; it is never `null`.
        if let Some(kinds) = schema.get("type").and_then(Value::as_array) {
            let kinds: Vec<&Value> = kinds.iter().filter(|kind| *kind != "null").collect();
            schema["type"] = kinds.first().map_or(Value::Null, |kind| (*kind).clone());
        }
        json!({
            "name": name, "in": "query", "required": is_needed(name), "schema": schema,
            "description": description,
        })
    };
    properties.iter().map(parameter).collect()
}

fn path_parameter(name: &str, description: &str) -> Value {
    json!({
        "name": name, "in": "path", "required": true, "schema": { "type": "string" },
        "description": description,
    })
}

fn push() -> Value {
    let name = json!({
        "name": "Idempotency-Key", "in": "header", "required": true,
        "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
        "description": "Which call this is: the same once more is told the same, and kept once.",
    });
    let record = json!({ "type": "object" });
    let json_body =
        json!({ "schema": { "oneOf": [record, { "type": "array", "items": record }] } });
    let text = json!({ "schema": { "type": "string" } });
    json!({
        "operationId": "Push",
        "summary": "Brings one record or many, kept on disk before the answer",
        "description": "Asks for the scope `source:CONNECTOR:write`. Which kind of body a connector reads, its definition says; \
                        a connector whose system signs its calls takes no key.",
        "parameters": [path_parameter("connector", "The connector, by its name"), name],
        "requestBody": { "required": true, "content": {
            "application/json": json_body, "application/x-ndjson": text, "application/xml": text,
            "text/csv": text,
        } },
        "responses": responses(&[("200", "Kept; a signed call"), ("202", "Kept")], true),
    })
}

fn stands() -> Value {
    let parameters = [
        path_parameter("connector", "The connector, by its name"),
        path_parameter("id", "The call's number, as it was answered"),
    ];
    json!({
        "operationId": "Stands",
        "summary": "Whether a call was read, and how its batch ended",
        "description": "Asks for the scope `source:CONNECTOR:write`, and for the key that made the call.",
        "parameters": parameters,
        "responses": responses(&[("200", "How it stands")], false),
    })
}
