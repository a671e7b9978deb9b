//! What reading a filter costs, as JSON and in the text language, beside `serde_json` reading the JSON into a `Value` and
//! checking nothing.

mod made;
mod ratio;

use made::{Costs, Made, SIZES, filters, ids};
use ratio::{Rival, compare};
use serde_json::Value as Json;
use trommel::{Limit, Limits, parse::Parser, plan::TriggerRequest};

fn main() {
    let parser = Parser::new().limits(Limits::default().with(Limit::Conditions, 1_000_000));
    let (mut costs, mut costs_of_text) = (Costs::default(), Costs::default());
    for Made { name, count, text } in SIZES.into_iter().flat_map(filters).chain(SIZES.map(ids)) {
        let filter = parser.json(&text).expect("a filter");
        let in_text = filter.to_text();
        assert_eq!(parser.text(&in_text).expect("a filter").to_text(), in_text);
        let took = compare(
            &format!("{name}: {count}, {} bytes, {} as text", text.len(), in_text.len()),
            &mut [
                Rival::new("serde_json::Value", || serde_json::from_slice::<Json>(text.as_bytes())),
                Rival::new("parse", || parser.json(&text)),
                Rival::new("parse the text language", || parser.text(&in_text)),
            ],
        );
        if let Some(took) = took {
            costs.add(name, count, took[1]);
            costs_of_text.add(name, count, took[2]);
        }
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
    costs_of_text.print("parse text");
}
