//! The compiled form: a list of tests, each with the place to go on at if it holds and if it does not. AND and OR are
//! nothing but jumps, so running it needs no stack and stops as soon as the answer is known.

use serde_json::Value as Json;

use crate::fold::{fold, fold_char, folds_to, raw_tokens};
use crate::predicate::{Bound, Comparison, Join, Leaf, Needle, Predicate, Shape, Test, Tokens};
use crate::value::{Instant, Number};

/// A predicate as jump code.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    steps: Vec<Step>,
    start: Target,
}

#[derive(Clone, Debug)]
struct Step {
    /// INVARIANT: a leaf.
    leaf: Predicate,
    if_true: Target,
    if_false: Target,
}

/// Where to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Step(u32),
    Done(bool),
}

impl Program {
    /// Lays the leaves out in order. A member of an AND goes on to the next member if it holds, and to where the whole
    /// AND goes if it does not; OR dually. The last member goes where the whole goes.
    pub(crate) fn compile(predicate: &Predicate) -> Program {
        /// A predicate to lay out, and where it goes.
        struct Todo<'p> {
            predicate: &'p Predicate,
            if_true: Target,
            if_false: Target,
        }
        // Laid out backwards: the last leaf first. A member's targets are where the member after it starts, which is
        // known by then: `start` is where what was laid out last starts.
        enum Work<'p> {
            Lay(Todo<'p>),
            /// The member before one that is done: its own target is where that one starts.
            Before {
                join: Join,
                predicate: &'p Predicate,
                if_true: Target,
                if_false: Target,
            },
        }
        let mut steps: Vec<Step> = Vec::with_capacity(predicate.leaf_count());
        let mut start = Target::Done(true);
        let mut work = vec![Work::Lay(Todo { predicate, if_true: Target::Done(true), if_false: Target::Done(false) })];
        while let Some(next) = work.pop() {
            let Todo { predicate, if_true, if_false } = match next {
                Work::Lay(todo) => todo,
                Work::Before { join: Join::All, predicate, if_false, .. } => {
                    Todo { predicate, if_true: start, if_false }
                }
                Work::Before { join: Join::Any, predicate, if_true, .. } => {
                    Todo { predicate, if_true, if_false: start }
                }
            };
            match predicate.shape() {
                Shape::Leaf(_) => {
                    start = Target::Step(steps.len() as u32);
                    steps.push(Step { leaf: predicate.clone(), if_true, if_false });
                }
                Shape::Group(Join::All, []) => start = if_true,
                Shape::Group(Join::Any, []) => start = if_false,
                Shape::Group(join, [before @ .., last]) => {
                    work.extend(before.iter().map(|predicate| Work::Before { join, predicate, if_true, if_false }));
                    work.push(Work::Lay(Todo { predicate: last, if_true, if_false }));
                }
            }
        }
        Program { steps, start }
    }

    pub(crate) fn run(&self, document: &Json) -> bool {
        let mut target = self.start;
        loop {
            match target {
                Target::Done(verdict) => return verdict,
                Target::Step(at) => {
                    let step = &self.steps[at as usize];
                    let holds = step.leaf.as_leaf().is_some_and(|leaf| holds(leaf, document));
                    target = if holds { step.if_true } else { step.if_false };
                }
            }
        }
    }
}

/// Whether a leaf holds for a document.
fn holds(leaf: &Leaf, document: &Json) -> bool {
    test(leaf, document) != leaf.is_negated()
}

fn test(leaf: &Leaf, document: &Json) -> bool {
    let path = leaf.path();
    let some_string = |test: &dyn Fn(&str) -> bool| path.values(document).filter_map(Json::as_str).any(test);
    match leaf.test() {
        Test::Exists => path.nodes(document).next().is_some(),
        Test::IsNull => path.values(document).all(Json::is_null),
        Test::In(set) => path.values(document).any(|value| set.contains(value)),
        Test::InInstants(instants) => some_string(&|string| {
            Instant::parse(string).is_some_and(|instant| instants.binary_search(&instant).is_ok())
        }),
        Test::Compare(comparison, bound) => path.values(document).any(|value| compares(*comparison, bound, value)),
        Test::Contains(needle) => some_string(&|string| contains(needle, string)),
        Test::StartsWith(needle) => some_string(&|string| starts_with(needle, string)),
        Test::EndsWith(needle) => some_string(&|string| ends_with(needle, string)),
        Test::Regex(pattern) => some_string(&|string| pattern.is_match(string)),
        Test::Text(wanted) => has_tokens(wanted, path.values(document).filter_map(Json::as_str)),
    }
}

fn compares(comparison: Comparison, bound: &Bound, value: &Json) -> bool {
    let ordering = match (bound, value) {
        (Bound::Number(bound), Json::Number(number)) => Number::from_json(number).map(|number| number.cmp(bound)),
        (Bound::String(bound), Json::String(string)) => Some((**string).cmp(&**bound)),
        (Bound::Instant(bound), Json::String(string)) => Instant::parse(string).map(|instant| instant.cmp(bound)),
        (Bound::Number(_) | Bound::String(_) | Bound::Instant(_), _) => None,
    };
    ordering.is_some_and(|ordering| comparison.accepts(ordering))
}

fn contains(needle: &Needle, string: &str) -> bool {
    if !needle.ignores_case() {
        return string.contains(needle.text());
    }
    // Linear, as comparing at each place is not.
    fold(string).contains(needle.text())
}

fn starts_with(needle: &Needle, string: &str) -> bool {
    if needle.ignores_case() { has_folded_prefix(string, needle.text()) } else { string.starts_with(needle.text()) }
}

fn ends_with(needle: &Needle, string: &str) -> bool {
    if !needle.ignores_case() {
        return string.ends_with(needle.text());
    }
    let mut characters = string.chars().rev();
    needle.text().chars().rev().all(|wanted| characters.next().map(fold_char) == Some(wanted))
}

/// Whether `string` begins with `prefix`, which is folded, when letter case is ignored.
fn has_folded_prefix(string: &str, prefix: &str) -> bool {
    let mut characters = string.chars();
    prefix.chars().all(|wanted| characters.next().map(fold_char) == Some(wanted))
}

/// Whether every wanted token is a token of some string (C5).
fn has_tokens<'d>(wanted: &Tokens, strings: impl Iterator<Item = &'d str>) -> bool {
    let mut missing: Vec<&str> = wanted.iter().collect();
    for string in strings {
        for token in raw_tokens(string) {
            missing.retain(|wanted| !folds_to(token, wanted));
            if missing.is_empty() {
                return true;
            }
        }
    }
    false
}
