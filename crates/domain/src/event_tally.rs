//! The tally of published events, by account, type and hour, until it is written into the database. Bounded, whatever is
//! published: an event beyond the bounds is not counted, and nothing else depends on its count.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use jiff::Timestamp;

use crate::event_type::EventType;
use crate::ids::AccountName;

/// Counts held at once; some 5 MB.
const MAX_COUNTS: usize = 20_000;
/// Names of unknown types held for one account.
pub const MAX_UNKNOWN_NAMES: usize = 50;
/// A longer name of an unknown type is cut.
const MAX_NAME_CHARACTERS: usize = 64;
const HOUR_SECONDS: i64 = 3600;

/// The events of one account, type and hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventCount {
    /// Tenant that the events name.
    pub account: AccountName,
    /// Name of their type; of an unknown one its first 64 characters.
    pub event_type: String,
    /// Whether the catalogue has the type.
    pub known: bool,
    /// The hour (UTC) in which they came.
    pub hour: Timestamp,
    /// How many there are.
    pub events: i64,
    /// Those that matched no webhook.
    pub unmatched: i64,
    /// When the last of them came.
    pub last_at: Timestamp,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    account: AccountName,
    event_type: TypeName,
    /// Since the Unix epoch.
    hour: i64,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum TypeName {
    Known(EventType),
    Unknown(String),
}

#[derive(Debug)]
struct Counted {
    events: i64,
    unmatched: i64,
    last_at: Timestamp,
}

/// The counts since they were taken last.
#[derive(Debug, Default)]
pub struct EventTally {
    counts: HashMap<Key, Counted>,
    /// Counts of unknown types by account.
    unknown: HashMap<AccountName, usize>,
}

impl EventTally {
    /// Counts an event of a known type.
    pub fn add_known(&mut self, account: &AccountName, event_type: EventType, matched: bool, at: Timestamp) {
        let counted = Counted {
            events: 1,
            unmatched: i64::from(!matched),
            last_at: at,
        };
        self.add(Key::new(account, TypeName::Known(event_type), at), counted);
    }

    /// Counts an event of a type that the catalogue does not have; it matches no webhook.
    pub fn add_unknown(&mut self, account: &AccountName, name: &str, at: Timestamp) {
        let name = name.chars().take(MAX_NAME_CHARACTERS).collect();
        let counted = Counted {
            events: 1,
            unmatched: 1,
            last_at: at,
        };
        self.add(Key::new(account, TypeName::Unknown(name), at), counted);
    }

    /// Takes all counts, to write them.
    pub fn take(&mut self) -> Vec<EventCount> {
        self.unknown.clear();
        self.counts
            .drain()
            .map(|(key, counted)| EventCount {
                account: key.account,
                known: matches!(key.event_type, TypeName::Known(_)),
                event_type: match key.event_type {
                    TypeName::Known(event_type) => event_type.name().to_owned(),
                    TypeName::Unknown(name) => name,
                },
                hour: Timestamp::from_second(key.hour * HOUR_SECONDS).unwrap_or(counted.last_at),
                events: counted.events,
                unmatched: counted.unmatched,
                last_at: counted.last_at,
            })
            .collect()
    }

    /// Adds counts that could not be written, as far as there is room.
    pub fn put_back(&mut self, counts: Vec<EventCount>) {
        for count in counts {
            let name = EventType::parse(&count.event_type).map_or(TypeName::Unknown(count.event_type), TypeName::Known);
            let counted = Counted {
                events: count.events,
                unmatched: count.unmatched,
                last_at: count.last_at,
            };
            self.add(Key::new(&count.account, name, count.hour), counted);
        }
    }

    fn add(&mut self, key: Key, more: Counted) {
        let full = self.counts.len() >= MAX_COUNTS;
        match self.counts.entry(key) {
            Entry::Occupied(mut entry) => {
                let counted = entry.get_mut();
                counted.events += more.events;
                counted.unmatched += more.unmatched;
                counted.last_at = counted.last_at.max(more.last_at);
            }
            Entry::Vacant(_) if full => {}
            Entry::Vacant(entry) => {
                if let TypeName::Unknown(_) = entry.key().event_type {
                    let names = self.unknown.entry(entry.key().account.clone()).or_default();
                    if *names >= MAX_UNKNOWN_NAMES {
                        return;
                    }
                    *names += 1;
                }
                entry.insert(more);
            }
        }
    }
}

impl Key {
    fn new(account: &AccountName, event_type: TypeName, at: Timestamp) -> Self {
        Self {
            account: account.clone(),
            event_type,
            hour: at.as_second().div_euclid(HOUR_SECONDS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn account(name: &str) -> AccountName {
        name.parse().unwrap()
    }

    fn taken(tally: &mut EventTally) -> Vec<EventCount> {
        let mut counts = tally.take();
        counts.sort_by(|left, right| (&left.event_type, left.hour).cmp(&(&right.event_type, right.hour)));
        counts
    }

    #[test]
    fn events_are_counted_by_type_and_hour() {
        let mut tally = EventTally::default();
        let won = EventType::parse("deal.won").unwrap();
        tally.add_known(&account("acme"), won, true, at("2026-11-03T10:59:59Z"));
        tally.add_known(&account("acme"), won, false, at("2026-11-03T10:00:01Z"));
        tally.add_known(&account("acme"), won, true, at("2026-11-03T11:00:00Z"));
        tally.add_unknown(&account("acme"), "contract.signed", at("2026-11-03T11:30:00Z"));
        let counts = taken(&mut tally);
        let figures: Vec<_> = counts
            .iter()
            .map(|count| (count.event_type.as_str(), count.known, count.events, count.unmatched))
            .collect();
        assert_eq!(
            figures,
            [
                ("contract.signed", false, 1, 1),
                ("deal.won", true, 2, 1),
                ("deal.won", true, 1, 0)
            ]
        );
        assert_eq!(counts[1].hour, at("2026-11-03T10:00:00Z"));
        assert_eq!(counts[1].last_at, at("2026-11-03T10:59:59Z"));
        assert_eq!(tally.take(), []);
        tally.put_back(counts.clone());
        tally.put_back(counts.clone());
        assert_eq!(taken(&mut tally)[1].events, 4);
    }

    #[test]
    fn one_account_has_few_unknown_names_and_leaves_room_to_others() {
        let mut tally = EventTally::default();
        let now = at("2026-11-03T10:00:00Z");
        for number in 0..1_000 {
            tally.add_unknown(&account("acme"), &format!("type.{number}"), now);
        }
        tally.add_unknown(&account("acme"), "type.0", now);
        tally.add_unknown(&account("other"), &"é".repeat(100), now);
        let counts = tally.take();
        assert_eq!(counts.len(), MAX_UNKNOWN_NAMES + 1);
        let cut = counts.iter().find(|count| count.account == account("other")).unwrap();
        assert_eq!(cut.event_type, "é".repeat(MAX_NAME_CHARACTERS));
        assert!(
            counts
                .iter()
                .any(|count| count.event_type == "type.0" && count.events == 2)
        );
    }

    #[test]
    fn its_size_is_bounded() {
        let mut tally = EventTally::default();
        let won = EventType::parse("deal.won").unwrap();
        for number in 0..MAX_COUNTS + 10 {
            tally.add_known(&account(&format!("a{number}")), won, true, at("2026-11-03T10:00:00Z"));
        }
        assert_eq!(tally.take().len(), MAX_COUNTS);
    }
}
