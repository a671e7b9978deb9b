//! Regular expressions within a budget of memory.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use regex_automata::meta;
use regex_automata::util::syntax;
#[cfg(feature = "tantivy")]
use regex_automata::{
    Input,
    dfa::{Automaton, StartKind, dense},
    nfa::thompson,
    util::primitives::StateID,
};
use regex_syntax::ast::{self, Ast, ClassSetItem, ClassSetRange};
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::value::Str;

/// A compiled regular expression: syntax and meaning of the `regex` crate, Unicode on, linear time.
#[derive(Clone)]
pub struct Pattern(Arc<Inner>);

struct Inner {
    source: Str,
    ignore_case: bool,
    regex: meta::Regex,
}

/// Why a pattern does not compile.
#[derive(Debug)]
pub(crate) enum PatternError {
    Syntax(String),
    /// It takes more memory than is left.
    TooBig,
}

/// The most that the lazily built automaton of one pattern takes on one thread, in bytes; past that it starts anew.
const CACHE: usize = 256 << 10;

/// What a pattern takes beyond what its regex counts, measured on patterns of a few letters.
const OVERHEAD: usize = 3 << 10;

impl Pattern {
    /// Compiles `source` within `most` bytes.
    pub(crate) fn compile(source: &Str, ignore_case: bool, most: usize) -> Result<Pattern, PatternError> {
        hold_classes(source, ignore_case, most)?;
        let regex = meta::Regex::builder()
            .syntax(syntax::Config::new().case_insensitive(ignore_case))
            .configure(
                meta::Config::new()
                    .nfa_size_limit(Some(most))
                    // It is for captures of anchored matches, which nobody asks for here, and can be large.
                    .onepass(false)
                    // Each pattern has such a cache on each thread that matches.
                    .hybrid_cache_capacity(CACHE),
            )
            .build(source)
            .map_err(|error| match (error.size_limit(), error.syntax_error()) {
                (Some(_), _) => PatternError::TooBig,
                (None, Some(error)) => PatternError::Syntax(one_line(&error.to_string())),
                (None, None) => PatternError::Syntax(one_line(&error.to_string())),
            })?;
        if regex.memory_usage() + OVERHEAD > most {
            return Err(PatternError::TooBig);
        }
        Ok(Pattern(Arc::new(Inner { source: source.clone(), ignore_case, regex })))
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Whether the `i` flag is on at its start (L2).
    #[must_use]
    pub fn ignores_case(&self) -> bool {
        self.0.ignore_case
    }

    /// Whether there is a match anywhere in `text`. Time is linear in its length.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.0.regex.is_match(text)
    }

    /// The automaton of a pattern that matches at the start of a text or nowhere, so that a walk through sorted texts passes
    /// over those that begin otherwise. `None` for other patterns, and where it would take too much time or memory: it can
    /// take exponentially more than the pattern.
    #[cfg(feature = "tantivy")]
    pub(crate) fn automaton(&self) -> Option<PatternAutomaton> {
        let syntax = syntax::Config::new().case_insensitive(self.0.ignore_case);
        let hir = syntax::parse_with(&self.0.source, &syntax).ok()?;
        if !hir.properties().look_set_prefix().contains(regex_syntax::hir::Look::Start) {
            return None;
        }
        let most = Some(AUTOMATON * self.memory());
        let nfa = thompson::Compiler::new()
            .configure(thompson::Config::new().nfa_size_limit(most).which_captures(thompson::WhichCaptures::None))
            .build_from_hir(&hir)
            .ok()?;
        let config = dense::Config::new()
            .start_kind(StartKind::Unanchored)
            .accelerate(false)
            .dfa_size_limit(most)
            .determinize_size_limit(most);
        let dfa = dense::Builder::new().configure(config).build_from_nfa(&nfa).ok()?;
        let start = dfa.start_state_forward(&Input::new("")).ok()?;
        Some(PatternAutomaton { dfa: Arc::new(dfa), start })
    }

    /// The memory of the compiled form, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.0.regex.memory_usage() + OVERHEAD
    }
}

/// The automaton of a pattern takes at most so many times the memory of the pattern, which a limit counts; the time to build
/// it goes with its size.
#[cfg(feature = "tantivy")]
const AUTOMATON: usize = 16;

/// A pattern as an automaton that reads a text byte by byte.
#[cfg(feature = "tantivy")]
#[derive(Clone, Debug)]
pub(crate) struct PatternAutomaton {
    dfa: Arc<dense::DFA<Vec<u32>>>,
    start: StateID,
}

/// How far a text was read.
#[cfg(feature = "tantivy")]
#[derive(Clone, Copy, Debug)]
pub(crate) enum PatternState {
    /// What follows decides.
    Reading(StateID),
    /// There is a match, whatever follows.
    Matched,
    /// There is none, whatever follows.
    Dead,
}

#[cfg(feature = "tantivy")]
impl PatternAutomaton {
    /// Nothing is read yet.
    pub(crate) fn start(&self) -> PatternState {
        self.state(self.start)
    }

    /// The state after one more byte.
    pub(crate) fn read(&self, state: PatternState, byte: u8) -> PatternState {
        match state {
            PatternState::Reading(state) => self.state(self.dfa.next_state(state, byte)),
            PatternState::Matched | PatternState::Dead => state,
        }
    }

    /// Whether there is a match in the text if it ends here.
    pub(crate) fn is_match(&self, state: PatternState) -> bool {
        match state {
            PatternState::Reading(state) => self.dfa.is_match_state(self.dfa.next_eoi_state(state)),
            PatternState::Matched => true,
            PatternState::Dead => false,
        }
    }

    fn state(&self, state: StateID) -> PatternState {
        // A state of the automaton tells of a match one byte after its end.
        if self.dfa.is_match_state(state) {
            PatternState::Matched
        } else if self.dfa.is_dead_state(state) {
            PatternState::Dead
        } else {
            PatternState::Reading(state)
        }
    }
}

/// The last line of a regex error, which says what is wrong; the lines before it draw the pattern.
fn one_line(message: &str) -> String {
    let line = message.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or(message);
    line.trim().trim_start_matches("error: ").to_owned()
}

/// Refuses a pattern whose character classes alone would take far more memory or time than `most` bytes of compiled form
/// can be worth, before the compiler's own limit is looked at: `\pL` is three bytes of pattern and five kilobytes of
/// ranges, and `[\x{80}-\x{10FFFF}]` under the flag `i` is folded character by character.
///
/// It is generous: a class takes at least as much in the compiled form. Only under `(?-u)`, where classes are smaller than
/// they are taken for here, may a pattern of hundreds of them be refused that would have fitted.
fn hold_classes(source: &str, ignore_case: bool, most: usize) -> Result<(), PatternError> {
    let ast =
        ast::parse::Parser::new().parse(source).map_err(|error| PatternError::Syntax(one_line(&error.to_string())))?;
    let may_fold = ignore_case || source.contains("(?");
    ast::visit(&ast, Sizes { source, may_fold, known: HashMap::new(), sum: 0, most: most.saturating_mul(2) })
}

/// Adds up the ranges of classes, in bytes.
struct Sizes<'s> {
    source: &'s str,
    /// Whether the flag `i` may be on.
    may_fold: bool,
    known: HashMap<&'s str, usize>,
    sum: usize,
    most: usize,
}

/// The size of a range of a class in the parsed form.
const RANGE: usize = 8;

impl<'s> Sizes<'s> {
    fn add(&mut self, bytes: usize) -> Result<(), PatternError> {
        self.sum = self.sum.saturating_add(bytes);
        if self.sum > self.most { Err(PatternError::TooBig) } else { Ok(()) }
    }

    /// A class of the language, such as `\pL` or `\w`.
    fn add_class(&mut self, span: &ast::Span) -> Result<(), PatternError> {
        let class: &'s str = &self.source[span.start.offset..span.end.offset];
        let bytes = *self.known.entry(class).or_insert_with(|| match regex_syntax::parse(class).map(Hir::into_kind) {
            Ok(HirKind::Class(Class::Unicode(class))) => size_of_val(class.ranges()),
            Ok(_) | Err(_) => 0,
        });
        self.add(bytes)
    }

    /// A range of a bracketed class. Folding adds a range for each character that has another letter case.
    fn add_range(&mut self, range: &ClassSetRange) -> Result<(), PatternError> {
        /// About so many characters have another letter case.
        const CASED: u32 = 3_000;
        let width = u32::from(range.end.c).saturating_sub(range.start.c.into()).min(CASED);
        self.add(if self.may_fold { RANGE * (1 + width as usize) } else { RANGE })
    }
}

impl ast::Visitor for Sizes<'_> {
    type Output = ();
    type Err = PatternError;

    fn finish(self) -> Result<(), PatternError> {
        Ok(())
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), PatternError> {
        match ast {
            Ast::ClassUnicode(class) => self.add_class(&class.span),
            Ast::ClassPerl(class) => self.add_class(&class.span),
            _ => Ok(()),
        }
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), PatternError> {
        match item {
            ClassSetItem::Unicode(class) => self.add_class(&class.span),
            ClassSetItem::Perl(class) => self.add_class(&class.span),
            ClassSetItem::Range(range) => self.add_range(range),
            _ => Ok(()),
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.0.source == other.0.source && self.0.ignore_case == other.0.ignore_case
    }
}

impl Eq for Pattern {}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.source.hash(state);
        self.0.ignore_case.hash(state);
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = if self.0.ignore_case { "i" } else { "" };
        write!(f, "/{}/{flag}", self.0.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_fits_the_default_limit_many_times() {
        for source in
            [r"\b\w+\b", r"\b\w\d\w\pL", r"(?i)\bbuffer\s+over(flow|run)s?\b", r"^[\w.+-]+@[\w-]+\.[\w.]+$", "a|b"]
        {
            let pattern = Pattern::compile(&source.into(), false, 1 << 20).unwrap();
            assert!(pattern.memory() < (1 << 20) / 4, "{source}: {}", pattern.memory());
        }
    }

    #[cfg(feature = "tantivy")]
    #[test]
    fn an_automaton_matches_what_its_pattern_matches() {
        let texts = [
            "",
            "a",
            "ab",
            "abc",
            "b",
            "xab",
            "Ab",
            "aB",
            "a\n",
            "a\nb",
            "é",
            "aé",
            "aéb",
            "\u{212A}b",
            "kb",
            "ab ",
            "aab",
        ];
        for (source, is_built) in [
            ("^a", true),
            ("^ab$", true),
            ("^a?b", true),
            ("^a.*b$", true),
            ("(?s)^a.*b$", true),
            (r"\Aa\z", true),
            ("^", true),
            ("^$", true),
            ("^(?i)kb", true),
            (r"^\w+b", true),
            ("(^a|^b)", true),
            ("(?m)^b", false),
            ("a", false),
            ("(^a|b)", false),
            (r"^a\b", false),
            ("^[ab]*a[ab]{14}$", false),
        ] {
            for ignore_case in [false, true] {
                let pattern = Pattern::compile(&source.into(), ignore_case, 10 << 20).unwrap();
                let Some(automaton) = pattern.automaton() else {
                    assert!(!is_built, "{source}");
                    continue;
                };
                assert!(is_built, "{source}");
                for text in texts {
                    let state = text.bytes().fold(automaton.start(), |state, byte| automaton.read(state, byte));
                    assert_eq!(automaton.is_match(state), pattern.is_match(text), "{source} {text:?}");
                }
            }
        }
    }
}
