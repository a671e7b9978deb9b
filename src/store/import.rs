//! NDJSON lines → objects and documents.

use serde_json::Value as Json;

use super::cancel::{begin_write, let_others_write};
use super::index::analyze_if_needed;
use super::kept::kept;
use super::keys::key_value;
use super::{Store, catalog, sqlite};
use crate::document::Document;
use crate::error::{Error, excerpt};
use crate::plan::UniqueKey;

/// Where lines go to, by an id or name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination<'i> {
    /// Objects, into a bucket.
    Bucket(&'i str),
    /// Documents, into a collection.
    Collection(&'i str),
}

/// What an import wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// Those that were not there before.
    pub added: u64,
    /// Those that took the place of one with the same id.
    pub replaced: u64,
}

/// An import that goes on. Every 1,000 lines are one transaction, so that a crash loses no line that was committed and leaves none
/// half; [`whole`](Import::whole) makes all of them one. What is not finished when this is dropped is rolled back.
#[derive(Debug)]
pub struct Import<'s> {
    store: &'s Store,
    target: Target,
    scope: Scope,
    /// Lines since the last commit; `None`: no transaction is open.
    open: Option<usize>,
    imported: Imported,
    /// Since the last commit.
    uncommitted: Imported,
}

/// What a transaction of an import is about.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scope {
    /// So many lines.
    Chunk,
    /// All lines.
    Whole,
    /// More than the import: it is somebody else's to begin and to end.
    Within,
}

#[derive(Debug)]
enum Target {
    Bucket { namespace: i64, n: i64, unique_key: Option<UniqueKey> },
    Collection { n: i64 },
}

/// Lines of one transaction.
const CHUNK: usize = 1_000;

impl Store {
    /// Begins an import. A line replaces the object of its `object_id`, or the document of its `document_id`, if that is there.
    ///
    /// # Errors
    /// `not_found`; `database`.
    pub fn import(&mut self, namespace: &str, target: Destination<'_>) -> Result<Import<'_>, Error> {
        Import::new(self, namespace, target, Scope::Chunk)
    }
}

impl<'s> Import<'s> {
    /// An import in a transaction that is open.
    pub(super) fn within(store: &'s Store, namespace: &str, target: Destination<'_>) -> Result<Import<'s>, Error> {
        Import::new(store, namespace, target, Scope::Within)
    }

    fn new(store: &'s Store, namespace: &str, target: Destination<'_>, scope: Scope) -> Result<Import<'s>, Error> {
        let found = catalog::namespace(&store.connection, namespace)?;
        let catalog = catalog::read(&store.connection, &found)?;
        let n = |table: &str, column: &str, id: &str| {
            let sql = format!("SELECT n FROM {table} WHERE namespace = ? AND {column} = ?");
            store.connection.query_row(&sql, (found.n, id), |row| row.get(0)).map_err(sqlite)
        };
        let target = match target {
            Destination::Bucket(named) => {
                let bucket = catalog.bucket(named)?;
                let n = n("buckets", "bucket_id", &bucket.bucket_id)?;
                Target::Bucket { namespace: found.n, n, unique_key: bucket.unique_key.clone() }
            }
            Destination::Collection(named) => {
                Target::Collection { n: n("collections", "collection_id", &catalog.collection(named)?.collection_id)? }
            }
        };
        let (imported, uncommitted) = (Imported::default(), Imported::default());
        Ok(Import { store, target, scope, open: None, imported, uncommitted })
    }

    /// One transaction for all lines: other writers wait from the first line to the last.
    #[must_use]
    pub fn whole(mut self) -> Self {
        self.scope = Scope::Whole;
        self
    }

    /// Adds a line. What is inside `Ok` is the line's own: why it is bad, if it is; it is then left out, and the import may go on.
    ///
    /// # Errors
    /// `database`: what was not committed is rolled back, and the import is at its end.
    pub fn add(&mut self, line: &[u8]) -> Result<Result<(), String>, Error> {
        let document = match Document::read(line) {
            Ok(document) => document,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let Ok(line) = std::str::from_utf8(line) else { return Ok(Err("the text is not UTF-8".to_owned())) };
        let line = &match kept(line) {
            Ok(kept) => kept,
            Err(reason) => return Ok(Err(reason)),
        };
        self.begin()?;
        let row = match self.row(&document) {
            Ok(row) => row,
            Err(reason) => return Ok(Err(reason)),
        };
        let written = match &self.target {
            Target::Bucket { namespace, n, .. } => self.write_object(*namespace, *n, &row, line),
            Target::Collection { n } => self.write_document(*n, &row, line),
        };
        match written {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => return Ok(Err(reason)),
            Err(error) => return Err(self.failed(error)),
        }
        let lines = self.open.map_or(1, |lines| lines + 1);
        self.open = Some(lines);
        if lines >= CHUNK && self.scope == Scope::Chunk {
            self.commit()?;
            let_others_write();
        }
        Ok(Ok(()))
    }

    fn begin(&mut self) -> Result<(), Error> {
        if self.open.is_none() {
            if self.scope != Scope::Within {
                let Store { connection, cancel, .. } = self.store;
                begin_write(connection, cancel, || connection.execute_batch("BEGIN IMMEDIATE"))?;
            }
            self.open = Some(0);
            // The key may have been changed since the last commit; so is the one that the values are worked out by.
            if let Target::Bucket { n, unique_key, .. } = &mut self.target {
                let sql = "SELECT unique_key FROM buckets WHERE n = ?";
                let key: Option<String> =
                    self.store.connection.query_row(sql, [*n], |row| row.get(0)).map_err(sqlite)?;
                *unique_key = key.as_deref().map(catalog::own).transpose()?;
            }
        }
        Ok(())
    }

    /// Commits what was added so far, unless all lines are one transaction. For whoever waits for more lines: other writers
    /// wait meanwhile.
    ///
    /// # Errors
    /// `database`.
    pub fn flush(&mut self) -> Result<(), Error> {
        if self.scope == Scope::Chunk { self.commit() } else { Ok(()) }
    }

    /// Ends the import: commits what is left. Tells what was written.
    ///
    /// # Errors
    /// `database`.
    pub fn finish(mut self) -> Result<Imported, Error> {
        self.commit()?;
        if self.scope != Scope::Within {
            analyze_if_needed(&self.store.connection);
        }
        Ok(self.imported)
    }

    fn commit(&mut self) -> Result<(), Error> {
        let Some(lines) = self.open else { return Ok(()) };
        let (table, n) = match self.target {
            Target::Bucket { n, .. } => ("buckets", n),
            Target::Collection { n } => ("collections", n),
        };
        let connection = &self.store.connection;
        let raise = format!("UPDATE {table} SET revision = revision + 1 WHERE n = ?");
        let raised = if lines > 0 { connection.execute(&raise, [n]).map(|_| ()) } else { Ok(()) };
        let end = if self.scope == Scope::Within { "" } else { "COMMIT" };
        if let Err(error) = raised.and_then(|()| connection.execute_batch(end)) {
            return Err(self.failed(error));
        }
        self.open = None;
        let Imported { added, replaced } = std::mem::take(&mut self.uncommitted);
        self.imported.added += added;
        self.imported.replaced += replaced;
        Ok(())
    }

    /// Rolls back what was not committed. The error says what was: the lines before it stay.
    fn failed(&mut self, error: rusqlite::Error) -> Error {
        let is_full = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull);
        self.roll_back();
        let error = sqlite(error);
        let Imported { added, replaced } = self.imported;
        if added + replaced == 0 || !is_full {
            return error;
        }
        let hint =
            format!("{added} added and {replaced} replaced were committed before and stay; make room and import again");
        error.with_hint(hint)
    }

    fn roll_back(&mut self) {
        let is_open = self.open.take().is_some() && self.scope != Scope::Within;
        if is_open && !self.store.connection.is_autocommit() {
            // SQLite may have rolled back by itself; there is nothing else to do about an error here.
            let _ = self.store.connection.execute_batch("ROLLBACK");
        }
        self.uncommitted = Imported::default();
    }

    /// What stands beside a document in its row, or why it is bad.
    fn row(&self, document: &Document) -> Result<Row, String> {
        let string = |name: &str| match document.get(name) {
            None => Ok(None),
            Some(Json::String(string)) => Ok(Some(string.clone())),
            Some(_) => Err(format!("its `{name}` is no string")),
        };
        let required = |name: &str| string(name)?.ok_or_else(|| format!("it has no `{name}`"));
        Ok(match &self.target {
            Target::Bucket { unique_key, .. } => {
                Row { id: required("object_id")?, beside: unique_key.as_ref().and_then(|key| key_value(key, document)) }
            }
            // A document that came from no object may say so with null.
            Target::Collection { .. } => match document.get("root_object_id") {
                Some(Json::Null) => Row { id: required("document_id")?, beside: None },
                _ => Row { id: required("document_id")?, beside: string("root_object_id")? },
            },
        })
    }

    fn write_object(
        &mut self,
        namespace: i64,
        bucket: i64,
        row: &Row,
        line: &str,
    ) -> rusqlite::Result<Result<(), String>> {
        let connection = &self.store.connection;
        let find = "SELECT objects.bucket, buckets.name FROM objects JOIN buckets ON buckets.n = objects.bucket
                    WHERE objects.namespace = ? AND object_id = ?";
        let mut find = connection.prepare_cached(find)?;
        let mut found = find.query((namespace, &row.id))?;
        let is_there = match found.next()? {
            None => false,
            Some(found) if found.get::<_, i64>(0)? == bucket => true,
            Some(found) => {
                let name: String = found.get(1)?;
                return Ok(Err(format!("the object `{}` is in the bucket `{}`", excerpt(&row.id), excerpt(&name))));
            }
        };
        drop(found);
        let sql = "INSERT INTO objects (namespace, bucket, object_id, key_value, doc) VALUES (?, ?, ?, ?, jsonb(?))
                   ON CONFLICT (namespace, object_id) DO UPDATE SET key_value = excluded.key_value, doc = excluded.doc";
        connection.prepare_cached(sql)?.execute((namespace, bucket, &row.id, &row.beside, line))?;
        self.count(is_there);
        Ok(Ok(()))
    }

    fn write_document(&mut self, collection: i64, row: &Row, line: &str) -> rusqlite::Result<Result<(), String>> {
        let connection = &self.store.connection;
        let find = "SELECT EXISTS (SELECT 1 FROM documents WHERE collection = ? AND document_id = ?)";
        let is_there: bool = connection.prepare_cached(find)?.query_row((collection, &row.id), |row| row.get(0))?;
        let sql = "INSERT INTO documents (collection, document_id, root_object_id, doc) VALUES (?, ?, ?, jsonb(?))
                   ON CONFLICT (collection, document_id) DO UPDATE SET root_object_id = excluded.root_object_id, doc = excluded.doc";
        connection.prepare_cached(sql)?.execute((collection, &row.id, &row.beside, line))?;
        self.count(is_there);
        Ok(Ok(()))
    }

    fn count(&mut self, is_there: bool) {
        let Imported { added, replaced } = &mut self.uncommitted;
        *(if is_there { replaced } else { added }) += 1;
    }
}

impl Drop for Import<'_> {
    fn drop(&mut self) {
        self.roll_back();
    }
}

/// The id of a line, and what is kept beside it: key values, or the root object's id.
struct Row {
    id: String,
    beside: Option<String>,
}
