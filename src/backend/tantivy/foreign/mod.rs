//! An index that was not built with our mapping: what its fields can tell, and a recheck for the rest.
//!
//! tantivy's schema says how a field is indexed, not what was put into it. So a [`ForeignMapping`] says which field holds
//! what of a document, and promises what can be relied on. What the options of a field and the promises allow is exact;
//! where only too many documents can be found it is a superset, and where any might be missing nothing is asked. Supersets
//! and the rest are rechecked on the stored documents; each has its reason.
//!
//! ```
//! use serde_json::json;
//! use trommel::backend::tantivy::{ForeignField, ForeignIndex, ForeignMapping};
//! use trommel::tantivy::schema::{FAST, INDEXED, STORED, STRING, SchemaBuilder, TEXT};
//! use trommel::tantivy::{Index, IndexWriter, doc};
//! use trommel::{Schema, lower, parse};
//!
//! let mut fields = SchemaBuilder::default();
//! let (status, title) = (fields.add_text_field("status", STRING), fields.add_text_field("title", TEXT));
//! let year = fields.add_i64_field("year", INDEXED | FAST);
//! let source = fields.add_text_field("source", STORED);
//! let index = Index::create_in_ram(fields.build());
//! let mut writer: IndexWriter = index.writer(15_000_000)?;
//! for (a, b, c) in [("paid", "The old man", 1952_i64), ("sent", "The Old Man", 1977)] {
//!     let text = json!({"status": a, "title": b, "year": c}).to_string();
//!     writer.add_document(doc!(status => a, title => b, year => c, source => text))?;
//! }
//! writer.commit()?;
//!
//! let mapping = ForeignMapping::new()
//!     .document("source")
//!     .field("status", ForeignField::new("status").whole().only().short())?
//!     .field("title", ForeignField::new("title").whole().only().short())?
//!     .field("year", ForeignField::new("year").whole().only())?;
//! let backend = ForeignIndex::new(&mapping, &index)?;
//! let searcher = index.reader()?.searcher();
//! let count = |filter| -> Result<_, Box<dyn std::error::Error>> {
//!     let lowered = lower(&backend, &Schema::open().check(&parse::json(filter)?)?)?;
//!     let reasons: Vec<_> = lowered.reasons().iter().map(|reason| reason.why.code()).collect();
//!     Ok((backend.query(&lowered)?.count(&searcher)?, reasons))
//! };
//! assert_eq!(count(r#"{"AND": [{"status": "paid"}, {"field": "year", "operator": "lt", "value": 1960}]}"#)?, (1, vec![]));
//! // The index has only the tokens of a title, in small letters.
//! assert_eq!(count(r#"{"title": "The Old Man"}"#)?, (1, vec!["not_indexed_raw"]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod asked;
mod date;
mod field;
mod json;
mod mapping;
mod number;
mod text;
mod typed;

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use tantivy::Index;
use tantivy::schema::{Field, FieldType};

use self::field::{Kind, Resolved};
pub use self::mapping::{ForeignField, ForeignMapping};
use super::query::{FilterQuery, TermFilter};
use crate::error::{Code, Diagnostic, Error};
use crate::lower::{Backend, Cover, Lowered, Why};
use crate::path::Path;
use crate::predicate::{Join, Leaf};

/// The backend of an index that was not built with our mapping, by a [`ForeignMapping`].
#[derive(Clone)]
pub struct ForeignIndex {
    fields: Arc<[Resolved]>,
    document: Option<Field>,
}

impl ForeignIndex {
    /// The backend of an index, whose tokenizers are registered already.
    ///
    /// # Errors
    /// `unsupported` for a field that the index lacks, or that cannot hold what the mapping says.
    pub fn new(mapping: &ForeignMapping, index: &Index) -> Result<ForeignIndex, Error> {
        let resolved = mapping.fields.iter().map(|(path, field)| Resolved::new(index, path.clone(), field));
        let fields = resolved.collect::<Result<Arc<[Resolved]>, Error>>()?;
        let document = mapping.document.as_deref().map(|name| stored(index, name)).transpose()?;
        Ok(ForeignIndex { fields, document })
    }

    /// What was lowered as one tantivy query: what is pushed, and the recheck of the residual.
    ///
    /// # Errors
    /// `not_exact` for a residual where the mapping names no stored document.
    pub fn query(&self, lowered: &Lowered<TermFilter>) -> Result<FilterQuery, Error> {
        let residual = match (lowered.residual(), self.document) {
            (None, _) => None,
            (Some(residual), Some(document)) => Some((document, residual)),
            (Some(_), None) => {
                let why = lowered.reasons().first().map_or_else(String::new, |reason| format!(": {}", reason.why));
                let message = format!("there is no stored document to recheck{why}");
                return Err(Diagnostic::error(Code::NotExact, message).into());
            }
        };
        Ok(FilterQuery::new(lowered.pushed(), residual))
    }
}

fn stored(index: &Index, name: &str) -> Result<Field, Error> {
    let schema = index.schema();
    let is_stored = |field: &Field| match schema.get_field_entry(*field).field_type() {
        FieldType::Str(options) => options.is_stored(),
        FieldType::JsonObject(options) => options.is_stored(),
        _ => false,
    };
    let message = || format!("the index has no stored field `{name}` of text or JSON");
    let field = schema.get_field(name).ok().filter(is_stored);
    field.ok_or_else(|| Diagnostic::error(Code::Unsupported, message()).into())
}

impl fmt::Debug for ForeignIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fields.iter().map(|field| &field.name)).finish()
    }
}

impl Backend for ForeignIndex {
    type Output = TermFilter;
    type Error = Infallible;

    fn name(&self) -> &str {
        "tantivy"
    }

    fn leaf(&self, leaf: &Leaf) -> Result<Cover<TermFilter>, Infallible> {
        let mut best = Cover::Unsupported(Why::new("not_mapped", "the mapping has no field for this path"));
        let mut is_first = true;
        for field in self.fields.iter() {
            let Some(below) = below(field, leaf.path()) else { continue };
            let cover = field.cover(leaf, below);
            match (&cover, &best) {
                (Cover::Exact(_), _) => return Ok(cover),
                (Cover::Superset(..), Cover::Unsupported(_)) => best = cover,
                (Cover::Unsupported(_), Cover::Unsupported(_)) if is_first => best = cover,
                (Cover::Superset(..) | Cover::Unsupported(_), _) => {}
            }
            is_first = false;
        }
        Ok(best)
    }

    fn join(&self, how: Join, parts: Vec<TermFilter>) -> Result<Cover<TermFilter>, Infallible> {
        Ok(TermFilter::join(how, parts))
    }
}

/// How many keys of a path lead to what a field holds; `None` for a field that holds nothing of it.
fn below(field: &Resolved, path: &Path) -> Option<usize> {
    let of_field = field.path.as_ref().map_or(0, |path| path.keys().len());
    let begins_so = field.path.as_ref().is_none_or(|prefix| prefix.keys().eq(path.keys().take(of_field)));
    let fits = match field.kind {
        Kind::Json { .. } => path.keys().len() > of_field,
        Kind::Text(_) | Kind::Number(..) | Kind::Bool(_) | Kind::Date(..) => path.keys().len() == of_field,
    };
    (begins_so && fits).then_some(of_field)
}
