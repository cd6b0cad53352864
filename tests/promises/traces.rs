//! The CRM's trace continues in the log lines of its event.

use e2e::{DEADLINE, Deployment, Event};
use serde_json::json;
use testkit::receiver::Answer;

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test]
async fn a_failed_attempt_is_logged_under_the_trace_of_its_event() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    all.receiver.answer(Answer::status(503));
    let webhook = all.webhook("/", &["deal.won"]).await?;
    let traceparent = format!("00-{TRACE_ID}-00f067aa0ba902b7-01");
    all.crm
        .publish(
            Event::new("deal.won", "e")
                .as_json()
                .header("traceparent", &traceparent),
        )
        .await?;

    let requests = all.receiver.wait_for(1, DEADLINE).await?;
    let line = all.sender.wait_for_line("attempt failed").await?;
    let expected = [
        ("level", "INFO"),
        ("service", "sender"),
        ("trace_id", TRACE_ID),
        ("webhook_id", webhook.id.as_str()),
        ("delivery_id", requests[0].webhook_id()),
        ("account", "acme"),
        ("event_type", "deal.won"),
        ("outcome", "http_5xx"),
    ];
    for (name, value) in expected {
        assert_eq!(line.field(name), value, "{name} of {line:?}");
    }
    assert_eq!(
        (line.value("attempt"), line.value("status_code")),
        (&json!(1), &json!(503))
    );
    all.finish().await
}
