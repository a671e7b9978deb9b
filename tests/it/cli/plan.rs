//! `store`, `plan`, `trigger`, `batch` and `task`.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::{run, run_with, write};

const CATALOG: &str = r#"{"buckets": [{"bucket_id": "bkt_a", "name": "photos", "unique_key": {"fields": ["sku"]}}, {"bucket_id": "bkt_b", "name": "scans"}],
 "collections": [{"collection_id": "col_a", "name": "frames", "source": {"type": "bucket", "bucket_ids": ["bkt_a", "bkt_b"]}},
                 {"collection_id": "col_b", "name": "faces", "source": {"type": "collection", "collection_ids": ["col_a"]}}]}"#;

/// A store with two objects in each bucket.
fn store(dir: &Path) -> String {
    let file = dir.join("s.trm").to_str().unwrap().to_owned();
    assert!(run(["store", "init", &file]).ok().contains("made"));
    let catalog = write(dir, "catalog.json", CATALOG);
    let applied = run(["store", "apply", &file, "--namespace", "shop", &catalog, "--format", "json"]).json();
    assert_eq!((&applied["buckets"], &applied["collections"]), (&json!(2), &json!(2)));
    for bucket in ["photos", "bkt_b"] {
        let lines = format!(
            "{{\"object_id\": \"{bucket}1\", \"n\": 1, \"sku\": 1}}\n\n{{\"object_id\": \"{bucket}2\", \"n\": 2}}\n"
        );
        let report = run_with(
            lines.as_bytes(),
            ["store", "import", &file, "--namespace", "shop", "--bucket", bucket, "--format", "json"],
        )
        .json();
        assert_eq!(report, json!({"format_version": 1, "added": 2, "replaced": 0, "bad_lines": 0}));
    }
    file
}

fn plan(file: &str, more: &[&str]) -> super::Run {
    let args = ["plan", "frames", "--store", file, "--namespace", "shop"];
    run(args.iter().chain(more))
}

fn keys(json: &Json) -> Vec<&str> {
    json.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_plan_as_text_json_and_diagram() {
    let dir = tempfile::tempdir().unwrap();
    let file = store(dir.path());
    let body = r#"{"source_filters": {"n": 1}}"#;
    let text = plan(&file, &["--request", body]).ok();
    for wanted in [
        "sources: 2 objects",
        "├─ photos  1  upserted by sku",
        "└─ scans",
        "source_filters: n = 1",
        "tiers: 2",
        "may_duplicate",
    ] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
    let json = plan(&file, &["--request", body, "--format", "json"]).json();
    assert_eq!(json["format_version"], 1);
    assert_eq!(json["sources"][0]["count"], json!({"kind": "exact", "n": 1}));
    assert_eq!(json["tiers"][1]["collections"][0]["id"], "col_b");
    assert_eq!((&json["filter"], &json["filter_parts"]["source_filters"]), (&json!({"n": 1}), &json!({"n": 1})));
    let source = keys(&json["sources"][0]);
    assert_eq!(source, ["count", "id", "name", "reason", "unique_key", "would_duplicate", "would_overwrite"]);
    assert!(plan(&file, &["--format", "mermaid"]).ok().starts_with("flowchart"));
    assert!(run(["check", "{}", "--format", "mermaid"]).fails().contains("`--format mermaid` is for `plan`"));
    // From standard input, and from a file.
    assert_eq!(
        run_with(body.as_bytes(), ["plan", "frames", "--store", &file, "--namespace", "shop", "--request", "-"]).ok(),
        text
    );
    let at = format!("@{}", write(dir.path(), "body.json", body));
    assert_eq!(plan(&file, &["--request", &at]).ok(), text);
    // A dynamic value.
    let dynamic = r#"{"source_filters": {"n": {"type": "dynamic", "field": "v"}}}"#;
    assert!(plan(&file, &["--request", dynamic]).fails().contains("error[unbound]"));
    let bound = plan(&file, &["--request", dynamic, "--bind", r#"{"v": 1}"#, "--format", "json"]).json();
    assert_eq!(bound["total"]["n"], 2);
}

#[test]
fn an_empty_plan_can_be_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let file = store(dir.path());
    let nothing = r#"{"source_filters": {"n": 3}}"#;
    assert!(plan(&file, &["--request", nothing]).ok().contains("nothing_selected"));
    let failed = plan(&file, &["--request", nothing, "--fail-empty"]);
    assert_eq!((failed.code, &*failed.err), (Some(1), ""));
    assert_eq!(plan(&file, &["--fail-empty"]).code, Some(0));
    let none = plan(&file, &["--fail-empty", "--request", r#"{"include_buckets": []}"#]);
    assert_eq!(none.code, Some(1));
}

#[test]
fn a_trigger_answers_with_the_fields_of_the_api() {
    let dir = tempfile::tempdir().unwrap();
    let file = store(dir.path());
    let args = [
        "trigger",
        "frames",
        "--store",
        &file,
        "--namespace",
        "shop",
        "--request",
        r#"{"object_ids": ["photos1", "x"]}"#,
    ];
    let response = run(args).json();
    assert_eq!(
        keys(&response),
        [
            "batch_id",
            "collection_id",
            "document_count",
            "message",
            "object_count",
            "source_bucket_ids",
            "source_collection_ids",
            "task_id",
            "total_tiers",
        ]
    );
    assert_eq!((&response["object_count"], &response["document_count"]), (&json!(1), &Json::Null));
    assert_eq!((&response["total_tiers"], &response["collection_id"]), (&json!(2), &json!("col_a")));
    let batch = run(["batch", response["batch_id"].as_str().unwrap(), "--store", &file, "--format", "json"]).json();
    let task = run(["task", response["task_id"].as_str().unwrap(), "--store", &file, "--format", "json"]).json();
    assert_eq!(batch, task);
    assert_eq!((&batch["status"], &batch["tiers"]), (&json!("queued"), &json!([["col_a"], ["col_b"]])));
    assert_eq!((&batch["object_count"], &batch["document_count"]), (&json!(1), &Json::Null));
    assert!(run(["batch", "btch_x", "--store", &file]).fails().contains("error[not_found]"));
}

#[test]
fn a_saved_plan_is_triggered_until_something_has_changed() {
    let dir = tempfile::tempdir().unwrap();
    let file = store(dir.path());
    let saved = dir.path().join("plan.json").to_str().unwrap().to_owned();
    let body = r#"{"source_filters": {"n": 1}}"#;
    plan(&file, &["--request", body, "--out", &saved]).ok();
    let trigger = |collection: &str, more: &[&str]| {
        let args = ["trigger", collection, "--store", &file, "--namespace", "shop", "--plan", &saved];
        run(args.iter().chain(more))
    };
    assert_eq!(trigger("frames", &[]).json()["object_count"], 2);
    assert!(trigger("faces", &[]).fails().contains("error[usage]"));
    assert_eq!(trigger("frames", &["--request", body]).code, Some(2));
    run_with(b"{\"object_id\": \"new\"}", ["store", "import", &file, "--namespace", "shop", "--bucket", "scans"]).ok();
    let stale = trigger("frames", &["--format", "json"]).fails();
    let envelope: Json = serde_json::from_str(&stale).unwrap();
    assert_eq!((&envelope["success"], &envelope["status"]), (&json!(false), &json!(409)));
    assert_eq!(envelope["error"]["type"], "stale_plan");
    assert_eq!(envelope["error"]["details"]["diagnostics"][0]["expected"], json!(["the bucket `bkt_b`"]));
    std::fs::write(&saved, "{}").unwrap();
    assert!(trigger("frames", &[]).fails().contains("in the plan"));
}

#[test]
fn mistakes_are_one_clear_error_and_the_envelope() {
    let dir = tempfile::tempdir().unwrap();
    let file = store(dir.path());
    let of = |args: &[&str]| -> Json {
        let text = run(args.iter().chain(&["--format", "json"])).fails();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
    };
    let planned = |collection: &str, store: &str, namespace: &str, body: &str| {
        of(&["plan", collection, "--store", store, "--namespace", namespace, "--request", body])
    };
    let missing = dir.path().join("nothing").to_str().unwrap().to_owned();
    for (envelope, status, kind) in [
        (planned("frame", &file, "shop", "{}"), 404, "not_found"),
        (planned("frames", &file, "shoop", "{}"), 404, "not_found"),
        (planned("frames", &missing, "shop", "{}"), 500, "io"),
        (planned("frames", &file, "shop", r#"{"object_id": []}"#), 400, "unknown_key"),
        (planned("frames", &file, "shop", r#"{"include_collections": []}"#), 400, "wrong_source_kind"),
        (
            planned("frames", &file, "shop", r#"{"source_filters": {"field": "a", "operator": "gt", "value": true}}"#),
            400,
            "operand_type",
        ),
        (planned("frames", &file, "shop", "@nowhere.json"), 500, "io"),
        (of(&["trigger", "frame", "--store", &file, "--namespace", "shop"]), 404, "not_found"),
        (of(&["plan", "frames", "--store", &file]), 400, "usage"),
    ] {
        assert_eq!(
            (&envelope["success"], &envelope["status"], &envelope["error"]["type"]),
            (&json!(false), &json!(status), &json!(kind)),
            "{envelope}"
        );
        assert!(!envelope["error"]["message"].as_str().unwrap().is_empty());
        assert!(!envelope["error"]["details"]["diagnostics"].as_array().unwrap().is_empty());
    }
    let drawn = plan(&file, &["--request", r#"{"source_filters": {"a": [1]}}"#]).fails();
    assert!(drawn.starts_with("1:26: error[operand_type]"), "{drawn}");
}

#[test]
fn bad_lines_are_reported_and_the_good_ones_stay() {
    let dir = tempfile::tempdir().unwrap();
    let file = store(dir.path());
    let lines = write(
        dir.path(),
        "lines",
        "{\"object_id\": \"a\"}\n{\"object_id\": 5}\nnonsense\n{\"object_id\": \"photos1\"}\n{\"object_id\": \"b\"}",
    );
    let import = |more: &[&str]| {
        let args = ["store", "import", &file, "--namespace", "shop", "--bucket", "scans", &lines, "--format", "json"];
        run(args.iter().chain(more))
    };
    let strict = import(&["--strict"]);
    assert_eq!(strict.code, Some(2));
    assert_eq!(serde_json::from_str::<Json>(&strict.out).unwrap()["added"], 0);
    let done = import(&[]);
    assert_eq!(done.code, Some(2));
    assert_eq!(
        serde_json::from_str::<Json>(&done.out).unwrap(),
        json!({"format_version": 1, "added": 2, "replaced": 0, "bad_lines": 3})
    );
    for (line, reason) in [(2, "its `object_id` is no string"), (3, "expected"), (4, "in the bucket `photos`")] {
        let report = done.err.lines().find(|report| report.starts_with(&format!("{lines}:{line}: "))).unwrap();
        assert!(report.contains(reason), "{report}");
    }
    let stats = run(["store", "stats", &file, "--format", "json"]).json();
    assert_eq!(stats["namespaces"][0]["buckets"][1]["members"], 4);
    assert_eq!(run(["store", "import", &file, "--namespace", "shop", &lines]).code, Some(2));
    let both = run(["store", "import", &file, "--namespace", "shop", "--bucket", "a", "--collection", "b", &lines]);
    assert_eq!(both.code, Some(2));
}

#[test]
fn the_demo_has_what_it_promises() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("demo.trm").to_str().unwrap().to_owned();
    assert!(run(["store", "demo", &file]).ok().contains("photos"));
    let stats = run(["store", "stats", &file, "--format", "json"]).json();
    let demo = &stats["namespaces"][0];
    let sum =
        |key: &str| demo[key].as_array().unwrap().iter().map(|table| table["members"].as_u64().unwrap()).sum::<u64>();
    assert!(demo["buckets"].as_array().unwrap().len() >= 5 && demo["collections"].as_array().unwrap().len() >= 12);
    assert!(sum("buckets") + sum("collections") >= 20_000);
    let plan = run(["plan", "frames", "--store", &file, "--namespace", "demo", "--format", "json"]).json();
    assert_eq!((&plan["total_tiers"], plan["skipped"].as_array().unwrap().len()), (&json!(4), 2));
    let has_key = |name: &str| {
        let source = plan["sources"].as_array().unwrap().iter().find(|source| source["name"] == name).unwrap();
        !source["unique_key"].is_null()
    };
    assert!(has_key("photos") && !has_key("scans"));
    let diamond =
        plan["tiers"][2]["collections"].as_array().unwrap().iter().find(|found| found["name"] == "stories").unwrap();
    assert_eq!(diamond["from"].as_array().unwrap().len(), 2);
    assert_eq!(run(["store", "index", &file, "status"]).ok(), "made 4 indexes\n");
    assert!(run(["store", "index", &file, "a..b"]).fails().contains("a key is empty"));
    assert!(run(["store", "demo", &file]).fails().contains("is a store already"));
}
