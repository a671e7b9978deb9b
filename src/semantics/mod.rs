//! What a filter means: the law that every path of this crate, and every backend, is held to.
//!
//! A filter is a **total boolean function of one document**. It answers true or false for every document there is, and
//! never *unknown*: `NOT f` is true exactly where `f` is false. There is one answer, that of [`reference`], which
//! evaluates the filter as it was written; a backend either gives that answer, or says which part it cannot say and
//! leaves that part, and no other, to be rechecked. An answer that differs is a defect, however natural it is for the
//! database that gave it.
//!
//! Each rule has a number, by which tests, comments and messages cite it. The examples run: in them, `matches` asks
//! the reference and the compiled matcher, for the filter and for its complement, and panics unless all of them agree;
//! `matches_in` does it under a schema; `refused` gives the code of the first mistake that parsing or checking finds.
//!
//! | rules | are about |
//! | --- | --- |
//! | D1–D5 | [documents](#documents) |
//! | P1–P4 | [paths](#paths) |
//! | C1–C5 | [conditions](#conditions), and the table of operators |
//! | G1–G6 | [groups](#groups), shorthand and spelling |
//! | L1–L2 | [letter case](#letter-case) |
//! | B1–B3 | [dynamic values](#dynamic-values) |
//! | O1 | [the ids of a trigger request](#the-ids-of-a-trigger-request) |
//! | T1–T4 | [schemas](#schemas) |
//! | Q1–Q3 | [storage in SQL](#storage-in-sql) |
//! | R1–R3 | [rewriting](#rewriting) |
//!
//! [`reference`]: mod@crate::reference
//!
#![doc = include_str!("documents.md")]
#![doc = include_str!("paths.md")]
#![doc = include_str!("conditions.md")]
#![doc = include_str!("groups.md")]
#![doc = include_str!("letter_case.md")]
#![doc = include_str!("dynamic.md")]
#![doc = include_str!("request.md")]
#![doc = include_str!("schemas.md")]
#![doc = include_str!("storage.md")]
#![doc = include_str!("rewriting.md")]
