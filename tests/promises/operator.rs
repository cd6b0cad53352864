//! What an operator does at the command line, while the programs run.

use bytes::Bytes;
use e2e::{Api, DEADLINE, Deployment, Event, Site};
use http::Request;
use serde_json::Value;
use testkit::http::Client;
use testkit::receiver::Receiver;
use testkit::wait;

const LIST: &str = "/settings/integrations/webhooks";

/// Output and exit status of a command.
async fn run(site: &Site, arguments: &[&str]) -> anyhow::Result<(i32, String)> {
    let output = site.run("fanout", arguments).await?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.code().unwrap_or(-1), String::from_utf8(said)?))
}

/// The cookie of a session started with this token; `None` if the token is refused.
async fn sign_in(console: &Client, token: &str) -> anyhow::Result<Option<String>> {
    let form = Request::post("/sign-in").header("content-type", "application/x-www-form-urlencoded");
    let answer = console.send(form.body(Bytes::from(format!("token={token}")))?).await?;
    let cookie = answer
        .headers
        .get("set-cookie")
        .and_then(|cookie| cookie.to_str().ok()?.split(';').next());
    Ok(cookie.map(str::to_owned))
}

async fn status(console: &Client, cookie: &str) -> anyhow::Result<u16> {
    let request = Request::get(LIST).header("cookie", cookie).body(Bytes::new())?;
    Ok(console.send(request).await?.status.as_u16())
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_and_ended_and_tokens_have_an_end() -> anyhow::Result<()> {
    let site = Site::new().await?;
    site.migrate().await?;
    let mut fanout = site.fanout().await?;
    let console = Client::new(fanout.api_url().to_owned());
    let create = [
        "token",
        "create",
        "--account",
        "acme",
        "--role",
        "viewer",
        "--expires",
        "90d",
    ];
    let (0, token) = run(&site, &create).await? else {
        anyhow::bail!("no token")
    };
    let in_90_days = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(90 * 24)).to_string();
    let (_, tokens) = run(&site, &["token", "list"]).await?;
    assert!(
        tokens.contains("EXPIRES") && tokens.contains(&in_90_days[..10]),
        "{tokens}"
    );

    let cookie = sign_in(&console, token.trim()).await?.expect("the token is good");
    let other = sign_in(&console, &site.token("globex", "admin").await?)
        .await?
        .expect("this one, too");
    let (_, sessions) = run(&site, &["session", "list"]).await?;
    let [_, first, _] = sessions.lines().collect::<Vec<_>>()[..] else {
        anyhow::bail!("{sessions}")
    };
    assert!(first.contains("\tacme\tviewer\t"), "{first}");
    let (ended, said) = run(&site, &["session", "revoke", "--account", "acme"]).await?;
    assert!(
        ended == 0 && said.starts_with("1 sessions ended\nacme\ttoken "),
        "{said}"
    );
    assert_eq!(
        (status(&console, &cookie).await?, status(&console, &other).await?),
        (303, 200)
    );
    assert_eq!(run(&site, &["session", "revoke", "--all"]).await?.0, 0);
    assert_eq!(status(&console, &other).await?, 303);

    site.database()
        .await?
        .execute("UPDATE api_tokens SET expires_at = now()")
        .await?;
    assert_eq!(sign_in(&console, token.trim()).await?, None);
    fanout
        .wait_for_metric("webhook_auth_failures_total{reason=\"expired_token\"}", 1.0)
        .await?;
    for wrong in [
        &["session", "revoke"][..],
        &["session", "revoke", "--all", "--account", "acme"],
        &["session", "revoke", "0123456789abcdef"],
        &[
            "token",
            "create",
            "--account",
            "acme",
            "--role",
            "viewer",
            "--expires",
            "soon",
        ],
    ] {
        assert_eq!(run(&site, wrong).await?.0, 2, "{wrong:?}");
    }
    assert_eq!(fanout.stop().await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_retired_while_everything_runs() -> anyhow::Result<()> {
    const FORMER: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    const NEXT: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
    let mut site = Site::new().await?;
    site.migrate().await?;
    let receiver = Receiver::start(&site.ca).await?;
    let mut fanout = site.fanout().await?;
    let token = site.token("acme", "admin").await?;
    let webhook = Api::new(fanout.api_url(), &token)
        .create_webhook(&receiver.url("/hook"), &["deal.won"])
        .await?;
    assert_eq!(fanout.stop().await?, 0);

    site.set("WEBHOOKS_SECRETS__KEY", NEXT);
    let (status, said) = run(&site, &["secrets", "rekey"]).await?;
    assert!(status == 1 && said.contains("1 secrets cannot be read"), "{said}");
    site.set("WEBHOOKS_SECRETS__PREVIOUS_KEYS", FORMER);
    let (mut fanout, mut sender) = (site.fanout().await?, site.sender().await?);
    let (status, said) = run(&site, &["secrets", "rekey"]).await?;
    assert!(
        status == 0 && said.starts_with("1 secrets encrypted again, 0 were"),
        "{said}"
    );
    let (_, said) = run(&site, &["secrets", "rekey"]).await?;
    assert!(said.starts_with("0 secrets encrypted again, 1 were"), "{said}");

    site.set("WEBHOOKS_SECRETS__PREVIOUS_KEYS", "");
    assert_eq!((fanout.stop().await?, sender.stop().await?), (0, 0));
    let (mut fanout, mut sender) = (site.fanout().await?, site.sender().await?);
    let api = Api::new(fanout.api_url(), &token);
    let shown: Value = api.get(&format!("/webhooks/{}/secret", webhook.id)).await?;
    assert_eq!(shown["secret"], webhook.secret.as_str());
    let tested = async || {
        api.test_webhook(&webhook.id)
            .await
            .is_ok_and(|answer| answer.status == 200)
    };
    wait::until(DEADLINE, "a signed test", tested).await?;
    receiver.verify(&domain::SigningSecret::parse(&webhook.secret)?)?;
    assert_eq!((fanout.stop().await?, sender.stop().await?), (0, 0));
    Ok(())
}

#[tokio::test]
async fn an_account_has_as_many_webhooks_as_the_operator_allows() -> anyhow::Result<()> {
    let all = Deployment::with(&[("WEBHOOKS_LIMITS__WEBHOOKS_PER_ACCOUNT", "2")]).await?;
    let form =
        |path: &str| serde_json::json!({"name": path, "url": all.receiver.url(path), "event_types": ["deal.won"]});
    let first = all.webhook("/first", &["deal.won"]).await?;
    all.webhook("/second", &["deal.won"]).await?;
    let refused = all.api.post("/webhooks", &form("/third")).await?;
    let problem = refused.json()?;
    assert_eq!(
        problem["detail"], "An account has at most 2 webhooks; delete one first",
        "{}",
        refused.status
    );
    let other = all.site.api(&all.fanout, "globex").await?;
    assert!(other.post("/webhooks", &form("/other")).await?.status.is_success());
    all.api.delete_webhook(&first.id).await?;
    assert!(all.api.post("/webhooks", &form("/third")).await?.status.is_success());
    all.finish().await
}

/// A developer of a CRM service tries an event before the service publishes such events.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_checked_and_published_from_a_file() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    let webhook = all.webhook("/hook", &["deal.won"]).await?;
    let directory = tempfile::tempdir()?;
    let file = async |name: &str, text: &str| -> anyhow::Result<String> {
        let path = directory.path().join(name);
        tokio::fs::write(&path, text).await?;
        Ok(path.to_string_lossy().into_owned())
    };
    let event = Event::new("deal.won", "evt-file");
    let message = event.as_json();
    let text = String::from_utf8_lossy(message.body()).into_owned();
    let good = file("good.json", &text).await?;
    let (status, said) = run(&all.site, &["event", "check", &good]).await?;
    let expected = format!("{}\tyes\t", webhook.id);
    assert!(
        status == 0 && said.starts_with("accepted: deal.won of account acme, event id evt-file\n"),
        "{said}"
    );
    assert!(
        said.contains(&expected) && said.contains(&event.posted_body()),
        "{said}"
    );
    assert_eq!(all.receiver.count(), 0, "nothing is published");

    for (name, text, reason) in [
        ("no-json", "{", "not accepted (malformed): "),
        (
            "no-type",
            &text.replace("deal.won", "deal.mislaid"),
            "not accepted (unknown_type): ",
        ),
        (
            "no-id",
            &text.replace("evt-file", ""),
            "not accepted (invalid_attribute): attribute `id`",
        ),
    ] {
        let bad = file(name, text).await?;
        for command in ["check", "publish"] {
            let (status, said) = run(&all.site, &["event", command, &bad]).await?;
            assert!(status == 1 && said.contains(reason), "{command} {name}: {said}");
        }
    }
    let (status, said) = run(&all.site, &["event", "publish", "/nowhere/event.json"]).await?;
    assert!(
        status == 1 && said.contains("cannot read /nowhere/event.json"),
        "{said}"
    );

    let (status, said) = run(&all.site, &["event", "publish", &good]).await?;
    assert!(
        status == 0 && said == "published deal.won of account acme, event id evt-file\n",
        "{said}"
    );
    all.api.wait_for_state(&webhook.id, "evt-file", "delivered").await?;
    all.finish().await
}
