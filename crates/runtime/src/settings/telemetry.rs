//! `[telemetry]`: the server of metrics and health.

use std::net::SocketAddr;

use super::parse::socket_address;
use super::reader::Reader;
use crate::Program;

/// Metrics and health.
#[derive(Clone, Debug)]
pub struct TelemetrySettings {
    /// Address and port of `/metrics`, `/healthz` and `/readyz`, without authentication: do not expose it to customers.
    pub listen: SocketAddr,
}

impl TelemetrySettings {
    pub(super) fn read(reader: &mut Reader, program: Program) -> Self {
        // Different ports, so that both programs start on one machine without any setting.
        let default = match program {
            Program::Fanout => "127.0.0.1:9101",
            Program::Sender => "127.0.0.1:9102",
        };
        Self {
            listen: reader.value("telemetry.listen", default, socket_address),
        }
    }
}
