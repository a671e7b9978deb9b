//! The reference trigger planner: what a request to (re)process a collection stands for.
//!
//! It does no I/O: [`resolve`] gives the questions that have to be asked of where the data is, sync or async, and the answers
//! make the plan. [`plan`] does both over a [`Source`].

mod catalog;
mod catalog_file;
mod graph;
mod planner;
mod preview;
mod question;
mod request;
mod response;
mod tiers;
mod trigger_plan;

pub use catalog::{Bucket, Catalog, Collection, CollectionSource, SourceKind, UniqueKey};
pub use catalog_file::CatalogFile;
pub use planner::{Resolved, plan, resolve};
#[cfg(feature = "store")]
pub(crate) use preview::aligned;
pub use question::{Answers, Count, CountAndOverwrites, Counted, Overwrites, Question, Source, SourceRef};
pub use request::TriggerRequest;
pub use response::{ErrorEnvelope, TriggerResponse};
#[cfg(feature = "server")]
pub(crate) use trigger_plan::PlanDocument;
pub use trigger_plan::{FilterParts, PlannedCollection, PlannedSource, Revisions, Skipped, Tier, TriggerPlan, Warning};
