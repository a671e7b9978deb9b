//! What is said of a mistake in a text, and what to write instead.

use super::lexer::{self, What, blank};
use crate::error::{Code, Diagnostic, excerpt};
use crate::filter::Keyword;
use crate::operator::Operator;
use crate::parse::machine;

/// Something else was expected where `rest` begins; and the length of what was found there.
pub(super) fn expecting(what: What, rest: &str) -> (Diagnostic, usize) {
    let names: Vec<&str> = what.names().collect();
    let wanted = match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "something else".to_owned(),
    };
    let length = found_length(rest);
    let found = match length {
        0 => "the end of the text".to_owned(),
        _ => format!("`{}`", excerpt(&rest[..length])),
    };
    let mut diagnostic = Diagnostic::error(Code::Syntax, format!("expected {wanted}, found {found}"));
    diagnostic.expected = names.iter().map(|name| name.trim_matches('`').to_owned()).collect();
    (diagnostic, length)
}

/// The length of what stands at the start: a word, a run of symbols, or one character.
pub(super) fn found_length(rest: &str) -> usize {
    let run = lexer::word(rest).or_else(|_| lexer::symbol(rest));
    run.map_or_else(|_| rest.chars().next().map_or(0, char::len_utf8), |(_, run)| run.len())
}

pub(super) fn not_the_word(found: &str, word: &str) -> Diagnostic {
    let mut diagnostic =
        Diagnostic::error(Code::Syntax, format!("`{found}` is no operator here")).hint(format!("write `{word}`"));
    diagnostic.expected = vec![word.to_owned()];
    diagnostic
}

/// Blanks inside an operator.
const APART: &str = "`!=`, `>=` and `<=` are written without a blank in them";

/// A string to the end of the text.
pub(super) const UNCLOSED: &str = "a quote is missing: the one that closes the string, or one before it";

const ODD_KEY: &str = "a key of other characters than letters, digits, `_` and `-` is written in double quotes";

const FIELD_FIRST: &str = "the field stands first, then the operator, then a value";

const NO_ARITHMETIC: &str = "there is no arithmetic: a field is compared with a value";

pub(super) fn keyword_as_field(word: &str) -> String {
    format!("a field of that name is written `\"{word}\"`")
}

/// `CASE` or `NOCASE` without parentheses after it.
pub(super) fn case_first(word: &str) -> String {
    format!("`{word}` stands behind a condition, or before `(`; {}", keyword_as_field(word))
}

/// The word at the end of a text that a condition should follow.
fn waiting(before: &str) -> Option<&str> {
    let length = before.bytes().rev().take_while(u8::is_ascii_alphabetic).count();
    let word = &before[before.len() - length..];
    matches!(Keyword::of(word), Some(Keyword::And | Keyword::Or | Keyword::Not)).then_some(word)
}

/// There is no condition where `rest` begins.
pub(super) fn no_condition(text: &str, rest: &str) -> Option<String> {
    let before = text[..text.len() - rest.len()].trim_end();
    if let (None | Some(')'), Some(word)) = (rest.chars().next(), waiting(before)) {
        return Some(format!("write a condition after `{word}`, or leave it out"));
    }
    let hint = match rest.chars().next() {
        None if before.is_empty() => "the filter that lets everything through is `ALL()`".to_owned(),
        Some('{') => "this looks like JSON, which is read as JSON where it is the whole text".to_owned(),
        Some(')') if before.ends_with('(') => "an empty list is written `ALL()`, `ANY()` or `NONE()`".to_owned(),
        Some(')') if before.ends_with(',') => "leave out the last comma".to_owned(),
        Some('$') => "a dynamic value stands behind the operator".to_owned(),
        Some('\'' | '`' | '‘' | '’' | '“' | '”' | '„') => {
            "a key that needs quotes is written in double quotes".to_owned()
        }
        Some(c) if c.is_ascii_punctuation() && !matches!(c, '(' | ')' | ',' | '=' | '<' | '>' | '!') => {
            ODD_KEY.to_owned()
        }
        Some(c) if !c.is_ascii() => return foreign_character(c).or_else(|| Some(ODD_KEY.to_owned())),
        Some(_) => {
            let (after, word) = lexer::word(rest).ok()?;
            // Behind another word, the second is one too many.
            let is_call = blank(after).starts_with('(') && waiting(before).is_none();
            match Keyword::of(word)? {
                Keyword::And if is_call => "a list of conditions that all hold is written `ALL(…)`".to_owned(),
                Keyword::Or if is_call => "a list of conditions of which one holds is written `ANY(…)`".to_owned(),
                Keyword::And | Keyword::Or => return None,
                _ if blank(after).is_empty() => return None,
                keyword if keyword.is_of_operator() => format!("{FIELD_FIRST}; {}", keyword_as_field(word)),
                _ => keyword_as_field(word),
            }
        }
        None => return None,
    };
    Some(hint)
}

pub(super) fn path(run: &str) -> Option<String> {
    let (_, bracketed) = run.split_once('[')?;
    Some(match bracketed.starts_with(|c: char| c.is_ascii_digit()) {
        true => "leave out the brackets: a path leads through all elements of an array".to_owned(),
        false => "a path is keys and dots, `a.b`, and leads through all elements of an array".to_owned(),
    })
}

/// What is said of a character that looks like one of the language, or like nothing.
fn foreign_character(c: char) -> Option<String> {
    let code = u32::from(c);
    Some(match c {
        '≠' => "write `!=`".to_owned(),
        '≤' | '⩽' => "write `<=`".to_owned(),
        '≥' | '⩾' => "write `>=`".to_owned(),
        '\u{AD}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}' => {
            format!("U+{code:04X}, a character that does not show, is no part of the language")
        }
        c if c.is_whitespace() => format!("U+{code:04X} is no blank of the language: write a space"),
        _ => return None,
    })
}

/// Whether an operator follows the parentheses that close here: then a field alone stands in them.
pub(super) fn is_field_in_parens(rest: &str) -> bool {
    let after = rest.trim_start_matches(|c: char| c == ')' || c.is_ascii_whitespace());
    rest.starts_with(')') && lexer::operator(after).is_ok()
}

/// There is no operator at `at`.
pub(super) fn no_operator(text: &str, at: usize) -> Option<String> {
    let rest = &text[at..];
    let field = text[..at].trim_end();
    let field = &field[field.rfind([' ', '\t', '\n', '\r', '(', ',', '!']).map_or(0, |at| at + 1)..];
    let is_bare = !field.is_empty() && field.chars().all(|c| crate::filter::is_bare(c) || c == '.');
    match rest.chars().next() {
        Some('+' | '*' | '/' | '%') if text[..at].ends_with([' ', '\t', '\n', '\r']) => Some(NO_ARITHMETIC.to_owned()),
        Some(')') if is_field_in_parens(rest) => {
            Some("parentheses stand around conditions, not around a field".to_owned())
        }
        Some('‘' | '’' | '“' | '”' | '„') => None,
        Some(c) if !c.is_ascii() => foreign_character(c).or_else(|| Some(ODD_KEY.to_owned())),
        Some('(') => Some("there are no functions; `ALL`, `ANY` and `NONE` are the only words before `(`".to_owned()),
        Some(c) if c.is_ascii_punctuation() && !matches!(c, ')' | ',' | '"' | '\'' | ']' | '&' | '|') => {
            Some(ODD_KEY.to_owned())
        }
        Some('"' | '\'') => None,
        // A keyword that no operator begins with.
        Some(_) if lexer::keyword(rest).is_ok_and(|(_, word)| !matches!(word, Keyword::And | Keyword::Or)) => {
            Some(FIELD_FIRST.to_owned())
        }
        _ if is_bare => Some(format!("to ask whether it is true, write `{} = true`", excerpt(field))),
        _ => None,
    }
}

/// Of an operator of several words, only those before `rest` are there.
pub(super) fn half_operator(operator: &str, rest: &str) -> Option<String> {
    let words = operator[..operator.len() - rest.len()].trim_end();
    let next = lexer::word(rest).ok().and_then(|(_, word)| Keyword::of(word));
    match (Keyword::of(words)?, next) {
        (Keyword::Not, Some(Keyword::Null)) => Some("write `IS NOT NULL`".to_owned()),
        (Keyword::Not, _) => Some("`NOT` stands before the whole condition".to_owned()),
        (Keyword::Is, _) => Some("to compare with a value, write `=`".to_owned()),
        (_, _) => None,
    }
}

/// No operator is spelled so; and which one is meant, where that is sure. `rest` is what follows, `before` what went before.
pub(super) fn unknown_operator(run: &str, rest: &str, before: &str) -> (Diagnostic, Option<Operator>) {
    let lower = run.to_ascii_lowercase();
    let meant = match lower.as_str() {
        "===" => Some(Operator::Eq),
        "!==" => Some(Operator::Ne),
        "=>" => Some(Operator::Gte),
        "=<" => Some(Operator::Lte),
        ":" => Some(Operator::Eq),
        "=~" | "~" if !rest.starts_with('*') => Some(Operator::Regex),
        lower => Operator::from_spelling(lower),
    };
    let mut diagnostic = machine::unknown_operator(run);
    diagnostic.hint = None;
    if let Some(operator) = meant {
        diagnostic.expected = vec![operator.text().to_owned()];
        return (diagnostic.hint(format!("write `{}`", operator.text())), meant);
    }
    let words = match lower.as_str() {
        "!~" => Some("write `NOT` before the whole condition, and `MATCHES`"),
        "like" | "ilike" => {
            Some("write `CONTAINS`, `STARTS WITH` or `ENDS WITH`, without `%`; `NOCASE` behind it ignores letter case")
        }
        "~" => Some("write `MATCHES`, and `NOCASE` behind the condition"),
        "!" if blank(rest).starts_with('=') => Some(APART),
        "!" if lexer::operator(blank(rest)).is_ok() => {
            Some("write `NOT` before the whole condition, or `NOT IN`, `NOT EXISTS`")
        }
        "-" => Some(NO_ARITHMETIC),
        _ => None,
    };
    if let Some(words) = words {
        diagnostic.expected.clear();
        return (diagnostic.hint(words), None);
    }
    if lexer::operator(blank(rest)).is_ok() {
        diagnostic.expected.clear();
        let hint = match before.ends_with('"') {
            true => "between two keys stands a dot",
            false => "a key with a blank in it is written in double quotes",
        };
        return (diagnostic.hint(hint), None);
    }
    if lower == "between" {
        return (diagnostic.hint("for a range, write `a >= 1 AND a <= 9`"), None);
    }
    // The names are those of JSON.
    let near = diagnostic.expected.iter().filter_map(|name| Operator::from_spelling(name));
    diagnostic.expected = near.map(|operator| operator.text().to_owned()).collect();
    let diagnostic = match diagnostic.expected.first().cloned() {
        Some(first) => diagnostic.hint(format!("did you mean `{first}`?")),
        // Of one letter, anything is near.
        None if run.len() < 2 && run.starts_with(char::is_alphanumeric) => diagnostic,
        None => diagnostic.near(run, Operator::all().map(Operator::text)),
    };
    match diagnostic.hint {
        Some(_) => (diagnostic, None),
        None => {
            let all: Vec<&str> = Operator::all().map(Operator::text).collect();
            (diagnostic.hint(format!("the operators are `{}`", all.join("`, `"))), None)
        }
    }
}

pub(super) fn no_operand(operator: Operator, rest: &str) -> Diagnostic {
    let message = format!("a condition with the operator `{}` has no operand", operator.text());
    let diagnostic = Diagnostic::error(Code::MissingValue, message);
    match lexer::word(rest) {
        Ok((_, word)) => diagnostic.hint(format!("if the word is meant, write it in double quotes: `\"{word}\"`")),
        Err(_) => diagnostic.hint(format!("write {} after it", operator.operand().words())),
    }
}

pub(super) fn list_for_one(operator: Operator) -> Diagnostic {
    let takes = operator.operand().words();
    let message = format!("the operator `{}` takes {takes}, not a list", operator.text());
    let diagnostic = Diagnostic::error(Code::OperandType, message);
    match operator {
        Operator::Eq => diagnostic.hint("for one of several values, use `IN`"),
        Operator::Ne => diagnostic.hint("for none of several values, use `NOT IN`"),
        _ => diagnostic,
    }
}

pub(super) fn one_for_list(operator: Operator, operand: &str) -> Diagnostic {
    let (spelling, one) = (operator.text(), if operator == Operator::In { "=" } else { "!=" });
    let message = format!("the operator `{spelling}` takes a list");
    let hint = format!("for one value, use `{one}`, or write `{spelling} ({})`", excerpt(operand));
    Diagnostic::error(Code::OperandType, message).hint(hint)
}

pub(super) fn a_list() -> String {
    "a list is written `(1, \"a\")`; a dynamic one `$ids`".to_owned()
}

pub(super) fn a_dynamic_value() -> String {
    "a dynamic value is written `$inputs.user_id`".to_owned()
}

pub(super) fn square_brackets() -> Diagnostic {
    Diagnostic::error(Code::Syntax, "a list is written in parentheses").hint("write `(` and `)`")
}

pub(super) fn last_comma() -> Diagnostic {
    Diagnostic::error(Code::Syntax, "no operand follows this comma").hint("leave it out")
}

pub(super) fn no_number(run: &str) -> Diagnostic {
    let words = excerpt(run);
    let why = match run.starts_with(['+', '.']) {
        true => Some("it begins with a digit or `-`".to_owned()),
        false if run.contains('_') && run.chars().all(|c| c.is_ascii_digit() || matches!(c, '_' | '.' | '-')) => {
            Some("its digits are written without `_`".to_owned())
        }
        false => lexer::why_no_number(run),
    };
    let message = match &why {
        Some(why) => format!("`{words}` is no number: {why}"),
        None => format!("`{words}` is no number"),
    };
    let diagnostic = Diagnostic::error(Code::Syntax, message);
    match why {
        Some(_) => diagnostic,
        None => diagnostic.hint(in_quotes(run)),
    }
}

/// A string in quotes of another language, with them and what it says. To the end, if nothing closes it.
///
/// Some languages escape by a backslash; in those where it stands for itself, the last may stand before the quote. A text is
/// in one of them: once nothing closes a string that has escapes, no later one has, and nothing is looked through twice.
pub(super) fn foreign_string<'t>(rest: &'t str, has_escapes: &mut bool) -> Option<(&'t str, String)> {
    let close: &[char] = match rest.chars().next()? {
        '\'' => &['\''],
        '`' => &['`'],
        '‘' | '’' => &['’', '‘'],
        '“' | '”' | '„' => &['”', '“'],
        _ => return None,
    };
    let closed = if *has_escapes { closed_string(rest, close, true) } else { None };
    *has_escapes &= closed.is_some();
    let closed = closed.or_else(|| closed_string(rest, close, false));
    closed.or_else(|| Some((rest, rest.chars().skip(1).collect::<String>().trim_end().to_owned())))
}

/// The same for one that is closed; a quote stands for itself if it is doubled, or a backslash escapes it.
fn closed_string<'t>(rest: &'t str, close: &[char], has_escapes: bool) -> Option<(&'t str, String)> {
    let (mut inside, mut chars) = (String::new(), rest.char_indices().skip(1).peekable());
    while let Some((at, c)) = chars.next() {
        let is_pair = |next: char| match c {
            '\\' => has_escapes && (next == c || close.contains(&next)),
            _ => next == c && close.contains(&c),
        };
        match chars.next_if(|&(_, next)| is_pair(next)) {
            Some((_, second)) => inside.push(second),
            None if close.contains(&c) => return Some((&rest[..at + c.len_utf8()], inside)),
            None => inside.push(c),
        }
    }
    None
}

pub(super) fn foreign_quotes(run: &str, inside: &str) -> Diagnostic {
    let quote: String = run.chars().take(1).collect();
    let diagnostic = Diagnostic::error(Code::Syntax, format!("expected an operand, found `{quote}`"));
    diagnostic.hint(in_quotes(inside))
}

/// A word without quotes as an operand: `field` is that of its condition, `after` what follows it.
pub(super) fn bare_string(field: &str, run: &str, after: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error(Code::Syntax, format!("expected an operand, found `{}`", excerpt(run)));
    let is_null = ["none", "nil", "undefined"].iter().any(|null| run.eq_ignore_ascii_case(null));
    // A field that looks like a value may be one.
    let is_value =
        field.starts_with('"') || field.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    diagnostic.hint(if after.starts_with('"') {
        format!("the quote before `{}` is missing", excerpt(run))
    } else if is_null {
        format!("nothing is written `null`; {}", in_quotes(run))
    } else if is_value {
        format!("{}; and before the operator stands the field", in_quotes(run))
    } else {
        in_quotes(run)
    })
}

fn in_quotes(words: &str) -> String {
    let escaped = words.replace('\\', r"\\").replace('"', r#"\""#);
    format!("a string is written in double quotes: `\"{}\"`", excerpt(&escaped))
}

pub(super) fn no_operand_here(before: &str, rest: &str) -> Option<String> {
    match rest.chars().next()? {
        '{' => Some(a_dynamic_value()),
        '(' | '[' => Some("a list inside a list is no operand".to_owned()),
        '=' if before.trim_end().ends_with(['>', '<']) => Some(APART.to_owned()),
        '/' => Some("a regular expression is written `MATCHES \"…\"`".to_owned()),
        _ => None,
    }
}

/// Neither `AND` nor `OR` follows an operand.
pub(super) fn after_operand(before: &str, rest: &str, is_outermost: bool) -> Option<String> {
    match rest.chars().next()? {
        ')' if is_outermost => return Some("there is no `(` to it".to_owned()),
        ',' => {
            return Some(
                "conditions are joined by `AND` or `OR`, or listed in `ALL(…)`, `ANY(…)`, `NONE(…)`".to_owned(),
            );
        }
        ';' if blank(&rest[1..]).is_empty() => return Some("leave it out".to_owned()),
        ';' => return Some("conditions are joined by `AND` or `OR`".to_owned()),
        c if !c.is_ascii() => {
            if let Some(hint) = foreign_character(c) {
                return Some(hint);
            }
        }
        _ => {}
    }
    let word = lexer::word(rest).ok().map(|(_, word)| word);
    if word.is_some() && before.ends_with('"') {
        return Some("a quote inside a string is written `\\\"`; or one is missing before".to_owned());
    }
    match word.and_then(Keyword::of) {
        Some(Keyword::Case | Keyword::NoCase) => {
            return Some("the letter case is said once: behind a condition, or before the `(` of a group".to_owned());
        }
        Some(Keyword::True | Keyword::False) => {
            let last = before.trim_end().rsplit(|c| !crate::filter::is_bare(c)).next();
            if let Some(Keyword::Exists | Keyword::Null) = last.and_then(Keyword::of) {
                let takes = "`EXISTS` and `IS NULL` take nothing";
                return Some(format!("{takes}; their opposites are `NOT EXISTS` and `IS NOT NULL`"));
            }
        }
        _ => {}
    }
    // XOR is near to OR, and means something else.
    let near = word.filter(|word| !word.eq_ignore_ascii_case("xor"));
    let near =
        near.and_then(|word| Diagnostic::error(Code::Syntax, "").near(word, ["AND", "OR", "NOCASE", "CASE"]).hint);
    match (near, word, rest.starts_with('"')) {
        (Some(near), _, _) => Some(near),
        (None, Some(_), _) | (None, None, true) => Some("conditions are joined by `AND` or `OR`".to_owned()),
        (None, None, false) => None,
    }
}
