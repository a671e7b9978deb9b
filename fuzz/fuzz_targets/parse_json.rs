//! Reading never panics, whatever comes; what is read prints, and reads again as the same filter; and what it means
//! prints canonically, and means the same again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trommel::plan::TriggerRequest;
use trommel::{Document, Filter, Matcher, Schema, parse};

fuzz_target!(|input: &[u8]| {
    let _ = TriggerRequest::from_json(input);
    let document = Document::read(input);
    let schema = Schema::open();
    let filter = match parse::json(input) {
        Ok(filter) => filter,
        Err(error) => {
            assert!(!error.diagnostics().is_empty());
            if let Ok(text) = std::str::from_utf8(input) {
                assert!(!error.render(text).is_empty());
            }
            return;
        }
    };
    for printed in [filter.to_string(), format!("{filter:#}")] {
        assert_eq!(parse::json(&printed).expect("what prints parses"), filter, "{printed}");
    }
    // The other ways in read the same, but for what a `Value` cannot hold.
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(input) {
        assert_eq!(parse::value(&value).is_ok(), serde_json::from_slice::<Filter>(input).is_ok());
    }
    let Ok(predicate) = schema.check(&filter) else { return };
    let canonical = predicate.to_filter();
    let again = schema.check(&canonical).expect("what is canonical is right");
    assert_eq!(again.fingerprint(), predicate.fingerprint(), "{canonical}");
    assert_eq!(again.to_filter(), canonical);
    if let Ok(document) = document {
        assert_eq!(Matcher::new(&predicate).matches(&document), Matcher::new(&again).matches(&document));
    }
});
