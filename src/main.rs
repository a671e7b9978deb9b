//! The command `trommel`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
