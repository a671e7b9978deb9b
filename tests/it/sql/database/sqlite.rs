//! SQLite in memory, with documents as text or as JSONB.

use rusqlite::{Connection, ToSql, params_from_iter};
use serde_json::Value as Json;
use trommel::backend::sql::Mapping;
use trommel::conformance::BoxError;
use trommel::sea_query::{SelectStatement, SqliteQueryBuilder, Value, Values};
use trommel::{Sql, Type};

use super::{Database, Holds};

pub(crate) struct Sqlite {
    connection: Connection,
    has_blobs: bool,
}

impl Sqlite {
    /// Documents as text.
    pub(crate) fn text() -> Sqlite {
        Sqlite { connection: Connection::open_in_memory().unwrap(), has_blobs: false }
    }

    /// Documents as JSONB.
    pub(crate) fn jsonb() -> Sqlite {
        Sqlite { has_blobs: true, ..Sqlite::text() }
    }
}

impl Database for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn sql(&self, mapping: Mapping) -> Sql {
        Sql::sqlite(mapping)
    }

    fn build(&self, select: &SelectStatement) -> (String, Values) {
        select.build(SqliteQueryBuilder)
    }

    fn column_type(&self, holds: Holds<'_>) -> &'static str {
        match holds {
            Holds::Id => "INTEGER",
            Holds::Json => "",
            Holds::Values(column) => match column.ty() {
                Type::String if !column.is_binary() => "TEXT COLLATE NOCASE",
                Type::String | Type::Datetime => "TEXT",
                Type::Number => "REAL",
                _ => "INTEGER",
            },
        }
    }

    fn placeholder(&self, holds: Holds<'_>) -> &'static str {
        match holds {
            Holds::Json if self.has_blobs => "jsonb(?)",
            _ => "?",
        }
    }

    /// SQLite ends a key at U+0000, so that such a key cannot be told from another.
    fn can_store(&self, document: &Json) -> bool {
        match document {
            Json::Object(members) => members.iter().all(|(key, member)| !key.contains('\0') && self.can_store(member)),
            Json::Array(elements) => elements.iter().all(|element| self.can_store(element)),
            _ => true,
        }
    }

    fn batch(&mut self, sql: &str) {
        self.connection.execute_batch(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    fn create(&mut self, table: &str, columns: &str) {
        self.batch(&format!("DROP TABLE IF EXISTS {table}; CREATE TABLE {table} ({columns})"));
    }

    fn insert(&mut self, sql: &str, rows: &[Vec<Value>]) {
        let mut insert = self.connection.prepare(sql).unwrap();
        for row in rows {
            insert.execute(params_from_iter(row.iter().map(bound))).unwrap();
        }
    }

    fn ask(&mut self, (sql, values): (String, Values)) -> Result<Vec<i64>, BoxError> {
        let mut statement = self.connection.prepare(&sql).map_err(|error| format!("{error}: {sql}"))?;
        let rows = statement.query_map(params_from_iter(values.0.iter().map(bound)), |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>().map_err(|error| format!("{error}: {sql}"))?)
    }

    fn tables(&mut self) -> Vec<String> {
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        let mut statement = self.connection.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn explain(&mut self, (sql, values): (String, Values)) -> String {
        let mut statement = self.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let rows = statement.query_map(params_from_iter(values.0.iter().map(bound)), |row| row.get::<_, String>(3));
        rows.unwrap().map(Result::unwrap).collect::<Vec<_>>().join("\n")
    }
}

/// A value as rusqlite binds it.
fn bound(value: &Value) -> Box<dyn ToSql> {
    match value.clone() {
        Value::Bool(bool) => Box::new(bool),
        Value::BigInt(int) => Box::new(int),
        Value::Double(float) => Box::new(float),
        Value::String(string) => Box::new(string),
        other => panic!("a value of a kind that SQLite is not sent: {other:?}"),
    }
}
