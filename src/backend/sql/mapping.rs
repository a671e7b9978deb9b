//! Where a filter's paths are in a database: the mapping, in Rust and as a JSON file (Q1, Q2).

mod file;

use std::collections::HashMap;

use crate::error::{Code, Diagnostic, Error, excerpt};
use crate::path::Path;
use crate::schema::Type;

/// Where the fields of a filter are: one table with an id, a JSON column that holds whole documents, typed columns, and
/// join tables for fields of many values.
///
/// ```
/// use trommel::Type;
/// use trommel::backend::sql::{Column, Mapping};
///
/// let mapping = Mapping::new("objects", "object_id")?
///     .json("doc")?
///     .column("status", Column::new("status", Type::String))?
///     .column("tags", Column::in_table("object_tags", "object_id", "tag", Type::String))?;
/// let file = r#"{"table": "objects", "id": "object_id", "json": "doc", "columns": {
///     "status": {"column": "status", "type": "string"},
///     "tags": {"table": "object_tags", "key": "object_id", "column": "tag", "type": "string"}}}"#;
/// assert_eq!(Mapping::from_json(file)?, mapping);
/// # Ok::<(), trommel::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    table: String,
    id: String,
    json: Option<String>,
    json_valid: bool,
    columns: Vec<(Path, Column)>,
    generated: Vec<(Path, Column)>,
    /// Paths of the JSON column with an index on their value.
    indexed: Vec<Path>,
    /// Listed columns by their first key.
    by_first: HashMap<Box<str>, Vec<usize>>,
}

/// A column that a path is mapped to, in the table itself or in a join table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    join: Option<JoinTable>,
    column: String,
    ty: Type,
    null_is_null: bool,
    is_binary: bool,
    has_folded_index: bool,
    is_exact: bool,
    length: Option<u32>,
}

/// A table that holds the values of a field, a row each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JoinTable {
    pub(super) table: String,
    /// The column with the id that a value belongs to.
    pub(super) key: String,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The listed column of this index.
    Column(usize),
    /// Something below a column: a scalar has no members, so it is missing.
    Below,
    /// The JSON column.
    Json,
}

impl Column {
    /// A column of the table itself. Its values are of this type or NULL, which means that the field is missing.
    #[must_use]
    pub fn new(column: impl Into<String>, ty: Type) -> Column {
        let column = column.into();
        Column {
            join: None,
            column,
            ty,
            null_is_null: false,
            is_binary: false,
            has_folded_index: false,
            is_exact: false,
            length: None,
        }
    }

    /// A column of a join table: a row for each value of the field, `key` the id of the row it belongs to. No rows mean
    /// that the field is missing.
    #[must_use]
    pub fn in_table(table: impl Into<String>, key: impl Into<String>, column: impl Into<String>, ty: Type) -> Column {
        let join = Some(JoinTable { table: table.into(), key: key.into() });
        Column { join, ..Column::new(column, ty) }
    }

    /// NULL in this column means a null that is there; only `exists` can tell (Q1).
    #[must_use]
    pub fn null_is_null(mut self) -> Column {
        self.null_is_null = true;
        self
    }

    /// Promises that the column compares by code point, without padding, so that `=` alone is exact.
    #[must_use]
    pub fn binary(mut self) -> Column {
        self.is_binary = true;
        self
    }

    /// Says that an index is on the column's folded text, so that equality and prefixes without letter case ask for
    /// nothing else beside it. Without this they ask for the ranges of the spellings too, which an index on the column
    /// itself serves. The expression, in which the first letter is U+212A and the second U+017F:
    ///
    /// - SQLite: `lower(replace(replace(column, '\u{212A}', 'k'), '\u{17F}', 's'))`
    /// - PostgreSQL: `lower(translate(column, '\u{212A}\u{17F}', 'ks') COLLATE "C")`
    ///
    /// MariaDB and MySQL have none that is exact.
    #[must_use]
    pub fn folded_index(mut self) -> Column {
        self.has_folded_index = true;
        self
    }

    /// Promises of a [generated](Mapping::generated_column) column that it is NULL where the value is not of its type, so
    /// that on MariaDB and MySQL it is asked alone: `CASE WHEN JSON_TYPE(JSON_EXTRACT(doc, '$.a')) IN ('INTEGER', 'DOUBLE')
    /// THEN JSON_VALUE(doc, '$.a') END` is of the type `number`. Without it an index serves no complement of a comparison:
    /// a string may be there as a number.
    #[must_use]
    pub fn exact(mut self) -> Column {
        self.is_exact = true;
        self
    }

    /// Promises that a string there has at most so many characters.
    #[must_use]
    pub fn length(mut self, characters: u32) -> Column {
        self.length = Some(characters);
        self
    }

    /// The column's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.column
    }

    /// The type of its values.
    #[must_use]
    pub fn ty(&self) -> Type {
        self.ty
    }

    /// Whether it compares by code point, without padding.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        self.is_binary
    }

    /// Whether a generated column is NULL where the value is not of its type.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.is_exact
    }

    /// Whether an index is on its folded text.
    #[must_use]
    pub fn has_folded_index(&self) -> bool {
        self.has_folded_index
    }

    /// How many characters a string there has at most, if that was promised.
    #[must_use]
    pub fn max_length(&self) -> Option<u32> {
        self.length
    }

    pub(super) fn join(&self) -> Option<&JoinTable> {
        self.join.as_ref()
    }

    pub(super) fn null_means_null(&self) -> bool {
        self.null_is_null
    }

    fn validate(&self, path: &str) -> Result<(), Error> {
        check_name(&self.column)?;
        if let Some(join) = &self.join {
            check_name(&join.table)?;
            check_name(&join.key)?;
        }
        let about = match self.ty {
            Type::Any => "a column has one of the types boolean, integer, number, string, datetime".to_owned(),
            Type::String => return Ok(()),
            _ if self.is_binary => format!("a collation is of strings, not of the type `{}`", self.ty),
            _ if self.has_folded_index => format!("a folded index is of strings, not of the type `{}`", self.ty),
            _ if self.length.is_some() => format!("a length is of strings, not of the type `{}`", self.ty),
            _ => return Ok(()),
        };
        Err(wrong(format!("in the mapping of `{}`: {about}", excerpt(path))))
    }
}

fn wrong(message: String) -> Error {
    Diagnostic::error(Code::Usage, message).into()
}

fn check_name(name: &str) -> Result<(), Error> {
    match name {
        "" => Err(wrong("a table or column of the mapping has an empty name".to_owned())),
        _ if name.contains('\0') => Err(wrong(format!("the name `{}` holds U+0000", excerpt(name)))),
        _ => Ok(()),
    }
}

impl Default for Mapping {
    /// The table `documents`, its id column `id`, and everything in the JSON column `doc`.
    fn default() -> Mapping {
        Mapping { json: Some("doc".to_owned()), ..Mapping::empty("documents".to_owned(), "id".to_owned()) }
    }
}

impl Mapping {
    fn empty(table: String, id: String) -> Mapping {
        let (columns, generated, indexed, by_first) = (Vec::new(), Vec::new(), Vec::new(), HashMap::new());
        Mapping { table, id, json: None, json_valid: false, columns, generated, indexed, by_first }
    }

    /// A table and its id column, which is never NULL.
    ///
    /// # Errors
    /// `usage` for a name that is none.
    pub fn new(table: impl Into<String>, id: impl Into<String>) -> Result<Mapping, Error> {
        let mapping = Mapping::empty(table.into(), id.into());
        check_name(&mapping.table)?;
        check_name(&mapping.id)?;
        Ok(mapping)
    }

    /// The same with a JSON column that holds whole documents, listed paths included. Without one, a path that is not
    /// listed is an error.
    ///
    /// # Errors
    /// `usage` for a name that is none.
    pub fn json(mut self, column: impl Into<String>) -> Result<Mapping, Error> {
        let column = column.into();
        check_name(&column)?;
        self.json = Some(column);
        Ok(self)
    }

    /// The same, and each row of the JSON column is promised to be well-formed, so that no guard is written.
    #[must_use]
    pub fn json_valid(mut self) -> Mapping {
        self.json_valid = true;
        self
    }

    /// The same with a path in a column. Everything below that path is missing.
    ///
    /// # Errors
    /// `bad_path`; `duplicate_key` for a path that is listed already, or above or below one that is; `usage` for a
    /// name that is none, the type `any`, and a promise that does not fit the type.
    pub fn column(mut self, path: &str, column: Column) -> Result<Mapping, Error> {
        let parsed = read_path(path)?;
        column.validate(path)?;
        let first: Box<str> = parsed.keys().next().unwrap_or_default().into();
        let beside = self.by_first.entry(first).or_default();
        if let Some(other) = beside.iter().find(|other| overlap(&self.columns[**other].0, &parsed)) {
            let other = &self.columns[*other].0;
            return Err(if *other == parsed { listed_twice(path) } else { listed_below(path, other) });
        }
        beside.push(self.columns.len());
        self.columns.push((parsed, column));
        Ok(self)
    }

    /// The same with an indexed generated column over the JSON value at a path: a value of this type is there as it is, but an
    /// integer from 2^53 on may be the nearest float. It is used beside the exact test, never instead, and only where that loses
    /// nothing: one of the type `integer` serves no test, since 5.0 is the same number as 5 and may be NULL there.
    ///
    /// # Errors
    /// As of [`column`](Mapping::column).
    pub fn generated(self, path: &str, column: impl Into<String>, ty: Type) -> Result<Mapping, Error> {
        self.generated_column(path, Column::new(column, ty))
    }

    /// The same, with what is promised of the column.
    ///
    /// # Errors
    /// As of [`column`](Mapping::column); `usage` for a column of a join table.
    pub fn generated_column(mut self, path: &str, column: Column) -> Result<Mapping, Error> {
        let parsed = read_path(path)?;
        column.validate(path)?;
        if column.join.is_some() {
            return Err(wrong(format!("the generated column of `{}` is in a join table", excerpt(path))));
        }
        if self.generated.iter().any(|(other, _)| *other == parsed) {
            return Err(listed_twice(path));
        }
        self.generated.push((parsed, column));
        Ok(self)
    }

    /// The same with an index on the JSON value at a path, such as PostgreSQL's on `(doc -> 'a' -> 'b')`: where the schema
    /// declares the field single, its equality asks for nothing else beside it. Without this PostgreSQL is asked for what
    /// a GIN index on the whole column serves too, and plans twice as long.
    ///
    /// # Errors
    /// `bad_path`.
    pub fn indexed(mut self, path: &str) -> Result<Mapping, Error> {
        let parsed = read_path(path)?;
        if !self.indexed.contains(&parsed) {
            self.indexed.push(parsed);
        }
        Ok(self)
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The id column.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The JSON column, if there is one.
    #[must_use]
    pub fn json_column(&self) -> Option<&str> {
        self.json.as_deref()
    }

    /// Whether each row of the JSON column is promised to be well-formed.
    #[must_use]
    pub fn is_json_valid(&self) -> bool {
        self.json_valid
    }

    /// The listed paths and their columns.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = (&Path, &Column)> {
        self.columns.iter().map(|(path, column)| (path, column))
    }

    /// The listed column of an index.
    pub(super) fn column_at(&self, index: usize) -> &Column {
        &self.columns[index].1
    }

    /// The generated column over a path of the JSON column.
    pub(super) fn generated_at(&self, path: &Path) -> Option<&Column> {
        self.generated.iter().find(|(other, _)| other == path).map(|(_, column)| column)
    }

    /// Whether an index is on the JSON value at a path.
    pub(super) fn is_indexed(&self, path: &Path) -> bool {
        self.indexed.contains(path)
    }

    /// What a path leads to.
    ///
    /// # Errors
    /// `unknown_field`, without a place, where it leads nowhere.
    pub(super) fn target(&self, path: &Path) -> Result<Target, Box<Diagnostic>> {
        let mut keys = path.keys();
        let beside = keys.next().and_then(|first| self.by_first.get(first)).map_or(&[][..], Vec::as_slice);
        for index in beside {
            let listed = &self.columns[*index].0;
            if begins_with(path, listed) {
                let is_it = path.keys().len() == listed.keys().len();
                return Ok(if is_it { Target::Column(*index) } else { Target::Below });
            }
        }
        if self.json.is_some() {
            return Ok(Target::Json);
        }
        let shown = path.to_string();
        let shown = excerpt(&shown);
        let message = match beside.iter().find(|index| begins_with(&self.columns[**index].0, path)) {
            Some(index) => {
                format!("the mapping has `{}`, but nothing for `{shown}` as a whole", self.columns[*index].0)
            }
            None => format!("the mapping has no column for `{shown}`"),
        };
        let names: Vec<String> = self.columns.iter().map(|(path, _)| path.to_string()).collect();
        let error = Diagnostic::error(Code::UnknownField, message);
        Err(Box::new(error.near(&path.to_string(), names.iter().map(String::as_str))))
    }
}

fn read_path(path: &str) -> Result<Path, Error> {
    Path::parse(path)
        .map_err(|error| Diagnostic::error(Code::BadPath, format!("`{}` is no path: {error}", excerpt(path))).into())
}

/// Whether `path` is `start`, or lies below it.
fn begins_with(path: &Path, start: &Path) -> bool {
    let mut keys = path.keys();
    start.keys().all(|key| keys.next() == Some(key))
}

fn overlap(a: &Path, b: &Path) -> bool {
    begins_with(a, b) || begins_with(b, a)
}

fn listed_twice(path: &str) -> Error {
    Diagnostic::error(Code::DuplicateKey, format!("the path `{}` is mapped twice", excerpt(path))).into()
}

fn listed_below(path: &str, other: &Path) -> Error {
    let message = format!(
        "`{}` and `{other}` are both mapped, and one is below the other: a column has no members",
        excerpt(path)
    );
    Diagnostic::error(Code::DuplicateKey, message).into()
}
