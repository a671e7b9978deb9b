//! Regular expressions, and what is asked by them: letter case and tokens.

use super::super::fragment::{Bind, Fragment, joined, sql};
use super::super::regexes::{self, Style};
use super::backtracking::is_bounded;
use super::{holds, never};
use crate::lower::{Cover, Why};
use crate::pattern::Pattern;
use regex_syntax::hir::{Class, Hir, HirKind};

/// As PCRE2 and ICU read them. Nothing stands there that a flag which a server sets by default could change.
const STYLE: Style = Style {
    // Letters as they are: of the classes of words thousands of escapes would be too long.
    escape: |c| if c.is_alphanumeric() { c.to_string() } else { format!("\\x{{{:X}}}", u32::from(c)) },
    first: '\0',
    nothing: "(?!)",
    end: "\\z",
    most_count: 65_535,
    // Bytes of what PCRE2 compiles it to, of which it takes 65,536; past that, the query fails.
    range: 9,
    place: 45,
    most_cost: 60_000,
    most_skips: u64::MAX,
    most_text: 60_000,
};

/// So many characters of an operand are asked for, each as a class; of a longer one its beginning or end.
const LONGEST: usize = 1_000;

/// PCRE2 reads 250 groups in one another.
const DEEPEST: usize = 240;

/// Where an operand is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Anywhere,
    Start,
    End,
    Whole,
}

/// Operands in parts that one expression holds each.
pub(super) fn in_parts<'s>(strings: &'s [&'s str]) -> Vec<&'s [&'s str]> {
    let (mut parts, mut rest) = (Vec::new(), strings);
    while !rest.is_empty() {
        let mut length = 0;
        let fits = |string: &&&str| {
            length += string.chars().count();
            length <= LONGEST
        };
        let (part, others) = rest.split_at(rest.iter().take_while(fits).count().max(1));
        parts.push(part);
        rest = others;
    }
    parts
}

/// Whether a string has one of these, which are folded, at a place under simple case folding. Each character becomes the
/// class of those that it folds together with; there is nothing to backtrack into.
pub(super) fn folded(x: &Fragment, strings: &[&str], place: Place) -> Cover<Fragment> {
    let mut is_cut = false;
    let mut texts = Vec::with_capacity(strings.len());
    for string in strings {
        let count = string.chars().count();
        is_cut |= count > LONGEST;
        let skip = if place == Place::End { count.saturating_sub(LONGEST) } else { 0 };
        let mut text = String::new();
        string.chars().skip(skip).take(LONGEST).for_each(|c| regexes::push_folded(&STYLE, &mut text, c));
        texts.push(text);
    }
    let (start, end) = match place {
        Place::Anywhere => ("", ""),
        Place::Start => ("\\A", ""),
        Place::End => ("", "\\z"),
        // The end of what was cut is not where it ends.
        Place::Whole => ("\\A", if is_cut { "" } else { "\\z" }),
    };
    let pattern = format!("{start}(?:{}){end}", texts.join("|"));
    let test = sql![x, " REGEXP ", Bind(pattern)];
    match is_cut {
        false => Cover::Exact(test),
        true => Cover::Superset(test, Why::new("long_operand", "of a long operand only a part is asked for")),
    }
}

/// Whether a string has a token (C5), which is folded.
pub(super) fn has_token(x: &Fragment, token: &str) -> Cover<Fragment> {
    Cover::Exact(sql![x, " REGEXP ", Bind(regexes::token(&STYLE, token))])
}

/// Whether a string of at most so many characters has a match.
pub(super) fn matches(x: &Fragment, pattern: &Pattern, longest: Option<u32>) -> Cover<Fragment> {
    let Some(hir) = regexes::parse(pattern) else { return Cover::Unsupported(backtracks()) };
    let why = match (regexes::print_hir(&STYLE, &hir), is_bounded(&hir, longest)) {
        (Ok(text), _) if nesting(&text) > DEEPEST => {
            Why::new("deep_regex", "the server reads 250 groups in one another")
        }
        (Ok(text), true) => return Cover::Exact(sql![x, " REGEXP ", Bind(text)]),
        (Err(why), _) => why,
        (Ok(_), false) => backtracks(),
    };
    match required(x, &hir).or_else(|| some_literal(x, pattern)) {
        Some(test) => Cover::Superset(test, why),
        None => Cover::Unsupported(why),
    }
}

/// How deep groups are in one another. A parenthesis that is no group is escaped.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn backtracks() -> Why {
    Why::new("backtracking", "the server gives up on such a regular expression where a string makes it try too much")
}

/// Whether one of the literals is there of which each match holds one.
fn some_literal(x: &Fragment, pattern: &Pattern) -> Option<Fragment> {
    let literals = regexes::required(pattern)?;
    let tests = literals.iter().map(|literal| holds(x, literal));
    Some(if literals.is_empty() { never() } else { sql!["(", joined(tests, " OR "), ")"] })
}

/// The parts of fixed length that each match holds, all of them.
fn required(x: &Fragment, hir: &Hir) -> Option<Fragment> {
    const MOST: usize = 4;
    let mut runs = runs(hir);
    runs.sort_by_key(|run| std::cmp::Reverse(run.len()));
    let tests = runs.into_iter().take(MOST).filter_map(|run| match regexes::print_hir(&STYLE, &Hir::concat(run)) {
        Ok(text) => Some(sql![x, " REGEXP ", Bind(text)]),
        Err(_) => None,
    });
    let tests: Vec<Fragment> = tests.collect();
    if tests.is_empty() { None } else { Some(sql!["(", joined(tests, " AND "), ")"]) }
}

/// The longest sequences of characters and classes that every match has, each without what varies in length.
fn runs(hir: &Hir) -> Vec<Vec<Hir>> {
    /// More copies of one class tell no more.
    const COPIES: u32 = 8;
    let (mut runs, mut run) = (Vec::new(), Vec::new());
    let mut parts = vec![hir];
    while let Some(part) = parts.pop() {
        match part.kind() {
            HirKind::Capture(capture) => parts.push(&capture.sub),
            HirKind::Concat(members) => parts.extend(members.iter().rev()),
            HirKind::Literal(_) => run.push(part.clone()),
            HirKind::Class(Class::Unicode(class)) if class.ranges().is_empty() => {}
            HirKind::Class(_) => run.push(part.clone()),
            // Without them more matches.
            HirKind::Look(_) | HirKind::Empty => {}
            HirKind::Repetition(repetition) => {
                if matches!(repetition.sub.kind(), HirKind::Literal(_) | HirKind::Class(_)) {
                    run.extend((0..repetition.min.min(COPIES)).map(|_| (*repetition.sub).clone()));
                }
                if repetition.max != Some(repetition.min) || repetition.min > COPIES || repetition.min == 0 {
                    runs.push(std::mem::take(&mut run));
                }
            }
            HirKind::Alternation(_) => runs.push(std::mem::take(&mut run)),
        }
    }
    runs.push(run);
    runs.retain(|run| run.iter().any(|part| !is_any(part)));
    runs
}

/// Whether it is a class of so many characters that it tells nothing.
fn is_any(hir: &Hir) -> bool {
    const MANY: usize = 100_000;
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => class.ranges().iter().map(|range| range.len()).sum::<usize>() > MANY,
        _ => false,
    }
}
