//! One condition: a field of the event, an operator, and usually a value.

use jiff::Timestamp;
use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use super::decimal::Decimal;

/// The longest field, in bytes.
pub const MAX_FIELD_BYTES: usize = 100;
/// Most names in a field.
pub const MAX_FIELD_LEVELS: usize = 8;
/// The longest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 200;

/// The field that stands for the CloudEvents extension `actor`, in conditions with [`Operator::ActorNe`].
const ACTOR: &str = "actor";

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantArray, Serialize)]
#[strum(serialize_all = "snake_case")]
#[serde(into = "&'static str")]
pub enum Operator {
    /// Equal.
    Eq,
    /// Not equal, or missing.
    Ne,
    /// Greater, or later.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less, or earlier.
    Lt,
    /// Less or equal.
    Lte,
    /// A text with this part, or a list with this element.
    Contains,
    /// There, and not null.
    Exists,
    /// Missing, or null.
    NotExists,
    /// Changed by what the event reports.
    Changed,
    /// Changed, and equal now.
    ChangedTo,
    /// The event was caused by somebody else, or does not say by whom.
    ActorNe,
}

impl Operator {
    /// Whether it compares with a value.
    pub const fn takes_value(self) -> bool {
        !matches!(self, Self::Exists | Self::NotExists | Self::Changed)
    }

    /// Between field and value, for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Eq => "is",
            Self::Ne => "is not",
            Self::Gt => "is greater than",
            Self::Gte => "is at least",
            Self::Lt => "is less than",
            Self::Lte => "is at most",
            Self::Contains => "contains",
            Self::Exists => "is set",
            Self::NotExists => "is not set",
            Self::Changed => "changed",
            Self::ChangedTo => "changed to",
            Self::ActorNe => "was not caused by",
        }
    }

    /// The comparison with this field and value, for people: `amount is greater than 1000`.
    pub fn sentence(self, field: &str, value: &str) -> String {
        let field = if self == Self::ActorNe { "the event" } else { field };
        let words = self.words();
        if self.takes_value() {
            format!("{field} {words} {value}")
        } else {
            format!("{field} {words}")
        }
    }

    /// Whether it compares by order, which only numbers and times have.
    const fn orders(self) -> bool {
        matches!(self, Self::Gt | Self::Gte | Self::Lt | Self::Lte)
    }
}

/// A valid condition.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Condition {
    field: Box<str>,
    op: Operator,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Box<str>>,
}

/// Why a condition is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// No field was given.
    #[error("A field is required")]
    FieldRequired,
    /// Longer than [`MAX_FIELD_BYTES`].
    #[error("A field has at most 100 bytes")]
    FieldTooLong,
    /// An empty name, too many of them, or a control character.
    #[error("A field is a name in the event's data, or up to 8 names with dots between them, such as address.city")]
    FieldForm,
    /// Only the actor can be compared so.
    #[error("This operator compares the field `actor` only")]
    ActorOnly,
    /// There is no such operator.
    #[error("There is no such operator")]
    Operator,
    /// No value was given.
    #[error("A value is required")]
    ValueRequired,
    /// The operator takes none.
    #[error("This operator takes no value")]
    ValueUnused,
    /// Longer than [`MAX_VALUE_BYTES`].
    #[error("A value has at most 200 bytes")]
    ValueTooLong,
    /// It could equal no text that people see.
    #[error("A value must not contain control characters")]
    ValueCharacter,
    /// It has no order.
    #[error("Must be a number such as 1000.50, or a time such as 2026-11-23T06:00:00Z")]
    ValueOrder,
}

impl ConditionError {
    /// The member that is wrong.
    pub const fn member(self) -> &'static str {
        match self {
            Self::FieldRequired | Self::FieldTooLong | Self::FieldForm | Self::ActorOnly => "field",
            Self::Operator => "op",
            Self::ValueRequired | Self::ValueUnused | Self::ValueTooLong | Self::ValueCharacter | Self::ValueOrder => {
                "value"
            }
        }
    }

    /// The machine-readable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::FieldRequired | Self::ValueRequired => "required",
            Self::FieldTooLong | Self::ValueTooLong => "too_long",
            Self::FieldForm => "invalid_field",
            Self::ActorOnly => "actor_only",
            Self::Operator => "unknown_operator",
            Self::ValueUnused => "unexpected_value",
            Self::ValueCharacter => "forbidden_character",
            Self::ValueOrder => "invalid_value",
        }
    }
}

impl Condition {
    /// A condition from its three members.
    ///
    /// # Errors
    /// One error for each member that is wrong.
    pub fn parse(field: &str, op: &str, value: Option<&str>) -> Result<Self, Vec<ConditionError>> {
        let op = op.parse::<Operator>().map_err(|_| ConditionError::Operator);
        let field_error = check_field(field, op.ok()).err();
        let value_error = op.ok().and_then(|op| check_value(op, value).err());
        let errors: Vec<_> = [field_error, op.err(), value_error].into_iter().flatten().collect();
        match op {
            Ok(op) if errors.is_empty() => Ok(Self {
                field: field.into(),
                op,
                value: value.map(Into::into),
            }),
            _ => Err(errors),
        }
    }

    /// A path into `data`: names with dots between them.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// How the field is compared.
    pub const fn op(&self) -> Operator {
        self.op
    }

    /// The condition for people: `amount is greater than 1000`.
    pub fn sentence(&self) -> String {
        self.op.sentence(&self.field, self.value().unwrap_or_default())
    }

    /// With what it is compared; `None` for operators that take no value.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }
}

fn check_field(field: &str, op: Option<Operator>) -> Result<(), ConditionError> {
    if field.is_empty() {
        return Err(ConditionError::FieldRequired);
    }
    if field.len() > MAX_FIELD_BYTES {
        return Err(ConditionError::FieldTooLong);
    }
    let is_name = |name: &str| !name.is_empty() && !name.contains(char::is_control);
    if field.split('.').count() > MAX_FIELD_LEVELS || !field.split('.').all(is_name) {
        return Err(ConditionError::FieldForm);
    }
    if op == Some(Operator::ActorNe) && field != ACTOR {
        return Err(ConditionError::ActorOnly);
    }
    Ok(())
}

fn check_value(op: Operator, value: Option<&str>) -> Result<(), ConditionError> {
    let given = match (op.takes_value(), value) {
        (false, None) => return Ok(()),
        (false, Some(_)) => return Err(ConditionError::ValueUnused),
        (true, None | Some("")) => return Err(ConditionError::ValueRequired),
        (true, Some(value)) => value,
    };
    if given.len() > MAX_VALUE_BYTES {
        return Err(ConditionError::ValueTooLong);
    }
    if given.contains(char::is_control) {
        return Err(ConditionError::ValueCharacter);
    }
    let has_order = || Decimal::parse(given).is_some() || given.parse::<Timestamp>().is_ok();
    if op.orders() && !has_order() {
        return Err(ConditionError::ValueOrder);
    }
    Ok(())
}
