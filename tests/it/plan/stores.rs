//! Generated stores: a catalog, what is in its buckets and collections, and requests; beside a brute force that looks at all
//! of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
use trommel::plan::{CatalogFile, Count, TriggerPlan, TriggerRequest};
use trommel::reference::Reference;
use trommel::store::{Destination, Store};
use trommel::{Code, Path, Schema, parse};

use super::Dice;

/// A filter and documents that it meets from elsewhere, beside those that are made here; none: there are no more.
pub(crate) type Others<'o> = dyn FnMut() -> Option<(String, Vec<Json>)> + 'o;

/// What was met.
#[derive(Debug, Default)]
pub(crate) struct Met {
    /// Plans and triggers over a collection made of buckets, and of collections.
    pub(crate) of_buckets: usize,
    pub(crate) of_collections: usize,
    /// Those where something, and not everything, was selected.
    pub(crate) telling: usize,
    pub(crate) indexed: usize,
    pub(crate) mistakes: usize,
    pub(crate) overwritten: usize,
    /// Documents overwritten for their root object's key alone.
    pub(crate) by_key: usize,
    pub(crate) duplicated: usize,
}

/// Scalars as they are written: the same number in several spellings and as text, numbers that an `f64` does not tell apart.
const SCALARS: [&str; 15] = [
    "1",
    "1.0",
    "1e0",
    r#""1""#,
    "null",
    r#""K""#,
    r#""\u212a""#,
    "9007199254740993",
    "9007199254740992",
    "9007199254740992.0",
    "9007199254740993.0",
    "18446744073709551615",
    "1.8446744073709552e19",
    "-0.0",
    "true",
];
const CONTAINERS: [&str; 6] =
    ["[1]", "[1.0, null]", "[]", r#"{"b": [2], "a": 1}"#, r#"{"a": 1.0, "b": [2.0]}"#, "[[9007199254740993]]"];

const FIELDS: [&str; 8] = ["sku", "status", "n", "at.shelf", "tags", "at", "object_id", "a"];
const KEYS: [&[&str]; 5] = [&["sku"], &["sku", "at.shelf"], &["at"], &["tags", "n"], &["a"]];

struct Bucket {
    key: Option<&'static [&'static str]>,
    objects: BTreeMap<String, Json>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Bucket,
    Collection,
}

struct Collection {
    is_enabled: bool,
    kind: Kind,
    /// As they are configured: some of them twice.
    sources: Vec<usize>,
    filter: Option<String>,
    documents: BTreeMap<String, Json>,
}

/// All that is in a store.
struct World {
    values: Vec<&'static str>,
    buckets: Vec<Bucket>,
    collections: Vec<Collection>,
}

/// Makes a store, and so many requests to it. `size`: how many members its buckets and collections have, about.
pub(crate) fn requests(dice: &mut Dice<'_>, size: usize, count: usize, others: &mut Others<'_>, met: &mut Met) {
    let mut store = Store::in_memory().unwrap();
    let mut world = World::new(dice, others);
    // What is imported under another key is found by the one that is there at last.
    let changes_keys = dice.below(3) == 0;
    world.buckets.iter_mut().for_each(|bucket| bucket.key = key(dice));
    world.apply(&mut store);
    let paths: Vec<Path> = FIELDS.iter().map(|field| Path::parse(field).unwrap()).collect();
    let paths = &paths[dice.below(3)..4 + dice.below(5)];
    let mut is_indexed = dice.below(2) == 0;
    if is_indexed {
        assert!(store.index(paths).unwrap() > 0);
    }
    world.fill(dice, &mut store, size, others);
    if changes_keys {
        world.buckets.iter_mut().for_each(|bucket| bucket.key = key(dice));
        world.apply(&mut store);
    }
    for _ in 0..count {
        met.indexed += usize::from(is_indexed);
        world.ask(dice, &mut store, others, met);
        if !is_indexed && dice.below(3) == 0 {
            assert!(store.index(paths).unwrap() > 0);
            is_indexed = true;
        }
    }
}

/// A unique key, or none; rather one of the first, which more objects share.
fn key(dice: &mut Dice<'_>) -> Option<&'static [&'static str]> {
    (dice.below(3) > 0).then(|| KEYS[dice.below(KEYS.len()).min(dice.below(KEYS.len()))])
}

impl World {
    fn new(dice: &mut Dice<'_>, others: &mut Others<'_>) -> World {
        let mut values: Vec<&str> = (0..4).map(|_| SCALARS[dice.below(SCALARS.len())]).collect();
        values.push(CONTAINERS[dice.below(CONTAINERS.len())]);
        let buckets =
            (0..1 + dice.below(3)).map(|_| Bucket { key: None, objects: BTreeMap::new() }).collect::<Vec<_>>();
        let mut collections: Vec<Collection> = Vec::new();
        for at in 0..1 + dice.below(4) {
            let kind = if at == 0 || dice.below(3) == 0 { Kind::Bucket } else { Kind::Collection };
            let of = if kind == Kind::Bucket { buckets.len() } else { at };
            collections.push(Collection {
                is_enabled: dice.below(8) > 0,
                kind,
                sources: (0..1 + dice.below(4)).map(|_| dice.below(of)).collect(),
                filter: (dice.below(4) == 0).then(|| filter(dice, &values, others)),
                documents: BTreeMap::new(),
            });
        }
        World { values, buckets, collections }
    }

    /// Adds the catalog to a store, or changes what it has.
    fn apply(&self, store: &mut Store) {
        let id = |kind, at: &usize| word(kind, *at, at.is_multiple_of(2));
        let buckets: Vec<Json> = (0..self.buckets.len())
            .map(|at| {
                let key = self.buckets[at].key.map(|fields| json!({"fields": fields}));
                json!({"bucket_id": word(Kind::Bucket, at, true), "name": word(Kind::Bucket, at, false), "unique_key": key})
            })
            .collect();
        let collections: Vec<Json> = self
            .collections
            .iter()
            .enumerate()
            .map(|(at, made)| {
                let sources: Vec<String> = made.sources.iter().map(|source| id(made.kind, source)).collect();
                let source = match made.kind {
                    Kind::Bucket => json!({"type": "bucket", "bucket_ids": sources}),
                    Kind::Collection => json!({"type": "collection", "collection_ids": sources}),
                };
                let filter = made.filter.as_ref().map(|_| format!("the filter {at}"));
                json!({
                    "collection_id": word(Kind::Collection, at, true), "name": word(Kind::Collection, at, false),
                    "enabled": made.is_enabled, "source": source, "source_filters": filter,
                })
            })
            .collect();
        let mut text = json!({"buckets": buckets, "collections": collections}).to_string();
        // As they are spelled.
        for (at, made) in self.collections.iter().enumerate() {
            text = text.replace(&format!(r#""the filter {at}""#), made.filter.as_deref().unwrap_or_default());
        }
        store.apply("shop", CatalogFile::from_json(&text).unwrap()).unwrap();
    }

    /// Imports objects and documents, some of them twice.
    fn fill(&mut self, dice: &mut Dice<'_>, store: &mut Store, size: usize, others: &mut Others<'_>) {
        let values = &self.values;
        for (at, bucket) in self.buckets.iter_mut().enumerate() {
            let named = word(Kind::Bucket, at, dice.below(2) == 0);
            let ids = (0..dice.below(2 * size)).map(|n| format!("o{at}_{}", n % size)).collect::<Vec<_>>();
            let lines = lines(dice, values, &ids, others, |_| ("object_id", None));
            import(store, Destination::Bucket(&named), lines, "object_id", &mut bucket.objects);
        }
        let buckets = self.buckets.len();
        for (at, collection) in self.collections.iter_mut().enumerate() {
            let named = word(Kind::Collection, at, dice.below(2) == 0);
            let ids = (0..dice.below(2 * size)).map(|n| format!("d{}", n % (size + 2))).collect::<Vec<_>>();
            let lines = lines(dice, values, &ids, others, |dice| {
                // Of any bucket, of an object that is not there now and then.
                let root = format!("o{}_{}", dice.below(buckets), dice.below(size + 1));
                ("document_id", (dice.below(5) > 0).then_some(root))
            });
            import(store, Destination::Collection(&named), lines, "document_id", &mut collection.documents);
        }
    }

    /// Plans and triggers a request, and holds both against what all members say.
    fn ask(&self, dice: &mut Dice<'_>, store: &mut Store, others: &mut Others<'_>, met: &mut Met) {
        let at = dice.below(self.collections.len());
        let triggered = &self.collections[at];
        let named = word(Kind::Collection, at, dice.below(2) == 0);
        let configured = each_once(&triggered.sources);
        let body = Body::new(dice, self, triggered.kind, others);
        let about = format!("{named} {} {:?}", body.text(), triggered.filter);
        let request = TriggerRequest::from_json(body.text()).unwrap();
        let planned = store.plan("shop", &named, &request);
        let mistakes = if triggered.is_enabled { body.mistakes(&configured) } else { vec![(Code::Unsupported, None)] };
        if !mistakes.is_empty() {
            for error in [planned.err().unwrap(), store.trigger("shop", &named, &request).unwrap_err()] {
                let found = error.diagnostics().iter().map(|found| (found.code, found.place.pointer.clone()));
                assert_eq!(found.collect::<Vec<_>>(), mistakes, "{about}");
            }
            met.mistakes += 1;
            return;
        }
        let plan = planned.unwrap();
        let selected: Vec<usize> = configured.into_iter().filter(|source| body.includes(*source)).collect();
        let all = self.holds(&plan, triggered, &selected, &body, met);
        let read = TriggerPlan::from_json(&serde_json::to_string(&plan.to_json()).unwrap()).unwrap();
        for response in [store.trigger("shop", &named, &request), store.trigger_plan(&read)] {
            let response = response.unwrap();
            let counts = match triggered.kind {
                Kind::Bucket => (Some(all.len() as u64), None),
                Kind::Collection => (None, Some(all.len() as u64)),
            };
            assert_eq!((response.object_count, response.document_count), counts, "{about}");
            let members: BTreeSet<_> = store.batch_members(&response.batch_id).unwrap().into_iter().collect();
            assert_eq!(members, all, "{about}");
        }
    }

    /// Holds a plan against these sources of it; gives what is selected in them.
    fn holds(
        &self,
        plan: &TriggerPlan,
        triggered: &Collection,
        selected: &[usize],
        body: &Body,
        met: &mut Met,
    ) -> BTreeSet<(String, String)> {
        let (kind, about) = (triggered.kind, format!("{} {:?}", body.text(), triggered.filter));
        let found: Vec<&str> = plan.sources.iter().map(|source| &*source.id).collect();
        assert_eq!(found, selected.iter().map(|at| word(kind, *at, true)).collect::<Vec<_>>(), "{about}");
        let filters: Vec<Reference> =
            [&triggered.filter, &body.filter].into_iter().flatten().map(|filter| reference(filter)).collect();
        let is_selected = |id: &str, member: &Json| {
            let is_named = body.ids.as_ref().is_none_or(|ids| ids.iter().any(|wanted| wanted == id));
            is_named && filters.iter().all(|filter| filter.matches(member))
        };
        let (mut all, mut members) = (BTreeSet::new(), 0);
        for (planned, source) in plan.sources.iter().zip(selected) {
            let of_source = match kind {
                Kind::Bucket => &self.buckets[*source].objects,
                Kind::Collection => &self.collections[*source].documents,
            };
            members += of_source.len();
            let matching: BTreeSet<&str> =
                of_source.iter().filter(|(id, member)| is_selected(id, member)).map(|(id, _)| &**id).collect();
            assert_eq!(planned.count, Count::Exact(matching.len() as u64), "{} {about}", planned.id);
            let effects = match kind {
                Kind::Bucket => met_by(&self.buckets[*source], &matching, triggered, met),
                Kind::Collection => (None, None),
            };
            assert_eq!((planned.would_overwrite, planned.would_duplicate), effects, "{} {about}", planned.id);
            all.extend(matching.iter().map(|id| (planned.id.clone(), (*id).to_owned())));
        }
        assert_eq!(plan.total, Count::Exact(all.len() as u64));
        met.telling += usize::from(!all.is_empty() && all.len() < members);
        match kind {
            Kind::Bucket => met.of_buckets += 1,
            Kind::Collection => met.of_collections += 1,
        }
        all
    }
}

/// How many documents of a collection would be overwritten if these objects were processed, or how many of the objects have
/// some already.
fn met_by(
    bucket: &Bucket,
    matching: &BTreeSet<&str>,
    target: &Collection,
    met: &mut Met,
) -> (Option<u64>, Option<u64>) {
    let roots: Vec<&str> =
        target.documents.values().filter_map(|document| document.get("root_object_id")?.as_str()).collect();
    let Some(fields) = bucket.key else {
        let has_documents = |id: &&&str| roots.contains(id);
        let duplicated = matching.iter().filter(has_documents).count();
        met.duplicated += duplicated;
        return (None, Some(duplicated as u64));
    };
    let key = |id: &str| bucket.objects.get(id).and_then(|object| key_values(fields, object));
    let keys: Vec<Vec<Vec<&Json>>> = matching.iter().filter_map(|id| key(id)).collect();
    let (by_id, others): (Vec<&str>, Vec<&str>) = roots.into_iter().partition(|root| matching.contains(root));
    let has_their_key = |root: &&&str| key(root).is_some_and(|key| keys.iter().any(|other| same_key(&key, other)));
    let by_key = others.iter().filter(has_their_key).count();
    met.by_key += by_key;
    met.overwritten += by_id.len() + by_key;
    (Some((by_id.len() + by_key) as u64), None)
}

/// Each source once, where it is first configured.
fn each_once(sources: &[usize]) -> Vec<usize> {
    let mut once: Vec<usize> = Vec::new();
    for source in sources {
        if !once.contains(source) {
            once.push(*source);
        }
    }
    once
}

/// The id or name of a bucket or collection.
fn word(kind: Kind, at: usize, is_id: bool) -> String {
    match (kind, is_id) {
        (Kind::Bucket, true) => format!("bkt_{at}"),
        (Kind::Bucket, false) => format!("bucket {at}"),
        (Kind::Collection, true) => format!("col_{at}"),
        (Kind::Collection, false) => format!("collection {at}"),
    }
}

fn reference(filter: &str) -> Reference {
    Reference::new(&parse::json(filter).unwrap(), &Schema::open()).unwrap()
}

/// A request.
struct Body {
    /// What `include_buckets` or `include_collections` names, the one that fits the collection: the source, if there is one,
    /// and the word.
    included: Option<Vec<(Option<usize>, String)>>,
    ids: Option<Vec<String>>,
    filter: Option<String>,
    /// Whether it names sources of the other kind.
    is_wrong: bool,
    kind: Kind,
}

impl Body {
    fn new(dice: &mut Dice<'_>, world: &World, kind: Kind, others: &mut Others<'_>) -> Body {
        let count = match kind {
            Kind::Bucket => world.buckets.len(),
            Kind::Collection => world.collections.len(),
        };
        let included = (dice.below(3) == 0).then(|| {
            let named = (0..dice.below(4)).map(|_| {
                let at = dice.below(count);
                // Nothing has this name, now and then.
                let is_there = dice.below(16) > 0;
                let named = word(kind, at, dice.below(2) == 0);
                if is_there { (Some(at), named) } else { (None, format!("{named}, another")) }
            });
            named.collect()
        });
        let ids = (kind == Kind::Bucket && dice.below(4) == 0).then(|| {
            (0..dice.below(24)).map(|_| format!("o{}_{}", dice.below(world.buckets.len()), dice.below(12))).collect()
        });
        let filter = (dice.below(3) > 0).then(|| filter(dice, &world.values, others));
        Body { included, ids, filter, is_wrong: dice.below(24) == 0, kind }
    }

    /// The member that includes sources, and the one that is about the other kind.
    fn names(&self) -> (&'static str, &'static str) {
        match self.kind {
            Kind::Bucket => ("include_buckets", "include_collections"),
            Kind::Collection => ("include_collections", "include_buckets"),
        }
    }

    fn text(&self) -> String {
        let (own, other) = self.names();
        let included: Option<Vec<&str>> =
            self.included.as_ref().map(|included| included.iter().map(|(_, word)| &**word).collect());
        let wrong = self.is_wrong.then_some([""; 0]);
        let (included, wrong, ids) = (json!(included), json!(wrong), json!(self.ids));
        let filter = self.filter.as_deref().unwrap_or("null");
        format!(r#"{{"{own}": {included}, "{other}": {wrong}, "object_ids": {ids}, "source_filters": {filter}}}"#)
    }

    /// Whether a source that is configured is one that it selects.
    fn includes(&self, source: usize) -> bool {
        self.included.as_ref().is_none_or(|included| included.iter().any(|(at, _)| *at == Some(source)))
    }

    /// All mistakes in it, in their order.
    fn mistakes(&self, configured: &[usize]) -> Vec<(Code, Option<String>)> {
        let (own, other) = self.names();
        let mut mistakes = Vec::new();
        if self.is_wrong {
            mistakes.push((Code::WrongSourceKind, Some(format!("/{other}"))));
        }
        for (n, (at, _)) in self.included.iter().flatten().enumerate() {
            let code = match at {
                None => Code::NotFound,
                Some(at) if !configured.contains(at) => Code::NotASource,
                Some(_) => continue,
            };
            mistakes.push((code, Some(format!("/{own}/{n}"))));
        }
        mistakes
    }
}

/// Lines with these ids: documents from elsewhere, and some whose values are few, so that keys and conditions meet.
fn lines(
    dice: &mut Dice<'_>,
    values: &[&str],
    ids: &[String],
    others: &mut Others<'_>,
    mut name: impl FnMut(&mut Dice<'_>) -> (&'static str, Option<String>),
) -> Vec<String> {
    let mut from_elsewhere: Vec<Json> = Vec::new();
    let mut lines = Vec::new();
    for id in ids {
        let (name, root) = name(dice);
        if from_elsewhere.is_empty() && dice.below(4) == 0 {
            from_elsewhere = others().map_or_else(Vec::new, |(_, documents)| documents);
        }
        let elsewhere = if dice.below(3) == 0 { from_elsewhere.pop() } else { None };
        lines.push(match elsewhere {
            Some(mut line) => {
                line[name] = json!(id);
                line.as_object_mut().unwrap().remove("root_object_id");
                if let Some(root) = root {
                    line["root_object_id"] = json!(root);
                }
                line.to_string()
            }
            None => {
                let mut members = vec![format!(r#""{name}": "{id}""#)];
                members.extend(root.map(|root| format!(r#""root_object_id": "{root}""#)));
                for (key, odds) in [("sku", 8), ("status", 6), ("n", 5), ("tags", 3), ("a", 1)] {
                    if dice.below(10) < odds {
                        members.push(format!(r#""{key}": {}"#, values[dice.below(values.len())]));
                    }
                }
                let mut shelf = || format!(r#"{{"shelf": {}}}"#, values[dice.below(values.len())]);
                let (one, another) = (shelf(), shelf());
                match dice.below(8) {
                    0 => {}
                    1 => members.push(format!(r#""at": [{one}, {another}]"#)),
                    2 => members.push(r#""at": {}"#.to_owned()),
                    _ => members.push(format!(r#""at": {one}"#)),
                }
                format!("{{{}}}", members.join(", "))
            }
        });
    }
    lines
}

/// Imports lines; what is there then is what they say, the last of each id.
fn import(
    store: &mut Store,
    into: Destination<'_>,
    lines: Vec<String>,
    id: &str,
    members: &mut BTreeMap<String, Json>,
) {
    let mut import = store.import("shop", into).unwrap();
    let (mut added, mut replaced) = (0, 0);
    for line in lines {
        if let Err(reason) = import.add(line.as_bytes()).unwrap() {
            // What a generator makes now and then.
            assert!(reason.contains("U+0000") && line.contains(r"\u0000"), "{reason}: {line}");
            continue;
        }
        let member: Json = serde_json::from_str(&line).unwrap();
        let old = members.insert(member[id].as_str().unwrap().to_owned(), member);
        *(if old.is_some() { &mut replaced } else { &mut added }) += 1;
    }
    let imported = import.finish().unwrap();
    assert_eq!((imported.added, imported.replaced), (added, replaced));
}

/// A filter, as JSON.
fn filter(dice: &mut Dice<'_>, values: &[&str], others: &mut Others<'_>) -> String {
    if dice.below(3) == 0
        && let Some((filter, _)) = others()
    {
        return filter;
    }
    let members: Vec<String> = (0..1 + dice.below(3)).map(|_| condition(dice, values)).collect();
    let group = ["AND", "OR", "OR", "NOT"][dice.below(4)];
    match members.len() {
        1 => members.into_iter().next().unwrap(),
        _ => format!(r#"{{"{group}": [{}], "case_sensitive": {}}}"#, members.join(", "), dice.below(2) == 0),
    }
}

fn condition(dice: &mut Dice<'_>, values: &[&str]) -> String {
    const WORDS: [&str; 5] = [r#""k""#, r#""1""#, r#""9007""#, r#""""#, r#""o0_""#];
    // Pushed whole, in part, and not at all.
    const PATTERNS: [&str; 4] =
        [r#""^(?i)k{1,3}$""#, r#""\\b1\\d*[02468]\\b|7(?-u:\\b)""#, r#""^o\\d_[0-4]$""#, r#""k""#];
    let field = FIELDS[dice.below(FIELDS.len())];
    let scalars: Vec<&str> = values.iter().copied().filter(|value| !value.starts_with(['[', '{'])).collect();
    let ordered: Vec<&str> = scalars.iter().copied().filter(|value| !matches!(*value, "null" | "true")).collect();
    let list = |dice: &mut Dice<'_>| {
        let listed: Vec<&str> = (0..dice.below(4)).map(|_| scalars[dice.below(scalars.len())]).collect();
        format!("[{}]", listed.join(", "))
    };
    let one = |dice: &mut Dice<'_>, of: &[&str]| of.get(dice.below(of.len().max(1))).unwrap_or(&"1").to_string();
    let (operator, value) = match dice.below(14) {
        0 | 1 => ("eq", one(dice, &scalars)),
        2 => ("ne", one(dice, &scalars)),
        3 | 4 => ("in", list(dice)),
        5 => ("nin", list(dice)),
        6 => ("gt", one(dice, &ordered)),
        7 => ("gte", one(dice, &ordered)),
        8 => ("lt", one(dice, &ordered)),
        9 => ("lte", one(dice, &ordered)),
        10 => (["contains", "starts_with", "ends_with"][dice.below(3)], one(dice, &WORDS)),
        11 => ("regex", one(dice, &PATTERNS)),
        12 => ("exists", (dice.below(2) == 0).to_string()),
        _ => ("is_null", (dice.below(2) == 0).to_string()),
    };
    format!(r#"{{"field": "{field}", "operator": "{operator}", "value": {value}}}"#)
}

/// The values of a unique key; none where one of them is missing.
fn key_values<'o>(fields: &[&str], object: &'o Json) -> Option<Vec<Vec<&'o Json>>> {
    let of = |field: &&str| {
        let keys: Vec<&str> = field.split('.').collect();
        let mut nodes = Vec::new();
        gather(object, &keys, &mut nodes);
        (!nodes.is_empty()).then_some(nodes)
    };
    fields.iter().map(of).collect()
}

/// The nodes at a path (P2).
fn gather<'o>(value: &'o Json, keys: &[&str], nodes: &mut Vec<&'o Json>) {
    let Some((first, rest)) = keys.split_first() else { return nodes.push(value) };
    match value {
        Json::Object(members) => members.get(*first).into_iter().for_each(|member| gather(member, rest, nodes)),
        Json::Array(elements) => {
            elements.iter().filter(|element| !element.is_array()).for_each(|element| gather(element, keys, nodes));
        }
        _ => {}
    }
}

fn same_key(a: &[Vec<&Json>], b: &[Vec<&Json>]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)))
}

/// Whether two values are equal as JSON (D2, D3).
pub(crate) fn equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => match (whole(a), whole(b)) {
            (None, None) => a.as_f64() == b.as_f64(),
            (a, b) => a == b,
        },
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        (a, b) => a == b,
    }
}

/// A number as the integer that it is: exactly, which a comparison as `f64` would not be. None for a fraction, and for what no
/// `i64` or `u64` is near.
fn whole(number: &serde_json::Number) -> Option<i128> {
    let integer = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    // INVARIANT: an integral float below 2^100 is an `i128`.
    integer.or_else(|| {
        let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 2f64.powi(100))?;
        Some(float as i128)
    })
}
