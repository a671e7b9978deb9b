//! What is known of the documents: fields, their types, and two promises (rules T1 to T4 of
//! [`semantics`](crate::semantics)).

mod export;
mod file;
mod infer;
mod verify;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::infer::Inference;
pub use self::verify::{BrokenPromise, Found};
use crate::error::{Code, Diagnostic, Error, excerpt};
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
}
