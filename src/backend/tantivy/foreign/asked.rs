//! What a field is asked for a positive test, and how its answer can differ from the test's.

use super::super::query::TermFilter;
use crate::lower::{Cover, Why};
use crate::predicate::Join;

/// A filter over a field, for a positive test.
pub(super) struct Asked {
    /// None: the field cannot be asked.
    filter: Option<TermFilter>,
    /// Why documents that meet the test may not be found.
    misses: Option<Why>,
    /// Why documents that do not meet the test may be found.
    extra: Option<Why>,
}

impl Asked {
    pub(super) fn new(filter: TermFilter) -> Asked {
        Asked { filter: Some(filter), misses: None, extra: None }
    }

    /// No document meets the test.
    pub(super) fn nothing() -> Asked {
        Asked::new(TermFilter::group(Join::Any, Vec::new()))
    }

    pub(super) fn cannot(why: Why) -> Asked {
        Asked { filter: None, misses: Some(why), extra: None }
    }

    /// The documents that are found by this or by another filter.
    pub(super) fn or(mut self, other: TermFilter) -> Asked {
        self.filter = self.filter.map(|filter| TermFilter::group(Join::Any, vec![filter, other]));
        self
    }

    /// The first reason stands.
    pub(super) fn misses(mut self, why: impl Into<Option<Why>>) -> Asked {
        self.misses = self.misses.or(why.into());
        self
    }

    /// The first reason stands.
    pub(super) fn extra(mut self, why: impl Into<Option<Why>>) -> Asked {
        self.extra = self.extra.or(why.into());
        self
    }

    /// The documents that meet the test, or those that do not. What is missed by the one is extra for the other: so what a
    /// filter over the complement is worth is decided here alone, after all reasons are known.
    pub(super) fn cover(self, negated: bool) -> Cover<TermFilter> {
        let Asked { filter, misses, extra } = self;
        let (lost, added) = if negated { (extra, misses) } else { (misses, extra) };
        match (filter, lost, added) {
            (Some(filter), None, added) => {
                let filter = if negated { filter.negate() } else { filter };
                match added {
                    None => Cover::Exact(filter),
                    Some(why) => Cover::Superset(filter, why),
                }
            }
            (Some(_), Some(why), _) | (None, Some(why), _) | (None, None, Some(why)) => Cover::Unsupported(why),
            (None, None, None) => Cover::Unsupported(Why::new("unsupported", "the field cannot be asked")),
        }
    }
}
