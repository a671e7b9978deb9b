//! Documents in a real index.

use serde_json::{Value as Json, json};
use trommel::backend::tantivy::{FilterQuery, TermFilter};
use trommel::conformance::{Answer, BoxError, Question, Subject, Tally};
use trommel::tantivy::collector::{Count, DocSetCollector};
use trommel::tantivy::indexer::NoMergePolicy;
use trommel::tantivy::schema::{FAST, Field, INDEXED, NumericOptions, SchemaBuilder};
use trommel::tantivy::{Index, IndexReader, IndexWriter, TantivyDocument, Term};
use trommel::{Lowered, Predicate, Schema, Tantivy, TantivyMapping, lower};

/// How documents come to lie in segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Segments {
    One,
    /// Several, among documents that are deleted.
    Several,
    /// Several with deletions, merged.
    Merged,
}

/// What the mapping is told of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Knows {
    Nothing,
    /// The schema that filters are checked against, closed: what it does not list is not indexed.
    Schema,
}

/// A real index as a subject of the suite.
pub(crate) struct Store {
    pub(crate) segments: Segments,
    pub(crate) knows: Knows,
    pub(crate) tally: Tally,
    /// The index of the documents that were asked about last.
    filled: Option<Filled>,
}

pub(crate) struct Filled {
    documents: Vec<Json>,
    mapping: TantivyMapping,
    pub(crate) backend: Tantivy,
    pub(crate) reader: IndexReader,
}

impl Store {
    pub(crate) fn new(segments: Segments, knows: Knows) -> Store {
        Store { segments, knows, tally: Tally::default(), filled: None }
    }

    fn mapping(&self, schema: &Schema) -> TantivyMapping {
        match self.knows {
            Knows::Nothing => TantivyMapping::new(),
            Knows::Schema => TantivyMapping::with_schema(schema.clone().closed()),
        }
    }

    pub(crate) fn filled(&mut self, schema: &Schema, documents: &[Json]) -> Result<&Filled, BoxError> {
        let mapping = self.mapping(schema);
        let is_there =
            self.filled.as_ref().is_some_and(|filled| filled.documents == documents && filled.mapping == mapping);
        if !is_there {
            self.filled = Some(fill(self.segments, mapping, documents)?);
        }
        Ok(self.filled.as_ref().unwrap())
    }
}

fn fill(segments: Segments, mapping: TantivyMapping, documents: &[Json]) -> Result<Filled, BoxError> {
    let mut builder = SchemaBuilder::default();
    mapping.add_fields(&mut builder);
    let number = builder.add_u64_field(NUMBER, NumericOptions::from(FAST | INDEXED));
    let index = Index::create_in_ram(builder.build());
    let backend = Tantivy::new(&mapping, &index.schema())?;
    let reader = put(&index, number, segments, documents, |document| Ok(backend.document(document)?))?;
    Ok(Filled { documents: documents.to_vec(), mapping, backend, reader })
}

/// The field of the number of each document.
pub(crate) const NUMBER: &str = "number";

/// Puts documents, as `make` makes them, and their numbers into an index.
pub(crate) fn put(
    index: &Index,
    number: Field,
    segments: Segments,
    documents: &[Json],
    make: impl Fn(&Json) -> Result<TantivyDocument, BoxError>,
) -> Result<IndexReader, BoxError> {
    let mut writer: IndexWriter = index.writer_with_num_threads(1, 15_000_000)?;
    writer.set_merge_policy(Box::new(NoMergePolicy));
    let deleted = documents.len() as u64;
    let add = |writer: &IndexWriter, at: u64, document: &Json| -> Result<(), BoxError> {
        let mut made = make(document)?;
        made.add_u64(number, at);
        writer.add_document(made)?;
        Ok(())
    };
    for (at, document) in documents.iter().enumerate() {
        add(&writer, at as u64, document)?;
        if segments != Segments::One && at % 7 == 0 {
            add(&writer, deleted, &documents[(at + 1) % documents.len()])?;
        }
        if segments != Segments::One && at % (documents.len() / 4 + 1) == 0 {
            writer.commit()?;
        }
    }
    writer.delete_term(Term::from_field_u64(number, deleted));
    writer.commit()?;
    let reader = index.reader()?;
    let is_several = |reader: &IndexReader| {
        let searcher = reader.searcher();
        let readers = searcher.segment_readers();
        readers.len() > 1 && readers.iter().any(|segment| segment.num_deleted_docs() > 0)
    };
    match segments {
        Segments::One => assert!(!is_several(&reader)),
        Segments::Several | Segments::Merged => assert!(documents.len() < 4 || is_several(&reader)),
    }
    if segments == Segments::Merged {
        let ids = index.searchable_segment_ids()?;
        writer.merge(&ids).wait()?;
        reader.reload()?;
        assert!(reader.searcher().segment_readers().len() <= 1 && !is_several(&reader));
    }
    assert_eq!(reader.searcher().num_docs(), documents.len() as u64);
    Ok(reader)
}

impl Filled {
    pub(crate) fn lowered(&self, predicate: &Predicate) -> Lowered<TermFilter> {
        lower(&self.backend, predicate).unwrap()
    }

    pub(crate) fn matching(&self, lowered: &Lowered<TermFilter>) -> Result<Vec<usize>, BoxError> {
        matching(&self.reader, &self.backend.query(lowered))
    }
}

/// The numbers of the documents that match, sorted: by any collector the same.
pub(crate) fn matching(reader: &IndexReader, query: &FilterQuery) -> Result<Vec<usize>, BoxError> {
    let searcher = reader.searcher();
    let columns: Result<Vec<_>, _> =
        searcher.segment_readers().iter().map(|segment| segment.fast_fields().u64(NUMBER)).collect();
    let columns = columns?;
    let mut found = Vec::new();
    for address in query.addresses(&searcher)? {
        found.push(columns[address.segment_ord as usize].first(address.doc_id).unwrap() as usize);
    }
    found.sort_unstable();
    assert_eq!(query.count(&searcher)?, found.len());
    assert_eq!(searcher.search(query, &Count)?, found.len());
    assert_eq!(searcher.search(query, &DocSetCollector)?.len(), found.len());
    Ok(found)
}

/// Counts how a filter was answered.
pub(crate) fn tallied<T>(tally: &mut Tally, lowered: &Lowered<T>) {
    match (lowered.is_exact(), lowered.pushed()) {
        (true, _) => tally.exact += 1,
        (false, Some(_)) => tally.rechecked += 1,
        (false, None) => tally.scanned += 1,
    }
}

impl Subject for Store {
    fn name(&self) -> &str {
        "tantivy"
    }

    fn answer(&mut self, question: &Question<'_>) -> Result<Answer, BoxError> {
        let predicate = question.schema().check(question.filter())?;
        let filled = self.filled(question.schema(), question.documents())?;
        let lowered = filled.lowered(&predicate);
        let found = filled.matching(&lowered)?;
        tallied(&mut self.tally, &lowered);
        Ok(Answer::Matches(found))
    }
}

/// The id field of an index whose mapping has one.
pub(crate) fn with_ids() -> (Index, Tantivy, Field) {
    let mapping = TantivyMapping::new().id("id").unwrap();
    let index = Index::create_in_ram(mapping.tantivy_schema());
    let backend = Tantivy::new(&mapping, &index.schema()).unwrap();
    let field = backend.id_field().unwrap();
    (index, backend, field)
}

/// What matches a filter, given as JSON text, among some documents in one segment; and whether the index alone said so.
pub(crate) fn ask(filter: &str, documents: &[Json]) -> (Vec<usize>, bool) {
    let mut store = Store::new(Segments::One, Knows::Nothing);
    let filled = store.filled(&Schema::open(), documents).unwrap();
    let lowered = filled.lowered(&Schema::open().check(&trommel::parse::json(filter).unwrap()).unwrap());
    (filled.matching(&lowered).unwrap(), lowered.is_exact())
}

/// Documents with one field `a` each.
pub(crate) fn of_a<T: Into<Json>>(values: impl IntoIterator<Item = T>) -> Vec<Json> {
    values.into_iter().map(|value| json!({"a": value.into()})).collect()
}
