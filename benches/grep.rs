//! What `trommel grep` costs beside a loop that only parses each line with `serde_json`, on one thread and on all.
//!
//! `TROMMEL_SAMPLE=FILE` names NDJSON to measure on (plain or gzip), and `TROMMEL_FILTER=FILTER` the filter; without
//! them, records like those of a vulnerability database are made up.

mod ratio;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::read::MultiGzDecoder;
use ratio::{Rival, compare};
use serde_json::Value as Json;

const FILTER: &str = r#"{"AND": [{"field": "containers.cna.affected.vendor", "operator": "ne", "value": "Linux"},
    {"field": "containers.cna.metrics.cvss.baseSeverity", "operator": "in", "value": ["HIGH", "CRITICAL"]}]}"#;

/// Ten thousand nested records of 1 to 20 KB.
fn made_up() -> String {
    let mut text = String::new();
    for at in 0..10_000_usize {
        let severity = ["LOW", "MEDIUM", "HIGH", "CRITICAL"][at % 4];
        let vendor = ["Linux", "Acme", "Initech"][at % 3];
        let references = (0..at % 37).map(|n| json_reference(at, n)).collect::<Vec<_>>().join(",");
        let _ = writeln!(
            text,
            r#"{{"id":"REC-{at}","containers":{{"cna":{{"affected":[{{"vendor":"{vendor}","versions":[{{"version":"{at}","lessThan":"{}.5"}}]}}],"metrics":[{{"cvss":{{"baseSeverity":"{severity}","baseScore":{}.{}}}}}],"descriptions":[{{"lang":"en","value":"{}"}}],"references":[{references}]}}}}}}"#,
            at + 1,
            at % 10,
            at % 7,
            "A flaw in how input is read \\u2014 allows others to see what they should not. ".repeat(1 + at % 30),
        );
    }
    text
}

fn json_reference(at: usize, n: usize) -> String {
    format!(r#"{{"url":"https://example.org/advisories/{at}/{n}","tags":["vendor-advisory","patch"]}}"#)
}

/// The baseline: parses each line, and nothing else.
fn parse_lines(input: impl Read) -> usize {
    let mut input = BufReader::with_capacity(1 << 20, input);
    let mut line = Vec::new();
    let mut parsed = 0;
    while input.read_until(b'\n', &mut line).expect("a readable file") > 0 {
        parsed += usize::from(serde_json::from_slice::<Json>(&line).is_ok());
        line.clear();
    }
    parsed
}

fn grep(filter: &str, file: &Path, options: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trommel"));
    command.args(["grep", "-c", filter]).arg(file).args(options).stdout(Stdio::null());
    let status = command.status().expect("the program runs");
    assert!(status.code().is_some_and(|code| code < 2), "{status}");
}

fn main() {
    let filter = std::env::var("TROMMEL_FILTER").unwrap_or(FILTER.to_owned());
    let folder = tempfile::tempdir().expect("a folder");
    let plain = folder.path().join("sample.ndjson");
    match std::env::var("TROMMEL_SAMPLE") {
        Ok(sample) if sample.ends_with(".gz") => {
            let mut file = fs::File::create(&plain).expect("a file");
            let packed = fs::File::open(sample).expect("the sample");
            std::io::copy(&mut MultiGzDecoder::new(packed), &mut file).expect("the sample, unpacked");
        }
        Ok(sample) => drop(fs::copy(sample, &plain).expect("the sample")),
        Err(_) => fs::write(&plain, made_up()).expect("a file"),
    }
    let packed = folder.path().join("sample.ndjson.gz");
    let mut encoder = flate2::write::GzEncoder::new(fs::File::create(&packed).expect("a file"), Default::default());
    std::io::copy(&mut fs::File::open(&plain).expect("a file"), &mut encoder).expect("packed");
    encoder.finish().expect("packed");

    let size = fs::metadata(&plain).expect("a file").len() >> 20;
    compare(
        &format!("{size} MiB of NDJSON; the target is at most 1.2 x"),
        &mut [
            Rival::new("serde_json parses each line", || parse_lines(fs::File::open(&plain).expect("a file"))),
            Rival::new("trommel grep --threads 1", || grep(&filter, &plain, &["--threads", "1"])),
            Rival::new("trommel grep", || grep(&filter, &plain, &[])),
        ],
    );
    compare(
        "the same in gzip",
        &mut [
            Rival::new("serde_json parses each line", || {
                parse_lines(MultiGzDecoder::new(fs::File::open(&packed).expect("a file")))
            }),
            Rival::new("trommel grep --threads 1", || grep(&filter, &packed, &["--threads", "1"])),
            Rival::new("trommel grep", || grep(&filter, &packed, &[])),
        ],
    );
}
