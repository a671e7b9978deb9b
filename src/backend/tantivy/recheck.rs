//! Documents as they are stored, and the residual over them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;
use tantivy::index::SegmentReader;
use tantivy::query::doc_predicate_query::{ConstOrVariableSegmentPredicate, DocPredicate, SegmentDocPredicate};
use tantivy::query::{EnableScoring, Query};
use tantivy::schema::document::{CompactDocValue, ReferenceValue, ReferenceValueLeaf};
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
        let cannot = |why: String| TantivyError::InternalError(format!("document #({doc}) cannot be rechecked: {why}"));
        match stored.get_first(self.field).map(|value| value.as_value()) {
            Some(ReferenceValue::Leaf(ReferenceValueLeaf::Str(text))) => {
                Document::read(text.as_bytes()).map_err(|error| cannot(error.to_string()))
            }
            Some(object @ ReferenceValue::Object(_)) => json(object, 0).map(Document::from_object).map_err(cannot),
            Some(_) | None => Err(cannot("it was not stored".to_owned())),
        }
    }
}

/// Stored objects are read by recursion, so no deeper than this.
const DEEPEST: usize = 256;

/// What a JSON field stores, as it was before it was stored.
fn json<'d>(value: ReferenceValue<'d, CompactDocValue<'d>>, depth: usize) -> Result<Json, String> {
    if depth > DEEPEST {
        return Err(format!("it is nested more than {DEEPEST} levels deep"));
    }
    Ok(match value {
        ReferenceValue::Object(members) => {
            let members = members.map(|(key, member)| Ok((key.to_owned(), json(member.as_value(), depth + 1)?)));
            Json::Object(members.collect::<Result<_, String>>()?)
        }
        ReferenceValue::Array(elements) => {
            let elements = elements.map(|element| json(element.as_value(), depth + 1));
            Json::Array(elements.collect::<Result<_, String>>()?)
        }
        ReferenceValue::Leaf(leaf) => match leaf {
            ReferenceValueLeaf::Null => Json::Null,
            ReferenceValueLeaf::Bool(bool) => bool.into(),
            ReferenceValueLeaf::Str(text) => text.into(),
            ReferenceValueLeaf::I64(int) => int.into(),
            ReferenceValueLeaf::U64(int) => int.into(),
            ReferenceValueLeaf::F64(float) if float.is_finite() => float.into(),
            // Several texts become the same date.
            ReferenceValueLeaf::Date(_) => return Err("a date was stored in place of its text".to_owned()),
            ReferenceValueLeaf::F64(_)
            | ReferenceValueLeaf::Facet(_)
            | ReferenceValueLeaf::Bytes(_)
            | ReferenceValueLeaf::IpAddr(_)
            | ReferenceValueLeaf::PreTokStr(_)
            | ReferenceValueLeaf::Custom(_) => return Err("a value that is no JSON was stored".to_owned()),
        },
    })
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
