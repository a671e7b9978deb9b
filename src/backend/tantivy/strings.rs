//! The strings of one place in a dictionary of terms, and which of them a test asks for.

use super::automaton::{Folded, Holding, Matching};
use super::scan::Terms;
use crate::backend::memory::StringTest;
use crate::pattern::Pattern;
use crate::predicate::{Comparison, Needle, Test};

/// Strings of up to so many bytes are terms. tantivy cuts or drops terms of more than 65,526 bytes without a word.
pub(super) const LONGEST_STRING: usize = 65_000;

/// From so many strings on, a set under any letter case is looked for with one walk over all strings at the path, instead
/// of a walk for each that enters only what can match.
const MANY_FOLDED: usize = 32;

/// Strings that stand after a prefix, as they are.
pub(super) struct Strings {
    prefix: Vec<u8>,
    /// What stands after all of them, in the order of bytes.
    end: Vec<u8>,
}

impl Strings {
    /// INVARIANT: the last byte of the prefix, if it has one, is no 0xFF.
    pub(super) fn after(prefix: Vec<u8>) -> Strings {
        let mut end = prefix.clone();
        increment(&mut end);
        Strings { prefix, end }
    }

    pub(super) fn term(&self, string: &str) -> Vec<u8> {
        [&self.prefix, string.as_bytes()].concat()
    }

    /// All of them.
    pub(super) fn all(&self) -> Terms {
        Terms::Between(self.prefix.clone(), self.end.clone())
    }

    pub(super) fn range(&self, comparison: Comparison, bound: &str) -> Terms {
        range(&self.prefix, &self.end, comparison, bound.as_bytes())
    }

    pub(super) fn starting(&self, needle: &Needle) -> Terms {
        if needle.ignores_case() {
            return Terms::Folded(Folded::new(self.prefix.clone(), needle.text(), true));
        }
        let from = self.term(needle.text());
        let mut to = from.clone();
        increment(&mut to);
        Terms::Between(from, to)
    }

    /// Those of some folded strings, under any letter case; `test` asks for them all.
    pub(super) fn folded(&self, strings: &[&str], test: &Test) -> Vec<Terms> {
        if strings.len() >= MANY_FOLDED {
            return vec![self.tested(test)];
        }
        let folded = |string: &&str| Terms::Folded(Folded::new(self.prefix.clone(), string, false));
        strings.iter().map(folded).collect()
    }

    /// Those that a pattern matches.
    pub(super) fn matching(&self, pattern: &Pattern, test: &Test) -> Terms {
        match pattern.automaton() {
            Some(pattern) => Terms::Matching(Matching { prefix: self.prefix.clone(), pattern }),
            None => self.tested(test),
        }
    }

    /// Those that hold a needle, or end with it; `test` asks for them too.
    pub(super) fn holding(&self, needle: &Needle, is_end: bool, test: &Test) -> Terms {
        if needle.ignores_case() {
            return self.tested(test);
        }
        Terms::Holding(Holding::new(self.prefix.clone(), needle.text(), is_end))
    }

    /// Each string is tested, once in however many documents it is.
    pub(super) fn tested(&self, test: &Test) -> Terms {
        Terms::Tested(self.prefix.clone(), self.end.clone(), self.prefix.len(), StringTest::new(test))
    }
}

/// The terms between a prefix and the end of all that begin with it, whose rests, in the order of bytes, compare so.
pub(super) fn range(prefix: &[u8], end: &[u8], comparison: Comparison, bound: &[u8]) -> Terms {
    let at = [prefix, bound].concat();
    // The next string of bytes after another.
    let after = |mut bytes: Vec<u8>| {
        bytes.push(0);
        bytes
    };
    match comparison {
        Comparison::Gt => Terms::Between(after(at), end.to_vec()),
        Comparison::Gte => Terms::Between(at, end.to_vec()),
        Comparison::Lt => Terms::Between(prefix.to_vec(), at),
        Comparison::Lte => Terms::Between(prefix.to_vec(), after(at)),
    }
}

/// What stands after everything that begins with `prefix`, and is UTF-8 after it. INVARIANT: its last byte, if it has one,
/// is no 0xFF.
pub(super) fn increment(prefix: &mut Vec<u8>) {
    match prefix.last_mut() {
        Some(last) => *last = last.saturating_add(1),
        None => prefix.push(0xFF),
    }
}
