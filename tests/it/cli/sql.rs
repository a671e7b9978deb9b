//! `sql`, `explain` on databases, and `compare`.

use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, params_from_iter};
use serde_json::{Value as Json, json};

use super::{run, run_with, write};

const MAPPING: &str = r#"{"table": "objects", "id": "object_id", "json": "doc", "columns": {
    "status": {"column": "status", "type": "string", "collation": "binary"},
    "tags": {"table": "object_tags", "key": "object_id", "column": "tag", "type": "string", "collation": "binary"}}}"#;

#[test]
fn sql_prints_the_text_and_then_its_values() {
    let dir = tempfile::tempdir().unwrap();
    let mapping = write(dir.path(), "mapping.json", MAPPING);
    let filter = r#"{"status": "it's", "NOT": [{"tags": "a\nb"}]}"#;
    let text = run(["sql", filter, "--dialect", "sqlite", "--mapping", &mapping]).ok();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].contains(r#""objects"."status" = ?"#) && lines[0].contains("IS NOT TRUE"), "{text}");
    let mut values = lines[1..].to_vec();
    values.sort_unstable();
    assert_eq!(values, [r#""a\nb""#, r#""it's""#]);

    let report = run(["sql", filter, "--dialect", "sqlite", "--mapping", &mapping, "--format", "json"]).json();
    assert_eq!(
        (&report["format_version"], &report["exact"], &report["residual"]),
        (&json!(1), &json!(true), &Json::Null)
    );
    assert_eq!(report["sql"], lines[0]);
    assert_eq!(report["values"].as_array().unwrap().len(), 2);
}

#[test]
fn postgres_has_numbered_places_and_arrays_as_one_value() {
    let filter = r#"{"a": "x", "field": "b", "operator": "in", "value": ["it's", 5]}"#;
    let filter = format!(r#"{{"AND": [{{"a": "x"}}, {}]}}"#, filter.replace(r#""a": "x", "#, ""));
    let report = run(["sql", &filter, "--dialect", "postgres", "--statement", "ids", "--format", "json"]).json();
    assert_eq!(
        report["sql"],
        r#"SELECT "documents"."id" FROM "documents" WHERE ("documents"."doc" @? $1::text::jsonpath AND "documents"."doc" @? $2::text::jsonpath)"#
    );
    assert_eq!(report["values"][1], r#"$ ? (@."b" == 5 || @."b" == "it's")"#);

    let dir = tempfile::tempdir().unwrap();
    let mapping = write(dir.path(), "mapping.json", MAPPING);
    let filter = r#"{"field": "status", "operator": "in", "value": ["a", "b"]}"#;
    let text = run(["sql", filter, "--dialect", "postgres", "--mapping", &mapping]).ok();
    assert_eq!(text, "\"objects\".\"status\" = ANY($1::text[])\n[\"a\",\"b\"]\n");

    let filter = r#"{"field": "n", "operator": "gt", "value": 9223372036854775808}"#;
    let explained = run(["explain", filter, "--backend", "postgres", "--format", "json"]).json();
    let leaf = &explained["leaves"][0];
    assert_eq!((&explained["backend"], &leaf["cover"]), (&json!("postgres"), &json!("superset")));
    assert!(leaf["reason"].as_str().unwrap().contains("shortest digits"), "{explained}");
    assert!(run(["sql", filter, "--dialect", "postgres"]).fails().contains("error[not_exact]"));
}

#[test]
fn mariadb_and_mysql_have_their_words_and_say_what_was_proved() {
    let dir = tempfile::tempdir().unwrap();
    let mapping = write(dir.path(), "mapping.json", MAPPING);
    let filter = r#"{"status": "it's"}"#;
    for dialect in ["mariadb", "mysql"] {
        let text = run(["sql", filter, "--dialect", dialect, "--mapping", &mapping, "--statement", "ids"]).ok();
        let wanted = "SELECT `objects`.`object_id` FROM `objects` WHERE `objects`.`status` = ?\n\"it's\"\n";
        assert_eq!(text, wanted);
    }
    let filter = r#"{"field": "a", "operator": "regex", "value": "x.*y"}"#;
    let explained = run(["explain", filter, "--backend", "mariadb", "--format", "json"]).json();
    assert_eq!((&explained["backend"], &explained["server"]), (&json!("mariadb"), &json!("MariaDB 10.11")));
    let leaf = &explained["leaves"][0];
    assert_eq!(leaf["cover"], "superset");
    assert!(leaf["reason"].as_str().unwrap().contains("gives up"), "{explained}");
    assert!(run(["explain", filter, "--backend", "mysql"]).ok().contains("MySQL 8.0.29, on which nothing was proved"));
    assert!(run(["sql", filter, "--dialect", "mysql"]).fails().contains("not_exact"));
}

#[test]
fn whole_statements_run() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("CREATE TABLE documents (id INTEGER PRIMARY KEY, doc)").unwrap();
    for (id, document) in [json!({"n": 5}), json!({"n": [1, 7.5]}), json!({"n": "7"})].iter().enumerate() {
        connection.execute("INSERT INTO documents VALUES (?, ?)", (id as i64, document.to_string())).unwrap();
    }
    let ask = |statement: &str| {
        let filter = r#"{"field": "n", "operator": "gt", "value": 4.5}"#;
        let report = run(["sql", filter, "--dialect", "sqlite", "--statement", statement, "--format=json"]).json();
        let sql = report["sql"].as_str().unwrap();
        assert!(!sql.contains(';'), "{sql}");
        let values = report["values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap());
        let mut prepared = connection.prepare(sql).unwrap();
        let rows = prepared.query_map(params_from_iter(values.map(ToSqlOutput::from)), |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect::<Vec<i64>>()
    };
    assert_eq!(ask("ids"), [0, 1]);
    assert_eq!(ask("count"), [2]);
    assert_eq!(ask("exists"), [1]);
}

#[test]
fn a_residual_is_an_error_unless_it_is_allowed() {
    let filter = r#"{"field": "a", "operator": "regex", "value": "\\bx\\b"}"#;
    let found = run(["sql", filter, "--dialect", "sqlite", "--format", "json"]).diagnostics();
    assert_eq!((&found[0]["code"], &found[0]["pointer"]), (&json!("not_exact"), &json!("")));
    let report = run(["sql", filter, "--dialect", "sqlite", "--allow-residual", "--format", "json"]).json();
    assert_eq!(report["exact"], false);
    assert!(report["residual"].to_string().contains("regex"), "{report}");
    assert!(report["sql"].as_str().unwrap().contains("GLOB"));
    let not = format!(r#"{{"NOT": [{filter}]}}"#);
    let report = run(["sql", &not, "--dialect", "sqlite", "--allow-residual", "--format", "json"]).json();
    assert_eq!(report["sql"], "TRUE");
    let text = run(["sql", filter, "--dialect", "sqlite", "--allow-residual"]);
    assert_eq!((text.code, text.out.lines().count()), (Some(0), 3));
    assert!(text.err.contains("left to recheck"), "{}", text.err);
}

#[test]
fn mistakes_in_a_mapping_name_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let bad = write(dir.path(), "bad.json", r#"{"table": "t", "id": "id", "colums": {}}"#);
    let columns = write(dir.path(), "columns.json", r#"{"table": "t", "id": "id"}"#);
    let sql = |mapping: &str| run(["sql", r#"{"a": 1}"#, "--dialect", "sqlite", "--mapping", mapping]).fails();
    assert!(sql(&bad).contains("bad.json") && sql(&bad).contains("unknown_key"), "{}", sql(&bad));
    assert!(sql(&columns).contains("unknown_field") && sql(&columns).contains("1:2"), "{}", sql(&columns));
    assert!(sql("/nowhere.json").contains("error[io]"));
    assert!(run(["explain", "{}", "--mapping", &columns]).fails().contains("error[usage]"));
}

#[test]
fn explain_says_what_a_database_cannot() {
    let filter = r#"{"a": 1, "b": {"type": "dynamic", "field": "x"}, "NOT": [{"field": "c", "operator": "regex", "value": "x.*y"}]}"#;
    let args = ["explain", filter, "--bind", r#"{"x": "hush"}"#, "--backend", "sqlite"];
    let report = run(args.iter().copied().chain(["--format", "json"])).json();
    assert_eq!(report["backend"], "sqlite");
    assert!(!report["pushed"].as_str().unwrap().contains("hush"));
    assert!(report["residual"].to_string().contains("regex"), "{report}");
    let covers: Vec<&Json> = report["leaves"].as_array().unwrap().iter().map(|leaf| &leaf["cover"]).collect();
    assert_eq!(covers.iter().filter(|cover| **cover == "exact").count(), 2, "{report}");
    assert!(run(args).ok().contains("residual: SQLite has no regular expressions"));
}

#[test]
fn compare_agrees_and_says_how() {
    let dir = tempfile::tempdir().unwrap();
    let data: String = (0..50)
        .map(|at| format!("{}\n", json!({"id": format!("d{at}"), "n": at % 7, "s": format!("x{at}y")})))
        .collect();
    let data = write(dir.path(), "data.ndjson", data);
    let filter = r#"{"AND": [{"field": "n", "operator": "gt", "value": 2}, {"field": "s", "operator": "regex", "value": "x1.*y"}]}"#;
    let report = run(["compare", filter, &data, "--format", "json"]).json();
    let count = &report["reference"]["count"];
    assert!(count.as_u64().unwrap() > 0);
    let backends = report["backends"].as_array().unwrap();
    let names: Vec<&Json> = backends.iter().map(|backend| &backend["name"]).collect();
    let all: &[&str] = if cfg!(feature = "tantivy") { &["memory", "sqlite", "tantivy"] } else { &["memory", "sqlite"] };
    assert_eq!(names, all);
    for backend in backends {
        assert_eq!((&backend["count"], &backend["missing"], &backend["extra"]), (count, &json!([]), &json!([])));
        assert!(backend["ms"].is_number());
    }
    assert_eq!((&backends[0]["exact"], &backends[1]["exact"]), (&json!(true), &json!(false)));
    let report = run(["compare", r#"{"n": 3}"#, &data, "--on", "sqlite", "--format=json"]).json();
    assert_eq!((&report["backends"][0]["name"], &report["backends"][0]["exact"]), (&json!("sqlite"), &json!(true)));
    assert!(run(["compare", filter, &data]).ok().contains("agrees"));
    let on_index = run(["compare", filter, &data, "--on", "tantivy", "--format", "json"]);
    if cfg!(feature = "tantivy") {
        let report = on_index.json();
        assert_eq!((&report["backends"][0]["count"], &report["backends"][0]["exact"]), (count, &json!(true)));
    } else {
        assert_eq!(on_index.diagnostics()[0]["code"], "unsupported");
    }
}

#[test]
fn compare_tells_which_documents_differ() {
    // SQLite ends a key at U+0000, so that these two are one to it.
    let data = "{\"id\": \"a\", \"x\": 1}\n\n{\"id\": \"b\", \"x\\u0000\": 1}\nbad\n";
    let args = ["compare", r#"{"x": 1}"#, "-", "--format", "json"];
    let by_line = run_with(data.as_bytes(), args);
    assert_eq!(by_line.code, Some(2), "{}", by_line.err);
    assert!(by_line.err.contains("-:4:"), "{}", by_line.err);
    let report: Json = serde_json::from_str(&by_line.out).unwrap();
    assert_eq!(report["backends"][1]["extra"], json!([3]));
    let good = data.trim_end_matches("bad\n");
    let by_id = run_with(good.as_bytes(), args.iter().copied().chain(["--id", "id"]));
    assert_eq!((by_id.code, &*by_id.err), (Some(1), ""));
    let report: Json = serde_json::from_str(&by_id.out).unwrap();
    assert_eq!(report["backends"][1]["extra"], json!(["b"]));
    assert_eq!(report["backends"][0]["extra"], json!([]));
    let text = run_with(good.as_bytes(), ["compare", r#"{"x": 1}"#, "-"]);
    assert!(text.out.contains("differs: 0 missing, 1 too many"), "{}", text.out);
}
