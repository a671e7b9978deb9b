//! `trommel fmt`: a filter printed in one notation or the other.

use clap::{Args, ValueEnum};
use trommel::{Code, Diagnostic};

use super::Answer;
use super::filter::FilterArgs;
use super::output::{Failure, Output};

/// Print a filter, tidied or in its canonical form
#[derive(Debug, Args)]
pub(super) struct FmtArgs {
    /// @FILE, - for standard input, or the filter itself
    #[arg(required_unless_present = "request")]
    filter: Option<String>,
    /// The notation to print; default: that of FILTER
    #[arg(long, value_enum, value_name = "NOTATION")]
    to: Option<To>,
    /// The canonical form, the same for filters of one fingerprint
    #[arg(long)]
    canonical: bool,
    /// JSON on one line
    #[arg(long)]
    compact: bool,
    /// Print the one filter that the body of a trigger call stands for
    #[arg(long, value_name = "JSON|@FILE|-", conflicts_with = "filter")]
    request: Option<String>,
    #[command(flatten)]
    with: FilterArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum To {
    Json,
    Text,
}

pub(super) fn run(args: &FmtArgs, output: &Output) -> Result<Answer, Failure> {
    let loaded = match (&args.filter, &args.request) {
        (_, Some(request)) => args.with.load_request(request)?,
        (Some(filter), None) => args.with.load(filter)?,
        (None, None) => return Err(Diagnostic::error(Code::Usage, "there is no filter to print").into()),
    };
    let filter = if args.canonical { loaded.predicate()?.to_filter() } else { loaded.filter };
    let own = if loaded.is_text { To::Text } else { To::Json };
    match args.to.unwrap_or(own) {
        To::Text => output.print(filter.to_text())?,
        To::Json if args.compact => output.print(filter)?,
        To::Json => output.print(format_args!("{filter:#}"))?,
    }
    Ok(Answer::Yes)
}
