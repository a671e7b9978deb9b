//! Writing a filter otherwise, as R3 lists it, and changing it a little.

use serde_json::{Map, Value as Json, json};
use trommel::{Instant, Operator, Path, Schema};

/// A small generator of numbers: SplitMix64.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

/// The same schema with every operator allowed that fits the type: another spelling may take another operator.
pub(crate) fn any_operator(schema: &Schema) -> Schema {
    let mut json = serde_json::to_value(schema).unwrap();
    for field in json["fields"].as_object_mut().unwrap().values_mut() {
        field.as_object_mut().unwrap().remove("operators");
    }
    Schema::from_json(&json.to_string()).unwrap()
}

/// The same filter written otherwise. `root` is the letter case (ignored or not) of the root it is written for; the
/// filter was written for an exact one.
pub(crate) fn respell(filter: &Json, root: bool, rng: &mut Rng) -> Json {
    member(filter, Case { meant: false, given: root }, rng)
}

/// Whether letter case is ignored: as it is meant, and as what stands around gives it.
#[derive(Clone, Copy)]
struct Case {
    meant: bool,
    given: bool,
}

fn member(filter: &Json, case: Case, rng: &mut Rng) -> Json {
    let members = filter.as_object().unwrap();
    let respelled =
        if members.contains_key("field") { condition(members, case, rng) } else { group(members, case, rng) };
    // A group of one, and twice the same, change nothing.
    match rng.below(12) {
        0 => json!({"AND": [respelled]}),
        1 => json!({"OR": [respelled]}),
        2 => json!({"AND": [respelled, respelled]}),
        3 => json!({"OR": [respelled, {"OR": [respelled]}]}),
        4 => json!({"NOT": [{"NOT": respelled}]}),
        _ => respelled,
    }
}

fn group(members: &Map<String, Json>, mut case: Case, rng: &mut Rng) -> Json {
    let mut stated = None;
    if let Some(Json::Bool(sensitive)) = members.get("case_sensitive") {
        case.meant = !sensitive;
    }
    // Either the group states its letter case, or everything in it does where it must.
    if rng.one_in(2) {
        stated = Some(!case.meant);
        case.given = case.meant;
    }
    let mut conjuncts: Vec<Json> = Vec::new();
    for (key, value) in members {
        match (key.as_str(), value) {
            ("case_sensitive", _) | ("AND" | "OR" | "NOT", Json::Null) => {}
            ("AND" | "OR" | "NOT", value) => {
                let items: Vec<&Json> = value.as_array().map_or_else(|| vec![value], |items| items.iter().collect());
                let mut items: Vec<Json> = items.into_iter().map(|item| member(item, case, rng)).collect();
                rng.shuffle(&mut items);
                conjuncts.push(list(key, items, rng));
            }
            (path, value) => {
                let as_condition =
                    Map::from_iter([("field".to_owned(), Json::from(path)), ("value".to_owned(), value.clone())]);
                conjuncts.push(condition(&as_condition, case, rng));
            }
        }
    }
    rng.shuffle(&mut conjuncts);
    let mut object = Map::new();
    // One object with several keys is the AND of its entries.
    let mut rest = Vec::new();
    for conjunct in conjuncts {
        let inner = conjunct.as_object().unwrap();
        let is_entry = inner.len() == 1 && inner.keys().all(|key| !object.contains_key(key) && key != "AND");
        if is_entry && rng.one_in(2) {
            object.extend(inner.clone());
        } else {
            rest.push(conjunct);
        }
    }
    if !rest.is_empty() || rng.one_in(3) {
        object.insert("AND".to_owned(), Json::Array(rest));
    }
    for absent in ["AND", "OR", "NOT"] {
        if rng.one_in(6) && !object.contains_key(absent) {
            object.insert(absent.to_owned(), Json::Null);
        }
    }
    match stated {
        Some(sensitive) => drop(object.insert("case_sensitive".to_owned(), Json::Bool(sensitive))),
        None if rng.one_in(6) => drop(object.insert("case_sensitive".to_owned(), Json::Null)),
        None => {}
    }
    Json::Object(object)
}

/// A list of a group: nested, with duplicates, a NOT list as the AND of its NOTs.
fn list(key: &str, mut items: Vec<Json>, rng: &mut Rng) -> Json {
    if rng.one_in(4) && !items.is_empty() {
        let again = items[rng.below(items.len())].clone();
        items.push(again);
    }
    if key == "NOT" {
        if rng.one_in(2) {
            let nots: Vec<Json> = items.into_iter().map(|item| json!({"NOT": [item]})).collect();
            return json!({"AND": nots});
        }
        if items.len() == 1 && rng.one_in(2) {
            return json!({"NOT": items[0]});
        }
    } else if items.len() > 1 && rng.one_in(3) {
        let rest = items.split_off(1 + rng.below(items.len() - 1));
        items.push(json!({key: rest}));
    }
    json!({key: items})
}

fn condition(members: &Map<String, Json>, mut case: Case, rng: &mut Rng) -> Json {
    let operator =
        Operator::from_spelling(members.get("operator").map_or("eq", |name| name.as_str().unwrap())).unwrap();
    let flag = |key: &str| members.get(key).and_then(Json::as_bool);
    if let Some(meant) = flag("case_insensitive").or(flag("case_sensitive").map(|sensitive| !sensitive)) {
        case.meant = meant;
    }
    let mut value = members.get("value").cloned().unwrap_or(Json::Bool(true));
    let folds = case.meant
        && matches!(
            operator,
            Operator::Eq
                | Operator::Ne
                | Operator::In
                | Operator::Nin
                | Operator::Contains
                | Operator::StartsWith
                | Operator::EndsWith
        );
    value = operand(value, folds, rng);
    let is_free = !operator.has_letter_case() || (operator != Operator::Regex && strings(&value).all(is_caseless));
    let (operator, value, negated) = other_operator(operator, value, rng);
    let path = quoted_otherwise(members["field"].as_str().unwrap(), rng);

    let stated = match (is_free, case.meant == case.given) {
        (true, _) if rng.one_in(2) => Some(rng.one_in(2)),
        (true, _) => None,
        (false, true) if rng.one_in(2) => None,
        (false, _) => Some(case.meant),
    };
    let mut respelled = Map::new();
    let is_shorthand = operator == Operator::Eq && stated.is_none() && rng.one_in(2);
    if is_shorthand {
        let words = ["and", "or", "not", "field", "operator", "value", "case_sensitive", "case_insensitive"];
        let is_reserved = words.iter().any(|word| word.eq_ignore_ascii_case(&path));
        respelled.insert(if is_reserved { format!("\"{path}\"") } else { path }, value);
    } else {
        respelled.insert("field".to_owned(), Json::from(path));
        if operator != Operator::Eq || rng.one_in(2) {
            let spellings: Vec<&str> = operator.aliases().iter().copied().chain([operator.name()]).collect();
            respelled.insert("operator".to_owned(), Json::from(rng.pick(&spellings)));
        }
        let is_default = matches!(operator, Operator::Exists | Operator::IsNull) && value == Json::Bool(true);
        if !is_default || rng.one_in(2) {
            respelled.insert("value".to_owned(), value);
        }
        if let Some(ignore) = stated {
            let (key, flag) = if rng.one_in(2) { ("case_sensitive", !ignore) } else { ("case_insensitive", ignore) };
            respelled.insert(key.to_owned(), Json::Bool(flag));
        } else if rng.one_in(8) {
            respelled.insert("case_insensitive".to_owned(), Json::Null);
        }
    }
    let respelled = Json::Object(respelled);
    if !negated {
        return respelled;
    }
    if rng.one_in(2) { json!({"NOT": [respelled]}) } else { json!({"NOT": respelled}) }
}

/// `eq x` and `in [x]`; a negative operator and NOT.
fn other_operator(operator: Operator, value: Json, rng: &mut Rng) -> (Operator, Json, bool) {
    use Operator as Op;
    let (mut operator, mut value, mut negated) = (operator, value, false);
    if rng.one_in(3) {
        let complement = match (operator, &value) {
            (Op::Eq, _) => Some(Op::Ne),
            (Op::Ne, _) => Some(Op::Eq),
            (Op::In, _) => Some(Op::Nin),
            (Op::Nin, _) => Some(Op::In),
            (Op::Exists | Op::IsNull, Json::Bool(bool)) => {
                value = Json::Bool(!bool);
                Some(operator)
            }
            (_, _) => None,
        };
        if let Some(complement) = complement {
            (operator, negated) = (complement, true);
        }
    }
    if rng.one_in(2) {
        (operator, value) = match (operator, value) {
            (Op::Eq, value) => (Op::In, Json::Array(vec![value])),
            (Op::Ne, value) => (Op::Nin, Json::Array(vec![value])),
            (Op::In, Json::Array(one)) if one.len() == 1 => (Op::Eq, one[0].clone()),
            (Op::Nin, Json::Array(one)) if one.len() == 1 => (Op::Ne, one[0].clone()),
            other => other,
        };
    }
    (operator, value, negated)
}

/// The operand in another order, with duplicates, numbers and folded strings otherwise.
fn operand(value: Json, folds: bool, rng: &mut Rng) -> Json {
    match value {
        Json::Array(mut items) => {
            if !items.is_empty() && rng.one_in(3) {
                let again = items[rng.below(items.len())].clone();
                items.push(again);
            }
            rng.shuffle(&mut items);
            Json::Array(items.into_iter().map(|item| operand(item, folds, rng)).collect())
        }
        Json::Number(number) => match number.as_i64() {
            Some(int) if int.unsigned_abs() < 1 << 53 && rng.one_in(2) => json!(int as f64),
            None if number.as_f64() == Some(0.0) && rng.one_in(2) => json!(0),
            Some(0) if rng.one_in(2) => json!(-0.0),
            _ => Json::Number(number),
        },
        // On a datetime field an instant has one letter case.
        Json::String(string) if folds && Instant::parse(&string).is_none() && rng.one_in(2) => {
            Json::from(refold(&string, rng))
        }
        other => other,
    }
}

/// Each letter as another that folds together with it.
fn refold(string: &str, rng: &mut Rng) -> String {
    let other = |c: char| match c {
        'k' | 'K' | '\u{212A}' => rng.pick(&['k', 'K', '\u{212A}']),
        's' | 'S' | 'ſ' => rng.pick(&['s', 'S', 'ſ']),
        'ß' | 'ẞ' => rng.pick(&['ß', 'ẞ']),
        'σ' | 'ς' | 'Σ' => rng.pick(&['σ', 'ς', 'Σ']),
        'é' | 'É' => rng.pick(&['é', 'É']),
        c if rng.one_in(2) => c.to_ascii_uppercase(),
        c => c.to_ascii_lowercase(),
    };
    string.chars().map(other).collect()
}

fn strings(value: &Json) -> impl Iterator<Item = &str> {
    let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    items.iter().filter_map(Json::as_str)
}

/// Fewer than there are, which is all that is needed here.
fn is_caseless(string: &str) -> bool {
    string.chars().all(|c| c.is_ascii() && !c.is_ascii_alphabetic())
}

fn quoted_otherwise(path: &str, rng: &mut Rng) -> String {
    let keys: Vec<String> = Path::parse(path).unwrap().keys().map(str::to_owned).collect();
    let keys = keys.into_iter().map(|key| match rng.one_in(3) {
        true => format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\"")),
        false => Path::from_keys([key]).unwrap().to_string(),
    });
    keys.collect::<Vec<_>>().join(".")
}

/// A filter with one small change. A wild one seldom leaves it valid.
pub(crate) fn tweak(filter: &Json, rng: &mut Rng, wild: bool) -> Json {
    let mut changed = filter.clone();
    let mut at = &mut changed;
    loop {
        let inside = match &*at {
            Json::Array(items) => items.len(),
            Json::Object(members) => members.len(),
            _ => 0,
        };
        if inside == 0 || rng.one_in(6) {
            break;
        }
        let chosen = rng.below(inside);
        at = match at {
            Json::Array(items) => &mut items[chosen],
            Json::Object(members) => members.values_mut().nth(chosen).unwrap(),
            _ => unreachable!("it has no members"),
        };
    }
    let old = at.take();
    *at = if wild && rng.one_in(2) { junk(old, rng) } else { close(old, rng) };
    changed
}

/// Something else of the same type.
fn close(old: Json, rng: &mut Rng) -> Json {
    match old {
        Json::Bool(bool) => Json::Bool(!bool),
        Json::Number(number) => match number.as_i64() {
            Some(int) => json!(int.wrapping_add(1)),
            None => json!(number.as_f64().map(|float| float.next_up())),
        },
        Json::String(string) => match Operator::from_spelling(&string) {
            Some(operator) => {
                let same_kind: Vec<Operator> = Operator::all().filter(|o| o.operand() == operator.operand()).collect();
                Json::from(rng.pick(&same_kind).name())
            }
            None => match rng.below(4) {
                0 => Json::from(string.to_uppercase()),
                1 => Json::from(string.to_lowercase()),
                2 => Json::from(format!("{string} ")),
                _ => Json::from(string.chars().skip(1).collect::<String>()),
            },
        },
        Json::Array(mut items) => {
            if items.is_empty() {
                items.push(json!({"a": 1}))
            } else {
                drop(items.remove(rng.below(items.len())))
            }
            Json::Array(items)
        }
        Json::Object(mut members) => {
            let keys: Vec<String> = members.keys().cloned().collect();
            if let Some(key) = keys.get(rng.below(keys.len().max(1))) {
                let value = members.remove(key).unwrap();
                let other = match key.as_str() {
                    "AND" => rng.pick(&["OR", "NOT"]),
                    "OR" => rng.pick(&["AND", "NOT"]),
                    "NOT" => rng.pick(&["OR", "AND"]),
                    _ => "a",
                };
                members.insert(other.to_owned(), value);
            }
            Json::Object(members)
        }
        Json::Null => json!(5),
    }
}

/// Something that hardly fits.
fn junk(old: Json, rng: &mut Rng) -> Json {
    match rng.below(9) {
        0 => Json::Null,
        1 => json!([old]),
        2 => json!({"AND": old}),
        3 => json!({"a": old}),
        4 => json!({"type": "dynamic", "field": "x"}),
        5 => json!({"type": "dynamic", "fild": ""}),
        6 => json!(rng.pick(&["", "a..b", "\"", "eqq", "[", "(", "IN"])),
        7 => json!({"field": "a", "operator": "in", "value": old, "valeu": 1, "AND": []}),
        _ => json!({"Field": "a", "case_sensitive": 1, "case_insensitive": old, "value": {"x": [{}]}}),
    }
}
