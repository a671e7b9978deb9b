//! Mistakes: where they stand, and what is said of them.

use super::{Frame, Machine, Step, Stop};
use crate::error::{Code, Diagnostic, Place, excerpt};
use crate::filter::{NodeId, Refusal, Span, Spelling, push_pointer};
use crate::operator::Operator;
use crate::parse::reader::BadNumber;

impl Machine {
    /// The pointer segments of the value at hand, below the object at hand.
    #[cold]
    pub(super) fn value_segments(&self) -> Vec<String> {
        let key = self.pair.as_ref().map_or("value", |(path, _)| path.written());
        let mut segments = vec![key.to_owned()];
        let in_list = self.frames.iter().rev().take(2).any(|frame| matches!(frame, Frame::List { .. }));
        if in_list {
            segments.push(self.list.count.to_string());
        }
        segments
    }

    /// Notes a mistake at `segments` below the node at hand.
    #[cold]
    pub(super) fn report_here<S: AsRef<str>>(&mut self, diagnostic: Diagnostic, segments: &[S], span: Span) {
        let place = if self.diagnostics.has_room() { self.place(segments, span) } else { Place::default() };
        self.diagnostics.push(diagnostic.at(place));
    }

    /// Notes a limit that was passed, and ends the reading.
    #[cold]
    pub(super) fn stop<S: AsRef<str>>(&mut self, refusal: Refusal, segments: &[S], span: Span) -> Step {
        let place = self.place(segments, span);
        let diagnostic = refusal.diagnostic(self.tree.limits()).at(place);
        self.diagnostics.push_last(diagnostic);
        Err(Stop)
    }

    /// Notes a node that is too deep.
    #[cold]
    pub(super) fn too_deep(&mut self, node: NodeId, refusal: &Refusal) {
        let place = Place { pointer: Some(self.tree.pointer(node)), span: self.tree.span_of(node).range() };
        self.diagnostics.push_last(refusal.diagnostic(self.tree.limits()).at(place));
    }

    pub(super) fn place<S: AsRef<str>>(&self, segments: &[S], span: Span) -> Place {
        let mut pointer = self.tree.pointer(self.tree.current());
        // Inside a dynamic value, its own place comes first.
        if matches!(self.frames.last(), Some(Frame::Dynamic(_))) {
            self.value_segments().iter().for_each(|segment| push_pointer(&mut pointer, segment));
        }
        segments.iter().for_each(|segment| push_pointer(&mut pointer, segment.as_ref()));
        Place { pointer: Some(pointer), span: span.range() }
    }
}

#[cold]
pub(in crate::parse) fn duplicate(key: &str) -> Diagnostic {
    Diagnostic::error(Code::DuplicateKey, format!("the key `{}` stands twice in one object", excerpt(key)))
}

#[cold]
pub(super) fn mixed(key: &str) -> Diagnostic {
    Diagnostic::error(Code::MixedObject, format!("an object with `field` is a condition, and cannot hold `{key}`"))
        .hint("put the condition into the list of a group")
}

#[cold]
pub(super) fn unknown_condition_key(key: &str) -> Diagnostic {
    const KEYS: [&str; 4] = ["operator", "value", "case_sensitive", "case_insensitive"];
    let diagnostic =
        Diagnostic::error(Code::UnknownKey, format!("unknown key `{}` in a condition", excerpt(key))).near(key, KEYS);
    match diagnostic.hint {
        Some(_) => diagnostic,
        None => diagnostic.hint(format!("the keys of a condition are `field`, `{}`", KEYS.join("`, `"))),
    }
}

/// The operator of a spelling, and which spelling it is.
pub(super) fn spelled_operator(text: &str) -> Option<(Operator, Spelling)> {
    let operator = Operator::from_spelling(text)?;
    let alias = operator.aliases().iter().position(|alias| *alias == text);
    let spelling = alias.and_then(|index| u8::try_from(index).ok()).map_or(Spelling::Name, Spelling::Alias);
    Some((operator, spelling))
}

#[cold]
pub(in crate::parse) fn bad_number(bad: BadNumber) -> Diagnostic {
    let message = match bad {
        BadNumber::IntegerRange => "an integer operand outside the ranges of `i64` and `u64`",
        BadNumber::NotFinite => "a number operand that has no finite 64-bit float",
    };
    Diagnostic::error(Code::OperandRange, message)
}

#[cold]
pub(in crate::parse) fn unknown_operator(text: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error(Code::UnknownOperator, format!("unknown operator `{}`", excerpt(text)));
    // What other languages call it, where no misspelling explains it.
    let other = match text.to_ascii_lowercase().as_str() {
        "like" | "ilike" | "includes" | "has" => Some("contains"),
        "prefix" | "startswith" => Some("starts_with"),
        "suffix" | "endswith" => Some("ends_with"),
        "notin" | "not in" => Some("nin"),
        "neq" | "not" | "<=>" => Some("ne"),
        "match" | "matches" | "~" | "=~" | "regexp" => Some("regex"),
        "ge" => Some("gte"),
        "le" => Some("lte"),
        "search" | "fts" => Some("text"),
        "null" | "isnull" => Some("is_null"),
        _ => None,
    };
    match other {
        Some(name) => {
            let mut diagnostic = diagnostic.hint(format!("did you mean `{name}`?"));
            diagnostic.expected = vec![name.to_owned()];
            diagnostic
        }
        None => diagnostic.near(text, Operator::all().map(Operator::name)),
    }
}
