//! One document held against the leaves of all filters.

use std::sync::{Mutex, PoisonError};

use serde_json::Value as Json;

use super::index::Found;
use super::leaves::{Leaves, Literal, Posting};
use super::paths::{Nodes, Reached};
use crate::backend::memory::route::Start;

/// What is noted about one document. It is kept for the next, so that nothing has to be cleared or made anew: a note
/// counts if it bears the number of the document.
#[derive(Debug, Default)]
pub(super) struct Notes {
    epoch: u32,
    /// For each leaf the epoch, and whether it holds as the lowest bit.
    verdicts: Vec<u32>,
    /// For each filter the epoch in which it was looked at.
    seen: Vec<u32>,
    reached: Reached,
    found: Found,
    literals: Vec<Literal>,
}

impl Notes {
    fn begin(&mut self, leaves: &Leaves, filters: usize) {
        self.verdicts.resize(leaves.bound(), 0);
        self.seen.resize(filters, 0);
        self.literals.clear();
        self.epoch += 1;
        // One bit of a verdict is taken.
        if self.epoch > u32::MAX >> 1 {
            *self = Notes { epoch: 1, ..Notes::default() };
            self.verdicts.resize(leaves.bound(), 0);
            self.seen.resize(filters, 0);
        }
    }
}

/// Notes that nobody is using: as many as there were threads at once.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<Vec<Notes>>);

impl Pool {
    pub(super) fn take(&self) -> Notes {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(super) fn give(&self, notes: Notes) {
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
        let nodes = Nodes::resolve(&leaves.paths, document, notes.epoch, &mut notes.reached);
        Visit { leaves, nodes, notes }
    }

    /// Finds the literals that hold and cover filters.
    pub(super) fn find(&mut self) -> Vec<Literal> {
        for at in 0..self.notes.reached.paths.len() {
            let path = self.notes.reached.paths[at];
            let Some(index) = self.leaves.paths.index(path) else { continue };
            let Notes { epoch, reached, found, .. } = &mut self.notes;
            index.probe(self.nodes.at(path, *epoch, reached), found);
            while let Some(leaf) = self.notes.found.sure.pop() {
                self.decide(leaf, true);
            }
            while let Some(leaf) = self.notes.found.perhaps.pop() {
                if self.verdict(leaf).is_none() {
                    self.decide(leaf, self.evaluate(leaf));
                }
            }
        }
        for leaf in self.leaves.everywhere() {
            if self.verdict(leaf).is_none() {
                self.decide(leaf, self.answer(leaf));
            }
        }
        std::mem::take(&mut self.notes.literals)
    }

    /// Notes a verdict that was not known, and that filters may be found by it.
    fn decide(&mut self, leaf: u32, holds: bool) {
        if self.verdict(leaf).is_some() {
            return;
        }
        self.note(leaf, holds);
        self.notes.literals.push(Literal::new(leaf, !holds));
    }

    fn note(&mut self, leaf: u32, holds: bool) {
        self.notes.verdicts[leaf as usize] = self.notes.epoch << 1 | u32::from(holds);
    }

    fn verdict(&self, leaf: u32) -> Option<bool> {
        let verdict = self.notes.verdicts[leaf as usize];
        (verdict >> 1 == self.notes.epoch).then_some(verdict & 1 == 1)
    }

    fn evaluate(&self, leaf: u32) -> bool {
        self.leaves.get(leaf).is_some_and(|leaf| {
            let nodes = self.nodes.at(leaf.path, self.notes.epoch, &self.notes.reached);
            leaf.probe.holds(Start::at(nodes))
        })
    }

    /// The verdict of a leaf after the indexes were asked: what they know and have not found does not hold.
    fn answer(&self, leaf: u32) -> bool {
        !self.leaves.get(leaf).is_some_and(|leaf| leaf.is_indexed()) && self.evaluate(leaf)
    }

    /// Whether a leaf's test holds. Evaluated once.
    pub(super) fn holds(&mut self, leaf: u32) -> bool {
        if let Some(verdict) = self.verdict(leaf) {
            return verdict;
        }
        let verdict = self.answer(leaf);
        self.note(leaf, verdict);
        verdict
    }

    /// Whether the guards of a posting hold.
    pub(super) fn passes(&mut self, posting: &Posting) -> bool {
        posting.guards.iter().flatten().all(|guard| {
            let literal = guard.literal();
            self.holds(literal.leaf()) != literal.is_negated()
        })
    }

    /// Whether it is the first time that the filter is looked at.
    pub(super) fn is_new(&mut self, filter: u32) -> bool {
        std::mem::replace(&mut self.notes.seen[filter as usize], self.notes.epoch) != self.notes.epoch
    }

    pub(super) fn end(mut self, literals: Vec<Literal>) -> Notes {
        self.notes.literals = literals;
        self.notes
    }
}
