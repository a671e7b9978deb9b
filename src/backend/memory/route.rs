//! Resolving paths (P1 to P3): each path, and each beginning that several share, at most once a document.

use hashbrown::HashTable;

use super::node::{Node, View};
use crate::hash::keyed;
use crate::path::{Key, Path};

/// The way to a path's nodes.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    path: Path,
    /// How many keys of the path it takes: all, unless it is the shared beginning of longer ones.
    end: u32,
    /// The shared beginning that it starts from, and how many keys that has; none: the document.
    shared: Option<(u32, u32)>,
}

/// The beginnings of paths that are resolved once, shorter ones first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared(Vec<Route>);

impl Shared {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Route {
    /// The way from the document, shared with nobody.
    pub(crate) fn alone(path: &Path) -> Route {
        Route { path: path.clone(), end: path.keys().len() as u32, shared: None }
    }

    /// The keys after the first `from`.
    fn keys(&self, from: u32) -> &[Key] {
        &self.path.raw_keys()[from as usize..self.end as usize]
    }

    /// Where the way begins for a document, and the keys from there on.
    #[inline]
    pub(crate) fn start<'s, N: Node>(&'s self, shared: &Shared, memo: &'s mut Memo<N>) -> Start<'s, N> {
        if let Some((at, from)) = self.shared {
            if matches!(memo.kept(at), Kept::NotYet) {
                memo.resolve(shared, at);
            }
            if let Some(nodes) = memo.nodes(at) {
                return Start { nodes, keys: self.keys(from) };
            }
        }
        self.start_alone(&memo.document)
    }

    /// The same where nothing is shared: at the document.
    #[inline]
    pub(crate) fn start_alone<'s, N: Node>(&'s self, document: &'s N) -> Start<'s, N> {
        Start { nodes: std::slice::from_ref(document), keys: self.keys(0) }
    }
}

/// Nodes, and the keys that lead on from each of them.
#[derive(Clone, Copy)]
pub(crate) struct Start<'s, N> {
    nodes: &'s [N],
    keys: &'s [Key],
}

impl<'s, N: Node> Start<'s, N> {
    /// At nodes that no keys lead on from.
    pub(crate) fn at(nodes: &'s [N]) -> Start<'s, N> {
        Start { nodes, keys: &[] }
    }

    /// Whether `test` holds for a node there (P2). Stops at the first.
    #[inline(always)]
    pub(crate) fn any_node(self, mut test: impl FnMut(N) -> bool) -> bool {
        for node in self.nodes {
            let holds = match descend(*node, self.keys) {
                End::Nowhere => false,
                End::Node(node) => test(node),
                End::Fork(fork) => any_in(fork, &mut test),
            };
            if holds {
                return true;
            }
        }
        false
    }

    /// Whether `test` holds for a value there (P3). Stops at the first.
    #[inline(always)]
    pub(crate) fn any_value(self, mut test: impl FnMut(View<N>) -> bool) -> bool {
        self.any_node(|node| match node.view() {
            View::Array(elements) => any_element(elements, &mut test),
            view => test(view),
        })
    }
}

/// Out of line, so that what most documents take stays short.
#[inline(never)]
fn any_element<N: Node>(mut elements: N::Elements, mut test: impl FnMut(View<N>) -> bool) -> bool {
    elements.any(|element| test(element.view()))
}

/// Where keys lead.
enum End<'k, N: Node> {
    Nowhere,
    Node(N),
    /// To an array that is in the way.
    Fork(Fork<'k, N>),
}

/// An array in the way, and the keys for each of its elements, of which there is one at least.
struct Fork<'k, N: Node> {
    elements: N::Elements,
    keys: &'k [Key],
}

/// Follows keys through objects, up to the first array.
#[inline(always)]
fn descend<N: Node>(mut node: N, keys: &[Key]) -> End<'_, N> {
    let mut rest = keys.iter();
    loop {
        let keys = rest.as_slice();
        let Some(key) = rest.next() else { return End::Node(node) };
        match node.member(key) {
            Some(member) => node = member,
            None => {
                return match node.view() {
                    View::Array(elements) => End::Fork(Fork { elements, keys }),
                    _ => End::Nowhere,
                };
            }
        }
    }
}

/// Whether `test` holds for a node below an array in the way. Allocates only where there is another array below it.
#[inline(never)]
fn any_in<N: Node>(mut fork: Fork<'_, N>, mut test: impl FnMut(N) -> bool) -> bool {
    let mut around: Vec<Fork<'_, N>> = Vec::new();
    loop {
        let Some(element) = fork.elements.next() else {
            match around.pop() {
                Some(outer) => fork = outer,
                None => return false,
            }
            continue;
        };
        let Some((key, keys)) = fork.keys.split_first() else { continue };
        // An array directly in an array is not entered: it has no members.
        let Some(member) = element.member(key) else { continue };
        match descend(member, keys) {
            End::Nowhere => {}
            End::Node(node) => {
                if test(node) {
                    return true;
                }
            }
            End::Fork(inner) => around.push(std::mem::replace(&mut fork, inner)),
        }
    }
}

/// The nodes at shared beginnings, as far as they were asked for in one document.
pub(crate) struct Memo<N> {
    document: N,
    few: [Kept<N>; FEW],
    more: Vec<Kept<N>>,
    nodes: Vec<N>,
}

/// So many shared beginnings need no allocation.
const FEW: usize = 4;

/// The most nodes that are kept of a document. Where there are more, each condition goes to its nodes itself: a document
/// of a million elements and a filter of ten thousand conditions must not take their product.
const MOST_NODES: usize = 1 << 16;

/// What is kept of a shared beginning.
#[derive(Clone, Copy)]
enum Kept<N> {
    NotYet,
    One(N),
    /// A range of the nodes.
    Many(u32, u32),
    TooMany,
}

impl<N: Node> Memo<N> {
    pub(crate) fn new(document: N, shared: &Shared) -> Memo<N> {
        let more = vec![Kept::NotYet; shared.0.len().saturating_sub(FEW)];
        Memo { document, few: [Kept::NotYet; FEW], more, nodes: Vec::new() }
    }

    fn kept(&self, at: u32) -> &Kept<N> {
        match (at as usize).checked_sub(FEW) {
            Some(at) => &self.more[at],
            None => &self.few[at as usize],
        }
    }

    fn kept_mut(&mut self, at: u32) -> &mut Kept<N> {
        match (at as usize).checked_sub(FEW) {
            Some(at) => &mut self.more[at],
            None => &mut self.few[at as usize],
        }
    }

    /// The nodes at a shared beginning that was resolved; `None` if there are too many to keep.
    fn nodes(&self, at: u32) -> Option<&[N]> {
        match self.kept(at) {
            Kept::One(node) => Some(std::slice::from_ref(node)),
            Kept::Many(start, end) => Some(&self.nodes[*start as usize..*end as usize]),
            Kept::NotYet | Kept::TooMany => None,
        }
    }

    /// Resolves a shared beginning, those that it starts from first. Going up once for each of them is quadratic in their
    /// number, which the paths' own length is too.
    fn resolve(&mut self, shared: &Shared, wanted: u32) {
        while matches!(self.kept(wanted), Kept::NotYet) {
            let mut at = wanted;
            while let Some((parent, _)) = shared.0[at as usize].shared
                && matches!(self.kept(parent), Kept::NotYet)
            {
                at = parent;
            }
            *self.kept_mut(at) = self.collect(&shared.0[at as usize]);
        }
    }

    /// The nodes of a route whose own start is resolved.
    fn collect(&mut self, route: &Route) -> Kept<N> {
        let (start, from) = match route.shared {
            None => (Kept::One(self.document), 0),
            Some((parent, from)) => (*self.kept(parent), from),
        };
        let keys = route.keys(from);
        let (starts, one) = match start {
            Kept::One(one) => match descend(one, keys) {
                End::Nowhere => return Kept::Many(0, 0),
                End::Node(node) => return Kept::One(node),
                End::Fork(_) => (0..1, Some(one)),
            },
            Kept::Many(start, end) => (start as usize..end as usize, None),
            Kept::NotYet | Kept::TooMany => return Kept::TooMany,
        };
        let first = self.nodes.len();
        for at in starts {
            let start = one.unwrap_or_else(|| self.nodes[at]);
            let is_full = Start { nodes: &[start], keys }.any_node(|node| {
                self.nodes.push(node);
                self.nodes.len() > MOST_NODES
            });
            if is_full {
                self.nodes.truncate(first);
                return Kept::TooMany;
            }
        }
        Kept::Many(first as u32, self.nodes.len() as u32)
    }
}

/// Tells which beginnings of paths are shared, by a tree of their keys.
pub(crate) struct Planner {
    /// A node for each distinct beginning, shorter ones first.
    nodes: Vec<KeyNode>,
    /// The nodes by parent and key, once there are many.
    index: HashTable<u32>,
    /// Paths met before, by their address: equal paths of a filter are mostly one.
    recent: Vec<Option<(Path, u32)>>,
    /// The node of each path that was added.
    ends: Vec<u32>,
}

struct KeyNode {
    parent: Option<u32>,
    /// Its key is the last of its route's.
    route: Route,
    /// Paths that end here, and nodes below.
    uses: u32,
}

impl KeyNode {
    fn key(&self) -> &Key {
        &self.route.path.raw_keys()[self.route.end as usize - 1]
    }
}

/// Up to so many nodes, looking at each is cheaper than a hash.
const FEW_NODES: usize = 8;

impl Planner {
    /// A planner for so many paths.
    pub(crate) fn new(paths: usize) -> Planner {
        let recent = vec![None; paths.next_power_of_two().min(256)];
        Planner { nodes: Vec::new(), index: HashTable::new(), recent, ends: Vec::with_capacity(paths) }
    }

    /// Adds a path.
    pub(crate) fn add(&mut self, path: &Path) {
        let slot = (path.address() / 16) % self.recent.len();
        let node = match &self.recent[slot] {
            Some((known, node)) if known.address() == path.address() => *node,
            _ => {
                let mut node = None;
                for at in 0..path.keys().len() {
                    node = Some(self.child(node, path, at));
                }
                // INVARIANT: a path has a key.
                let node = node.unwrap_or(0);
                self.recent[slot] = Some((path.clone(), node));
                node
            }
        };
        self.nodes[node as usize].uses += 1;
        self.ends.push(node);
    }

    /// The node of the key at `at` of a path, below the node of the key before.
    fn child(&mut self, parent: Option<u32>, path: &Path, at: usize) -> u32 {
        let hash = |parent: Option<u32>, key: &Key| keyed((parent, key));
        let key = &path.raw_keys()[at];
        let is_it = |node: &KeyNode| node.parent == parent && node.key() == key;
        let found = if self.index.is_empty() {
            self.nodes.iter().position(is_it).map(|found| found as u32)
        } else {
            self.index.find(hash(parent, key), |found| is_it(&self.nodes[*found as usize])).copied()
        };
        if let Some(found) = found {
            return found;
        }
        if let Some(parent) = parent {
            self.nodes[parent as usize].uses += 1;
        }
        let new = self.nodes.len();
        let route = Route { path: path.clone(), end: at as u32 + 1, shared: None };
        self.nodes.push(KeyNode { parent, route, uses: 0 });
        if new >= FEW_NODES {
            let first = if self.index.is_empty() { 0 } else { new };
            for at in first..=new {
                let hash_at = |at: u32| hash(self.nodes[at as usize].parent, self.nodes[at as usize].key());
                self.index.insert_unique(hash_at(at as u32), at as u32, |at| hash_at(*at));
            }
        }
        new as u32
    }

    /// What is shared, and the route of each path in the order they were added.
    pub(crate) fn finish(mut self) -> (Shared, Vec<Route>) {
        let mut shared = Vec::new();
        for at in 0..self.nodes.len() {
            // A node that is shared is where it and those below start from; of another, what it starts from itself.
            let node = &self.nodes[at];
            let from = node.parent.and_then(|parent| self.nodes[parent as usize].route.shared);
            let node = &mut self.nodes[at];
            node.route.shared = from;
            if node.uses > 1 {
                shared.push(node.route.clone());
                node.route.shared = Some((shared.len() as u32 - 1, node.route.end));
            }
        }
        let routes = self.ends.iter().map(|end| self.nodes[*end as usize].route.clone()).collect();
        (Shared(shared), routes)
    }
}
