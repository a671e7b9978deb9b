//! Looking for strings in strings where letter case is ignored, or for several at once: in linear time and without
//! allocation.

use std::sync::OnceLock;

use aho_corasick::automaton::Automaton;
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{AhoCorasick, AhoCorasickKind, Anchored, MatchKind};
use memchr::{memchr_iter, memchr2_iter, memchr3_iter};

use crate::fold::{fold, fold_char};

/// Looks for one string, folded.
///
/// It goes from one occurrence of a rare character to the next and compares around it. Where that goes wrong too often,
/// as for `aaaab` in a text of nothing but `a`, an automaton takes over, so that time is linear whatever the text.
#[derive(Debug)]
pub(crate) struct FoldedFinder {
    needle: Box<str>,
    /// Where its rarest ASCII character stands, and what that begins with in a text; `None` where there is none.
    rare: Option<(usize, Firsts)>,
    /// The byte after that.
    after: Option<u8>,
    /// `None` if it would be too large to be made.
    automaton: OnceLock<Option<Box<NFA>>>,
}

/// The bytes that the characters which fold to one character begin with.
#[derive(Clone, Copy, Debug)]
enum Firsts {
    One(u8),
    Two(u8, u8),
    Three(u8, u8, u8),
}

impl Firsts {
    /// Those of an ASCII character, folded.
    fn of(byte: u8) -> Firsts {
        match byte {
            // U+212A, the Kelvin sign, and U+017F, the long s.
            b'k' => Firsts::Three(b'k', b'K', 0xE2),
            b's' => Firsts::Three(b's', b'S', 0xC5),
            _ if byte.is_ascii_lowercase() => Firsts::Two(byte, byte.to_ascii_uppercase()),
            _ => Firsts::One(byte),
        }
    }
}

/// How common a character is, from rare to common: the order of the letters of English by frequency.
fn frequency(byte: u8) -> usize {
    const RARE_FIRST: &[u8] = b"zqxjkvbpygfwmucldrhsnioate ";
    RARE_FIRST.iter().position(|common| *common == byte).map_or(0, |at| at + 1)
}

impl FoldedFinder {
    /// A finder of a folded string that is not empty.
    pub(crate) fn new(needle: &str) -> FoldedFinder {
        let ascii = needle.bytes().enumerate().filter(|(_, byte)| byte.is_ascii());
        let rare = ascii.min_by_key(|(_, byte)| frequency(*byte)).map(|(at, byte)| (at, Firsts::of(byte)));
        let after = rare.and_then(|(at, _)| needle.as_bytes().get(at + 1)).copied();
        FoldedFinder { needle: needle.into(), rare, after, automaton: OnceLock::new() }
    }

    pub(crate) fn is_in(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let found = self.rare.and_then(|(at, firsts)| match firsts {
            Firsts::One(a) => self.search(text, at, memchr_iter(a, bytes)),
            Firsts::Two(a, b) => self.search(text, at, memchr2_iter(a, b, bytes)),
            Firsts::Three(a, b, c) => self.search(text, at, memchr3_iter(a, b, c, bytes)),
        });
        found.unwrap_or_else(|| match self.automaton.get_or_init(|| NFA::new([&*self.needle]).ok().map(Box::new)) {
            Some(automaton) => accepts_folded(automaton, text),
            None => fold(text).contains(&*self.needle),
        })
    }

    /// Whether a candidate may be right by the byte after it, which spares most a comparison. ASCII folds to ASCII; what is
    /// not ASCII, which may be the rest of the candidate itself, may fold to anything.
    #[inline(always)]
    fn may_go_on(&self, text: &[u8], at: usize) -> bool {
        match (self.after, text.get(at + 1)) {
            (Some(after), Some(next)) if next.is_ascii() => next.to_ascii_lowercase() == after,
            _ => true,
        }
    }

    /// Compares around each candidate; `None` if that takes too long.
    fn search(&self, text: &str, rare: usize, candidates: impl Iterator<Item = usize>) -> Option<bool> {
        let (before, rest) = self.needle.split_at(rare);
        let mut compared = 0;
        for at in candidates {
            if !self.may_go_on(text.as_bytes(), at) {
                continue;
            }
            // INVARIANT: the bytes that are looked for begin a character, wherever they stand.
            let (head, tail) = text.split_at(at);
            if begins_with(tail.chars(), rest.chars(), &mut compared)
                && begins_with(head.chars().rev(), before.chars().rev(), &mut compared)
            {
                return Some(true);
            }
            if compared > 4 * at + 256 {
                return None;
            }
        }
        Some(false)
    }
}

/// Whether these characters, folded, begin with those wanted. Counts the comparisons.
pub(super) fn begins_with(
    mut characters: impl Iterator<Item = char>,
    mut wanted: impl Iterator<Item = char>,
    compared: &mut usize,
) -> bool {
    wanted.all(|wanted| {
        *compared += 1;
        characters.next().map(fold_char) == Some(wanted)
    })
}

/// Several strings, one of which is looked for.
#[derive(Debug)]
pub(crate) enum Literals {
    Exact(AhoCorasick),
    Folded(Box<NFA>),
}

/// The most bytes of strings that become one automaton, which takes some tens of bytes for each.
const MOST_BYTES: usize = 1 << 20;

impl Literals {
    /// The automaton of these strings, which are folded if letter case is ignored; `None` if it would be too large.
    pub(crate) fn new(needles: &[&str], ignore_case: bool) -> Option<Literals> {
        if needles.iter().map(|needle| needle.len()).sum::<usize>() > MOST_BYTES {
            return None;
        }
        if ignore_case {
            return NFA::new(needles).ok().map(|automaton| Literals::Folded(Box::new(automaton)));
        }
        // Not the automaton of full tables, which takes a kilobyte for each byte of a string.
        let kind = Some(AhoCorasickKind::ContiguousNFA);
        // Which match is found does not matter; only that kind has a vectorised search in front of it.
        let matches = MatchKind::LeftmostFirst;
        AhoCorasick::builder().kind(kind).match_kind(matches).build(needles).ok().map(Literals::Exact)
    }

    pub(crate) fn any_in(&self, text: &str) -> bool {
        match self {
            Literals::Exact(automaton) => automaton.is_match(text),
            Literals::Folded(automaton) => accepts_folded(automaton, text),
        }
    }
}

/// Whether an automaton finds something in a text, folded. The text is folded on the way, character by character.
fn accepts_folded(automaton: &NFA, text: &str) -> bool {
    let Ok(mut state) = automaton.start_state(Anchored::No) else { return false };
    let mut buffer = [0; 4];
    automaton.is_match(state)
        || text.chars().any(|c| {
            fold_char(c).encode_utf8(&mut buffer).bytes().any(|byte| {
                state = automaton.next_state(Anchored::No, state, byte);
                automaton.is_match(state)
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::has_case;

    /// Every text of up to five of these characters, which fold together, grow, and shrink.
    fn texts() -> Vec<String> {
        let characters = ['s', 'K', '\u{212A}', '\u{17F}', 'é', 'É', '1', 'x'];
        let mut texts = vec![String::new()];
        let mut last = texts.clone();
        for _ in 0..4 {
            last = last.iter().flat_map(|text| characters.map(|c| format!("{text}{c}"))).collect();
            texts.extend_from_slice(&last);
        }
        texts
    }

    #[test]
    fn every_way_of_looking_agrees_with_folding_first() {
        let texts = texts();
        let needles: Vec<String> =
            ["k", "sk", "ks1", "éx", "é", "sss", "xk", "1s", "xé", "sé"].map(str::to_owned).into();
        for needle in &needles {
            assert!(has_case(needle));
            let finder = FoldedFinder::new(needle);
            let automaton = Literals::new(&[needle, "kkkk"], true).unwrap();
            for text in &texts {
                let expected = fold(text).contains(&**needle);
                assert_eq!(finder.is_in(text), expected, "{needle} in {text}");
                let expected = expected || fold(text).contains("kkkk");
                assert_eq!(automaton.any_in(text), expected, "{needle} or kkkk in {text}");
            }
        }
    }

    #[test]
    fn a_text_of_nothing_but_candidates_takes_linear_time() {
        let text = "A".repeat(1 << 20);
        let needle = format!("{}b{}", "a".repeat(1 << 15), "a".repeat(1 << 15));
        // The rare character is not there; where it is everywhere, the automaton takes over.
        assert!(!FoldedFinder::new(&needle).is_in(&text));
        let finder = FoldedFinder::new(&format!("{}é", "a".repeat(1 << 15)));
        assert!(!finder.is_in(&text));
        assert!(finder.automaton.get().is_some());
        assert!(finder.is_in(&format!("{text}É")));
    }

    #[test]
    fn too_many_bytes_are_no_automaton() {
        let long = "a".repeat(MOST_BYTES / 2);
        assert!(Literals::new(&[&long, &long, "b"], false).is_none());
        assert!(Literals::new(&[&long, "b"], false).is_some());
    }
}
