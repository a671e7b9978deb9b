//! Many generated filters and their complements over 500 documents. `scripts/agree` asks more of them.

use super::super::agree::{DOCUMENTS, agree};
use super::store::{Knows, Segments, Store};

/// How many filters each form of an index is asked.
const FILTERS: usize = 1_000;

fn agrees(segments: Segments, knows: Knows) {
    let mut store = Store::new(segments, knows);
    agree(&mut store, FILTERS, 16 + segments as u8 * 2 + knows as u8, |documents| documents);
    println!("tantivy {segments:?} {knows:?}: {:?}, {DOCUMENTS} documents", store.tally);
    if knows == Knows::Nothing {
        assert_eq!(store.tally.exact, 2 * FILTERS);
    }
}

#[test]
fn one_segment() {
    agrees(Segments::One, Knows::Nothing);
}

#[test]
fn several_segments_with_deletions() {
    agrees(Segments::Several, Knows::Nothing);
}

#[test]
fn merged_segments() {
    agrees(Segments::Merged, Knows::Nothing);
}

#[test]
fn an_index_of_a_schema() {
    agrees(Segments::Several, Knows::Schema);
}
