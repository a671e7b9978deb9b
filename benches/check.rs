//! What checking a filter costs, simplification included, beside reading it.

mod made;
mod ratio;

use made::{Costs, Made, SIZES, filters, ids};
use ratio::{Rival, compare};
use trommel::{Limit, Limits, Schema, parse::Parser};

fn main() {
    let schema = Schema::open();
    let parser = Parser::new().limits(Limits::default().with(Limit::Conditions, 1_000_000));
    let mut costs = Costs::default();
    for Made { name, count, text } in SIZES.into_iter().flat_map(filters).chain(SIZES.map(ids)) {
        let filter = parser.json(&text).expect("a filter");
        let took = compare(
            &format!("{name}: {count}, {} bytes", text.len()),
            &mut [
                Rival::new("parse", || parser.json(&text)),
                Rival::new("check", || schema.check(&filter).expect("a good filter")),
            ],
        );
        took.into_iter().for_each(|took| costs.add(name, count, took[1]));
    }
    costs.print("check");
}
