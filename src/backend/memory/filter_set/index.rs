//! The covering leaves on one path, found by the values there instead of one by one.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Bound::{Excluded, Unbounded};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use serde_json::Value as Json;

use super::grams::Grams;
use crate::fold::fold;
use crate::predicate::{Bound, Comparison, Test};
use crate::set::{Key, Set};
use crate::value::{Instant, Number, Str, Value};

/// The covering leaves on one path.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    exact: Values,
    folded: Values,
    instants: BTreeMap<Instant, Askers>,
    numbers: Bounds<Number>,
    strings: Bounds<Str>,
    times: Bounds<Instant>,
    /// Boxed, as most paths have none.
    grams: Option<Box<Grams>>,
    folded_grams: Option<Box<Grams>>,
    /// Askers that no index knows: each is tried.
    rest: BTreeSet<u32>,
}

/// What goes on for one document and is kept for the next one. It does not grow beyond the filters: a document may have
/// a value that many ask for any number of times.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Askers that may hold.
    pub(super) perhaps: Vec<u32>,
    /// The lists of askers that were met in this document, by their addresses; no filter comes or goes meanwhile.
    met: HashSet<usize>,
}

impl Found {
    /// Whether it is the first time in this document that these askers are met.
    pub(super) fn is_new(&mut self, askers: &Askers) -> bool {
        self.met.insert(std::ptr::from_ref(askers).addr())
    }

    /// Forgets the document. Of the room, only what most documents need is kept.
    pub(super) fn clear(&mut self) {
        const KEPT: usize = 1_024;
        self.perhaps.clear();
        self.perhaps.shrink_to(KEPT);
        self.met.clear();
        self.met.shrink_to(KEPT);
    }

    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.perhaps.capacity() + self.met.capacity()
    }
}

/// The leaves that ask for one and the same thing; nearly always one.
#[derive(Clone, Debug)]
pub(super) enum Askers {
    One(u32),
    #[expect(clippy::box_collection, reason = "it is rare, and there is one of these for each value")]
    Many(Box<BTreeSet<u32>>),
}

impl Askers {
    pub(super) fn add(&mut self, leaf: u32) {
        match self {
            Askers::One(other) if *other == leaf => {}
            Askers::One(other) => *self = Askers::Many(Box::new(BTreeSet::from([*other, leaf]))),
            Askers::Many(leaves) => {
                leaves.insert(leaf);
            }
        }
    }

    /// Whether none is left.
    pub(super) fn remove(&mut self, leaf: u32) -> bool {
        match self {
            Askers::One(other) => *other == leaf,
            Askers::Many(leaves) => {
                leaves.remove(&leaf);
                leaves.is_empty()
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Askers::One(_) => 1,
            Askers::Many(leaves) => leaves.len(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let (one, many) = match self {
            Askers::One(leaf) => (Some(*leaf), None),
            Askers::Many(leaves) => (None, Some(&**leaves)),
        };
        one.into_iter().chain(many.into_iter().flatten().copied())
    }

    /// Tells each, once in a document; the one that is alone is told as fast as it is known to have been.
    fn tell(&self, found: &mut Found, sure: &mut impl FnMut(u32)) {
        if matches!(self, Askers::One(_)) || found.is_new(self) {
            self.iter().for_each(sure);
        }
    }
}

impl Index {
    /// Puts a positive leaf in.
    pub(super) fn add(&mut self, leaf: u32, test: &Test) {
        match test {
            Test::In(set) => self.values_mut(set).add(leaf, set),
            Test::InInstants(instants) => {
                for instant in &**instants {
                    self.instants.entry(*instant).and_modify(|leaves| leaves.add(leaf)).or_insert(Askers::One(leaf));
                }
            }
            Test::Compare(comparison, bound) => match bound {
                Bound::Number(bound) => self.numbers.add(leaf, *comparison, *bound),
                Bound::String(bound) => self.strings.add(leaf, *comparison, bound.clone()),
                Bound::Instant(bound) => self.times.add(leaf, *comparison, *bound),
            },
            Test::Contains(needle) | Test::StartsWith(needle) | Test::EndsWith(needle) => {
                let grams = if needle.ignores_case() { &mut self.folded_grams } else { &mut self.grams };
                if !grams.get_or_insert_default().add(leaf, needle.text()) {
                    self.rest.insert(leaf);
                }
                tidy(grams);
            }
            Test::Exists | Test::IsNull | Test::Regex(_) | Test::Text(_) => {
                self.rest.insert(leaf);
            }
        }
    }

    /// Takes out what was put in.
    pub(super) fn remove(&mut self, leaf: u32, test: &Test) {
        match test {
            Test::In(set) => self.values_mut(set).remove(leaf, set),
            Test::InInstants(instants) => {
                for instant in &**instants {
                    if self.instants.get_mut(instant).is_some_and(|leaves| leaves.remove(leaf)) {
                        self.instants.remove(instant);
                    }
                }
            }
            Test::Compare(comparison, bound) => match bound {
                Bound::Number(bound) => self.numbers.remove(*comparison, bound),
                Bound::String(bound) => self.strings.remove(*comparison, &**bound),
                Bound::Instant(bound) => self.times.remove(*comparison, bound),
            },
            Test::Contains(needle) | Test::StartsWith(needle) | Test::EndsWith(needle) => {
                let grams = if needle.ignores_case() { &mut self.folded_grams } else { &mut self.grams };
                if !grams.as_mut().is_some_and(|grams| grams.remove(leaf)) {
                    self.rest.remove(&leaf);
                }
                tidy(grams);
            }
            Test::Exists | Test::IsNull | Test::Regex(_) | Test::Text(_) => {
                self.rest.remove(&leaf);
            }
        }
    }

    fn values_mut(&mut self, set: &Set) -> &mut Values {
        if set.ignores_case() { &mut self.folded } else { &mut self.exact }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.exact.0.is_empty()
            && self.folded.0.is_empty()
            && self.instants.is_empty()
            && self.numbers.is_empty()
            && self.strings.is_empty()
            && self.times.is_empty()
            && self.grams.is_none()
            && self.folded_grams.is_none()
            && self.rest.is_empty()
    }

    /// The covering leaves that ask for a value of a set.
    pub(super) fn askers(&self, set: &Set, value: &Value) -> Option<&Askers> {
        let values = if set.ignores_case() { &self.folded } else { &self.exact };
        values.get(&Key::of(value, set.ignores_case())?)
    }

    /// Finds the leaves that hold of the nodes at the path. Cost: a few look-ups for each scalar, and what is found.
    pub(super) fn probe(&self, nodes: &[&Json], found: &mut Found, sure: &mut impl FnMut(u32)) {
        found.perhaps.extend(&self.rest);
        let (mut numbers, mut strings, mut times) = (Extremes(None), Extremes(None), Extremes(None));
        for value in nodes.iter().flat_map(elements) {
            match value {
                Json::Bool(bool) => self.probe_values([Key::Bool(*bool), Key::Bool(*bool)], found, sure),
                Json::Number(number) => {
                    let Some(number) = Number::from_json(number) else { continue };
                    numbers.add(number);
                    self.probe_values([Key::Number(number), Key::Number(number)], found, sure);
                }
                Json::String(string) => {
                    strings.add(string.as_str());
                    self.probe_values([Key::String(string), Key::Folded(string)], found, sure);
                    self.probe_string(string, &mut times, found, sure);
                }
                Json::Null | Json::Array(_) | Json::Object(_) => {}
            }
        }
        if let Extremes(Some((least, greatest))) = numbers {
            self.numbers.probe(&least, &greatest, sure);
        }
        if let Extremes(Some((least, greatest))) = strings {
            self.strings.probe(least, greatest, sure);
        }
        if let Extremes(Some((least, greatest))) = times {
            self.times.probe(&least, &greatest, sure);
        }
    }

    /// A scalar as it is looked up in the exact sets and in those that ignore letter case.
    fn probe_values(&self, [exact, folded]: [Key<'_>; 2], found: &mut Found, sure: &mut impl FnMut(u32)) {
        for (values, key) in [(&self.exact, exact), (&self.folded, folded)] {
            if let Some(askers) = values.get(&key) {
                askers.tell(found, sure);
            }
        }
    }

    fn probe_string(&self, string: &str, times: &mut Extremes<Instant>, found: &mut Found, sure: &mut impl FnMut(u32)) {
        if !(self.instants.is_empty() && self.times.is_empty())
            && let Some(instant) = Instant::parse(string)
        {
            times.add(instant);
            if let Some(askers) = self.instants.get(&instant) {
                askers.tell(found, sure);
            }
        }
        if let Some(grams) = &self.grams {
            grams.probe(string, found);
        }
        if let Some(grams) = &self.folded_grams {
            grams.probe(&fold(string), found);
        }
    }
}

fn tidy(grams: &mut Option<Box<Grams>>) {
    grams.take_if(|grams| grams.is_empty());
}

/// A node that is an array is replaced by its elements (P3).
fn elements<'d>(node: &&'d Json) -> &'d [Json] {
    match *node {
        Json::Array(elements) => elements,
        other => std::slice::from_ref(other),
    }
}

/// Scalars, each with the leaves whose sets hold it. One look-up answers all of them.
#[derive(Clone, Debug, Default)]
struct Values(HashTable<(Value, Askers)>);

impl Values {
    fn add(&mut self, leaf: u32, set: &Set) {
        let ignore_case = set.ignores_case();
        let hash_of = |value: &Value| Key::of(value, ignore_case).map_or(0, |key| key.hash());
        for value in set.iter() {
            let Some(key) = Key::of(value, ignore_case) else { continue };
            match self.0.entry(key.hash(), |(other, _)| key.equals(other), |(other, _)| hash_of(other)) {
                Entry::Occupied(mut entry) => entry.get_mut().1.add(leaf),
                Entry::Vacant(entry) => {
                    entry.insert((value.clone(), Askers::One(leaf)));
                }
            }
        }
    }

    fn remove(&mut self, leaf: u32, set: &Set) {
        for value in set.iter() {
            let Some(key) = Key::of(value, set.ignores_case()) else { continue };
            if let Ok(mut entry) = self.0.find_entry(key.hash(), |(other, _)| key.equals(other))
                && entry.get_mut().1.remove(leaf)
            {
                entry.remove();
            }
        }
        if self.0.is_empty() {
            self.0 = HashTable::new();
        }
    }

    /// Cost: one hash.
    fn get(&self, key: &Key<'_>) -> Option<&Askers> {
        // Most indexes have sets of one letter case: the other need not be hashed for.
        if self.0.is_empty() {
            return None;
        }
        self.0.find(key.hash(), |(other, _)| key.equals(other)).map(|(_, askers)| askers)
    }
}

/// Comparisons, sorted by their bounds: those that hold stand together.
#[derive(Clone, Debug)]
struct Bounds<T> {
    /// `gt` and `gte`.
    lower: BTreeMap<T, Pair>,
    /// `lt` and `lte`.
    upper: BTreeMap<T, Pair>,
}

/// The leaves of one bound, the strict one and the other.
type Pair = [Option<u32>; 2];

impl<T> Default for Bounds<T> {
    fn default() -> Bounds<T> {
        Bounds { lower: BTreeMap::new(), upper: BTreeMap::new() }
    }
}

impl<T: Ord> Bounds<T> {
    fn is_empty(&self) -> bool {
        self.lower.is_empty() && self.upper.is_empty()
    }

    /// The bounds of one direction, and which of a pair the comparison is.
    fn side(&mut self, comparison: Comparison) -> (&mut BTreeMap<T, Pair>, usize) {
        match comparison {
            Comparison::Gt => (&mut self.lower, 0),
            Comparison::Gte => (&mut self.lower, 1),
            Comparison::Lt => (&mut self.upper, 0),
            Comparison::Lte => (&mut self.upper, 1),
        }
    }

    fn add(&mut self, leaf: u32, comparison: Comparison, bound: T) {
        let (side, which) = self.side(comparison);
        side.entry(bound).or_default()[which] = Some(leaf);
    }

    fn remove<Q: Ord + ?Sized>(&mut self, comparison: Comparison, bound: &Q)
    where
        T: Borrow<Q>,
    {
        let (side, which) = self.side(comparison);
        if let Some(pair) = side.get_mut(bound) {
            pair[which] = None;
            if *pair == [None, None] {
                side.remove(bound);
            }
        }
    }

    /// Some scalar is greater than a bound if the greatest is, and less if the least is.
    fn probe<Q: Ord + ?Sized>(&self, least: &Q, greatest: &Q, sure: &mut impl FnMut(u32))
    where
        T: Borrow<Q>,
    {
        let below = self.lower.range::<Q, _>((Unbounded, Excluded(greatest)));
        let above = self.upper.range::<Q, _>((Excluded(least), Unbounded));
        let equal = [self.lower.get(greatest), self.upper.get(least)].into_iter().flatten();
        let or_equal = equal.filter_map(|[_, or_equal]| *or_equal);
        below.chain(above).flat_map(|(_, pair)| pair.iter().flatten().copied()).chain(or_equal).for_each(sure);
    }
}

/// The least and the greatest of some values.
struct Extremes<T>(Option<(T, T)>);

impl<T: Ord + Copy> Extremes<T> {
    fn add(&mut self, value: T) {
        let (least, greatest) = self.0.unwrap_or((value, value));
        self.0 = Some((least.min(value), greatest.max(value)));
    }
}
