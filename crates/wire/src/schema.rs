//! The types generated from `proto-schemas/`. Prefer the checked types beside it where there are any.
#![allow(missing_docs, clippy::all, clippy::pedantic)]

pub mod easycrm {
    include!(concat!(env!("OUT_DIR"), "/easycrm.webhooks.v1.rs"));
}

pub mod cloudevents {
    include!(concat!(env!("OUT_DIR"), "/io.cloudevents.v1.rs"));
}

#[cfg(test)]
mod tests;
