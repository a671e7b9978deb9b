//! What a plan has to know from where the data is, and how that is told.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::catalog::{Bucket, Collection, SourceKind};
use crate::explain::Explain;
use crate::predicate::Predicate;

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
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
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

    /// Of what kind it is.
    #[must_use]
    pub fn kind(self) -> SourceKind {
        match self {
            SourceRef::Bucket(_) => SourceKind::Bucket,
            SourceRef::Collection(_) => SourceKind::Collection,
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
    pub(super) counts: HashMap<String, Counted>,
    pub(super) overwrites: HashMap<String, Overwrites>,
    pub(super) target_revision: Option<u64>,
    pub(super) explain: Option<Explain>,
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

/// The answers about one bucket: see [`Source::count`] and [`Source::overwrites`].
pub type CountAndOverwrites<E> = (Result<Counted, E>, Result<Option<(Overwrites, u64)>, E>);

/// A store that answers at once. One that does not is asked by [`Resolved::questions`](super::Resolved::questions).
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

    /// Both of each of several buckets, in their order: for a store that finds the matching objects once for the two, or asks
    /// for several buckets at once.
    fn counts_and_overwrites(
        &self,
        buckets: &[&Bucket],
        predicate: &Predicate,
        target: &Collection,
    ) -> Vec<CountAndOverwrites<Self::Error>> {
        let both = |bucket: &&Bucket| {
            (self.count(SourceRef::Bucket(bucket), predicate), self.overwrites(bucket, predicate, target))
        };
        buckets.iter().map(both).collect()
    }

    /// What the store asks of its database, and what it rechecks.
    fn explain(&self, predicate: &Predicate) -> Option<Explain> {
        let _ = predicate;
        None
    }
}
