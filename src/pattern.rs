//! Regular expressions within a budget of memory.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use regex_automata::meta;
use regex_automata::util::syntax;
use regex_syntax::ast::{self, Ast, ClassSetItem};

/// A compiled regular expression: syntax and meaning of the `regex` crate, Unicode on, linear time.
#[derive(Clone)]
pub struct Pattern(Arc<Inner>);

struct Inner {
    source: Arc<str>,
    ignore_case: bool,
    regex: meta::Regex,
}

/// Why a pattern does not compile.
#[derive(Debug)]
pub(crate) enum PatternError {
    Syntax(String),
    /// It takes more memory than is left.
    TooBig,
}

impl Pattern {
    /// Compiles `source` within `most` bytes.
    pub(crate) fn compile(source: &Arc<str>, ignore_case: bool, most: usize) -> Result<Pattern, PatternError> {
        hold_classes(source, most)?;
        let regex = meta::Regex::builder()
            .syntax(syntax::Config::new().case_insensitive(ignore_case))
            .configure(meta::Config::new().nfa_size_limit(Some(most)).onepass_size_limit(Some(most)))
            .build(source)
            .map_err(|error| match (error.size_limit(), error.syntax_error()) {
                (Some(_), _) => PatternError::TooBig,
                (None, Some(error)) => PatternError::Syntax(one_line(&error.to_string())),
                (None, None) => PatternError::Syntax(one_line(&error.to_string())),
            })?;
        if regex.memory_usage() > most {
            return Err(PatternError::TooBig);
        }
        Ok(Pattern(Arc::new(Inner { source: source.clone(), ignore_case, regex })))
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Whether the `i` flag is on at its start (L2).
    #[must_use]
    pub fn ignores_case(&self) -> bool {
        self.0.ignore_case
    }

    /// Whether there is a match anywhere in `text`. Time is linear in its length.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.0.regex.is_match(text)
    }

    /// The memory of the compiled form, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.0.regex.memory_usage()
    }
}

/// The last line of a regex error, which says what is wrong; the lines before it draw the pattern.
fn one_line(message: &str) -> String {
    let line = message.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or(message);
    line.trim().trim_start_matches("error: ").to_owned()
}

/// Refuses a pattern whose character classes alone would take far more memory than `most` before the compiler's own
/// limit is looked at: `\pL` is three bytes of pattern and five kilobytes of ranges. Each range takes at least as much in
/// the compiled form, so with a factor of eight nothing is refused that would have fitted.
fn hold_classes(source: &str, most: usize) -> Result<(), PatternError> {
    struct Sizes<'s> {
        source: &'s str,
        known: HashMap<&'s str, usize>,
        sum: usize,
        most: usize,
    }

    impl<'s> Sizes<'s> {
        fn add(&mut self, span: &ast::Span) -> Result<(), PatternError> {
            let class = &self.source[span.start.offset..span.end.offset];
            let size = self.known.entry(class).or_insert_with(|| match regex_syntax::parse(class) {
                Ok(hir) => match hir.into_kind() {
                    regex_syntax::hir::HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => {
                        size_of_val(class.ranges())
                    }
                    _ => 0,
                },
                Err(_) => 0,
            });
            self.sum += *size;
            if self.sum > self.most { Err(PatternError::TooBig) } else { Ok(()) }
        }
    }

    impl ast::Visitor for Sizes<'_> {
        type Output = ();
        type Err = PatternError;

        fn finish(self) -> Result<(), PatternError> {
            Ok(())
        }

        fn visit_pre(&mut self, ast: &Ast) -> Result<(), PatternError> {
            match ast {
                Ast::ClassUnicode(class) => self.add(&class.span),
                Ast::ClassPerl(class) => self.add(&class.span),
                _ => Ok(()),
            }
        }

        fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), PatternError> {
            match item {
                ClassSetItem::Unicode(class) => self.add(&class.span),
                ClassSetItem::Perl(class) => self.add(&class.span),
                _ => Ok(()),
            }
        }
    }

    match ast::parse::Parser::new().parse(source) {
        Ok(ast) => ast::visit(&ast, Sizes { source, known: HashMap::new(), sum: 0, most: most.saturating_mul(8) }),
        Err(error) => Err(PatternError::Syntax(one_line(&error.to_string()))),
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.0.source == other.0.source && self.0.ignore_case == other.0.ignore_case
    }
}

impl Eq for Pattern {}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.source.hash(state);
        self.0.ignore_case.hash(state);
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = if self.0.ignore_case { "i" } else { "" };
        write!(f, "/{}/{flag}", self.0.source)
    }
}
