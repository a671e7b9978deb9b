//! The tools around schemas: promises held against documents, schemas from documents, and schemas as JSON Schema.

mod export;
#[cfg(feature = "conformance")]
mod generated;

use serde_json::{Map, Value as Json, json};
use trommel::reference::Reference;
use trommel::{Document, Facts, Field, Found, Inference, Path, Schema, Type, parse};

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

/// What a document breaks of a schema with one field.
fn broken(field: Field, document: &Json) -> Vec<Found> {
    let broken = Schema::new([field]).unwrap().verify(document);
    broken.into_iter().map(|broken| broken.found).collect()
}

#[test]
fn promises_are_held_against_every_shape() {
    let array = |at: &str| Some(Found::Array(path(at)));
    let (missing, null) = (Some(Found::Missing), Some(Found::Null));
    // A document, and what it breaks of `many = false` and of `optional = false` at `a.b`: from T1, T4 and P2 to P4.
    let table = [
        (json!({}), None, missing.clone()),
        (json!({"a": null}), None, missing.clone()),
        (json!({"a": 1}), None, missing.clone()),
        (json!({"a": "b"}), None, missing.clone()),
        (json!({"a": {}}), None, missing.clone()),
        (json!({"a": {"c": 1}}), None, missing.clone()),
        (json!({"a.b": 1}), None, missing.clone()),
        (json!({"a": {"b": null}}), None, null.clone()),
        (json!({"a": {"b": false}}), None, None),
        (json!({"a": {"b": 0}}), None, None),
        (json!({"a": {"b": ""}}), None, None),
        (json!({"a": {"b": {}}}), None, None),
        (json!({"a": {"b": {"c": [1]}}}), None, None),
        (json!({"a": {"b": []}}), array("a.b"), null.clone()),
        (json!({"a": {"b": [null]}}), array("a.b"), null.clone()),
        (json!({"a": {"b": [null, 1]}}), array("a.b"), None),
        (json!({"a": {"b": [[]]}}), array("a.b"), None),
        (json!({"a": {"b": [{}]}}), array("a.b"), None),
        (json!({"a": []}), array("a"), missing.clone()),
        (json!({"a": [null]}), array("a"), missing.clone()),
        (json!({"a": [1, {"c": 1}]}), array("a"), missing.clone()),
        (json!({"a": [[{"b": 1}]]}), array("a"), missing.clone()),
        (json!({"a": [{"b": null}]}), array("a"), null.clone()),
        (json!({"a": [{"b": []}, {}]}), array("a"), null.clone()),
        (json!({"a": [{}, {"b": 1}]}), array("a"), None),
        (json!({"a": [{"b": [1]}]}), array("a"), None),
    ];
    let field = || Field::new("a.b", Type::String);
    let nulls = parse::json(r#"{"field": "a.b", "operator": "is_null"}"#).unwrap();
    let is_null = Reference::new(&nulls, &Schema::open()).unwrap();
    for (document, many, optional) in &table {
        assert_eq!(broken(field(), document), [], "nothing is promised: {document}");
        assert_eq!(broken(field().single(), document), many.clone().into_iter().collect::<Vec<_>>(), "{document}");
        assert_eq!(
            broken(field().required(), document),
            optional.clone().into_iter().collect::<Vec<_>>(),
            "{document}"
        );
        let both: Vec<Found> = many.iter().chain(optional).cloned().collect();
        assert_eq!(broken(field().single().required(), document), both, "{document}");
        // What is promised is what a filter can see.
        assert_eq!(is_null.matches(document), optional.is_some(), "{document}");
    }
    assert_eq!(broken(field().single(), &json!([{"a": 1}])).len(), 1, "no document, and an array");
}

#[test]
fn broken_promises_are_told_by_field_and_on_one_line() {
    let schema = Schema::new([
        Field::new("a.b", Type::Any).single().required(),
        Field::new("\"x\ny\"", Type::Any).required(),
        Field::new("fine", Type::Integer).single().required(),
        Field::new("unpromised", Type::Any),
    ])
    .unwrap();
    let broken = schema.verify(&json!({"a": [{"b": null}], "fine": "no integer"}));
    let lines: Vec<String> = broken.iter().map(ToString::to_string).collect();
    let wanted = [
        "`a.b` lies below the array `a`, and `many` is false",
        "`a.b` is null, and `optional` is false",
        "`\"x\\ny\"` is missing, and `optional` is false",
    ];
    assert_eq!(lines, wanted);
    let wanted = json!([
        {"field": "a.b", "found": {"array": "a"}},
        {"field": "a.b", "found": "null"},
        {"field": "\"x\ny\"", "found": "missing"},
    ]);
    assert_eq!(serde_json::to_value(&broken).unwrap(), wanted);
}

#[test]
fn nesting_is_no_stack() {
    let deep = format!("{}1{}", r#"{"a":["#.repeat(100_000), "]}".repeat(100_000));
    let document = Document::read(deep.as_bytes()).unwrap();
    let keys = || std::iter::repeat_n("a", 50_000);
    let far = Field::new(Path::from_keys(keys()).unwrap().to_string(), Type::Any).single().required();
    assert_eq!(broken(far, &document), [Found::Array(path("a"))]);
    let schema = Schema::infer([&*document]);
    assert_eq!(schema.paths().len(), 0);
    assert!(serde_json::to_string(&schema).unwrap().contains("more than 32 keys"));
}

/// What is inferred for one path.
fn inferred(at: &str, documents: &[Json]) -> Option<Facts> {
    let schema = Schema::infer(documents);
    assert!(!schema.is_closed());
    for document in documents {
        assert_eq!(schema.verify(document), [], "{document}");
    }
    schema.paths().any(|listed| *listed == path(at)).then(|| schema.facts(&path(at)))
}

#[test]
fn types_are_what_was_stored() {
    let (early, late) = ("2024-03-01T12:00:00Z", "2024-03-01T13:00:00.5+01:00");
    // The values at `x` in several documents.
    let table = [
        (json!([true, false]), Some(Type::Boolean)),
        (json!([1, -1, u64::MAX, i64::MIN]), Some(Type::Integer)),
        (json!([1, 1.5]), Some(Type::Number)),
        (json!([5.0]), Some(Type::Number)),
        (json!([1e300]), Some(Type::Number)),
        (json!(["a", ""]), Some(Type::String)),
        (json!(["5"]), Some(Type::String)),
        (json!([early, late, "2024-03-01T12:00:00"]), Some(Type::Datetime)),
        (json!([early, null, [], [late, null]]), Some(Type::Datetime)),
        (json!([early, "2024-03-01"]), Some(Type::String)),
        (json!(["2024-03-01"]), Some(Type::String)),
        (json!(["no", early]), Some(Type::String)),
        (json!([early, ""]), Some(Type::String)),
        (json!([early, "2023-02-29T00:00:00Z"]), Some(Type::String)),
        // Every value there: an object is one, and a list inside a list.
        (json!([early, {}]), Some(Type::String)),
        (json!([early, [[late]]]), Some(Type::String)),
        (json!([early, 1]), Some(Type::Any)),
        (json!([true, 1]), Some(Type::Any)),
        (json!([1, "1"]), Some(Type::Any)),
        (json!([[true], [[1]], {"y": "z"}]), Some(Type::Boolean)),
        (json!([["a", "b"], "c"]), Some(Type::String)),
        (json!([null, [], [null], {}, [[]], [[1]], {"y": 1}]), None),
    ];
    for (values, ty) in &table {
        let values = values.as_array().unwrap();
        let documents: Vec<Json> = values.iter().map(|value| json!({"x": value})).collect();
        assert_eq!(inferred("x", &documents).map(|facts| facts.ty), *ty, "{values:?}");
        // The same in one array, where nothing is inside another.
        if !values.iter().any(Json::is_array) {
            assert_eq!(inferred("x", &[json!({"x": values})]).map(|facts| facts.ty), *ty, "{values:?}");
        }
        let turned: Vec<Json> = documents.into_iter().rev().collect();
        assert_eq!(inferred("x", &turned).map(|facts| facts.ty), *ty, "backwards: {values:?}");
    }
}

#[test]
fn promises_are_what_every_document_keeps() {
    let facts = |at: &str, documents: &[Json]| inferred(at, documents).map(|facts| (facts.many, facts.optional));
    let some = |many, optional| Some((many, optional));
    assert_eq!(facts("a", &[json!({"a": 1}), json!({"a": 2})]), some(false, false));
    assert_eq!(facts("a", &[json!({"a": 1}), json!({})]), some(false, true));
    assert_eq!(facts("a", &[json!({}), json!({"a": 1})]), some(false, true));
    assert_eq!(facts("a", &[json!({"a": 1}), json!({"a": null})]), some(false, true));
    assert_eq!(facts("a", &[json!({"a": 1}), json!({"a": {}})]), some(false, false));
    assert_eq!(facts("a", &[json!({"a": 1}), json!({"a": [2]})]), some(true, false));
    assert_eq!(facts("a", &[json!({"a": 1}), json!({"a": []})]), some(true, true));
    assert_eq!(facts("a", &[json!({"a": 1}), json!({"a": [null]})]), some(true, true));
    assert_eq!(facts("a", &[json!({"a": 1}), json!({"a": [[]]})]), some(true, false));
    // Below an array: one element that has it is enough.
    assert_eq!(facts("a.b", &[json!({"a": [{"b": 1}, {"c": 2}]})]), some(true, false));
    assert_eq!(facts("a.b", &[json!({"a": [{"b": 1}]}), json!({"a": [{"c": 2}]})]), some(true, true));
    assert_eq!(facts("a.b", &[json!({"a": [[{"b": 1}], {"b": 1}]})]), some(true, false));
    assert_eq!(facts("a.b", &[json!({"a": [[{"b": 1}]]})]), None);
    // An array on the way tells of every field below, those of other documents and those seen before.
    assert_eq!(facts("a.b", &[json!({"a": {"b": 1}}), json!({"a": [5]})]), some(true, true));
    assert_eq!(facts("a.b.c", &[json!({"a": {"b": {"c": 1}}}), json!({"a": []})]), some(true, true));
    assert_eq!(facts("a.b.c", &[json!({"a": {"b": {"c": 1}}}), json!({"a": {"b": 1}})]), some(false, true));
    // Many times in one document is one document.
    assert_eq!(facts("a.b", &[json!({"a": [{"b": 1}, {"b": 2}]}), json!({"a": 1})]), some(true, true));
}

#[test]
fn every_key_can_be_named_in_what_is_inferred() {
    let keys = ["a.b", "", "\"", "\\", "[x]", "\u{1}", "a b", "É", "value", "\u{85}"];
    let mut inner = Map::new();
    for key in keys {
        inner.insert(key.to_owned(), json!(1));
    }
    let document = json!({"": inner, "x.y": {"z": true}});
    let schema = Schema::infer([&document]);
    assert_eq!(schema.paths().len(), keys.len() + 1);
    let again = Schema::from_json(&serde_json::to_string_pretty(&schema).unwrap()).unwrap();
    assert_eq!(again, schema);
    for listed in again.paths() {
        assert_eq!(listed.scalars(&document).count(), 1, "{listed}");
    }
}

#[test]
fn comments_show_a_few_values_short_and_escaped() {
    let comment = |values: &[Json]| {
        let documents: Vec<Json> = values.iter().map(|value| json!({"x": value})).collect();
        let schema = serde_json::to_value(Schema::infer(&documents)).unwrap();
        let all = schema["comment"].as_str().unwrap();
        assert!(all.starts_with("inferred from ") && !all.contains("left out"), "{all}");
        schema["fields"]["x"]["comment"].as_str().unwrap().to_owned()
    };
    assert_eq!(comment(&[json!("b"), json!("a"), json!("b"), json!("c"), json!("d")]), r#"such as "b", "a", "c""#);
    assert_eq!(
        comment(&[json!(1), json!("\n\"\u{1b}\u{9b}")]),
        r#"numbers and strings, such as 1, "\n\"\u001b\u{9b}""#
    );
    assert_eq!(comment(&[json!([true, 5.0, null, {}])]), "booleans and numbers, such as true, 5.0");
    let long = comment(&[json!("é".repeat(1_000_000))]);
    assert_eq!(long, format!("such as \"{}…\"", "é".repeat(32)));
}

#[test]
fn memory_is_bounded_in_the_number_of_paths_and_that_is_said() {
    let mut inference = Inference::new();
    for number in 0..20_000 {
        inference.observe(&json!({"id": number, format!("{number}-{}", "x".repeat(100)): number}));
    }
    let schema = inference.schema();
    assert_eq!(schema.paths().len(), Inference::MOST_PATHS);
    let id = schema.facts(&path("id"));
    assert_eq!((id.ty, id.many, id.optional), (Type::Integer, false, false));
    let first = schema.facts(&path(&format!("0-{}", "x".repeat(100))));
    assert_eq!((first.ty, first.optional), (Type::Integer, true));
    let written = serde_json::to_value(&schema).unwrap();
    let comment = "inferred from 20000 documents; there are more than 10000 paths, and the rest is left out";
    assert_eq!(written["comment"], comment);

    // Exactly as many as there is room for: nothing is left out.
    let full: Map<String, Json> = (0..Inference::MOST_PATHS).map(|key| (key.to_string(), json!(1))).collect();
    let schema = serde_json::to_value(Schema::infer([&Json::Object(full)])).unwrap();
    assert_eq!(schema["fields"].as_object().unwrap().len(), Inference::MOST_PATHS);
    assert_eq!(schema["comment"], "inferred from 1 document");

    // What no filter can name by default is not listed either.
    let key = "k".repeat(1024);
    let schema = Schema::infer([&json!({key.clone(): {"a": 1}, format!("{key}k"): 2, "k": {"a": 1}})]);
    assert_eq!(schema.paths().map(Path::to_string).collect::<Vec<_>>(), ["k.a"]);
    assert!(serde_json::to_string(&schema).unwrap().contains("more than 32 keys or 1024 bytes are left out"));
}

#[test]
fn nothing_comes_of_nothing() {
    let schema = Inference::default().schema();
    assert_eq!(
        serde_json::to_value(schema).unwrap(),
        json!({
            "closed": false, "fields": {}, "comment": "inferred from 0 documents",
        })
    );
}
