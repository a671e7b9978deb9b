//! Which regular expressions a backtracking engine decides on every string.
//!
//! PCRE2 counts its steps from one start, and past a limit gives up, which MariaDB takes for no match. So an expression is
//! asked for only where the ways to match it from one start are few: nothing repeats what repeats, no two neighbours can
//! take the same characters, and what is left stays within a bound.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Visitor, visit};

/// So many ways to match from one start. The limit is ten million steps.
const MOST_WAYS: u64 = 1_000_000;

/// Whether an expression is decided on every string of at most so many characters.
pub(super) fn is_bounded(hir: &Hir, longest: Option<u32>) -> bool {
    // A length that was not promised is any length.
    visit(hir, Walk { longest: longest.map_or(u64::MAX, u64::from), done: Vec::new() }).unwrap_or(false)
}

/// What is known of a part.
struct Part {
    ways: u64,
    /// Whether it can match nothing.
    is_optional: bool,
    /// Whether its length varies.
    varies: bool,
    /// What it can begin with.
    first: ClassUnicode,
    /// What the repetition takes that it can begin with, or end with.
    head: ClassUnicode,
    tail: ClassUnicode,
}

/// It is not bounded.
struct Unbounded;

/// From the leaves up, without recursion.
struct Walk {
    longest: u64,
    done: Vec<Part>,
}

fn meet(a: &ClassUnicode, b: &ClassUnicode) -> bool {
    let mut both = a.clone();
    both.intersect(b);
    !both.ranges().is_empty()
}

impl Part {
    /// What takes no character.
    fn nothing() -> Part {
        let none = ClassUnicode::empty;
        Part { ways: 1, is_optional: true, varies: false, first: none(), head: none(), tail: none() }
    }

    fn one(first: ClassUnicode) -> Part {
        Part { is_optional: false, first, ..Part::nothing() }
    }

    fn then(mut self, next: Part) -> Result<Part, Unbounded> {
        if meet(&self.tail, &next.head) {
            return Err(Unbounded);
        }
        if self.is_optional {
            self.first.union(&next.first);
            self.head.union(&next.head);
        }
        let tail = match next.is_optional {
            true => {
                self.tail.union(&next.tail);
                self.tail
            }
            false => next.tail,
        };
        Ok(Part {
            ways: self.ways.saturating_mul(next.ways),
            is_optional: self.is_optional && next.is_optional,
            varies: self.varies || next.varies,
            first: self.first,
            head: self.head,
            tail,
        })
    }

    fn or(mut self, other: Part) -> Result<Part, Unbounded> {
        if meet(&self.first, &other.first) || (self.is_optional && other.is_optional) {
            return Err(Unbounded);
        }
        self.first.union(&other.first);
        self.head.union(&other.head);
        self.tail.union(&other.tail);
        Ok(Part {
            ways: self.ways.saturating_add(other.ways),
            is_optional: self.is_optional || other.is_optional,
            varies: self.varies || other.varies,
            ..self
        })
    }

    fn repeated(mut self, min: u32, max: Option<u32>, is_char: bool, longest: u64) -> Result<Part, Unbounded> {
        if self.varies {
            return Err(Unbounded);
        }
        if max == Some(min) {
            self.ways = self.ways.saturating_pow(min);
            self.is_optional |= min == 0;
            return Ok(self);
        }
        let is_choice = (min, max) == (0, Some(1)) && !self.is_optional;
        if !is_char && !is_choice {
            return Err(Unbounded);
        }
        let counts = max.map_or(u64::MAX, |max| u64::from(max - min) + 1);
        self.ways = self.ways.saturating_mul(counts.min(longest.saturating_add(1)));
        self.is_optional |= min == 0;
        self.varies = true;
        self.head = self.first.clone();
        self.tail = self.first.clone();
        Ok(self)
    }
}

impl Walk {
    /// The parts of the last so many.
    fn take(&mut self, count: usize) -> Vec<Part> {
        self.done.split_off(self.done.len().saturating_sub(count))
    }
}

impl Visitor for Walk {
    type Output = bool;
    type Err = Unbounded;

    fn finish(mut self) -> Result<bool, Unbounded> {
        Ok(self.done.pop().is_some_and(|whole| whole.ways <= MOST_WAYS))
    }

    fn visit_post(&mut self, hir: &Hir) -> Result<(), Unbounded> {
        let part = match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => Part::nothing(),
            HirKind::Literal(literal) => {
                let text = std::str::from_utf8(&literal.0).map_err(|_| Unbounded)?;
                let first = text.chars().next().map(|c| ClassUnicodeRange::new(c, c));
                Part::one(ClassUnicode::new(first))
            }
            HirKind::Class(Class::Unicode(class)) => Part::one(class.clone()),
            HirKind::Class(Class::Bytes(class)) => Part::one(class.to_unicode_class().ok_or(Unbounded)?),
            HirKind::Capture(_) => return Ok(()),
            HirKind::Repetition(repetition) => {
                let is_char = match repetition.sub.kind() {
                    HirKind::Class(_) => true,
                    HirKind::Literal(literal) => {
                        std::str::from_utf8(&literal.0).is_ok_and(|text| text.chars().count() == 1)
                    }
                    _ => false,
                };
                let sub = self.done.pop().ok_or(Unbounded)?;
                sub.repeated(repetition.min, repetition.max, is_char, self.longest)?
            }
            HirKind::Concat(members) => self.take(members.len()).into_iter().try_fold(Part::nothing(), Part::then)?,
            HirKind::Alternation(members) => {
                let mut parts = self.take(members.len()).into_iter();
                let first = parts.next().ok_or(Unbounded)?;
                parts.try_fold(first, Part::or)?
            }
        };
        self.done.push(part);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounded(pattern: &str, longest: Option<u32>) -> bool {
        is_bounded(&regex_syntax::parse(pattern).unwrap(), longest)
    }

    #[test]
    fn what_can_be_matched_in_many_ways_is_not_bounded() {
        // These were seen to be wrong, on strings of 41 characters to 100 KB.
        for pattern in [
            "(?:a+)+c|b$",
            "(?:a|aa)+c|b$",
            "(?:a|a?){30}c|b$",
            "(?:ab|a|b){0,40}c|!$",
            "x.*x.*x.*y|x$",
            "(x+x+)+y",
            "(?:ab*){3}",
            "a*b?a*",
            "a{1,9}[ab]{2,}",
            "(?:a|b*)+",
            "(?:ab|ac)*",
        ] {
            assert!(!bounded(pattern, Some(1_000)), "{pattern}");
        }
        for pattern in ["x.*y", "a+", "[a-z]*$", "x.*x.*y|z$"] {
            assert!(!bounded(pattern, None), "{pattern}");
        }
        assert!(!bounded("x.*x.*y|z$", Some(1_001)));
    }

    #[test]
    fn what_can_be_matched_in_few_ways_is() {
        for pattern in [
            "",
            "abc",
            "(?i)straße",
            "a|b|cd",
            r"\bword\b",
            "colou?r",
            "^a{3}$",
            "(?:www)?x",
            "[a-z]{2,64}@",
            "a(?:b|c)d",
        ] {
            assert!(bounded(pattern, None), "{pattern}");
        }
        for pattern in ["x.*y", "a+b+", "^[a-z]+[0-9]+$", "x.*x.*y|z$"] {
            assert!(bounded(pattern, Some(900)), "{pattern}");
        }
    }
}
