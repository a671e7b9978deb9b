//! What a filter means: typed, NOT at the leaves, simplified.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Place;
use crate::filter::{Filter, NodeId};
use crate::hash::{keyed, mix, sketch};
use crate::operator::Operator;
use crate::path::Path;
use crate::pattern::Pattern;
use crate::schema::Facts;
use crate::set::Set;
use crate::simplify;
use crate::value::{Instant, Number, Str, Value};

/// What a filter means: a tree of AND and OR over leaves that carry their own negation, simplified as R2 allows.
///
/// It comes from [`Schema::check`](crate::Schema::check). Cloning is cheap, and so is keeping a part of it. Two
/// predicates are equal if their canonical forms are (R3): order, spelling, duplicates and places play no part.
///
/// ```
/// use trommel::{Schema, Verdict, parse};
///
/// let schema = Schema::open();
/// let a = schema.check(&parse::json(r#"{"NOT": [{"field": "n", "operator": "in", "value": [1, 2]}]}"#)?)?;
/// let b = schema.check(&parse::json(r#"{"field": "n", "operator": "nin", "value": [2, 1.0, 2]}"#)?)?;
/// assert_eq!(a, b);
/// assert_eq!(a.fingerprint(), b.fingerprint());
/// assert_eq!(a.to_filter().to_string(), r#"{"field":"n","operator":"nin","value":[1,2]}"#);
/// assert_eq!(a.verdict(), Verdict::Sometimes);
/// # Ok::<(), trommel::Error>(())
/// ```
#[derive(Clone)]
pub struct Predicate(triomphe::Arc<Node>);

struct Node {
    kind: Kind,
    depth: u32,
    leaves: u32,
}

enum Kind {
    Group {
        join: Join,
        members: Vec<Predicate>,
        /// The sum of those of the members.
        sketch: u64,
        /// Made when asked for, which most are not; 0: not yet.
        hash: AtomicU64,
    },
    Leaf(Leaf),
}

/// How a group joins its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Join {
    /// Every member holds; of nothing, every document.
    All,
    /// At least one member holds; of nothing, no document.
    Any,
}

/// What a [`Predicate`] is.
#[derive(Clone, Copy, Debug)]
pub enum Shape<'p> {
    /// A group. Only a whole predicate is a group of nothing: a constant.
    Group(Join, &'p [Predicate]),
    /// A leaf.
    Leaf(&'p Leaf),
}

/// What can be said of every document at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It matches every document.
    Always,
    /// It matches no document.
    Never,
    /// Neither was proved: it depends on the document, as far as one can see.
    Sometimes,
}

/// One test on one path, negated or not.
#[derive(Clone)]
pub struct Leaf {
    path: Path,
    test: Test,
    negated: bool,
    facts: Facts,
    places: Places,
}

/// A positive test: the table of conditions in [`semantics`](crate::semantics), typed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Test {
    /// The path leads somewhere.
    Exists,
    /// There is nothing but nulls at the path.
    IsNull,
    /// Some scalar is one of the set: `eq` and `in`.
    In(Set),
    /// Some scalar is an instant of the list, which is sorted and not empty: `eq` and `in` on a datetime field (T3).
    InInstants(Arc<[Instant]>),
    /// Some scalar of the bound's type compares so with it.
    Compare(Comparison, Bound),
    /// Some string holds the needle.
    Contains(Needle),
    /// Some string begins with the needle.
    StartsWith(Needle),
    /// Some string ends with the needle.
    EndsWith(Needle),
    /// Some string has a match.
    Regex(Pattern),
    /// Every token is among the tokens of the strings at the path, pooled (C5).
    Text(Tokens),
}

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
}

impl Comparison {
    /// The order that an operator asks for, if it is one of the four.
    pub(crate) fn of(operator: Operator) -> Option<Comparison> {
        const ALL: [Comparison; 4] = [Comparison::Gt, Comparison::Gte, Comparison::Lt, Comparison::Lte];
        ALL.into_iter().find(|comparison| comparison.operator() == operator)
    }

    /// The operator that asks for it.
    #[must_use]
    pub fn operator(self) -> Operator {
        match self {
            Comparison::Gt => Operator::Gt,
            Comparison::Gte => Operator::Gte,
            Comparison::Lt => Operator::Lt,
            Comparison::Lte => Operator::Lte,
        }
    }

    /// Whether a value that stands so to a bound satisfies the comparison.
    #[must_use]
    pub fn accepts(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Comparison::Gt => ordering.is_gt(),
            Comparison::Gte => ordering.is_ge(),
            Comparison::Lt => ordering.is_lt(),
            Comparison::Lte => ordering.is_le(),
        }
    }
}

/// What a comparison compares with; its type is the type of the values that count.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Bound {
    /// Numbers compare with it, by mathematical value.
    Number(Number),
    /// Strings compare with it, by code point.
    String(Str),
    /// Strings that are instants compare with it (T3).
    Instant(Instant),
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Number(number) => number.fmt(f),
            Bound::String(string) => fmt::Debug::fmt(string, f),
            Bound::Instant(instant) => instant.fmt(f),
        }
    }
}

/// A string to look for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Needle {
    text: Str,
    ignore_case: bool,
}

impl Needle {
    /// The needle of an operand. Where letter case is ignored and can matter, the text is folded.
    pub(crate) fn new(text: &Str, ignore_case: bool) -> Needle {
        let ignore_case = ignore_case && crate::fold::has_case(text);
        let text = if ignore_case { crate::fold::fold(text).into() } else { text.clone() };
        Needle { text, ignore_case }
    }

    /// The string; folded if letter case is ignored.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The string, shared.
    pub(crate) fn shared(&self) -> Str {
        self.text.clone()
    }

    /// Whether letter case is ignored (L2). Never set where it can change nothing.
    #[must_use]
    pub fn ignores_case(&self) -> bool {
        self.ignore_case
    }
}

/// The tokens of a `text` query: folded, sorted, distinct, at least one (C5).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tokens(Arc<[String]>);

impl Tokens {
    /// The tokens of a query; `None` if it has none.
    pub(crate) fn of(query: &str) -> Option<Tokens> {
        let mut tokens: Vec<String> = crate::fold::tokens(query).collect();
        tokens.sort_unstable();
        tokens.dedup();
        (!tokens.is_empty()).then(|| Tokens(tokens.into()))
    }

    /// Where a token stands that folds to `token` folded.
    pub(crate) fn position_folded(&self, token: &str) -> Option<usize> {
        let folded = token.chars().map(crate::fold::fold_char);
        self.0.binary_search_by(|wanted| wanted.chars().cmp(folded.clone())).ok()
    }

    /// The tokens, sorted.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// Where the conditions stand that a leaf came from: one for most, several for a leaf that was merged from several.
#[derive(Clone, Default)]
pub(crate) enum Places {
    #[default]
    None,
    One(Filter, NodeId),
    Many(Arc<[(Filter, NodeId)]>),
}

impl Places {
    fn iter(&self) -> impl Iterator<Item = (&Filter, NodeId)> {
        let (one, many) = match self {
            Places::None => (None, &[][..]),
            Places::One(filter, node) => (Some((filter, *node)), &[][..]),
            Places::Many(places) => (None, &places[..]),
        };
        one.into_iter().chain(many.iter().map(|(filter, node)| (filter, *node)))
    }

    /// All the places of several leaves.
    pub(crate) fn merge<'p>(all: impl IntoIterator<Item = &'p Places, IntoIter: Clone>) -> Places {
        let all = all.into_iter();
        let count = all.clone().map(|places| places.iter().count()).sum();
        let mut places: Vec<(Filter, NodeId)> = Vec::with_capacity(count);
        places.extend(all.flat_map(Places::iter).map(|(filter, node)| (filter.clone(), node)));
        match places.len() {
            0 => Places::None,
            1 => places.pop().map_or(Places::None, |(filter, node)| Places::One(filter, node)),
            _ => Places::Many(places.into()),
        }
    }
}

impl Leaf {
    #[inline]
    pub(crate) fn new(path: Path, test: Test, negated: bool, facts: Facts, places: Places) -> Leaf {
        Leaf { path, test, negated, facts, places }
    }

    /// The path that the test looks at.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The positive test.
    #[must_use]
    pub fn test(&self) -> &Test {
        &self.test
    }

    /// Whether the leaf is the exact complement of its test.
    #[must_use]
    pub fn is_negated(&self) -> bool {
        self.negated
    }

    /// What the schema promises of the path.
    #[must_use]
    pub fn facts(&self) -> Facts {
        self.facts
    }

    /// Where in the filter it was written: one place for each condition that was merged into it. Cost: their depths.
    pub fn places(&self) -> impl Iterator<Item = Place> + '_ {
        self.places.iter().map(|(filter, node)| filter.place(node))
    }

    pub(crate) fn raw_places(&self) -> &Places {
        &self.places
    }

    /// The complement.
    #[must_use]
    pub fn negate(mut self) -> Leaf {
        self.negated = !self.negated;
        self
    }

    /// Equal for equal leaves; see [`Predicate::sketch`].
    fn sketch(&self) -> u64 {
        let operand = match &self.test {
            Test::In(set) => match set.single() {
                Some(Value::String(string)) if !set.ignores_case() => u64::from(sketch(string)),
                // Equal numbers have one float, of which there are two zeros.
                Some(Value::Number(number)) => (number.to_f64_lossy() + 0.0).to_bits(),
                Some(_) | None => 0,
            },
            _ => 0,
        };
        mix((u64::from(self.path.sketch()) << 1) | u64::from(self.negated), operand)
    }

    /// Equal for equal leaves.
    fn hash_value(&self) -> u64 {
        // One string, as in most leaves: what else there is to it does not need the hasher.
        if let Test::In(set) = &self.test
            && let Some(Value::String(string)) = set.single()
        {
            let word = (u64::from(set.ignores_case()) << 1) | u64::from(self.negated);
            return mix(keyed((&self.path, string)), word);
        }
        keyed((&self.path, &self.test, self.negated))
    }

    /// The same at other places.
    pub(crate) fn at(mut self, places: Places) -> Leaf {
        self.places = places;
        self
    }

    /// The same with another test.
    pub(crate) fn with_test(&self, test: Test, places: Places) -> Leaf {
        Leaf { path: self.path.clone(), test, negated: self.negated, facts: self.facts, places }
    }
}

impl PartialEq for Leaf {
    /// The same question, wherever it was asked.
    fn eq(&self, other: &Leaf) -> bool {
        self.negated == other.negated && self.path == other.path && self.test == other.test
    }
}

impl Eq for Leaf {}

impl Hash for Leaf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.path, &self.test, self.negated).hash(state);
    }
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.negated { "NOT " } else { "" };
        write!(f, "{not}{} {:?}", self.path, self.test)
    }
}

impl Predicate {
    /// Matches every document.
    #[must_use]
    pub fn always() -> Predicate {
        Predicate::group(Join::All, Vec::new())
    }

    /// Matches no document.
    #[must_use]
    pub fn never() -> Predicate {
        Predicate::group(Join::Any, Vec::new())
    }

    /// One leaf.
    #[must_use]
    #[inline]
    pub fn leaf(leaf: Leaf) -> Predicate {
        Predicate(triomphe::Arc::new(Node { kind: Kind::Leaf(leaf), depth: 0, leaves: 1 }))
    }

    /// The documents that all of these match, simplified (R2). Cost: linear in the number of members.
    #[must_use]
    pub fn all(members: impl IntoIterator<Item = Predicate>) -> Predicate {
        simplify::join(Join::All, members.into_iter().collect())
    }

    /// The documents that any of these matches, simplified (R2). Cost: linear in the number of members.
    #[must_use]
    pub fn any(members: impl IntoIterator<Item = Predicate>) -> Predicate {
        simplify::join(Join::Any, members.into_iter().collect())
    }

    /// A group as it stands. INVARIANT: simplified by the caller.
    pub(crate) fn group(join: Join, members: Vec<Predicate>) -> Predicate {
        let depth = members.iter().map(|member| member.0.depth + 1).max().unwrap_or(0);
        let leaves = members.iter().fold(0_u32, |sum, member| sum.saturating_add(member.0.leaves));
        let sketch = members.iter().fold(0_u64, |sum, member| sum.wrapping_add(member.sketch()));
        let kind = Kind::Group { join, members, sketch, hash: AtomicU64::new(0) };
        let group = Predicate(triomphe::Arc::new(Node { kind, depth, leaves }));
        if depth == 0 {
            // A constant has no members to wait for.
            group.hash_members();
        }
        group
    }

    /// What it is.
    #[must_use]
    pub fn shape(&self) -> Shape<'_> {
        match &self.0.kind {
            Kind::Group { join, members, .. } => Shape::Group(*join, members),
            Kind::Leaf(leaf) => Shape::Leaf(leaf),
        }
    }

    /// What can be said of every document at once, so that a caller can refuse to delete everything.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.shape() {
            Shape::Group(Join::All, []) => Verdict::Always,
            Shape::Group(Join::Any, []) => Verdict::Never,
            Shape::Group(..) | Shape::Leaf(_) => Verdict::Sometimes,
        }
    }

    /// Groups around the deepest leaf.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.depth as usize
    }

    /// The number of leaves; a part that is shared counts each time.
    #[must_use]
    pub fn leaf_count(&self) -> usize {
        self.0.leaves as usize
    }

    /// The leaves, in order.
    pub fn leaves(&self) -> impl Iterator<Item = &Leaf> {
        let mut stack = vec![self];
        std::iter::from_fn(move || {
            loop {
                match stack.pop()?.shape() {
                    Shape::Leaf(leaf) => return Some(leaf),
                    Shape::Group(_, members) => stack.extend(members.iter().rev()),
                }
            }
        })
    }

    /// The paths that it looks at, sorted, each once. Cost: linear in the leaves, and a sort.
    #[must_use]
    pub fn fields(&self) -> Vec<&Path> {
        let mut fields: Vec<&Path> = self.leaves().map(Leaf::path).collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// The leaf that it is.
    pub(crate) fn as_leaf(&self) -> Option<&Leaf> {
        match self.shape() {
            Shape::Leaf(leaf) => Some(leaf),
            Shape::Group(..) => None,
        }
    }

    /// Equal for equal predicates; of others it tells by their paths, and by a number or an exact string that is asked for.
    /// Cost: next to nothing.
    pub(crate) fn sketch(&self) -> u64 {
        match &self.0.kind {
            Kind::Group { sketch, .. } => *sketch,
            Kind::Leaf(leaf) => leaf.sketch(),
        }
    }

    /// Equal for equal predicates, in any order of a group's members. Cost: that of hashing the leaves; of a group, once.
    pub(crate) fn hash_value(&self) -> u64 {
        match self.known_hash() {
            0 if self.0.depth > 1 => self.hash_from_below(),
            0 => self.hash_members(),
            known => known,
        }
    }

    /// The hash of a leaf, or of a group if it was made.
    fn known_hash(&self) -> u64 {
        match &self.0.kind {
            Kind::Group { hash, .. } => hash.load(Ordering::Relaxed),
            Kind::Leaf(leaf) => leaf.hash_value(),
        }
    }

    /// Makes the hash of a group from those of its members. INVARIANT: they are known.
    fn hash_members(&self) -> u64 {
        let Kind::Group { join, members, hash, .. } = &self.0.kind else { return self.known_hash() };
        let sum = members.iter().fold(0_u64, |sum, member| sum.wrapping_add(member.known_hash()));
        let own = mix(sum, ((members.len() as u64) << 1) | u64::from(*join == Join::Any)).max(1);
        hash.store(own, Ordering::Relaxed);
        own
    }

    /// The same for a group whose members are not known, with a stack of its own.
    fn hash_from_below(&self) -> u64 {
        let mut open = vec![self];
        loop {
            let Some(&group) = open.last() else { return self.known_hash() };
            // One that is a member of several is made once.
            if group.known_hash() != 0 {
                open.pop();
                continue;
            }
            let first = open.len();
            if let Shape::Group(_, members) = group.shape() {
                open.extend(members.iter().filter(|member| member.0.depth > 0 && member.known_hash() == 0));
            }
            if open.len() == first {
                group.hash_members();
                open.pop();
            }
        }
    }

    /// Folds the tree from its leaves up, without recursion.
    pub(crate) fn fold<'p, T, E>(&'p self, mut fold: impl FnMut(Fold<'p, T>) -> Result<T, E>) -> Result<T, E> {
        struct Open<'p, T> {
            predicate: &'p Predicate,
            join: Join,
            rest: std::slice::Iter<'p, Predicate>,
            done: Vec<T>,
        }
        let mut open: Vec<Open<'_, T>> = Vec::new();
        let mut next = self;
        loop {
            let mut folded = match next.shape() {
                Shape::Leaf(leaf) => fold(Fold::Leaf(next, leaf))?,
                Shape::Group(join, []) => fold(Fold::Group(next, join, Vec::new()))?,
                Shape::Group(join, [first, rest @ ..]) => {
                    let done = Vec::with_capacity(rest.len() + 1);
                    open.push(Open { predicate: next, join, rest: rest.iter(), done });
                    next = first;
                    continue;
                }
            };
            next = loop {
                let Some(mut group) = open.pop() else { return Ok(folded) };
                group.done.push(folded);
                if let Some(member) = group.rest.next() {
                    open.push(group);
                    break member;
                }
                folded = fold(Fold::Group(group.predicate, group.join, group.done))?;
            };
        }
    }
}

/// What [`Predicate::fold`] comes to next.
pub(crate) enum Fold<'p, T> {
    Leaf(&'p Predicate, &'p Leaf),
    /// A group, and what became of its members.
    Group(&'p Predicate, Join, Vec<T>),
}

impl Drop for Node {
    /// Takes the tree apart with a stack of its own: the default would recurse.
    fn drop(&mut self) {
        fn take(node: &mut Node) -> Vec<Predicate> {
            match &mut node.kind {
                Kind::Group { members, .. } => std::mem::take(members),
                Kind::Leaf(_) => Vec::new(),
            }
        }
        let mut stack = take(self);
        while let Some(member) = stack.pop() {
            // A leaf, and a group of leaves, is dropped where it is.
            if member.0.depth > 1
                && let Some(mut node) = triomphe::Arc::into_unique(member.0)
            {
                stack.append(&mut take(&mut node));
            }
        }
    }
}

impl PartialEq for Predicate {
    fn eq(&self, other: &Predicate) -> bool {
        triomphe::Arc::ptr_eq(&self.0, &other.0)
            || (self.hash_value() == other.hash_value() && self.fingerprint() == other.fingerprint())
    }
}

impl Eq for Predicate {}

impl Hash for Predicate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash_value().hash(state);
    }
}

impl fmt::Display for Predicate {
    /// The canonical JSON (R3).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_filter(), f)
    }
}

impl fmt::Debug for Predicate {
    /// The canonical JSON (R3).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
