//! The suite that proves a backend: cases written from the rules before any evaluator existed, and generated filters
//! and documents whose answer the [reference](crate::reference) gives. Ours and a stranger's go through one function.
//!
//! Whatever can answer a [`Question`] is a [`Subject`]. A [`Backend`](crate::Backend) becomes one by [`Pushdown`], which
//! asks what was pushed, rechecks it with the residual as a caller would, and so finds a claim that is wrong:
//!
//! ```
//! use serde_json::Value;
//! use trommel::conformance::{Pushdown, Suite};
//! use trommel::{Matcher, Memory, Predicate};
//!
//! let mut subject = Pushdown::new(Memory, |pushed: &Predicate, document: &Value| Matcher::new(pushed).matches(document));
//! let report = Suite::new().generated(20).rules(["C1", "G2"]).run(&mut subject);
//! assert!(report.passed(), "{report}");
//! ```
//!
//! A backend that cannot say something answers [`Answer::Unsupported`]. That is never counted as passed: unless a
//! [`Gap`] names the case and its reason, the run fails; and so it does for a gap that would pass.

mod case;
mod report;
mod subject;
mod suite;

pub use case::{Case, cases};
pub use report::{Asked, Disagreement, Gap, Report, RuleCount, Skipped};
pub use subject::{Answer, BoxError, Pushdown, PushdownSet, Question, Subject, Tally};
pub use suite::Suite;
