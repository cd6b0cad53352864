//! Warnings about valid but suspicious combinations of settings: they contradict each other, or expose something.

use runtime::Program;

use crate::duration;
use crate::egress::EgressSettings;
use crate::http::HttpSettings;
use crate::reader::Reader;
use crate::sections::ShutdownSettings;
use crate::sso::SsoSettings;

/// Adds the warnings for `program`.
pub(crate) fn note(
    reader: &mut Reader,
    program: Program,
    http: &HttpSettings,
    sso: &SsoSettings,
    egress: &EgressSettings,
    shutdown: &ShutdownSettings,
) {
    longer_than_grace(reader, egress, shutdown);
    if matches!(program, Program::Fanout) {
        plain_http(reader, http);
        for key in sso.provider.iter().flat_map(|provider| provider.keys.ignored()) {
            reader.warn("sso.jwks_file", format!("{key}; this key is ignored"));
        }
    }
}

/// At a shutdown, requests in flight are then abandoned and repeated by another process.
fn longer_than_grace(reader: &mut Reader, egress: &EgressSettings, shutdown: &ShutdownSettings) {
    let timeout = egress.timeout;
    let grace = shutdown.grace;
    if timeout > grace {
        let longer = duration::text(timeout);
        let shorter = duration::text(grace);
        let reason = format!(
            "is {longer}, longer than the {shorter} of shutdown.grace: a process that is stopped gives up requests that \
             their receivers may yet answer, and they are made a second time"
        );
        reader.warn("egress.timeout", reason);
    }
}

fn plain_http(reader: &mut Reader, http: &HttpSettings) {
    if !http.listen.ip().is_loopback() && http.public_url.scheme() == "http" {
        let reason = format!(
            "is plain http, and http.listen ({}) is not a loopback address: tokens and sessions cross the network in \
             the clear, and cookies are not Secure; set the https address of the proxy in front",
            http.listen
        );
        reader.warn("http.public_url", reason);
    }
}
