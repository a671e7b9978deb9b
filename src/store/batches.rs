//! Triggering: a batch, the ids of what it processes, and its task, in one transaction.

use rusqlite::{Connection, OptionalExtension, Row, ToSql, Transaction, TransactionBehavior, params};
use serde::Serialize;

use super::cancel::begin_write;
use super::snapshot::Snapshot;
use super::{Store, catalog, new_id, sqlite};
use crate::error::{Code, Diagnostic, Error, excerpt};
use crate::plan::{
    Answers, Counted, PlannedSource, SourceKind, SourceRef, TriggerPlan, TriggerRequest, TriggerResponse, resolve,
};
use crate::predicate::Predicate;

/// A batch, as `batch` and `task` print it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Batch {
    /// `btch_…`.
    pub batch_id: String,
    /// `task_…`.
    pub task_id: String,
    /// `queued`: whoever processes it is not part of this.
    pub status: String,
    /// The collection that was triggered.
    pub collection_id: String,
    /// The collections of each step, by their ids.
    pub tiers: Vec<Vec<String>>,
    /// How many objects it processes, if it is made of those.
    pub object_count: Option<u64>,
    /// How many documents it processes, if it is made of those.
    pub document_count: Option<u64>,
    /// When it was triggered, in UTC (RFC 3339).
    pub created_at: String,
}

impl Store {
    /// Triggers what a request stands for: writes a batch, the ids of what it processes and its task, all or nothing. The count
    /// of the response is that of the batch, whatever else is written meanwhile.
    ///
    /// # Errors
    /// Those of [`resolve`]; `database`.
    pub fn trigger(
        &mut self,
        namespace: &str,
        collection: &str,
        request: &TriggerRequest,
    ) -> Result<TriggerResponse, Error> {
        self.trigger_if(namespace, collection, request, None)
    }

    /// Triggers what a plan was made of, if nothing that it rests on has changed.
    ///
    /// # Errors
    /// `stale_plan`, naming what has changed; those of [`trigger`](Store::trigger).
    pub fn trigger_plan(&mut self, plan: &TriggerPlan) -> Result<TriggerResponse, Error> {
        let TriggerPlan { namespace_id, collection_id, request, .. } = plan;
        self.trigger_if(namespace_id, collection_id, request, Some(plan))
    }

    fn trigger_if(
        &mut self,
        namespace: &str,
        collection: &str,
        request: &TriggerRequest,
        planned: Option<&TriggerPlan>,
    ) -> Result<TriggerResponse, Error> {
        let Store { connection, cancel, catalog } = self;
        let begin = || Transaction::new_unchecked(connection, TransactionBehavior::Immediate);
        let transaction = begin_write(connection, cancel, begin)?;
        let snapshot = Snapshot::new(transaction, namespace, catalog)?;
        // Before the request is resolved: what a catalog that has changed makes of it is no mistake of the request's.
        planned.map_or(Ok(()), |plan| expect_unmoved(plan, &snapshot))?;
        let resolved = resolve(collection, request, snapshot.catalog())?;
        let connection = snapshot.transaction();
        let (batch_id, task_id) = (new_id(connection, "btch_")?, new_id(connection, "task_")?);
        let insert = "INSERT INTO batches (batch_id, task_id, namespace, collection_id, status, tiers, created_at)
                      VALUES (?, ?, ?, ?, 'queued', '[]', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))";
        let collection_id = &resolved.collection().collection_id;
        connection
            .execute(insert, params![batch_id, task_id, snapshot.namespace().n, collection_id])
            .map_err(sqlite)?;
        let batch = connection.last_insert_rowid();
        let (mut answers, mut total) = (Answers::default(), 0);
        for source in resolved.sources() {
            let written = write_members(&snapshot, batch, *source, resolved.predicate())?;
            total += written;
            answers.count(source.id(), Counted::exact(written, snapshot.table(*source)?.revision));
        }
        let plan = resolved.with_answers(answers);
        planned.map_or(Ok(()), |planned| expect_same(planned, &plan))?;
        let tiers: Vec<Vec<&str>> =
            plan.tiers.iter().map(|tier| tier.collections.iter().map(|collection| &*collection.id).collect()).collect();
        let tiers = serde_json::json!(tiers).to_string();
        let (objects, documents) = match plan.source {
            SourceKind::Bucket => (Some(total as i64), None),
            SourceKind::Collection => (None, Some(total as i64)),
        };
        let update = "UPDATE batches SET tiers = ?, object_count = ?, document_count = ? WHERE n = ?";
        connection.execute(update, params![tiers, objects, documents, batch]).map_err(sqlite)?;
        snapshot.into_transaction().commit().map_err(sqlite)?;
        Ok(TriggerResponse::new(&plan, batch_id, task_id, total))
    }

    /// The batch of an id.
    ///
    /// # Errors
    /// `not_found`; `database`.
    pub fn batch(&self, batch_id: &str) -> Result<Batch, Error> {
        find(&self.connection, None, "batch_id", batch_id)?.ok_or_else(|| not_found("batch", batch_id))
    }

    /// The batch of a task's id.
    ///
    /// # Errors
    /// `not_found`; `database`.
    pub fn task(&self, task_id: &str) -> Result<Batch, Error> {
        find(&self.connection, None, "task_id", task_id)?.ok_or_else(|| not_found("task", task_id))
    }

    /// The ids of what a batch processes, each with that of its source, sorted.
    ///
    /// # Errors
    /// `not_found`; `database`.
    pub fn batch_members(&self, batch_id: &str) -> Result<Vec<(String, String)>, Error> {
        self.batch(batch_id)?;
        let sql = "SELECT source_id, member_id FROM batch_members
                   WHERE batch = (SELECT n FROM batches WHERE batch_id = ?) ORDER BY 1, 2";
        let mut select = self.connection.prepare_cached(sql).map_err(sqlite)?;
        let rows = select.query_map([batch_id], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.and_then(Iterator::collect).map_err(sqlite)
    }
}

impl Snapshot<'_> {
    /// The batch of an id, if it is one of this namespace.
    ///
    /// # Errors
    /// `not_found`; `database`.
    pub fn batch(&self, batch_id: &str) -> Result<Batch, Error> {
        let found = find(self.transaction(), Some(self.namespace().n), "batch_id", batch_id)?;
        found.ok_or_else(|| not_found("batch", batch_id))
    }

    /// The batch of a task's id, if it is one of this namespace.
    ///
    /// # Errors
    /// `not_found`; `database`.
    pub fn task(&self, task_id: &str) -> Result<Batch, Error> {
        let found = find(self.transaction(), Some(self.namespace().n), "task_id", task_id)?;
        found.ok_or_else(|| not_found("task", task_id))
    }
}

/// Writes the ids of the matching members of a source to a batch. Gives how many those are.
fn write_members(
    snapshot: &Snapshot<'_>,
    batch: i64,
    source: SourceRef<'_>,
    predicate: &Predicate,
) -> Result<u64, Error> {
    let (table, id) = match source {
        SourceRef::Bucket(_) => ("objects", "object_id"),
        SourceRef::Collection(_) => ("documents", "document_id"),
    };
    let written = snapshot.matching(source, predicate, |condition, parameters| {
        let sql = format!(
            "INSERT INTO batch_members (batch, source_id, member_id) SELECT ?, ?, {id} FROM {table} WHERE {condition}"
        );
        let source_id = source.id();
        let all: Vec<&dyn ToSql> = [&[&batch as &dyn ToSql, &source_id], parameters].concat();
        snapshot.transaction().prepare_cached(&sql)?.execute(&all[..])
    })?;
    Ok(written as u64)
}

fn not_found(what: &str, id: &str) -> Error {
    Diagnostic::error(Code::NotFound, format!("there is no {what} `{}`", excerpt(id))).into()
}

/// The batch of an id, of any namespace or of one.
fn find(connection: &Connection, namespace: Option<i64>, column: &str, id: &str) -> Result<Option<Batch>, Error> {
    let columns = "batch_id, task_id, status, collection_id, tiers, object_count, document_count, created_at";
    let read = |row: &Row<'_>| {
        let count = |at| row.get::<_, Option<i64>>(at).map(|count| count.map(|count| count as u64));
        let batch = Batch {
            batch_id: row.get(0)?,
            task_id: row.get(1)?,
            status: row.get(2)?,
            collection_id: row.get(3)?,
            tiers: Vec::new(),
            object_count: count(5)?,
            document_count: count(6)?,
            created_at: row.get(7)?,
        };
        Ok((batch, row.get::<_, String>(4)?))
    };
    let sql = format!("SELECT {columns} FROM batches WHERE {column} = ?1 AND (?2 IS NULL OR namespace = ?2)");
    let found =
        connection.prepare_cached(&sql).and_then(|mut select| select.query_row((id, namespace), read).optional());
    let Some((batch, tiers)) = found.map_err(sqlite)? else { return Ok(None) };
    Ok(Some(Batch { tiers: catalog::own(&tiers)?, ..batch }))
}

/// Refuses a plan where the revision of something that it rests on has been raised since.
fn expect_unmoved(plan: &TriggerPlan, snapshot: &Snapshot<'_>) -> Result<(), Error> {
    let catalog = snapshot.catalog();
    let mut moved = Vec::new();
    if plan.revisions.catalog != catalog.revision() {
        moved.push("the catalog".to_owned());
    }
    for (id, revision) in &plan.revisions.sources {
        let source = match plan.source {
            SourceKind::Bucket => catalog.bucket(id).map(SourceRef::Bucket),
            SourceKind::Collection => catalog.collection(id).map(SourceRef::Collection),
        };
        let now = source.ok().and_then(|source| snapshot.table(source).ok()).map(|table| table.revision);
        if now != Some(*revision) {
            moved.push(format!("the {} `{}`", plan.source.as_str(), excerpt(id)));
        }
    }
    let target = catalog.collection(&plan.collection_id).map(SourceRef::Collection);
    let target = target.ok().and_then(|target| snapshot.table(target).ok());
    if let (Some(revision), Some(target)) = (plan.revisions.target, target)
        && target.revision != revision
    {
        moved.push(format!("the documents of `{}`", excerpt(&plan.collection_id)));
    }
    stale(moved)
}

/// Refuses a plan that says something else than what is triggered. Where no revision was raised, it was not read whole, is of a
/// copy of the store that has changed otherwise, or was edited.
fn expect_same(planned: &TriggerPlan, now: &TriggerPlan) -> Result<(), Error> {
    let mut moved = Vec::new();
    let ids = |plan: &TriggerPlan| plan.sources.iter().map(|source| source.id.clone()).collect::<Vec<_>>();
    if planned.source != now.source || ids(planned) != ids(now) {
        moved.push("the sources".to_owned());
    }
    // What was not read, whatever the reason, may be anything by now.
    let unread = now.sources.iter().filter(|source| !planned.revisions.sources.contains_key(&source.id));
    moved.extend(unread.map(|source| format!("`{}`, which was not counted", excerpt(&source.id))));
    if now.source == SourceKind::Bucket && !now.sources.is_empty() && planned.revisions.target.is_none() {
        moved.push(format!("the documents of `{}`, which were not counted", excerpt(&now.collection_id)));
    }
    if planned.tiers != now.tiers || planned.total_tiers != now.total_tiers || planned.skipped != now.skipped {
        moved.push("the tiers".to_owned());
    }
    if planned.fingerprint != now.fingerprint {
        moved.push("the filter in the plan itself".to_owned());
    }
    // Of the same question.
    if moved.is_empty() {
        let differs = |source: &(&PlannedSource, &PlannedSource)| source.0.count != source.1.count;
        let counts = planned.sources.iter().zip(&now.sources).filter(differs);
        moved.extend(counts.map(|(before, now)| {
            format!("the count of `{}`, {} where {} were planned", excerpt(&now.id), now.count, before.count)
        }));
        if moved.is_empty() && planned.total != now.total {
            moved.push("the total in the plan itself".to_owned());
        }
    }
    stale(moved)
}

/// The error that names what has moved, if anything has.
fn stale(moved: Vec<String>) -> Result<(), Error> {
    if moved.is_empty() {
        return Ok(());
    }
    let message = format!("changed since the plan was made: {}", moved.join(", "));
    let mut diagnostic = Diagnostic::error(Code::StalePlan, message);
    diagnostic.expected = moved;
    Err(diagnostic.hint("make the plan again, and look at it").into())
}
