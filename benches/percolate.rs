//! One document against many stored filters: a `FilterSet` beside the loop over a `Matcher` for each, which give the
//! same answers. 100,000 filters of three conditions that share 50 paths; the target is a hundredth of the loop's time.
//!
//! What decides is how selective the conditions are, so the mixes differ in that: values are ids (of 10,000), names (of
//! 200) or flags (of 5), evenly spread, and the documents have a value on each path. Of each mix, some filters are made
//! to match some document.
//!
//! Each round asks about the next documents of many, so that the set does not know them from the round before.

mod ratio;

use ratio::{Rival, compare};
use serde_json::{Value as Json, json};
use trommel::{FilterSet, Matcher, Predicate, Schema, parse};

const FILTERS: usize = 100_000;
const PATHS: usize = 50;
const DOCUMENTS: usize = 2_000;
/// So many documents are asked about at a time.
const BATCH: usize = 20;
/// One filter of so many is made to match a document.
const PLANTED: usize = 50;

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

fn words(rng: &mut Rng) -> Json {
    let words: Vec<String> = (0..8).map(|_| format!("w{:03}x", rng.below(1_000))).collect();
    json!(words.join(" "))
}

/// A value for a path in a document.
fn value(at: usize, rng: &mut Rng) -> Json {
    match at % 5 {
        0 => json!(format!("obj_{:08x}", rng.below(10_000))),
        1 => json!(format!("name {}", rng.below(200))),
        2 => json!(["open", "shut", "held", "lost", "new"][rng.below(5)]),
        3 => json!(rng.below(1_000_000)),
        _ => words(rng),
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

/// Where the values of a filter come from.
struct Source<'s> {
    rng: &'s mut Rng,
    /// The document that the filter is to match, if it is to.
    document: Option<&'s Json>,
}

impl Source<'_> {
    fn value(&mut self, at: usize) -> Json {
        match (self.document, path(at).split_once('.')) {
            (Some(document), Some(("items", key))) => document["items"][self.rng.below(2)][key].clone(),
            (Some(document), Some((_, key))) => document["data"][key].clone(),
            _ => value(at, self.rng),
        }
    }

    /// A condition on one of the ten paths of a kind.
    fn condition(&mut self, kind: usize, operator: &str, make: impl FnOnce(usize, &mut Self) -> Json) -> Json {
        let at = self.rng.below(PATHS / 5) * 5 + kind;
        json!({"field": path(at), "operator": operator, "value": make(at, self)})
    }

    fn equal(&mut self, kind: usize) -> Json {
        self.condition(kind, "eq", |at, source| source.value(at))
    }

    fn one_of(&mut self, kind: usize, count: usize) -> Json {
        self.condition(kind, "in", |at, source| {
            let others: Vec<Json> = (1..count).map(|_| value(at, source.rng)).collect();
            [source.value(at)].into_iter().chain(others).collect()
        })
    }
}

type Make = fn(&mut Source<'_>) -> Json;

const EQ_ID: Make = |source| source.equal(0);
const IN_IDS: Make = |source| source.one_of(0, 5);
const EQ_NAME: Make = |source| source.equal(1);
const IN_NAMES: Make = |source| source.one_of(1, 3);
const NOCASE_NAME: Make = |source| {
    let mut condition = source.equal(1);
    condition["value"] = json!(condition["value"].as_str().unwrap_or("").to_uppercase());
    condition["case_sensitive"] = json!(false);
    condition
};
const EQ_FLAG: Make = |source| source.equal(2);
const RANGE: Make = |source| {
    let (operator, step) = [("gt", -1), ("lt", 1)][source.rng.below(2)];
    source.condition(3, operator, |at, source| json!(source.value(at).as_i64().unwrap_or(0) + step))
};
const CONTAINS: Make = |source| {
    let word = |line: &Json| json!(line.as_str().and_then(|line| line.split(' ').next()));
    source.condition(4, "contains", |at, source| word(&source.value(at)))
};
const NE_FLAG: Make = |source| {
    source.condition(2, "ne", |at, source| {
        let there = source.value(at);
        std::iter::repeat_with(|| value(at, source.rng)).find(|flag| *flag != there).unwrap_or_default()
    })
};
/// Its values are not those of the document that is to match: it holds of every other one anyway.
const NOT_RANGE: Make = |source| json!({"NOT": [RANGE(&mut Source { rng: source.rng, document: None })]});

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
    let asked = std::env::args().nth(1).filter(|asked| !asked.starts_with('-')).unwrap_or_default();
    for (title, makes) in MIXES.into_iter().filter(|(title, _)| title.contains(&asked)) {
        let mut rng = Rng(1);
        let documents: Vec<Json> = (0..DOCUMENTS).map(|_| document(&mut rng)).collect();
        let predicates: Vec<Predicate> = (0..FILTERS)
            .map(|at| {
                let document = (at % PLANTED == 0).then(|| &documents[at / PLANTED % DOCUMENTS]);
                let mut source = Source { rng: &mut rng, document };
                let filter = json!({"AND": makes.map(|make| make(&mut source))});
                schema.check(&parse::value(&filter).expect("a filter")).expect("a predicate")
            })
            .collect();
        let matchers: Vec<Matcher> = predicates.iter().map(Matcher::new).collect();
        let mut set = FilterSet::new();
        predicates.iter().enumerate().for_each(|(id, predicate)| {
            set.insert(id, predicate);
        });
        let alone = |document: &Json| -> Vec<usize> {
            let matching = matchers.iter().enumerate().filter(|(_, matcher)| matcher.matches(document));
            matching.map(|(id, _)| id).collect()
        };
        let found: usize = documents.iter().map(|document| set.matches(document).len()).sum();
        for document in &documents[..BATCH] {
            assert!(set.matches(document).into_iter().eq(&alone(document)), "{title}: {document}");
        }
        // Each goes through all documents, and begins again; the ratio is that of a document.
        let (mut for_set, mut for_loop) = (documents.chunks(BATCH).cycle(), documents.chunks(BATCH).cycle());
        let mut next = || for_set.next().unwrap_or_default();
        let ask_set = || next().iter().map(|document| set.matches(document).len()).sum::<usize>();
        let mut next = || for_loop.next().unwrap_or_default();
        let loop_over = || next().iter().map(|document| alone(document).len()).sum::<usize>();
        let took = compare(
            &format!("{title}; {:.1} of {FILTERS} match a document", found as f64 / DOCUMENTS as f64),
            &mut [Rival::new("FilterSet", ask_set), Rival::new("a Matcher each", loop_over)],
        );
        took.into_iter().for_each(|took| println!("    {:.0} x as fast", took[1] / took[0]));
    }
}
