//! The event that is published, and the stamp in it by which the receiver knows it again.

use std::fmt;

use domain::EventType;

/// Size of a published event.
pub const EVENT_BYTES: usize = 1024;

/// What precedes a stamp in an event and in every body made of it.
const MARK: &str = "\"stamp\":\"";

/// Which event it is and when it was published. Its text has a fixed width, so that a receiver need not parse JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Number of the run, unique within one benchmark.
    pub run: u32,
    /// Number of the event within the run, from 0.
    pub number: u32,
    /// When it was handed to the broker's client, in nanoseconds since the Unix epoch.
    pub published_ns: u64,
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:010}.{:010}.{:020}", self.run, self.number, self.published_ns)
    }
}

impl Stamp {
    /// The stamp in a body; `None` when there is none.
    pub fn find(body: &[u8]) -> Option<Self> {
        let body = std::str::from_utf8(body).ok()?;
        let text = &body[body.find(MARK)? + MARK.len()..];
        let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
        Some(Self {
            run: number(0, 10)?.try_into().ok()?,
            number: number(11, 21)?.try_into().ok()?,
            published_ns: number(22, 42)?,
        })
    }
}

/// The type of all events.
pub fn event_type() -> EventType {
    EventType::parse("deal.won").expect("the catalogue has deal.won")
}

/// An event of [`EVENT_BYTES`] as a CRM service publishes it.
pub fn event(account: &str, stamp: Stamp) -> String {
    let Stamp { run, number, .. } = stamp;
    let event_type = event_type().name();
    let mut event = format!(
        "{{\"specversion\":\"1.0\",\"id\":\"{run}-{number}\",\"source\":\"/crm/deals\",\"type\":\"{event_type}\",\
         \"time\":\"2026-11-23T06:00:00Z\",\"subject\":\"deals/{number}\",\"account\":\"{account}\",\
         \"datacontenttype\":\"application/json\",\"data\":{{{MARK}{stamp}\",\"note\":\""
    );
    const END: &str = "\"}}";
    let padding = EVENT_BYTES.saturating_sub(event.len() + END.len());
    event.extend(std::iter::repeat_n('n', padding));
    event + END
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_its_size_and_its_stamp_is_found() {
        let stamp = Stamp {
            run: 7,
            number: 19_999,
            published_ns: 1_795_413_600_123_456_789,
        };
        let event = event("bench", stamp);
        assert_eq!(event.len(), EVENT_BYTES);
        assert_eq!(Stamp::find(event.as_bytes()), Some(stamp));
        assert!(serde_json::from_str::<serde_json::Value>(&event).is_ok());
        assert_eq!(Stamp::find(b"{\"stamp\":\"short\"}"), None);
    }
}
