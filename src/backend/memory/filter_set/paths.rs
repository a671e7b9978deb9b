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
    /// paths there are: no value is passed, and no key looked up, more often than that.
    pub(super) fn resolve(paths: &Paths, document: &'d Json, epoch: u32, reached: &mut Reached) -> Nodes<'d> {
        let Reached { extents, paths: queue } = reached;
        extents.resize(paths.steps.bound(), Extent::default());
        extents[ROOT as usize] = Extent { epoch, start: 0, end: 1 };
        let mut nodes = vec![document];
        // Each value of the document is found on one path at most, so this does not grow beyond the document.
        let mut found: Vec<(u32, &'d Json)> = Vec::new();
        let mut objects: Vec<&'d Map<String, Json>> = Vec::new();
        queue.clear();
        queue.push(ROOT);
        let mut next = 0;
        while let Some(&at) = queue.get(next) {
            next += 1;
            let Some(Step { children, .. }) = paths.steps.get(at).filter(|step| !step.children.is_empty()) else {
                continue;
            };
            let Extent { start, end, .. } = extents[at as usize];
            // Collected first: whatever else is in an array is passed once, not once for each child.
            objects.clear();
            objects.extend(nodes[start as usize..end as usize].iter().copied().flat_map(self::objects));
            found.clear();
            enter(&objects, children, &mut found);
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

/// The values in objects that the children lead to, those of each child together. Cost: at most linear in the members
/// of the objects, and in the children.
fn enter<'d>(objects: &[&'d Map<String, Json>], children: &BTreeMap<Arc<str>, u32>, found: &mut Vec<(u32, &'d Json)>) {
    let members: usize = objects.iter().map(|object| object.len()).sum();
    if members < objects.len() * children.len() {
        for (key, value) in objects.iter().copied().flatten() {
            step();
            found.extend(children.get(key.as_str()).map(|child| (*child, value)));
        }
        found.sort_unstable_by_key(|(child, _)| *child);
    } else if !objects.is_empty() {
        for (key, child) in children {
            let values = objects.iter().inspect(|_| step()).filter_map(|object| object.get(&**key));
            found.extend(values.map(|value| (*child, value)));
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
    candidates.iter().inspect(|_| step()).filter_map(Json::as_object)
}

/// A value is passed or a key looked up; the tests count these.
fn step() {
    #[cfg(test)]
    tests::STEPS.set(tests::STEPS.get() + 1);
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde_json::json;

    use super::*;

    thread_local! {
        pub(super) static STEPS: Cell<usize> = const { Cell::new(0) };
    }

    #[test]
    fn what_the_paths_lead_to_is_found_in_steps_linear_in_the_document() {
        const MANY: usize = 1_000;
        let mut paths = Paths::default();
        for at in 0..MANY {
            paths.intern(&Path::from_keys([String::from("tags"), format!("k{at}")]).unwrap());
        }
        let scalars = vec![json!(0); MANY];
        let object: Json = (0..2 * MANY).map(|at| (format!("k{at}"), json!(at))).collect();
        let beside: Vec<Json> = scalars.iter().cloned().chain([object.clone()]).collect();
        let sparse = vec![json!({"k7": 1, "x": 2}); MANY];
        let empty = vec![json!({}); MANY];
        for (tags, values, found) in [
            (json!(5), 1, 0),
            (json!(scalars), MANY, 0),
            (json!(beside), 3 * MANY, MANY),
            (object, 2 * MANY, MANY),
            (json!(sparse), 3 * MANY, MANY),
            (json!(empty), MANY, 0),
        ] {
            let document = json!({"tags": tags});
            STEPS.set(0);
            let nodes = Nodes::resolve(&paths, &document, 1, &mut Reached::default());
            assert_eq!(nodes.0.len(), 2 + found);
            assert!(STEPS.get() <= values + 10, "{} steps for {values} values", STEPS.get());
        }
    }
}
