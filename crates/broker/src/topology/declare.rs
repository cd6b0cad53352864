//! Declares the topology: missing objects are created, existing ones are left unchanged, and without permission to
//! declare, objects declared by others are used.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::FieldTable;
use lapin::{Channel, ErrorKind};
use runtime::with_causes;
use tracing::{debug, info};

use super::{Object, Topology};
use crate::connection::{ANSWER_TIMEOUT, Connection, Connector, in_time};

/// Why the topology is incomplete.
#[derive(Debug, thiserror::Error)]
pub enum DeclareError {
    /// An object of this name exists with other arguments; an operator has to decide.
    #[error("the broker has {object} with another {argument}; delete or rename it, or restore the setting ({server})")]
    Differs {
        /// `queue 'name'` or `exchange 'name'`.
        object: String,
        /// The argument that differs.
        argument: String,
        /// The broker's reply text.
        server: String,
    },
    /// It does not exist, and the broker's user may not declare it.
    #[error("{object} does not exist and may not be declared: grant the right to configure it, or declare it")]
    Forbidden {
        /// What is missing.
        object: String,
        /// The broker's refusal.
        source: lapin::Error,
    },
    /// The broker cannot be reached or refused otherwise.
    #[error("cannot declare {object}")]
    Broker {
        /// The object to declare.
        object: String,
        /// The error.
        source: lapin::Error,
    },
    /// There is no connection.
    #[error("cannot connect to declare exchanges and queues")]
    NotConnected(#[from] lapin::Error),
}

impl DeclareError {
    /// The broker replied; the error is not about the connection.
    pub(crate) fn is_answer(&self) -> bool {
        match self {
            Self::Differs { .. } | Self::Forbidden { .. } => true,
            Self::Broker { source, .. } => refusal(source).is_some(),
            Self::NotConnected(_) => false,
        }
    }
}

impl Topology {
    /// Declares everything, on a connection of its own. Idempotent, and safe from many processes at once.
    ///
    /// # Errors
    /// [`DeclareError::Differs`] when an object exists with other arguments.
    pub async fn declare(&self, connector: &Connector) -> Result<(), DeclareError> {
        let connection = connector.connect("topology").await?;
        let declared = self.declare_on(&connection).await;
        connection.close().await;
        declared
    }

    /// Creates missing objects for a session about to use them. Failures are ignored: if they matter, the session's
    /// next step fails.
    pub(crate) async fn mend(&self, connection: &Connection) {
        let mut declarer = Declarer::on(connection);
        for object in &self.objects {
            match declarer.declare_if_missing(object).await {
                Err(error) if !error.is_answer() => return,
                Err(error) => debug!(%object, error = with_causes(&error), "cannot declare a part of the topology"),
                Ok(_) => {}
            }
        }
    }

    async fn declare_on(&self, connection: &Connection) -> Result<(), DeclareError> {
        let mut declarer = Declarer::on(connection);
        for object in &self.objects {
            match declarer.declare(object).await {
                Err(DeclareError::Forbidden { .. }) if object.is_binding() => {
                    info!(%object, "no permission to declare a part of the topology; it is assumed to exist");
                }
                declared => declared?,
            }
        }
        Ok(())
    }
}

/// Declares on one connection. Each refusal closes the channel; the next declaration opens another.
pub(super) struct Declarer<'a> {
    connection: &'a Connection,
    channel: Option<Channel>,
}

impl<'a> Declarer<'a> {
    pub(super) fn on(connection: &'a Connection) -> Self {
        Self {
            connection,
            channel: None,
        }
    }

    /// Declares the object unless it exists.
    ///
    /// # Errors
    /// It exists with other arguments, or may not be declared, or the connection is lost.
    pub(super) async fn declare(&mut self, object: &Object) -> Result<(), DeclareError> {
        let Err(error) = self.ask(object, false).await else {
            return Ok(());
        };
        match refusal(&error) {
            // The existence of a binding cannot be queried.
            Some(AMQPSoftError::ACCESSREFUSED) => match !object.is_binding() && self.exists(object).await? {
                true => Ok(()),
                false => Err(DeclareError::Forbidden {
                    object: object.to_string(),
                    source: error,
                }),
            },
            _ => Err(explain(object, error)),
        }
    }

    /// Declares the object unless one of its name exists, whatever its arguments; true when it was created. The
    /// existence of a binding cannot be queried, but binding again changes nothing.
    ///
    /// # Errors
    /// It may not be declared, or the broker did not reply.
    pub(super) async fn declare_if_missing(&mut self, object: &Object) -> Result<bool, DeclareError> {
        if object.is_binding() {
            return self.declare(object).await.map(|()| false);
        }
        if self.exists(object).await? {
            return Ok(false);
        }
        self.declare(object).await.map(|()| true)
    }

    /// Whether such an exchange or queue exists, whatever its arguments. Needs no permission to configure it.
    ///
    /// # Errors
    /// The broker did not reply.
    async fn exists(&mut self, object: &Object) -> Result<bool, DeclareError> {
        match self.ask(object, true).await {
            Ok(()) => Ok(true),
            Err(error) if refusal(&error) == Some(AMQPSoftError::NOTFOUND) => Ok(false),
            Err(error) => Err(explain(object, error)),
        }
    }

    async fn ask(&mut self, object: &Object, passive: bool) -> Result<(), lapin::Error> {
        let channel = match self.channel.take() {
            Some(channel) => channel,
            None => self.connection.create_channel().await?,
        };
        in_time(ANSWER_TIMEOUT, ask_on(&channel, object, passive)).await?;
        // Only after a reply: after a refusal the channel is closed, and without a reply it is stuck.
        self.channel = Some(channel);
        Ok(())
    }
}

async fn ask_on(channel: &Channel, object: &Object, passive: bool) -> Result<(), lapin::Error> {
    match object.clone() {
        Object::Exchange { name, kind, arguments } => {
            let options = ExchangeDeclareOptions {
                durable: true,
                passive,
                ..Default::default()
            };
            channel.exchange_declare(name.into(), kind, options, arguments).await
        }
        Object::Queue { name, arguments } => {
            let options = QueueDeclareOptions {
                durable: true,
                passive,
                ..Default::default()
            };
            channel.queue_declare(name.into(), options, arguments).await.map(drop)
        }
        Object::Binding { queue, exchange, key } => {
            let options = QueueBindOptions::default();
            let arguments = FieldTable::default();
            channel
                .queue_bind(queue.into(), exchange.into(), key.into(), options, arguments)
                .await
        }
    }
}

/// The reply code of a refusal that closed the channel; `None` for other errors.
pub(crate) fn refusal(error: &lapin::Error) -> Option<AMQPSoftError> {
    let ErrorKind::ProtocolError(error) = error.kind() else {
        return None;
    };
    match error.kind() {
        AMQPErrorKind::Soft(code) => Some(code.clone()),
        AMQPErrorKind::Hard(_) => None,
    }
}

/// RabbitMQ says `inequivalent arg 'x' for queue 'y' in vhost '/': …`; an operator needs the names.
fn explain(object: &Object, error: lapin::Error) -> DeclareError {
    let object = object.to_string();
    let server = match error.kind() {
        ErrorKind::ProtocolError(protocol) => protocol.get_message().to_string(),
        _ => return DeclareError::Broker { object, source: error },
    };
    match server
        .split_once("inequivalent arg '")
        .and_then(|(_, rest)| rest.split_once('\''))
    {
        Some((argument, _)) => DeclareError::Differs {
            object,
            argument: format!("`{argument}`"),
            server,
        },
        None => DeclareError::Broker { object, source: error },
    }
}
