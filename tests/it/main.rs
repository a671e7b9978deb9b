//! The one integration test: `cargo test --all-features`.

#![allow(clippy::unwrap_used, clippy::panic)]

#[cfg(feature = "conformance")]
mod agree;
mod architecture;
#[cfg(feature = "cli")]
mod cli;
mod docs;
mod errors;
#[cfg(feature = "conformance")]
mod filter_set;
#[cfg(feature = "conformance")]
mod foreign;
mod hostile;
#[cfg(feature = "conformance")]
mod laws;
mod matcher;
#[cfg(feature = "conformance")]
mod mutants;
#[cfg(feature = "store")]
mod plan;
mod schema;
#[cfg(feature = "server")]
mod server;
#[cfg(all(feature = "sql", feature = "conformance"))]
mod sql;
#[cfg(feature = "store")]
mod store;
#[cfg(feature = "conformance")]
mod suite;
#[cfg(all(feature = "tantivy", feature = "conformance"))]
mod tantivy;
#[cfg(feature = "text")]
mod text;
#[cfg(all(feature = "sql", feature = "tantivy", feature = "conformance"))]
mod together;
#[cfg(all(any(feature = "sql", feature = "tantivy"), feature = "conformance"))]
mod words;
