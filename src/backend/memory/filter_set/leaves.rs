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
    /// What documents need, by leaf: apart from the rest, so that it fits into a processor's caches as far as may be, and
    /// in one row, next to those of the filter's other leaves, which are its guards.
    asked: Vec<Asked>,
    /// The filters to look at if a leaf does not hold, by leaf, up to the last that has any: few are found so.
    if_not: Vec<Postings>,
    by_test: HashTable<u32>,
    /// Leaves with postings that hold, as they are posted, of a document without the path: each is tried.
    everywhere: BTreeSet<u32>,
}

/// A positive test on a path.
#[derive(Clone, Debug)]
struct Interned {
    path: u32,
    test: Test,
    /// The steps of filters that ask for it, negated or not.
    uses: u32,
}

/// What a document is asked for it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) path: u32,
    pub(super) probe: Probe,
    /// The filters to look at if it holds.
    if_so: Postings,
}

impl Asked {
    /// In the slots of no leaf.
    const NONE: Asked = Asked::new(0, Probe::Exists);

    const fn new(path: u32, probe: Probe) -> Asked {
        Asked { path, probe, if_so: Postings::None }
    }

    /// Whether the index of its path answers it: if it is not found there, it does not hold.
    pub(super) fn is_indexed(&self) -> bool {
        !matches!(self.if_so, Postings::None) && !matches!(self.probe, Probe::IsNull)
    }
}

/// The filters that are covered by a literal; one in most cases, which then is found without a further step in memory.
/// INVARIANT: a list of none is `None`.
#[derive(Clone, Debug, Default)]
enum Postings {
    #[default]
    None,
    One(Posting),
    Many(Box<Many>),
}

/// Several of them: many that share a guard stand together, so that where it does not hold none is gone through.
#[derive(Clone, Debug)]
struct Many {
    count: u32,
    /// Those put in while too few shared their guard.
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

    /// The postings that stand apart, and then those of each guard that is shared.
    fn groups(&self) -> impl Iterator<Item = (Option<Guard>, &[Posting])> {
        let (apart, many) = match self {
            Postings::None => (&[][..], None),
            Postings::One(posting) => (std::slice::from_ref(posting), None),
            Postings::Many(many) => (&many.apart[..], Some(&many.by_guard)),
        };
        let shared = many.into_iter().flatten().map(|(guard, postings)| (Some(*guard), &postings[..]));
        std::iter::once((None, apart)).chain(shared)
    }

    /// Whether many share a guard.
    fn share(&self, guard: Guard) -> bool {
        matches!(self, Postings::Many(many) if many.by_guard.contains_key(&guard))
    }

    /// Puts one in, among those that share a guard or apart; gives at which place there. INVARIANT: the first is apart.
    fn push(&mut self, posting: Posting, shared: Option<Guard>) -> u32 {
        if let Postings::One(first) = self {
            *self = Postings::Many(Box::new(Many { count: 1, apart: vec![*first], by_guard: BTreeMap::new() }));
        }
        let Postings::Many(many) = self else {
            *self = Postings::One(posting);
            return 0;
        };
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
    literal: Literal,
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
            // As the slab does.
            if self.leaves.bound() == 0 {
                (self.asked, self.if_not) = Default::default();
            }
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

    /// The lists of filters that are covered by a literal, those together that share a guard.
    pub(super) fn postings(&self, literal: Literal) -> impl Iterator<Item = (Option<Guard>, &[Posting])> {
        self.posted(literal).groups().filter(|(_, postings)| !postings.is_empty())
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

    /// Posts a filter, one of so many, under a literal, and gives where.
    pub(super) fn post(&mut self, literal: Literal, posting: Posting, filters: usize) -> Option<Place> {
        let interned = self.leaves.get(literal.leaf())?;
        if self.posted(literal).len() == 0 {
            if literal.holds_without_path(&interned.test) {
                self.everywhere.insert(literal.leaf());
            } else if let Some(index) = self.paths.index_mut(interned.path) {
                index.add(literal.leaf(), &interned.test);
            }
        }
        let shared = posting.guards[0].filter(|guard| self.is_shared(literal, *guard, filters));
        let at = self.posted_mut(literal).push(posting, shared);
        Some(Place { literal, shared, at })
    }

    /// Whether filters that are found by a literal and have a guard get a list of their own: if there is one already, or
    /// there would be some in it, were the guard as frequent among them as it is among all filters.
    fn is_shared(&self, literal: Literal, guard: Guard, filters: usize) -> bool {
        // With fewer the list of the lists would be as long as they are.
        const WORTH: u64 = 8;
        let posted = self.posted(literal);
        let uses = self.leaves.get(guard.literal().leaf()).map_or(0, |leaf| u64::from(leaf.uses));
        posted.share(guard) || u64::from(posted.len()) * uses >= WORTH * (filters as u64).max(1)
    }

    /// Takes a posting out; gives the one that has taken its place.
    pub(super) fn unpost(&mut self, Place { literal, shared, at }: Place) -> Option<Posting> {
        let moved = self.posted_mut(literal).swap_remove(shared, at);
        if self.posted(literal).len() > 0 {
            return moved;
        }
        let interned = self.leaves.get(literal.leaf())?;
        if literal.holds_without_path(&interned.test) {
            self.everywhere.remove(&literal.leaf());
        } else if let Some(index) = self.paths.index_mut(interned.path) {
            index.remove(literal.leaf(), &interned.test);
            self.paths.tidy(interned.path);
        }
        None
    }
}
