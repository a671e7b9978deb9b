//! The fields that a filter can ask about: those of some documents, those of a schema, and strangers.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::pools;
use super::source::Source;
use crate::operator::Operator;
use crate::path::Path;
use crate::schema::{Field, Schema, Type};

/// What is stored at the paths of some documents, and what a schema says of them.
#[derive(Debug)]
pub(super) struct Fields<'s> {
    schema: &'s Schema,
    /// For each path, the scalars there.
    stored: Vec<(Vec<String>, Vec<Json>)>,
}

/// A field to ask about.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) keys: Vec<String>,
    pub(super) scalars: Vec<Json>,
    pub(super) ty: Type,
    /// The operators that are allowed; at least one.
    pub(super) operators: Vec<Operator>,
}

impl<'s> Fields<'s> {
    pub(super) fn of(documents: &[Json], schema: &'s Schema) -> Fields<'s> {
        Fields { schema, stored: stored(documents) }
    }

    /// A field, most often one that is stored.
    pub(super) fn target(&self, source: &mut Source<'_>) -> Target {
        let listed: Vec<&Path> = self.schema.paths().collect();
        let keys = if self.schema.is_closed() || (!listed.is_empty() && source.one_in(2)) {
            source.pick(&listed).keys().map(str::to_owned).collect()
        } else {
            self.keys(source)
        };
        self.at(keys)
    }

    /// Another field within the same member of the document, or the same again.
    pub(super) fn beside(&self, target: &Target, source: &mut Source<'_>) -> Target {
        let first = target.keys.first();
        let beside: Vec<&Vec<String>> =
            self.stored.iter().map(|(keys, _)| keys).filter(|keys| keys.first() == first).collect();
        if self.schema.is_closed() || beside.is_empty() || source.one_in(2) {
            return target.clone();
        }
        self.at(source.pick(&beside).clone())
    }

    fn at(&self, keys: Vec<String>) -> Target {
        let known = Path::from_keys(keys.iter().map(String::as_str)).and_then(|path| self.schema.known(&path));
        let (ty, operators) = match known {
            Some(known) => (known.facts.ty, known.allowed().collect()),
            None => (Type::Any, Operator::all().collect()),
        };
        let scalars = self.stored.iter().find(|(stored, _)| *stored == keys);
        let scalars = scalars.map_or(Vec::new(), |(_, scalars)| scalars.clone());
        Target { keys, scalars, ty, operators }
    }

    fn keys(&self, source: &mut Source<'_>) -> Vec<String> {
        if self.stored.is_empty() || source.one_in(12) {
            let count = 1 + source.weighted(&[4, 2, 1]);
            return (0..count).map(|_| pools::key(source).to_owned()).collect();
        }
        let mut keys = source.pick_ref(&self.stored).0.clone();
        match source.weighted(&[12, 1, 1]) {
            0 => {}
            1 => keys.push(if source.one_in(2) { "0" } else { pools::key(source) }.to_owned()),
            _ => keys.truncate(1.max(keys.len() - 1)),
        }
        keys
    }
}

/// Every path of the documents, and the scalars that it leads to.
fn stored(documents: &[Json]) -> Vec<(Vec<String>, Vec<Json>)> {
    let mut stored: BTreeMap<Vec<String>, Vec<Json>> = BTreeMap::new();
    let mut stack: Vec<(Vec<String>, &Json)> = documents.iter().map(|document| (Vec::new(), document)).collect();
    while let Some((keys, value)) = stack.pop() {
        if !keys.is_empty() {
            let scalars = stored.entry(keys.clone()).or_default();
            let is_scalar = |value: &&Json| value.is_boolean() || value.is_number() || value.is_string();
            match value {
                Json::Array(elements) => scalars.extend(elements.iter().filter(is_scalar).cloned()),
                other => scalars.extend(Some(other).filter(is_scalar).cloned()),
            }
        }
        let objects = match value {
            Json::Array(elements) => elements.as_slice(),
            other => std::slice::from_ref(other),
        };
        for (key, member) in objects.iter().filter_map(Json::as_object).flatten() {
            let mut keys = keys.clone();
            keys.push(key.clone());
            stack.push((keys, member));
        }
    }
    stored.into_iter().collect()
}

/// A schema of some of the documents' fields, whose promises the documents keep.
pub(super) fn random_schema(source: &mut Source<'_>, documents: &[Json]) -> Schema {
    let mut fields: BTreeMap<Vec<String>, Field> = BTreeMap::new();
    let all = stored(documents);
    for (keys, scalars) in &all {
        if !source.one_in(3) {
            fields.insert(keys.clone(), field(source, keys, scalars, documents));
        }
    }
    if fields.is_empty() || source.one_in(4) {
        let keys = vec![pools::key(source).to_owned()];
        let scalars = all.iter().find(|(stored, _)| *stored == keys).map_or(&[][..], |(_, scalars)| scalars);
        fields.insert(keys.clone(), field(source, &keys, scalars, documents));
    }
    // INVARIANT: each path is there once, and each operator fits its type.
    let schema = Schema::new(fields.into_values()).unwrap_or_default();
    if source.one_in(4) { schema.closed() } else { schema }
}

fn field(source: &mut Source<'_>, keys: &[String], scalars: &[Json], documents: &[Json]) -> Field {
    let likely = match scalars.first() {
        Some(Json::Bool(_)) => Type::Boolean,
        Some(Json::Number(_)) => source.pick(&[Type::Number, Type::Integer]),
        Some(Json::String(_)) => source.pick(&[Type::Datetime, Type::String]),
        _ => Type::Any,
    };
    let types = [Type::Any, Type::Datetime, Type::String, Type::Number, Type::Integer, Type::Boolean];
    let ty = if source.one_in(3) { source.pick(&types) } else { likely };
    let path = Path::from_keys(keys.iter().map(String::as_str));
    let mut field = Field::new(path.map_or_else(String::new, |path| path.to_string()), ty);
    if source.one_in(2) && documents.iter().all(|document| is_single(document, keys)) {
        field = field.single();
    }
    if source.one_in(2) && documents.iter().all(|document| is_stored_alone(document, keys)) {
        field = field.required();
    }
    if source.one_in(4) {
        let mut operators: Vec<Operator> = Operator::all().filter(|operator| ty.fits(*operator)).collect();
        source.shuffle(&mut operators);
        operators.truncate(1 + source.below(operators.len()));
        field = field.operators(operators);
    }
    field
}

/// Whether there is no array on the path (T4).
fn is_single(document: &Json, keys: &[String]) -> bool {
    let mut at = document;
    for key in keys {
        match at {
            Json::Array(_) => return false,
            Json::Object(members) => match members.get(key) {
                Some(member) => at = member,
                None => return true,
            },
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => return true,
        }
    }
    !at.is_array()
}

/// Whether the path leads through objects to something that is neither null nor an array: more than T4 asks for.
fn is_stored_alone(document: &Json, keys: &[String]) -> bool {
    let found = keys.iter().try_fold(document, |at, key| at.as_object()?.get(key));
    found.is_some_and(|value| !value.is_null() && !value.is_array())
}
