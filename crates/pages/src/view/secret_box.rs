//! The part of a webhook's page that has to do with its secret.

use askama::Template;
use askama::filters::HtmlSafe;
use domain::SigningSecret;

/// The secret, or the button that shows it, and the form that replaces it. Not `Debug`, for the secret's sake.
#[derive(Template)]
#[template(path = "secret_box.html")]
pub(crate) struct SecretBox {
    /// The webhook's page.
    pub(crate) webhook: String,
    pub(crate) form_token: String,
    /// Nothing until somebody asks for it.
    pub(crate) shown: Option<ShownSecret>,
    /// What is wrong with the one that was to replace it.
    pub(crate) error: Option<String>,
}

impl HtmlSafe for SecretBox {}

/// A secret in the forms that receivers take.
pub(crate) struct ShownSecret {
    text: String,
    /// The same key for receivers' libraries, when the text has another form.
    whsec: Option<String>,
}

impl From<&SigningSecret> for ShownSecret {
    fn from(secret: &SigningSecret) -> Self {
        let whsec = Some(secret.whsec()).filter(|whsec| whsec != secret.expose());
        Self {
            text: secret.expose().to_owned(),
            whsec,
        }
    }
}
