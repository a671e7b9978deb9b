//! THE table of routes, and what each does. The router and the OpenAPI document are both made of it.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::MethodRouter;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::App;
use super::access::{Caller, Namespace};
use super::answer::{self, Failure};
use super::body::{JsonBody, Named};
use super::check::{CheckRequest, Checked, check, utf8};
use super::page::page;
use crate::parse::Parser;
use crate::plan::{PlanDocument, SourceKind, TriggerPlan, TriggerRequest, TriggerResponse, UniqueKey};
use crate::store::{Batch, HeldNamespace};

/// A route.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) needs: Needs,
    /// The body, and an example of one.
    pub(super) body: Option<(SchemaOf, Json)>,
    pub(super) status: StatusCode,
    pub(super) answer: SchemaOf,
    handler: MethodRouter<Arc<App>>,
}

/// What a request has to come with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    Nothing,
    Key,
    Namespace,
}

/// The JSON Schema of a type.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

fn schema_of<T: JsonSchema>() -> SchemaOf {
    |generator| generator.subschema_for::<T>()
}

pub(super) const HEALTH: &str = "/healthz";

pub(super) fn routes() -> Vec<Route> {
    let get = |path, id, summary, needs, answer, handler| {
        let (method, body, status) = ("get", None, StatusCode::OK);
        Route { method, path, id, summary, needs, body, status, answer, handler }
    };
    let post = |path, id, summary, status, body, answer, handler| {
        let (method, needs, body) = ("post", Needs::Namespace, Some(body));
        Route { method, path, id, summary, needs, body, status, answer, handler }
    };
    let request = || {
        let filter = json!({"AND": [{"field": "status", "operator": "eq", "value": "pending"}]});
        (schema_of::<TriggerRequest>(), json!({"include_buckets": ["bkt_photos"], "source_filters": filter}))
    };
    let (ok, accepted) = (StatusCode::OK, StatusCode::ACCEPTED);
    let summary = "Process a collection: write a batch of what the request selects, and its task";
    vec![
        post(
            "/v1/collections/{collection_identifier}/trigger",
            "trigger",
            summary,
            accepted,
            request(),
            schema_of::<TriggerResponse>(),
            axum::routing::post(trigger),
        ),
        post(
            "/v1/collections/{collection_identifier}/trigger/preview",
            "preview",
            "What the same request would do; nothing is written",
            ok,
            request(),
            schema_of::<PlanDocument<'static>>(),
            axum::routing::post(preview),
        ),
        post(
            "/v1/collections/{collection_identifier}/trigger/plan",
            "trigger_plan",
            "Do what a preview answered, if nothing that it rests on has changed",
            accepted,
            (schema_of::<PlanDocument<'static>>(), Json::Null),
            schema_of::<TriggerResponse>(),
            axum::routing::post(trigger_plan),
        ),
        post(
            "/v1/collections/{collection_identifier}/filter/check",
            "check_filter",
            "What is wrong with a filter, or what it means",
            ok,
            (schema_of::<CheckRequest>(), json!({"text": "status = \"pending\" AND NOT tags IN (\"draft\")"})),
            schema_of::<Checked>(),
            axum::routing::post(check_filter),
        ),
        get(
            "/v1/batches/{batch_id}",
            "batch",
            "A batch",
            Needs::Namespace,
            schema_of::<Batch>(),
            axum::routing::get(batch),
        ),
        get(
            "/v1/tasks/{task_id}",
            "task",
            "The batch of a task",
            Needs::Namespace,
            schema_of::<Batch>(),
            axum::routing::get(task),
        ),
        get(
            "/v1/namespaces",
            "namespaces",
            "The namespaces that the key holds",
            Needs::Key,
            schema_of::<Namespaces>(),
            axum::routing::get(namespaces),
        ),
        get(
            "/v1/buckets",
            "buckets",
            "The buckets of a namespace",
            Needs::Namespace,
            schema_of::<Buckets>(),
            axum::routing::get(buckets),
        ),
        get(
            "/v1/collections",
            "collections",
            "The collections of a namespace",
            Needs::Namespace,
            schema_of::<Collections>(),
            axum::routing::get(collections),
        ),
        get(
            HEALTH,
            "health",
            "Whether the store can be asked",
            Needs::Nothing,
            schema_of::<Health>(),
            axum::routing::get(health),
        ),
        get(
            "/openapi.json",
            "openapi",
            "This document",
            Needs::Nothing,
            schema_of::<serde_json::Map<String, Json>>(),
            axum::routing::get(openapi),
        ),
    ]
}

pub(super) fn router() -> Router<Arc<App>> {
    let all = routes().into_iter();
    let router = all.fold(Router::new(), |router, route| router.route(route.path, route.handler));
    // No call of the API, so not in its table.
    let router = router.route("/", axum::routing::get(page));
    router.fallback(|| async { Failure::no_route() }).method_not_allowed_fallback(|| async { Failure::wrong_method() })
}

async fn trigger(
    State(app): State<Arc<App>>,
    Namespace(namespace): Namespace,
    Named(collection): Named,
    JsonBody(body): JsonBody,
) -> Result<Response, Failure> {
    let write = app.stores.write(move |store| {
        let request = TriggerRequest::from_json(&body)?;
        answer::text(&store.trigger(&namespace, &collection, &request)?)
    });
    Ok(answer::of_text(StatusCode::ACCEPTED, write.await?))
}

async fn preview(
    State(app): State<Arc<App>>,
    Namespace(namespace): Namespace,
    Named(collection): Named,
    JsonBody(body): JsonBody,
) -> Result<Response, Failure> {
    let read = app.stores.read(move |store| {
        let request = TriggerRequest::from_json(&body)?;
        answer::text(&store.plan(&namespace, &collection, &request)?.to_json())
    });
    Ok(answer::of_text(StatusCode::OK, read.await?))
}

async fn trigger_plan(
    State(app): State<Arc<App>>,
    Namespace(namespace): Namespace,
    Named(collection): Named,
    JsonBody(body): JsonBody,
) -> Result<Response, Failure> {
    let write = app.stores.write(move |store| {
        let plan = TriggerPlan::from_json_with(&Parser::new(), utf8(&body)?)?;
        plan.expect_of(&collection, store.snapshot(&namespace)?.catalog())?;
        answer::text(&store.trigger_plan(&plan)?)
    });
    Ok(answer::of_text(StatusCode::ACCEPTED, write.await?))
}

async fn check_filter(
    State(app): State<Arc<App>>,
    Namespace(namespace): Namespace,
    Named(collection): Named,
    JsonBody(body): JsonBody,
) -> Result<Response, Failure> {
    let read = app.stores.read(move |store| {
        store.snapshot(&namespace)?.catalog().collection(&collection)?;
        answer::text(&check(&body)?)
    });
    Ok(answer::of_text(StatusCode::OK, read.await?))
}

async fn batch(
    State(app): State<Arc<App>>,
    Namespace(namespace): Namespace,
    Named(id): Named,
) -> Result<Response, Failure> {
    let read = app.stores.read(move |store| answer::text(&store.snapshot(&namespace)?.batch(&id)?));
    Ok(answer::of_text(StatusCode::OK, read.await?))
}

async fn task(
    State(app): State<Arc<App>>,
    Namespace(namespace): Namespace,
    Named(id): Named,
) -> Result<Response, Failure> {
    let read = app.stores.read(move |store| answer::text(&store.snapshot(&namespace)?.task(&id)?));
    Ok(answer::of_text(StatusCode::OK, read.await?))
}

/// The namespaces that a key holds.
#[derive(Serialize, JsonSchema)]
struct Namespaces {
    namespaces: Vec<HeldNamespace>,
}

async fn namespaces(Caller(key): Caller) -> Response {
    answer::json(StatusCode::OK, &Namespaces { namespaces: key.namespaces })
}

/// The buckets of a namespace.
#[derive(Serialize, JsonSchema)]
struct Buckets {
    buckets: Vec<BucketSummary>,
}

/// A bucket.
#[derive(Serialize, JsonSchema)]
struct BucketSummary {
    bucket_id: String,
    name: String,
    /// What tells its objects apart; null: nothing does.
    unique_key: Option<UniqueKey>,
}

async fn buckets(State(app): State<Arc<App>>, Namespace(namespace): Namespace) -> Result<Response, Failure> {
    let read = app.stores.read(move |store| {
        let snapshot = store.snapshot(&namespace)?;
        let buckets = snapshot.catalog().buckets().iter().map(|bucket| BucketSummary {
            bucket_id: bucket.bucket_id.clone(),
            name: bucket.name.clone(),
            unique_key: bucket.unique_key.clone(),
        });
        answer::text(&Buckets { buckets: buckets.collect() })
    });
    Ok(answer::of_text(StatusCode::OK, read.await?))
}

/// The collections of a namespace.
#[derive(Serialize, JsonSchema)]
struct Collections {
    collections: Vec<CollectionSummary>,
}

/// A collection.
#[derive(Serialize, JsonSchema)]
struct CollectionSummary {
    collection_id: String,
    name: String,
    /// A disabled one is not processed.
    enabled: bool,
    /// Of what kind its sources are.
    source: SourceKind,
    /// Its sources, by their ids.
    source_ids: Vec<String>,
}

async fn collections(State(app): State<Arc<App>>, Namespace(namespace): Namespace) -> Result<Response, Failure> {
    let read = app.stores.read(move |store| {
        let snapshot = store.snapshot(&namespace)?;
        let catalog = snapshot.catalog();
        let collections = catalog.collections().iter().enumerate().map(|(at, collection)| CollectionSummary {
            collection_id: collection.collection_id.clone(),
            name: collection.name.clone(),
            enabled: collection.enabled,
            source: collection.source.kind(),
            source_ids: catalog.source_ids(at).into_iter().map(str::to_owned).collect(),
        });
        answer::text(&Collections { collections: collections.collect() })
    });
    Ok(answer::of_text(StatusCode::OK, read.await?))
}

/// That requests are answered.
#[derive(Serialize, JsonSchema)]
struct Health {
    /// `ok`.
    status: &'static str,
}

async fn health(State(app): State<Arc<App>>) -> Result<Response, Failure> {
    app.stores.expect_answers().await?;
    Ok(answer::json(StatusCode::OK, &Health { status: "ok" }))
}

async fn openapi(State(app): State<Arc<App>>) -> Response {
    answer::of_text(StatusCode::OK, app.openapi.clone())
}
