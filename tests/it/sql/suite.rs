//! The conformance suite on each database, in each storage.

use trommel::conformance::Suite;

use super::super::suite::gaps;
use super::database::Database;
use super::store::{Storage, Store};

/// How many generated filters: `TROMMEL_SQL_CASES`, default 300 a storage.
fn generated() -> usize {
    std::env::var("TROMMEL_SQL_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(300)
}

fn passes(database: Box<dyn Database>, storage: Storage) {
    let mut store = Store::new(database, storage);
    let seed = std::env::var("TROMMEL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let report = Suite::new().gaps(gaps()).generated(generated()).seed(seed).run(&mut store);
    println!("{} {storage:?}, seed {seed}: {} verdicts, {:?}", report.backend, report.verdicts, store.tally);
    assert!(report.passed(), "{storage:?}: {report}");
}

fn json_passes(open: fn() -> Box<dyn Database>) {
    passes(open(), Storage::Json);
}

fn valid_json_passes(open: fn() -> Box<dyn Database>) {
    passes(open(), Storage::ValidJson);
}

fn columns_pass(open: fn() -> Box<dyn Database>) {
    passes(open(), Storage::Columns);
}

fn mixed_passes(open: fn() -> Box<dyn Database>) {
    passes(open(), Storage::Mixed);
}

on_each_database!(json_passes, valid_json_passes, columns_pass, mixed_passes);
