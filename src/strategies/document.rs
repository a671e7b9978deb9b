//! Documents.

use serde_json::{Map, Value as Json};

use super::pools;
use super::source::Source;

/// The members of an object.
pub(super) fn members(source: &mut Source<'_>, depth: usize) -> Map<String, Json> {
    let count = source.weighted(&[1, 3, 4, 3, 2]);
    (0..count).map(|_| (pools::key(source).to_owned(), value(source, depth))).collect()
}

fn value(source: &mut Source<'_>, depth: usize) -> Json {
    let containers = if depth == 0 { 0 } else { 1 };
    match source.weighted(&[6, 1, containers, 3, 4 * containers, 3 * containers]) {
        0 => pools::scalar(source),
        1 => Json::Null,
        2 => Json::Array(vec![Json::Null]),
        // Several scalars: two conditions may be met by two of them (C4), and their tokens are pooled (C5).
        3 => Json::Array((0..2 + source.below(3)).map(|_| pools::scalar(source)).collect()),
        4 => {
            let count = source.weighted(&[2, 3, 4, 2]);
            Json::Array((0..count).map(|_| element(source, depth - 1)).collect())
        }
        _ => Json::Object(members(source, depth - 1)),
    }
}

/// An element of an array: objects and arrays are likelier here, since it is here that paths fork.
fn element(source: &mut Source<'_>, depth: usize) -> Json {
    let containers = if depth == 0 { 0 } else { 1 };
    match source.weighted(&[5, 1, 5 * containers, 2 * containers]) {
        0 => pools::scalar(source),
        1 => Json::Null,
        2 => Json::Object(members(source, depth - 1)),
        _ => value(source, depth),
    }
}

/// A document with one to three small changes.
pub(super) fn near(source: &mut Source<'_>, document: &Json) -> Json {
    let mut near = document.clone();
    for _ in 0..=source.below(3) {
        change(source, &mut near);
    }
    near
}

/// Changes one value somewhere in an object.
fn change(source: &mut Source<'_>, document: &mut Json) {
    let mut at = document;
    let mut is_root = true;
    // From the root down, until the choice is to stop.
    loop {
        let inside = match &*at {
            Json::Array(elements) => elements.len(),
            Json::Object(members) => members.len(),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => 0,
        };
        if inside == 0 || (!is_root && source.one_in(3)) {
            break;
        }
        let chosen = source.below(inside);
        if let Json::Object(members) = at
            && source.one_in(6)
        {
            let key = members.keys().nth(chosen).cloned().unwrap_or_default();
            members.remove(&key);
            return;
        }
        let next = match at {
            Json::Array(elements) => elements.get_mut(chosen),
            Json::Object(members) => members.values_mut().nth(chosen),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => None,
        };
        let Some(next) = next else { return };
        at = next;
        is_root = false;
    }
    if is_root {
        *at = Json::Object(members(source, 3));
        return;
    }
    let old = at.take();
    *at = changed(source, old);
}

fn changed(source: &mut Source<'_>, old: Json) -> Json {
    match source.weighted(&[6, 2, 2, 1, 1, 1, 1, 1, 1]) {
        0 if old.is_array() || old.is_object() => pools::scalar(source),
        0 => pools::near(source, &old),
        1 => pools::scalar(source),
        2 => Json::Array(vec![old]),
        3 => Json::Array(vec![old, Json::Null]),
        4 => Json::Array(vec![Json::Array(vec![old])]),
        5 => Json::Null,
        6 => Json::Array(Vec::new()),
        7 => match old {
            Json::Array(elements) => elements.into_iter().next().unwrap_or(Json::Null),
            other => Json::Object(Map::from_iter([(pools::key(source).to_owned(), other)])),
        },
        _ => Json::Object(Map::new()),
    }
}

/// A document with exactly `levels` containers around its innermost value, made from the inside out.
pub(super) fn deep(source: &mut Source<'_>, levels: usize) -> Json {
    let mut inner = pools::scalar(source);
    for _ in 0..levels {
        inner = match source.weighted(&[4, 2, 1]) {
            0 => Json::Object(Map::from_iter([(pools::key(source).to_owned(), inner)])),
            1 => Json::Array(vec![inner]),
            _ => Json::Array(vec![pools::scalar(source), inner, Json::Null]),
        };
    }
    Json::Object(Map::from_iter([("a".to_owned(), inner)]))
}
