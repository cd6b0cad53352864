//! Parsers of single values. An error continues a sentence that begins with the setting's name.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A parser of whole numbers within `range`.
pub(super) fn whole_number<N>(range: RangeInclusive<N>) -> impl Fn(&str) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display,
{
    move |text| match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!(
            "must be a whole number from {} to {}, not {text:?}",
            range.start(),
            range.end()
        )),
    }
}

/// Reads `true` or `false`.
pub(super) fn yes_or_no(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("must be true or false, not {text:?}"))
}

/// Reads an IP address with a port. A name is refused: it may resolve to more, or other, addresses than intended.
pub(super) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("must be an IP address and a port, such as 127.0.0.1:8080, not {text:?}"))
}
