//! The plan: plain data, as it is printed and saved.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::catalog::{Catalog, SourceKind};
use super::question::Count;
use super::request::TriggerRequest;
use crate::error::{Code, Diagnostic, Error, Place, excerpt};
use crate::explain::Explain;
use crate::file::{self, span_of};
use crate::filter::Filter;
use crate::limits::{Limit, Limits};
use crate::parse::Parser;

/// The filter of a plan, by where each part comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct FilterParts {
    /// The collection's own.
    pub collection: Option<Filter>,
    /// What `object_ids` stands for (O1).
    pub object_ids: Option<Filter>,
    /// The request's.
    pub source_filters: Option<Filter>,
}

/// What a request would do. Serialises to what the command line prints with `--format json`; [read back](Self::from_json), it
/// can be triggered as long as nothing has changed that it rests on.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
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
    pub filter: Option<Filter>,
    /// The same by where it comes from.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<Explain>,
}

/// A plan as it is printed.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema), schemars(rename = "Plan", deny_unknown_fields))]
pub(crate) struct PlanDocument<'p> {
    #[cfg_attr(feature = "server", schemars(extend("const" = FORMAT_VERSION)))]
    format_version: u32,
    #[serde(flatten)]
    plan: &'p TriggerPlan,
}

/// A source, and what was counted there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PlannedSource {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How many of its members match.
    #[serde(deserialize_with = "file::object")]
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
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Tier {
    /// The longest distance from the collection that is triggered.
    pub step: usize,
    /// The collections.
    #[serde(deserialize_with = "file::objects")]
    pub collections: Vec<PlannedCollection>,
}

/// A collection that is processed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Warning {
    /// `no_sources`, `never`, `nothing_selected`, `not_counted`, `overwrites_unknown` or `may_duplicate`.
    pub code: String,
    /// For people.
    pub message: String,
}

impl Warning {
    pub(super) fn new(code: &str, message: String) -> Warning {
        Warning { code: code.to_owned(), message }
    }
}

/// The revisions of what a plan rests on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Revisions {
    /// Of the catalog.
    pub catalog: u64,
    /// Of each source that was counted, by its id.
    #[serde(deserialize_with = "file::unique_keys")]
    pub sources: BTreeMap<String, u64>,
    /// Of the collection that is triggered, if what is there was looked at.
    pub target: Option<u64>,
}

impl TriggerPlan {
    /// The plan as a document: what it serialises to, and `format_version`.
    #[must_use]
    pub fn to_json(&self) -> impl Serialize + '_ {
        PlanDocument { format_version: FORMAT_VERSION, plan: self }
    }

    /// Reads a plan that was saved. The filters that follow from the request are not read back.
    ///
    /// # Errors
    /// Each with its place. `unsupported` for another version of the form; `syntax`, `unknown_key`, `missing_value` or
    /// `duplicate_key` for what is no plan; those of a request.
    pub fn from_json(text: &str) -> Result<TriggerPlan, Error> {
        // What was accepted once is only read again; regular expressions are compiled again.
        let own = [Limit::Regex, Limit::Errors];
        let limits =
            own.into_iter().fold(Limits::none(), |limits, limit| limits.with(limit, Limits::default().get(limit)));
        TriggerPlan::from_json_with(&Parser::new().limits(limits), text)
    }

    /// The same for a plan that somebody else kept meanwhile: its request is read under a parser's limits.
    ///
    /// # Errors
    /// Those of [`from_json`](Self::from_json).
    pub fn from_json_with(parser: &Parser, text: &str) -> Result<TriggerPlan, Error> {
        // The version first: another form may have other members.
        let Version { format_version } = file::read(text)?;
        let version: u32 = serde_json::from_str(format_version.get()).map_err(|_| no_version(text, format_version))?;
        if version != FORMAT_VERSION {
            let message = format!("a plan of the form {version}, and this reads the form {FORMAT_VERSION}");
            return Err(Diagnostic::error(Code::Unsupported, message).at(version_place(text, format_version)).into());
        }
        let plan: PlanFile<'_> = file::read(text)?;
        let request = TriggerRequest::from_json_with(parser, plan.request.get());
        let request = request.map_err(|error| error.below("/request").after(span_of(text, plan.request).start))?;
        Ok(TriggerPlan {
            namespace_id: plan.namespace_id,
            collection_id: plan.collection_id,
            source: plan.source,
            sources: plan.sources,
            total: plan.total,
            total_tiers: plan.total_tiers,
            tiers: plan.tiers,
            skipped: plan.skipped,
            filter: None,
            filter_parts: FilterParts::default(),
            fingerprint: plan.fingerprint,
            warnings: plan.warnings,
            request,
            revisions: plan.revisions,
            explain: None,
        })
    }
}

impl TriggerPlan {
    /// Whether this is a plan of the collection of an id or name in a catalog.
    ///
    /// # Errors
    /// `usage` if it is one of another; `not_found`. That it is stale is told where it is triggered.
    pub fn expect_of(&self, collection: &str, catalog: &Catalog) -> Result<(), Error> {
        let TriggerPlan { namespace_id, collection_id, revisions, .. } = self;
        if namespace_id == catalog.namespace_id() {
            // A name may be another's by now.
            if revisions.catalog != catalog.revision()
                || *collection_id == catalog.collection(collection)?.collection_id
            {
                return Ok(());
            }
        }
        let (id, namespace) = (excerpt(collection_id), excerpt(namespace_id));
        let message = format!("the plan is one of `{id}` in `{namespace}`, not of `{}`", excerpt(collection));
        Err(Diagnostic::error(Code::Usage, message).into())
    }
}

const FORMAT_VERSION: u32 = 1;

/// Of a file of any version.
#[derive(Deserialize)]
struct Version<'t> {
    #[serde(borrow)]
    format_version: &'t RawValue,
}

fn version_place(text: &str, version: &RawValue) -> Place {
    Place { pointer: Some("/format_version".to_owned()), span: Some(span_of(text, version)) }
}

fn no_version(text: &str, version: &RawValue) -> Diagnostic {
    Diagnostic::error(Code::Syntax, "`format_version` is no version").at(version_place(text, version))
}

/// A plan as it is saved, the request as text, so that its mistakes keep their places.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile<'t> {
    #[serde(rename = "format_version")]
    _format_version: IgnoredAny,
    namespace_id: String,
    collection_id: String,
    source: SourceKind,
    #[serde(deserialize_with = "file::objects")]
    sources: Vec<PlannedSource>,
    #[serde(deserialize_with = "file::object")]
    total: Count,
    total_tiers: usize,
    #[serde(deserialize_with = "file::objects")]
    tiers: Vec<Tier>,
    #[serde(deserialize_with = "file::objects")]
    skipped: Vec<Skipped>,
    #[serde(default, rename = "filter")]
    _filter: IgnoredAny,
    #[serde(default, rename = "filter_parts")]
    _filter_parts: IgnoredAny,
    fingerprint: String,
    #[serde(deserialize_with = "file::objects")]
    warnings: Vec<Warning>,
    #[serde(borrow)]
    request: &'t RawValue,
    #[serde(deserialize_with = "file::object")]
    revisions: Revisions,
    #[serde(default, rename = "explain")]
    _explain: IgnoredAny,
}
