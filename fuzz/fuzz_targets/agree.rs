//! Reference, matcher, a backend that leaves a residual, a set of all filters, and `why` agree on every filter and document,
//! and a filter means the same as text.

#![no_main]

#[path = "../../tests/it/laws/why.rs"]
mod why;

use std::hash::{BuildHasher, RandomState};

use libfuzzer_sys::arbitrary::{self, Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use trommel::reference::Reference;
use trommel::strategies::Meeting;
use trommel::{Backend, Cover, FilterSet, Join, Leaf, Matcher, Predicate, Schema, Shape, Why, lower, parse};

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

/// One to three filters, each with documents that it meets.
#[derive(Debug)]
struct Meetings(Vec<Meeting>);

impl<'a> Arbitrary<'a> for Meetings {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Meetings> {
        let count = bytes.int_in_range(1..=3)?;
        let each = bytes.len().div_ceil(count);
        let parts = bytes.bytes(bytes.len())?.chunks(each.max(1));
        parts.map(|part| Meeting::arbitrary(&mut Unstructured::new(part))).collect::<Result<_, _>>().map(Meetings)
    }
}

fuzz_target!(|meetings: Meetings| {
    let Meetings(meetings) = meetings;
    let predicates: Vec<Predicate> = meetings.iter().map(one_alone).collect();
    all_at_once(&meetings, &predicates);
});

/// Judges a filter by itself.
fn one_alone(meeting: &Meeting) -> Predicate {
    let filter = parse::json(&meeting.filter).expect("a valid filter");
    let predicate = meeting.schema.check(&filter).expect("a filter that the schema accepts");
    let reference = Reference::new(&filter, &meeting.schema).expect("a reference");
    let matcher = Matcher::new(&predicate);
    let as_text = parse::text(filter.to_text()).expect("what prints parses");
    assert_eq!(meeting.schema.check(&as_text).as_ref(), Ok(&predicate), "as text: {meeting:?}");
    // `eq` may have become `in`, `ne` or `is_null`, which the schema need not allow.
    let canonical = any_operator(&meeting.schema).check(&predicate.to_filter()).expect("what is canonical is right");
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
        why::is_consistent(&reference.why(document), document, expected);
    }
    predicate
}

/// The same schema with every operator allowed that fits the type.
fn any_operator(schema: &Schema) -> Schema {
    let mut json = serde_json::to_value(schema).expect("plain data");
    for field in json["fields"].as_object_mut().expect("fields").values_mut() {
        field.as_object_mut().expect("a field").remove("operators");
    }
    Schema::from_json(&json.to_string()).expect("a schema")
}

/// A set of all filters, of their members and of their negations answers as each does alone; also when some were removed.
fn all_at_once(meetings: &[Meeting], predicates: &[Predicate]) {
    let mut all: Vec<Predicate> = predicates.to_vec();
    for predicate in predicates {
        if let Shape::Group(_, members) = predicate.shape() {
            all.extend(members.iter().cloned());
        }
        all.extend(predicate.leaves().map(|leaf| Predicate::leaf(leaf.clone().negate())));
    }
    let matchers: Vec<Matcher> = all.iter().map(Matcher::new).collect();
    let mut set = FilterSet::new();
    for (id, predicate) in all.iter().enumerate() {
        set.insert(id, predicate);
    }
    for step in [usize::MAX, 2, 3, 1] {
        for id in (0..all.len()).filter(|id| id % step == step - 1) {
            set.remove(&id);
        }
        for document in meetings.iter().flat_map(|meeting| &meeting.documents) {
            let alone = (0..all.len()).filter(|id| set.contains(id) && matchers[*id].matches(document));
            assert!(set.matches(document).into_iter().copied().eq(alone), "set: {document} {meetings:?}");
        }
    }
    assert!(set.is_empty());
}
