//! SQLite, from 3.47 on: older ones misread keys with a quote in them, and hold few levels.
//!
//! Its traps, each met below: a collation may be any, `length` and GLOB end a string at U+0000, a type is no promise
//! of a JSON value, integers past `i64` are read as floats, and one malformed document fails a whole query.

mod glob;
mod instant;
mod json;
mod pattern;

use super::dialect::{Bounds, Dialect, FieldTest, JsonField, Scalar, ScalarTest, Syntax};
use super::fragment::{Bind, Fragment, joined, sql};
use super::leaf::{any, map};
use super::operand::{
    exact_float, float_operand, folds_as_ascii, inverse, json_numbers, json_strings, spellings, successor, symbol,
    unsigned,
};
#[cfg(feature = "store")]
use crate::error::{Code, Diagnostic, Error, excerpt};
use crate::lower::Cover;
#[cfg(feature = "store")]
use crate::path::Path;
use crate::predicate::{Comparison, Needle};
use crate::schema::Type;
use crate::value::Number;
use glob::{Glob, glob_cover};

/// The dialect of SQLite.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sqlite;

/// The expressions that tests of a path in a JSON column `doc` can be answered by, for an index on each.
///
/// # Errors
/// `unsupported` for a path that SQLite cannot name.
#[cfg(feature = "store")]
pub(crate) fn index_expressions(path: &Path) -> Result<Vec<String>, Error> {
    json::index_expressions(path).ok_or_else(|| {
        let message = format!("SQLite has no index for the path `{}`", excerpt(path.written()));
        Diagnostic::error(Code::Unsupported, message).into()
    })
}

/// So many ranges stand beside a test without letter case: more take longer to prepare than they save.
const SPELLINGS: usize = 16;

/// Longer lists are one JSON parameter: their text is the same for each length, and no value takes a placeholder.
const FEW: usize = 8;

impl Dialect for Sqlite {
    fn name(&self) -> &str {
        "sqlite"
    }

    fn server(&self) -> &str {
        "SQLite 3.47"
    }

    fn syntax(&self) -> Syntax {
        Syntax::Sqlite
    }

    fn bounds(&self) -> Bounds {
        // SQLITE_MAX_VARIABLE_NUMBER; half of SQLITE_MAX_EXPR_DEPTH, which a condition of the caller's may share; and
        // a text that takes about a quarter of a second to prepare: that time is quadratic in the number of
        // subqueries.
        Bounds { binds: 32_766, height: 500, text: 500_000 }
    }

    fn scalar(&self, value: Scalar<'_>, test: &ScalarTest<'_>) -> Cover<Fragment> {
        let x = value.sql;
        let exact = Cover::Exact;
        match *test {
            ScalarTest::Boolean(true) => exact(sql![x, " = 1"]),
            ScalarTest::Boolean(false) => exact(sql![x, " = 0"]),
            ScalarTest::Numbers(numbers) => exact(one_of_numbers(value, None, numbers)),
            ScalarTest::Number(comparison, number) => exact(compare_number(value, None, comparison, number)),
            ScalarTest::Strings(strings) => exact(one_of_strings(x, collation(value), strings)),
            ScalarTest::Folded([one]) => with_ranges(value, one, one_of_folded(x, &[one])),
            ScalarTest::Folded(strings) => one_of_folded(x, strings),
            ScalarTest::String(comparison, string) => {
                exact(sql![x, symbol(comparison), Bind(string), collation(value)])
            }
            ScalarTest::Contains(needle) => substring(value, needle, Where::Anywhere),
            ScalarTest::StartsWith(needle) => substring(value, needle, Where::Start),
            ScalarTest::EndsWith(needle) => substring(value, needle, Where::End),
            ScalarTest::Regex(pattern) => pattern::matches(x, pattern),
            ScalarTest::Token(token) => glob::has_token(x, token),
            ScalarTest::Instants(instants) => {
                let micros: Vec<Number> = instants.iter().map(|instant| instant.as_micros().into()).collect();
                exact(instant::is_instant(x, |at| in_list(at, &micros)))
            }
            ScalarTest::Instant(comparison, instant) => {
                exact(instant::is_instant(x, |at| sql![at, symbol(comparison), Bind(instant.as_micros())]))
            }
        }
    }

    fn present(&self, column: Scalar<'_>) -> Fragment {
        match column.column.map(super::Column::ty) {
            // Q1: an infinity counts as missing. (A NaN is stored as NULL.)
            Some(Type::Number) => {
                sql!["(", column.sql, " >= ", Bind(f64::MIN), " AND ", column.sql, " <= ", Bind(f64::MAX), ")"]
            }
            _ => sql![column.sql, " IS NOT NULL"],
        }
    }

    fn absent(&self, column: Scalar<'_>) -> Fragment {
        match column.column.map(super::Column::ty) {
            Some(Type::Number) => self.complement(&self.present(column)),
            _ => sql![column.sql, " IS NULL"],
        }
    }

    fn negated(&self, column: Scalar<'_>, test: &ScalarTest<'_>) -> Option<Fragment> {
        let x = column.sql;
        // On a column that the table declares NOT NULL, the test for NULL would keep SQLite from the index.
        let or_null = |fragment| match column.is_optional {
            true => sql!["(", fragment, " OR ", x, " IS NULL)"],
            false => fragment,
        };
        match *test {
            ScalarTest::Strings([string]) => Some(sql![x, " IS NOT ", Bind(*string), collation(column)]),
            ScalarTest::String(comparison, string) => {
                Some(or_null(sql![x, symbol(inverse(comparison)), Bind(string), collation(column)]))
            }
            // An infinity is missing, and so among the rows: only an integer column has none.
            ScalarTest::Number(comparison, number) if column.column.map(super::Column::ty) == Some(Type::Integer) => {
                Some(or_null(compare_number(column, None, inverse(comparison), number)))
            }
            _ => None,
        }
    }

    fn negated_json(&self, field: &JsonField<'_>, test: &FieldTest<'_>) -> Option<Fragment> {
        json::negated(field, test)
    }

    fn json(&self, field: &JsonField<'_>, test: &FieldTest<'_>) -> Cover<Fragment> {
        json::field(field, test)
    }
}

/// How strings are compared: by code point. A column may have another collation, unless the mapping promises none. An
/// index of this collation serves all the same, but not within an OR: there SQLite needs the promise.
fn collation(value: Scalar<'_>) -> &'static str {
    match value.column {
        Some(column) if !column.is_binary() => " COLLATE BINARY",
        Some(_) | None => "",
    }
}

fn one_of_strings(x: &Fragment, collation: &'static str, strings: &[&str]) -> Fragment {
    match strings {
        [one] => sql![x, " = ", Bind(*one), collation],
        // IN takes the collation of its left side.
        few if few.len() <= FEW => {
            sql![x, collation, " IN (", joined(few.iter().map(|string| sql![Bind(*string)]), ", "), ")"]
        }
        many => sql![x, collation, " IN (SELECT value FROM json_each(", Bind(json_strings(many)), "))"],
    }
}

/// Equality under simple case folding.
fn one_of_folded(x: &Fragment, strings: &[&str]) -> Cover<Fragment> {
    let (ascii, others): (Vec<&str>, Vec<&str>) = strings.iter().partition(|string| folds_as_ascii(string));
    let ascii = (!ascii.is_empty()).then(|| Cover::Exact(one_of_strings(&folded(x), "", &ascii)));
    let others = (!others.is_empty()).then(|| glob::is_one_of(x, &others));
    // INVARIANT: there is at least one string.
    any(ascii.into_iter().chain(others)).unwrap_or_else(|| Cover::Exact("FALSE".into()))
}

/// A string with those characters folded that fold to ASCII (L2): `lower` folds ASCII alone here. One constant text, so
/// that an index can be on it.
fn folded(x: &Fragment) -> Fragment {
    sql!["lower(replace(replace(", x, ", '\u{212A}', 'k'), '\u{17F}', 's'))"]
}

/// The same as far as an operand needs it, where no index could serve: each step takes as long as the search itself.
fn folded_for(x: &Fragment, operand: &str) -> Fragment {
    let mut folded = x.clone();
    for (other, letter) in [(", '\u{212A}', 'k')", 'k'), (", '\u{17F}', 's')", 's')] {
        if operand.contains(letter) {
            folded = sql!["replace(", folded, other];
        }
    }
    sql!["lower(", folded, ")"]
}

/// Where a needle is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    Anywhere,
    Start,
    End,
}

fn substring(value: Scalar<'_>, needle: &Needle, place: Where) -> Cover<Fragment> {
    let text = needle.text();
    if text.is_empty() {
        return Cover::Exact(sql![value.sql, " IS NOT NULL"]);
    }
    if !needle.ignores_case() {
        return Cover::Exact(match place {
            Where::Anywhere => sql!["instr(", value.sql, ", ", Bind(text), ") > 0"],
            Where::Start => begins_with(value.sql, collation(value), text),
            Where::End => ends_with(value.sql, text),
        });
    }
    let cover = match (folds_as_ascii(text), place) {
        (true, Where::Anywhere) => Cover::Exact(sql!["instr(", folded_for(value.sql, text), ", ", Bind(text), ") > 0"]),
        (true, Where::Start) => Cover::Exact(begins_with(&folded(value.sql), "", text)),
        (true, Where::End) => Cover::Exact(ends_with(&folded_for(value.sql, text), text)),
        (false, _) => {
            let mut glob = Glob::new();
            if place != Where::Start {
                glob.star();
            }
            text.chars().for_each(|c| glob.folded_char(c));
            if place != Where::End {
                glob.star();
            }
            glob_cover(value.sql, [glob])
        }
    };
    if place == Where::Start { with_ranges(value, text, cover) } else { cover }
}

/// The same beside the ranges of what it can begin with, which an index on the column serves. The test itself stays, so
/// that the ranges need not say everything.
fn with_ranges(value: Scalar<'_>, text: &str, cover: Cover<Fragment>) -> Cover<Fragment> {
    let has_folded_index = value.column.is_some_and(super::Column::has_folded_index) && folds_as_ascii(text);
    let spellings = spellings(text, SPELLINGS);
    if value.column.is_none() || has_folded_index || spellings.len() < 2 {
        return cover;
    }
    let range = |spelling: &String| begins_with(value.sql, collation(value), spelling);
    let ranges = joined(spellings.iter().map(range), " OR ");
    map(cover, |test| sql!["((", ranges, ") AND ", test, ")"])
}

/// A prefix as a range, which an index serves.
fn begins_with(x: &Fragment, collation: &'static str, prefix: &str) -> Fragment {
    let start = sql![x, " >= ", Bind(prefix), collation];
    match successor(prefix) {
        Some(end) => sql!["(", start, " AND ", x, " < ", Bind(end), collation, ")"],
        None => start,
    }
}

/// By bytes: `substr` ends a string at U+0000. UTF-8 is self-synchronising, so that bytes are as good as characters.
/// It is the column's end that is cast: constants are looked for among all others when a statement is prepared.
fn ends_with(x: &Fragment, suffix: &str) -> Fragment {
    let length = -(suffix.len() as i64);
    sql!["CAST(substr(CAST(", x, " AS BLOB), ", Bind(length), ") AS TEXT) = ", Bind(suffix)]
}

/// A number as it is bound: exactly.
fn number(number: Number) -> sea_query::Value {
    match number.as_i64() {
        Some(int) => int.into(),
        None => number.to_f64_lossy().into(),
    }
}

fn in_list(x: &Fragment, numbers: &[Number]) -> Fragment {
    match numbers {
        [one] => sql![x, " = ", Bind(number(*one))],
        few if few.len() <= FEW => {
            sql![x, " IN (", joined(few.iter().map(|one| sql![Bind(number(*one))]), ", "), ")"]
        }
        many => sql![x, " IN (SELECT value FROM json_each(", Bind(json_numbers(many)), "))"],
    }
}

/// Whether a number is one of these. `digits` is the text of a JSON number: an integer past `i64` is read as a float,
/// and is told from its neighbours by its digits alone.
fn one_of_numbers(value: Scalar<'_>, digits: Option<&Digits>, numbers: &[Number]) -> Fragment {
    let x = value.sql;
    if numbers.iter().all(|number| unsigned(*number).is_none()) {
        return in_list(x, numbers);
    }
    let is_float = |int: u128| exact_float(int).is_some();
    let as_floats: Vec<Number> =
        numbers.iter().copied().filter(|number| unsigned(*number).is_none_or(is_float)).collect();
    let floats = if as_floats.is_empty() { "FALSE".into() } else { in_list(x, &as_floats) };
    let Some(digits) = digits else { return floats };
    let texts: Vec<String> = numbers.iter().filter_map(|number| unsigned(*number)).map(|int| int.to_string()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let is_text = one_of_strings(&digits.text, "", &texts);
    sql!["CASE WHEN ", &digits.is_unsigned, " THEN ", is_text, " ELSE ", floats, " END"]
}

/// The digits of a JSON number.
struct Digits {
    /// Whether it is an integer past `i64`.
    is_unsigned: Fragment,
    text: Fragment,
}

fn compare_number(value: Scalar<'_>, digits: Option<&Digits>, comparison: Comparison, bound: Number) -> Fragment {
    let x = value.sql;
    let compare = |comparison, bound: sea_query::Value| {
        let compared = sql![x, symbol(comparison), Bind(bound)];
        let is_float = value.column.map(super::Column::ty) == Some(Type::Number);
        match comparison {
            // Q1: an infinity counts as missing.
            Comparison::Gt | Comparison::Gte if is_float => {
                sql!["(", compared, " AND ", x, " <= ", Bind(f64::MAX), ")"]
            }
            Comparison::Lt | Comparison::Lte if is_float => {
                sql!["(", compared, " AND ", x, " >= ", Bind(f64::MIN), ")"]
            }
            _ => compared,
        }
    };
    let Some(int) = unsigned(bound) else { return compare(comparison, number(bound)) };
    let (float_comparison, float) = float_operand(comparison, bound);
    let floats = compare(float_comparison, float.into());
    let Some(digits) = digits else { return floats };
    let text = int.to_string();
    let length = text.len() as i64;
    let Digits { is_unsigned, text: t } = digits;
    // All have 19 or 20 digits, so that the length decides, and then the digits.
    let texts = sql!["(length(", t, "), ", t, ")", symbol(comparison), "(", Bind(length), ", ", Bind(text), ")"];
    sql!["CASE WHEN ", is_unsigned, " THEN ", texts, " ELSE ", floats, " END"]
}
