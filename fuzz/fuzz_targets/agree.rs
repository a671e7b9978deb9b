//! Reference, matcher, and a backend that leaves a residual agree on every filter and document.

#![no_main]

use std::hash::{BuildHasher, RandomState};

use libfuzzer_sys::fuzz_target;
use trommel::reference::Reference;
use trommel::strategies::Meeting;
use trommel::{Backend, Cover, Join, Leaf, Matcher, Predicate, Why, lower, parse};

/// A backend that says something else of each leaf: exact, a superset, or nothing.
struct Moody(RandomState);

impl Backend for Moody {
    type Output = Predicate;
    type Error = std::convert::Infallible;

    fn name(&self) -> &str {
        "moody"
    }

    fn leaf(&self, leaf: &Leaf) -> Result<Cover<Predicate>, Self::Error> {
        let why = Why::new("mood", "not today");
        let exact = Predicate::leaf(leaf.clone());
        Ok(match self.0.hash_one(leaf) % 4 {
            0 => Cover::Exact(exact),
            // A superset of the leaf: the leaf, or another that has nothing to do with it.
            1 => Cover::Superset(Predicate::always(), why),
            2 => Cover::Superset(exact, why),
            _ => Cover::Unsupported(why),
        })
    }

    fn join(&self, how: Join, parts: Vec<Predicate>) -> Result<Cover<Predicate>, Self::Error> {
        let why = Why::new("mood", "not today");
        let count = parts.len();
        let joined = match how {
            Join::All => Predicate::all(parts),
            Join::Any => Predicate::any(parts),
        };
        Ok(match self.0.hash_one((count, &joined)) % 4 {
            0 => Cover::Superset(joined, why),
            1 => Cover::Unsupported(why),
            _ => Cover::Exact(joined),
        })
    }
}

fuzz_target!(|meeting: Meeting| {
    let filter = parse::json(&meeting.filter).expect("a valid filter");
    let predicate = meeting.schema.check(&filter).expect("a filter that the schema accepts");
    let reference = Reference::new(&filter, &meeting.schema).expect("a reference");
    let matcher = Matcher::new(&predicate);
    let canonical = meeting.schema.check(&predicate.to_filter()).expect("what is canonical is right");
    assert_eq!(canonical, predicate, "{meeting:?}");
    let canonical = Matcher::new(&canonical);
    let lowered = lower(&Moody(RandomState::new()), &predicate).expect("infallible");
    let pushed = lowered.pushed().map(Matcher::new);
    let residual = lowered.residual().map(Matcher::new);
    for document in &meeting.documents {
        let expected = reference.matches(document);
        assert_eq!(matcher.matches(document), expected, "matcher: {meeting:?}");
        assert_eq!(canonical.matches(document), expected, "canonical: {meeting:?}");
        let candidate = pushed.as_ref().is_none_or(|pushed| pushed.matches(document));
        let kept = candidate && residual.as_ref().is_none_or(|residual| residual.matches(document));
        assert_eq!(kept, expected, "pushed and residual: {meeting:?}");
        assert!(candidate || !expected, "not a superset: {meeting:?}");
    }
});
