//! Strings in columns of collations that call others equal, or order them otherwise: the answer is by code point.

use serde_json::{Value as Json, json};
use trommel::backend::sql::{Column, Mapping};
use trommel::reference::Reference;
use trommel::sea_query::{self, Condition, Value};
use trommel::{Schema, Type, lower, parse};

use super::database::Database;

on_each_database!(answers_do_not_depend_on_the_collation);

const STRINGS: [&str; 16] =
    ["A", "a", "a ", " a", "\u{e9}", "e\u{301}", "E", "ss", "\u{df}", "k", "\u{212a}", "i", "\u{131}", "", "zz", "b"];

/// The types of columns of strings.
fn types(database: &str) -> &'static [&'static str] {
    match database {
        "sqlite" => &["TEXT", "TEXT COLLATE NOCASE", "TEXT COLLATE RTRIM"],
        "postgres" => &["text", "text COLLATE pg_temp.loose", "varchar(50) COLLATE pg_temp.loose"],
        _ => &[
            "varchar(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
            "varchar(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
            "varchar(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_turkish_ci",
            "varchar(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_ai_ci",
            "varchar(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            "text CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
        ],
    }
}

/// Lists of each length that has a form of its own, with some of the strings and much that is none of them.
fn lists() -> impl Iterator<Item = Json> {
    [2, 9, 300, 3_000].into_iter().flat_map(|length| {
        [0, 1, 4].map(|from| {
            let some = STRINGS.iter().skip(from).step_by(3).map(|string| (*string).to_owned());
            Json::from(some.chain((0..length).map(|at| format!("other {at}"))).take(length.max(6)).collect::<Vec<_>>())
        })
    })
}

fn conditions(field: &str) -> Vec<Json> {
    let lists = lists().map(|list| json!({"field": field, "operator": "in", "value": list}));
    let operators = ["eq", "gt", "lte", "starts_with", "ends_with", "contains"];
    let singles = operators.iter().flat_map(|operator| {
        STRINGS.iter().map(move |string| json!({"field": field, "operator": operator, "value": string}))
    });
    let exact: Vec<Json> = lists.chain(singles).collect();
    let folded = exact.iter().filter(|condition| !matches!(condition["operator"].as_str(), Some("gt" | "lte"))).map(
        |condition| {
            let mut condition = condition.clone();
            condition["case_sensitive"] = json!(false);
            condition
        },
    );
    folded.chain(exact.iter().cloned()).collect()
}

fn answers_do_not_depend_on_the_collation(open: fn() -> Box<dyn Database>) {
    let mut database = open();
    let documents: Vec<Json> =
        STRINGS.iter().enumerate().map(|(at, string)| json!({"n": at % 3, "s": string, "t": [string]})).collect();
    let mut met = 0;
    for ty in types(database.name()) {
        database.create("strings", &format!("owner bigint, v {ty}"));
        database.create("things", &format!("thing_id bigint, n bigint, s {ty}"));
        let places = if database.name() == "postgres" { ["$1", "$2", "$3"] } else { ["?"; 3] };
        let [first, second, third] = places;
        let row = |at: usize| Value::from(at as i64);
        let of_strings: Vec<_> = STRINGS.iter().enumerate().map(|(at, v)| vec![row(at), (*v).into()]).collect();
        database.insert(&format!("INSERT INTO strings VALUES ({first}, {second})"), &of_strings);
        let of_things: Vec<_> =
            STRINGS.iter().enumerate().map(|(at, s)| vec![row(at), row(at % 3), (*s).into()]).collect();
        database.insert(&format!("INSERT INTO things VALUES ({first}, {second}, {third})"), &of_things);
        let mapping = Mapping::new("things", "thing_id")
            .and_then(|mapping| mapping.column("n", Column::new("n", Type::Integer)))
            .and_then(|mapping| mapping.column("s", Column::new("s", Type::String)))
            .and_then(|mapping| mapping.column("t", Column::in_table("strings", "owner", "v", Type::String)))
            .unwrap();
        for condition in ["s", "t"].into_iter().flat_map(conditions) {
            for filter in [
                condition.clone(),
                json!({"NOT": [condition]}),
                json!({"OR": [condition, {"n": 1}]}),
                json!({"OR": [{"n": 1}, {"NOT": [condition]}]}),
            ] {
                let filter = parse::json(filter.to_string()).unwrap();
                let reference = Reference::new(&filter, &Schema::open()).unwrap();
                let expected: Vec<i64> = documents
                    .iter()
                    .enumerate()
                    .filter(|(_, document)| reference.matches(document))
                    .map(|(at, _)| at as i64)
                    .collect();
                let predicate = Schema::open().check(&filter).unwrap();
                let query = lower(&database.sql(mapping.clone()), &predicate).unwrap().into_exact().unwrap();
                let mut found = database.ask(query.select_ids()).unwrap();
                found.sort_unstable();
                assert_eq!(found, expected, "{ty}: {filter}: {query}");
                // Inside a condition of somebody's own.
                let table = |name: &str| sea_query::DynIden::from(name.to_owned());
                let select = sea_query::Query::select()
                    .column((table("things"), table("thing_id")))
                    .from(table("things"))
                    .cond_where(Condition::any().add(query.condition()).add(sea_query::Expr::cust("n = 2")))
                    .to_owned();
                let statement = database.build(&select);
                let mut found = database.ask(statement).unwrap();
                found.sort_unstable();
                let either = (0..STRINGS.len() as i64).filter(|at| expected.contains(at) || at % 3 == 2);
                assert_eq!(found, either.collect::<Vec<_>>(), "{ty}: {filter} OR n = 2: {query}");
                met += usize::from(!expected.is_empty());
            }
        }
    }
    assert!(met > 1_000, "{met}");
}
