//! Generated catalogs, objects and requests, and what a brute force that looks at everything says of them. Used by the tests
//! and by the fuzzer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
use trommel::Code;
use trommel::plan::{Answers, CatalogFile, TriggerRequest, resolve};
use trommel::store::{Destination, Imported, Store};

#[path = "stores.rs"]
pub(crate) mod stores;

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
