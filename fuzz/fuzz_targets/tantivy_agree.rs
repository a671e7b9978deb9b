//! A search index answers as the reference does, from the index alone: filters and documents as structures, in process.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use trommel::conformance::{Answer, Question, Subject};
use trommel::reference::Reference;
use trommel::strategies::Meeting;
use trommel::{Filter, Group, parse};

#[allow(dead_code)]
#[path = "../../tests/it/tantivy/store.rs"]
mod store;

use store::{Knows, Segments, Store};

thread_local! {
    static STORE: RefCell<Store> = RefCell::new(Store::new(Segments::Several, Knows::Nothing));
}

fuzz_target!(|meeting: Meeting| {
    let filter = parse::json(&meeting.filter).expect("a valid filter");
    let reference = Reference::new(&filter, &meeting.schema).expect("a reference");
    let matches: Vec<bool> = meeting.documents.iter().map(|document| reference.matches(document)).collect();
    let not = Filter::group(Group::Not, [filter.clone()]).expect("within the limits");
    STORE.with_borrow_mut(|store| {
        for (filter, wanted) in [(&filter, true), (&not, false)] {
            let question = Question::new(filter, &meeting.schema, &meeting.documents);
            let answer = store.answer(&question).expect("no error of the index");
            let expected: Vec<usize> = (0..matches.len()).filter(|at| matches[*at] == wanted).collect();
            assert_eq!(answer, Answer::Matches(expected), "{filter}: {meeting:?}");
        }
        assert_eq!(store.tally.rechecked + store.tally.scanned, 0, "{meeting:?}");
    });
});
