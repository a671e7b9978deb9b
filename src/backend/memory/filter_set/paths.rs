//! The paths of all filters as one tree of keys, so that a document is gone through once, shared prefixes included.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::index::Index;
use super::slab::Slab;
use crate::path::Path;

/// The paths, by their last keys.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    steps: Slab<Step>,
}

/// A key after the keys before it.
#[derive(Clone, Debug)]
struct Step {
    key: Arc<str>,
    parent: u32,
    children: BTreeMap<Arc<str>, u32>,
    /// The leaves on this path, and the children.
    uses: u32,
    index: Option<Box<Index>>,
}

/// The document itself.
const ROOT: u32 = 0;

impl Default for Paths {
    fn default() -> Paths {
        let mut steps = Slab::default();
        steps.add(Step { key: "".into(), parent: ROOT, children: BTreeMap::new(), uses: 1, index: None });
        Paths { steps }
    }
}

impl Paths {
    /// The number of a path, which is one more use of it. Cost: a look-up for each key.
    pub(super) fn intern(&mut self, path: &Path) -> u32 {
        let mut at = ROOT;
        for key in path.keys() {
            let Some(step) = self.steps.get(at) else { break };
            if let Some(child) = step.children.get(key) {
                at = *child;
                continue;
            }
            let key: Arc<str> = key.into();
            let step = Step { key: key.clone(), parent: at, children: BTreeMap::new(), uses: 0, index: None };
            let child = self.steps.add(step);
            if let Some(step) = self.steps.get_mut(at) {
                step.children.insert(key, child);
                step.uses += 1;
            }
            at = child;
        }
        if let Some(step) = self.steps.get_mut(at) {
            step.uses += 1;
        }
        at
    }

    /// One use less. What nobody uses is freed.
    pub(super) fn release(&mut self, mut at: u32) {
        while let Some(step) = self.steps.get_mut(at) {
            step.uses -= 1;
            if step.uses > 0 {
                return;
            }
            let Some(step) = self.steps.take(at) else { return };
            at = step.parent;
            if let Some(parent) = self.steps.get_mut(at) {
                parent.children.remove(&step.key);
            }
        }
    }

    pub(super) fn index(&self, at: u32) -> Option<&Index> {
        self.steps.get(at)?.index.as_deref()
    }

    /// The index of a path, made where there is none.
    pub(super) fn index_mut(&mut self, at: u32) -> Option<&mut Index> {
        Some(self.steps.get_mut(at)?.index.get_or_insert_default())
    }

    /// Drops the index of a path if nothing is in it.
    pub(super) fn tidy(&mut self, at: u32) {
        if let Some(step) = self.steps.get_mut(at)
            && step.index.as_ref().is_some_and(|index| index.is_empty())
        {
            step.index = None;
        }
    }

    /// How many steps there are beside the root.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.steps.len() - 1
    }
}

/// Where the nodes of a path stand, if it was reached in the document of that epoch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    epoch: u32,
    start: u32,
    end: u32,
}

/// What goes on for one document and is kept for the next one: no memory is made anew.
#[derive(Debug, Default)]
pub(super) struct Reached {
    extents: Vec<Extent>,
    /// The paths that lead somewhere.
    pub(super) paths: Vec<u32>,
}

/// The nodes of one document at every path that leads somewhere in it; those of one path stand together.
#[derive(Debug)]
pub(super) struct Nodes<'d>(Vec<&'d Json>);

impl<'d> Nodes<'d> {
    /// Goes through document and paths together (P2). No recursion. Cost: at most linear in the document, however many
    /// paths there are.
    pub(super) fn resolve(paths: &Paths, document: &'d Json, epoch: u32, reached: &mut Reached) -> Nodes<'d> {
        let Reached { extents, paths: queue } = reached;
        extents.resize(paths.steps.bound(), Extent::default());
        extents[ROOT as usize] = Extent { epoch, start: 0, end: 1 };
        let mut nodes = vec![document];
        // Each value of the document is found on one path at most, so this does not grow beyond the document.
        let mut found: Vec<(u32, &'d Json)> = Vec::new();
        queue.clear();
        queue.push(ROOT);
        let mut next = 0;
        while let Some(&at) = queue.get(next) {
            next += 1;
            let Some(Step { children, .. }) = paths.steps.get(at).filter(|step| !step.children.is_empty()) else {
                continue;
            };
            let Extent { start, end, .. } = extents[at as usize];
            let objects = || nodes[start as usize..end as usize].iter().copied().flat_map(objects);
            let (count, members) = objects().fold((0, 0), |(count, sum), object| (count + 1, sum + object.len()));
            found.clear();
            if members < count * children.len() {
                for (key, value) in objects().flatten() {
                    found.extend(children.get(key.as_str()).map(|child| (*child, value)));
                }
                found.sort_unstable_by_key(|(child, _)| *child);
            } else {
                for (key, child) in children {
                    found.extend(objects().filter_map(|object| object.get(&**key)).map(|value| (*child, value)));
                }
            }
            for group in found.chunk_by(|(a, _), (b, _)| a == b) {
                // INVARIANT: a document has fewer than four billion values.
                let start = nodes.len() as u32;
                nodes.extend(group.iter().map(|(_, value)| *value));
                extents[group[0].0 as usize] = Extent { epoch, start, end: nodes.len() as u32 };
                queue.push(group[0].0);
            }
        }
        Nodes(nodes)
    }

    /// The nodes at a path.
    pub(super) fn at(&self, path: u32, epoch: u32, reached: &Reached) -> &[&'d Json] {
        match reached.extents.get(path as usize) {
            Some(extent) if extent.epoch == epoch => &self.0[extent.start as usize..extent.end as usize],
            Some(_) | None => &[],
        }
    }
}

/// The objects that the next key is asked of: the node, or the elements of an array; an array directly inside an array
/// is not entered.
fn objects(node: &Json) -> impl Iterator<Item = &Map<String, Json>> {
    let candidates = match node {
        Json::Array(elements) => elements.as_slice(),
        other => std::slice::from_ref(other),
    };
    candidates.iter().filter_map(Json::as_object)
}
