//! The planner: sources, filters, tiers and counts, beside a brute force that looks at every path.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
use trommel::plan::{
    Answers, Bucket, Catalog, CatalogFile, Collection, CollectionSource, Count, Counted, ErrorEnvelope, Overwrites,
    Question, Source, SourceRef, TriggerPlan, TriggerRequest, plan, resolve,
};
use trommel::{Code, Diagnostic, Error, Predicate};

#[path = "plan/brute.rs"]
pub(crate) mod brute;

use brute::{Dice, Met};

fn catalog(file: &Json) -> Catalog {
    CatalogFile::from_json(&file.to_string()).unwrap().into_catalog("ns_1").unwrap()
}

fn request(body: &Json) -> TriggerRequest {
    TriggerRequest::from_json(body.to_string()).unwrap()
}

fn code(result: Result<impl Sized, Error>) -> Code {
    result.err().unwrap().code()
}

/// Two buckets; `a` is made of both, `b` and `c` of `a`, `d` of `b` and `c`.
fn shop() -> Json {
    json!({
        "buckets": [
            {"bucket_id": "bkt_1", "name": "photos", "unique_key": {"fields": ["sku"]}},
            {"bucket_id": "bkt_2", "name": "scans"},
            {"bucket_id": "bkt_3", "name": "bkt_1 "},
        ],
        "collections": [
            {"collection_id": "col_a", "name": "a", "source": {"type": "bucket", "bucket_ids": ["photos", "bkt_2", "bkt_1"]},
                "source_filters": {"x": 1}},
            {"collection_id": "col_b", "name": "b", "source": {"type": "collection", "collection_id": "col_a"}},
            {"collection_id": "col_c", "name": "c", "source": {"type": "collection", "collection_ids": ["a"]}},
            {"collection_id": "col_d", "name": "d", "source": {"type": "collection", "collection_ids": ["b", "col_c"]}},
        ],
    })
}

fn selected(body: &Json) -> Result<Vec<String>, Error> {
    let catalog = catalog(&shop());
    let resolved = resolve("a", &request(body), &catalog)?;
    Ok(resolved.sources().iter().map(|source| source.id().to_owned()).collect())
}

#[test]
fn sources_are_those_configured_limited_by_what_is_included() {
    // Duplicates collapse, by id or name; the order is the catalog's.
    assert_eq!(selected(&json!({})).unwrap(), ["bkt_1", "bkt_2"]);
    assert_eq!(selected(&json!({"include_buckets": null})).unwrap(), ["bkt_1", "bkt_2"]);
    assert_eq!(selected(&json!({"include_buckets": ["scans", "bkt_2", "scans"]})).unwrap(), ["bkt_2"]);
    assert_eq!(selected(&json!({"include_buckets": ["bkt_2", "photos"]})).unwrap(), ["bkt_1", "bkt_2"]);
    assert!(selected(&json!({"include_buckets": []})).unwrap().is_empty());
}

#[test]
fn sources_that_are_collections_are_limited_by_what_is_included() {
    let catalog = catalog(&shop());
    let selected = |included: Json| {
        let resolved = resolve("d", &request(&json!({"include_collections": included})), &catalog)?;
        Ok::<_, Error>(resolved.sources().iter().map(|source| source.id().to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(selected(json!(null)).unwrap(), ["col_b", "col_c"]);
    assert_eq!(selected(json!(["c"])).unwrap(), ["col_c"]);
    assert_eq!(selected(json!(["col_b"])).unwrap(), ["col_b"]);
    assert_eq!(selected(json!(["col_c", "c", "col_c"])).unwrap(), ["col_c"]);
    assert_eq!(selected(json!(["c", "col_b", "b"])).unwrap(), ["col_b", "col_c"]);
    assert!(selected(json!([])).unwrap().is_empty());
    // `a` feeds both and is no source; a bucket is no collection; nor is `d` its own source.
    let error = selected(json!(["col_b", "a", "nothing", "photos", "d"])).unwrap_err();
    let found: Vec<(Code, &str, &[String])> = error
        .diagnostics()
        .iter()
        .map(|found| (found.code, found.place.pointer.as_deref().unwrap(), &*found.expected))
        .collect();
    let (sources, none) = (["col_b", "col_c"].map(str::to_owned), []);
    assert_eq!(
        found,
        [
            (Code::NotASource, "/include_collections/1", &sources[..]),
            (Code::NotFound, "/include_collections/2", &none),
            (Code::NotFound, "/include_collections/3", &none),
            (Code::NotASource, "/include_collections/4", &sources),
        ]
    );
    // What is selected is what is counted, and what the plan names.
    let resolved = resolve("d", &request(&json!({"include_collections": ["c"]})), &catalog).unwrap();
    let asked: Vec<&str> = resolved
        .questions()
        .map(|question| match question {
            Question::Count { source, .. } => source.id(),
            _ => panic!("documents overwrite nothing"),
        })
        .collect();
    assert_eq!(asked, ["col_c"]);
    let mut answers = Answers::default();
    answers.count("col_c", Counted::exact(9, 1));
    let plan = resolved.with_answers(answers);
    assert_eq!((plan.sources.len(), &*plan.sources[0].id, plan.total), (1, "col_c", Count::Exact(9)));
}

#[test]
fn every_mistake_in_the_sources_is_told_at_once_with_its_place() {
    let body = json!({"include_buckets": ["photo", "bkt_1 ", "photos"], "include_collections": []});
    let error = selected(&body).unwrap_err();
    let found: Vec<(Code, &str)> =
        error.diagnostics().iter().map(|found| (found.code, found.place.pointer.as_deref().unwrap())).collect();
    assert_eq!(
        found,
        [
            (Code::WrongSourceKind, "/include_collections"),
            (Code::NotFound, "/include_buckets/0"),
            (Code::NotASource, "/include_buckets/1"),
        ]
    );
    assert_eq!(error.diagnostics()[1].expected, ["photos"]);
    assert_eq!(error.diagnostics()[2].expected, ["bkt_1", "bkt_2"]);

    let of_collections = catalog(&shop());
    for body in [json!({"include_buckets": []}), json!({"object_ids": []}), json!({"object_ids": ["x"]})] {
        assert_eq!(code(resolve("d", &request(&body), &of_collections)), Code::WrongSourceKind, "{body}");
    }
    assert_eq!(code(resolve("col_x", &request(&json!({})), &of_collections)), Code::NotFound);
}

#[test]
fn ids_win_over_names() {
    let file = json!({
        "buckets": [{"bucket_id": "x", "name": "y"}, {"bucket_id": "y", "name": "x"}],
        "collections": [{"collection_id": "c", "name": "n", "source": {"type": "bucket", "bucket_ids": ["x"]}}],
    });
    let catalog = catalog(&file);
    assert_eq!(catalog.bucket("x").unwrap().name, "y");
    assert_eq!(catalog.bucket("y").unwrap().name, "x");
    let resolved = resolve("n", &request(&json!({"include_buckets": ["x"]})), &catalog).unwrap();
    assert_eq!(resolved.sources()[0].id(), "x");
    // The name of a source is that of another's id: it is the other that is named.
    assert_eq!(code(resolve("n", &request(&json!({"include_buckets": ["y"]})), &catalog)), Code::NotASource);
}

#[test]
fn the_filter_is_the_and_of_its_parts_each_whole() {
    let catalog = catalog(&shop());
    let plan_of = |collection: &str, body: Json| {
        resolve(collection, &request(&body), &catalog).unwrap().with_answers(Answers::default())
    };
    let ids = r#"{"AND":[{"field":"object_id","operator":"in","value":["o"]}]}"#;
    let all = plan_of("a", json!({"object_ids": ["o"], "source_filters": {"OR": [{"y": 2}]}}));
    assert_eq!(all.filter.unwrap().to_string(), format!(r#"{{"AND":[{{"x":1}},{ids},{{"OR":[{{"y":2}}]}}]}}"#));
    assert_eq!(all.filter_parts.collection.unwrap().to_string(), r#"{"x":1}"#);
    assert_eq!(all.filter_parts.object_ids.unwrap().to_string(), ids);
    assert_eq!(all.filter_parts.source_filters.unwrap().to_string(), r#"{"OR":[{"y":2}]}"#);
    let own = plan_of("a", json!({}));
    assert_eq!(own.filter.unwrap().to_string(), r#"{"x":1}"#);
    let none = plan_of("d", json!({}));
    assert!(none.filter.is_none() && none.filter_parts == trommel::plan::FilterParts::default());
    // `{}` is a filter, though it limits nothing.
    assert_eq!(plan_of("d", json!({"source_filters": {}})).filter.unwrap().to_string(), "{}");
}

#[test]
fn mistakes_in_the_filter_have_their_place_in_the_request() {
    let body =
        json!({"object_ids": ["o"], "source_filters": {"AND": [{"field": "n", "operator": "gt", "value": true}]}});
    let catalog = catalog(&shop());
    let error = resolve("a", &request(&body), &catalog).unwrap_err();
    assert_eq!(error.diagnostics()[0].place.pointer.as_deref(), Some("/source_filters/AND/0/value"));
    let unbound = json!({"source_filters": {"x": {"type": "dynamic", "field": "v"}}});
    assert_eq!(code(resolve("a", &request(&unbound), &catalog)), Code::Unbound);
}

/// Catalog files that are refused, and why.
#[test]
fn a_bad_catalog_is_refused_with_the_place() {
    for (text, expected, at) in [
        (r#"{"bucket": []}"#, Code::UnknownKey, Some("bucket")),
        (r#"{"buckets": [{"bucket_id": "a", "nam": "b"}]}"#, Code::UnknownKey, Some("nam")),
        (r#"{"buckets": [{"name": "b"}]}"#, Code::MissingValue, None),
        (
            r#"{"buckets": [{"bucket_id": "a", "unique_key": {"fields": ["ok", "a..b"]}}]}"#,
            Code::BadPath,
            Some(r#""a..b""#),
        ),
        (r#"{"buckets": [{"bucket_id": "a", "unique_key": {"fields": [7]}}]}"#, Code::Syntax, Some("7")),
        (r#"{"buckets": [], "buckets": []}"#, Code::DuplicateKey, None),
        (
            r#"{"collections": [{"collection_id": "c", "source": {"type": "bucket", "collection_ids": []}}]}"#,
            Code::Syntax,
            None,
        ),
        (r#"{"collections": [{"collection_id": "c", "source": {"type": "table"}}]}"#, Code::Syntax, None),
        (
            r#"{"collections": [{"collection_id": "c", "source": {"type": "bucket", "bucket_ids": []}, "source_filters": {"a": [1]}}]}"#,
            Code::OperandType,
            Some("[1]"),
        ),
        (
            r#"{"collections": [{"collection_id": "c", "source": {"type": "bucket", "bucket_ids": []}, "source_filters": {"a": 1, "a": 2}}]}"#,
            Code::DuplicateKey,
            Some("\"a\": 2"),
        ),
        (
            r#"{"collections": [{"collection_id": "c", "source": {"type": "bucket", "bucket_ids": []}, "source_filters": {"field": "a", "operator": "gt", "value": true}}]}"#,
            Code::OperandType,
            Some("true"),
        ),
        ("[", Code::Syntax, None),
    ] {
        let error = CatalogFile::from_json(text).unwrap_err();
        assert_eq!(error.code(), expected, "{text}: {error}");
        let span = error.diagnostics()[0].place.span.clone().unwrap();
        if let Some(at) = at {
            let wanted = text.find(at).unwrap();
            let slack = wanted.saturating_sub(2)..=wanted + at.len() + 2;
            assert!(slack.contains(&span.start), "{text}: {span:?}");
        }
    }
    for (text, pointer) in [
        (r#"{"buckets": [{"bucket_id": "a", "nam": "b"}]}"#, "/buckets/0/nam"),
        (r#"{"buckets": [{"bucket_id": "a"}, {"name": "b"}]}"#, "/buckets/1"),
        (
            r#"{"buckets": [{"bucket_id": "a", "unique_key": {"fields": ["ok", ".b"]}}]}"#,
            "/buckets/0/unique_key/fields/1",
        ),
        (r#"{"collections": [{"collection_id": "c", "source": {"type": "table"}}]}"#, "/collections/0/source/type"),
        (r#"{"collections": [{"collection_id": "c", "source": {"type": "bucket"}}]}"#, "/collections/0/source"),
    ] {
        let error = CatalogFile::from_json(text).unwrap_err();
        assert_eq!(error.diagnostics()[0].place.pointer.as_deref(), Some(pointer), "{text}\n{error}");
    }
    let dynamic = r#"{"collections": [{"collection_id": "c", "source": {"type": "bucket", "bucket_ids": []}, "source_filters": {"a": {"type": "dynamic", "field": "v"}}}]}"#;
    assert_eq!(code(CatalogFile::from_json(dynamic)), Code::Unbound);
    let refused = |file: Json| code(CatalogFile::from_json(&file.to_string()).unwrap().into_catalog("n"));
    let bucket = |id: &str, name: &str| json!({"bucket_id": id, "name": name});
    let of = |sources: Json| json!([{"collection_id": "c", "source": {"type": "bucket", "bucket_ids": sources}}]);
    assert_eq!(refused(json!({"buckets": [bucket("a", "x"), bucket("a", "y")]})), Code::AmbiguousName);
    assert_eq!(refused(json!({"buckets": [bucket("a", "x"), bucket("b", "x")]})), Code::AmbiguousName);
    assert_eq!(refused(json!({"buckets": [bucket("a", "x")], "collections": of(json!(["z"]))})), Code::NotFound);
    let no_fields = json!({"buckets": [{"bucket_id": "a", "unique_key": {"fields": []}}]});
    assert_eq!(refused(no_fields), Code::MissingValue);
}

#[test]
fn disabled_collections_are_left_out_and_named() {
    let mut file = shop();
    file["collections"][1]["enabled"] = json!(false);
    file["collections"].as_array_mut().unwrap().push(
        json!({"collection_id": "col_e", "name": "e", "source": {"type": "collection", "collection_ids": ["b"]}}),
    );
    let catalog = catalog(&file);
    let plan = resolve("a", &request(&json!({})), &catalog).unwrap().with_answers(Answers::default());
    let steps: Vec<Vec<&str>> =
        plan.tiers.iter().map(|tier| tier.collections.iter().map(|found| &*found.id).collect()).collect();
    assert_eq!(steps, [vec!["col_a"], vec!["col_c"], vec!["col_d"]]);
    let skipped: Vec<(&str, &str)> = plan.skipped.iter().map(|found| (&*found.id, &*found.reason)).collect();
    assert_eq!(skipped, [("col_b", "it is disabled"), ("col_e", "only reached through `b`, which is disabled")]);
    assert_eq!(plan.tiers[2].collections[0].from, ["col_c"]);
    assert_eq!(code(resolve("b", &request(&json!({})), &catalog)), Code::Unsupported);
    // A disabled source is read like any other.
    let plan = resolve("e", &request(&json!({})), &catalog).unwrap().with_answers(Answers::default());
    assert_eq!((plan.sources[0].id.as_str(), plan.tiers[0].collections[0].tier), ("col_b", 2));
}

#[test]
fn a_circle_is_told_with_its_path() {
    let of = |id: &str, sources: &[&str]| json!({"collection_id": id, "source": {"type": "collection", "collection_ids": sources}});
    let file =
        json!({"collections": [of("s", &[]), of("a", &["s", "c"]), of("b", &["a"]), of("c", &["b"]), of("x", &["c"])]});
    let catalog = catalog(&file);
    // Downstream of the first, upstream of the last.
    for triggered in ["s", "x"] {
        let error = resolve(triggered, &request(&json!({})), &catalog).unwrap_err();
        assert_eq!(error.code(), Code::Cycle);
        let path = &error.diagnostics()[0].expected;
        assert_eq!((path.len(), &path[0]), (4, &path[3]), "{path:?}");
        let feeds = [("a", "b"), ("b", "c"), ("c", "a")];
        assert!(path.windows(2).all(|pair| feeds.contains(&(&pair[0], &pair[1]))), "{path:?}");
        assert!(
            error.diagnostics()[0]
                .message
                .contains(&path.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(" → "))
        );
    }
}

#[test]
fn a_long_chain_and_many_edges_take_no_recursion() {
    let count = 100_000;
    let mut edges = 0;
    let mut collections = vec![json!({"collection_id": "c0", "source": {"type": "bucket", "bucket_ids": ["b"]}})];
    collections.extend((1..count).map(|at| {
        // To the one before, and to ten farther back: more ways than anybody could go through.
        let sources: BTreeSet<usize> = (0..11).map(|step| at - 1 - (step * step * 37) % at).collect();
        edges += sources.len();
        let sources: Vec<String> = sources.iter().map(|source| format!("c{source}")).collect();
        json!({"collection_id": format!("c{at}"), "source": {"type": "collection", "collection_ids": sources}})
    }));
    assert!(edges >= 1_000_000, "{edges}");
    let with = |changes: &dyn Fn(&mut Vec<Json>)| {
        let mut collections = collections.clone();
        changes(&mut collections);
        json!({"buckets": [{"bucket_id": "b"}], "collections": collections}).to_string()
    };
    let chain = with(&|_| ());
    let disabled = with(&|collections| collections[1]["enabled"] = json!(false));
    // The first of the chain after the bucket's is fed by the last.
    let circle = with(&|collections| collections[1]["source"]["collection_ids"] = json!(["c0", "c99999"]));
    let run = move || {
        let none = TriggerRequest::default();
        let read = |file: &str| CatalogFile::from_json(file).unwrap().into_catalog("n").unwrap();
        let catalog = read(&chain);
        let plan = resolve("c0", &none, &catalog).unwrap().with_answers(Answers::default());
        assert_eq!((plan.total_tiers, plan.skipped.len()), (count, 0));
        assert_eq!(plan.tiers[count - 1].collections[0].tier, count - 1);
        // The last has the whole chain upstream.
        let plan = resolve("c99999", &none, &catalog).unwrap().with_answers(Answers::default());
        assert_eq!((plan.total_tiers, plan.tiers[0].collections[0].tier), (1, count - 1));

        let catalog = read(&disabled);
        let plan = resolve("c0", &none, &catalog).unwrap().with_answers(Answers::default());
        let processed: usize = plan.tiers.iter().map(|tier| tier.collections.len()).sum();
        assert!(plan.skipped.iter().any(|skipped| skipped.id == "c1"));
        assert_eq!(processed + plan.skipped.len(), count);

        let catalog = read(&circle);
        for triggered in ["c0", "c1", "c50000", "c99999"] {
            let error = resolve(triggered, &none, &catalog).err().unwrap();
            let found = &error.diagnostics()[0];
            assert_eq!(error.code(), Code::Cycle);
            assert_eq!(found.expected.first(), found.expected.last());
            let feeds = |pair: &[String]| {
                let source = &catalog.collection(&pair[1]).unwrap().source;
                matches!(source, CollectionSource::Collections(sources) if sources.contains(&pair[0]))
            };
            assert!(found.expected.len() > 1 && found.expected.windows(2).all(feeds), "{triggered}");
            assert!(found.message.len() < 10_000, "{triggered}");
        }
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

/// What a store says of each source.
struct Fixed(BTreeMap<&'static str, Result<Counted, String>>);

impl Source for Fixed {
    type Error = String;

    fn count(&self, source: SourceRef<'_>, _: &Predicate) -> Result<Counted, String> {
        self.0[source.id()].clone()
    }

    fn overwrites(
        &self,
        bucket: &Bucket,
        _: &Predicate,
        target: &Collection,
    ) -> Result<Option<(Overwrites, u64)>, String> {
        assert_eq!(target.collection_id, "col_a");
        Ok(Some(match bucket.unique_key {
            Some(_) => (Overwrites::Overwritten(7), 3),
            None => (Overwrites::Duplicated(4), 3),
        }))
    }
}

#[test]
fn a_source_that_fails_is_named_and_the_total_says_so() {
    let catalog = catalog(&shop());
    let store =
        Fixed(BTreeMap::from([("bkt_1", Ok(Counted::exact(5, 1))), ("bkt_2", Err("no connection".to_owned()))]));
    let plan = plan("a", &request(&json!({})), &catalog, &store).unwrap();
    assert_eq!(plan.total, Count::AtLeast(5));
    assert_eq!(plan.sources[1].count, Count::AtLeast(0));
    assert_eq!(plan.sources[1].reason.as_deref(), Some("it could not be counted: no connection"));
    assert!(plan.warnings.iter().any(|warning| warning.code == "not_counted" && warning.message.contains("scans")));
    assert_eq!((plan.sources[0].would_overwrite, plan.sources[0].would_duplicate), (Some(7), None));
    assert_eq!((plan.sources[1].would_overwrite, plan.sources[1].would_duplicate), (None, Some(4)));
    let warning = plan.warnings.iter().find(|warning| warning.code == "may_duplicate").unwrap();
    assert!(warning.message.contains("`scans`") && warning.message.contains("configure `unique_key`"), "{warning:?}");
    let text = plan.to_string();
    assert!(text.contains("≥ 5") && text.contains("no connection"), "{text}");
}

#[test]
fn a_bound_is_told_with_its_reason() {
    let catalog = catalog(&shop());
    let most =
        Counted { count: Count::AtMost(1_234), reason: Some("the index is a day old".to_owned()), revision: Some(1) };
    let store = Fixed(BTreeMap::from([("bkt_1", Ok(most)), ("bkt_2", Ok(Counted::exact(5, 1)))]));
    let plan = plan("a", &request(&json!({})), &catalog, &store).unwrap();
    assert_eq!(plan.total, Count::AtMost(1_239));
    let json = serde_json::to_value(plan.to_json()).unwrap();
    assert_eq!(json["sources"][0]["count"], json!({"kind": "at_most", "n": 1_234}));
    assert_eq!(json["sources"][0]["reason"], "the index is a day old");
    let text = plan.to_string();
    let line = |name: &str| text.lines().find(|line| line.contains(name)).unwrap();
    assert!(line("photos").contains("≤ 1,234") && line("photos").contains("(the index is a day old)"), "{text}");
    // The counts end at one column.
    let end = |name: &str, count: &str| {
        let line = line(name);
        line[..line.find(count).unwrap() + count.len()].chars().count()
    };
    assert_eq!(end("photos", "≤ 1,234"), end("scans", "       5"), "{text}");
    // Each edge of the graph once: sources to a, a to b and c, both to d.
    let diagram = plan.to_mermaid();
    let edges: Vec<&str> = diagram.lines().map(str::trim).filter(|line| line.contains("-->")).collect();
    assert_eq!(edges, ["s0 --> c0", "s1 --> c0", "c0 --> c1", "c0 --> c2", "c1 --> c3", "c2 --> c3"], "{diagram}");
}

#[test]
fn totals_are_never_more_certain_than_their_parts() {
    let of = |counts: &[Count]| counts.iter().copied().sum::<Count>();
    use Count::{AtLeast, AtMost, Exact};
    assert_eq!(of(&[]), Exact(0));
    assert_eq!(of(&[Exact(1), Exact(2)]), Exact(3));
    assert_eq!(of(&[Exact(1), AtMost(2)]), AtMost(3));
    assert_eq!(of(&[AtLeast(1), AtMost(2), Exact(4)]), AtLeast(5));
    assert_eq!(of(&[Exact(u64::MAX), Exact(1)]), Exact(u64::MAX));
}

#[test]
fn questions_without_answers_leave_the_plan_open() {
    let catalog = catalog(&shop());
    let resolved = resolve("a", &request(&json!({})), &catalog).unwrap();
    let asked: Vec<&str> = resolved
        .questions()
        .map(|question| match question {
            Question::Count { source, .. } => source.id(),
            Question::Overwrites { bucket, target, .. } => {
                assert_eq!(target.collection_id, "col_a");
                &bucket.name
            }
            _ => "another",
        })
        .collect();
    assert_eq!(asked, ["bkt_1", "photos", "bkt_2", "scans"]);
    let plan = resolved.with_answers(Answers::default());
    assert_eq!(plan.total, Count::AtLeast(0));
    assert!(plan.sources.iter().all(|source| source.reason.is_some() && source.would_overwrite.is_none()));
}

#[test]
fn a_plan_is_what_the_command_line_prints_and_reads_back() {
    let catalog = catalog(&shop());
    let store = Fixed(BTreeMap::from([("bkt_1", Ok(Counted::exact(5, 1))), ("bkt_2", Ok(Counted::exact(6, 2)))]));
    let made = plan("a", &request(&json!({"source_filters": {"y": "z"}})), &catalog, &store).unwrap();
    let json = serde_json::to_value(made.to_json()).unwrap();
    for key in [
        "format_version",
        "namespace_id",
        "collection_id",
        "source",
        "sources",
        "total",
        "total_tiers",
        "tiers",
        "skipped",
        "filter",
        "filter_parts",
        "fingerprint",
        "warnings",
    ] {
        assert!(json.get(key).is_some(), "{key}");
    }
    assert_eq!(json["sources"][0]["count"], json!({"kind": "exact", "n": 5}));
    assert_eq!(json["sources"][0]["unique_key"], json!(["sku"]));
    assert_eq!(json["total"], json!({"kind": "exact", "n": 11}));
    assert_eq!(json["filter"], json!({"AND": [{"x": 1}, {"y": "z"}]}));
    let read = TriggerPlan::from_json(&json.to_string()).unwrap();
    let mut wanted = json.clone();
    // What follows from the request is not read back.
    wanted["filter"] = Json::Null;
    wanted["filter_parts"] = json!({"collection": null, "object_ids": null, "source_filters": null});
    assert_eq!(serde_json::to_value(read.to_json()).unwrap(), wanted);
    for (bad, expected) in
        [("{", Code::Syntax), (r#"{"format_version": 2}"#, Code::Unsupported), ("{}", Code::MissingValue)]
    {
        assert_eq!(code(TriggerPlan::from_json(bad)), expected, "{bad}");
    }
}

#[test]
fn names_from_the_catalog_cannot_break_a_preview() {
    let name = "x\"]\n\u{1b}[31m;click #<b>`";
    let file = json!({
        "buckets": [{"bucket_id": "b", "name": name}],
        "collections": [{"collection_id": "c", "name": name, "source": {"type": "bucket", "bucket_ids": ["b"]}}],
    });
    let catalog = catalog(&file);
    let plan = resolve("c", &request(&json!({})), &catalog).unwrap().with_answers(Answers::default());
    let (text, diagram) = (plan.to_string(), plan.to_mermaid());
    assert!(!text.contains('\u{1b}') && !diagram.contains('\u{1b}'));
    for line in diagram.lines().filter(|line| line.contains("s0[") || line.contains("c0[")) {
        assert_eq!(line.matches('"').count(), 2, "{line}");
    }
}

#[test]
fn the_envelope_has_the_status_of_its_code() {
    let of = |error: Error| serde_json::to_value(ErrorEnvelope::new(&error)).unwrap();
    let catalog = catalog(&shop());
    let missing = of(resolve("x", &TriggerRequest::default(), &catalog).err().unwrap());
    assert_eq!(
        (&missing["success"], &missing["status"], &missing["error"]["type"]),
        (&json!(false), &json!(404), &json!("not_found"))
    );
    assert_eq!(missing["error"]["details"]["diagnostics"].as_array().unwrap().len(), 1);
    let wrong = of(resolve("d", &request(&json!({"object_ids": []})), &catalog).err().unwrap());
    assert_eq!((&wrong["status"], &wrong["error"]["type"]), (&json!(400), &json!("wrong_source_kind")));
    let twice = json!({"buckets": [{"bucket_id": "a", "name": "x"}, {"bucket_id": "b", "name": "x"}]});
    let twice = of(CatalogFile::from_json(&twice.to_string()).unwrap().into_catalog("n").unwrap_err());
    assert_eq!((&twice["status"], &twice["error"]["type"]), (&json!(400), &json!("ambiguous_name")));
    // The status of every code, the envelope's members and no others.
    for (code, name, status) in [
        (Code::Syntax, "syntax", 400),
        (Code::DuplicateKey, "duplicate_key", 400),
        (Code::UnknownKey, "unknown_key", 400),
        (Code::UnknownOperator, "unknown_operator", 400),
        (Code::UnknownField, "unknown_field", 400),
        (Code::MissingValue, "missing_value", 400),
        (Code::MixedObject, "mixed_object", 400),
        (Code::BadPath, "bad_path", 400),
        (Code::OperandType, "operand_type", 400),
        (Code::OperandRange, "operand_range", 400),
        (Code::BadRegex, "bad_regex", 400),
        (Code::EmptyText, "empty_text", 400),
        (Code::OperatorNotAllowed, "operator_not_allowed", 400),
        (Code::CaseConflict, "case_conflict", 400),
        (Code::Limit, "limit", 400),
        (Code::Unbound, "unbound", 400),
        (Code::Bind, "bind", 400),
        (Code::NotExact, "not_exact", 400),
        (Code::Unsupported, "unsupported", 400),
        (Code::NotFound, "not_found", 404),
        (Code::AmbiguousName, "ambiguous_name", 400),
        (Code::NotASource, "not_a_source", 400),
        (Code::WrongSourceKind, "wrong_source_kind", 400),
        (Code::Cycle, "cycle", 400),
        (Code::StalePlan, "stale_plan", 409),
        (Code::Io, "io", 500),
        (Code::Database, "database", 500),
        (Code::Usage, "usage", 400),
        (Code::Internal, "internal", 500),
    ] {
        let envelope = of(Diagnostic::error(code, "so it is").hint("mend it").into());
        let diagnostic = json!({
            "code": name, "severity": "error", "pointer": null, "span": null,
            "message": "so it is", "hint": "mend it", "expected": [],
        });
        let body = json!({"type": name, "message": "so it is", "details": {"diagnostics": [diagnostic]}});
        assert_eq!(envelope, json!({"success": false, "status": status, "error": body}));
    }
}

#[test]
fn tiers_are_those_that_a_brute_force_finds() {
    let mut met = Met::default();
    for seed in 0..20_000 {
        brute::tiers(&mut Dice::of(seed), &mut met);
    }
    // So that each of these was met often.
    let Met { plans, circles, skipped, other_steps, through_several, .. } = met;
    assert!(
        plans > 5_000 && circles > 1_000 && skipped > 500 && other_steps > 1_000 && through_several > 50,
        "{plans} {circles} {skipped} {other_steps} {through_several}"
    );
}

#[test]
fn names_and_ids_are_those_that_a_brute_force_finds() {
    let mut met = Met::default();
    for seed in 0..60_000 {
        brute::names(&mut Dice::of(seed), &mut met);
    }
    let Met { plans, mistakes, by_colliding_names, .. } = met;
    assert!(plans > 500 && mistakes > 500 && by_colliding_names > 200, "{plans} {mistakes} {by_colliding_names}");
}

#[test]
fn of_many_disabled_collections_the_first_are_named() {
    let mut collections = vec![json!({"collection_id": "a", "source": {"type": "bucket", "bucket_ids": []}})];
    let disabled: Vec<String> = (0..9).rev().map(|n| format!("d{n}")).collect();
    collections.extend(disabled.iter().map(
        |id| json!({"collection_id": id, "enabled": false, "source": {"type": "collection", "collection_id": "a"}}),
    ));
    let source = json!({"type": "collection", "collection_ids": ["d0", "d5", "d8", "d3", "d7"]});
    collections.push(json!({"collection_id": "x", "source": source}));
    let catalog = catalog(&json!({"collections": collections}));
    let plan = resolve("a", &TriggerRequest::default(), &catalog).unwrap().with_answers(Answers::default());
    // In the order of the catalog, whatever the walk met first.
    let reason = &plan.skipped.last().unwrap().reason;
    assert_eq!(reason, "only reached through `d8`, `d7`, `d5` and more, which are disabled");
}

#[test]
fn what_would_be_overwritten_may_be_unknown() {
    struct Broken;
    impl Source for Broken {
        type Error = &'static str;
        fn count(&self, _: SourceRef<'_>, _: &Predicate) -> Result<Counted, &'static str> {
            Ok(Counted::exact(1, 1))
        }
        fn overwrites(
            &self,
            _: &Bucket,
            _: &Predicate,
            _: &Collection,
        ) -> Result<Option<(Overwrites, u64)>, &'static str> {
            Err("no connection")
        }
    }
    let plan = plan("a", &request(&json!({})), &catalog(&shop()), &Broken).unwrap();
    assert_eq!(plan.total, Count::Exact(2));
    let of = |code: &str| plan.warnings.iter().filter(|warning| warning.code == code).count();
    assert_eq!((of("overwrites_unknown"), of("not_counted")), (2, 0), "{:?}", plan.warnings);
    assert!(plan.sources.iter().all(|source| source.would_overwrite.is_none() && source.would_duplicate.is_none()));
}

#[test]
fn mistakes_in_a_saved_plan_have_their_code_and_place() {
    let catalog = catalog(&shop());
    let plan = resolve("a", &request(&json!({"source_filters": {"y": 1}})), &catalog).unwrap();
    let good = serde_json::to_value(plan.with_answers(Answers::default()).to_json()).unwrap();
    let spoiled = |pointer: &str, value: Json| {
        let mut plan = good.clone();
        *plan.pointer_mut(pointer).unwrap() = value;
        plan.to_string()
    };
    let without = |key: &str| {
        let mut plan = good.clone();
        plan.as_object_mut().unwrap().remove(key).unwrap();
        plan.to_string()
    };
    let added = |key: &str| {
        let mut plan = good.clone();
        plan[key] = json!(1);
        plan.to_string()
    };
    for (text, expected, pointer) in [
        (spoiled("/format_version", json!(2)), Code::Unsupported, "/format_version"),
        (spoiled("/format_version", json!("1")), Code::Syntax, "/format_version"),
        (without("format_version"), Code::MissingValue, ""),
        (without("sources"), Code::MissingValue, ""),
        (without("request"), Code::MissingValue, ""),
        (added("sorces"), Code::UnknownKey, "/sorces"),
        (spoiled("/sources/0/count", json!({"kind": "about", "n": 1})), Code::Syntax, "/sources/0/count/kind"),
        (spoiled("/sources/1/id", json!(5)), Code::Syntax, "/sources/1/id"),
        (spoiled("/tiers/1/step", json!(-1)), Code::Syntax, "/tiers/1/step"),
        (spoiled("/request", json!({"object_id": []})), Code::UnknownKey, "/request/object_id"),
        (
            spoiled("/request/source_filters", json!({"field": "x", "operator": "about", "value": 1})),
            Code::UnknownOperator,
            "/request/source_filters/operator",
        ),
        ("[1]".to_owned(), Code::Syntax, ""),
    ] {
        let error = TriggerPlan::from_json(&text).unwrap_err();
        let found = &error.diagnostics()[0];
        assert_eq!((found.code, found.place.pointer.as_deref()), (expected, Some(pointer)), "{text}\n{error}");
        assert!(found.place.span.is_some() && !found.message.contains("struct"), "{error}");
    }
    let twice = good.to_string().replacen('{', r#"{"source": "bucket", "#, 1);
    let error = TriggerPlan::from_json(&twice).unwrap_err();
    assert_eq!(error.code(), Code::DuplicateKey, "{error}");
    // Any depth is read and passed over, or is an error: nothing recurses.
    let deep = spoiled("/filter", json!("here"))
        .replace(r#""here""#, &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
    assert!(TriggerPlan::from_json(&deep).is_ok());
}

#[test]
fn a_preview_is_aligned_whatever_the_names_are() {
    let names = ["a", "写真の倉庫", "cafe\u{301}", "x\u{202E}txt.exe", "line\u{2028}end", "\u{1F468}\u{200D}\u{1F469}"];
    let buckets: Vec<Json> = names.iter().map(|name| json!({"bucket_id": name, "name": name})).collect();
    let file = json!({
        "buckets": buckets,
        "collections": [{"collection_id": "c", "source": {"type": "bucket", "bucket_ids": names}}],
    });
    let plan = resolve("c", &TriggerRequest::default(), &catalog(&file)).unwrap().with_answers(Answers::default());
    let text = plan.to_string();
    for hidden in ['\u{202E}', '\u{2028}'] {
        assert!(!text.contains(hidden) && text.contains(&hidden.escape_default().to_string()), "{text}");
    }
    // Two columns for each of the five characters, one for the letter with its accent.
    let column = |name: &str, columns: usize| {
        let line = text.lines().find(|line| line.starts_with("├─ ") && line.contains(name)).unwrap();
        let rest = &line[line.find(name).unwrap() + name.len()..];
        columns + rest.find('≥').unwrap()
    };
    let widest = r"x\u{202e}txt.exe".len();
    for (name, columns) in
        [("写真の倉庫", 10), ("cafe\u{301}", 4), (r"x\u{202e}txt.exe", widest), (r"line\u{2028}end", 15)]
    {
        assert_eq!(column(name, columns), widest + 2, "{name}\n{text}");
    }
}
