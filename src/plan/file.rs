//! The places of mistakes in the files of plans and catalogs.

use std::ops::Range;

use serde_json::value::RawValue;

use crate::error::Diagnostic;
use crate::filter::push_pointer;
use crate::parse::{Reader, Token};

/// The diagnostic of an error that serde found, with the pointer to what it is about.
pub(super) fn file_error(text: &str, error: &serde_json::Error) -> Diagnostic {
    let mut diagnostic = crate::schema::file_error(text, error);
    let at = diagnostic.place.span.as_ref().map(|span| span.start);
    diagnostic.place.pointer = at.and_then(|at| pointer_at(text, at));
    diagnostic
}

/// Where a part of a text stands in it.
pub(super) fn span_of(text: &str, part: &RawValue) -> Range<usize> {
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

/// The pointer to the member, element or whole that a byte of a JSON text belongs to; `None` where the text is no JSON up to
/// there.
fn pointer_at(text: &str, at: usize) -> Option<String> {
    let mut reader = Reader::new(text);
    let mut way: Vec<Open> = Vec::new();
    while let Ok(Some((token, span))) = reader.next() {
        let (mut opens, mut is_value) = (None, true);
        match token {
            Token::BeginObject => opens = Some(Open::Object(None)),
            Token::BeginArray => opens = Some(Open::List(0)),
            Token::EndObject | Token::EndArray => {
                way.pop();
            }
            Token::Key(key) => {
                way.pop();
                way.push(Open::Object(Some(key.to_owned())));
                is_value = false;
            }
            Token::Scalar(_) => {}
        }
        if span.range().is_some_and(|range| range.end > at) {
            return Some(pointer_of(&way));
        }
        match (opens, way.last_mut()) {
            (Some(open), _) => way.push(open),
            (None, Some(Open::List(index))) if is_value => *index += 1,
            (None, _) => {}
        }
    }
    None
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
        let text = r#"{"a/b": [1, {"c": "d"}, []], "e": true}"#;
        for (part, wanted) in [
            (r#"{"a/b"#, ""),
            (r#"a/b"#, "/a~1b"),
            (r#"1,"#, "/a~1b/0"),
            (r#"{"c"#, "/a~1b/1"),
            (r#"c""#, "/a~1b/1/c"),
            (r#"d""#, "/a~1b/1/c"),
            (r#"[]"#, "/a~1b/2"),
            (r#"], "e"#, "/a~1b"),
            (r#"true"#, "/e"),
        ] {
            assert_eq!(pointer_at(text, text.find(part).unwrap()).as_deref(), Some(wanted), "{part}");
        }
        assert_eq!(pointer_at(text, text.len() - 1).as_deref(), Some(""));
        assert_eq!(pointer_at("{,", 1), None);
    }
}
