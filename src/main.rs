//! The command `trommel`.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
