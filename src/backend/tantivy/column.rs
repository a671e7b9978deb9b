//! A test of a column: what a fast field holds for each document.

use std::io;
use std::sync::Arc;

use tantivy::columnar::{Column as Values, StrColumn};
use tantivy::index::SegmentReader;
use tantivy::query::doc_predicate_query::{
    ConstOrVariableSegmentPredicate, DocPredicate, DocPredicateQuery, SegmentDocPredicate,
};
use tantivy::query::{AllScorer, EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::{DocId, DocSet, Score, SeekDangerResult};
use tantivy_fst::Automaton;

use super::scan::{Numbers, Terms, string_of};

/// The documents that hold a value within any of some ranges, or any of some strings.
///
/// Beside other tests it is asked document by document, so that it costs a look at the few that meet a rarer one. tantivy's
/// own query over a column was rejected: bounds outside the values that a segment holds go wrong in it.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// The name of the field.
    name: String,
    wanted: Wanted,
}

#[derive(Clone, Debug)]
enum Wanted {
    Codes(Ranges),
    Strings(Arc<[Terms]>),
}

/// From the first code to the last, sorted, without overlaps. A code is a value as tantivy maps it to `u64`, in order.
type Ranges = Arc<[(u64, u64)]>;

impl Column {
    /// INVARIANT: the ranges are sorted, and none overlaps another.
    pub(super) fn codes(name: String, ranges: impl Into<Ranges>) -> Column {
        Column { name, wanted: Wanted::Codes(ranges.into()) }
    }

    /// Strings that are in the column as they are.
    pub(super) fn strings(name: &str, terms: Vec<Terms>) -> Column {
        Column { name: name.to_owned(), wanted: Wanted::Strings(terms.into()) }
    }

    /// The documents that hold any value.
    pub(super) fn any(name: &str) -> Column {
        Column::codes(name.to_owned(), [(0, u64::MAX)])
    }

    /// The values of a segment, and which of them are wanted; none where no document has a value.
    fn open(&self, reader: &SegmentReader) -> tantivy::Result<Option<(Values<u64>, Ranges)>> {
        Ok(match &self.wanted {
            Wanted::Codes(ranges) => codes_of(reader, &self.name)?.map(|values| (values, ranges.clone())),
            Wanted::Strings(terms) => match reader.fast_fields().str(&self.name)? {
                Some(strings) => Some((strings.ords().clone(), ordinals(&strings, terms)?)),
                None => None,
            },
        })
    }
}

/// The codes that a segment holds in a column; none where no document has one.
pub(super) fn codes_of(reader: &SegmentReader, name: &str) -> tantivy::Result<Option<Values<u64>>> {
    Ok(reader.fast_fields().u64_lenient(name)?.map(|(values, _)| values))
}

/// Many codes, as hashes in order, in blocks of a few whose hashes begin alike. Of each block there are some bits, which
/// most other codes fail. A client can choose values that all fall into one: then a look is a binary search in it.
#[derive(Clone, Debug)]
pub(super) struct CodeSet {
    hashes: Vec<u64>,
    /// Where each block starts, and the last ends.
    starts: Vec<u32>,
    /// A Bloom filter for each block.
    filters: Vec<u64>,
}

/// Fibonacci hashing: it is one to one, and its first bits depend on all of the code.
fn hash(code: u64) -> u64 {
    code.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl CodeSet {
    pub(super) fn new(codes: impl Iterator<Item = u64>) -> CodeSet {
        let mut hashes: Vec<u64> = codes.map(hash).collect();
        hashes.sort_unstable();
        let blocks = (hashes.len() / 4).next_power_of_two().max(2);
        let mut set = CodeSet { hashes: Vec::new(), starts: vec![0; blocks + 1], filters: vec![0; blocks] };
        for hash in &hashes {
            let (block, bits) = set.place(*hash);
            set.filters[block] |= bits;
            set.starts[block + 1] += 1;
        }
        for block in 1..=blocks {
            set.starts[block] += set.starts[block - 1];
        }
        CodeSet { hashes, ..set }
    }

    /// The block, by the first bits of a hash, and two bits for its filter, by those that follow.
    fn place(&self, hash: u64) -> (usize, u64) {
        let first = self.filters.len().ilog2();
        let bit = |at: u32| 1 << (hash << (first + 6 * at) >> 58);
        ((hash >> (u64::BITS - first)) as usize, bit(0) | bit(1))
    }

    pub(super) fn contains(&self, code: u64) -> bool {
        let hash = hash(code);
        let (block, bits) = self.place(hash);
        self.filters[block] & bits == bits && {
            let block = self.starts[block] as usize..self.starts[block + 1] as usize;
            self.hashes[block].binary_search(&hash).is_ok()
        }
    }
}

/// The ordinals of strings in the dictionary of a column.
fn ordinals(strings: &StrColumn, terms: &[Terms]) -> io::Result<Ranges> {
    let dictionary = strings.dictionary();
    let mut found = Vec::new();
    for terms in terms {
        match terms {
            // No number is asked of a column of strings; it is a term like any other.
            Terms::Listed(terms) | Terms::Numbers(Numbers { terms, .. }) => {
                for term in terms {
                    found.extend(dictionary.term_ord(term)?);
                }
            }
            Terms::Between(from, to) => {
                let mut stream = dictionary.range().ge(from).lt(to).into_stream()?;
                while stream.advance() {
                    found.push(stream.term_ord());
                }
            }
            Terms::Folded(automaton) => accepted(strings, automaton, &mut found)?,
            Terms::Matching(automaton) => accepted(strings, automaton, &mut found)?,
            Terms::Holding(automaton) => accepted(strings, automaton, &mut found)?,
            Terms::Tested(from, to, begin, test) => {
                let mut stream = dictionary.range().ge(from).lt(to).into_stream()?;
                while stream.advance() {
                    if test.holds(string_of(stream.key(), *begin)?) {
                        found.push(stream.term_ord());
                    }
                }
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found.into_iter().map(|ordinal| (ordinal, ordinal)).collect())
}

/// The ordinals of the strings that an automaton accepts.
fn accepted<A: Automaton>(strings: &StrColumn, automaton: &A, found: &mut Vec<u64>) -> io::Result<()>
where
    A::State: Clone,
{
    let mut stream = strings.dictionary().search(automaton).into_stream()?;
    while stream.advance() {
        found.push(stream.term_ord());
    }
    Ok(())
}

impl Query for Column {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(ColumnWeight { column: self.clone(), by_document: DocPredicateQuery::from(self.clone()) }))
    }
}

/// Counts whole blocks of values at once; all else goes document by document.
struct ColumnWeight {
    column: Column,
    by_document: DocPredicateQuery,
}

impl Weight for ColumnWeight {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        self.by_document.scorer(reader, boost)
    }

    fn scorer_danger(
        &self,
        reader: &SegmentReader,
        target: DocId,
        boost: Score,
    ) -> tantivy::Result<(SeekDangerResult, Box<dyn Scorer>)> {
        self.by_document.scorer_danger(reader, target, boost)
    }

    fn explain(&self, reader: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        Weight::explain(&self.by_document, reader, doc)
    }

    fn count(&self, reader: &SegmentReader) -> tantivy::Result<u32> {
        let alive = reader.alive_bitset();
        let Some((values, ranges)) = self.column.open(reader)? else { return Ok(0) };
        let [(first, last)] = *ranges else {
            let mut scorer = self.scorer(reader, 1.0)?;
            return Ok(match alive {
                Some(alive) => scorer.count(alive),
                None => scorer.count_including_deleted(),
            });
        };
        // A range outside of the values that are there goes wrong.
        let (first, last) = (first.max(values.min_value()), last.min(values.max_value()));
        if first > last {
            return Ok(0);
        }
        let has_many = values.get_cardinality().is_multivalue();
        let (mut count, mut docs) = (0, Vec::new());
        for start in (0..reader.max_doc()).step_by(BLOCK as usize) {
            let end = reader.max_doc().min(start + BLOCK);
            docs.clear();
            values.get_docids_for_value_range(first..=last, start..end, &mut docs);
            // A document with several such values is there once for each.
            if has_many {
                docs.dedup();
            }
            count += match alive {
                None => docs.len(),
                Some(alive) => docs.iter().filter(|doc| alive.is_alive(**doc)).count(),
            };
        }
        Ok(count as u32)
    }
}

/// So many documents are looked at together.
const BLOCK: u32 = 1 << 14;

impl DocPredicate for Column {
    type SegmentDocPredicate = ColumnSegment;

    fn doc_predicate(&self, reader: &SegmentReader) -> tantivy::Result<ConstOrVariableSegmentPredicate<ColumnSegment>> {
        // A segment whose documents have no value has no column.
        let Some((values, ranges)) = self.open(reader)?.filter(|(_, ranges)| !ranges.is_empty()) else {
            return Ok(ConstOrVariableSegmentPredicate::Const(false));
        };
        let predicate = ColumnSegment { values, ranges };
        let necessary_condition = Box::new(AllScorer::new(reader.max_doc()));
        Ok(ConstOrVariableSegmentPredicate::Variable { predicate, necessary_condition })
    }
}

pub(super) struct ColumnSegment {
    values: Values<u64>,
    ranges: Ranges,
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
