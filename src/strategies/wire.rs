//! JSON as it is sent: keys in any order, numbers and strings in any spelling.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value as Json};

use super::pools;
use super::source::Source;
use crate::path::push_quoted;

/// JSON whose numbers are texts and whose objects are lists.
#[derive(Clone, Debug)]
pub(super) enum Wire {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    Array(Vec<Wire>),
    Object(Vec<(String, Wire)>),
    /// An operand, for which a dynamic value may stand (B1).
    Operand(Box<Wire>),
}

impl Wire {
    /// A scalar or null, a number in one of its spellings.
    pub(super) fn scalar(source: &mut Source<'_>, value: &Json) -> Wire {
        match value {
            Json::Bool(bool) => Wire::Bool(*bool),
            Json::Number(number) => Wire::Number(spelled(source, number)),
            Json::String(string) => Wire::String(string.clone()),
            Json::Null | Json::Array(_) | Json::Object(_) => Wire::Null,
        }
    }

    /// The same with dynamic values for some operands, whose values are added to `values`.
    pub(super) fn with_variables(&self, source: &mut Source<'_>, values: &mut Map<String, Json>) -> Wire {
        match self {
            Wire::Operand(operand) => match &**operand {
                Wire::Array(elements) if source.one_in(2) => {
                    // A null in the list can be written, but not bound (B2).
                    let all: Option<Vec<Json>> = elements.iter().map(bindable).collect();
                    match all {
                        Some(all) if source.one_in(2) => variable(source, values, Json::Array(all)),
                        _ => Wire::Array(elements.iter().map(|element| replaced(element, source, values)).collect()),
                    }
                }
                scalar => replaced(scalar, source, values),
            },
            Wire::Array(members) => {
                Wire::Array(members.iter().map(|member| member.with_variables(source, values)).collect())
            }
            Wire::Object(members) => {
                let with = |(key, member): &(String, Wire)| (key.clone(), member.with_variables(source, values));
                Wire::Object(members.iter().map(with).collect())
            }
            Wire::Null | Wire::Bool(_) | Wire::Number(_) | Wire::String(_) => self.clone(),
        }
    }
}

/// A scalar, or a dynamic value in its place.
fn replaced(scalar: &Wire, source: &mut Source<'_>, values: &mut Map<String, Json>) -> Wire {
    match bindable(scalar) {
        Some(value) if !source.one_in(3) => variable(source, values, value),
        _ => scalar.clone(),
    }
}

/// The value that a variable must have to stand for this; none for a null or a list.
fn bindable(wire: &Wire) -> Option<Json> {
    match wire {
        Wire::Bool(bool) => Some(Json::Bool(*bool)),
        Wire::Number(text) => serde_json::from_str(text).ok(),
        Wire::String(string) => Some(Json::String(string.clone())),
        Wire::Null | Wire::Array(_) | Wire::Object(_) | Wire::Operand(_) => None,
    }
}

/// A dynamic value that is bound to `value`, at the top or within an object.
fn variable(source: &mut Source<'_>, values: &mut Map<String, Json>, value: Json) -> Wire {
    let name = format!("{}{}", pools::key(source), values.len());
    let mut path = String::new();
    let inner = pools::key(source);
    push_quoted(&mut path, &name);
    if source.one_in(2) {
        path.push('.');
        push_quoted(&mut path, inner);
        values.insert(name, Json::Object(Map::from_iter([(inner.to_owned(), value)])));
    } else {
        values.insert(name, value);
    }
    let mut members =
        vec![("type".to_owned(), Wire::String("dynamic".to_owned())), ("field".to_owned(), Wire::String(path))];
    source.shuffle(&mut members);
    Wire::Object(members)
}

/// A number in one of its spellings, all of the same value.
fn spelled(source: &mut Source<'_>, number: &Number) -> String {
    let plain = number.to_string();
    let is_small_integer = number.as_i64().is_some_and(|int| int.unsigned_abs() < 1 << 53);
    if is_small_integer {
        return match source.weighted(&[6, 1, 1, 1, 1]) {
            0 => plain,
            1 => format!("{plain}.0"),
            2 => format!("{plain}e0"),
            3 if plain != "0" => format!("{plain}0E-1"),
            _ => format!("{plain}.000E+00"),
        };
    }
    match number.is_f64() && !plain.contains('e') && source.one_in(4) {
        true => format!("{plain}0e0"),
        false => plain,
    }
}

/// How a text is laid out.
#[derive(Debug)]
pub(super) struct Spelling {
    blank: &'static str,
    /// One string in so many is written with escapes that it does not need.
    escapes: usize,
}

impl Spelling {
    pub(super) fn random(source: &mut Source<'_>) -> Spelling {
        Spelling { blank: source.pick(&["", "", "", " ", "\n\t"]), escapes: source.pick(&[1000, 1000, 6]) }
    }

    pub(super) fn print(&self, wire: &Wire, source: &mut Source<'_>) -> String {
        /// What is still to be written: the stack is explicit, since deep filters are made too.
        enum Todo<'w> {
            Value(&'w Wire),
            Text(&'static str),
            Key(&'w str),
        }
        let mut out = String::new();
        let mut todo = vec![Todo::Value(wire)];
        while let Some(next) = todo.pop() {
            match next {
                Todo::Text(text) => {
                    out.push_str(text);
                    out.push_str(self.blank);
                }
                Todo::Key(key) => {
                    self.string(key, source, &mut out);
                    out.push_str(self.blank);
                    out.push(':');
                    out.push_str(self.blank);
                }
                Todo::Value(Wire::Operand(operand)) => todo.push(Todo::Value(operand)),
                Todo::Value(Wire::Null) => out.push_str("null"),
                Todo::Value(Wire::Bool(bool)) => out.push_str(if *bool { "true" } else { "false" }),
                Todo::Value(Wire::Number(text)) => out.push_str(text),
                Todo::Value(Wire::String(string)) => self.string(string, source, &mut out),
                Todo::Value(Wire::Array(elements)) => {
                    todo.push(Todo::Text("]"));
                    for (at, element) in elements.iter().enumerate().rev() {
                        todo.push(Todo::Value(element));
                        todo.push(Todo::Text(if at == 0 { "[" } else { "," }));
                    }
                    if elements.is_empty() {
                        todo.push(Todo::Text("["));
                    }
                }
                Todo::Value(Wire::Object(members)) => {
                    todo.push(Todo::Text("}"));
                    for (at, (key, member)) in members.iter().enumerate().rev() {
                        todo.push(Todo::Value(member));
                        todo.push(Todo::Key(key));
                        todo.push(Todo::Text(if at == 0 { "{" } else { "," }));
                    }
                    if members.is_empty() {
                        todo.push(Todo::Text("{"));
                    }
                }
            }
        }
        out
    }

    fn string(&self, string: &str, source: &mut Source<'_>, out: &mut String) {
        if !source.one_in(self.escapes) {
            out.push_str(&Json::from(string).to_string());
            return;
        }
        out.push('"');
        for unit in string.encode_utf16() {
            // INVARIANT: writing to a `String` never fails.
            let _ = write!(out, "\\u{unit:04X}");
        }
        out.push('"');
    }
}
