//! The command `trommel`, run as a user runs it.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::{Value as Json, json};

#[path = "cli/conformance.rs"]
mod conformance;
#[path = "cli/grep.rs"]
mod grep;
#[cfg(feature = "tantivy")]
#[path = "cli/index.rs"]
mod index;
#[path = "cli/key.rs"]
mod key;
#[path = "cli/plan.rs"]
mod plan;
#[path = "cli/readme.rs"]
mod readme;
#[path = "cli/schema.rs"]
mod schema;
#[path = "cli/sql.rs"]
mod sql;
#[path = "cli/store.rs"]
mod store;

/// What a run gave.
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs the command with this standard input.
fn run_with<A: AsRef<OsStr>>(stdin: &[u8], args: impl IntoIterator<Item = A>) -> Run {
    let mut child = command().args(args).stdin(Stdio::piped()).spawn().unwrap();
    let (mut pipe, stdin) = (child.stdin.take().unwrap(), stdin.to_vec());
    // A thread, so that neither waits for the other. The command may end before it has read everything.
    let feeder = thread::spawn(move || drop(pipe.write_all(&stdin)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Run {
    run_with(b"", args)
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trommel"));
    command.env_remove("NO_COLOR").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Run {
    /// The result of a run that must go well and say nothing else.
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!((self.code, &*self.err), (Some(0), ""), "{}", self.out);
        self.out
    }

    /// The result as JSON.
    #[track_caller]
    fn json(self) -> Json {
        let out = self.ok();
        assert_eq!(out.matches('\n').count(), 1, "{out}");
        serde_json::from_str(&out).unwrap()
    }

    /// What a run says that must fail and print nothing.
    #[track_caller]
    fn fails(self) -> String {
        assert_eq!((self.code, &*self.out), (Some(2), ""), "{}", self.err);
        self.err
    }

    /// The diagnostics of a run that must fail, as JSON.
    #[track_caller]
    fn diagnostics(self) -> Vec<Json> {
        let err = self.fails();
        assert_eq!(err.matches('\n').count(), 1, "{err}");
        let report: Json = serde_json::from_str(&err).unwrap();
        assert_eq!(report["format_version"], 1);
        report["diagnostics"].as_array().unwrap().clone()
    }
}

fn write(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn check_says_what_holds_on_one_line() {
    let line = |filter: &str| run(["check", filter]).ok();
    assert!(line(r#"{"a": 1, "b.c": 2}"#).starts_with("valid; conditions: 2; fields: a, b.c; t1:"));
    assert!(line("{}").starts_with("valid, and matches every document"));
    assert!(line(r#"{"OR": []}"#).starts_with("valid, but matches no document"));
    assert!(line(r#"{"\"a\nb\"": 1}"#).contains(r#"fields: "a\nb""#));
    assert_eq!(line(r#"{"a": {"type": "dynamic", "field": "x"}}"#).lines().count(), 1);
}

#[test]
fn check_reports_as_json() {
    let report = run(["check", r#"{"b": 1, "NOT": [{"a": "x"}]}"#, "--format", "json"]).json();
    assert_eq!(report["format_version"], 1);
    assert_eq!(report["valid"], true);
    assert_eq!(report["verdict"], "sometimes");
    assert_eq!(report["fields"], json!(["a", "b"]));
    assert_eq!(report["budget"]["conditions"], json!({"used": 2, "limit": 10_000}));
    let fingerprint = report["fingerprint"].as_str().unwrap();
    assert!(fingerprint.strip_prefix("t1:").is_some_and(|digits| digits.len() == 32), "{fingerprint}");

    for (filter, verdict) in [("{}", "always"), (r#"{"field": "a", "operator": "in", "value": []}"#, "never")] {
        assert_eq!(run(["check", filter, "--format=json"]).json()["verdict"], verdict);
    }
}

#[test]
fn dynamic_values_are_bound_or_leave_the_verdict_open() {
    let filter = r#"{"a": {"type": "dynamic", "field": "u.id"}}"#;
    let open = run(["check", filter, "--format", "json"]).json();
    assert_eq!((&open["verdict"], &open["fingerprint"]), (&Json::Null, &Json::Null));
    assert_eq!(open["fields"], json!(["a"]));

    for args in [&["grep", filter, "/dev/null"][..], &["fmt", "--canonical", filter], &["explain", filter]] {
        assert!(run(args).fails().contains("error[unbound]"), "{args:?}");
    }

    let dir = tempfile::tempdir().unwrap();
    let file = format!("@{}", write(dir.path(), "b.json", "\u{feff}{\"u\": {\"id\": 7}}"));
    for bind in [r#"{"u": {"id": 7}}"#, &file] {
        assert_eq!(run(["fmt", "--compact", filter, "--bind", bind]).ok(), "{\"a\":7}\n");
    }
    for (bind, code) in [
        ("{}", "bind"),
        (r#"{"u": {"id": null}}"#, "bind"),
        ("[1]", "bind"),
        ("{", "syntax"),
        (r#"{"u": {"id": 1, "id": 2}}"#, "duplicate_key"),
        (r#"{"u": {"id": 18446744073709551616}}"#, "operand_range"),
        (r#"{"u": {"id": 1e999}}"#, "operand_range"),
        ("@nowhere", "io"),
    ] {
        let found = run(["check", filter, "--bind", bind, "--format", "json"]).diagnostics();
        assert_eq!(found[0]["code"], code, "{bind}");
    }
}

#[test]
fn mistakes_are_drawn_and_told_as_json() {
    let filter = r#"{"AND": [{"field": "status", "operator": "eqq", "value": "a"}, {"field": "n", "operator": "gt"}]}"#;
    let text = run(["check", filter]).fails();
    assert!(text.starts_with("1:42: error[unknown_operator]: unknown operator `eqq`\n"), "{text}");
    assert!(text.contains("^^^^^") && text.contains("hint: did you mean `eq`?"), "{text}");
    assert!(text.contains("error[missing_value]"), "{text}");
    assert!(!text.contains('\u{1b}'));

    let found = run(["check", filter, "--format", "json"]).diagnostics();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0]["code"], "unknown_operator");
    assert_eq!(found[0]["severity"], "error");
    assert_eq!(found[0]["pointer"], "/AND/0/operator");
    assert_eq!(found[0]["span"], json!([41, 46]));
    assert_eq!(found[0]["expected"], json!(["eq"]));
    assert!(found[0]["message"].is_string() && found[0]["hint"].is_string());

    let colored = run(["check", filter, "--color", "always"]).fails();
    assert!(colored.contains('\u{1b}'));
}

#[test]
fn limits_are_listed_and_set() {
    let names = ["input", "depth", "conditions", "list_items", "operand", "path", "path_keys", "regex", "errors"];
    let list = run(["check", "--limits"]).ok();
    let listed: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(listed, names);
    assert!(list.contains("16777216 bytes") && list.contains("10000 conditions"), "{list}");
    let report = run(["check", "--limits", "--format", "json"]).json();
    assert_eq!(report["limits"][1], json!({"name": "depth", "default": 128, "unit": "groups"}));

    let two = r#"{"a": 1, "b": 2}"#;
    assert!(run(["check", two, "--limit", "conditions=1"]).fails().contains("limit `conditions` passed"));
    assert!(run(["check", two, "--limit", "conditions=2", "--limit", "path=1"]).ok().starts_with("valid"));
    assert!(run_with(two.as_bytes(), ["check", "-", "--limit", "input=15"]).fails().contains("limit `input` passed"));
    let many = format!("{{{}}}", (0..9).map(|n| format!("\"f{n}\": []")).collect::<Vec<_>>().join(","));
    assert!(run(["check", &many, "--limit", "errors=3"]).fails().contains("and 6 more"));

    for bad in ["foo=1", "depth", "depth=-1", "depth=x", "=1", "depth=99999999999999999999"] {
        assert_eq!(run(["check", "{}", "--limit", bad]).code, Some(2), "{bad}");
    }
    let message = run(["check", "{}", "--limit", "foo=1"]).fails();
    assert!(names.iter().all(|name| message.contains(name)), "{message}");
}

#[test]
fn a_filter_comes_from_a_file_a_pipe_or_the_argument() {
    let dir = tempfile::tempdir().unwrap();
    let file = format!("@{}", write(dir.path(), "a filter.json", "\n  {\"a\": 1}\n"));
    for filter in [&*file, " {\"a\":1}"] {
        assert_eq!(run(["fmt", "--compact", filter]).ok(), "{\"a\":1}\n");
    }
    assert_eq!(run_with("\u{feff} {\"a\":1}".as_bytes(), ["fmt", "--compact", "-"]).ok(), "{\"a\":1}\n");

    let io = |filter: &str| run(["check", filter, "--format", "json"]).diagnostics()[0]["code"].clone();
    assert_eq!(io("@nowhere.json"), "io");
    assert_eq!(io(&format!("@{}", dir.path().display())), "io");
    for (bytes, at) in [(&b"{\"a\": \"\xff\"}"[..], 7), (b"{\xc3", 1)] {
        let found = run_with(bytes, ["check", "-", "--format", "json"]).diagnostics();
        assert_eq!((&found[0]["code"], &found[0]["span"][0]), (&json!("syntax"), &json!(at)));
        assert!(run_with(bytes, ["check", "-"]).fails().contains("not UTF-8"));
    }
    for empty in ["", "  \n"] {
        assert!(run(["check", empty]).fails().contains("error[syntax]"));
    }
}

#[test]
fn the_notation_is_seen_or_said() {
    assert_eq!(run(["fmt", "a=1  and not(b in(2))"]).ok(), "a = 1 AND NOT b IN (2)\n");
    assert_eq!(
        run(["fmt", "a = 1", "--to", "json", "--compact"]).ok(),
        "{\"field\":\"a\",\"operator\":\"eq\",\"value\":1}\n"
    );
    assert_eq!(run(["fmt", r#"{"a": 1}"#, "--to", "text"]).ok(), "a = 1\n");
    assert!(run(["check", "a == 1"]).fails().starts_with("1:3: error[unknown_operator]"));
    assert!(run(["check", "--notation", "json", "a = 1"]).fails().contains("error[syntax]"));
    assert!(run(["check", "--notation", "text", "{}"]).fails().contains("error[syntax]"));
    assert!(run(["check", "[1]"]).fails().contains("error["));
}

#[test]
fn a_schema_and_the_letter_case_hold_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let schema = write(
        dir.path(),
        "s.json",
        r#"{"closed": true, "fields": {"year": {"type": "integer"}, "t": {"type": "datetime"}}}"#,
    );
    let unknown = run(["check", r#"{"yaer": 1}"#, "--schema", &schema, "--format", "json"]).diagnostics();
    assert_eq!((&unknown[0]["code"], &unknown[0]["expected"]), (&json!("unknown_field"), &json!(["year"])));
    // Both stages in one report.
    let both = r#"{"OR": [{"yaer": 1}, {"field": "year", "operator": "eqq", "value": 1}]}"#;
    assert_eq!(run(["fmt", both, "--schema", &schema, "--format", "json"]).diagnostics().len(), 2);
    let data = write(dir.path(), "d", "{\"t\":\"2024-01-01T00:00:00+01:00\"}\n{\"t\":\"2024-01-01T00:00:00Z\"}\n");
    let old = r#"{"field": "t", "operator": "lt", "value": "2024-01-01"}"#;
    assert_eq!(run(["grep", "-n", old, &data, "--schema", &schema]).ok(), "1:{\"t\":\"2024-01-01T00:00:00+01:00\"}\n");

    let broken = write(dir.path(), "broken.json", "{\"fields\":\n {\"a\": {\"typ\": 1}}}");
    let text = run(["check", "{}", "--schema", &broken]).fails();
    assert!(text.starts_with("2:") && text.contains("error[unknown_key]") && text.contains("broken.json"), "{text}");
    assert!(run(["check", "{}", "--schema", "nowhere"]).fails().contains("error[io]"));

    let data = write(dir.path(), "d", "{\"a\":\"X\"}\n");
    assert_eq!(run(["grep", r#"{"a":"x"}"#, &data]).code, Some(1));
    assert_eq!(run(["grep", r#"{"a":"x"}"#, &data, "--ignore-case"]).ok(), "{\"a\":\"X\"}\n");
    let canonical = run(["fmt", "--canonical", "--compact", "--ignore-case", r#"{"a":"x"}"#]).ok();
    assert!(canonical.contains("\"case_sensitive\":false"), "{canonical}");
}

#[test]
fn fmt_changes_nothing_twice() {
    let filters = [
        r#"{"status":"pending","NOT":{"a":1.50},"OR":null,"AND":[{"field":"n","operator":"==","value":1e2}],"case_sensitive":false}"#,
        r#"{"field":"a","operator":"in","value":[1,null,{"type":"dynamic","field":"x"}],"case_insensitive":true}"#,
        r#"{"AND":[],"\"a.b\"":"é\n"}"#,
        "{}",
    ];
    for filter in filters {
        let indented = run(["fmt", filter]).ok();
        assert_eq!(indented, run_with(indented.as_bytes(), ["fmt", "-"]).ok());
        let compact = run(["fmt", "--compact", filter]).ok();
        assert_eq!(compact.lines().count(), 1);
        assert_eq!(compact, run_with(indented.as_bytes(), ["fmt", "-", "--compact"]).ok());
        let (a, b): (Json, Json) = (serde_json::from_str(&indented).unwrap(), serde_json::from_str(&compact).unwrap());
        assert_eq!(a, b);
        assert_eq!(indented.trim_end(), format!("{:#}", trommel::parse::json(filter).unwrap()));
        let text = run(["fmt", "--to", "text", filter]).ok();
        assert_eq!(text, run_with(text.as_bytes(), ["fmt", "-"]).ok());
    }
    assert_eq!(run(["fmt", r#"{"a":[]}"#]).code, Some(2));
    assert_eq!(run(["fmt", r#"{"AND":[{"a":1}]}"#]).ok(), "{\n  \"AND\": [\n    {\n      \"a\": 1\n    }\n  ]\n}\n");
}

#[test]
fn the_canonical_form_is_one_for_one_fingerprint() {
    let alike = [
        r#"{"a": 1, "NOT": [{"b": "x"}]}"#,
        r#"{"AND": [{"field": "b", "operator": "nin", "value": ["x", "x"]}, {"AND": [{"field": "a", "value": 1.0}]}]}"#,
        r#"b != "x" AND a = 1"#,
    ];
    for flags in [&["--to", "json"][..], &["--to", "json", "--compact"], &["--to", "text"]] {
        let print = |filter: &str| run(["fmt", "--canonical", filter].iter().chain(flags)).ok();
        let canonical = print(alike[0]);
        assert!(alike.iter().all(|filter| print(filter) == canonical));
        assert_ne!(canonical, print(r#"{"a": 1, "NOT": [{"b": "X"}]}"#));
    }
}

#[test]
fn fmt_prints_the_filter_of_a_request() {
    let filter = |request: &str| run(["fmt", "--compact", "--request", request]).ok();
    assert_eq!(filter("{}"), "{}\n");
    assert_eq!(filter(r#"{"object_ids": null, "source_filters": null, "include_buckets": ["b"]}"#), "{}\n");
    assert_eq!(filter(r#"{"source_filters": {"a": 1}}"#), "{\"a\":1}\n");
    let ids = r#"{"AND":[{"field":"object_id","operator":"in","value":["x"]}]}"#;
    assert_eq!(filter(r#"{"object_ids": ["x"]}"#), format!("{ids}\n"));
    let both = r#"{"object_ids": ["x"], "source_filters": {"a": 1}}"#;
    assert_eq!(filter(both), format!("{{\"AND\":[{ids},{{\"a\":1}}]}}\n"));
    assert_eq!(
        run_with(both.as_bytes(), ["fmt", "--request", "-", "--to", "text"]).ok(),
        "ALL(object_id IN (\"x\")) AND a = 1\n"
    );

    let bad = r#"{"object_id": [], "source_filters": {"field": "a", "operator": "eqq", "value": 1}}"#;
    let found = run(["fmt", "--request", bad, "--format", "json"]).diagnostics();
    assert_eq!((&found[0]["code"], &found[1]["pointer"]), (&json!("unknown_key"), &json!("/source_filters/operator")));
    let bad = r#"{"source_filters": {"field": "a", "operator": "gt", "value": true}}"#;
    let found = run(["fmt", "--request", bad, "--format", "json"]).diagnostics();
    assert_eq!((&found[0]["code"], &found[0]["pointer"]), (&json!("operand_type"), &json!("/source_filters/value")));
    assert_eq!(run(["fmt", "--request", "{}", "{}"]).code, Some(2));
    assert_eq!(run(["fmt"]).code, Some(2));
}

#[test]
fn explain_hides_values_and_names_what_is_missing() {
    let filter = r#"{"OR": [{"secret": "hush"}, {"NOT": [{"n": 5}]}]}"#;
    let text = run(["explain", filter]).ok();
    assert!(text.contains("secret = string") && text.contains("NOT n = number") && text.contains("exact"), "{text}");
    assert!(!text.contains("hush") && !text.contains('5'), "{text}");
    assert!(run(["explain", filter, "--show-values"]).ok().contains("hush"));

    let report = run(["explain", filter, "--format", "json"]).json();
    assert_eq!((&report["format_version"], &report["backend"]), (&json!(1), &json!("memory")));
    assert_eq!(report["residual"], Json::Null);
    assert!(report["pushed"].as_str().unwrap().contains("hush"));
    let mut leaves = report["leaves"].as_array().unwrap().clone();
    leaves.sort_by_key(|leaf| leaf["field"].to_string());
    assert_eq!(
        leaves,
        [
            json!({"pointer": "/OR/1/NOT/0/n", "field": "n", "operator": "eq", "negated": true, "cover": "exact", "reason": null}),
            json!({"pointer": "/OR/0/secret", "field": "secret", "operator": "eq", "negated": false, "cover": "exact", "reason": null}),
        ]
    );
    let long = format!("{{\"a\": \"{}\"}}", "x".repeat(70_000));
    assert!(run(["explain", "--show-values", "--limit", "operand=100000", &long]).ok().len() > 140_000);
}

#[cfg(not(feature = "tantivy"))]
#[test]
fn a_backend_that_is_not_built_in_is_unsupported() {
    let found = run(["explain", "{}", "--backend", "tantivy", "--format", "json"]).diagnostics();
    assert_eq!(found[0]["code"], "unsupported");
    assert!(found[0]["message"].as_str().unwrap().contains("`tantivy`"));
}

#[test]
fn deep_filters_pass_every_command() {
    const DEPTH: usize = 10_000;
    let dir = tempfile::tempdir().unwrap();
    // AND and OR in turn, so that nothing is flattened.
    let text = format!(
        "{}{}{}",
        "{\"AND\":[{\"x\":1},{\"OR\":[{\"y\":1},".repeat(DEPTH / 2),
        "{\"a\":1}",
        "]}]}".repeat(DEPTH / 2)
    );
    let filter = format!("@{}", write(dir.path(), "deep.json", &text));
    let data = write(dir.path(), "d", "{\"x\":1,\"y\":1}\n{\"x\":1,\"y\":2}\n{\"x\":1,\"y\":2,\"a\":1}\n");
    let request = format!("@{}", write(dir.path(), "request.json", format!("{{\"source_filters\":{text}}}")));
    assert!(run(["check", &filter]).fails().contains("limit `depth` passed: 129 groups"));

    let limits = ["--limit", "depth=20000", "--limit", "conditions=20000"];
    let deep = |args: &[&str]| run(args.iter().chain(&limits)).ok();
    assert!(deep(&["check", &filter]).starts_with("valid; conditions: 10001; fields: a, x, y"));
    assert_eq!(deep(&["fmt", "--compact", &filter]).trim_end(), text);
    assert_eq!(deep(&["fmt", "--compact", "--request", &request]).trim_end(), text);
    assert!(deep(&["fmt", "--compact", "--canonical", &filter]).len() > text.len());
    assert!(deep(&["fmt", "--to", "text", &filter]).starts_with("x = 1 AND (y = 1 OR (x = 1 AND "));
    let why = deep(&["why", &filter, &data]);
    assert_eq!(why.matches("match\n").count(), 3, "{}", &why[..200]);
    assert_eq!(why.lines().filter(|line| line.contains("a eq 1 ")).count(), 3);
    assert_eq!(deep(&["grep", "-n", &filter, &data]), "1:{\"x\":1,\"y\":1}\n3:{\"x\":1,\"y\":2,\"a\":1}\n");
}

#[test]
fn completions_and_manual_pages_are_made() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(run(["completions", shell]).ok().contains("max-count"), "{shell}");
    }
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("new/man");
    assert_eq!(run([OsStr::new("man"), made.as_os_str(), OsStr::new("-q")]).ok(), "");
    for page in ["trommel.1", "trommel-grep.1", "trommel-fmt.1"] {
        assert!(std::fs::read_to_string(made.join(page)).unwrap().contains(".TH"), "{page}");
    }
    let file = write(dir.path(), "file", "");
    assert!(run(["man", &file]).fails().contains("error[io]"));
}

#[test]
fn usage_errors_are_errors() {
    let wrong: [&[&str]; 7] = [
        &[],
        &["frobnicate"],
        &["check"],
        &["check", "{}", "--frobnicate"],
        &["explain", "{}", "--backend", "oracle"],
        &["grep", "{}", "-j", "0"],
        &["grep", "{}", "--strict", "--skip-bad"],
    ];
    for args in wrong {
        assert!(!run(args).fails().is_empty(), "{args:?}");
    }
    let found = run(["grep", "{}", "-j", "0", "--format=json"]).diagnostics();
    assert_eq!(found[0]["code"], "usage");
    for args in [&["--help"][..], &["grep", "--help"], &["--version"]] {
        assert!(!run(args).ok().is_empty(), "{args:?}");
    }
}

#[test]
fn the_examples_match_what_they_are_for() {
    // Counted from the rules by a program of another language.
    let expected = [("to_send", "8\n"), ("without_coupon", "24\n"), ("many_mugs", "6\n"), ("spring_big", "11\n")];
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/");
    let (data, schema) = (format!("{examples}orders.ndjson"), format!("{examples}orders.schema.json"));
    for (name, count) in expected {
        let filter = format!("@{examples}{name}.json");
        assert_eq!(run(["grep", "-c", &filter, &data]).ok(), count, "{name}");
        assert_eq!(run(["grep", "-c", &filter, &data, "--schema", &schema]).ok(), count, "{name}");
    }
}

#[test]
fn why_tells_which_condition_decided() {
    let documents = b"{\"status\":\"open\",\"tags\":[\"draft\"]}\n\nnot JSON\n{\"status\":\"shut\"}\n";
    let filter = r#"{"status":"open","NOT":[{"field":"tags","operator":"in","value":["draft"]}]}"#;
    let run = run_with(documents, ["why", filter]);
    assert_eq!(run.code, Some(2)); // a line is bad
    assert!(run.err.starts_with("-:3: "), "{}", run.err);
    let expected = "-:1: no match
> false  and
  true     status eq \"open\"    found \"open\"
> false    not
> true       tags in [\"draft\"]    found \"draft\"
-:4: no match
> false  and
> false    status eq \"open\"    found \"shut\"
  true     not
  false      tags in [\"draft\"]    found nothing
";
    assert_eq!(run.out, expected);

    let out = run_with(b"{\"n\":[1,2]}", ["why", "--format", "json", "n > 5"]).ok();
    let leaf = json!({"kind": "leaf", "matches": false, "field": "n", "operator": "gt", "value": 5, "values": [1, 2]});
    assert_eq!(serde_json::from_str::<Json>(&out).unwrap(), json!({"line": 1, "matches": false, "tree": leaf}));
    assert!(run_with(b"{}", ["why", "n > true"]).err.contains("error["));
}
