//! One document held against the leaves of all filters.

use std::sync::{Mutex, PoisonError};

use serde_json::Value as Json;

use super::index::Found;
use super::leaves::{Asked, Guard, Leaves, Literal};
use super::paths::{Nodes, Reached};
use crate::backend::memory::route::Start;

/// What is noted about one document. It is kept for the next, so that nothing has to be cleared or made anew: a note
/// counts if it bears the number of the document.
#[derive(Debug, Default)]
pub(super) struct Notes {
    verdicts: Verdicts,
    /// For each filter the epoch in which it was looked at.
    seen: Vec<u32>,
    reached: Reached,
    found: Found,
    #[cfg(test)]
    pub(super) counts: std::cell::Cell<Counts>,
}

/// What was done for a document.
#[cfg(test)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Tests that were asked of it.
    pub(super) evaluated: usize,
    /// Postings that were gone through.
    pub(super) postings: usize,
    /// Filters whose guards hold.
    pub(super) looked_at: usize,
}

/// What is known of the leaves.
#[derive(Debug, Default)]
struct Verdicts {
    /// The number of the document.
    epoch: u32,
    /// For each leaf the epoch, and whether it holds as the lowest bit.
    of: Vec<u32>,
    /// Those that filters may be found by.
    literals: Vec<Literal>,
}

/// One bit of a verdict is taken.
const LAST_EPOCH: u32 = u32::MAX >> 1;

impl Verdicts {
    fn get(&self, leaf: u32) -> Option<bool> {
        let verdict = self.of[leaf as usize];
        (verdict >> 1 == self.epoch).then_some(verdict & 1 == 1)
    }

    fn note(&mut self, leaf: u32, holds: bool) {
        self.of[leaf as usize] = self.epoch << 1 | u32::from(holds);
    }

    /// Notes a verdict unless it is known, and that filters may be found by it.
    fn decide(&mut self, leaf: u32, holds: bool) {
        if self.get(leaf).is_none() {
            self.note(leaf, holds);
            self.literals.push(Literal::new(leaf, !holds));
        }
    }
}

impl Notes {
    fn begin(&mut self, leaves: &Leaves, filters: usize) {
        if self.verdicts.epoch >= LAST_EPOCH {
            *self = Notes::default();
        }
        self.verdicts.epoch += 1;
        self.verdicts.of.resize(leaves.bound(), 0);
        self.verdicts.literals.clear();
        self.seen.resize(filters, 0);
        #[cfg(test)]
        self.counts.take();
    }
}

/// Notes that nobody is using: as many as there were threads at once.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<Vec<Notes>>);

impl Pool {
    pub(super) fn take(&self) -> Notes {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(super) fn give(&self, mut notes: Notes) {
        notes.found.clear();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(notes);
    }
}

impl Clone for Pool {
    fn clone(&self) -> Pool {
        Pool::default()
    }
}

/// A document, and what is known of it.
pub(super) struct Visit<'s, 'd> {
    leaves: &'s Leaves,
    nodes: Nodes<'d>,
    notes: Notes,
}

impl<'s, 'd> Visit<'s, 'd> {
    pub(super) fn new(leaves: &'s Leaves, filters: usize, document: &'d Json, mut notes: Notes) -> Visit<'s, 'd> {
        notes.begin(leaves, filters);
        let nodes = Nodes::resolve(&leaves.paths, document, notes.verdicts.epoch, &mut notes.reached);
        Visit { leaves, nodes, notes }
    }

    /// Finds the literals that hold and cover filters.
    pub(super) fn find(&mut self) -> Vec<Literal> {
        for at in 0..self.notes.reached.paths.len() {
            let path = self.notes.reached.paths[at];
            let Some(index) = self.leaves.paths.index(path) else { continue };
            let Notes { verdicts, reached, found, .. } = &mut self.notes;
            let nodes = self.nodes.at(path, verdicts.epoch, reached);
            index.probe(nodes, found, &mut |leaf| verdicts.decide(leaf, true));
            while let Some(leaf) = self.notes.found.perhaps.pop() {
                if self.notes.verdicts.get(leaf).is_none() {
                    let holds = self.evaluate(leaf);
                    self.notes.verdicts.decide(leaf, holds);
                }
            }
        }
        for leaf in self.leaves.everywhere() {
            if self.notes.verdicts.get(leaf).is_none() {
                let holds = self.answer(leaf);
                self.notes.verdicts.decide(leaf, holds);
            }
        }
        std::mem::take(&mut self.notes.verdicts.literals)
    }

    fn evaluate(&self, leaf: u32) -> bool {
        #[cfg(test)]
        self.count(|counts| counts.evaluated += 1);
        let Asked { path, probe, .. } = self.leaves.asked(leaf);
        probe.holds(Start::at(self.nodes.at(*path, self.notes.verdicts.epoch, &self.notes.reached)))
    }

    /// The verdict of a leaf after the indexes were asked: what they know and have not found does not hold.
    fn answer(&self, leaf: u32) -> bool {
        !self.leaves.asked(leaf).is_indexed() && self.evaluate(leaf)
    }

    /// Whether a leaf's test holds. Evaluated once.
    pub(super) fn holds(&mut self, leaf: u32) -> bool {
        if let Some(verdict) = self.notes.verdicts.get(leaf) {
            return verdict;
        }
        let verdict = self.answer(leaf);
        self.notes.verdicts.note(leaf, verdict);
        verdict
    }

    /// Whether all of some guards hold.
    pub(super) fn pass<'g>(&mut self, guards: impl IntoIterator<Item = &'g Guard>) -> bool {
        guards.into_iter().all(|guard| {
            let literal = guard.literal();
            self.holds(literal.leaf()) != literal.is_negated()
        })
    }

    /// Whether it is the first time that the filter is looked at.
    pub(super) fn is_new(&mut self, filter: u32) -> bool {
        let epoch = self.notes.verdicts.epoch;
        std::mem::replace(&mut self.notes.seen[filter as usize], epoch) != epoch
    }

    pub(super) fn end(mut self, literals: Vec<Literal>) -> Notes {
        self.notes.verdicts.literals = literals;
        self.notes
    }
}

#[cfg(test)]
impl Visit<'_, '_> {
    pub(super) fn count(&self, count: impl FnOnce(&mut Counts)) {
        let mut counts = self.notes.counts.get();
        count(&mut counts);
        self.notes.counts.set(counts);
    }
}

#[cfg(test)]
impl Pool {
    /// As if so many documents had been asked about that the next one has the last number.
    pub(super) fn age(&self) {
        let mut notes = self.take();
        notes.verdicts.epoch = LAST_EPOCH - 1;
        self.give(notes);
    }

    /// What was done for the last document.
    pub(super) fn counts(&self) -> Counts {
        let notes = self.take();
        let counts = notes.counts.get();
        self.give(notes);
        counts
    }

    /// The number of the document that was asked about last, and the room that is kept for what is found.
    pub(super) fn kept(&self) -> (u32, usize) {
        let notes = self.take();
        let kept = (notes.verdicts.epoch, notes.found.room());
        self.give(notes);
        kept
    }
}
