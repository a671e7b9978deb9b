//! A JSON field: terms of a path, a type and a value.
//!
//! ```text
//! term = path 0x00 type value
//! path = key {0x01 key}          with `expand_dots`, each dot of a key is a 0x01
//! type = s string or token | i f u eight bytes | o boolean in eight bytes | d seconds
//! ```

use super::super::scan::Terms;
use super::super::strings::Strings;
use super::asked::Asked;
use super::field::{Indexed, Resolved, Text};
use super::number::{NumberType, Wanted, saturated};
use super::typed::{code_terms, disjoint};
use crate::lower::Why;
use crate::path::Path;
use crate::predicate::{Bound, Leaf, Test};
use crate::set::Set;
use crate::value::Value;

impl Resolved {
    pub(super) fn json(&self, text: &Text, expands_dots: bool, leaf: &Leaf, below: usize) -> Asked {
        let path = leaf.path();
        if matches!(text.indexed, Indexed::No) {
            return Asked::cannot(self.not_indexed());
        }
        let keys: Vec<&str> = path.keys().skip(below).collect();
        if keys.iter().any(|key| key.contains('\0')) {
            return Asked::cannot(Why::new("not_indexed", "a key with U+0000 is not indexed"));
        }
        let of_path = if expands_dots { keys.join("\u{1}").replace('.', "\u{1}") } else { keys.join("\u{1}") };
        // A key that is promised not to be there can still be found under the name of another path.
        let is_plain = self.promises.plain && !keys.iter().any(|key| key.contains(['.', '\u{1}']));
        let not_plain = (!is_plain).then(|| {
            let text = format!("the field `{}` takes other paths and nested arrays for this path", self.name);
            Why::new("not_plain", text)
        });
        self.json_at(text, of_path.into_bytes(), path, leaf.test()).extra(not_plain)
    }

    fn json_at(&self, text: &Text, of_path: Vec<u8>, path: &Path, test: &Test) -> Asked {
        let of_type = |ty: u8| [&of_path[..], &[0, ty]].concat();
        let strings = || Strings::after(of_type(b's'));
        match test {
            Test::Exists | Test::IsNull => {
                // Its scalars and all that is below it.
                let (from, to) = ([&of_path[..], &[0]].concat(), [&of_path[..], &[2]].concat());
                let why =
                    format!("`{{}}`, a list of nothing and odd strings leave no term in the field `{}`", self.name);
                let asked = Asked::new(self.scan(path, "anything", vec![Terms::Between(from, to)]));
                asked.misses(Why::new("no_empty", why)).misses(self.no_nulls(test))
            }
            Test::In(set) => self.json_set(text, &of_path, path, set, test),
            Test::Compare(comparison, Bound::Number(bound)) => {
                let (terms, why) = self.numbers(&of_path, [Wanted::Compare(*comparison, *bound)]);
                Asked::new(self.scan(path, "a range of numbers", terms)).extra(why)
            }
            Test::InInstants(_)
            | Test::Compare(_, Bound::String(_) | Bound::Instant(_))
            | Test::Contains(_)
            | Test::StartsWith(_)
            | Test::EndsWith(_)
            | Test::Regex(_)
            | Test::Text(_) => {
                let dates = (!self.promises.verbatim).then(|| self.dates());
                self.strings(text, &strings(), path, test).misses(dates)
            }
        }
    }

    fn json_set(&self, text: &Text, of_path: &[u8], path: &Path, set: &Set, test: &Test) -> Asked {
        let of_type = |ty: u8| [of_path, &[0, ty]].concat();
        let (mut booleans, mut numbers, mut has_strings, mut date_like) = (Vec::new(), Vec::new(), false, false);
        for value in set.iter() {
            match value {
                Value::Null => {}
                Value::Bool(bool) => booleans.push((u64::from(*bool), u64::from(*bool))),
                Value::Number(number) => numbers.push(Wanted::Equal(*number)),
                Value::String(string) => {
                    has_strings = true;
                    date_like |= looks_like_a_date(string);
                }
            }
        }
        booleans.sort_unstable();
        let (mut terms, why) = self.numbers(of_path, numbers);
        terms.extend(code_terms(&of_type(b'o'), &booleans));
        let others = self.scan(path, "values", terms);
        if !has_strings {
            return Asked::new(others).extra(why);
        }
        let dates = (date_like && !self.promises.verbatim).then(|| self.dates());
        let asked = self.strings(text, &Strings::after(of_type(b's')), path, test).misses(dates);
        asked.or(others).extra(why)
    }

    /// The terms of numbers, and why there are others among them. tantivy indexes an integer as an `i64` where it is one in
    /// that range, else as a `u64`, whatever it was written as, and anything else as an `f64`. It takes the number next
    /// after the last of a type for that last one.
    fn numbers(&self, of_path: &[u8], wanted: impl IntoIterator<Item = Wanted>) -> (Vec<Terms>, Option<Why>) {
        let types = [(b'i', NumberType::I64), (b'u', NumberType::U64), (b'f', NumberType::F64)];
        let mut codes = types.map(|_| Vec::new());
        let mut is_exact = true;
        for wanted in wanted {
            for ((_, ty), codes) in types.iter().zip(&mut codes) {
                codes.extend(ty.range(wanted));
                let Some((last, next)) = saturated(*ty) else { continue };
                if wanted.accepts(last) != wanted.accepts(next) {
                    is_exact = false;
                    codes.extend(ty.range(Wanted::Equal(last)));
                }
            }
        }
        let each = types
            .iter()
            .zip(&codes)
            .flat_map(|((code, _), codes)| code_terms(&[of_path, &[0, *code]].concat(), &disjoint(codes.clone())));
        let why = || {
            let text = format!("the field `{}` takes 2^63 for the number before it, and likewise 2^64", self.name);
            Why::new("saturated", text)
        };
        (each.collect(), (!is_exact).then(why))
    }

    fn dates(&self) -> Why {
        let text = format!("the field `{}` may hold strings that look like dates as dates", self.name);
        Why::new("not_verbatim", text)
    }
}

/// Whether tantivy may take a string for a date: RFC 3339 begins with four digits and a hyphen.
fn looks_like_a_date(string: &str) -> bool {
    matches!(string.as_bytes(), [a, b, c, d, b'-', ..] if [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()))
}
