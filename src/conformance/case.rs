//! The cases that were written from the rules, embedded, so that whoever has the crate has them.

use serde_json::{Map, Value as Json};

use crate::error::{Code, Diagnostic, Error};
use crate::filter::Filter;
use crate::parse::Parser;
use crate::schema::Schema;

/// The data files: name and text.
const FILES: [(&str, &str); 21] = [
    ("eq", include_str!("../../tests/data/ops/eq.json")),
    ("ne", include_str!("../../tests/data/ops/ne.json")),
    ("in", include_str!("../../tests/data/ops/in.json")),
    ("nin", include_str!("../../tests/data/ops/nin.json")),
    ("gt", include_str!("../../tests/data/ops/gt.json")),
    ("gte", include_str!("../../tests/data/ops/gte.json")),
    ("lt", include_str!("../../tests/data/ops/lt.json")),
    ("lte", include_str!("../../tests/data/ops/lte.json")),
    ("contains", include_str!("../../tests/data/ops/contains.json")),
    ("starts_with", include_str!("../../tests/data/ops/starts_with.json")),
    ("ends_with", include_str!("../../tests/data/ops/ends_with.json")),
    ("regex", include_str!("../../tests/data/ops/regex.json")),
    ("text", include_str!("../../tests/data/ops/text.json")),
    ("exists", include_str!("../../tests/data/ops/exists.json")),
    ("is_null", include_str!("../../tests/data/ops/is_null.json")),
    ("groups", include_str!("../../tests/data/ops/groups.json")),
    ("case", include_str!("../../tests/data/ops/case.json")),
    ("paths", include_str!("../../tests/data/ops/paths.json")),
    ("instants", include_str!("../../tests/data/ops/instants.json")),
    ("schema", include_str!("../../tests/data/ops/schema.json")),
    ("dynamic", include_str!("../../tests/data/ops/dynamic.json")),
];

/// One filter, and which documents of its file it matches.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Case {
    /// The file and the case: `eq/x-eq-5`.
    pub name: String,
    /// The rules of [`semantics`](crate::semantics) that it is about.
    pub rules: Vec<String>,
    /// The filter, bound.
    pub filter: Filter,
    /// The schema that it is checked with.
    pub schema: Schema,
    /// The names of the documents of the file.
    pub ids: Vec<String>,
    /// Those documents.
    pub documents: Vec<Json>,
    /// For each document, whether it matches.
    pub matches: Vec<bool>,
}

/// The cases that come with the crate, in the order of their files.
///
/// # Errors
/// Where a case is not of the form that `tests/data/README.md` gives, which is a defect of this crate.
pub fn cases() -> Result<Vec<Case>, Error> {
    let mut cases = Vec::new();
    for (file, text) in FILES {
        read_file(file, text, &mut cases)?;
    }
    Ok(cases)
}

/// A part of a data file is missing or of the wrong type.
fn bad(file: &str, what: &str) -> Error {
    Diagnostic::error(Code::Internal, format!("the data file `{file}`: {what}")).into()
}

fn read_file(file: &str, text: &str, cases: &mut Vec<Case>) -> Result<(), Error> {
    let json: Json = serde_json::from_str(text).map_err(|error| bad(file, &error.to_string()))?;
    let documents = json["documents"].as_object().ok_or_else(|| bad(file, "no `documents`"))?;
    for case in json["cases"].as_array().ok_or_else(|| bad(file, "no `cases`"))? {
        let name = case["name"].as_str().ok_or_else(|| bad(file, "a case without a `name`"))?;
        let name = format!("{file}/{name}");
        cases.push(read_case(case, documents, &name).map_err(|error| bad(&name, &error.to_string()))?);
    }
    Ok(())
}

fn read_case(case: &Json, documents: &Map<String, Json>, name: &str) -> Result<Case, Error> {
    let strings = |key: &str| -> Option<Vec<&str>> { case[key].as_array()?.iter().map(Json::as_str).collect() };
    let rules = strings("rules").ok_or_else(|| bad(name, "no `rules`"))?;
    let expected = strings("matches").ok_or_else(|| bad(name, "no `matches`"))?;
    if let Some(unknown) = expected.iter().find(|id| !documents.contains_key(**id)) {
        return Err(bad(name, &format!("no document `{unknown}`")));
    }
    let parser = Parser::new().ignore_case(case["ignore_case"] == true);
    let mut filter = parser.json(case["filter"].to_string())?;
    if let Some(values) = case.get("bind") {
        filter = filter.bind(values)?;
    }
    let schema = match case.get("schema") {
        Some(schema) => Schema::from_json(&schema.to_string())?,
        None => Schema::open(),
    };
    schema.check(&filter)?;
    Ok(Case {
        name: name.to_owned(),
        rules: rules.into_iter().map(str::to_owned).collect(),
        filter,
        schema,
        ids: documents.keys().cloned().collect(),
        documents: documents.values().cloned().collect(),
        matches: documents.keys().map(|id| expected.contains(&id.as_str())).collect(),
    })
}
