//! The catalog in the store: reading it, and changing it.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;

use super::keys::key_value;
use super::{Store, new_id, sqlite};
use crate::document::Document;
use crate::error::{Code, Diagnostic, Error, excerpt};
use crate::filter::Filter;
use crate::limits::Limits;
use crate::parse::Parser;
use crate::plan::{Bucket, Catalog, CatalogFile, Collection, UniqueKey};

/// A namespace, as the tables have it.
#[derive(Clone, Debug)]
pub(super) struct Namespace {
    pub(super) n: i64,
    pub(super) id: String,
    pub(super) revision: u64,
}

/// The namespace of an id or name; ids win.
pub(super) fn namespace(connection: &Connection, named: &str) -> Result<Namespace, Error> {
    let read =
        |row: &Row<'_>| Ok(Namespace { n: row.get(0)?, id: row.get(1)?, revision: row.get::<_, i64>(2)? as u64 });
    for column in ["namespace_id", "name"] {
        let sql = format!("SELECT n, namespace_id, revision FROM namespaces WHERE {column} = ?");
        let found = connection.prepare_cached(&sql).and_then(|mut select| select.query_row([named], read).optional());
        if let Some(namespace) = found.map_err(sqlite)? {
            return Ok(namespace);
        }
    }
    let names = "SELECT name FROM namespaces UNION SELECT namespace_id FROM namespaces";
    let mut select = connection.prepare(names).map_err(sqlite)?;
    let names = select.query_map((), |row| row.get(0)).and_then(Iterator::collect::<Result<Vec<String>, _>>);
    let names = names.map_err(sqlite)?;
    let diagnostic = Diagnostic::error(Code::NotFound, format!("there is no namespace `{}`", excerpt(named)));
    Err(diagnostic.near(named, names.iter().map(String::as_str)).into())
}

/// The catalog of a namespace.
pub(super) fn read(connection: &Connection, namespace: &Namespace) -> Result<Catalog, Error> {
    let mut file = CatalogFile::default();
    let mut select = connection
        .prepare_cached("SELECT bucket_id, name, unique_key FROM buckets WHERE namespace = ? ORDER BY n")
        .map_err(sqlite)?;
    let mut rows = select.query([namespace.n]).map_err(sqlite)?;
    while let Some(row) = rows.next().map_err(sqlite)? {
        let (bucket_id, name, key) = row.try_into().map_err(sqlite)?;
        let key: Option<String> = key;
        file.buckets.push(Bucket { bucket_id, name, unique_key: key.as_deref().map(own::<UniqueKey>).transpose()? });
    }
    let columns = "collection_id, name, enabled, source, source_filters";
    let mut select = connection
        .prepare_cached(&format!("SELECT {columns} FROM collections WHERE namespace = ? ORDER BY n"))
        .map_err(sqlite)?;
    let mut rows = select.query([namespace.n]).map_err(sqlite)?;
    while let Some(row) = rows.next().map_err(sqlite)? {
        let (collection_id, name, enabled, source, filters) = row.try_into().map_err(sqlite)?;
        let (source, filters): (String, Option<String>) = (source, filters);
        // It was read under limits once, and is only read again.
        let parser = Parser::new().limits(Limits::none());
        let source_filters = filters.map(|text| parser.json(text)).transpose()?;
        file.collections.push(Collection { collection_id, name, enabled, source: own(&source)?, source_filters });
    }
    Catalog::new(namespace.id.clone(), namespace.revision, file)
}

/// JSON that the store wrote itself.
pub(super) fn own<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let broken = |error| Diagnostic::error(Code::Database, format!("the store holds what it never wrote: {error}"));
    serde_json::from_str(text).map_err(|error| broken(error).into())
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, Error> {
    let failed = |error| Diagnostic::error(Code::Internal, format!("it cannot be written as JSON: {error}"));
    serde_json::to_string(value).map_err(|error| failed(error).into())
}

impl Store {
    /// Adds the buckets and collections of a file to the catalog of a namespace, by its id or name; what has the id of one that is
    /// there takes its place. A namespace that is not there is made: its name is what is given, and its id too if that begins
    /// with `ns_`. All or nothing.
    ///
    /// # Errors
    /// Those of [`Catalog::new`] over what the catalog becomes; `database`.
    pub fn apply(&mut self, namespace: &str, file: CatalogFile) -> Result<Catalog, Error> {
        self.whole(|| {
            let namespace = find_or_make(&self.connection, namespace)?;
            write(&self.connection, &namespace, file)
        })
    }
}

/// Adds what a file has to the catalog of a namespace, in a transaction that is open.
pub(super) fn write(connection: &Connection, namespace: &Namespace, file: CatalogFile) -> Result<Catalog, Error> {
    let old = read(connection, namespace)?;
    let (buckets, collections) = (file.buckets.clone(), file.collections.clone());
    let catalog = old.with(file)?;
    for bucket in &buckets {
        let key = bucket.unique_key.as_ref().map(json).transpose()?;
        let sql = "INSERT INTO buckets (namespace, bucket_id, name, unique_key) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT DO UPDATE SET name = excluded.name, unique_key = excluded.unique_key";
        let row = params![namespace.n, bucket.bucket_id, bucket.name, key];
        connection.prepare_cached(sql).and_then(|mut insert| insert.execute(row)).map_err(sqlite)?;
        let before = old.bucket_of_id(&bucket.bucket_id);
        if before.is_some_and(|before| before.unique_key != bucket.unique_key) {
            write_keys(connection, namespace, bucket)?;
        }
    }
    for collection in &collections {
        let sql = "INSERT INTO collections (namespace, collection_id, name, enabled, source, source_filters)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET name = excluded.name,
                   enabled = excluded.enabled, source = excluded.source, source_filters = excluded.source_filters";
        let Collection { collection_id, name, enabled, source, source_filters } = collection;
        let filters = source_filters.as_ref().map(Filter::to_string);
        let row = params![namespace.n, collection_id, name, enabled, json(source)?, filters];
        connection.prepare_cached(sql).and_then(|mut insert| insert.execute(row)).map_err(sqlite)?;
    }
    let raise = "UPDATE namespaces SET revision = ? WHERE n = ?";
    connection.execute(raise, (catalog.revision() as i64, namespace.n)).map_err(sqlite)?;
    Ok(catalog)
}

fn find_or_make(connection: &Connection, named: &str) -> Result<Namespace, Error> {
    match namespace(connection, named) {
        Err(error) if error.code() == Code::NotFound => {}
        found => return found,
    }
    if named.is_empty() {
        return Err(Diagnostic::error(Code::Usage, "a namespace has a name").into());
    }
    let id = if named.starts_with("ns_") { named.to_owned() } else { new_id(connection, "ns_")? };
    insert(connection, &id, named)?;
    namespace(connection, &id)
}

/// Makes a namespace. Its revisions begin at a random number, so that those of another store of the same names are others: a
/// plan that was saved is no plan of that.
pub(super) fn insert(connection: &Connection, id: &str, name: &str) -> Result<(), Error> {
    let sql = "INSERT INTO namespaces (namespace_id, name, revision) VALUES (?, ?, abs(random() % 1000000000) * 1000)";
    connection.execute(sql, (id, name)).map(|_| ()).map_err(sqlite)
}

/// Works out the key values of the objects of a bucket anew.
fn write_keys(connection: &Connection, namespace: &Namespace, bucket: &Bucket) -> Result<(), Error> {
    let of_bucket = "SELECT n FROM buckets WHERE namespace = ? AND bucket_id = ?";
    let n: i64 = connection.query_row(of_bucket, (namespace.n, &bucket.bucket_id), |row| row.get(0)).map_err(sqlite)?;
    connection.execute("UPDATE buckets SET revision = revision + 1 WHERE n = ?", [n]).map_err(sqlite)?;
    let mut select = connection
        .prepare("SELECT n, json(doc) FROM objects WHERE bucket = ? AND n > ? ORDER BY n LIMIT 1000")
        .map_err(sqlite)?;
    let mut update = connection.prepare("UPDATE objects SET key_value = ? WHERE n = ?").map_err(sqlite)?;
    let mut last = i64::MIN;
    loop {
        // In pieces: a change to rows that a query is going through may be met by it.
        let rows = select.query_map((n, last), |row| Ok((row.get(0)?, row.get(1)?)));
        let rows: Vec<(i64, String)> = rows.and_then(Iterator::collect).map_err(sqlite)?;
        let Some((next, _)) = rows.last() else { return Ok(()) };
        last = *next;
        for (n, text) in &rows {
            let document = read_back(text)?;
            let value = bucket.unique_key.as_ref().and_then(|key| key_value(key, &document));
            update.execute((value, n)).map_err(sqlite)?;
        }
    }
}

/// A document that the store wrote itself.
pub(super) fn read_back(text: &str) -> Result<Document, Error> {
    let broken = |error| Diagnostic::error(Code::Database, format!("the store holds a document that is none: {error}"));
    Document::read(text.as_bytes()).map_err(|error| broken(error).into())
}
