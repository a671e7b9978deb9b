//! Strings: as they are, or as tokens.

use tantivy::tokenizer::TextAnalyzer;

use super::super::column::Column;
use super::super::query::TermFilter;
use super::super::scan::Terms;
use super::super::strings::{LONGEST_STRING, Strings};
use super::asked::Asked;
use super::field::{Indexed, Resolved, Text};
use crate::lower::Why;
use crate::path::Path;
use crate::predicate::{Bound, Join, Test, Tokens};
use crate::set::Set;
use crate::value::Value;

/// More strings than this are not looked for by their tokens.
const MOST_TOKENISED: usize = 1_000;

/// The strings of a set that a field of strings can hold.
fn strings_of(set: &Set) -> impl Iterator<Item = &str> {
    set.iter().filter_map(|value| match value {
        Value::String(string) => Some(&**string),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    })
}

impl Resolved {
    pub(super) fn text(&self, text: &Text, path: &Path, test: &Test) -> Asked {
        let strings = Strings::after(Vec::new());
        match test {
            Test::Exists | Test::IsNull => {
                let asked = match (&text.indexed, text.is_fast) {
                    (_, true) => Asked::new(TermFilter::column(path, "any value", Column::any(&self.name))),
                    (Indexed::Raw, false) => {
                        Asked::new(self.scan(path, "any value", vec![strings.all()])).misses(self.too_long())
                    }
                    (Indexed::Tokens(_), false) => {
                        Asked::cannot(self.needs_fast("a string without tokens leaves no term"))
                    }
                    (Indexed::No, false) => Asked::cannot(self.not_indexed()),
                };
                asked.misses(self.no_nulls(test))
            }
            // No string meets them, and there is nothing else.
            Test::Compare(_, Bound::Number(_)) => Asked::nothing(),
            Test::In(_)
            | Test::InInstants(_)
            | Test::Compare(_, Bound::String(_) | Bound::Instant(_))
            | Test::Contains(_)
            | Test::StartsWith(_)
            | Test::EndsWith(_)
            | Test::Regex(_)
            | Test::Text(_) => self.strings(text, &strings, path, test),
        }
    }

    /// A test of strings, which stand after a prefix in the dictionary.
    pub(super) fn strings(&self, text: &Text, strings: &Strings, path: &Path, test: &Test) -> Asked {
        match (&text.indexed, test) {
            (Indexed::Tokens(analyzer), Test::In(set)) if !text.is_fast => {
                self.tokenised(analyzer.clone(), strings, path, set)
            }
            (Indexed::Tokens(_), _) if !text.is_fast => Asked::cannot(self.not_raw()),
            (Indexed::No, _) if !text.is_fast => Asked::cannot(self.not_indexed()),
            (_, Test::In(set)) => self.raw_set(text, strings, path, set, test),
            _ => self.raw(text, strings, path, test),
        }
    }

    fn raw_set(&self, text: &Text, strings: &Strings, path: &Path, set: &Set, test: &Test) -> Asked {
        let folds = set.ignores_case();
        // A character takes up to three times as many bytes as what it folds to.
        let longest = if folds { LONGEST_STRING / 3 } else { LONGEST_STRING };
        let (wanted, long): (Vec<&str>, Vec<&str>) = strings_of(set).partition(|string| string.len() <= longest);
        // A long one that is promised not to be there needs no term of its own.
        let too_long = if long.is_empty() { None } else { self.too_long() };
        let mut terms = Vec::new();
        if folds {
            terms.extend(strings.folded(&wanted, test));
        } else {
            let mut listed: Vec<Vec<u8>> = wanted.into_iter().map(|string| strings.term(string)).collect();
            listed.sort_unstable();
            terms.push(Terms::Listed(listed));
        }
        let what = if folds { "strings in any letter case" } else { "strings" };
        Asked::new(self.of_strings(text, path, what, terms)).misses(too_long)
    }

    fn raw(&self, text: &Text, strings: &Strings, path: &Path, test: &Test) -> Asked {
        let scan = |terms: Terms| self.of_strings(text, path, "some strings", vec![terms]);
        let filter = match test {
            Test::Compare(comparison, Bound::String(bound)) => scan(strings.range(*comparison, bound)),
            Test::StartsWith(needle) => scan(strings.starting(needle)),
            // Each token in some string: they are pooled (C5).
            Test::Text(tokens) => {
                let each = tokens.iter().filter_map(Tokens::of).map(|token| scan(strings.tested(&Test::Text(token))));
                TermFilter::group(Join::All, each.collect())
            }
            Test::Regex(pattern) => scan(strings.matching(pattern, test)),
            Test::Contains(needle) => scan(strings.holding(needle, false, test)),
            Test::EndsWith(needle) => scan(strings.holding(needle, true, test)),
            Test::Compare(_, Bound::Instant(_)) | Test::InInstants(_) => scan(strings.tested(test)),
            Test::Exists | Test::IsNull | Test::In(_) | Test::Compare(_, Bound::Number(_)) => {
                return Asked::cannot(self.not_raw());
            }
        };
        // One that was cut meets what it would not have met.
        Asked::new(filter).misses(self.too_long()).extra(self.too_long())
    }

    /// By the postings of strings, or by their column where they are not indexed as they are.
    fn of_strings(&self, text: &Text, path: &Path, what: &'static str, terms: Vec<Terms>) -> TermFilter {
        match text.indexed {
            Indexed::Raw => self.scan(path, what, terms),
            Indexed::No | Indexed::Tokens(_) => TermFilter::column(path, what, Column::strings(&self.name, terms)),
        }
    }

    /// The strings that have the tokens of one of a set: it is among them.
    fn tokenised(&self, mut analyzer: TextAnalyzer, strings: &Strings, path: &Path, set: &Set) -> Asked {
        if set.ignores_case() || set.len() > MOST_TOKENISED {
            return Asked::cannot(self.not_raw());
        }
        let mut any = Vec::new();
        for string in strings_of(set) {
            let mut terms: Vec<Vec<u8>> = Vec::new();
            analyzer.token_stream(string).process(&mut |token| {
                if token.text.len() <= LONGEST_STRING {
                    terms.push(strings.term(&token.text));
                }
            });
            terms.sort_unstable();
            terms.dedup();
            if terms.is_empty() {
                return Asked::cannot(self.not_raw());
            }
            let all = terms.into_iter().map(|term| self.scan(path, "a token", vec![Terms::Listed(vec![term])]));
            any.push(TermFilter::group(Join::All, all.collect()));
        }
        if any.is_empty() {
            return Asked::nothing();
        }
        Asked::new(TermFilter::group(Join::Any, any)).extra(self.not_raw())
    }

    /// Why strings that are too long for a term may not be found, unless there are none.
    fn too_long(&self) -> Option<Why> {
        let text = || format!("the field `{}` may lack strings of more than {LONGEST_STRING} bytes", self.name);
        (!self.promises.short).then(|| Why::new("too_long", text()))
    }
}
