//! `trommel key`: the keys of the endpoint.

use clap::{Args, Subcommand};
use serde::Serialize;
use trommel::store::{ApiKey, Store};

use super::Answer;
use super::output::{Failure, Format, Output};
use super::plan::StoreFile;
use super::store::done;

/// Make, list and revoke the keys of the endpoint
#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a key and print it: it is shown this once
    Create {
        #[command(flatten)]
        store: StoreFile,
        /// The namespaces that it holds, by their ids or names
        #[arg(long = "namespace", value_name = "N", required = true, num_args = 1..)]
        namespaces: Vec<String>,
    },
    /// Show the keys that were made, never the keys themselves
    List {
        #[command(flatten)]
        store: StoreFile,
    },
    /// Revoke a key, for good
    Revoke {
        #[command(flatten)]
        store: StoreFile,
        /// Its id
        id: String,
    },
}

pub(super) fn run(args: &KeyArgs, output: &Output) -> Result<Answer, Failure> {
    match &args.command {
        KeyCommand::Create { store, namespaces } => {
            let made = Store::open(&store.store)?.create_key(namespaces)?;
            output.summary(format_args!("made the key of the id `{}`", made.known.key_id));
            done(output, &made.key, &made)
        }
        KeyCommand::List { store } => {
            let keys = Store::open_to_read(&store.store)?.keys()?;
            let lines: Vec<String> = keys.iter().map(ApiKey::to_string).collect();
            if lines.is_empty() && output.format != Format::Json {
                return Ok(Answer::Yes);
            }
            done(output, &lines.join("\n"), &Keys { keys })
        }
        KeyCommand::Revoke { store, id } => {
            Store::open(&store.store)?.revoke_key(id)?;
            Ok(Answer::Yes)
        }
    }
}

#[derive(Serialize)]
struct Keys {
    keys: Vec<ApiKey>,
}
