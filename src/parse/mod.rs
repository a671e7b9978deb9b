//! Reading filters: JSON or text → [`Filter`].
//!
//! Each way in holds the [`Limits`] while it reads, before any recursion, and reports every mistake in one pass.

mod json;
mod machine;
mod reader;
#[cfg(feature = "text")]
mod text;
mod values;

pub(crate) use json::{Feed, feed_text, feed_value, syntax};
pub(crate) use machine::{Machine, Step, Stop};
pub(crate) use reader::{BadNumber, Reader, Scalar, SyntaxError, Token};

pub use values::values;

use crate::error::{Diagnostic, Error};
use crate::filter::{Filter, Span, TreeBuilder};
use crate::limits::Limits;

/// What takes the events of one JSON value, wherever they come from.
pub(crate) trait Sink {
    fn begin_object(&mut self, span: Span) -> Step;
    fn begin_array(&mut self, span: Span) -> Step;
    /// The end of an object or array.
    fn end(&mut self, span: Span) -> Step;
    fn key(&mut self, text: &str, span: Span) -> Step;
    fn scalar(&mut self, scalar: &Scalar<'_>, span: Span) -> Step;
    /// Counts bytes of input where there is no text.
    fn count_input(&mut self, bytes: usize) -> Step;
    /// Notes a mistake that ends the reading.
    fn fail(&mut self, diagnostic: Diagnostic) -> Stop;
    /// Brackets that may be around anything: a bound on the recursion of a deserializer.
    fn deepest(&self) -> usize;
}

/// Reads a filter from JSON text with the default limits.
///
/// ```
/// let filter = trommel::parse::json(br#"{"AND": [{"field": "status", "operator": "eq", "value": "pending"}]}"#)?;
/// assert_eq!(filter.conditions().count(), 1);
///
/// let error = trommel::parse::json(r#"{"AND": [{"field": "status", "value": "a", "value": "b"}]}"#).unwrap_err();
/// assert_eq!(error.code().as_str(), "duplicate_key");
/// assert_eq!(error.diagnostics()[0].place.pointer.as_deref(), Some("/AND/0/value"));
/// # Ok::<(), trommel::Error>(())
/// ```
///
/// # Errors
/// Every mistake of form, each with its code and place. A limit that is passed ends the reading.
pub fn json(input: impl AsRef<[u8]>) -> Result<Filter, Error> {
    Parser::new().json(input)
}

/// Reads a filter from a JSON value with the default limits. See [`Parser::value`].
///
/// # Errors
/// Every mistake of form, each with its code and JSON Pointer.
pub fn value(value: &serde_json::Value) -> Result<Filter, Error> {
    Parser::new().value(value)
}

/// Reads a filter in the text language with the default limits.
///
/// ```text
/// filter  = and {"OR" and}            and = not {"AND" not}            not = "NOT" not | prim
/// prim    = ["NOCASE"|"CASE"] "(" filter ")"
///         | ["NOCASE"|"CASE"] ("ALL"|"ANY"|"NONE") "(" [filter {"," filter}] ")"
///         | cond
/// cond    = path ("="|"!="|">"|">="|"<"|"<="|"CONTAINS"|"STARTS WITH"|"ENDS WITH"|"MATCHES"|"TEXT") operand [case]
///         | path ["NOT"] "IN" ("(" [operand {"," operand}] ")" | "$" path) [case]
///         | (path ["NOT"] "EXISTS" | path "IS" ["NOT"] "NULL") [case]
/// case    = "NOCASE" | "CASE"
/// path    = key {"." key}             key = quoted key (P1) | one or more of [\p{Alphabetic}\p{N}_-]
/// operand = JSON string | JSON number | "true" | "false" | "null" | "$" path
/// ```
///
/// Keywords are read in any letter case; a field of the name of one is written in quotes. `a AND b AND c` is one list of
/// three. `(f)` makes no group of its own, so `(a AND b) AND c` is a list of two, the first of which is a list. `ALL`,
/// `ANY` and `NONE` are AND, OR and NOT lists of any length; `NOCASE (f)` is `NOCASE ALL(f)`, and `CASE` likewise. `$`
/// is a dynamic value. [`Filter::to_text`] prints this language.
///
/// ```
/// use trommel::parse;
///
/// let filter = parse::text(r#"status = "pending" AND NOT tags IN ("draft", "old")"#)?;
/// let json = r#"{"AND":[{"field":"status","operator":"eq","value":"pending"},"#.to_owned()
///     + r#"{"NOT":[{"field":"tags","operator":"in","value":["draft","old"]}]}]}"#;
/// assert_eq!(filter.to_string(), json);
///
/// let text = "status == pending";
/// let error = parse::text(text).unwrap_err();
/// assert_eq!(
///     error.diagnostics().iter().filter_map(|found| found.hint.as_deref()).collect::<Vec<_>>(),
///     ["write `=`", "a string is written in double quotes: `\"pending\"`"],
/// );
/// # Ok::<(), trommel::Error>(())
/// ```
///
/// # Errors
/// The mistakes of form, each with its code and place. A limit that is passed ends the reading, and so does what leaves
/// open how to go on. Cost: linear, in constant stack, whatever is nested.
#[cfg(feature = "text")]
pub fn text(input: impl AsRef<[u8]>) -> Result<Filter, Error> {
    Parser::new().text(input)
}

/// How to read: the limits, and the letter case that holds at the root (L1).
///
/// ```
/// use trommel::parse::Parser;
/// use trommel::{Limit, Limits};
///
/// let parser = Parser::new().limits(Limits::default().with(Limit::Conditions, 1)).ignore_case(true);
/// assert!(parser.json(r#"{"a": 1}"#).is_ok());
/// assert!(parser.json(r#"{"a": 1, "b": 2}"#).unwrap_err().is_limit());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parser {
    limits: Limits,
    ignore_case: bool,
}

impl Parser {
    /// The default limits, letter case exact.
    #[must_use]
    pub fn new() -> Parser {
        Parser::default()
    }

    /// The same with these limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Parser {
        self.limits = limits;
        self
    }

    /// The same with letter case ignored at the root, or not (L1). Default: exact.
    #[must_use]
    pub fn ignore_case(mut self, ignore: bool) -> Parser {
        self.ignore_case = ignore;
        self
    }

    /// The limits that it holds.
    pub(crate) fn held(&self) -> &Limits {
        &self.limits
    }

    /// An empty tree under these options.
    pub(crate) fn tree(&self) -> TreeBuilder {
        TreeBuilder::new(self.limits.clone(), self.ignore_case, "")
    }
}
