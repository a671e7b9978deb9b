//! A filter as jump code over the leaves of the set.

use crate::predicate::{Join, Leaf, Predicate, Shape};

/// Jump code whose steps name leaves of the set.
#[derive(Clone, Debug)]
pub(super) struct Code {
    steps: Box<[Step]>,
    start: u32,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    leaf: u32,
    if_true: u32,
    if_false: u32,
}

const TRUE: u32 = u32::MAX;
const FALSE: u32 = u32::MAX - 1;

impl Code {
    pub(super) fn compile(predicate: &Predicate, mut intern: impl FnMut(&Leaf) -> u32) -> Code {
        let mut steps: Vec<Step> = Vec::with_capacity(predicate.leaf_count());
        let mut start = TRUE;
        let mut work = vec![(predicate, TRUE, FALSE, None)];
        while let Some((predicate, mut if_true, mut if_false, before)) = work.pop() {
            match before {
                Some(Join::All) => if_true = start,
                Some(Join::Any) => if_false = start,
                None => {}
            }
            match predicate.shape() {
                Shape::Leaf(leaf) => {
                    if leaf.is_negated() {
                        (if_true, if_false) = (if_false, if_true);
                    }
                    start = steps.len() as u32;
                    steps.push(Step { leaf: intern(leaf), if_true, if_false });
                }
                Shape::Group(Join::All, []) => start = if_true,
                Shape::Group(Join::Any, []) => start = if_false,
                Shape::Group(join, [before @ .., last]) => {
                    work.extend(before.iter().map(|member| (member, if_true, if_false, Some(join))));
                    work.push((last, if_true, if_false, None));
                }
            }
        }
        Code { steps: steps.into(), start }
    }

    pub(super) fn leaves(&self) -> impl Iterator<Item = u32> + '_ {
        self.steps.iter().map(|step| step.leaf)
    }

    pub(super) fn run(&self, mut holds: impl FnMut(u32) -> bool) -> bool {
        let mut at = self.start;
        while let Some(step) = self.steps.get(at as usize) {
            at = if holds(step.leaf) { step.if_true } else { step.if_false };
        }
        at == TRUE
    }
}
