//! An embedded store: a catalog, its objects and documents, the batches that were triggered, and the keys of the endpoint, in one
//! SQLite file.
//!
//! Predicates run in SQLite through the [SQL backend](crate::Sql); what that leaves is rechecked by the compiled matcher, so
//! that counts are exact. Objects and documents are kept as JSONB, as they were given but for
//! white space and numbers of more than 15 characters, which are kept by value.
//!
//! ```
//! use trommel::plan::{CatalogFile, TriggerRequest};
//! use trommel::store::{Destination, Store};
//!
//! let mut store = Store::in_memory()?;
//! let catalog = CatalogFile::from_json(r#"{
//!     "buckets": [{"bucket_id": "bkt_a", "name": "photos", "unique_key": {"fields": ["sku"]}}],
//!     "collections": [{"collection_id": "col_a", "name": "frames", "source": {"type": "bucket", "bucket_ids": ["bkt_a"]}}]
//! }"#)?;
//! store.apply("demo", catalog)?;
//! let mut import = store.import("demo", Destination::Bucket("photos"))?;
//! import.add(br#"{"object_id": "obj_1", "sku": "a", "status": "pending"}"#)?.unwrap();
//! import.add(br#"{"object_id": "obj_2", "sku": "b", "status": "done"}"#)?.unwrap();
//! import.finish()?;
//!
//! let request = TriggerRequest::from_json(r#"{"source_filters": {"status": "pending"}}"#)?;
//! let plan = store.plan("demo", "frames", &request)?;
//! assert_eq!(plan.total, trommel::plan::Count::Exact(1));
//! let response = store.trigger("demo", "frames", &request)?;
//! assert_eq!(response.object_count, Some(1));
//! # Ok::<(), trommel::Error>(())
//! ```

mod api_keys;
mod batches;
mod cancel;
mod catalog;
mod demo;
mod import;
mod index;
mod kept;
mod keys;
mod snapshot;
mod stats;
mod tables;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

pub use self::api_keys::{ApiKey, HeldNamespace, NewApiKey};
pub use self::batches::Batch;
pub use self::cancel::Cancel;
use self::cancel::begin_write;
pub use self::import::{Destination, Import, Imported};
pub use self::snapshot::Snapshot;
pub use self::stats::{NamespaceStats, TableStats};
use crate::error::{Code, Diagnostic, Error};
use crate::plan::{Catalog, TriggerPlan, TriggerRequest};

/// A store in a SQLite file, in WAL mode. Several may have the same file open, in several processes: reads run beside each
/// other and see one state throughout; writes come one after another.
///
/// A damaged file is an error as far as SQLite can tell: it keeps no checksums, so that a page that is damaged and still of the
/// form of one is read as it is.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    /// The catalog that was read last: it is good as long as its revision is the one in the file.
    catalog: Option<Arc<Catalog>>,
    /// Who may end what runs.
    cancel: Cancel,
}

/// So long a write waits for those before it.
const PATIENCE: Duration = Duration::from_secs(60);

impl Store {
    /// Makes a store in a file that is not there yet, or is empty.
    ///
    /// # Errors
    /// `usage` where there is a store already; else those of [`open`](Store::open).
    pub fn create(file: &Path) -> Result<Store, Error> {
        Store::create_with(file, |_| Ok(()))
    }

    /// Makes a store to try things on, with a namespace `demo`: 5 buckets, 12 collections, 20,000 objects and 8,000 documents.
    /// All of it or nothing.
    ///
    /// # Errors
    /// Those of [`create`](Store::create).
    pub fn create_demo(file: &Path) -> Result<Store, Error> {
        let store = Store::create_with(file, demo::fill)?;
        index::analyze_if_needed(&store.connection);
        Ok(store)
    }

    fn create_with(file: &Path, fill: impl FnOnce(&Store) -> Result<(), Error>) -> Result<Store, Error> {
        let store = Store::with(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        let expect_none = || match tables::version(&store.connection)? {
            0 => Ok::<_, Error>(()),
            _ => Err(Diagnostic::error(Code::Usage, format!("`{}` is a store already", file.display())).into()),
        };
        // Before anything is changed in a file that is no store.
        expect_none()?;
        store.connection.pragma_update(None, "journal_mode", "wal").map_err(sqlite)?;
        store.whole(|| {
            // Somebody else may have been first.
            expect_none()?;
            tables::bring_up_to_date(&store.connection)?;
            fill(&store)
        })?;
        Ok(store)
    }

    /// Opens a store. One of an older version is brought up to date.
    ///
    /// # Errors
    /// `io` for a file that is not there or whose folder may not be written; `unsupported` for what is no store, or one of a newer version;
    /// `database` for a file that SQLite cannot read.
    pub fn open(file: &Path) -> Result<Store, Error> {
        let store = Store::there(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        tables::migrate(&store.connection)?;
        Ok(store)
    }

    /// Opens a store to be read. Its folder must be one that may be written, since SQLite keeps beside a file what readers and
    /// writers tell each other; the file need not.
    ///
    /// # Errors
    /// Those of [`open`](Store::open), and `unsupported` for a store of an older version, which is not brought up to date.
    pub fn open_to_read(file: &Path) -> Result<Store, Error> {
        let store = Store::there(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        tables::expect_newest(&store.connection)?;
        Ok(store)
    }

    /// A store that is there.
    fn there(file: &Path, flags: OpenFlags) -> Result<Store, Error> {
        let store = Store::with(file, flags)?;
        if tables::version(&store.connection)? == 0 {
            let message = format!("`{}` is empty, and no store", file.display());
            return Err(Diagnostic::error(Code::Unsupported, message).hint("make one with `store init`").into());
        }
        Ok(store)
    }

    /// A store in memory, gone when it is dropped.
    ///
    /// # Errors
    /// `database`.
    pub fn in_memory() -> Result<Store, Error> {
        let connection = Connection::open_in_memory().map_err(sqlite)?;
        tables::migrate(&connection)?;
        Ok(Store { connection, catalog: None, cancel: Cancel::default() })
    }

    fn with(file: &Path, flags: OpenFlags) -> Result<Store, Error> {
        // To SQLite, a name that begins so is no file.
        if file.is_dir() {
            let message = format!("cannot open `{}`: it is a folder", file.display());
            return Err(Diagnostic::error(Code::Io, message).into());
        }
        let named = Path::new(".").join(file);
        let file = if file.to_string_lossy().starts_with(':') { &named } else { file };
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(file, flags).map_err(|error| in_file(file, error))?;
        connection.busy_timeout(PATIENCE).map_err(sqlite)?;
        // A commit that was told is there after a crash of the machine too.
        connection.pragma_update(None, "synchronous", "full").map_err(|error| in_file(file, error))?;
        connection.pragma_update(None, "foreign_keys", true).map_err(sqlite)?;
        connection.set_prepared_statement_cache_capacity(64);
        // SQLite opens a file when it first reads it.
        connection.pragma_query_value(None, "schema_version", |_| Ok(())).map_err(|error| in_file(file, error))?;
        Ok(Store { connection, catalog: None, cancel: Cancel::default() })
    }

    /// Writes all of something in one transaction, or nothing of it. Other writers wait meanwhile.
    fn whole<T>(&self, write: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        whole(&self.connection, &self.cancel, write)
    }

    /// The most bytes that the file may take, as far as this store writes to it: a write beyond fails whole.
    ///
    /// # Errors
    /// `database`.
    pub fn limit_size(&mut self, bytes: u64) -> Result<(), Error> {
        let page: i64 = self.connection.pragma_query_value(None, "page_size", |row| row.get(0)).map_err(sqlite)?;
        let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page.max(1);
        self.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).map_err(sqlite)
    }

    /// The state of a namespace, by its id or name, as it is now: whatever is written meanwhile, this does not change.
    ///
    /// # Errors
    /// `not_found`; `database`.
    pub fn snapshot(&mut self, namespace: &str) -> Result<Snapshot<'_>, Error> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Deferred).map_err(sqlite)?;
        Snapshot::new(transaction, namespace, &mut self.catalog)
    }

    /// How many things there are in each namespace, by its name, all at one moment.
    ///
    /// # Errors
    /// `database`.
    pub fn stats(&mut self) -> Result<Vec<NamespaceStats>, Error> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Deferred).map_err(sqlite)?;
        stats::stats(&transaction, None)
    }

    /// What a request would do.
    ///
    /// # Errors
    /// `not_found` for the namespace; those of [`resolve`](crate::plan::resolve); `database`.
    pub fn plan(&mut self, namespace: &str, collection: &str, request: &TriggerRequest) -> Result<TriggerPlan, Error> {
        self.snapshot(namespace)?.plan(collection, request)
    }
}

/// Where the fields of the objects are in the tables: for whoever reads the file beside this.
#[must_use]
pub fn objects_mapping() -> crate::backend::sql::Mapping {
    snapshot::mapping(crate::plan::SourceKind::Bucket)
}

/// What SQLite says, as an error.
fn sqlite(error: rusqlite::Error) -> Error {
    let hint = match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => Some("nothing of this was written; make room and try again"),
        Some(rusqlite::ErrorCode::DatabaseBusy) => Some("another program is writing for long; try again"),
        Some(rusqlite::ErrorCode::ReadOnly) => Some("the file, or its folder, may not be written"),
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            Some("the file is damaged, or no store")
        }
        _ => None,
    };
    let diagnostic = Diagnostic::error(Code::Database, format!("SQLite: {error}"));
    match hint {
        Some(hint) => diagnostic.hint(hint).into(),
        None => diagnostic.into(),
    }
}

/// The same while a file is opened.
fn in_file(file: &Path, error: rusqlite::Error) -> Error {
    let cannot =
        |why: &dyn std::fmt::Display| Diagnostic::error(Code::Io, format!("cannot open `{}`: {why}", file.display()));
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::PermissionDenied) => {
            // The system says more of it than SQLite does.
            match std::fs::File::open(file) {
                Err(why) => cannot(&why).into(),
                Ok(_) => cannot(&error).into(),
            }
        }
        // The rejected option is to read it as a file that nobody changes: a writer with other rights may be there, and what is
        // read while it writes is anything.
        Some(rusqlite::ErrorCode::ReadOnly) => {
            let hint = "copy it to a folder that may be written";
            cannot(&"SQLite has to make two files beside it, and the folder may not be written").hint(hint).into()
        }
        _ => sqlite(error),
    }
}

/// Writes all of something in one transaction, or nothing of it. Other writers wait meanwhile.
fn whole<T>(connection: &Connection, cancel: &Cancel, write: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    begin_write(connection, cancel, || connection.execute_batch("BEGIN IMMEDIATE"))?;
    let written = write().and_then(|written| {
        connection.execute_batch("COMMIT").map_err(sqlite)?;
        Ok(written)
    });
    if written.is_err() && !connection.is_autocommit() {
        // The error is told; that this fails too changes nothing about it.
        let _ = connection.execute_batch("ROLLBACK");
    }
    written
}

/// A new id: a prefix, and 96 random bits from SQLite, which seeds itself from the system.
fn new_id(connection: &Connection, prefix: &str) -> Result<String, Error> {
    let random: String =
        connection.query_row("SELECT lower(hex(randomblob(12)))", (), |row| row.get(0)).map_err(sqlite)?;
    Ok(format!("{prefix}{random}"))
}
