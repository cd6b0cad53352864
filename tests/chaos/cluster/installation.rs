//! Two fanouts, two senders and a webhook, on a RabbitMQ cluster that each program reaches by a way of its own.

use std::time::Duration;

use e2e::{Api, Link, Program, Site};
use testkit::receiver::Receiver;
use testkit::servers::PrivateCluster;
use testkit::{shared_stack, wait};

/// Name of each program, and the queues that it takes messages from.
const PROGRAMS: [(&str, &[&str]); 4] = [
    ("fanout", &["webhooks.events"]),
    ("fanout", &["webhooks.events"]),
    (
        "sender",
        &["webhooks.deliveries", "webhooks.deliveries.bulk", "webhooks.tests"],
    ),
    (
        "sender",
        &["webhooks.deliveries", "webhooks.deliveries.bulk", "webhooks.tests"],
    ),
];
const QUEUES: [&str; 7] = [
    "webhooks.events",
    "webhooks.deliveries",
    "webhooks.deliveries.bulk",
    "webhooks.tests",
    "webhooks.unroutable",
    "webhooks.events.rejected",
    "webhooks.deliveries.rejected",
];
/// From the last delivery until nothing is left to acknowledge and nobody consumes who should not.
const SETTLED_WITHIN: Duration = Duration::from_secs(20);

pub struct Installation {
    pub receiver: Receiver,
    programs: Vec<Connected>,
    api: Api,
    pub site: Site,
    pub cluster: PrivateCluster,
}

/// A program and its way to the broker.
struct Connected {
    program: Program,
    link: Link,
    queues: &'static [&'static str],
}

impl Installation {
    /// Starts everything and waits until it is ready.
    pub async fn start(nodes: usize) -> anyhow::Result<Self> {
        let cluster = PrivateCluster::temporary(nodes).await?;
        let mut site = Site::on(
            cluster.create_vhost().await?,
            shared_stack().await.create_database().await?,
        )?;
        site.migrate().await?;
        let mut programs = Vec::new();
        for (number, (name, queues)) in PROGRAMS.into_iter().enumerate() {
            let link = site.link_to_broker(number).await?;
            site.set("WEBHOOKS_AMQP__URL", link.url());
            programs.push(Connected {
                program: site.launch(name)?,
                link,
                queues,
            });
        }
        for connected in &mut programs {
            connected.program.wait_ready().await?;
        }
        let receiver = Receiver::start(&site.ca).await?;
        let api = site.api(&programs[0].program, "acme").await?;
        api.create_webhook(&receiver.url("/"), &["deal.won"]).await?;
        for fanout in &programs[..2] {
            fanout
                .program
                .wait_for_metric("webhook_subscription_index_webhooks", 1.0)
                .await?;
        }
        cluster.wait_whole().await?;
        let members = cluster.fewest_members().await?;
        anyhow::ensure!(members == nodes, "a queue has {members} members on {nodes} nodes");
        Ok(Self {
            receiver,
            programs,
            api,
            site,
            cluster,
        })
    }

    /// Breaks all connections of all programs off.
    pub async fn reconnect_all(&mut self) -> anyhow::Result<()> {
        for connected in &mut self.programs {
            connected.link.cut().await;
            connected.link.open().await?;
        }
        Ok(())
    }

    /// Whether all programs are ready.
    pub async fn are_ready(&self) -> bool {
        for connected in &self.programs {
            if !connected.program.unmet().await.is_ok_and(|unmet| unmet.is_empty()) {
                return false;
            }
        }
        true
    }

    /// One more sender, which has just become ready. It goes by the way of the last one.
    pub async fn another_sender(&self) -> anyhow::Result<Program> {
        self.site.sender().await
    }

    /// Makes a test by the API, which has to succeed at once.
    pub async fn test_button_works(&self) -> anyhow::Result<()> {
        // Another address each time: tests of one are limited.
        let url = self.receiver.url(&format!("/test/{}", self.receiver.count()));
        let said = self.api.test_url(&url).await?;
        anyhow::ensure!(said == "HTTP 200 OK = Success", "the test says: {said}");
        Ok(())
    }

    /// Checks that the queues are empty and have the consumers of these programs and no others; then stops all programs.
    pub async fn finish(mut self) -> anyhow::Result<()> {
        let vhost = self.site.vhost();
        for queue in QUEUES {
            let is_emptied = async || {
                vhost.ready(queue).await.ok() == Some(Some(0))
                    && vhost.unacknowledged(queue).await.ok() == Some(Some(0))
            };
            wait::until(SETTLED_WITHIN, format!("{queue} to be emptied"), is_emptied).await?;
            let theirs = self
                .programs
                .iter()
                .filter(|connected| connected.queues.contains(&queue))
                .count();
            let are_theirs = async || vhost.consumers(queue).await.ok() == Some(Some(theirs as u32));
            wait::until(SETTLED_WITHIN, format!("{theirs} consumers of {queue}"), are_theirs).await?;
        }
        for Connected { program, queues, .. } in &mut self.programs {
            for queue in *queues {
                program
                    .wait_for_metric(&format!(r#"webhook_amqp_consumers{{queue="{queue}"}}"#), 1.0)
                    .await?;
            }
            anyhow::ensure!(program.is_running(), "a program ended by itself");
            anyhow::ensure!(program.stop().await? == 0, "a program did not end in order");
        }
        Ok(())
    }
}
