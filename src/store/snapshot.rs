//! One state of a namespace: counting in it, and planning over it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, OptionalExtension, Row, Statement, Transaction};
use sea_query::{Value as SqlValue, Values};

use super::catalog::{self, Namespace, read_back};
use super::sqlite;
use super::stats::{self, NamespaceStats};
use crate::backend::memory::Matcher;
use crate::backend::sql::{Column, Mapping, Query, Sql};
use crate::error::{Code, Diagnostic, Error};
use crate::explain::Explain;
use crate::lower::{Lowered, lower};
use crate::plan::{
    self, Bucket, Catalog, Collection, CountAndOverwrites, Counted, Overwrites, Source, SourceKind, SourceRef,
    TriggerPlan, TriggerRequest,
};
use crate::predicate::Predicate;
use crate::schema::Type;

/// One state of a namespace, whatever is written meanwhile. It answers the questions of a plan.
#[derive(Debug)]
pub struct Snapshot<'s> {
    transaction: Transaction<'s>,
    namespace: Namespace,
    catalog: Arc<Catalog>,
    /// The predicate that was lowered last, as that of one plan is asked of each source.
    last: RefCell<Option<Rc<LastLowered>>>,
    /// What was looked up of the tables: the same throughout.
    tables: RefCell<HashMap<(SourceKind, String), Table>>,
    /// Whether the table of ids that were rechecked is there.
    has_matching: Cell<bool>,
}

/// A bucket or collection in the tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    pub(super) n: i64,
    pub(super) revision: u64,
}

#[derive(Debug)]
struct LastLowered {
    predicate: Predicate,
    kind: SourceKind,
    lowered: Lowered<Query>,
    /// What SQLite can say of it.
    pushed: Option<(String, Values)>,
}

/// Where the fields of objects and of documents are.
pub(super) fn mapping(kind: SourceKind) -> Mapping {
    let (table, id) = match kind {
        SourceKind::Bucket => ("objects", "object_id"),
        SourceKind::Collection => ("documents", "document_id"),
    };
    // The id is a string in every document, so that its column says the same as the JSON (Q1).
    let mapping = Mapping::new(table, id).and_then(|mapping| mapping.json("doc"));
    let mapping = mapping.and_then(|mapping| mapping.column(id, Column::new(id, Type::String).binary()));
    // INVARIANT: these are names, and the paths are paths.
    mapping.map(Mapping::json_valid).unwrap_or_default()
}

/// A value as rusqlite binds it. Of the many that sea-query has, these are what SQLite is sent.
pub(super) struct Bound<'v>(pub(super) &'v SqlValue);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            SqlValue::BigInt(Some(int)) => ValueRef::Integer(*int),
            SqlValue::Double(Some(float)) => ValueRef::Real(*float),
            SqlValue::String(Some(string)) => ValueRef::Text(string.as_bytes()),
            // NULL in its place would be a condition that nobody wrote.
            other => {
                return Err(rusqlite::Error::ToSqlConversionFailure(format!("no value for SQLite: {other:?}").into()));
            }
        }))
    }
}

impl<'s> Snapshot<'s> {
    pub(super) fn new(
        transaction: Transaction<'s>,
        namespace: &str,
        known: &mut Option<Arc<Catalog>>,
    ) -> Result<Snapshot<'s>, Error> {
        let namespace = catalog::namespace(&transaction, namespace)?;
        let is_it =
            |known: &&Arc<Catalog>| known.namespace_id() == namespace.id && known.revision() == namespace.revision;
        let catalog = match known.as_ref().filter(is_it) {
            Some(known) => known.clone(),
            None => known.insert(Arc::new(catalog::read(&transaction, &namespace)?)).clone(),
        };
        let (last, tables, has_matching) = (RefCell::default(), RefCell::default(), Cell::new(false));
        Ok(Snapshot { transaction, namespace, catalog, last, tables, has_matching })
    }

    /// The catalog.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// What a request would do.
    ///
    /// # Errors
    /// Those of [`resolve`](plan::resolve). A source that fails is no error: the plan names it.
    pub fn plan(&self, collection: &str, request: &TriggerRequest) -> Result<TriggerPlan, Error> {
        plan::plan(collection, request, &self.catalog, self)
    }

    /// How many things there are.
    ///
    /// # Errors
    /// `database`.
    pub fn stats(&self) -> Result<NamespaceStats, Error> {
        let stats = stats::stats(&self.transaction, Some(self.namespace.n))?.pop();
        stats.ok_or_else(|| Diagnostic::error(Code::NotFound, "the namespace is gone").into())
    }

    /// The steps in which SQLite answers what a plan for `target` asks of a source, as `EXPLAIN QUERY PLAN` tells them of the very
    /// statement: which index it takes. Where something is left to recheck, those of the statement without it.
    ///
    /// ```
    /// # use trommel::plan::{CatalogFile, TriggerRequest, resolve};
    /// # use trommel::store::Store;
    /// # let mut store = Store::in_memory()?;
    /// # let catalog = r#"{"buckets": [{"bucket_id": "b"}],
    /// #     "collections": [{"collection_id": "c", "source": {"type": "bucket", "bucket_ids": ["b"]}}]}"#;
    /// # store.apply("demo", CatalogFile::from_json(catalog)?)?;
    /// let snapshot = store.snapshot("demo")?;
    /// let request = TriggerRequest::from_json(r#"{"object_ids": ["a"]}"#)?;
    /// let resolved = resolve("c", &request, snapshot.catalog())?;
    /// let (source, target) = (resolved.sources()[0], resolved.collection());
    /// let steps = snapshot.query_plan(source, resolved.predicate(), target)?;
    /// assert!(steps[0].starts_with("SEARCH objects USING"), "{steps:?}");
    /// # Ok::<(), trommel::Error>(())
    /// ```
    ///
    /// # Errors
    /// `not_found` for a source or target that is not in the store; `database`.
    pub fn query_plan(
        &self,
        source: SourceRef<'_>,
        predicate: &Predicate,
        target: &Collection,
    ) -> Result<Vec<String>, Error> {
        let target = self.table(SourceRef::Collection(target))?.n;
        let explain = |sql: &str| self.transaction.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).map_err(sqlite);
        let step = |row: &Row<'_>| row.get(3);
        if let SourceRef::Bucket(bucket) = source {
            let last = self.lowered(predicate, SourceKind::Bucket)?;
            let (condition, values) = pushed_of_bucket(&last);
            let mut explain = explain(&both_sql(bucket, &condition))?;
            bind_values(&mut explain, values).map_err(sqlite)?;
            bind_named(&mut explain, self.table(source)?.n, target).map_err(sqlite)?;
            return explain.raw_query().mapped(step).collect::<Result<_, _>>().map_err(sqlite);
        }
        self.pushed(source, predicate, |_, table, condition, parameters| {
            let mut explain = explain(&count_sql(table, condition))?;
            explain.query_map(parameters, step).and_then(Iterator::collect).map_err(sqlite)
        })
    }

    pub(super) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    pub(super) fn transaction(&self) -> &Transaction<'s> {
        &self.transaction
    }

    pub(super) fn into_transaction(self) -> Transaction<'s> {
        self.transaction
    }

    /// Where a source is in the tables.
    pub(super) fn table(&self, source: SourceRef<'_>) -> Result<Table, Error> {
        if let Some(table) = self.tables.borrow().get(&(source.kind(), source.id().to_owned())) {
            return Ok(*table);
        }
        let sql = match source {
            SourceRef::Bucket(_) => "SELECT n, revision FROM buckets WHERE namespace = ? AND bucket_id = ?",
            SourceRef::Collection(_) => "SELECT n, revision FROM collections WHERE namespace = ? AND collection_id = ?",
        };
        let read = |row: &Row<'_>| Ok(Table { n: row.get(0)?, revision: row.get::<_, i64>(1)? as u64 });
        let mut select = self.transaction.prepare_cached(sql).map_err(sqlite)?;
        let found = select.query_row((self.namespace.n, source.id()), read).optional().map_err(sqlite)?;
        let missing = || Diagnostic::error(Code::NotFound, format!("the store has no `{}`", source.id()));
        let table = found.ok_or_else(missing)?;
        self.tables.borrow_mut().insert((source.kind(), source.id().to_owned()), table);
        Ok(table)
    }

    /// What a predicate became, which that of one plan does once for all its sources.
    fn lowered(&self, predicate: &Predicate, kind: SourceKind) -> Result<Rc<LastLowered>, Error> {
        let last = self.last.borrow().clone();
        if let Some(last) = last.filter(|last| last.kind == kind && last.predicate == *predicate) {
            return Ok(last);
        }
        let lowered = lower(&Sql::sqlite(mapping(kind)), predicate)?;
        let pushed = lowered.pushed().map(Query::where_clause);
        let last = Rc::new(LastLowered { predicate: predicate.clone(), kind, lowered, pushed });
        *self.last.borrow_mut() = Some(last.clone());
        Ok(last)
    }

    /// Gives a condition for the matching members of a source, and its values: `table.parent = ? AND …`. What SQLite cannot
    /// say is rechecked first, and the condition names those that passed.
    pub(super) fn matching<T>(
        &self,
        source: SourceRef<'_>,
        predicate: &Predicate,
        then: impl FnOnce(&str, &[&dyn ToSql]) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        self.pushed(source, predicate, |lowered, table, condition, parameters| match lowered.residual() {
            None => then(condition, parameters).map_err(sqlite),
            Some(residual) => {
                self.recheck(table, condition, parameters, &Matcher::new(residual))?;
                // The members are those of the one source.
                then(&rechecked(table), &[]).map_err(sqlite)
            }
        })
    }

    /// Gives what SQLite can say of a predicate: the table, a condition for the members of a source, and its values.
    fn pushed<T>(
        &self,
        source: SourceRef<'_>,
        predicate: &Predicate,
        then: impl FnOnce(&Lowered<Query>, &str, &str, &[&dyn ToSql]) -> Result<T, Error>,
    ) -> Result<T, Error> {
        // The column of the source is named as its kind.
        let (kind, parent) = (source.kind(), source.kind().as_str());
        let (table, n) = (table_of(source), self.table(source)?.n);
        let last = self.lowered(predicate, kind)?;
        let (condition, values) = match &last.pushed {
            Some((condition, values)) => (format!("{table}.{parent} = ? AND ({condition})"), &values.0[..]),
            None => (format!("{table}.{parent} = ?"), &[][..]),
        };
        let bound: Vec<Bound<'_>> = values.iter().map(Bound).collect();
        let mut parameters: Vec<&dyn ToSql> = vec![&n];
        parameters.extend(bound.iter().map(|value| value as &dyn ToSql));
        then(&last.lowered, table, &condition, &parameters)
    }

    /// Puts the candidates that a matcher lets through into the temporary table `matching`.
    fn recheck(&self, table: &str, condition: &str, parameters: &[&dyn ToSql], matcher: &Matcher) -> Result<(), Error> {
        if !self.has_matching.replace(true) {
            let make = "CREATE TEMP TABLE IF NOT EXISTS matching (n INTEGER PRIMARY KEY)";
            self.transaction.execute_batch(make).map_err(sqlite)?;
        }
        self.transaction.execute("DELETE FROM temp.matching", ()).map_err(sqlite)?;
        let mut insert = self.transaction.prepare_cached("INSERT INTO temp.matching VALUES (?)").map_err(sqlite)?;
        let sql = format!("SELECT {table}.n, json({table}.doc) FROM {table} WHERE {condition}");
        let mut select: Statement<'_> = self.transaction.prepare(&sql).map_err(sqlite)?;
        let mut rows = select.query(parameters).map_err(sqlite)?;
        while let Some(row) = rows.next().map_err(sqlite)? {
            let text = row.get_ref(1).and_then(|text| Ok(text.as_str()?)).map_err(sqlite)?;
            if matcher.matches(&*read_back(text)?) {
                insert.execute([row.get::<_, i64>(0).map_err(sqlite)?]).map_err(sqlite)?;
            }
        }
        Ok(())
    }

    /// How many objects of a bucket match and what processing them would meet, in one pass over them. The statements are those
    /// of the buckets before, without and with a unique key.
    fn both<'t>(
        &'t self,
        bucket: &Bucket,
        predicate: &Predicate,
        target: &Collection,
        statements: &mut [Option<CachedStatement<'t>>; 2],
    ) -> Result<(Counted, (Overwrites, u64)), Error> {
        let source = SourceRef::Bucket(bucket);
        let (table, target) = (self.table(source)?, self.table(SourceRef::Collection(target))?);
        let last = self.lowered(predicate, SourceKind::Bucket)?;
        let (mut condition, mut values) = pushed_of_bucket(&last);
        if last.lowered.residual().is_some() {
            // The members are those of the one source.
            self.matching(source, predicate, |_, _| Ok(()))?;
            (condition, values) = (rechecked(table_of(source)), &[][..]);
        }
        let statement = &mut statements[usize::from(bucket.unique_key.is_some())];
        let statement = match statement {
            Some(statement) => statement,
            None => {
                let new = self.transaction.prepare_cached(&both_sql(bucket, &condition)).map_err(sqlite)?;
                let new = statement.insert(new);
                bind_values(new, values).map_err(sqlite)?;
                new
            }
        };
        bind_named(statement, table.n, target.n).map_err(sqlite)?;
        let mut rows = statement.raw_query();
        let row = rows.next().map_err(sqlite)?.ok_or(rusqlite::Error::QueryReturnedNoRows).map_err(sqlite)?;
        let read = |at| row.get::<_, i64>(at).map(|count| count as u64).map_err(sqlite);
        let (count, met) = (read(0)?, read(1)?);
        let overwrites = match bucket.unique_key {
            None => Overwrites::Duplicated(met),
            Some(_) => Overwrites::Overwritten(met),
        };
        Ok((Counted::exact(count, table.revision), (overwrites, target.revision)))
    }
}

/// The condition of the members that were rechecked.
fn rechecked(table: &str) -> String {
    format!("{table}.n IN (SELECT n FROM temp.matching)")
}

/// A condition for the matching objects of the bucket `:bucket`, as far as SQLite can say, and the values of the rest of it.
///
/// `+ 0`, so that SQLite does not look at the bucket when it chooses how to go about it: a statement in which it has looked at
/// a value is prepared anew when that is bound again, which takes longer than to find a few objects. It does look at
/// the values of the filter, which are bound once for all buckets: which index is best depends on how rare they are.
fn pushed_of_bucket(last: &LastLowered) -> (String, &[SqlValue]) {
    match &last.pushed {
        Some((condition, values)) => (format!("objects.bucket = :bucket + 0 AND ({condition})"), &values.0),
        None => ("objects.bucket = :bucket + 0".to_owned(), &[]),
    }
}

/// Binds the parameters without a name.
fn bind_values(statement: &mut Statement<'_>, values: &[SqlValue]) -> rusqlite::Result<()> {
    let unnamed = (1..=statement.parameter_count()).filter(|at| statement.parameter_name(*at).is_none());
    let unnamed: Vec<usize> = unnamed.collect();
    unnamed.into_iter().zip(values).try_for_each(|(at, value)| statement.raw_bind_parameter(at, Bound(value)))
}

/// Binds the bucket and the collection.
fn bind_named(statement: &mut Statement<'_>, bucket: i64, target: i64) -> rusqlite::Result<()> {
    for (name, value) in [(":bucket", bucket), (":target", target)] {
        // Where the members are those that were rechecked, the bucket may not be asked for.
        if let Some(at) = statement.parameter_index(name)? {
            statement.raw_bind_parameter(at, value)?;
        }
    }
    Ok(())
}

/// The statement by which the objects of a bucket that match a condition are counted together with what processing them would
/// meet in the collection `:target`.
fn both_sql(bucket: &Bucket, condition: &str) -> String {
    match bucket.unique_key {
        None => duplicated_sql(condition),
        Some(_) => overwritten_sql(condition),
    }
}

/// How many objects match, and how many of them have documents in the collection.
fn duplicated_sql(condition: &str) -> String {
    format!(
        "SELECT count(*), count(*) FILTER (WHERE EXISTS (SELECT 1 FROM documents
         WHERE documents.collection = :target + 0 AND documents.root_object_id = objects.object_id))
         FROM objects WHERE {condition}"
    )
}

/// How many objects match, and how many documents they have: those of their ids, and of the objects with equal key values.
///
/// `CROSS JOIN`, since SQLite would go through the whole bucket where few match.
fn overwritten_sql(condition: &str) -> String {
    format!(
        "WITH matching_objects AS MATERIALIZED (SELECT objects.object_id, objects.key_value FROM objects WHERE {condition}),
         roots AS (
             SELECT object_id FROM matching_objects
             UNION
             SELECT o.object_id FROM (SELECT DISTINCT key_value FROM matching_objects WHERE key_value IS NOT NULL) k
             CROSS JOIN objects o ON o.bucket = :bucket + 0 AND o.key_value = k.key_value
         )
         SELECT (SELECT count(*) FROM matching_objects),
             (SELECT count(*) FROM roots
              CROSS JOIN documents d ON d.collection = :target + 0 AND d.root_object_id = roots.object_id)"
    )
}

/// Where the members of a source are.
fn table_of(source: SourceRef<'_>) -> &'static str {
    match source {
        SourceRef::Bucket(_) => "objects",
        SourceRef::Collection(_) => "documents",
    }
}

/// The statement by which members are counted.
fn count_sql(table: &str, condition: &str) -> String {
    format!("SELECT count(*) FROM {table} WHERE {condition}")
}

impl Source for Snapshot<'_> {
    type Error = Error;

    fn count(&self, source: SourceRef<'_>, predicate: &Predicate) -> Result<Counted, Error> {
        let n: i64 = self.matching(source, predicate, |condition, parameters| {
            let sql = count_sql(table_of(source), condition);
            self.transaction.prepare_cached(&sql)?.query_row(parameters, |row| row.get(0))
        })?;
        Ok(Counted::exact(n as u64, self.table(source)?.revision))
    }

    fn overwrites(
        &self,
        bucket: &Bucket,
        predicate: &Predicate,
        target: &Collection,
    ) -> Result<Option<(Overwrites, u64)>, Error> {
        self.both(bucket, predicate, target, &mut [None, None]).map(|(_, overwrites)| Some(overwrites))
    }

    fn counts_and_overwrites(
        &self,
        buckets: &[&Bucket],
        predicate: &Predicate,
        target: &Collection,
    ) -> Vec<CountAndOverwrites<Error>> {
        let mut statements = [None, None];
        let both = |bucket: &&Bucket| match self.both(bucket, predicate, target, &mut statements) {
            Ok((counted, overwrites)) => (Ok(counted), Ok(Some(overwrites))),
            Err(error) => (Err(error.clone()), Err(error)),
        };
        buckets.iter().map(both).collect()
    }

    fn explain(&self, predicate: &Predicate) -> Option<Explain> {
        let last = self.last.borrow().clone().filter(|last| last.predicate == *predicate)?;
        Some(last.lowered.explain())
    }
}
