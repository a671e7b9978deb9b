//! Plans: an index that is there is used.

mod postgres;

use serde_json::json;
use trommel::backend::sql::Mapping;
use trommel::{Field, Schema, Type, lower, parse};

use super::database::{Database, Sqlite};

/// U+212A and U+017F fold to `k` and `s`.
const FOLDED: &str =
    "CREATE INDEX by_title_folded ON objects (lower(replace(replace(title, '\u{212A}', 'k'), '\u{17F}', 's')))";

const TABLES: &str = r#"
    CREATE TABLE objects (object_id INTEGER PRIMARY KEY, doc TEXT, status TEXT, title TEXT, year INTEGER, score REAL);
    CREATE TABLE object_tags (object_id INTEGER NOT NULL, tag TEXT);
    CREATE INDEX by_status ON objects (status);
    CREATE INDEX by_title ON objects (title);
    CREATE INDEX by_year ON objects (year);
    CREATE INDEX by_score ON objects (score);
    CREATE INDEX by_tag ON object_tags (tag, object_id);
    CREATE INDEX by_sku ON objects (json_extract(doc, '$."sku"'));
    CREATE INDEX by_sku_type ON objects (json_type(doc, '$."sku"'));
    CREATE INDEX by_deep ON objects (json_extract(doc, '$."a"."b"'));
    CREATE INDEX by_deep_type ON objects (json_type(doc, '$."a"."b"'));
"#;

const MAPPING: &str = r#"{"table": "objects", "id": "object_id", "json": "doc", "json_valid": true, "columns": {
    "status": {"column": "status", "type": "string", "collation": "binary"},
    "title": {"column": "title", "type": "string"},
    "year": {"column": "year", "type": "integer"},
    "score": {"column": "score", "type": "number"},
    "tags": {"table": "object_tags", "key": "object_id", "column": "tag", "type": "string"}}}"#;

fn database() -> Sqlite {
    let mut database = Sqlite::text();
    database.batch(TABLES);
    database.batch(FOLDED);
    let (mut objects, mut tags) = (Vec::new(), Vec::new());
    for id in 0..3_000_i64 {
        let document = json!({"sku": format!("sku{id}"), "a": {"b": id}}).to_string();
        let (status, title) = (format!("s{id}"), format!("Title {id}"));
        objects.push(vec![id.into(), document.into(), status.into(), title.into(), id.into(), (id as f64).into()]);
        tags.push(vec![id.into(), format!("t{id}").into()]);
    }
    database.insert("INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?)", &objects);
    database.insert("INSERT INTO object_tags VALUES (?, ?)", &tags);
    database.batch("ANALYZE");
    database
}

fn plan(database: &mut Sqlite, schema: &Schema, filter: &str) -> String {
    plan_with(database, MAPPING, schema, filter)
}

fn plan_with(database: &mut Sqlite, mapping: &str, schema: &Schema, filter: &str) -> String {
    let predicate = schema.check(&parse::json(filter).unwrap()).unwrap();
    let mapping = Mapping::from_json(mapping).unwrap();
    let (sql, values) = lower(&database.sql(mapping), &predicate).unwrap().into_exact().unwrap().where_clause();
    // All columns, so that no index serves by holding what is selected.
    database.explain((format!("SELECT * FROM objects WHERE {sql}"), values))
}

#[test]
fn an_index_serves_single_field_filters() {
    let mut database = database();
    let single = Schema::new([Field::new("sku", Type::Any).single(), Field::new("a.b", Type::Any).single()]).unwrap();
    let many: Vec<String> = (0..100).map(|at| format!("\"s{at}\"")).collect();
    let long_list = format!(r#"{{"field": "status", "operator": "in", "value": [{}]}}"#, many.join(","));
    for (filter, index) in [
        (r#"{"status": "s5"}"#, "by_status"),
        (r#"{"field": "status", "operator": "in", "value": ["s5", "s6", 7]}"#, "by_status"),
        (&long_list, "by_status"),
        (r#"{"field": "status", "operator": "gt", "value": "s9"}"#, "by_status"),
        (r#"{"field": "status", "operator": "starts_with", "value": "s29"}"#, "by_status"),
        (r#"{"NOT": [{"field": "status", "operator": "lt", "value": "s9"}]}"#, "by_status"),
        (r#"{"status": null}"#, "by_status"),
        // Without the promise that it is binary.
        (r#"{"title": "Title 5"}"#, "by_title"),
        (r#"{"field": "title", "operator": "starts_with", "value": "Title 29"}"#, "by_title"),
        (r#"{"field": "title", "value": "tITLE 5", "case_sensitive": false}"#, "by_title_folded"),
        (
            r#"{"field": "title", "operator": "starts_with", "value": "tITLE 29", "case_sensitive": false}"#,
            "by_title_folded",
        ),
        (r#"{"field": "status", "operator": "starts_with", "value": "éa", "case_sensitive": false}"#, "by_status"),
        (r#"{"field": "status", "value": "ß55", "case_sensitive": false}"#, "by_status"),
        (r#"{"year": 1999}"#, "by_year"),
        (r#"{"field": "year", "operator": "gt", "value": 2990.5}"#, "by_year"),
        (r#"{"NOT": [{"field": "year", "operator": "gt", "value": 10}]}"#, "by_year"),
        (r#"{"field": "score", "operator": "lte", "value": 10}"#, "by_score"),
        (r#"{"tags": "t5"}"#, "by_tag"),
        (r#"{"field": "tags", "operator": "starts_with", "value": "t29"}"#, "by_tag"),
        // A NOT does not hide what stands beside it.
        (r#"{"status": "s5", "NOT": [{"field": "year", "operator": "eq", "value": 3}, {"tags": "x"}]}"#, "by_status"),
        (r#"{"OR": [{"status": "s5"}, {"year": 3}, {"tags": "t9"}]}"#, "by_year"),
        (r#"{"sku": "sku5"}"#, "by_sku"),
        (r#"{"field": "sku", "operator": "in", "value": ["sku5", "sku6"]}"#, "by_sku"),
        (r#"{"field": "sku", "operator": "starts_with", "value": "sku29"}"#, "by_sku"),
        (r#"{"a.b": 5}"#, "by_deep"),
        (r#"{"field": "a.b", "operator": "gt", "value": 2990}"#, "by_deep"),
        (r#"{"field": "sku", "operator": "exists", "value": false}"#, "by_sku_type"),
        (r#"{"sku": null}"#, "by_sku_type"),
        (r#"{"sku": true}"#, "by_sku_type"),
        (r#"{"NOT": [{"field": "a.b", "operator": "gt", "value": 10}]}"#, "by_deep"),
    ] {
        let plan = plan(&mut database, &single, filter);
        assert!(
            plan.contains(&format!("INDEX {index} (")) || plan.contains(&format!("INDEX {index}\n")),
            "{filter}\n{plan}"
        );
        assert!(
            !plan.lines().any(|line| line.starts_with("SCAN objects") && !line.contains("INDEX")),
            "{filter}\n{plan}"
        );
    }
}

#[test]
fn without_a_folded_index_that_of_the_column_serves_its_spellings() {
    let mut database = database();
    let told = MAPPING.replace(r#""title", "type": "string""#, r#""title", "type": "string", "folded_index": true"#);
    let filter = r#"{"field": "title", "operator": "starts_with", "value": "tITLE 29", "case_sensitive": false}"#;
    let schema = Schema::open();
    assert!(plan_with(&mut database, &told, &schema, filter).contains("by_title_folded (<expr>>? AND <expr><?)"));
    database.batch("DROP INDEX by_title_folded");
    assert!(plan_with(&mut database, &told, &schema, filter).starts_with("SCAN objects"));
    let filter = r#"{"field": "status", "operator": "starts_with", "value": "S299", "case_sensitive": false}"#;
    assert!(plan_with(&mut database, &told, &schema, filter).contains("by_status (status>? AND status<?)"));
}

#[test]
fn a_column_that_is_never_null_needs_the_promise() {
    let mut database = database();
    database.batch("CREATE TABLE o (object_id INTEGER PRIMARY KEY, year INTEGER NOT NULL)");
    database.batch("INSERT INTO o SELECT object_id, year FROM objects; CREATE INDEX i ON o (year)");
    database.batch("DROP TABLE objects; ALTER TABLE o RENAME TO objects; ANALYZE");
    let filter = r#"{"NOT": [{"field": "year", "operator": "gt", "value": 10}]}"#;
    let required = Schema::new([Field::new("year", Type::Integer).required()]).unwrap();
    assert!(plan(&mut database, &required, filter).starts_with("SEARCH objects USING"));
}

#[test]
fn indexes_on_value_and_type_serve_fields_of_many_values() {
    let plan = plan(&mut database(), &Schema::open(), r#"{"sku": "sku5"}"#);
    assert!(plan.contains("by_sku (") && plan.contains("by_sku_type ("), "{plan}");
}
