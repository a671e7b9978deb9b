//! What the compiled matcher costs beside closures written by hand on the same values, over flat and nested documents.

mod ratio;

use std::collections::HashSet;

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memmem::Finder;
use ratio::{Rival, compare};
use regex::{Regex, RegexBuilder};
use serde_json::{Value as Json, json};
use trommel::{Limit, Limits, Matcher, Schema, parse::Parser};

/// A filter, and what somebody would write who knows the documents.
struct Case {
    name: String,
    filter: Json,
    /// How many of some documents match by hand. The loop is inside, so that the closure can be inlined into it.
    by_hand: Count,
}

type Count = Box<dyn Fn(&[Json]) -> usize>;

fn add(cases: &mut Vec<Case>, name: &str, filter: Json, by_hand: impl Fn(&Json) -> bool + 'static) {
    let by_hand = Box::new(move |documents: &[Json]| count(documents, &by_hand));
    cases.push(Case { name: name.to_owned(), filter, by_hand });
}

/// Where the fields of a kind of documents are.
struct Kind {
    name: &'static str,
    document: fn(usize) -> Json,
    /// Where most fields are.
    meta: &'static [&'static str],
    status: &'static [&'static str],
    year: &'static [&'static str],
    country: &'static [&'static str],
    title: &'static [&'static str],
    body: &'static [&'static str],
    deleted: &'static [&'static str],
    id: &'static [&'static str],
    /// An array of strings, or the strings of the objects of an array.
    tags: &'static [&'static str],
    any_tag: fn(&Json, &str) -> bool,
}

const WORDS: [&str; 24] = [
    "buffer",
    "overflow",
    "remote",
    "attacker",
    "crafted",
    "request",
    "kernel",
    "module",
    "allows",
    "before",
    "version",
    "memory",
    "Unauthenticated",
    "users",
    "the",
    "via",
    "in",
    "a",
    "parser",
    "Denial",
    "service",
    "header",
    "field",
    "of",
];
const STATUS: [&str; 5] = ["pending", "paid", "packed", "sent", "returned"];
const COUNTRY: [&str; 6] = ["DE", "FR", "IE", "US", "JP", "BR"];
const TAGS: [&str; 7] = ["news", "draft", "urgent", "patch", "vendor", "internal", "legacy"];

fn words(at: usize, count: usize) -> String {
    let words: Vec<&str> = (0..count).map(|n| WORDS[(at * 31 + n * n * 7 + n) % WORDS.len()]).collect();
    words.join(" ")
}

fn tags(at: usize) -> Vec<&'static str> {
    (0..at % 4).map(|n| TAGS[(at / 4 + n * 3) % TAGS.len()]).collect()
}

fn id(at: usize) -> String {
    format!("obj_{:016x}", at * 7)
}

fn deleted(at: usize) -> Json {
    if at.is_multiple_of(3) { json!("2024-01-01T00:00:00Z") } else { Json::Null }
}

fn flat(at: usize) -> Json {
    json!({
        "id": id(at), "status": STATUS[at % 5], "year": 1990 + at % 36, "price": (at % 1000) as f64 / 8.0,
        "country": COUNTRY[at % 6], "title": words(at, 6), "body": words(at, 40), "active": at.is_multiple_of(2),
        "email": format!("user{at}@example.org"), "deleted_at": deleted(at), "tags": tags(at), "views": at * 13,
    })
}

fn nested(at: usize) -> Json {
    let items: Vec<Json> =
        tags(at).into_iter().map(|tag| json!({"sku": format!("sku-{at}"), "qty": at % 9, "kind": tag})).collect();
    json!({
        "id": id(at),
        "meta": {
            "status": STATUS[at % 5], "year": 1990 + at % 36, "owner": {"country": COUNTRY[at % 6], "name": "Ann"},
            "deleted_at": deleted(at), "version": 3,
        },
        "text": {"title": words(at, 6), "body": words(at, 40), "language": "en"},
        "items": items,
        "price": {"amount": at % 1000, "currency": "EUR"},
    })
}

const FLAT: Kind = Kind {
    name: "flat",
    document: flat,
    meta: &[],
    status: &["status"],
    year: &["year"],
    country: &["country"],
    title: &["title"],
    body: &["body"],
    deleted: &["deleted_at"],
    id: &["id"],
    tags: &["tags"],
    any_tag: |document, tag| match document.get("tags") {
        Some(Json::Array(tags)) => tags.iter().any(|found| found.as_str() == Some(tag)),
        _ => false,
    },
};

const NESTED: Kind = Kind {
    name: "nested",
    document: nested,
    meta: &["meta"],
    status: &["meta", "status"],
    year: &["meta", "year"],
    country: &["meta", "owner", "country"],
    title: &["text", "title"],
    body: &["text", "body"],
    deleted: &["meta", "deleted_at"],
    id: &["id"],
    tags: &["items", "kind"],
    any_tag: |document, tag| match document.get("items") {
        Some(Json::Array(items)) => items.iter().any(|item| item.get("kind").and_then(Json::as_str) == Some(tag)),
        _ => false,
    },
};

/// The value at the keys. Inlined where they are constants, as one would write them.
#[inline(always)]
fn get<'d>(document: &'d Json, keys: &[&str]) -> Option<&'d Json> {
    match *keys {
        [] => Some(document),
        [a] => document.get(a),
        [a, b] => document.get(a)?.get(b),
        [a, b, c] => document.get(a)?.get(b)?.get(c),
        _ => None,
    }
}

/// The keys after those that lead to where most fields are.
#[inline(always)]
fn below<'k>(meta: &[&str], keys: &'k [&'static str]) -> &'k [&'static str] {
    &keys[meta.len()..]
}

#[inline(always)]
fn string<'d>(document: &'d Json, keys: &[&str]) -> Option<&'d str> {
    get(document, keys)?.as_str()
}

fn ids(count: usize) -> Vec<String> {
    // Every third is the id of a document, as far as there are so many.
    (0..count).map(|at| if at.is_multiple_of(3) { id(at) } else { format!("obj_x{at:015x}") }).collect()
}

/// Makes the cases of a kind of documents. A macro, so that the keys are constants in each closure.
macro_rules! cases {
    ($kind:ident) => {{
        let path = |keys: &[&str]| keys.join(".");
        let condition = |keys: &[&str], operator: &str, value: Json| {
            json!({"field": path(keys), "operator": operator, "value": value})
        };
        let no_case = |mut condition: Json| {
            condition["case_sensitive"] = json!(false);
            condition
        };
        let mut cases: Vec<Case> = Vec::new();
        add(&mut cases, "eq string",
            condition($kind.status, "eq", json!("paid")),
            |d: &Json| string(d, $kind.status) == Some("paid"),
        );
        add(&mut cases, "eq number",
            condition($kind.year, "eq", json!(2001)),
            |d: &Json| get(d, $kind.year).and_then(Json::as_i64) == Some(2001),
        );
        for count in [10, 1_000, 100_000] {
            let set: HashSet<String> = ids(count).into_iter().collect();
            add(&mut cases, &format!("in {count}"),
                condition($kind.id, "in", json!(ids(count))),
                move |d: &Json| string(d, $kind.id).is_some_and(|id| set.contains(id)),
            );
        }
        add(&mut cases, "range",
            json!({"AND": [condition($kind.year, "gte", json!(2000)), condition($kind.year, "lt", json!(2010))]}),
            |d: &Json| {
                let year = get(d, $kind.year).and_then(Json::as_i64);
                year.is_some_and(|year| (2000..2010).contains(&year))
            },
        );
        add(&mut cases, "prefix",
            condition($kind.title, "starts_with", json!("remote")),
            |d: &Json| string(d, $kind.title).is_some_and(|title| title.starts_with("remote")),
        );
        add(&mut cases, "suffix",
            condition($kind.title, "ends_with", json!("service")),
            |d: &Json| string(d, $kind.title).is_some_and(|title| title.ends_with("service")),
        );
        let finder = Finder::new("kernel module").into_owned();
        add(&mut cases, "substring",
            condition($kind.body, "contains", json!("kernel module")),
            move |d: &Json| string(d, $kind.body).is_some_and(|body| finder.find(body.as_bytes()).is_some()),
        );
        add(&mut cases, "no-case eq",
            no_case(condition($kind.country, "eq", json!("de"))),
            |d: &Json| string(d, $kind.country).is_some_and(|country| country.eq_ignore_ascii_case("de")),
        );
        let pattern = RegexBuilder::new("unauthenticated").case_insensitive(true).build().expect("a pattern");
        add(&mut cases, "no-case substring",
            no_case(condition($kind.body, "contains", json!("unauthenticated"))),
            move |d: &Json| string(d, $kind.body).is_some_and(|body| pattern.is_match(body)),
        );
        let pattern = Regex::new(r"(buffer|memory) \w+ (via|in)\b").expect("a pattern");
        add(&mut cases, "regex",
            condition($kind.body, "regex", json!(r"(buffer|memory) \w+ (via|in)\b")),
            move |d: &Json| string(d, $kind.body).is_some_and(|body| pattern.is_match(body)),
        );
        add(&mut cases, "OR of 5",
            json!({"OR": [
                condition($kind.status, "eq", json!("returned")), condition($kind.year, "lt", json!(1995)),
                condition($kind.country, "eq", json!("BR")), condition($kind.tags, "eq", json!("legacy")),
                condition($kind.title, "starts_with", json!("kernel")),
            ]}),
            |d: &Json| {
                let meta = get(d, $kind.meta).unwrap_or(&Json::Null);
                string(meta, below($kind.meta, $kind.status)) == Some("returned")
                    || get(meta, below($kind.meta, $kind.year)).and_then(Json::as_i64).is_some_and(|year| year < 1995)
                    || string(meta, below($kind.meta, $kind.country)) == Some("BR")
                    || string(d, $kind.title).is_some_and(|title| title.starts_with("kernel"))
                    || ($kind.any_tag)(d, "legacy")
            },
        );
        let texts = ["kernel module", "denial", "memory header", "parser of", "field crafted"];
        // The kind of matches with the vectorised search.
        let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(texts).expect("five texts");
        let any_text: Vec<Json> = texts.iter().map(|text| condition($kind.body, "contains", json!(text))).collect();
        add(&mut cases, "OR of 5 substrings",
            json!({"OR": any_text.clone()}),
            move |d: &Json| string(d, $kind.body).is_some_and(|body| automaton.is_match(body)),
        );
        let pattern = RegexBuilder::new("kernel module|denial|memory header|parser of|field crafted");
        let pattern = { pattern }.case_insensitive(true).build().expect("a pattern");
        let any_text: Vec<Json> = any_text.into_iter().map(no_case).collect();
        add(&mut cases, "OR of 5 no-case substrings",
            json!({"OR": any_text}),
            move |d: &Json| string(d, $kind.body).is_some_and(|body| pattern.is_match(body)),
        );
        add(&mut cases, "nested NOT",
            json!({"AND": [
                condition($kind.status, "in", json!(["paid", "packed"])),
                {"NOT": [
                    {"AND": [condition($kind.country, "eq", json!("DE")), condition($kind.year, "gte", json!(2010))]},
                    {"NOT": {"OR": [condition($kind.deleted, "is_null", json!(true)), condition($kind.year, "lt", json!(2000))]}},
                ]},
            ]}),
            |d: &Json| {
                let meta = get(d, $kind.meta).unwrap_or(&Json::Null);
                let year = || get(meta, below($kind.meta, $kind.year)).and_then(Json::as_i64).unwrap_or(0);
                matches!(string(meta, below($kind.meta, $kind.status)), Some("paid" | "packed"))
                    && !(string(meta, below($kind.meta, $kind.country)) == Some("DE") && year() >= 2010)
                    && (get(meta, below($kind.meta, $kind.deleted)).is_none_or(Json::is_null) || year() < 2000)
            },
        );
        add(&mut cases, "array", condition($kind.tags, "eq", json!("draft")), |d: &Json| ($kind.any_tag)(d, "draft"));
        add(&mut cases, "array, NOT",
            json!({"NOT": [condition($kind.tags, "eq", json!("draft"))]}),
            |d: &Json| !($kind.any_tag)(d, "draft"),
        );
        add(&mut cases, "is_null",
            condition($kind.deleted, "is_null", json!(true)),
            |d: &Json| get(d, $kind.deleted).is_none_or(Json::is_null),
        );
        cases.iter_mut().for_each(|case| case.name = format!("{} {}", $kind.name, case.name));
        cases
    }};
}

fn cases(kind: &Kind) -> Vec<Case> {
    if kind.name == FLAT.name { cases!(FLAT) } else { cases!(NESTED) }
}

fn matcher(filter: &Json) -> Matcher {
    let parser = Parser::new().limits(Limits::default().with(Limit::Conditions, 1_000_000));
    Matcher::new(&Schema::open().check(&parser.value(filter).expect("a filter")).expect("a filter"))
}

/// The documents that match. Not inlined, so that both rivals are called alike.
#[inline(never)]
fn count(documents: &[Json], matches: impl Fn(&Json) -> bool) -> usize {
    documents.iter().filter(|document| matches(document)).count()
}

const DOCUMENTS: usize = 2_000;

fn print_ratios(rows: &[(String, f64)]) {
    let mut ratios: Vec<f64> = rows.iter().map(|(_, ratio)| *ratio).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let Some(worst) = rows.iter().max_by(|a, b| a.1.total_cmp(&b.1)) else { return };
    println!(
        "median {:.2} x, worst {:.2} x ({}); the targets are at most 1.2 and 1.5",
        ratios[ratios.len() / 2],
        worst.1,
        worst.0
    );
}

fn main() {
    let mut rows = Vec::new();
    for kind in &[FLAT, NESTED] {
        let documents: Vec<Json> = (0..DOCUMENTS).map(kind.document).collect();
        for case in cases(kind) {
            let matcher = matcher(&case.filter);
            let hits = (case.by_hand)(&documents);
            assert_eq!(count(&documents, |document| matcher.matches(document)), hits, "{}", case.name);
            for document in &documents {
                let by_hand = (case.by_hand)(std::slice::from_ref(document)) == 1;
                assert_eq!(matcher.matches(document), by_hand, "{}: {document}", case.name);
            }
            let costs = compare(
                &format!("{}: {hits} of {DOCUMENTS}", case.name),
                &mut [
                    Rival::new("by hand", || (case.by_hand)(&documents)),
                    Rival::new("Matcher", || count(&documents, |document| matcher.matches(document))),
                ],
            );
            rows.extend(costs.map(|costs| (case.name, costs[1] / costs[0])));
        }
    }
    print_ratios(&rows);
}
