//! Generated catalogs, stores and requests: never a panic; tiers, counts, overwrites and batches equal the brute force.

#![no_main]

use libfuzzer_sys::arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use trommel::strategies::Meeting;

#[allow(dead_code)]
#[path = "../../tests/it/plan/brute.rs"]
mod brute;

use brute::{Dice, Met, stores};

/// Of so many bytes is made a filter with the documents that it meets.
const MEETING: usize = 160;

fuzz_target!(|bytes: &[u8]| {
    let (kind, rest) = bytes.split_first().unwrap_or((&0, &[]));
    // A store takes a thousand times as long as a catalog.
    if *kind < 100 {
        brute::tiers(&mut Dice::bytes(rest), &mut Met::default());
    } else if *kind < 128 {
        brute::names(&mut Dice::bytes(rest), &mut Met::default());
    } else {
        let (choices, meetings) = rest.split_at(rest.len() / 2);
        let mut meetings = meetings.chunks(MEETING);
        let mut others = || {
            let meeting = Meeting::arbitrary(&mut Unstructured::new(meetings.next()?)).ok()?;
            Some((meeting.filter, meeting.documents))
        };
        stores::requests(&mut Dice::bytes(choices), 6, 3, &mut others, &mut stores::Met::default());
    }
    // Anything as a catalog, a request or a plan.
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = trommel::plan::CatalogFile::from_json(text).map(|file| file.into_catalog("ns"));
        let _ = trommel::plan::TriggerPlan::from_json(text);
        let _ = trommel::plan::TriggerRequest::from_json(text).map(|request| request.filter());
    }
});
