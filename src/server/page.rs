//! The page: a form of the trigger call, and a preview of what it would touch.

use std::sync::LazyLock;

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Everything in one: it asks nobody but the server that it comes from.
const PAGE: &str = include_str!("page.html");

/// What the browser holds the page to (Content Security Policy, level 3): its own script and style by their hashes, calls to
/// this server, and no other thing from anywhere. With trusted types, a text that becomes HTML is an error.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let (script, style) = (hash("script"), hash("style"));
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    );
    // INVARIANT: a policy of ASCII is a header. Without it the page would be unguarded, so it would have none of its parts.
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// The SHA-256 of what is in the page's one element of a name, in base64.
fn hash(element: &str) -> String {
    let inside =
        PAGE.split_once(&format!("<{element}>")).and_then(|(_, rest)| rest.split_once(&format!("</{element}>")));
    STANDARD.encode(hmac_sha256::Hash::hash(inside.map_or("", |(inside, _)| inside).as_bytes()))
}

pub(super) async fn page() -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, POLICY.clone()),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    ];
    (headers, PAGE).into_response()
}
