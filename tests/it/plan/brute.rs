//! Generated catalogs, objects and requests, and what a brute force that looks at everything says of them. Used by the tests
//! and by the fuzzer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
use trommel::plan::{Answers, CatalogFile, Count, TriggerRequest, resolve};
use trommel::reference::Reference;
use trommel::store::{Destination, Imported, Store};
use trommel::{Code, Schema, parse};

/// Where choices come from.
pub(crate) struct Dice<'d>(Box<dyn FnMut() -> u64 + 'd>);

impl<'d> Dice<'d> {
    /// Numbers that look random and are the same every time (SplitMix64).
    pub(crate) fn of(mut seed: u64) -> Dice<'d> {
        Dice(Box::new(move || {
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        }))
    }

    /// The bytes of a fuzzer, zeros after them.
    #[allow(dead_code)] // the tests take the other
    pub(crate) fn bytes(bytes: &'d [u8]) -> Dice<'d> {
        let mut bytes = bytes.iter();
        Dice(Box::new(move || bytes.next().map_or(0, |byte| u64::from(*byte))))
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((self.0)() % bound as u64) as usize
    }
}

/// What was met.
#[derive(Default)]
pub(crate) struct Met {
    pub(crate) plans: usize,
    pub(crate) circles: usize,
    pub(crate) skipped: usize,
    /// Collections whose tier is not their step.
    pub(crate) other_steps: usize,
    /// Collections left out that several disabled ones lead to.
    pub(crate) through_several: usize,
    /// Collections found by a name that is not their id.
    pub(crate) by_colliding_names: usize,
    /// Requests that name what is not there, or is no source.
    pub(crate) mistakes: usize,
}

/// A collection of a generated catalog: enabled, and its sources; none: made of a bucket.
struct Made {
    enabled: bool,
    sources: Option<Vec<usize>>,
}

fn generate(dice: &mut Dice<'_>) -> Vec<Made> {
    let count = 1 + dice.below(10);
    let may_circle = dice.below(3) == 0;
    // Few sources for many collections, so that several ways lead to one.
    let is_narrow = dice.below(2) == 0;
    let enabled_of = [2, 5][dice.below(2)];
    (0..count)
        .map(|at| {
            let below = if may_circle { count } else { at };
            let below = if is_narrow { below.min(3) } else { below };
            let sources =
                (below > 0 && dice.below(6) > 0).then(|| (0..dice.below(5)).map(|_| dice.below(below)).collect());
            Made { enabled: dice.below(enabled_of) > 0, sources }
        })
        .collect()
}

/// All ways from a node along `next`, each as the nodes on it; a node that comes again ends its way.
fn ways(from: usize, next: &dyn Fn(usize) -> Vec<usize>) -> (Vec<Vec<usize>>, bool) {
    let (mut all, mut circles, mut open) = (Vec::new(), false, vec![vec![from]]);
    while let Some(way) = open.pop() {
        for node in next(way[way.len() - 1]) {
            if way.contains(&node) {
                circles = true;
            } else {
                open.push(way.iter().copied().chain([node]).collect());
            }
        }
        all.push(way);
    }
    (all, circles)
}

/// The plan of a generated catalog: its steps, tiers, circles and what is left out.
pub(crate) fn tiers(dice: &mut Dice<'_>, met: &mut Met) {
    let made = generate(dice);
    // Names that are ids of others.
    let id = |at: usize| format!("c{at}");
    let name =
        |at: usize| if at.is_multiple_of(2) { format!("c{}", (at + 2) % made.len().max(3)) } else { format!("n{at}") };
    let is_unique = (0..made.len()).map(name).collect::<BTreeSet<_>>().len() == made.len();
    let name = |at: usize| if is_unique { name(at) } else { format!("n{at}") };
    let collections: Vec<Json> = made
        .iter()
        .enumerate()
        .map(|(at, made)| {
            let source = match &made.sources {
                None => json!({"type": "bucket", "bucket_ids": ["b"]}),
                Some(sources) => {
                    json!({"type": "collection", "collection_ids": sources.iter().map(|at| id(*at)).collect::<Vec<_>>()})
                }
            };
            json!({"collection_id": id(at), "name": name(at), "enabled": made.enabled, "source": source})
        })
        .collect();
    let catalog = json!({"buckets": [{"bucket_id": "b"}], "collections": collections});
    let catalog = CatalogFile::from_json(&catalog.to_string()).unwrap().into_catalog("ns_1").unwrap();
    // Rather one of the first, which more is made of.
    let triggered = dice.below(made.len()).min(dice.below(made.len())).min(dice.below(made.len()));
    let resolved = resolve(&id(triggered), &TriggerRequest::default(), &catalog);

    let up = |at: usize| made[at].sources.clone().unwrap_or_default();
    let down = |at: usize| (0..made.len()).filter(|to| up(*to).contains(&at)).collect::<Vec<_>>();
    let down_enabled = |at: usize| down(at).into_iter().filter(|to| made[*to].enabled).collect::<Vec<_>>();
    if !made[triggered].enabled {
        assert_eq!(resolved.err().unwrap().code(), Code::Unsupported);
        return;
    }
    let (reached, circles_down) = ways(triggered, &down);
    let (processed, _) = ways(triggered, &down_enabled);
    let mut steps: BTreeMap<usize, usize> = BTreeMap::new();
    for way in &processed {
        let step = steps.entry(way[way.len() - 1]).or_default();
        *step = (*step).max(way.len() - 1);
    }
    let circles_up = steps.keys().any(|at| ways(*at, &up).1);
    if circles_down || circles_up {
        met.circles += 1;
        let error = resolved.err().unwrap();
        assert_eq!(error.code(), Code::Cycle);
        let path: Vec<usize> = error.diagnostics()[0].expected.iter().map(|id| id[1..].parse().unwrap()).collect();
        assert!(path.len() > 1 && path[0] == path[path.len() - 1], "{path:?}");
        assert!(path.windows(2).all(|pair| up(pair[1]).contains(&pair[0])), "{path:?}");
        return;
    }
    met.plans += 1;
    let plan = resolved.unwrap().with_answers(Answers::default());
    let found: BTreeMap<usize, usize> = plan
        .tiers
        .iter()
        .flat_map(|tier| tier.collections.iter().map(|found| (found.id[1..].parse().unwrap(), tier.step)))
        .collect();
    assert_eq!(found, steps);
    assert_eq!(plan.total_tiers, 1 + steps.values().max().unwrap());
    for collection in plan.tiers.iter().flat_map(|tier| &tier.collections) {
        let at: usize = collection.id[1..].parse().unwrap();
        // The longest way up that ends where there is no more.
        let tier = ways(at, &up).0.iter().map(|way| way.len() - 1).max().unwrap();
        assert_eq!(collection.tier, tier, "{at}");
        met.other_steps +=
            usize::from(tier != plan.tiers.iter().position(|tier| tier.collections.contains(collection)).unwrap());
    }
    let left_out: BTreeSet<usize> =
        reached.iter().map(|way| way[way.len() - 1]).filter(|at| !steps.contains_key(at)).collect();
    met.skipped += left_out.len();
    assert_eq!(plan.skipped.iter().map(|found| found.id[1..].parse().unwrap()).collect::<BTreeSet<usize>>(), left_out);
    for found in &plan.skipped {
        let at: usize = found.id[1..].parse().unwrap();
        // The last disabled one of each way there.
        let ways_there = reached.iter().filter(|way| way[way.len() - 1] == at);
        let through: BTreeSet<usize> =
            ways_there.map(|way| *way.iter().rev().find(|at| !made[**at].enabled).unwrap()).collect();
        if !made[at].enabled {
            assert_eq!(found.reason, "it is disabled");
            continue;
        }
        met.through_several += usize::from(through.len() > 1);
        let named: Vec<String> = through.iter().take(3).map(|at| format!("`{}`", name(*at))).collect();
        let more = if through.len() > 3 { " and more" } else { "" };
        let are = if through.len() == 1 { "is" } else { "are" };
        assert_eq!(found.reason, format!("only reached through {}{more}, which {are} disabled", named.join(", ")));
    }
}

/// Looking up buckets and collections whose names are the ids of others, beside one that goes through all of them.
pub(crate) fn names(dice: &mut Dice<'_>, met: &mut Met) {
    const WORDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    // Ids and names of the same few words; an id or a name may stand twice.
    let things = |dice: &mut Dice<'_>| -> Vec<(&str, &str)> {
        (0..1 + dice.below(4)).map(|_| (WORDS[dice.below(4)], WORDS[dice.below(5)])).collect()
    };
    let (buckets, made) = (things(dice), things(dice));
    let find = |all: &[(&str, &str)], word: &str| {
        let by_id = all.iter().position(|(id, _)| *id == word);
        by_id.or_else(|| all.iter().position(|(_, name)| *name == word))
    };
    let is_twice = |all: &[(&str, &str)]| {
        let (ids, names): (BTreeSet<_>, BTreeSet<_>) = all.iter().copied().unzip();
        ids.len() < all.len() || names.len() < all.len()
    };
    let sources: Vec<Vec<&str>> =
        made.iter().map(|_| (0..dice.below(4)).map(|_| WORDS[dice.below(5)]).collect()).collect();
    let file = json!({
        "buckets": buckets.iter().map(|(id, name)| json!({"bucket_id": id, "name": name})).collect::<Vec<_>>(),
        "collections": made.iter().zip(&sources).map(|((id, name), sources)| json!({
            "collection_id": id, "name": name, "source": {"type": "bucket", "bucket_ids": sources},
        })).collect::<Vec<_>>(),
    });
    let catalog = CatalogFile::from_json(&file.to_string()).unwrap().into_catalog("ns_1");
    if is_twice(&buckets) || is_twice(&made) {
        assert_eq!(catalog.unwrap_err().code(), Code::AmbiguousName, "{file}");
        return;
    }
    if sources.iter().flatten().any(|word| find(&buckets, word).is_none()) {
        assert_eq!(catalog.unwrap_err().code(), Code::NotFound, "{file}");
        return;
    }
    let catalog = catalog.unwrap();
    let word = WORDS[dice.below(6)];
    let included: Vec<&str> = (0..dice.below(3)).map(|_| WORDS[dice.below(6)]).collect();
    let request = TriggerRequest::from_value(&json!({"include_buckets": included})).unwrap();
    let resolved = resolve(word, &request, &catalog);
    let Some(triggered) = find(&made, word) else {
        assert_eq!(resolved.err().unwrap().code(), Code::NotFound, "{file} {word}");
        return;
    };
    met.by_colliding_names += usize::from(made[triggered].0 != word && made[triggered].0 != made[triggered].1);
    // Each bucket once, where the collection first names it.
    let mut configured: Vec<usize> = Vec::new();
    for source in sources[triggered].iter().filter_map(|word| find(&buckets, word)) {
        if !configured.contains(&source) {
            configured.push(source);
        }
    }
    let mistakes: Vec<(Code, String)> = included
        .iter()
        .enumerate()
        .filter_map(|(at, word)| {
            let code = match find(&buckets, word) {
                None => Code::NotFound,
                Some(found) if !configured.contains(&found) => Code::NotASource,
                Some(_) => return None,
            };
            Some((code, format!("/include_buckets/{at}")))
        })
        .collect();
    match resolved {
        Ok(resolved) => {
            assert!(mistakes.is_empty(), "{file} {included:?}");
            assert_eq!(resolved.collection().collection_id, made[triggered].0);
            let is_wanted = |at: &&usize| included.iter().any(|word| find(&buckets, word) == Some(**at));
            let wanted: Vec<&str> = configured.iter().filter(is_wanted).map(|at| buckets[*at].0).collect();
            let found: Vec<&str> = resolved.sources().iter().map(|source| source.id()).collect();
            assert_eq!(found, wanted, "{file} {included:?}");
            met.plans += 1;
        }
        Err(error) => {
            let told: Vec<(Code, String)> =
                error.diagnostics().iter().map(|found| (found.code, found.place.pointer.clone().unwrap())).collect();
            assert_eq!(told, mistakes, "{file} {included:?}");
            met.mistakes += 1;
        }
    }
}

/// The namespace `shop` of the generated stores.
pub(crate) fn catalog() -> CatalogFile {
    let file = json!({
        "buckets": [
            {"bucket_id": "bkt_1", "name": "photos", "unique_key": {"fields": ["sku", "at.shelf"]}},
            {"bucket_id": "bkt_2", "name": "scans"},
        ],
        "collections": [
            {"collection_id": "col_a", "name": "frames", "source": {"type": "bucket", "bucket_ids": ["bkt_1", "bkt_2"]}},
            {"collection_id": "col_b", "name": "faces", "source": {"type": "collection", "collection_id": "col_a"}},
        ],
    });
    CatalogFile::from_json(&file.to_string()).unwrap()
}

/// Imports lines that are all good.
pub(crate) fn import(store: &mut Store, destination: Destination<'_>, lines: &[Json]) -> Imported {
    let mut import = store.import("shop", destination).unwrap();
    lines.iter().for_each(|line| import.add(line.to_string().as_bytes()).unwrap().unwrap());
    import.finish().unwrap()
}

/// Objects with few distinct values, so that keys and conditions meet.
fn objects(dice: &mut Dice<'_>, bucket: &str, count: usize) -> Vec<Json> {
    let values = [
        json!(1),
        json!(1.0),
        json!("1"),
        json!(null),
        json!([1]),
        json!({"a": 1, "b": [2]}),
        json!("K"),
        json!("\u{212A}"),
    ];
    (0..count)
        .map(|n| {
            let mut object = json!({"object_id": format!("{bucket}{n}")});
            for (key, odds) in [("sku", 8), ("status", 6), ("n", 5)] {
                if dice.below(10) < odds {
                    object[key] = values[dice.below(values.len())].clone();
                }
            }
            if dice.below(4) > 0 {
                object["at"] = json!({"shelf": dice.below(2)});
            }
            object
        })
        .collect()
}

fn matching<'o>(filter: &Json, objects: &'o [Json]) -> Vec<&'o Json> {
    let filter = parse::value(filter).unwrap();
    let reference = Reference::new(&filter, &Schema::open()).unwrap();
    objects.iter().filter(|object| reference.matches(object)).collect()
}

/// Whether two values are equal as JSON (D2, D3).
fn equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        (a, b) => a == b,
    }
}

/// A request that names buckets and objects, unknown ones and duplicates among them.
fn limited(dice: &mut Dice<'_>, store: &mut Store, photos: &[Json], scans: &[Json]) {
    let (mut body, mut buckets, mut ids) = (json!({}), None, None);
    if dice.below(3) > 0 {
        let names = ["photos", "bkt_1", "scans", "bkt_2"];
        let named: Vec<&str> = (0..dice.below(4)).map(|_| names[dice.below(4)]).collect();
        body["include_buckets"] = json!(named);
        buckets = Some(named);
    }
    if dice.below(3) > 0 {
        let bucket = |n: usize| if n == 0 { "p" } else { "s" };
        let named: Vec<String> =
            (0..dice.below(6)).map(|_| format!("{}{}", bucket(dice.below(2)), dice.below(photos.len() + 2))).collect();
        body["object_ids"] = json!(named);
        ids = Some(named);
    }
    let plan = store.plan("shop", "frames", &TriggerRequest::from_value(&body).unwrap()).unwrap();
    let is_named =
        |object: &&Json| ids.as_ref().is_none_or(|ids| ids.iter().any(|id| object["object_id"].as_str() == Some(id)));
    let sources = [("bkt_1", "photos", photos), ("bkt_2", "scans", scans)];
    let wanted: Vec<(&str, Count)> = sources
        .into_iter()
        .filter(|(id, name, _)| buckets.as_ref().is_none_or(|named| named.contains(id) || named.contains(name)))
        .map(|(id, _, objects)| (id, Count::Exact(objects.iter().filter(is_named).count() as u64)))
        .collect();
    let found: Vec<(&str, Count)> = plan.sources.iter().map(|source| (&*source.id, source.count)).collect();
    assert_eq!(found, wanted, "{body}");
}

/// Plans and triggers over a store of generated objects and documents. Gives how many documents would have been overwritten, and
/// how many objects duplicated.
pub(crate) fn counts(dice: &mut Dice<'_>, count: usize) -> (usize, usize) {
    let filters = [
        json!({}),
        json!({"status": 1}),
        json!({"field": "status", "value": "k", "case_sensitive": false}),
        json!({"NOT": [{"field": "n", "operator": "in", "value": [1, "K"]}]}),
        json!({"field": "at.shelf", "operator": "gte", "value": 1}),
        // Left to recheck, in part and whole.
        json!({"AND": [{"field": "status", "operator": "regex", "value": "^(?i)k{1,3}$"}, {"field": "n", "operator": "exists"}]}),
        json!({"field": "object_id", "operator": "regex", "value": r"\b1\d*[02468]\b|7(?-u:\b)"}),
    ];
    let (mut overwritten, mut duplicated) = (0, 0);
    let mut store = Store::in_memory().unwrap();
    store.apply("shop", catalog()).unwrap();
    let (photos, scans) = (objects(dice, "p", count), objects(dice, "s", count * 3 / 4));
    import(&mut store, Destination::Bucket("photos"), &photos);
    import(&mut store, Destination::Bucket("scans"), &scans);
    let documents: Vec<Json> = (0..count * 3 / 2)
        .map(|n| match dice.below(4) {
            0 => json!({"document_id": n.to_string()}),
            1 => json!({"document_id": n.to_string(), "root_object_id": format!("s{}", dice.below(count))}),
            _ => json!({"document_id": n.to_string(), "root_object_id": format!("p{}", dice.below(count * 5 / 4))}),
        })
        .collect();
    import(&mut store, Destination::Collection("frames"), &documents);
    // Those of another collection are not looked at.
    import(&mut store, Destination::Collection("faces"), &documents);
    let key = |object: &Json| Some([object.get("sku")?.clone(), object.get("at")?.get("shelf")?.clone()]);
    let same_key = |a: &Json, b: &Json| match (key(a), key(b)) {
        (Some(a), Some(b)) => a.iter().zip(&b).all(|(a, b)| equal(a, b)),
        _ => false,
    };
    for filter in &filters {
        let plan = store
            .plan("shop", "frames", &TriggerRequest::from_value(&json!({"source_filters": filter})).unwrap())
            .unwrap();
        let (of_photos, of_scans) = (matching(filter, &photos), matching(filter, &scans));
        assert_eq!(plan.sources[0].count, Count::Exact(of_photos.len() as u64), "{filter}");
        assert_eq!(plan.sources[1].count, Count::Exact(of_scans.len() as u64), "{filter}");
        let is_overwritten = |document: &&Json| {
            let Some(root) = document.get("root_object_id") else { return false };
            let root_object = photos.iter().find(|object| object["object_id"] == *root);
            of_photos
                .iter()
                .any(|object| object["object_id"] == *root || root_object.is_some_and(|root| same_key(root, object)))
        };
        let would_overwrite = documents.iter().filter(is_overwritten).count();
        let has_documents = |object: &&&Json| {
            documents.iter().any(|document| document.get("root_object_id") == Some(&object["object_id"]))
        };
        let would_duplicate = of_scans.iter().filter(has_documents).count();
        assert_eq!(plan.sources[0].would_overwrite, Some(would_overwrite as u64), "{filter}");
        assert_eq!(plan.sources[0].would_duplicate, None);
        assert_eq!(plan.sources[1].would_duplicate, Some(would_duplicate as u64), "{filter}");
        assert_eq!(plan.sources[1].would_overwrite, None);
        (overwritten, duplicated) = (overwritten + would_overwrite, duplicated + would_duplicate);

        let response = store
            .trigger("shop", "frames", &TriggerRequest::from_value(&json!({"source_filters": filter})).unwrap())
            .unwrap();
        let expected: BTreeSet<(String, String)> = [("bkt_1", of_photos), ("bkt_2", of_scans)]
            .into_iter()
            .flat_map(|(bucket, found)| {
                found
                    .into_iter()
                    .map(move |object| (bucket.to_owned(), object["object_id"].as_str().unwrap().to_owned()))
            })
            .collect();
        assert_eq!(response.object_count, Some(expected.len() as u64));
        let members: BTreeSet<_> = store.batch_members(&response.batch_id).unwrap().into_iter().collect();
        assert_eq!(members, expected, "{filter}");
    }
    for _ in 0..5 {
        limited(dice, &mut store, &photos, &scans);
    }
    (overwritten, duplicated)
}
