//! `trommel sql`: a filter as SQL text and values.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;
use trommel::backend::sql::{Mapping, Query};
use trommel::sea_query::{Value as SqlValue, Values};
use trommel::{Code, Diagnostic, Predicate, Sql, lower};

use super::Answer;
use super::filter::FilterArgs;
use super::output::{FORMAT_VERSION, Failure, Format, Output, note, read_text};

/// Print a filter as SQL with placeholders, then its values, one JSON value a line
#[derive(Debug, Args)]
pub(super) struct SqlArgs {
    /// @FILE, - for standard input, or the filter itself
    filter: String,
    /// The database
    #[arg(long, value_enum)]
    dialect: DialectName,
    #[command(flatten)]
    mapping: MappingArgs,
    /// What to print: the condition alone, or a whole statement
    #[arg(long, value_enum, default_value_t = StatementName::Where)]
    statement: StatementName,
    /// Print what can be asked though it selects more; what is left to recheck goes to stderr, or into the JSON
    #[arg(long)]
    allow_residual: bool,
    #[command(flatten)]
    with: FilterArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DialectName {
    Sqlite,
    Postgres,
    Mysql,
    Mariadb,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StatementName {
    Where,
    Count,
    Ids,
    Exists,
}

/// The flag that says where the fields are.
#[derive(Debug, Args)]
pub(super) struct MappingArgs {
    /// Where the fields are in the database; without it all is in the JSON column `doc` of the table `documents`
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
}

impl MappingArgs {
    pub(super) fn is_given(&self) -> bool {
        self.mapping.is_some()
    }

    /// Reads the mapping file.
    pub(super) fn read(&self) -> Result<Mapping, Failure> {
        let Some(path) = &self.mapping else { return Ok(Mapping::default()) };
        let text = read_text(path)?;
        Mapping::from_json(&text).map_err(|error| Failure::in_file("the mapping", path, &error, &text))
    }
}

#[derive(Serialize)]
struct Report {
    format_version: u32,
    sql: String,
    values: Vec<Json>,
    exact: bool,
    residual: Option<Box<RawValue>>,
}

pub(super) fn run(args: &SqlArgs, output: &Output) -> Result<Answer, Failure> {
    let loaded = args.with.load(&args.filter)?;
    let predicate = loaded.predicate()?;
    let mapping = args.mapping.read()?;
    let sql = match args.dialect {
        DialectName::Sqlite => Sql::sqlite(mapping),
        DialectName::Postgres => Sql::postgres(mapping),
        DialectName::Mysql => Sql::mysql(mapping),
        DialectName::Mariadb => Sql::mariadb(mapping),
    };
    let lowered = lower(&sql, &predicate).map_err(|error| loaded.failure(error))?;
    // As text: a serializer would recurse.
    let residual = lowered.residual().map(Predicate::to_string);
    let query = match lowered.pushed() {
        Some(query) if args.allow_residual || residual.is_none() => query.clone(),
        None if args.allow_residual => sql.everything(),
        Some(_) | None => lowered.into_exact().map_err(|error| loaded.failure(error))?,
    };
    let (text, values) = args.statement.of(&query);
    let values = values.0.iter().map(to_json).collect::<Result<Vec<Json>, Failure>>()?;
    match output.format {
        Format::Text | Format::Mermaid => {
            output.write(|out| {
                writeln!(out, "{text}")?;
                values.iter().try_for_each(|value| writeln!(out, "{value}"))
            })?;
            if let Some(residual) = residual {
                note(format_args!("left to recheck: {residual}"));
            }
        }
        Format::Json => {
            let exact = residual.is_none();
            let residual = residual.map(RawValue::from_string).transpose();
            let residual = residual.map_err(|error| Diagnostic::error(Code::Internal, error.to_string()))?;
            output.print_json(&Report { format_version: FORMAT_VERSION, sql: text, values, exact, residual })?;
        }
    }
    Ok(Answer::Yes)
}

impl StatementName {
    fn of(self, query: &Query) -> (String, Values) {
        match self {
            StatementName::Where => query.where_clause(),
            StatementName::Count => query.select_count(),
            StatementName::Ids => query.select_ids(),
            StatementName::Exists => query.select_exists(),
        }
    }
}

/// A bound value as JSON. Of the many that sea-query has, these are what our dialects bind.
fn to_json(value: &SqlValue) -> Result<Json, Failure> {
    match value {
        SqlValue::Bool(Some(bool)) => Ok((*bool).into()),
        SqlValue::BigInt(Some(int)) => Ok((*int).into()),
        SqlValue::Double(Some(float)) => Ok((*float).into()),
        SqlValue::String(Some(string)) => Ok(string.as_str().into()),
        // One parameter, so one value.
        SqlValue::Array(_, Some(values)) => values.iter().map(to_json).collect(),
        other => Err(Diagnostic::error(Code::Internal, format!("a value that is no JSON: {other:?}")).into()),
    }
}
