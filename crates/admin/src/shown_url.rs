//! How much of an endpoint's URL a role may see.

use domain::Role;
use domain::endpoint_url::without_path;

/// The URL as a person with this role sees it. Receivers put keys into path and query, and accept any request to the whole
/// URL; so viewers see the host only, and administrators the whole URL, like a secret.
pub fn shown_url(url: &str, role: Role) -> String {
    match role {
        Role::Admin => url.to_owned(),
        Role::Viewer => without_path(url),
    }
}
