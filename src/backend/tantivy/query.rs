//! What is pushed to an index: a small tree of tests over terms, and the tantivy query that it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, PoisonError};

use tantivy::collector::{Collector, DocSetCollector};
use tantivy::index::SegmentReader;
use tantivy::query::doc_predicate_query::DocPredicateQuery;
use tantivy::query::{
    AllQuery, BooleanQuery, ConstScorer, EmptyQuery, EnableScoring, Explanation, Occur, Query, Scorer, TermQuery,
    Weight,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocAddress, DocId, Score, Searcher, SeekDangerResult, TantivyError, Term};

use super::column::Column;
use super::recheck::{Failure, Recheck};
use super::scan::{Scan, Terms};
use crate::backend::memory::Matcher;
use crate::lower::{Cover, Why};
use crate::path::Path;
use crate::predicate::{Join, Predicate};

/// What a predicate became in an index: tests over its terms.
#[derive(Clone, Debug)]
pub struct TermFilter {
    node: Node,
    height: u32,
}

/// A tree whose height is bounded by [`HEIGHT`], so that it may be walked recursively, as tantivy does with its own.
#[derive(Clone, Debug)]
struct Node {
    kind: Kind,
    negated: bool,
}

#[derive(Clone, Debug)]
enum Kind {
    Scan(Scan, Label),
    Column(Column, Label),
    Group(Join, Vec<Node>),
}

/// What a test is about, for people.
#[derive(Clone, Debug)]
enum Label {
    One(Path, &'static str),
    Many(usize),
}

/// tantivy evaluates groups by recursion: at this height it takes up to 1.5 MiB of a stack of 2 where nothing is optimised, a
/// third of that where it is.
const HEIGHT: u32 = 140;

/// Up to so many terms are asked as an OR of tantivy's own.
const FEW: usize = 4;

impl TermFilter {
    pub(super) fn scan(path: &Path, what: &'static str, scan: Scan) -> TermFilter {
        let kind = Kind::Scan(scan, Label::One(path.clone(), what));
        TermFilter { node: Node { kind, negated: false }, height: 0 }
    }

    pub(super) fn column(path: &Path, what: &'static str, column: Column) -> TermFilter {
        let kind = Kind::Column(column, Label::One(path.clone(), what));
        TermFilter { node: Node { kind, negated: false }, height: 0 }
    }

    pub(super) fn negate(mut self) -> TermFilter {
        self.node.negated = !self.node.negated;
        self
    }

    /// A group, unless it is nested too deeply.
    pub(super) fn join(how: Join, parts: Vec<TermFilter>) -> Cover<TermFilter> {
        let group = TermFilter::group(how, parts);
        if group.height > HEIGHT {
            return Cover::Unsupported(Why::new(
                "too_deep",
                format!("the groups are nested more than {HEIGHT} levels deep: each document is read"),
            ));
        }
        Cover::Exact(group)
    }

    /// A group, however deep. INVARIANT: the caller nests a few of them at most.
    pub(super) fn group(how: Join, parts: Vec<TermFilter>) -> TermFilter {
        let height = parts.iter().map(|part| part.height + 1).max().unwrap_or(0);
        let mut nodes: Vec<Node> = parts.into_iter().map(|part| part.node).collect();
        if how == Join::Any {
            nodes = merge(nodes);
        }
        let node = match <[Node; 1]>::try_from(nodes) {
            Ok([one]) => one,
            Err(nodes) => Node { kind: Kind::Group(how, nodes), negated: false },
        };
        TermFilter { node, height }
    }

    /// The one term whose documents it means.
    fn only_term(&self) -> Option<Term> {
        match &self.node.kind {
            Kind::Scan(scan, _) if !self.node.negated => scan.only_term(),
            Kind::Scan(..) | Kind::Column(..) | Kind::Group(..) => None,
        }
    }

    /// The tantivy query. Its scores mean nothing; [`FilterQuery`] is what stands beside a query whose scores count.
    #[must_use]
    pub fn to_query(&self) -> Box<dyn Query> {
        self.node.query()
    }
}

/// The members of an OR, those that are scans of the same field as one: an OR of many term queries takes 15 times as long.
fn merge(nodes: Vec<Node>) -> Vec<Node> {
    let is_scan = |node: &Node| matches!(&node.kind, Kind::Scan(scan, _) if !node.negated && scan.long.is_none());
    let (scans, mut others): (Vec<Node>, Vec<Node>) = nodes.into_iter().partition(is_scan);
    let mut of_fields: BTreeMap<Field, Vec<Node>> = BTreeMap::new();
    for node in scans {
        if let Kind::Scan(scan, _) = &node.kind {
            of_fields.entry(scan.field).or_default().push(node);
        }
    }
    others.extend(of_fields.into_iter().flat_map(|(field, scans)| merge_scans(field, scans)));
    others
}

fn merge_scans(field: Field, scans: Vec<Node>) -> Vec<Node> {
    if scans.len() < 2 {
        return scans;
    }
    let (count, mut listed, mut others) = (scans.len(), BTreeSet::new(), Vec::new());
    for node in scans {
        let Kind::Scan(scan, _) = node.kind else { continue };
        for terms in scan.terms {
            match terms {
                Terms::Listed(terms) => listed.extend(terms),
                Terms::Numbers(_)
                | Terms::Between(..)
                | Terms::Folded(_)
                | Terms::Matching(_)
                | Terms::Holding(_)
                | Terms::Tested(..) => others.push(terms),
            }
        }
    }
    if !listed.is_empty() {
        others.push(Terms::Listed(listed.into_iter().collect()));
    }
    let kind = Kind::Scan(Scan { field, terms: others, long: None }, Label::Many(count));
    vec![Node { kind, negated: false }]
}

impl Node {
    fn query(&self) -> Box<dyn Query> {
        if self.negated { boolean(vec![(Occur::MustNot, self.positive())]) } else { self.positive() }
    }

    fn positive(&self) -> Box<dyn Query> {
        let (how, members) = match &self.kind {
            Kind::Scan(scan, _) => {
                let query = |term| Box::new(TermQuery::new(term, IndexRecordOption::Basic));
                let term = |term: &Vec<u8>| -> Box<dyn Query> { query(Term::from_field_bytes(scan.field, term)) };
                // tantivy's own are quickest where they will do.
                if let Some(term) = scan.only_term() {
                    return query(term);
                }
                return match (&*scan.terms, &scan.long) {
                    ([Terms::Listed(terms)], None) if (2..=FEW).contains(&terms.len()) => {
                        Box::new(BooleanQuery::union(terms.iter().map(term).collect()))
                    }
                    _ => Box::new(scan.clone()),
                };
            }
            Kind::Column(column, _) => return Box::new(column.clone()),
            Kind::Group(how, members) => (*how, members),
        };
        match how {
            Join::All => boolean(members.iter().map(|member| member.clause(Occur::Must)).collect()),
            Join::Any if members.is_empty() => Box::new(EmptyQuery),
            // The complement of an AND: one pass over all documents instead of one for each member.
            Join::Any if members.iter().all(|member| member.negated) => {
                let all = boolean(members.iter().map(|member| (Occur::Must, member.positive())).collect());
                boolean(vec![(Occur::MustNot, all)])
            }
            Join::Any => boolean(members.iter().map(|member| (Occur::Should, member.query())).collect()),
        }
    }

    fn clause(&self, occur: Occur) -> (Occur, Box<dyn Query>) {
        if self.negated { (Occur::MustNot, self.positive()) } else { (occur, self.positive()) }
    }
}

/// A boolean query that does not match nothing where it has only exclusions, or no clause at all.
fn boolean(mut clauses: Vec<(Occur, Box<dyn Query>)>) -> Box<dyn Query> {
    if clauses.iter().all(|(occur, _)| *occur == Occur::MustNot) {
        clauses.push((Occur::Must, Box::new(AllQuery)));
    }
    match <[(Occur, Box<dyn Query>); 1]>::try_from(clauses) {
        Ok([(_, one)]) => one,
        Err(clauses) => Box::new(BooleanQuery::new(clauses)),
    }
}

impl fmt::Display for TermFilter {
    /// The tests, without their values: `(status: a term AND NOT tags: any string)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negated {
            f.write_str("NOT ")?;
        }
        let (how, members) = match &self.kind {
            Kind::Scan(_, Label::One(path, what)) | Kind::Column(_, Label::One(path, what)) => {
                return write!(f, "{path}: {what}");
            }
            Kind::Scan(_, Label::Many(count)) | Kind::Column(_, Label::Many(count)) => {
                return write!(f, "({count} tests in one pass)");
            }
            Kind::Group(Join::All, members) if members.is_empty() => return f.write_str("every document"),
            Kind::Group(Join::Any, members) if members.is_empty() => return f.write_str("no document"),
            Kind::Group(how, members) => (*how, members),
        };
        f.write_str("(")?;
        for (at, member) in members.iter().enumerate() {
            if at > 0 {
                f.write_str(if how == Join::All { " AND " } else { " OR " })?;
            }
            member.fmt(f)?;
        }
        f.write_str(")")
    }
}

/// A whole filter as a tantivy query: what was pushed, and the recheck of what was not, with any collector, alone or inside
/// a bigger query. It adds nothing to a score.
///
/// The recheck reads each candidate from the store when the search comes to it, some microseconds each. Reading can fail
/// where tantivy takes no error: then [`failure`](FilterQuery::failure) tells, and no answer of this query is to be relied
/// on. [`count`](FilterQuery::count) and [`search`](FilterQuery::search) look by themselves.
#[derive(Clone, Debug)]
pub struct FilterQuery {
    query: Arc<dyn Query>,
    /// The term that is all that is asked for.
    only_term: Option<Term>,
    /// None where nothing is rechecked: a look at it takes a tenth of the time of counting a term.
    failure: Option<Failure>,
}

impl FilterQuery {
    /// What is pushed, and a residual with the field that it is rechecked on.
    pub(super) fn new(pushed: Option<&TermFilter>, residual: Option<(Field, &Predicate)>) -> FilterQuery {
        let candidates = pushed.map_or_else(|| Box::new(AllQuery) as Box<dyn Query>, TermFilter::to_query);
        let Some((stored, residual)) = residual else {
            let only_term = pushed.and_then(TermFilter::only_term);
            return FilterQuery { query: candidates.into(), only_term, failure: None };
        };
        let (matcher, failure) = (Matcher::new(residual), Failure::default());
        let recheck = Recheck { candidates, stored, matcher, failure: failure.clone() };
        FilterQuery { query: Arc::new(DocPredicateQuery::from(recheck)), only_term: None, failure: Some(failure) }
    }

    /// How many documents match. Nothing is scored, and one term alone is not even read.
    ///
    /// # Errors
    /// tantivy's own, and where a candidate could not be read.
    pub fn count(&self, searcher: &Searcher) -> tantivy::Result<usize> {
        match &self.only_term {
            // As tantivy's own query counts, which first makes all that could score.
            Some(term) if !searcher.segment_readers().iter().any(SegmentReader::has_deletes) => {
                Ok(searcher.doc_freq(term)? as usize)
            }
            _ => self.trusted(self.query.count(searcher)?),
        }
    }

    /// The addresses of the documents that match, in no order.
    ///
    /// # Errors
    /// tantivy's own, and where a candidate could not be read.
    pub fn addresses(&self, searcher: &Searcher) -> tantivy::Result<Vec<DocAddress>> {
        Ok(self.search(searcher, &DocSetCollector)?.into_iter().collect())
    }

    /// Searches with any collector.
    ///
    /// # Errors
    /// tantivy's own, and where a candidate could not be read.
    pub fn search<C: Collector>(&self, searcher: &Searcher, collector: &C) -> tantivy::Result<C::Fruit> {
        let found = searcher.search(self, collector)?;
        self.trusted(found)
    }

    /// What went wrong in reading candidates, in any search so far.
    #[must_use]
    pub fn failure(&self) -> Option<TantivyError> {
        self.failure.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn trusted<T>(&self, answer: T) -> tantivy::Result<T> {
        self.failure().map_or(Ok(answer), Err)
    }
}

impl Query for FilterQuery {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        let weight = self.query.weight(EnableScoring::disabled_from_schema(scoring.schema()))?;
        Ok(Box::new(FilterWeight(weight)))
    }
}

/// A weight whose scores are nothing.
struct FilterWeight(Box<dyn Weight>);

impl Weight for FilterWeight {
    fn scorer(&self, reader: &SegmentReader, _: Score) -> tantivy::Result<Box<dyn Scorer>> {
        Ok(Box::new(ConstScorer::new(self.0.scorer(reader, 1.0)?, 0.0)))
    }

    fn scorer_danger(
        &self,
        reader: &SegmentReader,
        target: DocId,
        _: Score,
    ) -> tantivy::Result<(SeekDangerResult, Box<dyn Scorer>)> {
        let (found, scorer) = self.0.scorer_danger(reader, target, 1.0)?;
        Ok((found, Box::new(ConstScorer::new(scorer, 0.0))))
    }

    fn explain(&self, reader: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        self.0.explain(reader, doc).map(|_| Explanation::new("a filter, which does not score", 0.0))
    }

    fn count(&self, reader: &SegmentReader) -> tantivy::Result<u32> {
        self.0.count(reader)
    }

    fn for_each_no_score(&self, reader: &SegmentReader, callback: &mut dyn FnMut(&[DocId])) -> tantivy::Result<()> {
        self.0.for_each_no_score(reader, callback)
    }
}
