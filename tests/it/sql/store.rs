//! Documents in a real SQLite: as JSON text, as JSONB, in typed columns and join tables, and mixed.

use rusqlite::types::Value as Sqlite;
use rusqlite::{Connection, ToSql, params_from_iter};
use serde_json::Value as Json;
use trommel::backend::sql::{Column, Mapping, Query};
use trommel::conformance::{Answer, BoxError, Question, Subject};
use trommel::reference::Reference;
use trommel::sea_query::{self, SqliteQueryBuilder};
use trommel::{Matcher, Number, Path, Schema, Sql, Type, lower};

/// How documents are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    /// A JSON column of text, with a guard.
    Text,
    /// The same, promised to be well-formed.
    ValidText,
    /// A JSON column of blobs.
    Jsonb,
    /// Typed columns and join tables alone. What they cannot hold is left out of the database.
    Columns,
    /// Typed columns and join tables where the documents allow it, and a JSON column.
    Mixed,
}

/// What was really asked of the database.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) rows: usize,
    pub(crate) exact: usize,
    pub(crate) superset: usize,
    pub(crate) residual: usize,
    pub(crate) columns: usize,
    pub(crate) joins: usize,
}

/// A real SQLite as a subject of the suite.
pub(crate) struct Store {
    pub(crate) connection: Connection,
    storage: Storage,
    pub(crate) tally: Tally,
}

impl Store {
    pub(crate) fn new(storage: Storage) -> Store {
        Store { connection: Connection::open_in_memory().unwrap(), storage, tally: Tally::default() }
    }

    /// Puts documents into a table, and gives the mapping and which of them are there.
    pub(crate) fn put(&self, paths: &[&Path], schema: &Schema, documents: &[Json]) -> (Mapping, Vec<bool>) {
        match self.storage {
            Storage::Text => self.put_json(documents, "?"),
            Storage::ValidText => {
                let (mapping, stored) = self.put_json(documents, "?");
                (mapping.json_valid(), stored)
            }
            Storage::Jsonb => self.put_json(documents, "jsonb(?)"),
            Storage::Columns => self.put_columns(paths, schema, documents, false),
            Storage::Mixed => self.put_columns(paths, schema, documents, true),
        }
    }

    fn put_json(&self, documents: &[Json], as_stored: &str) -> (Mapping, Vec<bool>) {
        let sql = "DROP TABLE IF EXISTS documents; CREATE TABLE documents (id INTEGER PRIMARY KEY, doc)";
        self.connection.execute_batch(sql).unwrap();
        let sql = format!("INSERT INTO documents VALUES (?, {as_stored})");
        let mut insert = self.connection.prepare(&sql).unwrap();
        let stored: Vec<bool> = documents.iter().map(can_be_stored).collect();
        for (index, document) in documents.iter().enumerate().filter(|(index, _)| stored[*index]) {
            insert.execute((index as i64, document.to_string())).unwrap();
        }
        (Mapping::default(), stored)
    }

    fn put_columns(
        &self,
        paths: &[&Path],
        schema: &Schema,
        documents: &[Json],
        with_json: bool,
    ) -> (Mapping, Vec<bool>) {
        let mut mapping = Mapping::new("things", "thing_id").unwrap();
        let mut ddl = "thing_id INTEGER PRIMARY KEY".to_owned();
        let mut stored: Vec<bool> = documents.iter().map(|document| !with_json || can_be_stored(document)).collect();
        let mut placed: Vec<Placed> = Vec::new();
        if with_json {
            mapping = mapping.json("whole").unwrap();
            ddl += ", whole";
        }
        for path in paths {
            if placed.iter().any(|other| overlap(&other.path, path)) {
                continue;
            }
            let Some(place) = Placed::of(path, schema, documents, placed.len()) else { continue };
            if with_json && !documents.iter().all(|document| place.holds(document)) {
                continue;
            }
            for (stored, document) in stored.iter_mut().zip(documents) {
                *stored &= place.holds(document);
            }
            mapping = mapping.column(&path.to_string(), place.column.clone()).unwrap();
            if !place.is_join {
                ddl += &format!(", {} {}", place.name, place.sql_type());
            }
            placed.push(place);
        }
        self.fill(&ddl, &placed, &stored, documents, with_json);
        (mapping, stored)
    }

    fn fill(&self, ddl: &str, placed: &[Placed], stored: &[bool], documents: &[Json], with_json: bool) {
        let mut batch = format!("DROP TABLE IF EXISTS things; CREATE TABLE things ({ddl});");
        for place in placed.iter().filter(|place| place.is_join) {
            let (name, ty) = (&place.name, place.sql_type());
            batch += &format!("DROP TABLE IF EXISTS j_{name}; CREATE TABLE j_{name} (owner INTEGER NOT NULL, v {ty});");
        }
        self.connection.execute_batch(&batch).unwrap();
        let kept = documents.iter().enumerate().filter(|(index, _)| stored[*index]);
        let width = 1 + usize::from(with_json) + placed.iter().filter(|place| !place.is_join).count();
        let sql = format!("INSERT INTO things VALUES ({})", vec!["?"; width].join(", "));
        let mut insert = self.connection.prepare(&sql).unwrap();
        for (index, document) in kept {
            let mut row = vec![Sqlite::Integer(index as i64)];
            row.extend(with_json.then(|| Sqlite::Text(document.to_string())));
            for place in placed {
                if !place.is_join {
                    row.push(place.path.values(document).next().map_or(Sqlite::Null, scalar));
                    continue;
                }
                let sql = format!("INSERT INTO j_{} VALUES (?, ?)", place.name);
                for value in place.path.values(document) {
                    self.connection.execute(&sql, (index as i64, scalar(value))).unwrap();
                }
            }
            insert.execute(params_from_iter(row)).unwrap();
        }
    }

    /// The ids that a query selects; the count, the existence and sea-query's own rendering must say the same.
    pub(crate) fn ids(&self, query: &Query, mapping: &Mapping) -> Result<Vec<usize>, BoxError> {
        let ids = self.ask(query.select_ids())?;
        let count = self.ask(query.select_count())?;
        assert_eq!(count, [ids.len() as i64], "{query}");
        assert_eq!(self.ask(query.select_exists())?, [i64::from(!ids.is_empty())], "{query}");
        let table = |name: &str| sea_query::DynIden::from(name.to_owned());
        let built = sea_query::Query::select()
            .column((table(mapping.table()), table(mapping.id())))
            .from(table(mapping.table()))
            .cond_where(query.condition())
            .build(SqliteQueryBuilder);
        let mut again = self.ask(built)?;
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        again.sort_unstable();
        assert_eq!(again, sorted, "{query}");
        Ok(ids.into_iter().map(|id| id as usize).collect())
    }

    /// Runs a statement that gives integers.
    pub(crate) fn ask(&self, (sql, values): (String, sea_query::Values)) -> Result<Vec<i64>, BoxError> {
        let mut statement = self.connection.prepare(&sql).map_err(|error| format!("{error}: {sql}"))?;
        let rows = statement.query_map(params_from_iter(bound(&values)), |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>().map_err(|error| format!("{error}: {sql}"))?)
    }
}

/// Values as rusqlite binds them.
pub(crate) fn bound(values: &sea_query::Values) -> Vec<Box<dyn ToSql>> {
    let bind = |value: &sea_query::Value| -> Box<dyn ToSql> {
        match value.clone() {
            sea_query::Value::BigInt(Some(int)) => Box::new(int),
            sea_query::Value::Double(Some(float)) => Box::new(float),
            sea_query::Value::String(Some(string)) => Box::new(string),
            other => panic!("a value of a kind that SQLite is not sent: {other:?}"),
        }
    };
    values.0.iter().map(bind).collect()
}

fn scalar(value: &Json) -> Sqlite {
    match value {
        Json::Bool(bool) => Sqlite::Integer((*bool).into()),
        Json::Number(number) => match number.as_i64() {
            Some(int) => Sqlite::Integer(int),
            None => Sqlite::Real(number.as_f64().unwrap()),
        },
        Json::String(string) => Sqlite::Text(string.clone()),
        Json::Null | Json::Array(_) | Json::Object(_) => Sqlite::Null,
    }
}

/// A path that got a column.
struct Placed {
    path: Path,
    name: String,
    column: Column,
    is_join: bool,
    null_is_null: bool,
}

impl Placed {
    /// The column for a path that holds the most of its documents' values; none where there is nothing to hold.
    fn of(path: &Path, schema: &Schema, documents: &[Json], index: usize) -> Option<Placed> {
        let of_type = |ty: Type| {
            let values = documents.iter().flat_map(|document| path.values(document));
            values.filter(|value| has_type(value, ty)).count()
        };
        let is_datetime = schema.facts(path).ty == Type::Datetime;
        let strings = if is_datetime { Type::Datetime } else { Type::String };
        let types = [strings, Type::Integer, Type::Number, Type::Boolean];
        let (count, ty) = types.map(|ty| (of_type(ty), ty)).into_iter().max_by_key(|(count, _)| *count)?;
        if count == 0 {
            return None;
        }
        let is_join = documents
            .iter()
            .any(|document| path.nodes(document).count() > 1 || path.nodes(document).any(Json::is_array));
        let null_is_null = !is_join && documents.iter().any(|document| path.nodes(document).any(Json::is_null));
        let name = format!("f{index}");
        let mut column = match is_join {
            true => Column::in_table(format!("j_{name}"), "owner", "v", ty),
            false => Column::new(name.clone(), ty),
        };
        if null_is_null {
            column = column.null_is_null();
        }
        // Columns without the promise have another collation, and the answer is the same.
        if ty == Type::String && index % 2 == 1 {
            column = column.binary();
        }
        Some(Placed { path: path.clone(), name, column, is_join, null_is_null })
    }

    fn sql_type(&self) -> &'static str {
        match self.column.ty() {
            Type::String if !self.column.is_binary() => "TEXT COLLATE NOCASE",
            Type::String | Type::Datetime => "TEXT",
            Type::Number => "REAL",
            _ => "INTEGER",
        }
    }

    /// Whether the column can hold what a document has at the path.
    fn holds(&self, document: &Json) -> bool {
        let nodes = self.path.nodes(document).count();
        let values: Vec<&Json> = self.path.values(document).collect();
        let fits = values.iter().all(|value| value.is_null() || has_type(value, self.column.ty()));
        match self.is_join {
            // Q2: no rows means missing, so that an empty array cannot be told.
            true => fits && (nodes == 0) == values.is_empty(),
            // Q1: NULL is a null or missing, never both.
            false => {
                let null = values.iter().any(|value| value.is_null());
                let is_told = if self.null_is_null { nodes == 1 } else { !null };
                fits && is_told && nodes <= 1 && !self.path.nodes(document).any(Json::is_array)
            }
        }
    }
}

/// Whether a column of a type can hold a value without a loss.
fn has_type(value: &Json, ty: Type) -> bool {
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

/// Q3: SQLite ends a key at U+0000, so that such a key cannot be told from another.
fn can_be_stored(document: &Json) -> bool {
    match document {
        Json::Object(members) => members.iter().all(|(key, member)| !key.contains('\0') && can_be_stored(member)),
        Json::Array(elements) => elements.iter().all(can_be_stored),
        _ => true,
    }
}

fn overlap(a: &Path, b: &Path) -> bool {
    a.keys().zip(b.keys()).all(|(a, b)| a == b)
}

impl Subject for Store {
    fn name(&self) -> &str {
        "sqlite"
    }

    fn answer(&mut self, question: &Question<'_>) -> Result<Answer, BoxError> {
        let (filter, schema, documents) = (question.filter(), question.schema(), question.documents());
        let predicate = schema.check(filter)?;
        let paths = predicate.fields();
        let (mapping, stored) = self.put(&paths, schema, documents);
        let lowered = match lower(&Sql::sqlite(mapping.clone()), &predicate) {
            Ok(lowered) => lowered,
            // Without a JSON column a path that has no column is refused: nothing here is asked.
            Err(error) if self.storage == Storage::Columns => {
                assert_eq!(error.code().as_str(), "unknown_field", "{error}");
                return Ok(reference(question, None));
            }
            Err(error) => return Err(error.into()),
        };
        self.tally.rows += stored.iter().filter(|stored| **stored).count();
        self.tally.columns += paths.iter().filter(|path| column_of(&mapping, path).is_some()).count();
        self.tally.joins +=
            mapping.columns().filter(|(_, column)| format!("{column:?}").contains("join: Some")).count();
        match (lowered.is_exact(), lowered.pushed()) {
            (true, _) => self.tally.exact += 1,
            (false, Some(_)) => self.tally.superset += 1,
            (false, None) => self.tally.residual += 1,
        }
        let everything = Sql::sqlite(mapping.clone()).everything();
        let mut found = self.ids(lowered.pushed().unwrap_or(&everything), &mapping)?;
        if let Some(residual) = lowered.residual() {
            let matcher = Matcher::new(residual);
            found.retain(|index| matcher.matches(&documents[*index]));
        }
        let Answer::Matches(others) = reference(question, Some(&stored)) else { unreachable!() };
        found.extend(others);
        Ok(Answer::Matches(found))
    }
}

fn column_of<'m>(mapping: &'m Mapping, path: &Path) -> Option<&'m Column> {
    mapping.columns().find(|(listed, _)| *listed == path).map(|(_, column)| column)
}

/// What the reference says of the documents that are not stored.
fn reference(question: &Question<'_>, stored: Option<&[bool]>) -> Answer {
    let reference = Reference::new(question.filter(), question.schema()).unwrap();
    let documents = question.documents().iter().enumerate();
    let others = documents.filter(|(index, _)| stored.is_none_or(|stored| !stored[*index]));
    Answer::Matches(others.filter(|(_, document)| reference.matches(document)).map(|(index, _)| index).collect())
}
