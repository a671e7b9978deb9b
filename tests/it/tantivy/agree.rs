//! Many generated filters and their complements over 500 documents. `scripts/tantivy-agree` asks more of them.

use super::super::agree::{DOCUMENTS, agree};
use super::store::{Knows, Segments, Store};

/// How many filters all forms of an index are asked together: `TROMMEL_TANTIVY_FILTERS`.
fn filters() -> usize {
    std::env::var("TROMMEL_TANTIVY_FILTERS").ok().and_then(|count| count.parse().ok()).unwrap_or(4_000)
}

fn agrees(segments: Segments, knows: Knows) {
    let mut store = Store::new(segments, knows);
    let filters = filters() / 4;
    agree(&mut store, filters, 16 + segments as u8 * 2 + knows as u8, |documents| documents);
    println!("tantivy {segments:?} {knows:?}: {:?}, {DOCUMENTS} documents", store.tally);
    if knows == Knows::Nothing {
        assert_eq!(store.tally.exact, 2 * filters);
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
