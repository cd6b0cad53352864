//! A browser as far as the tests need one: it keeps a cookie, follows nothing, and sends forms.

use bytes::Bytes;
use http::{Method, Request};
use store::tokens::Role;
use testkit::http::{Client, Response};
use url::form_urlencoded;

use crate::api::{ACCOUNT, Api};

/// The path of the list.
pub const LIST: &str = "/settings/integrations/webhooks";

/// Somebody at a browser.
pub struct Browser {
    client: Client,
    cookie: Option<String>,
    /// Put before what it sends, to play other browsers.
    pub headers: Vec<(&'static str, &'static str)>,
}

impl Browser {
    /// Nobody has signed in.
    pub fn new(api: &Api) -> Self {
        Self {
            client: api.anonymous(),
            cookie: None,
            headers: Vec::new(),
        }
    }

    /// Somebody who has signed in to an account.
    pub async fn signed_in(api: &Api, account: &str, role: Role) -> Self {
        let mut browser = Self::new(api);
        let answer = browser.sign_in(&api.token(account, role).await).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        browser
    }

    /// An administrator of [`ACCOUNT`].
    pub async fn admin(api: &Api) -> Self {
        Self::signed_in(api, ACCOUNT, Role::Admin).await
    }

    /// Sends the sign-in form.
    pub async fn sign_in(&mut self, token: &str) -> Response {
        self.post_fields("/sign-in", &[("token", token)]).await
    }

    /// Opens a page.
    pub async fn get(&self, path: &str) -> Response {
        self.client
            .send(self.request(Method::GET, path).body(Bytes::new()).unwrap())
            .await
            .unwrap()
    }

    /// Opens a page that is there.
    pub async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
        answer.text()
    }

    /// Sends a form with the session's token in it, as it stands in every page.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let token = value(&self.page(LIST).await, "form_token").expect("a form is in the list");
        self.post_fields(path, &[fields, &[("form_token", &token)]].concat())
            .await
    }

    /// Sends exactly these fields.
    pub async fn post_fields(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = self
            .request(Method::POST, path)
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = self.client.send(request.body(body.into()).unwrap()).await.unwrap();
        if let Some(cookie) = answer.headers.get("set-cookie") {
            let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
            self.cookie = Some(cookie.to_owned()).filter(|cookie| !cookie.ends_with('='));
        }
        answer
    }

    fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    /// The cookie as it is sent.
    pub fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    /// Somebody else with the same cookie.
    pub fn with_cookie(api: &Api, cookie: &str) -> Self {
        Self {
            cookie: Some(cookie.to_owned()),
            ..Self::new(api)
        }
    }

    /// Adds a webhook by the form, and returns the path of its page.
    pub async fn add_webhook(&mut self, name: &str) -> String {
        let fields = [
            ("name", name),
            ("url", "https://erp.example.com/hook"),
            ("event_types", "deal.won"),
            ("event_types", "invoice.paid"),
        ];
        let answer = self.post(&format!("{LIST}/new"), &fields).await;
        location(&answer).split('?').next().unwrap().to_owned()
    }
}

/// Where a 303 leads.
#[track_caller]
pub fn location(answer: &Response) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.headers["location"].to_str().unwrap().to_owned()
}

/// The value of the first field of this name in a page.
pub fn value(page: &str, name: &str) -> Option<String> {
    let field = &page[page.find(&format!("name=\"{name}\""))?..];
    let field = &field[..field.find('>')?];
    let value = field.split_once("value=\"")?.1.split('"').next()?;
    Some(
        value
            .replace("&#39;", "'")
            .replace("&#34;", "\"")
            .replace("&#60;", "<")
            .replace("&#62;", ">")
            .replace("&#38;", "&"),
    )
}
