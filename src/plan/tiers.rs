//! What a trigger reaches downstream, in which order, and what it leaves out.

use std::collections::HashMap;

use super::catalog::{Catalog, SourceKind};
use crate::error::{Code, Diagnostic, excerpt};

/// What is processed when a collection is triggered.
#[derive(Debug)]
pub(super) struct Reach {
    /// The collections of each step; step 0 is the triggered one.
    pub(super) steps: Vec<Vec<Reached>>,
    /// Those downstream that are left out.
    pub(super) skipped: Vec<LeftOut>,
}

#[derive(Debug)]
pub(super) struct Reached {
    pub(super) collection: u32,
    pub(super) tier: u32,
}

/// A collection that is not processed, and why.
#[derive(Debug)]
pub(super) struct LeftOut {
    pub(super) collection: u32,
    /// Itself, if it is disabled, else the disabled ones that it is reached through, in the order of the catalog. Of many the
    /// first, one more than [`MOST_NAMED`].
    pub(super) disabled: Vec<u32>,
}

/// Of the disabled collections that another is reached through, so many are named.
pub(super) const MOST_NAMED: usize = 3;

/// Walks downstream from a collection. A collection's step is its longest distance from there over what is processed; its
/// tier its longest distance from a collection made of buckets, over all.
///
/// Cost: linear in the collections and edges.
pub(super) fn reach(catalog: &Catalog, triggered: u32) -> Result<Reach, Box<Diagnostic>> {
    let order = catalog.graph().downstream().order([triggered]);
    let order = order.map_err(|circle| cycle(catalog, circle.iter().copied()))?;
    let (steps, skipped) = walk(catalog, triggered, &order);
    let step_of = |collection: u32| steps[collection as usize];
    let listed: Vec<u32> = order.into_iter().filter(|collection| step_of(*collection).is_some()).collect();
    let tiers = tiers(catalog, &listed)?;
    let mut reach = Reach { steps: Vec::new(), skipped };
    for collection in listed {
        let step = step_of(collection).unwrap_or(0) as usize;
        if reach.steps.len() <= step {
            reach.steps.resize_with(step + 1, Vec::new);
        }
        reach.steps[step].push(Reached { collection, tier: tiers[collection as usize] });
    }
    // As in the catalog: the order of the walk means nothing to anybody.
    reach.steps.iter_mut().for_each(|step| step.sort_unstable_by_key(|reached| reached.collection));
    reach.skipped.sort_unstable_by_key(|left_out| left_out.collection);
    Ok(reach)
}

/// The step of each collection of the catalog that is processed, and what is left out; `order` has each before those that it
/// feeds.
fn walk(catalog: &Catalog, triggered: u32, order: &[u32]) -> (Vec<Option<u32>>, Vec<LeftOut>) {
    let downstream = catalog.graph().downstream();
    let mut steps: Vec<Option<u32>> = vec![None; catalog.collections().len()];
    steps[triggered as usize] = Some(0);
    let mut behind: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut skipped = Vec::new();
    for &collection in order {
        let is_enabled = catalog.collections()[collection as usize].enabled;
        match steps[collection as usize] {
            Some(step) if is_enabled => {
                for &fed in downstream.of(collection) {
                    let longest = &mut steps[fed as usize];
                    *longest = (*longest).max(Some(step + 1));
                }
            }
            _ => {
                steps[collection as usize] = None;
                // INVARIANT: what nothing that is processed feeds is behind something disabled.
                let reached_through = behind.remove(&collection).unwrap_or_default();
                let disabled = if is_enabled { reached_through } else { vec![collection] };
                for &fed in downstream.of(collection) {
                    let behind = behind.entry(fed).or_default();
                    behind.extend_from_slice(&disabled);
                    behind.sort_unstable();
                    behind.dedup();
                    behind.truncate(MOST_NAMED + 1);
                }
                skipped.push(LeftOut { collection, disabled });
            }
        }
    }
    (steps, skipped)
}

/// The tiers of the collections of the catalog; of those that are neither listed nor upstream of one, 0.
fn tiers(catalog: &Catalog, listed: &[u32]) -> Result<Vec<u32>, Box<Diagnostic>> {
    let upstream = catalog.graph().upstream();
    // Upstream edges lead from what is fed to what feeds it.
    let order =
        upstream.order(listed.iter().copied()).map_err(|circle| cycle(catalog, circle.iter().rev().copied()))?;
    let mut tiers = vec![0; catalog.collections().len()];
    for &collection in order.iter().rev() {
        let feeding = upstream.of(collection).iter().map(|source| tiers[*source as usize]).max();
        let is_made_of_buckets = catalog.collections()[collection as usize].source.kind() == SourceKind::Bucket;
        tiers[collection as usize] = if is_made_of_buckets { 0 } else { feeding.map_or(0, |tier: u32| tier + 1) };
    }
    Ok(tiers)
}

/// The error of a circle: its collections, each feeding the next, the first once more at the end.
fn cycle(catalog: &Catalog, circle: impl Iterator<Item = u32>) -> Box<Diagnostic> {
    let path: Vec<String> = circle.map(|at| catalog.collections()[at as usize].collection_id.clone()).collect();
    // A circle may be as long as the catalog: the message says where it begins, the rest is data.
    const MOST: usize = 50;
    let mut shown = path.iter().take(MOST).map(|id| format!("`{}`", excerpt(id))).collect::<Vec<_>>().join(" → ");
    if path.len() > MOST {
        shown += &format!(" → … ({} more)", path.len() - MOST);
    }
    let mut diagnostic = Diagnostic::error(Code::Cycle, format!("collections feed each other in a circle: {shown}"));
    diagnostic.expected = path;
    Box::new(diagnostic.hint("take one of them out of the sources of the next"))
}
