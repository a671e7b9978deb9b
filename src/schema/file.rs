//! The schema as a JSON file.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de};

use super::{Facts, Field, Known, Schema, Type};
use crate::error::{Error, excerpt};
use crate::file;
use crate::operator::Operator;

impl Schema {
    /// Reads a schema file. Unknown keys, types and operators are errors with their place.
    ///
    /// ```
    /// use trommel::{Schema, Type};
    ///
    /// let schema = Schema::from_json(r#"{"closed": true, "fields": {"year": {"type": "integer", "many": false}}}"#)?;
    /// assert!(schema.is_closed());
    ///
    /// let text = "{\"fields\": {\"year\": {\"typ\": \"integer\"}}}";
    /// let error = Schema::from_json(text).unwrap_err();
    /// assert_eq!(error.code().as_str(), "unknown_key");
    /// # Ok::<(), trommel::Error>(())
    /// ```
    ///
    /// # Errors
    /// `syntax`, `unknown_key`, `duplicate_key`, and those of [`Schema::new`].
    pub fn from_json(text: &str) -> Result<Schema, Error> {
        file::read::<SchemaFile>(text)?.try_into()
    }
}

/// The schema as a file: [`Schema`] without its invariants.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemaFile {
    #[serde(default)]
    closed: bool,
    #[serde(default, deserialize_with = "file::unique_objects")]
    fields: BTreeMap<String, FieldFile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldFile {
    #[serde(default, rename = "type")]
    ty: Type,
    #[serde(default = "yes")]
    many: bool,
    #[serde(default = "yes")]
    optional: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operators: Option<Vec<OperatorName>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

fn yes() -> bool {
    true
}

/// An operator by its spelling.
#[derive(Serialize)]
struct OperatorName(Operator);

impl<'de> Deserialize<'de> for OperatorName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<OperatorName, D::Error> {
        let spelling = String::deserialize(deserializer)?;
        let unknown = || de::Error::custom(format!("unknown operator `{}`", excerpt(&spelling)));
        Operator::from_spelling(&spelling).map(OperatorName).ok_or_else(unknown)
    }
}

impl TryFrom<SchemaFile> for Schema {
    type Error = Error;

    fn try_from(file: SchemaFile) -> Result<Schema, Error> {
        let fields = file.fields.into_iter().map(|(path, field)| Field {
            path,
            known: Known {
                facts: Facts { ty: field.ty, many: field.many, optional: field.optional },
                operators: field.operators.map(|names| names.into_iter().map(|name| name.0).collect()),
                comment: field.comment,
            },
        });
        let mut schema = Schema::new(fields)?;
        schema.closed = file.closed;
        schema.comment = file.comment;
        Ok(schema)
    }
}

impl Serialize for Schema {
    /// The schema file.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let field = |known: &Known| FieldFile {
            ty: known.facts.ty,
            many: known.facts.many,
            optional: known.facts.optional,
            operators: known.operators.as_ref().map(|all| all.iter().copied().map(OperatorName).collect()),
            comment: known.comment.clone(),
        };
        SchemaFile {
            closed: self.closed,
            fields: self.fields.iter().map(|(path, known)| (path.to_string(), field(known))).collect(),
            comment: self.comment.clone(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Schema, D::Error> {
        SchemaFile::deserialize(deserializer)?.try_into().map_err(de::Error::custom)
    }
}
