//! A throwaway Postgres, with documents as `jsonb`.

use std::path::Path;

use postgres::types::ToSql;
use postgres::{Client, Config, NoTls, Row};
use serde_json::Value as Json;
use trommel::backend::sql::Mapping;
use trommel::conformance::BoxError;
use trommel::sea_query::{ArrayType, PostgresQueryBuilder, SelectStatement, Value, Values};
use trommel::{Instant, Sql, Type};

use super::super::server;
use super::{Database, Holds, has_type, scalar};

pub(crate) struct Postgres(Client);

impl Postgres {
    /// A connection to the server whose socket is in a folder.
    pub(crate) fn at(folder: &Path) -> Result<Postgres, BoxError> {
        Ok(Postgres(Config::new().host_path(folder).user("test").dbname("postgres").connect(NoTls)?))
    }

    /// A connection to the server of this process, if there is one.
    pub(crate) fn connect() -> Option<Postgres> {
        let mut database = Postgres::at(server::postgres()?.folder()).unwrap();
        // What differs in letter case alone is equal, as is what Unicode calls equivalent: nothing may rely on the
        // collation that a column has.
        let loose =
            "CREATE COLLATION pg_temp.loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)";
        database.batch(loose);
        Some(database)
    }
}

impl Database for Postgres {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn sql(&self, mapping: Mapping) -> Sql {
        Sql::postgres(mapping)
    }

    fn build(&self, select: &SelectStatement) -> (String, Values) {
        select.build(PostgresQueryBuilder)
    }

    fn column_type(&self, holds: Holds<'_>) -> &'static str {
        match holds {
            Holds::Id => "bigint",
            Holds::Json => "jsonb",
            Holds::Values(column) => match column.ty() {
                Type::String if column.is_binary() => "text COLLATE \"C\"",
                Type::Datetime => "timestamptz",
                Type::Number => "double precision",
                Type::Integer => "bigint",
                Type::Boolean => "boolean",
                _ => "text COLLATE pg_temp.loose",
            },
        }
    }

    fn placeholder(&self, holds: Holds<'_>) -> &'static str {
        match holds {
            Holds::Id => "$$",
            Holds::Json => "$$::text::jsonb",
            Holds::Values(column) if column.ty() == Type::Datetime => "$$::text::timestamptz",
            Holds::Values(_) => "$$",
        }
    }

    /// Text there holds no U+0000.
    fn can_store(&self, document: &Json) -> bool {
        match document {
            Json::Object(members) => members.iter().all(|(key, member)| !key.contains('\0') && self.can_store(member)),
            Json::Array(elements) => elements.iter().all(|element| self.can_store(element)),
            Json::String(string) => !string.contains('\0'),
            _ => true,
        }
    }

    fn can_hold(&self, value: &Json, ty: Type) -> bool {
        has_type(value, ty)
            && value
                .as_str()
                .is_none_or(|text| !text.contains('\0') && (ty != Type::Datetime || Instant::parse(text).is_some()))
    }

    fn scalar(&self, value: &Json, ty: Type) -> Value {
        match (ty, value.as_str().and_then(Instant::parse)) {
            // Its digits past the sixth would be rounded there, not cut.
            (Type::Datetime, Some(instant)) => {
                let (seconds, micros) =
                    (instant.as_micros().div_euclid(1_000_000), instant.as_micros().rem_euclid(1_000_000));
                let (days, seconds) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
                // Day 0 of Postgres' `J` dates is that of the Julian count.
                let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
                format!("J{} {hours:02}:{minutes:02}:{seconds:02}.{micros:06}+00", days + 2_440_588).into()
            }
            _ => scalar(value, ty),
        }
    }

    fn has_regexes(&self) -> bool {
        true
    }

    fn batch(&mut self, sql: &str) {
        self.0.batch_execute(sql).unwrap_or_else(|error| panic!("{error:?}: {sql}"));
    }

    fn create(&mut self, table: &str, columns: &str) {
        self.batch(&format!("DROP TABLE IF EXISTS pg_temp.{table}; CREATE TEMP TABLE {table} ({columns})"));
    }

    fn insert(&mut self, sql: &str, rows: &[Vec<Value>]) {
        let mut transaction = self.0.transaction().unwrap();
        let insert = transaction.prepare(sql).unwrap();
        for row in rows {
            let row: Vec<_> = row.iter().map(bound).collect();
            transaction.execute(&insert, &refs(&row)).unwrap();
        }
        transaction.commit().unwrap();
    }

    fn ask(&mut self, (sql, values): (String, Values)) -> Result<Vec<i64>, BoxError> {
        let values: Vec<_> = values.0.iter().map(bound).collect();
        let rows = self.0.query(&sql, &refs(&values)).map_err(|error| format!("{error:?}: {sql}"))?;
        let int = |row: &Row| row.try_get(0).or_else(|_| row.try_get::<_, bool>(0).map(i64::from));
        Ok(rows.iter().map(int).collect::<Result<_, _>>()?)
    }

    fn tables(&mut self) -> Vec<String> {
        let sql = "SELECT relname::text FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r'
            ORDER BY relname::text COLLATE \"C\"";
        self.0.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
    }

    fn explain(&mut self, (sql, values): (String, Values)) -> String {
        let values: Vec<_> = values.0.iter().map(bound).collect();
        let rows = self.0.query(&format!("EXPLAIN (COSTS OFF) {sql}"), &refs(&values)).unwrap();
        rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
    }
}

type Bound = Box<dyn ToSql + Sync>;

fn refs(values: &[Bound]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect()
}

/// A value as the driver binds it.
fn bound(value: &Value) -> Bound {
    fn array<T>(values: &[Value], of: impl Fn(&Value) -> Option<T>) -> Vec<T> {
        values.iter().map(|value| of(value).expect("a value of the array's type")).collect()
    }
    match value {
        Value::Bool(bool) => Box::new(*bool),
        Value::BigInt(int) => Box::new(*int),
        Value::Double(float) => Box::new(*float),
        Value::String(string) => Box::new(string.clone()),
        Value::Array(ArrayType::BigInt, Some(values)) => Box::new(array(values, |value| match value {
            Value::BigInt(int) => *int,
            _ => None,
        })),
        Value::Array(ArrayType::Double, Some(values)) => Box::new(array(values, |value| match value {
            Value::Double(float) => *float,
            _ => None,
        })),
        Value::Array(ArrayType::String, Some(values)) => Box::new(array(values, |value| match value {
            Value::String(string) => string.clone(),
            _ => None,
        })),
        other => panic!("a value of a kind that Postgres is not sent: {other:?}"),
    }
}
