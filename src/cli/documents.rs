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

/// A line as it is, and where it stands.
pub(super) struct TextLine<'l> {
    pub(super) file: &'l Path,
    /// From 1.
    pub(super) number: u64,
    pub(super) text: &'l [u8],
}

/// The files that DATA arguments name: standard input for none.
pub(super) fn files_or_stdin(data: &[PathBuf]) -> Vec<PathBuf> {
    if data.is_empty() { vec![PathBuf::from("-")] } else { data.to_vec() }
}

/// What reading lines came to.
pub(super) struct Read {
    /// Lines that were no documents, or were refused.
    pub(super) bad_lines: usize,
    /// Whether a file could not be read to its end.
    pub(super) has_failed: bool,
}

/// Gives every document of the files to `take`, in order. Lines that are no documents and files that cannot be read are
/// reported and passed over; tells whether there were none.
pub(super) fn each_document(
    files: &[PathBuf],
    output: &Output,
    mut take: impl FnMut(Line<'_>) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let read = each_line(files, output, &ProgressBar::hidden(), |line| {
        let Some(TextLine { file, number, text }) = line else { return Ok(Ok(())) };
        match Document::read(text) {
            Ok(document) => take(Line { file, number, document }).map(Ok),
            Err(error) => Ok(Err(error.to_string())),
        }
    })?;
    Ok(read.bad_lines == 0 && !read.has_failed)
}

/// Gives every line of the files that is not blank to `take`, in order, which says why it is bad if it is; and `None`
/// wherever more may take a while to come; the bytes read are told to `progress`. Bad lines and files that cannot be read are reported and passed over.
pub(super) fn each_line(
    files: &[PathBuf],
    output: &Output,
    progress: &ProgressBar,
    mut take: impl FnMut(Option<TextLine<'_>>) -> Result<Result<(), String>, Failure>,
) -> Result<Read, Failure> {
    let (mut bad, mut errors, mut has_failed) = (BadLines { count: 0, progress }, Vec::new(), false);
    let mut taken = Ok(());
    for piece in Pieces::new(files.to_vec(), progress.clone()) {
        match piece {
            Piece::Lines(lines) => {
                let file = &*files[lines.file];
                taken = each_of(file, lines.first, &lines.bytes, &mut bad, &mut take);
            }
            Piece::TooLong { file, line } => bad.report(&files[file], line, "the line is too long"),
            Piece::Failed { file, error } => {
                has_failed = true;
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
    taken.map(|()| Read { bad_lines: bad.count, has_failed })
}

fn each_of(
    file: &Path,
    first: u64,
    bytes: &[u8],
    bad: &mut BadLines<'_>,
    take: &mut impl FnMut(Option<TextLine<'_>>) -> Result<Result<(), String>, Failure>,
) -> Result<(), Failure> {
    for (number, text) in (first..).zip(bytes.split(|byte| *byte == b'\n')) {
        if is_blank(text) {
            continue;
        }
        if let Err(reason) = take(Some(TextLine { file, number, text }))? {
            bad.report(file, number, &reason);
        }
    }
    // Nothing is bad about the end of a piece.
    take(None).map(|_| ())
}

/// Notes an error: text is reported at once, JSON as one object at the end.
fn fail(failure: Failure, output: &Output, errors: &mut Vec<Error>) {
    match (output.format, failure) {
        (Format::Json, Failure::Mistakes { errors: found, .. }) => errors.extend(found),
        (_, failure) => output.report(&failure),
    }
}

/// Lines that are no documents: the first few are reported, all are counted.
struct BadLines<'p> {
    count: usize,
    /// What is drawn on stderr meanwhile.
    progress: &'p ProgressBar,
}

impl BadLines<'_> {
    fn report(&mut self, file: &Path, line: u64, reason: &str) {
        if self.count < BAD_LINES_REPORTED {
            self.progress.suspend(|| note(format_args!("{}:{line}: {reason}", file.display())));
        }
        self.count += 1;
    }
}
