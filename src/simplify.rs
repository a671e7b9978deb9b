//! Rewrites that keep the answer on every document (R1, R2): each with its law.
//!
//! | law | why it holds for any-element arrays |
//! | --- | --- |
//! | `a AND (b AND c)` = `a AND b AND c`, OR likewise | AND and OR are associative |
//! | `a AND a` = `a`, OR likewise | a test is a function of the document |
//! | `a AND true` = `a`, `a AND false` = `false`, OR dually | two values, no unknown |
//! | `a AND NOT a` = `false`, `a OR NOT a` = `true` | `NOT a` is the exact complement |
//! | `a AND NOT b` = `false`, `NOT a OR b` = `true`, where `a` is `x in A` and `b` is `x in B` for a part A of B, or `a` is `x > 6` and `b` is `x > 5` | what satisfies `a` satisfies `b` |
//! | `x in A OR x in B` = `x in A ∪ B` | "some scalar is in A, or some is in B" |
//! | `NOT x in A AND NOT x in B` = `NOT x in A ∪ B` | the complement of the law above |
//! | `x > 5 AND x > 6` = `x > 6`, `OR`: `x > 5`; for NOT the other way round | a scalar above 6 is above 5 |
//!
//! Not here, because they are wrong for arrays: `x = 1 AND x = 2` is not false, two opposite bounds are not a BETWEEN,
//! and `NOT x > 5` is not `x <= 5`.

use hashbrown::HashTable;

use crate::hash::keyed;
use crate::predicate::{Bound, Comparison, Join, Leaf, Places, Predicate, Shape, Test};
use crate::set::Set;
use crate::value::{Instant, Value};

/// The simplified group of `members`, each of which is simplified.
pub(crate) fn join(join: Join, members: Vec<Predicate>) -> Predicate {
    let Some(members) = flatten(join, members) else { return constant(dual(join)) };
    if members.len() < 2 {
        return members.into_iter().next().unwrap_or_else(|| constant(join));
    }
    let mut members = if are_apart(join, &members) { members } else { merge(join, members) };
    if has_contradiction(join, &members) {
        return constant(dual(join));
    }
    match members.len() {
        1 => members.pop().unwrap_or_else(|| constant(join)),
        _ => Predicate::group(join, members),
    }
}

/// The group of nothing: `All` is always, `Any` is never.
fn constant(join: Join) -> Predicate {
    Predicate::group(join, Vec::new())
}

fn dual(join: Join) -> Join {
    match join {
        Join::All => Join::Any,
        Join::Any => Join::All,
    }
}

/// The members without groups of the same kind and without what changes nothing. `None` if one member decides the
/// whole: `false` in an AND, `true` in an OR.
fn flatten(join: Join, members: Vec<Predicate>) -> Option<Vec<Predicate>> {
    let is_flat = |member: &Predicate| match member.shape() {
        Shape::Group(inner, of) => inner != join && !of.is_empty(),
        Shape::Leaf(_) => true,
    };
    if members.iter().all(is_flat) {
        return Some(members);
    }
    let mut flat = Vec::with_capacity(members.len());
    for member in members {
        match member.shape() {
            // Simplified groups hold no group of their own kind: one level is enough.
            Shape::Group(inner, of) if inner == join => flat.extend_from_slice(of),
            Shape::Group(_, []) => return None,
            Shape::Group(..) | Shape::Leaf(_) => flat.push(member),
        }
    }
    Some(flat)
}

/// What makes leaves of one path one leaf.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Sets that unite.
    Set,
    /// Lists of instants that unite.
    Instants,
    /// Bounds in one direction on one type: one of them decides.
    Bound { is_upper: bool, bound: std::mem::Discriminant<Bound> },
    /// Nothing but an equal leaf.
    Same,
}

impl Class {
    /// A number for the hash. That bounds of two types share one costs a comparison.
    fn number(self) -> u64 {
        match self {
            Class::Set => 0,
            Class::Instants => 1,
            Class::Bound { is_upper, .. } => 2 + u64::from(is_upper),
            Class::Same => 4,
        }
    }
}

fn class(join: Join, leaf: &Leaf) -> Class {
    let unites = (join == Join::Any) != leaf.is_negated();
    match leaf.test() {
        Test::In(_) if unites => Class::Set,
        Test::InInstants(_) if unites => Class::Instants,
        Test::Compare(comparison, bound) => {
            let is_upper = matches!(comparison, Comparison::Lt | Comparison::Lte);
            Class::Bound { is_upper, bound: std::mem::discriminant(bound) }
        }
        Test::Exists
        | Test::IsNull
        | Test::In(_)
        | Test::InInstants(_)
        | Test::Contains(_)
        | Test::StartsWith(_)
        | Test::EndsWith(_)
        | Test::Regex(_)
        | Test::Text(_) => Class::Same,
    }
}

/// Members that become one, in the place of the first.
struct Cluster {
    class: Class,
    hash: u64,
    first: Predicate,
    /// Most have none.
    more: Vec<Predicate>,
}

/// What a member may become one with: those of the same class and hash, which `own` makes of a member and `path` of a leaf
/// that merges with others at its path.
fn cluster(
    join: Join,
    member: &Predicate,
    own: impl FnOnce(&Predicate) -> u64,
    path: impl FnOnce(&Leaf, Class) -> u64,
) -> (Class, u64) {
    match member.as_leaf().map(|leaf| (leaf, class(join, leaf))) {
        None | Some((_, Class::Same)) => (Class::Same, own(member)),
        Some((leaf, class)) => (class, path(leaf, class)),
    }
}

/// The same with hashes that no client can make collide.
fn keyed_cluster(join: Join, member: &Predicate) -> (Class, u64) {
    let at_path = |leaf: &Leaf, class: Class| keyed((leaf.path(), class.number(), leaf.is_negated()));
    cluster(join, member, Predicate::hash_value, at_path)
}

/// Up to so many members, comparing each with each is cheaper than hashes and a table.
const FEW: usize = 16;

/// Whether no two members become one, as in most groups.
fn are_apart(join: Join, members: &[Predicate]) -> bool {
    let belongs = |other: usize, member: &Predicate, wanted: Class| {
        let other = &members[other];
        wanted == other.as_leaf().map_or(Class::Same, |leaf| class(join, leaf)) && clusters_with(other, member, wanted)
    };
    if members.len() <= FEW {
        let mut sketches = [0; FEW];
        return members.iter().enumerate().all(|(at, member)| {
            let at_path = |leaf: &Leaf, _| u64::from(leaf.path().sketch());
            let (class, sketch) = cluster(join, member, Predicate::sketch, at_path);
            sketches[at] = sketch;
            !(0..at).any(|other| sketches[other] == sketch && belongs(other, member, class))
        });
    }
    let mut index: HashTable<(u64, u32)> = HashTable::with_capacity(members.len());
    members.iter().enumerate().all(|(at, member)| {
        let (class, hash) = keyed_cluster(join, member);
        let is_new =
            index.find(hash, |(found, other)| *found == hash && belongs(*other as usize, member, class)).is_none();
        index.insert_unique(hash, (hash, at as u32), |(hash, _)| *hash);
        is_new
    })
}

/// Drops duplicates and merges leaves. The order is that of the first of each.
fn merge(join: Join, members: Vec<Predicate>) -> Vec<Predicate> {
    let mut clusters: Vec<Cluster> = Vec::with_capacity(members.len());
    let mut index: HashTable<u32> = HashTable::with_capacity(members.len());
    for member in members {
        let (class, hash) = keyed_cluster(join, &member);
        let belongs = |at: &u32| {
            let cluster = &clusters[*at as usize];
            cluster.hash == hash && cluster.class == class && clusters_with(&cluster.first, &member, class)
        };
        match index.find(hash, belongs) {
            Some(at) => clusters[*at as usize].more.push(member),
            None => {
                index.insert_unique(hash, clusters.len() as u32, |at| clusters[*at as usize].hash);
                clusters.push(Cluster { class, hash, first: member, more: Vec::new() });
            }
        }
    }
    let mut merged = Vec::with_capacity(clusters.len());
    for cluster in clusters {
        merge_cluster(join, cluster, &mut merged);
    }
    merged
}

/// Whether two members of one class belong together.
fn clusters_with(a: &Predicate, b: &Predicate, class: Class) -> bool {
    match (class, a.shape(), b.shape()) {
        (Class::Same, Shape::Leaf(a), Shape::Leaf(b)) => a == b,
        (Class::Same, _, _) => a == b,
        (_, Shape::Leaf(a), Shape::Leaf(b)) => a.path() == b.path() && a.is_negated() == b.is_negated(),
        (_, _, _) => false,
    }
}

/// Adds what a cluster becomes: one member, or for sets of both letter cases two.
fn merge_cluster(join: Join, Cluster { class, first, more, .. }: Cluster, merged: &mut Vec<Predicate>) {
    let first = match first.as_leaf() {
        Some(leaf) if !more.is_empty() => leaf,
        // Alone, or equal groups: one of them says it all.
        Some(_) | None => return merged.push(first),
    };
    let leaves: Vec<&Leaf> = std::iter::once(first).chain(more.iter().filter_map(Predicate::as_leaf)).collect();
    let places = || Places::merge(leaves.iter().map(|leaf| leaf.raw_places()));
    match class {
        Class::Same => merged.push(Predicate::leaf(first.clone().at(places()))),
        Class::Set => merge_sets(&leaves, merged),
        Class::Instants => {
            let mut instants: Vec<Instant> = Vec::new();
            for leaf in &leaves {
                if let Test::InInstants(more) = leaf.test() {
                    instants.extend_from_slice(more);
                }
            }
            instants.sort_unstable();
            instants.dedup();
            merged.push(Predicate::leaf(first.with_test(Test::InInstants(instants.into()), places())));
        }
        Class::Bound { .. } => {
            // Of AND the narrowest bound decides, of OR the widest; for negated leaves the other way round.
            let narrowest = (join == Join::All) != first.is_negated();
            let decisive = leaves.iter().copied().reduce(|a, b| if is_narrower(b, a) == narrowest { b } else { a });
            merged.extend(decisive.map(|leaf| Predicate::leaf(leaf.clone().at(places()))));
        }
    }
}

/// Whether `a` is the narrower of two bounds in one direction; of equal ones, whether it excludes the bound itself.
fn is_narrower(a: &Leaf, b: &Leaf) -> bool {
    let (Test::Compare(comparison, x), Test::Compare(_, y)) = (a.test(), b.test()) else { return false };
    let ordering = match (x, y) {
        (Bound::Number(x), Bound::Number(y)) => x.cmp(y),
        (Bound::String(x), Bound::String(y)) => x.cmp(y),
        (Bound::Instant(x), Bound::Instant(y)) => x.cmp(y),
        (Bound::Number(_) | Bound::String(_) | Bound::Instant(_), _) => return false,
    };
    match comparison {
        Comparison::Gt => ordering.is_ge(),
        Comparison::Gte => ordering.is_gt(),
        Comparison::Lt => ordering.is_le(),
        Comparison::Lte => ordering.is_lt(),
    }
}

/// The union of sets on one path: one set for exact values, one for those whose letter case is ignored. A value without
/// case goes with the latter if there is one, and an exact string that the latter matches anyway is dropped, so that
/// however the values were spread over conditions, the outcome is the same.
fn merge_sets(leaves: &[&Leaf], merged: &mut Vec<Predicate>) {
    let Some(first) = leaves.first() else { return };
    let (mut folded, mut exact): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    for leaf in leaves {
        if let Test::In(set) = leaf.test() {
            let values = if set.ignores_case() { &mut folded } else { &mut exact };
            values.extend(set.iter().cloned());
        }
    }
    let places = Places::merge(leaves.iter().map(|leaf| leaf.raw_places()));
    let mut push = |values: Vec<Value>, ignore_case: bool| {
        let set = Set::new(&values.into(), ignore_case);
        merged.extend(set.map(|set| Predicate::leaf(first.with_test(Test::In(set), places.clone()))));
    };
    if folded.is_empty() {
        push(exact, false);
        return;
    }
    let (mut cased, caseless): (Vec<Value>, Vec<Value>) = exact.into_iter().partition(Value::is_cased);
    folded.extend(caseless);
    let known = Set::new(&folded.clone().into(), true);
    cased.retain(|value| !known.as_ref().is_some_and(|known| known.has_value(value)));
    push(folded, true);
    push(cased, false);
}

/// Whether two members decide the whole: `P` and `NOT N` in an AND where P implies N, in an OR where N implies P.
///
/// Equal tests alone would not do: what merging made of N has to be told as well, or the outcome would depend on how the
/// group was nested (R3). What implies is a test that does not unite here, so it is as it was written; what is implied
/// is on the side that unites.
fn has_contradiction(join: Join, members: &[Predicate]) -> bool {
    let leaves = |negated: bool| {
        members.iter().filter_map(move |member| match member.shape() {
            Shape::Leaf(leaf) if leaf.is_negated() == negated => Some(leaf),
            Shape::Leaf(_) | Shape::Group(..) => None,
        })
    };
    let (implying, implied) = (join == Join::Any, join == Join::All);
    if leaves(implying).next().is_none() || leaves(implied).next().is_none() {
        return false;
    }
    // Those that merge are found by their path, and are few there; the others by the whole question.
    fn merges(leaf: &Leaf) -> bool {
        matches!(leaf.test(), Test::In(_) | Test::InInstants(_) | Test::Compare(..))
    }
    fn test(leaf: &Leaf) -> Option<&Test> {
        (!merges(leaf)).then_some(leaf.test())
    }
    let hash = |leaf: &Leaf| keyed((leaf.path(), test(leaf)));
    let is_same = |a: &Leaf, b: &Leaf| a.path() == b.path() && test(a) == test(b);
    let mut index: HashTable<Vec<&Leaf>> = HashTable::new();
    for leaf in leaves(implied) {
        let entry = index.entry(hash(leaf), |found| is_same(found[0], leaf), |found| hash(found[0]));
        entry.or_insert_with(Vec::new).get_mut().push(leaf);
    }
    leaves(implying).any(|leaf| {
        index
            .find(hash(leaf), |found| is_same(found[0], leaf))
            .is_some_and(|found| !merges(leaf) || implies(leaf, found))
    })
}

/// Whether a leaf's test implies that one of the others' holds, all of them on one path.
fn implies(leaf: &Leaf, others: &[&Leaf]) -> bool {
    match leaf.test() {
        Test::In(set) => set.iter().all(|value| {
            // A folded string stands for all that fold to it.
            let needs_case = set.ignores_case() && value.is_cased();
            let holds = |other: &Set| (other.ignores_case() || !needs_case) && other.has_value(value);
            others.iter().any(|other| matches!(other.test(), Test::In(other) if holds(other)))
        }),
        Test::InInstants(instants) => {
            let holds = |other: &[Instant]| instants.iter().all(|instant| other.binary_search(instant).is_ok());
            others.iter().any(|other| matches!(other.test(), Test::InInstants(other) if holds(other)))
        }
        Test::Compare(..) => others.iter().any(|other| {
            let same_direction = class(Join::All, leaf) == class(Join::All, other);
            same_direction && (leaf.test() == other.test() || is_narrower(leaf, other))
        }),
        Test::Exists
        | Test::IsNull
        | Test::Contains(_)
        | Test::StartsWith(_)
        | Test::EndsWith(_)
        | Test::Regex(_)
        | Test::Text(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::schema::Schema;

    #[test]
    fn two_of_few_or_of_many_become_one_wherever_they_stand() {
        let predicate = |filter: &Json| Schema::open().check(&crate::parse::value(filter).unwrap()).unwrap();
        let at = |path: usize, value: usize| json!({"field": format!("x{path}"), "operator": "gt", "value": value});
        for join in ["AND", "OR"] {
            for count in [2, 7, FEW, FEW + 1, 2 * FEW] {
                let members: Vec<Json> = (0..count).map(|path| at(path, 5)).collect();
                assert_eq!(predicate(&json!({join: members})).leaf_count(), count);
                for i in 0..count {
                    for j in (0..count).filter(|j| *j != i) {
                        // The same, and a bound that the other decides.
                        for value in [5, if join == "AND" { 4 } else { 6 }] {
                            let mut twice = members.clone();
                            twice[j] = at(i, value);
                            let mut once = members.clone();
                            once.remove(j);
                            assert_eq!(predicate(&json!({join: twice})), predicate(&json!({join: once})), "{i}, {j}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn equal_predicates_have_one_sketch_and_one_hash() {
        let predicate = |filter: &Json| Schema::open().check(&crate::parse::value(filter).unwrap()).unwrap();
        let eq = |field: &str, value: Json| json!({"field": field, "operator": "eq", "value": value});
        let nocase = |value: &str| json!({"field": "a", "operator": "eq", "value": value, "case_sensitive": false});
        let (x, y, z) =
            (eq("x", json!(1)), json!({"field": "y", "operator": "gt", "value": "v"}), eq("z", json!(true)));
        let pairs = [
            (eq("a.b", json!("s")), eq(r#""a"."b""#, json!("s"))),
            (eq("a", json!(1)), eq("a", json!(1.0))),
            (eq("a", json!(0)), eq("a", json!(-0.0))),
            (eq("a", json!(9_007_199_254_740_993_u64)), eq("a", json!(9_007_199_254_740_993_i64))),
            (nocase("\u{212A}elvin"), nocase("kELVIN")),
            (eq("a", json!("5")), nocase("5")),
            (eq("a", json!(null)), json!({"field": "a", "operator": "is_null", "value": true})),
            (json!({"AND": [x, y, z]}), json!({"AND": [z, {"AND": [y, x]}, y]})),
            (json!({"OR": [x, {"AND": [y, z]}]}), json!({"NOT": [{"NOT": [{"OR": [x, {"AND": [z, y, z]}]}]}]})),
        ];
        for (a, b) in &pairs {
            let (a, b) = (predicate(a), predicate(b));
            assert_eq!(a, b);
            assert_eq!((a.sketch(), a.hash_value()), (b.sketch(), b.hash_value()), "{a}");
        }
        let apart = [eq("a", json!(1)), eq("a", json!("1")), eq("b", json!(1)), json!({"NOT": [eq("a", json!(1))]}), x];
        let hashes: std::collections::HashSet<u64> =
            apart.iter().map(|filter| predicate(filter).hash_value()).collect();
        assert_eq!(hashes.len(), apart.len());
    }

    #[test]
    fn groups_of_any_depth_are_told_apart_in_a_small_stack() {
        fn leaf(field: &str, operator: &str, value: &Json) -> Predicate {
            let filter = json!({"field": field, "operator": operator, "value": value});
            Schema::open().check(&crate::parse::value(&filter).unwrap()).unwrap()
        }
        fn deep(innermost: i64) -> Predicate {
            (0..20_000).fold(leaf("a", "gt", &json!(innermost)), |deep, level| {
                // Each level at another path, or they would merge.
                let members = [leaf(&format!("l{level}"), "exists", &json!(true)), deep];
                if level % 2 == 0 { Predicate::all(members) } else { Predicate::any(members) }
            })
        }
        let run = || {
            let (a, b, c) = (deep(5), deep(5), deep(6));
            assert!(a.depth() > 10_000);
            assert_eq!(a.hash_value(), b.hash_value());
            assert_ne!(a.hash_value(), c.hash_value());
            assert_eq!(Predicate::all([a.clone(), b.clone()]), a);
            assert_eq!(Predicate::all([a, b, c]).leaf_count(), 2 * deep(5).leaf_count());
        };
        std::thread::Builder::new().stack_size(256 << 10).spawn(run).unwrap().join().unwrap();
    }
}
