//! Where things go: results to stdout, everything else to stderr.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Read as _, Write};
use std::path::Path;

use clap::{Args, ValueEnum};
use serde::Serialize;
use trommel::plan::ErrorEnvelope;
use trommel::{Code, Diagnostic, Error};

/// The flags that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct Output {
    /// The form of results and diagnostics
    #[arg(long, global = true, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(super) format: Format,
    /// When to use colours; NO_COLOR is honoured
    #[arg(long, global = true, value_enum, default_value_t = ColorWhen::Auto, value_name = "WHEN")]
    color: ColorWhen,
    /// No progress and no summaries
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs: one JSON document
    Json,
    /// A diagram, of `plan` alone
    Mermaid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorWhen {
    /// On a terminal
    Auto,
    Always,
    Never,
}

impl ColorWhen {
    pub(super) fn for_clap(self) -> clap::ColorChoice {
        match self {
            ColorWhen::Auto => clap::ColorChoice::Auto,
            ColorWhen::Always => clap::ColorChoice::Always,
            ColorWhen::Never => clap::ColorChoice::Never,
        }
    }

    /// Whether stderr gets colours.
    fn on_stderr(self) -> bool {
        match self {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => {
                let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                !refused && io::stderr().is_terminal()
            }
        }
    }
}

/// Why a command stopped.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nobody reads stdout any more.
    ClosedPipe,
    /// Mistakes, and the text that their places are in.
    Mistakes { errors: Vec<Error>, source: String },
}

impl Failure {
    /// Mistakes in a text.
    pub(super) fn in_text(error: Error, source: &str) -> Failure {
        Failure::Mistakes { errors: vec![error], source: source.to_owned() }
    }

    /// Mistakes in a file beside the filter, which the message names: the place alone would be taken for one in the filter.
    pub(super) fn in_file(what: &str, path: &Path, error: &Error, text: &str) -> Failure {
        Failure::in_text(error.clone().of(&format!("{what} `{}`", path.display())), text)
    }

    /// Reading or writing failed: `what` says which.
    pub(super) fn io(what: impl Display, error: &io::Error) -> Failure {
        Diagnostic::error(Code::Io, format!("{what}: {error}")).into()
    }

    /// Writing to stdout failed.
    pub(super) fn stdout(error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
            _ => Failure::io("cannot write to standard output", error),
        }
    }

    /// A file could not be read.
    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Failure {
        Failure::io(format_args!("cannot read `{}`", path.display()), error)
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Failure {
        Error::from(diagnostic).into()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Mistakes { errors: vec![error], source: String::new() }
    }
}

/// A backend that the command line knows and this version does not have.
#[cfg(not(feature = "tantivy"))]
pub(super) fn absent(name: &impl ValueEnum) -> Failure {
    let name = name.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
    Diagnostic::error(Code::Unsupported, format!("`{name}` is not in this version")).into()
}

impl Output {
    /// Prints a result and a newline.
    pub(super) fn print(&self, result: impl Display) -> Result<(), Failure> {
        self.write(|out| writeln!(out, "{result}"))
    }

    /// Prints a result as JSON on one line.
    pub(super) fn print_json(&self, result: &impl Serialize) -> Result<(), Failure> {
        self.write(|out| {
            serde_json::to_writer(&mut *out, result)?;
            writeln!(out)
        })
    }

    /// Writes a result.
    pub(super) fn write(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
        let mut out = BufWriter::new(io::stdout().lock());
        write(&mut out).and_then(|()| out.flush()).map_err(|error| Failure::stdout(&error))
    }

    /// Says something on stderr, unless nothing but diagnostics is wanted there.
    pub(super) fn summary(&self, summary: impl Display) {
        if !self.quiet {
            note(summary);
        }
    }

    /// Prints diagnostics on stderr.
    pub(super) fn report(&self, failure: &Failure) {
        let Failure::Mistakes { errors, source } = failure else { return };
        if self.format == Format::Json {
            return report_json(errors);
        }
        let colored = self.color.on_stderr();
        for error in errors {
            let text = if colored { error.render_colored(source) } else { error.render(source) };
            note(text.trim_end());
        }
    }
}

/// Reads a file of text; `-` is standard input. A byte order mark at its start is skipped.
pub(super) fn read_text(path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = match path == Path::new("-") {
        true => io::stdin().lock().read_to_end(&mut bytes).map(|_| ()),
        false => std::fs::read(path).map(|read| bytes = read),
    };
    read.map_err(|error| Failure::unreadable(path, &error))?;
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    String::from_utf8(bytes.to_vec()).map_err(|error| {
        let message = format!("`{}` is not UTF-8, from byte {} on", path.display(), error.utf8_error().valid_up_to());
        Diagnostic::error(Code::Syntax, message).into()
    })
}

/// Prints a line on stderr. That stderr cannot be written to is nothing that could be told to anybody.
pub(super) fn note(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Prints diagnostics on stderr as one JSON object on one line.
pub(super) fn report_json(errors: &[Error]) {
    #[derive(Serialize)]
    struct Report<'e> {
        format_version: u32,
        diagnostics: Vec<&'e Diagnostic>,
        #[serde(skip_serializing_if = "is_zero")]
        omitted: usize,
    }
    fn is_zero(count: &usize) -> bool {
        *count == 0
    }
    let report = Report {
        format_version: FORMAT_VERSION,
        diagnostics: errors.iter().flat_map(Error::diagnostics).collect(),
        omitted: errors.iter().map(Error::omitted).sum(),
    };
    // Strings and numbers only, which never fail to serialize.
    note(serde_json::to_string(&report).unwrap_or_default());
}

/// Prints an error on stderr as the API answers it, on one line.
pub(super) fn report_envelope(error: &Error) {
    // Strings and numbers only, which never fail to serialize.
    note(serde_json::to_string(&ErrorEnvelope::new(error)).unwrap_or_default());
}

/// The version of every JSON result.
pub(super) const FORMAT_VERSION: u32 = 1;

/// A client's words for a line of text: control characters escaped, so that they neither break the line nor reach a
/// terminal.
pub(super) fn one_line(words: &str) -> String {
    let mut line = String::with_capacity(words.len());
    for c in words.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}
