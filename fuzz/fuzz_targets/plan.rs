//! Generated catalogs, stores and requests: never a panic; tiers, counts, overwrites and batches equal the brute force.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../tests/it/plan/brute.rs"]
mod brute;

use brute::{Dice, Met};

fuzz_target!(|bytes: &[u8]| {
    let (kind, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let mut dice = Dice::bytes(rest);
    // A store takes a thousand times as long as a catalog.
    if *kind < 200 {
        brute::tiers(&mut dice, &mut Met::default());
    } else if *kind < 250 {
        brute::names(&mut dice, &mut Met::default());
    } else {
        brute::counts(&mut dice, 8);
    }
    // Anything as a catalog, a request or a plan.
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = trommel::plan::CatalogFile::from_json(text).map(|file| file.into_catalog("ns"));
        let _ = trommel::plan::TriggerPlan::from_json(text);
        let _ = trommel::plan::TriggerRequest::from_json(text).map(|request| request.filter());
    }
});
