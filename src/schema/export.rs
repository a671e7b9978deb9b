//! [`Schema`] → the JSON Schema of the filters that it allows.
//!
//! Every definition is flat and refers to the others by name, so nothing here is deep. What all engines of regular
//! expressions read alike is used, and nothing else: no look-around, no `\p`, no flags.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::{Known, Schema, Type};
use crate::operator::{OperandKind, Operator};
use crate::path::{Path, push_quoted};

/// The keys that are no shorthand in any letter case (G5).
const RESERVED: [&str; 8] = ["and", "or", "not", "field", "operator", "value", "case_sensitive", "case_insensitive"];
/// The keys of a group that are no shorthand pair (G4).
const OF_GROUP: [&str; 4] = ["AND", "OR", "NOT", "case_sensitive"];

/// A key of a path (P1), bare or quoted.
const KEY: &str = r#"(?:[^."\[\]\x00-\x1f\x7f-\x9f]+|"(?:[^"\\]|\\["\\])*")"#;
/// A date of the years 0001 to 9999 (T2); whether a year has a 29 February is past what it says.
const DATE: &str = "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])\
                    |(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|[12][0-9]))";
/// The time of day of an instant, and its offset.
const TIME: &str =
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?";

impl Schema {
    /// The JSON Schema (2020-12) of the filters that this schema allows: it accepts what [`Parser::json`] and
    /// [`validate`](Schema::validate) accept and refuses what they refuse, as far as JSON Schema can say. For forms in a
    /// user interface, OpenAPI pages and the tool calls of language models; the messages of `validate` say more.
    ///
    /// ```
    /// use trommel::{Field, Schema, Type};
    ///
    /// let schema = Schema::new([Field::new("status", Type::String).comment("of the order")])?.closed();
    /// let exported = schema.to_json_schema();
    /// assert_eq!(exported["$schema"], "https://json-schema.org/draft/2020-12/schema");
    /// assert_eq!(exported["$defs"]["group"]["properties"]["status"]["description"], "of the order");
    /// # Ok::<(), trommel::Error>(())
    /// ```
    ///
    /// It accepts these, and the check does not:
    /// - a key that stands twice in an object;
    /// - an integer outside the ranges of `i64` and `u64`: JSON Schema sees values, and `1e20` of the same value is a good
    ///   operand;
    /// - what passes a limit: depth, conditions, list elements, the length of operands and paths;
    /// - a `regex` that does not compile, a `text` query without any letter or digit, or with a token over 255 bytes;
    /// - the 29 February of a year that has none;
    /// - where the schema is open, whatever a field that it lists refuses, if the path is written with quotes that it does
    ///   not need: the path is then taken for one that is not listed.
    ///
    /// It refuses this, and the check does not: where the schema is closed, a path written with quotes that it does not
    /// need. A shorthand pair for a field of the name of a keyword, such as `value`, needs them.
    ///
    /// Dynamic values are accepted wherever they may stand, as `validate` does; whether they are bound is another matter.
    ///
    /// The references are relative to the document (`#/$defs/…`): give the schema an `$id` of your own where it becomes
    /// part of another document. Cost: linear in the fields.
    ///
    /// [`Parser::json`]: crate::parse::Parser::json
    #[must_use]
    pub fn to_json_schema(&self) -> Json {
        let mut export = Export { schema: self, defs: Map::new() };
        export.define_shared();
        let (condition, group) = (export.condition(), export.group());
        export.defs.insert("condition".to_owned(), condition);
        export.defs.insert("group".to_owned(), group);
        let mut description = "Selects documents. `{}` selects every document.".to_owned();
        if let Some(comment) = &self.comment {
            description.push_str(&format!(" The documents: {comment}."));
        }
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Filter",
            "description": description,
            "$ref": "#/$defs/filter",
            "$defs": export.defs,
        })
    }
}

struct Export<'s> {
    schema: &'s Schema,
    defs: Map<String, Json>,
}

/// What fields may have in common: all else about their conditions follows from it.
struct Class {
    ty: Type,
    operators: Vec<Operator>,
}

/// The class of the fields of which nothing is known.
fn unlisted() -> Class {
    Class { ty: Type::Any, operators: Operator::all().collect() }
}

fn reference(name: &str) -> Json {
    json!({"$ref": format!("#/$defs/{name}")})
}

/// A whole text of this form.
fn whole(pattern: &str) -> String {
    format!("^(?:{pattern})$")
}

impl Class {
    fn of(known: &Known) -> Class {
        Class { ty: known.facts.ty, operators: known.allowed().collect() }
    }

    /// The type, and the operators where they are fewer than fit it.
    fn name(&self) -> String {
        if self.operators.is_empty() {
            return format!("{}.none", self.ty.name());
        }
        let all = Operator::all().filter(|operator| self.ty.fits(*operator)).count();
        let fewer = self.operators.iter().filter(|_| self.operators.len() < all);
        fewer.fold(self.ty.name().to_owned(), |name, operator| name + "." + operator.name())
    }

    fn allows(&self, operator: Operator) -> bool {
        self.operators.contains(&operator)
    }
}

impl Export<'_> {
    /// What does not depend on the fields.
    fn define_shared(&mut self) {
        let path = format!(r"{KEY}(?:\.{KEY})*");
        let both =
            |flag| json!({"properties": {"case_sensitive": {"const": flag}, "case_insensitive": {"const": flag}}});
        let shared = json!({
            "filter": {
                "title": "Filter",
                "description": "A condition or a group.",
                "type": "object",
                "anyOf": [reference("condition"), reference("group")],
            },
            "filters": {"type": ["array", "null"], "items": reference("filter")},
            "path": {
                "title": "Path",
                "description": "The keys that lead to a field, joined by dots. A key with a dot, quote, bracket or control \
                                character in it is written in double quotes, with `\\\"` and `\\\\` inside.",
                "type": "string",
                "pattern": whole(&path),
            },
            "dynamic": {
                "title": "Dynamic value",
                "description": "A value that is filled in later, from the object of dynamic values.",
                "type": "object",
                "properties": {"type": {"const": "dynamic"}, "field": reference("path")},
                "required": ["type", "field"],
                "additionalProperties": false,
            },
            "flag": {"type": ["boolean", "null"]},
            "case_conflict": {
                "description": "`case_sensitive` and `case_insensitive` disagree.",
                "required": ["case_sensitive", "case_insensitive"],
                "anyOf": ([true, false].map(both)),
            },
        });
        if let Json::Object(shared) = shared {
            self.defs.extend(shared);
        }
    }

    /// A condition: one form for each class, with the paths of its fields.
    fn condition(&mut self) -> Json {
        /// A path, and the remark on it.
        type Remarked<'s> = (String, Option<&'s str>);
        let mut classes: BTreeMap<String, (Class, Vec<Remarked<'_>>)> = BTreeMap::new();
        for (path, known) in &self.schema.fields {
            let class = Class::of(known);
            let (_, fields) = classes.entry(class.name()).or_insert((class, Vec::new()));
            fields.push((path.to_string(), known.comment.as_deref()));
        }
        let mut forms = Vec::new();
        for (class, fields) in classes.values().filter(|(class, _)| !class.operators.is_empty()) {
            forms.push(self.form(class, one_of_these(fields)));
        }
        if !self.schema.closed {
            let listed: Vec<String> = self.schema.fields.keys().map(Path::to_string).collect();
            let mut field = reference("path");
            if !listed.is_empty() {
                field["not"] = json!({"enum": listed});
            }
            forms.push(self.form(&unlisted(), field));
        }
        let title = "Condition";
        let description = "Asks for the values at one field. Where the field is, or lies below, a list, one of its values is \
                           enough.";
        if forms.is_empty() {
            // A closed schema without fields: there is nothing to ask about.
            return json!({"title": title, "not": {}});
        }
        json!({
            "title": title, "description": description, "type": "object", "required": ["field"], "anyOf": forms,
        })
    }

    /// The conditions of a class about fields.
    fn form(&mut self, class: &Class, field: Json) -> Json {
        let name = format!("condition.{}", class.name());
        if !self.defs.contains_key(&name) {
            let definition = self.class(class);
            self.defs.insert(name.clone(), definition);
        }
        json!({"properties": {"field": field}, "$ref": format!("#/$defs/{name}")})
    }

    /// The conditions of a class, whatever the field: each operator with what it takes.
    fn class(&mut self, class: &Class) -> Json {
        let meanings: Vec<String> =
            class.operators.iter().map(|operator| format!("`{operator}`: {}", meaning(*operator))).collect();
        json!({
            "title": format!("Condition on a field of type {}", class.ty),
            "type": "object",
            "required": ["field"],
            "properties": {
                "field": {"type": "string", "description": "The path of the field."},
                "operator": {
                    "description": format!("Left out, it is `eq`. {}.", meanings.join("; ")),
                    "enum": spellings(&class.operators),
                },
                "value": {"description": "What the operator takes."},
                "case_sensitive": reference("flag"),
                "case_insensitive": {"$ref": "#/$defs/flag", "description": "The opposite of `case_sensitive`."},
            },
            "additionalProperties": false,
            "not": reference("case_conflict"),
            "anyOf": self.operations(class),
        })
    }

    /// The operators of a class by what they take: in the order of the table, those that take the same stand together.
    fn operations(&mut self, class: &Class) -> Vec<Json> {
        let takes = |operator: Operator| (operator.operand(), operator == Operator::Text);
        let mut operations = Vec::new();
        for operators in class.operators.chunk_by(|a, b| takes(*a) == takes(*b)) {
            let mut required = Vec::new();
            required.extend((operators[0].operand() != OperandKind::Boolean).then_some("value"));
            // An operator that is left out is `eq` (G4), which a schema may forbid.
            required.extend((!operators.contains(&Operator::Eq)).then_some("operator"));
            operations.push(json!({
                "properties": {
                    "operator": {"enum": spellings(operators)},
                    "value": self.operand(operators[0], class.ty),
                },
                "required": required,
            }));
        }
        operations
    }

    /// What an operator takes on a field of a type (C3, T2); defined once.
    fn operand(&mut self, operator: Operator, ty: Type) -> Json {
        let (name, value) = match operator.operand() {
            OperandKind::Boolean => return json!({"type": "boolean"}),
            OperandKind::String if operator == Operator::Text => {
                let words = "Words: at least one letter or digit.";
                ("text".to_owned(), json!({"description": words, "type": "string", "minLength": 1}))
            }
            OperandKind::String => ("string".to_owned(), json!({"type": "string"})),
            OperandKind::Ordered => (format!("ordered.{ty}"), ordered(ty)),
            OperandKind::List => {
                (format!("list.{ty}"), json!({"type": "array", "items": self.operand(Operator::Eq, ty)}))
            }
            OperandKind::Scalar => (format!("scalar.{ty}"), scalar(ty)),
        };
        let name = format!("operand.{name}");
        let operand = reference(&name);
        self.defs.entry(name).or_insert_with(|| json!({"anyOf": [value, reference("dynamic")]}));
        operand
    }

    /// A group: the keys with a meaning of their own, and a shorthand pair for each field.
    fn group(&mut self) -> Json {
        let mut properties = json!({
            "AND": {"$ref": "#/$defs/filters", "description": "All of these filters hold."},
            "OR": {"$ref": "#/$defs/filters", "description": "At least one of these filters holds."},
            "NOT": {
                "description": "None of these filters holds; of one filter: it does not hold.",
                "anyOf": [reference("filters"), reference("filter")],
            },
            "case_sensitive": {
                "$ref": "#/$defs/flag",
                "description": "Whether letter case counts, for everything in this group that says nothing else.",
            },
        });
        for (path, known) in &self.schema.fields {
            let class = Class::of(known);
            if class.allows(Operator::Eq) {
                let mut pair = self.operand(Operator::Eq, class.ty);
                if let Some(comment) = &known.comment {
                    pair["description"] = json!(comment);
                }
                properties[pair_key(path)] = pair;
            } else if !self.schema.closed {
                properties[pair_key(path)] = Json::Bool(false);
            }
        }
        let mut group = json!({
            "title": "Group",
            "description": "Holds if all of its members do: the lists, and the shorthand pairs `path: value`, each of which \
                            is a condition with the operator `eq`.",
            "type": "object",
            "properties": properties,
        });
        if self.schema.closed {
            group["additionalProperties"] = json!(false);
        } else {
            let any_case: Vec<String> = RESERVED.iter().map(|word| in_any_case(word)).collect();
            let pair = json!({"$ref": "#/$defs/path", "not": {"pattern": whole(&any_case.join("|"))}});
            group["additionalProperties"] = self.operand(Operator::Eq, Type::Any);
            group["propertyNames"] = json!({"anyOf": [{"enum": OF_GROUP}, pair]});
        }
        group
    }
}

/// One of these paths, each with its comment.
fn one_of_these(fields: &[(String, Option<&str>)]) -> Json {
    let plain: Vec<&String> = fields.iter().filter(|(_, comment)| comment.is_none()).map(|(path, _)| path).collect();
    let mut forms: Vec<Json> = fields
        .iter()
        .filter_map(|(path, comment)| Some(json!({"const": path, "description": comment.as_ref()?})))
        .collect();
    if forms.is_empty() {
        return json!({"enum": plain});
    }
    if !plain.is_empty() {
        forms.push(json!({"enum": plain}));
    }
    json!({"anyOf": forms})
}

/// The key of the shorthand pair of a field: its path, in quotes where it would be a keyword (G5).
fn pair_key(path: &Path) -> String {
    let printed = path.to_string();
    if !RESERVED.iter().any(|word| word.eq_ignore_ascii_case(&printed)) {
        return printed;
    }
    let mut quoted = String::new();
    push_quoted(&mut quoted, &printed);
    quoted
}

/// The pattern of a word in any letter case.
fn in_any_case(word: &str) -> String {
    let letter = |c: char| match c.is_ascii_alphabetic() {
        true => format!("[{}{c}]", c.to_ascii_uppercase()),
        false => c.to_string(),
    };
    word.chars().map(letter).collect()
}

/// Every spelling of these operators (G6), the names first.
fn spellings(operators: &[Operator]) -> Vec<&'static str> {
    let names = operators.iter().map(|operator| operator.name());
    names.chain(operators.iter().flat_map(|operator| operator.aliases().iter().copied())).collect()
}

/// A number, as far as one can be stored (D2). The bounds are those of a 64-bit float, not of integers: of a number the
/// value is seen, and not whether it was written as an integer.
fn number() -> Json {
    json!({
        "description": "An integer is at least -9223372036854775808 and at most 18446744073709551615.",
        "type": "number", "minimum": f64::MIN, "maximum": f64::MAX,
    })
}

/// What `eq` takes on a field of this type.
fn scalar(ty: Type) -> Json {
    match ty {
        Type::Boolean => json!({"type": ["boolean", "null"]}),
        Type::Integer | Type::Number => json!({"anyOf": [number(), {"type": "null"}]}),
        Type::String => json!({"type": ["string", "null"]}),
        Type::Datetime => json!({"anyOf": [instant(), {"type": "null"}]}),
        Type::Any => json!({"anyOf": [number(), {"type": ["string", "boolean", "null"]}]}),
    }
}

/// What `gt` takes on a field of this type.
fn ordered(ty: Type) -> Json {
    match ty {
        Type::Integer | Type::Number => number(),
        Type::String => json!({"type": "string"}),
        Type::Datetime => json!({"anyOf": [instant(), {
            "description": "A date: its midnight, UTC.",
            "type": "string", "pattern": whole(DATE), "examples": ["2024-03-01"],
        }]}),
        // INVARIANT: no boolean field allows an ordering.
        Type::Any | Type::Boolean => json!({"anyOf": [number(), {"type": "string"}]}),
    }
}

/// Not `format: "date-time"`: without an offset an instant is UTC here, which that format refuses.
fn instant() -> Json {
    json!({
        "description": "An instant, with `Z`, an offset, or neither for UTC.",
        "type": "string", "pattern": whole(&format!("{DATE}{TIME}")), "examples": ["2024-03-01T12:00:00Z"],
    })
}

/// What an operator asks, in words for somebody who writes a filter.
fn meaning(operator: Operator) -> &'static str {
    match operator {
        Operator::Eq => "some value equals the operand; with null, there is nothing but nulls",
        Operator::Ne => "not `eq`, so a missing field matches too",
        Operator::In => "some value equals one of the list",
        Operator::Nin => "not `in`, so a missing field matches too",
        Operator::Gt => "some value is greater",
        Operator::Gte => "some value is greater or equal",
        Operator::Lt => "some value is less",
        Operator::Lte => "some value is less or equal",
        Operator::Contains => "some string holds the operand",
        Operator::StartsWith => "some string begins with the operand",
        Operator::EndsWith => "some string ends with the operand",
        Operator::Regex => "some string has a match of the regular expression, anywhere in it",
        Operator::Text => "every word of the operand is a word of some string",
        Operator::Exists => "the field is there, null or not; false: it is not",
        Operator::IsNull => "the field is missing, null, or a list of nothing but nulls; false: it is not",
    }
}
