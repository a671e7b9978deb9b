//! A filter that a client sent as JSON, compiled for wherever the data is, with the same answer everywhere.
//!
//! ```
//! use serde_json::json;
//! use trommel::{Field, Matcher, Schema, Type, parse};
//!
//! // What a client sent:
//! let body = r#"{"AND": [{"field": "status", "operator": "eq", "value": "pending"},
//!                        {"NOT": [{"field": "tags", "operator": "in", "value": ["draft"]}]}]}"#;
//!
//! let schema = Schema::new([Field::new("status", Type::String), Field::new("tags", Type::String)])?.closed();
//! let filter = parse::json(body)?; // the tree as written, every mistake with its place
//! let predicate = schema.check(&filter)?; // what it means: typed, NOT at the leaves, simplified
//! let matcher = Matcher::new(&predicate);
//!
//! assert!(matcher.matches(&json!({"status": "pending", "tags": ["news"]})));
//! assert!(matcher.matches(&json!({"status": "pending"})));
//! assert!(!matcher.matches(&json!({"status": "pending", "tags": ["news", "draft"]})));
//! # Ok::<(), trommel::Error>(())
//! ```
//!
//! # Stages
//!
//! | stage | from → to | module | what it promises |
//! | --- | --- | --- | --- |
//! | parse | JSON or text → [`Filter`] | [`parse`] | the tree as written, every node with its place; limits held while reading |
//! | check | [`Filter`] + [`Schema`] → [`Predicate`] | [`Schema::check`] | every mistake at once; NOT at the leaves; simplified |
//! | lower | [`Predicate`] + backend → pushed + residual | [`mod@lower`] | `predicate = pushed AND residual` for every document |
//! | run | pushed, residual + data → matches | [`backend`] | the only place with I/O or a database's crate |
//! | explain | any of these → plain data | [`Explain`] | text and JSON of one structure |
//!
//! What a filter means is the law of [`semantics`], evaluated literally by [`mod@reference`], which every other path is
//! tested against.
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `text` (default) | the text language |
//! | `sql` | the backend for SQL databases: SQLite, PostgreSQL, MariaDB, MySQL |
//! | `tantivy` | the backend for search indexes |
//! | `store` | the embedded store for the trigger planner |
//! | `server` | the planner and the store over HTTP |
//! | `proptest` | strategies for filters, documents, and pairs that meet |
//! | `conformance` | the suite that proves a backend |
//! | `arbitrary` | `Arbitrary` for fuzzing |
//! | `cli` | the command `trommel` |

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod backend;
mod bind;
mod canonical;
mod check;
#[cfg(feature = "conformance")]
#[cfg_attr(docsrs, doc(cfg(feature = "conformance")))]
pub mod conformance;
mod document;
mod error;
mod explain;
mod file;
mod filter;
mod fold;
mod hash;
mod limits;
pub mod lower;
mod operator;
pub mod parse;
mod path;
mod pattern;
pub mod plan;
mod predicate;
pub mod reference;
mod schema;
pub mod semantics;
#[cfg(feature = "server")]
#[cfg_attr(docsrs, doc(cfg(feature = "server")))]
pub mod server;
mod set;
mod simplify;
#[cfg(feature = "store")]
#[cfg_attr(docsrs, doc(cfg(feature = "store")))]
pub mod store;
#[cfg(any(feature = "proptest", feature = "arbitrary"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "proptest", feature = "arbitrary"))))]
pub mod strategies;
mod value;
mod why;

pub use backend::memory::{FilterSet, Matcher, Memory};
#[cfg(feature = "sql")]
#[cfg_attr(docsrs, doc(cfg(feature = "sql")))]
pub use backend::sql::Sql;
#[cfg(feature = "tantivy")]
#[cfg_attr(docsrs, doc(cfg(feature = "tantivy")))]
pub use backend::tantivy::{ForeignField, ForeignIndex, ForeignMapping, Tantivy, TantivyMapping};
pub use document::{Document, DocumentError};
pub use error::{Code, Diagnostic, Error, Place, Severity};
pub use explain::{CoverKind, Explain, LeafExplain};
pub use filter::{Builder, Condition, Element, Filter, Group, Operand};
pub use limits::{Budget, Limit, Limits};
pub use lower::{Backend, Cover, Lowered, Reason, Why, lower};
pub use operator::{OperandKind, Operator};
pub use path::{Nodes, Path, PathError};
pub use pattern::Pattern;
pub use predicate::{Bound, Comparison, Join, Leaf, Needle, Predicate, Shape, Test, Tokens, Verdict};
pub use schema::{BrokenPromise, Facts, Field, Found, Inference, Schema, Type};
#[cfg(feature = "sql")]
#[cfg_attr(docsrs, doc(cfg(feature = "sql")))]
pub use sea_query;
pub use set::Set;
#[cfg(feature = "tantivy")]
#[cfg_attr(docsrs, doc(cfg(feature = "tantivy")))]
pub use tantivy;
pub use value::{Instant, Number, Str, Value};
pub use why::WhyTree;

/// The examples of the README, run as tests; some are about the features `conformance`, `sql` and `tantivy`.
#[cfg(all(doctest, feature = "conformance", feature = "sql", feature = "tantivy"))]
#[doc = include_str!("../README.md")]
struct Readme;
