//! Name servers that resolve nothing.

use std::time::Instant;

use testkit::name_server::DnsReply;
use tokio::time::sleep_until;

use super::Done;
use crate::random::fault::NamesFault;
use crate::random::names::Names;

pub(super) async fn happen(fault: NamesFault, names: &Names, until: Instant) -> anyhow::Result<Done> {
    names.fail_all(match fault {
        NamesFault::Failures => DnsReply::servfail(),
        NamesFault::Refusals => DnsReply::refused(),
        NamesFault::Silence => DnsReply::silence(),
    });
    sleep_until(until.into()).await;
    names.restore_all();
    Ok(Done::Yes)
}
