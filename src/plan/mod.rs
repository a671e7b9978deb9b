//! The reference trigger planner: what a request to (re)process a collection stands for.
//!
//! It does no I/O: [`resolve`] gives the questions that have to be asked of where the data is, sync or async, and the answers
//! make the plan. [`plan`] does both over a [`Source`].

mod catalog;
mod graph;
mod planner;
mod preview;
mod request;
mod response;
mod tiers;

pub use catalog::{Bucket, Catalog, CatalogFile, Collection, CollectionSource, SourceKind, UniqueKey};
pub use planner::{
    Answers, Count, Counted, FilterParts, Overwrites, PlannedCollection, PlannedSource, Question, Resolved, Revisions,
    Skipped, Source, SourceRef, Tier, TriggerPlan, Warning, plan, resolve,
};
pub use request::TriggerRequest;
pub use response::{ErrorEnvelope, TriggerResponse};
