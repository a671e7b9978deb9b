//! Instants as tantivy keeps them: nanoseconds in an `i64`, cut to a precision.

use crate::predicate::Comparison;
use crate::value::Instant;

/// The first and the last nanosecond of what is asked for, both among it; none: it does not end there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    first: Option<i128>,
    last: Option<i128>,
}

/// The values of a field that hold a span.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// The first and the last.
    pub(super) values: (i64, i64),
    /// Whether no instant outside the span is kept as one of these.
    pub(super) is_exact: bool,
}

const NANOS_A_MICRO: i128 = 1_000;

impl Span {
    /// An instant is a microsecond, from which further digits were cut (T3).
    pub(super) fn of(instant: Instant) -> Span {
        let first = i128::from(instant.as_micros()) * NANOS_A_MICRO;
        Span { first: Some(first), last: Some(first + NANOS_A_MICRO - 1) }
    }

    pub(super) fn compared(comparison: Comparison, instant: Instant) -> Span {
        let first = i128::from(instant.as_micros()) * NANOS_A_MICRO;
        let next = first + NANOS_A_MICRO;
        match comparison {
            Comparison::Gt => Span { first: Some(next), last: None },
            Comparison::Gte => Span { first: Some(first), last: None },
            Comparison::Lt => Span { first: None, last: Some(first - 1) },
            Comparison::Lte => Span { first: None, last: Some(next - 1) },
        }
    }

    /// The values that instants of this span are kept as, with so many nanoseconds to a unit. tantivy divides, which rounds
    /// towards 1970, not towards the past; the order is kept.
    pub(super) fn kept(self, unit: i128) -> Option<Kept> {
        let cut = |nanos: i128| nanos / unit * unit;
        let (first, last) = (self.first.map(cut), self.last.map(cut));
        // What else is cut to the same values.
        let earliest = first.map(|value| if value > 0 { value } else { value - (unit - 1) });
        let latest = last.map(|value| if value < 0 { value } else { value + (unit - 1) });
        let is_exact = earliest == self.first && latest == self.last;
        let (lowest, highest) = (i128::from(i64::MIN), i128::from(i64::MAX));
        let (first, last) = (first.unwrap_or(lowest), last.unwrap_or(highest));
        if first > highest || last < lowest || first > last {
            return None;
        }
        // INVARIANT: within `i64` after the clamps.
        Some(Kept { values: (first.max(lowest) as i64, last.min(highest) as i64), is_exact })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_kept_where_its_nanoseconds_are() {
        let texts = [
            "1969-12-31T23:59:58Z",
            "1969-12-31T23:59:58.5Z",
            "1969-12-31T23:59:59.999999Z",
            "1970-01-01T00:00:00Z",
            "1970-01-01T00:00:00.000001Z",
            "1970-01-01T00:00:01Z",
            "1970-01-01T00:00:01.25Z",
        ];
        let instants: Vec<Instant> = texts.iter().filter_map(|text| Instant::parse(text)).collect();
        let comparisons = [Comparison::Gt, Comparison::Gte, Comparison::Lt, Comparison::Lte];
        for unit in [1, 1_000, 1_000_000, 1_000_000_000] {
            for at in &instants {
                let equal = (Span::of(*at), None);
                let compared = comparisons.map(|comparison| (Span::compared(comparison, *at), Some(comparison)));
                for (span, comparison) in compared.into_iter().chain([equal]) {
                    let accepts = |instant: &Instant| match comparison {
                        Some(comparison) => comparison.accepts(instant.cmp(at)),
                        None => instant == at,
                    };
                    let kept = span.kept(unit).unwrap();
                    let (mut all_in, mut none_else) = (true, true);
                    for (instant, off) in instants.iter().flat_map(|instant| [0, 1, 999].map(|off| (instant, off))) {
                        let nanos = i128::from(instant.as_micros()) * 1_000 + off;
                        let value = (nanos / unit * unit) as i64;
                        let is_in = (kept.values.0..=kept.values.1).contains(&value);
                        all_in &= is_in || !accepts(instant);
                        none_else &= !is_in || accepts(instant);
                    }
                    assert!(all_in, "{span:?} {unit}");
                    assert!(none_else || !kept.is_exact, "{span:?} {unit}");
                }
            }
        }
        let far = Instant::parse("9999-01-01T00:00:00Z").unwrap();
        assert_eq!(Span::of(far).kept(1), None);
        let all = Span::compared(Comparison::Lt, far).kept(1);
        assert_eq!(all.map(|kept| (kept.values.1, kept.is_exact)), Some((i64::MAX, true)));
    }
}
