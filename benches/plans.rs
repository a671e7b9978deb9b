//! What the lowered query costs on 200,000 rows, beside the best exact SQL that was written by hand (`benches/sql`): the
//! same ids, and at most 1.1 times the median time, in turns, each prepared and run. By hand too what a client sends is
//! bound: its values stand on top of the file. Analysed tables, planner settings untouched. A server that is not installed
//! is left out.
//!
//! `cargo bench --bench plans --features sql,conformance -- [DATABASE]`.

#![allow(clippy::unwrap_used, clippy::panic)]

#[allow(dead_code, reason = "shared with the tests")]
#[path = "../tests/it/sql/database/mod.rs"]
mod database;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../tests/it/sql/server.rs"]
mod server;

use std::fs;
use std::time::{Duration, Instant};

use database::{Database, MariaDb, Postgres, Sqlite};
use serde_json::{Value as Json, json};
use trommel::backend::sql::{Column, Mapping};
use trommel::sea_query::{ArrayType, Value, Values};
use trommel::{Field, Schema, Type, lower, parse};

const ROWS: i64 = 200_000;
/// The rows are put in so many at a time.
const BATCH: i64 = 10_000;
/// So many turns at least, and for so long.
const ROUNDS: usize = 25;
const LONG: Duration = Duration::from_millis(500);

const MAPPING: &str = r#"{"table": "objects", "id": "object_id", "json": "doc", "json_valid": true, "columns": {
    "status": {"column": "status", "type": "string", "collation": "binary"},
    "title": {"column": "title", "type": "string", "collation": "binary", "folded_index": true},
    "year": {"column": "year", "type": "integer"},
    "score": {"column": "score", "type": "number"},
    "tags": {"table": "object_tags", "key": "object_id", "column": "tag", "type": "string", "collation": "binary"}},
    "indexed": ["sku", "a.b"]}"#;

/// What a filter is called, as is the file with the SQL by hand. `@N` stands for N ids, half of which there are.
const FILTERS: &[(&str, &str)] = &[
    ("column_eq", r#"{"status": "s5000"}"#),
    ("column_in", r#"{"field": "status", "operator": "in", "value": ["s5", "s50", "s500", "s5000", "none"]}"#),
    ("column_greater", r#"{"field": "year", "operator": "gt", "value": 199000.5}"#),
    ("column_not_greater", r#"{"NOT": [{"field": "year", "operator": "gt", "value": 1000}]}"#),
    ("column_prefix", r#"{"field": "title", "operator": "starts_with", "value": "Title 1999"}"#),
    (
        "column_prefix_nocase",
        r#"{"field": "title", "operator": "starts_with", "value": "title 1999", "case_sensitive": false}"#,
    ),
    ("column_contains", r#"{"field": "title", "operator": "contains", "value": "9999"}"#),
    ("column_float", r#"{"field": "score", "operator": "lte", "value": 500}"#),
    ("column_and", r#"{"status": "s77", "NOT": [{"field": "year", "operator": "lt", "value": 100000}]}"#),
    ("column_or", r#"{"OR": [{"status": "s77"}, {"year": 12345}]}"#),
    ("column_join", r#"{"tags": "t77"}"#),
    ("column_ids_10000", r#"{"field": "status", "operator": "in", "value": @10000}"#),
    ("column_ids_100000", r#"{"field": "status", "operator": "in", "value": @100000}"#),
    ("json_eq", r#"{"sku": "s5000"}"#),
    ("json_in", r#"{"field": "sku", "operator": "in", "value": ["s5", "s50", "s500", "s5000", "none"]}"#),
    ("json_number", r#"{"a.b": 12345}"#),
    ("json_greater", r#"{"field": "a.b", "operator": "gt", "value": 199000}"#),
    ("json_not_greater", r#"{"NOT": [{"field": "a.b", "operator": "gt", "value": 1000}]}"#),
    ("json_prefix", r#"{"field": "sku", "operator": "starts_with", "value": "s1999"}"#),
    ("json_contains", r#"{"field": "note", "operator": "contains", "value": "9999"}"#),
    ("json_null", r#"{"sku": null}"#),
    ("json_and", r#"{"sku": "s77", "NOT": [{"field": "a.b", "operator": "lt", "value": 100000}]}"#),
    ("json_or", r#"{"OR": [{"sku": "s77"}, {"a.b": 12345}]}"#),
    ("json_ids_10000", r#"{"field": "sku", "operator": "in", "value": @10000}"#),
    ("json_ids_100000", r#"{"field": "sku", "operator": "in", "value": @100000}"#),
];

fn ids(count: i64) -> Vec<String> {
    (0..count).map(|at| format!("s{}", at * 2 * ROWS / count)).collect()
}

/// How many ids a filter asks for.
fn ids_of(filter: &str) -> Option<i64> {
    filter.split('@').nth(1)?.trim_end_matches('}').parse().ok()
}

fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let is_wanted = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
    if is_wanted("sqlite") {
        run(&mut Sqlite::text(), |ids| json!(ids).to_string().into());
    }
    if is_wanted("postgres")
        && let Some(mut database) = Postgres::connect()
    {
        run(&mut database, |ids| {
            Value::Array(ArrayType::String, Some(Box::new(ids.iter().map(|id| id.as_str().into()).collect())))
        });
    }
    if is_wanted("mariadb")
        && let Some(mut database) = MariaDb::connect()
    {
        run(&mut database, |ids| json!(ids).to_string().into());
    }
}

/// On MariaDB an index is on a generated column.
fn mapping(database: &dyn Database) -> Mapping {
    let mapping = Mapping::from_json(MAPPING).expect("a mapping");
    match database.name() {
        "mariadb" => mapping
            .generated_column("sku", Column::new("g_sku", Type::String).binary())
            .and_then(|mapping| mapping.generated_column("a.b", Column::new("g_b", Type::Number).exact()))
            .expect("generated columns"),
        _ => mapping,
    }
}

fn run(database: &mut dyn Database, as_one: impl Fn(&[String]) -> Value) {
    let folder = format!("{}/benches/sql/{}", env!("CARGO_MANIFEST_DIR"), database.name());
    fill(database, &folder);
    let mapping = mapping(database);
    let single = ["sku", "a.b", "note"].map(|path| Field::new(path, Type::Any).single());
    // The tables declare these NOT NULL.
    let required =
        [("status", Type::String), ("title", Type::String), ("year", Type::Integer), ("score", Type::Number)];
    let required = required.map(|(path, ty)| Field::new(path, ty).single().required());
    let schema = Schema::new(single.into_iter().chain(required)).expect("a schema");
    println!("{}: ids, by hand, lowered; the target is at most 1.1 x", database.name());
    for (name, filter) in FILTERS {
        let ids = ids_of(filter).map(ids);
        let text = match &ids {
            Some(ids) => format!("{}{}}}", &filter[..filter.find('@').unwrap_or_default()], json!(ids)),
            None => (*filter).to_owned(),
        };
        let predicate = schema.check(&parse::json(text).expect("a filter")).expect("a predicate");
        let query = lower(&database.sql(mapping.clone()), &predicate).expect("no error").into_exact().expect("exact");
        let (sql, mut values) = read_by_hand(&format!("{folder}/{name}.sql"));
        values.extend(ids.iter().map(|ids| as_one(ids)));
        let by_hand = (sql, Values(values));
        compare(database, name, &by_hand, &query.select_ids());
    }
}

/// SQL and its values.
fn read_by_hand(file: &str) -> (String, Vec<Value>) {
    let text = fs::read_to_string(file).expect("SQL by hand");
    let values = text.lines().find_map(|line| line.strip_prefix("-- values: ")).unwrap_or("[]");
    let values: Vec<Json> = serde_json::from_str(values).expect("values");
    let sql: Vec<&str> = text.lines().filter(|line| !line.starts_with("--")).collect();
    let value = |value: Json| match (value.as_i64(), value.as_f64(), value.as_str()) {
        (Some(int), _, _) => int.into(),
        (None, Some(float), _) => float.into(),
        (None, None, string) => string.expect("a number or a string").into(),
    };
    (sql.join("\n"), values.into_iter().map(value).collect())
}

/// Times both in turns.
fn compare(database: &mut dyn Database, name: &str, by_hand: &(String, Values), lowered: &(String, Values)) {
    let mut times = [Vec::new(), Vec::new()];
    let mut found = [0, 0];
    let start = Instant::now();
    for round in 0.. {
        if round >= ROUNDS && start.elapsed() > LONG {
            break;
        }
        let answers = [by_hand, lowered].map(|statement| {
            let start = Instant::now();
            let ids = database.ask(statement.clone()).expect("an answer");
            (start.elapsed(), ids)
        });
        let [(first, mut expected), (second, mut ids)] = answers;
        times[0].push(first);
        times[1].push(second);
        expected.sort_unstable();
        ids.sort_unstable();
        assert_eq!(ids, expected, "{name}: {}", lowered.0);
        found = [expected.len(), ids.len()];
    }
    let [by_hand, lowered] = times.map(median);
    let ratio = lowered.div_duration_f64(by_hand);
    println!("    {name:22} {:>7} {by_hand:>11.3?} {lowered:>11.3?}  {ratio:6.2} x", found[0]);
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn fill(database: &mut dyn Database, folder: &str) {
    let read = |name: &str| fs::read_to_string(format!("{folder}/{name}.sql")).expect("a file of SQL");
    database.batch(&read("tables"));
    for start in (0..ROWS).step_by(BATCH as usize) {
        let ids = start..start + BATCH;
        let objects: Vec<Vec<Value>> = ids
            .clone()
            .map(|id| {
                let title = format!("Title {id}");
                vec![
                    id.into(),
                    document(id).into(),
                    format!("s{id}").into(),
                    title.into(),
                    id.into(),
                    (id as f64).into(),
                ]
            })
            .collect();
        let tags: Vec<Vec<Value>> = ids.map(|id| vec![id.into(), format!("t{}", id % 5_000).into()]).collect();
        database.insert(read("insert_objects").trim(), &objects);
        database.insert(read("insert_tags").trim(), &tags);
    }
    database.batch(&read("indexes"));
}

/// About 300 bytes.
fn document(id: i64) -> String {
    let mut document = json!({
        "a": {"b": id, "c": [id, id + 1]}, "kind": format!("k{}", id % 7), "note": format!("Note {id} {}", "x".repeat(200)),
    });
    if id % 1_000 != 999 {
        document["sku"] = Json::from(format!("s{id}"));
    }
    document.to_string()
}
