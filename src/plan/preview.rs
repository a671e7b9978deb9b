//! A plan for people: an aligned tree for a terminal, and a diagram in mermaid.

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use unicode_width::UnicodeWidthStr;

use super::catalog::SourceKind;
use super::question::Count;
use super::trigger_plan::{PlannedSource, TriggerPlan, Warning};
use crate::error::visible;
use crate::explain::CoverKind;
use crate::filter::Filter;

/// A longer name moves its own line alone.
const WIDEST: usize = 60;

/// The texts, each with blanks up to the columns that the widest takes on a terminal, where a character may take two, or none.
/// A text of more than `most` columns moves its own line alone.
pub(crate) fn aligned(texts: Vec<String>, most: usize) -> Vec<String> {
    let widest = texts.iter().map(|text| text.width()).max().unwrap_or(0).min(most);
    let padded = |text: String| {
        let blanks = widest.saturating_sub(text.width());
        text + &" ".repeat(blanks)
    };
    texts.into_iter().map(padded).collect()
}

/// So many sources, collections of a step and skipped ones are shown; the JSON has all.
const MOST: usize = 40;

impl fmt::Display for Count {
    /// `1,234`, `≤ 1,234` or `≥ 1,234`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.n().to_string();
        let mut text = String::from(match self {
            Count::Exact(_) => "",
            Count::AtMost(_) => "≤ ",
            Count::AtLeast(_) => "≥ ",
        });
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        f.pad(&text)
    }
}

impl fmt::Display for Warning {
    /// `may_duplicate: …`, without control characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", visible(&self.code), visible(&self.message))
    }
}

impl fmt::Display for TriggerPlan {
    /// The preview: sources with their counts, tiers, the filter with what is asked of the store and what is rechecked,
    /// what would be overwritten, warnings. An aligned tree; names from the catalog have no control characters here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "trigger {} in {}", visible(&self.collection_id), visible(&self.namespace_id))?;
        self.write_sources(f)?;
        self.write_tiers(f)?;
        self.write_filter(f)?;
        if !self.warnings.is_empty() {
            writeln!(f, "\nwarnings")?;
            branches(f, self.warnings.iter().map(ToString::to_string))?;
        }
        Ok(())
    }
}

impl TriggerPlan {
    fn write_sources(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.total.n() == 1 { self.source.member() } else { self.source.members() };
        writeln!(f, "\nsources: {} {what}", self.total)?;
        let shown = || self.sources.iter().take(MOST);
        let names = aligned(shown().map(|source| visible(&source.name)).collect(), WIDEST);
        let counts = shown().map(|source| source.count.to_string().chars().count()).max().unwrap_or(0);
        let lines = self.sources.iter().enumerate().map(|(at, source)| {
            let name = names.get(at).map_or("", String::as_str);
            let mut line = format!("{name}  {:>counts$}", source.count.to_string());
            if let Some(effect) = self.effect(source) {
                line += &format!("  {effect}");
            }
            if let Some(reason) = &source.reason {
                line += &format!("  ({})", visible(reason));
            }
            line
        });
        branches(f, lines)
    }

    /// What processing would do to documents that are there.
    fn effect(&self, source: &PlannedSource) -> Option<String> {
        let PlannedSource { unique_key, would_overwrite, would_duplicate, .. } = source;
        let documents = |n: u64| format!("{} {}", Count::Exact(n), if n == 1 { "document" } else { "documents" });
        match (self.source, unique_key, would_overwrite, would_duplicate) {
            (SourceKind::Bucket, Some(key), overwritten, _) => {
                let overwritten = overwritten.map_or("documents".to_owned(), documents);
                Some(format!("upserted by {}: {overwritten} overwritten", visible(&key.join(", "))))
            }
            (SourceKind::Bucket, None, _, Some(0)) => Some("created: none has documents yet".to_owned()),
            (SourceKind::Bucket, None, _, Some(n)) => Some(format!("created: {} of them duplicated", Count::Exact(*n))),
            (SourceKind::Bucket, None, _, None) => Some("created: may be duplicates".to_owned()),
            (SourceKind::Collection, ..) => None,
        }
    }

    fn write_tiers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\ntiers: {}", self.total_tiers)?;
        let lines = self.tiers.iter().map(|tier| {
            let shown = tier.collections.iter().take(MOST);
            let mut names = shown.map(|collection| visible(&collection.name)).collect::<Vec<_>>().join(", ");
            if tier.collections.len() > MOST {
                names += &format!(", … {} more", tier.collections.len() - MOST);
            }
            format!("{}  {names}", tier.step)
        });
        branches(f, lines)?;
        if !self.skipped.is_empty() {
            writeln!(f, "\nleft out")?;
            branches(
                f,
                self.skipped.iter().map(|skipped| format!("{}: {}", visible(&skipped.id), visible(&skipped.reason))),
            )?;
        }
        Ok(())
    }

    fn write_filter(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = &self.filter_parts;
        let parts = [
            ("of the collection", &parts.collection),
            ("object_ids", &parts.object_ids),
            ("source_filters", &parts.source_filters),
        ];
        if self.filter.is_none() {
            return match self.sources.is_empty() {
                true => writeln!(f, "\nfilter: none"),
                false => writeln!(f, "\nfilter: none, all {} are selected", self.source.members()),
            };
        }
        writeln!(f, "\nfilter")?;
        let given = parts.iter().filter_map(|(name, part)| Some((name, part.as_ref()?)));
        branches(f, given.map(|(name, part)| format!("{name}: {}", filter_text(part))))?;
        let Some(explain) = &self.explain else { return Ok(()) };
        let left = explain.leaves.iter().filter(|leaf| leaf.cover != CoverKind::Exact).count();
        let pushed = match (&explain.pushed, left) {
            (None, _) => "nothing, so every member is looked at".to_owned(),
            (Some(_), 0) => "everything".to_owned(),
            (Some(_), _) => {
                let asked = explain.leaves.iter().filter(|leaf| leaf.cover != CoverKind::Residual).count();
                format!("{asked} of {} conditions", explain.leaves.len())
            }
        };
        writeln!(f, "\nasked of {}: {pushed}", explain.backend)?;
        if explain.residual.is_some() {
            writeln!(f, "rechecked: {left} of {} conditions", explain.leaves.len())?;
        }
        write!(f, "{}", indented(&explain.to_string()))
    }

    /// The plan as a flowchart in mermaid: the sources, the collections of each step, and what feeds what.
    ///
    /// Names are quoted, and what mermaid would read in them is written as entities.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let mut out = String::from("flowchart LR\n");
        // INVARIANT: writing to a `String` never fails.
        for (at, source) in self.sources.iter().enumerate() {
            let _ = writeln!(out, "  s{at}[(\"{}<br/>{}\")]", entities(&source.name), source.count);
        }
        let mut nodes = HashMap::new();
        for tier in &self.tiers {
            let _ = writeln!(out, "  subgraph t{0} [\"step {0}\"]", tier.step);
            for collection in &tier.collections {
                let node = nodes.len();
                nodes.insert(&*collection.id, node);
                let _ = writeln!(out, "    c{node}[\"{}\"]", entities(&collection.name));
            }
            out.push_str("  end\n");
        }
        for at in 0..self.sources.len() {
            let _ = writeln!(out, "  s{at} --> c0");
        }
        for collection in self.tiers.iter().flat_map(|tier| &tier.collections) {
            let edge = |from: &String| Some((nodes.get(&**from)?, nodes.get(&*collection.id)?));
            for (from, to) in collection.from.iter().filter_map(edge) {
                let _ = writeln!(out, "  c{from} --> c{to}");
            }
        }
        out
    }
}

/// A filter on one line, cut where it is long.
fn filter_text(filter: &Filter) -> String {
    const MOST_CHARS: usize = 200;
    #[cfg(feature = "text")]
    let text = filter.to_text();
    #[cfg(not(feature = "text"))]
    let text = filter.to_string();
    let text = visible(&text);
    match text.char_indices().nth(MOST_CHARS) {
        None => text,
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// The lines below a heading, as the branches of a tree.
fn branches(f: &mut fmt::Formatter<'_>, lines: impl Iterator<Item = String>) -> fmt::Result {
    let mut lines = lines.peekable();
    let mut written = 0;
    while let Some(line) = lines.next() {
        if written == MOST {
            return writeln!(f, "└─ … {} more", 1 + lines.count());
        }
        written += 1;
        let branch = if lines.peek().is_some() { "├─" } else { "└─" };
        writeln!(f, "{branch} {}", line.trim_end())?;
    }
    Ok(())
}

/// Text between quotes in mermaid.
fn entities(text: &str) -> String {
    let mut out = String::new();
    for c in visible(text).chars() {
        match c {
            '"' | '#' | '&' | '<' | '>' | ';' | '\\' | '`' => {
                let _ = write!(out, "#{};", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out
}
