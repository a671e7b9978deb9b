//! The search index on real indexes: the suite, generated filters, hostile words and sizes, and the traps of tantivy's own
//! queries, none of which reaches a user.

mod agree;
pub(crate) mod foreign;
mod hostile;
pub(crate) mod store;
mod suite;
mod traps;
