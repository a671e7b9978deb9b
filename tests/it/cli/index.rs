//! `trommel index`, and the index in `explain` and `compare`.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{command, run, run_with, write};

fn lines(count: usize) -> String {
    (0..count).map(|at| format!("{}\n", json!({"id": format!("d{at}"), "n": at, "tags": [at % 7, "x"]}))).collect()
}

fn count(dir: &str, filter: &str) -> String {
    run(["index", "count", dir, filter]).ok()
}

#[test]
fn what_was_built_is_counted_and_found() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("deep/index");
    let dir = dir.to_str().unwrap();
    let data = write(home.path(), "data.ndjson", lines(100) + "{\"odd\":   [1.50, \"\\u00e9\"]}\r\n");
    assert!(run(["index", "build", dir, &data]).ok().contains("101 documents"));
    assert_eq!(count(dir, "{}"), "101\n");
    assert_eq!(count(dir, "tags = 3 AND NOT n < 10"), "13\n");
    let report = run(["index", "count", dir, "n IS NULL", "--format", "json"]).json();
    assert_eq!(report, json!({"format_version": 1, "count": 1}));
    // As it was read, byte for byte.
    assert_eq!(run(["index", "grep", dir, "odd = 1.5"]).ok(), "{\"odd\":   [1.50, \"\\u00e9\"]}\r\n");
    assert_eq!(run(["index", "grep", dir, "n >= 97"]).ok().lines().count(), 3);
    let none = run(["index", "grep", dir, "n = -1"]);
    assert_eq!((none.code, &*none.out, &*none.err), (Some(1), "", ""));
    let counted = run(["index", "grep", dir, "n = -1", "--count"]);
    assert_eq!((counted.code, &*counted.out), (Some(1), "0\n"));
    assert_eq!(run(["index", "grep", dir, "n < 5", "-c"]).ok(), "5\n");
    // Built again it is replaced.
    let built = run_with(lines(10).as_bytes(), ["index", "build", dir, "--memory", "24", "--format", "json"]).json();
    assert_eq!(built, json!({"format_version": 1, "documents": 10, "bad_lines": 0}));
    assert_eq!(count(dir, "{}"), "10\n");
}

#[test]
fn bad_lines_are_told_and_the_others_are_there() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("index");
    let dir = dir.to_str().unwrap();
    let data = "{\"a\": 1}\n\n[1]\n{\"a\": 1e999}\n{\"a\": 2}\n{\"a\"\n";
    let built = run_with(data.as_bytes(), ["index", "build", dir]);
    assert_eq!((built.code, &*built.out), (Some(2), "2 documents indexed, 3 bad lines\n"));
    for line in ["-:3: ", "-:4: ", "-:6: "] {
        assert!(built.err.contains(line), "{}", built.err);
    }
    assert_eq!(count(dir, "{}"), "2\n");
}

#[test]
fn a_directory_that_is_no_index_of_ours_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let data = write(home.path(), "data.ndjson", lines(3));
    let full = home.path().join("full");
    std::fs::create_dir(&full).unwrap();
    write(&full, "notes.txt", "mine");
    let foreign = home.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    let mut builder = trommel::tantivy::schema::SchemaBuilder::default();
    builder.add_text_field("body", trommel::tantivy::schema::TEXT);
    trommel::tantivy::Index::create_in_dir(&foreign, builder.build()).unwrap();
    for dir in [&full, &foreign] {
        let dir = dir.to_str().unwrap();
        let before = names(Path::new(dir));
        let err = run(["index", "build", dir, &data]).fails();
        assert!(err.contains("error[unsupported]") && err.contains("no index of ours"), "{err}");
        assert_eq!(names(Path::new(dir)), before);
        for command in ["count", "grep"] {
            let err = run(["index", command, dir, "{}"]).fails();
            assert!(err.contains("error[unsupported]"), "{err}");
        }
    }
    let nowhere = home.path().join("nowhere");
    assert!(run(["index", "count", nowhere.to_str().unwrap(), "{}"]).fails().contains("error[io]"));
    let file = write(home.path(), "file", "");
    assert!(run(["index", "build", &file, &data]).fails().contains("error[io]"));
    assert!(!nowhere.exists());
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_schema_keeps_the_rest_out_and_no_answer_changes() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("index");
    let dir = dir.to_str().unwrap();
    let data = write(home.path(), "data.ndjson", lines(50));
    let schema = write(home.path(), "schema.json", r#"{"closed":true,"fields":{"n":{"type":"integer"}}}"#);
    run(["index", "build", dir, &data, "--schema", &schema]).ok();
    for (filter, found) in
        [("n < 10", "10\n"), ("n < 10 AND tags = 3", "1\n"), ("tags = 3", "7\n"), ("id = \"d5\"", "1\n")]
    {
        assert_eq!(count(dir, filter), found, "{filter}");
    }
    let explain = |index: &[&str]| {
        let args = ["explain", "n < 10 AND tags = 3", "--backend", "tantivy", "--format", "json"];
        run(args.iter().chain(index)).json()
    };
    let covers = |report: &Json| {
        report["leaves"].as_array().unwrap().iter().map(|leaf| leaf["cover"].clone()).collect::<Vec<_>>()
    };
    let report = explain(&["--index", dir]);
    assert_eq!((&report["backend"], covers(&report)), (&json!("tantivy"), vec![json!("exact"), json!("residual")]));
    assert_eq!(report["leaves"][1]["reason"], "the mapping does not index this path");
    let report = explain(&[]);
    assert_eq!((covers(&report), &report["residual"]), (vec![json!("exact"), json!("exact")], &Json::Null));
    let text = run(["explain", "n < 10 AND tags = 3", "--backend", "tantivy", "--index", dir]).ok();
    assert!(text.ends_with("cost: 10 of 50 documents are read from the index and parsed\n"), "{text}");
    assert!(run(["explain", "{}", "--index", dir]).fails().contains("error[usage]"));
}

#[cfg(unix)]
#[test]
fn a_killed_build_leaves_the_last_commit() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("index");
    let dir = dir.to_str().unwrap();
    let (old, new) = (write(home.path(), "old", lines(500)), lines(20_000));
    let mut is_there = false;
    for round in 0..12_u64 {
        let mut child =
            command().args(["index", "build", dir, "--memory", "24"]).stdin(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        // Some are killed while they make the index, some while they wait for more.
        if round % 3 != 0 {
            let _ = pipe.write_all(new.as_bytes());
        }
        std::thread::sleep(Duration::from_millis(round * round));
        child.kill().unwrap();
        child.wait().unwrap();
        if is_there {
            assert_eq!(count(dir, "{}"), "500\n", "round {round}");
            assert_eq!(count(dir, "n >= 250"), "250\n");
        }
        if round == 5 {
            // What was broken off before anything was committed does not stand in the way.
            run(["index", "build", dir, &old]).ok();
            is_there = true;
        }
    }
    run(["index", "build", dir, &old]).ok();
    assert_eq!(count(dir, "{}"), "500\n");
    // Killed while all is read and committed: what is there is the one or the other.
    let mut was_replaced = 0;
    for round in 0..16_u64 {
        let mut child = command().args(["index", "build", dir]).stdin(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        pipe.write_all(new.as_bytes()).unwrap();
        drop(pipe);
        std::thread::sleep(Duration::from_millis(round * 40));
        child.kill().unwrap();
        child.wait().unwrap();
        let (all, upper) = (count(dir, "{}"), count(dir, "n >= 250"));
        assert!([("500\n", "250\n"), ("20000\n", "19750\n")].contains(&(&all, &upper)), "round {round}: {all}{upper}");
        if all == "20000\n" {
            was_replaced += 1;
            run(["index", "build", dir, &old]).ok();
        }
    }
    println!("{was_replaced} builds were done before the kill");
}

#[cfg(target_os = "linux")]
#[test]
fn a_build_shows_its_progress_on_a_terminal() {
    let home = tempfile::tempdir().unwrap();
    let (dir, data) = (home.path().join("index"), write(home.path(), "data.ndjson", lines(20_000)));
    let build = ["index", "build", dir.to_str().unwrap(), &data];
    let shown = super::store::drawn(&build);
    let total = std::fs::metadata(&data).unwrap().len() / 1024;
    assert!(shown.contains(&format!(" of {total}.")) && shown.contains(" left"), "{total} {shown:?}");
    assert_eq!(super::store::drawn(&[&build[..], &["-q"]].concat()), "");
}

/// The most memory that a build took which is fed so many documents, each with so many words of its own, in MiB: without the
/// pages of its files, which the system takes back when it likes.
#[cfg(target_os = "linux")]
fn peak_of_build(dir: &Path, memory: &str, documents: usize, words: usize) -> usize {
    let dir = dir.to_str().unwrap();
    let mut child = command().args(["index", "build", dir, "--memory", memory]).stdin(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let resident = || {
        let status = std::fs::read_to_string(&status).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
        line.trim().trim_end_matches(" kB").parse::<usize>().ok()
    };
    let feeding = std::thread::spawn(move || {
        for at in 0..documents {
            let words: Vec<String> =
                (0..words).map(|word| format!("w{:x}", (at * words + word) * 0x9E37_79B9)).collect();
            writeln!(pipe, "{}", json!({"id": at, "text": words.join(" "), "words": words})).unwrap();
        }
    });
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        most = resident().map_or(most, |resident| most.max(resident));
        std::thread::sleep(Duration::from_millis(5));
    }
    feeding.join().unwrap();
    assert_eq!(count(dir, "{}"), format!("{documents}\n"));
    most / 1024
}

/// Few documents of many terms: to merge them all at once takes as much memory as to index them at once.
#[cfg(target_os = "linux")]
#[test]
fn a_build_holds_its_memory() {
    let home = tempfile::tempdir().unwrap();
    let peak = |name: &str, memory| peak_of_build(&home.path().join(name), memory, 1_500, 1_000);
    let (held, free) = (peak("held", "24"), peak("free", "256"));
    println!("{held} MiB of 24, {free} of 256");
    // As much again for a merge, and the program.
    assert!(held < 2 * 24 + 24, "{held} MiB");
    assert!(free > 2 * 24 + 48, "{free} MiB: the same documents would not take more");
}
