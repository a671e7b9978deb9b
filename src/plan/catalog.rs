//! The catalog of one namespace: its buckets and collections, and which feeds which.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::catalog_file::{CatalogFile, SourceFile};
use super::graph::Graph;
use crate::error::{Code, Diagnostic, Error, Place, excerpt};
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
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
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

    /// What a member is: `object` or `document`.
    #[must_use]
    pub fn member(self) -> &'static str {
        match self {
            SourceKind::Bucket => "object",
            SourceKind::Collection => "document",
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

/// Where the buckets and collections of a catalog stand in the file that they came from.
#[derive(Debug, Default)]
struct Places {
    /// The index in the file of each bucket and each collection of the catalog that is not where it is in the file; `None`: it
    /// was there before. Those that are not in here are where they are in the catalog.
    moved: HashMap<(SourceKind, u32), Option<u32>>,
}

impl Places {
    /// The place of a member; `None` for what is not in the file, of which a mistake has no place there.
    fn of(&self, kind: SourceKind, at: u32, member: &str) -> Option<Place> {
        let at = self.moved.get(&(kind, at)).copied().unwrap_or(Some(at))?;
        Some(Place { pointer: Some(format!("/{}s/{at}/{member}", kind.as_str())), span: None })
    }
}

impl Names {
    fn new<'n>(
        kind: SourceKind,
        all: impl Iterator<Item = (&'n str, &'n str)>,
        places: &Places,
    ) -> Result<Names, Error> {
        let mut names = Names::default();
        for (at, (id, name)) in (0..).zip(all) {
            let twice = |what: &str, member: &str, word: &str, first: u32| {
                let message = format!("two {}s have the {what} `{}`", kind.as_str(), excerpt(word));
                let place = [at, first].into_iter().find_map(|at| places.of(kind, at, member)).unwrap_or_default();
                Error::from(Diagnostic::error(Code::AmbiguousName, message).at(place))
            };
            if let Some(first) = names.ids.insert(id.to_owned(), at) {
                return Err(twice("id", &format!("{}_id", kind.as_str()), id, first));
            }
            if let Some(first) = names.names.insert(name.to_owned(), at) {
                return Err(twice("name", "name", name, first));
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
fn sources_of(
    file: &CatalogFile,
    collection: &Collection,
    names: &Names,
    place: impl FnOnce() -> Place,
) -> Result<Vec<u32>, Error> {
    let mut seen = HashSet::new();
    let mut found = Vec::with_capacity(collection.source.named().len());
    for named in collection.source.named() {
        let Some(source) = names.find(named) else {
            let mut diagnostic = not_found(file, collection.source.kind(), named);
            diagnostic.message += &format!(", a source of the collection `{}`", excerpt(&collection.name));
            return Err(diagnostic.at(place()).into());
        };
        if seen.insert(source) {
            found.push(source);
        }
    }
    Ok(found)
}

/// The names of the buckets and of the collections.
fn file_names(file: &CatalogFile, places: &Places) -> Result<(Names, Names), Error> {
    let buckets = file.buckets.iter().map(|bucket| (&*bucket.bucket_id, &*bucket.name));
    let collections = file.collections.iter().map(|collection| (&*collection.collection_id, &*collection.name));
    Ok((Names::new(SourceKind::Bucket, buckets, places)?, Names::new(SourceKind::Collection, collections, places)?))
}

/// Puts something in the place of what is there, or at the end. Gives where.
fn put<T>(all: &mut Vec<T>, there: Option<&u32>, new: T) -> u32 {
    match there {
        Some(at) => {
            all[*at as usize] = new;
            *at
        }
        None => {
            all.push(new);
            all.len() as u32 - 1
        }
    }
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
        Catalog::from_parts(namespace_id.into(), revision, file, &Places::default())
    }

    fn from_parts(namespace_id: String, revision: u64, file: CatalogFile, places: &Places) -> Result<Catalog, Error> {
        let (bucket_names, collection_names) = file_names(&file, places)?;
        for (at, bucket) in (0..).zip(&file.buckets) {
            if bucket.unique_key.as_ref().is_some_and(|key| key.fields.is_empty()) {
                let message = format!("the unique key of the bucket `{}` has no fields", excerpt(&bucket.name));
                let place = places.of(SourceKind::Bucket, at, "unique_key/fields").unwrap_or_default();
                return Err(Diagnostic::error(Code::MissingValue, message).at(place).into());
            }
        }
        let mut sources = Vec::with_capacity(file.collections.len());
        let mut edges = Vec::new();
        for (at, collection) in (0..).zip(&file.collections) {
            let names = match collection.source.kind() {
                SourceKind::Bucket => &bucket_names,
                SourceKind::Collection => &collection_names,
            };
            let place = || places.of(SourceKind::Collection, at, "source").unwrap_or_default();
            let found = sources_of(&file, collection, names, place)?;
            if collection.source.kind() == SourceKind::Collection {
                edges.extend(found.iter().map(|source| (*source, at)));
            }
            sources.push(found);
        }
        let graph = Graph::new(file.collections.len(), &edges);
        Ok(Catalog { namespace_id, revision, file, bucket_names, collection_names, sources, graph })
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
        file_names(&file, &Places::default())?;
        let mut merged = self.file.clone();
        let mut places = Places::default();
        // What was there before is not in the file, unless it is replaced below.
        let before = |kind, count: usize| (0..count as u32).map(move |at| ((kind, at), None));
        places.moved.extend(before(SourceKind::Bucket, merged.buckets.len()));
        places.moved.extend(before(SourceKind::Collection, merged.collections.len()));
        for (in_file, bucket) in (0..).zip(file.buckets) {
            let at = put(&mut merged.buckets, self.bucket_names.ids.get(&bucket.bucket_id), bucket);
            places.moved.insert((SourceKind::Bucket, at), Some(in_file));
        }
        for (in_file, collection) in (0..).zip(file.collections) {
            let at = put(&mut merged.collections, self.collection_names.ids.get(&collection.collection_id), collection);
            places.moved.insert((SourceKind::Collection, at), Some(in_file));
        }
        Catalog::from_parts(self.namespace_id.clone(), self.revision + 1, merged, &places)
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

    /// The ids of the sources of a collection, by its index.
    #[cfg(feature = "server")]
    pub(crate) fn source_ids(&self, collection: usize) -> Vec<&str> {
        let id = |at: &u32| match self.file.collections[collection].source.kind() {
            SourceKind::Bucket => &*self.file.buckets[*at as usize].bucket_id,
            SourceKind::Collection => &*self.file.collections[*at as usize].collection_id,
        };
        self.sources[collection].iter().map(id).collect()
    }

    pub(super) fn sources_of(&self, collection: u32) -> &[u32] {
        &self.sources[collection as usize]
    }

    pub(super) fn graph(&self) -> &Graph {
        &self.graph
    }
}
