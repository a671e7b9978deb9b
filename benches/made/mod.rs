//! Filters of any size as JSON text, of `eq` and `in` alone, so that a translation which knows nothing else can keep up.

use std::fmt::Write as _;

/// A filter, what it is called, and how many conditions or ids are in it.
pub(crate) struct Made {
    pub(crate) name: &'static str,
    pub(crate) count: usize,
    pub(crate) text: String,
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
