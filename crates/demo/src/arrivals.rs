//! What a receiver does: verify each request and act on its event. Here acting is printing a line.

use anyhow::{Context as _, ensure};
use domain::SigningSecret;
use serde_json::Value;
use testkit::receiver::{ReceivedRequest, Receiver};

/// The requests that have arrived, each verified once.
pub struct Arrivals<'a> {
    receiver: &'a Receiver,
    secret: SigningSecret,
    seen: Vec<Arrival>,
}

struct Arrival {
    event_type: String,
    webhook_id: String,
    verified: anyhow::Result<()>,
}

impl<'a> Arrivals<'a> {
    /// Nothing has arrived yet.
    pub fn new(receiver: &'a Receiver, secret: SigningSecret) -> Self {
        Self {
            receiver,
            secret,
            seen: Vec::new(),
        }
    }

    /// Verifies and prints what has arrived since the last call.
    pub fn tell_new(&mut self) {
        for request in self.receiver.requests().iter().skip(self.seen.len()) {
            let arrival = Arrival::of(request, &self.secret);
            let verdict = match &arrival.verified {
                Ok(()) => "signature verified".to_owned(),
                Err(error) => format!("NOT VERIFIED: {error:#}"),
            };
            println!("  {:<16} {}  {verdict}", arrival.event_type, arrival.webhook_id);
            self.seen.push(arrival);
        }
    }

    /// Number of reported requests.
    pub fn count(&self) -> usize {
        self.seen.len()
    }

    /// Their `webhook-id`s, which are the deliveries' ids.
    pub fn ids(&self) -> impl Iterator<Item = &String> {
        self.seen.iter().map(|arrival| &arrival.webhook_id)
    }

    /// The types of their events.
    pub fn event_types(&self) -> impl Iterator<Item = &str> {
        self.seen.iter().map(|arrival| arrival.event_type.as_str())
    }

    /// Whether every signature was good.
    pub fn all_verified(&self) -> anyhow::Result<()> {
        for Arrival {
            event_type, verified, ..
        } in &self.seen
        {
            if let Err(error) = verified {
                anyhow::bail!("the request for {event_type} was not verified: {error:#}");
            }
        }
        Ok(())
    }
}

impl Arrival {
    fn of(request: &ReceivedRequest, secret: &SigningSecret) -> Self {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        Self {
            event_type: body["type"].as_str().unwrap_or("(no type)").to_owned(),
            webhook_id: request.webhook_id().to_owned(),
            verified: verify(request, secret),
        }
    }
}

/// With this project's own code, and with the Standard Webhooks library that customers would use.
fn verify(request: &ReceivedRequest, secret: &SigningSecret) -> anyhow::Result<()> {
    ensure!(request.is_signed_with(secret), "the signature does not match");
    let standard = standardwebhooks::Webhook::new(&secret.whsec())?;
    standard
        .verify(&request.body, &request.headers)
        .context("the Standard Webhooks library disagrees")
}
