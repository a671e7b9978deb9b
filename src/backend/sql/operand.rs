//! Operands made ready for a database: numbers that no parameter type holds, prefixes as ranges, lists as JSON.

use std::cmp::Ordering;
use std::fmt::Write as _;

use crate::fold::{is_cased, orbit};
use crate::predicate::Comparison;
use crate::value::{Number, write_json_string};

const TWO_POW_63: u128 = 1 << 63;
const TWO_POW_64: u128 = 1 << 64;

/// The value of a number from 2^63 to 2^64: where a database without unsigned integers reads a stored integer as a
/// float, and integers that differ as the same one.
pub(super) fn unsigned(number: Number) -> Option<u128> {
    let value = match number.as_u64() {
        Some(int) => u128::from(int),
        None if Number::from_f64(TWO_POW_64 as f64) == Some(number) => TWO_POW_64,
        None => return None,
    };
    (value >= TWO_POW_63).then_some(value)
}

/// Whether a number is told from every other as a float.
pub(super) fn is_small(number: Number) -> bool {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    number.to_f64_lossy().abs() < EXACT
}

/// The float of exactly this value.
pub(super) fn exact_float(int: u128) -> Option<f64> {
    let float = int as f64;
    (float as u128 == int).then_some(float)
}

/// The float of exactly this value.
pub(super) fn exact_as_float(number: Number) -> Option<f64> {
    let float = number.to_f64_lossy();
    (Number::from_f64(float) == Some(number)).then_some(float)
}

/// What a float must be to compare so with a number.
pub(super) fn float_operand(comparison: Comparison, bound: Number) -> (Comparison, f64) {
    let float = bound.to_f64_lossy();
    let is_above = match Number::from_f64(float).map(|float| float.cmp(&bound)) {
        Some(Ordering::Greater) => true,
        Some(Ordering::Less) => false,
        Some(Ordering::Equal) | None => return (comparison, float),
    };
    match comparison {
        Comparison::Gt | Comparison::Gte => (Comparison::Gte, if is_above { float } else { float.next_up() }),
        Comparison::Lt | Comparison::Lte => (Comparison::Lte, if is_above { float.next_down() } else { float }),
    }
}

/// What an `i64` must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum IntBound {
    Never,
    Always,
    Compare(Comparison, i64),
}

/// What an `i64` must be to compare so with a number.
pub(super) fn int_bound(comparison: Comparison, bound: Number) -> IntBound {
    if let Some(int) = bound.as_i64() {
        return IntBound::Compare(comparison, int);
    }
    let is_greater = matches!(comparison, Comparison::Gt | Comparison::Gte);
    if Number::from(i64::MAX) < bound || bound < Number::from(i64::MIN) {
        let is_above = Number::from(i64::MAX) < bound;
        return if is_above == is_greater { IntBound::Never } else { IntBound::Always };
    }
    // Between two integers.
    let below = bound.to_f64_lossy().floor() as i64;
    IntBound::Compare(if is_greater { Comparison::Gt } else { Comparison::Lte }, below)
}

/// Whether the characters of a folded operand have no other form outside of ASCII, but for `k` and `s`.
pub(super) fn folds_as_ascii(operand: &str) -> bool {
    operand.chars().all(|c| c.is_ascii() || !is_cased(c))
}

/// The ways to begin what folds to a text, by as many of its characters as make no more than so many: for an index.
pub(super) fn spellings(text: &str, most: usize) -> Vec<String> {
    let mut spellings = vec![String::new()];
    for c in text.chars() {
        let members = orbit(c);
        if spellings.len() * members.len() > most {
            break;
        }
        let longer =
            spellings.iter().flat_map(|spelling| members.iter().map(move |member| format!("{spelling}{member}")));
        spellings = longer.collect();
    }
    spellings
}

/// The least string that is greater than every string with this prefix; `None` where there is none.
pub(super) fn successor(prefix: &str) -> Option<String> {
    let rest = prefix.trim_end_matches(char::MAX);
    let last = rest.chars().next_back()?;
    // The surrogates are no characters.
    let next = if last == '\u{D7FF}' { '\u{E000}' } else { char::from_u32(u32::from(last) + 1)? };
    let mut successor = rest[..rest.len() - last.len_utf8()].to_owned();
    successor.push(next);
    Some(successor)
}

/// Strings as a JSON array.
pub(super) fn json_strings<S: AsRef<str>>(strings: &[S]) -> String {
    let size: usize = strings.iter().map(|string| string.as_ref().len() + 3).sum();
    let mut json = String::with_capacity(size + 2);
    json.push('[');
    for string in strings {
        if json.len() > 1 {
            json.push(',');
        }
        let string = string.as_ref();
        if string.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
            json.push('"');
            json.push_str(string);
            json.push('"');
        } else {
            // INVARIANT: writing to a `String` never fails.
            let _ = write_json_string(&mut json, string);
        }
    }
    json.push(']');
    json
}

/// Numbers as a JSON array.
pub(super) fn json_numbers(numbers: &[Number]) -> String {
    const GUESS: usize = 8;
    let mut json = String::with_capacity(2 + numbers.len() * GUESS);
    json.push('[');
    for number in numbers {
        let comma = if json.len() > 1 { "," } else { "" };
        // INVARIANT: writing to a `String` never fails.
        let _ = write!(json, "{comma}{number}");
    }
    json.push(']');
    json
}

/// The SQL of a comparison.
pub(super) fn symbol(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Gt => " > ",
        Comparison::Gte => " >= ",
        Comparison::Lt => " < ",
        Comparison::Lte => " <= ",
    }
}

/// The comparison that holds where this one does not.
pub(super) fn inverse(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Gt => Comparison::Lte,
        Comparison::Gte => Comparison::Lt,
        Comparison::Lt => Comparison::Gte,
        Comparison::Lte => Comparison::Gt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_is_the_least_string_past_a_prefix() {
        for (prefix, wanted) in [
            ("a", Some("b")),
            ("az", Some("a{")),
            ("a\u{7f}", Some("a\u{80}")),
            ("a\u{D7FF}", Some("a\u{E000}")),
            ("a\u{10FFFF}\u{10FFFF}", Some("b")),
            ("\u{10FFFF}", None),
            ("\0", Some("\u{1}")),
        ] {
            assert_eq!(successor(prefix).as_deref(), wanted, "{prefix:?}");
        }
    }

    #[test]
    fn bounds_of_a_type_are_those_of_the_number() {
        let ints = [0, 1, 1024, 1025, 2047, 2048, 2049].map(|above| TWO_POW_63 + above);
        let floats: Vec<f64> = (0..4).map(|at| (TWO_POW_63 + at * 2048) as f64).chain([1.0, 2e19]).collect();
        let ints = ints.into_iter().chain([TWO_POW_64 - 1, TWO_POW_64]);
        for int in ints.clone() {
            assert_eq!(
                exact_float(int).is_some(),
                floats.contains(&(int as f64)) && int % 2048 == 0 || int == TWO_POW_64
            );
        }
        let numbers = ints.filter_map(|int| u64::try_from(int).ok().map(Number::from)).chain([5.into(), (-7).into()]);
        let more =
            [5.5, -5.5, 0.0, 2e19, -2e19, 1e300, TWO_POW_64 as f64].map(|float| Number::from_f64(float).unwrap());
        for bound in numbers.chain(more) {
            for comparison in [Comparison::Gt, Comparison::Gte, Comparison::Lt, Comparison::Lte] {
                let (to, float_bound) = float_operand(comparison, bound);
                for float in floats.iter().copied().chain([TWO_POW_64 as f64, -6.0, 5.0, 5.5, 6.0]) {
                    let wanted = comparison.accepts(Number::from_f64(float).unwrap().cmp(&bound));
                    let got = to.accepts(float.total_cmp(&float_bound));
                    assert_eq!(got, wanted, "{float} {comparison:?} {bound}");
                }
                for int in [i64::MIN, -7, -6, -5, 0, 5, 6, i64::MAX] {
                    let wanted = comparison.accepts(Number::from(int).cmp(&bound));
                    let got = match int_bound(comparison, bound) {
                        IntBound::Never => false,
                        IntBound::Always => true,
                        IntBound::Compare(to, bound) => to.accepts(int.cmp(&bound)),
                    };
                    assert_eq!(got, wanted, "{int} {comparison:?} {bound}");
                }
            }
        }
    }
}
