//! The text language. The grammar, from the outside in:
//!
//! ```text
//! filter  = and {"OR" and}
//! and     = not {"AND" not}
//! not     = "NOT" not | prim
//! prim    = ["NOCASE" | "CASE"] "(" filter ")"
//!         | ["NOCASE" | "CASE"] ("ALL" | "ANY" | "NONE") "(" [filter {"," filter}] ")"
//!         | cond
//! ```
//!
//! `cond` is in [`condition`], all that is below it in [`lexer`]. These four rules are read by one loop with a stack of
//! what is open (operator precedence), in constant stack and linear time whatever is nested: a function for each rule
//! would recurse over the input, and trying alternatives that begin alike is exponential in the depth.

mod condition;
mod draft;
mod hint;
mod lexer;

use std::ops::Range;

use self::draft::{DraftId, DraftKind, Drafts};
use self::lexer::{What, blank, keyword, symbol};
use super::Parser;
use super::machine::Stop;
use crate::error::{Diagnostic, Diagnostics, Error, Place};
use crate::filter::{Filter, Group, Keyword, Refusal, Span, TreeBuilder};
use crate::limits::Limit;

impl Parser {
    /// Reads a filter in the text language. See [`parse::text`](crate::parse::text).
    ///
    /// # Errors
    /// The mistakes of form, each with its code and place. A limit that is passed ends the reading, and so does what
    /// leaves open how to go on.
    pub fn text(&self, input: impl AsRef<[u8]>) -> Result<Filter, Error> {
        let (filter, diagnostics) = self.text_with_mistakes(input.as_ref());
        diagnostics.into_error().map_or(Ok(filter), Err)
    }

    /// What is understood of a text, and the mistakes in it.
    pub(crate) fn text_with_mistakes(&self, input: &[u8]) -> (Filter, Diagnostics) {
        let mut reading = Reading::new(self.tree().without_pointers(), Diagnostics::new(&self.limits));
        match self.utf8(input) {
            Ok(text) => {
                // Within the limit, as `utf8` has seen to.
                let _ = reading.tree.budget().add(Limit::Input, input.len());
                reading.text = text;
                reading.rest = text.strip_prefix('\u{FEFF}').unwrap_or(text);
                let read = reading.filter();
                reading.emit(read.ok());
            }
            Err(diagnostic) => reading.diagnostics.push(*diagnostic),
        }
        reading.tree.close_all();
        (reading.tree.finish(), reading.diagnostics)
    }
}

/// A text that is being read.
struct Reading<'i> {
    text: &'i str,
    rest: &'i str,
    tree: TreeBuilder,
    /// What is complete.
    drafts: Drafts,
    open: Vec<Open>,
    /// How many groups are open.
    depth: usize,
    /// Where the field of the last condition is.
    field: Range<usize>,
    /// Whether a backslash may escape in the strings of another language.
    has_escapes: bool,
    diagnostics: Diagnostics,
    /// A mistake just before left open where it ends: what follows may be no second one.
    is_adrift: bool,
}

/// What waits for an operand, innermost last.
#[derive(Clone, Copy)]
enum Open {
    /// `NOT` or the operands of `AND` or `OR` so far: it ends by itself, before a weaker operator.
    Operator(DraftId),
    /// `ALL (` and the like, which ends with `)`; a list may be empty and goes on after `,`.
    Call { group: DraftId, is_list: bool },
    /// So many `(` on end: one entry however many, since bare parentheses have no limit.
    Parens(u32),
}

/// An operand that is complete, and its place with the parentheses around it.
#[derive(Clone, Copy)]
struct Operand {
    draft: DraftId,
    span: Span,
}

/// What comes after an operand.
enum After {
    /// Another operand.
    Operand,
    /// The end of what the operand stood in, which is an operand itself.
    Closed(Operand),
    /// The end of the text.
    End(DraftId),
}

impl<'i> Reading<'i> {
    fn new(tree: TreeBuilder, diagnostics: Diagnostics) -> Reading<'i> {
        let (drafts, open) = (Drafts::default(), Vec::new());
        Reading {
            text: "",
            rest: "",
            tree,
            drafts,
            open,
            depth: 0,
            field: 0..0,
            has_escapes: true,
            diagnostics,
            is_adrift: false,
        }
    }

    /// `filter`, up to the end of the text.
    fn filter(&mut self) -> Result<DraftId, Stop> {
        loop {
            let Some(mut operand) = self.prim()? else { continue };
            loop {
                match self.after(operand)? {
                    After::Operand => break,
                    After::Closed(closed) => operand = closed,
                    After::End(root) => return Ok(root),
                }
            }
        }
    }

    /// `prim`, or as much of `not` and `prim` as stands before an operand: then there is none yet.
    fn prim(&mut self) -> Result<Option<Operand>, Stop> {
        self.skip_blank();
        self.is_adrift = false;
        let start = self.offset();
        if self.take('(') {
            self.open_parens();
            return Ok(None);
        }
        if self.rest.starts_with(')')
            && let Some(Open::Call { group, is_list: true }) = self.open.last().copied()
            && self.drafts.is_empty(group)
        {
            self.take(')');
            self.close_group();
            return Ok(Some(self.operand_to_here(group)));
        }
        if self.rest.starts_with('!') && !self.rest.starts_with("!=") {
            self.take('!');
            self.mistake(hint::not_the_word("!", "NOT"), start..start + 1);
            self.open_operator(Group::Not, start)?;
            return Ok(None);
        }
        match self.leading_keyword() {
            Some(Keyword::Not) => {
                self.skip_keyword();
                self.open_operator(Group::Not, start)?;
                Ok(None)
            }
            Some(word @ (Keyword::All | Keyword::Any | Keyword::None | Keyword::Case | Keyword::NoCase)) => {
                self.call(word, start)?;
                Ok(None)
            }
            Some(_) | None => {
                let draft = self.condition()?;
                Ok(Some(Operand { draft, span: self.drafts.span(draft) }))
            }
        }
    }

    /// The keyword that begins `not` or `prim`, unless it is meant as a path: an operator follows it.
    fn leading_keyword(&self) -> Option<Keyword> {
        let (rest, found) = keyword(self.rest).ok()?;
        let next = blank(rest);
        let is_path = rest.starts_with('.')
            || next.starts_with(['=', '>', '<'])
            || next.starts_with("!=")
            || (found != Keyword::Not && lexer::operator(next).is_ok());
        (!is_path).then_some(found)
    }

    /// `["NOCASE" | "CASE"] [("ALL" | "ANY" | "NONE")] "("`, of which a word is there.
    fn call(&mut self, word: Keyword, start: usize) -> Result<(), Stop> {
        self.skip_keyword();
        let case = match word {
            Keyword::Case => Some(true),
            Keyword::NoCase => Some(false),
            _ => None,
        };
        let mut name = Some(word);
        if case.is_some() {
            self.skip_blank();
            name = keyword(self.rest).ok().map(|(_, word)| word);
        }
        let group = match name {
            Some(Keyword::All) => Some(Group::And),
            Some(Keyword::Any) => Some(Group::Or),
            Some(Keyword::None) => Some(Group::Not),
            _ => None,
        };
        let mut word_start = start;
        if case.is_some() && group.is_some() {
            word_start = self.offset();
            self.skip_keyword();
        }
        self.skip_blank();
        if !self.take('(') {
            let word = lexer::word(&self.text[word_start..]).map_or("", |(_, word)| word);
            let hint = if group.is_some() { hint::keyword_as_field(word) } else { hint::case_first(word) };
            return Err(self.stop_expecting(What::OPEN, Some(hint)));
        }
        let group_of = self.draft(DraftKind::Group(group.unwrap_or(Group::And), case), start);
        self.open_group(Open::Call { group: group_of, is_list: group.is_some() }, start)
    }

    /// What comes after an operand: `AND`, `OR`, or the end of what it stands in.
    fn after(&mut self, operand: Operand) -> Result<After, Stop> {
        let operand = self.close_nots(operand);
        self.skip_blank();
        if let Some(joint) = self.joint() {
            self.join(joint, operand)?;
            return Ok(After::Operand);
        }
        let operand = self.close_operators(operand);
        match self.open.last().copied() {
            None if self.rest.is_empty() => Ok(After::End(operand.draft)),
            Some(Open::Parens(count)) if self.take(')') => {
                self.open.pop();
                if count > 1 {
                    self.open.push(Open::Parens(count - 1));
                }
                Ok(After::Closed(self.in_parens(operand)))
            }
            Some(Open::Call { group, .. }) if self.take(')') => {
                self.drafts.append(group, operand.draft);
                self.close_group();
                Ok(After::Closed(self.operand_to_here(group)))
            }
            Some(Open::Call { group, is_list: true }) if self.take(',') => {
                self.drafts.append(group, operand.draft);
                Ok(After::Operand)
            }
            // Operators were closed above.
            open @ (None | Some(Open::Parens(_) | Open::Call { .. } | Open::Operator(_))) => {
                Err(self.stop_after_operand(open))
            }
        }
    }

    /// `AND` or `OR`, if one of them is next, in whatever spelling.
    fn joint(&mut self) -> Option<Group> {
        if let Ok((rest, word)) = keyword(self.rest) {
            let group = match word {
                Keyword::And => Group::And,
                Keyword::Or => Group::Or,
                _ => return None,
            };
            self.rest = rest;
            return Some(group);
        }
        let (rest, run) = symbol(self.rest).ok()?;
        let (group, word) = match run {
            "&&" | "&" => (Group::And, "AND"),
            "||" | "|" => (Group::Or, "OR"),
            _ => return None,
        };
        let start = self.offset();
        self.rest = rest;
        self.mistake(hint::not_the_word(run, word), start..start + run.len());
        Some(group)
    }

    /// Adds an operand to the `AND` or `OR` that it stands before, which it may be the first of.
    fn join(&mut self, joint: Group, operand: Operand) -> Result<(), Stop> {
        let operand = if joint == Group::Or { self.close_operator(Group::And, operand) } else { operand };
        let group = match self.open_operator_of(joint) {
            Some(group) => group,
            None => self.open_operator(joint, operand.span.range().map_or(0, |range| range.start))?,
        };
        self.drafts.append(group, operand.draft);
        Ok(())
    }

    // --------------------------------------------------------------------------------------------- what is open

    fn open_parens(&mut self) {
        match self.open.last_mut() {
            Some(Open::Parens(count)) => *count += 1,
            Some(_) | None => self.open.push(Open::Parens(1)),
        }
    }

    fn open_operator(&mut self, group: Group, start: usize) -> Result<DraftId, Stop> {
        let draft = self.draft(DraftKind::Group(group, None), start);
        self.open_group(Open::Operator(draft), start)?;
        Ok(draft)
    }

    /// The limit is held here too, though the tree holds it, so that the stack stays small.
    fn open_group(&mut self, open: Open, start: usize) -> Result<(), Stop> {
        self.open.push(open);
        self.depth += 1;
        if self.depth > self.tree.limits().get(Limit::Depth) {
            return Err(self.refuse(&Refusal::Limit(Limit::Depth, self.depth), start..self.offset()));
        }
        Ok(())
    }

    /// The group of the innermost operator, if it is of this kind.
    fn open_operator_of(&self, wanted: Group) -> Option<DraftId> {
        match self.open.last() {
            Some(Open::Operator(draft)) => match self.drafts.kind(*draft) {
                DraftKind::Group(group, _) if group == wanted => Some(*draft),
                _ => None,
            },
            Some(Open::Parens(_) | Open::Call { .. }) | None => None,
        }
    }

    /// Ends the innermost operator with this as its last operand, if it is of this kind.
    fn close_operator(&mut self, wanted: Group, operand: Operand) -> Operand {
        let Some(group) = self.open_operator_of(wanted) else { return operand };
        self.drafts.append(group, operand.draft);
        self.close_group();
        Operand { draft: group, span: self.drafts.end(group, operand.span) }
    }

    fn close_nots(&mut self, mut operand: Operand) -> Operand {
        while self.open_operator_of(Group::Not).is_some() {
            operand = self.close_operator(Group::Not, operand);
        }
        operand
    }

    fn close_operators(&mut self, operand: Operand) -> Operand {
        let operand = self.close_operator(Group::And, operand);
        self.close_operator(Group::Or, operand)
    }

    /// INVARIANT: the innermost entry is a group.
    fn close_group(&mut self) {
        self.open.pop();
        self.depth -= 1;
    }

    fn operand_to_here(&mut self, group: DraftId) -> Operand {
        let end = self.offset();
        Operand { draft: group, span: self.drafts.end(group, Span::new(end, end)) }
    }

    /// The operand with the parentheses around it, the second of which was just read. The first is the last thing but
    /// blanks before the operand: to keep where each stands would take four bytes for one of input.
    fn in_parens(&self, operand: Operand) -> Operand {
        let start = operand.span.range().map_or(0, |range| range.start);
        let before = self.text[..start].trim_end_matches([' ', '\t', '\n', '\r']);
        Operand { span: Span::new(before.len().saturating_sub(1), self.offset()), ..operand }
    }

    /// A draft from `start` to what was read last.
    fn draft(&mut self, kind: DraftKind, start: usize) -> DraftId {
        self.drafts.add(kind, Span::new(start, self.offset()))
    }

    /// Makes the tree, or that of the conditions alone where the reading stopped. The drafts end here: what comes next
    /// makes the tree smaller, for which the heap holds it twice.
    fn emit(&mut self, root: Option<DraftId>) {
        let drafts = std::mem::take(&mut self.drafts);
        match root.map(|root| drafts.emit(root, &mut self.tree)) {
            None => drafts.emit_conditions(Span::new(0, self.text.len()), &mut self.tree),
            Some(Ok(())) => {}
            Some(Err((refusal, span))) => {
                self.refuse(&refusal, span.range().unwrap_or_default());
            }
        }
    }

    // ------------------------------------------------------------------------------------------------- the text

    fn offset(&self) -> usize {
        self.offset_of(self.rest)
    }

    /// Where a rest of the text begins.
    fn offset_of(&self, rest: &str) -> usize {
        self.text.len() - rest.len()
    }

    fn skip_blank(&mut self) {
        self.rest = blank(self.rest);
    }

    fn skip_keyword(&mut self) {
        if let Ok((rest, _)) = keyword(self.rest) {
            self.rest = rest;
        }
    }

    /// Skips the character, if it is next.
    fn take(&mut self, c: char) -> bool {
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    // ------------------------------------------------------------------------------------------------- mistakes

    /// Notes a mistake after which the reading goes on.
    fn mistake(&mut self, diagnostic: Diagnostic, span: Range<usize>) {
        self.diagnostics.push(diagnostic.at(Place { pointer: None, span: Some(span) }));
    }

    /// Notes a limit that was passed, which ends the reading.
    fn refuse(&mut self, refusal: &Refusal, span: Range<usize>) -> Stop {
        let diagnostic = refusal.diagnostic(self.tree.limits());
        self.diagnostics.push_last(diagnostic.at(Place { pointer: None, span: Some(span) }));
        Stop
    }

    /// Notes a mistake that ends the reading, unless it may be the last one over again.
    fn stop(&mut self, diagnostic: Diagnostic, span: Range<usize>) -> Stop {
        // Nor is one place two mistakes, unless it is the end.
        let is_told = !span.is_empty() && self.diagnostics.last_span() == Some(&span);
        if !self.is_adrift && !is_told {
            self.diagnostics.push_last(diagnostic.at(Place { pointer: None, span: Some(span) }));
        }
        Stop
    }

    /// Something else was expected here.
    fn stop_expecting(&mut self, what: What, hint: Option<String>) -> Stop {
        let (diagnostic, length) = hint::expecting(what, self.rest);
        let diagnostic = hint.into_iter().fold(diagnostic, Diagnostic::hint);
        let start = self.offset();
        self.stop(diagnostic, start..start + length)
    }

    /// Neither `AND` nor `OR`, nor the end of what an operand stands in.
    fn stop_after_operand(&mut self, open: Option<Open>) -> Stop {
        let joints = What::AND.or(What::OR);
        let what = match open {
            None | Some(Open::Operator(_)) => joints.or(What::END),
            Some(Open::Call { is_list: true, .. }) => joints.or(What::COMMA).or(What::CLOSE),
            Some(Open::Call { is_list: false, .. } | Open::Parens(_)) => joints.or(What::CLOSE),
        };
        let hint = hint::after_operand(&self.text[..self.offset()], self.rest, open.is_none());
        self.stop_expecting(what, hint)
    }
}

#[cfg(test)]
mod tests {
    use crate::Operator;
    use crate::filter::Keyword;

    use super::lexer::{Asked, operator};

    #[test]
    fn every_operator_is_read_as_it_is_printed() {
        for wanted in Operator::all() {
            let (rest, found) = operator(wanted.text()).unwrap();
            assert_eq!(rest, "");
            assert!(matches!(found, Asked::With(found) | Asked::Whether(found, true) if found == wanted), "{wanted}");
            let words = wanted.text().split(' ').filter(|word| word.starts_with(char::is_alphabetic));
            assert!(words.into_iter().all(|word| Keyword::of(word).is_some()), "{wanted}");
        }
    }
}
