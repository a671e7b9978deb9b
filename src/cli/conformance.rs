//! `trommel conformance`: whether somebody's backend, a program of theirs, answers as the law says.

mod child;

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use trommel::conformance::{Report, Suite};

use self::child::Child;
use super::Answer;
use super::output::{FORMAT_VERSION, Failure, Format, Output, note};

/// Ask a backend of yours, a program that reads questions and writes answers, everything that the suite asks
///
/// For each line `{"id":n,"filter":F,"schema":S|null,"documents":[…]}` on its standard input it writes one line to its
/// standard output: `{"id":n,"matches":[0,2]}`, the indexes of the documents that match, or `{"id":n,"unsupported":"why"}`.
#[derive(Debug, Args)]
pub(super) struct ConformanceArgs {
    /// The program and its arguments, with quotes as in a shell; no shell runs it
    #[arg(long, value_name = "CMD")]
    backend: String,
    /// How many generated filters to ask beside the cases
    #[arg(long, value_name = "N", default_value_t = 1000)]
    generated: usize,
    /// Other generated filters
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How long one answer may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

#[derive(Serialize)]
struct Printed<'r> {
    format_version: u32,
    seed: u64,
    #[serde(flatten)]
    report: &'r Report,
}

pub(super) fn run(args: &ConformanceArgs, output: &Output) -> Result<Answer, Failure> {
    let mut child = Child::start(&args.backend, Duration::from_secs(args.timeout))?;
    let report = Suite::new().generated(args.generated).seed(args.seed).run(&mut child);
    match output.format {
        Format::Json => {
            let format_version = FORMAT_VERSION;
            output.print_json(&Printed { format_version, seed: args.seed, report: &report })?;
        }
        Format::Text | Format::Mermaid => output.write(|out| write!(out, "{report}"))?,
    }
    let after = child.finish();
    if let Some(mistake) = &after {
        note(mistake);
    }
    // What it cannot answer is no disagreement; the table has it.
    Ok(if report.agreed() && after.is_none() { Answer::Yes } else { Answer::No })
}
