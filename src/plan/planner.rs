//! From a request to what it would do. No I/O: what has to be counted is asked as questions, and the answers make the plan.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::catalog::{Bucket, Catalog, Collection, SourceKind};
use super::request::TriggerRequest;
use super::tiers::{Reach, reach};
use crate::document::Document;
use crate::error::{Code, Diagnostic, Diagnostics, Error, Place, excerpt};
use crate::explain::Explain;
use crate::filter::Filter;
use crate::limits::{Limit, Limits};
use crate::parse::Parser;
use crate::predicate::{Predicate, Verdict};
use crate::schema::Schema;

/// How many there are, and how well that is known: the cardinality of what matches.
///
/// The sum of several is exact if all are; at most their sum if some are "at most" and none "at least"; else at least the
/// sum of those that are exact or "at least".
///
/// ```
/// use trommel::plan::Count;
///
/// let sum = |counts: &[Count]| counts.iter().copied().sum::<Count>();
/// assert_eq!(sum(&[Count::Exact(2), Count::Exact(3)]), Count::Exact(5));
/// assert_eq!(sum(&[Count::Exact(2), Count::AtMost(3)]), Count::AtMost(5));
/// assert_eq!(sum(&[Count::Exact(2), Count::AtMost(3), Count::AtLeast(4)]), Count::AtLeast(6));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "n", rename_all = "snake_case")]
pub enum Count {
    /// So many.
    Exact(u64),
    /// So many or fewer.
    AtMost(u64),
    /// So many or more.
    AtLeast(u64),
}

impl Count {
    /// The number, whatever it bounds.
    #[must_use]
    pub fn n(self) -> u64 {
        match self {
            Count::Exact(n) | Count::AtMost(n) | Count::AtLeast(n) => n,
        }
    }
}

impl std::iter::Sum for Count {
    fn sum<I: Iterator<Item = Count>>(counts: I) -> Count {
        let (mut known, mut most) = (0_u64, 0_u64);
        let (mut has_most, mut has_least) = (false, false);
        for count in counts {
            match count {
                Count::Exact(n) => known = known.saturating_add(n),
                Count::AtMost(n) => {
                    most = most.saturating_add(n);
                    has_most = true;
                }
                Count::AtLeast(n) => {
                    known = known.saturating_add(n);
                    has_least = true;
                }
            }
        }
        match (has_least, has_most) {
            (true, _) => Count::AtLeast(known),
            (false, true) => Count::AtMost(known.saturating_add(most)),
            (false, false) => Count::Exact(known),
        }
    }
}

/// A source of a plan: what is counted in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SourceRef<'c> {
    /// The objects of a bucket.
    Bucket(&'c Bucket),
    /// The documents of a collection.
    Collection(&'c Collection),
}

impl<'c> SourceRef<'c> {
    /// Its id.
    #[must_use]
    pub fn id(self) -> &'c str {
        match self {
            SourceRef::Bucket(bucket) => &bucket.bucket_id,
            SourceRef::Collection(collection) => &collection.collection_id,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'c str {
        match self {
            SourceRef::Bucket(bucket) => &bucket.name,
            SourceRef::Collection(collection) => &collection.name,
        }
    }
}

/// What a plan has to know from where the data is. The answers go into [`Answers`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Question<'q> {
    /// How many members of a source match.
    Count {
        /// Where to count.
        source: SourceRef<'q>,
        /// What.
        predicate: &'q Predicate,
    },
    /// What processing the matching objects of a bucket would meet in the target collection: see [`Overwrites`].
    Overwrites {
        /// The bucket whose objects match; its unique key says what an object's documents are.
        bucket: &'q Bucket,
        /// Which objects.
        predicate: &'q Predicate,
        /// The collection that is triggered.
        target: &'q Collection,
    },
}

/// The answer to a count.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// How many.
    pub count: Count,
    /// Why it is not exact.
    pub reason: Option<String>,
    /// The revision of the source that was read, raised by each change of it.
    pub revision: Option<u64>,
}

impl Counted {
    /// An exact count of a source at a revision.
    #[must_use]
    pub fn exact(n: u64, revision: u64) -> Counted {
        Counted { count: Count::Exact(n), reason: None, revision: Some(revision) }
    }

    /// Nothing is known but that it failed.
    pub fn failed(reason: impl fmt::Display) -> Counted {
        Counted { count: Count::AtLeast(0), reason: Some(format!("it could not be counted: {reason}")), revision: None }
    }
}

/// The answer to what processing would meet. An object's documents are those of the target collection whose
/// `root_object_id` is its id or, in a bucket with a unique key, whose root object in that bucket has equal key values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrites {
    /// The bucket has a unique key: so many documents of matching objects would be overwritten.
    Overwritten(u64),
    /// It has none: so many matching objects have documents already, and would have them twice.
    Duplicated(u64),
}

/// The answers to the questions of a plan, as far as they were given.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    counts: HashMap<String, Counted>,
    overwrites: HashMap<String, Overwrites>,
    target_revision: Option<u64>,
    explain: Option<Explain>,
}

impl Answers {
    /// The count of the source of this id.
    pub fn count(&mut self, source_id: &str, counted: Counted) {
        self.counts.insert(source_id.to_owned(), counted);
    }

    /// What processing the matching objects of the bucket of this id would meet, and the revision of the target collection
    /// that was read.
    pub fn overwrites(&mut self, bucket_id: &str, overwrites: Overwrites, target_revision: u64) {
        self.overwrites.insert(bucket_id.to_owned(), overwrites);
        self.target_revision = Some(target_revision);
    }

    /// What the store asks of its database, and what it rechecks.
    pub fn explain(&mut self, explain: Explain) {
        self.explain = Some(explain);
    }
}

/// A store that answers at once. One that does not is asked by [`Resolved::questions`].
pub trait Source {
    /// Why it did not answer.
    type Error: fmt::Display;

    /// How many members of a source match.
    ///
    /// # Errors
    /// Where the source cannot be counted: the plan names it, and its total says so.
    fn count(&self, source: SourceRef<'_>, predicate: &Predicate) -> Result<Counted, Self::Error>;

    /// What processing the matching objects of a bucket would meet, and the revision of the target that was read; `None`
    /// where that is not known.
    ///
    /// # Errors
    /// Where it cannot be told: the plan has a warning.
    fn overwrites(
        &self,
        bucket: &Bucket,
        predicate: &Predicate,
        target: &Collection,
    ) -> Result<Option<(Overwrites, u64)>, Self::Error> {
        let _ = (bucket, predicate, target);
        Ok(None)
    }

    /// What the store asks of its database, and what it rechecks.
    fn explain(&self, predicate: &Predicate) -> Option<Explain> {
        let _ = predicate;
        None
    }
}

/// A request, resolved against a catalog: everything that can be told without looking at the data.
#[derive(Debug)]
pub struct Resolved<'c> {
    catalog: &'c Catalog,
    request: TriggerRequest,
    collection: &'c Collection,
    sources: Vec<SourceRef<'c>>,
    parts: FilterParts,
    filter: Option<Filter>,
    predicate: Predicate,
    reach: Reach,
}

/// The filter of a plan, by where each part comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilterParts {
    /// The collection's own.
    pub collection: Option<Filter>,
    /// What `object_ids` stands for (O1).
    pub object_ids: Option<Filter>,
    /// The request's.
    pub source_filters: Option<Filter>,
}

/// Resolves a request to process the collection of an id or name: its sources, the filter, what is downstream.
///
/// ```
/// use trommel::plan::{CatalogFile, TriggerRequest, resolve};
///
/// let catalog = CatalogFile::from_json(r#"{
///     "buckets": [{"bucket_id": "bkt_a", "name": "photos"}],
///     "collections": [
///         {"collection_id": "col_a", "name": "frames", "source": {"type": "bucket", "bucket_ids": ["bkt_a"]}},
///         {"collection_id": "col_b", "name": "faces", "source": {"type": "collection", "collection_id": "col_a"}}
///     ]
/// }"#)?.into_catalog("ns_demo")?;
/// let request = TriggerRequest::from_json(r#"{"source_filters": {"status": "pending"}}"#)?;
/// let resolved = resolve("frames", &request, &catalog)?;
/// assert_eq!(resolved.questions().count(), 2); // how many objects, and what processing them would meet
/// let plan = resolved.with_answers(Default::default());
/// assert_eq!(plan.total_tiers, 2);
/// # Ok::<(), trommel::Error>(())
/// ```
///
/// Cost: linear in the request, in what is downstream of the collection, and in what is upstream of that.
///
/// # Errors
/// Every mistake in the sources at once: `not_found` for what is not in the catalog, `not_a_source` for what is no source of
/// this collection, `wrong_source_kind` for members that are about sources of the other kind. Else `unsupported` for a
/// disabled collection, `cycle`, and those of [`Schema::check`].
pub fn resolve<'c>(collection: &str, request: &TriggerRequest, catalog: &'c Catalog) -> Result<Resolved<'c>, Error> {
    let found = catalog.find(SourceKind::Collection, collection);
    let index = found.ok_or_else(|| catalog.not_found(SourceKind::Collection, collection))?;
    let collection = &catalog.collections()[index as usize];
    if !collection.enabled {
        let message = format!("the collection `{}` is disabled", excerpt(&collection.name));
        return Err(Diagnostic::error(Code::Unsupported, message).hint("enable it first").into());
    }
    let sources = sources(catalog, index, request)?;
    let parts = FilterParts {
        collection: collection.source_filters.clone(),
        object_ids: request.ids_filter()?,
        source_filters: request.source_filters.clone(),
    };
    let filter = request.joined(parts.collection.as_ref(), &parts.object_ids)?;
    let predicate = filter.as_ref().map_or_else(|| Ok(Predicate::always()), |filter| Schema::open().check(filter))?;
    let reach = reach(catalog, index).map_err(|diagnostic| *diagnostic)?;
    Ok(Resolved { catalog, request: request.clone(), collection, sources, parts, filter, predicate, reach })
}

/// The sources of a collection, limited by what the request includes.
fn sources<'c>(catalog: &'c Catalog, collection: u32, request: &TriggerRequest) -> Result<Vec<SourceRef<'c>>, Error> {
    let mut mistakes = Diagnostics::new(request.limits());
    let kind = catalog.collections()[collection as usize].source.kind();
    let members = [
        ("include_buckets", SourceKind::Bucket, request.include_buckets.is_some()),
        ("include_collections", SourceKind::Collection, request.include_collections.is_some()),
        ("object_ids", SourceKind::Bucket, request.object_ids.is_some()),
    ];
    for (member, of, is_given) in members {
        if is_given && of != kind {
            let message = format!(
                "`{member}` is for collections made of {}s, and this one is made of {}s",
                of.as_str(),
                kind.as_str()
            );
            mistakes.push(Diagnostic::error(Code::WrongSourceKind, message).at(pointer(format!("/{member}"))));
        }
    }
    let configured = catalog.sources_of(collection);
    let (member, included) = match kind {
        SourceKind::Bucket => ("include_buckets", &request.include_buckets),
        SourceKind::Collection => ("include_collections", &request.include_collections),
    };
    let source = |at: u32| match kind {
        SourceKind::Bucket => SourceRef::Bucket(&catalog.buckets()[at as usize]),
        SourceKind::Collection => SourceRef::Collection(&catalog.collections()[at as usize]),
    };
    let is_configured: HashSet<u32> = configured.iter().copied().collect();
    let mut wanted = HashSet::new();
    for (at, named) in included.iter().flatten().enumerate() {
        let mistake = match catalog.find(kind, named) {
            Some(found) if is_configured.contains(&found) => {
                wanted.insert(found);
                continue;
            }
            // A client may name a million: for what is only counted, no near names are looked for.
            _ if !mistakes.has_room() => Diagnostic::error(Code::NotFound, String::new()),
            None => catalog.not_found(kind, named),
            Some(_) => {
                let message = format!("the {} `{}` is no source of this collection", kind.as_str(), excerpt(named));
                let mut diagnostic = Diagnostic::error(Code::NotASource, message);
                diagnostic.expected = configured.iter().take(100).map(|at| source(*at).id().to_owned()).collect();
                let names: Vec<String> =
                    configured.iter().take(10).map(|at| format!("`{}`", source(*at).name())).collect();
                diagnostic.hint(format!(
                    "its sources: {}",
                    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
                ))
            }
        };
        mistakes.push(mistake.at(pointer(format!("/{member}/{at}"))));
    }
    if let Some(error) = mistakes.into_error() {
        return Err(error);
    }
    let is_wanted = |source: &&u32| included.is_none() || wanted.contains(*source);
    Ok(configured.iter().filter(is_wanted).map(|at| source(*at)).collect())
}

fn pointer(pointer: String) -> Place {
    Place { pointer: Some(pointer), span: None }
}

impl<'c> Resolved<'c> {
    /// The collection that is triggered.
    #[must_use]
    pub fn collection(&self) -> &'c Collection {
        self.collection
    }

    /// The sources, in the order of the catalog.
    #[must_use]
    pub fn sources(&self) -> &[SourceRef<'c>] {
        &self.sources
    }

    /// What a member of a source must satisfy.
    #[must_use]
    pub fn predicate(&self) -> &Predicate {
        &self.predicate
    }

    /// What has to be asked of where the data is: the count of each source, and for each bucket what would be met.
    pub fn questions(&self) -> impl Iterator<Item = Question<'_>> {
        let predicate = &self.predicate;
        let counts = self.sources.iter().map(move |source| Question::Count { source: *source, predicate });
        let overwrites = self.sources.iter().filter_map(move |source| match source {
            SourceRef::Bucket(bucket) => Some(Question::Overwrites { bucket, predicate, target: self.collection }),
            SourceRef::Collection(_) => None,
        });
        counts.chain(overwrites)
    }

    /// The plan. A count without an answer is at least 0, with the reason; other questions without one are left open.
    #[must_use]
    pub fn with_answers(self, answers: Answers) -> TriggerPlan {
        let mut warnings = Vec::new();
        let sources: Vec<PlannedSource> =
            self.sources.iter().map(|source| planned(*source, &answers, &mut warnings)).collect();
        let total: Count = sources.iter().map(|source| source.count).sum();
        let kind = self.collection.source.kind();
        if sources.is_empty() {
            warnings.push(Warning::new("no_sources", "no source is selected".to_owned()));
        } else if self.predicate.verdict() == Verdict::Never {
            warnings.push(Warning::new("never", format!("the filter matches no {}", kind.members())));
        } else if matches!(total, Count::Exact(0) | Count::AtMost(0)) {
            warnings.push(Warning::new("nothing_selected", format!("no {} match", kind.members())));
        }
        let collections = self.catalog.collections();
        let id = |at: u32| collections[at as usize].collection_id.clone();
        let is_processed: HashSet<u32> = self.reach.steps.iter().flatten().map(|reached| reached.collection).collect();
        let tiers = self.reach.steps.iter().enumerate().map(|(step, reached)| {
            let collections = reached.iter().map(|reached| {
                let at = reached.collection;
                let from = self.catalog.graph().upstream().of(at).iter().filter(|source| is_processed.contains(source));
                PlannedCollection {
                    id: id(at),
                    name: collections[at as usize].name.clone(),
                    tier: reached.tier as usize,
                    from: from.map(|source| id(*source)).collect(),
                }
            });
            Tier { step, collections: collections.collect() }
        });
        let tiers: Vec<Tier> = tiers.collect();
        let skipped = self.reach.skipped.iter().map(|left_out| {
            let id = id(left_out.collection);
            let reason = if left_out.disabled == left_out.collection {
                "it is disabled".to_owned()
            } else {
                format!("only reached through `{}`, which is disabled", collections[left_out.disabled as usize].name)
            };
            Skipped { id, reason }
        });
        let skipped = skipped.collect();
        let mut revisions = Revisions { catalog: self.catalog.revision(), ..Revisions::default() };
        for source in &self.sources {
            let revision = answers.counts.get(source.id()).and_then(|counted| counted.revision);
            revisions.sources.extend(revision.map(|revision| (source.id().to_owned(), revision)));
        }
        revisions.target = answers.target_revision;
        TriggerPlan {
            namespace_id: self.catalog.namespace_id().to_owned(),
            collection_id: self.collection.collection_id.clone(),
            source: kind,
            sources,
            total,
            total_tiers: tiers.len(),
            tiers,
            skipped,
            filter: self.filter,
            filter_parts: self.parts,
            fingerprint: self.predicate.fingerprint(),
            warnings,
            request: self.request,
            revisions,
            explain: answers.explain,
        }
    }
}

/// A source with its answers. What is missing or bad is warned of.
fn planned(source: SourceRef<'_>, answers: &Answers, warnings: &mut Vec<Warning>) -> PlannedSource {
    let unanswered = || Counted::failed("nobody answered");
    let Counted { count, reason, .. } = answers.counts.get(source.id()).cloned().unwrap_or_else(unanswered);
    if let (Count::AtLeast(_), Some(reason)) = (count, &reason) {
        warnings.push(Warning::new("not_counted", format!("`{}`: {reason}", source.name())));
    }
    let unique_key = match source {
        SourceRef::Bucket(bucket) => {
            bucket.unique_key.as_ref().map(|key| key.fields.iter().map(ToString::to_string).collect())
        }
        SourceRef::Collection(_) => None,
    };
    let (mut would_overwrite, mut would_duplicate) = (None, None);
    match answers.overwrites.get(source.id()) {
        Some(Overwrites::Overwritten(n)) => would_overwrite = Some(*n),
        Some(Overwrites::Duplicated(n)) => would_duplicate = Some(*n),
        None => {}
    }
    if let (SourceRef::Bucket(bucket), None) = (source, &unique_key) {
        let name = &bucket.name;
        let what = match would_duplicate {
            Some(0) => {
                "new documents are created; processing the same objects once more would duplicate them".to_owned()
            }
            Some(n) => format!("new documents are created, duplicates for {n} objects that have some already"),
            None => "new documents are created, which may be duplicates".to_owned(),
        };
        let message =
            format!("`{name}` has no unique key: {what}; configure `unique_key` on the bucket to make this idempotent");
        warnings.push(Warning::new("may_duplicate", message));
    }
    let (id, name) = (source.id().to_owned(), source.name().to_owned());
    PlannedSource { id, name, count, reason, unique_key, would_overwrite, would_duplicate }
}

/// Plans a request over a store that answers at once.
///
/// # Errors
/// Those of [`resolve`]. A source that fails is no error: the plan names it.
pub fn plan<S: Source>(
    collection: &str,
    request: &TriggerRequest,
    catalog: &Catalog,
    store: &S,
) -> Result<TriggerPlan, Error> {
    let resolved = resolve(collection, request, catalog)?;
    let mut answers = Answers::default();
    let mut failed = Vec::new();
    for question in resolved.questions() {
        match question {
            Question::Count { source, predicate } => {
                answers.count(source.id(), store.count(source, predicate).unwrap_or_else(Counted::failed));
            }
            Question::Overwrites { bucket, predicate, target } => match store.overwrites(bucket, predicate, target) {
                Ok(Some((overwrites, revision))) => answers.overwrites(&bucket.bucket_id, overwrites, revision),
                Ok(None) => {}
                Err(error) => {
                    failed.push(format!("`{}`: what would be overwritten is not known: {error}", bucket.name))
                }
            },
        }
    }
    answers.explain = store.explain(resolved.predicate());
    let mut plan = resolved.with_answers(answers);
    plan.warnings.extend(failed.into_iter().map(|message| Warning::new("not_counted", message)));
    Ok(plan)
}

/// What a request would do. Serialises to what the command line prints with `--format json`; read back, it can be triggered
/// as long as nothing has changed that it rests on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TriggerPlan {
    /// The namespace.
    pub namespace_id: String,
    /// The collection that is triggered.
    pub collection_id: String,
    /// Of what kind its sources are.
    pub source: SourceKind,
    /// The sources that are selected, each with what was counted there.
    pub sources: Vec<PlannedSource>,
    /// All of them together.
    pub total: Count,
    /// How many steps there are.
    pub total_tiers: usize,
    /// The collections that are processed, step by step.
    pub tiers: Vec<Tier>,
    /// The collections downstream that are left out.
    pub skipped: Vec<Skipped>,
    /// What a member of a source must match; `None`: all do.
    #[serde(default)]
    pub filter: Option<Filter>,
    /// The same by where it comes from.
    #[serde(default)]
    pub filter_parts: FilterParts,
    /// Of what the filter means.
    pub fingerprint: String,
    /// What a person should know before this runs.
    pub warnings: Vec<Warning>,
    /// What was asked for.
    pub request: TriggerRequest,
    /// What was read.
    pub revisions: Revisions,
    /// What the store asks of its database, and what it rechecks. Not read back.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub explain: Option<Explain>,
}

/// A source, and what was counted there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PlannedSource {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How many of its members match.
    pub count: Count,
    /// Why that is not exact.
    pub reason: Option<String>,
    /// Of a bucket: the fields that tell its objects apart.
    pub unique_key: Option<Vec<String>>,
    /// With a unique key: how many documents would be overwritten, as far as that is known.
    pub would_overwrite: Option<u64>,
    /// Of a bucket without one: how many matching objects have documents already, as far as that is known.
    pub would_duplicate: Option<u64>,
}

/// The collections of one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Tier {
    /// The longest distance from the collection that is triggered.
    pub step: usize,
    /// The collections.
    pub collections: Vec<PlannedCollection>,
}

/// A collection that is processed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PlannedCollection {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The longest distance from a collection made of buckets.
    pub tier: usize,
    /// The collections of this plan that feed it, by their ids.
    pub from: Vec<String>,
}

/// A collection downstream that is not processed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Skipped {
    /// Its id.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// Something that a person should know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Warning {
    /// `no_sources`, `never`, `nothing_selected`, `not_counted` or `may_duplicate`.
    pub code: String,
    /// For people.
    pub message: String,
}

impl Warning {
    fn new(code: &str, message: String) -> Warning {
        Warning { code: code.to_owned(), message }
    }
}

/// The revisions of what a plan rests on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revisions {
    /// Of the catalog.
    pub catalog: u64,
    /// Of each source that was counted, by its id.
    pub sources: BTreeMap<String, u64>,
    /// Of the collection that is triggered, if what is there was looked at.
    pub target: Option<u64>,
}

impl TriggerPlan {
    /// The plan as a document: what it serialises to, and `format_version`.
    #[must_use]
    pub fn to_json(&self) -> impl Serialize + '_ {
        #[derive(Serialize)]
        struct Document<'p> {
            format_version: u32,
            #[serde(flatten)]
            plan: &'p TriggerPlan,
        }
        Document { format_version: FORMAT_VERSION, plan: self }
    }

    /// Reads a plan that was saved. The filters that follow from the request are not read back.
    ///
    /// # Errors
    /// `syntax`, `unknown_key` and the like; `unsupported` for another version of the form; those of a request.
    pub fn from_json(text: &str) -> Result<TriggerPlan, Error> {
        let document = Document::read(text.as_bytes());
        let document = document.map_err(|error| Diagnostic::error(Code::Syntax, error.to_string()))?;
        match document.get("format_version").and_then(Json::as_u64) {
            Some(version) if version == u64::from(FORMAT_VERSION) => {}
            Some(version) => {
                let message = format!("a plan of the form {version}, and this reads the form {FORMAT_VERSION}");
                return Err(Diagnostic::error(Code::Unsupported, message).into());
            }
            None => return Err(Diagnostic::error(Code::MissingValue, "a plan has a `format_version`").into()),
        }
        // What was accepted once is only read again; regular expressions are compiled again.
        let own = [Limit::Regex, Limit::Errors];
        let limits =
            own.into_iter().fold(Limits::none(), |limits, limit| limits.with(limit, Limits::default().get(limit)));
        let request = document.get("request").unwrap_or(&Json::Null);
        let request = TriggerRequest::from_value_with(&Parser::new().limits(limits), request);
        let request = request.map_err(|error| error.below("/request"))?;
        let derived = ["format_version", "explain", "filter", "filter_parts", "request"];
        let members = document.as_object().into_iter().flatten().filter(|(key, _)| !derived.contains(&key.as_str()));
        let mut rest: serde_json::Map<String, Json> =
            members.map(|(key, value)| (key.clone(), value.clone())).collect();
        rest.insert("request".to_owned(), Json::Object(serde_json::Map::new()));
        let plan = serde_json::from_value::<TriggerPlan>(rest.into());
        let plan = plan.map_err(|error| crate::schema::file_error(text, &error))?;
        Ok(TriggerPlan { request, ..plan })
    }
}

const FORMAT_VERSION: u32 = 1;
