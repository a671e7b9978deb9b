//! All backends side by side on the same generated filters and documents. `scripts/agree` asks as many as fit into a time.

use std::cell::Cell;
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
    let wanted = Wanted::new("TROMMEL_SHAPES");
    let shapes = SHAPES.into_iter().filter(|(name, _)| wanted.has(|wanted| wanted == *name)).collect();
    wanted.expect_all_met();
    shapes
}

/// A list that a variable has, of things each of which is to be there.
struct Wanted {
    variable: &'static str,
    /// Each with whether it was met.
    names: Vec<(String, Cell<bool>)>,
}

impl Wanted {
    fn new(variable: &'static str) -> Wanted {
        let list = std::env::var(variable).unwrap_or_default();
        let names = list.split(',').filter(|name| !name.is_empty());
        Wanted { variable, names: names.map(|name| (name.to_owned(), Cell::new(false))).collect() }
    }

    /// Whether any is met, or nothing is wanted.
    fn has(&self, is_met: impl Fn(&str) -> bool) -> bool {
        let met = self.names.iter().filter(|(name, _)| is_met(name));
        self.names.is_empty() | (met.map(|(_, was_met)| was_met.set(true)).count() > 0)
    }

    /// What is misspelt, or not there, would be no test that passes.
    fn expect_all_met(&self) {
        for (name, was_met) in &self.names {
            assert!(was_met.get(), "{}: there is no `{name}`", self.variable);
        }
    }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// Those that are asked about documents of any of these shapes.
fn seats(shapes: &[Shape]) -> Vec<Seat> {
    let (wanted, held) = (Wanted::new("TROMMEL_ON"), Wanted::new("TROMMEL_HELD"));
    let has_columns = shapes.iter().any(|(name, _)| *name == COLUMNS);
    let mut seats = Vec::new();
    let mut take = |backend: &'static str, how: String, subject: Box<dyn Subject>, is_columnar: bool| {
        let is_held = held.has(|held| how.split(", ").any(|part| part == held));
        if wanted.has(|wanted| wanted == backend) && is_held && (has_columns || !is_columnar) {
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
        take("tantivy", format!("foreign, {form:?}"), Box::new(Foreign::new(form, Segments::Several)), false);
    }
    wanted.expect_all_met();
    held.expect_all_met();
    assert!(!seats.is_empty(), "nothing is left to ask");
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
    let shapes = shapes();
    let mut seats = seats(&shapes);
    let mut verdicts: BTreeMap<(&str, String), u64> = BTreeMap::new();
    let (mut sets, mut asked, mut rounds, mut told) = (Sets::new(200), 0, 0, 0);
    while measure.has_room(asked) {
        let (name, shape) = shapes[rounds % shapes.len()];
        let mut set = sets.next(shape);
        rounds += 1;
        // By default each shape has its turn.
        let share =
            if seconds.is_none() && filters < 150 { (filters as usize / shapes.len()).max(1) } else { usize::MAX };
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
