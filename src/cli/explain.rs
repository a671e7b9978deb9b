//! `trommel explain`: what a backend does with each condition of a filter.

use clap::{Args, ValueEnum};
use serde::Serialize;
use trommel::backend::sql::Mapping;
use trommel::{Code, CoverKind, Diagnostic, Explain, Memory, Sql, lower};

use super::Answer;
use super::filter::FilterArgs;
use super::output::{FORMAT_VERSION, Failure, Format, Output};
use super::sql::MappingArgs;

/// Show what a backend can ask of a filter, and what is left to recheck
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// @FILE, - for standard input, or the filter itself
    filter: String,
    /// Where the documents are
    #[arg(long, value_enum, default_value_t = Name::Memory)]
    backend: Name,
    #[command(flatten)]
    mapping: MappingArgs,
    /// The directory of an index, for `tantivy`; without it, one that all of a document is in
    #[cfg(feature = "tantivy")]
    #[arg(long, value_name = "DIR")]
    index: Option<std::path::PathBuf>,
    /// Show values, not only their types
    #[arg(long)]
    show_values: bool,
    #[command(flatten)]
    with: FilterArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    Memory,
    Sqlite,
    Postgres,
    Mysql,
    Mariadb,
    Tantivy,
}

#[derive(Serialize)]
struct Report<'e> {
    format_version: u32,
    /// The oldest server that the answers were proved on.
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<&'e str>,
    #[serde(flatten)]
    explain: &'e Explain,
}

pub(super) fn run(args: &ExplainArgs, output: &Output) -> Result<Answer, Failure> {
    let loaded = args.with.load(&args.filter)?;
    let predicate = loaded.predicate()?;
    let of_database = |sql: fn(Mapping) -> Sql| {
        let sql = sql(args.mapping.read()?);
        let lowered = lower(&sql, &predicate).map_err(|error| loaded.failure(error))?;
        Ok::<_, Failure>((lowered.explain(), Some(sql.server().to_owned())))
    };
    #[cfg(feature = "tantivy")]
    if args.index.is_some() && args.backend != Name::Tantivy {
        return Err(Diagnostic::error(Code::Usage, "an index is for the backend `tantivy`").into());
    }
    #[cfg_attr(not(feature = "tantivy"), allow(unused_mut))]
    let mut cost = String::new();
    let (explain, server) = match args.backend {
        Name::Memory | Name::Tantivy if args.mapping.is_given() => {
            let message = "a mapping is for databases, not for `memory` and `tantivy`";
            return Err(Diagnostic::error(Code::Usage, message).into());
        }
        Name::Memory => match lower(&Memory, &predicate) {
            Ok(lowered) => (lowered.explain(), None),
            Err(never) => match never {},
        },
        Name::Sqlite => of_database(Sql::sqlite)?,
        Name::Postgres => of_database(Sql::postgres)?,
        Name::Mysql => of_database(Sql::mysql)?,
        Name::Mariadb => of_database(Sql::mariadb)?,
        #[cfg(feature = "tantivy")]
        Name::Tantivy => {
            let backend = match &args.index {
                Some(dir) => super::index::backend_of(dir)?,
                None => {
                    let mapping = trommel::TantivyMapping::new();
                    trommel::Tantivy::new(&mapping, &mapping.tantivy_schema())?
                }
            };
            let lowered = match lower(&backend, &predicate) {
                Ok(lowered) => lowered,
                Err(never) => match never {},
            };
            if let Some(dir) = &args.index
                && lowered.residual().is_some()
            {
                let (read, all) = super::index::candidates(dir, lowered.pushed())?;
                cost = format!("\ncost: {read} of {all} documents are read from the index and parsed");
            }
            (lowered.explain(), None)
        }
        #[cfg(not(feature = "tantivy"))]
        Name::Tantivy => return Err(super::output::absent(&args.backend)),
    };
    match output.format {
        Format::Json => {
            output.print_json(&Report {
                format_version: FORMAT_VERSION,
                server: server.as_deref(),
                explain: &explain,
            })?;
        }
        Format::Text | Format::Mermaid => {
            let server = server.map_or_else(String::new, |server| format!("\nserver: {server}"));
            output.print(text(&explain, args.show_values) + &cost + &server)?;
        }
    }
    Ok(Answer::Yes)
}

/// The tree, and below it what is pushed and what is left; values shown only if that is asked for.
fn text(explain: &Explain, show_values: bool) -> String {
    let Explain { pushed, residual, leaves, .. } = explain;
    let left = leaves.iter().filter(|leaf| leaf.cover != CoverKind::Exact).count();
    let of = leaves.len();
    let pushed = match pushed {
        None => "nothing, so every document is looked at".to_owned(),
        Some(pushed) if show_values => pushed.clone(),
        Some(_) if residual.is_none() => "everything".to_owned(),
        Some(_) => "a part".to_owned(),
    };
    let residual = match residual {
        None => "nothing".to_owned(),
        Some(residual) if show_values => residual.to_string(),
        Some(_) => format!("a filter over {left} of {of} leaves"),
    };
    let tree = if show_values { format!("{explain:#}") } else { explain.to_string() };
    format!("{tree}pushed: {pushed}\nleft to recheck: {residual}")
}
