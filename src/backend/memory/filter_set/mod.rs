//! Many filters and one document: which of them match?

mod cover;
mod grams;
mod index;
mod leaves;
mod paths;
mod slab;
mod visit;

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};

use hashbrown::HashTable;
use serde_json::Value as Json;

use crate::backend::memory::program::Code;
use crate::predicate::Predicate;
use leaves::{Guard, Leaves, Place, Posting};
use slab::Slab;
use visit::{Pool, Visit};

/// Stored filters, each with an id, and one question: which of them match a document? For alerts, subscriptions and
/// routing.
///
/// The answer is that of asking a [`Matcher`](crate::Matcher) of each filter, but a filter is looked at only if a
/// document has what the filter cannot do without. Of the conditions that a filter could be found by, the most selective
/// is chosen when it is inserted: `eq` and `in` are found by hash, `contains`, `starts_with` and `ends_with` by some
/// bytes of the string, orderings by order. A condition that many filters share is evaluated once.
///
/// ```
/// use serde_json::json;
/// use trommel::{FilterSet, Schema, parse};
///
/// let schema = Schema::open();
/// let mut alerts = FilterSet::new();
/// alerts.insert("errors", &schema.check(&parse::json(r#"{"level": "error"}"#)?)?);
/// alerts.insert("slow", &schema.check(&parse::json(r#"{"field": "ms", "operator": "gt", "value": 500}"#)?)?);
/// alerts.insert("not mine", &schema.check(&parse::json(r#"{"field": "host", "operator": "ne", "value": "a"}"#)?)?);
///
/// assert_eq!(alerts.matches(&json!({"level": "error", "ms": 700, "host": "a"})), [&"errors", &"slow"]);
/// assert!(alerts.remove("slow"));
/// assert_eq!(alerts.matches(&json!({"level": "info", "ms": 700})), [&"not mine"]);
/// # Ok::<(), trommel::Error>(())
/// ```
#[derive(Clone)]
pub struct FilterSet<K> {
    filters: Slab<Stored<K>>,
    by_id: HashTable<u32>,
    hasher: RandomState,
    leaves: Leaves,
    /// Filters without a cover: every document may match them, and nearly always it does.
    always: BTreeSet<u32>,
    inserted: u64,
    pool: Pool,
}

#[derive(Clone)]
struct Stored<K> {
    id: K,
    /// The order of insertion.
    order: u64,
    code: Code<u32>,
    cover: Box<[Place]>,
}

/// The lists of so many literals are collected at once: more than a processor fetches at a time, and few enough to be still
/// in its nearest cache when they are gone through.
const AT_ONCE: usize = 64;

impl<K> Default for FilterSet<K> {
    fn default() -> FilterSet<K> {
        FilterSet {
            filters: Slab::default(),
            by_id: HashTable::new(),
            hasher: RandomState::new(),
            leaves: Leaves::default(),
            always: BTreeSet::new(),
            inserted: 0,
            pool: Pool::default(),
        }
    }
}

impl<K> FilterSet<K> {
    /// A set of no filters.
    #[must_use]
    pub fn new() -> FilterSet<K> {
        FilterSet::default()
    }

    /// How many filters there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.filters.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The ids of the filters that match a document, a JSON object (D1), in the order in which they were inserted. No
    /// recursion, whatever is nested.
    ///
    /// Cost: the smaller of the document and the distinct paths; a few look-ups for each scalar; each distinct `regex`
    /// and `text` that a filter is found by, once; and the filters that are looked at, each a few steps. Filters that
    /// can be found by nothing but negated conditions or `is_null` are among these for nearly every document. However often a
    /// value is repeated in the document, those that ask for it are looked at once.
    ///
    /// Memory: some pointers for each value that a path leads to, for each filter that matches, and for each list of filters
    /// that share two conditions. The set keeps notes for as many threads
    /// as ever asked at the same time: four bytes for each filter, up to eight for each distinct condition and up to 16
    /// for each distinct path and beginning of one, as many as there were at most.
    #[must_use]
    pub fn matches(&self, document: &Json) -> Vec<&K> {
        let mut visit = Visit::new(&self.leaves, self.filters.bound(), document, self.pool.take());
        let literals = visit.find();
        let decided_by_code = |filter: u32, visit: &mut Visit<'_, '_>| {
            self.filters.get(filter).is_some_and(|stored| stored.code.run(|leaf| visit.holds(*leaf)))
        };
        let always = self.always.iter().copied();
        let mut matching: Vec<u32> = always.filter(|filter| decided_by_code(*filter, &mut visit)).collect();
        // The lists of some literals are collected before a guard is asked, and the ids once all filters are known: what
        // does not wait for an answer is fetched from memory while other things are.
        let mut lists: Vec<(Option<Guard>, &[Posting])> = Vec::new();
        for chunk in literals.chunks(AT_ONCE) {
            lists.extend(chunk.iter().flat_map(|literal| self.leaves.postings(*literal)));
            for (shared, postings) in lists.drain(..) {
                if !visit.pass(&shared) {
                    continue;
                }
                for posting in postings {
                    #[cfg(test)]
                    visit.count(|counts| counts.postings += 1);
                    if !visit.pass(posting.guards.iter().flatten()) {
                        continue;
                    }
                    #[cfg(test)]
                    visit.count(|counts| counts.looked_at += 1);
                    if visit.is_new(posting.filter) && (posting.decides || decided_by_code(posting.filter, &mut visit))
                    {
                        matching.push(posting.filter);
                    }
                }
            }
        }
        self.pool.give(visit.end(literals));
        let mut ids: Vec<(u64, &K)> = Vec::with_capacity(matching.len());
        let stored = matching.into_iter().filter_map(|filter| self.filters.get(filter));
        ids.extend(stored.map(|stored| (stored.order, &stored.id)));
        ids.sort_unstable_by_key(|(order, _)| *order);
        ids.iter().map(|(_, id)| *id).collect()
    }
}

impl<K: Eq + Hash> FilterSet<K> {
    /// Stores a filter under an id; whether one was there that it takes the place of, in the order too.
    ///
    /// Cost: about linear in the filter. Of a condition that another filter has too, only the number is kept.
    pub fn insert(&mut self, id: K, predicate: &Predicate) -> bool {
        let replaced = self.take(&id);
        let order = replaced.as_ref().map_or(self.inserted, |stored| stored.order);
        self.inserted += 1;
        let mut numbers = cover::Numbers::new();
        let code = Code::of_leaves(predicate, |leaf| {
            let number = self.leaves.intern(leaf);
            numbers.insert(std::ptr::from_ref(leaf), number);
            number
        });
        let parts = cover::cover(predicate, &numbers, &self.leaves);
        let hash = self.hasher.hash_one(&id);
        let filter = self.filters.add(Stored { id, order, code, cover: Box::default() });
        match parts {
            None => {
                self.always.insert(filter);
            }
            Some(parts) => {
                let filters = self.filters.len();
                let post = |(part, cover::Part { literal, guards, decides }): (u32, cover::Part)| {
                    self.leaves.post(literal, Posting { filter, part, guards, decides }, filters)
                };
                let cover = (0..).zip(parts).filter_map(post).collect();
                if let Some(stored) = self.filters.get_mut(filter) {
                    stored.cover = cover;
                }
            }
        }
        let FilterSet { filters, by_id, hasher, .. } = self;
        by_id.insert_unique(hash, filter, |other| filters.get(*other).map_or(0, |stored| hasher.hash_one(&stored.id)));
        replaced.is_some()
    }

    /// Removes the filter of an id; whether there was one. Its id, its conditions and their values are dropped, as far as
    /// no other filter has them.
    ///
    /// The slots of what is dropped are used again by what is inserted later, but not given back while filters are left,
    /// and those of paths not even then. A set that once was far larger is smaller when it is built anew.
    ///
    /// Cost: about linear in the filter.
    pub fn remove<Q>(&mut self, id: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.take(id).is_some()
    }

    /// Whether there is a filter of an id.
    #[must_use]
    pub fn contains<Q>(&self, id: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let is_it = |filter: &u32| self.filters.get(*filter).is_some_and(|stored| stored.id.borrow() == id);
        self.by_id.find(self.hasher.hash_one(id), is_it).is_some()
    }

    fn take<Q>(&mut self, id: &Q) -> Option<Stored<K>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let FilterSet { filters, by_id, hasher, .. } = self;
        let is_it = |filter: &u32| filters.get(*filter).is_some_and(|stored| stored.id.borrow() == id);
        let (filter, _) = by_id.find_entry(hasher.hash_one(id), is_it).ok()?.remove();
        let stored = self.filters.take(filter)?;
        self.always.remove(&filter);
        for place in &stored.cover {
            // A cover names each literal once, so what moves belongs to another filter.
            if let Some(moved) = self.leaves.unpost(*place)
                && let Some(other) = self.filters.get_mut(moved.filter)
                && let Some(other) = other.cover.get_mut(moved.part as usize)
            {
                *other = *place;
            }
        }
        stored.code.tests().for_each(|leaf| self.leaves.release(*leaf));
        Some(stored)
    }
}

impl<K> fmt::Debug for FilterSet<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (filters, leaves) = (self.len(), self.leaves.len());
        f.debug_struct("FilterSet").field("filters", &filters).field("distinct_conditions", &leaves).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use std::collections::HashMap;

    use super::*;
    use crate::predicate::Shape;
    use crate::schema::{Field, Schema, Type};

    fn check(filter: Json) -> Predicate {
        Schema::open().check(&crate::parse::value(&filter).unwrap()).unwrap()
    }

    /// How many filters are looked at, those that are passed by their guard left out.
    fn looked_at<K>(set: &FilterSet<K>, document: &Json) -> usize {
        assert!(set.matches(document).len() <= set.len());
        set.pool.counts().looked_at
    }

    #[test]
    fn a_filter_whose_necessary_leaves_do_not_hold_is_not_looked_at() {
        let mut set = FilterSet::new();
        let age = |operator: &str, value: i64| json!({"field": "age", "operator": operator, "value": value});
        for id in 0..1_000 {
            // Found by `user`, and by one of the two.
            set.insert(id, &check(json!({"AND": [{"status": "open"}, age("gt", 0), {"user": id}]})));
            set.insert(1_000 + id, &check(json!({"OR": [{"user": id}, {"AND": [age("gte", id), {"host": id}]}]})));
            // Found by order, and by some bytes.
            set.insert(2_000 + id, &check(age("lt", -id)));
            let needle = format!("error {id:03}");
            set.insert(3_000 + id, &check(json!({"field": "line", "operator": "contains", "value": needle})));
        }
        assert_eq!(looked_at(&set, &json!({"status": "open", "age": 5, "user": 7})), 2);
        assert_eq!(looked_at(&set, &json!({"status": "shut", "age": 5, "user": [7, 8]})), 2);
        assert_eq!(looked_at(&set, &json!({"age": 5, "host": [5, 6]})), 1);
        assert_eq!(looked_at(&set, &json!({"age": -7})), 7);
        assert_eq!(looked_at(&set, &json!({"line": "an error 123 and another error 999"})), 2);
        assert_eq!(looked_at(&set, &json!({"other": {"age": 5}})), 0);
    }

    #[test]
    fn filters_that_share_a_condition_that_does_not_hold_are_passed_over_together() {
        let mut set = FilterSet::new();
        for id in 0..1_000 {
            let host = json!({"field": "host", "operator": "contains", "value": format!("h{id}")});
            set.insert(id, &check(json!({"AND": [{"kind": id % 2}, {"state": id % 5}, host]})));
        }
        let gone_through = |document: Json| -> usize {
            assert!(set.matches(&document).is_empty());
            set.pool.counts().postings
        };
        // Of a thousand, one in ten has both; the first were inserted when it could not be seen that many would.
        assert!((100..200).contains(&gone_through(json!({"kind": 1, "state": 3}))));
        assert!(gone_through(json!({"kind": 1})) < 100);
    }

    #[test]
    fn what_a_posting_asks_is_known_to_be_all_or_not() {
        let decides = |filter: Json| -> Vec<bool> {
            let predicate = check(filter);
            let mut leaves = Leaves::default();
            let mut numbers = cover::Numbers::new();
            let _ = Code::of_leaves(&predicate, |leaf| numbers.insert(std::ptr::from_ref(leaf), leaves.intern(leaf)));
            cover::cover(&predicate, &numbers, &leaves).unwrap().iter().map(|part| part.decides).collect()
        };
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|field| json!({field: 1}));
        assert_eq!(decides(a.clone()), [true]);
        assert_eq!(decides(json!({"AND": [a, b, c]})), [true]);
        // Four are more than a posting has room for.
        assert_eq!(decides(json!({"AND": [a, b, c, d]})), [false]);
        assert_eq!(decides(json!({"OR": [a, {"AND": [b, c]}]})), [true, true]);
        // The OR is not among the guards.
        assert_eq!(decides(json!({"AND": [a, {"OR": [b, c]}]})), [false]);
        let either = json!({"OR": [{"AND": [a, b]}, {"AND": [c, d]}]});
        let above = |field: &str| json!({"field": field, "operator": "gt", "value": 0});
        assert_eq!(decides(json!({"AND": [either, above("e")]})), [true, true]);
        // Each part has a guard of its own, so that one of the two has no room.
        assert_eq!(decides(json!({"AND": [either, above("e"), above("f")]})), [false, false]);
        let nine: Vec<Json> = (0..9).map(|at| json!({ format!("n{at}"): 1 })).collect();
        assert_eq!(decides(json!({"OR": nine})), [true; 9]);
        assert_eq!(decides(json!({"AND": [{"OR": nine}, above("e")]})), [false; 9]);
        // The same condition in two places has no guard.
        assert_eq!(decides(json!({"OR": [{"AND": [a, b]}, {"AND": [a, c]}]})), [false]);
        // What is not known is asked by the code.
        let (predicate, mut leaves, mut numbers) = (check(json!({"AND": [a, b]})), Leaves::default(), HashMap::new());
        let Shape::Group(_, members) = predicate.shape() else { panic!() };
        let leaf = members[0].as_leaf().unwrap();
        numbers.insert(std::ptr::from_ref(leaf), leaves.intern(leaf));
        assert!(!cover::cover(&predicate, &numbers, &leaves).unwrap()[0].decides);
    }

    #[test]
    fn equal_leaves_are_asked_once_for_all_filters() {
        let mut set = FilterSet::new();
        let line = |operator: &str, value: &str| json!({"field": "line", "operator": operator, "value": value});
        for id in 0..1_000 {
            let none = {
                let mut none = line("contains", "quiet");
                none["case_sensitive"] = json!(id % 2 == 0);
                json!({"NOT": [none, line("regex", "^#")]})
            };
            let filter = json!({"AND": [{"user": id % 10}, line("regex", "a+b"), line("ends_with", "!"), none]});
            set.insert(id, &check(filter));
        }
        let document = json!({"user": [1, 2, 3, 4, 5, 6, 7, 8], "line": "loud aab!"});
        assert_eq!(set.matches(&document).len(), 800);
        // Users are found by hash. Two expressions, an end, and `contains` in both letter cases are left.
        assert!((1..=5).contains(&set.pool.counts().evaluated), "{:?}", set.pool.counts());
    }

    #[test]
    fn a_value_met_again_costs_no_more_with_each_filter() {
        let mut set = FilterSet::new();
        let schema = Schema::new([Field::new("at", Type::Datetime)]).unwrap();
        for id in 0..500 {
            let instants = json!(["2024-01-01T00:00:00Z", format!("2025-01-01T00:00:00.{id:03}Z")]);
            for (field, values) in [("tags", json!(["a", id])), ("at", instants)] {
                let filter = json!({"field": field, "operator": "in", "value": values});
                set.insert((field, id), &schema.check(&crate::parse::value(&filter).unwrap()).unwrap());
            }
        }
        let told = |value: &str| {
            let value = json!(vec![value; 100]);
            let mut told = 0;
            for path in 1..=2 {
                set.leaves.paths.index(path).unwrap().probe(&[&value], &mut Default::default(), &mut |_| told += 1);
            }
            told
        };
        assert_eq!(told("a"), 500);
        assert_eq!(told("2024-01-01T00:00:00Z"), 500);
        assert_eq!(told("2025-01-01T00:00:00.007Z"), 100);
    }

    #[test]
    fn a_filter_without_a_cover_is_decided_by_its_code() {
        let mut set = FilterSet::new();
        let predicate = check(json!({"a": 1, "b": 2}));
        assert!(cover::cover(&predicate, &cover::Numbers::new(), &set.leaves).is_none());
        set.insert(1, &predicate);
        for place in std::mem::take(&mut set.filters.get_mut(0).unwrap().cover) {
            set.leaves.unpost(place);
        }
        set.always.insert(0);
        assert_eq!(set.matches(&json!({"a": 1, "b": 2})), [&1]);
        assert_eq!(set.matches(&json!({"a": 1, "b": 3})), [&0; 0]);
    }

    #[test]
    fn what_one_document_needs_is_not_kept_for_all() {
        let mut set = FilterSet::new();
        let numbers: Vec<usize> = (0..20_000).collect();
        for id in 0..2 {
            let values = [&numbers[..], &[20_000 + id]].concat();
            set.insert(id, &check(json!({"field": "n", "operator": "in", "value": values})));
        }
        assert_eq!(set.matches(&json!({"n": numbers})).len(), 2);
        let (epoch, room) = set.pool.kept();
        assert!(epoch == 1 && room < 8_000, "{room}");
    }

    #[test]
    fn the_numbers_of_documents_begin_anew_when_they_run_out() {
        let mut set = FilterSet::new();
        set.insert(1, &check(json!({"a": 1, "b": 1})));
        set.insert(2, &check(json!({"a": 2, "NOT": [{"b": 2}]})));
        set.insert(3, &check(json!({"field": "c", "operator": "exists", "value": false})));
        let documents = [
            (json!({"a": 1, "b": 1, "c": 0}), vec![&1]),
            (json!({"a": 2, "b": 1}), vec![&2, &3]),
            (json!({"c": 2}), vec![]),
            (json!({"a": [1, 2], "b": [1, 2]}), vec![&1, &3]),
        ];
        // What the first documents noted must not be taken for what later ones with the same numbers have.
        let asked = |skipped: usize| {
            for (document, matching) in documents.iter().cycle().skip(skipped).take(documents.len()) {
                assert_eq!(set.matches(document), *matching, "{document}");
            }
        };
        for skipped in 0..documents.len() {
            asked(0);
            set.pool.age();
            asked(skipped);
            assert_eq!(set.pool.kept().0, 3);
        }
    }

    #[test]
    fn leaves_are_shared_and_what_is_removed_is_freed() {
        let mut set = FilterSet::new();
        let filters = [
            json!({"a.b": 1, "a.c": "x"}),
            json!({"NOT": [{"a.b": 1.0}]}),
            json!({"OR": [{"a.b": 1}, {"field": "a", "operator": "exists"}]}),
            json!({"field": "a.b.c", "operator": "contains", "value": "needle"}),
            json!({}),
        ];
        for round in 0..3 {
            for (id, filter) in filters.iter().enumerate() {
                set.insert(id, &check(filter.clone()));
            }
            assert_eq!((set.leaves.len(), set.leaves.paths.len()), (4, 4), "round {round}");
        }
        // In an order of its own.
        for id in [2, 0, 4, 1, 3] {
            assert!(set.remove(&id));
        }
        assert_eq!((set.leaves.len(), set.leaves.paths.len(), set.always.len()), (0, 0, 0));
        assert_eq!((set.filters.bound(), set.leaves.bound()), (0, 0));
    }
}
