//! One state of a namespace: counting in it, and planning over it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{OptionalExtension, Row, Statement, Transaction};
use sea_query::Value as SqlValue;
use serde::Serialize;

use super::catalog::{self, Namespace, read_back};
use super::sqlite;
use crate::backend::memory::Matcher;
use crate::backend::sql::{Column, Mapping, Query, Sql};
use crate::error::{Code, Diagnostic, Error};
use crate::explain::Explain;
use crate::lower::{Lowered, lower};
use crate::plan::{
    self, Bucket, Catalog, Collection, Counted, Overwrites, Source, SourceKind, SourceRef, TriggerPlan, TriggerRequest,
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
}

/// How many things a namespace holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NamespaceStats {
    /// Its id.
    pub namespace_id: String,
    /// Its name.
    pub name: String,
    /// The revision of its catalog.
    pub revision: u64,
    /// Its buckets, each with its objects.
    pub buckets: Vec<TableStats>,
    /// Its collections, each with its documents.
    pub collections: Vec<TableStats>,
    /// Its batches.
    pub batches: u64,
}

/// How many members a bucket or collection has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TableStats {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its objects or documents.
    pub members: u64,
    /// Raised by each change of them.
    pub revision: u64,
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
        let (last, has_matching) = (RefCell::new(None), Cell::new(false));
        Ok(Snapshot { transaction, namespace, catalog, last, has_matching })
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
        let count = |sql: &str, n: i64| -> Result<u64, Error> {
            let count: i64 = self
                .transaction
                .prepare_cached(sql)
                .and_then(|mut select| select.query_row([n], |row| row.get(0)))
                .map_err(sqlite)?;
            Ok(count as u64)
        };
        let stats = |id: &str, name: &str, table: Table, sql: &str| {
            let members = count(sql, table.n)?;
            Ok::<_, Error>(TableStats { id: id.to_owned(), name: name.to_owned(), members, revision: table.revision })
        };
        let buckets = self.catalog.buckets().iter().map(|bucket| {
            let sql = "SELECT count(*) FROM objects WHERE bucket = ?";
            stats(&bucket.bucket_id, &bucket.name, self.table(SourceRef::Bucket(bucket))?, sql)
        });
        let collections = self.catalog.collections().iter().map(|collection| {
            let sql = "SELECT count(*) FROM documents WHERE collection = ?";
            stats(&collection.collection_id, &collection.name, self.table(SourceRef::Collection(collection))?, sql)
        });
        let name = "SELECT name FROM namespaces WHERE n = ?";
        Ok(NamespaceStats {
            namespace_id: self.namespace.id.clone(),
            name: self.transaction.query_row(name, [self.namespace.n], |row| row.get(0)).map_err(sqlite)?,
            revision: self.namespace.revision,
            buckets: buckets.collect::<Result<_, _>>()?,
            collections: collections.collect::<Result<_, _>>()?,
            batches: count("SELECT count(*) FROM batches WHERE namespace = ?", self.namespace.n)?,
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
        let sql = match source {
            SourceRef::Bucket(_) => "SELECT n, revision FROM buckets WHERE namespace = ? AND bucket_id = ?",
            SourceRef::Collection(_) => "SELECT n, revision FROM collections WHERE namespace = ? AND collection_id = ?",
        };
        let read = |row: &Row<'_>| Ok(Table { n: row.get(0)?, revision: row.get::<_, i64>(1)? as u64 });
        let mut select = self.transaction.prepare_cached(sql).map_err(sqlite)?;
        let found = select.query_row((self.namespace.n, source.id()), read).optional().map_err(sqlite)?;
        found.ok_or_else(|| Diagnostic::error(Code::NotFound, format!("the store has no `{}`", source.id())).into())
    }

    /// What a predicate became, which that of one plan does once for all its sources.
    fn lowered(&self, predicate: &Predicate, kind: SourceKind) -> Result<Rc<LastLowered>, Error> {
        let last = self.last.borrow().clone();
        if let Some(last) = last.filter(|last| last.kind == kind && last.predicate == *predicate) {
            return Ok(last);
        }
        let lowered = lower(&Sql::sqlite(mapping(kind)), predicate)?;
        let last = Rc::new(LastLowered { predicate: predicate.clone(), kind, lowered });
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
        let (kind, table, parent) = match source {
            SourceRef::Bucket(_) => (SourceKind::Bucket, "objects", "bucket"),
            SourceRef::Collection(_) => (SourceKind::Collection, "documents", "collection"),
        };
        let n = self.table(source)?.n;
        let last = self.lowered(predicate, kind)?;
        let lowered = &last.lowered;
        let pushed = lowered.pushed().map(Query::where_clause);
        let (condition, values) = match &pushed {
            Some((condition, values)) => (format!("{table}.{parent} = ? AND ({condition})"), &values.0[..]),
            None => (format!("{table}.{parent} = ?"), &[][..]),
        };
        let bound: Vec<Bound<'_>> = values.iter().map(Bound).collect();
        let mut parameters: Vec<&dyn ToSql> = vec![&n];
        parameters.extend(bound.iter().map(|value| value as &dyn ToSql));
        match lowered.residual() {
            None => then(&condition, &parameters).map_err(sqlite),
            Some(residual) => {
                self.recheck(table, &condition, &parameters, &Matcher::new(residual))?;
                let passed = format!("{table}.{parent} = ? AND {table}.n IN (SELECT n FROM temp.matching)");
                then(&passed, &[&n]).map_err(sqlite)
            }
        }
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

    fn count_where(&self, sql: &str, parameters: &[&dyn ToSql]) -> rusqlite::Result<u64> {
        let count: i64 = self.transaction.prepare_cached(sql)?.query_row(parameters, |row| row.get(0))?;
        Ok(count as u64)
    }
}

impl Source for Snapshot<'_> {
    type Error = Error;

    fn count(&self, source: SourceRef<'_>, predicate: &Predicate) -> Result<Counted, Error> {
        let table = match source {
            SourceRef::Bucket(_) => "objects",
            SourceRef::Collection(_) => "documents",
        };
        let n = self.matching(source, predicate, |condition, parameters| {
            self.count_where(&format!("SELECT count(*) FROM {table} WHERE {condition}"), parameters)
        })?;
        Ok(Counted::exact(n, self.table(source)?.revision))
    }

    fn overwrites(
        &self,
        bucket: &Bucket,
        predicate: &Predicate,
        target: &Collection,
    ) -> Result<Option<(Overwrites, u64)>, Error> {
        let (source, target) = (SourceRef::Bucket(bucket), self.table(SourceRef::Collection(target))?);
        let bucket_n = self.table(source)?.n;
        let answer = self.matching(source, predicate, |condition, parameters| {
            let with = |last: &[&dyn ToSql], sql: &str| {
                self.count_where(sql, &parameters.iter().copied().chain(last.iter().copied()).collect::<Vec<_>>())
            };
            if bucket.unique_key.is_none() {
                let sql = format!(
                    "SELECT count(*) FROM objects WHERE {condition} AND EXISTS (SELECT 1 FROM documents
                     WHERE documents.collection = ? AND documents.root_object_id = objects.object_id)"
                );
                return with(&[&target.n], &sql).map(Overwrites::Duplicated);
            }
            // An object's documents: those of its id, and of the objects of this bucket with equal key values.
            let sql = format!(
                "WITH matching_objects AS MATERIALIZED (SELECT objects.object_id, objects.key_value FROM objects WHERE {condition}),
                 roots AS (
                     SELECT object_id FROM matching_objects
                     UNION
                     SELECT o.object_id FROM (SELECT DISTINCT key_value FROM matching_objects WHERE key_value IS NOT NULL) k
                     CROSS JOIN objects o ON o.bucket = ? AND o.key_value = k.key_value
                 )
                 SELECT count(*) FROM roots CROSS JOIN documents d ON d.collection = ? AND d.root_object_id = roots.object_id"
            );
            with(&[&bucket_n, &target.n], &sql).map(Overwrites::Overwritten)
        })?;
        Ok(Some((answer, target.revision)))
    }

    fn explain(&self, predicate: &Predicate) -> Option<Explain> {
        let last = self.last.borrow().clone().filter(|last| last.predicate == *predicate)?;
        Some(last.lowered.explain())
    }
}
