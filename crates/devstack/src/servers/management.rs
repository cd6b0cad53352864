//! The management interface of a broker: virtual hosts, queue totals, connections.
//!
//! `rabbitmqctl` could do the same, for one or two seconds of computing per call.

use std::time::Duration;

use http::Method;
use lapin::uri::AMQPUri;
use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;

use super::ServerError;
use crate::http::{Client, Response};

/// How long a node of several may take; then the next one is asked.
pub(super) const NEXT_NODE_AFTER: Duration = Duration::from_secs(5);

/// A broker's management interface, and its AMQP address; of a cluster those of all its nodes.
#[derive(Clone)]
pub(crate) struct Management {
    /// Whichever answers first is believed.
    clients: Vec<Client>,
    pub(super) user: String,
    pub(super) amqp: Vec<Url>,
}

impl std::fmt::Debug for Management {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_list()
            .entries(self.clients.iter().map(Client::base))
            .finish()
    }
}

impl Management {
    /// The interface at `management` (`http://host:port`, credentials there are left out), with the credentials of the broker's AMQP URL.
    pub(crate) fn new(amqp: &str, management: &str) -> Result<Self, ServerError> {
        let invalid = |reason: String| ServerError::Address {
            variable: "the broker's URL",
            reason,
        };
        let userinfo = amqp.parse::<AMQPUri>().map_err(invalid)?.authority.userinfo;
        let amqp = Url::parse(amqp).map_err(|error| invalid(error.to_string()))?;
        let mut management = Url::parse(management).map_err(|error| invalid(error.to_string()))?;
        // They are those of the AMQP URL; the client takes none in its address.
        let _ = (management.set_username(""), management.set_password(None));
        let client = Client::new(management).with_basic(&userinfo.username, &userinfo.password);
        Ok(Self {
            clients: vec![client],
            user: userinfo.username,
            amqp: vec![amqp],
        })
    }

    /// The interfaces of the nodes of one cluster, as one that works while any node does.
    pub(super) fn of_cluster(nodes: impl IntoIterator<Item = Self>) -> Self {
        let mut clients = Vec::new();
        let mut amqp = Vec::new();
        let mut user = String::new();
        for node in nodes {
            clients.extend(node.clients);
            amqp.extend(node.amqp);
            user = node.user;
        }
        Self { clients, user, amqp }
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

    /// Creates a user, or changes it, who may do this in a virtual host: regular expressions of names for configure, write
    /// and read.
    pub(super) async fn permit(
        &self,
        vhost: &str,
        user: &str,
        password: &str,
        [configure, write, read]: [&str; 3],
    ) -> Result<(), ServerError> {
        self.put(
            &format!("/api/users/{user}"),
            &json!({"password": password, "tags": ""}),
        )
        .await?;
        let permissions = json!({"configure": configure, "write": write, "read": read});
        self.put(&format!("/api/permissions/{vhost}/{user}"), &permissions)
            .await
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, ServerError> {
        let answer = self.ask(Method::GET, path, None).await?;
        answer.json().map_err(|_| refused(&format!("GET {path}"), &answer))
    }

    pub(super) async fn delete(&self, path: &str) -> Result<(), ServerError> {
        self.ask(Method::DELETE, path, None).await.map(drop)
    }

    pub(super) async fn post(&self, path: &str) -> Result<(), ServerError> {
        self.ask(Method::POST, path, Some(&json!({}))).await.map(drop)
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<(), ServerError> {
        self.ask(Method::PUT, path, Some(body)).await.map(drop)
    }

    /// Asks one node after the other until one answers.
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response, ServerError> {
        let request = format!("{method} {path}");
        let (last, others) = self.clients.split_last().expect("a broker has a node");
        for node in others {
            if let Ok(Ok(answer)) = timeout(NEXT_NODE_AFTER, node.call(method.clone(), path, body)).await {
                return succeeded(&request, answer);
            }
        }
        succeeded(&request, last.call(method, path, body).await?)
    }
}

fn succeeded(request: &str, answer: Response) -> Result<Response, ServerError> {
    if answer.status.is_success() {
        Ok(answer)
    } else {
        Err(refused(request, &answer))
    }
}

fn refused(request: &str, answer: &Response) -> ServerError {
    ServerError::Management {
        request: request.to_owned(),
        status: answer.status.as_u16(),
        body: answer.text(),
    }
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
