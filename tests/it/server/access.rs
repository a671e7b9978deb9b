//! Who sees what: every route, by every kind of key, for what is theirs, another's, and nobody's.

use std::collections::BTreeMap;

use serde_json::json;
use trommel::plan::TriggerRequest;
use trommel::server::Settings;

use super::{Answer, Request, Served, Shop};

/// A place in a namespace: names of the same lengths, so that answers can be compared to the byte.
struct Place {
    namespace: &'static str,
    namespace_id: String,
    collection: &'static str,
    bucket: &'static str,
    batch: String,
    task: String,
}

/// Own, another's, nobody's.
fn places(shop: &Shop) -> [Place; 3] {
    let mut store = shop.store();
    let ids: BTreeMap<String, String> =
        store.stats().unwrap().into_iter().map(|found| (found.name, found.namespace_id)).collect();
    let mut place = |namespace, collection, bucket| {
        let done = store.trigger(namespace, collection, &TriggerRequest::default()).unwrap();
        let (batch, task) = (done.batch_id, done.task_id);
        Place { namespace, namespace_id: ids[namespace].clone(), collection, bucket, batch, task }
    };
    let (own, theirs) = (place("demo", "frames", "photos"), place("other", "zzz-parts", "zzz-objects"));
    // One letter from theirs: a hint that knew of those would name them.
    let nobodys = Place {
        namespace: "othes",
        namespace_id: near(&theirs.namespace_id),
        collection: "zzz-partz",
        bucket: "zzz-objectz",
        batch: near(&theirs.batch),
        task: near(&theirs.task),
    };
    [own, theirs, nobodys]
}

/// Another id, of the same length.
fn near(id: &str) -> String {
    let (begin, last) = id.split_at(id.len() - 1);
    format!("{begin}{}", if last == "0" { '1' } else { '0' })
}

/// Every route that needs a key; the second word says what its request is about.
fn requests(place: &Place) -> Vec<(&'static str, Request)> {
    let of = |route: &str| format!("/v1/collections/{}/{route}", place.collection);
    let body = json!({"include_buckets": [place.bucket]});
    let plan = json!({
        "format_version": 1, "namespace_id": place.namespace_id, "collection_id": place.collection, "source": "bucket",
        "sources": [], "total": {"kind": "exact", "n": 0}, "total_tiers": 0, "tiers": [], "skipped": [],
        "fingerprint": "", "warnings": [], "request": {}, "revisions": {"catalog": 0, "sources": {}, "target": null},
    });
    vec![
        ("trigger", Request::post(of("trigger"), &body)),
        ("preview", Request::post(of("trigger/preview"), &body)),
        ("plan", Request::post(of("trigger/plan"), plan)),
        ("check", Request::post(of("filter/check"), r#"{"text": "a = 1"}"#)),
        ("batch", Request::get(format!("/v1/batches/{}", place.batch))),
        ("task", Request::get(format!("/v1/tasks/{}", place.task))),
        ("buckets", Request::get("/v1/buckets")),
        ("collections", Request::get("/v1/collections")),
    ]
}

/// What of an answer could tell something, the names that were asked for taken out.
fn told(answer: &Answer, place: &Place, namespace: &Place) -> (u16, Vec<(String, String)>, String) {
    let told = |text: &str| {
        let names = [&place.batch, &place.task, place.collection, place.bucket];
        let named = names.iter().fold(text.to_owned(), |text, name| text.replace(*name, "NAME"));
        [&*namespace.namespace_id, namespace.namespace, &place.namespace_id]
            .iter()
            .fold(named, |text, name| text.replace(*name, "NAMESPACE"))
    };
    let own = ["x-request-id", "date", "content-length"];
    let headers = answer.headers.iter().filter(|(name, _)| !own.contains(&&***name));
    (answer.status, headers.map(|(name, value)| (name.clone(), told(value))).collect(), told(&answer.body))
}

/// The status of a right key for what is there.
fn status(route: &str) -> u16 {
    match route {
        "trigger" => 202,
        // It is made of nothing that was ever read.
        "plan" => 409,
        _ => 200,
    }
}

#[test]
fn a_key_that_is_none_opens_nothing() {
    let shop = Shop::new();
    let served = Served::new(&shop.file, Settings::default());
    let [own, theirs, nobodys] = places(&shop);
    let bearer = |key: &str| vec![format!("Bearer {key}")];
    let zeros = format!("sk_{}", "0".repeat(64));
    let longer = format!("{}0", shop.key);
    let keys = [
        Vec::new(),
        vec![String::new()],
        vec![shop.key.clone()],
        vec![format!("Basic {}", shop.key)],
        vec!["Bearer".to_owned()],
        bearer(""),
        bearer("sk_"),
        bearer(&zeros),
        bearer(&longer),
        bearer(&shop.key[3..]),
        bearer(&shop.key.to_uppercase()),
        bearer(&format!("{0}, {0}", shop.key)),
        [bearer(&shop.key), bearer(&shop.key)].concat(),
        bearer(&shop.revoked_key),
    ];
    let mut all = Vec::new();
    for place in [&own, &theirs, &nobodys] {
        let with_namespaces = requests(place).into_iter().chain([("namespaces", Request::get("/v1/namespaces"))]);
        for (_, request) in with_namespaces {
            for key in &keys {
                let request = key.iter().fold(request.clone(), |request, key| request.with("Authorization", key));
                let answer = request.with("X-Namespace", place.namespace).send(served.address);
                assert_eq!(answer.error(401), "unauthorized", "{key:?}");
                assert_eq!(answer.headers.get("www-authenticate").map(String::as_str), Some("Bearer"));
                all.push(told(&answer, place, place));
            }
        }
    }
    all.dedup();
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!(shop.store().stats().unwrap().iter().map(|found| found.batches).sum::<u64>(), 2);
}

#[test]
fn what_is_in_the_namespace_of_a_key_is_there() {
    let shop = Shop::new();
    let served = Served::new(&shop.file, Settings::default());
    let [own, theirs, _] = places(&shop);
    for (key, place) in [(&shop.key, &own), (&shop.other_key, &theirs)] {
        for (route, request) in requests(place) {
            for namespace in [place.namespace, &place.namespace_id] {
                let answer = request.clone().by(key, namespace).send(served.address);
                // The plan names its collection by what is a name here, and no id.
                assert!(
                    answer.status == status(route) || route == "plan" && answer.status == 400,
                    "{route}: {answer:?}"
                );
            }
        }
        let held = Request::get("/v1/namespaces").with("Authorization", format!("Bearer {key}")).send(served.address);
        let wanted = json!({"namespaces": [{"namespace_id": place.namespace_id, "name": place.namespace}]});
        assert_eq!((held.status, held.json()), (200, wanted));
    }
}

/// Another's namespace answers as one that nobody has, whatever is asked for in it; and another's things are not in one's own.
#[test]
fn what_another_key_holds_does_not_exist() {
    let shop = Shop::new();
    let served = Served::new(&shop.file, Settings::default());
    let [own, theirs, nobodys] = places(&shop);
    let ask = |request: &Request, namespace: &str| request.clone().by(&shop.key, namespace).send(served.address);
    for ((route, of_theirs), (_, of_nobody)) in requests(&theirs).into_iter().zip(requests(&nobodys)) {
        // In their namespace, by its name and its id.
        for (their, nobody) in [(theirs.namespace, nobodys.namespace), (&theirs.namespace_id, &nobodys.namespace_id)] {
            let (hidden, absent) = (ask(&of_theirs, their), ask(&of_nobody, nobody));
            assert_eq!(hidden.error(404), "not_found", "{route}");
            assert_eq!(told(&hidden, &theirs, &theirs), told(&absent, &nobodys, &nobodys), "{route}");
            // What is asked for in it is not looked at, and neither is the body.
            let own_there = ask(&requests(&own)[0].1, their);
            assert_eq!(told(&own_there, &own, &theirs), told(&hidden, &theirs, &theirs), "{route}");
        }
        // Their things in one's own namespace.
        if !matches!(route, "buckets" | "collections") {
            let (hidden, absent) = (ask(&of_theirs, own.namespace), ask(&of_nobody, own.namespace));
            let kind = if route == "plan" { (400, "usage") } else { (404, "not_found") };
            assert_eq!((hidden.status, &*hidden.error(hidden.status)), kind, "{route}: {hidden:?}");
            assert_eq!(told(&hidden, &theirs, &own), told(&absent, &nobodys, &own), "{route}");
        }
    }
    // A bucket of theirs, in a call about one's own collection.
    for route in ["trigger", "trigger/preview"] {
        let call = |bucket: &str| {
            let call = Request::post(format!("/v1/collections/frames/{route}"), json!({"include_buckets": [bucket]}));
            ask(&call, "demo")
        };
        let (hidden, absent) = (call(theirs.bucket), call(nobodys.bucket));
        assert_eq!(hidden.error(404), "not_found");
        assert_eq!(told(&hidden, &theirs, &own), told(&absent, &nobodys, &own));
    }
    // Nothing was written for anybody.
    assert_eq!(shop.store().stats().unwrap().iter().map(|found| found.batches).sum::<u64>(), 2);
}

/// A key that is revoked while the server runs opens nothing from then on.
#[test]
fn a_key_is_asked_for_each_time() {
    let shop = Shop::new();
    let served = Served::new(&shop.file, Settings::default());
    let made = shop.store().create_key(&["demo", "other"]).unwrap();
    let get = || Request::get("/v1/namespaces").by(&made.key, "demo").send(served.address);
    assert_eq!(get().json()["namespaces"].as_array().unwrap().len(), 2);
    shop.store().revoke_key(&made.known.key_id).unwrap();
    assert_eq!(get().error(401), "unauthorized");
}
