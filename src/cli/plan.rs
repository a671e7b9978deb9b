//! `trommel plan`, `trigger`, `batch` and `task`: what a request would do, doing it, and what was done.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use trommel::plan::{Count, TriggerPlan, Warning};
use trommel::store::{Batch, Store};
use trommel::{Code, Diagnostic};

use super::Answer;
use super::filter::RequestArgs;
use super::output::{FORMAT_VERSION, Failure, Format, Output, note, read_text, report_envelope};
use super::store::NamespaceArgs;

/// Show what a request to process a collection would do
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    call: CallArgs,
    /// Save the plan, to trigger it later
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Exit with 1 where nothing is selected
    #[arg(long)]
    fail_empty: bool,
}

/// Process a collection: write a batch and its task
#[derive(Debug, Args)]
pub(super) struct TriggerArgs {
    #[command(flatten)]
    call: CallArgs,
    /// A plan that was saved: its request, if nothing that it rests on has changed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["request", "bind", "limit"])]
    plan: Option<PathBuf>,
}

/// Show a batch
#[derive(Debug, Args)]
pub(super) struct BatchArgs {
    /// Its id
    id: String,
    #[command(flatten)]
    store: StoreFile,
}

/// Show the batch of a task
#[derive(Debug, Args)]
pub(super) struct TaskArgs {
    /// Its id
    id: String,
    #[command(flatten)]
    store: StoreFile,
}

/// What is to be processed.
#[derive(Debug, Args)]
struct CallArgs {
    /// The collection, by its id or name
    collection: String,
    #[command(flatten)]
    store: StoreFile,
    #[command(flatten)]
    namespace: NamespaceArgs,
    #[command(flatten)]
    request: RequestArgs,
}

#[derive(Debug, Args)]
pub(super) struct StoreFile {
    /// The store
    #[arg(long, value_name = "FILE")]
    pub(super) store: PathBuf,
}

pub(super) fn plan(args: &PlanArgs, output: &Output) -> Result<Answer, Failure> {
    enveloped(output, || {
        let CallArgs { collection, store, namespace, request } = &args.call;
        let request = request.load()?;
        if let Some(out) = &args.out {
            expect_other(out, &store.store)?;
        }
        let mut store = Store::open_to_read(&store.store)?;
        let plan = store.plan(&namespace.namespace, collection, &request.request);
        let plan = plan.map_err(|error| request.failure(error))?;
        if let Some(out) = &args.out {
            save(&plan, out)?;
        }
        match output.format {
            Format::Text => output.print(plan.to_string().trim_end())?,
            Format::Json => output.print_json(&plan.to_json())?,
            Format::Mermaid => output.print(plan.to_mermaid().trim_end())?,
        }
        let has_failed = report_unanswered(&plan, output);
        let is_empty = matches!(plan.total, Count::Exact(0) | Count::AtMost(0));
        Ok(match (has_failed, is_empty && args.fail_empty) {
            (true, _) => Answer::Failed,
            (false, true) => Answer::No,
            (false, false) => Answer::Yes,
        })
    })
}

/// Tells what the store could not answer, if anything: the plan is right and says so, and the command has failed at it.
fn report_unanswered(plan: &TriggerPlan, output: &Output) -> bool {
    let is_unanswered = |warning: &&Warning| matches!(&*warning.code, "not_counted" | "overwrites_unknown");
    let unanswered: Vec<&Warning> = plan.warnings.iter().filter(is_unanswered).collect();
    if let (Format::Json, Some(first)) = (output.format, unanswered.first()) {
        // All of them are in the plan.
        report_envelope(&Diagnostic::error(Code::Database, first.message.clone()).into());
    } else {
        unanswered.iter().for_each(|warning| note(format_args!("warning: {warning}")));
    }
    !unanswered.is_empty()
}

/// Refuses to save a plan over the store that it is made of, or over the files that SQLite keeps beside it.
fn expect_other(out: &Path, store: &Path) -> Result<(), Failure> {
    // What is not there yet is a name in a folder that is.
    let place = |file: &Path| {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let in_folder = || Some(folder.canonicalize().ok()?.join(file.file_name()?));
        file.canonicalize().ok().or_else(in_folder)
    };
    let is_of_store = |beside: &str| {
        let mut file = store.as_os_str().to_owned();
        file.push(beside);
        place(out).is_some_and(|out| Some(out) == place(Path::new(&file)))
    };
    if !["", "-wal", "-shm", "-journal"].into_iter().any(is_of_store) {
        return Ok(());
    }
    let message = format!("`--out {}` is a file of the store", out.display());
    Err(Diagnostic::error(Code::Usage, message).hint("save the plan in a file of its own").into())
}

/// Writes a plan beside its place and moves it there: what is there is a whole plan. What is no plain file, such as a pipe, is
/// written to as it is.
fn save(plan: &TriggerPlan, out: &Path) -> Result<(), Failure> {
    let cannot = |error: &std::io::Error| Failure::io(format_args!("cannot write `{}`", out.display()), error);
    let mut text = serde_json::to_vec(&plan.to_json()).map_err(|error| cannot(&error.into()))?;
    text.push(b'\n');
    if std::fs::symlink_metadata(out).is_ok_and(|found| !found.is_file()) {
        return std::fs::write(out, &text).map_err(|error| cannot(&error));
    }
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = out.with_file_name(name);
    let mut file = std::fs::File::create_new(&beside).map_err(|error| cannot(&error))?;
    let written = file.write_all(&text).and_then(|()| file.sync_all()).and_then(|()| std::fs::rename(&beside, out));
    written.map_err(|error| {
        // The error is told; that a file of ours stays is not worth another.
        let _ = std::fs::remove_file(&beside);
        cannot(&error)
    })
}

pub(super) fn trigger(args: &TriggerArgs, output: &Output) -> Result<Answer, Failure> {
    enveloped(output, || {
        let CallArgs { collection, store: StoreFile { store }, namespace, request } = &args.call;
        let namespace = &*namespace.namespace;
        let response = match &args.plan {
            None => {
                let request = request.load()?;
                let mut store = Store::open(store)?;
                store.trigger(namespace, collection, &request.request).map_err(|error| request.failure(error))?
            }
            Some(path) => {
                let text = read_text(path)?;
                let plan = TriggerPlan::from_json(&text);
                let plan = plan.map_err(|error| Failure::in_file("the plan", path, &error, &text))?;
                let mut store = Store::open(store)?;
                plan.expect_of(collection, store.snapshot(namespace)?.catalog())?;
                store.trigger_plan(&plan)?
            }
        };
        output.print_json(&response)?;
        Ok(Answer::Yes)
    })
}

pub(super) fn batch(args: &BatchArgs, output: &Output) -> Result<Answer, Failure> {
    print(&Store::open_to_read(&args.store.store)?.batch(&args.id)?, output)
}

pub(super) fn task(args: &TaskArgs, output: &Output) -> Result<Answer, Failure> {
    print(&Store::open_to_read(&args.store.store)?.task(&args.id)?, output)
}

fn print(batch: &Batch, output: &Output) -> Result<Answer, Failure> {
    #[derive(Serialize)]
    struct Report<'b> {
        format_version: u32,
        #[serde(flatten)]
        batch: &'b Batch,
    }
    match output.format {
        Format::Json => output.print_json(&Report { format_version: FORMAT_VERSION, batch })?,
        Format::Text | Format::Mermaid => output.print_json(batch)?,
    }
    Ok(Answer::Yes)
}

/// Says what is wrong as the API does, where JSON is asked for.
fn enveloped(output: &Output, run: impl FnOnce() -> Result<Answer, Failure>) -> Result<Answer, Failure> {
    match run() {
        Err(Failure::Mistakes { errors, .. }) if output.format == Format::Json => {
            if let Some(error) = errors.first() {
                report_envelope(error);
            }
            Ok(Answer::Failed)
        }
        other => other,
    }
}
