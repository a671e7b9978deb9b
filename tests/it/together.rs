//! All backends side by side on the same generated filters and documents. `scripts/agree` asks as many as fit into a time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use trommel::Matcher;
use trommel::conformance::{Question, Subject};

use super::agree::{DOCUMENTS, Expected, Sets, seed};
use super::sql::agree::{columnar, single};
use super::sql::database::{MariaDb, Postgres, Sqlite};
use super::sql::store::{Storage, Store as Database};
use super::suite::{Says, matching};
use super::tantivy::foreign::{Form, Store as Foreign, plain};
use super::tantivy::store::{Knows, Segments, Store as Ours};

/// A backend in one of its arrangements.
struct Seat {
    backend: &'static str,
    /// How documents are held.
    how: String,
    subject: Box<dyn Subject>,
    /// Whether it is asked only of documents that columns can hold.
    is_columnar: bool,
}

/// What makes the documents of a set into such as those of its name can hold.
type Shape = (&'static str, fn(Vec<Json>) -> Vec<Json>);

/// The documents of a set, as they come or made such as more is asked of columns, JSON fields, or generated columns.
const SHAPES: [Shape; 4] = [("any", |documents| documents), (COLUMNS, columnar), ("plain", plain), ("single", single)];
const COLUMNS: &str = "columns";

/// Those named by `TROMMEL_SHAPES`, else all.
fn shapes() -> Vec<Shape> {
    let wanted = std::env::var("TROMMEL_SHAPES").unwrap_or_default();
    SHAPES.into_iter().filter(|(name, _)| is_wanted(&wanted, name)).collect()
}

/// Whether a list names it, or nothing.
fn is_wanted(list: &str, name: &str) -> bool {
    list.is_empty() || list.split(',').any(|wanted| wanted == name)
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

fn seats() -> Vec<Seat> {
    let wanted = std::env::var("TROMMEL_ON").unwrap_or_default();
    let held = std::env::var("TROMMEL_HELD").unwrap_or_default();
    let mut seats = Vec::new();
    let mut take = |backend: &'static str, how: String, subject: Box<dyn Subject>, is_columnar: bool| {
        let is_held = held.is_empty() || held.split(',').any(|held| how.contains(held));
        if is_held && is_wanted(&wanted, backend) {
            seats.push(Seat { backend, how, subject, is_columnar });
        }
    };
    take("memory", "matcher".to_owned(), Box::new(Says("memory", memory)), false);
    for storage in [Storage::Json, Storage::ValidJson, Storage::Generated, Storage::Columns, Storage::Mixed] {
        let is_columnar = matches!(storage, Storage::Columns | Storage::Mixed);
        let mut database = |name, form: &str, database| {
            let store = Database::new(database, storage);
            take(name, format!("{form}{storage:?}"), Box::new(store), is_columnar);
        };
        database("sqlite", "text, ", Box::new(Sqlite::text()));
        database("sqlite", "jsonb, ", Box::new(Sqlite::jsonb()));
        if let Some(postgres) = Postgres::connect() {
            database("postgres", "", Box::new(postgres));
        }
        if let Some(mariadb) = MariaDb::connect() {
            database("mariadb", "", Box::new(mariadb));
        }
    }
    for segments in [Segments::One, Segments::Several, Segments::Merged] {
        let store = Ours::new(segments, Knows::Nothing);
        take("tantivy", format!("{segments:?}"), Box::new(store), false);
    }
    take("tantivy", "of a schema".to_owned(), Box::new(Ours::new(Segments::Several, Knows::Schema)), false);
    for form in [Form::Text, Form::Typed, Form::Json, Form::JsonOfDates, Form::JsonOfTokens] {
        take("tantivy", format!("foreign {form:?}"), Box::new(Foreign::new(form, Segments::Several)), false);
    }
    seats
}

fn memory(question: &Question<'_>) -> trommel::conformance::Answer {
    let matcher = Matcher::new(&question.schema().check(question.filter()).unwrap());
    matching(question, |document| matcher.matches(document))
}

/// How long filters are asked: for `TROMMEL_SECONDS`, or until there were `TROMMEL_FILTERS`; else a few.
struct Measure {
    start: Instant,
    seconds: Option<u64>,
    filters: u64,
}

impl Measure {
    fn has_room(&self, asked: u64) -> bool {
        match self.seconds {
            Some(seconds) => self.start.elapsed() < Duration::from_secs(seconds),
            None => asked < self.filters,
        }
    }
}

#[test]
fn all_backends_say_the_same() {
    let seconds = variable("TROMMEL_SECONDS");
    let filters = variable("TROMMEL_FILTERS").unwrap_or(60);
    let measure = Measure { start: Instant::now(), seconds, filters };
    let (mut seats, shapes) = (seats(), shapes());
    let mut verdicts: BTreeMap<(&str, String), u64> = BTreeMap::new();
    let (mut sets, mut asked, mut rounds, mut told) = (Sets::new(200), 0, 0, 0);
    while measure.has_room(asked) {
        let (name, shape) = shapes[rounds % shapes.len()];
        let mut set = sets.next(shape);
        rounds += 1;
        // By default each shape has its turn.
        let share = if seconds.is_none() && filters < 150 { filters as usize / shapes.len() } else { usize::MAX };
        for filter in std::mem::take(&mut set.filters).into_iter().take(share) {
            if !measure.has_room(asked) {
                break;
            }
            let expected = Expected::new(&filter, &set.schema, &set.documents);
            for seat in seats.iter_mut().filter(|seat| !seat.is_columnar || name == COLUMNS) {
                expected.hold(&mut *seat.subject, &set);
                *verdicts.entry((seat.backend, seat.how.clone())).or_default() += 2 * DOCUMENTS as u64;
            }
            asked += 1;
        }
        let minutes = measure.start.elapsed().as_secs() / 60;
        if minutes > told {
            told = minutes;
            println!("{minutes} min: {asked} filters, {} verdicts", verdicts.values().sum::<u64>());
        }
    }
    for ((backend, how), verdicts) in &verdicts {
        println!("{backend:8} {how:20} {verdicts:>12}");
    }
    let all: u64 = verdicts.values().sum();
    println!(
        "seed {}: {asked} filters over {rounds} sets of {DOCUMENTS} documents, {all} verdicts, no disagreement",
        seed()
    );
    assert!(asked > 0 && verdicts.len() == seats.len());
}
