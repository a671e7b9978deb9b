//! The text language: what texts mean, what is said of bad ones, and that JSON and text say the same.

use std::ops::Range;

use serde_json::{Value as Json, json};
use trommel::parse::{self, Parser};
use trommel::reference::Reference;
use trommel::{Code, Filter, Limit, Limits, Operator, Schema};

// ------------------------------------------------------------------------------------------------- what texts mean

fn condition(field: &str, operator: &str, value: impl Into<Json>) -> Json {
    json!({"field": field, "operator": operator, "value": value.into()})
}

fn eq(field: &str, value: i32) -> Json {
    condition(field, "eq", value)
}

/// Texts, the JSON that each means, and how each is printed where that is not the text itself.
fn good() -> Vec<(&'static str, Json, Option<&'static str>)> {
    let [a, b, c] = [eq("a", 1), eq("b", 2), eq("c", 3)];
    vec![
        // Operators.
        (r#"a = "x""#, condition("a", "eq", "x"), None),
        ("a != true", condition("a", "ne", true), None),
        ("a>5", condition("a", "gt", 5), Some("a > 5")),
        ("a >=-5", condition("a", "gte", -5), Some("a >= -5")),
        (r#"a<"x""#, condition("a", "lt", "x"), Some(r#"a < "x""#)),
        ("a <= 1.5e3", condition("a", "lte", 1500.0), Some("a <= 1500.0")),
        (r#"a contains """#, condition("a", "contains", ""), Some(r#"a CONTAINS """#)),
        ("a Starts\n\tWith \"x\"", condition("a", "starts_with", "x"), Some(r#"a STARTS WITH "x""#)),
        (r#"a ENDS WITH"x""#, condition("a", "ends_with", "x"), Some(r#"a ENDS WITH "x""#)),
        (r#"a MATCHES "^\\d+$""#, condition("a", "regex", r"^\d+$"), None),
        (r#"a TEXT "two words""#, condition("a", "text", "two words"), None),
        ("a IN (1, \"x\", null)", condition("a", "in", json!([1, "x", null])), None),
        ("a in()", condition("a", "in", json!([])), Some("a IN ()")),
        ("a NOT IN (true,false)", condition("a", "nin", json!([true, false])), Some("a NOT IN (true, false)")),
        ("a EXISTS", condition("a", "exists", true), None),
        ("a not exists", condition("a", "exists", false), Some("a NOT EXISTS")),
        ("a IS NULL", condition("a", "is_null", true), None),
        ("a is not null", condition("a", "is_null", false), Some("a IS NOT NULL")),
        ("a = NULL", condition("a", "eq", Json::Null), Some("a = null")),
        // Operands.
        ("a = -0.0", condition("a", "eq", -0.0), None),
        ("a = 18446744073709551615", condition("a", "eq", u64::MAX), None),
        (r#"a = "\ud83d\ude00\u0000\/""#, condition("a", "eq", "😀\0/"), Some(r#"a = "😀\u0000/""#)),
        ("a = $b.c", condition("a", "eq", json!({"type": "dynamic", "field": "b.c"})), None),
        ("a IN $ids", condition("a", "in", json!({"type": "dynamic", "field": "ids"})), None),
        ("a IN (1, $x)", condition("a", "in", json!([1, {"type": "dynamic", "field": "x"}])), None),
        // Paths.
        ("notes = 1", eq("notes", 1), None),
        ("NOTa = 1", eq("NOTa", 1), None),
        ("not.a = 1", eq("not.a", 1), None),
        (r#""not" = 1"#, eq("not", 1), None),
        (r#""Is"."null" = 1"#, eq("Is.null", 1), Some("Is.null = 1")),
        (r#"größe.x-1_y.2024 = 1"#, eq("größe.x-1_y.2024", 1), None),
        (r#""a b".c = 1"#, eq("a b.c", 1), None),
        (r#""a.b"."" = 1"#, eq(r#""a.b"."""#, 1), None),
        ("starts STARTS WITH \"s\"", condition("starts", "starts_with", "s"), Some(r#""starts" STARTS WITH "s""#)),
        // Letter case.
        ("a = 1 NOCASE", json!({"field": "a", "operator": "eq", "value": 1, "case_sensitive": false}), None),
        (
            "a EXISTS Case",
            json!({"field": "a", "operator": "exists", "value": true, "case_sensitive": true}),
            Some("a EXISTS CASE"),
        ),
        ("NOCASE (a = 1)", json!({"AND": [a], "case_sensitive": false}), Some("NOCASE ALL(a = 1)")),
        (
            "nocase(a = 1 AND b = 2)",
            json!({"AND": [{"AND": [a, b]}], "case_sensitive": false}),
            Some("NOCASE ALL(a = 1 AND b = 2)"),
        ),
        ("CASE NONE()", json!({"NOT": [], "case_sensitive": true}), None),
        // Groups.
        ("a = 1 AND b = 2 AND c = 3", json!({"AND": [a, b, c]}), None),
        ("a = 1 or b = 2 Or c = 3", json!({"OR": [a, b, c]}), Some("a = 1 OR b = 2 OR c = 3")),
        ("(a = 1 AND b = 2) AND c = 3", json!({"AND": [{"AND": [a, b]}, c]}), None),
        ("a = 1 AND (b = 2 AND c = 3)", json!({"AND": [a, {"AND": [b, c]}]}), None),
        ("a = 1 AND b = 2 OR c = 3", json!({"OR": [{"AND": [a, b]}, c]}), Some("(a = 1 AND b = 2) OR c = 3")),
        ("a = 1 OR b = 2 AND c = 3", json!({"OR": [a, {"AND": [b, c]}]}), Some("a = 1 OR (b = 2 AND c = 3)")),
        ("NOT a = 1 AND b = 2", json!({"AND": [{"NOT": [a]}, b]}), None),
        ("NOT NOT a = 1", json!({"NOT": [{"NOT": [a]}]}), None),
        ("NOT (a = 1 OR b = 2)", json!({"NOT": [{"OR": [a, b]}]}), None),
        ("NOT ALL()", json!({"NOT": [{"AND": []}]}), Some("NONE(ALL())")),
        ("((\n(a = 1)\t))", a.clone(), Some("a = 1")),
        ("ALL(a = 1)", json!({"AND": [a]}), None),
        ("ALL ( )", json!({"AND": []}), Some("ALL()")),
        (
            "any(all(a = 1, b = 2), none(c = 3, b = 2))",
            json!({"OR": [{"AND": [a, b]}, {"NOT": [c, b]}]}),
            Some("(a = 1 AND b = 2) OR NONE(c = 3, b = 2)"),
        ),
        ("NONE(a = 1 AND b = 2, c = 3)", json!({"NOT": [{"AND": [a, b]}, c]}), None),
        ("\u{FEFF}a = 1", a.clone(), Some("a = 1")),
    ]
}

#[test]
fn good_texts_mean_this_json() {
    for (text, json, printed) in good() {
        let filter = parse::text(text).unwrap_or_else(|error| panic!("{text}: {}", error.render(text)));
        assert_eq!(serde_json::from_str::<Json>(&filter.to_string()).unwrap(), json, "{text}");
        assert_eq!(filter.to_text(), printed.unwrap_or(text));
        assert_eq!(parse::value(&json).unwrap().to_text(), printed.unwrap_or(text), "{json}");
    }
}

#[test]
fn json_becomes_text_in_the_long_form() {
    for (json, text) in [
        (r#"{}"#, "ALL()"),
        (r#"{"case_sensitive": false}"#, "NOCASE ALL()"),
        (r#"{"AND": null, "OR": null}"#, "ALL()"),
        (r#"{"a": 1}"#, "a = 1"),
        (r#"{"a": 1, "AND": null}"#, "a = 1"),
        (r#"{"a": 1, "case_sensitive": false}"#, "a = 1 NOCASE"),
        (r#"{"a": 1, "b": null}"#, "a = 1 AND b = null"),
        (r#"{"a": 1, "b": 2, "case_sensitive": true}"#, "CASE ALL(a = 1, b = 2)"),
        (r#"{"NOT": {}}"#, "NONE(ALL())"),
        (r#"{"NOT": {"a": 1}}"#, "NOT a = 1"),
        (r#"{"NOT": {"a": 1, "b": 2}}"#, "NOT (a = 1 AND b = 2)"),
        (r#"{"NOT": [{"a": 1}, {"b": 2}]}"#, "NONE(a = 1, b = 2)"),
        (r#"{"NOT": {"NOT": []}, "case_sensitive": false}"#, "NOCASE NONE(NONE())"),
        (r#"{"OR": [{"a": 1}], "AND": [{"b": 2}], "NOT": []}"#, "ANY(a = 1) AND ALL(b = 2) AND NONE()"),
        (r#"{"OR": [{"AND": [{"a": 1}, {"b": 2}], "case_sensitive": true}, {}]}"#, "CASE ALL(a = 1, b = 2) OR ALL()"),
        (r#"{"field": "a", "operator": "exists"}"#, "a EXISTS"),
        (r#"{"field": "a", "value": 1, "case_insensitive": true}"#, "a = 1 NOCASE"),
        (r#"{"field": "a", "operator": "not_in", "value": [1.50, 2]}"#, "a NOT IN (1.5, 2)"),
        (r#"{"field": "a b", "value": {"type": "dynamic", "field": "in"}}"#, r#""a b" = $"in""#),
    ] {
        let filter = parse::json(json).unwrap();
        assert_eq!(filter.to_text(), text, "{json}");
        assert_eq!(parse::text(text).unwrap().to_text(), text, "{json}");
    }
}

#[test]
fn keywords_are_read_in_any_letter_case_and_quoted_as_paths() {
    let words = "and or not all any none case nocase contains matches text in exists is null true false".split(' ');
    for word in words {
        let title = word[..1].to_uppercase() + &word[1..];
        for word in [word, &word.to_uppercase(), &title] {
            let quoted = format!("\"{word}\" = 1");
            assert_eq!(parse::text(&quoted).unwrap().to_text(), quoted);
            assert_eq!(parse::json(json!({"field": word, "value": 1}).to_string()).unwrap().to_text(), quoted);
            // As a part of a path it is no keyword.
            let path = format!("{word}.{word} = 1");
            assert_eq!(parse::text(&path).unwrap().to_text(), path);
            for text in [format!("{word} = 1"), format!("a = ${word}"), format!("{word} >= 1 OR a = 1")] {
                let error = parse::text(&text).unwrap_err();
                assert_eq!(error.diagnostics().len(), 1, "{text}: {}", error.render(&text));
                assert!(error.render(&text).contains(&format!("\"{word}\"")), "{text}: {}", error.render(&text));
            }
        }
    }
}

#[test]
fn a_filter_that_no_schema_accepts_is_refused_as_text_too() {
    for (json, text) in [
        (r#"{"field": "a", "operator": "eq", "value": [1, 2]}"#, "a = [1, 2]"),
        (r#"{"field": "a", "operator": "in", "value": 5}"#, "a IN 5"),
        (r#"{"field": "a", "operator": "exists", "value": "x"}"#, "a EXISTS \"x\""),
    ] {
        let filter = parse::json(json).unwrap();
        assert!(Schema::open().validate(&filter).is_err(), "{json}");
        assert_eq!(filter.to_text(), text);
        assert!(parse::text(text).is_err(), "{text}");
    }
}

// ------------------------------------------------------------------------------------------- what is said of bad ones

type Said = (Code, Range<usize>, &'static str, Option<&'static str>);

fn bad() -> Vec<(&'static str, Vec<Said>)> {
    use Code::{BadPath, MissingValue, OperandRange, OperandType, Syntax, UnknownOperator};
    let is_true = Some("to ask whether it is true, write `active = true`");
    let joined = Some("conditions are joined by `AND` or `OR`");
    let dynamic = Some("a dynamic value is written `$inputs.user_id`");
    let unclosed = Some("a quote is missing: the one that closes the string, or one before it");
    let like =
        Some("write `CONTAINS`, `STARTS WITH` or `ENDS WITH`, without `%`; `NOCASE` behind it ignores letter case");
    let once = Some("the letter case is said once: behind a condition, or before the `(` of a group");
    let apart = Some("`!=`, `>=` and `<=` are written without a blank in them");
    let arithmetic = Some("there is no arithmetic: a field is compared with a value");
    let odd_key = Some("a key of other characters than letters, digits, `_` and `-` is written in double quotes");
    vec![
        (
            " ",
            vec![(
                Syntax,
                1..1,
                "expected a condition, found the end of the text",
                Some("the filter that lets everything through is `ALL()`"),
            )],
        ),
        ("a == 1", vec![(UnknownOperator, 2..4, "unknown operator `==`", Some("write `=`"))]),
        (
            "a = 1 && b = 2 || !c = 3",
            vec![
                (Syntax, 6..8, "`&&` is no operator here", Some("write `AND`")),
                (Syntax, 15..17, "`||` is no operator here", Some("write `OR`")),
                (Syntax, 18..19, "`!` is no operator here", Some("write `NOT`")),
            ],
        ),
        (
            "status = pending",
            vec![(
                Syntax,
                9..16,
                "expected an operand, found `pending`",
                Some("a string is written in double quotes: `\"pending\"`"),
            )],
        ),
        (
            "status = 'in review' AND b > true",
            vec![(
                Syntax,
                9..20,
                "expected an operand, found `'`",
                Some("a string is written in double quotes: `\"in review\"`"),
            )],
        ),
        (
            "a IN [1, 2,]",
            vec![
                (Syntax, 5..6, "a list is written in parentheses", Some("write `(` and `)`")),
                (Syntax, 10..11, "no operand follows this comma", Some("leave it out")),
            ],
        ),
        (
            "a IN 5 AND b = (1, 2)",
            vec![
                (
                    OperandType,
                    5..6,
                    "the operator `IN` takes a list",
                    Some("for one value, use `=`, or write `IN (5)`"),
                ),
                (
                    OperandType,
                    15..21,
                    "the operator `=` takes a string, number, boolean or null, not a list",
                    Some("for one of several values, use `IN`"),
                ),
            ],
        ),
        (
            "a IN ((1))",
            vec![(Syntax, 6..7, "expected an operand, found `(`", Some("a list inside a list is no operand"))],
        ),
        ("a IN (1 2)", vec![(Syntax, 8..9, "expected `,` or `)`, found `2`", None)]),
        (
            "(a = AND b >)",
            vec![
                (
                    MissingValue,
                    5..8,
                    "a condition with the operator `=` has no operand",
                    Some("if the word is meant, write it in double quotes: `\"AND\"`"),
                ),
                (
                    MissingValue,
                    12..13,
                    "a condition with the operator `>` has no operand",
                    Some("write a number or a string after it"),
                ),
            ],
        ),
        (
            "a CONTAINS",
            vec![(
                MissingValue,
                10..10,
                "a condition with the operator `CONTAINS` has no operand",
                Some("write a string after it"),
            )],
        ),
        (
            "a = 1 OR",
            vec![(
                Syntax,
                8..8,
                "expected a condition, found the end of the text",
                Some("write a condition after `OR`, or leave it out"),
            )],
        ),
        (
            "(a = 1 OR NOT )",
            vec![(
                Syntax,
                14..15,
                "expected a condition, found `)`",
                Some("write a condition after `NOT`, or leave it out"),
            )],
        ),
        (
            "active && b = 1",
            vec![
                (Syntax, 7..9, "expected an operator, found `&&`", is_true),
                (Syntax, 7..9, "`&&` is no operator here", Some("write `AND`")),
            ],
        ),
        ("active", vec![(Syntax, 6..6, "expected an operator, found the end of the text", is_true)]),
        ("(active OR b = 2)", vec![(Syntax, 8..10, "expected an operator, found `OR`", is_true)]),
        (
            "a..b = 1 AND c[0].d = 2 AND e = 99999999999999999999 AND f = -1e999",
            vec![
                (BadPath, 0..4, "`a..b` is no path: a key is empty; the empty key is written `\"\"`", None),
                (
                    BadPath,
                    13..19,
                    "`c[0].d` is no path: a key with '[' in it must be quoted",
                    Some("leave out the brackets: a path leads through all elements of an array"),
                ),
                (OperandRange, 32..52, "an integer operand outside the ranges of `i64` and `u64`", None),
                (OperandRange, 61..67, "a number operand that has no finite 64-bit float", None),
            ],
        ),
        (
            "a > 2024-01-01 OR b = 01 OR c = 1. OR d = +5 OR e = nan",
            vec![
                (
                    Syntax,
                    4..14,
                    "`2024-01-01` is no number",
                    Some("a string is written in double quotes: `\"2024-01-01\"`"),
                ),
                (Syntax, 22..24, "`01` is no number: a number does not begin with a zero and another digit", None),
                (Syntax, 32..34, "`1.` is no number: expected a digit after the decimal point", None),
                (Syntax, 42..44, "`+5` is no number: it begins with a digit or `-`", None),
                (
                    Syntax,
                    52..55,
                    "expected an operand, found `nan`",
                    Some("a string is written in double quotes: `\"nan\"`"),
                ),
            ],
        ),
        (
            "a = 1AND b = 2",
            vec![(Syntax, 4..8, "`1AND` is no number", Some("a string is written in double quotes: `\"1AND\"`"))],
        ),
        ("a = 1 b = 2", vec![(Syntax, 6..7, "expected `AND`, `OR` or the end, found `b`", joined)]),
        (
            "a = 1 ADN b = 2",
            vec![(Syntax, 6..9, "expected `AND`, `OR` or the end, found `ADN`", Some("did you mean `AND`?"))],
        ),
        (
            "a = 1, b = 2",
            vec![(
                Syntax,
                5..6,
                "expected `AND`, `OR` or the end, found `,`",
                Some("conditions are joined by `AND` or `OR`, or listed in `ALL(…)`, `ANY(…)`, `NONE(…)`"),
            )],
        ),
        ("a = 1)", vec![(Syntax, 5..6, "expected `AND`, `OR` or the end, found `)`", Some("there is no `(` to it"))]),
        ("NOT (a = 1", vec![(Syntax, 10..10, "expected `AND`, `OR` or `)`, found the end of the text", None)]),
        ("ALL(a = 1", vec![(Syntax, 9..9, "expected `AND`, `OR`, `,` or `)`, found the end of the text", None)]),
        ("ALL(a = 1,)", vec![(Syntax, 10..11, "expected a condition, found `)`", Some("leave out the last comma"))]),
        (
            "()",
            vec![(
                Syntax,
                1..2,
                "expected a condition, found `)`",
                Some("an empty list is written `ALL()`, `ANY()` or `NONE()`"),
            )],
        ),
        (
            "NOCASE a = 1",
            vec![(
                Syntax,
                7..8,
                "expected `(`, found `a`",
                Some("`NOCASE` stands behind a condition, or before `(`; a field of that name is written `\"NOCASE\"`"),
            )],
        ),
        (
            "text = 1 AND a > $null",
            vec![
                (Syntax, 0..4, "`text` is a keyword", Some("a field of that name is written `\"text\"`")),
                (Syntax, 18..22, "`null` is a keyword", Some("a field of that name is written `\"null\"`")),
            ],
        ),
        ("a STARTS \"x\"", vec![(Syntax, 9..10, "expected `WITH`, found `\"`", None)]),
        (
            "a NOT CONTAINS \"x\"",
            vec![(
                Syntax,
                6..14,
                "expected `IN` or `EXISTS`, found `CONTAINS`",
                Some("`NOT` stands before the whole condition"),
            )],
        ),
        ("a NOT NULL", vec![(Syntax, 6..10, "expected `IN` or `EXISTS`, found `NULL`", Some("write `IS NOT NULL`"))]),
        (
            "a IS 5",
            vec![(Syntax, 5..6, "expected `NOT` or `NULL`, found `5`", Some("to compare with a value, write `=`"))],
        ),
        (
            "a like \"x%\" AND b gte 5 AND c BETWEEN 1 AND 2",
            vec![
                (UnknownOperator, 2..6, "unknown operator `like`", like),
                (UnknownOperator, 18..21, "unknown operator `gte`", Some("write `>=`")),
                (UnknownOperator, 30..37, "unknown operator `BETWEEN`", Some("for a range, write `a >= 1 AND a <= 9`")),
            ],
        ),
        (
            "first name = \"x\"",
            vec![(
                UnknownOperator,
                6..10,
                "unknown operator `name`",
                Some("a key with a blank in it is written in double quotes"),
            )],
        ),
        (
            "lower(a) = 1",
            vec![(
                Syntax,
                5..6,
                "expected an operator, found `(`",
                Some("there are no functions; `ALL`, `ANY` and `NONE` are the only words before `(`"),
            )],
        ),
        ("@time > 1", vec![(Syntax, 0..1, "expected a condition, found `@`", odd_key)]),
        ("a@b > 1", vec![(Syntax, 1..2, "expected an operator, found `@`", odd_key)]),
        (
            r#"{"a": 1}"#,
            vec![(
                Syntax,
                0..1,
                "expected a condition, found `{`",
                Some("this looks like JSON, which is read as JSON where it is the whole text"),
            )],
        ),
        (r#"a = "x"#, vec![(Syntax, 6..6, "the text ends inside a string", unclosed)]),
        (r#"a = "\ud800""#, vec![(Syntax, 5..6, "half of a surrogate pair is no character", None)]),
        (r#"a = "\q""#, vec![(Syntax, 5..6, "no such escape in a JSON string", None)]),
        ("a = \"\n\"", vec![(Syntax, 5..6, "a control character in a string must be escaped", None)]),
        (r#""a = 1"#, vec![(BadPath, 0..6, "`\"a = 1` is no path: a quoted key has no closing quote", None)]),
        (
            r#""\n" = 1"#,
            vec![(
                BadPath,
                0..4,
                "`\"\\n\"` is no path: in a quoted key, a backslash is followed by a quote or a backslash",
                None,
            )],
        ),
        ("a = $", vec![(Syntax, 5..5, "expected a key, found the end of the text", dynamic)]),
        (r#"a = {"type": "dynamic"}"#, vec![(Syntax, 4..5, "expected an operand, found `{`", dynamic)]),
        ("AND a = 1", vec![(Syntax, 0..3, "expected a condition, found `AND`", None)]),
        (
            r#"a = 'x"y' OR b = 'it''s' OR c = `it\`s` OR d IN ('', "x")"#,
            vec![
                (
                    Syntax,
                    4..9,
                    "expected an operand, found `'`",
                    Some(r#"a string is written in double quotes: `"x\"y"`"#),
                ),
                (
                    Syntax,
                    17..24,
                    "expected an operand, found `'`",
                    Some(r#"a string is written in double quotes: `"it's"`"#),
                ),
                (
                    Syntax,
                    32..39,
                    "expected an operand, found ```",
                    Some("a string is written in double quotes: `\"it`s\"`"),
                ),
                (
                    Syntax,
                    49..51,
                    "expected an operand, found `'`",
                    Some(r#"a string is written in double quotes: `""`"#),
                ),
            ],
        ),
        (r#"a = "x" NOCASE CASE"#, vec![(Syntax, 15..19, "expected `AND`, `OR` or the end, found `CASE`", once)]),
        ("(a = 1) nocase", vec![(Syntax, 8..14, "expected `AND`, `OR` or the end, found `nocase`", once)]),
        ("a ! = 1", vec![(UnknownOperator, 2..3, "unknown operator `!`", apart)]),
        ("a > = 1", vec![(Syntax, 4..5, "expected an operand, found `=`", apart)]),
        ("\"a\"b = 1", vec![(UnknownOperator, 3..4, "unknown operator `b`", Some("between two keys stands a dot"))]),
        ("a - 1 = 2", vec![(UnknownOperator, 2..3, "unknown operator `-`", arithmetic)]),
        ("a * 2 > b", vec![(Syntax, 2..3, "expected an operator, found `*`", arithmetic)]),
        (
            "a !~ \"x\" OR b =~ \"y\"",
            vec![
                (
                    UnknownOperator,
                    2..4,
                    "unknown operator `!~`",
                    Some("write `NOT` before the whole condition, and `MATCHES`"),
                ),
                (UnknownOperator, 14..16, "unknown operator `=~`", Some("write `MATCHES`")),
            ],
        ),
        (
            "a = [1] OR b IN [1]",
            vec![
                (
                    OperandType,
                    4..7,
                    "the operator `=` takes a string, number, boolean or null, not a list",
                    Some("for one of several values, use `IN`"),
                ),
                (Syntax, 16..17, "a list is written in parentheses", Some("write `(` and `)`")),
            ],
        ),
        (
            "a ] b = 1",
            vec![(
                Syntax,
                2..3,
                "expected an operator, found `]`",
                Some("to ask whether it is true, write `a = true`"),
            )],
        ),
        (
            "(active); b = 1",
            vec![
                (Syntax, 7..8, "expected an operator, found `)`", is_true),
                (Syntax, 8..9, "expected `AND`, `OR` or the end, found `;`", joined),
            ],
        ),
        (
            r"a = 'C:\' AND b ! 1",
            vec![
                (
                    Syntax,
                    4..9,
                    "expected an operand, found `'`",
                    Some(r#"a string is written in double quotes: `"C:\\"`"#),
                ),
                (UnknownOperator, 16..17, "unknown operator `!`", Some("did you mean `!=`?")),
            ],
        ),
        (
            "a ~* \"x\"",
            vec![(
                UnknownOperator,
                2..3,
                "unknown operator `~`",
                Some("write `MATCHES`, and `NOCASE` behind the condition"),
            )],
        ),
        ("a CONTAINS = 1", vec![(Syntax, 11..12, "expected an operand, found `=`", None)]),
        (
            "(a) = 1",
            vec![(
                Syntax,
                2..3,
                "expected an operator, found `)`",
                Some("parentheses stand around conditions, not around a field"),
            )],
        ),
    ]
}

#[test]
fn bad_texts_are_explained() {
    for (text, said) in bad() {
        let error = parse::text(text).expect_err(text);
        let found: Vec<_> = error
            .diagnostics()
            .iter()
            .map(|found| {
                assert_eq!(found.place.pointer, None, "{text}");
                let span = found.place.span.clone().expect(text);
                (found.code, span, found.message.as_str(), found.hint.as_deref())
            })
            .collect();
        assert_eq!(found, said, "{text}");
    }
}

#[test]
fn one_mistake_is_said_once_with_what_was_meant() {
    let field_first = "the field stands first, then the operator, then a value";
    for (text, place, hint) in [
        ("5 < total", 4..9, "before the operator stands the field"),
        ("2fa = on", 6..8, "written in double quotes: `\"on\"`"),
        ("\"paid\" = status", 9..15, "before the operator stands the field"),
        ("a = b\" AND c = \"d\"", 4..5, "the quote before `b` is missing"),
        ("a = \"b AND c = \"d\"", 16..17, "a quote inside a string is written"),
        ("a\u{A0}= 1", 1..3, "U+00A0 is no blank"),
        ("a = 1\u{200B}", 5..8, "U+200B, a character that does not show"),
        ("a ≠ 1", 2..5, "write `!=`"),
        ("a ≥ 5", 2..5, "write `>=`"),
        ("e\u{301} = 1", 1..3, "written in double quotes"),
        ("a NOCASE = \"x\"", 2..8, field_first),
        ("tags any (\"x\")", 5..8, field_first),
        ("contains(title, \"x\")", 0..8, field_first),
        ("EXISTS a", 0..6, field_first),
        ("a[\"b\"] = 1", 0..6, "keys and dots, `a.b`"),
        ("a IN ([\"x\"])", 6..7, "a list inside a list"),
        ("a !IN (1)", 2..3, "`NOT IN`"),
        ("a !CONTAINS \"x\"", 2..3, "write `NOT` before the whole condition"),
        ("a = None", 4..8, "nothing is written `null`; a string"),
        ("a = 1 AND OR (b = 2)", 10..12, ""),
        ("a = \"x\" true", 8..12, "joined by `AND` or `OR`"),
        ("a IS NULL true", 10..14, "`IS NOT NULL`"),
        ("a EXISTS false", 9..14, "`NOT EXISTS`"),
        ("a b", 2..3, "the operators are"),
        ("a = 1 XOR b = 2", 6..9, "joined by `AND` or `OR`"),
        ("AND(a = 1, b = 2)", 0..3, "`ALL(…)`"),
        ("OR(a = 1, b = 2)", 0..2, "`ANY(…)`"),
        ("NOT(a = 1, b = 2)", 9..10, "`NONE(…)`"),
        ("a = 1; b = 2", 5..6, "joined by `AND` or `OR`"),
        ("a, b = 1", 1..2, "write `a = true`"),
        ("a = , 1", 4..5, "write a string"),
        ("((a)) = 1", 3..4, "not around a field"),
    ] {
        let error = parse::text(text).expect_err(text);
        let [found] = error.diagnostics() else { panic!("{text}: {error:?}") };
        assert_eq!(found.place.span, Some(place), "{text}");
        let is_right = found.hint.as_ref().map_or(hint.is_empty(), |found| !hint.is_empty() && found.contains(hint));
        assert!(is_right, "{text}: {found:?}");
    }
}

#[test]
fn what_could_have_stood_there_is_listed() {
    let expected = |text| parse::text(text).unwrap_err().diagnostics()[0].expected.clone();
    assert_eq!(expected("ALL(a = 1"), ["AND", "OR", ",", ")"]);
    assert_eq!(expected("a IS 5"), ["NOT", "NULL"]);
    assert_eq!(expected("a == 5"), ["="]);
    assert_eq!(expected("a contain \"x\""), ["CONTAINS"]);
}

#[test]
fn what_the_check_says_is_in_the_words_of_the_text() {
    let schema =
        r#"{"fields": {"s": {"type": "string", "operators": ["starts_with", "nin"]}, "t": {"type": "datetime"}}}"#;
    let schema = Schema::from_json(schema).unwrap();
    let said = |text: &str| {
        let error = schema.parse_text(&Parser::new(), text).unwrap_err();
        let found = &error.diagnostics()[0];
        format!("{}; {}; {:?}", found.message, found.hint.as_deref().unwrap_or_default(), found.expected)
    };
    assert_eq!(
        said("s = \"x\""),
        "the operator `=` is not allowed on `s`, a field of type `string`; allowed: `NOT IN`, `STARTS WITH`; \
         [\"NOT IN\", \"STARTS WITH\"]"
    );
    assert_eq!(said("a >= true"), "the operator `>=` takes a number or a string, not a boolean; ; []");
    assert!(said("t = \"2024-01-01\"").contains("a range of `>=` and `<`"));
    let json = r#"{"field": "s", "value": "x"}"#;
    let error = schema.parse_json(&Parser::new(), json).unwrap_err();
    assert_eq!(error.diagnostics()[0].expected, ["nin", "starts_with"]);
}

#[test]
fn the_place_is_drawn() {
    let text = "größe > 5\n  AND name == \"x\"";
    let drawn = parse::text(text).unwrap_err().render(text);
    assert!(drawn.starts_with("2:12: error[unknown_operator]: unknown operator `==`\n"), "{drawn}");
    assert!(drawn.contains("^^") && drawn.contains("AND name == \"x\""), "{drawn}");
    assert!(drawn.ends_with("hint: write `=`\n"), "{drawn}");
}

#[test]
fn mistakes_of_form_and_of_meaning_are_one_report() {
    let text = "a == 1 AND b > true AND c.. = 2 OR (d MATCHES \"(\" AND e IN (1, $x) AND f";
    let error = Schema::open().parse_text(&Parser::new(), text).unwrap_err();
    let codes: Vec<&str> = error.diagnostics().iter().map(|found| found.code.as_str()).collect();
    assert_eq!(codes, ["unknown_operator", "operand_type", "bad_path", "bad_regex", "syntax", "syntax"]);
    let span = error.diagnostics()[1].place.span.clone();
    assert_eq!(span.map(|span| &text[span]), Some("true"));
    assert!(error.diagnostics().iter().all(|found| found.place.pointer.is_none()));

    let filter = Schema::open().parse_text(&Parser::new(), "a > $x AND NOT b = 2").unwrap();
    let predicate = Schema::open().check(&filter.bind(&json!({"x": 1})).unwrap()).unwrap();
    let places: Vec<_> = predicate.leaves().flat_map(|leaf| leaf.places()).collect();
    assert_eq!(places.len(), 2);
    assert!(places.iter().all(|place| place.pointer.is_none() && place.span.is_some()));
}

// --------------------------------------------------------------------------------------------------------- limits

#[test]
fn limits_hold_while_reading_and_say_where() {
    let limit = |limit: Limit, most: usize, text: &str| {
        let parse = |most| Parser::new().limits(Limits::default().with(limit, most)).text(text);
        let error = parse(most - 1).expect_err(text);
        assert!(error.is_limit(), "{text}: {error}");
        assert!(error.to_string().contains(limit.name()), "{text}: {error}");
        let filter = parse(most).expect(text);
        assert_eq!(filter.budget().used(limit), most, "{text}");
        error.diagnostics()[0].place.span.clone().map(|span| text[span].to_owned())
    };
    assert_eq!(limit(Limit::Input, 5, "a = 1"), None);
    assert_eq!(limit(Limit::Depth, 3, "NOT ((ALL(NOT (((a = 1))))))").as_deref(), Some("NOT"));
    assert_eq!(limit(Limit::Depth, 2, "((a = 1 AND b = 2) OR c = 3)").as_deref(), Some("a = 1 AND b = 2"));
    assert_eq!(limit(Limit::Depth, 2, "(a = 1 OR b = 2 AND c = 3)").as_deref(), Some("b = 2 AND"));
    assert_eq!(limit(Limit::Conditions, 2, "a = 1 AND b = 2").as_deref(), Some("b = 2"));
    assert_eq!(limit(Limit::ListItems, 3, "a IN (1, 2) OR b NOT IN (3)").as_deref(), Some("3"));
    assert_eq!(limit(Limit::Operand, 3, r#"a = "\u0061bc""#).as_deref(), Some(r#""\u0061bc""#));
    assert_eq!(limit(Limit::Operand, 4, "a = 1.25").as_deref(), Some("1.25"));
    // Quotes that JSON does not need are not counted, so that what JSON may say, text may.
    assert_eq!(limit(Limit::Path, 5, r#""a b".c = 1"#).as_deref(), Some(r#""a b".c"#));
    assert_eq!(limit(Limit::PathKeys, 2, "a = $b.c").as_deref(), Some("b.c"));
    let long = format!("\"{}\" = 1", "\\\\".repeat(1 << 20));
    assert!(parse::text(&long).unwrap_err().is_limit());
}

#[test]
fn a_text_that_is_no_text_is_refused() {
    let error = parse::text(b"a = \"\xff\"").unwrap_err();
    assert_eq!((error.code(), error.diagnostics()[0].place.span.clone()), (Code::Syntax, Some(5..5)));
}

// ---------------------------------------------------------------------------------------------------- hostile sizes

/// Runs on a stack of 2 MiB, the default of a thread.
fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

fn unlimited() -> Parser {
    Parser::new().limits(Limit::all().fold(Limits::default(), |limits, limit| limits.with(limit, usize::MAX)))
}

#[test]
fn any_nesting_is_read_in_constant_stack() {
    on_small_stack(|| {
        for n in [10_000, 1_000_000] {
            // Bare parentheses have no limit.
            let parens = format!("{}a = 1{}", "(".repeat(n), ")".repeat(n));
            assert_eq!(parse::text(&parens).unwrap().to_text(), "a = 1");
            let spaced = format!("{}a = 1 AND b = 2{}", "( ".repeat(n), "\n)".repeat(n));
            assert_eq!(parse::text(&spaced).unwrap().to_text(), "a = 1 AND b = 2");
        }
        // How often, and whether it is printed as it was read.
        for (n, open, close, is_printed_so) in [
            (1_000_000, "NOT ", "", true),
            (1_000_000, "ALL(", ")", true),
            (1_000_000, "(", " AND b = 2)", false),
            (10_000, "NOT (", ")", false),
            (10_000, "NOCASE ANY(", ")", true),
            (10_000, "NOCASE (", ")", false),
            (10_000, "b = 2 AND (c = 3 OR (", "))", false),
            (10_000, "((", " OR b = 2) AND c = 3)", false),
        ] {
            let text = format!("{}a = 1{}", open.repeat(n), close.repeat(n));
            let error = parse::text(&text).unwrap_err();
            assert!(error.is_limit(), "{open} {error}");
            let filter = unlimited().text(&text).unwrap();
            let printed = filter.to_text();
            assert_eq!(printed == text, is_printed_so, "{open}");
            if n <= 10_000 {
                let again = unlimited().text(&printed).unwrap();
                assert_eq!(again, filter, "{open}");
                assert_eq!(again.to_text(), printed, "{open}");
            }
        }
    });
}

#[test]
fn deep_and_wide_texts_mean_what_they_say() {
    on_small_stack(|| {
        let reference = |text: &str| Reference::new(&unlimited().text(text).unwrap(), &Schema::open()).unwrap();
        let (yes, no) = (json!({"a": 1}), json!({"a": 2}));
        for n in [10_000, 10_001] {
            let nots = reference(&format!("{}a = 1", "NOT ".repeat(n)));
            assert_eq!(nots.matches(&yes), n % 2 == 0);
            assert_eq!(nots.matches(&no), n % 2 == 1);
        }
        let wide: Vec<String> = (0..1_000_000).map(|n| format!("a = {n}")).collect();
        let wide = unlimited().text(wide.join(" OR ")).unwrap();
        assert_eq!(wide.conditions().count(), 1_000_000);
        let ids: Vec<String> = (0..1_000_000).map(|n| n.to_string()).collect();
        let ids = parse::text(format!("a IN ({})", ids.join(","))).unwrap();
        assert_eq!(unlimited().json(ids.to_string()).unwrap().to_text(), ids.to_text());
        let schema = Schema::open();
        assert_eq!(schema.check(&wide).unwrap(), schema.check(&ids).unwrap());
    });
}

#[test]
fn hostile_texts_are_refused_soon() {
    on_small_stack(|| {
        let n = 1 << 20;
        for piece in [
            "(",
            ")",
            "NOT ",
            "!",
            "ALL(",
            "NOCASE (",
            "a",
            "a ",
            "\"",
            "\"a",
            "\"\".",
            "a.",
            ".",
            "[",
            "]",
            "a[",
            "$",
            "a=$",
            "a = ",
            "a = (",
            "a IN (",
            "a IN [",
            "a IN (1,",
            ",",
            "'",
            "=",
            "&&",
            "a && ",
            "a x 1 AND ",
            "a == 1 AND ",
            "text = 1 AND ",
            "a..b = 1 OR ",
            "a AND ",
            "a = 99999999999999999999 AND ",
            "a = '' AND ",
            "\\",
            "\u{0}",
            "é",
            "a = \"\\",
            "-",
            "1",
            " ",
            "\n",
            "{",
            "a IS ",
            "a STARTS ",
        ] {
            refused(&piece.repeat(n / piece.len()));
        }
        // Mistakes in a list, whose elements all stand behind one field.
        for (head, piece) in
            [("a IN (", "„\\”,"), ("0 = (", "_,"), ("a = (", "'\\',"), ("a IN (", "nil,"), ("a IN (", "'',")]
        {
            refused(&(head.to_owned() + &piece.repeat(n / piece.len())));
        }
        fn refused(text: &str) {
            for parser in [Parser::new(), unlimited()] {
                assert!(!parser.text(text).unwrap_err().diagnostics().is_empty());
            }
        }
    });
}

// ------------------------------------------------------------------------------------------------------------- laws

/// Numbers that look random: xorshift, so that a failure comes again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

const KEYS: [&str; 20] = [
    "a",
    "b",
    "a.b",
    "notes",
    "and",
    "In",
    "not",
    "is.null",
    "exists",
    "nocase",
    "starts",
    "\"a.b\"",
    "\"\"",
    "x y",
    "\"q\\\"\\\\\"",
    "\"\u{0}\n\".a",
    "größe",
    "$",
    "\"not in\"",
    "1-2",
];

fn scalar(random: &mut Random) -> Json {
    match random.below(12) {
        0 => Json::Null,
        1 => json!(random.one_in(2)),
        2 => json!(-0.0),
        3 => json!(u64::MAX),
        4 => json!(1.5e300),
        5 => json!("é\u{0}\"\\\n'\u{1F600}"),
        6 => json!("AND"),
        7 => json!(""),
        8 => json!("A"),
        9 => json!("a"),
        _ => json!(random.below(3)),
    }
}

fn dynamic(random: &mut Random) -> Json {
    json!({"type": "dynamic", "field": random.pick(&["v", "w", "\"is\"", "text"])})
}

fn leaf(random: &mut Random) -> Json {
    let operator = Operator::all().nth(random.below(15)).unwrap();
    let spelling = random.pick(&[&[operator.name()], operator.aliases()].concat());
    let value = match operator {
        Operator::In | Operator::Nin if random.one_in(8) => json!({"type": "dynamic", "field": "list"}),
        Operator::In | Operator::Nin => {
            (0..random.below(4)).map(|_| if random.one_in(6) { dynamic(random) } else { scalar(random) }).collect()
        }
        Operator::Exists | Operator::IsNull => json!(random.one_in(2)),
        Operator::Eq | Operator::Ne if random.one_in(8) => dynamic(random),
        Operator::Eq | Operator::Ne => scalar(random),
        Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte => random.pick(&[json!(1), json!("b"), json!(0.5)]),
        _ => json!(random.pick(&["a", "A", "b"])),
    };
    let mut leaf = json!({"field": random.pick(&KEYS), "operator": spelling, "value": value});
    let members = leaf.as_object_mut().unwrap();
    if (operator == Operator::Eq && random.one_in(3)) || (value == true && operator.name().contains("s_")) {
        members.remove(if operator == Operator::Eq { "operator" } else { "value" });
    }
    match random.below(6) {
        0 => members.insert("case_sensitive".to_owned(), random.pick(&[json!(true), json!(false), Json::Null])),
        1 => members.insert("case_insensitive".to_owned(), random.pick(&[json!(true), json!(false), Json::Null])),
        _ => None,
    };
    leaf
}

/// A filter in JSON with all that the language has.
fn filter(random: &mut Random, depth: usize) -> Json {
    if depth == 0 || random.one_in(3) {
        return leaf(random);
    }
    let mut object = serde_json::Map::new();
    for _ in 0..random.pick(&[0, 1, 1, 1, 1, 2, 3]) {
        let members = |random: &mut Random| (0..random.below(4)).map(|_| filter(random, depth - 1)).collect::<Json>();
        let (key, value) = match random.below(6) {
            0 => ("AND", members(random)),
            1 => ("OR", members(random)),
            2 => ("NOT", members(random)),
            3 => ("NOT", filter(random, depth - 1)),
            4 => (random.pick(&["AND", "OR", "NOT"]), Json::Null),
            _ => (
                random.pick(&["a", "b", "a.b", "\"is\"", "x y", "\"\""]),
                if random.one_in(5) { dynamic(random) } else { scalar(random) },
            ),
        };
        object.insert(key.to_owned(), value);
    }
    if random.one_in(4) {
        object.insert("case_sensitive".to_owned(), random.pick(&[json!(true), json!(false), Json::Null]));
    }
    Json::Object(object)
}

/// The long form in which a filter comes back from the text language, written from the page that pins it.
fn long(filter: &Json) -> Json {
    let object = filter.as_object().unwrap();
    let flag = object.get("case_sensitive").filter(|flag| !flag.is_null()).cloned();
    let path = |path: &Json| json!(path.as_str().unwrap().parse::<trommel::Path>().unwrap().to_string());
    let operand = |value: &Json| match value {
        Json::Object(dynamic) => json!({"type": "dynamic", "field": path(&dynamic["field"])}),
        Json::Array(elements) => elements
            .iter()
            .map(|element| match element {
                Json::Object(dynamic) => json!({"type": "dynamic", "field": path(&dynamic["field"])}),
                other => other.clone(),
            })
            .collect(),
        other => other.clone(),
    };
    let with_flag = |mut long: Json, flag: Option<Json>| {
        long.as_object_mut().unwrap().extend(flag.map(|flag| ("case_sensitive".to_owned(), flag)));
        long
    };
    if let Some(field) = object.get("field") {
        let operator = object.get("operator").map_or("eq", |operator| operator.as_str().unwrap());
        let operator = Operator::from_spelling(operator).unwrap().name();
        let value = object.get("value").map_or(json!(true), operand);
        let insensitive = object.get("case_insensitive").and_then(Json::as_bool);
        let flag = flag.or(insensitive.map(|insensitive| json!(!insensitive)));
        return with_flag(json!({"field": path(field), "operator": operator, "value": value}), flag);
    }
    let entries: Vec<Json> = object
        .iter()
        .filter(|(key, value)| {
            *key != "case_sensitive" && !(matches!(key.as_str(), "AND" | "OR" | "NOT") && value.is_null())
        })
        .map(|(key, value)| match (key.as_str(), value) {
            ("AND" | "OR" | "NOT", Json::Array(members)) => json!({key: members.iter().map(long).collect::<Json>()}),
            ("NOT", member) => json!({"NOT": [long(member)]}),
            _ => json!({"field": path(&json!(key)), "operator": "eq", "value": operand(value)}),
        })
        .collect();
    match <[Json; 1]>::try_from(entries) {
        Ok([only]) => with_flag(only, flag),
        Err(entries) => with_flag(json!({"AND": entries}), flag),
    }
}

fn documents() -> Vec<Json> {
    vec![
        json!({}),
        json!({"a": 1, "b": "a", "notes": null, "x y": 2}),
        json!({"a": {"b": [0, "A", null]}, "and": 1, "In": "a", "not": [], "": {"": 1}, "a.b": "b"}),
        json!({"a": "A", "b": [1.5e300, "AND", ""], "is": {"null": 0}, "größe": true, "$": 1, "1-2": 2, "exists": "b"}),
        json!({"q\"\\": 1, "\u{0}\n": {"a": "a"}, "not in": [[1]], "starts": "ab", "nocase": "é\u{0}\"\\\n'\u{1F600}", "is": 1}),
    ]
}

/// The verdicts of the reference on the documents, bound if need be.
fn verdicts(filter: &Filter) -> Vec<bool> {
    let bound = bound(filter);
    let reference = Reference::new(&bound, &Schema::open()).unwrap();
    documents().iter().map(|document| reference.matches(document)).collect()
}

fn bound(filter: &Filter) -> Filter {
    filter.bind(&json!({"v": 1, "w": "a", "is": "A", "text": 0, "list": [1, "a"]})).unwrap()
}

#[test]
fn json_and_text_say_the_same() {
    let (mut matched, mut asked, mut random) = (0, 0, Random(0x9E37_79B9_7F4A_7C15));
    for round in 0..20_000 {
        let json = filter(&mut random, round % 5);
        let parser = Parser::new().ignore_case(round % 3 == 0);
        let before = parser.json(json.to_string()).unwrap_or_else(|error| panic!("{json}: {error}"));
        let text = before.to_text();
        let after = parser.text(&text).unwrap_or_else(|error| panic!("{json}\n{}", error.render(&text)));
        // Groups, order, empty lists, letter case and operands are kept.
        assert_eq!(after.to_string(), parser.json(long(&json).to_string()).unwrap().to_string(), "{json}\n{text}");
        assert_eq!(after.to_text(), text, "{json}");
        // From the long form on, nothing changes either way.
        assert_eq!(parser.json(after.to_string()).unwrap(), after, "{text}");
        // The answer and the canonical form are kept.
        assert_eq!(verdicts(&after), verdicts(&before), "{json}\n{text}");
        let fingerprint =
            |filter: &Filter| Schema::open().check(&bound(filter)).map(|predicate| predicate.fingerprint());
        assert_eq!(fingerprint(&after), fingerprint(&before), "{json}\n{text}");
        matched += verdicts(&after).iter().filter(|verdict| **verdict).count();
        asked += documents().len();
    }
    // Neither none nor all, or the answers would prove nothing.
    assert!(matched > asked / 10 && matched < asked * 9 / 10, "{matched} of {asked}");
}

#[test]
fn any_key_and_any_string_can_be_written() {
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    let alphabet: Vec<char> = "aN.\"\\'[]$ \t\n\0()=,é\u{1F600}\u{FEFF}-_1\u{7f}\u{301}".chars().collect();
    for _ in 0..20_000 {
        let mut string = |most| (0..random.below(most)).map(|_| random.pick(&alphabet)).collect::<String>();
        let keys = [string(5), string(4), string(3)];
        let path = trommel::Path::from_keys(keys.clone()).unwrap();
        let operand = string(8);
        let filter = Filter::condition(&path.to_string(), Operator::Eq, operand.as_str()).unwrap();
        let text = filter.to_text();
        let read = parse::text(&text).unwrap_or_else(|error| panic!("{}", error.render(&text)));
        assert_eq!(read, filter, "{text}");
        assert!(read.conditions().all(|condition| condition.path().keys().eq(keys.iter().map(String::as_str))));
    }
}

#[test]
fn a_mutated_text_never_panics() {
    let mut random = Random(0xDEAD_BEEF_CAFE_F00D);
    let pieces: Vec<&[u8]> = [
        "(", ")", "NOT ", "AND", " OR ", ",", "\"", "\\", "\\u", "d800", "IN", "$", "NOCASE ", "ALL(", "=", "!", "[",
        "]", ".", " ", "é", "'", "-", "1e", "&&", "NULL", "\0",
    ]
    .iter()
    .map(|piece| piece.as_bytes())
    .collect();
    let texts: Vec<String> = good().iter().map(|(text, _, _)| (*text).to_owned()).collect();
    let (mut read, mut refused) = (0, 0);
    for _ in 0..60_000 {
        let mut text = random.pick(&texts).into_bytes();
        for _ in 0..=random.below(4) {
            let at = random.below(text.len() + 1);
            match random.below(3) {
                0 => drop(text.splice(at..at, random.pick(&pieces).iter().copied())),
                1 => drop(text.drain(at..(at + random.below(4)).min(text.len()))),
                _ => {
                    let other = random.pick(&texts).into_bytes();
                    text.splice(at.., other[random.below(other.len())..].iter().copied());
                }
            }
        }
        match parse::text(&text) {
            Ok(filter) => {
                read += 1;
                let printed = filter.to_text();
                assert_eq!(parse::text(&printed).unwrap().to_text(), printed);
                assert_eq!(parse::text(&printed).unwrap(), filter, "{printed}");
            }
            Err(error) => {
                refused += 1;
                let source = String::from_utf8_lossy(&text);
                for found in error.diagnostics() {
                    let span = found.place.span.clone().unwrap();
                    assert!(span.start <= span.end && span.end <= text.len(), "{source}");
                    if let Ok(text) = std::str::from_utf8(&text) {
                        assert!(text.get(span).is_some(), "{source}: {found:?}");
                    }
                }
                assert!(!error.render(&source).is_empty());
            }
        }
        // Beside the schema too.
        let _ = Schema::open().parse_text(&Parser::new(), &text);
    }
    assert!(read > 1_000 && refused > 1_000, "{read} read, {refused} refused");
}

#[test]
fn json_and_text_count_the_same_depth() {
    let wraps = [
        r#"{"x":1,"AND":[@]}"#,
        r#"{"AND":[@],"x":1,"y":2}"#,
        r#"{"OR":[@,{}]}"#,
        r#"{"NOT":@}"#,
        r#"{"x":1,"NOT":@}"#,
        r#"{"AND":[@],"OR":null}"#,
        r#"{"NOT":[{"AND":null},@]}"#,
        r#"{"case_sensitive":false,"OR":[{"x":1,"y":2},@]}"#,
    ];
    let raised = Parser::new().limits(Limits::default().with(Limit::Depth, 1_000));
    let mut refused = 0;
    for (first, second) in wraps.iter().flat_map(|first| wraps.map(|second| (first, second))) {
        for levels in [1, 2, 62, 63, 64, 65, 84, 85, 86, 126, 127, 128, 129] {
            for inner in [r#"{"a":1}"#, "{}", r#"{"a":1,"b":2}"#, r#"{"AND":null}"#, r#"{"OR":null,"a":1}"#] {
                let wrap = |json: String, level: usize| [first, second][level % 2].replace('@', &json);
                let json = (0..levels).fold(inner.to_owned(), wrap);
                let filter = raised.json(&json).expect("a filter");
                let text = filter.to_text();
                let again = raised.text(&text).expect("its text");
                assert_eq!(filter.budget().used(Limit::Depth), again.budget().used(Limit::Depth), "{json} and {text}");
                let read = [parse::json(&json).err(), parse::text(&text).err()];
                refused += usize::from(read[0].is_some());
                assert_eq!(read[0].is_some(), read[1].is_some(), "{json}");
                if let Some(error) = &read[0] {
                    assert_eq!(error.code(), Code::Limit);
                    assert!(error.to_string().contains("depth"), "{error}");
                }
            }
        }
    }
    assert!(refused > 100, "{refused}");
}
