//! Resolving paths (P1 to P3): each path, and each beginning that several share, at most once a document.

use hashbrown::HashTable;

use super::node::{Node, View};
use crate::hash::{keyed, mix, sketch};
use crate::path::{Key, Path};

/// The way to a path's nodes.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    path: Path,
    way: Way,
}

/// Where a route starts, and whether another test asks for its end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Way {
    /// The shared beginning that it starts from; none: the document.
    from: Option<From>,
    /// Of the first of two tests in a row at a path that no other is at: the path, as a beginning. The second goes on from
    /// the node that the first found, and only where that is none or several are they kept for it: keeping the one node of
    /// most documents takes as long as another test.
    keeps: Option<u32>,
}

/// A shared beginning of a path, and how many keys that has.
type From = (u32, u32);

/// The beginnings of paths that are resolved once, shorter ones first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared(Vec<Beginning>);

/// The first keys of a path.
#[derive(Clone, Debug)]
struct Beginning {
    path: Path,
    end: u32,
    from: Option<From>,
}

impl Beginning {
    /// Its keys from one on.
    fn keys(&self, from: u32) -> &[Key] {
        &self.path.raw_keys_from(from as usize)[..(self.end - from) as usize]
    }
}

impl Shared {
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Route {
    /// The way from the document, shared with nobody.
    pub(crate) fn new(path: &Path) -> Route {
        Route { path: path.clone(), way: Way::default() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn go(&mut self, way: Way) {
        self.way = way;
    }

    pub(crate) fn is_same(&self, other: &Route) -> bool {
        self.path == other.path
    }

    /// The keys from the document on.
    #[inline(always)]
    pub(crate) fn keys(&self) -> &[Key] {
        self.path.raw_keys()
    }

    /// The one node where the way begins for a document, as it does nearly always, and the keys from there on.
    #[inline(always)]
    pub(crate) fn one_start<N: Node>(&self, shared: &Shared, memo: &mut Memo<N>) -> Option<(N, &[Key])> {
        let Some((at, from)) = self.way.from else { return Some((memo.document, self.keys())) };
        if matches!(memo.kept(at), Kept::NotYet) {
            memo.resolve(shared, at);
        }
        match memo.kept(at) {
            Kept::One(node) => Some((*node, self.path.raw_keys_from(from as usize))),
            Kept::NotYet | Kept::Many(..) | Kept::TooMany => None,
        }
    }

    /// Whether what it leads to is asked for once more, right after.
    #[inline(always)]
    pub(crate) fn keeps(&self) -> bool {
        self.way.keeps.is_some()
    }

    /// The one node that it leads to, if it does. If it leads to none or several, they are kept, and are what
    /// [`start`](Route::start) gives.
    #[inline(always)]
    pub(crate) fn one_end<N: Node>(&self, shared: &Shared, memo: &mut Memo<N>) -> Option<N> {
        let end = self.one_start(shared, memo).map(|(node, keys)| descend(node, keys));
        match end {
            Some(End::Node(node)) => Some(node),
            end => {
                self.keep(shared, memo, end);
                None
            }
        }
    }

    #[inline(never)]
    fn keep<N: Node>(&self, shared: &Shared, memo: &mut Memo<N>, end: Option<End<'_, N>>) {
        let Some(at) = self.way.keeps else { return };
        match end {
            Some(end) => *memo.kept_mut(at) = memo.collect(std::iter::once(end)),
            // It starts from several.
            None => memo.resolve_any(shared, at),
        }
    }

    /// Where the way begins for a document, once [`one_start`](Route::one_start) has found that it is no one node, or
    /// [`one_end`](Route::one_end) that it does not lead to one.
    #[inline(never)]
    pub(crate) fn start<'s, N: Node>(&'s self, memo: &'s Memo<N>) -> Start<'s, N> {
        let whole = self.way.keeps.map(|at| (at, self.keys().len() as u32));
        match whole.or(self.way.from).map(|(at, from)| (memo.kept(at), from)) {
            Some((Kept::One(node), from)) => {
                Start { nodes: std::slice::from_ref(node), keys: self.path.raw_keys_from(from as usize) }
            }
            Some((Kept::Many(start, end), from)) => Start {
                nodes: &memo.nodes[*start as usize..*end as usize],
                keys: self.path.raw_keys_from(from as usize),
            },
            Some((Kept::NotYet | Kept::TooMany, _)) | None => {
                Start { nodes: std::slice::from_ref(&memo.document), keys: self.keys() }
            }
        }
    }
}

/// Nodes, and the keys that lead on from each of them.
#[derive(Clone, Copy)]
pub(crate) struct Start<'s, N> {
    pub(crate) nodes: &'s [N],
    pub(crate) keys: &'s [Key],
}

impl<'s, N: Node> Start<'s, N> {
    /// At nodes that no keys lead on from.
    pub(crate) fn at(nodes: &'s [N]) -> Start<'s, N> {
        Start { nodes, keys: &[] }
    }

    /// Whether `test` holds for a node there (P2). Stops at the first.
    pub(crate) fn any_node(self, mut test: impl FnMut(N) -> bool) -> bool {
        self.nodes.iter().any(|node| match descend(*node, self.keys) {
            End::Nowhere => false,
            End::Node(node) => test(node),
            End::Fork(fork) => fork.any_node(&mut test),
        })
    }

    /// Whether `test` holds for a value there (P3). Stops at the first.
    pub(crate) fn any_value(self, mut test: impl FnMut(View<N>) -> bool) -> bool {
        self.any_node(|node| match node.view() {
            View::Array(mut elements) => elements.any(|element| test(element.view())),
            view => test(view),
        })
    }
}

/// Where keys lead.
pub(crate) enum End<'k, N: Node> {
    Nowhere,
    Node(N),
    /// To an array that is in the way.
    Fork(Fork<'k, N>),
}

/// An array in the way, and the keys for each of its elements, of which there is one at least.
pub(crate) struct Fork<'k, N: Node> {
    pub(crate) elements: N::Elements,
    pub(crate) keys: &'k [Key],
}

/// Follows keys through objects, up to the first array.
#[inline(always)]
pub(crate) fn descend<N: Node>(mut node: N, mut keys: &[Key]) -> End<'_, N> {
    while let [key, rest @ ..] = keys {
        match node.member(key) {
            Some(member) => (node, keys) = (member, rest),
            None => {
                return match node.view() {
                    View::Array(elements) => End::Fork(Fork { elements, keys }),
                    _ => End::Nowhere,
                };
            }
        }
    }
    End::Node(node)
}

impl<N: Node> Fork<'_, N> {
    /// Whether `test` holds for a node below the array. Allocates only where there is another array below it.
    #[inline(always)]
    pub(crate) fn any_node(mut self, mut test: impl FnMut(N) -> bool) -> bool {
        // Most arrays are in the way of a last key.
        if let [key] = self.keys {
            let key: &str = key;
            return self.elements.any(|element| element.member(key).is_some_and(&mut test));
        }
        self.any_node_far_below(test)
    }

    #[inline(never)]
    fn any_node_far_below(mut self, mut test: impl FnMut(N) -> bool) -> bool {
        let mut around: Vec<Fork<'_, N>> = Vec::new();
        loop {
            let Some(element) = self.elements.next() else {
                match around.pop() {
                    Some(outer) => self = outer,
                    None => return false,
                }
                continue;
            };
            let Some((key, keys)) = self.keys.split_first() else { continue };
            // An array directly in an array is not entered: it has no members.
            let Some(member) = element.member(key) else { continue };
            match descend(member, keys) {
                End::Nowhere => {}
                End::Node(node) => {
                    if test(node) {
                        return true;
                    }
                }
                End::Fork(inner) => around.push(std::mem::replace(&mut self, inner)),
            }
        }
    }
}

/// The nodes at shared beginnings, as far as they were asked for in one document.
pub(crate) struct Memo<N> {
    document: N,
    few: [Kept<N>; FEW],
    /// Those after them, as far as they were asked for.
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
    pub(crate) fn new(document: N) -> Memo<N> {
        Memo { document, few: [Kept::NotYet; FEW], more: Vec::new(), nodes: Vec::new() }
    }

    fn kept(&self, at: u32) -> &Kept<N> {
        match (at as usize).checked_sub(FEW) {
            Some(at) => self.more.get(at).unwrap_or(&Kept::NotYet),
            None => &self.few[at as usize],
        }
    }

    fn kept_mut(&mut self, at: u32) -> &mut Kept<N> {
        match (at as usize).checked_sub(FEW) {
            Some(at) => {
                if at >= self.more.len() {
                    self.more.resize(at + 1, Kept::NotYet);
                }
                &mut self.more[at]
            }
            None => &mut self.few[at as usize],
        }
    }

    /// Resolves a shared beginning. That of one node from one known node on is inlined: nearly all are.
    #[inline(always)]
    fn resolve(&mut self, shared: &Shared, at: u32) {
        let beginning = &shared.0[at as usize];
        let start = match beginning.from {
            None => Some((self.document, 0)),
            Some((parent, from)) => match self.kept(parent) {
                Kept::One(node) => Some((*node, from)),
                Kept::NotYet | Kept::Many(..) | Kept::TooMany => None,
            },
        };
        // Written in place, tag and node each on its own: a copy of both at once has to wait for both.
        match start.map(|(node, from)| descend(node, beginning.keys(from))) {
            Some(End::Node(node)) => *self.kept_mut(at) = Kept::One(node),
            Some(End::Nowhere) => *self.kept_mut(at) = Kept::Many(0, 0),
            Some(fork @ End::Fork(_)) => *self.kept_mut(at) = self.collect(std::iter::once(fork)),
            None => self.resolve_any(shared, at),
        }
    }

    /// The same for any, those that it starts from first. Going up once for each of them is quadratic in their number,
    /// which the paths' own length is too.
    #[inline(never)]
    fn resolve_any(&mut self, shared: &Shared, wanted: u32) {
        while matches!(self.kept(wanted), Kept::NotYet) {
            let mut at = wanted;
            while let Some((parent, _)) = shared.0[at as usize].from
                && matches!(self.kept(parent), Kept::NotYet)
            {
                at = parent;
            }
            let beginning = &shared.0[at as usize];
            let kept = match beginning.from {
                None => self.collect(std::iter::once(descend(self.document, beginning.keys(0)))),
                Some((parent, from)) => match *self.kept(parent) {
                    Kept::One(node) => self.collect(std::iter::once(descend(node, beginning.keys(from)))),
                    // A copy, as those below are added to the same list.
                    Kept::Many(start, end) => {
                        let starts = self.nodes[start as usize..end as usize].to_vec();
                        self.collect(starts.into_iter().map(|start| descend(start, beginning.keys(from))))
                    }
                    Kept::NotYet | Kept::TooMany => Kept::TooMany,
                },
            };
            *self.kept_mut(at) = kept;
        }
    }

    /// Keeps the nodes that these lead to.
    #[inline(never)]
    fn collect<'k>(&mut self, ends: impl Iterator<Item = End<'k, N>>) -> Kept<N>
    where
        N: 'k,
    {
        let first = self.nodes.len();
        for end in ends {
            match end {
                End::Nowhere => {}
                End::Node(node) => self.nodes.push(node),
                End::Fork(fork) => {
                    fork.any_node(|node| {
                        self.nodes.push(node);
                        self.nodes.len() > MOST_NODES
                    });
                }
            }
            if self.nodes.len() > MOST_NODES {
                self.nodes.truncate(first);
                return Kept::TooMany;
            }
        }
        match self.nodes[first..] {
            // It goes the quicker way of most.
            [node] => {
                self.nodes.truncate(first);
                Kept::One(node)
            }
            _ => Kept::Many(first as u32, self.nodes.len() as u32),
        }
    }
}

/// Tells which beginnings of paths are shared, by a tree of their keys.
pub(crate) struct Planner<'p> {
    /// A node for each distinct beginning, shorter ones first.
    nodes: Vec<KeyNode<'p>>,
    /// The nodes by parent and key, once there are many.
    index: HashTable<u32>,
    /// Paths met before and their nodes, by where they are in memory, once there are many.
    recent: Vec<Option<(&'p Path, u32)>>,
    /// The node of each path that was added, and whether it is asked for right after itself.
    ends: Vec<(u32, bool)>,
}

struct KeyNode<'p> {
    parent: Option<u32>,
    path: &'p Path,
    /// Its key is that before `end`.
    end: u32,
    /// Of its key.
    sketch: u32,
    hash: u64,
    /// Paths that end here, but for those that are asked for right after themselves; and nodes below.
    uses: u32,
    /// Whether a path that ends here is asked for right after itself.
    again: bool,
    from: Option<From>,
}

impl KeyNode<'_> {
    fn key(&self) -> &Key {
        &self.path.raw_keys()[self.end as usize - 1]
    }
}

/// Up to so many nodes, looking at each is cheaper than a hash.
const FEW_NODES: usize = 16;

impl<'p> Planner<'p> {
    /// A planner for so many paths.
    pub(crate) fn new(paths: usize) -> Planner<'p> {
        let recent = if paths > FEW_NODES { vec![None; paths.next_power_of_two().min(256)] } else { Vec::new() };
        let (nodes, ends) = (Vec::with_capacity((2 * paths).min(FEW_NODES)), Vec::with_capacity(paths));
        Planner { nodes, index: HashTable::new(), recent, ends }
    }

    /// Adds a path; whether it is asked for right after itself.
    pub(crate) fn add(&mut self, path: &'p Path, again: bool) {
        let slot = (path.address() >> 6) & self.recent.len().wrapping_sub(1);
        let node = match self.recent.get(slot) {
            Some(Some((known, node))) if *known == path => *node,
            _ => {
                // INVARIANT: a path has a key.
                let node = (0..path.keys().len()).fold(None, |node, at| Some(self.child(node, path, at))).unwrap_or(0);
                if let Some(slot) = self.recent.get_mut(slot) {
                    *slot = Some((path, node));
                }
                node
            }
        };
        let found = &mut self.nodes[node as usize];
        found.uses += u32::from(!again);
        found.again |= again;
        self.ends.push((node, again));
    }

    /// The node of the key at `at` of a path, below the node of the key before.
    fn child(&mut self, parent: Option<u32>, path: &'p Path, at: usize) -> u32 {
        let key = &path.raw_keys()[at];
        let sketch = sketch(key);
        let is_it = |node: &KeyNode<'_>| node.sketch == sketch && node.parent == parent && node.key() == key;
        // Nobody asks for the hashes of a few nodes; they are made when there are more.
        let is_many = self.nodes.len() >= FEW_NODES;
        let hash = if is_many { self.hash(parent, key) } else { 0 };
        let found = if is_many {
            self.index.find(hash, |found| is_it(&self.nodes[*found as usize])).copied()
        } else {
            self.nodes.iter().position(is_it).map(|found| found as u32)
        };
        if let Some(found) = found {
            return found;
        }
        if let Some(parent) = parent {
            self.nodes[parent as usize].uses += 1;
        }
        let new = self.nodes.len() as u32;
        self.nodes.push(KeyNode { parent, path, end: at as u32 + 1, sketch, hash, uses: 0, again: false, from: None });
        if is_many {
            self.index.insert_unique(hash, new, |at| self.nodes[*at as usize].hash);
        } else if self.nodes.len() == FEW_NODES {
            self.index_all();
        }
        new
    }

    fn hash(&self, parent: Option<u32>, key: &Key) -> u64 {
        mix(parent.map_or(0, |parent| self.nodes[parent as usize].hash), keyed(key))
    }

    fn index_all(&mut self) {
        self.index = HashTable::with_capacity(8 * FEW_NODES);
        for at in 0..self.nodes.len() {
            // Parents stand before their children, so theirs are made by then.
            let hash = self.hash(self.nodes[at].parent, self.nodes[at].key());
            self.nodes[at].hash = hash;
            self.index.insert_unique(hash, at as u32, |at| self.nodes[*at as usize].hash);
        }
    }

    /// What is shared, and how each path is gone, in the order they were added.
    pub(crate) fn finish(mut self) -> (Shared, Vec<Way>) {
        let mut shared = Vec::new();
        for at in 0..self.nodes.len() {
            // A node that is shared is where it and those below start from; of another, what it starts from itself.
            let from = self.nodes[at].parent.and_then(|parent| self.nodes[parent as usize].from);
            let node = &mut self.nodes[at];
            node.from = from;
            if node.uses > 1 || node.again {
                node.from = Some((shared.len() as u32, node.end));
                shared.push(Beginning { path: node.path.clone(), end: node.end, from });
            }
        }
        let way = |(node, again): &(u32, bool)| {
            let node = &self.nodes[*node as usize];
            match node.from {
                Some((at, _)) if node.uses == 1 && node.again && !again => {
                    Way { from: shared[at as usize].from, keeps: Some(at) }
                }
                from => Way { from, keeps: None },
            }
        };
        let ways = self.ends.iter().map(way).collect();
        (Shared(shared), ways)
    }
}
