//! Many generated filters over large sets of documents: the answer of a backend is that of the reference, for each filter
//! and for its complement.

mod shrink;

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

use self::shrink::shrunk;
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

/// Sets of documents, each with filters about them: others for each stream of the seed.
pub(crate) struct Sets {
    draw: Draw,
    count: usize,
}

/// Documents, what is known of them, and filters.
pub(crate) struct Set {
    pub(crate) documents: Vec<Json>,
    pub(crate) schema: Schema,
    pub(crate) filters: Vec<Filter>,
}

impl Sets {
    pub(crate) fn new(stream: u8) -> Sets {
        Sets { draw: Draw::new(seed(), stream), count: 0 }
    }

    /// The next; `shape` makes documents into such as a subject can hold.
    pub(crate) fn next(&mut self, shape: impl Fn(Vec<Json>) -> Vec<Json>) -> Set {
        let documents = shape(self.draw.next(population(DOCUMENTS)));
        let schema = match self.count % 2 {
            0 => Schema::open(),
            _ => self.draw.next(schema_about(&documents)),
        };
        self.count += 1;
        let filters = {
            let about = filter_about(&schema, &documents);
            (0..FILTERS_OF_SET).map(|_| parse::json(self.draw.next(&about)).unwrap()).collect()
        };
        Set { documents, schema, filters }
    }
}

/// A filter, and which documents match it.
pub(crate) struct Expected {
    /// The filter, and its complement.
    forms: [(Filter, Vec<usize>); 2],
}

impl Expected {
    pub(crate) fn new(filter: &Filter, schema: &Schema, documents: &[Json]) -> Expected {
        let reference = Reference::new(filter, schema).unwrap();
        let (matching, others) = (0..documents.len()).partition(|index| reference.matches(&documents[*index]));
        let not = Filter::group(Group::Not, [filter.clone()]).unwrap();
        Expected { forms: [(filter.clone(), matching), (not, others)] }
    }

    /// How many documents match.
    pub(crate) fn matching(&self) -> usize {
        self.forms[0].1.len()
    }

    /// Asks a subject for both forms. Where an answer is wrong, it is shown with a question that is as small as can be.
    pub(crate) fn hold(&self, subject: &mut dyn Subject, set: &Set) {
        for (filter, expected) in &self.forms {
            let Some(wrong) = wrong(subject, filter, expected, &set.schema, &set.documents) else { continue };
            let seed = seed();
            let small = shrunk(subject, filter, &set.schema, &set.documents);
            panic!("{}, seed {seed}: {wrong}\n{filter}\nand smaller:\n{small}", subject.name());
        }
    }
}

/// What is wrong with the answer of a subject, if anything is.
fn wrong(
    subject: &mut dyn Subject,
    filter: &Filter,
    expected: &[usize],
    schema: &Schema,
    documents: &[Json],
) -> Option<String> {
    let mut found = match subject.answer(&Question::new(filter, schema, documents)) {
        Ok(Answer::Matches(found)) => found,
        Ok(Answer::Unsupported(why)) => return Some(format!("no answer: {why}")),
        Err(error) => return Some(error.to_string()),
    };
    found.sort_unstable();
    if let Some(index) = (0..documents.len()).find(|index| found.contains(index) != expected.contains(index)) {
        return Some(format!("document {}\nmatches: {}", documents[index], expected.contains(&index)));
    }
    (found.len() != expected.len()).then(|| "a document twice in the answer".to_owned())
}

/// Asks so many filters of a subject, others for each stream; `shape` makes documents into such as it can hold.
pub(crate) fn agree(subject: &mut dyn Subject, filters: usize, stream: u8, shape: impl Fn(Vec<Json>) -> Vec<Json>) {
    let mut sets = Sets::new(stream);
    let (mut asked, mut verdicts, mut matching, mut telling) = (0, 0, 0, 0);
    while asked < filters {
        let mut set = sets.next(&shape);
        for filter in std::mem::take(&mut set.filters).into_iter().take(filters - asked) {
            let expected = Expected::new(&filter, &set.schema, &set.documents);
            expected.hold(subject, &set);
            asked += 1;
            verdicts += 2 * set.documents.len();
            matching += expected.matching();
            telling += usize::from(0 < expected.matching() && expected.matching() < set.documents.len());
        }
    }
    println!("{}, seed {}: {asked} filters, {verdicts} verdicts, {matching} matches", subject.name(), seed());
    assert!(telling * 3 > asked, "of {asked} filters {telling} tell the documents apart");
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
