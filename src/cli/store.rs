//! `trommel store`: a store, its catalog, and what is in it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use trommel::plan::CatalogFile;
use trommel::store::{Destination, Imported, NamespaceStats, Store};
use trommel::{Code, Diagnostic, Error, Path};

use super::Answer;
use super::documents::{each_line, files_or_stdin};
use super::grep::progress_over;
use super::output::{FORMAT_VERSION, Failure, Format, Output, read_text};

/// Make and fill the store that plans are made over
#[derive(Debug, Args)]
pub(super) struct StoreArgs {
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Make an empty store
    Init { file: PathBuf },
    /// Make a store to try things on: the namespace `demo`
    Demo { file: PathBuf },
    /// Add buckets and collections, or change them
    Apply {
        file: PathBuf,
        #[command(flatten)]
        namespace: NamespaceArgs,
        /// The catalog file; -: standard input
        catalog: PathBuf,
    },
    /// Add objects or documents, or replace those of the same id
    Import(ImportArgs),
    /// Make the indexes for conditions on these paths
    Index {
        file: PathBuf,
        /// Paths as filters write them
        #[arg(required = true, value_parser = read_path)]
        paths: Vec<Path>,
    },
    /// Count what is there
    Stats { file: PathBuf },
}

/// The namespace, wherever one is needed.
#[derive(Debug, Args)]
pub(super) struct NamespaceArgs {
    /// Its id or name
    #[arg(long, value_name = "N")]
    pub(super) namespace: String,
}

#[derive(Debug, Args)]
struct ImportArgs {
    file: PathBuf,
    #[command(flatten)]
    namespace: NamespaceArgs,
    #[command(flatten)]
    into: IntoArgs,
    /// NDJSON files, plain, gzip or zstd; none, or -: standard input
    data: Vec<PathBuf>,
    /// Import nothing if a line is bad; other writers wait from the first line to the last
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct IntoArgs {
    /// The bucket that objects go to, by its id or name
    #[arg(long, value_name = "B")]
    bucket: Option<String>,
    /// The collection that documents go to, by its id or name
    #[arg(long, value_name = "C")]
    collection: Option<String>,
}

fn read_path(text: &str) -> Result<Path, String> {
    Path::parse(text).map_err(|error| error.to_string())
}

pub(super) fn run(args: &StoreArgs, output: &Output) -> Result<Answer, Failure> {
    match &args.command {
        StoreCommand::Init { file } => {
            Store::create(file)?;
            done(output, &format!("made `{}`", file.display()), &Stats::default())
        }
        StoreCommand::Demo { file } => {
            let mut store = Store::create_demo(file)?;
            let stats = Stats { namespaces: store.stats()? };
            done(output, &format!("made `{}` with the namespace `demo`\n{}", file.display(), stats.text()), &stats)
        }
        StoreCommand::Apply { file, namespace, catalog } => apply(file, &namespace.namespace, catalog, output),
        StoreCommand::Import(args) => import(args, output),
        StoreCommand::Index { file, paths } => {
            let made = Store::open(file)?.index(paths)?;
            done(output, &format!("made {made} indexes"), &Made { indexes: made })
        }
        StoreCommand::Stats { file } => {
            let stats = Stats { namespaces: Store::open_to_read(file)?.stats()? };
            done(output, stats.text().trim_end(), &stats)
        }
    }
}

#[derive(Serialize)]
struct Made {
    indexes: usize,
}

#[derive(Default, Serialize)]
struct Stats {
    namespaces: Vec<NamespaceStats>,
}

impl Stats {
    fn text(&self) -> String {
        self.namespaces.iter().map(ToString::to_string).collect()
    }
}

/// Prints the outcome of a command.
pub(super) fn done(output: &Output, text: &str, data: &impl Serialize) -> Result<Answer, Failure> {
    #[derive(Serialize)]
    struct Report<'d, D> {
        format_version: u32,
        #[serde(flatten)]
        data: &'d D,
    }
    match output.format {
        Format::Json => output.print_json(&Report { format_version: FORMAT_VERSION, data })?,
        Format::Text | Format::Mermaid => output.print(text.trim_end())?,
    }
    Ok(Answer::Yes)
}

fn apply(
    file: &std::path::Path,
    namespace: &str,
    catalog: &std::path::Path,
    output: &Output,
) -> Result<Answer, Failure> {
    #[derive(Serialize)]
    struct Applied {
        namespace_id: String,
        revision: u64,
        buckets: usize,
        collections: usize,
    }
    let text = read_text(catalog)?;
    let in_catalog = |error: &Error| Failure::in_file("the catalog", catalog, error, &text);
    let read = CatalogFile::from_json(&text).map_err(|error| in_catalog(&error))?;
    let now = Store::open(file)?.apply(namespace, read).map_err(|error| match error.code() {
        Code::Database | Code::Usage => error.into(),
        _ => in_catalog(&error),
    })?;
    let applied = Applied {
        namespace_id: now.namespace_id().to_owned(),
        revision: now.revision(),
        buckets: now.buckets().len(),
        collections: now.collections().len(),
    };
    let Applied { namespace_id, revision, buckets, collections } = &applied;
    let text = format!("{namespace_id} has {buckets} buckets and {collections} collections, at revision {revision}");
    done(output, &text, &applied)
}

fn import(args: &ImportArgs, output: &Output) -> Result<Answer, Failure> {
    #[derive(Serialize)]
    struct Report {
        added: u64,
        replaced: u64,
        bad_lines: usize,
    }
    let destination = match (&args.into.bucket, &args.into.collection) {
        (Some(bucket), _) => Destination::Bucket(bucket),
        (None, Some(collection)) => Destination::Collection(collection),
        (None, None) => return Err(Diagnostic::error(Code::Usage, "a bucket or a collection is needed").into()),
    };
    let mut store = Store::open(&args.file)?;
    let mut import = store.import(&args.namespace.namespace, destination)?;
    if args.strict {
        import = import.whole();
    }
    let files = files_or_stdin(&args.data);
    let progress = progress_over(output, &files);
    let read = each_line(&files, output, &progress, |line| match line {
        Some(line) => Ok(import.add(line.text)?),
        None => Ok(import.flush().map(Ok)?),
    })?;
    progress.finish_and_clear();
    let is_whole = read.bad_lines == 0 && !read.has_failed;
    let Imported { added, replaced, .. } =
        if args.strict && !is_whole { Imported::default() } else { import.finish()? };
    let text = format!("{added} added, {replaced} replaced, {} bad lines", read.bad_lines);
    done(output, &text, &Report { added, replaced, bad_lines: read.bad_lines })?;
    Ok(if is_whole { Answer::Yes } else { Answer::Failed })
}
