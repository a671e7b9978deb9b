//! A test of a column: what a fast field holds for each document.

use std::sync::Arc;

use tantivy::DocId;
use tantivy::columnar::Column as Values;
use tantivy::index::SegmentReader;
use tantivy::query::AllScorer;
use tantivy::query::doc_predicate_query::{ConstOrVariableSegmentPredicate, DocPredicate, SegmentDocPredicate};

/// The documents that hold a value within any of some ranges.
///
/// It is asked document by document, so beside a rarer test it costs a look at the few that meet that. tantivy's own query
/// over a column was rejected: bounds outside the values that a segment holds go wrong in it.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// The name of the field.
    pub(super) name: String,
    /// From the first code to the last, sorted, without overlaps. A code is a value as tantivy maps it to `u64`, in order.
    pub(super) ranges: Arc<[(u64, u64)]>,
}

impl Column {
    /// The documents that hold any value.
    pub(super) fn any(name: &str) -> Column {
        Column { name: name.to_owned(), ranges: Arc::from([(0, u64::MAX)]) }
    }
}

impl DocPredicate for Column {
    type SegmentDocPredicate = ColumnSegment;

    fn doc_predicate(&self, reader: &SegmentReader) -> tantivy::Result<ConstOrVariableSegmentPredicate<ColumnSegment>> {
        // A segment whose documents have no value has no column.
        let Some((values, _)) = reader.fast_fields().u64_lenient(&self.name)? else {
            return Ok(ConstOrVariableSegmentPredicate::Const(false));
        };
        let predicate = ColumnSegment { values, ranges: self.ranges.clone() };
        let necessary_condition = Box::new(AllScorer::new(reader.max_doc()));
        Ok(ConstOrVariableSegmentPredicate::Variable { predicate, necessary_condition })
    }
}

pub(super) struct ColumnSegment {
    values: Values<u64>,
    ranges: Arc<[(u64, u64)]>,
}

impl SegmentDocPredicate for ColumnSegment {
    fn eval(&mut self, doc: DocId) -> bool {
        self.values.values_for_doc(doc).any(|value| {
            let after = self.ranges.partition_point(|(_, last)| *last < value);
            self.ranges.get(after).is_some_and(|(first, _)| *first <= value)
        })
    }

    /// Unpacking a value takes a few nanoseconds; 1 is a step in a posting list.
    fn cost(&self) -> u64 {
        4
    }
}
