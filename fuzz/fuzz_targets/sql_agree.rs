//! SQLite, in each storage, answers as the reference does: filters and documents as structures, in process.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use trommel::conformance::{Answer, Question, Subject};
use trommel::reference::Reference;
use trommel::strategies::Meeting;
use trommel::{Filter, Group, parse};

#[allow(dead_code)]
#[path = "../../tests/it/sql/database/mod.rs"]
mod database;
#[allow(dead_code)]
#[path = "../../tests/it/sql/store.rs"]
mod store;

use database::Sqlite;
use store::{Storage, Store};

thread_local! {
    static STORES: RefCell<[Store; 6]> = RefCell::new([
        Store::new(Box::new(Sqlite::text()), Storage::Json),
        Store::new(Box::new(Sqlite::text()), Storage::ValidJson),
        Store::new(Box::new(Sqlite::jsonb()), Storage::ValidJson),
        Store::new(Box::new(Sqlite::text()), Storage::Generated),
        Store::new(Box::new(Sqlite::text()), Storage::Columns),
        Store::new(Box::new(Sqlite::text()), Storage::Mixed),
    ]);
}

fuzz_target!(|meeting: Meeting| {
    let filter = parse::json(&meeting.filter).expect("a valid filter");
    let reference = Reference::new(&filter, &meeting.schema).expect("a reference");
    let matches: Vec<bool> = meeting.documents.iter().map(|document| reference.matches(document)).collect();
    let not = Filter::group(Group::Not, [filter.clone()]).expect("within the limits");
    STORES.with_borrow_mut(|stores| {
        for store in stores {
            for (filter, wanted) in [(&filter, true), (&not, false)] {
                let question = Question::new(filter, &meeting.schema, &meeting.documents);
                let Answer::Matches(mut found) = store.answer(&question).expect("no error of the database") else {
                    panic!("no answer: {meeting:?}");
                };
                found.sort_unstable();
                let expected: Vec<usize> = (0..matches.len()).filter(|at| matches[*at] == wanted).collect();
                assert_eq!(found, expected, "{filter}: {meeting:?}");
            }
        }
    });
});
