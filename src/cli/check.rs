//! `trommel check`: whether a filter is valid, and what can be said of it at once.

use clap::Args;
use serde::Serialize;
use trommel::{Budget, Condition, Limit, Limits, Path, Predicate, Verdict};

use super::Answer;
use super::filter::FilterArgs;
use super::output::{FORMAT_VERSION, Failure, Format, Output, one_line};

/// Check a filter and report every mistake in it
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// @FILE, - for standard input, or the filter itself
    #[arg(required_unless_present = "limits")]
    filter: Option<String>,
    /// List the limits and their defaults
    #[arg(long, conflicts_with = "filter")]
    limits: bool,
    #[command(flatten)]
    with: FilterArgs,
}

#[derive(Serialize)]
struct Report<'b> {
    format_version: u32,
    valid: bool,
    verdict: Option<Verdict>,
    fingerprint: Option<String>,
    fields: Vec<String>,
    budget: &'b Budget,
}

pub(super) fn run(args: &CheckArgs, output: &Output) -> Result<Answer, Failure> {
    let Some(filter) = &args.filter else { return limits(output) };
    let loaded = args.with.load(filter)?;
    let report = if loaded.filter.is_dynamic() {
        // What depends on the values is not known, and the filter is valid all the same (B3).
        let mut fields: Vec<&Path> = loaded.filter.conditions().map(Condition::path).collect();
        fields.sort_unstable();
        fields.dedup();
        Report::new(None, &fields, loaded.filter.budget()).print(output)
    } else {
        let (predicate, budget) = loaded.check()?;
        Report::new(Some(&predicate), &predicate.fields(), &budget).print(output)
    };
    report.map(|()| Answer::Yes)
}

impl<'b> Report<'b> {
    fn new(predicate: Option<&Predicate>, fields: &[&Path], budget: &'b Budget) -> Report<'b> {
        Report {
            format_version: FORMAT_VERSION,
            valid: true,
            verdict: predicate.map(Predicate::verdict),
            fingerprint: predicate.map(Predicate::fingerprint),
            fields: fields.iter().map(ToString::to_string).collect(),
            budget,
        }
    }

    fn print(&self, output: &Output) -> Result<(), Failure> {
        match output.format {
            Format::Json => output.print_json(self),
            Format::Text | Format::Mermaid => output.print(self.line()),
        }
    }

    /// What holds, on one line.
    fn line(&self) -> String {
        let verdict = match self.verdict {
            None => "valid once its dynamic values are bound",
            Some(Verdict::Always) => "valid, and matches every document",
            Some(Verdict::Never) => "valid, but matches no document",
            Some(Verdict::Sometimes) => "valid",
        };
        let mut line = format!("{verdict}; conditions: {}", self.budget.used(Limit::Conditions));
        if !self.fields.is_empty() {
            line.push_str(&format!("; fields: {}", self.field_list()));
        }
        if let Some(fingerprint) = &self.fingerprint {
            line.push_str(&format!("; {fingerprint}"));
        }
        line
    }

    fn field_list(&self) -> String {
        const MOST: usize = 10;
        let shown: Vec<String> = self.fields.iter().take(MOST).map(|field| one_line(field)).collect();
        let more = self.fields.len().saturating_sub(MOST);
        shown.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
    }
}

/// Lists the limits.
fn limits(output: &Output) -> Result<Answer, Failure> {
    #[derive(Serialize)]
    struct Row {
        name: &'static str,
        default: usize,
        unit: &'static str,
    }
    #[derive(Serialize)]
    struct Report {
        format_version: u32,
        limits: Vec<Row>,
    }
    let defaults = Limits::default();
    let row = |limit: Limit| Row { name: limit.name(), default: defaults.get(limit), unit: limit.unit() };
    let limits: Vec<Row> = Limit::all().map(row).collect();
    match output.format {
        Format::Json => output.print_json(&Report { format_version: FORMAT_VERSION, limits })?,
        Format::Text | Format::Mermaid => output.write(|out| {
            limits.iter().try_for_each(|Row { name, default, unit }| writeln!(out, "{name:<10} {default:>9} {unit}"))
        })?,
    }
    Ok(Answer::Yes)
}
