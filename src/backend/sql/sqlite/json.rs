//! Fields in a JSON column, as text or JSONB.
//!
//! A path that may lead through arrays is asked in three ways, of which at most one finds something: the scalar at
//! the end of plain objects, which an expression index serves and which is by far the most common; the array there;
//! and what lies behind an array on the way.

use super::super::dialect::{Dialect, FieldTest, JsonField, Kind, Scalar, ScalarTest};
use super::super::fragment::{Fragment, joined, sql};
use super::super::leaf::{any, map};
use super::super::operand::{inverse, unsigned};
use super::{Digits, FEW, Sqlite, compare_number, one_of_numbers};
use crate::lower::{Cover, Why};
use crate::path::Path;
use crate::predicate::Comparison;
use crate::value::{Number, write_json_string};

/// A join takes 64 tables.
const LONGEST: usize = 60;

/// The complement of a test of a field, where it is one that an index serves.
pub(super) fn negated(field: &JsonField<'_>, test: &FieldTest<'_>) -> Option<Fragment> {
    let is_single = !field.facts.many;
    let is_short = field.path.keys().len() == 1;
    if field.path.keys().len() > LONGEST || has_nul(field.path) {
        return None;
    }
    let json = Json::new(field);
    match test {
        FieldTest::Exists if is_single || is_short => Some(sql![json.ty(), " IS NULL"]),
        FieldTest::NonNull if is_single => Some(sql!["(", json.ty(), " IS NULL OR ", json.ty(), " = 'null')"]),
        FieldTest::Some([ScalarTest::Number(comparison, bound)]) if is_single && unsigned(*bound).is_none() => {
            let x = json.function("json_extract");
            let compared =
                compare_number(Scalar { sql: &x, column: None, is_optional: true }, None, inverse(*comparison), *bound);
            let others = "('null', 'true', 'false', 'text', 'array', 'object')";
            Some(sql!["(", compared, " OR ", json.ty(), " IS NULL OR ", json.ty(), " IN ", others, ")"])
        }
        FieldTest::Exists | FieldTest::NonNull | FieldTest::Some(_) => None,
    }
}

fn has_nul(path: &Path) -> bool {
    path.keys().any(|key| key.contains('\0'))
}

pub(super) fn field(field: &JsonField<'_>, test: &FieldTest<'_>) -> Cover<Fragment> {
    if field.path.keys().len() > LONGEST {
        return Cover::Unsupported(Why::new("long_path", format!("a path of more than {LONGEST} keys")));
    }
    // SQLite ends a key at U+0000, so that it cannot tell such a key: no document holds one (Q3).
    if has_nul(field.path) {
        return never();
    }
    let field = Json::new(field);
    match test {
        FieldTest::Exists => Cover::Exact(field.exists()),
        FieldTest::NonNull => Cover::Exact(field.non_null()),
        FieldTest::Some(tests) => field.some(tests),
    }
}

/// The expressions that tests of a path in the column `doc`, which is well-formed, can be answered by.
#[cfg(feature = "store")]
pub(super) fn index_expressions(path: &Path) -> Option<Vec<String>> {
    if path.keys().len() > LONGEST || has_nul(path) {
        return None;
    }
    let literal = |count: usize| format!("'{}'", path_text(path.keys().take(count)).replace('\'', "''"));
    let whole = path.keys().len();
    let mut expressions =
        vec![format!("json_extract(doc, {})", literal(whole)), format!("json_type(doc, {})", literal(whole))];
    if whole == 2 {
        // Whether an array is on the way.
        expressions.push(format!("json_type(doc, {})", literal(1)));
    }
    Some(expressions)
}

/// A field, with what its forms are made of.
struct Json<'f> {
    field: &'f JsonField<'f>,
    /// The document, guarded.
    document: Fragment,
    /// The path to each key on the way, as literals.
    paths: Vec<Fragment>,
    /// The path of each key in the object before it.
    steps: Vec<Fragment>,
}

/// The literal of a path of these keys.
fn path_literal<'k>(keys: impl IntoIterator<Item = &'k str>) -> Fragment {
    Fragment::literal(&path_text(keys))
}

/// A path of these keys, each as JSON writes it.
fn path_text<'k>(keys: impl IntoIterator<Item = &'k str>) -> String {
    let mut path = "$".to_owned();
    for key in keys {
        path.push('.');
        // INVARIANT: writing to a `String` never fails.
        let _ = write_json_string(&mut path, key);
    }
    path
}

impl<'f> Json<'f> {
    fn new(field: &'f JsonField<'f>) -> Json<'f> {
        let document = match field.is_valid {
            true => field.column.clone(),
            // A malformed document would fail the whole query; so it is one without fields. 9: JSON text or JSONB.
            false => sql!["CASE WHEN json_valid(", field.column, ", 9) THEN ", field.column, " END"],
        };
        let keys = |path: &Path| path.keys().map(str::to_owned).collect::<Vec<_>>();
        let keys = keys(field.path);
        let paths = (1..=keys.len()).map(|count| path_literal(keys[..count].iter().map(String::as_str)));
        let steps = keys.iter().map(|key| path_literal([key.as_str()]));
        Json { field, document, paths: paths.collect(), steps: steps.collect() }
    }

    /// The path to the field.
    fn path(&self) -> &Fragment {
        &self.paths[self.paths.len() - 1]
    }

    fn function(&self, name: &'static str) -> Fragment {
        sql![name, "(", &self.document, ", ", self.path(), ")"]
    }

    fn ty(&self) -> Fragment {
        self.function("json_type")
    }

    fn exists(&self) -> Fragment {
        let direct = sql![self.ty(), " IS NOT NULL"];
        self.or_behind_arrays(vec![direct], |value, step| sql!["json_type(", value, ", ", step, ") IS NOT NULL"])
    }

    fn non_null(&self) -> Fragment {
        let direct = sql![self.ty(), " NOT IN ('null', 'array')"];
        if !self.field.facts.many {
            return direct;
        }
        let elements = |document: &Fragment, path: &Fragment| {
            sql!["EXISTS (SELECT 1 FROM json_each(", document, ", ", path, ") j WHERE j.type <> 'null')"]
        };
        let array = sql![self.ty(), " = 'array' AND ", elements(&self.document, self.path())];
        self.or_behind_arrays(vec![direct, array], |value, step| {
            let ty = sql!["json_type(", value, ", ", step, ")"];
            sql!["(", &ty, " NOT IN ('null', 'array') OR (", ty, " = 'array' AND ", elements(value, step), "))"]
        })
    }

    fn some(&self, tests: &[ScalarTest<'_>]) -> Cover<Fragment> {
        let elements = any(tests.iter().map(element));
        if self.field.facts.many && tests.iter().any(is_long) {
            return elements.map_or_else(never, |cover| map(cover, |test| self.general(test)));
        }
        let Some(direct) = any(tests.iter().map(|test| self.direct(test))) else { return never() };
        if !self.field.facts.many {
            return direct;
        }
        let (Cover::Exact(test) | Cover::Superset(test, _)) = elements.unwrap_or_else(never) else { return direct };
        map(direct, |direct| {
            let elements = some_element(&self.document, self.path(), test.clone());
            let array = sql![self.ty(), " = 'array' AND ", elements];
            self.or_behind_arrays(vec![direct, array], |object, step| some_element(object, step, test))
        })
    }

    /// The one form that asks everything at once, and so holds a long test only once.
    fn general(&self, test: Fragment) -> Fragment {
        if self.steps.len() == 1 {
            return some_element(&self.document, self.path(), test);
        }
        let (from, object) = self.objects();
        let last = &self.steps[self.steps.len() - 1];
        sql!["EXISTS (SELECT 1 FROM ", from, " WHERE ", some_element(&object, last, test), ")"]
    }

    /// The scalar at the end of plain objects.
    fn direct(&self, test: &ScalarTest<'_>) -> Cover<Fragment> {
        let x = self.function("json_extract");
        let digits = || Digits {
            is_unsigned: sql![self.ty(), " = 'integer' AND typeof(", &x, ") = 'real'"],
            text: sql!["(", &self.document, " -> ", self.path(), ")"],
        };
        let exact = typed(&x, test, digits);
        let exact = map(exact, |test_of_x| match test.kind() {
            Kind::Boolean => sql![self.ty(), test_of_x],
            _ if tells_its_type(test) => test_of_x,
            // Text is above all numbers.
            Kind::Number if is_above_booleans(test) => sql!["(", test_of_x, " AND ", &x, " < '')"],
            Kind::Number => sql!["(", test_of_x, " AND ", self.ty(), " IN ('integer', 'real'))"],
            Kind::String => sql!["(", test_of_x, " AND ", self.ty(), " = 'text')"],
        });
        match self.generated(test) {
            Some(beside) => map(exact, |exact| sql!["(", beside, " AND ", exact, ")"]),
            None => exact,
        }
    }

    /// The same test of a generated column, where that can lose nothing.
    fn generated(&self, test: &ScalarTest<'_>) -> Option<Fragment> {
        match Sqlite.scalar(self.field.generated_for(test)?, test) {
            Cover::Exact(fragment) | Cover::Superset(fragment, _) => Some(fragment),
            Cover::Unsupported(_) => None,
        }
    }

    /// The OR of what is asked of the plain path and, where an array lies on the way, of the last step of the objects
    /// behind it. `last` gets an object and the path of the last key in it.
    fn or_behind_arrays(
        &self,
        mut parts: Vec<Fragment>,
        last: impl FnOnce(&Fragment, &Fragment) -> Fragment,
    ) -> Fragment {
        let inner = self.paths.len() - 1;
        if self.field.facts.many && inner > 0 {
            let types = self.paths[..inner].iter().map(|path| sql!["json_type(", &self.document, ", ", path, ")"]);
            let is_behind = match inner {
                // An index can serve it.
                1 => sql![joined(types, ""), " = 'array'"],
                _ => sql!["'array' IN (", joined(types, ", "), ")"],
            };
            let (from, object) = self.objects();
            let exists = sql!["EXISTS (SELECT 1 FROM ", from, " WHERE ", last(&object, &self.steps[inner]), ")"];
            parts.push(sql![is_behind, " AND ", exists]);
        }
        match <[Fragment; 1]>::try_from(parts) {
            Ok([one]) => one,
            Err(parts) => sql!["(", joined(parts, " OR "), ")"],
        }
    }

    /// The objects that hold the last key, a table for each key before it: one row for an object, a row an element
    /// for an array, which P2 enters one level deep.
    fn objects(&self) -> (Fragment, Fragment) {
        let mut object = self.document.clone();
        let mut tables = Vec::new();
        for (at, step) in self.steps[..self.steps.len() - 1].iter().enumerate() {
            let name = Fragment::quoted(&format!("e{at}"));
            let value = sql!["(", &object, ") -> ", step];
            tables.push(sql![
                "json_each(CASE json_type(",
                &object,
                ", ",
                step,
                ") WHEN 'array' THEN ",
                &value,
                " WHEN 'object' THEN '[' || (",
                &value,
                ") || ']' END) ",
                &name,
            ]);
            object = sql!["CASE WHEN ", &name, ".type = 'object' THEN ", &name, ".value END"];
        }
        (joined(tables, ", "), object)
    }
}

fn never() -> Cover<Fragment> {
    Cover::Exact("FALSE".into())
}

/// Whether a test of what `json_extract` gives holds for no value of another type, so that the type need not be asked,
/// which reads the document. Of a boolean it gives 0 or 1, of an array or object its text, and a number is never equal
/// to text.
fn tells_its_type(test: &ScalarTest<'_>) -> bool {
    let is_no_text_of_json = |string: &str| !string.is_empty() && !string.starts_with(['[', '{']);
    match test {
        ScalarTest::Numbers(numbers) => {
            numbers.iter().all(|number| ![0, 1].map(Number::from).contains(number) && unsigned(*number).is_none())
        }
        ScalarTest::Strings(strings) => strings.iter().all(|string| is_no_text_of_json(string)),
        ScalarTest::StartsWith(needle) => !needle.ignores_case() && is_no_text_of_json(needle.text()),
        ScalarTest::Boolean(_)
        | ScalarTest::Number(..)
        | ScalarTest::Folded(_)
        | ScalarTest::String(..)
        | ScalarTest::Contains(_)
        | ScalarTest::EndsWith(_)
        | ScalarTest::Regex(_)
        | ScalarTest::Token(_)
        | ScalarTest::Instants(_)
        | ScalarTest::Instant(..) => false,
    }
}

/// Whether a comparison holds for greater numbers than those that booleans are read as.
fn is_above_booleans(test: &ScalarTest<'_>) -> bool {
    let ScalarTest::Number(comparison, bound) = test else { return false };
    let is_above = match comparison {
        Comparison::Gt => Number::from(1) <= *bound,
        Comparison::Gte => Number::from(1) < *bound,
        Comparison::Lt | Comparison::Lte => false,
    };
    is_above && unsigned(*bound).is_none()
}

/// Whether a test takes much text, or values that are not to be bound three times.
fn is_long(test: &ScalarTest<'_>) -> bool {
    match test {
        ScalarTest::Numbers(numbers) => numbers.len() > FEW,
        ScalarTest::Strings(strings) | ScalarTest::Folded(strings) => strings.len() > FEW,
        ScalarTest::Token(_) | ScalarTest::Instants(_) | ScalarTest::Instant(..) => true,
        _ => false,
    }
}

/// Whether the test of a row `j` holds for the scalar at a path, or for an element of the array there. The members of
/// an object there have text for keys, and are no values of the path.
fn some_element(document: &Fragment, path: &Fragment, test: Fragment) -> Fragment {
    let from = sql!["EXISTS (SELECT 1 FROM json_each(", document, ", ", path, ") j"];
    sql![from, " WHERE typeof(j.key) <> 'text' AND ", test, ")"]
}

/// The test of a JSON value that is of the test's type; of a boolean it is a comparison of its JSON type.
fn typed(x: &Fragment, test: &ScalarTest<'_>, digits: impl FnOnce() -> Digits) -> Cover<Fragment> {
    let value = Scalar { sql: x, column: None, is_optional: true };
    match *test {
        ScalarTest::Boolean(bool) => Cover::Exact(if bool { " = 'true'" } else { " = 'false'" }.into()),
        ScalarTest::Numbers(numbers) => Cover::Exact(one_of_numbers(value, Some(&digits()), numbers)),
        ScalarTest::Number(comparison, bound) => {
            Cover::Exact(compare_number(value, Some(&digits()), comparison, bound))
        }
        _ => Sqlite.scalar(value, test),
    }
}

/// A row `j` of `json_each`.
fn element(test: &ScalarTest<'_>) -> Cover<Fragment> {
    let digits = || Digits {
        is_unsigned: "j.type = 'integer' AND typeof(j.value) = 'real'".into(),
        text: "(j.json -> j.fullkey)".into(),
    };
    map(typed(&"j.value".into(), test, digits), |test_of_j| match test.kind() {
        Kind::Boolean => sql!["j.type", test_of_j],
        Kind::Number => sql!["(j.type IN ('integer', 'real') AND ", test_of_j, ")"],
        Kind::String => sql!["(j.type = 'text' AND ", test_of_j, ")"],
    })
}
