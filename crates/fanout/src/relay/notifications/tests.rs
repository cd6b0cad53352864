//! On real servers.

use std::sync::Arc;

use broker::{Broker, BrokerUrl, Connector, Telemetry, Topology};
use domain::{NotificationKind, ReleaseRate};
use lapin::options::{BasicGetOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use runtime::{Metrics, Program, Readiness};
use settings::Settings;
use store::Database;
use testkit::servers::PrivateRabbit;
use testkit::shared_stack;
use testkit::wait::until;
use tokio_postgres::{Client, NoTls};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::*;
use crate::lanes::Lanes;
use crate::metrics::FanoutMetrics;

const WITHIN: Duration = Duration::from_secs(60);
const TOLD: &str = "told";

struct Scene {
    amqp_url: String,
    database_url: String,
    sql: Client,
    stop: CancellationToken,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Scene {
    /// With a queue of the CRM's bound to all notifications.
    async fn at(amqp_url: &str) -> Self {
        let database_url = shared_stack().await.create_database().await.unwrap();
        let (sql, connection) = tokio_postgres::connect(&database_url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let scene = Self {
            amqp_url: amqp_url.to_owned(),
            database_url,
            sql,
            stop: CancellationToken::new(),
        };
        scene.database().migrate().await.unwrap();
        Topology::new(&scene.settings().retry)
            .declare(&scene.connector())
            .await
            .unwrap();
        let (_connection, channel) = scene.connect().await;
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        channel
            .queue_declare(TOLD.into(), durable, FieldTable::default())
            .await
            .unwrap();
        let exchange = topology::NOTIFICATIONS_EXCHANGE.into();
        let options = QueueBindOptions::default();
        channel
            .queue_bind(
                TOLD.into(),
                exchange,
                "webhook.*".into(),
                options,
                FieldTable::default(),
            )
            .await
            .unwrap();
        scene
    }

    fn settings(&self) -> Settings {
        let settings = [
            ("WEBHOOKS_AMQP__URL", self.amqp_url.as_str()),
            ("WEBHOOKS_DATABASE__URL", &self.database_url),
            ("WEBHOOKS_SECRETS__KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Settings::load_from(Program::Fanout, None, settings).unwrap()
    }

    fn database(&self) -> Database {
        let settings = self.settings();
        Database::from_settings(&settings.database, settings.secrets).unwrap()
    }

    fn connector(&self) -> Connector {
        Connector::new(self.amqp_url.parse::<BrokerUrl>().unwrap(), "test")
    }

    /// Starts another relay, as in another process.
    fn relay(&self) -> Arc<FanoutMetrics> {
        let metrics = Metrics::new();
        let broker = Broker::new(
            self.connector(),
            Topology::new(&self.settings().retry),
            Telemetry::new(&metrics, &Readiness::new()),
        );
        let publisher = broker.publisher(self.stop.clone());
        let metrics = Arc::new(FanoutMetrics::new(&metrics));
        let database = self.database();
        let rate = ReleaseRate::START;
        let relay = Relay {
            database,
            publisher,
            rate,
            lanes: Lanes::default(),
            metrics: Arc::clone(&metrics),
            largest_event: 1,
            stop: self.stop.clone(),
        };
        tokio::spawn(relay.notifications());
        metrics
    }

    async fn notify(&self, count: i32) {
        let add = "INSERT INTO notifications (id, account, webhook_id, kind, message)
            SELECT gen_random_uuid(), 'acme', gen_random_uuid(), 'webhook.auto_paused', 'paused ' || n
            FROM generate_series(1, $1) n";
        self.sql.execute(add, &[&count]).await.unwrap();
    }

    async fn all_published(&self) {
        let published = async || {
            let left = "SELECT count(*) FROM notifications WHERE published_at IS NULL";
            self.sql.query_one(left, &[]).await.unwrap().get::<_, i64>(0) == 0
        };
        until(WITHIN, "all notifications to be published", published)
            .await
            .unwrap();
    }

    async fn connect(&self) -> (lapin::Connection, lapin::Channel) {
        let connection = Box::pin(lapin::Connection::connect(&self.amqp_url, Default::default()))
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        (connection, channel)
    }

    /// The notifications that the CRM received.
    async fn told(&self) -> Vec<wire::Notification> {
        let (_connection, channel) = self.connect().await;
        let mut told = Vec::new();
        while let Some(message) = channel
            .basic_get(TOLD.into(), BasicGetOptions { no_ack: true })
            .await
            .unwrap()
        {
            let notification = wire::Notification::decode(&message.data).unwrap();
            let properties = &message.properties;
            assert_eq!(
                properties.message_id().as_ref().unwrap().as_str(),
                notification.id.to_string()
            );
            assert_eq!(properties.content_type().as_ref().unwrap().as_str(), wire::NOTIFICATION);
            assert_eq!(message.routing_key.as_str(), <&str>::from(notification.kind));
            told.push(notification);
        }
        told
    }
}

fn distinct(told: &[wire::Notification]) -> usize {
    told.iter()
        .map(|notification| notification.id)
        .collect::<std::collections::HashSet<Uuid>>()
        .len()
}

#[tokio::test(flavor = "multi_thread")]
async fn several_relays_publish_each_notification_once() {
    let scene = Scene::at(shared_stack().await.create_vhost().await.unwrap().url()).await;
    let relays: Vec<_> = (0..3).map(|_| scene.relay()).collect();
    scene.notify(250).await;
    scene.all_published().await;
    let told = scene.told().await;
    assert_eq!((told.len(), distinct(&told)), (250, 250));
    assert!(
        told.iter()
            .all(|told| told.kind == NotificationKind::AutoPaused && told.message.starts_with("paused "))
    );
    let sent = |metrics: &Arc<FanoutMetrics>| {
        metrics
            .notifications
            .with((NotificationChannel::Broker, NotificationResult::Sent))
            .get()
    };
    assert_eq!(relays.iter().map(sent).sum::<u64>(), 250);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_while_the_broker_is_away_is_published_once_when_it_is_back() {
    let mut broker = PrivateRabbit::temporary().await.unwrap();
    let scene = Scene::at(broker.url()).await;
    scene.relay();
    scene.notify(3).await;
    scene.all_published().await;
    // Consumed before the kill. After it a recently declared queue may have lost its messages, and also that they were
    // consumed.
    let before = scene.told().await;

    broker.kill_nine().await.unwrap();
    scene.notify(3).await;
    broker.start_again().await.unwrap();
    scene.all_published().await;
    let is_new = |told: &wire::Notification| before.iter().all(|before| before.id != told.id);
    let told: Vec<_> = scene.told().await.into_iter().filter(is_new).collect();
    assert_eq!((before.len(), told.len(), distinct(&told)), (3, 3, 3));
}
