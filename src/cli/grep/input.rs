//! DATA files → pieces of whole lines. Nothing is held but the piece that is being read.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use indicatif::ProgressBar;

use crate::cli::filter::BYTE_ORDER_MARK;

/// Whole lines of one file.
#[derive(Debug, PartialEq)]
pub(in crate::cli) struct Lines {
    /// Which file.
    pub(in crate::cli) file: usize,
    /// The number of the first line, from 1.
    pub(in crate::cli) first: u64,
    /// The lines; each ends with a newline, the last of a file perhaps without one.
    pub(in crate::cli) bytes: Vec<u8>,
}

/// What reading gives.
#[derive(Debug)]
pub(in crate::cli) enum Piece {
    Lines(Lines),
    /// A line that is too long to be held.
    TooLong {
        file: usize,
        line: u64,
    },
    /// A file could not be opened, or not be read to its end. The part of a line before that is left out.
    Failed {
        file: usize,
        error: io::Error,
    },
}

/// Reads files, one after the other. Every read that ends a line gives a piece at once, so that the lines of a slow pipe
/// do not wait for more.
pub(in crate::cli) struct Pieces {
    files: std::iter::Enumerate<std::vec::IntoIter<PathBuf>>,
    open: Option<Open>,
    chunk: Vec<u8>,
    longest_line: usize,
    progress: ProgressBar,
}

/// A file that is being read.
struct Open {
    file: usize,
    reader: Box<dyn Read + Send>,
    /// The beginning of a line whose end is not read yet.
    begun: Vec<u8>,
    /// Whether that line is too long, and passed over up to its end.
    is_too_long: bool,
    /// What was read together with the end of a line that was too long.
    queued: Option<Piece>,
    /// The number of the next line.
    line: u64,
}

/// The bytes of one read. Large, since each piece goes from thread to thread.
const CHUNK: usize = 256 * 1024;
/// The longest line that is held: without a bound, an endless line would take all memory.
const LONGEST_LINE: usize = 1 << 30;

impl Pieces {
    /// Reads these files; `-` is standard input. The bytes read of the files themselves are told to `progress`.
    pub(in crate::cli) fn new(files: Vec<PathBuf>, progress: ProgressBar) -> Pieces {
        let files = files.into_iter().enumerate();
        Pieces { files, open: None, chunk: vec![0; CHUNK], longest_line: LONGEST_LINE, progress }
    }

    /// Reads on in the file that is open, up to the next piece; `None` at its end.
    fn read(&mut self, open: &mut Open) -> io::Result<Option<Piece>> {
        if let Some(piece) = open.queued.take() {
            return Ok(Some(piece));
        }
        loop {
            let chunk = match open.reader.read(&mut self.chunk) {
                Ok(read) => &self.chunk[..read],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                return Ok(open.last_piece());
            }
            if open.is_too_long {
                let Some(end) = memchr::memchr(b'\n', chunk) else { continue };
                let (too_long, rest) = (open.too_long(), &chunk[end + 1..]);
                match memchr::memrchr(b'\n', rest) {
                    Some(end) => open.queued = Some(open.piece(&rest[..=end], &rest[end + 1..])),
                    None => open.begun = rest.to_vec(),
                }
                return Ok(Some(too_long));
            }
            match memchr::memrchr(b'\n', chunk) {
                Some(end) => return Ok(Some(open.piece(&chunk[..=end], &chunk[end + 1..]))),
                None if open.begun.len() + chunk.len() > self.longest_line => {
                    open.begun = Vec::new();
                    open.is_too_long = true;
                }
                None => open.begun.extend_from_slice(chunk),
            }
        }
    }
}

impl Iterator for Pieces {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        loop {
            let (file, piece) = match self.open.take() {
                None => {
                    let (file, path) = self.files.next()?;
                    let opened = open(&path, &self.progress).map(|reader| Open::new(file, reader));
                    (file, opened.map(|opened| self.open = Some(opened)).map(|()| None))
                }
                Some(mut open) => {
                    let piece = self.read(&mut open);
                    let file = open.file;
                    if let Ok(Some(_)) = piece {
                        self.open = Some(open);
                    }
                    (file, piece)
                }
            };
            match piece {
                Ok(None) => {}
                Ok(Some(piece)) => return Some(piece),
                Err(error) => return Some(Piece::Failed { file, error }),
            }
        }
    }
}

impl Open {
    fn new(file: usize, reader: Box<dyn Read + Send>) -> Open {
        Open { file, reader, begun: Vec::new(), is_too_long: false, queued: None, line: 1 }
    }

    /// The lines that these bytes end; `rest` begins the next line.
    fn piece(&mut self, ending: &[u8], rest: &[u8]) -> Piece {
        let mut bytes = std::mem::replace(&mut self.begun, rest.to_vec());
        bytes.extend_from_slice(ending);
        self.lines(bytes)
    }

    /// The last line, if it has no newline.
    fn last_piece(&mut self) -> Option<Piece> {
        if std::mem::take(&mut self.is_too_long) {
            return Some(self.too_long());
        }
        let bytes = std::mem::take(&mut self.begun);
        (!bytes.is_empty()).then(|| self.lines(bytes))
    }

    fn lines(&mut self, bytes: Vec<u8>) -> Piece {
        let lines = Lines { file: self.file, first: self.line, bytes };
        self.line += memchr::memchr_iter(b'\n', &lines.bytes).count() as u64;
        Piece::Lines(lines)
    }

    fn too_long(&mut self) -> Piece {
        self.is_too_long = false;
        self.line += 1;
        Piece::TooLong { file: self.file, line: self.line - 1 }
    }
}

/// Opens a file: decompresses what its first bytes say is compressed, and skips a byte order mark.
fn open(path: &Path, progress: &ProgressBar) -> io::Result<Box<dyn Read + Send>> {
    let raw: Box<dyn Read + Send> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
    let mut raw = progress.wrap_read(raw);
    let head = read_head(&mut raw, 4, |first| matches!(first, 0x1F | 0x28 | 0x50..=0x5F))?;
    let is_gzip = head.starts_with(b"\x1F\x8B");
    let is_zstd = is_zstd(&head);
    let whole = Cursor::new(head).chain(raw);
    let mut text: Box<dyn Read + Send> = if is_gzip {
        Box::new(MultiGzDecoder::new(BufReader::with_capacity(CHUNK, whole)))
    } else if is_zstd {
        Box::new(zstd::Decoder::with_buffer(BufReader::with_capacity(CHUNK, whole))?)
    } else {
        Box::new(whole)
    };
    let mut head = read_head(&mut text, BYTE_ORDER_MARK.len() as u64, |first| first == BYTE_ORDER_MARK[0])?;
    if head == BYTE_ORDER_MARK {
        head.clear();
    }
    Ok(Box::new(Cursor::new(head).chain(text)))
}

/// A zstd frame, or one that is to be skipped, with which some compressors begin.
fn is_zstd(head: &[u8]) -> bool {
    head == b"\x28\xB5\x2F\xFD" || (head.ends_with(b"\x2A\x4D\x18") && head[0] & 0xF0 == 0x50)
}

/// The first byte, and those up to `bytes` if there is something to see in them: a pipe may hold a short line and no
/// more for a while, and that line is not to wait. Fewer only at the end.
fn read_head(reader: &mut impl Read, bytes: u64, goes_on: impl Fn(u8) -> bool) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    reader.take(1).read_to_end(&mut head)?;
    if head.first().is_some_and(|first| goes_on(*first)) {
        reader.take(bytes - 1).read_to_end(&mut head)?;
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, bytes).unwrap();
        file
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let long = "x".repeat(70);
        let text = format!("{{}}\n{long}\n{{\"a\":1}}\n\n{long}{long}\n{{}}\n{long}");
        let file = write(text.as_bytes());
        // Chunks of every size, so that each end falls everywhere.
        for chunk in 1..text.len() {
            let mut pieces = Pieces::new(vec![file.path().to_owned()], ProgressBar::hidden());
            (pieces.chunk, pieces.longest_line) = (vec![0; chunk], 60);
            let (mut lines, mut too_long) = (Vec::new(), Vec::new());
            for piece in pieces {
                match piece {
                    Piece::Lines(Lines { first, bytes, .. }) => {
                        let bytes = String::from_utf8(bytes).unwrap();
                        lines.extend((first..).zip(bytes.lines().map(str::to_owned)));
                    }
                    Piece::TooLong { line, .. } => too_long.push(line),
                    Piece::Failed { error, .. } => panic!("{error}"),
                }
            }
            let is_short = |(_, line): &(u64, String)| line.len() < 60;
            let short: Vec<(u64, String)> = lines.iter().filter(|line| is_short(line)).cloned().collect();
            assert_eq!(short, [(1, "{}".into()), (3, "{\"a\":1}".into()), (4, String::new()), (6, "{}".into())]);
            // A long line is told of, or is whole: never cut.
            let whole = lines.iter().filter(|line| !is_short(line)).map(|(number, _)| *number);
            let mut long: Vec<u64> = whole.chain(too_long).collect();
            long.sort_unstable();
            assert_eq!(long, [2, 5, 7], "chunks of {chunk}");
        }
    }
}
