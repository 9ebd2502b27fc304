//! Issue 4, must-hold 9: every page in real Chromium, light and dark, wide and narrow, with pictures of
//! each where a person can look at them, and nothing that an accessibility checker objects to.

use std::process::Stdio;

use anyhow::{Result, ensure};
use tests::{foreign::Node, state::root};
use tokio::process::Command;

use crate::people::People;

/// A29, A30, A36: what people do with the pages, by a real browser's rules of cookies,
/// origins and content security policies.
#[tokio::test(flavor = "multi_thread")]
async fn people_get_through_every_page_with_a_real_browser() -> Result<()> {
    let people = People::start().await?;
    let pictures = std::env::current_exe()?;
    let pictures = pictures.ancestors().nth(3).expect("a target folder");
    let pictures = pictures.join("pages/e2e");
    std::fs::create_dir_all(&pictures)?;
    let output = Command::new(Node::install().await?.program()?)
        .arg(root().join("tests/browser/src/journeys.ts"))
        .arg(&people.origins[0])
        .arg(&people.urls()[0])
        .arg(&pictures)
        .env("LOGIN", &people.ada.login)
        .env("PASSWORD", &people.ada.password)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "{text}{}\npictures are in {}",
        String::from_utf8_lossy(&output.stderr),
        pictures.display()
    );
    ensure!(text.matches(": done").count() == 9, "{text}");
    Ok(())
}
