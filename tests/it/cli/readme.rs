//! The commands of the README, run as they stand there, and what it says that they print.

#![cfg(unix)]

use std::path::Path;
use std::process::{Command, Stdio};

/// The text of the README, and its blocks of code in turn: where each begins, what it is in, what stands in it.
fn blocks(readme: &str) -> Vec<(usize, &str, &str)> {
    let mut blocks = Vec::new();
    let mut at = 0;
    while let Some(opens) = readme[at..].find("\n```").map(|found| at + found + 4) {
        let language = readme[opens..].find('\n').unwrap() + opens;
        let closes = readme[language..].find("\n```").unwrap() + language;
        blocks.push((opens - 3, &readme[opens..language], &readme[language + 1..=closes]));
        at = closes + 4;
    }
    blocks
}

/// Whether a text is another in which each `…` stands for letters and digits, for all that are there.
fn is_like(found: &str, wanted: &str) -> bool {
    let mut pieces = wanted.split('…');
    let Some(mut rest) = found.strip_prefix(pieces.next().unwrap()) else { return false };
    for piece in pieces {
        let random = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric()).len();
        match rest[random..].strip_prefix(piece) {
            Some(after) if random > 0 => rest = after,
            _ => return false,
        }
    }
    rest.is_empty()
}

/// Runs lines as a shell does, in a folder that looks like a clone with the command built; gives all that they print, and the
/// exit code.
fn shell(dir: &Path, lines: &str) -> (String, Option<i32>) {
    let bin = Path::new(env!("CARGO_BIN_EXE_trommel")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec 2>&1\n{lines}")]).current_dir(dir).env("PATH", path).stdin(Stdio::null());
    let output = shell.output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

/// What builds the command with the endpoint.
const BUILD_SERVER: &str = "cargo build --release --features cli,server\n";

/// A port that nobody has at the moment.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn the_commands_of_the_readme_print_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("target")).unwrap();
    std::os::unix::fs::symlink(root.join("examples"), dir.path().join("examples")).unwrap();
    let blocks = blocks(&readme);
    let shells = blocks.iter().enumerate().filter(|(_, (_, language, _))| *language == "sh");
    let mut told = Vec::new();
    for (at, (_, _, lines)) in shells {
        let is_left_out = cfg!(not(feature = "server")) && lines.starts_with(BUILD_SERVER);
        if *lines == "cargo test --all-features\n" || is_left_out {
            continue;
        }
        // It is built already.
        let build = "cargo build --release --features cli && PATH=\"$PWD/target/release:$PATH\" && ";
        let is_first = told.is_empty();
        assert_eq!(lines.starts_with(build), is_first, "{lines}");
        let lines = lines.strip_prefix(build).unwrap_or(lines).replace(BUILD_SERVER, "");
        // Somebody else may have the port that a person is told.
        let lines = lines.replace(":8080", &format!(":{}", free_port()));
        let (printed, code) = shell(dir.path(), &lines);
        // What stands right below it is all of what it prints.
        if let Some((begins, language @ ("json" | "text"), wanted)) = blocks.get(at + 1)
            && readme[..*begins].ends_with("```\n\n")
        {
            assert!(is_like(&printed, wanted), "{lines}\nprints\n{printed}\nand not ({language})\n{wanted}");
        }
        assert_eq!(code, Some(if printed.contains("error[") { 2 } else { 0 }), "{lines}\n{printed}");
        told.push(printed);
    }
    #[cfg(feature = "server")]
    assert!(told.pop().is_some_and(|served| served.contains("497 objects queued")));
    let [first, triggered, saved, found] = &told[..] else { panic!("{told:?}") };
    assert!(triggered.starts_with('{') && saved.contains("error[stale_plan]"));
    // The preview that the first command ends in is the one that is explained.
    let preview =
        blocks.iter().find(|(_, language, text)| *language == "text" && text.starts_with("trigger ")).unwrap().2;
    assert!(first.ends_with(&format!("\n{preview}")), "{first}\n{preview}");
    // And the last line that is found.
    let order = blocks.iter().find(|(_, language, text)| *language == "json" && text.contains("ord_")).unwrap().2;
    assert!(found.ends_with(&format!("\n{order}")), "{found}");
    assert!(readme.contains(&format!("prints the orders, {} of 48,", found.lines().count())));
}

#[test]
fn a_letter_that_differs_is_seen() {
    assert!(is_like("a12-b\n", "a…-b\n") && is_like("ab", "ab") && is_like("x1-2.", "x…-…."));
    for (found, wanted) in [("a12-b\n", "a…-c\n"), ("a-b", "a…-b"), ("ab", "abc"), ("abc", "ab"), ("a b", "a…")] {
        assert!(!is_like(found, wanted), "{found} {wanted}");
    }
}
