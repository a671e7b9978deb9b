//! `trommel grep`: the lines of NDJSON files that match.
//!
//! ```text
//! files → input (read, decompress, cut at newlines) → scan (parse and match, on many threads) → print, in order
//! ```

mod input;
mod ordered;
mod scan;

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use trommel::{Code, Diagnostic, Error, Matcher};

use super::Answer;
use super::filter::FilterArgs;
use super::output::{Failure, Format, Output, note};
use input::Lines;
pub(super) use input::{Piece, Pieces};
use ordered::{Lost, ordered};
pub(super) use scan::{BAD_LINES_REPORTED, is_blank};
use scan::{BadLines, Scan, Scanned, Scanner};

/// Print the documents that match, each as it stands in its file
#[derive(Debug, Args)]
pub(super) struct GrepArgs {
    /// @FILE, - for standard input, or the filter itself
    filter: String,
    /// NDJSON files, plain, gzip or zstd; none, or -: standard input
    data: Vec<PathBuf>,
    /// Print only the number of matching documents
    #[arg(short, long)]
    count: bool,
    /// Print the documents that do not match
    #[arg(short = 'v', long)]
    invert_match: bool,
    /// Stop after N matches, over all files
    #[arg(short, long, value_name = "N")]
    max_count: Option<u64>,
    /// Print the line number before each line
    #[arg(short = 'n', long)]
    line_number: bool,
    /// Print the file name before each line or number
    #[arg(short = 'H', long)]
    with_filename: bool,
    /// How many threads match; default: the number of cores
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Stop at the first line that is no document
    #[arg(long, conflicts_with = "skip_bad")]
    strict: bool,
    /// Lines that are no documents do not make the exit code 2
    #[arg(long)]
    skip_bad: bool,
    #[command(flatten)]
    with: FilterArgs,
}

pub(super) fn run(args: &GrepArgs, output: &Output) -> Result<Answer, Failure> {
    let stdin = Path::new("-");
    let files = if args.data.is_empty() { vec![stdin.to_owned()] } else { args.data.clone() };
    if args.filter == "-" && files.iter().any(|file| file == stdin) {
        let message = "standard input cannot be both the filter and the documents";
        return Err(Diagnostic::error(Code::Usage, message).hint("name the files of the documents").into());
    }
    let matcher = Matcher::new(&args.with.load(&args.filter)?.predicate()?);
    Grep::new(args, output, files, matcher).run()
}

/// A run over all files, and what it has found so far.
struct Grep<'a> {
    args: &'a GrepArgs,
    output: &'a Output,
    files: Vec<PathBuf>,
    scanner: Arc<Scanner>,
    progress: ProgressBar,
    /// How many may still match.
    remaining: u64,
    /// How many matched, by file; `None` for a file that could not be read.
    counts: Vec<Option<u64>>,
    bad_lines: u64,
    has_failed: bool,
    /// The errors that are reported at the end.
    errors: Vec<Error>,
}

impl<'a> Grep<'a> {
    fn new(args: &'a GrepArgs, output: &'a Output, files: Vec<PathBuf>, matcher: Matcher) -> Grep<'a> {
        let remaining = args.max_count.unwrap_or(u64::MAX);
        let names = || files.iter().map(|file| file.as_os_str().as_encoded_bytes().to_vec()).collect();
        let scanner = Arc::new(Scanner {
            matcher,
            invert: args.invert_match,
            count: args.count,
            numbers: args.line_number,
            names: args.with_filename.then(names),
            strict: args.strict,
            most: remaining,
        });
        let (progress, counts) = (progress(args, output, &files), vec![Some(0); files.len()]);
        let (bad_lines, has_failed, errors) = (0, false, Vec::new());
        Grep { args, output, files, scanner, progress, remaining, counts, bad_lines, has_failed, errors }
    }

    fn run(mut self) -> Result<Answer, Failure> {
        let done = self.scan_files().and_then(|()| self.print_counts());
        self.progress.finish_and_clear();
        let is_closed = matches!(done, Err(Failure::ClosedPipe));
        if let Err(failure) = done {
            self.fail(failure);
        }
        let more = self.bad_lines.saturating_sub(BAD_LINES_REPORTED as u64);
        if more > 0 && !is_closed {
            note(format_args!("and {more} more bad lines"));
        }
        let errors = std::mem::take(&mut self.errors);
        if !errors.is_empty() {
            self.output.report(&Failure::Mistakes { errors, source: String::new() });
        }
        Ok(self.answer())
    }

    fn answer(&self) -> Answer {
        if self.has_failed || (self.bad_lines > 0 && !self.args.skip_bad) {
            Answer::Failed
        } else if self.counts.iter().flatten().any(|count| *count > 0) {
            Answer::Yes
        } else {
            Answer::No
        }
    }

    fn scan_files(&mut self) -> Result<(), Failure> {
        if self.remaining == 0 {
            return Ok(());
        }
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.args.threads.map_or_else(cores, usize::from);
        let pieces = Pieces::new(self.files.clone(), self.progress.clone());
        let scanner = Arc::clone(&self.scanner);
        let results = ordered(threads, pieces, move |piece| scanner.scan(piece));
        for result in results.map_err(|error| Failure::io("cannot start a thread", &error))? {
            let lost = |Lost| Diagnostic::error(Code::Internal, "a thread ended before its work was done");
            match result.map_err(lost)? {
                Scanned::Failed { file, error } => self.file_failed(file, &error),
                Scanned::Lines(lines, scan) => {
                    if self.take(&lines, scan)?.is_break() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Prints what some lines gave, and tells whether to go on.
    fn take(&mut self, lines: &Lines, mut scan: Scan) -> Result<ControlFlow<()>, Failure> {
        let is_last = scan.matched >= self.remaining;
        if is_last {
            // The threads do not know how many matched before. So that nothing past the last match shows, whatever the
            // threads, these lines are read again up to there.
            scan = self.scanner.scan_lines(lines, self.remaining);
        }
        self.remaining -= scan.matched;
        if let Some(count) = &mut self.counts[lines.file] {
            *count += scan.matched;
        }
        if !scan.out.is_empty() {
            let mut out = io::stdout().lock();
            out.write_all(&scan.out).and_then(|()| out.flush()).map_err(|error| Failure::stdout(&error))?;
        }
        let has_bad = scan.bad.count > 0;
        self.report_bad(lines.file, &scan.bad);
        Ok(if is_last || (has_bad && self.args.strict) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn report_bad(&mut self, file: usize, bad: &BadLines) {
        let room = (BAD_LINES_REPORTED as u64).saturating_sub(self.bad_lines);
        let name = self.files[file].display();
        for (line, reason) in bad.first.iter().take(room as usize) {
            self.progress.suspend(|| note(format_args!("{name}:{line}: {reason}")));
        }
        self.bad_lines += bad.count;
    }

    fn file_failed(&mut self, file: usize, error: &io::Error) {
        // A file that was not read to its end is not said to hold nothing.
        self.counts[file] = self.counts[file].filter(|count| *count > 0);
        self.fail(Failure::unreadable(&self.files[file], error));
    }

    /// Notes an error: text is reported at once, JSON as one object at the end.
    fn fail(&mut self, failure: Failure) {
        let Failure::Mistakes { errors, .. } = &failure else { return };
        self.has_failed = true;
        match self.output.format {
            Format::Text | Format::Mermaid => self.progress.suspend(|| self.output.report(&failure)),
            Format::Json => self.errors.extend_from_slice(errors),
        }
    }

    fn print_counts(&self) -> Result<(), Failure> {
        if !self.args.count {
            return Ok(());
        }
        if !self.args.with_filename {
            return self.output.print(self.counts.iter().flatten().sum::<u64>());
        }
        self.output.write(|out| {
            for (file, count) in self.files.iter().zip(&self.counts) {
                let Some(count) = count else { continue };
                out.write_all(file.as_os_str().as_encoded_bytes())?;
                writeln!(out, ":{count}")?;
            }
            Ok(())
        })
    }
}

/// How much of the files is read, for somebody who watches. Where the lines go to a terminal too, they show it.
fn progress(args: &GrepArgs, output: &Output, files: &[PathBuf]) -> ProgressBar {
    if args.count || !io::stdout().is_terminal() { progress_over(output, files) } else { ProgressBar::hidden() }
}

/// A progress bar over the bytes of files, on stderr where somebody watches that.
pub(super) fn progress_over(output: &Output, files: &[PathBuf]) -> ProgressBar {
    if output.quiet || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let size = |file: &PathBuf| std::fs::metadata(file).ok().filter(|found| found.is_file()).map(|found| found.len());
    let total: Option<u64> = files.iter().map(size).sum();
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    let template =
        if total.is_some() { "{wide_bar} {bytes} of {total_bytes}, {eta} left" } else { "{spinner} {bytes}" };
    // INVARIANT: the templates are well-formed; a bar without one would do as well.
    ProgressStyle::with_template(template).map_or(bar.clone(), |style| bar.with_style(style))
}
