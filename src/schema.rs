//! What is known of the documents: fields, their types, and two promises (rules T1 to T4 of
//! [`semantics`](crate::semantics)).

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Code, Diagnostic, Error, Place, excerpt};
use crate::operator::{OperandKind, Operator};
use crate::path::Path;

/// The type of a field (T1). It promises nothing about what is stored; it says what an operand may be (T2), and
/// [`Datetime`](Type::Datetime) says how strings compare (T3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Type {
    /// `true` and `false`.
    Boolean,
    /// Numbers; `5.5` is an operand too, and compares as it stands.
    Integer,
    /// Numbers.
    Number,
    /// Strings.
    String,
    /// Strings that are instants, compared as such.
    Datetime,
    /// Anything.
    #[default]
    Any,
}

impl Type {
    /// The name in a schema file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Type::Boolean => "boolean",
            Type::Integer => "integer",
            Type::Number => "number",
            Type::String => "string",
            Type::Datetime => "datetime",
            Type::Any => "any",
        }
    }

    /// Whether an operator fits the type: a boolean is not ordered, and only strings hold substrings.
    #[must_use]
    pub fn fits(self, operator: Operator) -> bool {
        match operator.operand() {
            OperandKind::Scalar | OperandKind::List | OperandKind::Boolean => true,
            OperandKind::Ordered => self != Type::Boolean,
            OperandKind::String => matches!(self, Type::String | Type::Any),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One field of a [`Schema`]. Nothing is promised and every operator that fits the type is allowed, unless said
/// otherwise.
///
/// ```
/// use trommel::{Field, Operator, Type};
///
/// let field = Field::new("status", Type::String).single().required().operators([Operator::Eq, Operator::In]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    path: String,
    known: Known,
}

/// What a schema knows of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) facts: Facts,
    operators: Option<Vec<Operator>>,
    comment: Option<String>,
}

/// What a backend may rely on (T4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Facts {
    /// The type.
    pub ty: Type,
    /// Whether the field is, or lies below, an array. `false` promises that it never does.
    pub many: bool,
    /// Whether the field can be missing or null. `false` promises that it never is.
    pub optional: bool,
}

impl Facts {
    /// What holds where nothing is known.
    pub const UNKNOWN: Facts = Facts { ty: Type::Any, many: true, optional: true };
}

impl Field {
    /// A field at `path`, as P1 writes it. The path is read by [`Schema::new`].
    pub fn new(path: impl Into<String>, ty: Type) -> Field {
        let facts = Facts { ty, ..Facts::UNKNOWN };
        Field { path: path.into(), known: Known { facts, operators: None, comment: None } }
    }

    /// Promises that there is no array on the path (T4).
    #[must_use]
    pub fn single(mut self) -> Field {
        self.known.facts.many = false;
        self
    }

    /// Promises that the field is always present and never null (T4).
    #[must_use]
    pub fn required(mut self) -> Field {
        self.known.facts.optional = false;
        self
    }

    /// Allows only these operators.
    #[must_use]
    pub fn operators(mut self, operators: impl IntoIterator<Item = Operator>) -> Field {
        self.known.operators = Some(operators.into_iter().collect());
        self
    }

    /// A remark, which is kept and means nothing.
    #[must_use]
    pub fn comment(mut self, comment: impl Into<String>) -> Field {
        self.known.comment = Some(comment.into());
        self
    }
}

impl Known {
    /// Whether the schema allows an operator on this field.
    pub(crate) fn allows(&self, operator: Operator) -> bool {
        match &self.operators {
            Some(operators) => operators.contains(&operator),
            None => self.facts.ty.fits(operator),
        }
    }

    /// The operators that the schema allows on this field.
    pub(crate) fn allowed(&self) -> impl Iterator<Item = Operator> + '_ {
        Operator::all().filter(|operator| self.allows(*operator))
    }
}

/// The fields of a collection of documents (T1). Open by default: a path that is not listed is a field of which
/// nothing is known. In a closed schema it is an error.
///
/// ```
/// use trommel::{Field, Schema, Type, parse};
///
/// let schema = Schema::new([Field::new("year", Type::Integer), Field::new("seen", Type::Datetime)])?.closed();
/// assert!(schema.check(&parse::json(r#"{"field": "year", "operator": "gt", "value": 1999}"#)?).is_ok());
///
/// let error = schema.check(&parse::json(r#"{"yaer": 1999}"#)?).unwrap_err();
/// assert_eq!(error.diagnostics()[0].expected, ["year"]);
/// # Ok::<(), trommel::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    closed: bool,
    fields: BTreeMap<Path, Known>,
    comment: Option<String>,
}

impl Schema {
    /// The open schema without fields: nothing is known, everything is allowed.
    #[must_use]
    pub fn open() -> Schema {
        Schema::default()
    }

    /// An open schema with these fields.
    ///
    /// # Errors
    /// `bad_path`; `duplicate_key` for a field that is listed twice; `operator_not_allowed` for an operator that does
    /// not fit the type of its field.
    pub fn new(fields: impl IntoIterator<Item = Field>) -> Result<Schema, Error> {
        let mut schema = Schema::open();
        for Field { path, known } in fields {
            let parsed = Path::parse(&path).map_err(|error| {
                Diagnostic::error(Code::BadPath, format!("`{}` is no path: {error}", excerpt(&path)))
            })?;
            for operator in known.operators.iter().flatten() {
                if !known.facts.ty.fits(*operator) {
                    let ty = known.facts.ty;
                    let message = format!("the operator `{operator}` does not fit the type `{ty}` of `{path}`");
                    return Err(Diagnostic::error(Code::OperatorNotAllowed, message).into());
                }
            }
            if schema.fields.insert(parsed, known).is_some() {
                let message = format!("the field `{}` is listed twice", excerpt(&path));
                return Err(Diagnostic::error(Code::DuplicateKey, message).into());
            }
        }
        Ok(schema)
    }

    /// The same, closed: a path that is not listed is an error.
    #[must_use]
    pub fn closed(mut self) -> Schema {
        self.closed = true;
        self
    }

    /// Whether a path that is not listed is an error.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// What is known of the field at a path: [`Facts::UNKNOWN`] where it is not listed.
    #[must_use]
    pub fn facts(&self, path: &Path) -> Facts {
        self.fields.get(path).map_or(Facts::UNKNOWN, |known| known.facts)
    }

    pub(crate) fn known(&self, path: &Path) -> Option<&Known> {
        self.fields.get(path)
    }

    /// The paths that are listed, in their order.
    pub fn paths(&self) -> impl ExactSizeIterator<Item = &Path> {
        self.fields.keys()
    }

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
        let file: SchemaFile = serde_json::from_str(text).map_err(|error| file_error(text, &error))?;
        file.try_into()
    }
}

/// The diagnostic of an error that serde found in a file of ours.
pub(crate) fn file_error(text: &str, error: &serde_json::Error) -> Diagnostic {
    let message = error.to_string();
    // serde_json appends the place, which the diagnostic carries on its own.
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    let code = if message.starts_with("unknown field") {
        Code::UnknownKey
    } else if message.starts_with("duplicate") {
        Code::DuplicateKey
    } else if message.starts_with("missing field") {
        Code::MissingValue
    } else {
        Code::Syntax
    };
    let line_start = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
    let at = (line_start + error.column().saturating_sub(1)).min(text.len());
    Diagnostic::error(code, message).at(Place { pointer: None, span: Some(at..at) })
}

/// The schema as a file: [`Schema`] without its invariants.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemaFile {
    #[serde(default)]
    closed: bool,
    #[serde(default, deserialize_with = "unique_keys")]
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

/// Reads an object, and refuses a key that stands twice.
fn unique_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, FieldFile>, D::Error> {
    struct Unique;

    impl<'de> Visitor<'de> for Unique {
        type Value = BTreeMap<String, FieldFile>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object of fields")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
            let mut fields = BTreeMap::new();
            while let Some((key, field)) = members.next_entry::<String, FieldFile>()? {
                if fields.contains_key(&key) {
                    return Err(de::Error::custom(format!("duplicate field `{}`", excerpt(&key))));
                }
                fields.insert(key, field);
            }
            Ok(fields)
        }
    }

    deserializer.deserialize_map(Unique)
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
