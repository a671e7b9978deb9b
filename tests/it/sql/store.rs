//! Documents in a real database: in a JSON column, in typed columns and join tables, and mixed.

use serde_json::Value as Json;
use trommel::backend::sql::{Column, Mapping, Query};
use trommel::conformance::{Answer, BoxError, Question, Subject};
use trommel::reference::Reference;
use trommel::sea_query::{self, Value, Values};
use trommel::{Field, Lowered, Matcher, Path, Schema, Sql, Type, lower};

use super::database::{Database, Holds};

/// How documents are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    /// A JSON column.
    Json,
    /// The same, promised to be well-formed.
    ValidJson,
    /// A JSON column, and generated columns over its paths: some promised to be exact, and others as wrong as they may be.
    Generated,
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
    /// Questions that name a generated column.
    pub(crate) generated: usize,
}

/// A real database as a subject of the suite.
pub(crate) struct Store {
    pub(crate) database: Box<dyn Database>,
    storage: Storage,
    pub(crate) tally: Tally,
    /// What is in the tables, so that the same is not put there again.
    tables: Vec<Table>,
}

/// A table and what is to be in it.
#[derive(Clone, Debug, PartialEq)]
struct Table {
    name: String,
    /// Names and types.
    columns: String,
    /// The placeholders of an insert.
    row: String,
    rows: Vec<Vec<Value>>,
}

impl Table {
    fn new(database: &dyn Database, name: impl Into<String>, columns: &[(&str, Holds<'_>)]) -> Table {
        let types = columns.iter().map(|(name, holds)| format!("{name} {}", database.column_type(*holds)));
        let types = types.collect::<Vec<_>>().join(", ");
        let places = columns.iter().enumerate();
        let place = |(at, (_, holds)): (usize, &(&str, Holds<'_>))| {
            database.placeholder(*holds).replace("$$", &format!("${}", at + 1))
        };
        let row = places.map(place).collect::<Vec<_>>().join(", ");
        Table { name: name.into(), columns: types, row, rows: Vec::new() }
    }
}

impl Store {
    pub(crate) fn new(database: Box<dyn Database>, storage: Storage) -> Store {
        Store { database, storage, tally: Tally::default(), tables: Vec::new() }
    }

    /// Puts documents into a table, and gives the mapping and which of them are there.
    pub(crate) fn put(&mut self, paths: &[&Path], schema: &Schema, documents: &[Json]) -> (Mapping, Vec<bool>) {
        match self.storage {
            Storage::Json => self.put_json(documents),
            Storage::ValidJson => {
                let (mapping, stored) = self.put_json(documents);
                // What a mapping says of indexes changes what is asked, and never the answer.
                let indexed = paths.iter().step_by(2);
                let mapping = indexed.fold(mapping, |mapping, path| mapping.indexed(&path.to_string()).unwrap());
                (mapping.json_valid(), stored)
            }
            Storage::Generated => self.put_generated(paths, documents),
            Storage::Columns => self.put_columns(paths, schema, documents, false),
            Storage::Mixed => self.put_columns(paths, schema, documents, true),
        }
    }

    fn put_json(&mut self, documents: &[Json]) -> (Mapping, Vec<bool>) {
        let database = &*self.database;
        let mut table = Table::new(database, "documents", &[("id", Holds::Id), ("doc", Holds::Json)]);
        let stored: Vec<bool> = documents.iter().map(|document| database.can_store(document)).collect();
        for (index, document) in documents.iter().enumerate().filter(|(index, _)| stored[*index]) {
            table.rows.push(vec![(index as i64).into(), document.to_string().into()]);
        }
        self.fill(vec![table]);
        (Mapping::default(), stored)
    }

    /// As a database would generate them, whatever it makes of a value of another type.
    fn put_generated(&mut self, paths: &[&Path], documents: &[Json]) -> (Mapping, Vec<bool>) {
        let database = &*self.database;
        let stored: Vec<bool> = documents.iter().map(|document| database.can_store(document)).collect();
        let generated: Vec<Generated> = paths
            .iter()
            .enumerate()
            .filter_map(|(index, path)| Generated::of(database, path, documents, index))
            .collect();
        let columns = generated.iter().map(|generated| (generated.column.name(), Holds::Values(&generated.column)));
        let columns: Vec<_> = [("id", Holds::Id), ("doc", Holds::Json)].into_iter().chain(columns).collect();
        let mut table = Table::new(database, "documents", &columns);
        for (index, document) in documents.iter().enumerate().filter(|(index, _)| stored[*index]) {
            let mut row = vec![(index as i64).into(), document.to_string().into()];
            row.extend(generated.iter().map(|generated| generated.value(database, document, index)));
            table.rows.push(row);
        }
        let mapping = generated.iter().fold(Mapping::default(), |mapping, generated| {
            mapping.generated_column(&generated.path.to_string(), generated.column.clone()).unwrap()
        });
        let promises_well_formed = generated.len().is_multiple_of(2);
        self.fill(vec![table]);
        (if promises_well_formed { mapping.json_valid() } else { mapping }, stored)
    }

    fn put_columns(
        &mut self,
        paths: &[&Path],
        schema: &Schema,
        documents: &[Json],
        with_json: bool,
    ) -> (Mapping, Vec<bool>) {
        let database = &*self.database;
        let mut mapping = Mapping::new("things", "thing_id").unwrap();
        let mut stored: Vec<bool> =
            documents.iter().map(|document| !with_json || database.can_store(document)).collect();
        let mut placed: Vec<Placed> = Vec::new();
        if with_json {
            mapping = mapping.json("whole").unwrap();
        }
        for path in paths {
            if placed.iter().any(|other| overlap(&other.path, path)) {
                continue;
            }
            let Some(place) = Placed::of(database, path, schema, documents, placed.len()) else { continue };
            let can_hold = |(document, stored): (&Json, &bool)| !stored || place.holds(database, document);
            if with_json && !documents.iter().zip(&stored).all(can_hold) {
                continue;
            }
            for (stored, document) in stored.iter_mut().zip(documents) {
                *stored &= place.holds(database, document);
            }
            mapping = mapping.column(&path.to_string(), place.column.clone()).unwrap();
            placed.push(place);
        }
        let tables = tables(database, &placed, &stored, documents, with_json);
        self.fill(tables);
        (mapping, stored)
    }

    fn fill(&mut self, tables: Vec<Table>) {
        if self.tables == tables {
            return;
        }
        for Table { name, columns, row, rows } in &tables {
            self.database.create(name, columns);
            self.database.insert(&format!("INSERT INTO {name} VALUES ({row})"), rows);
        }
        self.tables = tables;
    }

    /// A filter for this database, which must be able to say all of it.
    pub(crate) fn query(&self, mapping: &Mapping, schema: &Schema, filter: &str) -> Query {
        let predicate = schema.check(&trommel::parse::json(filter).unwrap()).unwrap();
        self.lowered(mapping, &predicate).into_exact().unwrap()
    }

    pub(crate) fn lowered(&self, mapping: &Mapping, predicate: &trommel::Predicate) -> Lowered<Query> {
        lower(&self.database.sql(mapping.clone()), predicate).unwrap()
    }

    /// Runs a statement that gives integers, and sorts them.
    pub(crate) fn sorted(&mut self, statement: (String, Values)) -> Vec<i64> {
        let mut ids = self.database.ask(statement).unwrap();
        ids.sort_unstable();
        ids
    }

    /// The ids that a query selects; the count, the existence and sea-query's own rendering must say the same.
    pub(crate) fn ids(&mut self, query: &Query, mapping: &Mapping) -> Result<Vec<usize>, BoxError> {
        let ids = self.database.ask(query.select_ids())?;
        let count = self.database.ask(query.select_count())?;
        assert_eq!(count, [ids.len() as i64], "{query}");
        assert_eq!(self.database.ask(query.select_exists())?, [i64::from(!ids.is_empty())], "{query}");
        let table = |name: &str| sea_query::DynIden::from(name.to_owned());
        let select = sea_query::Query::select()
            .column((table(mapping.table()), table(mapping.id())))
            .from(table(mapping.table()))
            .cond_where(query.condition())
            .to_owned();
        let built = self.database.build(&select);
        let again = self.sorted(built);
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        assert_eq!(again, sorted, "{query}");
        Ok(ids.into_iter().map(|id| id as usize).collect())
    }
}

/// The tables of documents in columns.
fn tables(
    database: &dyn Database,
    placed: &[Placed],
    stored: &[bool],
    documents: &[Json],
    with_json: bool,
) -> Vec<Table> {
    let (joins, own): (Vec<&Placed>, Vec<&Placed>) = placed.iter().partition(|place| place.is_join);
    let mut columns = vec![("thing_id", Holds::Id)];
    columns.extend(with_json.then_some(("whole", Holds::Json)));
    columns.extend(own.iter().map(|place| (&*place.name, Holds::Values(&place.column))));
    let mut things = Table::new(database, "things", &columns);
    let mut join_tables: Vec<Table> = joins
        .iter()
        .map(|place| {
            let columns = [("owner", Holds::Id), ("v", Holds::Values(&place.column))];
            Table::new(database, format!("j_{}", place.name), &columns)
        })
        .collect();
    for (index, document) in documents.iter().enumerate().filter(|(index, _)| stored[*index]) {
        let id = Value::from(index as i64);
        let mut row = vec![id.clone()];
        row.extend(with_json.then(|| document.to_string().into()));
        row.extend(own.iter().map(|place| {
            let value = place.path.values(document).next().unwrap_or(&Json::Null);
            database.scalar(value, place.column.ty())
        }));
        things.rows.push(row);
        for (place, table) in joins.iter().zip(&mut join_tables) {
            let values = place.path.values(document);
            table.rows.extend(values.map(|value| vec![id.clone(), database.scalar(value, place.column.ty())]));
        }
    }
    join_tables.push(things);
    join_tables
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
    fn of(database: &dyn Database, path: &Path, schema: &Schema, documents: &[Json], index: usize) -> Option<Placed> {
        let of_type = |ty: Type| {
            let values = documents.iter().flat_map(|document| path.values(document));
            values.filter(|value| database.can_hold(value, ty)).count()
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
        if ty == Type::String && index % 3 == 1 {
            column = column.folded_index();
        }
        if ty == Type::String && index % 4 < 2 {
            column = column.length(longest(documents.iter().flat_map(|document| path.values(document))));
        }
        Some(Placed { path: path.clone(), name, column, is_join, null_is_null })
    }

    /// Whether the column can hold what a document has at the path.
    fn holds(&self, database: &dyn Database, document: &Json) -> bool {
        let nodes = self.path.nodes(document).count();
        let values: Vec<&Json> = self.path.values(document).collect();
        let fits = values.iter().all(|value| value.is_null() || database.can_hold(value, self.column.ty()));
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

/// A path with a generated column.
struct Generated {
    path: Path,
    column: Column,
    /// Values of the column's type that documents have there.
    others: Vec<Json>,
}

impl Generated {
    /// A column of the type that most values have; none where there are none.
    fn of(database: &dyn Database, path: &Path, documents: &[Json], index: usize) -> Option<Generated> {
        let values: Vec<&Json> = documents.iter().filter_map(|document| plain(path, document)).collect();
        let of_type = |ty| values.iter().filter(move |value| database.can_generate(value, ty));
        let types = [Type::String, Type::Number, Type::Integer, Type::Boolean];
        let ty = types.into_iter().max_by_key(|ty| of_type(*ty).count())?;
        let others: Vec<Json> = of_type(ty).map(|value| (*value).clone()).collect();
        if others.is_empty() {
            return None;
        }
        let mut column = Column::new(format!("g{index}"), ty);
        if !index.is_multiple_of(3) {
            column = column.exact();
        }
        if ty == Type::String && index % 2 == 1 {
            column = column.binary();
        }
        if ty == Type::String && index % 5 == 2 {
            column = column.folded_index();
        }
        if ty == Type::String && index % 4 < 2 {
            column = column.length(longest(&others));
        }
        Some(Generated { path: path.clone(), column, others })
    }

    fn value(&self, database: &dyn Database, document: &Json, index: usize) -> Value {
        let ty = self.column.ty();
        let value = plain(&self.path, document).filter(|value| database.can_generate(value, ty));
        let value = match value {
            Some(value) => value,
            None if self.column.is_exact() || index.is_multiple_of(4) => &Json::Null,
            // What a server reads a value of another type as: here, as what others have.
            None => &self.others[index % self.others.len()],
        };
        database.scalar(value, ty)
    }
}

/// What a schema says of some paths, and which of them are single.
fn with_singles(schema: &Schema, paths: &[&Path], documents: &[Json]) -> Schema {
    let is_single = |path: &Path| documents.iter().all(|document| has_no_array(path, document));
    let fields = paths.iter().map(|path| {
        let facts = schema.facts(path);
        let mut field = Field::new(path.to_string(), facts.ty);
        if !facts.many || is_single(path) {
            field = field.single();
        }
        if facts.optional { field } else { field.required() }
    });
    Schema::new(fields).unwrap()
}

fn has_no_array(path: &Path, document: &Json) -> bool {
    let mut node = Some(document);
    for key in path.keys() {
        node = node.and_then(|node| node.get(key));
        if node.is_some_and(Json::is_array) {
            return false;
        }
    }
    true
}

/// The value at the end of plain objects.
fn plain<'d>(path: &Path, document: &'d Json) -> Option<&'d Json> {
    path.keys().try_fold(document, |node, key| node.as_object()?.get(key))
}

/// How many characters the longest of some strings has.
fn longest<'v>(values: impl IntoIterator<Item = &'v Json>) -> u32 {
    let lengths = values.into_iter().filter_map(Json::as_str).map(|text| text.chars().count());
    lengths.max().unwrap_or(0).try_into().unwrap()
}

fn overlap(a: &Path, b: &Path) -> bool {
    a.keys().zip(b.keys()).all(|(a, b)| a == b)
}

impl Subject for Store {
    fn name(&self) -> &str {
        self.database.name()
    }

    fn answer(&mut self, question: &Question<'_>) -> Result<Answer, BoxError> {
        let (filter, schema, documents) = (question.filter(), question.schema(), question.documents());
        let mut predicate = schema.check(filter)?;
        if self.storage == Storage::Generated {
            // A promise more, which no answer depends on (T4): most forms ask a generated column of a single field alone.
            predicate = with_singles(schema, &predicate.fields(), documents).check(filter)?;
        }
        let paths = predicate.fields();
        let (mapping, stored) = self.put(&paths, schema, documents);
        let sql: Sql = self.database.sql(mapping.clone());
        let lowered = match lower(&sql, &predicate) {
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
        let text = lowered.pushed().map(Query::to_string).unwrap_or_default();
        self.tally.generated +=
            usize::from(["\"documents\".\"g", "`documents`.`g"].iter().any(|name| text.contains(name)));
        match (lowered.is_exact(), lowered.pushed()) {
            (true, _) => self.tally.exact += 1,
            (false, Some(_)) => self.tally.superset += 1,
            (false, None) => self.tally.residual += 1,
        }
        let everything = sql.everything();
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
