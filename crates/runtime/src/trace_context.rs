//! W3C Trace Context (<https://www.w3.org/TR/trace-context/>): the `traceparent` that links a CRM's request with its
//! event, the delivery job and the log lines of every attempt.
//!
//! Nothing is exported to a tracing system here; the ids are propagated, and written to the log.

use std::fmt;
use std::str::FromStr;

/// The only version (section 3.2.2.1).
const VERSION: &str = "00";
/// `00-` + 32 + `-` + 16 + `-` + 2 characters.
const LENGTH: usize = 55;
/// The flags that have a meaning: sampled (level 1) and random trace id (level 2). Others must not be passed on.
const KNOWN_FLAGS: u8 = 0b11;

/// The position of one operation in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: TraceId,
    span_id: SpanId,
    flags: u8,
}

/// The id of a trace; never all zero. Shown as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

/// The id of one operation within a trace; never all zero. Shown as 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

/// The text is not a `traceparent` of version 00. By the specification the receiver then starts a new trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent of version 00")]
pub struct TraceContextError;

impl TraceContext {
    /// The start of a new, unsampled trace.
    #[must_use]
    pub fn generate() -> Self {
        Self {
            trace_id: TraceId(random()),
            span_id: SpanId(random()),
            flags: 0,
        }
    }

    /// The context of a child operation: the same trace and sampling decision, a new span id.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            span_id: SpanId(random()),
            ..*self
        }
    }

    /// The trace.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The operation.
    #[must_use]
    pub fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// Whether the caller may have recorded this trace (section 3.2.2.5.1).
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }
}

impl FromStr for TraceContext {
    type Err = TraceContextError;

    /// Reads a `traceparent` header's value, strictly: version 00, lower-case digits, no zero ids, nothing behind it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The length bounds the work on hostile input; it also makes the four parts' lengths add up.
        if text.len() != LENGTH {
            return Err(TraceContextError);
        }
        let mut parts = text.split('-');
        let (Some(VERSION), Some(trace_id), Some(span_id), Some(flags), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TraceContextError);
        };
        let trace_id = hex(trace_id).filter(|id| *id != [0; 16]).ok_or(TraceContextError)?;
        let span_id = hex(span_id).filter(|id| *id != [0; 8]).ok_or(TraceContextError)?;
        let [flags] = hex(flags).ok_or(TraceContextError)?;
        Ok(Self {
            trace_id: TraceId(trace_id),
            span_id: SpanId(span_id),
            flags: flags & KNOWN_FLAGS,
        })
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{VERSION}-{}-{}-{:02x}",
            self.trace_id, self.span_id, self.flags
        )
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", u64::from_be_bytes(self.0))
    }
}

/// Decodes exactly `N` bytes of lower-case hexadecimal digits; upper case is not allowed (section 3.2.2.2).
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

/// Random bytes that are not all zero.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    while bytes == [0; N] {
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes once it has booted");
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification, section 3.2.3.
    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_specifications_example_is_read_and_written_alike() {
        let context: TraceContext = EXAMPLE.parse().unwrap();
        assert_eq!(context.to_string(), EXAMPLE);
        assert_eq!(context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span_id().to_string(), "00f067aa0ba902b7");
        assert!(context.is_sampled());
    }

    #[test]
    fn leading_zeros_are_kept() {
        let text = "00-00000000000000000000000000000001-0000000000000002-00";
        assert_eq!(text.parse::<TraceContext>().unwrap().to_string(), text);
    }

    #[test]
    fn unknown_flags_are_not_passed_on() {
        let context: TraceContext = EXAMPLE.replace("-01", "-ff").parse().unwrap();
        assert!(context.to_string().ends_with("-03"));
    }

    #[test]
    fn everything_else_is_refused() {
        let refused = [
            "",
            "00",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-0f067aa0ba902b7-01",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ];
        for text in refused {
            assert_eq!(text.parse::<TraceContext>(), Err(TraceContextError), "{text:?}");
        }
    }

    #[test]
    fn a_child_keeps_the_trace_and_the_sampling_and_gets_its_own_span() {
        let parent: TraceContext = EXAMPLE.parse().unwrap();
        let child = parent.child();
        assert_eq!(child.trace_id(), parent.trace_id());
        assert_ne!(child.span_id(), parent.span_id());
        assert!(child.is_sampled());
    }

    #[test]
    fn a_generated_context_is_valid_and_new() {
        let context = TraceContext::generate();
        assert_eq!(context.to_string().parse(), Ok(context));
        assert_ne!(context.trace_id(), TraceContext::generate().trace_id());
        assert!(!context.is_sampled());
    }
}
