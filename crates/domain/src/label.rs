//! Enums with the same spelling in the API, in PostgreSQL and in metric labels: one table per enum gives all spellings.

/// A text that is not one of an enum's labels. The text itself is not repeated: it may be hostile or long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what}")]
pub struct UnknownLabel {
    /// What was expected, in words: `"delivery state"`.
    pub what: &'static str,
}

/// Declares a fieldless enum with `ALL`, `as_str`, `Display`, `FromStr` and serde (as its label).
macro_rules! labelled_enum {
    (
        $what:literal
        $(#[$meta:meta])*
        pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $label:literal,)+ }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The label: lower case, stable, the same in the API, the database and metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $label,)+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::label::UnknownLabel;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($label => Ok(Self::$variant),)+
                    _ => Err($crate::label::UnknownLabel { what: $what }),
                }
            }
        }

        $crate::label::serde_as_text!($name);
    };
}

/// Serialises a type through its `Display` and deserialises it through its `FromStr`.
macro_rules! serde_as_text {
    ($name:ty) => {
        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <::std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(::serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use {labelled_enum, serde_as_text};

#[cfg(test)]
mod tests {
    use std::fmt::{Debug, Display};
    use std::str::FromStr;

    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::UnknownLabel;
    use crate::{DeliveryState, Outcome, PausedReason, Role, Trigger, WebhookStatus};

    fn check<T>(all: &[T], what: &str)
    where
        T: Display + FromStr<Err = UnknownLabel> + Serialize + DeserializeOwned + PartialEq + Debug,
    {
        for value in all {
            let label = value.to_string();
            assert_eq!(label.parse().as_ref(), Ok(value));
            assert_eq!(serde_json::to_string(value).unwrap(), format!("\"{label}\""));
            assert_eq!(&serde_json::from_str::<T>(&format!("\"{label}\"")).unwrap(), value);
            assert!(label.to_uppercase().parse::<T>().is_err());
        }
        assert_eq!("x".parse::<T>().unwrap_err().to_string(), format!("unknown {what}"));
    }

    #[test]
    fn every_label_round_trips() {
        check(DeliveryState::ALL, "delivery state");
        check(Outcome::ALL, "outcome");
        check(PausedReason::ALL, "reason of a pause");
        check(Role::ALL, "role");
        check(Trigger::ALL, "trigger");
        check(WebhookStatus::ALL, "webhook status");
    }
}
