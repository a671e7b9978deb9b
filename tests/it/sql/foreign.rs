//! A dialect as a third party writes one: the public API alone, no JSON, and little else.

use serde_json::{Value as Json, json};
use trommel::backend::sql::{Bounds, Column, Dialect, Fragment, Mapping, Scalar, ScalarTest, Syntax};
use trommel::{Cover, Matcher, Schema, Sql, Type, Why, lower, parse};

use super::database::Sqlite;
use super::store::{Storage, Store};

/// Knows equality of strings, and that a number is there.
#[derive(Debug)]
struct Plain;

impl Dialect for Plain {
    fn name(&self) -> &str {
        "plain"
    }

    fn server(&self) -> &str {
        "any"
    }

    fn syntax(&self) -> Syntax {
        Syntax::Sqlite
    }

    fn bounds(&self) -> Bounds {
        Bounds { binds: 6, height: 60, text: 10_000 }
    }

    fn scalar(&self, value: Scalar<'_>, test: &ScalarTest<'_>) -> Cover<Fragment> {
        let why = || Why::new("plain", "only equality is known");
        match test {
            ScalarTest::Strings([one]) => Cover::Exact(value.sql.clone().text(" = ").bind(*one)),
            ScalarTest::Numbers(_) => Cover::Superset(value.sql.clone().text(" IS NOT NULL"), why()),
            _ => Cover::Unsupported(why()),
        }
    }
}

#[test]
fn it_is_right_with_its_residual() {
    let documents: Vec<Json> = (0..40)
        .map(|at| json!({"s": format!("s{}", at % 3), "n": at % 5, "tags": ["a", format!("t{}", at % 4)], "doc": at}))
        .collect();
    let mut ran = (0, 0, 0);
    for filter in [
        r#"{"s": "s1"}"#,
        r#"{"NOT": [{"s": "s1"}, {"tags": "t2"}]}"#,
        r#"{"s": "s1", "n": 3}"#,
        r#"{"OR": [{"s": "s1"}, {"n": 3}]}"#,
        r#"{"OR": [{"s": "s1"}, {"NOT": [{"n": 3}]}]}"#,
        r#"{"tags": "t1", "doc": 5}"#,
        r#"{"field": "s", "operator": "gt", "value": "s0"}"#,
        r#"{"n": null}"#,
        r#"{"s.below": 1}"#,
        r#"{"AND": [{"s": "s1"}, {"NOT": [{"s": "s0"}]}, {"tags": "t1"}, {"NOT": [{"tags": "t2"}]}, {"NOT": [{"tags": "t3"}]}, {"NOT": [{"tags": "t4"}]}, {"NOT": [{"tags": "t5"}]}]}"#,
    ] {
        let predicate = Schema::open().check(&parse::json(filter).unwrap()).unwrap();
        let mut store = Store::new(Box::new(Sqlite::text()), Storage::Mixed);
        let fields = [r"s", "n", "tags"].map(|path| trommel::Path::parse(path).unwrap());
        let (mapping, _) = store.put(&fields.iter().collect::<Vec<_>>(), &Schema::open(), &documents);
        let sql = Sql::new(Plain, mapping.clone());
        let lowered = lower(&sql, &predicate).unwrap();
        let everything = sql.everything();
        let mut ids = store.ids(lowered.pushed().unwrap_or(&everything), &mapping).unwrap();
        match (lowered.is_exact(), lowered.pushed()) {
            (true, _) => ran.0 += 1,
            (false, Some(_)) => ran.1 += 1,
            (false, None) => ran.2 += 1,
        }
        if let Some(residual) = lowered.residual() {
            let matcher = Matcher::new(residual);
            ids.retain(|id| matcher.matches(&documents[*id]));
        }
        ids.sort_unstable();
        let matcher = Matcher::new(&predicate);
        let wanted: Vec<usize> = (0..documents.len()).filter(|id| matcher.matches(&documents[*id])).collect();
        assert_eq!(ids, wanted, "{filter}: {:?}", lowered.pushed());
    }
    assert!(ran.0 >= 3 && ran.1 >= 3 && ran.2 >= 2, "{ran:?}");
}

#[test]
fn what_it_does_not_say_has_its_reason() {
    let mapping = Mapping::default().column("a", Column::new("a", Type::String)).unwrap();
    let predicate = Schema::open().check(&parse::json(r#"{"a": "x", "b": 1}"#).unwrap()).unwrap();
    let lowered = lower(&Sql::new(Plain, mapping), &predicate).unwrap();
    assert_eq!(lowered.reasons()[0].why.code(), "no_json");
    assert_eq!(lowered.pushed().unwrap().where_clause().0, r#""documents"."a" = ?"#);
}
