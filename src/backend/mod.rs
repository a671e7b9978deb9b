//! The backends: what a predicate becomes where the data is.

pub mod memory;
