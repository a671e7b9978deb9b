//! The values of a unique key, as one text that is equal for equal values (D2, D3).

use std::fmt::Write as _;

use serde_json::Value as Json;

use crate::path::Path;
use crate::plan::UniqueKey;
use crate::value::{Number, write_json_string};

/// The text of an object's key values; `None` where one of them is missing: such an object equals none.
pub(super) fn key_value(key: &UniqueKey, object: &Json) -> Option<String> {
    let mut text = String::new();
    for field in &key.fields {
        text.push('[');
        write_nodes(&mut text, field, object)?;
        text.push(']');
    }
    Some(text)
}

fn write_nodes(text: &mut String, field: &Path, object: &Json) -> Option<()> {
    let mut nodes = field.nodes(object).peekable();
    nodes.peek()?;
    for node in nodes {
        write_canonical(text, node);
        text.push(',');
    }
    Some(())
}

/// Writes a value so that equal ones are written alike: members sorted, numbers by what they are. No recursion.
fn write_canonical(text: &mut String, value: &Json) {
    enum Next<'v> {
        Value(&'v Json),
        Member(&'v str, &'v Json),
        Text(char),
    }
    let mut stack = vec![Next::Value(value)];
    while let Some(next) = stack.pop() {
        let value = match next {
            Next::Text(c) => {
                text.push(c);
                continue;
            }
            Next::Member(key, value) => {
                // INVARIANT: writing to a `String` never fails.
                let _ = write_json_string(text, key);
                text.push(':');
                value
            }
            Next::Value(value) => value,
        };
        match value {
            Json::Null => text.push_str("null"),
            Json::Bool(bool) => text.push_str(if *bool { "true" } else { "false" }),
            Json::Number(number) => {
                let number = Number::from_json(number);
                let _ = match (number.and_then(Number::integer), number) {
                    (Some(integer), _) => write!(text, "{integer}"),
                    (None, Some(number)) => write!(text, "{number}"),
                    // INVARIANT: no document holds one (D2).
                    (None, None) => Ok(()),
                };
            }
            Json::String(string) => {
                let _ = write_json_string(text, string);
            }
            Json::Array(elements) => {
                text.push('[');
                stack.push(Next::Text(']'));
                for element in elements.iter().rev() {
                    stack.push(Next::Text(','));
                    stack.push(Next::Value(element));
                }
            }
            Json::Object(members) => {
                text.push('{');
                stack.push(Next::Text('}'));
                let mut members: Vec<_> = members.iter().collect();
                members.sort_unstable_by(|a, b| b.0.cmp(a.0));
                for (key, member) in members {
                    stack.push(Next::Text(','));
                    stack.push(Next::Member(key, member));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_values_have_one_text_and_others_do_not() {
        let key = UniqueKey { fields: vec![Path::parse("a").unwrap(), Path::parse("b.c").unwrap()] };
        let text = |object: Json| key_value(&key, &object);
        let parse = |text: &str| serde_json::from_str::<Json>(text).unwrap();
        assert_eq!(
            text(json!({"a": 5, "b": {"c": {"x": 1, "y": [1.0]}}})),
            text(parse(r#"{"b":{"c":{"y":[1],"x":1e0}},"a":5.0}"#))
        );
        assert_eq!(text(json!({"a": -0.0, "b": {"c": 1}})), text(json!({"a": 0, "b": {"c": 1}})));
        assert_ne!(text(json!({"a": "5", "b": {"c": 1}})), text(json!({"a": 5, "b": {"c": 1}})));
        assert_ne!(text(json!({"a": ["b"], "b": {"c": 1}})), text(json!({"a": "b", "b": {"c": 1}})));
        let (large, float) =
            (parse(r#"{"a":9007199254740993,"b":{"c":1}}"#), parse(r#"{"a":9007199254740992.0,"b":{"c":1}}"#));
        assert_ne!(text(large), text(float));
        assert_eq!(text(json!({"a": 5, "b": {}})), None);
        assert!(text(json!({"a": null, "b": {"c": null}})).is_some());
    }
}
