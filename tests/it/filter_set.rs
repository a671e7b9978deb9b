//! The law of filter sets: asking the set is asking each of its filters.
//!
//! ```text
//! set(d)  =  [id of f, in the order of insertion, for each f of the set with d ⊨ f]
//! ```
//!
//! It holds after every insertion and removal, whatever was in the set before.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::any;
use serde_json::{Value as Json, json};
use trommel::parse::Parser;
use trommel::reference::Reference;
use trommel::strategies::{Meeting, deep_document, deep_filter, gathering, schema_gathering};
use trommel::{Field, FilterSet, Limit, Limits, Matcher, Predicate, Schema, Type, parse};

use crate::hostile::{heap::peak_of, on_small_stack};
use crate::laws::{Law, ensure, hold, respell};

/// A filter, and whether each document matches it.
struct Asked {
    text: String,
    predicate: Predicate,
    answers: Vec<bool>,
}

/// A filter, its negation, and one that says almost the same, each asked alone.
fn asked(meeting: &Meeting, documents: &[Json], seed: u64) -> Result<Vec<Asked>, String> {
    let f = &meeting.filter;
    let json: Json = serde_json::from_str(f).map_err(|error| error.to_string())?;
    let almost = respell::tweak(&json, &mut respell::Rng::new(seed), false).to_string();
    let mut all = Vec::new();
    for text in [f.clone(), format!(r#"{{"NOT": [{f}]}}"#), almost] {
        let Ok(filter) = parse::json(&text) else { continue };
        let Ok(predicate) = meeting.schema.check(&filter) else { continue };
        let reference = Reference::new(&filter, &meeting.schema).map_err(|error| error.to_string())?;
        let answers = documents.iter().map(|document| reference.matches(document)).collect();
        all.push(Asked { text, predicate, answers });
    }
    Ok(all)
}

/// Holds a set against its filters after each of some changes. Each change is a number: which filter, and under which of
/// a few ids it is inserted, or which id is removed.
fn agrees(filters: &[Asked], documents: &[Json], changes: &[u32]) -> Law {
    const IDS: u32 = 8;
    let mut set = FilterSet::new();
    let mut model: Vec<(u32, &Asked)> = Vec::new();
    for change in changes {
        let (id, what) = (change % IDS, (change / IDS) as usize);
        let at = model.iter().position(|(other, _)| *other == id);
        if what % 4 == 3 {
            ensure!(set.remove(&id) == at.is_some(), "remove {id}");
            model.retain(|(other, _)| *other != id);
        } else {
            let filter = &filters[what % filters.len()];
            ensure!(set.insert(id, &filter.predicate) == at.is_some(), "insert {id}");
            match at {
                Some(at) => model[at].1 = filter,
                None => model.push((id, filter)),
            }
        }
        ensure!(set.len() == model.len() && set.contains(&id) == (what % 4 != 3), "length");
        for (index, document) in documents.iter().enumerate() {
            let found = set.matches(document);
            let expected: Vec<&u32> = model.iter().filter(|(_, it)| it.answers[index]).map(|(id, _)| id).collect();
            if found != expected {
                let filters: Vec<_> = model.iter().map(|(id, it)| format!("{id}: {}", it.text)).collect();
                return Err(format!("{document}\n{found:?}, not {expected:?}\n{}", filters.join("\n")));
            }
        }
    }
    Ok(documents.len() * changes.len())
}

fn meetings_agree(meetings: &[Meeting], changes: &[u32], seed: u64) -> Law {
    let mut documents: Vec<Json> =
        meetings.iter().flat_map(|meeting| meeting.documents.iter().take(3)).cloned().collect();
    documents.push(json!({}));
    let mut filters = Vec::new();
    for meeting in meetings {
        filters.extend(asked(meeting, &documents, seed)?);
    }
    agrees(&filters, &documents, changes)
}

#[test]
fn a_set_answers_as_its_filters_do() {
    hold(
        "filter set",
        (vec(gathering(), 1..6), vec(any::<u32>(), 1..24), any::<u64>()),
        |(meetings, changes, seed)| meetings_agree(meetings, changes, *seed),
    );
}

#[test]
fn a_set_of_typed_filters_answers_as_its_filters_do() {
    let strategy = (schema_gathering(), vec(any::<u32>(), 1..24), any::<u64>());
    hold("filter set, schema", strategy, |(meeting, changes, seed)| {
        meetings_agree(std::slice::from_ref(meeting), changes, *seed)
    });
}

#[test]
fn a_set_of_deep_filters_answers_as_its_filters_do() {
    let strategy = (vec(deep_filter(), 1..4), deep_document(), vec(any::<u32>(), 1..8));
    hold("filter set, deep", strategy, |(filters, document, changes)| {
        let meeting = |filter: &String| {
            let schema = Schema::open();
            let reference = Reference::new(&parse::json(filter).unwrap(), &schema).unwrap();
            let predicate = schema.check(&parse::json(filter).unwrap()).unwrap();
            Asked { text: filter.clone(), predicate, answers: vec![reference.matches(document)] }
        };
        agrees(&filters.iter().map(meeting).collect::<Vec<_>>(), std::slice::from_ref(document), changes)
    });
}

fn check(filter: &Json) -> Predicate {
    let limits = Limit::all().fold(Limits::default(), |limits, limit| limits.with(limit, usize::MAX));
    Schema::open().check(&Parser::new().limits(limits).value(filter).unwrap()).unwrap()
}

#[test]
fn every_way_of_finding_a_filter_finds_it() {
    let condition = |operator: &str, value: Json| json!({"field": "a.b", "operator": operator, "value": value});
    let folded = |operator: &str, value: Json| json!({"field": "a.b", "operator": operator, "value": value, "case_sensitive": false});
    let needles = || (0..40).map(|at| format!("needle {at:02}"));
    let mut filters = vec![
        condition("eq", json!(5)),
        condition("in", json!(["x", 5.0, true, "needle 07!"])),
        folded("eq", json!("STRASSE")),
        folded("in", json!(["Straße", 5])),
        condition("gt", json!(4)),
        condition("gte", json!(5.0)),
        condition("lt", json!(9_007_199_254_740_993_i64)),
        condition("lte", json!("m")),
        condition("gt", json!("needle 07")),
        condition("regex", json!("^need")),
        condition("text", json!("needle 07")),
        condition("exists", json!(true)),
        condition("exists", json!(false)),
        condition("is_null", json!(true)),
        condition("is_null", json!(false)),
        condition("contains", json!("é")),
        condition("contains", json!("")),
        json!({}),
        json!({"OR": []}),
    ];
    for operator in ["contains", "starts_with", "ends_with"] {
        filters.extend(needles().map(|needle| condition(operator, json!(needle))));
        filters.extend(needles().map(|needle| folded(operator, json!(needle.to_uppercase()))));
    }
    let negated: Vec<Json> = filters.iter().map(|filter| json!({"NOT": [filter]})).collect();
    filters.extend(negated);
    let documents = [
        json!({}),
        json!({"a": null}),
        json!({"a": {"b": [null, 5]}}),
        json!({"a": [{"b": "needle 07!"}, {"b": ["NEEDLE 31", 4.5]}, [{"b": true}]]}),
        json!({"a": {"b": "strasse"}}),
        json!({"a": {"b": "ſTRAßE"}}),
        json!({"a": [{"b": 9_007_199_254_740_992_i64}, {"b": "é"}, {"c": 1}]}),
        json!({"a": {"b": {"b": "x"}}}),
        json!({"a": {"b": []}, "c": (0..1_000).collect::<Vec<_>>()}),
    ];
    let predicates: Vec<Predicate> = filters.iter().map(check).collect();
    let matchers: Vec<Matcher> = predicates.iter().map(Matcher::new).collect();
    let mut set: FilterSet<usize> = FilterSet::new();
    predicates.iter().enumerate().for_each(|(id, predicate)| assert!(!set.insert(id, predicate)));
    for step in [1, 2, 3, 5] {
        for id in (0..filters.len()).filter(|id| step > 1 && id % step == 0) {
            set.remove(&id);
        }
        for document in &documents {
            let alone = matchers.iter().enumerate().filter(|(_, matcher)| matcher.matches(document));
            let alone: Vec<usize> = alone.map(|(id, _)| id).filter(|id| set.contains(id)).collect();
            assert_eq!(set.matches(document).into_iter().copied().collect::<Vec<_>>(), alone, "{document}");
        }
    }
}

/// Conditions that many filters share, in groups of all shapes: lists of postings by guard, and postings that decide.
#[test]
fn filters_that_share_their_conditions_are_each_answered_for() {
    let mut rng = respell::Rng::new(7);
    let fields = ["kind", "state", "owner.team", "tags"];
    let value = |rng: &mut respell::Rng| json!(["a", "b", "c"][rng.below(3)]);
    let condition = |rng: &mut respell::Rng| {
        let field = fields[rng.below(fields.len())];
        match rng.below(8) {
            0 => json!({"field": field, "operator": "ne", "value": value(rng)}),
            1 => json!({"field": field, "operator": "is_null", "value": rng.below(2) == 0}),
            2 => json!({"field": field, "operator": "exists", "value": rng.below(2) == 0}),
            3 => json!({"field": field, "operator": "gt", "value": value(rng)}),
            4 => json!({"field": field, "operator": "in", "value": [value(rng), value(rng)]}),
            _ => json!({"field": field, "operator": "eq", "value": value(rng)}),
        }
    };
    let group = |rng: &mut respell::Rng| {
        let members: Vec<Json> = (0..=rng.below(3)).map(|_| condition(rng)).collect();
        json!({["AND", "OR", "NOT"][rng.below(3)]: members})
    };
    let filters: Vec<Predicate> = (0..2_000)
        .map(|at| {
            let mut members: Vec<Json> = (0..1 + at % 4).map(|_| condition(&mut rng)).collect();
            if at % 3 == 0 {
                members.push(group(&mut rng));
            }
            if at >= 1_000 {
                // Many that share two conditions.
                members.truncate(1);
                members.extend([json!({"kind": value(&mut rng)}), json!({"state": value(&mut rng)})]);
                return check(&json!({"AND": members}));
            }
            check(&json!({ if at % 5 == 0 { "OR" } else { "AND" }: members }))
        })
        .collect();
    let matchers: Vec<Matcher> = filters.iter().map(Matcher::new).collect();
    let documents: Vec<Json> = (0..40)
        .map(|_| {
            let mut some =
                || [value(&mut rng), json!(null), json!([value(&mut rng), value(&mut rng)])][rng.below(3)].clone();
            let mut document = json!({"kind": some(), "state": some(), "owner": {"team": some()}, "tags": some()});
            let missing = ["kind", "state", "owner", "tags", ""][rng.below(5)];
            document.as_object_mut().unwrap().remove(missing);
            document
        })
        .collect();
    let mut set = FilterSet::new();
    // Which filter each id has.
    let mut stored: Vec<Option<usize>> = vec![None; filters.len()];
    for round in 0..8 {
        // All are inserted, then some replaced and others taken out; and all over again.
        if round == 4 {
            (0..filters.len()).for_each(|id| _ = set.remove(&id));
            assert!(set.is_empty() && set.matches(&documents[0]).is_empty());
        }
        for id in (0..filters.len()).filter(|id| round % 4 == 0 || id % 7 == round % 4) {
            let filter = (id + 31 * round) % filters.len();
            set.insert(id, &filters[filter]);
            stored[id] = Some(filter);
        }
        for id in (0..filters.len()).filter(|id| round % 4 > 0 && id % (round % 4 + 2) == 1) {
            assert_eq!(set.remove(&id), stored[id].take().is_some());
        }
        for document in &documents {
            let mut found: Vec<usize> = set.matches(document).into_iter().copied().collect();
            found.sort_unstable();
            let alone = (0..filters.len()).filter(|id| stored[*id].is_some_and(|it| matchers[it].matches(document)));
            assert_eq!(found, alone.collect::<Vec<_>>(), "round {round}: {document}");
        }
    }
}

#[test]
fn ids_are_asked_for_as_those_of_a_map_and_keep_their_order() {
    let mut set: FilterSet<String> = FilterSet::new();
    for id in ["c", "a", "b"] {
        assert!(!set.insert(id.to_owned(), &check(&json!({"n": 1}))));
    }
    assert_eq!(set.matches(&json!({"n": 1})), ["c", "a", "b"]);
    assert!(set.insert("c".to_owned(), &check(&json!({"m": 1}))));
    assert_eq!(set.matches(&json!({"n": 1, "m": 1})), ["c", "a", "b"]);
    assert_eq!(set.matches(&json!({"n": 1})), ["a", "b"]);
    assert!(set.remove("c") && !set.remove("c") && !set.contains("c"));
    set.insert("c".to_owned(), &check(&json!({})));
    assert_eq!(set.clone().matches(&json!({"n": 1})), ["a", "b", "c"]);
    assert_eq!(set.len(), 3);
}

#[test]
fn threads_ask_one_set() {
    let mut set = FilterSet::new();
    for id in 0..500 {
        set.insert(id, &check(&json!({"a": id % 10, "b": id % 7})));
    }
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let set = &set;
            scope.spawn(move || {
                for at in (thread..700).step_by(4) {
                    let (a, b) = (at % 10, at % 7);
                    let expected: Vec<usize> = (0..500).filter(|id| id % 10 == a && id % 7 == b).collect();
                    let found = set.matches(&json!({"a": a, "b": [b, null]}));
                    assert!(found.into_iter().eq(&expected));
                }
            });
        }
    });
}

const MIB: usize = 1 << 20;

#[test]
fn hostile_filters_are_stored_in_a_bounded_heap_and_answered() {
    on_small_stack(|| {
        const MANY: usize = 100_000;
        // One list of ids that many filters share is stored once.
        let ids: Vec<String> = (0..MANY).map(|at| format!("id{at:07}")).collect();
        let shared = check(&json!({"field": "id", "operator": "in", "value": ids}));
        let mut set = FilterSet::new();
        let ((), peak) = peak_of(|| {
            for id in 0..1_000 {
                set.insert(id, &Predicate::all([shared.clone(), check(&json!({"n": id}))]));
            }
        });
        assert!(peak < 32 * MIB, "{peak}");
        assert_eq!(set.matches(&json!({"id": ["no", "id0099999"], "n": [7, 999, 1000]})), [&7, &999]);
        // Alone, they are all found by the list.
        for id in 0..1_000 {
            set.insert(id, &shared);
        }
        assert_eq!(set.matches(&json!({"id": "id0000000"})).len(), 1_000);
        assert_eq!(set.matches(&json!({"id": "id0100000"})).len(), 0);

        // Many leaves in one filter, each on a path of its own.
        let members: Vec<Json> = (0..MANY).map(|at| json!({"field": format!("f{at}.x"), "value": at})).collect();
        let (any, all) = (check(&json!({"OR": members})), check(&json!({"AND": members})));
        let ((), peak) = peak_of(|| {
            set.insert(1_000, &any);
            set.insert(1_001, &all);
        });
        // With a path of its own, a condition takes the most: less than forty times what it takes as text.
        assert!(peak < 1_536 * MANY, "{peak}");
        assert_eq!(set.matches(&json!({"f99999": {"x": 99_999}})), [&1_000]);
        let whole: Json = (0..MANY).map(|at| (format!("f{at}"), json!({"x": [at]}))).collect();
        assert_eq!(set.matches(&whole), [&1_000, &1_001]);
        assert_eq!(set.matches(&json!({"f99999": {"x": 0}})), [&0; 0]);

        // A filter that is many groups deep.
        let mut deep = String::new();
        let levels = 10_000;
        for level in 0..levels {
            let _ =
                write!(deep, r#"{{"AND":[{{"field":"x","operator":"gt","value":{level}}},{{"OR":[{{"y":{level}}},"#);
        }
        let deep = deep + r#"{"z":3}"# + &"]}]}".repeat(levels);
        let limits = Limit::all().fold(Limits::default(), |limits, limit| limits.with(limit, usize::MAX));
        let deep = Schema::open().check(&Parser::new().limits(limits).json(&deep).unwrap()).unwrap();
        set.insert(1_002, &deep);
        let matcher = Matcher::new(&deep);
        for document in
            [json!({"x": 5, "y": 4}), json!({"x": 5, "y": 5}), json!({"x": 20_000, "z": 3}), json!({"z": 3})]
        {
            assert_eq!(set.matches(&document) == [&1_002], matcher.matches(&document), "{document}");
        }
        (0..1_003).for_each(|id| assert!(set.remove(&id)));
        assert!(set.is_empty());
    });
}

#[test]
fn a_string_of_one_byte_a_million_times_is_gone_through_once() {
    let mut set = FilterSet::new();
    // Needles with nothing rare in them: all are put under the same few bytes.
    for id in 1..2_000 {
        let needle = "a".repeat(4 + id);
        set.insert(id, &check(&json!({"field": "s", "operator": "contains", "value": needle})));
    }
    let document = json!({"s": "a".repeat(1_000)});
    assert!(set.matches(&document).into_iter().eq(&(1..=996).collect::<Vec<_>>()));
    for id in 2_000..2_100 {
        let needle = format!("{id} is rare");
        set.insert(id, &check(&json!({"field": "s", "operator": "contains", "value": needle})));
    }
    let long = json!({"s": ["a".repeat(1_000_000), "so 2042 is rare"]});
    assert_eq!(set.matches(&long).len(), 2_000);
}

#[test]
fn a_value_that_all_ask_for_any_number_of_times_takes_no_more_heap_than_once() {
    on_small_stack(|| {
        let fields = [Field::new("at", Type::Datetime)];
        let schema = Schema::new(fields).expect("a schema");
        let mut set = FilterSet::new();
        for id in 0..2_000 {
            let instants = json!(["2024-01-01T00:00:00Z", format!("2025-01-01T00:00:00.{id:04}Z")]);
            for (field, values) in [("tags", json!(["a", id])), ("at", instants)] {
                let filter = json!({"field": field, "operator": "in", "value": values});
                set.insert((field, id), &schema.check(&parse::value(&filter).unwrap()).unwrap());
            }
        }
        for (field, value) in [("tags", "a"), ("at", "2024-01-01T00:00:00Z"), ("at", "2024-01-01T01:00:00+01:00")] {
            let document = json!({field: vec![value; 20_000]});
            let (matching, peak) = peak_of(|| set.matches(&document).len());
            assert_eq!(matching, 2_000, "{field}");
            // Four bytes for each filter and each condition, and the answer.
            assert!(peak < MIB / 4, "{field}: {peak}");
        }
    });
}
