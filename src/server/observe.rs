//! What is around every request: its id, its turn, the limits of its head, its line in the log.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::{error, info};

use super::App;
use super::answer::{Cause, Failure};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts around all routes what each request has. The last is the outermost: its headers are on whatever those inside answer.
pub(super) fn around(router: Router<Arc<App>>, app: Arc<App>) -> Router<Arc<App>> {
    router
        .layer(CatchPanicLayer::custom(|_: Box<dyn Any + Send>| Failure::internal().into_response()))
        .layer(from_fn_with_state(app, observe))
        .layer(SetResponseHeaderLayer::overriding(CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .layer(SetResponseHeaderLayer::overriding(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
}

async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let line = Line::new(&request);
    let mut response = match expect_small_head(&app, &request).and_then(|()| turn(&app, &request)) {
        Ok(_turn) => next.run(request).await,
        Err(failure) => failure.into_response(),
    };
    if let Ok(id) = HeaderValue::from_str(&line.id) {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    line.answered(&response);
    response
}

/// The turn of a request, for as long as it is held. Whether the server lives is told even where it has too much to do.
fn turn<'a>(app: &'a App, request: &Request) -> Result<Option<tokio::sync::SemaphorePermit<'a>>, Failure> {
    if request.uri().path() == super::routes::HEALTH {
        return Ok(None);
    }
    app.turns.try_acquire().map(Some).map_err(|_| Failure::too_many())
}

fn expect_small_head(app: &App, request: &Request) -> Result<(), Failure> {
    let most = app.settings.head_bytes;
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > most {
        return Err(Failure::target_too_long(most));
    }
    let headers: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers > most { Err(Failure::headers_too_large(most)) } else { Ok(()) }
}

/// What the log says of a request: the route and never its target, headers or body, in which keys and operands are.
struct Line {
    id: String,
    method: Method,
    route: String,
    since: Instant,
    is_answered: bool,
}

impl Line {
    fn new(request: &Request) -> Line {
        let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
        let (method, since) = (request.method().clone(), Instant::now());
        Line { id: request_id(), method, route: route.to_owned(), since, is_answered: false }
    }

    fn answered(mut self, response: &Response) {
        self.is_answered = true;
        let (status, micros) = (response.status().as_u16(), self.micros());
        let Line { id, method, route, .. } = &self;
        info!(%id, %method, route, status, micros, "answered");
        if let Some(Cause(cause)) = response.extensions().get() {
            error!(%id, cause, "failed");
        }
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A client that goes away before it is answered leaves its line too.
impl Drop for Line {
    fn drop(&mut self) {
        if !self.is_answered {
            let (Line { id, method, route, .. }, micros) = (&*self, self.micros());
            info!(%id, %method, route, micros, "abandoned");
        }
    }
}

/// An id that no other request has: when this process began, and a number.
fn request_id() -> String {
    use std::sync::LazyLock;
    use std::time::{SystemTime, UNIX_EPOCH};

    static BEGUN: LazyLock<u64> = LazyLock::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or_default()
    });
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{:x}-{}", *BEGUN, NEXT.fetch_add(1, Ordering::Relaxed))
}
