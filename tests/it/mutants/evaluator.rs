//! An evaluator of a filter's JSON, written from the rules alone, with a switch for each wrong reading.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::sync::{LazyLock, Mutex};

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};
use serde_json::{Map, Value as Json};
use trommel::{Instant, Number, Operator, Path, Schema, Type};

/// A wrong reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// An array directly inside an array is entered on the way.
    NestedArraysEntered,
    /// The elements of nested arrays are values.
    ValuesFlattenedDeep,
    /// `NOT [a, b]` is NOT (a AND b).
    NotListAsNotAnd,
    /// One null among the values is enough for `is_null`.
    IsNullIfAnyNull,
    /// Only a missing field is null.
    IsNullIfMissing,
    /// A stored null does not exist.
    ExistsIfNotNull,
    /// All tokens of a `text` query must be in one string.
    TextNotPooled,
    /// A key is an index into an array.
    KeyAsIndex,
    /// A test on a missing or null field is unknown, and NOT of unknown is unknown.
    ThreeValuedNot,
    /// `ne` and `nin` do not match a document that lacks the field.
    NeNeedsPresence,
    /// Numbers are compared as 64-bit floats.
    NumbersThroughFloat,
    /// `ß` folds to `ss`.
    FullCaseFolding,
    /// Conditions of an AND on one array must be met by one element.
    OneElementForAll,
    /// `true` is 1.
    BooleansAreNumbers,
    /// Letter case by lower-casing: `ς` and `σ` differ, `K` (U+212A) and `ſ` too.
    LowerCasing,
    /// A nearer letter case does not replace the one around it.
    OuterCaseWins,
    /// Strings compare under letter case in an ordering too.
    OrderingFolds,
    /// Trailing spaces do not count.
    Padding,
    /// `in []` matches everything, as a condition left out would.
    EmptyInMatchesAll,
    /// `OR []` is true.
    EmptyOrIsTrue,
    /// A null in an `in` list means nothing.
    NullInListIgnored,
    /// A regular expression must match the whole string.
    RegexAnchored,
    /// `contains ""` is false.
    EmptyNeedleMatchesNothing,
    /// Microseconds are rounded.
    InstantsRounded,
    /// Instants compare as strings.
    InstantsAsStrings,
    /// A number equals a string that spells it.
    NumbersEqualStrings,
    /// An object in an array hides the scalars beside it.
    ScalarsOfObjectsOnly,
    /// `-0.0` is less than `0`.
    NegativeZero,
}

impl Mutation {
    /// Each with the rule that it breaks.
    pub(crate) const ALL: [(Mutation, &'static str); 28] = [
        (Mutation::NestedArraysEntered, "P2"),
        (Mutation::ValuesFlattenedDeep, "P3"),
        (Mutation::NotListAsNotAnd, "G1"),
        (Mutation::IsNullIfAnyNull, "C2"),
        (Mutation::IsNullIfMissing, "C2"),
        (Mutation::ExistsIfNotNull, "C1"),
        (Mutation::TextNotPooled, "C5"),
        (Mutation::KeyAsIndex, "P2"),
        (Mutation::ThreeValuedNot, "C1"),
        (Mutation::NeNeedsPresence, "C1"),
        (Mutation::NumbersThroughFloat, "D2"),
        (Mutation::FullCaseFolding, "L2"),
        (Mutation::OneElementForAll, "C4"),
        (Mutation::BooleansAreNumbers, "D4"),
        (Mutation::LowerCasing, "L2"),
        (Mutation::OuterCaseWins, "L1"),
        (Mutation::OrderingFolds, "L2"),
        (Mutation::Padding, "D3"),
        (Mutation::EmptyInMatchesAll, "C1"),
        (Mutation::EmptyOrIsTrue, "G2"),
        (Mutation::NullInListIgnored, "C2"),
        (Mutation::RegexAnchored, "C1"),
        (Mutation::EmptyNeedleMatchesNothing, "C1"),
        (Mutation::InstantsRounded, "T3"),
        (Mutation::InstantsAsStrings, "T3"),
        (Mutation::NumbersEqualStrings, "D4"),
        (Mutation::ScalarsOfObjectsOnly, "P4"),
        (Mutation::NegativeZero, "D2"),
    ];
}

/// True, false, or (for one mutation alone) unknown.
type Truth = Option<bool>;

fn all(members: impl Iterator<Item = Truth>) -> Truth {
    let mut all = Some(true);
    for member in members {
        all = match (all, member) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            (_, _) => None,
        };
    }
    all
}

fn not(truth: Truth) -> Truth {
    truth.map(|truth| !truth)
}

pub(crate) struct Evaluator<'s> {
    mutation: Option<Mutation>,
    schema: &'s Schema,
    /// Compiled once for all documents.
    regexes: RefCell<HashMap<(String, bool), Regex>>,
}

/// A condition, read.
struct Asked<'f> {
    path: Path,
    operator: Operator,
    value: &'f Json,
    ignore_case: bool,
    is_datetime: bool,
}

impl<'s> Evaluator<'s> {
    pub(crate) fn new(mutation: Option<Mutation>, schema: &'s Schema) -> Evaluator<'s> {
        Evaluator { mutation, schema, regexes: RefCell::default() }
    }

    pub(crate) fn matches(&self, filter: &Json, document: &Json) -> bool {
        self.member(filter, false, document) == Some(true)
    }

    fn is(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    // -------------------------------------------------------------------------------------------------- groups

    fn member(&self, filter: &Json, ignore_case: bool, document: &Json) -> Truth {
        let members = filter.as_object().unwrap();
        if self.is(Mutation::OneElementForAll)
            && let Some(elements) = self.one_array(members, document)
        {
            let with = |element: &Json| {
                let (key, mut one) = (elements.0.clone(), document.clone());
                one[key] = Json::Array(vec![element.clone()]);
                self.object(members, ignore_case, &one)
            };
            return Some(elements.1.iter().any(|element| with(element) == Some(true)));
        }
        self.object(members, ignore_case, document)
    }

    fn object<'f>(&self, members: &'f Map<String, Json>, ignore_case: bool, document: &Json) -> Truth {
        if members.contains_key("field") {
            return self.condition(members, ignore_case, document);
        }
        let mut ignore_case = ignore_case;
        if let Some(Json::Bool(sensitive)) = members.get("case_sensitive") {
            ignore_case = self.nearer(!sensitive, ignore_case);
        }
        let list = |value: &'f Json| value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        all(members.iter().map(|(key, value)| match (key.as_str(), value) {
            ("case_sensitive", _) | ("AND" | "OR" | "NOT", Json::Null) => Some(true),
            ("AND", value) => all(list(value).iter().map(|item| self.member(item, ignore_case, document))),
            ("OR", Json::Array(none)) if none.is_empty() => Some(self.is(Mutation::EmptyOrIsTrue)),
            ("OR", value) => not(all(list(value).iter().map(|item| not(self.member(item, ignore_case, document))))),
            ("NOT", Json::Array(items)) if self.is(Mutation::NotListAsNotAnd) && !items.is_empty() => {
                not(all(items.iter().map(|item| self.member(item, ignore_case, document))))
            }
            ("NOT", value) => all(list(value).iter().map(|item| not(self.member(item, ignore_case, document)))),
            (path, value) => self.holds(
                &Asked {
                    path: Path::parse(path).unwrap(),
                    operator: Operator::Eq,
                    value,
                    ignore_case,
                    is_datetime: self.schema.facts(&Path::parse(path).unwrap()).ty == Type::Datetime,
                },
                document,
            ),
        }))
    }

    /// The array that two or more conditions of one AND are about: its key at the root, and its elements.
    fn one_array(&self, members: &Map<String, Json>, document: &Json) -> Option<(String, Vec<Json>)> {
        let mut paths: Vec<Path> = Vec::new();
        for (key, value) in members {
            match (key.as_str(), value) {
                ("AND", Json::Array(items)) => {
                    for item in items {
                        match item["field"].as_str() {
                            Some(path) => paths.push(Path::parse(path).unwrap()),
                            None => paths.extend(item.as_object()?.keys().filter_map(|key| Path::parse(key).ok())),
                        }
                    }
                }
                ("field" | "operator" | "value" | "case_sensitive" | "OR" | "NOT", _) => return None,
                (path, _) => paths.push(Path::parse(path).ok()?),
            }
        }
        let first = paths.first()?.keys().next()?.to_owned();
        let are_one = paths.len() > 1 && paths.iter().all(|path| path.keys().next() == Some(&*first));
        let elements = document[&first].as_array().filter(|elements| are_one && elements.len() > 1)?;
        Some((first, elements.clone()))
    }

    fn nearer(&self, own: bool, around: bool) -> bool {
        if self.is(Mutation::OuterCaseWins) { own || around } else { own }
    }

    // ---------------------------------------------------------------------------------------------- conditions

    fn condition(&self, members: &Map<String, Json>, ignore_case: bool, document: &Json) -> Truth {
        let flag = |key: &str| members.get(key).and_then(Json::as_bool);
        let own = flag("case_insensitive").or(flag("case_sensitive").map(|sensitive| !sensitive));
        let path = Path::parse(members["field"].as_str().unwrap()).unwrap();
        let operator = members.get("operator").map_or("eq", |name| name.as_str().unwrap());
        let asked = Asked {
            operator: Operator::from_spelling(operator).unwrap(),
            value: members.get("value").unwrap_or(&Json::Bool(true)),
            ignore_case: own.map_or(ignore_case, |own| self.nearer(own, ignore_case)),
            is_datetime: self.schema.facts(&path).ty == Type::Datetime,
            path,
        };
        self.holds(&asked, document)
    }

    fn holds(&self, asked: &Asked<'_>, document: &Json) -> Truth {
        use Operator as Op;
        let nodes = self.nodes(&asked.path, document);
        let values = self.values(&nodes);
        let null = self.is_null(&nodes, &values);
        if self.is(Mutation::ThreeValuedNot) && null && !matches!(asked.operator, Op::Exists | Op::IsNull) {
            let asks_for_null =
                asked.value.is_null() || asked.value.as_array().is_some_and(|list| list.contains(&Json::Null));
            if !asks_for_null {
                return None;
            }
        }
        let equals = |operand: &Json| match operand {
            Json::Null => null,
            operand => self.scalars(&values).any(|scalar| self.equals(asked, scalar, operand)),
        };
        let operands = || asked.value.as_array().unwrap();
        let one_of = || {
            if self.is(Mutation::EmptyInMatchesAll) && operands().is_empty() {
                return true;
            }
            operands().iter().filter(|operand| !(operand.is_null() && self.is(Mutation::NullInListIgnored))).any(equals)
        };
        let is_present = !self.is(Mutation::NeNeedsPresence) || !nodes.is_empty();
        let compares = |accepts: fn(Ordering) -> bool| {
            self.scalars(&values).any(|scalar| self.compare(asked, scalar).is_some_and(accepts))
        };
        let wanted = *asked.value == Json::Bool(true);
        Some(match asked.operator {
            Op::Eq => equals(asked.value),
            Op::Ne => !equals(asked.value) && is_present,
            Op::In => one_of(),
            Op::Nin => !one_of() && is_present,
            Op::Gt => compares(Ordering::is_gt),
            Op::Gte => compares(Ordering::is_ge),
            Op::Lt => compares(Ordering::is_lt),
            Op::Lte => compares(Ordering::is_le),
            Op::Contains => self.some_string(asked, &values, |string, part| string.contains(part)),
            Op::StartsWith => self.some_string(asked, &values, |string, part| string.starts_with(part)),
            Op::EndsWith => self.some_string(asked, &values, |string, part| string.ends_with(part)),
            Op::Regex => {
                let regex = self.regex(asked);
                strings(&values).any(|string| regex.is_match(string))
            }
            Op::Text => self.has_tokens(asked, &values),
            Op::Exists if self.is(Mutation::ExistsIfNotNull) => nodes.iter().any(|node| !node.is_null()) == wanted,
            Op::Exists => nodes.is_empty() != wanted,
            Op::IsNull => null == wanted,
            _ => unreachable!("an operator of a later version"),
        })
    }

    fn is_null(&self, nodes: &[&Json], values: &[&Json]) -> bool {
        match self.mutation {
            Some(Mutation::IsNullIfAnyNull) => values.is_empty() || values.iter().any(|value| value.is_null()),
            Some(Mutation::IsNullIfMissing) => nodes.is_empty(),
            _ => values.iter().all(|value| value.is_null()),
        }
    }

    fn some_string(&self, asked: &Asked<'_>, values: &[&Json], test: fn(&str, &str) -> bool) -> bool {
        let part = asked.value.as_str().unwrap();
        if part.is_empty() && self.is(Mutation::EmptyNeedleMatchesNothing) {
            return false;
        }
        strings(values).any(|string| match asked.ignore_case {
            true => test(&self.fold(string), &self.fold(part)),
            false => test(string, part),
        })
    }

    fn regex(&self, asked: &Asked<'_>) -> Regex {
        let pattern = asked.value.as_str().unwrap();
        let anchored = format!("^(?:{pattern})$");
        let pattern = if self.is(Mutation::RegexAnchored) { &anchored } else { pattern };
        let build = || RegexBuilder::new(pattern).case_insensitive(asked.ignore_case).build().unwrap();
        self.regexes.borrow_mut().entry((pattern.to_owned(), asked.ignore_case)).or_insert_with(build).clone()
    }

    fn has_tokens(&self, asked: &Asked<'_>, values: &[&Json]) -> bool {
        static TOKEN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[\p{Alphabetic}\p{N}]+").unwrap());
        let tokens =
            |text: &str| -> BTreeSet<String> { TOKEN.find_iter(text).map(|token| self.fold(token.as_str())).collect() };
        let query = tokens(asked.value.as_str().unwrap());
        if self.is(Mutation::TextNotPooled) {
            return strings(values).any(|string| query.is_subset(&tokens(string)));
        }
        query.is_subset(&strings(values).flat_map(tokens).collect())
    }

    // -------------------------------------------------------------------------------------------------- values

    fn equals(&self, asked: &Asked<'_>, scalar: &Json, operand: &Json) -> bool {
        if asked.is_datetime {
            return match (scalar.as_str(), operand.as_str()) {
                (Some(a), Some(b)) => self.compare_instants(a, b).is_some_and(Ordering::is_eq),
                (_, _) => false,
            };
        }
        match (scalar, operand) {
            (Json::Bool(a), Json::Bool(b)) => a == b,
            (Json::Number(a), Json::Number(b)) => self.compare_numbers(a, b).is_eq(),
            (Json::String(a), Json::String(b)) => {
                self.string(asked.ignore_case, a) == self.string(asked.ignore_case, b)
            }
            (Json::Bool(bool), Json::Number(number)) | (Json::Number(number), Json::Bool(bool)) => {
                self.is(Mutation::BooleansAreNumbers) && number.as_f64() == Some(f64::from(u8::from(*bool)))
            }
            (Json::String(string), Json::Number(number)) | (Json::Number(number), Json::String(string)) => {
                self.is(Mutation::NumbersEqualStrings) && *string == number.to_string()
            }
            (_, _) => false,
        }
    }

    fn compare(&self, asked: &Asked<'_>, scalar: &Json) -> Option<Ordering> {
        match (scalar, asked.value) {
            (Json::String(a), Json::String(b)) if asked.is_datetime => self.compare_instants(a, b),
            (_, _) if asked.is_datetime => None,
            (Json::Number(a), Json::Number(b)) => Some(self.compare_numbers(a, b)),
            (Json::Bool(a), Json::Number(b)) if self.is(Mutation::BooleansAreNumbers) => {
                Some(self.compare_numbers(&u8::from(*a).into(), b))
            }
            (Json::String(a), Json::String(b)) => {
                let folds = asked.ignore_case && self.is(Mutation::OrderingFolds);
                Some(self.string(folds, a).cmp(&self.string(folds, b)))
            }
            (_, _) => None,
        }
    }

    fn compare_numbers(&self, a: &serde_json::Number, b: &serde_json::Number) -> Ordering {
        let floats = (a.as_f64().unwrap(), b.as_f64().unwrap());
        match self.mutation {
            Some(Mutation::NumbersThroughFloat) => floats.0.partial_cmp(&floats.1).unwrap(),
            Some(Mutation::NegativeZero) if floats == (0.0, 0.0) => floats.0.total_cmp(&floats.1),
            _ => Number::from_json(a).cmp(&Number::from_json(b)),
        }
    }

    fn compare_instants(&self, stored: &str, operand: &str) -> Option<Ordering> {
        if self.is(Mutation::InstantsAsStrings) {
            return Some(stored.cmp(operand));
        }
        let read = |text: &str| {
            let seventh = text.as_bytes().get(26).copied().filter(u8::is_ascii_digit);
            let up = i64::from(self.is(Mutation::InstantsRounded) && seventh.is_some_and(|digit| digit >= b'5'));
            Instant::parse(text).map(|instant| instant.as_micros() + up)
        };
        let operand = read(operand).or_else(|| Instant::parse_date(operand).map(Instant::as_micros));
        Some(read(stored)?.cmp(&operand?))
    }

    fn string(&self, folded: bool, string: &str) -> String {
        let string = if self.is(Mutation::Padding) { string.trim_end_matches(' ') } else { string };
        if folded { self.fold(string) } else { string.to_owned() }
    }

    fn fold(&self, string: &str) -> String {
        match self.mutation {
            Some(Mutation::FullCaseFolding) => string.replace(['ß', 'ẞ'], "ss").chars().map(simple_fold).collect(),
            Some(Mutation::LowerCasing) => string.to_lowercase(),
            _ => string.chars().map(simple_fold).collect(),
        }
    }

    // --------------------------------------------------------------------------------------------------- paths

    fn nodes<'d>(&self, path: &Path, document: &'d Json) -> Vec<&'d Json> {
        let mut nodes = vec![document];
        for key in path.keys() {
            let mut next = Vec::new();
            nodes.into_iter().for_each(|node| self.step(node, key, true, &mut next));
            nodes = next;
        }
        nodes
    }

    fn step<'d>(&self, node: &'d Json, key: &str, enter: bool, next: &mut Vec<&'d Json>) {
        match node {
            Json::Object(members) => next.extend(members.get(key)),
            Json::Array(elements) if enter => {
                let enter = self.is(Mutation::NestedArraysEntered);
                elements.iter().for_each(|element| self.step(element, key, enter, next));
                if self.is(Mutation::KeyAsIndex) {
                    next.extend(key.parse::<usize>().ok().and_then(|index| elements.get(index)));
                }
            }
            _ => {}
        }
    }

    fn values<'d>(&self, nodes: &[&'d Json]) -> Vec<&'d Json> {
        let mut values = Vec::new();
        for node in nodes {
            match node {
                Json::Array(elements) => values.extend(elements),
                other => values.push(*other),
            }
        }
        while self.is(Mutation::ValuesFlattenedDeep) && values.iter().any(|value| value.is_array()) {
            values = values
                .into_iter()
                .flat_map(|value| value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice))
                .collect();
        }
        values
    }

    fn scalars<'v>(&self, values: &'v [&'v Json]) -> impl Iterator<Item = &'v Json> {
        let hide = self.is(Mutation::ScalarsOfObjectsOnly) && values.iter().any(|value| value.is_object());
        values
            .iter()
            .copied()
            .filter(move |value| !hide && (value.is_boolean() || value.is_number() || value.is_string()))
    }
}

fn strings<'v>(values: &'v [&'v Json]) -> impl Iterator<Item = &'v str> {
    values.iter().filter_map(|value| value.as_str())
}

/// The least of the characters that match this one under `(?i)`.
fn simple_fold(c: char) -> char {
    if c.is_ascii() {
        // What folds to an ASCII letter is not less than its upper-case form.
        return c.to_ascii_uppercase();
    }
    static ORBITS: LazyLock<Mutex<HashMap<char, char>>> = LazyLock::new(Mutex::default);
    *ORBITS.lock().unwrap().entry(c).or_insert_with(|| least_of_orbit(c))
}

fn least_of_orbit(c: char) -> char {
    let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
    class.case_fold_simple();
    class.ranges().first().map_or(c, |range| range.start())
}
