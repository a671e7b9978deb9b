//! MariaDB, from 10.11 on, and MySQL, from 8.0.29 on, with text in `utf8mb4`.
//!
//! Their traps, each met below: a column's collation decides what is equal, and nearly all pad; a string is compared with
//! a number by its first digits; an integer is compared with a float as a float; the regular expressions of MariaDB
//! backtrack, and where they give up, a row is no match; what a backslash means in a literal is a setting, so that there is
//! none in any.

mod backtracking;
mod instant;
mod json;
mod pattern;

use super::dialect::{Bounds, Dialect, FieldTest, JsonField, Scalar, ScalarTest, Syntax};
use super::fragment::{Bind, Fragment, joined, sql};
use super::leaf::{any, map};
use super::operand::{
    IntBound, exact_as_float, float_operand, int_bound, inverse, json_numbers, json_strings, spellings, successor,
    symbol,
};
use crate::fold::has_case;
use crate::lower::{Cover, Why};
use crate::predicate::{Comparison, Needle};
use crate::schema::Type;
use crate::value::Number;
use pattern::Place;

/// The dialect of MariaDB, and that of MySQL, which differs in names.
#[derive(Clone, Copy, Debug)]
pub struct Mysql {
    server: Server,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    MariaDb,
    MySql,
}

/// Longer lists are one JSON parameter: their text is the same for each length, and no value takes a placeholder.
const FEW: usize = 8;

/// Up to so many values are asked of a column's own index, where its collation alone can use it.
const INDEXED: usize = 256;

/// So many ranges stand beside a test without letter case: a word of five letters.
const SPELLINGS: usize = 32;

impl Mysql {
    /// MariaDB.
    #[must_use]
    pub fn mariadb() -> Mysql {
        Mysql { server: Server::MariaDb }
    }

    /// Oracle's MySQL. Its forms are those that were proved on MariaDB, in its words; no server of it was asked.
    #[must_use]
    pub fn oracle() -> Mysql {
        Mysql { server: Server::MySql }
    }

    /// By code point and without padding.
    fn collate(self) -> &'static str {
        match self.server {
            Server::MariaDb => " COLLATE utf8mb4_nopad_bin",
            Server::MySql => " COLLATE utf8mb4_0900_bin",
        }
    }

    /// The rest of a column of a JSON table after its type.
    fn text_column(self) -> &'static str {
        match self.server {
            Server::MariaDb => " CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$'",
            Server::MySql => " CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin PATH '$'",
        }
    }

    /// A string where its order matters, or its equality. A promise that the column compares so lets its index serve.
    fn by_code_point(self, value: Scalar<'_>) -> Fragment {
        match value.column {
            Some(column) if !column.is_binary() => sql![value.sql, self.collate()],
            Some(_) | None => value.sql.clone(),
        }
    }

    /// What to write after an operand, so that it is compared by code point. There it hides no index of that collation.
    fn beside(self, value: Scalar<'_>) -> &'static str {
        match value.column {
            Some(column) if !column.is_binary() => self.collate(),
            Some(_) | None => "",
        }
    }

    fn is_one_of(self, x: &Fragment, strings: &[&str]) -> Fragment {
        match strings {
            few if few.len() <= FEW => is_listed(x, few),
            many => sql![x, " IN (", self.list(many), ")"],
        }
    }

    /// A select of strings from one parameter. Its type cuts none of them, and is no longer than that takes: of a hundred
    /// thousand the table then stays in memory, and a longer one takes five times as long.
    fn list(self, strings: &[&str]) -> Fragment {
        const TYPES: [(usize, &str); 7] = [
            (15, "VARCHAR(15)"),
            (31, "VARCHAR(31)"),
            (63, "VARCHAR(63)"),
            (127, "VARCHAR(127)"),
            (255, "VARCHAR(255)"),
            (1_023, "VARCHAR(1023)"),
            (16_383, "VARCHAR(16383)"),
        ];
        let longest = strings.iter().map(|string| string.chars().count()).max().unwrap_or_default();
        let ty = TYPES.iter().find(|(most, _)| longest <= *most).map_or("LONGTEXT", |(_, ty)| ty);
        let table = sql!["JSON_TABLE(", Bind(json_strings(strings)), ", '$[*]' COLUMNS (v ", ty, self.text_column()];
        sql!["SELECT v FROM ", table, ")) l"]
    }

    fn one_of_strings(self, value: Scalar<'_>, strings: &[&str]) -> Fragment {
        let exact = || self.is_one_of(&self.by_code_point(value), strings);
        match value.column {
            // What is the same is equal under every collation: so an index of the column's own serves too. Never as a select
            // of values with the collation written out there: under OR and NOT MariaDB keeps the answers of such a select by
            // what the column's collation calls equal, and gives that of `A` for `a`.
            Some(column) if !column.is_binary() && strings.len() <= INDEXED => {
                sql!["(", is_listed(value.sql, strings), " AND ", exact(), ")"]
            }
            _ => exact(),
        }
    }

    /// Equality under simple case folding.
    fn one_of_folded(self, value: Scalar<'_>, strings: &[&str]) -> Cover<Fragment> {
        let (cased, others): (Vec<&str>, Vec<&str>) = strings.iter().partition(|string| has_case(string));
        let others = (!others.is_empty()).then(|| Cover::Exact(self.one_of_strings(value, &others)));
        let x = self.by_code_point(value);
        // One expression for all takes as long as one for each, and less text.
        let parts = pattern::in_parts(&cased).into_iter().map(|part| match part {
            [one] => self.with_ranges(value, one, pattern::folded(&x, &[one], Place::Whole)),
            many => pattern::folded(&x, many, Place::Whole),
        });
        // INVARIANT: there is at least one string.
        any(others.into_iter().chain(parts)).unwrap_or_else(|| Cover::Exact(never()))
    }

    fn substring(self, value: Scalar<'_>, needle: &Needle, place: Place) -> Cover<Fragment> {
        let text = needle.text();
        if text.is_empty() {
            return Cover::Exact(sql![value.sql, " IS NOT NULL"]);
        }
        if needle.ignores_case() && has_case(text) {
            let cover = pattern::folded(&self.by_code_point(value), &[text], place);
            return if place == Place::Start { self.with_ranges(value, text, cover) } else { cover };
        }
        Cover::Exact(match place {
            // By bytes: UTF-8 is self-synchronising, so that they are as good as characters.
            Place::Anywhere => holds(value.sql, text),
            Place::End => {
                let bytes = sql!["RIGHT(CAST(", value.sql, " AS BINARY), ", Bind(text.len() as i64), ")"];
                sql![bytes, " = CAST(", Bind(text), " AS BINARY)"]
            }
            Place::Start | Place::Whole => begins_with(value.sql, text, self.beside(value)),
        })
    }

    /// The same beside the ranges of what it can begin with, which an index on the column serves. The test itself stays,
    /// so that the ranges need not say everything. It comes first: where all rows are in the ranges, these take three times
    /// as long.
    fn with_ranges(self, value: Scalar<'_>, text: &str, cover: Cover<Fragment>) -> Cover<Fragment> {
        let spellings = spellings(text, SPELLINGS);
        if !value.column.is_some_and(super::Column::is_binary) || spellings.len() < 2 {
            return cover;
        }
        let ranges = joined(spellings.iter().map(|spelling| begins_with(value.sql, spelling, "")), " OR ");
        map(cover, |test| sql!["(", test, " AND (", ranges, "))"])
    }
}

impl Dialect for Mysql {
    fn name(&self) -> &str {
        match self.server {
            Server::MariaDb => "mariadb",
            Server::MySql => "mysql",
        }
    }

    fn server(&self) -> &str {
        match self.server {
            Server::MariaDb => "MariaDB 10.11",
            Server::MySql => "MySQL 8.0.29, on which nothing was proved",
        }
    }

    fn syntax(&self) -> Syntax {
        Syntax::Mysql
    }

    fn bounds(&self) -> Bounds {
        // The protocol counts values in 16 bits; half of the levels that the default stack of a thread holds; and a text
        // that takes about a second to plan.
        Bounds { binds: 65_535, height: 500, text: 1_000_000 }
    }

    fn scalar(&self, value: Scalar<'_>, test: &ScalarTest<'_>) -> Cover<Fragment> {
        let x = value.sql;
        let exact = Cover::Exact;
        let is_of_instants = matches!(test, ScalarTest::Instants(_) | ScalarTest::Instant(..));
        if type_of(value) == Some(Type::Datetime) && !is_of_instants {
            return Cover::Unsupported(Why::new("no_text", "a column of instants does not keep how they were written"));
        }
        match *test {
            ScalarTest::Boolean(true) => exact(sql![x, " = 1"]),
            ScalarTest::Boolean(false) => exact(sql![x, " = 0"]),
            ScalarTest::Numbers(numbers) => exact(one_of_numbers(value, numbers)),
            ScalarTest::Number(comparison, number) => exact(compare_number(value, comparison, number)),
            ScalarTest::Strings(strings) => exact(self.one_of_strings(value, strings)),
            ScalarTest::Folded(strings) => self.one_of_folded(value, strings),
            ScalarTest::String(comparison, string) => {
                exact(sql![x, symbol(comparison), Bind(string), self.beside(value)])
            }
            ScalarTest::Contains(needle) => self.substring(value, needle, Place::Anywhere),
            ScalarTest::StartsWith(needle) => self.substring(value, needle, Place::Start),
            ScalarTest::EndsWith(needle) => self.substring(value, needle, Place::End),
            ScalarTest::Regex(regex) => {
                let longest = value.column.and_then(super::Column::max_length);
                pattern::matches(&self.by_code_point(value), regex, longest)
            }
            ScalarTest::Token(token) => pattern::has_token(&self.by_code_point(value), token),
            ScalarTest::Instants(instants) if type_of(value) == Some(Type::Datetime) => {
                exact(instant::one_of(x, instants))
            }
            ScalarTest::Instant(comparison, bound) if type_of(value) == Some(Type::Datetime) => {
                exact(instant::compare(x, comparison, bound))
            }
            ScalarTest::Instants(instants) => {
                let micros: Vec<Number> = instants.iter().map(|instant| instant.as_micros().into()).collect();
                exact(ints_in_list(&instant::micros(&self.by_code_point(value)), &micros))
            }
            ScalarTest::Instant(comparison, bound) => {
                let micros = instant::micros(&self.by_code_point(value));
                exact(sql![micros, symbol(comparison), Bind(bound.as_micros())])
            }
        }
    }

    fn negated(&self, column: Scalar<'_>, test: &ScalarTest<'_>) -> Option<Fragment> {
        let or_null = |fragment| match column.is_optional {
            true => sql!["(", fragment, " OR ", column.sql, " IS NULL)"],
            false => fragment,
        };
        match *test {
            ScalarTest::String(comparison, string) if type_of(column) == Some(Type::String) => {
                let string = sql![Bind(string), self.beside(column)];
                Some(or_null(sql![column.sql, symbol(inverse(comparison)), string]))
            }
            ScalarTest::Number(comparison, bound) => Some(or_null(compare_number(column, inverse(comparison), bound))),
            ScalarTest::Instant(comparison, bound) if type_of(column) == Some(Type::Datetime) => {
                Some(or_null(instant::compare(column.sql, inverse(comparison), bound)))
            }
            _ => None,
        }
    }

    fn json(&self, field: &JsonField<'_>, test: &FieldTest<'_>) -> Cover<Fragment> {
        json::field(*self, field, test)
    }

    fn negated_json(&self, field: &JsonField<'_>, test: &FieldTest<'_>) -> Option<Fragment> {
        json::negated(*self, field, test)
    }
}

fn type_of(value: Scalar<'_>) -> Option<Type> {
    value.column.map(super::Column::ty)
}

fn is_listed(x: &Fragment, strings: &[&str]) -> Fragment {
    match strings {
        [one] => sql![x, " = ", Bind(*one)],
        many => sql![x, " IN (", joined(many.iter().map(|one| sql![Bind(*one)]), ", "), ")"],
    }
}

fn never() -> Fragment {
    "FALSE".into()
}

/// A prefix as a range, which an index serves.
fn begins_with(x: &Fragment, prefix: &str, collate: &'static str) -> Fragment {
    let start = sql![x, " >= ", Bind(prefix), collate];
    match successor(prefix) {
        Some(end) => sql!["(", start, " AND ", x, " < ", Bind(end), collate, ")"],
        None => start,
    }
}

/// Whether a string holds another.
fn holds(x: &Fragment, text: &str) -> Fragment {
    sql!["INSTR(CAST(", x, " AS BINARY), CAST(", Bind(text), " AS BINARY)) > 0"]
}

fn compare_number(value: Scalar<'_>, comparison: Comparison, bound: Number) -> Fragment {
    let x = value.sql;
    if type_of(value) == Some(Type::Integer) {
        return match int_bound(comparison, bound) {
            IntBound::Never => never(),
            IntBound::Always => sql![x, " IS NOT NULL"],
            IntBound::Compare(comparison, int) => sql![x, symbol(comparison), Bind(int)],
        };
    }
    let (comparison, float) = float_operand(comparison, bound);
    sql![x, symbol(comparison), Bind(float)]
}

fn one_of_numbers(value: Scalar<'_>, numbers: &[Number]) -> Fragment {
    match type_of(value) {
        Some(Type::Integer) => {
            let ints: Vec<Number> = numbers.iter().copied().filter(|number| number.as_i64().is_some()).collect();
            ints_in_list(value.sql, &ints)
        }
        _ => floats_in_list(value.sql, numbers),
    }
}

/// Whether an integer is one of these, which are integers too.
fn ints_in_list(x: &Fragment, ints: &[Number]) -> Fragment {
    let binds = ints.iter().filter_map(|int| int.as_i64()).map(|int| sql![Bind(int)]);
    in_list(x, ints, binds, "BIGINT")
}

/// Whether a float is one of these.
fn floats_in_list(x: &Fragment, numbers: &[Number]) -> Fragment {
    let exact = |number: &&Number| exact_as_float(**number).is_some();
    let floats: Vec<Number> = numbers.iter().filter(exact).copied().collect();
    let binds = floats.iter().map(|float| sql![Bind(float.to_f64_lossy())]);
    in_list(x, &floats, binds, "DOUBLE")
}

fn in_list(x: &Fragment, numbers: &[Number], mut binds: impl Iterator<Item = Fragment>, ty: &'static str) -> Fragment {
    match numbers.len() {
        0 => never(),
        1 => sql![x, " = ", binds.next().unwrap_or_default()],
        2..=FEW => sql![x, " IN (", joined(binds, ", "), ")"],
        _ => {
            let table = sql!["JSON_TABLE(", Bind(json_numbers(numbers)), ", '$[*]' COLUMNS (v ", ty, " PATH '$')) l"];
            sql![x, " IN (SELECT v FROM ", table, ")"]
        }
    }
}
