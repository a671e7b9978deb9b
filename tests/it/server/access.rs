//! Who sees what: every route, by every kind of key, for what is theirs, another's, and nobody's; the namespace named in each way.

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
    collection_id: &'static str,
    bucket: &'static str,
    batch: String,
    task: String,
    /// What a preview of it answers.
    plan: String,
}

/// Own, another's, nobody's.
fn places(shop: &Shop) -> [Place; 3] {
    let mut store = shop.store();
    let ids: BTreeMap<String, String> =
        store.stats().unwrap().into_iter().map(|found| (found.name, found.namespace_id)).collect();
    let mut place = |namespace, collection, collection_id, bucket| {
        let done = store.trigger(namespace, collection, &TriggerRequest::default()).unwrap();
        let plan = store.plan(namespace, collection, &TriggerRequest::default()).unwrap();
        let (batch, task) = (done.batch_id, done.task_id);
        let (namespace_id, plan) = (ids[namespace].clone(), serde_json::to_string(&plan.to_json()).unwrap());
        Place { namespace, namespace_id, collection, collection_id, bucket, batch, task, plan }
    };
    let own = place("demo", "frames", "col_frames", "photos");
    let theirs = place("other", "zzz-parts", "col_theirs", "zzz-objects");
    // One letter from theirs: a hint that knew of those would name them.
    let namespace_id = near(&theirs.namespace_id);
    let plan = theirs.plan.replace(&theirs.namespace_id, &namespace_id).replace("col_theirs", "col_theirz");
    let nobodys = Place {
        namespace: "othes",
        namespace_id,
        collection: "zzz-partz",
        collection_id: "col_theirz",
        bucket: "zzz-objectz",
        batch: near(&theirs.batch),
        task: near(&theirs.task),
        plan,
    };
    [own, theirs, nobodys]
}

/// Another id, of the same length.
fn near(id: &str) -> String {
    let (begin, last) = id.split_at(id.len() - 1);
    format!("{begin}{}", if last == "0" { '1' } else { '0' })
}

/// Every route that is about a namespace, and the status of a right key for what is there.
fn requests(place: &Place) -> Vec<(&'static str, Request, u16)> {
    let of = |route: &str| format!("/v1/collections/{}/{route}", place.collection);
    let body = json!({"include_buckets": [place.bucket]});
    vec![
        ("trigger", Request::post(of("trigger"), &body), 202),
        ("preview", Request::post(of("trigger/preview"), &body), 200),
        ("plan", Request::post(of("trigger/plan"), &place.plan), 202),
        ("check", Request::post(of("filter/check"), r#"{"text": "a = 1"}"#), 200),
        ("batch", Request::get(format!("/v1/batches/{}", place.batch)), 200),
        ("task", Request::get(format!("/v1/tasks/{}", place.task)), 200),
        ("buckets", Request::get("/v1/buckets"), 200),
        ("collections", Request::get("/v1/collections"), 200),
    ]
}

/// The ways to say which namespace a request is about.
fn about(request: &Request, namespace: &str) -> [Request; 2] {
    let query = Request { target: format!("{}?namespace={namespace}", request.target), ..request.clone() };
    [request.clone().with("X-Namespace", namespace), query]
}

/// Asks with a key. Where that is a GET, a HEAD is asked as well, and says the same without the body.
#[track_caller]
fn ask(served: &Served, request: &Request, key: &str) -> Answer {
    send(served, &request.clone().with("Authorization", format!("Bearer {key}")))
}

#[track_caller]
fn send(served: &Served, request: &Request) -> Answer {
    let answer = request.send(served.address);
    if request.method == "GET" {
        let head = Request { method: "HEAD", ..request.clone() }.send(served.address);
        let said = |answer: &Answer| {
            let own = |name: &String| matches!(&**name, "x-request-id" | "date");
            let headers = answer.headers.clone().into_iter().filter(|(name, _)| !own(name));
            (answer.status, headers.collect::<Vec<_>>())
        };
        assert_eq!((said(&head), &*head.body), (said(&answer), ""));
    }
    answer
}

/// What of an answer could tell something, the names that were asked for taken out.
fn told(answer: &Answer, place: &Place, namespace: &Place) -> (u16, Vec<(String, String)>, String) {
    let told = |text: &str| {
        let names = [&place.batch, &place.task, place.collection, place.collection_id, place.bucket];
        let named = names.iter().fold(text.to_owned(), |text, name| text.replace(*name, "NAME"));
        [&*namespace.namespace_id, namespace.namespace, &place.namespace_id]
            .iter()
            .fold(named, |text, name| text.replace(*name, "NAMESPACE"))
    };
    let own = ["x-request-id", "date", "content-length"];
    let headers = answer.headers.iter().filter(|(name, _)| !own.contains(&&***name));
    (answer.status, headers.map(|(name, value)| (name.clone(), told(value))).collect(), told(&answer.body))
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
        let all_requests = requests(place).into_iter().map(|(_, request, _)| request);
        for request in all_requests.chain([Request::get("/v1/namespaces")]) {
            for (key, request) in
                keys.iter().flat_map(|key| about(&request, place.namespace).map(|request| (key, request)))
            {
                let request = key.iter().fold(request, |request, key| request.with("Authorization", key));
                let answer = send(&served, &request);
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
    let both = shop.store().create_key(&["other", "demo"]).unwrap().key;
    for (key, places) in [(&shop.key, &[&own][..]), (&shop.other_key, &[&theirs]), (&both, &[&own, &theirs])] {
        for place in places {
            for (route, request, status) in requests(place) {
                // The collection too by its name and its id.
                let by_id = request.target.replace(place.collection, place.collection_id);
                let names = [(place.namespace, request.target.clone()), (&place.namespace_id, by_id)];
                for (namespace, target) in names {
                    for request in about(&Request { target, ..request.clone() }, namespace) {
                        let answer = ask(&served, &request, key);
                        assert_eq!(answer.status, status, "{route}: {answer:?}");
                    }
                }
            }
        }
        let held = ask(&served, &Request::get("/v1/namespaces"), key);
        let of = |place: &&Place| json!({"namespace_id": place.namespace_id, "name": place.namespace});
        assert_eq!((held.status, held.json()), (200, json!({"namespaces": places.iter().map(of).collect::<Vec<_>>()})));
    }
    // Two ways at once: the header says it, and the query is not asked.
    let two = Request::get("/v1/buckets?namespace=other").with("X-Namespace", "demo");
    assert_eq!(ask(&served, &two, &both).json()["buckets"].as_array().unwrap().len(), 5);
    assert_eq!(ask(&served, &two, &shop.key).status, 200);
}

/// Another's namespace answers as one that nobody has, whatever is asked for in it; and another's things are not in one's own.
#[test]
fn what_another_key_holds_does_not_exist() {
    let shop = Shop::new();
    let served = Served::new(&shop.file, Settings::default());
    let [own, theirs, nobodys] = places(&shop);
    let both = shop.store().create_key(&["other", "demo"]).unwrap().key;
    for ((route, of_theirs, _), (_, of_nobody, _)) in requests(&theirs).into_iter().zip(requests(&nobodys)) {
        // In their namespace, by its name and its id.
        for (their, nobody) in [(theirs.namespace, nobodys.namespace), (&theirs.namespace_id, &nobodys.namespace_id)] {
            for (of_theirs, of_nobody) in about(&of_theirs, their).iter().zip(&about(&of_nobody, nobody)) {
                let (hidden, absent) = (ask(&served, of_theirs, &shop.key), ask(&served, of_nobody, &shop.key));
                assert_eq!(hidden.error(404), "not_found", "{route}");
                assert_eq!(told(&hidden, &theirs, &theirs), told(&absent, &nobodys, &nobodys), "{route}");
                // What is asked for in it is not looked at, and neither is the body.
                for (_, of_own, _) in requests(&own) {
                    let own_there = ask(&served, &about(&of_own, their)[0], &shop.key);
                    assert_eq!(told(&own_there, &own, &theirs), told(&hidden, &theirs, &theirs), "{route}");
                }
            }
        }
        // Their things in one's own namespace, whoever holds that.
        if !matches!(route, "buckets" | "collections") {
            for (of_theirs, of_nobody) in about(&of_theirs, own.namespace).iter().zip(&about(&of_nobody, own.namespace))
            {
                for key in [&shop.key, &both] {
                    let (hidden, absent) = (ask(&served, of_theirs, key), ask(&served, of_nobody, key));
                    let kind = if route == "plan" { (400, "usage") } else { (404, "not_found") };
                    assert_eq!((hidden.status, &*hidden.error(hidden.status)), kind, "{route}: {hidden:?}");
                    assert_eq!(told(&hidden, &theirs, &own), told(&absent, &nobodys, &own), "{route}");
                }
            }
        }
    }
    // A bucket of theirs, in a call about one's own collection.
    for route in ["trigger", "trigger/preview"] {
        let call = |bucket: &str| {
            let call = Request::post(format!("/v1/collections/frames/{route}"), json!({"include_buckets": [bucket]}));
            ask(&served, &call.with("X-Namespace", "demo"), &shop.key)
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
