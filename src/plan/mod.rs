//! The reference trigger planner: what a request to (re)process a collection stands for.

mod request;

pub use request::TriggerRequest;
