//! Mistakes: what, where, and what to write instead. One renderer draws them all.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::{Serialize, Serializer};

use crate::limits::{Limit, Limits};

/// What kind of mistake it is. The names are stable: programs may branch on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Code {
    /// The text is not of the language's form.
    Syntax,
    /// A key stands twice in one object.
    DuplicateKey,
    /// A key that has no meaning where it stands.
    UnknownKey,
    /// No operator has this spelling.
    UnknownOperator,
    /// A closed schema does not list this field.
    UnknownField,
    /// A condition has no `value`.
    MissingValue,
    /// An object is half a condition and half a group.
    MixedObject,
    /// A path is not of the form that P1 gives.
    BadPath,
    /// An operand of a type that the operator or field does not take.
    OperandType,
    /// An operand that is of the right type but out of range.
    OperandRange,
    /// A regular expression that does not compile.
    BadRegex,
    /// A `text` query without any token.
    EmptyText,
    /// The schema does not allow this operator on this field.
    OperatorNotAllowed,
    /// `case_sensitive` and `case_insensitive` disagree.
    CaseConflict,
    /// A limit was passed.
    Limit,
    /// A dynamic value was not bound.
    Unbound,
    /// A dynamic value could not be bound.
    Bind,
    /// A backend leaves a residual where an exact answer was asked for.
    NotExact,
    /// What was asked for is not supported.
    Unsupported,
    /// Something named does not exist.
    NotFound,
    /// A name stands for more than one thing.
    AmbiguousName,
    /// Something named is no source of this collection.
    NotASource,
    /// Sources of the other kind were named.
    WrongSourceKind,
    /// Collections feed each other in a circle.
    Cycle,
    /// What a plan rests on has changed since.
    StalePlan,
    /// Reading or writing failed.
    Io,
    /// A database refused or failed.
    Database,
    /// A command or request was put wrongly.
    Usage,
    /// A promise of this library is broken: a defect to report.
    Internal,
}

impl Code {
    /// The code as programs see it: `unknown_operator`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Code::Syntax => "syntax",
            Code::DuplicateKey => "duplicate_key",
            Code::UnknownKey => "unknown_key",
            Code::UnknownOperator => "unknown_operator",
            Code::UnknownField => "unknown_field",
            Code::MissingValue => "missing_value",
            Code::MixedObject => "mixed_object",
            Code::BadPath => "bad_path",
            Code::OperandType => "operand_type",
            Code::OperandRange => "operand_range",
            Code::BadRegex => "bad_regex",
            Code::EmptyText => "empty_text",
            Code::OperatorNotAllowed => "operator_not_allowed",
            Code::CaseConflict => "case_conflict",
            Code::Limit => "limit",
            Code::Unbound => "unbound",
            Code::Bind => "bind",
            Code::NotExact => "not_exact",
            Code::Unsupported => "unsupported",
            Code::NotFound => "not_found",
            Code::AmbiguousName => "ambiguous_name",
            Code::NotASource => "not_a_source",
            Code::WrongSourceKind => "wrong_source_kind",
            Code::Cycle => "cycle",
            Code::StalePlan => "stale_plan",
            Code::Io => "io",
            Code::Database => "database",
            Code::Usage => "usage",
            Code::Internal => "internal",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where in the input something stands. Either part may be unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct Place {
    /// JSON Pointer (RFC 6901) into the JSON that was read.
    pub pointer: Option<String>,
    /// Byte range `[start, end)` of the text that was read.
    #[serde(serialize_with = "span_as_pair")]
    #[cfg_attr(feature = "server", schemars(with = "Option<(usize, usize)>"))]
    pub span: Option<Range<usize>>,
}

fn span_as_pair<S: Serializer>(span: &Option<Range<usize>>, serializer: S) -> Result<S::Ok, S::Error> {
    span.as_ref().map(|span| (span.start, span.end)).serialize(serializer)
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// Nothing can be done before it is mended.
    Error,
    /// Worth a look.
    Warning,
}

/// One mistake. Serialises to the JSON that the command line prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Diagnostic {
    /// What kind of mistake.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands: `pointer` and `span` in JSON.
    #[serde(flatten)]
    pub place: Place,
    /// One line, lower case, the user's words in backticks.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The nearest valid names, or what could have stood here.
    pub expected: Vec<String>,
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            severity: Severity::Error,
            place: Place::default(),
            message: message.into(),
            hint: None,
            expected: Vec::new(),
        }
    }

    /// The same at a place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Diagnostic {
        self.place = place;
        self
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    /// The same with the valid names nearest to `word`, and with the nearest as the hint, unless there is one.
    #[must_use]
    pub fn near<'n>(mut self, word: &str, names: impl IntoIterator<Item = &'n str>) -> Diagnostic {
        self.expected = nearest(word, names);
        if let (None, Some(first)) = (&self.hint, self.expected.first()) {
            self.hint = Some(format!("did you mean `{}`?", excerpt(first)));
        }
        self
    }

    pub(crate) fn limit(limit: Limit, reached: usize, limits: &Limits) -> Diagnostic {
        let (name, unit, most) = (limit.name(), limit.unit(), limits.get(limit));
        Diagnostic::error(Code::Limit, format!("limit `{name}` passed: {reached} {unit}, and {most} are allowed"))
    }
}

/// One or more mistakes.
///
/// Opaque, with questions: [`diagnostics`](Error::diagnostics), [`code`](Error::code), [`is_limit`](Error::is_limit).
/// `Display` is one line; [`render`](Error::render) draws every place.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    /// INVARIANT: at least one.
    diagnostics: Vec<Diagnostic>,
    omitted: usize,
}

impl Error {
    /// The mistakes, in the order of their places. There is at least one.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.0.diagnostics
    }

    /// How many more there were than the limit on reported errors.
    #[must_use]
    pub fn omitted(&self) -> usize {
        self.0.omitted
    }

    /// The code of the first mistake.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.diagnostics.first().map_or(Code::Internal, |first| first.code)
    }

    /// Whether a limit was passed, so that the rest of the input was not looked at.
    #[must_use]
    pub fn is_limit(&self) -> bool {
        self.0.diagnostics.iter().any(|diagnostic| diagnostic.code == Code::Limit)
    }

    /// The mistakes drawn into the text that they are about: `LINE:COL: error[code]: message`, the place below it, and
    /// the hint. Columns count characters from 1.
    ///
    /// ```
    /// let text = r#"{"field": "a", "operator": "eqq", "value": 1}"#;
    /// let error = trommel::parse::json(text).unwrap_err();
    /// assert!(error.render(text).starts_with("1:28: error[unknown_operator]: unknown operator `eqq`"));
    /// ```
    #[must_use]
    pub fn render(&self, source: &str) -> String {
        render(self, source, &Renderer::plain())
    }

    /// [`render`](Error::render) with colours for a terminal.
    #[must_use]
    pub fn render_colored(&self, source: &str) -> String {
        render(self, source, &Renderer::styled())
    }

    /// The same with every JSON Pointer set below `prefix`: for a filter inside a larger document.
    #[must_use]
    pub fn below(mut self, prefix: &str) -> Error {
        for diagnostic in &mut self.0.diagnostics {
            if let Some(pointer) = &mut diagnostic.place.pointer {
                pointer.insert_str(0, prefix);
            }
        }
        self
    }
}

impl Error {
    /// The same with `in WHAT: ` before every message: for a text that is not the one whoever reads it thinks of first.
    ///
    /// ```
    /// let error = trommel::parse::json("{").unwrap_err().of("the file `a.json`");
    /// assert!(error.to_string().starts_with("syntax: in the file `a.json`: "));
    /// ```
    #[must_use]
    pub fn of(mut self, what: &str) -> Error {
        for diagnostic in &mut self.0.diagnostics {
            diagnostic.message = format!("in {what}: {}", diagnostic.message);
        }
        self
    }
}

impl Error {
    /// The same with another hint for its first mistake.
    #[cfg(feature = "store")]
    pub(crate) fn with_hint(mut self, hint: String) -> Error {
        if let Some(first) = self.0.diagnostics.first_mut() {
            first.hint = Some(hint);
        }
        self
    }

    /// The same with every span moved: for a filter inside a larger text, from where it begins there.
    pub(crate) fn after(mut self, start: usize) -> Error {
        for span in self.0.diagnostics.iter_mut().filter_map(|diagnostic| diagnostic.place.span.as_mut()) {
            *span = span.start + start..span.end + start;
        }
        self
    }
}

impl From<Diagnostic> for Error {
    fn from(diagnostic: Diagnostic) -> Error {
        Error(Box::new(Inner { diagnostics: vec![diagnostic], omitted: 0 }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = self.0.diagnostics.len() - 1 + self.0.omitted;
        if let Some(first) = self.0.diagnostics.first() {
            write!(f, "{}: {}", first.code, first.message)?;
            if let Some(pointer) = &first.place.pointer {
                write!(f, " at `{}`", excerpt(pointer))?;
            }
        }
        if more > 0 {
            write!(f, " (and {more} more)")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("diagnostics", &self.0.diagnostics).field("omitted", &self.0.omitted).finish()
    }
}

impl std::error::Error for Error {}

/// Collects mistakes up to the limit `errors`, and counts the rest.
#[derive(Debug)]
pub(crate) struct Diagnostics {
    found: Vec<Diagnostic>,
    most: usize,
    omitted: usize,
}

impl Diagnostics {
    pub(crate) fn new(limits: &Limits) -> Diagnostics {
        // One is always kept: an error without a diagnostic would say nothing.
        Diagnostics { found: Vec::new(), most: limits.get(Limit::Errors).max(1), omitted: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The place of the last one.
    #[cfg(feature = "text")]
    pub(crate) fn last_span(&self) -> Option<&Range<usize>> {
        self.found.last()?.place.span.as_ref()
    }

    /// Whether one more would be reported: if not, its place need not be worked out.
    pub(crate) fn has_room(&self) -> bool {
        self.found.len() < self.most
    }

    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if self.has_room() {
            self.found.push(diagnostic);
        } else {
            self.omitted += 1;
        }
    }

    /// Keeps a diagnostic that ends the reading even where the list is full: it says why the rest was not looked at.
    pub(crate) fn push_last(&mut self, diagnostic: Diagnostic) {
        if !self.has_room() {
            self.found.pop();
            self.omitted += 1;
        }
        self.found.push(diagnostic);
    }

    /// The error of all that was found, in the order of the places; `None` if nothing was.
    pub(crate) fn into_error(mut self) -> Option<Error> {
        if self.found.is_empty() {
            return None;
        }
        self.found.sort_by_key(|diagnostic| diagnostic.place.span.as_ref().map(|span| span.start));
        Some(Error(Box::new(Inner { diagnostics: self.found, omitted: self.omitted })))
    }
}

/// A client's words for a message: in full if they are short, else their beginning. Control characters are escaped, so
/// that no client writes to anybody's terminal.
pub(crate) fn excerpt(words: &str) -> String {
    const MOST: usize = 60;
    match words.char_indices().nth(MOST) {
        None => visible(words),
        Some((end, _)) => visible(&words[..end]) + "…",
    }
}

/// The text with its control characters escaped, and what else would change the text around it: line ends, and the marks that
/// turn the direction of writing.
pub(crate) fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for c in text.chars() {
        let turns =
            matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
        let ends_line = matches!(c, '\u{2028}' | '\u{2029}');
        if c.is_control() || turns || ends_line { visible.extend(c.escape_default()) } else { visible.push(c) }
    }
    visible
}

/// The names nearest to `word`, the nearest first: at most three, and none that is no likely misspelling.
fn nearest<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Vec<String> {
    const LONGEST: usize = 100;
    if word.len() > LONGEST {
        return Vec::new();
    }
    let lower = word.to_lowercase();
    let within = (word.chars().count() / 3).max(1);
    let mut near: Vec<(usize, &str)> = names
        .into_iter()
        .filter(|name| name.len().abs_diff(word.len()) <= within * 4)
        .map(|name| (strsim::osa_distance(&lower, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= within)
        .collect();
    near.sort_unstable();
    near.truncate(3);
    near.into_iter().map(|(_, name)| name.to_owned()).collect()
}

fn render(error: &Error, source: &str, renderer: &Renderer) -> String {
    let (mut out, mut cursor) = (String::new(), Cursor::new(source));
    for diagnostic in error.diagnostics() {
        if !out.is_empty() {
            out.push('\n');
        }
        render_one(&mut out, diagnostic, &mut cursor, renderer);
    }
    if error.omitted() > 0 {
        out.push_str(&format!("\n… and {} more\n", error.omitted()));
    }
    out
}

fn render_one(out: &mut String, diagnostic: &Diagnostic, cursor: &mut Cursor<'_>, renderer: &Renderer) {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let Diagnostic { code, message, .. } = diagnostic;
    let span = diagnostic.place.span.as_ref().filter(|span| span.end <= cursor.source.len());
    match span {
        Some(span) => {
            let (line, column) = cursor.line_column(span.start);
            out.push_str(&format!("{line}:{column}: {severity}[{code}]: {message}\n"));
            if let Some((window, span)) = window(cursor.source, span) {
                let annotation = AnnotationKind::Primary.span(span);
                let snippet = Snippet::source(window).line_start(line).annotation(annotation);
                out.push_str(&renderer.render(&[Group::with_level(Level::ERROR).element(snippet)]));
                out.push('\n');
            }
        }
        None => {
            let place = diagnostic.place.pointer.as_ref().filter(|pointer| !pointer.is_empty());
            let place = place.map_or(String::new(), |pointer| format!("{}: ", visible(pointer)));
            out.push_str(&format!("{place}{severity}[{code}]: {message}\n"));
        }
    }
    if let Some(hint) = &diagnostic.hint {
        out.push_str(&format!("hint: {hint}\n"));
    }
}

/// Counts lines and characters on from the last place asked for: mistakes come in the order of their places, and counting
/// from the beginning for each would take the square of the text.
struct Cursor<'s> {
    source: &'s str,
    at: usize,
    line: usize,
    column: usize,
}

impl<'s> Cursor<'s> {
    fn new(source: &'s str) -> Cursor<'s> {
        Cursor { source, at: 0, line: 1, column: 1 }
    }

    /// Line and column of a byte offset, both from 1; columns count characters.
    fn line_column(&mut self, offset: usize) -> (usize, usize) {
        if offset < self.at {
            *self = Cursor::new(self.source);
        }
        let between = &self.source.as_bytes()[self.at..offset];
        let lines = between.iter().filter(|byte| **byte == b'\n').count();
        let last = match lines {
            0 => between,
            _ => {
                self.column = 1;
                between.rsplit(|byte| *byte == b'\n').next().unwrap_or_default()
            }
        };
        // A character is counted at its first byte, so that an offset inside one is no trouble.
        self.column += last.iter().filter(|byte| (**byte as i8) >= -0x40).count();
        self.line += lines;
        self.at = offset;
        (self.line, self.column)
    }
}

/// The part of the source to draw around a span: the line it begins in, cut to a screenful where it is long. Gives the
/// text, and the span within it. Looks no further than that, however long the line is.
fn window<'s>(source: &'s str, span: &Range<usize>) -> Option<(&'s str, Range<usize>)> {
    const AROUND: usize = 60;
    let first = span.start.saturating_sub(AROUND);
    let from = source.as_bytes()[first..span.start].iter().rposition(|byte| *byte == b'\n');
    let from = floor_boundary(source, from.map_or(first, |at| first + at + 1));
    let last = source.len().min(span.start + 3 * AROUND);
    let line_end = source.as_bytes()[span.start..last].iter().position(|byte| *byte == b'\n');
    let line_end = line_end.map_or(last, |length| span.start + length);
    let end = span.end.min(line_end);
    let to = floor_boundary(source, line_end.min(end.min(span.start + 2 * AROUND) + AROUND));
    let text = source.get(from..to)?;
    let start = floor_boundary(source, span.start).clamp(from, to) - from;
    let stop = floor_boundary(source, end).clamp(from + start, to) - from;
    Some((text, start..stop))
}

/// The last character boundary at or before `at`.
fn floor_boundary(source: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| source.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_serialise_as_their_names() {
        for code in [Code::NotASource, Code::UnknownKey, Code::Io] {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }

    #[test]
    fn places_are_counted_on_from_one_another_as_from_the_beginning() {
        let text = "é\n\nab\r\nc\u{10FFFF}d\n";
        let mut cursor = Cursor::new(text);
        for offset in (0..=text.len()).flat_map(|offset| [offset, text.len() / 2, offset]) {
            let mut chars = text.char_indices().filter(|(at, _)| *at < offset).map(|(_, c)| c).collect::<Vec<_>>();
            let line = chars.iter().filter(|c| **c == '\n').count() + 1;
            chars.drain(..chars.iter().rposition(|c| *c == '\n').map_or(0, |at| at + 1));
            assert_eq!(cursor.line_column(offset), (line, chars.len() + 1), "{offset}");
        }
    }

    #[test]
    fn places_in_long_and_odd_texts_can_be_drawn() {
        let long = format!("{}é\n{}", "x".repeat(500), "é".repeat(300));
        for start in 0..long.len() {
            for end in [start, start + 1, start + 200, long.len()] {
                let place = Place { pointer: None, span: Some(start..end.min(long.len()).max(start)) };
                let error = Error::from(Diagnostic::error(Code::Syntax, "m").at(place));
                assert!(error.render(&long).contains("error[syntax]: m\n"));
            }
        }
    }
}
