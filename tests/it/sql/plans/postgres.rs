//! The plans of Postgres.

use trommel::backend::sql::Mapping;
use trommel::{Field, Schema, Type, lower, parse};

use super::super::database::{Database, Postgres};

const TABLES: &str = r#"
    CREATE TEMP TABLE objects (object_id bigint PRIMARY KEY, doc jsonb NOT NULL, status text COLLATE "C", title text,
        year bigint, score double precision, seen timestamptz);
    INSERT INTO objects SELECT id,
        jsonb_build_object('sku', 'sku' || id, 'a', jsonb_build_object('b', id), 'l', jsonb_build_array('t' || id, id)),
        's' || id, 'Title ' || id, id, id, 'epoch'::timestamptz + id * interval '1 day'
        FROM generate_series(0, 19999) id;
    CREATE TEMP TABLE object_tags (object_id bigint NOT NULL, tag text);
    INSERT INTO object_tags SELECT id, 't' || id FROM generate_series(0, 19999) id;
    CREATE INDEX by_status ON objects (status);
    CREATE INDEX by_title ON objects (title);
    CREATE INDEX by_title_order ON objects (title COLLATE "C");
    CREATE INDEX by_year ON objects (year);
    CREATE INDEX by_score ON objects (score);
    CREATE INDEX by_seen ON objects (seen);
    CREATE INDEX by_tag ON object_tags (tag, object_id);
    CREATE INDEX by_path ON objects USING gin (doc jsonb_path_ops);
    CREATE INDEX by_deep ON objects ((doc -> 'a' -> 'b'));
    CREATE INDEX by_sku_order ON objects (((doc ->> 'sku') COLLATE "C"));
    ANALYZE objects; ANALYZE object_tags"#;

/// U+212A and U+017F fold to `k` and `s`.
const FOLDED: &str =
    "CREATE INDEX by_title_folded ON objects (lower(translate(title, '\u{212A}\u{17F}', 'ks') COLLATE \"C\"))";

const MAPPING: &str = r#"{"table": "objects", "id": "object_id", "json": "doc", "columns": {
    "status": {"column": "status", "type": "string", "collation": "binary"},
    "title": {"column": "title", "type": "string"},
    "year": {"column": "year", "type": "integer"},
    "score": {"column": "score", "type": "number"},
    "seen": {"column": "seen", "type": "datetime"},
    "tags": {"table": "object_tags", "key": "object_id", "column": "tag", "type": "string"}}}"#;

fn database() -> Option<Postgres> {
    let mut database = Postgres::connect()?;
    database.batch(TABLES);
    database.batch(FOLDED);
    Some(database)
}

fn plan(database: &mut Postgres, schema: &Schema, filter: &str) -> String {
    let predicate = schema.check(&parse::json(filter).unwrap()).unwrap();
    let mapping = Mapping::from_json(MAPPING).unwrap();
    let (sql, values) = lower(&database.sql(mapping), &predicate).unwrap().into_exact().unwrap().where_clause();
    database.explain((format!("SELECT * FROM objects WHERE {sql}"), values))
}

fn assert_uses(database: &mut Postgres, schema: &Schema, filter: &str, index: &str) {
    let plan = plan(database, schema, filter);
    let uses = plan.lines().any(|line| line.ends_with(index) || line.contains(&format!("{index} on ")));
    assert!(uses && !plan.contains("Seq Scan on objects"), "{filter}\n{plan}");
}

#[test]
fn an_index_serves_single_field_filters() {
    let Some(mut database) = database() else { return };
    let single = Schema::new([
        Field::new("sku", Type::Any).single(),
        Field::new("a.b", Type::Any).single(),
        Field::new("seen", Type::Datetime),
    ]);
    let (open, single) = (Schema::open(), single.unwrap());
    let many: Vec<String> = (0..100).map(|at| format!("\"s{at}\"")).collect();
    let long_list = format!(r#"{{"field": "status", "operator": "in", "value": [{}]}}"#, many.join(","));
    for (schema, filter, index) in [
        (&open, r#"{"status": "s5"}"#, "by_status"),
        (&open, r#"{"field": "status", "operator": "in", "value": ["s5", "s6", 7]}"#, "by_status"),
        (&open, &long_list, "by_status"),
        (&open, r#"{"field": "status", "operator": "gt", "value": "s9990"}"#, "by_status"),
        (&open, r#"{"field": "status", "operator": "starts_with", "value": "s199"}"#, "by_status"),
        (&open, r#"{"NOT": [{"field": "status", "operator": "lt", "value": "s9990"}]}"#, "by_status"),
        (&open, r#"{"status": null}"#, "by_status"),
        // Without the promise that it is binary.
        (&open, r#"{"field": "title", "operator": "starts_with", "value": "Title 1999"}"#, "by_title_order"),
        (&open, r#"{"field": "title", "operator": "gt", "value": "Title 9990"}"#, "by_title_order"),
        (&open, r#"{"field": "title", "value": "tITLE 5", "case_sensitive": false}"#, "by_title_folded"),
        (
            &open,
            r#"{"field": "title", "operator": "starts_with", "value": "tITLE 1999", "case_sensitive": false}"#,
            "by_title_folded",
        ),
        (&open, r#"{"field": "status", "value": "éa", "case_sensitive": false}"#, "by_status"),
        (
            &open,
            r#"{"field": "status", "operator": "starts_with", "value": "ß5", "case_sensitive": false}"#,
            "by_status",
        ),
        (&open, r#"{"year": 1999}"#, "by_year"),
        (&open, r#"{"field": "year", "operator": "gt", "value": 19990.5}"#, "by_year"),
        (&open, r#"{"NOT": [{"field": "year", "operator": "gt", "value": 10}]}"#, "by_year"),
        (&open, r#"{"field": "score", "operator": "lte", "value": 10}"#, "by_score"),
        (&open, r#"{"NOT": [{"field": "score", "operator": "gt", "value": 10}]}"#, "by_score"),
        (&single, r#"{"field": "seen", "operator": "lt", "value": "1970-01-09"}"#, "by_seen"),
        (&single, r#"{"seen": "1970-01-09T00:00:00Z"}"#, "by_seen"),
        (&open, r#"{"tags": "t5"}"#, "by_tag"),
        (&open, r#"{"field": "tags", "operator": "in", "value": ["t5", "t6"]}"#, "by_tag"),
        // A NOT does not hide what stands beside it.
        (
            &open,
            r#"{"status": "s5", "NOT": [{"field": "year", "operator": "eq", "value": 3}, {"tags": "x"}]}"#,
            "by_status",
        ),
        (&open, r#"{"OR": [{"status": "s5"}, {"year": 3}]}"#, "by_year"),
        (&open, r#"{"sku": "sku5"}"#, "by_path"),
        (&open, r#"{"a.b": 5}"#, "by_path"),
        (&open, r#"{"l": "t5"}"#, "by_path"),
        (&open, r#"{"field": "l", "operator": "in", "value": ["t5", 7]}"#, "by_path"),
        (&open, r#"{"sku": "sku5", "NOT": [{"l": "t9"}]}"#, "by_path"),
        (&open, r#"{"OR": [{"sku": "sku5"}, {"status": "s9"}]}"#, "by_path"),
        (&single, r#"{"a.b": 5}"#, "by_deep"),
        (&single, r#"{"field": "a.b", "operator": "in", "value": [5, 6]}"#, "by_deep"),
        (&single, r#"{"field": "a.b", "operator": "gt", "value": 19990}"#, "by_deep"),
        (&single, r#"{"NOT": [{"field": "a.b", "operator": "gt", "value": 10}]}"#, "by_deep"),
        (&single, r#"{"field": "a.b", "operator": "exists", "value": false}"#, "by_deep"),
        (&single, r#"{"a.b": null}"#, "by_deep"),
        (&single, r#"{"field": "sku", "operator": "starts_with", "value": "sku1999"}"#, "by_sku_order"),
        (&single, r#"{"field": "sku", "operator": "gt", "value": "sku9990"}"#, "by_sku_order"),
    ] {
        assert_uses(&mut database, schema, filter, index);
    }
}

#[test]
fn what_has_an_index_of_its_own_is_asked_for_nothing_beside_it() {
    let Some(mut database) = database() else { return };
    let single = Schema::new([Field::new("a.b", Type::Any).single()]).unwrap();
    let told = MAPPING.replace(r#""title", "type": "string""#, r#""title", "type": "string", "folded_index": true"#);
    let told = Mapping::from_json(&told).and_then(|mapping| mapping.indexed("a.b")).unwrap();
    let prefix = r#"{"field": "title", "operator": "starts_with", "value": "tITLE 1999", "case_sensitive": false}"#;
    for (filter, index) in [
        (r#"{"a.b": 5}"#, "by_deep"),
        (r#"{"field": "a.b", "operator": "in", "value": [5, "x", true]}"#, "by_deep"),
        (prefix, "by_title_folded"),
    ] {
        let predicate = single.check(&parse::json(filter).unwrap()).unwrap();
        let query = lower(&database.sql(told.clone()), &predicate).unwrap().into_exact().unwrap();
        let plan = database.explain(query.select_ids());
        let uses = plan.lines().any(|line| line.ends_with(index) || line.contains(&format!("{index} on ")));
        assert!(uses && !plan.contains("Filter"), "{filter}\n{plan}");
    }
}

#[test]
fn without_the_promise_equality_finds_an_index_of_either_collation() {
    let Some(mut database) = database() else { return };
    for index in ["by_title_order", "by_title"] {
        for filter in
            [r#"{"title": "Title 5"}"#, r#"{"field": "title", "operator": "in", "value": ["Title 5", "Title 6"]}"#]
        {
            assert_uses(&mut database, &Schema::open(), filter, index);
        }
        database.batch(&format!("DROP INDEX {index}"));
    }
}

#[test]
fn a_generated_column_stands_beside_the_exact_test() {
    let Some(mut database) = Postgres::connect() else { return };
    database.batch(
        "CREATE TEMP TABLE documents (id bigint PRIMARY KEY, doc jsonb, g text GENERATED ALWAYS AS (doc ->> 'sku') STORED);
        INSERT INTO documents SELECT id, jsonb_build_object('sku', 's' || id) FROM generate_series(10, 5000) id;
        INSERT INTO documents VALUES (1, '{\"sku\": 7}'), (2, '{\"sku\": \"7\"}'), (3, '{}'), (4, '{\"sku\": null}');
        CREATE INDEX by_g ON documents (g); ANALYZE documents",
    );
    let mapping = Mapping::default().generated("sku", "g", Type::String).unwrap();
    let single = Schema::new([Field::new("sku", Type::Any).single()]).unwrap();
    for (filter, wanted) in [
        (r#"{"sku": "s55"}"#, &[55][..]),
        (r#"{"sku": "7"}"#, &[2]),
        (r#"{"sku": 7}"#, &[1]),
        (r#"{"NOT": [{"field": "sku", "operator": "starts_with", "value": "s"}]}"#, &[1, 2, 3, 4]),
    ] {
        let predicate = single.check(&parse::json(filter).unwrap()).unwrap();
        let query = lower(&database.sql(mapping.clone()), &predicate).unwrap().into_exact().unwrap();
        let mut ids = database.ask(query.select_ids()).unwrap();
        ids.sort_unstable();
        assert_eq!(ids, wanted, "{filter}: {query}");
        let plan = database.explain(query.select_ids());
        let is_asked = !filter.contains("NOT") && filter.contains("\"sku\": \"");
        assert_eq!(plan.contains("by_g"), is_asked, "{filter}\n{plan}");
    }
}

#[test]
fn many_join_tables_are_planned_in_no_time() {
    let Some(mut database) = database() else { return };
    let tags: Vec<String> = (0..100).map(|at| format!(r#"{{"tags": "t{}"}}"#, at % 90 + at)).collect();
    let start = std::time::Instant::now();
    for group in ["AND", "OR", "NOT"] {
        plan(&mut database, &Schema::open(), &format!(r#"{{"{group}": [{}]}}"#, tags.join(",")));
    }
    // As joins, the AND alone takes three seconds, and twice as many conditions some sixty.
    assert!(start.elapsed().as_secs() < 2, "{:?}", start.elapsed());
}
