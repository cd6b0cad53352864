//! Sends mails to a simulated mail server.

mod smtp;

use std::time::Duration;

use runtime::{Metrics, Program};
use testkit::certificates::TestCa;
use testkit::shared_stack;
use testkit::wait::until;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use super::*;
use smtp::{Letter, PlayedServer};

const WITHIN: Duration = Duration::from_secs(30);
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A running mailer.
struct Scene {
    sql: Client,
    database: Database,
    metrics: Arc<FanoutMetrics>,
    stop: CancellationToken,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Scene {
    async fn mailing_to(smtp_url: &str) -> Self {
        Self::with(smtp_url, "", WITHIN).await
    }

    async fn with(smtp_url: &str, ca_file: &str, timeout: Duration) -> Self {
        let database_url = shared_stack().await.create_database().await.unwrap();
        let settings = [
            ("AMQP__URL", "amqp://h"),
            ("DATABASE__URL", &database_url),
            ("SECRETS__KEY", KEY),
            ("NOTIFY__SMTP_URL", smtp_url),
            ("NOTIFY__MAIL_TO", "a@example.com,b@example.com"),
            ("EGRESS__CA_FILE", ca_file),
        ];
        let settings = settings.map(|(name, value)| (format!("WEBHOOKS_{name}"), value.to_owned()));
        let settings = Settings::load_from(Program::Fanout, None, settings).unwrap();
        let database = Database::from_settings(&settings.database, settings.secrets.clone()).unwrap();
        database.migrate().await.unwrap();
        let metrics = Arc::new(FanoutMetrics::new(&Metrics::new()));
        let mut mailer = Mailer::from_settings(&settings, &database, &metrics).unwrap().unwrap();
        mailer.server.timeout = timeout;
        let stop = CancellationToken::new();
        tokio::spawn(mailer.run(stop.clone()));
        let (sql, connection) = tokio_postgres::connect(&database_url, NoTls).await.unwrap();
        tokio::spawn(connection);
        Self {
            sql,
            database,
            metrics,
            stop,
        }
    }

    async fn notify(&self, message: &str) {
        let add = "INSERT INTO notifications (id, account, webhook_id, kind, message)
            VALUES (gen_random_uuid(), 'acme', $1, 'webhook.auto_paused', $2)";
        self.sql.execute(add, &[&Uuid::now_v7(), &message]).await.unwrap();
    }

    /// Waits until this many attempts had this result.
    async fn tried(&self, result: NotificationResult, times: u64) {
        let tries = self.metrics.notifications.with((NotificationChannel::Mail, result));
        until(WITHIN, format!("{times} tries {result:?}"), async || {
            tries.get() >= times
        })
        .await
        .unwrap();
    }

    async fn count(&self, condition: &str) -> i64 {
        let count = format!("SELECT count(*) FROM notifications WHERE {condition}");
        self.sql.query_one(&count, &[]).await.unwrap().get(0)
    }

    async fn is_mailed(&self) {
        let mailed = async || self.count("mailed_at IS NULL").await == 0;
        until(WITHIN, "all to be marked as mailed", mailed).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_notification_is_mailed_once_to_everybody() {
    let server = PlayedServer::start().await;
    let scene = Scene::mailing_to(&format!("smtp://crm:p%40ss@{}", server.address)).await;
    for name in ["one", "two", "three"] {
        scene.notify(name).await;
    }
    scene.tried(NotificationResult::Sent, 3).await;
    scene.is_mailed().await;
    let letters = server.letters();
    assert_eq!(letters.len(), 3);
    for Letter {
        recipients,
        login,
        text,
    } in &letters
    {
        assert_eq!(recipients, &["a@example.com", "b@example.com"]);
        assert_eq!(login.as_deref(), Some("\0crm\0p@ss"));
        assert!(text.contains("Subject: "), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_gets_the_mail_when_it_is_up() {
    let address = PlayedServer::free_address().await;
    let scene = Scene::mailing_to(&format!("smtp://{address}")).await;
    scene.notify("told later").await;
    scene.tried(NotificationResult::Failed, 1).await;
    let put_off = "mailed_at IS NULL AND mail_tries = 1
        AND mail_next_at BETWEEN now() + interval '30 s' AND now() + interval '61 s'";
    until(WITHIN, "the next try in a minute", async || {
        scene.count(put_off).await == 1
    })
    .await
    .unwrap();

    let server = PlayedServer::at(&address).await;
    scene
        .sql
        .batch_execute("UPDATE notifications SET mail_next_at = now()")
        .await
        .unwrap();
    scene.is_mailed().await;
    assert_eq!(server.letters().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_server_that_an_authority_vouches_for_hears_the_password() {
    runtime::install_crypto_provider();
    let ours = TestCa::new();
    let other = TestCa::new();
    let ca_file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca_file.path(), ours.pem()).unwrap();
    for (ca, result) in [(&other, NotificationResult::Failed), (&ours, NotificationResult::Sent)] {
        let server = PlayedServer::secured(ca.issue(&[])).await;
        let url = format!("smtps://crm:secret@{}", server.address);
        let scene = Scene::with(&url, ca_file.path().to_str().unwrap(), WITHIN).await;
        scene.notify("in secret").await;
        scene.tried(result, 1).await;
        let logins: Vec<_> = server.letters().into_iter().filter_map(|letter| letter.login).collect();
        assert_eq!(logins.len(), usize::from(result == NotificationResult::Sent));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_not_sent_to_a_server_without_tls() {
    let server = PlayedServer::start().await;
    let port = server.address.rsplit_once(':').unwrap().1;
    // This machine, by an address that the settings do not recognise as local.
    let elsewhere = format!("0.0.0.0:{port}");
    let scene = Scene::mailing_to(&format!("smtp://crm:secret@{elsewhere}")).await;
    scene.notify("in secret").await;
    scene.tried(NotificationResult::Failed, 1).await;
    assert!(server.letters().is_empty());

    let scene = Scene::mailing_to(&format!("smtp://{elsewhere}")).await;
    scene.notify("in the open").await;
    scene.tried(NotificationResult::Sent, 1).await;
    assert_eq!(server.letters().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_or_refuses_is_tried_again_until_it_is_no_news() {
    let hanging = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", hanging.local_addr().unwrap());
    let scene = Scene::with(&url, "", Duration::from_millis(200)).await;
    scene.notify("in vain").await;
    scene.tried(NotificationResult::Failed, 1).await;
    until(WITHIN, "it to be put off", async || {
        scene.count("mail_next_at > now() + interval '30 s'").await == 1
    })
    .await
    .unwrap();
    assert!(scene.database.claim_mail().await.unwrap().is_none());

    let nearly_a_day = "UPDATE notifications SET mail_next_at = now(), created_at = now() - interval '23 h 59 min'";
    scene.sql.batch_execute(nearly_a_day).await.unwrap();
    scene.is_mailed().await;
    scene.tried(NotificationResult::Failed, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_line_breaks_adds_no_header_and_no_recipient() {
    let server = PlayedServer::start().await;
    let scene = Scene::mailing_to(&format!("smtp://{}", server.address)).await;
    scene
        .notify("x'\r\nBcc: evil@example.com\r\n\r\n.\r\nRCPT TO:<evil@example.com>")
        .await;
    scene.is_mailed().await;
    let letters = server.letters();
    let [
        Letter {
            recipients,
            login,
            text,
        },
    ] = &letters[..]
    else {
        panic!("{} letters", letters.len())
    };
    assert_eq!((recipients.len(), login), (2, &None));
    let (headers, _) = text.split_once("\r\n\r\n").unwrap();
    assert!(headers.lines().all(|line| !line.starts_with("Bcc")), "{headers}");
    assert!(
        text.lines()
            .all(|line| !line.starts_with("RCPT") && !line.starts_with("Bcc")),
        "{text}"
    );
}
