//! The command line: one module a command, and what they share.

mod check;
mod compare;
mod conformance;
mod docs;
mod documents;
mod explain;
mod filter;
mod fmt;
mod grep;
#[cfg(feature = "tantivy")]
mod index;
mod key;
mod output;
mod plan;
mod schema;
#[cfg(feature = "server")]
mod serve;
mod sql;
mod store;
mod why;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use output::{ColorWhen, Failure, Format, Output};
use trommel::{Code, Diagnostic};

/// A filter as a client sent it: check it, print it, explain it, and find the documents that it matches.
///
/// FILTER is @FILE, - for standard input, or the filter itself: JSON if it begins with `{`, else the text language.
#[derive(Debug, Parser)]
#[command(name = "trommel", version, disable_help_subcommand = true, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::CheckArgs),
    Fmt(fmt::FmtArgs),
    Grep(grep::GrepArgs),
    Schema(schema::SchemaArgs),
    Explain(explain::ExplainArgs),
    Sql(sql::SqlArgs),
    Compare(compare::CompareArgs),
    Why(why::WhyArgs),
    Conformance(conformance::ConformanceArgs),
    #[cfg(feature = "tantivy")]
    Index(index::IndexArgs),
    Store(store::StoreArgs),
    Plan(plan::PlanArgs),
    Trigger(plan::TriggerArgs),
    Batch(plan::BatchArgs),
    Task(plan::TaskArgs),
    Key(key::KeyArgs),
    #[cfg(feature = "server")]
    Serve(serve::ServeArgs),
    Completions(docs::CompletionsArgs),
    Man(docs::ManArgs),
}

/// What a command that went well answers: the exit code 0 or 1. An error is 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    /// Errors were met and reported, and did not stop the command.
    Failed,
}

/// Runs the command that the arguments ask for.
pub(crate) fn run() -> ExitCode {
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().collect();
    let command = Cli::command().color(Asked::of(&arguments).color.for_clap());
    let cli = match command.try_get_matches_from(&arguments).and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &Asked::of(&arguments)),
    };
    let output = &cli.output;
    let is_plan = matches!(cli.command, Command::Plan(_));
    let answer = match &cli.command {
        _ if output.format == Format::Mermaid && !is_plan => {
            Err(Diagnostic::error(Code::Usage, "`--format mermaid` is for `plan`").into())
        }
        Command::Check(args) => check::run(args, output),
        Command::Fmt(args) => fmt::run(args, output),
        Command::Grep(args) => grep::run(args, output),
        Command::Schema(args) => schema::run(args, output),
        Command::Explain(args) => explain::run(args, output),
        Command::Sql(args) => sql::run(args, output),
        Command::Compare(args) => compare::run(args, output),
        Command::Why(args) => why::run(args, output),
        Command::Conformance(args) => conformance::run(args, output),
        #[cfg(feature = "tantivy")]
        Command::Index(args) => index::run(args, output),
        Command::Store(args) => store::run(args, output),
        Command::Plan(args) => plan::plan(args, output),
        Command::Trigger(args) => plan::trigger(args, output),
        Command::Batch(args) => plan::batch(args, output),
        Command::Task(args) => plan::task(args, output),
        Command::Key(args) => key::run(args, output),
        #[cfg(feature = "server")]
        Command::Serve(args) => serve::run(args, output),
        Command::Completions(args) => docs::completions(args, output),
        Command::Man(args) => docs::man(args, output),
    };
    match answer {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Ok(Answer::Failed) => ExitCode::from(2),
        // Nobody reads on, which is no error of ours.
        Err(Failure::ClosedPipe) => ExitCode::SUCCESS,
        Err(failure) => {
            output.report(&failure);
            ExitCode::from(2)
        }
    }
}

/// Prints what clap has to say: help and version on stdout, a mistake in the usage on stderr.
fn usage(error: &clap::Error, asked: &Asked) -> ExitCode {
    if asked.format == Format::Json && error.use_stderr() {
        let text = error.render().to_string();
        // The first paragraph: what is wrong, and the arguments that it is about.
        let lines = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect::<Vec<_>>().join(" ");
        let error = Diagnostic::error(Code::Usage, lines.trim_start_matches("error: ")).into();
        if asked.is_of_api { output::report_envelope(&error) } else { output::report_json(&[error]) }
    } else {
        // A closed pipe is no error of ours.
        let _ = error.print();
    }
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

/// What was asked for about the output, as far as it can be told while the arguments as a whole are not understood.
struct Asked {
    format: Format,
    color: ColorWhen,
    /// Whether errors are told as the API tells them.
    is_of_api: bool,
}

impl Asked {
    fn of(arguments: &[std::ffi::OsString]) -> Asked {
        let options = arguments.iter().take_while(|argument| *argument != "--");
        let words: Vec<&str> = options.filter_map(|argument| argument.to_str()).collect();
        let is = |name: &str, value: &str| {
            words.windows(2).any(|pair| pair[0] == name && pair[1] == value)
                || words
                    .iter()
                    .any(|word| word.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')) == Some(value))
        };
        let color = match (is("--color", "always"), is("--color", "never")) {
            (true, _) => ColorWhen::Always,
            (_, true) => ColorWhen::Never,
            (false, false) => ColorWhen::Auto,
        };
        let commands = Cli::command();
        let command = words.iter().find(|word| commands.find_subcommand(word).is_some());
        let is_of_api = matches!(command, Some(&("plan" | "trigger")));
        Asked { format: if is("--format", "json") { Format::Json } else { Format::Text }, color, is_of_api }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
