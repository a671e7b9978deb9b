//! What the compiled program asks of a document, so that it runs over any representation of one.

use std::ops::Deref;

use serde_json::Value as Json;

use crate::value::Number;

/// A document, or a value in one.
pub(crate) trait Node: Copy {
    type Elements: Iterator<Item = Self>;
    type Text: Deref<Target = str>;

    /// The member of an object; `None` for what is no object, or lacks it.
    fn member(self, key: &str) -> Option<Self>;

    fn view(self) -> View<Self>;
}

/// What a value is.
pub(crate) enum View<N: Node> {
    Null,
    Bool(bool),
    Number(Number),
    String(N::Text),
    Array(N::Elements),
    /// An object: no test looks at it as a whole.
    Object,
}

impl<'d> Node for &'d Json {
    type Elements = std::slice::Iter<'d, Json>;
    type Text = &'d str;

    // A search through the map inlined everywhere would leave the loops around it no registers.
    #[inline(never)]
    fn member(self, key: &str) -> Option<&'d Json> {
        match self {
            Json::Object(members) => members.get(key),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => None,
        }
    }

    fn view(self) -> View<&'d Json> {
        match self {
            Json::Null => View::Null,
            Json::Bool(bool) => View::Bool(*bool),
            // A number without a finite `f64` is in no document (D2); it is no scalar, and not null.
            Json::Number(number) => Number::from_json(number).map_or(View::Object, View::Number),
            Json::String(string) => View::String(string.as_str()),
            Json::Array(elements) => View::Array(elements.iter()),
            Json::Object(_) => View::Object,
        }
    }
}
