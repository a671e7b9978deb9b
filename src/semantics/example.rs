// What the examples of `semantics` ask with. Each includes this file, so that what a reader sees is the question alone.

use trommel::{Matcher, Predicate, Schema, parse::Parser, reference::Reference};

/// Whether a filter matches a document.
pub fn matches(filter: &str, document: serde_json::Value) -> bool {
    matches_in(&Schema::open(), filter, document)
}

/// Whether a filter matches a document of a schema: by the reference and by the matcher, the filter and its complement.
pub fn matches_in(schema: &Schema, filter: &str, document: serde_json::Value) -> bool {
    let verdict = |filter: &str| {
        let filter = schema.parse_json(&Parser::new(), filter).unwrap();
        let verdict = Reference::new(&filter, schema).unwrap().matches(&document);
        assert_eq!(Matcher::new(&schema.check(&filter).unwrap()).matches(&document), verdict);
        verdict
    };
    let verdict_of_not = verdict(&format!(r#"{{"NOT": [{filter}]}}"#));
    assert_eq!(verdict(filter), !verdict_of_not);
    !verdict_of_not
}

/// The code of the first mistake.
pub fn refused(filter: &str) -> &'static str {
    refused_in(&Schema::open(), filter)
}

/// The code of the first mistake under a schema.
pub fn refused_in(schema: &Schema, filter: &str) -> &'static str {
    schema.parse_json(&Parser::new(), filter).unwrap_err().code().as_str()
}

/// What a filter means.
pub fn check(filter: &str) -> Predicate {
    Schema::open().check(&trommel::parse::json(filter).unwrap()).unwrap()
}
