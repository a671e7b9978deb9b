//! Fields in a `jsonb` column.
//!
//! A path in `jsonpath`'s lax mode goes through arrays one level at each step and once more where it compares, which is
//! P2 and P3. Equality is asked so, with `@?`, which a `jsonb_path_ops` index serves; strings are taken out first, since
//! `like_regex` and its like are slow.

use sea_query::ArrayType;

use super::super::dialect::{Dialect, FieldTest, JsonField, Scalar, ScalarTest};
use super::super::fragment::{Bind, Fragment, sql};
use super::super::leaf::{any, map};
use super::super::operand::{inverse, symbol};
use super::{Postgres, array, never, without_nul};
use crate::lower::{Cover, Why};
use crate::path::Path;
use crate::predicate::Comparison;
use crate::value::{Number, write_json_string};

/// Each key of a path taken out by `->` is a level of the expression.
const LONGEST: usize = 30;
/// So many values are asked by one path: its time for a row grows with them.
const MOST_ALTERNATIVES: usize = 32;

pub(super) fn field(field: &JsonField<'_>, test: &FieldTest<'_>) -> Cover<Fragment> {
    // No document holds such a key (Q3).
    if has_nul(field.path) {
        return Cover::Exact(never());
    }
    let json = Json::new(field);
    match test {
        FieldTest::Exists => Cover::Exact(match json.plain() {
            Some(_) if field.path.keys().len() == 1 || !field.facts.many => sql![json.element(), " IS NOT NULL"],
            _ => json.finds(""),
        }),
        FieldTest::NonNull => Cover::Exact(match json.single() {
            Some(element) => sql![element, " <> 'null'::jsonb"],
            // `type` is not asked of elements by itself.
            None => json.finds("[*].type() ? (@ != \"null\")"),
        }),
        FieldTest::Some(tests) => json.some(tests),
    }
}

/// The complement of a test of a field, where it is one that an index serves.
pub(super) fn negated(field: &JsonField<'_>, test: &FieldTest<'_>) -> Option<Fragment> {
    if has_nul(field.path) {
        return None;
    }
    let json = Json::new(field);
    let element = match test {
        FieldTest::Exists if field.path.keys().len() == 1 => json.plain()?,
        _ => json.single()?,
    };
    match test {
        FieldTest::Exists => Some(sql![element, " IS NULL"]),
        FieldTest::NonNull => Some(sql!["(", &element, " IS NULL OR ", &element, " = 'null'::jsonb)"]),
        FieldTest::Some([ScalarTest::Number(comparison, bound)]) => {
            let (exact, compared) = (is_told(*comparison, *bound), inverse(*comparison));
            let x = &element;
            let compared = sql![x, symbol(compared), json_bind(&digits_of(*bound))];
            let others = match comparison {
                Comparison::Gt | Comparison::Gte => sql![x, " >= 'false'::jsonb"],
                Comparison::Lt | Comparison::Lte => sql!["jsonb_typeof(", x, ") <> 'number'"],
            };
            exact.then(|| sql!["(", compared, " OR ", others, " OR ", x, " IS NULL)"])
        }
        FieldTest::Some(_) => None,
    }
}

fn has_nul(path: &Path) -> bool {
    path.keys().any(|key| key.contains('\0'))
}

/// A field, with what its forms are made of.
struct Json<'f> {
    field: &'f JsonField<'f>,
    /// `."a"."b"`, as it stands in a path.
    steps: String,
}

impl<'f> Json<'f> {
    fn new(field: &'f JsonField<'f>) -> Json<'f> {
        let mut steps = String::new();
        for key in field.path.keys() {
            steps.push('.');
            // INVARIANT: writing to a `String` never fails.
            let _ = write_json_string(&mut steps, key);
        }
        Json { field, steps }
    }

    /// The value at the end of plain objects, if the path is short enough to be written so.
    fn plain(&self) -> Option<Fragment> {
        (self.field.path.keys().len() <= LONGEST).then(|| self.element())
    }

    /// The same where the schema promises that there is nothing else.
    fn single(&self) -> Option<Fragment> {
        if self.field.facts.many { None } else { self.plain() }
    }

    fn element(&self) -> Fragment {
        self.taken_out(" -> ")
    }

    /// The text of the value at the end of plain objects.
    fn text(&self) -> Fragment {
        self.taken_out(" ->> ")
    }

    fn taken_out(&self, last: &'static str) -> Fragment {
        let count = self.field.path.keys().len();
        let keys = self.field.path.keys().enumerate();
        let taken = keys.fold(self.field.column.clone(), |taken, (at, key)| {
            sql![taken, if at + 1 == count { last } else { " -> " }, literal(key)]
        });
        sql!["(", taken, ")"]
    }

    /// Whether the path finds something, with more after it.
    fn finds(&self, rest: &str) -> Fragment {
        self.at(&format!("${}{rest}", self.steps))
    }

    /// Whether some value at the path meets a condition, in which it is `@.…`.
    fn meets(&self, condition: &str) -> Fragment {
        self.at(&format!("$ ? ({condition})"))
    }

    fn at(&self, path: &str) -> Fragment {
        sql![self.field.column, " @? ", Bind(path), "::text::jsonpath"]
    }

    /// Whether a test holds for some value `v` at the path.
    fn some_value(&self, test: impl FnOnce(&Fragment) -> Fragment) -> Fragment {
        let path = format!("${}[*]", self.steps);
        let from = sql!["jsonb_path_query(", self.field.column, ", ", Bind(path), "::text::jsonpath) v"];
        sql!["EXISTS (SELECT 1 FROM ", from, " WHERE ", test(&"v".into()), ")"]
    }

    fn some(&self, tests: &[ScalarTest<'_>]) -> Cover<Fragment> {
        let (mut values, mut confused) = (Vec::new(), None);
        let mut others = Vec::new();
        for test in tests {
            match test {
                ScalarTest::Boolean(bool) => values.push(bool.to_string()),
                ScalarTest::Numbers(numbers) => {
                    confused = confused.or(add_numbers(&mut values, numbers));
                }
                // As text: a hundred thousand of them take as long to read as JSON as to look for.
                ScalarTest::Strings(strings) if strings.len() > MOST_ALTERNATIVES => others.push(self.string(test)),
                ScalarTest::Strings(strings) => values.extend(strings.iter().filter_map(|string| json_string(string))),
                test => others.push(self.other(test)),
            }
        }
        let equal = (!values.is_empty()).then(|| {
            let equal = self.equals(&values);
            confused.map_or(Cover::Exact(equal.clone()), |why| Cover::Superset(equal, why))
        });
        let exact = any(equal.into_iter().chain(others)).unwrap_or_else(|| Cover::Exact(never()));
        match self.beside(tests) {
            Some(beside) => map(exact, |exact| sql!["(", beside, " AND ", exact, ")"]),
            None => exact,
        }
    }

    /// The same test of a generated column, where that can lose nothing.
    fn beside(&self, tests: &[ScalarTest<'_>]) -> Option<Fragment> {
        let [test] = tests else { return None };
        let scalar = self.field.generated_for(test).filter(|_| !self.field.facts.many)?;
        match Postgres.scalar(scalar, test) {
            Cover::Exact(fragment) | Cover::Superset(fragment, _) => Some(fragment),
            Cover::Unsupported(_) => None,
        }
    }

    /// Whether some value equals one of these, which are JSON.
    fn equals(&self, values: &[String]) -> Fragment {
        let is_one_of = |x: &Fragment| match values {
            [one] => sql![x, " = ", json_bind(one)],
            many => {
                let values = array(ArrayType::String, many.iter().map(String::as_str));
                sql![x, " = ANY(", values, "::text[]::jsonb[])"]
            }
        };
        let by_path = || {
            let each = values.iter().map(|value| format!("@{} == {value}", self.steps));
            self.meets(&each.collect::<Vec<_>>().join(" || "))
        };
        match (self.single(), values.len() <= MOST_ALTERNATIVES) {
            // Each of the two has its own kind of index.
            (Some(element), true) if !self.field.is_indexed => sql!["(", is_one_of(&element), " AND ", by_path(), ")"],
            (Some(element), _) => is_one_of(&element),
            (None, true) => by_path(),
            (None, false) => self.some_value(is_one_of),
        }
    }

    /// Any test but equality.
    fn other(&self, test: &ScalarTest<'_>) -> Cover<Fragment> {
        match *test {
            ScalarTest::Number(comparison, bound) => self.compare_number(comparison, bound),
            ScalarTest::String(comparison, string) if self.single().is_none() => {
                let (comparison, string) = without_nul(comparison, string);
                // INVARIANT: it holds no U+0000.
                let string = json_string(string).unwrap_or_default();
                Cover::Exact(self.meets(&format!("@{}{}{string}", self.steps, symbol(comparison))))
            }
            ref test => self.string(test),
        }
    }

    /// A test of strings, as of a column of them.
    fn string(&self, test: &ScalarTest<'_>) -> Cover<Fragment> {
        let of = |text: &Fragment| Postgres.scalar(Scalar { sql: text, column: None, is_optional: true }, test);
        let text_of = |value: &Fragment| sql!["(", value, " #>> '{}')"];
        let some_string = |test: Fragment| self.some_value(|v| sql!["jsonb_typeof(", v, ") = 'string' AND ", test]);
        let of_elements = of(&text_of(&"v".into()));
        // A long list is to be bound once.
        let is_long = match test {
            ScalarTest::Strings(strings) | ScalarTest::Folded(strings) => strings.len() > MOST_ALTERNATIVES,
            _ => false,
        };
        let Some(element) = self.plain().filter(|_| !is_long || !self.field.facts.many) else {
            return map(of_elements, some_string);
        };
        let direct = of(&self.text());
        if !self.field.facts.many {
            return map(direct, |test| {
                let exact = sql![test, " AND jsonb_typeof(", &element, ") = 'string'"];
                sql!["(", exact, ")"]
            });
        }
        let (Cover::Exact(elements) | Cover::Superset(elements, _)) = of_elements else { return direct };
        map(direct, |direct| {
            let case = sql!["CASE jsonb_typeof(", &element, ") WHEN 'string' THEN ", direct];
            // A string at the end of plain objects is the only value. One key leads through no array but the last.
            match self.field.path.keys().len() {
                1 => {
                    let from = sql!["EXISTS (SELECT 1 FROM jsonb_array_elements(", &element, ") v WHERE "];
                    let is_some = sql![from, "jsonb_typeof(v) = 'string' AND ", elements, ")"];
                    sql![case, " WHEN 'array' THEN ", is_some, " ELSE FALSE END"]
                }
                _ => sql![case, " ELSE ", some_string(elements), " END"],
            }
        })
    }

    fn compare_number(&self, comparison: Comparison, bound: Number) -> Cover<Fragment> {
        let is_told = is_told(comparison, bound);
        let (to, bound) = if is_told { (comparison, digits_of(bound)) } else { widened(comparison, bound) };
        let fragment = match self.single() {
            Some(element) => {
                let x = &element;
                let compared = sql![x, symbol(to), json_bind(&bound)];
                // Strings are below all numbers, and booleans above them.
                match comparison {
                    Comparison::Gt | Comparison::Gte => sql!["(", compared, " AND ", x, " < 'false'::jsonb)"],
                    Comparison::Lt | Comparison::Lte => {
                        sql!["(", compared, " AND jsonb_typeof(", x, ") = 'number')"]
                    }
                }
            }
            None => self.meets(&format!("@{}{}{bound}", self.steps, symbol(to))),
        };
        if is_told { Cover::Exact(fragment) } else { Cover::Superset(fragment, large_numbers()) }
    }
}

/// A key as a literal that reads the same whatever the server makes of a backslash.
fn literal(key: &str) -> Fragment {
    let quoted = key.replace('\'', "''");
    match key.contains('\\') {
        true => Fragment::quoted(&format!("E'{}'", quoted.replace('\\', "\\\\"))),
        false => Fragment::quoted(&format!("'{quoted}'")),
    }
}

/// A string as JSON; none of one that no text holds.
fn json_string(string: &str) -> Option<String> {
    if string.contains('\0') {
        return None;
    }
    let mut json = String::with_capacity(string.len() + 2);
    // INVARIANT: writing to a `String` never fails.
    let _ = write_json_string(&mut json, string);
    Some(json)
}

fn json_bind(json: &str) -> Fragment {
    sql![Bind(json), "::text::jsonb"]
}

// ------------------------------------------------------------------------------------------ large numbers

/// An integer past ten quadrillions, where what was stored as a float is kept as its shortest digits, and can no more be
/// told from an integer of those digits.
struct Large {
    bound: i128,
    /// The float that is nearest to the bound: what it is, and the digits that it is kept as. No other float lies
    /// between its digits and the bound.
    float: i128,
    digits: i128,
}

impl Large {
    fn of(bound: Number) -> Option<Large> {
        /// Below it the shortest digits of an integral float are all of its digits.
        const TELLING: i128 = 10_000_000_000_000_000;
        let integer = bound.as_i64().map(i128::from).or(bound.as_u64().map(i128::from))?;
        let float = bound.to_f64_lossy();
        let digits = Number::from_f64(float).and_then(|float| integer_of(&float.to_string()))?;
        (integer.abs() >= TELLING).then_some(Large { bound: integer, float: float as i128, digits })
    }
}

/// The value of an integer that is written like `1.5e19`.
fn integer_of(text: &str) -> Option<i128> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let zeros = exponent.trim_start_matches('+').parse::<u32>().ok()?.checked_sub(fraction.len() as u32)?;
    format!("{whole}{fraction}").parse::<i128>().ok()?.checked_mul(10_i128.checked_pow(zeros)?)
}

/// Whether a comparison of what is kept answers a comparison of what was meant.
fn is_told(comparison: Comparison, bound: Number) -> bool {
    Large::of(bound).is_none_or(|Large { bound, float, digits }| {
        comparison.accepts(digits.cmp(&bound)) == comparison.accepts(float.cmp(&bound))
    })
}

/// A comparison that holds for all that it should hold for.
fn widened(comparison: Comparison, bound: Number) -> (Comparison, String) {
    let Some(Large { bound, digits, .. }) = Large::of(bound) else { return (comparison, digits_of(bound)) };
    match comparison {
        Comparison::Gt | Comparison::Gte => (Comparison::Gte, digits.min(bound).to_string()),
        Comparison::Lt | Comparison::Lte => (Comparison::Lte, digits.max(bound).to_string()),
    }
}

/// All the digits of an integer.
fn digits_of(number: Number) -> String {
    number.canonical().to_string()
}

/// Adds numbers as JSON; says why more is equal to them than should be, if it is so.
fn add_numbers(values: &mut Vec<String>, numbers: &[Number]) -> Option<Why> {
    let mut is_told = true;
    for number in numbers {
        values.push(digits_of(*number));
        if let Some(Large { bound, float, digits }) = Large::of(*number)
            && (digits == bound) != (float == bound)
        {
            is_told = false;
            values.push(digits.to_string());
        }
    }
    (!is_told).then(large_numbers)
}

fn large_numbers() -> Why {
    Why::new(
        "large_numbers",
        "jsonb keeps a float past ten quadrillions as its shortest digits, which may be an integer's",
    )
}
