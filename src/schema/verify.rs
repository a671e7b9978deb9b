//! The promises of a schema, held against a document (T4).

use std::fmt;

use serde::Serialize;
use serde_json::Value as Json;

use super::Schema;
use crate::error::excerpt;
use crate::path::Path;

/// A promise of a schema that a document breaks: see [`Schema::verify`]. Prints as one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BrokenPromise {
    /// The field that the promise is about.
    pub field: Path,
    /// What was found against it.
    pub found: Found,
}

/// What a document holds where a schema promises something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Found {
    /// `many` is false, and this path, the field's own or one that leads to it, is that of an array.
    Array(Path),
    /// `optional` is false, and the path leads nowhere.
    Missing,
    /// `optional` is false, and there is nothing but nulls: `null`, `[]` or `[null]`.
    Null,
}

impl Schema {
    /// The promises of the schema that a document breaks (T4), none if it keeps them all. Such a document is outside the
    /// law: a backend may answer otherwise for it. Types promise nothing, and a path that is not listed neither.
    ///
    /// `many = false` is broken by an array anywhere on the path, whatever it holds. `optional = false` is broken where
    /// `is_null` is true: missing, `null`, `[]`, `[null]`. Below an array one element that has the field is enough, since
    /// no filter can tell which of the elements has it.
    ///
    /// ```
    /// use serde_json::json;
    /// use trommel::{Field, Schema, Type};
    ///
    /// let schema = Schema::new([
    ///     Field::new("status", Type::String).single().required(),
    ///     Field::new("tags.name", Type::String).required(),
    /// ])?;
    /// assert!(schema.verify(&json!({"status": 5, "tags": [{"name": "new"}, {}]})).is_empty());
    ///
    /// let broken = schema.verify(&json!({"status": ["pending"], "tags": []}));
    /// let broken: Vec<String> = broken.iter().map(ToString::to_string).collect();
    /// assert_eq!(broken, ["`status` is an array, and `many` is false", "`tags.name` is missing, and `optional` is false"]);
    /// # Ok::<(), trommel::Error>(())
    /// ```
    ///
    /// Cost: for each listed field with a promise, what its path leads to. No recursion, whatever is nested.
    #[must_use]
    pub fn verify(&self, document: &Json) -> Vec<BrokenPromise> {
        let mut broken = Vec::new();
        for (path, known) in &self.fields {
            let array = if known.facts.many { None } else { array_on(path, document) };
            let nothing = if known.facts.optional { None } else { nothing_at(path, document) };
            let found = array.into_iter().chain(nothing);
            broken.extend(found.map(|found| BrokenPromise { field: path.clone(), found }));
        }
        broken
    }
}

/// The first array on a path.
fn array_on(path: &Path, document: &Json) -> Option<Found> {
    let mut at = document;
    for (passed, key) in path.keys().enumerate() {
        match at {
            Json::Array(_) => return Some(array_at(path, passed)),
            Json::Object(members) => at = members.get(key)?,
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => return None,
        }
    }
    at.is_array().then(|| array_at(path, path.keys().len()))
}

/// An array at the first `keys` of a path. A document that is an array itself is no document (D1), and breaks every such
/// promise all the same: the whole path stands for it.
fn array_at(path: &Path, keys: usize) -> Found {
    Found::Array(Path::from_keys(path.keys().take(keys)).unwrap_or_else(|| path.clone()))
}

/// Whether there are nulls only, as `is_null` understands it, and which.
fn nothing_at(path: &Path, document: &Json) -> Option<Found> {
    if !path.values(document).all(Json::is_null) {
        return None;
    }
    Some(if path.nodes(document).next().is_some() { Found::Null } else { Found::Missing })
}

impl fmt::Display for BrokenPromise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = excerpt(&self.field.to_string());
        match &self.found {
            Found::Array(at) if *at == self.field => write!(f, "`{field}` is an array, and `many` is false"),
            Found::Array(at) => {
                write!(f, "`{field}` lies below the array `{}`, and `many` is false", excerpt(&at.to_string()))
            }
            Found::Missing => write!(f, "`{field}` is missing, and `optional` is false"),
            Found::Null => write!(f, "`{field}` is null, and `optional` is false"),
        }
    }
}
