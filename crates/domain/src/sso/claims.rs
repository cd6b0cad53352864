//! The claims of an SSO token, and their checks (RFC 7519 §4.1).

use std::str::FromStr;

use jiff::Timestamp;
use serde::Deserialize;

use super::token::{Refusal, Token, Voucher};

/// Maximum validity of a token, in seconds.
const LONGEST_LIFE: f64 = 5.0 * 60.0;
/// Allowed clock skew between the CRM and us, in seconds.
const LEEWAY: f64 = 30.0;
/// Maximum length of a stored text.
const MAX_CHARACTERS: usize = 255;

/// A claim of a wrong type, or a duplicate claim, makes the whole token unreadable.
#[derive(Deserialize)]
pub(super) struct Claims {
    iss: Option<String>,
    aud: Option<Audience>,
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
    jti: Option<String>,
    sub: Option<String>,
    account: Option<String>,
    role: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn names(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Several(several) => several.iter().any(|one| one == audience),
        }
    }
}

impl Claims {
    /// The claims of the token, if its audience is `audience` and its issuer is the one that `voucher` names.
    pub(super) fn check(self, audience: &str, voucher: Voucher, now: Timestamp) -> Result<Token, Refusal> {
        if self.iss.as_ref() != Some(&voucher.issuer) {
            return Err(Refusal::Issuer);
        }
        if !self.aud.as_ref().is_some_and(|given| given.names(audience)) {
            return Err(Refusal::Audience);
        }
        let dead_since = self.check_time(now)?;
        Ok(Token {
            id: text(self.jti, "jti")?,
            dead_since,
            subject: text(self.sub, "sub")?,
            account: parsed(self.account, "account")?,
            role: parsed(self.role, "role")?,
            voucher,
        })
    }

    /// Returns the time from which the token is certainly expired.
    fn check_time(&self, now: Timestamp) -> Result<Timestamp, Refusal> {
        let now = now.as_duration().as_secs_f64();
        let expires = self.exp.ok_or(Refusal::Claim("exp"))?;
        if expires <= now - LEEWAY {
            return Err(Refusal::Expired);
        }
        if expires > now + LONGEST_LIFE + LEEWAY {
            return Err(Refusal::TooLong);
        }
        if [self.nbf, self.iat]
            .into_iter()
            .flatten()
            .any(|from| from > now + LEEWAY)
        {
            return Err(Refusal::NotYet);
        }
        Timestamp::from_second((expires + LEEWAY).ceil() as i64).map_err(|_| Refusal::Claim("exp"))
    }
}

/// A text of bounded length without invisible characters.
fn text(claim: Option<String>, name: &'static str) -> Result<String, Refusal> {
    let usable =
        |text: &String| (1..=MAX_CHARACTERS).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    claim.filter(usable).ok_or(Refusal::Claim(name))
}

fn parsed<T: FromStr>(claim: Option<String>, name: &'static str) -> Result<T, Refusal> {
    claim.and_then(|text| text.parse().ok()).ok_or(Refusal::Claim(name))
}
