//! Signing in with a ticket of the CRM, by form and by header.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::sso::{IdentityProvider, KeySet};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use pages::PageSettings;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::Sha256;
use testkit::http::Response;

use super::browser::{Browser, LIST, location};
use crate::api::{ACCOUNT, Api, OTHER_ACCOUNT, console, ok};

const ISSUER: &str = "https://crm.example.com";

/// The CRM: a key of its own, and what it signs with it.
struct Crm(EcdsaKeyPair);

impl Crm {
    fn new() -> Self {
        let (random, scheme) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(scheme, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(scheme, pkcs8.as_ref(), &random).unwrap())
    }

    fn jwks(&self) -> String {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (encode(x), encode(y));
        json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "crm-1", "use": "sig", "x": x, "y": y}]}).to_string()
    }

    fn console(&self) -> PageSettings {
        let keys = KeySet::from_jwks(self.jwks().as_bytes()).unwrap();
        let provider = IdentityProvider {
            keys,
            issuer: ISSUER.to_owned(),
            audience: "webhooks".to_owned(),
        };
        PageSettings {
            identity_provider: Some(Arc::new(provider)),
            ..console()
        }
    }

    async fn api(&self) -> Api {
        Api::start_console("", self.console()).await
    }

    fn ticket(&self, claims: &Value) -> String {
        self.sign(&json!({"alg": "ES256", "kid": "crm-1"}), claims)
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = signed(header, claims);
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", encode(signature))
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn signed(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header.to_string()), encode(claims.to_string()))
}

/// Claims of an administrator, in a ticket that was not used before.
fn claims() -> Value {
    let exp = Timestamp::now().as_second() + 60;
    json!({"iss": ISSUER, "aud": "webhooks", "sub": "alice@crm", "account": ACCOUNT, "role": "admin",
        "jti": uuid::Uuid::now_v7().to_string(), "exp": exp})
}

fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[name] = value.into();
    claims
}

/// A browser as whose frame a page of the CRM sends the form.
fn framed(api: &Api) -> Browser {
    let mut browser = Browser::new(api);
    browser.headers = vec![("origin", ISSUER), ("sec-fetch-site", "cross-site")];
    browser
}

/// Somebody whom the CRM has signed in, by a form.
async fn signed_in(api: &Api, crm: &Crm, claims: &Value) -> Browser {
    let mut browser = framed(api);
    assert_eq!(
        location(&browser.post_fields("/sso", &[("token", &crm.ticket(claims))]).await),
        LIST
    );
    browser.headers.clear();
    browser
}

#[track_caller]
fn refused(answer: &Response, sentence: &str) {
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    assert!(answer.text().contains(sentence), "{}", answer.text());
    assert!(!answer.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn a_ticket_opens_a_session_once() {
    let crm = Crm::new();
    let api = crm.api().await;
    let ticket = crm.ticket(&claims());
    let mut browser = framed(&api);
    let next = format!("{LIST}/new?a=b");
    assert_eq!(
        location(
            &browser
                .post_fields("/sso", &[("token", &ticket), ("next", &next)])
                .await
        ),
        next
    );
    browser.headers.clear();
    let page = browser.page(LIST).await;
    assert!(page.contains("<bdi>acme</bdi>, <bdi>alice@crm</bdi>") && !page.contains("read only"));

    let again = framed(&api).post_fields("/sso", &[("token", &ticket)]).await;
    refused(
        &again,
        "The sign-in link has been used already. Open the page again from your CRM.",
    );
    browser.page(LIST).await;

    // Another ticket is another session, and the former ends.
    let former = browser.cookie().unwrap().to_owned();
    browser.post_fields("/sso", &[("token", &crm.ticket(&claims()))]).await;
    assert_ne!(browser.cookie().unwrap(), former);
    location(&Browser::with_cookie(&api, &former).get(LIST).await);

    let second = browser.cookie().unwrap().to_owned();
    assert_eq!(
        location(&browser.post("/sign-out", &[]).await),
        "/sign-in?done=signed-out"
    );
    location(&Browser::with_cookie(&api, &second).get(LIST).await);
    assert!(
        Browser::new(&api)
            .page("/sign-in")
            .await
            .contains("If your CRM sent you here")
    );
}

#[tokio::test]
async fn a_proxy_sends_it_as_a_header() {
    let crm = Crm::new();
    let api = Api::start_console("/apps/crm", crm.console()).await;
    let root = format!("/apps/crm{LIST}");
    let get = async |path: &str, ticket: &str| {
        let request = http::Request::get(path).header("authorization", format!("Bearer {ticket}"));
        api.anonymous()
            .send(request.body(bytes::Bytes::new()).unwrap())
            .await
            .unwrap()
    };
    let ticket = crm.ticket(&claims());
    let answer = get(&format!("/apps/crm/sso?next={root}/notifications"), &ticket).await;
    assert_eq!(location(&answer), format!("{root}/notifications"));
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.ends_with("; Path=/apps/crm; HttpOnly; SameSite=Lax"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    assert!(
        Browser::with_cookie(&api, cookie)
            .page(&root)
            .await
            .contains("action=\"/apps/crm/sign-out\"")
    );
    refused(&get("/apps/crm/sso", &ticket).await, "has been used already");

    for next in [
        "https://evil.example/",
        "//evil.example",
        LIST,
        "/apps/crm/../evil",
        "/apps/crm/sso",
    ] {
        assert_eq!(
            location(&get(&format!("/apps/crm/sso?next={next}"), &crm.ticket(&claims())).await),
            root
        );
    }
    let in_address = Browser::new(&api)
        .get(&format!("/apps/crm/sso?token={}", crm.ticket(&claims())))
        .await;
    refused(&in_address, "The sign-in link has no token.");
    assert_eq!(Browser::new(&api).get("/sso").await.status, 404);
}

#[tokio::test]
async fn tickets_that_are_refused() {
    let (crm, stranger) = (Crm::new(), Crm::new());
    let api = crm.api().await;
    let now = Timestamp::now().as_second();
    let hs256 = signed(&json!({"alg": "HS256", "kid": "crm-1"}), &claims());
    let hmac = |secret: &[u8]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        mac.update(hs256.as_bytes());
        format!("{hs256}.{}", encode(mac.finalize().into_bytes()))
    };
    let invalid = "Your CRM could not sign you in here.";
    let no_role = "The sign-in link of your CRM names no valid account and role.";
    let cases = [
        (
            "expired",
            crm.ticket(&with("exp", now - 31)),
            "The sign-in link has expired. Open the page again from your CRM.",
        ),
        ("for too long", crm.ticket(&with("exp", now + 3600)), invalid),
        ("to come", crm.ticket(&with("nbf", now + 60)), invalid),
        (
            "another issuer",
            crm.ticket(&with("iss", "https://evil.example")),
            invalid,
        ),
        ("for others", crm.ticket(&with("aud", "billing")), invalid),
        ("without an id", crm.ticket(&with("jti", Value::Null)), invalid),
        ("without a person", crm.ticket(&with("sub", Value::Null)), invalid),
        ("without an account", crm.ticket(&with("account", Value::Null)), no_role),
        ("another role", crm.ticket(&with("role", "owner")), no_role),
        (
            "unsigned",
            format!("{}.", signed(&json!({"alg": "none"}), &claims())),
            invalid,
        ),
        ("HS256 with the point", hmac(crm.0.public_key().as_ref()), invalid),
        ("HS256 with the file", hmac(crm.jwks().as_bytes()), invalid),
        (
            "an unknown key",
            crm.sign(&json!({"alg": "ES256", "kid": "crm-2"}), &claims()),
            invalid,
        ),
        ("somebody else's key", stranger.ticket(&claims()), invalid),
        ("no ticket", "<script>alert(1)</script>".to_owned(), invalid),
        ("nothing", " ".to_owned(), "The sign-in link has no token."),
    ];
    for (what, ticket, sentence) in cases {
        let answer = framed(&api).post_fields("/sso", &[("token", &ticket)]).await;
        assert!(answer.text().contains(sentence), "{what}: {}", answer.text());
        refused(&answer, sentence);
        assert!(ticket.trim().is_empty() || !answer.text().contains(&ticket), "{what}");
    }
    let sql = api.sql().await;
    for table in ["console_sessions", "sso_tokens_used"] {
        let count = sql
            .query_one(&format!("SELECT count(*) FROM {table}"), &[])
            .await
            .unwrap();
        assert_eq!(count.get::<_, i64>(0), 0, "{table}");
    }
}

#[tokio::test]
async fn who_it_was_stands_in_the_trail() {
    let crm = Crm::new();
    let api = crm.api().await;
    let webhook = signed_in(&api, &crm, &claims()).await.add_webhook("ERP Sync").await;
    let mut viewer = signed_in(&api, &crm, &with("role", "viewer")).await;
    assert!(viewer.page(&webhook).await.contains("alice@crm"));
    assert!(viewer.page(LIST).await.contains("(read only)"));
    assert_eq!(viewer.post(&format!("{webhook}/pause"), &[]).await.status, 403);
    assert_eq!(viewer.post(&format!("{webhook}/secret"), &[]).await.status, 403);

    let mut stranger = signed_in(&api, &crm, &with("account", OTHER_ACCOUNT)).await;
    assert!(stranger.page(LIST).await.contains("No webhooks yet."));
    assert_eq!(stranger.get(&webhook).await.status, 404);
    assert_eq!(stranger.post(&format!("{webhook}/pause"), &[]).await.status, 404);

    let id = webhook.rsplit('/').next().unwrap();
    let trail = ok(&api
        .admin()
        .await
        .get(&format!("/api/v1/webhooks/{id}/audit"))
        .await
        .unwrap());
    let who = ["action", "subject", "token_id", "token_name"].map(|name| trail["data"][0][name].clone());
    assert_eq!(who, [json!("created"), json!("alice@crm"), Value::Null, json!("")]);
    assert_eq!(trail["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn in_a_frame_of_the_crm() {
    let crm = Crm::new();
    let frame_ancestors = vec![
        ISSUER.parse().unwrap(),
        "https://beta.example.com:8443".parse().unwrap(),
    ];
    let public_url = "https://hooks.example.com".parse().unwrap();
    let settings = PageSettings {
        frame_ancestors,
        public_url,
        ..crm.console()
    };
    let api = Api::start_console("", settings.clone()).await;
    let mut browser = framed(&api);
    let answer = browser.post_fields("/sso", &[("token", &crm.ticket(&claims()))]).await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-webhooks_session="), "{cookie}");
    assert!(
        cookie.ends_with("; Path=/; HttpOnly; SameSite=None; Partitioned; Secure"),
        "{cookie}"
    );

    let policy = |answer: &Response| answer.headers["content-security-policy"].to_str().unwrap().to_owned();
    let ancestors = "; frame-ancestors https://crm.example.com https://beta.example.com:8443";
    let refused = framed(&api).post_fields("/sso", &[("token", "x")]).await;
    for page in [browser.get(LIST).await, refused] {
        assert!(policy(&page).ends_with(ancestors), "{}", policy(&page));
    }
    let of_api = api.anonymous().get("/api/v1/webhooks").await.unwrap();
    assert!(policy(&of_api).ends_with("frame-ancestors 'none'"));

    // The frame may show the pages. Only they may send their forms.
    let form_token = super::browser::value(
        &{
            browser.headers.clear();
            browser.page(LIST).await
        },
        "form_token",
    )
    .unwrap();
    browser.headers = vec![("origin", ISSUER), ("sec-fetch-site", "cross-site")];
    let foreign = browser
        .post_fields(
            &format!("{LIST}/notifications/read-all"),
            &[("form_token", &form_token)],
        )
        .await;
    assert_eq!(foreign.status, 403);
    browser.headers = vec![
        ("origin", "https://hooks.example.com"),
        ("sec-fetch-site", "same-origin"),
    ];
    let own = browser
        .post_fields(
            &format!("{LIST}/notifications/read-all"),
            &[("form_token", &form_token)],
        )
        .await;
    assert_eq!(own.status, 303);

    let unframed = Api::start_console(
        "",
        PageSettings {
            frame_ancestors: Vec::new(),
            ..settings
        },
    )
    .await;
    let answer = framed(&unframed)
        .post_fields("/sso", &[("token", &crm.ticket(&claims()))])
        .await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    assert!(policy(&unframed.anonymous().get("/sign-in").await.unwrap()).ends_with("frame-ancestors 'none'"));
}

#[tokio::test]
async fn without_a_crm_there_is_nothing_to_sign_in_with() {
    let api = Api::start().await;
    let answer = framed(&api)
        .post_fields("/sso", &[("token", &Crm::new().ticket(&claims()))])
        .await;
    assert_eq!(answer.status, 404);
    assert!(!Browser::new(&api).page("/sign-in").await.contains("your CRM"));
}

#[tokio::test]
async fn a_session_ends_with_single_sign_on_and_with_the_key_that_vouched() {
    let crm = Crm::new();
    let api = crm.api().await;
    let browser = signed_in(&api, &crm, &claims()).await;
    browser.page(LIST).await;
    let cookie = browser.cookie().unwrap().to_owned();
    let restarted = async |console: PageSettings| {
        let again = Api::start_on(&api.database_url, console).await;
        let answer = Browser::with_cookie(&again, &cookie).get(LIST).await;
        answer.status.as_u16()
    };
    assert_eq!(restarted(crm.console()).await, 200);
    assert_eq!(restarted(console()).await, 303, "switched off");
    assert_eq!(
        restarted(Crm::new().console()).await,
        303,
        "another key, of the same name"
    );
    let provider = IdentityProvider {
        keys: KeySet::from_jwks(crm.jwks().as_bytes()).unwrap(),
        issuer: "https://other.example.com".to_owned(),
        audience: "webhooks".to_owned(),
    };
    assert_eq!(
        restarted(PageSettings {
            identity_provider: Some(Arc::new(provider)),
            ..console()
        })
        .await,
        303
    );
    assert_eq!(restarted(crm.console()).await, 200, "nothing was removed");
}

#[tokio::test]
async fn the_newest_ticket_says_what_a_person_may_do() {
    let crm = Crm::new();
    let api = crm.api().await;
    let admin = signed_in(&api, &crm, &with("role", "admin")).await;
    admin.page(&format!("{LIST}/new")).await;
    let viewer = signed_in(&api, &crm, &with("role", "viewer")).await;
    assert_eq!(
        location(&admin.get(LIST).await),
        "/sign-in?next=%2Fsettings%2Fintegrations%2Fwebhooks"
    );
    assert!(viewer.page(LIST).await.contains("read only"));
    let refused = framed(&api).post_fields("/sso", &[("token", "nonsense")]).await;
    assert_eq!(
        (refused.status.as_u16(), api.refusals()),
        (403, vec![web::AuthFailure::Ticket])
    );
}
