//! Fields in a JSON column, which is text in canonical form (Q3).
//!
//! The values of a path are taken out as one array, and that becomes a table: `v` is a value as JSON, `s` its text. A scalar
//! at the end of plain objects, by far the most common, is asked first: that takes a fraction of the time. Paths are
//! bound, so that no key of a client is in the text.

use super::super::dialect::{Dialect, FieldTest, JsonField, Kind, Scalar, ScalarTest};
use super::super::fragment::{Bind, Fragment, joined, sql};
use super::super::leaf::{any, map};
use super::super::mapping::Column;
use super::super::operand::{float_operand, inverse, is_small, symbol};
use super::{FEW, Mysql, Server, floats_in_list, never};
use crate::lower::{Cover, Why};
use crate::predicate::Comparison;
use crate::value::{Number, write_json_string};

/// MariaDB reads documents of 32 levels.
const LONGEST: usize = 30;
/// Up to so many keys the nodes of a path are asked for at once: their number doubles with each.
const AT_ONCE: usize = 3;

/// `null`, and arrays of nothing but nulls; of several nodes, which stand in an array, all of them. A blank alone would mean
/// nothing where `default_regex_flags` says `EXTENDED`.
const NULL: &str = r"\A(?:null|\[(?:null(?:,[ ]?null)*+)?\])\z";
const NULLS: &str = r"\A\[(?:null|\[(?:null(?:,[ ]?null)*+)?\])(?:,[ ]?(?:null|\[(?:null(?:,[ ]?null)*+)?\]))*+\]\z";

pub(super) fn field(dialect: Mysql, field: &JsonField<'_>, test: &FieldTest<'_>) -> Cover<Fragment> {
    if field.path.keys().len() > LONGEST {
        return Cover::Unsupported(Why::new("long_path", format!("a path of more than {LONGEST} keys")));
    }
    let json = Json::new(dialect, field);
    if dialect.server == Server::MariaDb && field.path.keys().any(|key| key.starts_with('-')) {
        let why = Why::new("dash_key", "MariaDB reads no path with a key that begins with `-`");
        return match test {
            FieldTest::Some(tests) => {
                json.contains(tests).map_or(Cover::Unsupported(why.clone()), |contains| Cover::Superset(contains, why))
            }
            FieldTest::Exists | FieldTest::NonNull => Cover::Unsupported(why),
        };
    }
    match test {
        FieldTest::Exists => Cover::Exact(json.exists()),
        FieldTest::NonNull => Cover::Exact(json.non_null()),
        FieldTest::Some(tests) => json.some(tests),
    }
}

/// The complement of a comparison, where a generated column has an index for it and is NULL for what is no number. Of one that
/// does not promise this, a string may be there as a number, which fails the inverse as it fails the comparison.
pub(super) fn negated(dialect: Mysql, field: &JsonField<'_>, test: &FieldTest<'_>) -> Option<Fragment> {
    let FieldTest::Some([test @ ScalarTest::Number(comparison, bound)]) = test else { return None };
    let is_readable = matches!(self::field(dialect, field, &FieldTest::Exists), Cover::Exact(_));
    let json = Json::new(dialect, field);
    // Where it serves the comparison, it serves the inverse.
    json.generated(test).filter(|_| is_readable && json.is_exact())?;
    let column = field.generated?;
    let inverse = super::compare_number(column, inverse(*comparison), *bound);
    Some(sql!["(", inverse, " OR ", column.sql, " IS NULL)"])
}

/// A field, with what its forms are made of.
struct Json<'f> {
    dialect: Mysql,
    field: &'f JsonField<'f>,
    /// The document, guarded.
    document: Fragment,
    /// Each key as a step of a path.
    steps: Vec<String>,
}

impl<'f> Json<'f> {
    fn new(dialect: Mysql, field: &'f JsonField<'f>) -> Json<'f> {
        let document = match field.is_valid {
            true => field.column.clone(),
            // A malformed document would fail the whole query, or be read up to where it is; so it has no fields.
            false => sql!["CASE WHEN JSON_VALID(", field.column, ") THEN ", field.column, " END"],
        };
        let steps = field.path.keys().map(|key| {
            let mut step = ".".to_owned();
            // INVARIANT: writing to a `String` never fails.
            let _ = write_json_string(&mut step, key);
            step
        });
        Json { dialect, field, document, steps: steps.collect() }
    }

    /// The path through plain objects.
    fn plain(&self) -> String {
        format!("${}", self.steps.concat())
    }

    /// The value at the end of plain objects.
    fn value(&self) -> Fragment {
        sql!["JSON_EXTRACT(", &self.document, ", ", Bind(self.plain()), ")"]
    }

    /// Its text, of a string that string.
    fn text(&self) -> Fragment {
        let collate = self.dialect.collate();
        match self.dialect.server {
            Server::MariaDb => sql!["JSON_VALUE(", &self.document, ", ", Bind(self.plain()), ")", collate],
            Server::MySql => sql!["JSON_UNQUOTE(", self.value(), ")", collate],
        }
    }

    /// The paths that lead to the nodes of some steps, an array on the way or none.
    fn branches(steps: &[String]) -> Vec<String> {
        steps.iter().enumerate().fold(vec!["$".to_owned()], |before, (at, step)| {
            let through: &[&str] = if at == 0 { &[""] } else { &["", "[*]"] };
            before.iter().flat_map(|path| through.iter().map(move |through| format!("{path}{through}{step}"))).collect()
        })
    }

    /// Where the last step is taken from, and the paths of the nodes in it.
    fn nodes(&self) -> (Fragment, Vec<String>) {
        if !self.field.facts.many {
            return (self.document.clone(), vec![self.plain()]);
        }
        if self.steps.len() <= AT_ONCE {
            return (self.document.clone(), Self::branches(&self.steps));
        }
        // Key by key: the nodes of one, with the elements of those that are arrays, as an array.
        let (last, before) = (&self.steps[self.steps.len() - 1], &self.steps[..self.steps.len() - 1]);
        let mut from = self.document.clone();
        for (at, step) in before.iter().enumerate() {
            let path = if at == 0 { format!("${step}") } else { format!("$[*]{step}") };
            let elements = format!("{path}[*]");
            from = sql!["JSON_EXTRACT(", from, ", ", Bind(path), ", ", Bind(elements), ")"];
        }
        (from, vec![format!("$[*]{last}")])
    }

    fn exists(&self) -> Fragment {
        let (from, paths) = self.nodes();
        let paths = joined(paths.into_iter().map(|path| sql![Bind(path)]), ", ");
        sql!["JSON_CONTAINS_PATH(", from, ", 'one', ", paths, ")"]
    }

    fn non_null(&self) -> Fragment {
        if !self.field.facts.many {
            return sql!["JSON_TYPE(", self.value(), ") <> 'NULL'"];
        }
        let (from, paths) = self.nodes();
        let is_one = self.steps.len() == 1;
        let paths = joined(paths.into_iter().map(|path| sql![Bind(path)]), ", ");
        let nulls = if is_one { NULL } else { NULLS };
        sql!["JSON_EXTRACT(", from, ", ", paths, ") NOT REGEXP ", Bind(nulls)]
    }

    /// Whether the document holds an object of one of a few values, through arrays too: of more documents than those
    /// where a value equals one, and in a fifth of the time.
    fn contains(&self, tests: &[ScalarTest<'_>]) -> Option<Fragment> {
        const MOST: usize = 4;
        let mut values = Vec::new();
        for test in tests {
            match *test {
                ScalarTest::Boolean(bool) => values.push(bool.to_string()),
                ScalarTest::Numbers(numbers) => values.extend(numbers.iter().take(MOST + 1).map(Number::to_string)),
                ScalarTest::Strings(strings) => values.extend(strings.iter().take(MOST + 1).map(|string| {
                    let mut json = String::new();
                    // INVARIANT: writing to a `String` never fails.
                    let _ = write_json_string(&mut json, string);
                    json
                })),
                ScalarTest::Number(..)
                | ScalarTest::Folded(_)
                | ScalarTest::String(..)
                | ScalarTest::Contains(_)
                | ScalarTest::StartsWith(_)
                | ScalarTest::EndsWith(_)
                | ScalarTest::Regex(_)
                | ScalarTest::Token(_)
                | ScalarTest::Instants(_)
                | ScalarTest::Instant(..) => return None,
            }
        }
        let document = |value: String| {
            let object = |inner: String, step: &String| format!("{{{}:{inner}}}", &step[1..]);
            let document = self.steps.iter().rev().fold(value, object);
            sql!["JSON_CONTAINS(", &self.document, ", ", Bind(document), ")"]
        };
        match values.len() {
            0 => None,
            1 => values.pop().map(document),
            2..=MOST => Some(sql!["(", joined(values.into_iter().map(document), " OR "), ")"]),
            _ => None,
        }
    }

    fn some(&self, tests: &[ScalarTest<'_>]) -> Cover<Fragment> {
        let is_plain = !self.field.facts.many;
        // MySQL compares there by rules that nobody tried.
        if !is_plain
            && self.dialect.server == Server::MariaDb
            && let Some(contains) = self.contains(tests)
        {
            return map(self.elements(tests), |elements| sql!["(", contains, " AND ", elements, ")"]);
        }
        if tests.iter().any(|test| is_long(test, is_plain)) {
            return self.elements(tests);
        }
        let direct = any(tests.iter().map(|test| self.direct(test))).unwrap_or_else(|| Cover::Exact(never()));
        if is_plain {
            return direct;
        }
        // MySQL has no cheap way to tell a scalar.
        if self.dialect.server == Server::MySql {
            return self.elements(tests);
        }
        let (Cover::Exact(elements) | Cover::Superset(elements, _)) = self.elements(tests) else { return direct };
        map(direct, |direct| sql!["CASE WHEN ", self.text(), " IS NOT NULL THEN ", direct, " ELSE ", elements, " END"])
    }

    /// The scalar at the end of plain objects.
    fn direct(&self, test: &ScalarTest<'_>) -> Cover<Fragment> {
        let ty = || sql!["JSON_TYPE(", self.value(), ")"];
        let is_of_kind = || match test.kind() {
            Kind::Boolean | Kind::Number => sql![ty(), " IN ('INTEGER', 'UNSIGNED INTEGER', 'DOUBLE', 'DECIMAL')"],
            Kind::String => sql![ty(), " = 'STRING'"],
        };
        let of_document = || match test.kind() {
            Kind::Boolean => Cover::Exact(sql!["ASCII(", self.value(), ")", is_boolean(test)]),
            // The cheaper test first.
            Kind::Number | Kind::String => {
                map(self.of_text(&self.text(), test), |of_text| sql!["(", of_text, " AND ", is_of_kind(), ")"])
            }
        };
        let promised = self.field.generated.and_then(|generated| generated.column);
        match self.generated(test) {
            None => of_document(),
            Some(of_column) if self.is_exact() => of_column,
            // A string is there as it is, and of another type it may be anything.
            Some(of_column) if promised.is_some_and(Column::is_binary) => {
                map(of_column, |of_column| sql!["(", of_column, " AND ", is_of_kind(), ")"])
            }
            // Nothing is promised of the column: it finds the rows, and the document decides.
            Some(Cover::Exact(beside) | Cover::Superset(beside, _)) => {
                map(of_document(), |exact| sql!["(", beside, " AND ", exact, ")"])
            }
            Some(Cover::Unsupported(_)) => of_document(),
        }
    }

    /// Whether the generated column holds what is of its type, and nothing else.
    fn is_exact(&self) -> bool {
        self.field.generated.and_then(|generated| generated.column).is_some_and(Column::is_exact)
    }

    /// Whether a value of the path passes.
    fn elements(&self, tests: &[ScalarTest<'_>]) -> Cover<Fragment> {
        let (from, nodes) = self.nodes();
        let with_elements = nodes.into_iter().flat_map(|path| [sql![Bind(path.clone())], sql![Bind(path + "[*]")]]);
        let values = sql!["JSON_EXTRACT(", from, ", ", joined(with_elements, ", "), ")"];
        let columns = sql!["'$[*]' COLUMNS (v JSON PATH '$', s LONGTEXT", self.dialect.text_column(), ")"];
        let test = any(tests.iter().map(|test| self.element(test))).unwrap_or_else(|| Cover::Exact(never()));
        map(test, |test| sql!["EXISTS (SELECT 1 FROM JSON_TABLE(", values, ", ", columns, ") j WHERE ", test, ")"])
    }

    /// A row `j` of the table of values.
    fn element(&self, test: &ScalarTest<'_>) -> Cover<Fragment> {
        let kind = match test.kind() {
            Kind::Boolean => {
                return Cover::Exact(sql!["ASCII(j.v)", is_boolean(test)]);
            }
            Kind::Number => "(ASCII(j.v) BETWEEN 45 AND 57 AND ",
            Kind::String => "(ASCII(j.v) = 34 AND ",
        };
        map(self.of_text(&"j.s".into(), test), |of_text| sql![kind, of_text, ")"])
    }

    /// The test of the text of a value that is of the test's type.
    fn of_text(&self, text: &Fragment, test: &ScalarTest<'_>) -> Cover<Fragment> {
        match *test {
            ScalarTest::Numbers(numbers) => Cover::Exact(self.one_of_numbers(text, numbers)),
            ScalarTest::Number(comparison, bound) => Cover::Exact(compare_number(text, comparison, bound)),
            ScalarTest::Boolean(_)
            | ScalarTest::Strings(_)
            | ScalarTest::Folded(_)
            | ScalarTest::String(..)
            | ScalarTest::Contains(_)
            | ScalarTest::StartsWith(_)
            | ScalarTest::EndsWith(_)
            | ScalarTest::Regex(_)
            | ScalarTest::Token(_)
            | ScalarTest::Instants(_)
            | ScalarTest::Instant(..) => {
                self.dialect.scalar(Scalar { sql: text, column: None, is_optional: true }, test)
            }
        }
    }

    fn one_of_numbers(&self, text: &Fragment, numbers: &[Number]) -> Fragment {
        let float = sql!["CAST(", text, " AS DOUBLE)"];
        let floats = floats_in_list(&float, numbers);
        if numbers.iter().all(|number| is_small(*number)) {
            return floats;
        }
        // JSON writes an integer in one way.
        let digits: Vec<String> = numbers.iter().filter_map(|number| digits(*number)).collect();
        let digits: Vec<&str> = digits.iter().map(String::as_str).collect();
        let ints = if digits.is_empty() { never() } else { self.dialect.is_one_of(text, &digits) };
        by_spelling(text, floats, ints)
    }

    /// The same test of a generated column, where that can lose nothing.
    fn generated(&self, test: &ScalarTest<'_>) -> Option<Cover<Fragment>> {
        let ignores_case = matches!(test, ScalarTest::StartsWith(needle) if needle.ignores_case());
        let scalar = self.field.generated_for(test).filter(|_| !ignores_case && !self.field.facts.many)?;
        Some(self.dialect.scalar(scalar, test))
    }
}

/// What the first byte of a boolean is. JSON tells its types by that, and is compared with a string by rules of its own.
fn is_boolean(test: &ScalarTest<'_>) -> &'static str {
    if matches!(test, ScalarTest::Boolean(true)) { " = 116" } else { " = 102" }
}

/// Whether a test takes much text, or names its value often.
fn is_long(test: &ScalarTest<'_>, is_plain: bool) -> bool {
    match test {
        ScalarTest::Instants(_) | ScalarTest::Instant(..) => true,
        ScalarTest::Numbers(numbers) => !is_plain && numbers.len() > FEW,
        ScalarTest::Strings(strings) | ScalarTest::Folded(strings) => !is_plain && strings.len() > FEW,
        ScalarTest::Token(_) => !is_plain,
        ScalarTest::Boolean(_)
        | ScalarTest::Number(..)
        | ScalarTest::String(..)
        | ScalarTest::Contains(_)
        | ScalarTest::StartsWith(_)
        | ScalarTest::EndsWith(_)
        | ScalarTest::Regex(_) => false,
    }
}

/// The digits of an integer that `i64` or `u64` holds.
fn digits(number: Number) -> Option<String> {
    let as_float = || {
        let float = number.to_f64_lossy();
        let is_held =
            float.fract() == 0.0 && (-9_223_372_036_854_775_808.0..18_446_744_073_709_551_616.0).contains(&float);
        is_held.then(|| (float as i128).to_string())
    };
    match (number.as_i64(), number.as_u64()) {
        (Some(int), _) => Some(int.to_string()),
        (None, Some(int)) => Some(int.to_string()),
        (None, None) => as_float(),
    }
}

/// A test of floats, and another of integers, which are written without a point and an exponent.
fn by_spelling(text: &Fragment, floats: Fragment, ints: Fragment) -> Fragment {
    sql!["CASE WHEN ", text, " REGEXP '[.eE]' THEN ", floats, " ELSE ", ints, " END"]
}

fn compare_number(text: &Fragment, comparison: Comparison, bound: Number) -> Fragment {
    let (float_comparison, float) = float_operand(comparison, bound);
    let floats = sql!["CAST(", text, " AS DOUBLE)", symbol(float_comparison), Bind(float)];
    if is_small(bound) {
        return floats;
    }
    let ints = match digits(bound) {
        Some(digits) => {
            let int = sql!["CAST(", text, " AS DECIMAL(20,0))"];
            sql![int, symbol(comparison), "CAST(", Bind(digits), " AS DECIMAL(20,0))"]
        }
        // Past every integer that is one.
        None => {
            let is_above = bound.to_f64_lossy() > 0.0;
            let is_less = matches!(comparison, Comparison::Lt | Comparison::Lte);
            if is_above == is_less { "TRUE".into() } else { never() }
        }
    };
    by_spelling(text, floats, ints)
}
