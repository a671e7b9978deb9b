//! The fields of an index that a mapping names, by what they can be asked.

use tantivy::schema::{DateTimePrecision, Field, FieldType, NumericOptions, TextFieldIndexing};
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{Index, TantivyError};

use super::mapping::{ForeignField, Promises};
use super::number::NumberType;
use crate::error::{Code, Diagnostic, Error};
use crate::path::Path;

/// The tokenizer and the normaliser that keep a string as it is.
const RAW: &str = "raw";

/// A field, with what is promised of it.
#[derive(Clone)]
pub(super) struct Resolved {
    /// None: the root.
    pub(super) path: Option<Path>,
    pub(super) name: String,
    pub(super) field: Field,
    pub(super) kind: Kind,
    pub(super) promises: Promises,
}

#[derive(Clone)]
pub(super) enum Kind {
    Text(Text),
    Number(NumberType, Access),
    Bool(Access),
    /// So many nanoseconds to a unit of the column.
    Date(Access, i128),
    Json {
        strings: Text,
        expands_dots: bool,
    },
}

/// Strings, in the index and in a column.
#[derive(Clone)]
pub(super) struct Text {
    pub(super) indexed: Indexed,
    /// Whether a column has them as they are.
    pub(super) is_fast: bool,
}

#[derive(Clone)]
pub(super) enum Indexed {
    No,
    Raw,
    Tokens(TextAnalyzer),
}

/// How values are reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    pub(super) is_indexed: bool,
    pub(super) is_fast: bool,
}

impl Resolved {
    pub(super) fn new(index: &Index, path: Option<Path>, wanted: &ForeignField) -> Result<Resolved, Error> {
        let unsupported = |message: String| Error::from(Diagnostic::error(Code::Unsupported, message));
        let name = &wanted.name;
        let schema = index.schema();
        let field = schema.get_field(name).map_err(|_| unsupported(format!("the index has no field `{name}`")))?;
        let ty = schema.get_field_entry(field).field_type();
        let kind = kind(index, field, ty).map_err(|error| unsupported(error.to_string()))?;
        let Some(kind) = kind else {
            return Err(unsupported(format!("the field `{name}` is of a type that holds no JSON value")));
        };
        if path.is_none() && !matches!(kind, Kind::Json { .. }) {
            return Err(unsupported(format!("the field `{name}` is no JSON field, so it holds no whole document")));
        }
        Ok(Resolved { path, name: name.clone(), field, kind, promises: wanted.promises })
    }
}

fn kind(index: &Index, field: Field, ty: &FieldType) -> Result<Option<Kind>, TantivyError> {
    let text = |indexing: Option<&TextFieldIndexing>, fast: Option<&str>| {
        let indexed = match indexing.map(TextFieldIndexing::tokenizer) {
            None => Indexed::No,
            Some(RAW) => Indexed::Raw,
            Some(_) => Indexed::Tokens(index.tokenizer_for_field(field)?),
        };
        Ok::<Text, TantivyError>(Text { indexed, is_fast: fast == Some(RAW) })
    };
    let access = |options: &NumericOptions| Access { is_indexed: options.is_indexed(), is_fast: options.is_fast() };
    Ok(Some(match ty {
        FieldType::Str(options) => {
            Kind::Text(text(options.get_indexing_options(), options.get_fast_field_tokenizer_name())?)
        }
        FieldType::U64(options) => Kind::Number(NumberType::U64, access(options)),
        FieldType::I64(options) => Kind::Number(NumberType::I64, access(options)),
        FieldType::F64(options) => Kind::Number(NumberType::F64, access(options)),
        FieldType::Bool(options) => Kind::Bool(access(options)),
        FieldType::Date(options) => {
            let unit = match options.get_precision() {
                DateTimePrecision::Seconds => 1_000_000_000,
                DateTimePrecision::Milliseconds => 1_000_000,
                DateTimePrecision::Microseconds => 1_000,
                DateTimePrecision::Nanoseconds => 1,
            };
            Kind::Date(Access { is_indexed: options.is_indexed(), is_fast: options.is_fast() }, unit)
        }
        FieldType::JsonObject(options) => Kind::Json {
            // Of its columns none is asked: they end at a depth of 20, and mix integers with floats.
            strings: text(options.get_text_indexing_options(), None)?,
            expands_dots: options.is_expand_dots_enabled(),
        },
        FieldType::TieBreaker
        | FieldType::Facet(_)
        | FieldType::Bytes(_)
        | FieldType::IpAddr(_)
        | FieldType::Custom(_) => return Ok(None),
    }))
}
