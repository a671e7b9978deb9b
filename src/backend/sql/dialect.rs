//! What one database does otherwise than another, and nothing else.

use std::fmt;

use super::fragment::{Fragment, sql};
use super::mapping::Column;
use super::operand::is_small;
use crate::lower::{Cover, Why};
use crate::path::Path;
use crate::pattern::Pattern;
use crate::predicate::{Comparison, Needle};
use crate::schema::{Facts, Type};
use crate::value::{Instant, Number};

/// How names are quoted and where values go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Syntax {
    /// `"name"` and `?`.
    Sqlite,
    /// `"name"` and `$1`.
    Postgres,
    /// `` `name` `` and `?`.
    Mysql,
}

impl Syntax {
    /// A name in its quotes, which are doubled inside.
    pub(super) fn quoted(self, name: &str) -> String {
        match self {
            Syntax::Sqlite | Syntax::Postgres => format!("\"{}\"", name.replace('"', "\"\"")),
            Syntax::Mysql => format!("`{}`", name.replace('`', "``")),
        }
    }
}

/// What a server takes in one statement. What is beyond is kept as residual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bound values.
    pub binds: usize,
    /// Levels of an expression. A leaf counts as 50 of them.
    pub height: u32,
    /// Bytes of text.
    pub text: usize,
}

/// A value in SQL that is tested: a column's, or a JSON document's.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Scalar<'s> {
    /// The expression.
    pub sql: &'s Fragment,
    /// The column that it is, if it is one.
    pub column: Option<&'s Column>,
    /// Whether it may be NULL: `false` where the schema promises that it is not (T4).
    pub is_optional: bool,
}

/// A positive test of one scalar that is of the test's type: for any other it is never asked.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ScalarTest<'t> {
    /// A boolean is this one.
    Boolean(bool),
    /// A number is one of these, of which there is at least one.
    Numbers(&'t [Number]),
    /// A number compares so with this one.
    Number(Comparison, Number),
    /// A string is one of these, of which there is at least one.
    Strings(&'t [&'t str]),
    /// The same under simple case folding; the strings are folded.
    Folded(&'t [&'t str]),
    /// A string compares so with this one, by code point.
    String(Comparison, &'t str),
    /// A string holds this one.
    Contains(&'t Needle),
    /// A string begins with this one.
    StartsWith(&'t Needle),
    /// A string ends with this one.
    EndsWith(&'t Needle),
    /// A string has a match.
    Regex(&'t Pattern),
    /// This is a token of a string (C5); it is folded.
    Token(&'t str),
    /// A string is an instant of these (T3), of which there is at least one.
    Instants(&'t [Instant]),
    /// A string is an instant that compares so with this one.
    Instant(Comparison, Instant),
}

/// The JSON type that a test is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` and `false`.
    Boolean,
    /// Numbers.
    Number,
    /// Strings.
    String,
}

impl ScalarTest<'_> {
    /// The type of the values that it is asked of.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            ScalarTest::Boolean(_) => Kind::Boolean,
            ScalarTest::Numbers(_) | ScalarTest::Number(..) => Kind::Number,
            ScalarTest::Strings(_)
            | ScalarTest::Folded(_)
            | ScalarTest::String(..)
            | ScalarTest::Contains(_)
            | ScalarTest::StartsWith(_)
            | ScalarTest::EndsWith(_)
            | ScalarTest::Regex(_)
            | ScalarTest::Token(_)
            | ScalarTest::Instants(_)
            | ScalarTest::Instant(..) => Kind::String,
        }
    }
}

/// A positive test of a field in a JSON column.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum FieldTest<'t> {
    /// `nodes(path)` is not empty (P2).
    Exists,
    /// `values(path)` holds something that is no null (P3).
    NonNull,
    /// Some scalar at the path is of the type of one of these tests and passes it (P4).
    Some(&'t [ScalarTest<'t>]),
}

/// A field in a JSON column.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct JsonField<'f> {
    /// The JSON column, with its table.
    pub column: &'f Fragment,
    /// Whether every row is well-formed, so that no guard is needed.
    pub is_valid: bool,
    /// The path into it.
    pub path: &'f Path,
    /// What the schema promises of the path.
    pub facts: Facts,
    /// A generated column over the value at the path, and its expression.
    pub generated: Option<Scalar<'f>>,
    /// Whether an index is on the value at the path.
    pub is_indexed: bool,
}

impl<'f> JsonField<'f> {
    /// The generated column, if it may stand beside a test: what it holds of a value that passes passes too.
    ///
    /// One of integers serves no number: 5.5 and 5.0 may be NULL there. In one of floats a larger integer may be the nearest
    /// float.
    pub(super) fn generated_for(&self, test: &ScalarTest<'_>) -> Option<Scalar<'f>> {
        let scalar = self.generated?;
        let ty = scalar.column?.ty();
        let serves = match test {
            ScalarTest::Strings(_) | ScalarTest::String(..) | ScalarTest::StartsWith(_) => ty == Type::String,
            ScalarTest::Numbers(numbers) => ty == Type::Number && numbers.iter().all(|number| is_small(*number)),
            ScalarTest::Number(_, bound) => ty == Type::Number && is_small(*bound),
            // An index serves none of these.
            ScalarTest::Boolean(_)
            | ScalarTest::Folded(_)
            | ScalarTest::Contains(_)
            | ScalarTest::EndsWith(_)
            | ScalarTest::Regex(_)
            | ScalarTest::Token(_)
            | ScalarTest::Instants(_)
            | ScalarTest::Instant(..) => false,
        };
        serves.then_some(scalar)
    }
}

/// What a database does otherwise than others. Everything else (which column a path is in, NULL, NOT, join tables,
/// types that do not meet, groups, statements) is done once, by [`Sql`](super::Sql).
///
/// Fragments are true for a match, and false or NULL for none; [`complement`](Dialect::complement) makes the
/// complement.
pub trait Dialect: fmt::Debug + Send + Sync {
    /// The backend's name in reports.
    fn name(&self) -> &str;

    /// The oldest server that its answers were proved on, for people.
    fn server(&self) -> &str;

    /// Quotes and placeholders.
    fn syntax(&self) -> Syntax;

    /// What a server takes in one statement.
    fn bounds(&self) -> Bounds;

    /// A test of a scalar. The value is of the test's type or NULL where it is a column's; from a JSON document it
    /// may be of any type, and the type is tested beside.
    fn scalar(&self, value: Scalar<'_>, test: &ScalarTest<'_>) -> Cover<Fragment>;

    /// Whether a column holds a value. What its type holds besides, such as NaN, counts as missing (Q1).
    fn present(&self, column: Scalar<'_>) -> Fragment {
        sql![column.sql, " IS NOT NULL"]
    }

    /// The exact complement of [`present`](Dialect::present).
    fn absent(&self, column: Scalar<'_>) -> Fragment {
        sql![column.sql, " IS NULL"]
    }

    /// The exact complement of a test of a column where there is a better one than
    /// [`complement`](Dialect::complement): one that an index serves.
    fn negated(&self, column: Scalar<'_>, test: &ScalarTest<'_>) -> Option<Fragment> {
        let _ = (column, test);
        None
    }

    /// The exact complement of a fragment, which may be NULL.
    fn complement(&self, exact: &Fragment) -> Fragment {
        sql!["(", exact, ") IS NOT TRUE"]
    }

    /// The exact complement of a test of a field in a JSON column, where there is a better one than
    /// [`complement`](Dialect::complement).
    fn negated_json(&self, field: &JsonField<'_>, test: &FieldTest<'_>) -> Option<Fragment> {
        let _ = (field, test);
        None
    }

    /// A test of a field in a JSON column.
    fn json(&self, field: &JsonField<'_>, test: &FieldTest<'_>) -> Cover<Fragment> {
        let _ = (field, test);
        Cover::Unsupported(Why::new("no_json", format!("{} reads no JSON here", self.name())))
    }
}
