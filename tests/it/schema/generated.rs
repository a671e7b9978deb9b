//! The schema tools over generated documents and filters.

use std::cell::RefCell;

use proptest::prelude::any;
use serde_json::Value as Json;
use trommel::reference::Reference;
use trommel::strategies::{Bindable, Meeting, bindable, deep_filter, filter, gathering, schema_gathering};
use trommel::{Inference, Matcher, Path, Schema, Type, parse};

use super::export::{Exported, Verdict};
use crate::laws::respell::{Rng, tweak};
use crate::laws::{Law, ensure, hold};

/// The answers of the reference with a schema.
fn answers(filter: &str, schema: &Schema, documents: &[Json]) -> Vec<bool> {
    let reference = Reference::new(&parse::json(filter).unwrap(), schema).unwrap();
    documents.iter().map(|document| reference.matches(document)).collect()
}

/// Whether there is an array on a path: by the letter of T1, without what is tested.
fn lies_in_an_array(document: &Json, path: &Path) -> bool {
    let keys: Vec<&str> = path.keys().collect();
    (0..=keys.len()).any(|passed| {
        let at = keys[..passed].iter().try_fold(document, |at, key| at.as_object()?.get(*key));
        at.is_some_and(Json::is_array)
    })
}

#[test]
fn what_is_inferred_holds_and_promises_all_that_does() {
    let counts = RefCell::new((0_usize, 0_usize, 0_usize));
    hold("inferred schemas", gathering(), |Meeting { documents, .. }| {
        let schema = Schema::infer(documents);
        for document in documents {
            ensure!(schema.verify(document).is_empty(), "{document} breaks {:?}", schema.verify(document));
        }
        for path in schema.paths() {
            let facts = schema.facts(path);
            let is_null = |document: &&Json| path.values(document).all(Json::is_null);
            let nulls = documents.iter().filter(is_null).count();
            ensure!(facts.optional == (nulls > 0), "{path}: optional is {}", facts.optional);
            let arrays = documents.iter().filter(|document| lies_in_an_array(document, path)).count();
            ensure!(facts.many == (arrays > 0), "{path}: many is {}", facts.many);
            ensure!(documents.iter().any(|document| path.scalars(document).next().is_some()), "{path}: no scalar");
            let mut counts = counts.borrow_mut();
            counts.0 += usize::from(facts.optional);
            counts.1 += usize::from(facts.many);
            counts.2 += 1;
        }
        let text = serde_json::to_string_pretty(&schema).unwrap();
        ensure!(Schema::from_json(&text).is_ok_and(|again| again == schema), "round trip: {text}");
        // The order of the documents matters for the samples alone.
        let turned = Schema::infer(documents.iter().rev());
        ensure!(schema.paths().eq(turned.paths()), "backwards: other paths");
        for path in schema.paths() {
            ensure!(schema.facts(path) == turned.facts(path), "backwards: {path}");
        }
        let mut inference = Inference::new();
        documents.iter().chain(documents).for_each(|document| inference.observe(document));
        let twice = inference.schema();
        ensure!(schema.paths().all(|path| schema.facts(path) == twice.facts(path)), "twice");
        Ok(documents.len())
    });
    let (optional, many, all) = counts.into_inner();
    assert!(optional * 5 > all && optional < all * 9 / 10, "{optional} of {all} are optional");
    assert!(many * 10 > all && many < all * 9 / 10, "{many} of {all} are many");
}

#[test]
fn what_is_inferred_changes_no_answer() {
    let counts = RefCell::new((0_usize, 0_usize, 0_usize));
    hold("answers under inferred schemas", gathering(), |Meeting { filter, documents, .. }| {
        let schema = Schema::infer(documents);
        let parsed = parse::json(filter).unwrap();
        let mut counts = counts.borrow_mut();
        let Ok(predicate) = schema.check(&parsed) else {
            counts.1 += 1;
            return Ok(1);
        };
        counts.0 += 1;
        let matcher = Matcher::new(&predicate);
        let compiled: Vec<bool> = documents.iter().map(|document| matcher.matches(document)).collect();
        ensure!(compiled == answers(filter, &schema, documents), "the matcher: {filter}");
        // T3: on a datetime field the strings compare as instants.
        let has_instants = parsed.conditions().any(|condition| schema.facts(condition.path()).ty == Type::Datetime);
        counts.2 += usize::from(has_instants);
        ensure!(has_instants || compiled == answers(filter, &Schema::open(), documents), "T4: {filter}");
        Ok(documents.len())
    });
    let (accepted, refused, instants) = counts.into_inner();
    println!("{accepted} accepted, {instants} of them about instants, {refused} refused");
    assert!(accepted * 4 > refused && instants > 0 && instants * 2 < accepted, "{accepted} {refused} {instants}");
}

/// A filter as it was written is good; then changed until it hardly is.
fn agree(exported: &Exported<'_>, filter: &Json, seed: u64, counts: &RefCell<[usize; 4]>) -> Law {
    let count = |verdict| counts.borrow_mut()[verdict as usize] += 1;
    let verdict = exported.verdict(filter)?;
    ensure!(matches!(verdict, Verdict::Good | Verdict::CannotAccept), "{verdict:?}: {filter}");
    count(verdict);
    let mut rng = Rng::new(seed);
    let mut changed = filter.clone();
    for _ in 0..4 {
        changed = tweak(&changed, &mut rng, true);
        count(exported.verdict(&changed)?);
    }
    Ok(1)
}

fn judge<T: std::fmt::Debug>(
    name: &str,
    strategy: impl proptest::strategy::Strategy<Value = T>,
    law: impl Fn(&T, &RefCell<[usize; 4]>) -> Law,
) {
    let counts = RefCell::new([0; 4]);
    hold(name, strategy, |value| law(value, &counts));
    let [good, bad, cannot_refuse, cannot_accept] = counts.into_inner();
    println!("{name}: {good} good, {bad} bad, {cannot_refuse} and {cannot_accept} past what JSON Schema can say");
    assert!(good * 10 > bad && bad * 10 > good, "{good} good, {bad} bad");
    assert!((cannot_refuse + cannot_accept) * 10 < good + bad, "{cannot_refuse}, {cannot_accept}");
}

#[test]
fn the_export_agrees_with_the_check_under_schemas() {
    judge("exported schemas", (schema_gathering(), any::<u64>()), |(meeting, seed), counts| {
        let filter = serde_json::from_str(&meeting.filter).unwrap();
        agree(&Exported::new(&meeting.schema), &filter, *seed, counts).map(|judged| judged * 4)
    });
}

#[test]
fn the_export_agrees_with_the_check_without_a_schema() {
    let open = Schema::open();
    let exported = Exported::new(&open);
    judge("the open schema, exported", (filter(), any::<u64>()), |(filter, seed), counts| {
        agree(&exported, &serde_json::from_str(filter).unwrap(), *seed, counts)
    });
    judge("dynamic values, exported", (bindable(), any::<u64>()), |(Bindable { template, .. }, seed), counts| {
        agree(&exported, &serde_json::from_str(template).unwrap(), *seed, counts)
    });
}

#[test]
fn the_export_agrees_with_the_check_on_deep_filters() {
    // The validator recurses.
    let run = || {
        let open = Schema::open();
        let exported = Exported::new(&open);
        judge("deep filters, exported", (deep_filter(), any::<u64>()), |(filter, seed), counts| {
            // Past the depth that a `Value` is read with, there is nothing to ask about.
            let Ok(filter) = serde_json::from_str(filter) else { return Ok(1) };
            agree(&exported, &filter, *seed, counts).map(|judged| judged * 10)
        });
    };
    std::thread::Builder::new().stack_size(64 << 20).spawn(run).unwrap().join().unwrap();
}
