//! From a request to what it would do. No I/O: what has to be counted is asked as questions, and the answers make the plan.

use std::collections::HashSet;

use super::catalog::{Catalog, Collection, SourceKind};
use super::question::{Answers, Count, Counted, Overwrites, Question, Source, SourceRef};
use super::request::TriggerRequest;
use super::tiers::{LeftOut, MOST_NAMED, Reach, Reached, reach};
use super::trigger_plan::{
    FilterParts, PlannedCollection, PlannedSource, Revisions, Skipped, Tier, TriggerPlan, Warning,
};
use crate::error::{Code, Diagnostic, Diagnostics, Error, Place, excerpt};
use crate::filter::Filter;
use crate::predicate::{Predicate, Verdict};
use crate::schema::Schema;

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
    expect_kind(kind, request, &mut mistakes);
    let configured = catalog.sources_of(collection);
    let (member, included) = match kind {
        SourceKind::Bucket => ("include_buckets", &request.include_buckets),
        SourceKind::Collection => ("include_collections", &request.include_collections),
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
            Some(_) => not_a_source(catalog, kind, named, configured),
        };
        mistakes.push(mistake.at(pointer(format!("/{member}/{at}"))));
    }
    if let Some(error) = mistakes.into_error() {
        return Err(error);
    }
    let is_wanted = |source: &&u32| included.is_none() || wanted.contains(*source);
    Ok(configured.iter().filter(is_wanted).map(|at| source(catalog, kind, *at)).collect())
}

/// Refuses members that are about sources of the other kind.
fn expect_kind(kind: SourceKind, request: &TriggerRequest, mistakes: &mut Diagnostics) {
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
}

fn not_a_source(catalog: &Catalog, kind: SourceKind, named: &str, configured: &[u32]) -> Diagnostic {
    let message = format!("the {} `{}` is no source of this collection", kind.as_str(), excerpt(named));
    let mut diagnostic = Diagnostic::error(Code::NotASource, message);
    diagnostic.expected =
        configured.iter().take(MOST_EXPECTED).map(|at| source(catalog, kind, *at).id().to_owned()).collect();
    if configured.is_empty() {
        return diagnostic.hint("it has no sources");
    }
    // A name that is another's id would be read as that.
    let name = |at: &u32| {
        let source = source(catalog, kind, *at);
        let is_found_by_name = catalog.find(kind, source.name()) == Some(*at);
        format!("`{}`", excerpt(if is_found_by_name { source.name() } else { source.id() }))
    };
    let mut names = configured.iter().take(MOST_HINTED).map(name).collect::<Vec<_>>().join(", ");
    if configured.len() > MOST_HINTED {
        names += &format!(" and {} more", configured.len() - MOST_HINTED);
    }
    diagnostic.hint(format!("its sources: {names}"))
}

/// Of the sources of a collection, so many are listed as what could have stood there, and so many in the hint: there may be
/// thousands, and a mistake for each name of a request.
const MOST_EXPECTED: usize = 100;
const MOST_HINTED: usize = 10;

fn source(catalog: &Catalog, kind: SourceKind, at: u32) -> SourceRef<'_> {
    match kind {
        SourceKind::Bucket => SourceRef::Bucket(&catalog.buckets()[at as usize]),
        SourceKind::Collection => SourceRef::Collection(&catalog.collections()[at as usize]),
    }
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

    /// What has to be asked of where the data is: of each source its count, and of a bucket what would be met.
    pub fn questions(&self) -> impl Iterator<Item = Question<'_>> {
        let (predicate, target) = (&self.predicate, self.collection);
        self.sources.iter().flat_map(move |source| {
            let overwrites = match source {
                SourceRef::Bucket(bucket) => Some(Question::Overwrites { bucket, predicate, target }),
                SourceRef::Collection(_) => None,
            };
            std::iter::once(Question::Count { source: *source, predicate }).chain(overwrites)
        })
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
        let tiers = self.tiers();
        TriggerPlan {
            namespace_id: self.catalog.namespace_id().to_owned(),
            collection_id: self.collection.collection_id.clone(),
            source: kind,
            sources,
            total,
            total_tiers: tiers.len(),
            tiers,
            skipped: self.reach.skipped.iter().map(|left_out| skipped(self.catalog, left_out)).collect(),
            fingerprint: self.predicate.fingerprint(),
            warnings,
            revisions: self.revisions(&answers),
            filter: self.filter,
            filter_parts: self.parts,
            request: self.request,
            explain: answers.explain,
        }
    }

    fn tiers(&self) -> Vec<Tier> {
        let collections = self.catalog.collections();
        let id = |at: u32| collections[at as usize].collection_id.clone();
        let mut is_processed = vec![false; collections.len()];
        self.reach.steps.iter().flatten().for_each(|reached| is_processed[reached.collection as usize] = true);
        let planned = |reached: &Reached| {
            let at = reached.collection;
            let from = self.catalog.graph().upstream().of(at).iter().filter(|source| is_processed[**source as usize]);
            PlannedCollection {
                id: id(at),
                name: collections[at as usize].name.clone(),
                tier: reached.tier as usize,
                from: from.map(|source| id(*source)).collect(),
            }
        };
        let steps = self.reach.steps.iter().enumerate();
        steps.map(|(step, reached)| Tier { step, collections: reached.iter().map(planned).collect() }).collect()
    }

    fn revisions(&self, answers: &Answers) -> Revisions {
        let of_source = |source: &SourceRef<'_>| {
            let revision = answers.counts.get(source.id())?.revision?;
            Some((source.id().to_owned(), revision))
        };
        Revisions {
            catalog: self.catalog.revision(),
            sources: self.sources.iter().filter_map(of_source).collect(),
            target: answers.target_revision,
        }
    }
}

/// A collection that is left out, with the reason.
fn skipped(catalog: &Catalog, left_out: &LeftOut) -> Skipped {
    let collection = |at: u32| &catalog.collections()[at as usize];
    let id = collection(left_out.collection).collection_id.clone();
    if left_out.disabled == [left_out.collection] {
        return Skipped { id, reason: "it is disabled".to_owned() };
    }
    let shown = left_out.disabled.iter().take(MOST_NAMED);
    let names = shown.map(|at| format!("`{}`", excerpt(&collection(*at).name))).collect::<Vec<_>>().join(", ");
    let more = if left_out.disabled.len() > MOST_NAMED { " and more" } else { "" };
    let are = if left_out.disabled.len() == 1 { "is" } else { "are" };
    Skipped { id, reason: format!("only reached through {names}{more}, which {are} disabled") }
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
    let (would_overwrite, would_duplicate) = match answers.overwrites.get(source.id()) {
        Some(Overwrites::Overwritten(n)) => (Some(*n), None),
        Some(Overwrites::Duplicated(n)) => (None, Some(*n)),
        None => (None, None),
    };
    if let (SourceRef::Bucket(_), None) = (source, &unique_key) {
        warnings.push(may_duplicate(source.name(), would_duplicate));
    }
    let (id, name) = (source.id().to_owned(), source.name().to_owned());
    PlannedSource { id, name, count, reason, unique_key, would_overwrite, would_duplicate }
}

fn may_duplicate(bucket: &str, would_duplicate: Option<u64>) -> Warning {
    let what = match would_duplicate {
        Some(0) => "new documents are created; processing the same objects once more would duplicate them".to_owned(),
        Some(n) => format!("new documents are created, duplicates for {n} objects that have some already"),
        None => "new documents are created, which may be duplicates".to_owned(),
    };
    let how = "configure `unique_key` on the bucket to make this idempotent";
    Warning::new("may_duplicate", format!("`{bucket}` has no unique key: {what}; {how}"))
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
    let (predicate, target) = (resolved.predicate(), resolved.collection());
    let mut buckets = Vec::new();
    for &source in resolved.sources() {
        match source {
            SourceRef::Bucket(bucket) => buckets.push(bucket),
            SourceRef::Collection(_) => {
                answers.count(source.id(), store.count(source, predicate).unwrap_or_else(Counted::failed));
            }
        }
    }
    let of_buckets = store.counts_and_overwrites(&buckets, predicate, target);
    for (bucket, (counted, overwrites)) in buckets.iter().zip(of_buckets) {
        answers.count(&bucket.bucket_id, counted.unwrap_or_else(Counted::failed));
        match overwrites {
            Ok(Some((overwrites, revision))) => answers.overwrites(&bucket.bucket_id, overwrites, revision),
            Ok(None) => {}
            Err(error) => failed.push(format!("`{}`: what would be overwritten is not known: {error}", bucket.name)),
        }
    }
    answers.explain = store.explain(resolved.predicate());
    let mut plan = resolved.with_answers(answers);
    plan.warnings.extend(failed.into_iter().map(|message| Warning::new("overwrites_unknown", message)));
    Ok(plan)
}
