//! Sizes and words that a client may choose, on threads with a small stack: no panic, no overflow, no document lost.

use serde_json::{Value as Json, json};
use trommel::conformance::{Answer, Question, Subject};
use trommel::reference::Reference;
use trommel::tantivy::{Index, IndexWriter};
use trommel::{Filter, Schema, Tantivy, TantivyMapping, lower};

use super::foreign::{Form, Store as Foreign};
use super::store::{Knows, Segments, Store};
use super::traps::{agrees, generous, stores};
use crate::words::words;

/// Runs on half of the stack that a thread of Rust has by default. At the greatest height that is pushed, tantivy's own recursion
/// takes half a MiB here, and up to one and a half where nothing is optimised.
fn on_a_small_stack(test: fn()) {
    std::thread::Builder::new().stack_size(1 << 20).spawn(test).unwrap().join().unwrap();
}

fn matches(store: &mut dyn Subject, filter: &Filter, documents: &[Json]) -> Vec<usize> {
    let reference = Reference::new(filter, &Schema::open()).unwrap();
    let expected: Vec<usize> = (0..documents.len()).filter(|at| reference.matches(&documents[*at])).collect();
    let answer = store.answer(&Question::new(filter, &Schema::open(), documents)).unwrap();
    assert_eq!(answer, Answer::Matches(expected.clone()));
    expected
}

#[test]
fn deep_filters_are_held_or_kept() {
    on_a_small_stack(|| {
        let documents = [json!({"a": 1}), json!({"a": 2, "b": 1}), json!({"b": [1, 2]}), json!({})];
        let mut store = Store::new(Segments::One, Knows::Nothing);
        for depth in [1, 10, 100, 130, 138, 200, 1_000, 10_000] {
            let before = store.tally;
            for (open, close) in [
                (r#"{"AND":[{"field":"b","operator":"ne","value":7},{"OR":[{"a":1},"#, "]}]}"),
                (r#"{"NOT":[{"a":5},{"AND":[{"b":1},"#, "]}]}"),
                (r#"{"OR":[{"b":2},{"NOT":[{"a":2},"#, "]}]}"),
            ] {
                let levels = depth / 2;
                let text = format!("{}{}{}", open.repeat(levels), r#"{"a":2}"#, close.repeat(levels));
                let filter = generous().json(&text).unwrap();
                matches(&mut store, &filter, &documents);
            }
            let is_held = store.tally.exact == before.exact + 3;
            assert_eq!(is_held, depth <= 138, "{depth}: {:?}", store.tally);
        }
    });
}

#[test]
fn other_indexes_hold_deep_and_wide_filters_too() {
    on_a_small_stack(|| {
        let documents =
            [json!({"a": 1, "s": "x"}), json!({"a": 2, "b": 1}), json!({"b": [1, 2], "s": "Y z"}), json!({})];
        for form in [Form::Text, Form::Typed, Form::Json] {
            let mut store = Foreign::new(form, Segments::Several);
            for levels in [1, 30, 69, 500, 5_000] {
                for (open, close) in [
                    (r#"{"AND":[{"field":"b","operator":"ne","value":7},{"OR":[{"a":1},"#, "]}]}"),
                    (r#"{"NOT":[{"a":5},{"AND":[{"b":1},"#, "]}]}"),
                ] {
                    let text = format!("{}{}{}", open.repeat(levels), r#"{"s":"x"}"#, close.repeat(levels));
                    matches(&mut store, &generous().json(&text).unwrap(), &documents);
                }
            }
            for (field, operator) in [("a", "eq"), ("a", "gt"), ("s", "contains")] {
                let condition = |at: usize| {
                    let value = if field == "s" { json!(format!("{at}v")) } else { json!(at) };
                    json!({"field": field, "operator": operator, "value": value})
                };
                for group in ["AND", "OR", "NOT"] {
                    let conditions: Vec<Json> = (0..5_000).map(condition).collect();
                    matches(&mut store, &generous().value(&json!({group: conditions})).unwrap(), &documents);
                }
            }
        }
    });
}

#[test]
fn wide_filters_are_held() {
    on_a_small_stack(|| {
        let documents: Vec<Json> = (0..40)
            .map(|at| json!({format!("f{at}"): at * 1_000, "a": [at, format!("v{at}")], "s": format!("V{at}")}))
            .collect();
        let mut store = Store::new(Segments::Several, Knows::Nothing);
        for operator in ["eq", "ne", "gt", "contains", "starts_with"] {
            for group in ["AND", "OR", "NOT"] {
                let conditions = (0..30_000).map(|at| {
                    let value = if operator == "contains" || operator == "starts_with" {
                        json!(format!("{at}v"))
                    } else {
                        json!(at)
                    };
                    json!({"field": format!("f{}", at % 50), "operator": operator, "value": value})
                });
                // A walk over the strings of a path for each is not quick, but these paths have none.
                let filter = generous().value(&json!({group: conditions.collect::<Vec<_>>()})).unwrap();
                matches(&mut store, &filter, &documents);
            }
        }
        assert_eq!(store.tally.rechecked + store.tally.scanned, 0);
    });
}

#[test]
fn long_lists_are_held() {
    on_a_small_stack(|| {
        let documents = [
            json!({"s": "id99999", "n": 7}),
            json!({"s": ["x", "id5"], "n": 1.5}),
            json!({"s": 7, "n": u64::MAX}),
            json!({"n": "7", "s": "Id7"}),
            json!({"s": "ſtraße7"}),
            json!({"s": "straẞe1"}),
        ];
        let mut store = Store::new(Segments::One, Knows::Nothing);
        let ids: Vec<Json> = (0..100_000).map(|at| json!(format!("id{at}"))).collect();
        let streets: Vec<Json> = (0..2_000).map(|at| json!(format!("STRAẞE{at}"))).collect();
        let numbers: Vec<Json> = (0..50_000).map(|at| json!(at)).chain([json!(u64::MAX), json!(1.5)]).collect();
        for (field, list) in [("s", &ids), ("s", &streets), ("s", &streets[..9].to_vec()), ("n", &numbers)] {
            for (operator, sensitive) in [("in", true), ("in", false), ("nin", true), ("nin", false)] {
                let condition =
                    json!({"field": field, "operator": operator, "value": list, "case_sensitive": sensitive});
                matches(&mut store, &generous().value(&condition).unwrap(), &documents);
            }
        }
        assert_eq!(store.tally.rechecked + store.tally.scanned, 0);
    });
}

/// Where there are many for the documents of a segment, each document is looked at, else each number.
#[test]
fn lists_of_numbers_are_held_at_every_length() {
    let value = |at: i64| match at % 12 {
        0 => json!(at as f64),
        1 => json!(at.to_string()),
        2 => json!([at, -at, "x", null]),
        3 => json!([{"n": at}]),
        4 => json!(-at),
        5 => json!(at as f64 + 0.5),
        6 => json!([[at]]),
        7 => json!((1_i64 << 53) + at),
        8 => json!(at % 24 == 8),
        9 => json!(-0.0),
        10 => Json::Null,
        _ => json!(at),
    };
    let documents: Vec<Json> = (0..3_000).map(|at| json!({"n": value(at), "m": value(at / 7)})).collect();
    let list =
        |from: i64, count: i64, every: i64| -> Vec<Json> { (0..count).map(|at| json!(from + at * every)).collect() };
    let large = || list((1 << 53) - 70, 200, 1);
    for segments in [Segments::One, Segments::Several, Segments::Merged] {
        let mut store = Store::new(segments, Knows::Nothing);
        for list in [
            list(0, 63, 11),
            list(0, 64, 11),
            list(-40, 93, 1),
            list(-40, 94, 1),
            list(0, 2_500, 1),
            list(-1_500, 3_000, 2),
            large(),
            [large(), list(0, 500, 6), vec![json!("1"), json!(true), json!(7.5), json!(u64::MAX)]].concat(),
        ] {
            let of = |field: &str, operator: &str| json!({"field": field, "operator": operator, "value": list});
            for filter in [
                of("n", "in"),
                of("n", "nin"),
                of("n.n", "in"),
                json!({"OR": [of("n", "in"), of("m", "in")]}),
                json!({"AND": [of("n", "in"), of("m", "nin")]}),
            ] {
                matches(&mut store, &generous().value(&filter).unwrap(), &documents);
            }
        }
        assert_eq!(store.tally.rechecked + store.tally.scanned, 0);
    }
}

#[test]
fn no_document_is_lost_however_deep_or_large() {
    on_a_small_stack(|| {
        let mapping = TantivyMapping::new();
        let index = Index::create_in_ram(mapping.tantivy_schema());
        let backend = Tantivy::new(&mapping, &index.schema()).unwrap();
        let mut writer: IndexWriter = index.writer_with_num_threads(1, 15_000_000).unwrap();
        let texts = [
            "{}".to_owned(),
            format!("{}1{}", r#"{"a":"#.repeat(10_000), "}".repeat(10_000)),
            format!(r#"{{"a":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000)),
            format!("{}1{}", r#"{"a":["#.repeat(10_000), "]}".repeat(10_000)),
            format!(r#"{{"a":[{}0]}}"#, (0..100_000).fold(String::new(), |list, at| list + &format!("{at},"))),
            format!(r#"{{"{}":{{"{}":1}}}}"#, "k".repeat(300_000), "l".repeat(300_000)),
            format!(r#"{{"a":"{}"}}"#, "long ".repeat(1_000_000)),
            format!("{{{}\"z\":1}}", (0..50_000).fold(String::new(), |keys, at| keys + &format!("\"k{at}\":{at},"))),
            r#"{"a":"\u0000\u0001","\u0000":{"":{"\u0001":[null,[[]],{}]}}}"#.to_owned(),
        ];
        for text in &texts {
            writer.add_document(backend.read(text).unwrap()).unwrap();
        }
        writer.commit().unwrap();
        let searcher = index.reader().unwrap().searcher();
        let count = |filter: &str| {
            let lowered = lower(&backend, &Schema::open().check(&generous().json(filter).unwrap()).unwrap()).unwrap();
            assert!(lowered.is_exact());
            backend.query(&lowered).count(&searcher).unwrap()
        };
        assert_eq!(count("{}"), texts.len());
        assert_eq!(count(r#"{"field": "a", "operator": "exists"}"#), 6);
        assert_eq!(count(r#"{"a": 99999}"#), 1);
        assert_eq!(count(r#"{"k49999": 49999}"#), 1);
        assert_eq!(count(r#"{"field": "a", "operator": "text", "value": "LONG"}"#), 1);
        assert_eq!(count(r#"{"field": "a", "operator": "ends_with", "value": "long "}"#), 1);
        assert_eq!(count(r#"{"field": "\"\u0000\".\"\".\"\u0001\"", "operator": "exists"}"#), 1);
        let path = vec!["a"; 9_999].join(".");
        let filter = generous().value(&json!({"field": path, "operator": "exists"})).unwrap();
        let lowered = lower(&backend, &Schema::open().check(&filter).unwrap()).unwrap();
        assert_eq!(backend.query(&lowered).count(&searcher).unwrap(), 2);
    });
}

#[test]
fn words_with_a_meaning_to_some_parser_mean_nothing() {
    let words = words();
    let key = |word: &str| format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""));
    let mut documents: Vec<Json> =
        words.iter().map(|word| json!({"a": word, word.as_str(): {word.as_str(): 5}})).collect();
    documents.extend(words.chunks(5).map(|words| json!({"a": words, "b": [{words[0].as_str(): 1}]})));
    let operators = ["eq", "contains", "starts_with", "ends_with", "gt", "lte", "ne", "in"];
    let mut stores = stores();
    for (at, word) in words.iter().enumerate() {
        for (round, operator) in [operators[at % 8], operators[(at / 8) % 8]].into_iter().enumerate() {
            let value = if operator == "in" { json!([word, "a'b", 5]) } else { json!(word) };
            let sensitive = (at + round) % 2 == 0;
            let condition = json!({"field": "a", "operator": operator, "value": value, "case_sensitive": sensitive});
            agrees(&mut stores, &condition, &Schema::open(), &documents);
        }
        let path = [key(word), format!("{}.{}", key(word), key(word)), format!("b.{}", key(word))];
        let filter = json!({"field": path[at % 3], "operator": "exists"});
        agrees(&mut stores, &filter, &Schema::open(), &documents);
    }
    assert!(stores.iter().all(|store| store.tally.rechecked + store.tally.scanned == 0));
}
