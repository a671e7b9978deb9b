//! The JSON files of ours (schemas, mappings, catalogs, plans): objects alone where an object is meant, no key twice, and the
//! place of every mistake.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::error::{Code, Diagnostic, Error, Place, excerpt, visible};
use crate::filter::push_pointer;

/// Reads a file that is one object.
///
/// # Errors
/// `syntax`, `unknown_key`, `missing_value` or `duplicate_key`, with the place.
pub(crate) fn read<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, Error> {
    let read: Result<Object<T>, _> = serde_json::from_str(text);
    read.map(|Object(value)| value).map_err(|error| file_error(text, &error).into())
}

/// What stands in a file as an object. serde's derived readers take a list of the members' values as well, in the order of
/// their declaration: a form that nobody documents.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<T>, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members))
            }
        }

        deserializer.deserialize_map(Members(PhantomData)).map(Object)
    }
}

/// Reads an object.
pub(crate) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Object::deserialize(deserializer).map(|Object(value)| value)
}

/// Reads an object or null.
pub(crate) fn optional_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::<Object<T>>::deserialize(deserializer).map(|object| object.map(|Object(value)| value))
}

/// Reads a list of objects.
pub(crate) fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let objects = Vec::<Object<T>>::deserialize(deserializer)?;
    Ok(objects.into_iter().map(|Object(value)| value).collect())
}

/// Reads an object whose keys are anything, and refuses one that stands twice.
pub(crate) fn unique_keys<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, T>, D::Error> {
    struct Unique<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Unique<T> {
        type Value = BTreeMap<String, T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
            let mut fields = BTreeMap::new();
            while let Some((key, field)) = members.next_entry::<String, T>()? {
                if fields.contains_key(&key) {
                    return Err(de::Error::custom(format!("duplicate field `{}`", excerpt(&key))));
                }
                fields.insert(key, field);
            }
            Ok(fields)
        }
    }

    deserializer.deserialize_map(Unique(PhantomData))
}

/// Reads an object of objects, and refuses a key that stands twice.
pub(crate) fn unique_objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, T>, D::Error> {
    let objects: BTreeMap<String, Object<T>> = unique_keys(deserializer)?;
    Ok(objects.into_iter().map(|(key, Object(value))| (key, value)).collect())
}

/// The diagnostic of an error that serde found in a file.
fn file_error(text: &str, error: &serde_json::Error) -> Diagnostic {
    let message = error.to_string();
    // serde_json appends the place, which the diagnostic carries on its own.
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    let code = if message.starts_with("unknown field") {
        Code::UnknownKey
    } else if message.starts_with("duplicate") {
        Code::DuplicateKey
    } else if message.starts_with("missing field") {
        Code::MissingValue
    } else {
        Code::Syntax
    };
    let line_start = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
    // serde_json tells the byte that it has read last. An object or a list that is refused as such is the one after, and blanks.
    let is_unread = ["invalid type: sequence", "invalid type: map"].iter().any(|begin| message.starts_with(begin));
    let at = (line_start + error.column().saturating_sub(usize::from(!is_unread))).min(text.len());
    let opens = |byte: &u8| matches!(byte, b'[' | b'{');
    let blanks = text.as_bytes()[at..].iter().position(opens).filter(|_| is_unread).unwrap_or(0);
    let at = at + blanks;
    // serde names what it did not expect in the words of the file.
    Diagnostic::error(code, visible(message)).at(Place { pointer: pointer_at(text, at), span: Some(at..at) })
}

/// Where a part of a text stands in it.
pub(crate) fn span_of(text: &str, part: &RawValue) -> Range<usize> {
    let start = part.get().as_ptr() as usize - text.as_ptr() as usize;
    start..start + part.get().len()
}

/// What is open on the way to where a reader is.
enum Open {
    /// An object, and the key that was read last.
    Object(Option<String>),
    /// A list, and the index of the next element.
    List(usize),
}

/// The pointer to the member, element or whole that a byte of a JSON text belongs to; of a byte between two tokens, that of the
/// one after. `None` where nothing follows.
///
/// By itself, since the reader of tokens stands above the schema, whose file is read here: up to where serde_json stopped, the
/// text is known to be of the form, and brackets and strings are all that has to be told apart.
fn pointer_at(text: &str, at: usize) -> Option<String> {
    let bytes = text.as_bytes();
    let mut way: Vec<Open> = Vec::new();
    let (mut start, mut is_key) = (0, false);
    while let Some(&byte) = bytes.get(start) {
        let end = token_end(bytes, start);
        let (mut opens, mut is_value) = (None, true);
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' => {
                match byte {
                    b',' => is_key = matches!(way.last(), Some(Open::Object(_))),
                    b':' => is_key = false,
                    _ => {}
                }
                start = end;
                continue;
            }
            b'{' => opens = Some(Open::Object(None)),
            b'[' => opens = Some(Open::List(0)),
            b'}' | b']' => {
                is_key = false;
                way.pop();
            }
            _ if is_key => {
                way.pop();
                way.push(Open::Object(serde_json::from_str(text.get(start..end)?).ok()));
                is_value = false;
            }
            _ => {}
        }
        if end > at {
            return Some(pointer_of(&way));
        }
        match (opens, way.last_mut()) {
            (Some(open), _) => {
                is_key = matches!(open, Open::Object(_));
                way.push(open);
            }
            (None, Some(Open::List(index))) if is_value => *index += 1,
            (None, _) => {}
        }
        start = end;
    }
    None
}

/// Where the token ends that begins at a byte.
fn token_end(bytes: &[u8], start: usize) -> usize {
    let rest = &bytes[start + 1..];
    let more = match bytes[start] {
        b'{' | b'}' | b'[' | b']' | b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' => 0,
        b'"' => {
            let mut is_escaped = false;
            let closes = |byte: &u8| {
                let closes = *byte == b'"' && !is_escaped;
                is_escaped = *byte == b'\\' && !is_escaped;
                closes
            };
            rest.iter().position(closes).map_or(rest.len(), |at| at + 1)
        }
        _ => rest.iter().position(|byte| b"{}[],:\" \t\n\r".contains(byte)).unwrap_or(rest.len()),
    };
    start + 1 + more
}

fn pointer_of(way: &[Open]) -> String {
    let mut pointer = String::new();
    for open in way {
        match open {
            Open::Object(Some(key)) => push_pointer(&mut pointer, key),
            Open::Object(None) => {}
            Open::List(index) => push_pointer(&mut pointer, &index.to_string()),
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_belongs_to_something() {
        let text = r#"{"a/b": [1, {"c": "d"}, [], {}, "f"], "e": true}"#;
        for (part, wanted) in [
            (r#"{"a/b"#, ""),
            (r#"a/b"#, "/a~1b"),
            (r#"1,"#, "/a~1b/0"),
            (r#"{"c"#, "/a~1b/1"),
            (r#"c""#, "/a~1b/1/c"),
            (r#"d""#, "/a~1b/1/c"),
            (r#"[]"#, "/a~1b/2"),
            (r#"{}"#, "/a~1b/3"),
            (r#""f"#, "/a~1b/4"),
            (r#"], "e"#, "/a~1b"),
            (r#"true"#, "/e"),
        ] {
            assert_eq!(pointer_at(text, text.find(part).unwrap()).as_deref(), Some(wanted), "{part}");
        }
        assert_eq!(pointer_at(text, text.len() - 1).as_deref(), Some(""));
        // What is broken has a place too, or none, and breaks nothing.
        for text in ["", "{,", "{\"", "}", "]]", "{\"a\": [}", "\"\\", "[1 2", "{\"\\u12", "{\"é", "{é"] {
            for at in 0..=text.len() {
                let _ = pointer_at(text, at);
            }
        }
    }
}
