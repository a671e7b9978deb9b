//! What came out of a run.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Something that a subject cannot say, known and with its reason. It excuses [`Answer::Unsupported`] and nothing else:
/// a wrong answer is a disagreement, gap or no gap.
///
/// [`Answer::Unsupported`]: super::Answer::Unsupported
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// The name of the subject.
    pub backend: String,
    /// The case, `eq/x-eq-5`; or `generated`, for all that is generated.
    pub case: String,
    /// Why it cannot be said.
    pub reason: String,
}

/// In which form a filter was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// As it is written.
    Plain,
    /// As `{"NOT": [filter]}`: exactly the other documents match.
    Not,
    /// As `{"NOT": [{"NOT": [filter]}]}`: the same documents match.
    NotNot,
}

/// A document of which a subject says something else than the law.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Disagreement {
    /// The case, or `generated`.
    pub case: String,
    /// The rules that the case is about.
    pub rules: Vec<String>,
    /// The form in which the filter was asked.
    pub asked: Asked,
    /// The filter as it was asked, as JSON that reads the same where letter case is exact at the root.
    pub filter: String,
    /// The schema, where there is one.
    pub schema: Option<Json>,
    /// The document.
    pub document: Json,
    /// Whether it matches.
    pub expected: bool,
    /// What the subject says; none where it failed.
    pub got: Option<bool>,
    /// How it failed.
    pub error: Option<String>,
}

/// A case that a subject could not answer in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The case, or `generated`.
    pub case: String,
    /// What the subject said.
    pub why: String,
    /// The reason of the gap that excuses it; none: it fails the run.
    pub gap: Option<String>,
}

/// The verdicts of the cases about one rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RuleCount {
    /// Verdicts that were compared.
    pub verdicts: usize,
    /// How many of them were wrong.
    pub disagreements: usize,
    /// Questions that were not answered.
    pub skipped: usize,
}

/// What came out of a run.
///
/// A skip is never a pass: see [`passed`](Report::passed). `Display` is a table by rule, and the disagreements.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The name of the subject.
    pub backend: String,
    /// Cases from the data files that were asked.
    pub cases: usize,
    /// Filters that were generated and asked.
    pub generated: usize,
    /// Verdicts that were compared: a filter and a document each.
    pub verdicts: usize,
    /// Of those, the ones where the document matches.
    pub matching: usize,
    /// How many verdicts were wrong.
    pub disagreeing: usize,
    /// The first wrong verdicts of each case, at most [`Report::KEPT`] in all.
    pub disagreements: Vec<Disagreement>,
    /// Cases that were not answered in full.
    pub skipped: Vec<Skipped>,
    /// Gaps for this subject that would pass, or name no case that was asked.
    pub stale_gaps: Vec<Gap>,
    /// By rule. What is generated counts under `generated`.
    pub rules: BTreeMap<String, RuleCount>,
    /// Verdicts by the operators in the filter.
    pub operators: BTreeMap<String, usize>,
}

impl Report {
    /// How many disagreements are kept with their documents.
    pub const KEPT: usize = 200;

    /// Whether everything was answered, rightly, but for what the gaps excuse; and whether anything was asked.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.agreed() && self.skipped.iter().all(|skipped| skipped.gap.is_some())
    }

    /// Whether all that was answered is right, no gap is stale, and something was answered at all.
    #[must_use]
    pub fn agreed(&self) -> bool {
        self.verdicts > 0 && self.disagreeing == 0 && self.stale_gaps.is_empty()
    }

    /// Notes one compared verdict.
    pub(super) fn count(&mut self, rules: &[String], is_right: bool, expected: bool) {
        self.verdicts += 1;
        self.matching += usize::from(expected);
        self.disagreeing += usize::from(!is_right);
        for rule in rules {
            let count = self.rules.entry(rule.clone()).or_default();
            count.verdicts += 1;
            count.disagreements += usize::from(!is_right);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<10} {:>9} {:>9} {:>9}", "rule", "verdicts", "wrong", "skipped")?;
        for (rule, count) in &self.rules {
            writeln!(f, "{rule:<10} {:>9} {:>9} {:>9}", count.verdicts, count.disagreements, count.skipped)?;
        }
        let Report { backend, cases, generated, verdicts, disagreeing, .. } = self;
        writeln!(
            f,
            "{backend}: {verdicts} verdicts on {cases} cases and {generated} generated filters, {disagreeing} wrong"
        )?;
        for Skipped { case, why, gap } in &self.skipped {
            match gap {
                Some(reason) => writeln!(f, "gap {case}: {reason}")?,
                None => writeln!(f, "skipped {case}: {why}")?,
            }
        }
        for gap in &self.stale_gaps {
            writeln!(f, "stale gap {}: it would pass, or names nothing that was asked", gap.case)?;
        }
        self.disagreements.iter().try_for_each(|disagreement| writeln!(f, "{disagreement}"))
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Disagreement { case, rules, filter, document, expected, .. } = self;
        write!(f, "{case} [{}]\n  filter   {filter}", rules.join(" "))?;
        if let Some(schema) = &self.schema {
            write!(f, "\n  schema   {schema}")?;
        }
        write!(f, "\n  document {document}\n  expected {expected}, ")?;
        match (&self.error, self.got) {
            (Some(error), _) => write!(f, "failed: {error}"),
            (None, Some(got)) => write!(f, "got {got}"),
            (None, None) => f.write_str("got no answer"),
        }
    }
}
