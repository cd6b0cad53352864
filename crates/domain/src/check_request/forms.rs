//! The forms of key, message and encoding that receivers' code uses by mistake, and which of them gives a signature.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use hmac::digest::CtOutput;
use jiff::Timestamp;
use serde_json::Value;
use zeroize::Zeroizing;

use super::finding::{Finding, FindingCode};
use super::headers::SignatureHeaders;
use super::known_secret::KnownSecret;
use crate::secret::{PREFIX, SigningSecret};
use crate::signature::SigningKey;

/// Bytes of an HMAC-SHA256.
const BYTES: usize = 32;

/// What a signature that a receiver computed is compared with.
pub(super) struct Analysis<'a> {
    pub(super) headers: SignatureHeaders<'a>,
    pub(super) body: &'a [u8],
    /// The body that was sent, if it is another.
    pub(super) sent: Option<&'a [u8]>,
    pub(super) secrets: &'a [KnownSecret],
    pub(super) now: Timestamp,
}

/// A form, `None` when it is the right one, otherwise what was done instead and what to do.
type Mistake = Option<&'static str>;

struct KeyForm {
    mistake: Mistake,
    key: SigningKey,
}

struct MessageForm {
    mistake: Mistake,
    parts: Vec<Vec<u8>>,
}

struct Decoded {
    mistake: Mistake,
    bytes: [u8; BYTES],
}

impl Analysis<'_> {
    /// What is wrong with the signature that was computed; nothing if it is right.
    pub(super) fn findings(&self, computed: &str) -> Vec<Finding> {
        let decoded = decoded(computed);
        if decoded.is_empty() {
            return vec![Finding::new(FindingCode::NoMatch, undecodable(computed))];
        }
        let messages = self.messages();
        let mut best: Option<(usize, Vec<Finding>)> = None;
        for known in self.secrets {
            for key in key_forms(&known.secret) {
                for message in &messages {
                    let expected = mac(&key.key, &message.parts);
                    let Some(encoding) = decoded.iter().find(|it| expected == CtOutput::new(it.bytes.into())) else {
                        continue;
                    };
                    let findings = self.found(known, &key, message, encoding);
                    if best.as_ref().is_none_or(|(mistakes, _)| findings.len() < *mistakes) {
                        best = Some((findings.len(), findings));
                    }
                }
            }
        }
        let no_match = || {
            let detail = "No form of this webhook's secrets gives the signature that your code computed: it may use the secret \
                          of another webhook, or another message";
            vec![Finding::new(FindingCode::NoMatch, detail)]
        };
        best.map_or_else(no_match, |(_, findings)| findings)
    }

    fn found(&self, known: &KnownSecret, key: &KeyForm, message: &MessageForm, encoding: &Decoded) -> Vec<Finding> {
        let mistake = |code, mistake: Mistake| mistake.map(|detail| Finding::new(code, detail));
        let former = known.expires_at.map(|_| known.former(self.now));
        former
            .into_iter()
            .chain(mistake(FindingCode::WrongKeyForm, key.mistake))
            .chain(mistake(FindingCode::WrongMessageForm, message.mistake))
            .chain(mistake(FindingCode::WrongEncoding, encoding.mistake))
            .collect()
    }

    /// The right message first, of the body as it was pasted and as it was sent.
    fn messages(&self) -> Vec<MessageForm> {
        let mut messages = Vec::new();
        for body in [Some(self.body), self.sent].into_iter().flatten() {
            messages.extend(self.messages_of(body));
        }
        messages
    }

    fn messages_of(&self, body: &[u8]) -> Vec<MessageForm> {
        let id = self.headers.id.as_bytes();
        let timestamp = self.headers.timestamp.as_bytes();
        let dot: &[u8] = b".";
        let message = |mistake: Mistake, parts: &[&[u8]]| MessageForm {
            mistake,
            parts: parts.iter().map(|part| part.to_vec()).collect(),
        };
        let mut messages = vec![
            message(None, &[id, dot, timestamp, dot, body]),
            message(
                Some(
                    "Your code signs the body alone. The message is webhook-id, a dot, webhook-timestamp, a dot, and the body",
                ),
                &[body],
            ),
            message(
                Some(
                    "Your code leaves out the webhook-id. The message is webhook-id, a dot, webhook-timestamp, a dot, and the body",
                ),
                &[timestamp, dot, body],
            ),
            message(
                Some(
                    "Your code leaves out the webhook-timestamp. The message is webhook-id, a dot, webhook-timestamp, a dot, and the body",
                ),
                &[id, dot, body],
            ),
            message(
                Some("Your code signs the timestamp before the id. The webhook-id comes first"),
                &[timestamp, dot, id, dot, body],
            ),
            message(
                Some("Your code leaves out the dots between webhook-id, webhook-timestamp and body"),
                &[id, timestamp, body],
            ),
        ];
        let rewritten =
            "Your code parses the body and writes it anew before it signs it. Sign the bytes as they arrive";
        let again = rewritings(body);
        messages.extend(
            again
                .iter()
                .map(|body| message(Some(rewritten), &[id, dot, timestamp, dot, body])),
        );
        messages
    }
}

fn mac(key: &SigningKey, parts: &[Vec<u8>]) -> CtOutput<hmac::Hmac<sha2::Sha256>> {
    key.mac(parts.iter().map(Vec::as_slice))
}

/// The right key first.
fn key_forms(secret: &SigningSecret) -> Vec<KeyForm> {
    let text = Zeroizing::new(secret.expose().to_owned());
    let whsec = Zeroizing::new(secret.whsec());
    let form = |mistake: &'static str, key: &[u8]| KeyForm {
        mistake: Some(mistake),
        key: SigningKey::from_bytes(key),
    };
    let encoded = whsec.strip_prefix(PREFIX).unwrap_or_default();
    let mut forms = vec![KeyForm {
        mistake: None,
        key: secret.key(),
    }];
    forms.push(form(
        "Your code uses the whole text whsec_… as the key. The key is what follows whsec_, decoded from base64",
        whsec.as_bytes(),
    ));
    forms.push(form(
        "Your code uses the text behind whsec_ as the key. Decode it from base64 first",
        encoded.as_bytes(),
    ));
    if !text.starts_with(PREFIX) {
        let lenient = [
            STANDARD.decode(&*text),
            STANDARD_NO_PAD.decode(&*text),
            URL_SAFE.decode(&*text),
        ];
        forms.extend(lenient.into_iter().flatten().map(Zeroizing::new).map(|key| {
            form(
                "Your code decodes the secret from base64. The key of a secret without whsec_ is its characters",
                &key,
            )
        }));
    }
    forms
}

/// How languages write the same JSON: keys in order, spaces, escapes, indents, a line break at the end.
fn rewritings(body: &[u8]) -> Vec<Vec<u8>> {
    let Ok(text) = std::str::from_utf8(body) else {
        return Vec::new();
    };
    let mut all: Vec<String> = vec![format!("{text}\n"), format!("{text}\r\n")];
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        let sorted = value.to_string();
        let indented = serde_json::to_string_pretty(&value).unwrap_or_default();
        let spaced = [spaced(text), spaced(&sorted)];
        all.extend(spaced.iter().map(|text| escaped(text)));
        all.extend([escaped(text), escaped(&sorted), sorted, indented]);
        all.extend(spaced);
    }
    all.retain(|again| again != text);
    all.into_iter().map(String::into_bytes).collect()
}

/// With a space after each comma and colon, as Python's `json.dumps` writes.
fn spaced(json: &str) -> String {
    let mut spaced = String::with_capacity(json.len() + json.len() / 8);
    let mut in_text = false;
    let mut after_backslash = false;
    for character in json.chars() {
        spaced.push(character);
        match character {
            '"' if !after_backslash => in_text = !in_text,
            ',' | ':' if !in_text => spaced.push(' '),
            _ => {}
        }
        after_backslash = in_text && character == '\\' && !after_backslash;
    }
    spaced
}

/// With `\u` escapes for everything that is not ASCII.
fn escaped(json: &str) -> String {
    use std::fmt::Write;

    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    escaped
}

/// What each of the signatures in the text may stand for; the right encoding first.
fn decoded(computed: &str) -> Vec<Decoded> {
    computed.split_ascii_whitespace().flat_map(decoded_one).collect()
}

fn decoded_one(text: &str) -> Vec<Decoded> {
    let text = text.trim_matches(['"', '\'', ',']);
    let text = ["v1,", "v1=", "sha256="]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .unwrap_or(text);
    let hexadecimal = "Your code writes the signature in hexadecimal. It is base64, after v1,";
    let forms: [(Mistake, Option<Vec<u8>>); 5] = [
        (None, STANDARD.decode(text).ok()),
        (
            Some("Your code leaves out the padding of the base64"),
            STANDARD_NO_PAD.decode(text).ok(),
        ),
        (
            Some("Your code writes base64 with the alphabet for URLs. The alphabet is the standard one, with + and /"),
            URL_SAFE.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text)).ok(),
        ),
        (Some(hexadecimal), from_hex(text.as_bytes())),
        (
            Some("Your code writes the base64 of the hexadecimal text. It is the base64 of the bytes"),
            STANDARD.decode(text).ok().and_then(|hex| from_hex(&hex)),
        ),
    ];
    forms
        .into_iter()
        .filter_map(|(mistake, bytes)| {
            let bytes = bytes?.try_into().ok()?;
            Some(Decoded { mistake, bytes })
        })
        .collect()
}

fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() != 2 * BYTES {
        return None;
    }
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pair = |pair: &[u8]| u8::try_from(digit(&pair[0])? * 16 + digit(&pair[1])?).ok();
    text.chunks(2).map(pair).collect()
}

fn undecodable(computed: &str) -> String {
    let length = computed
        .split_ascii_whitespace()
        .find_map(|text| STANDARD.decode(text.strip_prefix("v1,").unwrap_or(text)).ok())
        .map(|bytes| bytes.len());
    match length {
        Some(20) => {
            "The signature that your code computed has 20 bytes, as SHA-1 gives. It is an HMAC-SHA256".to_owned()
        }
        Some(64) => {
            "The signature that your code computed has 64 bytes, as SHA-512 gives. It is an HMAC-SHA256".to_owned()
        }
        Some(length) => format!("The signature that your code computed has {length} bytes; an HMAC-SHA256 has 32"),
        None => "The signature that your code computed is neither base64 nor hexadecimal of 32 bytes".to_owned(),
    }
}
