//! Reading what a FILTER argument, and the flags around it, stand for.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use trommel::parse::Parser;
use trommel::plan::TriggerRequest;
use trommel::reference::Reference;
use trommel::{Budget, Document, Error, Filter, Limit, Limits, Predicate, Schema};

use super::output::{Failure, read_text};

/// The flags that go with a FILTER, wherever one is taken.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filter")]
pub(super) struct FilterArgs {
    /// The language of FILTER; auto: JSON if it begins with `{`, else text
    #[arg(long, value_enum, default_value_t = Notation::Auto)]
    notation: Notation,
    /// The schema of the documents
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// The object that holds the dynamic values
    #[arg(long, value_name = "JSON|@FILE")]
    bind: Option<String>,
    /// Letter case is ignored where the filter does not say otherwise
    #[arg(long)]
    ignore_case: bool,
    /// Set a limit; `trommel check --limits` lists them
    #[arg(long, value_name = "NAME=N", value_parser = read_limit)]
    limit: Vec<(Limit, usize)>,
}

/// The flags that go with the request to trigger a collection.
#[derive(Debug, Args)]
#[command(next_help_heading = "Request")]
pub(super) struct RequestArgs {
    /// The body of the call; without it nothing is limited
    #[arg(long, value_name = "JSON|@FILE|-")]
    request: Option<String>,
    /// The object that holds the dynamic values
    #[arg(long, value_name = "JSON|@FILE")]
    bind: Option<String>,
    /// Set a limit; `trommel check --limits` lists them
    #[arg(long, value_name = "NAME=N", value_parser = read_limit)]
    limit: Vec<(Limit, usize)>,
}

/// A request, and the text that places are in.
#[derive(Debug)]
pub(super) struct LoadedRequest {
    pub(super) request: TriggerRequest,
    source: String,
}

impl LoadedRequest {
    /// An error about this request, with the text that its places are in.
    pub(super) fn failure(&self, error: Error) -> Failure {
        Failure::in_text(error, &self.source)
    }
}

impl RequestArgs {
    /// Reads the request.
    pub(super) fn load(&self) -> Result<LoadedRequest, Failure> {
        let limits = self.limit.iter().fold(Limits::default(), |limits, (limit, value)| limits.with(*limit, *value));
        let input = match &self.request {
            None => b"{}".to_vec(),
            Some(argument) => read_argument(argument, limits.get(Limit::Input))?,
        };
        let read = TriggerRequest::from_json_with(&Parser::new().limits(limits), &input);
        let source = as_text(input);
        let mut request = read.map_err(|error| Failure::in_text(error, &source))?;
        let values = self.bind.as_deref().map(read_values).transpose()?;
        if let (Some(values), Some(filter)) = (values, &request.source_filters) {
            let bound = filter.bind(&values).map_err(|error| Failure::in_text(error, &source))?;
            request.source_filters = Some(bound);
        }
        Ok(LoadedRequest { request, source })
    }
}

/// Where an input is no UTF-8, the place of that is within the part that this keeps as it is.
fn as_text(input: Vec<u8>) -> String {
    String::from_utf8(input).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Notation {
    Auto,
    Json,
    Text,
}

/// Reads `NAME=N`.
fn read_limit(text: &str) -> Result<(Limit, usize), String> {
    let (name, value) = text.split_once('=').ok_or("it is written NAME=N")?;
    let limit = Limit::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Limit::all().map(Limit::name).collect();
        format!("there is no limit `{name}`; there are {}", names.join(", "))
    })?;
    let value = value.parse().map_err(|_| format!("`{value}` is no whole number, or too large"))?;
    Ok((limit, value))
}

/// A filter, validated and bound, and what it was read with.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) filter: Filter,
    /// Whether it was written as text.
    pub(super) is_text: bool,
    schema: Schema,
    /// The text that the places are in.
    source: String,
}

impl Loaded {
    /// What the filter means.
    pub(super) fn predicate(&self) -> Result<Predicate, Failure> {
        self.check().map(|(predicate, _)| predicate)
    }

    /// The filter as the law reads it.
    pub(super) fn reference(&self) -> Result<Reference, Failure> {
        // What a check refuses is refused here too, with its place.
        self.check()?;
        Reference::new(&self.filter, &self.schema).map_err(|error| Failure::in_text(error, &self.source))
    }

    /// An error about this filter, with the text that its places are in.
    pub(super) fn failure(&self, error: Error) -> Failure {
        Failure::in_text(error, &self.source)
    }

    /// What the filter means, and what it used of its limits.
    pub(super) fn check(&self) -> Result<(Predicate, Budget), Failure> {
        let checked = self.schema.check_with_budget(&self.filter);
        checked.map_err(|error| Failure::in_text(error, &self.source))
    }
}

impl FilterArgs {
    /// Reads the filter that a FILTER argument stands for.
    pub(super) fn load(&self, filter: &str) -> Result<Loaded, Failure> {
        self.load_with(filter, |parser, schema, input| read_filter(self.notation, parser, schema, input))
    }

    /// Reads the filter that the trigger request in an argument stands for.
    pub(super) fn load_request(&self, request: &str) -> Result<Loaded, Failure> {
        self.load_with(request, |parser, schema, input| {
            let filter = TriggerRequest::from_json_with(parser, input)?.filter()?;
            let filter = filter.unwrap_or_else(Filter::everything);
            schema.validate(&filter)?;
            Ok((filter, false))
        })
    }

    fn load_with(
        &self,
        argument: &str,
        read: impl FnOnce(&Parser, &Schema, &[u8]) -> Result<(Filter, bool), Error>,
    ) -> Result<Loaded, Failure> {
        let limits = self.limit.iter().fold(Limits::default(), |limits, (limit, value)| limits.with(*limit, *value));
        let schema = self.schema.as_deref().map_or(Ok(Schema::open()), read_schema)?;
        let input = read_argument(argument, limits.get(Limit::Input))?;
        let parser = Parser::new().limits(limits).ignore_case(self.ignore_case);
        let read = read(&parser, &schema, &input);
        let source = as_text(input);
        let (filter, is_text) = read.map_err(|error| Failure::in_text(error, &source))?;
        let filter = match &self.bind {
            None => filter,
            Some(bind) => {
                let values = read_values(bind)?;
                filter.bind(&values).map_err(|error| Failure::in_text(error, &source))?
            }
        };
        Ok(Loaded { filter, is_text, schema, source })
    }
}

/// Reads a filter in its notation, and tells whether that is text.
fn read_filter(notation: Notation, parser: &Parser, schema: &Schema, input: &[u8]) -> Result<(Filter, bool), Error> {
    let is_text = match notation {
        Notation::Json => false,
        Notation::Text => true,
        Notation::Auto => !begins_as_json(input),
    };
    let filter = if is_text { schema.parse_text(parser, input) } else { schema.parse_json(parser, input) };
    filter.map(|filter| (filter, is_text))
}

/// Whether the first character that is not blank is `{`.
fn begins_as_json(input: &[u8]) -> bool {
    let input = input.strip_prefix(BYTE_ORDER_MARK).unwrap_or(input);
    input.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

/// What a text may begin with, and is no part of it.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The bytes that an argument stands for: those of `@FILE`, of standard input for `-`, else its own. Of a longer input
/// one byte more than the limit is read, which the parser then refuses.
fn read_argument(argument: &str, limit: usize) -> Result<Vec<u8>, Failure> {
    let most = limit.saturating_add(1) as u64;
    let mut input = Vec::new();
    if let Some(path) = argument.strip_prefix('@').map(Path::new) {
        let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut input));
        read.map_err(|error| Failure::unreadable(path, &error))?;
    } else if argument == "-" {
        let read = io::stdin().lock().take(most).read_to_end(&mut input);
        read.map_err(|error| Failure::unreadable(Path::new("-"), &error))?;
    } else {
        input.extend_from_slice(argument.as_bytes());
    }
    Ok(input)
}

/// Reads a schema file; `-` is standard input.
pub(super) fn read_schema(path: &Path) -> Result<Schema, Failure> {
    let text = read_text(path)?;
    Schema::from_json(&text).map_err(|error| Failure::in_file("the schema", path, &error, &text))
}

/// The object of dynamic values.
fn read_values(argument: &str) -> Result<Document, Failure> {
    let file;
    let text = match argument.strip_prefix('@').map(Path::new) {
        None => argument.as_bytes(),
        Some(path) => {
            file = std::fs::read(path).map_err(|error| Failure::unreadable(path, &error))?;
            &file
        }
    };
    trommel::parse::values(text)
        .map_err(|error| Failure::in_text(error.of("the dynamic values"), &String::from_utf8_lossy(text)))
}
