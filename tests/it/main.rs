//! Tests.

use serde_json::Value as Json;
use trommel::{parse::Parser, reference::Reference, *};
#[test]
fn quick() {
    let mut bad = 0;
    let mut verdicts = 0;
    for entry in std::fs::read_dir("tests/data/ops").unwrap() {
        let path = entry.unwrap().path();
        let file: Json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let docs = file["documents"].as_object().unwrap();
        for case in file["cases"].as_array().unwrap() {
            let schema = match case.get("schema") {
                Some(s) if !s.is_null() => Schema::from_json(&s.to_string()).unwrap(),
                _ => Schema::open(),
            };
            let parser = Parser::new().ignore_case(case["ignore_case"].as_bool().unwrap_or(false));
            let text = case["filter"].to_string();
            let filter = match parser.json(&text) {
                Ok(f) => f,
                Err(e) => {
                    println!("{} {} PARSE {e}", path.display(), case["name"]);
                    bad += 1;
                    continue;
                }
            };
            let filter = if let Some(b) = case.get("bind") {
                match filter.bind(b) {
                    Ok(f) => f,
                    Err(e) => {
                        println!("{} {} BIND {e}", path.display(), case["name"]);
                        bad += 1;
                        continue;
                    }
                }
            } else {
                filter
            };
            let predicate = match schema.check(&filter) {
                Ok(f) => f,
                Err(e) => {
                    println!("{} {} CHECK {e}", path.display(), case["name"]);
                    bad += 1;
                    continue;
                }
            };
            let reference = Reference::new(&filter, &schema).unwrap();
            let matcher = Matcher::new(&predicate);
            let again = schema.check(&predicate.to_filter()).unwrap();
            assert_eq!(again.fingerprint(), predicate.fingerprint(), "{filter}");
            let expected: Vec<&str> = case["matches"].as_array().unwrap().iter().map(|x| x.as_str().unwrap()).collect();
            for (id, doc) in docs {
                verdicts += 1;
                let want = expected.contains(&id.as_str());
                let r = reference.matches(doc);
                let m = matcher.matches(doc);
                if r != want || m != want {
                    bad += 1;
                    println!(
                        "{} {} {id}: want {want} reference {r} matcher {m}: {text} {doc}",
                        path.display(),
                        case["name"]
                    );
                }
            }
        }
    }
    println!("{verdicts} verdicts, {bad} bad");
    assert_eq!(bad, 0);
}
