//! `trommel index`: documents in a search index in a directory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use clap::{Args, Subcommand};
use serde::Serialize;
use trommel::backend::tantivy::{FilterQuery, TermFilter};
use trommel::tantivy::directory::MmapDirectory;
use trommel::tantivy::index::{SegmentComponent, SegmentId, SegmentMeta};
use trommel::tantivy::indexer::IndexWriterOptions;
use trommel::tantivy::merge_policy::{LogMergePolicy, MergeCandidate, MergePolicy};
use trommel::tantivy::schema::{Field, Value as _};
use trommel::tantivy::{DocAddress, Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, TantivyError};
use trommel::{Code, Diagnostic, Error, Tantivy, TantivyMapping, lower};

use super::Answer;
use super::documents::{each_line, files_or_stdin};
use super::filter::{FilterArgs, Loaded, read_schema};
use super::grep::progress_over;
use super::output::{FORMAT_VERSION, Failure, Format, Output};

/// Put documents into a search index, and find them by a filter
#[derive(Debug, Args)]
pub(super) struct IndexArgs {
    #[command(subcommand)]
    command: IndexCommand,
}

#[derive(Debug, Subcommand)]
enum IndexCommand {
    /// Make an index of these documents; one that is there is replaced once all is read
    Build(BuildArgs),
    /// Print the number of matching documents
    Count {
        dir: PathBuf,
        /// @FILE, - for standard input, or the filter itself
        filter: String,
        #[command(flatten)]
        with: FilterArgs,
    },
    /// Print the matching documents as they were read, in no particular order
    Grep {
        dir: PathBuf,
        /// @FILE, - for standard input, or the filter itself
        filter: String,
        /// Print only their number
        #[arg(short, long)]
        count: bool,
        #[command(flatten)]
        with: FilterArgs,
    },
}

#[derive(Debug, Args)]
struct BuildArgs {
    dir: PathBuf,
    /// NDJSON files, plain, gzip or zstd; none, or -: standard input
    data: Vec<PathBuf>,
    /// The schema of the documents: what no filter of it can ask for is not indexed
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// The memory to build in, in MiB: of documents that wait, and of terms until they are written. The program itself, and
    /// what is compressed and merged, take about as much beside, and some tens of MiB. For a large index,
    /// more memory makes fewer segments
    #[arg(long, value_name = "MB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(24..=65_536))]
    memory: u32,
}

pub(super) fn run(args: &IndexArgs, output: &Output) -> Result<Answer, Failure> {
    match &args.command {
        IndexCommand::Build(args) => build(args, output),
        IndexCommand::Count { dir, filter, with } => {
            let found = Found::new(dir, &with.load(filter)?)?;
            print_count(found.count()?, output)?;
            Ok(Answer::Yes)
        }
        IndexCommand::Grep { dir, filter, count, with } => {
            let found = Found::new(dir, &with.load(filter)?)?;
            let matched = if *count {
                let count = found.count()?;
                output.print(count)?;
                count
            } else {
                found.print(output)?
            };
            Ok(if matched > 0 { Answer::Yes } else { Answer::No })
        }
    }
}

fn print_count(count: usize, output: &Output) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Report {
        format_version: u32,
        count: usize,
    }
    match output.format {
        Format::Json => output.print_json(&Report { format_version: FORMAT_VERSION, count }),
        Format::Text | Format::Mermaid => output.print(count),
    }
}

/// What went wrong in an index.
pub(super) fn failure(error: &TantivyError) -> Failure {
    Diagnostic::error(Code::Io, format!("the index: {error}")).into()
}

/// What an error says first.
fn message(error: &Error) -> String {
    error.diagnostics().first().map_or_else(String::new, |first| first.message.clone())
}

/// The mapping of the index in a directory, for `explain`.
pub(super) fn backend_of(dir: &Path) -> Result<Tantivy, Failure> {
    Ok(open(dir)?.1)
}

/// How many documents of the index in a directory a pushed part leaves to recheck, and how many there are.
pub(super) fn candidates(dir: &Path, pushed: Option<&TermFilter>) -> Result<(usize, u64), Failure> {
    let searcher = open(dir)?.0.reader().map_err(|error| failure(&error))?.searcher();
    let all = searcher.num_docs();
    let read = pushed.map_or(Ok(all as usize), |pushed| pushed.to_query().count(&searcher));
    Ok((read.map_err(|error| failure(&error))?, all))
}

fn open(dir: &Path) -> Result<(Index, Tantivy), Failure> {
    let not_ours = |error: &dyn std::fmt::Display| {
        Diagnostic::error(Code::Unsupported, format!("`{}` cannot be asked: {error}", dir.display()))
    };
    if let Err(error) = std::fs::read_dir(dir) {
        return Err(Failure::unreadable(dir, &error));
    }
    let index = Index::open_in_dir(dir).map_err(|error| not_ours(&format!("this is no index of ours: {error}")))?;
    let mapping = TantivyMapping::read(&index).map_err(|error| not_ours(&message(&error)))?;
    let backend = Tantivy::new(&mapping, &index.schema())?;
    Ok((index, backend))
}

// ------------------------------------------------------------------------------------------ searching

/// A filter over an index.
struct Found {
    query: FilterQuery,
    reader: IndexReader,
    document: Field,
}

impl Found {
    fn new(dir: &Path, loaded: &Loaded) -> Result<Found, Failure> {
        let predicate = loaded.predicate()?;
        let (index, backend) = open(dir)?;
        let lowered = match lower(&backend, &predicate) {
            Ok(lowered) => lowered,
            Err(never) => match never {},
        };
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into();
        let reader = reader.map_err(|error| failure(&error))?;
        Ok(Found { query: backend.query(&lowered), reader, document: backend.document_field() })
    }

    fn count(&self) -> Result<usize, Failure> {
        self.query.count(&self.reader.searcher()).map_err(|error| failure(&error))
    }

    /// Prints the documents, and gives their number.
    fn print(&self, output: &Output) -> Result<usize, Failure> {
        let searcher = self.reader.searcher();
        let mut addresses = self.query.addresses(&searcher).map_err(|error| failure(&error))?;
        // Those of one block of the store after each other.
        addresses.sort_unstable();
        let mut failed = None;
        output.write(|out| {
            for address in &addresses {
                match searcher.doc::<TantivyDocument>(*address) {
                    Ok(document) => {
                        let text = document.get_first(self.document);
                        let Some(text) = text.as_ref().and_then(|text| text.as_str()) else {
                            failed = Some(not_stored(*address));
                            break;
                        };
                        writeln!(out, "{text}")?;
                    }
                    Err(error) => {
                        failed = Some(failure(&error));
                        break;
                    }
                }
            }
            Ok(())
        })?;
        failed.map_or(Ok(addresses.len()), Err)
    }
}

// ------------------------------------------------------------------------------------------ building

const MIB: usize = 1 << 20;

/// What tantivy asks for on each thread at least.
const LEAST_OF_THREAD: usize = 15_000_000;

fn build(args: &BuildArgs, output: &Output) -> Result<Answer, Failure> {
    #[derive(Serialize)]
    struct Report {
        format_version: u32,
        documents: u64,
        bad_lines: usize,
    }
    let schema = args.schema.as_deref().map(read_schema).transpose()?;
    let mapping = schema.map_or_else(TantivyMapping::new, TantivyMapping::with_schema);
    let index = create_or_open(&args.dir, &mapping)?;
    let backend = Tantivy::new(&mapping, &index.schema())?;
    let memory = args.memory as usize * MIB;
    // A quarter for the documents that wait to be indexed, which tantivy counts by the piece.
    let (waiting, indexing) = (Arc::new(Waiting::new(memory / 4)), memory / 4 * 3);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (indexing / LEAST_OF_THREAD).clamp(1, cores.min(8));
    let options = IndexWriterOptions::builder()
        .num_worker_threads(threads)
        .memory_budget_per_thread(indexing / threads)
        // Two merges at once would hold twice as much.
        .num_merge_threads(1)
        .build();
    let mut writer = index.writer_with_options::<Held>(options).map_err(|error| failure(&error))?;
    writer.set_merge_policy(Box::new(Bounded::new(&args.dir, memory)));
    writer.delete_all_documents().map_err(|error| failure(&error))?;
    let files = files_or_stdin(&args.data);
    let progress = progress_over(output, &files);
    let mut documents = 0;
    let read = each_line(&files, output, &progress, |line| {
        let Some(line) = line else { return Ok(Ok(())) };
        let text = match std::str::from_utf8(line.text) {
            Ok(text) => text,
            Err(error) => return Ok(Err(format!("it is not UTF-8: {error}"))),
        };
        match backend.read(text) {
            Ok(document) => add(&writer, Held::new(document, text.len(), &waiting)).map(|()| documents += 1).map(Ok),
            Err(error) => Ok(Err(message(&error))),
        }
    })?;
    progress.finish_and_clear();
    mapping.commit(&mut writer).map_err(|error| failure(&error))?;
    writer.wait_merging_threads().map_err(|error| failure(&error))?;
    match output.format {
        Format::Json => {
            output.print_json(&Report { format_version: FORMAT_VERSION, documents, bad_lines: read.bad_lines })?;
        }
        Format::Text | Format::Mermaid => {
            output.print(format_args!("{documents} documents indexed, {} bad lines", read.bad_lines))?;
        }
    }
    Ok(if read.bad_lines == 0 && !read.has_failed { Answer::Yes } else { Answer::Failed })
}

/// Merges as tantivy does by default, but no segments whose terms take more bytes together than there is memory: a merge holds
/// for each term that it writes where its postings are, until it is done, and terms may be many in few documents.
#[derive(Debug)]
struct Bounded {
    dir: PathBuf,
    most: u64,
    policy: LogMergePolicy,
}

impl Bounded {
    fn new(dir: &Path, memory: usize) -> Bounded {
        Bounded { dir: dir.to_owned(), most: memory as u64, policy: LogMergePolicy::default() }
    }

    /// How large the terms of a segment are; one that cannot be looked at is not merged.
    fn terms(&self, segment: &SegmentMeta) -> u64 {
        let file = self.dir.join(segment.relative_path(SegmentComponent::Terms));
        std::fs::metadata(file).map_or(u64::MAX, |file| file.len())
    }
}

impl MergePolicy for Bounded {
    fn compute_merge_candidates(&self, segments: &[SegmentMeta]) -> Vec<MergeCandidate> {
        let sizes: HashMap<SegmentId, u64> =
            segments.iter().map(|segment| (segment.id(), self.terms(segment))).collect();
        // One of more than half is large enough.
        let is_small = |segment: &&SegmentMeta| sizes[&segment.id()] <= self.most / 2;
        let small: Vec<SegmentMeta> = segments.iter().filter(is_small).cloned().collect();
        let mut candidates = self.policy.compute_merge_candidates(&small);
        for MergeCandidate(segments) in &mut candidates {
            let mut room = self.most;
            segments.retain(|segment| match room.checked_sub(sizes[segment]) {
                Some(rest) => {
                    room = rest;
                    true
                }
                None => false,
            });
        }
        candidates.retain(|MergeCandidate(segments)| segments.len() > 1);
        candidates
    }
}

fn add(writer: &IndexWriter<Held>, document: Held) -> Result<(), Failure> {
    writer.add_document(document).map(|_| ()).map_err(|error| failure(&error))
}

fn not_stored(address: DocAddress) -> Failure {
    failure(&TantivyError::InternalError(format!("the document {address:?} was not stored")))
}

/// The index in a directory: a new one where there is nothing, or that which is there, if it is ours.
fn create_or_open(dir: &Path, mapping: &TantivyMapping) -> Result<Index, Failure> {
    let cannot = |error: &std::io::Error| Failure::io(format_args!("cannot make `{}`", dir.display()), error);
    std::fs::create_dir_all(dir).map_err(|error| cannot(&error))?;
    let mut entries = std::fs::read_dir(dir).map_err(|error| Failure::unreadable(dir, &error))?;
    let is_new = entries.all(|entry| entry.is_ok_and(|entry| is_a_beginning(&entry.file_name())));
    let refuse = |why: String| {
        Diagnostic::error(Code::Unsupported, format!("`{}` cannot be built in: {why}", dir.display()))
            .hint("name a directory that is empty or not there yet")
    };
    if is_new {
        let directory = MmapDirectory::open(dir).map_err(|error| failure(&error.into()))?;
        return Index::create(directory, mapping.tantivy_schema(), Default::default()).map_err(|error| failure(&error));
    }
    let index = Index::open_in_dir(dir).map_err(|error| refuse(format!("this is no index of ours: {error}")))?;
    let metas = index.load_metas().map_err(|error| failure(&error))?;
    // One that was never committed says nothing yet.
    let is_begun = metas.segments.is_empty() && metas.payload.is_none() && index.schema() == mapping.tantivy_schema();
    if !is_begun {
        let old = TantivyMapping::read(&index).map_err(|error| refuse(message(&error)))?;
        if index.schema() != mapping.tantivy_schema() || old.tantivy_schema() != index.schema() {
            return Err(refuse("this is no index of ours: its fields are others".to_owned()).into());
        }
    }
    Ok(index)
}

/// What is in a directory where making an index was broken off at its very beginning.
fn is_a_beginning(name: &std::ffi::OsStr) -> bool {
    let name = name.to_string_lossy();
    name == ".managed.json" || name.starts_with(".tmp") || name.starts_with(".tantivy-")
}

/// How many bytes of documents may wait for an indexing thread.
#[derive(Debug)]
struct Waiting {
    most: usize,
    bytes: Mutex<usize>,
    changed: Condvar,
}

impl Waiting {
    fn new(most: usize) -> Waiting {
        Waiting { most, bytes: Mutex::new(0), changed: Condvar::new() }
    }

    /// Waits until there is room; what is larger than all room waits for everything before it.
    fn enter(&self, bytes: usize) {
        let mut waiting = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        while *waiting > 0 && *waiting + bytes > self.most {
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        *waiting += bytes;
    }

    fn leave(&self, bytes: usize) {
        *self.bytes.lock().unwrap_or_else(PoisonError::into_inner) -= bytes;
        self.changed.notify_all();
    }
}

/// A document that counts as waiting until an indexing thread is done with it.
#[derive(Debug)]
struct Held {
    document: TantivyDocument,
    bytes: usize,
    waiting: Arc<Waiting>,
}

impl Held {
    fn new(document: TantivyDocument, text: usize, waiting: &Arc<Waiting>) -> Held {
        // Its text, and its terms: each about as large as a value with its path, and an address.
        let bytes = text * 4 + document.len() * 64;
        waiting.enter(bytes);
        Held { document, bytes, waiting: waiting.clone() }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.waiting.leave(self.bytes);
    }
}

impl trommel::tantivy::Document for Held {
    type Value<'a> = <TantivyDocument as trommel::tantivy::Document>::Value<'a>;
    type FieldsValuesIter<'a> = <TantivyDocument as trommel::tantivy::Document>::FieldsValuesIter<'a>;

    fn iter_fields_and_values(&self) -> Self::FieldsValuesIter<'_> {
        self.document.iter_fields_and_values()
    }
}
