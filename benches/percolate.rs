//! One document against many stored filters: a `FilterSet` beside the loop over a `Matcher` for each, which give the
//! same answers. 100,000 filters of three conditions that share 50 paths; the target is a hundredth of the loop's time.
//!
//! What decides is how selective the conditions are, so the mixes differ in that: values are ids (of 10,000), names (of
//! 200) or flags (of 5), evenly spread, and the documents have a value on each path.

mod ratio;

use ratio::{Rival, compare};
use serde_json::{Value as Json, json};
use trommel::{FilterSet, Matcher, Predicate, Schema, parse};

const FILTERS: usize = 100_000;
const PATHS: usize = 50;
const DOCUMENTS: usize = 20;

/// A small generator of numbers: the same in each run.
struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize * bound) >> 31
    }
}

/// The paths are of five kinds; every tenth is below an array.
fn path(at: usize) -> String {
    let kind = ["id", "name", "flag", "number", "line"][at % 5];
    if at % 10 == 3 { format!("items.{kind}{at}") } else { format!("data.{kind}{at}") }
}

fn id(rng: &mut Rng) -> Json {
    json!(format!("obj_{:08x}", rng.below(10_000)))
}

fn name(rng: &mut Rng) -> Json {
    json!(format!("name {}", rng.below(200)))
}

fn flag(rng: &mut Rng) -> Json {
    json!(["open", "shut", "held", "lost", "new"][rng.below(5)])
}

fn number(rng: &mut Rng) -> Json {
    json!(rng.below(1_000_000))
}

fn words(rng: &mut Rng, count: usize) -> Json {
    let words: Vec<String> = (0..count).map(|_| format!("w{:03}x", rng.below(1_000))).collect();
    json!(words.join(" "))
}

/// A value for a path in a document.
fn value(at: usize, rng: &mut Rng) -> Json {
    match at % 5 {
        0 => id(rng),
        1 => name(rng),
        2 => flag(rng),
        3 => number(rng),
        _ => words(rng, 8),
    }
}

fn document(rng: &mut Rng) -> Json {
    let mut document = json!({"data": {}, "items": [{}, {}]});
    for at in 0..PATHS {
        let path = path(at);
        match path.split_once('.') {
            Some(("items", key)) => {
                document["items"][0][key] = value(at, rng);
                document["items"][1][key] = value(at, rng);
            }
            Some((_, key)) => document["data"][key] = value(at, rng),
            None => {}
        }
    }
    document
}

/// A condition on one of the ten paths of a kind.
fn condition(kind: usize, operator: &str, value: Json, rng: &mut Rng) -> Json {
    json!({"field": path(rng.below(PATHS / 5) * 5 + kind), "operator": operator, "value": value})
}

type Make = fn(&mut Rng) -> Json;

const EQ_ID: Make = |rng| condition(0, "eq", id(rng), rng);
const IN_IDS: Make = |rng| condition(0, "in", (0..5).map(|_| id(rng)).collect(), rng);
const EQ_NAME: Make = |rng| condition(1, "eq", name(rng), rng);
const IN_NAMES: Make = |rng| condition(1, "in", (0..3).map(|_| name(rng)).collect(), rng);
const NOCASE_NAME: Make = |rng| {
    let mut condition = condition(1, "eq", json!(name(rng).as_str().unwrap_or("").to_uppercase()), rng);
    condition["case_sensitive"] = json!(false);
    condition
};
const EQ_FLAG: Make = |rng| condition(2, "eq", flag(rng), rng);
const RANGE: Make = |rng| condition(3, ["gt", "lt"][rng.below(2)], number(rng), rng);
const CONTAINS: Make = |rng| condition(4, "contains", words(rng, 1), rng);
const NE_FLAG: Make = |rng| condition(2, "ne", flag(rng), rng);
const NOT_RANGE: Make = |rng| json!({"NOT": [RANGE(rng)]});

const MIXES: [(&str, [Make; 3]); 10] = [
    ("eq id, eq flag, gt or lt", [EQ_ID, EQ_FLAG, RANGE]),
    ("in 5 ids, contains, ne flag", [IN_IDS, CONTAINS, NE_FLAG]),
    ("eq name, eq name, eq name", [EQ_NAME, EQ_NAME, EQ_NAME]),
    ("eq name, eq flag, gt or lt", [EQ_NAME, EQ_FLAG, RANGE]),
    ("nocase eq name, eq flag, ne flag", [NOCASE_NAME, EQ_FLAG, NE_FLAG]),
    ("in 3 names, gt or lt, ne flag", [IN_NAMES, RANGE, NE_FLAG]),
    ("contains, gt or lt, ne flag", [CONTAINS, RANGE, NE_FLAG]),
    ("eq flag, eq flag, eq flag", [EQ_FLAG, EQ_FLAG, EQ_FLAG]),
    ("gt or lt, gt or lt, gt or lt", [RANGE, RANGE, RANGE]),
    ("ne flag, ne flag, not gt or lt", [NE_FLAG, NE_FLAG, NOT_RANGE]),
];

fn main() {
    let schema = Schema::open();
    for (title, makes) in MIXES {
        let mut rng = Rng(1);
        let predicates: Vec<Predicate> = (0..FILTERS)
            .map(|_| {
                let filter = json!({"AND": makes.map(|make| make(&mut rng))});
                schema.check(&parse::value(&filter).expect("a filter")).expect("a predicate")
            })
            .collect();
        let documents: Vec<Json> = (0..DOCUMENTS).map(|_| document(&mut rng)).collect();
        let matchers: Vec<Matcher> = predicates.iter().map(Matcher::new).collect();
        let mut set = FilterSet::new();
        predicates.iter().enumerate().for_each(|(id, predicate)| {
            set.insert(id, predicate);
        });
        let alone = |document: &Json| -> Vec<usize> {
            let matching = matchers.iter().enumerate().filter(|(_, matcher)| matcher.matches(document));
            matching.map(|(id, _)| id).collect()
        };
        let mut found = 0;
        for document in &documents {
            let matching = set.matches(document);
            found += matching.len();
            assert!(matching.into_iter().eq(&alone(document)), "{title}: {document}");
        }
        let loop_over = || documents.iter().map(|document| alone(document).len()).sum::<usize>();
        let ask_set = || documents.iter().map(|document| set.matches(document).len()).sum::<usize>();
        let times = compare(
            &format!("{title}; {} of {FILTERS} match a document", found / DOCUMENTS),
            &mut [Rival::new("FilterSet", ask_set), Rival::new("a Matcher each", loop_over)],
        );
        println!("    {:.0} x as fast", times[1].div_duration_f64(times[0]));
    }
}
