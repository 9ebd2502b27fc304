//! An independent OpenID provider as a process (`tests/idp`): users sign in there, its keys change with
//! every start, and it goes away when told. It shares no code with the controller.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use url::Url;

use crate::{
    agent::{Agent, Ended, Form},
    foreign::Node,
    process::{Process, Program, log_path},
    state::root,
};

/// A provider; dropping it kills it.
pub struct Idp {
    logs: PathBuf,
    redirect_uri: String,
    issuer: String,
    address: SocketAddr,
    process: Option<Process>,
    starts: usize,
}

impl Idp {
    /// Who we are there.
    pub const CLIENT: &'static str = "aldgate";
    /// Our secret there.
    pub const SECRET: &'static str = "secret-at-the-provider";

    /// Starts it at a free port, for a client with this redirect URI; everybody is in these groups.
    pub async fn start(logs: &Path, redirect_uri: &str, groups: &str) -> Result<Self> {
        let mut idp = Self {
            logs: logs.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            issuer: String::new(),
            address: ([127, 0, 0, 1], 0).into(),
            process: None,
            starts: 0,
        };
        idp.start_again(groups).await?;
        Ok(idp)
    }

    /// Stops it and starts it where it was, with other keys.
    pub async fn start_again(&mut self, groups: &str) -> Result<()> {
        #[derive(Deserialize)]
        struct Listening {
            issuer: String,
        }
        self.stop();
        self.starts += 1;
        let name = format!("idp-{}", self.starts);
        let program = Node::install().await?.program()?;
        let script = root().join("tests/idp/src/provider.ts");
        let mut program = Program::at(&name, program, &self.logs)
            .args([&script])
            .args([
                self.address.port().to_string().as_str(),
                self.redirect_uri.as_str(),
            ]);
        program.env = vec![
            ("CLIENT_SECRET".to_owned(), Self::SECRET.to_owned()),
            ("GROUPS".to_owned(), groups.to_owned()),
        ];
        let mut process = program.spawn()?;
        let output = log_path(&self.logs, &name, "out");
        let listening = process.until(Duration::from_secs(20), async || {
            let text = std::fs::read_to_string(&output).ok()?;
            let mut lines = text.lines();
            lines.find_map(|line| serde_json::from_str::<Listening>(line).ok())
        });
        let Listening { issuer } = listening.await?;
        let address = issuer.strip_prefix("http://").context("plain http")?;
        self.address = address.parse()?;
        self.issuer = issuer;
        self.process = Some(process);
        Ok(())
    }

    /// Takes it away.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Its issuer.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What a person does whom we sent there with this URL: signs in as whoever, and agrees. Where
    /// the provider sends the browser back to.
    pub async fn sign_in(&self, url: &str, login: &str) -> Result<Url> {
        let mut agent = Agent::new(self.address, &self.issuer);
        let path = url
            .strip_prefix(&self.issuer)
            .context("the provider's URL")?;
        let answer = agent.get(path).await?;
        let mut ended = agent.follow(answer).await?;
        for _ in 0..4 {
            let page = match ended {
                Ended::Away(url) => return Ok(url),
                Ended::Page(page) => page,
            };
            let html = page.text();
            ensure!(page.status == 200, "{}: {html}", page.status);
            let form = Form::all(&html).into_iter().next();
            let mut form = form.with_context(|| format!("a form in {html}"))?;
            if let Some(path) = form.action.strip_prefix(&self.issuer) {
                form.action = path.to_owned();
            }
            let answer = agent
                .submit(&form, &[("login", login), ("password", "x")])
                .await?;
            ended = agent.follow(answer).await?;
        }
        bail!("it asks again and again: {ended:?}")
    }
}
