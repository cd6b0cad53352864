//! Events that can never be processed are rejected with the reason, and do not delay others.

mod cases;

use std::collections::HashMap;

use e2e::{DEADLINE, Deployment, Event, Message, take_all};

#[tokio::test]
async fn an_event_that_can_never_be_processed_is_put_aside_unchanged_and_its_neighbours_arrive() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    all.webhook("/", &["deal.won"]).await?;
    let (bad, good) = (cases::unacceptable(), cases::acceptable());
    let neighbours = Event::deals_won("neighbour", bad.len());
    let good = good.into_iter().chain(neighbours.iter().map(Event::as_json));
    let good: Vec<Message> = good.collect();
    let expected_posts = good.len();
    // Each bad one has a good neighbour.
    let mut messages = Vec::new();
    let mut good = good.into_iter();
    for case in &bad {
        messages.push(case.message.clone().header("traceparent", case.name));
        messages.extend(good.next());
    }
    messages.extend(good);
    all.crm.publish_all(messages).await?;

    all.receiver.wait_for(expected_posts, DEADLINE).await?;
    let rejected = series("webhook_events_consumed_total", "invalid");
    all.fanout.wait_for_metric(&rejected, bad.len() as f64).await?;
    let put_aside = take_all(all.site.vhost(), "webhooks.events.rejected").await?;
    let by_name: HashMap<String, _> = put_aside
        .iter()
        .map(|taken| (taken.header("traceparent"), taken))
        .collect();
    assert_eq!((put_aside.len(), by_name.len()), (bad.len(), bad.len()));
    for case in &bad {
        let taken = by_name[case.name];
        assert_eq!(taken.header("x-reject-reason"), case.reason, "{}", case.name);
        assert!(!taken.header("x-reject-detail").is_empty(), "{}", case.name);
        assert_eq!(taken.header("x-source-queue"), "webhooks.events");
        assert!(taken.body == case.message.body(), "{}: the body was changed", case.name);
        assert_eq!(
            taken.properties.content_type(),
            case.message.properties().content_type()
        );
        assert_eq!(
            taken.properties.content_encoding(),
            case.message.properties().content_encoding()
        );
    }
    assert_eq!(all.receiver.count(), expected_posts);
    all.finish().await
}

#[tokio::test]
async fn an_event_of_an_unknown_type_is_counted_and_forgotten() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    all.webhook("/", &["deal.won"]).await?;
    let unknown = ["deal.exploded", "Deal.won", "deal.*", "#"];
    for event_type in unknown {
        // The routing key does not matter: the event's own type counts.
        all.crm
            .publish(Message::new(
                "deal.won",
                Event::new(event_type, event_type).as_json().body(),
            ))
            .await?;
    }
    all.crm.publish(Event::new("deal.won", "known").as_json()).await?;
    let arrived = all.receiver.wait_for(1, DEADLINE).await?;
    assert_eq!(
        std::str::from_utf8(&arrived[0].body)?,
        Event::new("deal.won", "known").posted_body()
    );
    all.fanout
        .wait_for_metric(
            &series("webhook_events_consumed_total", "unknown_type"),
            unknown.len() as f64,
        )
        .await?;
    all.finish().await
}

#[tokio::test]
async fn a_job_that_cannot_be_read_is_put_aside_unchanged_and_its_neighbours_are_done() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    all.webhook("/", &["deal.won"]).await?;
    let unreadable: [&[u8]; 3] = [b"", b"{}", b"\xff\xff\xff\xff"];
    for (body, neighbour) in unreadable.iter().zip(Event::deals_won("neighbour", unreadable.len())) {
        all.crm
            .publish_to("webhooks.delivery", Message::new("webhooks.deliveries", *body))
            .await?;
        all.crm.publish(neighbour.as_json()).await?;
    }
    all.receiver.wait_for(unreadable.len(), DEADLINE).await?;
    all.sender
        .wait_for_metric("webhook_jobs_rejected_total", unreadable.len() as f64)
        .await?;

    let put_aside = take_all(all.site.vhost(), "webhooks.deliveries.rejected").await?;
    let mut bodies: Vec<&[u8]> = put_aside.iter().map(|taken| taken.body.as_slice()).collect();
    bodies.sort();
    assert_eq!(bodies, unreadable);
    for taken in &put_aside {
        assert_eq!(taken.header("x-reject-reason"), "malformed_job");
        assert!(!taken.header("x-reject-detail").is_empty());
        assert_eq!(taken.header("x-source-queue"), "webhooks.deliveries");
    }
    all.finish().await
}

/// The series of events of no known type.
fn series(name: &str, result: &str) -> String {
    format!("{name}{{event_type=\"other\",result=\"{result}\"}}")
}
