//! A leaf as terms of the index.

use std::convert::Infallible;
use std::sync::Arc;

use super::Tantivy;
use super::column::{CodeSet, Column};
use super::mapping::COLUMNS;
use super::query::TermFilter;
use super::scan::{Long, Numbers, Scan, Terms};
use super::strings::{LONGEST_STRING, Strings, range};
use super::term::{self, Kind};
use crate::backend::memory::Matcher;
use crate::lower::{Cover, Why};
use crate::predicate::{Bound, Comparison, Join, Leaf, Predicate, Test};
use crate::set::Set;
use crate::value::{Number, Value};

/// What a leaf asks of the terms at its path.
struct Asked {
    what: &'static str,
    terms: Vec<Terms>,
    /// Whether a string that is too long for a term may meet the test.
    reads_long: bool,
}

impl Asked {
    fn new(what: &'static str, terms: Vec<Terms>) -> Asked {
        Asked { what, terms, reads_long: false }
    }

    fn of_strings(what: &'static str, terms: Vec<Terms>) -> Asked {
        Asked { what, terms, reads_long: true }
    }

    fn one(what: &'static str, term: Vec<u8>) -> Asked {
        Asked::new(what, vec![Terms::Listed(vec![term])])
    }
}

impl Tantivy {
    pub(super) fn lower_leaf(&self, leaf: &Leaf) -> Result<Cover<TermFilter>, Infallible> {
        let path = term::path(leaf.path());
        let indexed = &self.indexed;
        if !indexed.has(&path) {
            return Ok(Cover::Unsupported(Why::new("not_indexed", "the mapping does not index this path")));
        }
        let filter = match leaf.test() {
            Test::Text(_) if !indexed.has_tokens(&path) => {
                let why = Why::new("not_indexed", "the mapping does not index the tokens at this path");
                return Ok(Cover::Unsupported(why));
            }
            Test::Text(tokens) => {
                let token = |token: &str| Asked::one("a token", term::term(&path, Kind::Token, token.as_bytes()));
                let parts = tokens.iter().map(|wanted| self.scan(leaf, &path, token(wanted))).collect();
                TermFilter::group(Join::All, parts)
            }
            // The one test that holds where there is no term.
            Test::IsNull => {
                self.scan(leaf, &path, Asked::one("any value", term::term(&path, Kind::NotNull, &[]))).negate()
            }
            Test::Compare(comparison, bound) if let Some(column) = in_column(*comparison, bound, &path) => {
                TermFilter::column(leaf.path(), "a range", column)
            }
            test => self.scan(leaf, &path, asked(test, &path)),
        };
        Ok(Cover::Exact(if leaf.is_negated() { filter.negate() } else { filter }))
    }

    fn scan(&self, leaf: &Leaf, path: &[u8], asked: Asked) -> TermFilter {
        let long = asked.reads_long.then(|| {
            let positive = if leaf.is_negated() { leaf.clone().negate() } else { leaf.clone() };
            Arc::new(Long {
                term: term::term(path, Kind::Long, &[]),
                stored: self.document,
                matcher: Matcher::new(&Predicate::leaf(positive)),
            })
        });
        TermFilter::scan(leaf.path(), asked.what, Scan { field: self.terms, terms: asked.terms, long })
    }
}

/// What a test asks of single terms.
fn asked(test: &Test, path: &[u8]) -> Asked {
    let strings = Strings::after(term::term(path, Kind::String, &[]));
    match test {
        Test::Exists => Asked::one("any node", term::term(path, Kind::Node, &[])),
        // Their terms are others: see above.
        Test::IsNull | Test::Text(_) => Asked::new("nothing", Vec::new()),
        Test::In(set) => set_asked(set, test, path, &strings),
        Test::InInstants(instants) => {
            let terms = instants.iter().map(|instant| term::term(path, Kind::Instant, &term::instant(*instant)));
            Asked::new("instants", vec![Terms::Listed(terms.collect())])
        }
        Test::Compare(comparison, bound) => match bound {
            Bound::Number(number) => {
                let terms = ordered(path, Kind::Number, *comparison, term::number(*number, &mut [0; 10]));
                Asked::new("a range of numbers", vec![terms])
            }
            Bound::Instant(instant) => {
                let terms = ordered(path, Kind::Instant, *comparison, &term::instant(*instant));
                Asked::new("a range of instants", vec![terms])
            }
            Bound::String(string) => Asked::of_strings("a range of strings", vec![strings.range(*comparison, string)]),
        },
        Test::StartsWith(needle) => Asked::of_strings("a prefix", vec![strings.starting(needle)]),
        Test::Regex(pattern) => Asked::of_strings("a pattern", vec![strings.matching(pattern, test)]),
        Test::Contains(needle) => Asked::of_strings("a part", vec![strings.holding(needle, false, test)]),
        Test::EndsWith(needle) => Asked::of_strings("an end", vec![strings.holding(needle, true, test)]),
    }
}

/// A range as the codes of a column, unless other numbers have the code of its bound.
fn in_column(comparison: Comparison, bound: &Bound, path: &[u8]) -> Option<Column> {
    let (kind, code) = match bound {
        Bound::Number(number) => (Kind::Number, term::has_own_code(*number).then(|| term::number_code(*number))?),
        Bound::Instant(instant) => (Kind::Instant, term::instant_code(*instant)),
        Bound::String(_) => return None,
    };
    // INVARIANT: no finite number and no instant has the first code or the last.
    let (first, last) = match comparison {
        Comparison::Gt => (code + 1, u64::MAX),
        Comparison::Gte => (code, u64::MAX),
        Comparison::Lt => (0, code - 1),
        Comparison::Lte => (0, code),
    };
    Some(Column::codes(column(path, kind), [(first, last)]))
}

/// The name of the column of a kind at a path.
fn column(path: &[u8], kind: Kind) -> String {
    format!("{COLUMNS}.{}", term::column(&term::term(path, kind, &[])))
}

fn ordered(path: &[u8], kind: Kind, comparison: Comparison, bound: &[u8]) -> Terms {
    range(&term::term(path, kind, &[]), &term::end(path, kind), comparison, bound)
}

/// The terms of numbers, sorted.
fn terms_of(path: &[u8], numbers: &[Number]) -> Vec<Vec<u8>> {
    let term = |number: &Number| term::term(path, Kind::Number, term::number(*number, &mut [0; 10]));
    let mut terms: Vec<Vec<u8>> = numbers.iter().map(term).collect();
    terms.sort_unstable();
    terms
}

fn set_asked(set: &Set, test: &Test, path: &[u8], strings: &Strings) -> Asked {
    let (mut listed, mut folded, mut numbers) = (Vec::with_capacity(set.len()), Vec::new(), Vec::new());
    let mut reads_long = false;
    for value in set.iter() {
        match value {
            // No set holds null.
            Value::Null => {}
            Value::Bool(bool) => listed.push(term::term(path, Kind::Bool, &[u8::from(*bool)])),
            Value::Number(number) => numbers.push(*number),
            Value::String(string) if set.ignores_case() => {
                // A character takes up to three times as many bytes as what it folds to: the Kelvin sign.
                reads_long |= string.len() > LONGEST_STRING / 3;
                folded.push(&**string);
            }
            Value::String(string) if string.len() > LONGEST_STRING => reads_long = true,
            Value::String(string) => listed.push(strings.term(string)),
        }
    }
    let mut terms = Vec::new();
    let (coded, others): (Vec<Number>, Vec<Number>) =
        numbers.into_iter().partition(|number| term::has_own_code(*number));
    if coded.len() < Numbers::LEAST {
        listed.extend(terms_of(path, &coded));
    } else {
        let codes = CodeSet::new(coded.iter().map(|number| term::number_code(*number)));
        let column = column(path, Kind::Number);
        terms.push(Terms::Numbers(Numbers { terms: terms_of(path, &coded), column, codes: Arc::new(codes) }));
    }
    listed.extend(terms_of(path, &others));
    listed.sort_unstable();
    let what = match (set.len(), folded.is_empty()) {
        (1, true) => "a value",
        (1, false) => "a value in any letter case",
        (_, true) => "values",
        (_, false) => "values in any letter case",
    };
    terms.extend(strings.folded(&folded, test));
    if !listed.is_empty() || terms.is_empty() {
        terms.push(Terms::Listed(listed));
    }
    Asked { what, terms, reads_long }
}
