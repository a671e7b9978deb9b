//! The exported JSON Schema, beside what parse and check say of the same filters.

use std::collections::BTreeSet;
use std::fs;

use jsonschema::{PatternOptions, Validator};
use serde_json::{Value as Json, json};
use trommel::parse::Parser;
use trommel::{Code, Diagnostic, Filter, Instant, OperandKind, Operator, Schema, Type, parse};

/// The keys that are no shorthand as they stand (G5).
const RESERVED: [&str; 8] = ["AND", "OR", "NOT", "field", "operator", "value", "case_sensitive", "case_insensitive"];

/// A schema, and the validator of its filters.
pub(super) struct Exported<'s> {
    schema: &'s Schema,
    validator: Validator,
}

/// What the two say of a filter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    Good,
    Bad,
    /// The check refuses what JSON Schema cannot.
    CannotRefuse,
    /// JSON Schema refuses a spelling of a path that it does not know.
    CannotAccept,
}

impl Exported<'_> {
    pub(super) fn new(schema: &Schema) -> Exported<'_> {
        let exported = schema.to_json_schema();
        assert!(jsonschema::draft202012::meta::is_valid(&exported), "{exported:#}");
        // The engine without look-around and back references: what it reads, any engine does.
        let options = jsonschema::draft202012::options().with_pattern_options(PatternOptions::regex());
        let validator = options.build(&exported).unwrap_or_else(|error| panic!("{error}: {exported:#}"));
        Exported { schema, validator }
    }

    /// Whether the two agree on a filter, but for what the documentation of the export lists.
    pub(super) fn verdict(&self, filter: &Json) -> Result<Verdict, String> {
        let is_valid = self.validator.is_valid(filter);
        let parsed = parse::value(filter);
        let checked = parsed.clone().and_then(|parsed| self.schema.validate(&parsed));
        let is_odd = parsed.is_ok_and(|parsed| self.schema.is_closed() && has_needless_quotes(&parsed, filter));
        match (checked, is_valid) {
            (Ok(()), true) => Ok(Verdict::Good),
            (Ok(()), false) if is_odd => Ok(Verdict::CannotAccept),
            (Ok(()), false) => {
                let why = self.validator.iter_errors(filter).map(|error| error.to_string()).collect::<Vec<_>>();
                Err(format!("{filter} is good, and refused: {}", why.join("; ")))
            }
            (Err(error), is_valid) => {
                let can_say = error.diagnostics().iter().any(|found| can_say(found, filter));
                match (can_say, is_valid) {
                    (true, false) => Ok(Verdict::Bad),
                    (false, true) => Ok(Verdict::CannotRefuse),
                    (false, false) if is_odd => Ok(Verdict::CannotAccept),
                    (true, true) if self.hides_a_field(filter) => Ok(Verdict::CannotRefuse),
                    (true, true) => Err(format!("{filter} is bad, and accepted: {error}")),
                    (false, false) => Err(format!("{filter} is refused, which the documentation denies: {error}")),
                }
            }
        }
    }

    /// Whether a listed field is written with needless quotes in an open schema: it is taken for one that is not listed.
    fn hides_a_field(&self, filter: &Json) -> bool {
        let listed: BTreeSet<String> = self.schema.paths().map(ToString::to_string).collect();
        let is_hidden = |written: &str| {
            let Ok(path) = trommel::Path::parse(written) else { return false };
            let printed = path.to_string();
            printed != written && listed.contains(&printed) && !is_reserved(&printed)
        };
        !self.schema.is_closed() && texts(filter).iter().any(|text| is_hidden(text))
    }
}

/// Every key and string of a filter.
fn texts(filter: &Json) -> Vec<&str> {
    let (mut texts, mut stack) = (Vec::new(), vec![filter]);
    while let Some(value) = stack.pop() {
        match value {
            Json::Array(items) => stack.extend(items),
            Json::Object(members) => {
                texts.extend(members.keys().map(String::as_str));
                stack.extend(members.values());
            }
            Json::String(text) => texts.push(text),
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }
    texts
}

fn is_reserved(text: &str) -> bool {
    RESERVED.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Whether some field is written otherwise than the export has it.
fn has_needless_quotes(parsed: &Filter, filter: &Json) -> bool {
    let needs_quotes =
        |text: &str, path: &trommel::Path| is_reserved(&path.to_string()) && !texts(filter).contains(&text);
    parsed.conditions().any(|condition| {
        let (path, written) = (condition.path(), condition.path().written());
        written != path.to_string() && !needs_quotes(written, path)
    })
}

/// Whether JSON Schema can say what is wrong: the list of the documentation, from the other side.
fn can_say(found: &Diagnostic, filter: &Json) -> bool {
    let pointer = found.place.pointer.as_deref().unwrap_or_default();
    let value = filter.pointer(pointer);
    match found.code {
        Code::Limit | Code::BadRegex => false,
        Code::EmptyText => value == Some(&json!("")),
        // A token that is too long. (Of numbers, a `Value` holds no other than good ones.)
        Code::OperandRange => false,
        Code::OperandType if found.message.ends_with("is no instant") => {
            // A day that only some years have; an ordering takes a date alone too.
            let text = value.and_then(Json::as_str).unwrap().replace("-02-29", "-02-28");
            let operator = filter.pointer(&pointer.replace("/value", "/operator")).and_then(Json::as_str);
            let operator = operator.and_then(Operator::from_spelling).unwrap_or(Operator::Eq);
            let is_date = operator.operand() == OperandKind::Ordered && Instant::parse_date(&text).is_some();
            Instant::parse(&text).is_none() && !is_date
        }
        _ => true,
    }
}

/// The JSON files of a folder.
fn files(folder: &str) -> Vec<Json> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|file| serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()).collect()
}

fn schema_of(case: &Json) -> Schema {
    case.get("schema").map_or(Schema::open(), |schema| Schema::from_json(&schema.to_string()).unwrap())
}

#[test]
fn fields_that_allow_no_operator_are_told_from_those_that_allow_all() {
    for schema in [
        r#"{"closed":true,"fields":{"a":{},"x":{"operators":[]}}}"#,
        r#"{"closed":true,"fields":{"a":{"operators":[]},"x":{}}}"#,
        r#"{"closed":true,"fields":{"a":{"operators":[]}}}"#,
        r#"{"fields":{"a":{"type":"string","operators":[]},"x":{"type":"string"}}}"#,
    ] {
        let schema = Schema::from_json(schema).unwrap();
        let exported = Exported::new(&schema);
        let mut verdicts = BTreeSet::new();
        for field in ["a", "x", "z"] {
            for filter in [json!({"field": field, "value": "v"}), json!({field: "v"}), json!({"OR": [{field: "v"}]})] {
                let verdict = exported.verdict(&filter).unwrap_or_else(|wrong| panic!("{wrong}"));
                verdicts.insert(format!("{verdict:?}"));
            }
        }
        assert!(verdicts.contains("Bad"), "{verdicts:?}");
    }
}

#[test]
fn the_filters_of_every_case_are_accepted() {
    let (mut good, mut odd) = (0, Vec::new());
    for file in files("tests/data/ops") {
        for case in file["cases"].as_array().unwrap() {
            let schema = schema_of(case);
            match Exported::new(&schema).verdict(&case["filter"]).unwrap() {
                Verdict::Good => good += 1,
                verdict => odd.push(format!("{verdict:?}: {case}")),
            }
        }
    }
    assert!(good > 1_200, "{good}");
    // Paths with needless quotes under a closed schema, and nothing else.
    assert!(odd.len() < 5 && odd.iter().all(|odd| odd.starts_with("CannotAccept")), "{odd:#?}");
}

#[test]
fn bad_filters_are_refused_as_far_as_json_schema_can() {
    let (mut bad, mut others) = (0, 0);
    for file in files("tests/data/errors") {
        for case in file["cases"].as_array().unwrap() {
            // What is no JSON, no schema can be asked about. Of duplicate keys it sees the last one, and so does the check
            // here; what is left may be good, as are filters that are only not bound, or past a limit of their own.
            let Ok(filter) = serde_json::from_str::<Json>(case["filter"].as_str().unwrap()) else { continue };
            match Exported::new(&schema_of(case))
                .verdict(&filter)
                .unwrap_or_else(|why| panic!("{}: {why}", case["name"]))
            {
                Verdict::Bad => bad += 1,
                Verdict::Good | Verdict::CannotRefuse => others += 1,
                Verdict::CannotAccept => panic!("{case}"),
            }
        }
    }
    println!("{bad} refused, {others} past what JSON Schema can say");
    assert!(bad >= 100 && others < bad, "{bad} {others}");
}

#[test]
fn each_operator_takes_on_each_type_what_the_check_lets_it_take() {
    let values = [
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(5.5),
        json!(-0.0),
        json!(1e300),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(f64::MAX),
        json!(f64::MIN),
        json!(""),
        json!("a"),
        json!("!?"),
        json!("("),
        json!("5"),
        json!("true"),
        json!("2024-03-01T12:00:00Z"),
        json!("2024-03-01T12:00:00"),
        json!("2024-03-01"),
        json!("2024-03-01 12:00:00Z"),
        json!("2024-03-01T12:00:00.123456789-23:59"),
        json!("0000-03-01T12:00:00Z"),
        json!("2023-02-29T12:00:00Z"),
        json!("2023-04-31T12:00:00Z"),
        json!("2023-02-29"),
        json!([]),
        json!([null]),
        json!([1, "a", true, null]),
        json!(["a", "b"]),
        json!([1.5, 2]),
        json!([[1]]),
        json!([{}]),
        json!({}),
        json!(["2024-03-01T12:00:00Z", null]),
        json!(["2024-03-01"]),
        json!([{"type": "dynamic", "field": "a.b"}, 1]),
        json!({"type": "dynamic", "field": "a.b"}),
        json!({"type": "dynamic"}),
        json!({"field": "a", "value": 1}),
        json!({"type": "dynamic", "field": "a..b"}),
        json!({"type": "static", "field": "a"}),
        json!({"type": "dynamic", "field": "a", "x": 1}),
        json!({"type": "dynamic", "field": 1}),
    ];
    let types = [Type::Boolean, Type::Integer, Type::Number, Type::String, Type::Datetime, Type::Any];
    let (mut good, mut bad, mut cannot) = (0, 0, 0);
    let mut ask = |exported: &Exported<'_>, filter: &Json| match exported.verdict(filter).unwrap() {
        Verdict::Good => good += 1,
        Verdict::Bad => bad += 1,
        Verdict::CannotRefuse => cannot += 1,
        Verdict::CannotAccept => panic!("{filter}"),
    };
    for ty in types {
        for operators in [json!(null), json!(["eq", "lt"]), json!(["ne", "text", "exists"]), json!([])] {
            let fits = |name: &Json| ty.fits(Operator::from_spelling(name.as_str().unwrap()).unwrap());
            let operators = operators.as_array().map(|all| all.iter().filter(|name| fits(name)).collect::<Vec<_>>());
            for closed in [false, true] {
                let mut file = json!({"closed": closed, "fields": {"f": {"type": ty}, "g": {}}});
                if let Some(operators) = &operators {
                    file["fields"]["f"]["operators"] = json!(operators);
                }
                let schema = Schema::from_json(&file.to_string()).unwrap();
                let exported = Exported::new(&schema);
                let names = Operator::all().flat_map(|operator| {
                    operator.aliases().iter().chain([&operator.name()]).copied().collect::<Vec<_>>()
                });
                for name in names.chain(["EQ", "like", ""]) {
                    ask(&exported, &json!({"field": "f", "operator": name}));
                    for value in &values {
                        ask(&exported, &json!({"field": "f", "operator": name, "value": value}));
                    }
                }
                ask(&exported, &json!({"field": "f"}));
                for value in &values {
                    ask(&exported, &json!({"field": "f", "value": value}));
                    ask(&exported, &json!({"f": value}));
                    ask(&exported, &json!({"other": value}));
                    ask(&exported, &json!({"field": "other", "value": value}));
                    ask(&exported, &json!({"NOT": {"g": 1, "f": value}}));
                }
            }
        }
    }
    println!("{good} good, {bad} bad, {cannot} past what JSON Schema can say");
    assert!(good > 5_000 && bad > 20_000 && cannot > 50 && cannot * 10 < bad, "{good} {bad} {cannot}");
}

#[test]
fn conditions_and_groups_have_the_keys_that_the_law_gives_them() {
    let condition = |key: &str, value: Json| {
        let mut condition = json!({"field": "a", "operator": "eq", "value": 1});
        condition[key] = value;
        condition
    };
    let odd =
        [json!(null), json!(true), json!(1), json!("a"), json!([]), json!({}), json!([{"a": 1}]), json!({"a": 1})];
    let odd = odd.into_iter().chain([json!([null]), json!([1]), json!([[]]), json!({"a": []}), json!([{"a": {}}])]);
    let mut filters: Vec<Json> = odd.clone().collect();
    let keys =
        ["AND", "OR", "NOT", "and", "Or", "nOt", "field", "Field", "operator", "value", "VALUE", "case_sensitive"];
    let keys = keys.into_iter().chain(["case_insensitive", "Case_Sensitive", "a", "\"value\"", "\"AND\"", "a..b", "b"]);
    for (key, value) in keys.flat_map(|key| odd.clone().map(move |value| (key, value))) {
        filters.push(condition(key, value.clone()));
        filters.push(json!({key: value}));
        filters.push(json!({"AND": [{key: value}, {}]}));
        filters.push(json!({"NOT": {key: value, "a": 1}}));
        filters.push(json!({"OR": null, key: value, "case_sensitive": false}));
    }
    for (a, b) in [(0, 1), (1, 1), (0, 0), (2, 2), (2, 1)] {
        let flag = |number: usize| [json!(false), json!(true), json!(null)][number].clone();
        filters.push(json!({"field": "a", "value": 1, "case_sensitive": flag(a), "case_insensitive": flag(b)}));
        filters.push(json!({"case_sensitive": flag(a), "case_insensitive": flag(b)}));
    }
    let texts = [
        r#"{"closed": true, "fields": {"a": {}, "value": {"type": "integer"}}}"#,
        r#"{"closed": false, "fields": {"a": {}, "value": {"type": "integer"}}}"#,
        r#"{"closed": true, "fields": {}}"#,
        "{}",
    ];
    let (mut good, mut bad) = (0, 0);
    for schema in texts.map(|text| Schema::from_json(text).unwrap()) {
        let exported = Exported::new(&schema);
        for filter in &filters {
            match exported.verdict(filter).unwrap() {
                Verdict::Good => good += 1,
                Verdict::Bad => bad += 1,
                // `"AND"` in quotes is a path that a closed schema does not list; every other case is decided.
                verdict => panic!("{verdict:?}: {filter}"),
            }
        }
    }
    assert!(good > 200 && bad > 2_000, "{good} {bad}");
}

#[test]
fn paths_are_those_that_can_be_read() {
    let texts = [
        "a",
        "a.b",
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "a b",
        "É.ß",
        "$",
        "0",
        "a[0]",
        "[",
        "]",
        "\"",
        "\"\"",
        "\"a.b\".c",
        "\"a",
        "a\"",
        "a\"b\"",
        "\"a\"b",
        "\"a\".",
        "\"\\\"\"",
        "\"\\\\\"",
        "\"\\n\"",
        "\"\n\"",
        "a\tb",
        "\u{7f}",
        "\u{85}",
        "\u{a0}",
        "\u{2028}",
        "a\n",
        "\n",
        "\\",
        "\"a\"\n",
        "😀",
        "\u{0}",
        "\"\u{0}\"",
    ];
    let words = RESERVED.iter().flat_map(|word| {
        let (lower, upper) = (word.to_lowercase(), word.to_uppercase());
        let first = format!("{}{}", upper.chars().next().unwrap(), &lower[1..]);
        [lower.clone(), upper, first, format!("{lower}s"), format!("{lower}.x"), format!("\"{lower}\"")]
    });
    let all: Vec<String> = texts.map(str::to_owned).into_iter().chain(words).collect();
    let schema = Schema::open();
    let exported = Exported::new(&schema);
    let mut good = 0;
    for text in &all {
        let dynamic = json!({"type": "dynamic", "field": text});
        for filter in [json!({text: 1}), json!({"field": text, "value": 1}), json!({"a": dynamic})] {
            good += usize::from(exported.verdict(&filter).unwrap() == Verdict::Good);
        }
    }
    assert!(good > 100 && good < 3 * all.len() - 50, "{good} of {}", 3 * all.len());
}

#[test]
fn instants_are_those_of_the_law() {
    let schema = Schema::from_json(r#"{"closed": true, "fields": {"d": {"type": "datetime"}}}"#).unwrap();
    let exported = Exported::new(&schema);
    let valid = |filter: Json| exported.verdict(&filter).unwrap();
    for (year, is_good) in
        [("0000", false), ("0001", true), ("0010", true), ("0900", true), ("1000", true), ("9999", true)]
    {
        let found = valid(json!({"d": format!("{year}-01-01T00:00:00Z")}));
        assert_eq!(found == Verdict::Good, is_good, "{year}");
    }
    let mut good = 0;
    for month in 0..=13 {
        for day in 0..=32 {
            let date = format!("2023-{month:02}-{day:02}");
            good += usize::from(valid(json!({"field": "d", "operator": "<", "value": date})) == Verdict::Good);
        }
    }
    assert_eq!(good, 365);
    for number in 0..=61 {
        for time in [format!("{number:02}:00:00"), format!("00:{number:02}:00"), format!("00:00:{number:02}")] {
            let offset = format!("{number:02}:{number:02}");
            for rest in ["", "Z", ".0", ".Z", &format!("+{offset}"), &format!("-00:{number:02}"), "z", "+0100"] {
                valid(json!({"d": format!("2023-01-01T{time}{rest}")}));
            }
        }
    }
}

#[test]
fn the_export_names_the_fields_their_operators_and_what_they_mean() {
    let text = r#"{"closed": true, "comment": "the orders", "fields": {
        "status": {"type": "string", "operators": ["eq", "in"], "comment": "`pending` or `done`"},
        "customer.name": {"type": "string", "operators": ["eq", "in"]}, "total": {"type": "number"}}}"#;
    let exported = Schema::from_json(text).unwrap().to_json_schema();
    assert!(exported["description"].as_str().unwrap().contains("the orders"));
    let forms = exported["$defs"]["condition"]["anyOf"].as_array().unwrap();
    assert_eq!(forms.len(), 2, "one for each type with its operators");
    let of_strings = forms.iter().find(|form| form["$ref"] == "#/$defs/condition.string.eq.in").unwrap();
    let fields =
        json!({"anyOf": [{"const": "status", "description": "`pending` or `done`"}, {"enum": ["customer.name"]}]});
    assert_eq!(of_strings["properties"]["field"], fields);
    let class = &exported["$defs"]["condition.string.eq.in"];
    assert_eq!(class["properties"]["operator"]["enum"], json!(["eq", "in", "=", "=="]));
    let pairs = exported["$defs"]["group"]["properties"].as_object().unwrap();
    assert_eq!(pairs["status"]["description"], "`pending` or `done`");
    assert!(pairs.contains_key("customer.name") && pairs.contains_key("total"));

    // Every operator of a field without a list is there, with its aliases and its meaning.
    let any = Schema::open().to_json_schema();
    let operator = &any["$defs"]["condition.any"]["properties"]["operator"];
    let spellings = operator["enum"].as_array().unwrap();
    for name in Operator::all().flat_map(|operator| operator.aliases().iter().copied().chain([operator.name()])) {
        assert!(spellings.contains(&json!(name)), "{name}");
    }
    let description = operator["description"].as_str().unwrap();
    assert!(Operator::all().all(|operator| description.contains(&format!("`{operator}`: "))), "{description}");
}

#[test]
fn what_the_text_alone_tells_is_on_the_list() {
    // The documentation says so: a schema sees values, of which these are good ones.
    let exported = Exported::new(&Schema::open()).validator;
    for text in [r#"{"a": 18446744073709551616}"#, r#"{"a": 1, "a": 2}"#] {
        assert!(Parser::new().json(text).is_err());
        assert!(exported.is_valid(&serde_json::from_str(text).unwrap()));
    }
    assert!(parse::json(r#"{"a": 1e20}"#).is_ok());
    assert!(exported.is_valid(&json!({"a": 1e20})));
}

#[test]
fn the_export_is_linear_in_the_fields() {
    let fields: serde_json::Map<String, Json> = (0..10_000)
        .map(|number| (format!("field{number}"), json!({"type": "string", "comment": "such as \"a\""})))
        .collect();
    let schema = Schema::from_json(&json!({"closed": true, "fields": fields}).to_string()).unwrap();
    let exported = schema.to_json_schema();
    assert!(exported.to_string().len() < 250 * 10_000, "{} bytes", exported.to_string().len());
    let exported = Exported::new(&schema);
    assert_eq!(exported.verdict(&json!({"field9999": "a"})), Ok(Verdict::Good));
    assert_eq!(exported.verdict(&json!({"field": "field10000", "value": "a"})), Ok(Verdict::Bad));
}
