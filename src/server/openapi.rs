//! The OpenAPI 3.1 document: the table of routes, with the schemas of the types that are answered.

use std::borrow::Cow;

use axum::http::StatusCode;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value as Json, json};

use super::routes::{Needs, Route, SchemaOf, routes};
use crate::filter::Filter;
use crate::path::Path;
use crate::plan::ErrorEnvelope;
use crate::schema::Schema as DocumentSchema;

/// The document.
pub(super) fn document() -> Json {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = Cow::Borrowed("/components/schemas");
        settings.meta_schema = None;
    });
    let mut generator = settings.for_serialize().into_generator();
    let mut paths = Map::new();
    for route in routes() {
        let operation = operation(&route, &mut generator);
        let methods = paths.entry(route.path).or_insert_with(|| json!({}));
        methods[route.method] = operation;
    }
    let envelope = generator.subschema_for::<ErrorEnvelope>();
    let responses: Map<String, Json> = ERRORS.iter().map(|error| (error.name(), error.response(&envelope))).collect();
    let mut schemas: Map<String, Json> = generator.take_definitions(true);
    schemas.values_mut().for_each(describe);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Trommel",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Processing collections: what a request selects, told before and done.",
            "license": {"name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE")},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": responses,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "`sk_…`"}},
        },
    })
}

/// Makes descriptions of what the types' documentation says to who writes Rust: without examples, and with `null` for `None`.
/// The definitions are flat.
fn describe(schema: &mut Json) {
    match schema {
        Json::Object(members) => {
            for (key, member) in members {
                match member {
                    Json::String(text) if key == "description" => {
                        let before = text.split("\n```").next().unwrap_or_default().trim_end();
                        *text = before.replace("`None`", "`null`").replace('\n', " ");
                    }
                    member => describe(member),
                }
            }
        }
        Json::Array(elements) => elements.iter_mut().for_each(describe),
        _ => {}
    }
}

/// An error that routes answer.
struct Answer {
    status: StatusCode,
    when: &'static str,
    /// What has to be so of a route.
    of: fn(&Route) -> bool,
    header: Option<(&'static str, &'static str)>,
}

const ERRORS: &[Answer] = &[
    Answer {
        status: StatusCode::BAD_REQUEST,
        when: "the request is wrong, or names no namespace; `details` has every mistake",
        of: |route| route.needs == Needs::Namespace,
        header: None,
    },
    Answer {
        status: StatusCode::UNAUTHORIZED,
        when: "no key, or none that is valid",
        of: |route| route.needs != Needs::Nothing,
        header: Some(("WWW-Authenticate", "`Bearer`")),
    },
    Answer {
        status: StatusCode::NOT_FOUND,
        when: "something does not exist, or is nothing that the key may see",
        of: |route| route.needs == Needs::Namespace,
        header: None,
    },
    Answer {
        status: StatusCode::REQUEST_TIMEOUT,
        when: "the body did not arrive in time",
        of: |route| route.body.is_some(),
        header: None,
    },
    Answer {
        status: StatusCode::CONFLICT,
        when: "what the plan rests on has changed; `details` has what",
        of: |route| route.id == "trigger_plan",
        header: None,
    },
    Answer {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        when: "the body is too large",
        of: |route| route.body.is_some(),
        header: None,
    },
    Answer { status: StatusCode::URI_TOO_LONG, when: "the target is too long", of: |_| true, header: None },
    Answer {
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        when: "the body is not JSON",
        of: |route| route.body.is_some(),
        header: None,
    },
    Answer {
        status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        when: "the headers are too large",
        of: |_| true,
        header: None,
    },
    Answer { status: StatusCode::INTERNAL_SERVER_ERROR, when: "the server failed", of: |_| true, header: None },
    Answer {
        status: StatusCode::SERVICE_UNAVAILABLE,
        when: "too many requests at once, one that took too long, or no store to ask; nothing was written",
        of: |_| true,
        header: Some(("Retry-After", "Seconds")),
    },
];

impl Answer {
    fn name(&self) -> String {
        let reason = self.status.canonical_reason().unwrap_or_default();
        reason.chars().filter(char::is_ascii_alphanumeric).collect()
    }

    fn response(&self, envelope: &Schema) -> Json {
        let mut response = json!({"description": self.when, "content": content(envelope), "headers": headers()});
        if let Some((name, description)) = self.header {
            response["headers"][name] = json!({"description": description, "schema": {"type": "string"}});
        }
        response
    }
}

fn content(schema: &Schema) -> Json {
    json!({"application/json": {"schema": schema}})
}

/// Of every response.
fn headers() -> Json {
    json!({"X-Request-Id": {"description": "What the server's log names the request by", "schema": {"type": "string"}}})
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Json {
    let mut responses = Map::new();
    let answered = content(&(route.answer)(generator));
    let mut answered = json!({"description": route.summary, "content": answered, "headers": headers()});
    if route.status == StatusCode::ACCEPTED {
        answered["links"] = links();
    }
    responses.insert(route.status.as_str().to_owned(), answered);
    for error in ERRORS.iter().filter(|error| (error.of)(route)) {
        let reference = json!({"$ref": format!("#/components/responses/{}", error.name())});
        responses.insert(error.status.as_str().to_owned(), reference);
    }
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "parameters": parameters(route),
        "responses": responses,
        "security": if route.needs == Needs::Nothing { json!([]) } else { json!([{"key": []}]) },
    });
    if let Some((schema, example)) = &route.body {
        operation["requestBody"] = body(*schema, example, generator);
    }
    operation
}

fn body(schema: SchemaOf, example: &Json, generator: &mut SchemaGenerator) -> Json {
    let mut content = content(&schema(generator));
    if !example.is_null() {
        content["application/json"]["examples"] = json!({"example": {"value": example}});
    }
    json!({"required": true, "content": content})
}

/// What was triggered can be looked at.
fn links() -> Json {
    let by = |operation: &str, id: &str| {
        let (id, from) = (format!("path.{id}"), format!("$response.body#/{id}"));
        json!({"operationId": operation, "parameters": {id: from, "header.X-Namespace": "$request.header.X-Namespace"}})
    };
    json!({"batch": by("batch", "batch_id"), "task": by("task", "task_id")})
}

fn parameters(route: &Route) -> Json {
    let mut parameters = Vec::new();
    let name = route.path.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(name, _)| name);
    if let Some(name) = name {
        let (description, example) = match name {
            "collection_identifier" => ("The collection, by its id or name", Some("frames")),
            "batch_id" => ("`btch_…`", None),
            _ => ("`task_…`", None),
        };
        let schema = json!({"type": "string", "minLength": 1});
        let mut parameter =
            json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema});
        if let Some(example) = example {
            parameter["example"] = json!(example);
        }
        parameters.push(parameter);
    }
    if route.needs == Needs::Namespace {
        // OpenAPI cannot say that one of two is required, nor that the second is not read beside the first.
        for (name, place, shortest, description) in [
            (
                "X-Namespace",
                "header",
                1,
                "The namespace, by its id or name. Without it, the query `namespace` is required",
            ),
            (
                "namespace",
                "query",
                0,
                "The namespace, by its id or name, where there is no `X-Namespace`; else it is not read",
            ),
        ] {
            let schema = json!({"type": "string", "minLength": shortest});
            let mut parameter = json!({"name": name, "in": place, "required": false, "description": description});
            (parameter["schema"], parameter["example"]) = (schema, json!("demo"));
            parameters.push(parameter);
        }
    }
    json!(parameters)
}

/// The JSON Schema that a schema of documents exports, its definitions beside those of all types.
impl JsonSchema for Filter {
    fn schema_name() -> Cow<'static, str> {
        "Filter".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut exported = DocumentSchema::open().to_json_schema();
        let definitions = exported["$defs"].take();
        let Json::Object(definitions) = definitions else { return Schema::default() };
        for (name, mut definition) in definitions {
            refer(&mut definition);
            generator.definitions_mut().insert(format!("{PREFIX}{name}"), definition);
        }
        let description = exported["description"].take();
        let schema = json!({"description": description, "$ref": format!("#/components/schemas/{PREFIX}filter")});
        schema.try_into().unwrap_or_default()
    }
}

/// What the definitions of filters are called.
const PREFIX: &str = "Filter.";

/// Makes the references of an exported schema such of this document. Its definitions are flat.
fn refer(schema: &mut Json) {
    match schema {
        Json::Object(members) => {
            for (key, member) in members {
                let name = member.as_str().filter(|_| key == "$ref").and_then(|to| to.strip_prefix("#/$defs/"));
                match name.map(|name| json!(format!("#/components/schemas/{PREFIX}{name}"))) {
                    Some(reference) => *member = reference,
                    None => refer(member),
                }
            }
        }
        Json::Array(elements) => elements.iter_mut().for_each(refer),
        _ => {}
    }
}

impl JsonSchema for Path {
    fn schema_name() -> Cow<'static, str> {
        "Path".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let schema = json!({"type": "string", "description": "The keys that lead to a field, joined by dots."});
        schema.try_into().unwrap_or_default()
    }
}
