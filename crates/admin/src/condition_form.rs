//! The conditions that somebody filled in.

use domain::conditions::MAX_CONDITIONS;
use domain::{Condition, ConditionError, Conditions};

use crate::field_error::FieldError;

/// A condition as somebody filled it in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConditionForm {
    /// A path into the event's `data`.
    pub field: String,
    /// The operator's name.
    pub op: String,
    /// What the field is compared with; `None` if it was left out.
    pub value: Option<String>,
}

/// The conditions of a form, in their order.
///
/// # Errors
/// Everything that is wrong with each.
pub(crate) fn check_conditions(forms: Vec<ConditionForm>) -> Result<Conditions, Vec<FieldError>> {
    if forms.len() > MAX_CONDITIONS {
        let detail = format!("A webhook has at most {MAX_CONDITIONS} conditions");
        return Err(vec![FieldError::new("/conditions", "too_long", detail)]);
    }
    let mut errors = Vec::new();
    let checked = |(index, form): (usize, &ConditionForm)| {
        let error = |error: ConditionError| {
            let pointer = format!("/conditions/{index}/{}", error.member());
            FieldError::new(pointer, error.code(), error.to_string())
        };
        let condition = Condition::parse(&form.field, &form.op, form.value.as_deref());
        condition
            .map_err(|found| errors.extend(found.into_iter().map(error)))
            .ok()
    };
    let conditions = forms.iter().enumerate().filter_map(checked).collect();
    if errors.is_empty() { Ok(conditions) } else { Err(errors) }
}
