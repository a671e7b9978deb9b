//! What is answered: JSON, and every error as the API's envelope.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::error::{Code, Diagnostic, Error};
use crate::plan::ErrorEnvelope;

/// An error, as it is answered.
#[derive(Debug)]
pub(super) struct Failure(Box<Response>);

/// Of a response: why we failed, for the log.
#[derive(Clone, Debug)]
pub(super) struct Cause(pub(super) String);

/// After so long a client may try again.
const RETRY: Duration = Duration::from_secs(1);

impl Failure {
    fn of(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Failure {
        let envelope = ErrorEnvelope::of_status(status.as_u16(), kind, message.into());
        Failure(Box::new(json(status, &envelope)))
    }

    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Failure {
        self.0.headers_mut().insert(name, value);
        self
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Failure {
        Failure::of(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// The same for no key, a wrong one and a revoked one.
    pub(super) fn unauthorized() -> Failure {
        let message = "a valid key is needed: `Authorization: Bearer sk_…`";
        Failure::of(StatusCode::UNAUTHORIZED, "unauthorized", message)
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    pub(super) fn no_route() -> Failure {
        Failure::of(StatusCode::NOT_FOUND, "not_found", "there is no such route")
    }

    pub(super) fn wrong_method() -> Failure {
        Failure::of(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "the route does not have this method")
    }

    pub(super) fn body_too_late() -> Failure {
        let message = "the body did not arrive in time";
        Failure::of(StatusCode::REQUEST_TIMEOUT, "request_timeout", message)
    }

    pub(super) fn body_too_large(most: usize) -> Failure {
        let message = format!("the body has more than {most} bytes");
        Failure::of(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", message)
    }

    pub(super) fn target_too_long(most: usize) -> Failure {
        Failure::of(StatusCode::URI_TOO_LONG, "uri_too_long", format!("the target has more than {most} bytes"))
    }

    pub(super) fn headers_too_large(most: usize) -> Failure {
        let message = format!("the headers have more than {most} bytes");
        Failure::of(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", message)
    }

    pub(super) fn wrong_content(message: &str) -> Failure {
        Failure::of(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message)
    }

    pub(super) fn too_many() -> Failure {
        Failure::unavailable("too_many_requests_at_once", "too many requests at once; try again")
    }

    /// Nothing was written.
    pub(super) fn too_long() -> Failure {
        Failure::unavailable("timeout", "the store took too long, and nothing was written; try again")
    }

    /// The file of the store is not in its place, which somebody has to see to. Nothing was written.
    pub(super) fn store_gone(cause: &Error) -> Failure {
        Failure::unavailable("store_gone", HIDDEN).because(cause.to_string())
    }

    fn because(mut self, cause: String) -> Failure {
        self.0.extensions_mut().insert(Cause(cause));
        self
    }

    fn unavailable(kind: &'static str, message: &str) -> Failure {
        Failure::of(StatusCode::SERVICE_UNAVAILABLE, kind, message).with_header(RETRY_AFTER, RETRY.as_secs().into())
    }

    /// A defect of ours.
    pub(super) fn internal() -> Failure {
        Failure::of(StatusCode::INTERNAL_SERVER_ERROR, Code::Internal.as_str(), HIDDEN)
    }
}

/// What is told of an error that is not the client's. The log has the rest: paths and SQLite's words are nobody else's.
const HIDDEN: &str = "the server failed; its log says more under the id of this request";

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let envelope = ErrorEnvelope::new(&error);
        let status = StatusCode::from_u16(envelope.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if !status.is_server_error() {
            return Failure(Box::new(json(status, &envelope)));
        }
        Failure::of(status, error.code().as_str(), HIDDEN).because(error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// The JSON of an answer. Work on the store ends in it: to write a long one would hold up an async thread.
pub(super) fn text(answer: &impl Serialize) -> Result<Vec<u8>, Error> {
    let failed = |error| Diagnostic::error(Code::Internal, format!("it cannot be written as JSON: {error}"));
    serde_json::to_vec(answer).map_err(|error| failed(error).into())
}

/// A response of JSON.
pub(super) fn json(status: StatusCode, answer: &impl Serialize) -> Response {
    // Names, numbers and mistakes only, which never fail to serialize.
    of_text(status, text(answer).unwrap_or_default())
}

/// A response of JSON that is written already.
pub(super) fn of_text(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
