//! What it costs to make SQL text and values of JSON text, beside a translation by hand with sea-query that knows `eq` and
//! `in` alone, and checks nothing. The targets: at most 1.2 times as much, of ids 1.1 times.

mod ratio;

use std::fmt::Write as _;

use ratio::{Rival, compare};
use serde::Deserialize;
use trommel::backend::sql::{
    Bounds, Column, Dialect, FieldTest, Fragment, JsonField, Mapping, Scalar, ScalarTest, Sqlite, Syntax,
};
use trommel::sea_query::{Alias, Asterisk, Expr, ExprTrait, Query, SqliteQueryBuilder, Value, Values};
use trommel::{Cover, Limit, Limits, Schema, Sql, Type, lower, parse::Parser};

const COLUMNS: usize = 50;

fn conditions(count: usize) -> String {
    let mut text = r#"{"AND":["#.to_owned();
    for at in 0..count {
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(text, r#"{comma}{{"field":"f{}","operator":"eq","value":"value {at}"}}"#, at % COLUMNS);
    }
    text + "]}"
}

fn ids(count: usize) -> String {
    let mut text = r#"{"AND":[{"field":"f0","operator":"in","value":["#.to_owned();
    for at in 0..count {
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(text, "{comma}\"obj_{at:016x}\"");
    }
    text + "]}]}"
}

#[derive(Deserialize)]
struct Group {
    #[serde(rename = "AND")]
    and: Vec<Condition>,
}

#[derive(Deserialize)]
struct Condition {
    field: String,
    operator: String,
    value: Operand,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Operand {
    One(String),
    Many(Vec<String>),
}

/// By hand: one flat node for the AND, since that of sea-query overflows the stack where it is wide.
fn by_hand(text: &str) -> (String, Values) {
    let group: Group = serde_json::from_str(text).expect("a group");
    let count = group.and.len();
    let parts = group.and.into_iter().map(|Condition { field, operator, value }| {
        let column = Expr::col((Alias::new("t"), Alias::new(field)));
        match (operator.as_str(), value) {
            ("eq", Operand::One(value)) => column.eq(value),
            ("in", Operand::Many(values)) => {
                let json = serde_json::to_string(&values).expect("JSON");
                column.binary(
                    trommel::sea_query::BinOper::In,
                    Expr::cust_with_values("(SELECT value FROM json_each(?))", [Value::from(json)]),
                )
            }
            (_, Operand::One(_) | Operand::Many(_)) => column.is_null(), // it knows no more
        }
    });
    let condition = Expr::cust_with_exprs(vec!["?"; count].join(" AND "), parts);
    Query::select().column(Asterisk).from(Alias::new("t")).and_where(condition).build(SqliteQueryBuilder)
}

/// SQLite without bounds, so that all of 100,000 conditions are written.
#[derive(Debug)]
struct Unbounded;

impl Dialect for Unbounded {
    fn name(&self) -> &str {
        Sqlite.name()
    }

    fn server(&self) -> &str {
        Sqlite.server()
    }

    fn syntax(&self) -> Syntax {
        Sqlite.syntax()
    }

    fn bounds(&self) -> Bounds {
        Bounds { binds: usize::MAX, height: u32::MAX, text: usize::MAX }
    }

    fn scalar(&self, value: Scalar<'_>, test: &ScalarTest<'_>) -> Cover<Fragment> {
        Sqlite.scalar(value, test)
    }

    fn json(&self, field: &JsonField<'_>, test: &FieldTest<'_>) -> Cover<Fragment> {
        Sqlite.json(field, test)
    }
}

fn main() {
    let mapping = (0..COLUMNS).map(|at| format!("f{at}")).fold(Mapping::new("t", "id"), |mapping, name| {
        mapping.and_then(|mapping| mapping.column(&name, Column::new(&*name, Type::String).binary()))
    });
    let sql = Sql::new(Unbounded, mapping.expect("a mapping"));
    let schema = Schema::open();
    let parser = Parser::new().limits(Limits::default().with(Limit::Conditions, 1_000_000));
    let check = |text: &str| schema.check(&parser.json(text).expect("a filter")).expect("a predicate");
    let write = |text: &str| {
        let lowered = lower(&sql, &check(text)).expect("no error");
        lowered.into_exact().expect("exact").where_clause()
    };
    for (text, title) in [1, 10, 1_000, 100_000]
        .map(|count| (conditions(count), format!("{count} conditions; the target is at most 1.2 x")))
        .into_iter()
        .chain([(ids(100_000), "100000 ids; the target is at most 1.1 x".to_owned())])
    {
        let predicate = check(&text);
        compare(
            &title,
            &mut [
                Rival::new("by hand with sea-query", || by_hand(&text)),
                Rival::new("parse + check + lower + write", || write(&text)),
                Rival::new("parse + check", || check(&text)),
                Rival::new("lower + write", || {
                    lower(&sql, &predicate).expect("no error").pushed().map(|query| query.where_clause())
                }),
                Rival::new("lower", || lower(&sql, &predicate)),
            ],
        );
    }
}
