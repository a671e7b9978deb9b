//! The conformance suite on SQLite, in each storage.

use trommel::conformance::Suite;

use super::store::{Storage, Store, Tally};

/// How many generated filters: `TROMMEL_SQL_CASES`, default 300 a storage.
fn generated() -> usize {
    std::env::var("TROMMEL_SQL_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(300)
}

fn passes(storage: Storage) -> Tally {
    let mut store = Store::new(storage);
    let seed = std::env::var("TROMMEL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let report = Suite::new().generated(generated()).seed(seed).run(&mut store);
    println!("{storage:?}, seed {seed}: {} verdicts, {:?}", report.verdicts, store.tally);
    assert!(report.passed(), "{storage:?}: {report}");
    store.tally
}

#[test]
fn text_passes() {
    passes(Storage::Text);
}

#[test]
fn valid_text_passes() {
    passes(Storage::ValidText);
}

#[test]
fn jsonb_passes() {
    passes(Storage::Jsonb);
}

#[test]
fn columns_pass() {
    passes(Storage::Columns);
}

#[test]
fn mixed_passes() {
    passes(Storage::Mixed);
}
