//! Signing in and out, and when sessions end.

use jiff::{Timestamp, ToSpan};
use store::tokens::Role;
use web::AuthFailure;

use super::browser::{Browser, LIST, location};
use crate::api::{ACCOUNT, Api};

#[tokio::test]
async fn a_token_opens_a_session_that_signing_out_ends() {
    let api = Api::start().await;
    let mut browser = Browser::new(&api);
    let needed = browser.get(&format!("{LIST}/new?a=1")).await;
    let sign_in = location(&needed);
    assert_eq!(
        sign_in,
        "/sign-in?next=%2Fsettings%2Fintegrations%2Fwebhooks%2Fnew%3Fa%3D1"
    );
    assert!(
        browser
            .page(&sign_in)
            .await
            .contains("value=\"/settings/integrations/webhooks/new?a=1\"")
    );

    let token = api.token(ACCOUNT, Role::Admin).await;
    let fields = [
        ("token", token.as_str()),
        ("next", "/settings/integrations/webhooks/new?a=1"),
    ];
    let answer = browser.post_fields("/sign-in", &fields).await;
    assert_eq!(location(&answer), format!("{LIST}/new?a=1"));
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    assert!(!cookie.contains(&token));
    let first = browser.cookie().unwrap().to_owned();
    let kept = api
        .sql()
        .await
        .query_one("SELECT encode(hash, 'hex') FROM console_sessions", &[])
        .await
        .unwrap();
    assert!(!first.contains(kept.get::<_, &str>(0)));

    // Signing in again gives another id, and the former ends.
    browser.sign_in(&token).await;
    assert_ne!(browser.cookie().unwrap(), first);
    location(&Browser::with_cookie(&api, &first).get(LIST).await);

    let second = browser.cookie().unwrap().to_owned();
    let out = browser.post("/sign-out", &[]).await;
    assert_eq!(location(&out), "/sign-in?done=signed-out");
    assert_eq!(browser.cookie(), None);
    location(&Browser::with_cookie(&api, &second).get(LIST).await);
}

#[tokio::test]
async fn what_is_no_token_opens_nothing() {
    let api = Api::start().await;
    let mut browser = Browser::new(&api);
    for wrong in ["", "ewh_nothing", "' OR 1=1 --", "<script>"] {
        let answer = browser.sign_in(wrong).await;
        assert_eq!((answer.status.as_u16(), browser.cookie()), (422, None), "{wrong}");
        assert!(answer.text().contains("There is a problem"));
        assert!(wrong.is_empty() || !answer.text().contains(wrong));
    }
    for cookie in [
        "webhooks_session=",
        "webhooks_session=AAAA",
        "webhooks_session=a; webhooks_session=b",
    ] {
        location(&Browser::with_cookie(&api, cookie).get(LIST).await);
    }
}

#[tokio::test]
async fn who_guesses_has_to_wait() {
    let api = Api::start().await;
    let mut browser = Browser::new(&api);
    for number in 0..60 {
        assert_eq!(browser.sign_in("ewh_guess").await.status, 422, "{number}");
    }
    // Each second allows one more, and they took longer than that.
    let mut further = 0;
    while browser.sign_in("ewh_guess").await.status == 422 {
        further += 1;
        assert!(further < 60, "no limit");
    }
    let token = api.token(ACCOUNT, Role::Admin).await;
    assert_eq!(browser.sign_in(&token).await.status, 303, "who knows does not");
}

#[tokio::test]
async fn sessions_end_by_themselves_and_with_their_token() {
    let api = Api::start().await;
    let sql = api.sql().await;
    let age = async |column: &str, minutes: i32| {
        let statement = format!("UPDATE console_sessions SET {column} = now() - make_interval(mins => $1)");
        sql.execute(&statement, &[&minutes]).await.unwrap();
    };
    let browser = Browser::admin(&api).await;
    age("last_used_at", 29).await;
    browser.page(LIST).await;
    // That was a use: it counts from 0 again.
    let idle = "SELECT last_used_at > now() - interval '1 minute' FROM console_sessions";
    assert!(sql.query_one(idle, &[]).await.unwrap().get::<_, bool>(0));

    age("last_used_at", 29).await;
    let mut refreshing = Browser::with_cookie(&api, browser.cookie().unwrap());
    refreshing.headers = vec![("x-refresh", "1")];
    refreshing.page(LIST).await;
    assert!(
        !sql.query_one(idle, &[]).await.unwrap().get::<_, bool>(0),
        "a page that refreshes itself is no use"
    );

    age("last_used_at", 31).await;
    location(&browser.get(LIST).await);
    let browser = Browser::admin(&api).await;
    age("created_at", 12 * 60 - 1).await;
    browser.page(LIST).await;
    age("created_at", 12 * 60 + 1).await;
    location(&browser.get(LIST).await);

    let browser = Browser::admin(&api).await;
    api.database.delete_ended_sessions(pages::SESSION_LIMITS).await.unwrap();
    assert_eq!(
        sql.query_one("SELECT count(*) FROM console_sessions", &[])
            .await
            .unwrap()
            .get::<_, i64>(0),
        1
    );
    for token in api.database.tokens().await.unwrap() {
        api.database
            .revoke_token(&store::bearer::Who::Operator, token.id)
            .await
            .unwrap();
    }
    location(&browser.get(LIST).await);
}

#[tokio::test]
async fn signing_in_leads_nowhere_else() {
    let api = Api::start_below("/apps/crm").await;
    let token = api.token(ACCOUNT, Role::Admin).await;
    let root = format!("/apps/crm{LIST}");
    for next in [
        "https://evil.example/",
        "//evil.example",
        "/apps/crm/../evil",
        "/apps/crm/settings/integrations/webhooks/../../../../evil",
        "/apps/crm/settings/integrations/webhooks.evil",
        "/apps/crm/settings/integrations/webhooks/%2e%2E/%2e%2e/%2e%2e/%2e%2e/logout",
        "/apps/crm/settings/integrations/webhooks\\@evil.example",
        "/apps/crm/settings/integrations/webhooks\r\nset-cookie: a=b",
        "/settings/integrations/webhooks",
        "javascript:alert(1)",
    ] {
        let mut browser = Browser::new(&api);
        let answer = browser
            .post_fields("/apps/crm/sign-in", &[("token", &token), ("next", next)])
            .await;
        assert_eq!(location(&answer), root, "{next}");
        assert!(
            answer.headers["set-cookie"]
                .to_str()
                .unwrap()
                .contains("; Path=/apps/crm; ")
        );
    }
    let mut browser = Browser::new(&api);
    let next = format!("{root}/new?a=b");
    let answer = browser
        .post_fields("/apps/crm/sign-in", &[("token", &token), ("next", &next)])
        .await;
    assert_eq!(location(&answer), next);
    assert!(browser.page(&root).await.contains("action=\"/apps/crm/sign-out\""));
}

#[tokio::test]
async fn a_session_ends_when_its_token_expires() {
    let api = Api::start().await;
    let token = api
        .token_until(ACCOUNT, Role::Admin, Some(Timestamp::now() + 1.hour()))
        .await;
    let mut browser = Browser::new(&api);
    assert_eq!(location(&browser.sign_in(&token).await), LIST);
    browser.page(LIST).await;
    api.sql()
        .await
        .batch_execute("UPDATE api_tokens SET expires_at = now()")
        .await
        .unwrap();
    location(&browser.get(LIST).await);
    assert_eq!(browser.sign_in(&token).await.status, 422);
    assert_eq!(
        api.anonymous()
            .with_bearer(&token)
            .get("/api/v1/webhooks")
            .await
            .unwrap()
            .status,
        401
    );
    assert_eq!(api.refusals(), [AuthFailure::ExpiredToken, AuthFailure::ExpiredToken]);
}

#[tokio::test]
async fn a_known_token_does_not_start_sessions_without_end() {
    let api = Api::start_limited(5).await;
    let token = api.token(ACCOUNT, Role::Viewer).await;
    let mut statuses = Vec::new();
    for _ in 0..7 {
        statuses.push(Browser::new(&api).sign_in(&token).await.status.as_u16());
    }
    assert_eq!(statuses, [303, 303, 303, 303, 303, 429, 429]);
    let count = "SELECT count(*) FROM console_sessions";
    assert_eq!(api.sql().await.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 5);
}

#[tokio::test]
async fn nobody_sends_a_large_form_to_sign_in() {
    let api = Api::start().await;
    let mut browser = Browser::new(&api);
    let (fits, large) = ("a".repeat(64 * 1024 - "token=".len()), "a".repeat(64 * 1024));
    assert_eq!(browser.sign_in(&fits).await.status, 422);
    for path in ["/sign-in", "/sign-in?next=x"] {
        let refused = browser.post_fields(path, &[("token", &large)]).await;
        assert_eq!(refused.status, 413, "{}", refused.text());
    }
}
