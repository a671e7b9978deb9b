//! `store` as somebody at a terminal sees it, and as somebody who may not write meets it.

#![cfg(unix)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{run, write};

const CATALOG: &str = r#"{"buckets": [{"bucket_id": "b"}],
    "collections": [{"collection_id": "c", "source": {"type": "bucket", "bucket_ids": ["b"]}}]}"#;

/// A store with this many objects, and the file that they were read from.
fn store(dir: &Path, objects: usize) -> (String, String) {
    let file = dir.join("s.trm").to_str().unwrap().to_owned();
    run(["store", "init", &file]).ok();
    run(["store", "apply", &file, "--namespace", "n", &write(dir, "catalog.json", CATALOG)]).ok();
    let lines: String = (0..objects).map(|n| format!("{}\n", json!({"object_id": n.to_string(), "n": n}))).collect();
    let lines = write(dir, "lines", lines);
    run(["store", "import", &file, "--namespace", "n", "--bucket", "b", &lines, "-q"]).ok();
    (file, lines)
}

/// What the command writes to its stderr, which is a terminal.
#[cfg(target_os = "linux")]
pub(super) fn drawn(args: &[&str]) -> String {
    use std::io::Read as _;
    use std::process::Stdio;

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let screen = fs::File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let mut command = super::command();
    command.args(args).env("TERM", "xterm").stdin(Stdio::null()).stdout(Stdio::null()).stderr(screen);
    let mut child = command.spawn().unwrap();
    // Nobody has the screen open any more once the command has ended.
    drop(command);
    let mut drawn = Vec::new();
    // Linux tells the end by an error.
    let _ = fs::File::from(terminal).read_to_end(&mut drawn);
    assert!(child.wait().unwrap().success());
    String::from_utf8(drawn).unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn an_import_shows_its_progress_on_a_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let (file, lines) = store(dir.path(), 20_000);
    let import = ["store", "import", &file, "--namespace", "n", "--bucket", "b", &lines];
    let shown = drawn(&import);
    let total = fs::metadata(&lines).unwrap().len() / 1024;
    assert!(shown.contains(&format!(" of {total}.")) && shown.contains(" left"), "{total} {shown:?}");
    assert_eq!(drawn(&[&import[..], &["-q"]].concat()), "");
}

/// Runs the command as somebody who may not write what is protected: where root runs the tests, that is nobody else than
/// `nobody`.
fn as_anybody(dir: &Path, args: &[&str]) -> (Option<i32>, String) {
    let program = dir.join("bin/trommel");
    if !program.exists() {
        fs::create_dir(dir.join("bin")).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_trommel"), &program).unwrap();
        for path in [dir, &dir.join("bin"), &program] {
            fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        }
    }
    let mut command = Command::new(program);
    if fs::metadata(dir).unwrap().uid() == 0 {
        command.uid(65_534).gid(65_534);
    }
    let output = command.args(args).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_file_that_may_not_be_written_is_planned_over_and_not_triggered() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("folder");
    fs::create_dir(&folder).unwrap();
    let (file, _) = store(&folder, 10);
    let before = fs::read(&file).unwrap();
    let over = ["c", "--store", &file, "--namespace", "n"];
    let run = |command: &str| as_anybody(dir.path(), &[&[command], &over[..]].concat());

    fs::set_permissions(&file, Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
    assert_eq!(run("plan"), (Some(0), String::new()));
    let (code, refused) = run("trigger");
    assert!(code == Some(2) && refused.contains("error[database]"), "{refused}");
    assert!(refused.contains("the file, or its folder, may not be written"), "{refused}");
    assert_eq!(fs::read(&file).unwrap(), before);

    // Neither may the folder: SQLite cannot make the files that it needs beside a store that nobody has open.
    for beside in ["s.trm-wal", "s.trm-shm"] {
        let _ = fs::remove_file(folder.join(beside));
    }
    fs::set_permissions(&folder, Permissions::from_mode(0o555)).unwrap();
    for command in ["plan", "trigger"] {
        let (code, refused) = run(command);
        assert!(code == Some(2) && refused.contains("error[io]: cannot open `"), "{refused}");
        assert!(refused.contains("hint: copy it to a folder that may be written"), "{refused}");
    }
    // What may not even be read is told by the system.
    fs::set_permissions(&file, Permissions::from_mode(0o000)).unwrap();
    let (code, refused) = run("plan");
    assert!(code == Some(2) && refused.contains("error[io]") && refused.contains("denied"), "{refused}");
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(fs::read(&file).unwrap(), before);
}
