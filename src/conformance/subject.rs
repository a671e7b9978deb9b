//! What is asked, and who can be asked.

use serde_json::{Value as Json, json};

use crate::backend::memory::Matcher;
use crate::filter::{Filter, TreeBuilder};
use crate::limits::Limits;
use crate::lower::{Backend, Lowered, lower};
use crate::schema::Schema;

/// Which of these documents does this filter match?
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    filter: &'q Filter,
    schema: &'q Schema,
    documents: &'q [Json],
}

impl<'q> Question<'q> {
    /// A question. The filter is bound, and the schema accepts it.
    #[must_use]
    pub fn new(filter: &'q Filter, schema: &'q Schema, documents: &'q [Json]) -> Question<'q> {
        Question { filter, schema, documents }
    }

    /// The filter, bound.
    #[must_use]
    pub fn filter(&self) -> &'q Filter {
        self.filter
    }

    /// The schema that accepts it; the open schema without fields where there is none.
    #[must_use]
    pub fn schema(&self) -> &'q Schema {
        self.schema
    }

    /// The documents. An answer names them by their index.
    #[must_use]
    pub fn documents(&self) -> &'q [Json] {
        self.documents
    }

    /// The filter as JSON that reads the same where letter case is exact at the root (L1): for a subject in another
    /// process.
    #[must_use]
    pub fn filter_json(&self) -> String {
        let mut tree = TreeBuilder::new(Limits::none(), false, "");
        // What held at the root goes along. INVARIANT: no limit is set.
        let _ = tree.graft(self.filter, false);
        tree.finish().to_string()
    }

    /// The question as JSON text on one line: `{"filter": …, "schema": …, "documents": […]}`, the schema null where nothing
    /// is known. Text, since a filter may be nested more deeply than a reader of JSON goes.
    #[must_use]
    pub fn to_json(&self) -> String {
        let schema = (*self.schema != Schema::open()).then_some(self.schema);
        let (schema, documents) = (json!(schema), json!(self.documents));
        format!(r#"{{"filter":{},"schema":{schema},"documents":{documents}}}"#, self.filter_json())
    }
}

/// What a subject says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The indexes of the documents that match, in any order, each once.
    Matches(Vec<usize>),
    /// It cannot answer, and why. Never counted as passed.
    Unsupported(String),
}

/// Whatever can go wrong in a subject.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Something that answers questions: a backend, a program, a service.
pub trait Subject {
    /// The name in reports, and in [gaps](super::Gap).
    fn name(&self) -> &str;

    /// Answers one question.
    ///
    /// # Errors
    /// Where answering fails, which is a disagreement; what merely cannot be said is [`Answer::Unsupported`].
    fn answer(&mut self, question: &Question<'_>) -> Result<Answer, BoxError>;
}

/// How the questions to a [`Pushdown`] came out. A backend that pushes nothing answers everything rightly, so a test
/// should look at this too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Questions whose pushed part was the answer.
    pub exact: usize,
    /// Questions whose pushed part was rechecked with a residual.
    pub rechecked: usize,
    /// Questions of which nothing could be pushed.
    pub scanned: usize,
}

/// A [`Backend`] as a [`Subject`]: lowers the filter, asks `run` for each document whether the pushed part matches it,
/// and rechecks with the residual.
#[derive(Debug)]
pub struct Pushdown<B, F> {
    backend: B,
    run: F,
    tally: Tally,
}

impl<B: Backend, F: FnMut(&B::Output, &Json) -> bool> Pushdown<B, F> {
    /// A subject of a backend, and of what says whether its output matches a document.
    pub fn new(backend: B, run: F) -> Pushdown<B, F> {
        Pushdown { backend, run, tally: Tally::default() }
    }

    /// How the questions came out so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }
}

impl<B: Backend, F: FnMut(&B::Output, &Json) -> bool> Subject for Pushdown<B, F> {
    fn name(&self) -> &str {
        self.backend.name()
    }

    fn answer(&mut self, question: &Question<'_>) -> Result<Answer, BoxError> {
        let Pushdown { backend, run, tally } = self;
        answer(backend, tally, question, |pushed, documents| {
            let found = documents.iter().enumerate().filter(|(_, document)| run(pushed, document));
            Ok(Answer::Matches(found.map(|(index, _)| index).collect()))
        })
    }
}

/// The same for a backend that is asked for all documents at once: a database that they are put into first.
#[derive(Debug)]
pub struct PushdownSet<B, F> {
    backend: B,
    run: F,
    tally: Tally,
}

impl<B: Backend, F: FnMut(&B::Output, &[Json]) -> Result<Answer, BoxError>> PushdownSet<B, F> {
    /// A subject of a backend, and of what says which documents its output matches: it may say
    /// [`Answer::Unsupported`] too, of documents that cannot be stored, say.
    pub fn new(backend: B, run: F) -> PushdownSet<B, F> {
        PushdownSet { backend, run, tally: Tally::default() }
    }

    /// How the questions came out so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }
}

impl<B: Backend, F: FnMut(&B::Output, &[Json]) -> Result<Answer, BoxError>> Subject for PushdownSet<B, F> {
    fn name(&self) -> &str {
        self.backend.name()
    }

    fn answer(&mut self, question: &Question<'_>) -> Result<Answer, BoxError> {
        let PushdownSet { backend, run, tally } = self;
        answer(backend, tally, question, run)
    }
}

/// Lowers, asks, rechecks.
fn answer<B: Backend>(
    backend: &B,
    tally: &mut Tally,
    question: &Question<'_>,
    run: impl FnOnce(&B::Output, &[Json]) -> Result<Answer, BoxError>,
) -> Result<Answer, BoxError> {
    let predicate = question.schema().check(question.filter())?;
    let lowered = lower(backend, &predicate)?;
    tally.count(&lowered);
    let mut candidates = match lowered.pushed() {
        Some(pushed) => match run(pushed, question.documents())? {
            Answer::Matches(indexes) => indexes,
            unsupported @ Answer::Unsupported(_) => return Ok(unsupported),
        },
        None => (0..question.documents().len()).collect(),
    };
    if let Some(residual) = lowered.residual() {
        let matcher = Matcher::new(residual);
        // An index out of range is kept, for the suite to find.
        candidates.retain(|index| question.documents().get(*index).is_none_or(|document| matcher.matches(document)));
    }
    Ok(Answer::Matches(candidates))
}

impl Tally {
    fn count<T>(&mut self, lowered: &Lowered<T>) {
        match (lowered.is_exact(), lowered.pushed()) {
            (true, _) => self.exact += 1,
            (false, Some(_)) => self.rechecked += 1,
            (false, None) => self.scanned += 1,
        }
    }
}
