//! The tables, and the versions of the file.

use rusqlite::Connection;

use super::cancel::Cancel;
use super::{sqlite, whole};
use crate::error::{Code, Diagnostic, Error};

/// `trml`, so that no other program's file is taken for a store.
const APPLICATION: i32 = i32::from_be_bytes(*b"trml");

/// What brings a store of each version to the next; the first makes an empty file one.
///
/// Times are UTC as RFC 3339 writes them. A revision is raised in the transaction of each write.
const MIGRATIONS: [&str; 2] = [
    "
    CREATE TABLE namespaces (
        n INTEGER PRIMARY KEY,
        namespace_id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL UNIQUE,
        revision INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE buckets (
        n INTEGER PRIMARY KEY,
        namespace INTEGER NOT NULL REFERENCES namespaces (n),
        bucket_id TEXT NOT NULL,
        name TEXT NOT NULL,
        unique_key TEXT,
        revision INTEGER NOT NULL DEFAULT 0,
        UNIQUE (namespace, bucket_id)
    ) STRICT;
    CREATE TABLE collections (
        n INTEGER PRIMARY KEY,
        namespace INTEGER NOT NULL REFERENCES namespaces (n),
        collection_id TEXT NOT NULL,
        name TEXT NOT NULL,
        enabled INTEGER NOT NULL,
        source TEXT NOT NULL,
        source_filters TEXT,
        revision INTEGER NOT NULL DEFAULT 0,
        UNIQUE (namespace, collection_id)
    ) STRICT;
    CREATE TABLE objects (
        n INTEGER PRIMARY KEY,
        namespace INTEGER NOT NULL REFERENCES namespaces (n),
        bucket INTEGER NOT NULL REFERENCES buckets (n),
        object_id TEXT NOT NULL,
        key_value TEXT,
        doc BLOB NOT NULL,
        UNIQUE (namespace, object_id)
    ) STRICT;
    CREATE INDEX objects_of_bucket ON objects (bucket, object_id);
    CREATE INDEX objects_by_key ON objects (bucket, key_value) WHERE key_value IS NOT NULL;
    CREATE TABLE documents (
        n INTEGER PRIMARY KEY,
        collection INTEGER NOT NULL REFERENCES collections (n),
        document_id TEXT NOT NULL,
        root_object_id TEXT,
        doc BLOB NOT NULL,
        UNIQUE (collection, document_id)
    ) STRICT;
    CREATE INDEX documents_by_root ON documents (collection, root_object_id) WHERE root_object_id IS NOT NULL;
    CREATE TABLE batches (
        n INTEGER PRIMARY KEY,
        batch_id TEXT NOT NULL UNIQUE,
        task_id TEXT NOT NULL UNIQUE,
        namespace INTEGER NOT NULL REFERENCES namespaces (n),
        collection_id TEXT NOT NULL,
        status TEXT NOT NULL,
        tiers TEXT NOT NULL,
        object_count INTEGER,
        document_count INTEGER,
        created_at TEXT NOT NULL
    ) STRICT;
    CREATE TABLE batch_members (
        batch INTEGER NOT NULL REFERENCES batches (n),
        source_id TEXT NOT NULL,
        member_id TEXT NOT NULL,
        PRIMARY KEY (batch, source_id, member_id)
    ) STRICT, WITHOUT ROWID;
",
    "
    CREATE TABLE api_keys (
        n INTEGER PRIMARY KEY,
        key_id TEXT NOT NULL UNIQUE,
        hash BLOB NOT NULL UNIQUE,
        created_at TEXT NOT NULL,
        revoked_at TEXT
    ) STRICT;
    CREATE TABLE api_key_namespaces (
        api_key INTEGER NOT NULL REFERENCES api_keys (n),
        namespace INTEGER NOT NULL REFERENCES namespaces (n),
        PRIMARY KEY (api_key, namespace)
    ) STRICT, WITHOUT ROWID;
",
];

/// Makes the tables of a new file, or brings those of an older version up to date: all of it, or nothing.
pub(super) fn migrate(connection: &Connection) -> Result<(), Error> {
    // Whoever opens a store that needs nothing does not wait for those who write.
    if version(connection)? == MIGRATIONS.len() {
        return Ok(());
    }
    whole(connection, &Cancel::default(), || bring_up_to_date(connection))
}

/// The same in a transaction that is open.
pub(super) fn bring_up_to_date(connection: &Connection) -> Result<(), Error> {
    // Somebody else may have been first.
    let version = version(connection)?;
    for (at, migration) in MIGRATIONS.iter().enumerate().skip(version) {
        let text = format!("{migration} PRAGMA user_version = {}; PRAGMA application_id = {APPLICATION};", at + 1);
        connection.execute_batch(&text).map_err(sqlite)?;
    }
    Ok(())
}

/// Refuses a store that would have to be brought up to date.
pub(super) fn expect_newest(connection: &Connection) -> Result<(), Error> {
    expect(version(connection)?, MIGRATIONS.len())
}

fn expect(version: usize, newest: usize) -> Result<(), Error> {
    if version == newest {
        return Ok(());
    }
    let message = format!("the store has version {version}, and this program reads version {newest}");
    let hint = "a command that writes to it, such as `trigger`, brings it up to date";
    Err(Diagnostic::error(Code::Unsupported, message).hint(hint).into())
}

/// The version of a store; 0 for an empty file.
///
/// # Errors
/// `unsupported` for a database that is no store, and for a store of a newer version.
pub(super) fn version(connection: &Connection) -> Result<usize, Error> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(sqlite);
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables = "SELECT count(*) FROM sqlite_schema";
    let tables: i64 = connection.query_row(tables, (), |row| row.get(0)).map_err(sqlite)?;
    let newest = MIGRATIONS.len();
    match (application, usize::try_from(version)) {
        (0, Ok(0)) if tables == 0 => Ok(0),
        (APPLICATION, Ok(version)) if version > newest => {
            let message = format!("the store has version {version}, and this program knows versions up to {newest}");
            Err(Diagnostic::error(Code::Unsupported, message).hint("use a newer program").into())
        }
        (APPLICATION, Ok(version)) if version > 0 => Ok(version),
        _ => Err(Diagnostic::error(Code::Unsupported, "the file is a database, but no store").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_of_an_older_version_is_not_read_as_a_new_one() {
        let error = expect(1, 2).unwrap_err();
        assert_eq!(error.code(), Code::Unsupported);
        assert!(error.to_string().contains("version 1") && error.diagnostics()[0].hint.is_some(), "{error}");
        assert!(expect(2, 2).is_ok());
    }
}
