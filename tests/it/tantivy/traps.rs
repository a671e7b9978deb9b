//! What tantivy's own terms and queries get wrong without a word: with ours each of these is as the reference says.

use serde_json::{Value as Json, json};
use trommel::conformance::{Answer, Question, Subject};
use trommel::parse::Parser;
use trommel::reference::Reference;
use trommel::tantivy::collector::TopDocs;
use trommel::tantivy::query::{BooleanQuery, Occur, TermQuery};
use trommel::tantivy::schema::{IndexRecordOption, SchemaBuilder, TEXT};
use trommel::tantivy::{Index, IndexWriter, Term};
use trommel::{Field, Limit, Limits, Schema, Tantivy, TantivyMapping, Type, lower, parse};

use super::store::{Knows, Segments, Store, ask, of_a, with_ids};

/// A filter and its complement, in one segment and in several, as the reference says and from the index alone; gives how
/// many documents match.
pub(super) fn agrees(stores: &mut [Store], condition: &Json, schema: &Schema, documents: &[Json]) -> usize {
    let mut found = 0;
    for filter in [&json!({"NOT": [condition]}), condition] {
        let filter = generous().value(filter).unwrap();
        let reference = Reference::new(&filter, schema).unwrap();
        let expected: Vec<usize> = (0..documents.len()).filter(|at| reference.matches(&documents[*at])).collect();
        for store in &mut *stores {
            let answer = store.answer(&Question::new(&filter, schema, documents)).unwrap();
            assert_eq!(answer, Answer::Matches(expected.clone()), "{condition:.200} {:?}", store.segments);
        }
        found = expected.len();
    }
    found
}

/// A parser that takes what these tests give it.
pub(super) fn generous() -> Parser {
    let large = Limit::all().filter(|limit| *limit != Limit::Errors);
    Parser::new().limits(large.fold(Limits::default(), |limits, limit| limits.with(limit, 100_000_000)))
}

pub(super) fn stores() -> [Store; 2] {
    [Segments::One, Segments::Several].map(|segments| Store::new(segments, Knows::Nothing))
}

/// Each operator with each operand, in both letter cases where it has one.
fn all_agree(documents: &[Json], operators: &[&str], operands: &[Json]) {
    let mut stores = stores();
    let mut matched = 0;
    for (operator, operand) in operators.iter().flat_map(|operator| operands.iter().map(move |with| (operator, with))) {
        for sensitive in [true, false] {
            let condition = json!({"field": "a", "operator": operator, "value": operand, "case_sensitive": sensitive});
            matched += agrees(&mut stores, &condition, &Schema::open(), documents);
        }
    }
    assert!(matched > operands.len(), "{matched}");
    assert!(stores.iter().all(|store| store.tally.rechecked + store.tally.scanned == 0));
}

#[test]
fn numbers_of_every_form_are_compared_by_value() {
    let numbers = [
        json!(5),
        json!(5.0),
        json!(-0.0),
        json!(0),
        json!(-1),
        json!(-1.5),
        json!(1e300),
        json!(-1e19),
        json!(5e-324),
        json!(1_u64 << 53),
        json!((1_u64 << 53) + 1),
        json!(9_007_199_254_740_992.0),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(1_u64 << 63),
        json!(9_223_372_036_854_775_808.0),
        json!(u64::MAX),
        json!(18_446_744_073_709_551_616.0),
        json!(0.1),
        json!(f64::MAX),
        json!(f64::MIN),
        json!(7),
    ];
    let mut documents = of_a(numbers.clone());
    documents.extend([json!({"a": "5"}), json!({"a": true}), json!({"a": [5.0, "x", null, 9.5]}), json!({})]);
    all_agree(&documents, &["eq", "gt", "gte", "lt", "lte"], &numbers);
}

#[test]
fn a_path_of_many_types_keeps_them_apart() {
    let documents =
        of_a([json!(1), json!(1.5), json!(true), json!("1"), json!("true"), json!(u64::MAX), json!([1, "1"])]);
    all_agree(&documents, &["eq", "ne"], &[json!(1), json!(true), json!(false), json!("1"), json!("true"), json!(1.5)]);
    all_agree(&documents, &["gt", "lte"], &[json!(1), json!("1"), json!(-1e19), json!(1e19), json!("")]);
}

#[test]
fn strings_stay_as_they_are() {
    let strings = [
        "",
        " ",
        "a",
        "a ",
        "A",
        "a\0",
        "\0",
        "\u{1}",
        "a\u{1}b",
        "é",
        "e\u{301}",
        "ß",
        "ẞ",
        "ss",
        "k",
        "K",
        "\u{212A}",
        "İ",
        "2024-03-01T12:00:00Z",
        "2024-03-01T13:00:00+01:00",
        "2024-03-01T12:00:00.5Z",
        "\u{10FFFF}",
        "\u{FFFF}",
        "Ⱥ",
        "ⱥ",
    ];
    let documents = of_a(strings);
    let operands = strings.map(|string| json!(string));
    all_agree(&documents, &["eq", "starts_with", "ends_with", "contains", "gt", "lte"], &operands);
    let instant = Schema::new([Field::new("a", Type::Datetime)]).unwrap();
    let mut stores = stores();
    for (operator, found) in [("eq", 2), ("gte", 3), ("lt", 0), ("gt", 1)] {
        let filter = json!({"field": "a", "operator": operator, "value": "2024-03-01T12:00:00Z"});
        assert_eq!(agrees(&mut stores, &filter, &instant, &documents), found, "{operator}");
    }
    assert_eq!(ask(r#"{"a": "2024-03-01T12:00:00Z"}"#, &documents).0.len(), 1);
}

#[test]
fn strings_of_every_length_are_told_apart() {
    let lengths = [65_000, 65_001, 65_527, 65_530, 65_531, 65_536, 140_000];
    let string = |length: usize, end: &str| "x".repeat(length - end.len()) + end;
    let mut strings: Vec<String> =
        lengths.iter().flat_map(|length| [string(*length, "a"), string(*length, "B")]).collect();
    strings.push("\u{212A}".repeat(30_000));
    let mut documents = of_a(strings.clone());
    documents.extend([json!({"a": ["short", strings[13]]}), json!({"a": strings[13], "b": 1}), json!({})]);
    let mut stores = stores();
    let mut ask = |condition: Json| agrees(&mut stores, &condition, &Schema::open(), &documents);
    for operand in &strings {
        assert!(ask(json!({"a": operand})) >= 1);
        assert!(ask(json!({"field": "a", "operator": "eq", "value": operand, "case_sensitive": false})) >= 1);
        ask(json!({"field": "a", "operator": "gt", "value": operand}));
    }
    assert_eq!(ask(json!({"field": "a", "operator": "eq", "value": "k".repeat(30_000), "case_sensitive": false})), 1);
    for (operator, operand) in [
        ("starts_with", "xx"),
        ("ends_with", "xB"),
        ("contains", "xxa"),
        ("regex", "^x{3}.*B$"),
        ("lt", "y"),
        ("eq", "short"),
        ("text", "short"),
    ] {
        for sensitive in [true, false] {
            let condition = json!({"field": "a", "operator": operator, "value": operand, "case_sensitive": sensitive});
            assert!(ask(condition) >= 1, "{operator}");
        }
    }
    assert_eq!(ask(json!({"field": "a", "operator": "exists"})), documents.len() - 1);
    assert!(stores.iter().all(|store| store.tally.rechecked + store.tally.scanned == 0));
}

#[test]
fn presence_and_null_are_told_apart() {
    let documents = [
        json!({}),
        json!({"a": null}),
        json!({"a": []}),
        json!({"a": {}}),
        json!({"a": [null]}),
        json!({"a": [[]]}),
        json!({"a": {"k": null}}),
        json!({"a": [1, null]}),
        json!({"a": [[1]]}),
        json!({"a": 1}),
        json!({"a": [{}]}),
        json!({"a": [{"k": [null]}, null]}),
        json!({"a": [[{"k": 1}]]}),
        json!({"a": [{"k": [[2]]}]}),
        json!({"a": false}),
    ];
    let mut stores = stores();
    for (filter, found) in [
        (json!({"field": "a", "operator": "exists"}), 14),
        (json!({"a": null}), 4),
        (json!({"field": "a.k", "operator": "exists"}), 3),
        (json!({"a.k": null}), 14),
        (json!({"a": 1}), 2),
        (json!({"field": "a", "operator": "in", "value": [1, null]}), 6),
        (json!({"field": "a", "operator": "nin", "value": [1, null]}), 9),
    ] {
        assert_eq!(agrees(&mut stores, &filter, &Schema::open(), &documents), found, "{filter}");
    }
}

#[test]
fn two_conditions_on_one_array_may_be_met_by_two_elements() {
    let documents = [
        json!({"a": [{"n": "x", "v": 1}, {"n": "y", "v": 2}]}),
        json!({"a": [{"n": "x", "v": 2}]}),
        json!({"a": {"n": ["x"], "v": [1]}}),
    ];
    let (found, exact) = ask(r#"{"AND": [{"a.n": "x"}, {"a.v": 2}]}"#, &documents);
    assert_eq!((found, exact), (vec![0, 1], true));
}

#[test]
fn every_key_is_a_key_of_its_own() {
    let long = "k".repeat(70_000);
    let keys = ["a.b", "a", "b", "", "a\u{1}b", "a\0b", "\0", "a\\.b", "$", "[0]", "\"", &long, &long[1..]];
    let quoted = |key: &str| format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""));
    let mut documents: Vec<Json> = keys.iter().map(|key| json!({*key: 1})).collect();
    documents.extend(keys.iter().map(|key| json!({"a": {*key: 1}})));
    documents.push(json!({"a": {"b": 2}}));
    let mut stores = stores();
    for key in keys {
        for path in [quoted(key), format!("a.{}", quoted(key))] {
            for operator in ["exists", "eq"] {
                let value = if operator == "eq" { json!(1) } else { json!(true) };
                let filter = json!({"field": path, "operator": operator, "value": value});
                let found = agrees(&mut stores, &filter, &Schema::open(), &documents);
                assert!(found >= 1, "{filter:.100}");
            }
        }
    }
}

#[test]
fn groups_of_exclusions_alone_and_of_nothing_are_what_they_say() {
    let documents = of_a([json!(1), json!(2), json!([1, 2]), json!(null)]);
    for (filter, found) in [
        (r#"{}"#, vec![0, 1, 2, 3]),
        (r#"{"OR": []}"#, vec![]),
        (r#"{"NOT": []}"#, vec![0, 1, 2, 3]),
        (r#"{"NOT": [{"a": 1}]}"#, vec![1, 3]),
        (r#"{"NOT": [{"a": 1}, {"a": 2}]}"#, vec![3]),
        (r#"{"OR": [{"NOT": [{"a": 1}]}, {"NOT": [{"a": 2}]}]}"#, vec![0, 1, 3]),
        (r#"{"OR": [{"NOT": [{"a": 1}]}, {"a": 2}]}"#, vec![1, 2, 3]),
        (r#"{"AND": [{"OR": [{"a": 1}, {"a": null}]}, {"OR": [{"a": 2}, {"a": null}]}]}"#, vec![2, 3]),
        (r#"{"field": "a", "operator": "in", "value": []}"#, vec![]),
        (r#"{"field": "a", "operator": "nin", "value": []}"#, vec![0, 1, 2, 3]),
        (
            r#"{"AND": [{"field": "a", "operator": "gt", "value": 3}, {"field": "a", "operator": "lt", "value": 1}]}"#,
            vec![],
        ),
    ] {
        assert_eq!(ask(filter, &documents), (found, true), "{filter}");
    }
}

#[test]
fn a_regex_means_what_the_regex_crate_means() {
    let documents = of_a(["word", "two words", "a\nb", "", "WORD", "xwordx", "Straße 5", "aaaa"]);
    let patterns =
        [r"\bword\b", "^$", "word$", "a.b", "(?s)a.b", r"\w+ \w+", "^(a|b){4}$", "(?i)WORD", r"\d", r"\pL{20}|5"];
    all_agree(&documents, &["regex"], &patterns.map(|pattern| json!(pattern)));
}

#[test]
fn tokens_of_any_length_that_a_query_may_have_are_found() {
    let [forty, most, more] = [41, 255, 256].map(|length| "Ä".repeat(length / 2) + &"y".repeat(length % 2));
    let documents =
        of_a([json!(format!("x {forty}")), json!(most), json!([more, "tail end"]), json!(["one", "two"]), json!(1)]);
    all_agree(&documents, &["text"], &[json!(forty), json!(most), json!("two ONE"), json!("end"), json!("one tail")]);
}

#[test]
fn a_filter_does_not_change_the_scores_of_the_query_beside_it() {
    let mapping = TantivyMapping::new();
    let mut builder = SchemaBuilder::default();
    mapping.add_fields(&mut builder);
    let body = builder.add_text_field("body", TEXT);
    let index = Index::create_in_ram(builder.build());
    let backend = Tantivy::new(&mapping, &index.schema()).unwrap();
    let mut writer: IndexWriter = index.writer_with_num_threads(1, 15_000_000).unwrap();
    for (at, text) in ["sieve", "sieve sieve drum", "drum", "a sieve of gold"].into_iter().enumerate() {
        let mut document = backend.document(&json!({"n": at})).unwrap();
        document.add_text(body, text);
        writer.add_document(document).unwrap();
    }
    writer.commit().unwrap();
    let searcher = index.reader().unwrap().searcher();
    let term = || Box::new(TermQuery::new(Term::from_field_text(body, "sieve"), IndexRecordOption::WithFreqs));
    let collector = || TopDocs::with_limit(10).order_by_score();
    let alone = searcher.search(&*term(), &collector()).unwrap();
    let filter = parse::json(r#"{"field": "n", "operator": "lt", "value": 3}"#).unwrap();
    let filter = backend.query(&lower(&backend, &Schema::open().check(&filter).unwrap()).unwrap());
    let both = BooleanQuery::new(vec![(Occur::Must, term()), (Occur::Must, Box::new(filter))]);
    let within = searcher.search(&both, &collector()).unwrap();
    assert_eq!(alone.len(), 3);
    assert_eq!(within, alone.into_iter().filter(|(_, address)| address.doc_id < 3).collect::<Vec<_>>());
}

#[test]
fn a_document_is_replaced_and_deleted_by_its_id() {
    let (index, backend, id) = with_ids();
    let mut writer: IndexWriter = index.writer_with_num_threads(1, 15_000_000).unwrap();
    for (name, n) in [("a", 1), ("b", 2), ("a", 3), ("c", 4), ("b", 5)] {
        writer.delete_term(Term::from_field_text(id, name));
        writer.add_document(backend.document(&json!({"id": name, "n": n})).unwrap()).unwrap();
    }
    writer.delete_term(Term::from_field_text(id, "c"));
    writer.commit().unwrap();
    let searcher = index.reader().unwrap().searcher();
    for (filter, count) in
        [("{}", 2), (r#"{"n": 3}"#, 1), (r#"{"n": 1}"#, 0), (r#"{"id": "c"}"#, 0), (r#"{"NOT": {"n": 3}}"#, 1)]
    {
        let lowered = lower(&backend, &Schema::open().check(&parse::json(filter).unwrap()).unwrap()).unwrap();
        assert_eq!(backend.query(&lowered).count(&searcher).unwrap(), count, "{filter}");
    }
    for text in [
        r#"{"n": 1}"#,
        r#"{"id": 5}"#,
        r#"{"id": ["a", "b"]}"#,
        r#"{"id": null}"#,
        "[1]",
        "{",
        r#"{"id": "a", "n": 1e999}"#,
    ] {
        assert!(backend.read(text).is_err(), "{text}");
    }
}
