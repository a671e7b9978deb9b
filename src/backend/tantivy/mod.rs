//! A search index: tantivy.
//!
//! A [`TantivyMapping`] turns each document into terms that say what the law asks: presence, nulls, each scalar in an
//! encoding that sorts as the law orders, tokens. With it every test is exact, in either letter case, negated or not, for
//! strings of any length; only what a schema kept out of the index, or is nested deeper than tantivy evaluates, is
//! rechecked on the stored documents.
//!
//! An index that was built otherwise is asked by a [`ForeignMapping`], see [`ForeignIndex`].
//!
//! ```
//! use trommel::tantivy::{Index, IndexWriter};
//! use trommel::{Schema, Tantivy, TantivyMapping, lower, parse};
//!
//! let mapping = TantivyMapping::new();
//! let index = Index::create_in_ram(mapping.tantivy_schema());
//! let backend = Tantivy::new(&mapping, &index.schema())?;
//! let mut writer: IndexWriter = index.writer(15_000_000)?;
//! for text in [r#"{"status": "pending", "n": 1}"#, r#"{"status": ["draft", "pending"]}"#, r#"{"n": null}"#] {
//!     writer.add_document(backend.read(text)?)?;
//! }
//! writer.commit()?;
//!
//! let filter = parse::json(r#"{"AND": [{"status": "pending"}, {"field": "n", "operator": "is_null"}]}"#)?;
//! let lowered = lower(&backend, &Schema::open().check(&filter)?)?;
//! assert_eq!(lowered.pushed().unwrap().to_string(), "(status: a value AND NOT n: any value)");
//! assert_eq!(backend.query(&lowered).count(&index.reader()?.searcher())?, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod automaton;
mod column;
mod foreign;
mod leaf;
mod mapping;
mod query;
mod recheck;
mod scan;
mod strings;
mod term;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use serde_json::Value as Json;
use tantivy::TantivyDocument;
use tantivy::schema::{Field, FieldType, OwnedValue, Schema as TantivySchema};

pub use self::foreign::{ForeignField, ForeignIndex, ForeignMapping};
pub use self::mapping::TantivyMapping;
use self::mapping::{COLUMNS, DOCUMENT, Facts, ID, Indexed, TERMS};
pub use self::query::{FilterQuery, TermFilter};
use self::strings::LONGEST_STRING;
use crate::document::Document;
use crate::error::{Code, Diagnostic, Error};
use crate::lower::{Backend, Cover, Lowered};
use crate::path::Path;
use crate::predicate::{Join, Leaf};
use crate::value::write_json;

/// An index that is built with a [`TantivyMapping`]: makes its documents, and its queries.
#[derive(Clone, Debug)]
pub struct Tantivy {
    terms: Field,
    columns: Field,
    document: Field,
    id: Option<(Path, Field)>,
    indexed: Arc<Indexed>,
}

impl Tantivy {
    /// The backend of a mapping and of a tantivy schema with its fields.
    ///
    /// # Errors
    /// `unsupported` for a schema without the mapping's fields.
    pub fn new(mapping: &TantivyMapping, schema: &TantivySchema) -> Result<Tantivy, Error> {
        let field = |name: &str, fits: fn(&FieldType) -> bool| match schema.get_field(name) {
            Ok(field) if fits(schema.get_field_entry(field).field_type()) => Ok(field),
            Ok(_) | Err(_) => {
                let message = format!("this is no index of ours: it has no field `{name}` of ours");
                Err(Error::from(Diagnostic::error(Code::Unsupported, message)))
            }
        };
        let is_stored = |ty: &FieldType| matches!(ty, FieldType::Str(options) if options.is_stored());
        let id = match mapping.id_path() {
            Some(path) => Some((path.clone(), field(ID, is_stored)?)),
            None => None,
        };
        Ok(Tantivy {
            terms: field(TERMS, |ty| matches!(ty, FieldType::Bytes(options) if options.is_indexed()))?,
            columns: field(COLUMNS, |ty| matches!(ty, FieldType::JsonObject(options) if options.is_fast()))?,
            document: field(DOCUMENT, is_stored)?,
            id,
            indexed: Arc::new(Indexed::new(mapping)),
        })
    }

    /// The field of the ids, where the mapping says where they are: indexed as they stand, and stored.
    #[must_use]
    pub fn id_field(&self) -> Option<Field> {
        self.id.as_ref().map(|(_, field)| *field)
    }

    /// The field that holds each document as text, stored.
    #[must_use]
    pub fn document_field(&self) -> Field {
        self.document
    }

    /// A document for the index, to which you may add fields of yours. Cost: linear in its values.
    ///
    /// # Errors
    /// `usage` where it is no object, holds a number without a finite `f64`, or has no id where the mapping says.
    pub fn document(&self, document: &Json) -> Result<TantivyDocument, Error> {
        let mut text = String::new();
        // INVARIANT: writing to a `String` never fails.
        let _ = write_json(&mut text, document);
        self.read(&text)
    }

    /// The same of a document's text, which is stored as it stands.
    ///
    /// # Errors
    /// The same, and where the text is no JSON.
    pub fn read(&self, text: &str) -> Result<TantivyDocument, Error> {
        let usage = |message: String| Diagnostic::error(Code::Usage, message);
        let document = Document::read(text.as_bytes()).map_err(|error| usage(error.to_string()))?;
        let mut made = TantivyDocument::with_capacity(text.len() * 2);
        made.add_text(self.document, text);
        if let Some((path, field)) = &self.id {
            let id = match path.scalars(&document).collect::<Vec<_>>()[..] {
                [Json::String(id)] if id.len() <= LONGEST_STRING => id,
                _ => return Err(usage(format!("its id, at `{path}`, is not one string")).into()),
            };
            made.add_text(*field, id);
        }
        let mut facts = Made { document: &mut made, terms: self.terms, codes: BTreeMap::new() };
        self.indexed.facts(&document, &mut facts);
        let codes = facts.codes.into_iter().map(|(name, codes)| (name, OwnedValue::Array(codes)));
        let codes: BTreeMap<String, OwnedValue> = codes.collect();
        if !codes.is_empty() {
            made.add_object(self.columns, codes);
        }
        Ok(made)
    }

    /// What was lowered as one tantivy query: what is pushed, and the recheck of the residual.
    #[must_use]
    pub fn query(&self, lowered: &Lowered<TermFilter>) -> FilterQuery {
        FilterQuery::new(lowered.pushed(), lowered.residual().map(|residual| (self.document, residual)))
    }
}

/// A document that is being made.
struct Made<'m> {
    document: &'m mut TantivyDocument,
    terms: Field,
    codes: BTreeMap<String, Vec<OwnedValue>>,
}

impl Facts for Made<'_> {
    fn term(&mut self, term: &[u8]) {
        self.document.add_bytes(self.terms, term);
    }

    fn code(&mut self, column: &[u8], code: u64) {
        // As an `i64` in any case: numbers of several types would come to lie in a column of `f64`.
        let code = OwnedValue::I64(tantivy::u64_to_i64(code));
        self.codes.entry(term::column(column)).or_default().push(code);
    }
}

impl Backend for Tantivy {
    type Output = TermFilter;
    type Error = Infallible;

    fn name(&self) -> &str {
        "tantivy"
    }

    fn leaf(&self, leaf: &Leaf) -> Result<Cover<TermFilter>, Infallible> {
        self.lower_leaf(leaf)
    }

    fn join(&self, how: Join, parts: Vec<TermFilter>) -> Result<Cover<TermFilter>, Infallible> {
        Ok(TermFilter::join(how, parts))
    }
}
