//! What `why` says of a document, held against the verdicts, the values and the law. Fuzzing uses it too.

use serde_json::Value as Json;
use trommel::{Document, Path, WhyTree};

/// The verdict of each group is that of its members, each leaf shows what is at its path, and what is marked decided.
pub(crate) fn is_consistent(why: &WhyTree<'_>, document: &Json, expected: bool) {
    assert_eq!(why.matches(), expected, "{why}");
    let tree = serde_json::to_string(why).expect("plain data");
    // By a reader of any depth.
    verdicts_and_values(&Document::read(tree.as_bytes()).expect("JSON"), document, expected);
    marks(&why.to_string());
}

fn verdicts_and_values(tree: &Json, document: &Json, expected: bool) {
    assert_eq!(tree["matches"], expected, "{tree}");
    let mut open = vec![tree];
    while let Some(node) = open.pop() {
        let matches = node["matches"].as_bool().expect("a verdict");
        if let Some(children) = node["children"].as_array() {
            let holds = |child: &Json| child["matches"] == true;
            let of_children = match node["kind"].as_str().expect("a kind") {
                "and" => children.iter().all(holds),
                "or" => children.iter().any(holds),
                "not" => !children.iter().any(holds),
                kind => panic!("a {kind} with children"),
            };
            assert_eq!(matches, of_children, "{tree}");
            open.extend(children);
            continue;
        }
        let path = Path::parse(node["field"].as_str().expect("a field")).expect("a path");
        let shown = node["values"].as_array().expect("values");
        assert!(path.values(document).take(shown.len() + 1).take(10).eq(shown), "{node} of {document}");
        let wanted = node["value"] != false;
        match node["operator"].as_str().expect("an operator") {
            "exists" => assert_eq!(matches, path.nodes(document).next().is_some() == wanted, "{node}"),
            "is_null" => assert_eq!(matches, path.values(document).all(Json::is_null) == wanted, "{node}"),
            // Whatever is positive and about scalars needs one.
            "ne" | "nin" | "eq" | "in" => {}
            _ => assert!(!matches || path.scalars(document).next().is_some(), "{node}"),
        }
    }
}

/// A line of the drawn tree.
struct Line<'t> {
    is_marked: bool,
    matches: bool,
    depth: usize,
    label: &'t str,
}

/// In the drawn tree, a member is marked if its group is and it had a part in the group's verdict: all members of an AND
/// that holds, of one that does not those that do not, and so on.
fn marks(drawn: &str) {
    let mut lines = drawn.lines();
    let verdict = lines.next().expect("a verdict") == "match";
    let lines: Vec<Line<'_>> = lines
        .map(|line| {
            let (marker, rest) = line.split_at(2);
            let (matches, rest) = rest.split_at(7);
            let label = rest.trim_start_matches(' ');
            let depth = (rest.len() - label.len()) / 2;
            Line { is_marked: marker == "> ", matches: matches.trim() == "true", depth, label }
        })
        .collect();
    // As deep as this all lines are drawn alike.
    if lines.iter().any(|line| line.depth >= 40) {
        return;
    }
    let mut around: Vec<&Line<'_>> = Vec::new();
    for line in &lines {
        around.truncate(line.depth);
        let expected = match around.last() {
            None => {
                assert_eq!(line.matches, verdict, "{drawn}");
                true
            }
            Some(group) => {
                let member_of_verdict = match group.label {
                    "and" => group.matches || !line.matches,
                    "or" => !group.matches || line.matches,
                    "not" => group.matches || line.matches,
                    label => panic!("a member of `{label}`"),
                };
                group.is_marked && member_of_verdict
            }
        };
        assert_eq!(line.is_marked, expected, "{}\n{drawn}", line.label);
        around.push(line);
    }
}
