//! The databases that the tests talk to, behind one trait: each adds its driver and its types.

// The fuzzer asks SQLite alone, in process, and does without the drivers of the others.
#[cfg(not(fuzzing))]
mod mariadb;
#[cfg(not(fuzzing))]
mod postgres;
mod sqlite;

use serde_json::Value as Json;
use trommel::backend::sql::{Column, Mapping};
use trommel::conformance::BoxError;
use trommel::sea_query::{SelectStatement, Value, Values};
use trommel::{Number, Sql, Type};

#[cfg(not(fuzzing))]
pub(crate) use self::mariadb::MariaDb;
#[cfg(not(fuzzing))]
pub(crate) use self::postgres::Postgres;
pub(crate) use self::sqlite::Sqlite;

/// What a column of a test's table holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Holds<'c> {
    Id,
    /// Whole documents.
    Json,
    /// What the mapping says of the column.
    Values(&'c Column),
}

/// A connection to a database, with tables of its own that no other test sees.
pub(crate) trait Database {
    /// The name in reports and gaps.
    fn name(&self) -> &'static str;

    fn sql(&self, mapping: Mapping) -> Sql;

    /// A select of sea-query by the builder of this database.
    fn build(&self, select: &SelectStatement) -> (String, Values);

    /// The type of a column. Strings without the promise of `binary` get a collation for which more is equal.
    fn column_type(&self, holds: Holds<'_>) -> &'static str;

    /// The placeholder in an insert, `$$` for the place's number.
    fn placeholder(&self, holds: Holds<'_>) -> &'static str;

    /// Whether a JSON column can hold a document without a change (Q3).
    fn can_store(&self, document: &Json) -> bool;

    /// Whether a column of a type can hold a value without a loss.
    fn can_hold(&self, value: &Json, ty: Type) -> bool {
        has_type(value, ty)
    }

    /// Whether a generated column of a type holds a value as it is; of a large integer, one of floats holds the nearest.
    fn can_generate(&self, value: &Json, ty: Type) -> bool {
        if ty == Type::Number { value.is_number() } else { self.can_hold(value, ty) }
    }

    /// Whether a column of floats holds those that are no number too.
    fn has_infinities(&self) -> bool {
        true
    }

    /// A value as a column of a type holds it.
    fn scalar(&self, value: &Json, ty: Type) -> Value {
        scalar(value, ty)
    }

    /// Whether it can be asked all regular expressions of a common size.
    fn has_regexes(&self) -> bool {
        false
    }

    /// Runs statements, separated by semicolons.
    fn batch(&mut self, sql: &str);

    /// Makes a table anew that only this connection sees.
    fn create(&mut self, table: &str, columns: &str);

    /// Runs a statement once for each row.
    fn insert(&mut self, sql: &str, rows: &[Vec<Value>]);

    /// Runs a statement that gives integers, or booleans as integers.
    fn ask(&mut self, statement: (String, Values)) -> Result<Vec<i64>, BoxError>;

    /// The names of the tables that there are, sorted.
    fn tables(&mut self) -> Vec<String>;

    /// The plan of a statement.
    fn explain(&mut self, statement: (String, Values)) -> String;
}

pub(crate) fn has_type(value: &Json, ty: Type) -> bool {
    match (ty, value) {
        (Type::Boolean, Json::Bool(_)) | (Type::String | Type::Datetime, Json::String(_)) => true,
        (Type::Integer, Json::Number(number)) => number.is_i64(),
        (Type::Number, Json::Number(number)) => {
            let float = number.as_f64().unwrap();
            Number::from_json(number) == Number::from_f64(float)
        }
        _ => false,
    }
}

pub(crate) fn scalar(value: &Json, ty: Type) -> Value {
    match (value, ty) {
        (Json::Bool(bool), Type::Boolean) => (*bool).into(),
        (Json::Number(number), Type::Integer) => number.as_i64().into(),
        (Json::Number(number), Type::Number) => number.as_f64().into(),
        (Json::String(string), Type::String | Type::Datetime) => string.as_str().into(),
        (_, Type::Boolean) => Value::Bool(None),
        (_, Type::Integer) => Value::BigInt(None),
        (_, Type::Number) => Value::Double(None),
        _ => Value::String(None),
    }
}
