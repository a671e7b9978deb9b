//! The conformance suite on an index, in each form.

use trommel::conformance::Suite;

use super::super::agree::seed;
use super::super::suite::gaps;
use super::store::{Knows, Segments, Store};

/// How many generated filters: `TROMMEL_TANTIVY_CASES`, default 150 a form.
fn generated() -> usize {
    std::env::var("TROMMEL_TANTIVY_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(150)
}

fn passes(segments: Segments, knows: Knows) {
    let mut store = Store::new(segments, knows);
    let report = Suite::new().gaps(gaps()).generated(generated()).seed(seed()).run(&mut store);
    println!("tantivy {segments:?} {knows:?}: {} verdicts, {:?}", report.verdicts, store.tally);
    assert!(report.passed(), "{report}");
    let tally = store.tally;
    // The index alone answers, or a schema keeps paths out of it, and most of what is asked is rechecked.
    match knows {
        Knows::Nothing => assert_eq!((tally.rechecked, tally.scanned), (0, 0)),
        Knows::Schema => assert!(tally.exact > 100 && tally.scanned > 100, "{tally:?}"),
    }
}

#[test]
fn one_segment_passes() {
    passes(Segments::One, Knows::Nothing);
}

#[test]
fn several_segments_with_deletions_pass() {
    passes(Segments::Several, Knows::Nothing);
}

#[test]
fn merged_segments_pass() {
    passes(Segments::Merged, Knows::Nothing);
}

#[test]
fn an_index_of_a_schema_passes() {
    passes(Segments::Several, Knows::Schema);
}
