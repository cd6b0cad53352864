//! The stylesheet and the script, under names that change with their content, so that browsers may keep them for ever.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use web::Failure;

/// A file as it is served.
struct Asset {
    name: String,
    content_type: &'static str,
    content: &'static str,
}

static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("css", "text/css; charset=utf-8", include_str!("../assets/console.css")));
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "js",
        "text/javascript; charset=utf-8",
        include_str!("../assets/console.js"),
    )
});

impl Asset {
    fn new(extension: &str, content_type: &'static str, content: &'static str) -> Self {
        let hash = Sha256::digest(content);
        let hash = u64::from_be_bytes(*hash.first_chunk().expect("SHA-256 gives 32 bytes"));
        Self {
            name: format!("console-{hash:016x}.{extension}"),
            content_type,
            content,
        }
    }
}

/// The stylesheet's name.
pub(crate) fn style() -> &'static str {
    &STYLE.name
}

/// The script's name.
pub(crate) fn script() -> &'static str {
    &SCRIPT.name
}

/// `GET …/assets/{file}`: needs no session, since the sign-in page uses them, too.
pub(crate) async fn show(Path(file): Path<String>) -> Result<Response, Failure> {
    let asset = [&*STYLE, &*SCRIPT]
        .into_iter()
        .find(|asset| asset.name == file)
        .ok_or(Failure::NotFound)?;
    let headers = [
        (CONTENT_TYPE, asset.content_type),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, asset.content).into_response())
}
