//! Log lines as flat JSON objects.
//!
//! The library's own JSON form nests the fields of spans and has no constant ones; a collector needs `trace_id` and
//! `service` at the top level of every line.

use std::error::Error;
use std::fmt::Debug;
use std::io::Write;

use jiff::Timestamp;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

/// The names that every line begins with; a field with such a name would be ambiguous and is left out.
const FIXED: [&str; 6] = ["timestamp", "level", "target", "message", "service", "version"];
/// Fields of the `log` crate's bridge; only the target is useful, and the line has one.
const BRIDGE_PREFIX: &str = "log.";
const BRIDGE_TARGET: &str = "log.target";

/// Writes each event as one line.
pub(super) struct JsonLines<W> {
    service: &'static str,
    version: &'static str,
    writer: W,
}

impl<W> JsonLines<W> {
    pub(super) fn new(service: &'static str, version: &'static str, writer: W) -> Self {
        Self {
            service,
            version,
            writer,
        }
    }

    fn line(&self, now: Timestamp, event: &Event<'_>, spans: &[Fields]) -> Vec<u8> {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let target = fields.text(BRIDGE_TARGET).unwrap_or(event.metadata().target());
        let mut line = Line::new();
        line.add("timestamp", &format!("{now:.6}").into());
        line.add("level", &event.metadata().level().as_str().into());
        line.add("target", &target.into());
        line.add("message", &fields.text("message").unwrap_or_default().into());
        line.add("service", &self.service.into());
        line.add("version", &self.version.into());
        line.add_all(&fields);
        spans.iter().for_each(|span| line.add_all(span));
        line.end()
    }
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let of_span = |span: SpanRef<'_, S>| span.extensions().get::<Fields>().cloned();
        let spans: Vec<Fields> = context
            .event_scope(event)
            .into_iter()
            .flatten()
            .filter_map(of_span)
            .collect();
        let line = self.line(Timestamp::now(), event, &spans);
        // The writer never fails: it counts what it drops.
        let _ = self.writer.make_writer_for(event.metadata()).write_all(&line);
    }
}

/// The fields of a span or an event, in the order they were recorded.
#[derive(Clone, Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn set(&mut self, field: &Field, value: Value) {
        // Fields named after keywords are written `r#type` in the source.
        let name = field.name().strip_prefix("r#").unwrap_or(field.name());
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name)?.1.as_str()
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value.into());
    }

    /// The whole chain of causes, since an error ends in its log line.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let causes: Vec<_> = anyhow::Chain::new(value).map(ToString::to_string).collect();
        self.set(field, causes.join(": ").into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field, format!("{value:?}").into());
    }
}

/// A JSON object under construction, with each name once.
struct Line {
    bytes: Vec<u8>,
    names: Vec<&'static str>,
}

impl Line {
    fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(512),
            names: Vec::with_capacity(24),
        }
    }

    fn add_all(&mut self, fields: &Fields) {
        for (name, value) in &fields.0 {
            if !self.names.contains(name) && !FIXED.contains(name) && !name.starts_with(BRIDGE_PREFIX) {
                self.add(name, value);
            }
        }
    }

    fn add(&mut self, name: &'static str, value: &Value) {
        self.bytes.push(if self.names.is_empty() { b'{' } else { b',' });
        self.names.push(name);
        let written = serde_json::to_writer(&mut self.bytes, name);
        self.bytes.push(b':');
        written
            .and_then(|()| serde_json::to_writer(&mut self.bytes, value))
            .expect("writing JSON to memory cannot fail");
    }

    fn end(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(b"}\n");
        self.bytes
    }
}

#[cfg(test)]
mod tests;
