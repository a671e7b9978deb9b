//! The values of dynamic operands, from JSON text.

use std::collections::HashSet;

use super::json::{syntax, utf8};
use super::machine::{bad_number, duplicate};
use super::reader::{Reader, Scalar, Token};
use crate::document::{Document, DocumentError};
use crate::error::{Code, Diagnostic, Error, Place};
use crate::filter::Span;

/// Reads the values of dynamic operands ([`Filter::bind`](crate::Filter::bind)) from JSON text: one object.
///
/// They become operands, so what the text of a filter may not say, they may not either: a key twice in one object, of which
/// a reader would keep one, and a number that it would have to change.
///
/// ```
/// use trommel::parse;
///
/// let filter = parse::json(r#"{"owner": {"type": "dynamic", "field": "user"}}"#)?;
/// let values = parse::values(r#"{"user": 7}"#)?;
/// assert_eq!(filter.bind(&values)?.to_string(), r#"{"owner":7}"#);
/// assert_eq!(parse::values(r#"{"user": 7, "user": 8}"#).unwrap_err().code().as_str(), "duplicate_key");
/// assert_eq!(parse::values(r#"{"user": 18446744073709551616}"#).unwrap_err().code().as_str(), "operand_range");
/// # Ok::<(), trommel::Error>(())
/// ```
///
/// # Errors
/// `bind` for what is no object; each with its place, `syntax` for what is no JSON, `duplicate_key`, `operand_range`. Cost:
/// linear, whatever is nested.
pub fn values(input: impl AsRef<[u8]>) -> Result<Document, Error> {
    let input = input.as_ref();
    // No part of the JSON.
    let input = input.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(input);
    check(utf8(input).map_err(|diagnostic| *diagnostic)?)?;
    Document::read(input).map_err(|error| {
        let code = if matches!(error, DocumentError::NotAnObject(_)) { Code::Bind } else { Code::Syntax };
        Diagnostic::error(code, error.to_string()).into()
    })
}

/// Finds the first thing that may not be there.
fn check(text: &str) -> Result<(), Error> {
    let at = |diagnostic: Diagnostic, span: Span| diagnostic.at(Place { pointer: None, span: span.range() });
    let mut reader = Reader::new(text);
    // The keys of each object that is open.
    let mut open: Vec<HashSet<String>> = Vec::new();
    while let Some((token, span)) = reader.next().map_err(|error| syntax(&error))? {
        match token {
            Token::BeginObject => open.push(HashSet::new()),
            Token::EndObject => drop(open.pop()),
            Token::BeginArray | Token::EndArray => {}
            Token::Key(key) => {
                if open.last_mut().is_some_and(|keys| !keys.insert(key.to_owned())) {
                    return Err(at(duplicate(key), span).into());
                }
            }
            Token::Scalar(Scalar::BadNumber(bad)) => return Err(at(bad_number(bad), span).into()),
            Token::Scalar(Scalar::Null | Scalar::Bool(_) | Scalar::Number(_) | Scalar::String(_)) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_has_its_place() {
        let said = |text: &str| {
            let error = values(text).unwrap_err();
            (error.code(), error.diagnostics()[0].place.span.clone())
        };
        assert_eq!(said(r#"{"a": [{"b": 1, "b": 1}]}"#), (Code::DuplicateKey, Some(16..19)));
        assert_eq!(said(r#"{"a": {"b": 1}, "c": [-9223372036854775809]}"#), (Code::OperandRange, Some(22..42)));
        assert_eq!(said(r#"{"a": 1e999}"#), (Code::OperandRange, Some(6..11)));
        assert_eq!(said(r#"{"a" 1}"#), (Code::Syntax, Some(5..5)));
        assert_eq!(said("[1]"), (Code::Bind, None));
        assert!(values("\u{FEFF}{\"a\": {\"a\": 18446744073709551615}}").is_ok());
        assert!(values(format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000))).is_ok());
    }
}
