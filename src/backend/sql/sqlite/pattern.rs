//! Regular expressions as patterns of GLOB: exactly where that can be, else as a superset of what matches.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, ClassUnicodeRange, Hir, HirKind, Look, Repetition};

use super::super::fragment::Fragment;
use super::glob::{Glob, glob_cover};
use crate::lower::Cover;
use crate::pattern::Pattern;

/// A pattern becomes so many of GLOB's at most, and such a count is written out.
const MOST: usize = 16;
const MOST_COPIES: u32 = 8;
/// What is nested more deeply is taken for anything.
const DEEPEST: u32 = 40;

/// Whether a string has a match.
pub(super) fn matches(x: &Fragment, pattern: &Pattern) -> Cover<Fragment> {
    let parsed = ParserBuilder::new().case_insensitive(pattern.ignores_case()).build().parse(pattern.source());
    // INVARIANT: it was compiled.
    let parts = parsed.map_or_else(|_| vec![Part::anything()], |hir| alternatives(&hir, 0));
    glob_cover(x, parts.into_iter().map(Part::anywhere))
}

/// One of the ways in which a pattern matches: from the start, up to the end, or anywhere.
#[derive(Clone)]
struct Part {
    glob: Glob,
    is_empty: bool,
    at_start: bool,
    at_end: bool,
}

impl Part {
    fn of(glob: Glob) -> Part {
        Part { glob, is_empty: false, at_start: false, at_end: false }
    }

    fn nothing() -> Part {
        Part { is_empty: true, ..Part::of(Glob::new()) }
    }

    fn anything() -> Part {
        Part::of(Glob::anything())
    }

    /// One after the other. An anchor in the middle is left out, which widens the pattern.
    fn then(mut self, next: Part) -> Part {
        if next.at_start && !self.is_empty {
            self.glob.widen();
        }
        if self.at_end && !next.is_empty {
            self.glob.widen();
            self.at_end = false;
        }
        self.at_start |= next.at_start && self.is_empty;
        self.at_end |= next.at_end;
        self.is_empty &= next.is_empty;
        self.glob.append(next.glob);
        self
    }

    /// The pattern of a string that has it somewhere.
    fn anywhere(self) -> Glob {
        let mut glob = Glob::new();
        if !self.at_start {
            glob.star();
        }
        glob.append(self.glob);
        if !self.at_end {
            glob.star();
        }
        glob
    }
}

/// The ways in which an expression matches. Recursive, but no deeper than [`DEEPEST`].
fn alternatives(hir: &Hir, depth: u32) -> Vec<Part> {
    if depth > DEEPEST {
        return vec![Part::anything()];
    }
    match hir.kind() {
        HirKind::Empty => vec![Part::nothing()],
        HirKind::Literal(literal) => vec![self::literal(&literal.0)],
        HirKind::Class(class) => self::class(class),
        HirKind::Look(look) => vec![self::look(*look)],
        HirKind::Repetition(repetition) => self::repetition(repetition, depth),
        HirKind::Capture(capture) => alternatives(&capture.sub, depth + 1),
        HirKind::Concat(parts) => {
            parts.iter().fold(vec![Part::nothing()], |before, part| product(before, &alternatives(part, depth + 1)))
        }
        HirKind::Alternation(parts) => {
            let all: Vec<Part> = parts.iter().flat_map(|part| alternatives(part, depth + 1)).take(MOST + 1).collect();
            if all.len() > MOST { vec![Part::anything()] } else { all }
        }
    }
}

/// Each of these followed by each of those.
fn product(before: Vec<Part>, after: &[Part]) -> Vec<Part> {
    if before.len() * after.len() > MOST {
        let anything = [Part::anything()];
        // One of the two sides can be kept, since neither has more.
        return product(before, &anything);
    }
    let pairs = before.iter().flat_map(|before| after.iter().map(|after| before.clone().then(after.clone())));
    pairs.collect()
}

fn literal(bytes: &[u8]) -> Part {
    let Ok(text) = std::str::from_utf8(bytes) else { return Part::anything() };
    let mut glob = Glob::new();
    text.chars().for_each(|c| glob.class(vec![(c, c)]));
    Part::of(glob)
}

/// A class; an empty one matches in no way.
fn class(class: &Class) -> Vec<Part> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.iter().map(|range| (range.start(), range.end())).collect(),
        Class::Bytes(class) => {
            let ranges = class.iter().map(|range| ClassUnicodeRange::new(range.start().into(), range.end().into()));
            ranges.map(|range| (range.start(), range.end())).collect()
        }
    };
    if ranges.is_empty() {
        return Vec::new();
    }
    let mut glob = Glob::new();
    glob.class(ranges);
    vec![Part::of(glob)]
}

fn look(look: Look) -> Part {
    let mut part = Part::nothing();
    match look {
        Look::Start => part.at_start = true,
        Look::End => part.at_end = true,
        // Lines and words: left out.
        _ => part.glob.widen(),
    }
    part
}

fn repetition(repetition: &Repetition, depth: u32) -> Vec<Part> {
    let Repetition { min, max, sub, .. } = repetition;
    let of_one = alternatives(sub, depth + 1);
    let copies =
        |count: u32| (0..count.min(MOST_COPIES)).fold(vec![Part::nothing()], |before, _| product(before, &of_one));
    if let Some(max) = max
        && *max <= MOST_COPIES
    {
        let counted: Vec<Part> = (*min..=*max).flat_map(copies).take(MOST + 1).collect();
        if counted.len() <= MOST {
            return counted;
        }
    }
    // At least so many, and then anything: exactly that for any character at all.
    let is_any = max.is_none() && *min <= MOST_COPIES && is_any_char(sub);
    let mut rest = Glob::new();
    rest.star();
    if !is_any {
        rest.widen();
    }
    product(copies(*min), &[Part::of(rest)])
}

fn is_any_char(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => {
            let count: u32 = class.iter().map(|range| range.len() as u32).sum();
            count == u32::from(char::MAX) + 1 - 0x800
        }
        _ => false,
    }
}
