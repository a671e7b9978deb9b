//! The catalog of one namespace: its buckets and collections, and which feeds which.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::catalog_file::{CatalogFile, SourceFile};
use super::graph::Graph;
use crate::error::{Code, Diagnostic, Error, excerpt};
use crate::filter::Filter;
use crate::path::Path;

/// A bucket: it holds objects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// `bkt_…`; unique in its namespace.
    pub bucket_id: String,
    /// Unique among the buckets of its namespace. Left out in a file, it is the id.
    #[serde(default)]
    pub name: String,
    /// What tells its objects apart for those who process them: with it, processing an object again overwrites the
    /// documents of the last time; without it, it makes new ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_key: Option<UniqueKey>,
}

/// The fields whose values tell the objects of a bucket apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UniqueKey {
    /// At least one.
    pub fields: Vec<Path>,
}

/// A collection: documents that are made of the objects of buckets, or of the documents of other collections.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Collection {
    /// `col_…`; unique in its namespace.
    pub collection_id: String,
    /// Unique among the collections of its namespace. Left out in a file, it is the id.
    pub name: String,
    /// Whether it is processed. Left out in a file, it is.
    pub enabled: bool,
    /// What it is made of.
    pub source: CollectionSource,
    /// Which of that; `None`: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_filters: Option<Filter>,
}

/// What a collection is made of, by ids or names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "SourceFile", into = "SourceFile")]
pub enum CollectionSource {
    /// The objects of buckets.
    Buckets(Vec<String>),
    /// The documents of collections.
    Collections(Vec<String>),
}

/// Of what kind the sources of a collection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// Buckets: what is counted are objects.
    Bucket,
    /// Collections: what is counted are documents.
    Collection,
}

impl SourceKind {
    /// `bucket` or `collection`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SourceKind::Bucket => "bucket",
            SourceKind::Collection => "collection",
        }
    }

    /// What its members are: `objects` or `documents`.
    #[must_use]
    pub fn members(self) -> &'static str {
        match self {
            SourceKind::Bucket => "objects",
            SourceKind::Collection => "documents",
        }
    }
}

impl CollectionSource {
    /// Of what kind they are.
    #[must_use]
    pub fn kind(&self) -> SourceKind {
        match self {
            CollectionSource::Buckets(_) => SourceKind::Bucket,
            CollectionSource::Collections(_) => SourceKind::Collection,
        }
    }

    fn named(&self) -> &[String] {
        match self {
            CollectionSource::Buckets(named) | CollectionSource::Collections(named) => named,
        }
    }
}

/// The buckets and collections of a namespace, each found by its id or name; ids win.
#[derive(Clone, Debug)]
pub struct Catalog {
    namespace_id: String,
    revision: u64,
    file: CatalogFile,
    bucket_names: Names,
    collection_names: Names,
    /// The sources of each collection by their index: buckets or collections, each once, in the order of the file.
    sources: Vec<Vec<u32>>,
    graph: Graph,
}

/// Where each id and each name stands.
#[derive(Clone, Debug, Default)]
struct Names {
    ids: HashMap<String, u32>,
    names: HashMap<String, u32>,
}

impl Names {
    fn new<'n>(what: &str, all: impl Iterator<Item = (&'n str, &'n str)>) -> Result<Names, Error> {
        let mut names = Names::default();
        for (at, (id, name)) in all.enumerate() {
            let twice = |kind: &str, word: &str| {
                let message = format!("two {what}s have the {kind} `{}`", excerpt(word));
                Error::from(Diagnostic::error(Code::AmbiguousName, message))
            };
            if names.ids.insert(id.to_owned(), at as u32).is_some() {
                return Err(twice("id", id));
            }
            if names.names.insert(name.to_owned(), at as u32).is_some() {
                return Err(twice("name", name));
            }
        }
        Ok(names)
    }

    fn find(&self, named: &str) -> Option<u32> {
        self.ids.get(named).or_else(|| self.names.get(named)).copied()
    }
}

fn not_found(file: &CatalogFile, kind: SourceKind, named: &str) -> Diagnostic {
    // Beyond so many, whoever misspelled a name waits too long for a proposal.
    const MOST: usize = 10_000;
    let what = kind.as_str();
    let diagnostic = Diagnostic::error(Code::NotFound, format!("there is no {what} `{}`", excerpt(named)));
    match kind {
        SourceKind::Bucket => {
            let all = file.buckets.iter().take(MOST).flat_map(|bucket| [&*bucket.name, &*bucket.bucket_id]);
            diagnostic.near(named, all)
        }
        SourceKind::Collection => {
            let all = file.collections.iter().take(MOST);
            diagnostic.near(named, all.flat_map(|collection| [&*collection.name, &*collection.collection_id]))
        }
    }
}

/// The sources of a collection, each once.
fn sources_of(file: &CatalogFile, collection: &Collection, names: &Names) -> Result<Vec<u32>, Error> {
    let mut seen = HashSet::new();
    let mut found = Vec::with_capacity(collection.source.named().len());
    for named in collection.source.named() {
        let source = names.find(named).ok_or_else(|| {
            let mut diagnostic = not_found(file, collection.source.kind(), named);
            diagnostic.message += &format!(", a source of the collection `{}`", excerpt(&collection.name));
            diagnostic
        })?;
        if seen.insert(source) {
            found.push(source);
        }
    }
    Ok(found)
}

impl Catalog {
    /// The catalog of a namespace, at a revision that whoever keeps it raises with each change.
    ///
    /// Cost: linear in the file.
    ///
    /// # Errors
    /// `ambiguous_name` for an id or name that stands twice among buckets, or among collections; `not_found` for a source
    /// that is not there; `missing_value` for a unique key without fields.
    pub fn new(namespace_id: impl Into<String>, revision: u64, file: CatalogFile) -> Result<Catalog, Error> {
        let buckets = file.buckets.iter().map(|bucket| (&*bucket.bucket_id, &*bucket.name));
        let collections = file.collections.iter().map(|collection| (&*collection.collection_id, &*collection.name));
        let (bucket_names, collection_names) = (Names::new("bucket", buckets)?, Names::new("collection", collections)?);
        for bucket in &file.buckets {
            if bucket.unique_key.as_ref().is_some_and(|key| key.fields.is_empty()) {
                let message = format!("the unique key of the bucket `{}` has no fields", excerpt(&bucket.name));
                return Err(Diagnostic::error(Code::MissingValue, message).into());
            }
        }
        let mut sources = Vec::with_capacity(file.collections.len());
        let mut edges = Vec::new();
        for (at, collection) in file.collections.iter().enumerate() {
            let names = match collection.source.kind() {
                SourceKind::Bucket => &bucket_names,
                SourceKind::Collection => &collection_names,
            };
            let found = sources_of(&file, collection, names)?;
            if collection.source.kind() == SourceKind::Collection {
                edges.extend(found.iter().map(|source| (*source, at as u32)));
            }
            sources.push(found);
        }
        let graph = Graph::new(file.collections.len(), &edges);
        Ok(Catalog {
            namespace_id: namespace_id.into(),
            revision,
            file,
            bucket_names,
            collection_names,
            sources,
            graph,
        })
    }

    /// The id of the namespace.
    #[must_use]
    pub fn namespace_id(&self) -> &str {
        &self.namespace_id
    }

    /// The revision, raised by each change.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The buckets.
    #[must_use]
    pub fn buckets(&self) -> &[Bucket] {
        &self.file.buckets
    }

    /// The collections.
    #[must_use]
    pub fn collections(&self) -> &[Collection] {
        &self.file.collections
    }

    /// The bucket of this id or name.
    ///
    /// # Errors
    /// `not_found`, with the nearest ids and names.
    pub fn bucket(&self, named: &str) -> Result<&Bucket, Error> {
        match self.find(SourceKind::Bucket, named) {
            Some(found) => Ok(&self.file.buckets[found as usize]),
            None => Err(self.not_found(SourceKind::Bucket, named).into()),
        }
    }

    /// The collection of this id or name.
    ///
    /// # Errors
    /// `not_found`, with the nearest ids and names.
    pub fn collection(&self, named: &str) -> Result<&Collection, Error> {
        match self.find(SourceKind::Collection, named) {
            Some(found) => Ok(&self.file.collections[found as usize]),
            None => Err(self.not_found(SourceKind::Collection, named).into()),
        }
    }

    /// This catalog with what a file has: what has the id of something that is there takes its place, the rest is added.
    /// At the next revision.
    ///
    /// # Errors
    /// Those of [`Catalog::new`].
    pub fn with(&self, file: CatalogFile) -> Result<Catalog, Error> {
        // Within the file, an id must not stand twice: the second would silently take the place of the first.
        Names::new("bucket", file.buckets.iter().map(|bucket| (&*bucket.bucket_id, &*bucket.name)))?;
        let collections = file.collections.iter().map(|collection| (&*collection.collection_id, &*collection.name));
        Names::new("collection", collections)?;
        let mut merged = self.file.clone();
        for bucket in file.buckets {
            match self.bucket_names.ids.get(&bucket.bucket_id) {
                Some(at) => merged.buckets[*at as usize] = bucket,
                None => merged.buckets.push(bucket),
            }
        }
        for collection in file.collections {
            match self.collection_names.ids.get(&collection.collection_id) {
                Some(at) => merged.collections[*at as usize] = collection,
                None => merged.collections.push(collection),
            }
        }
        Catalog::new(self.namespace_id.clone(), self.revision + 1, merged)
    }

    pub(super) fn find(&self, kind: SourceKind, named: &str) -> Option<u32> {
        self.names(kind).find(named)
    }

    /// That there is nothing of this id or name, with the nearest there are. Cost: linear in the names, up to a bound.
    pub(super) fn not_found(&self, kind: SourceKind, named: &str) -> Diagnostic {
        not_found(&self.file, kind, named)
    }

    fn names(&self, kind: SourceKind) -> &Names {
        match kind {
            SourceKind::Bucket => &self.bucket_names,
            SourceKind::Collection => &self.collection_names,
        }
    }

    /// The bucket of an id alone.
    #[cfg(feature = "store")]
    pub(crate) fn bucket_of_id(&self, bucket_id: &str) -> Option<&Bucket> {
        self.bucket_names.ids.get(bucket_id).map(|at| &self.file.buckets[*at as usize])
    }

    pub(super) fn sources_of(&self, collection: u32) -> &[u32] {
        &self.sources[collection as usize]
    }

    pub(super) fn graph(&self) -> &Graph {
        &self.graph
    }
}
