//! What reading a filter costs, beside `serde_json` reading the same bytes into a `Value` and checking nothing.

mod made;
mod ratio;

use made::{Costs, Made, SIZES, filters, ids};
use ratio::{Rival, compare};
use serde_json::Value as Json;
use trommel::{Limit, Limits, parse::Parser, plan::TriggerRequest};

fn main() {
    let parser = Parser::new().limits(Limits::default().with(Limit::Conditions, 1_000_000));
    let mut costs = Costs::default();
    for Made { name, count, text } in SIZES.into_iter().flat_map(filters).chain(SIZES.map(ids)) {
        let took = compare(
            &format!("{name}: {count}, {} bytes", text.len()),
            &mut [
                Rival::new("serde_json::Value", || serde_json::from_slice::<Json>(text.as_bytes())),
                Rival::new("parse", || parser.json(&text)),
            ],
        );
        took.into_iter().for_each(|took| costs.add(name, count, took[1]));
    }
    let text =
        ids(100_000).text.replace(r#"{"AND":[{"field":"object_id","operator":"in","value":"#, r#"{"object_ids":"#);
    let text = text.replace("]}]}", "]}");
    compare(
        &format!("the ids of a trigger call: 100000, {} bytes", text.len()),
        &mut [
            Rival::new("serde_json::Value", || serde_json::from_slice::<Json>(text.as_bytes())),
            Rival::new("parse", || TriggerRequest::from_json(&text)),
        ],
    );
    costs.print("parse");
}
