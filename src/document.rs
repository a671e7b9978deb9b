//! Reading documents (D1, D2), nested as deeply as they are.

use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

use serde::de::IgnoredAny;
use serde_json::{Map, Value as Json};

use crate::filter::Span;
use crate::parse::{BadNumber, Reader, Scalar, SyntaxError, Token};
use crate::value::{Number, Value, write_json};

/// A document: a JSON object, whatever its depth. Dereferences to [`serde_json::Value`].
///
/// `serde_json` refuses 128 levels and more, and a `Value` that is deeper is dropped by recursion, which overflows the
/// stack; this reads and drops any depth. Cost: that of `serde_json` up to its limit, about twice that beyond.
///
/// ```
/// use trommel::Document;
///
/// let document = Document::read(br#"{"status": "pending"}"#)?;
/// assert_eq!(document["status"], "pending");
/// assert_eq!(Document::read(b"[1]").unwrap_err().to_string(), "a list, not an object");
/// # Ok::<(), trommel::DocumentError>(())
/// ```
pub struct Document(Json);

/// Why a text is no document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// It is not JSON, or holds a number without a finite `f64` (D2).
    #[error("{message} at column {column}")]
    NotJson {
        /// What was expected.
        message: String,
        /// Where, in bytes from 1.
        column: usize,
    },
    /// It is JSON, but no object.
    #[error("{0}, not an object")]
    NotAnObject(&'static str),
}

impl Document {
    /// Reads a document. Of duplicate keys the last wins (D5).
    ///
    /// # Errors
    /// [`DocumentError`], where the text is no JSON object, or holds a number without a finite `f64`.
    pub fn read(text: &[u8]) -> Result<Document, DocumentError> {
        let json = match serde_json::from_slice::<Json>(text) {
            Ok(json) => json,
            Err(error) if error.to_string().starts_with("recursion limit exceeded") => {
                // A bracket takes dozens of bytes once it is read, so a text of nothing but brackets is refused before.
                serde_json::from_slice::<IgnoredAny>(text).map_err(|error| reader_error(text, &error))?;
                read_deep(text)?.into_json()
            }
            Err(error) => return Err(reader_error(text, &error)),
        };
        let document = Document(json);
        if keeps_all_numbers() && !document.numbers_are_finite() {
            return Err(not_json("number out of range", 0));
        }
        let kind = match &document.0 {
            Json::Object(_) => return Ok(document),
            Json::Array(_) => "a list",
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::String(_) => "a string",
        };
        Err(DocumentError::NotAnObject(kind))
    }

    /// A document that was read elsewhere. INVARIANT: an object, whose numbers have finite `f64`s.
    #[cfg(feature = "tantivy")]
    pub(crate) fn from_object(object: Json) -> Document {
        Document(object)
    }

    /// Whether every number has a finite `f64` (D2).
    fn numbers_are_finite(&self) -> bool {
        let mut stack = vec![&self.0];
        while let Some(value) = stack.pop() {
            match value {
                Json::Number(number) if Number::from_json(number).is_none() => return false,
                Json::Array(elements) => stack.extend(elements),
                Json::Object(members) => stack.extend(members.values()),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
            }
        }
        true
    }

    fn into_json(mut self) -> Json {
        self.0.take()
    }
}

impl Deref for Document {
    type Target = Json;

    fn deref(&self) -> &Json {
        &self.0
    }
}

impl AsRef<Json> for Document {
    fn as_ref(&self) -> &Json {
        &self.0
    }
}

impl fmt::Display for Document {
    /// The document as JSON on one line, without recursion.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_json(f, &self.0)
    }
}

impl fmt::Debug for Document {
    /// The document as JSON on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Drop for Document {
    /// Takes the value apart with a stack of its own: the default would recurse.
    fn drop(&mut self) {
        let mut stack = Vec::new();
        take_containers(&mut self.0, &mut stack);
        while let Some(mut value) = stack.pop() {
            take_containers(&mut value, &mut stack);
        }
    }
}

/// Whether `serde_json` was built with `arbitrary_precision`, which any crate of a build can ask for: it then reads
/// numbers that no document may hold.
fn keeps_all_numbers() -> bool {
    static KEEPS: OnceLock<bool> = OnceLock::new();
    *KEEPS.get_or_init(|| serde_json::from_str::<Json>("1e400").is_ok())
}

/// Moves the containers inside a value to the stack, if there are any.
fn take_containers(value: &mut Json, stack: &mut Vec<Json>) {
    let is_container = |value: &&mut Json| value.is_array() || value.is_object();
    match value {
        Json::Array(elements) => stack.extend(elements.iter_mut().filter(is_container).map(Json::take)),
        Json::Object(members) => stack.extend(members.values_mut().filter(is_container).map(Json::take)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// A container that is being read.
enum Open {
    Object(Map<String, Json>, String),
    Array(Vec<Json>),
}

impl Open {
    fn into_document(self) -> Document {
        match self {
            Open::Object(members, _) => Document(Json::Object(members)),
            Open::Array(elements) => Document(Json::Array(elements)),
        }
    }
}

/// The containers that are open. They are dropped without recursion.
#[derive(Default)]
struct Stack(Vec<Open>);

impl Drop for Stack {
    fn drop(&mut self) {
        self.0.drain(..).map(Open::into_document).for_each(drop);
    }
}

/// Reads any depth with a stack of its own.
fn read_deep(text: &[u8]) -> Result<Document, DocumentError> {
    let text = std::str::from_utf8(text).map_err(|error| not_json("the text is not UTF-8", error.valid_up_to()))?;
    if text.len() >= u32::MAX as usize {
        return Err(not_json("a document of 4 GiB or more", 0));
    }
    let syntax = |error: Box<SyntaxError>| not_json(&error.message, error.at);
    let mut reader = Reader::new(text);
    let mut stack = Stack::default();
    let open = &mut stack.0;
    let mut root = None;
    while let Some((token, span)) = reader.next().map_err(syntax)? {
        let value = match token {
            Token::BeginObject => {
                open.push(Open::Object(Map::new(), String::new()));
                continue;
            }
            Token::BeginArray => {
                open.push(Open::Array(Vec::new()));
                continue;
            }
            Token::Key(text) => {
                if let Some(Open::Object(_, key)) = open.last_mut() {
                    text.clone_into(key);
                }
                continue;
            }
            Token::EndObject | Token::EndArray => match open.pop() {
                Some(Open::Object(members, _)) => Json::Object(members),
                Some(Open::Array(elements)) => Json::Array(elements),
                None => continue,
            },
            Token::Scalar(scalar) => scalar_json(&scalar, text, span)?,
        };
        match open.last_mut() {
            Some(Open::Object(members, key)) => {
                members.insert(std::mem::take(key), value);
            }
            Some(Open::Array(elements)) => elements.push(value),
            None => root = Some(Document(value)),
        }
    }
    root.ok_or_else(|| not_json("there is no JSON value", 0))
}

fn scalar_json(scalar: &Scalar<'_>, text: &str, span: Span) -> Result<Json, DocumentError> {
    let range = span.range().unwrap_or_default();
    match scalar.to_value() {
        Ok(Value::Null) => Ok(Json::Null),
        Ok(Value::Bool(bool)) => Ok(Json::Bool(bool)),
        Ok(Value::String(string)) => Ok(Json::String((*string).to_owned())),
        Ok(Value::Number(_)) | Err(BadNumber::IntegerRange) => {
            // An integer out of range is the nearest float (D2), which is what serde_json makes of it.
            serde_json::from_str(&text[range.clone()]).map_err(|_| not_json("number out of range", range.end))
        }
        Err(BadNumber::NotFinite) => Err(not_json("number out of range", range.end)),
    }
}

/// What `serde_json` found.
fn reader_error(text: &[u8], error: &serde_json::Error) -> DocumentError {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(&*message, |(message, _)| message);
    // The reader counts lines; here all is one text.
    let line = text.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
    let column = line.map(<[u8]>::len).sum::<usize>() + error.column();
    DocumentError::NotJson { message: message.to_owned(), column }
}

fn not_json(message: &str, at: usize) -> DocumentError {
    DocumentError::NotJson { message: message.to_owned(), column: at + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_readers_read_and_print_alike() {
        for text in [
            r#"{}"#,
            r#"{"a":[1,-0.0,5.0,18446744073709551616,{"b":"\u00e9\n\u0000"},[],null,true]}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":1e-400}"#,
        ] {
            let (quick, deep) = (Document::read(text.as_bytes()).unwrap(), read_deep(text.as_bytes()).unwrap());
            assert_eq!(quick.0, deep.0, "{text}");
            assert_eq!(quick.to_string(), serde_json::to_string(&deep.0).unwrap());
        }
        for text in [r#"{"a":1e400}"#, r#"{"a":}"#, r#"{"a":1} 2"#, "", r#"{"a":"\ud800"}"#] {
            assert!(Document::read(text.as_bytes()).is_err(), "{text}");
            assert!(read_deep(text.as_bytes()).is_err(), "{text}");
        }
        let deep = format!("{}1{}", r#"{"a":["#.repeat(500), "]}".repeat(500));
        assert_eq!(Document::read(deep.as_bytes()).unwrap().to_string(), deep);
        for kind in ["[]", "null", "true", "1", "\"a\""] {
            assert!(matches!(Document::read(kind.as_bytes()), Err(DocumentError::NotAnObject(_))));
        }
    }
}
