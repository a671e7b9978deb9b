//! What the API answers: the response to a trigger call, and the envelope of its errors.

use serde::{Deserialize, Serialize};

use super::catalog::SourceKind;
use super::trigger_plan::TriggerPlan;
use crate::error::{Code, Diagnostic, Error};

/// The answer to a trigger call: the API's members and no others. Of the two pairs of sources and count, the one that is not
/// about this collection's sources is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TriggerResponse {
    /// `btch_…`: the batch of what is processed.
    pub batch_id: String,
    /// `task_…`: the task that does it.
    pub task_id: String,
    /// The collection that was triggered.
    pub collection_id: String,
    /// How many steps the batch has.
    pub total_tiers: usize,
    /// The buckets whose objects are processed.
    pub source_bucket_ids: Option<Vec<String>>,
    /// How many objects that are.
    pub object_count: Option<u64>,
    /// The collections whose documents are processed.
    pub source_collection_ids: Option<Vec<String>>,
    /// How many documents that are.
    pub document_count: Option<u64>,
    /// For people.
    pub message: String,
}

impl TriggerResponse {
    /// The response for a plan that was triggered: with how many members its batch has, which is not what the plan counted if
    /// something changed since.
    #[must_use]
    pub fn new(plan: &TriggerPlan, batch_id: String, task_id: String, count: u64) -> TriggerResponse {
        let ids: Vec<String> = plan.sources.iter().map(|source| source.id.clone()).collect();
        let steps = plan.total_tiers;
        let what = match (plan.source, count) {
            (SourceKind::Bucket, 1) => "object",
            (SourceKind::Bucket, _) => "objects",
            (SourceKind::Collection, 1) => "document",
            (SourceKind::Collection, _) => "documents",
        };
        let message = format!("{count} {what} queued for {steps} {}", if steps == 1 { "tier" } else { "tiers" });
        let (mut source_bucket_ids, mut object_count) = (None, None);
        let (mut source_collection_ids, mut document_count) = (None, None);
        match plan.source {
            SourceKind::Bucket => (source_bucket_ids, object_count) = (Some(ids), Some(count)),
            SourceKind::Collection => (source_collection_ids, document_count) = (Some(ids), Some(count)),
        }
        TriggerResponse {
            batch_id,
            task_id,
            collection_id: plan.collection_id.clone(),
            total_tiers: steps,
            source_bucket_ids,
            object_count,
            source_collection_ids,
            document_count,
            message,
        }
    }
}

/// How the API says that a call failed: `{"success":false,"status","error":{"type","message","details"}}`.
///
/// ```
/// use trommel::plan::{ErrorEnvelope, TriggerRequest};
///
/// let error = TriggerRequest::from_json(r#"{"object_id": ["obj_1"]}"#).unwrap_err();
/// let envelope = serde_json::to_value(ErrorEnvelope::new(&error)).unwrap();
/// assert_eq!(envelope["status"], 400);
/// assert_eq!(envelope["error"]["type"], "unknown_key");
/// assert_eq!(envelope["error"]["details"]["diagnostics"][0]["pointer"], "/object_id");
/// ```
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct ErrorEnvelope {
    success: bool,
    status: u16,
    error: ErrorBody,
}

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
struct ErrorBody {
    /// The code of the first mistake, or what is wrong with the call itself.
    #[serde(rename = "type")]
    kind: &'static str,
    message: String,
    details: Details,
}

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
struct Details {
    diagnostics: Vec<Diagnostic>,
    /// How many more there were than the limit on reported errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    omitted: Option<usize>,
}

impl ErrorEnvelope {
    /// The envelope of an error.
    #[must_use]
    pub fn new(error: &Error) -> ErrorEnvelope {
        let diagnostics = error.diagnostics().to_vec();
        let message = diagnostics.first().map_or_else(String::new, |first| first.message.clone());
        let details = Details { diagnostics, omitted: Some(error.omitted()).filter(|omitted| *omitted > 0) };
        let body = ErrorBody { kind: error.code().as_str(), message, details };
        ErrorEnvelope { success: false, status: status(error.code()), error: body }
    }

    /// The envelope of what is wrong with a call before its body is looked at.
    #[cfg(feature = "server")]
    pub(crate) fn of_status(status: u16, kind: &'static str, message: String) -> ErrorEnvelope {
        let body = ErrorBody { kind, message, details: Details { diagnostics: Vec::new(), omitted: None } };
        ErrorEnvelope { success: false, status, error: body }
    }

    /// The HTTP status (RFC 9110).
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }
}

/// 404 for what does not exist, 409 for a stale plan, 500 where we or the store failed; all else is the client's: 400.
fn status(code: Code) -> u16 {
    match code {
        Code::NotFound => 404,
        Code::StalePlan => 409,
        Code::Io | Code::Database | Code::Internal => 500,
        Code::Syntax
        | Code::DuplicateKey
        | Code::UnknownKey
        | Code::UnknownOperator
        | Code::UnknownField
        | Code::MissingValue
        | Code::MixedObject
        | Code::BadPath
        | Code::OperandType
        | Code::OperandRange
        | Code::BadRegex
        | Code::EmptyText
        | Code::OperatorNotAllowed
        | Code::CaseConflict
        | Code::Limit
        | Code::Unbound
        | Code::Bind
        | Code::NotExact
        | Code::Unsupported
        | Code::AmbiguousName
        | Code::NotASource
        | Code::WrongSourceKind
        | Code::Cycle
        | Code::Usage => 400,
    }
}
