//! `trommel schema`.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value as Json, json};

use super::{run, run_with, write};

const ORDERS: &[u8] = b"\xef\xbb\xbf{\"id\":1,\"tags\":[\"new\"],\"seen\":\"2024-03-01T12:00:00Z\"}\n\n\
                        {\"id\":2.5,\"seen\":null,\"a.b\":true}";

fn read(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_schema_is_inferred_from_all_files() {
    let dir = tempfile::tempdir().unwrap();
    let plain = write(dir.path(), "plain", ORDERS);
    let inferred = run(["schema", "infer", &plain]).ok();
    let wanted = json!({"closed": false, "comment": "inferred from 2 documents", "fields": {
        "id": {"type": "number", "many": false, "optional": false, "comment": "such as 1, 2.5"},
        "tags": {"type": "string", "many": true, "optional": true, "comment": "such as \"new\""},
        "seen": {"type": "datetime", "many": false, "optional": true, "comment": "such as \"2024-03-01T12:00:00Z\""},
        "\"a.b\"": {"type": "boolean", "many": false, "optional": true, "comment": "such as true"},
    }});
    assert_eq!(read(&inferred), wanted);
    assert!(
        inferred.starts_with("{\n  \"closed\": false,\n  \"fields\": {\n") && inferred.ends_with("}\n"),
        "{inferred}"
    );
    for args in [&["schema", "infer"][..], &["schema", "infer", "-"], &["schema", "infer", "--format", "json"]] {
        assert_eq!(run_with(ORDERS, args).ok(), inferred, "{args:?}");
    }

    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(ORDERS).unwrap();
    let gzip = write(dir.path(), "gzip", gzip.finish().unwrap());
    assert_eq!(run(["schema", "infer", &gzip]).ok(), inferred);
    let zstd = write(dir.path(), "zstd", zstd::encode_all(ORDERS, 1).unwrap());
    let both = read(&run(["schema", "infer", &zstd, &gzip]).ok());
    assert_eq!(both["comment"], "inferred from 4 documents");
    assert_eq!(both["fields"], wanted["fields"]);
}

#[test]
fn what_is_inferred_is_kept_by_the_documents() {
    let dir = tempfile::tempdir().unwrap();
    let orders = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/orders.ndjson");
    let schema = write(dir.path(), "schema.json", run(["schema", "infer", orders]).ok());
    assert_eq!(run(["schema", "check", &schema, orders]).ok(), "");
    assert_eq!(run(["grep", "-c", "{}", orders, "--schema", &schema]).ok(), run(["grep", "-c", "{}", orders]).ok());
    let written = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/orders.schema.json");
    assert_eq!(run(["schema", "check", written, orders]).ok(), "");
}

#[test]
fn documents_that_break_promises_are_told_by_line() {
    let dir = tempfile::tempdir().unwrap();
    let fields = json!({"id": {"many": false, "optional": false}, "a.b": {"many": false}});
    let schema = write(dir.path(), "schema.json", json!({"fields": fields}).to_string());
    let good = write(dir.path(), "good", "{\"id\":1}\n\n{\"id\":\"x\",\"a\":{\"b\":{}}}\n");
    let bad = write(dir.path(), "bad", "{\"id\":1}\n\n{\"id\":[null],\"a\":[]}\n{\"id\":0}\n{}\n");

    assert_eq!(run(["schema", "check", &schema, &good]).ok(), "");
    let found = run(["schema", "check", &schema, &good, &bad]);
    let wanted = format!(
        "{bad}:3: `a.b` lies below the array `a`, and `many` is false; `id` is an array, and `many` is false; \
         `id` is null, and `optional` is false\n{bad}:5: `id` is missing, and `optional` is false\n"
    );
    assert_eq!((found.code, &*found.out, &*found.err), (Some(1), &*wanted, ""));

    let found = run(["schema", "check", &schema, &bad, "--format", "json"]);
    let lines: Vec<Json> = found.out.lines().map(read).collect();
    let first = json!([
        {"field": "a.b", "found": {"array": "a"}}, {"field": "id", "found": {"array": "id"}}, {"field": "id", "found": "null"},
    ]);
    let wanted = [
        json!({"file": bad, "line": 3, "broken": first}),
        json!({"file": bad, "line": 5, "broken": [{"field": "id", "found": "missing"}]}),
    ];
    assert_eq!((found.code, &*lines, &*found.err), (Some(1), &wanted[..], ""));

    // Standard input: the documents, or the schema.
    let stdin = std::fs::read(&bad).unwrap();
    for args in [&["schema", "check", &schema][..], &["schema", "check", &schema, "-"]] {
        let found = run_with(&stdin, args);
        assert!(found.code == Some(1) && found.out.starts_with("-:3: "), "{args:?}: {}", found.out);
    }
    let text = std::fs::read(&schema).unwrap();
    assert_eq!(run_with(&text, ["schema", "check", "-", &good]).ok(), "");
    assert_eq!(run_with(&text, ["schema", "check", "-"]).ok(), "");
    assert!(run_with(&text, ["schema", "check", "-", "-"]).fails().contains("error[usage]"));
}

#[test]
fn bad_lines_and_files_are_errors_and_the_rest_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let data = write(dir.path(), "data", "{\"a\":1}\n[1]\n{\"a\":1e400}\n{\"a\":[2]}\n");
    let found = run(["schema", "infer", "nowhere", &data]);
    assert_eq!(found.code, Some(2));
    assert_eq!(read(&found.out)["fields"]["a"]["many"], true);
    assert_eq!(read(&found.out)["comment"], "inferred from 2 documents");
    let wanted = format!("{data}:2: a list, not an object\n{data}:3: number out of range at column 10\n");
    assert!(found.err.contains("error[io]: cannot read `nowhere`") && found.err.ends_with(&wanted), "{}", found.err);

    let schema = write(dir.path(), "schema.json", r#"{"fields": {"a": {"many": false}}}"#);
    let found = run(["schema", "check", &schema, &data]);
    assert_eq!(found.code, Some(2), "an error, whatever was found");
    assert_eq!(found.out, format!("{data}:4: `a` is an array, and `many` is false\n"));

    let many = "x\n".repeat(13);
    let found = run_with(many.as_bytes(), ["schema", "infer"]);
    assert_eq!(found.code, Some(2));
    assert!(found.err.lines().count() == 11 && found.err.ends_with("and 3 more bad lines\n"), "{}", found.err);

    let found = run(["schema", "infer", "nowhere", "--format", "json"]);
    assert_eq!((found.code, &read(&found.err)["diagnostics"][0]["code"]), (Some(2), &json!("io")));
}

#[test]
fn a_bad_schema_is_an_error_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let cases = [
        ("{\n\"fields\": {\"a\": {\"typ\": \"integer\"}}}", "unknown_key"),
        (r#"{"fields": {"a": {}, "a": {}}}"#, "duplicate_key"),
        (r#"{"fields": {"a..b": {}}}"#, "bad_path"),
        (r#"{"fields": {"a": {"type": "boolean", "operators": ["gt"]}}}"#, "operator_not_allowed"),
        ("{", "syntax"),
    ];
    for (text, code) in cases {
        let file = write(dir.path(), "schema.json", text);
        for args in
            [&["schema", "export", &file][..], &["schema", "check", &file], &["schema", "check", &file, "nowhere"]]
        {
            let err = run(args).fails();
            assert!(err.contains(&format!("error[{code}]: in the schema `{file}`: ")), "{err}");
            let found = run(args.iter().chain(&["--format", "json"])).diagnostics();
            assert_eq!(found[0]["code"], code);
        }
    }
    let file = write(dir.path(), "schema.json", cases[0].0);
    assert!(run(["schema", "check", &file]).fails().starts_with("2:"), "its place");
    assert!(run(["schema", "export", "nowhere"]).fails().contains("error[io]"));
    for args in [&["schema"][..], &["schema", "export"], &["schema", "check"], &["schema", "guess"]] {
        assert!(!run(args).fails().is_empty(), "{args:?}");
    }
}

#[test]
fn a_schema_is_exported() {
    let text = br#"{"closed": true, "fields": {"year": {"type": "integer"}}}"#;
    let exported = run_with(text, ["schema", "export", "-"]).ok();
    assert!(exported.starts_with("{\n  \"$defs\": {\n") && exported.ends_with("}\n"), "{exported}");
    let validator = jsonschema::draft202012::new(&read(&exported)).unwrap();
    assert!(validator.is_valid(&json!({"OR": [{"year": 1999}, {"field": "year", "operator": ">", "value": 2001}]})));
    assert!(!validator.is_valid(&json!({"yaer": 1999})) && !validator.is_valid(&json!({"year": "1999"})));
    let inferred = run_with(ORDERS, ["schema", "infer"]).ok();
    assert!(run_with(inferred.as_bytes(), ["schema", "export", "-"]).ok().contains("such as 1, 2.5"));
}
