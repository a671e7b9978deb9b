//! Which facts of a document are terms.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tantivy::schema::{BytesOptions, JsonObjectOptions, STORED, STRING, SchemaBuilder, TextOptions};
use tantivy::{Document, Index, IndexWriter, Opstamp, TantivyError};

use super::strings::LONGEST_STRING;
use super::term::{self, Kind};
use crate::error::{Code, Diagnostic, Error};
use crate::fold::{LONGEST_TOKEN, tokens, unicode_version};
use crate::operator::Operator;
use crate::path::Path;
use crate::schema::Schema;
use crate::value::{Instant, Number};

/// The names of our fields in a tantivy schema.
pub(super) const TERMS: &str = "_trommel_terms";
pub(super) const COLUMNS: &str = "_trommel_columns";
pub(super) const DOCUMENT: &str = "_trommel_document";
pub(super) const ID: &str = "_trommel_id";

/// Raised when terms or columns change their form.
const FORMAT: u32 = 3;

/// How documents become terms: every path and every fact that a filter can ask for, unless a schema says that fewer are
/// needed.
///
/// ```
/// use trommel::backend::tantivy::TantivyMapping;
/// use trommel::{Field, Schema, Type};
///
/// let all = TantivyMapping::new();
/// let schema = Schema::new([Field::new("status", Type::String)])?.closed();
/// let status_alone = TantivyMapping::with_schema(schema).id("object_id")?;
/// # Ok::<(), trommel::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TantivyMapping {
    schema: Option<Schema>,
    id: Option<Path>,
}

/// The description of an index, the payload of its commits.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    /// The version of the format.
    trommel: u32,
    /// The version of Unicode that tokens were folded and cut by (C5).
    unicode: String,
    id: Option<Path>,
    schema: Option<Schema>,
}

impl TantivyMapping {
    /// All facts of all paths.
    #[must_use]
    pub fn new() -> TantivyMapping {
        TantivyMapping::default()
    }

    /// The facts that this schema lets a filter ask for: of a closed schema only the paths that it lists, and no tokens
    /// where it does not allow `text`. What is left out is rechecked, so that filters checked against another schema are
    /// answered rightly too.
    #[must_use]
    pub fn with_schema(schema: Schema) -> TantivyMapping {
        TantivyMapping { schema: Some(schema), id: None }
    }

    /// Each document has its id at this path, a string: a field of its own, to find, replace and delete a document by.
    ///
    /// # Errors
    /// `bad_path`.
    pub fn id(mut self, path: &str) -> Result<TantivyMapping, Error> {
        let bad = |error| Diagnostic::error(Code::BadPath, format!("`{path}` is no path: {error}"));
        self.id = Some(Path::parse(path).map_err(bad)?);
        Ok(self)
    }

    pub(super) fn id_path(&self) -> Option<&Path> {
        self.id.as_ref()
    }

    /// Adds our fields to a tantivy schema, beside any of yours.
    pub fn add_fields(&self, builder: &mut SchemaBuilder) {
        builder.add_bytes_field(TERMS, BytesOptions::default().set_indexed());
        builder.add_json_field(COLUMNS, JsonObjectOptions::default().set_fast("raw"));
        builder.add_text_field(DOCUMENT, TextOptions::default().set_stored());
        if self.id.is_some() {
            builder.add_text_field(ID, STRING | STORED);
        }
    }

    /// The tantivy schema of our fields alone.
    #[must_use]
    pub fn tantivy_schema(&self) -> tantivy::schema::Schema {
        let mut builder = SchemaBuilder::default();
        self.add_fields(&mut builder);
        builder.build()
    }

    /// Commits what a writer has, and with it how the index is built, so that [`read`](TantivyMapping::read) knows: whoever
    /// reads the documents reads that of the same commit. A plain commit of tantivy's forgets it.
    ///
    /// # Errors
    /// tantivy's own.
    pub fn commit<D: Document>(&self, writer: &mut IndexWriter<D>) -> tantivy::Result<Opstamp> {
        let (schema, id) = (self.schema.clone(), self.id.clone());
        let description = Description { trommel: FORMAT, unicode: unicode_version().to_owned(), id, schema };
        let mut commit = writer.prepare_commit()?;
        let text = serde_json::to_string(&description);
        commit.set_payload(&text.map_err(|error| TantivyError::InternalError(error.to_string()))?);
        commit.commit()
    }

    /// How an index was built.
    ///
    /// # Errors
    /// `unsupported` where it was not committed so, or by another version of the format or of Unicode; `io`.
    pub fn read(index: &Index) -> Result<TantivyMapping, Error> {
        let unsupported = |message: String| Diagnostic::error(Code::Unsupported, message);
        let metas = index.load_metas().map_err(|error| Diagnostic::error(Code::Io, error.to_string()))?;
        let payload = metas.payload.as_deref();
        let payload = payload
            .ok_or_else(|| unsupported("this is no index of ours: it does not say how it was built".to_owned()))?;
        let description: Description =
            serde_json::from_str(payload).map_err(|error| unsupported(format!("this is no index of ours: {error}")))?;
        if description.trommel != FORMAT {
            let version = description.trommel;
            return Err(unsupported(format!(
                "the index has the format {version}, not {FORMAT}: build it anew, in another directory"
            ))
            .into());
        }
        if description.unicode != unicode_version() {
            let (built, ours) = (description.unicode, unicode_version());
            let message =
                format!("the index was built with Unicode {built}, not {ours}: build it anew, in another directory");
            return Err(unsupported(message).into());
        }
        Ok(TantivyMapping { schema: description.schema, id: description.id })
    }
}

/// Which paths are indexed, by their codes.
#[derive(Debug)]
pub(super) struct Indexed {
    /// Whether paths that are not listed are indexed.
    open: bool,
    /// Whether tokens are.
    listed: HashMap<Vec<u8>, bool>,
}

impl Indexed {
    pub(super) fn new(mapping: &TantivyMapping) -> Indexed {
        let Some(schema) = &mapping.schema else { return Indexed { open: true, listed: HashMap::new() } };
        let listed = schema
            .paths()
            .map(|path| (term::path(path), schema.known(path).is_none_or(|known| known.allows(Operator::Text))));
        Indexed { open: !schema.is_closed(), listed: listed.collect() }
    }

    /// Whether the facts of a path are indexed, tokens apart.
    pub(super) fn has(&self, path: &[u8]) -> bool {
        self.open || self.listed.contains_key(path)
    }

    /// Whether the tokens of its strings are.
    pub(super) fn has_tokens(&self, path: &[u8]) -> bool {
        self.listed.get(path).copied().unwrap_or(self.open)
    }

    /// Hands on the facts of a document, some of them more than once. No recursion, whatever is nested.
    pub(super) fn facts(&self, document: &Json, facts: &mut dyn Facts) {
        let Json::Object(members) = document else { return };
        let mut writer = Writer { indexed: self, facts, term: Vec::new() };
        let below = |path: &[u8], key: &str| {
            let mut path = path.to_vec();
            term::push_key(&mut path, key);
            path
        };
        let mut stack: Vec<(Vec<u8>, &Json)> = Vec::new();
        stack.extend(members.iter().map(|(key, member)| (below(&[], key), member)));
        while let Some((path, node)) = stack.pop() {
            writer.begin(&path);
            writer.fact(Kind::Node, &[]);
            // P3: a node that is an array is replaced by its elements. P2: of these, objects alone are entered.
            for value in if let Json::Array(elements) = node { elements.as_slice() } else { std::slice::from_ref(node) }
            {
                writer.value(value);
                if let Json::Object(members) = value {
                    stack.extend(members.iter().map(|(key, member)| (below(&path, key), member)));
                }
            }
        }
    }
}

/// What takes the facts of a document.
pub(super) trait Facts {
    fn term(&mut self, term: &[u8]);

    /// A code for a column: a path with a kind, and the place of the value in its order.
    fn code(&mut self, column: &[u8], code: u64);
}

/// Writes the facts of one path after the other.
struct Writer<'w> {
    indexed: &'w Indexed,
    facts: &'w mut dyn Facts,
    /// Begins with the path.
    term: Vec<u8>,
}

impl Writer<'_> {
    fn begin(&mut self, path: &[u8]) {
        self.term.clear();
        if self.indexed.has(path) {
            self.term.extend_from_slice(path);
        }
    }

    fn fact(&mut self, kind: Kind, value: &[u8]) {
        let path = self.term.len();
        // No path is empty, but for one that is not indexed.
        if path > 0 {
            self.term.push(kind as u8);
            self.term.extend_from_slice(value);
            self.facts.term(&self.term);
            self.term.truncate(path);
        }
    }

    /// A fact that is ordered.
    fn ordered(&mut self, kind: Kind, value: &[u8], code: u64) {
        self.fact(kind, value);
        let path = self.term.len();
        if path > 0 {
            self.term.push(kind as u8);
            self.facts.code(&self.term, code);
            self.term.truncate(path);
        }
    }

    fn value(&mut self, value: &Json) {
        if !value.is_null() {
            self.fact(Kind::NotNull, &[]);
        }
        match value {
            Json::Bool(bool) => self.fact(Kind::Bool, &[u8::from(*bool)]),
            Json::Number(number) => {
                if let Some(number) = Number::from_json(number) {
                    self.ordered(Kind::Number, term::number(number, &mut [0; 10]), term::number_code(number));
                }
            }
            Json::String(string) => self.string(string),
            Json::Null | Json::Array(_) | Json::Object(_) => {}
        }
    }

    fn string(&mut self, string: &str) {
        if string.len() <= LONGEST_STRING {
            self.fact(Kind::String, string.as_bytes());
        } else {
            self.fact(Kind::Long, &[]);
        }
        // With or without a schema that calls it a datetime: filters come with a schema of their own.
        if let Some(instant) = Instant::parse(string) {
            self.ordered(Kind::Instant, &term::instant(instant), term::instant_code(instant));
        }
        if self.indexed.has_tokens(&self.term) {
            for token in tokens(string).filter(|token| token.len() <= LONGEST_TOKEN) {
                self.fact(Kind::Token, token.as_bytes());
            }
        }
    }
}
