//! `trommel grep`.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Run, command, run, run_with, write};

const MIXED: &[u8] =
    b"\xef\xbb\xbf{\"a\":1}\n\n \t\r\n[1]\n{\"a\":2}\r\n{\"a\":1e400}\n\0\n{\"b\":\"\xff\"}\n {\"a\" : 1} ";

const BAD: &str = "-:4: a list, not an object\n-:6: number out of range at column 10\n\
                   -:7: expected value at column 1\n-:8: invalid unicode code point at column 7\n";

fn grep(data: &[u8], args: &[&str]) -> Run {
    run_with(data, ["grep"].iter().chain(args))
}

/// The parts of a run that a test compares.
fn parts(run: &Run) -> (Option<i32>, &str, &str) {
    (run.code, &run.out, &run.err)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// Lines `{"n":0,"k":"even"}` and so on.
fn numbered(lines: usize) -> Vec<u8> {
    let line = |n: usize| format!("{{\"n\":{n},\"k\":\"{}\"}}\n", if n.is_multiple_of(2) { "even" } else { "odd" });
    (0..lines).flat_map(|n| line(n).into_bytes()).collect()
}

#[test]
fn lines_come_byte_for_byte() {
    assert_eq!(parts(&grep(MIXED, &["{}"])), (Some(2), "{\"a\":1}\n{\"a\":2}\r\n {\"a\" : 1} \n", BAD));
    let one = "{\"a\":1}";
    assert_eq!(parts(&grep(MIXED, &[one])), (Some(2), "{\"a\":1}\n {\"a\" : 1} \n", BAD));
    assert_eq!(parts(&grep(MIXED, &["-v", one])), (Some(2), "{\"a\":2}\r\n", BAD));
    assert_eq!(parts(&grep(MIXED, &["-n", one, "-"])), (Some(2), "1:{\"a\":1}\n9: {\"a\" : 1} \n", BAD));
    assert_eq!(grep(b"{\"a\": \"\\u0000 \x7f\"}", &["{}"]).ok(), "{\"a\": \"\\u0000 \x7f\"}\n");
}

#[test]
fn a_filter_may_be_text() {
    let json = grep(MIXED, &[r#"{"NOT": [{"field": "a", "operator": "gt", "value": 1}]}"#]);
    assert_eq!(parts(&json), (Some(2), "{\"a\":1}\n {\"a\" : 1} \n", BAD));
    assert_eq!(parts(&grep(MIXED, &["NOT a > 1"])), parts(&json));
    assert_eq!(parts(&grep(MIXED, &["--notation", "text", " not (a>1)", "-"])), parts(&json));
    assert_eq!(
        grep(b"{\"k\":\"even\"}\n{\"k\":\"odd\"}\n", &["-n", r#"k STARTS WITH "o""#]).ok(),
        "2:{\"k\":\"odd\"}\n"
    );
    let wrong = grep(b"{}", &["a ~~ 1"]).fails();
    assert!(wrong.starts_with("1:3: error["), "{wrong}");
}

#[test]
fn bad_lines_are_neither_and_have_their_exit_code() {
    let count = |args: &[&str]| grep(MIXED, &[&["-c"], args].concat());
    assert_eq!(parts(&count(&["{\"a\":1}"])), (Some(2), "2\n", BAD));
    assert_eq!(parts(&count(&["-v", "{\"a\":1}"])), (Some(2), "1\n", BAD));
    assert_eq!(parts(&count(&["--skip-bad", "{\"a\":1}"])), (Some(0), "2\n", BAD));
    assert_eq!(parts(&count(&["--skip-bad", "{\"a\":9}"])), (Some(1), "0\n", BAD));
    let first = "-:4: a list, not an object\n";
    assert_eq!(parts(&grep(MIXED, &["--strict", "{}"])), (Some(2), "{\"a\":1}\n", first));
    assert_eq!(parts(&count(&["--strict", "{}"])), (Some(2), "1\n", first));
}

#[test]
fn ten_bad_lines_are_told_and_the_rest_counted() {
    let dir = tempfile::tempdir().unwrap();
    let bad: Vec<u8> = b"x\n{}\n".repeat(8);
    let (a, b) = (write(dir.path(), "a", &bad), write(dir.path(), "b", &bad));
    for threads in ["1", "3"] {
        let run = run(["grep", "-c", "-j", threads, "{}", &a, &b]);
        assert_eq!((run.code, &*run.out), (Some(2), "16\n"));
        let lines: Vec<&str> = run.err.lines().collect();
        assert_eq!(lines.len(), 11, "{}", run.err);
        assert_eq!(lines[7], format!("{a}:15: expected value at column 1"));
        assert_eq!(lines[9], format!("{b}:3: expected value at column 1"));
        assert_eq!(lines[10], "and 6 more bad lines");
    }
}

#[test]
fn the_exit_code_tells_whether_something_matched() {
    for flags in [&[][..], &["-c"], &["-n"], &["-j1"]] {
        let code = |filter: &str| grep(b"{\"a\":1}\n", &[flags, &[filter]].concat()).code;
        assert_eq!((code("{}"), code("{\"a\":2}"), code("{\"a\":")), (Some(0), Some(1), Some(2)), "{flags:?}");
    }
    for nothing in [&b""[..], b"\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf \r\n\n"] {
        assert_eq!(parts(&grep(nothing, &["{}"])), (Some(1), "", ""));
        assert_eq!(parts(&grep(nothing, &["-v", "{}"])), (Some(1), "", ""));
    }
}

#[test]
fn names_and_numbers_stand_before_the_line() {
    let dir = tempfile::tempdir().unwrap();
    let a = write(dir.path(), "a file", "{\"a\":1}\n\n{\"a\":2}");
    let b = write(dir.path(), "b", "\n{\"a\":2}\n");
    let two = "{\"a\":2}";
    assert_eq!(run(["grep", two, &a, &b]).ok(), format!("{two}\n{two}\n"));
    assert_eq!(run(["grep", "-H", two, &a, &b]).ok(), format!("{a}:{two}\n{b}:{two}\n"));
    assert_eq!(run(["grep", "-nH", two, &a, &b, &a]).ok(), format!("{a}:3:{two}\n{b}:2:{two}\n{a}:3:{two}\n"));
    assert_eq!(run(["grep", "-cH", "{\"a\":1}", &a, &b]).ok(), format!("{a}:1\n{b}:0\n"));
    assert_eq!(run(["grep", "-c", two, &a, &b]).ok(), "2\n");
    assert_eq!(run_with(b"{}", ["grep", "-H", "{}", &b, "-"]).ok(), format!("{b}:{two}\n-:{{}}\n"));
    assert_eq!(grep(b"{}", &["{}", "-", "-"]).ok(), "{}\n");
}

#[test]
fn a_maximum_is_over_all_files_and_nothing_shows_past_it() {
    let dir = tempfile::tempdir().unwrap();
    let a = write(dir.path(), "a", "{\"a\":1}\n{\"a\":1}\nx\n{\"a\":1}\n");
    let bad = format!("{a}:3: expected value at column 1\n");
    for threads in ["-j1", "-j2", "-j5"] {
        let most = |most: &str, extra: &[&str]| run([&["grep", threads, "-m", most], extra, &["{}", &a, &a]].concat());
        assert_eq!(parts(&most("0", &[])), (Some(1), "", ""));
        assert_eq!(parts(&most("0", &["-c"])), (Some(1), "0\n", ""));
        assert_eq!(most("2", &["-n"]).ok(), "1:{\"a\":1}\n2:{\"a\":1}\n");
        assert_eq!(parts(&most("3", &["-nc"])), (Some(2), "3\n", &*bad));
        assert_eq!(
            parts(&most("4", &["-n"])),
            (Some(2), "1:{\"a\":1}\n2:{\"a\":1}\n4:{\"a\":1}\n1:{\"a\":1}\n", &*bad)
        );
        assert_eq!(most("2", &["-cH"]).ok(), format!("{a}:2\n{a}:0\n"));
        assert_eq!(parts(&most("9", &["-c"])), (Some(2), "6\n", &*format!("{bad}{bad}")));
    }
    assert_eq!(run(["grep", "-m1", "{}", &a, "nowhere"]).ok(), "{\"a\":1}\n");
}

#[test]
fn threads_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut data = numbered(60_000);
    // Bad lines far into the file, in several pieces.
    let middle = data.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(40_000).unwrap().0;
    data.splice(middle + 1..=middle, b"bad\n\nbad\n".iter().copied());
    data.extend_from_slice(b"bad");
    let (plain, packed) = (write(dir.path(), "plain", &data), write(dir.path(), "packed", gzip(&data)));
    let filter = r#"{"NOT": [{"k": "odd"}]}"#;
    let flags: [&[&str]; 8] = [
        &[],
        &["-v"],
        &["-nH"],
        &["-c"],
        &["-m", "20000"],
        &["-m", "20001", "-n"],
        &["--strict", "-c"],
        &["-m", "25000", "--strict", "-n"],
    ];
    for flags in flags {
        let with = |threads: &str| run([&["grep", "-j", threads, filter, &plain, &packed], flags].concat());
        let one = with("1");
        assert_ne!(one.out, "");
        for threads in ["2", "7"] {
            assert!(parts(&with(threads)) == parts(&one), "{flags:?}");
        }
    }
    let model: Vec<u8> = data
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| line.ends_with(b"even\"}\n"))
        .flatten()
        .copied()
        .collect();
    let found = run(["grep", "--skip-bad", filter, &plain]);
    assert_eq!(found.code, Some(0));
    assert!(found.out.as_bytes() == model);
}

#[test]
fn compressed_files_are_known_by_their_first_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let lines = numbered(5_000);
    let skippable = b"\x50\x2A\x4D\x18\x03\x00\x00\x00abc".to_vec();
    let (first, second) = lines.split_at(lines.len() / 2);
    let packed = [
        ("plain.gz", lines.clone()),
        ("gzip", gzip(&lines)),
        ("gzip members", [gzip(first), gzip(b""), gzip(second)].concat()),
        ("zstd", zstd(&lines)),
        ("zstd frames", [zstd(first), zstd(b""), zstd(second)].concat()),
        ("zstd skippable", [skippable.clone(), zstd(&lines), skippable].concat()),
        ("gzip with a mark", gzip(&[b"\xef\xbb\xbf", &lines[..]].concat())),
    ];
    for (name, bytes) in packed {
        let file = write(dir.path(), name, &bytes);
        let found = run(["grep", "{}", &file]).ok();
        assert!(found.as_bytes() == lines, "{name}");
        assert_eq!(grep(&bytes, &["-c", "{\"k\":\"odd\"}"]).ok(), "2500\n", "{name}");
    }
    assert_eq!(grep(&gzip(b""), &["{}"]).code, Some(1));
}

#[test]
fn a_file_that_ends_early_is_an_error_and_what_was_printed_stays() {
    let dir = tempfile::tempdir().unwrap();
    let lines = numbered(50_000);
    for (name, bytes) in [("cut.gz", gzip(&lines)), ("cut.zst", zstd(&lines))] {
        let file = write(dir.path(), name, &bytes[..bytes.len() / 2]);
        let found = run(["grep", "{}", &file]);
        assert_eq!(found.code, Some(2));
        assert!(found.err.starts_with("error[io]: cannot read `") && found.err.lines().count() == 1, "{}", found.err);
        // Whole lines only, and of those nothing is missing.
        assert!(!found.out.is_empty() && found.out.ends_with('\n') && lines.starts_with(found.out.as_bytes()));
    }
    for magic in [&b"\x1f\x8b"[..], b"\x28\xb5\x2f\xfd", b"\x1f\x8bjunk"] {
        assert!(grep(magic, &["{}"]).fails().contains("error[io]"));
    }
    let trailing = grep(&[gzip(b"{}\n"), b"trailing".to_vec()].concat(), &["{}"]);
    assert_eq!((trailing.code, &*trailing.out), (Some(2), "{}\n"));
    // What only begins like a compressed file is text.
    for text in [&b"\x1f"[..], b"P", b"\x28\xb5\x2f", b"\xef\xbb"] {
        assert!(grep(text, &["{}"]).fails().starts_with("-:1: "));
    }
}

#[test]
fn a_file_that_cannot_be_read_does_not_stop_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let (good, folder) = (write(dir.path(), "good", "{}\n"), dir.path().to_str().unwrap());
    let found = run(["grep", "{}", "nowhere", &good, folder]);
    assert_eq!((found.code, &*found.out), (Some(2), "{}\n"));
    assert_eq!(found.err.matches("error[io]: cannot read").count(), 2, "{}", found.err);
    let found = run(["grep", "-cH", "--format", "json", "{}", "nowhere", &good, folder]);
    assert_eq!((found.code, found.out), (Some(2), format!("{good}:1\n")));
    let report: serde_json::Value = serde_json::from_str(&found.err).unwrap();
    assert_eq!(report["diagnostics"].as_array().unwrap().len(), 2);
    // Skipping bad lines is no leave to skip files.
    assert_eq!(run(["grep", "--skip-bad", "{}", &good, "nowhere"]).code, Some(2));
}

#[test]
fn standard_input_is_read_once() {
    let both = run_with(b"{}", ["grep", "-"]).fails();
    assert!(both.contains("error[usage]"), "{both}");
    assert_eq!(run_with(b"{}", ["grep", "-", "-"]).code, Some(2));
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "d", "{\"a\":1}\n");
    assert_eq!(run_with(b"{\"a\":1}", ["grep", "-", &file]).ok(), "{\"a\":1}\n");
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "d", numbered(100_000));
    for threads in ["-j1", "-j2"] {
        let mut child = command().args(["grep", threads, "{}", &file]).stdin(Stdio::null()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert_eq!(line, "{\"n\":0,\"k\":\"even\"}\n");
        drop(out);
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((child.wait().unwrap().code(), &*err), (Some(0), ""));
    }
    // The other commands too.
    for args in [&["fmt", "{}"][..], &["check", "--limits"], &["completions", "bash"], &["--help"]] {
        let mut child = command().args(args).stdin(Stdio::null()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr), (Some(0), vec![]), "{args:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    for args in [&["grep", "{}"][..], &["grep", "-c", "{}"], &["check", "{}"], &["fmt", "{}"]] {
        let mut child = command().args(args).stdin(Stdio::piped()).stdout(full()).spawn().unwrap();
        // A command that does not read has perhaps ended already.
        let _ = child.stdin.take().unwrap().write_all(b"{}\n");
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(err.starts_with("error[io]: cannot write to standard output"), "{err}");
        // Nor does it matter that nothing can be said.
        let mut child = command().args(["check", "{"]).stdin(Stdio::null()).stderr(full()).spawn().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(2));
    }
}

#[test]
fn a_slow_pipe_is_answered_line_by_line() {
    const PATIENCE: Duration = Duration::from_secs(60);
    for threads in ["-j1", "-j3"] {
        let mut child = command().args(["grep", threads, "-m2", "{}"]).stdin(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || out.lines().try_for_each(|line| sender.send(line.unwrap())));
        // The shortest line: shorter than what tells a compressed file.
        pipe.write_all(b"{}\n").unwrap();
        assert_eq!(lines.recv_timeout(PATIENCE).unwrap(), "{}");
        pipe.write_all(b"{\"a\":").unwrap();
        pipe.write_all(b"1}\n{").unwrap();
        assert_eq!(lines.recv_timeout(PATIENCE).unwrap(), "{\"a\":1}");
        // It ends although the pipe stays open.
        let start = Instant::now();
        while child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < PATIENCE);
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(child.wait().unwrap().code(), Some(0));
        drop(pipe);
    }
}

#[test]
fn long_and_deep_lines_are_lines() {
    let long = format!("{{\"s\":\"{}\"}}\n{{\"a\":1}}\n", "x".repeat(20_000_000));
    assert_eq!(grep(long.as_bytes(), &["-n", "{\"a\":1}"]).ok(), "2:{\"a\":1}\n");
    assert_eq!(grep(long.as_bytes(), &["-c", r#"{"field":"s","operator":"ends_with","value":"xx"}"#]).ok(), "1\n");

    let deep = 1_000_000;
    let lists = format!("{{\"a\":{}1{}}}\n{{\"a\":1}}", "[".repeat(deep), "]".repeat(deep));
    assert_eq!(grep(lists.as_bytes(), &["-n", "{\"a\":1}"]).ok(), "2:{\"a\":1}\n");
    assert_eq!(grep(lists.as_bytes(), &["-c", r#"{"field":"a","operator":"exists"}"#]).ok(), "2\n");
    let open = format!("{{\"a\":{}\n{{\"a\":1}}", "[".repeat(5 * deep));
    let found = grep(open.as_bytes(), &["-n", "{}"]);
    assert_eq!((found.code, &*found.out), (Some(2), "2:{\"a\":1}\n"));
    assert!(found.err.starts_with("-:1: ") && found.err.len() < 200, "{}", found.err);
}

#[test]
fn junk_is_bad_lines() {
    // Every byte, in an order without any structure.
    let mut state = 1_u32;
    let junk = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let junk: Vec<u8> = junk.take(600_000).collect();
    let lines = junk.split(|byte| *byte == b'\n').filter(|line| !line.iter().all(|byte| b" \t\r".contains(byte)));
    let found = grep(&[b"x", &junk[..]].concat(), &["-c", "{}"]);
    assert_eq!((found.code, &*found.out), (Some(2), "0\n"));
    assert_eq!(found.err.lines().last(), Some(&*format!("and {} more bad lines", lines.count() - 10)));
}

#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_the_file() {
    let mut child = command().args(["grep", "-c", "-j2", "{\"k\":\"odd\"}"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let (block, blocks) = (numbered(20_000), 80);
    let peak = |id: u32| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    };
    for _ in 0..blocks {
        pipe.write_all(&block).unwrap();
    }
    let (bytes, peak) = (block.len() * blocks, peak(child.id()));
    assert!(bytes > 30_000_000 && peak < bytes / 2, "{peak} for {bytes}");
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"800000\n");
}
