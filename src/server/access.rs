//! Who asks, and about which namespace.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;

use super::App;
use super::answer::Failure;
use crate::error::{Code, Diagnostic, Error, excerpt};
use crate::store::ApiKey;

/// The key that a request came with.
pub(super) struct Caller(pub(super) ApiKey);

/// The namespace that a request is about, by its id: one that its key holds.
pub(super) struct Namespace(pub(super) String);

const X_NAMESPACE: HeaderName = HeaderName::from_static("x-namespace");

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Caller, Failure> {
        let key = bearer(&parts.headers).ok_or_else(Failure::unauthorized)?.to_owned();
        let known = app.stores.authenticate(key).await?;
        known.map(Caller).ok_or_else(Failure::unauthorized)
    }
}

impl FromRequestParts<Arc<App>> for Namespace {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Namespace, Failure> {
        let Caller(key) = Caller::from_request_parts(parts, app).await?;
        let named = named(parts)?;
        // Those that the key does not hold are not even looked at: neither the answer nor its time can tell of them.
        let by_id = key.namespaces.iter().find(|held| held.namespace_id == named);
        match by_id.or_else(|| key.namespaces.iter().find(|held| held.name == named)) {
            Some(held) => Ok(Namespace(held.namespace_id.clone())),
            None => {
                let names = key.namespaces.iter().flat_map(|held| [&*held.name, &*held.namespace_id]);
                let message = format!("there is no namespace `{}`", excerpt(&named));
                Err(Error::from(Diagnostic::error(Code::NotFound, message).near(&named, names)).into())
            }
        }
    }
}

/// The one value of a header; `None` where there is none, or more.
fn only(headers: &HeaderMap, name: &HeaderName) -> Option<Result<String, Failure>> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    let text = std::str::from_utf8(value.as_bytes()).ok().filter(|_| values.next().is_none());
    Some(text.map(str::to_owned).ok_or_else(|| Failure::bad_request(format!("`{name}` is one text in UTF-8"))))
}

/// The key in `Authorization: Bearer sk_…` (RFC 6750), the scheme in any letter case.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    let is_one = scheme.eq_ignore_ascii_case("bearer") && values.next().is_none();
    is_one.then(|| key.trim())
}

/// The namespace that a request names. The header wins over the query.
fn named(parts: &Parts) -> Result<String, Failure> {
    let named = match only(&parts.headers, &X_NAMESPACE) {
        Some(named) => named?,
        None => {
            let mut values =
                query(parts.uri.query().unwrap_or_default())?.into_iter().filter(|(name, _)| name == "namespace");
            let first = values.next().map(|(_, value)| value).unwrap_or_default();
            if values.next().is_some() {
                return Err(Failure::bad_request("`namespace` stands twice in the query"));
            }
            first
        }
    };
    if named.is_empty() {
        return Err(Failure::bad_request("a namespace is needed: `X-Namespace`, or `?namespace=`"));
    }
    Ok(named)
}

/// The names and values of a query, as forms write them. The usual readers take a character of their own for what is no UTF-8,
/// which would be another name.
fn query(query: &str) -> Result<Vec<(String, String)>, Failure> {
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        let decoded = percent_decode_str(&text).decode_utf8().map(Cow::into_owned);
        decoded.map_err(|_| Failure::bad_request("the query is no text in UTF-8"))
    };
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| Ok((decoded(name)?, decoded(value)?))).collect()
}
