//! `trommel why`: for each document, why it matches or not.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use trommel::{Code, Diagnostic, WhyTree};

use super::Answer;
use super::documents::{each_document, files_or_stdin};
use super::filter::FilterArgs;
use super::output::{Failure, Format, Output};

/// Show why each document matches or not
///
/// `>` marks what decided; beside each condition stand the values found at its path.
#[derive(Debug, Args)]
pub(super) struct WhyArgs {
    /// @FILE, - for standard input, or the filter itself
    filter: String,
    /// NDJSON files, plain, gzip or zstd; none, or -: standard input
    data: Vec<PathBuf>,
    #[command(flatten)]
    with: FilterArgs,
}

#[derive(Serialize)]
struct Report<'w> {
    line: u64,
    matches: bool,
    tree: &'w WhyTree<'w>,
}

pub(super) fn run(args: &WhyArgs, output: &Output) -> Result<Answer, Failure> {
    let files = files_or_stdin(&args.data);
    if args.filter == "-" && files.iter().any(|file| file == Path::new("-")) {
        let message = "standard input cannot be both the filter and the documents";
        return Err(Diagnostic::error(Code::Usage, message).hint("name the files of the documents").into());
    }
    let reference = args.with.load(&args.filter)?.reference()?;
    let is_whole = each_document(&files, output, |line| {
        let tree = reference.why(&line.document);
        match output.format {
            Format::Json => output.print_json(&Report { line: line.number, matches: tree.matches(), tree: &tree }),
            Format::Text | Format::Mermaid => {
                let text = tree.to_string();
                output.print(format_args!("{}:{}: {}", line.file.display(), line.number, text.trim_end()))
            }
        }
    })?;
    Ok(if is_whole { Answer::Yes } else { Answer::Failed })
}
