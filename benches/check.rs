//! What checking a filter costs, simplification included, beside reading it.

mod made;
mod ratio;

use made::{Made, filters, ids};
use ratio::{Rival, compare};
use trommel::{Limit, Limits, Schema, parse::Parser};

fn main() {
    let schema = Schema::open();
    let parser = Parser::new().limits(Limits::default().with(Limit::Conditions, 1_000_000));
    let sizes = [1, 10, 1_000, 100_000];
    for Made { name, count, text } in sizes.into_iter().flat_map(filters).chain(sizes.map(ids)) {
        let filter = parser.json(&text).expect("a filter");
        compare(
            &format!("{name}: {count}, {} bytes", text.len()),
            &mut [
                Rival::new("parse", || parser.json(&text)),
                Rival::new("check", || schema.check(&filter).expect("a good filter")),
            ],
        );
    }
}
