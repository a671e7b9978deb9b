//! Matching the lines of a piece: the part of the work that any thread can do.

use std::io;

use trommel::{Document, Matcher};

use super::input::{Lines, Piece};

/// How lines are matched and printed.
#[derive(Debug)]
pub(super) struct Scanner {
    pub(super) matcher: Matcher,
    /// Print the documents that do not match.
    pub(super) invert: bool,
    /// Print nothing, count only.
    pub(super) count: bool,
    /// Print line numbers.
    pub(super) numbers: bool,
    /// The names to print, by file; none: no names.
    pub(super) names: Option<Vec<Vec<u8>>>,
    /// Stop at the first bad line.
    pub(super) strict: bool,
    /// Stop at so many matches.
    pub(super) most: u64,
}

/// What the lines of a piece gave.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// What is to be printed.
    pub(super) out: Vec<u8>,
    pub(super) matched: u64,
    pub(super) bad: BadLines,
}

/// A piece when it is done.
#[derive(Debug)]
pub(super) enum Scanned {
    Lines(Lines, Scan),
    Failed { file: usize, error: io::Error },
}

/// Lines that are no documents: how many, and why the first ones.
#[derive(Debug, Default)]
pub(super) struct BadLines {
    pub(super) count: u64,
    /// Line numbers and reasons.
    pub(super) first: Vec<(u64, String)>,
}

/// How many bad lines are reported one by one.
pub(in crate::cli) const BAD_LINES_REPORTED: usize = 10;

impl BadLines {
    fn add(&mut self, line: u64, reason: impl FnOnce() -> String) {
        if self.first.len() < BAD_LINES_REPORTED {
            self.first.push((line, reason()));
        }
        self.count += 1;
    }
}

impl Scanner {
    /// Matches what was read.
    pub(super) fn scan(&self, piece: Piece) -> Scanned {
        match piece {
            Piece::Lines(lines) => {
                let scan = self.scan_lines(&lines, self.most);
                Scanned::Lines(lines, scan)
            }
            Piece::TooLong { file, line } => {
                let mut scan = Scan::default();
                scan.bad.add(line, || "the line is too long".to_owned());
                Scanned::Lines(Lines { file, first: line, bytes: Vec::new() }, scan)
            }
            Piece::Failed { file, error } => Scanned::Failed { file, error },
        }
    }

    /// Matches lines, until `most` have matched.
    pub(super) fn scan_lines(&self, lines: &Lines, most: u64) -> Scan {
        let mut scan = Scan::default();
        let mut rest = &lines.bytes[..];
        let mut number = lines.first;
        while !rest.is_empty() && scan.matched < most {
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            if !is_blank(line) {
                match Document::read(line) {
                    Ok(document) if self.matcher.matches(&document) != self.invert => {
                        scan.matched += 1;
                        self.print(lines.file, number, line, &mut scan.out);
                    }
                    Ok(_) => {}
                    Err(error) => {
                        scan.bad.add(number, || error.to_string());
                        if self.strict {
                            break;
                        }
                    }
                }
            }
            number += 1;
        }
        scan
    }

    fn print(&self, file: usize, number: u64, line: &[u8], out: &mut Vec<u8>) {
        if self.count {
            return;
        }
        if let Some(name) = self.names.as_ref().and_then(|names| names.get(file)) {
            out.extend_from_slice(name);
            out.push(b':');
        }
        if self.numbers {
            out.extend_from_slice(number.to_string().as_bytes());
            out.push(b':');
        }
        out.extend_from_slice(line);
        out.push(b'\n');
    }
}

/// Whether a line is blank, as JSON understands it.
pub(in crate::cli) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}
