//! Conditions of the text language:
//!
//! ```text
//! cond = path ("=" | "!=" | ">" | ">=" | "<" | "<=" | "CONTAINS" | "STARTS WITH" | "ENDS WITH" | "MATCHES" | "TEXT") operand [case]
//!      | path ["NOT"] "IN" list [case]
//!      | (path ["NOT"] "EXISTS" | path "IS" ["NOT"] "NULL") [case]
//! list = "(" [operand {"," operand}] ")" | "$" path
//! case = "NOCASE" | "CASE"
//! ```
//!
//! What begins them alike is read once: the path, the operator, then what that operator takes.

use std::ops::Range;

use super::draft::{DraftId, DraftKind};
use super::lexer::{self, Asked, Literal, What, blank, expected, keyword};
use super::{Reading, hint};
use crate::error::{Code, Diagnostic};
use crate::filter::{CaseFlag, Condition, Element, Keyword, Operand, PartSpans, Refusal, Span, Spelling};
use crate::limits::Limit;
use crate::operator::Operator;
use crate::parse::machine::{Elements, Stop, bad_number};
use crate::path::Path;
use crate::value::Value;

/// The operator of a condition, so far as there is one.
enum Found {
    Operator(Asked),
    /// There is one that nothing is known of.
    Unknown,
    Missing,
}

impl Reading<'_> {
    /// `cond`. One with a mistake in it is read to its end, if one can tell where that is.
    pub(super) fn condition(&mut self) -> Result<DraftId, Stop> {
        let start = self.offset();
        let path = self.field()?;
        self.field = start..self.offset();
        let field = self.span_from(start);
        self.skip_blank();
        let operator_start = self.offset();
        let found = self.operator()?;
        let operator_span = self.span_from(operator_start);
        let (operator, operand, value) = match found {
            Found::Operator(Asked::With(operator)) => {
                self.skip_blank();
                let start = self.offset();
                (operator, self.operand_of(operator)?, self.span_from(start))
            }
            Found::Operator(Asked::Whether(operator, whether)) => (operator, Some(Operand::from(whether)), Span::NONE),
            Found::Unknown => {
                self.skip_operand()?;
                (Operator::Eq, None, Span::NONE)
            }
            Found::Missing => (Operator::Eq, None, Span::NONE),
        };
        let case = self.case();
        // One with a mistake counts too: so the mistakes of a hostile text are bounded.
        if let Err(refusal) = self.tree.count_condition() {
            return Err(self.refuse(&refusal, start..self.offset()));
        }
        let (Some(path), Some(operand)) = (path, operand) else {
            return Ok(self.draft(DraftKind::Broken, start));
        };
        let spans = PartSpans { field, operator: operator_span, value };
        let condition = Condition { path, operand, operator, spelling: Spelling::Name, case, spans };
        let index = self.tree.push_condition(condition);
        Ok(self.draft(DraftKind::Condition(index), start))
    }

    fn span_from(&self, start: usize) -> Span {
        Span::new(start, self.offset())
    }

    /// `[case]`
    fn case(&mut self) -> CaseFlag {
        let (rest, sensitive) = match keyword(blank(self.rest)) {
            Ok((rest, Keyword::Case)) => (rest, true),
            Ok((rest, Keyword::NoCase)) => (rest, false),
            _ => return CaseFlag::Absent,
        };
        self.rest = rest;
        CaseFlag::Sensitive(sensitive)
    }

    // --------------------------------------------------------------------------------------------------- paths

    /// The path that a condition begins with; `None` if it is a mistake.
    fn field(&mut self) -> Result<Option<Path>, Stop> {
        let start = self.offset();
        let run = match lexer::path(self.rest) {
            Ok((rest, run)) if !rest.starts_with('[') => run,
            _ => lexer::would_be_path(self.rest),
        };
        let rest = &self.rest[run.len()..];
        let keyword = Keyword::of(run).filter(|keyword| !keyword.is_half());
        if run.is_empty() || (keyword.is_some() && lexer::operator(blank(rest)).is_err()) {
            let hint = hint::no_condition(self.text, self.rest);
            return Err(self.stop_expecting(What::CONDITION, hint));
        }
        self.rest = rest;
        if keyword.is_some() {
            self.keyword_as_path(run, start);
            return Ok(None);
        }
        self.path(run, start)
    }

    fn keyword_as_path(&mut self, word: &str, start: usize) {
        let diagnostic = Diagnostic::error(Code::Syntax, format!("`{word}` is a keyword"));
        self.mistake(diagnostic.hint(hint::keyword_as_field(word)), start..start + word.len());
    }

    /// The path of a run of the text; `None` if it is a mistake.
    fn path(&mut self, run: &str, start: usize) -> Result<Option<Path>, Stop> {
        let span = start..start + run.len();
        match self.read_path(run) {
            Ok(path) => Ok(Some(path)),
            Err(refusal @ Refusal::Limit(..)) => Err(self.refuse(&refusal, span)),
            Err(refusal @ Refusal::Path(..)) => {
                let diagnostic = refusal.diagnostic(self.tree.limits());
                let diagnostic = hint::path(run).into_iter().fold(diagnostic, Diagnostic::hint);
                self.mistake(diagnostic, span);
                self.is_adrift = true;
                Ok(None)
            }
        }
    }

    /// A path is kept as JSON would write it, where other keys need quotes: so that JSON that became text comes back
    /// with the same fields, within the same limits.
    fn read_path(&mut self, run: &str) -> Result<Path, Refusal> {
        if !run.contains('"') {
            return self.tree.path(run);
        }
        // Quotes and escapes make a text less than four times as long.
        if run.len() / 4 > self.tree.limits().get(Limit::Path) {
            return Err(Refusal::Limit(Limit::Path, run.len()));
        }
        match Path::parse(run) {
            Ok(path) => self.tree.path(&path.to_string()),
            Err(error) => Err(Refusal::Path(run.to_owned(), error)),
        }
    }

    // ----------------------------------------------------------------------------------------------- operators

    fn operator(&mut self) -> Result<Found, Stop> {
        let error = match lexer::operator(self.rest) {
            Ok((rest, asked)) => {
                self.rest = rest;
                return Ok(Found::Operator(asked));
            }
            Err(error) => expected(error),
        };
        // Some of its words were read.
        if error.rest.len() < self.rest.len() {
            let hint = hint::half_operator(self.rest, error.rest);
            self.rest = error.rest;
            return Err(self.stop_expecting(error.what, hint));
        }
        let start = self.offset();
        // They join conditions in other languages: what is missing is the operator before them.
        if self.rest.starts_with(['&', '|']) {
            return Ok(self.no_operator(start));
        }
        let (rest, run) = match lexer::symbol(self.rest).or_else(|_| lexer::word(self.rest)) {
            Ok(found) => found,
            Err(_) if self.at_end_of_operand() => return Ok(self.no_operator(start)),
            Err(_) => return Err(self.stop_expecting(What::OPERATOR, hint::no_operator(self.text, start))),
        };
        match Keyword::of(run) {
            None => {}
            Some(Keyword::And | Keyword::Or) => return Ok(self.no_operator(start)),
            Some(_) => return Err(self.stop_expecting(What::OPERATOR, hint::no_operator(self.text, start))),
        }
        self.rest = rest;
        let (diagnostic, meant) = hint::unknown_operator(run, rest, &self.text[..start]);
        // Its AND joins no conditions.
        if run.eq_ignore_ascii_case("between") {
            return Err(self.stop(diagnostic, start..start + run.len()));
        }
        self.mistake(diagnostic, start..start + run.len());
        match meant {
            Some(operator @ (Operator::Exists | Operator::IsNull)) => {
                Ok(Found::Operator(Asked::Whether(operator, true)))
            }
            Some(operator) => Ok(Found::Operator(Asked::With(operator))),
            None => {
                self.is_adrift = true;
                Ok(Found::Unknown)
            }
        }
    }

    fn no_operator(&mut self, start: usize) -> Found {
        // After a key that nothing closes there is nothing left.
        if !self.is_adrift {
            let (diagnostic, length) = hint::expecting(What::OPERATOR, self.rest);
            let diagnostic = hint::no_operator(self.text, start).into_iter().fold(diagnostic, Diagnostic::hint);
            self.mistake(diagnostic, start..start + length);
            // The operator after the parentheses is no second mistake.
            self.is_adrift = hint::is_field_in_parens(self.rest);
        }
        Found::Missing
    }

    /// Whether what is next can only come after an operand.
    fn at_end_of_operand(&self) -> bool {
        let is_joint = || matches!(keyword(self.rest), Ok((_, Keyword::And | Keyword::Or)));
        self.rest.is_empty() || self.rest.starts_with([')', ',', ']', '&', '|']) || is_joint()
    }

    // ------------------------------------------------------------------------------------------------ operands

    /// What an operator takes; `None` if it is a mistake.
    fn operand_of(&mut self, operator: Operator) -> Result<Option<Operand>, Stop> {
        if matches!(operator, Operator::In | Operator::Nin) {
            return self.list(operator);
        }
        if self.at_end_of_operand() {
            let (start, length) = (self.offset(), hint::found_length(self.rest));
            self.mistake(hint::no_operand(operator, self.rest), start..start + length);
            return Ok(None);
        }
        if self.rest.starts_with(['(', '[']) {
            let start = self.offset();
            self.elements()?;
            self.mistake(hint::list_for_one(operator), start..self.offset());
            return Ok(None);
        }
        Ok(self.operand()?.map(|operand| match operand {
            Element::Value(value) => Operand::Value(value),
            Element::Dynamic(path) => Operand::Dynamic(path),
        }))
    }

    /// `list`; `None` if it is a mistake.
    fn list(&mut self, operator: Operator) -> Result<Option<Operand>, Stop> {
        let start = self.offset();
        match self.rest.chars().next() {
            Some('(') => self.elements(),
            Some('[') => {
                self.mistake(hint::square_brackets(), start..start + 1);
                self.elements().map(|_| None)
            }
            Some('$') => Ok(self.operand()?.and_then(|operand| match operand {
                Element::Dynamic(path) => Some(Operand::Dynamic(path)),
                Element::Value(_) => None,
            })),
            _ if lexer::operand(self.rest).is_ok() => {
                self.operand()?;
                let span = start..self.offset();
                self.mistake(hint::one_for_list(operator, &self.text[span.clone()]), span);
                Ok(None)
            }
            _ => Err(self.stop_expecting(What::OPEN.or(What::DYNAMIC), Some(hint::a_list()))),
        }
    }

    /// `"(" [operand {"," operand}] ")"`, or the same in square brackets; `None` if there is a mistake in it.
    fn elements(&mut self) -> Result<Option<Operand>, Stop> {
        let mut elements = Elements::default();
        let (close, what) = if self.take('[') {
            (']', What::CLOSE_SQUARE)
        } else {
            self.take('(');
            (')', What::CLOSE)
        };
        self.skip_blank();
        if self.take(close) {
            return Ok(elements.take());
        }
        loop {
            if let Err(refusal) = self.tree.count_items(1) {
                let at = self.offset();
                return Err(self.refuse(&refusal, at..at + hint::found_length(self.rest)));
            }
            match self.operand()? {
                Some(Element::Value(value)) => elements.push(value),
                Some(Element::Dynamic(path)) => elements.push_dynamic(path),
                None => elements.is_broken = true,
            }
            self.skip_blank();
            let comma = self.offset();
            if self.take(',') {
                self.skip_blank();
                if !self.rest.starts_with(close) {
                    continue;
                }
                self.mistake(hint::last_comma(), comma..comma + 1);
                elements.is_broken = true;
            }
            if self.take(close) {
                return Ok(elements.take());
            }
            return Err(self.stop_expecting(What::COMMA.or(what), None));
        }
    }

    /// `operand`; `None` if it is a mistake.
    fn operand(&mut self) -> Result<Option<Element>, Stop> {
        let start = self.offset();
        let error = match lexer::operand(self.rest) {
            Ok((rest, literal)) => {
                let span = start..self.offset_of(rest);
                self.rest = rest;
                return self.literal(literal, span);
            }
            Err(error) => expected(error),
        };
        match error.message {
            Some(message) => {
                let at = self.offset_of(error.rest);
                let length = error.rest.chars().next().map_or(0, char::len_utf8);
                let diagnostic = Diagnostic::error(Code::Syntax, message);
                let diagnostic = if error.rest.is_empty() { diagnostic.hint(hint::UNCLOSED) } else { diagnostic };
                Err(self.stop(diagnostic, at..at + length))
            }
            None => self.no_literal(),
        }
    }

    /// What was read as an operand, within the limits.
    fn literal(&mut self, literal: Literal<'_>, span: Range<usize>) -> Result<Option<Element>, Stop> {
        let bytes = match &literal {
            Literal::Value(Value::String(string)) => string.len(),
            Literal::Value(Value::Number(_)) | Literal::BadNumber(_) => span.len(),
            Literal::Value(Value::Null | Value::Bool(_)) | Literal::Dynamic(_) => 0,
        };
        if let Err(refusal) = self.tree.count_bytes(bytes) {
            return Err(self.refuse(&refusal, span));
        }
        match literal {
            Literal::Value(value) => Ok(Some(Element::Value(value))),
            Literal::BadNumber(bad) => {
                self.mistake(bad_number(bad), span);
                Ok(None)
            }
            Literal::Dynamic(run) => self.dynamic(run, span.start + 1),
        }
    }

    fn dynamic(&mut self, run: &str, start: usize) -> Result<Option<Element>, Stop> {
        if Keyword::of(run).is_some_and(|keyword| !keyword.is_half()) {
            self.keyword_as_path(run, start);
            return Ok(None);
        }
        Ok(self.path(run, start)?.map(Element::Dynamic))
    }

    /// Something that is no operand stands where one is expected. What is meant as one is skipped.
    fn no_literal(&mut self) -> Result<Option<Element>, Stop> {
        let start = self.offset();
        if let Some(rest) = self.rest.strip_prefix('$') {
            let run = lexer::would_be_path(rest);
            self.rest = &rest[run.len()..];
            if run.is_empty() {
                return Err(self.stop_expecting(What::KEY, Some(hint::a_dynamic_value())));
            }
            return self.dynamic(run, start + 1);
        }
        if let Ok((rest, run)) = lexer::would_be_number(self.rest) {
            self.rest = rest;
            self.mistake(hint::no_number(run), start..start + run.len());
            self.is_adrift = true;
            return Ok(None);
        }
        if let Some((run, inside)) = hint::foreign_string(self.rest, &mut self.has_escapes) {
            self.rest = &self.rest[run.len()..];
            self.mistake(hint::foreign_quotes(run, &inside), start..start + run.len());
            return Ok(None);
        }
        // What is glued to a quote is no part of a word without quotes.
        let run = lexer::would_be_path(self.rest);
        let run = if run.starts_with('"') { run } else { run.split('"').next().unwrap_or(run) };
        if run.is_empty() || self.rest.starts_with('[') || self.at_end_of_operand() {
            let hint = hint::no_operand_here(&self.text[..start], self.rest);
            return Err(self.stop_expecting(What::OPERAND, hint));
        }
        self.rest = &self.rest[run.len()..];
        let field = &self.text[self.field.clone()];
        self.mistake(hint::bare_string(field, run, self.rest), start..start + run.len());
        self.is_adrift = true;
        Ok(None)
    }

    /// Skips the operand of an operator of which nothing is known, if one is there.
    fn skip_operand(&mut self) -> Result<(), Stop> {
        let rest = blank(self.rest);
        if rest.starts_with(['(', '[']) {
            self.rest = rest;
            self.elements()?;
        } else if lexer::operand(rest).is_ok() {
            self.rest = rest;
            self.operand()?;
        }
        Ok(())
    }
}
