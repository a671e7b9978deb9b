//! What is wrong with a filter, while somebody writes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::{Code, Diagnostic, Error, Place};
use crate::file::{self, span_of};
use crate::filter::Filter;
use crate::parse::Parser;
use crate::predicate::Verdict;
use crate::schema::Schema;

/// A filter to check: one of the two members.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckBody<'t> {
    #[serde(default, borrow)]
    text: Option<&'t RawValue>,
    #[serde(default, borrow)]
    filter: Option<&'t RawValue>,
}

/// The same for whoever writes one.
#[derive(JsonSchema)]
#[schemars(description = "A filter to check, in one of two forms.")]
#[serde(untagged, deny_unknown_fields)]
#[schemars(rename = "FilterCheckRequest")]
#[expect(dead_code, reason = "the form of a body, which is read as text, so that mistakes keep their places")]
pub(super) enum CheckRequest {
    /// A filter as somebody wrote it: JSON if it begins with `{`, else the text language. The spans of its mistakes are
    /// byte ranges of this text.
    Text { text: String },
    /// A filter. The spans and pointers of its mistakes are those of the body.
    Filter { filter: Filter },
}

/// A filter without mistakes.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FilterCheck")]
pub(super) struct Checked {
    /// The filter as it was written, as JSON.
    filter: Filter,
    /// The same in the text language.
    text: String,
    /// The canonical form: the same for filters that mean the same, as far as that can be told.
    canonical: Filter,
    /// What can be said of every document at once.
    verdict: Verdict,
    /// None: with a mistake, this is not what is answered.
    diagnostics: Vec<Diagnostic>,
}

/// Checks the filter of a body as a trigger call would.
pub(super) fn check(body: &[u8]) -> Result<Checked, Error> {
    let body = utf8(body)?;
    let CheckBody { text, filter } = file::read(body)?;
    match (text, filter) {
        (Some(text), None) => {
            let written: String = serde_json::from_str(text.get()).map_err(|_| {
                let place = Place { pointer: Some("/text".to_owned()), span: Some(span_of(body, text)) };
                Diagnostic::error(Code::Syntax, "`text` is a string").at(place)
            })?;
            if written.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
                checked(Schema::open().parse_json(&Parser::new(), &written)?)
            } else {
                checked(Schema::open().parse_text(&Parser::new(), &written)?)
            }
        }
        (None, Some(filter)) => {
            let read = Schema::open().parse_json(&Parser::new(), filter.get()).and_then(checked);
            read.map_err(|error| error.below("/filter").after(span_of(body, filter).start))
        }
        _ => Err(Diagnostic::error(Code::Usage, "the body has one of `text` and `filter`").into()),
    }
}

/// The text of a body.
pub(super) fn utf8(body: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        let place = Place { pointer: None, span: Some(at..at) };
        Diagnostic::error(Code::Syntax, "the body is not UTF-8").at(place).into()
    })
}

fn checked(filter: Filter) -> Result<Checked, Error> {
    let predicate = Schema::open().check(&filter)?;
    let (canonical, text, verdict) = (predicate.to_filter(), filter.to_text(), predicate.verdict());
    Ok(Checked { filter, text, canonical, verdict, diagnostics: Vec::new() })
}
