//! Hostile filters and documents for property tests and fuzzing.
//!
//! What makes them hostile: a small alphabet of keys, odd ones among them, so that paths meet; missing, null, `[]`,
//! `[null]`, nested arrays and objects in arrays; numbers around 2^53 and at the bounds of `i64` and `u64`; the letters
//! that fold oddly; instants in every spelling, right and wrong. Filters come as JSON text, so that every spelling that
//! the language has is read: aliases, shorthand, quoted keys, null groups, letter-case settings on groups and
//! conditions, `5e0` for `5`, keys in any order.
//!
//! Everything is made from one sequence of numbers, the `Source`, and where it ends each further
//! choice is the simplest. So proptest, which shrinks the sequence, shrinks what was made from it, operands that were
//! taken from a document included; and the fuzzer's bytes are such a sequence too.
//!
//! ```
//! # #[cfg(feature = "proptest")]
//! # {
//! use proptest::prelude::*;
//! use trommel::{Matcher, Schema, parse, reference::Reference, strategies::meeting};
//!
//! proptest!(ProptestConfig::with_cases(64), |(meeting in meeting())| {
//!     let filter = parse::json(&meeting.filter)?;
//!     let matcher = Matcher::new(&meeting.schema.check(&filter)?);
//!     let reference = Reference::new(&filter, &meeting.schema)?;
//!     for document in &meeting.documents {
//!         prop_assert_eq!(matcher.matches(document), reference.matches(document));
//!     }
//! });
//! # }
//! ```

#[cfg(feature = "arbitrary")]
mod arbitrary;
mod document;
mod field;
mod filter;
mod pools;
#[cfg(feature = "proptest")]
mod proptest;
mod source;
mod wire;

use std::fmt;

use serde_json::{Map, Value as Json};

use crate::schema::Schema;
use field::{Fields, random_schema};
use filter::Maker;
use source::Source;
use wire::{Spelling, Wire};

#[cfg(feature = "proptest")]
pub use self::proptest::{
    bindable, deep_document, deep_filter, document, filter, filter_about, gathering, meeting, population, schema,
    schema_about, schema_gathering,
};

/// A filter and documents whose values its operands come from, so that it matches often, and often only just not.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Meeting {
    /// The schema that the filter is checked with; it accepts the filter, and the documents keep its promises.
    pub schema: Schema,
    /// The filter as JSON text. It is valid.
    pub filter: String,
    /// At least one document. Those after the first are the first with small changes.
    pub documents: Vec<Json>,
}

impl fmt::Debug for Meeting {
    /// Each part as JSON on a line of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = serde_json::to_string(&self.schema).map_err(|_| fmt::Error)?;
        write!(f, "filter {}\nschema {schema}", self.filter)?;
        self.documents.iter().try_for_each(|document| write!(f, "\ndocument {document}"))
    }
}

/// A filter with dynamic values, and the filter that it becomes when it is bound.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Bindable {
    /// The filter with dynamic values, as JSON text.
    pub template: String,
    /// What they are bound to.
    pub values: Json,
    /// The same filter with the values written out, as JSON text.
    pub filter: String,
}

impl fmt::Debug for Bindable {
    /// Each part as JSON on a line of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template {}\nvalues {}\nfilter {}", self.template, self.values, self.filter)
    }
}

/// A document of random choices.
fn random_document(source: &mut Source<'_>) -> Json {
    Json::Object(document::members(source, 4))
}

/// A filter of random choices, about nothing in particular.
fn random_filter(source: &mut Source<'_>) -> String {
    let schema = Schema::open();
    let fields = Fields::of(&[], &schema);
    random_filter_about(source, &fields)
}

/// The same with at most `levels` groups around its deepest condition.
fn random_deep_filter(source: &mut Source<'_>, levels: usize) -> String {
    let schema = Schema::open();
    let fields = Fields::of(&[], &schema);
    let levels = source.below(levels + 1);
    let tree = Maker::new(source, &fields).deep(levels);
    written(source, &tree)
}

/// A document with up to `levels` objects and arrays around its innermost value.
fn random_deep_document(source: &mut Source<'_>, levels: usize) -> Json {
    let levels = source.below(levels + 1);
    document::deep(source, levels)
}

/// A filter that meets up to `most` documents, with a schema if `typed`.
fn random_meeting(source: &mut Source<'_>, most: usize, typed: bool) -> Meeting {
    let documents = random_population(source, most);
    let schema = if typed { random_schema(source, &documents) } else { Schema::open() };
    let fields = Fields::of(&documents, &schema);
    let filter = random_filter_about(source, &fields);
    Meeting { schema, filter, documents }
}

/// So many documents, and one at least.
fn random_population(source: &mut Source<'_>, count: usize) -> Vec<Json> {
    let first = random_document(source);
    let mut documents = vec![first];
    for _ in 1..count {
        // Each is near one of those before it, and now and then a stranger.
        let from = source.below(documents.len());
        let document =
            if source.one_in(8) { random_document(source) } else { document::near(source, &documents[from]) };
        documents.push(document);
    }
    documents
}

/// A filter about these fields.
fn random_filter_about(source: &mut Source<'_>, fields: &Fields<'_>) -> String {
    let tree = Maker::new(source, fields).member(5);
    written(source, &tree)
}

fn random_bindable(source: &mut Source<'_>) -> Bindable {
    let document = random_document(source);
    let schema = Schema::open();
    let fields = Fields::of(&[document], &schema);
    let tree = Maker::new(source, &fields).member(4);
    let spelling = Spelling::random(source);
    let mut values = Map::new();
    let template = tree.with_variables(source, &mut values);
    let filter = spelling.print(&tree, source);
    let template = spelling.print(&template, source);
    Bindable { template, values: Json::Object(values), filter }
}

fn written(source: &mut Source<'_>, tree: &Wire) -> String {
    Spelling::random(source).print(tree, source)
}
