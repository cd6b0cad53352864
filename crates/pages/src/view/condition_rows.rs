//! The rows of conditions in the form of a webhook.

use admin::ConditionForm;
use domain::conditions::MAX_CONDITIONS;
use domain::{Condition, Conditions, Operator};

use crate::access::submission::Fields;

/// Rows that are read. A form of ours has fewer; one with too many conditions is refused, not shortened.
const MAX_ROWS: usize = 2 * MAX_CONDITIONS;

/// The button that adds an empty row. Without the script it sends the form.
const ADD: &str = "add-condition";
/// What precedes the row's number in the value of the button that removes it.
const REMOVE: &str = "remove-condition-";

/// A condition as it was typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ConditionRow {
    pub(crate) field: String,
    /// The operator's name.
    pub(crate) op: String,
    pub(crate) value: String,
}

impl ConditionRow {
    /// The rows of a webhook's conditions.
    pub(crate) fn of(conditions: &Conditions) -> Vec<Self> {
        let row = |condition: &Condition| Self {
            field: condition.field().to_owned(),
            op: condition.op().to_string(),
            value: condition.value().unwrap_or_default().to_owned(),
        };
        conditions.as_slice().iter().map(row).collect()
    }

    /// The rows that were sent, without empty ones and the one whose Remove button was pressed.
    pub(crate) fn sent(fields: &Fields) -> Vec<Self> {
        let removed = fields.text("do").strip_prefix(REMOVE).and_then(|row| row.parse().ok());
        let row = |number: usize| {
            let text = |part| fields.text(&format!("condition-{number}-{part}"));
            Self {
                field: text("field").trim().to_owned(),
                op: text("op").to_owned(),
                value: text("value").to_owned(),
            }
        };
        (0..MAX_ROWS)
            .filter(|number| Some(*number) != removed)
            .map(row)
            .filter(|row| !row.is_empty())
            .collect()
    }

    /// Whether nothing was typed or chosen.
    fn is_empty(&self) -> bool {
        let usual = self.op.is_empty() || self.op == <&str>::from(Operator::Eq);
        usual && self.field.is_empty() && self.value.is_empty()
    }

    /// To be checked. What stands beside an operator without a value is not meant.
    pub(crate) fn to_form(&self) -> ConditionForm {
        let op = self.op.parse().ok();
        let is_actor = op == Some(Operator::ActorNe) && self.field.is_empty();
        ConditionForm {
            field: if is_actor {
                "actor".to_owned()
            } else {
                self.field.clone()
            },
            op: self.op.clone(),
            value: op.is_none_or(Operator::takes_value).then(|| self.value.clone()),
        }
    }

    /// Whether this operator is chosen; the first one unless another is.
    pub(crate) fn is_chosen(&self, op: &Operator) -> bool {
        self.op.parse().unwrap_or(Operator::Eq) == *op
    }

    /// The condition in words.
    pub(crate) fn words(&self) -> String {
        let op = self.op.parse().unwrap_or(Operator::Eq);
        op.sentence(&self.field, &self.value)
    }
}

/// Whether a button was pressed that only adds or removes a row.
pub(crate) fn is_changed(fields: &Fields) -> bool {
    let button = fields.text("do");
    button == ADD || button.starts_with(REMOVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(field: &str, op: &str, value: &str) -> ConditionRow {
        ConditionRow {
            field: field.to_owned(),
            op: op.to_owned(),
            value: value.to_owned(),
        }
    }

    #[test]
    fn a_condition_is_told_in_words() {
        for (row, expected) in [
            (row("amount", "gt", "1000"), "amount is greater than 1000"),
            (row("phone", "exists", "left over"), "phone is set"),
            (row("actor", "actor_ne", "int_7"), "the event was not caused by int_7"),
        ] {
            assert_eq!(row.words(), expected);
        }
    }

    #[test]
    fn a_value_is_sent_only_with_operators_that_take_one() {
        assert_eq!(row("phone", "exists", "left over").to_form().value, None);
        assert_eq!(row("phone", "eq", "").to_form().value, Some(String::new()));
        assert_eq!(row("phone", "nonsense", "x").to_form().value, Some("x".to_owned()));
        assert_eq!(row("", "actor_ne", "int_7").to_form().field, "actor");
    }

    #[test]
    fn a_row_is_empty_until_something_is_typed_or_chosen() {
        assert!(row("", "eq", "").is_empty() && row("", "", "").is_empty());
        assert!(!row("", "exists", "").is_empty() && !row("", "eq", "1").is_empty());
    }
}
