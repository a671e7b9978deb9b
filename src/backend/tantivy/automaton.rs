//! Automata that a term dictionary is walked with: they enter only the branches that can still match. A string under any
//! letter case, a pattern that matches at the start of a string, and what a string holds or ends with.

use tantivy_fst::Automaton;

use crate::fold::fold_char;
use crate::pattern::{PatternAutomaton, PatternState};

/// Accepts the terms that are `prefix`, then a string that folds to `needle`, and then nothing, or anything.
#[derive(Clone, Debug)]
pub(super) struct Folded {
    prefix: Vec<u8>,
    needle: Vec<char>,
    /// Whether anything may follow.
    is_open: bool,
}

/// How far a term was read.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// So many bytes of the prefix.
    Prefix(usize),
    /// So many characters of the needle, and the first bytes of the next.
    Needle { chars: usize, bytes: [u8; 4], len: usize },
    /// It matches whatever follows.
    Matched,
    /// It cannot match.
    Dead,
}

impl Folded {
    /// INVARIANT: the needle is folded.
    pub(super) fn new(prefix: Vec<u8>, needle: &str, is_open: bool) -> Folded {
        Folded { prefix, needle: needle.chars().collect(), is_open }
    }

    fn after(&self, chars: usize) -> State {
        if self.is_open && chars == self.needle.len() {
            return State::Matched;
        }
        State::Needle { chars, bytes: [0; 4], len: 0 }
    }
}

impl Automaton for Folded {
    type State = State;

    fn start(&self) -> State {
        if self.prefix.is_empty() { self.after(0) } else { State::Prefix(0) }
    }

    fn is_match(&self, state: &State) -> bool {
        match *state {
            State::Matched => true,
            State::Needle { chars, len, .. } => len == 0 && chars == self.needle.len(),
            State::Prefix(_) | State::Dead => false,
        }
    }

    fn can_match(&self, state: &State) -> bool {
        !matches!(state, State::Dead)
    }

    fn will_always_match(&self, state: &State) -> bool {
        matches!(state, State::Matched)
    }

    fn accept(&self, state: &State, byte: u8) -> State {
        match *state {
            State::Prefix(at) if self.prefix.get(at) != Some(&byte) => State::Dead,
            State::Prefix(at) if at + 1 == self.prefix.len() => self.after(0),
            State::Prefix(at) => State::Prefix(at + 1),
            State::Needle { chars, mut bytes, len } => {
                let (Some(wanted), Some(slot)) = (self.needle.get(chars), bytes.get_mut(len)) else {
                    return State::Dead;
                };
                *slot = byte;
                let len = len + 1;
                if len < width(bytes[0]) {
                    return State::Needle { chars, bytes, len };
                }
                let read = std::str::from_utf8(&bytes[..len]).ok().and_then(|text| text.chars().next());
                if read.map(fold_char) == Some(*wanted) { self.after(chars + 1) } else { State::Dead }
            }
            State::Matched => State::Matched,
            State::Dead => State::Dead,
        }
    }
}

/// How many bytes a character takes, by its first.
fn width(first: u8) -> usize {
    match first {
        0..0xC0 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        0xF0.. => 4,
    }
}

/// Accepts the terms that are `prefix`, and then a string that a pattern matches.
#[derive(Clone, Debug)]
pub(super) struct Matching {
    pub(super) prefix: Vec<u8>,
    pub(super) pattern: PatternAutomaton,
}

/// How far a term was read: so many bytes of the prefix, or some of the string.
#[derive(Clone, Copy, Debug)]
pub(super) enum MatchingState {
    Prefix(usize),
    String(PatternState),
}

impl Matching {
    fn after(&self, prefix: usize) -> MatchingState {
        if prefix == self.prefix.len() {
            return MatchingState::String(self.pattern.start());
        }
        MatchingState::Prefix(prefix)
    }
}

impl Automaton for Matching {
    type State = MatchingState;

    fn start(&self) -> MatchingState {
        self.after(0)
    }

    fn is_match(&self, state: &MatchingState) -> bool {
        matches!(*state, MatchingState::String(state) if self.pattern.is_match(state))
    }

    fn can_match(&self, state: &MatchingState) -> bool {
        !matches!(state, MatchingState::String(PatternState::Dead))
    }

    fn will_always_match(&self, state: &MatchingState) -> bool {
        matches!(state, MatchingState::String(PatternState::Matched))
    }

    fn accept(&self, state: &MatchingState, byte: u8) -> MatchingState {
        match *state {
            MatchingState::Prefix(at) if self.prefix.get(at) == Some(&byte) => self.after(at + 1),
            MatchingState::Prefix(_) => MatchingState::String(PatternState::Dead),
            MatchingState::String(state) => MatchingState::String(self.pattern.read(state, byte)),
        }
    }
}

/// Accepts the terms that are `prefix`, and then a string that holds a needle, or ends with it. The terms that do not are not
/// looked up, which takes longer than reading them.
#[derive(Clone, Debug)]
pub(super) struct Holding {
    prefix: Vec<u8>,
    needle: Vec<u8>,
    /// For each number of bytes of the needle that were just read, the next smaller one for which that holds too (Knuth,
    /// Morris and Pratt).
    shorter: Vec<usize>,
    /// Whether nothing may follow.
    is_end: bool,
}

/// How far a term was read.
#[derive(Clone, Copy, Debug)]
pub(super) enum HoldingState {
    /// So many bytes of the prefix.
    Prefix(usize),
    /// The string, which now ends with so many bytes of the needle.
    String(usize),
    /// It cannot match.
    Dead,
}

impl Holding {
    pub(super) fn new(prefix: Vec<u8>, needle: &str, is_end: bool) -> Holding {
        let needle = needle.as_bytes().to_vec();
        let mut shorter = vec![0; needle.len() + 1];
        for at in 1..needle.len() {
            shorter[at + 1] = longer(&needle, &shorter, shorter[at], needle[at]);
        }
        Holding { prefix, needle, shorter, is_end }
    }

    fn after(&self, prefix: usize) -> HoldingState {
        if prefix == self.prefix.len() { HoldingState::String(0) } else { HoldingState::Prefix(prefix) }
    }
}

/// How many bytes of the needle a text ends with after one more byte, if it ended with `at` of them.
fn longer(needle: &[u8], shorter: &[usize], mut at: usize, byte: u8) -> usize {
    while at > 0 && needle.get(at) != Some(&byte) {
        at = shorter[at];
    }
    if needle.get(at) == Some(&byte) { at + 1 } else { 0 }
}

impl Automaton for Holding {
    type State = HoldingState;

    fn start(&self) -> HoldingState {
        self.after(0)
    }

    fn is_match(&self, state: &HoldingState) -> bool {
        matches!(*state, HoldingState::String(at) if at == self.needle.len())
    }

    fn can_match(&self, state: &HoldingState) -> bool {
        !matches!(state, HoldingState::Dead)
    }

    fn will_always_match(&self, state: &HoldingState) -> bool {
        !self.is_end && self.is_match(state)
    }

    fn accept(&self, state: &HoldingState, byte: u8) -> HoldingState {
        match *state {
            HoldingState::Prefix(at) if self.prefix.get(at) == Some(&byte) => self.after(at + 1),
            HoldingState::Prefix(_) | HoldingState::Dead => HoldingState::Dead,
            HoldingState::String(_) if self.will_always_match(state) => *state,
            HoldingState::String(at) => HoldingState::String(longer(&self.needle, &self.shorter, at, byte)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_holds_and_ends_with_what_it_does() {
        let mut strings = vec![String::new()];
        for length in 0..6_u32 {
            strings.extend((0..3_usize.pow(length)).map(|number| {
                let letter = |place| ["a", "b", "é"][number / 3_usize.pow(place) % 3];
                (0..length).map(letter).collect()
            }));
        }
        let read = |holding: &Holding, term: &[u8]| {
            let state = term.iter().fold(holding.start(), |state, byte| holding.accept(&state, *byte));
            assert!(!holding.is_match(&state) || holding.can_match(&state));
            holding.is_match(&state)
        };
        for needle in strings.iter().filter(|needle| needle.chars().count() < 5) {
            for prefix in [&b""[..], b"pa"] {
                let holds = Holding::new(prefix.to_vec(), needle, false);
                let ends = Holding::new(prefix.to_vec(), needle, true);
                for string in &strings {
                    let term = [prefix, string.as_bytes()].concat();
                    assert_eq!(read(&holds, &term), string.contains(needle), "{string} {needle}");
                    assert_eq!(read(&ends, &term), string.ends_with(needle), "{string} {needle}");
                    assert!(prefix.is_empty() || !read(&holds, &[b"px", string.as_bytes()].concat()));
                }
            }
        }
    }
}
