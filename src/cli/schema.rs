//! `trommel schema`: schemas from documents, as JSON Schema, and held against documents.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use trommel::{BrokenPromise, Code, Diagnostic, Inference};

use super::Answer;
use super::documents::{Line, each_document, files_or_stdin};
use super::filter::read_schema;
use super::output::{Failure, Format, Output};

/// Infer a schema from documents, export it as JSON Schema, or check documents against it
#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    #[command(subcommand)]
    command: SchemaCommand,
}

#[derive(Debug, Subcommand)]
enum SchemaCommand {
    /// Print a schema of the documents, with what they all keep as promises
    ///
    /// The comments show a few of the values: mind who reads them.
    Infer {
        /// NDJSON files, plain, gzip or zstd; none, or -: standard input
        data: Vec<PathBuf>,
    },
    /// Print the JSON Schema (2020-12) of the filters that a schema allows
    Export {
        /// The file of the schema, or - for standard input
        schema: PathBuf,
    },
    /// Print the documents that break a promise of a schema
    Check {
        /// The file of the schema, or - for standard input
        schema: PathBuf,
        /// NDJSON files, plain, gzip or zstd; none, or -: standard input
        data: Vec<PathBuf>,
    },
}

pub(super) fn run(args: &SchemaArgs, output: &Output) -> Result<Answer, Failure> {
    match &args.command {
        SchemaCommand::Infer { data } => infer(data, output),
        SchemaCommand::Export { schema } => {
            let exported = read_schema(schema)?.to_json_schema();
            output.print(format_args!("{exported:#}")).map(|()| Answer::Yes)
        }
        SchemaCommand::Check { schema, data } => check(schema, data, output),
    }
}

fn infer(data: &[PathBuf], output: &Output) -> Result<Answer, Failure> {
    let mut inference = Inference::new();
    let is_whole = each_document(&files_or_stdin(data), output, |line| {
        inference.observe(&line.document);
        Ok(())
    })?;
    output.write(|out| {
        serde_json::to_writer_pretty(&mut *out, &inference.schema())?;
        writeln!(out)
    })?;
    Ok(if is_whole { Answer::Yes } else { Answer::Failed })
}

fn check(schema: &Path, data: &[PathBuf], output: &Output) -> Result<Answer, Failure> {
    if schema == Path::new("-") && data.contains(&PathBuf::from("-")) {
        let message = "standard input cannot be both the schema and the documents";
        return Err(Diagnostic::error(Code::Usage, message).hint("name the files of the documents").into());
    }
    // Standard input is not waited for where it is the schema, or where somebody types: then the schema alone is checked.
    let has_data = !data.is_empty() || (schema != Path::new("-") && !io::stdin().is_terminal());
    let files = if has_data { files_or_stdin(data) } else { Vec::new() };
    let schema = read_schema(schema)?;
    let mut answer = Answer::Yes;
    let is_whole = each_document(&files, output, |line| {
        let broken = schema.verify(&line.document);
        if broken.is_empty() {
            return Ok(());
        }
        answer = Answer::No;
        print_broken(&line, &broken, output)
    })?;
    Ok(if is_whole { answer } else { Answer::Failed })
}

/// Prints a document that breaks promises, on one line.
fn print_broken(line: &Line<'_>, broken: &[BrokenPromise], output: &Output) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Report<'b> {
        file: String,
        line: u64,
        broken: &'b [BrokenPromise],
    }
    let (file, number) = (line.file, line.number);
    match output.format {
        Format::Json => output.print_json(&Report { file: file.display().to_string(), line: number, broken }),
        Format::Text | Format::Mermaid => {
            let broken: Vec<String> = broken.iter().map(ToString::to_string).collect();
            output.print(format_args!("{}:{number}: {}", file.display(), broken.join("; ")))
        }
    }
}
