//! The strategies.

use ::proptest::collection::vec;
use ::proptest::prelude::any;
use ::proptest::strategy::Strategy;
use serde_json::Value as Json;

use super::field::Fields;
use super::source::Source;
use super::{
    Bindable, Meeting, random_bindable, random_deep_document, random_deep_filter, random_document, random_filter,
    random_filter_about, random_meeting, random_population, random_schema,
};
use crate::schema::Schema;

/// How many documents a [`gathering`] has at most.
const MOST_DOCUMENTS: usize = 6;
/// How many groups a [`deep_filter`] has around a condition at most: within the default limit of 128.
const DEEPEST_FILTER: usize = 110;
/// How many containers a [`deep_document`] has around a value at most.
const DEEPEST_DOCUMENT: usize = 120;

/// What `make` makes of up to `most` choices.
fn made<T: std::fmt::Debug>(most: usize, make: impl Fn(&mut Source<'_>) -> T) -> impl Strategy<Value = T> {
    vec(any::<u32>(), 0..=most).prop_map(move |choices| make(&mut Source::new(&choices)))
}

/// A document.
pub fn document() -> impl Strategy<Value = Json> {
    made(80, random_document)
}

/// A document nested far deeper than [`document`] makes them.
pub fn deep_document() -> impl Strategy<Value = Json> {
    made(400, |source| random_deep_document(source, DEEPEST_DOCUMENT))
}

/// A valid filter as JSON text, about nothing in particular: with a random document it hardly ever meets.
pub fn filter() -> impl Strategy<Value = String> {
    made(200, random_filter)
}

/// A valid filter as JSON text, with up to 110 groups around a condition: `prop_recursive` makes no such trees.
pub fn deep_filter() -> impl Strategy<Value = String> {
    made(700, |source| random_deep_filter(source, DEEPEST_FILTER))
}

/// A schema, open or closed.
pub fn schema() -> impl Strategy<Value = Schema> {
    made(150, |source| {
        let document = random_document(source);
        random_schema(source, &[document])
    })
}

/// A filter and one document that its operands come from, without a schema.
pub fn meeting() -> impl Strategy<Value = Meeting> {
    made(300, |source| random_meeting(source, 1, false))
}

/// A filter and up to six documents that its operands come from, without a schema. Compiling a filter costs more than
/// asking it, so this gives the most pairs in a given time.
pub fn gathering() -> impl Strategy<Value = Meeting> {
    made(500, |source| {
        let most = 1 + source.below(MOST_DOCUMENTS);
        random_meeting(source, most, false)
    })
}

/// The same with a schema, which has datetime fields and promises where the documents keep them.
pub fn schema_gathering() -> impl Strategy<Value = Meeting> {
    made(500, |source| {
        let most = 1 + source.below(MOST_DOCUMENTS);
        random_meeting(source, most, true)
    })
}

/// A filter with dynamic values, and what they are bound to.
pub fn bindable() -> impl Strategy<Value = Bindable> {
    made(400, random_bindable)
}

/// So many documents, near one another: what a table holds, of which many filters are asked.
pub fn population(documents: usize) -> impl Strategy<Value = Vec<Json>> {
    const CHOICES_OF_EACH: usize = 20;
    let choices = documents * CHOICES_OF_EACH;
    // As many as there can be: once they end, all further documents are alike.
    vec(any::<u32>(), choices).prop_map(move |choices| random_population(&mut Source::new(&choices), documents))
}

/// A schema of some fields of these documents, whose promises they keep.
pub fn schema_about(documents: &[Json]) -> impl Strategy<Value = Schema> {
    made(300, move |source| random_schema(source, documents))
}

/// A valid filter as JSON text, whose operands come from these documents, and which the schema accepts.
///
/// ```
/// use proptest::prelude::*;
/// use trommel::{Matcher, Schema, parse, reference::Reference, strategies::filter_about};
///
/// let (schema, documents) = (Schema::open(), [serde_json::json!({"a": [1, "x"]}), serde_json::json!({"a": null})]);
/// proptest!(ProptestConfig::with_cases(64), |(filter in filter_about(&schema, &documents))| {
///     let filter = parse::json(filter)?;
///     let (matcher, reference) = (Matcher::new(&schema.check(&filter)?), Reference::new(&filter, &schema)?);
///     for document in &documents {
///         prop_assert_eq!(matcher.matches(document), reference.matches(document));
///     }
/// });
/// ```
pub fn filter_about(schema: &Schema, documents: &[Json]) -> impl Strategy<Value = String> {
    let fields = Fields::of(documents, schema);
    made(200, move |source| random_filter_about(source, &fields))
}
