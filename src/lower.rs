//! Lowering: [`Predicate`] + backend → what is pushed down, and the residual that is left for a recheck.
//!
//! The one promise: for every document, `predicate = pushed AND residual`. The driver is the only code that computes
//! residuals, so a backend can be incomplete, but not wrong about what it left out.

use std::fmt;

use crate::error::{Code, Diagnostic, Error, Place};
use crate::predicate::{Fold, Join, Leaf, Predicate};

/// Where data is, and what can be asked there. The extension point for the authors of other backends.
///
/// A backend says of each leaf how well it can ask it ([`Cover`]), and joins what it gets. It never sees a NOT above a
/// leaf, never a dynamic value, and never computes a residual. The conformance suite (feature `conformance`) proves it.
///
/// ```
/// use trommel::lower::{Backend, Cover, Why, lower};
/// use trommel::{Join, Leaf, Schema, Test, parse};
///
/// /// A store that can look up ids and nothing else.
/// struct Ids;
///
/// impl Backend for Ids {
///     type Output = Vec<String>;
///     type Error = std::convert::Infallible;
///
///     fn name(&self) -> &str {
///         "ids"
///     }
///
///     fn leaf(&self, leaf: &Leaf) -> Result<Cover<Vec<String>>, Self::Error> {
///         Ok(match leaf.test() {
///             Test::In(set) if leaf.path().to_string() == "id" && !leaf.is_negated() && !set.ignores_case() => {
///                 // Ids are strings here, so no other value can be found; arrays are flattened by the store.
///                 Cover::Exact(set.iter().filter_map(|value| match value {
///                     trommel::Value::String(id) => Some(id.to_string()),
///                     _ => None,
///                 }).collect())
///             }
///             _ => Cover::Unsupported(Why::new("not_an_id", "only ids are looked up")),
///         })
///     }
///
///     fn join(&self, how: Join, parts: Vec<Vec<String>>) -> Result<Cover<Vec<String>>, Self::Error> {
///         Ok(match (how, <[Vec<String>; 1]>::try_from(parts)) {
///             (_, Ok([one])) => Cover::Exact(one),
///             (Join::Any, Err(many)) => Cover::Exact(many.concat()),
///             (Join::All, Err(_)) => Cover::Unsupported(Why::new("no_join", "ids are not intersected")),
///         })
///     }
/// }
///
/// let filter = parse::json(r#"{"id": "a", "n": 5}"#)?;
/// let lowered = lower(&Ids, &Schema::open().check(&filter)?)?;
/// assert_eq!(lowered.pushed(), Some(&vec!["a".to_owned()]));
/// assert_eq!(lowered.residual().unwrap().to_string(), r#"{"field":"n","operator":"eq","value":5}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Backend {
    /// What is pushed: a backend's own small tree, so that `join` may merge what it gets.
    type Output;
    /// What can go wrong beyond not being supported.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The name in reports.
    fn name(&self) -> &str;

    /// How well a leaf can be asked: path, test, negated or not, what the schema promises, places. A negated leaf may
    /// be a superset too.
    ///
    /// # Errors
    /// Where the backend fails; what it merely cannot say is [`Cover::Unsupported`].
    fn leaf(&self, leaf: &Leaf) -> Result<Cover<Self::Output>, Self::Error>;

    /// The exact complement of an exact output, if the backend can make one. Asked only when a negated leaf is
    /// [`Cover::Unsupported`] and its positive is [`Cover::Exact`].
    fn complement(&self, exact: Self::Output) -> Option<Self::Output> {
        let _ = exact;
        None
    }

    /// Joins the parts of a group. [`Join::All`] of nothing is every document, [`Join::Any`] of nothing none. Anything
    /// but [`Cover::Exact`] keeps the whole group as residual: for a limit on nesting, width or bound values.
    ///
    /// # Errors
    /// Where the backend fails.
    fn join(&self, how: Join, parts: Vec<Self::Output>) -> Result<Cover<Self::Output>, Self::Error>;
}

/// How well a backend can ask something.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cover<T> {
    /// Exactly the documents that match.
    Exact(T),
    /// All documents that match, and others.
    Superset(T, Why),
    /// It cannot be asked.
    Unsupported(Why),
}

/// Why something is not exact: a stable code and a text for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    code: &'static str,
    text: String,
}

impl Why {
    /// A reason.
    pub fn new(code: &'static str, text: impl Into<String>) -> Why {
        Why { code, text: text.into() }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The text for people.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One reason why there is a residual, and the conditions that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Why.
    pub why: Why,
    /// The conditions, by their places in the filter; none for a whole group.
    pub places: Vec<Place>,
}

/// How one leaf came out; `None`: exact. In the order of the predicate's leaves, most of which are exact in most cases.
pub(crate) type LeafCover = Option<Box<(Kind, Why)>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Superset,
    Residual,
}

/// What a predicate became: for every document, `predicate = pushed AND residual`.
#[derive(Clone, Debug)]
pub struct Lowered<T> {
    backend: String,
    pushed: Option<T>,
    residual: Option<Predicate>,
    reasons: Vec<Reason>,
    predicate: Predicate,
    covers: Vec<LeafCover>,
}

impl<T> Lowered<T> {
    /// What the backend is to ask; `None`: nothing can be pushed, so every document is a candidate (a full scan).
    #[must_use]
    pub fn pushed(&self) -> Option<&T> {
        self.pushed.as_ref()
    }

    /// What the candidates must be rechecked with; `None`: nothing, the answer is exact.
    #[must_use]
    pub fn residual(&self) -> Option<&Predicate> {
        self.residual.as_ref()
    }

    /// Why there is a residual; empty if there is none.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// Whether the pushed part alone is the answer.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.residual.is_none()
    }

    /// The pushed part, for callers who cannot recheck.
    ///
    /// # Errors
    /// `not_exact`, one for each reason, where there is a residual.
    pub fn into_exact(self) -> Result<T, Error> {
        let Lowered { pushed: Some(pushed), residual: None, .. } = self else {
            let mut diagnostics = crate::error::Diagnostics::new(&crate::limits::Limits::default());
            for Reason { why, places } in self.reasons {
                let place = places.into_iter().next().unwrap_or_default();
                let message = format!("{} cannot answer this exactly: {why}", self.backend);
                diagnostics.push(Diagnostic::error(Code::NotExact, message).at(place));
            }
            let message = format!("{} leaves a residual without a reason", self.backend);
            return Err(diagnostics.into_error().unwrap_or_else(|| Diagnostic::error(Code::Internal, message).into()));
        };
        Ok(pushed)
    }

    pub(crate) fn backend(&self) -> &str {
        &self.backend
    }

    pub(crate) fn predicate(&self) -> &Predicate {
        &self.predicate
    }

    pub(crate) fn covers(&self) -> &[LeafCover] {
        &self.covers
    }
}

/// A part of the tree on its way up.
struct Part<T> {
    pushed: Option<T>,
    residual: Option<Predicate>,
}

/// Lowers a predicate. No recursion, whatever is nested.
///
/// For every document `d`: `predicate(d) = pushed(d) AND residual(d)`, by induction over
/// ```text
/// AND of (pᵢ AND rᵢ)  =  (AND of the pᵢ) AND (AND of the rᵢ)      what cannot be pushed is all residual
/// OR  of (pᵢ AND rᵢ)  ⊆  OR of the pᵢ                             so the OR itself is the residual, unless no rᵢ is left
/// ```
///
/// # Errors
/// The backend's own.
pub fn lower<B: Backend + ?Sized>(backend: &B, predicate: &Predicate) -> Result<Lowered<B::Output>, B::Error> {
    let (mut covers, mut reasons) = (Vec::new(), Vec::new());
    let whole = predicate.fold(|next| match next {
        Fold::Leaf(at, leaf) => {
            let (part, why) = match leaf_cover(backend, leaf)? {
                Cover::Exact(pushed) => (Part { pushed: Some(pushed), residual: None }, None),
                Cover::Superset(pushed, why) => {
                    (Part { pushed: Some(pushed), residual: Some(at.clone()) }, Some((Kind::Superset, why)))
                }
                Cover::Unsupported(why) => {
                    (Part { pushed: None, residual: Some(at.clone()) }, Some((Kind::Residual, why)))
                }
            };
            if let Some((_, why)) = &why {
                reasons.push(Reason { why: why.clone(), places: leaf.places().collect() });
            }
            covers.push(why.map(Box::new));
            Ok(part)
        }
        Fold::Group(at, join, parts) => {
            let (part, why) = join_parts(backend, at, join, parts)?;
            reasons.extend(why.map(|why| Reason { why, places: Vec::new() }));
            Ok(part)
        }
    })?;
    let Part { pushed, residual } = whole;
    let (backend, predicate) = (backend.name().to_owned(), predicate.clone());
    Ok(Lowered { backend, pushed, residual, reasons, predicate, covers })
}

/// The cover of a leaf, the backend's complement tried where a negated leaf is not supported.
fn leaf_cover<B: Backend + ?Sized>(backend: &B, leaf: &Leaf) -> Result<Cover<B::Output>, B::Error> {
    let cover = backend.leaf(leaf)?;
    let Cover::Unsupported(why) = cover else { return Ok(cover) };
    if leaf.is_negated()
        && let Cover::Exact(positive) = backend.leaf(&leaf.clone().negate())?
        && let Some(complement) = backend.complement(positive)
    {
        return Ok(Cover::Exact(complement));
    }
    Ok(Cover::Unsupported(why))
}

type Joined<B> = (Part<<B as Backend>::Output>, Option<Why>);

fn join_parts<B: Backend + ?Sized>(
    backend: &B,
    whole: &Predicate,
    join: Join,
    parts: Vec<Part<B::Output>>,
) -> Result<Joined<B>, B::Error> {
    let is_any = join == Join::Any;
    if is_any && parts.iter().any(|part| part.pushed.is_none()) {
        return Ok((Part { pushed: None, residual: Some(whole.clone()) }, None));
    }
    let is_empty = parts.is_empty();
    let (mut pushed, mut residuals) = (Vec::with_capacity(parts.len()), Vec::new());
    for part in parts {
        pushed.extend(part.pushed);
        residuals.extend(part.residual);
    }
    let residual = match (residuals.is_empty(), is_any) {
        (true, _) => None,
        (false, true) => Some(whole.clone()),
        (false, false) => Some(Predicate::all(residuals)),
    };
    if pushed.is_empty() && !is_empty {
        return Ok((Part { pushed: None, residual }, None));
    }
    Ok(match backend.join(join, pushed)? {
        Cover::Exact(pushed) => (Part { pushed: Some(pushed), residual }, None),
        Cover::Superset(pushed, why) => (Part { pushed: Some(pushed), residual: Some(whole.clone()) }, Some(why)),
        Cover::Unsupported(why) => (Part { pushed: None, residual: Some(whole.clone()) }, Some(why)),
    })
}
