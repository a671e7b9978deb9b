//! `store`, `plan`, `trigger`, `batch` and `task`.

use std::collections::{BTreeMap, BTreeSet};
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

/// All that other programs read, at every level, and nothing that is not written down.
#[test]
fn a_plan_has_the_keys_that_are_documented() {
    let dir = tempfile::tempdir().unwrap();
    let file = store(dir.path());
    let more = r#"{"collections": [
        {"collection_id": "col_c", "name": "off", "enabled": false, "source": {"type": "collection", "collection_id": "col_b"}}]}"#;
    run(["store", "apply", &file, "--namespace", "shop", &write(dir.path(), "more.json", more)]).ok();
    let body = r#"{"object_ids": ["photos1", "bkt_b1"], "source_filters": {"n": 1}}"#;
    let json = plan(&file, &["--request", body, "--format", "json"]).json();
    let documented = [
        "collection_id",
        "filter",
        "filter_parts",
        "fingerprint",
        "format_version",
        "namespace_id",
        "skipped",
        "source",
        "sources",
        "tiers",
        "total",
        "total_tiers",
        "warnings",
    ];
    let beside = ["explain", "request", "revisions"];
    let mut all = [&documented[..], &beside[..]].concat();
    all.sort_unstable();
    assert_eq!(keys(&json), all);
    let each = |of: &str| json[of].as_array().unwrap().clone();
    assert_eq!((each("sources").len(), each("tiers").len(), each("skipped").len()), (2, 2, 1));
    for source in each("sources") {
        let found = keys(&source);
        assert_eq!(found, ["count", "id", "name", "reason", "unique_key", "would_duplicate", "would_overwrite"]);
        assert_eq!(keys(&source["count"]), ["kind", "n"]);
    }
    assert_eq!(keys(&json["total"]), ["kind", "n"]);
    for tier in each("tiers") {
        assert_eq!(keys(&tier), ["collections", "step"]);
        for collection in tier["collections"].as_array().unwrap() {
            assert_eq!(keys(collection), ["from", "id", "name", "tier"]);
        }
    }
    assert_eq!(each("skipped"), [json!({"id": "col_c", "reason": "it is disabled"})]);
    assert_eq!(keys(&json["filter_parts"]), ["collection", "object_ids", "source_filters"]);
    assert_eq!(json["filter_parts"]["collection"], Json::Null);
    assert!(!each("warnings").is_empty());
    for warning in each("warnings") {
        assert_eq!(keys(&warning), ["code", "message"]);
    }
    // The same where there is nothing to fill them with.
    let empty = plan(&file, &["--request", r#"{"include_buckets": []}"#, "--format", "json"]).json();
    all.retain(|key| *key != "explain"); // nothing was asked
    assert_eq!(keys(&empty), all);
    assert_eq!((&empty["sources"], &empty["filter"]), (&json!([]), &Json::Null));
    assert_eq!(empty["filter_parts"], json!({"collection": null, "object_ids": null, "source_filters": null}));
    assert_eq!(empty["total"], json!({"kind": "exact", "n": 0}));
}

#[test]
fn a_batch_and_a_task_have_the_keys_that_are_documented() {
    let dir = tempfile::tempdir().unwrap();
    let file = store(dir.path());
    run_with(br#"{"document_id": "d"}"#, ["store", "import", &file, "--namespace", "shop", "--collection", "frames"])
        .ok();
    for (collection, objects, documents) in [("frames", json!(4), Json::Null), ("faces", Json::Null, json!(1))] {
        let response = run(["trigger", collection, "--store", &file, "--namespace", "shop"]).json();
        for (command, id) in [("batch", &response["batch_id"]), ("task", &response["task_id"])] {
            let shown =
                |more: &[&str]| run([command, id.as_str().unwrap(), "--store", &file].iter().chain(more)).json();
            let documented = [
                "batch_id",
                "collection_id",
                "created_at",
                "document_count",
                "object_count",
                "status",
                "task_id",
                "tiers",
            ];
            let (bare, versioned) = (shown(&[]), shown(&["--format", "json"]));
            assert_eq!(keys(&bare), documented);
            let mut with_version = bare.clone();
            with_version["format_version"] = json!(1);
            assert_eq!(versioned, with_version);
            assert_eq!((&bare["object_count"], &bare["document_count"]), (&objects, &documents));
            for key in ["batch_id", "task_id", "collection_id"] {
                assert_eq!(bare[key], response[key], "{key}");
            }
        }
    }
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
    // Every mistake in what it asks for.
    let mut edited: Json = serde_json::from_str(&std::fs::read_to_string(&saved).unwrap()).unwrap();
    edited["request"]["source_filters"] = json!({"a": [1], "b": [2]});
    std::fs::write(&saved, edited.to_string()).unwrap();
    let envelope: Json = serde_json::from_str(&trigger("frames", &["--format", "json"]).fails()).unwrap();
    let mistakes = envelope["error"]["details"]["diagnostics"].as_array().unwrap();
    let pointers: Vec<&Json> = mistakes.iter().map(|mistake| &mistake["pointer"]).collect();
    assert_eq!(pointers, ["/request/source_filters/a", "/request/source_filters/b"]);
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

/// What `plan` and `trigger` say of one and the same mistake: the API's envelope on one line, and nothing else.
#[test]
fn the_envelope_has_type_status_and_diagnostics_with_their_pointers() {
    let dir = tempfile::tempdir().unwrap();
    let file = store(dir.path());
    let of = |id: &str, source: &str| json!({"collection_id": id, "source": {"type": "collection", "collection_id": source}});
    let more = json!({
        "buckets": [{"bucket_id": "bkt_c"}], "collections": [of("col_x", "col_z"), of("col_y", "col_x"), of("col_z", "col_y")],
    });
    run(["store", "apply", &file, "--namespace", "shop", &write(dir.path(), "more.json", more.to_string())]).ok();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let damaged = at("damaged.trm");
    let whole = std::fs::read(&file).unwrap();
    let spoiled = |(at, byte): (usize, &u8)| if at < 4096 { *byte } else { 0xA5 };
    std::fs::write(&damaged, whole.iter().enumerate().map(spoiled).collect::<Vec<_>>()).unwrap();
    let newer = at("newer.trm");
    std::fs::copy(&file, &newer).unwrap();
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 2_000).unwrap();
    let text = write(dir.path(), "text", "this is no store, only some text that goes on for a while");
    let before = [&damaged, &newer, &text].map(|file| (file, std::fs::read(file).unwrap()));

    let deep = format!(r#"{{"source_filters": {}{{}}{}}}"#, r#"{"NOT": ["#.repeat(200), "]}".repeat(200));
    for (collection, store, body, limit, status, kind, pointers) in [
        (
            "frames",
            &file,
            r#"{"include_buckets": ["photos", "bkt_c"]}"#,
            None,
            400,
            "not_a_source",
            &[Some("/include_buckets/1")][..],
        ),
        (
            "faces",
            &file,
            r#"{"include_collections": ["faces", "frames", "col_x"]}"#,
            None,
            400,
            "not_a_source",
            &[Some("/include_collections/0"), Some("/include_collections/2")],
        ),
        (
            "faces",
            &file,
            r#"{"include_collections": ["fames"]}"#,
            None,
            404,
            "not_found",
            &[Some("/include_collections/0")],
        ),
        (
            "faces",
            &file,
            r#"{"object_ids": [], "include_buckets": []}"#,
            None,
            400,
            "wrong_source_kind",
            &[Some("/include_buckets"), Some("/object_ids")],
        ),
        ("col_y", &file, "{}", None, 400, "cycle", &[None]),
        ("frames", &file, &deep, None, 400, "limit", &[Some("/source_filters")]),
        (
            "frames",
            &file,
            r#"{"object_ids": ["a", "b", "c"]}"#,
            Some("list_items=2"),
            400,
            "limit",
            &[Some("/object_ids")],
        ),
        (
            "frames",
            &file,
            r#"{"source_filters": {"a": 1, "b": [2]}}"#,
            None,
            400,
            "operand_type",
            &[Some("/source_filters/b")],
        ),
        ("frames", &damaged, "{}", None, 500, "database", &[None]),
        ("frames", &text, "{}", None, 500, "database", &[None]),
        ("frames", &newer, "{}", None, 400, "unsupported", &[None]),
    ] {
        for command in ["plan", "trigger"] {
            let mut args = vec![
                command,
                collection,
                "--store",
                store,
                "--namespace",
                "shop",
                "--request",
                body,
                "--format",
                "json",
            ];
            args.extend(limit.into_iter().flat_map(|limit| ["--limit", limit]));
            let told = run(&args).fails();
            assert_eq!(told.matches('\n').count(), 1, "{told}");
            let envelope: Json = serde_json::from_str(&told).unwrap();
            assert_eq!(keys(&envelope), ["error", "status", "success"]);
            assert_eq!((&envelope["success"], &envelope["status"]), (&json!(false), &json!(status)), "{told}");
            let error = &envelope["error"];
            assert_eq!((keys(error), &error["type"]), (vec!["details", "message", "type"], &json!(kind)), "{told}");
            assert_eq!(keys(&error["details"]), ["diagnostics"]);
            let diagnostics = error["details"]["diagnostics"].as_array().unwrap();
            assert_eq!(error["message"], diagnostics[0]["message"]);
            let found: Vec<Option<&str>> = diagnostics.iter().map(|found| found["pointer"].as_str()).collect();
            let starts = |(found, wanted): (&Option<&str>, &Option<&str>)| match (found, wanted) {
                (Some(found), Some(wanted)) => found.starts_with(wanted),
                (found, wanted) => found == wanted,
            };
            assert!(found.len() == pointers.len() && found.iter().zip(pointers).all(starts), "{told}");
            for diagnostic in diagnostics {
                let documented = ["code", "expected", "hint", "message", "pointer", "severity", "span"];
                assert_eq!((keys(diagnostic), &diagnostic["severity"]), (documented.to_vec(), &json!("error")));
            }
        }
    }
    for (file, bytes) in before {
        assert!(std::fs::read(file).unwrap() == bytes, "{file}");
    }
    // Every other command refuses the same files, and leaves them as they are.
    let catalog = write(dir.path(), "catalog.json", CATALOG);
    for (file, code) in [(&damaged, "database"), (&text, "database"), (&newer, "unsupported")] {
        let bytes = std::fs::read(file).unwrap();
        for args in [
            &["store", "apply", file, "--namespace", "shop", &catalog][..],
            &["store", "import", file, "--namespace", "shop", "--bucket", "photos", &catalog],
            &["store", "index", file, "n"],
            &["store", "stats", file],
            &["batch", "btch_x", "--store", file],
            &["task", "task_x", "--store", file],
        ] {
            let told = run(args.iter().chain(&["--format", "json"])).fails();
            let told: Json = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{args:?}: {told}"));
            assert_eq!(told["diagnostics"][0]["code"], code, "{args:?}: {told}");
            assert!(std::fs::read(file).unwrap() == bytes, "{args:?}");
        }
    }
    // Nothing was written by any of these.
    assert_eq!(run(["store", "stats", &file, "--format", "json"]).json()["namespaces"][0]["batches"], 0);
}

#[test]
fn a_name_that_stands_twice_is_refused_when_the_catalog_is_applied() {
    let dir = tempfile::tempdir().unwrap();
    let file = store(dir.path());
    let before = run(["store", "stats", &file, "--format", "json"]).json();
    let twice = write(dir.path(), "twice.json", r#"{"buckets": [{"bucket_id": "bkt_new", "name": "photos"}]}"#);
    let told = run(["store", "apply", &file, "--namespace", "shop", &twice, "--format", "json"]).fails();
    let told: Json = serde_json::from_str(&told).unwrap();
    assert_eq!(told["diagnostics"][0]["code"], "ambiguous_name", "{told}");
    assert_eq!(run(["store", "stats", &file, "--format", "json"]).json(), before);
}

#[test]
fn a_plan_is_never_saved_over_its_store() {
    let dir = tempfile::tempdir().unwrap();
    let file = store(dir.path());
    let before = std::fs::read(&file).unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let dotted = dir.path().join(".").join("s.trm");
    for out in [&file, &format!("{file}-wal"), &format!("{file}-shm"), link.to_str().unwrap(), dotted.to_str().unwrap()]
    {
        let refused = plan(&file, &["--out", out]).fails();
        assert!(refused.contains("error[usage]") && refused.contains("is a file of the store"), "{out}: {refused}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), before);
    plan(&file, &["--out", dir.path().join("s.trm.plan").to_str().unwrap()]).ok();
}

#[test]
fn what_the_store_could_not_answer_is_an_envelope_beside_the_plan() {
    let dir = tempfile::tempdir().unwrap();
    let file = store(dir.path());
    rusqlite::Connection::open(&file).unwrap().execute_batch("ALTER TABLE documents RENAME TO gone").unwrap();
    let told = plan(&file, &["--format", "json"]);
    assert_eq!(told.code, Some(2));
    let planned: Json = serde_json::from_str(&told.out).unwrap();
    assert_eq!(planned["total"], json!({"kind": "at_least", "n": 0}));
    let envelope: Json = serde_json::from_str(&told.err).unwrap_or_else(|_| panic!("{}", told.err));
    assert_eq!((&envelope["status"], &envelope["error"]["type"]), (&json!(500), &json!("database")));
    assert!(plan(&file, &[]).err.contains("warning: not_counted"));
}

#[test]
fn mistakes_in_a_catalog_have_their_place_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = store(dir.path());
    let bucket = |id: &str, name: &str| json!({"bucket_id": id, "name": name});
    let fed = |id: &str, from: &str| json!({"collection_id": id, "source": {"type": "bucket", "bucket_ids": [from]}});
    for (catalog, code, pointer) in [
        (json!({"buckets": [bucket("a", "x"), bucket("a", "y")]}), "ambiguous_name", "/buckets/1/bucket_id"),
        (json!({"buckets": [bucket("a", "x"), bucket("b", "x")]}), "ambiguous_name", "/buckets/1/name"),
        // With one that is there already.
        (json!({"buckets": [bucket("a", "x"), bucket("b", "photos")]}), "ambiguous_name", "/buckets/1/name"),
        // One that is there takes the name of another that is there, and stands before it.
        (json!({"buckets": [bucket("a", "x"), bucket("bkt_a", "scans")]}), "ambiguous_name", "/buckets/1/name"),
        (json!({"collections": [fed("c", "photos"), fed("d", "photo")]}), "not_found", "/collections/1/source"),
        (
            json!({"buckets": [{"bucket_id": "a", "unique_key": {"fields": []}}]}),
            "missing_value",
            "/buckets/0/unique_key/fields",
        ),
        (json!([]), "syntax", ""),
        (json!({"buckets": [["a", "name", null]]}), "syntax", "/buckets/0"),
        (json!({"buckets": [{"bucket_id": "a", "unique_key": [["x"]]}]}), "syntax", "/buckets/0/unique_key"),
        (
            json!({"collections": [{"collection_id": "c", "source": ["bucket", ["photos"]]}]}),
            "syntax",
            "/collections/0/source",
        ),
    ] {
        let path = write(dir.path(), "wrong.json", catalog.to_string());
        let told = run(["store", "apply", &file, "--namespace", "shop", &path, "--format", "json"]).fails();
        let told: Json = serde_json::from_str(&told).unwrap();
        let diagnostic = &told["diagnostics"][0];
        assert_eq!((&diagnostic["code"], &diagnostic["pointer"]), (&json!(code), &json!(pointer)), "{catalog}: {told}");
        assert!(diagnostic["message"].as_str().unwrap().contains("wrong.json"), "{told}");
    }
}

/// Names and keys come from files that others wrote: no error says them so that a terminal obeys.
#[test]
fn no_control_character_of_a_file_reaches_a_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let file = store(dir.path());
    let name = "top\u{1b}[2J\n";
    let catalog =
        json!({"collections": [{"collection_id": "c", "name": name, "source": {"type": "bucket", "bucket_ids": []}}]});
    run(["store", "apply", &file, "--namespace", "shop", &write(dir.path(), "c.json", catalog.to_string())]).ok();
    let apply = |catalog: &Json| {
        let path = write(dir.path(), "wrong.json", catalog.to_string());
        run(["store", "apply", &file, "--namespace", "shop", &path]).fails()
    };
    let saved = dir.path().join("plan.json").to_str().unwrap().to_owned();
    plan(&file, &["--out", &saved]).ok();
    let with_plan = |member: &str, value: Json| {
        let mut edited: Json = serde_json::from_str(&std::fs::read_to_string(&saved).unwrap()).unwrap();
        edited[member] = value;
        let path = write(dir.path(), "edited.json", edited.to_string());
        run(["trigger", "frames", "--store", &file, "--namespace", "shop", "--plan", &path]).fails()
    };
    for told in [
        run(["plan", "top\u{1b}[2", "--store", &file, "--namespace", "shop"]).fails(),
        apply(&json!({name: 1})),
        apply(&json!({"collections": [{"collection_id": "d", "source": {"type": name}}]})),
        with_plan(name, json!(1)),
        with_plan("source", json!(name)),
        with_plan("namespace_id", json!(name)),
        with_plan("collection_id", json!(name)),
    ] {
        assert!(told.contains("\\u{1b}") && !told.contains('\u{1b}'), "{told:?}");
    }
}

#[test]
fn what_is_read_may_begin_with_a_byte_order_mark_and_is_utf_8() {
    let dir = tempfile::tempdir().unwrap();
    let file = store(dir.path());
    let apply = |bytes: &[u8]| {
        let path = dir.path().join("catalog.json");
        std::fs::write(&path, bytes).unwrap();
        run(["store", "apply", &file, "--namespace", "shop", path.to_str().unwrap()])
    };
    apply(b"\xEF\xBB\xBF{}").ok();
    let told = apply(b"{\"buckets\": \"\xFF\"}").fails();
    assert!(told.contains("error[syntax]") && told.contains("catalog.json` is not UTF-8, from byte 13 on"), "{told}");
    let told = run(["store", "stats", dir.path().to_str().unwrap()]).fails();
    assert!(told.contains("error[io]") && told.contains("it is a folder"), "{told}");
    // What a command lacks is named.
    let told = run(["plan", "frames", "--format", "json"]).fails();
    assert!(told.contains("--store") && told.contains("--namespace"), "{told}");
    // A document may say that it came from no object.
    let line = b"{\"document_id\": \"d\", \"root_object_id\": null}";
    let import = ["store", "import", &file, "--namespace", "shop", "--collection", "frames"];
    assert_eq!(run_with(line, import).ok(), "1 added, 0 replaced, 0 bad lines\n");
}

#[test]
fn sources_are_hinted_at_by_what_finds_them_and_mistakes_left_out_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let file = store(dir.path());
    // The name of each bucket is the id of the other.
    let catalog = json!({
        "buckets": [{"bucket_id": "x", "name": "y"}, {"bucket_id": "y", "name": "x"}],
        "collections": [{"collection_id": "of_y", "source": {"type": "bucket", "bucket_ids": ["y"]}}],
    });
    run(["store", "apply", &file, "--namespace", "shop", &write(dir.path(), "c.json", catalog.to_string())]).ok();
    let plan = |request: Json| {
        let request = request.to_string();
        run(["plan", "of_y", "--store", &file, "--namespace", "shop", "--format", "json", "--request", &request])
            .fails()
    };
    let envelope = |told: String| serde_json::from_str::<Json>(&told).unwrap_or_else(|_| panic!("{told}"));
    let told = envelope(plan(json!({"include_buckets": ["x"]})));
    assert_eq!(told["error"]["details"]["diagnostics"][0]["hint"], "its sources: `y`");
    assert_eq!(told["error"]["details"]["omitted"], Json::Null);
    let names: Vec<String> = (0..500).map(|n| format!("no{n}")).collect();
    let told = envelope(plan(json!({"include_buckets": names})));
    let details = &told["error"]["details"];
    assert_eq!(details["diagnostics"].as_array().unwrap().len() as u64 + details["omitted"].as_u64().unwrap(), 500);
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
    let members = |key: &str| -> Vec<u64> {
        demo[key].as_array().unwrap().iter().map(|table| table["members"].as_u64().unwrap()).collect()
    };
    let (buckets, collections) = (members("buckets"), members("collections"));
    assert!(buckets.len() >= 5 && buckets.iter().all(|objects| *objects > 0), "{buckets:?}");
    assert!(buckets.iter().sum::<u64>() >= 20_000, "{buckets:?}");
    assert!(collections.len() >= 12 && collections.iter().sum::<u64>() > 0, "{collections:?}");

    // Each collection, whoever triggers it: its plan says what its tier is, and which buckets have a key.
    let (mut tiers, mut with_key, mut disabled) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for collection in demo["collections"].as_array().unwrap() {
        let id = collection["id"].as_str().unwrap();
        let planned = run(["plan", id, "--store", &file, "--namespace", "demo", "--format", "json"]);
        if planned.code == Some(2) {
            assert!(planned.err.contains("is disabled"), "{}", planned.err);
            disabled.push(id.to_owned());
            continue;
        }
        let plan = planned.json();
        tiers.insert(id.to_owned(), plan["tiers"][0]["collections"][0]["tier"].as_u64().unwrap());
        if plan["source"] == "bucket" {
            for source in plan["sources"].as_array().unwrap() {
                with_key.insert(source["id"].as_str().unwrap().to_owned(), !source["unique_key"].is_null());
            }
        }
    }
    assert!(!disabled.is_empty());
    assert_eq!(tiers.values().copied().collect::<BTreeSet<_>>(), BTreeSet::from([0, 1, 2, 3]), "{tiers:?}");
    assert_eq!(with_key.len(), buckets.len());
    assert_eq!(with_key.values().copied().collect::<BTreeSet<_>>(), BTreeSet::from([false, true]), "{with_key:?}");

    let plan = run(["plan", "frames", "--store", &file, "--namespace", "demo", "--format", "json"]).json();
    assert_eq!(plan["total_tiers"], 4);
    let left_out: Vec<&str> =
        plan["skipped"].as_array().unwrap().iter().map(|left| left["reason"].as_str().unwrap()).collect();
    assert_eq!(left_out, ["it is disabled", "only reached through `people`, which is disabled"]);
    // A diamond: two collections of one tier, of the same one, feed one of the next.
    let of = |tier: usize| plan["tiers"][tier]["collections"].as_array().unwrap();
    let diamond = of(2).iter().find(|found| found["name"] == "stories").unwrap();
    let sides = diamond["from"].as_array().unwrap();
    assert_eq!(sides.len(), 2);
    for side in sides {
        let side = of(1).iter().find(|found| found["id"] == *side).unwrap();
        assert_eq!(side["from"], json!(["col_frames"]));
    }
    assert_eq!(run(["store", "index", &file, "status"]).ok(), "made 4 indexes\n");
    assert!(run(["store", "index", &file, "a..b"]).fails().contains("a key is empty"));
    assert!(run(["store", "demo", &file]).fails().contains("is a store already"));
}
