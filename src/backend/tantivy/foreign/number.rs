//! Numbers as tantivy orders them, and which of them a test asks for.

use tantivy::{f64_to_u64, i64_to_u64, u64_to_f64, u64_to_i64};

use crate::predicate::Comparison;
use crate::value::Number;

/// A type of number, whose values tantivy maps to codes that sort as they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberType {
    U64,
    I64,
    F64,
}

/// What a test asks of one number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    Equal(Number),
    Compare(Comparison, Number),
}

impl Wanted {
    pub(super) fn accepts(self, number: Number) -> bool {
        match self {
            Wanted::Equal(wanted) => number == wanted,
            Wanted::Compare(comparison, bound) => comparison.accepts(number.cmp(&bound)),
        }
    }

    /// Whether all that is accepted is greater.
    fn is_below(self, number: Number) -> bool {
        match self {
            Wanted::Equal(bound) | Wanted::Compare(Comparison::Gte, bound) => number < bound,
            Wanted::Compare(Comparison::Gt, bound) => number <= bound,
            Wanted::Compare(Comparison::Lt | Comparison::Lte, _) => false,
        }
    }

    /// Whether all that is accepted is less.
    fn is_above(self, number: Number) -> bool {
        match self {
            Wanted::Equal(bound) | Wanted::Compare(Comparison::Lte, bound) => number > bound,
            Wanted::Compare(Comparison::Lt, bound) => number >= bound,
            Wanted::Compare(Comparison::Gt | Comparison::Gte, _) => false,
        }
    }
}

impl NumberType {
    /// The codes of the finite values.
    fn codes(self) -> (u64, u64) {
        match self {
            NumberType::U64 | NumberType::I64 => (0, u64::MAX),
            NumberType::F64 => (f64_to_u64(f64::MIN), f64_to_u64(f64::MAX)),
        }
    }

    fn number(self, code: u64) -> Number {
        match self {
            NumberType::U64 => Number::from(code),
            NumberType::I64 => Number::from(u64_to_i64(code)),
            // INVARIANT: the code of a finite value.
            NumberType::F64 => Number::from_f64(u64_to_f64(code)).unwrap_or(Number::from(0)),
        }
    }

    /// The first code and the last of the values that are accepted; `-0.0` has a code of its own. Found by halving, since
    /// codes sort as the numbers do: a bound between two values, or outside of them all, needs no rule of its own.
    pub(super) fn range(self, wanted: Wanted) -> Option<(u64, u64)> {
        let (mut first, last) = self.codes();
        let mut end = u128::from(last) + 1;
        first = halve(first, end, |code| wanted.is_below(self.number(code)))?;
        let after = halve(first, end, |code| !wanted.is_above(self.number(code)));
        end = after.map_or(end, u128::from);
        (u128::from(first) < end).then(|| (first, (end - 1) as u64))
    }
}

/// The first code from `from` on, below `end`, for which `holds` is false. INVARIANT: before it it holds for all.
fn halve(from: u64, end: u128, holds: impl Fn(u64) -> bool) -> Option<u64> {
    let (mut from, mut to) = (u128::from(from), end);
    while from < to {
        let middle = (from + to) / 2;
        if holds(middle as u64) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    (from < end).then_some(from as u64)
}

/// The numbers beyond a type's last that tantivy's JSON fields take for it: `2^63` for the last `i64`, `2^64` for the last
/// `u64`.
pub(super) fn saturated(ty: NumberType) -> Option<(Number, Number)> {
    match ty {
        NumberType::I64 => Some((Number::from(i64::MAX), Number::from(1_u64 << 63))),
        NumberType::U64 => Some((Number::from(u64::MAX), Number::from_f64(18_446_744_073_709_551_616.0)?)),
        NumberType::F64 => None,
    }
}

/// The code of an `i64`.
pub(super) fn i64_code(value: i64) -> u64 {
    i64_to_u64(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_what_is_accepted_and_ends_where_it_ends() {
        let mut numbers: Vec<Number> = [
            f64::MIN,
            -1.844_674_407_370_955_2e19,
            -9_223_372_036_854_775_808.0,
            -1.5,
            -1.0,
            -5e-324,
            -0.0,
            0.0,
            5e-324,
            0.5,
            1.0,
            9_007_199_254_740_992.0,
            9_223_372_036_854_775_808.0,
            18_446_744_073_709_551_616.0,
            f64::MAX,
        ]
        .into_iter()
        .filter_map(Number::from_f64)
        .collect();
        numbers.extend([i64::MIN, i64::MIN + 1, -1, 0, 1, (1 << 53) + 1, i64::MAX - 1, i64::MAX].map(Number::from));
        numbers.extend([1 << 63, (1 << 63) + 1, u64::MAX - 1, u64::MAX].map(|uint: u64| Number::from(uint)));
        let comparisons = [Comparison::Gt, Comparison::Gte, Comparison::Lt, Comparison::Lte];
        for ty in [NumberType::U64, NumberType::I64, NumberType::F64] {
            let (lowest, highest) = ty.codes();
            for bound in &numbers {
                let compared = comparisons.map(|comparison| Wanted::Compare(comparison, *bound));
                for wanted in compared.into_iter().chain([Wanted::Equal(*bound)]) {
                    let accepts = |code: u64| wanted.accepts(ty.number(code));
                    let Some((first, last)) = ty.range(wanted) else {
                        assert!(!accepts(lowest) && !accepts(highest), "{wanted:?}");
                        continue;
                    };
                    assert!(accepts(first) && accepts(last), "{ty:?} {wanted:?}");
                    assert!(first == lowest || !accepts(first - 1), "{ty:?} {wanted:?}");
                    assert!(last == highest || !accepts(last + 1), "{ty:?} {wanted:?}");
                }
            }
        }
        // Both zeros.
        let zero = NumberType::F64.range(Wanted::Equal(Number::from(0)));
        assert_eq!(zero, Some((f64_to_u64(-0.0), f64_to_u64(0.0))));
    }
}
