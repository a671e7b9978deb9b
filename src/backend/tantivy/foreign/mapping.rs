//! Which field of a tantivy index holds what of a document, and what is promised of it.

use crate::error::{Code, Diagnostic, Error};
use crate::path::Path;

/// What the fields of an index hold. Of a path without a field each document is rechecked.
///
/// ```
/// use trommel::backend::tantivy::{ForeignField, ForeignMapping};
///
/// let mapping = ForeignMapping::new()
///     .document("source")
///     .field("metadata.title", ForeignField::new("title").whole().only().short())?
///     .field("year", ForeignField::new("year").whole().only())?
///     .whole_document(ForeignField::new("attributes").whole());
/// # Ok::<(), trommel::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ForeignMapping {
    pub(super) document: Option<String>,
    /// No path: the root.
    pub(super) fields: Vec<(Option<Path>, ForeignField)>,
}

impl ForeignMapping {
    /// A mapping without fields.
    #[must_use]
    pub fn new() -> ForeignMapping {
        ForeignMapping::default()
    }

    /// The stored field that holds each document: as JSON text, or as the object of a JSON field. Without one nothing can be
    /// rechecked. Where a JSON field stored a date in place of a text, a recheck of that document fails.
    #[must_use]
    pub fn document(mut self, field: &str) -> ForeignMapping {
        self.document = Some(field.to_owned());
        self
    }

    /// A field that holds what is at a path: its scalars, or, for a JSON field, the object there. A path may have several
    /// fields; the best of them is asked.
    ///
    /// # Errors
    /// `bad_path`.
    pub fn field(mut self, path: &str, field: ForeignField) -> Result<ForeignMapping, Error> {
        let bad = |error| Diagnostic::error(Code::BadPath, format!("`{path}` is no path: {error}"));
        self.fields.push((Some(Path::parse(path).map_err(bad)?), field));
        Ok(self)
    }

    /// A JSON field that holds each document as a whole.
    #[must_use]
    pub fn whole_document(mut self, field: ForeignField) -> ForeignMapping {
        self.fields.push((None, field));
        self
    }
}

/// A field of a tantivy index, and what is promised of what it holds. Nothing is, unless it is said: tantivy's schema tells
/// neither where a field's values came from, nor which were left out. A promise that does not hold gives wrong answers.
#[derive(Clone, Debug)]
pub struct ForeignField {
    pub(super) name: String,
    pub(super) promises: Promises,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Promises {
    pub(super) whole: bool,
    pub(super) only: bool,
    pub(super) short: bool,
    pub(super) plain: bool,
    pub(super) verbatim: bool,
}

impl ForeignField {
    /// The field of this name, of which nothing is promised.
    #[must_use]
    pub fn new(name: &str) -> ForeignField {
        ForeignField { name: name.to_owned(), promises: Promises::default() }
    }

    /// Promises that every value at the path (P3), nulls apart, is in the field, as it is. So all values there are of the
    /// field's type: of a text field strings, of a date field instants (T2), of a number field numbers that its type holds
    /// exactly. A JSON field was given the whole object, each number as a number of the same value, and each string as text
    /// or, as tantivy's own reader of JSON has it, as the date that it looks like. Without it no document may be left out,
    /// so nothing that has to be there is asked.
    #[must_use]
    pub fn whole(mut self) -> ForeignField {
        self.promises.whole = true;
        self
    }

    /// Promises that the field holds nothing but values at the path, as they are: nothing added, trimmed, rounded or put
    /// into another letter case before it was indexed. Without it what the field finds is a superset.
    #[must_use]
    pub fn only(mut self) -> ForeignField {
        self.promises.only = true;
        self
    }

    /// Promises that no string at the path has more than 65,000 bytes, which tantivy cuts or drops. Without it only `eq` and
    /// `in` are asked of strings.
    #[must_use]
    pub fn short(mut self) -> ForeignField {
        self.promises.short = true;
        self
    }

    /// Promises, of a JSON field, that no key in it holds a dot, U+0000 or U+0001, and that no array stands directly in an
    /// array: tantivy takes other paths for one and the same. Without it what the field finds is a superset.
    #[must_use]
    pub fn plain(mut self) -> ForeignField {
        self.promises.plain = true;
        self
    }

    /// Promises, of a JSON field, that each string was indexed as text. What tantivy makes of a JSON text, or of a
    /// `serde_json::Value`, breaks it: a string that looks like a date becomes one. Without it strings are asked for only by
    /// `eq` and `in`, and only where they do not look so.
    #[must_use]
    pub fn verbatim(mut self) -> ForeignField {
        self.promises.verbatim = true;
        self
    }
}
