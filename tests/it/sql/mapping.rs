//! The mapping: what is refused, what its file says, and where a path leads.

use serde_json::json;
use trommel::backend::sql::{Column, Mapping};
use trommel::{Error, Field, Schema, Sql, Type, lower, parse};

fn where_clause(mapping: &Mapping, filter: &str) -> Result<String, Error> {
    where_clause_with(mapping, &Schema::open(), filter)
}

fn where_clause_with(mapping: &Mapping, schema: &Schema, filter: &str) -> Result<String, Error> {
    let predicate = schema.check(&parse::json(filter)?)?;
    Ok(lower(&Sql::sqlite(mapping.clone()), &predicate)?.into_exact()?.where_clause().0)
}

#[test]
fn what_is_no_mapping_is_refused_with_its_code() {
    for (file, code, words) in [
        (r#"{"table": "t"}"#, "missing_value", "`id`"),
        (r#"{"table": "t", "id": "id", "jsn": "doc"}"#, "unknown_key", "`jsn`"),
        (r#"{"table": "", "id": "id"}"#, "usage", "empty name"),
        (r#"{"table": "t", "id": "a\u0000"}"#, "usage", "U+0000"),
        (r#"{"table": "t", "id": "id", "json": ""}"#, "usage", "empty name"),
        (r#"{"table": "t", "id": "id", "columns": {"a": {"column": "a"}}}"#, "missing_value", "`type`"),
        (r#"{"table": "t", "id": "id", "columns": {"a": {"column": "a", "type": "text"}}}"#, "syntax", "`text`"),
        (
            r#"{"table": "t", "id": "id", "columns": {"a": {"column": "a", "type": "any"}}}"#,
            "usage",
            "one of the types",
        ),
        (r#"{"table": "t", "id": "id", "columns": {"a": {"column": "", "type": "string"}}}"#, "usage", "empty name"),
        (r#"{"table": "t", "id": "id", "columns": {"a..b": {"column": "a", "type": "string"}}}"#, "bad_path", "a..b"),
        (
            r#"{"table": "t", "id": "id", "columns": {"a": {"column": "a", "type": "string"}, "a": {"column": "b", "type": "string"}}}"#,
            "duplicate_key",
            "`a`",
        ),
        (
            r#"{"table": "t", "id": "id", "columns": {"a": {"column": "a", "type": "string"}, "\"a\"": {"column": "b", "type": "string"}}}"#,
            "duplicate_key",
            "mapped twice",
        ),
        (
            r#"{"table": "t", "id": "id", "columns": {"a": {"column": "a", "type": "string"}, "a.b": {"column": "b", "type": "string"}}}"#,
            "duplicate_key",
            "below",
        ),
        (
            r#"{"table": "t", "id": "id", "columns": {"a": {"table": "j", "column": "a", "type": "string"}}}"#,
            "usage",
            "no `key`",
        ),
        (
            r#"{"table": "t", "id": "id", "columns": {"a": {"key": "j", "column": "a", "type": "string"}}}"#,
            "usage",
            "no `table`",
        ),
        (
            r#"{"table": "t", "id": "id", "columns": {"a": {"column": "a", "type": "integer", "collation": "binary"}}}"#,
            "usage",
            "collation",
        ),
        (
            r#"{"table": "t", "id": "id", "columns": {"a": {"column": "a", "type": "string", "collation": "nocase"}}}"#,
            "syntax",
            "`nocase`",
        ),
        (
            r#"{"table": "t", "id": "id", "columns": {"a": {"column": "a", "type": "boolean", "length": 5}}}"#,
            "usage",
            "length",
        ),
        (
            r#"{"table": "t", "id": "id", "columns": {"a": {"column": "a", "type": "string", "null": "nil"}}}"#,
            "syntax",
            "`nil`",
        ),
        (r#"{"table": "t", "id": "id", "generated": {"a": {"column": "a", "typ": "string"}}}"#, "unknown_key", "`typ`"),
        (
            r#"{"table": "t", "id": "id", "generated": {"a": {"column": "a", "type": "any"}}}"#,
            "usage",
            "one of the types",
        ),
        (
            r#"{"table": "t", "id": "id", "columns": {"a": {"column": "a", "type": "number", "folded_index": true}}}"#,
            "usage",
            "folded index",
        ),
        (r#"{"table": "t", "id": "id", "indexed": ["a..b"]}"#, "bad_path", "a..b"),
        (
            r#"{"table": "t", "id": "id", "generated": {"a": {"column": "a", "type": "number", "collation": "binary"}}}"#,
            "usage",
            "collation",
        ),
        ("[]", "syntax", "expected an object"),
    ] {
        let error = Mapping::from_json(file).expect_err(file);
        assert_eq!(error.code().as_str(), code, "{file}: {error}");
        assert!(error.to_string().contains(words), "{file}: {error}");
    }
}

#[test]
fn a_generated_column_is_of_the_table_itself() {
    let joined = Column::in_table("j", "id", "a", Type::String);
    let error = Mapping::default().generated_column("a", joined).unwrap_err();
    assert!(error.to_string().contains("in a join table"), "{error}");
}

#[test]
fn the_file_says_what_the_mapping_is() {
    let file = json!({
        "table": "objects", "id": "object_id", "json": "doc", "json_valid": true,
        "columns": {
            "status": {"column": "status", "type": "string", "collation": "binary", "folded_index": true, "length": 20},
            "deleted": {"column": "deleted", "type": "boolean", "null": "null"},
            "tags": {"table": "object_tags", "key": "object_id", "column": "tag", "type": "string"}
        },
        "generated": {
            "a.b": {"column": "g_b", "type": "number", "exact": true},
            "sku": {"column": "g_sku", "type": "string", "collation": "binary"}
        },
        "indexed": ["sku", "a.b"]
    });
    let mapping = Mapping::from_json(&file.to_string()).unwrap();
    assert_eq!(serde_json::to_value(&mapping).unwrap(), file);
    let built = Mapping::new("objects", "object_id")
        .and_then(|mapping| mapping.json("doc"))
        .map(Mapping::json_valid)
        .and_then(|mapping| mapping.column("deleted", Column::new("deleted", Type::Boolean).null_is_null()))
        .and_then(|mapping| {
            mapping.column("status", Column::new("status", Type::String).binary().folded_index().length(20))
        })
        .and_then(|mapping| mapping.column("tags", Column::in_table("object_tags", "object_id", "tag", Type::String)))
        .and_then(|mapping| mapping.generated_column("a.b", Column::new("g_b", Type::Number).exact()))
        .and_then(|mapping| mapping.generated_column("sku", Column::new("g_sku", Type::String).binary()))
        .and_then(|mapping| mapping.indexed("sku"))
        .and_then(|mapping| mapping.indexed("a.b"));
    assert_eq!(built.unwrap(), mapping);
    let default = Mapping::from_json(r#"{"table": "documents", "id": "id", "json": "doc"}"#).unwrap();
    assert_eq!(default, Mapping::default());
}

#[test]
fn a_path_leads_to_a_column_below_one_or_to_the_json() {
    let text = r#"{"table": "t", "id": "id", "columns": {"a.b": {"column": "ab", "type": "integer", "null": "null"}}}"#;
    let columns = Mapping::from_json(text).unwrap();
    assert_eq!(where_clause(&columns, r#"{"a.b": 5}"#).unwrap(), r#""t"."ab" = ?"#);
    // Q2: a scalar has no members.
    assert_eq!(where_clause(&columns, r#"{"a.b.c": 5}"#).unwrap(), "FALSE");
    assert_eq!(where_clause(&columns, r#"{"a.b.c": null}"#).unwrap(), "TRUE");
    // Q1: NULL is a null that is there.
    assert_eq!(where_clause(&columns, r#"{"field": "a.b", "operator": "exists"}"#).unwrap(), "TRUE");
    assert_eq!(where_clause(&columns, r#"{"a.b": "5"}"#).unwrap(), "FALSE");
    for (filter, words) in
        [(r#"{"a": 5}"#, "as a whole"), (r#"{"c": 5}"#, "no column for `c`"), (r#"{"a.x": 5}"#, "`a.x`")]
    {
        let error = where_clause(&columns, filter).unwrap_err();
        assert_eq!(error.code().as_str(), "unknown_field", "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(
            error.diagnostics()[0].place.pointer.as_deref().unwrap_or("none"),
            format!("/{}", &filter[2..filter.find(':').unwrap() - 1])
        );
    }
    let mixed = columns.json("doc").unwrap();
    assert!(where_clause(&mixed, r#"{"a": 5}"#).unwrap().contains("json_extract"));
    assert!(where_clause(&mixed, r#"{"a.bb": 5}"#).unwrap().contains("json_extract"));
    assert_eq!(where_clause(&mixed, r#"{"a.b": 5}"#).unwrap(), r#""t"."ab" = ?"#);
}

#[test]
fn a_datetime_column_needs_a_datetime_field() {
    let mapping = Mapping::new("t", "id").and_then(|mapping| mapping.column("at", Column::new("at", Type::Datetime)));
    let mapping = mapping.unwrap();
    let filter = r#"{"field": "at", "operator": "gt", "value": "2024-01-01T00:00:00Z"}"#;
    assert_eq!(where_clause(&mapping, filter).unwrap_err().code().as_str(), "operand_type");
    let schema = Schema::new([Field::new("at", Type::Datetime)]).unwrap();
    assert!(where_clause_with(&mapping, &schema, filter).unwrap().contains("strftime"));
    assert_eq!(where_clause(&mapping, r#"{"at": null}"#).unwrap(), r#""t"."at" IS NULL"#);
}

#[test]
fn names_are_quoted() {
    let mapping = Mapping::new("a\"b", "i`d\\")
        .and_then(|mapping| mapping.column("x", Column::in_table("j'; --", "k\"", "?$1", Type::String).binary()));
    let mapping = mapping.unwrap();
    let text = where_clause(&mapping, r#"{"x": "v"}"#).unwrap();
    let wanted = r#""a""b"."i`d\" IN (SELECT "j'; --"."k""" FROM "j'; --" WHERE "j'; --"."?$1" = ?)"#;
    assert_eq!(text, wanted);
}
