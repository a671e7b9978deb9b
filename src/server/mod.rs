//! The endpoint: the planner and the store over HTTP.
//!
//! | route | needs | answers |
//! | --- | --- | --- |
//! | `POST /v1/collections/{collection_identifier}/trigger` | key, namespace | 202, [`TriggerResponse`](crate::plan::TriggerResponse) |
//! | `POST /v1/collections/{collection_identifier}/trigger/preview` | key, namespace | 200, the plan; nothing is written |
//! | `POST /v1/collections/{collection_identifier}/trigger/plan` | key, namespace | 202 for a plan as the preview answered it, 409 if it is stale |
//! | `POST /v1/collections/{collection_identifier}/filter/check` | key, namespace | 200 for `{"text": "…"}` or `{"filter": {…}}`, 400 with the mistakes |
//! | `GET /v1/batches/{batch_id}`, `GET /v1/tasks/{task_id}` | key, namespace | 200, [`Batch`](crate::store::Batch) |
//! | `GET /v1/namespaces` | key | 200, the namespaces that the key holds |
//! | `GET /v1/buckets`, `GET /v1/collections` | key, namespace | 200, what is in the catalog |
//! | `GET /healthz` | | 200 as long as the store can be asked, else an error |
//! | `GET /openapi.json` | | 200, all this as OpenAPI 3.1 |
//! | `GET /` | | 200, a page that previews a trigger and sends it |
//!
//! A key is `Authorization: Bearer sk_…`; a namespace is `X-Namespace` or `?namespace=`, by its id or name. Every error is an
//! [`ErrorEnvelope`](crate::plan::ErrorEnvelope), but for what is no HTTP, and for a head of over 64 KiB or 100 headers: those are refused
//! without a body. What the namespaces of other keys hold is answered as what does not exist.
//!
//! ```no_run
//! use trommel::server::{Server, Settings};
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::open("shop.trm".as_ref(), Settings::default())?;
//! let bound = server.bind("127.0.0.1:8080").await?;
//! println!("listening on http://{}", bound.address());
//! bound.run(async { tokio::signal::ctrl_c().await.unwrap_or_default() }).await;
//! # Ok(())
//! # }
//! ```

mod access;
mod answer;
mod body;
mod check;
mod jobs;
mod listen;
mod observe;
mod openapi;
mod page;
mod place;
mod routes;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use tokio::sync::Semaphore;

use self::jobs::Stores;
pub use self::listen::Bound;
use crate::error::Error;

/// What a server allows, so that no client takes it from the others.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The most bytes of a body: 4 MiB. More: 413.
    pub body_bytes: usize,
    /// The most bytes of a request's target and headers: 16 KiB. More: 414 or 431.
    pub head_bytes: usize,
    /// So long a request may take to arrive: 10 s. Longer: 408 for a body, a closed connection for headers.
    pub arrival: Duration,
    /// So long the store may take to answer, waiting included: 30 s. Longer: 503. So long a client may take nothing of its answer:
    /// longer, and its connection ends.
    pub answer: Duration,
    /// The most requests at once: 64. More: 503.
    pub requests: usize,
    /// The most connections at once: 512, half of the files that a process may usually open. More wait.
    pub connections: usize,
    /// The most reads of the store at once: twice the processors, and no more than there may be requests. More wait. Each has
    /// two files open, from the start on.
    pub readers: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        Settings {
            body_bytes: 4 << 20,
            head_bytes: 16 << 10,
            arrival: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            requests: 64,
            connections: 512,
            readers: 2 * processors,
        }
    }
}

/// A server over one store.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
}

/// What every request shares.
#[derive(Debug)]
struct App {
    settings: Settings,
    stores: Stores,
    /// A permit for each request at once.
    turns: Semaphore,
    openapi: Bytes,
}

impl Server {
    /// A server over the store in a file. One of an older version is brought up to date.
    ///
    /// # Errors
    /// Those of [`Store::open`](crate::store::Store::open).
    pub fn open(file: &Path, settings: Settings) -> Result<Server, Error> {
        let stores = Stores::open(file, &settings)?;
        let openapi = Bytes::from(openapi::document().to_string());
        let turns = Semaphore::new(settings.requests);
        Ok(Server { app: Arc::new(App { settings, stores, turns, openapi }) })
    }

    fn router(&self) -> Router {
        observe::around(routes::router(), self.app.clone()).with_state(self.app.clone())
    }
}
