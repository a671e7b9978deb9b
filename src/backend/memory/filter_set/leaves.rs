//! The distinct leaves of all filters, each once, and the filters that are found by them.

use std::collections::BTreeSet;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::index::Askers;
use super::paths::Paths;
use super::slab::Slab;
use crate::backend::memory::probe::Probe;
use crate::hash::keyed;
use crate::predicate::{Leaf, Test};

/// A leaf of the set as a filter has it: its positive test, or the negation of that. Both share one evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Literal(u32);

impl Literal {
    pub(super) fn new(leaf: u32, negated: bool) -> Literal {
        Literal(leaf << 1 | u32::from(negated))
    }

    /// The positive test.
    pub(super) fn leaf(self) -> u32 {
        self.0 >> 1
    }

    pub(super) fn is_negated(self) -> bool {
        self.0 & 1 == 1
    }

    /// What the verdict of the test has to be, as an index.
    fn sign(self) -> usize {
        usize::from(!self.is_negated())
    }

    /// Whether it holds of a document that has nothing at the path. Of the tests, only `is_null` does.
    pub(super) fn holds_without_path(self, test: &Test) -> bool {
        matches!(test, Test::IsNull) != self.is_negated()
    }
}

/// The distinct leaves.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaves {
    pub(super) paths: Paths,
    leaves: Slab<Interned>,
    by_test: HashTable<u32>,
    /// Leaves with postings that hold, as they are posted, of a document without the path: each is tried.
    everywhere: BTreeSet<u32>,
}

/// A positive test on a path.
#[derive(Clone, Debug)]
pub(super) struct Interned {
    pub(super) path: u32,
    test: Test,
    pub(super) probe: Probe,
    /// The steps of filters that ask for it, negated or not.
    uses: u32,
    /// The filters to look at if it does not hold, and if it does.
    postings: [Postings; 2],
}

impl Interned {
    /// Whether the index of its path answers it: if it is not found there, it does not hold.
    pub(super) fn is_indexed(&self) -> bool {
        !self.postings[1].as_slice().is_empty() && !matches!(self.test, Test::IsNull)
    }
}

/// The filters that are covered by a literal; one in most cases, which then is found without a further step in memory.
#[derive(Clone, Debug, Default)]
enum Postings {
    #[default]
    None,
    One(Posting),
    Many(Vec<Posting>),
}

impl Postings {
    fn as_slice(&self) -> &[Posting] {
        match self {
            Postings::None => &[],
            Postings::One(posting) => std::slice::from_ref(posting),
            Postings::Many(postings) => postings,
        }
    }

    fn push(&mut self, posting: Posting) {
        match self {
            Postings::None => *self = Postings::One(posting),
            Postings::One(first) => *self = Postings::Many(vec![*first, posting]),
            Postings::Many(postings) => postings.push(posting),
        }
    }

    /// Takes one out; the last takes its place.
    fn swap_remove(&mut self, at: u32) {
        match self {
            Postings::Many(postings) if postings.len() > 1 => {
                postings.swap_remove(at as usize);
            }
            Postings::None | Postings::One(_) | Postings::Many(_) => *self = Postings::None,
        }
    }
}

/// A filter that is covered by a literal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Posting {
    pub(super) filter: u32,
    /// Which part of the filter's cover it is.
    pub(super) part: u32,
    pub(super) guards: Guards,
}

/// Other literals without which the filter does not match: most filters need not be looked at.
pub(super) type Guards = [Option<Guard>; 2];

/// One more than a literal, so that `Option` takes no room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guard(std::num::NonZeroU32);

impl Guard {
    pub(super) fn new(literal: Literal) -> Option<Guard> {
        std::num::NonZeroU32::new(literal.0 + 1).map(Guard)
    }

    pub(super) fn literal(self) -> Literal {
        Literal(self.0.get() - 1)
    }
}

/// Where a posting stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) literal: Literal,
    pub(super) at: u32,
}

fn hash(path: u32, test: &Test) -> u64 {
    keyed((path, test))
}

impl Leaves {
    /// The number of a leaf's positive test, which is one more use of it. Cost: a look-up for each key of the path, and
    /// the size of the test.
    pub(super) fn intern(&mut self, leaf: &Leaf) -> u32 {
        let path = self.paths.intern(leaf.path());
        let Leaves { leaves, by_test, .. } = self;
        let same = |other: &u32| leaves.get(*other).is_some_and(|it| it.path == path && it.test == *leaf.test());
        let rehash = |other: &u32| leaves.get(*other).map_or(0, |it| hash(it.path, &it.test));
        match by_test.entry(hash(path, leaf.test()), same, rehash) {
            Entry::Occupied(entry) => {
                let found = *entry.get();
                // The leaf has the path already.
                self.paths.release(path);
                if let Some(interned) = self.leaves.get_mut(found) {
                    interned.uses += 1;
                }
                found
            }
            Entry::Vacant(entry) => {
                let (test, probe) = (leaf.test().clone(), Probe::new(leaf.test()));
                let interned = Interned { path, test, probe, uses: 1, postings: Default::default() };
                *entry.insert(self.leaves.add(interned)).get()
            }
        }
    }

    /// One use less. What nobody uses is freed.
    pub(super) fn release(&mut self, leaf: u32) {
        let Some(interned) = self.leaves.get_mut(leaf) else { return };
        interned.uses -= 1;
        if interned.uses > 0 {
            return;
        }
        if let Some(Interned { path, test, .. }) = self.leaves.take(leaf) {
            if let Ok(entry) = self.by_test.find_entry(hash(path, &test), |other| *other == leaf) {
                entry.remove();
            }
            self.paths.release(path);
        }
    }

    pub(super) fn get(&self, leaf: u32) -> Option<&Interned> {
        self.leaves.get(leaf)
    }

    /// One more than the greatest number of a leaf.
    pub(super) fn bound(&self) -> usize {
        self.leaves.bound()
    }

    /// How many distinct leaves there are.
    pub(super) fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Leaves to be tried on every document.
    pub(super) fn everywhere(&self) -> impl Iterator<Item = u32> + '_ {
        self.everywhere.iter().copied()
    }

    /// The filters that are covered by a literal.
    pub(super) fn postings(&self, literal: Literal) -> &[Posting] {
        self.get(literal.leaf()).map_or(&[], |leaf| leaf.postings[literal.sign()].as_slice())
    }

    /// About how many filters are looked at when a literal holds, up to `most`.
    pub(super) fn crowd(&self, literal: Literal, most: u64) -> u64 {
        let Some(interned) = self.get(literal.leaf()) else { return most };
        let posted = |leaf: &Interned| leaf.postings[1].as_slice().len() as u64;
        let Test::In(set) = &interned.test else { return (1 + posted(interned)).min(most) };
        let index = self.paths.index(interned.path);
        let mut crowd = 0;
        for value in set.iter() {
            crowd += 1 + match index.and_then(|index| index.askers(set, value)) {
                None => 0,
                Some(Askers::One(leaf)) => self.get(*leaf).map_or(0, posted),
                Some(Askers::Many(leaves)) => leaves.len() as u64,
            };
            if crowd >= most {
                return most;
            }
        }
        crowd
    }

    /// Posts a filter under a literal, and gives where.
    pub(super) fn post(&mut self, literal: Literal, posting: Posting) -> Option<Place> {
        let interned = self.leaves.get_mut(literal.leaf())?;
        let at = interned.postings[literal.sign()].as_slice().len() as u32;
        if at == 0 {
            if literal.holds_without_path(&interned.test) {
                self.everywhere.insert(literal.leaf());
            } else if let Some(index) = self.paths.index_mut(interned.path) {
                index.add(literal.leaf(), &interned.test);
            }
        }
        interned.postings[literal.sign()].push(posting);
        Some(Place { literal, at })
    }

    /// Takes a posting out; gives the one that has taken its place.
    pub(super) fn unpost(&mut self, Place { literal, at }: Place) -> Option<Posting> {
        let interned = self.leaves.get_mut(literal.leaf())?;
        let postings = &mut interned.postings[literal.sign()];
        postings.swap_remove(at);
        if !postings.as_slice().is_empty() {
            return postings.as_slice().get(at as usize).copied();
        }
        if literal.holds_without_path(&interned.test) {
            self.everywhere.remove(&literal.leaf());
        } else if let Some(index) = self.paths.index_mut(interned.path) {
            index.remove(literal.leaf(), &interned.test);
            self.paths.tidy(interned.path);
        }
        None
    }
}
