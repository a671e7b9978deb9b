//! Reading text never panics; what is read prints as text and as JSON, and each reads back as the same filter.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trommel::{Schema, parse, parse::Parser};

fuzz_target!(|input: &[u8]| {
    let _ = Schema::open().parse_text(&Parser::new(), input);
    match parse::text(input) {
        Ok(filter) => {
            let text = filter.to_text();
            let again = parse::text(&text).expect("what prints parses");
            assert_eq!(again, filter, "{text}");
            assert_eq!(again.to_text(), text);
            assert_eq!(parse::json(filter.to_string()).expect("what prints parses"), filter, "{text}");
        }
        Err(error) => assert!(!error.render(&String::from_utf8_lossy(input)).is_empty()),
    }
});
