//! One signed request.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;

use crate::Endpoint;
use crate::failure::Failure;

// Standard Webhooks 1.0, "Webhook headers".
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// One signed request. Borrowed per attempt; nothing here is kept after the attempt.
#[derive(Clone)]
pub struct Post<'a> {
    /// The endpoint, prepared once per webhook.
    pub endpoint: &'a Endpoint,
    /// `webhook-id`: the delivery's id.
    pub id: &'a str,
    /// `webhook-timestamp`: Unix seconds of this attempt.
    pub timestamp: i64,
    /// `webhook-signature`: one signature, or several separated by spaces.
    pub signature: &'a str,
    /// The webhook's own headers. Ours replace those of the same name.
    pub headers: &'a HeaderMap,
    /// The payload: the exact signed bytes; JSON.
    pub body: Bytes,
}

impl Post<'_> {
    /// The HTTP request; hyper adds `content-length`. Fails only if id or signature are not valid in a header, which
    /// those made by `domain` always are.
    pub(crate) fn into_request(self, user_agent: &HeaderValue) -> Result<Request<Full<Bytes>>, Failure> {
        let mut headers = self.headers.clone();
        headers.entry(ACCEPT).or_insert(ANYTHING);
        headers.insert(HOST, self.endpoint.host_header.clone());
        headers.insert(USER_AGENT, user_agent.clone());
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(WEBHOOK_ID, header(self.id)?);
        headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(self.timestamp));
        headers.insert(WEBHOOK_SIGNATURE, header(self.signature)?);
        let mut request = Request::new(Full::new(self.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.uri.clone();
        *request.headers_mut() = headers;
        Ok(request)
    }
}

fn header(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text).map_err(|_| Failure::InvalidRequest)
}
