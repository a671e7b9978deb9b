//! Fields of one type: text, numbers, booleans, dates.

use super::super::column::Column;
use super::super::query::TermFilter;
use super::super::scan::{Scan, Terms};
use super::asked::Asked;
use super::date::Span;
use super::field::{Access, Kind, Resolved};
use super::number::{NumberType, Wanted, i64_code};
use crate::lower::{Cover, Why};
use crate::path::Path;
use crate::predicate::{Bound, Leaf, Test};
use crate::set::Set;
use crate::value::{Instant, Value};

/// Codes from one to another, both among them.
pub(super) type Codes = (u64, u64);

impl Resolved {
    /// What the field says of a leaf whose path goes on below it after so many keys.
    pub(super) fn cover(&self, leaf: &Leaf, below: usize) -> Cover<TermFilter> {
        let promises = self.promises;
        if !promises.whole && !promises.only {
            let text = format!("nothing is promised of the field `{}`", self.name);
            return Cover::Unsupported(Why::new("not_promised", text));
        }
        let misses = (!promises.whole).then(|| {
            Why::new("not_whole", format!("nothing promises that the field `{}` holds every value", self.name))
        });
        let extra = (!promises.only)
            .then(|| Why::new("not_only", format!("the field `{}` may hold what the document does not", self.name)));
        let path = leaf.path();
        let asked = match &self.kind {
            Kind::Json { strings, expands_dots } => self.json(strings, *expands_dots, leaf, below),
            Kind::Text(text) => self.text(text, path, leaf.test()),
            Kind::Number(ty, access) => self.number(*ty, *access, path, leaf.test()),
            Kind::Bool(access) => self.boolean(*access, path, leaf.test()),
            Kind::Date(access, unit) => self.date(*access, *unit, path, leaf.test()),
        };
        let is_null = matches!(leaf.test(), Test::IsNull);
        asked.misses(misses).extra(extra).cover(leaf.is_negated() != is_null)
    }

    fn number(&self, ty: NumberType, access: Access, path: &Path, test: &Test) -> Asked {
        match test {
            Test::In(set) => {
                let numbers = set.iter().filter_map(|value| match value {
                    Value::Number(number) => ty.range(Wanted::Equal(*number)),
                    Value::Null | Value::Bool(_) | Value::String(_) => None,
                });
                self.codes(access, path, "numbers", numbers.collect())
            }
            Test::Compare(comparison, Bound::Number(bound)) => {
                let range = ty.range(Wanted::Compare(*comparison, *bound));
                self.codes(access, path, "a range of numbers", range.into_iter().collect())
            }
            Test::Exists | Test::IsNull => self.presence(access, path, test),
            // No number meets them, and there is nothing else.
            Test::InInstants(_)
            | Test::Compare(_, Bound::String(_) | Bound::Instant(_))
            | Test::Contains(_)
            | Test::StartsWith(_)
            | Test::EndsWith(_)
            | Test::Regex(_)
            | Test::Text(_) => Asked::nothing(),
        }
    }

    fn boolean(&self, access: Access, path: &Path, test: &Test) -> Asked {
        match test {
            Test::In(set) => {
                let codes = set.iter().filter_map(|value| match value {
                    Value::Bool(bool) => Some((u64::from(*bool), u64::from(*bool))),
                    Value::Null | Value::Number(_) | Value::String(_) => None,
                });
                self.codes(access, path, "booleans", codes.collect())
            }
            Test::Exists | Test::IsNull => self.presence(access, path, test),
            // No boolean meets them, and there is nothing else.
            Test::InInstants(_)
            | Test::Compare(..)
            | Test::Contains(_)
            | Test::StartsWith(_)
            | Test::EndsWith(_)
            | Test::Regex(_)
            | Test::Text(_) => Asked::nothing(),
        }
    }

    fn date(&self, access: Access, unit: i128, path: &Path, test: &Test) -> Asked {
        match test {
            Test::InInstants(instants) => {
                self.spans(access, unit, path, instants.iter().map(|instant| Span::of(*instant)))
            }
            Test::Compare(comparison, Bound::Instant(bound)) => {
                self.spans(access, unit, path, [Span::compared(*comparison, *bound)])
            }
            // Equal strings are equal instants; not the other way round.
            Test::In(set) => self.spans(access, unit, path, instants(set).map(Span::of)).extra(self.not_raw()),
            Test::Exists | Test::IsNull => self.presence(access, path, test),
            Test::Compare(_, Bound::Number(_)) => Asked::nothing(),
            Test::Compare(_, Bound::String(_))
            | Test::Contains(_)
            | Test::StartsWith(_)
            | Test::EndsWith(_)
            | Test::Regex(_)
            | Test::Text(_) => Asked::cannot(self.not_raw()),
        }
    }

    fn spans(&self, access: Access, unit: i128, path: &Path, spans: impl IntoIterator<Item = Span>) -> Asked {
        // tantivy indexes whole seconds, whatever the precision of the column: so that is asked alone where it is there.
        let unit = if access.is_fast { unit } else { 1_000_000_000 };
        let access = Access { is_indexed: access.is_indexed && !access.is_fast, ..access };
        let (mut codes, mut is_exact) = (Vec::new(), true);
        for kept in spans.into_iter().filter_map(|span| span.kept(unit)) {
            is_exact &= kept.is_exact;
            codes.push((i64_code(kept.values.0), i64_code(kept.values.1)));
        }
        let asked = self.codes(access, path, "a range of dates", codes);
        let why = if access.is_fast {
            Why::new("too_coarse", format!("the field `{}` has another precision", self.name))
        } else {
            self.needs_fast("its dates are indexed in whole seconds")
        };
        asked.extra((!is_exact).then_some(why))
    }

    /// The documents with values of these codes.
    pub(super) fn codes(&self, access: Access, path: &Path, what: &'static str, codes: Vec<Codes>) -> Asked {
        let codes = disjoint(codes);
        match access {
            Access { is_indexed: false, is_fast: false } => Asked::cannot(self.not_indexed()),
            // A few values are found sooner by their postings.
            Access { is_indexed: true, is_fast } if !is_fast || codes.iter().all(|(first, last)| first == last) => {
                let terms = code_terms(&[], &codes);
                Asked::new(self.scan(path, what, terms))
            }
            _ => Asked::new(TermFilter::column(path, what, Column::codes(self.name.clone(), codes))),
        }
    }

    /// `exists`, or what is not null: the documents with any value.
    fn presence(&self, access: Access, path: &Path, test: &Test) -> Asked {
        let asked = match access {
            Access { is_fast: true, .. } => Asked::new(TermFilter::column(path, "any value", Column::any(&self.name))),
            Access { is_indexed: true, .. } => {
                Asked::new(self.scan(path, "any value", code_terms(&[], &[(0, u64::MAX)])))
            }
            Access { is_indexed: false, is_fast: false } => Asked::cannot(self.not_indexed()),
        };
        asked.misses(self.no_nulls(test))
    }

    /// What presence misses that is no value: `exists` is true of a null.
    pub(super) fn no_nulls(&self, test: &Test) -> Option<Why> {
        let text = || format!("the field `{}` does not tell a null from nothing", self.name);
        matches!(test, Test::Exists).then(|| Why::new("no_nulls", text()))
    }

    pub(super) fn scan(&self, path: &Path, what: &'static str, terms: Vec<Terms>) -> TermFilter {
        TermFilter::scan(path, what, Scan { field: self.field, terms, long: None })
    }

    pub(super) fn not_indexed(&self) -> Why {
        Why::new("not_indexed", format!("the field `{}` is neither indexed nor fast", self.name))
    }

    pub(super) fn not_raw(&self) -> Why {
        Why::new("not_indexed_raw", format!("the field `{}` is not indexed raw", self.name))
    }

    pub(super) fn needs_fast(&self, reason: &str) -> Why {
        Why::new("needs_fast", format!("the field `{}` needs fast: {reason}", self.name))
    }
}

/// The terms of codes, after a prefix.
pub(super) fn code_terms(prefix: &[u8], codes: &[Codes]) -> Vec<Terms> {
    let term = |code: u64| [prefix, &code.to_be_bytes()].concat();
    let (listed, ranges): (Vec<&Codes>, Vec<&Codes>) = codes.iter().partition(|(first, last)| first == last);
    let mut terms = vec![Terms::Listed(listed.into_iter().map(|(code, _)| term(*code)).collect())];
    terms.extend(ranges.into_iter().map(|(first, last)| {
        let mut end = term(*last);
        // All terms have the same length, so what stands next after it is longer.
        end.push(0);
        Terms::Between(term(*first), end)
    }));
    terms
}

/// The same codes, sorted, no two ranges of which overlap.
pub(super) fn disjoint(mut codes: Vec<Codes>) -> Vec<Codes> {
    codes.sort_unstable();
    let mut merged: Vec<Codes> = Vec::with_capacity(codes.len());
    for (first, last) in codes {
        match merged.last_mut() {
            Some((_, before)) if first <= *before => *before = last.max(*before),
            _ => merged.push((first, last)),
        }
    }
    merged
}

/// The instants that strings equal to one of these can be.
fn instants(set: &Set) -> impl Iterator<Item = Instant> {
    set.iter().filter_map(|value| match value {
        // Folded, `T` and `Z` are small letters, and nothing else folds to them but themselves.
        Value::String(string) if set.ignores_case() => Instant::parse(&string.to_ascii_uppercase()),
        Value::String(string) => Instant::parse(string),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    })
}
