//! `conformance`: the examples, and programs that are no backend.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::{Run, run};

fn conformance(command: &str, flags: &[&str]) -> Run {
    run(["conformance", "--backend", command].iter().chain(flags))
}

/// A shell that does this with each question, whose number is `$id`.
fn shell(each: &str) -> String {
    let script = format!(r#"while read -r line; do id=${{line#*:}}; id=${{id%%,*}}; {each}; done"#);
    format!("sh -c {}", shlex_quoted(&script))
}

fn shlex_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The interpreter of the examples. A newcomer may have none; where servers are required, it is too.
fn python() -> Option<&'static str> {
    let found = std::process::Command::new("python3").arg("--version").output().is_ok_and(|run| run.status.success());
    let is_required = std::env::var_os("TROMMEL_REQUIRE_SERVERS").is_some_and(|required| required == "1");
    assert!(found || !is_required, "python3 is required");
    if !found {
        eprintln!("without python3 the examples of a backend are not run");
    }
    found.then_some("python3")
}

/// Runs an example with the command under test.
fn example(python: &str, name: &str, generated: &str) -> (Option<i32>, Json) {
    let command = format!("{python} examples/{name} {}", env!("CARGO_BIN_EXE_trommel"));
    let run = conformance(&command, &["--generated", generated, "--format", "json"]);
    assert_eq!(run.err, "");
    (run.code, serde_json::from_str(&run.out).unwrap())
}

#[test]
fn the_example_passes() {
    let Some(python) = python() else { return };
    let (code, report) = example(python, "backend_sqlite.py", "100");
    assert_eq!(code, Some(0), "{:#}", report["disagreements"]);
    assert_eq!((&report["format_version"], &report["disagreeing"]), (&json!(1), &json!(0)));
    let (verdicts, matching) = (report["verdicts"].as_u64().unwrap(), report["matching"].as_u64().unwrap());
    assert!(verdicts > 100_000 && matching > 30_000 && matching < verdicts, "{verdicts} {matching}");
    for rule in ["C1", "D2", "G1", "L2", "P2", "T4", "generated"] {
        assert!(report["rules"][rule]["verdicts"].as_u64().unwrap() > 100, "{rule}");
    }
}

#[test]
fn the_example_with_a_mistake_does_not_pass() {
    let Some(python) = python() else { return };
    let (code, report) = example(python, "backend_wrong.py", "0");
    assert_eq!(code, Some(1));
    assert!(report["rules"]["C1"]["disagreements"].as_u64().unwrap() > 100);
    let found = report["disagreements"].as_array().unwrap();
    // Of rows that are missing from a NOT, and of nothing else.
    assert!(found.iter().all(|found| found["asked"] != "plain" || found["filter"].as_str().unwrap().contains("NOT")));
    assert!(found.iter().any(|found| found["expected"] == true && found["got"] == false));
}

#[test]
fn what_is_no_answer_is_a_disagreement_that_names_its_question() {
    let dies = "sh -c 'read -r line; exit 7'";
    for (command, words) in [
        ("true", "question 0: the backend ended (exit status: 0) before it answered"),
        (dies, "question 0: the backend ended (exit status: 7) before it answered"),
        ("sh -c 'exec >&-; sleep 5'", "question 0: the backend closed its standard output"),
        ("sleep 60", "question 0: no answer within 1 s"),
        ("sh -c 'cat > /dev/null'", "question 0: no answer within 1 s"),
        ("cat", "question 0: unknown field `filter`"),
        ("yes", "question 0: expected value at line 1"),
        ("cat /dev/zero", "question 0: a line of more than 1048576 bytes"),
        (&shell(r#"echo "{\"id\":7,\"matches\":[]}""#), "question 0: an answer to question 7"),
        (&shell(r#"echo "{\"id\":$id}""#), "question 0: neither `matches` nor `unsupported`, or both: `{\"id\":0}`"),
        (&shell(r#"echo "{\"id\":$id,\"matches\":[-1]}""#), "question 0: invalid value"),
        (&shell(r#"echo "{\"id\":$id,\"matches\":[]"; exit 0"#), "question 0: EOF while parsing"),
        (&shell(r#"printf '\033[31m\n'"#), r"`\u{1b}[31m`"),
        // One line too many: the next question finds it.
        (&shell(r#"echo "{\"id\":$id,\"matches\":[]}"; echo more"#), "question 1: expected value at line 1"),
    ] {
        let start = Instant::now();
        let run = conformance(command, &["--generated", "0", "--timeout", "1", "--format", "json"]);
        assert!(start.elapsed() < Duration::from_secs(40), "{command}");
        assert_eq!(run.code, Some(1), "{command}: {}", run.err);
        assert!(run.err.contains(words), "{command}: {}", run.err);
        assert!(run.err.contains("nothing more is asked"), "{command}: {}", run.err);
        let report: Json = serde_json::from_str(&run.out).unwrap();
        let error = &report["disagreements"][0]["error"];
        assert!(command.contains("more") || error.as_str().unwrap().starts_with("question 0: "), "{command}: {error}");
    }
}

#[test]
fn more_than_was_asked_for_is_found_at_the_end() {
    let script = shell(r#"echo "{\"id\":$id,\"unsupported\":\"no\"}""#);
    let run = conformance(&script, &["--generated", "0"]);
    assert_eq!((run.code, &*run.err), (Some(1), ""), "nothing was answered");
    assert!(run.out.contains("skipped eq/x-eq-5: no\n"), "{}", run.out);
    let script = script.trim_end_matches('\'').to_owned() + "; echo and more'";
    let run = conformance(&script, &["--generated", "0"]);
    assert_eq!((run.code, &*run.err), (Some(1), "after the last answer the backend wrote `and more`\n"));
}

#[test]
fn what_cannot_be_started_is_an_error() {
    assert!(conformance("/no/such/program", &[]).fails().contains("error[io]"));
    assert!(conformance("'", &[]).fails().contains("error[usage]"));
    assert!(conformance("  ", &[]).fails().contains("error[usage]"));
    assert!(conformance("cat", &["--timeout", "0"]).fails().contains("timeout"));
}
