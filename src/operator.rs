//! The operators: one table that every other list is tied to.

use std::fmt;

use serde::{Serialize, Serializer};

/// An operator of the language (G6). What each means is the table of [`semantics`](crate::semantics).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Operator {
    /// Some scalar equals the operand; with null, the same as `is_null`.
    Eq,
    /// Exactly NOT `eq` (C1): it matches a document that lacks the field.
    Ne,
    /// Some scalar equals one of the operands.
    In,
    /// Exactly NOT `in` (C1): it matches a document that lacks the field.
    Nin,
    /// Some scalar of the operand's type is greater.
    Gt,
    /// Some scalar of the operand's type is greater or equal.
    Gte,
    /// Some scalar of the operand's type is less.
    Lt,
    /// Some scalar of the operand's type is less or equal.
    Lte,
    /// Some string holds the operand.
    Contains,
    /// Some string begins with the operand.
    StartsWith,
    /// Some string ends with the operand.
    EndsWith,
    /// Some string has a match of the regular expression, anywhere in it.
    Regex,
    /// Every token of the operand is a token of some string at the path.
    Text,
    /// The path leads somewhere: a stored null, `[]` and `{}` exist.
    Exists,
    /// There is nothing but nulls at the path: missing, null, `[]`, `[null]`.
    IsNull,
}

/// What an operator takes as its operand (C3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OperandKind {
    /// A boolean, number, string or null.
    Scalar,
    /// A list of booleans, numbers, strings and nulls.
    List,
    /// A number or a string.
    Ordered,
    /// A string.
    String,
    /// A boolean; left out, it is true.
    Boolean,
}

impl OperandKind {
    /// The words for it in messages: `a number or a string`.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            OperandKind::Scalar => "a string, number, boolean or null",
            OperandKind::List => "a list of strings, numbers, booleans and nulls",
            OperandKind::Ordered => "a number or a string",
            OperandKind::String => "a string",
            OperandKind::Boolean => "a boolean",
        }
    }
}

/// A row of the operator table.
struct Row {
    operator: Operator,
    name: &'static str,
    aliases: &'static [&'static str],
    text: &'static str,
    operand: OperandKind,
    /// Whether letter case affects it (L2).
    letter_case: bool,
}

const fn row(
    operator: Operator,
    name: &'static str,
    aliases: &'static [&'static str],
    text: &'static str,
    operand: OperandKind,
    letter_case: bool,
) -> Row {
    Row { operator, name, aliases, text, operand, letter_case }
}

const TABLE: [Row; 15] = {
    use OperandKind as Takes;
    use Operator as Op;
    [
        row(Op::Eq, "eq", &["=", "=="], "=", Takes::Scalar, true),
        row(Op::Ne, "ne", &["!=", "<>"], "!=", Takes::Scalar, true),
        row(Op::In, "in", &[], "IN", Takes::List, true),
        row(Op::Nin, "nin", &["not_in"], "NOT IN", Takes::List, true),
        row(Op::Gt, "gt", &[">"], ">", Takes::Ordered, false),
        row(Op::Gte, "gte", &[">="], ">=", Takes::Ordered, false),
        row(Op::Lt, "lt", &["<"], "<", Takes::Ordered, false),
        row(Op::Lte, "lte", &["<="], "<=", Takes::Ordered, false),
        row(Op::Contains, "contains", &[], "CONTAINS", Takes::String, true),
        row(Op::StartsWith, "starts_with", &[], "STARTS WITH", Takes::String, true),
        row(Op::EndsWith, "ends_with", &[], "ENDS WITH", Takes::String, true),
        row(Op::Regex, "regex", &[], "MATCHES", Takes::String, true),
        row(Op::Text, "text", &[], "TEXT", Takes::String, false),
        row(Op::Exists, "exists", &[], "EXISTS", Takes::Boolean, false),
        row(Op::IsNull, "is_null", &[], "IS NULL", Takes::Boolean, false),
    ]
};

impl Operator {
    /// Every operator, in the order of the documentation.
    pub fn all() -> impl ExactSizeIterator<Item = Operator> {
        TABLE.iter().map(|row| row.operator)
    }

    /// The name on the wire: `starts_with`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Other spellings on the wire: `=` and `==` for `eq` (G6).
    #[must_use]
    pub fn aliases(self) -> &'static [&'static str] {
        self.row().aliases
    }

    /// The spelling in the text language: `STARTS WITH`.
    #[must_use]
    pub fn text(self) -> &'static str {
        self.row().text
    }

    /// What the operator takes (C3).
    #[must_use]
    pub fn operand(self) -> OperandKind {
        self.row().operand
    }

    /// Whether a letter-case setting can affect it (L2).
    #[must_use]
    pub fn has_letter_case(self) -> bool {
        self.row().letter_case
    }

    /// The operator of that spelling, a name or an alias, in exact letter case (G6).
    ///
    /// ```
    /// use trommel::Operator;
    ///
    /// assert_eq!(Operator::from_spelling("not_in"), Some(Operator::Nin));
    /// assert_eq!(Operator::from_spelling("EQ"), None);
    /// ```
    #[must_use]
    pub fn from_spelling(spelling: &str) -> Option<Operator> {
        let row = TABLE.iter().find(|row| row.name == spelling || row.aliases.contains(&spelling))?;
        Some(row.operator)
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Operator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum_and_no_spelling_is_taken_twice() {
        let mut seen = std::collections::HashSet::new();
        for (at, operator) in Operator::all().enumerate() {
            assert_eq!(at, operator as usize);
            for spelling in operator.aliases().iter().chain([&operator.name()]) {
                assert!(seen.insert(*spelling), "{spelling}");
                assert_eq!(Operator::from_spelling(spelling), Some(operator));
            }
        }
    }
}
