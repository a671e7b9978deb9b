//! The text of a document as it is kept: what SQLite would read otherwise than the law is written anew or refused.

use std::collections::HashSet;

use crate::error::excerpt;
use crate::parse::{Reader, Token};

/// Numbers of so many characters are read alike by everybody; longer ones are written as `serde_json` writes them (Q3), since
/// SQLite does not round every long decimal as D2 asks, and orders integers past `i64` by their digits.
const SHORT_NUMBER: usize = 15;

/// SQLite reads so many levels of JSON.
const DEEPEST: usize = 1_000;

/// The document without white space, long numbers rewritten; or why it cannot be kept.
pub(super) fn kept(text: &str) -> Result<String, String> {
    let mut kept = String::with_capacity(text.len());
    let mut reader = Reader::new(text);
    // The keys of each object that is open; lists have none.
    let mut open: Vec<Option<HashSet<String>>> = Vec::new();
    let mut needs_comma = false;
    while let Some((token, span)) = reader.next().map_err(|error| error.message)? {
        let raw = span.range().map_or("", |range| &text[range]);
        if needs_comma && !matches!(token, Token::EndObject | Token::EndArray) {
            kept.push(',');
        }
        needs_comma = true;
        match token {
            Token::BeginObject | Token::BeginArray => {
                open.push(matches!(token, Token::BeginObject).then(HashSet::new));
                if open.len() > DEEPEST {
                    return Err("nested more deeply than SQLite reads JSON".to_owned());
                }
                kept.push_str(raw);
                needs_comma = false;
            }
            Token::EndObject | Token::EndArray => {
                open.pop();
                kept.push_str(raw);
            }
            Token::Key(key) => {
                if key.contains('\0') {
                    return Err("a key with U+0000 in it, where SQLite ends keys".to_owned());
                }
                // D5: of two, SQLite reads the first, and other readers the last.
                if open.last_mut().and_then(Option::as_mut).is_some_and(|keys| !keys.insert(key.to_owned())) {
                    return Err(format!("the key `{}` stands twice", excerpt(key)));
                }
                kept.push_str(raw);
                kept.push(':');
                needs_comma = false;
            }
            Token::Scalar(_) => {
                let is_number = raw.starts_with(|c: char| c == '-' || c.is_ascii_digit());
                match serde_json::from_str::<serde_json::Number>(raw) {
                    Ok(number) if is_number && raw.len() > SHORT_NUMBER => kept.push_str(&number.to_string()),
                    _ => kept.push_str(raw),
                }
            }
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_numbers_are_written_anew() {
        let text = r#" { "z" : 1.50 , "a" : [ 1e2 , -0.0, "\u00e9\n" , {}, [ ], null,true ], "n": -9223372036854775809, "d": 137.0827759351375192409 } "#;
        let wanted =
            r#"{"z":1.50,"a":[1e2,-0.0,"\u00e9\n",{},[],null,true],"n":-9.223372036854776e+18,"d":137.0827759351375}"#;
        assert_eq!(kept(text).unwrap(), wanted);
        assert_eq!(kept(wanted).unwrap(), wanted);
    }

    #[test]
    fn what_sqlite_reads_otherwise_is_refused() {
        assert!(kept(r#"{"a":{"b":1,"b":2}}"#).unwrap_err().contains("`b` stands twice"));
        assert!(kept(r#"{"a":1,"\u0061":2}"#).unwrap_err().contains("`a` stands twice"));
        assert!(kept(r#"{"a":[{"x":1},{"x":2}]}"#).is_ok());
        assert!(kept(r#"{"a\u0000":1}"#).unwrap_err().contains("U+0000"));
        let deep = |levels: usize| format!("{}{}", r#"{"a":"#.repeat(levels), "1") + &"}".repeat(levels);
        assert!(kept(&deep(1_000)).is_ok());
        assert!(kept(&deep(1_001)).unwrap_err().contains("nested"));
    }
}
