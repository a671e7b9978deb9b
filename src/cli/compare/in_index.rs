//! The search index, in a temporary directory that goes with it.

use std::time::Instant;

use serde_json::Value as Json;
use trommel::backend::tantivy::TermFilter;
use trommel::tantivy::schema::{FAST, Field, NumericOptions, SchemaBuilder};
use trommel::tantivy::{Index, IndexWriter, TantivyError};
use trommel::{Lowered, Predicate, Tantivy, TantivyMapping, lower};

use super::Verdicts;
use crate::cli::index::failure;
use crate::cli::output::Failure;

/// The name of the field that numbers the documents.
const NUMBER: &str = "number";

/// In bytes.
const MEMORY: usize = 64 << 20;

pub(super) struct InIndex {
    writer: IndexWriter,
    backend: Tantivy,
    number: Field,
    lowered: Lowered<TermFilter>,
    count: u64,
}

impl InIndex {
    pub(super) fn new(predicate: &Predicate) -> Result<InIndex, Failure> {
        let mapping = TantivyMapping::new();
        let mut builder = SchemaBuilder::default();
        mapping.add_fields(&mut builder);
        let number = builder.add_u64_field(NUMBER, NumericOptions::from(FAST));
        let index = Index::create_from_tempdir(builder.build()).map_err(|error| failure(&error))?;
        let backend = Tantivy::new(&mapping, &index.schema())?;
        let lowered = match lower(&backend, predicate) {
            Ok(lowered) => lowered,
            Err(never) => match never {},
        };
        // One thread: what waits for it is bounded by its memory and the number of documents alone.
        let writer = index.writer_with_num_threads(1, MEMORY).map_err(|error| failure(&error))?;
        Ok(InIndex { writer, backend, number, lowered, count: 0 })
    }

    pub(super) fn take(&mut self, document: &Json) -> Result<(), Failure> {
        let mut made = self.backend.document(document)?;
        made.add_u64(self.number, self.count);
        self.count += 1;
        self.writer.add_document(made).map(|_| ()).map_err(|error| failure(&error))
    }

    pub(super) fn finish(mut self, count: usize) -> Result<Verdicts, Failure> {
        self.writer.commit().map_err(|error| failure(&error))?;
        let mut verdicts = Verdicts {
            name: "tantivy",
            exact: self.lowered.is_exact(),
            matches: vec![false; count],
            time: Default::default(),
        };
        self.search(&mut verdicts).map_err(|error| failure(&error))?;
        Ok(verdicts)
    }

    fn search(&self, verdicts: &mut Verdicts) -> Result<(), TantivyError> {
        let searcher = self.writer.index().reader()?.searcher();
        let start = Instant::now();
        let found = self.backend.query(&self.lowered).addresses(&searcher)?;
        verdicts.time = start.elapsed();
        let numbers: Result<Vec<_>, _> =
            searcher.segment_readers().iter().map(|segment| segment.fast_fields().u64(NUMBER)).collect();
        let numbers = numbers?;
        for address in found {
            let number = numbers.get(address.segment_ord as usize).and_then(|numbers| numbers.first(address.doc_id));
            let matches = number.and_then(|number| verdicts.matches.get_mut(number as usize));
            // A hit that is left out would pass for "does not match".
            *matches.ok_or_else(|| TantivyError::InternalError(format!("{address:?} has no number")))? = true;
        }
        Ok(())
    }
}
