//! DATA files → documents, one by one, for the commands that look at each.

use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use trommel::{Document, Error};

use super::grep::{BAD_LINES_REPORTED, Piece, Pieces, is_blank};
use super::output::{Failure, Format, Output, note};

/// A document, and where it stands.
pub(super) struct Line<'f> {
    pub(super) file: &'f Path,
    /// From 1.
    pub(super) number: u64,
    pub(super) document: Document,
}

/// The files that DATA arguments name: standard input for none.
pub(super) fn files_or_stdin(data: &[PathBuf]) -> Vec<PathBuf> {
    if data.is_empty() { vec![PathBuf::from("-")] } else { data.to_vec() }
}

/// Gives every document of the files to `take`, in order. Lines that are no documents and files that cannot be read are
/// reported and passed over; tells whether there were none.
pub(super) fn each_document(
    files: &[PathBuf],
    output: &Output,
    mut take: impl FnMut(Line<'_>) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let (mut bad, mut errors, mut is_whole) = (BadLines::default(), Vec::new(), true);
    let mut taken = Ok(());
    for piece in Pieces::new(files.to_vec(), ProgressBar::hidden()) {
        match piece {
            Piece::Lines(lines) => {
                let file = &*files[lines.file];
                taken = each_line(file, lines.first, &lines.bytes, &mut bad, &mut take);
            }
            Piece::TooLong { file, line } => bad.report(&files[file], line, "the line is too long"),
            Piece::Failed { file, error } => {
                is_whole = false;
                fail(Failure::unreadable(&files[file], &error), output, &mut errors);
            }
        }
        if taken.is_err() {
            break;
        }
    }
    if bad.count > BAD_LINES_REPORTED && !matches!(taken, Err(Failure::ClosedPipe)) {
        note(format_args!("and {} more bad lines", bad.count - BAD_LINES_REPORTED));
    }
    if !errors.is_empty() {
        output.report(&Failure::Mistakes { errors, source: String::new() });
    }
    taken.map(|()| is_whole && bad.count == 0)
}

fn each_line(
    file: &Path,
    first: u64,
    bytes: &[u8],
    bad: &mut BadLines,
    take: &mut impl FnMut(Line<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for (number, line) in (first..).zip(bytes.split(|byte| *byte == b'\n')) {
        if is_blank(line) {
            continue;
        }
        match Document::read(line) {
            Ok(document) => take(Line { file, number, document })?,
            Err(error) => bad.report(file, number, &error.to_string()),
        }
    }
    Ok(())
}

/// Notes an error: text is reported at once, JSON as one object at the end.
fn fail(failure: Failure, output: &Output, errors: &mut Vec<Error>) {
    match (output.format, failure) {
        (Format::Json, Failure::Mistakes { errors: found, .. }) => errors.extend(found),
        (_, failure) => output.report(&failure),
    }
}

/// Lines that are no documents: the first few are reported, all are counted.
#[derive(Default)]
struct BadLines {
    count: usize,
}

impl BadLines {
    fn report(&mut self, file: &Path, line: u64, reason: &str) {
        if self.count < BAD_LINES_REPORTED {
            note(format_args!("{}:{line}: {reason}", file.display()));
        }
        self.count += 1;
    }
}
