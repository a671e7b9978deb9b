//! How many things there are.

use std::fmt;

use rusqlite::{Connection, Row};
use serde::Serialize;

use super::sqlite;
use crate::error::{Error, visible};
use crate::plan::aligned;

/// How many things a namespace holds. Prints as lines for people, aligned.
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

/// Those of all namespaces, or of the one that has this number, by their names.
pub(super) fn stats(connection: &Connection, namespace: Option<i64>) -> Result<Vec<NamespaceStats>, Error> {
    let sql = "SELECT n, namespace_id, name, revision, (SELECT count(*) FROM batches WHERE namespace = namespaces.n)
               FROM namespaces WHERE ?1 IS NULL OR n = ?1 ORDER BY name";
    let read = |row: &Row<'_>| {
        let stats = NamespaceStats {
            namespace_id: row.get(1)?,
            name: row.get(2)?,
            revision: row.get::<_, i64>(3)? as u64,
            buckets: Vec::new(),
            collections: Vec::new(),
            batches: row.get::<_, i64>(4)? as u64,
        };
        Ok((row.get::<_, i64>(0)?, stats))
    };
    let mut select = connection.prepare_cached(sql).map_err(sqlite)?;
    let all = select.query_map([namespace], read).and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>);
    let filled = all.map_err(sqlite)?.into_iter().map(|(n, stats)| {
        let buckets = "SELECT bucket_id, name, revision, (SELECT count(*) FROM objects WHERE bucket = buckets.n)
                       FROM buckets WHERE namespace = ? ORDER BY n";
        let collections = "SELECT collection_id, name, revision,
                           (SELECT count(*) FROM documents WHERE collection = collections.n)
                           FROM collections WHERE namespace = ? ORDER BY n";
        Ok(NamespaceStats {
            buckets: tables(connection, buckets, n)?,
            collections: tables(connection, collections, n)?,
            ..stats
        })
    });
    filled.collect()
}

fn tables(connection: &Connection, sql: &str, namespace: i64) -> Result<Vec<TableStats>, Error> {
    let read = |row: &Row<'_>| {
        let (revision, members) = (row.get::<_, i64>(2)? as u64, row.get::<_, i64>(3)? as u64);
        Ok(TableStats { id: row.get(0)?, name: row.get(1)?, members, revision })
    };
    let mut select = connection.prepare_cached(sql).map_err(sqlite)?;
    select.query_map([namespace], read).and_then(Iterator::collect).map_err(sqlite)
}

impl fmt::Display for NamespaceStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WIDEST: usize = 40;
        let NamespaceStats { namespace_id, name, revision, batches, .. } = self;
        writeln!(f, "{} ({}), revision {revision}, {batches} batches", visible(name), visible(namespace_id))?;
        for (what, members, all) in
            [("bucket", "objects", &self.buckets), ("collection", "documents", &self.collections)]
        {
            let names = aligned(all.iter().map(|table| visible(&table.name)).collect(), WIDEST);
            for (name, table) in names.iter().zip(all) {
                writeln!(f, "  {what:<10} {name}  {:>9} {members}", table.members)?;
            }
        }
        Ok(())
    }
}
