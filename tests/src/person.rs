//! A person of a tenant with a browser: real Chromium, driven by `tests/browser`, which signs in and
//! presses the buttons of our pages.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tokio::{process::Command, time::timeout};

use crate::{foreign::Node, scratch::write_private, shell::quoted, state::root};

/// Somebody who can sign in.
#[derive(Debug, Clone)]
pub struct Person {
    /// What they sign in with.
    pub login: String,
    /// Their password.
    pub password: String,
}

/// What a person saw in the browser.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Seen {
    /// A page of ours.
    Page {
        /// Its address, without the query.
        url: String,
        /// Its title.
        title: String,
    },
    /// What they did there.
    Did {
        /// `signed in`, `allow`, `deny`, `typed the code`.
        what: String,
    },
    /// What the browser complained of.
    Console {
        /// Its words.
        text: String,
    },
    /// An address could not be opened.
    Trouble {
        /// Why.
        text: String,
    },
    /// Where they ended.
    End {
        /// The last address, with its query.
        url: String,
        /// Why it could not be opened, where nobody listens there.
        failed: Option<String>,
        /// What the page says.
        text: String,
    },
}

impl Person {
    /// Opens a URL and does what the pages ask for; `settings` are those of `tests/browser`.
    pub async fn visit(&self, url: &str, settings: &[(&str, &str)]) -> Result<Vec<Seen>> {
        let child = Command::new(Node::install().await?.program()?)
            .arg(script())
            .arg(url)
            .env("LOGIN", &self.login)
            .env("PASSWORD", &self.password)
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = timeout(DEADLINE, child)
            .await
            .context("the browser did not end")??;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "the browser ended with {}\n{text}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        let seen = text.lines().map(serde_json::from_str);
        seen.collect::<Result<_, _>>()
            .with_context(|| format!("the browser printed\n{text}"))
    }

    /// A program that opens a URL as this person, for clients that open a browser by themselves; in a
    /// folder of its own under several names by which they look for one. What the person saw goes to
    /// `browser.log` there.
    pub async fn browser(&self, dir: &Path) -> Result<PathBuf> {
        let dir = dir.join("browser");
        std::fs::create_dir_all(&dir)?;
        let node = Node::install().await?.program()?;
        let text = format!(
            "#!/bin/sh\nLOGIN={} PASSWORD={} exec setsid {} {} \"$@\" >>{} 2>&1 &\n",
            quoted(&self.login),
            quoted(&self.password),
            node.display(),
            script().display(),
            dir.join("browser.log").display(),
        );
        for name in ["xdg-open", "open-url"] {
            let file = dir.join(name);
            write_private(&file, &text)?;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o700))?;
        }
        Ok(dir.join("open-url"))
    }
}

fn script() -> PathBuf {
    root().join("tests/browser/src/person.ts")
}

const DEADLINE: Duration = Duration::from_mins(1);
