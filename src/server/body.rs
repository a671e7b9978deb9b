//! The parts of a request that a client writes: the body and the path.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use mime::Mime;
use tokio::time::timeout;

use super::App;
use super::answer::Failure;

/// A body that says that it is JSON, within the limits; nobody has read it yet.
pub(super) struct JsonBody(pub(super) Bytes);

impl FromRequest<Arc<App>> for JsonBody {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<JsonBody, Failure> {
        let (headers, most) = (request.headers(), app.settings.body_bytes);
        expect_json(headers)?;
        let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > most as u64) {
            return Err(Failure::body_too_large(most));
        }
        let read = timeout(app.settings.arrival, Limited::new(request.into_body(), most).collect());
        match read.await.map_err(|_| Failure::body_too_late())? {
            Ok(read) => Ok(JsonBody(read.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(Failure::body_too_large(most)),
            Err(_) => Err(Failure::bad_request("the body did not arrive whole")),
        }
    }
}

fn expect_json(headers: &HeaderMap) -> Result<(), Failure> {
    let mut contents = headers.get_all(CONTENT_TYPE).iter();
    let content = contents.next().and_then(|value| value.to_str().ok()?.parse::<Mime>().ok());
    let is_json = |content: &Mime| content.essence_str() == "application/json" && contents.next().is_none();
    let Some(content) = content.filter(is_json) else {
        return Err(Failure::wrong_content("the body is JSON: `Content-Type: application/json`"));
    };
    // JSON has no other encoding (RFC 8259, 8.1). To read another as UTF-8 would ask for something else than was meant.
    let is_utf8 = |(name, value): (mime::Name, mime::Name)| name != mime::CHARSET || value == mime::UTF_8;
    if !content.params().all(is_utf8) {
        return Err(Failure::wrong_content("the body is JSON, and so its `charset` is UTF-8"));
    }
    let encoding = headers.get(CONTENT_ENCODING).map_or(b"identity".as_slice(), |value| value.as_bytes());
    if !encoding.eq_ignore_ascii_case(b"identity") {
        return Err(Failure::wrong_content("the body is JSON as it is, without a content encoding"));
    }
    Ok(())
}

/// The one name in the path of a route: an id, or a name.
pub(super) struct Named(pub(super) String);

impl FromRequestParts<Arc<App>> for Named {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Named, Failure> {
        let named = Path::<String>::from_request_parts(parts, app).await;
        named.map(|Path(named)| Named(named)).map_err(|_| Failure::bad_request("the path is no text in UTF-8"))
    }
}
