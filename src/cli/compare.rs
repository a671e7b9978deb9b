//! `trommel compare`: whether the backends answer as the reference does, on somebody's own data.

#[cfg(feature = "tantivy")]
mod in_index;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use rusqlite::{Connection, ToSql, params_from_iter};
use serde::Serialize;
use serde_json::{Value as Json, json};
use trommel::backend::sql::Mapping;
use trommel::sea_query::Value as SqlValue;
use trommel::{Code, Diagnostic, Document, Lowered, Matcher, Path, Predicate, Sql, lower};

use super::Answer;
use super::documents::{each_document, files_or_stdin};
use super::filter::{FilterArgs, Loaded};
use super::output::{FORMAT_VERSION, Failure, Format, Output};
#[cfg(feature = "tantivy")]
use in_index::InIndex;

/// Compare the answers of the backends with the reference, document by document
#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// @FILE, - for standard input, or the filter itself
    filter: String,
    /// NDJSON files, plain, gzip or zstd; -: standard input
    #[arg(required = true)]
    data: Vec<PathBuf>,
    /// The backends
    #[arg(long, value_enum, value_delimiter = ',', value_name = "LIST", default_value = ALL)]
    on: Vec<Name>,
    /// Where the id of a document is; without it the number of its line
    #[arg(long, value_name = "PATH", value_parser = read_path)]
    id: Option<Path>,
    #[command(flatten)]
    with: FilterArgs,
}

/// All that the build has.
const ALL: &str = if cfg!(feature = "tantivy") { "memory,sqlite,tantivy" } else { "memory,sqlite" };

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    Memory,
    Sqlite,
    Tantivy,
}

fn read_path(text: &str) -> Result<Path, String> {
    Path::parse(text).map_err(|error| error.to_string())
}

#[derive(Serialize)]
struct Report {
    format_version: u32,
    reference: Count,
    backends: Vec<Compared>,
}

#[derive(Serialize)]
struct Count {
    count: usize,
}

/// What one backend said.
#[derive(Serialize)]
struct Compared {
    name: &'static str,
    count: usize,
    /// Whether it answered without a recheck.
    exact: bool,
    /// The ids of documents that it should have found.
    missing: Vec<Json>,
    /// The ids of documents that it should not have found.
    extra: Vec<Json>,
    ms: f64,
}

/// Whether each document matches, and how long that took.
struct Verdicts {
    name: &'static str,
    exact: bool,
    matches: Vec<bool>,
    time: Duration,
}

pub(super) fn run(args: &CompareArgs, output: &Output) -> Result<Answer, Failure> {
    if args.filter == "-" && args.data.iter().any(|file| file.as_os_str() == "-") {
        let message = "standard input cannot be both the filter and the documents";
        return Err(Diagnostic::error(Code::Usage, message).hint("name the files of the documents").into());
    }
    #[cfg(not(feature = "tantivy"))]
    if args.on.contains(&Name::Tantivy) {
        return Err(super::output::absent(&Name::Tantivy));
    }
    let loaded = args.with.load(&args.filter)?;
    let (reference, predicate) = (loaded.reference()?, loaded.predicate()?);
    let mut memory = args.on.contains(&Name::Memory).then(|| InMemory::new(&predicate));
    let mut sqlite = match args.on.contains(&Name::Sqlite) {
        true => Some(InSqlite::new(&predicate, &loaded)?),
        false => None,
    };
    #[cfg(feature = "tantivy")]
    let mut tantivy = match args.on.contains(&Name::Tantivy) {
        true => Some(InIndex::new(&predicate)?),
        false => None,
    };
    let files = files_or_stdin(&args.data);
    let (mut expected, mut ids) = (Vec::new(), Vec::new());
    let is_whole = each_document(&files, output, |line| {
        let document: &Json = &line.document;
        expected.push(reference.matches(document));
        let id = args.id.as_ref().and_then(|path| path.values(document).next()).cloned();
        ids.push(id.unwrap_or_else(|| match files.len() {
            1 => json!(line.number),
            _ => json!(format!("{}:{}", line.file.display(), line.number)),
        }));
        if let Some(memory) = &mut memory {
            memory.take(document);
        }
        if let Some(sqlite) = &mut sqlite {
            sqlite.take(&line.document).map_err(|error| database(&error))?;
        }
        #[cfg(feature = "tantivy")]
        if let Some(tantivy) = &mut tantivy {
            tantivy.take(document)?;
        }
        Ok(())
    })?;
    let sqlite = sqlite.map(|sqlite| sqlite.finish(expected.len())).transpose()?;
    #[cfg(feature = "tantivy")]
    let tantivy = tantivy.map(|tantivy| tantivy.finish(expected.len())).transpose()?;
    #[cfg(not(feature = "tantivy"))]
    let tantivy: Option<Verdicts> = None;
    let of = |name: &Name| match name {
        Name::Memory => memory.as_ref().map(|memory| &memory.0),
        Name::Sqlite => sqlite.as_ref(),
        Name::Tantivy => tantivy.as_ref(),
    };
    let backends: Vec<Compared> =
        args.on.iter().filter_map(of).map(|verdicts| verdicts.compare(&expected, &ids)).collect();
    let agree = backends.iter().all(|backend| backend.missing.is_empty() && backend.extra.is_empty());
    let reference = Count { count: expected.iter().filter(|matches| **matches).count() };
    print(&Report { format_version: FORMAT_VERSION, reference, backends }, output)?;
    Ok(match (is_whole, agree) {
        (false, _) => Answer::Failed,
        (true, true) => Answer::Yes,
        (true, false) => Answer::No,
    })
}

fn print(report: &Report, output: &Output) -> Result<(), Failure> {
    if output.format == Format::Json {
        return output.print_json(report);
    }
    output.write(|out| {
        writeln!(out, "{:<10} {:>9}", "reference", report.reference.count)?;
        for Compared { name, count, exact, missing, extra, ms } in &report.backends {
            let exact = if *exact { "exact" } else { "rechecked" };
            write!(out, "{name:<10} {count:>9} {ms:>10.1} ms  {exact}")?;
            match (missing.as_slice(), extra.as_slice()) {
                ([], []) => writeln!(out, ", agrees")?,
                _ => writeln!(out, ", differs: {} missing, {} too many", missing.len(), extra.len())?,
            }
            for (what, ids) in [("missing", missing), ("too many", extra)] {
                ids.iter().try_for_each(|id| writeln!(out, "  {what} {id}"))?;
            }
        }
        Ok(())
    })
}

impl Verdicts {
    fn compare(&self, expected: &[bool], ids: &[Json]) -> Compared {
        let differing = |wanted: bool| {
            let pairs = self.matches.iter().zip(expected).zip(ids);
            let found = pairs.filter(|((got, expected), _)| **expected == wanted && **got != wanted);
            found.map(|(_, id)| id.clone()).collect()
        };
        Compared {
            name: self.name,
            count: self.matches.iter().filter(|matches| **matches).count(),
            exact: self.exact,
            missing: differing(true),
            extra: differing(false),
            ms: (self.time.as_secs_f64() * 1e6).round() / 1e3,
        }
    }
}

/// The compiled matcher.
struct InMemory(Verdicts, Matcher);

impl InMemory {
    fn new(predicate: &Predicate) -> InMemory {
        let verdicts = Verdicts { name: "memory", exact: true, matches: Vec::new(), time: Duration::ZERO };
        InMemory(verdicts, Matcher::new(predicate))
    }

    fn take(&mut self, document: &Json) {
        let InMemory(verdicts, matcher) = self;
        let start = Instant::now();
        let matches = matcher.matches(document);
        verdicts.time += start.elapsed();
        verdicts.matches.push(matches);
    }
}

/// A database of our own in a temporary file, which SQLite removes.
struct InSqlite {
    connection: Connection,
    lowered: Lowered<trommel::backend::sql::Query>,
    count: i64,
}

fn database(error: &rusqlite::Error) -> Failure {
    Diagnostic::error(Code::Database, format!("SQLite: {error}")).into()
}

impl InSqlite {
    fn new(predicate: &Predicate, loaded: &Loaded) -> Result<InSqlite, Failure> {
        let lowered = lower(&Sql::sqlite(Mapping::default()), predicate).map_err(|error| loaded.failure(error))?;
        let open = || {
            let connection = Connection::open("")?;
            connection.execute_batch("CREATE TABLE documents (id INTEGER PRIMARY KEY, doc TEXT); BEGIN")?;
            Ok(connection)
        };
        Ok(InSqlite { connection: open().map_err(|error| database(&error))?, lowered, count: 0 })
    }

    fn take(&mut self, document: &Document) -> rusqlite::Result<()> {
        let mut insert = self.connection.prepare("INSERT INTO documents VALUES (?, ?)")?;
        insert.execute((self.count, document.to_string()))?;
        self.count += 1;
        Ok(())
    }

    fn finish(self, count: usize) -> Result<Verdicts, Failure> {
        let start = Instant::now();
        let ids = self.ids().map_err(|error| database(&error))?;
        let (time, mut matches) = (start.elapsed(), vec![false; count]);
        for id in ids {
            if let Some(matches) = usize::try_from(id).ok().and_then(|id| matches.get_mut(id)) {
                *matches = true;
            }
        }
        Ok(Verdicts { name: "sqlite", exact: self.lowered.is_exact(), matches, time })
    }

    /// The ids of what was found, rechecked where that is left.
    fn ids(&self) -> rusqlite::Result<Vec<i64>> {
        let everything = Sql::sqlite(Mapping::default()).everything();
        let (condition, values) = self.lowered.pushed().unwrap_or(&everything).where_clause();
        let residual = self.lowered.residual().map(Matcher::new);
        let what = if residual.is_some() { "id, doc" } else { "id" };
        let mut select = self.connection.prepare(&format!("SELECT {what} FROM documents WHERE {condition}"))?;
        let mut rows = select.query(params_from_iter(values.0.iter().map(bound)))?;
        let mut ids = Vec::new();
        while let Some(row) = rows.next()? {
            let holds = match &residual {
                None => true,
                Some(matcher) => {
                    // What was written here is read again.
                    let text: String = row.get(1)?;
                    Document::read(text.as_bytes()).is_ok_and(|document| matcher.matches(&document))
                }
            };
            if holds {
                ids.push(row.get(0)?);
            }
        }
        Ok(ids)
    }
}

/// A value as rusqlite binds it. Of the many that sea-query has, these are what SQLite is sent.
fn bound(value: &SqlValue) -> Box<dyn ToSql + '_> {
    match value {
        SqlValue::BigInt(int) => Box::new(int),
        SqlValue::Double(float) => Box::new(float),
        SqlValue::String(string) => Box::new(string),
        _ => Box::new(rusqlite::types::Null),
    }
}
