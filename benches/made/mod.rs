//! Filters of any size as JSON text, of `eq` and `in` alone, so that a translation which knows nothing else can keep up.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A filter, what it is called, and how many conditions or ids are in it.
pub(crate) struct Made {
    pub(crate) name: &'static str,
    pub(crate) count: usize,
    pub(crate) text: String,
}

/// How large the filters are that are timed.
pub(crate) const SIZES: [usize; 4] = [1, 10, 1_000, 100_000];

/// What a condition or an id cost in each kind of filter and at each size.
#[derive(Default)]
pub(crate) struct Costs(BTreeMap<&'static str, Vec<f64>>);

impl Costs {
    /// Notes what a filter of `count` cost; sizes come in ascending order.
    pub(crate) fn add(&mut self, name: &'static str, count: usize, cost: f64) {
        self.0.entry(name).or_default().push(cost / count as f64);
    }

    /// Prints what a condition or id costs, and what one of the most costs beside one of the second most: about 1 where
    /// the cost is linear.
    pub(crate) fn print(&self, what: &str) {
        let columns: String = SIZES.iter().map(|size| format!("{size:>9}")).collect();
        let [.., thousand, most] = SIZES;
        println!("\n{:28}{columns}  {most} : {thousand}", format!("{what}, for one of"));
        // Not those of which only some sizes were asked for.
        for (name, costs) in self.0.iter().filter(|(_, costs)| costs.len() == SIZES.len()) {
            let columns: String = costs.iter().map(|cost| format!("{cost:>9.0}")).collect();
            println!("{name:28}{columns}  {:>13.2} x", costs[costs.len() - 1] / costs[costs.len() - 2]);
        }
    }
}

/// Filters of about `count` conditions each, on fifty paths.
pub(crate) fn filters(count: usize) -> [Made; 3] {
    let flat: Vec<String> = (0..count).map(condition).collect();
    let flat = format!(r#"{{"AND":[{}]}}"#, flat.join(","));
    let groups: Vec<String> = (0..count.div_ceil(3))
        .map(|at| {
            let members: Vec<String> = (at * 3..(at * 3 + 3).min(count)).map(condition).collect();
            format!(r#"{{"AND":[{}]}}"#, members.join(","))
        })
        .collect();
    let groups = format!(r#"{{"OR":[{}]}}"#, groups.join(","));
    let merging: Vec<String> =
        (0..count).map(|at| format!(r#"{{"field":"name","operator":"eq","value":"{}"}}"#, id(at))).collect();
    let merging = format!(r#"{{"OR":[{}]}}"#, merging.join(","));
    [
        Made { name: "an AND of conditions", count, text: flat },
        Made { name: "an OR of ANDs of three", count, text: groups },
        Made { name: "an OR of `eq` on one path", count, text: merging },
    ]
}

/// A list of `count` ids.
pub(crate) fn ids(count: usize) -> Made {
    let mut text = r#"{"AND":[{"field":"object_id","operator":"in","value":["#.to_owned();
    for at in 0..count {
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(text, "{comma}\"{}\"", id(at));
    }
    Made { name: "a list of ids", count, text: text + "]}]}" }
}

fn id(at: usize) -> String {
    format!("obj_{at:016x}")
}

/// Mostly strings and some numbers, one in eight a short list.
fn condition(at: usize) -> String {
    let field = format!("items.f{}", at % 50);
    match at % 8 {
        3 => format!(r#"{{"field":"{field}","operator":"eq","value":{at}}}"#),
        6 => format!(r#"{{"field":"{field}","operator":"in","value":["a{at}","b{at}","c{at}"]}}"#),
        _ => format!(r#"{{"field":"{field}","operator":"eq","value":"value {at}"}}"#),
    }
}
