//! The store: its query language, and how well it can say what.

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value as Json;
use trommel::{Backend, Bound, Comparison, Cover, Instant, Join, Leaf, Number, Path, Set, Test, Why};

/// What the store understands.
#[derive(Clone, Debug)]
pub(crate) enum Query {
    Every,
    Both(Vec<Query>),
    Either(Vec<Query>),
    Not(Box<Query>),
    Present(Path),
    Null(Path),
    OneOf(Path, Set),
    Compares(Path, Comparison, Bound),
    /// A string with the needle at the start, at the end, or anywhere.
    Holds(Path, Anchor, String),
    /// Any string at all.
    SomeString(Path),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Anchor {
    Start,
    End,
    Anywhere,
}

impl Query {
    pub(crate) fn accepts(&self, document: &Json) -> bool {
        match self {
            Query::Every => true,
            Query::Both(parts) => parts.iter().all(|part| part.accepts(document)),
            Query::Either(parts) => parts.iter().any(|part| part.accepts(document)),
            Query::Not(part) => !part.accepts(document),
            Query::Present(path) => path.nodes(document).count() > 0,
            Query::Null(path) => path.values(document).all(Json::is_null),
            Query::OneOf(path, set) => path.values(document).any(|value| set.contains(value)),
            Query::Compares(path, comparison, bound) => path.scalars(document).any(|value| {
                let ordering = match (value, bound) {
                    (Json::Number(value), Bound::Number(bound)) => {
                        Number::from_json(value).map(|value| value.cmp(bound))
                    }
                    (Json::String(value), Bound::String(bound)) => Some(value.as_str().cmp(bound)),
                    (Json::String(value), Bound::Instant(bound)) => Instant::parse(value).map(|value| value.cmp(bound)),
                    (_, _) => None,
                };
                ordering.is_some_and(|ordering| comparison.accepts(ordering))
            }),
            Query::Holds(path, anchor, needle) => {
                path.scalars(document).filter_map(Json::as_str).any(|string| match anchor {
                    Anchor::Start => string.starts_with(needle),
                    Anchor::End => string.ends_with(needle),
                    Anchor::Anywhere => string.contains(needle),
                })
            }
            Query::SomeString(path) => path.scalars(document).any(Json::is_string),
        }
    }

    fn depth(&self) -> usize {
        match self {
            Query::Both(parts) | Query::Either(parts) => 1 + parts.iter().map(Query::depth).max().unwrap_or(0),
            Query::Not(part) => part.depth(),
            _ => 0,
        }
    }
}

/// A claim that is not true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Any string is as good as a match.
    RegexIsExact,
    /// Letter case is left out of account.
    FoldingIsExact,
    /// The complement of a superset is claimed to be the complement.
    ComplementOfSuperset,
    /// A group of many is cut short.
    JoinDropsPart,
    /// The OR of nothing is everything.
    JoinOfNothing,
}

/// The store. Its limits and moods are settled by a seed, the same for the same question.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    seed: Option<u64>,
    lie: Option<Lie>,
    widest: usize,
    deepest: usize,
}

impl Store {
    pub(crate) fn plain() -> Store {
        Store { seed: None, lie: None, widest: 8, deepest: 4 }
    }

    /// Says less than it could, now and then.
    pub(crate) fn moody(seed: u64) -> Store {
        Store { seed: Some(seed), lie: None, widest: 2 + (seed % 5) as usize, deepest: 1 + (seed / 5 % 4) as usize }
    }

    pub(crate) fn lying(lie: Lie) -> Store {
        Store { lie: Some(lie), ..Store::plain() }
    }

    /// A number below ten for a question.
    fn mood(&self, question: impl std::fmt::Debug) -> u64 {
        let Some(seed) = self.seed else { return 0 };
        let mut hasher = DefaultHasher::new();
        (seed, format!("{question:?}")).hash(&mut hasher);
        hasher.finish() % 10
    }

    fn lies(&self, lie: Lie) -> bool {
        self.lie == Some(lie)
    }

    /// The positive test.
    fn test(&self, leaf: &Leaf) -> Cover<Query> {
        let path = leaf.path().clone();
        let some_string = || Query::SomeString(path.clone());
        let folded = |ignores_case: bool| ignores_case && !self.lies(Lie::FoldingIsExact);
        let holds = |anchor, needle: &trommel::Needle| match folded(needle.ignores_case()) {
            true => Cover::Superset(some_string(), Why::new("letter_case", "letter case is not ignored here")),
            false => Cover::Exact(Query::Holds(path.clone(), anchor, needle.text().to_owned())),
        };
        match leaf.test() {
            Test::Exists => Cover::Exact(Query::Present(path)),
            Test::IsNull => Cover::Exact(Query::Null(path)),
            Test::In(set) => Cover::Exact(Query::OneOf(path, set.clone())),
            Test::InInstants(_) => Cover::Superset(some_string(), Why::new("instants", "no instants here")),
            Test::Compare(comparison, bound) => Cover::Exact(Query::Compares(path, *comparison, bound.clone())),
            Test::Contains(needle) => holds(Anchor::Anywhere, needle),
            Test::StartsWith(needle) => holds(Anchor::Start, needle),
            Test::EndsWith(needle) => holds(Anchor::End, needle),
            Test::Regex(_) if self.lies(Lie::RegexIsExact) => Cover::Exact(some_string()),
            Test::Regex(_) => Cover::Superset(some_string(), Why::new("regex", "no regular expressions here")),
            Test::Text(_) => Cover::Unsupported(Why::new("text", "no text search here")),
            _ => Cover::Unsupported(Why::new("unknown", "a test of a later version")),
        }
    }
}

impl Backend for Store {
    type Output = Query;
    type Error = Infallible;

    fn name(&self) -> &str {
        "store"
    }

    fn leaf(&self, leaf: &Leaf) -> Result<Cover<Query>, Infallible> {
        let mood = || Why::new("mood", "not today");
        if !leaf.is_negated() {
            return Ok(match (self.test(leaf), self.mood(leaf)) {
                (Cover::Exact(query), 7 | 8) => {
                    Cover::Superset(Query::Either(vec![query, Query::Present(leaf.path().clone())]), mood())
                }
                (_, 9) => Cover::Unsupported(mood()),
                (cover, _) => cover,
            });
        }
        Ok(match (self.test(leaf), self.mood(leaf)) {
            // The driver then asks for the complement of the positive.
            (_, 0..=3) if !self.lies(Lie::ComplementOfSuperset) => Cover::Unsupported(Why::new("not", "no NOT here")),
            (Cover::Exact(query), 4..=6) => Cover::Exact(Query::Not(Box::new(query))),
            (Cover::Exact(query) | Cover::Superset(query, _), _) if self.lies(Lie::ComplementOfSuperset) => {
                Cover::Exact(Query::Not(Box::new(query)))
            }
            (_, 7 | 8) => Cover::Superset(Query::Every, mood()),
            (_, _) => Cover::Unsupported(mood()),
        })
    }

    fn complement(&self, exact: Query) -> Option<Query> {
        (self.mood(&exact) < 8).then(|| Query::Not(Box::new(exact)))
    }

    fn join(&self, how: Join, mut parts: Vec<Query>) -> Result<Cover<Query>, Infallible> {
        if parts.len() > self.widest {
            return Ok(Cover::Unsupported(Why::new("width", "too many members")));
        }
        if parts.iter().any(|part| part.depth() >= self.deepest) {
            return Ok(Cover::Unsupported(Why::new("depth", "nested too deeply")));
        }
        if self.lies(Lie::JoinDropsPart) && parts.len() > 2 {
            parts.pop();
        }
        if self.lies(Lie::JoinOfNothing) && parts.is_empty() {
            return Ok(Cover::Exact(Query::Every));
        }
        let mood = self.mood((how, &parts));
        Ok(match how {
            Join::All if mood == 9 && parts.len() > 1 => {
                parts.pop();
                Cover::Superset(Query::Both(parts), Why::new("mood", "not all of it"))
            }
            Join::All => Cover::Exact(Query::Both(parts)),
            Join::Any if mood == 9 => Cover::Superset(Query::Every, Why::new("mood", "everything")),
            Join::Any => Cover::Exact(Query::Either(parts)),
        })
    }
}
