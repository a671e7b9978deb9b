//! What it costs to get from JSON text to a matcher that has answered once, beside a translation by hand that knows only
//! `eq` and `in` and checks nothing. Trommel holds its limits, keeps places and simplifies meanwhile.

mod hand;
mod made;
mod ratio;

use hand::Hand;
use made::{Costs, Made, SIZES, filters, ids};
use ratio::{Rival, compare};
use serde_json::{Value as Json, json};
use trommel::{Limit, Limits, Matcher, Schema, parse::Parser};

/// From the text to the answer for one document.
fn ask(parser: &Parser, schema: &Schema, text: &str, document: &Json) -> bool {
    let predicate = schema.check(&parser.json(text).expect("a filter")).expect("a good filter");
    Matcher::new(&predicate).matches(document)
}

fn main() {
    let schema = Schema::open();
    let parser = Parser::new().limits(Limits::default().with(Limit::Conditions, 1_000_000));
    let made = SIZES.into_iter().flat_map(|count| filters(count).map(|made| (made, 2.0)));
    let lists = SIZES.into_iter().map(|count| (ids(count), 1.5));
    let (mut rows, mut costs) = (Vec::new(), Costs::default());
    for (Made { name, count, text }, most) in made.chain(lists) {
        // One that the first condition, the first group and the lists of ids let through, and one that none does.
        let first = "obj_0000000000000000";
        let items = json!({"f0": "value 0", "f1": "value 1", "f2": "value 2"});
        let hit = json!({"object_id": first, "name": first, "items": items});
        let miss = json!({"object_id": "x", "name": "x", "items": {"f0": "x"}});
        let took = compare(
            &format!("{name}: {count}, {} bytes", text.len()),
            &mut [
                Rival::new("by hand", || Hand::compile(&text).matches(&miss)),
                Rival::new("trommel", || ask(&parser, &schema, &text, &miss)),
            ],
        );
        if let Some(took) = took {
            for document in [&hit, &miss] {
                assert_eq!(ask(&parser, &schema, &text, document), Hand::compile(&text).matches(document), "{name}");
            }
            rows.push((name, count, took[1] / took[0], most));
            costs.add(name, count, took[1]);
        }
    }
    println!("\n{:28} {:>8} {:>8} {:>8}", "JSON text to matcher", "count", "ratio", "at most");
    for (name, count, ratio, most) in rows {
        println!("{name:28} {count:>8} {ratio:6.2} x {most:6.2} x");
    }
    costs.print("to matcher");
}
