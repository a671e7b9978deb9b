//! The distinct leaves of all filters, each once, and the filters that are found by them.

use std::collections::{BTreeMap, BTreeSet};

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
    /// What documents need, by leaf. Apart from the rest, so that it fits into a processor's caches as far as may be; and
    /// together, as the next leaf often is the guard of what this one finds.
    asked: Vec<Asked>,
    /// The filters to look at if a leaf does not hold, by leaf; few are found so.
    if_not: Vec<Postings>,
    by_test: HashTable<u32>,
    /// Leaves with postings that hold, as they are posted, of a document without the path: each is tried.
    everywhere: BTreeSet<u32>,
    /// How many postings there are.
    postings: u64,
}

/// A positive test on a path.
#[derive(Clone, Debug)]
pub(super) struct Interned {
    path: u32,
    test: Test,
    /// The steps of filters that ask for it, negated or not.
    uses: u32,
}

/// The same as documents are asked for it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) path: u32,
    pub(super) probe: Probe,
    /// Whether the index of its path answers it: if it is not found there, it does not hold.
    pub(super) is_indexed: bool,
    /// The filters to look at if it holds.
    if_so: Postings,
}

impl Asked {
    /// In the slots of no leaf.
    const NONE: Asked = Asked::new(0, Probe::Exists);

    const fn new(path: u32, probe: Probe) -> Asked {
        Asked { path, probe, is_indexed: false, if_so: Postings::None }
    }
}

/// The filters that are covered by a literal; one in most cases, which then is found without a further step in memory.
#[derive(Clone, Debug, Default)]
enum Postings {
    #[default]
    None,
    One(Posting),
    Many(Box<Many>),
}

/// Several of them: those that share a guard stand together, so that where it does not hold none is gone through.
#[derive(Clone, Debug)]
struct Many {
    count: u32,
    apart: Vec<Posting>,
    by_guard: BTreeMap<Guard, Vec<Posting>>,
}

impl Postings {
    fn len(&self) -> u32 {
        match self {
            Postings::None => 0,
            Postings::One(_) => 1,
            Postings::Many(many) => many.count,
        }
    }

    /// Each guard that is shared, and the postings that share it; those that share none, first.
    fn groups(&self) -> impl Iterator<Item = (Option<Guard>, &[Posting])> {
        let (apart, many) = match self {
            Postings::None => (&[][..], None),
            Postings::One(posting) => (std::slice::from_ref(posting), None),
            Postings::Many(many) => (&many.apart[..], Some(&many.by_guard)),
        };
        let shared = many.into_iter().flatten().map(|(guard, postings)| (Some(*guard), &postings[..]));
        std::iter::once((None, apart)).chain(shared)
    }

    /// Puts one in, among those that share a guard or apart; gives at which place there.
    fn push(&mut self, posting: Posting, shared: Option<Guard>) -> u32 {
        match self {
            Postings::None if shared.is_none() => {
                *self = Postings::One(posting);
                return 0;
            }
            Postings::None => *self = Postings::Many(Box::new(Many::new(Vec::new()))),
            Postings::One(first) => *self = Postings::Many(Box::new(Many::new(vec![*first]))),
            Postings::Many(_) => {}
        }
        let Postings::Many(many) = self else { return 0 };
        many.count += 1;
        let list = match shared {
            Some(guard) => many.by_guard.entry(guard).or_default(),
            None => &mut many.apart,
        };
        list.push(posting);
        list.len() as u32 - 1
    }

    /// Takes one out; the last of those that it is among takes its place, which this gives.
    fn swap_remove(&mut self, shared: Option<Guard>, at: u32) -> Option<Posting> {
        let Postings::Many(many) = self else {
            *self = Postings::None;
            return None;
        };
        many.count -= 1;
        if many.count == 0 {
            *self = Postings::None;
            return None;
        }
        let list = match shared {
            Some(guard) => many.by_guard.get_mut(&guard)?,
            None => &mut many.apart,
        };
        list.swap_remove(at as usize);
        let moved = list.get(at as usize).copied();
        if let (true, Some(guard)) = (list.is_empty(), shared) {
            many.by_guard.remove(&guard);
        }
        moved
    }
}

impl Many {
    fn new(apart: Vec<Posting>) -> Many {
        Many { count: apart.len() as u32, apart, by_guard: BTreeMap::new() }
    }
}

/// A filter that is covered by a literal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Posting {
    pub(super) filter: u32,
    /// Which part of the filter's cover it is.
    pub(super) part: u32,
    pub(super) guards: Guards,
    /// Whether the filter matches where the literal and the guards hold.
    pub(super) decides: bool,
}

/// Other literals without which the filter does not match: most filters need not be looked at.
pub(super) type Guards = [Option<Guard>; 2];

/// One more than a literal, so that `Option` takes no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    /// The guard of those that it is among, if it is not apart.
    shared: Option<Guard>,
    at: u32,
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
                let probe = Probe::new(leaf.test());
                let leaf = leaves.add(Interned { path, test: leaf.test().clone(), uses: 1 });
                entry.insert(leaf);
                self.asked.resize(leaves.bound(), Asked::NONE);
                self.asked[leaf as usize] = Asked::new(path, probe);
                leaf
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
            self.asked[leaf as usize] = Asked::NONE;
            self.asked.truncate(self.leaves.bound());
            self.if_not.truncate(self.leaves.bound());
        }
    }

    /// What is asked of documents for a leaf.
    pub(super) fn asked(&self, leaf: u32) -> &Asked {
        &self.asked[leaf as usize]
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

    /// The filters that are covered by a literal, those together that share a guard.
    pub(super) fn postings(&self, literal: Literal) -> impl Iterator<Item = (Option<Guard>, &[Posting])> {
        self.posted(literal).groups()
    }

    fn posted(&self, literal: Literal) -> &Postings {
        let leaf = literal.leaf() as usize;
        if literal.is_negated() { self.if_not.get(leaf).unwrap_or(&Postings::None) } else { &self.asked[leaf].if_so }
    }

    fn posted_mut(&mut self, literal: Literal) -> &mut Postings {
        let leaf = literal.leaf() as usize;
        if !literal.is_negated() {
            return &mut self.asked[leaf].if_so;
        }
        if self.if_not.len() <= leaf {
            self.if_not.resize(leaf + 1, Postings::None);
        }
        &mut self.if_not[leaf]
    }

    /// About how many filters are looked at when a literal holds, up to `most`.
    pub(super) fn crowd(&self, literal: Literal, most: u64) -> u64 {
        let Some(interned) = self.leaves.get(literal.leaf()) else { return most };
        let posted = |leaf: u32| u64::from(self.asked(leaf).if_so.len());
        let Test::In(set) = &interned.test else { return (1 + posted(literal.leaf())).min(most) };
        let index = self.paths.index(interned.path);
        let mut crowd = 0;
        for value in set.iter() {
            crowd += 1 + match index.and_then(|index| index.askers(set, value)) {
                None => 0,
                Some(Askers::One(leaf)) => posted(*leaf),
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
        let shared = self.shared(literal, posting.guards[0]);
        let at = self.posted_mut(literal).push(posting, shared);
        self.postings += 1;
        if self.posted(literal).len() == 1 {
            let interned = self.leaves.get(literal.leaf())?;
            if literal.holds_without_path(&interned.test) {
                self.everywhere.insert(literal.leaf());
            } else if let Some(index) = self.paths.index_mut(interned.path) {
                index.add(literal.leaf(), &interned.test);
                self.asked[literal.leaf() as usize].is_indexed |= !literal.is_negated();
            }
        }
        Some(Place { literal, shared, at })
    }

    /// The guard if so many filters that are found by the literal will have it that they are worth a list of their own:
    /// as many of them as of all filters.
    fn shared(&self, literal: Literal, guard: Option<Guard>) -> Option<Guard> {
        const WORTH: u64 = 8;
        let uses = u64::from(self.leaves.get(guard?.literal().leaf())?.uses);
        let posted = u64::from(self.posted(literal).len());
        guard.filter(|_| posted * uses >= WORTH * self.postings.max(1))
    }

    /// Takes a posting out; gives the one that has taken its place.
    pub(super) fn unpost(&mut self, Place { literal, shared, at }: Place) -> Option<Posting> {
        let moved = self.posted_mut(literal).swap_remove(shared, at);
        self.postings -= 1;
        if self.posted(literal).len() > 0 {
            return moved;
        }
        let interned = self.leaves.get(literal.leaf())?;
        if literal.holds_without_path(&interned.test) {
            self.everywhere.remove(&literal.leaf());
        } else if let Some(index) = self.paths.index_mut(interned.path) {
            index.remove(literal.leaf(), &interned.test);
            self.asked[literal.leaf() as usize].is_indexed &= literal.is_negated();
            self.paths.tidy(interned.path);
        }
        None
    }
}
