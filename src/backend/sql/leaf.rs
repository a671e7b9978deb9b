//! One leaf: where its field is, what is asked there, and NOT. The same for every dialect.

use super::dialect::{FieldTest, JsonField, Kind, Scalar, ScalarTest};
use super::fragment::{Fragment, joined, sql};
use super::mapping::Target;
use super::query::Query;
use super::{MappedColumn, Sql};
use crate::error::{Code, Diagnostic, Error};
use crate::lower::{Cover, Why};
use crate::predicate::{Bound, Join, Leaf, Test};
use crate::schema::Type;
use crate::set::Set;
use crate::value::{Number, Value};

/// A positive test in SQL.
enum Positive {
    /// The same for every row.
    Constant(bool),
    Sql(Cover<Fragment>),
    /// The id is one of a select.
    Within(Cover<Fragment>),
}

/// So many tokens of one query are pushed; more are no more selective, and each takes kilobytes.
const MOST_TOKENS: usize = 16;

impl Sql {
    pub(super) fn lower_leaf(&self, leaf: &Leaf) -> Result<Cover<Query>, Error> {
        let target = self.mapping.target(leaf.path()).map_err(|error| at(*error, leaf))?;
        if let Target::Column(index) = target {
            self.refuse_datetime(index, leaf)?;
        }
        let ask = |test: FieldTest<'_>| self.ask(target, leaf, &test, leaf.is_negated());
        let some = |test: ScalarTest<'_>| ask(FieldTest::Some(&[test]));
        Ok(match leaf.test() {
            Test::Exists => ask(FieldTest::Exists),
            Test::IsNull => self.ask(target, leaf, &FieldTest::NonNull, !leaf.is_negated()),
            Test::In(set) => with_tests(set, |tests| ask(FieldTest::Some(tests))),
            Test::InInstants(instants) => some(ScalarTest::Instants(instants)),
            Test::Compare(comparison, Bound::Number(number)) => some(ScalarTest::Number(*comparison, *number)),
            Test::Compare(comparison, Bound::String(string)) => some(ScalarTest::String(*comparison, string)),
            Test::Compare(comparison, Bound::Instant(instant)) => some(ScalarTest::Instant(*comparison, *instant)),
            Test::Contains(needle) => some(ScalarTest::Contains(needle)),
            Test::StartsWith(needle) => some(ScalarTest::StartsWith(needle)),
            Test::EndsWith(needle) => some(ScalarTest::EndsWith(needle)),
            Test::Regex(pattern) => some(ScalarTest::Regex(pattern)),
            Test::Text(tokens) => {
                // C5: the tokens of all strings are pooled, so each is a question of its own.
                let parts = tokens.iter().take(MOST_TOKENS).map(|token| some(ScalarTest::Token(token)));
                let join = if leaf.is_negated() { Join::Any } else { Join::All };
                self.join_tokens(join, parts, tokens.iter().len() <= MOST_TOKENS)
            }
        })
    }

    /// Q2: a datetime column needs a field of type datetime, or its text would be compared as a string.
    fn refuse_datetime(&self, index: usize, leaf: &Leaf) -> Result<(), Error> {
        let is_datetime = self.mapping.column_at(index).ty() == Type::Datetime;
        if !is_datetime || leaf.facts().ty == Type::Datetime || matches!(leaf.test(), Test::Exists | Test::IsNull) {
            return Ok(());
        }
        let message = format!("the column of `{}` is a datetime, and its field is none in the schema", leaf.path());
        let error = Diagnostic::error(Code::OperandType, message).hint("give the field the type `datetime`");
        Err(at(error, leaf))
    }

    fn join_tokens(&self, join: Join, parts: impl Iterator<Item = Cover<Query>>, are_all: bool) -> Cover<Query> {
        let (mut queries, mut superset) = (Vec::new(), None);
        for part in parts {
            match part {
                Cover::Exact(query) => queries.push(query),
                Cover::Superset(query, why) => {
                    queries.push(query);
                    superset = Some(why);
                }
                Cover::Unsupported(why) => return Cover::Unsupported(why),
            }
        }
        if !are_all {
            let why = Why::new("many_tokens", format!("of more than {MOST_TOKENS} tokens the rest is rechecked"));
            // A part of an OR that is left out would lose rows.
            if join == Join::Any {
                return Cover::Unsupported(why);
            }
            superset = Some(why);
        }
        match (Query::join(&self.context, join, queries), superset) {
            (Cover::Exact(query), Some(why)) => Cover::Superset(query, why),
            (cover, _) => cover,
        }
    }

    /// A test of a field, or its complement.
    fn ask(&self, target: Target, leaf: &Leaf, test: &FieldTest<'_>, negated: bool) -> Cover<Query> {
        if negated && let Some(fragment) = self.negated(target, leaf, test) {
            return Cover::Exact(Query::leaf(&self.context, fragment));
        }
        let positive = match target {
            Target::Below => Positive::Constant(false),
            Target::Column(index) => self.column(index, test),
            Target::Json => Positive::Sql(self.json(leaf, test)),
        };
        let (cover, is_within) = match positive {
            Positive::Constant(holds) => return Cover::Exact(Query::constant(&self.context, holds != negated)),
            Positive::Sql(cover) => (cover, false),
            Positive::Within(cover) => (cover, true),
        };
        let query = |fragment: Fragment| match (negated, is_within) {
            (false, false) => Query::leaf(&self.context, fragment),
            (false, true) => Query::within(&self.context, fragment),
            (true, false) => Query::leaf(&self.context, self.dialect.complement(&fragment)),
            (true, true) => {
                let within = sql![&self.context.id, " IN (", fragment, ")"];
                Query::leaf(&self.context, self.dialect.complement(&within))
            }
        };
        match cover {
            Cover::Exact(fragment) => Cover::Exact(query(fragment)),
            Cover::Superset(_, why) if negated => Cover::Unsupported(why),
            Cover::Superset(fragment, why) => Cover::Superset(query(fragment), why),
            Cover::Unsupported(why) => Cover::Unsupported(why),
        }
    }

    fn json(&self, leaf: &Leaf, test: &FieldTest<'_>) -> Cover<Fragment> {
        let json = self.with_json_field(leaf, |field| self.dialect.json(field, test));
        json.unwrap_or_else(|| Cover::Unsupported(Why::new("no_json", "the mapping has no JSON column")))
    }

    fn with_json_field<T>(&self, leaf: &Leaf, then: impl FnOnce(&JsonField<'_>) -> T) -> Option<T> {
        let column = self.json.as_ref()?;
        let generated = self.mapping.generated_at(leaf.path());
        let name = generated.map(|generated| self.qualified(generated.name()));
        let generated =
            generated.zip(name.as_ref()).map(|(column, sql)| Scalar { sql, column: Some(column), is_optional: true });
        let (path, facts, is_valid) = (leaf.path(), leaf.facts(), self.mapping.is_json_valid());
        let is_indexed = self.mapping.is_indexed(path);
        Some(then(&JsonField { column, is_valid, path, facts, generated, is_indexed }))
    }

    /// The complement of a test of the table's own columns, where there is a better one than any complement.
    fn negated(&self, target: Target, leaf: &Leaf, test: &FieldTest<'_>) -> Option<Fragment> {
        let index = match target {
            Target::Column(index) => index,
            Target::Json => {
                return self.with_json_field(leaf, |field| self.dialect.negated_json(field, test)).flatten();
            }
            Target::Below => return None,
        };
        let column = self.mapping.column_at(index);
        let MappedColumn { sql, within: None } = &self.columns[index] else { return None };
        let value = Scalar { sql, column: Some(column), is_optional: leaf.facts().optional };
        match test {
            FieldTest::Exists if column.null_means_null() => None,
            FieldTest::Exists | FieldTest::NonNull => Some(self.dialect.absent(value)),
            FieldTest::Some([test]) if fits(column.ty(), test) => self.dialect.negated(value, test),
            FieldTest::Some(_) => None,
        }
    }

    fn column(&self, index: usize, test: &FieldTest<'_>) -> Positive {
        let (column, mapped) = (self.mapping.column_at(index), &self.columns[index]);
        let value = Scalar { sql: &mapped.sql, column: Some(column), is_optional: true };
        let exact = |fragment| Positive::Sql(Cover::Exact(fragment));
        match (test, &mapped.within) {
            // Q1: NULL may mean a null that is there.
            (FieldTest::Exists, None) if column.null_means_null() => Positive::Constant(true),
            (FieldTest::Exists | FieldTest::NonNull, None) => exact(self.dialect.present(value)),
            // Q2: no rows means missing.
            (FieldTest::Exists, Some(within)) => Positive::Within(Cover::Exact(within.clone())),
            (FieldTest::NonNull, Some(within)) => {
                Positive::Within(Cover::Exact(sql![within, " WHERE ", self.dialect.present(value)]))
            }
            (FieldTest::Some(tests), within) => {
                let tests = tests.iter().filter(|test| fits(column.ty(), test));
                let cover = any(tests.map(|test| self.dialect.scalar(value, test)));
                match (cover, within) {
                    (None, _) => Positive::Constant(false),
                    (Some(cover), None) => Positive::Sql(cover),
                    (Some(cover), Some(within)) => {
                        Positive::Within(map(cover, |fragment| sql![within, " WHERE ", fragment]))
                    }
                }
            }
        }
    }

    fn qualified(&self, column: &str) -> Fragment {
        let syntax = self.context.syntax;
        Fragment::quoted(&format!("{}.{}", syntax.quoted(self.mapping.table()), syntax.quoted(column)))
    }
}

/// An error with the place of a leaf.
fn at(error: Diagnostic, leaf: &Leaf) -> Error {
    match leaf.places().next() {
        Some(place) => error.at(place).into(),
        None => error.into(),
    }
}

/// Whether a column of a type holds values that a test is about: all others are no match (D4).
fn fits(ty: Type, test: &ScalarTest<'_>) -> bool {
    match ty {
        Type::Boolean => test.kind() == Kind::Boolean,
        Type::Integer | Type::Number => test.kind() == Kind::Number,
        Type::String | Type::Datetime => test.kind() == Kind::String,
        Type::Any => true,
    }
}

/// The OR of covers; none of nothing.
pub(super) fn any(covers: impl IntoIterator<Item = Cover<Fragment>>) -> Option<Cover<Fragment>> {
    let (mut fragments, mut superset) = (Vec::new(), None);
    for cover in covers {
        match cover {
            Cover::Exact(fragment) => fragments.push(fragment),
            Cover::Superset(fragment, why) => {
                fragments.push(fragment);
                superset = Some(why);
            }
            Cover::Unsupported(why) => return Some(Cover::Unsupported(why)),
        }
    }
    let fragment = match fragments.len() {
        0 => return None,
        1 => fragments.pop()?,
        _ => sql!["(", joined(fragments, " OR "), ")"],
    };
    Some(match superset {
        None => Cover::Exact(fragment),
        Some(why) => Cover::Superset(fragment, why),
    })
}

/// What is covered, changed in a way that keeps how well it is.
pub(super) fn map(cover: Cover<Fragment>, change: impl FnOnce(Fragment) -> Fragment) -> Cover<Fragment> {
    match cover {
        Cover::Exact(fragment) => Cover::Exact(change(fragment)),
        Cover::Superset(fragment, why) => Cover::Superset(change(fragment), why),
        Cover::Unsupported(why) => Cover::Unsupported(why),
    }
}

/// The tests of a set, by type. One value, by far the most common, takes no allocation.
fn with_tests<T>(set: &Set, then: impl FnOnce(&[ScalarTest<'_>]) -> T) -> T {
    let ignores_case = set.ignores_case();
    let strings = |strings| if ignores_case { ScalarTest::Folded(strings) } else { ScalarTest::Strings(strings) };
    match set.single() {
        Some(Value::Bool(bool)) => return then(&[ScalarTest::Boolean(*bool)]),
        Some(Value::Number(number)) => return then(&[ScalarTest::Numbers(&[*number])]),
        Some(Value::String(string)) => return then(&[strings(&[string])]),
        Some(Value::Null) | None => {}
    }
    let (mut tests, mut numbers) = (Vec::new(), Vec::<Number>::new());
    // At once: growing, the list of a hundred thousand ids is copied again and again.
    let mut texts: Vec<&str> = Vec::with_capacity(set.iter().filter(|value| matches!(value, Value::String(_))).count());
    for value in set.iter() {
        match value {
            Value::Null => {} // INVARIANT: null is in no set
            Value::Bool(bool) => tests.push(ScalarTest::Boolean(*bool)),
            Value::Number(number) => numbers.push(*number),
            Value::String(string) => texts.push(string),
        }
    }
    if !numbers.is_empty() {
        tests.push(ScalarTest::Numbers(&numbers));
    }
    if !texts.is_empty() {
        tests.push(strings(&texts));
    }
    then(&tests)
}
