//! `trommel completions` and `trommel man`: made from the arguments themselves.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::output::{Failure, Output};
use super::{Answer, Cli};

/// Print the completions of a shell
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Write the manual pages into a directory
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The directory; it is made if it is not there
    dir: PathBuf,
}

pub(super) fn completions(args: &CompletionsArgs, output: &Output) -> Result<Answer, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "trommel", &mut script);
    output.write(|out| out.write_all(&script))?;
    Ok(Answer::Yes)
}

pub(super) fn man(args: &ManArgs, output: &Output) -> Result<Answer, Failure> {
    let made = std::fs::create_dir_all(&args.dir).and_then(|()| clap_mangen::generate_to(Cli::command(), &args.dir));
    made.map_err(|error| Failure::io(format_args!("cannot write manual pages to `{}`", args.dir.display()), &error))?;
    output.summary(format_args!("manual pages written to `{}`", args.dir.display()));
    Ok(Answer::Yes)
}
