//! Positive tests, prepared to be asked of many documents.

use std::sync::Arc;

use memchr::memmem::Finder;

use super::node::{Node, View};
use super::route::{End, Fork, Start, descend};
use super::search::{FoldedFinder, Literals, begins_with};
use crate::fold::{folds_to, raw_tokens};
use crate::path::{Key, Path};
use crate::pattern::Pattern;
use crate::predicate::{Bound, Comparison, Leaf, Needle, Test, Tokens};
use crate::set::Set;
use crate::value::{Instant, Number, Str, Value};

/// A positive test, prepared.
#[derive(Clone, Debug)]
pub(crate) enum Probe {
    Exists,
    IsNull,
    /// One value, which is the most common set.
    EqualNumber(Number),
    EqualString(Str),
    /// Folded.
    EqualFolded(Str),
    In(Set),
    InInstants(Arc<[Instant]>),
    Compare(Comparison, Bound),
    Contains(Arc<Finder<'static>>),
    ContainsFolded(Arc<FoldedFinder>),
    /// One of several, in one pass.
    ContainsAny(Arc<Literals>),
    StartsWith(Needle),
    EndsWith(Needle),
    Regex(Pattern),
    Text(Tokens),
}

impl Probe {
    #[inline]
    pub(crate) fn new(test: &Test) -> Probe {
        match test {
            Test::Exists => Probe::Exists,
            Test::IsNull => Probe::IsNull,
            Test::In(set) => match set.single() {
                Some(Value::Number(number)) => Probe::EqualNumber(*number),
                Some(Value::String(string)) if set.ignores_case() => Probe::EqualFolded(string.clone()),
                Some(Value::String(string)) => Probe::EqualString(string.clone()),
                Some(Value::Null | Value::Bool(_)) | None => Probe::In(set.clone()),
            },
            Test::InInstants(instants) => Probe::InInstants(instants.clone()),
            Test::Compare(comparison, bound) => Probe::Compare(*comparison, bound.clone()),
            Test::Contains(needle) if needle.ignores_case() => {
                Probe::ContainsFolded(Arc::new(FoldedFinder::new(needle.text())))
            }
            Test::Contains(needle) => Probe::Contains(Arc::new(Finder::new(needle.text()).into_owned())),
            Test::StartsWith(needle) => Probe::StartsWith(needle.clone()),
            Test::EndsWith(needle) => Probe::EndsWith(needle.clone()),
            Test::Regex(pattern) => Probe::Regex(pattern.clone()),
            Test::Text(tokens) => Probe::Text(tokens.clone()),
        }
    }

    /// About how long a test takes beside others, to ask the cheap ones first. Measured on strings of some hundred bytes.
    pub(crate) fn cost(leaf: &Leaf) -> u32 {
        let test = match leaf.test() {
            Test::Exists | Test::IsNull => 1,
            Test::In(set) if set.len() == 1 => 2,
            Test::Compare(_, Bound::Number(_) | Bound::String(_)) => 2,
            Test::StartsWith(_) | Test::EndsWith(_) => 2,
            Test::In(_) => 4,
            Test::Compare(_, Bound::Instant(_)) | Test::InInstants(_) => 6,
            Test::Contains(needle) => {
                if needle.ignores_case() {
                    12
                } else {
                    8
                }
            }
            Test::Regex(_) => 20,
            Test::Text(_) => 60,
        };
        test + Probe::cost_of_path(leaf.path())
    }

    /// The same for a search for several strings at once.
    pub(crate) fn cost_of_strings(path: &Path) -> u32 {
        12 + Probe::cost_of_path(path)
    }

    /// A key is a look-up in a map.
    fn cost_of_path(path: &Path) -> u32 {
        4 * path.keys().len() as u32
    }

    /// Whether [`holds_from`](Probe::holds_from) tells the node that it came to.
    pub(crate) fn tells_its_node(&self) -> bool {
        !matches!(self, Probe::Exists | Probe::IsNull | Probe::Text(_))
    }

    /// Whether the test holds for what is found from `start` on.
    #[inline(always)]
    pub(crate) fn holds<N: Node>(&self, start: Start<'_, N>) -> bool {
        match start.nodes {
            [node] => self.holds_from(*node, start.keys, &mut None),
            _ => self.holds_from_many(start),
        }
    }

    #[inline(never)]
    fn holds_from_many<N: Node>(&self, start: Start<'_, N>) -> bool {
        match self {
            Probe::Exists | Probe::IsNull | Probe::Text(_) => self.holds_for_all(start),
            _ => start.nodes.iter().any(|node| self.holds_from(*node, start.keys, &mut None)),
        }
    }

    /// The same from one node on; `at` is set to the node where the keys lead, if they lead to one.
    ///
    /// What nearly every document takes, a way to one node that is no array, is inlined; the rest is kept out of its way.
    #[inline(always)]
    pub(crate) fn holds_from<N: Node>(&self, node: N, keys: &[Key], at: &mut Option<N>) -> bool {
        if let Probe::Exists | Probe::IsNull | Probe::Text(_) = self {
            return self.holds_for_all(Start { nodes: &[node], keys });
        }
        match descend(node, keys) {
            End::Node(node) => {
                *at = Some(node);
                self.accepts_node(node)
            }
            End::Nowhere => false,
            End::Fork(Fork { elements, keys }) => self.accepts_below::<N>(elements, keys),
        }
    }

    /// The same for a test that no value decides alone.
    #[inline(never)]
    fn holds_for_all<N: Node>(&self, start: Start<'_, N>) -> bool {
        match self {
            Probe::IsNull => !start.any_value(|value| !matches!(value, View::Null)),
            Probe::Text(tokens) => {
                let mut search = TokenSearch::new(tokens);
                start.any_value(|value| matches!(value, View::String(string) if search.is_done_with(&string)))
            }
            Probe::Exists => start.any_node(|_| true),
            Probe::In(_)
            | Probe::InInstants(_)
            | Probe::EqualNumber(_)
            | Probe::EqualString(_)
            | Probe::EqualFolded(_)
            | Probe::Compare(..)
            | Probe::Contains(_)
            | Probe::ContainsFolded(_)
            | Probe::ContainsAny(_)
            | Probe::StartsWith(_)
            | Probe::EndsWith(_)
            | Probe::Regex(_) => start.any_value(|value| self.accepts(value)),
        }
    }

    /// Takes the parts of a fork, which fit into registers.
    #[inline(never)]
    fn accepts_below<N: Node>(&self, elements: N::Elements, keys: &[Key]) -> bool {
        Fork::<N> { elements, keys }.any_node(|node| self.accepts_node(node))
    }

    #[inline(never)]
    fn accepts_element<N: Node>(&self, mut elements: N::Elements) -> bool {
        elements.any(|element| self.accepts(element.view()))
    }

    /// Whether the test holds for a value at this node (P3), if one value can tell.
    #[inline(always)]
    fn accepts_node<N: Node>(&self, node: N) -> bool {
        match node.view() {
            View::Array(elements) => self.accepts_element::<N>(elements),
            value => self.accepts(value),
        }
    }

    #[inline(always)]
    fn accepts<N: Node>(&self, value: View<N>) -> bool {
        match value {
            View::String(string) => match self {
                Probe::EqualString(wanted) => *string == **wanted,
                Probe::In(set) => set.has_str(&string),
                _ => self.accepts_string(&string),
            },
            View::Number(number) => match self {
                Probe::EqualNumber(wanted) => number == *wanted,
                Probe::Compare(comparison, Bound::Number(bound)) => comparison.accepts(number.cmp(bound)),
                Probe::In(set) => set.has_number(number),
                Probe::Exists
                | Probe::IsNull
                | Probe::InInstants(_)
                | Probe::EqualString(_)
                | Probe::EqualFolded(_)
                | Probe::Compare(_, Bound::String(_) | Bound::Instant(_))
                | Probe::Contains(_)
                | Probe::ContainsFolded(_)
                | Probe::ContainsAny(_)
                | Probe::StartsWith(_)
                | Probe::EndsWith(_)
                | Probe::Regex(_)
                | Probe::Text(_) => false,
            },
            View::Bool(bool) => matches!(self, Probe::In(set) if set.has_bool(bool)),
            View::Null | View::Array(_) | View::Object => false,
        }
    }

    #[inline(never)]
    pub(super) fn accepts_string(&self, string: &str) -> bool {
        let instant = |test: &dyn Fn(Instant) -> bool| Instant::parse(string).is_some_and(test);
        match self {
            Probe::EqualFolded(wanted) => folds_to(string, wanted),
            Probe::In(set) => set.has_str(string),
            Probe::InInstants(instants) => instant(&|instant| instants.binary_search(&instant).is_ok()),
            Probe::Compare(comparison, Bound::String(bound)) => comparison.accepts(string.cmp(bound)),
            Probe::Compare(comparison, Bound::Instant(bound)) => {
                instant(&|instant| comparison.accepts(instant.cmp(bound)))
            }
            Probe::Contains(finder) => finder.find(string.as_bytes()).is_some(),
            Probe::ContainsFolded(finder) => finder.is_in(string),
            Probe::ContainsAny(literals) => literals.any_in(string),
            Probe::StartsWith(needle) if needle.ignores_case() => {
                begins_with(string.chars(), needle.text().chars(), &mut 0)
            }
            Probe::StartsWith(needle) => string.starts_with(needle.text()),
            Probe::EndsWith(needle) if needle.ignores_case() => {
                begins_with(string.chars().rev(), needle.text().chars().rev(), &mut 0)
            }
            Probe::EndsWith(needle) => string.ends_with(needle.text()),
            Probe::Regex(pattern) => pattern.is_match(string),
            Probe::EqualString(wanted) => *string == **wanted,
            // In this string alone.
            Probe::Text(tokens) => TokenSearch::new(tokens).is_done_with(string),
            // What needs all values at a path, or no string.
            Probe::Exists | Probe::IsNull | Probe::EqualNumber(_) | Probe::Compare(_, Bound::Number(_)) => false,
        }
    }
}

/// Which of the wanted tokens were met so far: those of all strings at a path count (C5).
struct TokenSearch<'t> {
    wanted: &'t Tokens,
    missing: usize,
    /// A bit for each of the first tokens, and of the others.
    few: u64,
    more: Vec<u64>,
}

impl<'t> TokenSearch<'t> {
    fn new(wanted: &'t Tokens) -> TokenSearch<'t> {
        let missing = wanted.iter().len();
        TokenSearch { wanted, missing, few: 0, more: vec![0; (missing - 1) / 64] }
    }

    /// Goes through a string; whether no token is missing any more.
    fn is_done_with(&mut self, string: &str) -> bool {
        raw_tokens(string).any(|token| {
            if let Some(at) = self.wanted.position_folded(token) {
                let bits = if at < 64 { &mut self.few } else { &mut self.more[at / 64 - 1] };
                let bit = 1 << (at % 64);
                if *bits & bit == 0 {
                    *bits |= bit;
                    self.missing -= 1;
                }
            }
            self.missing == 0
        })
    }
}
