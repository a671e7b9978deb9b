//! A backend as a third party writes one: the public API alone, a small representation of its own, every mix of what it
//! can and cannot say. Joined with the residual's recheck it is right; and one that claims too much is found out.

mod store;

use proptest::prelude::any;
use serde_json::Value as Json;
use trommel::conformance::{Pushdown, Suite};
use trommel::reference::Reference;
use trommel::strategies::{Meeting, gathering, schema_gathering};
use trommel::{Code, Lowered, Matcher, lower, parse};

use crate::laws::{ensure, hold};
use store::{Lie, Query, Store};

fn subject(store: Store) -> Pushdown<Store, impl FnMut(&Query, &Json) -> bool> {
    Pushdown::new(store, |pushed: &Query, document: &Json| pushed.accepts(document))
}

#[test]
fn it_passes_the_suite() {
    let mut subject = subject(Store::plain());
    let report = Suite::new().generated(300).run(&mut subject);
    assert!(report.passed(), "{report}");
    // All of it is put to use, or the test says little.
    let tally = subject.tally();
    assert!(tally.exact > 1_000 && tally.rechecked > 200 && tally.scanned > 200, "{tally:?}");
}

#[test]
fn it_passes_the_suite_in_every_mood() {
    for seed in 1..=4 {
        let mut subject = subject(Store::moody(seed));
        let report = Suite::new().generated(100).seed(seed).run(&mut subject);
        assert!(report.passed(), "{report}");
        let tally = subject.tally();
        assert!(tally.exact > 100 && tally.rechecked > 100 && tally.scanned > 100, "{tally:?}");
    }
}

/// What lowering promises, for every document: `predicate = pushed AND residual`.
fn promises(Meeting { schema, filter, documents, .. }: &Meeting, store: &Store) -> Result<usize, String> {
    let filter = parse::json(filter).map_err(|error| error.to_string())?;
    let predicate = schema.check(&filter).map_err(|error| error.to_string())?;
    let reference = Reference::new(&filter, schema).map_err(|error| error.to_string())?;
    let lowered: Lowered<Query> = lower(store, &predicate).unwrap();
    let residual = lowered.residual().map(Matcher::new);
    for document in documents {
        let expected = reference.matches(document);
        let pushed = lowered.pushed().is_none_or(|pushed| pushed.accepts(document));
        let kept = residual.as_ref().is_none_or(|residual| residual.matches(document));
        ensure!(pushed || !expected, "what was pushed loses {document}: {:?}", lowered.pushed());
        ensure!(
            (pushed && kept) == expected,
            "{document}: pushed {pushed} {:?}, residual {kept} {:?}, expected {expected}",
            lowered.pushed(),
            lowered.residual()
        );
    }
    ensure!(lowered.pushed().is_some() || residual.is_some(), "neither pushed nor residual");
    ensure!(lowered.is_exact() == lowered.reasons().is_empty(), "reasons {:?}", lowered.reasons());
    ensure!(lowered.is_exact() == lowered.residual().is_none(), "exact");
    for reason in lowered.reasons() {
        let places = reason.places.iter().all(|place| place.pointer.is_some() && place.span.is_some());
        ensure!(places, "a reason without its place: {reason:?}");
    }
    let is_exact = lowered.is_exact();
    match lowered.into_exact() {
        Ok(_) => ensure!(is_exact, "exact, though there is a residual"),
        Err(error) => ensure!(!is_exact && error.code() == Code::NotExact, "{error}"),
    }
    Ok(documents.len())
}

#[test]
fn it_is_right_on_random_trees() {
    hold("foreign", (gathering(), any::<u64>()), |(meeting, seed)| promises(meeting, &Store::moody(*seed)));
    hold("foreign, schema", (schema_gathering(), any::<u64>()), |(meeting, seed)| {
        promises(meeting, &Store::moody(*seed))
    });
}

#[test]
fn a_backend_that_claims_too_much_is_found_out() {
    for (lie, about) in [
        (Lie::RegexIsExact, "regex/"),
        (Lie::FoldingIsExact, ""),
        (Lie::ComplementOfSuperset, ""),
        (Lie::JoinDropsPart, ""),
        (Lie::JoinOfNothing, "groups/"),
    ] {
        let report = Suite::new().generated(0).run(&mut subject(Store::lying(lie)));
        assert!(!report.agreed(), "{lie:?} went unnoticed");
        let killer = report.disagreements.iter().find(|found| found.case.starts_with(about));
        println!("{lie:?}: {} verdicts wrong, {}", report.disagreeing, killer.map_or("-", |found| &found.case));
        assert!(killer.is_some(), "{lie:?}: {report}");

        // What is generated finds it too, and shows a small example.
        let report = Suite::new().rules(["none"]).generated(1_500).run(&mut subject(Store::lying(lie)));
        assert!(report.disagreeing > 0, "{lie:?} went unnoticed among what is generated");
        let shortest = report.disagreements.iter().map(|found| found.filter.len()).min();
        assert!(shortest.is_some_and(|length| length < 120), "{lie:?}: {report}");
    }
}
