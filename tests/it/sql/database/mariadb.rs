//! A throwaway MariaDB, with documents as text that the server checks.

use std::path::Path;

use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder, Params, Row, Value as Bound};
use serde_json::Value as Json;
use trommel::backend::sql::Mapping;
use trommel::conformance::BoxError;
use trommel::sea_query::{MysqlQueryBuilder, SelectStatement, Value, Values};
use trommel::{Instant, Sql, Type};

use super::super::server;
use super::{Database, Holds, has_type, scalar};

pub(crate) struct MariaDb(Conn);

impl MariaDb {
    /// A connection to the server whose socket is in a folder.
    pub(crate) fn at(folder: &Path) -> Result<MariaDb, BoxError> {
        let socket = folder.join("socket").display().to_string();
        let options = OptsBuilder::new().socket(Some(socket)).user(Some("root"));
        Ok(MariaDb(Conn::new(options)?))
    }

    /// A connection to the server of this process, if there is one; with a database of its own.
    pub(crate) fn connect() -> Option<MariaDb> {
        let mut database = MariaDb::at(server::mariadb()?.folder()).unwrap();
        let own = format!("own{}", database.0.connection_id());
        // What a connection or a database has by default is nothing to rely on.
        database.batch(&format!("CREATE DATABASE {own} CHARACTER SET latin1; USE {own}"));
        Some(database)
    }
}

impl Database for MariaDb {
    fn name(&self) -> &'static str {
        "mariadb"
    }

    fn sql(&self, mapping: Mapping) -> Sql {
        Sql::mariadb(mapping)
    }

    fn build(&self, select: &SelectStatement) -> (String, Values) {
        select.build(MysqlQueryBuilder)
    }

    fn column_type(&self, holds: Holds<'_>) -> &'static str {
        match holds {
            Holds::Id => "bigint NOT NULL",
            Holds::Json => "json",
            Holds::Values(column) => match column.ty() {
                // Short ones are compared, and kept for a statement, otherwise than long ones.
                Type::String if column.max_length().is_some_and(|length| length <= 200) => match column.is_binary() {
                    true => "varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
                    false => "varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
                },
                Type::String if column.is_binary() => "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
                Type::Datetime => "datetime(6)",
                Type::Number => "double",
                Type::Integer => "bigint",
                Type::Boolean => "boolean",
                // What differs in letter case, marks or spaces at the end alone is equal.
                _ => "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
            },
        }
    }

    fn placeholder(&self, _: Holds<'_>) -> &'static str {
        "?"
    }

    /// Documents of 32 levels are the deepest that it reads.
    fn can_store(&self, document: &Json) -> bool {
        let (mut depth, mut level) = (0, vec![document]);
        while !level.is_empty() {
            depth += 1;
            level = level.into_iter().flat_map(members).collect();
        }
        depth < 32
    }

    fn can_hold(&self, value: &Json, ty: Type) -> bool {
        has_type(value, ty)
            && value.as_str().is_none_or(|text| {
                ty != Type::Datetime || Instant::parse(text).is_some_and(|instant| instant.to_string().ends_with('Z'))
            })
    }

    fn has_infinities(&self) -> bool {
        false
    }

    fn scalar(&self, value: &Json, ty: Type) -> Value {
        match (ty, value.as_str().and_then(Instant::parse)) {
            (Type::Datetime, Some(instant)) => instant.to_string().trim_end_matches('Z').replace('T', " ").into(),
            _ => scalar(value, ty),
        }
    }

    fn batch(&mut self, sql: &str) {
        for statement in sql.split(';').filter(|statement| !statement.trim().is_empty()) {
            self.0.query_drop(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
        }
    }

    fn create(&mut self, table: &str, columns: &str) {
        self.batch(&format!("DROP TABLE IF EXISTS {table}; CREATE TABLE {table} ({columns})"));
    }

    fn insert(&mut self, sql: &str, rows: &[Vec<Value>]) {
        // Many rows a statement: each statement is a message and its answer.
        let (start, row) = sql.split_once("VALUES ").unwrap();
        self.batch("BEGIN");
        for rows in rows.chunks(100) {
            let sql = format!("{start}VALUES {}", vec![row; rows.len()].join(", "));
            let values = Params::Positional(rows.iter().flatten().map(bound).collect());
            self.0.exec_drop(&sql, values).unwrap_or_else(|error| panic!("{error}: {sql}"));
        }
        self.batch("COMMIT");
    }

    fn ask(&mut self, (sql, values): (String, Values)) -> Result<Vec<i64>, BoxError> {
        let values = Params::Positional(values.0.iter().map(bound).collect());
        let rows: Vec<i64> = self.0.exec(&sql, values).map_err(|error| format!("{error}: {sql}"))?;
        Ok(rows)
    }

    fn tables(&mut self) -> Vec<String> {
        let mut tables: Vec<String> = self.0.query("SHOW TABLES").unwrap();
        tables.sort();
        tables
    }

    fn explain(&mut self, (sql, values): (String, Values)) -> String {
        let values = Params::Positional(values.0.iter().map(bound).collect());
        let rows: Vec<Row> = self.0.exec(format!("EXPLAIN {sql}"), values).unwrap();
        let text = |row: &Row| {
            let column = |name: &str| row.get::<Option<String>, _>(name).flatten().unwrap_or_default();
            format!("{} {} {}", column("table"), column("type"), column("key"))
        };
        rows.iter().map(text).collect::<Vec<_>>().join("\n")
    }
}

fn members(value: &Json) -> Vec<&Json> {
    match value {
        Json::Array(elements) => elements.iter().collect(),
        Json::Object(members) => members.values().collect(),
        _ => Vec::new(),
    }
}

/// A value as the driver binds it.
fn bound(value: &Value) -> Bound {
    match value {
        Value::Bool(bool) => bool.into(),
        Value::BigInt(int) => int.into(),
        Value::Double(float) => float.into(),
        Value::String(string) => string.into(),
        other => panic!("a value of a kind that MariaDB is not sent: {other:?}"),
    }
}
