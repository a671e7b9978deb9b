//! What reading and checking a filter costs, beside `serde_json` reading the same bytes into a `Value` and checking
//! nothing.

mod ratio;

use std::fmt::Write as _;

use ratio::{Rival, compare};
use serde_json::Value as Json;
use trommel::{Limit, Limits, Schema, parse::Parser, plan::TriggerRequest};

fn conditions(count: usize) -> String {
    let mut text = r#"{"AND":["#.to_owned();
    for at in 0..count {
        let comma = if at > 0 { "," } else { "" };
        let operator = ["eq", "gt", "contains", "ne"][at % 4];
        let _ = write!(text, r#"{comma}{{"field":"items.f{}","operator":"{operator}","value":"v{at}"}}"#, at % 50);
    }
    text + "]}"
}

fn ids(count: usize) -> String {
    let mut text = r#"{"object_ids":["#.to_owned();
    for at in 0..count {
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(text, "{comma}\"obj_{at:016x}\"");
    }
    text + "]}"
}

fn main() {
    let schema = Schema::open();
    let parser = Parser::new().limits(Limits::default().with(Limit::Conditions, 1_000_000));
    for count in [1, 10, 1_000, 100_000] {
        let text = conditions(count);
        compare(
            &format!("{count} conditions, {} bytes", text.len()),
            &mut [
                Rival::new("serde_json::Value", || serde_json::from_slice::<Json>(text.as_bytes())),
                Rival::new("parse", || parser.json(&text)),
                Rival::new("parse + check", || schema.check(&parser.json(&text).expect("a filter"))),
            ],
        );
    }
    let text = ids(100_000);
    compare(
        &format!("100000 object ids, {} bytes; the target is at most 3 x", text.len()),
        &mut [
            Rival::new("serde_json::Value", || serde_json::from_slice::<Json>(text.as_bytes())),
            Rival::new("parse", || TriggerRequest::from_json(&text)),
            Rival::new("parse + check", || {
                let request = TriggerRequest::from_json(&text).expect("a request");
                schema.check(&request.filter().expect("within the limits").expect("a filter"))
            }),
        ],
    );
    let text = text.replace("object_ids\":", "field\":\"object_id\",\"operator\":\"in\",\"value\":");
    compare(
        &format!("the same as a condition, {} bytes; the target is at most 3 x", text.len()),
        &mut [
            Rival::new("serde_json::Value", || serde_json::from_slice::<Json>(text.as_bytes())),
            Rival::new("parse", || parser.json(&text)),
            Rival::new("parse + check", || schema.check(&parser.json(&text).expect("a filter"))),
        ],
    );
}
