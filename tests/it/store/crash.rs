//! A store whose program is killed at any moment, and one that many programs write to.

#![cfg(all(unix, feature = "cli"))]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use serde_json::{Value as Json, json};
use trommel::Code;
use trommel::store::{Destination, NamespaceStats, Store};

use super::{Dice, check};

const ROUNDS: usize = 200;
const OBJECTS: usize = 4_000;

fn spawn(args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trommel"));
    let [first, rest @ ..] = args else { panic!("a command") };
    command.arg(first).args(rest).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Whether somebody has begun a write that is not committed.
fn is_writing(file: &Path) -> bool {
    let connection = Connection::open(file).unwrap();
    connection.busy_timeout(Duration::ZERO).unwrap();
    match connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK") {
        Ok(()) => false,
        // It was stopped while it opened or closed the file.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::FileLockingProtocolFailed) => false,
        Err(error) => {
            assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy), "{error}");
            true
        }
    }
}

/// Waits until the program writes, or has ended.
fn wait_for_a_write(file: &Path, child: &mut Child) {
    while !is_writing(file) && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn count(file: &Path, sql: &str) -> usize {
    Connection::open(file).unwrap().query_row(sql, (), |row| row.get::<_, i64>(0)).unwrap() as usize
}

/// How many objects are there beside a program that is stopped; none where it keeps others from looking.
fn committed(file: &Path) -> usize {
    let count = "SELECT count(*) FROM objects";
    Connection::open(file).unwrap().query_row(count, (), |row| row.get::<_, i64>(0)).unwrap_or(0) as usize
}

#[test]
fn a_killed_program_leaves_all_or_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("s");
    let name = file.to_str().unwrap();
    let mut store = Store::create(&file).unwrap();
    store.apply("shop", crate::plan::brute::catalog()).unwrap();
    let mut import = store.import("shop", Destination::Bucket("photos")).unwrap();
    for n in 0..OBJECTS {
        import
            .add(json!({"object_id": format!("o{n}"), "text": "x".repeat(100)}).to_string().as_bytes())
            .unwrap()
            .unwrap();
    }
    import.finish().unwrap();
    drop(store);
    let lines = dir.path().join("lines");
    let whole =
        ["store", "import", name, "--namespace", "shop", "--bucket", "scans", lines.to_str().unwrap(), "--strict"];
    let in_chunks = &whole[..whole.len() - 1];
    let trigger = ["trigger", "frames", "--store", name, "--namespace", "shop"];
    let write_lines = |round: &str| {
        let line = |n| format!("{}\n", json!({"object_id": format!("{round}-{n}"), "text": "y".repeat(100)}));
        std::fs::write(&lines, (0..OBJECTS).map(line).collect::<String>()).unwrap();
    };
    // So that the store does not grow, and looking at all of it after each kill stays cheap.
    let delete = |round: &str| {
        let connection = Connection::open(&file).unwrap();
        connection.execute("DELETE FROM objects WHERE object_id LIKE ? || '-%'", [round]).unwrap();
        connection.execute_batch("DELETE FROM batch_members; DELETE FROM batches").unwrap();
    };
    // How long each takes when it is left alone.
    write_lines("first");
    let times = [&whole[..], in_chunks, &trigger].map(|args| {
        let start = Instant::now();
        assert!(spawn(args).wait().unwrap().success());
        start.elapsed().as_micros() as usize
    });
    delete("first");
    // Of imports and of triggers.
    let (mut while_writing, mut dice) = ([0, 0], Dice::of(7));
    for round in 0..ROUNDS {
        let before = (count(&file, "SELECT count(*) FROM objects"), count(&file, "SELECT count(*) FROM batches"));
        write_lines(&round.to_string());
        // One transaction; a trigger; a transaction a chunk.
        let (is_import, is_whole) = (round % 2 == 0, round % 4 == 0);
        let (args, time) = match (is_import, is_whole) {
            (true, true) => (&whole[..], times[0]),
            (true, false) => (in_chunks, times[1]),
            (false, _) => (&trigger[..], times[2]),
        };
        let mut child = spawn(args);
        // At any moment of the program's life, or a moment after its first write, however long the machine takes until then.
        let within = if round % 8 < 4 { time } else { time / 10 };
        if within < time {
            wait_for_a_write(&file, &mut child);
        }
        std::thread::sleep(Duration::from_micros(dice.below(within) as u64));
        // Stopped, so that nothing happens between the look and the kill.
        let pid = child.id().to_string();
        Command::new("kill").args(["-STOP", &pid]).status().unwrap();
        while_writing[usize::from(!is_import)] += usize::from(is_writing(&file));
        let committed = committed(&file);
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        let answered = !output.stdout.is_empty();
        let after = (count(&file, "SELECT count(*) FROM objects"), count(&file, "SELECT count(*) FROM batches"));
        let (none, all) = if is_import {
            ((before.0, before.1), (before.0 + OBJECTS, before.1))
        } else {
            ((before.0, before.1), (before.0, before.1 + 1))
        };
        let is_a_chunk = is_import && !is_whole && after.1 == before.1 && (none.0..=all.0).contains(&after.0);
        assert!(after == none || after == all || is_a_chunk, "round {round}: {before:?} {after:?}");
        assert!(after.0 >= committed, "round {round}: {committed} {after:?}");
        // What was answered was committed.
        assert!(!answered || after == all, "round {round}: {before:?} {after:?}");
        check(&file, after.1);
        if after != none {
            delete(&round.to_string());
        }
    }
    let [imports, triggers] = while_writing;
    let half = ROUNDS / 2;
    println!(
        "killed after the first write and before the commit: {imports} of {half} imports, {triggers} of {half} triggers"
    );
    assert!(imports * 10 >= half * 3 && triggers * 10 >= half * 3, "only {imports} and {triggers} of {half} each");
}

#[test]
fn programs_beside_each_other_lose_nothing() {
    const EACH: usize = 8;
    const LINES: usize = 50;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("s");
    let name = file.to_str().unwrap();
    Store::create(&file).unwrap().apply("shop", crate::plan::brute::catalog()).unwrap();
    let ran = |args: &[&str]| {
        let output = spawn(args).wait_with_output().unwrap();
        assert!(output.status.success(), "{args:?}");
        serde_json::from_slice::<Json>(&output.stdout).unwrap()
    };
    // Half of the workers import, each into one bucket; half trigger.
    let work = |worker: usize| -> BTreeMap<String, u64> {
        let lines = dir.path().join(format!("lines{worker}"));
        let bucket = if worker.is_multiple_of(4) { "photos" } else { "scans" };
        let mut counts = BTreeMap::new();
        for round in 0..EACH {
            if worker.is_multiple_of(2) {
                let line = |n| format!("{}\n", json!({"object_id": format!("{worker}-{round}-{n}")}));
                std::fs::write(&lines, (0..LINES).map(line).collect::<String>()).unwrap();
                let lines = lines.to_str().unwrap();
                let import =
                    ["store", "import", name, "--namespace", "shop", "--bucket", bucket, lines, "--format", "json"];
                assert_eq!(ran(&import)["added"], LINES);
            } else {
                let response = ran(&["trigger", "frames", "--store", name, "--namespace", "shop"]);
                let batch = response["batch_id"].as_str().unwrap().to_owned();
                counts.insert(batch, response["object_count"].as_u64().unwrap());
            }
        }
        counts
    };
    let work = &work;
    let counts: Vec<BTreeMap<String, u64>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..8).map(|worker| scope.spawn(move || work(worker))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    assert_eq!(count(&file, "SELECT count(*) FROM objects"), 4 * EACH * LINES);
    let store = Store::open_to_read(&file).unwrap();
    for (batch, count) in counts.iter().flatten() {
        assert_eq!(store.batch_members(batch).unwrap().len() as u64, *count);
        // Imports are whole: all lines, or none.
        assert_eq!(count % LINES as u64, 0);
    }
    check(&file, 4 * EACH);
}

#[test]
fn a_killed_demo_is_whole_or_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let start = Instant::now();
    assert!(spawn(&["store", "demo", at("whole").to_str().unwrap()]).wait().unwrap().success());
    let time = start.elapsed().as_micros() as usize;
    let whole = Store::open(&at("whole")).unwrap().stats().unwrap();
    let (mut while_writing, mut dice) = (0, Dice::of(11));
    for round in 0..20 {
        let file = at(&format!("demo{round}"));
        let mut child = spawn(&["store", "demo", file.to_str().unwrap()]);
        std::thread::sleep(Duration::from_micros(dice.below(time) as u64));
        if round % 2 == 0 && file.exists() {
            wait_for_a_write(&file, &mut child);
        }
        Command::new("kill").args(["-STOP", &child.id().to_string()]).status().unwrap();
        while_writing += usize::from(file.exists() && is_writing(&file));
        child.kill().unwrap();
        child.wait().unwrap();
        match Store::open_to_read(&file) {
            Ok(mut store) => assert_eq!(members(&store.stats().unwrap()), members(&whole), "round {round}"),
            // What is there is no store yet, and may become one.
            Err(error) => {
                assert!(matches!(error.code(), Code::Io | Code::Unsupported), "{error}");
                assert_eq!(members(&Store::create_demo(&file).unwrap().stats().unwrap()), members(&whole));
            }
        }
        check(&file, 0);
    }
    println!("killed 20 times, {while_writing} of them while the demo was written");
    assert!(while_writing >= 5, "only {while_writing}");
}

/// How many members each bucket and collection has, by their ids.
fn members(stats: &[NamespaceStats]) -> Vec<(&str, u64)> {
    let tables = stats.iter().flat_map(|namespace| namespace.buckets.iter().chain(&namespace.collections));
    tables.map(|table| (&*table.id, table.members)).collect()
}
