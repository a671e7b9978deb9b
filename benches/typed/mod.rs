//! The spellings by hand of somebody who knows beforehand what each field holds and how it is asked for: typed fields, and
//! queries of their own where tantivy has no quick one.

use std::fmt;
use std::sync::Arc;

use serde_json::Value as Json;
use trommel::tantivy::columnar::Column;
use trommel::tantivy::index::SegmentReader;
use trommel::tantivy::query::{
    BitSetDocSet, ConstScorer, EnableScoring, Explanation, Query, RangeQuery, RegexQuery, Scorer, TermQuery,
    TermSetQuery, Weight,
};
use trommel::tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, NumericOptions, STORED, SchemaBuilder, TextFieldIndexing, TextOptions,
};
use trommel::tantivy::{BitSet, Index, IndexWriter, Score, Searcher, TantivyDocument, TantivyError, Term};

/// An index of one field for each path.
pub(crate) struct Typed {
    pub(crate) searcher: Searcher,
    strings: Vec<(&'static str, Field)>,
    numbers: Vec<(&'static str, Field)>,
}

/// A field of those.
fn field_of(fields: &[(&'static str, Field)], path: &str) -> Field {
    fields.iter().find(|(name, _)| *name == path).expect("a field").1
}

/// The strings of a path: itself, or the members of an array.
fn strings(value: &Json) -> Vec<&str> {
    value
        .as_array()
        .map_or_else(|| vec![value], |members| members.iter().collect())
        .into_iter()
        .filter_map(Json::as_str)
        .collect()
}

impl Typed {
    pub(crate) fn build(documents: &[Json], texts: &[String]) -> Typed {
        let mut fields = SchemaBuilder::default();
        let raw = TextFieldIndexing::default()
            .set_tokenizer("raw")
            .set_index_option(IndexRecordOption::Basic)
            .set_fieldnorms(false);
        let text = TextOptions::default().set_indexing_options(raw);
        let paths = ["status", "user.name", "user.mail", "tags", "coupon"]
            .map(|path| (path, fields.add_text_field(path, text.clone())));
        let id = fields.add_text_field("id", text.set_fast("raw"));
        let strings_of: Vec<_> = paths.into_iter().chain([("id", id)]).collect();
        let number: NumericOptions = (INDEXED | FAST).into();
        let numbers: Vec<_> = ["n", "size"].map(|path| (path, fields.add_i64_field(path, number.clone()))).into();
        let stored = fields.add_text_field("stored", TextOptions::from(STORED));
        let index = Index::create_in_ram(fields.build());
        let mut writer: IndexWriter = index.writer_with_num_threads(1, 200_000_000).expect("a writer");
        for (document, json) in documents.iter().zip(texts) {
            let mut made = TantivyDocument::new();
            made.add_text(stored, json);
            let value = |path: &str| path.split('.').fold(document, |value, key| &value[key]);
            for (path, field) in &strings_of {
                strings(value(path)).into_iter().for_each(|string| made.add_text(*field, string));
            }
            for (path, field) in &numbers {
                made.add_i64(*field, value(path).as_i64().expect("a number"));
            }
            writer.add_document(made).expect("added");
        }
        writer.commit().expect("committed");
        Typed { searcher: index.reader().expect("a reader").searcher(), strings: strings_of, numbers }
    }

    pub(crate) fn string(&self, path: &str, value: &str) -> Box<dyn Query> {
        let term = Term::from_field_text(field_of(&self.strings, path), value);
        Box::new(TermQuery::new(term, IndexRecordOption::Basic))
    }

    pub(crate) fn number(&self, path: &str, value: i64) -> Box<dyn Query> {
        Box::new(TermQuery::new(Term::from_field_i64(field_of(&self.numbers, path), value), IndexRecordOption::Basic))
    }

    pub(crate) fn terms(&self, path: &str, values: &[String]) -> Box<dyn Query> {
        let field = field_of(&self.strings, path);
        Box::new(TermSetQuery::new(values.iter().map(|value| Term::from_field_text(field, value))))
    }

    pub(crate) fn regex(&self, path: &str, pattern: &str) -> Box<dyn Query> {
        Box::new(RegexQuery::from_pattern(pattern, field_of(&self.strings, path)).expect("a pattern"))
    }

    pub(crate) fn from(&self, path: &str, least: i64) -> Box<dyn Query> {
        use std::ops::Bound::{Included, Unbounded};
        let term = Term::from_field_i64(field_of(&self.numbers, path), least);
        Box::new(RangeQuery::new(Included(term), Unbounded))
    }

    /// The strings that meet a test, of those that begin so.
    pub(crate) fn walk(&self, path: &str, begin: &str, test: fn(&[u8]) -> bool) -> Box<dyn Query> {
        Box::new(Own(Walk { field: field_of(&self.strings, path), begin: begin.to_owned(), test }))
    }

    /// Any of so many numbers that are not below zero, by their values in a fast field.
    pub(crate) fn numbers(&self, path: &'static str, values: &[i64]) -> Box<dyn Query> {
        let mut bits = BitSet::with_max_value(values.iter().max().map_or(0, |most| *most as u32 + 1));
        values.iter().for_each(|value| {
            bits.insert(*value as u32);
        });
        Box::new(Own(NumberSet { path, values: Arc::new(bits) }))
    }

    /// Any of so many strings, by their ordinals in a fast field.
    pub(crate) fn set(&self, path: &'static str, values: &[String]) -> Box<dyn Query> {
        let mut values = values.to_vec();
        values.sort_unstable();
        Box::new(Own(FastSet { path, values }))
    }
}

/// What finds the documents of a segment.
trait Finds: Clone + Send + Sync + 'static {
    fn found(&self, reader: &SegmentReader) -> trommel::tantivy::Result<BitSet>;
}

/// It as a query.
#[derive(Clone)]
struct Own<F>(F);

impl<F> fmt::Debug for Own<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Own")
    }
}

impl<F: Finds> Query for Own<F> {
    fn weight(&self, _: EnableScoring<'_>) -> trommel::tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl<F: Finds> Weight for Own<F> {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> trommel::tantivy::Result<Box<dyn Scorer>> {
        Ok(Box::new(ConstScorer::new(BitSetDocSet::from(self.0.found(reader)?), boost)))
    }

    fn explain(&self, _: &SegmentReader, _: u32) -> trommel::tantivy::Result<Explanation> {
        Err(TantivyError::InvalidArgument("not asked for".to_owned()))
    }

    fn count(&self, reader: &SegmentReader) -> trommel::tantivy::Result<u32> {
        Ok(self.0.found(reader)?.len() as u32)
    }
}

/// Walks a dictionary.
#[derive(Clone)]
struct Walk {
    field: Field,
    begin: String,
    test: fn(&[u8]) -> bool,
}

impl Finds for Walk {
    fn found(&self, reader: &SegmentReader) -> trommel::tantivy::Result<BitSet> {
        let index = reader.inverted_index(self.field)?;
        let mut bits = BitSet::with_max_value(reader.max_doc());
        let mut postings = None;
        let mut stream = match self.begin.as_bytes() {
            [] => index.terms().stream()?,
            begin => {
                let mut end = begin.to_vec();
                *end.last_mut().expect("a byte") += 1;
                index.terms().range().ge(begin).lt(end).into_stream()?
            }
        };
        while let Some((term, info)) = stream.next() {
            if !(self.test)(term) {
                continue;
            }
            let block = match &mut postings {
                Some(block) => {
                    index.reset_block_postings_from_terminfo(info, block)?;
                    block
                }
                none => none.insert(index.read_block_postings_from_terminfo(info, IndexRecordOption::Basic)?),
            };
            while !block.docs().is_empty() {
                block.docs().iter().for_each(|doc| {
                    bits.insert(*doc);
                });
                block.advance();
            }
        }
        Ok(bits)
    }
}

/// The documents with a value that is wanted, where each has exactly one: in blocks.
fn one_each(reader: &SegmentReader, column: &Column<u64>, is_wanted: impl Fn(u64) -> bool) -> BitSet {
    assert_eq!(column.values.num_vals(), reader.max_doc());
    let mut bits = BitSet::with_max_value(reader.max_doc());
    let mut block = [0; 512];
    for start in (0..reader.max_doc()).step_by(block.len()) {
        let block = &mut block[..(reader.max_doc() - start).min(512) as usize];
        column.values.get_range(u64::from(start), block);
        for (doc, value) in (start..).zip(&*block) {
            if is_wanted(*value) {
                bits.insert(doc);
            }
        }
    }
    bits
}

/// Looks at each document's string, as its number.
#[derive(Clone)]
struct FastSet {
    path: &'static str,
    values: Vec<String>,
}

impl Finds for FastSet {
    fn found(&self, reader: &SegmentReader) -> trommel::tantivy::Result<BitSet> {
        let Some(strings) = reader.fast_fields().str(self.path)? else {
            return Ok(BitSet::with_max_value(reader.max_doc()));
        };
        let mut wanted = BitSet::with_max_value(strings.num_terms() as u32);
        // One walk beside the sorted values: to look each up takes ten times as long.
        let mut stream = strings.dictionary().stream()?;
        let mut values = self.values.iter().map(String::as_bytes).peekable();
        while stream.advance() {
            while values.next_if(|value| *value < stream.key()).is_some() {}
            if values.next_if(|value| *value == stream.key()).is_some() {
                wanted.insert(stream.term_ord() as u32);
            }
        }
        Ok(one_each(reader, strings.ords(), |ordinal| wanted.contains(ordinal as u32)))
    }
}

/// Looks at each document's number.
#[derive(Clone)]
struct NumberSet {
    path: &'static str,
    values: Arc<BitSet>,
}

impl Finds for NumberSet {
    fn found(&self, reader: &SegmentReader) -> trommel::tantivy::Result<BitSet> {
        let numbers = reader.fast_fields().i64(self.path)?;
        let (values, most) = (&self.values, u64::from(self.values.max_value()));
        let bits = one_each(reader, &numbers.to_u64_monotonic(), |code| {
            let number = code ^ (1 << 63);
            number < most && values.contains(number as u32)
        });
        Ok(bits)
    }
}
