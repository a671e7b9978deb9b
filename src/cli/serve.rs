//! `trommel serve`: the endpoint.

use std::io;

use clap::Args;
use tokio::runtime::Builder;
use tracing::Level;
use trommel::server::{Server, Settings};

use super::Answer;
use super::output::{Failure, Format, Output};
use super::plan::StoreFile;

/// Answer the calls of the API over HTTP, until SIGTERM or SIGINT
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    store: StoreFile,
    /// The address; port 0: one that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: String,
}

pub(super) fn run(args: &ServeArgs, output: &Output) -> Result<Answer, Failure> {
    log(output);
    let server = Server::open(&args.store.store, Settings::default())?;
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::io("cannot start", &error))?;
    runtime.block_on(async {
        let bound = server.bind(&args.listen).await;
        let cannot = |error: io::Error| Failure::io(format_args!("cannot listen on `{}`", args.listen), &error);
        let bound = bound.map_err(cannot)?;
        // Before anybody is told that it answers, and may want it to end.
        let ended = ended().map_err(|error| Failure::io("cannot listen to signals", &error))?;
        output.print(format_args!("listening on http://{}", bound.address()))?;
        bound.run(ended).await;
        Ok(Answer::Yes)
    })
}

/// Ready when somebody asks the program to end.
#[cfg(unix)]
fn ended() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// The same where there is no SIGTERM.
#[cfg(not(unix))]
fn ended() -> io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

/// The log goes to stderr: a line a request, or a JSON object where JSON is asked for.
fn log(output: &Output) {
    let level = if output.quiet { Level::WARN } else { Level::INFO };
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_target(false);
    match output.format {
        Format::Json => log.json().flatten_event(true).init(),
        Format::Text | Format::Mermaid => log.with_ansi(false).init(),
    }
}
