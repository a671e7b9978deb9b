//! Patterns of GLOB, the one matcher of SQLite that knows character classes.
//!
//! It ends string and pattern at U+0000, and reads U+FFFE and U+FFFF as U+FFFD. A string with U+0000 in it is matched
//! with other characters in its place; what a pattern cannot tell apart then makes it a superset.

use std::sync::OnceLock;

use super::super::fragment::{Bind, Fragment, sql};
use super::super::operand::json_strings;
use crate::fold::{orbit, token_ranges};
use crate::lower::{Cover, Why};

/// A pattern, and whether it says all that was meant.
#[derive(Clone, Debug)]
pub(super) struct Glob {
    items: Vec<Item>,
    is_exact: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    /// Any number of characters.
    Star,
    /// One character.
    Any,
    /// One of these ranges, sorted.
    Class(Vec<(char, char)>),
}

/// A pattern may have so many bytes (SQLITE_MAX_LIKE_PATTERN_LENGTH); GLOB recurses for each star.
const LONGEST: usize = 50_000;
const MOST_STARS: usize = 64;
/// A class is gone through range by range for each character.
const MOST_RANGES: usize = 64;

impl Glob {
    pub(super) fn new() -> Glob {
        Glob { items: Vec::new(), is_exact: true }
    }

    /// What matches everything and stands for something else.
    pub(super) fn anything() -> Glob {
        Glob { items: vec![Item::Star], is_exact: false }
    }

    pub(super) fn star(&mut self) {
        if self.items.last() != Some(&Item::Star) {
            self.items.push(Item::Star);
        }
    }

    pub(super) fn any(&mut self) {
        self.items.push(Item::Any);
    }

    /// What it says is more than what is meant.
    pub(super) fn widen(&mut self) {
        self.is_exact = false;
    }

    /// A character and those that it folds together with.
    pub(super) fn folded_char(&mut self, c: char) {
        let mut members = orbit(c);
        members.sort_unstable();
        self.class(members.into_iter().map(|member| (member, member)).collect());
    }

    /// One character of sorted ranges. What GLOB cannot tell apart widens it.
    pub(super) fn class(&mut self, ranges: Vec<(char, char)>) {
        const CONFUSED: [[char; 3]; 2] = [['\0', '\u{1}', '\u{2}'], ['\u{FFFD}', '\u{FFFE}', '\u{FFFF}']];
        let holds = |c: &char| ranges.iter().any(|(start, end)| start <= c && c <= end);
        let is_clear = CONFUSED.iter().all(|same| same.iter().all(|c| holds(c) == holds(&same[0])));
        if ranges.len() > MOST_RANGES || !is_clear {
            self.widen();
            self.any();
        } else if ranges == [('\0', char::MAX)] || ranges == [('\0', '\u{D7FF}'), ('\u{E000}', char::MAX)] {
            self.any();
        } else {
            self.items.push(Item::Class(ranges));
        }
    }

    pub(super) fn append(&mut self, mut other: Glob) {
        self.is_exact &= other.is_exact;
        if self.items.last() == Some(&Item::Star) && other.items.first() == Some(&Item::Star) {
            self.items.pop();
        }
        self.items.append(&mut other.items);
    }

    /// The text of the pattern; too long a one is cut, which widens it.
    fn finish(mut self) -> (String, bool) {
        let mut text = String::new();
        let mut stars = 0;
        for item in &self.items {
            let before = text.len();
            match item {
                Item::Star => {
                    stars += 1;
                    text.push('*');
                }
                Item::Any => text.push('?'),
                Item::Class(ranges) => push_class(&mut text, ranges),
            }
            if text.len() >= LONGEST || stars > MOST_STARS {
                text.truncate(before);
                text.push('*');
                self.is_exact = false;
                break;
            }
        }
        (text, self.is_exact)
    }
}

/// A class: `]` stands first and `-` next, where they mean themselves, and `^` last, where it does not negate.
fn push_class(text: &mut String, ranges: &[(char, char)]) {
    const SPECIAL: [char; 3] = [']', '-', '^'];
    if let [(start, end)] = ranges
        && start == end
        && !matches!(start, '*' | '?' | '[')
    {
        text.push(*start);
        return;
    }
    let holds = |c: char| ranges.iter().any(|(start, end)| *start <= c && c <= *end);
    text.push('[');
    text.extend(SPECIAL[..2].iter().filter(|c| holds(**c)));
    for (start, end) in ranges {
        // U+0000 stands in no string that is matched, and in no pattern.
        let mut start = u32::from(*start).max(1);
        let end = u32::from(*end);
        while start <= end {
            // Up to the next special character, which has its place already.
            let stop = SPECIAL.iter().map(|c| u32::from(*c)).filter(|c| start <= *c && *c <= end).min();
            push_range(text, start, stop.map_or(end, |stop| stop - 1));
            let Some(stop) = stop else { break };
            start = stop + 1;
        }
    }
    if holds('^') {
        text.push('^');
    }
    text.push(']');
}

fn push_range(text: &mut String, start: u32, end: u32) {
    let (Some(first), Some(last)) = (char::from_u32(start), char::from_u32(end)) else { return };
    if start <= end {
        text.push(first);
    }
    if start < end {
        text.push('-');
        text.push(last);
    }
}

/// A string without U+0000, for GLOB: where it holds one, that becomes U+0001, and U+0001 becomes U+0002. Through
/// JSON, whose escapes name them: backslashes first, so that no escape is taken for another.
fn readable(x: &Fragment) -> Fragment {
    sql![
        "CASE WHEN instr(",
        x,
        ", char(0)) > 0 THEN json_extract(replace(replace(replace(json_quote(",
        x,
        r"), '\\', '\u005c'), '\u0001', '\u0002'), '\u0000', '\u0001'), '$') ELSE ",
        x,
        " END",
    ]
}

/// The OR of patterns on a string.
pub(super) fn glob_cover(x: &Fragment, globs: impl IntoIterator<Item = Glob>) -> Cover<Fragment> {
    let mut is_exact = true;
    let texts = globs.into_iter().map(|glob| {
        let (text, exact) = glob.finish();
        is_exact &= exact;
        text
    });
    let texts: Vec<String> = texts.collect();
    let fragment = one_of_globs(&sql!["(", readable(x), ")"], &texts);
    if is_exact {
        return Cover::Exact(fragment);
    }
    Cover::Superset(fragment, beyond_glob())
}

fn one_of_globs(x: &Fragment, texts: &[String]) -> Fragment {
    match texts {
        [] => "FALSE".into(),
        [one] => sql![x, " GLOB ", Bind(one.as_str())],
        many => {
            sql!["EXISTS (SELECT 1 FROM json_each(", Bind(json_strings(many)), ") g WHERE ", x, " GLOB g.value)"]
        }
    }
}

/// Whether a string equals one of these, which are folded, under simple case folding.
pub(super) fn is_one_of(x: &Fragment, strings: &[&str]) -> Cover<Fragment> {
    let globs = strings.iter().map(|string| {
        let mut glob = Glob::new();
        string.chars().for_each(|c| glob.folded_char(c));
        glob
    });
    glob_cover(x, globs)
}

/// Whether a string has a token (C5), which is folded: its characters with none of the class before or after. The first
/// pattern is for speed: that class is long.
pub(super) fn has_token(x: &Fragment, token: &str) -> Cover<Fragment> {
    let mut glob = Glob::new();
    token.chars().for_each(|c| glob.folded_char(c));
    let (text, is_exact) = glob.finish();
    let x = sql!["(", readable(x), ")"];
    let outside = no_token_char();
    let (anywhere, bounded) = (format!("*{text}*"), format!("*{outside}{text}{outside}*"));
    let test = sql!["(' ' || ", &x, " || ' ') GLOB ", Bind(bounded)];
    let fragment = sql!["CASE WHEN ", &x, " GLOB ", Bind(anywhere), " THEN ", test, " ELSE FALSE END"];
    if is_exact { Cover::Exact(fragment) } else { Cover::Superset(fragment, beyond_glob()) }
}

/// The pattern of a character that is of no token.
fn no_token_char() -> &'static str {
    static CLASS: OnceLock<String> = OnceLock::new();
    CLASS.get_or_init(|| {
        let mut class = "[^".to_owned();
        // INVARIANT: none of them is special in a class.
        token_ranges().for_each(|(start, end)| push_range(&mut class, start.into(), end.into()));
        class + "]"
    })
}

fn beyond_glob() -> Why {
    Why::new("beyond_glob", "SQLite has no regular expressions, and GLOB cannot say all of this")
}
