//! The catalogue of event types that the CRM publishes and webhooks subscribe to, compiled in from `event-types.json`.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

/// One line of the catalogue.
#[derive(Deserialize)]
struct CatalogueEntry {
    name: &'static str,
    group: &'static str,
    title: &'static str,
    version: u32,
    #[serde(borrow)]
    example: &'static RawValue,
}

/// The catalogue in its stable order, and by name.
struct Catalogue {
    entries: [CatalogueEntry; EventType::COUNT],
    by_name: HashMap<&'static str, EventType>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let entries: [CatalogueEntry; EventType::COUNT] = serde_json::from_str(include_str!("../event-types.json"))
        .expect("the catalogue is compiled in, and the tests of this module parse it");
    let by_name = EventType::all()
        .map(|event_type| (entries[event_type.index()].name, event_type))
        .collect();
    Catalogue { entries, by_name }
});

/// A type of event in the catalogue, such as `deal.won`. One byte.
///
/// The order of the catalogue is part of the storage format ([`EventTypeSet::bits`]): new types are appended, and no
/// type is moved or removed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventType(u8);

impl EventType {
    /// The number of types in the catalogue.
    pub const COUNT: usize = 20;

    /// The type with this name, if the catalogue has it.
    pub fn parse(name: &str) -> Option<Self> {
        CATALOGUE.by_name.get(name).copied()
    }

    /// The name: lower case, object first, past tense, as CloudEvents `type` and AMQP routing key.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The heading under which it is listed: `Contacts`.
    pub fn group(self) -> &'static str {
        self.entry().group
    }

    /// What happened, in words: `Contact created`.
    pub fn title(self) -> &'static str {
        self.entry().title
    }

    /// The version of the shape of `data`.
    pub fn version(self) -> u32 {
        self.entry().version
    }

    /// An example of an event's `data`: a JSON object as compact text.
    pub fn example_data(self) -> &'static str {
        self.entry().example.get()
    }

    /// The position in the catalogue, below [`Self::COUNT`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Every type, in the catalogue's order.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + DoubleEndedIterator + Clone {
        (0..Self::COUNT as u8).map(Self)
    }

    fn entry(self) -> &'static CatalogueEntry {
        &CATALOGUE.entries[self.index()]
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventType({self})")
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl FromStr for EventType {
    type Err = UnknownEventType;

    fn from_str(name: &str) -> Result<Self, UnknownEventType> {
        Self::parse(name).ok_or(UnknownEventType)
    }
}

/// A text that names no event type of the catalogue. It is not repeated: it may be hostile or long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown event type")]
pub struct UnknownEventType;

/// A set of event types in one machine word: what a webhook subscribes to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct EventTypeSet(u32);

impl EventTypeSet {
    /// One bit for each type of the catalogue.
    const KNOWN_BITS: u32 = u32::MAX >> (u32::BITS - EventType::COUNT as u32);

    /// The set of no types.
    pub const EMPTY: Self = Self(0);

    /// The set of every type in the catalogue.
    pub const ALL: Self = Self(Self::KNOWN_BITS);

    /// Stands for the types that later releases add.
    const LATER_BIT: u32 = 1 << 31;

    /// The set of every type, also of those that later releases add to the catalogue.
    pub const EVERY: Self = Self(Self::KNOWN_BITS | Self::LATER_BIT);

    /// The name of [`Self::EVERY`] in lists of event types.
    pub const EVERY_NAME: &'static str = "*";

    /// Whether types that later releases add belong to it: it is [`Self::EVERY`].
    pub const fn is_every(self) -> bool {
        self.0 & Self::LATER_BIT != 0
    }

    /// The names of its types in the catalogue's order; `*` alone for [`Self::EVERY`].
    pub fn names(self) -> Vec<&'static str> {
        if self.is_every() {
            return vec![Self::EVERY_NAME];
        }
        self.iter().map(EventType::name).collect()
    }

    /// Adds a type; `false` if it was there already.
    pub fn insert(&mut self, event_type: EventType) -> bool {
        let before = self.0;
        self.0 |= 1 << event_type.0;
        self.0 != before
    }

    /// Whether the type is in the set.
    pub const fn contains(self, event_type: EventType) -> bool {
        self.0 & (1 << event_type.0) != 0
    }

    /// The types in the catalogue's order.
    pub fn iter(self) -> impl Iterator<Item = EventType> {
        EventType::all().filter(move |event_type| self.contains(*event_type))
    }

    /// Whether there is no type in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The number of types of the catalogue in the set.
    pub const fn len(self) -> usize {
        (self.0 & Self::KNOWN_BITS).count_ones() as usize
    }

    /// The set for storage: bit *n* stands for the type at position *n* of the catalogue.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The set from storage. Bits beyond the catalogue (written by a newer release) are dropped.
    pub const fn from_bits(bits: u32) -> Self {
        if bits & Self::LATER_BIT != 0 {
            return Self::EVERY;
        }
        Self(bits & Self::KNOWN_BITS)
    }
}

impl FromIterator<EventType> for EventTypeSet {
    fn from_iter<I: IntoIterator<Item = EventType>>(event_types: I) -> Self {
        let mut set = Self::EMPTY;
        for event_type in event_types {
            set.insert(event_type);
        }
        set
    }
}

impl fmt::Debug for EventTypeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(EventType::name)).finish()
    }
}

#[cfg(test)]
mod tests;
