//! Somebody who goes from page to page: a browser as the auth door sees one. It keeps cookies, follows
//! nothing by itself, and lets pages be read.

use std::collections::BTreeMap;

use url::form_urlencoded;

use super::{
    Stack,
    gateway::{self, Answer},
};

/// One of them, in front of one tenant.
pub(crate) struct Visitor<'a> {
    stack: &'a Stack,
    /// The tenant's origin.
    pub(crate) origin: String,
    pub(crate) cookies: BTreeMap<String, String>,
    /// Where it is.
    pub(crate) peer: String,
    /// What it sends besides, for example `origin`.
    pub(crate) lines: Vec<(&'static str, String)>,
}

/// What it shows.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) html: String,
    reply: Answer,
}

impl<'a> Visitor<'a> {
    pub(crate) fn new(stack: &'a Stack, origin: &str) -> Self {
        Self {
            stack,
            origin: origin.to_owned(),
            cookies: BTreeMap::new(),
            peer: "192.0.2.7:4711".to_owned(),
            lines: Vec::new(),
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        self.ask("GET", path, "").await
    }

    /// Asks for the head of a page alone.
    pub(crate) async fn head(&mut self, path: &str) -> Page {
        self.ask("HEAD", path, "").await
    }

    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        let mut body = form_urlencoded::Serializer::new(String::new());
        self.ask("POST", path, &body.extend_pairs(form).finish())
            .await
    }

    /// Goes where a page leads, which has to be one of ours.
    pub(crate) async fn follow(&mut self, page: &Page) -> Page {
        let to = page.location().unwrap_or_else(|| panic!("{page:?}"));
        let path = to
            .strip_prefix(&self.origin)
            .unwrap_or_else(|| panic!("{to}"));
        self.get(path).await
    }

    /// Fills in the form that is on a page and sends it there.
    pub(crate) async fn fill(&mut self, page: &Page, to: &str, form: &[(&str, &str)]) -> Page {
        let hidden = ["t", "csrf"].map(|name| (name, page.field(name)));
        let hidden = hidden
            .iter()
            .filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        let all: Vec<_> = hidden.chain(form.iter().copied()).collect();
        self.post(to, &all).await
    }

    async fn ask(&mut self, method: &str, path: &str, body: &str) -> Page {
        let asked = format!("{method} {path}");
        let node = self.stack.sign("spiffe://aldgate/pool/default/node/gw-1");
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        let cookies = cookies.join("; ");
        let mut lines = vec![
            ("aldgate-origin", self.origin.as_str()),
            ("aldgate-peer", self.peer.as_str()),
            ("user-agent", "Mozilla/5.0 (test)"),
        ];
        if method == "POST" {
            lines.push(("content-type", "application/x-www-form-urlencoded"));
        }
        if !cookies.is_empty() {
            lines.push(("cookie", &cookies));
        }
        lines.extend(
            self.lines
                .iter()
                .map(|(name, value)| (*name, value.as_str())),
        );
        let reply = gateway::exchange(self.stack, Some(&node), &asked, &lines, body)
            .await
            .unwrap();
        for line in reply.headers("set-cookie") {
            let (name, rest) = line.split_once('=').unwrap();
            match rest.split(';').next().unwrap() {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        Page {
            status: reply.status,
            html: reply.text.clone(),
            reply,
        }
    }
}

impl Page {
    pub(crate) fn header(&self, name: &'static str) -> Option<&str> {
        self.reply.headers(name).next()
    }

    pub(crate) fn location(&self) -> Option<&str> {
        self.header("location")
    }

    /// The cookies that it gave, with their attributes.
    pub(crate) fn cookies(&self) -> Vec<&str> {
        self.reply.headers("set-cookie").collect()
    }

    /// What it redirects to, and with which parameters.
    pub(crate) fn answer(&self) -> (String, BTreeMap<String, String>) {
        let to = self.location().unwrap_or_else(|| panic!("{self:?}"));
        let (to, query) = to.split_once('?').unwrap_or((to, ""));
        let params = form_urlencoded::parse(query.as_bytes()).into_owned();
        let mut all = BTreeMap::new();
        for (name, value) in params {
            assert!(all.insert(name, value).is_none(), "{query}");
        }
        (to.to_owned(), all)
    }

    /// The value of the first field of this name.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let (_, rest) = self.html.split_once(&format!("name=\"{name}\""))?;
        let tag = rest.split('>').next()?;
        let (_, value) = tag.split_once("value=\"")?;
        Some(value.split('"').next()?.to_owned())
    }
}
