//! Counting by a lowered filter beside the best spellings by hand, over tantivy's own JSON field and over fields typed for
//! what is asked, on 200,000 documents; what building an index costs beside the JSON field; and what a recheck costs. The
//! target for counts is at most 1.05 times the better of the two.

mod ratio;
mod typed;

use std::time::{Duration, Instant};

use ratio::{Rival, compare};
use serde_json::{Value as Json, json};
use trommel::tantivy::query::{
    AllQuery, BooleanQuery, ExistsQuery, Occur, Query, RangeQuery, RegexQuery, TermQuery, TermSetQuery,
};
use trommel::tantivy::schema::{
    Field, IndexRecordOption, JsonObjectOptions, OwnedValue, STORED, SchemaBuilder, TextFieldIndexing, TextOptions,
};
use trommel::tantivy::{Index, IndexWriter, Searcher, TantivyDocument, Term};
use trommel::{Schema, Tantivy, TantivyMapping, lower, parse};
use typed::Typed;

const DOCUMENTS: usize = 200_000;

const STATES: [&str; 5] = ["pending", "paid", "packed", "sent", "lost"];

fn document(at: usize) -> Json {
    let mixed = at.wrapping_mul(2_654_435_761) % 1_000_003;
    json!({
        "id": format!("obj_{at:08x}"),
        "status": STATES[mixed % 5],
        "n": mixed % 1_000,
        "size": mixed,
        "price": (mixed % 100_000) as f64 / 100.0,
        "user": {"name": format!("user{}", mixed % 5_000), "mail": format!("user{}@example{}.com", mixed % 5_000, mixed % 7)},
        "tags": [format!("tag{}", mixed % 40), format!("tag{}", mixed % 13)],
        "coupon": if mixed.is_multiple_of(10) { json!("spring") } else { Json::Null },
    })
}

/// What is by hand: a JSON field, indexed raw and fast, the text beside it, and perhaps its tokens too.
struct ByHand {
    searcher: Searcher,
    field: Field,
}

impl ByHand {
    fn build(texts: &[String], has_tokens: bool) -> ByHand {
        let mut fields = SchemaBuilder::default();
        let raw = TextFieldIndexing::default().set_tokenizer("raw").set_index_option(IndexRecordOption::Basic);
        let options = JsonObjectOptions::default().set_fast("raw").set_indexing_options(raw);
        let field = fields.add_json_field("doc", options);
        let words = TextFieldIndexing::default().set_index_option(IndexRecordOption::Basic);
        let words = JsonObjectOptions::default().set_indexing_options(words);
        let tokens = has_tokens.then(|| fields.add_json_field("tokens", words));
        let text = fields.add_text_field("text", TextOptions::from(STORED));
        let index = Index::create_in_ram(fields.build());
        let mut writer: IndexWriter = index.writer_with_num_threads(1, 200_000_000).expect("a writer");
        for json in texts {
            let mut made = TantivyDocument::new();
            made.add_text(text, json);
            let parsed: Json = serde_json::from_str(json).expect("JSON");
            let OwnedValue::Object(object) = OwnedValue::from(parsed) else { continue };
            if let Some(tokens) = tokens {
                made.add_object(tokens, object.iter().cloned().collect());
            }
            made.add_object(field, object.into_iter().collect());
            writer.add_document(made).expect("added");
        }
        writer.commit().expect("committed");
        ByHand { searcher: index.reader().expect("a reader").searcher(), field }
    }

    fn string(&self, path: &str, value: &str) -> Term {
        let mut term = Term::from_field_json_path(self.field, path, false);
        term.append_type_and_str(value);
        term
    }

    fn number(&self, path: &str, value: i64) -> Term {
        let mut term = Term::from_field_json_path(self.field, path, false);
        term.append_type_and_fast_value(value);
        term
    }

    fn term(&self, term: Term) -> Box<dyn Query> {
        Box::new(TermQuery::new(term, IndexRecordOption::Basic))
    }

    /// A regular expression over the terms of a path, whose keys stand before the string.
    fn regex(&self, path: &str, pattern: &str) -> Box<dyn Query> {
        let path = path.replace('.', "\u{1}");
        Box::new(RegexQuery::from_pattern(&format!("{path}\\x00s{pattern}"), self.field).expect("a pattern"))
    }
}

/// A filter, and what somebody would write for it.
struct Case {
    title: &'static str,
    filter: String,
    json: Box<dyn Query>,
    typed: Box<dyn Query>,
}

fn case(title: &'static str, filter: &str, json: Box<dyn Query>, typed: Box<dyn Query>) -> Case {
    Case { title, filter: filter.to_owned(), json, typed }
}

fn built(documents: &[String]) -> (Tantivy, Searcher) {
    let mapping = TantivyMapping::new();
    let index = Index::create_in_ram(mapping.tantivy_schema());
    let backend = Tantivy::new(&mapping, &index.schema()).expect("our fields");
    let mut writer: IndexWriter = index.writer_with_num_threads(1, 200_000_000).expect("a writer");
    for text in documents {
        writer.add_document(backend.read(text).expect("a document")).expect("added");
    }
    writer.commit().expect("committed");
    let searcher = index.reader().expect("a reader").searcher();
    (backend, searcher)
}

/// Builds of the same texts in turns, the best time of each, and what they built.
fn builds(texts: &[String]) -> (ByHand, (Tantivy, Searcher)) {
    fn timed<T>(best: &mut Duration, build: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let built = build();
        *best = start.elapsed().min(*best);
        built
    }
    let mut best = [Duration::MAX; 3];
    let mut turn = || {
        let plain = timed(&mut best[0], || ByHand::build(texts, false));
        let words = timed(&mut best[1], || ByHand::build(texts, true));
        (plain, words, timed(&mut best[2], || built(texts)))
    };
    turn();
    turn();
    let (plain, words, ours) = turn();
    println!("building {} documents from their texts", texts.len());
    for (name, searcher, time) in [
        ("a JSON field", &plain.searcher, best[0]),
        ("a JSON field, and one of its tokens", &words.searcher, best[1]),
        ("ours, tokens among it", &ours.1, best[2]),
    ] {
        let (segments, size, first) = (searcher.segment_readers().len(), size(searcher), size(&plain.searcher));
        println!(
            "    {name:40} {time:>8.2?} {:6.2} x  {size:6.1} MiB {:6.2} x  {segments} segments",
            time.div_duration_f64(best[0]),
            size / first
        );
    }
    (plain, ours)
}

fn size(searcher: &Searcher) -> f64 {
    searcher.space_usage().expect("a size").total().get_bytes() as f64 / f64::from(1 << 20)
}

fn main() {
    let documents: Vec<Json> = (0..DOCUMENTS).map(document).collect();
    let texts: Vec<String> = documents.iter().map(Json::to_string).collect();
    let (by_hand, (backend, searcher)) = builds(&texts);
    let (hand, typed) = (&by_hand, &Typed::build(&documents, &texts));
    let must = |queries: Vec<Box<dyn Query>>| -> Box<dyn Query> { Box::new(BooleanQuery::intersection(queries)) };
    let ids: Vec<String> = (0..10_000).map(|at| format!("obj_{:08x}", at * 17)).collect();
    let range = |path: &str, from: i64, to: i64| -> Box<dyn Query> {
        use std::ops::Bound::{Excluded, Included};
        Box::new(RangeQuery::new(Included(hand.number(path, from)), Excluded(hand.number(path, to))))
    };
    let sizes: Vec<i64> = (0..10_000).map(|at| document(at * 17)["size"].as_i64().expect("a number")).collect();
    let names: Vec<String> = (0..100).map(|at| format!("user{}", at * 13)).collect();
    let any = |queries: Vec<Box<dyn Query>>| -> Box<dyn Query> { Box::new(BooleanQuery::union(queries)) };
    let not = |query: Box<dyn Query>| -> Box<dyn Query> {
        Box::new(BooleanQuery::new(vec![(Occur::Must, Box::new(AllQuery) as Box<dyn Query>), (Occur::MustNot, query)]))
    };
    let string = |path: &str, value: &str| hand.term(hand.string(path, value));
    let set = |path: &str, values: &[String]| -> Box<dyn Query> {
        Box::new(TermSetQuery::new(values.iter().map(|value| hand.string(path, value))))
    };
    let is_in = |path: &str, values: &[String]| json!({"field": path, "operator": "in", "value": values}).to_string();
    let (paid, tag) = (r#"{"status": "paid"}"#, r#"{"tags": "tag7"}"#);
    let cases: Vec<Case> = vec![
        case("eq", paid, string("status", "paid"), typed.string("status", "paid")),
        case("eq of a number", r#"{"n": 500}"#, hand.term(hand.number("n", 500)), typed.number("n", 500)),
        case(
            "eq of one",
            r#"{"id": "obj_00001234"}"#,
            string("id", "obj_00001234"),
            typed.string("id", "obj_00001234"),
        ),
        case(
            "and",
            r#"{"status": "paid", "tags": "tag7"}"#,
            must(vec![string("status", "paid"), string("tags", "tag7")]),
            must(vec![typed.string("status", "paid"), typed.string("tags", "tag7")]),
        ),
        case(
            "or",
            &format!(r#"{{"OR": [{paid}, {tag}]}}"#),
            any(vec![string("status", "paid"), string("tags", "tag7")]),
            any(vec![typed.string("status", "paid"), typed.string("tags", "tag7")]),
        ),
        case(
            "not",
            &format!(r#"{{"NOT": [{paid}]}}"#),
            not(string("status", "paid")),
            not(typed.string("status", "paid")),
        ),
        case("in 100", &is_in("user.name", &names), set("user.name", &names), typed.terms("user.name", &names)),
        case("in 10,000 ids", &is_in("id", &ids), set("id", &ids), typed.set("id", &ids)),
        case(
            "in 10,000 numbers",
            &json!({"field": "size", "operator": "in", "value": sizes}).to_string(),
            Box::new(TermSetQuery::new(sizes.iter().map(|size| hand.number("size", *size)))),
            typed.numbers("size", &sizes),
        ),
        case(
            "exists",
            r#"{"field": "coupon", "operator": "is_null", "value": false}"#,
            Box::new(ExistsQuery::new("doc.coupon".into(), false)),
            typed.string("coupon", "spring"),
        ),
        case(
            "starts_with",
            r#"{"field": "user.name", "operator": "starts_with", "value": "user12"}"#,
            hand.regex("user.name", "user12.*"),
            typed.walk("user.name", "user12", |_| true),
        ),
        case(
            "ends_with",
            r#"{"field": "user.mail", "operator": "ends_with", "value": "@example3.com"}"#,
            hand.regex("user.mail", ".*@example3\\.com"),
            typed.walk("user.mail", "", |term| term.ends_with(b"@example3.com")),
        ),
        case(
            "contains",
            r#"{"field": "user.mail", "operator": "contains", "value": "7@ex"}"#,
            hand.regex("user.mail", ".*7@ex.*"),
            typed.walk("user.mail", "", |term| term.windows(4).any(|part| part == b"7@ex")),
        ),
        case(
            "regex",
            r#"{"field": "user.mail", "operator": "regex", "value": "^user[0-9]5@"}"#,
            hand.regex("user.mail", "user[0-9]5@.*"),
            typed.regex("user.mail", "user[0-9]5@.*"),
        ),
        case(
            "a range over 1,000 values",
            r#"{"AND": [{"field": "n", "operator": "gte", "value": 400}]}"#,
            range("n", 400, 1 << 40),
            typed.from("n", 400),
        ),
        case(
            "a range over all values",
            r#"{"AND": [{"field": "size", "operator": "gte", "value": 500000}]}"#,
            range("size", 500_000, 1 << 40),
            typed.from("size", 500_000),
        ),
        case(
            "eq and a range",
            r#"{"user.name": "user77", "AND": [{"field": "size", "operator": "gte", "value": 500000}]}"#,
            must(vec![string("user.name", "user77"), range("size", 500_000, 1 << 40)]),
            must(vec![typed.string("user.name", "user77"), typed.from("size", 500_000)]),
        ),
    ];
    for Case { title, filter, json, typed: of_typed } in &cases {
        let predicate = Schema::open().check(&parse::json(filter).expect("a filter")).expect("a predicate");
        let lowered = match lower(&backend, &predicate) {
            Ok(lowered) => lowered,
            Err(never) => match never {},
        };
        assert!(lowered.is_exact(), "{filter}");
        let ours = backend.query(&lowered);
        let count = ours.count(&searcher).expect("a count");
        assert_eq!(count, json.count(&hand.searcher).expect("a count"), "{filter}");
        assert_eq!(count, of_typed.count(&typed.searcher).expect("a count"), "{filter}");
        let took = compare(
            &format!("{title}: {count} documents"),
            &mut [
                Rival::new("by hand over a JSON field", || json.count(&hand.searcher)),
                Rival::new("by hand over typed fields", || of_typed.count(&typed.searcher)),
                Rival::new("ours, lowered", || ours.count(&searcher)),
            ],
        );
        if let Some([json, typed, ours]) = took.as_deref() {
            println!("    ours to the better by hand {:36.2} x", ours / json.min(*typed));
        }
    }
    // Where nothing was ever deleted, the dictionary has the number.
    let paid = hand.string("status", "paid");
    println!("eq, of the dictionary alone, which counts what was deleted too:");
    compare("", &mut [Rival::new("by hand", || hand.searcher.doc_freq(&paid))]);
    translate(&backend, hand);
    recheck(&searcher, &texts);
}

/// From the text of a filter to a query, beside a translation by hand of this one form. The target is at most 2 times.
fn translate(backend: &Tantivy, hand: &ByHand) {
    const CONDITIONS: usize = 100;
    let condition = |at: usize| json!({"field": "user.name", "operator": "eq", "value": format!("user{at}")});
    let conditions: Vec<Json> = (0..CONDITIONS)
        .map(|at| json!({"AND": [condition(at), {"field": "n", "operator": "eq", "value": at}]}))
        .collect();
    let text = json!({"OR": conditions}).to_string();
    let schema = Schema::open();
    let by_hand = |text: &str| -> Option<BooleanQuery> {
        let filter: Json = serde_json::from_str(text).ok()?;
        let pair = |pair: &Json| {
            let term = |condition: &Json| {
                let path = condition["field"].as_str()?;
                let term = match &condition["value"] {
                    Json::String(value) => hand.string(path, value),
                    value => hand.number(path, value.as_i64()?),
                };
                Some(hand.term(term))
            };
            let members = pair["AND"].as_array()?.iter().map(term).collect::<Option<Vec<_>>>()?;
            Some(Box::new(BooleanQuery::intersection(members)) as Box<dyn Query>)
        };
        Some(BooleanQuery::union(filter["OR"].as_array()?.iter().map(pair).collect::<Option<Vec<_>>>()?))
    };
    compare(
        &format!("a text of {} conditions to a query", 2 * CONDITIONS),
        &mut [
            Rival::new("by hand, of this form alone", || by_hand(&text).is_some()),
            Rival::new("ours", || {
                let predicate = schema.check(&parse::json(&text).expect("a filter")).expect("a predicate");
                let lowered = match lower(backend, &predicate) {
                    Ok(lowered) => lowered,
                    Err(never) => match never {},
                };
                backend.query(&lowered).failure().is_none()
            }),
        ],
    );
}

/// What a residual costs: an index of another schema, so that nothing is indexed that the filter asks for.
fn recheck(full: &Searcher, texts: &[String]) {
    let schema = Schema::from_json(r#"{"closed":true,"fields":{"status":{},"user.name":{}}}"#).expect("a schema");
    let mapping = TantivyMapping::with_schema(schema);
    let index = Index::create_in_ram(mapping.tantivy_schema());
    let backend = Tantivy::new(&mapping, &index.schema()).expect("our fields");
    let mut writer: IndexWriter = index.writer_with_num_threads(1, 200_000_000).expect("a writer");
    for text in texts {
        writer.add_document(backend.read(text).expect("a document")).expect("added");
    }
    writer.commit().expect("committed");
    let searcher = index.reader().expect("a reader").searcher();
    println!("an index of two paths: {:.1} MiB beside {:.1} MiB of all", size(&searcher), size(full));
    for filter in [r#"{"n": 500}"#, r#"{"status": "paid", "n": 500}"#, r#"{"user.name": "user77", "n": 77}"#] {
        let predicate = Schema::open().check(&parse::json(filter).expect("a filter")).expect("a predicate");
        let lowered = match lower(&backend, &predicate) {
            Ok(lowered) => lowered,
            Err(never) => match never {},
        };
        let query = backend.query(&lowered);
        let candidates =
            lowered.pushed().map_or(texts.len(), |pushed| pushed.to_query().count(&searcher).expect("a count"));
        let start = Instant::now();
        let count = query.count(&searcher).expect("a count");
        let time = start.elapsed();
        let each = time.as_secs_f64() * 1e6 / candidates as f64;
        println!("a recheck of {candidates} candidates, {count} found: {time:.1?}, {each:.2} µs each");
    }
}
