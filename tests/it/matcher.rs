//! What the compiled matcher promises of memory and of many conditions.

use serde_json::{Value, json};
use trommel::{Limit, Limits, Matcher, Schema, parse::Parser, reference::Reference};

use crate::hostile::heap::peak_of;

fn matcher(filter: &Value) -> Matcher {
    Matcher::new(&Schema::open().check(&trommel::parse::value(filter).unwrap()).unwrap())
}

#[test]
fn matching_allocates_nothing() {
    let body = "An unauthenticated ATTACKER may send a crafted header to the \u{212A}ernel of a ſervice. ".repeat(20);
    let document = json!({"a": {"body": body, "n": 5, "tags": ["x", "Straße", "\u{212A}"]}, "items": [{"k": "v"}]});
    let folded = |operator: &str, value: Value| json!({"field": "a.body", "operator": operator, "value": value, "case_sensitive": false});
    let nine = ["a", "b", "c", "d", "e", "f", "g", "h", "STRASSE"];
    let four =
        ["one", "two", "three", "four"].map(|text| json!({"field": "a.body", "operator": "contains", "value": text}));
    for filter in [
        folded("contains", json!("KERNEL OF A S")),
        folded("contains", json!("not there")),
        folded("starts_with", json!("AN UNAUTH")),
        folded("ends_with", json!("SERVICE. ")),
        folded("eq", json!(body.to_uppercase())),
        json!({"field": "a.tags", "operator": "in", "value": nine, "case_sensitive": false}),
        json!({"field": "a.tags", "operator": "eq", "value": "k", "case_sensitive": false}),
        json!({"OR": four}),
        json!({"field": "a.body", "operator": "text", "value": "kernel service nothing"}),
        json!({"AND": [{"field": "a.n", "operator": "gt", "value": 4}, {"field": "a.n", "operator": "lt", "value": 6}, {"items.k": "v"}]}),
    ] {
        let matcher = matcher(&filter);
        let first = matcher.matches(&document); // tables that are made once
        let (again, peak) = peak_of(|| matcher.matches(&document));
        assert_eq!((again, peak), (first, 0), "{filter}");
    }
}

#[test]
fn many_conditions_on_many_paths() {
    // Past what is looked through one by one: 70 tokens, 40 paths with shared beginnings, 20 strings at each.
    let words: Vec<String> = (0..70).map(|n| format!("word{n}")).collect();
    let text = json!({"field": "text", "operator": "text", "value": words.join(" ")});
    let paths: Vec<String> = (0..40).map(|n| format!("a.b{}.c{n}", n % 7)).collect();
    let searches: Vec<Value> = paths
        .iter()
        .flat_map(|path| {
            (0..20).map(move |n| json!({"field": path, "operator": "contains", "value": format!("Needle{n}."), "case_sensitive": n % 2 == 0}))
        })
        .collect();
    let exists: Vec<Value> = paths.iter().map(|path| json!({"field": path, "operator": "exists"})).collect();
    let mut document = json!({"text": [words[..40].join(" "), words[30..].join("-").to_uppercase()], "a": {}});
    for (at, path) in paths.iter().enumerate() {
        let keys: Vec<&str> = path.split('.').collect();
        document["a"][keys[1]][keys[2]] = json!([at, format!("hay needle{at}. hay")]);
    }
    let mut lacking = document.clone();
    lacking["text"][1] = json!("word69");
    let mut elsewhere = document.clone();
    elsewhere["a"]["b3"] = json!([{"c3": 1}, {"c10": "x"}]);
    for filter in [
        json!({"AND": [text, {"AND": exists}, {"OR": searches}]}),
        json!({"OR": [{"NOT": searches}, {"AND": [text, {"NOT": exists}]}]}),
        json!({"AND": exists}),
        text.clone(),
    ] {
        let reference = Reference::new(&trommel::parse::value(&filter).unwrap(), &Schema::open()).unwrap();
        for document in [&document, &lacking, &elsewhere, &json!({}), &json!({"a": [document["a"]]})] {
            assert_eq!(matcher(&filter).matches(document), reference.matches(document), "{filter} on {document}");
        }
    }
}

#[test]
fn beginnings_that_share_beginnings_are_resolved_from_the_deepest() {
    // What stands at each key: nothing, a scalar, one node, an array of none, one or two, an array in an array.
    let around = |inner: &Value, key: &str| -> Vec<Value> {
        let own = json!({key: inner, "x": 1});
        let shapes =
            [json!(5), own.clone(), json!([]), json!([own]), json!([own, {key: 7}]), json!([[own]]), json!([{"x": 1}])];
        shapes.into_iter().chain([json!({})]).collect()
    };
    let mut documents = vec![json!(3), json!([3, 9])];
    for key in ["e", "d", "c", "b", "a"] {
        // Of the many, some of each shape.
        let made: Vec<Value> = documents.iter().flat_map(|inner| around(inner, key)).collect();
        let step = made.len().div_ceil(300);
        documents =
            made.into_iter().enumerate().filter(|(at, _)| at % step == at / step % step).map(|(_, d)| d).collect();
    }
    documents.retain(Value::is_object);
    assert!(documents.len() > 50, "{}", documents.len());
    let path = |keys: usize, last: &str| format!("{}{last}", &"a.b.c.d.e."[..2 * keys]);
    let at = |path: String, operator: &str, value: i64| json!({"field": path, "operator": operator, "value": value});
    let shallow: Vec<Value> = (0..5).map(|keys| at(path(keys, "x"), "eq", 2)).collect();
    let (above, below) = (at(path(4, "e"), "gt", 2), at(path(4, "e"), "lt", 5));
    let mut matched = [0, 0];
    for filter in [
        // Leaves are asked before groups: the deepest first, when nothing that it starts from is known.
        json!({"AND": [above, {"OR": [{"OR": shallow}, {"AND": [below, above]}]}]}),
        json!({"OR": [above, below, {"NOT": [{"AND": shallow}, {"OR": [below, at(path(3, "x"), "eq", 1)]}]}]}),
        json!({"AND": [{"NOT": [above]}, {"NOT": [{"AND": [below, {"NOT": [above]}]}, {"OR": shallow}]}]}),
    ] {
        let reference = Reference::new(&trommel::parse::value(&filter).unwrap(), &Schema::open()).unwrap();
        let matcher = matcher(&filter);
        for document in &documents {
            assert_eq!(matcher.matches(document), reference.matches(document), "{filter} on {document}");
            matched[usize::from(matcher.matches(document))] += 1;
        }
    }
    assert!(matched.iter().all(|count| *count > 20), "{matched:?}");
}

#[test]
fn a_wide_or_of_searches_takes_memory_in_proportion() {
    let members: Vec<String> = (0..10_000)
        .map(|n| format!(r#"{{"field":"body","operator":"contains","value":"some needle number {n}"}}"#))
        .collect();
    let text = format!(r#"{{"OR":[{}]}}"#, members.join(","));
    let parser = Parser::new().limits(Limits::default().with(Limit::Conditions, 10_000));
    let predicate = Schema::open().check(&parser.json(&text).unwrap()).unwrap();
    let (matcher, peak) = peak_of(|| Matcher::new(&predicate));
    assert!(peak < 40 * text.len(), "{peak} bytes for {}", text.len());
    assert!(matcher.matches(&json!({"body": "in it is some needle number 9999, yes"})));
    assert!(!matcher.matches(&json!({"body": "in it is some needle numbe"})));
}
