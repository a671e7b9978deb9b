//! Documents in memory: every predicate is exact.

mod filter_set;
mod node;
mod probe;
mod program;
mod route;
mod search;

use serde_json::Value as Json;

use crate::lower::{Backend, Cover};
#[cfg(feature = "tantivy")]
use crate::predicate::Test;
use crate::predicate::{Join, Leaf, Predicate};
pub use filter_set::FilterSet;
#[cfg(feature = "tantivy")]
use probe::Probe;
use program::Program;

/// The backend for documents in memory. Everything is exact; what is pushed is the predicate itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory;

impl Memory {
    /// Compiles a predicate, or a residual: none lets every document through.
    ///
    /// ```
    /// use trommel::{Memory, Schema, lower, parse};
    ///
    /// let predicate = Schema::open().check(&parse::json(r#"{"a": 1}"#)?)?;
    /// let lowered = lower(&Memory, &predicate)?;
    /// let recheck = Memory.matcher(lowered.residual());
    /// assert!(recheck.matches(&serde_json::json!({"a": 2}))); // memory leaves nothing to recheck
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn matcher<'p>(&self, predicate: impl Into<Option<&'p Predicate>>) -> Matcher {
        predicate.into().map_or_else(|| Matcher::new(&Predicate::always()), Matcher::new)
    }
}

impl Backend for Memory {
    type Output = Predicate;
    type Error = std::convert::Infallible;

    fn name(&self) -> &str {
        "memory"
    }

    fn leaf(&self, leaf: &Leaf) -> Result<Cover<Predicate>, Self::Error> {
        Ok(Cover::Exact(Predicate::leaf(leaf.clone())))
    }

    fn join(&self, how: Join, parts: Vec<Predicate>) -> Result<Cover<Predicate>, Self::Error> {
        // The parts are those of a predicate that is simplified already.
        Ok(Cover::Exact(Predicate::group(how, parts)))
    }
}

/// A compiled predicate over [`serde_json::Value`] documents.
///
/// Compile once, use for any number of documents, from any number of threads.
///
/// ```
/// use serde_json::json;
/// use trommel::{Matcher, Schema, parse};
///
/// let predicate = Schema::open().check(&parse::json(r#"{"field": "tags", "operator": "ne", "value": "draft"}"#)?)?;
/// let matcher = Matcher::new(&predicate);
/// assert!(matcher.matches(&json!({"tags": ["final"]})));
/// assert!(matcher.matches(&json!({}))); // C1: `ne` matches a document that lacks the field
///
/// let documents = [json!({"tags": "draft"}), json!({"tags": null})];
/// assert_eq!(matcher.filter(&documents).count(), 1);
/// # Ok::<(), trommel::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Matcher {
    program: Program,
}

impl Matcher {
    /// Compiles a predicate. Cost: linear in its leaves.
    #[must_use]
    pub fn new(predicate: &Predicate) -> Matcher {
        Matcher { program: Program::compile(predicate) }
    }

    /// Whether a document, a JSON object (D1), matches. No recursion, whatever is nested.
    #[must_use]
    pub fn matches(&self, document: &Json) -> bool {
        self.program.run(document)
    }

    /// The documents that match, in order.
    pub fn filter<'d, I: IntoIterator<Item = &'d Json>>(
        &self,
        documents: I,
    ) -> impl Iterator<Item = &'d Json> + use<'d, '_, I> {
        documents.into_iter().filter(|document| self.matches(document))
    }
}

/// A positive test that one string can meet, prepared: for a dictionary of strings that stands in for documents. `text` is
/// such a test where it asks for one token: several are pooled (C5).
#[cfg(feature = "tantivy")]
#[derive(Clone, Debug)]
pub(crate) struct StringTest(Probe);

#[cfg(feature = "tantivy")]
impl StringTest {
    pub(crate) fn new(test: &Test) -> StringTest {
        StringTest(Probe::new(test))
    }

    pub(crate) fn holds(&self, string: &str) -> bool {
        self.0.accepts_string(string)
    }
}
