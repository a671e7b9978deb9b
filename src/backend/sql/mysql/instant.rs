//! Instants (T3): in columns of their own, `datetime(6)` in UTC, and as strings.

use super::super::fragment::{Bind, Fragment, joined, sql};
use super::super::operand::symbol;
use super::never;
use crate::predicate::Comparison;
use crate::value::Instant;

/// A string that is an instant, each month with its days. The year 0000 there is a day longer than it was.
const INSTANT: &str = concat!(
    r"\A(?!0000)(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)",
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:[0-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)",
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]++)?(?:Z|[-+](?:[01][0-9]|2[0-3]):[0-5][0-9])?\z",
);

/// The microseconds of a string that is an instant, since 1970; NULL of any other.
pub(super) fn micros(x: &Fragment) -> Fragment {
    let sign = sql!["SUBSTR(", x, ", -6, 1)"];
    sql![
        "CASE WHEN ",
        x,
        " REGEXP ",
        Bind(INSTANT),
        " THEN ((TO_DAYS(LEFT(",
        x,
        ", 10)) - 719528) * 86400 + TIME_TO_SEC(SUBSTR(",
        x,
        ", 12, 8))) * 1000000 + CASE WHEN SUBSTR(",
        x,
        ", 20, 1) = '.' THEN CAST(RPAD(REGEXP_SUBSTR(SUBSTR(",
        x,
        ", 21, 6), '^[0-9]+'), 6, '0') AS SIGNED) ELSE 0 END - CASE WHEN ",
        &sign,
        " IN ('+', '-') THEN CAST(CONCAT(",
        &sign,
        ", '1') AS SIGNED) * (CAST(SUBSTR(",
        x,
        ", -5, 2) AS SIGNED) * 60 + CAST(RIGHT(",
        x,
        ", 2) AS SIGNED)) * 60000000 ELSE 0 END END",
    ]
}

/// Whether a column of instants holds one of these.
pub(super) fn one_of(x: &Fragment, instants: &[Instant]) -> Fragment {
    let held: Vec<String> = instants.iter().filter_map(|instant| text(*instant).ok()).collect();
    match held.len() {
        0 => never(),
        _ => sql![x, " IN (", joined(held.into_iter().map(literal), ", "), ")"],
    }
}

pub(super) fn compare(x: &Fragment, comparison: Comparison, bound: Instant) -> Fragment {
    match (text(bound), comparison) {
        (Ok(text), _) => sql![x, symbol(comparison), literal(text)],
        (Err(Outside::Before), Comparison::Gt | Comparison::Gte)
        | (Err(Outside::After), Comparison::Lt | Comparison::Lte) => sql![x, " IS NOT NULL"],
        (Err(_), _) => never(),
    }
}

fn literal(text: String) -> Fragment {
    sql!["CAST(", Bind(text), " AS DATETIME(6))"]
}

/// What the years 0001 to 9999 of a column do not hold in UTC.
enum Outside {
    Before,
    After,
}

/// An instant as the column's type reads it.
fn text(instant: Instant) -> Result<String, Outside> {
    let text = instant.to_string();
    match text.strip_suffix('Z') {
        Some(utc) => Ok(utc.replace('T', " ")),
        None if instant.as_micros() < 0 => Err(Outside::Before),
        None => Err(Outside::After),
    }
}
