//! Bad filters and their exact diagnostics: `tests/data/errors/*.json`, and what is drawn for people.
//!
//! `TROMMEL_BLESS=1` rewrites the files. Read what changed: is the place right, does the hint help?

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use trommel::parse::Parser;
use trommel::{Error, Limit, Limits, Schema};

/// A file: cases about one kind of mistake.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    about: String,
    cases: Vec<Case>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// The filter as text, which need not be JSON.
    filter: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schema: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bind: Option<Json>,
    /// Limits by their names.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    limits: serde_json::Map<String, Json>,
    /// What is reported; with how many more, if there are.
    #[serde(default)]
    diagnostics: Vec<Json>,
    #[serde(default, skip_serializing_if = "is_zero")]
    omitted: usize,
    /// What is drawn, line by line, where the case is about that too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drawn: Option<Vec<String>>,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Case {
    /// Reads, binds, checks: the mistakes of the first stage that finds any.
    fn error(&self) -> Option<Error> {
        let mut limits = Limits::default();
        for (name, value) in &self.limits {
            limits = limits.with(Limit::from_name(name).unwrap(), value.as_u64().unwrap() as usize);
        }
        let schema = match &self.schema {
            Some(schema) => Schema::from_json(&schema.to_string()).unwrap(),
            None => Schema::open(),
        };
        let filter = match schema.parse_json(&Parser::new().limits(limits), &self.filter) {
            Ok(filter) => filter,
            Err(error) => return Some(error),
        };
        let filter = match &self.bind {
            Some(values) => match filter.bind(values) {
                Ok(bound) => bound,
                Err(error) => return Some(error),
            },
            None => filter,
        };
        schema.check(&filter).err()
    }

    /// The case with what is reported now.
    fn now(self) -> Case {
        let error = self.error();
        let diagnostics = error.iter().flat_map(Error::diagnostics);
        let drawn = self.drawn.as_ref().map(|_| match &error {
            Some(error) => error.render(&self.filter).lines().map(str::to_owned).collect(),
            None => Vec::new(),
        });
        Case {
            diagnostics: diagnostics.map(|found| serde_json::to_value(found).unwrap()).collect(),
            omitted: error.as_ref().map_or(0, Error::omitted),
            drawn,
            ..self
        }
    }
}

fn files() -> Vec<(PathBuf, String)> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir("tests/data/errors").unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn bad_filters_are_reported_as_they_should_be() {
    let bless = std::env::var_os("TROMMEL_BLESS").is_some();
    let (mut cases, mut drawn, mut codes, mut wrong) = (0, 0, BTreeSet::new(), Vec::new());
    for (path, text) in files() {
        let file: File = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let File { about, cases: found } = file;
        let now = File { about, cases: found.into_iter().map(Case::now).collect() };
        for case in &now.cases {
            cases += 1;
            drawn += usize::from(case.drawn.is_some());
            assert!(!case.diagnostics.is_empty(), "{}: nothing is wrong with it", case.name);
            codes.extend(case.diagnostics.iter().map(|found| found["code"].as_str().unwrap().to_owned()));
        }
        let printed = serde_json::to_string_pretty(&now).unwrap() + "\n";
        if bless {
            fs::write(&path, printed).unwrap();
        } else if printed != text {
            let differs = printed.lines().zip(text.lines()).find(|(now, then)| now != then);
            let (now, then) = differs.unwrap_or(("", ""));
            wrong.push(format!("{}:\n  was {then}\n  now {now}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases >= 100 && drawn >= 12, "{cases} cases, {drawn} drawn");
    let all = "syntax duplicate_key unknown_key unknown_operator unknown_field missing_value mixed_object bad_path \
               operand_type operand_range bad_regex empty_text operator_not_allowed case_conflict limit unbound bind";
    for code in all.split(' ') {
        assert!(codes.contains(code), "no case is about `{code}`");
    }
}

#[test]
fn messages_keep_to_their_form() {
    for (path, text) in files() {
        let file: File = serde_json::from_str(&text).unwrap();
        for case in file.cases {
            for found in &case.diagnostics {
                let place = format!("{} {}", path.display(), case.name);
                for key in ["message", "hint"] {
                    let Some(words) = found[key].as_str() else { continue };
                    assert!(!words.ends_with('.') && !words.contains('\n'), "{place}: {words}");
                    assert!(!words.starts_with(|c: char| c.is_uppercase()), "{place}: {words}");
                    assert!(words.len() <= 200, "{place}: {words}");
                }
                // The place is told, but for an input that is too long to be looked at.
                if found["message"].as_str().unwrap().starts_with("limit `input` passed") {
                    continue;
                }
                let span = found["span"].as_array().unwrap_or_else(|| panic!("{place}: no span"));
                let range = span[0].as_u64().unwrap() as usize..span[1].as_u64().unwrap() as usize;
                assert!(case.filter.get(range).is_some(), "{place}: {span:?}");
                // What can be pointed at in JSON exists there, or its parent does.
                if let (Some(pointer), Ok(json)) =
                    (found["pointer"].as_str(), serde_json::from_str::<Json>(&case.filter))
                {
                    let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
                    assert!(json.pointer(pointer).or(json.pointer(parent)).is_some(), "{place}: {pointer}");
                }
            }
        }
    }
}
