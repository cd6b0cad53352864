//! Pictures of the console.
//!
//! Without an argument those that README shows, into `docs/img`: `make screenshots`. With a directory as the argument
//! every page into it, wide and narrow, light and dark, for review after changes of templates or styles.

mod seed;
mod stage;
mod views;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use e2e::browser::Scheme;

use stage::Stage;
use strum::VariantArray;
use views::{View, Views};

/// As large as a picture in a repository may be, in bytes.
const MAX_BYTES: usize = 200 * 1024;
/// In README, in CSS pixels.
const README_WIDTH: u32 = 1120;
/// On a desk, and on a small telephone.
const SIZES: [(&str, u32, u32); 2] = [("wide", 1280, 900), ("narrow", 360, 740)];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let stage = Box::pin(Stage::start(&[])).await?;
    let views = Views::prepare(&stage).await?;
    match std::env::args_os().nth(1) {
        Some(directory) => gallery(&views, &PathBuf::from(directory)).await,
        None => readme(&views, &Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/img")).await,
    }
}

async fn readme(views: &Views, directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory)?;
    let pictures = [
        ("list", View::List, Scheme::Light, 800),
        ("detail", View::Detail, Scheme::Light, 1000),
        ("log", View::LogUnfolded, Scheme::Light, 1350),
        ("form", View::FormTested, Scheme::Light, 1500),
        ("list-dark", View::List, Scheme::Dark, 800),
    ];
    // What is further down is cut off.
    for (name, view, scheme, highest) in pictures {
        let page = views.open(view).await?;
        page.look_like(README_WIDTH, highest, scheme).await?;
        let height = page.height().await?.min(highest);
        page.look_like(README_WIDTH, height, scheme).await?;
        let picture = page.picture(false).await?;
        ensure!(picture.len() <= MAX_BYTES, "{name} takes {} bytes", picture.len());
        fs::write(directory.join(name).with_extension("png"), picture)?;
        println!("docs/img/{name}.png");
    }
    Ok(())
}

async fn gallery(views: &Views, directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory)?;
    for view in View::VARIANTS.iter().copied() {
        let page = views.open(view).await?;
        for (size, width, height) in SIZES {
            for scheme in [Scheme::Light, Scheme::Dark] {
                page.look_like(width, height, scheme).await?;
                let name = format!("{view:?}-{size}-{scheme:?}.png").to_lowercase();
                fs::write(directory.join(name), page.picture(true).await?)?;
            }
        }
        println!("{view:?}");
    }
    Ok(())
}
