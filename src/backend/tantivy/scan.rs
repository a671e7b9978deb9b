//! A test as terms of the dictionary, and the documents of these terms.

use std::fmt;
use std::io;
use std::sync::Arc;

use tantivy::columnar::Column as Values;
use tantivy::index::SegmentReader;
use tantivy::postings::{BlockSegmentPostings, TermInfo};
use tantivy::query::{BitSetDocSet, ConstScorer, EmptyScorer, EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::termdict::TermDictionary;
use tantivy::{BitSet, DocId, DocSet, InvertedIndexReader, Score, TERMINATED, TantivyError, Term};
use tantivy_fst::Automaton;

use super::automaton::{Folded, Holding, Matching};
use super::column::{CodeSet, codes_of};
use super::recheck::Store;
use crate::backend::memory::{Matcher, StringTest};

/// Terms whose documents match.
#[derive(Clone, Debug)]
pub(super) enum Terms {
    /// These, sorted, each once.
    Listed(Vec<Vec<u8>>),
    /// Many numbers.
    Numbers(Numbers),
    /// All from the first on, up to the second, which is not one of them.
    Between(Vec<u8>, Vec<u8>),
    /// Those of a string under any letter case.
    Folded(Folded),
    /// Those that a pattern matches.
    Matching(Matching),
    /// Those that hold a string, or end with it.
    Holding(Holding),
    /// Those between two whose rest, after so many bytes, meets a test.
    Tested(Vec<u8>, Vec<u8>, usize, StringTest),
}

/// Numbers as terms, sorted, and as codes of a column: each has a code of its own.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    pub(super) terms: Vec<Vec<u8>>,
    pub(super) column: String,
    pub(super) codes: Arc<CodeSet>,
}

impl Numbers {
    /// Fewer are not worth another form.
    pub(super) const LEAST: usize = 8;

    /// A term takes 300 ns and more to look up, a value of a column 5 to look at: where both take as long, the terms find the
    /// documents without a pass through them all.
    const VALUES_A_TERM: u64 = 32;

    /// The column of a segment, where to look at all its values is quicker than to look up the terms.
    fn quick_column(&self, reader: &SegmentReader) -> tantivy::Result<Option<Values<u64>>> {
        let most = self.terms.len() as u64 * Numbers::VALUES_A_TERM;
        Ok(codes_of(reader, &self.column)?.filter(|column| u64::from(column.values.num_vals()) < most))
    }

    /// Looks at each value.
    fn read(&self, column: &Values<u64>, docs: &mut Docs<'_>) -> io::Result<()> {
        // Not on the stack, which deep queries have filled by then.
        let (mut block, mut rows, mut doc) = (vec![0; 512], Vec::new(), 0);
        let count = column.values.num_vals();
        for start in (0..count).step_by(block.len()) {
            let block = &mut block[..(count - start).min(512) as usize];
            column.values.get_range(u64::from(start), block);
            rows.clear();
            rows.extend((start..).zip(&*block).filter(|(_, code)| self.codes.contains(**code)).map(|(row, _)| row));
            // From the last document on: it may have values in this block too.
            column.index.select_batch_in_place(doc, &mut rows);
            if let Some(last) = rows.last() {
                doc = *last;
                docs.extend(&rows)?;
            }
        }
        Ok(())
    }
}

/// The documents that hold any of some terms.
///
/// tantivy's own queries would answer some of this, not all: a range is one of a JSON field's columns or of a whole field,
/// and its automata have no access to a string.
#[derive(Clone)]
pub(super) struct Scan {
    pub(super) field: Field,
    pub(super) terms: Vec<Terms>,
    pub(super) long: Option<Arc<Long>>,
}

impl Scan {
    /// The one term that is asked for.
    pub(super) fn only_term(&self) -> Option<Term> {
        match (&*self.terms, &self.long) {
            ([Terms::Listed(terms)], None) => match &**terms {
                [term] => Some(Term::from_field_bytes(self.field, term)),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The documents whose strings do not fit into terms: few, if any. They are read.
pub(super) struct Long {
    /// The term that they hold.
    pub(super) term: Vec<u8>,
    /// The field of the stored document.
    pub(super) stored: Field,
    /// The whole test.
    pub(super) matcher: Matcher,
}

impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scan").field(&self.terms.len()).finish()
    }
}

impl Query for Scan {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for Scan {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        Ok(match self.found(reader)? {
            Found::None => Box::new(EmptyScorer),
            Found::One(index, term) => {
                let postings = index.read_postings_from_terminfo(&term, IndexRecordOption::Basic)?;
                Box::new(ConstScorer::new(postings, boost))
            }
            Found::Few(docs) => Box::new(ConstScorer::new(SortedDocs { docs, at: 0 }, boost)),
            Found::Many(docs) => Box::new(ConstScorer::new(BitSetDocSet::from(docs), boost)),
        })
    }

    fn explain(&self, reader: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        let mut scorer = self.scorer(reader, 1.0)?;
        if scorer.doc() <= doc && scorer.seek(doc) == doc {
            return Ok(Explanation::new("Scan", 1.0));
        }
        Err(TantivyError::InvalidArgument(format!("document #({doc}) does not match")))
    }

    fn count(&self, reader: &SegmentReader) -> tantivy::Result<u32> {
        if let Some(alive) = reader.alive_bitset() {
            return Ok(self.scorer(reader, 1.0)?.count(alive));
        }
        Ok(match self.found(reader)? {
            Found::None => 0,
            Found::One(_, term) => term.doc_freq,
            Found::Few(docs) => docs.len() as u32,
            Found::Many(docs) => docs.len() as u32,
        })
    }
}

/// The documents of a segment, deleted ones among them: who asks leaves them out.
enum Found {
    None,
    One(Arc<InvertedIndexReader>, TermInfo),
    /// Sorted, each once.
    Few(Vec<DocId>),
    Many(BitSet),
}

impl Scan {
    fn found(&self, reader: &SegmentReader) -> tantivy::Result<Found> {
        let index = reader.inverted_index(self.field)?;
        let mut docs = Docs::new(&index, reader.max_doc());
        for terms in &self.terms {
            match terms {
                Terms::Numbers(numbers) if let Some(column) = numbers.quick_column(reader)? => {
                    numbers.read(&column, &mut docs)?;
                }
                terms => terms.visit(&index, &mut |term| docs.add(term))?,
            }
        }
        if let Some(long) = &self.long
            && let Some(term) = index.terms().get(&long.term)?
        {
            let mut store = Store::open(reader, long.stored)?;
            let mut postings = index.read_block_postings_from_terminfo(&term, IndexRecordOption::Basic)?;
            while !postings.docs().is_empty() {
                for doc in postings.docs() {
                    if long.matcher.matches(&*store.read(*doc)?) {
                        docs.extend(&[*doc])?;
                    }
                }
                postings.advance();
            }
        }
        Ok(docs.finish())
    }
}

impl Terms {
    fn visit(&self, index: &InvertedIndexReader, add: &mut dyn FnMut(&TermInfo) -> io::Result<()>) -> io::Result<()> {
        let dictionary = index.terms();
        match self {
            Terms::Listed(terms) | Terms::Numbers(Numbers { terms, .. }) => {
                for term in terms {
                    if let Some(info) = dictionary.get(term)? {
                        add(&info)?;
                    }
                }
            }
            Terms::Between(from, to) => {
                let mut stream = dictionary.range().ge(from).lt(to).without_keys().into_stream()?;
                while stream.advance() {
                    add(stream.value())?;
                }
            }
            Terms::Folded(automaton) => accepted(dictionary, automaton, add)?,
            Terms::Matching(automaton) => accepted(dictionary, automaton, add)?,
            Terms::Holding(automaton) => accepted(dictionary, automaton, add)?,
            Terms::Tested(from, to, begin, test) => {
                let mut stream = dictionary.range().ge(from).lt(to).into_stream()?;
                while let Some((term, info)) = stream.next() {
                    if test.holds(string_of(term, *begin)?) {
                        add(info)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// The terms that an automaton accepts.
fn accepted<A: Automaton>(
    dictionary: &TermDictionary,
    automaton: &A,
    add: &mut dyn FnMut(&TermInfo) -> io::Result<()>,
) -> io::Result<()>
where
    A::State: Clone,
{
    let mut stream = dictionary.search(automaton).without_keys().into_stream()?;
    while stream.advance() {
        add(stream.value())?;
    }
    Ok(())
}

/// The string that stands in a term after so many bytes.
pub(super) fn string_of(term: &[u8], begin: usize) -> io::Result<&str> {
    let string = term.get(begin..).and_then(|string| std::str::from_utf8(string).ok());
    string.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The documents of terms.
struct Docs<'i> {
    index: &'i Arc<InvertedIndexReader>,
    /// The one term so far, whose postings need not be read at once.
    first: Option<TermInfo>,
    /// Read where they stand: their buffers take more than a kilobyte, and to move them takes as long as to fill them.
    postings: Option<BlockSegmentPostings>,
    union: Union,
}

impl<'i> Docs<'i> {
    fn new(index: &'i Arc<InvertedIndexReader>, max_doc: u32) -> Docs<'i> {
        Docs { index, first: None, postings: None, union: Union { max_doc, list: Vec::new(), bits: None } }
    }

    fn add(&mut self, term: &TermInfo) -> io::Result<()> {
        if self.first.is_none() && self.union.is_empty() {
            self.first = Some(term.clone());
            return Ok(());
        }
        self.read_first()?;
        self.read(term)
    }

    fn extend(&mut self, docs: &[DocId]) -> io::Result<()> {
        self.read_first()?;
        self.union.extend(docs);
        Ok(())
    }

    fn read_first(&mut self) -> io::Result<()> {
        self.first.take().map_or(Ok(()), |term| self.read(&term))
    }

    fn read(&mut self, term: &TermInfo) -> io::Result<()> {
        let postings = match &mut self.postings {
            Some(postings) => {
                self.index.reset_block_postings_from_terminfo(term, postings)?;
                postings
            }
            none => none.insert(self.index.read_block_postings_from_terminfo(term, IndexRecordOption::Basic)?),
        };
        while !postings.docs().is_empty() {
            self.union.extend(postings.docs());
            postings.advance();
        }
        Ok(())
    }

    fn finish(self) -> Found {
        match self.first {
            Some(term) => Found::One(self.index.clone(), term),
            None => self.union.finish(),
        }
    }
}

/// A union of documents: a list while it is short, then bits.
struct Union {
    max_doc: u32,
    list: Vec<DocId>,
    bits: Option<BitSet>,
}

impl Union {
    fn is_empty(&self) -> bool {
        self.list.is_empty() && self.bits.is_none()
    }

    fn extend(&mut self, docs: &[DocId]) {
        if let Some(bits) = &mut self.bits {
            docs.iter().for_each(|doc| {
                bits.insert(*doc);
            });
            return;
        }
        self.list.extend_from_slice(docs);
        // Bits take max_doc / 8 bytes, and sorting longer lists more time than going through the bits.
        if self.list.len() > self.max_doc as usize / 1024 {
            let mut bits = BitSet::with_max_value(self.max_doc);
            for doc in self.list.drain(..) {
                bits.insert(doc);
            }
            self.bits = Some(bits);
        }
    }

    fn finish(mut self) -> Found {
        if let Some(bits) = self.bits {
            return Found::Many(bits);
        }
        self.list.sort_unstable();
        self.list.dedup();
        if self.list.is_empty() { Found::None } else { Found::Few(self.list) }
    }
}

/// Documents in a list.
struct SortedDocs {
    docs: Vec<DocId>,
    at: usize,
}

impl DocSet for SortedDocs {
    fn advance(&mut self) -> DocId {
        self.at = self.docs.len().min(self.at + 1);
        self.doc()
    }

    fn seek(&mut self, target: DocId) -> DocId {
        self.at += self.docs[self.at..].partition_point(|doc| *doc < target);
        self.doc()
    }

    fn doc(&self) -> DocId {
        self.docs.get(self.at).copied().unwrap_or(TERMINATED)
    }

    fn size_hint(&self) -> u32 {
        self.docs.len() as u32
    }
}
