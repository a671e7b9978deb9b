//! Many generated filters over large sets of documents: the answer of a backend is that of the reference, for each filter
//! and for its complement.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value as Json;
#[cfg(any(feature = "sql", feature = "tantivy"))]
use serde_json::{Map, json};
#[cfg(any(feature = "sql", feature = "tantivy"))]
use trommel::Path;
use trommel::conformance::{Answer, Question, Subject};
use trommel::reference::Reference;
use trommel::strategies::{filter_about, population, schema_about};
use trommel::{Filter, Group, Schema, parse};

use super::suite::{Says, reference};

/// So many documents are asked about.
pub(crate) const DOCUMENTS: usize = 500;
/// So many filters are asked of them, and then there are others.
const FILTERS_OF_SET: usize = 50;

pub(crate) fn seed() -> u64 {
    std::env::var("TROMMEL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0)
}

/// Draws from strategies.
struct Draw(TestRunner);

impl Draw {
    /// Other draws for each seed, and for each stream of it.
    fn new(seed: u64, stream: u8) -> Draw {
        let mut bytes = [stream; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Draw(TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)))
    }

    fn next<T>(&mut self, strategy: impl Strategy<Value = T>) -> T {
        strategy.new_tree(&mut self.0).unwrap().current()
    }
}

/// Asks so many filters of a subject, others for each stream; `shape` makes documents into such as it can hold.
pub(crate) fn agree(subject: &mut dyn Subject, filters: usize, stream: u8, shape: impl Fn(Vec<Json>) -> Vec<Json>) {
    let seed = seed();
    let mut draw = Draw::new(seed, stream);
    let (mut asked, mut verdicts, mut matching, mut telling) = (0, 0, 0, 0);
    while asked < filters {
        let documents = shape(draw.next(population(DOCUMENTS)));
        let schema = match asked / FILTERS_OF_SET % 2 {
            0 => Schema::open(),
            _ => draw.next(schema_about(&documents)),
        };
        let about = filter_about(&schema, &documents);
        for _ in 0..FILTERS_OF_SET.min(filters - asked) {
            let filter = parse::json(draw.next(&about)).unwrap();
            let found = agrees(subject, &filter, &schema, &documents, seed);
            asked += 1;
            verdicts += 2 * documents.len();
            matching += found;
            telling += usize::from(0 < found && found < documents.len());
        }
    }
    println!("{}, seed {seed}: {asked} filters, {verdicts} verdicts, {matching} matches", subject.name());
    assert!(telling * 3 > asked, "of {asked} filters {telling} tell the documents apart");
}

/// Asks a filter and its complement; gives how many documents match.
fn agrees(subject: &mut dyn Subject, filter: &Filter, schema: &Schema, documents: &[Json], seed: u64) -> usize {
    let reference = Reference::new(filter, schema).unwrap();
    let (expected, others): (Vec<usize>, Vec<usize>) =
        (0..documents.len()).partition(|index| reference.matches(&documents[*index]));
    let not = Filter::group(Group::Not, [filter.clone()]).unwrap();
    for (filter, expected) in [(filter, &expected), (&not, &others)] {
        let answer = subject.answer(&Question::new(filter, schema, documents));
        let about = || format!("seed {seed}: {filter}\nschema {}", serde_json::to_string(schema).unwrap());
        let Answer::Matches(mut found) = answer.unwrap_or_else(|error| panic!("{error}\n{}", about())) else {
            panic!("no answer\n{}", about());
        };
        found.sort_unstable();
        if let Some(index) = (0..documents.len()).find(|index| found.contains(index) != expected.contains(index)) {
            panic!("{}\ndocument {}\nmatches: {}", about(), documents[index], expected.contains(&index));
        }
        assert_eq!(found.len(), expected.len(), "twice in the answer\n{}", about());
    }
    expected.len()
}

/// The same documents with those values alone that fit the kind of their field, a number that its name decides; either no
/// document has an array in a field, or there is one wherever there is something.
#[cfg(any(feature = "sql", feature = "tantivy"))]
pub(crate) fn one_type_a_field(documents: Vec<Json>, fits: impl Fn(usize, &Json) -> bool) -> Vec<Json> {
    documents.iter().map(|document| field_by_field(document, &fits)).collect()
}

#[cfg(any(feature = "sql", feature = "tantivy"))]
fn field_by_field(document: &Json, fits: impl Fn(usize, &Json) -> bool) -> Json {
    let mut fields = Map::new();
    for key in document.as_object().into_iter().flat_map(Map::keys) {
        // What a field holds depends on its name alone.
        let kind = key.bytes().fold(key.len(), |sum, byte| sum.wrapping_mul(31) + usize::from(byte));
        let below = Path::from_keys([key.as_str(), "b"]).unwrap();
        let of_key = Path::from_keys([key.as_str()]).unwrap();
        let path = if kind % 3 == 0 { &below } else { &of_key };
        let mut values: Vec<Json> = path.values(document).filter(|value| fits(kind, value)).cloned().collect();
        let value = match kind % 2 {
            _ if values.is_empty() => continue,
            0 => Json::Array(values),
            _ => values.swap_remove(0),
        };
        fields.insert(key.clone(), if kind % 3 == 0 { json!({"b": value}) } else { value });
    }
    Json::Object(fields)
}

#[test]
#[should_panic(expected = "matches: true")]
fn a_document_that_is_left_out_is_found() {
    let mut forgetful = Says("forgetful", |question: &Question<'_>| match reference(question) {
        Answer::Matches(found) => Answer::Matches(found.into_iter().filter(|index| *index != DOCUMENTS - 1).collect()),
        unsupported @ Answer::Unsupported(_) => unsupported,
    });
    agree(&mut forgetful, 10, 0, |documents| documents);
}
