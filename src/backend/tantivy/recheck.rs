//! Documents as they are stored, and the residual over them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tantivy::index::SegmentReader;
use tantivy::query::doc_predicate_query::{ConstOrVariableSegmentPredicate, DocPredicate, SegmentDocPredicate};
use tantivy::query::{EnableScoring, Query};
use tantivy::schema::{Field, Value as _};
use tantivy::store::StoreReader;
use tantivy::{DocId, TantivyDocument, TantivyError};

use crate::backend::memory::Matcher;
use crate::document::Document;

/// So many blocks of the store, each of about 16 KiB, are held unpacked.
const BLOCKS: usize = 16;

/// The stored documents of a segment.
pub(super) struct Store {
    reader: StoreReader,
    field: Field,
}

impl Store {
    pub(super) fn open(reader: &SegmentReader, field: Field) -> tantivy::Result<Store> {
        Ok(Store { reader: reader.get_store_reader(BLOCKS)?, field })
    }

    pub(super) fn read(&mut self, doc: DocId) -> tantivy::Result<Document> {
        let stored: TantivyDocument = self.reader.get(doc)?;
        let text = stored.get_first(self.field);
        let text = text.as_ref().and_then(|value| value.as_str());
        let text = text.ok_or_else(|| TantivyError::InternalError(format!("document #({doc}) was not stored")))?;
        Document::read(text.as_bytes()).map_err(|error| TantivyError::InternalError(error.to_string()))
    }
}

/// Where a search leaves what went wrong: tantivy asks a predicate for a boolean and takes no error.
pub(super) type Failure = Arc<Mutex<Option<TantivyError>>>;

/// The residual: rechecks the documents that a query finds, as they are asked for.
pub(super) struct Recheck {
    pub(super) candidates: Box<dyn Query>,
    pub(super) stored: Field,
    pub(super) matcher: Matcher,
    pub(super) failure: Failure,
}

impl fmt::Debug for Recheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recheck").field(&self.candidates).finish()
    }
}

impl DocPredicate for Recheck {
    type SegmentDocPredicate = RecheckSegment;

    fn doc_predicate(
        &self,
        reader: &SegmentReader,
    ) -> tantivy::Result<ConstOrVariableSegmentPredicate<RecheckSegment>> {
        let candidates = self.candidates.weight(EnableScoring::disabled_from_schema(reader.schema()))?;
        let store = Store::open(reader, self.stored)?;
        let predicate = RecheckSegment { store, matcher: self.matcher.clone(), failure: self.failure.clone() };
        let necessary_condition = Box::new(candidates.scorer(reader, 1.0)?);
        Ok(ConstOrVariableSegmentPredicate::Variable { predicate, necessary_condition })
    }
}

pub(super) struct RecheckSegment {
    store: Store,
    matcher: Matcher,
    failure: Failure,
}

impl SegmentDocPredicate for RecheckSegment {
    fn eval(&mut self, doc: DocId) -> bool {
        match self.store.read(doc) {
            Ok(document) => self.matcher.matches(&document),
            Err(error) => {
                self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                false
            }
        }
    }

    /// Reading and parsing a document takes some microseconds; 1 is a step in a posting list, some cycles.
    fn cost(&self) -> u64 {
        2_000
    }
}
