//! What tantivy's own fields get wrong without a word, one by one, and what a field says that cannot tell.

use serde_json::{Value as Json, json};
use trommel::backend::tantivy::{ForeignField, ForeignIndex, ForeignMapping};
use trommel::reference::Reference;
use trommel::tantivy::schema::{
    DateOptions, DateTimePrecision, FAST, Field, INDEXED, JsonObjectOptions, NumericOptions, STORED, STRING,
    SchemaBuilder, TEXT, TextFieldIndexing,
};
use trommel::tantivy::{Index, IndexReader, TantivyDocument};
use trommel::{Field as Known, Schema, Type, lower};

use super::super::store::{NUMBER, Segments, matching, put};
use super::super::traps::generous;
use super::{date, owned};

/// A field of the index, what is promised of it, and how it is filled with the values at `a`.
struct One {
    add: fn(&mut TantivyDocument, Field, &Json),
    field: fn(&mut SchemaBuilder) -> Field,
    foreign: ForeignField,
    /// Whether it holds whole documents.
    is_json: bool,
}

struct Asked {
    backend: ForeignIndex,
    reader: IndexReader,
    documents: Vec<Json>,
}

fn values(document: &Json) -> Vec<&Json> {
    match &document["a"] {
        Json::Null => Vec::new(),
        Json::Array(elements) => elements.iter().collect(),
        value => vec![value],
    }
}

fn asked(one: One, segments: Segments, documents: &[Json]) -> Asked {
    let mut fields = SchemaBuilder::default();
    let number = fields.add_u64_field(NUMBER, NumericOptions::from(FAST | INDEXED));
    let source = fields.add_text_field("source", STORED);
    let field = (one.field)(&mut fields);
    let index = Index::create_in_ram(fields.build());
    let reader = put(&index, number, segments, documents, |document| {
        let mut made = TantivyDocument::new();
        made.add_text(source, document.to_string());
        if one.is_json {
            (one.add)(&mut made, field, document);
        } else {
            values(document).into_iter().for_each(|value| (one.add)(&mut made, field, value));
        }
        Ok(made)
    });
    let mapping = ForeignMapping::new().document("source");
    let mapping =
        if one.is_json { mapping.whole_document(one.foreign) } else { mapping.field("a", one.foreign).unwrap() };
    let backend = ForeignIndex::new(&mapping, &index).unwrap();
    Asked { backend, reader: reader.unwrap(), documents: documents.to_vec() }
}

impl Asked {
    /// A condition and its complement, as the reference says; gives how many documents match, and why not by the index
    /// alone: the codes for the condition, and for its complement.
    fn agrees(&self, condition: &Json, schema: &Schema) -> (usize, [Option<&'static str>; 2]) {
        let mut matched = 0;
        let reasons = [condition, &json!({"NOT": [condition]})].map(|filter| {
            let filter = generous().value(filter).unwrap();
            let reference = Reference::new(&filter, schema).unwrap();
            let all = 0..self.documents.len();
            let expected: Vec<usize> = all.filter(|at| reference.matches(&self.documents[*at])).collect();
            let lowered = lower(&self.backend, &schema.check(&filter).unwrap()).unwrap();
            let found = matching(&self.reader, &self.backend.query(&lowered).unwrap()).unwrap();
            assert_eq!(found, expected, "{condition:.200}");
            // The complement comes last.
            matched = self.documents.len() - expected.len();
            lowered.reasons().first().map(|reason| reason.why.code())
        });
        (matched, reasons)
    }

    fn reasons(&self, operator: &str, value: &Json) -> [Option<&'static str>; 2] {
        self.agrees(&json!({"field": "a", "operator": operator, "value": value}), &Schema::open()).1
    }
}

const BOTH: [Segments; 2] = [Segments::One, Segments::Several];

fn of_a(values: impl IntoIterator<Item = Json>) -> Vec<Json> {
    values.into_iter().map(|value| json!({"a": value})).collect()
}

#[test]
fn bounds_outside_of_a_type_and_of_its_values_are_compared_by_value() {
    let operands = [
        json!(0),
        json!(-0.0),
        json!(-1),
        json!(5),
        json!(5.0),
        json!(5.5),
        json!(-1.5),
        json!(1e19),
        json!(-1e19),
        json!(1e300),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(1_u64 << 63),
        json!(9_223_372_036_854_775_808.0),
        json!(u64::MAX),
        json!(18_446_744_073_709_551_616.0),
        json!((1_u64 << 53) + 1),
        json!(5e-324),
        json!("5"),
        json!(true),
    ];
    type Make = (fn(&mut SchemaBuilder) -> Field, fn(&mut TantivyDocument, Field, &Json), Vec<Json>);
    let u64s: Vec<Json> = [5, 7, 1 << 63, u64::MAX, 0].iter().map(|int: &u64| json!(int)).collect();
    let i64s: Vec<Json> = [5, 7, -3, i64::MAX, i64::MIN, 0].iter().map(|int: &i64| json!(int)).collect();
    let floats = [5.0, -0.0, 0.0, 5.5, 1e300, -1e19, 5e-324, 9_223_372_036_854_775_808.0];
    let f64s: Vec<Json> = floats.iter().map(|float| json!(float)).collect();
    let few: Vec<Json> = vec![json!(100), json!(101)];
    let makes: [Make; 7] = [
        (
            |fields| fields.add_u64_field("x", INDEXED),
            |made, field, value| made.add_u64(field, value.as_u64().unwrap()),
            u64s.clone(),
        ),
        (
            |fields| fields.add_u64_field("x", FAST),
            |made, field, value| made.add_u64(field, value.as_u64().unwrap()),
            u64s,
        ),
        (
            |fields| fields.add_i64_field("x", INDEXED),
            |made, field, value| made.add_i64(field, value.as_i64().unwrap()),
            i64s.clone(),
        ),
        (
            |fields| fields.add_i64_field("x", FAST | INDEXED),
            |made, field, value| made.add_i64(field, value.as_i64().unwrap()),
            i64s,
        ),
        (
            |fields| fields.add_f64_field("x", INDEXED),
            |made, field, value| made.add_f64(field, value.as_f64().unwrap()),
            f64s.clone(),
        ),
        (
            |fields| fields.add_f64_field("x", FAST),
            |made, field, value| made.add_f64(field, value.as_f64().unwrap()),
            f64s,
        ),
        (
            |fields| fields.add_i64_field("x", FAST),
            |made, field, value| made.add_i64(field, value.as_i64().unwrap()),
            few,
        ),
    ];
    for (field, add, values) in makes {
        let mut documents = of_a(values.clone());
        documents.extend([json!({"a": values}), json!({"a": []}), json!({})]);
        for segments in BOTH {
            let foreign = ForeignField::new("x").whole().only();
            let asked = asked(One { add, field, foreign, is_json: false }, segments, &documents);
            for (operator, operand) in ["eq", "gt", "gte", "lt", "lte"]
                .iter()
                .flat_map(|operator| operands.iter().map(move |with| (operator, with)))
            {
                if *operator == "eq" || !operand.is_boolean() {
                    assert_eq!(asked.reasons(operator, operand), [None, None], "{operator} {operand}");
                }
            }
            assert_eq!(asked.reasons("is_null", &json!(true)), [None, None]);
            assert_eq!(asked.reasons("exists", &json!(true)), [Some("no_nulls"); 2]);
        }
    }
}

#[test]
fn dates_are_cut_towards_1970_and_end() {
    let documents = of_a(
        [
            "1969-12-31T23:59:59Z",
            "1969-12-31T23:59:59.5Z",
            "1969-12-31T23:59:58.999999Z",
            "1970-01-01T00:00:00.5Z",
            "1970-01-01T00:00:00Z",
            "2024-03-01T12:00:00Z",
            "2024-03-01T12:00:00.0000009Z",
            "2024-03-01T13:00:00+01:00",
        ]
        .map(|text| json!(text)),
    );
    let operands = [
        "1969-12-31T23:59:59Z",
        "1969-12-31T23:59:59.5Z",
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:00:00.5Z",
        "2024-03-01T12:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
        "2262-04-12T00:00:00Z",
    ];
    let instants = Schema::new([Known::new("a", Type::Datetime)]).unwrap();
    let add = |made: &mut TantivyDocument, field: Field, value: &Json| made.add_date(field, date(value).unwrap());
    let fields: [fn(&mut SchemaBuilder) -> Field; 4] = [
        |fields| fields.add_date_field("x", INDEXED),
        |fields| fields.add_date_field("x", DateOptions::from(FAST)),
        |fields| fields.add_date_field("x", DateOptions::from(FAST).set_precision(DateTimePrecision::Nanoseconds)),
        |fields| {
            fields.add_date_field("x", DateOptions::from(FAST | INDEXED).set_precision(DateTimePrecision::Microseconds))
        },
    ];
    for (at, field) in fields.into_iter().enumerate() {
        let foreign = ForeignField::new("x").whole().only();
        let asked = asked(One { add, field, foreign, is_json: false }, Segments::Several, &documents);
        for (operator, operand) in ["eq", "gt", "gte", "lt", "lte"]
            .iter()
            .flat_map(|operator| operands.iter().map(move |with| (operator, with)))
        {
            let condition = json!({"field": "a", "operator": operator, "value": operand});
            let (_, reasons) = asked.agrees(&condition, &instants);
            if at == 2 {
                assert_eq!(reasons, [None, None], "{condition}");
            }
            // As text.
            asked.agrees(&condition, &Schema::open());
        }
        // The index holds whole seconds, and this bound is one: nothing is lost.
        let whole = json!({"field": "a", "operator": "gte", "value": "2024-03-01T12:00:00Z"});
        assert_eq!(asked.agrees(&whole, &instants), (3, [None, None]));
        let half = json!({"field": "a", "operator": "gte", "value": "1970-01-01T00:00:00.5Z"});
        let coarse = if at == 0 { "needs_fast" } else { "too_coarse" };
        assert_eq!(asked.agrees(&half, &instants).1[0], (at < 2).then_some(coarse));
    }
}

#[test]
fn strings_that_do_not_fit_into_terms_are_not_missed() {
    let lengths = [10, 65_000, 65_526, 65_527, 65_530, 65_531, 70_000];
    let mut documents = of_a(lengths.map(|length| json!("x".repeat(length))));
    documents.extend(of_a([json!("\u{212A}".repeat(30_000)), json!(["x", "y"]), json!("")]));
    let add = |made: &mut TantivyDocument, field: Field, value: &Json| made.add_text(field, value.as_str().unwrap());
    let field = |fields: &mut SchemaBuilder| fields.add_text_field("x", STRING);
    let foreign = ForeignField::new("x").whole().only();
    let asked = asked(One { add, field, foreign, is_json: false }, Segments::Several, &documents);
    for length in lengths {
        let reasons = asked.reasons("eq", &json!("x".repeat(length)));
        assert_eq!(reasons, if length > 65_000 { [Some("too_long"); 2] } else { [None, None] });
    }
    let kelvins = json!({"field": "a", "operator": "eq", "value": "k".repeat(30_000), "case_sensitive": false});
    assert_eq!(asked.agrees(&kelvins, &Schema::open()), (1, [Some("too_long"); 2]));
    for operator in ["starts_with", "ends_with", "contains", "gt", "lte", "regex", "text"] {
        assert_eq!(asked.reasons(operator, &json!("x")), [Some("too_long"); 2]);
    }
    // Every document has a string, and those without a term are not taken for null.
    assert_eq!(asked.reasons("is_null", &json!(true)), [Some("too_long"); 2]);
}

#[test]
fn a_json_field_takes_paths_types_and_lists_for_others() {
    let deep = (0..30).fold(json!({"a": 5}), |value, _| json!({"k": value}));
    let documents = [
        json!({"a": {"b": 1}}),
        json!({"a.b": 1}),
        json!({"a\u{1}b": 1}),
        json!({"a\0b": 1}),
        json!({"a": [[{"b": 1}]]}),
        json!({"a": {"b": [[1]]}}),
        json!({"a": {"b": {}}}),
        json!({"a": {"b": [null]}}),
        json!({"a": {"b": {"c": null}}}),
        json!({"a": {"b": 9_223_372_036_854_775_808.0}}),
        json!({"a": {"b": i64::MAX}}),
        json!({"a": {"b": 1_u64 << 63}}),
        json!({"a": {"b": u64::MAX}}),
        json!({"a": {"b": 18_446_744_073_709_551_616.0}}),
        json!({"a": {"b": 1.0}}),
        json!({"a": {"b": "1"}}),
        json!({"a": {"b": true}}),
        json!({"a": {"b": "2024-03-01T12:00:00Z"}}),
        json!({"a": {"b": "2024-03-01T13:00:00+01:00"}}),
        json!({"a": {"b": "9999-12-31T23:59:59-23:59"}}),
        deep,
        json!({"a": {"": {"b": 1}}}),
        json!({}),
    ];
    let paths = ["a.b", "\"a.b\"", "\"a\u{1}b\"", "\"a\0b\"", "a", "a.b.c", "a.\"\".b", "x"];
    let deep_path = ["k"; 30].join(".") + ".a";
    let operands = [
        json!(1),
        json!(5),
        json!(i64::MAX),
        json!(1_u64 << 63),
        json!(9_223_372_036_854_775_808.0),
        json!(u64::MAX),
        json!(18_446_744_073_709_551_616.0),
        json!(true),
        json!("1"),
        json!("2024-03-01T12:00:00Z"),
        json!("9999-12-31T23:59:59-23:59"),
        json!(1.5),
    ];
    type Options = fn(&mut SchemaBuilder) -> Field;
    let forms: [(Options, bool); 4] = [
        (|fields| fields.add_json_field("x", json_raw()), true),
        (|fields| fields.add_json_field("x", json_raw().set_expand_dots_enabled().set_fast("raw")), false),
        (|fields| fields.add_json_field("x", json_raw().set_fast("raw")), false),
        (|fields| fields.add_json_field("x", TEXT), true),
    ];
    for (field, has_dates) in forms {
        let with_dates = |made: &mut TantivyDocument, field: Field, value: &Json| add_object(made, field, value, true);
        let without = |made: &mut TantivyDocument, field: Field, value: &Json| add_object(made, field, value, false);
        let add: fn(&mut TantivyDocument, Field, &Json) = if has_dates { with_dates } else { without };
        let foreign = ForeignField::new("x").whole().only().short();
        let foreign = if has_dates { foreign } else { foreign.verbatim() };
        let asked = asked(One { add, field, foreign, is_json: true }, Segments::Several, &documents);
        for path in paths.into_iter().chain([&*deep_path]) {
            for operand in &operands {
                for operator in ["eq", "gt", "lte"] {
                    if operator == "eq" || !operand.is_boolean() {
                        let condition = json!({"field": path, "operator": operator, "value": operand});
                        let (_, [positive, negative]) = asked.agrees(&condition, &Schema::open());
                        // Nothing is promised of keys and lists, so there is always something to recheck.
                        assert!(positive.is_some() && negative.is_some());
                    }
                }
            }
            for operator in ["exists", "is_null", "contains"] {
                let value = if operator == "contains" { json!("1") } else { json!(true) };
                asked.agrees(&json!({"field": path, "operator": operator, "value": value}), &Schema::open());
            }
        }
    }
}

fn json_raw() -> JsonObjectOptions {
    JsonObjectOptions::default().set_indexing_options(TextFieldIndexing::default().set_tokenizer("raw"))
}

fn add_object(made: &mut TantivyDocument, field: Field, value: &Json, has_dates: bool) {
    if let trommel::tantivy::schema::OwnedValue::Object(object) = owned(value, has_dates) {
        made.add_object(field, object.into_iter().collect());
    }
}

#[test]
fn without_a_promise_nothing_is_missed_and_nothing_exact() {
    let mut documents = of_a([json!("Paid"), json!("paid"), json!("sent"), json!(["paid", 5]), json!(5), json!(null)]);
    documents.push(json!({}));
    let field = |fields: &mut SchemaBuilder| fields.add_text_field("x", STRING);
    // A field that holds what nobody knows: small letters, a number as text, a default, and nothing of what was sent.
    let add = |made: &mut TantivyDocument, field: Field, value: &Json| match value {
        Json::String(text) if text == "sent" => {}
        Json::String(text) => made.add_text(field, text.to_lowercase()),
        value => made.add_text(field, value.to_string()),
    };
    let unknown =
        asked(One { add, field, foreign: ForeignField::new("x"), is_json: false }, Segments::Several, &documents);
    for (operator, value) in
        [("eq", json!("paid")), ("is_null", json!(true)), ("exists", json!(true)), ("gt", json!("p"))]
    {
        assert_eq!(unknown.reasons(operator, &value), [Some("not_promised"); 2]);
    }

    // Of all that is in it the documents hold more: what it does not find may still be there.
    let add = |made: &mut TantivyDocument, field: Field, value: &Json| {
        if let Some(text) = value.as_str().filter(|text| *text != "sent") {
            made.add_text(field, text);
        }
    };
    let foreign = ForeignField::new("x").only().short();
    let part = asked(One { add, field, foreign, is_json: false }, Segments::Several, &documents);
    let is_pushed = |condition: Json| {
        let filter = generous().value(&condition).unwrap();
        lower(&part.backend, &Schema::open().check(&filter).unwrap()).unwrap().pushed().is_some()
    };
    for value in [json!("paid"), json!("sent"), json!(5)] {
        assert_eq!(part.reasons("eq", &value), [Some("not_whole"); 2]);
        assert!(!is_pushed(json!({"a": value})));
        assert!(is_pushed(json!({"field": "a", "operator": "ne", "value": value})));
    }
    assert_eq!(part.reasons("is_null", &json!(true)), [Some("not_whole"); 2]);
    // Whoever is null has no term; not the other way round.
    assert!(is_pushed(json!({"a": null})));
    assert!(!is_pushed(json!({"field": "a", "operator": "ne", "value": null})));
}

#[test]
fn a_residual_needs_a_stored_document() {
    let mut fields = SchemaBuilder::default();
    fields.add_text_field("title", TEXT);
    fields.add_text_field("unstored", STRING);
    let index = Index::create_in_ram(fields.build());
    let of = |document: Option<&str>, field: &str| {
        let mapping = ForeignMapping::new().field("title", ForeignField::new(field).whole().only()).unwrap();
        ForeignIndex::new(&document.into_iter().fold(mapping, ForeignMapping::document), &index)
    };
    let backend = of(None, "title").unwrap();
    let predicate = Schema::open().check(&generous().json(r#"{"title": "old"}"#).unwrap()).unwrap();
    let error = backend.query(&lower(&backend, &predicate).unwrap()).unwrap_err().to_string();
    assert!(error.contains("no stored document") && error.contains("not indexed raw"), "{error}");
    assert!(of(Some("unstored"), "title").is_err());
    assert!(of(Some("nowhere"), "title").is_err());
    assert!(of(None, "nowhere").is_err());
    let whole = ForeignMapping::new().whole_document(ForeignField::new("title"));
    assert!(ForeignIndex::new(&whole, &index).is_err());
}

#[test]
fn a_stored_object_is_a_document_unless_its_texts_became_dates() {
    let documents = [
        json!({"a": "x", "n": 5.0, "l": [1, [true, null], {"k": u64::MAX}], "d": "2024-03-01T12:00:00Z"}),
        json!({"a": "x", "n": 6, "d": "2024-03-01T13:00:00+01:00"}),
    ];
    let mut fields = SchemaBuilder::default();
    let number = fields.add_u64_field(NUMBER, NumericOptions::from(FAST | INDEXED));
    let (texts, dates) = (fields.add_json_field("texts", STORED), fields.add_json_field("dates", STORED));
    let index = Index::create_in_ram(fields.build());
    let reader = put(&index, number, Segments::One, &documents, |document| {
        let mut made = TantivyDocument::new();
        add_object(&mut made, texts, document, false);
        add_object(&mut made, dates, document, true);
        Ok(made)
    });
    let reader = reader.unwrap();
    let found = |stored: &str, filter: Json| {
        let backend = ForeignIndex::new(&ForeignMapping::new().document(stored), &index).unwrap();
        let predicate = Schema::open().check(&generous().value(&filter).unwrap()).unwrap();
        backend.query(&lower(&backend, &predicate).unwrap()).unwrap().count(&reader.searcher())
    };
    assert_eq!(found("texts", json!({"d": "2024-03-01T12:00:00Z", "n": 5, "l.k": u64::MAX})).unwrap(), 1);
    assert_eq!(found("texts", json!({"a": "x"})).unwrap(), 2);
    let error = found("dates", json!({"a": "x"})).unwrap_err().to_string();
    assert!(error.contains("a date was stored in place of its text"), "{error}");
}
