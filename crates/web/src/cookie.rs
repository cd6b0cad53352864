//! A cookie of ours.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

/// What a cookie is called, and where browsers send it.
#[derive(Debug, Clone)]
pub struct Cookie {
    name: &'static str,
    /// Everything after the value.
    attributes: String,
}

impl Cookie {
    /// A cookie that scripts cannot read, and that browsers send to addresses below `path`. `same_site` may hold further
    /// attributes.
    pub fn new(name: &'static str, path: &str, same_site: &str, secure: bool) -> Self {
        let secure = if secure { "; Secure" } else { "" };
        Self {
            name,
            attributes: format!("; Path={path}; HttpOnly; SameSite={same_site}{secure}"),
        }
    }

    /// The value that the browser sent; of several cookies of this name none can be trusted.
    pub fn read<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
        let pairs = cookies
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(name, _)| *name == self.name).map(|(_, value)| value);
        let (Some(value), None) = (values.next(), values.next()) else {
            return None;
        };
        Some(value)
    }

    /// `Set-Cookie` with this value, of visible ASCII. The browser drops it when it is closed.
    pub fn set(&self, value: &str) -> HeaderValue {
        self.header(value, "")
    }

    /// `Set-Cookie` that makes the browser drop it.
    pub fn clear(&self) -> HeaderValue {
        self.header("", "; Max-Age=0")
    }

    fn header(&self, value: &str, more: &str) -> HeaderValue {
        let header = format!("{}={value}{}{more}", self.name, self.attributes);
        let mut header = HeaderValue::try_from(header).expect("a base path and base64 are visible ASCII");
        header.set_sensitive(true);
        header
    }
}
