//! The management interface of a broker: virtual hosts, queue totals, connections.
//!
//! `rabbitmqctl` could do the same, for one or two seconds of computing per call.

use lapin::uri::AMQPUri;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::{ServerError, Vhost};
use crate::http::{Client, Response};

/// A broker's management interface, and its AMQP address.
#[derive(Clone)]
pub(crate) struct Management {
    client: Client,
    user: String,
    amqp: Url,
}

impl std::fmt::Debug for Management {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Management").field(&self.client.base()).finish()
    }
}

impl Management {
    /// The interface at `management` (`http://host:port`, credentials there are left out), with the credentials of the broker's AMQP URL.
    pub(crate) fn new(amqp: &str, management: &str) -> Result<Self, ServerError> {
        let invalid = |reason: String| ServerError::Address { variable: "the broker's URL", reason };
        let userinfo = amqp.parse::<AMQPUri>().map_err(invalid)?.authority.userinfo;
        let amqp = Url::parse(amqp).map_err(|error| invalid(error.to_string()))?;
        let mut management = Url::parse(management).map_err(|error| invalid(error.to_string()))?;
        // They are those of the AMQP URL; the client takes none in its address.
        let _ = (management.set_username(""), management.set_password(None));
        let client = Client::new(management).with_basic(&userinfo.username, &userinfo.password);
        Ok(Self { client, user: userinfo.username, amqp })
    }

    /// The name of the node that answers.
    pub(super) async fn node_name(&self) -> Result<String, ServerError> {
        let overview = self.get("/api/overview").await?;
        Ok(overview["node"].as_str().unwrap_or_default().to_owned())
    }

    /// Whether the node has a resource alarm in force.
    pub(super) async fn has_alarm(&self) -> Result<bool, ServerError> {
        match self.get("/api/health/checks/local-alarms").await {
            Ok(_) => Ok(false),
            Err(ServerError::Management { status: 503, .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Creates a virtual host of a fresh name, which the broker's user may use in full.
    pub(crate) async fn create_vhost(&self) -> Result<Vhost, ServerError> {
        let name = format!("test-{}", Uuid::now_v7().simple());
        self.put(&format!("/api/vhosts/{name}"), &json!({})).await?;
        let everything = json!({"configure": ".*", "write": ".*", "read": ".*"});
        self.put(&format!("/api/permissions/{name}/{}", encode(&self.user)), &everything).await?;
        let mut url = self.amqp.clone();
        url.set_path(&name);
        Ok(Vhost::new(self.clone(), name, url.into()))
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, ServerError> {
        let answer = self.client.get(path).await?;
        let answer = succeeded(&format!("GET {path}"), answer)?;
        answer.json().map_err(|_| refused(&format!("GET {path}"), &answer))
    }

    pub(super) async fn delete(&self, path: &str) -> Result<(), ServerError> {
        let answer = self.client.delete(path).await?;
        succeeded(&format!("DELETE {path}"), answer).map(drop)
    }

    async fn put(&self, path: &str, body: &Value) -> Result<(), ServerError> {
        let answer = self.client.put(path, body).await?;
        succeeded(&format!("PUT {path}"), answer).map(drop)
    }
}

fn succeeded(request: &str, answer: Response) -> Result<Response, ServerError> {
    if answer.status.is_success() { Ok(answer) } else { Err(refused(request, &answer)) }
}

fn refused(request: &str, answer: &Response) -> ServerError {
    ServerError::Management { request: request.to_owned(), status: answer.status.as_u16(), body: answer.text() }
}

/// Percent-encodes a name as one segment of a path (RFC 3986, section 2.3).
pub(super) fn encode(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_segment() {
        assert_eq!(encode("webhooks.events"), "webhooks.events");
        assert_eq!(encode("127.0.0.1:5 -> a/b"), "127.0.0.1%3A5%20-%3E%20a%2Fb");
    }
}
