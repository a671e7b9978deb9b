//! PostgreSQL, from 14 on, in a database of the encoding UTF8.
//!
//! Its traps, each met below: what is equal and greater follows a column's collation, as do `lower` and ILIKE; no text
//! holds U+0000; a placeholder gets the type of what it is compared with, so that numbers are cast; a cast that fails
//! fails the whole query; and `jsonb` keeps a float as its shortest digits.

mod instant;
mod json;

use sea_query::{ArrayType, Value};

use super::dialect::{Bounds, Dialect, FieldTest, JsonField, Scalar, ScalarTest, Syntax};
use super::fragment::{Bind, Fragment, joined, sql};
use super::operand::{
    IntBound, exact_as_float, float_operand, folds_as_ascii, int_bound, inverse, spellings, successor, symbol,
};
use super::regexes::{self, Style};
use crate::fold::{is_cased, orbit};
use crate::lower::{Cover, Why};
use crate::pattern::Pattern;
use crate::predicate::{Comparison, Needle};
use crate::schema::Type;
use crate::value::{Instant, Number};

/// The dialect of PostgreSQL.
#[derive(Clone, Copy, Debug, Default)]
pub struct Postgres;

/// So many ranges stand beside a test without letter case: more take longer to plan than they save.
const SPELLINGS: usize = 16;

/// Regular expressions as its own `~` reads them.
const STYLE: Style = Style {
    escape: |c| match u32::from(c) {
        code @ 0..=0xFFFF => format!("\\u{code:04X}"),
        code => format!("\\U{code:08X}"),
    },
    // No text holds U+0000, and no pattern can name it.
    first: '\u{1}',
    nothing: "[^\\u0001-\\U0010FFFF]",
    end: "\\Z",
    most_count: 255,
    // Past these a pattern takes hundreds of milliseconds to compile, and some multiples of it a minute.
    range: 0,
    place: 1,
    most_cost: 4_000,
    most_skips: 256,
    most_text: 200_000,
};

impl Dialect for Postgres {
    fn name(&self) -> &str {
        "postgres"
    }

    fn server(&self) -> &str {
        "PostgreSQL 14"
    }

    fn syntax(&self) -> Syntax {
        Syntax::Postgres
    }

    fn bounds(&self) -> Bounds {
        // The protocol counts values in 16 bits; the stack of 2 MB that is the default holds more than 3,000 levels;
        // and a text that takes about a second to plan.
        Bounds { binds: 65_535, height: 2_000, text: 2_000_000 }
    }

    fn scalar(&self, value: Scalar<'_>, test: &ScalarTest<'_>) -> Cover<Fragment> {
        let exact = Cover::Exact;
        let is_of_instants = matches!(test, ScalarTest::Instants(_) | ScalarTest::Instant(..));
        if type_of(value) == Some(Type::Datetime) && !is_of_instants {
            return Cover::Unsupported(Why::new("no_text", "a column of instants does not keep how they were written"));
        }
        match *test {
            ScalarTest::Boolean(true) => exact(sql![value.sql, " = TRUE"]),
            ScalarTest::Boolean(false) => exact(sql![value.sql, " = FALSE"]),
            ScalarTest::Numbers(numbers) => exact(one_of_numbers(value, numbers)),
            ScalarTest::Number(comparison, bound) => exact(compare_number(value, comparison, bound)),
            ScalarTest::Strings(strings) => exact(one_of_strings(value, strings)),
            ScalarTest::Folded(strings) => exact(one_of_folded(value, strings)),
            ScalarTest::String(comparison, string) => {
                let (comparison, string) = without_nul(comparison, string);
                exact(sql![by_code_point(value), symbol(comparison), Bind(string)])
            }
            ScalarTest::Contains(needle) => exact(substring(value, needle, Where::Anywhere)),
            ScalarTest::StartsWith(needle) => exact(substring(value, needle, Where::Start)),
            ScalarTest::EndsWith(needle) => exact(substring(value, needle, Where::End)),
            ScalarTest::Regex(pattern) => matches(value, pattern),
            ScalarTest::Token(token) => exact(sql![by_code_point(value), " ~ ", Bind(regexes::token(&STYLE, token))]),
            ScalarTest::Instants(instants) => exact(one_of_instants(value, instants)),
            ScalarTest::Instant(comparison, bound) => exact(compare_instant(value, comparison, bound)),
        }
    }

    fn present(&self, column: Scalar<'_>) -> Fragment {
        match infinity(column) {
            // Q1: an infinity or NaN, which is above it, counts as missing.
            Some(infinite) => finite(column.sql, infinite),
            None => sql![column.sql, " IS NOT NULL"],
        }
    }

    fn absent(&self, column: Scalar<'_>) -> Fragment {
        let x = column.sql;
        match infinity(column) {
            Some(infinite) => {
                sql!["(", x, " IS NULL OR ", x, " <= '-infinity'", infinite, " OR ", x, " >= 'infinity'", infinite, ")"]
            }
            None => sql![x, " IS NULL"],
        }
    }

    fn negated(&self, column: Scalar<'_>, test: &ScalarTest<'_>) -> Option<Fragment> {
        let x = column.sql;
        // Of the two halves of an OR, each finds its index.
        let or_null = |fragment| match column.is_optional {
            true => sql!["(", fragment, " OR ", x, " IS NULL)"],
            false => fragment,
        };
        match *test {
            ScalarTest::String(comparison, string) => {
                let (comparison, string) = without_nul(comparison, string);
                Some(or_null(sql![by_code_point(column), symbol(inverse(comparison)), Bind(string)]))
            }
            ScalarTest::Number(comparison, bound) if type_of(column) == Some(Type::Integer) => {
                Some(or_null(compare_number(column, inverse(comparison), bound)))
            }
            ScalarTest::Number(comparison, bound) => {
                let (comparison, float) = float_operand(comparison, bound);
                Some(or_null(compare_or_infinite(x, comparison, &sql![Bind(float), "::float8"], "::float8")))
            }
            ScalarTest::Instant(comparison, bound) if type_of(column) == Some(Type::Datetime) => {
                Some(or_null(compare_or_infinite(x, comparison, &timestamp(bound), "::timestamptz")))
            }
            _ => None,
        }
    }

    fn json(&self, field: &JsonField<'_>, test: &FieldTest<'_>) -> Cover<Fragment> {
        json::field(field, test)
    }

    fn negated_json(&self, field: &JsonField<'_>, test: &FieldTest<'_>) -> Option<Fragment> {
        json::negated(field, test)
    }
}

fn type_of(value: Scalar<'_>) -> Option<Type> {
    value.column.map(super::Column::ty)
}

fn never() -> Fragment {
    "FALSE".into()
}

/// A string where its order matters, or its equality: by code point. A promise that the column compares so lets any of
/// its indexes serve.
fn by_code_point(value: Scalar<'_>) -> Fragment {
    match value.column {
        Some(column) if column.is_binary() => value.sql.clone(),
        _ => sql![value.sql, " COLLATE \"C\""],
    }
}

/// A list as one bound array: its text is the same for each length.
fn array(of: ArrayType, values: impl IntoIterator<Item = impl Into<Value>>) -> Bind<Value> {
    Bind(Value::Array(of, Some(Box::new(values.into_iter().map(Into::into).collect()))))
}

/// `= $1`, or `= ANY($1)`.
fn is_one_of(x: &Fragment, strings: &[&str]) -> Fragment {
    match strings {
        [one] => sql![x, " = ", Bind(*one)],
        many => sql![x, " = ANY(", array(ArrayType::String, many.iter().copied()), "::text[])"],
    }
}

fn one_of_strings(value: Scalar<'_>, strings: &[&str]) -> Fragment {
    let strings: Vec<&str> = strings.iter().copied().filter(|string| !string.contains('\0')).collect();
    if strings.is_empty() {
        return never();
    }
    let exact = is_one_of(&by_code_point(value), &strings);
    match value.column {
        // What is the same is equal under every collation: so an index of the column's own serves too.
        Some(column) if !column.is_binary() => sql!["(", is_one_of(value.sql, &strings), " AND ", exact, ")"],
        _ => exact,
    }
}

/// Equality under simple case folding.
fn one_of_folded(value: Scalar<'_>, strings: &[&str]) -> Fragment {
    let held = strings.iter().copied().filter(|string| !string.contains('\0'));
    let (ascii, others): (Vec<&str>, Vec<&str>) = held.partition(|string| folds_as_ascii(string));
    let ascii = (!ascii.is_empty()).then(|| is_one_of(&folded(value.sql), &ascii));
    let others = (!others.is_empty()).then(|| {
        let test = is_one_of(&folded_for(value.sql, &others), &others);
        match others[..] {
            [one] => with_ranges(value, one, test),
            _ => test,
        }
    });
    match (ascii, others) {
        (Some(ascii), Some(others)) => sql!["(", ascii, " OR ", others, ")"],
        (Some(test), None) | (None, Some(test)) => test,
        (None, None) => never(),
    }
}

/// A string with those characters folded that fold to ASCII (L2): `lower` folds ASCII alone under "C". One constant
/// text, so that an index can be on it.
fn folded(x: &Fragment) -> Fragment {
    sql!["lower(translate(", x, ", '\u{212A}\u{17F}', 'ks') COLLATE \"C\")"]
}

/// A string with those characters folded that any of these can meet: a character that folds to none of theirs is in
/// none of them.
fn folded_for(x: &Fragment, operands: &[&str]) -> Fragment {
    let mut letters: Vec<char> = operands.iter().flat_map(|operand| operand.chars()).filter(|c| is_cased(*c)).collect();
    letters.sort_unstable();
    letters.dedup();
    let (mut from, mut to) = (String::new(), String::new());
    for letter in letters {
        for other in orbit(letter).into_iter().filter(|other| *other != letter) {
            from.push(other);
            to.push(letter);
        }
    }
    sql!["translate(", x, " COLLATE \"C\", ", Bind(from), ", ", Bind(to), ")"]
}

/// Where a needle is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    Anywhere,
    Start,
    End,
}

fn substring(value: Scalar<'_>, needle: &Needle, place: Where) -> Fragment {
    let text = needle.text();
    if text.is_empty() {
        return sql![value.sql, " IS NOT NULL"];
    }
    if text.contains('\0') {
        return never();
    }
    let x = match (needle.ignores_case(), folds_as_ascii(text)) {
        (false, _) => by_code_point(value),
        (true, true) => folded(value.sql),
        (true, false) => folded_for(value.sql, &[text]),
    };
    match place {
        // A column that is promised to be binary may still have a collation that is refused here.
        Where::Anywhere if !needle.ignores_case() => {
            sql!["strpos(", value.sql, " COLLATE \"C\", ", Bind(text), ") > 0"]
        }
        Where::Anywhere => sql!["strpos(", x, ", ", Bind(text), ") > 0"],
        Where::End if !needle.ignores_case() => ends_with(&sql![value.sql, " COLLATE \"C\""], text),
        Where::End => ends_with(&x, text),
        Where::Start => {
            let test = begins_with(&x, text);
            if needle.ignores_case() { with_ranges(value, text, test) } else { test }
        }
    }
}

/// The same beside the ranges of what it can begin with, which an index on the column serves. The test itself stays, so
/// that the ranges need not say everything.
fn with_ranges(value: Scalar<'_>, text: &str, test: Fragment) -> Fragment {
    let has_folded_index = value.column.is_some_and(super::Column::has_folded_index) && folds_as_ascii(text);
    let spellings = spellings(text, SPELLINGS);
    if value.column.is_none() || has_folded_index || spellings.len() < 2 {
        return test;
    }
    let x = by_code_point(value);
    let ranges = joined(spellings.iter().map(|spelling| begins_with(&x, spelling)), " OR ");
    sql!["((", ranges, ") AND ", test, ")"]
}

/// A prefix as a range, which an index serves.
fn begins_with(x: &Fragment, prefix: &str) -> Fragment {
    let start = sql![x, " >= ", Bind(prefix)];
    match successor(prefix) {
        Some(end) => sql!["(", start, " AND ", x, " < ", Bind(end), ")"],
        None => start,
    }
}

fn ends_with(x: &Fragment, suffix: &str) -> Fragment {
    let mut like = "%".to_owned();
    for c in suffix.chars() {
        if matches!(c, '!' | '%' | '_') {
            like.push('!');
        }
        like.push(c);
    }
    sql![x, " LIKE ", Bind(like), " ESCAPE '!'"]
}

fn matches(value: Scalar<'_>, pattern: &Pattern) -> Cover<Fragment> {
    let x = sql![value.sql, " COLLATE \"C\""];
    match regexes::print(&STYLE, pattern) {
        Ok(text) => Cover::Exact(sql![x, " ~ ", Bind(text)]),
        Err(why) => match regexes::required(pattern) {
            Some(strings) => {
                let holding = strings.iter().map(|string| sql!["strpos(", &x, ", ", Bind(string.as_str()), ") > 0"]);
                let holding = if strings.is_empty() { never() } else { joined(holding, " OR ") };
                Cover::Superset(sql!["(", holding, ")"], why)
            }
            None => Cover::Unsupported(why),
        },
    }
}

/// An order on strings that hold no U+0000 themselves: what follows the operand's first can decide nothing.
fn without_nul(comparison: Comparison, string: &str) -> (Comparison, &str) {
    match (string.split_once('\0'), comparison) {
        (None, _) => (comparison, string),
        (Some((start, _)), Comparison::Gt | Comparison::Gte) => (Comparison::Gt, start),
        (Some((start, _)), Comparison::Lt | Comparison::Lte) => (Comparison::Lte, start),
    }
}

/// The cast of the infinities of a column that has any.
fn infinity(column: Scalar<'_>) -> Option<&'static str> {
    match type_of(column) {
        Some(Type::Number) => Some("::float8"),
        Some(Type::Datetime) => Some("::timestamptz"),
        _ => None,
    }
}

fn finite(x: &Fragment, infinite: &'static str) -> Fragment {
    sql!["(", x, " > '-infinity'", infinite, " AND ", x, " < 'infinity'", infinite, ")"]
}

/// An order beside the infinity on its side, which counts as missing.
fn compare_finite(x: &Fragment, comparison: Comparison, bound: &Fragment, infinite: &'static str) -> Fragment {
    let compared = sql![x, symbol(comparison), bound];
    match comparison {
        Comparison::Gt | Comparison::Gte => sql!["(", compared, " AND ", x, " < 'infinity'", infinite, ")"],
        Comparison::Lt | Comparison::Lte => sql!["(", compared, " AND ", x, " > '-infinity'", infinite, ")"],
    }
}

/// What [`compare_finite`] leaves, but for NULL.
fn compare_or_infinite(x: &Fragment, comparison: Comparison, bound: &Fragment, infinite: &'static str) -> Fragment {
    let compared = sql![x, symbol(inverse(comparison)), bound];
    match comparison {
        Comparison::Gt | Comparison::Gte => sql!["(", compared, " OR ", x, " >= 'infinity'", infinite, ")"],
        Comparison::Lt | Comparison::Lte => sql!["(", compared, " OR ", x, " <= '-infinity'", infinite, ")"],
    }
}

fn compare_number(value: Scalar<'_>, comparison: Comparison, bound: Number) -> Fragment {
    let x = value.sql;
    if type_of(value) == Some(Type::Integer) {
        return match int_bound(comparison, bound) {
            IntBound::Never => never(),
            IntBound::Always => sql![x, " IS NOT NULL"],
            IntBound::Compare(comparison, int) => sql![x, symbol(comparison), Bind(int), "::int8"],
        };
    }
    let (comparison, float) = float_operand(comparison, bound);
    compare_finite(x, comparison, &sql![Bind(float), "::float8"], "::float8")
}

fn one_of_numbers(value: Scalar<'_>, numbers: &[Number]) -> Fragment {
    let x = value.sql;
    if type_of(value) == Some(Type::Integer) {
        let ints: Vec<i64> = numbers.iter().filter_map(|number| number.as_i64()).collect();
        return match ints[..] {
            [] => never(),
            [one] => sql![x, " = ", Bind(one), "::int8"],
            _ => sql![x, " = ANY(", array(ArrayType::BigInt, ints), "::int8[])"],
        };
    }
    let floats: Vec<f64> = numbers.iter().filter_map(|number| exact_as_float(*number)).collect();
    match floats[..] {
        [] => never(),
        [one] => sql![x, " = ", Bind(one), "::float8"],
        _ => sql![x, " = ANY(", array(ArrayType::Double, floats), "::float8[])"],
    }
}

fn one_of_instants(value: Scalar<'_>, instants: &[Instant]) -> Fragment {
    match (type_of(value), instants) {
        (Some(Type::Datetime), [one]) => sql![value.sql, " = ", timestamp(*one)],
        (Some(Type::Datetime), many) => {
            let texts = array(ArrayType::String, many.iter().map(|instant| timestamp_text(*instant)));
            sql![value.sql, " = ANY(", texts, "::text[]::timestamptz[])"]
        }
        _ => instant::is_instant(value.sql, |at| {
            sql![
                at,
                " = ANY(",
                array(ArrayType::BigInt, instants.iter().map(|instant| instant.as_micros())),
                "::int8[])"
            ]
        }),
    }
}

fn compare_instant(value: Scalar<'_>, comparison: Comparison, bound: Instant) -> Fragment {
    match type_of(value) {
        Some(Type::Datetime) => compare_finite(value.sql, comparison, &timestamp(bound), "::timestamptz"),
        _ => instant::is_instant(value.sql, |at| sql![at, symbol(comparison), Bind(bound.as_micros()), "::int8"]),
    }
}

fn timestamp(instant: Instant) -> Fragment {
    sql![Bind(timestamp_text(instant)), "::text::timestamptz"]
}

/// An instant as its type reads it: offsets of more than 15:59, which the first and last day take, it refuses; so there
/// the day is counted, as it counts them.
fn timestamp_text(instant: Instant) -> String {
    const DAY: i64 = 86_400_000_000;
    /// 1970-01-01 in days of the Julian count.
    const EPOCH: i64 = 2_440_588;
    let text = instant.to_string();
    if text.ends_with('Z') {
        return text;
    }
    let (day, micros) = (instant.as_micros().div_euclid(DAY), instant.as_micros().rem_euclid(DAY));
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("J{} {hour:02}:{minute:02}:{second:02}.{micros:06}+00", day + EPOCH)
}
