//! Dynamic values: a filter with variables, and the object that gives their values (B1 to B3).

use std::sync::Arc;

use serde_json::Value as Json;

use crate::error::{Code, Diagnostic, Diagnostics, Error, excerpt};
use crate::filter::{Condition, Element, Filter, NodeId, Operand, Part};
use crate::limits::{Budget, Limit, Limits};
use crate::operator::OperandKind;
use crate::path::Path;
use crate::value::Value;

impl Filter {
    /// The filter with its dynamic values taken from `values`, under the limits that it was read with. `field` of a
    /// dynamic value is a path that is walked through objects only.
    ///
    /// ```
    /// use serde_json::json;
    /// use trommel::parse;
    ///
    /// let filter = parse::json(r#"{"owner": {"type": "dynamic", "field": "inputs.user_id"}}"#)?;
    /// assert_eq!(filter.bind(&json!({"inputs": {"user_id": 7}}))?.to_string(), r#"{"owner":7}"#);
    ///
    /// // A missing variable never turns into `is_null`.
    /// assert_eq!(filter.bind(&json!({"inputs": {"user_id": null}})).unwrap_err().code().as_str(), "bind");
    /// # Ok::<(), trommel::Error>(())
    /// ```
    ///
    /// # Errors
    /// `bind`, for each variable that is missing, null, or of a type that the operator does not take; `limit`.
    pub fn bind(&self, values: &Json) -> Result<Filter, Error> {
        if !self.is_dynamic() {
            return Ok(self.clone());
        }
        let mut diagnostics = Diagnostics::new(self.limits());
        let bound = self.map_conditions(|node, condition, budget| {
            if let Err(diagnostic) = bind_condition(condition, values, budget, self.limits()) {
                diagnostics.push(diagnostic.at(self.value_place(node)));
            }
        });
        diagnostics.into_error().map_or(Ok(bound), Err)
    }

    fn value_place(&self, node: NodeId) -> crate::error::Place {
        self.part_place(node, Part::Value)
    }
}

/// Replaces the dynamic values of one condition.
fn bind_condition(
    condition: &mut Condition,
    values: &Json,
    budget: &mut Budget,
    limits: &Limits,
) -> Result<(), Box<Diagnostic>> {
    let kind = condition.operator().operand();
    let operand = match &condition.operand {
        Operand::Omitted | Operand::Value(_) | Operand::List(_) => return Ok(()),
        Operand::Dynamic(path) => match (kind, look_up(path, values)?) {
            (OperandKind::List, Json::Array(elements)) => {
                let elements = elements.iter().map(|element| match Value::from_json(element) {
                    Some(Value::Null) | None => {
                        let message = "must be a string, number or boolean";
                        Err(refused(format!("each element of what is bound to `{}` {message}", name(path))))
                    }
                    Some(value) => Ok(value),
                });
                Operand::List(elements.collect::<Result<Arc<[Value]>, _>>()?)
            }
            (OperandKind::List, _) => return Err(wrong(path, "a list of strings, numbers and booleans")),
            (OperandKind::Scalar, value) => Operand::Value(scalar(path, value)?),
            (OperandKind::Ordered, value @ (Json::Number(_) | Json::String(_))) => Operand::Value(scalar(path, value)?),
            (OperandKind::Ordered, _) => return Err(wrong(path, "a number or a string")),
            (OperandKind::String, Json::String(string)) => Operand::from(string.as_str()),
            (OperandKind::String, _) => return Err(wrong(path, "a string")),
            (OperandKind::Boolean, _) => {
                let message = format!("the operand of `{}` is no dynamic value", condition.operator());
                return Err(Box::new(Diagnostic::error(Code::OperandType, message)));
            }
        },
        Operand::Mixed(elements) => {
            let elements = elements.iter().map(|element| match element {
                Element::Value(value) => Ok(value.clone()),
                Element::Dynamic(path) => scalar(path, look_up(path, values)?),
            });
            Operand::List(elements.collect::<Result<Arc<[Value]>, _>>()?)
        }
    };
    // The elements of a mixed list were counted when it was read.
    if let (Operand::Dynamic(_), Operand::List(elements)) = (&condition.operand, &operand) {
        budget
            .add(Limit::ListItems, elements.len())
            .map_err(|reached| Box::new(Diagnostic::limit(Limit::ListItems, reached, limits)))?;
    }
    let strings = match &operand {
        Operand::List(elements) => elements,
        Operand::Value(value) => std::slice::from_ref(value),
        Operand::Omitted | Operand::Mixed(_) | Operand::Dynamic(_) => &[],
    };
    for value in strings {
        if let Value::String(string) = value {
            budget
                .note(Limit::Operand, string.len())
                .map_err(|reached| Box::new(Diagnostic::limit(Limit::Operand, reached, limits)))?;
        }
    }
    condition.operand = operand;
    Ok(())
}

/// The value of a variable: through objects only.
fn look_up<'v>(path: &Path, values: &'v Json) -> Result<&'v Json, Box<Diagnostic>> {
    let found = path.keys().try_fold(values, |value, key| value.as_object()?.get(key));
    match found {
        None => Err(refused(format!("nothing is bound to `{}`", name(path)))),
        Some(Json::Null) => Err(refused(format!("what is bound to `{}` is null", name(path)))),
        Some(value) => Ok(value),
    }
}

fn scalar(path: &Path, value: &Json) -> Result<Value, Box<Diagnostic>> {
    match Value::from_json(value) {
        Some(Value::Null) | None => Err(wrong(path, "a string, number or boolean")),
        Some(value) => Ok(value),
    }
}

fn wrong(path: &Path, takes: &str) -> Box<Diagnostic> {
    refused(format!("what is bound to `{}` must be {takes}", name(path)))
}

fn refused(message: String) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(Code::Bind, message))
}

fn name(path: &Path) -> String {
    excerpt(path.written())
}
